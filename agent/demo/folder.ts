/**
 * Where the demo's state lasts from run to run: the chassis (what real hardware would keep), each controller's flash with
 * its label, and the logs. Only what the demo itself made is ever removed, and only one demo at a time works in it.
 */
import { accessSync, appendFileSync, constants, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { ControllerView } from '../core/views.ts'
import { CanNot } from './can-not.ts'

export type Slot = ControllerView['slot']

/** A controller as a part that hands can replace. */
export interface Part {
  readonly flash: string
  readonly log: string
  /** Serial number that is printed on it. */
  label(): string
  /** Another one off the shelf: blank, with another label. */
  replace(): void
}

export interface Folder {
  /** Of the simulated chassis, its EEPROM in it. */
  readonly chassis: string
  readonly parts: { readonly [slot in Slot]: Part }
  /** Accounts of the BMCs, for the controller. */
  readonly accounts: string
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
  const own = { chassis: at('chassis'), accounts: at('bmc.json'), simulatorLog: at('chassis.log') }
  const flashes = { A: at('controller-a'), B: at('controller-b') }
  const made = [
    ...Object.values(own),
    ...Object.values(flashes).flatMap((path) => [path, `${path}.log`, labelAt(path)]),
  ]
  try {
    makeFolder(resolve(place))
    accessSync(place, constants.W_OK)
    await takeLock(lock, place)
    if (fresh) for (const path of made) rmSync(path, { recursive: true, force: true })
    mkdirSync(flashes.A, { recursive: true })
  } catch (error) {
    if (error instanceof CanNot) throw error
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new CanNot(`the folder ${dir} can not be written (${why}); name another with --dir`)
  }
  return {
    ...own,
    parts: { A: partAt('A', flashes.A), B: partAt('B', flashes.B) },
    works: (pid) => void (pid !== undefined && appendFileSync(lock, `${pid}\n`)),
    release: () => rmSync(lock, { force: true }),
  }
}

const labelAt = (flash: string) => `${flash}.label`

function partAt(slot: Slot, flash: string): Part {
  const label = () => {
    try {
      return readFileSync(labelAt(flash), 'utf8').trim()
    } catch {
      return `CTL-${slot}1`
    }
  }
  return {
    flash,
    log: `${flash}.log`,
    label,
    replace: () => {
      const next = Number(/\d+$/.exec(label())?.[0] ?? 1) + 1
      rmSync(flash, { recursive: true, force: true })
      mkdirSync(flash)
      writeFileSync(labelAt(flash), `CTL-${slot}${next}\n`)
    },
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
