/**
 * The arbiter of a chassis with two controller slots: a latch that says whose the backplane is, and a watchdog
 * for each slot. It grants whoever asks and judges nobody, since who should lead is the controllers' own matter;
 * what it makes sure of is that the lines of the bays follow one controller at a time. The latch stays as it is
 * when its owner falls silent or is pulled, and only loss of AC opens it by itself.
 */

import type { LineReading } from '../backplane/protocol.ts'
import {
  type BackplaneReply,
  type BackplaneRequest,
  type ControllerSlot,
  controllerSlots,
} from '../backplane/protocol.ts'
import type { ChassisBoard } from '../core/board.ts'
import type { Arbiter, Note, Seat, World } from './chassis.ts'

interface Asked {
  readonly world: World
  readonly reply: BackplaneReply
}

/** As AC finds it; `before` says which slots are empty. Undefined where there is nothing to arbitrate. */
export function freshArbiter({ controllers }: ChassisBoard, before?: Arbiter): Arbiter | undefined {
  if (controllers.count < 2) return undefined
  const seat = (slot: ControllerSlot): Seat => ({ state: before?.seats[slot].state === 'absent' ? 'absent' : 'silent' })
  return { owner: 'none', seats: { A: seat('A'), B: seat('B') } }
}

/** Undefined where there is no such slot, or only one. */
export function seatOf(world: World, slot: ControllerSlot): Seat | undefined {
  return world.arbiter?.seats[slot]
}

/** What everybody can read. */
export function lineOf({ arbiter }: World): LineReading | undefined {
  if (arbiter === undefined) return undefined
  const { owner, seats } = arbiter
  return { owner, controllers: { A: seats.A.state, B: seats.B.state } }
}

/** Undefined: the backplane is that controller's, and does what it says. */
export function whyNotYours(
  { arbiter }: World,
  slot: ControllerSlot | undefined,
): Extract<BackplaneReply, { ok: false }> | undefined {
  if (arbiter === undefined) return undefined
  if (slot === undefined) return sayHello
  const { owner } = arbiter
  if (owner === slot) return undefined
  const whose = owner === 'none' ? 'nobody owns the backplane' : `slot ${owner} owns the backplane`
  return { ok: false, error: `not the owner: ${whose}`, why: 'not-owner' }
}

const sayHello = { ok: false, error: 'this chassis has two controller slots: say hello for yours first' } as const

export function askArbiter(
  world: World,
  slot: ControllerSlot | undefined,
  request: Extract<BackplaneRequest, { do: 'hello' | 'take' | 'release' | 'beat' }>,
  note: Note,
): Asked {
  const { arbiter } = world
  const refuse = (error: string) => ({ world, reply: { ok: false, error } as const })
  const done = (after: World) => ({ world: after, reply: { ok: true } as const })
  if (request.do === 'hello') {
    return arbiter === undefined && request.slot !== 'A'
      ? refuse(`this chassis has no controller slot ${request.slot}`)
      : done(world)
  }
  if (arbiter === undefined) return refuse('this chassis has one controller slot, and no owner line')
  if (slot === undefined) return { world, reply: sayHello }
  switch (request.do) {
    case 'take':
      return done(handOver(world, arbiter, slot, 'take', note))
    case 'release':
      return done(arbiter.owner === slot ? handOver(world, arbiter, 'none', 'release', note) : world)
    case 'beat':
      return done(withSeat(world, slot, { state: 'alive', until: world.now + world.timings.watchdogMs }, note))
  }
}

/** The next instant at which a watchdog runs out. */
export function watchdogsDue({ arbiter }: World): number | undefined {
  if (arbiter === undefined) return undefined
  const dues = controllerSlots.flatMap((slot) => {
    const seat = arbiter.seats[slot]
    return seat.state === 'alive' ? [seat.until] : []
  })
  return dues.length === 0 ? undefined : Math.min(...dues)
}

/** Whoever did not beat in time is silent from now on. */
export function silenceOverdue(world: World, note: Note): World {
  return controllerSlots.reduce((each, slot) => {
    const seat = seatOf(each, slot)
    return seat?.state === 'alive' && seat.until <= world.now ? withSeat(each, slot, { state: 'silent' }, note) : each
  }, world)
}

/** Without AC nobody holds the latch, and nobody is heard. */
export function loseLine(world: World, note: Note): World {
  const { arbiter } = world
  if (arbiter === undefined) return world
  return controllerSlots.reduce(
    (each, slot) => (seatOf(each, slot)?.state === 'alive' ? withSeat(each, slot, { state: 'silent' }, note) : each),
    handOver(world, arbiter, 'none', 'ac-loss', note),
  )
}

/** The latch stays: that its owner is absent is there to be read. */
export function removeController(world: World, slot: ControllerSlot, note: Note): Moved {
  const seat = seatOf(world, slot)
  if (seat === undefined) return { world, refused: onlyOne }
  if (seat.state === 'absent') return { world, refused: `slot ${slot} has no controller` }
  return { world: withSeat(world, slot, { state: 'absent' }, note) }
}

export function insertController(world: World, slot: ControllerSlot, note: Note): Moved {
  const seat = seatOf(world, slot)
  if (seat === undefined) return { world, refused: onlyOne }
  if (seat.state !== 'absent') return { world, refused: `slot ${slot} holds a controller; remove it first` }
  return { world: withSeat(world, slot, { state: 'silent' }, note) }
}

interface Moved {
  readonly world: World
  readonly refused?: string
}

const onlyOne = 'this chassis has one controller slot; end the program that stands for its controller'

function handOver(
  world: World,
  arbiter: Arbiter,
  owner: Arbiter['owner'],
  why: 'take' | 'release' | 'ac-loss',
  note: Note,
): World {
  if (arbiter.owner === owner) return world
  note({ at: world.now, kind: 'owner', owner, from: arbiter.owner, why })
  return { ...world, arbiter: { ...arbiter, owner } }
}

function withSeat(world: World, slot: ControllerSlot, seat: Seat, note: Note): World {
  const { arbiter } = world
  if (arbiter === undefined) return world
  if (arbiter.seats[slot].state !== seat.state) note({ at: world.now, kind: 'controller', slot, state: seat.state })
  return { ...world, arbiter: { ...arbiter, seats: { ...arbiter.seats, [slot]: seat } } }
}
