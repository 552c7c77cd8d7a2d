/**
 * Every chassis that ships, run: the agent, its store and the simulated chassis, each blade wearing a profile that uses
 * all of its ports, until every bay is in sync. Then each boot record is held against the port map and against what the
 * profile was given. The port map is worked out from the board file here, by nobody's code but the test's (`lanes.ts`).
 */
import { expect, test } from 'vitest'
import type { Given, Profile } from '../../agent/core/profile.ts'
import type { BootRecord, UsedFunction } from '../../agent/sim/log.ts'
import { Rig } from '../controller/rig.ts'
import { id } from '../core/lab.ts'
import { boardIds, chassisFile, fillsOf, type Lane, lanesOf } from './lanes.ts'
import { bootsBy, targetOf, wholeName, wholePools, wholeProfile } from './whole.ts'

/** Which product sits in which bay. */
type Filling = ReadonlyMap<number, string>

interface Load {
  readonly board: string
  readonly what: string
  readonly filling: Filling
}

const numbered = (simulated: Record<string, string>): Filling =>
  new Map(Object.entries(simulated).map(([bay, product]) => [Number(bay), product]))

const asUsual = 'filled as usual'

/** Each board as it is usually filled, and again with each of its products in every bay that takes it. */
const loads: readonly Load[] = boardIds.flatMap((board) => {
  const file = chassisFile(board)
  return [
    { board, what: asUsual, filling: numbered(file.simulated) },
    ...file.blades.map(({ product }) => ({
      board,
      what: `full of ${product}`,
      filling: new Map(fillsOf(file, product).map(([first]) => [first ?? 0, product])),
    })),
  ]
})

/** Interconnect bays that are usually empty get what the blades' adapters ask for. */
function fabricsFor({ board, filling }: Load): { readonly [interconnect: string]: 'ethernet' | 'fc' } {
  const empty = [...filling]
    .flatMap(([bay, product]) => lanesOf(board, bay, product))
    .filter(({ fabric }) => fabric === 'empty')
  return Object.fromEntries(
    empty.map(({ bay, slot, port, interconnect }) => {
      const asked = (kind: string) =>
        lanesOf(board, bay, filling.get(bay) ?? '', { [interconnect]: kind }).find(
          (lane) => lane.slot === slot && lane.port === port,
        )
      return [interconnect, (asked('ethernet')?.seats.length ?? 0) > 0 ? 'ethernet' : 'fc']
    }),
  )
}

interface Loaded {
  readonly rig: Rig
  readonly lanes: readonly Lane[]
}

/** The chassis comes up with its blades, and each of them is told to run as a server that uses all of it. */
async function run(load: Load): Promise<Loaded> {
  const { board, filling } = load
  const rig = new Rig(board, { empty: true })
  const fabrics = fabricsFor(load)
  for (const [bay, product] of filling) {
    expect(rig.host.perform({ do: 'insert', bay, blade: { product, localDisk: true } }), `bay ${bay}`).toBeUndefined()
  }
  for (const [interconnect, kind] of Object.entries(fabrics)) {
    expect(rig.host.perform({ do: 'interconnect', id: interconnect, kind })).toBeUndefined()
  }
  await rig.start()
  await rig.settle()
  for (const pool of wholePools) await rig.do(pool)
  const lanes = [...filling].flatMap(([bay, product]) => lanesOf(board, bay, product, fabrics))
  for (const [bay] of filling) {
    const own = lanes.filter((lane) => lane.bay === bay)
    await rig.do({ kind: 'define-profile', profile: wholeProfile(bay, own) })
  }
  mask(rig, filling)
  for (const [bay] of filling) {
    const profile = id<'Profile'>(wholeName(bay))
    const { copies } = await rig.do({
      kind: 'assign',
      profile,
      to: { bay },
      when: 'now',
      preprovision: false,
      power: 'on',
    })
    expect(copies).toEqual(['flash', 'eeprom'])
  }
  await rig.settle()
  return { rig, lanes }
}

