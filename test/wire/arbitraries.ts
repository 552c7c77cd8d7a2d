/** Any command, part, step, event and reply, for tests that search. Records over the unions: a new kind must join in. */
import fc, { type Arbitrary } from 'fast-check'
import type { Serial, Uuid, Wwn } from '../../agent/core/addresses.ts'
import {
  type Id,
  type Iqn,
  type Mac,
  parseIqn,
  parseMac,
  parseSerial,
  parseUuid,
  parseWwn,
} from '../../agent/core/addresses.ts'
import type { FunctionBoot, FunctionValue, Step } from '../../agent/core/blade.ts'
import type { Target } from '../../agent/core/command.ts'
import type { Policy } from '../../agent/core/policy.ts'
import type { PoolSpec } from '../../agent/core/pool.ts'
import type {
  Allocation,
  BootEntry,
  BootPlan,
  Chap,
  Connection,
  FcTarget,
  Given,
  IscsiTarget,
  Profile,
  Source,
} from '../../agent/core/profile.ts'
import { type Reason, reasons } from '../../agent/core/reasons.ts'
import type { Outcome, PartState, Reply } from '../../agent/core/reply.ts'
import type { Accepted } from '../../agent/core/state.ts'
import type { Event, Part, Presence } from '../../agent/core/views.ts'
import type { Body } from '../../agent/wire/command.ts'
import type { OutgoingRequest } from '../../agent/wire/request.ts'

/** Members that must be there, and members that may be absent (never undefined). */
function record<Must extends object, May extends object = Record<never, never>>(
  must: { [K in keyof Must]: Arbitrary<Must[K]> },
  may?: { [K in keyof May]: Arbitrary<May[K]> },
): Arbitrary<Must & Partial<May>> {
  const requiredKeys = Object.keys(must)
  return fc.record({ ...must, ...may } as Record<string, Arbitrary<unknown>>, {
    requiredKeys,
    noNullPrototype: true,
  }) as unknown as Arbitrary<Must & Partial<May>>
}
const oneOf = <Value>(kinds: { readonly [kind: string]: Arbitrary<Value> }): Arbitrary<Value> =>
  fc.oneof(...Object.values(kinds))
const pick = <const Value>(...values: readonly Value[]): Arbitrary<Value> => fc.constantFrom(...values)
const kind = <const Value>(value: Value): Arbitrary<Value> => fc.constant(value)
const list = <Value>(each: Arbitrary<Value>, maxLength = 3): Arbitrary<readonly Value[]> =>
  fc.array(each, { maxLength })

const sure = <Value>(value: Value | undefined): Value => {
  if (value === undefined) throw new Error('an arbitrary address does not parse')
  return value
}
const hex = (octets: number) =>
  fc
    .uint8Array({ minLength: octets, maxLength: octets })
    .map((bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')))

const id = <Kind extends string>(): Arbitrary<Id<Kind>> =>
  fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,47}$/).filter((text) => text !== 'constructor') as Arbitrary<Id<Kind>>
const mac: Arbitrary<Mac> = hex(5).map((rest) => sure(parseMac(`02:${rest.join(':')}`)))
const wwn: Arbitrary<Wwn> = hex(7).map((rest) => sure(parseWwn(`50:${rest.join(':')}`)))
const iqn: Arbitrary<Iqn> = fc
  .stringMatching(/^[a-z0-9][a-z0-9.-]{0,30}$/)
  .map((name) => sure(parseIqn(`iqn.2001-04.com.example:${name}`)))
const serial: Arbitrary<Serial> = fc.stringMatching(/^[\x21-\x7e]{1,64}$/).map((text) => sure(parseSerial(text)))
const uuid: Arbitrary<Uuid> = fc
  .uuid()
  .filter((text) => parseUuid(text) !== undefined)
  .map((text) => sure(parseUuid(text)))
const incarnation = hex(16).map((octets) => octets.join(''))
const bootId = fc.stringMatching(/^[0-9a-f]{8}$/)
const requestId = fc.stringMatching(/^[\x21-\x7e]{8,36}$/)
const line = fc.stringMatching(/^[ -~äöüß€😀]{1,60}$/u)
const words = fc.oneof(kind(''), line)
const bay = fc.integer({ min: 1, max: 9999 })
const small = fc.nat({ max: 0xffff_ffff })
const wide = fc.oneof(fc.maxSafeNat(), fc.nat({ max: 9 }), kind(Number.MAX_SAFE_INTEGER))
const amount = fc.double({ min: 0, max: 1e12, noNaN: true })
const reason = fc.constantFrom(...(Object.keys(reasons) as Reason[]))

