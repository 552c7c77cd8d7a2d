/**
 * Server profiles and pools between core and protobuf: how each is written and read stands side by side, in the order
 * of the protocol's sources. Here text becomes addresses and ids; whether a profile or a pool makes sense is for core's
 * rules, which a technician's line meets too.
 */
import type { AddressKind, PoolRange, PoolSpec, Preset } from '../core/pool.ts'
import type {
  Affinity,
  Allocation,
  Bandwidth,
  BootEntry,
  BootPlan,
  Chap,
  Connection,
  FcTarget,
  Given,
  InitiatorNetwork,
  IscsiTarget,
  Profile,
  Source,
} from '../core/profile.ts'
import { midplane as pb } from './generated/midplane.js'
import { each, given, ifSet, type Numbered, type Reading, type Unset } from './reading.ts'

const { v1 } = pb

const affinities: Numbered<Affinity> = {
  bay: v1.Affinity.AFFINITY_BAY,
  model: v1.Affinity.AFFINITY_MODEL,
  blade: v1.Affinity.AFFINITY_BLADE,
}
export const bootModes: Numbered<BootPlan['mode']> = {
  uefi: v1.BootMode.BOOT_MODE_UEFI,
  legacy: v1.BootMode.BOOT_MODE_LEGACY,
}
export const addressKinds: Numbered<AddressKind> = {
  mac: v1.AddressKind.ADDRESS_KIND_MAC,
  wwpn: v1.AddressKind.ADDRESS_KIND_WWPN,
  wwnn: v1.AddressKind.ADDRESS_KIND_WWNN,
  iqn: v1.AddressKind.ADDRESS_KIND_IQN,
}
const presets: Numbered<Preset> = {
  'hp-vc': v1.Preset.PRESET_HP_VC,
  'hp-vcem': v1.Preset.PRESET_HP_VCEM,
  'cisco-ucs': v1.Preset.PRESET_CISCO_UCS,
  oneview: v1.Preset.PRESET_ONEVIEW,
}

export function writeProfile(profile: Profile): pb.v1.Profile.$Properties {
  return {
    id: profile.id,
    description: profile.description ?? null,
    connections: profile.connections.map(writeConnection),
    boot: writeBootPlan(profile.boot),
    affinity: affinities[profile.affinity],
    uuid: profile.uuid ?? null,
    serial: profile.serial ?? null,
  }
}

export function readProfile(read: Reading, at: string, message: pb.v1.Profile.$Properties): Profile {
  return {
    id: read.id(`${at}.id`, message.id),
    ...given('description', read.maybeText(`${at}.description`, message.description, 256)),
    connections: each(message.connections, `${at}.connections`, (connection, where) =>
      readConnection(read, where, connection),
    ),
    boot: read.part(`${at}.boot`, message.boot, (boot) => readBootPlan(read, `${at}.boot`, boot)),
    affinity: read.name(`${at}.affinity`, message.affinity, affinities),
    ...given('uuid', read.maybeUuid(`${at}.uuid`, message.uuid)),
    ...given('serial', read.maybeSerial(`${at}.serial`, message.serial)),
  }
}

function writeConnection(connection: Connection): pb.v1.Connection.$Properties {
  const placed = {
    id: connection.id,
    slot: connection.slot ?? null,
    port: connection.port ?? null,
    interconnect: connection.interconnect ?? null,
    vlan: connection.vlan ?? null,
    bandwidth: ifSet(connection.bandwidth, writeBandwidth),
  }
  switch (connection.kind) {
    case 'nic':
      return { ...placed, nic: { mac: writeSource(connection.mac) } }
    case 'fc':
      return { ...placed, fc: { wwpn: writeSource(connection.wwpn), wwnn: writeSource(connection.wwnn) } }
    case 'fcoe': {
      const { mac, wwpn, wwnn } = connection
      return { ...placed, fcoe: { mac: writeSource(mac), wwpn: writeSource(wwpn), wwnn: writeSource(wwnn) } }
    }
    case 'iscsi':
      return { ...placed, iscsi: { mac: writeSource(connection.mac), iqn: writeSource(connection.iqn) } }
  }
}

