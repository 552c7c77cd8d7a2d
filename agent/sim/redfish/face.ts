/**
 * The Redfish face of a simulated BMC: one HTTP service per bay (DSP0266). It turns requests into what
 * the world can be asked and the answers back into resources, and keeps nothing itself: an ETag is a
 * digest of the resource, a session token is the world's own session, and each request looks anew. A
 * BMC that is silent in the world is silent here, for the root as for everything else.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Bay, canonical } from '../../core/blade.ts'
import { Field, isObject, type Json, type JsonObject, Unreadable } from '../../redfish/json.ts'
import { complaint } from '../../redfish/message.ts'
import type { BmcAnswer, BmcPort, BmcRequest, SessionId } from '../bmc.ts'
import { changesOfAction, changesOfPatch, isAction } from './changes.ts'
import { No, NobodyHere, noBecauseRefused, noBecauseUnreadable, noResource, noSession } from './no.ts'
import { describedBy, metadata, oemSchema, oemSchemaPath, serviceDocument } from './schema.ts'
import { expand, maxLevels, paths, type Resource, resourceAt, root, seen, serviceRoot, type View } from './tree.ts'

export interface FaceOptions {
  readonly bay: Bay
  readonly host: string
  /** 0 takes a free one; the url tells which. */
  readonly tcpPort: number
  readonly limits?: { readonly bodyBytes?: number; readonly connections?: number }
}

export interface Face {
  readonly url: string
  close(): Promise<void>
}

interface Reply {
  readonly status: number
  readonly headers: { readonly [name: string]: string }
  readonly body?: string
}

interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
  readonly signal: AbortSignal
}

export async function serveRedfish(port: BmcPort, options: FaceOptions): Promise<Face> {
  const bodyBytes = options.limits?.bodyBytes ?? 65_536
  const open = new Set<AbortController>()
  const server = createServer({ noDelay: true, keepAlive: true }, (request, response) => {
    const gone = new AbortController()
    open.add(gone)
    response.once('close', () => {
      open.delete(gone)
      gone.abort()
    })
    answerTo(port, options.bay, bodyBytes, request, gone.signal).then(
      (reply) => send(request, response, reply),
      (bug: unknown) => {
        if (bug instanceof NobodyHere) response.destroy()
        // Nobody is there to hear it any more; anything else is a bug, and must be seen as one.
        else if (!gone.signal.aborted) throw bug
      },
    )
  })
  server.maxConnections = options.limits?.connections ?? 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.tcpPort, options.host, () => resolve())
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://${options.host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const gone of open) gone.abort()
        server.closeAllConnections()
      }),
  }
}

