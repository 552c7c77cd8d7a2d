/** The binding store in ordinary life: recovery after every kind of tail, two slots, group commit, two copies, wear. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GENESIS } from '../../../agent/controller/store/copies.ts'
import { openEeprom } from '../../../agent/controller/store/eeprom.ts'
import { batchFrame, RECORD_BYTES } from '../../../agent/controller/store/journal.ts'
import { type Medium, nodeMedium } from '../../../agent/controller/store/medium.ts'
import { type Opened, openStore, type StoreOptions, StoreReadOnly } from '../../../agent/controller/store/store.ts'
import { EMPTY, fromEssentials, type Ledger, type LedgerRecord, ledger, power, set } from './ledger.ts'
import { memoryEeprom } from './memory-eeprom.ts'
import { type MemoryMedium, memoryMedium, seeded } from './memory-medium.ts'

type Options = Partial<StoreOptions<Ledger, LedgerRecord>>
const start = (medium: Medium, options: Options = {}) => openStore({ medium, ...ledger, ...options })

async function startWell(medium: Medium, options: Options = {}) {
  const opened = await start(medium, options)
  if (opened.kind !== 'open') throw new Error(opened.reason)
  return opened
}

const journals = (medium: MemoryMedium): string[] =>
  [...medium.files().keys()]
    .filter((name) => name.startsWith('journal-'))
    .sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)))
const lastJournal = (medium: MemoryMedium): string => journals(medium).pop() ?? ''
const fileOf = (medium: MemoryMedium, name: string): Uint8Array => medium.files().get(name) ?? expect.fail(`no ${name}`)
const restarted = (medium: MemoryMedium): MemoryMedium => memoryMedium(medium.files())
const joined = (...parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)

/** `count` bindings stored one after another. */
async function filled(count: number, options: Options = {}): Promise<MemoryMedium> {
  const medium = memoryMedium()
  const { store } = await startWell(medium, options)
  for (let n = 1; n <= count; n++) await store.append(set(`bay-${n}`, `profile-${n}`))
  // A snapshot may still be under way behind the last answer.
  await store.close()
  return medium
}
const values = (count: number): Ledger['values'] =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`bay-${n + 1}`, `profile-${n + 1}`]))

