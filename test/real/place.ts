/**
 * What this folder is for: real processes under real faults. The bundles run as they are shipped, on a real file system,
 * and are killed by SIGKILL, lose their broker, and are refused by their flash with the error numbers that kernels give.
 * Nothing in agent/ is looked into; what is judged is what a manager was answered, and what the hardware logged.
 *
 * A place is one chassis with its broker and its controller; the controller may be started under another program, which
 * breaks what it stands on.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Client, connect } from '../../agent/ctl/client.ts'
import { BackDoor } from '../story/back-door.ts'
import { type Broker, type BrokerKind, startBroker } from '../story/broker.ts'
import { Program } from '../story/process.ts'

export interface PlaceOptions {
  readonly broker?: BrokerKind | 'lasting mosquitto'
}

/** How the agent is started, where not in the plain way. */
export interface Under {
  /** Program and arguments that end by becoming the agent. */
  readonly program?: readonly string[]
  /** Options for Node. */
  readonly node?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const chassisId = 'demo'

/** Seconds from power-on to the boot, and from being asked to having shut down. */
const times = ['--bmc-seconds', '0', '--post-seconds', '0.2', '--shutdown-seconds', '0.2']

export class Place {
  readonly folder: string
  readonly data: string
  readonly broker: Broker
  readonly backDoor: BackDoor
  readonly #hardware: Program
  readonly #mqtt: string
  readonly #clients: Client[] = []
  #agent: Program | undefined

  static async open({ broker: kind = 'aedes' }: PlaceOptions = {}): Promise<Place> {
    const built = spawnSync(process.execPath, [join(root, 'build.mjs'), 'build'], { cwd: root, encoding: 'utf8' })
    if (built.status !== 0) throw new Error(`the build failed\n${built.stderr}`)
    const folder = mkdtempSync(join(tmpdir(), 'midplane-real-'))
    const opened: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
    try {
      // A copy: a build that runs meanwhile takes dist/ away from under its programs.
      cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
      const broker = await startBroker(kind === 'aedes' ? 'aedes' : 'mosquitto', folder)
      opened.push(() => broker.kill())
      if (kind === 'lasting mosquitto') await makeLasting(broker, folder)
      const words = ['dist/chassis-sim.cjs', '--dir', join(folder, 'hardware'), '--port-base', '0', ...times]
      const hardware = new Program('chassis-sim', [process.execPath, ...words], { cwd: folder, env: plainEnv(folder) })
      opened.push(() => hardware.end())
      const [line] = await hardware.says(/^\{.*\}\n/)
      const { redfish, backDoor } = JSON.parse(line) as { redfish: { [bay: string]: string }; backDoor: string }
      const accounts = Object.entries(redfish).map(([bay, url]) => [bay, { url, user: 'admin', password: 'blade-pw' }])
      writeFileSync(join(folder, 'bmc.json'), JSON.stringify(Object.fromEntries(accounts)))
      // aedes speaks nothing newer, and an agent that has to find that out is online later.
      const mqtt = kind === 'aedes' ? '3' : 'auto'
      return new Place({ folder, data: join(folder, 'flash'), broker, hardware, mqtt }, new BackDoor(backDoor))
    } catch (error) {
      for (const close of opened.reverse()) await close()
      throw error
    }
  }

  private constructor(
    parts: Pick<Place, 'folder' | 'data' | 'broker'> & { readonly hardware: Program; readonly mqtt: string },
    backDoor: BackDoor,
  ) {
    this.folder = parts.folder
    this.data = parts.data
    this.broker = parts.broker
    this.backDoor = backDoor
    this.#hardware = parts.hardware
    this.#mqtt = parts.mqtt
  }

  get agent(): Program {
    if (!this.#agent) throw new Error('no agent was started here')
    return this.#agent
  }

  /** On the same flash as the one before; resolves without waiting for anything. */
  launch({ program = [], node = [], env = {} }: Under = {}): Program {
    mkdirSync(this.data, { recursive: true })
    const [first = process.execPath, ...words] = [...program, process.execPath, ...node, 'dist/agent.cjs']
    words.push('--chassis', chassisId, '--board', 'hp-c7000', '--data', this.data, '--broker', this.broker.url)
    words.push('--mqtt', this.#mqtt)
    words.push('--backplane', 'hardware/backplane.sock', '--eeprom', 'hardware/eeprom.bin', '--bmc', 'bmc.json')
    const all = { ...plainEnv(this.folder), ...env }
    this.#agent = new Program('agent', [first, ...words], { cwd: this.folder, env: all })
    return this.#agent
  }

  /** Resolves when it is online. */
  async start(under: Under = {}): Promise<Program> {
    const agent = this.launch(under)
    await agent.says(/mqtt: online at/, 'stderr', 60_000)
    return agent
  }

  async kill(): Promise<void> {
    await this.#agent?.end('SIGKILL')
  }

  /** A central manager by this name, with the client library. */
  async client(name: string): Promise<Client> {
    const client = await connect({ broker: this.broker.url, client: name, chassis: chassisId })
    this.#clients.push(client)
    return client
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    await Promise.all([this.#agent?.end(), this.#hardware.end()])
    await this.broker.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const plainEnv = (folder: string): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, HOME: folder })

/** From now on this broker keeps sessions and what waits in them, on disk once a second: SIGKILL loses the rest. */
async function makeLasting(broker: Broker, folder: string): Promise<void> {
  const config = join(folder, 'mosquitto.conf')
  const before = readFileSync(config, 'utf8')
  const lasting = ['persistence true', `persistence_location ${folder}/`, 'autosave_interval 1']
  // As root it would give up its rights, and then could not write there.
  const lines = [...lasting, ...(process.getuid?.() === 0 ? ['user root'] : [])]
  const after = before.replace('persistence false', lines.join('\n'))
  if (after === before) throw new Error(`${config} does not say persistence false`)
  await broker.kill()
  writeFileSync(config, after)
  await broker.start()
}
