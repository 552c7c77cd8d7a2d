import { expect, test } from 'vitest'
import { canonical } from '../../agent/core/blade.ts'
import { evolve, type StoreRecord } from '../../agent/core/record.ts'
import { blank } from '../../agent/core/state.ts'
import { id, iscsiProfile, labWith, lanProfile, sanProfile } from './lab.ts'

const web = sanProfile('web-01')

test('the state is what its records add up to, in text as in memory', () => {
  const lab = labWith([web, iscsiProfile('disk')])
  const records: StoreRecord[] = []
  let state = blank(lab.state.chassis, lab.state.board, lab.state.incarnation)
  const replayed = labWith([])
  replayed.state = state
  const commands = [
    { kind: 'define-pool', pool: lab.state.pools.lan?.spec ?? expect.unreachable() },
    { kind: 'define-pool', pool: lab.state.pools.san?.spec ?? expect.unreachable() },
    { kind: 'define-profile', profile: web },
    { kind: 'assign', profile: web.id, to: { bay: 1 }, when: 'now', preprovision: false, power: 'on' },
    { kind: 'locate', bay: 2, lit: true },
  ] as const
  for (const command of commands) {
    const decision = replayed.decide(command)
    if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
    records.push(decision.record)
    replayed.state = evolve(replayed.state, decision.record)
  }
  for (const observation of replayed.settle().notes) records.push({ kind: 'observation', observation })
  expect(records.length).toBeGreaterThan(6)
  for (const record of records) state = evolve(JSON.parse(JSON.stringify(state)), JSON.parse(JSON.stringify(record)))
  expect(canonical(state)).toBe(canonical(replayed.state))
})

test('an observation raises no revision, and a command raises it by one', () => {
  const lab = labWith([web])
  const before = lab.state.revision
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 1 }, when: 'now', preprovision: false, power: 'on' })
  expect(lab.state.revision).toBe(before + 1)
  lab.settle()
  expect(lab.state.revision).toBe(before + 1)
})

test('a doubt names the functions that it is about', () => {
  const lab = labWith([web])
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 1 }, when: 'now', preprovision: false })
  expect(lab.state.doubts.map(({ placed }) => Object.values(placed))).toEqual([['lom:1-a', 'lom:1-b', 'mezz1:1-a']])
})

test('a let-go frees only what it names, on the blade that it names', () => {
  const [one, two] = [lanProfile('one'), lanProfile('two')]
  const lab = labWith([one, two])
  lab.do({ kind: 'assign', profile: one.id, to: { bay: 1 }, when: 'now', preprovision: false })
  lab.do({ kind: 'assign', profile: two.id, to: { bay: 2 }, when: 'now', preprovision: false })
  const { serial } = lab.blade(1)
  lab.note({ saw: 'let-go', bay: 1, serial, profiles: [two.id], kept: [], how: 'bare-then-off' })
  expect(lab.state.doubts).toHaveLength(2)
  lab.note({ saw: 'let-go', bay: 1, serial, profiles: [one.id], kept: [one.id], how: 'cut' })
  expect(lab.state.doubts).toMatchObject([
    { profile: 'one', kept: true },
    { profile: 'two', kept: false },
  ])
  lab.note({ saw: 'let-go', bay: 1, serial, profiles: [one.id], kept: [], how: 'bare-then-off' })
  expect(lab.state.doubts).toMatchObject([{ profile: 'two' }])
})

test('what was seen about one blade does not touch the life of the next', () => {
  const lab = labWith([web])
  lab.run(web, 1)
  lab.note({ saw: 'left', bay: 1, serial: lab.blade(2).serial })
  expect(lab.state.bays[1]?.life?.came).toBe('verified')
})

test('addresses found on hardware are kept from the pool, and a pool that is gone is no matter', () => {
  const lab = labWith([])
  lab.note({ saw: 'external', pool: id<'Pool'>('lan'), addresses: ['00:17:a4:77:00:00'] })
  lab.note({ saw: 'external', pool: id<'Pool'>('nowhere'), addresses: ['00:17:a4:77:00:00'] })
  lab.do({ kind: 'define-profile', profile: lanProfile('web-01') })
  expect(lab.state.profiles['web-01']?.given.prod?.mac).toBe('00:17:a4:77:00:01')
})
