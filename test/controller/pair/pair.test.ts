/** Two controllers: what holds whoever of them is lost, and when (W10 to W14). */
import { describe, expect, test } from 'vitest'
import { promise } from '../../../agent/controller/store/marks.ts'
import { id, pools, sanProfile } from '../../core/lab.ts'
import { memoryMedium } from '../store/memory-medium.ts'
import { PairRig } from './rig.ts'

const db = id<'Profile'>('db-01')

async function running(): Promise<PairRig> {
  const rig = new PairRig()
  await rig.bothUp()
  for (const pool of pools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: sanProfile('db-01') })
  await rig.do({
    kind: 'assign',
    profile: db,
    to: { bay: 3 },
    when: 'now',
    preprovision: false,
    power: 'on',
  })
  await rig.settle()
  expect(rig.boots(3)).toHaveLength(1)
  return rig
}

describe('A pair', () => {
  test('finds an owner, and the other one follows', async () => {
    const rig = new PairRig()
    await rig.bothUp()
    expect(rig.A.status).toMatchObject({ role: 'owner', standing: { is: 'member' } })
    expect(rig.B.status).toMatchObject({ role: 'standby', standing: { is: 'member' } })
    expect(rig.A.leading?.memory.members()).toEqual([rig.A.status.self, rig.B.status.self])
  })

  test('acknowledges what both have on flash, and the EEPROM too', async () => {
    const rig = new PairRig()
    await rig.bothUp()
    const [pool] = pools
    const outcome = await rig.do(pool as (typeof pools)[number])
    expect(outcome).toMatchObject({ copies: ['flash', 'peer', 'eeprom'], singleCopy: false })
    expect(rig.B.copy?.()).toEqual(rig.state)
  })

  test('whose owner dies goes on under the other one, and the running blade is not touched', async () => {
    const rig = await running()
    const { state } = rig
    rig.kill('A')
    await rig.until('B leads', () => rig.owner?.slot === 'B')
    expect(rig.state).toEqual({ ...state, term: state.term + 1 })
    await rig.settle()
    expect(rig.boots(3)).toHaveLength(1)
    await rig.do({ kind: 'power', bay: 3, want: 'off', stop: 'forced' })
    await rig.settle()
    rig.noDuplicates()
  })
})

/** So many commands that a manager would hear of, each with copies of its own. */
const pool = (count: number) =>
  ({
    kind: 'define-pool',
    pool: { id: id<'Pool'>(`pool-${count}`), kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 40 + count } },
  }) as const

const saying = (rig: PairRig) => [...rig.A.log, ...rig.B.log].join('\n')

describe('A standby that is lost', () => {
  test('comes off the list before anything is acknowledged without it, and is named again when it is back', async () => {
    const rig = new PairRig()
    await rig.bothUp()
    rig.kill('B')
    expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'eeprom'] })
    expect(rig.A.leading?.memory.members()).toEqual([rig.A.status.self])
    rig.start('B')
    await rig.paired()
    expect(rig.B.copy?.()).toEqual(rig.state)
    expect(await rig.do(pool(2))).toMatchObject({ copies: ['flash', 'peer', 'eeprom'] })
  })

  test('without a word, behind a wire that swallows everything, is waited for and then left out', async () => {
    const rig = new PairRig()
    await rig.bothUp()
    rig.wire.delayMs = 60_000
    const began = rig.clock.now()
    expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'eeprom'] })
    expect(rig.clock.now() - began).toBeGreaterThan(2_500)
    expect(rig.clock.now() - began).toBeLessThan(6_000)
    rig.wire.delayMs = 1
    await rig.paired()
    expect(rig.B.copy?.()).toEqual(rig.state)
  })

  test('while the EEPROM takes no writes stops every answer: it may lead tomorrow, and would lack what was said', async () => {
    const rig = new PairRig()
    await rig.bothUp()
    rig.eeprom.chip.fail = ({ operation }) => (operation === 'writePage' ? { why: 'no acknowledge' } : undefined)
    rig.kill('B')
    await rig.clock.advance(4_000)
    const { outcome } = await rig.submit(pool(1))
    expect(outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'store-read-only' } })
    expect(rig.A.leading?.memory.readOnly()).toContain('is a member and silent')
    // Either of the two that comes back is enough.
    rig.start('B')
    await rig.until('it goes on', () => rig.A.leading?.memory.readOnly() === undefined)
    expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'peer'], singleCopy: false })
    rig.eeprom.chip.fail = () => undefined
    rig.kill('B')
    await rig.clock.advance(10_000)
    expect(await rig.do(pool(2))).toMatchObject({ copies: ['flash', 'eeprom'] })
  })
})

