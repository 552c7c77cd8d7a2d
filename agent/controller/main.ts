/**
 * The agent, flashed onto a chassis controller. This is the composition root: the only file that knows which classes the
 * parts are, and the only one that reads arguments. Everything that can fail before it serves is said in one sentence.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadHardware } from '../boards/load.ts'
import type { ClientId } from '../core/addresses.ts'
import type { Hardware } from '../core/board.ts'
import { silentView } from '../core/controllers.ts'
import type { ControllerView, HostHealth } from '../core/views.ts'
import { version } from '../version.ts'
import { schema } from '../wire/schema.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Config, readConfig, usage } from './config.ts'
import type { DeskParts } from './desk.ts'
import { openDiary } from './diary.ts'
import { openConsole } from './doors/console/console.ts'
import { serveSerial } from './doors/console/serial.ts'
import type { Front } from './doors/front.ts'
import { openMqtt } from './doors/mqtt/mqtt.ts'
import { openRelay, type Relay } from './doors/relay.ts'
import { SocketBackplane } from './hardware/backplane.ts'
import type { Owns } from './hardware/driver.ts'
import { tcpPeers } from './hardware/peers.ts'
import { redfishDriver } from './hardware/redfish.ts'
import { readHost } from './host.ts'
import { type Pair, type PairStatus, standbyOf, startPair } from './pair/pair.ts'
import { type Served, type ServeParts, serve } from './serve.ts'
import { openStandbyDesk } from './standby.ts'
import { type Eeprom, openEeprom } from './store/eeprom.ts'
import { type FileEeprom, fileEeprom } from './store/eeprom-device.ts'
import { openEventRing } from './store/event-ring.ts'
import { nodeMedium } from './store/medium.ts'

const log = (line: string) => process.stderr.write(`midplane-agent: ${line}\n`)

/** How often the slow things are asked: the controller's own health, and the chassis'. */
const healthMs = 30_000
/** Before a controller that holds for want of the EEPROM begins anew: at first, and at the longest. */
const eepromMs = [10_000, 300_000] as const
/** Commands are served at the latest then, even while a BMC hangs in its first look. */
const patienceAtStartMs = 5_000

interface Door {
  close(): Promise<void>
}

/** What stays the same whether this controller leads or not. */
interface Ground {
  readonly config: Config
  readonly hardware: Hardware
  readonly clock: Clock
  readonly backplane: SocketBackplane
  readonly ring: Awaited<ReturnType<typeof openEventRing>>
  readonly host: () => HostHealth | 'unknown'
  openEeprom(): Promise<Eeprom | string | undefined>
  /** The technician's line, once there is something behind it. */
  console(front: Front): void
}

async function run(config: Config): Promise<void> {
  const loaded = loadHardware(config.boards, config.board)
  if (!loaded.ok) return fail(loaded.say)
  const hardware = loaded.value
  for (const folder of ['store', 'events']) {
    try {
      mkdirSync(`${config.data}/${folder}`, { recursive: true })
      accessSync(`${config.data}/${folder}`, constants.W_OK)
    } catch {
      return fail(`the data folder ${config.data} can not be written; give another with --data`)
    }
  }

  if (config.pair && hardware.board.controllers.count < 2)
    return fail(`a ${hardware.board.name} has one controller slot; leave --peer and --listen out`)
  const clock = systemClock()
  const ring = await openEventRing({ medium: nodeMedium(`${config.data}/events`), block: 100 })
  const backplane = new SocketBackplane({
    at: /^\d+$/.test(config.backplane) ? { port: Number(config.backplane) } : { path: config.backplane },
    ...(config.pair && { slot: config.slot }),
  })
  let host: HostHealth | 'unknown' = 'unknown'
  let relay: Relay | undefined
  let line: Door | undefined
  const ground: Ground = {
    ...{ config, hardware, clock, backplane, ring },
    host: () => host,
    openEeprom: config.eeprom === undefined ? async () => undefined : eepromAt(config.eeprom, hardware),
    console: (front) => {
      if (relay) return relay.to(front)
      relay = openRelay(config.chassis, front)
      line = openLine(config, relay.front, clock)
    },
  }
  const leads = config.pair ? await inPair(ground, config.pair) : await alone(ground)

  const slowly = async () => {
    await Promise.all([
      readHost().then((read) => {
        host = read
      }),
      leads.served()?.slowly(AbortSignal.timeout(healthMs)),
    ]).catch((error: unknown) => log(`health: ${error instanceof Error ? error.message : String(error)}`))
  }
  const slow = setInterval(() => void slowly(), healthMs)
  void slowly()

  const end = async () => {
    clearInterval(slow)
    await line?.close()
    await leads.stop()
    await backplane.close()
    await ring.close()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void end())
}

