// Pools give each address once, the lowest free first, and remember what only they can know.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ConnectionId, type PoolId, parseMac, parseWwn } from '../../agent/core/addresses.ts'
import {
  type AddressKind,
  allocate,
  checkPool,
  countStates,
  give,
  has,
  listEntries,
  macPlus,
  mark,
  mostEntries,
  nodeOf,
  overlaps,
  type Pool,
  type PoolRange,
  type PoolSpec,
  stateOf,
  wwnPlus,
} from '../../agent/core/pool.ts'
import type { Connection, Source } from '../../agent/core/profile.ts'

const specOf = (kind: AddressKind, range: PoolRange, exclude?: PoolSpec['exclude']): PoolSpec => ({
  id: 'p' as PoolId,
  kind,
  range,
  ...(exclude && { exclude }),
})
const poolOf = (kind: AddressKind, range: PoolRange, exclude?: PoolSpec['exclude']): Pool => ({
  spec: specOf(kind, range, exclude),
  marks: [],
})
const counted = (first: string, count: number, pairs?: boolean): PoolRange => ({
  by: 'count',
  first,
  count,
  ...(pairs !== undefined && { pairs }),
})
const preset = (name: 'hp-vc' | 'hp-vcem' | 'cisco-ucs' | 'oneview', index: number): PoolRange => ({
  by: 'preset',
  preset: name,
  index,
})
const macs = (count: number, exclude?: PoolSpec['exclude']) =>
  poolOf('mac', counted('00:17:A4:77:00:00', count), exclude)
const none: ReadonlySet<string> = new Set()
const firstOf = (pool: Pool, count = 1, taken = none) => {
  const allocated = allocate(pool, count, taken)
  if (!allocated.ok) throw new Error(allocated.say)
  return allocated.addresses
}
const mac = (n: number) =>
  `00:17:a4:77:${Math.floor(n / 256)
    .toString(16)
    .padStart(2, '0')}:${(n % 256).toString(16).padStart(2, '0')}`

describe('addresses are counted', () => {
  it('over octets, and never into what no adapter may have', () => {
    const [a, b] = [parseMac('00:17:a4:77:00:ff'), parseMac('00:ff:ff:ff:ff:ff')]
    expect(a && macPlus(a, 1)).toBe('00:17:a4:77:01:00')
    expect(b && macPlus(b, 1)).toBeUndefined()
    const wwn = parseWwn('50:06:0b:00:00:c2:ff:ff')
    expect(wwn && wwnPlus(wwn, 1)).toBe('50:06:0b:00:00:c3:00:00')
  })
})

describe('presets', () => {
  it('begin where the vendor reserved them', () => {
    expect(firstOf(poolOf('mac', preset('hp-vc', 1)))).toEqual(['00:17:a4:77:00:00'])
    expect(firstOf(poolOf('mac', preset('hp-vc', 64)))).toEqual(['00:17:a4:77:fc:00'])
    expect(firstOf(poolOf('wwpn', preset('hp-vc', 1)))).toEqual(['50:06:0b:00:00:c2:62:00'])
    expect(firstOf(poolOf('wwpn', preset('hp-vcem', 1)))).toEqual(['50:01:43:80:02:a3:00:00'])
    expect(firstOf(poolOf('mac', preset('cisco-ucs', 1)))).toEqual(['00:25:b5:00:00:00'])
    expect(firstOf(poolOf('wwpn', preset('cisco-ucs', 2)))).toEqual(['20:00:00:25:b5:10:00:00'])
    expect(firstOf(poolOf('mac', preset('oneview', 1)))).toEqual(['02:00:00:00:00:00'])
    expect(firstOf(poolOf('wwpn', preset('oneview', 1)))).toEqual(['10:00:02:00:00:00:00:00'])
    expect(firstOf(poolOf('iqn', preset('oneview', 2)))).toEqual(['iqn.2015-02.com.hpe:oneview-0001048576'])
  })

  it('end where the vendor says: 64 HP ranges of 1024 names each', () => {
    const last = listOf(poolOf('wwpn', preset('hp-vc', 64)), 512)
    expect(last.at(-1)).toBe('50:06:0b:00:00:c3:61:fe')
    expect(listOf(poolOf('mac', preset('hp-vc', 64)), 1024).at(-1)).toBe('00:17:a4:77:ff:ff')
    expect(listOf(poolOf('wwpn', preset('hp-vcem', 1)), 65_536).at(-1)).toBe('50:01:43:80:02:a4:ff:fe')
  })

  it('of one vendor do not overlap each other', () => {
    for (const kind of ['mac', 'wwpn'] as const) {
      const ranges = Array.from({ length: 64 }, (_, i) => specOf(kind, preset('hp-vc', i + 1)))
      ranges.forEach((a, i) => {
        for (const b of ranges.slice(i + 1)) expect(overlaps(a, b)).toBe(false)
      })
    }
    expect(overlaps(specOf('wwpn', preset('oneview', 1)), specOf('wwnn', preset('oneview', 1)))).toBe(false)
    expect(overlaps(specOf('wwpn', preset('cisco-ucs', 1)), specOf('wwnn', preset('cisco-ucs', 1)))).toBe(false)
  })
})

