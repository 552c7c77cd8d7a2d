/**
 * SPEC's bay machine, transition by transition, against hardware that does not do what it is told.
 */
import { describe, expect, test } from 'vitest'
import type { Serial } from '../../agent/core/addresses.ts'
import { limits } from '../../agent/core/bay-plan.ts'
import type { Bay, Blade, Step } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Profile } from '../../agent/core/profile.ts'
import { adapter, blade, id, iscsiProfile, type Lab, labWith, lanProfile, sanProfile } from './lab.ts'

const [web, other, disk] = [sanProfile('web-01'), lanProfile('other'), iscsiProfile('disk-01')]
const power = (
  bay: Bay,
  want: 'on' | 'off' | 'reset' | 'cycle',
  stop: 'graceful' | 'forced' = 'graceful',
): Command => ({ kind: 'power', bay, want, stop })
const assign = (profile: Profile, bay: Bay, want?: 'on'): Command => ({
  kind: 'assign',
  profile: profile.id,
  to: { bay },
  when: 'next-off',
  preprovision: true,
  ...(want && { power: want }),
})
const leave = (profile: Profile, stop: 'no' | 'graceful' | 'forced' = 'no'): Command => ({
  kind: 'unassign',
  profile: profile.id,
  when: 'next-off',
  stop,
  force: false,
})
const kinds = (steps: readonly Step[]) => steps.map(({ kind }) => kind)
const off = (it: Blade): Blade => ({ ...it, power: 'off', stage: 'off', stageSeconds: 0 })
const on =
  (stage: Blade['stage'], stageSeconds = 1) =>
  (it: Blade): Blade => ({ ...it, power: 'on', stage, stageSeconds })

/** What waited is in use. */
const consumed = (it: Blade): Blade => ({
  ...it,
  adapters: it.adapters.map((each) => ({
    ...each,
    functions: each.functions.map(({ pending, ...fn }) => ({ ...fn, applied: pending ?? fn.applied })),
  })),
})

/** Armed, permitted and powered on by hand; POST is under way. */
function inPost(lab: Lab, bay: Bay) {
  while (!lab.plan(bay).next) settleOnce(lab, bay)
  const { note } = lab.plan(bay)
  if (note?.saw !== 'armed') return expect.unreachable(JSON.stringify(note))
  lab.note(note)
  lab.latch(bay, { state: 'spent', n: note.n })
  lab.turn(bay, on('post'))
}

function settleOnce(lab: Lab, bay: Bay) {
  const { note, steps } = lab.plan(bay)
  if (note) return lab.note(note)
  expect(steps.length).toBeGreaterThan(0)
  for (const step of steps) lab.obey(step)
}

/** Time since the last power request, as the agent remembers it. */
const asked = (lab: Lab, bay: Bay, action: 'on' | 'off' | 'shutdown', secondsAgo: number) =>
  lab.seat(bay, (sight) => ({ ...sight, asked: { ...sight.asked, power: { action, secondsAgo } } }))

describe('unknown (W2)', () => {
  test('a bay that was never looked at is planned nothing', () => {
    const lab = labWith([web])
    lab.observed = { ...lab.observed, bays: {} }
    expect(lab.plan(1)).toMatchObject({ phase: 'unknown', steps: [], findings: [{ reason: 'not-looked-yet' }] })
  })

  for (const [phase, prepare] of [
    ['staged', (lab: Lab) => lab.do(assign(web, 1))],
    ['ready', (lab: Lab) => lab.do(assign(web, 1)) && lab.settle()],
    ['armed', (lab: Lab) => lab.do(assign(web, 1, 'on')) && inPost(lab, 1)],
    ['running', (lab: Lab) => lab.run(web, 1)],
    ['leaving', (lab: Lab) => [lab.run(web, 1), lab.do(leave(web))]],
    ['idle', (lab: Lab) => lab.do(power(1, 'off'))],
  ] as const) {
    test(`while ${phase}, an unanswered command means: permit withdrawn, barrier, and nothing else`, () => {
      const lab = labWith([web])
      prepare(lab)
      expect(lab.plan(1).phase).toBe(phase)
      lab.latch(1, { state: 'granted', n: 9 })
      lab.blind(1, true)
      expect(lab.plan(1).steps).toEqual([{ kind: 'withdraw', bay: 1 }])
      lab.latch(1, { state: 'denied', n: 9 })
      expect(lab.plan(1)).toMatchObject({ phase: 'unknown', steps: [{ kind: 'barrier', bay: 1 }] })
      expect(lab.waits(1)).toContain('unanswered')
      lab.blind(1, false)
      expect(lab.plan(1)).toMatchObject({ phase: 'unknown', steps: [] })
      expect(lab.waits(1)).toContain('bmc-silent')
    })
  }

  test('each way of not being able to see a blade is told apart', () => {
    const lab = labWith([])
    for (const blind of [
      'backplane-silent',
      'bmc-busy',
      'bmc-nonsense',
      'serial-differs',
      'bmc-refused',
      'hardware-refused',
      'session-lost',
    ] as const) {
      lab.seat(1, (sight) => ({ ...sight, blade: 'unknown', blind }))
      expect(lab.waits(1)).toEqual([blind])
    }
    lab.seat(1, (sight) => ({ ...sight, blade: 'unknown', blind: 'agent-started' }))
    expect(lab.waits(1)).toEqual(['not-looked-yet'])
    lab.seat(1, (sight) => ({ ...sight, slot: 'unknown', blade: 'unknown', blind: 'backplane-silent' }))
    expect(lab.waits(1)).toEqual(['backplane-silent'])
  })

  test('an agent that comes up over a running server watches on, and one over a started one verifies it', () => {
    const lab = labWith([web])
    lab.run(web, 1)
    expect(lab.plan(1)).toMatchObject({ phase: 'running', steps: [], findings: [] })
    // Its records do not tell of the arming: what is applied does.
    lab.note({ saw: 'off', bay: 1 })
    lab.latch(1, { state: 'spent', n: 7 })
    expect(lab.plan(1).note).toMatchObject({ saw: 'verified', n: 7, profile: web.id })
  })

  test('the assigned profile, seen live on a blade that no record names, is in doubt there before it counts as running', () => {
    const lab = labWith([web])
    lab.run(web, 1)
    const { serial } = lab.blade(1)
    lab.note({ saw: 'left', bay: 1, serial })
    expect(lab.state.doubts).toEqual([])
    expect(lab.plan(1).note).toMatchObject({ saw: 'in-doubt', doubt: { serial, bay: 1 } })
    lab.settle()
    expect(lab.state.bays[1]?.life?.came).toBe('verified')
    expect(lab.state.doubts).toMatchObject([{ profile: 'web-01', serial }])
  })
})

