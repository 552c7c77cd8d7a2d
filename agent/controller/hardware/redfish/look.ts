/**
 * One look at a blade through its BMC: adapters and functions first, then power. Where the service offers
 * `$expand` all adapters come in one answer; where it does not, they are walked link by link, and what
 * is read is the same.
 */
import type { AdapterReading, Blade, FunctionReading } from '../../../core/blade.ts'
import { readAdapter, readFunction, readPending } from '../../../redfish/adapter.ts'
import { functionValue } from '../../../redfish/function.ts'
import type { Field } from '../../../redfish/json.ts'
import { readSystem } from '../../../redfish/system.ts'
import { Fault } from '../driver.ts'
import { membersOf, resolve, type Session } from './session.ts'

/** Adapters, their functions, and each function's settings. */
const levelsOfAdapters = 4

/** W1: adapters and functions first, then power; power read before adapters could miss a button press in between. */
export async function look(session: Session): Promise<Blade> {
  const adapters = await readAdapters(session)
  const system = readSystem(await session.get((await session.places()).system))
  const bySlot = new Map(adapters.map((adapter) => [adapter.slot, adapter.serial]))
  const keys = adapters.flatMap((adapter) => adapter.functions.map((fn) => fn.key))
  if (
    bySlot.size !== adapters.length ||
    new Set(bySlot.values()).size !== adapters.length ||
    new Set(keys).size !== keys.length
  ) {
    throw new Fault('bmc-nonsense', 'the BMC shows one adapter or function twice')
  }
  session.seen = { serial: system.serial, adapters: bySlot }
  return { ...system, adapters }
}

async function readAdapters(session: Session): Promise<readonly AdapterReading[]> {
  const readings: AdapterReading[] = []
  for (const { adapter, functions } of await adapterTree(session, () => true)) {
    const read: FunctionReading[] = []
    for (const fn of functions) read.push(await readReading(session, fn, adapter.slot))
    readings.push({ ...adapter, functions: read })
  }
  return readings
}

export interface AdapterThere {
  readonly adapter: ReturnType<typeof readAdapter>
  readonly functions: readonly Field[]
}

export async function adapterTree(
  session: Session,
  wanted: (slot: string) => boolean,
): Promise<readonly AdapterThere[]> {
  const collection = await session.get(
    (await session.places()).adapters,
    Math.min(session.expandLevels, levelsOfAdapters),
  )
  const found: AdapterThere[] = []
  for (const member of await membersOf(session, collection)) {
    const body = await resolve(session, member)
    const adapter = readAdapter(body)
    if (!wanted(adapter.slot)) continue
    const functions: Field[] = []
    for (const ref of await membersOf(session, await resolve(session, body.at('NetworkDeviceFunctions')))) {
      functions.push(await resolve(session, ref))
    }
    found.push({ adapter, functions })
  }
  return found
}

async function readReading(session: Session, body: Field, slot: string): Promise<FunctionReading> {
  const shown = readFunction(body, slot)
  const { key, factory, applied } = shown
  if (!shown.pending) return { key, factory, applied }
  const settings = await resolve(session, settingsRef(body))
  if (!readPending(settings)) {
    // A POST came in between and consumed it: what was read of this function is of two times.
    throw new Fault('bmc-nonsense', `${key} changed while it was read`)
  }
  return { key, factory, pending: functionValue(settings), applied }
}

export const settingsRef = (body: Field): Field => body.at('@Redfish.Settings').at('SettingsObject')