const source = <Address>(address: Arbitrary<Address>): Arbitrary<Source<Address>> =>
  fc.oneof(
    record({ from: kind('factory') }),
    record({ from: kind('pool'), pool: id<'Pool'>() }),
    record({ from: kind('value'), value: address }),
  )
const bandwidth = record({ minMbps: small }, { maxMbps: small })
const place = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/)
const placedAt = { slot: place, port: small, interconnect: place, vlan: small, bandwidth }

const connections: { [Kind in Connection['kind']]: Arbitrary<Connection> } = {
  nic: record({ kind: kind('nic'), id: id<'Connection'>(), mac: source(mac) }, placedAt),
  fc: record({ kind: kind('fc'), id: id<'Connection'>(), wwpn: source(wwn), wwnn: source(wwn) }, placedAt),
  fcoe: record(
    { kind: kind('fcoe'), id: id<'Connection'>(), mac: source(mac), wwpn: source(wwn), wwnn: source(wwn) },
    placedAt,
  ),
  iscsi: record({ kind: kind('iscsi'), id: id<'Connection'>(), mac: source(mac), iqn: source(iqn) }, placedAt),
}

const lun = fc.stringMatching(/^[0-9a-f]{1,16}$/)
const fcTargets: Arbitrary<readonly FcTarget[]> = list(record({ wwpn: wwn, lun }), 2)
const ip = fc.oneof(fc.ipV4(), fc.ipV6())
const iscsiTarget: Arbitrary<IscsiTarget> = record({ iqn, address: ip, tcpPort: small, lun })
const half = { user: line, secret: id<'Secret'>() }
const chap: Arbitrary<Chap> = record(half, { mutual: record(half) })
const network = fc.oneof(
  record({ by: kind('dhcp') }),
  record({ by: kind('static'), address: ip, netmask: fc.oneof(kind('255.255.254.0'), kind('64')) }, { gateway: ip }),
)
const iscsi = { targets: list(iscsiTarget, 2), network }
const uri = fc.webUrl({ validSchemes: ['http', 'https'] }).filter((text) => text.length <= 1024)

const entries: { [Target in BootEntry['target']]: Arbitrary<BootEntry> } = {
  local: record({ target: kind('local') }),
  setup: record({ target: kind('setup') }),
  pxe: record({ target: kind('pxe'), connection: id<'Connection'>() }),
  http: record({ target: kind('http'), connection: id<'Connection'>(), uri }),
  fc: record({ target: kind('fc'), connection: id<'Connection'>(), targets: fcTargets }),
  fcoe: record({ target: kind('fcoe'), connection: id<'Connection'>(), targets: fcTargets }),
  iscsi: record({ target: kind('iscsi'), connection: id<'Connection'>(), ...iscsi }, { chap }),
}
const bootPlan: Arbitrary<BootPlan> = record({ mode: pick('uefi', 'legacy'), order: list(oneOf(entries), 4) })

const profile: Arbitrary<Profile> = record(
  {
    id: id<'Profile'>(),
    connections: list(oneOf(connections), 4),
    boot: bootPlan,
    affinity: pick('bay', 'model', 'blade'),
  },
  { description: words, uuid, serial },
)

const run = record({ first: line, count: small })
const pool: Arbitrary<PoolSpec> = record(
  {
    id: id<'Pool'>(),
    kind: pick('mac', 'wwpn', 'wwnn', 'iqn'),
    range: fc.oneof(
      record({ by: kind('count'), first: line, count: small }, { pairs: fc.boolean() }),
      record({ by: kind('preset'), preset: pick('hp-vc', 'hp-vcem', 'cisco-ucs', 'oneview'), index: small }),
    ),
  },
  // An empty list can not be told from none, and means the same.
  { exclude: fc.array(run, { minLength: 1, maxLength: 3 }) },
)

const target: Arbitrary<Target> = fc.oneof(
  record({ bay }),
  record({ any: record({}, { product: line, among: list(bay) }) }),
)
const when = pick('now', 'next-off')
const stop = pick('no', 'graceful', 'forced')
const power = pick('on', 'off')
const overrideTarget = pick('pxe', 'http', 'local', 'remote', 'setup')
const force = fc.boolean()
const preprovision = fc.boolean()
const boots = record({ boots: fc.integer({ min: 1, max: 1_000_000 }) })

const policy: Arbitrary<Policy> = record(
  {
    id: id<'Policy'>(),
    afterSeconds: fc.integer({ min: 1, max: 86_400 }),
    cut: fc.boolean(),
    attempts: fc.integer({ min: 1, max: 16 }),
  },
  { profiles: list(id<'Profile'>()), spares: list(bay) },
)

