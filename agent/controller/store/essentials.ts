/**
 * What of the state must outlive the controller: one key for each thing that a change usually touches, so that an
 * assignment rewrites two or three short ones in the chassis EEPROM and not the whole (W10). Reading them back gives a
 * state that a replaced controller can go on from.
 */
import type { ChassisId, ProfileId, Serial } from '../../core/addresses.ts'
import { canonical } from '../../core/blade.ts'
import type { LeftPolicy, Rescue } from '../../core/policy.ts'
import type { Pool } from '../../core/pool.ts'
import {
  type BayState,
  blank,
  type Doubt,
  emptyBay,
  type Held,
  type SealedSecret,
  type State,
} from '../../core/state.ts'
import { isCount } from './copies.ts'

/** Written once in the life of a chassis. */
type Life = Pick<State, 'format' | 'chassis' | 'board' | 'incarnation'>
/** Written when somebody takes over, and when a tombstone raises the floor. */
type Authority = Pick<State, 'term' | 'epoch' | 'lineages' | 'floor'> & Partial<Pick<State, 'office'>>
/**
 * What one bay keeps: who is assigned, what is wanted of it, and why it may not start. Armings and one-shots end with the
 * controller.
 */
type KeptBay = Pick<BayState, 'intent' | 'power' | 'stopping' | 'unexplained' | 'fault' | 'override'>
/** Profile and serial stand in the key; what is false is left out. */
type KeptDoubt = Pick<Doubt, 'token' | 'bay' | 'placed'> & Partial<Pick<Doubt, 'keeps' | 'kept' | 'vouched'>>

export function essentials(state: State): ReadonlyMap<string, string> {
  const { format, chassis, board, incarnation, term, revision, epoch, lineages, floor, office } = state
  const life: Life = { format, chassis, board, incarnation }
  const authority: Authority = { term, epoch, lineages, floor, ...(office && { office }) }
  const map = new Map([
    ['life', canonical(life)],
    ['authority', canonical(authority)],
    ['revision', canonical(revision)],
  ])
  for (const [id, held] of Object.entries(state.profiles)) map.set(`profile:${id}`, canonical(held))
  for (const [id, pool] of Object.entries(state.pools)) map.set(`pool:${id}`, canonical(pool))
  for (const [id, secret] of Object.entries(state.secrets)) map.set(`secret:${id}`, canonical(secret))
  for (const [id, left] of Object.entries(state.policies ?? {})) map.set(`policy:${id}`, canonical(left))
  for (const [profile, rescue] of Object.entries(state.rescues ?? {})) map.set(`rescue:${profile}`, canonical(rescue))
  for (const [bay, { intent, power, stopping, unexplained, fault, override }] of Object.entries(state.bays)) {
    const kept: KeptBay = {
      ...(intent && { intent }),
      ...(power && { power }),
      ...(stopping && { stopping }),
      ...(unexplained && { unexplained }),
      ...(fault && { fault }),
      ...(override && { override }),
    }
    if (Object.keys(kept).length > 0) map.set(`bay:${bay}`, canonical(kept))
  }
  for (const { profile, serial, token, bay, placed, keeps, kept, vouched } of state.doubts) {
    const short: KeptDoubt = {
      token,
      bay,
      placed,
      ...(keeps && { keeps }),
      ...(kept && { kept }),
      ...(vouched && { vouched }),
    }
    map.set(`doubt:${profile}:${serial}`, canonical(short))
  }
  return map
}

/**
 * Undefined: this is not a copy that this version can read. It is kept as it is, and nothing is built on it (I7): what
 * a newer version stored and this one would leave out is lost with the first record that is written.
 */
export function restore(map: ReadonlyMap<string, string>): State | undefined {
  try {
    const one = <Value>(key: string) => JSON.parse(map.get(key) ?? '') as Value
    const all = <Value>(kind: string) =>
      [...map]
        .filter(([key]) => key.startsWith(`${kind}:`))
        .map(([key, text]) => [key.slice(kind.length + 1), JSON.parse(text) as Value] as const)
    const { format, chassis, board, incarnation } = one<Life>('life')
    if (format !== 1) return undefined
    const authority = one<Authority>('authority')
    const revision = one<number>('revision')
    const { term, epoch, floor } = authority
    if (![revision, term, epoch, floor].every(isCount)) return undefined
    const policies = all<LeftPolicy>('policy')
    const rescues = all<Rescue>('rescue')
    const state: State = {
      ...blank(chassis as ChassisId, board, incarnation),
      ...authority,
      revision,
      profiles: Object.fromEntries(all<Held>('profile')),
      pools: Object.fromEntries(all<Pool>('pool')),
      secrets: Object.fromEntries(all<SealedSecret>('secret')),
      ...(policies.length > 0 && { policies: Object.fromEntries(policies) }),
      ...(rescues.length > 0 && { rescues: Object.fromEntries(rescues) }),
      bays: Object.fromEntries(all<KeptBay>('bay').map(([bay, kept]) => [Number(bay), { ...emptyBay, ...kept }])),
      doubts: all<KeptDoubt>('doubt').map(([key, kept]) => {
        const colon = key.indexOf(':')
        const profile = key.slice(0, colon) as ProfileId
        return { profile, serial: key.slice(colon + 1) as Serial, keeps: false, kept: false, vouched: false, ...kept }
      }),
    }
    return isWhole(state, map) ? state : undefined
  } catch {
    return undefined
  }
}

/** Nothing of the copy was passed over, and nothing was made up: written again it is the same. */
function isWhole(state: State, map: ReadonlyMap<string, string>): boolean {
  const again = essentials(state)
  const ours = [...map].filter(([key]) => key !== 'head' && !key.startsWith('chassis-'))
  return ours.length === again.size && ours.every(([key, text]) => again.get(key) === text)
}
