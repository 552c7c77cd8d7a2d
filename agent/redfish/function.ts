/**
 * One function of an adapter as Redfish tells it: `FunctionValue` ⇄ the writable members of a
 * NetworkDeviceFunction, both directions in this file so that they can not drift. Every member is
 * always written, `null` where there is none, and every member must be there to be read. Where
 * Redfish has no words the value stands in Oem.Midplane: the guaranteed bandwidth, the names of CHAP
 * secrets (the secrets themselves are write-only, W16), and LUNs that a JSON number can not carry.
 */
import { type Id, parseId, parseIqn, parseMac, parseWwn } from '../core/addresses.ts'
import type { FunctionBoot, FunctionValue, Role } from '../core/blade.ts'
import type { Chap, FcTarget, InitiatorNetwork, IscsiTarget } from '../core/profile.ts'
import type { Field, Json, JsonObject } from './json.ts'

/** NetworkDeviceFunction 1.11 NetDevFuncType. */
export const roleNames: { readonly [role in Role]: string } = {
  nic: 'Ethernet',
  iscsi: 'iSCSI',
  fcoe: 'FibreChannelOverEthernet',
  fc: 'FibreChannel',
  off: 'Disabled',
}

/** NetworkDeviceFunction 1.11 BootMode. */
export const bootModes: { readonly [via in FunctionBoot['via'] | 'none']: string } = {
  none: 'Disabled',
  pxe: 'PXE',
  http: 'HTTP',
  fc: 'FibreChannel',
  fcoe: 'FibreChannelOverEthernet',
  iscsi: 'iSCSI',
}

const authentications = { none: 'None', chap: 'CHAP', mutual: 'MutualCHAP' } as const

/** Redfish limits count bytes per second; boards and profiles count Mb/s. */
const bytesPerSecondOfMbps = 125_000

/** Members of iSCSIBoot that mean something only while the function boots by iSCSI. */
const iscsiBootOnly = [
  'IPAddressType',
  'IPMaskDNSViaDHCP',
  'TargetInfoViaDHCP',
  'InitiatorIPAddress',
  'InitiatorNetmask',
  'InitiatorDefaultGateway',
  'PrimaryTargetName',
  'PrimaryTargetIPAddress',
  'PrimaryTargetTCPPort',
  'PrimaryLUN',
  'SecondaryTargetName',
  'SecondaryTargetIPAddress',
  'SecondaryTargetTCPPort',
  'SecondaryLUN',
  'CHAPUsername',
  'MutualCHAPUsername',
] as const

export function functionBody(value: FunctionValue): JsonObject {
  const boot = value.boot
  const iscsi = boot?.via === 'iscsi' ? boot : undefined
  return {
    NetDevFuncType: roleNames[value.role],
    DeviceEnabled: value.role !== 'off',
    BootMode: bootModes[boot?.via ?? 'none'],
    Ethernet: {
      MACAddress: value.mac ?? null,
      VLAN: { VLANEnable: value.vlan !== undefined, VLANId: value.vlan ?? null },
    },
    FibreChannel: {
      WWPN: value.wwpn ?? null,
      WWNN: value.wwnn ?? null,
      BootTargets:
        boot?.via === 'fc' || boot?.via === 'fcoe'
          ? boot.targets.map((target, at) => ({ WWPN: target.wwpn, LUNID: target.lun, BootPriority: at }))
          : [],
    },
    iSCSIBoot: { InitiatorName: value.iqn ?? null, ...iscsiBody(iscsi), CHAPSecret: null, MutualCHAPSecret: null },
    HTTPBoot: { BootMediaURI: boot?.via === 'http' ? boot.uri : null },
    Limits: value.bandwidth
      ? [{ Direction: 'Egress', SustainedBytesPerSecond: value.bandwidth.maxMbps * bytesPerSecondOfMbps }]
      : [],
    Oem: {
      Midplane: {
        MinimumMbps: value.bandwidth?.minMbps ?? null,
        CHAPSecretName: iscsi?.chap?.secret ?? null,
        MutualCHAPSecretName: iscsi?.chap?.mutual?.secret ?? null,
        PrimaryLUN: exactLun(iscsi?.targets[0]),
        SecondaryLUN: exactLun(iscsi?.targets[1]),
      },
    },
  }
}

