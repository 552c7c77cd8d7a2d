/**
 * Every reason that judgement can refuse with is provoked here, and nothing is changed by a refusal (`lab.refused`
 * looks). What the doors refuse before there is a command is listed at the end.
 */
import { afterAll, expect, test } from 'vitest'
import { parseMac, parseUuid, parseWwn } from '../../agent/core/addresses.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Connection, Profile } from '../../agent/core/profile.ts'
import { type Reason, reasons } from '../../agent/core/reasons.ts'
import { blade, id, iscsiProfile, type Lab, labWith, lanProfile, sanProfile } from './lab.ts'

const [web, other] = [sanProfile('web-01'), lanProfile('other')]
const to = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const
const assign = (profile: Profile, bay: number): Command => ({ kind: 'assign', profile: profile.id, ...to(bay) })
const unassign = (profile: Profile): Command => ({
  kind: 'unassign',
  profile: profile.id,
  when: 'now',
  stop: 'no',
  force: false,
})
const force = (profile: Profile): Command => ({ ...unassign(profile), kind: 'unassign', force: true }) as Command
const define = (profile: Profile): Command => ({ kind: 'define-profile', profile })
const power = (bay: number, want: 'on' | 'off' | 'reset' | 'cycle'): Command => ({
  kind: 'power',
  bay,
  want,
  stop: 'graceful',
})
const nic = (more: Partial<Extract<Connection, { kind: 'nic' }>>): Profile => ({
  ...other,
  id: id<'Profile'>('odd'),
  connections: [{ ...(other.connections[0] as Extract<Connection, { kind: 'nic' }>), ...more }],
})
const mac = (text: string) => ({ from: 'value', value: parseMac(text) ?? expect.unreachable() }) as const

const provoked = new Set<Reason>()
function refused(lab: Lab, command: Command, reason: Reason, say?: RegExp) {
  const refusal = lab.refused(command)
  expect(refusal.reason).toBe(reason)
  expect(refusal.say).toMatch(say ?? /./)
  // STYLE: one lower-case sentence (names of ours may come first), no full stop.
  expect(refusal.say).not.toMatch(/\.$/)
  provoked.add(reason)
}

// ── Profiles, pools, secrets ────────────────────────────────────────────────────────────────────────────────────

test('what names a profile that is not there is refused', () => {
  const lab = labWith([])
  for (const command of [
    assign(web, 1),
    unassign(web),
    { ...assign(web, 1), kind: 'move', stop: 'no', force: false } as Command,
  ]) {
    refused(lab, command, 'no-such-profile', /define it first/)
  }
  refused(lab, { kind: 'set-boot-plan', profile: web.id, boot: web.boot }, 'no-such-profile')
})

test('a profile that contradicts itself is refused with every violation', () => {
  const lab = labWith([])
  const twice = { ...web, connections: [...web.connections, ...web.connections] }
  refused(lab, define(twice), 'profile-rule')
  expect(lab.refused(define(twice)).violations?.length).toBeGreaterThan(2)
})

test('a profile needs its pools, enough addresses in them, and pools of the right kind', () => {
  const lab = labWith([])
  refused(lab, define(nic({ mac: { from: 'pool', pool: id<'Pool'>('nowhere') } })), 'no-such-pool')
  refused(lab, define(nic({ mac: { from: 'pool', pool: id<'Pool'>('san') } })), 'field-invalid')
  const one: Command = {
    kind: 'define-pool',
    pool: { id: id<'Pool'>('one'), kind: 'mac', range: { by: 'count', first: '02:aa:00:00:00:00', count: 1 } },
  }
  lab.do(one)
  lab.do(define({ ...nic({ mac: { from: 'pool', pool: id<'Pool'>('one') } }), id: id<'Profile'>('first') }))
  refused(lab, define(nic({ mac: { from: 'pool', pool: id<'Pool'>('one') } })), 'no-address-left')
})

test('no address is given twice: not to two profiles, nor one that is burned into hardware that is here', () => {
  const lab = labWith([nic({ mac: mac('02:aa:00:00:00:01') })])
  refused(
    lab,
    define({ ...nic({ mac: mac('02:aa:00:00:00:01') }), id: id<'Profile'>('again') }),
    'duplicate-address',
    /belongs to odd/,
  )
  const burned = lab.blade(2).adapters[0]?.functions[0]?.factory.mac ?? expect.unreachable()
  refused(
    lab,
    define({ ...nic({ mac: { from: 'value', value: burned } }), id: id<'Profile'>('burned') }),
    'duplicate-address',
    /factory address/,
  )
  const uuid = parseUuid('11111111-2222-4333-8444-555555555555') ?? expect.unreachable()
  lab.do(define({ ...nic({ mac: mac('02:aa:00:00:00:02') }), id: id<'Profile'>('with-uuid'), uuid }))
  refused(lab, define({ ...other, id: id<'Profile'>('same-uuid'), uuid }), 'duplicate-address', /UUID/)
})

