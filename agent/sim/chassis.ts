/**
 * What a simulated chassis is made of: plain readonly data, and the few lookups that each part of the
 * model needs. Nothing here moves; `power.ts`, `bmc-life.ts` and `slots.ts` say how one state follows
 * from another, and `world.ts` is the only door to them.
 */
import type { ControllerSlot } from '../backplane/protocol.ts'
import type { Iqn, Mac, Serial, Uuid, Wwn } from '../core/addresses.ts'
import type {
  Bay,
  Blade,
  BmcPolicy,
  FunctionKey,
  FunctionValue,
  InterconnectKind,
  Latch,
  SystemBoot,
} from '../core/blade.ts'
import type { AdapterModel, BladeForm, BladeModel, Hardware } from '../core/board.ts'
import type { BmcRequest, SessionId } from './bmc.ts'
import type { Booted, LogEntry, Why } from './log.ts'

/** How long things take, in milliseconds of the world's clock. */
export interface Timings {
  /** Power-on to the end of POST, where pending settings are applied and the boot begins. */
  readonly postMs: number
  /** From the end of POST until the operating system's host driver attaches (`takesEffect: attach`). */
  readonly attachMs: number
  /** A system that was asked to shut down takes this long. */
  readonly shutdownMs: number
  /** From standby power to a BMC that answers. */
  readonly bmcBootMs: number
  /** How long a reseat keeps a bay dark. */
  readonly cutMs: number
  /** Between off and on of a power cycle. */
  readonly cycleMs: number
  /** A BMC session that nobody used for so long is closed. */
  readonly sessionIdleMs: number
  /** A controller whose last beat is so old is silent. */
  readonly watchdogMs: number
}

export const usualTimings: Timings = {
  postMs: 10_000,
  attachMs: 1_000,
  shutdownMs: 5_000,
  bmcBootMs: 3_000,
  cutMs: 1_000,
  cycleMs: 1_000,
  sessionIdleMs: 1_800_000,
  watchdogMs: 2_000,
}

/** CHAP secrets as an adapter holds them: never read back. */
export interface Secrets {
  readonly chap?: string
  readonly mutual?: string
}

/** A function's settings, in the BMC's table or in use. */
export interface Setting {
  readonly value: FunctionValue
  readonly secrets: Secrets
}

export interface FunctionState {
  readonly key: FunctionKey
  /** What the function is when nobody assigned anything. */
  readonly factory: FunctionValue
  /** Burned in for every role that the function can take; used where a setting names no address. */
  readonly burnedIn: { readonly mac: Mac; readonly wwpn: Wwn; readonly wwnn: Wwn; readonly iqn: Iqn }
  readonly pending: Setting | undefined
  readonly applied: Setting
}

export interface AdapterState {
  readonly slot: string
  readonly model: string
  readonly serial: Serial
  readonly functions: readonly FunctionState[]
}

/** What the main power does. `n` is the arming number of the permit that this run spent. */
export type Run =
  /** `cycleAt`: a power cycle switches it on again then. */
  | { readonly stage: 'off'; readonly since: number; readonly cycleAt: number | undefined }
  | {
      readonly stage: 'post'
      readonly since: number
      readonly until: number
      readonly why: Why
      readonly n: number | undefined
    }
  | { readonly stage: 'halted'; readonly since: number; readonly why: Why; readonly n: number | undefined }
  | {
      readonly stage: 'os'
      readonly since: number
      readonly booted: Booted
      /** What the system was told that it is, at POST. */
      readonly uuid: Uuid
      readonly attached: boolean
      readonly attachAt: number | undefined
      readonly shutdownAt: number | undefined
      readonly why: Why
      readonly n: number | undefined
    }

export interface BmcSession {
  readonly id: SessionId
  readonly usedAt: number
}

/** A change that was accepted, was not answered, and will be done unless its session is ended first. */
export interface BmcTask {
  readonly session: SessionId
  readonly request: BmcChange
  readonly due: number
}
export type BmcChange = Extract<
  BmcRequest,
  { kind: 'write' | 'clear' | 'show' | 'boot' | 'policy' | 'power' | 'cycle' }
>

export interface Bmc {
  /** Answers from then on; undefined without standby power. */
  readonly upAt: number | undefined
  /** The restore policy is still to be carried out for the latest return of standby power. */
  readonly restores: boolean
  readonly sessions: readonly BmcSession[]
  readonly tasks: readonly BmcTask[]
  /** Sessions ever opened, so that no id comes twice. */
  readonly opened: number
}

/** How a blade or its BMC misbehaves; set by the back door, and gone only by the back door. */
export type BladeFault =
  /** Drops every request. */
  | { readonly kind: 'silent' }
  /** Does at once what it is asked, and answers late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Reads the opposite power. */
  | { readonly kind: 'lies-power' }
  /** Reads every function as factory. */
  | { readonly kind: 'lies-addresses' }
  /** Says yes to changes, and does nothing. */
  | { readonly kind: 'lies-writes' }
  /** Others hold every session. */
  | { readonly kind: 'starved' }
  /** Accepts changes, never answers, and does them so much later, unless their session is ended. */
  | { readonly kind: 'late'; readonly ms: number }
  /** POST applies so many entries of the table, then fails and halts (W5). */
  | { readonly kind: 'post-fails'; readonly after: number }
  | { readonly kind: 'ignores-shutdown' }
  /** Speaks for another blade (W7). */
  | { readonly kind: 'wrong-serial'; readonly serial: Serial }
  /** Reads power as it was, for so long after a change. */
  | { readonly kind: 'power-lag'; readonly ms: number }

