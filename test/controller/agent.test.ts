import { expect, test } from 'vitest'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'

const web = id<'Profile'>('web-01')
const into = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const

async function rigWith(): Promise<Rig> {
  const rig = new Rig()
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: sanProfile('web-01') })
  return rig
}

test('a blade that is assigned a profile boots its LUN with the assigned WWPN', async () => {
  const rig = await rigWith()
  const outcome = await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  expect(outcome.copies).toEqual(['flash', 'eeprom'])
  await rig.settle()
  const [boot] = rig.boots(3)
  const given = rig.agent.now().state.profiles[web]?.given.san
  expect(boot).toMatchObject({ n: 1, why: 'bmc-power-on' })
  expect(JSON.stringify(boot)).toContain(given?.wwpn)
  rig.noDuplicates()
})

test('after AC loss that took the controller too, the blade comes back as itself with nobody asking', async () => {
  const rig = await rigWith()
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  rig.kill()
  rig.host.perform({ do: 'ac', on: false })
  await rig.clock.advance(5_000)
  rig.host.perform({ do: 'ac', on: true })
  await rig.start()
  await rig.settle()
  const boots = rig.boots(3)
  expect(boots.map(({ n }) => n)).toEqual([1, 2])
  rig.noDuplicates()
})

test('a running blade is not touched by the death and return of the agent', async () => {
  const rig = await rigWith()
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  const before = rig.log.length
  rig.kill()
  await rig.clock.advance(60_000)
  await rig.start()
  await rig.settle()
  await rig.clock.advance(60_000)
  const since = rig.log.slice(before).filter(({ kind }) => kind !== 'command')
  expect(since).toEqual([])
})

test('a move lets go of the old bay before the new one is dressed', async () => {
  const rig = await rigWith()
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  expect((await rig.refused({ kind: 'move', profile: web, ...into(4), stop: 'no', force: false })).reason).toBe(
    'blade-powered',
  )
  await rig.do({ kind: 'move', profile: web, ...into(4), stop: 'graceful', force: false })
  await rig.settle()
  expect(rig.boots(4)).toHaveLength(1)
  rig.noDuplicates()
})
