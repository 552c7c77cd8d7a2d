/**
 * What a controller may go on from when it starts (W13, W14). Flash and chassis EEPROM are two witnesses: the EEPROM
 * proves a copy, flash alone proves nothing, and what contradicts or can not be read is never taken for absent (I7).
 * Pure: from what was found to one verdict.
 */
import type { ChassisId } from '../core/addresses.ts'
import type { State } from '../core/state.ts'
import type { Position } from './store/copies.ts'
import type { EepromReading } from './store/eeprom.ts'
import { restore } from './store/essentials.ts'
import { headOf, type Relation } from './store/second-copy.ts'

/** The chassis' own: written before the first binding, and on no flash; the term changes with the one who leads. */
export interface ChassisKeys {
  /** Secrets are sealed under it (W16); hex. */
  readonly key: string
  /** Whose life this is (W21). */
  readonly incarnation: string
  /** Highest term in which a controller led, or set out to: flash of an earlier one is stale (W11, W13). */
  readonly term: number
}

export const keysAsText = ({ key, incarnation, term }: ChassisKeys): ReadonlyMap<string, string> =>
  new Map([
    ['chassis-key', key],
    ['chassis-incarnation', incarnation],
    ['chassis-term', String(term)],
  ])

export function chassisKeys(reading: EepromReading | undefined): ChassisKeys | 'none' | 'incomplete' {
  const map = reading?.kind === 'content' ? reading.map : new Map<string, string>()
  const key = map.get('chassis-key')
  const incarnation = map.get('chassis-incarnation')
  const term = map.get('chassis-term')
  if (key === undefined && incarnation === undefined && term === undefined) return 'none'
  if (key === undefined || !/^[0-9a-f]{64}$/.test(key)) return 'incomplete'
  if (incarnation === undefined || !/^[0-9a-f]{32}$/.test(incarnation)) return 'incomplete'
  if (term === undefined || !/^[1-9]\d{0,14}$/.test(term)) return 'incomplete'
  return { key, incarnation, term: Number(term) }
}

export interface EepromCopy {
  readonly state: State
  readonly at: Position
}

/** The bindings in the EEPROM, where there are any that this version can read. */
export function copyIn(reading: EepromReading | undefined): EepromCopy | undefined {
  const at = reading && headOf(reading)
  const state = reading?.kind === 'content' ? restore(reading.map) : undefined
  return at && state ? { state, at } : undefined
}

export interface Found {
  readonly chassis: ChassisId
  readonly board: string
  readonly flash: State
  readonly reading: EepromReading | undefined
  /** Why the EEPROM could not even be asked. */
  readonly silent: string | undefined
  readonly relation: Relation
}

export type Verdict =
  /** The first start in the life of this chassis, or what a power cut left of one. */
  | { readonly is: 'begin'; readonly keys: ChassisKeys | undefined }
  | { readonly is: 'go-on' }
  | { readonly is: 'adopt'; readonly copy: EepromCopy; readonly keys: ChassisKeys }
  /** `byName`: somebody who knows better may say that this flash is right (W14). */
  | { readonly is: 'hold'; readonly why: string; readonly byName: boolean }

/** Nothing was ever stored on this flash. */
export const isNew = (flash: State): boolean => flash.incarnation === ''

export function judge(found: Found): Verdict {
  const { flash, reading, silent, relation } = found
  const keys = chassisKeys(reading)
  const elsewhere = isNew(flash) ? undefined : stranger('flash', flash, found)
  if (elsewhere !== undefined) return hold(elsewhere)
  if (silent !== undefined) return unproven(flash, `the chassis EEPROM can not be read: ${silent}`)
  switch (relation) {
    case 'none':
      return isNew(flash) ? { is: 'begin', keys: undefined } : unproven(flash, 'there is no chassis EEPROM')
    case 'unreadable': {
      const why = reading?.kind === 'corrupt' || reading?.kind === 'unreadable' ? reading.reason : 'its head is damaged'
      return unproven(flash, `the chassis EEPROM can not be read: ${why}`)
    }
    case 'blank':
      return withoutCopy(flash, keys)
    case 'same':
    case 'older':
    case 'newer':
    case 'conflict':
      return withCopy(found, keys, relation)
  }
}

