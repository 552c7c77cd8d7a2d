/**
 * Somebody who starts the demo: the built program in a terminal, or without one, in a folder of its own; what stands
 * there, and what is typed. Real processes, real ports.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type IPty, spawn as spawnPty } from '@lydell/node-pty'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const demo = join(root, 'dist/demo.cjs')

export function build(): void {
  const built = spawnSync(process.execPath, ['build.mjs', 'build'], { cwd: root, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`the build failed\n${built.stderr}`)
}

/** Programs that the demo in this folder started, as it noted them. */
export function programsOf(folder: string, chassis: string): readonly number[] {
  return readFileSync(join(folder, chassis, 'running'), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map(Number)
}

export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** A terminal with the demo in it, and somebody who reads what is on it. */
export class Person {
  readonly terminal: IPty
  readonly exit: Promise<number>
  #text = ''
  #wake = () => {}

  constructor(folder: string, chassis: string, ...args: readonly string[]) {
    this.terminal = spawnPty(process.execPath, [demo, '--dir', folder, '--chassis', chassis, ...args], {
      cols: 79,
      rows: 24,
      cwd: root,
    })
    this.terminal.onData((data) => {
      this.#text += data
      this.#wake()
    })
    this.exit = new Promise((resolve) => {
      this.terminal.onExit(({ exitCode }) => {
        resolve(exitCode)
        this.#wake()
      })
    })
  }

  /** What is there once this is on the terminal; without what only moves the cursor. */
  async sees(what: RegExp): Promise<string> {
    while (!what.test(this.plain)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const seen = this.plain
    this.#text = ''
    return seen
  }

  get plain(): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what moves a cursor
    return this.#text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, '')
  }

  async does(line: string, until: RegExp): Promise<string> {
    this.terminal.write(`${line}\r`)
    return this.sees(until)
  }
}

/** Without a terminal. */
export function headless(
  folder: string,
  ...args: readonly string[]
): {
  readonly child: ChildProcess
  readonly says: (what: RegExp) => Promise<string>
} {
  const child = spawn(process.execPath, [demo, '--dir', folder, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  let wake = () => {}
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      wake()
    })
  }
  child.once('exit', () => wake())
  const says = async (what: RegExp) => {
    while (!what.test(text)) {
      if (child.exitCode !== null) throw new Error(`it ended: ${text}`)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return text
  }
  return { child, says }
}
