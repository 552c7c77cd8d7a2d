// The reader of schemas that ships in the bundle says yes and no exactly where a full validator does, for as much of
// JSON Schema as the boards' schema uses; and it uses no more than that.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { listBoards } from '../../agent/boards/load.ts'
import { checkShape, type SchemaFile } from '../../agent/boards/shape.ts'

const folder = fileURLToPath(new URL('../../boards', import.meta.url))
const read = (path: string) => JSON.parse(readFileSync(`${folder}/${path}`, 'utf8'))
const schema: SchemaFile = read('schema.json')
const ajv = new Ajv2020({ strict: false })
ajv.addSchema(schema, 'boards')

const defs = { chassis: 'chassis', adapters: 'adapter', controllers: 'controller' } as const
const boards = (['chassis', 'adapters', 'controllers'] as const).flatMap((kind) =>
  listBoards(folder, kind).map((id) => ({ def: defs[kind], board: read(`${kind}/${id}.json`) })),
)

type Path = readonly (string | number)[]

/** Every place in a document, the document itself among them. */
function places(value: unknown, path: Path = []): readonly Path[] {
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return [path, ...members.flatMap(([name, member]) => places(member, [...path, name]))]
}

const junk = fc.constantFrom(
  null,
  true,
  -1,
  0,
  1,
  1.5,
  65,
  10_000_000,
  '',
  'x',
  'X y',
  '../z',
  'front',
  [],
  {},
  [1],
  { x: 1 },
  undefined,
)

/** The document with one place changed; `undefined` takes it out. */
function changed(document: unknown, path: Path, value: unknown): unknown {
  const [head, ...rest] = path
  if (head === undefined) return value
  if (Array.isArray(document)) {
    const copy = [...document]
    if (rest.length === 0 && value === undefined) copy.splice(Number(head), 1)
    else copy[Number(head)] = changed(copy[Number(head)], rest, value)
    return copy
  }
  const copy = { ...(document as object) } as { [name: string]: unknown }
  if (rest.length === 0 && value === undefined) delete copy[head]
  else copy[head] = changed(copy[head], rest, value)
  return copy
}

const mutants = fc.constantFrom(...boards).chain(({ def, board }) => {
  const value = fc.oneof(
    fc.constantFrom(...places(board)).chain((path) => fc.tuple(fc.constant(path), junk)),
    // A member that does not belong there.
    fc.constantFrom(...places(board)).map((path) => [[...path, 'extra'] as Path, 1] as const),
  )
  return value.map(([path, junked]) => ({ def, path, board: changed(board, path, junked) }))
})

describe('the reader of schemas', () => {
  it('agrees with a full validator on every board, however it is spoilt', () => {
    const count = { yes: 0, no: 0 }
    fc.assert(
      fc.property(mutants, ({ def, board }) => {
        const validate = ajv.getSchema(`boards#/$defs/${def}`)
        if (validate === undefined) throw new Error(def)
        const should = validate(JSON.parse(JSON.stringify(board ?? null)))
        const findings = checkShape(schema, def, JSON.parse(JSON.stringify(board ?? null)))
        expect(findings.length === 0, JSON.stringify(findings)).toBe(should)
        if (should) count.yes++
        else count.no++
      }),
      { numRuns: 2000 },
    )
    expect(count.no).toBeGreaterThan(1000)
    expect(count.yes).toBeGreaterThan(50)
  })

  it('points at what was spoilt, in a sentence that ends in what to do', () => {
    const { board } = boards.find((each) => each.board.id === 'hp-c7000') as (typeof boards)[number]
    const say = (path: Path, value: unknown) =>
      checkShape(schema, 'chassis', changed(board, path, value)).map(({ pointer, say: text }) => `${pointer}: ${text}`)
    expect(say(['bays', 2, 'face'], 'top')).toEqual(['/bays/2/face: "top" is none of front, rear; name one of them'])
    expect(say(['bays', 2, 'bay'], 99)).toEqual(['/bays/2/bay: 99 is no whole number from 1 to 64; write one'])
    expect(say(['vendor'], undefined)).toEqual([': vendor is missing; add it'])
    expect(say(['name'], 7)).toEqual(['/name: 7 is no text; put it in quotes'])
    expect(say(['id'], 'HP C7000')).toEqual([
      '/id: "HP C7000" is not an id: lower-case letters, digits and dashes, at most 48; correct it',
    ])
    expect(say(['bays'], {})).toEqual(['/bays: {} is no list; write [ … ]'])
    expect(say(['bays'], [])).toEqual(['/bays: the list has 0 members and needs 1; add what is missing'])
    expect(say(['front'], [])).toEqual(['/front: [] is no table; write { … }'])
    expect(say(['backplane', 'permitLatch'], 'yes')).toEqual([
      '/backplane/permitLatch: "yes" is neither true nor false; write one of them',
    ])
    expect(say(['front', 'depth'], 3)).toEqual([
      '/front/depth: "depth" is not known here; take it out, or correct it to one of w, h',
    ])
    expect(say(['sources', '/fans/count'], '')).toEqual(['/sources/~1fans~1count: it is empty; write something'])
    expect(say(['sources', 'fans'], 'x')).toEqual([
      '/sources/fans: "fans" is not a JSON pointer: empty, or beginning with /; correct it',
    ])
    const bays = Array.from({ length: 65 }, () => board.bays[0])
    expect(say(['bays'], bays)).toEqual(['/bays: the list has 65 members and may have 64; take some out'])
  })

  it('explains an alternative by the one that was meant', () => {
    const { board } = boards.find((each) => each.board.id === 'hp-flex-10') as (typeof boards)[number]
    const say = (value: unknown) =>
      checkShape(schema, 'adapter', changed(board, ['partitioning'], value)).map(
        ({ pointer, say: text }) => `${pointer}: ${text}`,
      )
    expect(say({ rule: 'npar', stepMbps: 100 })).toEqual(['/partitioning: perAdapter is missing; add it'])
    expect(say({ rule: 'flex' })).toEqual([
      '/partitioning: {"rule":"flex"} is not one of the rules whole, npar, umc, flex-10 and virtual; write one of them',
    ])
  })

  it('is asked for no keyword that it does not read', () => {
    const known = [
      '$ref',
      'description',
      'type',
      'const',
      'enum',
      'pattern',
      'minLength',
      'minimum',
      'maximum',
      'minItems',
      'maxItems',
      'items',
      'required',
      'properties',
      'propertyNames',
      'additionalProperties',
      'oneOf',
    ]
    const odd: string[] = []
    const walk = (each: unknown, where: string): void => {
      if (typeof each !== 'object' || each === null) return
      for (const [keyword, value] of Object.entries(each)) {
        if (!known.includes(keyword)) odd.push(`${where} ${keyword}`)
        else if (keyword === 'properties')
          for (const [name, member] of Object.entries(value)) walk(member, `${where}/${name}`)
        else if (keyword === 'oneOf') for (const [i, member] of value.entries()) walk(member, `${where}/${i}`)
        else if (keyword === 'items' || keyword === 'additionalProperties' || keyword === 'propertyNames')
          walk(value, `${where}/${keyword}`)
      }
    }
    for (const [name, def] of Object.entries(schema.$defs)) walk(def, name)
    expect(odd).toEqual([])
  })

  it('stops at a schema that it can not read, rather than letting everything through', () => {
    expect(() => checkShape({ $defs: {} }, 'chassis', {})).toThrow(/no #\/\$defs\/chassis/)
    expect(() => checkShape({ $defs: { x: { type: 'number' } } }, 'x', 1)).toThrow(/not read here: number/)
  })
})
