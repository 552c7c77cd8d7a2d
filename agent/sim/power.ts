/**
 * The main power of a blade and what happens along its way: the permit latch that gates off → on (W3), POST
 * that takes the table into use or halts (W5), the boot, the host driver that attaches, shutdown, resets, and
 * what each loss of power erases. Also says which addresses are on the wire at any moment.
 */
import type { Bay, Latch } from '../core/blade.ts'
import { chooseBoot, isSystem, usedFunction } from './boot.ts'
import {
  adapterModel,
  bladeAt,
  faultOf,
  hasStandby,
  type Note,
  type Run,
  type SimBlade,
  slotAt,
  type World,
  withBlade,
  withKept,
  withSlot,
} from './chassis.ts'
import { freshLatch } from './factory.ts'
import { addressKinds, consume, erase, type Loss, mapFunctions } from './function-table.ts'
import type { AddressKind, BootRecord, OffWhy, UsedFunction, Wearer, Why } from './log.ts'

/** What came of a request for power. */
export type Powered =
  | { readonly world: World; readonly ok: true }
  | { readonly world: World; readonly ok: false; readonly message: string }

/** Off → on, if there is power to be had and the permit allows it. A blade that is on stays as it is. */
export function powerOn(world: World, bay: Bay, why: Why, note: Note): Powered {
  const slot = slotAt(world, bay)
  const blade = slot?.blade
  if (slot === undefined || blade === undefined) return { world, ok: false, message: `bay ${bay} has no blade` }
  if (blade.run.stage !== 'off') return { world, ok: true }
  const { serial } = blade.kept
  const no = (message: string): Powered => {
    note({ at: world.now, kind: 'no-power', bay, serial, why, message })
    return { world, ok: false, message }
  }
  if (!hasStandby(world, bay)) return no(`bay ${bay} has no standby power`)
  if (slot.latch !== 'none' && slot.latch.state !== 'granted') {
    return no(`the chassis gives bay ${bay} no permit to power on (${slot.latch.state}, n=${slot.latch.n})`)
  }
  const n = slot.latch === 'none' ? undefined : slot.latch.n
  const spent = setLatch(world, bay, slot.latch === 'none' ? 'none' : { state: 'spent', n: slot.latch.n }, note)
  note({ at: world.now, kind: 'power', bay, serial, on: true, why, ...(n !== undefined && { n }) })
  return {
    ok: true,
    world: withBlade(spent, bay, (one) => ({
      ...beginPost(world, withKept(one, { wasOn: true }), why, n),
      switchedAt: world.now,
    })),
  }
}

function beginPost(world: World, blade: SimBlade, why: Why, n: number | undefined): SimBlade {
  const { now, timings } = world
  return { ...blade, boots: blade.boots + 1, run: { stage: 'post', since: now, until: now + timings.postMs, why, n } }
}

/** Main power goes; standby stays. What does not outlive a cold boot is gone from then on. */
export function powerOff(world: World, bay: Bay, why: OffWhy, note: Note, cycleAt?: number): World {
  const blade = bladeAt(world, bay)
  if (blade === undefined) return world
  // Off in the middle of a power cycle: it stays off.
  if (blade.run.stage === 'off') {
    return blade.run.cycleAt === undefined ? world : withBlade(world, bay, (one) => off(world, one))
  }
  note({ at: world.now, kind: 'power', bay, serial: blade.kept.serial, on: false, why })
  return withBlade(world, bay, (one) => ({
    ...off(world, withLoss(world, one, 'coldBoot'), cycleAt),
    switchedAt: world.now,
  }))
}

function off(world: World, blade: SimBlade, cycleAt?: number): SimBlade {
  return { ...withKept(blade, { wasOn: false }), run: { stage: 'off', since: world.now, cycleAt } }
}

function withLoss(world: World, blade: SimBlade, loss: Loss): SimBlade {
  const adapters = mapFunctions(blade.kept.adapters, (fn, { model }) =>
    erase(fn, adapterModel(world.hardware, model), loss),
  )
  return withKept(blade, { adapters })
}

