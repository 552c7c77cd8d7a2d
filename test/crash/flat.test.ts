/**
 * History weighs nothing: what a start has to read and to replay depends on the state, not on how many records led there,
 * and what is compacted away is never what must be kept (answers, floor, epochs, lineages, doubts).
 */
import { describe, expect, it } from 'vitest'
import { readFlash } from '../../agent/controller/store/recovery.ts'
import { openStore } from '../../agent/controller/store/store.ts'
import { canonical } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import { evolve, type StoreRecord } from '../../agent/core/record.ts'
import { answersKept, blank, type State } from '../../agent/core/state.ts'
import { memoryMedium } from '../controller/store/memory-medium.ts'
import { id, iscsiProfile, Lab, labWith, lanProfile, sanProfile } from '../core/lab.ts'
import { seatsOf, startMemory } from './judge.ts'
import { newDay, settledAfter } from './run.ts'
import { board, chassis } from './workload.ts'

const domain = {
  initial: () => blank(chassis, board, ''),
  evolve: evolve as (state: State, record: StoreRecord) => State,
  essentials: () => new Map<string, string>(),
  term: ({ term }: State) => term,
}

/** Locate lights on and off, for ever; a manager relieves another before many answers pile up. */
function* busyHistory(lab: Lab): Generator<StoreRecord, never> {
  for (let n = 0; ; n++) {
    const client = id<'Client'>(`central-${Math.floor(n / 100) % 2}`)
    const takesOver = n % 100 === 0
    const { incarnation, epoch } = lab.state
    const command: Command = takesOver
      ? { kind: 'take-over', incarnation, observedEpoch: epoch, lineage: 'main', number: n }
      : { kind: 'locate', bay: 1 + (n % 4), lit: n % 8 < 4 }
    const decision = lab.decide(command, {
      who: { door: 'mqtt', client },
      request: `request-${n}`.padEnd(16, '.'),
      content: 'content',
      sequence: n + 1,
      ...(!takesOver && { epoch, expect: { incarnation, bootId: 'boot-1', beforeUptimeMs: 2000 } }),
    })
    if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
    lab.state = evolve(lab.state, decision.record)
    yield decision.record
  }
}

describe('a start', () => {
  it('reads and replays no more after fifty thousand records than after a thousand', async () => {
    const medium = memoryMedium()
    const lab = labWith([sanProfile('web-01'), lanProfile('mail'), iscsiProfile('disk-01')])
    const first = lab.state
    const { store } = await openStore<State, StoreRecord>({ medium, ...domain, initial: () => first })
    const history = busyHistory(lab)
    const found: { records: number; bytesRead: number; replayed: number; flash: number }[] = []
    for (let records = 0; records < 50_000; ) {
      const together = Array.from({ length: 50 }, () => history.next().value)
      await Promise.all(together.map((record) => store.append([{ record, copies: 'flash' }])))
      records += together.length
      if (![1_000, 10_000, 50_000].includes(records)) continue
      const disk = memoryMedium(medium.files())
      let replayed = 0
      const reading = await readFlash<State, StoreRecord>(disk, {
        ...domain,
        evolve: (state, record) => {
          replayed++
          return evolve(state, record)
        },
      })
      if (reading.kind !== 'content') expect.unreachable(reading.kind)
      expect(canonical(reading.state)).toBe(canonical(lab.state))
      const flash = [...medium.files().values()].reduce((sum, bytes) => sum + bytes.length, 0)
      found.push({ records, bytesRead: disk.bytesRead, replayed, flash })
    }
    console.log(found)
    expect(found.map(({ records }) => records)).toEqual([1_000, 10_000, 50_000])
    for (const { bytesRead, replayed, flash } of found) {
      // Two generations of journals, as long as one may become, and two snapshots.
      expect(bytesRead).toBeLessThanOrEqual(2 * 280 * 1024 + 2 * 100 * 1024)
      expect(replayed).toBeLessThanOrEqual(4096)
      expect(flash).toBe(bytesRead)
    }
    await store.close()
  }, 600_000)
})

describe('compaction', () => {
  it('keeps every answer that must be kept, and the mark below which they are gone', async () => {
    const lab = new Lab(board)
    lab.state = blank(chassis, board, '0'.repeat(32))
    const first = lab.state
    const medium = memoryMedium()
    const open = () => openStore<State, StoreRecord>({ medium, ...domain, initial: () => first, journalRecords: 100 })
    const { store } = await open()
    const clients = Array.from({ length: 5 }, (_, i) => id<'Client'>(`client-${i}`))
    for (let n = 0; n < 3_000; n++) {
      const client = n < 2_000 ? clients[0] : clients[n % clients.length]
      const decision = lab.decide(
        { kind: 'locate', bay: 1, lit: n % 2 === 0 },
        { who: { door: 'mqtt', client: client ?? expect.unreachable() }, request: `request-${n}`, sequence: n + 1 },
      )
      if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
      lab.state = evolve(lab.state, decision.record)
      const append = store.append([{ record: decision.record, copies: 'flash' }])
      if (n % 20 === 19) await append
    }
    await store.close()
    const again = await open()
    if (again.kind !== 'open') return expect.unreachable(again.reason)
    expect(canonical(again.state)).toBe(canonical(lab.state))
    const log = again.state.answers[clients[0] as string]
    expect(log?.answers).toHaveLength(answersKept)
    expect(log?.evicted).toBeGreaterThan(900)
    expect(Object.keys(again.state.answers)).toHaveLength(5)
    expect(medium.counts.rename).toBeGreaterThan(20)
  }, 600_000)

  it('keeps floor, epochs, lineages, tokens and doubts, on flash and for a controller that has the EEPROM alone', async () => {
    const day = await newDay(6, 600)
    // The last moment of the day at which something is in doubt.
    const at = day.states.findLastIndex(({ doubts, floor }) => doubts.length > 1 && floor > 0)
    const kept = day.states[at] ?? expect.unreachable()
    const { files, chip } = await settledAfter(day, at, { journalRecords: 3 })
    const { state } = await startMemory(seatsOf({ files, chip }))
    expect(JSON.stringify(state)).toBe(JSON.stringify(kept))
    const replaced = await startMemory(seatsOf({ files: new Map(), chip }))
    expect(replaced.readOnly()).toBeUndefined()
    const { floor, lineages, doubts, profiles, secrets, pools } = replaced.state
    expect(replaced.state.epoch).toBe(kept.epoch + 1)
    expect({ floor, lineages, profiles, secrets, pools }).toEqual({
      floor: kept.floor,
      lineages: kept.lineages,
      profiles: kept.profiles,
      secrets: kept.secrets,
      pools: kept.pools,
    })
    expect(doubts.map(canonical).sort()).toEqual(kept.doubts.map(canonical).sort())
    expect([kept.epoch > 2, kept.floor > 0, Object.keys(kept.lineages).length]).toEqual([true, true, 2])
  }, 600_000)
})
