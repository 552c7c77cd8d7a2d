/**
 * What is wrong with a profile by itself, whatever blade is to wear it: names used twice, addresses used twice, boot
 * entries that no connection of theirs could carry out. What the hardware can not do is judged elsewhere (`fit`).
 */

import { asks } from './pool.ts'
import type { BootEntry, Connection, FcTarget, InitiatorNetwork, IscsiTarget, Profile } from './profile.ts'

/** `field` as a path into the profile, for a response's field violations; `say` for people. */
export interface Flaw {
  readonly field: string
  readonly say: string
}

export const mostBootEntries = 16
const mostTargets = 2
const mostUri = 1024

/** Which connections each boot target can use. */
const carriers: Record<'pxe' | 'http' | 'fc' | 'fcoe' | 'iscsi', readonly Connection['kind'][]> = {
  pxe: ['nic', 'iscsi'],
  http: ['nic', 'iscsi'],
  fc: ['fc'],
  fcoe: ['fcoe'],
  iscsi: ['iscsi'],
}

/** Everything that is wrong, in the order in which the profile says it. Empty: nothing. */
export function checkProfile(profile: Profile): readonly Flaw[] {
  return [...connectionFlaws(profile.connections), ...addressFlaws(profile.connections), ...bootFlaws(profile)]
}

function connectionFlaws(connections: readonly Connection[]): readonly Flaw[] {
  return connections.flatMap((connection, i) => {
    const flaws: Flaw[] = []
    const at = `connections[${i}]`
    const { id, vlan, port, bandwidth } = connection
    if (connections.findIndex((each) => each.id === id) < i)
      flaws.push({ field: `${at}.id`, say: `two connections are called ${id}; give each its own id` })
    if (vlan !== undefined && !whole(vlan, 1, 4094))
      flaws.push({
        field: `${at}.vlan`,
        say: `vlan ${vlan} of connection ${id} is not one of 1 to 4094; leave it out for none`,
      })
    if (vlan !== undefined && connection.kind === 'fc')
      flaws.push({ field: `${at}.vlan`, say: `connection ${id} is fc and has no vlan; leave it out` })
    if (port !== undefined && !whole(port, 1, 64))
      flaws.push({ field: `${at}.port`, say: `port ${port} of connection ${id} is none; ports count from 1` })
    if (bandwidth !== undefined) {
      const { minMbps, maxMbps } = bandwidth
      if (!whole(minMbps, 0, 1_000_000))
        flaws.push({
          field: `${at}.bandwidth.min`,
          say: `connection ${id} asks for ${minMbps} Mb/s; ask for a whole number`,
        })
      if (maxMbps !== undefined && (!whole(maxMbps, 1, 1_000_000) || maxMbps < minMbps))
        flaws.push({
          field: `${at}.bandwidth.max`,
          say: `the cap of connection ${id}, ${maxMbps} Mb/s, is below its ${minMbps}; raise it or leave it out`,
        })
    }
    return flaws
  })
}

/**
 * I1 within one profile. Node names and iSCSI names are of the server, not of a port: several connections may share
 * one. A port name is not another connection's node name, though.
 */
function addressFlaws(connections: readonly Connection[]): readonly Flaw[] {
  const owners = new Map<string, string>()
  const flaws: Flaw[] = []
  connections.forEach((connection, i) => {
    for (const { field, source } of asks(connection)) {
      if (source.from !== 'value' || field === 'wwnn' || field === 'iqn') continue
      const owner = owners.get(source.value)
      if (owner === undefined) owners.set(source.value, connection.id)
      else
        flaws.push({
          field: `connections[${i}].${field}`,
          say: `connections ${owner} and ${connection.id} both have ${source.value}; give one of them another`,
        })
    }
  })
  connections.forEach((connection, i) => {
    for (const { field, source } of asks(connection)) {
      if (source.from !== 'value' || field !== 'wwnn') continue
      const owner = owners.get(source.value)
      if (owner !== undefined && owner !== connection.id)
        flaws.push({
          field: `connections[${i}].wwnn`,
          say: `${source.value} is the port name of ${owner}; give ${connection.id} another node name`,
        })
    }
  })
  return flaws
}

