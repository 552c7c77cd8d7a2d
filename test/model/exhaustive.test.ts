/**
 * The real `decide`, `planBay` and `evolve` against everything that two bays, a button, a slow BMC, a restart, a pulled
 * blade and an AC loss can do to them. Each rule that is taken away has to be missed: its shortest counter-example is
 * printed.
 */
import { expect, test } from 'vitest'
import type { BayPlan } from '../../agent/core/bay-plan.ts'
import type { Command } from '../../agent/core/command.ts'
import { planBay } from '../../agent/core/plan.ts'
import { built, type Lab, planOf, type Rules, type Run, step } from './run.ts'
import { type Budget, search } from './search.ts'
import { type Kind, p, q, tinyHardware, tinyRun } from './tiny.ts'

const on = (bay: number): Command => ({ kind: 'power', bay, want: 'on', stop: 'graceful' })
const to = (bay: number) => ({ to: { bay }, when: 'next-off', preprovision: true }) as const
const moveP: Command = { kind: 'move', profile: p, ...to(2), stop: 'no', force: false, power: 'on' }
const backP: Command = { kind: 'move', profile: p, ...to(1), stop: 'no', force: false, power: 'on' }
const assignQ: Command = { kind: 'assign', profile: q, ...to(1), power: 'on' }
const leaveP: Command = { kind: 'unassign', profile: p, when: 'next-off', stop: 'no', force: false }
const takeP: Command = { kind: 'assign', profile: p, ...to(2), power: 'on' }

const latched: Kind = { latch: true, address: 'adapter' }
const bare: Kind = { latch: false, address: 'adapter' }
const nothing: Budget = {
  button: 0,
  osOff: 0,
  late: 0,
  lost: 0,
  restart: 0,
  ac: 0,
  pull: 0,
  commands: [],
  bays: [1, 2],
}

/** Lets both bays come to rest: what they do before that is of no interest here. */
function settled(run: Run, lab: Lab): Run {
  let now = run
  for (let round = 0; round < 40; round++) {
    for (const bay of [1, 2]) {
      now = step(now, { is: 'tend', bay, fate: 'obeyed' }, lab)
      now = step(now, { is: 'mishap', mishap: { it: 'post-end', bay } }, lab)
    }
    if ([1, 2].every((bay) => !planOf(now, bay, lab).note && planOf(now, bay, lab).steps.length === 0)) return now
  }
  return expect.unreachable('it never comes to rest')
}

interface World {
  readonly kind: Kind
  readonly budget: Partial<Budget>
  /** What was commanded before; default: p in bay 1 is to run. */
  readonly first?: readonly Command[]
  readonly states?: number
}

function explore({ kind, budget, first = [on(1)], states = 12_000 }: World, change: Partial<Rules> = {}) {
  const hardware = tinyHardware(kind)
  const begun = settled(tinyRun(hardware, first), { hardware, rules: built })
  const lab = { hardware, rules: { ...built, ...change } }
  const found = search({ ...begun, acknowledged: [] }, { ...nothing, ...budget }, lab, { states, depth: 60 })
  const { broken } = found
  console.log(
    [`${found.states} states to depth ${found.depth}${found.whole ? ', all there are' : ''}: ${broken?.say ?? 'holds'}`]
      .concat((broken?.story ?? []).map((line, i) => `  ${i + 1}. ${line}`))
      .join('\n'),
  )
  return found
}