/** Each bay's LUN lets in the one initiator that its profile was given, so that a wrong one does not boot from it. */
function mask(rig: Rig, filling: Filling): void {
  const luns = [...filling.keys()].flatMap((bay) => {
    const { profile, given } = heldFor(rig, bay)
    const storage = bootsBy(profile)
    const { wwpn, iqn } = given[storage?.id ?? ''] ?? {}
    const { wwpn: port, iqn: portal } = targetOf(bay)
    return [wwpn && { target: port, initiators: [wwpn] }, iqn && { target: portal, initiators: [iqn] }].filter(
      (rule) => rule !== undefined,
    )
  })
  expect(rig.host.perform({ do: 'san', luns })).toBeUndefined()
}

function heldFor(rig: Rig, bay: number) {
  return rig.agent.now().state.profiles[wholeName(bay)] ?? expect.unreachable(`bay ${bay} has no profile`)
}

const addressesOf = ({ mac, wwpn, wwnn, iqn }: UsedFunction | Given): Given => ({
  ...(mac && { mac }),
  ...(wwpn && { wwpn }),
  ...(wwnn && { wwnn }),
  ...(iqn && { iqn }),
})

/** Holds one boot against its profile and the port map; tells which function carried which connection. */
function checkBoot(
  record: BootRecord,
  profile: Profile,
  given: { readonly [connection: string]: Given },
  lanes: readonly Lane[],
) {
  const carriers = new Map<string, string>()
  const portOf = (key: string) => /^(.+):(\d+)-(.+)$/.exec(key) ?? expect.unreachable(`${key} is no function`)
  for (const fn of record.functions) {
    const [, slot, port] = portOf(fn.key)
    const lane = lanes.find((each) => each.slot === slot && each.port === Number(port)) ?? expect.unreachable(fn.key)
    expect(fn.reaches, `bay ${record.bay} ${fn.key}`).toEqual({
      interconnect: lane.interconnect,
      downlink: lane.downlink,
    })
  }
  for (const connection of profile.connections) {
    const addresses = given[connection.id] ?? expect.unreachable(`${connection.id} was given nothing`)
    const carrier = record.functions.find((fn) => {
      const [, slot, port] = portOf(fn.key)
      const here = slot === connection.slot && Number(port) === connection.port && fn.role === connection.kind
      return here && JSON.stringify(addressesOf(fn)) === JSON.stringify(addressesOf(addresses))
    })
    if (!carrier)
      return expect.unreachable(`bay ${record.bay}: nothing wears ${connection.id} ${JSON.stringify(addresses)}`)
    expect(carrier.vlan, `${connection.id}`).toBe(connection.vlan)
    expect([...carriers.values()]).not.toContain(carrier.key)
    carriers.set(connection.id, carrier.key)
  }
  const { uuid, serial } = profile
  expect(record.shown).toEqual({ uuid, serial })
  const storage = bootsBy(profile)
  if (storage) expect(record.booted).toMatchObject({ from: storage.kind, fn: carriers.get(storage.id) })
  else expect(record.booted.from).toBe('pxe')
  return carriers
}

/** What was used, for counting. */
interface Tally {
  blades: number
  ports: number
  functions: number
  readonly roles: Set<string>
}
const all: Tally = { blades: 0, ports: 0, functions: 0, roles: new Set() }

