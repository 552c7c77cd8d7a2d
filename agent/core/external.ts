/**
 * Addresses of our pools that were found on hardware and that no profile explains: the pool must not give them to
 * anybody (I1). A blade's factory addresses count too, where somebody made a pool over them.
 */
import type { PoolId } from './addresses.ts'
import { type Bay, type Blade, type FunctionKey, type FunctionReading, functionsOf } from './blade.ts'
import type { Hardware } from './board.ts'
import { keeps } from './dress.ts'
import { has, stateOf } from './pool.ts'
import type { Observation } from './record.ts'
import type { Doubt, State } from './state.ts'

export function unexplained(state: State, blade: Blade): Extract<Observation, { saw: 'external' }> | undefined {
  const pools = Object.values(state.pools)
  if (pools.length === 0) return undefined
  const given = new Set(
    Object.values(state.profiles).flatMap(({ given }) => Object.values(given).flatMap((set) => Object.values(set))),
  )
  // What is applied counts with the operating system up; before that, only if the POST under way would still use it.
  const seen = functionsOf(blade).flatMap(({ factory, applied, pending }) =>
    (blade.stage !== 'os' ? [factory, pending ?? applied] : [factory, applied, pending]).flatMap((value) =>
      value ? [value.mac, value.wwpn, value.wwnn, value.iqn] : [],
    ),
  )
  for (const pool of pools) {
    const addresses = [...new Set(seen)].filter(
      (address): address is NonNullable<typeof address> =>
        address !== undefined && !given.has(address) && has(pool, address) && stateOf(pool, address, given) === 'free',
    )
    if (addresses.length > 0) return { saw: 'external', pool: pool.spec.id as PoolId, addresses }
  }
  return undefined
}

/**
 * A profile of this chassis that is worn by a blade of which no record says so: whoever dressed it knew more than we do,
 * such as a controller whose last records did not reach the copy that this one adopted (W15). From now on it is in doubt.
 */
export function unrecordedWear(state: State, bay: Bay, blade: Blade, hardware: Hardware): Doubt | undefined {
  const own = state.bays[bay]?.intent?.profile
  const worn = wornBy(blade)
  if (worn.size === 0) return undefined
  for (const { profile, given, token } of Object.values(state.profiles)) {
    const recorded = state.doubts.some((doubt) => doubt.profile === profile.id && doubt.serial === blade.serial)
    if (recorded || profile.id === own) continue
    const placed: { [connection: string]: FunctionKey } = {}
    for (const [connection, set] of Object.entries(given)) {
      const names: readonly string[] = Object.values(set)
      const key = names.map((name) => worn.get(name)).find((found) => found !== undefined)
      if (key !== undefined) placed[connection] = key
    }
    const connections = profile.connections.filter(({ id }) => placed[id] !== undefined)
    if (connections.length === 0) continue
    const doubt = { profile: profile.id, token, bay, serial: blade.serial, placed, kept: false, vouched: false }
    return { ...doubt, keeps: keeps({ connections }, placed, blade, hardware) }
  }
  return undefined
}

const worn = new WeakMap<Blade, ReadonlyMap<string, FunctionKey>>()

/** Address → the function that uses it. Asked for each plan of a look, which is data that never changes. */
function wornBy(blade: Blade): ReadonlyMap<string, FunctionKey> {
  const known = worn.get(blade)
  if (known) return known
  const found = new Map<string, FunctionKey>()
  for (const reading of functionsOf(blade))
    for (const address of inUse(blade, reading)) if (!found.has(address)) found.set(address, reading.key)
  worn.set(blade, found)
  return found
}

/** What is applied counts with the operating system up; before that, only if the next POST would still use it. */
function inUse({ stage }: Blade, { applied, pending }: FunctionReading): readonly string[] {
  const values = stage === 'os' ? [applied, ...(pending ? [pending] : [])] : [pending ?? applied]
  return values.flatMap(({ mac, wwpn, wwnn, iqn }) => [mac, wwpn, wwnn, iqn].filter((address) => address !== undefined))
}