const place = /^[a-z0-9][a-z0-9-]{0,31}$/i

function readConnection(read: Reading, at: string, message: pb.v1.Connection.$Properties): Connection {
  const placed = {
    id: read.id<'Connection'>(`${at}.id`, message.id),
    ...given('slot', read.maybeShaped(`${at}.slot`, message.slot, place, 'an adapter slot')),
    ...given('port', message.port ?? undefined),
    ...given(
      'interconnect',
      read.maybeShaped(`${at}.interconnect`, message.interconnect, place, 'an interconnect bay'),
    ),
    ...given('vlan', message.vlan ?? undefined),
    ...(message.bandwidth && { bandwidth: readBandwidth(message.bandwidth) }),
  }
  const { nic, fc, fcoe, iscsi } = message
  const one = read.one(at, { nic, fc, fcoe, iscsi })
  if (one === undefined) return one
  const mac = (source: Unset | pb.v1.AddressSource.$Properties) =>
    readSource(read, `${at}.mac`, source, (where, text) => read.mac(where, text))
  const wwn = (field: 'wwpn' | 'wwnn', source: Unset | pb.v1.AddressSource.$Properties) =>
    readSource(read, `${at}.${field}`, source, (where, text) => read.wwn(where, text))
  switch (one.name) {
    case 'nic':
      return { ...placed, kind: 'nic', mac: mac(one.value.mac) }
    case 'fc':
      return { ...placed, kind: 'fc', wwpn: wwn('wwpn', one.value.wwpn), wwnn: wwn('wwnn', one.value.wwnn) }
    case 'fcoe': {
      const { value } = one
      return {
        ...placed,
        kind: 'fcoe',
        mac: mac(value.mac),
        wwpn: wwn('wwpn', value.wwpn),
        wwnn: wwn('wwnn', value.wwnn),
      }
    }
    case 'iscsi': {
      const iqn = readSource(read, `${at}.iqn`, one.value.iqn, (where, text) => read.iqn(where, text))
      return { ...placed, kind: 'iscsi', mac: mac(one.value.mac), iqn }
    }
  }
}

const writeBandwidth = ({ minMbps, maxMbps }: Bandwidth): pb.v1.Bandwidth.$Properties => ({
  minMbps,
  maxMbps: maxMbps ?? null,
})

const readBandwidth = ({ minMbps, maxMbps }: pb.v1.Bandwidth.$Properties): Bandwidth => ({
  minMbps: minMbps ?? 0,
  ...given('maxMbps', maxMbps ?? undefined),
})

function writeSource(source: Source<string>): pb.v1.AddressSource.$Properties {
  switch (source.from) {
    case 'factory':
      return { factory: {} }
    case 'pool':
      return { pool: source.pool }
    case 'value':
      return { value: source.value }
  }
}

function readSource<Address>(
  read: Reading,
  at: string,
  message: pb.v1.AddressSource.$Properties | Unset,
  address: (at: string, text: string) => Address,
): Source<Address> {
  return read.part(at, message, ({ factory, pool, value }) => {
    const one = read.one(at, { factory, pool, value })
    switch (one?.name) {
      case undefined:
        return one
      case 'factory':
        return { from: 'factory' }
      case 'pool':
        return { from: 'pool', pool: read.id(`${at}.pool`, one.value) }
      case 'value':
        return { from: 'value', value: address(`${at}.value`, one.value) }
    }
  })
}

export function writeBootPlan(plan: BootPlan): pb.v1.BootPlan.$Properties {
  return { mode: bootModes[plan.mode], order: plan.order.map(writeBootEntry) }
}

export function readBootPlan(read: Reading, at: string, message: pb.v1.BootPlan.$Properties): BootPlan {
  return {
    mode: read.name(`${at}.mode`, message.mode, bootModes),
    order: each(message.order, `${at}.order`, (entry, where) => readBootEntry(read, where, entry)),
  }
}

