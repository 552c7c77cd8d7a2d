/**
 * What a controller may go on from when it starts (W13, W14). Flash and chassis EEPROM are two witnesses: the EEPROM
 * proves a copy, flash alone proves nothing, and what contradicts or can not be read is never taken for absent (I7).
 * Pure: from what was found to one verdict.
 */
import type { ChassisId } from '../core/addresses.ts'
import type { State } from '../core/state.ts'
import { type ChassisKeys, chassisKeys } from './store/chassis-keys.ts'
import type { Position } from './store/copies.ts'
import type { EepromReading } from './store/eeprom.ts'
import { restore } from './store/essentials.ts'
import { headOf, type Relation } from './store/second-copy.ts'

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
  /** Name of this controller as a member; undefined: nothing was ever begun on this flash. */
  readonly self: string | undefined
  /** Highest term that this flash promised not to fall behind of (W11); 0: none. */
  readonly promised: number
}

export type Verdict =
  /** The first start in the life of this chassis, or what a power cut left of one. */
  | { readonly is: 'begin'; readonly keys: ChassisKeys | undefined }
  | { readonly is: 'go-on' }
  | { readonly is: 'adopt'; readonly copy: EepromCopy; readonly keys: ChassisKeys }
  /**
   * `byName`: what somebody who knows better may say is right (W14). `waits`: the EEPROM may answer another time, and then
   * everything is judged anew.
   */
  | {
      readonly is: 'hold'
      readonly why: string
      readonly byName: 'flash' | 'eeprom' | 'nothing'
      readonly waits?: true
    }

/** Nothing was ever stored on this flash. */
export const isNew = (flash: State): boolean => flash.incarnation === ''

export function judge(found: Found): Verdict {
  const { flash, reading, silent, relation } = found
  const keys = chassisKeys(reading)
  const elsewhere = isNew(flash) ? undefined : stranger('flash', flash, found)
  if (elsewhere !== undefined) return hold(elsewhere)
  if (silent !== undefined) return { ...unproven(flash, `the chassis EEPROM can not be read: ${silent}`), waits: true }
  switch (relation) {
    case 'none':
      return isNew(flash) ? { is: 'begin', keys: undefined } : unproven(flash, 'there is no chassis EEPROM')
    case 'unreadable': {
      const why = reading?.kind === 'corrupt' || reading?.kind === 'unreadable' ? reading.reason : 'its head is damaged'
      const verdict = unproven(flash, `the chassis EEPROM can not be read: ${why}`)
      return reading?.kind === 'unreadable' ? { ...verdict, waits: true } : verdict
    }
    case 'blank':
      return withoutCopy(found, keys)
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
  // Two members may hold more than the EEPROM.
  const whole = keys.incarnation === copy.state.incarnation && keys.members.length === 1
  return whole ? { is: 'adopt', copy, keys } : hold(why)
}

/** Nothing that was acknowledged is missing on this flash (W11). Whoever led in a later term knows more. */
function isMember({ flash, self, promised }: Found, keys: ChassisKeys): boolean {
  return self !== undefined && keys.members.includes(self) && Math.max(flash.term, promised) >= keys.term
}

function withoutCopy(found: Found, keys: ReturnType<typeof chassisKeys>): Verdict {
  const { flash } = found
  if (keys === 'incomplete') return unproven(flash, 'the chassis EEPROM lacks some of its own keys')
  if (isNew(flash)) return { is: 'begin', keys: keys === 'none' ? undefined : keys }
  if (keys === 'none')
    return unproven(flash, 'the chassis EEPROM is blank: it was replaced, or these bindings are of another chassis')
  if (keys.incarnation !== flash.incarnation) return hold(otherLife)
  // Its very first copy was cut, or did not come through: the keys prove whose flash this is.
  return isMember(found, keys)
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
  const adopt: Verdict = keys.members.length === 1 ? { is: 'adopt', copy, keys } : behind(found, keys)
  if (isNew(flash)) return adopt
  // Its own past is told by the digests: a life that was renewed since then is still this one's (W21).
  const goesOn = relation === 'same' || relation === 'older'
  // The term is in the EEPROM before it is in any log: an EEPROM that fell behind is not the one that was written.
  const ahead = flash.term > keys.term
  if (isMember(found, keys) && goesOn && !ahead) return { is: 'go-on' }
  if (flash.incarnation !== copy.state.incarnation) return hold(otherLife)
  // Another controller led here since: whatever this one noted later, it adopts and never imposes (W13).
  if (flash.term < keys.term && !isMember(found, keys)) return adopt
  if (relation === 'conflict' || ahead)
    return unproven(flash, 'flash and chassis EEPROM hold different histories, and neither is believed')
  return adopt
}

/** Two members acknowledge without the EEPROM: what it holds may lack what they hold. */
const behind = ({ flash }: Found, { members }: ChassisKeys): Verdict => ({
  is: 'hold',
  why:
    `controllers ${members.join(' and ')} hold the bindings, and this one is neither: put one of them back; if both ` +
    `are lost, start once with --adopt ${flash.chassis} to go on from the chassis EEPROM`,
  byName: 'eeprom',
})

const otherLife = 'the chassis EEPROM tells of another life of this chassis, or of another chassis'

const hold = (why: string): Extract<Verdict, { is: 'hold' }> => ({ is: 'hold', why, byName: 'nothing' })

function unproven(flash: State, why: string): Extract<Verdict, { is: 'hold' }> {
  if (isNew(flash)) return hold(`${why}; a blank controller can not tell what is bound here`)
  const how = `if this flash is right, start once with --adopt ${flash.chassis}`
  return { is: 'hold', why: `${why}; nothing else proves what is on flash: ${how}`, byName: 'flash' }
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
