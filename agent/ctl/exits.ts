/** Exit codes of chassisctl: what a script can tell apart without reading a word. */
import type { Reason } from '../core/reasons.ts'
import type { Outcome } from '../core/reply.ts'
import { Usage } from './arguments.ts'
import { Ambiguous, Failed, Stopped, TimedOut, Unreachable, Unreadable } from './errors.ts'

export const exits = {
  ok: 0,
  /** Something else went wrong: an input that can not be read, a thing that is not there. */
  error: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No broker, no chassis, or no agent. */
  unreachable: 3,
  refused: 4,
  /** No answer in time, or not in sync in time. */
  timeout: 5,
  /** Some of several changes were made, and some not. */
  partial: 6,
  /** Somebody changed something since it was read. */
  conflict: 7,
} as const
export type Exit = (typeof exits)[keyof typeof exits]

export const exitOfRefusal = (reason: Reason): Exit => (reason === 'revision-conflict' ? exits.conflict : exits.refused)

export const exitOf = (outcome: Outcome): Exit =>
  outcome.kind === 'refused' ? exitOfRefusal(outcome.refusal.reason) : exits.ok

/** Undefined: none of ours, so a bug. */
export function exitOfError(error: unknown): Exit | undefined {
  if (error instanceof Usage || error instanceof Ambiguous) return exits.usage
  if (error instanceof Unreachable) return exits.unreachable
  if (error instanceof TimedOut) return exits.timeout
  // Ended by hand: what was asked for was given until then.
  if (error instanceof Stopped) return exits.ok
  return error instanceof Unreadable || error instanceof Failed ? exits.error : undefined
}

/** What only this one change failed of; everything else ends the whole run. */
export function exitOfUnanswered(error: unknown): Exit {
  if (error instanceof Unreachable || error instanceof TimedOut) return exitOfError(error) ?? exits.error
  throw error
}

/** Of several: the common one, or `partial` where some went well. */
export function together(each: readonly Exit[]): Exit {
  const bad = each.filter((exit) => exit !== exits.ok)
  const [first] = bad
  if (first === undefined) return exits.ok
  return bad.length < each.length ? exits.partial : first
}
