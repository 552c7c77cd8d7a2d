/** Which copy a controller goes on from, for whatever it finds on its flash and in the chassis EEPROM (W13 to W15). */
import { describe, expect, test } from 'vitest'
import { NotStored } from '../../agent/controller/agent.ts'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import { id } from '../core/lab.ts'
import {
  accepted,
  again,
  board,
  chassis,
  cloneChip,
  cloneMedium,
  lead,
  officeOf,
  sameChip,
  settled,
  start,
  value,
} from './memory-bench.ts'
import { memoryEeprom } from './store/memory-eeprom.ts'
import { memoryMedium } from './store/memory-medium.ts'

const mark = ({ secrets }: { secrets: { readonly [id: string]: { readonly mark: string } } }) => secrets.value?.mark

async function inChip(bytes: Uint8Array): Promise<ReadonlyMap<string, string>> {
  const { reading } = await openEeprom(memoryEeprom({ bytes: new Uint8Array(bytes) }))
  return reading.kind === 'content' ? reading.map : expect.unreachable(reading.kind)
}

/** The chip as somebody else left it. */
async function chipWith(bytes: Uint8Array, changes: { readonly [key: string]: string | undefined }) {
  const device = memoryEeprom({ bytes: new Uint8Array(bytes) })
  const eeprom = await openEeprom(device)
  const map = new Map(eeprom.reading.kind === 'content' ? eeprom.reading.map : [])
  for (const [key, text] of Object.entries(changes)) {
    if (text === undefined) map.delete(key)
    else map.set(key, text)
  }
  await eeprom.write(map)
  return sameChip(device)
}

describe('A new chassis', () => {
  test('gets an incarnation and a key of its own, and keeps both through restarts', async () => {
    const medium = memoryMedium()
    const eeprom = memoryEeprom()
    const first = await lead(medium, eeprom)
    expect(first.state.incarnation).toMatch(/^[0-9a-f]{32}$/)
    expect(first.memory.chassisKey).toHaveLength(32)
    expect(first.memory.view()).toMatchObject({ readOnly: false, notes: [], copies: ['flash', 'eeprom'] })
    const second = await lead(again(medium), sameChip(eeprom))
    expect(second.state).toEqual(first.state)
    expect(second.memory.chassisKey).toEqual(first.memory.chassisKey)
    expect((await lead(memoryMedium(), memoryEeprom())).state.incarnation).not.toBe(first.state.incarnation)
  })

  test('does not begin while its EEPROM can not be asked: it may hold what is bound here', async () => {
    const silent = memoryEeprom()
    silent.broken = 'no acknowledge'
    for (const eeprom of [silent, 'open /sys/eeprom: no such file']) {
      const medium = memoryMedium()
      const memory = await start(medium, eeprom)
      expect(memory.readOnly()).toContain('can not be read')
      expect(memory.readOnly()).not.toContain('--adopt')
      expect(medium.files().size).toBe(0)
      expect((await start(medium, eeprom, { adopt: chassis })).readOnly()).toContain('can not be read')
    }
  })

  test('does not begin when the EEPROM does not take its first write', async () => {
    const eeprom = memoryEeprom()
    eeprom.worn = 1
    const medium = memoryMedium()
    expect((await start(medium, eeprom)).readOnly()).toContain('does not take its first write')
    eeprom.worn = undefined
    expect((await start(again(medium), sameChip(eeprom))).readOnly()).toBeUndefined()
  })

  test('without an EEPROM begins, and says single copy', async () => {
    const leading = await lead(memoryMedium(), undefined)
    expect(await leading.note(true, value('one'))).toEqual(['flash'])
    expect(leading.memory.chassisKey).toBeUndefined()
    expect(leading.memory.view().notes).toEqual(['single copy: no EEPROM'])
  })
})

