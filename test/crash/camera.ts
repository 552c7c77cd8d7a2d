/**
 * Cuts the power everywhere without ending the life that it looks at: at every step of flash and of the chassis EEPROM
 * it takes the pictures of what a cut there could leave, with what had been asked for and what had been acknowledged
 * by then. Where nothing waits to be synced, a cut leaves one thing only, and one picture is taken.
 */
import type { EepromDevice } from '../../agent/controller/store/eeprom-device.ts'
import type { Medium } from '../../agent/controller/store/medium.ts'
import { type MemoryEeprom, memoryEeprom } from '../controller/store/memory-eeprom.ts'
import {
  type MemoryMedium,
  memoryMedium,
  OUTCOMES,
  type Outcome,
  type Random,
  seeded,
} from '../controller/store/memory-medium.ts'

export interface Known {
  /** Deeds handed to the store. */
  readonly asked: number
  /** The last deed that was acknowledged: it and all before it are on flash. -1: the first start is not over. */
  readonly acknowledged: number
  /** The last deed acknowledged as being in the EEPROM too. */
  readonly copied: number
}

export interface Image extends Known {
  /** From 1, in the order in which pictures were taken. */
  readonly number: number
  /** Step and outcome, to find it again. */
  readonly where: string
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly chip: Uint8Array
}

export const chipSize = { size: 40 * 128, pageBytes: 128 } as const

/** What chance decides: each is tried with several seeds. */
const byChance: readonly Outcome[] = ['torn', 'reordered', 'garbage', 'hole']

/** Bytes of a page that arrive before the power is gone; between the first and the last, old and new are mixed. */
const arriving = [0, 1, 64, 127, 'mixed', 'swapped'] as const

export class Camera {
  readonly medium: MemoryMedium
  readonly chip: MemoryEeprom
  readonly #known: () => Known
  readonly #chances: number
  readonly #random: Random
  #film: Image[] = []
  #taken = 0
  /** The chip's bytes, copied once for all pictures between two page writes. */
  #bytes: Uint8Array | undefined

  constructor(known: () => Known, start?: Pick<Image, 'files' | 'chip'>, { chances = 4, seed = 1 } = {}) {
    this.medium = memoryMedium(start?.files)
    this.chip = memoryEeprom({ ...chipSize, ...(start && { bytes: new Uint8Array(start.chip) }) })
    this.#known = known
    this.#chances = chances
    this.#random = seeded(seed)
    this.medium.watch = ({ number, operation, file }) => this.#flashStep(`step ${number}, ${operation} ${file}`)
    this.chip.watch = (page, content) => this.#pageStep(page, content)
  }

  get taken(): number {
    return this.#taken
  }

  /** The pictures since the last call. */
  develop(): readonly Image[] {
    const film = this.#film
    this.#film = []
    return film
  }

  #flashStep(where: string): void {
    this.#bytes ??= new Uint8Array(this.chip.bytes)
    for (const { outcome, files } of this.#flash()) this.#take(`${where}, ${outcome}`, files, this.#bytes)
  }

  #pageStep(page: number, content: Uint8Array): void {
    const { bytes, pageBytes, pageWrites } = this.chip
    const at = page * pageBytes
    const old = bytes.slice(at, at + pageBytes)
    for (const arrived of arriving) {
      const chip = new Uint8Array(bytes)
      if (arrived === 'mixed')
        chip.set(
          content.map((byte, i) => (this.#random(2) === 0 ? byte : (old[i] as number))),
          at,
        )
      else if (arrived === 'swapped') chip.set(content.subarray(pageBytes >> 1), at + (pageBytes >> 1))
      else chip.set(content.subarray(0, arrived), at)
      const where = `page write ${pageWrites}, page ${page}, ${arrived}`
      const [all, ...others] = this.#flash()
      if (all) this.#take(`${where}, ${all.outcome}`, all.files, chip)
      const other = others[this.#random(Math.max(1, others.length))]
      if (other) this.#take(`${where}, ${other.outcome}`, other.files, chip)
    }
    this.#bytes = undefined
  }

  /** What a cut now can make of flash. */
  #flash(): { readonly outcome: string; readonly files: ReadonlyMap<string, Uint8Array> }[] {
    const { medium } = this
    if (!medium.unsynced) return [{ outcome: 'nothing open', files: medium.remains('all', this.#random) }]
    return OUTCOMES.flatMap((outcome) =>
      Array.from({ length: byChance.includes(outcome) ? this.#chances : 1 }, () => ({
        outcome,
        files: medium.remains(outcome, this.#random),
      })),
    )
  }

  #take(where: string, files: ReadonlyMap<string, Uint8Array>, chip: Uint8Array): void {
    this.#film.push({ ...this.#known(), number: ++this.#taken, where, files, chip })
  }
}

/** The same two devices as a program sees them: broken stores put something in between. */
export interface Devices {
  readonly medium: Medium
  readonly device: EepromDevice
}
