/** Which copy a controller goes on from, for whatever it finds on its flash and in the chassis EEPROM (W13 to W15). */
import { describe, expect, test } from 'vitest'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import { NotStored } from '../../agent/controller/tend.ts'
import { id } from '../core/lab.ts'
import {
  accepted,
  again,
  chassis,
  cloneChip,
  cloneMedium,
  lead,
  newChip,
  sameChip,
  settled,
  start,
  value,
} from './memory-bench.ts'
import type { MemoryEeprom } from './store/memory-eeprom.ts'
import { type MemoryMedium, memoryMedium } from './store/memory-medium.ts'

const mark = ({ secrets }: { secrets: { readonly [id: string]: { readonly mark: string } } }) => secrets.value?.mark

async function inChip(bytes: Uint8Array): Promise<ReadonlyMap<string, string>> {
  const { reading } = await openEeprom(newChip(new Uint8Array(bytes)))
  return reading.kind === 'content' ? reading.map : expect.unreachable(reading.kind)
}

/** The chip as somebody else left it. */
async function chipWith(bytes: Uint8Array, changes: { readonly [key: string]: string | undefined }) {
  const device = newChip(new Uint8Array(bytes))
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
    const eeprom = newChip()
    const first = await lead(medium, eeprom)
    expect(first.state.incarnation).toMatch(/^[0-9a-f]{32}$/)
    expect(first.memory.chassisKey).toHaveLength(32)
    expect(first.memory.view()).toMatchObject({ readOnly: false, notes: [], copies: ['flash', 'eeprom'] })
    const second = await lead(again(medium), sameChip(eeprom))
    expect(second.state).toEqual(first.state)
    expect(second.memory.chassisKey).toEqual(first.memory.chassisKey)
    expect((await lead(memoryMedium(), newChip())).state.incarnation).not.toBe(first.state.incarnation)
  })

  test('does not begin while its EEPROM can not be asked: it may hold what is bound here', async () => {
    const silent = newChip()
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
    const eeprom = newChip()
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
    const stuck = sameChip(eeprom)
    for (let page = 0; page < 64; page++) if (stuck.bytes[page * 128] === 0xff) stuck.worn ??= page
    const next = await lead(again(medium), stuck)
    expect(mark(next.state)).toBe('two')
    expect(next.memory.view().copies).toEqual(['flash'])
    expect(next.memory.view().notes).toEqual([expect.stringContaining('single copy: the EEPROM failed')])
  })

  test('that lost its last record to a torn flash takes it from the EEPROM, with nobody in office', async () => {
    const { medium, eeprom, state } = await settled()
    const files = medium.files()
    const [journal = ''] = [...files.keys()]
      .filter((name) => name.startsWith('journal'))
      .sort()
      .reverse()
    const bytes = files.get(journal) ?? expect.unreachable()
    medium.put(journal, bytes.slice(0, -3))
    const { memory } = await lead(medium, eeprom)
    expect(mark(memory.state)).toBe('one')
    expect(memory.state).toMatchObject({ epoch: state.epoch + 1, revision: state.revision })
    expect(memory.state.office).toBeUndefined()
    expect(memory.view().notes.join('\n')).toMatch(/cut off[\s\S]*adopted revision 2 from the chassis EEPROM/)
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
    for (let worn = 0; worn < 64; worn++) {
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
  interface Case {
    readonly of: string
    readonly says: RegExp
    readonly found: () => Promise<readonly [MemoryMedium, MemoryEeprom | string | undefined]>
    readonly more?: Parameters<typeof start>[2]
  }
  const elsewhere = { chassis: id<'Chassis'>('rack-2') }
  const otherBoard = { board: 'dell-m1000e' }
  const begunElsewhere = {
    'chassis-key': 'a'.repeat(64),
    'chassis-incarnation': 'b'.repeat(32),
    'chassis-term': '1',
    'chassis-members': `A123/${'c'.repeat(16)}`,
  }
  const empty = () => new Uint8Array(8192).fill(0xff)
  const cases: readonly Case[] = [
    {
      of: 'flash of another chassis',
      says: /bindings of chassis rack-1, and this is rack-2/,
      found: async () => both(await settled()),
      more: elsewhere,
    },
    {
      of: 'flash of another board',
      says: /bindings of a hp-c7000, and this is a dell-m1000e/,
      found: async () => both(await settled()),
      more: otherBoard,
    },
    {
      of: 'a blank controller in a chassis of another name',
      says: /EEPROM holds the bindings of chassis rack-1/,
      found: async () => [memoryMedium(), (await settled()).eeprom],
      more: elsewhere,
    },
    {
      of: 'a blank controller set up for another board',
      says: /EEPROM holds the bindings of a hp-c7000/,
      found: async () => [memoryMedium(), (await settled()).eeprom],
      more: otherBoard,
    },
    {
      of: 'flash and EEPROM of two incarnations',
      says: /another life of this chassis/,
      found: async () => [(await settled()).medium, (await settled()).eeprom],
    },
    {
      of: 'a begun EEPROM of another incarnation',
      says: /another life of this chassis/,
      found: async () => [(await settled()).medium, await chipWith(empty(), begunElsewhere)],
    },
    {
      of: 'a begun EEPROM without all of its keys',
      says: /lacks some of its own keys; a blank controller/,
      found: async () => [memoryMedium(), await chipWith(empty(), { 'chassis-key': 'a'.repeat(64) })],
    },
    {
      of: 'a blank EEPROM under bindings',
      says: /EEPROM is blank.*--adopt rack-1/,
      found: async () => [(await settled()).medium, newChip()],
    },
    { of: 'two histories under one number', says: /different histories.*--adopt rack-1/, found: diverged },
    {
      of: 'no EEPROM where bindings are',
      says: /no chassis EEPROM.*--adopt rack-1/,
      found: async () => [(await settled()).medium, undefined],
    },
    {
      of: 'an EEPROM that can not be opened',
      says: /can not be read: EACCES.*--adopt rack-1/,
      found: async () => [(await settled()).medium, 'EACCES'],
    },
    {
      of: 'an EEPROM that does not answer',
      says: /can not be read.*no acknowledge.*--adopt rack-1/,
      found: async () => {
        const { medium, eeprom } = await settled()
        eeprom.broken = 'no acknowledge'
        return [medium, eeprom]
      },
    },
    { of: 'a corrupt EEPROM', says: /can not be read.*--adopt rack-1/, found: spoilt },
    { of: 'a head that makes no sense', says: /head is damaged/, found: () => changed({ head: '{"term":1}' }) },
    {
      of: 'a copy of a newer version',
      says: /this version can not read/,
      found: () => changed({ 'tombstone:web-01': '{"token":7}' }),
    },
    {
      of: 'a copy with a member that this version does not know',
      says: /this version can not read/,
      found: () => changed({ 'bay:3': '{"power":"on","throttle":50}' }),
    },
    {
      of: 'a copy of another format',
      says: /this version can not read/,
      found: () => changed({ life: '{"board":"hp-c7000","chassis":"rack-1","format":2,"incarnation":"00"}' }),
    },
    {
      of: 'bindings without the keys of the chassis',
      says: /do not belong to/,
      found: () => changed({ 'chassis-incarnation': undefined }),
    },
    {
      of: 'bindings with the key of another incarnation',
      says: /do not belong to/,
      found: () => changed({ 'chassis-incarnation': 'c'.repeat(32) }),
    },
    {
      of: 'an EEPROM that fell behind its term',
      says: /different histories/,
      found: async () => {
        const { eeprom } = await settled()
        const medium = memoryMedium()
        await lead(medium, eeprom)
        return [again(medium), await chipWith(eeprom.bytes, { 'chassis-term': '1' })]
      },
    },
  ]

  test.each(cases)('$of', async ({ says, found, more }) => {
    const [medium, eeprom] = await found()
    const fresh = medium.files().size === 0
    const before = await start(cloneMedium(medium), undefined, more)
    const bytes = typeof eeprom === 'object' ? Buffer.from(eeprom.bytes) : undefined
    const memory = await start(medium, eeprom, more)
    expect(memory.readOnly()).toMatch(says)
    expect(memory.view()).toMatchObject({ readOnly: true })
    expect(memory.view().notes).toContain(memory.readOnly())
    await expect(memory.append(accepted(memory.state, value('two')), true)).rejects.toThrowError(NotStored)
    await expect(memory.append(accepted(memory.state, value('two')), false)).rejects.toMatchObject({ readOnly: true })
    if (fresh) expect(medium.files().size).toBe(0)
    else {
      const after = await start(again(medium), undefined, more)
      expect([after.state, after.view().digest]).toEqual([before.state, before.view().digest])
    }
    if (typeof eeprom === 'object') expect(Buffer.compare(eeprom.bytes, bytes ?? Buffer.alloc(0))).toBe(0)
  })

  test('a controller that holds shows what it could read', async () => {
    const { medium, eeprom } = await settled()
    expect(mark((await start(medium, newChip())).state)).toBe('one')
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
    expect((await start(medium, newChip())).readOnly()).toContain('flash can not be used')
  })

  test('that can not be written makes the first start hold', async () => {
    const medium = memoryMedium()
    medium.fail = ({ operation }) => (operation === 'append' ? { code: 'EROFS' } : undefined)
    const told: string[] = []
    const memory = await start(medium, newChip(), { onReadOnly: (why) => told.push(why) })
    expect(memory.readOnly()).toContain('EROFS')
    expect(told).toHaveLength(1)
  })
})

describe('Adopting flash by name', () => {
  test.each([
    { over: 'a replaced EEPROM', found: async () => [(await settled()).medium, newChip()] as const },
    { over: 'two histories', found: diverged },
    { over: 'a corrupt EEPROM', found: spoilt },
  ])('ends the hold over $over: this flash leads, nobody is in office, and the EEPROM has it', async ({ found }) => {
    const [medium, eeprom] = await found()
    const { memory } = await lead(medium, eeprom, { adopt: chassis })
    expect(memory.state).toMatchObject({ epoch: 2, term: 2 })
    expect(memory.state.office).toBeUndefined()
    expect(memory.view().copies).toEqual(['flash', 'eeprom'])
    const next = await lead(again(medium), sameChip(eeprom))
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
    expect((await start(cloneMedium(medium), newChip(), { adopt: id<'Chassis'>('rack-2') })).readOnly()).toBeDefined()
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

async function spoilt() {
  const { medium, eeprom } = await settled()
  eeprom.bytes.fill(0x5a, 128, 2048)
  return [medium, eeprom] as const
}

/** Two copies of one flash that each went on for itself. */
async function diverged() {
  const { medium, eeprom } = await settled()
  const [mine, chip] = [cloneMedium(medium), cloneChip(eeprom)]
  await (await lead(mine, chip)).note(true, value('mine'))
  await (await lead(medium, eeprom)).note(true, value('theirs'))
  return [again(mine), sameChip(eeprom)] as const
}
