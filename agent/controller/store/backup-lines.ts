/**
 * A text that survives paper, mail and a serial line: lines of at most 72 columns of printable ASCII, each with its own
 * number and check sum, and a last one with a sum over all. So that whoever reads it can say which line is damaged,
 * missing, doubled or out of place, and whoever pastes it has to paste only that one again. Pure.
 *
 *     midplane backup 1
 *     0002 5a1c09fe # chassis demo: hp-c7000, serial CZ3210ABCD, revision 12
 *     0003 90b1d2ee eJyrVkrOz0lVslIqSy0qzszPU7Iy0FFKzk8BsYtSi/NLi5JTlaxqawH…
 *     0004 11f0a7c3 end 4 n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg
 *
 * A number is that of the line in the text. A line's sum is CRC-32 over number, blank and content; the last sum is
 * SHA-256, base64url, over number, blank and content of each line before it, joined by line feeds.
 */
import { createHash } from 'node:crypto'
import { crc32 } from './crc32.ts'

export const opening = 'midplane backup 1'
export const lineColumns = 72
/** Number, sum, and the blanks after them. */
export const contentColumns = lineColumns - 14
/** The highest number that a line has room for. */
const mostLines = 9999

export interface Problem {
  /** Number of the line in a whole text, from 1; what does not belong there stands after this line. */
  readonly line: number
  readonly say: string
}

export type Lines =
  | { readonly ok: true; readonly contents: readonly string[] }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] }

const numbered = (number: number, content: string) => `${String(number).padStart(4, '0')} ${content}`
const sumOf = (line: string) => crc32(Buffer.from(line, 'latin1')).toString(16).padStart(8, '0')

/** Undefined: more than a text has numbers for. Contents are printable ASCII of at most `contentColumns`, not blank at the end. */
export function writeLines(contents: readonly string[]): string | undefined {
  if (contents.length + 2 > mostLines) return undefined
  const bare = contents.map((content, i) => numbered(i + 2, content))
  const last = contents.length + 2
  bare.push(numbered(last, `end ${last} ${sumOfAll(bare)}`))
  const lines = bare.map((line) => `${line.slice(0, 4)} ${sumOf(line)}${line.slice(4)}`)
  return [opening, ...lines, ''].join('\n')
}

const sumOfAll = (lines: readonly string[]) => createHash('sha256').update(lines.join('\n')).digest('base64url')

interface Good {
  readonly number: number
  readonly content: string
}

/** A line of a backup with its right sum; undefined: it is damaged, or none. */
export function readLine(line: string): Good | undefined {
  const [, digits, sum, content] = /^(\d{4}) ([0-9a-f]{8}) (.*)$/.exec(line.trimEnd()) ?? []
  if (digits === undefined || content === undefined || sumOf(`${digits} ${content}`) !== sum) return undefined
  const number = Number(digits)
  return number >= 2 ? { number, content } : undefined
}

/** Looks like a line of a backup, right or not; nothing else that somebody types does. */
export const isOfBackup = (line: string): boolean => line.trim() === opening || /^\d{4} [0-9a-f]{8} /.test(line)

/** How many lines the text has, if this is its last one. */
const endOf = ({ number, content }: Good): { readonly sum: string } | undefined => {
  const [, count, sum] = /^end (\d+) ([\w-]{43})$/.exec(content) ?? []
  return sum !== undefined && Number(count) === number ? { sum } : undefined
}

/**
 * The contents of a whole text, or everything that is wrong with it. Carriage returns, blanks at the ends of lines, empty
 * lines, and whatever stands before the first line or after the last one (a prompt, a log) do no harm.
 */
