/**
 * What happened in the simulated chassis, entry by entry, and the checker that reads it: `duplicates`
 * replays the log and returns every instant at which two functions wore one address (I1). The checker
 * knows nothing of the model; it can be run on the log of any number of chassis put in order of time.
 */
import type { Aliveness, ControllerSlot } from '../backplane/protocol.ts'
import type { Iqn, Mac, Serial, Uuid, Wwn } from '../core/addresses.ts'
import type { Bay, FunctionKey, Latch, Role } from '../core/blade.ts'
import type { BmcRequest, SessionId } from './bmc.ts'

/** Why a blade began to boot. */
export type Why =
  | 'power-button'
  | 'bmc-power-on'
  | 'power-cycle'
  | 'warm-reset'
  | 'os-reboot'
  | 'restore-policy'
  | 'wake'

/** Why a blade went dark. */
export type OffWhy = 'bmc-power-off' | 'shutdown' | 'power-button' | 'power-cycle' | 'ac-loss' | 'cut' | 'pulled'

/** What the firmware started at the end of POST. */
export type Booted =
  | { readonly from: 'local' }
  | { readonly from: 'pxe'; readonly fn: FunctionKey }
  | { readonly from: 'http'; readonly fn: FunctionKey; readonly uri: string }
  | { readonly from: 'fc' | 'fcoe'; readonly fn: FunctionKey; readonly target: Wwn; readonly lun: string }
  | { readonly from: 'iscsi'; readonly fn: FunctionKey; readonly target: Iqn; readonly lun: string }
  | { readonly from: 'setup' }
  | { readonly from: 'nothing' }

export interface UsedFunction {
  readonly key: FunctionKey
  readonly role: Role
  readonly mac?: Mac
  readonly wwpn?: Wwn
  readonly wwnn?: Wwn
  readonly iqn?: Iqn
  readonly vlan?: number
  /** The interconnect that the board wires the port to, and the downlink where it arrives. */
  readonly reaches?: { readonly interconnect: string; readonly downlink: number }
}

/** What one boot leaves behind. */
export interface BootRecord {
  readonly at: number
  readonly bay: Bay
  /** Factory serial. */
  readonly serial: Serial
  readonly why: Why
  /** Arming number of the permit that was spent; absent where the board has no latch. */
  readonly n?: number
  /** Identity as the operating system sees it. */
  readonly shown: { readonly uuid: Uuid; readonly serial: Serial }
  /** In use when the boot began; functions of a host driver join when it attaches. */
  readonly functions: readonly UsedFunction[]
  readonly booted: Booted
  /** Boot devices that were tried before, and why they did not start. */
  readonly tried: readonly string[]
}

/** `system`: an identity of the blade as a whole. */
export interface Wearer {
  readonly bay: Bay
  readonly serial: Serial
  readonly fn: FunctionKey | 'system'
}
export type AddressKind = 'mac' | 'wwpn' | 'wwnn' | 'iqn' | 'uuid'

export type LogEntry = { readonly at: number } & (
  | (Wearer & { readonly kind: 'live' | 'dark'; readonly which: AddressKind; readonly address: string })
  | {
      readonly kind: 'power'
      readonly bay: Bay
      readonly serial: Serial
      readonly on: true
      readonly why: Why
      readonly n?: number
    }
  | { readonly kind: 'power'; readonly bay: Bay; readonly serial: Serial; readonly on: false; readonly why: OffWhy }
  /** Something asked for power, and nothing came of it. */
  | {
      readonly kind: 'no-power'
      readonly bay: Bay
      readonly serial: Serial
      readonly why: Why
      readonly message: string
    }
  | { readonly kind: 'halted'; readonly bay: Bay; readonly serial: Serial; readonly message: string }
  | { readonly kind: 'boot'; readonly bay: Bay; readonly record: BootRecord }
  | {
      readonly kind: 'attached'
      readonly bay: Bay
      readonly serial: Serial
      readonly functions: readonly UsedFunction[]
    }
  | { readonly kind: 'latch'; readonly bay: Bay; readonly latch: Latch }
  | { readonly kind: 'locate'; readonly bay: Bay; readonly lit: boolean }
  | { readonly kind: 'inserted' | 'pulled'; readonly bay: Bay; readonly serial: Serial; readonly product: string }
  | { readonly kind: 'cut'; readonly bay: Bay; readonly on: boolean }
  | { readonly kind: 'ac'; readonly on: boolean }
  /** Whose the backplane is from now on; `from`: whose it was. */
  | {
      readonly kind: 'owner'
      readonly owner: ControllerSlot | 'none'
      readonly from: ControllerSlot | 'none'
      readonly why: 'take' | 'release' | 'ac-loss'
    }
  /** What the arbiter hears of a controller from now on. */
  | { readonly kind: 'controller'; readonly slot: ControllerSlot; readonly state: Aliveness }
  /** A change or a session request that reached a BMC. `late` is followed by a second entry once it is done. */
  | {
      readonly kind: 'command'
      readonly bay: Bay
      readonly serial: Serial
      readonly session: SessionId
      readonly request: BmcRequest['kind']
      readonly detail?: string
      readonly outcome: 'done' | 'refused' | 'dropped' | 'late' | 'lied'
      readonly message?: string
    }
)

export interface Duplicate {
  readonly at: number
  readonly which: AddressKind
  readonly address: string
  readonly wearers: readonly Wearer[]
}

/**
 * Every instant at which an address went live on a function while another wore it already. A node name and an
 * initiator name belong to a host: functions of one blade may share them; nothing else is ever shared.
 */
export function duplicates(log: Iterable<LogEntry>): readonly Duplicate[] {
  const worn = new Map<string, Map<string, Wearer>>()
  const found: Duplicate[] = []
  for (const entry of log) {
    if (entry.kind !== 'live' && entry.kind !== 'dark') continue
    const { bay, serial, fn, which, address } = entry
    const wearers = worn.get(address) ?? new Map<string, Wearer>()
    worn.set(address, wearers)
    const wearer = `${serial} ${fn}`
    if (entry.kind === 'dark') {
      wearers.delete(wearer)
      continue
    }
    const ofOneHost = which === 'wwnn' || which === 'iqn'
    const others = [...wearers].filter(([key, other]) => key !== wearer && !(ofOneHost && other.serial === serial))
    wearers.set(wearer, { bay, serial, fn })
    if (others.length > 0) {
      found.push({ at: entry.at, which, address, wearers: [...others.map(([, other]) => other), { bay, serial, fn }] })
    }
  }
  return found
}

/** Boot records in order; what a host driver attached later stands in the record of its boot. */
export function bootRecords(log: Iterable<LogEntry>): readonly BootRecord[] {
  const records: BootRecord[] = []
  for (const entry of log) {
    if (entry.kind === 'boot') records.push(entry.record)
    if (entry.kind === 'attached') {
      const last = records.findLastIndex((record) => record.serial === entry.serial)
      const record = records[last]
      if (record !== undefined) records[last] = { ...record, functions: [...record.functions, ...entry.functions] }
    }
  }
  return records
}
