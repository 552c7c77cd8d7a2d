import { describe, expect, it } from 'vitest'
import { afterNextPost } from '../../agent/core/blade.ts'
import { Bench, mac, timings } from './bench.ts'
import { withoutLatch } from './tiny-board.ts'

const address = mac('00:17:a4:77:00:02')

describe('the permit latch', () => {
  it('lets no blade power on before a permit, however it is asked', () => {
    const bench = new Bench()
    bench.do({ do: 'policy', bay: 1, policy: { restore: 'always-on' } })
    expect(bench.power(1, 'on')).toMatchObject({ ok: false, why: 'refused' })
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.do({ do: 'wake', bay: 1 })
    bench.do({ do: 'ac', on: false })
    bench.do({ do: 'ac', on: true })
    bench.wait(60_000)
    expect(bench.read(1).power).toBe('off')
    const tried = bench.log.flatMap((entry) => (entry.kind === 'no-power' ? [entry.why] : []))
    expect(tried).toEqual(['bmc-power-on', 'power-button', 'wake', 'restore-policy'])
  })

  it('is spent by one power-on, and a second needs another permit', () => {
    const bench = new Bench()
    bench.permit(1, 7)
    expect(bench.latch(1)).toEqual({ state: 'granted', n: 7 })
    bench.power(1, 'on')
    expect(bench.latch(1)).toEqual({ state: 'spent', n: 7 })
    bench.power(1, 'off')
    expect(bench.power(1, 'on')).toMatchObject({ ok: false, why: 'refused' })
    bench.permit(1, 8)
    expect(bench.power(1, 'on')).toEqual({ ok: true })
  })

  it('is not given twice for one arming number', () => {
    const bench = new Bench()
    bench.permit(1, 7)
    bench.permit(1, 7)
    bench.power(1, 'on')
    bench.power(1, 'off')
    expect(bench.permit(1, 7)).toEqual({ ok: true })
    expect(bench.latch(1)).toEqual({ state: 'spent', n: 7 })
    expect(bench.power(1, 'on')).toMatchObject({ ok: false })
  })

  it('when withdrawn stops no blade: granted becomes denied, spent stays spent', () => {
    const bench = new Bench()
    bench.permit(1, 3)
    bench.backplane({ do: 'withdraw', bay: 1 })
    expect(bench.latch(1)).toEqual({ state: 'denied', n: 3 })
    bench.boot(2, 4)
    bench.backplane({ do: 'withdraw', bay: 2 })
    expect(bench.latch(2)).toEqual({ state: 'spent', n: 4 })
    expect(bench.read(2).stage).toBe('os')
  })

  it('needs nothing for a warm reset, whose boot carries the number of the run', () => {
    const bench = new Bench()
    bench.boot(1, 5)
    expect(bench.power(1, 'reset')).toEqual({ ok: true })
    expect(bench.read(1)).toMatchObject({ stage: 'post', boots: 2 })
    bench.wait(timings.postMs)
    expect(bench.boots(1).map(({ why, n }) => [why, n])).toEqual([
      ['bmc-power-on', 5],
      ['warm-reset', 5],
    ])
  })

  it('reads denied with n = 0 after AC loss, after a cut, and for a blade that was put in', () => {
    const bench = new Bench()
    const zero = { state: 'denied', n: 0 }
    expect(bench.latch(1)).toEqual(zero)
    bench.permit(1, 9)
    bench.do({ do: 'ac', on: false })
    bench.do({ do: 'ac', on: true })
    expect(bench.latch(1)).toEqual(zero)
    bench.permit(1, 10)
    bench.backplane({ do: 'cut', bay: 1 })
    expect(bench.latch(1)).toEqual(zero)
    bench.wait(timings.cutMs)
    bench.permit(1, 11)
    const serial = bench.serial(1)
    bench.do({ do: 'pull', bay: 1 })
    expect(bench.latch(1)).toEqual(zero)
    expect(bench.permit(1, 12)).toEqual({ ok: false, error: 'bay 1 has no blade to permit' })
    bench.do({ do: 'insert', bay: 1, blade: { serial } })
    expect(bench.latch(1)).toEqual(zero)
  })

  it('is none where the board has none, and blades power on freely there', () => {
    const bench = new Bench({ hardware: withoutLatch })
    expect(bench.latch(1)).toBe('none')
    expect(bench.backplane({ do: 'withdraw', bay: 1 })).toEqual({ ok: true })
    expect(bench.permit(1, 1)).toEqual({ ok: false, error: 'this chassis has no permit latch' })
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.wait(timings.postMs)
    expect(bench.boots(1)).toMatchObject([{ why: 'power-button' }])
    expect(bench.boots(1)[0]?.n).toBeUndefined()
  })
})

