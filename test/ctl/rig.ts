/** Runs chassisctl in process, as a script or a person would, and gives back all that can be seen of it. */
import { Readable } from 'node:stream'
import { afterEach } from 'vitest'
import type { Io } from '../../agent/ctl/context.ts'
import { run } from '../../agent/ctl/run.ts'
import { type Broker, startBroker } from './broker.ts'
import { Responder, type ResponderOptions } from './responder.ts'

export interface Ran {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly stdin?: string
  /** Somebody looks at stderr. */
  readonly tty?: boolean
  readonly env?: { readonly [name: string]: string }
  readonly signal?: AbortSignal
  /** Called with all of stdout so far. */
  readonly onStdout?: (text: string) => void
  readonly onStderr?: (text: string) => void
}

export async function ctl(line: string | readonly string[], options: RunOptions = {}): Promise<Ran> {
  const argv = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line
  let stdout = ''
  let stderr = ''
  const io: Io = {
    stdout: {
      write: (text) => {
        stdout += text
        options.onStdout?.(stdout)
      },
    },
    stderr: {
      write: (text) => {
        stderr += text
        options.onStderr?.(stderr)
      },
    },
    stdin: Readable.from([Buffer.from(options.stdin ?? '')]),
    isTTY: { stdin: options.stdin === undefined, stderr: options.tty ?? false },
    env: options.env ?? {},
    ...(options.signal && { signal: options.signal }),
  }
  const exit = await run(argv, io)
  return { exit, stdout, stderr }
}

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

export async function broker(): Promise<Broker> {
  const started = await startBroker()
  open.push(started)
  return started
}

export async function chassis(on: Broker, options: ResponderOptions = {}): Promise<Responder> {
  const started = await new Responder(on.url, options).start()
  open.push(started)
  return started
}

export function opened<Thing extends { close(): Promise<void> }>(thing: Thing): Thing {
  open.push(thing)
  return thing
}

/** One chassis on one broker, and chassisctl pointed at them. */
export async function rig(options: ResponderOptions = {}) {
  const on = await broker()
  const agent = await chassis(on, options)
  const env = { MIDPLANE_BROKER: on.url, MIDPLANE_CHASSIS: agent.chassis }
  return {
    broker: on,
    agent,
    ctl: (line: string | readonly string[], more: RunOptions = {}) =>
      ctl(line, { ...more, env: { ...env, ...more.env } }),
  }
}

/** Two pools and two profiles, one of them assigned. */
export const document = {
  pools: [
    { id: 'lan', kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 1 } },
    { id: 'san', kind: 'wwpn', range: { by: 'preset', preset: 'hp-vc', index: 1 } },
  ],
  secrets: [{ id: 'chap-1', value: 'correct horse' }],
  profiles: [
    {
      id: 'web-01',
      description: 'first web server',
      connections: [{ id: 'prod', kind: 'nic', slot: 'lom', mac: { from: 'pool', pool: 'lan' } }],
      boot: { mode: 'uefi', order: [{ target: 'pxe', connection: 'prod' }] },
    },
    {
      id: 'db-01',
      connections: [
        { id: 'prod', kind: 'nic', slot: 'lom', mac: { from: 'pool', pool: 'lan' } },
        { id: 'san', kind: 'fc', wwpn: { from: 'pool', pool: 'san' } },
      ],
      boot: {
        order: [{ target: 'fc', connection: 'san', targets: [{ wwpn: '50:06:01:60:3b:a0:00:01', lun: '0' }] }],
      },
    },
  ],
  assignments: [{ profile: 'web-01', bay: 1 }],
}
export const text = (json: unknown) => JSON.stringify(json)
