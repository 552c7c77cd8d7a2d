/**
 * JSON documents into pools, secrets, profiles, policies and assignments. The forms are those of the core and of the JSON state
 * (agent/core/profile.ts, pool.ts), so that what is printed can be applied again; README.md shows each by an example.
 * Left out may be: `affinity` (model), `boot` (the firmware's own order), `mode` (uefi), `tcpPort` (3260), `network`
 * (dhcp), `when` (now), `preprovision` (false), `cut` (false), `attempts` (3), and `wwnn` of a connection (from the same
 * source as `wwpn`).
 */
import {
  type Iqn,
  type Mac,
  type ProfileId,
  parseIqn,
  parseMac,
  parseSerial,
  parseUuid,
  parseWwn,
  type SecretId,
  type Wwn,
} from '../core/addresses.ts'
import type { Target, When } from '../core/command.ts'
import type { Policy } from '../core/policy.ts'
import type { PoolRange, PoolSpec, Run } from '../core/pool.ts'
import type {
  Bandwidth,
  BootEntry,
  BootPlan,
  Chap,
  Connection,
  FcTarget,
  InitiatorNetwork,
  IscsiTarget,
  Profile,
  Source,
} from '../core/profile.ts'
import { Failed } from './errors.ts'
import { Fields } from './fields.ts'

export interface Assignment {
  readonly profile: ProfileId
  readonly to: Target
  readonly when: When
  readonly preprovision: boolean
  readonly power?: 'on' | 'off'
}

export interface Documents {
  readonly pools: readonly PoolSpec[]
  readonly secrets: readonly { readonly id: SecretId; readonly value: string }[]
  readonly profiles: readonly Profile[]
  readonly policies: readonly Policy[]
  readonly assignments: readonly Assignment[]
}

/** The document can not be used; every line is one complaint. */
export class BadDocument extends Failed {}

export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new BadDocument(`the input is not JSON: ${(error as SyntaxError).message}`)
  }
}

export function readDocuments(json: unknown): Documents {
  const read = new Fields(json)
  const all = read.isList ? read.each(readOne) : [readOne(read)]
  const documents: Documents = {
    pools: all.flatMap((one) => one?.pools ?? []),
    secrets: all.flatMap((one) => one?.secrets ?? []),
    profiles: all.flatMap((one) => one?.profiles ?? []),
    policies: all.flatMap((one) => one?.policies ?? []),
    assignments: all.flatMap((one) => one?.assignments ?? []),
  }
  if (read.complaints.length === 0) {
    if (Object.values(documents).every((list) => list.length === 0)) read.wrong('holds nothing to apply')
    else complainTwice(read, documents)
  }
  return sure(read, documents)
}

export function readBootPlan(json: unknown): BootPlan {
  const read = new Fields(json, 'boot')
  return sure(read, bootPlan(read))
}

function sure<Value>({ complaints }: Fields, value: Value): Value {
  if (complaints.length > 0) throw new BadDocument(complaints.join('\n'))
  return value
}

/** Two that have one id would undo each other, every time. */
function complainTwice(read: Fields, { pools, secrets, profiles, policies, assignments }: Documents): void {
  const lists: { readonly [kind: string]: readonly string[] } = {
    pool: pools.map(({ id }) => id),
    secret: secrets.map(({ id }) => id),
    profile: profiles.map(({ id }) => id),
    policy: policies.map(({ id }) => id),
    'assignment of': assignments.map(({ profile }) => profile),
  }
  for (const [kind, ids] of Object.entries(lists))
    for (const id of new Set(ids.filter((each, i) => ids.indexOf(each) < i))) read.wrong(`has ${kind} ${id} twice`)
}

function readOne(read: Fields): Documents {
  // What `get -o json` prints: a part of the state; its specification is applied.
  if (read.has('view')) {
    const part = read.at('part').choice(['pool', 'profile', 'policy'] as const)
    const view = read.at('view')
    return {
      pools: part === 'pool' ? [pool(view.at('spec'))] : [],
      profiles: part === 'profile' ? [profile(view.at('profile'))] : [],
      policies: part === 'policy' ? [policy(view.at('policy'))] : [],
      secrets: [],
      assignments: [],
    }
  }
  const kinds = ['pools', 'pool', 'secrets', 'secret', 'profiles', 'profile', 'policies', 'policy'] as const
  read.only(...kinds, 'assignments', 'assignment')
  const both = <Value>(many: string, one: string, readEach: (field: Fields) => Value): readonly Value[] => [
    ...(read.at(many).each(readEach) ?? []),
    ...(read.has(one) ? [readEach(read.at(one))] : []),
  ]
  return {
    pools: both('pools', 'pool', pool),
    secrets: both('secrets', 'secret', secret),
    profiles: both('profiles', 'profile', profile),
    policies: both('policies', 'policy', policy),
    assignments: both('assignments', 'assignment', assignment),
  }
}

