/**
 * The agent, flashed onto a chassis controller. This is the composition root: the only file that knows which classes the
 * parts are, and the only one that reads arguments. Everything that can fail before it serves is said in one sentence.
 */
import { createHash, randomUUID } from 'node:crypto'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadHardware } from '../boards/load.ts'
import type { ClientId } from '../core/addresses.ts'
import type { State } from '../core/state.ts'
import type { ControllerView, HealthView, HostHealth } from '../core/views.ts'
import { version } from '../version.ts'
import { schema } from '../wire/schema.ts'
import { startAgent } from './agent.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Config, readConfig, usage } from './config.ts'
import { openDesk } from './desk.ts'
import { openDiary } from './diary.ts'
import { openConsole } from './doors/console/console.ts'
import { serveSerial } from './doors/console/serial.ts'
import type { Front } from './doors/front.ts'
import { openMqtt } from './doors/mqtt/mqtt.ts'
import { SocketBackplane } from './hardware/backplane.ts'
import { redfishDriver } from './hardware/redfish.ts'
import { readHost } from './host.ts'
import { openMemory } from './memory.ts'
import { sealer } from './secrets.ts'
import { startShowing } from './showing.ts'
import { type Eeprom, openEeprom } from './store/eeprom.ts'
import { fileEeprom } from './store/eeprom-device.ts'
import { openEventRing } from './store/event-ring.ts'
import { nodeMedium } from './store/medium.ts'

const log = (line: string) => process.stderr.write(`midplane-agent: ${line}\n`)

/** How often the slow things are asked: the controller's own health, and the chassis'. */
const healthMs = 30_000
/** Commands are served at the latest then, even while a BMC hangs in its first look. */
const patienceAtStartMs = 5_000

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

  const clock = systemClock()
  const bootId = randomUUID()
  let recover = (_: State) => {}
  const memory = await openMemory({
    medium: nodeMedium(`${config.data}/store`),
    eeprom: config.eeprom === undefined ? undefined : await eepromAt(config.eeprom, hardware.board.backplane.eeprom),
    chassis: config.chassis,
    board: hardware.board.id,
    ...(config.adopt !== undefined && { adopt: config.adopt }),
    onRecovered: (state) => recover(state),
    onReadOnly: (why) => log(`the store is read-only: ${why}`),
  })
  for (const note of memory.view().notes) log(note)
  const ring = await openEventRing({ medium: nodeMedium(`${config.data}/events`), block: 100 })
  const diary = openDiary(ring, clock, bootId, log)
  const keeper = memory.chassisKey && sealer(memory.chassisKey)

  const backplane = new SocketBackplane({
    at: /^\d+$/.test(config.backplane) ? { port: Number(config.backplane) } : { path: config.backplane },
  })
  const driver = redfishDriver({
    bays: (bay) => config.bmc[bay],
    secret: (id, mark) => {
      const secret = agent.now().state.secrets[id]
      return secret && secret.mark === mark ? keeper?.unseal(id, secret.sealed) : undefined
    },
  })

  let host: HostHealth | 'unknown' = 'unknown'
  let health: HealthView | undefined
  const controller = (): ControllerView => ({
    slot: config.slot,
    version,
    uptimeMs: clock.uptimeMs(),
    role: 'owner',
    host,
    store: memory.view(),
  })
  const agent = startAgent({
    state: memory.state,
    memory,
    hardware,
    driver,
    backplane,
    clock,
    bootId,
    listener: {
      recorded: (record, state) => diary.recorded(record, state),
      noticed: (notice) => diary.noticed(notice, agent.now().state),
      changed: () => showing.changed(),
    },
  })
  recover = agent.recover
  const showing = startShowing({ clock, hardware, now: agent.now, controller, health: () => health })
  const front = openDesk({
    chassis: config.chassis,
    agent,
    showing,
    diary,
    clock,
    sealer: keeper,
    digest: (content) =>
      createHash('sha256').update(memory.state.incarnation).update(content).digest('hex').slice(0, 32),
    about: { bootId, version, schema, board: hardware.board.id },
  })

  const slowly = async () => {
    const signal = AbortSignal.timeout(healthMs)
    await Promise.all([
      readHost().then((read) => {
        host = read
      }),
      backplane.health(signal).then((read) => {
        health = read
      }),
      diary.settle(),
      memory.mend(),
    ]).catch((error: unknown) => log(`health: ${error instanceof Error ? error.message : String(error)}`))
    showing.changed()
  }
  const slow = setInterval(() => void slowly(), healthMs)
  void slowly()

  await Promise.race([agent.ready, new Promise((resolve) => clock.after(patienceAtStartMs, () => resolve(undefined)))])
  diary.write(
    { severity: 'info', type: 'agent-started', message: `agent ${version} serves ${config.chassis}` },
    agent.now().state,
  )
  const doors = openDoors(config, front, clock)

  const end = async () => {
    clearInterval(slow)
    showing.stop()
    await Promise.all(doors.map((door) => door.close()))
    await agent.stop()
    await driver.close()
    await backplane.close()
    await ring.close()
    await memory.close()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void end())
}

interface Door {
  close(): Promise<void>
}

function openDoors({ broker, json, console: line, slot }: Config, front: Front, clock: Clock): readonly Door[] {
  const doors: Door[] = []
  if (broker) doors.push(openMqtt({ front, clock, json, log, randomness: Math.random, ...broker }))
  const about = { front, slot, client: `console-${slot.toLowerCase()}` as ClientId, newRequestId: randomUUID }
  if (line === 'stdio') {
    const opened = openConsole({ ...about, input: process.stdin, output: process.stdout, echo: false })
    doors.push({ close: async () => opened.close() })
  } else if (line !== 'none') doors.push(serveSerial({ ...about, ...line, clock, log }))
  return doors
}

async function eepromAt(
  path: string,
  { bytes, pageBytes }: { bytes: number; pageBytes: number },
): Promise<Eeprom | string> {
  try {
    return await openEeprom(await fileEeprom(path, { size: bytes, pageBytes }))
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
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
