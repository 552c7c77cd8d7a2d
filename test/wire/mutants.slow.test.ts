import { expect, test } from 'vitest'
import { decodeMutants, lines } from './mutants.ts'

test.each([1, 77])('no damaged message makes a decoder throw or dwell: a million mutants from seed %i', (seed) => {
  const tally = decodeMutants(1_000_000, seed)
  console.log(lines(tally))
  for (const counts of Object.values(tally.stages)) expect(counts.read ?? 0).toBeGreaterThan(2_500)
  expect(tally.stages.Request?.read ?? 0).toBeGreaterThan(25_000)
  expect(tally.slowestMs).toBeLessThan(1_000)
})
