/**
 * Reading JSON that somebody else wrote. A `Field` knows where it stands in the document, so that
 * what can not be read is told by name; a member that is missing is an error and never a default,
 * because an address that nobody saw is not an address that nobody has. `null` is how Redfish says
 * "there is none", and is read as such only where the reader asks for it.
 */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/** How a document failed its reader: in the order of Redfish's Base messages that tell of it. */
export type Wrong = 'missing' | 'type' | 'value' | 'conflict' | 'unknown' | 'readonly'

/** Thrown while reading, and caught where the document came in: a 400 at the face, a Fault at the driver. */
export class Unreadable extends Error {
  readonly wrong: Wrong
  readonly path: string
  constructor(wrong: Wrong, path: string, message: string) {
    super(`${path === '' ? 'the document' : path}: ${message}`)
    this.name = 'Unreadable'
    this.wrong = wrong
    this.path = path
  }
}

export function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

export class Field {
  readonly json: Json | undefined
  readonly path: string
  constructor(json: Json | undefined, path = '') {
    this.json = json
    this.path = path
  }

  /** A member of this object. Own members only: `constructor` is not a member. */
  at(name: string): Field {
    const object = this.object()
    return new Field(Object.hasOwn(object, name) ? object[name] : undefined, this.path ? `${this.path}/${name}` : name)
  }

  get present(): boolean {
    return this.json !== undefined
  }

  object(): JsonObject {
    if (isObject(this.json)) return this.json
    throw this.#wrongType('an object')
  }

  items(most = 1024): readonly Field[] {
    if (!Array.isArray(this.json)) throw this.#wrongType('a list')
    if (this.json.length > most) throw this.bad(`has ${this.json.length} items, at most ${most} can be`)
    return this.json.map((item: Json, at) => new Field(item, `${this.path}/${at}`))
  }

  text(): string {
    if (typeof this.json === 'string') return this.json
    throw this.#wrongType('a string')
  }

  flag(): boolean {
    if (typeof this.json === 'boolean') return this.json
    throw this.#wrongType('true or false')
  }

  /** A whole number that a double carries exactly. */
  whole(least = 0, most: number = Number.MAX_SAFE_INTEGER): number {
    if (typeof this.json !== 'number' || !Number.isSafeInteger(this.json)) throw this.#wrongType('a whole number')
    if (this.json < least || this.json > most) throw this.bad(`${this.json} is outside ${least} to ${most}`)
    return this.json
  }

  /** A measure, such as seconds: not negative. */
  measure(): number {
    if (typeof this.json !== 'number' || !Number.isFinite(this.json)) throw this.#wrongType('a number')
    if (this.json < 0) throw this.bad(`${this.json} is negative`)
    return this.json
  }

  /** Text that a parser takes, such as an address. */
  parsed<Value>(parse: (text: string) => Value | undefined): Value {
    const text = this.text()
    const value = parse(text)
    if (value === undefined) throw this.bad(`"${text.slice(0, 80)}" can not be read`)
    return value
  }

  /** The key whose name in Redfish this is. */
  named<Key extends string>(names: { readonly [key in Key]: string }): Key {
    const text = this.text()
    for (const key in names) if (names[key] === text) return key
    throw this.bad(`"${text.slice(0, 80)}" is not one of ${Object.values(names).join(', ')}`)
  }

  /** `null` says that there is none; a missing member says nothing, and is an error. */
  orNull<Value>(read: (field: Field) => Value): Value | undefined {
    if (this.json === undefined) throw this.#wrongType('there')
    return this.json === null ? undefined : read(this)
  }

  bad(message: string): Unreadable {
    return new Unreadable('value', this.path, message)
  }

  conflict(message: string): Unreadable {
    return new Unreadable('conflict', this.path, message)
  }

  #wrongType(wanted: string): Unreadable {
    return this.json === undefined
      ? new Unreadable('missing', this.path, 'is missing')
      : new Unreadable('type', this.path, `is not ${wanted}`)
  }
}

/**
 * JSON merge as a PATCH means it: objects member by member, anything else replaced. `whole` is the
 * resource as shown, `writable` the part of it that can be changed; a member of neither is unknown.
 * Annotations (`@odata.etag` and its kin) are no properties and are passed over.
 */
export function merge(writable: JsonObject, whole: JsonObject, patch: JsonObject, path = ''): JsonObject {
  const merged: { [name: string]: Json } = { ...writable }
  for (const [name, value] of Object.entries(patch)) {
    if (name.includes('@')) continue
    const here = path ? `${path}/${name}` : name
    if (!Object.hasOwn(writable, name)) {
      throw Object.hasOwn(whole, name)
        ? new Unreadable('readonly', here, 'can not be written')
        : new Unreadable('unknown', here, 'is not a property of this resource')
    }
    const current = writable[name]
    if (isObject(current)) {
      if (!isObject(value)) throw new Unreadable('type', here, 'is not an object')
      const shown = whole[name]
      merged[name] = merge(current, isObject(shown) ? shown : current, value, here)
    } else merged[name] = value
  }
  return merged
}

/** The first member of `patch` that `result` does not show; undefined when all of it took effect. */
export function notShown(patch: Json, result: Json | undefined, path = ''): string | undefined {
  if (isObject(patch) && isObject(result)) {
    for (const [name, value] of Object.entries(patch)) {
      if (name.includes('@')) continue
      const lost = notShown(value, result[name], path ? `${path}/${name}` : name)
      if (lost !== undefined) return lost
    }
    return undefined
  }
  if (Array.isArray(patch) && Array.isArray(result)) {
    if (patch.length !== result.length) return path
    for (const [at, item] of patch.entries()) {
      const lost = notShown(item, result[at], `${path}/${at}`)
      if (lost !== undefined) return lost
    }
    return undefined
  }
  const spelling = (json: Json | undefined) =>
    typeof json === 'string' ? json.toLowerCase().replaceAll('-', ':') : json
  return spelling(patch) === spelling(result) ? undefined : path
}