function bootFlaws({ connections, boot }: Profile): readonly Flaw[] {
  const flaws: Flaw[] = []
  if (boot.order.length > mostBootEntries)
    flaws.push({
      field: 'boot.order',
      say: `the boot order has ${boot.order.length} entries and may have ${mostBootEntries}; leave some out`,
    })
  boot.order.forEach((entry, i) => {
    const field = `boot.order[${i}]`
    const flaw = (say: string, where = '') => flaws.push({ field: `${field}${where}`, say })
    if (!('connection' in entry)) {
      if (boot.order.findIndex((each) => each.target === entry.target) < i)
        flaw(`${entry.target} is in the boot order twice; leave one out`)
      return
    }
    const { target } = entry
    const connection = connections.find((each) => each.id === entry.connection)
    const can = carriers[target]
    if (connection === undefined)
      flaw(
        `boot entry ${i + 1} (${target}) names connection ${entry.connection}, which the profile does not have; name one of ${connections.map(({ id }) => id).join(', ') || 'its own'}`,
        '.connection',
      )
    else if (!can.includes(connection.kind))
      flaw(
        `boot entry ${i + 1} is ${target}, and connection ${entry.connection} is ${connection.kind}; name one that is ${can.join(' or ')}`,
        '.connection',
      )
    // An adapter's function has room for one way to boot.
    if (boot.order.findIndex((each) => 'connection' in each && each.connection === entry.connection) < i)
      flaw(`connection ${entry.connection} is in the boot order twice; a function boots one way only`, '.connection')
    if (target === 'http' && boot.mode === 'legacy')
      flaw(`boot entry ${i + 1}: http boot needs mode uefi; change the mode or use pxe`)
    for (const { where, say } of entryFlaws(entry)) flaw(`boot entry ${i + 1}: ${say}`, where)
  })
  return flaws
}

function entryFlaws(entry: BootEntry): readonly { readonly where: string; readonly say: string }[] {
  switch (entry.target) {
    case 'local':
    case 'setup':
    case 'pxe':
      return []
    case 'http':
      return isHttpUri(entry.uri)
        ? []
        : [
            {
              where: '.uri',
              say: `${JSON.stringify(entry.uri.slice(0, 80))} is no http or https address; write http://server/path`,
            },
          ]
    case 'fc':
    case 'fcoe':
      return targetFlaws(entry.targets, () => [])
    case 'iscsi': {
      const network = networkFlaw(entry.network)
      const users = [entry.chap?.user, entry.chap?.mutual?.user].filter((user) => user !== undefined)
      return [
        ...targetFlaws(entry.targets, portalFlaws),
        ...(network === undefined ? [] : [{ where: '.network', say: network }]),
        ...(users.every((user) => /^[\x21-\x7e]{1,223}$/.test(user))
          ? []
          : [{ where: '.chap', say: 'a CHAP user is 1 to 223 printable characters without spaces; correct it' }]),
      ]
    }
  }
}

function targetFlaws<Target extends FcTarget | IscsiTarget>(
  targets: readonly Target[],
  more: (target: Target) => readonly string[],
): readonly { readonly where: string; readonly say: string }[] {
  if (targets.length < 1 || targets.length > mostTargets)
    return [
      { where: '.targets', say: `it has ${targets.length} targets; give a primary and, if there is one, a secondary` },
    ]
  return targets.flatMap((target, i) => {
    const lun = /^[0-9a-f]{1,16}$/i.test(target.lun)
      ? []
      : [`lun ${JSON.stringify(target.lun.slice(0, 40))} is not 1 to 16 hex digits; write 0 or 1a`]
    return [...lun, ...more(target)].map((say) => ({ where: `.targets[${i}]`, say }))
  })
}

function portalFlaws({ address, tcpPort }: IscsiTarget): readonly string[] {
  return [
    ...(isIpv4(address) || isIpv6(address)
      ? []
      : [`${JSON.stringify(address.slice(0, 60))} is no IP address; the adapter can not look up names`]),
    ...(whole(tcpPort, 1, 65_535) ? [] : [`port ${tcpPort} is none; iSCSI's is 3260`]),
  ]
}

function networkFlaw(network: InitiatorNetwork): string | undefined {
  if (network.by === 'dhcp') return undefined
  const { address, netmask, gateway } = network
  const is = isIpv6(address) ? isIpv6 : isIpv4
  if (!is(address)) return `${JSON.stringify(address.slice(0, 60))} is no IP address; write it in digits, or use dhcp`
  if (!is(netmask) && !(is === isIpv6 && /^(12[0-8]|1[01]\d|[1-9]?\d)$/.test(netmask)))
    return `netmask ${JSON.stringify(netmask.slice(0, 60))} does not go with ${address}; write 255.255.255.0 or the like`
  if (gateway !== undefined && !is(gateway))
    return `gateway ${JSON.stringify(gateway.slice(0, 60))} does not go with ${address}; leave it out for none`
  return undefined
}

const whole = (n: number, least: number, most: number) => Number.isInteger(n) && n >= least && n <= most

export function isHttpUri(text: string): boolean {
  return text.length <= mostUri && /^https?:\/\/[^\s/?#@]+([/?#][\x21-\x7e]*)?$/i.test(text)
}

export function isIpv4(text: string): boolean {
  return /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/.test(text)
}

/** RFC 4291 §2.2 text forms, without zones. */
export function isIpv6(text: string): boolean {
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)
  const v4 = last !== undefined && isIpv4(last) && !text.endsWith('::')
  const hex = v4 ? groups.slice(0, -1) : groups
  const length = hex.length + (v4 ? 2 : 0)
  return hex.every((group) => /^[0-9a-f]{1,4}$/i.test(group)) && (halves.length === 2 ? length < 8 : length === 8)
}