const listOf = (pool: Pool, count: number) => firstOf(pool, count)

describe('a pool that can not be', () => {
  it.each([
    ['an address that is none', specOf('mac', counted('01:00:5e:00:00:00', 4)), /is no mac/],
    ['no entries', specOf('mac', counted('00:17:a4:77:00:00', 0)), /1 to 1048576 entries, not 0/],
    ['too many entries', specOf('mac', counted('00:17:a4:00:00:00', mostEntries + 1)), /not 1048577/],
    ['half an entry', specOf('mac', counted('00:17:a4:00:00:00', 1.5)), /not 1.5/],
    ['running into another vendor', specOf('mac', counted('00:17:a4:ff:ff:ff', 2)), /run past the end of 00:17:a4/],
    ['running into another vendor, of WWNs', specOf('wwpn', counted('20:00:00:25:b5:ff:ff:ff', 2)), /run past the end/],
    ['pairs of MACs', specOf('mac', counted('00:17:a4:77:00:00', 2, true)), /only wwpn pools have pairs/],
    [
      'pairs from an odd name',
      specOf('wwpn', counted('50:06:0b:00:00:c2:62:01', 2, true)),
      /pairs start at an even address/,
    ],
    ['a preset of another kind', specOf('iqn', preset('hp-vc', 1)), /hp-vc has no iqn ranges/],
    ['an index that is none', specOf('mac', preset('hp-vc', 65)), /hp-vc has mac ranges 1 to 64; 65 is none/],
    ['an index between two', specOf('mac', preset('hp-vc', 1.5)), /1.5 is none/],
    ['an IQN without digits', specOf('iqn', counted('iqn.2026-01.com.example:web', 2)), /does not end in digits/],
    ['an IQN with too few digits', specOf('iqn', counted('iqn.2026-01.com.example:web-9', 2)), /too few digits/],
  ])('%s is refused with the way out', (_, spec, say) => {
    expect(checkPool(spec)).toEqual([{ field: 'range', say: expect.stringMatching(say) }])
  })

  it('excluding what it does not have is refused', () => {
    const exclude = [
      { first: mac(0), count: 2 },
      { first: mac(9), count: 2 },
      { first: 'x', count: 1 },
      { first: mac(1), count: 0 },
    ]
    expect(checkPool(specOf('mac', counted(mac(0), 10), exclude)).map(({ field }) => field)).toEqual([
      'exclude[1]',
      'exclude[2]',
      'exclude[3]',
    ])
  })

  it('is none of these', () => {
    expect(
      checkPool(specOf('mac', counted('00:17:A4:77:00:00', 16), [{ first: '00-17-a4-77-00-0f', count: 1 }])),
    ).toEqual([])
    expect(checkPool(specOf('iqn', counted('iqn.2026-01.com.example:web-001', 999)))).toEqual([])
  })
})

describe('two pools', () => {
  it('overlap where an address is in both, whatever way they are written', () => {
    const a = specOf('mac', counted(mac(0), 16))
    expect(overlaps(a, specOf('mac', counted(mac(15), 1)))).toBe(true)
    expect(overlaps(specOf('mac', counted(mac(15), 1)), a)).toBe(true)
    expect(overlaps(a, specOf('mac', counted(mac(16), 16)))).toBe(false)
    expect(overlaps(a, specOf('mac', preset('hp-vc', 1)))).toBe(true)
  })

  it('of port names and of node names are of one name space', () => {
    const pairs = specOf('wwpn', counted('50:06:0b:00:00:c2:62:00', 2, true))
    expect(overlaps(pairs, specOf('wwnn', counted('50:06:0b:00:00:c2:62:03', 1)))).toBe(true)
    expect(overlaps(pairs, specOf('wwnn', counted('50:06:0b:00:00:c2:62:04', 1)))).toBe(false)
    expect(overlaps(pairs, specOf('mac', counted(mac(0), 1)))).toBe(false)
  })

  it('of iSCSI names overlap by prefix and digits', () => {
    const iqns = (first: string) => specOf('iqn', counted(first, 10))
    expect(overlaps(iqns('iqn.2026-01.com.example:a-000'), iqns('iqn.2026-01.com.example:a-009'))).toBe(true)
    expect(overlaps(iqns('iqn.2026-01.com.example:a-000'), iqns('iqn.2026-01.com.example:b-000'))).toBe(false)
    expect(overlaps(iqns('iqn.2026-01.com.example:a-000'), iqns('iqn.2026-01.com.example:a-0000'))).toBe(false)
  })
})

