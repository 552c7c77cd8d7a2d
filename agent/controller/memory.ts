/**
 * The agent's memory: the binding store, filled with the domain. Opening it decides what this controller may go on from
 * (W13, W14): its own flash where the chassis EEPROM agrees, the EEPROM's copy where this controller is new or stale, and
 * nothing where the two contradict each other or cannot be read. Then it holds, says why, and touches no blade.
 */
import { randomBytes } from 'node:crypto'
import type { ChassisId, Serial } from '../core/addresses.ts'
import { evolve, type StoreRecord } from '../core/record.ts'
import type { Copy } from '../core/reply.ts'
import { blank, type Doubt, type State } from '../core/state.ts'
import type { StoreView } from '../core/views.ts'
import type { Memory } from './agent.ts'
import { GENESIS, type Position } from './store/copies.ts'
import type { Eeprom, EepromReading } from './store/eeprom.ts'
import { essentials, restore } from './store/essentials.ts'
import type { Medium } from './store/medium.ts'
import { headOf, type Relation } from './store/second-copy.ts'
import { openStore, StoreFault, StoreReadOnly } from './store/store.ts'
import { NotStored } from './tend.ts'

export interface MemoryOptions {
  readonly medium: Medium
  /** Absent: this chassis has none, and each answer says single copy. A string: why it can not be used. */
  readonly eeprom: Eeprom | string | undefined
  readonly chassis: ChassisId
  readonly board: string
  readonly onRecovered: (state: State) => void
  readonly onReadOnly: (why: string) => void
}

export interface OpenedMemory extends Memory {
  readonly state: State
  /** Key under which secrets are sealed (W16); undefined: there is no EEPROM to keep it. */
  readonly chassisKey: Uint8Array | undefined
  view(): StoreView
  close(): Promise<void>
}

export async function openMemory(options: MemoryOptions): Promise<OpenedMemory> {
  const { medium, chassis, board } = options
  const eeprom = typeof options.eeprom === 'object' ? options.eeprom : undefined
  const notes: string[] = []
  let recovered: string | undefined
  let held: string | undefined
  let copies: readonly Copy[] = ['flash']
  /** Why the EEPROM lacks the last binding. */
  let single: string | undefined
  const opened = await openStore<State, StoreRecord>({
    medium,
    ...(eeprom && { eeprom }),
    initial: () => blank(chassis, board, ''),
    evolve,
    essentials,
    term: ({ term }) => term,
    onRecovered: ({ state }, why) => {
      recovered = `the flash failed and was read again: ${why}`
      options.onRecovered(state)
    },
    onReadOnly: (why) => {
      options.onRecovered(store.durable.state)
      options.onReadOnly(why)
    },
  })
  const { store } = opened

  function hold(why: string): void {
    held = why
    notes.push(why)
  }

  async function start(): Promise<State> {
    const inEeprom = readCopy(store.eeprom)
    if (opened.kind === 'read-only') {
      hold(opened.reason)
      return opened.readable?.state ?? inEeprom?.state ?? blank(chassis, board, '')
    }
    notes.push(...opened.repaired)
    const { state, relation } = opened
    const found: Found = { options, flash: state, reading: store.eeprom, relation, copy: inEeprom }
    const verdict = judge(found)
    switch (verdict.is) {
      case 'hold':
        hold(verdict.why)
        return isNew(state) && inEeprom ? inEeprom.state : state
      case 'begin':
        return begin(verdict.keys)
      case 'go-on':
        if (eeprom) mirrored(await store.mirror())
        return state
      case 'adopt':
        return adopt(verdict.copy, verdict.keys)
    }
  }

  function mirrored(copied: Awaited<ReturnType<typeof store.mirror>>): boolean {
    copies = copied.eeprom ? ['flash', 'eeprom'] : ['flash']
    single = copied.eeprom ? undefined : copied.why
    return copied.eeprom
  }

  /**
   * The first start in the life of this chassis. Its keys go to the EEPROM before anything goes to flash: wherever the
   * power fails in between, the next start finds whose life that is and goes on with it.
   */
  async function begin(found: ChassisKeys | undefined): Promise<State> {
    const keys = found ?? { key: hex(32), incarnation: hex(16), term: 1 }
    if (eeprom && !found) {
      const inscribed = await store.inscribe(keysAsText(keys))
      if (!inscribed.eeprom) {
        hold(`the chassis EEPROM does not take its first write: ${inscribed.why}`)
        return blank(chassis, board, '')
      }
    }
    const fresh = blank(chassis, board, keys.incarnation)
    if (!(await replaceFlash(fresh, GENESIS))) return fresh
    if (eeprom) mirrored(await store.mirror())
    return fresh
  }

  /**
   * Goes on from the EEPROM: this controller is new, or was away. It may lack records, so the epoch rises and nobody is
   * in office (W15). The term rises first, in the EEPROM: from then on no other controller goes on from its flash (W11).
   */
  async function adopt({ state: copy, at }: EepromCopy, keys: ChassisKeys): Promise<State> {
    const term = Math.max(keys.term, copy.term, at.term) + 1
    const inscribed = await store.inscribe(keysAsText({ ...keys, term }))
    if (!inscribed.eeprom) {
      hold(`the chassis EEPROM can not be written, so this controller can not take over: ${inscribed.why}`)
      return copy
    }
    const { office: _, ...rest } = copy
    const adopted: State = { ...rest, term, epoch: copy.epoch + 1 }
    if (!(await replaceFlash(adopted, { ...at, term }))) return copy
    // Led without it, the same epoch could be given twice.
    if (!mirrored(await store.mirror())) hold(`the chassis EEPROM can not be written: ${single}`)
    notes.push(`adopted revision ${copy.revision} from the chassis EEPROM; take over again, nobody is in office`)
    return adopted
  }

  async function replaceFlash(state: State, at: Position): Promise<boolean> {
    try {
      await store.adopt(state, at)
      return true
    } catch (error) {
      if (!(error instanceof StoreReadOnly)) throw error
      hold(error.message)
      return false
    }
  }

  const state = await start()
  const keys = chassisKeys(store.eeprom)

  return {
    state,
    chassisKey: typeof keys === 'object' ? Buffer.from(keys.key, 'hex') : undefined,
    readOnly: () => held ?? store.readOnly,
    fits: (next) => {
      const room = store.room(withComingDoubts(next))
      if (room === undefined || room.fits) return true
      // What takes less than now is never refused: else a full EEPROM could not be emptied.
      const now = store.room(withComingDoubts(store.durable.state))
      return now !== undefined && bytesOf(next) < bytesOf(store.durable.state)
    },
    append: async (record, everywhere) => {
      if (held !== undefined) throw new NotStored(held, true)
      try {
        const receipt = await store.append([{ record, copies: everywhere ? 'both' : 'flash' }])
        const reached: readonly Copy[] = receipt.eeprom ? ['flash', 'eeprom'] : ['flash']
        if (everywhere) {
          copies = reached
          single = receipt.eeprom ? undefined : (receipt.why ?? 'no EEPROM')
        }
        return reached
      } catch (error) {
        if (error instanceof StoreFault) throw new NotStored(error.message, false)
        if (error instanceof StoreReadOnly) throw new NotStored(error.message, true)
        if (error instanceof RangeError) throw new NotStored(error.message, false)
        throw error
      }
    },
    view: () => {
      const { index, digest } = store.durable.at
      const room = store.room(store.durable.state)
      const stuck = held ?? store.readOnly
      return {
        readOnly: stuck !== undefined,
        notes: [
          ...notes,
          ...(recovered === undefined ? [] : [recovered]),
          ...(stuck === undefined || notes.includes(stuck) ? [] : [stuck]),
          ...(single === undefined || stuck !== undefined ? [] : [`single copy: ${single}`]),
        ],
        copies,
        index,
        digest,
        bytesWritten: store.wear.ever.bytes,
        syncs: store.wear.ever.syncs,
        eepromPagesWritten: eeprom?.wear.pagesEver ?? 0,
        eepromUse: room && room.of > 0 ? Math.min(1, room.pages / room.of) : 0,
      }
    },
    close: () => store.close(),
  }
}

