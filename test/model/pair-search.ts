/**
 * Searches of the pair, from a chassis out of the box: what may happen, which rules are taken away, and the line that
 * tells what was explored.
 */
import { expect } from 'vitest'
import { type Explored, explore, print } from './explore.ts'
import { pairMachine } from './pair-machine.ts'
import { type PairBudget, type PairRules, pairWorld, rules } from './pair-world.ts'

export interface PairSearch {
  readonly budget: Partial<PairBudget>
  readonly change?: Partial<PairRules>
  /** A chassis with room for one controller. */
  readonly single?: boolean
  readonly forgets?: boolean
}

/** More states than that: it is not explored to its end, and the line says so. */
const most = 2_000_000

export function searchPair(name: string, { budget, change, single = false, forgets = false }: PairSearch): Explored {
  const lab = { rules: { ...rules, ...change }, single, forgets }
  const found = explore(pairMachine(pairWorld(budget), lab), most)
  const bounds = Object.entries(budget).map(([what, often]) => `${what} ${often}`)
  print(name, found, bounds.join(', '))
  return found
}

/** To its end, and no fewer states than `floor`: four fifths of what there were. */
export function pairHolds(name: string, world: PairSearch, floor: number): void {
  const found = searchPair(`pair, ${name}`, world)
  expect(found.broken).toBeUndefined()
  expect(found.whole).toBe(true)
  expect(found.states).toBeGreaterThan(floor)
}
