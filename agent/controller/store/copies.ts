/**
 * Which of two copies of the bindings is the newer one. Copies lie on flash, in the chassis EEPROM and on the other
 * controller; each can say where it stands, and only by that are they compared, never by a clock (W13).
 */
import { createHash } from 'node:crypto'

/** Where a copy stands. The digest stands for everything that led there. */
export interface Position {
  /** Counts owners of a pair; 0 where there never was a pair. */
  readonly term: number
  /** Number of the last record, from 1; 0 before the first. */
  readonly index: number
  /** 16 bytes of a SHA-256 chain over all records so far, as hex. */
  readonly digest: string
}

export const GENESIS: Position = { term: 0, index: 0, digest: '0'.repeat(32) }

/** The digest after one more record, given as canonical JSON. */
export function chain(before: string, record: string): string {
  return createHash('sha256').update(before).update('\n').update(record).digest('hex').slice(0, 32)
}

export type CopyOrder = 'same' | 'a-newer' | 'b-newer' | 'conflict'

/** `conflict`: two histories under equal numbers. Neither may be preferred; hold and say so (W13). */
export function compareCopies(a: Position, b: Position): CopyOrder {
  if (a.term !== b.term) return a.term > b.term ? 'a-newer' : 'b-newer'
  if (a.index !== b.index) return a.index > b.index ? 'a-newer' : 'b-newer'
  return a.digest === b.digest ? 'same' : 'conflict'
}

/** Reads `{"term":1,"index":7,"digest":"…"}`, as it stands in frames and in the EEPROM. */
export function parsePosition(value: unknown): Position | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { term, index, digest } = value as { readonly [member: string]: unknown }
  if (!isCount(term) || !isCount(index)) return undefined
  return typeof digest === 'string' && /^[0-9a-f]{32}$/.test(digest) ? { term, index, digest } : undefined
}

export function samePosition(a: Position, b: Position): boolean {
  return a.index === b.index && a.digest === b.digest
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
