import { expect, test } from 'vitest'
import { id, labWith, lanProfile, sanProfile } from './lab.ts'

const web = id<'Profile'>('web-01')
const start = () => labWith([sanProfile('web-01')])
const here = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const

test('a profile assigned to a bay is dressed, read back, armed once and verified after POST', () => {
  const lab = start()
  lab.do({ kind: 'assign', profile: web, ...here(3), power: 'on' })
  const { steps, notes, findings } = lab.settle()
  expect(steps.map(({ kind }) => kind)).toEqual(['write', 'boot', 'permit', 'power'])
  expect(notes.map(({ saw }) => saw)).toEqual(['armed', 'verified'])
  expect(findings).toEqual([])
  expect(lab.state.bays[3]?.life).toMatchObject({ n: 1, came: 'verified', profile: 'web-01' })
})

test('a move lets go of the old bay before the new one is written', () => {
  const lab = start()
  lab.do({ kind: 'assign', profile: web, ...here(3), power: 'on' })
  lab.settle()
  const wrong = lab.refused({ kind: 'move', profile: web, ...here(4), stop: 'no', force: false })
  expect(wrong.reason).toBe('blade-powered')
  lab.do({ kind: 'move', profile: web, ...here(4), stop: 'graceful', force: false })
  const { steps, notes } = lab.settle()
  expect(steps.map(({ kind, bay }) => `${kind} ${bay}`)).toEqual([
    'power 3',
    'clear 3',
    'write 4',
    'boot 4',
    'permit 4',
    'power 4',
  ])
  expect(notes.map(({ saw }) => saw)).toEqual(['off', 'let-go', 'armed', 'verified'])
  expect(lab.state.bays[4]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
  expect(lab.state.doubts.map(({ bay }) => bay)).toEqual([4])
  expect(lab.state.bays[3]).toMatchObject({ power: 'off' })
})

test('parallel requests for any bay get different ones: the lowest that is off, free and fits', () => {
  const lab = labWith(['web-01', 'web-02', 'web-03'].map(sanProfile))
  lab.do({ kind: 'power', bay: 1, want: 'on', stop: 'graceful' })
  lab.settle()
  const any = { to: { any: {} }, when: 'now', preprovision: false } as const
  const bays = ['web-01', 'web-02', 'web-03'].map(
    (name) => lab.do({ kind: 'assign', profile: id<'Profile'>(name), ...any }).bay,
  )
  expect(bays).toEqual([2, 3, 4])
})

test('any bay means only those among the named, of the named product', () => {
  const lab = labWith([lanProfile('web-01'), lanProfile('web-02')])
  const among = { to: { any: { among: [5, 4] } }, when: 'now', preprovision: false } as const
  expect(lab.do({ kind: 'assign', profile: web, ...among }).bay).toBe(4)
  const other = { to: { any: { product: 'ProLiant BL465c G7' } }, when: 'now', preprovision: false } as const
  expect(lab.refused({ kind: 'assign', profile: id<'Profile'>('web-02'), ...other }).reason).toBe('no-eligible-bay')
})

test('a bay whose blade may still be live as something else is not eligible', () => {
  const lab = labWith([lanProfile('web-01'), lanProfile('web-02')])
  lab.do({ kind: 'assign', profile: web, ...here(1) })
  lab.settle()
  lab.do({ kind: 'unassign', profile: web, when: 'now', stop: 'no', force: false })
  const any = { to: { any: {} }, when: 'now', preprovision: false } as const
  expect(lab.do({ kind: 'assign', profile: id<'Profile'>('web-02'), ...any }).bay).toBe(2)
})

test('assigning what is assigned there changes nothing; with power it says only that', () => {
  const lab = start()
  lab.do({ kind: 'assign', profile: web, ...here(3) })
  expect(lab.do({ kind: 'assign', profile: web, ...here(3) })).toMatchObject({ changed: false, bay: 3 })
  expect(lab.do({ kind: 'assign', profile: web, ...here(3), power: 'on' }).diff).toEqual(['bay 3: power on'])
})

test('a profile waits in an empty bay until a blade comes, and then belongs to that blade', () => {
  const lab = labWith([{ ...lanProfile('web-01'), affinity: 'blade' }], 'hp-c7000')
  const first = lab.blade(1)
  lab.swap(1)
  lab.do({ kind: 'assign', profile: web, to: { bay: 1 }, when: 'now', preprovision: true, power: 'on' })
  expect(lab.waits(1)).toEqual(['no-blade'])
  lab.swap(1, first)
  lab.settle()
  expect(lab.state.bays[1]).toMatchObject({ life: { came: 'verified' }, intent: { blade: { serial: first.serial } } })
  lab.swap(1, { ...first, serial: 'OTHER' as typeof first.serial })
  lab.settle()
  expect(lab.waits(1)).toEqual(['different-blade'])
})

test('assign accepts and waits where the blade is on and next-off was said', () => {
  const lab = start()
  lab.do({ kind: 'power', bay: 3, want: 'on', stop: 'graceful' })
  lab.settle()
  expect(lab.refused({ kind: 'assign', profile: web, ...here(3) }).reason).toBe('blade-powered')
  lab.do({ kind: 'assign', profile: web, to: { bay: 3 }, when: 'next-off', preprovision: false })
  lab.settle()
  expect(lab.waits(3)).toEqual(['waits-for-off'])
  lab.do({ kind: 'power', bay: 3, want: 'cycle', stop: 'graceful' })
  lab.settle()
  expect(lab.state.bays[3]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
})

test('unassign leaves the bay off and bare, and the profile free for another bay', () => {
  const lab = start()
  lab.run(sanProfile('web-01'), 3)
  lab.do({ kind: 'unassign', profile: web, when: 'now', stop: 'forced', force: false })
  lab.settle()
  expect(lab.state.doubts).toEqual([])
  expect(lab.state.bays[3]).toMatchObject({ power: 'off' })
  expect(lab.plan(3)).toMatchObject({ phase: 'idle', findings: [] })
})

test('unassign on the next off leaves the server running, and does not start the bay bare afterwards', () => {
  const lab = start()
  lab.run(sanProfile('web-01'), 3)
  expect(lab.refused({ kind: 'unassign', profile: web, when: 'now', stop: 'no', force: false }).reason).toBe(
    'blade-powered',
  )
  lab.do({ kind: 'unassign', profile: web, when: 'next-off', stop: 'no', force: false })
  lab.settle()
  expect(lab.waits(3)).toEqual(['blade-is-on'])
  expect(lab.blade(3).power).toBe('on')
  // AC is lost: the wanted power holds, and nothing is wanted of a bay that its server has left.
  lab.turn(3, (it) => ({ ...it, power: 'off', stage: 'off' }))
  lab.latch(3, { state: 'denied', n: 0 })
  lab.settle()
  expect(lab.blade(3).power).toBe('off')
  expect(lab.state.doubts).toEqual([])
})
