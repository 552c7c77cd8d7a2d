/**
 * A chassis without a manager, seen through the boots that come of it: blades that come back as themselves, and a policy
 * that was left behind and moves a dead blade's profile to a spare. The real agent over the simulated chassis; however
 * the blade dies and whenever the agent does, no identity is ever live twice, and none starts where it was not dressed.
 */
import { expect, test } from 'vitest'
import type { Bay } from '../../agent/core/blade.ts'
import type { Policy } from '../../agent/core/policy.ts'
import { reportChassis, reportPolicy } from '../../agent/core/report.ts'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { memoryMedium } from './store/memory-medium.ts'

const web = id<'Profile'>('web-01')
const policy: Policy = { id: id('spare'), spares: [4, 5], afterSeconds: 60, cut: true, attempts: 2 }

/** web-01 runs in bay 3 of a c7000, bays 4 and 5 have spares, and a policy was left. Nobody is in office. */
async function left(more: Partial<Policy> = {}): Promise<Rig> {
  const rig = new Rig()
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: sanProfile('web-01') })
  await rig.do({ kind: 'assign', profile: web, to: { bay: 3 }, when: 'now', preprovision: false, power: 'on' })
  await rig.settle()
  await rig.do({ kind: 'define-policy', policy: { ...policy, ...more } })
  return rig
}

async function until(rig: Rig, what: string, holds: () => boolean, mostMs = 900_000, stepMs = 250): Promise<void> {
  for (const end = rig.clock.now() + mostMs; !holds(); ) {
    if (rig.clock.now() >= end) expect.unreachable(`${what}: not within ${mostMs} ms`)
    await rig.clock.advance(stepMs)
  }
}

const life = (rig: Rig, bay: Bay) => rig.running?.agent.now().state.bays[bay]?.life
const runsIn = (rig: Rig, bay: Bay) => () => life(rig, bay)?.came === 'verified' && life(rig, bay)?.profile === web
const reasonsOf = (rig: Rig, bay: Bay) => rig.agent.now().plans[bay]?.findings.map(({ reason }) => reason) ?? []
const steps = (rig: Rig, kind: string) =>
  rig.running?.notices.filter((notice) => notice.kind === 'step' && notice.step.kind === kind).length ?? 0
/** What the policy did, in its own words. */
const deeds = (rig: Rig) =>
  rig.records.flatMap((record) =>
    record.kind === 'command' && record.command === 'rescue' ? record.accepted.diff[0] : [],
  )

/** Boots of web-01, wherever. */
const boots = (rig: Rig) =>
  [1, 2, 3, 4, 5].flatMap((bay) =>
    rig
      .boots(bay)
      .filter((record) => rig.given('web-01').every((address) => JSON.stringify(record.functions).includes(address)))
      .map(() => bay),
  )

function sound(rig: Rig): void {
  rig.noDuplicates()
  rig.noWrongBoots(['web-01'])
}

const deaths: { readonly [how: string]: (rig: Rig) => Promise<unknown> | unknown } = {
  'whose POST fails': (rig) => {
    rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'post-fails', after: 0 } })
    return rig.do({ kind: 'power', bay: 3, want: 'cycle', stop: 'forced' })
  },
  'that is pulled': (rig) => rig.host.perform({ do: 'pull', bay: 3 }),
  'whose power is gone and whose BMC is dead': (rig) => {
    rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'silent' } })
    rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  },
}

// ── With no manager ─────────────────────────────────────────────────────────────────────────────────────────────

test('with no manager and no policy, blades come back as themselves: after a reboot, after AC loss, after both', async () => {
  const rig = await left()
  await rig.do({ kind: 'remove-policy', policy: policy.id })
  rig.host.perform({ do: 'system', bay: 3, does: 'reboot' })
  await until(rig, 'a reboot', () => rig.boots(3).length === 2)
  for (const kill of [false, true]) {
    if (kill) rig.kill()
    rig.host.perform({ do: 'ac', on: false })
    await rig.clock.advance(5_000)
    rig.host.perform({ do: 'ac', on: true })
    if (kill) await rig.start()
    await until(rig, 'AC is back', () => rig.boots(3).length === (kill ? 4 : 3))
  }
  await rig.settle()
  expect(boots(rig)).toEqual([3, 3, 3, 3])
  sound(rig)
})

