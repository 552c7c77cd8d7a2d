/**
 * The simulated chassis over the end of its own program. What is written is what would be left if AC were lost
 * at that instant, made by the very transition that loses AC; so ending the program, in whatever way, is a
 * power cut, and starting it is the return of AC. The EEPROM is a file of its own that the agent opens itself.
 * Nothing is synced: the power loss that is simulated is that of the chassis, not that of the machine under it.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Hardware } from '../core/board.ts'
import { freshArbiter } from './arbiter.ts'
import { baysOf, type Note, usualTimings, type World } from './chassis.ts'
import type { LogEntry } from './log.ts'
import { gainAc, loseAc } from './slots.ts'
import type { NewWorld, Stepped } from './world.ts'

/** Raised when an older file would be misread. */
const format = 1
const fileName = 'chassis.json'
const eepromName = 'eeprom.bin'

export function saveChassis(folder: string, world: World): void {
  const { hardware, ...rest } = loseAc(world, () => undefined)
  replaceFile(join(folder, fileName), `${JSON.stringify({ format, board: hardware.board.id, world: rest })}\n`)
}

/** Undefined: no chassis was here before. A text: what is here can not be used, and why. */
export function loadChassis(
  folder: string,
  hardware: Hardware,
  { now, timings, credentials, sessionLimit }: Pick<NewWorld, 'now' | 'timings' | 'credentials' | 'sessionLimit'>,
): Stepped | string | undefined {
  const path = join(folder, fileName)
  if (!existsSync(path)) return undefined
  const saved = readSaved(path)
  const wayOut = 'move the folder away to begin with a new chassis'
  if (saved === undefined) return `${path} is no chassis that this version can read; ${wayOut}`
  if (saved.board !== hardware.board.id) {
    return `${path} is a ${saved.board}, not a ${hardware.board.id}; name that board, or ${wayOut}`
  }
  const before: World = {
    ...saved.world,
    hardware,
    now: Math.max(now, saved.world.now),
    timings: { ...usualTimings, ...saved.world.timings, ...timings },
    // Whoever was in office, AC was lost since: only which slots hold a controller is as it was.
    arbiter: freshArbiter(hardware.board, saved.world.arbiter),
    credentials: credentials ?? saved.world.credentials,
    sessionLimit: sessionLimit ?? saved.world.sessionLimit,
  }
  const unknown = unknownPart(before)
  if (unknown !== undefined) return `${path} holds ${unknown}, which the board does not know; ${wayOut}`
  const log: LogEntry[] = []
  const note: Note = (entry) => log.push(entry)
  return { world: gainAc(before, note), answer: { from: 'clock' }, log }
}

function readSaved(path: string): { readonly board: string; readonly world: Omit<World, 'hardware'> } | undefined {
  try {
    const saved: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (!isObject(saved) || saved.format !== format || typeof saved.board !== 'string') return undefined
    const { world } = saved
    if (!isObject(world) || typeof world.now !== 'number' || world.ac !== false || !isObject(world.slots))
      return undefined
    if (!isObject(world.shelf) || !isObject(world.made) || !isObject(world.timings)) return undefined
    // Written by `saveChassis` in one piece, or not there: the format number vouches for the rest.
    return { board: saved.board, world: world as unknown as Omit<World, 'hardware'> }
  } catch {
    return undefined
  }
}

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A board file may have changed since: what it no longer lists can not be simulated. */
function unknownPart({ hardware, slots, shelf, ...world }: World): string | undefined {
  const bays = baysOf({ hardware, slots, shelf, ...world })
  const missing = bays.find((bay) => slots[bay] === undefined)
  if (missing !== undefined) return `no bay ${missing}`
  const blades = [...bays.flatMap((bay) => slots[bay]?.blade ?? []), ...Object.values(shelf)]
  for (const { kept } of blades) {
    if (!hardware.board.blades.some(({ product }) => product === kept.product)) return `a blade ${kept.product}`
    const adapter = kept.adapters.find(({ model }) => hardware.adapters[model] === undefined)
    if (adapter !== undefined) return `an adapter ${adapter.model}`
  }
  return undefined
}

/** The chassis EEPROM's file; erased, as it is delivered, where there was none. */
export function openEeprom(folder: string, bytes: number): { readonly path: string } | string {
  const path = join(folder, eepromName)
  if (!existsSync(path)) replaceFile(path, Buffer.alloc(bytes, 0xff))
  const { size } = statSync(path)
  return size === bytes
    ? { path }
    : `${path} has ${size} bytes, and this board's EEPROM ${bytes}; move it away to begin with an erased one`
}

export function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
}

function replaceFile(path: string, content: string | Uint8Array): void {
  const aside = `${path}.new`
  writeFileSync(aside, content)
  renameSync(aside, path)
}