describe('a button between two looks', () => {
  const wearing = () => {
    const bench = new Bench({ hardware: withoutLatch })
    bench.write(1, { 'lom:1-a': { role: 'nic', mac: address } })
    bench.boot(1)
    bench.power(1, 'off')
    return bench
  }

  it('makes off-then-bare a wrong proof: an address is live that both looks called gone (W1)', () => {
    const bench = wearing()
    expect(bench.read(1).power).toBe('off')
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.wait(timings.postMs)
    bench.clear(1, 'lom:1-a')
    expect(afterNextPost(bench.fn(1, 'lom:1-a'))).toEqual(bench.fn(1, 'lom:1-a').factory)
    // Whoever stopped here and dressed bay 2 has two of them.
    bench.write(2, { 'lom:1-a': { role: 'nic', mac: address } })
    bench.boot(2)
    expect(bench.duplicates()).toMatchObject([{ address, wearers: [{ bay: 1 }, { bay: 2 }] }])
  })

  it('does nothing to bare-then-off: a button pressed between can only bring up factory addresses', () => {
    const bench = wearing()
    bench.clear(1, 'lom:1-a')
    expect(afterNextPost(bench.fn(1, 'lom:1-a'))).toEqual(bench.fn(1, 'lom:1-a').factory)
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.wait(timings.postMs)
    expect(bench.read(1).power).toBe('on')
    bench.write(2, { 'lom:1-a': { role: 'nic', mac: address } })
    bench.boot(2)
    expect(bench.duplicates()).toEqual([])
  })

  it('changes nothing where the latch denies', () => {
    const bench = new Bench()
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.wait(60_000)
    expect(bench.read(1).power).toBe('off')
  })
})

