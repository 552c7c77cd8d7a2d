/** The end of one life of a chassis: nothing is forgotten that may still be live (I1), and the next life is another (W21). */
import { expect, test } from 'vitest'
import type { Command } from '../../agent/core/command.ts'
import { blank } from '../../agent/core/state.ts'
import { type Lab, labWith, sanProfile } from './lab.ts'

const web = sanProfile('web-01')
const here = 'CHASSIS-1'
const reset = (more: Partial<Extract<Command, { kind: 'factory-reset' }>> = {}): Command => ({
  ...{ kind: 'factory-reset', serial: here, here, incarnation: 'e'.repeat(32) },
  ...more,
})
const unassign = (lab: Lab, force = false) =>
  lab.do({ kind: 'unassign', profile: web.id, when: 'next-off', stop: 'no', force })

test('a chassis where nothing is bound forgets everything, and begins another life', () => {
  const lab = labWith([web])
  lab.run(web, 3)
  lab.do({ kind: 'power', bay: 3, want: 'off', stop: 'forced' })
  unassign(lab)
  lab.settle()
  const { chassis, board, epoch } = lab.state
  const accepted = lab.do(reset())
  // Answers are forgotten: what was sent to the life before, and is not known here any more, is not run again (I6).
  expect(accepted).toMatchObject({ changed: true, revision: 0, epoch: epoch + 1 })
  expect(lab.state).toEqual({
    ...blank(chassis, board, 'e'.repeat(32)),
    ...{ epoch: epoch + 1, answers: lab.state.answers },
  })
  expect(Object.values(lab.state.answers).flatMap(({ answers }) => answers)).toHaveLength(1)
  expect(lab.settle().steps).toEqual([])
})

test('the serial has to be that of this chassis, in whatever case', () => {
  const lab = labWith([])
  expect(lab.refused(reset({ serial: 'CHASSIS-2' })).reason).toBe('other-serial')
  expect(lab.refused(reset({ serial: '', here: '' })).reason).toBe('bay-unknown')
  lab.do(reset({ serial: 'chassis-1' }))
})

test('what is assigned is named, all of it, and so is what may still be live', () => {
  const lab = labWith([web])
  lab.run(web, 3)
  expect(lab.refused(reset())).toMatchObject({ reason: 'profile-assigned', say: expect.stringContaining('bay 3') })
  unassign(lab)
  expect(lab.refused(reset())).toMatchObject({ reason: 'profile-in-doubt', say: expect.stringContaining('bay 3') })
})

test('what was vouched dark does not stand in its way, unless the backplane says that it is not', () => {
  const lab = labWith([web])
  lab.run(web, 3)
  lab.turn(3, (blade) => ({ ...blade, power: 'off', stage: 'off' }))
  lab.blind(3)
  unassign(lab, true)
  expect(lab.state.doubts).toMatchObject([{ profile: 'web-01', vouched: true }])
  lab.seat(3, (sight) =>
    sight.slot === 'unknown' ? sight : { ...sight, slot: { ...sight.slot, powerGood: true } as never },
  )
  expect(lab.refused(reset()).reason).toBe('profile-in-doubt')
  lab.seat(3, (sight) =>
    sight.slot === 'unknown' ? sight : { ...sight, slot: { ...sight.slot, powerGood: false } as never },
  )
  lab.do(reset())
  expect(lab.state.doubts).toEqual([])
})

test('what is left on a blade that comes back is nobody’s, and is cleared before it starts', () => {
  const lab = labWith([web])
  lab.run(web, 3)
  const worn = lab.observed.bays[3] ?? expect.unreachable()
  lab.swap(3)
  unassign(lab, true)
  lab.settle()
  lab.do(reset())
  lab.seat(3, () => worn)
  expect(lab.waits(3)).toEqual(['superfluous'])
  expect(lab.settle().steps).toEqual([])
  lab.turn(3, (blade) => ({ ...blade, power: 'off', stage: 'off' }))
  lab.do({ kind: 'power', bay: 3, want: 'on', stop: 'graceful' })
  const kinds = lab.settle().steps.map(({ kind }) => kind)
  expect(kinds.indexOf('clear')).toBeGreaterThanOrEqual(0)
  expect(kinds.indexOf('clear')).toBeLessThan(kinds.indexOf('permit'))
})

test('with nothing to forget it is no change, and keeps its incarnation', () => {
  const lab = labWith([])
  lab.do(reset())
  expect(lab.do(reset({ incarnation: 'd'.repeat(32) })).changed).toBe(false)
  expect(lab.state.incarnation).toBe('e'.repeat(32))
})
