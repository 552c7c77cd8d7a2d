import { describe, expect, it } from 'vitest'
import { parseSerial, type Serial } from '../../agent/core/addresses.ts'
import { type AddressKind, duplicates, type LogEntry } from '../../agent/sim/log.ts'
import { Bench, mac, timings } from './bench.ts'

const serial = (text: string): Serial => {
  const parsed = parseSerial(text)
  if (parsed === undefined) throw new Error('no serial')
  return parsed
}
const entry = (
  at: number,
  kind: 'live' | 'dark',
  blade: string,
  fn: string,
  address: string,
  which: AddressKind = 'mac',
): LogEntry => ({
  at,
  kind,
  bay: 1,
  serial: serial(blade),
  fn,
  which,
  address,
})

describe('the checker of duplicates', () => {
  it('finds every instant at which two functions wear one address', () => {
    const log = [
      entry(1, 'live', 'A', 'lom:1-a', 'm1'),
      entry(2, 'live', 'B', 'lom:1-a', 'm1'),
      entry(3, 'live', 'C', 'lom:1-a', 'm1'),
      entry(4, 'dark', 'A', 'lom:1-a', 'm1'),
    ]
    expect(duplicates(log).map(({ at, wearers }) => [at, wearers.map((each) => each.serial)])).toEqual([
      [2, ['A', 'B']],
      [3, ['A', 'B', 'C']],
    ])
  })

  it('finds two functions of one blade with one address', () => {
    const log = [entry(1, 'live', 'A', 'lom:1-a', 'm1'), entry(1, 'live', 'A', 'lom:2-a', 'm1')]
    expect(duplicates(log)).toHaveLength(1)
  })

  it('accepts an address that went dark first, at the same instant too', () => {
    const log = [
      entry(1, 'live', 'A', 'lom:1-a', 'm1'),
      entry(2, 'dark', 'A', 'lom:1-a', 'm1'),
      entry(2, 'live', 'B', 'lom:1-a', 'm1'),
    ]
    expect(duplicates(log)).toEqual([])
  })

  it('lets functions of one host share its node name and its initiator name, and those of two hosts not', () => {
    for (const which of ['wwnn', 'iqn'] as const) {
      const one = [entry(1, 'live', 'A', 'a', 'n', which), entry(1, 'live', 'A', 'b', 'n', which)]
      expect(duplicates(one)).toEqual([])
      expect(duplicates([...one, entry(2, 'live', 'B', 'a', 'n', which)])).toHaveLength(1)
    }
  })
})

describe('the log of the world', () => {
  const address = mac('00:17:a4:77:00:02')

  it('shows a duplicate that was planted, and when it ended', () => {
    const bench = new Bench()
    for (const bay of [1, 2]) {
      bench.write(bay, { 'lom:1-a': { role: 'nic', mac: address } })
      bench.boot(bay)
    }
    expect(bench.duplicates()).toMatchObject([{ which: 'mac', address, wearers: [{ bay: 1 }, { bay: 2 }] }])
    bench.power(1, 'off')
    bench.power(2, 'reset')
    bench.wait(timings.postMs)
    expect(bench.duplicates()).toHaveLength(1)
  })

  it('shows none while an address is only waiting in two tables', () => {
    const bench = new Bench()
    for (const bay of [1, 2]) bench.write(bay, { 'lom:1-a': { role: 'nic', mac: address } })
    bench.boot(1)
    expect(bench.duplicates()).toEqual([])
  })

  it('has each address dark again whenever its blade is, whatever took the power', () => {
    const darken: readonly ((bench: Bench) => void)[] = [
      (bench) => bench.power(1, 'off'),
      (bench) => bench.do({ do: 'pull', bay: 1 }),
      (bench) => bench.backplane({ do: 'cut', bay: 1 }),
      (bench) => bench.do({ do: 'ac', on: false }),
      (bench) => bench.do({ do: 'button', bay: 1, hold: true }),
    ]
    for (const go of darken) {
      const bench = new Bench()
      bench.boot(1)
      const live = bench.log.filter(({ kind }) => kind === 'live').length
      expect(live).toBe(9)
      go(bench)
      expect(bench.log.filter(({ kind }) => kind === 'dark')).toHaveLength(live)
    }
  })

  it('tells which commands reached a BMC, by which session, and what came of them', () => {
    const bench = new Bench()
    const session = bench.session(1)
    bench.power(1, 'on')
    bench.permit(1, 1)
    bench.power(1, 'on')
    const commands = bench.log.filter((each) => each.kind === 'command')
    expect(commands).toMatchObject([
      { request: 'login', session, outcome: 'done' },
      { request: 'power', session, detail: 'on', outcome: 'refused' },
      { request: 'power', session, detail: 'on', outcome: 'done' },
    ])
  })
})