describe('power', () => {
  it('goes on in the background: standby, POST, operating system', () => {
    const bench = new Bench()
    bench.permit(1, 1)
    bench.power(1, 'on')
    bench.wait(timings.postMs - 1)
    expect(bench.read(1)).toMatchObject({ power: 'on', stage: 'post', stageSeconds: 9, boots: 1 })
    bench.wait(1)
    expect(bench.read(1)).toMatchObject({ power: 'on', stage: 'os', stageSeconds: 0 })
    expect(bench.slot(1)).toMatchObject({ powerGood: true })
  })

  it('is asked twice and changes once', () => {
    const bench = new Bench()
    bench.permit(1, 1)
    bench.power(1, 'on')
    bench.power(1, 'on')
    bench.power(1, 'off')
    bench.power(1, 'off')
    expect(bench.log.filter(({ kind }) => kind === 'power')).toHaveLength(2)
  })

  it('takes its time to shut down gracefully, and only a system listens', () => {
    const bench = new Bench()
    bench.permit(1, 1)
    bench.power(1, 'on')
    bench.power(1, 'shutdown')
    bench.wait(timings.postMs)
    expect(bench.read(1).stage).toBe('os')
    bench.power(1, 'shutdown')
    bench.wait(timings.shutdownMs - 1)
    expect(bench.read(1).power).toBe('on')
    bench.wait(1)
    expect(bench.read(1).power).toBe('off')
  })

  it('of a system that shuts itself down goes away with AC present and no cut (W26)', () => {
    const bench = new Bench()
    bench.boot(1)
    bench.do({ do: 'system', bay: 1, does: 'shutdown' })
    bench.wait(timings.shutdownMs)
    expect(bench.slot(1)).toMatchObject({ powerGood: false, permit: { state: 'spent', n: 1 } })
  })

  it('cycles only with a permit for the second half', () => {
    const bench = new Bench()
    bench.boot(1, 1)
    bench.permit(1, 2)
    bench.bmc(1, { kind: 'cycle', session: bench.session(1) })
    expect(bench.read(1).power).toBe('off')
    bench.wait(timings.cycleMs + timings.postMs)
    expect(bench.boots(1).map(({ why, n }) => [why, n])).toEqual([
      ['bmc-power-on', 1],
      ['power-cycle', 2],
    ])
    bench.bmc(1, { kind: 'cycle', session: bench.session(1) })
    bench.wait(timings.cycleMs + timings.postMs)
    expect(bench.read(1).power).toBe('off')
  })

  it('stays off when it is switched off in the middle of a cycle', () => {
    const bench = new Bench({ hardware: withoutLatch })
    bench.boot(1)
    bench.bmc(1, { kind: 'cycle', session: bench.session(1) })
    bench.power(1, 'off')
    bench.wait(60_000)
    expect(bench.read(1).power).toBe('off')
  })

  it('follows the front button unless the policy says otherwise', () => {
    const bench = new Bench()
    bench.permit(1, 1)
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.wait(timings.postMs)
    expect(bench.read(1).stage).toBe('os')
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.wait(timings.shutdownMs)
    expect(bench.read(1).power).toBe('off')
    bench.permit(1, 2)
    bench.do({ do: 'policy', bay: 1, policy: { button: 'disabled', wake: 'disabled' } })
    bench.do({ do: 'button', bay: 1, hold: false })
    bench.do({ do: 'wake', bay: 1 })
    bench.wait(60_000)
    expect(bench.read(1).power).toBe('off')
    expect(bench.latch(1)).toEqual({ state: 'granted', n: 2 })
  })

  it('comes back after AC loss as the restore policy says, where no latch holds it', () => {
    const cases = [
      ['always-off', true, 'off'],
      ['last-state', true, 'on'],
      ['last-state', false, 'off'],
      ['always-on', false, 'on'],
    ] as const
    for (const [restore, wasOn, after] of cases) {
      const bench = new Bench({ hardware: withoutLatch })
      bench.bmc(1, {
        kind: 'policy',
        session: bench.session(1),
        policy: { restore, button: 'disabled', wake: 'disabled' },
      })
      if (wasOn) bench.boot(1)
      bench.do({ do: 'ac', on: false })
      bench.wait(1_000)
      bench.do({ do: 'ac', on: true })
      bench.wait(timings.bmcBootMs)
      expect([restore, wasOn, bench.read(1).power]).toEqual([restore, wasOn, after])
    }
  })
})

