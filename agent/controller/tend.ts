/**
 * The work on the bays: each for itself, look, plan, one thing, look again, until nothing is left to do. It has no
 * opinion: what to do is `planBay`'s word, what came of it the next look's. What it remembers of a bay is only for
 * waiting, never for proof; after a restart every bay is taken to have something unanswered (W2).
 */
import { setMaxListeners } from 'node:events'
import { type BayPlan, inSync } from '../core/bay-plan.ts'
import { type Bay, canonical, type Observed, type Sight, type Step } from '../core/blade.ts'
import type { Hardware } from '../core/board.ts'
import { unexplained } from '../core/external.ts'
import { planBay } from '../core/plan.ts'
import { find } from '../core/reasons.ts'
import type { Observation, StoreRecord } from '../core/record.ts'
import { rescueFindings } from '../core/rescue.ts'
import { type BayState, bayState, type State } from '../core/state.ts'
import { type Clock, within } from './clock.ts'
import { type Backplane, type BackplaneStep, type Driver, Fault } from './hardware/driver.ts'
import { glance, type Look, look } from './hardware/look.ts'

/** What the work on bays needs of the agent. */
export interface Core {
  /** What is durable. */
  state(): State
  /** A command for this bay is accepted and not durable yet. */
  isChanging(bay: Bay): boolean
  /** Resolves when everything accepted so far is durable, or given up. */
  settled(): Promise<void>
  commit(record: StoreRecord, everywhere: boolean): Promise<unknown>
  /** Why nothing can be stored, when that is so. */
  stuck(): string | undefined
  noticed(notice: WorkNotice): void
  changed(): void
}
export type WorkNotice =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'step-failed'; readonly step: Step; readonly why: string; readonly maybe: boolean }
  | { readonly kind: 'finding'; readonly bay: Bay; readonly finding: BayPlan['findings'][number] }
  | { readonly kind: 'cleared'; readonly bay: Bay; readonly reason: BayPlan['findings'][number]['reason'] }

export interface WorkParts {
  readonly core: Core
  readonly hardware: Hardware
  readonly driver: Driver
  readonly backplane: Backplane
  readonly clock: Clock
  readonly pace?: Partial<Pace>
}

/** Milliseconds. */
export interface Pace {
  /** Between two looks at a bay where nothing is to be done. */
  readonly sweep: number
  /** Between two looks at a bay that something is awaited of. */
  readonly await: number
  /** Longest that one look or one step may take. */
  readonly patience: number
  /** First and longest wait after a failure. */
  readonly retry: readonly [number, number]
}
const usualPace: Pace = { sweep: 15_000, await: 500, patience: 20_000, retry: [500, 30_000] }

/** Rounds in which a bay may be told the same thing before somebody is told that it does not keep it. */
const mostRepeats = 4

export interface Work {
  observed(): Observed
  /** Under the state that is durable now. */
  plans(): { readonly [bay: number]: BayPlan }
  chassisSerial(): string
  /** Resolves when each bay was looked at once, or given up on. */
  readonly ready: Promise<void>
  /** Look at the bay again now; absent: at all. */
  wake(bay?: Bay): void
  /** Wakes the bays for which the state now means something else to do or to say. */
  rouse(): void
  stop(): Promise<void>
}

/** The journal did not take it: nothing of it is believed, and the caller is told. */
export class NotStored extends Error {
  readonly readOnly: boolean
  constructor(message: string, readOnly: boolean) {
    super(message)
    this.name = 'NotStored'
    this.readOnly = readOnly
  }
}

/** What this process did to a bay, for waiting; forgotten with the process, and never proof of anything. */
interface Touch {
  pending: boolean
  blind: Sight['blind']
  /** Its blade was seen in this life of the agent. Until then it may wear anything, whatever its BMC does not say (W15). */
  met: boolean
  serial: string | undefined
  power: { action: NonNullable<Sight['asked']['power']>['action']; at: number } | undefined
  policyAt: number | undefined
  secrets: readonly string[]
  cut: boolean
  failures: number
  /** Steps taken without effect so far, as text. */
  last: { text: string; times: number }
  /** A one-shot is noted as sent, and the bay was not looked at since: whatever was seen before, it is not done. */
  sending: boolean
  /** What went wrong when it was last tried; shown until something works. */
  trouble: BayPlan['findings'][number] | undefined
  wake: () => void
  woken: boolean
}