test('pools do not overlap, do not change under those who draw from them, and stay as long as they do', () => {
  const lab = labWith([web])
  const range = (first: string, count: number): Command => ({
    kind: 'define-pool',
    pool: { id: id<'Pool'>('mine'), kind: 'mac', range: { by: 'count', first, count } },
  })
  refused(lab, range('00:17:a4:77:00:10', 4), 'pool-overlap')
  refused(lab, range('00:17:a4:77:00:10', 0), 'field-invalid')
  refused(lab, { kind: 'remove-pool', pool: id<'Pool'>('lan') }, 'pool-in-use')
  refused(
    lab,
    {
      kind: 'define-pool',
      pool: { id: id<'Pool'>('lan'), kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 2 } },
    },
    'pool-in-use',
  )
  expect(lab.do({ kind: 'remove-pool', pool: id<'Pool'>('nowhere') }).changed).toBe(false)
})

test('a secret stays as long as a boot plan names it', () => {
  const lab = labWith([iscsiProfile('disk-01')])
  refused(lab, { kind: 'remove-secret', secret: id<'Secret'>('chap') }, 'secret-in-use')
  lab.do({ kind: 'remove-profile', profile: id<'Profile'>('disk-01') })
  lab.do({ kind: 'remove-secret', secret: id<'Secret'>('chap') })
  expect(lab.do({ kind: 'remove-secret', secret: id<'Secret'>('chap') }).changed).toBe(false)
})

test('the identity of an assigned profile, or of one in doubt, does not change; its boot plan may', () => {
  const lab = labWith([web, other])
  lab.do(assign(web, 1))
  const changed = { ...web, connections: web.connections.slice(0, 1), boot: { ...web.boot, order: [] } }
  refused(lab, define(changed), 'profile-assigned')
  refused(lab, { kind: 'remove-profile', profile: web.id }, 'profile-assigned')
  lab.do({ kind: 'set-boot-plan', profile: web.id, boot: { mode: 'legacy', order: [{ target: 'local' }] } })
  lab.do(unassign(web))
  refused(lab, define(changed), 'profile-in-doubt')
  refused(lab, { kind: 'remove-profile', profile: web.id }, 'profile-in-doubt')
  lab.settle()
  lab.do(define(changed))
  lab.do({ kind: 'remove-profile', profile: web.id })
  expect(lab.do({ kind: 'remove-profile', profile: web.id }).changed).toBe(false)
})

test('a profile that was removed and defined again comes above the token that it had', () => {
  const lab = labWith([web])
  lab.do({ kind: 'remove-profile', profile: web.id })
  lab.do(define(web))
  expect(lab.state.profiles['web-01']?.token).toBe(2)
})

// ── Bays ────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a bay takes one profile, and a profile is in one bay', () => {
  const lab = labWith([web, other])
  lab.do(assign(web, 1))
  refused(lab, assign(other, 1), 'bay-taken', /unassign it first/)
  refused(lab, assign(web, 2), 'profile-assigned', /move it/)
  refused(lab, { kind: 'move', profile: other.id, ...to(2), stop: 'no', force: false }, 'not-assigned')
})

test('a bay that is none, empty, covered or unseen takes nothing unless that was said', () => {
  const lab = labWith([web])
  refused(lab, assign(web, 99), 'no-such-bay')
  refused(lab, { kind: 'locate', bay: 0, lit: true }, 'no-such-bay')
  refused(lab, { kind: 'resync', bay: 17 }, 'no-such-bay')
  refused(lab, assign(web, 6), 'bay-empty')
  refused(lab, power(6, 'reset'), 'bay-empty')
  refused(lab, { kind: 'reseat', bay: 6 }, 'bay-empty')
  lab.blind(2)
  refused(lab, assign(web, 2), 'bay-unknown')
  lab.seat(4, (sight) => ({ ...sight, slot: 'unknown', blade: 'unknown', blind: 'backplane-silent' }))
  refused(lab, assign(web, 4), 'bay-unknown')
  lab.swap(9)
  lab.seat(9, (sight) => ({
    ...sight,
    slot: { presence: 'covered', by: 1, permit: { state: 'denied', n: 0 }, locate: false },
  }))
  for (const command of [assign(web, 9), power(9, 'on'), { kind: 'reseat', bay: 9 } as const])
    refused(lab, command, 'bay-covered', /name bay 1/)
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 4 }, when: 'now', preprovision: true })
})