const lines = fc.stringMatching(/^[\t\n\r -~]{1,200}$/)
const passphrase = fc.stringMatching(/^[ -~äß€]{8,60}$/u)

export const bodies: { [Kind in Body['kind']]: Arbitrary<Body> } = {
  'take-over': record({
    kind: kind('take-over'),
    incarnation,
    observedEpoch: wide,
    lineage: id<'Lineage'>(),
    number: wide,
  }),
  'define-pool': record({ kind: kind('define-pool'), pool }),
  'remove-pool': record({ kind: kind('remove-pool'), pool: id<'Pool'>() }),
  'set-secret': record({ kind: kind('set-secret'), secret: id<'Secret'>(), value: line }),
  'remove-secret': record({ kind: kind('remove-secret'), secret: id<'Secret'>() }),
  'define-profile': record({ kind: kind('define-profile'), profile }),
  'remove-profile': record({ kind: kind('remove-profile'), profile: id<'Profile'>() }),
  'set-boot-plan': record({ kind: kind('set-boot-plan'), profile: id<'Profile'>(), boot: bootPlan }),
  assign: record({ kind: kind('assign'), profile: id<'Profile'>(), to: target, when, preprovision }, { power }),
  unassign: record({ kind: kind('unassign'), profile: id<'Profile'>(), when, stop, force }),
  move: record(
    { kind: kind('move'), profile: id<'Profile'>(), to: target, when, stop, preprovision, force },
    { power },
  ),
  'override-boot': record(
    { kind: kind('override-boot'), bay },
    { override: record({ target: overrideTarget, lasts: fc.oneof(pick('once', 'always'), boots) }) },
  ),
  power: record({
    kind: kind('power'),
    bay,
    want: pick('on', 'off', 'reset', 'cycle'),
    stop: pick('graceful', 'forced'),
  }),
  reseat: record({ kind: kind('reseat'), bay }),
  locate: record({ kind: kind('locate'), bay, lit: fc.boolean() }),
  resync: record({ kind: kind('resync') }, { bay }),
  restore: record(
    {
      kind: kind('restore'),
      backup: lines,
      profiles: fc.oneof(kind('all'), fc.array(id<'Profile'>(), { minLength: 1, maxLength: 3 })),
      force,
    },
    { passphrase },
  ),
  'factory-reset': record({ kind: kind('factory-reset'), serial: line }),
  changeover: record({ kind: kind('changeover'), force: fc.boolean() }),
  'define-policy': record({ kind: kind('define-policy'), policy }),
  'remove-policy': record({ kind: kind('remove-policy'), policy: id<'Policy'>() }),
  'read-state': record(
    { kind: kind('read-state') },
    { part: pick('chassis', 'health', 'bay-7', 'profile-web-01', 'policy-spare', 'controller-b') },
  ),
  'list-events': record({ kind: kind('list-events'), since: wide, limit: fc.integer({ min: 1, max: 1000 }) }),
  'list-reasons': record({ kind: kind('list-reasons') }),
  'look-up-request': record({ kind: kind('look-up-request'), request: requestId }),
  backup: record({ kind: kind('backup') }, { passphrase }),
}

export const request: Arbitrary<OutgoingRequest> = record(
  { request: requestId, chassis: id<'Chassis'>(), dryRun: fc.boolean(), body: oneOf(bodies) },
  {
    expect: record({ incarnation, bootId, beforeUptimeMs: wide }),
    epoch: wide,
    sequence: wide,
    ifRevision: wide,
  },
)

const given: Arbitrary<Given> = record({}, { mac, wwpn: wwn, wwnn: wwn, iqn })
const allocation: Arbitrary<Allocation> = fc.dictionary(id<'Connection'>(), given, {
  maxKeys: 3,
  noNullPrototype: true,
})

const functionBoots: { [Via in FunctionBoot['via']]: Arbitrary<FunctionBoot> } = {
  pxe: record({ via: kind('pxe') }),
  http: record({ via: kind('http'), uri }),
  fc: record({ via: kind('fc'), targets: fcTargets }),
  fcoe: record({ via: kind('fcoe'), targets: fcTargets }),
  iscsi: record({ via: kind('iscsi'), ...iscsi }, { chap }),
}
const role = pick('nic', 'iscsi', 'fcoe', 'fc', 'off')
const value: Arbitrary<FunctionValue> = record(
  { role },
  {
    mac,
    wwpn: wwn,
    wwnn: wwn,
    iqn,
    vlan: small,
    bandwidth: record({ minMbps: small, maxMbps: small }),
    boot: oneOf(functionBoots),
  },
)
const key = fc.stringMatching(/^(lom|mezz[1-3]):[1-4]-[a-d]$/)

