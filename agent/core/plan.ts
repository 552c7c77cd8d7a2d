/**
 * From what is wanted and what is seen to what happens next: SPEC's bay machine. Pure. For each bay it answers with one
 * observation to note, or a few steps to take, and with what the bay waits for. The doer takes them, looks again and
 * asks again, until nothing is left to do. Nothing here believes an old look, and nothing takes silence for an answer.
 */
import type { Serial } from './addresses.ts'
import {
  afterNextPost,
  type Bay,
  type Blade,
  canonical,
  chapSecrets,
  type FunctionKey,
  functionsOf,
  isBare,
  type Latch,
  type Observed,
  type Sight,
  type Slot,
  type Step,
  type SystemBoot,
  sameValue,
} from './blade.ts'
import type { Hardware } from './board.ts'
import { type Dressing, dress, type Placed, place, wears } from './dress.ts'
import { unrecordedWear } from './external.ts'
import { type Finding, find } from './reasons.ts'
import type { Observation } from './record.ts'
import { type BayState, bayState, type Doubt, type State } from './state.ts'
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

/** Seconds to wait for a blade to follow a power request before it is asked again, or somebody is told. */
export const limits = {
  powerLag: 30,
  shutdown: 120,
  attach: 30,
  policyRetry: 10,
}

export function plan(state: State, observed: Observed, hardware: Hardware): { readonly [bay: number]: BayPlan } {
  return Object.fromEntries(hardware.board.bays.map(({ bay }) => [bay, planBay(state, bay, observed, hardware)]))
}

export function inSync(plan: BayPlan): boolean {
  return plan.note === undefined && plan.steps.length === 0 && plan.findings.length === 0
}

type Present = Extract<Slot, { presence: 'present' }>

/** Blades that the backplane itself shows as on, whether or not their BMC can be asked. */
export function poweredSerials(observed: Observed): readonly Serial[] {
  return Object.values(observed.bays).flatMap(({ slot }) =>
    slot !== 'unknown' && slot.presence === 'present' && slot.powerGood ? [slot.serial] : [],
  )
}

