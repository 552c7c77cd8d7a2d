import { expect, test } from 'vitest'
import { canonical } from '../../agent/core/blade.ts'
import type { BladeFault } from '../../agent/sim/chassis.ts'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'

const web = id<'Profile'>('web-01')
const into = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const
const move = { kind: 'move', profile: web, ...into(4), stop: 'forced', force: false } as const

/** web-01 runs in bay 3 of a c7000. */
async function running(): Promise<Rig> {
  const rig = new Rig()
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: sanProfile('web-01') })
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  return rig
}

/** What a test does at one moment of a move; the move must end well whenever it comes. */
async function during(moments: readonly number[], what: (rig: Rig) => Promise<void> | void, check: (rig: Rig) => void) {
  for (const moment of moments) {
    const rig = await running()
    await rig.do(move)
    await rig.clock.advance(moment)
    await what(rig)
    await rig.settle()
    check(rig)
    rig.noDuplicates()
    rig.noWrongBoots(['web-01'])
  }
}
const moments = Array.from({ length: 40 }, (_, i) => i * 400)

test('the front button, pressed at any moment of a move, never starts a wrong blade', async () => {
  let starts = 0
  await during(
    moments,
    async (rig) => {
      for (const bay of [3, 4]) {
        rig.host.perform({ do: 'policy', bay, policy: { button: 'enabled' } })
        rig.host.perform({ do: 'button', bay, hold: false })
      }
      // A press during POST stops the blade; that is told, and waits for a word (W5).
      await rig.clock.advance(60_000)
      const open = rig.agent.now().plans[4]?.findings.map(({ reason }) => reason) ?? []
      expect(open.filter((reason) => reason !== 'post-failed')).toEqual([])
      if (open.length > 0) await rig.do({ kind: 'resync' })
    },
    (rig) => {
      expect(rig.agent.now().state.bays[4]?.intent?.profile).toBe('web-01')
      starts += rig.boots(3).length + rig.boots(4).length
    },
  )
  // The one start in bay 3 each time, and at least one in bay 4 of most.
  expect(starts).toBeGreaterThan(moments.length * 1.5)
}, 60_000)

test('the agent, killed at any moment of a move, ends it after it returns', async () => {
  await during(
    moments,
    async (rig) => {
      rig.kill()
      await rig.clock.advance(1_000)
      await rig.start()
    },
    (rig) => {
      expect(rig.boots(4)).toHaveLength(1)
      expect(rig.agent.now().state.doubts.map(({ bay }) => bay)).toEqual([4])
    },
  )
}, 60_000)

test('AC loss at any moment of a move leaves one wearer, and it comes back by itself', async () => {
  await during(
    moments.filter((_, i) => i % 2 === 0),
    async (rig) => {
      rig.kill()
      rig.host.perform({ do: 'ac', on: false })
      await rig.clock.advance(2_000)
      rig.host.perform({ do: 'ac', on: true })
      await rig.start()
    },
    (rig) => expect(rig.boots(4).length).toBeGreaterThan(0),
  )
}, 60_000)

const faults: readonly BladeFault[] = [
  { kind: 'silent' },
  { kind: 'slow', ms: 3_000 },
  { kind: 'late', ms: 20_000 },
  { kind: 'starved' },
  { kind: 'lies-writes' },
  { kind: 'lies-power' },
  { kind: 'power-lag', ms: 15_000 },
  { kind: 'ignores-shutdown' },
]
for (const fault of faults) {
  for (const bay of [3, 4]) {
    test(`a BMC in bay ${bay} with the fault ${fault.kind} during a move costs time and never an identity`, async () => {
      for (const moment of [0, 400, 1_200, 2_400, 4_000]) {
        const rig = await running()
        if (moment === 0) rig.host.perform({ do: 'break', bay, fault })
        await rig.do(move).catch(() => undefined)
        await rig.clock.advance(moment)
        rig.host.perform({ do: 'break', bay, fault })
        await rig.clock.advance(90_000)
        rig.noDuplicates()
        rig.host.perform({ do: 'mend', bay, fault: fault.kind })
        await rig.settle(600_000)
        rig.noDuplicates()
        rig.noWrongBoots(['web-01'])
      }
    }, 60_000)
  }
}

