/** Going on from a backup, judged: all of it on a blank controller at home, by name and force anywhere else (W22). */
import { describe, expect, test } from 'vitest'
import type { ProfileId, SecretId, Serial } from '../../agent/core/addresses.ts'
import { parseMac } from '../../agent/core/addresses.ts'
import type { Command } from '../../agent/core/command.ts'
import { type Backup, flawOf } from '../../agent/core/restore.ts'
import { blank, emptyBay, type State } from '../../agent/core/state.ts'
import { forced } from '../../agent/core/token.ts'
import { blade, id, iscsiProfile, Lab, labWith, lanProfile, sanProfile } from './lab.ts'

const here = 'CHASSIS-1'
const web = sanProfile('web-01')
const mail = lanProfile('mail')
const disk = iscsiProfile('disk')
const named = (name: string) => id<'Profile'>(name)

/** web-01 runs in bay 3 and mail in bay 5; disk is nowhere. A manager is in office. */
function lived(): Lab {
  const lab = labWith([web, mail, disk])
  const { incarnation } = lab.state
  lab.do({ kind: 'take-over', incarnation, observedEpoch: 0, lineage: 'site', number: 7 })
  lab.run = (profile, bay) => {
    lab.state = { ...lab.state }
    lab.do(
      { kind: 'assign', profile: profile.id, to: { bay }, when: 'now', preprovision: false, power: 'on' },
      office(lab),
    )
    lab.settle()
  }
  lab.run(web, 3)
  lab.run(mail, 5)
  return lab
}

let sequence = 0
const office = ({ state, moment }: Lab) => ({
  expect: { incarnation: state.incarnation, bootId: moment.bootId, beforeUptimeMs: 10_000 },
  ...{ epoch: state.epoch, sequence: ++sequence, ifRevision: state.revision },
})

/** As a text would bring it: what the EEPROM keeps, its secrets left out. */
function backupOf({ state }: Lab, serial = here): Backup {
  const bays = Object.fromEntries(
    Object.entries(state.bays).map(([bay, { n: _, life: __, resets: ___, reseats: ____, locate: _____, ...own }]) => [
      bay,
      { ...emptyBay, ...own },
    ]),
  )
  const missing = Object.keys(state.secrets) as SecretId[]
  return { serial, state: { ...state, bays, secrets: {}, answers: {} }, missing }
}

function restore(backup: Backup, more: Partial<Extract<Command, { kind: 'restore' }>> = {}): Command {
  return { kind: 'restore', backup, here, profiles: 'all', force: false, ...more }
}

/** The same chassis and the same blades under a controller that knows nothing. */
function blankUnder(lab: Lab): Lab {
  const fresh = new Lab()
  fresh.state = blank(fresh.state.chassis, fresh.state.board, '1'.repeat(32))
  fresh.observed = lab.observed
  return fresh
}