describe('the binding store', () => {
  it('finds nothing in a blank folder, and says that it was blank', async () => {
    const medium = memoryMedium()
    const opened = await startWell(medium)
    expect(opened).toMatchObject({ source: 'blank', state: EMPTY, at: GENESIS, repaired: [], relation: 'none' })
    expect(medium.counts).toMatchObject({ append: 0, sync: 0, syncFolder: 0 })
  })

  it('finds every binding again after a restart, at the same position', async () => {
    const medium = memoryMedium()
    const { store } = await startWell(medium)
    await store.append(set('bay-1', 'web-1'))
    await store.append(power('bay-1', 'on'))
    const receipt = await store.append([...set('bay-2', 'web-2'), ...set('bay-1', 'web-3')])
    expect(receipt).toMatchObject({ index: 4, flash: true, eeprom: false, why: 'no EEPROM' })
    const again = await startWell(restarted(medium))
    expect(again.state).toEqual({ values: { 'bay-1': 'web-3', 'bay-2': 'web-2' }, power: { 'bay-1': 'on' }, term: 0 })
    expect(again.at).toEqual({ term: 0, index: 4, digest: receipt.digest })
    expect(again.repaired).toEqual([])
  })

  it('gives every record its own number and digest, also within one batch', async () => {
    const { store } = await startWell(memoryMedium())
    const receipts = await Promise.all(['a', 'b', 'c'].map((name) => store.append(set(name, '1'))))
    expect(receipts.map(({ index }) => index)).toEqual([1, 2, 3])
    expect(new Set(receipts.map(({ digest }) => digest)).size).toBe(3)
    const { store: other } = await startWell(memoryMedium())
    for (const name of ['a', 'b', 'c']) await other.append(set(name, '1'))
    expect(other.durable.at).toEqual(store.durable.at)
  })

  it('shares one write and one sync among appends that come together, and takes one each otherwise', async () => {
    const medium = memoryMedium()
    const { store } = await startWell(medium)
    await store.append(set('first', '1'))
    const before = { ...medium.counts }
    await Promise.all(Array.from({ length: 500 }, (_, n) => store.append(set(`bay-${n % 16}`, `${n}`))))
    console.log(
      `500 concurrent appends: ${medium.counts.sync - before.sync} syncs, ${medium.counts.append - before.append} writes`,
    )
    expect(medium.counts.sync - before.sync).toBeLessThanOrEqual(2)
    const between = medium.counts.sync
    for (let n = 0; n < 10; n++) await store.append(set('bay-1', `${n}`))
    expect(medium.counts.sync - between).toBe(10)
    expect((await startWell(restarted(medium))).state).toEqual(store.durable.state)
  })

  it('writes nothing while nothing happens, and nothing at a start where nothing happened since the last', async () => {
    const medium = await filled(3)
    const second = restarted(medium)
    await (await startWell(second)).store.close()
    const third = restarted(second)
    const { store } = await startWell(third)
    await store.close()
    expect(third.counts).toMatchObject({ append: 0, rename: 0, remove: 0, truncate: 0 })
    expect([...third.files()]).toEqual([...second.files()])
  })

  it('refuses a record that its own rules can not replay, and goes on with the others', async () => {
    const medium = memoryMedium()
    const { store } = await startWell(medium)
    const [good, bad, also] = await Promise.allSettled([
      store.append(set('bay-1', 'web-1')),
      store.append([...set('bay-9', 'half'), ...set('poison', 'x')]),
      store.append(set('bay-2', 'web-2')),
    ])
    expect([good.status, bad.status, also.status]).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((await startWell(restarted(medium))).state.values).toEqual({ 'bay-1': 'web-1', 'bay-2': 'web-2' })
  })

  it('refuses a record that is too long before anything is written, and an empty append', async () => {
    const medium = memoryMedium()
    const { store } = await startWell(medium)
    await expect(store.append(set('bay-1', 'x'.repeat(RECORD_BYTES)))).rejects.toThrow(RangeError)
    await expect(store.append([])).rejects.toThrow(RangeError)
    expect(medium.files().size).toBe(0)
    const almost = 'y'.repeat(RECORD_BYTES - 500)
    await Promise.all([1, 2, 3].map((n) => store.append(set(`bay-${n}`, almost))))
    expect(Object.keys((await startWell(restarted(medium))).state.values)).toHaveLength(3)
  })

  it('keeps recovery flat: a long history leaves two snapshots and short journals', async () => {
    const medium = await filled(1000, { journalRecords: 50 })
    expect([...medium.files().keys()].filter((name) => name.startsWith('snapshot'))).toEqual([
      'snapshot-a',
      'snapshot-b',
    ])
    expect(journals(medium)).toHaveLength(2)
    const opened = await startWell(restarted(medium))
    expect(opened.state.values).toEqual(values(1000))
    expect(opened.at.index).toBe(1000)
  })

  it('tells how much it wrote since its start and ever', async () => {
    const medium = await filled(20)
    const { store } = await startWell(restarted(medium))
    const first = store.wear
    expect(first.ever.bytes).toBeGreaterThan(20 * 100)
    expect(first.ever.syncs).toBeGreaterThanOrEqual(20)
    await store.append(set('bay-1', 'x'))
    expect(store.wear.ever.syncs - first.ever.syncs).toBe(1)
    expect(store.wear.sinceStart.syncs - first.sinceStart.syncs).toBe(1)
    expect(store.wear.sinceStart.bytes).toBeLessThan(store.wear.ever.bytes)
  })

  it('works on a real folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'midplane-store-'))
    try {
      const { store } = await startWell(nodeMedium(folder), { journalRecords: 7 })
      for (let n = 1; n <= 40; n++) await store.append(set(`bay-${n}`, `profile-${n}`))
      await store.close()
      await expect(store.append(set('late', '1'))).rejects.toThrow(StoreReadOnly)
      const again = await startWell(nodeMedium(folder))
      expect(again.state.values).toEqual(values(40))
      await again.store.close()
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

describe('at the end of a journal', () => {
  const tails: readonly (readonly [string, (whole: Uint8Array, frame: Uint8Array) => Uint8Array])[] = [
    ['the first bytes of a frame', (whole, frame) => joined(whole, frame.subarray(0, 5))],
    ['a frame without its last byte', (whole, frame) => joined(whole, frame.subarray(0, frame.length - 1))],
    [
      'a frame with a hole of zeros',
      (whole, frame) => joined(whole, frame.subarray(0, 20), new Uint8Array(frame.length - 20)),
    ],
    ['a frame whose beginning is a hole', (whole, frame) => joined(whole, new Uint8Array(40), frame.subarray(40))],
    ['zeros', (whole) => joined(whole, new Uint8Array(4096))],
    [
      'garbage',
      (whole) =>
        joined(
          whole,
          Uint8Array.from({ length: 3000 }, (_, n) => (n * 167 + 13) & 0xff),
        ),
    ],
    ['a single byte', (whole) => joined(whole, Uint8Array.of(0x7b))],
  ]
  it.each(tails)('%s is cut off and said, and everything acknowledged is there', async (_name, tail) => {
    const medium = await filled(5)
    const frame = batchFrame(6, 'f'.repeat(32), ['{"kind":"set","name":"torn","value":"half a record"}'])
    const name = lastJournal(medium)
    const good = fileOf(medium, name)
    medium.put(name, tail(good, frame))
    const disk = restarted(medium)
    const opened = await startWell(disk)
    expect(fileOf(disk, name)).toEqual(good)
    expect(opened.state.values).toEqual(values(5))
    expect(opened.repaired).toHaveLength(1)
    expect(opened.repaired[0]).toMatch(/power cut .* cut off/)
    await opened.store.append(set('bay-6', 'profile-6'))
    const again = await startWell(restarted(disk))
    expect(again.state.values).toEqual(values(6))
    expect(again.repaired).toEqual([])
  })

  it('a good record behind a bad one is corruption: read-only, reported, nothing written', async () => {
    const medium = await filled(5)
    const name = lastJournal(medium)
    const bytes = fileOf(medium, name)
    bytes[bytes.length - 250] = (bytes[bytes.length - 250] ?? 0) ^ 1
    medium.put(name, bytes)
    const disk = restarted(medium)
    const opened = await start(disk)
    expect(opened).toMatchObject({ kind: 'read-only', reason: expect.stringContaining('good again at byte') })
    await expect(opened.store.append(set('bay-6', 'x'))).rejects.toThrow(StoreReadOnly)
    expect(disk.counts).toMatchObject({ append: 0, sync: 0, rename: 0, remove: 0, truncate: 0 })
  })

  it('more spoilt bytes than one write can leave is corruption', async () => {
    const medium = await filled(5)
    medium.put(lastJournal(medium), joined(fileOf(medium, lastJournal(medium)), new Uint8Array(300 * 1024)))
    expect(await start(restarted(medium))).toMatchObject({
      kind: 'read-only',
      reason: expect.stringContaining('more than one write'),
    })
  })

  it('a sound record that does not continue the chain is corruption', async () => {
    const medium = await filled(5)
    const foreign = batchFrame(6, '0'.repeat(32), ['{"kind":"set","name":"bay-6","value":"other"}'])
    medium.put(lastJournal(medium), joined(fileOf(medium, lastJournal(medium)), foreign))
    expect(await start(restarted(medium))).toMatchObject({ kind: 'read-only', readable: { at: { index: 5 } } })
  })
})

describe('two snapshot slots', () => {
  const slotsOf = (medium: MemoryMedium): string[] =>
    [...medium.files().keys()].filter((name) => name.startsWith('snapshot-'))

  it.each(['snapshot-a', 'snapshot-b'])('%s can be lost or spoilt, and nothing else is', async (slot) => {
    // 20 records end in one slot, 30 in the other: each slot is once the newer one.
    for (const count of [20, 30]) {
      for (const spoil of [
        (bytes: Uint8Array) => bytes.fill(0, 10, 30),
        (bytes: Uint8Array) => bytes.subarray(0, 9),
        undefined,
      ]) {
        const medium = await filled(count, { journalRecords: 10 })
        expect(slotsOf(medium)).toHaveLength(2)
        const files = medium.files()
        if (spoil) files.set(slot, spoil(fileOf(medium, slot)))
        else files.delete(slot)
        const disk = memoryMedium(files)
        const opened = await startWell(disk)
        expect(opened.state.values).toEqual(values(count))
        expect(opened.repaired[0]).toContain(slot)
        const again = await startWell(restarted(disk))
        expect(again.repaired).toEqual([])
        expect(again.state.values).toEqual(values(count))
      }
    }
  })

  it('both spoilt is corrupt, never blank', async () => {
    const medium = await filled(5)
    medium.put('snapshot-a', Uint8Array.of(1, 2, 3))
    medium.put('snapshot-b', new Uint8Array())
    const opened = await start(restarted(medium))
    expect(opened).toMatchObject({ kind: 'read-only', reason: expect.stringContaining('snapshot-a is unreadable') })
  })

  it('both gone while journals are there is corrupt, never blank', async () => {
    const files = (await filled(5)).files()
    files.delete('snapshot-a')
    files.delete('snapshot-b')
    expect(await start(memoryMedium(files))).toMatchObject({ kind: 'read-only' })
  })

  it('a missing journal is corrupt, whichever it is', async () => {
    const medium = await filled(25, { journalRecords: 10 })
    const files = medium.files()
    files.delete(lastJournal(medium))
    expect(await start(memoryMedium(files))).toMatchObject({
      kind: 'read-only',
      reason: expect.stringContaining('is missing'),
    })
  })

  it('the older slot does not stand in where its journal lost its end', async () => {
    const medium = await filled(20, { journalRecords: 10 })
    const [older] = journals(medium).slice(-2)
    const cut = fileOf(medium, older ?? '')
    const verdicts = new Set<string>()
    for (const slot of slotsOf(medium)) {
      const files = medium.files()
      files.set(slot, Uint8Array.of(0))
      files.set(older ?? '', cut.subarray(0, cut.length - 30))
      const opened = await start(memoryMedium(files))
      // Either the spoilt slot was the needless one, or records are missing and that is said.
      verdicts.add(opened.kind)
      if (opened.kind === 'open') expect(opened.state.values).toEqual(values(20))
      else expect(opened.reason).toMatch(/continues record 20, and what leads there ends at 19/)
    }
    expect(verdicts).toEqual(new Set(['open', 'read-only']))
  })

  it('a snapshot of a newer version is told as such', async () => {
    const medium = await filled(1)
    const { frame } = await import('../../../agent/controller/store/frames.ts')
    for (const slot of slotsOf(medium)) medium.put(slot, frame('{"snapshot":99}'))
    expect(await start(restarted(medium))).toMatchObject({
      kind: 'read-only',
      reason: expect.stringContaining('newer version'),
    })
  })

  it('a start cut short before anything was stored is blank, and said', async () => {
    const medium = memoryMedium()
    const { store } = await startWell(medium)
    medium.cutAt = medium.operations + 5
    await expect(store.append(set('bay-1', 'x'))).rejects.toThrow()
    const opened = await startWell(medium.afterPowerCut('all', seeded(1)))
    expect(opened).toMatchObject({ source: 'blank', repaired: [expect.stringContaining('first start')] })
  })
})

describe('flipped bits on flash', () => {
  it('are read right, or reported, and never change anything silently', async () => {
    const medium = await filled(12, { journalRecords: 5 })
    const wanted = JSON.stringify(values(12))
    const counts = { right: 0, said: 0, 'read-only': 0 }
    for (const [name, bytes] of medium.files()) {
      for (let bit = 0; bit < bytes.length * 8; bit += 1 + (bit % 3)) {
        const files = medium.files()
        const flipped = bytes.slice()
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        files.set(name, flipped)
        const opened: Opened<Ledger, LedgerRecord> = await start(memoryMedium(files))
        if (opened.kind === 'read-only') counts['read-only']++
        else if (JSON.stringify(opened.state.values) === wanted) counts.right++
        else if (opened.repaired.length > 0) counts.said++
        else expect.fail(`${name}, bit ${bit}: silently different`)
      }
    }
    const cases = counts.right + counts.said + counts['read-only']
    console.log(`flash: ${cases} single flips`, counts)
    expect(cases).toBeGreaterThan(5000)
    expect(counts.right).toBeGreaterThan(1000)
    expect(counts['read-only']).toBeGreaterThan(500)
  }, 60_000)
})

describe('the second copy', () => {
  it('is named by the answer: flash and EEPROM for a binding, flash alone for power', async () => {
    const device = memoryEeprom()
    const { store } = await startWell(memoryMedium(), { eeprom: await openEeprom(device) })
    expect(await store.append(set('bay-1', 'web-1'))).toMatchObject({ flash: true, eeprom: true })
    const pages = device.pageWrites
    const answer = await store.append(power('bay-1', 'on'))
    expect(answer).toMatchObject({ flash: true, eeprom: false })
    expect(answer.why).toBeUndefined()
    expect(device.pageWrites).toBe(pages)
  })

  it('shares EEPROM pages among bindings that come together', async () => {
    const device = memoryEeprom()
    const { store } = await startWell(memoryMedium(), { eeprom: await openEeprom(device) })
    await store.append(set('bay-0', 'web'))
    const before = device.pageWrites
    const receipts = await Promise.all(
      Array.from({ length: 100 }, (_, n) => store.append(set(`bay-${n % 16}`, `web-${n}`))),
    )
    expect(receipts.every(({ eeprom }) => eeprom)).toBe(true)
    expect(device.pageWrites - before).toBeLessThan(30)
  })

  it('says single copy and why while the EEPROM fails, and catches up when it is back', async () => {
    const device = memoryEeprom()
    const { store } = await startWell(memoryMedium(), { eeprom: await openEeprom(device) })
    await store.append(set('bay-1', 'web-1'))
    device.broken = 'no acknowledge on the bus'
    expect(await store.append(set('bay-2', 'web-2'))).toMatchObject({
      flash: true,
      eeprom: false,
      why: expect.stringContaining('no acknowledge'),
    })
    device.broken = undefined
    expect(await store.append(set('bay-3', 'web-3'))).toMatchObject({ eeprom: true })
    const { reading } = await openEeprom(device)
    expect(reading.kind === 'content' && fromEssentials(reading.map).values).toEqual(store.durable.state.values)
  })

  it('lets a replaced controller take over what the EEPROM holds', async () => {
    const device = memoryEeprom()
    const { store } = await startWell(memoryMedium(), { eeprom: await openEeprom(device) })
    await store.append([{ record: { kind: 'lead', term: 4 }, copies: 'both' }])
    await store.append(set('bay-1', 'web-1'))

    const medium = memoryMedium()
    const fresh = await startWell(medium, { eeprom: await openEeprom(device) })
    expect(fresh).toMatchObject({ source: 'blank', relation: 'newer', eeprom: { kind: 'content' } })
    expect(await fresh.store.append(power('bay-1', 'on'))).toMatchObject({ flash: true })
    const map = fresh.eeprom?.kind === 'content' ? fresh.eeprom.map : new Map<string, string>()
    await fresh.store.adopt({ ...fromEssentials(map), term: 4 }, store.durable.at)
    expect(await fresh.store.append(set('bay-2', 'web-2'))).toMatchObject({ index: 3, term: 4, eeprom: true })
    const again = await startWell(restarted(medium), { eeprom: await openEeprom(device) })
    expect(again).toMatchObject({
      relation: 'same',
      at: { index: 3 },
      state: { values: { 'bay-1': 'web-1', 'bay-2': 'web-2' } },
    })
  })

  it('is never written over by a stale controller that was put back', async () => {
    const device = memoryEeprom()
    const old = memoryMedium()
    const first = await startWell(old, { eeprom: await openEeprom(device) })
    await first.store.append(set('bay-1', 'web-1'))
    const shelf = restarted(old)
    await first.store.append(set('bay-1', 'web-2'))

    const stale = await startWell(shelf, { eeprom: await openEeprom(device) })
    expect(stale.relation).toBe('newer')
    const before = device.bytes.slice()
    expect(await stale.store.append(set('bay-1', 'web-9'))).toMatchObject({
      eeprom: false,
      why: 'the EEPROM holds a newer copy',
    })
    expect(device.bytes).toEqual(before)
    // Its own record made the numbers equal and the histories two.
    expect(await stale.store.compareEeprom()).toBe('conflict')
    expect(await stale.store.append(set('bay-1', 'web-10'))).toMatchObject({ eeprom: false })
    // A longer history that is not the EEPROM's own is a conflict too, not a newer copy.
    expect(await stale.store.compareEeprom()).toBe('conflict')
    expect(device.bytes).toEqual(before)
    expect(await stale.store.mirror()).toEqual({ eeprom: true })
    expect(await stale.store.compareEeprom()).toBe('same')
  })

  it('is known as older when the power failed between flash and EEPROM, and is brought up again', async () => {
    const device = memoryEeprom()
    const medium = memoryMedium()
    const { store } = await startWell(medium, { eeprom: await openEeprom(device), journalRecords: 3 })
    for (let n = 0; n < 7; n++) await store.append(set('bay-1', `web-${n}`))
    device.broken = 'no power'
    for (let n = 7; n < 12; n++) await store.append(set('bay-1', `web-${n}`))
    device.broken = undefined
    const again = await startWell(restarted(medium), { eeprom: await openEeprom(device) })
    expect(again.relation).toBe('older')
    expect(await again.store.mirror()).toEqual({ eeprom: true })
    expect(await again.store.compareEeprom()).toBe('same')
  })

  it('is not begun on a blank EEPROM by a flash that has a history, until that was decided', async () => {
    const medium = await filled(3)
    const device = memoryEeprom()
    const { store, relation } = await startWell(restarted(medium), { eeprom: await openEeprom(device) })
    expect(relation).toBe('blank')
    expect(await store.append(set('bay-1', 'x'))).toMatchObject({
      eeprom: false,
      why: 'the EEPROM is blank and the flash is not',
    })
    expect(device.pageWrites).toBe(0)
    expect(await store.mirror()).toEqual({ eeprom: true })
    expect(await store.append(set('bay-1', 'y'))).toMatchObject({ eeprom: true })
  })

  it('is held back, not begun anew, where the EEPROM can not be read', async () => {
    const device = memoryEeprom()
    const medium = memoryMedium()
    const { store } = await startWell(medium, { eeprom: await openEeprom(device) })
    for (let n = 0; n < 5; n++) await store.append(set(`bay-${n}`, 'x'))
    device.bytes.fill(0x33, 128, 256)
    const again = await startWell(restarted(medium), { eeprom: await openEeprom(device) })
    expect(again.relation).toBe('unreadable')
    expect(await again.store.append(set('bay-1', 'y'))).toMatchObject({ flash: true, eeprom: false })
    expect(await again.store.mirror()).toMatchObject({ eeprom: false })
    expect(await again.store.eraseEeprom()).toEqual({ eeprom: true })
    expect(await again.store.mirror()).toEqual({ eeprom: true })
    expect(await again.store.compareEeprom()).toBe('same')
  })

  it('keeps the keys of the chassis in the EEPROM and nowhere else', async () => {
    const device = memoryEeprom()
    const medium = memoryMedium()
    const { store } = await startWell(medium, { eeprom: await openEeprom(device) })
    expect(
      await store.inscribe(
        new Map([
          ['chassis-key', 'SECRET-OF-THE-CHASSIS'],
          ['chassis-uuid', 'u'],
        ]),
      ),
    ).toEqual({ eeprom: true })
    await store.append(set('bay-1', 'web-1'))
    await store.inscribe(new Map([['chassis-uuid', undefined]]))
    await store.append([{ record: { kind: 'drop', name: 'bay-1' }, copies: 'both' }])
    const { reading } = await openEeprom(device)
    expect(reading.kind === 'content' && [...reading.map.keys()].sort()).toEqual(['chassis-key', 'head'])
    expect(reading.kind === 'content' && reading.map.get('chassis-key')).toBe('SECRET-OF-THE-CHASSIS')
    for (const bytes of medium.files().values()) expect(Buffer.from(bytes).includes('SECRET')).toBe(false)
    expect(() => store.inscribe(new Map([['bay:1', 'x']]))).toThrow(RangeError)
  })

  it('tells beforehand that something will not fit', async () => {
    const { store } = await startWell(memoryMedium(), {
      eeprom: await openEeprom(memoryEeprom({ size: 64 * 128, pageBytes: 128 })),
    })
    const random = seeded(1)
    const noise = (length: number) => Array.from({ length }, () => random(36).toString(36)).join('')
    expect(store.room({ ...EMPTY, values: { a: noise(100) } })).toMatchObject({ fits: true })
    const large = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`v${n}`, noise(400)]))
    expect(store.room({ ...EMPTY, values: large })).toMatchObject({ fits: false })
    await Promise.all(Object.entries(large).map(([name, value]) => store.append(set(name, value))))
    expect(await store.append(set('last', noise(400)))).toMatchObject({
      flash: true,
      eeprom: false,
      why: expect.stringContaining('full'),
    })
  })
})

describe('a corrupt store', () => {
  it('comes back by adopting another copy, at its position, and keeps nothing of the old', async () => {
    const device = memoryEeprom()
    const medium = memoryMedium()
    const { store } = await startWell(medium, { eeprom: await openEeprom(device) })
    for (let n = 1; n <= 5; n++) await store.append(set(`bay-${n}`, `profile-${n}`))
    medium.put('snapshot-a', Uint8Array.of(1))
    medium.put('snapshot-b', Uint8Array.of(1))
    const disk = restarted(medium)
    const opened = await start(disk, { eeprom: await openEeprom(device) })
    if (opened.kind !== 'read-only' || opened.eeprom?.kind !== 'content') expect.fail('not as wanted')
    await opened.store.adopt(fromEssentials(opened.eeprom.map), store.durable.at)
    expect(opened.store.readOnly).toBeUndefined()
    expect(await opened.store.append(set('bay-6', 'profile-6'))).toMatchObject({ index: 6, eeprom: true })
    const again = await startWell(restarted(disk), { eeprom: await openEeprom(device) })
    expect(again).toMatchObject({ repaired: [], relation: 'same', at: { index: 6 } })
    expect(again.state.values).toEqual(values(6))
    expect(journals(disk)).toHaveLength(2)
  })
})
