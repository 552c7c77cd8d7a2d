/**
 * The agent's memory: the binding store, filled with the domain. Opening it decides what this controller may go on from
 * (W13, W14): its own flash where the chassis EEPROM agrees, the EEPROM's copy where this controller is new or stale, and
 * nothing where the two contradict each other or cannot be read. Then it holds, says why, and touches no blade.
 */
import { randomBytes } from 'node:crypto'
import type { ChassisId } from '../core/addresses.ts'
import { evolve, type StoreRecord } from '../core/record.ts'
import type { Copy } from '../core/reply.ts'
import { blank, type State } from '../core/state.ts'
import type { StoreView } from '../core/views.ts'
import { type Memory, NotStored } from './agent.ts'
import { GENESIS } from './store/copies.ts'
import type { Eeprom } from './store/eeprom.ts'
import { essentials, restore } from './store/essentials.ts'
import type { Medium } from './store/medium.ts'
import { headOf } from './store/second-copy.ts'
import { openStore, type Store, StoreFault, StoreReadOnly } from './store/store.ts'

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
  let held: string | undefined
  const opened = await openStore<State, StoreRecord>({
    medium,
    ...(eeprom && { eeprom }),
    initial: () => blank(chassis, board, ''),
    evolve,
    essentials,
    term: ({ term }) => term,
    onRecovered: ({ state }, why) => {
      notes.push(why)
      options.onRecovered(state)
    },
    onReadOnly: (why) => {
      options.onRecovered(store.durable.state)
      options.onReadOnly(why)
    },
  })
  const { store, relation } = opened
  const hold = (why: string) => {
    held = why
    notes.push(why)
  }

  const start = async (): Promise<State> => {
    if (opened.kind === 'read-only') {
      hold(opened.reason)
      return opened.readable?.state ?? blank(chassis, board, '')
    }
    notes.push(...opened.repaired)
    if (typeof options.eeprom === 'string') notes.push(`the chassis EEPROM can not be read: ${options.eeprom}`)
    const { state } = opened
    const isNew = state.incarnation === ''
    switch (relation) {
      case 'newer':
        return adopt()
      case 'conflict':
        hold('flash and chassis EEPROM hold different histories; neither is believed')
        return state
      case 'unreadable':
        hold('the chassis EEPROM can not be read, and nothing else proves what is on flash')
        return state
      case 'blank':
        if (!isNew) {
          hold('the chassis EEPROM is blank: these bindings were made in another chassis, or the EEPROM was replaced')
          return state
        }
        return begin(true)
      case 'none':
        if (options.eeprom !== undefined && !isNew) {
          hold('the chassis EEPROM does not answer, and nothing else proves what is on flash')
          return state
        }
        return isNew ? begin(false) : sameChassis(state)
      case 'same':
      case 'older': {
        if (isNew) return adopt()
        await store.mirror()
        return sameChassis(state)
      }
    }
  }

  function sameChassis(state: State): State {
    if (state.board !== board) hold(`these bindings were made in a ${state.board}, and this is a ${board}`)
    return state
  }

  /** The first start in the life of this chassis. */
  async function begin(inscribe: boolean): Promise<State> {
    const fresh = blank(chassis, board, randomBytes(16).toString('hex'))
    await store.adopt(fresh, GENESIS)
    if (inscribe) await store.inscribe(new Map([['chassis-key', randomBytes(32).toString('hex')]]))
    await store.mirror()
    return fresh
  }

  /** Goes on from the EEPROM: this controller is new, or was away. It may lack records, so nobody is in office (W15). */
  async function adopt(): Promise<State> {
    const reading = store.eeprom
    const at = reading && headOf(reading)
    const copy = reading?.kind === 'content' ? restore(reading.map) : undefined
    if (!copy || !at) {
      hold('the chassis EEPROM holds a copy that this version can not read')
      return store.durable.state
    }
    if (copy.board !== board) {
      hold(`the chassis EEPROM was written in a ${copy.board}, and this is a ${board}`)
      return store.durable.state
    }
    const { office: _, ...rest } = copy
    const adopted: State = { ...rest, epoch: copy.epoch + 1 }
    await store.adopt(adopted, { ...at, index: at.index + 1 })
    await store.mirror()
    notes.push(`adopted revision ${copy.revision} from the chassis EEPROM`)
    return adopted
  }

  const state = await start()
  const chassisKey = keyOf(store)
  let copies: readonly Copy[] = state.revision > 0 && relation !== 'none' ? ['flash', 'eeprom'] : ['flash']

  return {
    state,
    chassisKey,
    readOnly: () => held ?? store.readOnly,
    fits: (next) => store.room(next)?.fits ?? true,
    append: async (record, everywhere) => {
      if (held !== undefined) throw new NotStored(held, true)
      try {
        const receipt = await store.append([{ record, copies: everywhere ? 'both' : 'flash' }])
        const reached: readonly Copy[] = receipt.eeprom ? ['flash', 'eeprom'] : ['flash']
        if (everywhere) copies = reached
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
      return {
        readOnly: (held ?? store.readOnly) !== undefined,
        notes: [...notes, ...(store.readOnly === undefined || notes.includes(store.readOnly) ? [] : [store.readOnly])],
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

function keyOf(store: Store<State, StoreRecord>): Uint8Array | undefined {
  const reading = store.eeprom
  const hex = reading?.kind === 'content' ? reading.map.get('chassis-key') : undefined
  return hex === undefined || !/^[0-9a-f]{64}$/.test(hex) ? undefined : Buffer.from(hex, 'hex')
}
