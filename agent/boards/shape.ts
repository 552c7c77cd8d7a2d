/**
 * Reads JSON against the part of JSON Schema that boards/schema.json is written in, so that one file tells editors and
 * the agent alike what a board looks like, and a bundle needs no validator beside it. Answers in sentences: what is
 * wrong, where, and what to do. A test holds it to what a full validator says.
 */

/** Keywords understood here; `if`, `then` and `else` at the top only sort the files for editors. */
export interface Schema {
  readonly $ref?: string
  readonly description?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly pattern?: string
  readonly minLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Schema
  readonly required?: readonly string[]
  readonly properties?: { readonly [name: string]: Schema }
  readonly propertyNames?: Schema
  readonly additionalProperties?: Schema | false
  readonly oneOf?: readonly Schema[]
}

export interface SchemaFile {
  readonly $defs: { readonly [name: string]: Schema }
}

export interface Finding {
  /** JSON pointer of the value. */
  readonly pointer: string
  readonly say: string
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** A member's name as a part of a JSON pointer (RFC 6901). */
export const step = (name: string | number): string => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`

export function checkShape(file: SchemaFile, def: string, value: unknown): readonly Finding[] {
  return check(file, { $ref: `#/$defs/${def}` }, value, '')
}

function check(file: SchemaFile, schema: Schema, value: unknown, pointer: string): readonly Finding[] {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.replace('#/$defs/', '')
    const target = file.$defs[name]
    if (target === undefined) throw new Error(`boards/schema.json has no ${schema.$ref}`)
    return check(file, target, value, pointer)
  }
  const wrong = (say: string): readonly Finding[] => [{ pointer, say }]
  if (schema.oneOf !== undefined) return checkOneOf(file, schema, value, pointer)
  if (schema.const !== undefined && value !== schema.const)
    return wrong(`${show(value)} has to be ${show(schema.const)}`)
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return wrong(`${show(value)} is none of ${schema.enum.map(String).join(', ')}; name one of them`)
  switch (schema.type) {
    case undefined:
      return []
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong(`${show(value)} is neither true nor false; write one of them`)
    case 'integer': {
      const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = schema
      if (Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum) return []
      const range = schema.maximum === undefined ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`
      return wrong(`${show(value)} is no whole number ${range}; write one`)
    }
    case 'string': {
      if (typeof value !== 'string') return wrong(`${show(value)} is no text; put it in quotes`)
      if (value.length < (schema.minLength ?? 0)) return wrong('it is empty; write something')
      if (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value)) return []
      return wrong(`${show(value)} is not ${schema.description ?? `as ${schema.pattern} wants it`}; correct it`)
    }
    case 'array':
      return Array.isArray(value)
        ? checkList(file, schema, value, pointer)
        : wrong(`${show(value)} is no list; write [ … ]`)
    case 'object':
      return isTable(value)
        ? checkTable(file, schema, value, pointer)
        : wrong(`${show(value)} is no table; write { … }`)
    default:
      throw new Error(`boards/schema.json uses a type that is not read here: ${schema.type}`)
  }
}

function checkList(file: SchemaFile, schema: Schema, list: readonly unknown[], pointer: string): readonly Finding[] {
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = schema
  if (list.length < minItems)
    return [{ pointer, say: `the list has ${list.length} members and needs ${minItems}; add what is missing` }]
  if (list.length > maxItems)
    return [{ pointer, say: `the list has ${list.length} members and may have ${maxItems}; take some out` }]
  return items === undefined ? [] : list.flatMap((item, i) => check(file, items, item, pointer + step(i)))
}

function checkTable(
  file: SchemaFile,
  schema: Schema,
  table: { readonly [name: string]: unknown },
  pointer: string,
): readonly Finding[] {
  const { required = [], properties = {}, propertyNames, additionalProperties } = schema
  const missing = required.filter((name) => !Object.hasOwn(table, name))
  const findings: Finding[] = missing.map((name) => ({ pointer, say: `${name} is missing; add it` }))
  for (const [name, value] of Object.entries(table)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (propertyNames !== undefined) findings.push(...check(file, propertyNames, name, pointer + step(name)))
    if (known !== undefined) findings.push(...check(file, known, value, pointer + step(name)))
    else if (additionalProperties === false) {
      const say = `${show(name)} is not known here; take it out, or correct it to one of ${Object.keys(properties).join(', ')}`
      findings.push({ pointer: pointer + step(name), say })
    } else if (additionalProperties !== undefined)
      findings.push(...check(file, additionalProperties, value, pointer + step(name)))
  }
  return findings
}

/** Alternatives are told apart by a member that is constant; the one that it names explains what is wrong. */
function checkOneOf(file: SchemaFile, schema: Schema, value: unknown, pointer: string): readonly Finding[] {
  const branches = (schema.oneOf ?? []).map((branch) => ({ branch, findings: check(file, branch, value, pointer) }))
  if (branches.filter(({ findings }) => findings.length === 0).length === 1) return []
  const named = branches.find(({ branch }) =>
    Object.entries(branch.properties ?? {}).some(
      ([name, member]) => member.const !== undefined && isTable(value) && value[name] === member.const,
    ),
  )
  return named?.findings ?? [{ pointer, say: `${show(value)} is not ${schema.description}; write one of them` }]
}

export const isTable = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
