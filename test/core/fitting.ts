// Shipped boards, their blades, and profiles made in one line: what the tests of fitting have in common.

import { fileURLToPath } from 'node:url'
import { loadHardware } from '../../agent/boards/load.ts'
import type { ConnectionId, PoolId, ProfileId } from '../../agent/core/addresses.ts'
import type { Observed } from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import type { Carrier } from '../../agent/core/fit.ts'
import type { BootPlan, Connection, Profile } from '../../agent/core/profile.ts'

const folder = fileURLToPath(new URL('../../boards', import.meta.url))
export const boards = [
  'hp-c7000',
  'dell-m1000e',
  'cisco-ucs-5108',
  'dell-mx7000',
  'hpe-synergy-12000',
  'ibm-bladecenter-h',
  'generic-2u4n',
]
const hardwareOf = Object.fromEntries(
  boards.map((id): [string, Hardware] => {
    const loaded = loadHardware(folder, id)
    if (!loaded.ok) throw new Error(loaded.say)
    return [id, loaded.value]
  }),
)
export const hw = (id: string) => hardwareOf[id] as Hardware
export const usual = ({ board }: Hardware): Observed['interconnects'] =>
  Object.fromEntries(board.interconnects.map((each) => [each.id, each.usual]))

const pool = { from: 'pool', pool: 'p' as PoolId } as const
export type Extra = Partial<Pick<Connection, 'slot' | 'port' | 'interconnect' | 'vlan' | 'bandwidth'>>
export function connection(kind: Connection['kind'], id: string, extra: Extra = {}): Connection {
  const base = { id: id as ConnectionId, ...extra }
  switch (kind) {
    case 'nic':
      return { ...base, kind, mac: pool }
    case 'fc':
      return { ...base, kind, wwpn: pool, wwnn: pool }
    case 'fcoe':
      return { ...base, kind, mac: pool, wwpn: pool, wwnn: pool }
    case 'iscsi':
      return { ...base, kind, mac: pool, iqn: pool }
  }
}
export const nic = (id: string, extra: Extra = {}) => connection('nic', id, extra)
export const profileOf = (connections: readonly Connection[], order: BootPlan['order'] = []): Profile => ({
  id: 'web-1' as ProfileId,
  connections,
  boot: { mode: 'uefi', order },
  affinity: 'model',
})
export const carrier = (hardware: Hardware, product: string): Carrier => {
  const model = hardware.board.blades.find((each) => each.product === product)
  if (model === undefined) throw new Error(product)
  return { product, adapters: Object.entries(model.adapters).map(([slot, id]) => ({ slot, model: id })) }
}