/** Needs no permit (W3), and no main power is lost. */
export function warmReset(world: World, bay: Bay, why: Why): World {
  return withBlade(world, bay, (blade) =>
    blade.run.stage === 'off' ? blade : beginPost(world, withLoss(world, blade, 'warmBoot'), why, blade.run.n),
  )
}

/** Asks the operating system to shut down; nothing listens before there is one. */
export function askShutdown(world: World, bay: Bay): World {
  return withBlade(world, bay, (blade) => {
    const { run } = blade
    if (run.stage !== 'os' || !isSystem(run.booted) || run.shutdownAt !== undefined) return blade
    if (faultOf(blade, 'ignores-shutdown')) return blade
    return { ...blade, run: { ...run, shutdownAt: world.now + world.timings.shutdownMs } }
  })
}

/**
 * Everything goes, standby too: loss of AC, a cut, a pulled blade. The BMC forgets its sessions and what it had under
 * way, and the table; the blade keeps what its adapters' models say (W9), and whether it was on.
 */
export function loseAllPower(world: World, bay: Bay, why: OffWhy, note: Note): World {
  const blade = bladeAt(world, bay)
  if (blade === undefined) return world
  const wasOn = blade.kept.wasOn
  if (blade.run.stage !== 'off') note({ at: world.now, kind: 'power', bay, serial: blade.kept.serial, on: false, why })
  const cold = blade.run.stage === 'off' ? blade : withLoss(world, blade, 'coldBoot')
  return withBlade(world, bay, () => ({
    ...withKept(off(world, withLoss(world, cold, 'acLoss')), { wasOn, shown: {} }),
    boots: 0,
    switchedAt: world.now,
    bmc: { ...blade.bmc, upAt: undefined, restores: false, sessions: [], tasks: [] },
  }))
}

/** Standby returns: the BMC starts, and carries out its restore policy once it is up. */
export function gainStandby(world: World, bay: Bay): World {
  return withBlade(world, bay, (blade) => ({
    ...blade,
    bmc: { ...blade.bmc, upAt: world.now + world.timings.bmcBootMs, restores: true },
  }))
}

export function restore(world: World, bay: Bay, note: Note): World {
  const blade = bladeAt(world, bay)
  if (blade === undefined) return world
  const settled = withBlade(world, bay, (one) => ({ ...one, bmc: { ...one.bmc, restores: false } }))
  const wanted = (): boolean => {
    switch (blade.kept.policy.restore) {
      case 'always-off':
        return false
      case 'last-state':
        return blade.kept.wasOn
      case 'always-on':
        return true
    }
  }
  const after = wanted() ? powerOn(settled, bay, 'restore-policy', note).world : settled
  return withBlade(after, bay, (one) => withKept(one, { wasOn: one.run.stage !== 'off' }))
}

/**
 * POST ends: the adapters take their table into use, and the boot begins. Where an entry does not apply, the blade
 * halts before boot with its links down (W5); entries before it are in use, those after it still wait.
 */
export function endPost(world: World, bay: Bay, note: Note): World {
  const blade = bladeAt(world, bay)
  if (blade === undefined || blade.run.stage !== 'post') return world
  const { serial } = blade.kept
  const { why, n } = blade.run
  let left = faultOf(blade, 'post-fails')?.after ?? Number.POSITIVE_INFINITY
  let failed: string | undefined
  const adapters = mapFunctions(blade.kept.adapters, (fn, { model }) => {
    if (adapterModel(world.hardware, model).takesEffect !== 'reset' || fn.pending === undefined || failed !== undefined)
      return fn
    if (left-- > 0) return consume(fn)
    failed = fn.key
    return fn
  })
  const applied = withKept(blade, { adapters })
  if (failed !== undefined) {
    note({ at: world.now, kind: 'halted', bay, serial, message: `${failed} did not take its settings` })
    return withBlade(world, bay, () => ({ ...applied, run: { stage: 'halted', since: world.now, why, n } }))
  }
  const { booted, tried } = chooseBoot(world, bay, applied)
  const { override, ...persistent } = applied.kept.boot
  const shown = { uuid: applied.kept.shown.uuid ?? applied.kept.uuid, serial: applied.kept.shown.serial ?? serial }
  const attaches =
    isSystem(booted) && adapters.some(({ model }) => adapterModel(world.hardware, model).takesEffect === 'attach')
  const run: Run = {
    stage: 'os',
    since: world.now,
    booted,
    uuid: shown.uuid,
    attached: false,
    attachAt: attaches ? world.now + world.timings.attachMs : undefined,
    shutdownAt: undefined,
    why,
    n,
  }
  const up: SimBlade = {
    ...withKept(applied, { boot: override?.lasts === 'once' ? persistent : applied.kept.boot }),
    run,
  }
  const functions = liveFunctions(world, bay, up)
  const record: BootRecord = {
    at: world.now,
    bay,
    serial,
    why,
    ...(n !== undefined && { n }),
    shown,
    functions,
    booted,
    tried,
  }
  note({ at: world.now, kind: 'boot', bay, record })
  return withBlade(world, bay, () => up)
}

