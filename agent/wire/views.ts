/** The views of which the retained state consists, each between core and protobuf. */
import type { InterconnectKind } from '../core/blade.ts'
import type { Standby } from '../core/command.ts'
import type { Copy } from '../core/reply.ts'
import type {
  BayView,
  ChassisView,
  ControllerView,
  FunctionView,
  HealthView,
  HostHealth,
  Phase,
  PoolView,
  ProfileView,
  Shown,
  StoreView,
} from '../core/views.ts'
import { overrideTargets, powerStates, readTexts, roles } from './blade.ts'
import { readIncarnation } from './command.ts'
import { findingTypes, readReason, reasonNumber } from './finding.ts'
import { midplane as pb } from './generated/midplane.js'
import {
  readAddresses,
  readAllocation,
  readPool,
  readProfile,
  writeAddresses,
  writeAllocation,
  writePool,
  writeProfile,
} from './profile.ts'
import { each, given, ifSet, type Numbered, type Reading, type Unset } from './reading.ts'

const { v1 } = pb

const presences: Numbered<BayView['presence']> = {
  present: v1.BayPresence.BAY_PRESENCE_PRESENT,
  empty: v1.BayPresence.BAY_PRESENCE_EMPTY,
  covered: v1.BayPresence.BAY_PRESENCE_COVERED,
  unknown: v1.BayPresence.BAY_PRESENCE_UNKNOWN,
}
const phases: Numbered<Phase> = {
  idle: v1.Phase.PHASE_IDLE,
  staged: v1.Phase.PHASE_STAGED,
  ready: v1.Phase.PHASE_READY,
  armed: v1.Phase.PHASE_ARMED,
  running: v1.Phase.PHASE_RUNNING,
  wrong: v1.Phase.PHASE_WRONG,
  leaving: v1.Phase.PHASE_LEAVING,
  unknown: v1.Phase.PHASE_UNKNOWN,
}
const powersSeen: Numbered<BayView['power']> = {
  on: v1.PowerSeen.POWER_SEEN_ON,
  off: v1.PowerSeen.POWER_SEEN_OFF,
  unknown: v1.PowerSeen.POWER_SEEN_UNKNOWN,
}
const stages: Numbered<NonNullable<BayView['stage']>> = {
  off: v1.Stage.STAGE_OFF,
  post: v1.Stage.STAGE_POST,
  halted: v1.Stage.STAGE_HALTED,
  os: v1.Stage.STAGE_OS,
}
const permits: Numbered<BayView['permit']> = {
  denied: v1.Permit.PERMIT_DENIED,
  granted: v1.Permit.PERMIT_GRANTED,
  spent: v1.Permit.PERMIT_SPENT,
  none: v1.Permit.PERMIT_NONE,
  unknown: v1.Permit.PERMIT_UNKNOWN,
}
const interconnectKinds: Numbered<InterconnectKind | 'empty' | 'unknown'> = {
  ethernet: v1.InterconnectKind.INTERCONNECT_KIND_ETHERNET,
  fc: v1.InterconnectKind.INTERCONNECT_KIND_FC,
  converged: v1.InterconnectKind.INTERCONNECT_KIND_CONVERGED,
  empty: v1.InterconnectKind.INTERCONNECT_KIND_EMPTY,
  unknown: v1.InterconnectKind.INTERCONNECT_KIND_UNKNOWN,
}
const entryStates: Numbered<PoolView['entries'][number]['state']> = {
  'in-use': v1.EntryState.ENTRY_STATE_IN_USE,
  external: v1.EntryState.ENTRY_STATE_EXTERNAL,
  excluded: v1.EntryState.ENTRY_STATE_EXCLUDED,
  quarantined: v1.EntryState.ENTRY_STATE_QUARANTINED,
}
const slots: Numbered<ControllerView['slot']> = {
  A: v1.ControllerSlot.CONTROLLER_SLOT_A,
  B: v1.ControllerSlot.CONTROLLER_SLOT_B,
}
const controllerRoles: Numbered<ControllerView['role']> = {
  owner: v1.ControllerRole.CONTROLLER_ROLE_OWNER,
  standby: v1.ControllerRole.CONTROLLER_ROLE_STANDBY,
  silent: v1.ControllerRole.CONTROLLER_ROLE_SILENT,
}
const standings: Numbered<Standby['is']> = {
  member: v1.Standing.STANDING_MEMBER,
  'catching-up': v1.Standing.STANDING_CATCHING_UP,
  refused: v1.Standing.STANDING_REFUSED,
  silent: v1.Standing.STANDING_SILENT,
  absent: v1.Standing.STANDING_ABSENT,
}
export const copies: Numbered<Copy> = {
  flash: v1.StoredCopy.STORED_COPY_FLASH,
  eeprom: v1.StoredCopy.STORED_COPY_EEPROM,
  peer: v1.StoredCopy.STORED_COPY_PEER,
}
const partStates: Numbered<HealthView['fans'][number]['state']> = {
  ok: v1.PartState.PART_STATE_OK,
  failed: v1.PartState.PART_STATE_FAILED,
  absent: v1.PartState.PART_STATE_ABSENT,
}

