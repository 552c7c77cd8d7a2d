/**
 * The real `decide`, `planBay` and `evolve` against everything that two bays, a button, a slow BMC, a restart, a pulled
 * blade, an AC loss and a lost controller can do to them, each world to its end. Each rule that is taken away has to be
 * missed: its shortest counter-example is printed.
 */
import { expect, test } from 'vitest'
import type { BayPlan } from '../../agent/core/bay-plan.ts'
import { planBay } from '../../agent/core/plan.ts'
import type { Explored } from './explore.ts'
import type { Rules } from './run.ts'
import {
  assignQ,
  backP,
  bare,
  director,
  explored,
  holdsIn,
  latched,
  leaveP,
  moveP,
  on,
  stopP,
  takeP,
  type World,
} from './worlds.ts'

const worlds: readonly (readonly [string, World, number])[] = [
  [
    'a running blade is stopped for a move; a slow BMC, somebody at the button, a restart',
    { kind: latched, budget: { commands: [stopP], late: 1, lost: 1, button: 1, restart: 1 } },
    3_700,
  ],
  [
    'a move from a blade that is off, another profile into the bay, and a restart',
    { kind: latched, budget: { commands: [moveP, assignQ], restart: 1, late: 1 }, first: [] },
    6_400,
  ],
  [
    'a move while AC fails and the BMC is slow',
    { kind: latched, budget: { commands: [on(1), moveP], ac: 1, late: 1 }, first: [] },
    6_500,
  ],
  [
    'a move while a blade is swapped, all of it is without AC, the agent restarts and somebody is at the button',
    { kind: latched, budget: { commands: [moveP], button: 1, restart: 1, dark: 1, pull: 1 }, first: [] },
    12_000,
  ],
  [
    'there and back again, with a shut-down by its own system',
    { kind: latched, budget: { commands: [moveP, backP], osOff: 1, restart: 1 } },
    1_600,
  ],
  [
    'unassign and assign elsewhere, another profile, a slow BMC',
    { kind: latched, budget: { commands: [leaveP, takeP, assignQ], late: 1, osOff: 1 } },
    1_800,
  ],
  [
    'no latch: there and back again with a slow BMC and somebody at the button',
    { kind: bare, budget: { commands: [moveP, backP], late: 1, button: 1 }, first: [] },
    2_500,
  ],
  [
    'a director: a move while blades are pulled and swapped',
    { kind: director, budget: { commands: [moveP], pull: 2, button: 1 }, first: [] },
    12_400,
  ],
  [
    'a move while the controller is changed for a blank one, and the BMC is slow',
    { kind: latched, budget: { commands: [moveP, assignQ], replace: 1, late: 1 }, first: [] },
    6_400,
  ],
]
for (const [name, world, floor] of worlds) {
  test(`no order of events doubles an address or starts a wrong server: ${name}`, () => {
    holdsIn(name, world, floor)
  }, 120_000)
}

// ── Broken on purpose ───────────────────────────────────────────────────────────────────────────────────────────

/** The shortest story is not shorter than the rule allows, and its last step is the one that breaks. */
function expectCaught({ broken }: Explored, says: RegExp, steps: number, ends: RegExp): void {
  expect(broken?.say).toMatch(says)
  expect(broken?.story.length).toBeGreaterThanOrEqual(steps)
  expect(broken?.story.at(-1)).toMatch(ends)
}

test('power read before the adapters is caught: a button press fits in between', () => {
  const found = explored(
    'off, then bare',
    { kind: bare, budget: { commands: [moveP], button: 1 }, first: [] },
    { look: 'off-then-bare' },
  )
  expectCaught(found, /^I1/, 3, /^the agent tends bay 1$/)
})

test('a permit left standing is caught: a button starts what is only half undressed', () => {
  const standing: Rules['planBay'] = (state, bay, observed, hardware): BayPlan => {
    const plan = planBay(state, bay, observed, hardware)
    const sight = observed.bays[bay]
    if (!sight || sight.slot === 'unknown' || !plan.steps.some(({ kind }) => kind === 'withdraw')) return plan
    const slot = { ...sight.slot, permit: { state: 'denied', n: 0 } as const }
    return planBay(state, bay, { ...observed, bays: { ...observed.bays, [bay]: { ...sight, slot } } }, hardware)
  }
  const found = explored(
    'a permit that stands',
    { kind: latched, budget: { commands: [on(1), moveP], button: 1 }, first: [] },
    { planBay: standing },
  )
  expectCaught(found, /^I[13]/, 3, /^button in bay 1$/)
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
  const found = explored(
    'in doubt by bay only',
    { kind: director, budget: { commands: [moveP], pull: 2, button: 1 }, first: [] },
    { planBay: byBay },
  )
  expectCaught(found, /^I1/, 5, /^the agent tends bay 1/)
})

test('silence taken for an answer is caught: the BMC writes after all', () => {
  const found = explored(
    'silence believed',
    { kind: latched, budget: { commands: [moveP, backP], late: 1 }, first: [] },
    { silence: 'believed' },
  )
  expectCaught(found, /^I[13]/, 5, /late in bay 1$/)
})

test('a profile dressed before its old blade has let go is caught', () => {
  const hasty: Rules['planBay'] = (state, bay, observed, hardware) =>
    planBay({ ...state, doubts: state.doubts.filter((doubt) => doubt.bay === bay) }, bay, observed, hardware)
  const found = explored('dressed before let go', { kind: latched, budget: { commands: [moveP] } }, { planBay: hasty })
  expectCaught(found, /^I1/, 3, /^the agent tends bay 2$/)
})

test('a binding accepted before the EEPROM has it is caught: the controller is lost, and the binding with it', () => {
  const found = explored(
    'accepted before the EEPROM',
    { kind: latched, budget: { commands: [moveP], replace: 1 }, first: [] },
    { copies: 'after it' },
  )
  expectCaught(found, /^I2/, 2, /^a blank controller takes the place/)
})
