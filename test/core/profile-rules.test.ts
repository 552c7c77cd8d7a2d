// A profile that contradicts itself is refused before any blade is asked, with the field and the way out.

import { describe, expect, it } from 'vitest'
import type { BootEntry, Connection, Profile } from '../../agent/core/profile.ts'
import { checkProfile, isHttpUri, isIpv4, isIpv6 } from '../../agent/core/profile-rules.ts'

// Written as it comes over the wire: the words of a profile, with nothing branded yet.
const profile = (connections: readonly unknown[], order: readonly unknown[] = [], mode: 'uefi' | 'legacy' = 'uefi') =>
  ({
    id: 'web-1',
    connections: connections as readonly Connection[],
    boot: { mode, order: order as readonly BootEntry[] },
    affinity: 'model',
  }) as Profile
const pool = { from: 'pool', pool: 'p' }
const nic = { id: 'eth0', kind: 'nic', mac: pool }
const fc = { id: 'san0', kind: 'fc', wwpn: pool, wwnn: pool }
const fcoe = { id: 'conv0', kind: 'fcoe', mac: pool, wwpn: pool, wwnn: pool }
const iscsi = { id: 'disk0', kind: 'iscsi', mac: pool, iqn: pool }
const all = [nic, fc, fcoe, iscsi]
const lun = { wwpn: '50:06:0b:00:00:c2:62:00', lun: '0' }
const portal = { iqn: 'iqn.2026-01.com.example:t', address: '10.0.0.1', tcpPort: 3260, lun: '1a' }
const iscsiBoot = { target: 'iscsi', connection: 'disk0', targets: [portal], network: { by: 'dhcp' } }
const fields = (each: Profile) => checkProfile(each).map(({ field }) => field)
const says = (each: Profile) => checkProfile(each).map(({ say }) => say)

describe('a profile', () => {
  it('that uses everything at once is fine', () => {
    const static4 = { by: 'static', address: '10.0.0.2', netmask: '255.255.255.0', gateway: '10.0.0.254' }
    const chap = { user: 'web', secret: 's', mutual: { user: 'disk', secret: 't' } }
    const order = [
      {
        target: 'iscsi',
        connection: 'disk0',
        targets: [portal, { ...portal, address: 'fd00::1', lun: 'ffffffffffffffff' }],
        network: static4,
        chap,
      },
      { target: 'fc', connection: 'san0', targets: [lun, lun] },
      { target: 'fcoe', connection: 'conv0', targets: [lun] },
      { target: 'http', connection: 'eth0', uri: 'https://boot.example/x?y=1' },
      { target: 'local' },
      { target: 'setup' },
    ]
    const shaped = { ...nic, vlan: 4094, port: 1, bandwidth: { minMbps: 100, maxMbps: 200 } }
    expect(checkProfile(profile([shaped, fc, fcoe, iscsi], order))).toEqual([])
    expect(checkProfile(profile([]))).toEqual([])
  })

  it('of two connections with one id is refused', () => {
    expect(checkProfile(profile([nic, nic]))).toEqual([
      { field: 'connections[1].id', say: 'two connections are called eth0; give each its own id' },
    ])
  })

  it.each([
    [{ vlan: 0 }, 'connections[0].vlan'],
    [{ vlan: 4095 }, 'connections[0].vlan'],
    [{ vlan: 1.5 }, 'connections[0].vlan'],
    [{ port: 0 }, 'connections[0].port'],
    [{ bandwidth: { minMbps: -1 } }, 'connections[0].bandwidth.min'],
    [{ bandwidth: { minMbps: 200, maxMbps: 100 } }, 'connections[0].bandwidth.max'],
    [{ bandwidth: { minMbps: 0, maxMbps: 0 } }, 'connections[0].bandwidth.max'],
  ])('with %j is refused', (extra, field) => {
    expect(fields(profile([{ ...nic, ...extra }]))).toEqual([field])
  })

  it('with a VLAN on Fibre Channel is refused', () => {
    expect(fields(profile([{ ...fc, vlan: 5 }]))).toEqual(['connections[0].vlan'])
  })
})

