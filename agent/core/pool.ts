/**
 * Pools: ranges of addresses that profiles draw from. A pool remembers only what can not be worked out
 * (what was found on hardware, what was let go without proof); which entries are in use follows from the
 * profiles' allocations, so that one fact has one place. Addresses are counted, never listed: a pool may
 * hold a million of them.
 */
import { type Iqn, type Mac, type PoolId, parseIqn, parseMac, parseWwn, type Wwn } from './addresses.ts'
import type { Allocation, Connection, Given, Source } from './profile.ts'

export type AddressKind = 'mac' | 'wwpn' | 'wwnn' | 'iqn'
export type Preset = 'hp-vc' | 'hp-vcem' | 'cisco-ucs' | 'oneview'

export type PoolRange =
  /**
   * `first` and those that follow it; an IQN counts up the digits that it ends in. `pairs`, for WWPNs: each entry is
   * two names, the port's and, one above it, the node's (WWNN = WWPN + 1).
   */
  | { readonly by: 'count'; readonly first: string; readonly count: number; readonly pairs?: boolean }
  /** A range that a vendor reserved; `index` from 1. */
  | { readonly by: 'preset'; readonly preset: Preset; readonly index: number }

/** Neighbouring entries of a pool. */
export interface Run {
  readonly first: string
  readonly count: number
}

/** What a client sends, kept untouched. */
export interface PoolSpec {
  readonly id: PoolId
  readonly kind: AddressKind
  readonly range: PoolRange
  /** Never given to anybody. */
  readonly exclude?: readonly Run[]
}

/** What is stored. `marks` are sorted, disjoint and merged. */
export interface Pool {
  readonly spec: PoolSpec
  readonly marks: readonly Mark[]
}

/** `external`: found on hardware, and no profile explains it. `quarantined`: let go without proof that it is off. */
export interface Mark extends Run {
  readonly state: 'external' | 'quarantined'
}

export type EntryState = 'free' | 'in-use' | Mark['state'] | 'excluded'

export const mostEntries = 1_048_576

const presets: Record<
  Preset,
  { readonly [kind in AddressKind]?: readonly [first: string, count: number, indexes: number, pairs?: true] }
> = {
  'hp-vc': { mac: ['00:17:a4:77:00:00', 1024, 64], wwpn: ['50:06:0b:00:00:c2:62:00', 512, 64, true] },
  'hp-vcem': { wwpn: ['50:01:43:80:02:a3:00:00', 65_536, 1, true] },
  'cisco-ucs': {
    mac: ['00:25:b5:00:00:00', mostEntries, 16],
    wwpn: ['20:00:00:25:b5:00:00:00', mostEntries, 16],
    wwnn: ['20:01:00:25:b5:00:00:00', mostEntries, 16],
  },
  // Locally administered MACs (second digit 2 or 6), and world-wide names built from them: 10:00, then a MAC.
  oneview: {
    mac: ['02:00:00:00:00:00', mostEntries, 4096],
    wwpn: ['10:00:02:00:00:00:00:00', mostEntries, 4096],
    wwnn: ['10:00:06:00:00:00:00:00', mostEntries, 4096],
    iqn: ['iqn.2015-02.com.hpe:oneview-0000000000', mostEntries, 4096],
  },
}

/** Numbers behind a range: entry i is `first + i * stride`, written by `at`. */
interface Line {
  readonly first: bigint
  readonly count: number
  readonly stride: 1 | 2
  readonly at: (n: bigint) => string
  readonly read: (text: string) => bigint | undefined
}

const hex = (text: string) => BigInt(`0x${text.replaceAll(':', '')}`)
const octets = (n: bigint, digits: number) => (n.toString(16).padStart(digits, '0').match(/../g) ?? []).join(':')

/** The address so many above; undefined where no such address may exist. */
export const macPlus = (mac: Mac, n: number): Mac | undefined => parseMac(octets(hex(mac) + BigInt(n), 12))
export const wwnPlus = (wwn: Wwn, n: number): Wwn | undefined => parseWwn(octets(hex(wwn) + BigInt(n), 16))

