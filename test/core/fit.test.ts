// Which function of which adapter carries a connection: the wishes of the profile, the partition rules of the adapter,
// the wires of the chassis. What is refused is refused by name.

import { describe, expect, it } from 'vitest'
import type { ConnectionId, Iqn, Mac, Wwn } from '../../agent/core/addresses.ts'
import type { FunctionReading, FunctionValue, Observed, Role } from '../../agent/core/blade.ts'
import { functionKey, type Hardware, parseFunctionKey } from '../../agent/core/board.ts'
import { type Carrier, type Fit, fit as fits, grantsFor, wantedBoot, wantedValues } from '../../agent/core/fit.ts'
import type { BootPlan, Connection } from '../../agent/core/profile.ts'
import { carrier, connection, hw, nic, profileOf, usual } from './fitting.ts'

const c7000 = hw('hp-c7000')
const half = carrier(c7000, 'ProLiant BL460c G7')
const ucs = hw('cisco-ucs-5108')
const npar = carrier(ucs, 'UCS B200 M3')
const on = (blade: Carrier, hardware: Hardware, ...connections: readonly Connection[]) =>
  fits(profileOf(connections), blade, hardware, usual(hardware))
const placedOf = (found: Fit) => {
  if (!found.ok) throw new Error(found.misfits.map(({ say }) => say).join('; '))
  return found.placed
}
const refusalOf = (found: Fit) => {
  if (found.ok) throw new Error(`it fits: ${JSON.stringify(found.placed)}`)
  return found.misfits[0]
}

describe('a profile without wishes', () => {
  it('lands on the first functions that fit, in board order', () => {
    expect(placedOf(on(half, c7000, nic('eth0'), nic('eth1'), connection('fc', 'san0')))).toEqual({
      eth0: 'lom:1-a',
      eth1: 'lom:1-b',
      san0: 'mezz1:1-a',
    })
  })

  it('lands in the same place each time', () => {
    const connections = [nic('eth0'), connection('iscsi', 'disk'), nic('eth1'), connection('fcoe', 'san')]
    const first = placedOf(on(npar, ucs, ...connections))
    expect(placedOf(on(npar, ucs, ...connections))).toEqual(first)
    expect(first).toEqual({ eth0: 'mezz1:1-a', disk: 'mezz1:1-c', eth1: 'mezz1:1-b', san: 'mezz1:1-d' })
  })

  it('gives way to a connection that has only one place to go', () => {
    // eth0 to eth2 would take the one iSCSI place of port 1 if they came first and stayed.
    const nics = ['eth0', 'eth1', 'eth2'].map((id) => nic(id, { port: 1 }))
    const placed = placedOf(on(npar, ucs, ...nics, connection('iscsi', 'disk', { port: 1 })))
    expect(placed).toEqual({ eth0: 'mezz1:1-a', eth1: 'mezz1:1-b', eth2: 'mezz1:1-d', disk: 'mezz1:1-c' })
  })

  it('of no connections fits every blade', () => {
    expect(on(half, c7000)).toEqual({ ok: true, placed: {}, grants: {} })
  })
})

describe('a wish', () => {
  it('for slot, port or interconnect is kept', () => {
    const placed = placedOf(
      on(half, c7000, nic('eth0', { interconnect: 'ic2' }), connection('fc', 'san', { slot: 'mezz1', port: 2 })),
    )
    expect(placed).toEqual({ eth0: 'lom:2-a', san: 'mezz1:2-a' })
  })

  it.each([
    [
      'a slot that the form lacks',
      nic('eth0', { slot: 'mezz9' }),
      'slot',
      /a half-height blade has no slot mezz9.*name one of lom, mezz1, mezz2/,
    ],
    ['a slot that is empty', nic('eth0', { slot: 'mezz2' }), 'slot', /slot mezz2 of this blade is empty/],
    [
      'a port that the adapter lacks',
      nic('eth0', { slot: 'lom', port: 3 }),
      'port',
      /adapter lom \(hp-flex-10\) has ports 1 to 2, and connection eth0 asks for port 3/,
    ],
    [
      'an interconnect that the port is not wired to',
      nic('eth0', { slot: 'lom', port: 1, interconnect: 'ic2' }),
      'interconnect',
      /lom port 1 \(hp-flex-10\) is wired to ic1, and connection eth0 asks for ic2/,
    ],
    [
      'a role that the adapter lacks',
      connection('fc', 'san', { slot: 'lom', port: 1 }),
      'role',
      /no function of lom port 1 \(hp-flex-10\) that connection san may use can be fc; it can be nic, iscsi, fcoe/,
    ],
  ])('for %s is refused by name', (_, wanted, rule, say) => {
    const refusal = refusalOf(on(half, c7000, wanted))
    expect(refusal).toMatchObject({ rule, connection: wanted.id, reason: 'adapter-missing' })
    expect(refusal?.say).toMatch(say)
  })

  it('for a port that is wired to nothing is refused', () => {
    const [form, ...forms] = c7000.board.forms
    if (form === undefined) throw new Error('no form')
    const slots = form.slots.map((slot) => ({ ...slot, wiring: slot.wiring.filter(({ port }) => port !== 2) }))
    const cut = { ...c7000, board: { ...c7000.board, forms: [{ ...form, slots }, ...forms] } }
    expect(refusalOf(on(half, cut, nic('eth0', { slot: 'lom', port: 2 })))).toMatchObject({
      rule: 'wiring',
      slot: 'lom',
      port: 2,
    })
  })
})

