/**
 * The copy of the bindings in the chassis EEPROM, as the binding store keeps it: what the domain calls essential,
 * the head that says where this copy stands, and keys of the chassis itself (`chassis-…`: its key, UUID, members)
 * that are on no flash. It is written only when it is known to be an older copy of what is on flash, or by command:
 * a stale controller that is put back adopts and never imposes (W13, W14).
 */
import { compareCopies, type Position, parsePosition } from './copies.ts'
import { type Eeprom, EepromFull, type EepromReading, type Room } from './eeprom.ts'
import { EepromFault } from './eeprom-device.ts'

/** Keys that begin so live in the EEPROM only: a stolen controller does not carry them (W16). */
export const CHASSIS_KEYS = 'chassis-'
const HEAD = 'head'

export type Copied = { readonly eeprom: true } | { readonly eeprom: false; readonly why: string }

/**
 * The EEPROM's copy against the one on flash. `older`: flash goes on from it. `newer`: flash lacks records.
 * `conflict`: two histories (W13). `blank`: no copy is there. `unreadable`: something is there, or nothing answers.
 */
export type Relation = 'none' | 'blank' | 'same' | 'older' | 'newer' | 'conflict' | 'unreadable'

export interface Essentials {
  readonly at: Position
  readonly map: ReadonlyMap<string, string>
  /** Keys of the chassis that this content changes, given those that are there. */
  renewed(found: ReadonlyMap<string, string>): ReadonlyMap<string, string>
}

