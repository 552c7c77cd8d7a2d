/**
 * What kind of chassis, blade and adapter this is: data from boards/, each fact with its source.
 * Four ways of making I/O logical exist in the field; they are told apart here by what an adapter
 * model declares (W9), never by code that asks for a kind.
 */
import type { Bay, FunctionKey, InterconnectKind, Role } from './blade.ts'

/** A rectangle on a face of the chassis, in board units from the top left corner. */
export interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** boards/chassis/<id>.json */
export interface ChassisBoard {
  readonly id: string
  readonly name: string
  readonly vendor: string
  readonly front: { readonly w: number; readonly h: number }
  readonly rear: { readonly w: number; readonly h: number }
  readonly bays: readonly { readonly bay: Bay; readonly face: 'front' | 'rear'; readonly at: Place }[]
  readonly interconnects: readonly {
    readonly id: string
    /** As printed on the chassis: "1", "A1", "IOM-A". */
    readonly name: string
    readonly face: 'front' | 'rear'
    readonly at: Place
    /** What the simulated chassis has there, and what the field usually puts there. */
    readonly usual: InterconnectKind | 'empty'
  }[]
  readonly controllers: {
    /** What this vendor calls one: OA, CMC, AMM, FLM. */
    readonly name: string
    readonly count: number
    readonly face: 'front' | 'rear'
    readonly at: readonly Place[]
  }
  readonly supplies: { readonly count: number; readonly face: 'front' | 'rear'; readonly at: readonly Place[] }
  /** A place may name its own face, where a chassis has fans on both. */
  readonly fans: {
    readonly count: number
    readonly face: 'front' | 'rear'
    readonly at: readonly (Place & { readonly face?: 'front' | 'rear' })[]
  }
  /** Blade form factors. The first is the plain one that fills one bay. */
  readonly forms: readonly BladeForm[]
  readonly backplane: {
    readonly permitLatch: boolean
    readonly powerCut: boolean
    readonly acLossReported: boolean
    /** Chassis EEPROM. */
    readonly eeprom: { readonly bytes: number; readonly pageBytes: number; readonly pageMs: number }
  }
  /** How long a blade of this chassis may take from power-on to the end of POST, in seconds. */
  readonly postLimitSeconds: number
  readonly blades: readonly BladeModel[]
  /** What the simulated chassis is filled with: bay → blade product; bays not named are empty. */
  readonly simulated: { readonly [bay: string]: string }
  /**
   * JSON pointer of a fact in this file → where it is from, or "unverified". A pointer covers everything below it,
   * the longest one decides, and `*` stands for every member of a list or table.
   */
  readonly sources: { readonly [pointer: string]: string }
}

export interface BladeForm {
  readonly id: string
  readonly name: string
  /** Bays that such a blade fills, counted from the bay that it is known by. Any other start does not take it. */
  readonly fills: readonly (readonly [Bay, ...Bay[]])[]
  readonly slots: readonly AdapterSlot[]
}

export interface AdapterSlot {
  /** "lom", "mezz1" … */
  readonly id: string
  readonly name: string
  readonly kind: 'lom' | 'mezz'
  /** Port of the adapter → interconnect that it is wired to. */
  readonly wiring: readonly { readonly port: number; readonly interconnect: string; readonly downlink: Downlink }[]
}

/** Which port of the interconnect a bay's lane arrives at: `bay` (its number), or `bay + offset`. */
export interface Downlink {
  readonly offset: number
}

/** boards/adapters/<id>.json */
export interface AdapterModel {
  readonly id: string
  readonly name: string
  readonly vendor: string
  readonly kind: 'software' | 'cna' | 'director' | 'mapped'
  /** Where an assigned address lives. */
  readonly lives: 'adapter' | 'host-driver' | 'director'
  readonly takesEffect: 'reset' | 'attach' | 'live'
  /** What makes a let-go provable: the blade being off, or this function reading bare (W9). */
  readonly proof: 'blade' | 'function'
  /** Which power loss erases an applied value, by what was assigned (Dell's default persistence). */
  readonly erases: {
    readonly address: { readonly acLoss: boolean; readonly coldBoot: boolean; readonly warmBoot: boolean }
    readonly storage: { readonly acLoss: boolean; readonly coldBoot: boolean; readonly warmBoot: boolean }
  }
  readonly portMbps: number
  readonly ports: number
  /** Functions of each port, in order; `roles` they can take, the first is the factory role. */
  readonly functions: readonly { readonly id: string; readonly roles: readonly Role[] }[]
  readonly partitioning: Partitioning
  /** First octets of factory addresses in the simulator: a MAC's three, a WWN's five. */
  readonly factory: { readonly oui: string; readonly wwn: string }
  readonly sources: { readonly [pointer: string]: string }
}

/**
 * How a port divides. `npar`, `umc`, `flex-10` are the rules of facts known of QLogic NPAR, Emulex
 * Universal Multi-Channel and HP Flex-10; `whole` is a port that is one function.
 */
export type Partitioning =
  | { readonly rule: 'whole' }
  | { readonly rule: 'npar'; readonly stepMbps: number; readonly perAdapter: number }
  | { readonly rule: 'umc'; readonly stepMbps: number; readonly leastMbps: number }
  | { readonly rule: 'flex-10'; readonly stepMbps: number }
  /** Virtual functions over shared ports, bounded only in number. */
  | { readonly rule: 'virtual'; readonly perAdapter: number }

/** A blade product that fits this chassis; listed in the chassis file. */
export interface BladeModel {
  /** Product name as the FRU carries it. */
  readonly product: string
  readonly form: string
  /** Adapter slot of the form → adapter model id. */
  readonly adapters: { readonly [slot: string]: string }
}

/** boards/controllers/<id>.json: what the agent runs on. */
export interface ControllerBoard {
  readonly id: string
  readonly name: string
  readonly soc: string
  readonly arch: 'arm64' | 'armv7' | 'x64'
  readonly ramMiB: number
  readonly storageMiB: number
  readonly serial: { readonly path: string; readonly baud: number }
  readonly eeprom: { readonly path: string }
  readonly sources: { readonly [pointer: string]: string }
}

/** Everything that judgement needs to know of the hardware, once loaded and checked. */
export interface Hardware {
  readonly board: ChassisBoard
  readonly adapters: { readonly [model: string]: AdapterModel }
}

/** `lom:1-a` */
export function functionKey(slot: string, port: number, fn: string): FunctionKey {
  return `${slot}:${port}-${fn}`
}

export function parseFunctionKey(key: FunctionKey): { slot: string; port: number; fn: string } | undefined {
  const match = /^([a-z0-9]+):(\d+)-([a-z0-9]+)$/.exec(key)
  return match ? { slot: match[1] as string, port: Number(match[2]), fn: match[3] as string } : undefined
}
