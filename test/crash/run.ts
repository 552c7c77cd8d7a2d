/**
 * Runs a day through a store while the camera watches: the first start of the chassis, then every deed, alone, together
 * with others in one batch, or while the EEPROM is still being written for the ones before. Where flash fails, what was
 * not acknowledged is done again from what the store says is durable, as the agent does it.
 */
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import { essentials } from '../../agent/controller/store/essentials.ts'
import { openStore, StoreFault } from '../../agent/controller/store/store.ts'
import { evolve, type StoreRecord } from '../../agent/core/record.ts'
import { blank, type State } from '../../agent/core/state.ts'
import { type MemoryMedium, seeded } from '../controller/store/memory-medium.ts'
import { Camera, chipSize, type Devices, type Image } from './camera.ts'
import { honest, seatsOf, startMemory, type Through } from './judge.ts'
import { drawLotsFrom, rememberPacking } from './lots.ts'
import { board, chassis, type Day, type Deed, dayOf } from './workload.ts'

rememberPacking()

export const blankChip = (): Uint8Array => new Uint8Array(chipSize.size).fill(0xff)

/** A day on a chassis that begins its life. */
export async function newDay(seed: number, length: number): Promise<Day> {
  drawLotsFrom(seed)
  const { state } = await startMemory(seatsOf({ files: new Map(), chip: blankChip() }))
  return dayOf(seed, length, state)
}

/** What a day needs of a store. */
export interface Notebook {
  /** Resolves when acknowledged: whether the EEPROM holds it too. */
  write(deed: Deed): Promise<boolean>
  /** After a fault: deeds that are durable, once that is known. */
  count(): Promise<number>
  close(): Promise<void>
}

/** The real store; a generation is begun anew every few records, so that a day sees many. */
export async function openNotebook({ medium, device }: Devices, journalRecords = 20): Promise<Notebook> {
  /** What came of the last fault. */
  let verdict = expected()
  const opened = await openStore<State, StoreRecord>({
    medium,
    eeprom: await openEeprom(device),
    initial: () => blank(chassis, board, ''),
    evolve,
    essentials,
    term: ({ term }) => term,
    journalRecords,
    onRecovered: () => verdict.say(),
    onReadOnly: (why) => verdict.say(why),
  })
  if (opened.kind === 'read-only') throw new Error(opened.reason)
  const { store } = opened
  return {
    write: async ({ record, everywhere }) => {
      const { eeprom, why } = await store.append([{ record, copies: everywhere ? 'both' : 'flash' }])
      if (everywhere && !eeprom) throw new Error(why)
      return eeprom
    },
    count: async () => {
      const why = await verdict.heard
      if (why !== undefined) throw new Error(why)
      verdict = expected()
      return store.durable.at.index
    },
    close: () => store.close(),
  }
}

function expected() {
  let say: (why?: string) => void = () => {}
  const heard = new Promise<string | undefined>((resolve) => {
    say = resolve
  })
  return { say, heard }
}

export interface Run {
  readonly through?: Through
  readonly open?: (devices: Devices) => Promise<Notebook>
  readonly fail?: MemoryMedium['fail']
  readonly chances?: number
  /** Gets the pictures in their order; `false` ends the run. */
  readonly look: (image: Image) => Promise<boolean>
}

export async function film(day: Day, run: Run): Promise<void> {
  const { through = honest, open = openNotebook, chances = 3, look } = run
  const random = seeded(9)
  const { deeds } = day
  let known = { asked: 0, acknowledged: -1, copied: -1 }
  drawLotsFrom(day.seed)
  const camera = new Camera(() => known, { files: new Map(), chip: blankChip() }, { chances })
  const develop = async (): Promise<boolean> => {
    for (const image of camera.develop()) if (!(await look(image))) return false
    return true
  }
  await (await startMemory(camera, through)).close()
  known = { asked: 0, acknowledged: 0, copied: 0 }
  if (!(await develop())) return
  const notebook = await open(through({ medium: camera.medium, device: camera.chip }))
  if (run.fail) camera.medium.fail = run.fail
  const write = async (deed: Deed, number: number): Promise<boolean> => {
    known = { ...known, asked: Math.max(known.asked, number) }
    try {
      const inEeprom = await notebook.write(deed)
      const copied = inEeprom ? Math.max(known.copied, number) : known.copied
      known = { ...known, acknowledged: Math.max(known.acknowledged, number), copied }
      return true
    } catch (error) {
      if (error instanceof StoreFault) return false
      throw error
    }
  }
  let under: Promise<boolean>[] = []
  for (let next = 0; next < deeds.length; ) {
    under.push(write(deeds[next] as Deed, ++next))
    const dice = random(4)
    // The next one goes into the same batch.
    if (dice === 0 && next < deeds.length) continue
    // On its way, and not yet in the EEPROM: what comes next overtakes it on flash.
    if (dice === 1) for (let turns = random(12); turns > 0; turns--) await null
    if (dice === 1 && under.length < 4 && next < deeds.length) continue
    const stored = await Promise.all(under)
    under = []
    if (stored.includes(false)) next = await notebook.count()
    if (!(await develop())) return
  }
  await notebook.close()
}

/** What flash and EEPROM hold once all of these deeds are done, one after another. */
export async function settledAfter(
  day: Day,
  deeds: number,
  { size = chipSize.size, journalRecords = 20 } = {},
): Promise<Pick<Image, 'files' | 'chip'>> {
  drawLotsFrom(day.seed)
  const seats = seatsOf({ files: new Map(), chip: blankChip().subarray(0, size) })
  await (await startMemory(seats)).close()
  const notebook = await openNotebook({ medium: seats.medium, device: seats.chip }, journalRecords)
  for (const deed of day.deeds.slice(0, deeds)) await notebook.write(deed)
  await notebook.close()
  return { files: seats.medium.files(), chip: seats.chip.bytes }
}