function parseOf(kind: AddressKind): (text: string) => string | undefined {
  switch (kind) {
    case 'mac':
      return parseMac
    case 'wwpn':
    case 'wwnn':
      return parseWwn
    case 'iqn':
      return parseIqn
  }
}

/** The part of an address that names whose addresses these are; a range stays within one. */
function owner(kind: AddressKind, address: string): string {
  if (kind === 'mac') return address.slice(0, 8)
  return /^[12]/.test(address) ? address.slice(0, 14) : address.slice(0, 10)
}

/** A range as numbers, or one sentence about what is wrong with it. */
function lineOf(spec: PoolSpec): Line | string {
  const { kind, range } = spec
  if (range.by === 'preset') {
    const preset = presets[range.preset][kind]
    if (preset === undefined) return `${range.preset} has no ${kind} ranges; give first and count`
    const [first, count, indexes, pairs] = preset
    if (!Number.isInteger(range.index) || range.index < 1 || range.index > indexes)
      return `${range.preset} has ${kind} ranges 1 to ${indexes}; ${range.index} is none of them`
    const line = counted(kind, first, count, pairs === true)
    if (typeof line === 'string') return line
    return { ...line, first: line.first + BigInt((range.index - 1) * count * line.stride) }
  }
  const { first, count, pairs } = range
  if (!Number.isInteger(count) || count < 1 || count > mostEntries)
    return `a pool has 1 to ${mostEntries} entries, not ${count}`
  if (pairs === true && kind !== 'wwpn') return `only wwpn pools have pairs; leave it out of this ${kind} pool`
  return counted(kind, first, count, pairs === true)
}

function counted(kind: AddressKind, text: string, count: number, pairs: boolean): Line | string {
  const parse = parseOf(kind)
  const first = parse(text)
  if (first === undefined) return `${text} is no ${kind}; write it as the adapter's label does`
  const stride = pairs ? 2 : 1
  if (kind === 'iqn') {
    const [, prefix, digits] = /^(.*?)(\d{1,12})$/.exec(first) ?? []
    if (prefix === undefined || digits === undefined)
      return `${first} does not end in digits; end it in 0001 or the like`
    const at = (n: bigint) => prefix + n.toString().padStart(digits.length, '0')
    if (at(BigInt(digits) + BigInt(count - 1)).length !== first.length)
      return `${first} has too few digits to count ${count} names; write more zeros`
    const read = (name: string) => {
      const rest = name.slice(prefix.length)
      return name.startsWith(prefix) && rest.length === digits.length && /^\d+$/.test(rest) ? BigInt(rest) : undefined
    }
    return { first: BigInt(digits), count, stride, at, read }
  }
  const digits = kind === 'mac' ? 12 : 16
  const at = (n: bigint) => octets(n, digits)
  if (pairs && hex(first) % 2n !== 0n) return `pairs start at an even address; ${first} is odd`
  const last = at(hex(first) + BigInt(count * stride - 1))
  if (owner(kind, last) !== owner(kind, first) || parse(last) === undefined)
    return `${count} entries from ${first} run past the end of ${owner(kind, first)}; start lower or take fewer`
  return { first: hex(first), count, stride, at, read: (name) => (parse(name) === name ? hex(name) : undefined) }
}

/** What is wrong with a pool as a client sent it, by field. Empty: nothing. */
export function checkPool(spec: PoolSpec): readonly { readonly field: string; readonly say: string }[] {
  const line = lineOf(spec)
  if (typeof line === 'string') return [{ field: 'range', say: line }]
  return (spec.exclude ?? []).flatMap((run, i) =>
    spanOf(line, spec.kind, run) === undefined
      ? [
          {
            field: `exclude[${i}]`,
            say: `${run.count} from ${run.first} are not all entries of this pool; name its own`,
          },
        ]
      : [],
  )
}

/** A checked pool's line. Pools are checked before they are stored: anything else here is a bug. */
/** Asked for each address of each look: a specification is data that never changes. */
const lines = new WeakMap<PoolSpec, Line>()

