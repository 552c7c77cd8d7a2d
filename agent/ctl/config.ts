/** Settings of chassisctl: what the options say, else the environment, else the usual. Files are read here. */
import { readFileSync } from 'node:fs'
import { type OptionTable, readDuration, readId, Usage } from './arguments.ts'
import { Failed } from './errors.ts'

export type Environment = { readonly [name: string]: string | undefined }

export const environment = (): Environment => process.env

export const globalOptions: OptionTable = {
  broker: { value: 'URL', say: 'usual: MIDPLANE_BROKER, or mqtt://127.0.0.1:1883' },
  chassis: { value: 'ID', say: 'usual: MIDPLANE_CHASSIS, or the only one there is' },
  client: { value: 'ID', say: 'who commands; usual: MIDPLANE_CLIENT, or chassisctl' },
  output: { value: 'FORMAT', short: 'o', say: 'table | json | jsonl' },
  timeout: { value: 'TIME', say: 'longest wait, as 500ms, 60s or 2m' },
  mqtt: { value: '3|5', say: '3.1.1 (usual), or 5 where the broker speaks it' },
  ca: { value: 'FILE', say: 'authority, for mqtts:// (MIDPLANE_CA)' },
  cert: { value: 'FILE', say: 'certificate of this client (MIDPLANE_CERT)' },
  key: { value: 'FILE', say: 'its private key (MIDPLANE_KEY)' },
  help: { short: 'h', say: 'how it is used; with a verb, that verb' },
  version: { say: 'version of this program' },
}

export const changeOptions: OptionTable = {
  'dry-run': { say: 'change nothing: show every step, or every reason against it' },
  wait: { say: 'wait until it is done (in sync), not only accepted' },
  'request-id': { value: 'ID', say: 'the same id again runs nothing twice' },
  'if-revision': { value: 'N', say: 'refuse if anything changed since this revision' },
}

export type Format = 'table' | 'json' | 'jsonl'

export interface Settings {
  readonly broker: string
  readonly chassis?: string
  readonly client: string
  readonly mqttClientId?: string
  readonly format: Format
  /** Absent: each wait has its own usual limit. */
  readonly timeoutMs?: number
  readonly mqtt: 3 | 5
  readonly tls?: { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array }
}

export function settings(options: ReadonlyMap<string, string | true>, env: Environment): Settings {
  const said = (name: string, variable?: string): string | undefined => {
    const option = options.get(name)
    if (typeof option === 'string') return option
    return (variable !== undefined && env[variable]) || undefined
  }
  const broker = said('broker', 'MIDPLANE_BROKER') ?? 'mqtt://127.0.0.1:1883'
  if (!/^mqtts?:\/\/[^/\s]+\/?$/.test(broker))
    throw new Usage(`'${broker}' is no broker; say mqtt://host:1883 or mqtts://host:8883`)
  const format = said('output') ?? 'table'
  if (format !== 'table' && format !== 'json' && format !== 'jsonl')
    throw new Usage(`there is no output '${format}'; say -o table, json or jsonl`)
  const mqtt = said('mqtt') ?? '3'
  if (mqtt !== '3' && mqtt !== '5') throw new Usage(`there is no MQTT ${mqtt} here; say --mqtt 3 or --mqtt 5`)
  const chassis = said('chassis', 'MIDPLANE_CHASSIS')
  const client = readId(said('client', 'MIDPLANE_CLIENT') ?? 'chassisctl', 'client id')
  const timeout = said('timeout')
  const files = { ca: said('ca', 'MIDPLANE_CA'), cert: said('cert', 'MIDPLANE_CERT'), key: said('key', 'MIDPLANE_KEY') }
  const read = Object.entries(files).flatMap(([name, path]) => (path ? [[name, readFile(name, path)] as const] : []))
  return {
    broker,
    ...(chassis !== undefined && { chassis: readId(chassis, 'chassis id') }),
    client,
    // A broker that knows clients by their certificates wants the MQTT client id to be that name.
    ...(files.cert !== undefined && { mqttClientId: client }),
    format,
    ...(timeout !== undefined && { timeoutMs: readDuration(timeout, '--timeout') }),
    mqtt: mqtt === '5' ? 5 : 3,
    ...(read.length > 0 && { tls: Object.fromEntries(read) }),
  }
}

export function readFile(what: string, path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new Failed(`${what}: ${path} can not be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`)
  }
}
