import { test } from 'vitest'
import { liveMany } from './life.ts'

test('in many more random lives no address is worn twice, no blade boots as somebody else, and nothing acknowledged is lost', async () => {
  await liveMany(10_000, 400)
}, 900_000)
