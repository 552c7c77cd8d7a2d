/**
 * Keeps the console on a serial line: opens it, again and again while it can not be opened or after it was lost, and
 * begins each connection with nothing but a fresh prompt. When the carrier drops, whoever was there has gone: what they
 * had typed and what they had not read is dropped with them.
 */
import type { Clock } from '../../clock.ts'
import { type OpenSerial, openSerialLine, type SerialConnection } from '../../hardware/serial-line.ts'
import { type ConsoleParts, openConsole } from './console.ts'

export interface SerialParts extends Omit<ConsoleParts, 'input' | 'output' | 'echo'> {
  readonly path: string
  readonly baud: number
  readonly clock: Clock
  readonly log: (line: string) => void
  /** Absent: the real one. */
  readonly open?: OpenSerial
}

export interface ServedSerial {
  close(): Promise<void>
}

/** Between two attempts to open the line: the first wait and the longest. */
const retryMs = [500, 10_000] as const
/** Between two looks at the carrier. */
const carrierMs = 1_000

export function serveSerial(parts: SerialParts): ServedSerial {
  const { path, baud, clock, log, open = openSerialLine } = parts
  let closed = false
  let wake = () => {}
  let current: SerialConnection | undefined

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const cancel = clock.after(ms, resolve)
      wake = () => {
        cancel()
        resolve()
      }
    })

  async function keep(): Promise<void> {
    let wait: number = retryMs[0]
    let said = ''
    while (!closed) {
      try {
        current = await open(path, baud)
        wait = retryMs[0]
        said = ''
        log(`console on ${path} at ${baud} baud`)
        await serve(current)
        if (!closed) log(`console: ${path} is lost; opening it again`)
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        // Once for each reason, not once for each attempt.
        if (why !== said) log(`console: ${path} can not be opened: ${why}`)
        said = why
      }
      current = undefined
      if (closed) return
      await pause(wait)
      wait = Math.min(wait * 2, retryMs[1])
    }
  }

  /** Until the line is lost; after a dropped carrier the console begins anew on the same line. */
  async function serve(connection: SerialConnection): Promise<void> {
    const { stream } = connection
    if (closed) return connection.close()
    const console = openConsole({ ...parts, input: stream, output: stream, echo: true })
    const ended = console.ended.finally(() => stopWatching())
    let stopWatching = () => {}
    const watch = (was: boolean) => {
      stopWatching = clock.after(carrierMs, () => {
        void connection.carrier().then(async (is) => {
          if (is === undefined || closed || stream.destroyed) return
          if (was && !is) {
            // Ends this connection: its port object takes everything unsent along.
            await connection.discard()
            console.close()
          } else watch(is)
        })
      })
    }
    watch(false)
    await ended
    await connection.close()
  }

  const kept = keep()
  return {
    close: async () => {
      closed = true
      wake()
      await current?.close()
      await kept
    },
  }
}
