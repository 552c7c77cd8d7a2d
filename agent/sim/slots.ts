/**
 * The chassis side of a bay: blades that come and go, the backplane's lines (presence, permit, power cut,
 * locate LED), loss and return of AC, and the slow health data. None of it passes a BMC.
 */

import type { BackplaneReply, BackplaneRequest, ChassisHealth, ControllerSlot } from '../backplane/protocol.ts'
import type { Bay, Slot } from '../core/blade.ts'
import { askArbiter, lineOf, loseLine, seatOf, whyNotYours } from './arbiter.ts'
import {
  baysOf,
  bladeAt,
  coveredBy,
  filledBays,
  formOf,
  type Note,
  type SimBlade,
  slotAt,
  type World,
  withSlot,
} from './chassis.ts'
import { digest, makeSerial } from './factory.ts'
import { gainStandby, loseAllPower, resetLatch, setLatch } from './power.ts'

/** A bay as the backplane shows it. */
export function slotOf(world: World, bay: Bay): Slot {
  const slot = slotAt(world, bay)
  const lines = { permit: slot?.latch ?? 'none', locate: slot?.locate ?? false }
  const blade = slot?.blade
  if (blade === undefined) {
    const by = coveredBy(world, bay)
    return by === undefined ? { presence: 'empty', ...lines } : { presence: 'covered', by, ...lines }
  }
  const { serial, product } = blade.kept
  return { presence: 'present', serial, product, powerGood: blade.run.stage !== 'off', ...lines }
}

/** Undefined without AC, when nothing in the chassis is there to answer, and to a controller that is in no slot. */
export function askBackplane(
  world: World,
  slot: ControllerSlot | undefined,
  request: BackplaneRequest,
  note: Note,
): { readonly world: World; readonly reply: BackplaneReply | undefined } {
  const speaker = request.do === 'hello' ? request.slot : slot
  if (!world.ac || (speaker !== undefined && seatOf(world, speaker)?.state === 'absent'))
    return { world, reply: undefined }
  if (request.do === 'read') {
    const bays = Object.fromEntries(baysOf(world).map((bay) => [bay, slotOf(world, bay)]))
    const { chassisSerial, interconnects } = world
    const line = lineOf(world)
    return { world, reply: { ok: true, reading: { chassisSerial, bays, interconnects }, ...(line && { line }) } }
  }
  if (request.do === 'health') return { world, reply: { ok: true, health: healthOf(world) } }
  if (request.do === 'hello' || request.do === 'take' || request.do === 'release' || request.do === 'beat')
    return askArbiter(world, slot, request, note)
  const refused = whyNotYours(world, slot)
  if (refused !== undefined) return { world, reply: refused }
  return pullLine(world, request, note)
}

/** One line of one bay, asked for by whose it is. */
function pullLine(
  world: World,
  request: Extract<BackplaneRequest, { readonly bay: Bay }>,
  note: Note,
): { readonly world: World; readonly reply: BackplaneReply } {
  const refuse = (error: string) => ({ world, reply: { ok: false, error } as const })
  const done = (after: World) => ({ world: after, reply: { ok: true } as const })
  const { bay } = request
  const slot = slotAt(world, bay)
  if (slot === undefined) return refuse(`this chassis has no bay ${bay}`)
  switch (request.do) {
    case 'withdraw':
      // A running blade does not notice, and what was spent can not be taken back (W3).
      if (slot.latch === 'none' || slot.latch.state !== 'granted') return done(world)
      return done(setLatch(world, bay, { state: 'denied', n: slot.latch.n }, note))
    case 'permit': {
      if (slot.latch === 'none') return refuse('this chassis has no permit latch')
      if (slot.blade === undefined) return refuse(`bay ${bay} has no blade to permit`)
      // One number, one power-on: asked twice, it is not given twice (I6).
      if (slot.latch.state === 'spent' && slot.latch.n === request.n) return done(world)
      return done(setLatch(world, bay, { state: 'granted', n: request.n }, note))
    }
    case 'cut':
      if (!world.hardware.board.backplane.powerCut)
        return refuse(`this chassis can not cut the power of a bay; pull the blade of bay ${bay}`)
      return done(slot.cutUntil === undefined ? cut(world, bay, note) : world)
    case 'locate':
      if (slot.locate === request.lit) return done(world)
      note({ at: world.now, kind: 'locate', bay, lit: request.lit })
      return done(withSlot(world, bay, { locate: request.lit }))
  }
}

function cut(world: World, bay: Bay, note: Note): World {
  note({ at: world.now, kind: 'cut', bay, on: true })
  const dark = resetLatch(loseAllPower(world, bay, 'cut', note), bay, note)
  return withSlot(dark, bay, { cutUntil: world.now + world.timings.cutMs })
}

export function endCut(world: World, bay: Bay, note: Note): World {
  note({ at: world.now, kind: 'cut', bay, on: false })
  return gainStandby(withSlot(world, bay, { cutUntil: undefined }), bay)
}

