/**
 * What hands, accidents and time can do to a chassis, and the agent can not: the deeds behind the back door.
 * Blades come and go, buttons are pressed, AC fails, BMCs break, the storage network is masked. Each deed is
 * carried out on the world or refused by one sentence.
 */
import type { ControllerSlot } from '../backplane/protocol.ts'
import type { Bay, BmcPolicy, InterconnectKind } from '../core/blade.ts'
import { insertController, removeController } from './arbiter.ts'
import { rebootBmc } from './bmc-life.ts'
import {
  type BladeFault,
  baysOf,
  bladeAt,
  type Kept,
  type Note,
  type San,
  type SimBlade,
  slotAt,
  type World,
  withBlade,
  withKept,
} from './chassis.ts'
import { makeAdapter, makeBlade } from './factory.ts'
import { askShutdown, powerOff, powerOn, warmReset } from './power.ts'
import { gainAc, insert, loseAc, pull, whyNotInsert } from './slots.ts'

/** A new blade by its product, or one from the shelf by its serial. */
export type Newcomer = { readonly product: string; readonly localDisk: boolean } | { readonly serial: string }

export type Deed =
  | { readonly do: 'insert'; readonly bay: Bay; readonly blade: Newcomer }
  | { readonly do: 'pull'; readonly bay: Bay }
  /** Another blade in its place, or the blades of two bays exchanged. */
  | { readonly do: 'swap'; readonly bay: Bay; readonly blade: Newcomer | { readonly with: Bay } }
  /** A new adapter in a slot; the blade is pulled for it and put back. */
  | { readonly do: 'adapter'; readonly bay: Bay; readonly slot: string; readonly model?: string }
  | { readonly do: 'button'; readonly bay: Bay; readonly hold: boolean }
  | { readonly do: 'wake'; readonly bay: Bay }
  /** The blade's own system shuts down or reboots. */
  | { readonly do: 'system'; readonly bay: Bay; readonly does: 'shutdown' | 'reboot' }
  | { readonly do: 'policy'; readonly bay: Bay; readonly policy: Partial<BmcPolicy> }
  | { readonly do: 'ac'; readonly on: boolean }
  /** A controller leaves its slot or comes into it; the program that it runs is another's to end and start. */
  | { readonly do: 'controller'; readonly slot: ControllerSlot; readonly does: 'remove' | 'insert' }
  | { readonly do: 'break'; readonly bay: Bay; readonly fault: BladeFault }
  | { readonly do: 'mend'; readonly bay: Bay; readonly fault?: BladeFault['kind'] }
  | { readonly do: 'reboot-bmc'; readonly bay: Bay }
  | { readonly do: 'credentials'; readonly bay: Bay; readonly credentials: Kept['credentials'] }
  /** Members that are there replace; `pxe: 'any'` takes the rule away. */
  | { readonly do: 'san'; readonly luns?: San['luns']; readonly pxe?: readonly string[] | 'any' }
  | { readonly do: 'interconnect'; readonly id: string; readonly kind: InterconnectKind | 'empty' }
  | { readonly do: 'part'; readonly part: string; readonly state: 'ok' | 'failed' | 'absent' }

export interface Done {
  readonly world: World
  /** Set when nothing was done. */
  readonly refused?: string
}

