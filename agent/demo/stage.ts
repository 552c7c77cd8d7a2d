/**
 * Everything that runs in the demo, started in order and ended in reverse: the broker in this process, the simulated
 * chassis and its controllers as processes of their own, and a client to look and to begin with.
 */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import type { ControllerView } from '../core/views.ts'
import type { Client } from '../ctl/client.ts'
import { connect, isInSync } from '../ctl/client.ts'
import { TimedOut, Unreachable } from '../ctl/errors.ts'
import { type Broker, startBroker } from './broker.ts'
import { CanNot } from './can-not.ts'
import { type Child, type Ended, firstLine, type Kept, keep, type Program, start } from './child.ts'
import { type Folder, openFolder, type Slot } from './folder.ts'
import { type Hands, handsAt } from './hardware.ts'
import type { Options } from './options.ts'
import { isUntouched, seed } from './seed.ts'

export interface Stage {
  readonly broker: Broker
  readonly client: Client
  /** B only where there are two. */
  readonly controllers: { readonly A: Kept; readonly B?: Kept }
  /** Another controller off the shelf takes that place when it is started next. */
  replace(slot: Slot): void
  readonly hands: Hands
  /** Where else somebody may look, for the headless start. */
  readonly places: { readonly backDoor: string; readonly redfish: { readonly [bay: string]: string } }
  /** Rejects when the chassis itself is gone. */
  readonly broken: Promise<never>
  end(): Promise<void>
}

export interface Told {
  progress(text: string): void
  /** A controller's line: what it says, and its comings and goings. */
  born(slot: Slot, child: Child): void
  died(slot: Slot, ended: Ended): void
}

const user = 'admin'
const password = 'blade-pw'
const readyMs = 20_000
/** As long as a controller's watchdog would take. One of two takes longer to boot than the other to take over. */
const watchdogMs = 1_000
const pairWatchdogMs = 6_000

export async function setStage(options: Options, programs: string, boards: string, told: Told): Promise<Stage> {
  const folder = await openFolder(options.dir, options.chassis, options.fresh)
  const closers: (() => Promise<void> | void)[] = [folder.release]
  const end = async () => {
    for (let close = closers.pop(); close; close = closers.pop()) await close()
  }
  try {
    const broker = await startBroker(options.port)
    closers.push(broker.close)

    const board = /[/.]/.test(options.board) ? resolve(options.board) : options.board
    told.progress('starting the simulated chassis ...')
    const simulator: Program = {
      name: 'the simulated chassis',
      path: join(programs, 'chassis-sim.cjs'),
      args: [
        ...['--board', board, '--boards', boards, '--dir', folder.chassis],
        ...['--port-base', '0', '--backplane', '0', '--back-door', '0', '--user', user, '--password', password],
        ...['--post-seconds', '2', '--bmc-seconds', '1', '--shutdown-seconds', '2'],
      ],
      log: folder.simulatorLog,
      input: false,
    }
    const chassis = start(simulator)
    folder.works(chassis.process.pid)
    closers.push(() => chassis.end())
    const ready = JSON.parse(await firstLine(simulator, chassis, readyMs)) as Ready
    const broken = chassis.ended.then(({ said }): never => {
      throw new CanNot(`the simulated chassis ended${said === '' ? '' : `: ${said.split('\n').at(-1)}`}`)
    })
    broken.catch(() => {})

    const accounts = Object.entries(ready.redfish).map(([bay, url]) => [bay, { url, user, password }])
    writeFileSync(folder.accounts, JSON.stringify(Object.fromEntries(accounts)), { mode: 0o600 })
    told.progress(options.pair ? 'starting two controllers ...' : 'starting the controller ...')
    let gaveUp = (_: Error) => {}
    const refused = new Promise<never>((_, reject) => {
      gaveUp = reject
    })
    refused.catch(() => {})
    const programOf = startsOf(options, folder, ready, broker.url, { programs, board, boards })
    const kept = (slot: Slot, program: () => Program): Kept => {
      const controller = keep(
        program,
        { afterMs: options.pair ? pairWatchdogMs : watchdogMs },
        {
          born: (child) => {
            folder.works(child.process.pid)
            told.born(slot, child)
          },
          died: (ended) => told.died(slot, ended),
          gaveUp: ({ said }) => gaveUp(new CanNot(`the controller does not start: ${said.split('\n').at(-1) ?? ''}`)),
        },
      )
      closers.push(() => controller.end())
      return controller
    }
    const places = options.pair ? await pairPlaces() : undefined
    const hands = handsAt(ready.backDoor)
    // A blank controller begins nothing beside one that is slow to come up; B is put in when A serves.
    if (places) await hands.controller('B', 'remove').catch(() => undefined)
    const A = kept('A', () => programOf('A', places))

    const client = await Promise.race([meet(broker.url, options.chassis), refused, broken])
    closers.push(() => client.close())
    // Only now: whoever sits at A's line first finds the owner there.
    if (places) await hands.controller('B', 'insert')
    const controllers = { A, ...(places && { B: kept('B', () => programOf('B', places)) }) }
    await settle(client, told, options.pair)
    return {
      broker,
      client,
      controllers,
      replace: (slot) => folder.parts[slot].replace(),
      hands,
      places: { backDoor: ready.backDoor, redfish: ready.redfish },
      broken: Promise.race([broken, refused]),
      end,
    }
  } catch (error) {
    await end()
    throw error
  }
}