export function writeChassis(view: ChassisView): pb.v1.ChassisView.$Properties {
  const { board, boardName, serial, incarnation, epoch, revision, term, office, bays, inSync } = view
  return {
    ...{ board, boardName, serial, incarnation, epoch, revision, term, bays, inSync },
    office: ifSet(office, ({ client, lineage, number }) => ({ client, lineage, number })),
    todo: view.todo.map(({ bay, reason, message, remedy }) => ({ bay, reason: reasonNumber(reason), message, remedy })),
    secrets: [...view.secrets],
    interconnects: view.interconnects.map(({ id, kind }) => ({ id, kind: interconnectKinds[kind] })),
    parts: Object.entries(view.parts).map(([part, version]) => ({ part, version })),
  }
}

export function readChassis(read: Reading, at: string, message: pb.v1.ChassisView.$Properties): ChassisView {
  const { office } = message
  return {
    board: message.board ?? '',
    boardName: message.boardName ?? '',
    serial: message.serial ?? '',
    incarnation: readIncarnation(read, `${at}.incarnation`, message.incarnation),
    epoch: read.wide(`${at}.epoch`, message.epoch),
    revision: read.wide(`${at}.revision`, message.revision),
    term: read.wide(`${at}.term`, message.term),
    ...(office && {
      office: {
        client: read.id<'Client'>(`${at}.office.client`, office.client),
        lineage: office.lineage ?? '',
        number: read.wide(`${at}.office.number`, office.number),
      },
    }),
    bays: message.bays ?? 0,
    inSync: message.inSync ?? false,
    todo: each(message.todo, `${at}.todo`, (todo, where) => ({
      // 0: the chassis itself.
      bay: read.within(`${where}.bay`, todo.bay, 0, 9999),
      reason: readReason(read, `${where}.reason`, todo.reason),
      message: todo.message ?? '',
      remedy: todo.remedy ?? '',
    })),
    secrets: each(message.secrets, `${at}.secrets`, (secret, where) => read.id<'Secret'>(where, secret)),
    interconnects: each(message.interconnects, `${at}.interconnects`, ({ id, kind }, where) => ({
      id: id ?? '',
      kind: read.name(`${where}.kind`, kind, interconnectKinds),
    })),
    parts: Object.fromEntries(
      each(
        message.parts,
        `${at}.parts`,
        ({ part, version }, where) => [part ?? '', read.wide(where, version)] as const,
      ),
    ),
  }
}

export function writeBay(view: BayView): pb.v1.BayView.$Properties {
  return {
    bay: view.bay,
    presence: presences[view.presence],
    coveredBy: view.coveredBy ?? null,
    serial: view.serial ?? null,
    product: view.product ?? null,
    phase: phases[view.phase],
    profile: view.profile ?? null,
    powerWanted: view.powerWanted === undefined ? null : powerStates[view.powerWanted],
    power: powersSeen[view.power],
    stage: view.stage === undefined ? null : stages[view.stage],
    permit: permits[view.permit],
    arming: view.arming,
    locate: view.locate,
    inSync: view.inSync,
    findings: view.findings.map(writeShown),
    functions: view.functions.map(writeFunction),
    bootOrder: [...view.bootOrder],
    override: ifSet(view.override, ({ target, left }) => ({ target: overrideTargets[target], left: left ?? null })),
    verified: [...view.verified],
    inDoubt: view.inDoubt.map(({ profile, serial, quarantined }) => ({ profile, serial: serial ?? null, quarantined })),
  }
}