// ── What stands in the EEPROM beside the bindings ───────────────────────────────────────────────────────────────

/** The chassis' own: they are written before the first binding, and change with the controller that leads. */
interface ChassisKeys {
  /** Secrets are sealed under it (W16); hex. */
  readonly key: string
  /** Whose life this is (W21). */
  readonly incarnation: string
  /** Highest term in which a controller led, or set out to: flash of an earlier one is stale (W11, W13). */
  readonly term: number
}

const hex = (bytes: number) => randomBytes(bytes).toString('hex')

const keysAsText = ({ key, incarnation, term }: ChassisKeys) =>
  new Map([
    ['chassis-key', key],
    ['chassis-incarnation', incarnation],
    ['chassis-term', String(term)],
  ])

function chassisKeys(reading: EepromReading | undefined): ChassisKeys | 'none' | 'incomplete' {
  const map = reading?.kind === 'content' ? reading.map : new Map<string, string>()
  const [key, incarnation, term] = ['chassis-key', 'chassis-incarnation', 'chassis-term'].map((name) => map.get(name))
  if (key === undefined && incarnation === undefined && term === undefined) return 'none'
  if (!/^[0-9a-f]{64}$/.test(key ?? '') || !/^[0-9a-f]{32}$/.test(incarnation ?? '')) return 'incomplete'
  if (!/^[1-9]\d{0,14}$/.test(term ?? '')) return 'incomplete'
  return { key: key ?? '', incarnation: incarnation ?? '', term: Number(term) }
}

interface EepromCopy {
  readonly state: State
  readonly at: Position
}

function readCopy(reading: EepromReading | undefined): EepromCopy | undefined {
  const at = reading && headOf(reading)
  const state = reading?.kind === 'content' ? restore(reading.map) : undefined
  return at && state ? { state, at } : undefined
}

// ── What this controller may go on from ─────────────────────────────────────────────────────────────────────────

