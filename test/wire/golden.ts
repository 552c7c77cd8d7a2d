/**
 * The golden messages by group: how each is encoded and decoded, and the name of its message for protoc. Both the
 * script that made the bytes and the tests that hold them use this list.
 */
import { createHash } from 'node:crypto'
import { decodeEvent, decodePresence, encodeEvent, encodePresence } from '../../agent/wire/event.ts'
import type { Received } from '../../agent/wire/receive.ts'
import { decodeRequest, encodeRequest, type OutgoingRequest } from '../../agent/wire/request.ts'
import { decodeResponse, encodeResponse } from '../../agent/wire/response.ts'
import { decodeState, encodeState } from '../../agent/wire/state.ts'
import { events, presences, replies, requests, states } from './examples.ts'

export interface Golden {
  /** File name below test/golden, without its ending. */
  readonly file: string
  readonly message: 'Request' | 'Response' | 'State' | 'Event' | 'Presence'
  readonly value: unknown
  readonly encode: () => Uint8Array
  readonly decode: (bytes: Uint8Array) => unknown
}

export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** 64 bytes that follow from what is signed; whether they are a signature is not the wire's affair. */
export const sign = (bytes: Uint8Array): Uint8Array => createHash('sha512').update(bytes).digest()

/** What a decoder made of a request, as far as it was sent. */
export function sentOf(bytes: Uint8Array): unknown {
  const decoded = decodeRequest(bytes, digest)
  if (!('request' in decoded)) return decoded
  const { content, signed, signature, ...sent } = decoded.request
  return sent
}

const valueIn = (received: Received<unknown>): unknown => ('value' in received ? received.value : received)

function group<Value>(
  message: Golden['message'],
  examples: { readonly [name: string]: Value },
  encode: (value: Value) => Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
): readonly Golden[] {
  return Object.entries(examples).map(([name, value]) => ({
    file: `${message.toLowerCase()}/${name}`,
    message,
    value,
    encode: () => encode(value),
    decode,
  }))
}

export const goldens: readonly Golden[] = [
  ...group<OutgoingRequest>('Request', requests, (request) => encodeRequest(request), sentOf),
  ...group<OutgoingRequest>(
    'Request',
    { signed: { ...requests['full-envelope'], dryRun: false } as OutgoingRequest },
    (request) => encodeRequest(request, sign),
    sentOf,
  ),
  ...group('Response', replies, encodeResponse, (bytes) => valueIn(decodeResponse(bytes))),
  ...group('State', states, encodeState, (bytes) => valueIn(decodeState(bytes))),
  ...group('Event', events, encodeEvent, (bytes) => valueIn(decodeEvent(bytes))),
  ...group('Presence', presences, encodePresence, (bytes) => valueIn(decodePresence(bytes))),
]
