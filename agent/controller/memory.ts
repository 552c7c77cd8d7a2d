/**
 * The agent's memory: the binding store, filled with the domain. Opening it decides what this controller may go on from
 * (W13, W14): its own flash where the chassis EEPROM agrees, the EEPROM's copy where this controller is new or stale, and
 * nothing where the two contradict each other or cannot be read. Then it holds, says why, and touches no blade.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { ChassisId, Serial } from '../core/addresses.ts'
import { evolve, type StoreRecord } from '../core/record.ts'
import type { Copy } from '../core/reply.ts'
import { blank, type Doubt, type State } from '../core/state.ts'
import type { StoreView } from '../core/views.ts'
import type { Memory } from './agent.ts'
import {
  type ChassisKeys,
  chassisKeys,
  copyIn,
  type EepromCopy,
  isNew,
  judge,
  judgeUnreadable,
  keysAsText,
} from './proof.ts'
import { GENESIS, type Position } from './store/copies.ts'
import type { Eeprom } from './store/eeprom.ts'
import { essentials } from './store/essentials.ts'
import { type Medium, MediumFault } from './store/medium.ts'
import type { Copied } from './store/second-copy.ts'
import { openStore, StoreFault, StoreReadOnly } from './store/store.ts'
import { NotStored } from './tend.ts'

export interface MemoryOptions {
  readonly medium: Medium
  /** Absent: this chassis has none, and each answer says single copy. A string: why it can not be used. */
  readonly eeprom: Eeprom | string | undefined
  readonly chassis: ChassisId
  readonly board: string
  /** Somebody said by this name that flash is right, where nothing proves it (W14). */
  readonly adopt?: ChassisId
  readonly onRecovered: (state: State) => void
  readonly onReadOnly: (why: string) => void
}

export interface OpenedMemory extends Memory {
  readonly state: State
  /** Key under which secrets are sealed (W16); undefined: there is no EEPROM to keep it. */
  readonly chassisKey: Uint8Array | undefined
  view(): StoreView
  /** Tries again to give the EEPROM what it did not take; nothing to do is nothing done. */
  mend(): Promise<void>
  close(): Promise<void>
}

