/**
 * Where blades and adapters come from: serials, UUIDs and burned-in addresses, all made up from the world's
 * seed and a running count: the same seed gives the same chassis, and no two functions ever share an address.
 */
import { createHash } from 'node:crypto'
import {
  type Mac,
  parseIqn,
  parseMac,
  parseSerial,
  parseUuid,
  parseWwn,
  type Serial,
  type Uuid,
  type Wwn,
} from '../core/addresses.ts'
import type { FunctionValue, Latch, Role } from '../core/blade.ts'
import { type AdapterModel, type ChassisBoard, functionKey } from '../core/board.ts'
import {
  type AdapterState,
  adapterModel,
  bladeModel,
  type FunctionState,
  type SimBlade,
  type World,
} from './chassis.ts'

/** Hex digits that look random and follow from the words. */
export function digest(...words: readonly (string | number)[]): string {
  return createHash('sha256').update(words.join('\n')).digest('hex')
}

/** A value that this file made must parse: what does not is a mistake in a board file, told by its name. */
function made<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`${what} can not be made from this board`)
  return value
}

export function makeSerial(seed: string, ...words: readonly (string | number)[]): Serial {
  return made(
    parseSerial(
      `MP${digest(seed, 'serial', ...words)
        .slice(0, 8)
        .toUpperCase()}`,
    ),
    'a serial',
  )
}

function makeUuid(seed: string, count: number): Uuid {
  const hex = digest(seed, 'uuid', count)
  const parts = [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)]
  return made(parseUuid(parts.join('-')), 'a UUID')
}

/** The last three octets: a range of the seed's own, counted up. */
function tail(seed: string, prefix: string, count: number): string {
  const base = Number.parseInt(digest(seed, 'addresses', prefix).slice(0, 6), 16)
  const number = (base + count) % 0x1000000
  return (number.toString(16).padStart(6, '0').match(/../g) ?? []).join(':')
}

function makeMac(seed: string, { factory: { oui }, id }: AdapterModel, count: number): Mac {
  return made(parseMac(`${oui}:${tail(seed, oui, count)}`), `a MAC of adapter ${id}`)
}

function makeWwn(seed: string, { factory: { wwn }, id }: AdapterModel, count: number): Wwn {
  return made(parseWwn(`${wwn}:${tail(seed, wwn, count)}`), `a WWN of adapter ${id}`)
}

function factoryValue(role: Role, { mac, wwpn, wwnn, iqn }: FunctionState['burnedIn']): FunctionValue {
  switch (role) {
    case 'nic':
      return { role, mac }
    case 'iscsi':
      return { role, mac, iqn }
    case 'fcoe':
      return { role, mac, wwpn, wwnn }
    case 'fc':
      return { role, wwpn, wwnn }
    case 'off':
      return { role }
  }
}

/** One adapter, fresh from the factory, and the count of what was made so far. */
export function makeAdapter(
  world: World,
  slot: string,
  modelId: string,
): { readonly adapter: AdapterState; readonly made: World['made'] } {
  const model = adapterModel(world.hardware, modelId)
  const serial = makeSerial(world.seed, 'adapter', world.made.parts)
  let { addresses } = world.made
  const functions: FunctionState[] = []
  for (let port = 1; port <= model.ports; port++) {
    for (const { id, roles } of model.functions) {
      const key = functionKey(slot, port, id)
      const name = `iqn.2000-01.com.example:${serial.toLowerCase()}-${key.replace(':', '-')}`
      const burnedIn = {
        mac: makeMac(world.seed, model, addresses++),
        wwpn: makeWwn(world.seed, model, addresses++),
        wwnn: makeWwn(world.seed, model, addresses++),
        iqn: made(parseIqn(name), `an IQN of adapter ${modelId}`),
      }
      const factory = factoryValue(roles[0] ?? 'off', burnedIn)
      functions.push({ key, factory, burnedIn, pending: undefined, applied: { value: factory, secrets: {} } })
    }
  }
  return { adapter: { slot, model: modelId, serial, functions }, made: { parts: world.made.parts + 1, addresses } }
}

/**
 * A blade as it is unpacked. Its BMC's policy is what BMCs are shipped with: it may switch the blade on by itself,
 * until somebody sets it otherwise (W4).
 */
export function makeBlade(
  world: World,
  product: string,
  localDisk: boolean,
): { readonly blade: SimBlade; readonly made: World['made'] } | undefined {
  const model = bladeModel(world.hardware, product)
  if (model === undefined) return undefined
  const serial = makeSerial(world.seed, 'blade', world.made.parts)
  const uuid = makeUuid(world.seed, world.made.parts)
  let count = { ...world.made, parts: world.made.parts + 1 }
  const adapters: AdapterState[] = []
  for (const [slot, modelId] of Object.entries(model.adapters)) {
    const next = makeAdapter({ ...world, made: count }, slot, modelId)
    adapters.push(next.adapter)
    count = next.made
  }
  const blade: SimBlade = {
    kept: {
      product,
      serial,
      uuid,
      localDisk,
      adapters,
      boot: { mode: 'uefi', order: [] },
      policy: { restore: 'last-state', button: 'enabled', wake: 'enabled' },
      shown: {},
      credentials: world.credentials,
      wasOn: false,
    },
    run: { stage: 'off', since: world.now, cycleAt: undefined },
    boots: 0,
    switchedAt: world.now,
    bmc: { upAt: undefined, restores: false, sessions: [], tasks: [], opened: 0 },
    faults: [],
  }
  return { blade, made: count }
}

/** How a latch stands after everything that resets it (W3). */
export function freshLatch(board: ChassisBoard): Latch {
  return board.backplane.permitLatch ? { state: 'denied', n: 0 } : 'none'
}
