/**
 * The binding store: the agent's durable memory. Records go to a journal on flash, and what must outlive this
 * controller to the chassis EEPROM too; only then is an append acknowledged, by telling which copies exist (I2, W10).
 * Many appends share one write and one sync. The store knows nothing of bays and profiles: the domain comes in as
 * pure functions. On any I/O error it stops, distrusts its memory, reads the medium again and begins a fresh
 * generation before it acknowledges anything more; where that fails too it stays read-only and says so (I7).
 */
import { canonical } from '../../core/blade.ts'
import { GENESIS, type Position } from './copies.ts'
import type { Eeprom, EepromReading, Room } from './eeprom.ts'
import { Flash } from './flash.ts'
import { BATCH_BYTES, batchBytes, batchFrame, chainOf, RECORD_BYTES } from './journal.ts'
import { type Medium, MediumFault } from './medium.ts'
import { contains, type Domain, type FlashContent, readFlash } from './recovery.ts'
import { type Copied, type Essentials, type Relation, relate, SecondCopy } from './second-copy.ts'
import type { Slot, Wear } from './snapshot.ts'

export interface StoreOptions<State, R> {
  readonly medium: Medium
  /** Absent: the board has none, and every acknowledgement says so. */
  readonly eeprom?: Eeprom
  readonly initial: () => State
  /** Pure. What it gets has been through JSON; throwing refuses the append and nothing is written. */
  readonly evolve: (state: State, record: R) => State
  /** What must outlive this controller: key → text. Keys of the chassis itself (`chassis-…`) and `head` are not among them. */
  readonly essentials: (state: State) => ReadonlyMap<string, string>
  /** Owners of a pair so far, as the records tell (W13). */
  readonly term?: (state: State) => number
  /** Keys of the chassis that change together with this state. */
  readonly renewed?: (state: State, found: ReadonlyMap<string, string>) => ReadonlyMap<string, string>
  /** After a fault: discard the head and go on from this. Called before anything more is accepted. */
  readonly onRecovered?: (durable: Durable<State>, why: string) => void
  readonly onReadOnly?: (reason: string) => void
  /** The other controllers of this chassis that must store what this one does. Absent: there is none. */
  readonly others?: Others<State>
  /** A new snapshot once the journal is longer than this and than the snapshot. */
  readonly journalBytes?: number
  readonly journalRecords?: number
}

/** A state that is on flash. */
export interface Durable<State> {
  readonly state: State
  readonly at: Position
}

/** Records in their order on flash, and where they begin and end. */
export interface Batch {
  readonly before: Position
  readonly at: Position
  /** Canonical JSON of each. None: where the log stands, and nothing more. */
  readonly texts: readonly string[]
}

/** Asked for one batch after the other, in the order of the log. */
export interface Others<State> {
  /**
   * Resolves when each controller that counts as a member has stored the log up to the end of this batch, and tells
   * whether one did. Whoever does not answer is no member any more before this resolves (W10). Rejects with StoreFault
   * when this controller leads no longer: the record may be found later, or not.
   */
  store(batch: Batch, content: Durable<State>): Promise<boolean>
  /**
   * Asked before an answer of which this flash alone holds anything: rejects with StoreFault where another controller
   * leads by now, which would know nothing of it (I2).
   */
  leads(): Promise<void>
  /** Why nothing can be acknowledged at the moment, where that is so. */
  readonly stuck: string | undefined
}

export interface Entry<R> {
  /** JSON-able. */
  readonly record: R
  /** `flash`: power, locate, one-shots. `both`: everything that binds (W10). */
  readonly copies: 'flash' | 'both'
}

/** Which copies hold it. `why` tells why the EEPROM does not, where it should. */
export type Receipt = Position & {
  readonly flash: true
  readonly peer: boolean
  readonly eeprom: boolean
  readonly why?: string
}

/** The medium failed and the append is not acknowledged: it may or may not be found by the recovery that follows. */
export class StoreFault extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'StoreFault'
  }
}

/** Nothing is written any more until a restart, or until the content is replaced by command. */
export class StoreReadOnly extends Error {
  constructor(reason: string) {
    super(reason)
    this.name = 'StoreReadOnly'
  }
}