describe('staged and ready', () => {
  test('a profile is in doubt on its blade before the first write reaches it', () => {
    const lab = labWith([web])
    const seen = lab.blade(1)
    lab.swap(1)
    lab.do(assign(web, 1, 'on'))
    lab.swap(1, seen)
    expect(lab.plan(1)).toMatchObject({ note: { saw: 'in-doubt', doubt: { serial: seen.serial } }, steps: [] })
  })

  test('a write that the adapter did not take is written again, and nothing is armed', () => {
    const lab = labWith([web])
    lab.do(assign(web, 1, 'on'))
    const before = lab.blade(1)
    settleOnce(lab, 1)
    lab.seat(1, (sight) => ({ ...sight, blade: before }))
    expect(kinds(lab.plan(1).steps)).toEqual(['write'])
    expect(lab.plan(1).note).toBeUndefined()
  })

  test('without a wanted power the blade is dressed and stays off', () => {
    const lab = labWith([web])
    lab.do(assign(web, 1))
    expect(kinds(lab.settle().steps)).toEqual(['write', 'boot'])
    expect(lab.plan(1)).toMatchObject({ phase: 'ready', steps: [], findings: [] })
  })

  test('a permit found standing is withdrawn before anything is written or believed', () => {
    const lab = labWith([web])
    lab.do(assign(web, 1))
    lab.settle()
    lab.latch(1, { state: 'granted', n: 5 })
    expect(lab.plan(1).steps).toEqual([{ kind: 'withdraw', bay: 1 }])
    lab.latch(2, { state: 'granted', n: 5 })
    expect(lab.plan(2).steps).toEqual([{ kind: 'withdraw', bay: 2 }])
    lab.swap(2)
    lab.latch(2, { state: 'granted', n: 5 })
    expect(lab.plan(2).steps).toEqual([{ kind: 'withdraw', bay: 2 }])
  })

  test('a permit on a blade that is on would stand for its next start, and is withdrawn', () => {
    const lab = labWith([web])
    lab.run(web, 1)
    lab.latch(1, { state: 'granted', n: 5 })
    expect(lab.plan(1).steps).toEqual([{ kind: 'withdraw', bay: 1 }])
  })

  test('an arming number is above all that the records and the latch know of', () => {
    const lab = labWith([web])
    lab.do(assign(web, 1, 'on'))
    lab.latch(1, { state: 'spent', n: 41 })
    lab.settle()
    expect(lab.state.bays[1]?.n).toBe(42)
  })

  test('a secret that is missing holds the bay; one that was replaced is written again', () => {
    const lab = labWith([disk])
    lab.do({
      kind: 'define-profile',
      profile: { ...disk, id: id<'Profile'>('odd'), boot: { mode: 'uefi', order: [] }, connections: other.connections },
    })
    lab.do(assign(disk, 1))
    const { secrets } = lab.state
    lab.state = { ...lab.state, secrets: {} }
    expect(lab.waits(1)).toEqual(['secret-missing'])
    lab.state = { ...lab.state, secrets }
    const { steps } = lab.settle()
    expect(steps.filter(({ kind }) => kind === 'write')).toMatchObject([{ secrets: ['chap@v1'] }])
    lab.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), sealed: 'other', mark: 'v2' })
    expect(lab.settle().steps).toMatchObject([{ kind: 'write', secrets: ['chap@v2'] }])
    // A restarted agent can not tell whether the secret is there: what is write-only is written in this arming (W16).
    lab.seat(1, (sight) => ({ ...sight, asked: { ...sight.asked, secrets: [] } }))
    expect(lab.plan(1).steps).toMatchObject([{ kind: 'write', secrets: ['chap@v2'] }])
  })

  for (const [affinity, product, stays] of [
    ['bay', 'ProLiant BL465c G7', false],
    ['model', 'ProLiant BL460c G7', false],
    ['model', 'ProLiant BL465c G7', true],
    ['blade', 'ProLiant BL460c G7', true],
  ] as const) {
    test(`with affinity ${affinity}, another ${product} ${stays ? 'does not wear' : 'wears'} the profile unasked`, () => {
      const lab = labWith([{ ...other, affinity }])
      lab.do(assign(other, 1))
      lab.settle()
      lab.swap(1, blade(lab.hardware, product, 50))
      lab.settle()
      expect(lab.waits(1)).toEqual(stays ? ['different-blade'] : [])
      expect(lab.state.doubts).toHaveLength(stays ? 0 : 1)
    })
  }

  test('a blade that can not carry the profile holds the bay and says why', () => {
    const lab = labWith([{ ...web, affinity: 'bay' }])
    lab.swap(1)
    lab.do(assign(web, 1, 'on'))
    lab.swap(1, blade(lab.hardware, 'ProLiant BL465c G7', 50))
    lab.settle()
    expect(lab.waits(1)).toEqual(['does-not-fit'])
  })

  test('a profile whose adapter was replaced is placed anew', () => {
    const lab = labWith([other])
    lab.do(assign(other, 1))
    lab.settle()
    const model = lab.hardware.adapters['hp-flex-10'] ?? expect.unreachable()
    lab.turn(1, (it) => ({ ...it, adapters: [adapter('lom', model, 700), ...it.adapters.slice(1)] }))
    expect(kinds(lab.settle().steps)).toEqual(['write'])
    expect(lab.plan(1).findings).toEqual([])
  })
})

