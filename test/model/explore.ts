/**
 * Breadth-first search over any machine whose states are plain data: each state is met once, the first broken one is
 * told by a shortest story. It ends when nothing new is left, or says that it did not.
 */
import { createHash } from 'node:crypto'
import { Broken } from './run.ts'

export interface Machine<State> {
  readonly first: State
  /** Each in words, and what comes of it. Throws Broken. */
  next(state: State): Iterable<readonly [told: string, after: () => State]>
  /** What may be true of no state. Throws Broken. */
  check(state: State): void
  /** What two states must have in common to have the same future. */
  key(state: State): string
}

export interface Explored {
  readonly states: number
  readonly depth: number
  /** Nothing was left to be explored. */
  readonly whole: boolean
  readonly broken?: { readonly say: string; readonly story: readonly string[] }
}

export function explore<State>({ first, next, check, key }: Machine<State>, most: number): Explored {
  const digest = (state: State) => createHash('md5').update(key(state)).digest('base64')
  const seen = new Set<string>([digest(first)])
  // Where each state came from, by the number of its discovery; and by which of the many-times-used words.
  const from: number[] = [-1]
  const how: number[] = [-1]
  const words: string[] = []
  const known = new Map<string, number>()
  const storyOf = (last: number, told: string) => {
    const story = [told]
    for (let at = last; at > 0; at = from[at] as number) story.unshift(words[how[at] as number] as string)
    return story
  }
  let frontier: { readonly state: State; readonly id: number }[] = [{ state: first, id: 0 }]
  let depth = 0
  for (; frontier.length > 0; depth++) {
    const found: typeof frontier = []
    for (const { state, id } of frontier) {
      for (const [told, after] of next(state)) {
        let then: State
        try {
          then = after()
          const made = digest(then)
          if (seen.has(made)) continue
          seen.add(made)
          check(then)
        } catch (error) {
          if (!(error instanceof Broken)) throw error
          return {
            states: seen.size,
            depth: depth + 1,
            whole: false,
            broken: { say: error.message, story: storyOf(id, told) },
          }
        }
        let word = known.get(told)
        if (word === undefined) {
          word = words.push(told) - 1
          known.set(told, word)
        }
        from.push(id)
        found.push({ state: then, id: how.push(word) - 1 })
      }
      if (seen.size > most) return { states: seen.size, depth, whole: false }
    }
    frontier = found
  }
  return { states: seen.size, depth: depth - 1, whole: true }
}

/** One line for what was explored, and the story of what broke. */
export function print(name: string, { states, depth, whole, broken }: Explored, bounds: string): void {
  const count = states.toLocaleString('en')
  const end = broken ? 'caught' : whole ? 'to the end' : 'BOUNDED, not to the end'
  const lines = [`${name}: ${count} states, depth ${depth}, ${end} (${bounds})`]
  if (broken) lines.push(`  ${broken.say}`, ...broken.story.map((line, i) => `  ${i + 1}. ${line}`))
  console.log(lines.join('\n'))
}
