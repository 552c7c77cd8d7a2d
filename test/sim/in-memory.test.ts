import { describe, expect, it } from 'vitest'
import { type BladeStep, Fault } from '../../agent/controller/hardware/driver.ts'
import { ownedBy } from '../../agent/controller/hardware/owner.ts'
import { functionsOf, isBare } from '../../agent/core/blade.ts'
import type { BladeFault } from '../../agent/sim/chassis.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { duplicates } from '../../agent/sim/log.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { driverConformance } from '../conformance/driver.ts'
import { mac, timings } from './bench.ts'
import { inMemoryHardware } from './in-memory.ts'
import { inMemoryRig } from './in-memory-rig.ts'
import { tinyAlone, tinyHardware } from './tiny-board.ts'
import { VirtualClock } from './virtual-clock.ts'

const { signal } = new AbortController()
const value = { role: 'nic' as const, mac: mac('00:17:a4:77:00:02') }
const write: BladeStep = {
  kind: 'write',
  bay: 1,
  profile: 'web-1' as never,
  functions: [{ key: 'lom:1-a', value }],
  secrets: [],
}

async function begin() {
  const clock = new VirtualClock()
  const host = new ChassisHost(newWorld({ hardware: tinyHardware, seed: 'test', now: clock.now(), timings }), clock)
  const hardware = inMemoryHardware(host, { answerMs: 2_000 })
  await clock.advance(timings.bmcBootMs)
  const fault = (each: BladeFault) => host.perform({ do: 'break', bay: 1, fault: each })
  return { clock, host, ...hardware, fault, mend: () => host.perform({ do: 'mend', bay: 1 }) }
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const caught = await promise.then(
    () => new Error('it went well'),
    (error: unknown) => error,
  )
  if (caught instanceof Fault) return caught
  throw caught
}

driverConformance('in memory', inMemoryRig)

describe('hardware without a wire', () => {
  it('takes a blade from bare to an operating system under its assigned address, and back', async () => {
    const { clock, host, driver, backplane } = await begin()
    await driver.observe(1, signal)
    await driver.apply(write, signal)
    await backplane.apply({ kind: 'permit', bay: 1, n: 1 }, signal)
    await driver.apply({ kind: 'power', bay: 1, action: 'on' }, signal)
    await clock.advance(timings.postMs)
    const blade = await driver.observe(1, signal)
    expect(blade.stage).toBe('os')
    expect(functionsOf(blade)[0]?.applied).toEqual(value)
    await driver.apply({ kind: 'power', bay: 1, action: 'off' }, signal)
    await driver.apply({ kind: 'clear', bay: 1, functions: ['lom:1-a'] }, signal)
    expect(isBare(await driver.observe(1, signal))).toBe(true)
    expect(duplicates(host.heardSince(0).entries)).toEqual([])
    await driver.close()
    expect(host.world.slots[1]?.blade?.bmc.sessions).toEqual([])
  })

  it('says maybe when a change was sent to a BMC that never answers, and not when it only looked', async () => {
    const { clock, driver, fault } = await begin()
    await driver.observe(1, signal)
    fault({ kind: 'late', ms: 60_000 })
    const changed = await faultOf(clock.until(driver.apply(write, signal)))
    fault({ kind: 'silent' })
    const looked = await faultOf(clock.until(driver.observe(1, signal)))
    expect(looked).toMatchObject({ blind: 'bmc-silent', maybe: false })
    expect(changed).toMatchObject({ blind: 'bmc-silent', maybe: true })
  })

  it('waits for a slow BMC within its limit and not beyond', async () => {
    const { clock, driver, fault } = await begin()
    fault({ kind: 'slow', ms: 900 })
    expect((await clock.until(driver.observe(1, signal))).power).toBe('off')
    fault({ kind: 'slow', ms: 2_100 })
    expect(await faultOf(clock.until(driver.observe(1, signal)))).toMatchObject({ blind: 'bmc-silent', maybe: false })
  })

  it('a barrier ends what an unanswered change left under way', async () => {
    const { clock, host, driver, fault, mend } = await begin()
    await driver.observe(1, signal)
    fault({ kind: 'late', ms: 60_000 })
    await faultOf(clock.until(driver.apply(write, signal)))
    mend()
    await clock.until(driver.apply({ kind: 'barrier', bay: 1 }, signal))
    await clock.advance(120_000)
    expect(functionsOf(await driver.observe(1, signal))[0]?.pending).toBeUndefined()
    expect(host.world.slots[1]?.blade?.bmc.sessions).toHaveLength(1)
  })

  it('a barrier waits for tasks that outlived their session in a BMC reboot', async () => {
    const { clock, host, driver, fault, mend } = await begin()
    await driver.observe(1, signal)
    fault({ kind: 'late', ms: 60_000 })
    await faultOf(clock.until(driver.apply(write, signal)))
    mend()
    host.perform({ do: 'reboot-bmc', bay: 1 })
    await clock.advance(timings.bmcBootMs)
    await clock.until(driver.apply({ kind: 'barrier', bay: 1 }, signal))
    expect(functionsOf(await driver.observe(1, signal))[0]?.pending).toEqual(value)
  })

  it('a barrier takes its place among sessions that others left behind', async () => {
    const { clock, host, driver } = await begin()
    await driver.observe(1, signal)
    for (let other = 0; other < 3; other++)
      await host.ask(1, { kind: 'login', user: 'admin', password: 'blade-pw' }, signal)
    await clock.until(driver.apply({ kind: 'barrier', bay: 1 }, signal))
    expect(host.world.slots[1]?.blade?.bmc.sessions).toHaveLength(1)
  })

  it('says which kind of blindness it is', async () => {
    const { clock, host, driver, fault, mend } = await begin()
    fault({ kind: 'starved' })
    expect(await faultOf(driver.observe(1, signal))).toMatchObject({ blind: 'bmc-busy' })
    mend()
    host.perform({ do: 'credentials', bay: 1, credentials: { user: 'a', password: 'b' } })
    expect(await faultOf(driver.observe(1, signal))).toMatchObject({ blind: 'bmc-refused' })
    expect(await faultOf(driver.observe(4, signal))).toMatchObject({ blind: 'bmc-silent' })
    host.perform({ do: 'ac', on: false })
    const { backplane } = inMemoryHardware(host)
    expect(await faultOf(backplane.read(signal))).toMatchObject({ blind: 'backplane-silent' })
    await clock.advance(0)
  })

  it('tells of changes at the bay where they are', async () => {
    const { host, backplane } = await begin()
    const heard: number[] = []
    backplane.onChange((bay) => heard.push(bay))
    host.perform({ do: 'pull', bay: 2 })
    host.perform({ do: 'insert', bay: 4, blade: { product: 'Blade', localDisk: true } })
    await backplane.apply({ kind: 'permit', bay: 4, n: 1 }, signal)
    await backplane.apply({ kind: 'permit', bay: 4, n: 1 }, signal)
    expect(heard).toEqual([2, 4, 4])
    await backplane.close()
    host.perform({ do: 'pull', bay: 4 })
    expect(heard).toEqual([2, 4, 4])
  })
})

