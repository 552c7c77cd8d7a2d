/** A controller that can not prove what it knows looks on: it takes no step, accepts nothing, and says why (W14). */
import { expect, test } from 'vitest'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { memoryEeprom } from './store/memory-eeprom.ts'
import { memoryMedium } from './store/memory-medium.ts'

const web = id<'Profile'>('web-01')
const into = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const

/** web-01 runs in bay 3; in bay 4 something is left to do. */
async function running(): Promise<Rig> {
  const rig = new Rig()
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  for (const name of ['web-01', 'web-02']) await rig.do({ kind: 'define-profile', profile: sanProfile(name) })
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  rig.host.perform({ do: 'break', bay: 4, fault: { kind: 'silent' } })
  await rig.do({ kind: 'assign', profile: id<'Profile'>('web-02'), ...into(4), power: 'on' })
  await rig.clock.advance(1_000)
  rig.host.perform({ do: 'mend', bay: 4 })
  return rig
}

const losses: readonly (readonly [string, (rig: Rig) => void])[] = [
  ['the EEPROM was replaced', (rig) => (rig.eeprom = memoryEeprom())],
  ['the EEPROM does not answer', (rig) => (rig.eeprom.broken = 'no acknowledge')],
  [
    'controller and EEPROM were lost at once',
    (rig) => {
      rig.medium = memoryMedium()
      rig.eeprom.broken = 'no acknowledge'
    },
  ],
  [
    'the flash is corrupt',
    (rig) => {
      for (const [name, bytes] of rig.medium.files()) rig.medium.put(name, bytes.fill(7, 30))
    },
  ],
]

test.each(losses)('when %s, no blade is touched, nothing is accepted, and the reason is shown', async (_, lose) => {
  const rig = await running()
  rig.kill()
  lose(rig)
  const before = rig.log.length
  const { agent, memory, notices, records } = await rig.start()
  await rig.clock.advance(300_000)
  const why = memory.readOnly() ?? expect.unreachable('it does not hold')
  expect(notices.filter(({ kind }) => kind === 'step')).toEqual([])
  expect(records).toEqual([])
  expect(rig.log.slice(before).filter(({ kind }) => kind !== 'command')).toEqual([])
  expect((await rig.refused({ kind: 'locate', bay: 3, lit: true })).say).toContain(why)
  expect((await rig.refused({ kind: 'power', bay: 3, want: 'off', stop: 'forced' })).reason).toBe('store-read-only')
  for (const plan of Object.values(agent.now().plans)) {
    expect(plan.steps).toEqual([])
    expect(plan.note).toBeUndefined()
    expect(plan.findings.map(({ reason }) => reason)).toContain('store-read-only')
  }
  expect(rig.boots(3)).toHaveLength(1)
  expect(rig.boots(4)).toHaveLength(0)
})

test('a replaced controller that the EEPROM proves goes on where the old one was, and asks for a manager', async () => {
  const rig = await running()
  rig.kill()
  rig.medium = memoryMedium()
  const { memory } = await rig.start()
  expect(memory.readOnly()).toBeUndefined()
  expect(memory.state).toMatchObject({ epoch: 1, term: 2 })
  await rig.settle()
  expect(rig.boots(3)).toHaveLength(1)
  expect(rig.boots(4)).toHaveLength(1)
  rig.noDuplicates()
})