describe('An owner that is lost', () => {
  test('while its standby was off the list is followed by one that goes on from the EEPROM, with nobody in office', async () => {
    const rig = new PairRig()
    await rig.bothUp()
    const { incarnation } = rig.state
    await rig.do({ kind: 'take-over', incarnation, observedEpoch: 0, lineage: 'main', number: 1 })
    rig.kill('B')
    const office = { epoch: 1, sequence: 1, expect: { incarnation, bootId: rig.bootId, beforeUptimeMs: 1e9 } }
    await rig.do(pool(1), { ...office, ifRevision: 1 })
    rig.kill('A')
    rig.start('B')
    await rig.until('B leads', () => rig.owner?.slot === 'B')
    expect(rig.state).toMatchObject({ epoch: 2, revision: 2 })
    expect(rig.state.office).toBeUndefined()
    expect(Object.keys(rig.state.pools)).toEqual(['pool-1'])
    rig.start('A')
    await rig.paired('B')
    expect(rig.A.copy?.()).toEqual(rig.state)
  })

  test('and replaced by a blank one finds it filled by the other, and may lead later', async () => {
    const rig = await running()
    rig.replace('A')
    await rig.until('B leads', () => rig.owner?.slot === 'B')
    const { state } = rig
    rig.start('A')
    await rig.paired('B')
    expect(rig.A.status.self).toMatch(/^ctl-3\//)
    rig.kill('B')
    await rig.leads('A')
    expect(rig.state).toEqual({ ...state, term: state.term + 1 })
    await rig.settle()
    expect(rig.boots(3)).toHaveLength(1)
  })

  test('for a moment comes back and follows: what it noted alone is given up', async () => {
    const rig = new PairRig()
    await rig.bothUp()
    rig.kill('A')
    await rig.until('B leads', () => rig.owner?.slot === 'B')
    await rig.do(pool(1))
    rig.start('A')
    await rig.paired('B')
    expect(rig.A.copy?.()).toEqual(rig.state)
    expect(rig.state.epoch).toBe(0)
  })

  test('together with its standby is replaced by two blank ones: they hold, until somebody says by name to go on', async () => {
    const rig = await running()
    const { state } = rig
    rig.replace('A')
    rig.replace('B')
    rig.start('A')
    rig.start('B')
    await rig.until('one of them says why it holds', () =>
      saying(rig).includes('hold the bindings, and this one is neither'),
    )
    await rig.clock.advance(60_000)
    expect(rig.owner?.leading?.memory.readOnly()).toContain('--adopt rig')
    expect(rig.boots(3)).toHaveLength(1)
    rig.kill('A')
    rig.kill('B')
    rig.start('A', { adopt: id<'Chassis'>('rig') })
    await rig.until('A leads', () => rig.A.leading !== undefined && rig.A.leading.memory.readOnly() === undefined)
    expect(rig.state).toMatchObject({ epoch: state.epoch + 1, revision: state.revision, profiles: state.profiles })
    await rig.settle()
    expect(rig.boots(3)).toHaveLength(1)
  })

  test('by its flash, and not by its program, hands over to a standby that has everything', async () => {
    const rig = await running()
    rig.A.medium.fail = ({ operation }) =>
      operation === 'append' || operation === 'open' ? { code: 'EIO' } : undefined
    const { outcome } = await rig.submit(pool(1))
    expect(outcome.kind).toBe('refused')
    await rig.until('B leads', () => rig.owner?.slot === 'B')
    expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'eeprom'] })
    await rig.settle()
    expect(rig.boots(3)).toHaveLength(1)
  })
})

test('Two blank controllers in a blank chassis ask each other first, and then begin', async () => {
  const rig = new PairRig()
  rig.careful = true
  rig.start('A')
  rig.start('B')
  await rig.until('they are a pair', () => rig.owner?.pair?.status().standing.is === 'member')
  expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'peer', 'eeprom'] })
})

test('A blank controller beside one that is in its slot and says nothing waits for it, and then begins', async () => {
  const rig = new PairRig()
  rig.careful = true
  rig.start('A')
  await rig.clock.advance(20_000)
  expect(rig.A.leading?.memory.readOnly()).toContain('the other controller is asked first')
  await rig.leads('A')
})

test('A blank controller in a chassis with a blank EEPROM begins no life beside a controller that holds one', async () => {
  const rig = await running()
  rig.careful = true
  rig.kill('B')
  rig.replace('A')
  rig.eeprom.chip.bytes.fill(0xff)
  rig.start('A')
  rig.start('B')
  await rig.clock.advance(120_000)
  // Nothing proves what B has, and nothing puts something else in its place.
  expect(rig.owner?.slot).toBe('B')
  expect(rig.B.leading?.memory.readOnly()).toContain('the chassis EEPROM is blank')
  expect(rig.boots(3)).toHaveLength(1)
  rig.kill('A')
  rig.kill('B')
  rig.start('B', { adopt: id<'Chassis'>('rig') })
  await rig.until('B leads', () => rig.B.leading !== undefined && rig.B.leading.memory.readOnly() === undefined)
  rig.start('A')
  await rig.paired('B')
  expect(Object.keys(rig.state.profiles)).toEqual(['db-01'])
  await rig.settle()
  expect(rig.boots(3)).toHaveLength(1)
})

