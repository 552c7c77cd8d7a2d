/**
 * Addresses of our pools that were found on hardware and that no profile explains: the pool must not give them to
 * anybody (I1). A blade's factory addresses count too, where somebody made a pool over them.
 */
import type { PoolId } from './addresses.ts'
import { type Blade, functionsOf } from './blade.ts'
import { has, stateOf } from './pool.ts'
import type { Observation } from './record.ts'
import type { State } from './state.ts'

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
