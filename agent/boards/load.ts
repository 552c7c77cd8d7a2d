/**
 * Reads board files: what kind of chassis this is, which adapters exist, what the agent runs on. The folder is given by
 * the caller, so that a bundle carries its boards beside it; a chassis of one's own is one more file, named by path.
 * Nothing half-read is ever handed out: a board is checked whole, or refused in one sentence.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { AdapterModel, ChassisBoard, ControllerBoard, Hardware } from '../core/board.ts'
import { lintAdapter, lintChassis, lintController } from './lint.ts'
import { checkShape, type Finding, type SchemaFile } from './shape.ts'
import { countUnverified } from './sources.ts'

export interface Complaint {
  /** As it was opened. */
  readonly file: string
  /** JSON pointer of what is wrong in it. */
  readonly pointer: string
  readonly say: string
}

export type Loaded<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly complaints: readonly Complaint[]; readonly say: string }

export type BoardKind = 'chassis' | 'adapters' | 'controllers'

/** A board file is some kilobytes; what is larger is something else. */
const mostBytes = 1024 * 1024

/** Chassis by id, or by the path of a file of one's own (which names adapters of the folder). */
export function loadHardware(folder: string, chassis: string): Loaded<Hardware> {
  const schema = readSchema(folder)
  if (!schema.ok) return schema
  const adapters = readAdapters(folder, schema.value)
  if (!adapters.ok) return adapters
  const path = pathOf(folder, 'chassis', chassis)
  if (!path.ok) return path
  const board = readChassis(path.value, schema.value, adapters.value)
  return board.ok ? { ok: true, value: { board: board.value, adapters: adapters.value } } : board
}

/** Controller board by id, or by the path of a file of one's own. */
export function loadController(folder: string, controller: string): Loaded<ControllerBoard> {
  const schema = readSchema(folder)
  if (!schema.ok) return schema
  const path = pathOf(folder, 'controllers', controller)
  return path.ok ? readBoard<ControllerBoard>(path.value, schema.value, 'controller', lintController) : path
}

/** Ids of the boards in a folder, sorted. A kind that the folder does not have has none. */
export function listBoards(folder: string, kind: BoardKind): readonly string[] {
  if (!existsSync(join(folder, kind))) return []
  const files = readdirSync(join(folder, kind)).filter((name) => name.endsWith('.json'))
  return files.map((name) => name.slice(0, -'.json'.length)).sort()
}

/** Everything that is wrong in a folder of boards. */
export function lintBoards(folder: string): readonly Complaint[] {
  const complaintsOf = (loaded: Loaded<unknown>) => (loaded.ok ? [] : loaded.complaints)
  const schema = readSchema(folder)
  if (!schema.ok) return schema.complaints
  const adapters = readAdapters(folder, schema.value)
  // Without its adapters a chassis can not be judged.
  if (!adapters.ok) return adapters.complaints
  return [
    ...listBoards(folder, 'chassis').flatMap((id) => complaintsOf(loadHardware(folder, id))),
    ...listBoards(folder, 'controllers').flatMap((id) => complaintsOf(loadController(folder, id))),
  ]
}

export interface Unverified {
  /** `chassis/hp-c7000` */
  readonly board: string
  readonly pointer: string
  /** How many values stand on it. */
  readonly values: number
}

/** What nobody has seen in a source, in all boards of a folder. */
export function listUnverified(folder: string): readonly Unverified[] {
  return (['chassis', 'adapters', 'controllers'] as const).flatMap((kind) =>
    listBoards(folder, kind).flatMap((id) => {
      const board: { sources: { [pointer: string]: string } } = JSON.parse(
        readFileSync(fileOf(folder, kind, id), 'utf8'),
      )
      return countUnverified(board).map((count) => ({ board: `${kind}/${id}`, ...count }))
    }),
  )
}