test('a blade that is on is not assigned, unassigned or moved from unless it may be stopped or waited for', () => {
  const lab = labWith([web, other])
  lab.run(web, 1)
  refused(lab, unassign(web), 'blade-powered')
  refused(lab, { kind: 'move', profile: web.id, ...to(2), stop: 'no', force: false }, 'blade-powered')
  lab.do(power(2, 'on'))
  lab.settle()
  refused(lab, assign(other, 2), 'blade-powered')
  refused(lab, power(3, 'reset'), 'field-invalid', /power bay 3 on/)
})

test('bay any finds none where no blade is free, off and fitting, and says what stood against each', () => {
  const lab = labWith([web, other])
  const any = { to: { any: { among: [1, 6] } }, when: 'now', preprovision: false } as const
  lab.do(assign(other, 1))
  refused(lab, { kind: 'assign', profile: web.id, ...any }, 'no-eligible-bay')
})

test('a quarantined bay takes its own profile back, and nothing else', () => {
  const lab = labWith([web, other])
  lab.do(assign(web, 1))
  lab.settle()
  lab.blind(1)
  lab.do(force(web))
  refused(
    lab,
    { kind: 'assign', profile: other.id, to: { bay: 1 }, when: 'now', preprovision: true },
    'bay-quarantined',
  )
  refused(lab, power(1, 'on'), 'bay-quarantined')
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 1 }, when: 'now', preprovision: true })
})

test('what the hardware can not carry is refused before it is accepted', () => {
  const lab = labWith([web])
  const place = (name: string, connections: readonly Connection[], reason: Reason) => {
    lab.do(define({ ...web, id: id<'Profile'>(name), connections, boot: { mode: 'uefi', order: [] } }))
    refused(lab, { kind: 'assign', profile: id<'Profile'>(name), ...to(3) }, reason, /does not fit bay 3/)
    lab.do({ kind: 'remove-profile', profile: id<'Profile'>(name) })
  }
  const lan = { from: 'pool', pool: id<'Pool'>('lan') } as const
  const nics = (n: number, more: object = {}) =>
    Array.from(
      { length: n },
      (_, i): Connection => ({ kind: 'nic', id: id<'Connection'>(`n${i}`), slot: 'lom', mac: lan, ...more }),
    )
  place('nowhere', nics(1, { slot: 'mezz2' }), 'adapter-missing')
  place('too-many', nics(9), 'adapter-too-small')
  place('odd-share', nics(1, { bandwidth: { minMbps: 150 } }), 'partition-rule')
  place('too-fast', nics(1, { bandwidth: { minMbps: 20_000 } }), 'oversubscribed')
  const wwn = (text: string) => ({ from: 'value', value: parseWwn(text) ?? expect.unreachable() }) as const
  lab.observed = {
    ...lab.observed,
    interconnects: Object.fromEntries(Object.keys(lab.observed.interconnects).map((each) => [each, 'ethernet'])),
  }
  place(
    'no-fabric',
    [
      {
        kind: 'fc',
        id: id<'Connection'>('san'),
        wwpn: wwn('50:00:00:00:00:00:00:01'),
        wwnn: wwn('50:00:00:00:00:00:00:02'),
      },
    ],
    'fabric-mismatch',
  )
})

test('a boot override must be one that the assigned server can boot from', () => {
  const lab = labWith([other])
  lab.do(assign(other, 1))
  const override = (
    target: 'pxe' | 'http' | 'remote' | 'setup',
    lasts: 'once' | { boots: number } = 'once',
  ): Command => ({ kind: 'override-boot', bay: 1, override: { target, lasts } })
  refused(lab, override('remote'), 'no-bootable-function')
  refused(lab, override('http'), 'no-bootable-function')
  refused(lab, override('pxe', { boots: 0 }), 'field-invalid')
  lab.do(override('pxe', { boots: 3 }))
  expect(lab.do(override('pxe', { boots: 3 })).changed).toBe(false)
  lab.do({ kind: 'override-boot', bay: 1 })
  expect(lab.do({ kind: 'override-boot', bay: 1 }).changed).toBe(false)
})