describe('On a blank controller in its own chassis', () => {
  test('all of it comes back: pools, profiles, bays, tokens, and who may not command', () => {
    const lab = lived()
    const fresh = blankUnder(lab)
    const { diff } = fresh.do(restore(backupOf(lab)))
    const { pools, profiles, bays, lineages } = fresh.state
    expect(pools).toEqual(lab.state.pools)
    for (const [name, held] of Object.entries(lab.state.profiles))
      expect(profiles[name]).toEqual({ ...held, revision: 1 })
    expect(bays[3]?.intent).toEqual({ ...lab.state.bays[3]?.intent, revision: 1 })
    expect(bays[3]?.power).toBe('on')
    expect(lineages).toEqual({ site: 7 })
    expect(diff).toEqual([
      'pool lan: added',
      'pool san: added',
      'profile web-01: added',
      'profile mail: added',
      'profile disk: added',
      'bay 3: profile none → web-01',
      'bay 3: power on',
      'bay 5: profile none → mail',
      'bay 5: power on',
      'secret chap: not in the backup; disk waits until it is set',
      'epoch: 0 → 2, nobody in office',
    ])
  })

  test('a blade that runs as it should is in sync, and nothing is done to it', () => {
    const lab = lived()
    const fresh = blankUnder(lab)
    const before = [fresh.blade(3), fresh.blade(5)]
    fresh.do(restore(backupOf(lab)))
    const { steps } = fresh.settle()
    expect(steps).toEqual([])
    expect([fresh.blade(3), fresh.blade(5)]).toEqual(before)
    expect(fresh.state.bays[3]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
    expect(fresh.waits(3)).toEqual([])
  })

  test('nobody is in office, and the epoch is above both', () => {
    const lab = lived()
    const fresh = blankUnder(lab)
    const accepted = fresh.do(restore(backupOf(lab)))
    expect(fresh.state.office).toBeUndefined()
    expect(fresh.state.epoch).toBe(lab.state.epoch + 1)
    expect(accepted).toMatchObject({ epoch: fresh.state.epoch, revision: 1, changed: true })
    expect(fresh.state.incarnation).toBe('1'.repeat(32))
    // The manager of before, as it commanded before; then bare.
    expect(fresh.refused({ kind: 'locate', bay: 1, lit: true }, office(lab)).reason).toBe('other-incarnation')
    expect(fresh.refused({ kind: 'locate', bay: 1, lit: true }).reason).toBe('not-in-office')
    const { incarnation, epoch } = fresh.state
    const again = { kind: 'take-over', incarnation, observedEpoch: epoch, lineage: 'site' } as const
    expect(fresh.refused({ ...again, number: 6 }).reason).toBe('stale-database')
    fresh.do({ ...again, number: 7 })
  })

  test('a blade that is off and wanted on is dressed and started', () => {
    const lab = lived()
    const fresh = blankUnder(lab)
    fresh.swap(3, blade(fresh.hardware, 'ProLiant BL460c G7', 3))
    fresh.do(restore(backupOf(lab)))
    expect(fresh.settle().steps.map(({ kind, bay }) => `${kind} ${bay}`)).toEqual(
      expect.arrayContaining(['write 3', 'permit 3', 'power 3']),
    )
    expect(fresh.state.bays[3]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
  })

  test('a profile that was moved since, and runs elsewhere, is in doubt there before anything is done', () => {
    const lab = lived()
    const old = backupOf(lab)
    const how = { when: 'now', stop: 'forced', preprovision: false, force: false } as const
    lab.do({ kind: 'move', profile: web.id, to: { bay: 4 }, ...how }, office(lab))
    lab.settle()
    const fresh = blankUnder(lab)
    const { diff } = fresh.do(restore(old))
    expect(fresh.state.doubts).toContainEqual(expect.objectContaining({ profile: 'web-01', bay: 4, serial: 'SN0004' }))
    expect(diff).toContain('bay 4: wears web-01 now, and is in doubt')
    const { steps } = fresh.settle()
    expect(steps.filter(({ bay, kind }) => bay === 4 || kind === 'permit')).toEqual([])
    expect(fresh.waits(3)).toContain('in-doubt-elsewhere')
    expect(fresh.blade(4).power).toBe('on')
  })

  test('a blade that was put into another bay since is in doubt where it is now', () => {
    const lab = lived()
    const old = backupOf(lab)
    const fresh = blankUnder(lab)
    const running = fresh.observed.bays[3] ?? expect.unreachable()
    fresh.swap(3)
    fresh.seat(7, () => running)
    fresh.do(restore(old))
    expect(fresh.state.doubts.find(({ profile }) => profile === 'web-01')).toMatchObject({ bay: 7, serial: 'SN0003' })
    fresh.settle()
    expect(fresh.waits(3)).toContain('in-doubt-elsewhere')
  })

  test('it waits while a bay runs that can not be seen: its blade may wear anything of it', () => {
    const lab = lived()
    const fresh = blankUnder(lab)
    fresh.blind(5)
    expect(fresh.refused(restore(backupOf(lab)))).toMatchObject({
      reason: 'bay-unknown',
      say: 'what runs in bay 5 can not be seen; wait, pull blade 5, or reseat bay 5',
    })
    fresh.blind(1) // off, by the backplane
    fresh.observed = {
      ...fresh.observed,
      bays: { ...fresh.observed.bays, 5: lab.observed.bays[5] ?? expect.unreachable() },
    }
    fresh.do(restore(backupOf(lab)))
  })

  test('what was asked for once is not asked again: no stop, no counted boots', () => {
    const lab = lived()
    lab.do({ kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: 'once' } }, office(lab))
    lab.do({ kind: 'override-boot', bay: 5, override: { target: 'setup', lasts: 'always' } }, office(lab))
    lab.do({ kind: 'power', bay: 3, want: 'off', stop: 'graceful' }, office(lab))
    const old = backupOf(lab)
    expect(old.state.bays[3]).toMatchObject({ stopping: 'graceful', override: { target: 'pxe', left: 1 } })
    const fresh = blankUnder(lab)
    const { diff } = fresh.do(restore(old))
    expect(fresh.state.bays[3]?.stopping).toBeUndefined()
    expect(fresh.state.bays[3]?.override).toBeUndefined()
    expect(fresh.state.bays[5]?.override).toEqual({ target: 'setup' })
    expect(diff).toContain('bay 3: boot override pxe is over')
    expect(fresh.settle().steps.filter(({ kind }) => kind === 'power')).toEqual([])
    expect(fresh.blade(3).power).toBe('on')
    expect(fresh.waits(3)).toContain('blade-is-on')
  })

  test('a profile whose secret was left out holds until that is set', () => {
    const lab = labWith([disk])
    lab.run(disk, 2)
    lab.do({ kind: 'power', bay: 2, want: 'off', stop: 'forced' })
    lab.settle()
    const fresh = blankUnder(lab)
    fresh.do(restore(backupOf(lab)))
    fresh.do({ kind: 'power', bay: 2, want: 'on', stop: 'graceful' })
    fresh.settle()
    expect(fresh.plan(2).findings).toContainEqual(
      expect.objectContaining({ reason: 'secret-missing', remedy: 'set secret chap' }),
    )
    fresh.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), sealed: 'here', mark: 'm' })
    fresh.settle()
    expect(fresh.state.bays[2]?.life).toMatchObject({ came: 'verified', profile: 'disk' })
  })

  test('a secret that came along is there', () => {
    const lab = labWith([disk])
    const fresh = blankUnder(lab)
    const secret = { id: id<'Secret'>('chap'), sealed: 'sealed here', mark: 'm' }
    const backup = backupOf(lab)
    fresh.do(restore({ ...backup, state: { ...backup.state, secrets: { chap: secret } }, missing: [] }))
    expect(fresh.state.secrets).toEqual({ chap: secret })
  })

  test('policies come back, and what they had under way does not', () => {
    const lab = labWith([web])
    const policy = { id: id<'Policy'>('spare'), afterSeconds: 300, cut: false, attempts: 2 }
    lab.do({ kind: 'define-policy', policy })
    const backup = backupOf(lab)
    const rescue = { policy: policy.id, from: 3, serial: 'SN0003' as Serial, tried: [4], revision: 1 }
    const fresh = blankUnder(lab)
    fresh.do(restore({ ...backup, state: { ...backup.state, rescues: { 'web-01': rescue } } }))
    expect(fresh.state.policies).toEqual({ spare: { policy, revision: 1 } })
    expect(fresh.state.rescues).toBeUndefined()
  })

  test('a second time it is inert: the controller is not blank any more', () => {
    const lab = lived()
    const fresh = blankUnder(lab)
    fresh.do(restore(backupOf(lab)))
    const { incarnation, epoch } = fresh.state
    fresh.do({ kind: 'take-over', incarnation, observedEpoch: epoch, lineage: 'site', number: 8 })
    expect(fresh.refused(restore(backupOf(lab)), office(fresh)).reason).toBe('not-blank')
  })
})