test.each(Object.entries(deaths))(
  'a blade %s is replaced by a spare that boots as the same server',
  async (_, dies) => {
    const rig = await left()
    await dies(rig)
    const { revision } = rig.agent.now().state
    const before = boots(rig).length
    await rig.clock.advance(50_000)
    expect(deeds(rig)).toEqual([])
    await until(rig, 'the spare runs', runsIn(rig, 4))
    expect(deeds(rig)).toEqual([`rescued web-01: bay 3 → bay 4 under policy spare, judged at revision ${revision}`])
    expect(boots(rig).slice(before)).toEqual([4])
    expect(rig.agent.now().state).not.toHaveProperty('rescues')
    expect(rig.agent.now().state.doubts.map(({ bay }) => bay)).toEqual([4])
    await rig.clock.advance(600_000)
    expect(deeds(rig)).toHaveLength(1)
    sound(rig)
  },
)

test('a running blade whose BMC is silent is not moved, not cut and not stopped, however long it is silent', async () => {
  const rig = await left({ afterSeconds: 1 })
  rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'silent' } })
  await rig.clock.advance(3_600_000)
  rig.kill()
  await rig.start()
  await rig.clock.advance(3_600_000)
  expect(deeds(rig)).toEqual([])
  expect(steps(rig, 'cut')).toBe(0)
  expect(rig.host.world.slots[3]?.blade?.run.stage).toBe('os')
  expect(boots(rig)).toEqual([3])
  sound(rig)
})

test('a server that shut itself down stays off where it is', async () => {
  const rig = await left({ afterSeconds: 1 })
  rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  await rig.clock.advance(600_000)
  expect(deeds(rig)).toEqual([])
  expect(boots(rig)).toEqual([3])
})

test('AC loss kills nobody: each blade comes back in its own bay', async () => {
  const rig = await left({ afterSeconds: 30 })
  for (const kill of [false, true]) {
    if (kill) rig.kill()
    rig.host.perform({ do: 'ac', on: false })
    await rig.clock.advance(300_000)
    rig.host.perform({ do: 'ac', on: true })
    if (kill) await rig.start()
    await rig.settle()
  }
  await rig.clock.advance(300_000)
  expect(deeds(rig)).toEqual([])
  expect(new Set(boots(rig))).toEqual(new Set([3]))
  sound(rig)
})

test('two servers that die at once get a spare each', async () => {
  const rig = await left()
  const db = id<'Profile'>('db-01')
  await rig.do({ kind: 'define-profile', profile: sanProfile('db-01') })
  await rig.do({ kind: 'assign', profile: db, to: { bay: 2 }, when: 'now', preprovision: false, power: 'on' })
  await rig.settle()
  for (const bay of [2, 3]) rig.host.perform({ do: 'pull', bay })
  await until(rig, 'both run', () => [4, 5].every((bay) => life(rig, bay)?.came === 'verified'))
  expect(new Set([4, 5].map((bay) => life(rig, bay)?.profile))).toEqual(new Set([web, db]))
  rig.noDuplicates()
  rig.noWrongBoots(['web-01', 'db-01'])
})

// ── Proven off first ────────────────────────────────────────────────────────────────────────────────────────────

test('where the policy may not cut, a dead BMC holds the profile where it is, until somebody pulls the blade', async () => {
  const rig = await left({ cut: false })
  await deaths['whose power is gone and whose BMC is dead']?.(rig)
  await rig.clock.advance(600_000)
  expect(rig.agent.now().state.bays[3]?.intent?.profile).toBe(web)
  expect(reasonsOf(rig, 3)).toEqual(['bmc-silent', 'rescue-waits'])
  expect(rig.agent.now().plans[3]?.findings.at(-1)?.remedy).toBe('pull blade 3, or reseat bay 3')
  expect(steps(rig, 'cut')).toBe(0)
  expect(boots(rig)).toEqual([3])
  rig.host.perform({ do: 'pull', bay: 3 })
  await until(rig, 'the spare runs', runsIn(rig, 4))
  expect(boots(rig)).toEqual([3, 4])
  sound(rig)
})