// ── Pools and secrets ───────────────────────────────────────────────────────────────────────────────────────────

function pool(read: Fields): PoolSpec {
  read.only('id', 'kind', 'range', 'exclude')
  const exclude = read.at('exclude').each(run)
  return {
    id: read.at('id').id(),
    kind: read.at('kind').choice(['mac', 'wwpn', 'wwnn', 'iqn']),
    range: range(read.at('range')),
    ...(exclude !== undefined && exclude.length > 0 && { exclude }),
  }
}

const run = (read: Fields): Run => {
  read.only('first', 'count')
  return { first: read.at('first').text(), count: read.at('count').number() }
}

function range(read: Fields): PoolRange {
  switch (read.at('by').choice(['count', 'preset'])) {
    case 'count':
      read.only('by', 'first', 'count', 'pairs')
      return {
        by: 'count',
        first: read.at('first').text(),
        count: read.at('count').number(),
        ...read.maybe('pairs', (field) => field.flag()),
      }
    case 'preset':
      read.only('by', 'preset', 'index')
      return {
        by: 'preset',
        preset: read.at('preset').choice(['hp-vc', 'hp-vcem', 'cisco-ucs', 'oneview']),
        index: read.at('index').number(),
      }
  }
}

function secret(read: Fields): Documents['secrets'][number] {
  read.only('id', 'value')
  return { id: read.at('id').id(), value: read.at('value').text() }
}

// ── Profiles ────────────────────────────────────────────────────────────────────────────────────────────────────

function profile(read: Fields): Profile {
  read.only('id', 'description', 'connections', 'boot', 'affinity', 'uuid', 'serial')
  return {
    id: read.at('id').id(),
    ...read.maybe('description', (field) => field.text()),
    connections: read.at('connections').each(connection),
    boot: bootPlan(read.at('boot')),
    affinity: read.at('affinity').isThere ? read.at('affinity').choice(['bay', 'model', 'blade']) : 'model',
    ...read.maybe('uuid', (field) => field.parsed(parseUuid, 'a UUID')),
    ...read.maybe('serial', (field) => field.parsed(parseSerial, 'a serial number')),
  }
}

const placed = ['id', 'kind', 'slot', 'port', 'interconnect', 'vlan', 'bandwidth'] as const

function connection(read: Fields): Connection {
  const where = {
    id: read.at('id').id<'Connection'>(),
    ...read.maybe('slot', (field) => field.text()),
    ...read.maybe('port', (field) => field.number()),
    ...read.maybe('interconnect', (field) => field.text()),
    ...read.maybe('vlan', (field) => field.number()),
    ...read.maybe('bandwidth', bandwidth),
  }
  const kind = read.at('kind').choice(['nic', 'fc', 'fcoe', 'iscsi'])
  switch (kind) {
    case 'nic':
      read.only(...placed, 'mac')
      return { ...where, kind, mac: mac(read) }
    case 'fc':
      read.only(...placed, 'wwpn', 'wwnn')
      return { ...where, kind, ...worldWideNames(read) }
    case 'fcoe':
      read.only(...placed, 'mac', 'wwpn', 'wwnn')
      return { ...where, kind, mac: mac(read), ...worldWideNames(read) }
    case 'iscsi':
      read.only(...placed, 'mac', 'iqn')
      return { ...where, kind, mac: mac(read), iqn: source<Iqn>(read.at('iqn'), parseIqn, 'an iSCSI name') }
  }
}

function bandwidth(read: Fields): Bandwidth {
  read.only('minMbps', 'maxMbps')
  return { minMbps: read.at('minMbps').number(), ...read.maybe('maxMbps', (field) => field.number()) }
}

const mac = (read: Fields): Source<Mac> => source(read.at('mac'), parseMac, 'a MAC address')

/** A node name that is left out comes from where the port name does; a chosen one has to be said. */
function worldWideNames(read: Fields): { readonly wwpn: Source<Wwn>; readonly wwnn: Source<Wwn> } {
  const name = (field: Fields) => source<Wwn>(field, parseWwn, 'a world-wide name')
  const wwpn = name(read.at('wwpn'))
  const follows = !read.at('wwnn').isThere && wwpn?.from !== 'value'
  return { wwpn, wwnn: follows ? wwpn : name(read.at('wwnn')) }
}

function source<Address>(read: Fields, parse: (text: string) => Address | undefined, what: string): Source<Address> {
  const from = read.at('from').choice(['factory', 'pool', 'value'])
  switch (from) {
    case undefined:
      return from
    case 'factory':
      read.only('from')
      return { from }
    case 'pool':
      read.only('from', 'pool')
      return { from, pool: read.at('pool').id() }
    case 'value':
      read.only('from', 'value')
      return { from, value: read.at('value').parsed(parse, what) }
  }
}

