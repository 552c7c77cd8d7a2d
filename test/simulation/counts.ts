/** What many lives add up to: a search in which little happens shows little. */
import type { Told } from './history.ts'

export interface Counts {
  events: number
  accepted: number
  refused: number
  /** Of them: refused because somebody else commands, or did. */
  stale: number
  replayed: number
  boots: number
  kills: number
  failovers: number
  acLosses: number
  /** Acknowledged with two copies. */
  acks: number
  /** Lives in whose end a controller held until it was started again. */
  held: number
}

export const noCounts = (): Counts => ({
  events: 0,
  accepted: 0,
  refused: 0,
  stale: 0,
  replayed: 0,
  boots: 0,
  kills: 0,
  failovers: 0,
  acLosses: 0,
  acks: 0,
  held: 0,
})

const staleReasons: readonly string[] = [
  'stale-epoch',
  'not-in-office',
  'stale-database',
  'revision-conflict',
  'other-boot',
  'expect-missing',
]

/** What the history itself tells. */
export function count(all: readonly Told[], counts: Counts): void {
  for (const told of all) {
    if (told.is === 'hardware' && told.entry.kind === 'boot') counts.boots++
    if (told.is === 'leads') counts.failovers++
    if (told.is !== 'answered') continue
    const { outcome, replayed } = told.reply
    if (replayed) counts.replayed++
    else if (outcome.kind === 'accepted') counts.accepted++
    if (outcome.kind === 'accepted' && outcome.accepted.changed && told.where.length > 1) counts.acks++
    if (outcome.kind !== 'refused') continue
    counts.refused++
    if (staleReasons.includes(outcome.refusal.reason)) counts.stale++
  }
}
