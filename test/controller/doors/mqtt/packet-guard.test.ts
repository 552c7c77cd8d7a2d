import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeaderReader, writeLength } from '../../../../agent/controller/doors/mqtt/fixed-header.ts'
import {
  type GuardOptions,
  type PacketGuard,
  packetGuard,
} from '../../../../agent/controller/doors/mqtt/packet-guard.ts'
import { encode, type Packet, pieces, puback, publish } from './bytes.ts'

const limit = 200
/** CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT. */
const expectedTypes = [2, 3, 4, 9, 11, 13, 14]

/** What must come out, packet by packet and without a thought for pieces. */
function expected(packets: readonly Packet[], version: 4 | 5): { bytes: Uint8Array; cut: boolean } {
  const out: Uint8Array[] = []
  for (const packet of packets) {
    if (!expectedTypes.includes(packet.first >> 4) || (packet.first & 0xf4) === 0x34)
      return { bytes: Buffer.concat(out), cut: true }
    if (packet.body.length <= limit) out.push(encode(packet))
    else if (packet.first >> 4 !== 3) return { bytes: Buffer.concat(out), cut: true }
    else {
      const topic = (packet.body[0] ?? 0) * 256 + (packet.body[1] ?? 0)
      if (packet.first & 6) {
        const start = packet.body.subarray(0, 2 + topic + 2)
        out.push(encode({ first: packet.first, body: Uint8Array.from(version === 5 ? [...start, 0] : start) }))
      }
    }
  }
  return { bytes: Buffer.concat(out), cut: false }
}

function run(guard: PacketGuard, chunks: readonly Uint8Array[]): { bytes: Uint8Array; cut: boolean } {
  const out: Uint8Array[] = []
  for (const chunk of chunks) {
    const { bytes, cut } = guard.pass(chunk)
    out.push(bytes)
    if (cut !== undefined) return { bytes: Buffer.concat(out), cut: true }
  }
  return { bytes: Buffer.concat(out), cut: false }
}

const first = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...expectedTypes.map((type) => type << 4), 0x32, 0x3b) },
  { weight: 1, arbitrary: fc.nat(255) },
)
const small = fc.record({ first, body: fc.uint8Array({ maxLength: limit }) })
const large = fc.record({
  first: first.filter((byte) => byte >> 4 !== 3),
  body: fc.uint8Array({ minLength: limit + 1, maxLength: 3 * limit }),
})
const message = fc
  .record({
    ...{ topic: fc.stringMatching(/^[a-z/]{1,90}$/), qos: fc.constantFrom(0, 1, 1, 1, 2), id: fc.nat(65_535) },
    ...{ payload: fc.uint8Array({ maxLength: 3 * limit }), version: fc.constantFrom(4, 5) },
  })
  .map(({ topic, payload, ...more }) => publish(topic, payload, more))
const stream = fc.record({
  packets: fc.array(fc.oneof({ weight: 4, arbitrary: small }, { weight: 4, arbitrary: message }, large), {
    maxLength: 8,
  }),
  sizes: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
  version: fc.constantFrom<4 | 5>(4, 5),
})

function holds(
  make: (options: GuardOptions) => PacketGuard,
  runs: number,
): { readonly failed: boolean; readonly numRuns: number } {
  return fc.check(
    fc.property(stream, ({ packets, sizes, version }) => {
      const shortened: (number | undefined)[] = []
      const guard = make({ limit, version, onShortened: ({ id }) => shortened.push(id) })
      const got = run(guard, pieces(Buffer.concat(packets.map(encode)), sizes))
      const want = expected(packets, version)
      expect(Buffer.from(got.bytes).equals(want.bytes)).toBe(true)
      expect(got.cut).toBe(want.cut)
      if (!want.cut) expect(shortened.length).toBe(packets.filter(({ body }) => body.length > limit).length)
    }),
    { numRuns: runs },
  )
}

