/** Every wait of the door has a limit: seen with a clock that the test moves. */
import { once } from 'node:events'
import type { Server, Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Clock } from '../../../../agent/controller/clock.ts'
import { type MqttDoor, openMqtt } from '../../../../agent/controller/doors/mqtt/mqtt.ts'
import { openWire, startAedes } from './brokers.ts'
import { testFront } from './front.ts'
import { type Manners, startLiar } from './liar.ts'
import { openManager } from './manager.ts'

interface MovedClock extends Clock {
  move(ms: number): void
}

function movedClock(): MovedClock {
  let now = 0
  let waits: { readonly at: number; readonly call: () => void }[] = []
  return {
    uptimeMs: () => now,
    timeMs: () => undefined,
    after: (ms, call) => {
      const wait = { at: now + ms, call }
      waits.push(wait)
      return () => {
        waits = waits.filter((each) => each !== wait)
      }
    },
    move: (ms) => {
      now += ms
      const due = waits.filter(({ at }) => at <= now).sort((a, b) => a.at - b.at)
      waits = waits.filter(({ at }) => at > now)
      for (const { call } of due) call()
    },
  }
}

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Lines {
  /** The next line of the log, or the first of those not read yet. */
  next(): Promise<string>
  readonly push: (line: string) => void
}
function logLines(): Lines {
  const unread: string[] = []
  let heard = () => {}
  return {
    push: (line) => {
      unread.push(line)
      heard()
    },
    next: async () => {
      while (unread.length === 0) {
        await new Promise<void>((resolve) => {
          heard = resolve
        })
      }
      return unread.shift() ?? ''
    },
  }
}

function open(port: number, clock: Clock, lines: Lines): MqttDoor {
  const door = openMqtt({
    ...{ front: testFront(), clock, url: `mqtt://127.0.0.1:${port}`, version: 4, json: false },
    ...{ randomness: () => 0, log: lines.push },
  })
  ends.push(() => door.close())
  return door
}

/** Resolves to the socket when the door has sent it something. */
async function liar(manners: Manners) {
  const { port, server } = await startLiar(4, manners)
  ends.push(() => stop(server))
  const greeted = once(server, 'connection').then(async ([socket]: Socket[]) => {
    if (socket) await once(socket, 'data')
  })
  return { port, greeted }
}
async function stop(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}

test('a broker that never answers CONNECT is left after fifteen seconds', async () => {
  const clock = movedClock()
  const lines = logLines()
  const { port, greeted } = await liar({ ignores: [1] })
  const door = open(port, clock, lines)
  await greeted
  clock.move(15_000)
  expect(await lines.next()).toBe(`mqtt: no link to 127.0.0.1:${port}: no answer from the broker in 15 s`)
  expect(door.state()).toBe('waiting')
})

test('a broker that never answers SUBSCRIBE is left after fifteen seconds', async () => {
  const clock = movedClock()
  const lines = logLines()
  let subscribed = () => {}
  const asked = new Promise<void>((resolve) => {
    subscribed = resolve
  })
  const { port, server } = await startLiar(4, { ignores: [8] })
  ends.push(() => stop(server))
  server.on('connection', (socket) => {
    socket.on('data', (chunk) => chunk[0] === 0x82 && subscribed())
  })
  open(port, clock, lines)
  await asked
  clock.move(15_000)
  expect(await lines.next()).toBe(`mqtt: no link to 127.0.0.1:${port}: no answer to SUBSCRIBE`)
})

test('a broker that does not let the door hear requests is told of, and never said to be online', async () => {
  const lines = logLines()
  const { port } = await liar({ grants: 0x80 })
  const door = open(port, movedClock(), lines)
  expect(await lines.next()).toMatch(/the broker refuses midplane\/v1\/demo\/req\/\+ .*allow it in its access control/)
  expect(door.state()).toBe('waiting')
})

test('presence is told anew each minute, so that its uptime can be reckoned with', async () => {
  const broker = await startAedes()
  const manager = await openManager(broker.port)
  ends.push(broker.kill, manager.close)
  const clock = movedClock()
  open(broker.port, clock, logLines())
  await manager.part('chassis')
  for (let minute = 1; minute <= 3; minute++) {
    const mark = manager.all.length
    clock.move(60_000)
    expect(await manager.presence(() => true, mark)).toMatchObject({ online: true, connection: 1 })
  }
})

test('the wait after a lost connection doubles, until a connection held for half a minute', async () => {
  const broker = await startAedes()
  const wire = await openWire(broker.port)
  ends.push(broker.kill, wire.close)
  const clock = movedClock()
  const lines = logLines()
  const door = open(wire.port, clock, lines)
  const lose = async () => {
    expect(await lines.next()).toContain('online at')
    wire.cut()
    await lines.next()
  }
  const waits = async (ms: number) => {
    clock.move(ms - 1)
    expect(door.state()).toBe('waiting')
    clock.move(1)
    expect(door.state()).toBe('connecting')
  }
  for (const ms of [250, 500, 1000, 2000]) {
    await lose()
    await waits(ms)
  }
  expect(await lines.next()).toContain('online at')
  clock.move(30_000)
  wire.cut()
  await lines.next()
  await waits(250)
})

test('a door that is closed over a silent broker ends after three seconds', async () => {
  const broker = await startAedes()
  const wire = await openWire(broker.port)
  const manager = await openManager(broker.port)
  ends.push(broker.kill, wire.close, manager.close)
  const clock = movedClock()
  const door = open(wire.port, clock, logLines())
  await manager.part('chassis')
  wire.silence()
  const closed = door.close()
  clock.move(3000)
  await closed
  expect(door.state()).toBe('closed')
})
