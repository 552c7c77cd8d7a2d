/**
 * A whole chassis for a simulated life: one world, one or two controllers with the real agent on flash that fails, the
 * chassis EEPROM, a wire between the controllers and a broker outside, all under one clock. Controllers are boxes that
 * hands take out and put in, each with the flash that it has. Everything that happens is told to the history.
 */
import type { ControllerSlot } from '../../agent/backplane/protocol.ts'
import { type Agent, startAgent } from '../../agent/controller/agent.ts'
import type { Clock } from '../../agent/controller/clock.ts'
import { answer } from '../../agent/controller/doors/mqtt/answer.ts'
import type { Backplane, Owns } from '../../agent/controller/hardware/driver.ts'
import { type OpenedMemory, openMemory } from '../../agent/controller/memory.ts'
import { type Pair, type Serving, startPair } from '../../agent/controller/pair/pair.ts'
import { type Eeprom, openEeprom } from '../../agent/controller/store/eeprom.ts'
import type { Medium } from '../../agent/controller/store/medium.ts'
import type { Others } from '../../agent/controller/store/store.ts'
import type { Hardware } from '../../agent/core/board.ts'
import type { Copy } from '../../agent/core/reply.ts'
import type { State } from '../../agent/core/state.ts'
import type { ControllerView } from '../../agent/core/views.ts'
import type { BmcPort } from '../../agent/sim/bmc.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { encodeResponse } from '../../agent/wire/response.ts'
import { type Life, newLife } from '../controller/pair/mortal.ts'
import { PairWire } from '../controller/pair/wire.ts'
import { type MemoryMedium, memoryMedium, OUTCOMES } from '../controller/store/memory-medium.ts'
import { id } from '../core/lab.ts'
import { type ChassisEeprom, chassisEeprom } from '../sim/chassis-eeprom.ts'
import { inMemoryHardware } from '../sim/in-memory.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { type Below, Broker } from './broker.ts'
import type { Shown } from './client.ts'
import { chassis, openFront, shown } from './front.ts'
import { type Checker, type CopyId, History, type LifeId } from './history.ts'
import type { Seams } from './seams.ts'

export const timings = {
  postMs: 2_500,
  attachMs: 400,
  shutdownMs: 1_500,
  bmcBootMs: 1_000,
  cutMs: 500,
  cycleMs: 500,
  sessionIdleMs: 1_800_000,
}

/** A controller, as it can be carried around. */
export interface Box {
  readonly serial: string
  readonly flash: CopyId
  medium: MemoryMedium
}

interface Seat {
  readonly slot: ControllerSlot
  box: Box | undefined
  running: Running | undefined
}

interface Running {
  readonly name: LifeId
  readonly life: Life
  readonly began: number
  pair: Pair | undefined
  leading: Leading | undefined
  leave: () => void
}

interface Leading {
  readonly agent: Agent
  readonly memory: OpenedMemory
  readonly bootId: string
}

const slowlyMs = 10_000
const never = new Promise<never>(() => undefined)
const changes: readonly string[] = [
  'login',
  'logout',
  'end-session',
  'write',
  'clear',
  'show',
  'boot',
  'policy',
  'power',
  'cycle',
]

export class Stage {
  readonly hardware: Hardware
  readonly clock = new VirtualClock()
  readonly host: ChassisHost
  readonly wire: PairWire
  readonly broker: Broker<Shown>
  readonly history: History
  readonly eeprom: ChassisEeprom
  readonly seats: readonly Seat[]
  /** Controllers that lie beside the chassis, each with its flash. */
  readonly shelf: Box[] = []
  readonly eepromId: CopyId = 'eeprom-1'
  readonly #below: Below
  readonly #seams: Seams
  readonly #told: string[] = []
  #heard = 0
  #written = 0
  #asked = 0
  #starts = 0
  #boxes = 0

  constructor({
    hardware,
    below,
    checkers = [],
    seams = {},
  }: {
    readonly hardware: Hardware
    readonly below: Below
    readonly checkers?: readonly Checker[]
    readonly seams?: Seams
  }) {
    this.hardware = hardware
    this.#below = below
    this.#seams = seams
    this.history = new History(() => this.clock.now(), checkers)
    this.host = new ChassisHost(
      newWorld({ hardware, seed: hardware.board.id, now: this.clock.now(), timings }),
      this.clock,
    )
    this.eeprom = chassisEeprom(this.host)
    this.wire = new PairWire(this.clock)
    this.broker = new Broker(this.clock, below)
    const slots: readonly ControllerSlot[] = hardware.board.controllers.count > 1 ? ['A', 'B'] : ['A']
    this.history.tell({ is: 'copy', id: this.eepromId, there: true })
    this.seats = slots.map((slot) => ({ slot, box: undefined, running: undefined }))
    for (const seat of this.seats) this.#seat(seat, this.newBox())
  }