export function perform(world: World, deed: Deed, note: Note): Done {
  if ('bay' in deed && slotAt(world, deed.bay) === undefined)
    return { world, refused: `this chassis has no bay ${deed.bay}` }
  switch (deed.do) {
    case 'insert':
      return insertNewcomer(world, deed.bay, deed.blade, note)
    case 'pull':
      return withThe(world, deed.bay, () => ({ world: pull(world, deed.bay, note) }))
    case 'swap':
      return withThe(world, deed.bay, (blade) => swap(world, deed.bay, blade, deed.blade, note))
    case 'adapter':
      return withThe(world, deed.bay, (blade) => changeAdapter(world, deed.bay, blade, deed.slot, deed.model, note))
    case 'button':
      return withThe(world, deed.bay, (blade) => pressButton(world, deed.bay, blade, deed.hold, note))
    case 'wake':
      return withThe(world, deed.bay, (blade) => {
        if (blade.kept.policy.wake === 'disabled')
          return ignored(world, deed.bay, blade, 'wake', 'wake-up is disabled', note)
        return { world: powerOn(world, deed.bay, 'wake', note).world }
      })
    case 'system':
      return withThe(world, deed.bay, (blade) => {
        if (blade.run.stage !== 'os') return { world, refused: `bay ${deed.bay} runs no system` }
        return {
          world: deed.does === 'shutdown' ? askShutdown(world, deed.bay) : warmReset(world, deed.bay, 'os-reboot'),
        }
      })
    case 'policy':
      return withThe(world, deed.bay, ({ kept }) => ({
        world: withBlade(world, deed.bay, (one) => withKept(one, { policy: { ...kept.policy, ...deed.policy } })),
      }))
    case 'ac':
      return { world: deed.on ? gainAc(world, note) : loseAc(world, note) }
    case 'controller':
      return deed.does === 'remove'
        ? removeController(world, deed.slot, note)
        : insertController(world, deed.slot, note)
    case 'break':
      return withThe(world, deed.bay, ({ faults }) => {
        const others = faults.filter(({ kind }) => kind !== deed.fault.kind)
        return { world: withBlade(world, deed.bay, (one) => ({ ...one, faults: [...others, deed.fault] })) }
      })
    case 'mend':
      return withThe(world, deed.bay, ({ faults }) => {
        const left = deed.fault === undefined ? [] : faults.filter(({ kind }) => kind !== deed.fault)
        return { world: withBlade(world, deed.bay, (one) => ({ ...one, faults: left })) }
      })
    case 'reboot-bmc':
      return withThe(world, deed.bay, () => ({ world: rebootBmc(world, deed.bay) }))
    case 'credentials':
      return withThe(world, deed.bay, () => ({
        world: withBlade(world, deed.bay, (one) => withKept(one, { credentials: deed.credentials })),
      }))
    case 'san': {
      const { pxe: _, ...rest } = world.san
      const pxe = deed.pxe === undefined ? world.san.pxe : deed.pxe === 'any' ? undefined : deed.pxe
      return {
        world: { ...world, san: { ...rest, luns: deed.luns ?? world.san.luns, ...(pxe !== undefined && { pxe }) } },
      }
    }
    case 'interconnect':
      if (world.interconnects[deed.id] === undefined) {
        return {
          world,
          refused: `no interconnect ${deed.id}; there are ${Object.keys(world.interconnects).join(', ')}`,
        }
      }
      return { world: { ...world, interconnects: { ...world.interconnects, [deed.id]: deed.kind } } }
    case 'part': {
      const parts = partsOf(world)
      if (!parts.includes(deed.part)) return { world, refused: `no part ${deed.part}; there are ${parts.join(', ')}` }
      const { [deed.part]: _, ...others } = world.failed
      return { world: { ...world, failed: deed.state === 'ok' ? others : { ...others, [deed.part]: deed.state } } }
    }
  }
}