interface Leads {
  served(): Served | undefined
  stop(): Promise<void>
}

const aboutThis = ({ hardware }: Ground): DeskParts['about'] => ({
  bootId: randomUUID(),
  version,
  schema,
  board: hardware.board.id,
})

const driverOf =
  ({ config }: Ground, owner?: Owns): ServeParts['driver'] =>
  (secret) =>
    redfishDriver({ bays: (bay) => config.bmc[bay], secret, ...(owner && { owner }) })

async function alone(ground: Ground): Promise<Leads> {
  const { config, clock } = ground
  const begin = async () => {
    const served = await serve({
      ...ground,
      log,
      about: aboutThis(ground),
      memory: {
        medium: nodeMedium(`${config.data}/store`),
        eeprom: await ground.openEeprom(),
        ...(config.serial !== undefined && { serial: config.serial }),
        ...(config.adopt !== undefined && { adopt: config.adopt }),
      },
      driver: driverOf(ground),
    })
    return { served, doors: openDoors(ground, served) }
  }
  const end = async ({ served, doors }: Awaited<ReturnType<typeof begin>>) => {
    await doors.close()
    await served.stop()
  }

  let now = await begin()
  let stopped = false
  let turn: Promise<void> = Promise.resolve()
  /** For want of the EEPROM it holds: that may have been for a moment only. */
  let wait: number = eepromMs[0]
  const tryAgain = async () => {
    if (!now.served.memory.waits || stopped) return
    const eeprom = await ground.openEeprom()
    if (typeof eeprom !== 'object' || eeprom.reading.kind === 'unreadable') return
    log('the chassis EEPROM is asked again')
    await end(now)
    now = await begin()
    wait = now.served.memory.waits ? Math.min(wait * 2, eepromMs[1]) : eepromMs[0]
  }
  const later = () => {
    if (stopped) return
    turn = turn.then(tryAgain)
    void turn.then(() => clock.after(wait, later))
  }
  clock.after(wait, later)
  return {
    served: () => now.served,
    stop: async () => {
      stopped = true
      await turn
      await end(now)
    },
  }
}

