/**
 * A chassis with two controllers under one clock that the test moves: one simulated world, the real pair with its real
 * stores, and a wire between them that can be cut. Each controller can be killed, restarted, taken out and replaced.
 */
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { type Agent, type Notice, startAgent } from '../../../agent/controller/agent.ts'
import type { Clock } from '../../../agent/controller/clock.ts'
import { type OpenedMemory, openMemory } from '../../../agent/controller/memory.ts'
import {
  type LeadParts,
  type Pair,
  type PairParts,
  type PairStatus,
  startPair,
} from '../../../agent/controller/pair/pair.ts'
import { openEeprom } from '../../../agent/controller/store/eeprom.ts'
import type { ChassisId } from '../../../agent/core/addresses.ts'
import { inSync } from '../../../agent/core/bay-plan.ts'
import type { Hardware } from '../../../agent/core/board.ts'
import type { Command, Envelope } from '../../../agent/core/command.ts'
import type { StoreRecord } from '../../../agent/core/record.ts'
import type { Reply } from '../../../agent/core/reply.ts'
import type { State } from '../../../agent/core/state.ts'
import { ChassisHost } from '../../../agent/sim/host.ts'
import { bootRecords, duplicates, type LogEntry } from '../../../agent/sim/log.ts'
import { newWorld } from '../../../agent/sim/world.ts'
import { epochOf, hardware, id } from '../../core/lab.ts'
import { type ChassisEeprom, chassisEeprom } from '../../sim/chassis-eeprom.ts'
import { inMemoryHardware } from '../../sim/in-memory.ts'
import { VirtualClock } from '../../sim/virtual-clock.ts'
import { timings } from '../rig.ts'
import { type MemoryMedium, memoryMedium, seeded } from '../store/memory-medium.ts'
import { type Life, newLife } from './mortal.ts'
import { PairWire } from './wire.ts'

export type Slot = 'A' | 'B'

export interface Leading {
  readonly agent: Agent
  readonly memory: OpenedMemory
}

export class Controller {
  readonly slot: Slot
  serial: string
  medium: MemoryMedium = memoryMedium()
  life: Life | undefined
  pair: Pair | undefined
  leading: Leading | undefined
  /** The copy that it keeps as standby. */
  copy: (() => State) | undefined
  readonly log: string[] = []
  readonly notices: Notice[] = []

  constructor(slot: Slot, serial: string) {
    this.slot = slot
    this.serial = serial
  }

  get status(): PairStatus {
    return this.pair?.status() ?? expect.unreachable(`controller ${this.slot} is not running`)
  }
}

export class PairRig {
  readonly hardware: Hardware
  readonly clock = new VirtualClock()
  /** Another one, where the chassis itself is replaced. */
  host: ChassisHost
  readonly wire: PairWire
  readonly A = new Controller('A', 'ctl-1')
  readonly B = new Controller('B', 'ctl-2')
  eeprom: ChassisEeprom
  /** A blank controller gives the other one its turn before it begins a life: seconds, of which most tests need none. */
  careful = false
  /** Every record that any controller believed, in order. */
  readonly records: StoreRecord[] = []
  readonly random: (bytes: number) => Uint8Array
  #boots = 0
  #requests = 0
  #serials = 2

  /** `empty`: no blade in any bay, whatever the board is usually filled with. */
  constructor(
    board = 'hp-c7000',
    { seed = 1, empty = false }: { readonly seed?: number; readonly empty?: boolean } = {},
  ) {
    this.hardware = hardware(board)
    this.host = new ChassisHost(
      newWorld({ hardware: this.hardware, seed: board, now: this.clock.now(), timings, empty }),
      this.clock,
    )
    this.eeprom = chassisEeprom(this.host)
    this.wire = new PairWire(this.clock)
    const below = seeded(seed)
    this.random = (bytes) => Uint8Array.from({ length: bytes }, () => below(256))
  }

  /** The program comes up on that controller. */
  start(slot: Slot, more: Partial<PairParts> = {}): void {
    const controller = this[slot]
    const life = newLife()
    controller.life = life
    const began = this.clock.now()
    const clock: Clock = life.of({
      uptimeMs: () => this.clock.now() - began,
      timeMs: () => undefined,
      after: (ms: number, call: () => void) => this.clock.after(ms, call),
    })
    const host = life.of(this.host)
    const { line } = inMemoryHardware(this.host, { slot })
    controller.pair = startPair({
      slot,
      serial: controller.serial,
      chassis: id<'Chassis'>('rig'),
      board: this.hardware.board.id,
      version: '1.0',
      clock,
      line: life.of(line),
      peers: life.of(this.wire.of(slot)),
      medium: life.of(controller.medium),
      random: this.random,
      openEeprom: async () => openEeprom(life.of(this.eeprom.of(slot))),
      lead: (parts) => this.#lead(controller, life, clock, host, parts, more.adopt),
      standBy: ({ state }) => {
        controller.copy = state
        return {
          stop: async () => {
            controller.copy = undefined
          },
        }
      },
      view: () => ({
        slot,
        version: '1.0',
        uptimeMs: clock.uptimeMs(),
        role: 'standby',
        host: 'unknown',
        store: {
          readOnly: false,
          notes: [],
          copies: [],
          index: 0,
          digest: '',
          bytesWritten: 0,
          syncs: 0,
          eepromPagesWritten: 0,
          eepromUse: 0,
        },
      }),
      events: { last: () => 0, passOver: () => {} },
      changed: () => {},
      log: (line) => controller.log.push(`${this.clock.now()} ${line}`),
      ...more,
    })
  }

