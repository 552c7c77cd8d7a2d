/**
 * A blade that is off: how a life ended, letting go of what left, and dressing for what comes, up to the one permit.
 * Pure. The order is the safety: permits are taken back first, and given last (W1, W3).
 */

import {
  type BayPlan,
  doubted,
  doubtOf,
  granted,
  isDressed,
  latchNumber,
  letGo,
  type Present,
  phaseOf,
  poweredSerials,
  powerStep,
  type View,
} from './bay-plan.ts'
import {
  afterNextPost,
  type Blade,
  canonical,
  chapSecrets,
  type FunctionKey,
  functionsOf,
  isBare,
  type Observed,
  type Step,
  sameValue,
} from './blade.ts'
import type { Hardware } from './board.ts'
import { place } from './dress.ts'
import { overrideBoot } from './override.ts'
import { type Finding, find } from './reasons.ts'
import { type BayState, bayState, type State } from './state.ts'
import type { Phase } from './views.ts'

export function planOff(view: View): BayPlan {
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

function clear({ bay, blade }: View): readonly Step[] {
  const functions = functionsOf(blade)
    .filter((fn) => !sameValue(afterNextPost(fn), fn.factory))
    .map(({ key }) => key)
  return [{ kind: 'clear', bay, functions }]
}

/** Armed, permitted, and not on yet: asked again after a while, or taken back when it is no longer wanted (W3). */
function underway(view: View): BayPlan | undefined {
  const { bay, own, slot, blade, sight, dressing, state, observed } = view
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
    // What was noted of another bay since then counts, too (I1).
    (life.profile === undefined || elsewhere(state, own, slot, observed).length === 0) &&
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

export function differs(intent: NonNullable<BayState['intent']>, slot: Present): string | undefined {
  if (!intent.blade || intent.affinity === 'bay') return undefined
  if (intent.affinity === 'blade') return intent.blade.serial === slot.serial ? undefined : 'another blade'
  return intent.blade.product === slot.product ? undefined : `a blade of another model (${slot.product})`
}

/**
 * Where else the assigned profile may still be live. Vouched ones do not count: somebody took it upon himself. But no
 * word stands against power good: a blade that the backplane shows as on is not dark.
 */
export function elsewhere(
  state: State,
  own: BayState,
  slot: Present | undefined,
  observed: Observed,
): readonly Finding[] {
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