describe('the interconnect at the other end', () => {
  const with1 = (kind: 'ethernet' | 'fc' | 'converged' | 'empty') => ({ ...(usual(c7000) as object), ic1: kind })
  const at = (kind: Connection['kind'], slot: string, there: Observed['interconnects']) =>
    fits(profileOf([connection(kind, 'x', { slot, port: 1 })]), half, c7000, there)

  it('carries what it is made for', () => {
    expect(at('nic', 'lom', with1('ethernet')).ok).toBe(true)
    expect(at('iscsi', 'lom', with1('ethernet')).ok).toBe(true)
    expect(at('nic', 'lom', with1('converged')).ok).toBe(true)
    expect(at('fcoe', 'lom', with1('converged')).ok).toBe(true)
    expect(at('fc', 'mezz1', usual(c7000)).ok).toBe(true)
  })

  it.each([
    ['nic', 'fc', 'needs ethernet or converged'],
    ['nic', 'empty', 'needs ethernet or converged'],
    ['iscsi', 'fc', 'needs ethernet or converged'],
    ['fcoe', 'ethernet', 'needs converged'],
  ] as const)('refuses %s where it is %s', (kind, there, needs) => {
    const refusal = refusalOf(at(kind, 'lom', with1(there)))
    expect(refusal).toMatchObject({
      reason: 'fabric-mismatch',
      rule: 'fabric',
      slot: 'lom',
      adapter: 'hp-flex-10',
      port: 1,
    })
    expect(refusal?.say).toContain(
      `lom port 1 (hp-flex-10) leads to interconnect ic1, which is ${there}; connection x is ${kind} and ${needs}`,
    )
  })

  it('refuses Fibre Channel on a network', () => {
    expect(refusalOf(at('fc', 'mezz1', { ...(usual(c7000) as object), ic3: 'converged' }))).toMatchObject({
      rule: 'fabric',
    })
  })

  it('that nobody can see, or that was not read, refuses nothing', () => {
    expect(at('fcoe', 'lom', 'unknown').ok).toBe(true)
    expect(at('fcoe', 'lom', {}).ok).toBe(true)
  })

  it('carries a virtual HBA only where it is converged', () => {
    const bch = hw('ibm-bladecenter-h')
    const blade = carrier(bch, 'BladeCenter LS42')
    const vhba = profileOf([connection('fc', 'vhba', { slot: 'mezz2' })])
    expect(fits(vhba, blade, bch, usual(bch)).ok).toBe(true)
    expect(refusalOf(fits(vhba, blade, bch, { ...(usual(bch) as object), ic7: 'fc', ic8: 'ethernet' }))).toMatchObject({
      rule: 'fabric',
    })
  })
})