export function readBay(read: Reading, at: string, message: pb.v1.BayView.$Properties): BayView {
  const { override } = message
  return {
    bay: read.bay(`${at}.bay`, message.bay),
    presence: read.name(`${at}.presence`, message.presence, presences),
    ...given('coveredBy', read.maybeBay(`${at}.covered_by`, message.coveredBy)),
    ...given('serial', read.maybeSerial(`${at}.serial`, message.serial)),
    ...given('product', message.product ?? undefined),
    phase: read.name(`${at}.phase`, message.phase, phases),
    ...given('profile', read.maybeId<'Profile'>(`${at}.profile`, message.profile)),
    ...given('powerWanted', read.maybeName(`${at}.power_wanted`, message.powerWanted, powerStates)),
    power: read.name(`${at}.power`, message.power, powersSeen),
    ...given('stage', read.maybeName(`${at}.stage`, message.stage, stages)),
    permit: read.name(`${at}.permit`, message.permit, permits),
    arming: read.wide(`${at}.arming`, message.arming),
    locate: message.locate ?? false,
    inSync: message.inSync ?? false,
    findings: each(message.findings, `${at}.findings`, (finding, where) => readShown(read, where, finding)),
    functions: each(message.functions, `${at}.functions`, (fn, where) => readFunction(read, where, fn)),
    bootOrder: readTexts(read, `${at}.boot_order`, message.bootOrder),
    ...(override && {
      override: {
        target: read.name(`${at}.override.target`, override.target, overrideTargets),
        ...given('left', override.left ?? undefined),
      },
    }),
    verified: readTexts(read, `${at}.verified`, message.verified),
    inDoubt: each(message.inDoubt, `${at}.in_doubt`, ({ profile, serial, quarantined }, where) => ({
      profile: read.id<'Profile'>(`${where}.profile`, profile),
      ...given('serial', read.maybeSerial(`${where}.serial`, serial)),
      quarantined: quarantined ?? false,
    })),
  }
}

const writeShown = ({ type, reason, message, remedy, sinceUptimeMs }: Shown): pb.v1.Finding.$Properties => ({
  ...{ type: findingTypes[type], reason: reasonNumber(reason), message, remedy, sinceUptimeMs },
})

const readShown = (read: Reading, at: string, finding: pb.v1.Finding.$Properties): Shown => ({
  type: read.name(`${at}.type`, finding.type, findingTypes),
  reason: readReason(read, `${at}.reason`, finding.reason),
  message: finding.message ?? '',
  remedy: finding.remedy ?? '',
  sinceUptimeMs: read.wide(`${at}.since_uptime_ms`, finding.sinceUptimeMs),
})

function writeFunction(view: FunctionView): pb.v1.FunctionView.$Properties {
  const { key, adapter, interconnect, downlink } = view
  return {
    ...{ key, adapter, interconnect, downlink },
    connection: view.connection ?? null,
    role: roles[view.role],
    factory: writeAddresses(view.factory),
    assigned: ifSet(view.assigned, writeAddresses),
    applied: writeAddresses(view.applied),
    vlan: view.vlan ?? null,
    maxMbps: view.maxMbps ?? null,
  }
}

