/**
 * The four ways of making I/O logical, each under the real agent: software, cna, director and mapped, a plain NIC and an
 * HBA among them. One story for all: assigned, run, moved, unassigned, and at each moment only one wearer. Then what
 * sets them apart: when an address takes effect, and what outlives a pulled blade.
 */
import { expect, test } from 'vitest'
import type { Bay } from '../../agent/core/blade.ts'
import { functionsOf, isBare } from '../../agent/core/blade.ts'
import type { AdapterModel } from '../../agent/core/board.ts'
import type { Profile } from '../../agent/core/profile.ts'
import type { BmcRequest } from '../../agent/sim/bmc.ts'
import { chassisFile, lanesOf } from '../boards/lanes.ts'
import { wholeName, wholePools, wholeProfile } from '../boards/whole.ts'
import { id } from '../core/lab.ts'
import { Rig } from './rig.ts'

interface Kind {
  readonly what: string
  readonly board: string
  readonly slot: string
  readonly from: Bay
  readonly to: Bay
}

const kinds: readonly Kind[] = [
  { what: 'a plain NIC', board: 'dell-m1000e', slot: 'lom', from: 2, to: 3 },
  { what: 'a plain HBA', board: 'dell-mx7000', slot: 'mezz3', from: 3, to: 4 },
  { what: 'a mapped LOM', board: 'hp-c7000', slot: 'lom', from: 3, to: 4 },
  { what: 'a cna with NPAR', board: 'cisco-ucs-5108', slot: 'mezz1', from: 3, to: 4 },
  { what: 'a cna with Universal Multi-Channel', board: 'dell-m1000e', slot: 'mezz1', from: 2, to: 3 },
  { what: 'software over plain ports', board: 'generic-2u4n', slot: 'lom', from: 1, to: 2 },
  { what: 'a director', board: 'ibm-bladecenter-h', slot: 'mezz2', from: 3, to: 4 },
]
const director = kinds.find(({ what }) => what === 'a director') ?? expect.unreachable()
const npar = kinds.find(({ what }) => what === 'a cna with NPAR') ?? expect.unreachable()

function modelOf(rig: Rig, { slot, from }: Kind): AdapterModel {
  const { board, adapters } = rig.hardware
  const blade = board.blades.find(({ product }) => product === board.simulated[String(from)])
  return adapters[blade?.adapters[slot] ?? ''] ?? expect.unreachable(slot)
}

/** A profile on every function of that one adapter. */
function profileFor({ board, slot, from }: Kind) {
  const product = chassisFile(board).simulated[String(from)] ?? expect.unreachable()
  return wholeProfile(
    from,
    lanesOf(board, from, product).filter((lane) => lane.slot === slot),
  )
}

const into = (bay: Bay) => ({ to: { bay }, when: 'now', preprovision: false }) as const

async function defined(kind: Kind): Promise<Rig> {
  const rig = new Rig(kind.board)
  await rig.start()
  await rig.settle()
  for (const pool of wholePools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: profileFor(kind) })
  return rig
}

async function running(kind: Kind): Promise<Rig> {
  const rig = await defined(kind)
  await rig.do({ kind: 'assign', profile: id<'Profile'>(wholeName(kind.from)), ...into(kind.from), power: 'on' })
  await rig.settle()
  return rig
}

/** Who wears each address on the wire at the end of the log. */
function live(rig: Rig): ReadonlyMap<string, readonly string[]> {
  const worn = new Map<string, string[]>()
  for (const entry of rig.log) {
    if (entry.kind === 'live') worn.set(entry.address, [...(worn.get(entry.address) ?? []), entry.serial])
    if (entry.kind === 'dark')
      worn.set(
        entry.address,
        (worn.get(entry.address) ?? []).filter((serial) => serial !== entry.serial),
      )
  }
  return worn
}

/** Blades that wear any address of the profile now. */
function wearers(rig: Rig, profile: string): readonly string[] {
  const worn = live(rig)
  return [...new Set(rig.given(profile).flatMap((address) => worn.get(address) ?? []))]
}

