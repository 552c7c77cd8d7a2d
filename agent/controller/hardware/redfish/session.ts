/**
 * One session with one BMC: how it is opened, what it finds its way by, and what an answer means. Paths
 * are learnt from the service root each time that a session is opened, since another blade's BMC may
 * stand there by then. A session that the BMC no longer knows is dropped, and never opened again on the
 * way (W12): whoever asked starts over.
 */
import type { Serial } from '../../../core/addresses.ts'
import { Field, isObject, Unreadable } from '../../../redfish/json.ts'
import { complaintWithin, readComplaint } from '../../../redfish/message.ts'
import { Fault } from '../driver.ts'
import type { Answer, Asked, Line } from './line.ts'

/** The BMC ended our session. What was asked was not done. */
export class SessionLost extends Fault {
  constructor() {
    super('session-lost', 'the BMC ended our session; the next look opens another')
    this.name = 'SessionLost'
  }
}

/** Identity of what the last whole look in this session saw; a change is for that, and for nothing else (W7). */
export interface Seen {
  readonly serial: Serial
  readonly adapters: ReadonlyMap<string, Serial>
}

/** Where things are on this BMC. */
export interface Places {
  readonly system: string
  readonly adapters: string
  readonly tasks: string
}

export interface Session {
  /** Our own entry in the list of sessions. */
  readonly path: string
  readonly sessionsPath: string
  /** Found at the first call. Failing to find them does not cost the session, of which a BMC has few. */
  places(): Promise<Places>
  /** Levels of `$expand` that the service offers for links outside of Links; 0 for none. */
  readonly expandLevels: number
  seen: Seen | undefined
  get(path: string, expandLevels?: number): Promise<Field>
  /** Resolves when the BMC answered yes. */
  change(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: Asked['body'], etag?: string): Promise<void>
}

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** No service of ours has more; a list that never ends is nonsense. */
const mostMembers = 256
const mostPages = 16

const rootPath = '/redfish/v1/'

export async function openSession(line: Line, credentials: Credentials, signal: () => AbortSignal): Promise<Session> {
  const root = documentOf(await line.ask({ method: 'GET', path: rootPath, change: false }, signal()), rootPath)
  const sessionsPath = pathAt(root.at('Links').at('Sessions'))
  const systemsPath = pathAt(root.at('Systems'))
  const chassisPath = pathAt(root.at('Chassis'))
  const tasksPath = pathAt(root.at('Tasks'))
  const expandLevels = offeredLevels(root)
  const opened = await line.ask(
    {
      method: 'POST',
      path: sessionsPath,
      body: { UserName: credentials.user, Password: credentials.password },
      change: false,
    },
    signal(),
  )
  if (opened.status !== 200 && opened.status !== 201) throw loginFault(opened)
  const token = opened.headers['x-auth-token']
  const location = opened.headers.location
  if (typeof token !== 'string' || token === '' || location === undefined) {
    throw new Fault('bmc-nonsense', 'the BMC opened a session without a token or a place')
  }
  const path = localPath(location.replace(/^https?:\/\/[^/]+/, ''))
  if (path === undefined) throw new Fault('bmc-nonsense', 'the BMC opened a session at an unreadable place')
  const auth = { 'X-Auth-Token': token }

  const get = async (at: string, expandLevels = 0): Promise<Field> => {
    const query = expandLevels > 0 ? `?$expand=.($levels=${expandLevels})` : ''
    return documentOf(
      await line.ask({ method: 'GET', path: `${at}${query}`, headers: auth, change: false }, signal()),
      at,
    )
  }
  const change: Session['change'] = async (method, at, body, etag) => {
    const headers = etag === undefined ? auth : { ...auth, 'If-Match': etag }
    const answer = await line.ask(
      { method, path: at, headers, ...(body !== undefined && { body }), change: true },
      signal(),
    )
    answeredYes(answer, `${method} ${at}`)
  }

  const finder = { get, expandLevels: 0 }
  const find = async (): Promise<Places> => {
    const [system, another] = await membersOf(finder, await get(systemsPath))
    if (system === undefined || another !== undefined)
      throw new Fault('bmc-nonsense', 'the BMC does not show exactly one system')
    const adapters = await findAdapters(finder, await get(chassisPath))
    return { system: pathAt(system), adapters, tasks: pathAt((await get(tasksPath)).at('Tasks')) }
  }
  let found: Places | undefined
  return {
    path,
    sessionsPath,
    places: async () => {
      found ??= await find()
      return found
    },
    expandLevels,
    seen: undefined,
    get,
    change,
  }
}

function offeredLevels(root: Field): number {
  const features = root.at('ProtocolFeaturesSupported')
  const query = features.present ? features.at('ExpandQuery') : features
  if (!query.present || query.at('NoLinks').json !== true || query.at('Levels').json !== true) return 0
  return query.at('MaxLevels').whole(1)
}

