/**
 * A chassis with two controllers, each a process of its own with a flash folder of its own and a label: killed, hung,
 * taken out, put back and replaced, while the hardware's log tells what each of them did.
 */
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import type { ControllerView } from '../../agent/core/views.ts'
import type { Client } from '../../agent/ctl/client.ts'
import type { LogEntry } from '../../agent/sim/log.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import { database, pools } from './cast.ts'
import type { Chassis } from './chassis.ts'
import { deedsIn } from './first-half.ts'
import type { Program } from './process.ts'
import { type Stage, stage } from './stage.ts'

export type Slot = ControllerView['slot']
export const otherThan = (slot: Slot): Slot => (slot === 'A' ? 'B' : 'A')

/** On a machine that many tests share; each of these takes a few seconds. */
const patienceMs = 30_000

interface Controller {
  readonly port: number
  /** Flash and label are of one part: a new one has both anew. */
  label: string
  agent: Program | undefined
}

export class Two {
  readonly chassis: Chassis
  readonly #controllers: { readonly [slot in Slot]: Controller }
  #client: Client | undefined
  #made = 0

  private constructor(chassis: Chassis, ports: { readonly [slot in Slot]: number }) {
    this.chassis = chassis
    this.#controllers = { A: this.#part(ports.A), B: this.#part(ports.B) }
  }

  /** Both are up: A owns the chassis, and B holds everything. */
  static async commission(chassis: Chassis): Promise<Two> {
    const [A, B] = await Promise.all([freePort(), freePort()])
    const two = new Two(chassis, { A, B })
    // A blank controller does not begin a life beside one that has not said what it has.
    await chassis.backDoor.do('controller', { slot: 'B', does: 'remove' })
    two.start('A')
    await two.agent('A').says(/mqtt: online at/, 'stderr', patienceMs)
    await two.putBack('B')
    two.#client = await chassis.client('dc-1')
    await two.client.load(patienceMs)
    await two.follows('B')
    return two
  }

