/**
 * A snapshot: the whole state at one position, in one frame, in one of two slots that are written in turn. A slot
 * is only ever replaced by a finished and synced file, and the other slot with its journals still leads to the
 * same state; with a single slot, crash tests find histories that lose everything.
 */
import { isCount, type Position, parsePosition } from './copies.ts'
import { frame, frameAt } from './frames.ts'

export const SNAPSHOT_FORMAT = 1
const SNAPSHOT_BYTES = 256 * 1024 * 1024

export const SLOTS = ['snapshot-a', 'snapshot-b'] as const
export type Slot = (typeof SLOTS)[number]

export function otherSlot(slot: Slot | undefined): Slot {
  return slot === 'snapshot-a' ? 'snapshot-b' : 'snapshot-a'
}

export const snapshotDraft = (generation: number): string => `snapshot-${generation}.tmp`

/** What flash has taken: bytes and syncs since the store was first written. */
export interface Wear {
  readonly bytes: number
  readonly syncs: number
}

export interface Snapshot {
  readonly generation: number
  readonly at: Position
  readonly state: unknown
  /** Last position known to be in the EEPROM. */
  readonly copied: Position | undefined
  readonly wear: Wear
  /** The other slot had not been written yet: its absence is no loss. */
  readonly alone: boolean
}

export type SnapshotReading =
  | { readonly kind: 'good'; readonly snapshot: Snapshot; readonly bytes: number }
  | { readonly kind: 'bad'; readonly why: string }

export function snapshotFrame(snapshot: Snapshot): Uint8Array {
  const { generation, at, copied, wear, alone, state } = snapshot
  return frame(JSON.stringify({ snapshot: SNAPSHOT_FORMAT, generation, at, copied, wear, alone, state }))
}

export function readSnapshot(bytes: Uint8Array): SnapshotReading {
  const found = frameAt(bytes, 0, SNAPSHOT_BYTES)
  const json = found?.json
  if (found === undefined || json === undefined || found.end !== bytes.length) return { kind: 'bad', why: 'unreadable' }
  if (isCount(json.snapshot) && json.snapshot > SNAPSHOT_FORMAT)
    return { kind: 'bad', why: 'written by a newer version' }
  const { generation, alone, state } = json
  const at = parsePosition(json.at)
  const wear = parseWear(json.wear)
  if (json.snapshot !== SNAPSHOT_FORMAT || !isCount(generation) || !at || !wear || state === undefined) {
    return { kind: 'bad', why: 'not a snapshot' }
  }
  const snapshot = { generation, at, state, copied: parsePosition(json.copied), wear, alone: alone === true }
  return { kind: 'good', snapshot, bytes: bytes.length }
}

function parseWear(value: unknown): Wear | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { bytes, syncs } = value as { readonly [member: string]: unknown }
  return isCount(bytes) && isCount(syncs) ? { bytes, syncs } : undefined
}