describe('the packet guard', () => {
  test('passes small packets as they are, empties large messages and cuts at other large packets, however they are split', () => {
    const result = holds(packetGuard, 3000)
    console.log(`packet guard: ${result.numRuns} streams`)
    expect(result.failed).toBe(false)
    expect(result.numRuns).toBe(3000)
  })

  test('a guard that reads a length only where a chunk begins is found out', () => {
    const naive = (options: GuardOptions): PacketGuard => ({
      pass: (chunk) => packetGuard(options).pass(chunk),
    })
    expect(holds(naive, 3000).failed).toBe(true)
  })

  test('what it keeps of a packet that claims 256 MiB does not grow with what arrives', () => {
    let told: unknown
    const guard = packetGuard({
      limit: 100_000,
      version: 4,
      onShortened: (packet) => {
        told = packet
      },
    })
    const { body } = publish('midplane/v1/demo/req/ironic-1', new Uint8Array(), { id: 513 })
    const header = Uint8Array.from([0x32, ...writeLength(2 ** 28 - 1)])
    const first = guard.pass(Buffer.concat([header, body]))
    expect(Buffer.from(first.bytes).equals(encode({ first: 0x32, body }))).toBe(true)
    expect(told).toEqual({ id: 513, length: 2 ** 28 - 1 })
    const chunk = new Uint8Array(65_536)
    let passed = 0
    let left = 2 ** 28 - 1 - body.length
    for (; left > chunk.length; left -= chunk.length) passed += guard.pass(chunk).bytes.length
    passed += guard.pass(chunk.subarray(0, left)).bytes.length
    expect(passed).toBe(0)
    expect(Buffer.from(guard.pass(encode(puback(7))).bytes).equals(encode(puback(7)))).toBe(true)
  })

  test('a message under the longest topic that there is loses its payload like any other', () => {
    const told: unknown[] = []
    const guard = packetGuard({ limit: 100_000, version: 4, onShortened: (packet) => told.push(packet) })
    const topic = 'm'.repeat(65_535)
    const whole = publish(topic, new Uint8Array(200_000), { id: 513 })
    const { bytes, cut } = guard.pass(Buffer.concat([encode(whole), encode(puback(7))]))
    expect(cut).toBeUndefined()
    const short = publish(topic, new Uint8Array(), { id: 513 })
    expect(Buffer.from(bytes).equals(Buffer.concat([encode(short), encode(puback(7))]))).toBe(true)
    expect(told).toEqual([{ id: 513, length: whole.body.length }])
  })

  test.each([
    ['a SUBACK that claims 256 MiB', [0x90, 0xff, 0xff, 0xff, 0x7f], 'a packet of type 9 that claims 268435455 bytes'],
    ['a PUBREL, which is of QoS 2', [0x62, 2, 0, 1], 'a packet that begins with 0x62'],
    ['a message of QoS 2', [0x34, 5, 0, 1, 97, 0, 1], 'a packet that begins with 0x34'],
    ['a length of five bytes', [0x30, 0x80, 0x80, 0x80, 0x80], 'a packet whose length has more than four bytes'],
    [
      'a topic that does not fit into its packet',
      [0x32, 0xff, 0xff, 0x03, 0xff, 0xfc],
      'a packet of 65535 bytes with a longer topic',
    ],
  ])('%s is cut before anything of it is passed on', (_, bytes, why) => {
    const guard = packetGuard({ limit, version: 4, onShortened: () => {} })
    expect(guard.pass(Uint8Array.from([...encode(puback(1)), ...bytes]))).toEqual({
      bytes: Buffer.from(encode(puback(1))),
      cut: why,
    })
  })

  test('every length that a fixed header can carry is read as it was written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat(2 ** 28 - 1), fc.nat(20_000)), (length) => {
        const reader = new HeaderReader()
        const [last] = [0x30, ...writeLength(length)].map((byte) => reader.take(byte)).slice(-1)
        expect(last).toMatchObject({ first: 0x30, length })
      }),
    )
  })
})
