/** Every bit of flash and EEPROM of a chassis in the middle of its day, turned over one at a time. */
import { expect, it } from 'vitest'
import { flipBesideEeprom, flipEeprom, flipForNewController } from './flips.ts'
import { newDay, settledAfter } from './run.ts'

const busy = async () => settledAfter(await newDay(4, 50), 50)

it.each([
  ['flash', flipBesideEeprom, 150_000],
  ['EEPROM', flipEeprom, 40_000],
  ['EEPROM, for a new controller', flipForNewController, 40_000],
] as const)(
  'every flipped bit of the %s is read as it was written, or said',
  async (what, flip, floor) => {
    const flips = await flip(await busy())
    console.log(`${what}:`, flips)
    expect(flips.silent).toBeUndefined()
    expect(flips.exact + flips.reported).toBe(flips.total)
    expect(flips.total).toBeGreaterThanOrEqual(floor)
  },
  900_000,
)