describe('A restarted controller', () => {
  test('goes on where it was, office and all', async () => {
    const { medium, eeprom, state } = await settled()
    const { memory } = await lead(medium, eeprom)
    expect(memory.state).toEqual(state)
    expect(memory.view()).toMatchObject({ notes: [], copies: ['flash', 'eeprom'] })
  })

  test('brings an older EEPROM up to what its flash holds', async () => {
    const { medium, eeprom } = await settled()
    const leading = await lead(medium, eeprom)
    expect(await leading.note(false, value('two'))).toEqual(['flash'])
    expect((await inChip(eeprom.bytes)).get('secret:value')).toContain('one')
    const next = await lead(again(medium), sameChip(eeprom))
    expect(mark(next.state)).toBe('two')
    expect(next.state.epoch).toBe(1)
    expect((await inChip(eeprom.bytes)).get('secret:value')).toContain('two')
  })

  test('whose EEPROM takes no writes goes on as a single copy, and says so', async () => {
    const { medium, eeprom } = await settled()
    const leading = await lead(medium, eeprom)
    await leading.note(false, value('two'))
    const worn = sameChip(eeprom)
    worn.writePage = () => Promise.reject(new Error('unused'))
    const stuck = sameChip(eeprom)
    for (let page = 0; page < 512; page++) if (stuck.bytes[page * 128] === 0xff) stuck.worn ??= page
    const next = await lead(again(medium), stuck)
    expect(mark(next.state)).toBe('two')
    expect(next.memory.view().copies).toEqual(['flash'])
    expect(next.memory.view().notes).toEqual([expect.stringContaining('single copy: the EEPROM failed')])
  })

  test('that lost its last record to a torn flash takes it from the EEPROM, with nobody in office', async () => {
    const { medium, eeprom, state } = await settled()
    const files = medium.files()
    const [journal = ''] = [...files.keys()].filter((name) => name.startsWith('journal')).sort().reverse()
    const bytes = files.get(journal) ?? expect.unreachable()
    medium.put(journal, bytes.slice(0, -3))
    const { memory } = await lead(medium, eeprom)
    expect(mark(memory.state)).toBe('one')
    expect(memory.state).toMatchObject({ epoch: state.epoch + 1, revision: state.revision })
    expect(memory.state.office).toBeUndefined()
    expect(memory.view().notes.join('\n')).toMatch(/cut off[^]*adopted revision 2 from the chassis EEPROM/)
  })
})

describe('A replaced controller', () => {
  test('adopts by itself what the EEPROM holds, under a new epoch and term with nobody in office', async () => {
    const { eeprom, state } = await settled()
    const { memory } = await lead(memoryMedium(), eeprom)
    const { office: _, answers: __, ...kept } = state
    expect(memory.state).toEqual({ ...kept, answers: {}, epoch: state.epoch + 1, term: state.term + 1 })
    expect(memory.view()).toMatchObject({ readOnly: false, copies: ['flash', 'eeprom'] })
    expect(memory.view().notes).toEqual([expect.stringContaining('adopted revision 2')])
  })

  test('does not lead when it can not say so in the EEPROM', async () => {
    const { eeprom, state } = await settled()
    for (let worn = 0; worn < 512; worn++) {
      const chip = cloneChip(eeprom)
      chip.worn = worn
      const medium = memoryMedium()
      const memory = await start(medium, chip)
      if (memory.readOnly() === undefined) continue
      expect(memory.readOnly()).toContain('the chassis EEPROM can not be written')
      expect(mark(memory.state)).toBe('one')
      chip.worn = undefined
      const next = await lead(again(medium), sameChip(chip))
      expect(next.state.epoch).toBe(state.epoch + 1)
      return
    }
    expect.unreachable('no page was needed')
  }, 60_000)

  test('that is put back later adopts and never imposes, whatever it noted on its own flash meanwhile', async () => {
    const { medium, eeprom } = await settled()
    const old = await lead(medium, eeprom)
    for (let i = 0; i < 20; i++) await old.note(false, value(`stale-${i}`))
    const kept = cloneMedium(medium)
    const other = memoryMedium()
    const substitute = await lead(other, sameChip(eeprom))
    expect(mark(substitute.state)).toBe('one')
    await substitute.note(true, value('new'))
    const back = await lead(kept, sameChip(eeprom))
    expect(mark(back.state)).toBe('new')
    expect(back.state.epoch).toBe(substitute.state.epoch + 1)
    expect((await inChip(eeprom.bytes)).get('secret:value')).toContain('new')
    await back.note(true, value('newer'))
    expect(mark((await lead(again(other), sameChip(eeprom))).state)).toBe('newer')
  })

  test('that is put back after a substitute died half-way through adopting does not impose either', async () => {
    const { medium, eeprom, state } = await settled()
    const chip = await chipWith(eeprom.bytes, { 'chassis-term': String(state.term + 1) })
    const { memory } = await lead(medium, chip)
    expect(memory.state).toMatchObject({ epoch: state.epoch + 1, term: state.term + 2 })
    expect(memory.state.office).toBeUndefined()
  })
})