test('a board that can not cut one bay says so', () => {
  refused(labWith([], 'generic-2u4n'), { kind: 'reseat', bay: 1 }, 'no-power-cut', /pull blade 1/)
})

// ── Force (quarantine) ──────────────────────────────────────────────────────────────────────────────────────────

test('force vouches only for blades that can not be seen: what can be seen is proven', () => {
  const lab = labWith([web])
  lab.do(assign(web, 1))
  lab.settle()
  lab.do(force(web))
  expect(lab.state.doubts).toMatchObject([{ vouched: false }])
})

test('force does not vouch for a blade that the backplane shows as on', () => {
  const lab = labWith([web])
  lab.run(web, 1)
  lab.blind(1)
  lab.do({ kind: 'move', profile: web.id, ...to(2), stop: 'forced', force: true, power: 'on' })
  expect(lab.state.doubts.find(({ bay }) => bay === 1)).toMatchObject({ vouched: false })
  lab.settle()
  expect(lab.waits(2)).toEqual(['in-doubt-elsewhere'])
  expect(lab.blade(2).power).toBe('off')
})

test('force after the unassign vouches too, and lets the profile go on while the bay stays denied', () => {
  const lab = labWith([web])
  lab.do(assign(web, 1))
  lab.settle()
  lab.blind(1)
  lab.do(unassign(web))
  lab.do({ kind: 'assign', profile: web.id, ...to(2), power: 'on' })
  expect(lab.settle().findings.map(({ finding }) => finding.reason)).toContain('left-by-hand')
  expect(lab.waits(2)).toEqual(['in-doubt-elsewhere'])
  lab.do({ kind: 'move', profile: web.id, ...to(3), stop: 'no', force: true })
  lab.settle()
  expect(lab.state.bays[3]?.life).toMatchObject({ came: 'verified' })
  expect(lab.state.doubts.find(({ bay }) => bay === 1)).toMatchObject({ vouched: true })
})

test('a vouched blade that comes on after all stops the profile from being armed elsewhere', () => {
  const lab = labWith([web])
  lab.do(assign(web, 1))
  lab.settle()
  lab.blind(1)
  lab.do(force(web))
  lab.do(assign(web, 2))
  lab.settle()
  lab.seat(1, (sight) =>
    sight.slot === 'unknown' || sight.slot.presence !== 'present'
      ? sight
      : { ...sight, slot: { ...sight.slot, powerGood: true } },
  )
  lab.do(power(2, 'on'))
  lab.settle()
  expect(lab.waits(2)).toEqual(['in-doubt-elsewhere'])
})

test('a profile that comes back to a blade vouched for is in doubt there again, in full', () => {
  const lab = labWith([web])
  lab.do(assign(web, 1))
  lab.settle()
  const seen = lab.blade(1)
  lab.blind(1)
  lab.do(force(web))
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 1 }, when: 'now', preprovision: true, power: 'on' })
  lab.swap(1, seen)
  lab.settle()
  expect(lab.state.bays[1]?.life).toMatchObject({ came: 'verified' })
  expect(lab.state.doubts).toMatchObject([{ bay: 1, vouched: false }])
})

// ── Old looks ───────────────────────────────────────────────────────────────────────────────────────────────────

test('a command judged on an old look does not move a recorded doubt to the bay that the blade has left', () => {
  const lab = labWith([other])
  const [first, second] = [lab.blade(1), lab.blade(2)]
  lab.run(other, 1)
  const running = lab.observed.bays[1] ?? expect.unreachable()
  // The look that the command is judged on still has the blade in bay 2, where it was before.
  lab.swap(2, first)
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
  lab.swap(2, second)
  lab.seat(1, () => running)
  lab.settle()
  expect(lab.state.doubts).toMatchObject([{ bay: 1, serial: first.serial }])
  expect(lab.blade(2).power).toBe('off')
})

test('power on that is said of a blade which went off unseen is not taken back by what is seen later', () => {
  const lab = labWith([web])
  lab.run(web, 1)
  const seen = lab.blade(1)
  lab.blind(1)
  lab.seat(1, (sight) =>
    sight.slot === 'unknown' || sight.slot.presence !== 'present'
      ? sight
      : { ...sight, slot: { ...sight.slot, powerGood: false } },
  )
  expect(lab.do(power(1, 'on')).changed).toBe(true)
  expect(lab.do(power(1, 'on')).changed).toBe(false)
  lab.seat(1, (sight) => ({ ...sight, blade: seen }))
  lab.turn(1, (it) => ({ ...it, power: 'off', stage: 'off' }))
  lab.settle()
  expect(lab.state.bays[1]).toMatchObject({ power: 'on', life: { came: 'verified', n: 2 } })
})

