/**
 * Everything that the controller remembers: plain JSON data, replaced and never edited. It is what the journal's
 * records add up to (`evolve`), what a snapshot holds, and what the chassis EEPROM keeps the essentials of.
 */
import type { ChassisId, ClientId, ProfileId, SecretId, Serial } from './addresses.ts'
import type { Bay, FunctionKey, OverrideTarget } from './blade.ts'
import type { LeftPolicy, Rescue } from './policy.ts'
import type { Pool } from './pool.ts'
import type { Affinity, Allocation, Profile } from './profile.ts'

export interface State {
  readonly format: 1
  readonly chassis: ChassisId
  readonly board: string
  /** Random id of this chassis' life; renewed by factory reset (W21). 32 hex digits. */
  readonly incarnation: string
  /** Controllers that led this chassis so far: it rises with each adoption, and with each owner of a pair to come (W13). */
  readonly term: number
  /** Accepted changes so far. Observations do not raise it. */
  readonly revision: number
  /** Changes of who may command this chassis. 0: no manager ever took over. */
  readonly epoch: number
  readonly office?: Office
  /** Highest database number seen of each manager lineage (W20); it only rises. */
  readonly lineages: { readonly [lineage: string]: number }
  readonly profiles: { readonly [id: string]: Held }
  readonly pools: { readonly [id: string]: Pool }
  readonly secrets: { readonly [id: string]: SealedSecret }
  /** What a manager left behind for the time when nobody commands (W24). Absent: nothing. */
  readonly policies?: { readonly [id: string]: LeftPolicy }
  /** By profile: what a policy has under way for it, until it runs or somebody commands otherwise. Absent: nothing. */
  readonly rescues?: { readonly [profile: string]: Rescue }
  readonly bays: { readonly [bay: number]: BayState }
  /** What may still be live, and where (W6). The profile that a bay is assigned stands here too. */
  readonly doubts: readonly Doubt[]
  /** Highest token of a dropped tombstone; unknown profiles must come above it (W21). */
  readonly floor: number
  readonly answers: { readonly [client: string]: ClientLog }
}

export interface Office {
  readonly client: ClientId
  readonly lineage: string
  readonly number: number
}

/** A profile in this chassis' custody. */
export interface Held {
  readonly profile: Profile
  readonly given: Allocation
  /** Fencing token: counts holders, not bays (W17). */
  readonly token: number
  /** Revision at which it last changed. */
  readonly revision: number
}

/** Sealed under the chassis key (W16). `mark` changes exactly when the secret does, and tells nothing of it. */
export interface SealedSecret {
  readonly id: SecretId
  readonly sealed: string
  readonly mark: string
}

export interface Intent {
  readonly profile: ProfileId
  readonly token: number
  /** The blade that was there, unless pre-provisioned; what affinity compares. */
  readonly blade?: { readonly serial: Serial; readonly product: string }
  readonly affinity: Affinity
  /** Revision of the assign, so that "since" can be told. */
  readonly revision: number
}

/** The last arming that was not yet seen to end. `profile` absent: it was armed with factory values. */
export interface Life {
  readonly n: number
  /**
   * `armed`: the permit may be out. `verified`: its applied addresses were read back after POST, so the blade *runs*
   * (W5). `wrong`: an operating system came up on something else.
   */
  readonly came: 'armed' | 'verified' | 'wrong'
  readonly profile?: ProfileId
  readonly serial: Serial
}

export interface BayState {
  readonly intent?: Intent
  /** Absent: nobody ever said, and no rule of ours switches it. */
  readonly power?: 'on' | 'off'
  /**
   * A command wants the blade off first: by a power off, a cycle, or a move that may stop it. It ends when the blade is
   * seen off. Nothing else ever switches a running blade off (W5).
   */
  readonly stopping?: 'graceful' | 'forced'
  /**
   * Somebody said power on since the blade was last seen to run. That it went off, when it is seen later, may be older
   * than the command, and takes nothing of it back (I2, W26).
   */
  readonly anew?: true
  /** Seen off on a board that does not tell AC loss from a shut-down (W26): it stays off until a power command. */
  readonly unexplained?: true
  /** Highest arming number used. */
  readonly n: number
  readonly life?: Life
  /** No new arming until a command or another blade clears it. */
  readonly fault?: { readonly say: string; readonly serial: Serial }
  /** One-shots: wanted by command, noted as sent before they are sent, and so sent at most once. */
  readonly resets: Count
  readonly reseats: Count
  readonly override?: Override
  readonly locate: boolean
}
export interface Count {
  readonly wanted: number
  readonly sent: number
}