export function startWork(parts: WorkParts): Work {
  const { core, hardware, driver, backplane, clock } = parts
  const pace: Pace = { ...usualPace, ...parts.pace }
  const halt = new AbortController()
  setMaxListeners(0, halt.signal) // one for each bay that waits

  let observed: Observed = { bays: {}, interconnects: 'unknown' }
  let plans: { readonly [bay: number]: BayPlan } = {}
  /** What was last judged of each bay, as text: what is shown may add what went wrong in the doing. */
  const judged: { [bay: number]: { readonly plan: string; readonly times: number } } = {}
  let chassisSerial = ''

  const touches = new Map<Bay, Touch>()
  const touchOf = (bay: Bay): Touch => {
    const known = touches.get(bay)
    if (known) return known
    // Whoever comes up does not know what its predecessor left under way (W2).
    const fresh: Touch = {
      pending: true,
      blind: 'agent-started',
      met: false,
      serial: undefined,
      power: undefined,
      policyAt: undefined,
      secrets: [],
      cut: false,
      failures: 0,
      last: { text: '', times: 0 },
      sending: false,
      trouble: undefined,
      wake: () => {},
      woken: false,
    }
    touches.set(bay, fresh)
    return fresh
  }

  function seen(bay: Bay, touch: Touch, { slot, blade, blind, reading }: Look): void {
    const present = slot !== 'unknown' && slot.presence === 'present' ? slot : undefined
    if (slot !== 'unknown' && (!present || (touch.serial !== undefined && touch.serial !== present.serial))) {
      // Absence is a barrier (W2), and another blade was never asked for anything.
      Object.assign(touch, { pending: false, power: undefined, policyAt: undefined, secrets: [], cut: false })
    }
    if (slot !== 'unknown') touch.serial = present?.serial
    if (blade !== 'unknown' && blade !== 'empty') touch.met = true
    const seconds = (at: number) => (clock.uptimeMs() - at) / 1000
    const sight: Sight = {
      slot,
      blade,
      ...(blade === 'unknown' && { blind: blind ?? 'bmc-silent' }),
      pending: present !== undefined && touch.pending,
      ...(present && touch.pending && touch.trouble?.reason === 'bmc-silent' && { unheard: true as const }),
      asked: {
        ...(touch.power && { power: { action: touch.power.action, secondsAgo: seconds(touch.power.at) } }),
        ...(touch.policyAt !== undefined && { policy: { secondsAgo: seconds(touch.policyAt) } }),
        secrets: touch.secrets,
        cut: touch.cut,
      },
    }
    observed = {
      bays: { ...observed.bays, [bay]: sight },
      interconnects: reading?.interconnects ?? observed.interconnects,
    }
    if (reading) chassisSerial = reading.chassisSerial
  }

  function show(bay: Bay, plan: BayPlan): void {
    const before = plans[bay]
    plans = { ...plans, [bay]: plan }
    if (before && canonical(before) === canonical(plan)) return
    const old = before?.findings ?? []
    for (const finding of plan.findings) {
      if (!old.some(({ reason, say }) => reason === finding.reason && say === finding.say)) {
        core.noticed({ kind: 'finding', bay, finding })
      }
    }
    for (const { reason } of old) {
      if (!plan.findings.some((finding) => finding.reason === reason)) core.noticed({ kind: 'cleared', bay, reason })
    }
  }

  /** Plans under the state that is durable now: one that was judged before the last command would call it done. */
  function currentPlans(): { readonly [bay: number]: BayPlan } {
    return Object.fromEntries(
      hardware.board.bays.map(({ bay }) => {
        const fresh = planBay(core.state(), bay, observed, hardware)
        const known = plans[bay]
        const plan = known && judged[bay]?.plan === canonical(fresh) ? known : fresh
        return [bay, touchOf(bay).sending && inSync(plan) ? { ...plan, findings: [working(bay)] } : plan]
      }),
    )
  }

  /** What one bay is seen as, and what follows from it. */
  async function survey(bay: Bay): Promise<BayPlan> {
    const touch = touchOf(bay)
    const looked = await within(clock, pace.patience, halt.signal, (signal) =>
      touch.pending
        ? glance(bay, backplane, touch.blind ?? 'bmc-silent', signal)
        : look(bay, backplane, driver, signal),
    )
    touch.sending = false
    seen(bay, touch, looked)
    const plan = planBay(core.state(), bay, observed, hardware)
    const text = canonical(plan)
    judged[bay] = { plan: text, times: judged[bay]?.plan === text ? judged[bay].times + 1 : 0 }
    const { trouble } = touch
    const scene = { state: core.state(), observed, hardware }
    const more = trouble && plan.steps.length > 0 ? [trouble, ...rescueFindings(scene, bay, [trouble.reason])] : []
    const stuck = core.stuck()
    // What can not be noted is not done: blades run on, and nothing here touches them (I7, W14).
    const allowed: BayPlan =
      stuck === undefined
        ? plan
        : { phase: plan.phase, steps: [], findings: [...plan.findings, find('store-read-only', stuck)] }
    show(bay, more.length > 0 ? { ...allowed, findings: [...allowed.findings, ...more] } : allowed)
    core.changed()
    return allowed
  }

  /** One round: look, then note or step. Tells how long to wait before the next. */
  async function round(bay: Bay): Promise<number> {
    const touch = touchOf(bay)
    const plan = await survey(bay)
    const sight = observed.bays[bay]
    if (sight && sight.blade !== 'unknown' && sight.blade !== 'empty' && core.stuck() === undefined) {
      const external = unexplained(core.state(), sight.blade)
      if (external) {
        await core.commit({ kind: 'observation', observation: external }, false)
        return 0
      }
    }
    if (plan.note) return note(bay, plan.note, plan.next)
    if (plan.steps.length > 0) return act(bay, touch, plan)
    touch.last = { text: '', times: 0 }
    if (touch.pending || (sight?.blade === 'unknown' && sight.slot !== 'unknown')) return backOff(touch)
    touch.failures = 0
    if (plan.findings.length === 0) return pace.sweep
    // Something is awaited: often at first, then less and less; a line of the backplane that changes wakes us at once.
    return Math.min(pace.sweep, pace.await * 2 ** Math.min((judged[bay]?.times ?? 0) >> 2, 16))
  }

  async function note(bay: Bay, observation: Observation, next: Step | undefined): Promise<number> {
    // A command for this bay that is becoming durable is waited for: its records come before this note, and the note
    // would be judged on less than it lands on.
    if (core.isChanging(bay)) {
      await core.settled()
      return 0
    }
    const still = planBay(core.state(), bay, observed, hardware)
    if (canonical(still.note) !== canonical(observation)) return 0
    const touch = touchOf(bay)
    touch.sending = observation.saw === 'sent' && next !== undefined
    // What was written counts for one arming only (W16), and a power request for the blade that it was made of.
    if (observation.saw === 'off' || observation.saw === 'left') Object.assign(touch, { power: undefined, secrets: [] })
    const judged = bayState(core.state(), bay)
    await core.commit({ kind: 'observation', observation }, everywhere(observation, judged))
    // Not if a command for this bay came in while the note became durable.
    if (!next || core.isChanging(bay) || !(await standsStill(bay))) return 0
    // Nor if by what was noted of other bays meanwhile this would not be noted any more (I1).
    const state = core.state()
    const without = { ...state, bays: { ...state.bays, [bay]: judged } }
    if (canonical(planBay(without, bay, observed, hardware).note) !== canonical(observation)) return 0
    return (await take(next)) ? 0 : backOff(touchOf(bay))
  }

  /** A flash may stall for long: the bay must still look as it did when the note was judged. */
  async function standsStill(bay: Bay): Promise<boolean> {
    const touch = touchOf(bay)
    const { slot } = await within(clock, pace.patience, halt.signal, (signal) =>
      glance(bay, backplane, touch.blind ?? 'bmc-silent', signal),
    )
    return canonical(slot) === canonical(observed.bays[bay]?.slot)
  }

  async function act(bay: Bay, touch: Touch, plan: BayPlan): Promise<number> {
    const text = canonical(plan.steps)
    touch.last = touch.last.text === text ? { text, times: touch.last.times + 1 } : { text, times: 1 }
    if (touch.last.times > mostRepeats) {
      const kinds = plan.steps.map(({ kind }) => kind).join(', ')
      touch.trouble = find('not-taken', `bay ${bay} does not keep what it is told (${kinds})`)
    }
    const basis = core.state()
    for (const step of plan.steps) {
      // Not on the word of yesterday, nor while a command for this bay is becoming durable.
      if (core.isChanging(bay)) await core.settled()
      if (core.state() !== basis && canonical(planBay(core.state(), bay, observed, hardware).steps) !== text) return 0
      if (!(await take(step))) {
        touch.last = { text: '', times: 0 }
        return backOff(touch)
      }
    }
    if (touch.last.times > mostRepeats) return backOff(touch)
    touch.trouble = undefined
    return 0
  }

  /** Takes one step. What it finds out is only that it was answered; what came of it the next look tells. */
  async function take(step: Step): Promise<boolean> {
    const touch = touchOf(step.bay)
    core.noticed({ kind: 'step', step })
    try {
      await within(clock, pace.patience, halt.signal, (signal) => perform(step, touch, signal))
      return true
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      if (error.maybe && !onBackplane(step)) {
        Object.assign(touch, { pending: true, cut: false, ...(touch.met && { blind: error.blind }) })
      }
      touch.trouble = find(
        step.kind === 'permit' ? 'permit-refused' : error.blind === 'agent-started' ? 'bmc-silent' : error.blind,
        error.message,
      )
      core.noticed({ kind: 'step-failed', step, why: error.message, maybe: error.maybe })
      return false
    }
  }

  async function perform(step: Step, touch: Touch, signal: AbortSignal): Promise<void> {
    if (onBackplane(step)) {
      await backplane.apply(step, signal)
      // The cut is answered only when power good was read low: late work died with the BMC's power (W2, W8).
      if (step.kind === 'cut') Object.assign(touch, { pending: false, cut: true, power: undefined, secrets: [] })
      return
    }
    touch.cut = false
    if (step.kind === 'power') touch.power = { action: step.action, at: clock.uptimeMs() }
    if (step.kind === 'policy') touch.policyAt = clock.uptimeMs()
    await driver.apply(step, signal)
    if (step.kind === 'barrier') touch.pending = false
    if (step.kind === 'write') touch.secrets = [...new Set([...touch.secrets, ...step.secrets])]
  }

  function backOff(touch: Touch): number {
    const [first, longest] = pace.retry
    touch.failures++
    return Math.min(longest, first * 2 ** Math.min(touch.failures - 1, 16))
  }

  async function tend(bay: Bay): Promise<void> {
    const touch = touchOf(bay)
    while (!halt.signal.aborted) {
      let wait: number
      try {
        wait = await round(bay)
      } catch (error) {
        if (halt.signal.aborted) return
        if (!(error instanceof NotStored)) throw error
        wait = pace.retry[1]
      }
      if (wait > 0) await pause(touch, wait)
    }
  }

  function pause(touch: Touch, ms: number): Promise<void> {
    if (touch.woken) {
      touch.woken = false
      return Promise.resolve()
    }
    return new Promise((resolve) => {
      const cancel = clock.after(ms, done)
      function done() {
        cancel()
        touch.wake = () => {}
        touch.woken = false
        halt.signal.removeEventListener('abort', done)
        resolve()
      }
      touch.wake = done
      halt.signal.addEventListener('abort', done, { once: true })
    })
  }

  function wake(bay?: Bay): void {
    for (const [each, touch] of touches) {
      if (bay !== undefined && each !== bay) continue
      touch.woken = true
      touch.wake()
    }
  }

  backplane.onChange((bay) => wake(bay))
  const bays = hardware.board.bays.map(({ bay }) => bay)
  for (const bay of bays) touchOf(bay)
  const looked = bays.map((bay) => firstLook(bay))
  const ready = Promise.all(looked).then(() => {})
  // Each bay for itself: a BMC that hangs delays only its own.
  const loops = Promise.all(bays.map(async (bay, i) => looked[i]?.then(() => tend(bay))))

  /** Barrier and first look, so that commands are judged on what is there and not on not having looked. */
  async function firstLook(bay: Bay): Promise<void> {
    for (let tried = 0; tried < 4 && !halt.signal.aborted; tried++) {
      const plan = await survey(bay)
      if (!plan.steps.some(({ kind }) => kind === 'barrier' || kind === 'withdraw')) return
      for (const step of plan.steps) if (!(await take(step))) return
    }
  }

  /** Wakes the bays for which the new state means something else to do or to say. */
  function rouse(): void {
    for (const [bay, { plan }] of Object.entries(judged)) {
      if (canonical(planBay(core.state(), Number(bay), observed, hardware)) !== plan) wake(Number(bay))
    }
  }

  return {
    observed: () => observed,
    plans: currentPlans,
    chassisSerial: () => chassisSerial,
    ready,
    wake,
    rouse,
    stop: async () => {
      halt.abort()
      await loops
    },
  }
}

const working = (bay: Bay) => find('working', `bay ${bay} is being told`)

const onBackplane = (step: Step): step is BackplaneStep => {
  const steps: readonly Step['kind'][] = [
    'withdraw',
    'permit',
    'cut',
    'locate',
  ] satisfies readonly BackplaneStep['kind'][]
  return steps.includes(step.kind)
}

/**
 * Doubts and where identities are outlive the controller; what a boot did does not have to (SPEC, EEPROM). That a blade
 * went off which was to be stopped does: whoever goes on from the EEPROM would stop its next run (W5).
 */
function everywhere({ saw }: Observation, { stopping }: BayState): boolean {
  switch (saw) {
    case 'in-doubt':
    case 'let-go':
    case 'left':
      return true
    case 'off':
      return stopping !== undefined
    case 'armed':
    case 'verified':
    case 'wrong':
    case 'post-failed':
    case 'sent':
    case 'override-set':
    case 'override-used':
    case 'external':
      return false
  }
}
