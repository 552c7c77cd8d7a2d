/**
 * Ways in which this program once made, or could have made, an address live twice, a binding forgotten or a manager
 * left without an answer. Each is a test of the whole chassis where it takes one, and of the pure core where that is
 * enough.
 */
import { expect, test } from 'vitest'
import type { Bay } from '../../agent/core/blade.ts'
import { foresee } from '../../agent/core/foresee.ts'
import type { Profile } from '../../agent/core/profile.ts'
import { id, iscsiProfile, labWith, lanProfile, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { memoryMedium } from './store/memory-medium.ts'

const web = id<'Profile'>('web-01')
const chap = id<'Secret'>('chap')
const into = (bay: Bay) => ({ to: { bay }, when: 'now', preprovision: false }) as const
const runIn = (bay: Bay) => ({ kind: 'assign', profile: web, ...into(bay), power: 'on' }) as const
const power = (bay: Bay, want: 'on' | 'off') => ({ kind: 'power', bay, want, stop: 'forced' }) as const
const moveTo = (bay: Bay, stop: 'forced' | 'graceful') =>
  ({ kind: 'move', profile: web, ...into(bay), stop, force: false }) as const

async function defined(profile: Profile = sanProfile('web-01'), board?: string): Promise<Rig> {
  const rig = new Rig(board)
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  if (profile.connections.some(({ kind }) => kind === 'iscsi')) await rig.setSecret(chap, 'first-secret-1')
  await rig.do({ kind: 'define-profile', profile })
  return rig
}

/** The controller is another one, with nothing on its flash; what there is to know is in the chassis EEPROM. */
async function replaceController(rig: Rig): Promise<void> {
  rig.kill()
  await rig.clock.advance(1_000)
  rig.medium = memoryMedium()
  await rig.start()
}

/** The next sync of the journal fails, and none after it. */
function failOneSync(rig: Rig): void {
  let failed = false
  rig.medium.fail = ({ operation, file }) => {
    if (failed || operation !== 'sync' || !file.startsWith('journal')) return undefined
    failed = true
    return { code: 'EIO' }
  }
}

const plan = (rig: Rig, bay: Bay) => rig.agent.now().plans[bay] ?? expect.unreachable(`no plan of bay ${bay}`)
const reasons = (rig: Rig, bay: Bay) => plan(rig, bay).findings.map(({ reason }) => reason)

// ── A controller that knows less than the blades wear (W15) ─────────────────────────────────────────────────────

test('a profile that the adopted EEPROM knows nothing of running keeps others from wearing its addresses', async () => {
  const rig = await defined()
  rig.eeprom.broken = 'bus stuck'
  expect((await rig.do(runIn(3))).singleCopy).toBe(true)
  await rig.settle()
  rig.eeprom.broken = undefined
  await replaceController(rig)
  await rig.clock.advance(60_000)
  const { intent } = rig.agent.now().state.bays[3] ?? {}
  expect(intent).toBeUndefined()
  expect(rig.agent.now().state.doubts).toMatchObject([{ profile: 'web-01', bay: 3 }])
  expect(reasons(rig, 3)).toEqual(['blade-is-on'])
  await rig.do(runIn(4))
  await rig.clock.advance(120_000)
  expect(reasons(rig, 4)).toContain('in-doubt-elsewhere')
  expect(rig.boots(4)).toEqual([])
  await rig.do(power(3, 'off'))
  await rig.settle()
  expect(rig.boots(4)).toHaveLength(1)
  rig.noDuplicates()
})

test('a move that the EEPROM did not take is not undone by a replaced controller while its blade is on', async () => {
  const rig = await defined()
  await rig.do(runIn(3))
  await rig.settle()
  const taken = rig.eeprom.bytes.slice()
  expect((await rig.do(moveTo(4, 'forced'))).copies).toEqual(['flash', 'eeprom'])
  await rig.settle()
  // As if none of it had reached the EEPROM.
  rig.eeprom.bytes.set(taken)
  await replaceController(rig)
  await rig.clock.advance(120_000)
  expect(rig.agent.now().state.bays[3]?.intent?.profile).toBe('web-01')
  expect(reasons(rig, 3)).toEqual(['in-doubt-elsewhere'])
  expect(reasons(rig, 4)).toEqual(['blade-is-on'])
  expect([rig.boots(3).length, rig.boots(4).length]).toEqual([1, 1])
  rig.noDuplicates()
})

test('an EEPROM that heals is given what it missed, so that a replaced controller finds the move done', async () => {
  const rig = await defined()
  await rig.do(runIn(3))
  await rig.settle()
  rig.eeprom.broken = 'bus stuck'
  expect((await rig.do(moveTo(4, 'forced'))).copies).toEqual(['flash'])
  await rig.settle()
  rig.eeprom.broken = undefined
  await rig.running?.memory.mend()
  expect(rig.running?.memory.view().copies).toEqual(['flash', 'eeprom'])
  await replaceController(rig)
  await rig.settle()
  expect(rig.agent.now().state.bays[3]?.intent).toBeUndefined()
  expect(rig.agent.now().state.bays[4]?.intent?.profile).toBe('web-01')
  rig.noDuplicates()
})

test('after adoption nobody commands without taking over, not even a client that knows no manager', async () => {
  const rig = await defined()
  const manager = { door: 'mqtt', client: id<'Client'>('dc') } as const
  const { incarnation } = rig.agent.now().state
  const takeOver = (observedEpoch: number, number: number) =>
    ({ kind: 'take-over', incarnation, observedEpoch, lineage: 'dc1', number }) as const
  await rig.do(takeOver(0, 1), { who: manager })
  await replaceController(rig)
  const { epoch, office } = rig.agent.now().state
  expect(office).toBeUndefined()
  const remove = { kind: 'remove-profile', profile: web } as const
  expect((await rig.refused(remove)).reason).toBe('not-in-office')
  expect((await rig.refused(remove, { epoch })).reason).toBe('not-in-office')
  expect(rig.agent.now().state.profiles['web-01']).toBeDefined()
  await rig.do(takeOver(epoch, 2), { who: manager })
  expect(rig.agent.now().state.office).toMatchObject({ client: 'dc' })
})

// ── A flash that failed once and was read again (W10) ───────────────────────────────────────────────────────────

test('a record found again after a failed sync is acted on only once the EEPROM has it too', async () => {
  let booted = 0
  for (const moment of [0, 250, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000]) {
    const rig = await defined()
    failOneSync(rig)
    const { outcome } = await rig.submit(runIn(3))
    expect(outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'busy' } })
    await rig.clock.advance(moment)
    const started = rig.boots(3).length
    booted += started
    await replaceController(rig)
    await rig.clock.advance(60_000)
    // Whatever was done to the blade is known to whoever comes next.
    if (started > 0) expect(rig.agent.now().state.bays[3]?.intent?.profile, `after ${moment} ms`).toBe('web-01')
    await rig.submit(runIn(4))
    await rig.clock.advance(120_000)
    rig.noDuplicates()
  }
  expect(booted).toBeGreaterThan(2)
})

