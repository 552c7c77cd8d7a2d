/**
 * Two controllers of one chassis, with the pair's own rules, through everything that can happen between two of their
 * durable steps: no record that was acknowledged is missing where somebody leads, no term has two owners, no epoch is
 * given twice, and somebody can always come to lead. Each rule that is taken away has to be missed.
 */
import { expect, test } from 'vitest'
import { mayAnswer } from '../../agent/controller/pair/rules.ts'
import { type PairSearch, pairHolds, searchPair } from './pair-search.ts'

// ── As built ────────────────────────────────────────────────────────────────────────────────────────────────────

// States to be seen at least: four fifths of what there were.
const worlds: readonly (readonly [string, PairSearch, number])[] = [
  ['a crash, and a link that breaks', { budget: { binds: 1, crashes: 1, cuts: 1 } }, 20_900],
  ['a crash, and the line taken by force or given', { budget: { binds: 1, crashes: 1, forces: 1 } }, 52_400],
  ['a blank controller', { budget: { binds: 1, blanks: 1 } }, 5_000],
  ['loss of AC', { budget: { binds: 1, acLosses: 1, crashes: 1 } }, 39_300],
  ['an EEPROM that stops taking writes', { budget: { binds: 2, wears: 2, yields: 1 } }, 10_900],
  ['flash that forgets its past', { budget: { binds: 2, forces: 1 }, forgets: true }, 16_700],
  ['room for one controller', { single: true, budget: { binds: 2, crashes: 1, blanks: 1, swaps: 1 } }, 3_000],
]
for (const [name, world, floor] of worlds) {
  test(`nothing acknowledged is lost, and somebody can always lead: ${name}`, () => {
    pairHolds(name, world, floor)
  }, 120_000)
}

// ── Broken on purpose ───────────────────────────────────────────────────────────────────────────────────────────

const broken: readonly (readonly [string, PairSearch, RegExp, number, RegExp])[] = [
  [
    'a member known by its slot: whatever is put there would lead',
    { budget: { binds: 1, blanks: 1 }, change: { names: 'slot' } },
    /^W11: the EEPROM names [AB], which lacks record 1/,
    8,
    /^a blank controller takes the place of [AB]/,
  ],
  [
    'a promise in memory only: who had taken over does not know it after a restart',
    { budget: { binds: 1, crashes: 1 }, change: { promise: 'in memory' } },
    /^after a restart of both, W11: .* has to adopt/,
    8,
    /names itself alone in the EEPROM, in term 2/,
  ],
  [
    'answers without a member that the EEPROM still names',
    {
      budget: { binds: 1, cuts: 1 },
      change: { mayAnswer: (others, follower, at) => (follower?.counts ? mayAnswer(others, follower, at) : 'alone') },
    },
    /^W11: the EEPROM names [AB], /,
    16,
    /writes the EEPROM: copy/,
  ],
  [
    'a standby named before it has everything',
    { budget: { binds: 1 }, change: { joins: 'at once' } },
    /the EEPROM names/,
    10,
    /^[AB] writes the EEPROM: join/,
  ],
  [
    'the EEPROM copied before the members',
    { budget: { binds: 2 }, change: { copies: 'durable' } },
    /^W11: the EEPROM names [AB], and its copy is ahead of that flash/,
    16,
    /writes the EEPROM/,
  ],
  [
    'an answer before the EEPROM, with nobody else there',
    { budget: { binds: 1, blanks: 1 }, change: { answers: 'before the EEPROM' } },
    /^I2: any blank controller may go on from the EEPROM, which lacks record 1/,
    9,
    /stores record 1 on its flash/,
  ],
  [
    'an answer before the EEPROM, in a chassis with room for one controller',
    { single: true, budget: { binds: 1, blanks: 1 }, change: { answers: 'before the EEPROM' } },
    /^I2: any blank controller may go on from the EEPROM, which lacks record 1/,
    8,
    /stores record 1 on its flash/,
  ],
  [
    'a controller that leads from its own flash though the EEPROM does not name it',
    { budget: { binds: 1, blanks: 1, swaps: 1 }, change: { stranger: 'leads from its flash' } },
    /(I2|W15|W11): /,
    12,
    /^[AB] copies its flash to the EEPROM/,
  ],
  [
    'an epoch that is not raised by adoption: an old manager would still be in office',
    { budget: { binds: 1, blanks: 1 }, change: { epoch: 'kept' } },
    /W15: [AB] leads in epoch 0, which was given before/,
    8,
    /^[AB] copies its flash to the EEPROM/,
  ],
  [
    'a controller that may not go on itself, and feeds the other one',
    { budget: { binds: 1, blanks: 1, crashes: 1 }, change: { held: 'feeds' } },
    /nobody leads ever again/,
    16,
    /^[AB] writes the EEPROM: leave/,
  ],
  [
    'an answer while the name of the other one is being written, and the other one is gone',
    { budget: { binds: 1, cuts: 1 }, change: { joining: 'not waited for' } },
    /^W11: the EEPROM names [AB], /,
    16,
    /writes the EEPROM/,
  ],
  [
    'what no member has, in the EEPROM before the members are off its list',
    { budget: { binds: 2, cuts: 1 }, change: { secures: 'before them' } },
    /^W11: the EEPROM names [AB], and its copy is ahead of that flash/,
    16,
    /writes the EEPROM: copy/,
  ],
  [
    'a single copy acknowledged by an owner that lost the line',
    { budget: { binds: 1, forces: 1 }, change: { fenced: 'single copy' } },
    /^W11: [AB] acknowledged record 1 in term 1, and the EEPROM is in 2/,
    12,
    /writes the EEPROM: copy/,
  ],
]
for (const [name, world, says, steps, ends] of broken) {
  test(`it is caught: ${name}`, () => {
    const { broken } = searchPair(`pair, broken: ${name}`, world)
    expect(broken?.say).toMatch(says)
    expect(broken?.story.length).toBeGreaterThanOrEqual(steps)
    expect(broken?.story.at(-1)).toMatch(ends)
  }, 120_000)
}