function writeBootEntry(entry: BootEntry): pb.v1.BootEntry.$Properties {
  switch (entry.target) {
    case 'local':
      return { local: {} }
    case 'setup':
      return { setup: {} }
    case 'pxe':
      return { pxe: { connection: entry.connection } }
    case 'http':
      return { http: { connection: entry.connection, uri: entry.uri } }
    case 'fc':
      return { fc: { connection: entry.connection, targets: entry.targets.map(writeFcTarget) } }
    case 'fcoe':
      return { fcoe: { connection: entry.connection, targets: entry.targets.map(writeFcTarget) } }
    case 'iscsi':
      return { iscsi: { connection: entry.connection, ...writeIscsi(entry) } }
  }
}

function readBootEntry(read: Reading, at: string, message: pb.v1.BootEntry.$Properties): BootEntry {
  const { local, setup, pxe, http, fc, fcoe, iscsi } = message
  const one = read.one(at, { local, setup, pxe, http, fc, fcoe, iscsi })
  const connection = (of: { connection?: string }) => read.id<'Connection'>(`${at}.connection`, of.connection)
  switch (one?.name) {
    case undefined:
      return one
    case 'local':
    case 'setup':
      return { target: one.name }
    case 'pxe':
      return { target: 'pxe', connection: connection(one.value) }
    case 'http':
      return { target: 'http', connection: connection(one.value), uri: read.text(`${at}.uri`, one.value.uri, 1024) }
    case 'fc':
    case 'fcoe': {
      const targets = readFcTargets(read, at, one.value.targets)
      return { target: one.name, connection: connection(one.value), targets }
    }
    case 'iscsi':
      return { target: 'iscsi', connection: connection(one.value), ...readIscsi(read, at, one.value) }
  }
}

export const writeFcTarget = ({ wwpn, lun }: FcTarget): pb.v1.FcTarget.$Properties => ({ wwpn, lun })

export function readFcTargets(
  read: Reading,
  at: string,
  messages: readonly pb.v1.FcTarget.$Properties[] | Unset,
): readonly FcTarget[] {
  return each(messages, `${at}.targets`, (target, where) => ({
    wwpn: read.wwn(`${where}.wwpn`, target.wwpn),
    lun: read.text(`${where}.lun`, target.lun, 16),
  }))
}

/** What an iSCSI boot entry and a function's iSCSI settings have in common. */
interface IscsiSettings {
  readonly targets: readonly IscsiTarget[]
  readonly network: InitiatorNetwork
  readonly chap?: Chap
}

export function writeIscsi({ targets, network, chap }: IscsiSettings): pb.v1.FunctionIscsi.$Properties {
  return {
    targets: targets.map(({ iqn, address, tcpPort, lun }) => ({ iqn, address, tcpPort, lun })),
    network: writeNetwork(network),
    chap: ifSet(chap, writeChap),
  }
}

export function readIscsi(read: Reading, at: string, message: pb.v1.FunctionIscsi.$Properties): IscsiSettings {
  return {
    targets: each(message.targets, `${at}.targets`, (target, where) => ({
      iqn: read.iqn(`${where}.iqn`, target.iqn),
      address: read.text(`${where}.address`, target.address, 45),
      tcpPort: target.tcpPort ?? 0,
      lun: read.text(`${where}.lun`, target.lun, 16),
    })),
    network: read.part(`${at}.network`, message.network, (network) => readNetwork(read, `${at}.network`, network)),
    ...(message.chap && { chap: readChap(read, `${at}.chap`, message.chap) }),
  }
}

const writeChap = ({ user, secret, mutual }: Chap): pb.v1.Chap.$Properties => ({
  user,
  secret,
  mutual: ifSet(mutual, (other) => ({ user: other.user, secret: other.secret })),
})

function readChap(read: Reading, at: string, message: pb.v1.Chap.$Properties): Chap {
  const half = (where: string, from: pb.v1.MutualChap.$Properties) => ({
    user: read.text(`${where}.user`, from.user, 255),
    secret: read.id<'Secret'>(`${where}.secret`, from.secret),
  })
  return { ...half(at, message), ...(message.mutual && { mutual: half(`${at}.mutual`, message.mutual) }) }
}