describe('armed', () => {
  const armed = (): Lab => {
    const lab = labWith([web, other])
    lab.do(assign(web, 1, 'on'))
    inPost(lab, 1)
    return lab
  }

  test('a blade that lags behind its permit is asked again after a while, not at once', () => {
    const lab = armed()
    lab.latch(1, { state: 'granted', n: 1 })
    lab.turn(1, off)
    expect(lab.plan(1).steps).toMatchObject([{ kind: 'power', action: 'on' }])
    asked(lab, 1, 'on', limits.powerLag - 1)
    expect(lab.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'starting' }] })
    asked(lab, 1, 'on', limits.powerLag)
    expect(lab.plan(1).steps).toMatchObject([{ kind: 'power', action: 'on' }])
  })

  test('power good without the BMC saying so is on, and so is the other way round', () => {
    const lab = armed()
    lab.seat(1, (sight) => ({ ...sight, blade: off(lab.blade(1)) }))
    expect(lab.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'starting' }] })
    lab.turn(1, off)
    lab.seat(1, (sight) => ({ ...sight, blade: on('post')(lab.blade(1)) }))
    expect(lab.plan(1)).toMatchObject({ phase: 'armed', steps: [], findings: [{ reason: 'starting' }] })
  })

  test('a permit that is no longer wanted is taken back before it is used: power off, unassign, another profile', () => {
    for (const command of [power(1, 'off'), leave(web)]) {
      const lab = armed()
      lab.latch(1, { state: 'granted', n: 1 })
      lab.turn(1, off)
      lab.do(command)
      expect(lab.plan(1).steps).toEqual([{ kind: 'withdraw', bay: 1 }])
    }
  })

  test('a permit is taken back before it is used when the profile turns out to be in doubt elsewhere, too', () => {
    const lab = armed()
    lab.latch(1, { state: 'granted', n: 1 })
    lab.turn(1, off)
    expect(lab.plan(1).steps).not.toEqual([{ kind: 'withdraw', bay: 1 }])
    const [doubt] = lab.state.doubts
    if (!doubt) return expect.unreachable('nothing is in doubt')
    lab.state = { ...lab.state, doubts: [...lab.state.doubts, { ...doubt, bay: 2, serial: lab.blade(2).serial }] }
    expect(lab.plan(1).steps).toEqual([{ kind: 'withdraw', bay: 1 }])
  })

  test('power off reaches a blade that came on faster than the look was old', () => {
    const lab = armed()
    lab.latch(1, { state: 'granted', n: 1 })
    lab.turn(1, off)
    lab.do(power(1, 'off', 'forced'))
    lab.latch(1, { state: 'spent', n: 1 })
    lab.turn(1, on('post'))
    expect(lab.plan(1).steps).toMatchObject([{ kind: 'power', action: 'off' }])
  })

  test('a halted POST is a fault: off, staged, and no new arming until somebody says so', () => {
    const lab = armed()
    lab.turn(1, on('halted'))
    expect(lab.plan(1).note).toMatchObject({ saw: 'post-failed', n: 1 })
    lab.settle()
    expect(lab.blade(1).power).toBe('off')
    expect(lab.plan(1)).toMatchObject({ phase: 'ready', findings: [{ reason: 'post-failed' }] })
    lab.do({ kind: 'resync', bay: 1 })
    lab.settle()
    expect(lab.state.bays[1]?.life).toMatchObject({ came: 'verified', n: 2 })
  })

  test('power on lifts the fault, and so does another blade', () => {
    for (const lift of [
      (lab: Lab) => lab.do(power(1, 'on')),
      (lab: Lab) => lab.swap(1, blade(lab.hardware, 'ProLiant BL460c G7', 50)),
    ]) {
      const lab = armed()
      lab.turn(1, on('halted'))
      lab.settle()
      lift(lab)
      lab.settle()
      expect(lab.state.bays[1]).toMatchObject({ life: { came: 'verified' } })
      expect(lab.state.bays[1]).not.toHaveProperty('fault')
    }
  })

  test('a POST over its limit is a fault; an operating system that comes up all the same is verified', () => {
    const lab = armed()
    const limit = lab.hardware.board.postLimitSeconds
    lab.turn(1, on('post', limit))
    expect(lab.waits(1)).toEqual(['starting'])
    lab.turn(1, on('post', limit + 1))
    settleOnce(lab, 1)
    expect(lab.plan(1).steps).toMatchObject([{ kind: 'power', action: 'off' }])
    asked(lab, 1, 'off', 1)
    expect(lab.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'post-failed' }] })
    lab.turn(1, (it) => on('os')(consumed(it)))
    settleOnce(lab, 1)
    expect(lab.plan(1)).toMatchObject({ phase: 'running', steps: [], findings: [] })
    expect(lab.state.bays[1]).not.toHaveProperty('fault')
  })

  test('a blade that goes off by itself before it was verified is not armed again by itself', () => {
    const lab = armed()
    lab.turn(1, off)
    expect(lab.plan(1).note).toMatchObject({ saw: 'post-failed' })
    lab.settle()
    expect(lab.blade(1).power).toBe('off')
    expect(lab.waits(1)).toEqual(['post-failed'])
  })

  test('after AC loss in POST it is armed again: nobody is to blame', () => {
    const lab = armed()
    lab.turn(1, off)
    lab.latch(1, { state: 'denied', n: 0 })
    lab.settle()
    expect(lab.state.bays[1]?.life).toMatchObject({ came: 'verified', n: 2 })
  })

  test('an operating system on other addresses is wrong: an alarm, and off only by command, then dressed without a loop', () => {
    const lab = armed()
    lab.turn(1, on('os'))
    lab.settle()
    expect(lab.plan(1)).toMatchObject({ phase: 'wrong', steps: [], findings: [{ reason: 'wrong-identity' }] })
    expect(lab.blade(1).power).toBe('on')
    lab.do(power(1, 'cycle', 'forced'))
    const { steps } = lab.settle()
    expect(kinds(steps)).toEqual(['power', 'permit', 'power'])
    expect(lab.plan(1)).toMatchObject({ phase: 'running', findings: [] })
  })

  test('what was wrong and is right after all (a driver attached late) runs', () => {
    const lab = armed()
    lab.turn(1, on('os'))
    lab.settle()
    lab.turn(1, consumed)
    lab.settle()
    expect(lab.plan(1)).toMatchObject({ phase: 'running', findings: [] })
  })
})

