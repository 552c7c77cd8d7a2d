import { describe, expect, it } from 'vitest'
import { parseId } from '../../agent/core/addresses.ts'
import type { FunctionValue, SystemBoot } from '../../agent/core/blade.ts'
import { Bench, iqn, mac, timings, wwn } from './bench.ts'

const target = wwn('50:06:01:60:3b:20:11:22')
const second = wwn('50:06:01:68:3b:20:11:22')
const initiator = wwn('50:06:0b:00:00:c2:62:00')
const fc: FunctionValue = {
  role: 'fc',
  wwpn: initiator,
  wwnn: wwn('50:06:0b:00:00:c2:62:01'),
  boot: {
    via: 'fc',
    targets: [
      { wwpn: target, lun: '0' },
      { wwpn: second, lun: '0' },
    ],
  },
}

function order(bench: Bench, boot: SystemBoot): void {
  bench.bmc(1, { kind: 'boot', session: bench.session(1), boot })
}

describe('a blade boots', () => {
  it('from its disk when nobody says anything', () => {
    const bench = new Bench()
    bench.boot(1)
    expect(bench.boots(1)[0]?.booted).toEqual({ from: 'local' })
  })

  it('from the LUN behind its storage port, and from the second target where the first does not let it in', () => {
    const bench = new Bench()
    bench.write(1, { 'mezz1:1-a': fc })
    order(bench, { mode: 'uefi', order: ['mezz1:1-a'] })
    bench.boot(1, 1)
    expect(bench.boots(1)[0]?.booted).toEqual({ from: 'fc', fn: 'mezz1:1-a', target, lun: '0' })
    bench.do({ do: 'san', luns: [{ target, lun: '0', initiators: ['50:00:00:00:00:00:00:01'] }] })
    bench.power(1, 'reset')
    bench.wait(timings.postMs)
    expect(bench.boots(1)[1]?.booted).toMatchObject({ from: 'fc', target: second })
  })

  it('nothing where the mask does not know its world-wide name, and says why', () => {
    const bench = new Bench()
    const mask = (initiators: readonly string[]) => [target, second].map((each) => ({ target: each, initiators }))
    bench.do({ do: 'san', luns: mask(['50:00:00:00:00:00:00:01']) })
    bench.write(1, { 'mezz1:1-a': fc })
    order(bench, { mode: 'uefi', order: ['mezz1:1-a'] })
    bench.boot(1, 1)
    expect(bench.boots(1)[0]).toMatchObject({
      booted: { from: 'nothing' },
      tried: [`mezz1:1-a: no target lets ${initiator} in`],
    })
    bench.do({ do: 'san', luns: mask([initiator]) })
    bench.power(1, 'reset')
    bench.wait(timings.postMs)
    expect(bench.boots(1)[1]?.booted).toMatchObject({ from: 'fc', target })
  })

  it('nothing over an interconnect bay that is empty', () => {
    const bench = new Bench()
    bench.write(1, { 'mezz1:2-a': { ...fc, wwpn: wwn('50:06:0b:00:00:c2:62:02') } })
    order(bench, { mode: 'uefi', order: ['mezz1:2-a'] })
    bench.boot(1)
    expect(bench.boots(1)[0]).toMatchObject({
      booted: { from: 'nothing' },
      tried: ['mezz1:2-a: its interconnect carries no fc'],
    })
  })

  it('from an iSCSI target only with the secret that the target demands', () => {
    const bench = new Bench()
    const disks = iqn('iqn.2001-05.com.example:disks')
    const name = iqn('iqn.2015-02.com.example:web-1')
    const secret = parseId<'Secret'>('chap-web')
    if (secret === undefined) throw new Error('no id')
    const value: FunctionValue = {
      role: 'iscsi',
      mac: mac('00:17:a4:77:00:02'),
      iqn: name,
      boot: {
        via: 'iscsi',
        targets: [{ iqn: disks, address: '10.0.0.9', tcpPort: 3260, lun: '0' }],
        network: { by: 'dhcp' },
        chap: { user: 'web', secret },
      },
    }
    bench.do({ do: 'san', luns: [{ target: disks, initiators: [name], chap: { user: 'web', secret: 'right horse' } }] })
    order(bench, { mode: 'uefi', order: ['lom:1-b'] })
    const bootsWith = (secrets: readonly string[]) => {
      bench.write(
        1,
        { 'lom:1-b': value },
        secrets.map((each) => ({ key: 'lom:1-b', which: 'chap' as const, value: each })),
      )
      bench.boot(1, bench.boots(1).length + 1)
      const from = bench.boots(1).at(-1)?.booted.from
      bench.power(1, 'off')
      return from
    }
    expect(bootsWith([])).toBe('nothing')
    expect(bootsWith(['wrong horse'])).toBe('nothing')
    expect(bootsWith(['right horse'])).toBe('iscsi')
    // Write-only: settings that come again without it leave it there.
    expect(bootsWith([])).toBe('iscsi')
    bench.clear(1, 'lom:1-b')
    expect(bootsWith([])).toBe('nothing')
    expect(JSON.stringify(bench.read(1))).not.toContain('horse')
    expect(JSON.stringify(bench.log)).not.toContain('horse')
  })

  it('by PXE when the boot server answers its MAC', () => {
    const bench = new Bench()
    const address = mac('00:17:a4:77:00:02')
    bench.write(1, { 'lom:1-a': { role: 'nic', mac: address, boot: { via: 'pxe' } } })
    order(bench, { mode: 'uefi', order: ['lom:1-a', 'local'] })
    bench.boot(1)
    expect(bench.boots(1)[0]?.booted).toEqual({ from: 'pxe', fn: 'lom:1-a' })
    bench.do({ do: 'san', pxe: ['00:17:a4:77:00:99'] })
    bench.power(1, 'reset')
    bench.wait(timings.postMs)
    expect(bench.boots(1)[1]).toMatchObject({
      booted: { from: 'local' },
      tried: [`lom:1-a: no boot server answers ${address}`],
    })
  })

  it('once from where an override says, always until it is taken back, and not at all in a POST that halted', () => {
    const bench = new Bench()
    const boots = () => bench.boots(1).map(({ booted }) => booted.from)
    order(bench, { mode: 'uefi', order: ['local'], override: { target: 'setup', lasts: 'once' } })
    bench.do({ do: 'break', bay: 1, fault: { kind: 'post-fails', after: 0 } })
    bench.write(1, { 'lom:1-a': { role: 'nic', mac: mac('00:17:a4:77:00:02') } })
    bench.boot(1)
    expect(bench.read(1)).toMatchObject({ stage: 'halted', boot: { override: { target: 'setup' } } })
    bench.do({ do: 'mend', bay: 1 })
    const again = () => {
      bench.power(1, 'reset')
      bench.wait(timings.postMs)
    }
    again()
    again()
    expect(boots()).toEqual(['setup', 'local'])
    expect(bench.read(1).boot.override).toBeUndefined()
    order(bench, { mode: 'uefi', order: ['local'], override: { target: 'pxe', lasts: 'always' } })
    again()
    again()
    expect(boots()).toEqual(['setup', 'local', 'pxe', 'pxe'])
  })
})
