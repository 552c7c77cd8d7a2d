/**
 * The agent's memory: the binding store, filled with the domain. Opening it decides what this controller may go on from
 * (W13, W14): its own flash where the chassis EEPROM agrees, the EEPROM's copy where this controller is new or stale, and
 * nothing where the two contradict each other or cannot be read. Then it holds, says why, and touches no blade.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { ChassisId, Serial } from '../core/addresses.ts'
import { policyFor } from '../core/policy.ts'
import { evolve, type StoreRecord } from '../core/record.ts'
import type { Copy } from '../core/reply.ts'
import { blank, type Doubt, type State } from '../core/state.ts'
import type { StoreView } from '../core/views.ts'
import type { Memory } from './agent.ts'
import { copyIn, type EepromCopy, isNew, judge, judgeUnreadable } from './proof.ts'
import { type ChassisKeys, chassisKeys, keysAsText } from './store/chassis-keys.ts'
import { GENESIS, type Position } from './store/copies.ts'
import type { Eeprom } from './store/eeprom.ts'
import { essentials } from './store/essentials.ts'
import { type Marks, markLife, promise, readMarks } from './store/marks.ts'
import { type Medium, MediumFault } from './store/medium.ts'
import type { Copied } from './store/second-copy.ts'
import { type Durable, type Others, openStore, StoreFault, StoreReadOnly } from './store/store.ts'
import { NotStored } from './tend.ts'

export interface MemoryOptions {
  readonly medium: Medium
  /** Absent: this chassis has none, and each answer says single copy. A string: why it can not be used. */
  readonly eeprom: Eeprom | string | undefined
  readonly chassis: ChassisId
  readonly board: string
  /** Somebody said by this name what is right, where nothing proves it (W14). */
  readonly adopt?: ChassisId
  /** Serial number of this controller, as people read it: part of its name as a member. */
  readonly serial?: string
  /** The other controllers of this chassis, where there is room for any (W10). */
  readonly others?: Others<State>
  /** This controller has just taken the owner line: it leads in a term of its own (W11). */
  readonly takes?: boolean
  /** False: a blank controller in a blank chassis waits, for another one may hold what is bound here. */
  readonly mayBegin?: boolean
  /** So many random bytes; those of the system, unless a simulation gives its own. */
  readonly random?: (bytes: number) => Uint8Array
  readonly onRecovered: (state: State) => void
  readonly onReadOnly: (why: string) => void
}

export interface OpenedMemory extends Memory {
  readonly state: State
  /** Key under which secrets are sealed (W16); undefined: there is no EEPROM to keep it. */
  readonly chassisKey: Uint8Array | undefined
  /** The chassis key is that of this life: a factory reset that the EEPROM did not take yet has the old one (W21). */
  readonly keyIsCurrent: boolean
  /** Name of this controller as a member; undefined: it never led or followed here. */
  readonly self: string | undefined
  /** Controllers that the EEPROM names as holding everything (W11). */
  members(): readonly string[]
  /** Where the log stands on flash. */
  durable(): Durable<State>
  /**
   * Names another member in the EEPROM, whose copy stays as it is: it must never be ahead of what a member has. Tells
   * why not, where it failed.
   */
  join(peer: string): Promise<string | undefined>
  /** Members were written last, and whether the EEPROM names them is not known. */
  readonly unsure: boolean
  /** Names this controller alone, with everything that is on its flash; tells why not, where it failed. */
  leave(): Promise<string | undefined>
  /**
   * It holds, and the other controller of a pair may do better: the EEPROM tells who is a member, or nothing is here to be
   * lost. What no EEPROM proves is not left to one that may have nothing, and would begin anew (I7).
   */
  readonly yields: boolean
  /** It holds for want of the EEPROM alone: once that answers, opening this memory anew may end differently. */
  readonly waits: boolean
  /** What is on flash has its other copy again: brings the EEPROM up to it, and tells the agent where to go on. */
  resume(): void
  view(): StoreView
  /** Tries again to give the EEPROM what it did not take; nothing to do is nothing done. */
  mend(): Promise<void>
  close(): Promise<void>
}