describe('an address', () => {
  const mac = { from: 'value', value: '00:17:a4:77:00:00' }
  const wwn = (n: number) => ({ from: 'value', value: `50:06:0b:00:00:c2:62:0${n}` })

  it('stands on one connection only', () => {
    const twice = profile([
      { ...nic, mac },
      { ...iscsi, mac },
    ])
    expect(checkProfile(twice)).toEqual([
      {
        field: 'connections[1].mac',
        say: 'connections eth0 and disk0 both have 00:17:a4:77:00:00; give one of them another',
      },
    ])
    expect(
      fields(
        profile([
          { ...fc, wwpn: wwn(0) },
          { ...fcoe, wwpn: wwn(0) },
        ]),
      ),
    ).toEqual(['connections[1].wwpn'])
  })

  it('of the server, not of a port, may stand behind several', () => {
    expect(
      checkProfile(
        profile([
          { ...fc, wwnn: wwn(1) },
          { ...fcoe, wwnn: wwn(1) },
        ]),
      ),
    ).toEqual([])
    const iqn = { from: 'value', value: 'iqn.2026-01.com.example:web' }
    expect(
      checkProfile(
        profile([
          { ...iscsi, iqn },
          { ...iscsi, id: 'disk1', iqn },
        ]),
      ),
    ).toEqual([])
  })

  it('is not the name of one port and another connection’s node', () => {
    expect(
      fields(
        profile([
          { ...fc, wwpn: wwn(0) },
          { ...fcoe, wwnn: wwn(0) },
        ]),
      ),
    ).toEqual(['connections[1].wwnn'])
  })
})