export function readLines(text: string): Lines {
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() !== '')
  const first = lines.findIndex((line) => line.trim() === opening)
  if (first < 0) {
    const newer = lines.some((line) => /^midplane backup \d+$/.test(line.trim()))
    const say = newer ? 'a newer version wrote this backup; update the controller' : `line 1 is not '${opening}'`
    return { ok: false, problems: [{ line: 1, say }] }
  }
  const good = new Map<number, string>()
  const problems: Problem[] = []
  /** Of each line that can not be read: the highest number before it. */
  const unread: number[] = []
  let last: { readonly number: number; readonly sum: string } | undefined
  let before = 1
  for (const line of lines.slice(first + 1)) {
    const found = readLine(line)
    if (!found) {
      unread.push(before)
      continue
    }
    const { number, content } = found
    const known = good.get(number)
    if (known === content) problems.push({ line: number, say: `line ${number} stands there twice` })
    else if (known !== undefined)
      problems.push({ line: number, say: `line ${number} stands there twice, from two backups` })
    else if (number < before) problems.push({ line: number, say: `line ${number} stands after line ${before}` })
    if (known === undefined) good.set(number, content)
    before = Math.max(before, number)
    const end = endOf(found)
    if (!end) continue
    last = { number, ...end }
    break
  }
  problems.push(...gaps(good, unread, last?.number))
  if (problems.length === 0 && last) {
    const bare = [...good].slice(0, -1).map(([number, content]) => numbered(number, content))
    if (sumOfAll(bare) !== last.sum)
      problems.push({ line: last.number, say: `line ${last.number} is the end of another backup` })
  }
  const [problem, ...more] = problems.sort((a, b) => a.line - b.line)
  if (problem) return { ok: false, problems: [problem, ...more] }
  return { ok: true, contents: [...good.values()].slice(0, -1) }
}

/** What can not be read is the line that is missing where it stands; what is missing nowhere does not belong there. */
function gaps(
  good: ReadonlyMap<number, string>,
  unread: readonly number[],
  last: number | undefined,
): readonly Problem[] {
  const problems: Problem[] = []
  const damaged = new Set<number>()
  const highest = Math.max(1, ...good.keys())
  for (const after of unread) {
    let number = after + 1
    while (damaged.has(number)) number++
    if (good.has(number) || (last !== undefined && number > last)) {
      problems.push({ line: after, say: `after line ${after} stands one that is of no backup` })
    } else {
      damaged.add(number)
      problems.push({ line: number, say: `line ${number} is damaged` })
    }
  }
  for (let number = 2; number <= highest; number++) {
    if (!good.has(number) && !damaged.has(number)) problems.push({ line: number, say: `line ${number} is missing` })
  }
  // Where what stands last can not be read, that is the last line.
  if (last === undefined && !damaged.has(highest + 1))
    problems.push({ line: highest + 1, say: `it ends after line ${highest}: the last line is missing` })
  return problems
}

/**
 * A text that comes in line by line and in any order, as it is pasted: each line that is right is kept, so that only
 * those that are not have to come again.
 */
export class Paste {
  #good = new Map<number, string>()
  #last: number | undefined

  /** False: it is not right; say which are wanted. Empty lines and the first one are neither. */
  take(line: string): boolean {
    const text = line.trim()
    if (text === '') return true
    if (text === opening) return true
    const found = readLine(line)
    if (!found) return false
    this.#good.set(found.number, line.trimEnd())
    if (endOf(found)) this.#last = found.number
    return true
  }

  /** The last line came: what is not there now has to come again. */
  get isEnded(): boolean {
    return this.#last !== undefined
  }

  /** Numbers of the lines that are still wanted; the last line's is not known before it came. */
  get wanted(): readonly number[] {
    const highest = this.#last ?? Math.max(1, ...this.#good.keys())
    return Array.from({ length: highest - 1 }, (_, i) => i + 2).filter((number) => !this.#good.has(number))
  }

  /** In order. */
  get text(): string {
    const lines = [...this.#good].sort(([a], [b]) => a - b).map(([, line]) => line)
    return [opening, ...lines, ''].join('\n')
  }
}
