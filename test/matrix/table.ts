/**
 * The table as a page, and the page as a table again. A board of which nothing new is known keeps what the page says, so
 * that two boards can be held against it without running all of them.
 */
import { boardIds } from '../boards/lanes.ts'
import { hardware } from '../core/lab.ts'
import { type Group, groups } from './losses.ts'
import { promises } from './promises.ts'
import { Scene } from './scene.ts'
import { type Cells, columns } from './words.ts'

/** What came out, by what was lost and on which board. */
export type Results = ReadonlyMap<string, ReadonlyMap<string, Cells>>

export const command = 'node build.mjs matrix'

const nameOf = new Map(boardIds.map((board) => [board, hardware(board).board.name]))
const named = (board: string) => nameOf.get(board) ?? board

/** One board with everything and the one with the least. */
export const everyday = ['hp-c7000', 'generic-2u4n']

export const losses = groups.flatMap((group) => group.losses)

/** Why a loss can not happen on a board. */
const can = new Map(
  boardIds.map((board) => {
    const scene = new Scene(board)
    const reasons = losses.flatMap((loss) => {
      const why = loss.unless?.(scene)
      return why === undefined ? [] : [[loss.say, why] as const]
    })
    return [board, new Map(reasons)] as const
  }),
)
export const canHappen = (board: string, loss: string) => can.get(board)?.get(loss) === undefined

export const runs = boardIds.reduce((sum, board) => sum + losses.filter(({ say }) => canHappen(board, say)).length, 0)

/** Boards where the same came out, in one line. */
function linesOf(loss: string, found: ReadonlyMap<string, Cells>, noted: (said: string) => string): readonly string[] {
  const able = boardIds.filter((board) => canHappen(board, loss))
  const same = new Map<string, string[]>()
  for (const board of able) {
    const cells = found.get(board)
    const text = cells
      ? columns.map((column) => (column === last ? noted(cells[column]) : cells[column])).join(' | ')
      : ''
    same.set(text, [...(same.get(text) ?? []), board])
  }
  return [...same].map(([text, boards], at) => `| ${at === 0 ? loss : ''} | ${label(boards, loss)} | ${text} |`)
}

const last = 'the chassis says'

function label(boards: readonly string[], loss = ''): string {
  const others = boardIds.filter((board) => !boards.includes(board))
  if (others.length === 0) return 'all boards'
  if (others.length >= boards.length) return boards.map(named).join(', ')
  const why = (board: string) => (canHappen(board, loss) ? '' : ` (${can.get(board)?.get(loss)})`)
  return `all but ${others.map((board) => `${named(board)}${why(board)}`).join(', ')}`
}

function covers(text: string, board: string): boolean {
  if (text === 'all boards') return true
  const names = text
    .replace(/^all but /, '')
    .replaceAll(/ \([^)]*\)/g, '')
    .split(', ')
  return names.includes(named(board)) !== text.startsWith('all but ')
}

const rule = (count: number) => `|${' --- |'.repeat(count)}`
const heading = ['lost', 'boards', ...columns]

function section({ title, note, losses }: Group, results: Results, noted: (said: string) => string): readonly string[] {
  const lines = losses.flatMap(({ say }) => linesOf(say, results.get(say) ?? new Map(), noted))
  const about = note === undefined ? [] : [note, '']
  return [`## ${title}`, '', ...about, `| ${heading.join(' | ')} |`, rule(heading.length), ...lines, '']
}

/** Lines of what the chassis says, numbered as they come up first. */
class Notes {
  readonly #lines: string[] = []

  readonly number = (said: string): string => {
    if (!said.startsWith('`')) return said
    const named = said.split('<br>').map((line) => {
      if (!this.#lines.includes(line)) this.#lines.push(line)
      return `${line.slice(0, line.indexOf('`', 1) + 1)} [${this.#lines.indexOf(line) + 1}]`
    })
    return named.join(', ')
  }

  get section(): readonly string[] {
    const lines = this.#lines.map((line, at) => `| ${at + 1} | ${line} |`)
    return ['## What the chassis says, word for word', '', '| | |', '| --- | --- |', ...lines, '']
  }
}

export function page(results: Results): string {
  const notes = new Notes()
  const tables = groups.flatMap((group) => section(group, results, notes.number))
  const rest = promises(results, { boards: boardIds, label, noted: notes.number })
  return [...intro(), ...tables, ...rest, ...notes.section].join('\n')
}

const intro = (): readonly string[] => [
  '# What is lost, and what comes back',
  '',
  `Made by running the real agent on a simulated chassis, under a clock that the test moves: ${boardIds.length} boards, ${losses.length} losses, ${runs} runs. Not to be edited: \`${command}\` writes it anew. Every test run holds the ${everyday.map(named).join(' and the ')} against it, the slow tier all boards; both fail where it differs.`,
  '',
  'Before each loss a server `san` runs from storage and `web` from its own disk, `idle` is assigned and off, `late` waits for a blade in an empty bay, a spare blade is there (but not in four bays), and a manager is in office.',
  '',
  '- **runs on**: which of the two running servers saw no power change, no reset and no write until all was back; in brackets what befell the others.',
  '- **commands meanwhile**: define, assign, power on, move, and a dry run, asked while it is lost. *Taken* names the copies; a refusal names its reason. What is refused on any day too is left out. Where nobody commands, they are asked afterwards.',
  '- **starts**: blades that started by then, and as which server; not one that was commanded to.',
  '- **comes back**: every acknowledged binding is there and in sync, and every server runs with its own addresses from its own disk: by itself, or by whose hands. *All copies*: changes have as many copies as before.',
  '- **managers**: whether who commanded before still may.',
  '- **the chassis says**: what it shows as to be done; the numbers lead to the words and remedies at the end.',
  '',
]

/** What the page says of each loss and each board. */
export function read(text: string): Results {
  const found = new Map<string, Map<string, Cells>>()
  let loss = ''
  const notes = new Map([...text.matchAll(/^\| (\d+) \| (.*) \|$/gm)].map(([, number, line]) => [number, line]))
  const said = (cell: string) =>
    cell.replaceAll(/`[^`]*` \[(\d+)\](, )?/g, (_, number, more) => `${notes.get(number)}${more ? '<br>' : ''}`)
  for (const line of text.split('\n')) {
    const [first = '', boards = '', ...rest] = line.slice(2, -2).split(' | ')
    if (!line.startsWith('| ') || rest.length !== columns.length) continue
    if (first !== '') loss = first
    if (!losses.some(({ say }) => say === loss)) continue
    const textOf = (column: string, cell = '') => (column === last ? said(cell) : cell)
    const cells = Object.fromEntries(columns.map((column, at) => [column, textOf(column, rest[at])])) as Cells
    const known = found.get(loss) ?? new Map<string, Cells>()
    found.set(loss, known)
    for (const board of boardIds) if (canHappen(board, loss) && covers(boards, board)) known.set(board, cells)
  }
  return found
}

/** With what came out on some boards put in its place. */
export function together(page: Results, fresh: Results): Results {
  return new Map(losses.map(({ say }) => [say, new Map([...(page.get(say) ?? []), ...(fresh.get(say) ?? [])])]))
}