test('a request repeated after the flash was read again is answered as accepted, and run once', async () => {
  const rig = await defined()
  failOneSync(rig)
  const command = { kind: 'define-profile', profile: sanProfile('web-02') } as const
  const envelope = rig.envelope(command)
  const answer = async () => (await rig.clock.until(rig.agent.submit(command, envelope))).outcome
  expect(await answer()).toMatchObject({ kind: 'refused', refusal: { reason: 'busy' } })
  await rig.clock.advance(60_000)
  const { revision } = rig.agent.now().state
  for (let repeats = 0; repeats < 3; repeats++) {
    expect(await answer()).toMatchObject({ kind: 'accepted', accepted: { diff: ['profile web-02: defined'] } })
  }
  expect(rig.agent.now().state.revision).toBe(revision)
})

// ── What was acknowledged, and what was asked ───────────────────────────────────────────────────────────────────

test('an acknowledged stop outlives the controller, and the move that waits for it is carried out', async () => {
  const rig = await defined()
  await rig.do(runIn(3))
  await rig.settle()
  rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'silent' } })
  await rig.clock.advance(60_000)
  expect((await rig.do(moveTo(4, 'graceful'))).copies).toEqual(['flash', 'eeprom'])
  await rig.clock.advance(1_000)
  rig.kill()
  rig.host.perform({ do: 'mend', bay: 3 })
  await rig.clock.advance(10_000)
  await replaceController(rig)
  expect(rig.agent.now().state.bays[3]?.stopping).toBe('graceful')
  await rig.settle()
  expect([rig.boots(3).length, rig.boots(4).length]).toEqual([1, 1])
  rig.noDuplicates()
})

test('a stop that was carried out stops no later run, whoever goes on from the EEPROM', async () => {
  const rig = await defined()
  await rig.do(runIn(3))
  await rig.settle()
  // The blade ignores it for so long that a restart takes the stop into the EEPROM.
  rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'ignores-shutdown' } })
  await rig.do({ kind: 'power', bay: 3, want: 'cycle', stop: 'graceful' })
  await rig.clock.advance(500)
  rig.kill()
  await rig.start()
  rig.host.perform({ do: 'mend', bay: 3 })
  rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  await rig.settle()
  expect(rig.boots(3)).toHaveLength(2)
  await replaceController(rig)
  expect(rig.agent.now().state.bays[3]?.stopping).toBeUndefined()
  await rig.settle()
  await rig.clock.advance(60_000)
  expect(rig.boots(3)).toHaveLength(2)
  expect(rig.agent.now().plans[3]?.phase).toBe('running')
})