function sure(spec: PoolSpec): Line {
  const known = lines.get(spec)
  if (known) return known
  const line = lineOf(spec)
  if (typeof line === 'string') throw new Error(`pool ${spec.id} was stored unchecked: ${line}`)
  lines.set(spec, line)
  return line
}

/** Entry number of an address; both names of a pair have the same one. */
function entryOf(line: Line, address: string): number | undefined {
  const n = line.read(address)
  if (n === undefined || n < line.first) return undefined
  const entry = Number((n - line.first) / BigInt(line.stride))
  return entry < line.count ? entry : undefined
}

const nameAt = (line: Line, entry: number) => line.at(line.first + BigInt(entry) * BigInt(line.stride))

interface Span {
  readonly from: number
  /** The entry after the last. */
  readonly to: number
}

function spanOf(line: Line, kind: AddressKind, run: Run): Span | undefined {
  const first = parseOf(kind)(run.first)
  const from = first === undefined ? undefined : entryOf(line, first)
  if (from === undefined || !Number.isInteger(run.count) || run.count < 1) return undefined
  return from + run.count <= line.count ? { from, to: from + run.count } : undefined
}

/** Whether two pools could give one address twice (I1). Both are checked pools. */
export function overlaps(a: PoolSpec, b: PoolSpec): boolean {
  // A port's and a node's name are of one name space.
  const space = (kind: AddressKind) => (kind === 'wwnn' ? 'wwpn' : kind)
  if (space(a.kind) !== space(b.kind)) return false
  const [one, other] = [sure(a), sure(b)]
  return entryOf(one, nameAt(other, 0)) !== undefined || entryOf(other, nameAt(one, 0)) !== undefined
}

export function has(pool: Pool, address: string): boolean {
  return entryOf(sure(pool.spec), address) !== undefined
}

interface Layer extends Span {
  readonly state: Exclude<EntryState, 'free'>
}

// Where two hold, the first in this list is shown: a profile explains an address that was found before it came,
// but nothing explains away a doubt.
const weight: readonly Layer['state'][] = ['quarantined', 'in-use', 'external', 'excluded']

/** Everything in a pool that is not free: sorted, disjoint. */
function occupied(pool: Pool, line: Line, taken: Iterable<string>): readonly Layer[] {
  const spans: Layer[] = []
  for (const address of taken) {
    const entry = entryOf(line, address)
    if (entry !== undefined) spans.push({ from: entry, to: entry + 1, state: 'in-use' })
  }
  for (const mark of pool.marks) {
    const span = spanOf(line, pool.spec.kind, mark)
    if (span !== undefined) spans.push({ ...span, state: mark.state })
  }
  for (const run of pool.spec.exclude ?? []) {
    const span = spanOf(line, pool.spec.kind, run)
    if (span !== undefined) spans.push({ ...span, state: 'excluded' })
  }
  return overlay(spans)
}

/** Cuts overlapping layers so that each entry keeps the state of most weight; equal neighbours are joined. */
function overlay(spans: readonly Layer[]): readonly Layer[] {
  const edges = spans.flatMap((span) => [
    { at: span.from, state: span.state, by: 1 },
    { at: span.to, state: span.state, by: -1 },
  ])
  edges.sort((a, b) => a.at - b.at)
  const open = new Map<Layer['state'], number>()
  const cut: Layer[] = []
  let from = 0
  for (let i = 0; i < edges.length; ) {
    const at = (edges[i] as { at: number }).at
    const state = weight.find((each) => (open.get(each) ?? 0) > 0)
    if (state !== undefined && at > from) {
      const last = cut.at(-1)
      if (last !== undefined && last.to === from && last.state === state) cut[cut.length - 1] = { ...last, to: at }
      else cut.push({ from, to: at, state })
    }
    for (let edge = edges[i]; edge !== undefined && edge.at === at; edge = edges[++i])
      open.set(edge.state, (open.get(edge.state) ?? 0) + edge.by)
    from = at
  }
  return cut
}

export type Allocated =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly reason: 'no-address-left'; readonly say: string }

