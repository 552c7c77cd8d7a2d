/** One look at one bay: in W1's order, and worth something only where nothing changed meanwhile (W7). */
import { describe, expect, test } from 'vitest'
import { type Backplane, type BackplaneReading, type Driver, Fault } from '../../agent/controller/hardware/driver.ts'
import { glance, look } from '../../agent/controller/hardware/look.ts'
import type { Bay, Blindness } from '../../agent/core/blade.ts'
import type { Deed } from '../../agent/sim/deeds.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { hardware } from '../core/lab.ts'
import { inMemoryHardware } from '../sim/in-memory.ts'
import { VirtualClock } from '../sim/virtual-clock.ts'
import { timings } from './rig.ts'

type Moment = 'backplane' | 'blade'

/** A chassis, and what happens to it after a reading was taken and before the next one is. */
class Bench {
  readonly clock = new VirtualClock()
  readonly host: ChassisHost
  /** What was read, in order. */
  readonly order: Moment[] = []
  /** Runs after the nth reading, counted from 1. */
  after: (nth: number, what: Moment) => void = () => {}
  readonly backplane: Backplane
  readonly driver: Driver

  constructor(board = 'hp-c7000') {
    const start = newWorld({ hardware: hardware(board), seed: board, now: this.clock.now(), timings })
    this.host = new ChassisHost(start, this.clock)
    this.clock.pass(timings.bmcBootMs + 1)
    const real = inMemoryHardware(this.host)
    const taken = <Reading>(what: Moment, reading: Reading): Reading => {
      this.order.push(what)
      this.after(this.order.length, what)
      return reading
    }
    this.backplane = {
      read: async (signal): Promise<BackplaneReading> => taken('backplane', await real.backplane.read(signal)),
      apply: (...args) => real.backplane.apply(...args),
      health: (...args) => real.backplane.health(...args),
      onChange: (...args) => real.backplane.onChange(...args),
      close: () => real.backplane.close(),
    }
    this.driver = {
      observe: async (bay, signal) => taken('blade', await real.driver.observe(bay, signal)),
      apply: (...args) => real.driver.apply(...args),
      close: () => real.driver.close(),
    }
  }

  do(deed: Deed): void {
    const refused = this.host.perform(deed)
    if (refused !== undefined) expect.unreachable(refused)
  }

  look(bay: Bay, driver: Driver = this.driver, signal = new AbortController().signal) {
    return this.clock.until(look(bay, this.backplane, driver, signal))
  }

  failing(fault: () => Error): Driver {
    return { ...this.driver, observe: () => Promise.reject(fault()) }
  }
}

const serialIn = (bench: Bench, bay: Bay) => {
  const reply = bench.host.askBackplane({ do: 'read' })
  const slot = reply?.ok ? reply.reading?.bays[bay] : undefined
  return slot?.presence === 'present' ? slot.serial : expect.unreachable(`no blade in bay ${bay}`)
}

