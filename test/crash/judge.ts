/**
 * Judges what a power cut left. The next start must find one of the day's states, no earlier than the last acknowledged
 * deed and no later than the last that was asked for; the EEPROM likewise; and it must go on from there, so that the
 * start after that finds what was added. The judge knows deeds and states, not how the store numbers or lays them out.
 */
import { createHash } from 'node:crypto'
import { type OpenedMemory, openMemory } from '../../agent/controller/memory.ts'
import { type EepromReading, openEeprom } from '../../agent/controller/store/eeprom.ts'
import { canonical } from '../../agent/core/blade.ts'
import type { StoreRecord } from '../../agent/core/record.ts'
import { evolve } from '../../agent/core/record.ts'
import type { State } from '../../agent/core/state.ts'
import { type MemoryEeprom, memoryEeprom } from '../controller/store/memory-eeprom.ts'
import { type MemoryMedium, memoryMedium, seeded } from '../controller/store/memory-medium.ts'
import { id } from '../core/lab.ts'
import { Camera, chipSize, type Devices, type Image, type Known } from './camera.ts'
import { board, type Calendar, chassis, type Dates } from './workload.ts'

/** Puts a broken part between the store and its devices; the honest one puts nothing. */
export type Through = (devices: Devices) => Devices
export const honest: Through = (devices) => devices

export interface Seats {
  readonly medium: MemoryMedium
  readonly chip: MemoryEeprom
}

/** Starts the agent's memory on these devices, as the program does. */
export async function startMemory({ medium, chip }: Seats, through = honest): Promise<OpenedMemory> {
  const devices = through({ medium, device: chip })
  return openMemory({
    medium: devices.medium,
    eeprom: await openEeprom(devices.device),
    chassis,
    board,
    onRecovered: () => {},
    onReadOnly: () => {},
  })
}

export const seatsOf = ({ files, chip }: Pick<Image, 'files' | 'chip'>): Seats => ({
  medium: memoryMedium(files),
  chip: memoryEeprom({ ...chipSize, size: chip.length, bytes: new Uint8Array(chip) }),
})

/** What is found in an image, whoever asks. */
interface Found {
  /** Why the start holds. */
  readonly held: string | undefined
  /** Absent: it is no state of this day. */
  readonly date: Dates | undefined
  /** The same of the EEPROM as it was before the start. */
  readonly copy: Dates | 'made up' | 'unreadable'
  /** Why it did not go on. */
  readonly stuck: string | undefined
}

export class Judge {
  readonly #calendar: Calendar
  readonly #through: Through
  /** Images that are the same to the byte are started once. */
  readonly #found = new Map<string, Found>()
  readonly #copies = new Map<string, Found['copy']>()
  readonly #digests = new WeakMap<Uint8Array, string>()
  /** One in so many different images is also made to go on. */
  readonly #goOnEvery: number
  #images = 0
  #wentOn = 0

  constructor(calendar: Calendar, { through = honest, goOnEvery = 1 } = {}) {
    this.#calendar = calendar
    this.#through = through
    this.#goOnEvery = goOnEvery
  }

  get images(): number {
    return this.#images
  }

  get distinct(): number {
    return this.#found.size
  }

  get wentOn(): number {
    return this.#wentOn
  }

  /** What is wrong with what this image leads to; absent: nothing. */
  async verdict(image: Image): Promise<string | undefined> {
    this.#images++
    const key = this.#keyOf(image)
    let found = this.#found.get(key)
    if (found === undefined) {
      found = await this.#start(image, this.#found.size % this.#goOnEvery === 0)
      this.#found.set(key, found)
    }
    const wrong = complaint(found, image)
    return wrong && `image ${image.number} (${image.where}): ${wrong}`
  }