const director: Kind = { latch: false, address: 'director' }
const stopP: Command = { ...moveP, kind: 'move', stop: 'forced' }
const worlds: readonly (readonly [string, World])[] = [
  [
    'a running blade is stopped for a move; a slow BMC, somebody at the button, a restart',
    { kind: latched, budget: { commands: [stopP], late: 1, lost: 1, button: 1, restart: 1 } },
  ],
  [
    'a move from a blade that is off, another profile into the bay, and a restart',
    { kind: latched, budget: { commands: [moveP, assignQ], restart: 1, late: 1 }, first: [] },
  ],
  [
    'a move while AC fails and the BMC is slow',
    { kind: latched, budget: { commands: [on(1), moveP], ac: 1, late: 1 }, first: [] },
  ],
  [
    'a move while blades are pulled and swapped',
    { kind: latched, budget: { commands: [moveP, on(1)], pull: 2 }, first: [], states: 60_000 },
  ],
  [
    'there and back again, with shut-downs by its own system',
    { kind: latched, budget: { commands: [moveP, backP], osOff: 2, ac: 1, restart: 1 } },
  ],
  [
    'unassign and assign elsewhere, another profile, a slow BMC',
    { kind: latched, budget: { commands: [leaveP, takeP, assignQ], late: 1, osOff: 1 } },
  ],
  [
    'no latch: there and back again with a slow BMC and somebody at the button',
    { kind: bare, budget: { commands: [moveP, backP], late: 1, button: 1 }, first: [] },
  ],
  [
    'a director: a move while blades are pulled and swapped',
    { kind: director, budget: { commands: [moveP, on(1)], pull: 2, button: 1 }, first: [], states: 8_000 },
  ],
]
for (const [name, world] of worlds) {
  test(`no order of events doubles an address or starts a wrong server: ${name}`, () => {
    const found = explore(world)
    expect(found.broken).toBeUndefined()
    expect(found.states).toBeGreaterThan(1000)
  }, 120_000)
}

// ── Broken on purpose ───────────────────────────────────────────────────────────────────────────────────────────

test('power read before the adapters is caught: a button press fits in between', () => {
  const { broken } = explore(
    { kind: bare, budget: { commands: [moveP], button: 1 }, first: [] },
    { look: 'off-then-bare' },
  )
  expect(broken?.say).toMatch(/^I1/)
})

test('a permit left standing is caught: a button starts what is only half undressed', () => {
  const standing: Rules['planBay'] = (state, bay, observed, hardware): BayPlan => {
    const plan = planBay(state, bay, observed, hardware)
    const sight = observed.bays[bay]
    if (!sight || sight.slot === 'unknown' || !plan.steps.some(({ kind }) => kind === 'withdraw')) return plan
    const slot = { ...sight.slot, permit: { state: 'denied', n: 0 } as const }
    return planBay(state, bay, { ...observed, bays: { ...observed.bays, [bay]: { ...sight, slot } } }, hardware)
  }
  const { broken } = explore(
    { kind: latched, budget: { commands: [on(1), moveP], button: 1 }, first: [] },
    { planBay: standing },
  )
  expect(broken?.say).toMatch(/^I[13]/)
})

test('doubts kept by bay alone are caught: another blade in the bay proves nothing about the one that left', () => {
  const byBay: Rules['planBay'] = (state, bay, observed, hardware) => {
    const slot = observed.bays[bay]?.slot
    const serial = slot && slot !== 'unknown' && slot.presence === 'present' ? slot.serial : undefined
    const doubts = state.doubts.map((doubt) =>
      doubt.bay === bay && serial ? { ...doubt, serial, kept: false } : doubt,
    )
    const plan = planBay({ ...state, doubts }, bay, observed, hardware)
    if (plan.note?.saw !== 'let-go') return plan
    const { profiles } = plan.note
    const real = state.doubts.find((doubt) => doubt.bay === bay && profiles.includes(doubt.profile))
    return real ? { ...plan, note: { ...plan.note, serial: real.serial } } : plan
  }
  const { broken } = explore(
    { kind: director, budget: { commands: [moveP], pull: 2, button: 1 }, first: [], states: 60_000 },
    { planBay: byBay },
  )
  expect(broken?.say).toMatch(/^I1/)
})

test('silence taken for an answer is caught: the BMC writes after all', () => {
  const { broken } = explore(
    { kind: latched, budget: { commands: [moveP, backP], late: 1 }, first: [] },
    { silence: 'believed' },
  )
  expect(broken?.say).toMatch(/^I[13]/)
})

test('a profile dressed before its old blade has let go is caught', () => {
  const hasty: Rules['planBay'] = (state, bay, observed, hardware) =>
    planBay({ ...state, doubts: state.doubts.filter((doubt) => doubt.bay === bay) }, bay, observed, hardware)
  const { broken } = explore({ kind: latched, budget: { commands: [moveP] } }, { planBay: hasty })
  expect(broken?.say).toMatch(/^I1/)
})
