import { expect, test } from 'vitest'
import { decodeMutants, lines } from './mutants.ts'

test('no damaged message makes a decoder throw or dwell: 200,000 mutants of the golden messages', () => {
  const tally = decodeMutants(200_000, 20_261)
  console.log(lines(tally))
  // Both ends of every decoder are reached, or this proves nothing.
  for (const counts of Object.values(tally.stages)) {
    expect(counts.read ?? 0).toBeGreaterThan(500)
    expect(counts.garbled ?? 0).toBeGreaterThan(500)
  }
  expect(tally.stages.Request?.read ?? 0).toBeGreaterThan(5_000)
  expect(tally.stages.Request?.['body newer-than-me'] ?? 0).toBeGreaterThan(500)
  expect(tally.stages.Request?.['body field-invalid'] ?? 0).toBeGreaterThan(500)
  // Wide of what a loaded machine adds; a length that is believed costs seconds or gigabytes.
  expect(tally.slowestMs).toBeLessThan(1_000)
  expect(tally.heapGrowthBytes).toBeLessThan(200_000_000)
}, 120_000)
