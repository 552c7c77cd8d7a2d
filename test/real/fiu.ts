/**
 * libfiu around the agent: chosen calls to the C library fail with a chosen error number, from a moment that the test
 * chooses. The agent is the unchanged bundle; between it and the kernel stands only the preloaded library.
 *
 * What libuv's file system threads call, and what can be made to fail without hitting anything else: fdatasync (the
 * journal, the event ring, the EEPROM), fsync (folders), open64, rename, unlink, ftruncate64, and pwrite64 (the EEPROM,
 * written at positions). Not `write`: the event loop wakes itself by it, and aborts when that fails.
 */
import { readdirSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { need } from '../setup/peers.ts'
import { Program } from '../story/process.ts'
import type { Under } from './place.ts'

export const fiuPrograms = ['fiu-run', 'fiu-ctrl'] as const

export const points = {
  fdatasync: 'posix/io/sync/fdatasync',
  fsync: 'posix/io/sync/fsync',
  open: 'posix/io/oc/open',
  rename: 'posix/io/dir/rename',
  unlink: 'posix/io/dir/unlink',
  ftruncate: 'posix/io/rw/ftruncate',
  pwrite: 'posix/io/rw/pwrite',
} as const
export type Point = keyof typeof points

export interface Fault {
  readonly point: Point
  readonly errno: keyof typeof constants.errno
  /** `once`: the next call. A number: each call with this probability. */
  readonly how: 'once' | 'always' | number
}

function order({ point, errno, how }: Fault): string {
  const what = `name=${points[point]},failinfo=${constants.errno[errno]}`
  if (typeof how === 'number') return `enable_random ${what},probability=${how}`
  return how === 'once' ? `enable ${what},onetime` : `enable ${what}`
}

export class Fiu {
  readonly #folder: string
  #starts = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** How to start an agent that fails in these ways from its first call on. */
  under(faults: readonly Fault[] = []): Under {
    this.#starts += 1
    const orders = faults.flatMap((fault) => ['-c', order(fault)])
    return {
      program: [need('fiu-run'), '-x', '-f', this.#prefix(), ...orders],
      // Where io_uring is on, syncs do not pass through the C library.
      env: { UV_USE_IO_URING: '0' },
    }
  }

  /** From now on the agent that was started last fails so. */
  arm(fault: Fault): Promise<void> {
    return this.#tell(order(fault))
  }

  disarm(point: Point): Promise<void> {
    return this.#tell(`disable name=${points[point]}`)
  }

  async #tell(command: string): Promise<void> {
    const pids = readdirSync(this.#folder).map(
      (name) => new RegExp(`^fiu-${this.#starts}-(\\d+)\\.in$`).exec(name)?.[1],
    )
    const pid = pids.find((each) => each !== undefined)
    if (pid === undefined) throw new Error('the agent was not started under libfiu')
    const words = [need('fiu-ctrl'), '-f', this.#prefix(), '-c', command, pid] as const
    const control = new Program('fiu-ctrl', words, { cwd: this.#folder, env: { PATH: process.env.PATH } })
    const { code } = await control.ended
    if (code !== 0) throw new Error(`libfiu did not take '${command}':\n${control.stdout}${control.stderr}`)
  }

  #prefix(): string {
    return join(this.#folder, `fiu-${this.#starts}`)
  }
}
