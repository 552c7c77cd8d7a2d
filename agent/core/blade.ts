/**
 * What can be seen of a bay, and what can be done to it. These types are the seam between
 * judgement (`plan`) and hardware (drivers): a driver turns wires into a `Blade`, and a `Step`
 * into wires, and has no opinion. Absent, empty and unknown are three things here (W1).
 */
import type { Iqn, Mac, ProfileId, SecretId, Serial, Uuid, Wwn } from './addresses.ts'
import type { Chap, FcTarget, InitiatorNetwork, IscsiTarget } from './profile.ts'

/** A bay number as printed on the chassis, from 1. */
export type Bay = number
/** A function as the field writes it: slot, port, partition: `lom:1-a`, `mezz1:2-b`. */
export type FunctionKey = string

export type Role = 'nic' | 'iscsi' | 'fcoe' | 'fc' | 'off'

/** Boot settings of one function. Absent: it offers nothing to boot from. */
export type FunctionBoot =
  | { readonly via: 'pxe' }
  | { readonly via: 'http'; readonly uri: string }
  | { readonly via: 'fc' | 'fcoe'; readonly targets: readonly FcTarget[] }
  | {
      readonly via: 'iscsi'
      readonly targets: readonly IscsiTarget[]
      readonly network: InitiatorNetwork
      /** Names only. Secrets are write-only: what was read back proves nothing about them (W16). */
      readonly chap?: Chap
    }

/** Everything that a function can be told, and shows. Which addresses are there follows from `role`. */
export interface FunctionValue {
  readonly role: Role
  readonly mac?: Mac
  readonly wwpn?: Wwn
  readonly wwnn?: Wwn
  readonly iqn?: Iqn
  readonly vlan?: number
  readonly bandwidth?: { readonly minMbps: number; readonly maxMbps: number }
  readonly boot?: FunctionBoot
}

export interface FunctionReading {
  readonly key: FunctionKey
  /** Burned in; what the function is when nobody assigned anything. */
  readonly factory: FunctionValue
  /** Written and waiting for the next POST (or attach) to consume it. Erased by AC loss. */
  readonly pending?: FunctionValue
  /** In use now; on a blade that is off, what a POST would use if nothing were pending. */
  readonly applied: FunctionValue
}

export interface AdapterReading {
  readonly slot: string
  /** Adapter model id, a file name in boards/adapters. */
  readonly model: string
  readonly serial: Serial
  readonly functions: readonly FunctionReading[]
}

/** An element of a boot order: the local disk, the firmware set-up, or a function that boots. */
export type BootDevice = 'local' | 'setup' | FunctionKey

/** What a boot override may name: a class, as firmware knows them (Redfish Boot.BootSourceOverrideTarget). */
export type OverrideTarget = 'pxe' | 'http' | 'local' | 'remote' | 'setup'

export interface SystemBoot {
  readonly mode: 'uefi' | 'legacy'
  /** Persistent; empty: the firmware's own order. */
  readonly order: readonly BootDevice[]
  readonly override?: { readonly target: OverrideTarget; readonly lasts: 'once' | 'always' }
}

/** What may switch the blade on without us (W4). */
export interface BmcPolicy {
  /** What the BMC does when AC returns. */
  readonly restore: 'always-off' | 'last-state' | 'always-on'
  readonly button: 'enabled' | 'disabled'
  readonly wake: 'enabled' | 'disabled'
}

export interface Blade {
  /** Factory serial, as the BMC tells it; never a virtual one (W6). */
  readonly serial: Serial
  readonly uuid: Uuid
  /** Product name of the blade; what `affinity: model` compares. */
  readonly product: string
  readonly power: 'off' | 'on'
  /** `halted`: POST stopped because settings did not apply (W5). `off` exactly when power is off. */
  readonly stage: 'off' | 'post' | 'halted' | 'os'
  /** Counts boots since the BMC got power: a warm reset raises it, so that an override that was used up is seen. */
  readonly boots: number
  /** Seconds that the current stage has lasted, as the BMC or the driver counts them. */
  readonly stageSeconds: number
  readonly adapters: readonly AdapterReading[]
  readonly boot: SystemBoot
  readonly policy: BmcPolicy
  /** Identity shown to the operating system, when one was written. */
  readonly shown: { readonly uuid?: Uuid; readonly serial?: Serial }
}

/**
 * The permit (W3): a latch in the chassis that gates off → on. `granted` and `spent` carry the
 * arming number that they were granted for; AC loss, a cut and a pulled blade leave `denied` with n = 0.
 * `none`: the board has no such latch.
 */
export type Latch = 'none' | { readonly state: 'denied' | 'granted' | 'spent'; readonly n: number }

/** One bay as the backplane shows it, independent of any BMC. */
export type Slot =
  | { readonly presence: 'empty'; readonly permit: Latch; readonly locate: boolean }
  /** Lower half of a blade that sits in another bay. */
  | { readonly presence: 'covered'; readonly by: Bay; readonly permit: Latch; readonly locate: boolean }
  | {
      readonly presence: 'present'
      readonly serial: Serial
      readonly product: string
      readonly powerGood: boolean
      readonly permit: Latch
      readonly locate: boolean
    }

