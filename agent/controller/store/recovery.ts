/**
 * Reads the folder back into a state: the newest good snapshot, then every journal from it on, each checked to
 * continue exactly where the one before it ended. It only reads. What a power cut explains is said and set right by
 * the caller; anything else is `corrupt`, and corrupt is never read as absent (I7).
 */
import { canonical } from '../../core/blade.ts'
import { type Position, samePosition } from './copies.ts'
import { FRAME_OVERHEAD } from './frames.ts'
import { chainOf, HEADER_BYTES, type JournalReading, journalName, parseJournalName, readJournal } from './journal.ts'
import type { Medium } from './medium.ts'
import { readSnapshot, SLOTS, type Slot, type Snapshot, type SnapshotReading, type Wear } from './snapshot.ts'

/** The domain, as far as the store must know it. */
export interface Domain<State, R> {
  initial(): State
  evolve(state: State, record: R): State
  /** Owners of a pair so far, as the records tell (W13). */
  term(state: State): number
}

export interface FlashContent<State> {
  readonly kind: 'content'
  readonly state: State
  readonly at: Position
  /** Slot that the state was read from; the next snapshot goes to the other one. */
  readonly slot: Slot
  /** Generation of that snapshot. */
  readonly base: number
  /** The last journal: where it ends, and how many records stand in journals since the snapshot. */
  readonly journal: { readonly generation: number; readonly good: number; readonly torn: boolean }
  readonly journalled: number
  readonly snapshotBytes: number
  /** Something is not as a finished rotation leaves it: write a new generation before going on. */
  readonly untidy: boolean
  /** What was lost, cut or doubtful, in words for a technician. */
  readonly repaired: readonly string[]
  readonly copied: Position | undefined
  readonly wear: Wear
  readonly newest: number
  readonly leftovers: readonly string[]
  /** Record → the digest that stood after it, as far back as the journals reach. */
  readonly digests: ReadonlyMap<number, string>
}

export type FlashReading<State> =
  | {
      readonly kind: 'blank'
      readonly newest: number
      readonly leftovers: readonly string[]
      readonly repaired: readonly string[]
    }
  | FlashContent<State>
  | {
      readonly kind: 'corrupt'
      readonly reason: string
      /** The part that could be read, to be shown and never to be acted on. */
      readonly readable?: { readonly state: State; readonly at: Position }
      readonly newest: number
    }

type SlotReading = SnapshotReading | { readonly kind: 'absent' }

export async function readFlash<State, R>(medium: Medium, domain: Domain<State, R>): Promise<FlashReading<State>> {
  const names = await medium.list()
  const slots = new Map<Slot, SlotReading>()
  for (const slot of SLOTS) {
    slots.set(slot, names.includes(slot) ? readSnapshot(await medium.read(slot)) : { kind: 'absent' })
  }
  const journals = new Map<number, JournalReading>()
  for (const name of names) {
    const generation = parseJournalName(name)
    if (generation !== undefined) journals.set(generation, readJournal(await medium.read(name), generation))
  }
  const drafts = names.filter((name) => /^snapshot-\d+\.tmp$/.test(name))
  return judge(slots, new Map([...journals].sort(([a], [b]) => a - b)), drafts, domain)
}

function judge<State, R>(
  slots: ReadonlyMap<Slot, SlotReading>,
  journals: ReadonlyMap<number, JournalReading>,
  drafts: readonly string[],
  domain: Domain<State, R>,
): FlashReading<State> {
  const good = [...slots].flatMap(([slot, reading]) =>
    reading.kind === 'good' ? [{ slot, snapshot: reading.snapshot, bytes: reading.bytes }] : [],
  )
  const newest = Math.max(0, ...journals.keys(), ...good.map(({ snapshot }) => snapshot.generation))
  const bad = [...slots].flatMap(([slot, reading]) => (reading.kind === 'bad' ? [`${slot} is ${reading.why}`] : []))
  const [first, second] = good.sort((a, b) => b.snapshot.generation - a.snapshot.generation)
  if (first === undefined)
    return bad.length > 0 ? { kind: 'corrupt', reason: bad.join('; '), newest } : judgeEmpty(journals, drafts, newest)
  if (first.snapshot.generation === second?.snapshot.generation) {
    return { kind: 'corrupt', reason: `both snapshots claim generation ${first.snapshot.generation}`, newest }
  }

  const repaired: string[] = []
  const other = first.slot === 'snapshot-a' ? 'snapshot-b' : 'snapshot-a'
  const missing = slots.get(other)?.kind === 'absent' && !first.snapshot.alone
  if (bad.length > 0) repaired.push(`${bad.join('; ')}: restored from ${first.slot} and its journals`)
  if (missing) repaired.push(`${other} is missing: restored from ${first.slot} and its journals`)
  // The slot that can not be read may have been the newer one: then no journal may be passed over.
  const doubtful = bad.length > 0 || missing
  const found = lineUp(first.snapshot.generation, journals, doubtful)
  if ('reason' in found) return { kind: 'corrupt', reason: found.reason, newest }
  const whole = replay(first.snapshot, found.journals, domain)
  const finished = 'reason' in whole && !doubtful ? withoutUnfinished(found) : undefined
  const again = finished && replay(first.snapshot, finished.journals, domain)
  // Of two readings that both fail, the whole one tells why.
  const [line, replayed] = finished && again && !('reason' in again) ? [finished, again] : [found, whole]
  if ('reason' in replayed) {
    const { reason, state, at } = replayed
    return { kind: 'corrupt', reason, readable: { state, at }, newest }
  }
  const last = line.journals[line.journals.length - 1] as Lined
  if (line !== found)
    repaired.push(`${line.leftovers.map(journalName).join(' and ')}: begun and never finished; dropped`)
  if (last.reading.tail === 'torn') repaired.push(`${journalName(last.generation)}: ${last.reading.why}; cut off`)
  const oldestNeeded = second?.snapshot.generation ?? first.snapshot.generation
  return {
    kind: 'content',
    state: replayed.state,
    at: replayed.at,
    slot: first.slot,
    base: first.snapshot.generation,
    journal: { generation: last.generation, good: last.reading.good, torn: last.reading.tail === 'torn' },
    journalled: replayed.digests.length,
    snapshotBytes: first.bytes,
    untidy: second === undefined || line.journals.length > 1 || line.leftovers.length > 0,
    repaired,
    copied: first.snapshot.copied,
    wear: wearSince(first.snapshot.wear, line.journals),
    newest,
    leftovers: [
      ...drafts,
      ...line.leftovers.map(journalName),
      ...[...journals.keys()].filter((generation) => generation < oldestNeeded).map(journalName),
    ],
    digests: new Map(
      [first.snapshot.at.digest, ...replayed.digests].map((digest, n) => [first.snapshot.at.index + n, digest]),
    ),
  }
}