describe('Anywhere else a backup is inert', () => {
  const elsewhere = () => new Lab()

  test('in another chassis, blank or not, and it says how its profiles are adopted', () => {
    const backup = backupOf(lived(), 'CHASSIS-2')
    const { reason, say } = elsewhere().refused(restore(backup))
    expect(reason).toBe('backup-inert')
    expect(say).toContain('adopt its profiles by name, with force: web-01, mail, disk')
  })

  test('on another board', () => {
    const backup = backupOf(lived())
    const other = { ...backup, state: { ...backup.state, board: 'dell-m1000e' } }
    expect(elsewhere().refused(restore(other)).reason).toBe('backup-inert')
  })

  test('at home, where the same life has gone on', () => {
    const lab = labWith([web])
    const backup = backupOf(lab)
    expect(lab.refused(restore(backup)).reason).toBe('not-blank')
    lab.do({ kind: 'remove-profile', profile: web.id })
    lab.do({ kind: 'remove-pool', pool: id<'Pool'>('lan') })
    lab.do({ kind: 'remove-pool', pool: id<'Pool'>('san') })
    lab.do({ kind: 'remove-secret', secret: id<'Secret'>('chap') })
    expect(lab.refused(restore(backup)).reason).toBe('not-blank')
  })

  test('where the serial of the chassis is not known yet', () => {
    expect(elsewhere().refused(restore(backupOf(lived()), { here: '' })).reason).toBe('bay-unknown')
  })
})

