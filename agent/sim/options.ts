/** The command line of the simulated chassis: what can be said, and what is wrong with what was said. */
import { parseArgs } from 'node:util'

export const usage = `usage: chassis-sim [options]

A simulated blade chassis: one BMC for each bay (Redfish), the backplane, the
chassis EEPROM, and a back door for what hands and accidents do. Everything is
on 127.0.0.1. Ending the program is a power cut; the folder keeps what real
hardware would keep.

  --board <id|file>      kind of chassis (hp-c7000)
  --boards <folder>      where board files are (those of the program)
  --dir <folder>         what lasts: chassis.json, eeprom.bin, and by default
                         the backplane's socket (.midplane/chassis)
  --seed <text>          serials and factory addresses follow from it; for a
                         second chassis take another (the board's id)
  --empty                begin with no blade in any bay
  --port-base <port>     Redfish of bay n is at this port + n; 0: free ports
                         (8000)
  --backplane <path|port>  backplane socket (backplane.sock in --dir)
  --back-door <port>     back door; 0: a free port (0)
  --user, --password     what the BMCs of new blades take (admin, blade-pw)
  --speed <factor>       how much faster than real time it lives (1)
  --post-seconds <s>     from power-on to the boot (10)
  --bmc-seconds <s>      from AC to a BMC that answers (3)
  --shutdown-seconds <s> of a system that was asked to shut down (5)
  --help, --version

When everything answers, one line of JSON on standard output tells where:
  {"redfish":{"1":url,...},"backplane":...,"backDoor":url,"eeprom":path}

The back door takes JSON over HTTP: GET /world /log /boots /duplicates to look;
POST /insert /pull /swap /adapter /button /wake /system /policy /ac /controller
/bmc /san /interconnect /part to do. In a chassis for two controllers /world
shows the owner line, and this pulls the controller of slot A out (or puts it
back: "insert"):
  curl url/controller -d '{"slot":"A","does":"remove"}'
`

export interface Options {
  readonly board: string
  readonly boards: string | undefined
  readonly dir: string
  readonly seed: string | undefined
  readonly empty: boolean
  readonly portBase: number
  readonly backplane: { readonly path: string } | { readonly port: number } | undefined
  readonly backDoor: number
  readonly credentials: { readonly user: string; readonly password: string }
  readonly speed: number
  readonly postMs: number
  readonly bmcBootMs: number
  readonly shutdownMs: number
}

export type Said = { readonly say: 'usage' | 'version' } | { readonly wrong: string } | { readonly options: Options }

export function readOptions(words: readonly string[]): Said {
  const read = readWords(words)
  if (typeof read === 'string') return { wrong: read }
  if (read.help) return { say: 'usage' }
  if (read.version) return { say: 'version' }
  const complaints: string[] = []
  const number = (name: string, value: string, least: number, most: number): number => {
    const parsed = Number(value)
    if (value.trim() === '' || !(parsed >= least && parsed <= most))
      complaints.push(`--${name} is a number from ${least} to ${most}, not ${value}`)
    return parsed
  }
  const port = (name: string, value: string, most = 65_535): number => {
    const parsed = number(name, value, 0, most)
    if (Number.isFinite(parsed) && !Number.isInteger(parsed))
      complaints.push(`--${name} is a whole number, not ${value}`)
    return parsed
  }
  const seconds = (name: string, value: string): number => Math.round(number(name, value, 0, 3600) * 1000)
  const { backplane } = read
  const options: Options = {
    board: read.board,
    boards: read.boards,
    dir: read.dir,
    seed: read.seed,
    empty: read.empty,
    // Room for the bays of the largest board.
    portBase: port('port-base', read['port-base'], 65_000),
    backplane:
      backplane === undefined
        ? undefined
        : /^\d+$/.test(backplane)
          ? { port: port('backplane', backplane) }
          : { path: backplane },
    backDoor: port('back-door', read['back-door']),
    credentials: { user: read.user, password: read.password },
    speed: number('speed', read.speed, 0.01, 10_000),
    postMs: seconds('post-seconds', read['post-seconds']),
    bmcBootMs: seconds('bmc-seconds', read['bmc-seconds']),
    shutdownMs: seconds('shutdown-seconds', read['shutdown-seconds']),
  }
  for (const name of ['board', 'dir', 'user', 'password'] as const)
    if (read[name] === '') complaints.push(`--${name} is empty`)
  const [first] = complaints
  return first === undefined ? { options } : { wrong: first }
}

function readWords(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: false,
      options: {
        board: { type: 'string', default: 'hp-c7000' },
        boards: { type: 'string' },
        dir: { type: 'string', default: '.midplane/chassis' },
        seed: { type: 'string' },
        empty: { type: 'boolean', default: false },
        'port-base': { type: 'string', default: '8000' },
        backplane: { type: 'string' },
        'back-door': { type: 'string', default: '0' },
        user: { type: 'string', default: 'admin' },
        password: { type: 'string', default: 'blade-pw' },
        speed: { type: 'string', default: '1' },
        'post-seconds': { type: 'string', default: '10' },
        'bmc-seconds': { type: 'string', default: '3' },
        'shutdown-seconds': { type: 'string', default: '5' },
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
