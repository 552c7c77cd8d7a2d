/** Who plays in the stories: the pools, the profile of a database server that boots from the SAN, and its storage. */
import type { BootRecord } from '../../agent/sim/log.ts'
import type { WireCommand } from '../../agent/wire/command.ts'

export type MoveBody = Extract<WireCommand, { readonly kind: 'move' }>

export const storage = { target: '50:06:01:60:3b:a0:00:01', lun: '0' } as const

export const pools = [
  { id: 'lan', kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 1 } },
  { id: 'san', kind: 'wwpn', range: { by: 'preset', preset: 'hp-vc', index: 1 } },
] as const

const nic = (id: string, port: number, vlan: number) =>
  ({ id, kind: 'nic', slot: 'lom', port, vlan, mac: { from: 'pool', pool: 'lan' } }) as const

/** Two NICs and an FC HBA, and the LUN that it boots. */
export const database = {
  id: 'db-01',
  description: 'orders database',
  connections: [
    nic('prod', 1, 120),
    nic('backup', 2, 130),
    { id: 'san', kind: 'fc', wwpn: { from: 'pool', pool: 'san' } },
  ],
  boot: { order: [{ target: 'fc', connection: 'san', targets: [{ wwpn: storage.target, lun: storage.lun }] }] },
} as const

/** What `get profiles -o json` shows of it, as far as the stories read it. */
export interface ShownProfile {
  readonly part: 'profile'
  readonly revision: number
  readonly view: {
    readonly profile: { readonly id: string }
    readonly given: {
      readonly [connection: string]: { readonly mac?: string; readonly wwpn?: string; readonly wwnn?: string }
    }
    readonly bay?: number
    readonly inSync: boolean
  }
}

export type Addresses = { readonly prod: string; readonly backup: string; readonly wwpn: string; readonly wwnn: string }

export function addressesOf(shown: readonly ShownProfile[], id = 'db-01'): Addresses {
  const view = shown.find(({ view: each }) => each.profile.id === id)?.view
  const { prod, backup, san } = view?.given ?? {}
  if (!prod?.mac || !backup?.mac || !san?.wwpn || !san.wwnn) throw new Error(`no addresses: ${JSON.stringify(view)}`)
  return { prod: prod.mac, backup: backup.mac, wwpn: san.wwpn, wwnn: san.wwnn }
}

/** Every address that the functions of one boot used, in order. */
export function worn({ functions }: BootRecord): readonly string[] {
  return functions.flatMap(({ mac, wwpn, wwnn }) => [mac, wwpn, wwnn].filter((each) => each !== undefined)).sort()
}

/** How much of the server this boot was: all of its addresses, none of them, or the one thing that must never be. */
export function wearing(record: BootRecord, { prod, backup, wwpn, wwnn }: Addresses): 'all' | 'none' | 'some' {
  const used = worn(record)
  const there = [prod, backup, wwpn, wwnn].filter((address) => used.includes(address)).length
  return there === 4 ? 'all' : there === 0 ? 'none' : 'some'
}