type Places = { readonly [slot in Slot]: string }

/** How each controller is started; a replaced one has another label, so this is asked anew for each life. */
function startsOf(
  { chassis, headless }: Options,
  { parts, accounts }: Folder,
  { backplane, eeprom }: Ready,
  broker: string,
  { programs, board, boards }: { readonly programs: string; readonly board: string; readonly boards: string },
): (slot: Slot, places: Places | undefined) => Program {
  return (slot, places) => {
    const { flash, log, label } = parts[slot]
    mkdirSync(flash, { recursive: true })
    const pair = places && ['--slot', slot, '--listen', places[slot], '--peer', places[slot === 'A' ? 'B' : 'A']]
    return {
      name: places ? `controller ${slot}` : 'the controller',
      path: join(programs, 'agent.cjs'),
      args: [
        ...['--chassis', chassis, '--board', board, '--boards', boards, '--data', flash, '--serial', label()],
        ...['--backplane', 'port' in backplane ? String(backplane.port) : backplane.path],
        ...['--eeprom', eeprom, '--bmc', accounts, '--broker', broker, '--json'],
        ...['--console', headless ? 'none' : 'stdio'],
        ...(pair ?? []),
      ],
      log,
      input: !headless,
    }
  }
}

/** Where the two listen for each other: on this machine, wherever there is room. */
async function pairPlaces(): Promise<Places> {
  const free = async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    return `127.0.0.1:${port}`
  }
  const [A, B] = await Promise.all([free(), free()])
  return { A, B }
}

interface Ready {
  readonly redfish: { readonly [bay: string]: string }
  readonly backplane: { readonly port: number } | { readonly path: string }
  readonly backDoor: string
  readonly eeprom: string
}

/** The agent announces itself on the broker when it serves; until then there is nobody to talk to. */
async function meet(broker: string, chassis: string): Promise<Client> {
  const limit = Date.now() + readyMs
  for (;;) {
    try {
      return await connect({ broker, client: 'demo', chassis })
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      if (Date.now() > limit)
        throw new CanNot(`the controller was not ready within ${readyMs / 1000} s: ${error.message}`)
    }
  }
}

const syncMs = 90_000

/** Everything looked at; a first run gets what it begins with; then all in sync, or at least told why not. */
async function settle(client: Client, told: Told, pair: boolean): Promise<void> {
  await client.load(readyMs)
  told.progress('the controller looks at its bays ...')
  await patiently(
    client.waitFor((state) => state.isWhole && state.all('bay').every(({ phase }) => phase !== 'unknown'), {
      timeoutMs: readyMs,
    }),
  )
  const revision = isUntouched(client) ? await seed(client) : 0
  const stop = client.state.changed.hear(() => told.progress(progressOf(client)))
  told.progress(progressOf(client))
  await patiently(
    client.waitFor((state) => isInSync(state, { of: 'chassis' }, revision) || waitsForHands(client, revision), {
      timeoutMs: syncMs,
    }),
  )
  stop()
  if (!pair) return
  told.progress('the second controller is filled ...')
  await patiently(client.waitFor((state) => state.all('controller').some(isPaired), { timeoutMs: readyMs }))
}

const isPaired = ({ pair }: ControllerView): boolean => pair?.other.is === 'member'

/** It takes somebody to go on from here: that is shown rather than waited for. */
function waitsForHands({ state }: Client, revision: number): boolean {
  const open = state.all('bay').filter(({ inSync }) => !inSync)
  if (!state.isWhole || (state.chassis?.revision ?? -1) < revision) return false
  return open.every(({ findings }) => findings.some(({ reason }) => handsNeeded.includes(reason)))
}
const handsNeeded: readonly string[] = [
  'no-blade',
  'different-blade',
  'does-not-fit',
  'secret-missing',
  'left-by-hand',
  'ac-lost-unseen',
]

function progressOf({ state }: Client): string {
  const assigned = state.all('bay').filter(({ profile }) => profile !== undefined)
  const done = assigned.filter(({ inSync }) => inSync).length
  return `blades get their profiles: ${done} of ${assigned.length} read back ...`
}

/** What does not come in time is shown as it is. */
async function patiently(wait: Promise<void>): Promise<void> {
  try {
    await wait
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error
  }
}

/** The controller is back: it announced itself under another boot than `before`, and everything was read from it anew. */
export async function whenBack(client: Client, before: string | undefined, timeoutMs: number): Promise<void> {
  const isBack = () => client.state.presence?.online === true && client.state.presence.bootId !== before
  await client.waitFor(isBack, { timeoutMs, what: 'the controller back' })
  await client.refresh({ timeoutMs })
}
