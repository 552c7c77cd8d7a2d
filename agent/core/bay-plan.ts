/**
 * One bay whose blade can be seen, as the rules look at it, and the answer that they give: what a blade that is on and
 * one that is off have in common. Pure. Each judgement that both need is made here once: on or off, dressed or not, in
 * doubt or let go.
 */
import type { Serial } from './addresses.ts'
import {
  afterNextPost,
  type Bay,
  type Blade,
  canonical,
  functionsOf,
  type Latch,
  type Observed,
  type Sight,
  type Slot,
  type Step,
  sameValue,
} from './blade.ts'
import type { Hardware } from './board.ts'
import { type Dressing, type Placed, wears } from './dress.ts'
import { type Finding, find } from './reasons.ts'
import type { Observation } from './record.ts'
import type { BayState, Doubt, State } from './state.ts'
import type { Phase } from './views.ts'

export interface BayPlan {
  readonly phase: Phase
  /** Noted first, durably; then, if there is one, `next` is taken at once, so that it happens at most once. */
  readonly note?: Observation
  readonly next?: Step
  /** Taken in order when there is nothing to note; each only while this plan still stands. */
  readonly steps: readonly Step[]
  /** Why the bay is not in sync. Empty, with nothing to do: it is. */
  readonly findings: readonly Finding[]
}

export function inSync(plan: BayPlan): boolean {
  return plan.note === undefined && plan.steps.length === 0 && plan.findings.length === 0
}

/** Seconds to wait for a blade to follow a power request before it is asked again, or somebody is told. */
export const limits = {
  powerLag: 30,
  shutdown: 120,
  attach: 30,
  policyRetry: 10,
  bmcBoot: 240,
}

export type Present = Extract<Slot, { presence: 'present' }>

/** All that is needed to judge one bay whose blade can be seen. */
export interface View {
  readonly state: State
  readonly bay: Bay
  readonly own: BayState
  readonly slot: Present
  readonly blade: Blade
  readonly sight: Sight
  /** What may be live on this very blade but is not assigned to this bay: it has to be let go. */
  readonly leavers: readonly Doubt[]
  /** The assigned profile's doubt on this very blade: it says which function wears what. */
  readonly worn?: Doubt
  readonly dressing?: Dressing
  readonly observed: Observed
  readonly hardware: Hardware
}

/** Blades that the backplane itself shows as on, whether or not their BMC can be asked. */
export function poweredSerials(observed: Observed): readonly Serial[] {
  return Object.values(observed.bays).flatMap(({ slot }) =>
    slot !== 'unknown' && slot.presence === 'present' && slot.powerGood ? [slot.serial] : [],
  )
}

export const granted = (latch: Latch): boolean => latch !== 'none' && latch.state === 'granted'

/** A replaced controller may not know the last arming; the latch does. */
export const latchNumber = (latch: Latch): number => (latch === 'none' ? 0 : latch.n)

/** Power is off only when both witnesses say so; a BMC whose reading lags, or lies, does not decide alone. */
export const isOn = ({ slot, blade }: View): boolean => slot.powerGood || blade.power === 'on'

export function phaseOf(view: View): Phase {
  const { own, leavers } = view
  if (leavers.length > 0) return 'leaving'
  switch (own.life?.came) {
    case 'armed':
      return 'armed'
    case 'verified':
      return isOn(view) ? (wrongIdentity(view).length > 0 ? 'wrong' : 'running') : 'staged'
    case 'wrong':
      return 'wrong'
    case undefined:
      return own.intent ? 'staged' : 'idle'
  }
}

/** Addresses in use are another matter than settings: a changed boot plan waits, a changed address is an alarm. */
export function wrongIdentity(view: View): readonly Finding[] {
  const { bay, own, blade, dressing } = view
  if (blade.stage !== 'os') return []
  const what = own.life?.profile
  if (what === undefined) {
    if (wearsFactory(blade)) return []
    return own.life
      ? [find('wrong-identity', `bay ${bay} runs on addresses that nobody assigned`, `power bay ${bay} off`)]
      : [find('superfluous', `bay ${bay} is not assigned, and uses other than factory addresses`)]
  }
  if (what !== own.intent?.profile) return []
  if (dressing && wears(blade, dressing)) return []
  return [find('wrong-identity', `bay ${bay} runs, but not as ${what}`, `power bay ${bay} off`)]
}

export function wearsFactory(blade: Blade): boolean {
  return functionsOf(blade).every(
    ({ applied, factory }) =>
      applied.mac === factory.mac &&
      applied.wwpn === factory.wwpn &&
      applied.wwnn === factory.wwnn &&
      applied.iqn === factory.iqn,
  )
}

export function isDressed(blade: Blade, dressing: Dressing): boolean {
  return (
    dressing.functions.every(({ key, value }) => {
      const fn = functionsOf(blade).find((reading) => reading.key === key)
      return fn !== undefined && sameValue(afterNextPost(fn), value)
    }) && canonical(blade.shown) === canonical(dressing.shown)
  )
}

export function doubtOf(
  intent: NonNullable<BayState['intent']>,
  bay: Bay,
  slot: Present,
  placed: Placed,
): Doubt | undefined {
  if ('misfits' in placed) return undefined
  const { profile, token } = intent
  return { profile, token, bay, serial: slot.serial, ...placed, kept: false, vouched: false }
}

export function doubted(bay: Bay, { product }: Present, doubt: Doubt): BayPlan {
  const note: Observation = { saw: 'in-doubt', bay, doubt: { ...doubt, bay, kept: false, vouched: false }, product }
  return { phase: 'staged', note, steps: [], findings: [] }
}

export function letGo(
  bay: Bay,
  serial: Doubt['serial'],
  leavers: readonly Doubt[],
  how: 'bare-then-off' | 'cut',
): BayPlan {
  const profiles = leavers.map(({ profile }) => profile)
  const kept = how === 'cut' ? leavers.filter(({ keeps }) => keeps).map(({ profile }) => profile) : []
  return { phase: 'leaving', note: { saw: 'let-go', bay, serial, profiles, kept, how }, steps: [], findings: [] }
}

export function powerStep({ bay, sight }: View, action: 'on' | 'off'): readonly Step[] {
  const asked = sight.asked.power
  const waiting = asked?.action === action && asked.secondsAgo < limits.powerLag
  return waiting ? [] : [{ kind: 'power', bay, action }]
}