describe('hardware without a wire, for two controllers', () => {
  async function pair() {
    const clock = new VirtualClock()
    const host = new ChassisHost(newWorld({ hardware: tinyHardware, seed: 'test', now: clock.now(), timings }), clock)
    const at = (slot: 'A' | 'B') => {
      const { line } = inMemoryHardware(host, { slot })
      return inMemoryHardware(host, { slot, owner: ownedBy(slot, line) })
    }
    await clock.advance(timings.bmcBootMs)
    return { clock, host, a: at('A'), b: at('B') }
  }

  it('obeys one at a time, at the backplane and at the BMCs', async () => {
    const { host, a, b } = await pair()
    await a.line.take(signal)
    await a.driver.observe(1, signal)
    await a.driver.apply(write, signal)
    await b.line.take(signal)
    await b.driver.apply({ kind: 'barrier', bay: 1 }, signal)
    await b.driver.observe(1, signal)
    await a.driver.observe(1, signal)
    const deposed = { blind: 'not-owner', maybe: false }
    expect(await faultOf(a.driver.apply({ kind: 'clear', bay: 1, functions: ['lom:1-a'] }, signal))).toMatchObject({
      ...deposed,
      message: 'not the owner: the other controller owns the backplane',
    })
    expect(await faultOf(a.driver.apply({ kind: 'barrier', bay: 1 }, signal))).toMatchObject(deposed)
    expect(await faultOf(a.backplane.apply({ kind: 'permit', bay: 1, n: 1 }, signal))).toMatchObject(deposed)
    const seen = await b.driver.observe(1, signal)
    expect(functionsOf(seen)[0]?.pending).toEqual(value)
    expect(host.world.slots[1]?.latch).toEqual({ state: 'denied', n: 0 })
    await b.backplane.apply({ kind: 'permit', bay: 1, n: 1 }, signal)
    await b.driver.apply({ kind: 'power', bay: 1, action: 'on' }, signal)
    expect((await b.driver.observe(1, signal)).power).toBe('on')
  })

  it('tells both of the line, until they close', async () => {
    const { clock, host, a, b } = await pair()
    const heard: string[] = []
    a.line.onChange(() => heard.push('A'))
    b.line.onChange(() => heard.push('B'))
    await a.line.take(signal)
    await a.line.take(signal)
    expect(heard).toEqual(['A', 'B'])
    await a.line.beat(signal)
    expect(await b.line.read(signal)).toEqual({ owner: 'A', controllers: { A: 'alive', B: 'silent' } })
    await a.backplane.close()
    await clock.advance(timings.watchdogMs)
    expect(heard).toEqual(['A', 'B', 'A', 'B', 'B'])
    expect(await b.line.read(signal)).toEqual({ owner: 'A', controllers: { A: 'silent', B: 'silent' } })
    await a.line.release(signal)
    expect(await faultOf(b.driver.apply({ kind: 'barrier', bay: 1 }, signal))).toMatchObject({
      message: 'not the owner: nobody owns the backplane',
    })
    host.perform({ do: 'controller', slot: 'B', does: 'remove' })
    expect(await faultOf(b.line.read(signal))).toMatchObject({ blind: 'backplane-silent' })
  })

  it('has no line in a chassis for one', async () => {
    const clock = new VirtualClock()
    const host = new ChassisHost(newWorld({ hardware: tinyAlone, seed: 'test', now: clock.now(), timings }), clock)
    const { backplane, line } = inMemoryHardware(host, { slot: 'A' })
    expect(await faultOf(line.read(signal))).toMatchObject({ blind: 'backplane-silent' })
    expect(await faultOf(line.take(signal))).toMatchObject({ blind: 'backplane-silent' })
    await backplane.apply({ kind: 'permit', bay: 1, n: 1 }, signal)
    expect(host.world.slots[1]?.latch).toEqual({ state: 'granted', n: 1 })
  })
})
