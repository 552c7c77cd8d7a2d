/** The command line of the demo: what can be said after `npm start --`, and what is wrong with what was said. */
import { parseArgs } from 'node:util'
import { type ChassisId, parseId } from '../core/addresses.ts'

export const usage = `usage: npm start -- [options]

Midplane on one machine: a simulated chassis, its controller and a broker, all
on 127.0.0.1. In a terminal you are on the controller's serial console;
elsewhere it runs until it is told to end.

  --board <id|file>   kind of chassis: hp-c7000, dell-m1000e ... (hp-c7000)
  --chassis <id>      its name (demo)
  --port <port>       of the broker (1883, or the next free one)
  --dir <folder>      where its state lasts from run to run (.midplane/)
  --fresh             forget that state and begin anew
  --pair              two controllers: kill the one that owns, and watch
  --headless          no console, also in a terminal
  --help, --version
`

export interface Options {
  readonly board: string
  readonly chassis: ChassisId
  /** Undefined: 1883 or the next free one; one that was named is taken or the demo does not start. */
  readonly port: number | undefined
  readonly dir: string
  readonly fresh: boolean
  readonly pair: boolean
  readonly headless: boolean
}

export type Said = { readonly say: 'usage' | 'version' } | { readonly wrong: string } | { readonly options: Options }

export function readOptions(words: readonly string[]): Said {
  const read = readWords(words)
  if (typeof read === 'string') return { wrong: read }
  if (read.help) return { say: 'usage' }
  if (read.version) return { say: 'version' }
  const chassis = parseId<'Chassis'>(read.chassis)
  if (chassis === undefined) return { wrong: `--chassis is a name of a-z, 0-9 and -, not '${read.chassis}'` }
  if (read.board === '') return { wrong: '--board is empty' }
  if (read.dir === '') return { wrong: '--dir is empty' }
  const { port } = read
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
    return { wrong: `--port is a number from 1 to 65535, not '${port}'` }
  return {
    options: {
      board: read.board,
      chassis,
      port: port === undefined ? undefined : Number(port),
      dir: read.dir,
      fresh: read.fresh,
      pair: read.pair,
      headless: read.headless,
    },
  }
}

function readWords(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: false,
      options: {
        board: { type: 'string', default: 'hp-c7000' },
        chassis: { type: 'string', default: 'demo' },
        port: { type: 'string' },
        dir: { type: 'string', default: '.midplane/' },
        fresh: { type: 'boolean', default: false },
        pair: { type: 'boolean', default: false },
        headless: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        version: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    // What parseArgs says is a sentence or two with a hint; the first is what is wrong.
    const said = error instanceof Error ? error.message : String(error)
    return said.split('. ')[0]?.replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase()) ?? said
  }
}
