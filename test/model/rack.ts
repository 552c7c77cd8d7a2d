/**
 * Hardware for the searches: a rack of bays as plain data, and what each thing that can happen to it does. It shares
 * no line with `foresee`, so that the two can not be wrong together. A powered blade uses what its functions have
 * `applied`; what waits in `pending` is taken at power-on and at a warm reset, and lost with AC.
 */
import type { Serial } from '../../agent/core/addresses.ts'
import type { Bay, Blade, FunctionReading, FunctionValue, Latch, Slot, Step } from '../../agent/core/blade.ts'
import type { AdapterModel, Hardware } from '../../agent/core/board.ts'

export interface Seat {
  readonly blade?: Blade
  readonly latch: Latch
  readonly locate: boolean
  /** Commands that the BMC has, was never heard to answer, and may still carry out. */
  readonly late: readonly Step[]
  readonly bmc: 'answers' | 'silent'
  /** Power and stage as the BMC still tells them, when its readings lag. */
  readonly lag?: { readonly power: Blade['power']; readonly stage: Blade['stage'] }
}

export interface Rack {
  readonly seats: { readonly [bay: Bay]: Seat }
  /** Blades that were pulled. */
  readonly shelf: readonly Blade[]
}

/** Things that nobody asked us about. */
export type Mishap =
  | {
      readonly it:
        | 'button'
        | 'os-off'
        | 'post-end'
        | 'halt'
        | 'warm-reset'
        | 'pull'
        | 'late'
        | 'lag'
        | 'bmc-dies'
        | 'bmc-heals'
        | 'policy'
      readonly bay: Bay
    }
  | { readonly it: 'insert'; readonly bay: Bay }
  | { readonly it: 'ac-loss' }

export function happen(rack: Rack, mishap: Mishap, hardware: Hardware): Rack {
  if (mishap.it === 'ac-loss') {
    const seats = Object.entries(rack.seats).map(([bay, seat]) => [bay, dark(seat, hardware)] as const)
    return { ...rack, seats: Object.fromEntries(seats) }
  }
  const { bay } = mishap
  const seat = rack.seats[bay]
  if (!seat) return rack
  const put = (next: Seat): Rack => ({ ...rack, seats: { ...rack.seats, [bay]: next } })
  const { blade } = seat
  switch (mishap.it) {
    case 'button':
      return put(powerOn(seat))
    case 'os-off':
      return blade?.stage === 'os' ? put(powerOff(seat, hardware)) : rack
    case 'post-end':
      return blade?.stage === 'post' ? put({ ...seat, blade: { ...blade, stage: 'os', stageSeconds: 0 } }) : rack
    case 'halt':
      return blade?.stage === 'post' ? put({ ...seat, blade: { ...blade, stage: 'halted', stageSeconds: 0 } }) : rack
    case 'warm-reset':
      return blade?.power === 'on' ? put({ ...seat, blade: boot(blade) }) : rack
    case 'late': {
      const [step, ...late] = seat.late
      return step ? put(carryOut({ ...seat, late }, step, hardware)) : rack
    }
    case 'lag':
      if (seat.lag) {
        const { lag: _, ...rest } = seat
        return put(rest)
      }
      return blade ? put({ ...seat, lag: { power: blade.power, stage: blade.stage } }) : rack
    case 'bmc-dies':
      return put({ ...seat, bmc: 'silent' })
    case 'bmc-heals':
      return put({ ...seat, bmc: 'answers' })
    case 'policy':
      return blade
        ? put({ ...seat, blade: { ...blade, policy: { restore: 'last-state', button: 'enabled', wake: 'enabled' } } })
        : rack
    case 'pull': {
      const pulled = dark(seat, hardware).blade
      if (!pulled) return rack
      const empty: Seat = { latch: denied(seat.latch), locate: seat.locate, late: [], bmc: 'answers' }
      return { seats: { ...rack.seats, [bay]: empty }, shelf: [...rack.shelf, pulled] }
    }
    case 'insert': {
      const [next, ...shelf] = rack.shelf
      if (!next || blade) return rack
      return { seats: { ...rack.seats, [bay]: { ...seat, blade: next } }, shelf }
    }
  }
}

const denied = (latch: Latch): Latch => (latch === 'none' ? 'none' : { state: 'denied', n: 0 })

/** No AC at this bay: nothing of what waits survives, and of what is applied only what the adapter keeps. */
export function dark(seat: Seat, hardware: Hardware): Seat {
  const { lag: _, ...rest } = seat
  const off: Seat = { ...rest, latch: denied(seat.latch), late: [] }
  if (!seat.blade) return off
  const forgetful = functions(seat.blade, hardware, ({ pending: _, ...fn }, { erases }) =>
    forget(fn, erases.address.acLoss, erases.storage.acLoss),
  )
  return { ...off, blade: { ...forgetful, power: 'off', stage: 'off', stageSeconds: 0, boots: 0 } }
}

function powerOff(seat: Seat, hardware: Hardware): Seat {
  const { blade } = seat
  if (!blade || blade.power === 'off') return seat
  const forgetful = functions(blade, hardware, (fn, { erases }) =>
    forget(fn, erases.address.coldBoot, erases.storage.coldBoot),
  )
  return { ...seat, blade: { ...forgetful, power: 'off', stage: 'off', stageSeconds: 0 } }
}