/** The host driver attaches and takes its functions into use. */
export function attach(world: World, bay: Bay, note: Note): World {
  const blade = bladeAt(world, bay)
  if (blade === undefined || blade.run.stage !== 'os') return world
  const attaching = (model: string) => adapterModel(world.hardware, model).takesEffect === 'attach'
  const adapters = mapFunctions(blade.kept.adapters, (fn, { model }) => (attaching(model) ? consume(fn) : fn))
  const { serial, product } = blade.kept
  const functions = adapters
    .filter(({ model }) => attaching(model))
    .flatMap((adapter) => adapter.functions.map((fn) => usedFunction(world, bay, product, fn, fn.applied.value)))
  note({ at: world.now, kind: 'attached', bay, serial, functions })
  const run: Run = { ...blade.run, attached: true, attachAt: undefined }
  return withBlade(world, bay, (one) => ({ ...withKept(one, { adapters }), run }))
}

/** The functions whose addresses are on the wire: by the adapter's model, from POST on, while attached, or while powered. */
export function liveFunctions(world: World, bay: Bay, blade: SimBlade): readonly UsedFunction[] {
  const { run } = blade
  return blade.kept.adapters.flatMap((adapter) => {
    const isLive = (): boolean => {
      switch (adapterModel(world.hardware, adapter.model).takesEffect) {
        case 'reset':
          return run.stage === 'os'
        case 'attach':
          return run.stage === 'os' && run.attached
        case 'live':
          return run.stage !== 'off'
      }
    }
    if (!isLive()) return []
    return adapter.functions
      .filter((fn) => fn.applied.value.role !== 'off')
      .map((fn) => usedFunction(world, bay, blade.kept.product, fn, fn.applied.value))
  })
}

/** Every address on the wire, by who wears it: `live` and `dark` of the log are the difference of two of these. */
export function wornBy(
  world: World,
  bay: Bay,
  blade: SimBlade,
): ReadonlyMap<string, Wearer & { readonly which: AddressKind; readonly address: string }> {
  const worn = new Map<string, Wearer & { which: AddressKind; address: string }>()
  const put = (fn: string, which: AddressKind, address: string | undefined) => {
    if (address !== undefined) worn.set(`${fn} ${address}`, { bay, serial: blade.kept.serial, fn, which, address })
  }
  if (blade.run.stage === 'os') put('system', 'uuid', blade.run.uuid)
  for (const fn of liveFunctions(world, bay, blade)) for (const which of addressKinds) put(fn.key, which, fn[which])
  return worn
}

export function setLatch(world: World, bay: Bay, latch: Latch, note: Note): World {
  const before = slotAt(world, bay)?.latch
  if (before === undefined || sameLatch(before, latch)) return world
  note({ at: world.now, kind: 'latch', bay, latch })
  return withSlot(world, bay, { latch })
}

export function resetLatch(world: World, bay: Bay, note: Note): World {
  return setLatch(world, bay, freshLatch(world.hardware.board), note)
}

function sameLatch(a: Latch, b: Latch): boolean {
  if (a === 'none' || b === 'none') return a === b
  return a.state === b.state && a.n === b.n
}