describe('A controller that can not tell what is right holds, says why, and changes neither copy:', () => {
  const other = { 'flash of another chassis': chassis, 'flash of another board': board }
  const cases: readonly (readonly [string, RegExp, () => Promise<readonly [ReturnType<typeof memoryMedium>, Parameters<typeof start>[1]]>, Parameters<typeof start>[2]?])[] = [
    ['flash of another chassis', /bindings of chassis rack-1, and this is rack-2/, async () => both(await settled()), { chassis: id<'Chassis'>('rack-2') }],
    ['flash of another board', /bindings of a hp-c7000, and this is a dell-m1000e/, async () => both(await settled()), { board: 'dell-m1000e' }],
    ['a blank controller in a chassis of another name', /EEPROM holds the bindings of chassis rack-1/, async () => [memoryMedium(), (await settled()).eeprom], { chassis: id<'Chassis'>('rack-2') }],
    ['a blank controller set up for another board', /EEPROM holds the bindings of a hp-c7000/, async () => [memoryMedium(), (await settled()).eeprom], { board: 'dell-m1000e' }],
    ['flash and EEPROM of two incarnations', /another life of this chassis/, async () => [(await settled()).medium, (await settled()).eeprom]],
    ['a begun EEPROM of another incarnation', /another life of this chassis/, async () => [(await settled()).medium, await chipWith(new Uint8Array(65536).fill(0xff), { 'chassis-key': 'a'.repeat(64), 'chassis-incarnation': 'b'.repeat(32), 'chassis-term': '1' })]],
    ['a blank EEPROM under bindings', /EEPROM is blank.*--adopt rack-1/, async () => [(await settled()).medium, memoryEeprom()]],
    ['two histories under one number', /different histories.*--adopt rack-1/, diverged],
    ['no EEPROM where bindings are', /no chassis EEPROM.*--adopt rack-1/, async () => [(await settled()).medium, undefined]],
    ['an EEPROM that can not be opened', /can not be read: EACCES.*--adopt rack-1/, async () => [(await settled()).medium, 'EACCES']],
    ['an EEPROM that does not answer', /can not be read.*no acknowledge.*--adopt rack-1/, async () => [(await settled()).medium, Object.assign((await settled()).eeprom, { broken: 'no acknowledge' })]],
    ['a corrupt EEPROM', /can not be read.*--adopt rack-1/, async () => { const { medium, eeprom } = await settled(); eeprom.bytes.fill(0x5a, 128, 4096); return [medium, eeprom] }],
    ['a head that makes no sense', /head is damaged/, async () => changed({ head: '{"term":1}' })],
    ['a copy of a newer version', /this version can not read/, async () => changed({ 'tombstone:web-01': '{"token":7}' })],
    ['a copy with a member that this version does not know', /this version can not read/, async () => changed({ 'bay:3': '{"power":"on","throttle":50}' })],
    ['a copy of another format', /this version can not read/, async () => changed({ life: '{"board":"hp-c7000","chassis":"rack-1","format":2,"incarnation":"00"}' })],
    ['bindings without the keys of the chassis', /keys do not belong|do not belong to/, async () => changed({ 'chassis-incarnation': undefined })],
    ['bindings with the key of another incarnation', /do not belong to/, async () => changed({ 'chassis-incarnation': 'c'.repeat(32) })],
    ['an EEPROM that fell behind its term', /different histories/, async () => { const { eeprom } = await settled(); const medium = memoryMedium(); await lead(medium, eeprom); return [again(medium), await chipWith(eeprom.bytes, { 'chassis-term': '1' })] }],
  ]
  void other

  test.each(cases)('%s', async (_, why, found, more) => {
    const [medium, eeprom] = await found()
    const flash = [...medium.files()]
    const bytes = typeof eeprom === 'object' ? Buffer.from(eeprom.bytes) : undefined
    const memory = await start(medium, eeprom, more)
    expect(memory.readOnly()).toMatch(why)
    expect(memory.view()).toMatchObject({ readOnly: true })
    expect(memory.view().notes).toContain(memory.readOnly())
    await expect(memory.append(accepted(memory.state, value('two')), true)).rejects.toThrowError(NotStored)
    await expect(memory.append(accepted(memory.state, value('two')), false)).rejects.toMatchObject({ readOnly: true })
    expect(contents(medium)).toEqual(new Map(flash.filter(([name]) => name.startsWith('snapshot'))))
    if (typeof eeprom === 'object') expect(Buffer.from(eeprom.bytes).equals(bytes ?? Buffer.alloc(0))).toBe(true)
  })

  test('a controller that holds shows what it could read', async () => {
    const { medium, eeprom } = await settled()
    expect(mark((await start(medium, memoryEeprom())).state)).toBe('one')
    expect(mark((await start(memoryMedium(), eeprom, { chassis: id<'Chassis'>('rack-2') })).state)).toBe('one')
  })
})

