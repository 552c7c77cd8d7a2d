/** A broker that lies. The door must outlive it: in bounded memory, and back at work when the broker is sound again. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../agent/controller/clock.ts'
import { writeLength } from '../../../../agent/controller/doors/mqtt/fixed-header.ts'
import { type Down, openLink, type Version } from '../../../../agent/controller/doors/mqtt/link.ts'
import { openMqtt } from '../../../../agent/controller/doors/mqtt/mqtt.ts'
import { largestRequest } from '../../../../agent/wire/request.ts'
import { encode, publish } from './bytes.ts'
import { testFront } from './front.ts'
import { startLiar } from './liar.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
/** Bytes in buffers that something still holds. */
function kept(): number {
  // Twice: the first finds what is free, the second waits for it to be swept.
  collect()
  collect()
  return process.memoryUsage().arrayBuffers
}

const request = 'midplane/v1/demo/req/ironic-1'

describe.each<Version>([4, 5])('over a hostile broker, MQTT version %i', (version) => {
  let end: (() => Promise<void>)[] = []
  beforeEach(() => {
    end = []
  })
  afterEach(async () => {
    for (const each of end) await each()
  })

  async function serve(turn: (socket: Socket, connection: number) => void) {
    const { port, server } = await startLiar(version, { turn })
    const lines: string[] = []
    const front = testFront()
    const door = openMqtt({
      ...{ front, clock: systemClock(), url: `mqtt://127.0.0.1:${port}`, version, json: true },
      ...{ randomness: () => 0, log: (line: string) => lines.push(line), backoff: { first: 2, longest: 4 } },
    })
    end.push(
      () => door.close(),
      async () => {
        server.close()
        await once(server, 'close')
      },
    )
    return { door, lines, front }
  }

  test('a packet that claims 256 MiB is cut at its header, and the door dials again', async () => {
    let again = () => {}
    const back = new Promise<void>((resolve) => {
      again = resolve
    })
    const { lines } = await serve((socket, connection) => {
      if (connection > 1) again()
      else socket.write(Uint8Array.from([0x90, ...writeLength(2 ** 28 - 1), 1, 2, 3]))
    })
    await back
    expect(lines.join('\n')).toContain('the broker sent a packet of type 9 that claims 268435455 bytes')
  })

  /** Feeds 64 MiB of one message that claims 256 MiB; the most that buffers took meanwhile. */
  async function feed(limit: number): Promise<number> {
    let most = 0
    const base = kept()
    const chunk = new Uint8Array(2 ** 18)
    const { port, server } = await startLiar(version, {
      turn: (socket) => {
        const { body } = publish(request, new Uint8Array(), { version })
        socket.write(Uint8Array.from([0x32, ...writeLength(2 ** 28 - 1), ...body]))
        let fed = 0
        const more = () => {
          while (fed < 2 ** 26) {
            fed += chunk.length
            if (fed % 2 ** 24 === 0) most = Math.max(most, kept() - base)
            if (!socket.write(chunk)) return void socket.once('drain', more)
          }
          socket.end()
        }
        more()
      },
    })
    await new Promise<Down>((down) => {
      const link = openLink(
        {
          ...{ address: { host: '127.0.0.1', port, tls: false }, version, clientId: 'demo', keepaliveSeconds: 30 },
          ...{ will: { topic: 'midplane/v1/demo/presence', payload: Uint8Array.of(1) }, limit, clock: systemClock() },
        },
        { up: () => void link.subscribe(['midplane/v1/demo/req/+'], 1), heard: (_, next) => next(), down },
      )
    })
    server.close()
    await once(server, 'close')
    return most
  }

  test('a message that claims 256 MiB takes no memory that grows with it', async () => {
    const guarded = await feed(largestRequest + 4096)
    const unguarded = await feed(2 ** 28)
    console.log(
      `64 MiB fed: ${(guarded / 2 ** 20).toFixed(1)} MiB with the guard, ${(unguarded / 2 ** 20).toFixed(1)} without`,
    )
    expect(guarded).toBeLessThan(32 * 2 ** 20)
    expect(unguarded).toBeGreaterThan(48 * 2 ** 20)
  })

  test('nonsense in every shape ends at most the connection', async () => {
    const shapes: Record<string, fc.Arbitrary<Uint8Array>> = {
      'random bytes': fc.uint8Array({ minLength: 1, maxLength: 200 }),
      'random packets': fc
        .record({ first: fc.nat(255), body: fc.uint8Array({ maxLength: 60 }) })
        .map((packet) => encode(packet)),
      'mutated messages': fc
        .tuple(fc.uint8Array({ maxLength: 40 }), fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 }))
        .map(([payload, changes]) => {
          const bytes = encode(publish(request, payload, { version }))
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte
          return bytes
        }),
      // QoS 1, and the packet ends with the topic.
      'messages without a packet id': fc
        .stringMatching(/^[a-z]{1,20}$/)
        .map((name) => ({ ...publish(name, new Uint8Array(), { qos: 0 }), first: 0x32 }))
        .map(({ first, body }) => encode({ first, body: body.subarray(0, body.length - (version === 5 ? 1 : 0)) })),
      'answers to nothing': fc
        .tuple(
          fc.constantFrom(0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xb0, 0xd0, 0xe0, 0xf0),
          fc.uint8Array({ maxLength: 8 }),
        )
        .map(([first, body]) => encode({ first, body })),
    }
    const script = Object.values(shapes).flatMap((shape) =>
      fc.sample(fc.array(shape, { minLength: 1, maxLength: 4 }), 150),
    )
    let done = () => {}
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    const { lines, door } = await serve((socket, connection) => {
      const nonsense = script[connection - 1]
      if (!nonsense) return done()
      for (const bytes of nonsense) socket.write(bytes)
      socket.end()
    })
    await all
    const reasons = new Map<string, number>()
    for (const line of lines) {
      const reason = line.replace(/.*: /, '').replace(/\d\w*/g, '#')
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    }
    console.log(`${script.length} hostile connections: ${[...reasons].map(([why, n]) => `${n}× ${why}`).join('; ')}`)
    expect(script).toHaveLength(750)
    expect(reasons.size).toBeGreaterThan(5)
    expect(door.state()).not.toBe('closed')
  })
})
