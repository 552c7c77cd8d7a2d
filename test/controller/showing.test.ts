/** What the chassis shows: told when it changes and only then, and never done before the hardware has done it. */
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../agent/controller/clock.ts'
import { startShowing } from '../../agent/controller/showing.ts'
import { inSync } from '../../agent/core/bay-plan.ts'
import type { Bay, Sight } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import { plan, planBay } from '../../agent/core/plan.ts'
import type { PartState } from '../../agent/core/reply.ts'
import { type ControllerView, type HealthView, partName } from '../../agent/core/views.ts'
import { slotOf } from '../../agent/sim/slots.ts'
import { type Answer, step } from '../../agent/sim/world.ts'
import { id, type Lab, labWith, pools, sanProfile } from '../core/lab.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { Rig } from './rig.ts'
import { seeded } from './store/memory-medium.ts'

const controllerView = (uptimeMs: number, more: Partial<ControllerView> = {}): ControllerView => ({
  slot: 'A',
  version: '0.1.0',
  uptimeMs,
  role: 'owner',
  host: { hostname: 'oa-1', cpus: 2, load: 0.1, memoryBytes: 512, memoryFreeBytes: 256, interfaces: [] },
  store: {
    readOnly: false,
    notes: [],
    copies: ['flash'],
    index: uptimeMs,
    digest: '',
    bytesWritten: uptimeMs,
    syncs: 1,
    eepromPagesWritten: 0,
    eepromUse: 0.1,
  },
  ...more,
})

const clockOf = (clock: VirtualClock): Clock => ({
  uptimeMs: () => clock.now(),
  timeMs: () => undefined,
  after: (ms, call) => clock.after(ms, call),
})

/** What is shown of a lab, and all that was told of it. */
class Shown {
  readonly clock = new VirtualClock()
  readonly lab: Lab
  readonly told: (PartState | { readonly removed: string })[] = []
  health: HealthView | undefined
  controller: Partial<ControllerView> = {}
  readonly showing
  readonly deaf

  constructor(lab: Lab) {
    this.lab = lab
    const { clock } = this
    this.showing = startShowing({
      clock: clockOf(clock),
      hardware: lab.hardware,
      now: () => {
        const { state, observed, hardware } = this.lab
        return { state, observed, plans: plan(state, observed, hardware), chassisSerial: 'CZ1234' }
      },
      controllers: () => [controllerView(clock.now(), this.controller)],
      health: () => this.health,
    })
    this.deaf = this.showing.onPart((part) => this.told.push(part))
    this.showing.parts()
  }

  /** Names of what was told because of this. */
  async after(change: () => unknown): Promise<readonly string[]> {
    await this.clock.advance(1_000)
    this.told.length = 0
    await change()
    this.showing.changed()
    await this.clock.advance(1_000)
    return this.told.map((part) => ('removed' in part ? `-${part.removed}` : partName(part.part)))
  }

  part(name: string): PartState {
    return this.showing.parts().find(({ part }) => partName(part) === name) ?? expect.unreachable(`no part ${name}`)
  }
}

const bays = Array.from({ length: 16 }, (_, i) => `bay-${i + 1}`)

