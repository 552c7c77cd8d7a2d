/**
 * One chassis of a story: the simulated hardware, its controller with the agent, and chassisctl in a central manager's
 * hand, each a process of its own. The controller can be killed, replaced, and lose its power with the chassis.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, connect } from '../../agent/ctl/client.ts'
import { BackDoor } from './back-door.ts'
import { type Ended, Program } from './process.ts'
import { type Ears, type Tap, tap } from './tap.ts'

export interface ChassisOptions {
  readonly id?: string
  /** Serials and factory addresses follow from it: no two chassis of a stage may have the same. */
  readonly seed?: string
  /** Bays whose BMC is reached through a tap, and who hears it. */
  readonly postSeconds?: number
  readonly tapped?: { readonly bays: readonly number[]; readonly ears: Ears }
}

export interface ChassisParts extends ChassisOptions {
  readonly folder: string
  readonly dist: string
  readonly node: string
  readonly broker: string
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CtlOptions {
  readonly client?: string
  readonly stdin?: string
  /** More than one chassis is on the broker, and this names none. */
  readonly anyChassis?: boolean
}

/** In seconds: from power-on to the boot, from AC to a BMC that answers, from being asked to having shut down. */
const times = { post: 1, bmc: 0.5, shutdown: 0.5 }

interface Ready {
  readonly redfish: { readonly [bay: string]: string }
  readonly backDoor: string
}

export class Chassis {
  readonly id: string
  readonly folder: string
  /** Where the controller keeps its flash; a new controller has a new one. */
  data: string
  agent: Program | undefined
  readonly #parts: ChassisParts
  readonly #taps: Tap[] = []
  /** Agents of a pair. */
  readonly #agents: Program[] = []
  readonly #clients = new Map<string, Promise<Client>>()
  #hardware: Program | undefined
  #backDoor: BackDoor | undefined
  #controllers = 1

  constructor(parts: ChassisParts) {
    this.#parts = parts
    this.id = parts.id ?? 'demo'
    this.folder = parts.folder
    this.data = join(parts.folder, 'flash-1')
  }

