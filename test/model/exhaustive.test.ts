/**
 * The real `decide`, `planBay` and `evolve` against everything that two bays, a button, a slow BMC, a restart, a pulled
 * blade and an AC loss can do to them. Each rule that is taken away has to be missed: its shortest counter-example is
 * printed.
 */
import { expect, test } from 'vitest'
import type { Command } from '../../agent/core/command.ts'
import { type BayPlan, planBay } from '../../agent/core/plan.ts'
import { built, type Rules } from './run.ts'
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
const nothing: Budget = { button: 0, osOff: 0, late: 0, lost: 0, restart: 0, ac: 0, pull: 0, commands: [], bays: [1, 2] }

function explore(kind: Kind, budget: Partial<Budget>, change: Partial<Rules> = {}, states = 12_000, first: readonly Command[] = [on(1)]) {
  const hardware = tinyHardware(kind)
  const found = search(tinyRun(hardware, first), { ...nothing, ...budget }, { hardware, rules: { ...built, ...change } }, { states, depth: 40 })
  const { broken } = found
  console.log(
    [`${found.states} states to depth ${found.depth}${found.whole ? ', all there are' : ''}: ${broken?.say ?? 'holds'}`]
      .concat((broken?.story ?? []).map((line, i) => `  ${i + 1}. ${line}`))
      .join('\n'),
  )
  return found
}

const worlds: readonly (readonly [string, Kind, Partial<Budget>])[] = [
  ['a move with a slow BMC and somebody at the button', latched, { commands: [moveP], late: 1, button: 1 }],
  ['a move, another profile into the bay, and a restart', latched, { commands: [moveP, assignQ], restart: 1 }],
  ['a move while AC fails', latched, { commands: [moveP], ac: 1, lost: 1 }],
  ['a move while blades are pulled and swapped', latched, { commands: [moveP], pull: 2 }],
  ['there and back again, with a shut-down by its own system', latched, { commands: [moveP, backP], osOff: 1 }],
  ['unassign and assign elsewhere, a slow BMC and a restart', latched, { commands: [leaveP, takeP], late: 1, restart: 1 }],
  ['no latch: a move with a slow BMC and somebody at the button', bare, { commands: [moveP], late: 1, button: 1 }],
  ['a director: a move while blades are pulled and swapped', { latch: false, address: 'director' }, { commands: [moveP], pull: 2, button: 1 }],
]
for (const [name, kind, budget] of worlds) {
  test(`no order of events doubles an address or starts a wrong server: ${name}`, () => {
    const found = explore(kind, budget)
    expect(found.broken).toBeUndefined()
    expect(found.states).toBeGreaterThan(1000)
  })
}

// ── Broken on purpose ───────────────────────────────────────────────────────────────────────────────────────────

test('power read before the adapters is caught: a button press fits in between', () => {
  const { broken } = explore(bare, { commands: [moveP], button: 1 }, { look: 'off-then-bare' }, 60_000, [])
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
  const { broken } = explore(latched, { commands: [moveP], button: 1 }, { planBay: standing }, 60_000)
  expect(broken?.say).toMatch(/^I[13]/)
})

test('doubts kept by bay alone are caught: another blade in the bay proves nothing about the one that left', () => {
  const byBay: Rules['planBay'] = (state, bay, observed, hardware) => {
    const slot = observed.bays[bay]?.slot
    const serial = slot && slot !== 'unknown' && slot.presence === 'present' ? slot.serial : undefined
    const doubts = state.doubts.map((doubt) => (doubt.bay === bay && serial ? { ...doubt, serial, kept: false } : doubt))
    const plan = planBay({ ...state, doubts }, bay, observed, hardware)
    if (plan.note?.saw !== 'let-go') return plan
    const { profiles } = plan.note
    const real = state.doubts.find((doubt) => doubt.bay === bay && profiles.includes(doubt.profile))
    return real ? { ...plan, note: { ...plan.note, serial: real.serial } } : plan
  }
  const { broken } = explore({ latch: false, address: 'director' }, { commands: [moveP], pull: 2, button: 1 }, { planBay: byBay }, 60_000, [])
  expect(broken?.say).toMatch(/^I1/)
})

test('silence taken for an answer is caught: the BMC writes after all', () => {
  const { broken } = explore(latched, { commands: [moveP, assignQ], late: 1 }, { silence: 'believed' }, 60_000)
  expect(broken?.say).toMatch(/^I[13]/)
})

test('a profile dressed before its old blade has let go is caught', () => {
  const hasty: Rules['planBay'] = (state, bay, observed, hardware) =>
    planBay({ ...state, doubts: state.doubts.filter((doubt) => doubt.bay === bay) }, bay, observed, hardware)
  const { broken } = explore(latched, { commands: [moveP] }, { planBay: hasty }, 60_000)
  expect(broken?.say).toMatch(/^I1/)
})

test('a plan carried out after a newer command is caught: a permit goes to a profile that is already leaving', () => {
  const off: Command = { kind: 'power', bay: 1, want: 'off', stop: 'forced' }
  const { broken } = explore(latched, { commands: [off, on(1)], osOff: 1 }, { oldPlan: 'kept' }, 60_000)
  expect(broken?.say).toMatch(/^I2/)
})
