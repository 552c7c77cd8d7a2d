/**
 * The medium fails at every step of a short life, start included: EIO, ENOSPC, EROFS and short writes, once and from
 * then on, on flash and in the EEPROM. Nothing acknowledged is lost, nothing is acknowledged on a flash that failed until
 * it was read again, one fault is got over, and a flash that goes on failing is read-only, says why, and still shows
 * what it holds (I2, I7, W10).
 */
import { describe, expect, it } from 'vitest'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import type { EepromDevice } from '../../agent/controller/store/eeprom-device.ts'
import { essentials } from '../../agent/controller/store/essentials.ts'
import type { MediumOperation } from '../../agent/controller/store/medium.ts'
import { openStore, type Store, StoreFault, StoreReadOnly } from '../../agent/controller/store/store.ts'
import { evolve, type StoreRecord } from '../../agent/core/record.ts'
import { blank, type State } from '../../agent/core/state.ts'
import type { EepromOperation } from '../controller/store/memory-eeprom.ts'
import { seeded } from '../controller/store/memory-medium.ts'
import type { Image } from './camera.ts'
import { type Seats, seatsOf, startMemory } from './judge.ts'
import { newDay, settledAfter } from './run.ts'
import { board, Calendar, chassis, type Day } from './workload.ts'

/** Deeds before the life in which it fails, and in it. */
const before = 14
const during = 18

type Start = Pick<Image, 'files' | 'chip'>

const codes = ['EIO', 'ENOSPC', 'EROFS'] as const
const lasting = ['once', 'from then on'] as const
type Lasting = (typeof lasting)[number]

/** What a full or read-only file system refuses; one that is broken refuses everything. */
const refused = (code: (typeof codes)[number], operation: MediumOperation | EepromOperation['operation']): boolean =>
  code === 'EIO' || !['list', 'read', 'close'].includes(operation)

async function bench() {
  const day = await newDay(5, before + during)
  return { day, start: await settledAfter(day, before), calendar: new Calendar(day.states) }
}

interface Lived {
  readonly store: Store<State, StoreRecord>
  /** Why it did not even open. */
  readonly held: string | undefined
  readonly acknowledged: number
  readonly copied: number
  /** Why a binding is not in the EEPROM. */
  readonly single: readonly string[]
  readonly rejected: number
  readonly recovered: number
  /** Records that were acknowledged between a fault and the word that flash was read again. */
  readonly tooEarly: number
}

/** A start and some deeds; what was not acknowledged is done again once the store says where it stands. */
async function live(day: Day, { medium, chip }: Seats): Promise<Lived> {
  const heard = { recovered: 0, stopped: 0 }
  const device: EepromDevice = chip
  const opened = await openStore<State, StoreRecord>({
    medium,
    eeprom: await openEeprom(device),
    initial: () => blank(chassis, board, ''),
    evolve,
    essentials,
    term: ({ term }) => term,
    journalRecords: 5,
    onRecovered: () => heard.recovered++,
    onReadOnly: () => heard.stopped++,
  })
  const { store } = opened
  const told = { acknowledged: before, copied: before, single: [] as string[], rejected: 0, tooEarly: 0 }
  const lived = () => ({ store, held: opened.kind === 'read-only' ? opened.reason : undefined, ...told, ...heard })
  if (opened.kind === 'read-only') return lived()
  for (let next = opened.at.index, failing = false, turns = 0; next < before + during && turns < 200; turns++) {
    const { record, everywhere } = day.deeds[next] ?? expect.unreachable()
    const recoveries = heard.recovered
    try {
      const { index, eeprom, why } = await store.append([{ record, copies: everywhere ? 'both' : 'flash' }])
      if (failing && heard.recovered === 0) told.tooEarly++
      told.acknowledged = index
      if (eeprom) told.copied = index
      else if (everywhere) told.single.push(why ?? '')
      next++
    } catch (error) {
      if (error instanceof StoreReadOnly) break
      if (!(error instanceof StoreFault)) throw error
      told.rejected++
      failing = true
      // As the agent does it: on from what is durable, once the store has said so.
      while (heard.recovered === recoveries && store.readOnly === undefined) {
        await store.append([{ record, copies: 'flash' }]).then(
          () => expect.unreachable('acknowledged while flash is read again'),
          (again: unknown) => expect(again).toBeInstanceOf(Error),
        )
      }
      next = store.durable.at.index
    }
  }
  return lived()
}

/** After a power cut with this outcome, a start without faults finds what was acknowledged, and one of the day's states. */
async function keeps(calendar: Calendar, { medium, chip }: Seats, { acknowledged, copied }: Lived, what: string) {
  for (const outcome of ['lost', 'all'] as const) {
    const left = seatsOf({ files: medium.remains(outcome, seeded(1)), chip: chip.bytes })
    const { reading } = await openEeprom(left.chip)
    const inEeprom = reading.kind === 'content' ? calendar.dateOfCopy(reading.map) : undefined
    expect(inEeprom?.to, `${what}, the EEPROM`).toBeGreaterThanOrEqual(copied)
    const memory = await startMemory(left)
    expect(memory.readOnly(), `${what}, ${outcome}`).toBeUndefined()
    const date = calendar.dateOf(memory.state) ?? expect.unreachable(`${what}, ${outcome}: a state that never was`)
    expect(date.to, `${what}, ${outcome}`).toBeGreaterThanOrEqual(acknowledged)
    expect(date.from, `${what}, ${outcome}`).toBeLessThanOrEqual(before + during)
  }
}

