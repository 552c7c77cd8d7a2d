/**
 * The back door of the simulated chassis: HTTP and JSON on a port of its own, for tests, demonstrations and
 * people. What it can do is in `deeds.ts`; here bodies are read and answers written. The agent is never told
 * where it is.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { controllerSlots } from '../backplane/protocol.ts'
import { parseSerial } from '../core/addresses.ts'
import type { Bay, BmcPolicy } from '../core/blade.ts'
import { lineOf } from './arbiter.ts'
import type { BladeFault, San } from './chassis.ts'
import type { Deed, Newcomer } from './deeds.ts'
import type { ChassisHost } from './host.ts'
import { bootRecords, duplicates } from './log.ts'
import { slotOf } from './slots.ts'

export interface ServedBackDoor {
  readonly url: string
  close(): Promise<void>
}

const mostBytes = 65_536

/** What is wrong with a request, in a sentence for who sent it. */
class Complaint extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface Body {
  readonly [name: string]: unknown
}

export async function serveBackDoor(host: ChassisHost, port: number): Promise<ServedBackDoor> {
  const server = createServer((request, response) => {
    answer(host, request).then(
      (body) => reply(response, 200, body),
      (error: unknown) => {
        if (error instanceof Complaint) reply(response, error.status, { error: error.message })
        else if (!response.destroyed && request.destroyed) response.destroy()
        else throw error
      },
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { port: bound } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${bound}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

async function answer(host: ChassisHost, request: IncomingMessage): Promise<unknown> {
  const url = new URL(`http://back-door${request.url ?? '/'}`)
  const shown = looks[url.pathname]
  const read = deeds[url.pathname]
  if (shown !== undefined) {
    if (request.method !== 'GET') throw new Complaint(405, `${url.pathname} is looked at: GET it`)
    return shown(host, url.searchParams)
  }
  if (read === undefined) {
    const all = [
      ...Object.keys(looks).map((path) => `GET ${path}`),
      ...Object.keys(deeds).map((path) => `POST ${path}`),
    ]
    throw new Complaint(404, `nothing is at ${url.pathname}; there are ${all.join(', ')}`)
  }
  if (request.method !== 'POST') throw new Complaint(405, `${url.pathname} is done: POST it`)
  const refused = host.perform(read(await bodyOf(request)))
  if (refused !== undefined) throw new Complaint(409, refused)
  return { done: true }
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    const piece = Buffer.from(chunk)
    bytes += piece.length
    if (bytes > mostBytes) throw new Complaint(413, `a body has at most ${mostBytes} bytes`)
    chunks.push(piece)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  try {
    const body = asBody(text.trim() === '' ? {} : JSON.parse(text))
    if (body !== undefined) return body
  } catch {
    // Told below, like everything else that is no object.
  }
  throw new Complaint(400, 'the body is one JSON object')
}

function asBody(value: unknown): Body | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

type Look = (host: ChassisHost, query: URLSearchParams) => unknown

const looks: { readonly [path: string]: Look } = {
  '/log': (host, query) => {
    host.settle()
    const { first, entries } = host.heardSince(count(query.get('since') ?? '0', 'since'))
    return { first, next: first + entries.length, entries }
  },
  '/boots': (host, query) => {
    host.settle()
    const bay = query.get('bay')
    const wanted = bay === null ? undefined : count(bay, 'bay')
    return {
      boots: bootRecords(host.heardSince(0).entries).filter((each) => wanted === undefined || each.bay === wanted),
    }
  },
  '/duplicates': (host) => {
    host.settle()
    return { duplicates: duplicates(host.heardSince(0).entries) }
  },
  '/world': (host) => {
    const { hardware, slots, arbiter: _, ...rest } = host.settle()
    const bays = Object.fromEntries(
      Object.entries(slots).map(([bay, slot]) => [bay, { ...slot, shows: slotOf(host.world, Number(bay)) }]),
    )
    const line = lineOf(host.world)
    return { board: hardware.board.id, ...rest, bays, ...(line && { line }) }
  },
}

type Read = (body: Body) => Deed

const deeds: { readonly [path: string]: Read } = {
  '/insert': (body) => ({ do: 'insert', bay: bayOf(body), blade: newcomer(body) }),
  '/pull': (body) => ({ do: 'pull', bay: bayOf(body) }),
  '/swap': (body) => ({
    do: 'swap',
    bay: bayOf(body),
    blade: body.with === undefined ? newcomer(body) : { with: whole(body, 'with') },
  }),
  '/adapter': (body) => ({
    do: 'adapter',
    bay: bayOf(body),
    slot: text(body, 'slot'),
    ...(body.model !== undefined && { model: text(body, 'model') }),
  }),
  '/button': (body) => ({ do: 'button', bay: bayOf(body), hold: flag(body, 'hold', false) }),
  '/wake': (body) => ({ do: 'wake', bay: bayOf(body) }),
  '/system': (body) => ({ do: 'system', bay: bayOf(body), does: oneOf(body, 'does', ['shutdown', 'reboot']) }),
  '/policy': (body) => ({ do: 'policy', bay: bayOf(body), policy: policyOf(body) }),
  '/ac': (body) => ({ do: 'ac', on: flag(body, 'on') }),
  '/controller': (body) => ({
    do: 'controller',
    slot: oneOf(body, 'slot', controllerSlots),
    does: oneOf(body, 'does', ['remove', 'insert']),
  }),
  '/bmc': (body) => bmcDeed(body),
  '/san': (body) => ({
    do: 'san',
    ...(body.luns !== undefined && { luns: lunsOf(body.luns) }),
    ...(body.pxe !== undefined && { pxe: body.pxe === null ? 'any' : texts(body.pxe, 'pxe') }),
  }),
  '/interconnect': (body) => ({
    do: 'interconnect',
    id: text(body, 'id'),
    kind: oneOf(body, 'kind', ['ethernet', 'fc', 'converged', 'empty']),
  }),
  '/part': (body) => ({
    do: 'part',
    part: text(body, 'part'),
    state: oneOf(body, 'state', ['ok', 'failed', 'absent']),
  }),
}

/** `{bay, fault, …}` breaks, with `on: false` mends; `{bay, mend: true}` mends all; `{bay, reboot: true}`; `{bay, user, password}`. */
function bmcDeed(body: Body): Deed {
  const bay = bayOf(body)
  if (body.reboot === true) return { do: 'reboot-bmc', bay }
  if (body.mend === true) return { do: 'mend', bay }
  if (body.user !== undefined) {
    return { do: 'credentials', bay, credentials: { user: text(body, 'user'), password: text(body, 'password') } }
  }
  const fault = faultOf(body)
  return flag(body, 'on', true) ? { do: 'break', bay, fault } : { do: 'mend', bay, fault: fault.kind }
}

const faults = [
  'silent',
  'slow',
  'lies-power',
  'lies-addresses',
  'lies-writes',
  'starved',
  'late',
  'post-fails',
  'ignores-shutdown',
  'wrong-serial',
  'power-lag',
] as const satisfies readonly BladeFault['kind'][]

function faultOf(body: Body): BladeFault {
  const kind = oneOf(body, 'fault', faults)
  const mends = body.on === false
  switch (kind) {
    case 'silent':
    case 'lies-power':
    case 'lies-addresses':
    case 'lies-writes':
    case 'starved':
    case 'ignores-shutdown':
      return { kind }
    case 'slow':
    case 'late':
    case 'power-lag':
      return { kind, ms: mends ? 0 : whole(body, 'ms') }
    case 'post-fails':
      return { kind, after: body.after === undefined ? 0 : whole(body, 'after') }
    case 'wrong-serial': {
      const serial = parseSerial(mends ? 'none' : text(body, 'serial'))
      if (serial === undefined) throw new Complaint(400, 'serial is 1 to 64 printable characters')
      return { kind, serial }
    }
  }
}

function newcomer(body: Body): Newcomer {
  if (body.serial !== undefined) return { serial: text(body, 'serial') }
  if (body.product === undefined)
    throw new Complaint(400, 'name the blade by product (a new one) or by serial (one that was pulled)')
  return { product: text(body, 'product'), localDisk: flag(body, 'localDisk', true) }
}

function policyOf(body: Body): Partial<BmcPolicy> {
  if (body.restore === undefined && body.button === undefined && body.wake === undefined)
    throw new Complaint(400, 'say restore, button or wake')
  const on = ['enabled', 'disabled'] as const
  return {
    ...(body.restore !== undefined && { restore: oneOf(body, 'restore', ['always-off', 'last-state', 'always-on']) }),
    ...(body.button !== undefined && { button: oneOf(body, 'button', on) }),
    ...(body.wake !== undefined && { wake: oneOf(body, 'wake', on) }),
  }
}

function lunsOf(value: unknown): San['luns'] {
  if (!Array.isArray(value)) throw new Complaint(400, 'luns is a list')
  return value.map((each) => {
    const rule = asBody(each)
    if (rule === undefined) throw new Complaint(400, 'each of luns is an object')
    const secret = (name: 'chap' | 'mutual') => {
      const held = asBody(rule[name])
      return held && { [name]: { user: text(held, 'user'), secret: text(held, 'secret') } }
    }
    return {
      target: text(rule, 'target').toLowerCase(),
      ...(rule.lun !== undefined && { lun: text(rule, 'lun') }),
      initiators: texts(rule.initiators, 'initiators'),
      ...secret('chap'),
      ...secret('mutual'),
    }
  })
}

function bayOf(body: Body): Bay {
  return whole(body, 'bay')
}

function whole(body: Body, name: string): number {
  const value = body[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new Complaint(400, `${name} is a whole number`)
  return value
}

function count(value: string, name: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new Complaint(400, `${name} is a whole number`)
  return Number(value)
}

function text(body: Body, name: string): string {
  const value = body[name]
  if (typeof value !== 'string' || value === '') throw new Complaint(400, `${name} is a text`)
  return value
}

function texts(value: unknown, name: string): readonly string[] {
  if (!Array.isArray(value)) throw new Complaint(400, `${name} is a list of texts`)
  return value.map((each) => {
    if (typeof each !== 'string') throw new Complaint(400, `${name} is a list of texts`)
    return each.toLowerCase()
  })
}

function flag(body: Body, name: string, otherwise?: boolean): boolean {
  const value = body[name] ?? otherwise
  if (typeof value !== 'boolean') throw new Complaint(400, `${name} is true or false`)
  return value
}

function oneOf<Word extends string>(body: Body, name: string, words: readonly Word[]): Word {
  const word = words.find((each) => each === body[name])
  if (word === undefined) throw new Complaint(400, `${name} is one of ${words.join(', ')}`)
  return word
}
