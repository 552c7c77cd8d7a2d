/**
 * A blade that is on: what it came on as, whether that is proven, and what has to wait until it is off. Pure. Nothing
 * here switches a running blade off but a command, or an arming that never finished (W5).
 */

import {
  type BayPlan,
  doubted,
  doubtOf,
  granted,
  isDressed,
  latchNumber,
  limits,
  phaseOf,
  powerStep,
  type View,
  wearsFactory,
  wrongIdentity,
} from './bay-plan.ts'
import { type Bay, canonical, functionsOf } from './blade.ts'
import { dress, place, wears } from './dress.ts'
import { overrideBoot } from './override.ts'
import { type Finding, find } from './reasons.ts'
import type { Observation } from './record.ts'
import type { Doubt } from './state.ts'

export function planOn(view: View): BayPlan {
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
    const lost = lostArming(view)
    if (lost) return { phase: 'armed', note: lost, steps: [], findings: [] }
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

/**
 * Halted over a table that this POST did not take, under a permit that this controller knows nothing of: whoever gave
 * it, that arming never finished, and it goes on here as any that failed (W5).
 */
function lostArming({ bay, own, slot, blade, dressing }: View): Observation | undefined {
  const latch = slot.permit
  if (own.life || !own.intent || !dressing || latch === 'none' || latch.state !== 'spent' || latch.n <= own.n)
    return undefined
  const waiting = functionsOf(blade).some(({ pending }) => pending !== undefined)
  if (!waiting || !isDressed(blade, dressing)) return undefined
  return { saw: 'armed', bay, n: latch.n, serial: slot.serial, profile: own.intent.profile }
}

/** The assigned profile, live on a blade that no record says it is on: then it is in doubt there from now on (I1). */
function wornUnrecorded({ state, bay, own, slot, blade, worn, hardware, observed }: View): Doubt | undefined {
  const held = own.intent && state.profiles[own.intent.profile]
  if (!own.intent || !held || worn) return undefined
  const doubt = doubtOf(own.intent, bay, slot, place(held.profile, blade, hardware, observed.interconnects))
  const dressing = doubt && dress(state, doubt, blade, hardware)
  return dressing && wears(blade, dressing) ? doubt : undefined
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
