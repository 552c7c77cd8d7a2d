/**
 * Reading a decoded message into the domain's types. A reading goes on after the first thing that is wrong and keeps
 * a list, so that a client learns of all its mistakes at once. Until the list is seen to be empty nothing read may
 * be used: what was wrong has no value. Past that point a Mac is a Mac.
 */

import type { Serial, Uuid, Wwn } from '../core/addresses.ts'
import {
  type Id,
  type Iqn,
  type Mac,
  parseId,
  parseIqn,
  parseMac,
  parseSerial,
  parseUuid,
  parseWwn,
} from '../core/addresses.ts'
import type { Refusal } from '../core/reasons.ts'

/** What the static codecs give for a field: unset is null by prototype, and undefined by their types. */
export type Unset = null | undefined
/** 64-bit values come as an object of two halves, or as a number where that library was left out of a bundle. */
export type Wide = number | { toNumber(): number }

export interface Violation {
  readonly field: string
  readonly say: string
}

/** A name of ours for each number of a protocol enum. */
export type Numbered<Name extends string> = { readonly [name in Name]: number }

export class Reading {
  readonly violations: Violation[] = []
  #missing = 0
  #newer = 0

  /** Notes what is wrong. Typed as a value, because a reading with violations is never used. */
  wrong(field: string, say: string): never {
    this.violations.push({ field, say })
    // The one lie of this file: its truth is that `refusal` is asked before anything read is used.
    return undefined as never
  }

  missing(field: string, what = 'is missing'): never {
    this.#missing++
    return this.wrong(field, what)
  }

  /** A number or a field that a later version gave a meaning: not garbage, and not for us to guess. */
  newer(field: string, say: string): never {
    this.#newer++
    return this.wrong(field, say)
  }

  /** Undefined: everything read may be used. */
  refusal(): Refusal | undefined {
    const { violations } = this
    const [first] = violations
    if (first === undefined) return undefined
    const more = violations.length === 1 ? '' : ` (and ${violations.length - 1} more)`
    const say = `${first.field} ${first.say}${more}`
    if (this.#newer > 0) return { reason: 'newer-than-me', say, violations }
    return { reason: this.#missing === violations.length ? 'field-missing' : 'field-invalid', say, violations }
  }

  /** A part that must be there. */
  part<Message, Value>(field: string, message: Message | Unset, read: (message: Message) => Value): Value {
    return message === null || message === undefined ? this.missing(field) : read(message)
  }

  /** The member of a oneof that is set: at most one, since the codec keeps the last, as protobuf says. */
  one<Members extends object>(field: string, members: Members): One<Members> {
    for (const [name, value] of Object.entries(members)) {
      if (value !== null && value !== undefined) return { name, value } as One<Members>
    }
    return this.missing(field, `is missing: give one of ${Object.keys(members).map(snake).join(', ')}`)
  }

  name<Name extends string>(field: string, number: number | Unset, names: Numbered<Name>): Name {
    if (number === null || number === undefined || number === 0) return this.missing(field)
    for (const name in names) if (names[name] === number) return name
    return this.newer(field, `${number} is no value that this version knows`)
  }

  /** Like `name`; absent where unset. A set 0 is refused all the same. */
  maybeName<Name extends string>(field: string, number: number | Unset, names: Numbered<Name>): Name | undefined {
    return number === null || number === undefined ? undefined : this.name(field, number, names)
  }

  /** A 64-bit number, refused beyond 2^53 - 1, where JavaScript would round it. */
  wide(field: string, value: Wide | Unset): number {
    const number = value === null || value === undefined ? 0 : typeof value === 'number' ? value : value.toNumber()
    return Number.isSafeInteger(number) ? number : this.wrong(field, 'is above 9007199254740991')
  }

  maybeWide(field: string, value: Wide | Unset): number | undefined {
    return value === null || value === undefined ? undefined : this.wide(field, value)
  }

  /** A whole number within bounds. */
  within(field: string, value: number | Unset, least: number, most: number): number {
    const number = value ?? 0
    if (number === 0 && least > 0) return this.missing(field, `is missing: give ${least} to ${most}`)
    return number >= least && number <= most ? number : this.wrong(field, `${number} is not within ${least} to ${most}`)
  }

  maybeWithin(field: string, value: number | Unset, least: number, most: number): number | undefined {
    if (value === null || value === undefined) return undefined
    return value >= least && value <= most ? value : this.wrong(field, `${value} is not within ${least} to ${most}`)
  }

  /** A bay as printed on the chassis. Whether this chassis has it is for the judgement. */
  bay(field: string, value: number | Unset): number {
    return this.within(field, value, 1, 9999)
  }

  maybeBay(field: string, value: number | Unset): number | undefined {
    return this.maybeWithin(field, value, 1, 9999)
  }

  /** Text for people and consoles: no control characters, so that no message can steer a terminal. */
  text(field: string, value: string | Unset, most: number): string {
    return value === null || value === undefined || value === '' ? this.missing(field) : this.#plain(field, value, most)
  }

  maybeText(field: string, value: string | Unset, most: number): string | undefined {
    return value === null || value === undefined ? undefined : this.#plain(field, value, most)
  }

  #plain(field: string, value: string, most: number): string {
    if ([...value].length > most) return this.wrong(field, `is longer than ${most} characters`)
    return /\p{Cc}/u.test(value) ? this.wrong(field, 'has control characters') : value
  }

  /** Text of a given shape. */
  shaped(field: string, value: string | Unset, shape: RegExp, what: string): string {
    if (value === null || value === undefined || value === '') return this.missing(field)
    return shape.test(value) ? value : this.wrong(field, `${quote(value)} is not ${what}`)
  }

  maybeShaped(field: string, value: string | Unset, shape: RegExp, what: string): string | undefined {
    return value === null || value === undefined ? undefined : this.shaped(field, value, shape, what)
  }

  #parsed<Value>(field: string, text: string | Unset, parse: (text: string) => Value | undefined, what: string): Value {
    if (text === null || text === undefined || text === '') return this.missing(field)
    return parse(text) ?? this.wrong(field, `${quote(text)} is not ${what}`)
  }