describe('AC, cuts and hands', () => {
  it('AC loss takes every blade and every BMC at once', () => {
    const bench = new Bench()
    bench.boot(1)
    bench.do({ do: 'ac', on: false })
    expect(bench.backplane({ do: 'read' })).toBeUndefined()
    expect(bench.bmc(1, { kind: 'login', user: 'admin', password: 'blade-pw' })).toMatchObject({
      ok: false,
      why: 'not-here',
    })
    bench.do({ do: 'ac', on: true })
    expect(bench.slot(1)).toMatchObject({ powerGood: false })
    expect(bench.bmc(1, { kind: 'login', user: 'admin', password: 'blade-pw' })).toMatchObject({
      ok: false,
      why: 'not-here',
    })
    bench.wait(timings.bmcBootMs)
    expect(bench.read(1)).toMatchObject({ power: 'off', boots: 0 })
  })

  it('a cut makes power good read low at once, and its standby returns after a second', () => {
    const bench = new Bench()
    bench.boot(1)
    expect(bench.backplane({ do: 'cut', bay: 1 })).toEqual({ ok: true })
    expect(bench.slot(1)).toMatchObject({ presence: 'present', powerGood: false })
    expect(bench.read(2).power).toBe('off')
    bench.wait(timings.cutMs + timings.bmcBootMs)
    expect(bench.read(1)).toMatchObject({ power: 'off', boots: 0 })
  })

  it('a board without a power cut says so, and what hands can do', () => {
    const bench = new Bench({ hardware: withoutLatch })
    expect(bench.backplane({ do: 'cut', bay: 1 })).toMatchObject({
      ok: false,
      error: expect.stringContaining('pull the blade of bay 1'),
    })
  })

  it('a tall blade fills two bays and covers the lower one', () => {
    const bench = new Bench({ empty: true })
    const tall = { product: 'Tall Blade', localDisk: true }
    expect(bench.do({ do: 'insert', bay: 3, blade: tall })).toBe('a full-height blade does not go into bay 3')
    expect(bench.do({ do: 'insert', bay: 1, blade: tall })).toBeUndefined()
    expect(bench.slot(3)).toMatchObject({ presence: 'covered', by: 1 })
    expect(bench.do({ do: 'insert', bay: 3, blade: { product: 'Blade', localDisk: true } })).toBe(
      'bay 3 is covered by the blade in bay 1; pull that first',
    )
    bench.do({ do: 'pull', bay: 1 })
    expect(bench.slot(3)).toMatchObject({ presence: 'empty' })
    bench.do({ do: 'insert', bay: 3, blade: { product: 'Blade', localDisk: true } })
    expect(bench.do({ do: 'insert', bay: 1, blade: tall })).toBe('bay 3 holds a blade; pull it first')
  })

  it('two blades change places, or nothing happens at all', () => {
    const bench = new Bench()
    const [one, two] = [bench.serial(1), bench.serial(2)]
    expect(bench.do({ do: 'swap', bay: 1, blade: { with: 2 } })).toBeUndefined()
    expect([bench.serial(1), bench.serial(2)]).toEqual([two, one])
    const entries = bench.log.length
    expect(bench.do({ do: 'swap', bay: 1, blade: { with: 4 } })).toBe('bay 4 has no other blade to swap with')
    expect([bench.serial(1), bench.log.length]).toEqual([two, entries])
    expect(bench.do({ do: 'swap', bay: 1, blade: { product: 'Blade', localDisk: true } })).toBeUndefined()
    expect([one, two]).not.toContain(bench.serial(1))
  })

  it('the same seed makes the same chassis, another seed another one', () => {
    const text = (seed: string) => JSON.stringify(new Bench({ seed }).world.slots)
    expect(text('a')).toBe(text('a'))
    expect(text('a')).not.toBe(text('b'))
    const macs = (seed: string) =>
      new Bench({ seed }).read(1).adapters.flatMap(({ functions }) => functions.flatMap((fn) => fn.factory.mac ?? []))
    expect(new Set([...macs('a'), ...macs('b')]).size).toBe(8)
  })
})

describe('POST', () => {
  it('halts before boot where a setting does not apply, with no address on the wire (W5)', () => {
    const bench = new Bench()
    bench.do({ do: 'break', bay: 1, fault: { kind: 'post-fails', after: 1 } })
    bench.write(1, {
      'lom:1-a': { role: 'nic', mac: address },
      'lom:2-a': { role: 'nic', mac: mac('00:17:a4:77:00:03') },
    })
    bench.boot(1)
    expect(bench.read(1)).toMatchObject({ power: 'on', stage: 'halted' })
    expect(bench.fn(1, 'lom:1-a').applied.mac).toBe(address)
    expect(bench.fn(1, 'lom:2-a').pending?.mac).toBe('00:17:a4:77:00:03')
    expect(bench.boots(1)).toEqual([])
    expect(bench.log.filter(({ kind }) => kind === 'live')).toEqual([])
  })

  it('leaves a record of every function in use, where it arrives, and why the blade came up', () => {
    const bench = new Bench()
    bench.write(1, { 'lom:2-a': { role: 'nic', mac: address, vlan: 30 } })
    bench.boot(1, 42)
    const [record] = bench.boots(1)
    expect(record).toMatchObject({
      bay: 1,
      serial: bench.serial(1),
      why: 'bmc-power-on',
      n: 42,
      booted: { from: 'local' },
    })
    expect(record?.functions.find(({ key }) => key === 'lom:2-a')).toEqual({
      key: 'lom:2-a',
      role: 'nic',
      mac: address,
      vlan: 30,
      reaches: { interconnect: 'ic2', downlink: 9 },
    })
    expect(record?.functions).toHaveLength(6)
  })

  it('shows the system the identity that was written, from POST on', () => {
    const bench = new Bench()
    const uuid = '12345678-1234-4123-8123-123456789abc'
    bench.bmc(1, { kind: 'show', session: bench.session(1), shown: { uuid: uuid as never } })
    bench.boot(1)
    expect(bench.boots(1)[0]?.shown).toEqual({ uuid, serial: bench.serial(1) })
    expect(bench.read(1).uuid).not.toBe(uuid)
    bench.clear(1, 'lom:1-a')
    expect(bench.read(1).shown).toEqual({})
  })
})
