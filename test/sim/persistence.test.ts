import { describe, expect, it } from 'vitest'
import type { FunctionValue } from '../../agent/core/blade.ts'
import { Bench, iqn, mac, timings, wwn } from './bench.ts'

const assigned: FunctionValue = {
  role: 'iscsi',
  mac: mac('00:17:a4:77:00:02'),
  iqn: iqn('iqn.2015-02.com.example:web-1'),
  vlan: 12,
  boot: {
    via: 'iscsi',
    targets: [{ iqn: iqn('iqn.2001-05.com.example:disks'), address: '10.0.0.9', tcpPort: 3260, lun: '0' }],
    network: { by: 'dhcp' },
  },
}
const key = 'lom:1-b'

type Loss = 'AC loss' | 'cold boot' | 'warm boot'
const losses: readonly Loss[] = ['AC loss', 'cold boot', 'warm boot']

/** After a loss, without booting again where the blade ends up off. */
function lose(bench: Bench, loss: Loss): void {
  switch (loss) {
    case 'AC loss':
      bench.do({ do: 'ac', on: false })
      bench.wait(10_000)
      bench.do({ do: 'ac', on: true })
      bench.wait(timings.bmcBootMs)
      return
    case 'cold boot':
      bench.power(1, 'off')
      return
    case 'warm boot':
      bench.power(1, 'reset')
      bench.wait(timings.postMs + timings.attachMs)
  }
}

/** The rows of DESIGN §7, and what the models without a row declare. */
const rows: readonly {
  readonly product: string
  readonly address: readonly [ac: boolean, cold: boolean, warm: boolean]
  readonly storage: readonly [ac: boolean, cold: boolean, warm: boolean]
}[] = [
  { product: 'Blade', address: [false, true, true], storage: [true, true, true] },
  { product: 'Blade B', address: [false, false, true], storage: [true, true, true] },
]

describe('what a blade keeps', () => {
  for (const { product, address, storage } of rows) {
    for (const [index, loss] of losses.entries()) {
      const keepsAddress = address[index] === true
      const keepsStorage = storage[index] === true
      it(`${product}: ${loss} ${keepsAddress ? 'keeps' : 'erases'} its address and ${keepsStorage ? 'keeps' : 'erases'} initiator and targets`, () => {
        const bench = new Bench({ empty: true })
        bench.do({ do: 'insert', bay: 1, blade: { product, localDisk: true } })
        bench.wait(timings.bmcBootMs)
        bench.write(1, { [key]: assigned })
        bench.boot(1)
        expect(bench.fn(1, key).applied).toEqual(assigned)
        lose(bench, loss)
        const { applied, factory, pending } = bench.fn(1, key)
        expect(pending).toBeUndefined()
        expect(applied.role).toBe(keepsAddress ? 'iscsi' : 'nic')
        expect(applied.mac).toBe(keepsAddress ? assigned.mac : factory.mac)
        expect(applied.vlan).toBe(keepsAddress ? 12 : undefined)
        expect(applied.iqn).toBe(keepsStorage ? assigned.iqn : undefined)
        expect(applied.boot).toEqual(keepsStorage ? assigned.boot : undefined)
      })
    }
  }

  it('AC loss erases world-wide names and leaves the Fibre Channel targets', () => {
    const bench = new Bench()
    const targets = [{ wwpn: wwn('50:06:01:60:3b:20:11:22'), lun: '0' }]
    const value: FunctionValue = {
      role: 'fc',
      wwpn: wwn('50:06:0b:00:00:c2:62:00'),
      wwnn: wwn('50:06:0b:00:00:c2:62:01'),
      boot: { via: 'fc', targets },
    }
    bench.write(1, { 'mezz1:1-a': value })
    bench.boot(1)
    lose(bench, 'AC loss')
    const { applied, factory } = bench.fn(1, 'mezz1:1-a')
    expect(applied).toEqual({ ...factory, boot: { via: 'fc', targets } })
  })

  it('a software function is what the factory made once its host is off, and comes back over a warm boot', () => {
    const bench = new Bench({ empty: true })
    bench.do({ do: 'insert', bay: 1, blade: { product: 'Blade S', localDisk: true } })
    bench.wait(timings.bmcBootMs)
    const value: FunctionValue = { role: 'nic', mac: mac('00:17:a4:77:00:04') }
    bench.write(1, { 'lom:1-v': value })
    bench.boot(1)
    lose(bench, 'warm boot')
    expect(bench.fn(1, 'lom:1-v').applied).toEqual(value)
    lose(bench, 'cold boot')
    expect(bench.fn(1, 'lom:1-v').applied).toEqual(bench.fn(1, 'lom:1-v').factory)
  })

  it('a director keeps its functions over every loss of the blade', () => {
    for (const loss of losses) {
      const bench = new Bench({ empty: true })
      bench.do({ do: 'insert', bay: 1, blade: { product: 'Blade D', localDisk: true } })
      bench.wait(timings.bmcBootMs)
      const value: FunctionValue = { role: 'nic', mac: mac('00:17:a4:77:00:05') }
      bench.write(1, { 'lom:1-v': value })
      bench.boot(1)
      lose(bench, loss)
      expect(bench.fn(1, 'lom:1-v').applied).toEqual(value)
    }
  })

  it('what waits in the table survives a cold boot request that never came, and not the loss of AC, a cut or a pull', () => {
    const darken: readonly ((bench: Bench) => void)[] = [
      (bench) => lose(bench, 'AC loss'),
      (bench) => {
        bench.backplane({ do: 'cut', bay: 1 })
        bench.wait(timings.cutMs + timings.bmcBootMs)
      },
      (bench) => {
        const serial = bench.serial(1)
        bench.do({ do: 'pull', bay: 1 })
        bench.do({ do: 'insert', bay: 1, blade: { serial } })
        bench.wait(timings.bmcBootMs)
      },
    ]
    for (const go of darken) {
      const bench = new Bench()
      bench.write(1, { [key]: assigned })
      bench.wait(600_000)
      expect(bench.fn(1, key).pending).toEqual(assigned)
      go(bench)
      expect(bench.fn(1, key).pending).toBeUndefined()
      expect(bench.fn(1, key).applied).toEqual(bench.fn(1, key).factory)
    }
  })

  it('an initiator name goes with a pulled blade into another bay', () => {
    const bench = new Bench()
    bench.write(1, { [key]: assigned })
    bench.boot(1)
    const serial = bench.serial(1)
    bench.do({ do: 'pull', bay: 1 })
    bench.do({ do: 'insert', bay: 4, blade: { serial } })
    bench.wait(timings.bmcBootMs)
    expect(bench.read(4).serial).toBe(serial)
    expect(bench.fn(4, key).applied.iqn).toBe(assigned.iqn)
    expect(bench.fn(4, key).applied.mac).toBe(bench.fn(4, key).factory.mac)
  })

  it('an adapter that was exchanged comes with its own addresses and nothing assigned', () => {
    const bench = new Bench()
    bench.write(1, { [key]: assigned })
    bench.boot(1)
    expect(bench.do({ do: 'adapter', bay: 1, slot: 'lom' })).toBe('bay 1 is on; power it off first')
    bench.power(1, 'off')
    const before = bench.read(1).adapters[0]
    expect(bench.do({ do: 'adapter', bay: 1, slot: 'lom' })).toBeUndefined()
    bench.wait(timings.bmcBootMs)
    const after = bench.read(1).adapters[0]
    expect(after?.serial).not.toBe(before?.serial)
    expect(after?.functions[0]?.factory.mac).not.toBe(before?.functions[0]?.factory.mac)
    expect(bench.fn(1, key).applied).toEqual(bench.fn(1, key).factory)
  })
})

