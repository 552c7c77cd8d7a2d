/**
 * Addresses of ours on hardware where no record puts them: a profile worn unrecorded is in doubt from now on (W15), and
 * an address that nobody explains is given to nobody (I1).
 */
import { expect, test } from 'vitest'
import type { Blade, FunctionReading } from '../../agent/core/blade.ts'
import { unexplained, unrecordedWear } from '../../agent/core/external.ts'
import { id, iscsiProfile, type Lab, labWith, lanProfile, sanProfile } from './lab.ts'

const web = sanProfile('web-01')
const bare = (blade: Blade): Blade => withFunctions(blade, ({ key, factory }) => ({ key, factory, applied: factory }))

function withFunctions(blade: Blade, change: (fn: FunctionReading) => FunctionReading): Blade {
  return { ...blade, adapters: blade.adapters.map((each) => ({ ...each, functions: each.functions.map(change) })) }
}

/** web-01 runs in bay 3, and this controller has lost what it knew of that. */
function lost(profile = web): Lab {
  const lab = labWith([profile, lanProfile('other-01')])
  lab.run(profile, 3)
  const { intent: _, life: __, ...rest } = lab.state.bays[3] ?? expect.unreachable()
  lab.state = { ...lab.state, doubts: [], bays: { ...lab.state.bays, 3: rest } }
  return lab
}

const wear = (lab: Lab, blade = lab.blade(3), bay = 3) => unrecordedWear(lab.state, bay, blade, lab.hardware)

test('a profile found on a blade of which no record says so is in doubt on the functions that wear it', () => {
  const lab = lost()
  const { serial } = lab.blade(3)
  expect(wear(lab)).toEqual({
    profile: 'web-01',
    token: lab.state.profiles['web-01']?.token,
    bay: 3,
    serial,
    placed: { prod: 'lom:1-a', backup: 'lom:1-b', san: 'mezz1:1-a' },
    keeps: false,
    kept: false,
    vouched: false,
  })
  expect(lab.plan(3).note).toMatchObject({ saw: 'in-doubt', bay: 3, doubt: { profile: 'web-01', serial } })
})

test('once it is recorded, the doubt is not raised again', () => {
  const lab = lost()
  lab.note(lab.plan(3).note ?? expect.unreachable())
  expect(lab.state.doubts).toMatchObject([{ profile: 'web-01', bay: 3 }])
  expect(wear(lab)).toBeUndefined()
})

test('a doubt of another blade does not explain what this one wears', () => {
  const lab = lost()
  const doubt = wear(lab) ?? expect.unreachable()
  lab.state = { ...lab.state, doubts: [{ ...doubt, bay: 4, serial: lab.blade(4).serial }] }
  expect(wear(lab)).toMatchObject({ serial: doubt.serial })
})

test('the profile that a bay is assigned is no stray there, and is one in any other bay', () => {
  const lab = labWith([web])
  lab.run(web, 3)
  lab.state = { ...lab.state, doubts: [] }
  expect(wear(lab)).toBeUndefined()
  const worn = lab.blade(3)
  expect(wear(lab, { ...worn, serial: lab.blade(4).serial }, 4)).toMatchObject({ profile: 'web-01', bay: 4 })
})

test('a blade at its factory addresses wears nothing', () => {
  const lab = lost()
  expect(wear(lab, bare(lab.blade(3)))).toBeUndefined()
  expect(wear(lab, lab.blade(4), 4)).toBeUndefined()
})

test('a single address is enough, and only its connection is placed', () => {
  const lab = lost()
  const blade = withFunctions(lab.blade(3), (fn) =>
    fn.key === 'mezz1:1-a' ? fn : { key: fn.key, factory: fn.factory, applied: fn.factory },
  )
  expect(wear(lab, blade)?.placed).toEqual({ san: 'mezz1:1-a' })
})

test('on a blade that is off, only what its next POST would use is worn', () => {
  const lab = lost()
  const off: Blade = { ...lab.blade(3), power: 'off', stage: 'off' }
  expect(wear(lab, off)).toBeDefined()
  const cleared = withFunctions(off, (fn) => ({ ...fn, pending: fn.factory }))
  expect(wear(lab, cleared)).toBeUndefined()
  const staged = withFunctions(bare(off), (fn) => {
    const { applied } = off.adapters.flatMap(({ functions }) => functions).find(({ key }) => key === fn.key) ?? fn
    return { ...fn, pending: applied }
  })
  expect(wear(lab, staged)).toMatchObject({ profile: 'web-01' })
})

test('with the operating system up, what is applied is worn whatever waits for the next POST', () => {
  const lab = lost()
  expect(lab.blade(3).stage).toBe('os')
  const cleared = withFunctions(lab.blade(3), (fn) => ({ ...fn, pending: fn.factory }))
  expect(wear(lab, cleared)).toMatchObject({ profile: 'web-01' })
})

test('a stray on an adapter that keeps its iSCSI name over AC loss is known to be kept', () => {
  const lab = lost(iscsiProfile('web-01'))
  expect(wear(lab)).toMatchObject({ profile: 'web-01', keeps: true })
})

test('a profile explains its own addresses; without it nobody does, and the pool keeps them back', () => {
  const lab = lost()
  const { prod, backup } = lab.state.profiles['web-01']?.given ?? expect.unreachable()
  expect(unexplained(lab.state, lab.blade(3))).toBeUndefined()
  expect(unexplained(labWith([]).state, lab.blade(3))).toEqual({
    saw: 'external',
    pool: id<'Pool'>('lan'),
    addresses: [prod?.mac, backup?.mac],
  })
})

test('an address found once is noted once, and the next pool has its turn', () => {
  const lab = lost()
  const blade = lab.blade(3)
  const fresh = labWith([])
  const first = unexplained(fresh.state, blade) ?? expect.unreachable()
  fresh.note(first)
  const second = unexplained(fresh.state, blade) ?? expect.unreachable()
  expect([first.pool, second.pool]).toEqual(['lan', 'san'])
  fresh.note(second)
  expect(unexplained(fresh.state, blade)).toBeUndefined()
})

test('without a pool there is no address that could be given twice', () => {
  const lab = lost()
  expect(unexplained({ ...lab.state, pools: {}, profiles: {} }, lab.blade(3))).toBeUndefined()
})