export interface StoreWear {
  readonly sinceStart: Wear
  readonly ever: Wear
}

export type Opened<State, R> = {
  readonly store: Store<State, R>
  readonly eeprom: EepromReading | undefined
  readonly relation: Relation
} & (
  | (Durable<State> & {
      readonly kind: 'open'
      /** `blank`: nothing was ever stored here. */
      readonly source: 'blank' | Slot
      /** What was cut or restored, in words for a technician. */
      readonly repaired: readonly string[]
    })
  | {
      readonly kind: 'read-only'
      readonly reason: string
      /** The part that could be read: to show, never to act on (I7). */
      readonly readable?: Durable<State>
    }
)

/** Reads the folder and the EEPROM. Never throws for what it finds there. */
export async function openStore<State, R>(options: StoreOptions<State, R>): Promise<Opened<State, R>> {
  const store = new Store(options)
  return store.open()
}

interface Waiting<R> {
  readonly entries: readonly Entry<R>[]
  readonly texts: readonly string[]
  readonly resolve: (receipt: Receipt) => void
  readonly reject: (error: unknown) => void
}

type Status = { readonly kind: 'open' | 'recovering' } | { readonly kind: 'read-only'; readonly reason: string }

/** A medium that fails so often in a row is left alone. */
const TRIES = 3

export class Store<State, R> {
  readonly #options: StoreOptions<State, R>
  readonly #domain: Domain<State, R>
  readonly #flash: Flash
  readonly #copy: SecondCopy
  #status: Status = { kind: 'recovering' }
  #durable: Durable<State>
  /**
   * What the members have too. The EEPROM gets no more than this: its copy is never ahead of a member's, so that whoever
   * takes over as a member lacks nothing of it (W11).
   */
  #shared: Durable<State>
  /** Record → digest, as far back as the journals reach: tells an older copy from another history (W13). */
  #digests = new Map<number, string>()
  #queue: Waiting<R>[] = []
  #work: Promise<void> | undefined

  constructor(options: StoreOptions<State, R>) {
    this.#options = options
    this.#domain = { initial: options.initial, evolve: options.evolve, term: options.term ?? (() => 0) }
    this.#flash = new Flash(options.medium)
    this.#durable = { state: options.initial(), at: GENESIS }
    this.#shared = this.#durable
    this.#copy = new SecondCopy(options.eeprom, () => this.#essentials(this.#shared))
  }

  /** The newest state that is durable on flash, and where it stands. */
  get durable(): Durable<State> {
    return this.#durable
  }

  /** Why nothing can be stored, where that is so. */
  get readOnly(): string | undefined {
    return this.#status.kind === 'read-only' ? this.#status.reason : undefined
  }