function bladeIn(rig: Rig, bay: Bay) {
  const blade = rig.agent.now().observed.bays[bay]?.blade
  return typeof blade === 'object' ? blade : expect.unreachable(`no blade is seen in bay ${bay}`)
}

const serialIn = (rig: Rig, bay: Bay) => bladeIn(rig, bay).serial
const reasonsOf = (rig: Rig, bay: Bay) => rig.agent.now().plans[bay]?.findings.map(({ reason }) => reason)

/** What the BMC of a bay was told since, without looks and sessions. */
const told = (rig: Rig, bay: Bay, since = 0) =>
  rig.log
    .slice(since)
    .flatMap((entry) => (entry.kind === 'command' && entry.bay === bay ? [entry.request] : []))
    .filter((request) => !['login', 'logout', 'end-session'].includes(request))

test('the adapters of these tests are of all four kinds', () => {
  const models = kinds.map((kind) => modelOf(new Rig(kind.board), kind))
  expect(new Set(models.map(({ kind }) => kind))).toEqual(new Set(['software', 'cna', 'director', 'mapped']))
  expect(new Set(models.map(({ takesEffect }) => takesEffect))).toEqual(new Set(['reset', 'attach', 'live']))
})

test.each(kinds.map((kind) => [kind.what, kind] as const))(
  'a profile on %s is assigned, runs, moves with its blade off and is unassigned, and one blade wears it at a time',
  async (_, kind) => {
    const { from, to } = kind
    const rig = await running(kind)
    const profile = id<'Profile'>(wholeName(from))
    const first = serialIn(rig, from)
    const second = serialIn(rig, to)
    const worn = live(rig)
    for (const address of rig.given(profile)) expect(worn.get(address), address).toEqual([first])

    await rig.do({ kind: 'move', profile, ...into(to), stop: 'graceful', force: false })
    await rig.settle()
    for (const address of rig.given(profile)) expect(live(rig).get(address), address).toEqual([second])
    expect(isBare(bladeIn(rig, from))).toBe(true)
    expect(bladeIn(rig, from).power).toBe('off')
    expect(rig.boots(to)).toHaveLength(1)

    await rig.do({ kind: 'unassign', profile, when: 'now', stop: 'forced', force: false })
    await rig.settle()
    expect(wearers(rig, profile)).toEqual([])
    expect(isBare(bladeIn(rig, to))).toBe(true)
    expect(rig.agent.now().state.doubts).toEqual([])

    // No binding is an identity too (W6): what wore the profile comes up as the factory made it.
    for (const bay of [from, to]) await rig.do({ kind: 'power', bay, want: 'on', stop: 'graceful' })
    await rig.settle()
    for (const bay of [from, to]) {
      const record = rig.boots(bay).at(-1) ?? expect.unreachable()
      for (const address of rig.given(profile)) expect(JSON.stringify(record)).not.toContain(address)
      const { uuid, serial } = bladeIn(rig, bay)
      expect(record.shown).toEqual({ uuid, serial })
    }
    rig.noDuplicates()
    if (rig.hardware.board.backplane.permitLatch) rig.noWrongBoots([profile])
  },
)

test.each(kinds.map((kind) => [kind.what, kind] as const))(
  'an address on %s takes effect when its adapter model says',
  async (_, kind) => {
    const rig = await running(kind)
    const given = new Set(rig.given(wholeName(kind.from)))
    const at = (what: 'power' | 'boot' | 'attached') =>
      rig.log.find((entry) => entry.kind === what && entry.bay === kind.from)?.at
    const wentLive = new Set(
      rig.log.flatMap((entry) => (entry.kind === 'live' && given.has(entry.address) ? [entry.at] : [])),
    )
    const moment = { live: at('power'), reset: at('boot'), attach: at('attached') }[modelOf(rig, kind).takesEffect]
    expect(moment).toBeDefined()
    expect([...wentLive]).toEqual([moment])
    expect(new Set([at('power'), at('boot')]).size).toBe(2)
  },
)

