/**
 * One simulated chassis with the real agent on its controllers, as hands and managers have it: the same face for a chassis
 * with two controllers and for one that has room for one, so that a loss is written once and happens on every board.
 */
import { expect } from 'vitest'
import { standbyOf } from '../../agent/controller/pair/pair.ts'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import type { EepromDevice } from '../../agent/controller/store/eeprom-device.ts'
import type { Bay } from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import type { Command, Envelope } from '../../agent/core/command.ts'
import type { Reply } from '../../agent/core/reply.ts'
import { reportChassis } from '../../agent/core/report.ts'
import type { ChassisView, ControllerView } from '../../agent/core/views.ts'
import type { Deed } from '../../agent/sim/deeds.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import type { LogEntry } from '../../agent/sim/log.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { type Leading, PairRig, type Slot } from '../controller/pair/rig.ts'
import { Rig, timings } from '../controller/rig.ts'
import { type MemoryEeprom, memoryEeprom } from '../controller/store/memory-eeprom.ts'
import { memoryMedium } from '../controller/store/memory-medium.ts'
import { hardware, id } from '../core/lab.ts'
import { chassisEeprom } from '../sim/chassis-eeprom.ts'

export type { Slot }

/** A controller that was taken out, with what its flash held then. */
export interface Shelved {
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly serial: string
}

/** How the agent reaches the chassis EEPROM: as it is, or by way of somebody who lies. */
export type ReachEeprom = (chip: EepromDevice, chassis: { readonly inUse: boolean }) => EepromDevice

const chassis = id<'Chassis'>('rig')
/** As often as the agent sees to the slow things by itself. */
const mendMs = 30_000

export class Chassis {
  readonly hardware: Hardware
  readonly slots: readonly Slot[]
  readonly #rig: { readonly is: 'pair'; readonly rig: PairRig } | { readonly is: 'one'; readonly rig: Rig }
  readonly #reach: ReachEeprom
  /** Profiles are defined, and from now on they are assigned. */
  inUse = false
  readonly #running = new Set<Slot>()
  readonly #absent = new Set<Slot>()
  /** What the chassis that was here before left in its log. */
  #past: readonly LogEntry[] = []
  #chip: MemoryEeprom
  #spareParts = 0
  #mended = 0

  constructor(board: string, reach: ReachEeprom = (chip) => chip) {
    this.hardware = hardware(board)
    this.#reach = reach
    if (this.hardware.board.controllers.count > 1) {
      const rig = new PairRig(board, { empty: true })
      this.#rig = { is: 'pair', rig }
      this.#chip = rig.eeprom.chip
      this.slots = ['A', 'B']
    } else {
      const rig = new Rig(board, { empty: true })
      this.#rig = { is: 'one', rig }
      this.#chip = rig.eeprom
      this.slots = ['A']
    }
  }

  get host(): ChassisHost {
    return this.#rig.rig.host
  }

