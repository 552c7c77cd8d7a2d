/**
 * What the chassis shows: the parts of the retained state, in the field's words, the same for a manager and for a
 * technician. Plain data; `report` fills them, the wire encodes them, the console prints them.
 */
import type { ClientId, Iqn, Mac, ProfileId, SecretId, Serial, Wwn } from './addresses.ts'
import type { Bay, BootDevice, FunctionKey, InterconnectKind, OverrideTarget, Role } from './blade.ts'
import type { Standby } from './command.ts'
import type { Policy } from './policy.ts'
import type { PoolSpec } from './pool.ts'
import type { Allocation, Profile } from './profile.ts'
import type { Reason } from './reasons.ts'

/** A finding and since when: seconds of agent uptime, until a clock is known. */
export interface Shown {
  readonly type: 'hold' | 'fault'
  readonly reason: Reason
  readonly message: string
  /** "do: …" */
  readonly remedy: string
  readonly sinceUptimeMs: number
}

/** Of every function: what it was born with, what it was told, what it uses. */
export interface FunctionView {
  readonly key: FunctionKey
  readonly adapter: string
  readonly connection?: string
  readonly role: Role
  readonly factory: AddressSet
  /** Absent: nothing is assigned, factory values are wanted. */
  readonly assigned?: AddressSet
  readonly applied: AddressSet
  readonly vlan?: number
  readonly maxMbps?: number
  readonly interconnect: string
  readonly downlink: number
}
export interface AddressSet {
  readonly mac?: Mac
  readonly wwpn?: Wwn
  readonly wwnn?: Wwn
  readonly iqn?: Iqn
}

/** SPEC's bay machine, in its own words; the console says them in the field's. */
export type Phase = 'idle' | 'staged' | 'ready' | 'armed' | 'running' | 'wrong' | 'leaving' | 'unknown'

export interface BayView {
  readonly bay: Bay
  readonly presence: 'present' | 'empty' | 'covered' | 'unknown'
  readonly coveredBy?: Bay
  readonly serial?: Serial
  readonly product?: string
  readonly phase: Phase
  readonly profile?: ProfileId
  readonly powerWanted?: 'on' | 'off'
  readonly power: 'on' | 'off' | 'unknown'
  readonly stage?: 'off' | 'post' | 'halted' | 'os'
  readonly permit: 'denied' | 'granted' | 'spent' | 'none' | 'unknown'
  readonly arming: number
  readonly locate: boolean
  readonly inSync: boolean
  readonly findings: readonly Shown[]
  readonly functions: readonly FunctionView[]
  readonly bootOrder: readonly BootDevice[]
  readonly override?: { readonly target: OverrideTarget; readonly left?: number }
  /** What booting from storage could and could not be verified, in words; empty: nothing to verify. */
  readonly verified: readonly string[]
  /** Profiles that may still be live here, besides the assigned one. */
  readonly inDoubt: readonly { readonly profile: ProfileId; readonly serial?: Serial; readonly quarantined: boolean }[]
}

export interface ProfileView {
  readonly profile: Profile
  readonly given: Allocation
  readonly token: number
  readonly revision: number
  readonly bay?: Bay
  readonly inSync: boolean
  readonly inDoubt: readonly { readonly bay: Bay; readonly serial?: Serial }[]
}

export interface PoolView {
  readonly spec: PoolSpec
  readonly counts: {
    readonly free: number
    readonly inUse: number
    readonly external: number
    readonly excluded: number
    readonly quarantined: number
  }
  /** Entries that are not free, at most 256 of them; `more` says how many were left out. */
  readonly entries: readonly {
    readonly address: string
    readonly state: 'in-use' | 'external' | 'excluded' | 'quarantined'
    readonly profile?: ProfileId
  }[]
  readonly more: number
}

export interface ControllerView {
  readonly slot: 'A' | 'B'
  readonly version: string
  readonly uptimeMs: number
  /** `silent`: it is in its slot and says nothing; all else that stands here of it is empty. */
  readonly role: 'owner' | 'standby' | 'silent'
  /** Printed on it; absent: it does not say. */
  readonly serial?: string
  /** Its uptime when it came to be that; absent: there is no other one, and it always was. */
  readonly sinceUptimeMs?: number
  readonly host: HostHealth | 'unknown'
  readonly store: StoreView
  /** Of the owner, in a chassis with room for two: how the other one stands, and who holds everything (W11). */
  readonly pair?: { readonly other: Standby; readonly members: readonly string[] }
}

export interface StoreView {
  readonly readOnly: boolean
  /** Present when read-only, or when something was repaired: what happened, in words. */
  readonly notes: readonly string[]
  /** Copies that the last change reached (W10). */
  readonly copies: readonly ('flash' | 'eeprom' | 'peer')[]
  readonly index: number
  readonly digest: string
  readonly bytesWritten: number
  readonly syncs: number
  readonly eepromPagesWritten: number
  /** Share of the EEPROM that live content takes, 0 to 1. */
  readonly eepromUse: number
}

