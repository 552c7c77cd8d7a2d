/** What a driver asks before each change in a pair: whether the backplane is ours, read anew each time (W12). */
import { type ControllerSlot, Fault, type OwnerLine, type Owns } from './driver.ts'

export function ownedBy(slot: ControllerSlot, line: OwnerLine): Owns {
  return async (signal) => {
    const { owner } = await line.read(signal)
    if (owner === slot) return
    const whose = owner === 'none' ? 'nobody owns the backplane' : 'the other controller owns the backplane'
    throw new Fault('not-owner', `not the owner: ${whose}`)
  }
}
