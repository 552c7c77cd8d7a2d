/** The long search: another day, more chances at each step, and every different image made to go on. */
import { expect, it } from 'vitest'
import { Judge } from './judge.ts'
import { film, newDay } from './run.ts'
import { Calendar } from './workload.ts'

it.each([11])(
  'day %i: no power cut loses anything, nor does a second one',
  async (seed) => {
    const day = await newDay(seed, 1000)
    const judge = new Judge(new Calendar(day.states))
    const wrong: string[] = []
    let again = 0
    await film(day, {
      chances: 6,
      look: async (image) => {
        const images = image.number % 211 === 0 ? await judge.again(image) : []
        again += images.length
        for (const each of [image, ...images]) {
          const verdict = await judge.verdict(each)
          if (verdict !== undefined) wrong.push(verdict)
        }
        return wrong.length < 20
      },
    })
    const first = judge.images - again
    console.log(`day ${seed}: ${first} images, ${again} cut again in recovery (${judge.distinct} distinct)`)
    expect(wrong).toEqual([])
    expect(first).toBeGreaterThanOrEqual(60_000)
    expect(again).toBeGreaterThanOrEqual(40_000)
  },
  900_000,
)
