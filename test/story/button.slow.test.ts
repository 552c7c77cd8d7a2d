// The front button at each single moment of a move: one press in each move, on either blade or both, short and long.

import { expect, test } from 'vitest'
import { hand } from './finger.ts'

const the = hand()

const fingers = [
  ['the blade that is left', ['from'], false],
  ['the blade that comes', ['to'], false],
  ['both blades', ['from', 'to'], false],
  ['both blades, held for four seconds,', ['from', 'to'], true],
] as const

test.each(fingers)('a press on %s at each moment of a move never ends in a wrong boot', async (_, blades, hold) => {
  const { move, press } = the()
  let [boots, moment, last] = [0, 1, 1]
  for (; moment <= last; moment++) {
    const moved = await move((from, to) => async (_, count, when) => {
      if (when !== 'asked' || count !== moment) return
      for (const blade of blades) await press({ from, to }[blade], hold)
    })
    // As long as moves have such a moment.
    if (moved.requests >= moment) last = Math.max(last, Math.min(moved.requests, 60))
    boots += moved.boots.length
  }
  console.log(`${moment - 1} moves, ${boots} boots`)
  expect(moment).toBeGreaterThan(30)
  expect(boots).toBeGreaterThanOrEqual(moment - 1)
})
