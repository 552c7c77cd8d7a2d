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
    /** PEM, for mqtts. */
    readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  }
  readonly json: boolean
  /** Unix socket path, or TCP port on loopback. */
  readonly backplane: string
  /** Absent: this chassis has no EEPROM. */
  readonly eeprom?: string
  readonly bmc: { readonly [bay: number]: BmcAccount }
  readonly console: 'none' | 'stdio' | { readonly path: string; readonly baud: number }
  readonly slot: 'A' | 'B'
  /** Serial number of this controller, as it is printed on it. */
  readonly serial?: string
  /** Where the other controller is, and where this one listens for it. Absent: it is alone. */
  readonly pair?: { readonly listen: Place; readonly peer: Place }
  /** Somebody says for this one start that flash is right, where nothing proves it (W14). */
  readonly adopt?: ChassisId
}

export interface Place {
  readonly host: string
  readonly port: number
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
  --ca <file>           PEM, for mqtts://                              [those that Node knows]
  --cert <file>         PEM, this chassis' certificate
  --key <file>          PEM, its key
  --mqtt auto|3|5       protocol version                               [auto]
  --json                publish the JSON mirror too
  --console stdio|<tty>|none        the technician's line              [none]
  --baud <rate>         of the tty                                     [115200]
  --slot A|B            controller bay                                 [A]
  --serial <text>       serial number of this controller               [none]
  --peer <host:port>    the other controller of a pair                 [none]
  --listen <host:port>  where this one listens for it; with --peer
  --adopt <chassis>     for one start: what is on flash is right, though no EEPROM proves it
  --help, --version

Each option up to --listen can be given as MIDPLANE_<NAME> in the environment; --json there is MIDPLANE_JSON=1.
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
  ca: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  mqtt: { type: 'string' },
  json: { type: 'boolean' },
  console: { type: 'string' },
  baud: { type: 'string' },
  slot: { type: 'string' },
  serial: { type: 'string' },
  peer: { type: 'string' },
  listen: { type: 'string' },
  adopt: { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
} as const

type Environment = { readonly [name: string]: string | undefined }

export type Asked =
  | { readonly ask: 'run'; readonly config: Config }
  | { readonly ask: 'help' | 'version' }
  | { readonly ask: 'complain'; readonly complaints: readonly string[] }

export function readConfig(args: readonly string[], boards: string, env: Environment = process.env): Asked {
  const complaints: string[] = []
  const values = readArgs(args, complaints)
  if (values.help) return { ask: 'help' }
  if (values.version) return { ask: 'version' }
  const text = (name: Option): string | undefined => {
    const value = values[name] ?? env[`MIDPLANE_${name.toUpperCase().replaceAll('-', '_')}`]
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const needed = (name: Option): string => {
    const value = text(name)
    if (value === undefined) complaints.push(`--${name} is missing`)
    return value ?? ''
  }
  const chassisText = needed('chassis')
  const chassis = parseId<'Chassis'>(chassisText)
  if (chassisText !== '' && !chassis) complaints.push(`--chassis ${chassisText} is no id: [a-z0-9][a-z0-9-]{0,47}`)
  const board = needed('board')
  const data = needed('data')
  const backplane = needed('backplane')
  if (/^\d+$/.test(backplane) && !isPort(backplane)) complaints.push(`--backplane ${backplane} is no port: 1 to 65535`)
  const eeprom = text('eeprom')
  const broker = readBroker(text, complaints)
  const bmcFile = text('bmc')
  const bmc = bmcFile === undefined ? {} : readAccounts(bmcFile, complaints)
  const line = readConsole(text, complaints)
  const slot = text('slot') ?? 'A'
  if (slot !== 'A' && slot !== 'B') complaints.push(`--slot ${slot} is neither A nor B`)
  const serial = text('serial')
  if (serial !== undefined && !/^[\w.-]{1,32}$/.test(serial))
    complaints.push(`--serial ${serial} is none: 1 to 32 letters, digits, dots and dashes`)
  const pair = readPair(text, complaints)
  if (pair && eeprom === undefined)
    complaints.push('--peer needs --eeprom, which tells the controllers who is a member')
  // Not from the environment: it is said for one start, by somebody who looked.
  const adopt = values.adopt
  if (adopt !== undefined && adopt !== chassis)
    complaints.push(`--adopt ${adopt} is not this chassis: name the one that --chassis names`)
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
      ...(serial !== undefined && { serial }),
      ...(pair && { pair }),
      ...(adopt !== undefined && { adopt: chassis }),
      ...(eeprom !== undefined && { eeprom }),
      ...(broker && { broker }),
    },
  }
}

type Option = keyof typeof options
type Text = (name: Option) => string | undefined

