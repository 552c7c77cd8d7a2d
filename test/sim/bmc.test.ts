import { describe, expect, it } from 'vitest'
import { parseSerial } from '../../agent/core/addresses.ts'
import { Bench, mac, timings } from './bench.ts'

const value = { role: 'nic' as const, mac: mac('00:17:a4:77:00:02') }

describe('sessions of a BMC', () => {
  it('need the right credentials, which each bay may have of its own', () => {
    const bench = new Bench()
    expect(bench.bmc(1, { kind: 'login', user: 'admin', password: 'wrong' })).toMatchObject({
      ok: false,
      why: 'credentials',
    })
    bench.do({ do: 'credentials', bay: 1, credentials: { user: 'root', password: 'calvin' } })
    expect(bench.bmc(1, { kind: 'login', user: 'admin', password: 'blade-pw' })).toMatchObject({
      ok: false,
      why: 'credentials',
    })
    expect(bench.bmc(1, { kind: 'login', user: 'root', password: 'calvin' })).toMatchObject({ ok: true })
    expect(bench.bmc(2, { kind: 'login', user: 'admin', password: 'blade-pw' })).toMatchObject({ ok: true })
  })

  it('are four at most, and one that is ended makes room', () => {
    const bench = new Bench()
    const sessions = [1, 2, 3, 4].map(() => bench.login(1))
    expect(new Set(sessions).size).toBe(4)
    expect(bench.bmc(1, { kind: 'login', user: 'admin', password: 'blade-pw' })).toMatchObject({
      ok: false,
      why: 'session-limit',
    })
    const [mine = '', other = ''] = sessions
    expect(bench.bmc(1, { kind: 'sessions', session: mine })).toEqual({ ok: true, sessions })
    bench.bmc(1, { kind: 'end-session', session: mine, other })
    expect(bench.bmc(1, { kind: 'read', session: other })).toMatchObject({ ok: false, why: 'no-session' })
    expect(bench.login(1)).not.toBe(other)
  })

  it('end by themselves when nobody uses them', () => {
    const bench = new Bench()
    const session = bench.login(1)
    bench.wait(timings.sessionIdleMs - 1)
    expect(bench.bmc(1, { kind: 'read', session })).toMatchObject({ ok: true })
    bench.wait(timings.sessionIdleMs)
    expect(bench.bmc(1, { kind: 'read', session })).toMatchObject({ ok: false, why: 'no-session' })
  })

  it('end when the BMC reboots, while the blade runs on', () => {
    const bench = new Bench()
    bench.boot(1)
    const session = bench.session(1)
    bench.do({ do: 'reboot-bmc', bay: 1 })
    expect(bench.bmc(1, { kind: 'read', session })).toMatchObject({ ok: false, why: 'not-here' })
    bench.wait(timings.bmcBootMs)
    expect(bench.bmc(1, { kind: 'read', session })).toMatchObject({ ok: false, why: 'no-session' })
    expect(bench.read(1)).toMatchObject({ stage: 'os', boots: 1 })
  })
})

describe('changes', () => {
  it('are taken whole or not at all', () => {
    const bench = new Bench()
    expect(bench.write(1, { 'lom:1-a': value, 'mezz9:1-a': value })).toMatchObject({
      ok: false,
      message: 'no function mezz9:1-a here',
    })
    expect(bench.write(1, { 'lom:1-a': value, 'mezz1:1-a': value })).toMatchObject({
      ok: false,
      message: 'mezz1:1-a can not be nic; it can be fc',
    })
    expect(bench.fn(1, 'lom:1-a').pending).toBeUndefined()
  })
})