function writeNetwork(network: InitiatorNetwork): pb.v1.InitiatorNetwork.$Properties {
  switch (network.by) {
    case 'dhcp':
      return { dhcp: {} }
    case 'static': {
      const { address, netmask, gateway } = network
      return { staticNetwork: { address, netmask, gateway: gateway ?? null } }
    }
  }
}

function readNetwork(read: Reading, at: string, message: pb.v1.InitiatorNetwork.$Properties): InitiatorNetwork {
  const { dhcp, staticNetwork } = message
  const one = read.one(at, { dhcp, staticNetwork })
  switch (one?.name) {
    case undefined:
      return one
    case 'dhcp':
      return { by: 'dhcp' }
    case 'staticNetwork':
      return {
        by: 'static',
        address: read.text(`${at}.address`, one.value.address, 45),
        netmask: read.text(`${at}.netmask`, one.value.netmask, 45),
        ...given('gateway', read.maybeText(`${at}.gateway`, one.value.gateway, 45)),
      }
  }
}

export function writeAllocation(allocation: Allocation): pb.v1.Allocation.$Properties {
  return {
    connections: Object.entries(allocation).map(([connection, addresses]) => ({
      connection,
      addresses: writeAddresses(addresses),
    })),
  }
}

export function readAllocation(read: Reading, at: string, message: pb.v1.Allocation.$Properties): Allocation {
  const entries = each(message.connections, `${at}.connections`, (entry, where) => {
    const addresses = read.part(`${where}.addresses`, entry.addresses, (set) =>
      readAddresses(read, `${where}.addresses`, set),
    )
    return [read.id(`${where}.connection`, entry.connection), addresses] as const
  })
  return Object.fromEntries(entries)
}

export const writeAddresses = ({ mac, wwpn, wwnn, iqn }: Given): pb.v1.AddressSet.$Properties => ({
  mac: mac ?? null,
  wwpn: wwpn ?? null,
  wwnn: wwnn ?? null,
  iqn: iqn ?? null,
})

export function readAddresses(read: Reading, at: string, message: pb.v1.AddressSet.$Properties): Given {
  return {
    ...given('mac', read.maybeMac(`${at}.mac`, message.mac)),
    ...given('wwpn', read.maybeWwn(`${at}.wwpn`, message.wwpn)),
    ...given('wwnn', read.maybeWwn(`${at}.wwnn`, message.wwnn)),
    ...given('iqn', read.maybeIqn(`${at}.iqn`, message.iqn)),
  }
}

export function writePool(pool: PoolSpec): pb.v1.Pool.$Properties {
  const spec = { id: pool.id, kind: addressKinds[pool.kind], exclude: pool.exclude?.map((run) => ({ ...run })) ?? [] }
  const { range } = pool
  switch (range.by) {
    case 'count':
      return { ...spec, counted: { first: range.first, count: range.count, pairs: range.pairs ?? null } }
    case 'preset':
      return { ...spec, preset: { preset: presets[range.preset], index: range.index } }
  }
}

export function readPool(read: Reading, at: string, message: pb.v1.Pool.$Properties): PoolSpec {
  const exclude = each(message.exclude, `${at}.exclude`, (run, where) => ({
    first: read.text(`${where}.first`, run.first, 223),
    count: run.count ?? 0,
  }))
  return {
    id: read.id(`${at}.id`, message.id),
    kind: read.name(`${at}.kind`, message.kind, addressKinds),
    range: readRange(read, at, message),
    ...(exclude.length > 0 && { exclude }),
  }
}

function readRange(read: Reading, at: string, { counted, preset }: pb.v1.Pool.$Properties): PoolRange {
  const one = read.one(`${at}.range`, { counted, preset })
  switch (one?.name) {
    case undefined:
      return one
    case 'counted': {
      const { first, count, pairs } = one.value
      return {
        by: 'count',
        first: read.text(`${at}.range.first`, first, 223),
        count: count ?? 0,
        ...given('pairs', pairs ?? undefined),
      }
    }
    case 'preset':
      return {
        by: 'preset',
        preset: read.name(`${at}.range.preset`, one.value.preset, presets),
        index: one.value.index ?? 0,
      }
  }
}
