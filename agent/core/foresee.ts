/**
 * What would happen: the steps of a dry run are those later done, because they come from the same `plan`, walked
 * forward over hardware that obeys. Each step's nominal effect on a look stands here, and nowhere else.
 */

import type { BayPlan } from './bay-plan.ts'
import type { Bay, Blade, FunctionReading, Observed, PowerAction, Sight, Slot, Step } from './blade.ts'
import type { Hardware } from './board.ts'
import { plan, planBay } from './plan.ts'
import { type Finding, find } from './reasons.ts'
import { evolve, type Observation } from './record.ts'
import type { State } from './state.ts'

export interface Foreseen {
  /** In the order in which one doer would take them; across bays they run side by side. */
  readonly steps: readonly Step[]
  readonly notes: readonly Observation[]
  /** What would still be waited for in the end, by bay. */
  readonly findings: readonly { readonly bay: Bay; readonly finding: Finding }[]
  readonly state: State
  readonly observed: Observed
}

/** Hardware that obeys needs a handful of rounds for each bay; more means that two rules undo each other. */
const mostRounds = 400

export function foresee(state: State, observed: Observed, hardware: Hardware): Foreseen {
  const steps: Step[] = []
  const notes: Observation[] = []
  for (let round = 0; round < mostRounds; round++) {
    const busy = firstBusy(state, observed, hardware)
    if (!busy) {
      const findings = Object.entries(plan(state, observed, hardware)).flatMap(([bay, { findings }]) =>
        findings.map((finding) => ({ bay: Number(bay), finding })),
      )
      return { steps, notes, findings, state, observed }
    }
    const due = busy.note ? (busy.next ? [busy.next] : []) : busy.steps
    if (busy.note) {
      notes.push(busy.note)
      state = evolve(state, { kind: 'observation', observation: busy.note })
      observed = forget(observed, busy.note)
    }
    for (const step of due) {
      steps.push(step)
      observed = predict(observed, step)
    }
  }
  // Two rules that undo each other would be a mistake of ours; a dry run tells it and stops nothing.
  const last = [...new Set(steps.slice(-6).map(({ kind, bay }) => `${kind} ${bay}`))].join(', ')
  const bay = steps.at(-1)?.bay ?? 0
  return {
    steps,
    notes,
    findings: [{ bay, finding: find('not-taken', `no end of steps in sight (${last})`) }],
    state,
    observed,
  }
}

/** With an arming ends what was asked of the blade and written for it (W16). */
export function forget(observed: Observed, note: Observation): Observed {
  if (note.saw !== 'off' && note.saw !== 'left') return observed
  const sight = observed.bays[note.bay]
  if (!sight) return observed
  const { power: _, ...asked } = sight.asked
  return { ...observed, bays: { ...observed.bays, [note.bay]: { ...sight, asked: { ...asked, secrets: [] } } } }
}

function firstBusy(state: State, observed: Observed, hardware: Hardware): BayPlan | undefined {
  for (const { bay } of hardware.board.bays) {
    const busy = planBay(state, bay, observed, hardware)
    if (busy.note !== undefined || busy.steps.length > 0) return busy
  }
  return undefined
}

/** The world after a step, if the hardware does what it was told, at once. */
export function predict(observed: Observed, step: Step): Observed {
  const sight = observed.bays[step.bay]
  if (!sight) return observed
  return { ...observed, bays: { ...observed.bays, [step.bay]: after(sight, step) } }
}