describe('the partition rules', () => {
  it('NPAR has one iSCSI and one FCoE place a port, by position', () => {
    const two = (kind: Connection['kind']) => [connection(kind, 'x', { port: 1 }), connection(kind, 'y', { port: 1 })]
    for (const kind of ['iscsi', 'fcoe'] as const)
      expect(refusalOf(on(npar, ucs, ...two(kind)))).toMatchObject({
        rule: 'functions',
        reason: 'adapter-too-small',
        port: 1,
      })
    expect(placedOf(on(npar, ucs, connection('iscsi', 'x'), connection('iscsi', 'y')))).toEqual({
      x: 'mezz1:1-c',
      y: 'mezz1:2-c',
    })
  })

  it('NPAR has one iSCSI function a port even where the positions would allow two', () => {
    const model = ucs.adapters['qlogic-npar-10g']
    if (model === undefined) throw new Error('no model')
    const functions = model.functions.map(({ id }) => ({ id, roles: ['nic', 'iscsi'] as const }))
    const loose = { ...ucs, adapters: { ...ucs.adapters, 'qlogic-npar-10g': { ...model, functions } } }
    const refusal = refusalOf(
      on(npar, loose, connection('iscsi', 'x', { port: 1 }), connection('iscsi', 'y', { port: 1 })),
    )
    expect(refusal).toMatchObject({ rule: 'storage-per-port', reason: 'partition-rule', connection: 'y', port: 1 })
  })

  it('an adapter carries no more connections than its model says', () => {
    const bch = hw('ibm-bladecenter-h')
    const blade = carrier(bch, 'BladeCenter LS42')
    const vnics = Array.from({ length: 9 }, (_, i) => nic(`v${i}`, { slot: 'mezz2' }))
    expect(on(blade, bch, ...vnics.slice(0, 8)).ok).toBe(true)
    const refusal = refusalOf(on(blade, bch, ...vnics))
    expect(refusal).toMatchObject({
      rule: 'per-adapter',
      reason: 'adapter-too-small',
      slot: 'mezz2',
      adapter: 'xsigo-director',
    })
    expect(refusal?.say).toMatch(/carries at most 8 connections; place connection v8 on another adapter/)
  })

  it('a ninth connection on eight functions is refused, and says what holds them', () => {
    const nics = Array.from({ length: 9 }, (_, i) => nic(`eth${i}`))
    const refusal = refusalOf(on(half, c7000, ...nics))
    expect(refusal).toMatchObject({ rule: 'functions', reason: 'adapter-too-small', connection: 'eth8', slot: 'lom' })
    expect(refusal?.say).toMatch(/no nic function left for connection eth8 beside eth0, .*eth7/)
  })

  it('a port guarantees no more than it has', () => {
    const refusal = refusalOf(
      on(
        npar,
        ucs,
        nic('a', { port: 1, bandwidth: { minMbps: 6000 } }),
        nic('b', { port: 1, bandwidth: { minMbps: 5000 } }),
      ),
    )
    expect(refusal).toMatchObject({
      rule: 'bandwidth',
      reason: 'oversubscribed',
      connection: 'b',
      slot: 'mezz1',
      port: 1,
    })
    expect(refusal?.say).toMatch(
      /mezz1 port 1 \(qlogic-npar-10g\) can not guarantee 5000 Mb\/s.*a 6000 \+ b 5000 of 10000/,
    )
  })

  it('connections spread over the ports until their guarantees fit', () => {
    const asks = [6000, 5000, 4000, 5000].map((minMbps, i) => nic(`n${i}`, { bandwidth: { minMbps } }))
    const placed = placedOf(on(npar, ucs, ...asks))
    const ports = ['n0', 'n1', 'n2', 'n3'].map((id) => parseFunctionKey(placed[id] ?? '')?.port)
    expect(ports).toEqual([1, 2, 1, 2])
  })

  it('Flex-10 scales down what it can not guarantee, and grants follow from the placement alone', () => {
    const asks = [1000, 2000, 4000, 5000].map((minMbps, i) => nic(`n${i}`, { port: 1, bandwidth: { minMbps } }))
    const found = on(half, c7000, ...asks)
    if (!found.ok) throw new Error('refused')
    expect(Object.values(found.grants).map(({ minMbps }) => minMbps)).toEqual([900, 1700, 3300, 4100])
    expect(grantsFor(profileOf(asks), found.placed, half, c7000)).toEqual(found.grants)
  })

  it.each([
    ['a step between steps', { minMbps: 250 }, 'partition-rule'],
    ['more than the port', { minMbps: 20_000 }, 'oversubscribed'],
  ] as const)('%s is refused on every port', (_, bandwidth, reason) => {
    expect(refusalOf(on(half, c7000, nic('eth0', { bandwidth })))).toMatchObject({
      rule: 'bandwidth',
      reason,
      adapter: 'hp-flex-10',
    })
  })

  it('every connection that can go nowhere is told of, not only the first', () => {
    const found = on(half, c7000, nic('a', { slot: 'mezz9' }), nic('b'), connection('fc', 'c', { slot: 'lom' }))
    expect(found.ok ? [] : found.misfits.map(({ connection: id }) => id)).toEqual(['a', 'c'])
  })
})