/** The lowest free addresses, in order. `taken`: every address that any profile was given. */
export function allocate(pool: Pool, count: number, taken: ReadonlySet<string>): Allocated {
  const line = sure(pool.spec)
  const addresses: string[] = []
  let entry = 0
  for (const layer of [...occupied(pool, line, taken), { from: line.count, to: line.count }]) {
    while (entry < layer.from && addresses.length < count) addresses.push(nameAt(line, entry++))
    if (addresses.length === count) return { ok: true, addresses }
    entry = layer.to
  }
  return {
    ok: false,
    reason: 'no-address-left',
    say: `pool ${pool.spec.id} has ${addresses.length} free addresses and ${count} are needed; enlarge it or free some`,
  }
}

/** State of one address; undefined: the pool does not have it. */
export function stateOf(pool: Pool, address: string, taken: ReadonlySet<string>): EntryState | undefined {
  const line = sure(pool.spec)
  const entry = entryOf(line, address)
  if (entry === undefined) return undefined
  const names = Array.from({ length: line.stride }, (_, i) => line.at(line.first + BigInt(entry * line.stride + i)))
  const layers = occupied(
    pool,
    line,
    names.filter((name) => taken.has(name)),
  )
  return layers.find((layer) => layer.from <= entry && entry < layer.to)?.state ?? 'free'
}

export interface Counts {
  readonly free: number
  readonly inUse: number
  readonly external: number
  readonly excluded: number
  readonly quarantined: number
}

export function countStates(pool: Pool, taken: ReadonlySet<string>): Counts {
  const line = sure(pool.spec)
  const layers = occupied(pool, line, taken)
  const sum = (state: Layer['state']) =>
    layers.reduce((total, layer) => total + (layer.state === state ? layer.to - layer.from : 0), 0)
  const counts = {
    inUse: sum('in-use'),
    external: sum('external'),
    excluded: sum('excluded'),
    quarantined: sum('quarantined'),
  }
  return { free: line.count - counts.inUse - counts.external - counts.excluded - counts.quarantined, ...counts }
}

/** Entries that are not free, lowest first, at most `limit`; `more` says how many were left out. */
export function listEntries(
  pool: Pool,
  taken: ReadonlySet<string>,
  limit: number,
): {
  readonly entries: readonly { readonly address: string; readonly state: Layer['state'] }[]
  readonly more: number
} {
  const line = sure(pool.spec)
  const layers = occupied(pool, line, taken)
  const entries: { address: string; state: Layer['state'] }[] = []
  for (const { from, to, state } of layers)
    for (let entry = from; entry < to && entries.length < limit; entry++)
      entries.push({ address: nameAt(line, entry), state })
  return { entries, more: layers.reduce((total, { from, to }) => total + to - from, 0) - entries.length }
}

/** The pool with one address marked, or with its mark taken away (`free`). An address of no entry changes nothing. */
export function mark(pool: Pool, address: string, state: Mark['state'] | 'free'): Pool {
  const line = sure(pool.spec)
  const entry = entryOf(line, address)
  if (entry === undefined) return pool
  const kept = pool.marks.flatMap(({ state: was, ...run }): readonly Layer[] => {
    const span = spanOf(line, pool.spec.kind, run)
    if (span === undefined) return []
    const before = { from: span.from, to: Math.min(span.to, entry), state: was }
    const after = { from: Math.max(span.from, entry + 1), to: span.to, state: was }
    return [before, after].filter(({ from, to }) => from < to)
  })
  const layers = overlay(state === 'free' ? kept : [...kept, { from: entry, to: entry + 1, state }])
  return {
    spec: pool.spec,
    marks: layers.flatMap(({ from, to, state: is }) =>
      is === 'external' || is === 'quarantined' ? [{ first: nameAt(line, from), count: to - from, state: is }] : [],
    ),
  }
}

/** The node name that goes with a port name of a pool of pairs (HP: WWNN = WWPN + 1). */
export function nodeOf(pool: Pool, wwpn: Wwn): Wwn | undefined {
  const line = sure(pool.spec)
  return line.stride === 2 && entryOf(line, wwpn) !== undefined ? wwnPlus(wwpn, 1) : undefined
}