export function partsOf({ hardware: { board } }: World): readonly string[] {
  const named = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index + 1}`)
  return [...named('supply', board.supplies.count), ...named('fan', board.fans.count)]
}

function withThe(world: World, bay: Bay, act: (blade: SimBlade) => Done): Done {
  const blade = bladeAt(world, bay)
  return blade === undefined ? { world, refused: `bay ${bay} has no blade` } : act(blade)
}

function insertNewcomer(world: World, bay: Bay, newcomer: Newcomer, note: Note): Done {
  if ('serial' in newcomer) {
    const blade = world.shelf[newcomer.serial]
    if (blade === undefined) {
      const shelf = Object.keys(world.shelf)
      return {
        world,
        refused: `no blade ${newcomer.serial} lies pulled; ${shelf.length > 0 ? `there are ${shelf.join(', ')}` : 'none does'}`,
      }
    }
    const refused = whyNotInsert(world, bay, blade.kept.product)
    return refused === undefined ? { world: insert(world, bay, blade, note) } : { world, refused }
  }
  const refused = whyNotInsert(world, bay, newcomer.product)
  if (refused !== undefined) return { world, refused }
  const fresh = makeBlade(world, newcomer.product, newcomer.localDisk)
  if (fresh === undefined) return { world, refused: `no blade ${newcomer.product} fits this chassis` }
  return { world: insert({ ...world, made: fresh.made }, bay, fresh.blade, note) }
}

/** All or nothing: what does not fit puts the first blade back where it was, as if nobody had touched it. */
function swap(world: World, bay: Bay, blade: SimBlade, newcomer: Newcomer | { readonly with: Bay }, note: Note): Done {
  const happened: Parameters<Note>[0][] = []
  const tell = (entry: Parameters<Note>[0]) => void happened.push(entry)
  const act = (): Done => {
    const first = pull(world, bay, tell)
    if (!('with' in newcomer)) return insertNewcomer(first, bay, newcomer, tell)
    const other = bladeAt(first, newcomer.with)
    if (other === undefined) return { world, refused: `bay ${newcomer.with} has no other blade to swap with` }
    const second = pull(first, newcomer.with, tell)
    const there = insertNewcomer(second, newcomer.with, { serial: blade.kept.serial }, tell)
    return there.refused === undefined ? insertNewcomer(there.world, bay, { serial: other.kept.serial }, tell) : there
  }
  const done = act()
  if (done.refused !== undefined) return { world, refused: done.refused }
  for (const entry of happened) note(entry)
  return done
}

function changeAdapter(
  world: World,
  bay: Bay,
  blade: SimBlade,
  slot: string,
  wanted: string | undefined,
  note: Note,
): Done {
  const old = blade.kept.adapters.find((adapter) => adapter.slot === slot)
  const model = wanted ?? old?.model
  if (old === undefined || model === undefined) {
    return {
      world,
      refused: `bay ${bay} has no adapter in ${slot}; it has ${blade.kept.adapters.map((each) => each.slot).join(', ')}`,
    }
  }
  if (world.hardware.adapters[model] === undefined) {
    return { world, refused: `no adapter ${model}; there are ${Object.keys(world.hardware.adapters).join(', ')}` }
  }
  if (blade.run.stage !== 'off') return { world, refused: `bay ${bay} is on; power it off first` }
  const fresh = makeAdapter(world, slot, model)
  const pulled = pull({ ...world, made: fresh.made }, bay, note)
  const lying = pulled.shelf[blade.kept.serial]
  if (lying === undefined) return { world, refused: `bay ${bay} has no blade` }
  const adapters = lying.kept.adapters.map((each) => (each.slot === slot ? fresh.adapter : each))
  return { world: insert(pulled, bay, withKept(lying, { adapters }), note) }
}

/** A short press asks a running system to shut down and stops anything before it; four seconds always stop. */
function pressButton(world: World, bay: Bay, blade: SimBlade, hold: boolean, note: Note): Done {
  if (blade.kept.policy.button === 'disabled') {
    return ignored(world, bay, blade, 'power-button', 'the power button is disabled', note)
  }
  if (hold) return { world: powerOff(world, bay, 'power-button', note) }
  switch (blade.run.stage) {
    case 'off':
      return { world: powerOn(world, bay, 'power-button', note).world }
    case 'post':
    case 'halted':
      return { world: powerOff(world, bay, 'power-button', note) }
    case 'os':
      return { world: askShutdown(world, bay) }
  }
}

/** The finger did press: the deed is done, and the blade does not care. */
function ignored(
  world: World,
  bay: Bay,
  blade: SimBlade,
  why: 'power-button' | 'wake',
  message: string,
  note: Note,
): Done {
  note({ at: world.now, kind: 'no-power', bay, serial: blade.kept.serial, why, message })
  return { world }
}

/** Fills a new chassis as its board says, or leaves it empty. */
export function fill(world: World, note: Note): Done {
  let filled = world
  for (const bay of baysOf(world)) {
    const product = world.hardware.board.simulated[String(bay)]
    if (product === undefined) continue
    const done = perform(filled, { do: 'insert', bay, blade: { product, localDisk: true } }, note)
    if (done.refused !== undefined) return done
    filled = done.world
  }
  return { world: filled }
}