test('the spare is not dressed while the dead blade can still be live, and is when it is cut', async () => {
  const rig = await left()
  await deaths['whose power is gone and whose BMC is dead']?.(rig)
  await until(rig, 'the spare runs', runsIn(rig, 4))
  const kinds = rig.records.flatMap((record) => {
    if (record.kind === 'command') return [record.command]
    return record.kind === 'observation' && 'bay' in record.observation
      ? [`${record.observation.saw} ${record.observation.bay}`]
      : []
  })
  const tail = kinds.slice(kinds.indexOf('rescue'))
  expect(tail).toEqual(['rescue', 'let-go 3', 'armed 4', 'verified 4'])
  expect(steps(rig, 'cut')).toBe(1)
})

// ── The next spare ──────────────────────────────────────────────────────────────────────────────────────────────

test.each(['post-fails', 'lies-writes'] as const)('a spare whose blade %s is followed by the next', async (kind) => {
  const rig = await left()
  rig.host.perform({ do: 'break', bay: 4, fault: kind === 'post-fails' ? { kind, after: 1 } : { kind } })
  rig.host.perform({ do: 'pull', bay: 3 })
  await until(rig, 'the second spare runs', runsIn(rig, 5))
  expect(deeds(rig).map((deed) => deed?.slice(0, 31))).toEqual([
    'rescued web-01: bay 3 → bay 4 u',
    'rescued web-01: bay 4 → bay 5 u',
  ])
  expect(boots(rig)).toEqual([3, 5])
  sound(rig)
})

test('after so many attempts the policy gives up and calls for somebody; resync lets it try again', async () => {
  const rig = await left()
  for (const bay of [4, 5]) rig.host.perform({ do: 'break', bay, fault: { kind: 'post-fails', after: 0 } })
  rig.host.perform({ do: 'pull', bay: 3 })
  await until(rig, 'both spares failed', () => reasonsOf(rig, 5).includes('rescue-failed'))
  await rig.clock.advance(600_000)
  expect(deeds(rig)).toHaveLength(2)
  expect(boots(rig)).toEqual([3])
  const { state, observed, plans } = rig.agent.now()
  const reporting = { state, observed, plans, hardware: rig.hardware, since: () => 0 }
  expect(reportChassis(reporting, '', {}).todo).toContainEqual({
    bay: 5,
    reason: 'rescue-failed',
    message: 'policy spare gave up on web-01: it was tried in bays 4 and 5',
    remedy: 'look at the blades, then resync bay 5',
  })
  expect(reportPolicy(reporting, 'spare')?.rescues).toMatchObject([{ profile: web, from: 3, bay: 5, tried: [4, 5] }])
  rig.host.perform({ do: 'mend', bay: 5 })
  await rig.do({ kind: 'resync', bay: 5 })
  await until(rig, 'it runs', runsIn(rig, 5))
  expect(boots(rig)).toEqual([3, 5])
  sound(rig)
})

test('where no spare is free the bay calls for one, and whoever inserts a blade is enough', async () => {
  const rig = await left({ spares: [7] })
  rig.host.perform({ do: 'pull', bay: 3 })
  await until(rig, 'the alarm', () => reasonsOf(rig, 3).includes('no-spare'))
  rig.host.perform({ do: 'insert', bay: 7, blade: { product: 'ProLiant BL460c G7', localDisk: true } })
  await until(rig, 'it runs', () => life(rig, 7)?.came === 'verified')
  expect(deeds(rig)).toHaveLength(2)
  sound(rig)
})

test('a blade that is put back before the policy moves is dressed in its own bay, and nothing moves', async () => {
  const rig = await left()
  const serial = rig.host.world.slots[3]?.blade?.kept.serial ?? expect.unreachable()
  rig.host.perform({ do: 'pull', bay: 3 })
  await rig.clock.advance(50_000)
  rig.host.perform({ do: 'insert', bay: 3, blade: { serial } })
  await rig.settle()
  await rig.clock.advance(300_000)
  expect(deeds(rig)).toEqual([])
  expect(boots(rig)).toEqual([3, 3])
  sound(rig)
})

