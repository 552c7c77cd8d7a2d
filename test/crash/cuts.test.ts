/**
 * The power fails at every step of a day of a thousand deeds: at each operation of flash, with everything that a cut can
 * make of what was not synced, and in each page of the EEPROM. Whatever is left, the next start finds all that was
 * acknowledged and nothing that was not asked for, and goes on (I2, I7).
 */
import { expect, it } from 'vitest'
import { Judge } from './judge.ts'
import { film, newDay } from './run.ts'
import { Calendar } from './workload.ts'

it('a power cut at any step of a thousand deeds loses nothing acknowledged and makes nothing up', async () => {
  const day = await newDay(1, 1000)
  const judge = new Judge(new Calendar(day.states), { goOnEvery: 10 })
  const wrong: string[] = []
  await film(day, {
    look: async (image) => {
      const verdict = await judge.verdict(image)
      if (verdict !== undefined) wrong.push(verdict)
      return wrong.length < 20
    },
  })
  const { images, distinct, wentOn } = judge
  console.log(`${day.deeds.length} deeds: ${images} images (${distinct} distinct, ${wentOn} of them made to go on)`)
  expect(wrong).toEqual([])
  expect(day.deeds.length).toBe(1000)
  expect(images).toBeGreaterThanOrEqual(40_000)
  expect(distinct).toBeGreaterThanOrEqual(20_000)
  expect(wentOn).toBeGreaterThanOrEqual(2_000)
}, 600_000)
