/** Which of two copies leads (W13). */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { chain, compareCopies, parsePosition } from '../../../agent/controller/store/copies.ts'

const digest = (n: number): string => n.toString(16).padStart(32, '0')
const position = fc.record({ term: fc.nat(3), index: fc.nat(3), digest: fc.nat(3).map(digest) })

it('prefers the later owner, then the later record, and nobody under equal numbers with unequal digests', () => {
  const at = (term: number, index: number, n = 0) => ({ term, index, digest: digest(n) })
  expect(compareCopies(at(2, 1), at(1, 9))).toBe('a-newer')
  expect(compareCopies(at(1, 8), at(1, 9))).toBe('b-newer')
  expect(compareCopies(at(1, 9, 1), at(1, 9, 1))).toBe('same')
  expect(compareCopies(at(1, 9, 1), at(1, 9, 2))).toBe('conflict')
})

it('judges the same from either side', () => {
  const mirrored = { same: 'same', conflict: 'conflict', 'a-newer': 'b-newer', 'b-newer': 'a-newer' } as const
  fc.assert(fc.property(position, position, (a, b) => compareCopies(b, a) === mirrored[compareCopies(a, b)]))
})

it('tells histories apart that differ in one record or in their order', () => {
  const history = (...records: string[]) => records.reduce(chain, digest(0))
  expect(history('"a"', '"b"')).not.toBe(history('"b"', '"a"'))
  expect(history('"a"', '"b"')).not.toBe(history('"a"\n"b"'))
  expect(history('"a"', '"b"')).toMatch(/^[0-9a-f]{32}$/)
})

it('takes nothing for a position that is none', () => {
  expect(parsePosition({ term: 0, index: 1, digest: digest(1) })).toEqual({ term: 0, index: 1, digest: digest(1) })
  for (const no of [
    undefined,
    null,
    1,
    {},
    { term: 0, index: -1, digest: digest(1) },
    { term: 0, index: 1, digest: 'x' },
  ]) {
    expect(parsePosition(no)).toBeUndefined()
  }
})
