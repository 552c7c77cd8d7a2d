/**
 * The words of one line, read one after another: keywords by any unique beginning, ids, bay numbers. The first thing
 * that is wrong is kept, with the way out; whoever reads asks for it at the end.
 */
import { type Id, parseId } from '../../../core/addresses.ts'
import type { Bay } from '../../../core/blade.ts'
import { type Refusal, refuse } from '../../../core/reasons.ts'

/** Exactly one of `choices` that begins so, or is so. */
export function match<Choice extends string>(word: string, choices: readonly Choice[]): readonly Choice[] {
  const exact = choices.find((choice) => choice === word)
  return exact === undefined ? choices.filter((choice) => choice.startsWith(word)) : [exact]
}

export class Words {
  readonly #words: readonly string[]
  #at = 0
  #complaint: Refusal | undefined
  /** How the verb is used: the way out of most complaints. */
  usage = 'help'

  constructor(line: string) {
    // Ids are lower case: a technician's caps lock does no harm.
    this.#words = line
      .toLowerCase()
      .split(' ')
      .filter((word) => word !== '')
  }

  get complaint(): Refusal | undefined {
    return this.#complaint
  }

  get isEmpty(): boolean {
    return this.#words.length === 0
  }

  get next(): string | undefined {
    return this.#complaint ? undefined : this.#words[this.#at]
  }

  complain(reason: 'field-missing' | 'field-invalid', say: string): void {
    this.#complaint ??= refuse(reason, say)
  }

  /** The next word, which has to be one of these. */
  keyword<const Choice extends string>(choices: readonly [Choice, ...Choice[]], what: string): Choice {
    const word = this.#take()
    if (word === undefined) {
      this.complain('field-missing', `say ${what}; ${this.usage}`)
      return choices[0]
    }
    const [first, ...others] = match(word, choices)
    if (first !== undefined && others.length === 0) return first
    if (first === undefined) this.complain('field-invalid', `'${short(word)}' is not ${what}; ${this.usage}`)
    else this.complain('field-invalid', `'${short(word)}' could be ${list([first, ...others])}; type more of it`)
    return choices[0]
  }

  /** Takes the next word if it is this one, or a beginning of it. */
  maybe(word: string): boolean {
    const { next } = this
    if (next === undefined || !word.startsWith(next)) return false
    this.#at++
    return true
  }

  /** `profile web-01`: the noun, then an id. */
  id<Kind extends string>(noun: string): Id<Kind> {
    this.keyword([noun], `'${noun}' and its name`)
    return this.name<Kind>(noun)
  }

  name<Kind extends string>(noun: string): Id<Kind> {
    const word = this.#take()
    const id = word === undefined ? undefined : parseId<Kind>(word)
    if (word === undefined) this.complain('field-missing', `say which ${noun}; ${this.usage}`)
    else if (id === undefined) this.complain('field-invalid', `'${short(word)}' is no name; names have a-z, 0-9 and -`)
    return id ?? ('' as Id<Kind>)
  }

  /** `bay 3` */
  bay(): Bay {
    this.keyword(['bay'], `'bay' and its number`)
    return this.number()
  }

  number(): number {
    const word = this.#take()
    if (word === undefined) this.complain('field-missing', `say which bay by its number; ${this.usage}`)
    else if (!/^[1-9]\d{0,2}$/.test(word))
      this.complain('field-invalid', `'${short(word)}' is no bay number; ${this.usage}`)
    return Number(word)
  }

  /** A whole number that is no bay. */
  amount(what: string): number {
    const word = this.#take()
    if (word === undefined) this.complain('field-missing', `say ${what}; ${this.usage}`)
    else if (!/^[1-9]\d{0,6}$/.test(word))
      this.complain('field-invalid', `'${short(word)}' is not ${what}; ${this.usage}`)
    return Number(word)
  }

  /** `7,8`: bays by their numbers, with commas and no blanks. */
  bays(): readonly Bay[] {
    return this.#listed('bays').map((each) => {
      if (!/^[1-9]\d{0,2}$/.test(each))
        this.complain('field-invalid', `'${short(each)}' is no bay number; ${this.usage}`)
      return Number(each)
    })
  }

  /** `web-01,db-01` */
  names<Kind extends string>(noun: string): readonly Id<Kind>[] {
    return this.#listed(noun).map((each) => {
      const id = parseId<Kind>(each)
      if (id === undefined) this.complain('field-invalid', `'${short(each)}' is no name; names have a-z, 0-9 and -`)
      return id ?? ('' as Id<Kind>)
    })
  }

  #listed(what: string): readonly string[] {
    const word = this.#take()
    if (word === undefined) this.complain('field-missing', `say which ${what}, with commas; ${this.usage}`)
    return word?.split(',') ?? []
  }

  /** What follows, in any order and each at most once, by unique beginnings. */
  options<const Option extends string>(names: readonly [Option, ...Option[]], take: (option: Option) => void): void {
    const seen = new Set<Option>()
    while (this.next !== undefined) {
      const option = this.keyword(names, list(names))
      if (this.#complaint) return
      if (seen.has(option)) this.complain('field-invalid', `'${option}' stands there twice; ${this.usage}`)
      seen.add(option)
      take(option)
    }
  }

  /** Everything that follows, but for this last word; whether that stood there. */
  phrase(what: string, last: string): { readonly text: string; readonly said: boolean } {
    const all: string[] = []
    for (let word = this.#take(); word !== undefined; word = this.#take()) all.push(word)
    const said = all.length > 1 && all.at(-1) === last
    if (all.length === 0) this.complain('field-missing', `say ${what}; ${this.usage}`)
    return { text: (said ? all.slice(0, -1) : all).join(' '), said }
  }

  /** Nothing may be left: a word that is not understood may have been a condition. */
  end(): void {
    const { next } = this
    if (next !== undefined) this.complain('field-invalid', `'${short(next)}' is one word too many; ${this.usage}`)
  }

  #take(): string | undefined {
    const { next } = this
    if (next !== undefined) this.#at++
    return next
  }
}

const short = (word: string): string => (word.length <= 20 ? word : `${word.slice(0, 17)}...`)

export function list(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}
