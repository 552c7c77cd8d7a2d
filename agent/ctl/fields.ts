/**
 * Reading JSON that somebody wrote by hand: every wrong, missing or unknown member is found in one go and said with
 * its path, and a word that is nearly right with the right one. What was wrong has no value, so nothing read may be
 * used before the list of complaints is seen to be empty.
 */
import { type Id, parseId } from '../core/addresses.ts'
import { suggest } from './arguments.ts'

type Json = unknown

export class Fields {
  readonly #complaints: string[]
  readonly #value: Json
  readonly #path: string

  constructor(value: Json, path = '', complaints: string[] = []) {
    this.#value = value
    this.#path = path
    this.#complaints = complaints
  }

  /** Empty: everything read may be used. */
  get complaints(): readonly string[] {
    return this.#complaints
  }

  /** Typed as a value, because a reading with complaints is never used. */
  wrong(say: string): never {
    this.#complaints.push(`${this.#path || 'the document'} ${say}`)
    // The one lie of this file: its truth is that complaints are asked for before anything read is used.
    return undefined as never
  }

  get isThere(): boolean {
    return this.#value !== undefined && this.#value !== null
  }

  get isList(): boolean {
    return Array.isArray(this.#value)
  }

  get isObject(): boolean {
    return typeof this.#value === 'object' && this.#value !== null && !Array.isArray(this.#value)
  }

  get isNumber(): boolean {
    return typeof this.#value === 'number'
  }

  has(name: string): boolean {
    return this.isObject && Object.hasOwn(this.#value as object, name)
  }

  /** Says which members may stand here. A member that nobody knows may have been meant as a condition. */
  only(...known: readonly string[]): this {
    if (!this.isObject) this.wrong(this.isThere ? 'is no object' : 'is missing')
    else
      for (const name of Object.keys(this.#value as object))
        if (!known.includes(name)) this.at(name).wrong(`is not known here${suggest(name, known)}`)
    return this
  }

  at(name: string): Fields {
    const value = this.has(name) ? (this.#value as { [name: string]: Json })[name] : undefined
    return new Fields(value, this.#path === '' ? name : `${this.#path}.${name}`, this.#complaints)
  }

  /** Each element of a list; absent: none. */
  each<Value>(read: (element: Fields) => Value): readonly Value[] {
    if (!this.isThere) return []
    if (!this.isList) return this.wrong('is no list')
    return (this.#value as readonly Json[]).map((element, i) =>
      read(new Fields(element, `${this.#path}[${i}]`, this.#complaints)),
    )
  }

  text(): string {
    if (!this.isThere) return this.wrong('is missing')
    return typeof this.#value === 'string' && this.#value !== '' ? this.#value : this.wrong('is no text')
  }

  number(): number {
    if (!this.isThere) return this.wrong('is missing')
    return Number.isSafeInteger(this.#value) && (this.#value as number) >= 0
      ? (this.#value as number)
      : this.wrong('is no whole number')
  }

  flag(): boolean {
    return typeof this.#value === 'boolean' ? this.#value : this.wrong('is neither true nor false')
  }

  choice<Choice extends string>(choices: readonly Choice[]): Choice {
    const text = this.text()
    if (text === undefined) return text
    const found = choices.find((choice) => choice === text)
    return found ?? this.wrong(`'${text}' is none of ${choices.join(', ')}${suggest(text, choices)}`)
  }

  id<Kind extends string>(): Id<Kind> {
    return this.parsed<Id<Kind>>(parseId, 'an id: up to 48 of a-z, 0-9 and -')
  }

  parsed<Value>(parse: (text: string) => Value | undefined, what: string): Value {
    const text = this.text()
    if (text === undefined) return text
    return parse(text) ?? this.wrong(`'${text}' is not ${what}`)
  }

  /** `{ [name]: value }` where it is there, nothing where it is not: absent is not undefined. */
  maybe<Name extends string, Value>(name: Name, read: (field: Fields) => Value): { readonly [name in Name]?: Value } {
    const field = this.at(name)
    return field.isThere ? ({ [name]: read(field) } as { readonly [name in Name]: Value }) : {}
  }
}