describe('Flash that is corrupt', () => {
  test('makes memory read-only, says so, and shows what can be read of either copy', async () => {
    for (const spoil of ['snapshot', 'journal'] as const) {
      const { medium, eeprom } = await settled()
      for (const [name, bytes] of medium.files()) if (name.startsWith(spoil)) medium.put(name, bytes.fill(7, 30))
      const memory = await start(medium, eeprom)
      expect(memory.view().readOnly).toBe(true)
      expect(memory.view().notes.join()).toMatch(/snapshot|journal/)
      expect(mark(memory.state), spoil).toBe('one')
      await expect(memory.append(accepted(memory.state), true)).rejects.toMatchObject({ readOnly: true })
      expect((await inChip(eeprom.bytes)).get('secret:value')).toContain('one')
    }
  })

  test('that can not be read at all is not taken for new', async () => {
    const medium = memoryMedium()
    medium.fail = () => ({ code: 'EIO' })
    expect((await start(medium, memoryEeprom())).readOnly()).toContain('flash can not be used')
  })

  test('that can not be written makes the first start hold', async () => {
    const medium = memoryMedium()
    medium.fail = ({ operation }) => (operation === 'append' ? { code: 'EROFS' } : undefined)
    const told: string[] = []
    const memory = await start(medium, memoryEeprom(), { onReadOnly: (why) => told.push(why) })
    expect(memory.readOnly()).toContain('EROFS')
    expect(told).toHaveLength(1)
  })
})

describe('Adopting flash by name', () => {
  test.each([
    ['a replaced EEPROM', async () => [(await settled()).medium, memoryEeprom()] as const],
    ['two histories', diverged],
    ['a corrupt EEPROM', async () => { const { medium, eeprom } = await settled(); eeprom.bytes.fill(0x5a, 128, 4096); return [medium, eeprom] as const }],
  ])('ends the hold over %s: this flash leads, nobody is in office, and the EEPROM has it', async (_, found) => {
    const [medium, eeprom] = await found()
    const { memory } = await lead(medium, eeprom, { adopt: chassis })
    expect(memory.state).toMatchObject({ epoch: 2, term: 2 })
    expect(memory.state.office).toBeUndefined()
    expect(memory.view().copies).toEqual(['flash', 'eeprom'])
    const next = await lead(again(medium), eeprom ? sameChip(eeprom) : undefined)
    expect(next.state).toEqual(memory.state)
    expect(next.memory.chassisKey).toHaveLength(32)
  })

  test('lets a controller without an EEPROM lead until its next restart', async () => {
    const { medium } = await settled()
    const leading = await lead(medium, undefined, { adopt: chassis })
    expect(await leading.note(true, value('two'))).toEqual(['flash'])
    expect((await start(again(medium), undefined)).readOnly()).toContain('--adopt rack-1')
    expect(mark((await lead(again(medium), undefined, { adopt: chassis })).state)).toBe('two')
  })

  test('by another name, or where nothing is to be decided, is not heard', async () => {
    const { medium, eeprom, state } = await settled()
    expect((await start(cloneMedium(medium), memoryEeprom(), { adopt: id<'Chassis'>('rack-2') })).readOnly()).toBeDefined()
    expect((await lead(cloneMedium(medium), cloneChip(eeprom), { adopt: chassis })).state).toEqual(state)
    const elsewhere = await start(cloneMedium(medium), (await settled()).eeprom, { adopt: chassis })
    expect(elsewhere.readOnly()).toContain('another life')
  })
})