function powerOn(seat: Seat): Seat {
  const { blade, latch } = seat
  if (!blade || blade.power === 'on') return seat
  if (latch !== 'none' && latch.state !== 'granted') return seat
  return { ...seat, latch: latch === 'none' ? 'none' : { state: 'spent', n: latch.n }, blade: boot(blade) }
}

function boot(blade: Blade): Blade {
  const taken = each(blade, ({ pending, ...fn }) => (pending ? { ...fn, applied: pending } : fn))
  const { override, ...rest } = blade.boot
  const flags = override?.lasts === 'always' ? blade.boot : rest
  return { ...taken, boot: flags, power: 'on', stage: 'post', stageSeconds: 0, boots: blade.boots + 1 }
}

function forget(fn: FunctionReading, address: boolean, storage: boolean): FunctionReading {
  const { applied, factory } = fn
  const stores = applied.role === 'iscsi' || (applied.boot !== undefined && 'targets' in applied.boot)
  const base: FunctionValue = address ? { ...factory, ...(stores && !storage && { role: applied.role }) } : applied
  if (!stores) return { ...fn, applied: base }
  const { iqn: _, boot: __, ...bare } = base
  if (storage) return { ...fn, applied: address ? factory : bare }
  return {
    ...fn,
    applied: { ...bare, ...(applied.iqn && { iqn: applied.iqn }), ...(applied.boot && { boot: applied.boot }) },
  }
}

function each(blade: Blade, change: (fn: FunctionReading) => FunctionReading): Blade {
  return {
    ...blade,
    adapters: blade.adapters.map((adapter) => ({ ...adapter, functions: adapter.functions.map(change) })),
  }
}

function functions(
  blade: Blade,
  hardware: Hardware,
  change: (fn: FunctionReading, model: AdapterModel) => FunctionReading,
): Blade {
  const adapters = blade.adapters.map((adapter) => {
    const model = hardware.adapters[adapter.model]
    return model ? { ...adapter, functions: adapter.functions.map((fn) => change(fn, model)) } : adapter
  })
  return { ...blade, adapters }
}

/** What a step does when it is carried out, whenever that is and whatever the blade is doing then. */
export function carryOut(seat: Seat, step: Step, hardware: Hardware): Seat {
  const { blade, latch } = seat
  const told =
    (key: string, value: FunctionValue | 'factory') =>
    (fn: FunctionReading, model: AdapterModel): FunctionReading => {
      if (fn.key !== key) return fn
      const next = value === 'factory' ? fn.factory : value
      return model.takesEffect === 'live' ? { ...fn, applied: next } : { ...fn, pending: next }
    }
  switch (step.kind) {
    case 'withdraw':
      return latch === 'none' || latch.state !== 'granted' ? seat : { ...seat, latch: { state: 'denied', n: latch.n } }
    case 'permit':
      return latch === 'none' || !blade ? seat : { ...seat, latch: { state: 'granted', n: step.n } }
    case 'locate':
      return { ...seat, locate: step.lit }
    case 'cut':
      return dark(seat, hardware)
    case 'barrier':
      return { ...seat, late: [] }
    case 'policy':
      return blade ? { ...seat, blade: { ...blade, policy: step.policy } } : seat
    case 'show':
      return blade ? { ...seat, blade: { ...blade, shown: step.shown } } : seat
    case 'boot':
      return blade ? { ...seat, blade: { ...blade, boot: step.boot } } : seat
    case 'clear': {
      if (!blade) return seat
      const cleared = step.functions.reduce((all, key) => functions(all, hardware, told(key, 'factory')), blade)
      return { ...seat, blade: { ...cleared, shown: {} } }
    }
    case 'write':
      if (!blade) return seat
      return {
        ...seat,
        blade: step.functions.reduce((all, { key, value }) => functions(all, hardware, told(key, value)), blade),
      }
    case 'power':
      switch (step.action) {
        case 'on':
          return powerOn(seat)
        case 'off':
          return powerOff(seat, hardware)
        case 'shutdown':
          return blade?.stage === 'os' ? powerOff(seat, hardware) : seat
        case 'reset':
          return blade?.power === 'on' ? { ...seat, blade: boot(blade) } : seat
      }
  }
}

export function slotOf({ blade, latch, locate }: Seat): Slot {
  if (!blade) return { presence: 'empty', permit: latch, locate }
  const { serial, product, power } = blade
  return { presence: 'present', serial, product, powerGood: power === 'on', permit: latch, locate }
}

/** Addresses in use right now, other than those that the hardware was born with: address → blades. */
export function live({ seats }: Rack): ReadonlyMap<string, readonly Serial[]> {
  const all = new Map<string, Serial[]>()
  for (const { blade } of Object.values(seats)) {
    if (!blade || blade.power === 'off') continue
    for (const address of worn(blade)) all.set(address, [...(all.get(address) ?? []), blade.serial])
  }
  return all
}

export function worn(blade: Blade): readonly string[] {
  const set = ({ mac, wwpn, wwnn, iqn }: FunctionValue) => [mac, wwpn, wwnn, iqn]
  return blade.adapters.flatMap((adapter) =>
    adapter.functions.flatMap(({ applied, factory }) => {
      const born = set(factory)
      return set(applied).filter(
        (address): address is NonNullable<typeof address> => address !== undefined && !born.includes(address),
      )
    }),
  )
}
