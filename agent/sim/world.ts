/**
 * The world: one pure state machine that is the simulated chassis. `step` first lets everything happen that
 * was due until now, each at its own instant and in order, then takes one input; so a late timer changes
 * nothing. Whatever goes live or dark on the wire is found by comparing before and after, never by
 * remembering to say so. No clock, no I/O, no chance: the same inputs give the same chassis.
 */
import type { BackplaneReply, BackplaneRequest, ControllerSlot } from '../backplane/protocol.ts'
import type { Bay } from '../core/blade.ts'
import type { Hardware } from '../core/board.ts'
import { freshArbiter, silenceOverdue, watchdogsDue } from './arbiter.ts'
import type { BmcAnswer, BmcRequest } from './bmc.ts'
import { askBmc, finishTasks } from './bmc-life.ts'
import {
  baysOf,
  bladeAt,
  type Kept,
  type Note,
  slotAt,
  type Timings,
  usualTimings,
  type World,
  withBlade,
} from './chassis.ts'
import { type Deed, fill, perform } from './deeds.ts'
import { freshLatch, makeSerial } from './factory.ts'
import type { LogEntry } from './log.ts'
import { attach, endPost, powerOff, powerOn, restore, wornBy } from './power.ts'
import { askBackplane, endCut, gainAc } from './slots.ts'

export type Input =
  | { readonly to: 'clock' }
  | { readonly to: 'bmc'; readonly bay: Bay; readonly request: BmcRequest }
  /** `slot`: which controller asks; undefined for somebody who did not say. */
  | { readonly to: 'backplane'; readonly slot?: ControllerSlot; readonly request: BackplaneRequest }
  | { readonly to: 'back-door'; readonly deed: Deed }

export type Answer =
  | { readonly from: 'clock' }
  /** `silence`: never answered; else answered so much later. */
  | { readonly from: 'bmc'; readonly answer: BmcAnswer | 'silence'; readonly afterMs: number }
  /** Undefined without AC, and to a controller that is in no slot. */
  | { readonly from: 'backplane'; readonly reply: BackplaneReply | undefined }
  | { readonly from: 'back-door'; readonly refused?: string }

export interface Stepped {
  readonly world: World
  readonly answer: Answer
  readonly log: readonly LogEntry[]
}

export interface NewWorld {
  readonly hardware: Hardware
  readonly seed: string
  readonly now: number
  readonly timings?: Partial<Timings>
  readonly credentials?: Kept['credentials']
  readonly sessionLimit?: number
  /** Leave every bay empty, whatever the board is usually filled with. */
  readonly empty?: boolean
}

/** A chassis as it is delivered, just plugged in. */
export function newWorld({
  hardware,
  seed,
  now,
  timings,
  credentials,
  sessionLimit,
  empty = false,
}: NewWorld): Stepped {
  const { board } = hardware
  const bare: World = {
    hardware,
    seed,
    chassisSerial: makeSerial(seed, 'chassis', board.id),
    timings: { ...usualTimings, ...timings },
    credentials: credentials ?? { user: 'admin', password: 'blade-pw' },
    sessionLimit: sessionLimit ?? 4,
    now,
    ac: false,
    slots: Object.fromEntries(
      board.bays.map(({ bay }) => [
        bay,
        { latch: freshLatch(board), locate: false, cutUntil: undefined, blade: undefined },
      ]),
    ),
    arbiter: freshArbiter(board),
    shelf: {},
    interconnects: Object.fromEntries(board.interconnects.map(({ id, usual }) => [id, usual])),
    san: { luns: [] },
    failed: {},
    made: { parts: 1, addresses: 0 },
  }
  const log: LogEntry[] = []
  const note: Note = (entry) => log.push(entry)
  const filled = empty ? { world: bare } : fill(bare, note)
  if (filled.refused !== undefined)
    throw new Error(`board ${board.id} is filled with what does not fit: ${filled.refused}`)
  return { world: gainAc(filled.world, note), answer: { from: 'clock' }, log }
}

export function step(before: World, input: Input, at: number): Stepped {
  const log: LogEntry[] = []
  const note: Note = (entry) => log.push(entry)
  // A clock that was set back stands still here until it has caught up.
  const now = Math.max(at, before.now)
  let world = before
  for (let due = nextDue(world); due !== undefined && due <= now; due = nextDue(world)) {
    const instant = { ...world, now: Math.max(due, world.now) }
    world = observed(
      instant,
      baysOf(instant).reduce((each, bay) => happen(each, bay, note), silenceOverdue(instant, note)),
      note,
    )
  }
  const present = { ...world, now }
  const { world: after, answer } = take(present, input, note)
  return { world: observed(present, after, note), answer, log }
}

