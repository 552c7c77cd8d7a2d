/**
 * CHAP secrets on their way to an adapter: sealed in the store, written with the boot settings, never read back. What
 * can not be read back counts only while it waits for the POST that it was written for (W16).
 */
import { expect, test } from 'vitest'
import { type Mac, parseIqn } from '../../agent/core/addresses.ts'
import type { Bay } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Profile, Source } from '../../agent/core/profile.ts'
import { id } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { memoryMedium } from './store/memory-medium.ts'

const web = id<'Profile'>('web-01')
const host = id<'Secret'>('host-chap')
const array = id<'Secret'>('array-chap')
const iqn = (text: string) => parseIqn(text) ?? expect.unreachable(text)
const target = iqn('iqn.2026-01.example.array:boot')
const initiator = iqn('iqn.2026-01.example.midplane:web-01')

const fromPool: Source<Mac> = { from: 'pool', pool: id<'Pool'>('lan') }

/** Boots from an iSCSI LUN whose target wants to be shown a secret and shows one itself. */
const profileWith = (mac: Source<Mac>): Profile => ({
  id: web,
  connections: [
    {
      kind: 'iscsi',
      id: id<'Connection'>('disk'),
      mac,
      iqn: { from: 'value', value: initiator },
    },
  ],
  boot: {
    mode: 'uefi',
    order: [
      {
        target: 'iscsi',
        connection: id<'Connection'>('disk'),
        targets: [{ iqn: target, address: '192.0.2.10', tcpPort: 3260, lun: '0' }],
        network: { by: 'dhcp' },
        chap: { user: 'web-01', secret: host, mutual: { user: 'array', secret: array } },
      },
    ],
  },
  affinity: 'model',
})

const pool: Command = {
  kind: 'define-pool',
  pool: { id: id<'Pool'>('lan'), kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 1 } },
}
const assign = (power: 'on' | 'off', bay: Bay = 3): Command => ({
  kind: 'assign',
  profile: web,
  to: { bay },
  when: 'now',
  preprovision: false,
  power,
})
const power = (want: 'on' | 'off' | 'cycle'): Command => ({ kind: 'power', bay: 3, want, stop: 'graceful' })

/** A chassis whose array lets in only who shows, and is shown, these secrets. */
interface Setting {
  readonly board?: string
  readonly chap?: string
  readonly mac?: Source<Mac>
}

async function defined({ board = 'hp-c7000', chap = 'host-secret-1', mac = fromPool }: Setting = {}): Promise<Rig> {
  const rig = new Rig(board)
  await rig.start()
  await rig.settle()
  await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: profileWith(mac) })
  arrayWants(rig, chap)
  return rig
}

function arrayWants(rig: Rig, secret: string): void {
  const rule = {
    target,
    initiators: [initiator],
    chap: { user: 'web-01', secret },
    mutual: { user: 'array', secret: 'array-secret-1' },
  }
  expect(rig.host.perform({ do: 'san', luns: [rule] })).toBeUndefined()
}

async function bothSecrets(rig: Rig): Promise<void> {
  await rig.setSecret(host, 'host-secret-1')
  await rig.setSecret(array, 'array-secret-1')
}

const findings = (rig: Rig) => rig.agent.now().plans[3]?.findings
const from = (rig: Rig) => rig.boots(3).map(({ booted }) => booted.from)
const writes = (rig: Rig, since = 0) =>
  rig.log.slice(since).filter((entry) => entry.kind === 'command' && entry.request === 'write')

test('a blade waits for each secret that its boot plan names, and nothing is written until it has them all', async () => {
  const rig = await defined()
  await rig.do(assign('on'))
  await rig.clock.advance(60_000)
  expect(findings(rig)).toMatchObject([
    { type: 'hold', reason: 'secret-missing', remedy: 'set secret host-chap' },
    { type: 'hold', reason: 'secret-missing', remedy: 'set secret array-chap' },
  ])
  await rig.setSecret(host, 'host-secret-1')
  await rig.clock.advance(60_000)
  expect(findings(rig)).toMatchObject([{ reason: 'secret-missing', remedy: 'set secret array-chap' }])
  expect(writes(rig)).toEqual([])
  await rig.setSecret(array, 'array-secret-1')
  await rig.settle()
  expect(from(rig)).toEqual(['iscsi'])
  rig.noWrongBoots(['web-01'])
})

