/**
 * A chassis as an outsider meets it: the simulated chassis and the agent as programs from dist/, in a folder of their
 * own, beside a real broker. Nothing of the agent's inside can be reached from here: only its broker, its log, its
 * process id, and the back door of the simulated chassis.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Broker } from './brokers.ts'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface StageOptions {
  readonly broker: Broker
  readonly mqtt?: 'auto' | '3' | '5'
  /** Most MiB that the agent's live objects may take; more, and its process ends. Absent: as Node thinks fit. */
  readonly heapMiB?: number
}

export interface Stage {
  /** Where the programs and their files are. */
  readonly folder: string
  readonly agent: () => AgentProgram
  /** Starts the agent again on the same flash; resolves when it is online. */
  restart(): Promise<AgentProgram>
  /** What the back door of the chassis shows: `duplicates`, `world`, … */
  look(what: string): Promise<unknown>
  close(): Promise<void>
}

export interface AgentProgram {
  readonly pid: number
  readonly log: () => string
  readonly alive: () => boolean
  /** KiB in memory now, and at most so far, as Linux counts them. */
  memory(): { readonly now: number; readonly most: number }
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

/** None outlives the tests, however they end. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

interface Ready {
  readonly redfish: { readonly [bay: string]: string }
  readonly backplane: { readonly path: string }
  readonly backDoor: string
  readonly eeprom: string
}

export async function openStage(options: StageOptions): Promise<Stage> {
  const built = spawnSync(process.execPath, [join(root, 'build.mjs'), 'build'], { cwd: root, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`the build failed\n${built.stderr}`)
  const folder = mkdtempSync(join(tmpdir(), 'midplane-outsider-'))
  // A copy: a build that runs meanwhile takes dist/ away from under its programs.
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  const chassis = await startChassis(folder)
  const accounts = Object.entries(chassis.at.redfish).map(([bay, url]) => [
    bay,
    { url, user: 'admin', password: 'blade-pw' },
  ])
  writeFileSync(join(folder, 'bmc.json'), JSON.stringify(Object.fromEntries(accounts)))
  const args = [
    ...['--chassis', 'demo', '--board', 'hp-c7000', '--data', join(folder, 'flash'), '--json'],
    ...['--backplane', chassis.at.backplane.path, '--eeprom', chassis.at.eeprom, '--bmc', join(folder, 'bmc.json')],
    ...['--broker', `mqtt://127.0.0.1:${options.broker.port}`, '--mqtt', options.mqtt ?? 'auto'],
  ]
  const start = () => startAgent(folder, args, options.heapMiB)
  const clear = async () => {
    await ended(chassis.child, 'SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  let agent = await start().catch(async (error: unknown) => {
    await clear()
    throw error
  })
  return {
    folder,
    agent: () => agent,
    restart: async () => {
      agent = await start()
      return agent
    },
    look: async (what) => (await fetch(`${chassis.at.backDoor}/${what}`)).json(),
    close: async () => {
      await agent.kill('SIGKILL')
      await clear()
    },
  }
}

async function startChassis(folder: string): Promise<{ child: ChildProcess; at: Ready }> {
  const quick = ['--port-base', '0', '--bmc-seconds', '0', '--post-seconds', '0.2', '--shutdown-seconds', '0.2']
  const { child, said } = launch(folder, ['dist/chassis-sim.cjs', '--dir', join(folder, 'chassis'), ...quick])
  let text = ''
  const at = await new Promise<Ready>((resolve, reject) => {
    child.stdout?.on('data', (piece: Buffer) => {
      text += piece.toString('utf8')
      if (text.endsWith('\n')) resolve(JSON.parse(text) as Ready)
    })
    child.once('exit', () => reject(new Error(`the simulated chassis ended: ${said()}`)))
  })
  return { child, at }
}

async function startAgent(folder: string, args: readonly string[], heapMiB: number | undefined): Promise<AgentProgram> {
  const limits = heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`]
  const { child, said } = launch(folder, [...limits, 'dist/agent.cjs', ...args])
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', () => said().includes(' online at ') && resolve())
    child.once('exit', () => reject(new Error(`the agent ended: ${said()}`)))
  })
  const pid = child.pid ?? 0
  const kib = (status: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN)
  return {
    pid,
    log: said,
    alive: () => child.exitCode === null && child.signalCode === null,
    memory: () => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8')
      return { now: kib(status, 'VmRSS'), most: kib(status, 'VmHWM') }
    },
    kill: (signal) => ended(child, signal),
  }
}

function launch(folder: string, args: readonly string[]) {
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  let text = ''
  child.stderr.on('data', (piece: Buffer) => {
    text += piece.toString('utf8')
  })
  return { child, said: () => text }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}