function take(world: World, input: Input, note: Note): { readonly world: World; readonly answer: Answer } {
  switch (input.to) {
    case 'clock':
      return { world, answer: { from: 'clock' } }
    case 'bmc': {
      const { world: after, answer, afterMs } = askBmc(world, input.bay, input.request, note)
      return { world: after, answer: { from: 'bmc', answer, afterMs } }
    }
    case 'backplane': {
      const { world: after, reply } = askBackplane(world, input.slot, input.request, note)
      return { world: after, answer: { from: 'backplane', reply } }
    }
    case 'back-door': {
      const { world: after, refused } = perform(world, input.deed, note)
      return { world: after, answer: { from: 'back-door', ...(refused !== undefined && { refused }) } }
    }
  }
}

/** The next instant at which something happens by itself. */
export function nextDue(world: World): number | undefined {
  let next: number | undefined = watchdogsDue(world)
  for (const bay of baysOf(world)) {
    for (const due of duesOf(world, bay)) if (due !== undefined && (next === undefined || due < next)) next = due
  }
  return next
}

function duesOf(world: World, bay: Bay): readonly (number | undefined)[] {
  const slot = slotAt(world, bay)
  const blade = slot?.blade
  if (blade === undefined) return [slot?.cutUntil]
  const { run, bmc } = blade
  const running = (): readonly (number | undefined)[] => {
    switch (run.stage) {
      case 'off':
        return [run.cycleAt]
      case 'post':
        return [run.until]
      case 'halted':
        return []
      case 'os':
        return [run.attachAt, run.shutdownAt]
    }
  }
  const { upAt } = bmc
  return [
    slot?.cutUntil,
    ...running(),
    ...(upAt === undefined
      ? []
      : [bmc.restores ? upAt : undefined, ...bmc.tasks.map(({ due }) => Math.max(due, upAt))]),
  ]
}

/** What is due in a bay at this instant. */
function happen(before: World, bay: Bay, note: Note): World {
  const { now } = before
  const isDue = (due: number | undefined) => due !== undefined && due <= now
  let world = before
  if (isDue(slotAt(world, bay)?.cutUntil)) world = endCut(world, bay, note)
  const bmc = bladeAt(world, bay)?.bmc
  if (bmc && isDue(bmc.upAt) && bmc.restores) world = restore(world, bay, note)
  if (bmc && isDue(bmc.upAt) && bmc.tasks.some(({ due }) => isDue(due))) world = finishTasks(world, bay, note)
  const run = bladeAt(world, bay)?.run
  switch (run?.stage) {
    case undefined:
    case 'halted':
      return world
    case 'off':
      if (!isDue(run.cycleAt)) return world
      world = withBlade(world, bay, (blade) => ({ ...blade, run: { ...run, cycleAt: undefined } }))
      return powerOn(world, bay, 'power-cycle', note).world
    case 'post':
      return isDue(run.until) ? endPost(world, bay, note) : world
    case 'os':
      if (isDue(run.shutdownAt)) return powerOff(world, bay, 'shutdown', note)
      return isDue(run.attachAt) ? attach(world, bay, note) : world
  }
}

/**
 * Tells what went dark and what went live between two states, in this order: at one instant an address that
 * leaves one function and arrives at another was not on two.
 */
function observed(before: World, after: World, note: Note): World {
  if (before.slots === after.slots) return after
  const changed = baysOf(after).filter((bay) => bladeAt(before, bay) !== bladeAt(after, bay))
  const worn = (world: World) =>
    new Map(
      changed.flatMap((bay) => {
        const blade = bladeAt(world, bay)
        return blade === undefined
          ? []
          : [...wornBy(world, bay, blade)].map(([key, worn]) => [`${bay} ${worn.serial} ${key}`, worn] as const)
      }),
    )
  const was = worn(before)
  const is = worn(after)
  for (const [key, wearer] of was) if (!is.has(key)) note({ at: after.now, kind: 'dark', ...wearer })
  for (const [key, wearer] of is) if (!was.has(key)) note({ at: after.now, kind: 'live', ...wearer })
  return after
}