describe('a blade', () => {
  it('that the board does not know is refused', () => {
    expect(refusalOf(on({ product: 'Unheard Of', adapters: [] }, c7000, nic('eth0')))).toMatchObject({
      rule: 'product',
    })
  })

  it('without adapters is refused', () => {
    const bare = { ...half, adapters: [] }
    expect(refusalOf(on(bare, c7000, nic('eth0')))?.say).toMatch(/no adapter that connection eth0 could use/)
    expect(refusalOf(on(bare, c7000, nic('eth0', { slot: 'lom' })))?.say).toMatch(/slot lom of this blade is empty/)
  })

  it('whose adapter no file describes is refused by its name', () => {
    const odd = { ...half, adapters: [{ slot: 'lom', model: 'mystery' }] }
    expect(refusalOf(on(odd, c7000, nic('eth0', { slot: 'lom' })))).toMatchObject({ rule: 'slot', adapter: 'mystery' })
  })

  it('that reads fewer functions than its model has is used as it reads', () => {
    const read = readings(c7000, half).map((adapter) => ({ ...adapter, functions: adapter.functions.slice(0, 1) }))
    expect(refusalOf(on({ ...half, adapters: read }, c7000, nic('a'), nic('b')))).toMatchObject({
      rule: 'functions',
      slot: 'lom',
    })
  })

  it('with ever so many wishes against it is judged in time', () => {
    const bandwidths = [5100, 4900, 3300, 3700, 1900, 2300, 4100, 2900, 1700, 3100, 4300, 5300, 2700]
    const model = carrier(ucs, 'UCS B420 M3')
    const asks = bandwidths.map((minMbps, i) => nic(`n${i}`, { bandwidth: { minMbps } }))
    const began = performance.now()
    const found = on(model, ucs, ...asks)
    expect(performance.now() - began).toBeLessThan(5000)
    expect(refusalOf(found)?.rule).toMatch(/bandwidth|search/)
  })
})

/** What a blade of this product reads when nobody assigned anything. */
function readings(hardware: Hardware, blade: Carrier) {
  let count = 0
  return blade.adapters.map(({ slot, model: id }) => {
    const model = hardware.adapters[id]
    if (model === undefined) throw new Error(id)
    const functions = Array.from({ length: model.ports }, (_, i) => i + 1).flatMap((port) =>
      model.functions.map(({ id: fn, roles }): FunctionReading => {
        const factory = factoryValue(roles[0] as Role, (count++).toString(16).padStart(2, '0'))
        return { key: functionKey(slot, port, fn), factory, applied: factory }
      }),
    )
    return { slot, model: id, functions }
  })
}

function factoryValue(role: Role, n: string): FunctionValue {
  const mac = `00:10:18:00:00:${n}` as Mac
  const wwpn = `20:00:00:10:18:00:00:${n}` as Wwn
  const wwnn = `20:01:00:10:18:00:00:${n}` as Wwn
  switch (role) {
    case 'nic':
      return { role, mac }
    case 'iscsi':
      return { role, mac, iqn: `iqn.2000-01.com.example:${n}` as Iqn }
    case 'fcoe':
      return { role, mac, wwpn, wwnn }
    case 'fc':
      return { role, wwpn, wwnn }
    case 'off':
      return { role }
  }
}

type Reading = ReturnType<typeof readings>[number] & { serial: never }