  get isPair(): boolean {
    return this.seats.length > 1
  }

  /** What controllers said to people. */
  get said(): readonly string[] {
    return this.#told
  }

  newBox(): Box {
    const number = ++this.#boxes
    return { serial: `ctl-${number}`, flash: `flash-${number}`, medium: memoryMedium() }
  }

  /** Every controller that is anywhere. */
  get boxes(): readonly Box[] {
    return [...this.seats.flatMap(({ box }) => box ?? []), ...this.shelf]
  }

  get leader(): { readonly seat: Seat; readonly leading: Leading } | undefined {
    for (const seat of this.seats) {
      const { running } = seat
      if (running?.leading && (!running.pair || running.pair.status().role === 'owner'))
        return { seat, leading: running.leading }
    }
    return undefined
  }

  deed(say: string): void {
    this.drain()
    this.history.tell({ is: 'deed', say })
  }

  /** What the hardware did since the last look. `by` asked for `what`: the last command, or all of it. */
  drain(by?: LifeId, what: 'command' | 'all' = 'all'): void {
    const { entries } = this.host.heardSince(this.#heard)
    if (entries.length === 0) return
    this.#heard += entries.length
    const last = entries.findLastIndex(({ kind }) => kind === 'command')
    for (const [at, entry] of entries.entries()) {
      const direct = by !== undefined && (what === 'all' || at === last)
      this.history.tell({ is: 'hardware', entry, ...(direct && { by }) })
    }
  }

  /** What is in force now, for the checkers. */
  look(): void {
    this.drain()
    const { leader } = this
    const box = leader?.seat.box
    const running = leader?.seat.running
    if (!leader || !box || !running) return
    const { memory } = leader.leading
    this.history.tell({
      is: 'in-force',
      by: running.name,
      flash: box.flash,
      state: memory.durable().state,
      holds: memory.readOnly(),
    })
  }

  // Hands.

  #seat(seat: Seat, box: Box): void {
    seat.box = box
    this.history.tell({ is: 'copy', id: box.flash, there: true })
  }

  /** The program on that controller is gone at once. */
  kill(seat: Seat): void {
    const { running } = seat
    if (!running) return
    running.life.end()
    running.leave()
    seat.running = undefined
    this.wire.lose(seat.slot)
  }