/** All that is needed to judge one bay whose blade can be seen. */
interface View {
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

export function planBay(state: State, bay: Bay, observed: Observed, hardware: Hardware): BayPlan {
  const own = bayState(state, bay)
  const sight = observed.bays[bay]
  if (!sight) return blind(own, [find('not-looked-yet', `bay ${bay} has not been looked at yet`)])
  const { slot } = sight
  if (slot === 'unknown') return blind(own, [find('backplane-silent', 'the backplane does not answer')])
  const first = planSlot(state, bay, own, slot, sight, observed, hardware)
  // The light comes last: one that does not follow must not keep a permit standing.
  if (slot.locate === own.locate || first.note || first.steps.length > 0) return first
  return { ...first, steps: [{ kind: 'locate', bay, lit: own.locate }] }
}

function planSlot(
  state: State,
  bay: Bay,
  own: BayState,
  slot: Slot,
  sight: Sight,
  observed: Observed,
  hardware: Hardware,
): BayPlan {
  const gone = departed(state, bay, own, slot)
  if (gone) return { phase: 'unknown', note: { saw: 'left', bay, serial: gone }, steps: [], findings: [] }
  if (slot.presence !== 'present') return withoutBlade(state, bay, own, slot, observed)
  if (own.reseats.wanted > own.reseats.sent) {
    return {
      phase: 'unknown',
      note: { saw: 'sent', bay, which: 'reseats', count: own.reseats.wanted },
      next: { kind: 'cut', bay },
      steps: [],
      findings: [],
    }
  }
  const blade = sight.blade
  if (blade === 'unknown' || blade === 'empty' || sight.pending) return unseen(state, bay, own, slot, sight)

  const stray = unrecordedWear(state, bay, blade, hardware)
  if (stray) return doubted(bay, slot, stray)
  const twin = twinOf(bay, slot, observed)
  if (twin !== undefined) {
    return {
      phase: 'unknown',
      steps: granted(slot.permit) ? [{ kind: 'withdraw', bay }] : [],
      findings: [find('serial-differs', `bays ${bay} and ${twin} show the same blade serial ${slot.serial}`)],
    }
  }
  const here = state.doubts.filter((doubt) => doubt.serial === slot.serial)
  const leavers = here.filter((doubt) => doubt.profile !== own.intent?.profile)
  const worn = here.find((doubt) => doubt.profile === own.intent?.profile && doubt.token === own.intent.token)
  // What is assigned to this very blade may be live on it from now on, here, and nobody vouches for it any more.
  if (worn && (worn.kept || worn.vouched || worn.bay !== bay)) return doubted(bay, slot, worn)
  const dressing = worn && dress(state, worn, blade, hardware)
  const view: View = {
    ...{ state, bay, own, slot, blade, sight, leavers, observed, hardware },
    ...(worn && { worn }),
    ...(dressing && { dressing }),
  }
  const policy = keepPolicy(view)
  if (policy.steps.length > 0) return { phase: phaseOf(view), ...policy }
  const rest = isOn(view) ? planOn(view) : planOff(view)
  return policy.findings.length > 0 ? { ...rest, findings: [...rest.findings, ...policy.findings] } : rest
}

/** Another bay with the same blade serial, as unprogrammed FRUs have: then neither speaks for the other (W6, W7). */
function twinOf(bay: Bay, { serial }: Present, { bays }: Observed): Bay | undefined {
  for (const [other, { slot }] of Object.entries(bays)) {
    const same = slot !== 'unknown' && slot.presence === 'present' && slot.serial === serial
    if (same && Number(other) !== bay) return Number(other)
  }
  return undefined
}

function doubted(bay: Bay, { product }: Present, doubt: Doubt): BayPlan {
  const note: Observation = { saw: 'in-doubt', bay, doubt: { ...doubt, bay, kept: false, vouched: false }, product }
  return { phase: 'staged', note, steps: [], findings: [] }
}

/** A blade that this bay was about, and that is not in it any more: proof by absence (W1, W6, W8). */
function departed(state: State, bay: Bay, own: BayState, slot: Slot): Doubt['serial'] | undefined {
  const serial = slot.presence === 'present' ? slot.serial : undefined
  const left = state.doubts.find((doubt) => doubt.bay === bay && !doubt.kept && doubt.serial !== serial)
  if (left) return left.serial
  if (own.life && own.life.serial !== serial) return own.life.serial
  if (own.fault && own.fault.serial !== serial) return own.fault.serial
  return undefined
}

function withoutBlade(state: State, bay: Bay, own: BayState, slot: Slot, observed: Observed): BayPlan {
  if (granted(slot.permit)) return { phase: 'unknown', steps: [{ kind: 'withdraw', bay }], findings: [] }
  // What was asked of a blade that is gone is not asked of the next one.
  if (own.stopping) return { phase: 'unknown', note: { saw: 'off', bay }, steps: [], findings: [] }
  const moot = unsent(own)
  if (moot) return { phase: 'unknown', note: { saw: 'sent', bay, ...moot }, steps: [], findings: [] }
  if (!own.intent) return { phase: 'idle', steps: [], findings: [] }
  const findings = [
    find('no-blade', `bay ${bay} is assigned ${own.intent.profile} and has no blade`, `insert a blade into bay ${bay}`),
    ...elsewhere(state, own, undefined, observed),
  ]
  return { phase: 'staged', steps: [], findings }
}

/** A one-shot that was wanted and not sent yet. */
function unsent({ resets, reseats }: BayState): { which: 'resets' | 'reseats'; count: number } | undefined {
  if (reseats.wanted > reseats.sent) return { which: 'reseats', count: reseats.wanted }
  if (resets.wanted > resets.sent) return { which: 'resets', count: resets.wanted }
  return undefined
}

/** No look at the blade that is newer than the last command: until a barrier, no permit and no belief (W2). */
function unseen(state: State, bay: Bay, own: BayState, slot: Present, sight: Sight): BayPlan {
  if (granted(slot.permit)) return { phase: 'unknown', steps: [{ kind: 'withdraw', bay }], findings: [] }
  const leavers = state.doubts.filter(
    (doubt) => doubt.serial === slot.serial && !doubt.kept && doubt.profile !== own.intent?.profile,
  )
  // A cut proves off and bare of what AC loss erases, even with a dead BMC (W8).
  if (leavers.length > 0 && sight.asked.cut && !slot.powerGood) return letGo(bay, slot.serial, leavers, 'cut')
  const findings = [blindness(bay, sight), ...handWork(bay, leavers)]
  return { phase: 'unknown', steps: sight.pending ? [{ kind: 'barrier', bay }] : [], findings }
}

function handWork(bay: Bay, leavers: readonly Doubt[]): readonly Finding[] {
  return leavers.map(({ profile }) =>
    find(
      'left-by-hand',
      `bay ${bay} may still be live as ${profile}, and can not be asked`,
      `pull blade ${bay}, or reseat bay ${bay}`,
    ),
  )
}

function blindness(bay: Bay, sight: Sight): Finding {
  const blind = sight.blind ?? 'agent-started'
  if (sight.pending && blind !== 'agent-started' && blind !== 'backplane-silent') {
    return find('unanswered', `the BMC of bay ${bay} left a command unanswered`, `wait, or reseat bay ${bay}`)
  }
  switch (blind) {
    case 'agent-started':
      return find('not-looked-yet', `bay ${bay} has not been looked at since the agent started`)
    case 'backplane-silent':
      return find('backplane-silent', 'the backplane does not answer')
    case 'bmc-silent':
      return find('bmc-silent', `the BMC of bay ${bay} does not answer`, `reseat bay ${bay}, or pull blade ${bay}`)
    case 'bmc-busy':
      return find('bmc-busy', `the BMC of bay ${bay} has no session left`)
    case 'bmc-nonsense':
      return find('bmc-nonsense', `the BMC of bay ${bay} answers what can not be read`)
    case 'serial-differs':
      return find('serial-differs', `the BMC that answers for bay ${bay} speaks for another blade`)
    case 'bmc-refused':
      return find('bmc-refused', `the BMC of bay ${bay} refuses our account`)
    case 'hardware-refused':
      return find('hardware-refused', `the hardware of bay ${bay} refuses what it is told`)
    case 'session-lost':
      return find('session-lost', `the BMC of bay ${bay} ended our session`)
  }
}

const granted = (latch: Latch): boolean => latch !== 'none' && latch.state === 'granted'

/** A replaced controller may not know the last arming; the latch does. */
const latchNumber = (latch: Latch): number => (latch === 'none' ? 0 : latch.n)

/** Power is off only when both witnesses say so; a BMC whose reading lags, or lies, does not decide alone. */
const isOn = ({ slot, blade }: View): boolean => slot.powerGood || blade.power === 'on'

/** The BMC must not switch the blade on by itself (W4). Checked on each look; never touches a running blade. */
function keepPolicy({ bay, blade, sight }: View): { steps: readonly Step[]; findings: readonly Finding[] } {
  const { restore, button, wake } = blade.policy
  if (restore === 'always-off' && button === 'disabled' && wake === 'disabled') return { steps: [], findings: [] }
  const asked = sight.asked.policy
  if (asked && asked.secondsAgo < limits.policyRetry) {
    return { steps: [], findings: [find('policy-differs', `the BMC of bay ${bay} does not keep its power policy`)] }
  }
  const policy = { restore: 'always-off', button: 'disabled', wake: 'disabled' } as const
  return { steps: [{ kind: 'policy', bay, policy }], findings: [] }
}

// ── A blade that is on ──────────────────────────────────────────────────────────────────────────────────────────

function planOn(view: View): BayPlan {
  const { bay, own, blade, slot, leavers } = view
  const phase = phaseOf(view)
  const still = (...findings: readonly Finding[]): BayPlan => ({ phase, steps: [], findings })

  // A permit gates only off → on: on a blade that is on it would stand for the next start, whatever is staged then.
  if (granted(slot.permit) && (slot.powerGood || leavers.length > 0)) {
    return { phase, steps: [{ kind: 'withdraw', bay }], findings: [] }
  }
  if (own.stopping) return stop(view, own.stopping)
  if (own.resets.wanted > own.resets.sent) {
    return {
      phase,
      note: { saw: 'sent', bay, which: 'resets', count: own.resets.wanted },
      next: { kind: 'power', bay, action: 'reset' },
      steps: [],
      findings: [],
    }
  }
  if (own.life?.came === 'armed') return come(view, own.life.n)

  // Nobody put a blade without intent, arming or override in our care: its flags are not ours (I5).
  if (own.anew && own.life && slot.powerGood) {
    const { n, profile } = own.life
    const again: Observation =
      own.life.came === 'wrong'
        ? { saw: 'wrong', bay, n }
        : { saw: 'verified', bay, n, serial: slot.serial, ...(profile && { profile }) }
    return { phase, note: again, steps: [], findings: [] }
  }
  const boot = own.intent || own.life || own.override ? overrideBoot(view) : undefined
  if (boot) return { phase, ...boot }
  if (leavers.length > 0) {
    return still(
      ...leavers.map(({ profile }) =>
        find('blade-is-on', `bay ${bay} is on and still wears ${profile}`, `power bay ${bay} off`),
      ),
    )
  }
  const wrong = wrongIdentity(view)
  if (blade.stage === 'halted') {
    return still(find('post-failed', `blade ${bay} halted in POST: its settings did not apply`, `power bay ${bay} off`))
  }
  // Whoever restarted it: until POST is over it runs as nobody, and what waits for off still waits.
  if (blade.stage === 'post') {
    const waiting = own.life && own.life.profile === own.intent?.profile ? [] : waits(view)
    return still(...(own.life ? [starting(bay)] : []), ...waiting)
  }
  if (own.life?.came === 'wrong' && wrong.length === 0 && own.life.profile === own.intent?.profile) {
    // A host driver attached late: what it uses now is what was armed, and that is what counts (W5).
    return { phase, note: verified(view, own.life.n), steps: [], findings: [] }
  }
  if (own.life) {
    const waiting = own.life.profile === own.intent?.profile ? bootWaits(view) : waits(view)
    return still(...wrong, ...(wrong.length === 0 ? waiting : []), ...unwanted(view))
  }
  // On without an arming of ours: before the first assignment, or on a board without a latch.
  if (own.intent && view.dressing && wears(blade, view.dressing)) {
    return { phase, note: verified(view, Math.max(own.n, latchNumber(slot.permit))), steps: [], findings: [] }
  }
  const unrecorded = wornUnrecorded(view)
  if (unrecorded) return doubted(bay, slot, unrecorded)
  return still(...(own.intent ? waits(view) : wrong), ...unwanted(view))
}

function verified({ bay, own, slot }: View, n: number): Observation {
  const profile = own.intent?.profile
  return { saw: 'verified', bay, n, serial: slot.serial, ...(profile && { profile }) }
}

/** The assigned profile, live on a blade that no record says it is on: then it is in doubt there from now on (I1). */
function wornUnrecorded({ state, bay, own, slot, blade, worn, hardware, observed }: View): Doubt | undefined {
  const held = own.intent && state.profiles[own.intent.profile]
  if (!own.intent || !held || worn) return undefined
  const doubt = doubtOf(own.intent, bay, slot, place(held.profile, blade, hardware, observed.interconnects))
  const dressing = doubt && dress(state, doubt, blade, hardware)
  return dressing && wears(blade, dressing) ? doubt : undefined
}

function doubtOf(intent: NonNullable<BayState['intent']>, bay: Bay, slot: Present, placed: Placed): Doubt | undefined {
  if ('misfits' in placed) return undefined
  const { profile, token } = intent
  return { profile, token, bay, serial: slot.serial, ...placed, kept: false, vouched: false }
}

function waits({ bay, own }: View): readonly Finding[] {
  if (!own.intent) return []
  return [
    find(
      'waits-for-off',
      `bay ${bay} is on; ${own.intent.profile} is worn when it is next off`,
      `power bay ${bay} off`,
    ),
  ]
}

const starting = (bay: Bay): Finding => find('starting', `blade ${bay} is in POST`)

/** An armed blade is on: POST, then proof, and only then it runs (W5). */
function come(view: View, n: number): BayPlan {
  const { bay, own, blade, slot, hardware } = view
  const phase = phaseOf(view)
  const failed = (say: string): BayPlan => {
    if (!own.fault)
      return { phase, note: { saw: 'post-failed', bay, n, serial: slot.serial, say }, steps: [], findings: [] }
    // Its arming is unfinished, so a rule may switch it off (W5).
    return { phase, steps: powerStep(view, 'off'), findings: [find('post-failed', own.fault.say)] }
  }
  switch (blade.stage) {
    case 'halted':
      return failed(`blade ${bay} halted in POST: its settings did not apply`)
    case 'off': // The two witnesses differ: one of them lags.
      return { phase, steps: [], findings: [starting(bay)] }
    case 'post':
      if (blade.stageSeconds > hardware.board.postLimitSeconds) {
        return failed(`blade ${bay} was in POST for more than ${hardware.board.postLimitSeconds} s`)
      }
      return own.fault ? failed(own.fault.say) : { phase, steps: [], findings: [starting(bay)] }
    case 'os': {
      const profile = own.life?.profile
      const wanted = profile !== undefined && view.worn?.profile === profile ? view.dressing : undefined
      const matches = profile === undefined ? wearsFactory(blade) : wanted !== undefined && wears(blade, wanted)
      if (matches) {
        return {
          phase,
          note: { saw: 'verified', bay, n, serial: slot.serial, ...(profile && { profile }) },
          steps: [],
          findings: [],
        }
      }
      const attaches = blade.adapters.some(({ model }) => hardware.adapters[model]?.takesEffect === 'attach')
      if (attaches && blade.stageSeconds < limits.attach) return { phase, steps: [], findings: [starting(bay)] }
      // It may be a profile that was let to leave while it started: then nothing is wrong, it only has to go.
      if (profile !== undefined && view.leavers.some((doubt) => doubt.profile === profile)) {
        return { phase, steps: [], findings: [find('blade-is-on', `bay ${bay} is on and still wears ${profile}`)] }
      }
      return { phase, note: { saw: 'wrong', bay, n }, steps: [], findings: [] }
    }
  }
}

/** Addresses in use are another matter than settings: a changed boot plan waits, a changed address is an alarm. */
function wrongIdentity(view: View): readonly Finding[] {
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

function wearsFactory(blade: Blade): boolean {
  return functionsOf(blade).every(
    ({ applied, factory }) =>
      applied.mac === factory.mac &&
      applied.wwpn === factory.wwpn &&
      applied.wwnn === factory.wwnn &&
      applied.iqn === factory.iqn,
  )
}

/** It came on although off is wanted. No rule switches it off (W5); somebody has to say so. */
function unwanted({ bay, own }: View): readonly Finding[] {
  return own.power === 'off' ? [find('blade-is-on', `bay ${bay} is on, and off is wanted`, `power bay ${bay} off`)] : []
}

/** A running blade whose boot settings were changed by command takes them when it is next off. */
function bootWaits({ bay, own, blade, dressing }: View): readonly Finding[] {
  if (!own.intent || own.life?.profile !== own.intent.profile || !dressing) return []
  const same = dressing.functions.every(({ key, value }) => {
    const fn = functionsOf(blade).find((reading) => reading.key === key)
    return fn !== undefined && canonical(fn.applied.boot ?? null) === canonical(value.boot ?? null)
  })
  const { mode, order } = blade.boot
  if (same && canonical({ mode, order }) === canonical(dressing.boot)) return []
  return [
    find('waits-for-off', `bay ${bay} boots from its new plan when it is next off`, `power bay ${bay} off and on`),
  ]
}

/** The boot override is a flag of the BMC: it may be set while the blade runs, and is seen to be used up. */
function overrideBoot(view: View): Pick<BayPlan, 'note' | 'steps' | 'findings'> | undefined {
  const { bay, own, blade } = view
  const { override } = own
  const flag = blade.boot.override
  if (override?.setAt !== undefined) {
    // AC loss makes the BMC count anew: a count below the noted one is a later one.
    const restarted = blade.boots < override.setAt
    const booted = restarted ? blade.boots > 0 : blade.boots > override.setAt
    if (override.left !== undefined && !flag && booted)
      return { note: { saw: 'override-used', bay }, steps: [], findings: [] }
    if (restarted)
      return {
        note: { saw: 'override-set', bay, target: override.target, boots: blade.boots },
        steps: [],
        findings: [],
      }
  }
  const wanted = wantedBoot(view)
  if (canonical(wanted) !== canonical(blade.boot)) return { steps: [{ kind: 'boot', bay, boot: wanted }], findings: [] }
  if (override && override.setAt === undefined) {
    return { note: { saw: 'override-set', bay, target: override.target, boots: blade.boots }, steps: [], findings: [] }
  }
  return undefined
}

/** The order goes with the functions' own boot settings, and is written when they are: with the blade off (I5). */
function wantedBoot(view: View): SystemBoot {
  const { own, blade, dressing, leavers } = view
  const kept = isOn(view) || (own.intent && !(dressing && leavers.length === 0))
  const base = kept ? blade.boot : (dressing?.boot ?? { ...blade.boot, order: [] })
  const { override: _, ...rest } = base
  if (!own.override) return rest
  const { target, left } = own.override
  return { ...rest, override: { target, lasts: left === undefined ? 'always' : 'once' } }
}

/** Off by command: asked once, then waited for; by force when the command said so. */
function stop(view: View, how: 'graceful' | 'forced'): BayPlan {
  const { bay, blade, sight } = view
  const phase = phaseOf(view)
  const asked = sight.asked.power
  if (how === 'forced' || blade.stage === 'halted') {
    return { phase, steps: powerStep(view, 'off'), findings: [find('stopping', `bay ${bay} is being powered off`)] }
  }
  // A request that is older than the operating system was made to nobody.
  const heard = asked?.action === 'shutdown' && !(blade.stage === 'os' && asked.secondsAgo > blade.stageSeconds)
  if (heard) {
    const late = asked.secondsAgo > limits.shutdown
    const finding = late
      ? find('will-not-stop', `blade ${bay} does not shut down`, `power bay ${bay} off force`)
      : find('stopping', `blade ${bay} is shutting down`)
    return { phase, steps: [], findings: [finding] }
  }
  return { phase, steps: [{ kind: 'power', bay, action: 'shutdown' }], findings: [] }
}

function powerStep({ bay, sight }: View, action: 'on' | 'off'): readonly Step[] {
  const asked = sight.asked.power
  const waiting = asked?.action === action && asked.secondsAgo < limits.powerLag
  return waiting ? [] : [{ kind: 'power', bay, action }]
}

// ── A blade that is off ─────────────────────────────────────────────────────────────────────────────────────────

function planOff(view: View): BayPlan {
  const { bay, own, leavers, slot, blade } = view
  const phase = phaseOf(view)
  const coming = underway(view)
  if (coming) return coming
  // Whatever it was given for is over, or never was: before anything is written or believed here (W1, W3).
  if (granted(slot.permit)) return { phase, steps: [{ kind: 'withdraw', bay }], findings: [] }
  if (own.life) return ended(view, own.life)
  if (own.stopping) return { phase, note: { saw: 'off', bay }, steps: [], findings: [] }
  // A reset of a blade that is off is done with; it must not hit the next start.
  if (own.resets.wanted > own.resets.sent) {
    return { phase, note: { saw: 'sent', bay, which: 'resets', count: own.resets.wanted }, steps: [], findings: [] }
  }
  if (leavers.length > 0) {
    const phase = 'leaving'
    if (!isBare(blade)) return { phase, steps: clear(view), findings: [] }
    // Permit withdrawn, nothing unanswered, read back bare, then read off: in this look, in this order (W1).
    return letGo(bay, slot.serial, leavers, 'bare-then-off')
  }
  return own.intent ? staged(view) : idle(view)
}

function letGo(bay: Bay, serial: Doubt['serial'], leavers: readonly Doubt[], how: 'bare-then-off' | 'cut'): BayPlan {
  const profiles = leavers.map(({ profile }) => profile)
  const kept = how === 'cut' ? leavers.filter(({ keeps }) => keeps).map(({ profile }) => profile) : []
  return { phase: 'leaving', note: { saw: 'let-go', bay, serial, profiles, kept, how }, steps: [], findings: [] }
}

function clear({ bay, blade }: View): readonly Step[] {
  const functions = functionsOf(blade)
    .filter((fn) => !sameValue(afterNextPost(fn), fn.factory))
    .map(({ key }) => key)
  return [{ kind: 'clear', bay, functions }]
}

/** Armed, permitted, and not on yet: asked again after a while, or taken back when it is no longer wanted (W3). */
function underway(view: View): BayPlan | undefined {
  const { bay, own, slot, blade, sight, dressing } = view
  const { life } = own
  const latch = slot.permit
  if (life?.came !== 'armed') return undefined
  const asked = sight.asked.power?.action === 'on'
  if (latch === 'none' ? !asked : latch.state !== 'granted' || latch.n !== life.n) return undefined
  const phase = phaseOf(view)
  const stillWanted =
    own.power === 'on' &&
    !own.stopping &&
    view.leavers.length === 0 &&
    life.profile === own.intent?.profile &&
    (life.profile === undefined ? isBare(blade) : dressing !== undefined && isDressed(blade, dressing))
  if (latch !== 'none' && !stillWanted) return undefined
  // Without a latch the request itself has to be taken back: it may only be slow.
  if (!stillWanted) return { phase, steps: [{ kind: 'power', bay, action: 'off' }], findings: [] }
  const steps = powerStep(view, 'on')
  if (latch === 'none' && steps.length > 0) {
    return { phase, note: { saw: 'off', bay, power: 'off', unexplained: true }, steps: [], findings: [] }
  }
  return { phase, steps, findings: [find('starting', `blade ${bay} is being powered on`)] }
}

/** A life is over: whether the blade went off by itself is told by the latch (W3, W26). */
function ended(view: View, life: NonNullable<BayState['life']>): BayPlan {
  const { bay, own, slot } = view
  const phase = phaseOf(view)
  const off = (more: { power?: 'off'; unexplained?: true } = {}): BayPlan => ({
    phase,
    note: { saw: 'off', bay, ...more },
    steps: [],
    findings: [],
  })
  if (own.stopping) return off()
  // Said after it was last seen to run, or for the server that comes next: the wanted power is not of this life.
  const said = own.anew || life.profile !== own.intent?.profile
  const latch = slot.permit
  if (latch === 'none') {
    // Such a board can not tell a shut-down from AC loss: it stays off, and says so (W26).
    return life.came === 'armed' || said ? off() : off({ power: 'off', unexplained: true })
  }
  // Spent for this arming, and AC is present: the blade itself went off.
  const itself = latch.state === 'spent' && latch.n === life.n
  if (!itself) return off()
  if (life.came !== 'armed') return said ? off() : off({ power: 'off' })
  if (own.fault) return off()
  const say = `blade ${bay} went off before its addresses were verified`
  return { phase, note: { saw: 'post-failed', bay, n: life.n, serial: slot.serial, say }, steps: [], findings: [] }
}

/**
 * What was written to this function has not been consumed yet, nor erased by an AC loss: only then do write-only values
 * count as written (W16). Where writing takes effect at once, nothing ever waits.
 */
function isWaiting(blade: Blade, key: FunctionKey, hardware: Hardware): boolean {
  return blade.adapters.some(({ model, functions }) => {
    const fn = functions.find((each) => each.key === key)
    return fn !== undefined && (fn.pending !== undefined || hardware.adapters[model]?.takesEffect === 'live')
  })
}

function isDressed(blade: Blade, dressing: Dressing): boolean {
  return (
    dressing.functions.every(({ key, value }) => {
      const fn = functionsOf(blade).find((reading) => reading.key === key)
      return fn !== undefined && sameValue(afterNextPost(fn), value)
    }) && canonical(blade.shown) === canonical(dressing.shown)
  )
}

/** No binding is an identity too: factory values and no targets before a permit (W6). */
function idle(view: View): BayPlan {
  const { bay, own, blade } = view
  const phase = 'idle'
  if (own.power !== 'on') return { phase, steps: [], findings: unexplained(view) }
  if (own.fault) return { phase, steps: [], findings: [find('post-failed', own.fault.say, `resync bay ${bay}`)] }
  if (!isBare(blade)) return { phase, steps: clear(view), findings: [] }
  return overrideOr(view, phase) ?? arm(view)
}

/** Dress, read back, and only when it matches give one permit (I3). */
function staged(view: View): BayPlan {
  const { state, bay, own, slot, blade, sight, worn, dressing, hardware, observed } = view
  const intent = own.intent
  const phase = 'staged'
  if (!intent) return idle(view)
  const hold = (...findings: readonly Finding[]): BayPlan => ({ phase, steps: [], findings })
  const stranger = differs(intent, slot)
  if (stranger)
    return hold(find('different-blade', `bay ${bay} has ${stranger} than the one ${intent.profile} was assigned to`))
  const doubtful = elsewhere(state, own, slot, observed)
  if (doubtful.length > 0) return hold(...doubtful)
  const held = state.profiles[intent.profile]
  if (!held) return hold(find('does-not-fit', `the chassis does not hold ${intent.profile}`))
  if (!worn || !dressing) {
    const placed = place(held.profile, blade, hardware, observed.interconnects)
    if ('misfits' in placed) {
      return hold(
        ...placed.misfits.map(({ say }) => find('does-not-fit', `${intent.profile} does not fit bay ${bay}: ${say}`)),
      )
    }
    const doubt = doubtOf(intent, bay, slot, placed)
    if (doubt) return doubted(bay, slot, doubt)
    return hold()
  }
  const missing = dressing.secrets.filter(({ mark }) => mark === undefined)
  if (missing.length > 0) {
    return hold(
      ...missing.map(({ id }) =>
        find('secret-missing', `${intent.profile} needs the secret ${id}`, `set secret ${id}`),
      ),
    )
  }
  const sealed =
    dressing.secrets.every(({ id, mark }) => sight.asked.secrets.includes(`${id}@${mark}`)) &&
    dressing.functions.every(({ key, value }) => chapSecrets(value).length === 0 || isWaiting(blade, key, hardware))
  if (!isDressed(blade, dressing) || !sealed) {
    const functions = dressing.functions.filter(({ key, value }) => {
      const fn = functionsOf(blade).find((reading) => reading.key === key)
      const resend = !sealed && chapSecrets(value).length > 0
      return fn === undefined || !sameValue(afterNextPost(fn), value) || resend
    })
    const steps: Step[] = []
    if (functions.length > 0) {
      const secrets = dressing.secrets.map(({ id, mark }) => `${id}@${mark}`)
      steps.push({ kind: 'write', bay, profile: intent.profile, functions, secrets })
    }
    if (canonical(blade.shown) !== canonical(dressing.shown)) steps.push({ kind: 'show', bay, shown: dressing.shown })
    return { phase, steps, findings: [] }
  }
  const boot = overrideOr(view, phase)
  if (boot) return boot
  if (own.fault) return { ...hold(find('post-failed', own.fault.say, `resync bay ${bay}`)), phase: 'ready' }
  if (own.power !== 'on') return { phase: 'ready', steps: [], findings: unexplained(view) }
  return arm(view)
}

function unexplained({ bay, own }: View): readonly Finding[] {
  if (!own.unexplained) return []
  return [find('ac-lost-unseen', `blade ${bay} was seen off; this chassis can not tell why`, `power bay ${bay} on`)]
}

function overrideOr(view: View, phase: Phase): BayPlan | undefined {
  const boot = overrideBoot(view)
  return boot && { phase, ...boot }
}

function differs(intent: NonNullable<BayState['intent']>, slot: Present): string | undefined {
  if (!intent.blade || intent.affinity === 'bay') return undefined
  if (intent.affinity === 'blade') return intent.blade.serial === slot.serial ? undefined : 'another blade'
  return intent.blade.product === slot.product ? undefined : `a blade of another model (${slot.product})`
}

/**
 * Where else the assigned profile may still be live. Vouched ones do not count: somebody took it upon himself. But no
 * word stands against power good: a blade that the backplane shows as on is not dark.
 */
function elsewhere(state: State, own: BayState, slot: Present | undefined, observed: Observed): readonly Finding[] {
  const lit = poweredSerials(observed)
  const known = state.doubts
    .filter(({ profile, serial }) => profile === own.intent?.profile && serial !== slot?.serial)
    .filter(({ serial, vouched }) => !vouched || lit.includes(serial))
    .map(({ profile, bay, serial, kept }) =>
      kept
        ? find(
            'in-doubt-elsewhere',
            `blade ${serial}, last in bay ${bay}, keeps names of ${profile}`,
            'put that blade into any bay here, so that it can be cleared',
          )
        : find('in-doubt-elsewhere', `${profile} may still be live in bay ${bay}`, `power bay ${bay} off`),
    )
  return [...known, ...unknownRunners(state, slot, observed)]
}

/**
 * Blades that run, of which this controller neither knows what as nor could ask yet. An ordinary restart knows all; one
 * that adopted a copy may not (W15), and what it has not seen may wear anything.
 */
function unknownRunners(state: State, slot: Present | undefined, { bays }: Observed): readonly Finding[] {
  return Object.entries(bays).flatMap(([bay, sight]) => {
    const there = sight.slot !== 'unknown' && sight.slot.presence === 'present' ? sight.slot : undefined
    if (!there?.powerGood || there.serial === slot?.serial || sight.blind !== 'agent-started') return []
    if (bayState(state, Number(bay)).life?.serial === there.serial) return []
    return [find('in-doubt-elsewhere', `bay ${bay} runs as nobody knows what`, `wait, or reseat bay ${bay}`)]
  })
}

function arm(view: View): BayPlan {
  const { bay, own, slot } = view
  const n = Math.max(own.n, latchNumber(slot.permit)) + 1
  const profile = own.intent?.profile
  return {
    phase: 'ready',
    note: { saw: 'armed', bay, n, serial: slot.serial, ...(profile && { profile }) },
    next: slot.permit === 'none' ? { kind: 'power', bay, action: 'on' } : { kind: 'permit', bay, n },
    steps: [],
    findings: [],
  }
}

// ── Names for where a bay stands ────────────────────────────────────────────────────────────────────────────────

function blind(own: BayState, findings: readonly Finding[]): BayPlan {
  return { phase: 'unknown', steps: [], findings: own.intent || findings.length > 0 ? findings : [] }
}

function phaseOf(view: View): Phase {
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
