/**
 * Turns over every bit of what flash and the chassis EEPROM hold, one at a time, and starts a controller from it: what
 * it finds is exactly what was there, or it says what it cut, took from the other copy, or can not read (I7).
 */
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import { essentials } from '../../agent/controller/store/essentials.ts'
import { openStore } from '../../agent/controller/store/store.ts'
import { evolve, type StoreRecord } from '../../agent/core/record.ts'
import { blank, type State } from '../../agent/core/state.ts'
import { memoryMedium } from '../controller/store/memory-medium.ts'
import type { Image } from './camera.ts'
import { honest, seatsOf, startMemory } from './judge.ts'
import { board, chassis } from './workload.ts'

type Start = Pick<Image, 'files' | 'chip'>

export interface Flips {
  readonly total: number
  readonly exact: number
  /** Something else is found, or nothing is gone on from: and that is said. */
  readonly reported: number
  /** The first bit that changed something, and nobody said so. */
  readonly silent: string | undefined
}

async function everyBit(
  bytes: Uint8Array,
  what: string,
  start: (bytes: Uint8Array) => Promise<'exact' | 'reported' | 'silent'>,
): Promise<Flips> {
  const counts = { total: 0, exact: 0, reported: 0 }
  const flipped = new Uint8Array(bytes)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >> 3
    flipped[at] = (bytes[at] as number) ^ (1 << (bit & 7))
    const came = await start(flipped)
    flipped[at] = bytes[at] as number
    if (came === 'silent') return { ...counts, silent: `${what}, bit ${bit}` }
    counts[came]++
    counts.total++
  }
  return { ...counts, silent: undefined }
}

const sum = (all: readonly Flips[]): Flips => ({
  total: all.reduce((n, { total }) => n + total, 0),
  exact: all.reduce((n, { exact }) => n + exact, 0),
  reported: all.reduce((n, { reported }) => n + reported, 0),
  silent: all.find(({ silent }) => silent !== undefined)?.silent,
})

type FromFlash = (
  files: ReadonlyMap<string, Uint8Array>,
) => Promise<{ readonly state: State | undefined; readonly said: boolean }>

async function everyFile({ files }: Start, start: FromFlash, only: RegExp): Promise<Flips> {
  const wanted = JSON.stringify((await start(files)).state)
  const all: Flips[] = []
  for (const [name, bytes] of files) {
    if (!only.test(name)) continue
    all.push(
      await everyBit(bytes, name, async (flipped) => {
        const { state, said } = await start(new Map(files).set(name, flipped))
        if (state !== undefined && JSON.stringify(state) === wanted) return 'exact'
        return said ? 'reported' : 'silent'
      }),
    )
  }
  return sum(all)
}

/** The store alone reads its flash, one bit of it turned over. */
export function flipFlash(start: Start, { through = honest, only = /./ } = {}): Promise<Flips> {
  return everyFile(
    start,
    async (files) => {
      const { medium } = through({ medium: memoryMedium(files), device: seatsOf(start).chip })
      const opened = await openStore<State, StoreRecord>({
        medium,
        initial: () => blank(chassis, board, ''),
        evolve,
        essentials,
        term: ({ term }) => term,
      })
      if (opened.kind === 'read-only') return { state: undefined, said: opened.reason !== '' }
      return { state: opened.state, said: opened.repaired.length > 0 }
    },
    only,
  )
}

/** The controller starts with its own flash, one bit of it turned over, beside the sound EEPROM. */
export function flipBesideEeprom(start: Start): Promise<Flips> {
  return everyFile(
    start,
    async (files) => {
      const memory = await startMemory(seatsOf({ files, chip: start.chip }))
      const held = memory.readOnly()
      if (held !== undefined) return { state: undefined, said: held !== '' }
      return { state: memory.state, said: memory.view().notes.length > 0 }
    },
    /./,
  )
}

/** Whoever reads the EEPROM gets the map that was written, the one before it and that word, or no map at all. */
export async function flipEeprom({ files, chip }: Start): Promise<Flips> {
  const read = async (bytes: Uint8Array) => (await openEeprom(seatsOf({ files, chip: bytes }).chip)).reading
  const sound = await read(chip)
  const wanted = sound.kind === 'content' && JSON.stringify([...sound.map].sort())
  return everyBit(chip, 'EEPROM', async (flipped) => {
    const reading = await read(flipped)
    switch (reading.kind) {
      case 'content':
        if (JSON.stringify([...reading.map].sort()) === wanted) return 'exact'
        return reading.unfinished === undefined ? 'silent' : 'reported'
      case 'blank':
        return 'silent'
      case 'corrupt':
      case 'unreadable':
        return 'reported'
    }
  })
}

/** A new controller has nothing but the EEPROM: it takes over exactly what stood there, or holds. */
export async function flipForNewController({ chip }: Start): Promise<Flips> {
  const blank = new Map<string, Uint8Array>()
  const wanted = JSON.stringify((await startMemory(seatsOf({ files: blank, chip }))).state)
  return everyBit(chip, 'EEPROM', async (flipped) => {
    const memory = await startMemory(seatsOf({ files: blank, chip: flipped }))
    if (memory.readOnly() !== undefined) return 'reported'
    return JSON.stringify(memory.state) === wanted ? 'exact' : 'silent'
  })
}