type IscsiBoot = Extract<FunctionBoot, { via: 'iscsi' }>

function iscsiBody(boot: IscsiBoot | undefined): { [name: string]: Json } {
  if (boot === undefined) {
    return {
      ...Object.fromEntries(iscsiBootOnly.map((name) => [name, null])),
      AuthenticationMethod: authentications.none,
    }
  }
  if (boot.targets.length > 2)
    throw new RangeError(`an iSCSI function boots from at most 2 targets, not ${boot.targets.length}`)
  const { network, chap, targets } = boot
  const fixed = network.by === 'static' ? network : undefined
  const literal = fixed?.address ?? targets[0]?.address ?? ''
  return {
    IPAddressType: literal.includes(':') ? 'IPv6' : 'IPv4',
    IPMaskDNSViaDHCP: network.by === 'dhcp',
    TargetInfoViaDHCP: false,
    InitiatorIPAddress: fixed?.address ?? null,
    InitiatorNetmask: fixed?.netmask ?? null,
    InitiatorDefaultGateway: fixed?.gateway ?? null,
    ...targetBody('Primary', targets[0]),
    ...targetBody('Secondary', targets[1]),
    AuthenticationMethod: chap ? (chap.mutual ? authentications.mutual : authentications.chap) : authentications.none,
    CHAPUsername: chap?.user ?? null,
    MutualCHAPUsername: chap?.mutual?.user ?? null,
  }
}

function targetBody(which: 'Primary' | 'Secondary', target: IscsiTarget | undefined): { [name: string]: Json } {
  return {
    [`${which}TargetName`]: target?.iqn ?? null,
    [`${which}TargetIPAddress`]: target?.address ?? null,
    [`${which}TargetTCPPort`]: target?.tcpPort ?? null,
    [`${which}LUN`]: target && exactLun(target) === null ? Number.parseInt(target.lun, 16) : null,
  }
}

/** Hexadecimal text, when the number alone would not read back as the same LUN; `null` when it would. */
function exactLun(target: IscsiTarget | undefined): string | null {
  if (target === undefined) return null
  const number = Number.parseInt(target.lun, 16)
  return Number.isSafeInteger(number) && number.toString(16) === target.lun ? null : target.lun
}

export function functionValue(body: Field): FunctionValue {
  const role = body.at('NetDevFuncType').named(roleNames)
  const enabled = body.at('DeviceEnabled')
  if (enabled.flag() !== (role !== 'off')) throw enabled.conflict('does not agree with NetDevFuncType')
  const ethernet = body.at('Ethernet')
  const fibre = body.at('FibreChannel')
  const mac = ethernet.at('MACAddress').orNull((field) => field.parsed(parseMac))
  const wwpn = fibre.at('WWPN').orNull((field) => field.parsed(parseWwn))
  const wwnn = fibre.at('WWNN').orNull((field) => field.parsed(parseWwn))
  const iqn = body
    .at('iSCSIBoot')
    .at('InitiatorName')
    .orNull((field) => field.parsed(parseIqn))
  const vlan = readVlan(ethernet.at('VLAN'))
  const bandwidth = readBandwidth(body)
  const boot = readBoot(body)
  return {
    role,
    ...(mac !== undefined && { mac }),
    ...(wwpn !== undefined && { wwpn }),
    ...(wwnn !== undefined && { wwnn }),
    ...(iqn !== undefined && { iqn }),
    ...(vlan !== undefined && { vlan }),
    ...(bandwidth !== undefined && { bandwidth }),
    ...(boot !== undefined && { boot }),
  }
}

function readVlan(vlan: Field): number | undefined {
  const enabled = vlan.at('VLANEnable').flag()
  const id = vlan.at('VLANId').orNull((field) => field.whole(0, 4094))
  if (!enabled) return undefined
  if (id === undefined) throw vlan.at('VLANId').conflict('is null while VLANEnable is true')
  return id
}