describe('a boot order', () => {
  const pxe = { target: 'pxe', connection: 'eth0' }

  it('has at most 16 entries, none twice', () => {
    const nics = Array.from({ length: 17 }, (_, i) => ({ ...nic, id: `e${i}` }))
    const order = nics.map(({ id }) => ({ target: 'pxe', connection: id }))
    expect(fields(profile(nics, order))).toEqual(['boot.order'])
    expect(fields(profile(nics, order.slice(0, 16)))).toEqual([])
    expect(fields(profile([], [{ target: 'local' }, { target: 'setup' }, { target: 'local' }]))).toEqual([
      'boot.order[2]',
    ])
    expect(says(profile([nic], [pxe, { target: 'http', connection: 'eth0', uri: 'http://a/b' }]))).toEqual([
      'connection eth0 is in the boot order twice; a function boots one way only',
    ])
  })

  it('names connections that the profile has, of a kind that can boot so', () => {
    expect(says(profile([nic], [{ ...pxe, connection: 'eth9' }]))).toEqual([
      'boot entry 1 (pxe) names connection eth9, which the profile does not have; name one of eth0',
    ])
    const can = { pxe: ['nic', 'iscsi'], http: ['nic', 'iscsi'], fc: ['fc'], fcoe: ['fcoe'], iscsi: ['iscsi'] }
    for (const [target, kinds] of Object.entries(can))
      for (const connection of all) {
        const targets = target === 'iscsi' ? [portal] : [lun]
        const entry = { target, connection: connection.id, uri: 'http://a/b', targets, network: { by: 'dhcp' } }
        const flaws = fields(profile(all, [entry]))
        expect(flaws, `${target} on ${connection.kind}`).toEqual(
          kinds.includes(connection.kind) ? [] : ['boot.order[0].connection'],
        )
      }
  })

  it.each([
    ['no target', { target: 'fc', connection: 'san0', targets: [] }, 'boot.order[0].targets'],
    ['three targets', { target: 'fcoe', connection: 'conv0', targets: [lun, lun, lun] }, 'boot.order[0].targets'],
    [
      'a LUN of too many digits',
      { target: 'fc', connection: 'san0', targets: [{ ...lun, lun: '1'.repeat(17) }] },
      'boot.order[0].targets[0]',
    ],
    [
      'a LUN that is no number',
      { target: 'fc', connection: 'san0', targets: [lun, { ...lun, lun: '0x1' }] },
      'boot.order[0].targets[1]',
    ],
    ['no LUN', { target: 'fc', connection: 'san0', targets: [{ ...lun, lun: '' }] }, 'boot.order[0].targets[0]'],
    [
      'a target by name',
      { ...iscsiBoot, targets: [{ ...portal, address: 'disk.example' }] },
      'boot.order[0].targets[0]',
    ],
    ['a port that is none', { ...iscsiBoot, targets: [{ ...portal, tcpPort: 0 }] }, 'boot.order[0].targets[0]'],
    [
      'an initiator address that is none',
      { ...iscsiBoot, network: { by: 'static', address: 'x', netmask: '255.0.0.0' } },
      'boot.order[0].network',
    ],
    [
      'a netmask that is none',
      { ...iscsiBoot, network: { by: 'static', address: '10.0.0.1', netmask: '24' } },
      'boot.order[0].network',
    ],
    [
      'a gateway of another family',
      { ...iscsiBoot, network: { by: 'static', address: '10.0.0.1', netmask: '255.0.0.0', gateway: 'fd00::1' } },
      'boot.order[0].network',
    ],
    ['a CHAP user with a space', { ...iscsiBoot, chap: { user: 'a b', secret: 's' } }, 'boot.order[0].chap'],
    [
      'a mutual CHAP user of nothing',
      { ...iscsiBoot, chap: { user: 'a', secret: 's', mutual: { user: '', secret: 't' } } },
      'boot.order[0].chap',
    ],
    ['an address of another scheme', { target: 'http', connection: 'eth0', uri: 'ftp://a/b' }, 'boot.order[0].uri'],
  ])('with %s is refused', (_, entry, field) => {
    expect(fields(profile(all, [entry]))).toEqual([field])
  })

  it('of a legacy system does not boot over HTTP', () => {
    expect(says(profile([nic], [{ target: 'http', connection: 'eth0', uri: 'http://a/b' }], 'legacy'))).toEqual([
      'boot entry 1: http boot needs mode uefi; change the mode or use pxe',
    ])
  })

  it('takes IPv6 initiators with a prefix length', () => {
    const network = (netmask: string) => ({
      ...iscsiBoot,
      network: { by: 'static', address: 'fd00::2', netmask, gateway: 'fd00::1' },
    })
    for (const netmask of ['64', '128', '109', '0', 'ffff:ffff::'])
      expect(fields(profile(all, [network(netmask)])), netmask).toEqual([])
    for (const netmask of ['129', '255.255.255.0', ''])
      expect(fields(profile(all, [network(netmask)])), netmask).toHaveLength(1)
  })
})

describe('literals', () => {
  it('of IPv4 and IPv6 are told from everything else', () => {
    for (const text of ['0.0.0.0', '10.0.0.1', '255.255.255.255']) expect(isIpv4(text), text).toBe(true)
    for (const text of ['256.0.0.1', '1.2.3', '1.2.3.4.5', '01.2.3.4', 'a.b.c.d', ''])
      expect(isIpv4(text), text).toBe(false)
    for (const text of ['::', '::1', 'fd00::1', '1:2:3:4:5:6:7:8', '1::8', '::ffff:10.0.0.1', '1:2:3:4:5:6:7::'])
      expect(isIpv6(text), text).toBe(true)
    for (const text of [
      '',
      ':',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      'fe80::1%eth0',
      '1.2.3.4',
      '1:2:3:4:5:6:7:8::',
      '10.0.0.1::',
    ])
      expect(isIpv6(text), text).toBe(false)
  })

  it('of HTTP have a host, and no user or space', () => {
    for (const text of ['http://a', 'HTTPS://a.example:8080/x', 'http://[fd00::1]/x?y#z'])
      expect(isHttpUri(text), text).toBe(true)
    for (const text of [
      'http://',
      'http:///x',
      'http://a b',
      'http://u:p@a/',
      'ftp://a',
      `http://a/${'x'.repeat(1024)}`,
    ])
      expect(isHttpUri(text), text).toBe(false)
  })
})