/** Undefined where a blade of that product would go in; else why not. */
export function whyNotInsert(world: World, bay: Bay, product: string): string | undefined {
  if (slotAt(world, bay) === undefined) return `this chassis has no bay ${bay}`
  const form = formOf(world.hardware, product)
  if (form === undefined) {
    return `no blade ${product} fits this chassis; there are ${world.hardware.board.blades.map((each) => each.product).join(', ')}`
  }
  const fills = filledBays(world.hardware, product, bay)
  if (fills === undefined) return `a ${form.name} blade does not go into bay ${bay}`
  for (const each of fills) {
    if (bladeAt(world, each) !== undefined) return `bay ${each} holds a blade; pull it first`
    const by = coveredBy(world, each)
    if (by !== undefined) return `bay ${each} is covered by the blade in bay ${by}; pull that first`
  }
  return undefined
}

/** The caller asked `whyNotInsert` before. */
export function insert(world: World, bay: Bay, blade: SimBlade, note: Note): World {
  const { serial, product } = blade.kept
  note({ at: world.now, kind: 'inserted', bay, serial, product })
  const { [serial]: _, ...shelf } = world.shelf
  const seated = resetLatch(withSlot({ ...world, shelf }, bay, { blade }), bay, note)
  return world.ac && slotAt(world, bay)?.cutUntil === undefined ? gainStandby(seated, bay) : seated
}

/** Pulled as it is, running or not; it lies on the shelf from then on. */
export function pull(world: World, bay: Bay, note: Note): World {
  const dark = loseAllPower(world, bay, 'pulled', note)
  const blade = bladeAt(dark, bay)
  if (blade === undefined) return world
  const { serial, product } = blade.kept
  note({ at: world.now, kind: 'pulled', bay, serial, product })
  const shelf = { ...dark.shelf, [serial]: blade }
  return resetLatch(withSlot({ ...dark, shelf }, bay, { blade: undefined }), bay, note)
}

/** The EEPROM is a file of its own and knows nothing of this: it stays. */
export function loseAc(world: World, note: Note): World {
  if (!world.ac) return world
  note({ at: world.now, kind: 'ac', on: false })
  const dark = baysOf(world).reduce<World>(
    (each, bay) =>
      withSlot(resetLatch(loseAllPower(each, bay, 'ac-loss', note), bay, note), bay, {
        cutUntil: undefined,
        locate: false,
      }),
    world,
  )
  return { ...loseLine(dark, note), ac: false }
}

export function gainAc(world: World, note: Note): World {
  if (world.ac) return world
  note({ at: world.now, kind: 'ac', on: true })
  return baysOf(world).reduce<World>((each, bay) => gainStandby(each, bay), { ...world, ac: true })
}

/** Supplies share the load, fans follow the blades that run, and nothing stands quite still. */
export function healthOf(world: World): ChassisHealth {
  const { board } = world.hardware
  const blades = baysOf(world).flatMap((bay) => bladeAt(world, bay) ?? [])
  const running = blades.filter(({ run }) => run.stage !== 'off').length
  const parts = (name: string, count: number) =>
    Array.from({ length: count }, (_, index) => {
      const bay = index + 1
      return { bay, name: `${name}-${bay}`, state: world.failed[`${name}-${bay}`] ?? ('ok' as const) }
    })
  // A value of its own for each part and each ten seconds, between 0 and 1.
  const sway = (name: string) =>
    Number.parseInt(digest(world.seed, name, Math.floor(world.now / 10_000)).slice(0, 4), 16) / 0xffff
  const supplies = parts('supply', board.supplies.count)
  const fans = parts('fan', board.fans.count)
  const carrying = supplies.filter(({ state }) => state === 'ok').length
  const cooling = fans.filter(({ state }) => state === 'ok').length
  const watts = 150 + blades.length * 15 + running * 210
  const effort = fans.length === 0 || cooling === 0 ? 1 : fans.length / cooling
  const heat = running * 0.4 * effort
  const fru = (where: string, product: string, serial: string) => ({
    where,
    product,
    serial,
    part: digest(product).slice(0, 10).toUpperCase(),
  })
  return {
    supplies: supplies.map(({ bay, name, state }) => ({
      bay,
      state,
      watts: state === 'ok' ? Math.round(watts / carrying + sway(name) * 6) : 0,
    })),
    fans: fans.map(({ bay, name, state }) => ({
      bay,
      state,
      rpm: state === 'ok' ? Math.round((3600 + running * 180) * effort + sway(name) * 90) : 0,
    })),
    temperatures: [
      { name: 'inlet', celsius: Math.round(21 + sway('inlet') * 2), limit: 42 },
      { name: 'outlet', celsius: Math.round(27 + heat + sway('outlet') * 3), limit: 65 },
    ],
    frus: [
      fru('chassis', board.name, world.chassisSerial),
      ...supplies
        .filter(({ state }) => state !== 'absent')
        .map(({ name }) => fru(name, 'power supply', makeSerial(world.seed, name))),
      ...baysOf(world).flatMap((bay) => {
        const kept = bladeAt(world, bay)?.kept
        if (kept === undefined) return []
        return [
          fru(`bay-${bay}`, kept.product, kept.serial),
          ...kept.adapters.map((each) =>
            fru(`bay-${bay} ${each.slot}`, world.hardware.adapters[each.model]?.name ?? each.model, each.serial),
          ),
        ]
      }),
    ],
  }
}