function readFunction(read: Reading, at: string, message: pb.v1.FunctionView.$Properties): FunctionView {
  const { factory, assigned, applied } = message
  return {
    key: read.text(`${at}.key`, message.key, 64),
    adapter: message.adapter ?? '',
    ...given('connection', message.connection ?? undefined),
    role: read.name(`${at}.role`, message.role, roles),
    factory: read.part(`${at}.factory`, factory, (set) => readAddresses(read, `${at}.factory`, set)),
    ...(assigned && { assigned: readAddresses(read, `${at}.assigned`, assigned) }),
    applied: read.part(`${at}.applied`, applied, (set) => readAddresses(read, `${at}.applied`, set)),
    ...given('vlan', message.vlan ?? undefined),
    ...given('maxMbps', message.maxMbps ?? undefined),
    interconnect: message.interconnect ?? '',
    downlink: message.downlink ?? 0,
  }
}

export function writeProfileView(view: ProfileView): pb.v1.ProfileView.$Properties {
  const { token, revision, inSync } = view
  return {
    profile: writeProfile(view.profile),
    given: writeAllocation(view.given),
    ...{ token, revision, inSync },
    bay: view.bay ?? null,
    inDoubt: view.inDoubt.map(({ bay, serial }) => ({ bay, serial: serial ?? null })),
  }
}

export function readProfileView(read: Reading, at: string, message: pb.v1.ProfileView.$Properties): ProfileView {
  const { profile, given: allocation } = message
  return {
    profile: read.part(`${at}.profile`, profile, (sent) => readProfile(read, `${at}.profile`, sent)),
    given: read.part(`${at}.given`, allocation, (set) => readAllocation(read, `${at}.given`, set)),
    token: read.wide(`${at}.token`, message.token),
    revision: read.wide(`${at}.revision`, message.revision),
    ...given('bay', read.maybeBay(`${at}.bay`, message.bay)),
    inSync: message.inSync ?? false,
    inDoubt: each(message.inDoubt, `${at}.in_doubt`, ({ bay, serial }, where) => ({
      bay: read.bay(`${where}.bay`, bay),
      ...given('serial', read.maybeSerial(`${where}.serial`, serial)),
    })),
  }
}

export function writePoolView({ spec, counts, entries, more }: PoolView): pb.v1.PoolView.$Properties {
  return {
    spec: writePool(spec),
    counts: { ...counts },
    entries: entries.map(({ address, state, profile }) => ({
      address,
      state: entryStates[state],
      profile: profile ?? null,
    })),
    more,
  }
}

export function readPoolView(read: Reading, at: string, message: pb.v1.PoolView.$Properties): PoolView {
  const { spec, counts } = message
  return {
    spec: read.part(`${at}.spec`, spec, (sent) => readPool(read, `${at}.spec`, sent)),
    counts: read.part(`${at}.counts`, counts, ({ free, inUse, external, excluded, quarantined }) => ({
      free: free ?? 0,
      inUse: inUse ?? 0,
      external: external ?? 0,
      excluded: excluded ?? 0,
      quarantined: quarantined ?? 0,
    })),
    entries: each(message.entries, `${at}.entries`, ({ address, state, profile }, where) => ({
      address: read.text(`${where}.address`, address, 223),
      state: read.name(`${where}.state`, state, entryStates),
      ...given('profile', read.maybeId<'Profile'>(`${where}.profile`, profile)),
    })),
    more: message.more ?? 0,
  }
}

export function writeController(view: ControllerView): pb.v1.ControllerView.$Properties {
  const { version, uptimeMs, host, store, pair, serial, sinceUptimeMs } = view
  return {
    slot: slots[view.slot],
    version,
    uptimeMs,
    role: controllerRoles[view.role],
    serial: serial ?? null,
    sinceUptimeMs: sinceUptimeMs ?? null,
    host: ifSet(host === 'unknown' ? undefined : host, writeHost),
    store: { ...store, notes: [...store.notes], copies: store.copies.map((copy) => copies[copy]) },
    pair: ifSet(pair, ({ other, members }) => ({
      other: standings[other.is],
      why: other.why ?? null,
      members: [...members],
    })),
  }
}

