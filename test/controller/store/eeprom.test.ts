/** The chassis EEPROM's paged log: what survives a power cut at any page, wrap-around, flipped bits, and a full device. */
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Eeprom, EepromFull, openEeprom } from '../../../agent/controller/store/eeprom.ts'
import { EepromFault, fileEeprom } from '../../../agent/controller/store/eeprom-device.ts'
import { type MemoryEeprom, memoryEeprom } from './memory-eeprom.ts'
import { type Random, seeded } from './memory-medium.ts'

const small = { size: 64 * 128, pageBytes: 128 }

async function contentOf(eeprom: Eeprom): Promise<Map<string, string>> {
  const reading = await eeprom.read()
  if (reading.kind === 'blank') return new Map()
  if (reading.kind !== 'content') throw new Error(`${reading.kind}: ${reading.reason}`)
  return new Map(reading.map)
}

const reopened = (device: MemoryEeprom): Promise<Eeprom> =>
  openEeprom(memoryEeprom({ ...device, bytes: device.bytes.slice() }))
const sorted = (map: ReadonlyMap<string, string>): [string, string][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

/** One change to the map, of the kinds that happen: set, replace, remove, several at once. */
function mutate(map: ReadonlyMap<string, string>, random: Random, keys: number, longest: number): Map<string, string> {
  const next = new Map(map)
  // Now and then many at once, more than one part holds.
  for (let changes = random(6) === 0 ? 9 : 1 + random(3); changes > 0; changes--) {
    const key = `key:${random(keys)}`
    if (random(5) === 0) next.delete(key)
    else
      next.set(
        key,
        JSON.stringify({
          n: random(1e9),
          text: Array.from({ length: random(longest) }, () => random(36).toString(36)).join(''),
        }),
      )
  }
  return next
}

const binding = (bay: number, n: number): string =>
  JSON.stringify({
    bay,
    profile: 'web-01',
    n,
    power: 'on',
    blade: 'USE4097FA1',
    verified: n - 1,
    token: '4294967297',
    inDoubt: [
      {
        profile: 'web-01',
        token: '4294967297',
        blade: 'USE4097FA1',
        functions: ['lom:1-a', 'lom:2-a', 'mezz1:1-a', 'mezz1:2-a'],
      },
    ],
    when: 'now',
    revision: 4711 + n,
    request: '9f86d081884c7d65',
  })
const profile = (n: number): string =>
  JSON.stringify({
    id: 'web-01',
    affinity: 'model',
    token: '4294967297',
    connections: [
      { id: 'eth0', kind: 'nic', mac: { from: 'pool', pool: 'macs' }, vlan: 100 + n },
      { id: 'fc0', kind: 'fc', wwpn: { from: 'pool', pool: 'wwns' }, wwnn: { from: 'pool', pool: 'wwns' } },
    ],
    allocation: {
      eth0: { mac: '00:17:a4:77:00:02' },
      fc0: { wwnn: '50:06:0b:00:00:c2:62:01', wwpn: '50:06:0b:00:00:c2:62:00' },
    },
    boot: {
      mode: 'uefi',
      order: [{ connection: 'fc0', target: 'fc', targets: [{ lun: '0', wwpn: '50:06:01:60:3b:a0:11:22' }] }],
    },
  })
const head = (index: number): string =>
  JSON.stringify({ term: 3, index, digest: `9f86d081884c7d659a2feaa0c55ad${String(100 + (index % 900))}` })

describe('the chassis EEPROM', () => {
  it('is blank as it leaves the factory, whichever way the cells read', async () => {
    expect((await openEeprom(memoryEeprom())).reading).toEqual({ kind: 'blank' })
    const zeros = memoryEeprom({ bytes: new Uint8Array(65536) })
    expect((await openEeprom(zeros)).reading).toEqual({ kind: 'blank' })
  })

  it('gives back what was written, after any number of restarts', async () => {
    const device = memoryEeprom()
    const map = new Map([
      ['head', head(1)],
      ['chassis-key', 'k\u0001'],
      ['empty', ''],
      ['long', 'ä€'.repeat(300)],
    ])
    await (await openEeprom(device)).write(map)
    expect(sorted(await contentOf(await reopened(device)))).toEqual(sorted(map))
  })

  it('takes at most 4 pages for a typical assignment', async () => {
    const device = memoryEeprom()
    const eeprom = await openEeprom(device)
    const map = new Map<string, string>()
    for (let bay = 1; bay <= 16; bay++) map.set(`bay:${bay}`, binding(bay, 1)).set(`profile:web-${bay}`, profile(bay))
    await eeprom.write(map.set('head', head(1)))
    let most = 0
    for (let n = 2; n < 30; n++) {
      map.set('bay:3', binding(3, n)).set('profile:web-3', profile(n)).set('head', head(n))
      most = Math.max(most, (await eeprom.write(map)).pages)
    }
    console.log(`assignment of ${binding(3, 2).length} and ${profile(2).length} characters: at most ${most} pages`)
    expect(most).toBeLessThanOrEqual(4)
    expect(device.pageWrites).toBe(eeprom.wear.pagesWritten)
    expect(eeprom.wear.pagesEver).toBe(eeprom.wear.pagesWritten)
  })

  it('writes nothing where nothing changed', async () => {
    const device = memoryEeprom()
    const eeprom = await openEeprom(device)
    await eeprom.write(new Map([['a', '1']]))
    const before = device.pageWrites
    expect(await eeprom.write(new Map([['a', '1']]))).toEqual({ pages: 0 })
    expect(device.pageWrites).toBe(before)
  })

  it('wears all its pages evenly over many turns of the ring, and keeps what never changes', async () => {
    const device = memoryEeprom(small)
    const writes = new Map<number, number>()
    const counted = {
      ...device,
      writePage: (page: number, bytes: Uint8Array) => {
        writes.set(page, (writes.get(page) ?? 0) + 1)
        return device.writePage(page, bytes)
      },
    }
    const eeprom = await openEeprom(counted)
    let map = new Map([['chassis-key', 'never changes']])
    const random = seeded(7)
    for (let n = 0; n < 1500; n++) {
      map = mutate(map, random, 8, 60).set('chassis-key', 'never changes')
      await eeprom.write(map)
    }
    expect(sorted(await contentOf(await reopened(device)))).toEqual(sorted(map))
    const each = [...writes.values()]
    expect(each.length).toBe(64)
    expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(1)
    expect(eeprom.wear.cyclesEach).toBeGreaterThan(20)
  })

  it('shows the old map or the new one when the power fails in any page write, torn or not', async () => {
    const random = seeded(42)
    const device = memoryEeprom(small)
    let map = new Map<string, string>()
    let cuts = 0
    let unfinished = 0
    for (let n = 0; n < 300; n++) {
      const next = mutate(map, random, 10, 120)
      const before = device.bytes.slice()
      const rehearsal = memoryEeprom({ ...small, bytes: before.slice() })
      const { pages } = await (await openEeprom(rehearsal)).write(next)
      for (let at = 1; at <= pages; at++) {
        for (const arrived of [0, 64, 1 + random(126), 128]) {
          const bytes = before.slice()
          const cut = memoryEeprom({ ...small, bytes })
          const eeprom = await openEeprom(cut)
          cut.cut = { at, arrived }
          await expect(eeprom.write(next)).rejects.toThrow(EepromFault)
          const after = memoryEeprom({ ...small, bytes })
          const again = await openEeprom(after)
          const found = JSON.stringify(sorted(await contentOf(again)))
          const wanted = [JSON.stringify(sorted(map)), JSON.stringify(sorted(next))]
          if (!wanted.includes(found)) expect.fail(`transaction ${n}, page ${at}, ${arrived} bytes: ${found}`)
          if (again.reading.kind === 'content' && again.reading.unfinished) unfinished++
          // And the next start goes on from there, cut or not.
          if (random(4) === 0) {
            const other = random(2) === 1 ? next : new Map([...map, ['short', '1']])
            await again.write(other)
            const tidy = await reopened(after)
            expect(sorted(await contentOf(tidy))).toEqual(sorted(other))
            expect(tidy.reading).not.toHaveProperty('unfinished')
          }
          cuts++
        }
      }
      await (await openEeprom(device)).write(next)
      map = next
    }
    console.log(`EEPROM: ${cuts} power cuts, ${unfinished} left an unfinished transaction`)
    expect(cuts).toBeGreaterThan(2000)
    expect(unfinished).toBeGreaterThan(500)
  }, 60_000)

  it('survives a power cut in the start that follows a power cut', async () => {
    const random = seeded(5)
    let cases = 0
    for (let n = 0; n < 60; n++) {
      const device = memoryEeprom(small)
      const eeprom = await openEeprom(device)
      let map = new Map<string, string>()
      for (let steps = 20 + random(40); steps > 0; steps--) {
        map = mutate(map, random, 10, 120)
        await eeprom.write(map)
      }
      const next = mutate(mutate(map, random, 10, 120), random, 10, 120)
      let bytes = device.bytes
      for (let cuts = 0; cuts < 6; cuts++) {
        const again = memoryEeprom({ ...small, bytes: bytes.slice() })
        const reborn = await openEeprom(again)
        again.cut = { at: 1 + random(6), arrived: random(129) }
        const done = await reborn.write(next).then(
          () => true,
          () => false,
        )
        bytes = again.bytes
        const found = JSON.stringify(sorted(await contentOf(await openEeprom(memoryEeprom({ ...small, bytes })))))
        if (done) expect(found).toBe(JSON.stringify(sorted(next)))
        expect([JSON.stringify(sorted(map)), JSON.stringify(sorted(next))]).toContain(found)
        cases++
      }
    }
    expect(cases).toBe(360)
  })

  it('says so, and shows no mixture, where a device let pages of one transaction overtake each other', async () => {
    const random = seeded(17)
    const device = memoryEeprom(small)
    let map = new Map<string, string>()
    const counts = { old: 0, new: 0, corrupt: 0 }
    for (let n = 0; n < 150; n++) {
      const next = mutate(map, random, 10, 120)
      const before = device.bytes.slice()
      const eeprom = await openEeprom(device)
      if (!eeprom.room(next).fits) continue
      await eeprom.write(next)
      for (let cases = 0; cases < 12; cases++) {
        const mixed = before.slice()
        for (let page = 0; page < 64; page++) {
          if (random(2) === 1) mixed.set(device.bytes.subarray(page * 128, page * 128 + 128), page * 128)
        }
        const { reading } = await openEeprom(memoryEeprom({ ...small, bytes: mixed }))
        const found = reading.kind === 'content' ? JSON.stringify(sorted(reading.map)) : reading.kind
        if (found === JSON.stringify(sorted(next))) counts.new++
        else if (found === JSON.stringify(sorted(map)) || (found === 'blank' && map.size === 0)) counts.old++
        else if (found === 'corrupt') counts.corrupt++
        else expect.fail(`transaction ${n}: ${found}`)
      }
      map = next
    }
    console.log('EEPROM pages out of order:', counts)
    expect(counts.old + counts.new + counts.corrupt).toBeGreaterThan(1000)
    expect(counts.corrupt).toBeGreaterThan(100)
  })

  it('reads every single flipped bit as it was written', async () => {
    const device = memoryEeprom({ size: 32 * 128, pageBytes: 128 })
    const eeprom = await openEeprom(device)
    const random = seeded(3)
    let map = new Map<string, string>()
    for (let n = 0; n < 40; n++) {
      map = mutate(map, random, 4, 60)
      await eeprom.write(map)
    }
    const wanted = JSON.stringify(sorted(map))
    let mended = 0
    let flips = 0
    for (let bit = 0; bit < device.bytes.length * 8; bit++) {
      device.bytes[bit >> 3] = (device.bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const { reading } = await openEeprom(device)
      if (reading.kind !== 'content' || JSON.stringify(sorted(reading.map)) !== wanted)
        expect.fail(`bit ${bit}: ${JSON.stringify(reading)}`)
      else mended += reading.mended.length
      device.bytes[bit >> 3] = (device.bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      flips++
    }
    console.log(`EEPROM: ${flips} single flips read right, ${mended} mended`)
    expect(flips).toBe(32768)
    expect(mended).toBeGreaterThan(2000)
  }, 60_000)

  it('writes a page with a flipped bit anew with the next change', async () => {
    const device = memoryEeprom(small)
    await (await openEeprom(device)).write(
      new Map([
        ['a', '1'],
        ['b', '2'],
      ]),
    )
    device.bytes[128 + 40] = (device.bytes[128 + 40] ?? 0) ^ 4
    const eeprom = await openEeprom(device)
    expect(eeprom.reading).toMatchObject({ kind: 'content', mended: [1] })
    await eeprom.write(
      new Map([
        ['a', '1'],
        ['b', '3'],
      ]),
    )
    expect((await reopened(device)).reading).toMatchObject({ kind: 'content', mended: [] })
  })

  it('never reads damage of several bytes as something else than it was, without saying so', async () => {
    const device = memoryEeprom(small)
    const eeprom = await openEeprom(device)
    const random = seeded(11)
    let map = new Map<string, string>()
    let before = map
    for (let n = 0; n < 100; n++) {
      before = map
      map = mutate(map, random, 10, 120)
      await eeprom.write(map)
    }
    const counts = { same: 0, said: 0, corrupt: 0 }
    for (let n = 0; n < 3000; n++) {
      const bytes = device.bytes.slice()
      const at = random(bytes.length - 40)
      for (let length = 2 + random(38), i = 0; i < length; i++) bytes[at + i] = random(256)
      const { reading } = await openEeprom(memoryEeprom({ ...small, bytes }))
      if (reading.kind === 'content') {
        const found = JSON.stringify(sorted(reading.map))
        if (found === JSON.stringify(sorted(map))) counts.same++
        else if (reading.unfinished && found === JSON.stringify(sorted(before))) counts.said++
        else expect.fail(`silently different after damage at ${at}`)
      } else if (reading.kind === 'corrupt') counts.corrupt++
      else expect.fail(`read as ${reading.kind}`)
    }
    console.log('EEPROM damage:', counts)
    expect(counts.corrupt).toBeGreaterThan(300)
    expect(counts.said).toBeGreaterThan(0)
  })

  it('refuses to write over what it can not read, until it was erased by command', async () => {
    const device = memoryEeprom(small)
    const eeprom = await openEeprom(device)
    for (let n = 0; n < 5; n++)
      await eeprom.write(
        new Map([
          ['a', `${n}`],
          ['b', 'kept'],
        ]),
      )
    device.bytes.fill(0x55, 128, 256)
    expect(await eeprom.read()).toMatchObject({ kind: 'corrupt' })
    const before = device.bytes.slice()
    await expect(eeprom.write(new Map([['a', 'new']]))).rejects.toThrow(EepromFault)
    expect(device.bytes).toEqual(before)
    await eeprom.erase()
    expect(eeprom.reading).toEqual({ kind: 'blank' })
    await eeprom.write(new Map([['a', 'new']]))
    expect(sorted(await contentOf(await reopened(device)))).toEqual([['a', 'new']])
  })

  it('reads as corrupt or blank, never as an older map, when the power fails while it is erased', async () => {
    const random = seeded(9)
    for (let at = 1; at <= 64; at++) {
      const device = memoryEeprom(small)
      const eeprom = await openEeprom(device)
      let map = new Map<string, string>()
      for (let n = 0; n < 60; n++) {
        map = mutate(map, random, 6, 100)
        await eeprom.write(map)
      }
      device.cut = { at: device.pageWrites + at, arrived: random(129) }
      await expect(eeprom.erase()).rejects.toThrow(EepromFault)
      const { reading } = await reopened(device)
      if (reading.kind === 'content') expect(sorted(reading.map)).toEqual(sorted(map))
      else expect(['corrupt', 'blank']).toContain(reading.kind)
    }
  })

  it('says beforehand whether something fits, and then it does; to give something up always fits', async () => {
    const random = seeded(21)
    let refused = 0
    let accepted = 0
    for (let round = 0; round < 12; round++) {
      const device = memoryEeprom({ size: 96 * 128, pageBytes: 128 })
      const eeprom = await openEeprom(device)
      let map = new Map<string, string>()
      for (let n = 0; n < 250; n++) {
        const next = mutate(map, random, 60, 300 + random(300))
        const room = eeprom.room(next)
        if (room.fits) {
          await eeprom.write(next)
          map = next
          accepted++
        } else {
          await expect(eeprom.write(next)).rejects.toThrow(EepromFull)
          refused++
          const less = new Map(map)
          less.delete([...map.keys()][random(map.size)] ?? '')
          expect(eeprom.room(less)).toMatchObject({ fits: true })
        }
        expect(sorted((eeprom.reading.kind === 'content' && eeprom.reading.map) || new Map())).toEqual(sorted(map))
      }
      expect(sorted(await contentOf(await reopened(device)))).toEqual(sorted(map))
    }
    console.log(`EEPROM room: ${accepted} accepted, ${refused} refused`)
    expect(refused).toBeGreaterThan(200)
    expect(accepted).toBeGreaterThan(400)
  })

  it('holds 64 profiles and 16 bays in 64 KiB, more than once over', async () => {
    const device = memoryEeprom()
    const eeprom = await openEeprom(device)
    const map = new Map<string, string>()
    for (let bay = 1; bay <= 16; bay++) map.set(`bay:${bay}`, binding(bay, 1))
    for (let n = 1; n <= 64; n++) map.set(`profile:web-${n}`, profile(n))
    const room = eeprom.room(map)
    console.log('64 profiles:', room)
    expect(room.pages * 2).toBeLessThan(room.of)
    await eeprom.write(map)
    expect(sorted(await contentOf(await reopened(device)))).toEqual(sorted(map))
  })

  it('says so when a page no longer takes what is written to it', async () => {
    const device = memoryEeprom(small)
    const eeprom = await openEeprom(device)
    await eeprom.write(new Map([['a', '1']]))
    device.worn = 2
    await expect(eeprom.write(new Map([['a', '2']]))).rejects.toThrow('page 2 does not hold what was written')
    device.worn = undefined
    expect(await eeprom.write(new Map([['a', '2']]))).toMatchObject({ pages: expect.any(Number) })
    expect(sorted(await contentOf(await reopened(device)))).toEqual([['a', '2']])
  })

  it('is unreadable, not blank, when the device does not answer', async () => {
    const device = memoryEeprom(small)
    device.broken = 'no acknowledge on the bus'
    const eeprom = await openEeprom(device)
    expect(eeprom.reading).toEqual({ kind: 'unreadable', reason: 'no acknowledge on the bus' })
    await expect(eeprom.write(new Map([['a', '1']]))).rejects.toThrow('no acknowledge')
    device.broken = undefined
    await eeprom.write(new Map([['a', '1']]))
    expect(sorted(await contentOf(await reopened(device)))).toEqual([['a', '1']])
  })

  it('works on a file, as Linux shows one, and knows a file that is too short', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'midplane-eeprom-'))
    try {
      const path = join(folder, 'eeprom')
      await writeFile(path, new Uint8Array(65536).fill(0xff))
      const device = await fileEeprom(path)
      await (await openEeprom(device)).write(new Map([['bay:1', binding(1, 1)]]))
      await device.close()
      const again = await fileEeprom(path, { size: 65536, pageBytes: 128 })
      expect(sorted(await contentOf(await openEeprom(again)))).toEqual([['bay:1', binding(1, 1)]])
      await truncate(path, 1000)
      expect((await openEeprom(again)).reading).toMatchObject({ kind: 'unreadable' })
      await again.close()
      await expect(fileEeprom(join(folder, 'none'))).rejects.toThrow(EepromFault)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