describe('running', () => {
  const running = (): Lab => {
    const lab = labWith([web, other])
    lab.run(web, 1)
    return lab
  }

  test('a shut-down of its own is wanted from then on (W26)', () => {
    const lab = running()
    lab.turn(1, off)
    lab.settle()
    expect(lab.state.bays[1]).toMatchObject({ power: 'off' })
    expect(lab.blade(1).power).toBe('off')
    expect(lab.plan(1)).toMatchObject({ phase: 'ready', findings: [] })
  })

  test('after AC loss the wanted power holds: dressed again, armed again, on (W26)', () => {
    const lab = running()
    lab.turn(1, off)
    lab.latch(1, { state: 'denied', n: 0 })
    lab.settle()
    expect(lab.state.bays[1]).toMatchObject({ power: 'on', life: { n: 2, came: 'verified' } })
  })

  test('a warm reset is no business of ours, whatever POST does', () => {
    const lab = running()
    for (const stage of ['post', 'halted'] as const) {
      lab.turn(1, on(stage, 9999))
      expect(lab.plan(1).steps).toEqual([])
      expect(lab.plan(1).note).toBeUndefined()
    }
  })

  test('off is asked for once, waited for, and never turned into force by itself', () => {
    const lab = running()
    lab.do(power(1, 'off'))
    expect(lab.plan(1).steps).toMatchObject([{ action: 'shutdown' }])
    lab.turn(1, on('os', 500))
    asked(lab, 1, 'shutdown', limits.shutdown)
    expect(lab.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'stopping' }] })
    asked(lab, 1, 'shutdown', limits.shutdown + 1)
    expect(lab.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'will-not-stop' }] })
    lab.do(power(1, 'off', 'forced'))
    expect(lab.plan(1).steps).toMatchObject([{ action: 'off' }])
  })

  test('a shut-down that was asked for before this operating system came up is asked for again', () => {
    const lab = running()
    lab.do(power(1, 'off'))
    lab.turn(1, on('os', 20))
    asked(lab, 1, 'shutdown', 60)
    expect(lab.plan(1).steps).toMatchObject([{ action: 'shutdown' }])
  })

  test('a blade that halted has nobody to ask: off means off', () => {
    const lab = running()
    lab.turn(1, on('halted'))
    lab.do(power(1, 'off'))
    expect(lab.plan(1).steps).toMatchObject([{ action: 'off' }])
  })

  test('a reset is noted as sent before it is sent, and so sent at most once', () => {
    const lab = running()
    lab.do(power(1, 'reset'))
    const { note, next } = lab.plan(1)
    expect([note, next]).toMatchObject([
      { saw: 'sent', which: 'resets', count: 1 },
      { kind: 'power', action: 'reset' },
    ])
    if (note) lab.note(note)
    expect(lab.plan(1)).toMatchObject({ phase: 'running', steps: [] })
    expect(lab.plan(1).next).toBeUndefined()
  })

  test('a reset that finds its blade off, or gone, is done with, and does not hit the next start', () => {
    for (const meanwhile of [(lab: Lab) => lab.turn(1, off), (lab: Lab) => lab.swap(1)]) {
      const lab = running()
      lab.do(power(1, 'reset'))
      meanwhile(lab)
      const { steps } = lab.settle()
      expect(steps).not.toContainEqual({ kind: 'power', bay: 1, action: 'reset' })
      expect(lab.state.bays[1]?.resets).toEqual({ wanted: 1, sent: 1 })
    }
  })

  test('a reseat that finds the bay empty does not cut the next blade, and a stop does not stop it', () => {
    const lab = running()
    lab.do({ kind: 'reseat', bay: 1 })
    lab.do(power(1, 'off'))
    lab.swap(1)
    lab.settle()
    expect(lab.state.bays[1]).toMatchObject({ reseats: { wanted: 1, sent: 1 } })
    expect(lab.state.bays[1]).not.toHaveProperty('stopping')
  })

  test('a boot plan changed by command waits until the server is off: neither targets nor order are touched before', () => {
    const lab = running()
    const before = lab.blade(1).boot
    lab.do({ kind: 'set-boot-plan', profile: web.id, boot: { mode: 'legacy', order: [{ target: 'local' }] } })
    expect(lab.settle().steps).toEqual([])
    expect(lab.blade(1).boot).toEqual(before)
    expect(lab.waits(1)).toEqual(['waits-for-off'])
    lab.do(power(1, 'cycle'))
    lab.settle()
    expect(lab.blade(1).boot).toEqual({ mode: 'legacy', order: ['local'] })
    expect(lab.waits(1)).toEqual([])
  })

  test('a server that runs while off is wanted is told of, and left running (W5)', () => {
    const lab = labWith([])
    lab.do(power(1, 'on'))
    lab.settle()
    lab.note({ saw: 'off', bay: 1, power: 'off' })
    expect(lab.plan(1).steps).toEqual([])
    expect(lab.waits(1)).toEqual(['blade-is-on'])
  })

  test('other addresses than those verified are an alarm, and nothing is done about it', () => {
    const lab = running()
    lab.turn(1, (it) => ({
      ...it,
      adapters: it.adapters.map((each) => ({
        ...each,
        functions: each.functions.map((fn) => ({ ...fn, applied: fn.factory })),
      })),
    }))
    expect(lab.plan(1)).toMatchObject({ phase: 'wrong', steps: [], findings: [{ reason: 'wrong-identity' }] })
  })

  test('a server that was armed bare is no server of a profile assigned since', () => {
    const lab = labWith([web])
    lab.do(power(1, 'on'))
    lab.settle()
    lab.do(assign(web, 1))
    lab.settle()
    expect(lab.waits(1)).toEqual(['waits-for-off'])
  })
})