describe('when a setting takes effect', () => {
  it('a converged adapter takes it at the next POST, whether it was written while off or while running', () => {
    const bench = new Bench()
    const first: FunctionValue = { role: 'nic', mac: mac('00:17:a4:77:00:10') }
    const second: FunctionValue = { role: 'nic', mac: mac('00:17:a4:77:00:11') }
    bench.write(1, { 'lom:1-a': first })
    expect(bench.fn(1, 'lom:1-a')).toMatchObject({
      pending: first,
      applied: { mac: bench.fn(1, 'lom:1-a').factory.mac },
    })
    bench.boot(1)
    expect(bench.fn(1, 'lom:1-a').pending).toBeUndefined()
    expect(bench.fn(1, 'lom:1-a').applied).toEqual(first)
    bench.write(1, { 'lom:1-a': second })
    bench.wait(600_000)
    expect(bench.fn(1, 'lom:1-a')).toMatchObject({ pending: second, applied: first })
    bench.power(1, 'reset')
    bench.wait(timings.postMs)
    expect(bench.fn(1, 'lom:1-a').applied).toEqual(second)
  })

  it('a software function takes it when the host driver attaches, not at POST', () => {
    const bench = new Bench({ empty: true })
    bench.do({ do: 'insert', bay: 1, blade: { product: 'Blade S', localDisk: true } })
    bench.wait(timings.bmcBootMs)
    const value: FunctionValue = { role: 'nic', mac: mac('00:17:a4:77:00:12') }
    bench.write(1, { 'lom:1-v': value })
    bench.permit(1, 1)
    bench.power(1, 'on')
    bench.wait(timings.postMs)
    expect(bench.fn(1, 'lom:1-v').pending).toEqual(value)
    expect(bench.log.some((entry) => entry.kind === 'live' && entry.address === value.mac)).toBe(false)
    bench.wait(timings.attachMs)
    expect(bench.fn(1, 'lom:1-v').applied).toEqual(value)
    expect(bench.log.some((entry) => entry.kind === 'live' && entry.address === value.mac)).toBe(true)
    expect(bench.boots(1)[0]?.functions.map((fn) => fn.mac)).toContain(value.mac)
  })

  it('a director function comes and goes on a running blade', () => {
    const bench = new Bench({ empty: true })
    bench.do({ do: 'insert', bay: 1, blade: { product: 'Blade D', localDisk: true } })
    bench.wait(timings.bmcBootMs)
    bench.boot(1)
    const value: FunctionValue = { role: 'nic', mac: mac('00:17:a4:77:00:13') }
    const told = () =>
      bench.log.filter((entry) => (entry.kind === 'live' || entry.kind === 'dark') && entry.address === value.mac)
    bench.write(1, { 'lom:1-v': value })
    expect(told().map(({ kind }) => kind)).toEqual(['live'])
    bench.clear(1, 'lom:1-v')
    expect(told().map(({ kind }) => kind)).toEqual(['live', 'dark'])
  })
})
