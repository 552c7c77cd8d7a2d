/**
 * A flash that takes its time, so that commands and notes of one bay are under way together: what was accepted first
 * is what happens, and a note about the bay never undoes it.
 */
import { expect, test } from 'vitest'
import { startAgent } from '../../agent/controller/agent.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Copy } from '../../agent/core/reply.ts'
import { blank } from '../../agent/core/state.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { bootRecords } from '../../agent/sim/log.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { hardware, id, lanProfile, pools } from '../core/lab.ts'
import { inMemoryHardware } from '../sim/in-memory.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { timings } from './rig.ts'

const web = id<'Profile'>('web-01')
const power = (want: 'on' | 'off' | 'cycle', stop: 'forced' | 'graceful' = 'forced') =>
  ({ kind: 'power', bay: 3, want, stop }) as const

/** An agent with web-01 assigned to bay 3, and a flash that stalls when it is told to. */
async function stalling(boardName: string) {
  const clock = new VirtualClock()
  const board = hardware(boardName)
  const host = new ChassisHost(newWorld({ hardware: board, seed: 'stall', now: clock.now(), timings }), clock)
  const waiting: (() => void)[] = []
  let stalls = false
  const agent = startAgent({
    state: blank(id<'Chassis'>('stall'), board.board.id, '0'.repeat(32)),
    memory: {
      append: () =>
        new Promise<readonly Copy[]>((resolve) => {
          if (stalls) waiting.push(() => resolve(['flash', 'eeprom']))
          else resolve(['flash', 'eeprom'])
        }),
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
  let requests = 0
  const submit = async (command: Command) => {
    const request = `request-${++requests}`
    const who = { door: 'mqtt', client: id<'Client'>('tester') } as const
    const { outcome } = await agent.submit(command, { who, request, content: request, dryRun: false })
    return outcome.kind === 'accepted' ? outcome : expect.unreachable(JSON.stringify(outcome))
  }
  await clock.until(agent.ready)
  await clock.advance(20_000)
  const profile = lanProfile('web-01')
  const assign: Command = { kind: 'assign', profile: web, to: { bay: 3 }, when: 'now', preprovision: false }
  for (const command of [...pools, { kind: 'define-profile', profile } as const, assign]) {
    await clock.until(submit(command))
  }
  await clock.advance(60_000)
  expect(agent.now().plans[3]?.findings).toEqual([])
  return {
    agent,
    clock,
    host,
    submit,
    boots: () => bootRecords(host.heardSince(0).entries).filter(({ bay }) => bay === 3).length,
    /** Armings that the latch of bay 3 was granted. */
    permits: () =>
      host
        .heardSince(0)
        .entries.filter(
          (entry) =>
            entry.kind === 'latch' && entry.bay === 3 && entry.latch !== 'none' && entry.latch.state === 'granted',
        ).length,
    stall: () => {
      stalls = true
    },
    async goOn() {
      stalls = false
      while (waiting.length > 0) {
        waiting.shift()?.()
        await clock.advance(0)
      }
    },
    power: () => {
      const blade = agent.now().observed.bays[3]?.blade
      return blade && blade !== 'empty' && blade !== 'unknown' ? blade.power : blade
    },
  }
}

const opposites = {
  off: power('off'),
  unassign: { kind: 'unassign', profile: web, when: 'now', stop: 'no', force: false },
} as const satisfies { readonly [name: string]: Command }

for (const board of ['hp-c7000', 'generic-2u4n']) {
  for (const [name, opposite] of Object.entries(opposites)) {
    test(`on a ${board}, ${name} accepted before a blade's arming is stored means that the blade does not start`, async () => {
      const chassis = await stalling(board)
      await chassis.submit(power('on'))
      chassis.stall()
      const answered = chassis.submit(opposite)
      await chassis.clock.advance(500)
      await chassis.goOn()
      await chassis.clock.until(answered)
      await chassis.clock.advance(60_000)
      expect([chassis.permits(), chassis.boots()]).toEqual([0, 0])
      expect(chassis.power()).toBe('off')
      expect(chassis.agent.now().plans[3]?.findings).toEqual([])
      void chassis.agent.stop()
    })
  }
}

test('a power cycle accepted before the blade shut itself down ends with the blade on', async () => {
  const chassis = await stalling('hp-c7000')
  await chassis.clock.until(chassis.submit(power('on')))
  await chassis.clock.advance(60_000)
  expect([chassis.power(), chassis.boots()]).toEqual(['on', 1])
  chassis.stall()
  const answered = chassis.submit(power('cycle', 'graceful'))
  chassis.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  await chassis.clock.advance(30_000)
  expect(chassis.power()).toBe('off')
  await chassis.goOn()
  await chassis.clock.until(answered)
  await chassis.clock.advance(60_000)
  expect([chassis.power(), chassis.boots()]).toEqual(['on', 2])
  void chassis.agent.stop()
})