/** Why a bay's blade can not be spoken for. */
export type Blindness =
  | 'agent-started' // nothing read yet since this agent came up
  | 'backplane-silent'
  | 'bmc-silent'
  | 'bmc-busy' // answers, but has no session left for us
  | 'bmc-nonsense' // answers that can not be read
  | 'serial-differs' // speaks for another blade (W7)
  | 'bmc-refused' // credentials
  | 'hardware-refused' // understood, and not done: no permit, a reset while off, a secret that is missing
  | 'session-lost' // the BMC ended our session; the next look opens another (W12)
  | 'not-owner' // the other controller of the pair owns the backplane: nothing was sent (W12)

/**
 * One bay, seen in one pass and in W1's order: backplane, adapters, power, backplane again.
 * `blade` is from after the last command to this bay, or it is `unknown`: an older look counts as none.
 */
export interface Sight {
  readonly slot: Slot | 'unknown'
  readonly blade: Blade | 'empty' | 'unknown'
  /** Set exactly when `blade` is `unknown`. */
  readonly blind?: Blindness
  /** A command to this bay's BMC went unanswered; only a barrier ends this (W2). */
  readonly pending: boolean
  /** A barrier was tried in vain: the BMC does not answer. Says nothing of the blade. */
  readonly unheard?: true
  readonly asked: Asked
}

/** What this agent process asked of the bay and when; volatile, and only ever used to wait, never as proof. */
export interface Asked {
  /** Last power request, seconds ago. */
  readonly power?: { readonly action: PowerAction; readonly secondsAgo: number }
  /** Last time that the BMC's power policy was set. */
  readonly policy?: { readonly secondsAgo: number }
  /** A cut of this bay was answered, and nothing was sent to its BMC since: what it had to do late died with it (W8). */
  readonly cut: boolean
  /** Secrets written and answered since this process first saw this blade: `id@mark` (W16). */
  readonly secrets: readonly string[]
}
export type PowerAction = 'on' | 'shutdown' | 'off' | 'reset'

/** The chassis as a whole, off the command path except for the interconnects, which decide what fits. */
export interface Observed {
  readonly bays: { readonly [bay: number]: Sight }
  readonly interconnects: { readonly [id: string]: InterconnectKind | 'empty' } | 'unknown'
}
export type InterconnectKind = 'ethernet' | 'fc' | 'converged'

export interface FunctionWrite {
  readonly key: FunctionKey
  readonly value: FunctionValue
}

/** Secrets that the boot settings of a function name. */
export function chapSecrets({ boot }: FunctionValue): readonly SecretId[] {
  if (boot?.via !== 'iscsi' || !boot.chap) return []
  return [boot.chap.secret, ...(boot.chap.mutual ? [boot.chap.mutual.secret] : [])]
}

/** One thing for a driver to do in one bay. Each may be repeated: twice is once (I6). */
export type Step =
  | { readonly kind: 'withdraw'; readonly bay: Bay }
  /** End every session and task of the bay's BMC and see them ended (W2). */
  | { readonly kind: 'barrier'; readonly bay: Bay }
  | { readonly kind: 'policy'; readonly bay: Bay; readonly policy: BmcPolicy }
  /** Back to factory values, no targets, nothing shown. */
  | { readonly kind: 'clear'; readonly bay: Bay; readonly functions: readonly FunctionKey[] }
  | {
      readonly kind: 'write'
      readonly bay: Bay
      readonly profile: ProfileId
      readonly functions: readonly FunctionWrite[]
      /** Secrets that go along, as `id@mark`: the versions that were meant. */
      readonly secrets: readonly string[]
    }
  | { readonly kind: 'show'; readonly bay: Bay; readonly shown: Blade['shown'] }
  | { readonly kind: 'boot'; readonly bay: Bay; readonly boot: SystemBoot }
  | { readonly kind: 'permit'; readonly bay: Bay; readonly n: number }
  | { readonly kind: 'power'; readonly bay: Bay; readonly action: PowerAction }
  | { readonly kind: 'cut'; readonly bay: Bay }
  | { readonly kind: 'locate'; readonly bay: Bay; readonly lit: boolean }

/** The same settings, whatever the order in which a wire listed them; secrets are compared by name only. */
export function sameValue(a: FunctionValue, b: FunctionValue): boolean {
  return canonical(a) === canonical(b)
}

/** JSON with keys in order and absent members left out: equal text exactly for equal data. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  )
}

/** What the next POST would make live, if nobody writes in between. */
export function afterNextPost(fn: FunctionReading): FunctionValue {
  return fn.pending ?? fn.applied
}

/** Nothing but factory values would come up, and nothing else is in use (W1, W6). */
export function isBare(blade: Blade): boolean {
  return (
    blade.adapters.every((adapter) => adapter.functions.every((fn) => sameValue(afterNextPost(fn), fn.factory))) &&
    blade.shown.uuid === undefined &&
    blade.shown.serial === undefined
  )
}

export function functionsOf(blade: Blade): readonly FunctionReading[] {
  return blade.adapters.flatMap((adapter) => adapter.functions)
}
