/**
 * The standby's copy: stores what the owner sends, in the owner's order, and tells how far it is on flash. It touches no
 * blade and writes no EEPROM. What it promised to a later term it keeps: nothing of an earlier one is stored (W11).
 */
import type { ChassisId } from '../../core/addresses.ts'
import { evolve, type StoreRecord } from '../../core/record.ts'
import { blank, type State } from '../../core/state.ts'
import { samePosition } from '../store/copies.ts'
import { essentials } from '../store/essentials.ts'
import { type Marks, markLife, promise, readMarks } from '../store/marks.ts'
import { type Medium, MediumFault } from '../store/medium.ts'
import { openStore, type Store, StoreFault, StoreReadOnly } from '../store/store.ts'
import type { FromOwner, FromStandby, Hello } from './link.ts'
import { answerTo } from './rules.ts'

export interface ReplicaOptions {
  readonly medium: Medium
  readonly chassis: ChassisId
  readonly board: string
  readonly serial?: string
  readonly version: string
  /** Somebody said by this name that the bindings of another chassis on this flash may go (W14). */
  readonly adopt?: ChassisId
  readonly random: (bytes: number) => Uint8Array
  /** State formats that this version can store. */
  readonly formats: readonly number[]
}

export interface Replica {
  readonly state: State
  /** Undefined: it can not be filled, and `why` tells. */
  hello(incarnation: string): Promise<Hello | undefined>
  readonly why: string | undefined
  /** Name of this controller as a member, once it has one. */
  readonly self: string | undefined
  /** One message after the other. */
  receive(message: Extract<FromOwner, { is: 'content' | 'batch' }>): Promise<FromStandby>
  close(): Promise<void>
}

/** Raised with each record and each member of the state that an earlier version could not keep (version skew). */
export const formats: readonly number[] = [1]

export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  const { medium, chassis, board, serial, version, formats } = options
  const opened = await openStore<State, StoreRecord>({
    medium,
    initial: () => blank(chassis, board, ''),
    evolve,
    essentials,
    term: ({ term }) => term,
  })
  const store: Store<State, StoreRecord> = opened.store
  const unreadable = opened.kind === 'read-only' ? opened.readable?.state : undefined
  let marks: Marks = { life: undefined, promised: 0 }
  let why: string | undefined
  await readMarks(medium).then(
    (read) => {
      marks = read
    },
    (error: unknown) => {
      if (!(error instanceof MediumFault)) throw error
      why = `the flash can not be used: ${error.message}`
    },
  )

  /** Flash that holds another chassis' bindings is nobody's to overwrite without a word. */
  function foreign(incarnation: string): string | undefined {
    const found = store.readOnly === undefined ? store.durable.state : unreadable
    if (found === undefined || found.incarnation === '' || options.adopt === chassis) return undefined
    if (found.chassis === chassis && found.incarnation === incarnation) return undefined
    return (
      `flash holds the bindings of chassis ${found.chassis}, of another life or another chassis; ` +
      `to give them up, start once with --adopt ${chassis}`
    )
  }

  async function answer(message: Extract<FromOwner, { is: 'content' | 'batch' }>): Promise<FromStandby> {
    const { promised } = marks
    const told = answerTo({ promised, at: store.durable.at, broken: store.readOnly !== undefined }, message)
    if (told.do === 'refuse') return { is: 'refused', promised, why: `it promised term ${promised}` }
    if (told.do === 'ask-for-all') return { is: 'behind' }
    if (told.promise !== undefined) {
      await promise(medium, told.promise)
      marks = { ...marks, promised: told.promise }
    }
    if (message.is === 'content') {
      await store.adopt(message.state, message.at)
      why = undefined
    } else if (told.do === 'append') {
      const records = message.texts.map((text) => JSON.parse(text) as StoreRecord)
      await Promise.all(records.map((record) => store.append([{ record, copies: 'flash' }])))
    }
    const { at } = store.durable
    return samePosition(at, message.at) ? { is: 'stored', at } : { is: 'behind' }
  }

  const self = () => (marks.life === undefined ? undefined : `${serial ?? 'controller'}/${marks.life}`)
  let turn: Promise<unknown> = Promise.resolve()
  return {
    get state() {
      return store.durable.state
    },
    get why() {
      return why ?? store.readOnly
    },
    hello: async (incarnation) => {
      why = foreign(incarnation)
      if (why !== undefined) return undefined
      try {
        marks = await readMarks(medium)
        if (marks.life === undefined) {
          const life = Buffer.from(options.random(8)).toString('hex')
          await markLife(medium, life)
          marks = { ...marks, life }
        }
      } catch (error) {
        if (!(error instanceof MediumFault)) throw error
        why = `the flash can not be used: ${error.message}`
        return undefined
      }
      // A copy of a term is a promise of it.
      const { incarnation: begun, term } = store.durable.state
      if (begun !== '' && term > marks.promised) marks = { ...marks, promised: term }
      return { is: 'hello', self: self() as string, formats, version, promised: marks.promised }
    },
    get self() {
      return self()
    },
    receive: (message) => {
      const done = turn.then(() =>
        answer(message).catch((error: unknown): FromStandby => {
          if (error instanceof StoreFault || error instanceof StoreReadOnly || error instanceof MediumFault) {
            why = error.message
            return { is: 'behind' }
          }
          throw error
        }),
      )
      turn = done.catch(() => undefined)
      return done
    },
    close: async () => {
      await turn
      await store.close()
    },
  }
}