const steps: { [Kind in Step['kind']]: Arbitrary<Step> } = {
  withdraw: record({ kind: kind('withdraw'), bay }),
  barrier: record({ kind: kind('barrier'), bay }),
  policy: record({
    kind: kind('policy'),
    bay,
    policy: record({
      restore: pick('always-off', 'last-state', 'always-on'),
      button: pick('enabled', 'disabled'),
      wake: pick('enabled', 'disabled'),
    }),
  }),
  clear: record({ kind: kind('clear'), bay, functions: list(key) }),
  write: record({
    kind: kind('write'),
    bay,
    profile: id<'Profile'>(),
    functions: list(record({ key, value })),
    secrets: list(line),
  }),
  show: record({ kind: kind('show'), bay, shown: record({}, { uuid, serial }) }),
  boot: record({
    kind: kind('boot'),
    bay,
    boot: record(
      { mode: pick('uefi', 'legacy'), order: list(fc.oneof(kind('local'), key)) },
      { override: record({ target: overrideTarget, lasts: pick('once', 'always') }) },
    ),
  }),
  permit: record({ kind: kind('permit'), bay, n: wide }),
  power: record({ kind: kind('power'), bay, action: pick('on', 'shutdown', 'off', 'reset') }),
  cut: record({ kind: kind('cut'), bay }),
  locate: record({ kind: kind('locate'), bay, lit: fc.boolean() }),
}

const type = pick('hold', 'fault')
const shown = record({ type, reason, message: words, remedy: words, sinceUptimeMs: wide })
const counts = record({ free: small, inUse: small, external: small, excluded: small, quarantined: small })
const partState = pick('ok', 'failed', 'absent')
const copies = list(pick('flash', 'eeprom', 'peer'))

const parts: { [Name in Part['part']]: Arbitrary<Part> } = {
  chassis: record({
    part: kind('chassis'),
    view: record(
      {
        board: words,
        boardName: words,
        serial: words,
        incarnation,
        epoch: wide,
        revision: wide,
        term: wide,
        bays: small,
        inSync: fc.boolean(),
        todo: list(record({ bay: fc.oneof(bay, fc.constant(0)), reason, message: words, remedy: words })),
        secrets: list(id<'Secret'>()),
        interconnects: list(record({ id: words, kind: pick('ethernet', 'fc', 'converged', 'empty', 'unknown') })),
        parts: fc.dictionary(line, wide, { maxKeys: 4, noNullPrototype: true }),
      },
      { office: record({ client: id<'Client'>(), lineage: words, number: wide }) },
    ),
  }),
  bay: record({
    part: kind('bay'),
    view: record(
      {
        bay,
        presence: pick('present', 'empty', 'covered', 'unknown'),
        phase: pick('idle', 'staged', 'ready', 'armed', 'running', 'wrong', 'leaving', 'unknown'),
        power: pick('on', 'off', 'unknown'),
        permit: pick('denied', 'granted', 'spent', 'none', 'unknown'),
        arming: wide,
        locate: fc.boolean(),
        inSync: fc.boolean(),
        findings: list(shown),
        functions: list(
          record(
            { key, adapter: words, role, factory: given, applied: given, interconnect: words, downlink: small },
            { connection: words, assigned: given, vlan: small, maxMbps: small },
          ),
        ),
        bootOrder: list(fc.oneof(kind('local'), key)),
        verified: list(line),
        inDoubt: list(record({ profile: id<'Profile'>(), quarantined: fc.boolean() }, { serial })),
      },
      {
        coveredBy: bay,
        serial,
        product: words,
        profile: id<'Profile'>(),
        powerWanted: power,
        stage: pick('off', 'post', 'halted', 'os'),
        override: record({ target: overrideTarget }, { left: small }),
      },
    ),
  }),
  profile: record({
    part: kind('profile'),
    view: record(
      {
        profile,
        given: allocation,
        token: wide,
        revision: wide,
        inSync: fc.boolean(),
        inDoubt: list(record({ bay }, { serial })),
      },
      { bay },
    ),
  }),
  pool: record({
    part: kind('pool'),
    view: record({
      spec: pool,
      counts,
      entries: list(
        record(
          { address: line, state: pick('in-use', 'external', 'excluded', 'quarantined') },
          { profile: id<'Profile'>() },
        ),
      ),
      more: small,
    }),
  }),
  controller: record({
    part: kind('controller'),
    view: record(
      {
        slot: pick('A', 'B'),
        version: words,
        uptimeMs: wide,
        role: pick('owner', 'standby', 'silent'),
        host: fc.oneof(
          kind('unknown'),
          record(
            {
              hostname: words,
              cpus: small,
              load: amount,
              memoryBytes: wide,
              memoryFreeBytes: wide,
              interfaces: list(record({ name: words, address: words, up: fc.boolean() })),
            },
            { celsius: amount },
          ),
        ),
        store: record({
          readOnly: fc.boolean(),
          notes: list(line),
          copies,
          index: wide,
          digest: words,
          bytesWritten: wide,
          syncs: wide,
          eepromPagesWritten: wide,
          eepromUse: amount,
        }),
      },
      {
        serial: words,
        sinceUptimeMs: wide,
        pair: record({
          other: record({ is: pick('member', 'catching-up', 'refused', 'silent', 'absent') }, { why: words }),
          members: list(line),
        }),
      },
    ),
  }),
  health: record({
    part: kind('health'),
    view: record({
      supplies: list(record({ bay: small, state: partState, watts: amount })),
      fans: list(record({ bay: small, state: partState, rpm: amount })),
      temperatures: list(record({ name: words, celsius: amount, limit: amount })),
      frus: list(record({ where: words, product: words, serial: words, part: words })),
    }),
  }),
  policy: record({
    part: kind('policy'),
    view: record({
      policy,
      revision: wide,
      rescues: list(record({ profile: id<'Profile'>(), from: bay, serial, bay, tried: list(bay), revision: wide })),
    }),
  }),
}

