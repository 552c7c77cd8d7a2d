/**
 * How this agent is set up: arguments first, then the environment (`MIDPLANE_…`), then defaults. The outcome is a whole
 * configuration or a list of complaints, each one sentence.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type ChassisId, parseId } from '../core/addresses.ts'

export interface Config {
  readonly chassis: ChassisId
  /** Id in the boards folder, or path of a chassis file. */
  readonly board: string
  readonly boards: string
  readonly data: string
  /** Absent: no broker, the serial line only. */
  readonly broker?: {
    readonly url: string
    readonly username?: string
    readonly password?: string
    readonly version: 'auto' | 4 | 5
  }
  readonly json: boolean
  /** Unix socket path, or TCP port on loopback. */
  readonly backplane: string
  /** Absent: this chassis has no EEPROM. */
  readonly eeprom?: string
  readonly bmc: { readonly [bay: number]: BmcAccount }
  readonly console: 'none' | 'stdio' | { readonly path: string; readonly baud: number }
  readonly slot: 'A' | 'B'
}

export interface BmcAccount {
  readonly url: string
  readonly user: string
  readonly password: string
}

export const usage = `usage: midplane-agent --chassis <id> --board <id|file> --data <folder> --backplane <socket|port> [options]

Runs on a chassis controller: dresses blades with their server profiles, keeps every binding on flash and in the
chassis EEPROM, and takes commands over MQTT and a serial line.

  --chassis <id>        name of this chassis: MQTT client id, [a-z0-9][a-z0-9-]{0,47}
  --board <id|file>     kind of chassis: hp-c7000, dell-m1000e, … or a file of your own
  --boards <folder>     where board files are                          [beside this program]
  --data <folder>       flash: journal, snapshots, events
  --backplane <where>   unix socket, or port on 127.0.0.1
  --eeprom <file>       the chassis EEPROM as a file                   [none]
  --bmc <file>          JSON {"1": {"url", "user", "password"}, …}: the BMC of each bay
  --broker <url>        mqtt://host:1883 or mqtts://…                  [none]
  --user, --password-file <file>    broker account
  --mqtt auto|3|5       protocol version                               [auto]
  --json                publish the JSON mirror too
  --console stdio|<tty>|none        the technician's line              [none]
  --baud <rate>         of the tty                                     [115200]
  --slot A|B            controller bay                                 [A]
  --help, --version

Each option can be given as MIDPLANE_<NAME> in the environment.
`

const options = {
  chassis: { type: 'string' },
  board: { type: 'string' },
  boards: { type: 'string' },
  data: { type: 'string' },
  backplane: { type: 'string' },
  eeprom: { type: 'string' },
  bmc: { type: 'string' },
  broker: { type: 'string' },
  user: { type: 'string' },
  'password-file': { type: 'string' },
  mqtt: { type: 'string' },
  json: { type: 'boolean' },
  console: { type: 'string' },
  baud: { type: 'string' },
  slot: { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

type Environment = { readonly [name: string]: string | undefined }

export type Asked =
  | { readonly ask: 'run'; readonly config: Config }
  | { readonly ask: 'help' | 'version' }
  | { readonly ask: 'complain'; readonly complaints: readonly string[] }

export function readConfig(args: readonly string[], boards: string, env: Environment = process.env): Asked {
  let values: { readonly [name: string]: string | boolean | undefined }
  try {
    values = parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    return { ask: 'complain', complaints: [error instanceof Error ? error.message : String(error)] }
  }
  if (values.help) return { ask: 'help' }
  if (values.version) return { ask: 'version' }
  const complaints: string[] = []
  const text = (name: keyof typeof options): string | undefined => {
    const value = values[name] ?? env[`MIDPLANE_${name.toUpperCase().replace('-', '_')}`]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const needed = (name: keyof typeof options): string => {
    const value = text(name)
    if (value === undefined) complaints.push(`--${name} is missing`)
    return value ?? ''
  }
  const chassisText = needed('chassis')
  const chassis = parseId<'Chassis'>(chassisText)
  if (chassisText !== '' && !chassis) complaints.push(`--chassis ${chassisText}: ids are [a-z0-9][a-z0-9-]{0,47}`)
  const board = needed('board')
  const data = needed('data')
  const backplane = needed('backplane')
  const eeprom = text('eeprom')
  const broker = readBroker(text, complaints)
  const bmcFile = text('bmc')
  const bmc = bmcFile === undefined ? {} : readAccounts(bmcFile, complaints)
  const line = readConsole(text, complaints)
  const slot = text('slot') ?? 'A'
  if (slot !== 'A' && slot !== 'B') complaints.push(`--slot ${slot}: A or B`)
  const json = values.json === true || env.MIDPLANE_JSON === '1'
  if (complaints.length > 0 || !chassis) return { ask: 'complain', complaints }
  return {
    ask: 'run',
    config: {
      chassis,
      board,
      boards: text('boards') ?? boards,
      data,
      backplane,
      bmc,
      json,
      console: line,
      slot: slot === 'B' ? 'B' : 'A',
      ...(eeprom !== undefined && { eeprom }),
      ...(broker && { broker }),
    },
  }
}

type Text = (name: keyof typeof options) => string | undefined

function readBroker(text: Text, complaints: string[]): Config['broker'] {
  const url = text('broker')
  if (url === undefined) return undefined
  if (!/^(mqtt|mqtts|tcp|tls):\/\/[^/]/.test(url))
    complaints.push(`--broker ${url}: give mqtt://host:port or mqtts://host:port`)
  const version = text('mqtt') ?? 'auto'
  if (!['auto', '3', '5'].includes(version)) complaints.push(`--mqtt ${version}: auto, 3 or 5`)
  const username = text('user')
  const file = text('password-file')
  let password: string | undefined
  if (file !== undefined) {
    try {
      password = readFileSync(file, 'utf8').trim()
    } catch {
      complaints.push(`--password-file ${file} can not be read`)
    }
  }
  return {
    url,
    version: version === '5' ? 5 : version === '3' ? 4 : 'auto',
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
  }
}

function readAccounts(file: string, complaints: string[]): Config['bmc'] {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    complaints.push(`--bmc ${file} can not be read: ${error instanceof Error ? error.message : String(error)}`)
    return {}
  }
  const accounts: { [bay: number]: BmcAccount } = {}
  for (const [bay, account] of Object.entries(typeof parsed === 'object' && parsed !== null ? parsed : {})) {
    const { url, user, password } = (account ?? {}) as { readonly [name: string]: unknown }
    if (
      !/^[1-9]\d*$/.test(bay) ||
      typeof url !== 'string' ||
      typeof user !== 'string' ||
      typeof password !== 'string'
    ) {
      complaints.push(`--bmc ${file}: bay ${bay} needs url, user and password`)
    } else accounts[Number(bay)] = { url, user, password }
  }
  return accounts
}

function readConsole(text: Text, complaints: string[]): Config['console'] {
  const line = text('console') ?? 'none'
  if (line === 'none' || line === 'stdio') return line
  const baud = Number(text('baud') ?? '115200')
  if (!Number.isInteger(baud) || baud < 300 || baud > 4_000_000)
    complaints.push(`--baud ${text('baud')}: 300 to 4000000`)
  return { path: line, baud }
}
