/** All chance of a life, drawn from its one seed. */
import { seeded } from '../controller/store/memory-medium.ts'

export interface Chance {
  /** Uniform in [0, below). */
  below(below: number): number
  pick<Item>(items: readonly Item[]): Item
  oneIn(many: number): boolean
}

export function chanceOf(seed: number): Chance {
  // Neighbouring seeds shall not begin alike.
  const below = seeded(seed * 2_654_435_761)
  return {
    below,
    pick: (items) => items[below(items.length)] as (typeof items)[number],
    oneIn: (many) => below(many) === 0,
  }
}
