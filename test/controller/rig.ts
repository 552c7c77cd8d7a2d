/**
 * A whole chassis in one process and under one clock that the test moves: the simulated world, the real agent with its
 * real store on a medium in memory, and no wire between them. The controller can be killed and started again; what is
 * remembered is what the medium and the EEPROM hold.
 */
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { type Agent, type Notice, startAgent } from '../../agent/controller/agent.ts'
import { type Autonomy, startAutonomy } from '../../agent/controller/autonomy.ts'
import type { Clock } from '../../agent/controller/clock.ts'
import { type OpenedMemory, openMemory } from '../../agent/controller/memory.ts'
import { sealer } from '../../agent/controller/secrets.ts'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import type { ChassisId, SecretId } from '../../agent/core/addresses.ts'
import { inSync } from '../../agent/core/bay-plan.ts'
import type { Bay } from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import type { Command, Envelope } from '../../agent/core/command.ts'
import type { StoreRecord } from '../../agent/core/record.ts'
import type { Reply } from '../../agent/core/reply.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { bootRecords, duplicates, type LogEntry } from '../../agent/sim/log.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { epochOf, hardware, id } from '../core/lab.ts'
import { inMemoryHardware } from '../sim/in-memory.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { memoryEeprom } from './store/memory-eeprom.ts'
import { memoryMedium } from './store/memory-medium.ts'

export const timings = {
  postMs: 10_000,
  attachMs: 1_000,
  shutdownMs: 5_000,
  bmcBootMs: 3_000,
  cutMs: 1_000,
  cycleMs: 1_000,
  sessionIdleMs: 1_800_000,
}

export interface Running {
  readonly agent: Agent
  readonly memory: OpenedMemory
  readonly notices: Notice[]
  readonly records: StoreRecord[]
  readonly autonomy: Autonomy
}

export class Rig {
  readonly hardware: Hardware
  readonly clock = new VirtualClock()
  /** Another one, where the chassis itself is replaced. */
  host: ChassisHost
  medium = memoryMedium()
  eeprom: ReturnType<typeof memoryEeprom>
  running: Running | undefined
  /** Every record of every life of the agent, in order. */
  readonly records: StoreRecord[] = []
  #boots = 0
  #requests = 0

  /** `empty`: no blade in any bay, whatever the board is usually filled with. */
  constructor(board = 'hp-c7000', { empty = false }: { readonly empty?: boolean } = {}) {
    this.hardware = hardware(board)
    const { bytes, pageBytes } = this.hardware.board.backplane.eeprom
    this.eeprom = memoryEeprom({ size: bytes, pageBytes })
    this.host = new ChassisHost(
      newWorld({ hardware: this.hardware, seed: board, now: this.clock.now(), timings, empty }),
      this.clock,
    )
  }

  /** Of the agent that was started last. */
  get bootId(): string {
    return `boot-${this.#boots}`
  }

  /** The agent comes up: on a new controller, or after a kill. `adopt`: somebody says by this name what is right. */
  async start({ adopt }: { readonly adopt?: ChassisId } = {}): Promise<Running> {
    const { clock, host } = this
    const began = clock.now()
    const agentClock: Clock = {
      uptimeMs: () => clock.now() - began,
      timeMs: () => undefined,
      after: (ms, call) => clock.after(ms, call),
    }
    const notices: Notice[] = []
    const records: StoreRecord[] = []
    const eeprom = await this.clock.until(openEeprom(this.eeprom))
    const memory = await this.clock.until(
      openMemory({
        medium: this.medium,
        eeprom,
        chassis: id<'Chassis'>('rig'),
        ...(adopt !== undefined && { adopt }),
        board: this.hardware.board.id,
        onRecovered: (state) => this.running?.agent.recover(state),
        onReadOnly: () => {},
      }),
    )
    const keeper = memory.chassisKey && sealer(memory.chassisKey)
    const { driver, backplane } = inMemoryHardware(host, {
      // As the program wires it: unsealed only when a step writes it (W16).
      secret: (id, mark) => {
        const secret = agent.now().state.secrets[id]
        return secret && secret.mark === mark ? keeper?.unseal(id, secret.sealed) : undefined
      },
    })
    const agent = startAgent({
      state: memory.state,
      memory,
      hardware: this.hardware,
      driver,
      backplane,
      clock: agentClock,
      bootId: `boot-${++this.#boots}`,
      listener: {
        recorded: (record) => {
          records.push(record)
          this.records.push(record)
        },
        noticed: (notice) => notices.push(notice),
        changed: () => autonomy.changed(),
      },
    })
    const autonomy = startAutonomy({ agent, hardware: this.hardware, clock: agentClock })
    this.running = { agent, memory, notices, records, autonomy }
    await this.clock.until(agent.ready)
    return this.running
  }