describe('an allocation', () => {
  it('is the lowest that are free', () => {
    expect(firstOf(macs(16), 3, new Set([mac(0), mac(2)]))).toEqual([mac(1), mac(3), mac(4)])
  })

  it('leaves out what is excluded, external or quarantined', () => {
    const pool = mark(mark(macs(16, [{ first: mac(0), count: 2 }]), mac(2), 'external'), mac(4), 'quarantined')
    expect(firstOf(pool, 2)).toEqual([mac(3), mac(5)])
  })

  it('from a pool that has too few is refused, with how many there are', () => {
    expect(allocate(macs(4), 3, new Set([mac(1), mac(2)]))).toEqual({
      ok: false,
      reason: 'no-address-left',
      say: 'pool p has 2 free addresses and 3 are needed; enlarge it or free some',
    })
  })

  it('of a million entries does not take a million steps', () => {
    const pool = poolOf('mac', preset('cisco-ucs', 1), [{ first: '00:25:b5:00:00:00', count: mostEntries - 1 }])
    const began = performance.now()
    expect(firstOf(pool)).toEqual(['00:25:b5:0f:ff:ff'])
    expect(countStates(pool, none)).toMatchObject({ free: 1, excluded: mostEntries - 1 })
    expect(performance.now() - began).toBeLessThan(500)
  })

  it('never gives an address that is taken or marked, gives none twice, and is the same each time', () => {
    let ran = 0
    fc.assert(
      fc.property(worlds, ({ pool, taken, count }) => {
        const before = countStates(pool, taken)
        const allocated = allocate(pool, count, taken)
        expect(allocate(pool, count, taken)).toEqual(allocated)
        expect(allocated.ok).toBe(before.free >= count)
        if (!allocated.ok) return
        for (const address of allocated.addresses) {
          expect(taken.has(address)).toBe(false)
          expect(stateOf(pool, address, taken)).toBe('free')
        }
        const all = new Set([...taken, ...allocated.addresses])
        expect(all.size).toBe(taken.size + allocated.addresses.length)
        expect(countStates(pool, all).free).toBe(before.free - count)
        ran++
      }),
      { numRuns: 1000 },
    )
    expect(ran).toBeGreaterThan(300)
  })
})

/** Pools of 32 MACs, some taken, some marked, some excluded. */
const worlds = fc
  .record({
    taken: fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 20 }),
    marks: fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.constantFrom('external', 'quarantined', 'free')), {
      maxLength: 12,
    }),
    exclude: fc.array(fc.tuple(fc.integer({ min: 0, max: 27 }), fc.integer({ min: 1, max: 5 })), { maxLength: 3 }),
    count: fc.integer({ min: 1, max: 16 }),
  })
  .map(({ taken, marks, exclude, count }) => ({
    pool: marks.reduce(
      (pool, [n, state]) => mark(pool, mac(n), state as 'external' | 'quarantined' | 'free'),
      macs(
        32,
        exclude.map(([first, length]) => ({ first: mac(first), count: length })),
      ),
    ),
    marks,
    excluded: exclude.flatMap(([first, length]) => Array.from({ length }, (_, i) => first + i)),
    taken: new Set(taken.map(mac)),
    count,
  }))