/** As far as they can be read; what can not is complained of, in our words and one sentence each. */
function readArgs(
  args: readonly string[],
  complaints: string[],
): { readonly [name in Option]?: string | true | undefined } {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true })
  const values: { [name in Option]?: string | true } = {}
  for (const token of tokens) {
    if (token.kind !== 'option') {
      if (token.kind === 'positional') complaints.push(`${token.value} is no option`)
      continue
    }
    const name = Object.keys(options).find((known): known is Option => known === token.name)
    if (name === undefined) complaints.push(`there is no option ${token.rawName}`)
    else if (options[name].type === 'boolean') {
      if (token.value !== undefined) complaints.push(`--${name} takes no value`)
      values[name] = true
    } else if (token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('-')))
      complaints.push(`--${name} needs a value`)
    else values[name] = token.value
  }
  return values
}

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535

/** An address without an account in it: those are printed in logs. */
function isPlainUrl(text: string, schemes: readonly string[]): boolean {
  try {
    const { protocol, hostname, username, password } = new URL(text)
    return schemes.includes(protocol) && hostname !== '' && username === '' && password === ''
  } catch {
    return false
  }
}

function readPair(text: Text, complaints: string[]): Config['pair'] {
  const peer = text('peer')
  const listen = text('listen')
  if ((peer === undefined) !== (listen === undefined)) complaints.push('--peer and --listen go together')
  if (peer === undefined || listen === undefined) return undefined
  const place = (name: Option, at: string): Place => {
    const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(at) ?? []
    if (host === '' || !isPort(port)) complaints.push(`--${name} ${at} is no host:port`)
    return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
  }
  return { peer: place('peer', peer), listen: place('listen', listen) }
}

function readBroker(text: Text, complaints: string[]): Config['broker'] {
  const url = text('broker')
  const version = text('mqtt') ?? 'auto'
  if (version !== 'auto' && version !== '3' && version !== '5')
    complaints.push(`--mqtt ${version} is neither auto, 3 nor 5`)
  const username = text('user')
  const file = text('password-file')
  const password = file === undefined ? undefined : readPassword(file, complaints)
  if (file !== undefined && username === undefined) complaints.push('--password-file needs --user')
  const tls = readTls(text, complaints)
  if (tls && url !== undefined && !/^(mqtts|tls):/.test(url)) complaints.push('--ca, --cert and --key need mqtts://')
  if (url === undefined) return undefined
  if (!isPlainUrl(url, ['mqtt:', 'mqtts:', 'tcp:', 'tls:']))
    complaints.push('--broker is no mqtt://host:port or mqtts://host:port without an account in it')
  return {
    url,
    version: version === '5' ? 5 : version === '3' ? 4 : 'auto',
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
  }
}

function readTls(text: Text, complaints: string[]): NonNullable<Config['broker']>['tls'] {
  const files = (['ca', 'cert', 'key'] as const).flatMap((name) => {
    const file = text(name)
    if (file === undefined) return []
    try {
      return [[name, readFileSync(file, 'utf8')] as const]
    } catch {
      complaints.push(`--${name} ${file} can not be read`)
      return []
    }
  })
  return files.length === 0 ? undefined : Object.fromEntries(files)
}

function readPassword(file: string, complaints: string[]): string | undefined {
  try {
    // An editor ends the line; every other space may be meant.
    const password = readFileSync(file, 'utf8').replace(/\r?\n$/, '')
    if (password !== '') return password
    complaints.push(`--password-file ${file} is empty`)
  } catch {
    complaints.push(`--password-file ${file} can not be read`)
  }
  return undefined
}

function readAccounts(file: string, complaints: string[]): Config['bmc'] {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch {
    complaints.push(`--bmc ${file} can not be read`)
    return {}
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(content)
  } catch {
    // What JSON.parse says quotes the file, and passwords are in it.
    complaints.push(`--bmc ${file} is no JSON`)
    return {}
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    complaints.push(`--bmc ${file} is no table of bays: {"1": {"url", "user", "password"}, …}`)
    return {}
  }
  const accounts: { [bay: number]: BmcAccount } = {}
  for (const [bay, account] of Object.entries(parsed as { readonly [bay: string]: unknown })) {
    const { url, user, password } = (account ?? {}) as { readonly [name: string]: unknown }
    if (!/^[1-9]\d{0,3}$/.test(bay)) complaints.push(`--bmc ${file}: ${bay} is no bay`)
    else if (typeof url !== 'string' || typeof user !== 'string' || typeof password !== 'string')
      complaints.push(`--bmc ${file}: bay ${bay} needs url, user and password`)
    else if (!isPlainUrl(url, ['http:', 'https:']))
      complaints.push(`--bmc ${file}: the url of bay ${bay} is no http://host:port without an account in it`)
    else accounts[Number(bay)] = { url, user, password }
  }
  return accounts
}

function readConsole(text: Text, complaints: string[]): Config['console'] {
  const line = text('console') ?? 'none'
  const rate = text('baud') ?? '115200'
  const baud = Number(rate)
  if (!/^\d+$/.test(rate) || baud < 300 || baud > 4_000_000)
    complaints.push(`--baud ${rate} is no rate: 300 to 4000000`)
  return line === 'none' || line === 'stdio' ? line : { path: line, baud }
}