interface Found {
  readonly options: Pick<MemoryOptions, 'eeprom' | 'chassis' | 'board'>
  readonly flash: State
  readonly reading: EepromReading | undefined
  readonly relation: Relation
  readonly copy: EepromCopy | undefined
}

type Verdict =
  | { readonly is: 'begin'; readonly keys: ChassisKeys | undefined }
  | { readonly is: 'go-on' }
  | { readonly is: 'adopt'; readonly copy: EepromCopy; readonly keys: ChassisKeys }
  | { readonly is: 'hold'; readonly why: string }

/** Nothing was ever stored on this flash. */
const isNew = (flash: State) => flash.incarnation === ''

const holdFor = (why: string): Verdict => ({ is: 'hold', why })

function judge({ options, flash, reading, relation, copy }: Found): Verdict {
  const blankFlash = isNew(flash)
  if (!blankFlash) {
    const elsewhere = stranger('the flash', flash, options)
    if (elsewhere !== undefined) return holdFor(elsewhere)
  }
  if (typeof options.eeprom === 'string')
    return holdFor(`the chassis EEPROM can not be read: ${options.eeprom}; nothing else proves what is bound here`)
  const keys = chassisKeys(reading)
  switch (relation) {
    case 'none':
      return blankFlash ? { is: 'begin', keys: undefined } : { is: 'go-on' }
    case 'unreadable': {
      const why = reading?.kind === 'corrupt' || reading?.kind === 'unreadable' ? reading.reason : 'its head is damaged'
      return holdFor(`the chassis EEPROM can not be read: ${why}; nothing else proves what is bound here`)
    }
    case 'blank':
      if (keys === 'incomplete') return holdFor('the chassis EEPROM lacks some of its own keys')
      if (blankFlash) return { is: 'begin', keys: keys === 'none' ? undefined : keys }
      if (keys === 'none')
        return holdFor(
          'the chassis EEPROM is blank: these bindings were made in another chassis, or the EEPROM was replaced',
        )
      if (keys.incarnation !== flash.incarnation)
        return holdFor('the chassis EEPROM tells of another life of this chassis, or of another chassis')
      return keys.term === flash.term
        ? { is: 'go-on' }
        : holdFor('the chassis EEPROM names another term than the flash, and holds no bindings')
    case 'same':
    case 'older':
    case 'newer':
    case 'conflict':
      break
  }
  if (!copy) return holdFor('the chassis EEPROM holds a copy that this version can not read')
  const elsewhere = stranger('the chassis EEPROM', copy.state, options)
  if (elsewhere !== undefined) return holdFor(elsewhere)
  if (typeof keys === 'string' || keys.incarnation !== copy.state.incarnation)
    return holdFor('the chassis EEPROM holds bindings, and its own keys do not belong to them')
  if (blankFlash) return { is: 'adopt', copy, keys }
  if (flash.incarnation !== copy.state.incarnation)
    return holdFor('the chassis EEPROM tells of another life of this chassis, or of another chassis')
  // Another controller led here since: whatever this one noted later, it adopts and never imposes (W13).
  if (flash.term < keys.term) return { is: 'adopt', copy, keys }
  if (relation === 'conflict' || flash.term > keys.term)
    return holdFor('flash and chassis EEPROM hold different histories; neither is believed')
  return relation === 'newer' ? { is: 'adopt', copy, keys } : { is: 'go-on' }
}

/** Why these bindings are not for this chassis. */
function stranger(where: string, state: State, { chassis, board }: Found['options']): string | undefined {
  if (state.board !== board) return `${where} holds the bindings of a ${state.board}, and this is a ${board}`
  if (state.chassis !== chassis)
    return `${where} holds the bindings of chassis ${state.chassis}, and this is ${chassis}`
  return undefined
}

// ── Room ────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * With a doubt for each bay that has none yet: it is recorded when a blade arrives, long after the assignment was
 * accepted, and must then find room (W10).
 */
function withComingDoubts(state: State): State {
  const coming = Object.entries(state.bays).flatMap(([key, { intent }]): readonly Doubt[] => {
    const bay = Number(key)
    if (!intent || state.doubts.some((doubt) => doubt.profile === intent.profile && doubt.bay === bay)) return []
    const { profile, token } = intent
    const connections = state.profiles[profile]?.profile.connections ?? []
    const placed = Object.fromEntries(connections.map(({ id }, at) => [id, `mezz${at % 8}:${at % 4}-v${at}`]))
    return [{ profile, token, bay, serial: longSerial(bay), placed, keeps: true, kept: false, vouched: false }]
  })
  return coming.length > 0 ? { ...state, doubts: [...state.doubts, ...coming] } : state
}

/** As long as one may be, and as little alike. */
const longSerial = (bay: number) => `${hex64.slice(bay % 32)}${hex64.slice(0, bay % 32)}` as Serial
const hex64 = '5e1f09b7c3a82d6460f5927bd81ce3a4906b7fd2158ac43e72f0b96d1c85a3e4'

function bytesOf(state: State): number {
  let bytes = 0
  for (const [key, value] of essentials(state)) bytes += key.length + value.length
  return bytes
}
