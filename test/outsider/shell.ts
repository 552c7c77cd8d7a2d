/**
 * Lines that a person types, run in a shell as they stand in proto/README.md; only the broker's port is another, and
 * the version of MQTT where a test asks for one.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './stage.ts'

const blocks = [...readFileSync(join(root, 'proto/README.md'), 'utf8').matchAll(/```sh\n(.*?)```/gs)].map(
  ([, block]) => block ?? '',
)

/** The one block of the README that has this word in it. */
export function blockWith(word: string): string {
  const [found, ...more] = blocks.filter((block) => block.includes(word))
  if (found === undefined || more.length > 0)
    throw new Error(`${more.length + 1} blocks of proto/README.md say ${word}`)
  return found
}

export interface Shell {
  /** Resolves with what the lines printed; rejects unless every one of them worked. */
  type(lines: string): Promise<string>
  /** Resolves with all printed so far once that is true, and ends the lines then. */
  watch(lines: string, until: (printed: string) => boolean): Promise<string>
  close(): void
}

export interface ShellOptions {
  /** Where the lines are typed. */
  readonly folder: string
  readonly port: number
  /** For mosquitto's clients; absent: theirs. */
  readonly version?: 'mqttv311' | 'mqttv5'
}

export function openShell({ folder, port, version }: ShellOptions): Shell {
  const running = new Set<number>()

  function start(lines: string) {
    const here = lines
      .replaceAll('-p 1883', `-p ${port}`)
      .replace(/\bmosquitto_(pub|sub)\b/g, (program) => (version ? `${program} -V ${version}` : program))
    const child = spawn('bash', ['-euo', 'pipefail', '-c', here], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { pid } = child
    let printed = ''
    let complained = ''
    const heard: (() => void)[] = []
    if (pid !== undefined) running.add(pid)
    child.stdout.on('data', (piece: Buffer) => {
      printed += piece.toString('utf8')
      for (const each of heard) each()
    })
    child.stderr.on('data', (piece: Buffer) => {
      complained += piece.toString('utf8')
    })
    const ended = new Promise<void>((resolve, reject) => {
      child.once('close', (code) => {
        if (pid !== undefined) running.delete(pid)
        if (code === 0) resolve()
        else reject(new Error(`exit ${code}: ${here}\n${complained}`))
      })
    })
    return { pid, heard, ended, printed: () => printed }
  }

  /** The shell and all that it started: detached, they are a group of their own. */
  function end(pid: number | undefined): void {
    if (pid !== undefined && running.delete(pid)) process.kill(-pid, 'SIGKILL')
  }

  return {
    type: async (lines) => {
      const { ended, printed } = start(lines)
      await ended
      return printed()
    },
    watch: async (lines, until) => {
      const { pid, heard, ended, printed } = start(lines)
      await Promise.race([
        ended,
        new Promise<void>((resolve) => heard.push(() => until(printed()) && resolve())),
      ]).finally(() => {
        ended.catch(() => {})
        end(pid)
      })
      return printed()
    },
    close: () => {
      for (const pid of [...running]) end(pid)
    },
  }
}