/** Secrets that the functions of bay 3's blade would use from the next POST on, or use now. */
function secretsHeld(rig: Rig): readonly string[] {
  const adapters = rig.host.world.slots[3]?.blade?.kept.adapters ?? expect.unreachable('no blade in bay 3')
  return adapters.flatMap(({ functions }) =>
    functions.flatMap(({ pending, applied }) => (pending ?? applied).secrets.chap ?? []),
  )
}

test('a CHAP secret that a blade lost while it was out of its bay for a moment is written again', async () => {
  // With the factory's own MAC nothing of the function itself tells that what waited for POST is gone.
  const disk = iscsiProfile('web-01')
  const connections = disk.connections.map((each) =>
    each.kind === 'iscsi' ? { ...each, slot: 'mezz1', mac: { from: 'factory' } as const } : each,
  )
  const rig = await defined({ ...disk, connections }, 'cisco-ucs-5108')
  await rig.do(runIn(3))
  await rig.settle()
  await rig.do(power(3, 'off'))
  await rig.settle()
  await rig.setSecret(chap, 'second-secret-2')
  await rig.settle()
  // Pulled and put back before anybody looked.
  const { serial } = rig.host.world.slots[3]?.blade?.kept ?? expect.unreachable('no blade in bay 3')
  expect(rig.host.perform({ do: 'pull', bay: 3 })).toBeUndefined()
  expect(rig.host.perform({ do: 'insert', bay: 3, blade: { serial } })).toBeUndefined()
  expect(secretsHeld(rig)).not.toContain('second-secret-2')
  await rig.clock.advance(20_000)
  await rig.settle()
  await rig.do(power(3, 'on'))
  await rig.settle()
  expect(secretsHeld(rig)).toEqual(['second-secret-2'])
})

// ── Judged by the pure core alone ───────────────────────────────────────────────────────────────────────────────

test('a dry run ends on a board without a latch, whatever the blade was last asked', () => {
  const lab = labWith([lanProfile('web-01')], 'generic-2u4n')
  lab.settle()
  lab.do(power(1, 'on'))
  lab.note(lab.plan(1).note ?? expect.unreachable())
  lab.seat(1, (sight) => ({ ...sight, asked: { ...sight.asked, power: { action: 'on', secondsAgo: 1 } } }))
  expect(lab.waits(1)).toEqual(['starting'])
  lab.do(power(1, 'off'))
  const foreseen = foresee(lab.state, lab.observed, lab.hardware)
  lab.state = foreseen.state
  lab.observed = foreseen.observed
  expect(lab.plan(1)).toMatchObject({ steps: [], findings: [] })
  expect(lab.blade(1).power).toBe('off')
})

test('a bay whose quarantined blade left takes power again, and the profile stays in doubt', () => {
  const disk = iscsiProfile('web-01')
  const lab = labWith([disk])
  lab.settle()
  lab.run(disk, 3)
  lab.turn(3, (blade) => ({ ...blade, power: 'off', stage: 'off' }))
  lab.blind(3)
  lab.do({ kind: 'unassign', profile: disk.id, when: 'now', stop: 'no', force: true })
  expect(lab.state.doubts).toMatchObject([{ profile: 'web-01', bay: 3, kept: false, vouched: true }])
  expect(lab.refused(power(3, 'on'))?.reason).toBeDefined()
  const other = lab.blade(5)
  lab.swap(5)
  lab.settle()
  lab.swap(3, other)
  lab.settle()
  // Its initiator name outlives AC loss: gone from the bay is not let go of.
  expect(lab.state.doubts).toMatchObject([{ profile: 'web-01', kept: true }])
  expect(lab.refused({ kind: 'remove-profile', profile: disk.id })?.reason).toBe('profile-in-doubt')
  lab.do(power(3, 'on'))
  lab.settle()
  expect(lab.blade(3).power).toBe('on')
})

test('two bays that show one blade serial free nothing, whatever the second blade wears', () => {
  const web = sanProfile('web-01')
  const lab = labWith([web])
  lab.settle()
  lab.run(web, 3)
  const { serial } = lab.blade(3)
  lab.swap(5, { ...lab.blade(5), serial })
  expect(lab.waits(5)).toEqual(['serial-differs'])
  expect(lab.waits(3)).toEqual(['serial-differs'])
  lab.settle()
  expect(lab.state.doubts).toMatchObject([{ profile: 'web-01', bay: 3, serial, kept: false }])
  lab.do({ kind: 'unassign', profile: web.id, when: 'now', stop: 'forced', force: false })
  lab.settle()
  expect(lab.state.doubts).toMatchObject([{ profile: 'web-01', bay: 3, serial }])
})