  /** The controller itself loses power: what was not synced is what the flash makes of it. */
  powerCut(seat: Seat): void {
    this.kill(seat)
    const { box } = seat
    if (!box) return
    const outcome = OUTCOMES[this.#below(OUTCOMES.length)] ?? 'lost'
    const { fail } = box.medium
    box.medium = box.medium.afterPowerCut(outcome, this.#below)
    box.medium.fail = fail
  }

  remove(seat: Seat): Box | undefined {
    const { box } = seat
    if (!box) return undefined
    this.powerCut(seat)
    seat.box = undefined
    if (this.isPair) this.host.perform({ do: 'controller', slot: seat.slot, does: 'remove' })
    this.drain()
    this.history.tell({ is: 'copy', id: box.flash, there: false })
    return box
  }

  insert(seat: Seat, box: Box): void {
    if (seat.box) return
    if (this.isPair) this.host.perform({ do: 'controller', slot: seat.slot, does: 'insert' })
    this.drain()
    this.#seat(seat, box)
    this.start(seat)
  }

  // Programs.

  start(seat: Seat): void {
    const { box, slot } = seat
    if (!box || seat.running) return
    const life = newLife()
    const name = `${slot}#${++this.#starts}`
    const running: Running = {
      name,
      life,
      began: this.clock.now(),
      pair: undefined,
      leading: undefined,
      leave: () => undefined,
    }
    seat.running = running
    const began = this.clock.now()
    const clock: Clock = life.of({
      uptimeMs: () => this.clock.now() - began,
      timeMs: () => undefined,
      after: (ms: number, call: () => void) => this.clock.after(ms, call),
    })
    const seams = this.#seams
    const role = () => running.pair?.status().role ?? 'owner'
    const medium = life.of(seams.medium?.(box.medium, { role }) ?? box.medium)
    const random = (bytes: number) => Uint8Array.from({ length: bytes }, () => this.#below(256))
    const log = (line: string) => void this.#told.push(`${this.clock.now()} ${name} ${line}`)
    const open = async (): Promise<Eeprom | string> => {
      try {
        const eeprom = await openEeprom(life.of(this.eeprom.of(slot)))
        return seams.eeprom?.(eeprom) ?? eeprom
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    }
    const parts = { seat, box, running, life, clock, medium, random, log }
    if (!this.isPair) {
      void this.#alone(parts, open)
      return
    }
    const { line } = inMemoryHardware(this.host, { slot })
    running.pair = startPair({
      slot,
      serial: box.serial,
      chassis,
      board: this.hardware.board.id,
      version: '1.0',
      clock,
      line: life.of(seams.line?.(line, slot) ?? line),
      peers: life.of(this.wire.of(slot)),
      medium,
      random,
      openEeprom: open,
      lead: (given) => this.#lead(parts, given),
      standBy: () => ({ stop: async () => undefined }),
      view: () =>
        ({
          slot,
          version: '1.0',
          uptimeMs: clock.uptimeMs(),
          role: 'standby',
          host: 'unknown',
          store: emptyStore,
        }) as ControllerView,
      events: { last: () => 0, passOver: () => undefined },
      changed: () => undefined,
      log,
    })
  }

  /** A controller without a partner leads for its whole life; for want of the EEPROM it begins anew once that answers. */
  async #alone(parts: Parts, open: () => Promise<Eeprom | string>): Promise<void> {
    const serving = await this.#lead(parts, { eeprom: await open() })
    const again = async () => {
      const eeprom = serving.memory.waits ? await open() : 'nothing is wanted of it'
      if (typeof eeprom !== 'object' || eeprom.reading.kind === 'unreadable') return later()
      await serving.stop()
      await this.#alone(parts, open)
    }
    const later = () => void parts.clock.after(slowlyMs / 2, () => void again())
    later()
  }

  async #lead(
    { seat, box, running, life, clock, medium, random, log }: Parts,
    given: { readonly eeprom: Eeprom | string; readonly others?: Others<State>; readonly owns?: Owns },
  ): Promise<Serving> {
    const seams = this.#seams
    const bootId = `boot-${running.name}`
    const { others, owns } = given
    const opened = await openMemory({
      medium,
      eeprom: given.eeprom,
      ...(others && { others: seams.others?.(others) ?? others, takes: true }),
      serial: box.serial,
      random,
      chassis,
      board: this.hardware.board.id,
      onRecovered: (state) => agent?.recover(state),
      onReadOnly: log,
    })
    const noted = this.#noting(opened, box, running)
    const memory = seams.memory?.(noted) ?? noted
    if (!life.alive) return never
    this.drain()
    if (memory.readOnly() === undefined)
      this.history.tell({ is: 'leads', by: running.name, slot: seat.slot, flash: box.flash, term: opened.state.term })
    const port = this.#port(running.name)
    const mine = owns && (seams.owns?.(owns) ?? owns)
    const bare = inMemoryHardware(this.host, {
      slot: seat.slot,
      ...(mine && { owner: mine }),
      port: life.of(port),
      after: clock.after,
    })
    const driver = seams.driver?.(bare.driver) ?? bare.driver
    const backplane = this.#noted(
      running.name,
      seams.backplane?.(bare.backplane, { now: () => memory.durable().state }) ?? bare.backplane,
    )
    const real = startAgent({
      state: seams.state?.(memory.state) ?? memory.state,
      memory,
      hardware: this.hardware,
      driver,
      backplane: life.of(backplane),
      clock,
      bootId,
      listener: { recorded: () => undefined, noticed: () => undefined, changed: () => this.#show(running) },
    })
    const agent: Agent = seams.agent?.(real, { clock, bootId }) ?? real
    running.leading = { agent, memory: opened, bootId }
    this.#mend(running, opened)
    void Promise.race([agent.ready, new Promise<void>((resolve) => void clock.after(3_000, resolve))]).then(() =>
      this.#serve(seat, box, running, clock, agent, memory),
    )
    return {
      memory,
      stop: async () => {
        running.leave()
        running.leading = undefined
        await agent.stop()
        await driver.close()
        await memory.close()
      },
    }
  }

  /** What the EEPROM did not take is tried again, as the program does with all that is slow. */
  #mend(running: Running, memory: OpenedMemory): void {
    this.clock.after(slowlyMs, () => {
      if (!running.life.alive || running.leading?.memory !== memory) return
      // What it can not do now it does the next time.
      memory.mend().catch(() => undefined)
      this.#mend(running, memory)
    })
  }

  /** The door of whoever leads: bytes of a request in, bytes of the answer out. */
  async #serve(
    seat: Seat,
    box: Box,
    running: Running,
    clock: Clock,
    agent: Agent,
    memory: OpenedMemory,
  ): Promise<void> {
    const { bootId } = running.leading ?? {}
    if (!running.life.alive || bootId === undefined) return
    const front = await openFront({ agent, memory, clock, bootId, hardware: this.hardware })
    if (!running.life.alive || running.leading?.agent !== agent) return
    const leave = this.broker.connect(async (request, bytes) => {
      const number = ++this.#asked
      this.drain()
      this.history.tell({ is: 'asked', number, by: running.name, request, uptimeMs: clock.uptimeMs(), bootId })
      const reply = await answer(front, { client: id<'Client'>(request.client), payload: bytes, retained: false })
      if (!running.life.alive) return never
      this.drain()
      const { outcome } = reply
      const where = outcome.kind === 'accepted' ? this.#where(outcome.copies, box, seat.slot) : []
      this.history.tell({ is: 'answered', number, by: running.name, reply, where })
      return encodeResponse(reply)
    })
    running.leave = () => {
      leave()
      running.leave = () => undefined
    }
    this.#show(running)
  }