async function answerTo(
  port: BmcPort,
  bay: Bay,
  bodyBytes: number,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<Reply> {
  try {
    const target = request.url ?? '/'
    if (!URL.canParse(target, 'http://bmc')) throw noResource(target)
    const url = new URL(target, 'http://bmc')
    const path = url.pathname.length > 1 ? url.pathname.replace(/\/$/, '') : url.pathname
    const body = await bodyOf(request, bodyBytes)
    const asked: Asked = {
      method: request.method ?? 'GET',
      path,
      query: url.searchParams,
      headers: request.headers,
      body,
      signal,
    }
    const version = request.headers['odata-version']
    if (version !== undefined && version !== '4.0') {
      throw new No(
        complaint('HeaderInvalid', `OData-Version ${String(version).slice(0, 20)} is not spoken, 4.0 is`, {
          args: ['OData-Version'],
          status: 412,
        }),
      )
    }
    return await answer(port, bay, asked)
  } catch (error) {
    const no = error instanceof Unreadable ? noBecauseUnreadable(error) : error
    if (no instanceof No) return reply(no.complaint.status, no.complaint.body, no.headers)
    throw error
  }
}

async function answer(port: BmcPort, bay: Bay, asked: Asked): Promise<Reply> {
  const open = openTo(asked)
  if (open !== undefined) {
    await alive(port, bay, asked)
    allow(asked, open.allow)
    return open.reply
  }
  if (asked.method === 'POST' && (asked.path === paths.sessions || asked.path === `${paths.sessions}/Members`))
    return login(port, bay, asked)
  const token = asked.headers['x-auth-token']
  if (typeof token === 'string') return within(port, bay, asked, token)
  const basic = basicCredentials(asked.headers.authorization)
  if (basic === undefined) {
    await alive(port, bay, asked)
    throw noSession()
  }
  const session = sessionOf(await demand(port, bay, { kind: 'login', ...basic }, asked))
  try {
    return await within(port, bay, asked, session)
  } finally {
    await port.ask(bay, { kind: 'logout', session }, asked.signal)
  }
}

/** What may be read without a session (DSP0266 §13.3): version, root, and the two metadata documents. */
function openTo(asked: Asked): { readonly allow: readonly string[]; readonly reply: Reply } | undefined {
  const reads = ['GET', 'HEAD']
  const xml = (body: string): Reply => ({
    status: 200,
    headers: { 'Content-Type': 'application/xml', Allow: 'GET, HEAD' },
    body,
  })
  switch (asked.path) {
    case '/redfish':
      return { allow: reads, reply: reply(200, { v1: `${root}/` }) }
    case root: {
      if (asked.query.has('$expand')) return undefined
      unsupportedQuery(asked)
      const body = resourceAt(root, nothingSeen)?.body ?? {}
      return { allow: reads, reply: resourceReply(asked, serviceRoot(), tagged(body)) }
    }
    case `${root}/odata`:
      return { allow: reads, reply: reply(200, serviceDocument()) }
    case `${root}/$metadata`:
      return { allow: reads, reply: xml(metadata()) }
    case oemSchemaPath:
      return { allow: reads, reply: xml(oemSchema()) }
    default:
      return undefined
  }
}

async function login(port: BmcPort, bay: Bay, asked: Asked): Promise<Reply> {
  const body = new Field(jsonOf(asked))
  const credentials = { user: body.at('UserName').text(), password: body.at('Password').text() }
  const session = sessionOf(await demand(port, bay, { kind: 'login', ...credentials }, asked))
  const name = sessionName(session)
  const shown = resourceAt(`${paths.sessions}/${name}`, { ...nothingSeen, sessions: [name] })
  return reply(201, tagged(shown?.body ?? {}), { Location: `${paths.sessions}/${name}`, 'X-Auth-Token': session })
}

/** A request inside a session. */
async function within(port: BmcPort, bay: Bay, asked: Asked, session: SessionId): Promise<Reply> {
  const ask = (request: BmcRequest) => demand(port, bay, request, asked)
  const view = await look(ask, asked, session)
  const resource = resourceAt(asked.path, view)
  if (resource === undefined) {
    if (!isAction(asked.path, view.blade)) throw noResource(asked.path)
    allow(asked, ['POST'])
    for (const change of changesOfAction(asked.path, asked.body.length === 0 ? {} : jsonOf(asked), seen(view), session))
      await ask(change)
    return { status: 204, headers: {} }
  }
  allow(asked, resource.allow)
  switch (asked.method) {
    case 'PATCH': {
      matches(asked, tagged(resource.body))
      for (const change of changesOfPatch(asked.path, jsonOf(asked), resource.body, seen(view), session))
        await ask(change)
      return { status: 204, headers: {} }
    }
    case 'DELETE': {
      const name = asked.path.slice(paths.sessions.length + 1)
      const listed = (await ask({ kind: 'sessions', session })).sessions ?? []
      const other = listed.find((one) => sessionName(one) === name)
      if (other === undefined) throw noResource(asked.path)
      await ask(other === session ? { kind: 'logout', session } : { kind: 'end-session', session, other })
      return { status: 204, headers: {} }
    }
    default: {
      const levels = levelsAsked(asked)
      const body = expand(tagged(resource.body), levels, (path) => {
        const found = resourceAt(path, view)
        return found && tagged(found.body)
      })
      return resourceReply(asked, resource, levels === 0 ? body : tagged(body))
    }
  }
}

/** Alive, silent or not there is the world's to say, for what needs no session as well. */
async function alive(port: BmcPort, bay: Bay, asked: Asked): Promise<void> {
  const answered = await port.ask(bay, { kind: 'sessions', session: '' }, asked.signal)
  if (!answered.ok && answered.why === 'not-here') throw new NobodyHere(answered.message)
}

type Yes = Extract<BmcAnswer, { ok: true }>

async function demand(port: BmcPort, bay: Bay, request: BmcRequest, asked: Asked): Promise<Yes> {
  const answered = await port.ask(bay, request, asked.signal)
  if (!answered.ok) throw noBecauseRefused(answered, asked.path)
  return answered
}

function sessionOf(answered: Yes): SessionId {
  if (answered.session === undefined) throw new Error('the world opened a session and did not say which')
  return answered.session
}

/** One look at what the path needs; each of them proves that the session still stands. */
async function look(ask: (request: BmcRequest) => Promise<Yes>, asked: Asked, session: SessionId): Promise<View> {
  const all = asked.query.has('$expand')
  const about = (service: string) => asked.path === `${root}/${service}` || asked.path.startsWith(`${root}/${service}/`)
  const sessions = about('SessionService')
  const tasks = about('TaskService')
  const listed = sessions || all ? (await ask({ kind: 'sessions', session })).sessions : []
  const under = tasks || all ? (await ask({ kind: 'tasks', session })).tasks : []
  const blade = all || !(sessions || tasks) ? (await ask({ kind: 'read', session })).blade : 'not asked'
  if (listed === undefined || under === undefined || blade === undefined)
    throw new Error('the world answered without what it was asked for')
  return {
    ...(blade !== 'not asked' && { blade }),
    sessions: listed.map(sessionName),
    tasks: under.map((task, at) => ({ id: `${sessionName(task.session)}-${at}`, what: task.what })),
  }
}

const nothingSeen: View = { sessions: [], tasks: [] }

/** Public name of a session: a digest, since the token opens doors and the list is for reading. */
function sessionName(session: SessionId): string {
  return createHash('sha256').update(session).digest('hex').slice(0, 16)
}

function allow(asked: Asked, methods: readonly string[]): void {
  if (methods.includes(asked.method)) return
  throw new No(complaint('OperationNotAllowed', `${asked.method} is not for ${asked.path.slice(0, 200)}`), {
    Allow: methods.join(', '),
  })
}

/** Adds the ETag: weak, since members that tick with the clock do not count. */
function tagged(body: JsonObject): JsonObject {
  const { '@odata.etag': _old, ...rest } = body
  const still = canonical(
    JSON.parse(JSON.stringify(rest, (name, value: unknown) => (name === 'StageSeconds' ? undefined : value))),
  )
  return { ...rest, '@odata.etag': `W/"${createHash('sha1').update(still).digest('base64url')}"` }
}

/** If-Match: a change is for the resource as its client saw it. Without the header, it is for any. */
function matches(asked: Asked, body: JsonObject): void {
  const wanted = asked.headers['if-match']
  if (wanted === undefined || wanted.trim() === '*') return
  const bare = (tag: string) => tag.trim().replace(/^W\//, '')
  const now = bare(String(body['@odata.etag']))
  if (!wanted.split(',').map(bare).includes(now))
    throw new No(complaint('PreconditionFailed', 'the resource changed since it was read'))
}

function resourceReply(asked: Asked, resource: Resource, body: JsonObject): Reply {
  const etag = String(body['@odata.etag'])
  const headers = {
    ETag: etag,
    Allow: resource.allow.join(', '),
    Link: `<${describedBy(resource.type)}>; rel=describedby`,
    'Cache-Control': 'no-cache',
  }
  const seen = asked.headers['if-none-match']
  if (seen?.split(',').some((tag) => tag.trim() === etag)) return { status: 304, headers }
  return reply(200, body, headers)
}

/** `$expand=.` or `$expand=.($levels=2)`: what the service root says is offered, and nothing else. */
function levelsAsked(asked: Asked): number {
  unsupportedQuery(asked)
  const value = asked.query.get('$expand')
  if (value === null) return 0
  const form = /^\.(?:\(\$levels=(\d{1,3})\))?$/.exec(value)
  if (form === null) {
    throw new No(
      complaint('QueryParameterValueError', 'only $expand=. is offered, with ($levels=n) or without', {
        args: ['$expand'],
      }),
    )
  }
  return Math.min(Math.max(Number(form[1] ?? 1), 1), maxLevels)
}

function unsupportedQuery(asked: Asked): void {
  for (const name of asked.query.keys()) {
    if ((name.startsWith('$') && name !== '$expand') || name === 'only' || name === 'excerpt') {
      throw new No(
        complaint('QueryParameterUnsupported', `${name.slice(0, 40)} is not offered`, { args: [name.slice(0, 40)] }),
      )
    }
  }
}

function basicCredentials(header: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/=]+)$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return undefined
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

function jsonOf(asked: Asked): JsonObject {
  const type = asked.headers['content-type'] ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new No(
      complaint('HeaderInvalid', 'Content-Type must be application/json', { args: ['Content-Type'], status: 415 }),
    )
  }
  let json: Json
  try {
    json = JSON.parse(asked.body.toString('utf8')) as Json
  } catch {
    throw new No(complaint('MalformedJSON', 'the body is not JSON'))
  }
  if (!isObject(json)) throw new No(complaint('MalformedJSON', 'the body is not a JSON object'))
  return json
}

async function bodyOf(request: IncomingMessage, most: number): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += part.length
    // Stops reading: the rest of what was claimed is never held.
    if (bytes > most)
      throw new No(complaint('PayloadTooLarge', `a body of more than ${most} bytes is not taken`), {
        Connection: 'close',
      })
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function reply(status: number, body: JsonObject, headers: { readonly [name: string]: string } = {}): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  }
}

function send(request: IncomingMessage, response: ServerResponse, answered: Reply): void {
  const text = answered.body
  response.writeHead(answered.status, {
    'OData-Version': '4.0',
    ...answered.headers,
    ...(text !== undefined && { 'Content-Length': String(Buffer.byteLength(text)) }),
  })
  response.end(request.method === 'HEAD' ? undefined : text)
}
