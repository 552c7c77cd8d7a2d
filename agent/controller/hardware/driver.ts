/**
 * The two things that the agent can do to hardware: look, and take one step. A driver has no opinion and
 * no memory of intent; what it could not see it says by a Fault, and a fall-back never turns a maybe into a yes.
 */
import type { LineReading } from '../../backplane/protocol.ts'
import type { Bay, Blade, Blindness, InterconnectKind, Slot, Step } from '../../core/blade.ts'
import type { HealthView } from '../../core/views.ts'

export type BladeStep = Extract<Step, { kind: 'barrier' | 'policy' | 'clear' | 'write' | 'show' | 'boot' | 'power' }>
export type BackplaneStep = Extract<Step, { kind: 'withdraw' | 'permit' | 'cut' | 'locate' }>

/**
 * The world failed. `maybe`: the command may have been carried out, or may still be (W2): the bay is pending until a
 * barrier. Without it, the hardware said no, or nothing was sent.
 */
export class Fault extends Error {
  readonly blind: Blindness
  readonly maybe: boolean
  constructor(blind: Blindness, message: string, maybe = false) {
    super(message)
    this.name = 'Fault'
    this.blind = blind
    this.maybe = maybe
  }
}

/** Blades, by their BMCs. At most one session and one request in flight per BMC. */
export interface Driver {
  /** One pass in W1's order: adapters first, then power. */
  observe(bay: Bay, signal: AbortSignal): Promise<Blade>
  /** Resolves when the BMC has answered yes. Throws Fault. */
  apply(step: BladeStep, signal: AbortSignal): Promise<void>
  /** Ends what it opened. */
  close(): Promise<void>
}

export interface BackplaneReading {
  readonly chassisSerial: string
  readonly bays: { readonly [bay: number]: Slot }
  readonly interconnects: { readonly [id: string]: InterconnectKind | 'empty' }
}

/** Chassis health and FRU data; slow, and never on the command path. */
export type ChassisHealth = HealthView

export interface Backplane {
  read(signal: AbortSignal): Promise<BackplaneReading>
  apply(step: BackplaneStep, signal: AbortSignal): Promise<void>
  health(signal: AbortSignal): Promise<ChassisHealth>
  /** Called when a presence, power good or latch line changed; the reader then reads. */
  onChange(heard: (bay: Bay) => void): void
  close(): Promise<void>
}

/** Which controller is in which slot is the chassis' to say; who leads is for the pair. */
export type { Aliveness, ControllerSlot, LineReading } from '../../backplane/protocol.ts'

/**
 * The owner line of a chassis with two controller slots: whose the backplane is. It gates the lines of the bays and
 * the EEPROM's writes, and not the network of the BMCs (W12). In a chassis with one slot every call is a Fault.
 */
export interface OwnerLine {
  read(signal: AbortSignal): Promise<LineReading>
  /** Ours from now on, whoever had it. Twice is once. */
  take(signal: AbortSignal): Promise<void>
  /** Nobody's, if it was ours. */
  release(signal: AbortSignal): Promise<void>
  /** We are alive; a controller that does not say so often enough is read as silent. */
  beat(signal: AbortSignal): Promise<void>
  /** Called when the owner changed, or who is alive, or when it may have; the reader then reads. */
  onChange(heard: () => void): void
}

/** What a driver asks before each change: resolves while this controller owns the backplane, else throws Fault (W12). */
export type Owns = (signal: AbortSignal) => Promise<void>