export type GivenAll =
  | { readonly ok: true; readonly given: Allocation }
  | {
      readonly ok: false
      readonly reason: 'no-such-pool' | 'no-address-left' | 'field-invalid'
      readonly connection: string
      readonly say: string
    }

/**
 * Addresses for all connections of a profile: chosen values as they are, what was `kept` from before where the same
 * pool still has it, the lowest free for the rest, in the order of the connections. `taken`: what all *other*
 * profiles were given. A WWNN from a pool of pairs goes with the WWPN from it.
 */
export function give(
  connections: readonly Connection[],
  pools: { readonly [id: string]: Pool },
  taken: ReadonlySet<string>,
  kept: Allocation = {},
): GivenAll {
  const used = new Set(taken)
  // `constructor` is an id like any other.
  const find = (id: string): Pool | undefined => (Object.hasOwn(pools, id) ? pools[id] : undefined)
  const wanted = connections.flatMap((connection) => asks(connection).map((ask) => ({ connection, ...ask })))
  const given: { [connection: string]: Given } = Object.fromEntries(connections.map(({ id }) => [id, {}]))
  const settle = (id: string, field: AddressKind, address: string) => {
    used.add(address)
    given[id] = { ...given[id], [field]: address }
  }
  const left = wanted.filter(({ connection: { id }, field, source }) => {
    if (source.from === 'value') settle(id, field, source.value)
    else if (source.from === 'pool') {
      const was = kept[id]?.[field]
      const pool = find(source.pool)
      if (was === undefined || pool === undefined || !has(pool, was) || used.has(was)) return true
      // The node name follows its port name, which may not be the one from before.
      if (field === 'wwnn' && pool.spec.kind === 'wwpn' && kept[id]?.wwpn !== given[id]?.wwpn) return true
      settle(id, field, was)
    }
    return false
  })
  for (const { connection, field, source } of left) {
    if (source.from !== 'pool') continue
    const { id } = connection
    const pool = find(source.pool)
    if (pool === undefined)
      return {
        ok: false,
        reason: 'no-such-pool',
        connection: id,
        say: `connection ${id} draws from pool ${source.pool}, which is not defined; define it first`,
      }
    const port = given[id]?.wwpn
    if (field === 'wwnn' && pool.spec.kind === 'wwpn') {
      const node = port === undefined ? undefined : nodeOf(pool, port)
      if (node === undefined || used.has(node))
        return {
          ok: false,
          reason: 'field-invalid',
          connection: id,
          say: `pool ${source.pool} has no node name for connection ${id}; draw its wwpn from the same pool of pairs, or its wwnn from a wwnn pool`,
        }
      settle(id, field, node)
      continue
    }
    if (pool.spec.kind !== field)
      return {
        ok: false,
        reason: 'field-invalid',
        connection: id,
        say: `pool ${source.pool} holds ${pool.spec.kind}s and connection ${id} needs a ${field}; name a ${field} pool`,
      }
    const allocated = allocate(pool, 1, used)
    if (!allocated.ok) return { ok: false, reason: allocated.reason, connection: id, say: allocated.say }
    settle(id, field, allocated.addresses[0] as string)
  }
  return { ok: true, given }
}

/** Which addresses a connection has, and where each is to come from; a port's name before its node's. */
export function asks(
  connection: Connection,
): readonly { readonly field: AddressKind; readonly source: Source<Mac> | Source<Wwn> | Source<Iqn> }[] {
  switch (connection.kind) {
    case 'nic':
      return [{ field: 'mac', source: connection.mac }]
    case 'fc':
      return [
        { field: 'wwpn', source: connection.wwpn },
        { field: 'wwnn', source: connection.wwnn },
      ]
    case 'fcoe':
      return [
        { field: 'mac', source: connection.mac },
        { field: 'wwpn', source: connection.wwpn },
        { field: 'wwnn', source: connection.wwnn },
      ]
    case 'iscsi':
      return [
        { field: 'mac', source: connection.mac },
        { field: 'iqn', source: connection.iqn },
      ]
  }
}