describe('The chassis shows', () => {
  test('all of its parts, and last the one that lists the version of every other', () => {
    const { showing } = new Shown(labWith([sanProfile('web-01')]))
    const parts = showing.parts()
    const names = parts.map(({ part }) => partName(part))
    expect(names).toEqual([...bays, 'profile-web-01', 'pool-lan', 'pool-san', 'controller-a', 'chassis'])
    const last = parts.at(-1)?.part
    if (last?.part !== 'chassis') return expect.unreachable()
    const versions = Object.fromEntries(parts.slice(0, -1).map(({ part, version }) => [partName(part), version]))
    expect(last.view.parts).toEqual(versions)
  })

  test('nothing anew when nothing looks different, however often it is asked to look', async () => {
    const shown = new Shown(labWith([sanProfile('web-01')]))
    expect(await shown.after(() => shown.showing.parts())).toEqual([])
    expect(await shown.after(() => shown.clock.advance(3_600_000))).toEqual([])
  })

  test('a storm of changes as one', async () => {
    const shown = new Shown(labWith([sanProfile('web-01')]))
    const names = await shown.after(() => {
      for (let i = 0; i < 1000; i++) {
        shown.lab.seat(3, (sight) => ({ ...sight, slot: { ...present(sight), locate: i % 2 === 0 } }))
        shown.showing.changed()
      }
      shown.lab.seat(3, (sight) => ({ ...sight, slot: { ...present(sight), locate: true } }))
    })
    expect(names).toEqual(['bay-3', 'chassis'])
  })

  test('each accepted change in every bay and profile, for that is how done is told; pools only when they change', async () => {
    const shown = new Shown(labWith([sanProfile('web-01')]))
    const names = await shown.after(() => shown.lab.do({ kind: 'locate', bay: 2, lit: true }))
    expect(names).toEqual([...bays, 'profile-web-01', 'chassis'])
    const { revision } = shown.lab.state
    for (const name of names) expect(shown.part(name).revision).toBe(revision)
    expect(shown.part('pool-lan').revision).toBeLessThan(revision)
  })

  test('a profile that comes, goes and comes back, each time at a higher version', async () => {
    const shown = new Shown(labWith([]))
    const define: Command = { kind: 'define-profile', profile: sanProfile('web-01') }
    expect(await shown.after(() => shown.lab.do(define))).toContain('profile-web-01')
    const { version } = shown.part('profile-web-01')
    const gone = await shown.after(() => shown.lab.do({ kind: 'remove-profile', profile: id<'Profile'>('web-01') }))
    expect(gone).toContain('-profile-web-01')
    const chassis = shown.part('chassis').part
    expect(chassis.part === 'chassis' && chassis.view.parts).not.toHaveProperty('profile-web-01')
    await shown.after(() => shown.lab.do(define))
    expect(shown.part('profile-web-01').version).toBeGreaterThan(version)
  })

  test('versions that only rise, with the chassis always last and always right, through a life of commands', async () => {
    const shown = new Shown(labWith([sanProfile('web-01'), sanProfile('web-02')]))
    const seen = new Map<string, number>()
    const listed = new Map<string, number>()
    let told = 0
    const hear = (part: PartState | { readonly removed: string }) => {
      told++
      if ('removed' in part) return void listed.delete(part.removed)
      const name = partName(part.part)
      expect(part.version, name).toBeGreaterThan(seen.get(name) ?? 0)
      seen.set(name, part.version)
      if (part.part.part === 'chassis') expect(part.part.view.parts).toEqual(Object.fromEntries(listed))
      else listed.set(name, part.version)
    }
    for (const part of shown.showing.parts())
      if (part.part.part !== 'chassis') listed.set(partName(part.part), part.version)
    shown.showing.onPart(hear)
    const into = (bay: Bay) => ({ to: { bay }, when: 'now', preprovision: false }) as const
    const commands: readonly Command[] = [
      { kind: 'assign', profile: id<'Profile'>('web-01'), ...into(3), power: 'on' },
      { kind: 'locate', bay: 4, lit: true },
      { kind: 'remove-profile', profile: id<'Profile'>('web-02') },
      { kind: 'move', profile: id<'Profile'>('web-01'), ...into(4), stop: 'forced', force: false },
      { kind: 'define-profile', profile: sanProfile('web-02') },
      { kind: 'unassign', profile: id<'Profile'>('web-01'), when: 'now', stop: 'forced', force: false },
    ]
    for (const command of commands) {
      await shown.after(() => shown.lab.do(command))
      await shown.after(() => shown.lab.settle())
    }
    expect(told).toBeGreaterThan(100)
  })

  test('a controller whose figures move by themselves only to those who ask', async () => {
    const shown = new Shown(labWith([]))
    expect(await shown.after(() => {})).toEqual([])
    const part = shown.part('controller-a').part
    expect(part.part === 'controller' && part.view.uptimeMs).toBe(shown.clock.now())
    expect(await shown.after(() => (shown.controller = { role: 'standby' }))).toEqual(['controller-a', 'chassis'])
    const store = { ...controllerView(0).store, readOnly: true, notes: ['flash failed'] }
    expect(await shown.after(() => (shown.controller = { store }))).toEqual(['controller-a', 'chassis'])
  })

  test('its health once that was read', async () => {
    const shown = new Shown(labWith([]))
    const health: HealthView = {
      supplies: [{ bay: 1, state: 'failed', watts: 0 }],
      fans: [],
      temperatures: [],
      frus: [],
    }
    expect(await shown.after(() => (shown.health = health))).toEqual(['health', 'chassis'])
    expect(shown.part('health').part).toEqual({ part: 'health', view: health })
  })

  test('since when a finding is there, and forgets it with the finding', async () => {
    const shown = new Shown(labWith([]))
    const since = () => {
      const { part } = shown.part('bay-3')
      return part.part === 'bay' ? part.view.findings.map(({ sinceUptimeMs }) => sinceUptimeMs) : []
    }
    const silent = () => shown.lab.blind(3)
    const before = shown.lab.observed
    await shown.after(silent)
    const [first] = since()
    expect(first).toBeGreaterThan(0)
    expect(await shown.after(() => shown.clock.advance(60_000))).toEqual([])
    expect(since()).toEqual([first])
    await shown.after(() => (shown.lab.observed = before))
    expect(since()).toEqual([])
    await shown.after(silent)
    expect(since()[0]).toBeGreaterThan(first ?? 0)
  })

  test('nothing to those who stopped listening, and nothing after it was stopped', async () => {
    const shown = new Shown(labWith([]))
    shown.deaf()
    expect(await shown.after(() => shown.lab.do({ kind: 'locate', bay: 2, lit: true }))).toEqual([])
    shown.showing.onPart((part) => shown.told.push(part))
    shown.showing.changed()
    shown.showing.stop()
    expect(await shown.after(() => shown.lab.do({ kind: 'locate', bay: 2, lit: false }))).toEqual([])
  })

  test('who asks in the middle of a gathering what was accepted before', () => {
    const shown = new Shown(labWith([]))
    shown.lab.do({ kind: 'locate', bay: 2, lit: true })
    shown.showing.changed()
    expect(shown.part('bay-2').revision).toBe(shown.lab.state.revision)
  })
})