export interface HostHealth {
  readonly hostname: string
  readonly cpus: number
  readonly load: number
  readonly memoryBytes: number
  readonly memoryFreeBytes: number
  readonly celsius?: number
  readonly interfaces: readonly { readonly name: string; readonly address: string; readonly up: boolean }[]
}

export interface HealthView {
  readonly supplies: readonly {
    readonly bay: number
    readonly state: 'ok' | 'failed' | 'absent'
    readonly watts: number
  }[]
  readonly fans: readonly { readonly bay: number; readonly state: 'ok' | 'failed' | 'absent'; readonly rpm: number }[]
  readonly temperatures: readonly { readonly name: string; readonly celsius: number; readonly limit: number }[]
  readonly frus: readonly {
    readonly where: string
    readonly product: string
    readonly serial: string
    readonly part: string
  }[]
}

export interface PolicyView {
  readonly policy: Policy
  readonly revision: number
  /** Deaths that it took on. `bay`: where the profile is assigned now; `from` itself where there is nowhere to go yet. */
  readonly rescues: readonly {
    readonly profile: ProfileId
    readonly from: Bay
    readonly serial: Serial
    readonly bay: Bay
    readonly tried: readonly Bay[]
    readonly revision: number
  }[]
}

/** Published last: lists every part's revision, so that a reader knows when it has seen all. */
export interface ChassisView {
  readonly board: string
  readonly boardName: string
  readonly serial: string
  readonly incarnation: string
  readonly epoch: number
  readonly revision: number
  readonly term: number
  readonly office?: { readonly client: ClientId; readonly lineage: string; readonly number: number }
  readonly bays: number
  readonly inSync: boolean
  /** Bays with findings, most urgent first, one "do: …" line each. */
  readonly todo: readonly {
    /** 0: the chassis itself, or a controller. */
    readonly bay: Bay | 0
    readonly reason: Reason
    readonly message: string
    readonly remedy: string
  }[]
  readonly secrets: readonly SecretId[]
  readonly interconnects: readonly { readonly id: string; readonly kind: InterconnectKind | 'empty' | 'unknown' }[]
  /** Part name → version of the part: raised each time that the part is published. */
  readonly parts: { readonly [part: string]: number }
}

/** A retained snapshot: which part, at which revision of the chassis, and the part itself. */
export type Part =
  | { readonly part: 'chassis'; readonly view: ChassisView }
  | { readonly part: 'bay'; readonly view: BayView }
  | { readonly part: 'profile'; readonly view: ProfileView }
  | { readonly part: 'pool'; readonly view: PoolView }
  | { readonly part: 'controller'; readonly view: ControllerView }
  | { readonly part: 'health'; readonly view: HealthView }
  | { readonly part: 'policy'; readonly view: PolicyView }

/** Topic level of a part: `bay-7`, `profile-web-01`, `pool-lan`, `controller-a`, `health`, `policy-spare`, `chassis`. */
export function partName(part: Part): string {
  switch (part.part) {
    case 'chassis':
      return 'chassis'
    case 'bay':
      return `bay-${part.view.bay}`
    case 'profile':
      return `profile-${part.view.profile.id}`
    case 'pool':
      return `pool-${part.view.spec.id}`
    case 'controller':
      return `controller-${part.view.slot.toLowerCase()}`
    case 'health':
      return 'health'
    case 'policy':
      return `policy-${part.view.policy.id}`
  }
}

export type Severity = 'info' | 'warning' | 'critical'

/** One line of the chassis' diary. Numbers rise by one; a `gap` stands for what was dropped. */
export type Event =
  | {
      readonly kind: 'event'
      readonly number: number
      readonly severity: Severity
      /** Uptime of the agent in ms and its boot id: an order that needs no clock. */
      readonly uptimeMs: number
      readonly bootId: string
      /** Milliseconds since 1970, when the clock is known. */
      readonly timeMs?: number
      /** Past tense, kebab-case: "profile-assigned", "permit-granted", "bmc-lost". */
      readonly type: string
      readonly message: string
      readonly bay?: Bay
      readonly profile?: ProfileId
      readonly reason?: Reason
      readonly who?: { readonly door: string; readonly client: string }
      readonly request?: string
      readonly revision: number
      /** Whose revision that is (W13). */
      readonly incarnation: string
      readonly term: number
    }
  | { readonly kind: 'gap'; readonly from: number; readonly to: number }

/** Retained, and the will (then `online: false`). */
export interface Presence {
  readonly online: boolean
  readonly incarnation: string
  readonly bootId: string
  readonly connection: number
  readonly version: string
  readonly board: string
  readonly capabilities: readonly string[]
  /** Digest of the descriptor set that this agent speaks. */
  readonly schema: string
  readonly publicKey: string
  readonly epoch: number
  readonly revision: number
  readonly term: number
  readonly uptimeMs: number
}