  get #clock() {
    return this.#rig.rig.clock
  }

  get now(): number {
    return this.#clock.now()
  }

  get bootId(): string {
    return this.#rig.rig.bootId
  }

  /** The chip of the chassis EEPROM, for whoever breaks it. */
  get chip(): MemoryEeprom {
    return this.#chip
  }

  get log(): readonly LogEntry[] {
    return [...this.#past, ...this.host.heardSince(0).entries]
  }

  /** Who leads and answers commands; undefined: nobody. */
  get leading(): Pick<Leading, 'agent' | 'memory'> | undefined {
    return this.#rig.is === 'pair' ? this.#rig.rig.owner?.leading : this.#rig.rig.running
  }

  /** The slot of whoever leads; where nobody does, the first. */
  get owner(): Slot {
    return this.#rig.is === 'pair' ? (this.#rig.rig.owner?.slot ?? 'A') : 'A'
  }

  get standby(): Slot {
    return this.otherThan(this.owner)
  }

  otherThan(slot: Slot): Slot {
    return slot === 'A' ? 'B' : 'A'
  }

  /** The one that leads has the other one beside it, which holds everything. */
  get isPaired(): boolean {
    return this.#rig.is === 'one' || this.#rig.rig.owner?.pair?.status().standing.is === 'member'
  }

  /** As many copies as there can be, of the last change. */
  get hasCopies(): boolean {
    return this.leading?.memory.copies().includes('eeprom') === true
  }

  // Time.

  async wait(ms: number): Promise<void> {
    const end = this.now + ms
    while (this.now < end) {
      await this.#clock.advance(Math.min(1_000, end - this.now))
      if (this.now - this.#mended < mendMs) continue
      this.#mended = this.now
      void this.leading?.memory.mend()
    }
  }

  /** Whether it came about, within so long. */
  async until(holds: () => boolean, mostMs: number): Promise<boolean> {
    const end = this.now + mostMs
    while (!holds()) {
      if (this.now >= end) return false
      await this.wait(500)
    }
    return true
  }

  // Hands.

  does(deed: Deed): void {
    const refused = this.host.perform(deed)
    if (refused !== undefined) expect.unreachable(`${JSON.stringify(deed)}: ${refused}`)
  }

  /** The program comes up on that controller. `adopt`: somebody says by name to go on from what there is. */
  async start(slot: Slot, { adopt = false } = {}): Promise<void> {
    if (this.#running.has(slot) || this.#absent.has(slot) || !this.host.world.ac) return
    this.#running.add(slot)
    const named = adopt ? { adopt: chassis } : {}
    if (this.#rig.is === 'pair') {
      const { rig } = this.#rig
      const openOver = async () => openEeprom(this.#reach(rig.eeprom.of(slot), this))
      return rig.start(slot, { ...named, openEeprom: openOver })
    }
    const { rig } = this.#rig
    rig.eeprom = { ...this.#chip, ...this.#reach(this.#chip, this) }
    await rig.start(named)
  }

  async startAll(how: { readonly adopt?: boolean } = {}): Promise<void> {
    for (const slot of this.slots) await this.start(slot, how)
  }

  kill(slot: Slot): void {
    this.#running.delete(slot)
    if (this.#rig.is === 'pair') this.#rig.rig.kill(slot)
    else this.#rig.rig.kill()
  }

  killAll(): void {
    for (const slot of this.slots) this.kill(slot)
  }

  pull(slot: Slot): void {
    this.kill(slot)
    this.#absent.add(slot)
    if (this.#rig.is === 'pair') this.does({ do: 'controller', slot, does: 'remove' })
  }

  async putBack(slot: Slot): Promise<void> {
    this.#absent.delete(slot)
    if (this.#rig.is === 'pair') this.does({ do: 'controller', slot, does: 'insert' })
    await this.start(slot)
  }

  pullAll(): void {
    for (const slot of this.slots) if (!this.#absent.has(slot)) this.pull(slot)
  }

  async putBackAll(): Promise<void> {
    for (const slot of [...this.#absent]) await this.putBack(slot)
  }

  /** The flash of that controller is blank from now on; its program is not running. */
  wipe(slot: Slot): void {
    this.kill(slot)
    this.#box(slot, memoryMedium())
  }

  /** Another controller, as it leaves the shelf; it comes up where there is AC. */
  async replace(slot: Slot, old?: Shelved): Promise<void> {
    if (!this.#absent.has(slot)) this.pull(slot)
    this.#box(slot, memoryMedium(old?.files), old?.serial ?? `ctl-${3 + this.#spareParts++}`)
    await this.putBack(slot)
  }

  /** What a controller of that slot would be, had it been taken out now. */
  shelved(slot: Slot): Shelved {
    const { rig } = this.#rig
    if (this.#rig.is === 'one') return { files: this.#rig.rig.medium.files(), serial: 'ctl-1' }
    const { medium, serial } = (rig as PairRig)[slot]
    return { files: medium.files(), serial }
  }

  #box(slot: Slot, medium: ReturnType<typeof memoryMedium>, serial?: string): void {
    if (this.#rig.is === 'one') this.#rig.rig.medium = medium
    else {
      const controller = this.#rig.rig[slot]
      controller.medium = medium
      if (serial !== undefined) controller.serial = serial
    }
  }

  /** Its flash takes nothing any more. */
  breakFlash(slot: Slot): void {
    const medium = this.#rig.is === 'one' ? this.#rig.rig.medium : this.#rig.rig[slot].medium
    medium.fail = ({ operation }) => (operation === 'list' || operation === 'read' ? undefined : { code: 'EIO' })
  }

  /** Every page has bits that are not what was written. */
  damageEeprom(): void {
    for (let at = 0; at < this.#chip.bytes.length; at += 7) this.#chip.bytes[at] = 0x5a
  }

  /** Another chip, as it leaves the factory. */
  blankEeprom(): void {
    this.#chip.bytes.fill(0xff)
  }

  /** The wire between the two controllers. */
  cutLink(cut: boolean): void {
    if (this.#rig.is === 'pair') this.#rig.rig.wire.cut = cut
  }

  async ac(on: boolean): Promise<void> {
    if (!on) this.killAll()
    this.does({ do: 'ac', on })
    if (on) await this.startAll()
  }

  /** A new chassis: blades, controllers and the storage network go over, the EEPROM does so only if `carried`. */
  async replaceChassis({ carried }: { readonly carried: boolean }): Promise<void> {
    this.killAll()
    const old = this.host
    const seats = Object.entries(old.world.slots).flatMap(([bay, { blade }]) =>
      blade ? [{ bay: Number(bay), serial: blade.kept.serial }] : [],
    )
    for (const { bay } of seats) this.does({ do: 'pull', bay })
    this.does({ do: 'ac', on: false })
    old.close()
    this.#past = [...this.#past, ...old.heardSince(0).entries]
    const { board } = this.hardware
    const fresh = newWorld({ hardware: this.hardware, seed: `${board.id}-2`, now: this.now, timings, empty: true })
    const { shelf, san, made } = old.world
    this.#rig.rig.host = new ChassisHost({ ...fresh, world: { ...fresh.world, shelf, san, made } }, this.#clock)
    for (const { bay, serial } of seats) this.does({ do: 'insert', bay, blade: { serial } })
    if (!carried) this.#chip = this.#blankChip()
    if (this.#rig.is === 'pair') this.#rig.rig.eeprom = chassisEeprom(this.host, { chip: this.#chip })
    await this.startAll()
  }

  #blankChip(): MemoryEeprom {
    const { bytes: size, pageBytes } = this.hardware.board.backplane.eeprom
    return memoryEeprom({ size, pageBytes })
  }

  // What can be asked and seen.

  envelope(command: Command, more: Partial<Envelope>): Envelope {
    return this.#rig.rig.envelope(command, more)
  }

  /** Undefined: nobody answers. */
  async submit(command: Command, envelope: Envelope): Promise<Reply | undefined> {
    const agent = this.leading?.agent
    if (!agent) return undefined
    let reply: Reply | undefined
    void agent.submit(command, envelope).then((answered) => {
      reply = answered
    })
    await this.until(() => reply !== undefined, 30_000)
    return reply
  }

  /** What the chassis itself says has to be done. */
  get todo(): ChassisView['todo'] {
    if (!this.leading) return []
    const { state, observed, plans } = this.leading.agent.now()
    const reporting = { state, observed, plans, hardware: this.hardware, since: () => 0 }
    return reportChassis(reporting, '', {}, this.#controllers()).todo
  }

  /** As the program puts them together while it leads. */
  #controllers(): readonly ControllerView[] {
    const { leading } = this
    if (!leading) return []
    const own = { version: '1.0', uptimeMs: 0, host: 'unknown', role: 'owner', store: leading.memory.view() } as const
    if (this.#rig.is === 'one') return [{ slot: 'A', ...own }]
    const status = this.#rig.rig.owner?.status ?? expect.unreachable('nobody leads')
    return [{ slot: status.slot, ...own, pair: { other: standbyOf(status), members: status.members } }]
  }
}

/** Once the chassis is in use it says of each page that it is written, and writes none of them. */
export const lyingEeprom: ReachEeprom = (chip, chassis) => {
  const { size, pageBytes } = chip
  const claimed = new Map<number, Uint8Array>()
  return {
    size,
    pageBytes,
    read: async (offset, length) => {
      const bytes = new Uint8Array(await chip.read(offset, length))
      for (const [page, content] of claimed) {
        const begin = page * pageBytes
        const from = Math.max(offset, begin)
        const to = Math.min(offset + length, begin + pageBytes)
        if (from < to) bytes.set(content.subarray(from - begin, to - begin), from - offset)
      }
      return bytes
    },
    writePage: async (page, content) => {
      if (chassis.inUse) claimed.set(page, new Uint8Array(content))
      else await chip.writePage(page, content)
    },
    sync: () => chip.sync(),
  }
}

export const bladeIn = (chassis: Chassis, bay: Bay) => chassis.host.world.slots[bay]?.blade
