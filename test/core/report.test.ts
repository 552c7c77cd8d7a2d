/**
 * What the chassis tells of itself: never more than was read, and in one wording for a manager and a technician.
 */
import { expect, test } from 'vitest'
import type { Blade } from '../../agent/core/blade.ts'
import { unexplained } from '../../agent/core/external.ts'
import { plan } from '../../agent/core/plan.ts'
import { type Reporting, reportBay, reportChassis, reportPool, reportProfile } from '../../agent/core/report.ts'
import { blade, id, iscsiProfile, type Lab, labWith, lanProfile, sanProfile } from './lab.ts'

const [web, disk, other] = [sanProfile('web-01'), iscsiProfile('disk-01'), lanProfile('other')]

const reporting = ({ state, observed, hardware }: Lab): Reporting => ({
  state,
  observed,
  hardware,
  plans: plan(state, observed, hardware),
  since: () => 5000,
})

test('of each function are shown factory, assigned and applied; assigned and applied differ until POST', () => {
  const lab = labWith([web])
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 1 }, when: 'now', preprovision: false })
  lab.settle()
  const staged = reportBay(reporting(lab), 1).functions.find(({ key }) => key === 'lom:1-a')
  expect(staged).toMatchObject({ connection: 'prod', assigned: { mac: '00:17:a4:77:00:00' } })
  expect(staged?.applied).toEqual(staged?.factory)
  lab.do({ kind: 'power', bay: 1, want: 'on', stop: 'graceful' })
  lab.settle()
  const running = reportBay(reporting(lab), 1)
  expect(running.functions.find(({ key }) => key === 'lom:1-a')?.applied).toEqual(staged?.assigned)
  expect(running).toMatchObject({
    phase: 'running',
    power: 'on',
    permit: 'spent',
    arming: 1,
    inSync: true,
    profile: 'web-01',
  })
})

test('unused functions have no assigned address, and show where they are wired to', () => {
  const lab = labWith([web])
  lab.run(web, 3)
  const unused = reportBay(reporting(lab), 3).functions.find(({ key }) => key === 'lom:2-d')
  expect(unused).not.toHaveProperty('assigned')
  expect(unused).toMatchObject({ interconnect: 'ic2', downlink: 3 })
})

test('a bay that can not be seen is shown as unknown, not as empty or off', () => {
  const lab = labWith([])
  lab.blind(1)
  expect(reportBay(reporting(lab), 1)).toMatchObject({
    presence: 'present',
    power: 'off',
    functions: [],
    phase: 'unknown',
    inSync: false,
  })
  lab.seat(1, (sight) => ({ ...sight, slot: 'unknown', blade: 'unknown', blind: 'backplane-silent' }))
  expect(reportBay(reporting(lab), 1)).toMatchObject({ presence: 'unknown', power: 'unknown', permit: 'unknown' })
  lab.observed = { ...lab.observed, bays: {} }
  expect(reportBay(reporting(lab), 1)).toMatchObject({ presence: 'unknown', power: 'unknown', inSync: false })
})

test('a boot target counts as read back only when it was, and a CHAP secret never does', () => {
  const lab = labWith([disk])
  lab.do({ kind: 'assign', profile: disk.id, to: { bay: 1 }, when: 'now', preprovision: false })
  expect(reportBay(reporting(lab), 1).verified.join()).toMatch(/boot target not verified.*never read back/)
  lab.settle()
  const dressed = reportBay(reporting(lab), 1).verified
  expect(dressed.join()).toMatch(/boot target read back/)
  expect(dressed.join()).not.toMatch(/after POST/)
  // The adapter lists the same settings in another order.
  lab.turn(1, (it) => JSON.parse(JSON.stringify(it, reversed)) as Blade)
  expect(reportBay(reporting(lab), 1).verified).toEqual(dressed)
  lab.do({ kind: 'power', bay: 1, want: 'on', stop: 'graceful' })
  lab.settle()
  expect(reportBay(reporting(lab), 1).verified.join()).toMatch(/address verified after POST/)
})
const reversed = (_key: string, value: unknown) =>
  value !== null && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).reverse())
    : value

