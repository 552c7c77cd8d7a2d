/**
 * The power fails, and fails again while the next start is putting things right: at every step of that start. The start
 * after that is judged like any other.
 */
import { expect, it } from 'vitest'
import { Judge } from './judge.ts'
import { film, newDay } from './run.ts'
import { Calendar } from './workload.ts'

/** One image in so many is started and cut again; a prime, so that all kinds of steps and outcomes come in. */
const every = 401

it('a power cut at any step of a start that puts right what a power cut left loses nothing either', async () => {
  const day = await newDay(3, 1000)
  const judge = new Judge(new Calendar(day.states), { goOnEvery: 16 })
  const wrong: string[] = []
  let starts = 0
  await film(day, {
    look: async (image) => {
      if (image.number % every !== 0) return true
      starts++
      for (const again of await judge.again(image)) {
        const verdict = await judge.verdict(again)
        if (verdict !== undefined) wrong.push(verdict)
      }
      return wrong.length < 20
    },
  })
  const { images, distinct } = judge
  console.log(`${starts} starts: ${images} images cut again in recovery (${distinct} distinct)`)
  expect(wrong).toEqual([])
  expect(starts).toBeGreaterThanOrEqual(80)
  expect(images).toBeGreaterThanOrEqual(15_000)
  expect(distinct).toBeGreaterThanOrEqual(3_000)
}, 600_000)