describe('leaving (W1)', () => {
  const leaving = (): Lab => {
    const lab = labWith([web, other])
    lab.run(web, 1)
    lab.do(leave(web))
    return lab
  }

  test('a blade that is on holds; it is switched off only where the command said so', () => {
    const lab = leaving()
    expect(lab.settle().steps).toEqual([])
    expect(lab.plan(1)).toMatchObject({ phase: 'leaving', findings: [{ reason: 'blade-is-on' }] })
    const forced = labWith([web])
    forced.run(web, 1)
    forced.do(leave(web, 'forced'))
    expect(kinds(forced.settle().steps)).toEqual(['power', 'clear'])
    expect(forced.state.doubts).toEqual([])
  })

  test('let go is: permit withdrawn, read bare, read off, and each only from what is seen', () => {
    const lab = leaving()
    lab.turn(1, off)
    lab.latch(1, { state: 'granted', n: 1 })
    const seen: string[] = []
    for (let round = 0; round < 9 && lab.state.doubts.length > 0; round++) {
      const { note, steps } = lab.plan(1)
      seen.push(note?.saw ?? kinds(steps).join(' '))
      settleOnce(lab, 1)
    }
    expect(seen).toEqual(['withdraw', 'off', 'clear', 'let-go'])
  })

  test('a clear that the adapter did not take is no proof: it is cleared again', () => {
    const lab = leaving()
    lab.turn(1, off)
    lab.note({ saw: 'off', bay: 1 })
    expect(kinds(lab.plan(1).steps)).toEqual(['clear'])
    lab.turn(1, (it) => ({ ...it, shown: { serial: 'VIRTUAL' as Serial } }))
    lab.obey(lab.plan(1).steps[0] as Step)
    lab.turn(1, (it) => ({ ...it, shown: { serial: 'VIRTUAL' as Serial } }))
    expect(kinds(lab.plan(1).steps)).toEqual(['clear'])
  })

  test('the next bay holds until then, and says where', () => {
    const lab = leaving()
    lab.do(assign(web, 2, 'on'))
    lab.settle()
    expect(lab.plan(2).findings).toMatchObject([
      { reason: 'in-doubt-elsewhere', say: expect.stringContaining('bay 1') },
    ])
    expect(kinds(lab.plan(2).steps)).toEqual([])
    lab.turn(1, off)
    lab.settle()
    expect(lab.state.bays[2]?.life?.came).toBe('verified')
  })

  test('two profiles on one blade are both let go by one proof', () => {
    const lab = leaving()
    lab.do(assign(other, 1))
    lab.do(leave(other))
    expect(lab.state.doubts).toHaveLength(2)
    lab.turn(1, off)
    lab.settle()
    expect(lab.state.doubts).toEqual([])
  })

  test('a profile assigned to the bay meanwhile waits for the one that leaves, on the same blade', () => {
    const lab = leaving()
    lab.do(assign(other, 1, 'on'))
    lab.settle()
    expect(lab.waits(1)).toEqual(['blade-is-on'])
    lab.turn(1, off)
    lab.settle()
    expect(lab.state.bays[1]?.life).toMatchObject({ came: 'verified', profile: 'other' })
  })

  test('a profile that comes back before it has left runs on untouched', () => {
    const lab = leaving()
    lab.do(assign(web, 1, 'on'))
    expect(lab.settle().steps).toEqual([])
    expect(lab.plan(1)).toMatchObject({ phase: 'running', findings: [] })
  })

  test('a profile unassigned in POST is not wrong when it comes up: it only has to go', () => {
    const lab = labWith([web])
    lab.do(assign(web, 1, 'on'))
    inPost(lab, 1)
    lab.do(leave(web))
    lab.turn(1, on('os'))
    expect(lab.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'blade-is-on' }] })
    expect(lab.plan(1).note).toBeUndefined()
  })
})

