/** Whatever is said arrives as it was meant: any value, through bytes, and back. */
import fc, { type Arbitrary } from 'fast-check'
import { expect, test } from 'vitest'
import { decodeEvent, decodePresence, encodeEvent, encodePresence } from '../../agent/wire/event.ts'
import { toJson } from '../../agent/wire/json.ts'
import type { Received } from '../../agent/wire/receive.ts'
import { encodeRequest } from '../../agent/wire/request.ts'
import { decodeResponse, encodeResponse } from '../../agent/wire/response.ts'
import { decodeState, encodeState } from '../../agent/wire/state.ts'
import { bodies, event, presence, reply, request, state } from './arbitraries.ts'
import { sentOf, sign } from './golden.ts'

const numRuns = 1500

function arrives<Value>(
  values: Arbitrary<Value>,
  there: (value: Value) => Uint8Array,
  back: (bytes: Uint8Array) => Received<Value>,
) {
  let ran = 0
  fc.assert(
    fc.property(values, (value) => {
      ran++
      expect(back(there(value))).toStrictEqual({ value })
    }),
    { numRuns },
  )
  expect(ran).toBeGreaterThanOrEqual(numRuns)
}

test('any request arrives as it was sent, signed or not', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(request, fc.boolean(), (outgoing, signed) => {
      seen.add(outgoing.body.kind)
      expect(sentOf(encodeRequest(outgoing, signed ? sign : undefined))).toStrictEqual(outgoing)
    }),
    { numRuns: 3000 },
  )
  expect([...seen].sort()).toEqual(Object.keys(bodies).sort())
})

test('any reply arrives as it was given', () => {
  arrives(reply, encodeResponse, decodeResponse)
})

test('any part of the state arrives as it was published', () => {
  arrives(state, encodeState, decodeState)
})

test('any event arrives as it happened', () => {
  arrives(event, encodeEvent, decodeEvent)
})

test('any presence arrives as it was announced', () => {
  arrives(presence, encodePresence, decodePresence)
})

test('the JSON form of a part says the same as the protobuf form', () => {
  fc.assert(
    fc.property(state, (value) => {
      const { part, ...published } = value
      const shown = JSON.parse(toJson(value)) as object
      expect(shown).toEqual({ ...published, part: part.part, view: JSON.parse(JSON.stringify(part.view)) })
    }),
    { numRuns: 500 },
  )
})

test('two different requests never become the same bytes', () => {
  fc.assert(
    fc.property(request, request, (one, other) => {
      const same = Buffer.from(encodeRequest(one)).equals(Buffer.from(encodeRequest(other)))
      expect(same).toBe(JSON.stringify(sentOf(encodeRequest(one))) === JSON.stringify(sentOf(encodeRequest(other))))
    }),
    { numRuns: 500 },
  )
})
