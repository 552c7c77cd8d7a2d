/**
 * The program `chassis-sim`: puts the world, its clock, its store and its faces together. A process of its own,
 * so that blades go on running whatever happens to an agent.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadHardware } from '../boards/load.ts'
import { version } from '../version.ts'
import { serveBackDoor } from './back-door.ts'
import { type LocalAddress, serveBackplane } from './backplane-face.ts'
import { baysOf } from './chassis.ts'
import { realClock } from './clock.ts'
import { ChassisHost } from './host.ts'
import { type Options, readOptions, usage } from './options.ts'
import { serveRedfish } from './redfish/face.ts'
import { loadChassis, openEeprom, prepareFolder, saveChassis } from './store.ts'
import { newWorld } from './world.ts'

/** Said to whoever started the program; never with a stack. */
class CanNot extends Error {}

interface Running {
  readonly ready: {
    readonly redfish: { readonly [bay: number]: string }
    readonly backplane: LocalAddress
    readonly backDoor: string
    readonly eeprom: string
  }
  close(): Promise<void>
}

async function start(options: Options): Promise<Running> {
  const boards = options.boards ?? boardsBeside()
  const loaded = loadHardware(boards, options.board)
  if (!loaded.ok) throw new CanNot(loaded.say)
  const hardware = loaded.value
  const { dir, credentials } = options
  prepareFolder(dir)
  const eeprom = openEeprom(dir, hardware.board.backplane.eeprom.bytes)
  if (typeof eeprom === 'string') throw new CanNot(eeprom)
  const clock = realClock(options.speed)
  const { postMs, bmcBootMs, shutdownMs } = options
  const given = { now: clock.now(), timings: { postMs, bmcBootMs, shutdownMs }, credentials }
  const seed = options.seed ?? hardware.board.id
  const begun = loadChassis(dir, hardware, given) ?? newWorld({ hardware, seed, empty: options.empty, ...given })
  if (typeof begun === 'string') throw new CanNot(begun)
  const host = new ChassisHost(begun, clock, (world) => saveChassis(dir, world))
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    host.close()
    await Promise.all(closers.map((each) => each()))
  }
  try {
    const redfish: { [bay: number]: string } = {}
    for (const bay of baysOf(host.world)) {
      const tcpPort = options.portBase === 0 ? 0 : options.portBase + bay
      const face = await serveRedfish(host, { bay, host: '127.0.0.1', tcpPort })
      closers.push(() => face.close())
      redfish[bay] = face.url
    }
    const backplane = await serveBackplane(host, options.backplane ?? { path: join(dir, 'backplane.sock') })
    closers.push(() => backplane.close())
    const backDoor = await serveBackDoor(host, options.backDoor)
    closers.push(() => backDoor.close())
    return { ready: { redfish, backplane: backplane.address, backDoor: backDoor.url, eeprom: eeprom.path }, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Beside the program where it is a bundle, at the top of the project where it runs from its sources. */
function boardsBeside(): string {
  const found = ['boards', '../../boards']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path))
  if (found === undefined) throw new CanNot('no board files are beside the program; name their folder with --boards')
  return found
}

/** What the system refused, as a sentence; undefined when it is a mistake of ours. */
function sayError(error: unknown): string | undefined {
  if (error instanceof CanNot) return error.message
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined
  const where =
    'port' in error
      ? `port ${String(error.port)}`
      : 'path' in error
        ? String(error.path)
        : 'address' in error
          ? String(error.address)
          : ''
  return error.code === 'EADDRINUSE' ? `${where} is taken; choose another` : `${where}: ${error.message}`
}

async function main(): Promise<void> {
  const said = readOptions(process.argv.slice(2))
  if ('wrong' in said) {
    process.stderr.write(`chassis-sim: ${said.wrong}; see chassis-sim --help\n`)
    process.exitCode = 2
    return
  }
  if ('say' in said) {
    process.stdout.write(said.say === 'usage' ? usage : `chassis-sim ${version}\n`)
    return
  }
  try {
    const running = await start(said.options)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      // A second signal does not wait for the faces to close.
      process.once(signal, () => void running.close().then(() => process.exit(0)))
    }
    process.stdout.write(`${JSON.stringify(running.ready)}\n`)
  } catch (error) {
    const sentence = sayError(error)
    if (sentence === undefined) throw error
    process.stderr.write(`chassis-sim: ${sentence}\n`)
    process.exitCode = 2
  }
}

void main()