const present = ({ slot }: Sight) => (slot === 'unknown' ? expect.unreachable() : slot)

// ── Done is done ────────────────────────────────────────────────────────────────────────────────────────────────

/** One bay as it really is at this moment, whoever looked and whenever. */
function truth(rig: Rig, bay: Bay): Sight | undefined {
  const seen = rig.agent.now().observed.bays[bay]
  const slot = slotOf(rig.host.world, bay)
  if (!seen) return undefined
  if (slot.presence !== 'present') return { ...seen, slot, blade: 'empty' }
  const ask = (world: typeof rig.host.world, request: object) =>
    step(world, { to: 'bmc', bay, request } as Parameters<typeof step>[1], rig.clock.now())
  const heard = (answer: Answer) =>
    answer.from === 'bmc' && answer.answer !== 'silence' && answer.answer.ok ? answer.answer : undefined
  const login = ask(rig.host.world, { kind: 'login', user: 'admin', password: 'blade-pw' })
  const session = heard(login.answer)?.session
  if (session === undefined) return undefined
  const blade = heard(ask(login.world, { kind: 'read', session }).answer)?.blade
  return blade && { ...seen, slot, blade }
}

test('no bay is shown in sync at a revision while its hardware still has something to do for it', async () => {
  let looked = 0
  let done = 0
  let resetBays = 0
  for (let seed = 1; seed <= 5; seed++) {
    const random = seeded(seed)
    const rig = new Rig()
    await rig.start()
    await rig.settle()
    const showing = startShowing({
      clock: clockOf(rig.clock),
      hardware: rig.hardware,
      now: rig.agent.now,
      controllers: () => [controllerView(0)],
      health: () => undefined,
    })
    showing.onPart((part) => {
      if ('removed' in part || part.part.part !== 'bay') return
      const { view } = part.part
      looked++
      if (!view.inSync) return
      const sight = truth(rig, view.bay)
      if (!sight) return
      const { state, observed } = rig.agent.now()
      const really = { ...observed, bays: { ...observed.bays, [view.bay]: sight } }
      const left = planBay(state, view.bay, really, rig.hardware)
      expect(inSync(left), `seed ${seed} bay ${view.bay} at ${part.revision}: ${JSON.stringify(left)}`).toBe(true)
      const wanted = state.bays[view.bay]?.resets.wanted ?? 0
      const resets = rig.log.filter(
        (entry) => entry.kind === 'boot' && entry.bay === view.bay && entry.record.why === 'warm-reset',
      )
      expect(resets.length, `resets of bay ${view.bay}`).toBeGreaterThanOrEqual(wanted)
      resetBays += wanted > 0 ? 1 : 0
      done++
    })
    for (const pool of pools) await rig.do(pool)
    for (const name of ['web-01', 'web-02']) await rig.do({ kind: 'define-profile', profile: sanProfile(name) })
    for (let turn = 0; turn < 12; turn++) {
      await rig.submit(anything(rig, random, turn))
      const end = rig.clock.now() + (random(3) === 0 ? 45_000 : random(8_000))
      while (rig.clock.now() < end) {
        showing.changed()
        await rig.clock.advance(250)
      }
    }
    showing.stop()
    rig.kill()
  }
  expect(looked).toBeGreaterThan(250)
  expect(done).toBeGreaterThan(150)
  expect(resetBays).toBeGreaterThan(0)
}, 120_000)

function anything(rig: Rig, random: (below: number) => number, turn: number): Command {
  const profile = id<'Profile'>(random(2) === 0 ? 'web-01' : 'web-02')
  const bay = 2 + random(4)
  const to = { bay }
  switch (turn < 2 ? 0 : random(10)) {
    case 0:
    case 1:
      return { kind: 'assign', profile, to, when: 'next-off', preprovision: false, power: 'on' }
    case 2:
    case 3:
      return { kind: 'move', profile, to, when: 'now', stop: 'forced', preprovision: false, force: false }
    case 4:
      return { kind: 'unassign', profile, when: 'now', stop: 'forced', force: false }
    case 5:
      return { kind: 'power', bay, want: random(2) === 0 ? 'on' : 'off', stop: 'forced' }
    case 6:
      return { kind: 'power', bay: running(rig) ?? bay, want: 'reset', stop: 'forced' }
    case 7:
      return { kind: 'power', bay: running(rig) ?? bay, want: 'cycle', stop: 'forced' }
    case 8:
      return { kind: 'locate', bay, lit: random(2) === 0 }
    default:
      return { kind: 'override-boot', bay, override: { target: 'pxe', lasts: 'once' } }
  }
}

const running = (rig: Rig): Bay | undefined =>
  [2, 3, 4, 5].find((bay) => rig.agent.now().plans[bay]?.phase === 'running')