type Finder = Pick<Session, 'get' | 'expandLevels'>

/** The adapters hang under the one chassis that has any place for them. */
async function findAdapters(finder: Finder, collection: Field): Promise<string> {
  const found: string[] = []
  for (const member of await membersOf(finder, collection)) {
    const adapters = (await resolve(finder, member)).at('NetworkAdapters')
    if (adapters.present) found.push(pathAt(adapters))
  }
  const [path, another] = found
  if (path === undefined || another !== undefined)
    throw new Fault('bmc-nonsense', 'the BMC does not show exactly one chassis with adapters')
  return path
}

/** All members of a collection, page by page. One that is not listed in full is not a list (unseen is not empty). */
export async function membersOf(finder: Finder, collection: Field): Promise<readonly Field[]> {
  const members: Field[] = []
  let page = collection
  const count = collection.at('Members@odata.count').whole(0, mostMembers)
  for (let pages = 1; ; pages++) {
    members.push(...page.at('Members').items(mostMembers))
    const next = page.at('Members@odata.nextLink')
    if (!next.present) break
    if (pages === mostPages || members.length > mostMembers) throw next.bad('goes on for too long')
    page = await finder.get(next.parsed(localPath))
  }
  if (members.length !== count) throw collection.at('Members').conflict(`holds ${members.length} of ${count}`)
  return members
}

/** What a link leads to: already there where `$expand` put it, asked for otherwise. */
export async function resolve(finder: Finder, ref: Field): Promise<Field> {
  const path = pathAt(ref)
  const expanded = Object.keys(ref.object()).some((name) => name !== '@odata.id')
  return expanded ? ref : finder.get(path)
}

export function pathAt(ref: Field): string {
  return ref.at('@odata.id').parsed(localPath)
}

/** A link stays on the BMC that gave it. */
export function localPath(text: string): string | undefined {
  return /^\/redfish\/v1(\/[A-Za-z0-9._~:@!$&'()*+,;=%/?-]*)?$/.test(text) && !text.includes('//') ? text : undefined
}

function documentOf(answer: Answer, path: string): Field {
  if (answer.status === 401) throw new SessionLost()
  if (answer.status !== 200) {
    const { say } = readComplaint(answer.json)
    throw new Fault(blindness(answer, 'bmc-nonsense'), `GET ${path}: ${answer.status} ${say}`.trim())
  }
  if (answer.garbled || !isObject(answer.json))
    throw new Fault('bmc-nonsense', `GET ${path}: the answer is not a JSON object`)
  const document = new Field(answer.json)
  const bare = (text: string) => text.replace(/\?.*$/, '').replace(/\/$/, '')
  if (bare(document.at('@odata.id').text()) !== bare(path))
    throw new Fault('bmc-nonsense', `GET ${path}: the answer is about something else`)
  return document
}

/** The hardware said no, or the account may not; a maybe is for answers that do not say. */
function answeredYes(answer: Answer, what: string): void {
  const { status } = answer
  const { say } = readComplaint(answer.json)
  if (status === 200 || status === 201 || status === 204) {
    if (answer.garbled) throw new Fault('bmc-nonsense', `${what}: the answer is not JSON`, true)
    const but = complaintWithin(answer.json)
    if (but !== undefined) throw new Fault('hardware-refused', `${what}: done in part only: ${but}`, true)
    return
  }
  if (status === 401) throw new SessionLost()
  const said = `${what}: ${status} ${say}`.trim()
  // 501 and the 4xx are definite: nothing was done.
  if (status === 404) throw new Fault('bmc-nonsense', said)
  if ((status >= 400 && status < 500) || status === 501) throw new Fault(blindness(answer, 'hardware-refused'), said)
  throw new Fault(blindness(answer, 'bmc-nonsense'), said, true)
}

function loginFault(answer: Answer): Fault {
  const { say } = readComplaint(answer.json)
  const blind = blindness(answer, answer.status === 401 ? 'bmc-refused' : 'bmc-nonsense')
  return new Fault(blind, `the BMC opened no session: ${answer.status} ${say}`.trim())
}

function blindness(answer: Answer, otherwise: Fault['blind']): Fault['blind'] {
  const { ids } = readComplaint(answer.json)
  if (ids.includes('SessionLimitExceeded') || ids.includes('CreateLimitReachedForResource') || answer.status === 503)
    return 'bmc-busy'
  return answer.status === 403 ? 'bmc-refused' : otherwise
}

/** A document that can not be read is a fault of the BMC; in a pass of reads, nothing was changed by it. */
export function faultOf(error: unknown): unknown {
  return error instanceof Unreadable ? new Fault('bmc-nonsense', error.message) : error
}
