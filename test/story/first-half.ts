/**
 * The first half of the story, told on any broker and under any Node: a server is defined, assigned, started from its
 * SAN, outlives its controller and the loss of AC, and moves. Its tests follow on each other and share one stage.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootRecords, duplicates, type LogEntry } from '../../agent/sim/log.ts'
import { type Addresses, addressesOf, database, pools, type ShownProfile, storage, wearing } from './cast.ts'
import type { Chassis } from './chassis.ts'
import { type Stage, type StageOptions, stage } from './stage.ts'
import { isLatch, letGoOutOfOrder, Witness } from './witness.ts'

export interface Told {
  readonly on: Stage
  readonly chassis: Chassis
  readonly addresses: Addresses
}

/** All that a bay's hardware was made to do or did; who only asks and looks leaves nothing here. */
export function deedsIn(bay: number, log: readonly LogEntry[]): readonly LogEntry[] {
  const sessions: readonly string[] = ['login', 'logout', 'end-session']
  return log.filter(
    (entry) => 'bay' in entry && entry.bay === bay && !(entry.kind === 'command' && sessions.includes(entry.request)),
  )
}

/** Registers the tests, and gives what they leave behind to those that follow. */
export function tellFirstHalf(options: () => StageOptions = () => ({})): () => Told {
  const witness = new Witness()
  let on: Stage
  let chassis: Chassis
  let addresses: Addresses

  beforeAll(async () => {
    on = await stage(options())
    chassis = await on.chassis({ tapped: { bays: [3, 10], ears: witness } })
    witness.backDoor = chassis.backDoor
    await chassis.commission()
  })
  afterAll(() => on?.end())

  test('a profile with two NICs and an FC HBA is defined, and its addresses come from the pools', async () => {
    const said = await chassis.done('apply -f -', { stdin: JSON.stringify({ pools, profiles: [database] }) })
    expect(said.split('\n').slice(1, -1)).toEqual([
      expect.stringMatching(/^pool +lan +created$/),
      expect.stringMatching(/^pool +san +created$/),
      expect.stringMatching(/^profile +db-01 +created$/),
    ])
    addresses = addressesOf(await chassis.json<ShownProfile[]>('get profiles'))
    expect(addresses.wwpn).toMatch(/^50:06:0b:/)
    // From here on the LUN is there for this server alone.
    await chassis.backDoor.do('san', { luns: [{ ...storage, initiators: [addresses.wwpn] }] })
  })

  test('assigned to bay 3 and powered on, its boot record shows the assigned WWPN and the LUN', async () => {
    expect(await chassis.done('assign db-01 bay 3 --wait')).toContain('bay 3: profile none → db-01')
    await chassis.done('power bay 3 on --wait')
    const [record, ...more] = await chassis.backDoor.boots(3)
    expect(more).toEqual([])
    expect(record).toMatchObject({ why: 'bmc-power-on', n: 1, booted: { from: 'fc', ...storage } })
    const hba = record?.functions.find(({ key }) => record.booted.from === 'fc' && key === record.booted.fn)
    expect(hba).toMatchObject({ role: 'fc', wwpn: addresses.wwpn, wwnn: addresses.wwnn })
    expect(record && wearing(record, addresses)).toBe('all')
    expect(await chassis.done('describe bay 3')).toMatch(/mezz1:1-a: address verified after POST/)
  })

  test('the agent is killed with SIGKILL: the blade runs on, and knows nothing of the return', async () => {
    const before = (await chassis.backDoor.log()).length
    expect(await chassis.endAgent()).toEqual({ code: null, signal: 'SIGKILL' })
    expect(await chassis.ctl('get bays 3')).toMatchObject({ code: 0, stderr: expect.stringContaining('offline') })
    await chassis.startAgent()
    await chassis.done('wait --for in-sync bay 3')
    expect(deedsIn(3, (await chassis.backDoor.log()).slice(before))).toEqual([])
    expect(await chassis.done('get bays 3')).toMatch(/db-01 +on +running +yes/)
  })

  test('after AC loss, with no broker to reach, bay 3 is dressed again before any permit and comes back as itself', async () => {
    const before = (await chassis.backDoor.log()).length
    await chassis.cutAc()
    await on.broker.kill()
    await chassis.backDoor.do('ac', { on: true })
    await chassis.startAgent('unheard')
    const isBoot = (entry: LogEntry) => entry.kind === 'boot' && entry.bay === 3
    await chassis.backDoor.logged('the boot after AC loss', isBoot, before)
    const log = (await chassis.backDoor.log()).slice(before)
    const at = (is: (entry: LogEntry) => boolean) => log.findIndex(is)
    const dark = at((entry) => entry.kind === 'dark' && entry.address === addresses.wwpn)
    const lastWrite = log.findLastIndex(
      (entry) => entry.kind === 'command' && entry.bay === 3 && entry.request === 'write' && entry.outcome === 'done',
    )
    const permit = at((entry) => isLatch(entry, 3, 'granted'))
    const boot = at(isBoot)
    expect([dark, lastWrite, permit, boot].every((place) => place >= 0)).toBe(true)
    expect([dark, lastWrite, permit, boot]).toEqual([dark, lastWrite, permit, boot].sort((a, b) => a - b))
    // No permit before that one: the hardware itself denies from the moment that AC is lost.
    const bays = [1, 2, 3, 4, 5].filter((bay) => log.slice(0, permit).some((entry) => isLatch(entry, bay, 'granted')))
    expect(bays).toEqual([])
    const [record] = bootRecords(log.filter((entry) => 'bay' in entry && entry.bay === 3))
    expect(record).toMatchObject({ n: 2, booted: { from: 'fc', ...storage } })
    expect(record && wearing(record, addresses)).toBe('all')
    expect(chassis.agent?.stderr).not.toContain('online')
  })

  test('the broker comes back empty: the chassis shows everything anew, and nothing is done to the blade', async () => {
    const before = (await chassis.backDoor.log()).length
    await on.broker.start()
    await chassis.agent?.says(/mqtt: online at/, 'stderr', 60_000)
    await chassis.done('wait --for in-sync')
    expect(await chassis.done('get bays 3')).toMatch(/db-01 +on +running +yes/)
    expect(addressesOf(await chassis.json<ShownProfile[]>('get profiles'))).toEqual(addresses)
    expect(deedsIn(3, (await chassis.backDoor.log()).slice(before))).toEqual([])
  })

  test('moved to bay 10 with the power off, it is let go in bay 3 (permit, bare, off) before bay 10 is written', async () => {
    await chassis.backDoor.do('insert', { bay: 10, product: 'ProLiant BL460c G7' })
    await chassis.done('power bay 3 off --wait')
    await chassis.done('wait --for in-sync bay 10')
    await witness.catchUp()
    const begin = witness.happened.length
    const said = await chassis.done('move db-01 bay 10 --wait')
    expect(said).toContain('bay 3: profile db-01 → none')
    expect(said).toContain('bay 10: profile none → db-01')
    await witness.catchUp()

    const happened = witness.happened.slice(begin)
    const moved = { from: 3, to: 10, addresses: Object.values(addresses) }
    expect(letGoOutOfOrder(happened, moved)).toBeUndefined()
    const log = happened.flatMap((each) => (each.of === 'log' ? [each.entry] : []))
    expect(log.filter((entry) => isLatch(entry, 3, 'granted') || (entry.kind === 'power' && entry.bay === 3))).toEqual(
      [],
    )
    // Whoever reads the order must see it broken: each proof taken away, or the new bay dressed first.
    const broken = [
      happened.filter((each) => each.of !== 'adapters'),
      happened.filter((each) => each.of !== 'power'),
      happened.map((each) => (each.of === 'power' ? { ...each, power: 'On' as const } : each)),
      happened.map((each) => (each.of === 'adapters' ? { ...each, next: [addresses.wwpn] } : each)),
      happened.filter((each) => each.of !== 'log' || each.entry.kind !== 'command' || each.entry.request !== 'clear'),
      [...happened].reverse(),
    ]
    for (const course of broken) expect(letGoOutOfOrder(course, moved)).toBeDefined()
  })

  test('in bay 10 it boots its LUN, and at no instant did two functions wear one address', async () => {
    await chassis.done('power bay 10 on --wait')
    const [record, ...more] = await chassis.backDoor.boots(10)
    expect(more).toEqual([])
    expect(record).toMatchObject({ booted: { from: 'fc', ...storage } })
    expect(record && wearing(record, addresses)).toBe('all')
    const log = await chassis.backDoor.log()
    const wore = log.flatMap((entry) => (entry.kind === 'live' && entry.address === addresses.wwpn ? [entry.bay] : []))
    expect(wore).toEqual([3, 3, 10])
    expect(duplicates(log)).toEqual([])
    expect(await chassis.backDoor.duplicates()).toEqual([])
    expect((await chassis.backDoor.boots(3)).map((each) => wearing(each, addresses))).toEqual(['all', 'all'])
  })

  return () => ({ on, chassis, addresses })
}
