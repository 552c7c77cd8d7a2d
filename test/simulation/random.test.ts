import { expect, test } from 'vitest'
import { live, liveMany } from './life.ts'

test('in random lives no address is worn twice, no blade boots as somebody else, and nothing acknowledged is lost', async () => {
  await liveMany(Number(process.env.SEED ?? 1), Number(process.env.SEEDS ?? 30))
}, 300_000)

test('the same seed is the same life', async () => {
  const [one, other] = [await live(7, 30), await live(7, 30)]
  expect(one).toEqual(other)
})