async function inPair(ground: Ground, places: NonNullable<Config['pair']>): Promise<Leads> {
  const { config, hardware, clock, backplane, ring } = ground
  const { chassis, slot, serial, adopt } = config
  const about = aboutThis(ground)
  const medium = nodeMedium(`${config.data}/store`)
  let served: Served | undefined
  let standby: ReturnType<typeof openStandbyDesk> | undefined
  /** What was said by name counts until this controller has led once. */
  let said = adopt

  let since = clock.uptimeMs()
  const asStandby = ({ standing, members, self }: PairStatus): ControllerView => ({
    ...{ ...silentView(slot), version, role: 'standby', sinceUptimeMs: since },
    ...(serial !== undefined && { serial }),
    uptimeMs: clock.uptimeMs(),
    host: ground.host(),
    store: {
      ...silentView(slot).store,
      readOnly: standing.is === 'refused',
      notes: standing.is === 'refused' ? [standing.why] : [],
      // Named in the EEPROM it lacks nothing, whether its owner is there or not.
      copies: standing.is === 'member' || (self !== undefined && members.includes(self)) ? ['flash'] : [],
    },
  })
  const other = slot === 'A' ? 'B' : 'A'
  /** Of the other one a standby knows what the line tells, and the name that is not its own. */
  const seenBeside = ({ line, members, self }: PairStatus): readonly ControllerView[] => {
    if (line === 'unknown' || line.controllers[other] === 'absent') return []
    const named = members.find((member) => member !== self)?.split('/')[0]
    const leads = line.owner === other && line.controllers[other] === 'alive'
    return [{ ...silentView(other), ...(leads && { role: 'owner' }), ...(named !== undefined && { serial: named }) }]
  }

  const pair: Pair = startPair({
    ...{ slot, chassis, version, clock, medium },
    board: hardware.board.id,
    ...(serial !== undefined && { serial }),
    ...(adopt !== undefined && { adopt }),
    line: backplane.line,
    peers: tcpPeers({ ...places, log }),
    random: randomBytes,
    openEeprom: async () => (await ground.openEeprom()) ?? 'this controller knows of none',
    lead: async ({ eeprom, others, owns, mayBegin }) => {
      const leading = await serve({
        ...ground,
        log,
        about: { ...about, bootId: randomUUID() },
        memory: {
          medium,
          eeprom,
          others,
          takes: true,
          mayBegin,
          ...(serial !== undefined && { serial }),
          ...(said && { adopt: said }),
        },
        driver: driverOf(ground, owns),
        pair: {
          standby: () => standbyOf(pair.status()),
          members: () => pair.status().members,
          other: () => pair.status().other,
          changeover: (force) => {
            const why = pair.changeover(force)
            if (why !== undefined) log(`no changeover: ${why}`)
          },
        },
      })
      served = leading
      if (!leading.memory.waits) said = undefined
      const doors = openDoors(ground, leading)
      return {
        memory: leading.memory,
        stop: async () => {
          served = undefined
          await doors.close()
          await leading.stop()
        },
      }
    },
    standBy: ({ state, status }) => {
      since = clock.uptimeMs()
      const desk = openStandbyDesk({
        ...{ chassis, slot, hardware, clock, about, state },
        owner: () => {
          const { line } = status()
          return line === 'unknown' ? line : line.owner
        },
        diary: openDiary(ring, clock, about.bootId, log),
        digest: (content) => createHash('sha256').update(chassis).update(content).digest('hex').slice(0, 32),
        controllers: () => [asStandby(status()), ...seenBeside(status())],
        takeOver: () => pair.changeover(true),
      })
      standby = desk
      ground.console(desk.front)
      return { stop: async () => desk.stop() }
    },
    view: () => asStandby(pair.status()),
    events: { last: () => ring.next - 1, passOver: (number) => ring.passOver(number) },
    changed: () => (served ? served.changed() : standby?.changed()),
    log,
  })
  return { served: () => served, stop: pair.stop }
}

/** Opened when each bay was looked at once, or given up on. */
function openDoors({ config, clock, console: openConsole }: Ground, { front, agent }: Served): Door {
  let closed = false
  let mqtt: Door | undefined
  const patience = new Promise<void>((resolve) => void clock.after(patienceAtStartMs, resolve))
  void Promise.race([agent.ready, patience]).then(() => {
    if (closed) return
    openConsole(front)
    const { broker, json } = config
    if (broker) mqtt = openMqtt({ front, clock, json, log, randomness: Math.random, ...broker })
  })
  return {
    close: async () => {
      closed = true
      await mqtt?.close()
    },
  }
}

function openLine({ console: line, slot }: Config, front: Front, clock: Clock): Door | undefined {
  const about = { front, slot, client: `console-${slot.toLowerCase()}` as ClientId, newRequestId: randomUUID }
  if (line === 'none') return undefined
  if (line !== 'stdio') return serveSerial({ ...about, ...line, clock, log })
  const opened = openConsole({ ...about, input: process.stdin, output: process.stdout, echo: false })
  return { close: async () => opened.close() }
}

/** Reads it anew each time, as a standby does every few seconds; the file is opened once. */
function eepromAt(path: string, { board }: Hardware): () => Promise<Eeprom | string> {
  const { bytes: size, pageBytes } = board.backplane.eeprom
  let device: FileEeprom | undefined
  return async () => {
    try {
      device ??= await fileEeprom(path, { size, pageBytes })
      return await openEeprom(device)
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

function fail(say: string): never {
  log(say)
  process.exit(2)
}

const asked = readConfig(process.argv.slice(2), fileURLToPath(new URL('boards/', import.meta.url)))
switch (asked.ask) {
  case 'help':
    process.stdout.write(usage)
    break
  case 'version':
    process.stdout.write(`midplane-agent ${version}\n`)
    break
  case 'complain':
    fail(`${asked.complaints.join('; ')}; see --help`)
    break
  case 'run':
    void run(asked.config)
}
