/**
 * chassisctl, the command line of a central manager. This file ties a command line (run.ts) to the process: streams,
 * environment, ^C and the exit code. It starts when it is what was started, and not when somebody imports it.
 */
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { environment } from './config.ts'
import type { Io } from './context.ts'
import { exits } from './exits.ts'
import { run } from './run.ts'

export type { Io } from './context.ts'
export { run } from './run.ts'

/** Whether this file, or the bundle made of it, is what was started. */
function isStarted(): boolean {
  const [, started] = process.argv
  try {
    return started !== undefined && realpathSync(started) === realpathSync(fileURLToPath(import.meta.url))
  } catch {
    return false
  }
}

if (isStarted()) {
  const stop = new AbortController()
  // The second ^C ends it the usual way.
  process.once('SIGINT', () => stop.abort())
  // `| head` has read enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    process.exit(error.code === 'EPIPE' ? exits.ok : exits.error),
  )
  const io: Io = {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    isTTY: { stdin: process.stdin.isTTY === true, stderr: process.stderr.isTTY === true },
    env: environment(),
    signal: stop.signal,
  }
  run(process.argv.slice(2), io).then(
    (exit) => {
      process.exitCode = exit
    },
    (bug: unknown) => {
      process.stderr.write(`${bug instanceof Error ? bug.stack : String(bug)}\n`)
      process.exitCode = exits.error
    },
  )
}