function readBandwidth(body: Field): FunctionValue['bandwidth'] {
  const limits = body.at('Limits').items()
  const least = body.at('Oem').at('Midplane').at('MinimumMbps')
  const minMbps = least.orNull((field) => field.whole())
  const egress = limits.filter((limit) => limit.at('Direction').text() === 'Egress')
  if (minMbps === undefined && egress.length === 0) return undefined
  const [limit, another] = egress
  if (limit === undefined || another !== undefined)
    throw body.at('Limits').conflict('must hold one egress limit, as MinimumMbps is set')
  if (minMbps === undefined) throw least.conflict('is null while Limits holds an egress limit')
  const bytes = limit.at('SustainedBytesPerSecond').whole()
  if (bytes % bytesPerSecondOfMbps !== 0) throw limit.at('SustainedBytesPerSecond').bad('is not a whole number of Mb/s')
  return { minMbps, maxMbps: bytes / bytesPerSecondOfMbps }
}

/**
 * What the function boots from. Targets that no BootMode uses are refused, not passed over: they
 * would read as bare while a firmware could still log in to them (W6).
 */
function readBoot(body: Field): FunctionBoot | undefined {
  const via = body.at('BootMode').named(bootModes)
  const fcTargets = readFcTargets(body.at('FibreChannel').at('BootTargets'))
  const uri = body
    .at('HTTPBoot')
    .at('BootMediaURI')
    .orNull((field) => field.parsed(printable))
  if (via !== 'fc' && via !== 'fcoe' && fcTargets.length > 0) {
    throw body.at('FibreChannel').at('BootTargets').conflict(`is set while BootMode is ${bootModes[via]}`)
  }
  if (via !== 'http' && uri !== undefined)
    throw body.at('HTTPBoot').at('BootMediaURI').conflict(`is set while BootMode is ${bootModes[via]}`)
  if (via !== 'iscsi') refuseIdleIscsi(body, bootModes[via])
  switch (via) {
    case 'none':
      return undefined
    case 'pxe':
      return { via }
    case 'http':
      if (uri === undefined) throw body.at('HTTPBoot').at('BootMediaURI').conflict('is null while BootMode is HTTP')
      return { via, uri }
    case 'fc':
    case 'fcoe':
      return { via, targets: fcTargets }
    case 'iscsi':
      return readIscsi(body)
  }
}

function readFcTargets(list: Field): readonly FcTarget[] {
  const found = list.items(64).map((target) => ({
    priority: target.at('BootPriority').whole(),
    wwpn: target.at('WWPN').parsed(parseWwn),
    lun: target.at('LUNID').parsed(lunDigits),
  }))
  if (new Set(found.map((target) => target.priority)).size !== found.length)
    throw list.conflict('holds one BootPriority twice')
  return [...found].sort((a, b) => a.priority - b.priority).map(({ wwpn, lun }) => ({ wwpn, lun }))
}

function refuseIdleIscsi(body: Field, mode: string): void {
  const iscsi = body.at('iSCSIBoot')
  for (const name of iscsiBootOnly) {
    if (iscsi.at(name).orNull(() => true)) throw iscsi.at(name).conflict(`is set while BootMode is ${mode}`)
  }
  if (iscsi.at('AuthenticationMethod').named(authentications) !== 'none') {
    throw iscsi.at('AuthenticationMethod').conflict(`is set while BootMode is ${mode}`)
  }
  const oem = body.at('Oem').at('Midplane')
  for (const name of ['CHAPSecretName', 'MutualCHAPSecretName', 'PrimaryLUN', 'SecondaryLUN']) {
    if (oem.at(name).orNull(() => true)) throw oem.at(name).conflict(`is set while BootMode is ${mode}`)
  }
}

function readIscsi(body: Field): IscsiBoot {
  const iscsi = body.at('iSCSIBoot')
  const oem = body.at('Oem').at('Midplane')
  if (iscsi.at('TargetInfoViaDHCP').flag())
    throw iscsi.at('TargetInfoViaDHCP').bad('must be false: targets are named, not found')
  const primary = readTarget(iscsi, oem, 'Primary')
  const secondary = readTarget(iscsi, oem, 'Secondary')
  if (primary === undefined && secondary !== undefined)
    throw iscsi.at('PrimaryTargetName').conflict('is null while a secondary target is set')
  const chap = readChap(iscsi, oem)
  return {
    via: 'iscsi',
    targets: [primary, secondary].filter((target) => target !== undefined),
    network: readNetwork(iscsi),
    ...(chap !== undefined && { chap }),
  }
}

