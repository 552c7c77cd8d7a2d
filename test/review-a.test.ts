import { expect, test } from 'vitest'
import { startAgent } from '../agent/controller/agent.ts'
import type { Copy } from '../agent/core/reply.ts'
import { blank } from '../agent/core/state.ts'
import { inSync } from '../agent/core/plan.ts'
import { ChassisHost } from '../agent/sim/host.ts'
import { newWorld } from '../agent/sim/world.ts'
import { hardware, id, pools, lanProfile, sanProfile } from './core/lab.ts'
import { inMemoryHardware } from './sim/in-memory.ts'
import { VirtualClock } from './sim/virtual-clock.ts'
import { memoryMedium } from './controller/store/memory-medium.ts'
import { Rig, timings } from './controller/rig.ts'

const web = id<'Profile'>('web-01')

for (const boardName of ['generic-2u4n', 'hp-c7000'])
for (const cmd of ['off', 'unassign'] as const)
test(`A ${boardName} ${cmd}: accepted before the arming is journalled`, async () => {
  const clock = new VirtualClock()
  const board = hardware(boardName)
  const host = new ChassisHost(newWorld({ hardware: board, seed: 'order', now: clock.now(), timings }), clock)
  let gate = false
  const release: (() => void)[] = []
  const recs: string[] = []
  const notices: any[] = []
  const agent = startAgent({
    state: blank(id<'Chassis'>('order'), board.board.id, '0'.repeat(32)),
    memory: {
      append: (r) => gate ? new Promise<readonly Copy[]>((resolve) => release.push(() => resolve(['flash']))) : Promise.resolve<readonly Copy[]>(['flash']),
      fits: () => true,
      readOnly: () => undefined,
    },
    hardware: board,
    ...inMemoryHardware(host),
    clock: { uptimeMs: () => clock.now(), timeMs: () => undefined, after: (ms, call) => clock.after(ms, call) },
    bootId: 'boot-1',
    listener: { recorded: (r) => recs.push(r.kind === 'command' ? r.command : r.observation.saw), noticed: (n) => { notices.push(n); if (n.kind === 'step') recs.push('step ' + n.step.kind) }, changed: () => {} },
  })
  let n = 0
  const env = () => ({ who: { door: 'mqtt', client: id<'Client'>('tester') }, request: `request-${++n}`, content: `${n}`, dryRun: false }) as const
  const go = async (c: any) => { const r = await clock.until(agent.submit(c, env())); expect(r.outcome.kind, JSON.stringify(r.outcome)).toBe('accepted') }
  await clock.until(agent.ready)
  await clock.advance(20_000)
  for (const p of pools) await go(p)
  await go({ kind: 'define-profile', profile: lanProfile('web-01') })
  await go({ kind: 'assign', profile: web, to: { bay: 3 }, when: 'now', preprovision: false })
  await clock.advance(60_000)
  expect(agent.now().plans[3]?.findings).toEqual([])
  recs.length = 0
  // power on, durable at once; then the opposite, whose write takes a moment
  const on = agent.submit({ kind: 'power', bay: 3, want: 'on', stop: 'forced' }, env())
  await on
  gate = true
  let acked = false
  const off = agent.submit(cmd === 'off' ? { kind: 'power', bay: 3, want: 'off', stop: 'forced' } : { kind: 'unassign', profile: web, when: 'now', stop: 'no', force: false }, env()).then((r) => { acked = true; recs.push('ACK ' + r.outcome.kind) })
  await clock.advance(500)
  gate = false
  while (release.length) { release.shift()?.(); await clock.advance(0) }
  await clock.until(off)
  await clock.advance(60_000)
  console.log(boardName, cmd, recs.join(' | '), agent.now().observed.bays[3]?.blade && (agent.now().observed.bays[3]?.blade as any).stage, JSON.stringify(agent.now().plans[3]?.findings))
  expect(recs.slice(recs.indexOf('ACK accepted'))).not.toContain('step permit')
  expect((agent.now().observed.bays[3]?.blade as any).power).toBe('off')
  void agent.stop()
})

const into = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const
async function base(): Promise<Rig> {
  const rig = new Rig()
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: sanProfile('web-01') })
  return rig
}