  async #lead(
    controller: Controller,
    life: Life,
    clock: Clock,
    host: ChassisHost,
    { eeprom, others, owns, mayBegin }: LeadParts,
    adopt?: ChassisId,
  ) {
    const memory = await openMemory({
      medium: life.of(controller.medium),
      eeprom,
      others,
      takes: true,
      mayBegin: mayBegin || !this.careful,
      ...(adopt !== undefined && { adopt }),
      serial: controller.serial,
      random: this.random,
      chassis: id<'Chassis'>('rig'),
      board: this.hardware.board.id,
      onRecovered: (state) => agent?.recover(state),
      onReadOnly: () => {},
    })
    const { driver, backplane } = inMemoryHardware(this.host, {
      slot: controller.slot,
      owner: owns,
      port: host,
      after: clock.after,
    })
    const agent: Agent | undefined = startAgent({
      state: memory.state,
      memory,
      hardware: this.hardware,
      driver,
      backplane: life.of(backplane),
      clock,
      bootId: `boot-${++this.#boots}`,
      listener: {
        recorded: (record) => life.alive && this.records.push(record),
        noticed: (notice) => controller.notices.push(notice),
        changed: () => {},
      },
      pair: {
        standby: () => controller.status.standing,
        changeover: (force) => void controller.pair?.changeover(force),
      },
    })
    controller.leading = { agent, memory }
    return {
      memory,
      stop: async () => {
        controller.leading = undefined
        await agent.stop()
        await memory.close()
        await driver.close()
      },
    }
  }

  /** The process is gone at once; nothing is finished, nothing is closed. */
  kill(slot: Slot): void {
    const controller = this[slot]
    controller.life?.end()
    controller.life = undefined
    controller.pair = undefined
    controller.leading = undefined
    controller.copy = undefined
    this.wire.lose(slot)
  }

  /** Another controller, as it leaves the shelf, in the same slot. */
  replace(slot: Slot): void {
    this.kill(slot)
    this[slot].medium = memoryMedium()
    this[slot].serial = `ctl-${++this.#serials}`
  }

  async until(what: string, holds: () => boolean, mostMs = 60_000): Promise<void> {
    const end = this.clock.now() + mostMs
    while (!holds()) {
      if (this.clock.now() >= end) {
        const said = [...this.A.log.map((line) => `A ${line}`), ...this.B.log.map((line) => `B ${line}`)]
        throw new Error(`${what} did not come about in ${mostMs} ms\n${said.join('\n')}`)
      }
      await this.clock.advance(50)
    }
  }

  /** Of the agent that was started last, wherever. */
  get bootId(): string {
    return `boot-${this.#boots}`
  }

  /** Who leads, with commands answered. */
  get owner(): Controller | undefined {
    return [this.A, this.B].find((each) => each.leading && each.pair?.status().role === 'owner')
  }

  /** It leads, and does not hold. */
  async leads(slot: Slot): Promise<void> {
    await this.until(
      `controller ${slot} leads`,
      () => this.owner?.slot === slot && this.owner.leading?.memory.readOnly() === undefined,
    )
  }

  /** One leads and the other holds everything. */
  async paired(owner: Slot = 'A'): Promise<void> {
    await this.until(`controller ${owner} leads a pair`, () => {
      const leader = this.owner
      return leader?.slot === owner && leader.pair?.status().standing.is === 'member'
    })
  }

  async bothUp(): Promise<void> {
    this.start('A')
    this.start('B')
    await this.paired('A')
  }

  envelope(command: Command, more: Partial<Envelope> = {}): Envelope {
    const content = createHash('sha256').update(JSON.stringify(command)).digest('hex')
    return {
      who: { door: 'mqtt', client: id<'Client'>('tester') },
      request: `request-${++this.#requests}`,
      content,
      dryRun: false,
      ...epochOf(this.owner?.leading?.agent.now().state),
      ...more,
    }
  }

  submit(command: Command, more: Partial<Envelope> = {}): Promise<Reply> {
    const agent = this.owner?.leading?.agent ?? expect.unreachable('nobody leads')
    return this.clock.until(agent.submit(command, this.envelope(command, more)))
  }

  /** Accepted, or the test ends here. */
  async do(command: Command, more: Partial<Envelope> = {}) {
    const { outcome } = await this.submit(command, more)
    if (outcome.kind !== 'accepted') return expect.unreachable(JSON.stringify(outcome))
    return outcome
  }

  get state(): State {
    return this.owner?.leading?.agent.now().state ?? expect.unreachable('nobody leads')
  }

  /** Lets the world go on until every bay is in sync, for so long at most. */
  async settle(mostMs = 300_000): Promise<void> {
    await this.until(
      'every bay in sync',
      () =>
        Object.values(this.owner?.leading?.agent.now().plans ?? { 0: undefined }).every((plan) => plan && inSync(plan)),
      mostMs,
    )
  }

  get log(): readonly LogEntry[] {
    return this.host.heardSince(0).entries
  }

  boots(bay: number) {
    return bootRecords(this.log).filter((record) => record.bay === bay)
  }

  /** I1, from the hardware's own log. */
  noDuplicates(): void {
    expect(duplicates(this.log)).toEqual([])
  }
}