test('a blade seen running after power on was said keeps the rule: its own shut-down counts', () => {
  const lab = labWith([web])
  lab.run(web, 1)
  lab.note({ saw: 'off', bay: 1, power: 'off' })
  lab.settle()
  lab.do(power(1, 'on'))
  lab.settle()
  expect(lab.state.bays[1]).not.toHaveProperty('anew')
  lab.turn(1, (it) => ({ ...it, power: 'off', stage: 'off' }))
  lab.settle()
  expect(lab.state.bays[1]).toMatchObject({ power: 'off' })
})

// ── Accepting a blade ───────────────────────────────────────────────────────────────────────────────────────────

test('assigning again accepts the blade that is there now, and the affinity that is wanted now', () => {
  const lab = labWith([{ ...other, affinity: 'blade' }])
  lab.do(assign(other, 1))
  lab.settle()
  lab.swap(1, blade(lab.hardware, 'ProLiant BL465c G7', 77))
  lab.settle()
  expect(lab.waits(1)).toEqual(['different-blade'])
  expect(lab.do(assign(other, 1)).diff).toEqual(['bay 1: the blade that is there accepted'])
  lab.settle()
  expect(lab.plan(1)).toMatchObject({ phase: 'ready', findings: [] })
  lab.do(define({ ...other, affinity: 'bay' }))
  lab.do(assign(other, 1))
  lab.swap(1, blade(lab.hardware, 'ProLiant BL460c G7', 78))
  lab.settle()
  expect(lab.plan(1)).toMatchObject({ phase: 'ready', findings: [] })
})

// ── Dry run ─────────────────────────────────────────────────────────────────────────────────────────────────────

test('a dry run tells all that stands against a command, the one that would count first', () => {
  const lab = labWith([web, other])
  lab.run(other, 2)
  const decision = lab.decide({ kind: 'assign', profile: web.id, ...to(2) }, { dryRun: true, epoch: 9 })
  expect(decision.is === 'refused' && decision.refusals.map(({ reason }) => reason)).toEqual([
    'stale-epoch',
    'bay-taken',
    'blade-powered',
  ])
})

// ── The catalogue ───────────────────────────────────────────────────────────────────────────────────────────────

/** Refused by the doors, before there is a command; or not a matter of one chassis' judgement. */
const elsewhere: readonly Reason[] = [
  ...(['too-large', 'garbled', 'newer-than-me', 'wrong-chassis', 'retained-request', 'field-missing'] as const),
  ...(['no-such-secret', 'no-such-request', 'store-full', 'superseded', 'in-custody-elsewhere', 'same-bay'] as const),
  'no-such-policy', // of what a policy sends: rescue.test.ts
  // Of backups and factory reset: restore.test.ts and factory-reset.test.ts.
  ...(['backup-damaged', 'backup-inert', 'not-blank', 'passphrase-wrong', 'profile-exists', 'other-serial'] as const),
  ...(['no-standby', 'standby-behind', 'is-standby'] as const), // of a pair: controllers.test.ts
  // Of backups and of the factory reset: restore.test.ts, factory-reset.test.ts, and the desk that reads the text.
  ...(['backup-damaged', 'backup-inert', 'not-blank', 'passphrase-wrong', 'profile-exists', 'other-serial'] as const),
]
/** Of the envelope; provoked beside the order of judgement. */
const ofTheEnvelope: readonly Reason[] = [
  ...(['request-id-missing', 'request-id-reused', 'forgotten', 'expired', 'other-incarnation', 'other-boot'] as const),
  ...([
    'expect-missing',
    'stale-epoch',
    'not-in-office',
    'stale-database',
    'revision-missing',
    'revision-conflict',
  ] as const),
  ...(['sequence-missing', 'central-authority', 'busy'] as const),
]

afterAll(() => {
  const refusals = (Object.keys(reasons) as Reason[]).filter((reason) => reasons[reason].type === 'refusal')
  const known = new Set<Reason>([...provoked, ...elsewhere, ...ofTheEnvelope])
  expect(refusals.filter((reason) => !known.has(reason))).toEqual([])
})
