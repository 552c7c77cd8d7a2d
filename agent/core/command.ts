/**
 * What can be asked of the agent, by whichever door. Every change is a wanted state, power included; one-shots are
 * counters. A technician's line and a manager's message become the same value here, and take the same path.
 */
import type { ClientId, PolicyId, PoolId, ProfileId, SecretId, Serial } from './addresses.ts'
import type { Bay, OverrideTarget } from './blade.ts'
import type { Policy } from './policy.ts'
import type { PoolSpec } from './pool.ts'
import type { BootPlan, Profile } from './profile.ts'
import type { How } from './rescue.ts'
import type { Backup } from './restore.ts'

/** `now` refuses a blade that is on (unless it may be stopped); `next-off` accepts and waits. */
export type When = 'now' | 'next-off'
/** Whether the command itself may switch a blade off that stands in its way (W5). */
export type Stop = 'no' | 'graceful' | 'forced'

export type Target =
  | { readonly bay: Bay }
  /** Placed in `decide`, so that parallel requests can not pick one bay: present, off, free, fits; lowest number first. */
  | { readonly any: { readonly product?: string; readonly among?: readonly Bay[] } }

export type Command =
  | {
      readonly kind: 'take-over'
      readonly incarnation: string
      /** Epoch that the manager read: a compare-and-set. */
      readonly observedEpoch: number
      readonly lineage: string
      readonly number: number
    }
  | { readonly kind: 'define-pool'; readonly pool: PoolSpec }
  | { readonly kind: 'remove-pool'; readonly pool: PoolId }
  | { readonly kind: 'set-secret'; readonly secret: SecretId; readonly sealed: string; readonly mark: string }
  | { readonly kind: 'remove-secret'; readonly secret: SecretId }
  | { readonly kind: 'define-profile'; readonly profile: Profile }
  | { readonly kind: 'remove-profile'; readonly profile: ProfileId }
  | { readonly kind: 'set-boot-plan'; readonly profile: ProfileId; readonly boot: BootPlan }
  | {
      readonly kind: 'assign'
      readonly profile: ProfileId
      readonly to: Target
      readonly when: When
      /** Accept a bay that is empty or can not be seen; dressed when its blade arrives. */
      readonly preprovision: boolean
      /** Also wanted; absent: power stays as it is wanted. */
      readonly power?: 'on' | 'off'
    }
  | {
      readonly kind: 'unassign'
      readonly profile: ProfileId
      readonly when: When
      readonly stop: Stop
      /** Vouch that what can not be seen is dark: quarantine instead of a hold. A right of its own, logged. */
      readonly force: boolean
    }
  | {
      readonly kind: 'move'
      readonly profile: ProfileId
      readonly to: Target
      readonly when: When
      readonly stop: Stop
      readonly preprovision: boolean
      readonly force: boolean
      /** Absent: the wanted power goes along with the profile. */
      readonly power?: 'on' | 'off'
    }
  | {
      readonly kind: 'override-boot'
      readonly bay: Bay
      /** Absent: taken away. */
      readonly override?: {
        readonly target: OverrideTarget
        readonly lasts: 'once' | 'always' | { readonly boots: number }
      }
    }
  | {
      readonly kind: 'power'
      readonly bay: Bay
      readonly want: 'on' | 'off' | 'reset' | 'cycle'
      readonly stop: 'graceful' | 'forced'
    }
  | { readonly kind: 'reseat'; readonly bay: Bay }
  | { readonly kind: 'locate'; readonly bay: Bay; readonly lit: boolean }
  /** Look again, and clear faults that wait for a word. Absent bay: all. */
  | { readonly kind: 'resync'; readonly bay?: Bay }
  /** The other controller of a pair leads from now on. `force`: though it may lack something. */
  | { readonly kind: 'changeover'; readonly force: boolean }
  | { readonly kind: 'define-policy'; readonly policy: Policy }
  | { readonly kind: 'remove-policy'; readonly policy: PolicyId }
  /** What a policy does, and nobody else: it takes a death on, and moves the profile to a spare. Never on the wire. */
  | {
      readonly kind: 'rescue'
      readonly policy: PolicyId
      readonly profile: ProfileId
      /** Where the blade died, which one, and how. */
      readonly bay: Bay
      readonly serial: Serial
      readonly how: How
      /** Absent: there is nowhere to go yet, which is recorded and shown. */
      readonly to?: Bay
    }
  | {
      readonly kind: 'restore'
      readonly backup: Backup
      /** Serial of this chassis, as its backplane tells it. */
      readonly here: string
      /** `all`: on a blank controller only. By name: each is adopted for itself, and comes unassigned (W22). */
      readonly profiles: 'all' | readonly ProfileId[]
      /** Take profiles of another life or another chassis. A right of its own, logged. */
      readonly force: boolean
    }
  | {
      readonly kind: 'factory-reset'
      /** As somebody typed it, so that no other chassis is meant. */
      readonly serial: string
      /** As the backplane tells it. */
      readonly here: string
      /** Of the life that begins (W21): 32 random hex digits, drawn outside. */
      readonly incarnation: string
    }

/** Who says so, and by which door. A policy has one of its own, which nobody else comes in by (W24). */
export interface Who {
  readonly door: 'mqtt' | 'console' | 'policy'
  readonly client: ClientId
}

/** What comes with every change (W23). */
export interface Envelope {
  readonly who: Who
  /** 8 to 36 bytes, as text or hex. */
  readonly request: string
  /** Digest of the command's content, for telling a repeat from a reuse. */
  readonly content: string
  readonly sequence?: number
  readonly epoch?: number
  readonly ifRevision?: number
  readonly expect?: { readonly incarnation: string; readonly bootId: string; readonly beforeUptimeMs: number }
  readonly dryRun: boolean
}

/** How the other controller of a pair stands with the one that leads. */
export interface Standby {
  /**
   * `member`: it holds everything, and may lead. `refused`: it can not be taken in, as `why` says. `silent`: it is in its
   * slot and says nothing. `absent`: its slot is empty.
   */
  readonly is: 'member' | 'catching-up' | 'refused' | 'silent' | 'absent'
  readonly why?: string
}

/** What judgement must know of this moment besides the state: clocks and luck are read outside. */
export interface Moment {
  readonly bootId: string
  readonly uptimeMs: number
  /** How the other controller stands; absent: there is none. */
  readonly standby?: Standby
}

/** Changes that need `if_revision` once a manager is in office (W20). */
export function touchesBindings(command: { readonly kind: Command['kind'] }): boolean {
  switch (command.kind) {
    case 'define-pool':
    case 'remove-pool':
    case 'define-profile':
    case 'remove-profile':
    case 'set-boot-plan':
    case 'assign':
    case 'unassign':
    case 'move':
    case 'define-policy':
    case 'remove-policy':
    case 'rescue':
    case 'restore':
    case 'factory-reset':
      return true
    case 'take-over':
    case 'set-secret':
    case 'remove-secret':
    case 'override-boot':
    case 'power':
    case 'reseat':
    case 'locate':
    case 'changeover':
    case 'resync':
      return false
  }
}

/** Durable on flash alone, and said so (W10). */
export function flashAlone(command: Command): boolean {
  const { kind } = command
  return kind === 'power' || kind === 'reseat' || kind === 'locate' || kind === 'resync' || kind === 'changeover'
}
