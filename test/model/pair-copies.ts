/**
 * Copies of the bindings for the model of a pair, by number: a copy is a real State at a real Position, made by the real
 * `evolve`, read back from the real essentials, and judged by the real `judge`. Each is made once, so that the machine
 * itself has to carry numbers only.
 */

import { copyIn, judge, judgeUnreadable, type Verdict } from '../../agent/controller/proof.ts'
import { keysAsText } from '../../agent/controller/store/chassis-keys.ts'
import { chain, GENESIS, type Position } from '../../agent/controller/store/copies.ts'
import type { EepromReading } from '../../agent/controller/store/eeprom.ts'
import { essentials } from '../../agent/controller/store/essentials.ts'
import { relate } from '../../agent/controller/store/second-copy.ts'
import type { ChassisId, ClientId } from '../../agent/core/addresses.ts'
import { canonical } from '../../agent/core/blade.ts'
import { evolve, type StoreRecord } from '../../agent/core/record.ts'
import { blank, type State } from '../../agent/core/state.ts'

/** Number of a copy. */
export type CopyId = number
/** Nothing was ever stored there. */
export const blankCopy: CopyId = 0
/** Flash whose replacement was cut: what is there contradicts itself. */
export const torn: CopyId = -1

export interface Content {
  readonly state: State
  readonly at: Position
  /** The numbers of the bindings in it. */
  readonly holds: readonly number[]
  /** The copy that it goes on from, record by record. */
  readonly before: CopyId | undefined
}

const chassis = 'pair' as ChassisId
const board = 'model'
const incarnation = 'a'.repeat(32)
const key = 'b'.repeat(64)

const contents: Content[] = []
const known = new Map<string, CopyId>()

function intern(state: State, at: Position, before: CopyId | undefined): CopyId {
  const told = canonical([state, at, before ?? -1])
  const found = known.get(told)
  if (found !== undefined) return found
  const holds = Object.keys(state.bays).map(Number)
  known.set(told, contents.length)
  return contents.push({ state, at, holds, before }) - 1
}

intern(blank(chassis, board, ''), GENESIS, undefined)

export function content(copy: CopyId): Content {
  return contents[copy] as Content
}

/** A binding is a number from 1; the record of a new leader is `lead + term`. */
export type RecordId = number
export const lead = 100

function recordOf(id: RecordId): StoreRecord {
  if (id >= lead) return { kind: 'lead', term: id - lead }
  const origin = { door: 'policy', client: 'model' as ClientId, request: `r-${id}`, content: '' } as const
  return {
    kind: 'command',
    command: 'power',
    origin,
    changes: [{ set: 'power', bay: id, power: 'on' }],
    accepted: { changed: true, diff: [], revision: id, epoch: 0 },
  }
}

function memo<Args extends readonly (number | boolean | string | readonly number[])[], Value>(
  work: (...args: Args) => Value,
): (...args: Args) => Value {
  const done = new Map<string, Value>()
  return (...args) => {
    const at = args.join('|')
    const before = done.get(at)
    if (before !== undefined) return before
    const value = work(...args)
    done.set(at, value)
    return value
  }
}

/** One record more. */
export const append = memo((copy: CopyId, id: RecordId): CopyId => {
  const { state, at } = content(copy)
  const record = recordOf(id)
  const next = evolve(state, record)
  const digest = chain(at.digest, canonical(record))
  return intern(next, { term: next.term, index: at.index + 1, digest }, copy)
})

/** What a first start stores (`begin` in memory.ts). */
export const begun = (term: number): CopyId =>
  intern({ ...blank(chassis, board, incarnation), term }, GENESIS, undefined)

/** What is made of the EEPROM's copy by whoever may lack records (`adopt` in memory.ts, W15). */
export const adopted = memo((copy: CopyId, term: number, raise: boolean): CopyId => {
  const found = copyIn(reading({ term: 1, members: [1], copy }))
  if (!found) throw new Error('there is no copy to adopt')
  const { office: _, ...rest } = found.state
  return intern({ ...rest, term, epoch: rest.epoch + (raise ? 1 : 0) }, { ...found.at, term }, undefined)
})

/** What stands in the chassis EEPROM; `term` 0: nothing. */
export interface Inscribed {
  term: number
  /** Names. */
  members: readonly number[]
  copy: CopyId | undefined
}

/** A controller as the EEPROM names it. */
export const nameOf = (name: number): string => `c/${name.toString(16).padStart(16, '0')}`

export function reading({ term, members, copy }: Readonly<Inscribed>): EepromReading {
  if (term === 0) return { kind: 'blank' }
  const map = new Map(keysAsText({ key, incarnation, term, members: members.map(nameOf) }))
  if (copy !== undefined) {
    const { state, at } = content(copy)
    for (const [name, value] of essentials(state)) map.set(name, value)
    map.set('head', JSON.stringify({ term: at.term, index: at.index, digest: at.digest }))
  }
  return { kind: 'content', map, sequence: 1, mended: [] }
}

/** The digest that stood after a record, as far back as this flash knows (W13). */
function digestAt(copy: CopyId, index: number, forgets: boolean): string | undefined {
  for (let at: CopyId | undefined = copy; at !== undefined; at = content(at).before) {
    const { at: position } = content(at)
    if (position.index === index) return position.digest
    if (forgets) return undefined
  }
  return undefined
}

/** The real verdict on what a controller finds. `forgets`: its journals reach back no further than its last snapshot. */
export const verdictOn = memo(
  (
    flash: CopyId,
    replacing: boolean,
    promised: number,
    self: number,
    term: number,
    members: readonly number[],
    copy: CopyId,
    forgets: boolean,
  ): Verdict => {
    const found = reading({ term, members, copy: copy < 0 ? undefined : copy })
    if (flash === torn) return judgeUnreadable('torn', replacing, { chassis, board, reading: found })
    const { state, at } = content(flash)
    const relation = relate(found, at, (index) => digestAt(flash, index, forgets))
    return judge({
      chassis,
      board,
      flash: state,
      reading: found,
      silent: undefined,
      relation,
      self: nameOf(self),
      promised,
    })
  },
)
