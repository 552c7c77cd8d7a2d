/**
 * The writing side of the folder: batches go to the open journal, and a generation begins anew with an empty
 * journal and a snapshot in the slot that is not the newest. Each step is durable before the next one relies on it,
 * and the generation before stays readable until then. It throws MediumFault and then knows nothing any more: its
 * owner reads the folder again.
 */
import type { Position } from './copies.ts'
import { journalHeader, journalName, parseJournalName } from './journal.ts'
import { type Medium, MediumFault, type MediumFile } from './medium.ts'
import { otherSlot, readSnapshot, type Slot, snapshotDraft, snapshotFrame, type Wear } from './snapshot.ts'

export interface Content {
  readonly at: Position
  readonly state: unknown
  /** Last position known to be in the EEPROM. */
  readonly copied: Position | undefined
}

/** What recovery found, as far as writing goes on from it. */
export interface Found {
  readonly slot: Slot
  readonly base: number
  readonly newest: number
  readonly snapshotBytes: number
  readonly wear: Wear
}

export class Flash {
  readonly #medium: Medium
  #journal: { readonly file: MediumFile; bytes: number; records: number } | undefined
  #snapshotBytes = 0
  #slot: Slot | undefined
  /** Generation of the newest snapshot: journals from it on are kept until the other slot was written again. */
  #base = 0
  /** Highest generation ever begun, finished or not: no file name is ever used twice. */
  #newest = 0
  #before: Wear = { bytes: 0, syncs: 0 }
  #bytes = 0
  #syncs = 0

  constructor(medium: Medium) {
    this.#medium = medium
  }

  get sinceStart(): Wear {
    return { bytes: this.#bytes, syncs: this.#syncs }
  }

  get ever(): Wear {
    return { bytes: this.#before.bytes + this.#bytes, syncs: this.#before.syncs + this.#syncs }
  }

  /** False on a folder that was never written, and after `drop`. */
  get isOpen(): boolean {
    return this.#journal !== undefined
  }

  /** True where a snapshot is due: recovery stays flat however long the history is. */
  isLong(bytes: number, records: number): boolean {
    if (this.#journal === undefined) return false
    return this.#journal.bytes > Math.max(bytes, this.#snapshotBytes) || this.#journal.records >= records
  }

  /** Generations up to this one were begun by someone. */
  passOver(newest: number): void {
    this.#newest = Math.max(this.#newest, newest)
  }

  believe(found: Found): void {
    this.#slot = found.slot
    this.#base = found.base
    this.#snapshotBytes = found.snapshotBytes
    this.#before = { bytes: found.wear.bytes - this.#bytes, syncs: found.wear.syncs - this.#syncs }
    this.passOver(found.newest)
  }

  /** Goes on with a journal that was read back, cut to what is good in it. */
  async resume(
    journal: { readonly generation: number; readonly good: number; readonly torn: boolean },
    records: number,
  ): Promise<void> {
    const file = await this.#medium.open(journalName(journal.generation))
    this.#journal = { file, bytes: journal.good, records }
    if (journal.torn) await file.truncate(journal.good)
    // What was read may so far be in memory only, if the program before us ended between write and sync.
    await this.#sync(file)
    await this.#syncFolder()
  }

  /** One write, one sync. */
  async append(batch: Uint8Array, records: number): Promise<void> {
    const journal = this.#journal
    if (journal === undefined) throw new Error('no journal is open')
    this.#bytes += batch.length
    await journal.file.append(batch)
    await this.#sync(journal.file)
    journal.bytes += batch.length
    journal.records += records
  }

  /** Begins a new generation with this content. */
  async begin(content: Content): Promise<void> {
    const generation = ++this.#newest
    const header = journalHeader(generation, content.at)
    const file = await this.#create(journalName(generation), header)
    try {
      await this.#syncFolder()
      const slot = otherSlot(this.#slot)
      const draft = snapshotDraft(generation)
      // Its own syncs are not over when it is written: the journal's, two of the folder, its own.
      const wear = { bytes: this.ever.bytes, syncs: this.ever.syncs + 2 }
      const snapshot = snapshotFrame({ generation, ...content, wear, alone: this.#slot === undefined })
      await (await this.#create(draft, snapshot)).close()
      const check = readSnapshot(await this.#medium.read(draft))
      if (check.kind !== 'good') throw new MediumFault('read', draft, check.why)
      await this.#medium.rename(draft, slot)
      await this.#syncFolder()
      this.#snapshotBytes = snapshot.length
      this.#slot = slot
    } catch (error) {
      await letGo(file)
      throw error
    }
    const needless = this.#base
    this.#base = generation
    if (this.#journal) await letGo(this.#journal.file)
    this.#journal = { file, bytes: header.length, records: 0 }
    await this.#removeJournals((of) => of < needless)
  }

  /** Both slots anew, and nothing else left: for a blank folder, and where other content takes the place of the old. */
  async beginTwice(content: Content): Promise<void> {
    await this.begin(content)
    const first = this.#base
    await this.begin(content)
    await this.#removeJournals((of) => of < first)
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of await this.#medium.list()) if (names.includes(name)) await this.#medium.remove(name)
  }

  /** Lets go of the journal, whatever state it is in. */
  async drop(): Promise<void> {
    const journal = this.#journal
    this.#journal = undefined
    if (journal) await letGo(journal.file)
  }

  async #removeJournals(needless: (generation: number) => boolean): Promise<void> {
    for (const name of await this.#medium.list()) {
      const generation = parseJournalName(name)
      if (generation !== undefined && needless(generation)) await this.#medium.remove(name)
    }
  }

  async #create(name: string, bytes: Uint8Array): Promise<MediumFile> {
    const file = await this.#medium.open(name)
    try {
      this.#bytes += bytes.length
      await file.append(bytes)
      await this.#sync(file)
      return file
    } catch (error) {
      await letGo(file)
      throw error
    }
  }

  async #sync(file: MediumFile): Promise<void> {
    this.#syncs++
    await file.sync()
  }

  async #syncFolder(): Promise<void> {
    this.#syncs++
    await this.#medium.syncFolder()
  }
}

async function letGo(file: MediumFile): Promise<void> {
  try {
    await file.close()
  } catch (error) {
    if (!(error instanceof MediumFault)) throw error
  }
}