  /** Tells whoever listens at the broker, soon. */
  #show(running: Running): void {
    const { leading } = running
    if (!leading || !running.life.alive) return
    if (this.#showing === running) return
    this.#showing = running
    this.clock.after(100, () => {
      this.#showing = undefined
      if (!running.life.alive || running.leading !== leading || !this.broker.connected) return
      const { bootId, memory } = leading
      const at = this.clock.now()
      this.broker.retain(shown(memory.durable().state, { bootId, uptimeMs: at - running.began, at }))
    })
  }
  #showing: Running | undefined

  #where(copies: readonly Copy[], box: Box, slot: ControllerSlot): readonly CopyId[] {
    const peer = this.seats.find((seat) => seat.slot !== slot)?.box?.flash ?? 'nowhere'
    const names = { flash: box.flash, peer, eeprom: this.eepromId }
    return copies.map((copy) => names[copy])
  }

  /** What is written, and what the store says of it. */
  #noting(memory: OpenedMemory, box: Box, running: Running): OpenedMemory {
    const slot = running.name.startsWith('A') ? 'A' : 'B'
    const append: OpenedMemory['append'] = async (record, everywhere) => {
      if (!running.life.alive) return never
      const number = ++this.#written
      this.drain()
      this.history.tell({ is: 'written', number, by: running.name, flash: box.flash, record })
      const copies = await memory.append(record, everywhere)
      if (!running.life.alive) return never
      this.history.tell({ is: 'stored', number, where: this.#where(copies, box, slot) })
      return copies
    }
    return new Proxy(memory, {
      get: (target, name) => (name === 'append' ? append : Reflect.get(target, name, target)),
    })
  }

  /** BMCs as that controller reaches them: what it did now is told under its name. */
  #port(by: LifeId): BmcPort {
    return {
      ask: (bay, request, signal) => {
        if (!changes.includes(request.kind)) return this.host.ask(bay, request, signal)
        this.drain()
        const heard = this.host.ask(bay, request, signal)
        this.drain(by, 'command')
        return heard
      },
    }
  }

  #noted(by: LifeId, backplane: Backplane): Backplane {
    return {
      read: (signal) => backplane.read(signal),
      health: (signal) => backplane.health(signal),
      onChange: (heard) => backplane.onChange(heard),
      close: () => backplane.close(),
      apply: (step, signal) => {
        this.host.settle()
        this.drain()
        const done = backplane.apply(step, signal)
        this.drain(by)
        return done
      },
    }
  }

  /** Ends every program. */
  end(): void {
    for (const seat of this.seats) this.kill(seat)
    this.host.close()
  }
}

interface Parts {
  readonly seat: Seat
  readonly box: Box
  readonly running: Running
  readonly life: Life
  readonly clock: Clock
  readonly medium: Medium
  readonly random: (bytes: number) => Uint8Array
  readonly log: (line: string) => void
}

const emptyStore = {
  readOnly: false,
  notes: [],
  copies: [],
  index: 0,
  digest: '',
  bytesWritten: 0,
  syncs: 0,
  eepromPagesWritten: 0,
  eepromUse: 0,
}