export const state: Arbitrary<PartState> = record({
  revision: wide,
  version: wide,
  incarnation,
  term: wide,
  part: oneOf(parts),
})

const events: { [Kind in Event['kind']]: Arbitrary<Event> } = {
  event: record(
    {
      kind: kind('event'),
      number: wide,
      severity: pick('info', 'warning', 'critical'),
      uptimeMs: wide,
      bootId,
      type: words,
      message: words,
      revision: wide,
      incarnation,
      term: wide,
    },
    {
      timeMs: wide,
      bay,
      profile: id<'Profile'>(),
      reason,
      who: record({ door: words, client: words }),
      request: words,
    },
  ),
  gap: record({ kind: kind('gap'), from: wide, to: wide }),
}
export const event: Arbitrary<Event> = oneOf(events)

export const presence: Arbitrary<Presence> = record({
  online: fc.boolean(),
  incarnation,
  bootId,
  connection: wide,
  version: words,
  board: words,
  capabilities: list(line),
  schema: words,
  publicKey: words,
  epoch: wide,
  revision: wide,
  term: wide,
  uptimeMs: wide,
})

const accepted: Arbitrary<Accepted> = record(
  { changed: fc.boolean(), diff: list(line), revision: wide, epoch: wide },
  { bay, given: allocation, profile: id<'Profile'>() },
)
const violation = record({ field: words, say: words })
const refusal = record({ reason, say: words }, { violations: fc.array(violation, { minLength: 1, maxLength: 3 }) })

const outcomes: { [Kind in Outcome['kind']]: Arbitrary<Outcome> } = {
  refused: record(
    { kind: kind('refused'), refusal },
    { others: fc.array(refusal, { minLength: 1, maxLength: 3 }), retryAfterMs: wide },
  ),
  accepted: record(
    { kind: kind('accepted'), accepted, copies, singleCopy: fc.boolean() },
    {
      dryRun: record({
        steps: list(oneOf(steps), 5),
        findings: list(record({ type, reason, say: words, remedy: words })),
      }),
    },
  ),
  state: record({ kind: kind('state'), parts: list(state) }),
  events: record({ kind: kind('events'), events: list(event) }),
  reasons: record({
    kind: kind('reasons'),
    reasons: list(
      record({
        number: fc.nat({ max: 0x7fff_ffff }),
        name: words,
        type: pick('refusal', 'hold', 'fault'),
        code: fc.nat({ max: 16 }),
        remedy: words,
      }),
    ),
  }),
  'looked-up': record({ kind: kind('looked-up'), request: words, accepted }, { sequence: wide }),
  backup: record({ kind: kind('backup'), text: lines }),
}

export const reply: Arbitrary<Reply> = record({
  request: words,
  epoch: wide,
  revision: wide,
  incarnation,
  term: wide,
  replayed: fc.boolean(),
  outcome: oneOf(outcomes),
})
