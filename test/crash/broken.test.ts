/** The search itself, put to the test: stores that lack one thing are caught by it, every one, and the sound one is not. */
import { describe, expect, it } from 'vitest'
import { type Broken, brokenStores, failing } from './broken.ts'
import { Judge } from './judge.ts'
import { film, newDay } from './run.ts'
import { Calendar } from './workload.ts'

const deeds = 150

/** The first image that gives it away, and how many were looked at. */
async function search({ through, open, fail }: Broken, { every = 1 } = {}) {
  const day = await newDay(2, deeds)
  const judge = new Judge(new Calendar(day.states), { goOnEvery: 4, ...(through && { through }) })
  let caught: string | undefined
  await film(day, {
    ...(through && { through }),
    ...(open && { open }),
    ...(fail && { fail: fail() }),
    look: async (image) => {
      if (image.number % every !== 0) return true
      caught = await judge.verdict(image)
      return caught === undefined
    },
  })
  return { caught, images: judge.images }
}

describe('the search by power cuts', () => {
  it.each(brokenStores)(
    'catches a store that $name',
    async (broken) => {
      const { caught, images } = await search(broken)
      console.log(`${broken.name}: ${caught ?? `not caught in ${images} images`}`)
      expect(caught).toMatch(/^image \d+ /)
    },
    120_000,
  )

  it('finds nothing wrong with the real store', async () => {
    const { caught, images } = await search({ name: 'is sound' }, { every: 3 })
    console.log(`the real store: ${images} images`)
    expect(caught).toBeUndefined()
    expect(images).toBeGreaterThanOrEqual(1_500)
  }, 600_000)

  it('finds nothing lost or made up in the real store while syncs fail now and then', async () => {
    const { caught, images } = await search(failing, { every: 3 })
    console.log(`the real store under faults: ${images} images`)
    expect(caught).toBeUndefined()
    expect(images).toBeGreaterThanOrEqual(1_500)
  }, 600_000)

  it('has enough of them', () => expect(brokenStores.length).toBeGreaterThanOrEqual(8))
})