export function readController(read: Reading, at: string, message: pb.v1.ControllerView.$Properties): ControllerView {
  const { host, store, pair } = message
  return {
    slot: read.name(`${at}.slot`, message.slot, slots),
    version: message.version ?? '',
    uptimeMs: read.wide(`${at}.uptime_ms`, message.uptimeMs),
    role: read.name(`${at}.role`, message.role, controllerRoles),
    ...given('serial', message.serial ?? undefined),
    ...given('sinceUptimeMs', read.maybeWide(`${at}.since_uptime_ms`, message.sinceUptimeMs)),
    host: host ? readHost(read, `${at}.host`, host) : 'unknown',
    store: read.part(`${at}.store`, store, (sent) => readStore(read, `${at}.store`, sent)),
    ...(pair && {
      pair: {
        other: { is: read.name(`${at}.pair.other`, pair.other, standings), ...given('why', pair.why ?? undefined) },
        members: readTexts(read, `${at}.pair.members`, pair.members),
      },
    }),
  }
}

const writeHost = (host: HostHealth): pb.v1.HostHealth.$Properties => ({
  ...host,
  celsius: host.celsius ?? null,
  interfaces: host.interfaces.map((each) => ({ ...each })),
})

function readHost(read: Reading, at: string, message: pb.v1.HostHealth.$Properties): HostHealth {
  return {
    hostname: message.hostname ?? '',
    cpus: message.cpus ?? 0,
    load: message.load ?? 0,
    memoryBytes: read.wide(`${at}.memory_bytes`, message.memoryBytes),
    memoryFreeBytes: read.wide(`${at}.memory_free_bytes`, message.memoryFreeBytes),
    ...given('celsius', message.celsius ?? undefined),
    interfaces: each(message.interfaces, `${at}.interfaces`, ({ name, address, up }) => ({
      name: name ?? '',
      address: address ?? '',
      up: up ?? false,
    })),
  }
}

function readStore(read: Reading, at: string, message: pb.v1.StoreView.$Properties): StoreView {
  return {
    readOnly: message.readOnly ?? false,
    notes: readTexts(read, `${at}.notes`, message.notes),
    copies: readCopies(read, `${at}.copies`, message.copies),
    index: read.wide(`${at}.index`, message.index),
    digest: message.digest ?? '',
    bytesWritten: read.wide(`${at}.bytes_written`, message.bytesWritten),
    syncs: read.wide(`${at}.syncs`, message.syncs),
    eepromPagesWritten: read.wide(`${at}.eeprom_pages_written`, message.eepromPagesWritten),
    eepromUse: message.eepromUse ?? 0,
  }
}

export function readCopies(read: Reading, at: string, numbers: readonly number[] | Unset): readonly Copy[] {
  return each(numbers, at, (number, where) => read.name(where, number, copies))
}

export function writeHealth({ supplies, fans, temperatures, frus }: HealthView): pb.v1.HealthView.$Properties {
  return {
    supplies: supplies.map(({ bay, state, watts }) => ({ bay, state: partStates[state], watts })),
    fans: fans.map(({ bay, state, rpm }) => ({ bay, state: partStates[state], rpm })),
    temperatures: temperatures.map(({ name, celsius, limit }) => ({ name, celsius, limit })),
    frus: frus.map(({ where, product, serial, part }) => ({ where, product, serial, part })),
  }
}

export function readHealth(read: Reading, at: string, message: pb.v1.HealthView.$Properties): HealthView {
  const state = (where: string, number: number | Unset) => read.name(`${where}.state`, number, partStates)
  return {
    supplies: each(message.supplies, `${at}.supplies`, (supply, where) => ({
      bay: supply.bay ?? 0,
      state: state(where, supply.state),
      watts: supply.watts ?? 0,
    })),
    fans: each(message.fans, `${at}.fans`, (fan, where) => ({
      bay: fan.bay ?? 0,
      state: state(where, fan.state),
      rpm: fan.rpm ?? 0,
    })),
    temperatures: each(message.temperatures, `${at}.temperatures`, ({ name, celsius, limit }) => ({
      name: name ?? '',
      celsius: celsius ?? 0,
      limit: limit ?? 0,
    })),
    frus: each(message.frus, `${at}.frus`, ({ where, product, serial, part }) => ({
      where: where ?? '',
      product: product ?? '',
      serial: serial ?? '',
      part: part ?? '',
    })),
  }
}