  /** Pictures of every step of the start from this image: the power fails again. */
  async again(image: Image): Promise<readonly Image[]> {
    const known: Known = image
    const camera = new Camera(() => known, image, { chances: 2, seed: image.number })
    const memory = await startMemory(camera, this.#through)
    await memory.close()
    return camera.develop().map((each) => ({ ...each, where: `${image.where}; again: ${each.where}` }))
  }

  async #start(image: Image, goOn: boolean): Promise<Found> {
    const seats = seatsOf(image)
    const copy = await this.#copyIn(image.chip)
    const memory = await startMemory(seats, this.#through)
    const held = memory.readOnly()
    const date = this.#calendar.dateOf(memory.state)
    if (goOn) this.#wentOn++
    const stuck = goOn && held === undefined ? await goesOn(memory, seats, this.#through) : undefined
    return { held, date, copy, stuck }
  }

  async #copyIn(chip: Uint8Array): Promise<Found['copy']> {
    const digest = this.#digest(chip)
    const known = this.#copies.get(digest)
    if (known !== undefined) return known
    const { reading } = await openEeprom(memoryEeprom({ ...chipSize, bytes: chip }))
    const made = this.#dateOfCopy(reading)
    this.#copies.set(digest, made)
    return made
  }

  #dateOfCopy(reading: EepromReading): Found['copy'] {
    switch (reading.kind) {
      case 'blank':
        return notBegun
      case 'content':
        return reading.map.has('head') ? (this.#calendar.dateOfCopy(reading.map) ?? 'made up') : notBegun
      case 'corrupt':
      case 'unreadable':
        return 'unreadable'
    }
  }

  #keyOf({ files, chip }: Image): string {
    const names = [...files.keys()].sort()
    return [...names.map((name) => `${name} ${this.#digest(files.get(name) as Uint8Array)}`), this.#digest(chip)].join()
  }

  #digest(bytes: Uint8Array): string {
    const known = this.#digests.get(bytes)
    if (known !== undefined) return known
    const made = createHash('sha1').update(bytes).digest('base64')
    this.#digests.set(bytes, made)
    return made
  }
}

const notBegun: Dates = { from: -1, to: -1 }

function complaint({ held, date, copy, stuck }: Found, { asked, acknowledged, copied }: Known): string | undefined {
  if (held !== undefined) return `the start holds: ${held}`
  if (date === undefined) return 'the state is none that ever was'
  if (date.to < acknowledged) return `deed ${acknowledged} was acknowledged, and ${date.to} are there`
  if (date.from > asked) return `${asked} deeds were asked for, and ${date.from} are there`
  if (typeof copy === 'string') return `the EEPROM is ${copy}`
  if (copy.to < copied) return `deed ${copied} was acknowledged as in the EEPROM, and ${copy.to} are there`
  if (copy.from > asked) return `${asked} deeds were asked for, and ${copy.from} are in the EEPROM`
  return stuck
}

/** One more command, and a start after that. */
async function goesOn(memory: OpenedMemory, seats: Seats, through: Through): Promise<string | undefined> {
  const record = marker(memory.state)
  const copies = await memory.append(record, true).catch((error: unknown) => String(error))
  if (typeof copies === 'string') return `it does not go on: ${copies}`
  if (!copies.includes('eeprom')) return 'what is added does not reach the EEPROM'
  const next = await startMemory(
    { medium: memoryMedium(seats.medium.remains('lost', seeded(1))), chip: seats.chip },
    through,
  )
  const held = next.readOnly()
  if (held !== undefined) return `the start after the next holds: ${held}`
  const wanted = JSON.stringify(evolve(memory.state, JSON.parse(canonical(record)) as StoreRecord))
  return JSON.stringify(next.state) === wanted ? undefined : 'what was added is not what the start after finds'
}

function marker(state: State): StoreRecord {
  return {
    kind: 'command',
    command: 'set-secret',
    origin: { door: 'console', client: id<'Client'>('tester'), request: 'after-the-cut', content: 'after-the-cut' },
    changes: [{ set: 'secret', secret: { id: id<'Secret'>('marker'), sealed: 'AAAA', mark: `${state.revision}` } }],
    accepted: { changed: true, diff: [], revision: state.revision + 1, epoch: state.epoch },
  }
}