export async function openMemory(options: MemoryOptions): Promise<OpenedMemory> {
  const { medium, chassis, board } = options
  const eeprom = typeof options.eeprom === 'object' ? options.eeprom : undefined
  const { random = randomBytes } = options
  const hex = (bytes: number) => Buffer.from(random(bytes)).toString('hex')
  const notes: string[] = []
  let recovered: string | undefined
  /** Set while the EEPROM is brought up to what was read back from flash. */
  let copying: string | undefined
  let held: string | undefined
  let waits = false
  let copies: readonly Copy[] = ['flash']
  /** Why the EEPROM lacks the last binding, where it does. */
  let lacking: string | undefined
  let marks: Marks = { life: undefined, promised: 0 }
  let lastKeys: ChassisKeys | undefined
  /** Members were written last, and whether they are there is not known. */
  let unsure = false
  const opened = await openStore<State, StoreRecord>({
    medium,
    ...(eeprom && { eeprom }),
    initial: () => blank(chassis, board, ''),
    evolve,
    essentials,
    term: ({ term }) => term,
    renewed: (state, found) => renewed(state, found, () => hex(32)),
    ...(options.others && { others: options.others }),
    onRecovered: (_, why) => {
      recovered = `the flash failed and was read again: ${why}`
      resume(recovered)
    },
    onReadOnly: (why) => {
      options.onRecovered(store.durable.state)
      options.onReadOnly(why)
    },
  })
  const { store } = opened

  /** Flash may hold a record that the others lack. Nothing acts on one copy that could be two (W10). */
  function resume(why: string): void {
    copying = why
    store.mirror().then(
      (copied) => {
        mirrored(copied)
        copying = undefined
        options.onRecovered(store.durable.state)
      },
      // The others do not take it: whoever said so resumes, or this controller steps down.
      (error: unknown) => {
        if (!(error instanceof StoreFault)) throw error
        copying = error.message
      },
    )
  }

  function hold(why: string): void {
    held = why
    notes.push(why)
  }

  function holdForEeprom(why: string): void {
    hold(`the chassis EEPROM can not be written, so this controller can not take over: ${why}`)
    waits = true
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
    const { promised } = marks
    const verdict = judge({ chassis, board, flash, reading: store.eeprom, silent, relation, self: self(), promised })
    switch (verdict.is) {
      case 'begin':
        if (options.mayBegin === false) {
          hold('flash and chassis EEPROM are blank; the other controller is asked first')
          waits = true
          return flash
        }
        return begin(verdict.keys)
      case 'go-on':
        if (await isReplaced(medium)) await onFlash(() => markReplaced(medium, false))
        if (options.takes) return take(flash)
        if (!mirrored(await store.mirror()) && relation === 'blank') hold(`${firstWrite}: ${lacking}`)
        return flash
      case 'adopt':
        return adopt(verdict.copy, verdict.keys)
      case 'hold':
        if (options.adopt === chassis) {
          const keys = chassisKeys(store.eeprom)
          const copy = copyIn(store.eeprom)
          if (verdict.byName === 'flash') return adoptByName(flash)
          if (verdict.byName === 'eeprom' && copy && typeof keys === 'object') return adopt(copy, keys)
        }
        hold(verdict.why)
        waits = verdict.waits === true
        return isNew(flash) ? (inEeprom ?? flash) : flash
    }
  }

  function mirrored(copied: Copied): boolean {
    copies = copied.eeprom ? ['flash', 'eeprom'] : ['flash']
    lacking = copied.eeprom ? undefined : copied.why
    return copied.eeprom
  }

  const self = () => (marks.life === undefined ? undefined : `${options.serial ?? 'controller'}/${marks.life}`)

  /** The name of this controller as a member, made up before anything relies on it. */
  async function named(): Promise<string> {
    if (marks.life === undefined) {
      const life = hex(8)
      await markLife(medium, life)
      marks = { ...marks, life }
    }
    return self() as string
  }

  /** A member that has just taken the owner line: its flash lacks nothing, and no other is needed from now on (W11). */
  async function take(flash: State): Promise<State> {
    const why = await raise(Math.max(flash.term, marks.promised, keysNow()?.term ?? 0) + 1)
    if (why !== undefined) holdForEeprom(why)
    return store.durable.state
  }

  /** Promised on flash, then fenced in the EEPROM, then told in the log: in this order, whatever fails in between. */
  async function raise(term: number): Promise<string | undefined> {
    const found = keysNow()
    if (!found) return 'it has no keys of this chassis'
    try {
      await promise(medium, term)
      marks = { ...marks, promised: term }
      const copied = await store.secure(
        new Map([
          ['chassis-term', String(term)],
          ['chassis-members', await named()],
        ]),
      )
      if (!copied.eeprom) return copied.why
      const receipt = await store.append([{ record: { kind: 'lead', term }, copies: 'both' }])
      mirrored(receipt.eeprom ? { eeprom: true } : { eeprom: false, why: receipt.why ?? 'no EEPROM' })
      return undefined
    } catch (error) {
      if (error instanceof MediumFault || error instanceof StoreFault || error instanceof StoreReadOnly)
        return error.message
      throw error
    }
  }

  /** As they were read last: an EEPROM that does not answer still names whom it named (I7). */
  function keysNow(): ChassisKeys | undefined {
    const keys = chassisKeys(store.eeprom)
    if (typeof keys === 'object') lastKeys = keys
    return lastKeys
  }

  /**
   * The first start in the life of this chassis. Its keys go to the EEPROM before anything goes to flash: wherever the
   * power fails in between, the next start finds whose life that is and goes on with it.
   */
  async function begin(found: ChassisKeys | undefined): Promise<State> {
    const life = found ?? { key: hex(32), incarnation: hex(16), term: 1 }
    if (eeprom) {
      const why = await inscribe(life)
      if (why !== undefined) {
        hold(`${firstWrite}: ${why}`)
        waits = true
        return blank(chassis, board, '')
      }
    }
    const fresh = { ...blank(chassis, board, life.incarnation), term: life.term }
    if (!(await replaceFlash(fresh, GENESIS))) return fresh
    // Led without a copy there, another blank controller would begin the same life beside this one.
    if (!mirrored(await store.mirror()) && eeprom) {
      hold(`${firstWrite}: ${lacking}`)
      waits = true
    }
    return fresh
  }

  /**
   * Goes on from the EEPROM: this controller is new, or was away. It may lack records, so the epoch rises and nobody is
   * in office (W15). The term rises first, in the EEPROM: from then on no other controller goes on from its flash (W11).
   */
  async function adopt({ state: copy, at }: EepromCopy, keys: ChassisKeys): Promise<State> {
    const term = Math.max(keys.term, copy.term, at.term, marks.promised) + 1
    const why = await inscribe({ ...keys, term })
    if (why !== undefined) {
      holdForEeprom(why)
      return copy
    }
    const { office: _, ...rest } = copy
    const state: State = { ...rest, term, epoch: copy.epoch + 1 }
    if (!(await replaceFlash(state, { ...at, term }))) return copy
    // Led without it, the same epoch could be given twice.
    if (!mirrored(await store.mirror())) holdForEeprom(lacking ?? 'it fails')
    notes.push(`adopted revision ${copy.revision} from the chassis EEPROM; take over again, nobody is in office`)
    return state
  }

  /** Flash is right because somebody says so: what else there is gives way, and nobody is in office (W14, W15). */
  async function adoptByName({ office: _, ...flash }: State): Promise<State> {
    const found = keysNow()
    const known = found?.incarnation === flash.incarnation ? found : undefined
    const term = Math.max(flash.term, known?.term ?? 0, marks.promised) + 1
    const state: State = { ...flash, term, epoch: flash.epoch + 1 }
    if (!(await replaceFlash(state, { ...store.durable.at, term }))) return flash
    if (store.eeprom?.kind === 'corrupt') await store.eraseEeprom()
    const why = await inscribe({ key: known?.key ?? hex(32), incarnation: flash.incarnation, term })
    mirrored(why === undefined ? await store.mirror() : { eeprom: false, why })
    notes.push(`adopted revision ${flash.revision} from flash by name; take over again, nobody is in office`)
    return state
  }

  /** Keys of the chassis under which this controller alone is a member; tells why not, where it failed. */
  async function inscribe(keys: Omit<ChassisKeys, 'members'>): Promise<string | undefined> {
    if (!eeprom) return 'no EEPROM'
    try {
      const inscribed = await store.inscribe(keysAsText({ ...keys, members: [await named()] }))
      return inscribed.eeprom ? undefined : inscribed.why
    } catch (error) {
      if (error instanceof MediumFault) return error.message
      throw error
    }
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

  try {
    marks = await readMarks(medium)
  } catch (error) {
    // The store meets the same flash, and says what is wrong with it.
    if (!(error instanceof MediumFault)) throw error
  }
  const state = await start()

  return {
    state,
    get chassisKey() {
      const keys = keysNow()
      return keys && Buffer.from(keys.key, 'hex')
    },
    get keyIsCurrent() {
      return keysNow()?.incarnation === store.durable.state.incarnation
    },
    get self() {
      return self()
    },
    members: () => keysNow()?.members ?? [],
    durable: () => store.durable,
    get unsure() {
      return unsure && store.eeprom?.kind !== 'content'
    },
    join: async (peer) => {
      if (held !== undefined) return held
      const copied = await store.inscribe(new Map([['chassis-members', `${self()} ${peer}`]]))
      unsure = !copied.eeprom
      return copied.eeprom ? undefined : copied.why
    },
    leave: async () => {
      if (held !== undefined) return held
      const copied = await store.secure(new Map([['chassis-members', self()]]))
      unsure = !copied.eeprom
      if (copied.eeprom) mirrored(copied)
      return copied.eeprom ? undefined : copied.why
    },
    get waits() {
      return waits
    },
    get yields() {
      const nothing = opened.kind === 'read-only' || isNew(opened.state)
      return (held ?? store.readOnly) !== undefined && (keysNow() !== undefined || nothing)
    },
    resume: () => resume('what is on flash is copied'),
    readOnly: () => held ?? store.readOnly ?? options.others?.stuck,
    pauses: () => copying,
    mend: async () => {
      if (lacking !== undefined && eeprom && held === undefined && store.readOnly === undefined) {
        // Where another controller leads by now, nothing is to be mended here.
        await store.mirror().then(mirrored, (error: unknown) => {
          if (!(error instanceof StoreFault)) throw error
        })
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
      const waits = options.others?.stuck ?? copying
      if (waits !== undefined) throw new NotStored(waits, false)
      try {
        const receipt = await store.append([{ record, copies: everywhere ? 'both' : 'flash' }])
        const reached: readonly Copy[] = [
          'flash',
          ...(receipt.peer ? (['peer'] as const) : []),
          ...(receipt.eeprom ? (['eeprom'] as const) : []),
        ]
        if (everywhere) {
          copies = reached
          lacking = receipt.eeprom ? undefined : (receipt.why ?? 'no EEPROM')
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
      const stuck = held ?? store.readOnly ?? options.others?.stuck
      return {
        readOnly: stuck !== undefined,
        notes: [
          ...notes,
          ...(recovered === undefined ? [] : [recovered]),
          ...(stuck === undefined || notes.includes(stuck) ? [] : [stuck]),
          ...(lacking === undefined || stuck !== undefined
            ? []
            : [copies.includes('peer') ? `the EEPROM lacks the last binding: ${lacking}` : `single copy: ${lacking}`]),
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

/** A factory reset begins another life, whose secrets are under another key (W16, W21). */
function renewed(state: State, found: ReadonlyMap<string, string>, newKey: () => string): ReadonlyMap<string, string> {
  const before = found.get('chassis-incarnation')
  if (before === undefined || state.incarnation === '' || before === state.incarnation) return new Map()
  return new Map([
    ['chassis-incarnation', state.incarnation],
    ['chassis-key', newKey()],
  ])
}

/** More than a bay can still come to take: far from full, nobody has to work out how much it is. */
const headroomPages = 16

/**
 * The state as large as it may become without a command that is asked whether it fits: each bay with its power wanted,
 * with a doubt for the profile that waits there for a blade, and with a rescue that tried every spare (W10, W24).
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
  const rescued = Object.entries(state.bays).flatMap(([bay, { intent }]) => {
    const policy = intent && policyFor(state, intent.profile, Number(bay))
    if (!policy) return []
    const tried = Array.from({ length: policy.attempts }, (_, at) => 100 + at)
    const serial = longestSerial(Number(bay))
    return [[intent.profile, { policy: policy.id, from: 100, serial, tried, revision: 999_999_999 }] as const]
  })
  const rescues = { ...Object.fromEntries(rescued) }
  // The revision grows whatever is done.
  return {
    ...state,
    ...(rescued.length > 0 && { rescues }),
    revision: 999_999_999,
    bays: Object.fromEntries(bays),
    doubts: [...state.doubts, ...coming],
  }
}

/** As long as one may be, and hard to compress. */
const longestSerial = (bay: number) => createHash('sha256').update(`serial ${bay}`).digest('hex') as Serial

function bytesOf(state: State): number {
  let bytes = 0
  for (const [key, value] of essentials(state)) bytes += key.length + value.length
  return bytes
}
