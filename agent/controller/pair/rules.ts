/**
 * The rules of a pair, pure: what a standby does with what an owner sends, what an owner may acknowledge, and whom it
 * may name as a member (W10, W11; SPEC's PAIR machine). Feed and replica act on these words, and the model of the pair
 * explores the same ones.
 */
import { type Position, samePosition } from '../store/copies.ts'

/** A standby's copy. */
export interface Copy {
  /** Nothing of an earlier term is stored. */
  readonly promised: number
  readonly at: Position
  /** Its flash takes nothing as it is. */
  readonly broken: boolean
}

export type Answer =
  | { readonly do: 'refuse' }
  /** What it has does not lead to what was sent. */
  | { readonly do: 'ask-for-all' }
  /** `promise`: durable first, where it is a new one. */
  | { readonly do: 'replace' | 'append' | 'nothing'; readonly promise?: number }

/** Whoever leads in an earlier term than was promised leads no more, whatever it believes (W11). */
export function answerTo(
  copy: Copy,
  message:
    | { readonly is: 'content'; readonly term: number }
    | { readonly is: 'batch'; readonly term: number; readonly before: Position; readonly texts: readonly unknown[] },
): Answer {
  if (message.term < copy.promised) return { do: 'refuse' }
  const promise = message.term > copy.promised ? { promise: message.term } : {}
  // What the owner holds is proof (W14): it also replaces what could not be read here.
  if (message.is === 'content') return { do: 'replace', ...promise }
  if (copy.broken || !samePosition(copy.at, message.before)) return { do: 'ask-for-all' }
  return { do: message.texts.length > 0 ? 'append' : 'nothing', ...promise }
}

/** The other controller, as its owner knows it. */
export interface Follower {
  readonly name: string
  /** Where the log stood at the end of what it was sent last; undefined: nothing yet. */
  readonly sent: Position | undefined
  readonly stored: Position | undefined
}

/** It has everything that it was ever sent: from then on each answer waits for it. */
export function counts({ sent, stored }: Follower): boolean {
  return sent !== undefined && stored !== undefined && samePosition(sent, stored)
}

/** The log is one line: whoever has a later position of it has the earlier ones. */
export function holds({ stored }: Pick<Follower, 'stored'>, at: Position): boolean {
  if (stored === undefined) return false
  return stored.index > at.index || samePosition(stored, at)
}

/**
 * May what stands at `at` on the owner's flash be acknowledged? `wait`: for a member, or until the EEPROM does not name
 * it any more; without it, whoever is named there and lacks this could lead (I2).
 */
export function mayAnswer(
  others: readonly string[],
  follower: { readonly name: string; readonly counts: boolean; readonly stored: Position | undefined } | undefined,
  at: Position,
): 'with-member' | 'alone' | 'wait' {
  if (follower?.counts) {
    if (!holds(follower, at)) return 'wait'
    // Another one is named, which this is not: it comes first off the list.
    if (others.some((name) => name !== follower.name)) return 'wait'
    return others.includes(follower.name) ? 'with-member' : 'alone'
  }
  return others.length > 0 ? 'wait' : 'alone'
}

/** A follower promised a term that is not this owner's: it stores nothing of this one, which must lead above that. */
export function isOvertaken(promised: number, term: number): boolean {
  return promised > term
}