function checkChassis({ board, filling }: Load, { rig, lanes }: Loaded, boots: number): Tally {
  const used: Tally = { blades: 0, ports: 0, functions: 0, roles: new Set() }
  const ends = new Map<string, string>()
  const worn = new Map<string, string>()
  const ports = new Set<string>()
  for (const { bay } of chassisFile(board).bays) {
    const records = rig.boots(bay)
    const slot = rig.agent.now().observed.bays[bay]?.slot
    if (!filling.has(bay)) {
      const cover = [...filling].find(([home, product]) =>
        fillsOf(chassisFile(board), product).some((fill) => fill[0] === home && fill.includes(bay)),
      )
      expect(slot).toMatchObject(cover ? { presence: 'covered', by: cover[0] } : { presence: 'empty' })
      expect(records).toEqual([])
      continue
    }
    expect(rig.agent.now().plans[bay]).toMatchObject({ phase: 'running', steps: [], findings: [] })
    expect(records.length, `boots of bay ${bay}`).toBe(boots)
    const record = records.at(-1) ?? expect.unreachable()
    const { profile, given } = heldFor(rig, bay)
    const carriers = checkBoot(
      record,
      profile,
      given,
      lanes.filter((lane) => lane.bay === bay),
    )
    used.blades += 1
    used.functions += carriers.size
    for (const fn of record.functions) {
      const port = `${bay} ${fn.key.replace(/-.*$/, '')}`
      // One wire for each port: no two ports of the whole chassis may end at one place.
      const end = `${fn.reaches?.interconnect} ${fn.reaches?.downlink}`
      expect(ends.get(end) ?? port, `${end} is reached from two ports`).toBe(port)
      ends.set(end, port)
      for (const address of Object.values(addressesOf(fn))) {
        expect(worn.get(address), `${address} is worn twice`).toBeUndefined()
        worn.set(address, `${bay} ${fn.key}`)
      }
      if ([...carriers.values()].includes(fn.key)) {
        ports.add(port)
        used.roles.add(fn.role)
      }
    }
  }
  used.ports = ports.size
  return used
}

/** I3 where a latch numbers the starts; where none does, as many boots as armings, each a power-on of ours. */
function noWrongBoots(rig: Rig, { board, filling }: Load): void {
  if (chassisFile(board).backplane.permitLatch) {
    rig.noWrongBoots([...filling.keys()].map(wholeName))
    return
  }
  for (const bay of filling.keys()) {
    const armed = rig.records.filter(
      (each) => each.kind === 'observation' && each.observation.saw === 'armed' && each.observation.bay === bay,
    )
    const boots = rig.boots(bay).map(({ why, n }) => ({ why, n }))
    expect(boots).toEqual(armed.map(() => ({ why: 'bmc-power-on', n: undefined })))
  }
}

/** Chassis that are in sync, for the tests that go on from there. */
const running = new Map<Load, Loaded>()

test.each(loads.map((load) => [`${load.board} ${load.what}`, load] as const))(
  '%s comes in sync with every port in use, and boots as the port map and its profiles say',
  async (_, load) => {
    const { board, what, filling } = load
    const loaded = await run(load)
    running.set(load, loaded)
    const { rig, lanes } = loaded
    const used = checkChassis(load, loaded, 1)
    rig.noDuplicates()
    noWrongBoots(rig, load)

    console.log(`${board} ${what}: ${used.blades} blades, ${used.ports} ports, ${used.functions} functions`)
    const seats = lanes.reduce((sum, lane) => sum + lane.seats.length, 0)
    expect(used).toMatchObject({ blades: filling.size, ports: lanes.length, functions: seats })
    expect(lanes.length).toBeGreaterThanOrEqual(filling.size * 2)
    all.blades += used.blades
    all.ports += used.ports
    all.functions += used.functions
    for (const role of used.roles) all.roles.add(role)
  },
  60_000,
)

test('between them the boards used every role that an adapter can take', () => {
  console.log(`in all: ${all.blades} blades, ${all.ports} ports, ${all.functions} functions`)
  expect([...all.roles].sort()).toEqual(['fc', 'fcoe', 'iscsi', 'nic'])
  expect(all.blades).toBe(loads.reduce((sum, { filling }) => sum + filling.size, 0))
})

const usual = loads.filter(({ what }) => what === asUsual)

