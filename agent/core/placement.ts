/**
 * The search behind `fit`: connections on the one side, functions that could carry them on the other, and the rules that
 * bind connections to each other. The first placement in board order is found, connections in the profile's order, so
 * that the same question always has the same answer; where any placement exists, one is found (or the search says that
 * it gave up, which no real profile brings it to).
 */

import { reservedMbps } from './bandwidth.ts'
import type { FunctionKey } from './blade.ts'
import type { AdapterModel } from './board.ts'
import type { Connection } from './profile.ts'

/** A function that a connection may be placed on. */
export interface Spot {
  readonly key: FunctionKey
  readonly slot: string
  readonly port: number
  readonly model: AdapterModel
  readonly roles: AdapterModel['functions'][number]['roles']
  readonly interconnect: string | undefined
  /** Addresses that it has from the factory, or `unknown`: nobody read it. */
  readonly burned: readonly string[] | 'unknown'
}

export interface Want {
  readonly connection: Connection
  readonly spots: readonly Spot[]
}

/** Rules that bind connections to each other; each can be left out to learn which one it was that refused. */
export interface Rules {
  readonly bandwidth: boolean
  readonly storagePerPort: boolean
  readonly perAdapter: boolean
}
export const everyRule: Rules = { bandwidth: true, storagePerPort: true, perAdapter: true }

export type Found =
  | { readonly kind: 'found'; readonly spots: readonly Spot[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'gave-up' }

/** Placements that may still be looked at: a profile must not hold up a chassis. Real ones need a few dozen. */
export interface Budget {
  tries: number
}
const mostTries = 4000
export const freshBudget = (): Budget => ({ tries: mostTries })

export const portOf = (spot: Spot) => `${spot.slot}:${spot.port}`
export const reserve = (spot: Spot, { bandwidth }: Connection) => reservedMbps(spot.model.partitioning, bandwidth)

/** What the connections placed so far have taken; a stack: `put` and `lift` in turn. */
class Seats {
  readonly taken = new Set<FunctionKey>()
  readonly #count = new Map<string, number>()
  readonly #rules: Rules

  constructor(rules: Rules) {
    this.#rules = rules
  }

  #of(what: string): number {
    return this.#count.get(what) ?? 0
  }

  allows(spot: Spot, { connection }: Want): boolean {
    const { partitioning, portMbps } = spot.model
    const port = portOf(spot)
    if (this.taken.has(spot.key)) return false
    if (this.#rules.bandwidth && this.#of(`mbps ${port}`) + reserve(spot, connection) > portMbps) return false
    if (this.#rules.perAdapter && 'perAdapter' in partitioning && this.#of(spot.slot) >= partitioning.perAdapter)
      return false
    // NPAR: at most one iSCSI and one FCoE a port.
    const storage = connection.kind === 'iscsi' || connection.kind === 'fcoe'
    return !(
      this.#rules.storagePerPort &&
      partitioning.rule === 'npar' &&
      storage &&
      this.#of(`${connection.kind} ${port}`) > 0
    )
  }

  put(spot: Spot, want: Want): void {
    this.taken.add(spot.key)
    this.#tally(spot, want, 1)
  }

  lift(spot: Spot, want: Want): void {
    this.taken.delete(spot.key)
    this.#tally(spot, want, -1)
  }

  #tally(spot: Spot, { connection }: Want, by: 1 | -1): void {
    const port = portOf(spot)
    const add = (what: string, n: number) => this.#count.set(what, this.#of(what) + n)
    add(spot.slot, by)
    add(`mbps ${port}`, by * reserve(spot, connection))
    add(`${connection.kind} ${port}`, by)
  }

  /** Equal text: the rest of the search would go the same way. */
  standing(): string {
    const counts = [...this.#count].filter(([, n]) => n !== 0).map(([what, n]) => `${what}=${n}`)
    return [...counts, ...this.taken].sort().join(' ')
  }
}

/** The first placement in board order that obeys the rules, connections in profile order. Finds one where one exists. */
export function search(wants: readonly Want[], rules: Rules, budget = freshBudget()): Found {
  const seats = new Seats(rules)
  const chosen: Spot[] = []
  const dead = new Set<string>()
  const place = (i: number): boolean | 'gave-up' => {
    const want = wants[i]
    if (want === undefined) return true
    if (--budget.tries < 0) return 'gave-up'
    const standing = seats.standing()
    if (dead.has(standing) || !restMatches(wants.slice(i), seats)) return false
    const seen = new Set<string>()
    for (const spot of want.spots) {
      // Functions of one port with the same roles are twins: if one leads nowhere, so does the other.
      const twin = `${portOf(spot)} ${[...spot.roles].sort().join()} ${spot.burned}`
      if (seen.has(twin) || !seats.allows(spot, want)) continue
      seen.add(twin)
      seats.put(spot, want)
      chosen[i] = spot
      const done = place(i + 1)
      if (done !== false) return done
      seats.lift(spot, want)
    }
    dead.add(standing)
    return false
  }
  const done = place(0)
  return done === true ? { kind: 'found', spots: chosen } : { kind: done === false ? 'none' : 'gave-up' }
}

/** Whether each remaining connection could still have a function of its own (augmenting paths); prunes dead ends early. */
function restMatches(rest: readonly Want[], seats: Seats): boolean {
  const holder = new Map<FunctionKey, Want>()
  const seat = (want: Want, tried: Set<FunctionKey>): boolean => {
    for (const spot of want.spots) {
      if (tried.has(spot.key) || !seats.allows(spot, want)) continue
      tried.add(spot.key)
      const other = holder.get(spot.key)
      if (other === undefined || seat(other, tried)) {
        holder.set(spot.key, want)
        return true
      }
    }
    return false
  }
  return rest.every((want) => seat(want, new Set()))
}