/** Where the copy in the EEPROM stands; absent where there is no copy. */
export function headOf(reading: EepromReading): Position | undefined {
  const text = reading.kind === 'content' ? reading.map.get(HEAD) : undefined
  try {
    return text === undefined ? undefined : parsePosition(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** `digestAt` tells the digest that stood on flash after a record, as far back as is known. */
export function relate(
  reading: EepromReading | undefined,
  flash: Position,
  digestAt: (index: number) => string | undefined,
): Relation {
  if (reading === undefined) return 'none'
  if (reading.kind === 'blank') return 'blank'
  if (reading.kind !== 'content') return 'unreadable'
  const head = headOf(reading)
  if (head === undefined) return reading.map.has(HEAD) ? 'unreadable' : 'blank'
  const order = compareCopies(flash, head)
  if (order === 'b-newer') return 'newer'
  if (order === 'conflict') return 'conflict'
  if (order === 'same') return 'same'
  const stood = digestAt(head.index)
  return stood === undefined || stood === head.digest ? 'older' : 'conflict'
}

export class SecondCopy {
  readonly #eeprom: Eeprom | undefined
  readonly #current: () => Essentials
  #held: string | undefined
  /** Last position that the EEPROM is known to hold. */
  #head: Position | undefined
  /** The last write did not come through: what is there must be read before it is built upon. */
  #failed = false
  #waiting: { readonly resolve: (copied: Copied) => void; readonly reject: (bug: unknown) => void }[] = []
  /** Writes follow one another; each takes along whatever waits by then. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(eeprom: Eeprom | undefined, current: () => Essentials) {
    this.#eeprom = eeprom
    this.#current = current
    this.#head = eeprom && headOf(eeprom.reading)
  }

  get reading(): EepromReading | undefined {
    return this.#eeprom?.reading
  }

  get head(): Position | undefined {
    return this.#head
  }

  /** Why the EEPROM is not written, where it is not. */
  get held(): string | undefined {
    return this.#held
  }

  /** From now on the EEPROM is not written until `release`. */
  hold(why: string): void {
    this.#held = why
  }

  release(): void {
    this.#held = undefined
  }

  /** Resolves once the EEPROM holds the durable state, or when it is known that it does not. Rejects for bugs only. */
  copy(): Promise<Copied> {
    if (this.#eeprom === undefined) return Promise.resolve({ eeprom: false, why: 'no EEPROM' })
    if (this.#held !== undefined) return Promise.resolve({ eeprom: false, why: this.#held })
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (this.#waiting.length === 1) this.#then(() => this.#copyWaiting()).catch(reject)
    })
  }

  async #copyWaiting(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      const essentials = this.#current()
      const copied = await this.#write(() => this.#withChassisKeys(essentials))
      if (copied.eeprom) this.#head = essentials.at
      for (const { resolve } of waiting) resolve(copied)
    } catch (bug) {
      for (const { reject } of waiting) reject(bug)
    }
  }

  /** The same, and keys of the chassis in the same transaction. */
  copyWith(changes: ReadonlyMap<string, string | undefined>, current: () => Essentials): Promise<Copied> {
    mustBeKeys(changes)
    return this.#then(async () => {
      const essentials = current()
      const copied = await this.#write(() => changed(this.#withChassisKeys(essentials), changes))
      if (copied.eeprom) this.#head = essentials.at
      return copied
    })
  }

  /** Sets or removes keys of the chassis, beside whatever else is there. */
  inscribe(changes: ReadonlyMap<string, string | undefined>): Promise<Copied> {
    mustBeKeys(changes)
    return this.#then(() => this.#write(() => changed(this.#found(), changes)))
  }

  /** Gives up what the EEPROM holds, chassis keys and all. */
  erase(): Promise<Copied> {
    return this.#then(async () => {
      const copied = await this.#attempt((eeprom) => eeprom.erase())
      if (copied.eeprom) this.#head = undefined
      return copied
    })
  }

  /** Reads it anew: another controller may have led meanwhile (W11). */
  reread(): Promise<EepromReading | undefined> {
    return this.#then(async () => {
      const reading = await this.#eeprom?.read()
      this.#head = reading && headOf(reading)
      return reading
    })
  }

  room(essentials: Essentials): Room | undefined {
    return this.#eeprom?.room(this.#withChassisKeys(essentials))
  }

  /** After everything asked for so far. */
  async settled(): Promise<void> {
    await this.#turn
  }

  #then<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  #found(): ReadonlyMap<string, string> {
    const reading = this.#eeprom?.reading
    return reading?.kind === 'content' ? reading.map : new Map()
  }

  #withChassisKeys({ at, map, renewed }: Essentials): ReadonlyMap<string, string> {
    const { term, index, digest } = at
    const next = new Map(map)
    const found = this.#found()
    for (const [key, value] of found) if (key.startsWith(CHASSIS_KEYS)) next.set(key, value)
    for (const [key, value] of renewed(found)) next.set(key, value)
    return next.set(HEAD, JSON.stringify({ term, index, digest }))
  }

  async #write(next: () => ReadonlyMap<string, string>): Promise<Copied> {
    return this.#attempt(async (eeprom) => {
      if (this.#failed || eeprom.reading.kind === 'unreadable') {
        // What can not be read is not empty: written from nothing, the keys of the chassis would be gone (I7).
        const found = await eeprom.read()
        if (found.kind === 'unreadable' || found.kind === 'corrupt') throw new EepromFault(found.reason)
      }
      this.#failed = true
      try {
        await eeprom.write(next())
        this.#failed = false
      } catch (error) {
        // It may be there all the same.
        if (error instanceof EepromFault && !(error instanceof EepromFull)) await eeprom.read()
        throw error
      }
    })
  }

  async #attempt(work: (eeprom: Eeprom) => Promise<void>): Promise<Copied> {
    if (this.#eeprom === undefined) return { eeprom: false, why: 'no EEPROM' }
    try {
      await work(this.#eeprom)
      return { eeprom: true }
    } catch (error) {
      if (error instanceof EepromFull) return { eeprom: false, why: `the EEPROM is full: ${error.message}` }
      if (error instanceof EepromFault) return { eeprom: false, why: `the EEPROM failed: ${error.message}` }
      throw error
    }
  }
}

function changed(
  map: ReadonlyMap<string, string>,
  changes: ReadonlyMap<string, string | undefined>,
): ReadonlyMap<string, string> {
  const next = new Map(map)
  for (const [key, value] of changes) {
    if (value === undefined) next.delete(key)
    else next.set(key, value)
  }
  return next
}

function mustBeKeys(changes: ReadonlyMap<string, unknown>): void {
  for (const key of changes.keys())
    if (!key.startsWith(CHASSIS_KEYS)) throw new RangeError(`${key} is not a key of the chassis`)
}