test('E: single copy, replaced controller, live blade has no doubt', async () => {
  const rig = await base()
  rig.eeprom.broken = 'bus stuck'
  const acc = await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  console.log(JSON.stringify(acc.copies), acc.singleCopy)
  await rig.settle()
  rig.kill()
  await rig.clock.advance(1000)
  rig.eeprom.broken = undefined
  rig.medium = memoryMedium()
  await rig.start()
  await rig.clock.advance(60_000)
  console.log('findings', JSON.stringify(rig.agent.now().plans[3]?.findings), JSON.stringify(rig.agent.now().state.doubts))
  await rig.do({ kind: 'assign', profile: web, ...into(4), power: 'on' })
  await rig.clock.advance(120_000)
  rig.noDuplicates()
})

test('D: a record found again after a failed sync is acted on with one copy only', async () => {
  const rig = await base()
  let once = true
  rig.medium.fail = ({ operation, file }) => { if (once && operation === 'sync' && file.startsWith('journal')) { once = false; return { code: 'EIO' } } return undefined }
  const command = { kind: 'assign', profile: web, ...into(3), power: 'on' } as const
  const env = rig.envelope(command)
  const r = await rig.clock.until(rig.agent.submit(command, env))
  console.log('first', JSON.stringify(r.outcome))
  // repeat at once
  const again = await rig.clock.until(rig.agent.submit(command, env))
  console.log('again', JSON.stringify(again.outcome))
  await rig.clock.advance(60_000)
  console.log('life', JSON.stringify(rig.agent.now().state.bays[3]), JSON.stringify(rig.running?.memory.view().notes))
  rig.kill()
  await rig.clock.advance(1000)
  rig.medium = memoryMedium()
  await rig.start()
  await rig.clock.advance(60_000)
  console.log('after', JSON.stringify(rig.agent.now().state.bays), JSON.stringify(rig.agent.now().state.doubts))
  const out = await rig.submit({ kind: 'assign', profile: web, ...into(4), power: 'on' })
  console.log(JSON.stringify(out.outcome))
  await rig.clock.advance(120_000)
  rig.noDuplicates()
})

test('R: a repeat after recovery is answered', async () => {
  const rig = await base()
  let once = true
  rig.medium.fail = ({ operation, file }) => { if (once && operation === 'sync' && file.startsWith('journal')) { once = false; return { code: 'EIO' } } return undefined }
  const command = { kind: 'define-profile', profile: sanProfile('web-02') } as const
  const env = rig.envelope(command)
  const r = await rig.clock.until(rig.agent.submit(command, env))
  console.log('first', JSON.stringify(r.outcome))
  await rig.clock.advance(60_000)
  console.log('stored', Object.keys(rig.agent.now().state.profiles))
  for (let i = 0; i < 3; i++) {
  await rig.clock.advance(60_000)
  const again = await rig.clock.until(rig.agent.submit(command, env))
  console.log('again', JSON.stringify(again.outcome).slice(0,200))
  if (i === 2) expect(again.outcome.kind).toBe('accepted')
  }
})

test('S: move with stop, controller replaced: the stop is lost', async () => {
  const rig = await base()
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  const acc = await rig.do({ kind: 'move', profile: web, ...into(4), stop: 'graceful', force: false })
  console.log(JSON.stringify(acc.copies))
  rig.kill()
  await rig.clock.advance(1)
  rig.medium = memoryMedium()
  await rig.start()
  await rig.clock.advance(300_000)
  console.log(JSON.stringify(rig.agent.now().plans[3]?.findings), JSON.stringify(rig.agent.now().plans[4]?.findings))
  expect(rig.agent.now().plans[4]?.findings).toEqual([])
})

test('J: after adoption, anybody commands without envelope', async () => {
  const rig = await base()
  const st = rig.agent.now().state
  await rig.do({ kind: 'take-over', incarnation: st.incarnation, observedEpoch: 0, lineage: 'dc1', number: 1 }, { who: { door: 'mqtt', client: id<'Client'>('dc') } })
  console.log('before', (await rig.submit({ kind: 'remove-profile', profile: web })).outcome)
  rig.kill()
  rig.medium = memoryMedium()
  await rig.start()
  const out = (await rig.submit({ kind: 'remove-profile', profile: web })).outcome
  console.log('after', JSON.stringify(out), rig.agent.now().state.epoch, JSON.stringify(rig.agent.now().state.lineages))
  expect(out.kind).toBe('refused')
})