describe('what a dressed blade must read', () => {
  const blade = { ...half, adapters: readings(c7000, half) as Reading[] }
  const mac = '00:17:a4:77:00:02' as Mac
  const iscsi = {
    ...connection('iscsi', 'disk', { vlan: 30, bandwidth: { minMbps: 2000 } }),
    mac: { from: 'factory' },
  } as Connection
  const profile = profileOf(
    [nic('eth0', { vlan: 10 }), { ...iscsi }, connection('fc', 'san')],
    [
      {
        target: 'iscsi',
        connection: 'disk' as ConnectionId,
        targets: [{ iqn: 'iqn.2000-01.com.example:t' as Iqn, address: '10.0.0.1', tcpPort: 3260, lun: '1' }],
        network: { by: 'dhcp' },
      },
      { target: 'pxe', connection: 'eth0' as ConnectionId },
      { target: 'local' },
    ],
  )
  const given = {
    eth0: { mac },
    disk: { iqn: 'iqn.2015-02.com.hpe:oneview-0000000001' as Iqn },
    san: { wwpn: '50:06:0b:00:00:c2:62:00' as Wwn, wwnn: '50:06:0b:00:00:c2:62:01' as Wwn },
  }
  const found = fits(profile, blade, c7000, usual(c7000))
  const { placed, grants } = found.ok ? found : { placed: {}, grants: {} }
  const wanted = wantedValues(profile, given, placed, grants, blade)
  const wantedAt = (key: string) => (wanted.ok ? wanted.writes.find((write) => write.key === key)?.value : undefined)

  it('names every function of the blade, and unused ones stay exactly as the factory made them', () => {
    const all = blade.adapters.flatMap(({ functions }) => functions)
    expect(wanted.ok && wanted.writes.map(({ key }) => key)).toEqual(all.map(({ key }) => key))
    const used = Object.values(placed)
    for (const { key, factory } of all) if (!used.includes(key)) expect(wantedAt(key), key).toEqual(factory)
  })

  it('has the addresses that were given, the factory one where that was asked, VLAN, share and boot settings', () => {
    expect(wantedAt('lom:1-a')).toEqual({
      role: 'nic',
      mac,
      vlan: 10,
      bandwidth: { minMbps: 8000, maxMbps: 8000 },
      boot: { via: 'pxe' },
    })
    expect(wantedAt('lom:1-b')).toMatchObject({
      role: 'iscsi',
      mac: '00:10:18:00:00:01',
      iqn: given.disk.iqn,
      vlan: 30,
      bandwidth: { minMbps: 2000, maxMbps: 2000 },
    })
    expect(wantedAt('lom:1-b')?.boot).toEqual({
      via: 'iscsi',
      targets: [{ iqn: 'iqn.2000-01.com.example:t', address: '10.0.0.1', tcpPort: 3260, lun: '1' }],
      network: { by: 'dhcp' },
    })
    expect(wantedAt('mezz1:1-a')).toEqual({ role: 'fc', ...given.san })
  })

  it('boots over HTTP, Fibre Channel and FCoE as the boot plan says', () => {
    const targets = [{ wwpn: given.san.wwpn, lun: '1a' }]
    const order: BootPlan['order'] = [
      { target: 'http', connection: 'eth0' as ConnectionId, uri: 'http://boot.example/x' },
      { target: 'fcoe', connection: 'conv' as ConnectionId, targets },
      { target: 'fc', connection: 'san' as ConnectionId, targets },
      { target: 'setup' },
    ]
    const san = profileOf([nic('eth0'), connection('fcoe', 'conv'), connection('fc', 'san')], order)
    const on = placedOf(fits(san, blade, c7000, usual(c7000)))
    const values = wantedValues(san, { ...given, conv: { mac, ...given.san } }, on, {}, blade)
    const boots = values.ok ? values.writes.flatMap(({ value }) => value.boot ?? []) : []
    expect(boots).toEqual([
      { via: 'http', uri: 'http://boot.example/x' },
      { via: 'fcoe', targets },
      { via: 'fc', targets },
    ])
    expect(wantedBoot(san, on).order).toEqual(['lom:1-a', 'lom:1-b', 'mezz1:1-a', 'setup'])
  })

  it('boots in the order of the boot plan', () => {
    expect(wantedBoot(profile, placed)).toEqual({ mode: 'uefi', order: ['lom:1-b', 'lom:1-a', 'local'] })
  })

  it('is not guessed where an address is missing', () => {
    const missing = wantedValues(profile, { ...given, eth0: {} }, placed, grants, blade)
    expect(missing.ok ? [] : missing.misfits.map(({ say }) => say)).toEqual([
      expect.stringMatching(/connection eth0 needs a mac and was given none from pool p/),
    ])
  })

  it('is not guessed where the blade has no such function any more', () => {
    const gone = { adapters: blade.adapters.filter(({ slot }) => slot !== 'mezz1') }
    const missing = wantedValues(profile, given, placed, grants, gone)
    expect(missing.ok ? [] : missing.misfits.map(({ connection: id }) => id)).toEqual(['san'])
  })

  it('asks no function for a factory address that it does not have', () => {
    const factoryIqn = profileOf([{ ...connection('iscsi', 'disk'), iqn: { from: 'factory' } } as Connection])
    // A LOM function that is a NIC from the factory has no iSCSI name of its own.
    expect(refusalOf(fits(factoryIqn, blade, c7000, usual(c7000)))).toMatchObject({
      rule: 'factory',
      connection: 'disk',
      slot: 'lom',
    })
    // One that is an iSCSI function from the factory has.
    const read = { ...npar, adapters: readings(ucs, npar) }
    expect(placedOf(fits(factoryIqn, read, ucs, usual(ucs)))).toEqual({ disk: 'mezz1:1-c' })
  })
})
