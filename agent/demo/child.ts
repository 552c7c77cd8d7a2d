/**
 * Programs that the demo starts: processes of their own, so that killing one is like pulling it out. None outlives the
 * demo, however the demo ends: each is told to end, and each looks for itself whether its parent is still there.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { CanNot } from './can-not.ts'

export interface Program {
  /** What it is, for people: "the simulated chassis". */
  readonly name: string
  /** Path of a bundle. */
  readonly path: string
  readonly args: readonly string[]
  /** Its standard error goes there. */
  readonly log: string
  /** Its standard input is a pipe; else it has none. */
  readonly input: boolean
}

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** The last lines of its standard error. */
  readonly said: string
}

export interface Child {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  kill(signal: NodeJS.Signals): void
  /** Asked to end; made to after a while. */
  end(): Promise<void>
}

/** Run in each child before its own code. A demo that was killed can not tell its children; they see it. */
const watchParent = (pid: number) =>
  `data:text/javascript,setInterval(()=>process.ppid===${pid}||process.kill(process.pid,'SIGKILL'),500).unref()`

const patienceMs = 3_000
const keptLines = 5

export function start({ name, path, args, log, input }: Program): Child {
  const child = spawn(process.execPath, ['--import', watchParent(process.pid), path, ...args], {
    // A group of its own: ^C in the terminal is meant for the demo, which ends them in order.
    detached: true,
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const file: WriteStream = createWriteStream(log, { flags: 'a' })
  // A log that can not be written is no reason to stop.
  file.on('error', () => {})
  let said: readonly string[] = []
  child.stderr?.on('data', (chunk: Buffer) => {
    file.write(chunk)
    said = [...said, ...chunk.toString('utf8').split('\n')].filter((line) => line !== '').slice(-keptLines)
  })
  // What is written to a program that just died is lost with it.
  child.stdin?.on('error', () => {})
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (error) =>
      resolve({ code: 1, signal: null, said: `${name} can not be started: ${error.message}` }),
    )
    child.once('close', (code, signal) => {
      file.end()
      resolve({ code, signal, said: said.join('\n') })
    })
  })
  return {
    process: child,
    ended,
    kill: (signal) => void child.kill(signal),
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

/** The first line that a program says, or why it never will. */
export function firstLine({ name }: Program, child: Child, limitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new CanNot(`${name} was not ready within ${limitMs / 1000} s`)), limitMs)
    child.process.stdout?.on('data', (chunk: Buffer) => {
      if (text.includes('\n')) return
      text += chunk.toString('utf8')
      if (!text.includes('\n')) return
      clearTimeout(timer)
      resolve(text.slice(0, text.indexOf('\n')))
    })
    void child.ended.then(({ said, code }) => {
      clearTimeout(timer)
      reject(new CanNot(`${name} ended at once: ${said.split('\n').at(-1) || `code ${code}`}`))
    })
  })
}

export interface Kept {
  /** The program as it runs now; undefined between two lives. */
  now(): Child | undefined
  /** Ends it without a word, and does not start it before it is told to. */
  hold(signal: NodeJS.Signals): Promise<void>
  release(): void
  end(): Promise<void>
}

/**
 * Starts a program again after it died, as the controller's watchdog would. `born` and `died` are told of every life.
 * A program that complains about how it was started (code 2) would only complain again: it is given up. `wanted` is
 * asked at the beginning of each life, where it may be another one.
 */
export function keep(
  wanted: Program | (() => Program),
  again: { readonly afterMs: number; readonly after?: (ms: number, call: () => void) => () => void },
  told: { born(child: Child): void; died(ended: Ended): void; gaveUp(ended: Ended): void },
): Kept {
  const after = again.after ?? realTimer
  let child: Child | undefined
  let held = false
  let over = false
  let cancel = () => {}

  function live(): void {
    if (over || held || child) return
    const started = start(typeof wanted === 'function' ? wanted() : wanted)
    child = started
    told.born(started)
    void started.ended.then((ended) => {
      child = undefined
      if (over) return
      if (ended.code === 2) {
        over = true
        return told.gaveUp(ended)
      }
      told.died(ended)
      if (!held) cancel = after(again.afterMs, live)
    })
  }
  live()

  return {
    now: () => child,
    hold: async (signal) => {
      held = true
      cancel()
      const last = child
      last?.kill(signal)
      await last?.ended
    },
    release: () => {
      held = false
      cancel()
      cancel = after(again.afterMs, live)
    },
    end: async () => {
      over = true
      cancel()
      await child?.end()
    },
  }
}

function realTimer(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms)
  return () => clearTimeout(timer)
}