  #part(port: number): Controller {
    return { port, label: `CTL-${++this.#made}`, agent: undefined }
  }

  /** A central manager. */
  get client(): Client {
    if (!this.#client) throw new Error('no central manager is there yet')
    return this.#client
  }

  agent(slot: Slot): Program {
    const { agent } = this.#controllers[slot]
    if (!agent) throw new Error(`controller ${slot} was never started`)
    return agent
  }

  label(slot: Slot): string {
    return this.#controllers[slot].label
  }

  /** The program comes up on that controller, after it died or was ended. */
  start(slot: Slot, more: readonly string[] = []): void {
    const own = this.#controllers[slot]
    const data = join(this.chassis.folder, own.label)
    mkdirSync(data, { recursive: true })
    own.agent = this.chassis.startOneOfTwo([
      ...['--slot', slot, '--serial', own.label, '--data', data],
      ...['--listen', `127.0.0.1:${own.port}`, '--peer', `127.0.0.1:${this.#controllers[otherThan(slot)].port}`],
      ...more,
    ])
  }

  /** Types at the console of that controller; resolves with its answer, up to the next prompt. */
  async types(slot: Slot, line: string): Promise<readonly string[]> {
    const text = await this.agent(slot).types(line, new RegExp(`${this.chassis.id}-${slot}# $`))
    return text.split('\n').slice(0, -1)
  }

  async kill(slot: Slot): Promise<void> {
    await this.agent(slot).end('SIGKILL')
  }

  /** The part leaves its slot; what it has on flash it keeps. */
  async takeOut(slot: Slot): Promise<void> {
    await Promise.all([this.kill(slot), this.chassis.backDoor.do('controller', { slot, does: 'remove' })])
  }

  async putBack(slot: Slot): Promise<void> {
    await this.chassis.backDoor.do('controller', { slot, does: 'insert' })
    this.start(slot)
  }

  /** Another part in its place, as it leaves the shelf. */
  async replace(slot: Slot): Promise<void> {
    const own = this.#controllers[slot]
    own.label = `CTL-${++this.#made}`
    await this.putBack(slot)
  }

  /** The chassis shows that this controller leads; how the other one stands does not matter. */
  owns(slot: Slot): Promise<void> {
    return this.shows(`controller ${slot} owns the chassis`, (views) => views[slot]?.role === 'owner')
  }

  /** The other one leads, and this one holds everything. */
  follows(slot: Slot): Promise<void> {
    const owner = otherThan(slot)
    return this.shows(
      `controller ${slot} follows`,
      (views) => views[slot]?.role === 'standby' && views[owner]?.pair?.other.is === 'member',
    )
  }

  async shows(
    what: string,
    holds: (views: { readonly [slot in Slot]?: ControllerView }) => boolean,
    timeoutMs = patienceMs,
  ): Promise<void> {
    try {
      await this.client.waitFor((state) => state.presence?.online === true && holds(this.views), { timeoutMs, what })
    } catch (error) {
      throw new Error(`${String(error)}\n${JSON.stringify(this.views)}\n${this.said}`)
    }
  }

  /** What the chassis shows of its controllers. */
  get views(): { readonly [slot in Slot]?: ControllerView } {
    return Object.fromEntries(this.client.state.all('controller').map((view) => [view.slot, view]))
  }

  /** Everything that both said on standard error, for a test that waited in vain. */
  get said(): string {
    return Object.entries(this.#controllers)
      .map(([slot, { agent }]) => `— controller ${slot}\n${agent?.stderr ?? ''}`)
      .join('\n')
  }

  log(): Promise<readonly LogEntry[]> {
    return this.chassis.backDoor.log()
  }

  async since(begin: number): Promise<readonly LogEntry[]> {
    return (await this.log()).slice(begin)
  }

  /** How long the hardware's log is now. */
  async now(): Promise<number> {
    return (await this.log()).length
  }

  /** Asked for by the central manager and accepted, or the test ends here. */
  async does(body: WireCommand, request?: string) {
    const reply = await this.client.request(body, request === undefined ? {} : { request })
    const { outcome, replayed } = reply
    if (outcome.kind !== 'accepted') return expect.unreachable(`${JSON.stringify(outcome)}\n${this.said}`)
    return { ...outcome, replayed, revision: outcome.accepted.revision }
  }

  /** A running server is nobody's to touch (I5). */
  async untouched(begin: number): Promise<void> {
    expect(deedsIn(3, await this.since(begin))).toEqual([])
    expect(await this.chassis.done('get bays 3')).toMatch(/db-01 +on +running +yes/)
  }
}

/** A server with one NIC, to be defined. */
export const defined = (id: string): WireCommand =>
  ({
    kind: 'define-profile',
    profile: {
      id,
      connections: [{ kind: 'nic', id: 'prod', mac: { from: 'pool', pool: 'lan' } }],
      boot: { mode: 'uefi', order: [{ target: 'pxe', connection: 'prod' }] },
      affinity: 'model',
    },
  }) as unknown as WireCommand

export const assigned = (profile: string, bay: number): WireCommand =>
  ({ kind: 'assign', profile, to: { bay }, when: 'now', preprovision: false, power: 'on' }) as unknown as WireCommand

/** Who owned the backplane, one after the other. */
export const owners = (log: readonly LogEntry[]) =>
  log.flatMap((entry) => (entry.kind === 'owner' ? [entry.owner] : []))

/** A chassis with two controllers in which db-01 runs in bay 3, for the tests of one file. */
export function pairAtWork(): () => Two {
  let on: Stage
  let two: Two
  beforeAll(async () => {
    on = await stage()
    two = await Two.commission(await on.chassis())
    await two.chassis.done('apply -f -', { stdin: JSON.stringify({ pools, profiles: [database] }) })
    await two.chassis.done('assign db-01 bay 3 --power on --wait')
  }, 90_000)
  afterAll(() => on?.end())
  return () => two
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