// ── Managers and technicians ────────────────────────────────────────────────────────────────────────────────────

test('a policy acts for a manager that is in office and away, and yields to one that commands', async () => {
  const rig = await left()
  const { incarnation, epoch } = rig.agent.now().state
  await rig.do({ kind: 'take-over', incarnation, observedEpoch: epoch, lineage: 'site', number: 1 })
  const change = (sequence: number) => {
    const { state } = rig.agent.now()
    const expect = { incarnation, bootId: 'boot-1', beforeUptimeMs: 999_999_999 }
    return { epoch: state.epoch, sequence, expect, ifRevision: state.revision }
  }
  const read = change(1)
  rig.host.perform({ do: 'pull', bay: 3 })
  await until(rig, 'the spare runs', runsIn(rig, 4))
  const move = { kind: 'move', profile: web, to: { bay: 5 }, when: 'now', stop: 'forced', preprovision: false } as const
  expect((await rig.refused({ ...move, force: false }, read)).reason).toBe('revision-conflict')
  await rig.do({ ...move, force: false }, change(1))
  await until(rig, 'it runs there', runsIn(rig, 5))
  // The next death: the manager is quicker, and the policy has nothing left to do.
  rig.host.perform({ do: 'pull', bay: 5 })
  await rig.clock.advance(30_000)
  await rig.do({ ...move, to: { bay: 1 }, force: false }, change(2))
  await rig.clock.advance(300_000)
  expect(deeds(rig)).toHaveLength(1)
  expect(boots(rig)).toEqual([1, 3, 4, 5])
  sound(rig)
})

test('a policy that is removed moves nothing, though its blade is dead already', async () => {
  const rig = await left()
  rig.host.perform({ do: 'pull', bay: 3 })
  await rig.clock.advance(59_000)
  await rig.do({ kind: 'remove-policy', policy: policy.id })
  await rig.clock.advance(600_000)
  expect(deeds(rig)).toEqual([])
  expect(reasonsOf(rig, 3)).toEqual(['no-blade'])
})

// ── The agent dies too ──────────────────────────────────────────────────────────────────────────────────────────

test.each(Object.entries(deaths))(
  'killed after any record, a restarted agent ends the rescue of a blade %s',
  async (_, dies) => {
    let killed = 0
    for (let at = 0; ; at++) {
      const rig = await left()
      rig.host.perform({ do: 'break', bay: 4, fault: { kind: 'post-fails', after: 0 } })
      const before = rig.records.length
      await dies(rig)
      await until(rig, 'the next record', () => rig.records.length >= before + at || runsIn(rig, 5)(), 900_000, 20)
      const over = runsIn(rig, 5)()
      rig.kill()
      await rig.clock.advance(2_000)
      await rig.start()
      await until(rig, `killed after ${at} records`, runsIn(rig, 5))
      await rig.clock.advance(120_000)
      expect(boots(rig)).toEqual([3, 5])
      expect(deeds(rig).at(-1)).toContain('bay 4 → bay 5')
      expect(rig.agent.now().state).not.toHaveProperty('rescues')
      sound(rig)
      killed++
      if (over) break
    }
    console.log(`killed after each of ${killed} records`)
    expect(killed).toBeGreaterThanOrEqual(8)
  },
  120_000,
)

test('a controller that is replaced in the middle goes on from the EEPROM: with the policy, and with what it tried', async () => {
  const rig = await left()
  rig.host.perform({ do: 'break', bay: 4, fault: { kind: 'post-fails', after: 0 } })
  rig.host.perform({ do: 'pull', bay: 3 })
  const failed = () => rig.agent.now().state.bays[4]?.fault && rig.host.world.slots[4]?.blade?.run.stage === 'off'
  await until(rig, 'the first spare failed', () => failed() ?? false, 900_000, 20)
  rig.kill()
  rig.medium = memoryMedium()
  await rig.start()
  expect(rig.agent.now().state).toMatchObject({
    term: 2,
    policies: { spare: { policy } },
    rescues: { [web]: { tried: [4] } },
  })
  await until(rig, 'the second spare runs', runsIn(rig, 5))
  expect(boots(rig)).toEqual([3, 5])
  sound(rig)
})
