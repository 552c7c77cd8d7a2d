/**
 * The backplane as a line protocol: one JSON object a line, over a local socket. It stands for what GPIO lines
 * and a small bus carry on real hardware, and both ends speak it from here: the controller asks, the chassis
 * answers with the same id, and says which bay changed, or that the owner line did, without being asked. What
 * comes off the wire is read here into the core's types, or is not taken at all.
 */
import { parseSerial, type Serial } from '../core/addresses.ts'
import type { Bay, InterconnectKind, Latch, Slot } from '../core/blade.ts'

/** A longer line is no message of ours; neither end keeps more than this. */
export const longestLine = 65_536

/** The places for controllers in a chassis that has two. */
export const controllerSlots = ['A', 'B'] as const
export type ControllerSlot = (typeof controllerSlots)[number]
/** `silent`: in its slot, and its watchdog was not kicked in time. `absent`: nothing is in the slot. */
export type Aliveness = 'alive' | 'silent' | 'absent'
/** The owner line and its neighbours: whose the backplane is, and whom the arbiter hears. */
export interface LineReading {
  readonly owner: ControllerSlot | 'none'
  readonly controllers: { readonly A: Aliveness; readonly B: Aliveness }
}

export type BackplaneRequest =
  /** Who speaks on this connection; first of all. In a chassis for two, who did not say it may only read. */
  | { readonly do: 'hello'; readonly slot: ControllerSlot }
  /** The owner line is ours from now on, whoever had it: the arbiter has no opinion. */
  | { readonly do: 'take' }
  /** It is nobody's, if it was ours. */
  | { readonly do: 'release' }
  /** Kicks our watchdog. */
  | { readonly do: 'beat' }
  | { readonly do: 'read' }
  | { readonly do: 'withdraw'; readonly bay: Bay }
  | { readonly do: 'permit'; readonly bay: Bay; readonly n: number }
  | { readonly do: 'cut'; readonly bay: Bay }
  | { readonly do: 'locate'; readonly bay: Bay; readonly lit: boolean }
  | { readonly do: 'health' }

export interface Reading {
  readonly chassisSerial: Serial
  readonly bays: { readonly [bay: number]: Slot }
  readonly interconnects: { readonly [id: string]: InterconnectKind | 'empty' }
}

export type PartState = 'ok' | 'failed' | 'absent'
export interface ChassisHealth {
  readonly supplies: readonly { readonly bay: number; readonly state: PartState; readonly watts: number }[]
  readonly fans: readonly { readonly bay: number; readonly state: PartState; readonly rpm: number }[]
  readonly temperatures: readonly { readonly name: string; readonly celsius: number; readonly limit: number }[]
  readonly frus: readonly {
    readonly where: string
    readonly product: string
    readonly serial: string
    readonly part: string
  }[]
}

export type BackplaneReply =
  /** `line` comes with a reading, from a chassis that has two controller slots. */
  | { readonly ok: true; readonly reading?: Reading; readonly line?: LineReading; readonly health?: ChassisHealth }
  /** `not-owner`: nothing was done, because the backplane is not the speaker's. */
  | { readonly ok: false; readonly error: string; readonly why?: 'not-owner' }

/** An answer (`id` null where the request had none that could be read), or news: of a bay, or of the owner line. */
export type BackplaneLine =
  | { readonly kind: 'reply'; readonly id: number | null; readonly reply: BackplaneReply }
  | { readonly kind: 'changed'; readonly bay: Bay }
  | { readonly kind: 'line' }

export const requestLine = (id: number, request: BackplaneRequest): string => `${JSON.stringify({ id, ...request })}\n`
export const replyLine = (id: number | null, reply: BackplaneReply): string => `${JSON.stringify({ id, ...reply })}\n`
export const changedLine = (bay: Bay): string => `${JSON.stringify({ changed: bay })}\n`
/** The owner, or whom the arbiter hears, changed. */
export const lineChangedLine = `${JSON.stringify({ line: true })}\n`

/** A request, or what is wrong with the line. */
export function parseRequest(
  line: string,
):
  | { readonly id: number; readonly request: BackplaneRequest }
  | { readonly id: number | null; readonly error: string } {
  const members = readObject(line)
  if (members === undefined) return { id: null, error: 'a request is one JSON object on a line' }
  const id = isCount(members.id) ? members.id : undefined
  if (id === undefined) return { id: null, error: 'a request has an id, a whole number from 0' }
  const { do: verb, slot, bay, n, lit } = members
  if (verb === 'hello') {
    return isControllerSlot(slot)
      ? { id, request: { do: verb, slot } }
      : { id, error: 'hello says the slot of the controller, A or B' }
  }
  if (verb === 'take' || verb === 'release' || verb === 'beat' || verb === 'read' || verb === 'health')
    return { id, request: { do: verb } }
  if (verb !== 'withdraw' && verb !== 'permit' && verb !== 'cut' && verb !== 'locate') {
    return {
      id,
      error: 'do is one of hello, take, release, beat, read, withdraw, permit, cut, locate, health',
    }
  }
  if (!isCount(bay) || bay === 0) return { id, error: `${verb} names a bay, from 1` }
  if (verb === 'permit') {
    return isCount(n) && n > 0
      ? { id, request: { do: verb, bay, n } }
      : { id, error: 'permit has an arming number n, from 1' }
  }
  if (verb === 'locate') {
    return typeof lit === 'boolean'
      ? { id, request: { do: verb, bay, lit } }
      : { id, error: 'locate says lit, true or false' }
  }
  return { id, request: { do: verb, bay } }
}