/** No snapshot at all: a folder never used, a first start cut short before anything was acknowledged, or a loss. */
function judgeEmpty<State>(
  journals: ReadonlyMap<number, JournalReading>,
  drafts: readonly string[],
  newest: number,
): FlashReading<State> {
  for (const [generation, reading] of journals) {
    if (!isBarren(reading) || (reading.header && reading.header.index > 0)) {
      return { kind: 'corrupt', reason: `${journalName(generation)} is there and no snapshot`, newest }
    }
  }
  const leftovers = [...drafts, ...[...journals.keys()].map(journalName)]
  const repaired = leftovers.length > 0 ? ['a first start was cut short before anything was stored'] : []
  return { kind: 'blank', newest, leftovers, repaired }
}

/** Nothing was ever acknowledged in this file: its creation did not finish. */
function isBarren(reading: JournalReading): boolean {
  return reading.batches.length === 0 && reading.tail !== 'corrupt' && reading.length <= HEADER_BYTES + FRAME_OVERHEAD
}

interface Lined {
  readonly generation: number
  readonly header: Position
  readonly reading: JournalReading
}

/** The journals from the snapshot's own on. */
function lineUp(
  base: number,
  journals: ReadonlyMap<number, JournalReading>,
  doubtful: boolean,
): Line | { readonly reason: string } {
  const lined: Lined[] = []
  const leftovers: number[] = []
  for (const [generation, reading] of journals) {
    if (generation < base) continue
    if (reading.header !== undefined) lined.push({ generation, header: reading.header, reading })
    // Created and synced before the snapshot that goes with it: without that snapshot it may be unfinished.
    else if (generation > base && isBarren(reading) && !doubtful) leftovers.push(generation)
    else return { reason: `${journalName(generation)}: ${reading.why}` }
  }
  return lined[0]?.generation === base ? { journals: lined, leftovers } : { reason: `${journalName(base)} is missing` }
}

interface Line {
  readonly journals: readonly Lined[]
  readonly leftovers: readonly number[]
}

/**
 * A generation that was begun and never had its snapshot: nothing was acknowledged in it. What it was begun from may be
 * gone, where that was read back from memory after a failed sync, and never reached the flash.
 */
function withoutUnfinished({ journals, leftovers }: Line): Line | undefined {
  const last = journals[journals.length - 1]
  if (last === undefined || journals.length < 2 || !isBarren(last.reading)) return undefined
  return { journals: journals.slice(0, -1), leftovers: [...leftovers, last.generation] }
}

function replay<State, R>(
  from: Snapshot,
  journals: readonly Lined[],
  domain: Domain<State, R>,
): { state: State; at: Position; digests: readonly string[] } | { reason: string; state: State; at: Position } {
  // The snapshot's CRC and format say that these are the bytes that this store wrote from a State.
  let state = from.state as State
  let at = from.at
  const digests: string[] = []
  for (const [place, { generation, header, reading }] of journals.entries()) {
    const name = journalName(generation)
    if (!samePosition(header, at)) {
      return { reason: `${name} continues record ${header.index}, and what leads there ends at ${at.index}`, state, at }
    }
    const next = journals[place + 1]?.header
    for (const batch of reading.batches) {
      // Written, never acknowledged, and not seen when the next generation was begun after a fault.
      if (next !== undefined && batch.first + batch.records.length - 1 > next.index) break
      const after = chainOf(at.digest, batch.records.map(canonical))
      const digest = after[after.length - 1] as string
      if (batch.first !== at.index + 1 || batch.digest !== digest) {
        return { reason: `${name}: record ${batch.first} does not continue record ${at.index}`, state, at }
      }
      for (const record of batch.records) state = domain.evolve(state, record as R)
      digests.push(...after)
      at = { term: domain.term(state), index: at.index + batch.records.length, digest }
    }
    if (next === undefined && reading.tail === 'corrupt') return { reason: `${name}: ${reading.why}`, state, at }
  }
  return { state, at, digests }
}

/** A batch was one write and one sync: what the last snapshot could not know yet is counted from the journals. */
function wearSince(before: Wear, journals: readonly Lined[]): Wear {
  return journals.reduce(
    ({ bytes, syncs }, { reading }) => ({ bytes: bytes + reading.good, syncs: syncs + 1 + reading.batches.length }),
    before,
  )
}

/** True where this reading contains everything up to `mark`: what was acknowledged is still there (I2). */
export function contains<State>(reading: FlashContent<State>, mark: Position): boolean {
  return reading.digests.get(mark.index) === mark.digest
}
