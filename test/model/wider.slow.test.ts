/**
 * The searches of exhaustive.test.ts and pair.test.ts with more that may happen: each to its end too.
 */
import { test } from 'vitest'
import { type PairSearch, pairHolds } from './pair-search.ts'
import { assignQ, backP, besideQ, director, holdsIn, latched, moveP, on, type World } from './worlds.ts'

const bays: readonly (readonly [string, World, number])[] = [
  [
    'a move with all that can happen to it: button, late writes, restart, swap, loss of AC',
    { kind: latched, budget: { commands: [moveP], button: 1, late: 1, restart: 1, dark: 1, pull: 1 }, first: [] },
    45_000,
  ],
  [
    'one profile is dressed, another one is started beside it, and all of that can happen to both',
    {
      kind: latched,
      budget: { commands: [besideQ], button: 1, late: 1, restart: 1, dark: 1, pull: 1 },
      first: [],
    },
    67_000,
  ],
  [
    'another profile takes the bay that one leaves: button, late writes, restart, loss of AC',
    {
      kind: latched,
      budget: { commands: [moveP, assignQ], button: 1, late: 1, restart: 1, dark: 1 },
      first: [],
    },
    135_000,
  ],
  [
    'there and back again, with shut-downs by its own system and loss of AC',
    { kind: latched, budget: { commands: [moveP, backP], osOff: 2, ac: 1, restart: 1 } },
    38_000,
  ],
  [
    'a move while blades are pulled and swapped',
    { kind: latched, budget: { commands: [moveP, on(1)], pull: 2 }, first: [] },
    13_000,
  ],
  [
    'a director: a move while blades are pulled and swapped',
    { kind: director, budget: { commands: [moveP, on(1)], pull: 2, button: 1 }, first: [] },
    69_500,
  ],
]
for (const [name, world, floor] of bays) {
  test(`no order of events doubles an address or starts a wrong server: ${name}`, () => {
    holdsIn(name, world, floor)
  }, 3_600_000)
}

const pairs: readonly (readonly [string, PairSearch, number])[] = [
  ['two crashes, and a link that breaks', { budget: { binds: 1, crashes: 2, cuts: 1 } }, 148_000],
  ['two records, a crash, and a link that breaks', { budget: { binds: 2, crashes: 1, cuts: 1 } }, 114_000],
  ['two records, a crash, and the line taken by force', { budget: { binds: 2, crashes: 1, forces: 1 } }, 294_000],
  ['a blank controller, and a crash', { budget: { binds: 1, blanks: 1, crashes: 1 } }, 111_000],
  ['one that was pulled comes back', { budget: { binds: 1, blanks: 1, swaps: 1 } }, 80_000],
]
for (const [name, world, floor] of pairs) {
  test(`nothing acknowledged is lost, and somebody can always lead: ${name}`, () => {
    pairHolds(name, world, floor)
  }, 3_600_000)
}
