/**
 * What a blade's BMC can be asked, whatever wire asked it. Each face (Redfish now; IPMI over LAN and
 * serial are faces to come) turns its wire into these requests and these answers back into its wire,
 * and holds no state of its own: sessions, tasks, tables and time live in the world.
 */
import type { Bay, Blade, BmcPolicy, FunctionKey, FunctionWrite, PowerAction, SystemBoot } from '../core/blade.ts'

export type SessionId = string

/** Changes name the session that they came in by: ending it ends what it left unfinished (W2). */
export type BmcRequest =
  | { readonly kind: 'login'; readonly user: string; readonly password: string }
  | { readonly kind: 'logout'; readonly session: SessionId }
  | { readonly kind: 'sessions'; readonly session: SessionId }
  /** Ends another session, and with it every change that it still has under way. */
  | { readonly kind: 'end-session'; readonly session: SessionId; readonly other: SessionId }
  /** Changes accepted but not done yet. */
  | { readonly kind: 'tasks'; readonly session: SessionId }
  | { readonly kind: 'read'; readonly session: SessionId }
  | {
      readonly kind: 'write'
      readonly session: SessionId
      readonly functions: readonly FunctionWrite[]
      readonly secrets: readonly WrittenSecret[]
    }
  | { readonly kind: 'clear'; readonly session: SessionId; readonly functions: readonly FunctionKey[] }
  | { readonly kind: 'show'; readonly session: SessionId; readonly shown: Blade['shown'] }
  | { readonly kind: 'boot'; readonly session: SessionId; readonly boot: SystemBoot }
  | { readonly kind: 'policy'; readonly session: SessionId; readonly policy: BmcPolicy }
  | { readonly kind: 'power'; readonly session: SessionId; readonly action: PowerAction }
  /** Off, and on again a moment later if the permit allows; off stays off (IPMI 2.0 §28.3, Redfish PowerCycle). */
  | { readonly kind: 'cycle'; readonly session: SessionId }

/** A CHAP secret as it reaches an adapter: kept there, never read back. */
export interface WrittenSecret {
  readonly key: FunctionKey
  readonly which: 'chap' | 'mutual'
  readonly value: string
}

export type BmcAnswer =
  | {
      readonly ok: true
      readonly session?: SessionId
      readonly sessions?: readonly SessionId[]
      readonly tasks?: readonly { readonly session: SessionId; readonly what: string }[]
      readonly blade?: Blade
    }
  | {
      readonly ok: false
      readonly why: 'credentials' | 'no-session' | 'session-limit' | 'refused' | 'not-here'
      readonly message: string
    }

/** The world, as a face reaches it. A silent BMC never answers: the promise stays open until the signal aborts it. */
export interface BmcPort {
  ask(bay: Bay, request: BmcRequest, signal: AbortSignal): Promise<BmcAnswer>
}