  /** The process is gone at once: nothing is finished, nothing is closed. */
  kill(): void {
    this.running?.autonomy.stop()
    void this.running?.agent.stop()
    this.running = undefined
  }

  get agent(): Agent {
    return this.running?.agent ?? expect.unreachable('the agent is not running')
  }

  envelope(command: Command, more: Partial<Envelope> = {}): Envelope {
    const content = createHash('sha256').update(JSON.stringify(command)).digest('hex')
    return {
      who: { door: 'mqtt', client: id<'Client'>('tester') },
      request: `request-${++this.#requests}`,
      content,
      dryRun: false,
      ...epochOf(this.running?.agent.now().state),
      ...more,
    }
  }

  submit(command: Command, more: Partial<Envelope> = {}): Promise<Reply> {
    return this.clock.until(this.agent.submit(command, this.envelope(command, more)))
  }

  /** Accepted, or the test ends here. */
  async do(command: Command, more: Partial<Envelope> = {}) {
    const { outcome } = await this.submit(command, more)
    if (outcome.kind !== 'accepted') return expect.unreachable(JSON.stringify(outcome))
    return outcome
  }

  async refused(command: Command, more: Partial<Envelope> = {}) {
    const { outcome } = await this.submit(command, more)
    if (outcome.kind !== 'refused') return expect.unreachable(`accepted: ${JSON.stringify(command)}`)
    return outcome.refusal
  }

  /** The desk seals a secret before it becomes a command: so does the rig. */
  async setSecret(secret: SecretId, plain: string): Promise<void> {
    const key = this.running?.memory.chassisKey ?? expect.unreachable('this chassis has no key')
    await this.do({ kind: 'set-secret', secret, ...sealer(key).seal(secret, plain) })
  }

  /** Lets the world go on until every bay is in sync, for so long at most. */
  async settle(mostMs = 300_000): Promise<void> {
    const end = this.clock.now() + mostMs
    for (;;) {
      const { plans } = this.agent.now()
      if (Object.values(plans).every(inSync)) return
      if (this.clock.now() >= end) {
        const open = Object.entries(plans).filter(([, plan]) => !inSync(plan))
        throw new Error(`not in sync after ${mostMs} ms: ${JSON.stringify(open)}`)
      }
      await this.clock.advance(250)
    }
  }

  get log(): readonly LogEntry[] {
    return this.host.heardSince(0).entries
  }

  boots(bay: Bay) {
    return bootRecords(this.log).filter((record) => record.bay === bay)
  }

  /** What a profile was given, as one text of addresses. */
  given(profile: string): readonly string[] {
    const { given } = this.agent.now().state.profiles[profile] ?? expect.unreachable(profile)
    return Object.values(given).flatMap((set) => Object.values(set) as string[])
  }

  /** I3: each boot spent a permit of ours, and came up with exactly what that arming was for. */
  noWrongBoots(profiles: readonly string[]): void {
    for (const record of bootRecords(this.log)) {
      const armed = this.records.find(
        (each) =>
          each.kind === 'observation' &&
          each.observation.saw === 'armed' &&
          each.observation.bay === record.bay &&
          each.observation.serial === record.serial &&
          each.observation.n === record.n,
      )
      if (armed?.kind !== 'observation' || armed.observation.saw !== 'armed') {
        expect.unreachable(`a boot without an arming: ${JSON.stringify(record)}`)
      }
      const worn = profiles.filter((profile) =>
        this.given(profile).some((address) => JSON.stringify(record.functions).includes(address)),
      )
      expect(worn, `boot of bay ${record.bay}`).toEqual(armed.observation.profile ? [armed.observation.profile] : [])
    }
  }

  /** I1, from the hardware's own log. */
  noDuplicates(): void {
    expect(duplicates(this.log)).toEqual([])
  }
}
