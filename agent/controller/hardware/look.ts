/**
 * One look at one bay, in W1's order: backplane, adapters, power, backplane again. What changed between the two
 * readings of the backplane makes the look worthless, and what a BMC says counts only while it speaks for the blade
 * that the backplane reads there (W7).
 */
import type { Bay, Blade, Blindness, Slot } from '../../core/blade.ts'
import { canonical } from '../../core/blade.ts'
import { type Backplane, type BackplaneReading, type Driver, Fault } from './driver.ts'

export interface Look {
  readonly slot: Slot | 'unknown'
  readonly blade: Blade | 'empty' | 'unknown'
  readonly blind?: Blindness
  /** What the fault said, for the log. */
  readonly why?: string
  readonly reading?: BackplaneReading
}

/** Only the backplane: all that counts while a command to the bay's BMC is unanswered (W2). */
export async function glance(bay: Bay, backplane: Backplane, blind: Blindness, signal: AbortSignal): Promise<Look> {
  try {
    const reading = await backplane.read(signal)
    const slot = reading.bays[bay]
    if (!slot)
      return { slot: 'unknown', blade: 'unknown', blind: 'backplane-silent', why: `the backplane knows no bay ${bay}` }
    return slot.presence === 'present' ? { slot, blade: 'unknown', blind, reading } : { slot, blade: 'empty', reading }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { slot: 'unknown', blade: 'unknown', blind: 'backplane-silent', why: error.message }
  }
}

/** A bay that changes under each of so many looks is given up on, until the next round. */
const tries = 3

export async function look(bay: Bay, backplane: Backplane, driver: Driver, signal: AbortSignal): Promise<Look> {
  for (let tried = 1; ; tried++) {
    const before = await glance(bay, backplane, 'bmc-silent', signal)
    if (before.slot === 'unknown' || before.slot.presence !== 'present') return before
    let blade: Blade
    try {
      blade = await driver.observe(bay, signal)
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      // A BMC takes long to be silent: what the backplane showed before that is old by now.
      const now = signal.aborted ? before : await glance(bay, backplane, error.blind, signal)
      if (now.slot === 'unknown' || now.slot.presence !== 'present') return now
      return { ...now, blind: error.blind, why: error.message }
    }
    const after = await glance(bay, backplane, 'bmc-silent', signal)
    if (after.slot === 'unknown' || after.slot.presence !== 'present') return after
    if (canonical(before.slot) !== canonical(after.slot)) {
      if (tried < tries) continue
      return { ...after, blade: 'unknown', blind: 'bmc-silent', why: 'the bay did not stand still' }
    }
    const { serial } = after.slot
    if (blade.serial !== serial) {
      return { ...after, blind: 'serial-differs', why: `the BMC says ${blade.serial}, the backplane ${serial}` }
    }
    return { slot: after.slot, blade, ...(after.reading && { reading: after.reading }) }
  }
}