/** What stays with a blade without any power, once loss of AC has erased what it erases. */
export interface Kept {
  readonly product: string
  readonly serial: Serial
  readonly uuid: Uuid
  readonly localDisk: boolean
  readonly adapters: readonly AdapterState[]
  readonly boot: SystemBoot
  readonly policy: BmcPolicy
  /** Lives in the BMC's table: loss of AC erases it. */
  readonly shown: Blade['shown']
  readonly credentials: { readonly user: string; readonly password: string }
  /** For the restore policy `last-state`. */
  readonly wasOn: boolean
}

export interface SimBlade {
  readonly kept: Kept
  readonly run: Run
  /** Since the BMC got power. */
  readonly boots: number
  /** When main power last changed. */
  readonly switchedAt: number
  readonly bmc: Bmc
  readonly faults: readonly BladeFault[]
}

export interface SlotState {
  readonly latch: Latch
  readonly locate: boolean
  /** The backplane keeps the bay's power cut until then. */
  readonly cutUntil: number | undefined
  /** The blade that is known by this bay; a tall one covers others. */
  readonly blade: SimBlade | undefined
}

/** What the storage and the boot servers behind the interconnects allow. Without a rule, everything boots. */
export interface San {
  readonly luns: readonly {
    /** Target port: a WWPN or an IQN. */
    readonly target: string
    /** Absent: every LUN of the target. */
    readonly lun?: string
    /** WWPNs or IQNs that may log in. */
    readonly initiators: readonly string[]
    readonly chap?: { readonly user: string; readonly secret: string }
    readonly mutual?: { readonly user: string; readonly secret: string }
  }[]
  /** MACs that the boot server answers; absent: all. */
  readonly pxe?: readonly string[]
}

/** One place for a controller, as the arbiter sees it. `until`: then its watchdog runs out. */
export type Seat = { readonly state: 'absent' | 'silent' } | { readonly state: 'alive'; readonly until: number }

/** What stands between two controllers: a latch that says whose the backplane is, and a watchdog for each. */
export interface Arbiter {
  readonly owner: ControllerSlot | 'none'
  readonly seats: { readonly [slot in ControllerSlot]: Seat }
}

export interface World {
  readonly hardware: Hardware
  /** Everything that is made up follows from it: same seed, same serials and addresses. */
  readonly seed: string
  readonly chassisSerial: Serial
  readonly timings: Timings
  readonly credentials: Kept['credentials']
  readonly sessionLimit: number
  readonly now: number
  readonly ac: boolean
  readonly slots: { readonly [bay: number]: SlotState }
  /** Undefined where the board has one controller: there is nothing to arbitrate. */
  readonly arbiter: Arbiter | undefined
  /** Blades that were pulled, by serial: they keep what loss of AC does not erase (W6). */
  readonly shelf: { readonly [serial: string]: SimBlade }
  readonly interconnects: { readonly [id: string]: InterconnectKind | 'empty' }
  readonly san: San
  /** Failed or missing parts: `fan-3`, `supply-1`. */
  readonly failed: { readonly [part: string]: 'failed' | 'absent' }
  /** Blades and adapters, and addresses, made so far. */
  readonly made: { readonly parts: number; readonly addresses: number }
}

/** Where a transition leaves word of what happened. */
export type Note = (entry: LogEntry) => void

export function slotAt(world: World, bay: Bay): SlotState | undefined {
  return world.slots[bay]
}

export function bladeAt(world: World, bay: Bay): SimBlade | undefined {
  return world.slots[bay]?.blade
}

/** A bay that the board does not have stays away: no slot is made up. */
export function withSlot(world: World, bay: Bay, change: Partial<SlotState>): World {
  const slot = world.slots[bay]
  return slot === undefined ? world : { ...world, slots: { ...world.slots, [bay]: { ...slot, ...change } } }
}

export function withBlade(world: World, bay: Bay, change: (blade: SimBlade) => SimBlade): World {
  const blade = bladeAt(world, bay)
  return blade === undefined ? world : withSlot(world, bay, { blade: change(blade) })
}

export function withKept(blade: SimBlade, change: Partial<Kept>): SimBlade {
  return { ...blade, kept: { ...blade.kept, ...change } }
}

export function baysOf(world: World): readonly Bay[] {
  return world.hardware.board.bays.map(({ bay }) => bay)
}

export function bladeModel(hardware: Hardware, product: string): BladeModel | undefined {
  return hardware.board.blades.find((model) => model.product === product)
}

export function formOf(hardware: Hardware, product: string): BladeForm | undefined {
  const model = bladeModel(hardware, product)
  return hardware.board.forms.find((form) => form.id === model?.form)
}

export function adapterModel(hardware: Hardware, id: string): AdapterModel {
  const model = hardware.adapters[id]
  if (model === undefined) throw new Error(`adapter model ${id} is not among the loaded boards`)
  return model
}

/** Bays that a blade of this product fills from that bay on; undefined where it does not go in. */
export function filledBays(hardware: Hardware, product: string, bay: Bay): readonly Bay[] | undefined {
  return formOf(hardware, product)?.fills.find(([first]) => first === bay)
}

/** The bay of the tall blade that covers this one. */
export function coveredBy(world: World, bay: Bay): Bay | undefined {
  return baysOf(world).find((home) => {
    const blade = bladeAt(world, home)
    return home !== bay && blade !== undefined && filledBays(world.hardware, blade.kept.product, home)?.includes(bay)
  })
}

export function faultOf<Kind extends BladeFault['kind']>(
  blade: SimBlade,
  kind: Kind,
): Extract<BladeFault, { kind: Kind }> | undefined {
  return blade.faults.find((fault): fault is Extract<BladeFault, { kind: Kind }> => fault.kind === kind)
}

/** Standby power: the chassis has AC and the backplane does not cut the bay. */
export function hasStandby(world: World, bay: Bay): boolean {
  return world.ac && slotAt(world, bay)?.cutUntil === undefined
}
