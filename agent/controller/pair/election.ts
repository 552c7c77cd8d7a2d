/**
 * When a standby takes the owner line. Pure. The line decides who leads, and who leads is safe whoever it is (W11); this
 * is only about not leaving a chassis without an owner for longer than need be, nor changing owners without need.
 */
import type { ControllerSlot, LineReading } from '../hardware/driver.ts'

export interface Situation {
  readonly slot: ControllerSlot
  readonly line: LineReading
  /** Milliseconds for which the line has read so. */
  readonly forMs: number
  /** This controller just gave the line away, or could not lead: the other one goes first. */
  readonly yields: boolean
  /** Its copy is the owner's, as the owner said last. */
  readonly member: boolean
}

export interface Patience {
  /** A member waits for so long before it takes a line that is nobody's, if it is in slot A. */
  readonly freeMs: number
  /** How much longer it waits: in slot B, without a member's copy, and after it yielded. Each adds. */
  readonly slotMs: number
  readonly strangerMs: number
  readonly yieldMs: number
  /** An owner that fell silent is given so long to come back. */
  readonly silentMs: number
}

export const usualPatience: Patience = {
  freeMs: 200,
  slotMs: 1_000,
  strangerMs: 3_000,
  yieldMs: 10_000,
  silentMs: 1_000,
}

/** Milliseconds from now until the line is to be taken; undefined: not while it reads so. */
export function takesIn({ slot, line, forMs, yields, member }: Situation, patience: Patience): number | undefined {
  const other: ControllerSlot = slot === 'A' ? 'B' : 'A'
  const alive = line.controllers[other] === 'alive'
  const wait = (ms: number) => Math.max(0, ms - forMs)
  // It was ours before this program started, and the line is a latch.
  if (line.owner === slot) return 0
  const courtesy = alive
    ? (member ? 0 : patience.strangerMs) + (slot === 'B' ? patience.slotMs : 0) + (yields ? patience.yieldMs : 0)
    : 0
  if (line.owner === 'none') return wait(patience.freeMs + courtesy)
  return alive ? undefined : wait(patience.silentMs)
}
