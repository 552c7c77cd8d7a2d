import { expect, test } from 'vitest'
import { id, Lab, pools, sanProfile } from './lab.ts'

const web = id<'Profile'>('web-01')
function labWith(): Lab {
  const lab = new Lab()
  for (const pool of pools) lab.do(pool)
  lab.do({ kind: 'define-profile', profile: sanProfile('web-01') })
  return lab
}
const here = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const

test('a profile assigned to a bay is dressed, read back, armed once and verified after POST', () => {
  const lab = labWith()
  lab.do({ kind: 'assign', profile: web, ...here(3), power: 'on' })
  const { steps, notes, findings } = lab.settle()
  expect(steps.map(({ kind }) => kind)).toEqual(['write', 'boot', 'permit', 'power'])
  expect(notes.map(({ saw }) => saw)).toEqual(['armed', 'verified'])
  expect(findings).toEqual([])
  expect(lab.state.bays[3]?.life).toMatchObject({ n: 1, came: 'verified', profile: 'web-01' })
})

test('a move lets go of the old bay before the new one is written', () => {
  const lab = labWith()
  lab.do({ kind: 'assign', profile: web, ...here(3), power: 'on' })
  lab.settle()
  const wrong = lab.refused({ kind: 'move', profile: web, ...here(4), stop: 'no', force: false })
  expect(wrong.reason).toBe('blade-powered')
  lab.do({ kind: 'move', profile: web, ...here(4), stop: 'graceful', force: false })
  const { steps, notes } = lab.settle()
  console.log(
    steps.map((s) => `${s.kind} ${s.bay}`),
    notes.map((n) => `${n.saw} ${'bay' in n ? n.bay : ''}`),
  )
  expect(lab.state.bays[4]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
  expect(lab.state.doubts.map(({ bay }) => bay)).toEqual([4])
})
