/**
 * One real process: what it says, how it ends, and that it does end. Every process that a test starts is known here, so
 * that none outlives the test run, however that ends.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface StartOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly stdin?: string
  /** Its standard input stays open, for lines that are typed later. */
  readonly typed?: boolean
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Longest wait for a word or an end: far more than anything here takes on a busy machine. */
const usualMs = 20_000

export class Program {
  readonly name: string
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  #heard: () => void = () => {}

  constructor(
    name: string,
    [program, ...args]: readonly [string, ...string[]],
    { cwd, env, stdin, typed = false }: StartOptions,
  ) {
    this.name = name
    const hasInput = stdin !== undefined || typed
    const child = spawn(program, args, { cwd, env, stdio: [hasInput ? 'pipe' : 'ignore', 'pipe', 'pipe'] })
    this.#child = child
    running.add(child)
    this.#gather(child.stdout, (text) => {
      this.stdout += text
    })
    this.#gather(child.stderr, (text) => {
      this.stderr += text
    })
    // What is typed at a program that just died is lost with it.
    child.stdin?.on('error', () => {})
    if (!typed) child.stdin?.end(stdin)
    this.ended = once(child, 'close').then(([code, signal]: unknown[]) => {
      running.delete(child)
      this.#heard()
      return { code: code as number | null, signal: signal as NodeJS.Signals | null }
    })
  }

  get isRunning(): boolean {
    return running.has(this.#child)
  }

  /** Resolves with what it said on this stream, once that matches. */
  async says(pattern: RegExp, on: 'stdout' | 'stderr' = 'stdout', ms = usualMs): Promise<RegExpExecArray> {
    const late = AbortSignal.timeout(ms)
    for (;;) {
      const found = pattern.exec(this[on])
      if (found) return found
      if (!this.isRunning)
        throw new Error(`${this.name} ended without saying ${pattern}:\n${this.stdout}${this.stderr}`)
      if (late.aborted)
        throw new Error(`${this.name} did not say ${pattern} in ${ms} ms:\n${this.stdout}${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.#heard = resolve
        late.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /** Types a line, and resolves with what was said from then on, once that matches. */
  async types(line: string, until: RegExp): Promise<string> {
    this.stdout = ''
    this.#child.stdin?.write(`${line}\n`)
    await this.says(until)
    return this.stdout
  }

  /** Without waiting for what comes of it: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Sends a signal and waits until the process is gone. */
  async end(signal: NodeJS.Signals = 'SIGKILL', ms = usualMs): Promise<Ended> {
    this.#child.kill(signal)
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), ms)
    const ended = await this.ended
    clearTimeout(limit)
    return ended
  }

  #gather(stream: Readable | null, add: (text: string) => void): void {
    stream?.setEncoding('utf8')
    stream?.on('data', (text: string) => {
      add(text)
      this.#heard()
    })
  }
}