  get wear(): StoreWear {
    return { sinceStart: this.#flash.sinceStart, ever: this.#flash.ever }
  }

  get eeprom(): EepromReading | undefined {
    return this.#copy.reading
  }

  /** Why the EEPROM gets no copies, where that is by decision. */
  get eepromHeld(): string | undefined {
    return this.#copy.held
  }

  /** Would the essentials of this state fit the EEPROM? Ask before accepting; `undefined` where there is none. */
  room(state: State): Room | undefined {
    return this.#copy.room(this.#essentials({ ...this.#durable, state }))
  }

  /**
   * Makes the records durable, all or none, and in the order of the calls. Resolves when they are on flash and, with
   * a `both` among them, when the EEPROM holds them too or can not. Rejects with StoreFault, StoreReadOnly, a
   * RangeError for records that are too long, or what `evolve` threw; only after a StoreFault may they be found later.
   */
  append(entries: readonly Entry<R>[]): Promise<Receipt> {
    if (this.#status.kind === 'read-only') return Promise.reject(new StoreReadOnly(this.#status.reason))
    if (this.#status.kind === 'recovering') return Promise.reject(new StoreFault('the flash is being read again'))
    const texts = entries.map(({ record }) => canonical(record))
    const bytes = batchBytes(texts)
    if (texts.length === 0) return Promise.reject(new RangeError('nothing to append'))
    if (bytes > RECORD_BYTES) return Promise.reject(new RangeError(`${bytes} bytes are more than ${RECORD_BYTES}`))
    return new Promise((resolve, reject) => {
      this.#queue.push({ entries, texts, resolve, reject })
      this.#start()
    })
  }

  #start(): void {
    // The first call of a turn of the event loop waits for the others, so that they share its sync.
    this.#work ??= Promise.resolve()
      .then(() => this.#drain())
      .finally(() => {
        this.#work = undefined
        if (this.#queue.length > 0) this.#start()
      })
  }

  async #drain(): Promise<void> {
    const { journalBytes = 256 * 1024, journalRecords = 4096 } = this.#options
    while (this.#queue.length > 0) {
      const batch: Waiting<R>[] = []
      try {
        await this.#commit(batch)
        if (this.#flash.isLong(journalBytes, journalRecords)) await this.#begin(this.#durable)
      } catch (error) {
        if (!(error instanceof MediumFault)) throw error
        await this.#failStop(error, batch)
      }
    }
  }

  /** One batch: one write, one sync. What is in `batch` when this throws was not acknowledged. */
  async #commit(batch: Waiting<R>[]): Promise<void> {
    const state = this.#gather(batch)
    if (batch.length === 0) return
    // A blank folder gets both of its slots before its first record: one alone could be lost.
    if (!this.#flash.isOpen) await this.#flash.beginTwice({ ...this.#durable, copied: this.#copy.head })
    const texts = batch.flatMap((waiting) => waiting.texts)
    const before = this.#durable.at
    const digests = chainOf(before.digest, texts)
    const digest = digests[digests.length - 1] as string
    await this.#flash.append(batchFrame(before.index + 1, digest, texts), texts.length)
    const at = { term: this.#domain.term(state), index: before.index + texts.length, digest }
    const content = { state, at }
    for (const [offset, made] of digests.entries()) this.#digests.set(before.index + 1 + offset, made)
    this.#durable = content
    const shared = this.#share({ before, at, texts }, content)
    let index = before.index
    for (const waiting of batch.splice(0)) {
      index += waiting.texts.length
      this.#acknowledge(waiting, { term: at.term, index, digest: this.#digests.get(index) as string }, shared)
    }
  }

  /** Whether another controller has it too. */
  async #share(batch: Batch, content: Durable<State>): Promise<boolean> {
    const { others } = this.#options
    const peer = others ? await others.store(batch, content) : false
    if (content.at.index >= this.#shared.at.index || content.at.term > this.#shared.at.term) this.#shared = content
    return peer
  }

  /**
   * Moves what fits into one batch from the queue, and tells the state after it. Records go through JSON, as a
   * restart will read them, and through `evolve` before they are written: what can not be replayed is never stored.
   */
  #gather(batch: Waiting<R>[]): State {
    let state = this.#durable.state
    let bytes = 0
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (bytes + batchBytes(next.texts) > BATCH_BYTES) break
      this.#queue.shift()
      try {
        state = next.texts.reduce((before, text) => this.#domain.evolve(before, JSON.parse(text) as R), state)
        bytes += batchBytes(next.texts)
        batch.push(next)
      } catch (error) {
        next.reject(error)
      }
    }
    return state
  }

  /** Flash, then the members, then the EEPROM: each later one holds no more than the earlier ones. */
  #acknowledge({ entries, resolve, reject }: Waiting<R>, at: Position, shared: Promise<boolean>): void {
    const alone = entries.every(({ copies }) => copies === 'flash')
    shared
      .then(async (peer) => {
        const copied = alone ? { eeprom: false } : await this.#copy.copy()
        if (!peer && !copied.eeprom) await this.#options.others?.leads()
        resolve({ ...at, flash: true, peer, ...copied })
      })
      .catch(reject)
  }

  /** A new generation with this content, which from then on is what is durable. */
  async #begin(content: Durable<State>): Promise<void> {
    const copied = this.#copy.head
    await this.#flash.begin({ ...content, copied })
    this.#durable = content
    this.#remember(content.at, copied)
  }

  #remember(at: Position, copied: Position | undefined): void {
    this.#digests = new Map(copied && copied.index < at.index ? [[copied.index, copied.digest]] : [])
    this.#digests.set(at.index, at.digest)
  }

  /** @internal Called once, by openStore. */
  async open(): Promise<Opened<State, R>> {
    try {
      const reading = await readFlash(this.#options.medium, this.#domain)
      this.#flash.passOver(reading.newest)
      if (reading.kind === 'corrupt') return this.#openedReadOnly(reading.reason, reading.readable)
      if (reading.kind === 'content') await this.#settle(reading)
      await this.#flash.remove(reading.leftovers)
      const relation = this.#relate()
      this.#status = { kind: 'open' }
      const source = reading.kind === 'blank' ? 'blank' : reading.slot
      const { repaired } = reading
      return { kind: 'open', store: this, eeprom: this.eeprom, relation, ...this.#durable, source, repaired }
    } catch (error) {
      if (!(error instanceof MediumFault)) throw error
      await this.#flash.drop()
      return this.#openedReadOnly(`the flash can not be used: ${error.message}`)
    }
  }

  #openedReadOnly(reason: string, readable?: Durable<State>): Opened<State, R> {
    this.#status = { kind: 'read-only', reason }
    this.#copy.hold(`the flash is read-only: ${reason}`)
    const relation = relate(this.eeprom, GENESIS, () => undefined)
    const shown = { kind: 'read-only' as const, store: this, eeprom: this.eeprom, relation, reason }
    return readable ? { ...shown, readable } : shown
  }

  /** Takes over what was read, and leaves the folder as a finished generation does. */
  async #settle(reading: FlashContent<State>): Promise<void> {
    const { state, at, copied } = reading
    this.#durable = { state, at }
    this.#shared = this.#durable
    this.#flash.believe(reading)
    this.#digests = new Map(reading.digests)
    if (copied && copied.index < at.index && !this.#digests.has(copied.index))
      this.#digests.set(copied.index, copied.digest)
    await this.#flash.resume(reading.journal, reading.journalled)
    // A sync that failed in another life may have left a journal that is good in memory and bad on flash for ever.
    if (reading.journalled > 0 || reading.untidy) {
      const head = this.#copy.head
      const proven = head && this.#digests.get(head.index) === head.digest
      await this.#flash.begin({ state, at, copied: proven ? head : copied })
    }
  }

  /** Compares the EEPROM's copy, and holds back from writing it unless flash goes on from it. */
  #relate(): Relation {
    const relation = relate(this.eeprom, this.#durable.at, (index) => this.#digests.get(index))
    const fresh = relation === 'blank' && this.#durable.at.index === 0
    if (relation === 'none' || relation === 'same' || relation === 'older' || fresh) this.#copy.release()
    else this.#copy.hold(HELD[relation])
    return relation
  }

  /** Reads the EEPROM anew and compares, as a controller must before it leads (W11). */
  async compareEeprom(): Promise<Relation> {
    await this.#copy.reread()
    return this.#relate()
  }

  /**
   * Brings the EEPROM up to the durable state, whatever it held before: the decision that this flash is right. Also
   * for the start of a leading controller, whose last record may have reached flash alone.
   */
  async mirror(): Promise<Copied> {
    if (this.#status.kind === 'read-only') return { eeprom: false, why: this.#status.reason }
    this.#copy.release()
    const { at } = this.#durable
    await this.#share({ before: at, at, texts: [] }, this.#durable)
    return this.#copy.copy()
  }

  /**
   * Writes keys of the chassis and everything that is on flash in one transaction: from then on the EEPROM's copy needs
   * no other controller beside it (W10, W11).
   */
  async secure(changes: ReadonlyMap<string, string | undefined>): Promise<Copied> {
    if (this.#status.kind === 'read-only') return { eeprom: false, why: this.#status.reason }
    this.#copy.release()
    let all = this.#durable
    const copied = await this.#copy.copyWith(changes, () => {
      if (this.#shared.at.index > all.at.index) all = this.#shared
      return this.#essentials(all)
    })
    // Not before it is there: a copy that waits for its turn must not hold more than those who are still named.
    if (copied.eeprom && all.at.index >= this.#shared.at.index) this.#shared = all
    return copied
  }

  /** Sets or removes keys of the chassis in the EEPROM (`chassis-key`, `chassis-uuid` …). */
  inscribe(changes: ReadonlyMap<string, string | undefined>): Promise<Copied> {
    return this.#copy.inscribe(changes)
  }

  /** Makes the EEPROM blank, chassis keys and all: only by command. */
  async eraseEeprom(): Promise<Copied> {
    const erased = await this.#copy.erase()
    if (this.#status.kind === 'open') this.#relate()
    return erased
  }

  /**
   * Replaces everything on flash by another copy's content, at that copy's position: what a replaced controller does
   * with what it can prove (W14), and the way out of a read-only store. What waits is rejected. A fault in between
   * leaves the store read-only, and on flash the old content or the new.
   */
  async adopt(state: State, at: Position): Promise<void> {
    if (this.#status.kind === 'recovering') throw new StoreFault('the flash is being read again')
    this.#status = { kind: 'recovering' }
    for (const waiting of this.#queue.splice(0)) waiting.reject(new StoreFault('another copy was adopted'))
    while (this.#work !== undefined) await this.#work
    this.#status = { kind: 'recovering' }
    const content = { state: JSON.parse(JSON.stringify(state)) as State, at }
    try {
      this.#flash.passOver((await readFlash(this.#options.medium, this.#domain)).newest)
      await this.#flash.beginTwice({ ...content, copied: undefined })
    } catch (error) {
      if (!(error instanceof MediumFault)) throw error
      const reason = `adopting another copy failed: ${error.message}`
      this.#stop(reason)
      throw new StoreReadOnly(reason)
    }
    this.#durable = content
    this.#shared = content
    this.#remember(at, undefined)
    this.#status = { kind: 'open' }
    this.#relate()
  }

  /** Waits for what was appended, then lets go of the files. Nothing is written by it. */
  async close(): Promise<void> {
    while (this.#work !== undefined) await this.#work
    await this.#copy.settled()
    this.#status = { kind: 'read-only', reason: 'the store is closed' }
    await this.#flash.drop()
  }

  /**
   * Going on after an I/O error lost acknowledged records in crash tests: the kernel may have dropped what it could
   * not write and call it clean. So: nothing in memory counts, what is read back does, and it is written afresh.
   */
  async #failStop(fault: MediumFault, batch: readonly Waiting<R>[]): Promise<void> {
    this.#status = { kind: 'recovering' }
    const reason = `${fault.message}: nothing is acknowledged until the flash was read again`
    for (const waiting of [...batch, ...this.#queue.splice(0)]) waiting.reject(new StoreFault(reason))
    const acknowledged = this.#durable.at
    let last = fault
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        await this.#flash.drop()
        const reading = await readFlash(this.#options.medium, this.#domain)
        this.#flash.passOver(reading.newest)
        if (reading.kind === 'corrupt') return this.#stop(reading.reason)
        if (reading.kind === 'content') {
          if (!contains(reading, acknowledged))
            return this.#stop(`record ${acknowledged.index} was acknowledged and is gone`)
          this.#flash.believe(reading)
          await this.#begin({ state: reading.state, at: reading.at })
        } else {
          if (acknowledged.index > 0) return this.#stop(`nothing is left of ${acknowledged.index} records`)
          await this.#flash.beginTwice({ ...this.#durable, copied: this.#copy.head })
        }
        await this.#flash.remove(reading.leftovers)
        this.#status = { kind: 'open' }
        this.#options.onRecovered?.(this.#durable, fault.message)
        return
      } catch (error) {
        if (!(error instanceof MediumFault)) throw error
        last = error
      }
    }
    await this.#flash.drop()
    this.#stop(`the flash can not be written: ${last.message}`)
  }

  #stop(reason: string): void {
    this.#status = { kind: 'read-only', reason }
    this.#options.onReadOnly?.(reason)
  }

  #essentials({ state, at }: Durable<State>): Essentials {
    const { essentials, renewed = () => new Map() } = this.#options
    return { at, map: essentials(state), renewed: (found) => renewed(state, found) }
  }
}

const HELD: { readonly [relation in 'blank' | 'newer' | 'conflict' | 'unreadable']: string } = {
  blank: 'the EEPROM is blank and the flash is not',
  newer: 'the EEPROM holds a newer copy',
  conflict: 'the EEPROM holds another history',
  unreadable: 'what the EEPROM holds can not be read',
}