describe('a BMC that misbehaves', () => {
  it('silent: drops what it is asked', () => {
    const bench = new Bench()
    const session = bench.session(1)
    bench.do({ do: 'break', bay: 1, fault: { kind: 'silent' } })
    expect(bench.write(1, { 'lom:1-a': value })).toBe('silence')
    expect(bench.bmc(1, { kind: 'read', session })).toBe('silence')
    bench.do({ do: 'mend', bay: 1 })
    expect(bench.fn(1, 'lom:1-a').pending).toBeUndefined()
  })

  it('late: never answers, and does it long after', () => {
    const bench = new Bench()
    const session = bench.session(1)
    bench.do({ do: 'break', bay: 1, fault: { kind: 'late', ms: 30_000 } })
    expect(bench.write(1, { 'lom:1-a': value })).toBe('silence')
    expect(bench.bmc(1, { kind: 'tasks', session })).toEqual({ ok: true, tasks: [{ session, what: 'write' }] })
    bench.wait(29_999)
    expect(bench.fn(1, 'lom:1-a').pending).toBeUndefined()
    bench.wait(1)
    expect(bench.fn(1, 'lom:1-a').pending).toEqual(value)
    const outcomes = bench.log.flatMap((entry) =>
      entry.kind === 'command' && entry.request === 'write' ? [entry.outcome] : [],
    )
    expect(outcomes).toEqual(['late', 'done'])
  })

  it('late: a session that is ended takes its unfinished changes with it, a BMC reboot does not (W2)', () => {
    for (const ends of ['end-session', 'reboot'] as const) {
      const bench = new Bench()
      const late = bench.session(1)
      const other = bench.login(1)
      bench.do({ do: 'break', bay: 1, fault: { kind: 'late', ms: 30_000 } })
      bench.write(1, { 'lom:1-a': value })
      if (ends === 'end-session') bench.bmc(1, { kind: 'end-session', session: other, other: late })
      else bench.do({ do: 'reboot-bmc', bay: 1 })
      bench.wait(60_000)
      expect(bench.fn(1, 'lom:1-a').pending).toEqual(ends === 'reboot' ? value : undefined)
    }
  })

  it('late: a power-on that comes late needs the permit of its own instant', () => {
    const bench = new Bench()
    bench.do({ do: 'break', bay: 1, fault: { kind: 'late', ms: 30_000 } })
    bench.permit(1, 1)
    bench.power(1, 'on')
    bench.backplane({ do: 'withdraw', bay: 1 })
    bench.wait(60_000)
    expect(bench.read(1).power).toBe('off')
  })

  it('late: a cut forgets what was under way', () => {
    const bench = new Bench()
    bench.do({ do: 'break', bay: 1, fault: { kind: 'late', ms: 30_000 } })
    bench.write(1, { 'lom:1-a': value })
    bench.backplane({ do: 'cut', bay: 1 })
    bench.wait(60_000)
    expect(bench.fn(1, 'lom:1-a').pending).toBeUndefined()
  })

  it('lying: tells the opposite power, hides addresses, or says yes and does nothing', () => {
    const bench = new Bench()
    bench.write(1, { 'lom:1-a': value })
    bench.boot(1)
    bench.do({ do: 'break', bay: 1, fault: { kind: 'lies-power' } })
    expect(bench.read(1)).toMatchObject({ power: 'off', stage: 'off' })
    expect(bench.slot(1)).toMatchObject({ powerGood: true })
    bench.do({ do: 'mend', bay: 1, fault: 'lies-power' })
    bench.do({ do: 'break', bay: 1, fault: { kind: 'lies-addresses' } })
    expect(bench.fn(1, 'lom:1-a').applied).toEqual(bench.fn(1, 'lom:1-a').factory)
    bench.do({ do: 'mend', bay: 1 })
    bench.do({ do: 'break', bay: 1, fault: { kind: 'lies-writes' } })
    expect(bench.clear(1, 'lom:1-a')).toEqual({ ok: true })
    expect(bench.power(1, 'off')).toEqual({ ok: true })
    expect(bench.read(1).power).toBe('on')
    expect(bench.fn(1, 'lom:1-a').pending).toBeUndefined()
  })

  it('starved: has no session for anybody new', () => {
    const bench = new Bench()
    const session = bench.session(1)
    bench.do({ do: 'break', bay: 1, fault: { kind: 'starved' } })
    expect(bench.bmc(1, { kind: 'login', user: 'admin', password: 'blade-pw' })).toMatchObject({
      ok: false,
      why: 'session-limit',
    })
    expect(bench.bmc(1, { kind: 'read', session })).toMatchObject({ ok: true })
  })

  it('deaf to shutdown: runs on', () => {
    const bench = new Bench()
    bench.boot(1)
    bench.do({ do: 'break', bay: 1, fault: { kind: 'ignores-shutdown' } })
    expect(bench.power(1, 'shutdown')).toEqual({ ok: true })
    bench.wait(60_000)
    expect(bench.read(1).power).toBe('on')
  })

  it('speaking for another blade: its serial is not the one that the backplane reads (W7)', () => {
    const bench = new Bench()
    const serial = parseSerial('OTHER-1')
    if (serial === undefined) throw new Error('no serial')
    bench.do({ do: 'break', bay: 1, fault: { kind: 'wrong-serial', serial } })
    expect(bench.read(1).serial).toBe('OTHER-1')
    expect(bench.serial(1)).not.toBe('OTHER-1')
  })

  it('lagging: reads the power of a while ago', () => {
    const bench = new Bench()
    bench.boot(1)
    bench.do({ do: 'break', bay: 1, fault: { kind: 'power-lag', ms: 8_000 } })
    bench.power(1, 'off')
    bench.wait(7_999)
    expect(bench.read(1).power).toBe('on')
    expect(bench.slot(1)).toMatchObject({ powerGood: false })
    bench.wait(1)
    expect(bench.read(1).power).toBe('off')
  })
})
