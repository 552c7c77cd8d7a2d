/**
 * What a first run begins with: two pools, three server profiles, assigned and powered on, as a central manager would do
 * it, over the broker, but without taking over: the technician may change everything. What a chassis can not carry is
 * asked for in another way, so that every board has something to show.
 */
import { type ConnectionId, type PoolId, type ProfileId, parseIqn, parseWwn } from '../core/addresses.ts'
import type { PoolSpec } from '../core/pool.ts'
import type { BootEntry, Connection, Profile, Source } from '../core/profile.ts'
import type { Outcome } from '../core/reply.ts'
import type { Client } from '../ctl/client.ts'
import type { WireCommand } from '../wire/command.ts'
import { CanNot } from './can-not.ts'

const pool = (id: string, kind: PoolSpec['kind'], preset: 'hp-vc' | 'oneview'): PoolSpec => ({
  id: id as PoolId,
  kind,
  range: { by: 'preset', preset, index: 1 },
})
const pools: readonly PoolSpec[] = [pool('lan', 'mac', 'hp-vc'), pool('san', 'wwpn', 'hp-vc')]
/** Only where a board has no storage network but iSCSI. */
const initiators = pool('iscsi', 'iqn', 'oneview')

const from = <Address>(id: string): Source<Address> => ({ from: 'pool', pool: id as PoolId })
const nic = (id: string): Connection => ({ kind: 'nic', id: id as ConnectionId, mac: from('lan') })
const fc: Connection = { kind: 'fc', id: 'san' as ConnectionId, wwpn: from('san'), wwnn: from('san') }
const fcoe: Connection = {
  kind: 'fcoe',
  id: 'san' as ConnectionId,
  mac: from('lan'),
  wwpn: from('san'),
  wwnn: from('san'),
}
const iscsi: Connection = { kind: 'iscsi', id: 'san' as ConnectionId, mac: from('lan'), iqn: from(initiators.id) }

function sure<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`${what} does not parse`)
  return value
}
const targets = ['50:06:01:60:3b:a0:00:01', '50:06:01:68:3b:a0:00:01'].map((text) => ({
  wwpn: sure(parseWwn(text), 'a storage port'),
  lun: '0',
}))
const bySan = (target: 'fc' | 'fcoe'): BootEntry => ({ target, connection: 'san' as ConnectionId, targets })
const byIscsi: BootEntry = {
  target: 'iscsi',
  connection: 'san' as ConnectionId,
  targets: [
    {
      iqn: sure(parseIqn('iqn.2001-05.com.example:db-01'), 'a target'),
      address: '192.0.2.10',
      tcpPort: 3260,
      lun: '0',
    },
  ],
  network: { by: 'dhcp' },
}
const byPxe: BootEntry = { target: 'pxe', connection: 'prod' as ConnectionId }

/** Ways to ask for one server, the best first. */
interface Seed {
  readonly id: string
  readonly description: string
  readonly ways: readonly { readonly connections: readonly Connection[]; readonly boot: BootEntry }[]
}
const web = (id: string): Seed => ({
  id,
  description: 'web server, installed by PXE',
  ways: [{ connections: [nic('prod')], boot: byPxe }],
})
const seeds: readonly Seed[] = [
  web('web01'),
  web('web02'),
  {
    id: 'db-01',
    description: 'database, boots from its LUN',
    ways: [
      { connections: [nic('prod'), nic('backup'), fc], boot: bySan('fc') },
      { connections: [nic('prod'), fc], boot: bySan('fc') },
      { connections: [nic('prod'), fcoe], boot: bySan('fcoe') },
      { connections: [nic('prod'), iscsi], boot: byIscsi },
      { connections: [iscsi], boot: byIscsi },
      { connections: [nic('prod')], boot: byPxe },
    ],
  },
]

/** Resolves with the revision that all of it is accepted at. */
export async function seed(client: Client): Promise<number> {
  let revision = 0
  const send = async (body: WireCommand): Promise<Outcome> => {
    const { outcome } = await client.request(body)
    if (outcome.kind === 'accepted') revision = Math.max(revision, outcome.accepted.revision)
    return outcome
  }
  const must = async (body: WireCommand) => {
    const outcome = await send(body)
    if (outcome.kind === 'refused')
      throw new CanNot(`the controller refuses what the demo begins with: ${outcome.refusal.say}`)
  }
  for (const each of pools) await must({ kind: 'define-pool', pool: each })
  for (const { id, description, ways } of seeds) {
    const profile = id as ProfileId
    let assigned = false
    for (const { connections, boot } of ways) {
      if (connections.includes(iscsi)) await must({ kind: 'define-pool', pool: initiators })
      const wanted: Profile = {
        id: profile,
        description,
        connections,
        boot: { mode: 'uefi', order: [boot] },
        affinity: 'model',
      }
      await must({ kind: 'define-profile', profile: wanted })
      const outcome = await send({
        kind: 'assign',
        profile,
        to: { any: {} },
        when: 'now',
        preprovision: false,
        power: 'on',
      })
      assigned = outcome.kind === 'accepted'
      if (assigned) break
    }
    if (!assigned) await must({ kind: 'remove-profile', profile })
  }
  return revision
}

/** Nobody ever changed anything here. */
export const isUntouched = ({ state }: Client): boolean => state.chassis?.revision === 0
