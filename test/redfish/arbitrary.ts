/**
 * Values as they can exist, for tests that search: addresses of each kind, a function in every role
 * and with every way to boot, and whole blades made of them.
 */
import fc from 'fast-check'
import {
  type Id,
  type Iqn,
  type Mac,
  parseMac,
  parseWwn,
  type Serial,
  type Uuid,
  type Wwn,
} from '../../agent/core/addresses.ts'
import type { AdapterReading, Blade, FunctionBoot, FunctionReading, FunctionValue } from '../../agent/core/blade.ts'
import type { Chap, FcTarget, InitiatorNetwork, IscsiTarget } from '../../agent/core/profile.ts'

const hex = (octets: number) =>
  fc
    .uint8Array({ minLength: octets, maxLength: octets })
    .map((bytes) => Buffer.from(bytes).toString('hex').match(/../g)?.join(':') ?? '')
const parsed = <Value>(text: fc.Arbitrary<string>, parse: (text: string) => Value | undefined): fc.Arbitrary<Value> =>
  text.map(parse).filter((value) => value !== undefined) as fc.Arbitrary<Value>

export const mac: fc.Arbitrary<Mac> = parsed(hex(6), parseMac)
export const wwn: fc.Arbitrary<Wwn> = parsed(
  fc.tuple(fc.constantFrom('10', '20', '50', '60'), hex(7)).map(([first, rest]) => `${first}:${rest}`),
  parseWwn,
)
export const iqn = fc.stringMatching(
  /^iqn\.20[0-9]{2}-0[1-9]\.[a-z][a-z0-9]{0,8}\.[a-z]{2,5}:[a-z0-9]{1,12}$/,
) as fc.Arbitrary<Iqn>
export const uuid = fc.uuid() as fc.Arbitrary<string> as fc.Arbitrary<Uuid>
export const serial = fc.stringMatching(/^[A-Z0-9]{1,20}$/) as fc.Arbitrary<Serial>
const text = fc.stringMatching(/^[\x20-\x7e]{1,40}$/)
const secret = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,12}$/) as fc.Arbitrary<Id<'Secret'>>
/** Up to 64 bits, with and without leading zeros, and on both sides of what a double carries. */
const lun = fc.oneof(
  fc.stringMatching(/^[0-9a-f]{1,16}$/),
  fc.constantFrom('0', '00', '1fffffffffffff', '20000000000000', 'ffffffffffffffff'),
)
const address = fc.oneof(fc.ipV4(), fc.ipV6())

const fcTarget: fc.Arbitrary<FcTarget> = fc.record({ wwpn: wwn, lun })
const iscsiTarget: fc.Arbitrary<IscsiTarget> = fc.record({
  iqn,
  address,
  tcpPort: fc.integer({ min: 1, max: 65_535 }),
  lun,
})
const network: fc.Arbitrary<InitiatorNetwork> = fc.oneof(
  fc.constant({ by: 'dhcp' } as const),
  fc.tuple(address, address, fc.option(address, { nil: undefined })).map(([own, netmask, gateway]) => ({
    by: 'static' as const,
    address: own,
    netmask,
    ...(gateway !== undefined && { gateway }),
  })),
)
const chap: fc.Arbitrary<Chap> = fc
  .tuple(text, secret, fc.option(fc.record({ user: text, secret }), { nil: undefined }))
  .map(([user, name, mutual]) => ({ user, secret: name, ...(mutual && { mutual }) }))

const boot: fc.Arbitrary<FunctionBoot> = fc.oneof(
  fc.constant({ via: 'pxe' } as const),
  fc
    .webUrl()
    .filter((uri) => /^[\x20-\x7e]+$/.test(uri))
    .map((uri) => ({ via: 'http' as const, uri })),
  fc.record({ via: fc.constantFrom('fc' as const, 'fcoe' as const), targets: fc.array(fcTarget, { maxLength: 4 }) }),
  fc
    .tuple(fc.array(iscsiTarget, { maxLength: 2 }), network, fc.option(chap, { nil: undefined }))
    .map(([targets, own, secrets]) => ({
      via: 'iscsi' as const,
      targets,
      network: own,
      ...(secrets && { chap: secrets }),
    })),
)

const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined })

/** Any member with any other: more than a plan would write, so that nothing depends on what it does. */
export const functionValue: fc.Arbitrary<FunctionValue> = fc
  .record({
    role: fc.constantFrom('nic' as const, 'iscsi' as const, 'fcoe' as const, 'fc' as const, 'off' as const),
    mac: maybe(mac),
    wwpn: maybe(wwn),
    wwnn: maybe(wwn),
    iqn: maybe(iqn),
    vlan: maybe(fc.integer({ min: 1, max: 4094 })),
    bandwidth: maybe(fc.record({ minMbps: fc.nat(100_000), maxMbps: fc.nat(100_000) })),
    boot: maybe(boot),
  })
  .map(
    (value) =>
      Object.fromEntries(
        Object.entries(value).filter(([, member]) => member !== undefined),
      ) as unknown as FunctionValue,
  )

const reading = (key: string): fc.Arbitrary<FunctionReading> =>
  fc
    .tuple(functionValue, maybe(functionValue), functionValue)
    .map(([factory, pending, applied]) => ({ key, factory, applied, ...(pending && { pending }) }))

export const blade: fc.Arbitrary<Blade> = fc
  .record({
    serial,
    uuid,
    product: text.filter((name) => name.trim() !== ''),
    stage: fc.constantFrom('off' as const, 'post' as const, 'halted' as const, 'os' as const),
    boots: fc.nat(1000),
    stageSeconds: fc.nat(100_000),
    mode: fc.constantFrom('uefi' as const, 'legacy' as const),
    order: fc.uniqueArray(fc.constantFrom('local', 'setup', 'lom:1-a', 'lom:1-b', 'mezz1:2-c')),
    override: maybe(
      fc.record({
        target: fc.constantFrom('pxe' as const, 'http' as const, 'local' as const, 'remote' as const, 'setup' as const),
        lasts: fc.constantFrom('once' as const, 'always' as const),
      }),
    ),
    policy: fc.record({
      restore: fc.constantFrom('always-off' as const, 'last-state' as const, 'always-on' as const),
      button: fc.constantFrom('enabled' as const, 'disabled' as const),
      wake: fc.constantFrom('enabled' as const, 'disabled' as const),
    }),
    shownUuid: maybe(uuid),
    shownSerial: maybe(serial),
    lom: fc.tuple(reading('lom:1-a'), reading('lom:1-b')),
    mezz: maybe(reading('mezz1:2-c')),
  })
  .map(({ stage, mode, order, override, shownUuid, shownSerial, lom, mezz, ...rest }) => {
    const adapters: readonly AdapterReading[] = [
      { slot: 'lom', model: 'cna-10g', serial: 'LOM1' as Serial, functions: lom },
      ...(mezz ? [{ slot: 'mezz1', model: 'hba-8g', serial: 'MEZZ1' as Serial, functions: [mezz] }] : []),
    ]
    return {
      ...rest,
      stage,
      power: stage === 'off' ? 'off' : 'on',
      adapters,
      boot: { mode, order, ...(override && { override }) },
      shown: { ...(shownUuid && { uuid: shownUuid }), ...(shownSerial && { serial: shownSerial }) },
    }
  })
