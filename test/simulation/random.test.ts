import { expect, test } from 'vitest'
import { live } from './life.ts'
import { liveMany, told } from './run.ts'

const from = Number(process.env.SEED ?? 1)
const seeds = Number(process.env.SEEDS ?? 200)

test('in random lives of a chassis none of its rules is broken', async () => {
  const lived = await liveMany(from, seeds)
  console.log(told(lived))
  if (seeds >= 200) expectEnough(lived.counts, seeds)
}, 600_000)

test('the same seed is the same life, and another one is another', async () => {
  const hash = async (seed: number) => (await live(seed)).hash()
  for (const seed of [3, 4, 5]) expect(await hash(seed), `seed ${seed}`).toBe(await hash(seed))
  expect(await hash(3)).not.toBe(await hash(4))
}, 60_000)

/** Lives in which little happened would show little. */
function expectEnough(counts: Awaited<ReturnType<typeof liveMany>>['counts'], lives: number): void {
  const least = {
    events: 20,
    accepted: 6,
    acks: 5,
    refused: 4,
    stale: 2,
    replayed: 0.4,
    boots: 1.2,
    kills: 1,
    failovers: 1,
    acLosses: 0.1,
  } as const
  for (const [what, many] of Object.entries(least))
    expect(counts[what as keyof typeof least], what).toBeGreaterThan(many * lives)
}