test.each(kinds.map((kind) => [kind.what, kind] as const))(
  'the host on %s may restart as it likes: the same names, no new permit, and nothing is told to its BMC',
  async (_, kind) => {
    const rig = await running(kind)
    const before = rig.log.length
    const records = rig.records.length
    rig.host.perform({ do: 'system', bay: kind.from, does: 'reboot' })
    await rig.settle()
    await rig.clock.advance(60_000)
    await rig.settle()
    expect(told(rig, kind.from, before)).toEqual([])
    expect(rig.records.slice(records)).toEqual([])
    const [first, again, ...more] = rig.boots(kind.from)
    expect(more).toEqual([])
    expect(again?.why).toBe('os-reboot')
    expect(again?.functions).toEqual(first?.functions)
    expect(again?.n).toBe(first?.n)
    expect(rig.agent.now().plans[kind.from]?.phase).toBe('running')
    expect(rig.log.slice(before).some(({ kind }) => kind === 'power' || kind === 'latch')).toBe(false)
  },
)

// ── A director: what is written there is live at once ───────────────────────────────────────────────────────────────

test('a running blade under a director is written only once it is off, though its address would be live at once', async () => {
  const rig = await defined(director)
  const { from } = director
  await rig.do({ kind: 'power', bay: from, want: 'on', stop: 'graceful' })
  await rig.settle()
  const before = rig.log.length
  const profile = id<'Profile'>(wholeName(from))
  expect((await rig.refused({ kind: 'assign', profile, ...into(from) })).reason).toBe('blade-powered')
  await rig.do({ kind: 'assign', profile, ...into(from), when: 'next-off' })
  await rig.clock.advance(60_000)
  expect(told(rig, from, before)).toEqual([])
  expect(reasonsOf(rig, from)).toEqual(['waits-for-off'])
  expect(wearers(rig, profile)).toEqual([])

  await rig.do({ kind: 'power', bay: from, want: 'cycle', stop: 'graceful' })
  await rig.settle()
  expect(wearers(rig, profile)).toEqual([serialIn(rig, from)])
  expect(rig.boots(from)).toHaveLength(2)
  rig.noDuplicates()
  rig.noWrongBoots([profile])
})

test('an address that somebody else puts on a running blade by its director is an alarm, the blade is not touched, and its pool keeps it back', async () => {
  const rig = await running(director)
  const { from } = director
  const given = rig.agent.now().state.profiles[wholeName(from)]?.given ?? {}
  const macs = Object.values(given).flatMap(({ mac }) => mac ?? [])
  const last = macs.sort().at(-1) ?? expect.unreachable()
  const stray = last.replace(/..$/, (octet) =>
    (Number.parseInt(octet, 16) + 1).toString(16).padStart(2, '0'),
  ) as typeof last
  const ask = (request: BmcRequest) => rig.clock.until(rig.host.ask(from, request, new AbortController().signal))
  const opened = await ask({ kind: 'login', user: 'admin', password: 'blade-pw' })
  const session = opened.ok ? opened.session : undefined
  if (!session) return expect.unreachable('no session')
  const spare = functionsOf(bladeIn(rig, from)).find(
    ({ key, applied }) => key.startsWith(director.slot) && applied.role === 'off',
  )
  const key = spare?.key ?? expect.unreachable('no function is left')
  const before = rig.log.length
  await ask({ kind: 'write', session, functions: [{ key, value: { role: 'nic', mac: stray } }], secrets: [] })
  await rig.clock.advance(60_000)

  expect(live(rig).get(stray)).toEqual([serialIn(rig, from)])
  expect(rig.agent.now().plans[from]?.findings).toMatchObject([
    { type: 'fault', reason: 'wrong-identity', remedy: `power bay ${from} off` },
  ])
  expect(told(rig, from, before)).toEqual(['write'])
  const { connections, affinity } = profileFor(director)
  const next: Profile = { id: id<'Profile'>('next'), connections, boot: { mode: 'uefi', order: [] }, affinity }
  const { accepted } = await rig.do({ kind: 'define-profile', profile: next })
  expect(Object.values(accepted.given ?? {}).flatMap(({ mac }) => mac ?? []).length).toBeGreaterThan(0)
  expect(JSON.stringify(accepted.given)).not.toContain(stray)

  await rig.do({ kind: 'power', bay: from, want: 'cycle', stop: 'graceful' })
  await rig.settle()
  expect(live(rig).get(stray)).toEqual([])
  expect(wearers(rig, wholeName(from))).toEqual([serialIn(rig, from)])
})

