/**
 * The BMC's boot flags and boot order: what they are to be, and when an override was used up. Pure. Asked about a blade
 * that is on as well as about one that is off, because the flag alone may be set while the blade runs (W5).
 */

import { type BayPlan, isOn, type View } from './bay-plan.ts'
import { canonical, type SystemBoot } from './blade.ts'

/** The boot override is a flag of the BMC: it may be set while the blade runs, and is seen to be used up. */
export function overrideBoot(view: View): Pick<BayPlan, 'note' | 'steps' | 'findings'> | undefined {
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