describe('A profile that is adopted by name', () => {
  const backup = backupOf(lived(), 'CHASSIS-2')
  const adopt = (name: string, more: Partial<Extract<Command, { kind: 'restore' }>> = {}) =>
    restore(backup, { profiles: [named(name)], force: true, ...more })

  test('is a force: its token is above all that its holder could hand over, and it is in no bay', () => {
    const lab = new Lab()
    const accepted = lab.do(adopt('web-01'))
    expect(lab.state.profiles['web-01']?.token).toBe(65_536)
    expect(lab.state.bays).toEqual({})
    expect(accepted.profile).toBe('web-01')
    expect(accepted.diff[0]).toContain('taken by force, token 1 → 65536')
    expect(lab.state.epoch).toBe(0)
  })

  test('is refused without the word', () => {
    expect(new Lab().refused(adopt('web-01', { force: false }))).toMatchObject({ reason: 'backup-inert' })
  })

  test('keeps its very addresses, as chosen values where no pool here has them', () => {
    const lab = new Lab()
    lab.do(adopt('web-01'))
    const held = lab.state.profiles['web-01'] ?? expect.unreachable()
    expect(held.given).toEqual(backup.state.profiles['web-01']?.given)
    expect(held.profile.connections[0]).toMatchObject({ mac: { from: 'value', value: '00:17:a4:77:00:00' } })
    // And keeps them when it is changed.
    lab.do({ kind: 'set-boot-plan', profile: web.id, boot: { mode: 'legacy', order: [] } })
    expect(lab.state.profiles['web-01']?.given).toEqual(held.given)
  })

  test('goes on drawing from the pools of this chassis where they have its addresses, which are then in use', () => {
    const lab = labWith([])
    lab.do(adopt('web-01'))
    expect(lab.state.profiles['web-01']?.profile).toEqual(web)
    lab.do({ kind: 'define-profile', profile: lanProfile('new') })
    const given = lab.state.profiles.new?.given.prod?.mac
    expect(given).toBe(parseMac('00:17:a4:77:00:02'))
  })

  test('can be assigned and run like any other', () => {
    const lab = labWith([])
    lab.do(adopt('web-01'))
    lab.run(web, 4)
    expect(lab.state.bays[4]?.intent?.token).toBe(65_536)
  })

  test('a second time is the first time', () => {
    const lab = new Lab()
    lab.do(adopt('web-01'))
    expect(lab.do(adopt('web-01'))).toMatchObject({ changed: false, diff: [] })
    expect(lab.state.profiles['web-01']?.token).toBe(65_536)
  })

  test('is refused by name where something here conflicts, and says what', () => {
    const other = labWith([lanProfile('taken')])
    expect(other.refused(adopt('web-01'))).toMatchObject({
      reason: 'duplicate-address',
      say: expect.stringContaining('profile web-01: 00:17:a4:77:00:00 of connection prod belongs to taken'),
    })
    const same = labWith([lanProfile('web-01')])
    expect(same.refused(adopt('web-01')).reason).toBe('profile-exists')
    expect(new Lab().refused(adopt('nobody'))).toMatchObject({ reason: 'no-such-profile' })
  })

  test('with others: all of them or none', () => {
    const lab = new Lab()
    lab.do(restore(backup, { profiles: [named('web-01'), named('disk')], force: true }))
    expect(Object.keys(lab.state.profiles)).toEqual(['web-01', 'disk'])
    const less = labWith([lanProfile('taken')])
    less.refused(restore(backup, { profiles: [named('disk'), named('web-01')], force: true }))
    expect(Object.keys(less.state.profiles)).toEqual(['taken'])
  })

  test('comes above everything that was dropped here', () => {
    const lab = new Lab()
    lab.state = { ...lab.state, floor: 70_000 }
    lab.do(adopt('web-01'))
    expect(lab.state.profiles['web-01']?.token).toBe(131_072)
  })

  test('at home and unknown here keeps its token, or is a force where it was removed since', () => {
    const lab = labWith([web])
    const own = backupOf(lab)
    const name = { profiles: [web.id] }
    lab.do({ kind: 'remove-profile', profile: web.id })
    expect(lab.refused(restore(own, name))).toMatchObject({ reason: 'backup-inert' })
    lab.do(restore(own, { ...name, force: true }))
    expect(lab.state.profiles['web-01']?.token).toBe(65_536)
    const lost = new Lab()
    lost.state = { ...lost.state, revision: 1 }
    lost.do(restore(own, name))
    expect(lost.state.profiles['web-01']?.token).toBe(1)
  })

  test('brings its secret where there is none of that name, and never takes the place of one', () => {
    const secret = { id: id<'Secret'>('chap'), sealed: 'theirs', mark: 'theirs' }
    const whole = { ...backup, state: { ...backup.state, secrets: { chap: secret } }, missing: [] }
    const lab = new Lab()
    lab.do(restore(whole, { profiles: [disk.id], force: true }))
    expect(lab.state.secrets.chap).toEqual(secret)
    const own = labWith([])
    const { diff } = own.do(restore(whole, { profiles: [disk.id], force: true }))
    expect(own.state.secrets.chap?.mark).toBe('v1')
    expect(diff).toContain('secret chap: another one is here, and stays')
  })

  test('is what a blade here may wear already: then it is in doubt there', () => {
    const lab = lived()
    const fresh = blankUnder(lab)
    fresh.do(adopt('web-01'))
    fresh.settle()
    expect(fresh.state.doubts).toMatchObject([{ profile: 'web-01', bay: 3 }])
    expect(fresh.blade(3).power).toBe('on')
  })
})