/** Undefined: nothing that a chassis says. */
export function parseLine(line: string): BackplaneLine | undefined {
  const members = readObject(line)
  if (members === undefined) return undefined
  if (isCount(members.changed)) return { kind: 'changed', bay: members.changed }
  if (members.id === undefined && members.line === true) return { kind: 'line' }
  const id = members.id === null ? null : isCount(members.id) ? members.id : undefined
  if (id === undefined) return undefined
  if (members.ok === false) {
    const { error, why } = members
    if (typeof error !== 'string' || (why !== undefined && why !== 'not-owner')) return undefined
    return { kind: 'reply', id, reply: { ok: false, error, ...(why && { why }) } }
  }
  if (members.ok !== true) return undefined
  const reading = members.reading === undefined ? undefined : readReading(members.reading)
  const owned = members.line === undefined ? undefined : readLine(members.line)
  const health = members.health === undefined ? undefined : readHealth(members.health)
  if (reading === 'bad' || owned === 'bad' || health === 'bad') return undefined
  const reply = {
    ok: true as const,
    ...(reading && { reading }),
    ...(owned && { line: owned }),
    ...(health && { health }),
  }
  return { kind: 'reply', id, reply }
}

interface Members {
  readonly [name: string]: unknown
}

function readObject(line: string): Members | undefined {
  try {
    return asObject(JSON.parse(line))
  } catch {
    return undefined
  }
}

function asObject(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const isText = (value: unknown): value is string => typeof value === 'string'

function readReading(value: unknown): Reading | 'bad' {
  const members = asObject(value)
  const bays = asObject(members?.bays)
  const interconnects = asObject(members?.interconnects)
  const chassisSerial = isText(members?.chassisSerial) ? parseSerial(members.chassisSerial) : undefined
  if (bays === undefined || interconnects === undefined || chassisSerial === undefined) return 'bad'
  const slots: { [bay: number]: Slot } = {}
  for (const [bay, each] of Object.entries(bays)) {
    const slot = readSlot(each)
    // One bay that can not be read makes the whole look worthless: unknown is not empty.
    if (slot === undefined || !/^[1-9]\d{0,3}$/.test(bay)) return 'bad'
    slots[Number(bay)] = slot
  }
  const kinds: { [id: string]: InterconnectKind | 'empty' } = {}
  for (const [id, kind] of Object.entries(interconnects)) {
    if (kind !== 'ethernet' && kind !== 'fc' && kind !== 'converged' && kind !== 'empty') return 'bad'
    kinds[id] = kind
  }
  return { chassisSerial, bays: slots, interconnects: kinds }
}

function readSlot(value: unknown): Slot | undefined {
  const members = asObject(value)
  const permit = readLatch(members?.permit)
  if (members === undefined || permit === undefined || typeof members.locate !== 'boolean') return undefined
  const lines = { permit, locate: members.locate }
  const { presence, by, powerGood, product } = members
  if (presence === 'empty') return { presence, ...lines }
  if (presence === 'covered') return isCount(by) && by > 0 ? { presence, by, ...lines } : undefined
  const serial = isText(members.serial) ? parseSerial(members.serial) : undefined
  if (presence !== 'present' || serial === undefined || !isText(product) || typeof powerGood !== 'boolean')
    return undefined
  return { presence, serial, product, powerGood, ...lines }
}

function readLatch(value: unknown): Latch | undefined {
  if (value === 'none') return 'none'
  const members = asObject(value)
  if (members === undefined || !isCount(members.n)) return undefined
  const { state, n } = members
  return state === 'denied' || state === 'granted' || state === 'spent' ? { state, n } : undefined
}

const isControllerSlot = (value: unknown): value is ControllerSlot => value === 'A' || value === 'B'
const isAliveness = (value: unknown): value is Aliveness =>
  value === 'alive' || value === 'silent' || value === 'absent'

function readLine(value: unknown): LineReading | 'bad' {
  const members = asObject(value)
  const controllers = asObject(members?.controllers)
  const owner = members?.owner
  const { A, B } = controllers ?? {}
  if ((owner !== 'none' && !isControllerSlot(owner)) || !isAliveness(A) || !isAliveness(B)) return 'bad'
  return { owner, controllers: { A, B } }
}

function readHealth(value: unknown): ChassisHealth | 'bad' {
  const members = asObject(value)
  const supplies = readAll(members?.supplies, ({ bay, state, watts }) =>
    isCount(bay) && isPartState(state) && typeof watts === 'number' ? { bay, state, watts } : undefined,
  )
  const fans = readAll(members?.fans, ({ bay, state, rpm }) =>
    isCount(bay) && isPartState(state) && typeof rpm === 'number' ? { bay, state, rpm } : undefined,
  )
  const temperatures = readAll(members?.temperatures, ({ name, celsius, limit }) =>
    isText(name) && typeof celsius === 'number' && typeof limit === 'number' ? { name, celsius, limit } : undefined,
  )
  const frus = readAll(members?.frus, ({ where, product, serial, part }) =>
    isText(where) && isText(product) && isText(serial) && isText(part) ? { where, product, serial, part } : undefined,
  )
  if (supplies === 'bad' || fans === 'bad' || temperatures === 'bad' || frus === 'bad') return 'bad'
  return { supplies, fans, temperatures, frus }
}

const isPartState = (value: unknown): value is PartState => value === 'ok' || value === 'failed' || value === 'absent'

function readAll<Item>(value: unknown, read: (members: Members) => Item | undefined): readonly Item[] | 'bad' {
  if (!Array.isArray(value)) return 'bad'
  const items: Item[] = []
  for (const each of value) {
    const members = asObject(each)
    const item = members && read(members)
    if (item === undefined) return 'bad'
    items.push(item)
  }
  return items
}
