/**
 * What can be asked without changing anything, and what comes back through a door: the model of a response, the same
 * for a manager and for a technician. Plain data; doors encode or print it.
 */
import type { Step } from './blade.ts'
import type { Finding, Refusal } from './reasons.ts'
import type { Accepted } from './state.ts'
import type { Event, Part, StoreView } from './views.ts'

/** Questions. They are judged only up to the chassis id and the signature (W23), and change nothing. */
export type Query =
  /** `part` as in `partName`; absent: every part. */
  | { readonly kind: 'read-state'; readonly part?: string }
  /** Events with a higher number than `since`, at most `limit` of them. */
  | { readonly kind: 'list-events'; readonly since: number; readonly limit: number }
  | { readonly kind: 'list-reasons' }
  | { readonly kind: 'look-up-request'; readonly request: string }
  /** What this chassis holds, as text. With a passphrase its secrets come along, sealed under it (W16). */
  | { readonly kind: 'backup'; readonly passphrase?: string }

/** Answered at once, from what is shown. A backup takes a moment: a passphrase is stretched for it. */
export type Question = Exclude<Query, { readonly kind: 'backup' }>

/** Most events that one answer lists. */
export const eventsListed = 1000

/** A retained part, with what every revision carries (W13). */
export interface PartState {
  readonly revision: number
  /** Raised each time that the part is published. */
  readonly version: number
  readonly incarnation: string
  readonly term: number
  readonly part: Part
}

/** Where a change is stored (W10). */
export type Copy = StoreView['copies'][number]

export interface ReasonRow {
  readonly number: number
  /** A name, not a `Reason`: an agent may be newer than who reads this. */
  readonly name: string
  readonly type: 'refusal' | 'hold' | 'fault'
  /** google.rpc.Code number. */
  readonly code: number
  readonly remedy: string
}

export type Outcome =
  | {
      readonly kind: 'refused'
      readonly refusal: Refusal
      /** Set for a dry run that more than one reason speaks against: those after `refusal`, which alone would decide. */
      readonly others?: readonly Refusal[]
      readonly retryAfterMs?: number
    }
  | {
      readonly kind: 'accepted'
      readonly accepted: Accepted
      readonly copies: readonly Copy[]
      /** No second copy could be had, and none outlives this controller's flash (W10). */
      readonly singleCopy: boolean
      /** Set for a dry run: nothing was changed, and this is what would be done. */
      readonly dryRun?: { readonly steps: readonly Step[]; readonly findings: readonly Finding[] }
    }
  | { readonly kind: 'state'; readonly parts: readonly PartState[] }
  | { readonly kind: 'events'; readonly events: readonly Event[] }
  | { readonly kind: 'reasons'; readonly reasons: readonly ReasonRow[] }
  | { readonly kind: 'looked-up'; readonly request: string; readonly sequence?: number; readonly accepted: Accepted }
  | { readonly kind: 'backup'; readonly text: string }

export interface Reply {
  /** Echoed untouched; empty where none could be read. */
  readonly request: string
  /** As they stand now; an `Accepted` carries those of its own time. */
  readonly epoch: number
  readonly revision: number
  readonly incarnation: string
  readonly term: number
  /** The stored answer of the first time: nothing was run again (I6). */
  readonly replayed: boolean
  readonly outcome: Outcome
}