  get backDoor(): BackDoor {
    if (!this.#backDoor) throw new Error('this chassis was never switched on')
    return this.#backDoor
  }

  get eeprom(): string {
    return join(this.folder, 'hardware/eeprom.bin')
  }

  async switchOn(): Promise<void> {
    const { seed, tapped, postSeconds: post = times.post } = this.#parts
    const seconds = Object.entries({ ...times, post }).flatMap(([name, value]) => [`--${name}-seconds`, String(value)])
    const words = ['--dir', join(this.folder, 'hardware'), '--port-base', '0', ...seconds]
    if (seed !== undefined) words.push('--seed', seed)
    this.#hardware = this.#start('chassis-sim', words)
    const [line] = await this.#hardware.says(/^\{.*\}\n/)
    const { redfish, backDoor } = JSON.parse(line) as Ready
    this.#backDoor = new BackDoor(backDoor)
    const accounts: { [bay: string]: { url: string; user: string; password: string } } = {}
    for (const [bay, url] of Object.entries(redfish)) {
      let at = url
      if (tapped?.bays.includes(Number(bay))) {
        const tapOfBay = await tap(Number(bay), url, tapped.ears)
        this.#taps.push(tapOfBay)
        at = tapOfBay.url
      }
      accounts[bay] = { url: at, user: 'admin', password: 'blade-pw' }
    }
    writeFileSync(join(this.folder, 'bmc.json'), JSON.stringify(accounts))
  }

  // ── The controller ────────────────────────────────────────────────────────────────────────────────────────────

  /** Starts the agent, and waits until it is online; `alone`: without any broker; `unheard`: does not wait. */
  async startAgent(how: 'online' | 'unheard' | 'alone' = 'online'): Promise<Program> {
    mkdirSync(this.data, { recursive: true })
    const words = [...this.#usual(), '--data', this.data]
    if (how !== 'alone') words.push('--broker', this.#parts.broker)
    this.agent = this.#start('agent', words)
    if (how === 'online') await this.agent.says(/mqtt: online at/, 'stderr')
    return this.agent
  }

  /** The agent of one of two controllers, with what is said of it alone; its console is what is typed at it. */
  startOneOfTwo(words: readonly string[]): Program {
    const all = [...this.#usual(), '--broker', this.#parts.broker, '--console', 'stdio', ...words]
    const agent = this.#start('agent', all, {}, undefined, true)
    this.#agents.push(agent)
    return agent
  }

  /** What each agent of this chassis is told. */
  #usual(): readonly string[] {
    return [
      ...['--chassis', this.id, '--board', 'hp-c7000', '--json', '--eeprom', this.eeprom],
      ...['--backplane', join(this.folder, 'hardware/backplane.sock'), '--bmc', join(this.folder, 'bmc.json')],
    ]
  }

  /** The first start: waits until every bay was looked at, as whoever is about to assign something would. */
  async commission(): Promise<void> {
    await this.startAgent()
    await this.done('wait --for in-sync')
  }

  async endAgent(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended | undefined> {
    return this.agent?.end(signal)
  }

  /** The controller is pulled, and a new one with blank flash put in its place. It is not started yet. */
  async replaceController(): Promise<void> {
    await this.endAgent()
    this.data = join(this.folder, `flash-${++this.#controllers}`)
  }

  /** The whole chassis goes dark: blades, BMCs, and the controller with its agent. */
  async cutAc(): Promise<void> {
    await Promise.all([this.endAgent(), this.backDoor.do('ac', { on: false })])
  }

  // ── Central managers ──────────────────────────────────────────────────────────────────────────────────────────

  /** Runs chassisctl with the words of one line. */
  async ctl(line: string | readonly string[], { client, stdin, anyChassis }: CtlOptions = {}): Promise<Ran> {
    const words = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line
    const env = {
      MIDPLANE_BROKER: this.#parts.broker,
      ...(anyChassis !== true && { MIDPLANE_CHASSIS: this.id }),
      ...(client !== undefined && { MIDPLANE_CLIENT: client }),
    }
    const program = this.#start('chassisctl', words, env, stdin ?? '')
    const { code } = await program.ended
    return { code, stdout: program.stdout, stderr: program.stderr }
  }

  /** Like `ctl`, and it has to go well. */
  async done(line: string | readonly string[], options: CtlOptions = {}): Promise<string> {
    const ran = await this.ctl(line, options)
    if (ran.code !== 0)
      throw new Error(`chassisctl ${String(line)} ended with ${ran.code}:\n${ran.stdout}${ran.stderr}`)
    return ran.stdout
  }

  async json<Value>(line: string): Promise<Value> {
    return JSON.parse(await this.done(`${line} -o json`)) as Value
  }

  /** The client library, for what has to happen at one moment and not some process start later. One for each name. */
  client(name: string): Promise<Client> {
    const known = this.#clients.get(name)
    if (known) return known
    const client = connect({ broker: this.#parts.broker, client: name, chassis: this.id })
    this.#clients.set(name, client)
    return client
  }

  // ── What is stored ────────────────────────────────────────────────────────────────────────────────────────────

  /** A digest of each file that bindings are kept in: the controller's flash, and the chassis EEPROM. */
  stored(): { readonly [file: string]: string } {
    const flash = join(this.data, 'store')
    const files = [...readdirSync(flash).map((name) => join(flash, name)), this.eeprom]
    return Object.fromEntries(
      files.sort().map((file) => [file.slice(this.folder.length), digest(readFileSync(file))] as const),
    )
  }

  async end(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(async (client) => (await client).close()))
    await Promise.all([this.agent, ...this.#agents, this.#hardware].map((program) => program?.end()))
    await Promise.all(this.#taps.map((each) => each.close()))
  }

  #start(
    program: string,
    words: readonly string[],
    more: NodeJS.ProcessEnv = {},
    stdin?: string,
    typed = false,
  ): Program {
    const { node, dist, folder } = this.#parts
    const env = { PATH: process.env.PATH, HOME: folder, ...more }
    return new Program(`${program} of ${this.id}`, [node, join(dist, `${program}.cjs`), ...words], {
      cwd: folder,
      env,
      typed,
      ...(stdin !== undefined && { stdin }),
    })
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