// ── What outlives a pulled blade (W6) ───────────────────────────────────────────────────────────────────────────────

test.each([
  ['iSCSI names', 'its own bay', npar, npar.from],
  ['iSCSI names', 'another bay', npar, 6],
  ["a director's addresses", 'its own bay', director, director.from],
  ["a director's addresses", 'another bay', director, 6],
] as const)(
  '%s on a pulled blade hold the move until the blade is put into %s, where they are cleared',
  async (_, _where, kind, back) => {
    const { from, to } = kind
    const rig = await running(kind)
    const profile = id<'Profile'>(wholeName(from))
    const serial = serialIn(rig, from)
    rig.host.perform({ do: 'pull', bay: from })
    await rig.clock.advance(2_000)
    await rig.do({ kind: 'move', profile, ...into(to), stop: 'no', force: false })
    await rig.clock.advance(120_000)
    expect(rig.boots(to)).toEqual([])
    const [hold, ...others] = rig.agent.now().plans[to]?.findings ?? []
    expect(others).toEqual([])
    expect(hold).toMatchObject({
      type: 'hold',
      reason: 'in-doubt-elsewhere',
      remedy: 'put that blade into any bay here, so that it can be cleared',
    })
    expect(hold?.say).toContain(serial)

    // The hold outlives the agent: it is a record, not a memory.
    rig.kill()
    await rig.start()
    await rig.clock.advance(60_000)
    expect(rig.boots(to)).toEqual([])

    if (back !== from) rig.host.perform({ do: 'pull', bay: back })
    expect(rig.host.perform({ do: 'insert', bay: back, blade: { serial } })).toBeUndefined()
    await rig.settle()
    expect(isBare(bladeIn(rig, back))).toBe(true)
    expect(rig.boots(to)).toHaveLength(1)
    expect(wearers(rig, profile)).toEqual([serialIn(rig, to)])
    rig.noDuplicates()
    rig.noWrongBoots([profile])
  },
)

test('addresses that AC loss erases free a pulled blade at once', async () => {
  const hba = kinds.find(({ what }) => what === 'a plain HBA') ?? expect.unreachable()
  const rig = await running(hba)
  const profile = id<'Profile'>(wholeName(hba.from))
  rig.host.perform({ do: 'pull', bay: hba.from })
  await rig.clock.advance(2_000)
  await rig.do({ kind: 'move', profile, ...into(hba.to), stop: 'no', force: false })
  await rig.settle()
  expect(wearers(rig, profile)).toEqual([serialIn(rig, hba.to)])
  rig.noDuplicates()
})

test('a pulled blade that comes back to a bay with another profile is cleared of the old one before it wears the new one', async () => {
  const { from, to } = npar
  const rig = await running(npar)
  const old = id<'Profile'>(wholeName(from))
  const serial = serialIn(rig, from)
  rig.host.perform({ do: 'pull', bay: from })
  await rig.clock.advance(2_000)
  await rig.do({ kind: 'move', profile: old, ...into(to), stop: 'no', force: false })
  const product = chassisFile(npar.board).simulated[String(from)] ?? ''
  const other = wholeProfile(9, lanesOf(npar.board, from, product))
  await rig.do({ kind: 'define-profile', profile: other })
  await rig.do({ kind: 'assign', profile: other.id, ...into(from), preprovision: true, power: 'on' })
  rig.host.perform({ do: 'insert', bay: from, blade: { serial } })
  await rig.settle()
  expect(wearers(rig, old)).toEqual([serialIn(rig, to)])
  expect(wearers(rig, other.id)).toEqual([serial])
  rig.noDuplicates()
  rig.noWrongBoots([old, other.id])
})