test('An EEPROM that does not answer for a while holds whoever starts meanwhile, and nobody for longer', async () => {
  const rig = await running()
  const { state } = rig
  rig.kill('A')
  rig.kill('B')
  rig.eeprom.chip.broken = 'no acknowledge'
  rig.start('A')
  rig.start('B')
  await rig.clock.advance(30_000)
  expect(saying(rig)).toContain('can not be read: no acknowledge')
  rig.eeprom.chip.broken = undefined
  await rig.until('they are a pair again', () => rig.owner?.pair?.status().standing.is === 'member')
  expect(rig.state).toMatchObject({ revision: state.revision, epoch: state.epoch })
  await rig.settle()
  expect(rig.boots(3)).toHaveLength(1)
})

test('An owner that meets a promise of a later term leads anew above it, and the office stays', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  const { state } = rig
  rig.kill('B')
  // It set out to lead, promised, and came no further.
  await promise(rig.B.medium, state.term + 7)
  rig.start('B')
  await rig.until('A passes it', () => rig.owner?.slot === 'A' && rig.state.term === state.term + 8)
  await rig.paired()
  expect(rig.state).toEqual({ ...state, term: state.term + 8 })
  expect(rig.B.copy?.()).toEqual(rig.state)
  expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'peer', 'eeprom'] })
})

describe('A changeover', () => {
  test('goes to the member, and every answer is known there', async () => {
    const rig = await running()
    const asked = { ...pool(1) }
    const envelope = rig.envelope(asked)
    await rig.do(asked, envelope)
    await rig.do({ kind: 'changeover', force: false })
    await rig.until('B leads', () => rig.owner?.slot === 'B')
    expect(await rig.submit(asked, envelope)).toMatchObject({ replayed: true, outcome: { kind: 'accepted' } })
    await rig.paired('B')
    await rig.settle()
    expect(rig.boots(3)).toHaveLength(1)
  })

  test('by force, at the standby itself, leaves no two that lead', async () => {
    const rig = await running()
    expect(rig.B.pair?.changeover(false)).toContain('standby')
    expect(rig.B.pair?.changeover(true)).toBeUndefined()
    await rig.until('B leads', () => rig.owner?.slot === 'B' && rig.A.leading === undefined)
    await rig.paired('B')
    expect(saying(rig)).toContain('controller A steps down: controller B owns the chassis')
    await rig.settle()
    expect(rig.boots(3)).toHaveLength(1)
    rig.noDuplicates()
  })
})

describe('A controller that does not belong to the pair', () => {
  test('is not overwritten where its flash holds another chassis, until somebody gives that up by name', async () => {
    const other = new PairRig('hp-c7000', { seed: 2 })
    await other.bothUp()
    await other.do(pool(7))
    other.kill('A')
    const rig = new PairRig()
    rig.start('A')
    await rig.leads('A')
    await rig.do(pool(1))
    rig.B.medium = memoryMedium(other.A.medium.files())
    rig.start('B')
    await rig.clock.advance(20_000)
    expect(rig.B.status.standing).toMatchObject({ is: 'refused', why: expect.stringContaining('of another life') })
    expect(rig.A.status.standing.is).not.toBe('member')
    expect(rig.B.copy?.().pools).toHaveProperty('pool-7')
    rig.kill('B')
    rig.start('B', { adopt: id<'Chassis'>('rig') })
    await rig.paired()
    expect(rig.B.copy?.()).toEqual(rig.state)
  })

  test('is refused where it does not know the key of the chassis', async () => {
    const rig = new PairRig()
    rig.start('A')
    await rig.leads('A')
    const pipe = await rig.wire.of('B').dial()
    const ended = new Promise<void>((resolve) => pipe.onEnd(resolve))
    pipe.send(`midplane pair 1 ${'0'.repeat(32)}`)
    pipe.send(`${'0'.repeat(32)} {"is":"hello","self":"x/0000000000000000","formats":[1],"version":"1","promised":0}`)
    await rig.clock.until(ended)
    expect(saying(rig)).toContain('does not know the key of this chassis')
    expect(rig.A.status.standing.is).toBe('absent')
  })

  test('of an earlier version is not taken in, and does not lead: it could not keep what the owner keeps', async () => {
    const rig = new PairRig()
    rig.start('A', { formats: [1, 2] })
    await rig.leads('A')
    rig.start('B')
    await rig.until('B is refused', () => rig.A.status.standing.is === 'refused')
    expect(rig.A.status.standing).toMatchObject({ why: expect.stringContaining('update it') })
    expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'eeprom'] })
    // The other way round it is taken in: a standby is updated first.
    rig.kill('A')
    rig.kill('B')
    rig.start('A')
    rig.start('B', { formats: [1, 2] })
    await rig.paired()
  })
})

test('after AC was lost for both, one leads, the other follows, and each blade is what it was', async () => {
  const rig = await running()
  const { state } = rig
  rig.kill('A')
  rig.kill('B')
  rig.host.perform({ do: 'ac', on: false })
  await rig.clock.advance(3_000)
  rig.host.perform({ do: 'ac', on: true })
  rig.start('B')
  rig.start('A')
  await rig.until('they are a pair', () => rig.owner?.pair?.status().standing.is === 'member')
  expect(rig.state).toMatchObject({ revision: state.revision, epoch: state.epoch, profiles: state.profiles })
  await rig.settle()
  expect(rig.boots(3)).toHaveLength(2)
  rig.noDuplicates()
})
