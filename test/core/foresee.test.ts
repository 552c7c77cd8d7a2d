/**
 * A dry run tells the truth: what is foreseen is what a doer then does, step by step, looking again after each.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Bay, canonical, type Observed, type Step } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import { foresee, forget, predict } from '../../agent/core/foresee.ts'
import { planBay } from '../../agent/core/plan.ts'
import { evolve } from '../../agent/core/record.ts'
import type { State } from '../../agent/core/state.ts'
import { id, iscsiProfile, Lab, labWith, lanProfile, sanProfile } from './lab.ts'

/** One doer for each bay, in turns: look, plan, one note or one step, look again. */
function doneByHand(lab: Lab, order: readonly Bay[]) {
  let { state, observed }: { state: State; observed: Observed } = lab
  const steps: Step[] = []
  for (let idle = 0, turn = 0; idle < order.length; turn++) {
    expect(turn).toBeLessThan(2000)
    const bay = order[turn % order.length] as Bay
    const plan = planBay(state, bay, observed, lab.hardware)
    idle = plan.note || plan.steps.length > 0 ? 0 : idle + 1
    if (plan.note) {
      state = evolve(state, { kind: 'observation', observation: plan.note })
      observed = forget(observed, plan.note)
    }
    const next = plan.note ? plan.next : plan.steps[0]
    if (!next) continue
    steps.push(next)
    observed = predict(observed, next)
  }
  return { state, observed, steps }
}

const perBay = (steps: readonly Step[], bay: Bay) =>
  steps.filter((step) => step.bay === bay).map((step) => canonical(step))

const profiles = [sanProfile('san'), iscsiProfile('disk'), lanProfile('lan')]
const bays = [1, 2, 3, 4, 5] as const

test('the steps of a dry run are those later done, in each bay in that order, and end where it said', () => {
  const bay = fc.constantFrom(...bays, 6)
  const profile = fc.constantFrom(...profiles.map(({ id }) => id))
  const power = fc.constantFrom(undefined, 'on' as const, 'off' as const)
  const optional = (want: 'on' | 'off' | undefined) => (want ? { power: want } : {})
  const command: fc.Arbitrary<Command> = fc.oneof(
    fc.tuple(profile, bay, power).map(
      ([profile, bay, want]): Command => ({
        kind: 'assign',
        profile,
        to: { bay },
        when: 'next-off',
        preprovision: true,
        ...optional(want),
      }),
    ),
    fc.tuple(profile, bay, power).map(
      ([profile, bay, want]): Command => ({
        kind: 'move',
        profile,
        to: { bay },
        when: 'next-off',
        stop: 'forced',
        preprovision: true,
        force: false,
        ...optional(want),
      }),
    ),
    profile.map((profile): Command => ({ kind: 'unassign', profile, when: 'now', stop: 'graceful', force: false })),
    fc
      .tuple(bay, fc.constantFrom('on', 'off', 'cycle', 'reset') as fc.Arbitrary<'on' | 'off' | 'cycle' | 'reset'>)
      .map(([bay, want]): Command => ({ kind: 'power', bay, want, stop: 'graceful' })),
    bay.map((bay): Command => ({ kind: 'override-boot', bay, override: { target: 'pxe', lasts: 'once' } })),
    bay.map((bay): Command => ({ kind: 'reseat', bay })),
    profile.map(
      (profile): Command => ({
        kind: 'set-boot-plan',
        profile,
        boot: { mode: 'legacy', order: [{ target: 'local' }] },
      }),
    ),
  )
  const start = labWith(profiles)
  for (const [i, profile] of profiles.entries()) start.run(profile, i + 1)
  let steps = 0
  let accepted = 0
  fc.assert(
    fc.property(
      fc.array(command, { minLength: 6, maxLength: 12, size: 'max' }),
      fc.shuffledSubarray([...bays, 6], { minLength: 6 }),
      (commands, order) => {
        const lab = new Lab()
        lab.state = start.state
        lab.observed = start.observed
        for (const each of commands) {
          const decision = lab.decide(each, { request: `foreseen-${accepted}` })
          if (decision.is !== 'accepted') continue
          accepted++
          lab.state = evolve(lab.state, decision.record)
          const foreseen = foresee(lab.state, lab.observed, lab.hardware)
          const done = doneByHand(lab, order)
          for (const bay of order) expect(perBay(done.steps, bay)).toEqual(perBay(foreseen.steps, bay))
          expect(canonical(done.observed)).toBe(canonical(foreseen.observed))
          steps += foreseen.steps.length
          lab.settle()
        }
      },
    ),
    { numRuns: 60, seed: 7 },
  )
  console.log(`${accepted} commands foreseen, ${steps} steps`)
  expect(steps).toBeGreaterThan(400)
  expect(accepted).toBeGreaterThan(200)
})

test('what would be waited for in the end is foreseen too', () => {
  const lab = labWith([lanProfile('lan')])
  lab.do({ kind: 'assign', profile: id<'Profile'>('lan'), to: { bay: 6 }, when: 'now', preprovision: true })
  expect(foresee(lab.state, lab.observed, lab.hardware).findings).toMatchObject([
    { bay: 6, finding: { reason: 'no-blade' } },
  ])
})

test('a cut is foreseen to end what was unanswered, so that no barrier is foreseen after it', () => {
  const lab = labWith([lanProfile('lan')])
  lab.run(lanProfile('lan'), 1)
  lab.blind(1, true)
  lab.do({ kind: 'reseat', bay: 1 })
  expect(lab.settle().steps.map(({ kind }) => kind)).toEqual(['cut'])
})

test('power is foreseen only through a permit', () => {
  const lab = labWith([])
  const on: Step = { kind: 'power', bay: 1, action: 'on' }
  const power = (observed: Observed) => {
    lab.observed = observed
    return lab.blade(1).power
  }
  const start = lab.observed
  expect(power(predict(start, on))).toBe('off')
  expect(power(predict(predict(start, { kind: 'permit', bay: 1, n: 1 }), on))).toBe('on')
})
