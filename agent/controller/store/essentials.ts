/**
 * What of the state must outlive the controller: one key for each thing that a change usually touches, so that an
 * assignment rewrites two or three of them in the chassis EEPROM and not the whole (W10). Reading them back gives a state
 * that a replaced controller can go on from.
 */

import type { ChassisId } from '../../core/addresses.ts'
import { canonical } from '../../core/blade.ts'
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

type Head = Pick<
  State,
  'format' | 'chassis' | 'board' | 'incarnation' | 'term' | 'revision' | 'epoch' | 'lineages' | 'floor'
> &
  Partial<Pick<State, 'office'>>

/** What one bay keeps: who is assigned and what is wanted of it. Armings and one-shots end with the controller. */
type Kept = Pick<BayState, 'intent' | 'power' | 'override'>

export function essentials(state: State): ReadonlyMap<string, string> {
  const { format, chassis, board, incarnation, term, revision, epoch, lineages, floor, office } = state
  const head: Head = {
    format,
    chassis,
    board,
    incarnation,
    term,
    revision,
    epoch,
    lineages,
    floor,
    ...(office && { office }),
  }
  const map = new Map([['state', canonical(head)]])
  for (const [id, held] of Object.entries(state.profiles)) map.set(`profile:${id}`, canonical(held))
  for (const [id, pool] of Object.entries(state.pools)) map.set(`pool:${id}`, canonical(pool))
  for (const [id, secret] of Object.entries(state.secrets)) map.set(`secret:${id}`, canonical(secret))
  for (const [bay, { intent, power, override }] of Object.entries(state.bays)) {
    const kept: Kept = { ...(intent && { intent }), ...(power && { power }), ...(override && { override }) }
    if (Object.keys(kept).length > 0) map.set(`bay:${bay}`, canonical(kept))
  }
  for (const doubt of state.doubts) map.set(`doubt:${doubt.profile}:${doubt.serial}`, canonical(doubt))
  return map
}

/** Undefined: this is not a copy that this version can read; it is kept as it is, and nothing is built on it (I7). */
export function restore(map: ReadonlyMap<string, string>): State | undefined {
  try {
    const text = map.get('state')
    if (text === undefined) return undefined
    const head = JSON.parse(text) as Head
    if (head.format !== 1) return undefined
    const all = <Value>(prefix: string) =>
      Object.fromEntries(
        [...map]
          .filter(([key]) => key.startsWith(prefix))
          .map(([key, value]) => [key.slice(prefix.length), JSON.parse(value) as Value]),
      )
    const bays = Object.fromEntries(
      Object.entries(all<Kept>('bay:')).map(([bay, kept]) => [Number(bay), { ...emptyBay, ...kept }]),
    )
    return {
      ...blank(head.chassis as ChassisId, head.board, head.incarnation),
      ...head,
      profiles: all<Held>('profile:'),
      pools: all<Pool>('pool:'),
      secrets: all<SealedSecret>('secret:'),
      bays,
      doubts: Object.values(all<Doubt>('doubt:')),
    }
  } catch {
    return undefined
  }
}