/** The same as a Markdown table, as boards/README.md carries it. */
export function unverifiedTable(folder: string): string {
  const rows = listUnverified(folder)
  const total = rows.reduce((sum, { values }) => sum + values, 0)
  return [
    '| board | fact | values |',
    '|---|---|---:|',
    ...rows.map(
      ({ board, pointer, values }) => `| ${board} | ${pointer === '' ? 'all others' : `\`${pointer}\``} | ${values} |`,
    ),
    `| all | | ${total} |`,
  ].join('\n')
}

export function sayComplaint({ file, pointer, say }: Complaint): string {
  return `${file}${pointer === '' ? '' : ` at ${pointer}`}: ${say}`
}

const fileOf = (folder: string, kind: BoardKind, id: string) => join(folder, kind, `${id}.json`)

function pathOf(folder: string, kind: BoardKind, name: string): Loaded<string> {
  if (/[/\\]/.test(name) || name.endsWith('.json')) return { ok: true, value: name }
  const ids = listBoards(folder, kind)
  if (ids.includes(name)) return { ok: true, value: fileOf(folder, kind, name) }
  const say = `there is no board ${name}; name one of ${ids.join(', ')}, or the path of a file of your own`
  return refused([{ file: join(folder, kind), pointer: '', say }])
}

function refused(complaints: readonly Complaint[]): Extract<Loaded<never>, { ok: false }> {
  const [first, ...others] = complaints
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  return { ok: false, complaints, say: first === undefined ? '' : `${sayComplaint(first)}${more}` }
}

function readJson(file: string): Loaded<unknown> {
  const wrong = (say: string) => refused([{ file, pointer: '', say }])
  try {
    if (statSync(file).size > mostBytes)
      return wrong(`it is larger than ${mostBytes} bytes and no board; name another file`)
    return { ok: true, value: JSON.parse(readFileSync(file, 'utf8')) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return wrong('there is no such file; correct the path')
    if (code !== undefined) return wrong(`it can not be read (${code}); check its permissions`)
    return wrong(`it is no JSON (${message}); correct it`)
  }
}

function readSchema(folder: string): Loaded<SchemaFile> {
  const read = readJson(join(folder, 'schema.json'))
  return read.ok ? { ok: true, value: read.value as SchemaFile } : read
}

function readBoard<Board extends { readonly id: string }>(
  file: string,
  schema: SchemaFile,
  def: string,
  lint: (board: Board) => readonly Finding[],
): Loaded<Board> {
  const read = readJson(file)
  if (!read.ok) return read
  const shape = checkShape(schema, def, read.value)
  // Meaning is judged only where the shape holds: then, and only then, it is a Board.
  const board = read.value as Board
  const findings = shape.length > 0 ? shape : [...lintId(board, file), ...lint(board)]
  return findings.length === 0 ? { ok: true, value: board } : refused(findings.map((finding) => ({ file, ...finding })))
}

function lintId({ id }: { readonly id: string }, file: string): readonly Finding[] {
  const name = basename(file, '.json')
  return name === id
    ? []
    : [{ pointer: '/id', say: `board ${id} stands in ${basename(file)}; call the file ${id}.json` }]
}

function readAdapters(folder: string, schema: SchemaFile): Loaded<Hardware['adapters']> {
  const models: [string, AdapterModel][] = []
  const complaints: Complaint[] = []
  for (const id of listBoards(folder, 'adapters')) {
    const read = readBoard<AdapterModel>(fileOf(folder, 'adapters', id), schema, 'adapter', lintAdapter)
    if (read.ok) models.push([read.value.id, read.value])
    else complaints.push(...read.complaints)
  }
  return complaints.length > 0 ? refused(complaints) : { ok: true, value: Object.fromEntries(models) }
}

function readChassis(file: string, schema: SchemaFile, adapters: Hardware['adapters']): Loaded<ChassisBoard> {
  return readBoard<ChassisBoard>(file, schema, 'chassis', (board) => lintChassis(board, adapters))
}