function readTarget(iscsi: Field, oem: Field, which: 'Primary' | 'Secondary'): IscsiTarget | undefined {
  const iqn = iscsi.at(`${which}TargetName`).orNull((field) => field.parsed(parseIqn))
  const address = iscsi.at(`${which}TargetIPAddress`).orNull((field) => field.parsed(ipLiteral))
  const tcpPort = iscsi.at(`${which}TargetTCPPort`).orNull((field) => field.whole(1, 65_535))
  const number = iscsi.at(`${which}LUN`).orNull((field) => field.whole())
  const exact = oem.at(`${which}LUN`).orNull((field) => field.parsed(lunDigits))
  if (number !== undefined && exact !== undefined)
    throw oem.at(`${which}LUN`).conflict(`is set beside iSCSIBoot/${which}LUN`)
  const lun = exact ?? number?.toString(16)
  if (iqn === undefined && address === undefined && tcpPort === undefined && lun === undefined) return undefined
  if (iqn === undefined || address === undefined || tcpPort === undefined || lun === undefined) {
    throw iscsi.at(`${which}TargetName`).conflict('needs name, address, TCP port and LUN together')
  }
  return { iqn, address, tcpPort, lun }
}

function readNetwork(iscsi: Field): InitiatorNetwork {
  const dhcp = iscsi.at('IPMaskDNSViaDHCP').flag()
  const address = iscsi.at('InitiatorIPAddress').orNull((field) => field.parsed(ipLiteral))
  const netmask = iscsi.at('InitiatorNetmask').orNull((field) => field.parsed(printable))
  const gateway = iscsi.at('InitiatorDefaultGateway').orNull((field) => field.parsed(ipLiteral))
  if (dhcp) {
    if (address ?? netmask ?? gateway)
      throw iscsi.at('InitiatorIPAddress').conflict('is set while IPMaskDNSViaDHCP is true')
    return { by: 'dhcp' }
  }
  if (address === undefined || netmask === undefined) {
    throw iscsi.at('InitiatorIPAddress').conflict('and InitiatorNetmask are needed while IPMaskDNSViaDHCP is false')
  }
  return { by: 'static', address, netmask, ...(gateway !== undefined && { gateway }) }
}

function readChap(iscsi: Field, oem: Field): Chap | undefined {
  const method = iscsi.at('AuthenticationMethod').named(authentications)
  const user = iscsi.at('CHAPUsername').orNull((field) => field.parsed(printable))
  const secret = oem.at('CHAPSecretName').orNull((field) => field.parsed(secretName))
  const mutualUser = iscsi.at('MutualCHAPUsername').orNull((field) => field.parsed(printable))
  const mutualSecret = oem.at('MutualCHAPSecretName').orNull((field) => field.parsed(secretName))
  if (method !== 'mutual' && (mutualUser ?? mutualSecret) !== undefined) {
    throw iscsi.at('MutualCHAPUsername').conflict(`is set while AuthenticationMethod is ${authentications[method]}`)
  }
  if (method === 'none') {
    if ((user ?? secret) !== undefined)
      throw iscsi.at('CHAPUsername').conflict('is set while AuthenticationMethod is None')
    return undefined
  }
  if (user === undefined || secret === undefined)
    throw iscsi.at('CHAPUsername').conflict('and its secret are needed for CHAP')
  if (method === 'chap') return { user, secret }
  if (mutualUser === undefined || mutualSecret === undefined) {
    throw iscsi.at('MutualCHAPUsername').conflict('and its secret are needed for mutual CHAP')
  }
  return { user, secret, mutual: { user: mutualUser, secret: mutualSecret } }
}

/** Up to 64 bits as hexadecimal digits. */
const lunDigits = (text: string): string | undefined => (/^[0-9a-f]{1,16}$/.test(text) ? text : undefined)
const printable = (text: string): string | undefined => (/^[\x20-\x7e]{1,2048}$/.test(text) ? text : undefined)
const ipLiteral = (text: string): string | undefined => (/^[0-9a-fA-F:.]{2,45}$/.test(text) ? text : undefined)
const secretName = (text: string): Id<'Secret'> | undefined => parseId<'Secret'>(text)
