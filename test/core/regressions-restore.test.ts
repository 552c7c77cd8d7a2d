/**
 * Ways in which a backup once could have made an address live twice, or stopped the controller that took it: what the
 * blades wear since the backup was made was believed only for as long as their BMCs answered. And the one way in which a
 * chassis that was reset once ran again what the life before had run.
 */
import { describe, expect, test } from 'vitest'
import type { SecretId } from '../../agent/core/addresses.ts'
import type { Command, Envelope } from '../../agent/core/command.ts'
import { decide } from '../../agent/core/decide.ts'
import type { Policy } from '../../agent/core/policy.ts'
import { type Backup, flawOf } from '../../agent/core/restore.ts'
import { blank, emptyBay } from '../../agent/core/state.ts'
import { blade, id, Lab, labWith, pools, sanProfile } from './lab.ts'

const here = 'CHASSIS-1'
const web = sanProfile('web-01')
const database = sanProfile('db-01')

/** As a text would bring it: what the EEPROM keeps, its secrets left out. */
function backupOf({ state }: Lab): Backup {
  const bays = Object.entries(state.bays).map(([bay, { intent, power }]) => [
    bay,
    { ...emptyBay, ...(intent && { intent }), ...(power && { power }) },
  ])
  const missing = Object.keys(state.secrets) as SecretId[]
  return { serial: here, state: { ...state, bays: Object.fromEntries(bays), secrets: {}, answers: {} }, missing }
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

const into = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false, power: 'on' }) as const
const addressesOf = (lab: Lab, profile: string) =>
  Object.values(lab.state.profiles[profile]?.given ?? expect.unreachable(profile)).flatMap((set) => Object.values(set))

describe('What blades wear is in doubt by the record that goes on from a backup, not by a later look (W22, I1)', () => {
  test('a blade that was replaced since keeps its profile out of other bays, though its BMC falls silent at once', () => {
    const lab = labWith([web])
    lab.run(web, 3)
    const old = backupOf(lab)
    lab.swap(3, blade(lab.hardware, 'ProLiant BL460c G7', 33))
    lab.settle()
    expect(lab.state.bays[3]?.life).toMatchObject({ came: 'verified', serial: 'SN0033' })
    const fresh = blankUnder(lab)
    fresh.do(restore(old))
    // It was in the bay that the backup assigns, and so was not put in doubt: the backup's own doubt is of SN0003.
    expect(fresh.state.doubts.map(({ serial }) => serial)).toEqual(expect.arrayContaining(['SN0003', 'SN0033']))
    fresh.blind(3)
    // The profile was dressed in bay 4 while SN0033 still ran as it.
    fresh.do({ ...into(4), kind: 'move', profile: web.id, when: 'next-off', stop: 'no', force: false })
    const { steps } = fresh.settle()
    expect(steps.filter(({ kind }) => kind === 'write' || kind === 'permit')).toEqual([])
    expect(fresh.waits(4)).toEqual(['in-doubt-elsewhere'])
  })

  test('a profile that is adopted by name and worn by a blade here starts in no other bay', () => {
    const lab = labWith([web])
    lab.run(web, 3)
    const fresh = blankUnder(lab)
    const { diff } = fresh.do(restore(backupOf(lab), { profiles: [web.id], force: true }))
    // Only a backup that was restored as a whole looked at the blades.
    expect(fresh.state.doubts).toMatchObject([{ profile: 'web-01', bay: 3, serial: 'SN0003' }])
    expect(diff).toContain('bay 3: wears web-01 now, and is in doubt')
    fresh.blind(3)
    fresh.do({ kind: 'assign', profile: web.id, ...into(4) })
    const { steps } = fresh.settle()
    expect(steps.filter(({ kind }) => kind === 'write' || kind === 'permit')).toEqual([])
    expect(fresh.waits(4)).toEqual(['in-doubt-elsewhere'])
  })

  test('addresses of a profile that was defined since, and runs, are given to nobody else', () => {
    const lab = labWith([web])
    const old = backupOf(lab)
    lab.do({ kind: 'define-profile', profile: database })
    lab.run(database, 3)
    const fresh = blankUnder(lab)
    fresh.do(restore(old))
    fresh.blind(3)
    // Its pools were as the backup tells, where these addresses are free.
    fresh.do({ kind: 'define-profile', profile: sanProfile('new-01') })
    const live = addressesOf(lab, 'db-01')
    expect(live).toHaveLength(4)
    expect(addressesOf(fresh, 'new-01').filter((address) => live.includes(address))).toEqual([])
  })
})

describe('A backup that somebody wrote by hand', () => {
  const policy: Policy = { id: id('spare'), afterSeconds: 60, cut: false, attempts: 2 }

  /** A policy as no command could define it was restored all the same, and tried every blade there is, for ever. */
  test.each<[flaw: Partial<Policy>, field: string]>([
    [{ attempts: 4_000_000_000 }, 'attempts'],
    [{ afterSeconds: 0 }, 'after_seconds'],
  ])('is refused where its policy says %j, as the command would be', (flaw, field) => {
    const lab = labWith([web])
    lab.do({ kind: 'define-policy', policy })
    const backup = backupOf(lab)
    expect(flawOf(backup.state)).toBeUndefined()
    const left = backup.state.policies?.spare ?? expect.unreachable()
    const policies = { spare: { ...left, policy: { ...policy, ...flaw } } }
    const { reason, say } = blankUnder(lab).refused(restore({ ...backup, state: { ...backup.state, policies } }))
    expect(reason).toBe('field-invalid')
    expect(say).toContain('policy spare')
    expect(say).toContain(field)
  })
})

describe('A request of the life before a factory reset (I6, W21)', () => {
  const [pool = expect.unreachable()] = pools
  const reset = (digit: string): Command => {
    const incarnation = digit.repeat(32)
    return { kind: 'factory-reset', serial: here, here, incarnation }
  }
  /** Exactly as it was sent: the lab would add the epoch of now. */
  const delivered = ({ state, observed, hardware, moment }: Lab, envelope: Envelope) =>
    decide({ state, observed, hardware, moment }, pool, envelope)

  /** Its answer was forgotten with that life, and nothing told it from a new one: the pool was there again. */
  test('is not run again when it is delivered once more, and is when it is meant for this one', () => {
    const lab = labWith([])
    lab.do({ kind: 'remove-pool', pool: id('lan') })
    const envelope = lab.envelope({ sequence: 5 })
    lab.do(pool, envelope)
    expect(delivered(lab, envelope).is).toBe('repeat')
    lab.do(reset('2'))
    expect(delivered(lab, envelope)).toMatchObject({ is: 'refused', refusals: [{ reason: 'expect-missing' }] })
    expect(lab.refused(pool, { ...envelope, epoch: 0 }).reason).toBe('stale-epoch')
    lab.do(pool, { ...envelope, epoch: 1 })
  })

  test('is known for old however many lives ago it was sent', () => {
    const lab = labWith([])
    const sent: Envelope[] = []
    for (const [lives, digit] of ['2', '3', '4'].entries()) {
      const envelope = lab.envelope()
      lab.do(pool, envelope)
      sent.push(envelope)
      lab.do(reset(digit))
      expect(lab.state).toMatchObject({ epoch: lives + 1, incarnation: digit.repeat(32), pools: {} })
      for (const old of sent) expect(delivered(lab, old).is).toBe('refused')
    }
  })
})