describe('A backup that contradicts itself', () => {
  const { state } = backupOf(lived())
  const held = state.profiles['web-01'] ?? expect.unreachable()
  const mailed = state.profiles.mail ?? expect.unreachable()
  const with_ = (name: string, more: object) => ({ profiles: { ...state.profiles, [name]: { ...held, ...more } } })
  const doubt = state.doubts[0] ?? expect.unreachable()

  test('is none that a chassis held', () => {
    expect(flawOf(state)).toBeUndefined()
  })

  test.each<[string, Partial<State>]>([
    [
      'pools that share addresses',
      {
        pools: {
          ...state.pools,
          more: {
            ...(state.pools.lan ?? expect.unreachable()),
            spec: { ...(state.pools.lan?.spec ?? expect.unreachable()), id: id('more') },
          },
        },
      },
    ],
    [
      'a pool that is none',
      {
        pools: {
          lan: { spec: { id: id('lan'), kind: 'mac', range: { by: 'count', first: 'x', count: 1 } }, marks: [] },
        },
      },
    ],
    ['an address that nobody asked for', with_('web-01', { given: { ...held.given, more: {} } })],
    ['an address that is missing', with_('web-01', { given: { ...held.given, prod: {} } })],
    [
      'one address in two profiles',
      { profiles: { ...state.profiles, mail: { ...mailed, given: { prod: held.given.prod ?? {} } } } },
    ],
    ['a token that none has', with_('web-01', { token: 0 })],
    ['a bay assigned to nobody', { profiles: { mail: mailed } }],
    ['another token in the bay', with_('web-01', { token: 9 })],
    ['one profile in two bays', { bays: { ...state.bays, 7: state.bays[3] ?? emptyBay } }],
    ['a doubt about nobody', { doubts: [...state.doubts, { ...doubt, profile: 'nobody' as ProfileId }] }],
  ])('is refused whole: %s', (_, more) => {
    const lab = new Lab()
    const forged = { serial: here, state: { ...state, ...more }, missing: [] }
    expect(lab.refused(restore(forged))).toMatchObject({ reason: 'field-invalid' })
    expect(lab.refused(restore(forged, { profiles: [disk.id], force: true })).reason).toBe('field-invalid')
  })
})

test('a force is above every hand-over of the token that it takes, and above an earlier force', () => {
  expect([0, 1, 65_535, 65_536, 131_071].map(forced)).toEqual([65_536, 65_536, 65_536, 131_072, 131_072])
})