test('what waits or failed is shown with since when and what hands can do, most urgent first', () => {
  const lab = labWith([web, other])
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 6 }, when: 'now', preprovision: true })
  lab.blind(2)
  const chassis = reportChassis(reporting(lab), '', {})
  expect(chassis.todo.map(({ bay, reason }) => [bay, reason])).toEqual([
    [2, 'bmc-silent'],
    [6, 'no-blade'],
  ])
  expect(chassis.inSync).toBe(false)
  expect(reportBay(reporting(lab), 6).findings).toMatchObject([
    { type: 'hold', remedy: 'insert a blade into bay 6', sinceUptimeMs: 5000 },
  ])
})

test('a profile shows where else it may be live, also when that blade was last in the same bay', () => {
  const lab = labWith([disk])
  lab.run(disk, 1)
  const { serial } = lab.blade(1)
  lab.swap(1, blade(lab.hardware, 'ProLiant BL460c G7', 50))
  lab.settle()
  expect(reportProfile(reporting(lab), 'disk-01')).toMatchObject({
    bay: 1,
    inSync: false,
    inDoubt: [{ bay: 1, serial }],
  })
  expect(reportProfile(reporting(lab), 'nobody')).toBeUndefined()
})

test('a bay shows what may still be live there besides what it is assigned, and whether somebody vouched', () => {
  const lab = labWith([web])
  lab.do({ kind: 'assign', profile: web.id, to: { bay: 1 }, when: 'now', preprovision: false })
  lab.settle()
  const { serial } = lab.blade(1)
  lab.blind(1)
  lab.do({ kind: 'unassign', profile: web.id, when: 'now', stop: 'no', force: true })
  expect(reportBay(reporting(lab), 1).inDoubt).toEqual([{ profile: 'web-01', serial, quarantined: true }])
  const pool = reportPool(reporting(lab), 'lan')
  expect(pool?.counts).toMatchObject({ quarantined: 2, inUse: 0 })
  expect(pool?.entries).toMatchObject([{ state: 'quarantined', profile: 'web-01' }, { state: 'quarantined' }])
})

// ── Addresses that nobody explains ──────────────────────────────────────────────────────────────────────────────

function wearing(lab: Lab, bay: number, change: (blade: Blade) => Blade) {
  lab.turn(bay, change)
  return unexplained(lab.state, lab.blade(bay))
}
const stray =
  (which: 'applied' | 'pending') =>
  (it: Blade): Blade => ({
    ...it,
    adapters: it.adapters.map((each, i) =>
      i > 0
        ? each
        : {
            ...each,
            functions: each.functions.map((fn, k) =>
              k > 0 ? fn : { ...fn, [which]: { ...fn.factory, mac: '00:17:a4:77:00:09' } },
            ),
          },
    ) as Blade['adapters'],
  })

test('a pool address seen on hardware that no profile explains is not given to anybody', () => {
  const lab = labWith([])
  expect(wearing(lab, 1, stray('applied'))).toEqual({
    saw: 'external',
    pool: id<'Pool'>('lan'),
    addresses: ['00:17:a4:77:00:09'],
  })
  expect(wearing(lab, 2, stray('pending'))).toMatchObject({ addresses: ['00:17:a4:77:00:09'] })
  expect(wearing(lab, 3, (it) => it)).toBeUndefined()
})

test('what is applied from before does not count while POST is still taking something else', () => {
  const lab = labWith([])
  const cleared = (it: Blade): Blade => ({
    ...stray('applied')(it),
    adapters: stray('applied')(it).adapters.map((each) => ({
      ...each,
      functions: each.functions.map((fn) => ({ ...fn, pending: fn.factory })),
    })),
  })
  expect(wearing(lab, 1, cleared)).toBeUndefined()
  expect(wearing(lab, 1, (it) => ({ ...cleared(it), power: 'on', stage: 'post' }))).toBeUndefined()
  expect(wearing(lab, 1, (it) => ({ ...it, power: 'on', stage: 'os' }))).toBeDefined()
})
