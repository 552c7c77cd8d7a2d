import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { lineOf } from '../../agent/sim/arbiter.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { loadChassis, openEeprom, saveChassis } from '../../agent/sim/store.ts'
import { newWorld, type Stepped } from '../../agent/sim/world.ts'
import { Bench, iqn, mac, timings } from './bench.ts'
import { tinyHardware, withoutLatch } from './tiny-board.ts'
import { VirtualClock } from './virtual-clock.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chassis-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function load(now: number, hardware = tinyHardware): Stepped {
  const loaded = loadChassis(folder, hardware, { now, timings })
  if (loaded === undefined || typeof loaded === 'string') throw new Error(loaded ?? 'nothing was saved')
  return loaded
}

describe('a chassis whose program ended', () => {
  it('comes back as after a power cut: blades off, latches denied, tables empty, what adapters keep still there', () => {
    const bench = new Bench()
    const name = iqn('iqn.2015-02.com.example:web-1')
    bench.write(1, { 'lom:1-b': { role: 'iscsi', mac: mac('00:17:a4:77:00:02'), iqn: name } })
    bench.boot(1, 5)
    bench.write(2, { 'lom:1-a': { role: 'nic', mac: mac('00:17:a4:77:00:03') } })
    bench.do({ do: 'pull', bay: 2 })
    bench.do({ do: 'san', luns: [{ target: name, initiators: [] }] })
    const serial = bench.serial(1)
    saveChassis(folder, bench.world)

    const after = Bench.of(load(bench.world.now + 5_000).world)
    after.wait(timings.bmcBootMs)
    expect(after.slot(1)).toMatchObject({ serial, powerGood: false, permit: { state: 'denied', n: 0 } })
    expect(after.fn(1, 'lom:1-b').applied).toMatchObject({ role: 'nic', iqn: name })
    expect(after.slot(2).presence).toBe('empty')
    expect(Object.keys(after.world.shelf)).toHaveLength(1)
    expect(after.world.san).toEqual(bench.world.san)
    // Parts made from now on are new ones.
    after.do({ do: 'insert', bay: 3, blade: { product: 'Blade', localDisk: true } })
    expect([serial, ...Object.keys(after.world.shelf)]).not.toContain(after.serial(3))
  })

  it('carries out restore policies where no latch holds a blade', () => {
    const bench = new Bench({ hardware: withoutLatch })
    bench.boot(1)
    saveChassis(folder, bench.world)
    const after = Bench.of(load(bench.world.now, withoutLatch).world)
    after.wait(timings.bmcBootMs + timings.postMs)
    expect(after.boots(1)).toMatchObject([{ why: 'restore-policy' }])
    expect(after.slot(2)).toMatchObject({ powerGood: false })
  })

  it('has saved before it answers', async () => {
    const clock = new VirtualClock()
    const begun = newWorld({ hardware: tinyHardware, seed: 'test', now: clock.now(), timings })
    let saves = 0
    const host = new ChassisHost(begun, clock, (world) => {
      saves++
      saveChassis(folder, world)
    })
    const policy = { restore: 'always-off', button: 'disabled', wake: 'disabled' } as const
    await clock.advance(timings.bmcBootMs)
    const { signal } = new AbortController()
    const login = await host.ask(1, { kind: 'login', user: 'admin', password: 'blade-pw' }, signal)
    if (!login.ok || login.session === undefined) throw new Error('no session')
    const before = saves
    await host.ask(1, { kind: 'read', session: login.session }, signal)
    expect(saves).toBe(before)
    await host.ask(1, { kind: 'policy', session: login.session, policy }, signal)
    expect(load(clock.now()).world.slots[1]?.blade?.kept.policy).toEqual(policy)
  })

  it("keeps which slots hold a controller; the owner line is nobody's and nobody is heard, as after any power cut", () => {
    const bench = new Bench()
    bench.backplane({ do: 'take' }, 'B')
    bench.backplane({ do: 'beat' }, 'B')
    bench.do({ do: 'controller', slot: 'A', does: 'remove' })
    saveChassis(folder, bench.world)
    expect(lineOf(load(bench.world.now).world)).toEqual({ owner: 'none', controllers: { A: 'absent', B: 'silent' } })
    expect(lineOf(bench.world)?.owner).toBe('B')
  })

  it('has saved that a controller was pulled out before it says so, and nothing for a beat', () => {
    const clock = new VirtualClock()
    let saves = 0
    const host = new ChassisHost(
      newWorld({ hardware: tinyHardware, seed: 'test', now: clock.now(), timings }),
      clock,
      (world) => {
        saves++
        saveChassis(folder, world)
      },
    )
    const before = saves
    host.askBackplane({ do: 'beat' }, 'A')
    expect(saves).toBe(before)
    host.perform({ do: 'controller', slot: 'A', does: 'remove' })
    expect(lineOf(load(clock.now()).world)?.controllers.A).toBe('absent')
    host.close()
  })

  it('written before there was an owner line is read, with a controller in each slot', () => {
    saveChassis(folder, new Bench().world)
    const path = join(folder, 'chassis.json')
    const { world, ...rest } = JSON.parse(readFileSync(path, 'utf8'))
    const { arbiter: _, ...older } = world
    const { watchdogMs: __, ...olderTimings } = older.timings
    writeFileSync(path, JSON.stringify({ ...rest, world: { ...older, timings: olderTimings } }))
    const loaded = loadChassis(folder, tinyHardware, { now: 0, timings: {} })
    if (loaded === undefined || typeof loaded === 'string') throw new Error(loaded ?? 'nothing was saved')
    expect(lineOf(loaded.world)).toEqual({ owner: 'none', controllers: { A: 'silent', B: 'silent' } })
    expect(loaded.world.timings.watchdogMs).toBe(2_000)
  })

  it('is never taken for a new one when it can not be read', () => {
    expect(loadChassis(folder, tinyHardware, { now: 0 })).toBeUndefined()
    saveChassis(folder, new Bench().world)
    const path = join(folder, 'chassis.json')
    expect(loadChassis(folder, withoutLatch, { now: 0 })).toContain('is a tiny, not a tiny-no-latch')
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -100))
    expect(loadChassis(folder, tinyHardware, { now: 0 })).toContain('no chassis that this version can read')
    writeFileSync(path, '{"format":9}')
    expect(loadChassis(folder, tinyHardware, { now: 0 })).toContain('no chassis that this version can read')
  })
})

describe('the EEPROM file', () => {
  it('is erased when it is new, and left alone from then on', () => {
    const opened = openEeprom(folder, 65_536)
    if (typeof opened === 'string') throw new Error(opened)
    const content = readFileSync(opened.path)
    expect(content).toEqual(Buffer.alloc(65_536, 0xff))
    content.write('midplane', 0)
    writeFileSync(opened.path, content)
    openEeprom(folder, 65_536)
    expect(readFileSync(opened.path).subarray(0, 8).toString()).toBe('midplane')
    expect(openEeprom(folder, 8_192)).toContain("has 65536 bytes, and this board's EEPROM 8192")
  })
})