describe('pulled, swapped, cut (W6, W8)', () => {
  test('a pulled blade is freed of what AC loss erases', () => {
    const lab = labWith([web])
    lab.run(web, 1)
    lab.do(
      assign(web, 2) && {
        kind: 'move',
        profile: web.id,
        to: { bay: 2 },
        when: 'next-off',
        stop: 'no',
        preprovision: false,
        force: false,
        power: 'on',
      },
    )
    lab.swap(1)
    lab.settle()
    expect(lab.state.bays[2]?.life?.came).toBe('verified')
    expect(lab.state.doubts).toMatchObject([{ bay: 2 }])
  })

  test('its iSCSI name stays in doubt until that blade is seen bare, in whichever bay', () => {
    const lab = labWith([disk])
    lab.run(disk, 1)
    const gone = lab.blade(1)
    lab.swap(1)
    lab.do({
      kind: 'move',
      profile: disk.id,
      to: { bay: 2 },
      when: 'now',
      stop: 'no',
      preprovision: false,
      force: false,
      power: 'on',
    })
    lab.settle()
    expect(lab.plan(2).findings).toMatchObject([
      { reason: 'in-doubt-elsewhere', remedy: expect.stringContaining('any bay') },
    ])
    lab.swap(5, off(gone))
    lab.settle()
    expect(lab.state.bays[2]?.life?.came).toBe('verified')
    expect(lab.state.doubts).toMatchObject([{ bay: 2 }])
  })

  test('another blade in the bay proves nothing about the one that left', () => {
    const lab = labWith([disk])
    lab.run(disk, 1)
    const { serial } = lab.blade(1)
    lab.do(leave(disk))
    lab.swap(1, blade(lab.hardware, 'ProLiant BL460c G7', 50))
    lab.settle()
    expect(lab.state.doubts).toMatchObject([{ serial, kept: true }])
  })

  test('a blade that was moved while nobody looked is in doubt where it is now', () => {
    const lab = labWith([other])
    lab.run(other, 1)
    const moved = off(lab.blade(1))
    lab.blind(2)
    lab.do({
      kind: 'move',
      profile: other.id,
      to: { bay: 2 },
      when: 'next-off',
      stop: 'no',
      preprovision: true,
      force: false,
      power: 'on',
    })
    // Bay 2 is looked at first: nobody is dressed while two bays show one blade (W7).
    lab.swap(2, moved)
    expect(lab.waits(2)).toEqual(['serial-differs'])
    lab.swap(1)
    lab.settle()
    expect(lab.state.doubts).toMatchObject([{ bay: 2, serial: moved.serial }])
    expect(lab.state.bays[2]?.life?.came).toBe('verified')
  })

  test('a bay whose BMC is dead is freed by a cut, as far as AC loss frees, and only while nothing was sent after', () => {
    const lab = labWith([web])
    lab.run(web, 1)
    lab.do({
      kind: 'move',
      profile: web.id,
      to: { bay: 2 },
      when: 'next-off',
      stop: 'no',
      preprovision: false,
      force: false,
      power: 'on',
    })
    lab.blind(1)
    lab.settle()
    expect(lab.waits(1)).toEqual(['bmc-silent', 'left-by-hand'])
    lab.do({ kind: 'reseat', bay: 1 })
    const { note, next } = lab.plan(1)
    expect([note, next]).toMatchObject([{ saw: 'sent', which: 'reseats' }, { kind: 'cut' }])
    settleOnce(lab, 1)
    lab.obey({ kind: 'cut', bay: 1 })
    lab.seat(1, (sight) => ({ ...sight, asked: { ...sight.asked, cut: false } }))
    expect(lab.plan(1).note).toBeUndefined()
    lab.seat(1, (sight) => ({ ...sight, asked: { ...sight.asked, cut: true } }))
    expect(lab.plan(1).note).toMatchObject({ saw: 'let-go', how: 'cut', kept: [] })
    lab.settle()
    expect(lab.state.bays[2]?.life?.came).toBe('verified')
  })

  test('a cut does not free an iSCSI name', () => {
    const lab = labWith([disk])
    lab.run(disk, 1)
    lab.do(leave(disk))
    lab.blind(1)
    lab.do({ kind: 'reseat', bay: 1 })
    lab.settle()
    expect(lab.state.doubts).toMatchObject([{ kept: true }])
  })
})