describe('the state of an entry', () => {
  it('is shown as what matters most: a doubt, then its use, then what was found or forbidden', () => {
    const pool = mark(mark(macs(8, [{ first: mac(3), count: 2 }]), mac(1), 'external'), mac(2), 'quarantined')
    const taken = new Set([mac(1), mac(2), mac(3)])
    const states = [0, 1, 2, 3, 4].map((n) => stateOf(pool, mac(n), taken))
    expect(states).toEqual(['free', 'in-use', 'quarantined', 'in-use', 'excluded'])
    expect(stateOf(pool, mac(1), none)).toBe('external')
    expect(stateOf(pool, mac(8), none)).toBeUndefined()
    expect(stateOf(pool, 'iqn.2001-01.aa.bb', none)).toBeUndefined()
  })

  it('agrees with a count of every entry, one by one', () => {
    fc.assert(
      fc.property(worlds, ({ pool, marks, excluded, taken }) => {
        const expected = { free: 0, inUse: 0, external: 0, excluded: 0, quarantined: 0 }
        const shown: { address: string; state: string }[] = []
        for (let n = 0; n < 32; n++) {
          const marked = marks.filter(([at]) => at === n).at(-1)?.[1]
          const state =
            marked === 'quarantined'
              ? 'quarantined'
              : taken.has(mac(n))
                ? 'in-use'
                : marked === 'external'
                  ? 'external'
                  : excluded.includes(n)
                    ? 'excluded'
                    : 'free'
          expect(stateOf(pool, mac(n), taken)).toBe(state)
          expected[state === 'in-use' ? 'inUse' : state]++
          if (state !== 'free') shown.push({ address: mac(n), state })
        }
        expect(countStates(pool, taken)).toEqual(expected)
        expect(listEntries(pool, taken, 100)).toEqual({ entries: shown, more: 0 })
        expect(listEntries(pool, taken, 3)).toEqual({ entries: shown.slice(0, 3), more: Math.max(0, shown.length - 3) })
      }),
      { numRuns: 500 },
    )
  })

  it('is stored in few words: neighbours are one mark, and a mark can be taken out of the middle', () => {
    const pool = [1, 2, 3, 4, 5].reduce((each, n) => mark(each, mac(n), 'quarantined'), macs(16))
    expect(pool.marks).toEqual([{ first: mac(1), count: 5, state: 'quarantined' }])
    expect(mark(pool, mac(3), 'free').marks).toEqual([
      { first: mac(1), count: 2, state: 'quarantined' },
      { first: mac(4), count: 2, state: 'quarantined' },
    ])
    expect(mark(pool, '00:17:a4:78:00:00', 'external')).toBe(pool)
    expect(JSON.parse(JSON.stringify(pool))).toEqual(pool)
  })

  it('marked anew is what it was marked last', () => {
    const pool = mark(mark(macs(4), mac(1), 'quarantined'), mac(1), 'external')
    expect(pool.marks).toEqual([{ first: mac(1), count: 1, state: 'external' }])
  })
})

describe('a pool of pairs', () => {
  const pool = poolOf('wwpn', counted('50:06:0b:00:00:c2:62:00', 4, true))
  const port = parseWwn('50:06:0b:00:00:c2:62:02')

  it('gives port names, each with the node name above it', () => {
    expect(firstOf(pool, 2)).toEqual(['50:06:0b:00:00:c2:62:00', '50:06:0b:00:00:c2:62:02'])
    expect(port && nodeOf(pool, port)).toBe('50:06:0b:00:00:c2:62:03')
    expect(port && nodeOf(poolOf('wwpn', counted('50:06:0b:00:00:c2:62:00', 4)), port)).toBeUndefined()
  })

  it('has an entry in use where either name is taken', () => {
    const taken = new Set(['50:06:0b:00:00:c2:62:01'])
    expect(stateOf(pool, '50:06:0b:00:00:c2:62:00', taken)).toBe('in-use')
    expect(firstOf(pool, 1, taken)).toEqual(['50:06:0b:00:00:c2:62:02'])
    expect(countStates(pool, new Set(['50:06:0b:00:00:c2:62:00', '50:06:0b:00:00:c2:62:01']))).toMatchObject({
      free: 3,
      inUse: 1,
    })
  })
})