// ── Booting ─────────────────────────────────────────────────────────────────────────────────────────────────────

function bootPlan(read: Fields): BootPlan {
  if (!read.isThere) return { mode: 'uefi', order: [] }
  read.only('mode', 'order')
  return {
    mode: read.at('mode').isThere ? read.at('mode').choice(['uefi', 'legacy']) : 'uefi',
    order: read.at('order').each(bootEntry),
  }
}

function bootEntry(read: Fields): BootEntry {
  const target = read.at('target').choice(['local', 'setup', 'pxe', 'http', 'fc', 'fcoe', 'iscsi'])
  const by = () => read.at('connection').id<'Connection'>()
  switch (target) {
    case undefined:
      return target
    case 'local':
    case 'setup':
      read.only('target')
      return { target }
    case 'pxe':
      read.only('target', 'connection')
      return { target, connection: by() }
    case 'http':
      read.only('target', 'connection', 'uri')
      return { target, connection: by(), uri: read.at('uri').text() }
    case 'fc':
    case 'fcoe':
      read.only('target', 'connection', 'targets')
      return { target, connection: by(), targets: read.at('targets').each(fcTarget) }
    case 'iscsi':
      read.only('target', 'connection', 'targets', 'network', 'chap')
      return {
        target,
        connection: by(),
        targets: read.at('targets').each(iscsiTarget),
        network: network(read.at('network')),
        ...read.maybe('chap', chap),
      }
  }
}

function fcTarget(read: Fields): FcTarget {
  read.only('wwpn', 'lun')
  return { wwpn: read.at('wwpn').parsed(parseWwn, 'a world-wide name'), lun: read.at('lun').text() }
}

function iscsiTarget(read: Fields): IscsiTarget {
  read.only('iqn', 'address', 'tcpPort', 'lun')
  return {
    iqn: read.at('iqn').parsed(parseIqn, 'an iSCSI name'),
    address: read.at('address').text(),
    tcpPort: read.at('tcpPort').isThere ? read.at('tcpPort').number() : 3260,
    lun: read.at('lun').text(),
  }
}

function network(read: Fields): InitiatorNetwork {
  if (!read.isThere) return { by: 'dhcp' }
  const by = read.at('by').choice(['dhcp', 'static'])
  switch (by) {
    case undefined:
      return by
    case 'dhcp':
      read.only('by')
      return { by }
    case 'static':
      read.only('by', 'address', 'netmask', 'gateway')
      return {
        by,
        address: read.at('address').text(),
        netmask: read.at('netmask').text(),
        ...read.maybe('gateway', (field) => field.text()),
      }
  }
}

function chap(read: Fields): Chap {
  read.only('user', 'secret', 'mutual')
  const half = (of: Fields) => ({ user: of.at('user').text(), secret: of.at('secret').id<'Secret'>() })
  return {
    ...half(read),
    ...read.maybe('mutual', (of) => half(of.only('user', 'secret'))),
  }
}

// ── Policies ────────────────────────────────────────────────────────────────────────────────────────────────────

function policy(read: Fields): Policy {
  read.only('id', 'profiles', 'spares', 'afterSeconds', 'cut', 'attempts')
  return {
    id: read.at('id').id(),
    ...read.maybe('profiles', (field) => field.each((each) => each.id<'Profile'>())),
    ...read.maybe('spares', (field) => field.each((each) => each.number())),
    afterSeconds: read.at('afterSeconds').number(),
    cut: read.at('cut').isThere ? read.at('cut').flag() : false,
    attempts: read.at('attempts').isThere ? read.at('attempts').number() : 3,
  }
}

// ── Assignments ─────────────────────────────────────────────────────────────────────────────────────────────────

function assignment(read: Fields): Assignment {
  read.only('profile', 'bay', 'product', 'among', 'when', 'preprovision', 'power')
  return {
    profile: read.at('profile').id(),
    to: target(read),
    when: read.at('when').isThere ? read.at('when').choice(['now', 'next-off']) : 'now',
    preprovision: read.at('preprovision').isThere ? read.at('preprovision').flag() : false,
    ...read.maybe('power', (field) => field.choice(['on', 'off'] as const)),
  }
}

/** `"bay": 3`, or `"bay": "any"` with `product` and `among`. */
function target(read: Fields): Target {
  const bay = read.at('bay')
  if (bay.isNumber) {
    for (const name of ['product', 'among']) if (read.has(name)) read.at(name).wrong('goes with "bay": "any"')
    return { bay: bay.number() }
  }
  bay.choice(['any'])
  const among = read.at('among').isThere ? read.at('among').each((each) => each.number()) : undefined
  return { any: { ...read.maybe('product', (field) => field.text()), ...(among && { among }) } }
}