export async function openMemory(options: MemoryOptions): Promise<OpenedMemory> {
  const { medium, chassis, board } = options
  const eeprom = typeof options.eeprom === 'object' ? options.eeprom : undefined
  const notes: string[] = []
  let recovered: string | undefined
  /** Set while the EEPROM is brought up to what was read back from flash. */
  let copying: string | undefined
  let held: string | undefined
  let copies: readonly Copy[] = ['flash']
  /** Why the EEPROM lacks the last binding, where it does. */
  let single: string | undefined
  const opened = await openStore<State, StoreRecord>({
    medium,
    ...(eeprom && { eeprom }),
    initial: () => blank(chassis, board, ''),
    evolve,
    essentials,
    term: ({ term }) => term,
    onRecovered: (_, why) => {
      recovered = `the flash failed and was read again: ${why}`
      // What was read back may hold a record that the EEPROM lacks. Nothing acts on one copy that could be two (W10).
      copying = recovered
      void store.mirror().then((copied) => {
        mirrored(copied)
        copying = undefined
        options.onRecovered(store.durable.state)
      })
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
    const inEeprom = copyIn(store.eeprom)?.state
    if (opened.kind === 'read-only') {
      const verdict = judgeUnreadable(opened.reason, await isReplaced(medium), {
        chassis,
        board,
        reading: store.eeprom,
      })
      if (verdict.is === 'adopt') {
        notes.push(`flash was being replaced when the power failed, and is replaced again: ${opened.reason}`)
        return adopt(verdict.copy, verdict.keys)
      }
      hold(opened.reason)
      return opened.readable?.state ?? inEeprom ?? blank(chassis, board, '')
    }
    notes.push(...opened.repaired)
    const { state: flash, relation } = opened
    const silent = typeof options.eeprom === 'string' ? options.eeprom : undefined
    const verdict = judge({ chassis, board, flash, reading: store.eeprom, silent, relation })
    switch (verdict.is) {
      case 'begin':
        return begin(verdict.keys)
      case 'go-on':
        if (await isReplaced(medium)) await onFlash(() => markReplaced(medium, false))
        if (!mirrored(await store.mirror()) && relation === 'blank') hold(`${firstWrite}: ${single}`)
        return flash
      case 'adopt':
        return adopt(verdict.copy, verdict.keys)
      case 'hold':
        if (verdict.byName && options.adopt === chassis) return adoptByName(flash)
        hold(verdict.why)
        return isNew(flash) ? (inEeprom ?? flash) : flash
    }
  }

  function mirrored(copied: Copied): boolean {
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
        hold(`${firstWrite}: ${inscribed.why}`)
        return blank(chassis, board, '')
      }
    }
    const fresh = blank(chassis, board, keys.incarnation)
    if (!(await replaceFlash(fresh, GENESIS))) return fresh
    // Led without a copy there, another blank controller would begin the same life beside this one.
    if (!mirrored(await store.mirror()) && eeprom) hold(`${firstWrite}: ${single}`)
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
    const state: State = { ...rest, term, epoch: copy.epoch + 1 }
    if (!(await replaceFlash(state, { ...at, term }))) return copy
    // Led without it, the same epoch could be given twice.
    if (!mirrored(await store.mirror())) hold(`the chassis EEPROM can not be written: ${single}`)
    notes.push(`adopted revision ${copy.revision} from the chassis EEPROM; take over again, nobody is in office`)
    return state
  }

  /** Flash is right because somebody says so: what else there is gives way, and nobody is in office (W14, W15). */
  async function adoptByName({ office: _, ...flash }: State): Promise<State> {
    const found = chassisKeys(store.eeprom)
    const known = typeof found === 'object' && found.incarnation === flash.incarnation ? found : undefined
    const term = Math.max(flash.term, known?.term ?? 0) + 1
    const state: State = { ...flash, term, epoch: flash.epoch + 1 }
    if (!(await replaceFlash(state, { ...store.durable.at, term }))) return flash
    if (store.eeprom?.kind === 'corrupt') await store.eraseEeprom()
    const keys = { key: known?.key ?? hex(32), incarnation: flash.incarnation, term }
    const inscribed = await store.inscribe(keysAsText(keys))
    mirrored(inscribed.eeprom ? await store.mirror() : inscribed)
    notes.push(`adopted revision ${flash.revision} from flash by name; take over again, nobody is in office`)
    return state
  }

  function replaceFlash(state: State, at: Position): Promise<boolean> {
    return onFlash(async () => {
      await markReplaced(medium, true)
      await store.adopt(state, at)
      await markReplaced(medium, false)
    })
  }

  async function onFlash(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!(error instanceof StoreReadOnly || error instanceof MediumFault)) throw error
      hold(`the flash can not be replaced: ${error.message}`)
      return false
    }
  }

  const state = await start()
  const keys = chassisKeys(store.eeprom)

  return {
    state,
    chassisKey: typeof keys === 'object' ? Buffer.from(keys.key, 'hex') : undefined,
    readOnly: () => held ?? store.readOnly ?? copying,
    mend: async () => {
      if (single !== undefined && eeprom && held === undefined && store.readOnly === undefined) {
        mirrored(await store.mirror())
      }
    },
    copies: () => copies,
    fits: (next) => {
      const room = store.room(next)
      if (room === undefined || room.pages + headroomPages * Object.keys(next.bays).length <= room.of) return true
      const full = withHeadroom(next)
      if (store.room(full)?.fits) return true
      // What takes no more than now is never refused: a full EEPROM can be emptied, and blades switched.
      return bytesOf(full) <= bytesOf(withHeadroom(store.durable.state))
    },
    append: async (record, everywhere) => {
      if (held !== undefined) throw new NotStored(held, true)
      if (copying !== undefined) throw new NotStored(copying, false)
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

const firstWrite = 'the chassis EEPROM does not take its first write'

/**
 * On flash while its content is being replaced by another copy. What a power cut leaves then contradicts itself, and is
 * told by this from flash that was damaged.
 */
const replacing = 'replacing'

async function markReplaced(medium: Medium, under: boolean): Promise<void> {
  if (under) {
    const file = await medium.open(replacing)
    await file.sync()
    await file.close()
  } else await medium.remove(replacing)
  await medium.syncFolder()
}

async function isReplaced(medium: Medium): Promise<boolean> {
  try {
    return (await medium.list()).includes(replacing)
  } catch (error) {
    if (!(error instanceof MediumFault)) throw error
    return false
  }
}

/** More than a bay can still come to take: far from full, nobody has to work out how much it is. */
const headroomPages = 16

/**
 * The state as large as it may become without a command that is asked whether it fits: each bay with its power wanted,
 * and with a doubt for the profile that waits there for a blade (W10).
 */
function withHeadroom(state: State): State {
  const bays = Object.entries(state.bays).map(([key, own]) => [Number(key), { ...own, power: 'off' as const }] as const)
  const coming = bays.flatMap(([bay, { intent }]): readonly Doubt[] => {
    if (!intent || state.doubts.some((doubt) => doubt.profile === intent.profile && doubt.bay === bay)) return []
    const { profile, token } = intent
    const connections = state.profiles[profile]?.profile.connections ?? []
    const placed = Object.fromEntries(connections.map(({ id }, at) => [id, `mezz${at % 8}:${at % 4}-v${at}`]))
    return [{ profile, token, bay, serial: longestSerial(bay), placed, keeps: true, kept: false, vouched: false }]
  })
  // The revision grows whatever is done.
  return { ...state, revision: 999_999_999, bays: Object.fromEntries(bays), doubts: [...state.doubts, ...coming] }
}

/** As long as one may be, and hard to compress. */
const longestSerial = (bay: number) => createHash('sha256').update(`serial ${bay}`).digest('hex') as Serial

const hex = (bytes: number) => randomBytes(bytes).toString('hex')

function bytesOf(state: State): number {
  let bytes = 0
  for (const [key, value] of essentials(state)) bytes += key.length + value.length
  return bytes
}