function after(sight: Sight, step: Step): Sight {
  const { slot } = sight
  if (slot === 'unknown') return sight
  switch (step.kind) {
    case 'locate':
      return { ...sight, slot: { ...slot, locate: step.lit } }
    case 'withdraw':
      return { ...sight, slot: latched(slot, (latch) => ({ state: 'denied', n: latch.n })) }
    case 'permit':
      return { ...sight, slot: latched(slot, () => ({ state: 'granted', n: step.n })) }
    case 'barrier':
      return { ...sight, pending: false }
    case 'cut': {
      const cut = latched(slot, () => ({ state: 'denied', n: 0 }))
      const dark = cut.presence === 'present' ? { ...cut, powerGood: false } : cut
      // Whatever was under way died with the BMC's power (W2), and with it what was write-only.
      const asked = { ...sight.asked, cut: true, secrets: [] }
      return { ...withBlade({ ...sight, slot: dark }, unplugged), pending: false, asked }
    }
    case 'policy':
      return withBlade(sight, (it) => ({ ...it, policy: step.policy }))
    case 'show':
      return withBlade(sight, (it) => ({ ...it, shown: step.shown }))
    case 'boot':
      return withBlade(sight, (it) => ({ ...it, boot: step.boot }))
    case 'clear':
      return withBlade(sight, (it) => ({
        ...written(it, (fn) => (step.functions.includes(fn.key) ? { ...fn, pending: fn.factory } : fn)),
        shown: {},
      }))
    case 'write': {
      const asked = { ...sight.asked, secrets: [...sight.asked.secrets, ...step.secrets] }
      return withBlade({ ...sight, asked }, (it) =>
        written(it, (fn) => {
          const write = step.functions.find(({ key }) => key === fn.key)
          return write ? { ...fn, pending: write.value } : fn
        }),
      )
    }
    case 'power': {
      const told = { ...sight, asked: { ...sight.asked, power: { action: step.action, secondsAgo: 0 } } }
      return powered(told, step.action)
    }
  }
}

function powered(sight: Sight, action: PowerAction): Sight {
  const { slot, blade } = sight
  if (slot === 'unknown') return sight
  switch (action) {
    case 'on':
      return blade === 'unknown' || blade === 'empty' ? sight : started(sight)
    case 'off':
    case 'shutdown': {
      const dark = slot.presence === 'present' ? { ...slot, powerGood: false } : slot
      return withBlade({ ...sight, slot: dark }, (it) => ({ ...it, power: 'off', stage: 'off', stageSeconds: 0 }))
    }
    case 'reset':
      return withBlade(sight, (it) => booted(it))
  }
}

function latched(slot: Slot, change: (latch: { n: number }) => Exclude<Slot['permit'], 'none'>): Slot {
  return slot.permit === 'none' ? slot : { ...slot, permit: change(slot.permit) }
}

function withBlade(sight: Sight, change: (blade: Blade) => Blade): Sight {
  return sight.blade === 'unknown' || sight.blade === 'empty' ? sight : { ...sight, blade: change(sight.blade) }
}

function written(blade: Blade, change: (fn: FunctionReading) => FunctionReading): Blade {
  return { ...blade, adapters: blade.adapters.map((it) => ({ ...it, functions: it.functions.map(change) })) }
}

const consume = ({ pending, ...fn }: FunctionReading): FunctionReading => (pending ? { ...fn, applied: pending } : fn)

function booted(blade: Blade): Blade {
  const { override, ...rest } = blade.boot
  const boot = override?.lasts === 'always' ? blade.boot : rest
  return { ...written(blade, consume), power: 'on', stage: 'os', stageSeconds: 60, boots: blade.boots + 1, boot }
}

function started(sight: Sight): Sight {
  const { slot } = sight
  if (slot === 'unknown' || slot.presence !== 'present') return sight
  if (slot.permit !== 'none' && slot.permit.state !== 'granted') return sight
  const spent = latched({ ...slot, powerGood: true }, ({ n }) => ({ state: 'spent', n }))
  return withBlade({ ...sight, slot: spent }, booted)
}

/** What a foreseen cut leaves: the applied values of most adapters go, which the next look will tell exactly. */
function unplugged(blade: Blade): Blade {
  const bare = written(blade, ({ pending: _, ...fn }) => ({ ...fn, applied: fn.factory }))
  return { ...bare, power: 'off', stage: 'off', stageSeconds: 0, boots: 0 }
}