describe('idle: no binding is an identity too (W6)', () => {
  const soiled = (lab: Lab) =>
    lab.turn(1, (it) => ({ ...it, shown: { serial: 'OLD' as Serial }, boot: { mode: 'uefi', order: ['lom:1-a'] } }))

  test('what is left over goes before a permit, and is left alone as long as nobody wants one', () => {
    const lab = labWith([])
    soiled(lab)
    expect(lab.plan(1)).toMatchObject({ phase: 'idle', steps: [] })
    lab.do(power(1, 'on'))
    expect(kinds(lab.settle().steps)).toEqual(['clear', 'boot', 'permit', 'power'])
    expect(lab.blade(1)).toMatchObject({ shown: {}, boot: { order: [] } })
  })

  test('a blade that runs and was never in our care keeps its boot order and its flags (I5)', () => {
    const lab = labWith([])
    soiled(lab)
    lab.turn(1, (it) => on('os')({ ...it, boot: { ...it.boot, override: { target: 'pxe', lasts: 'once' } } }))
    expect(lab.settle().steps).toEqual([])
  })

  test('addresses that nobody assigned are told of', () => {
    const lab = labWith([web])
    lab.run(web, 1)
    const dressed = lab.blade(1)
    const bare = labWith([])
    bare.seat(1, (sight) => ({
      ...sight,
      blade: dressed,
      slot: { ...(sight.slot as object), powerGood: true } as typeof sight.slot,
    }))
    expect(bare.waits(1)).toEqual(['superfluous'])
  })
})

describe('the BMC and the bay beside the machine', () => {
  test("the BMC's power policy is kept at off and disabled, in any phase, and told of where it is not kept (W4)", () => {
    const lab = labWith([web])
    lab.run(web, 1)
    lab.turn(1, (it) => ({ ...it, policy: { restore: 'last-state', button: 'enabled', wake: 'enabled' } }))
    expect(lab.plan(1).steps).toEqual([
      { kind: 'policy', bay: 1, policy: { restore: 'always-off', button: 'disabled', wake: 'disabled' } },
    ])
    lab.seat(1, (sight) => ({ ...sight, asked: { ...sight.asked, policy: { secondsAgo: limits.policyRetry - 1 } } }))
    expect(lab.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'policy-differs' }] })
    lab.seat(1, (sight) => ({ ...sight, asked: { ...sight.asked, policy: { secondsAgo: limits.policyRetry } } }))
    expect(kinds(lab.plan(1).steps)).toEqual(['policy'])
  })

  test('a locate light that does not follow keeps nothing else from being done', () => {
    const lab = labWith([web])
    lab.do({ kind: 'locate', bay: 1, lit: true })
    lab.do(assign(web, 1))
    expect(kinds(lab.plan(1).steps)).toEqual(['write'])
    lab.latch(1, { state: 'granted', n: 1 })
    expect(kinds(lab.plan(1).steps)).toEqual(['withdraw'])
    expect(kinds(lab.settle().steps)).toContain('locate')
  })

  test('a tall blade covers the bay below: what is assigned there has no blade', () => {
    const lab = labWith([other])
    lab.do(assign(other, 2))
    lab.settle()
    const permit = { state: 'granted', n: 0 } as const
    lab.seat(2, (sight) => ({ ...sight, slot: { presence: 'covered', by: 1, permit, locate: false }, blade: 'empty' }))
    expect(lab.plan(2).note).toMatchObject({ saw: 'left' })
    lab.settle()
    expect(lab.waits(2)).toEqual(['no-blade'])
    expect(lab.state.doubts).toEqual([])
  })
})

