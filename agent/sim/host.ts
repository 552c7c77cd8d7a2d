/**
 * Runs a world: the one place where its state is kept and moved on, by a clock that is handed in. Faces ask it
 * and get answers when the world gives them: late from a slow BMC, never from a silent one. It keeps the log,
 * tells who listens which bay's lines changed, and hands over what must not be lost before it answers.
 */

import {
  type BackplaneReply,
  type BackplaneRequest,
  type ControllerSlot,
  controllerSlots,
} from '../backplane/protocol.ts'
import type { Bay } from '../core/blade.ts'
import { canonical } from '../core/blade.ts'
import { lineOf, seatOf } from './arbiter.ts'
import type { BmcAnswer, BmcPort, BmcRequest } from './bmc.ts'
import { baysOf, bladeAt, type World } from './chassis.ts'
import type { Clock } from './clock.ts'
import type { Deed } from './deeds.ts'
import type { LogEntry } from './log.ts'
import { slotOf } from './slots.ts'
import { type Answer, type Input, nextDue, type Stepped, step } from './world.ts'

/** Entries of the log that are kept for the back door. */
const logKept = 50_000

export interface Heard {
  /** Number of the first entry; entries are counted from 0 since this run began. */
  readonly first: number
  readonly entries: readonly LogEntry[]
}

/** A controller by its slot; one that knows of no other, in A, which takes a line that nobody has; or who did not say. */
export type Speaker = ControllerSlot | 'alone' | 'unsaid'

export class ChassisHost implements BmcPort {
  readonly clock: Clock
  private current: World
  private readonly save: ((world: World) => void) | undefined
  private log: LogEntry[] = []
  private dropped = 0
  private readonly listeners = new Set<(bay: Bay) => void>()
  private readonly lineListeners = new Set<() => void>()
  private readonly acListeners = new Set<(on: boolean) => void>()
  private cancelTimer: () => void = () => undefined
  private closed = false

  /** `save` is called with each world whose lasting parts differ from the one before. */
  constructor(start: Stepped, clock: Clock, save?: (world: World) => void) {
    this.clock = clock
    this.current = start.world
    this.save = save
    this.keep(start.log)
    save?.(start.world)
    this.wait()
  }

  get world(): World {
    return this.current
  }

  ask(bay: Bay, request: BmcRequest, signal: AbortSignal): Promise<BmcAnswer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const answer = this.step({ to: 'bmc', bay, request })
      if (answer.from !== 'bmc') return reject(new Error('asked the BMC, and something else answered'))
      const heard = answer.answer
      if (heard !== 'silence' && answer.afterMs === 0) return resolve(heard)
      const upAt = bladeAt(this.current, bay)?.bmc.upAt
      const cancel =
        heard === 'silence'
          ? () => undefined
          : this.clock.after(answer.afterMs, () => {
              // A BMC that lost its power or rebooted meanwhile has forgotten whom it owes an answer.
              if (bladeAt(this.settle(), bay)?.bmc.upAt === upAt) resolve(heard)
            })
      signal.addEventListener(
        'abort',
        () => {
          cancel()
          reject(signal.reason)
        },
        { once: true },
      )
    })
  }

  /** Undefined: the chassis has no AC, or the controller is in no slot, and nothing answers. */
  askBackplane(request: BackplaneRequest, speaker: Speaker = 'alone'): BackplaneReply | undefined {
    if (speaker === 'alone' && 'bay' in request && this.settle().arbiter?.owner === 'none')
      this.step({ to: 'backplane', slot: 'A', request: { do: 'take' } })
    const slot = speaker === 'alone' ? 'A' : speaker
    const answer = this.step({ to: 'backplane', request, ...(slot !== 'unsaid' && { slot }) })
    return answer.from === 'backplane' ? answer.reply : undefined
  }

  /** Undefined when it was done, else why not. */
  perform(deed: Deed): string | undefined {
    const answer = this.step({ to: 'back-door', deed })
    return answer.from === 'back-door' ? answer.refused : undefined
  }

  /** Everything that was due until now has happened. */
  settle(): World {
    this.step({ to: 'clock' })
    return this.current
  }

  heardSince(entry: number): Heard {
    const first = Math.max(entry, this.dropped)
    return { first, entries: this.log.slice(first - this.dropped) }
  }

  /** A presence, power good, latch or locate line of a bay changed. */
  onChange(heard: (bay: Bay) => void): () => void {
    this.listeners.add(heard)
    return () => this.listeners.delete(heard)
  }

  /** The owner line changed hands, or the arbiter hears a controller that it did not hear, or the other way round. */
  onLine(heard: () => void): () => void {
    this.lineListeners.add(heard)
    return () => this.lineListeners.delete(heard)
  }

  onAc(heard: (on: boolean) => void): () => void {
    this.acListeners.add(heard)
    return () => this.acListeners.delete(heard)
  }

  close(): void {
    this.closed = true
    this.cancelTimer()
  }

  private step(input: Input): Answer {
    const before = this.current
    const { world, answer, log } = step(before, input, this.clock.now())
    this.current = world
    this.keep(log)
    if (this.save !== undefined && lastingDiffers(before, world)) this.save(world)
    this.wait()
    if (before.ac !== world.ac) for (const heard of this.acListeners) heard(world.ac)
    if (before.arbiter !== world.arbiter && canonical(lineOf(before)) !== canonical(lineOf(world))) {
      for (const heard of this.lineListeners) heard()
    }
    if (before.slots !== world.slots && this.listeners.size > 0) {
      for (const bay of baysOf(world)) {
        if (canonical(slotOf(before, bay)) === canonical(slotOf(world, bay))) continue
        for (const heard of this.listeners) heard(bay)
      }
    }
    return answer
  }

  private keep(entries: readonly LogEntry[]): void {
    this.log.push(...entries)
    // Cut rarely, by a good piece: cutting one entry at each step would copy the whole log each time.
    if (this.log.length > logKept * 1.2) {
      this.dropped += this.log.length - logKept
      this.log = this.log.slice(-logKept)
    }
  }

  private wait(): void {
    this.cancelTimer()
    const due = nextDue(this.current)
    if (due === undefined || this.closed) return
    this.cancelTimer = this.clock.after(due - this.clock.now(), () => this.settle())
  }
}

/** Whether something changed that outlives the power: what blades keep, where they are, and the world around them. */
function lastingDiffers(before: World, after: World): boolean {
  return (
    before.shelf !== after.shelf ||
    before.san !== after.san ||
    before.interconnects !== after.interconnects ||
    before.failed !== after.failed ||
    before.made !== after.made ||
    controllerSlots.some((slot) => isEmpty(before, slot) !== isEmpty(after, slot)) ||
    baysOf(after).some((bay) => before.slots[bay]?.blade?.kept !== after.slots[bay]?.blade?.kept)
  )
}

const isEmpty = (world: World, slot: ControllerSlot): boolean => seatOf(world, slot)?.state === 'absent'