async function stepsOf(
  day: Day,
  start: Start,
): Promise<{ flash: MediumOperation[]; eeprom: EepromOperation['operation'][] }> {
  const seats = seatsOf(start)
  const flash: MediumOperation[] = []
  const eeprom: EepromOperation['operation'][] = []
  seats.medium.fail = ({ operation }) => void flash.push(operation)
  seats.chip.fail = ({ operation }) => void eeprom.push(operation)
  const { acknowledged } = await live(day, seats)
  expect(acknowledged).toBe(before + during)
  return { flash, eeprom }
}

describe('at every step of a life', () => {
  it.each(lasting)(
    'flash that fails %s loses nothing acknowledged and acknowledges nothing it does not hold',
    async (long) => {
      const { day, start, calendar } = await bench()
      const { flash: steps } = await stepsOf(day, start)
      const counts = { cases: 0, 'got over': 0, 'read-only': 0, 'did not open': 0, unnoticed: 0 }
      for (const [i, operation] of steps.entries()) {
        for (const code of codes) {
          for (const short of operation === 'append' ? [false, true] : [false]) {
            if (!refused(code, operation)) continue
            const what = `${code}${short ? ' after a short write' : ''} ${long}, at step ${i + 1} (${operation})`
            const seats = seatsOf(start)
            seats.medium.fail = ({ number, operation }) =>
              number === i + 1 || (long === 'from then on' && number > i && refused(code, operation))
                ? { code, short }
                : undefined
            const lived = await live(day, seats)
            await judgeFlash(lived, long, code, what)
            if (lived.held !== undefined) counts['did not open']++
            else if (lived.store.readOnly !== undefined) counts['read-only']++
            else if (lived.recovered > 0) counts['got over']++
            else counts.unnoticed++
            counts.cases++
            seats.medium.fail = () => undefined
            await keeps(calendar, seats, lived, what)
          }
        }
      }
      console.log(`flash that fails ${long}: ${steps.length} steps`, counts)
      expect(counts.cases).toBeGreaterThanOrEqual(150)
      expect(counts[long === 'once' ? 'got over' : 'read-only']).toBeGreaterThanOrEqual(60)
      if (long === 'once') expect(counts['read-only']).toBe(0)
    },
    120_000,
  )

  async function judgeFlash(lived: Lived, long: Lasting, code: string, what: string): Promise<void> {
    const { store, held, acknowledged, rejected, tooEarly } = lived
    expect(tooEarly, what).toBe(0)
    // Reads go on, whatever flash does: what is shown is what was acknowledged.
    if (held === undefined) expect(store.durable.at.index, what).toBeGreaterThanOrEqual(acknowledged)
    if (held === undefined && long === 'once') {
      expect([store.readOnly, store.durable.at.index], what).toEqual([undefined, before + during])
      return
    }
    const record = { kind: 'observation', observation: { saw: 'override-used', bay: 1 } } as const
    const append = store.append([{ record, copies: 'flash' }])
    if (held !== undefined || rejected > 0) {
      expect(store.readOnly, what).toContain(code)
      await expect(append, what).rejects.toThrow(StoreReadOnly)
    } else await append.catch((error: unknown) => expect(error, what).toBeInstanceOf(StoreFault))
  }

  it.each(lasting)(
    'an EEPROM that fails %s stops nothing: the answer says single copy, and why',
    async (long) => {
      const { day, start, calendar } = await bench()
      const { eeprom: steps } = await stepsOf(day, start)
      const counts = { cases: 0, 'single copies': 0, unnoticed: 0 }
      for (const [i, operation] of steps.entries()) {
        for (const code of codes) {
          for (const arrived of operation === 'writePage' ? [0, 77] : [0]) {
            if (!refused(code, operation)) continue
            const what = `${code} ${long} after ${arrived} bytes, at step ${i + 1} of the EEPROM (${operation})`
            const seats = seatsOf(start)
            seats.chip.fail = ({ number, operation }) =>
              number === i + 1 || (long === 'from then on' && number > i && refused(code, operation))
                ? { why: code, arrived }
                : undefined
            const lived = await live(day, seats)
            const { store, held, acknowledged, copied, single } = lived
            expect([held, store.readOnly, acknowledged], what).toEqual([undefined, undefined, before + during])
            // An EEPROM that could not be read at the start is not written before that was decided.
            if (store.eepromHeld === undefined) for (const why of single) expect(why, what).toContain(code)
            if (long === 'once' && store.eepromHeld === undefined) expect(single.length, what).toBeLessThanOrEqual(1)
            if (single.length > 0) counts['single copies']++
            else counts.unnoticed++
            counts.cases++
            seats.chip.fail = () => undefined
            expect(copied, what).toBeLessThanOrEqual(acknowledged)
            await keeps(calendar, seats, lived, what)
          }
        }
      }
      console.log(`an EEPROM that fails ${long}: ${steps.length} steps`, counts)
      expect(counts.cases).toBeGreaterThanOrEqual(100)
      expect(counts['single copies']).toBeGreaterThanOrEqual(100)
    },
    120_000,
  )
})
