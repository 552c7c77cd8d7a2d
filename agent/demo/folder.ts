/**
 * Where the demo's state lasts from run to run: the chassis (what real hardware would keep), the controller's flash, and
 * the logs. Only what the demo itself made is ever removed, and only one demo at a time works in it.
 */
import { accessSync, constants, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CanNot } from './can-not.ts'

export interface Folder {
  /** Of the simulated chassis, its EEPROM in it. */
  readonly chassis: string
  /** The controller's flash. */
  readonly flash: string
  /** Accounts of the BMCs, for the controller. */
  readonly accounts: string
  readonly agentLog: string
  readonly simulatorLog: string
  /** Lets another demo work here. */
  release(): void
}

export function openFolder(dir: string, chassis: string, fresh: boolean): Folder {
  const place = join(dir, chassis)
  const at = (name: string) => join(place, name)
  const lock = at('running')
  const parts = { chassis: at('chassis'), flash: at('controller-a'), accounts: at('bmc.json'), agentLog: at('controller-a.log'), simulatorLog: at('chassis.log') }
  try {
    makeFolder(resolve(place))
    accessSync(place, constants.W_OK)
    takeLock(lock, place)
    if (fresh) for (const path of Object.values(parts)) rmSync(path, { recursive: true, force: true })
    mkdirSync(parts.flash, { recursive: true })
  } catch (error) {
    if (error instanceof CanNot) throw error
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new CanNot(`the folder ${dir} can not be written (${why}); name another with --dir`)
  }
  return { ...parts, release: () => rmSync(lock, { force: true }) }
}

/** Step by step: where the system lets nobody make folders, Node 20's own recursive way goes round for ever. */
function makeFolder(path: string): void {
  const make = (): string | undefined => {
    try {
      mkdirSync(path)
      return undefined
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EEXIST')) return error.code
      throw error
    }
  }
  if (make() !== 'ENOENT' || dirname(path) === path) return
  makeFolder(dirname(path))
  mkdirSync(path)
}

function takeLock(lock: string, place: string): void {
  for (let tried = 0; tried < 2; tried++) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: 'wx' })
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const pid = Number(readFileSync(lock, 'utf8').trim())
    if (isDemo(pid)) {
      throw new CanNot(`another demo (process ${pid}) works in ${place}; end it, or name another folder with --dir`)
    }
    rmSync(lock, { force: true })
  }
  throw new CanNot(`another demo is starting in ${place}; name another folder with --dir`)
}

/** Alive, and a demo: the number may belong to something else by now. */
function isDemo(pid: number): boolean {
  if (!Number.isInteger(pid) || pid < 1 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('demo')
  } catch {
    return true // no /proc here: alive is all that can be known
  }
}