test.each(usual.map((load) => [load.board, load] as const))(
  '%s loses AC and its agent with every port in use, and each blade comes back as itself or waits for a word',
  async (_, load) => {
    const { board, filling } = load
    const loaded = running.get(load) ?? (await run(load))
    const { rig } = loaded
    rig.kill()
    rig.host.perform({ do: 'ac', on: false })
    await rig.clock.advance(5_000)
    rig.host.perform({ do: 'ac', on: true })
    await rig.start()
    if (!chassisFile(board).backplane.acLossReported) {
      // Such a board can not tell AC loss from a shut-down: nothing starts, and the state says why (W26).
      await rig.clock.advance(120_000)
      for (const bay of filling.keys()) {
        expect(rig.agent.now().plans[bay]?.findings.map(({ reason }) => reason)).toEqual(['ac-lost-unseen'])
        expect(rig.boots(bay)).toHaveLength(1)
        await rig.do({ kind: 'power', bay, want: 'on', stop: 'graceful' })
      }
    }
    await rig.settle()
    checkChassis(load, loaded, 2)
    rig.noDuplicates()
    noWrongBoots(rig, load)
  },
  60_000,
)

test.each(usual.map((load) => [load.board, load] as const))(
  '%s keeps a tall or wide blade out of the bays that it covers, and says which bay to name',
  async (_, load) => {
    const { board, filling } = load
    const { rig } = running.get(load) ?? (await run(load))
    const [home, product] = [...filling][0] ?? expect.unreachable(`${board} is empty`)
    const profile = id<'Profile'>(wholeName(home))
    const fill = fillsOf(chassisFile(board), product).find(([first]) => first === home) ?? []
    for (const bay of fill.slice(1)) {
      const to = { to: { bay }, when: 'now', preprovision: true } as const
      const refusal = await rig.refused({ kind: 'move', profile, ...to, stop: 'forced', force: false })
      expect(refusal).toMatchObject({ reason: 'bay-covered' })
      expect(refusal.say).toContain(`bay ${home}`)
    }
    expect(rig.agent.now().state.bays[home]?.intent?.profile).toBe(profile)
  },
)

test('a boot record with one thing wrong in it is found out, whatever it is', async () => {
  const load = usual.find(({ board }) => board === 'cisco-ucs-5108') ?? expect.unreachable()
  const { rig, lanes } = running.get(load) ?? (await run(load))
  const bay = 3
  const { profile, given } = heldFor(rig, bay)
  const own = lanes.filter((lane) => lane.bay === bay)
  const record = rig.boots(bay).at(-1) ?? expect.unreachable()
  const other = rig.boots(4).at(-1) ?? expect.unreachable()
  checkBoot(record, profile, given, own)
  const wrong = (change: (fn: UsedFunction, i: number) => UsedFunction): BootRecord => ({
    ...record,
    functions: record.functions.map(change),
  })
  const wrongs: readonly BootRecord[] = [
    ...record.functions.flatMap((fn, at) => [
      wrong((each, i) =>
        i === at && each.reaches
          ? { ...each, reaches: { ...each.reaches, downlink: each.reaches.downlink + 1 } }
          : each,
      ),
      wrong((each, i) =>
        i === at && each.reaches ? { ...each, reaches: { ...each.reaches, interconnect: 'iom-z' } } : each,
      ),
      wrong((each, i) => (i === at ? { ...each, ...addressesOf(other.functions[at] ?? fn) } : each)),
      wrong((each, i) => (i === at ? { ...each, role: 'off' } : each)),
      { ...record, functions: record.functions.filter((_, i) => i !== at) },
    ]),
    wrong((fn) => (fn.vlan === undefined ? fn : { ...fn, vlan: fn.vlan + 1 })),
    { ...record, shown: other.shown },
    { ...record, booted: other.booted.from === record.booted.from ? { from: 'local' } : other.booted },
  ]
  const missed = wrongs.filter((each) => {
    try {
      checkBoot(each, profile, given, own)
      return true
    } catch {
      return false
    }
  })
  console.log(`${wrongs.length} wrong boot records`)
  expect(wrongs.length).toBeGreaterThan(40)
  expect(missed).toEqual([])
})
