/**
 * From what is wanted and what is seen to what happens next: SPEC's bay machine. Pure. For each bay it answers with one
 * observation to note, or a few steps to take, and with what the bay waits for. The doer takes them, looks again and
 * asks again, until nothing is left to do. Nothing here believes an old look, and nothing takes silence for an answer.
 * What needs no look at a blade stands here; a blade that is seen to be on or off has a file of its own.
 */

import { type BayPlan, doubted, granted, isOn, letGo, limits, type Present, phaseOf, type View } from './bay-plan.ts'
import type { Bay, Observed, Sight, Slot, Step } from './blade.ts'
import type { Hardware } from './board.ts'
import { dress } from './dress.ts'
import { unrecordedWear } from './external.ts'
import { elsewhere, planOff } from './plan-off.ts'
import { planOn } from './plan-on.ts'
import { mayCut } from './policy.ts'
import { type Finding, find } from './reasons.ts'
import { isSilent, rescueFindings } from './rescue.ts'
import { type BayState, bayState, type Doubt, type State } from './state.ts'

export function plan(state: State, observed: Observed, hardware: Hardware): { readonly [bay: number]: BayPlan } {
  return Object.fromEntries(hardware.board.bays.map(({ bay }) => [bay, planBay(state, bay, observed, hardware)]))
}

export function planBay(state: State, bay: Bay, observed: Observed, hardware: Hardware): BayPlan {
  const own = bayState(state, bay)
  const sight = observed.bays[bay]
  if (!sight) return blind(own, [find('not-looked-yet', `bay ${bay} has not been looked at yet`)])
  const { slot } = sight
  if (slot === 'unknown') return blind(own, [find('backplane-silent', 'the backplane does not answer')])
  const judged = planSlot(state, bay, own, slot, sight, observed, hardware)
  const waits = rescueFindings({ state, observed, hardware }, bay)
  const first = waits.length > 0 ? { ...judged, findings: [...judged.findings, ...waits] } : judged
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
  if (blade === 'unknown' || blade === 'empty' || sight.pending) return unseen(state, bay, own, slot, sight, hardware)

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
function unseen(state: State, bay: Bay, own: BayState, slot: Present, sight: Sight, hardware: Hardware): BayPlan {
  if (granted(slot.permit)) return { phase: 'unknown', steps: [{ kind: 'withdraw', bay }], findings: [] }
  const leavers = state.doubts.filter(
    (doubt) => doubt.serial === slot.serial && !doubt.kept && doubt.profile !== own.intent?.profile,
  )
  // A cut proves off and bare of what AC loss erases, even with a dead BMC (W8).
  if (leavers.length > 0 && sight.asked.cut && !slot.powerGood) return letGo(bay, slot.serial, leavers, 'cut')
  const findings = [blindness(bay, sight), ...handWork(bay, leavers)]
  // The BMC was asked in vain and the blade is without power: where a policy may, the cut itself is the proof (W8).
  const cuts = hardware.board.backplane.powerCut && leavers.some(({ profile }) => mayCut(state, profile))
  if (cuts && isSilent(sight) && !slot.powerGood) return { phase: 'leaving', steps: [{ kind: 'cut', bay }], findings }
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
    case 'not-owner':
      return find('not-owner', 'the other controller owns the backplane')
  }
}

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

function blind(own: BayState, findings: readonly Finding[]): BayPlan {
  return { phase: 'unknown', steps: [], findings: own.intent || findings.length > 0 ? findings : [] }
}