describe('what a profile is given', () => {
  const from = (id: string): Source<never> => ({ from: 'pool', pool: id as PoolId })
  const nic = (id: string, source: Source<never> | Extract<Connection, { kind: 'nic' }>['mac']): Connection => ({
    id: id as ConnectionId,
    kind: 'nic',
    mac: source,
  })
  const hba = (id: string, wwpn: string, wwnn: string): Connection => ({
    id: id as ConnectionId,
    kind: 'fc',
    wwpn: from(wwpn),
    wwnn: from(wwnn),
  })
  const pools = {
    lan: macs(8),
    san: poolOf('wwpn', counted('50:06:0b:00:00:c2:62:00', 4, true)),
    nodes: poolOf('wwnn', counted('20:01:00:25:b5:00:00:00', 4)),
    disks: poolOf('iqn', counted('iqn.2026-01.com.example:h-001', 9)),
  }

  it('is one address for each that its connections have, none for factory ones', () => {
    const value = { from: 'value', value: mac(0) as never } as const
    const connections = [
      nic('a', from('lan')),
      nic('b', value),
      nic('c', { from: 'factory' }),
      hba('d', 'san', 'nodes'),
    ]
    const disk: Connection = { id: 'e' as ConnectionId, kind: 'iscsi', mac: from('lan'), iqn: from('disks') }
    expect(give([...connections, disk], pools, none)).toEqual({
      ok: true,
      given: {
        a: { mac: mac(1) },
        b: { mac: mac(0) },
        c: {},
        d: { wwpn: '50:06:0b:00:00:c2:62:00', wwnn: '20:01:00:25:b5:00:00:00' },
        e: { mac: mac(2), iqn: 'iqn.2026-01.com.example:h-001' },
      },
    })
  })

  it('from a pool of pairs has node names that go with the port names', () => {
    expect(give([hba('x', 'san', 'san'), hba('y', 'san', 'san')], pools, none)).toMatchObject({
      ok: true,
      given: {
        x: { wwpn: '50:06:0b:00:00:c2:62:00', wwnn: '50:06:0b:00:00:c2:62:01' },
        y: { wwpn: '50:06:0b:00:00:c2:62:02', wwnn: '50:06:0b:00:00:c2:62:03' },
      },
    })
  })

  it('before is kept when the profile changes, so that a server does not lose its name to a new connection', () => {
    const first = give([nic('b', from('lan')), hba('x', 'san', 'san')], pools, none)
    if (!first.ok) throw new Error(first.say)
    const again = give(
      [nic('a', from('lan')), nic('b', from('lan')), hba('w', 'san', 'san'), hba('x', 'san', 'san')],
      pools,
      none,
      first.given,
    )
    expect(again).toMatchObject({
      ok: true,
      given: { a: { mac: mac(1) }, b: { mac: mac(0) }, x: first.given.x, w: { wwpn: '50:06:0b:00:00:c2:62:02' } },
    })
  })

  it('before is not kept where it is of another pool, or somebody else has it', () => {
    const kept = { a: { mac: mac(5) as never } }
    expect(give([nic('a', from('lan'))], pools, new Set([mac(5)]), kept)).toMatchObject({
      given: { a: { mac: mac(0) } },
    })
    const other = { lan: poolOf('mac', counted('00:25:b5:00:00:00', 4)) }
    expect(give([nic('a', from('lan'))], other, none, kept)).toMatchObject({
      given: { a: { mac: '00:25:b5:00:00:00' } },
    })
    expect(has(pools.lan, mac(5))).toBe(true)
    expect(has(pools.lan, mac(8))).toBe(false)
  })

  it.each([
    [
      'a pool that is not there',
      [nic('a', from('constructor'))],
      'no-such-pool',
      /connection a draws from pool constructor, which is not defined/,
    ],
    [
      'a pool of another kind',
      [nic('a', from('disks'))],
      'field-invalid',
      /pool disks holds iqns and connection a needs a mac/,
    ],
    [
      'a pool that is used up',
      Array.from({ length: 9 }, (_, i) => nic(`n${i}`, from('lan'))),
      'no-address-left',
      /pool p has 0 free/,
    ],
    ['a node name without its port name', [hba('x', 'nodes', 'san')], 'field-invalid', /pool nodes holds wwnns/],
    [
      'a node name from pairs that its port name is not of',
      [{ ...hba('x', 'san', 'san'), wwpn: { from: 'factory' } } as Connection],
      'field-invalid',
      /draw its wwpn from the same pool of pairs/,
    ],
  ])('from %s is refused', (_, connections, reason, say) => {
    expect(give(connections, pools, none)).toMatchObject({ ok: false, reason, say: expect.stringMatching(say) })
  })

  it('is never an address of another profile, nor the same twice', () => {
    let ran = 0
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 7 })), fc.integer({ min: 1, max: 6 }), (used, count) => {
        const taken = new Set(used.map(mac))
        const given = give(
          Array.from({ length: count }, (_, i) => nic(`n${i}`, from('lan'))),
          pools,
          taken,
        )
        expect(given.ok).toBe(8 - used.length >= count)
        if (!given.ok) return
        const addresses = Object.values(given.given).map((each) => each.mac)
        expect(new Set([...taken, ...addresses]).size).toBe(taken.size + count)
        ran++
      }),
    )
    expect(ran).toBeGreaterThan(10)
  })
})
