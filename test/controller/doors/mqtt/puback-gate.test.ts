import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HeaderReader } from '../../../../agent/controller/doors/mqtt/fixed-header.ts'
import { PubackGate } from '../../../../agent/controller/doors/mqtt/puback-gate.ts'
import { encode, type Packet, pieces, puback, publish } from './bytes.ts'

/** Reads what went out packet by packet: in the middle of one, another would be read as its body. */
function packetsIn(bytes: Uint8Array): Packet[] {
  const packets: Packet[] = []
  for (let at = 0; at < bytes.length; ) {
    const reader = new HeaderReader()
    let header = reader.take(bytes[at++] ?? 0)
    while (header === 'more') header = reader.take(bytes[at++] ?? 0)
    if (header === 'malformed') throw new Error('no packets')
    packets.push({ first: header.first, body: bytes.slice(at, at + header.length) })
    at += header.length
  }
  return packets
}

const idOf = ({ body }: Packet) => (body[0] ?? 0) * 256 + (body[1] ?? 0)
const isPuback = ({ first }: Packet) => first >> 4 === 4

function gateTo(out: Uint8Array[]): PubackGate {
  return new PubackGate((bytes) => out.push(bytes.slice()))
}

describe('the PUBACK gate', () => {
  test('an acknowledgement waits for its release, while other packets go out', () => {
    const out: Uint8Array[] = []
    const gate = gateTo(out)
    const release = gate.hold(7)
    gate.push(encode(puback(7)))
    gate.push(encode(publish('a/b', Uint8Array.of(1, 2, 3))))
    expect(packetsIn(Buffer.concat(out)).map(({ first }) => first >> 4)).toEqual([3])
    release()
    expect(packetsIn(Buffer.concat(out)).map(({ first }) => first >> 4)).toEqual([3, 4])
  })

  test('acknowledgements leave in the order of their packets [MQTT-4.6.0-2]', () => {
    const out: Uint8Array[] = []
    const gate = gateTo(out)
    const releases = [1, 2, 3].map((id) => {
      const release = gate.hold(id)
      gate.push(encode(puback(id)))
      return release
    })
    releases[2]?.()
    releases[1]?.()
    expect(out).toEqual([])
    releases[0]?.()
    expect(packetsIn(Buffer.concat(out)).map(idOf)).toEqual([1, 2, 3])
  })

  test('a packet id that was released once is not released for its next use', () => {
    const out: Uint8Array[] = []
    const gate = gateTo(out)
    const first = gate.hold(7)
    gate.push(encode(puback(7)))
    first()
    gate.hold(7)
    gate.push(encode(puback(7)))
    expect(out).toHaveLength(1)
  })

  const held = fc.record({
    packets: fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('puback' as const), releasedAt: fc.nat(60) }),
        fc.record({ kind: fc.constant('other' as const), body: fc.uint8Array({ maxLength: 300 }) }),
      ),
      { minLength: 1, maxLength: 12 },
    ),
    sizes: fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 4 }),
  })

  test('whatever is written in whatever pieces: whole packets go out, each once, none before its release', () => {
    let runs = 0
    fc.assert(
      fc.property(held, ({ packets, sizes }) => {
        runs += 1
        const out: Uint8Array[] = []
        const gate = gateTo(out)
        const released = new Set<number>()
        const due: { at: number; id: number; release: () => void }[] = []
        const written = packets.map((packet, i): Packet => {
          if (packet.kind === 'other') return { first: 0x30, body: packet.body }
          due.push({ at: packet.releasedAt, id: i + 1, release: gate.hold(i + 1) })
          return puback(i + 1)
        })
        const chunks = pieces(Buffer.concat(written.map(encode)), sizes)
        const look = () => {
          // Only whole packets count; the last one may be under way.
          const whole = wholePackets(Buffer.concat(out))
          for (const packet of whole.filter(isPuback)) expect(released.has(idOf(packet))).toBe(true)
        }
        for (let step = 0; step < Math.max(chunks.length, 61); step++) {
          const chunk = chunks[step]
          if (chunk) gate.push(chunk)
          for (const { at, id, release } of due) {
            if (at !== step) continue
            released.add(id)
            release()
          }
          look()
        }
        const all = packetsIn(Buffer.concat(out))
        expect(all.filter(isPuback).map(idOf)).toEqual(written.filter(isPuback).map(idOf))
        expect(all.filter((packet) => !isPuback(packet)).map(encode)).toEqual(
          written.filter((packet) => !isPuback(packet)).map(encode),
        )
      }),
      { numRuns: 1500 },
    )
    console.log(`PUBACK gate: ${runs} streams`)
    expect(runs).toBeGreaterThanOrEqual(1500)
  })

  function wholePackets(bytes: Uint8Array): Packet[] {
    const packets = packetsIn(bytes)
    const total = packets.reduce((sum, packet) => sum + encode(packet).length, 0)
    return total > bytes.length ? packets.slice(0, -1) : packets
  }
})
