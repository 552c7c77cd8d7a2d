/**
 * The command line as data: verbs and options stand in tables, and parsing, help and complaints are all made from
 * them. A complaint names the word that is wrong and the nearest one that is right.
 */
import { parseArgs } from 'node:util'
import { type Id, parseId } from '../core/addresses.ts'
import type { Bay } from '../core/blade.ts'

/** The command line itself is wrong; nothing was sent. */
export class Usage extends Error {
  override readonly name = 'Usage'
}

export interface OptionSpec {
  /** Present: the option takes a value, called so in the help. */
  readonly value?: string
  readonly short?: string
  readonly say: string
}
export type OptionTable = { readonly [name: string]: OptionSpec }

export interface Parsed {
  /** Everything that is no option, in order. */
  readonly words: readonly string[]
  readonly options: ReadonlyMap<string, string | true>
}

/** Reads words and options, in any order; `known` are those of all verbs, since the verb is not known yet. */
export function parseLine(argv: readonly string[], known: OptionTable): Parsed {
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(
      Object.entries(known).map(([name, { value, short }]) => [
        name,
        { type: value === undefined ? ('boolean' as const) : ('string' as const), ...(short && { short }) },
      ]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const words: string[] = []
  const options = new Map<string, string | true>()
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const { name, rawName, value } = token
    const spec = Object.hasOwn(known, name) ? known[name] : undefined
    if (!spec) throw new Usage(`there is no option ${rawName}${suggest(name, Object.keys(known), '--')}`)
    if (options.has(name)) throw new Usage(`${rawName} stands twice; say it once`)
    if (spec.value === undefined) {
      if (value !== undefined) throw new Usage(`${rawName} takes no value; leave '${value}' out`)
      options.set(name, true)
    } else {
      if (value === undefined) throw new Usage(`${rawName} needs a value: ${rawName} ${spec.value}`)
      options.set(name, value)
    }
  }
  return { words, options }
}

/** The words after the verb, read one by one. */
export class Words {
  readonly #words: readonly string[]
  #next = 0

  constructor(words: readonly string[]) {
    this.#words = words
  }

  /** The next word, not taken. */
  get next(): string | undefined {
    return this.#words[this.#next]
  }

  take(what: string): string {
    const { next } = this
    if (next === undefined) throw new Usage(`say ${what}`)
    this.#next++
    return next
  }

  /** Takes one of these words. */
  choice<Choice extends string>(what: string, choices: readonly Choice[]): Choice {
    const word = this.take(`${what}: ${choices.join(' | ')}`)
    const found = choices.find((choice) => choice === word)
    if (found === undefined)
      throw new Usage(`'${word}' is no ${what}; say ${choices.join(' | ')}${suggest(word, choices)}`)
    return found
  }

  /** Takes the word if it is the next; otherwise nothing. */
  maybe(...words: readonly string[]): boolean {
    if (this.next === undefined || !words.includes(this.next)) return false
    this.#next++
    return true
  }

  id<Kind extends string>(what: string): Id<Kind> {
    return readId(this.take(`the ${what}`), what)
  }

  /** `bay 3` */
  bay(): Bay {
    this.#bayWord()
    return readBay(this.take('the bay: bay 3'))
  }

  /** `bay 3`, `bay any`, `any` */
  bayOrAny(): Bay | 'any' {
    if (this.maybe('any')) return 'any'
    this.#bayWord()
    return this.maybe('any') ? 'any' : readBay(this.take('the bay: bay 3, or bay any'))
  }

  /** `bay 3`, `bay 1-4,7` */
  bays(): readonly Bay[] {
    this.#bayWord()
    return readBays(this.take('the bays: bay 3, or bay 1-4,7'))
  }

  #bayWord(): void {
    if (!this.maybe('bay', 'bays')) throw new Usage(`say which bay: bay 3${this.next ? `, not ${this.next}` : ''}`)
  }

  rest(): readonly string[] {
    const rest = this.#words.slice(this.#next)
    this.#next = this.#words.length
    return rest
  }

  end(): void {
    if (this.next !== undefined) throw new Usage(`'${this.next}' is one word too many`)
  }
}

export function readId<Kind extends string>(text: string, what: string): Id<Kind> {
  const id = parseId<Kind>(text)
  if (!id) throw new Usage(`'${text}' is no ${what}; use up to 48 of a-z, 0-9 and -, not beginning with -`)
  return id
}

export function readBay(text: string): Bay {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new Usage(`'${text}' is no bay; say its number as printed on the chassis`)
  return Number(text)
}

/** `3`, `1-4`, `1-4,7`: in the order given, each once. */
export function readBays(text: string): readonly Bay[] {
  const bays = text.split(',').flatMap((span) => {
    const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(span) ?? []
    if (from === undefined || to === undefined) throw new Usage(`'${text}' are no bays; say 3, or 1-4,7`)
    const first = readBay(from)
    const last = readBay(to)
    if (last < first) throw new Usage(`'${span}' runs backwards; say ${to}-${from}`)
    if (last - first >= 1000) throw new Usage(`'${span}' has more bays than any chassis`)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
  return [...new Set(bays)]
}

export function readNumber(text: string, what: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(number)) throw new Usage(`${what} '${text}' is no whole number`)
  return number
}

/** `500ms`, `60s`, `60`, `2m`: in milliseconds. */
export function readDuration(text: string, what: string): number {
  const [, digits, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  if (digits === undefined) throw new Usage(`${what} '${text}' is no time; say 500ms, 60s or 2m`)
  const scale = unit === 'ms' ? 1 : unit === 's' ? 1_000 : unit === 'm' ? 60_000 : 3_600_000
  return Math.round(Number(digits) * scale)
}

/** `; did you mean --broker?`, or nothing where no known word is near. */
export function suggest(word: string, known: readonly string[], before = ''): string {
  const [best] = known
    .map((each) => ({ each, far: each.startsWith(word) && word.length > 1 ? 0 : distance(word, each) }))
    .sort((a, b) => a.far - b.far)
  return best && best.far <= Math.max(1, Math.floor(word.length / 3)) ? `; did you mean ${before}${best.each}?` : ''
}

/** Letters to put in, take out, replace or swap with their neighbour. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, i) => i)]
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(Math.min(replaced, at(i - 1, j) + 1, at(i, j - 1) + 1, ...(isSwap ? [at(i - 2, j - 2) + 1] : [])))
    }
  }
  return at(a.length, b.length)
}