describe('While it runs', () => {
  test('an EEPROM that fails makes the answer a single copy, and the next one that reaches it ends that', async () => {
    const { medium, eeprom } = await settled()
    const leading = await lead(medium, eeprom)
    eeprom.broken = 'no acknowledge'
    expect(await leading.note(true, value('two'))).toEqual(['flash'])
    expect(leading.memory.view()).toMatchObject({ copies: ['flash'], readOnly: false })
    expect(leading.memory.view().notes).toEqual([expect.stringMatching(/^single copy: .*no acknowledge/)])
    eeprom.broken = undefined
    expect(await leading.note(true, value('three'))).toEqual(['flash', 'eeprom'])
    expect(leading.memory.view().notes).toEqual([])
  })

  test('flash that fails once rejects what was under way, tells what is durable, and goes on', async () => {
    const { medium, eeprom } = await settled()
    const recovered: (string | undefined)[] = []
    const leading = await lead(medium, eeprom, { onRecovered: (state) => recovered.push(mark(state)) })
    let fail = true
    medium.fail = ({ operation }) => {
      const now = fail && operation === 'sync'
      fail &&= operation !== 'sync'
      return now ? { code: 'EIO' } : undefined
    }
    await expect(leading.note(true, value('two'))).rejects.toMatchObject({ readOnly: false })
    await expect.poll(() => recovered.length).toBe(1)
    expect(leading.memory.readOnly()).toBeUndefined()
    expect(leading.memory.view().notes).toEqual([expect.stringContaining('EIO')])
    leading.state = { ...leading.state }
    expect(await leading.note(true, value('three'))).toEqual(['flash', 'eeprom'])
  })

  test('flash that goes on failing makes memory read-only and says so', async () => {
    const { medium, eeprom } = await settled()
    const told: string[] = []
    const leading = await lead(medium, eeprom, { onReadOnly: (why) => told.push(why) })
    medium.fail = ({ operation }) => (operation === 'list' || operation === 'sync' ? { code: 'EIO' } : undefined)
    await expect(leading.note(true, value('two'))).rejects.toThrowError(NotStored)
    await expect.poll(() => told.length).toBe(1)
    expect(leading.memory.view()).toMatchObject({ readOnly: true, notes: [leading.memory.readOnly()] })
    await expect(leading.note(true, value('two'))).rejects.toMatchObject({ readOnly: true })
  })

  test('a record that is too long is refused, and the next one is stored', async () => {
    const { medium, eeprom } = await settled()
    const leading = await lead(medium, eeprom)
    await expect(leading.note(true, value('x'.repeat(2 ** 21)))).rejects.toMatchObject({ readOnly: false })
    expect(await leading.note(true, value('two'))).toEqual(['flash', 'eeprom'])
  })
})

function both({ medium, eeprom }: Awaited<ReturnType<typeof settled>>) {
  return [medium, eeprom] as const
}

async function changed(changes: { readonly [key: string]: string | undefined }) {
  const { medium, eeprom } = await settled()
  return [medium, await chipWith(eeprom.bytes, changes)] as const
}

/** Two copies of one flash that each went on for itself. */
async function diverged() {
  const { medium, eeprom } = await settled()
  const mine = cloneMedium(medium)
  const theirs = await lead(medium, eeprom)
  await theirs.note(true, value('theirs'))
  const chip = cloneChip(eeprom)
  await (await lead(mine, (await settledChip(eeprom)))).note(true, value('mine')).catch(() => undefined)
  return [again(mine), chip] as const

  async function settledChip(later: typeof eeprom) {
    // The chip as it was before, so that the other copy could lead at all.
    const device = memoryEeprom({ bytes: new Uint8Array(later.bytes) })
    const eepromThen = await openEeprom(device)
    const map = new Map(eepromThen.reading.kind === 'content' ? eepromThen.reading.map : [])
    const then = await lead(cloneMedium(mine), undefined, { adopt: chassis }).catch(() => undefined)
    void then
    map.set('secret:value', '{"id":"value","mark":"one","sealed":"AAAA"}')
    const view = (await start(cloneMedium(mine), undefined)).view()
    map.set('head', JSON.stringify({ term: 1, index: view.index, digest: view.digest }))
    map.set('revision', '2')
    await eepromThen.write(map)
    return sameChip(device)
  }
}

const contents = (medium: ReturnType<typeof memoryMedium>) =>
  new Map([...medium.files()].filter(([name]) => name.startsWith('snapshot')))
void officeOf
