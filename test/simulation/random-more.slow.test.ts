/** The second thousand: a file of its own, so that two run at once. */
import { test } from 'vitest'
import { liveMany, told } from './run.ts'

test('in another thousand random lives of a chassis none of its rules is broken', async () => {
  console.log(told(await liveMany(1_001, 1_000)))
}, 1_800_000)