/** A boot override: `left` boots of it remain; absent: it stays until it is taken away. */
export interface Override {
  readonly target: OverrideTarget
  readonly left?: number
  /** The blade's boot count when the flag was read back as set; used up once it is gone and the count is higher. */
  readonly setAt?: number
}

/**
 * A profile's addresses may be live on the blade with this factory serial, seen last in this bay (W6). Recorded before
 * the first write, and dropped only on proof of let go.
 */
export interface Doubt {
  readonly profile: ProfileId
  readonly token: number
  readonly bay: Bay
  readonly serial: Serial
  /** Which function wears which connection there. */
  readonly placed: { readonly [connection: string]: FunctionKey }
  /** Something of it outlives AC loss on that blade's adapters: absence alone does not free it. */
  readonly keeps: boolean
  /** The blade left or lost AC: only what AC loss does not erase is still in doubt. */
  readonly kept: boolean
  /** Somebody vouched by force that it is dark. The bay stays denied until that is proven (quarantine). */
  readonly vouched: boolean
}

/** Answers kept so that running twice is running once (I6, W23). */
export interface ClientLog {
  /** Sequences at or below it are gone: FORGOTTEN, never run. */
  readonly evicted: number
  readonly answers: readonly StoredAnswer[]
}

export interface StoredAnswer {
  readonly request: string
  /** Digest of the request's content: the same id with other content is refused. */
  readonly content: string
  readonly sequence?: number
  readonly accepted: Accepted
}

/** The answer to a change that is durable. */
export interface Accepted {
  readonly changed: boolean
  readonly diff: readonly string[]
  readonly revision: number
  readonly epoch: number
  /** Where `bay any` placed it. */
  readonly bay?: Bay
  /** Addresses that pools gave; stands beside what was sent. */
  readonly given?: Allocation
  readonly profile?: ProfileId
}

/** Answers kept of each client, and clients kept (W23). */
export const answersKept = 1024
export const clientsKept = 64

/** The lowest fencing token that a profile can have (W17). */
export const firstToken = 1

export const emptyBay: BayState = {
  n: 0,
  resets: { wanted: 0, sent: 0 },
  reseats: { wanted: 0, sent: 0 },
  locate: false,
}

export function bayState(state: State, bay: Bay): BayState {
  return state.bays[bay] ?? emptyBay
}

export function sameDoubt(a: Doubt, b: Doubt): boolean {
  return a.profile === b.profile && a.serial === b.serial
}

/** Secrets that a profile's boot plan names. */
export function secretsOf(profile: Profile): readonly string[] {
  return profile.boot.order.flatMap((entry) => {
    if (entry.target !== 'iscsi' || !entry.chap) return []
    return [entry.chap.secret, ...(entry.chap.mutual ? [entry.chap.mutual.secret] : [])]
  })
}

/** The bay that a profile is assigned to. */
export function bayOf(state: State, profile: ProfileId): Bay | undefined {
  for (const [bay, { intent }] of Object.entries(state.bays)) if (intent?.profile === profile) return Number(bay)
  return undefined
}

export function blank(chassis: ChassisId, board: string, incarnation: string): State {
  return {
    format: 1,
    chassis,
    board,
    incarnation,
    term: 1,
    revision: 0,
    epoch: 0,
    lineages: {},
    profiles: {},
    pools: {},
    secrets: {},
    bays: {},
    doubts: [],
    floor: 0,
    answers: {},
  }
}
