/** Two thousand lives, with those of the other file; `npm run simulate` lives as many as are wanted. */
import { test } from 'vitest'
import { liveMany, told } from './run.ts'

test('in a thousand random lives of a chassis none of its rules is broken', async () => {
  console.log(told(await liveMany(1, 1_000)))
}, 1_800_000)