/**
 * Flash that can not be read is not blank, and stays as it is (I7). But where it was being replaced by the EEPROM's copy
 * when the power failed, nothing is lost by doing that again.
 */
export function judgeUnreadable(
  why: string,
  replacing: boolean,
  found: Pick<Found, 'chassis' | 'board' | 'reading'>,
): Verdict {
  const keys = chassisKeys(found.reading)
  const copy = copyIn(found.reading)
  if (!replacing || typeof keys === 'string' || !copy) return hold(why)
  const elsewhere = stranger('the chassis EEPROM', copy.state, found)
  if (elsewhere !== undefined) return hold(elsewhere)
  return keys.incarnation === copy.state.incarnation ? { is: 'adopt', copy, keys } : hold(why)
}

function withoutCopy(flash: State, keys: ReturnType<typeof chassisKeys>): Verdict {
  if (keys === 'incomplete') return unproven(flash, 'the chassis EEPROM lacks some of its own keys')
  if (isNew(flash)) return { is: 'begin', keys: keys === 'none' ? undefined : keys }
  if (keys === 'none')
    return unproven(flash, 'the chassis EEPROM is blank: it was replaced, or these bindings are of another chassis')
  if (keys.incarnation !== flash.incarnation) return hold(otherLife)
  // Its very first copy was cut, or did not come through: the keys prove whose flash this is.
  return keys.term === flash.term
    ? { is: 'go-on' }
    : unproven(
        flash,
        `the chassis EEPROM tells of term ${keys.term} and flash of ${flash.term}, and it has no bindings`,
      )
}

function withCopy(found: Found, keys: ReturnType<typeof chassisKeys>, relation: Relation): Verdict {
  const { flash, reading } = found
  const copy = copyIn(reading)
  if (!copy) return hold('the chassis EEPROM holds a copy that this version can not read')
  const elsewhere = stranger('the chassis EEPROM', copy.state, found)
  if (elsewhere !== undefined) return hold(elsewhere)
  if (typeof keys === 'string' || keys.incarnation !== copy.state.incarnation)
    return hold('the chassis EEPROM holds bindings that its own keys do not belong to')
  if (isNew(flash)) return { is: 'adopt', copy, keys }
  if (flash.incarnation !== copy.state.incarnation) return hold(otherLife)
  // Another controller led here since: whatever this one noted later, it adopts and never imposes (W13).
  if (flash.term < keys.term) return { is: 'adopt', copy, keys }
  if (relation === 'conflict' || flash.term > keys.term)
    return unproven(flash, 'flash and chassis EEPROM hold different histories, and neither is believed')
  return relation === 'newer' ? { is: 'adopt', copy, keys } : { is: 'go-on' }
}

const otherLife = 'the chassis EEPROM tells of another life of this chassis, or of another chassis'

const hold = (why: string): Verdict => ({ is: 'hold', why, byName: false })

function unproven(flash: State, why: string): Verdict {
  if (isNew(flash)) return hold(`${why}; a blank controller can not tell what is bound here`)
  const how = `if this flash is right, start once with --adopt ${flash.chassis}`
  return { is: 'hold', why: `${why}; nothing else proves what is on flash: ${how}`, byName: true }
}

/** Why these bindings are not for this chassis. */
function stranger(
  where: string,
  { chassis, board }: State,
  found: Pick<Found, 'chassis' | 'board'>,
): string | undefined {
  if (board !== found.board) return `${where} holds the bindings of a ${board}, and this is a ${found.board}`
  if (chassis !== found.chassis)
    return `${where} holds the bindings of chassis ${chassis}, and this is ${found.chassis}`
  return undefined
}