describe('boot overrides', () => {
  const override = (lasts: 'once' | 'always' | { boots: number }): Command => ({
    kind: 'override-boot',
    bay: 1,
    override: { target: 'pxe', lasts },
  })
  const reset = (lab: Lab) => {
    lab.do(power(1, 'reset'))
    return lab.settle()
  }

  for (const [lasts, boots] of [
    ['once', 1],
    [{ boots: 3 }, 3],
  ] as const) {
    test(`an override for ${boots} boots is set, seen to be used up ${boots} times, and gone`, () => {
      const lab = labWith([other])
      lab.run(other, 1)
      lab.do(override(lasts))
      lab.settle()
      for (let boot = 1; boot <= boots; boot++) {
        expect(lab.blade(1).boot.override).toEqual({ target: 'pxe', lasts: 'once' })
        reset(lab)
      }
      expect(lab.state.bays[1]).not.toHaveProperty('override')
      expect(lab.blade(1).boot).not.toHaveProperty('override')
    })
  }

  test('an override for good stays until it is taken away, and then the flag goes too', () => {
    const lab = labWith([other])
    lab.run(other, 1)
    lab.do(override('always'))
    lab.settle()
    reset(lab)
    reset(lab)
    expect(lab.blade(1).boot.override).toEqual({ target: 'pxe', lasts: 'always' })
    lab.do({ kind: 'override-boot', bay: 1 })
    lab.settle()
    expect(lab.blade(1).boot).not.toHaveProperty('override')
  })

  test('once stays once over an AC loss that makes the BMC count its boots anew', () => {
    const lab = labWith([other])
    lab.run(other, 1)
    for (let n = 0; n < 4; n++) reset(lab)
    lab.do(override('once'))
    lab.settle()
    lab.turn(1, (it) => ({ ...off(it), boots: 0 }))
    lab.latch(1, { state: 'denied', n: 0 })
    const { steps, notes } = lab.settle()
    expect(notes.filter(({ saw }) => saw === 'override-used')).toHaveLength(1)
    expect(steps.filter((step) => step.kind === 'boot' && step.boot.override)).toHaveLength(0)
    expect(lab.state.bays[1]).not.toHaveProperty('override')
  })

  test('an override that a newer command replaced is not used up by the old one', () => {
    const lab = labWith([other])
    lab.run(other, 1)
    lab.do(override('once'))
    lab.settle()
    lab.do(override('always'))
    lab.note({ saw: 'override-used', bay: 1 })
    expect(lab.state.bays[1]?.override).toEqual({ target: 'pxe' })
    lab.do({ kind: 'override-boot', bay: 1, override: { target: 'local', lasts: 'once' } })
    lab.note({ saw: 'override-set', bay: 1, target: 'pxe', boots: 9 })
    expect(lab.state.bays[1]?.override).toEqual({ target: 'local', left: 1 })
  })
})

describe('boards without a latch (W3, W26)', () => {
  const plain = (): Lab => labWith([other], 'generic-2u4n')

  test('a profile is dressed and powered on without a permit, and verified all the same', () => {
    const lab = plain()
    lab.do(assign(other, 3, 'on'))
    expect(kinds(lab.settle().steps)).toEqual(['write', 'power'])
    expect(lab.plan(3)).toMatchObject({ phase: 'running', findings: [] })
  })

  test('software and attached adapters are dressed like others, and given time to attach', () => {
    const lab = plain()
    lab.do(assign(other, 1, 'on'))
    lab.settle()
    expect(lab.plan(1)).toMatchObject({ phase: 'running', findings: [] })
    const late = plain()
    late.do(assign(other, 1, 'on'))
    while (!late.plan(1).next) settleOnce(late, 1)
    const note = late.plan(1).note ?? expect.unreachable()
    late.note(note)
    late.turn(1, on('os', limits.attach - 1))
    expect(late.plan(1)).toMatchObject({ steps: [], findings: [{ reason: 'starting' }] })
    late.turn(1, on('os', limits.attach))
    expect(late.plan(1).note).toMatchObject({ saw: 'wrong' })
  })

  test('seen off, it stays off and says so, for it can not tell a shut-down from AC loss', () => {
    const lab = plain()
    lab.run(other, 3)
    lab.turn(3, off)
    lab.settle()
    expect(lab.state.bays[3]).toMatchObject({ power: 'off', unexplained: true })
    expect(lab.waits(3)).toEqual(['ac-lost-unseen'])
    lab.do(power(3, 'on'))
    lab.settle()
    expect(lab.plan(3)).toMatchObject({ phase: 'running', findings: [] })
  })

  test('a power-on that is no longer wanted is taken back by a power-off: it may only be slow', () => {
    const lab = plain()
    lab.do(assign(other, 3, 'on'))
    while (!lab.plan(3).next) settleOnce(lab, 3)
    lab.note(lab.plan(3).note ?? expect.unreachable())
    asked(lab, 3, 'on', 2)
    expect(lab.waits(3)).toEqual(['starting'])
    lab.do(leave(other))
    expect(lab.plan(3).steps).toMatchObject([{ kind: 'power', action: 'off' }])
    asked(lab, 3, 'off', 0)
    lab.settle()
    expect(lab.state.doubts).toEqual([])
  })

  test('a blade that does not follow its power-on stays off and says so', () => {
    const lab = plain()
    lab.do(assign(other, 3, 'on'))
    while (!lab.plan(3).next) settleOnce(lab, 3)
    lab.note(lab.plan(3).note ?? expect.unreachable())
    asked(lab, 3, 'on', limits.powerLag)
    expect(lab.plan(3).note).toMatchObject({ saw: 'off', unexplained: true })
  })
})

test('a director keeps addresses for good: a pulled blade stays in doubt until its functions are read bare', () => {
  const profile: Profile = {
    ...other,
    connections: [
      { ...(other.connections[0] as Profile['connections'][0]), slot: 'mezz2' } as Profile['connections'][0],
    ],
  }
  const lab = labWith([profile], 'ibm-bladecenter-h')
  lab.run(profile, 3)
  const gone = lab.blade(3)
  lab.swap(3)
  lab.do(leave(profile))
  lab.settle()
  expect(lab.state.doubts).toMatchObject([{ kept: true }])
  lab.swap(4, off(gone))
  expect(kinds(lab.settle().steps)).toContain('clear')
  expect(lab.state.doubts).toEqual([])
})
