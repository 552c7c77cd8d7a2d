/**
 * What a chassis loses and gets back while a server runs in it: the controller, the broker, the managers' goodwill. The
 * hardware's log tells whether the running blade noticed anything.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bootRecords, type LogEntry } from '../../agent/sim/log.ts'
import { type Addresses, addressesOf, database, pools, type ShownProfile, storage, wearing } from './cast.ts'
import type { Chassis } from './chassis.ts'
import { deedsIn } from './first-half.ts'
import { type Stage, stage } from './stage.ts'

let on: Stage
let chassis: Chassis
let addresses: Addresses

/** db-01 runs in bay 3. */
beforeAll(async () => {
  on = await stage()
  chassis = await on.chassis()
  await chassis.commission()
  await chassis.done('apply -f -', { stdin: JSON.stringify({ pools, profiles: [database] }) })
  addresses = addressesOf(await chassis.json<ShownProfile[]>('get profiles'))
  await chassis.done('assign db-01 bay 3 --power on --wait')
})
afterAll(() => on?.end())

interface ShownChassis {
  readonly view: {
    readonly epoch: number
    readonly revision: number
    readonly incarnation: string
    readonly office?: object
  }
}
const shown = async () => (await chassis.json<ShownChassis>('describe chassis')).view
const length = async () => (await chassis.backDoor.log()).length
const deedsSince = async (begin: number) => deedsIn(3, (await chassis.backDoor.log()).slice(begin))

test('a new controller with blank flash adopts the bindings by itself, with a higher epoch, and no blade notices', async () => {
  await chassis.done('take-over --client dc-manager --lineage dc --number 7')
  const before = await shown()
  expect(before.office).toMatchObject({ client: 'dc-manager' })
  const begin = await length()
  await chassis.replaceController()
  const agent = await chassis.startAgent()
  expect(agent.stderr).toContain(`adopted revision ${before.revision} from the chassis EEPROM`)
  await chassis.done('wait --for in-sync')
  const after = await shown()
  expect(after).toMatchObject({ epoch: before.epoch + 1, revision: before.revision, incarnation: before.incarnation })
  // It may lack what the old one knew last: nobody commands until somebody has read it and taken over.
  expect(after.office).toBeUndefined()
  expect(await chassis.done('get bays 3')).toMatch(/db-01 +on +running +yes/)
  expect(addressesOf(await chassis.json<ShownProfile[]>('get profiles'))).toEqual(addresses)
  expect(await deedsSince(begin)).toEqual([])
  // What the old controller knew of managers holds (I4): an older database is refused, and so is who has not taken over.
  const older = await chassis.ctl('take-over --client dc-manager --lineage dc --number 6')
  expect(older).toMatchObject({ code: 4, stderr: expect.stringContaining('stale-database') })
  const nobody = await chassis.ctl('move db-01 bay 4 --force-off')
  expect(nobody).toMatchObject({ code: 4, stderr: expect.stringContaining('not-in-office') })
  // And it is a whole controller: the manager takes over again, and the server that it adopted could move.
  await chassis.done('take-over --client dc-manager --lineage dc --number 7')
  const move = await chassis.done('move db-01 bay 4 --dry-run --force-off', { client: 'dc-manager' })
  expect(move).toMatch(/would change/)
  expect(await deedsSince(begin)).toEqual([])
})

test('a broker that is killed and comes back empty is told everything again', async () => {
  const topics = new Set(on.broker.retained)
  expect(topics.size).toBeGreaterThan(20)
  const before = await chassis.done('get bays')
  const begin = await length()
  await on.broker.kill()
  await chassis.agent?.says(/no link to/, 'stderr')
  expect(await chassis.ctl('get bays')).toMatchObject({ code: 3, stderr: expect.stringMatching(/nothing listens on/) })
  await on.broker.start()
  await chassis.agent?.says(/no link to[\s\S]*online at/, 'stderr')
  await chassis.done('wait --for in-sync')
  expect(await chassis.done('get bays')).toBe(before)
  await expect.poll(() => on.broker.retained).toEqual(topics)
  expect(await deedsSince(begin)).toEqual([])
})

test('ended by SIGTERM the agent says goodbye and ends with 0, and the blade runs on', async () => {
  const client = await chassis.client('onlooker')
  await client.load(10_000)
  const online = client.state.presence
  const begin = await length()
  const left = client.waitFor(({ presence }) => presence?.online === false, { timeoutMs: 10_000 })
  expect(await chassis.endAgent('SIGTERM')).toEqual({ code: 0, signal: null })
  await left
  // Said now, and not by the will, which was written when it connected.
  expect(client.state.presence).toMatchObject({ online: false, bootId: online?.bootId })
  expect(client.state.presence?.uptimeMs).toBeGreaterThan(online?.uptimeMs ?? Number.POSITIVE_INFINITY)
  expect(await chassis.done('get chassis')).toMatch(/^demo +offline/m)
  const ran = await chassis.ctl('power bay 3 off')
  expect(ran).toMatchObject({ code: 3, stderr: expect.stringContaining('chassis demo is offline') })
  expect(await deedsSince(begin)).toEqual([])
})

test('an agent that is given no broker at all brings its blades back after AC loss all the same', async () => {
  const begin = await length()
  await chassis.cutAc()
  await chassis.backDoor.do('ac', { on: true })
  const agent = await chassis.startAgent('alone')
  const isBoot = (entry: LogEntry) => entry.kind === 'boot' && entry.bay === 3
  await chassis.backDoor.logged('the boot of bay 3', isBoot, begin)
  const [record, ...more] = bootRecords((await chassis.backDoor.log()).slice(begin))
  expect(more).toEqual([])
  expect(record).toMatchObject({ bay: 3, booted: { from: 'fc', ...storage } })
  expect(record && wearing(record, addresses)).toBe('all')
  expect(await chassis.backDoor.duplicates()).toEqual([])
  expect(await agent.end('SIGTERM')).toEqual({ code: 0, signal: null })
})