test('no secret stands in clear in what the controller keeps or tells', async () => {
  const rig = await defined()
  await bothSecrets(rig)
  await rig.do(assign('on'))
  await rig.settle()
  expect(from(rig)).toEqual(['iscsi'])
  const kept = [
    JSON.stringify(rig.agent.now()),
    JSON.stringify(rig.records),
    JSON.stringify(rig.running?.notices),
    JSON.stringify(rig.log),
    Buffer.from(rig.eeprom.bytes).toString('latin1'),
  ]
  for (const text of kept)
    for (const secret of ['host-secret-1', 'array-secret-1']) expect(text.includes(secret)).toBe(false)
  expect(kept[0]).toContain('host-chap')
})

test('a blade with the wrong secret finds no disk; with the right one it does after its next start', async () => {
  const rig = await defined({ chap: 'host-secret-2' })
  await bothSecrets(rig)
  await rig.do(assign('on'))
  await rig.settle()
  await rig.setSecret(host, 'host-secret-2')
  await rig.do(power('cycle'))
  await rig.do({ kind: 'power', bay: 3, want: 'cycle', stop: 'forced' })
  await rig.settle()
  expect(from(rig)).toEqual(['nothing', 'iscsi'])
})

test('an agent that restarts writes the secrets again before it arms: it can not know what the adapter holds', async () => {
  const rig = await defined()
  await bothSecrets(rig)
  await rig.do(assign('off'))
  await rig.settle()
  expect(writes(rig)).toHaveLength(1)
  rig.kill()
  await rig.start()
  await rig.settle()
  expect(writes(rig)).toHaveLength(2)
  await rig.do(power('on'))
  await rig.settle()
  const last = rig.log.findLastIndex((entry) => entry.kind === 'command' && entry.request === 'write')
  const permit = rig.log.findIndex(
    (entry) => entry.kind === 'latch' && entry.latch !== 'none' && entry.latch.state === 'granted',
  )
  expect(last).toBeLessThan(permit)
  expect(from(rig)).toEqual(['iscsi'])
})

test('a replaced controller unseals the secrets with the key that the chassis keeps', async () => {
  const rig = await defined()
  await bothSecrets(rig)
  await rig.do(assign('off'))
  await rig.settle()
  rig.kill()
  rig.medium = memoryMedium()
  await rig.start()
  await rig.settle()
  await rig.do(power('on'))
  await rig.settle()
  expect(from(rig)).toEqual(['iscsi'])
})

test('secrets are written anew for each start, whoever wrote what in between', async () => {
  const rig = await defined()
  await bothSecrets(rig)
  await rig.do(assign('on'))
  await rig.settle()
  const before = rig.log.length
  await rig.do(power('off'))
  await rig.settle()
  await rig.do(power('on'))
  await rig.settle()
  expect(writes(rig, before)).toHaveLength(1)
  expect(from(rig)).toEqual(['iscsi', 'iscsi'])
})

test('a secret that was changed while the blade was off is not taken for written after an AC loss that erased it', async () => {
  // With the factory's own MAC nothing of the function itself tells that the table was erased.
  const rig = await defined({ board: 'cisco-ucs-5108', mac: { from: 'factory' } })
  await bothSecrets(rig)
  await rig.do(assign('on'))
  await rig.settle()
  await rig.do(power('off'))
  await rig.settle()
  arrayWants(rig, 'host-secret-2')
  await rig.setSecret(host, 'host-secret-2')
  await rig.settle()
  // The agent has power of its own: the adapters lose what waited for their POST, and keep the old secret.
  rig.host.perform({ do: 'ac', on: false })
  await rig.clock.advance(5_000)
  rig.host.perform({ do: 'ac', on: true })
  await rig.clock.advance(60_000)
  await rig.do(power('on'))
  await rig.settle()
  expect(from(rig)).toEqual(['iscsi', 'iscsi'])
})
