/**
 * Where the demo's state lasts from run to run: the chassis (what real hardware would keep), the controller's flash, and
 * the logs. Only what the demo itself made is ever removed, and only one demo at a time works in it.
 */
import { accessSync, appendFileSync, constants, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
  /** A program that works here, too: the next demo waits for its end, should this one be killed. */
  works(pid: number | undefined): void
  /** Lets another demo work here. */
  release(): void
}

export async function openFolder(dir: string, chassis: string, fresh: boolean): Promise<Folder> {
  const place = join(dir, chassis)
  const at = (name: string) => join(place, name)
  const lock = at('running')
  const parts = {
    chassis: at('chassis'),
    flash: at('controller-a'),
    accounts: at('bmc.json'),
    agentLog: at('controller-a.log'),
    simulatorLog: at('chassis.log'),
  }
  try {
    makeFolder(resolve(place))
    accessSync(place, constants.W_OK)
    await takeLock(lock, place)
    if (fresh) for (const path of Object.values(parts)) rmSync(path, { recursive: true, force: true })
    mkdirSync(parts.flash, { recursive: true })
  } catch (error) {
    if (error instanceof CanNot) throw error
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new CanNot(`the folder ${dir} can not be written (${why}); name another with --dir`)
  }
  return {
    ...parts,
    works: (pid) => void (pid !== undefined && appendFileSync(lock, `${pid}\n`)),
    release: () => rmSync(lock, { force: true }),
  }
}

/** Step by step: where the system lets nobody make folders, Node 20's own recursive way goes round for ever. */
function makeFolder(path: string): void {
  const make = (): string | undefined => {
    try {
      mkdirSync(path)
      return undefined
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EEXIST'))
        return error.code
      throw error
    }
  }
  if (make() !== 'ENOENT' || dirname(path) === path) return
  makeFolder(dirname(path))
  mkdirSync(path)
}

/** Programs of a demo that was killed see that within a second; two controllers on one flash must not be. */
const orphansMs = 5_000
const lookMs = 100

async function takeLock(lock: string, place: string): Promise<void> {
  for (let waited = 0; ; waited += lookMs) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: 'wx' })
      return
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const [demo, ...programs] = readFileSync(lock, 'utf8').trim().split('\n').map(Number)
    const busy = runs(demo, 'demo') ? demo : waited < orphansMs ? undefined : programs.find((pid) => runs(pid, place))
    if (busy !== undefined) {
      throw new CanNot(`another demo (process ${busy}) works in ${place}; end it, or name another folder with --dir`)
    }
    if (programs.some((pid) => runs(pid, place))) await new Promise((resolve) => setTimeout(resolve, lookMs))
    else rmSync(lock, { force: true })
  }
}

/** Alive, and what we think it is: the number may belong to something else by now. */
function runs(pid: number | undefined, word: string): boolean {
  if (pid === undefined || !Number.isInteger(pid) || pid < 1 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(word)
  } catch {
    return true // no /proc here: alive is all that can be known
  }
}