describe('A look at a bay', () => {
  test('reads the backplane, then the blade, then the backplane again', async () => {
    const bench = new Bench()
    const serial = serialIn(bench, 3)
    const seen = await bench.look(3)
    expect(bench.order).toEqual(['backplane', 'blade', 'backplane'])
    expect(seen).toMatchObject({ slot: { presence: 'present', serial }, blade: { serial, power: 'off' } })
    expect(seen.blind).toBeUndefined()
    expect(seen.reading?.interconnects).toBeDefined()
  })

  test('asks no BMC where the backplane shows no blade', async () => {
    const bench = new Bench('cisco-ucs-5108')
    bench.do({ do: 'pull', bay: 4 })
    expect(await bench.look(4)).toMatchObject({ slot: { presence: 'empty' }, blade: 'empty' })
    expect(await bench.look(2)).toMatchObject({ slot: { presence: 'covered', by: 1 }, blade: 'empty' })
    expect(bench.order).toEqual(['backplane', 'backplane'])
  })

  test('believes the backplane when the blade is pulled while its BMC still answers', async () => {
    const bench = new Bench()
    bench.after = (_, what) => what === 'blade' && bench.do({ do: 'pull', bay: 3 })
    expect(await bench.look(3)).toMatchObject({ slot: { presence: 'empty' }, blade: 'empty' })
  })

  test('shows nothing of the blade that was swapped out meanwhile', async () => {
    const bench = new Bench()
    const other = serialIn(bench, 4)
    bench.after = (nth) => nth === 2 && bench.do({ do: 'swap', bay: 3, blade: { with: 4 } })
    const seen = await bench.look(3)
    expect(seen).toMatchObject({ slot: { serial: other }, blade: 'unknown', blind: 'bmc-silent' })
    expect(seen.why).toContain('starting')
    bench.clock.pass(timings.bmcBootMs + 1)
    expect(await bench.look(3)).toMatchObject({ slot: { serial: other }, blade: { serial: other } })
  })

  test('begins again when the permit changed in between', async () => {
    const bench = new Bench()
    bench.after = (nth) => {
      if (nth === 2) bench.host.askBackplane({ do: 'permit', bay: 3, n: 7 })
    }
    expect(await bench.look(3)).toMatchObject({ slot: { permit: { state: 'granted', n: 7 } }, blade: { power: 'off' } })
    expect(bench.order).toHaveLength(6)
  })

  test('shows a bay that does not stand still as unknown, and does not look for ever', async () => {
    const bench = new Bench()
    bench.after = (nth, what) => {
      if (what === 'blade') bench.host.askBackplane({ do: 'locate', bay: 3, lit: nth % 2 === 0 })
    }
    const seen = await bench.look(3)
    expect(seen).toMatchObject({ blade: 'unknown', blind: 'bmc-silent', slot: { presence: 'present' } })
    expect(seen.why).toContain('did not stand still')
    expect(bench.order.length).toBeLessThan(12)
  })

  test('does not take the word of a BMC that speaks for another blade', async () => {
    const bench = new Bench()
    bench.do({ do: 'break', bay: 3, fault: { kind: 'wrong-serial', serial: 'OTHER1' as never } })
    const seen = await bench.look(3)
    expect(seen).toMatchObject({ slot: { presence: 'present' }, blade: 'unknown', blind: 'serial-differs' })
    expect(seen.why).toContain('OTHER1')
    expect(seen.why).toContain(serialIn(bench, 3))
  })

  test.each<Blindness>(['bmc-silent', 'bmc-busy', 'bmc-nonsense', 'bmc-refused', 'session-lost', 'hardware-refused'])(
    'that ends in %s says so and why, and still shows what the backplane shows',
    async (blind) => {
      const bench = new Bench()
      const seen = await bench.look(
        3,
        bench.failing(() => new Fault(blind, `told ${blind}`)),
      )
      expect(seen).toMatchObject({ slot: { presence: 'present' }, blade: 'unknown', blind, why: `told ${blind}` })
      expect(seen.reading?.bays[4]).toBeDefined()
    },
  )

  test('that waited long for a silent BMC shows the backplane as it is then, not as it was', async () => {
    const bench = new Bench()
    const slow = bench.failing(() => {
      bench.host.askBackplane({ do: 'permit', bay: 3, n: 5 })
      return new Fault('bmc-silent', 'no answer')
    })
    expect(await bench.look(3, slow)).toMatchObject({ slot: { permit: { n: 5 } }, blind: 'bmc-silent' })
    const gone = bench.failing(() => {
      bench.do({ do: 'pull', bay: 3 })
      return new Fault('bmc-silent', 'no answer')
    })
    expect(await bench.look(3, gone)).toMatchObject({ slot: { presence: 'empty' }, blade: 'empty' })
  })

  test('that nobody waits for any more blames the BMC that took so long, and not the backplane', async () => {
    const bench = new Bench()
    bench.do({ do: 'break', bay: 3, fault: { kind: 'silent' } })
    const patience = new AbortController()
    bench.clock.after(2_000, () => patience.abort())
    const seen = await bench.look(3, bench.driver, patience.signal)
    expect(seen).toMatchObject({ slot: { presence: 'present' }, blind: 'bmc-silent' })
  })

  test('without a backplane shows nothing, whatever a BMC might say', async () => {
    const bench = new Bench()
    bench.do({ do: 'ac', on: false })
    expect(await bench.look(3)).toMatchObject({ slot: 'unknown', blade: 'unknown', blind: 'backplane-silent' })
    expect(bench.order).toEqual([])
  })

  test('shows nothing either when the backplane falls silent at its end', async () => {
    const bench = new Bench()
    bench.after = (_, what) => what === 'blade' && bench.do({ do: 'ac', on: false })
    expect(await bench.look(3)).toMatchObject({ slot: 'unknown', blade: 'unknown', blind: 'backplane-silent' })
  })

  test('at a bay that the backplane does not have says so', async () => {
    expect(await new Bench().look(17)).toMatchObject({ slot: 'unknown', why: 'the backplane knows no bay 17' })
  })

  test('takes no mistake of ours for a fault of hardware', async () => {
    const bench = new Bench()
    const mistaken = bench.failing(() => new TypeError('a bug'))
    await expect(bench.look(3, mistaken)).rejects.toThrowError(TypeError)
    const backplane = { ...bench.backplane, read: () => Promise.reject(new TypeError('a bug')) }
    const { signal } = new AbortController()
    await expect(look(3, backplane, bench.driver, signal)).rejects.toThrowError(TypeError)
  })
})

test('a glance leaves the blade unknown for the reason given, and asks no BMC', async () => {
  const bench = new Bench()
  const { signal } = new AbortController()
  const seen = await glance(3, bench.backplane, 'agent-started', signal)
  expect(seen).toMatchObject({ slot: { presence: 'present' }, blade: 'unknown', blind: 'agent-started' })
  bench.do({ do: 'pull', bay: 3 })
  expect(await glance(3, bench.backplane, 'agent-started', signal)).toMatchObject({ blade: 'empty' })
  expect(bench.order).toEqual(['backplane', 'backplane'])
})