  id<Kind extends string>(field: string, text: string | Unset): Id<Kind> {
    // Ids become keys of plain objects, which are born with a member of this name.
    if (text === 'constructor') return this.wrong(field, "'constructor' can not be used as an id")
    return this.#parsed<Id<Kind>>(field, text, parseId, 'an id: up to 48 of a-z, 0-9 and -, not starting with -')
  }

  maybeId<Kind extends string>(field: string, text: string | Unset): Id<Kind> | undefined {
    return text === null || text === undefined ? undefined : this.id(field, text)
  }

  mac(field: string, text: string | Unset): Mac {
    return this.#parsed(field, text, parseMac, 'a MAC address')
  }

  wwn(field: string, text: string | Unset): Wwn {
    return this.#parsed(field, text, parseWwn, 'a world-wide name')
  }

  iqn(field: string, text: string | Unset): Iqn {
    return this.#parsed(field, text, parseIqn, 'an iSCSI name')
  }

  maybeMac(field: string, text: string | Unset): Mac | undefined {
    return text === null || text === undefined ? undefined : this.mac(field, text)
  }

  maybeWwn(field: string, text: string | Unset): Wwn | undefined {
    return text === null || text === undefined ? undefined : this.wwn(field, text)
  }

  maybeIqn(field: string, text: string | Unset): Iqn | undefined {
    return text === null || text === undefined ? undefined : this.iqn(field, text)
  }

  serial(field: string, text: string | Unset): Serial {
    return this.#parsed(field, text, parseSerial, 'a serial number')
  }

  maybeSerial(field: string, text: string | Unset): Serial | undefined {
    return text === null || text === undefined ? undefined : this.serial(field, text)
  }

  maybeUuid(field: string, text: string | Unset): Uuid | undefined {
    return text === null || text === undefined ? undefined : this.#parsed(field, text, parseUuid, 'a UUID')
  }
}

/** The members of a oneof as a union. */
export type One<Members extends object> = {
  [Name in keyof Members]-?: { readonly name: Name; readonly value: NonNullable<Members[Name]> }
}[keyof Members]

/** `{ name: value }`, or nothing: absent is not undefined. */
export function given<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [name in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in Name]: Value })
}

/** A member of a message that may stay unset. The codecs skip what is undefined; their types can not say so. */
export function ifSet<Value, Message>(value: Value | undefined, write: (value: Value) => Message): Message {
  return value === undefined ? (undefined as Message) : write(value)
}

/** A repeated field: the codecs give an empty list for none, and say "maybe undefined" in their types. */
export function each<Message, Value>(
  messages: readonly Message[] | Unset,
  field: string,
  read: (message: Message, field: string) => Value,
): readonly Value[] {
  return (messages ?? []).map((message, i) => read(message, `${field}[${i}]`))
}

/** Names of the protocol's sources, as violations show them. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

export function quote(text: string): string {
  const short = text.length > 64 ? `${text.slice(0, 61)}...` : text
  return `'${short.replace(/[^\x20-\x7e]/g, '?')}'`
}