test('twenty deliveries of one request, the agent killed in between, are one effect and nineteen stored answers', async () => {
  const rig = await running()
  const envelope = rig.envelope(move, { request: 'the-same-one' })
  const before = rig.agent.now().state.revision
  const replies = []
  for (let i = 0; i < 20; i++) {
    replies.push(await rig.clock.until(rig.agent.submit(move, { ...envelope })))
    if (i % 5 === 4) {
      rig.kill()
      await rig.start()
    }
  }
  await rig.settle()
  expect(replies.filter(({ replayed }) => replayed)).toHaveLength(19)
  expect(
    new Set(replies.map(({ outcome }) => (outcome.kind === 'accepted' ? canonical(outcome.accepted) : 'refused'))).size,
  ).toBe(1)
  expect(rig.agent.now().state.revision).toBe(before + 1)
  expect(rig.boots(4)).toHaveLength(1)
})

test('a POST whose apply fails is stopped, told, and not tried again until somebody says so', async () => {
  const rig = await running()
  rig.host.perform({ do: 'break', bay: 4, fault: { kind: 'post-fails', after: 0 } })
  await rig.do(move)
  await rig.clock.advance(120_000)
  const plan = rig.agent.now().plans[4]
  expect(plan?.findings.map(({ reason }) => reason)).toEqual(['post-failed'])
  const starts = rig.log.filter((entry) => entry.kind === 'power' && entry.bay === 4 && entry.on).length
  expect(starts).toBe(1)
  rig.host.perform({ do: 'mend', bay: 4, fault: 'post-fails' })
  await rig.do({ kind: 'resync', bay: 4 })
  await rig.settle()
  expect(rig.boots(4)).toHaveLength(1)
  rig.noWrongBoots(['web-01'])
})

test('a blade pulled while it runs frees its profile for another bay at once', async () => {
  const rig = await running()
  rig.host.perform({ do: 'pull', bay: 3 })
  await rig.clock.advance(2_000)
  await rig.do({ kind: 'move', profile: web, ...into(4), stop: 'no', force: false })
  await rig.settle()
  expect(rig.boots(4)).toHaveLength(1)
  rig.noDuplicates()
})

test('a dead BMC under a running blade: the profile moves only when hands have pulled it or its bay was reseated', async () => {
  const rig = await running()
  rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'silent' } })
  await rig.clock.advance(60_000)
  expect((await rig.refused({ ...move, stop: 'no' })).reason).toBe('blade-powered')
  await rig.do(move)
  await rig.clock.advance(60_000)
  expect(rig.boots(4)).toHaveLength(0)
  expect(rig.agent.now().plans[3]?.findings.map(({ remedy }) => remedy)).toContain('pull blade 3, or reseat bay 3')
  await rig.do({ kind: 'reseat', bay: 3 })
  await rig.settle(600_000).catch(() => undefined)
  expect(rig.boots(4)).toHaveLength(1)
  rig.noDuplicates()
})

test('a blade swapped while the agent was away is dressed only after the other was proven gone', async () => {
  const rig = await running()
  rig.kill()
  rig.host.perform({ do: 'swap', bay: 3, blade: { with: 4 } })
  await rig.clock.advance(10_000)
  await rig.start()
  await rig.settle()
  expect(rig.boots(3).at(-1)?.serial).not.toBe(rig.boots(3).at(0)?.serial)
  rig.noDuplicates()
  rig.noWrongBoots(['web-01'])
})

test('a blade that shuts itself down stays down; after AC loss the wanted power holds', async () => {
  const rig = await running()
  rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  await rig.clock.advance(60_000)
  await rig.settle()
  expect(rig.agent.now().state.bays[3]?.power).toBe('off')
  expect(rig.boots(3)).toHaveLength(1)
})

test('policy that a BMC was set to behind our back is put right within one sweep', async () => {
  const rig = await running()
  rig.host.perform({ do: 'policy', bay: 3, policy: { restore: 'always-on', button: 'enabled', wake: 'enabled' } })
  await rig.clock.advance(40_000)
  const blade = rig.agent.now().observed.bays[3]?.blade
  expect(typeof blade === 'object' && blade.policy).toEqual({
    restore: 'always-off',
    button: 'disabled',
    wake: 'disabled',
  })
})
