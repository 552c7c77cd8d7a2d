/**
 * Central managers and their chassis: two chassis on one broker, a manager that takes over, and others that are told so
 * by an exit code that a script can read.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addressesOf, database, pools, type ShownProfile } from './cast.ts'
import type { Chassis } from './chassis.ts'
import { type Stage, stage } from './stage.ts'

let on: Stage
let east: Chassis
let west: Chassis

beforeAll(async () => {
  on = await stage()
  ;[east, west] = await Promise.all([on.chassis({ id: 'east' }), on.chassis({ id: 'west', seed: 'west' })])
  await Promise.all([east.commission(), west.commission()])
})
afterAll(() => on?.end())

const both = (only: 'pools' | 'all' = 'all') =>
  JSON.stringify({ pools, ...(only === 'all' && { profiles: [database] }) })

test('two chassis on one broker are told apart, and a command is done in the one that it names', async () => {
  expect(await east.done('get chassis', { anyChassis: true })).toMatch(/^east +online.*\nwest +online/m)
  const ambiguous = await east.ctl('get bays', { anyChassis: true })
  expect(ambiguous).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/east.*west/) })
  const before = { log: (await west.backDoor.log()).length, stored: west.stored() }
  await east.done('apply -f -', { stdin: both() })
  await east.done('assign db-01 bay 3 --power on --wait')
  expect(await east.backDoor.boots(3)).toHaveLength(1)
  expect(await west.json('get profiles')).toEqual([])
  expect(await west.ctl('describe profile db-01')).toMatchObject({ code: 1 })
  expect({ log: (await west.backDoor.log()).length, stored: west.stored() }).toEqual(before)
  expect(addressesOf(await east.json<ShownProfile[]>('get profiles')).wwpn).toMatch(/^50:/)
})

test('before any manager took over, a change needs no ceremony; a revision that is given is kept to all the same', async () => {
  const ran = await west.ctl('apply -f - --if-revision 5', { stdin: both('pools') })
  expect(ran).toMatchObject({ code: 7, stderr: expect.stringContaining('revision-conflict') })
  expect(await west.json('get pools')).toEqual([])
})

test('a manager takes over; who did not is refused with 4, and what was decided on an old state with 7', async () => {
  expect(await east.done('take-over --client dc-a --lineage dc --number 42')).toContain('dc-a in office')
  const outsider = await east.ctl('power bay 3 off', { client: 'dc-b' })
  expect(outsider).toMatchObject({ code: 4, stdout: '', stderr: expect.stringMatching(/not-in-office: dc-a commands/) })

  await east.done('apply -f -', { client: 'dc-a', stdin: profile('web-01') })
  const revision = 1 + Math.max(...(await east.json<ShownProfile[]>('get profiles')).map((each) => each.revision))
  await east.done('assign web-01 bay 4', { client: 'dc-a' })
  const late = await east.ctl(`unassign web-01 --if-revision ${revision - 1}`, { client: 'dc-a' })
  expect(late).toMatchObject({ code: 7, stdout: '', stderr: expect.stringContaining('revision-conflict') })
  expect(await east.done('get bays 4')).toMatch(/web-01/)

  // Another takes the office: the one before is refused from now on, and an older database never gets it back.
  expect(await east.done('take-over --client dc-b --lineage dc --number 43')).toContain('dc-b in office')
  const deposed = await east.ctl('unassign web-01', { client: 'dc-a' })
  expect(deposed).toMatchObject({ code: 4, stderr: expect.stringContaining('not-in-office') })
  const older = await east.ctl('take-over --client dc-a --lineage dc --number 42')
  expect(older).toMatchObject({ code: 4, stderr: expect.stringContaining('stale-database') })
  expect(await east.done('unassign web-01 --wait', { client: 'dc-b' })).toContain('bay 4: profile web-01 → none')
  expect((await east.backDoor.boots(3)).length).toBe(1)
})

const profile = (id: string) =>
  JSON.stringify({ profile: { id, connections: [{ id: 'prod', kind: 'nic', mac: { from: 'pool', pool: 'lan' } }] } })
