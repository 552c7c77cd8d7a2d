import { expect, test } from 'vitest'
import { startAgent } from '../../agent/controller/agent.ts'
import type { Copy } from '../../agent/core/reply.ts'
import { blank } from '../../agent/core/state.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { hardware, id, pools } from '../core/lab.ts'
import { inMemoryHardware } from '../sim/in-memory.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { timings } from './rig.ts'

test('a record that is durable sooner than one before it waits for that: nothing is believed out of order', async () => {
  const clock = new VirtualClock()
  const board = hardware()
  const host = new ChassisHost(newWorld({ hardware: board, seed: 'order', now: clock.now(), timings }), clock)
  const release: ((copies: readonly Copy[]) => void)[] = []
  const agent = startAgent({
    state: blank(id<'Chassis'>('order'), board.board.id, '0'.repeat(32)),
    // The EEPROM takes its time; flash does not.
    memory: {
      append: (_, everywhere) =>
        everywhere ? new Promise((resolve) => release.push(resolve)) : Promise.resolve<readonly Copy[]>(['flash']),
      copies: () => ['flash', 'eeprom'],
      fits: () => true,
      readOnly: () => undefined,
      pauses: () => undefined,
    },
    hardware: board,
    ...inMemoryHardware(host),
    clock: { uptimeMs: () => clock.now(), timeMs: () => undefined, after: (ms, call) => clock.after(ms, call) },
    bootId: 'boot-1',
    listener: { recorded: () => {}, noticed: () => {}, changed: () => {} },
  })
  await clock.until(agent.ready)
  await clock.advance(20_000)
  const envelope = (request: string) =>
    ({ who: { door: 'mqtt', client: id<'Client'>('tester') }, request, content: request, dryRun: false }) as const
  let slow = 'waiting'
  const [pool] = pools
  if (!pool) return expect.unreachable()
  const first = agent.submit(pool, envelope('request-1')).then(() => {
    slow = 'answered'
  })
  let fast = 'waiting'
  const second = agent.submit({ kind: 'locate', bay: 3, lit: true }, envelope('request-2')).then(() => {
    fast = 'answered'
  })
  await clock.advance(2_000)
  expect([slow, fast]).toEqual(['waiting', 'waiting'])
  expect(agent.now().state.revision).toBe(0)
  release.shift()?.(['flash', 'eeprom'])
  await clock.until(Promise.all([first, second]))
  expect(agent.now().state.revision).toBe(2)
  expect(agent.now().state.bays[3]?.locate).toBe(true)
  await clock.advance(5_000)
  expect(agent.now().observed.bays[3]?.slot).toMatchObject({ locate: true })
  void agent.stop()
})
