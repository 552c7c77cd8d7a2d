/**
 * A profile that uses a whole blade: a connection on every function that the partition rules give away, pinned to its
 * port, all addresses from pools, and a LUN of its own to boot from. Roles go round from port to port and bay to bay,
 * so that each function of an adapter is seen in every role that it can take.
 */
import { expect } from 'vitest'
import { parseIqn, parseSerial, parseUuid, parseWwn } from '../../agent/core/addresses.ts'
import type { Command } from '../../agent/core/command.ts'
import type { BootEntry, Connection, Profile } from '../../agent/core/profile.ts'
import { id } from '../core/lab.ts'
import type { Lane } from './lanes.ts'

const sure = <Value>(value: Value | undefined): Value => value ?? expect.unreachable('it does not parse')
const from = (pool: string) => ({ from: 'pool', pool: id<'Pool'>(pool) }) as const

export const wholePools: readonly Command[] = [
  {
    kind: 'define-pool',
    pool: { id: id<'Pool'>('macs'), kind: 'mac', range: { by: 'preset', preset: 'oneview', index: 7 } },
  },
  {
    kind: 'define-pool',
    pool: {
      id: id<'Pool'>('wwns'),
      kind: 'wwpn',
      range: { by: 'count', first: '50:06:0b:00:00:c2:62:00', count: 4096, pairs: true },
    },
  },
  {
    kind: 'define-pool',
    pool: {
      id: id<'Pool'>('iqns'),
      kind: 'iqn',
      range: { by: 'count', first: 'iqn.2026-01.example.midplane:host-0000', count: 4096 },
    },
  },
]

export const wholeName = (bay: number) => `whole-${bay}`

/** The storage port that this bay alone boots from; its SAN lets nobody else in. */
export const targetOf = (bay: number) => ({
  wwpn: sure(parseWwn(`50:06:01:60:3b:a0:00:${bay.toString(16).padStart(2, '0')}`)),
  iqn: sure(parseIqn(`iqn.2026-01.example.array:bay-${bay}`)),
})

export function wholeProfile(bay: number, lanes: readonly Lane[]): Profile {
  const connections = lanes.flatMap(({ slot, port, seats }): readonly Connection[] => {
    const taken: string[] = []
    return seats.map((roles, i): Connection => {
      // One iSCSI and one FCoE a port at most, which is NPAR's rule and does the others no harm.
      const free = roles.filter((role) => role === 'nic' || role === 'fc' || !taken.includes(role))
      const role =
        free[(bay + port + i) % free.length] ?? expect.unreachable(`no role is left for ${slot} port ${port}`)
      taken.push(role)
      const placed = { id: id<'Connection'>(`${slot}-${port}-${i + 1}`), slot, port }
      switch (role) {
        case 'nic':
          return { ...placed, kind: 'nic', mac: from('macs'), vlan: 100 + bay }
        case 'iscsi':
          return { ...placed, kind: 'iscsi', mac: from('macs'), iqn: from('iqns') }
        case 'fcoe':
          return { ...placed, kind: 'fcoe', mac: from('macs'), wwpn: from('wwns'), wwnn: from('wwns') }
        case 'fc':
          return { ...placed, kind: 'fc', wwpn: from('wwns'), wwnn: from('wwns') }
        default:
          return expect.unreachable(role)
      }
    })
  })
  const net = connections.find(({ kind }) => kind === 'nic')
  return {
    id: id<'Profile'>(wholeName(bay)),
    connections,
    boot: {
      mode: bay % 2 === 0 ? 'uefi' : 'legacy',
      order: [
        ...storageEntry(bay, connections),
        ...(net ? [{ target: 'pxe', connection: net.id } as const] : []),
        { target: 'local' },
      ],
    },
    affinity: 'model',
    uuid: sure(parseUuid(`5eed0000-0000-4000-8000-${String(bay).padStart(12, '0')}`)),
    serial: sure(parseSerial(`WHOLE-${bay}`)),
  }
}

/** The connection that a whole profile boots its LUN by; a bay without storage roles has none. */
export function bootsBy({ connections }: Pick<Profile, 'connections'>): Connection | undefined {
  return connections.find(({ kind }) => kind !== 'nic')
}

function storageEntry(bay: number, connections: readonly Connection[]): readonly BootEntry[] {
  const storage = bootsBy({ connections })
  const { wwpn, iqn } = targetOf(bay)
  switch (storage?.kind) {
    case undefined:
    case 'nic':
      return []
    case 'fc':
    case 'fcoe':
      return [{ target: storage.kind, connection: storage.id, targets: [{ wwpn, lun: '0' }] }]
    case 'iscsi': {
      const targets = [{ iqn, address: '192.0.2.10', tcpPort: 3260, lun: '0' }]
      return [{ target: 'iscsi', connection: storage.id, targets, network: { by: 'dhcp' } }]
    }
  }
}
