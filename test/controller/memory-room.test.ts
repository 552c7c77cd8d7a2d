/**
 * What the bindings take of the chassis EEPROM (W10): few pages for an assignment, room for the largest chassis with all
 * of its functions used, a refusal before anything is accepted that would not fit, and a way back that loses nothing.
 */
import { describe, expect, test } from 'vitest'
import { crc32 } from '../../agent/controller/store/crc32.ts'
import { EEPROM_DICTIONARY } from '../../agent/controller/store/eeprom-dictionary.ts'
import { essentials, restore } from '../../agent/controller/store/essentials.ts'
import type { Command } from '../../agent/core/command.ts'
import { evolve } from '../../agent/core/record.ts'
import { emptyBay, type State } from '../../agent/core/state.ts'
import { boardIds, lanesOf } from '../boards/lanes.ts'
import { wholePools, wholeProfile } from '../boards/whole.ts'
import { id, iscsiProfile, Lab, labWith, pools, sanProfile } from '../core/lab.ts'
import { lead, newChip, officeOf, start } from './memory-bench.ts'
import type { MemoryEeprom } from './store/memory-eeprom.ts'
import { memoryMedium } from './store/memory-medium.ts'

/** A lab whose every record goes through a real store; `pages` are those that each took of the EEPROM. */
class Stored {
  readonly lab: Lab
  readonly chip: MemoryEeprom
  readonly #memory: Awaited<ReturnType<typeof start>>

  private constructor(lab: Lab, chip: MemoryEeprom, memory: Awaited<ReturnType<typeof start>>) {
    this.lab = lab
    this.chip = chip
    this.#memory = memory
    lab.state = memory.state
  }

  static async in(lab: Lab, bytes = 65536): Promise<Stored> {
    const chip = newChip(new Uint8Array(bytes).fill(0xff))
    const board = lab.hardware.board.id
    return new Stored(lab, chip, (await lead(memoryMedium(), chip, { board })).memory)
  }

  /** Pages written for it; undefined: it would not fit, and was not accepted. */
  async do(command: Command): Promise<number | undefined> {
    const decision = this.lab.decide(command)
    if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
    const next = evolve(this.lab.state, decision.record)
    if (!this.#memory.fits(next)) return undefined
    const before = this.chip.pageWrites
    expect(await this.#memory.append(decision.record, true)).toEqual(['flash', 'eeprom'])
    this.lab.state = next
    return this.chip.pageWrites - before
  }

  /** Hardware does what is planned; what is noted meanwhile goes to both copies with the next command. */
  settle(): void {
    this.lab.settle()
  }

  get use(): number {
    return this.#memory.view().eepromUse
  }

  whole(): State {
    return this.lab.state
  }
}

const named = (name: string) => id<'Profile'>(name)

test('an assignment takes at most 4 pages of the EEPROM, and a move too, while the ring turns over', async () => {
  // A quarter of the usual chip: its ring comes round sooner, and has to copy forward more often.
  const stored = await Stored.in(new Lab(), 16_384)
  for (const pool of pools) await stored.do(pool)
  const names = ['prod-db-primary', 'web-01', 'mail', 'hypervisor-17']
  const others = Array.from({ length: 8 }, (_, i) => `other-${i}`)
  for (const name of [...names, ...others]) await stored.do({ kind: 'define-profile', profile: sanProfile(name) })
  const taken: number[] = []
  const into = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const
  for (const [i, name] of names.entries()) {
    taken.push((await stored.do({ kind: 'assign', profile: named(name), ...into(i + 1), power: 'on' })) ?? 99)
    stored.settle()
  }
  const moved = named('web-01')
  for (let i = 0; i < 160; i++) {
    const bay = i % 2 === 0 ? 5 : 2
    taken.push((await stored.do({ kind: 'move', profile: moved, ...into(bay), stop: 'forced', force: false })) ?? 99)
    stored.settle()
  }
  const sorted = [...taken].sort((a, b) => a - b)
  const mean = taken.reduce((sum, pages) => sum + pages, 0) / taken.length
  // What still counts is copied forward when the ring comes round: seldom, and a part at a time.
  expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThanOrEqual(4)
  expect(mean).toBeLessThan(3)
  expect(stored.chip.pageWrites).toBeGreaterThan(128)
}, 60_000)

test.each(boardIds)('every function of every blade of a %s in use leaves room in its EEPROM', async (board) => {
  const lab = new Lab(board)
  const { bytes } = lab.hardware.board.backplane.eeprom
  const stored = await Stored.in(lab, bytes)
  for (const pool of wholePools) await stored.do(pool)
  let bays = 0
  for (const [key, product] of Object.entries(lab.hardware.board.simulated)) {
    const bay = Number(key)
    const profile = wholeProfile(bay, lanesOf(board, bay, product))
    expect(await stored.do({ kind: 'define-profile', profile })).toBeDefined()
    const pages = await stored.do({
      kind: 'assign',
      profile: profile.id,
      to: { bay },
      when: 'now',
      preprovision: false,
      power: 'on',
    })
    expect(pages).toBeLessThanOrEqual(4)
    stored.settle()
    bays++
  }
  expect(bays).toBeGreaterThan(1)
  expect(stored.use).toBeLessThan(0.6)
  expect(restore(essentials(stored.whole()))).toEqual(asKept(stored.whole()))
})

describe('An EEPROM that fills up', () => {
  test('refuses what would not fit before it is accepted; what gives room and what switches blades still goes', async () => {
    const stored = await Stored.in(new Lab(), 4096)
    for (const pool of pools) await stored.do(pool)
    let defined = 0
    while (await stored.do({ kind: 'define-profile', profile: sanProfile(`web-${defined}`) })) defined++
    expect(defined).toBeGreaterThan(3)
    const profile = named('web-0')
    expect(await stored.do({ kind: 'power', bay: 1, want: 'on', stop: 'forced' })).toBeDefined()
    expect(await stored.do({ kind: 'remove-profile', profile: named('web-1') })).toBeDefined()
    expect(await stored.do({ kind: 'remove-profile', profile: named('web-2') })).toBeDefined()
    expect(await stored.do({ kind: 'assign', profile, to: { bay: 1 }, when: 'now', preprovision: false })).toBeDefined()
    expect(await stored.do({ kind: 'unassign', profile, when: 'now', stop: 'no', force: false })).toBeDefined()
  })

  test('keeps room for the doubt that a pre-provisioned bay will need when its blade arrives', async () => {
    const lab = new Lab('hp-c7000', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
    const stored = await Stored.in(lab, 4096)
    for (const pool of pools) await stored.do(pool)
    let bay = 0
    for (;;) {
      const profile = sanProfile(`web-${bay + 1}`)
      if ((await stored.do({ kind: 'define-profile', profile })) === undefined) break
      const to = { bay: bay + 1 }
      if ((await stored.do({ kind: 'assign', profile: profile.id, to, when: 'now', preprovision: true })) === undefined)
        break
      bay++
    }
    expect(bay).toBeGreaterThan(1)
    const memory = await start(memoryMedium(), newChip(new Uint8Array(stored.chip.bytes)), { board: 'hp-c7000' })
    let { state } = memory
    for (let arrived = 1; arrived <= bay; arrived++) {
      const doubt = {
        ...{ profile: named(`web-${arrived}`), token: 1, bay: arrived, serial: `USE1${arrived}4X2MN` as never },
        ...{
          placed: { prod: 'lom:1-a', backup: 'lom:1-b', san: 'mezz1:1-a' },
          keeps: true,
          kept: false,
          vouched: false,
        },
      }
      const record = {
        kind: 'observation',
        observation: { saw: 'in-doubt', bay: arrived, doubt, product: 'ProLiant BL460c G7' },
      } as const
      expect(await memory.append(record, true), `blade ${arrived}`).toEqual(['flash', 'eeprom'])
      state = evolve(state, record)
    }
    expect(state.doubts).toHaveLength(bay)
  })
})

describe('What stands in the EEPROM', () => {
  /** States of all kinds: whatever commands and hardware make of them. */
  function states(): readonly State[] {
    const lab = labWith([sanProfile('web-01'), iscsiProfile('web-02'), sanProfile('web-03')])
    const all: State[] = []
    const keep = () => all.push(lab.state)
    const into = (bay: number) => ({ to: { bay }, when: 'now', preprovision: false }) as const
    keep()
    lab.do({ kind: 'assign', profile: named('web-01'), ...into(3), power: 'on' })
    keep()
    lab.do({ kind: 'assign', profile: named('web-02'), ...into(16), preprovision: true })
    lab.do({ kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: { boots: 3 } } })
    lab.do({ kind: 'locate', bay: 4, lit: true })
    keep()
    lab.settle()
    keep()
    lab.do({ kind: 'move', profile: named('web-01'), ...into(4), stop: 'forced', force: true })
    keep()
    const incarnation = lab.state.incarnation
    lab.do({ kind: 'take-over', incarnation, observedEpoch: lab.state.epoch, lineage: 'main', number: 9 })
    keep()
    const doubts = lab.state.doubts.map((doubt, i) => ({
      ...doubt,
      serial: `A: 7/${i}` as never,
      vouched: true,
      kept: true,
    }))
    all.push({ ...lab.state, doubts, floor: 2 ** 27 })
    return all
  }

  test('is read back as it was, but for what ends with a controller', () => {
    const all = states()
    for (const state of all) expect(restore(essentials(state))).toEqual(asKept(state))
    expect(all.length).toBeGreaterThan(5)
  })

  test('holds no armings, one-shots, lights or answers', () => {
    const text = states()
      .flatMap((state) => [...essentials(state).values()])
      .join('\n')
    expect(text).not.toMatch(/"n":|"life"|"resets"|"reseats"|"locate"|"answers"|request-/)
  })

  test('is not believed when any part of it is missing, changed into nonsense, or unknown', () => {
    const state = states().at(-1) ?? expect.unreachable()
    const map = essentials(state)
    let cases = 0
    for (const [key, text] of map) {
      const spoilt = [text.slice(1), '', '{}x', text.replace(/\}$/, ',"zz":1}')]
      for (const [nth, each] of spoilt.entries()) {
        if (each === text || /^\d+$/.test(each)) continue
        const got = restore(new Map([...map, [key, each]]))
        // A member more inside a profile or a pool is kept as it is, and written again.
        if (nth === 3 && got) expect(essentials(got).get(key)).toBe(each)
        else expect(got, `${key} ${each}`).toBeUndefined()
        cases++
      }
      if (['life', 'authority', 'revision'].includes(key)) {
        const without = new Map(map)
        without.delete(key)
        expect(restore(without), key).toBeUndefined()
      }
    }
    expect(restore(new Map([...map, ['tombstone:web-09', '{"token":3}']]))).toBeUndefined()
    expect(restore(new Map([...map, ['head', '{}'], ['chassis-key', 'ab']]))).toEqual(asKept(state))
    expect(cases).toBeGreaterThan(30)
  })

  test('can be read by format 1 only while its dictionary stays as it is', () => {
    // If this fails, do not change the number: give the pages a new format, and keep the old text to read them by.
    expect([EEPROM_DICTIONARY.length, crc32(EEPROM_DICTIONARY)]).toEqual([2444, 2526010986])
  })

  test('keeps who is in office until somebody adopts it', async () => {
    const medium = memoryMedium()
    const leading = await lead(medium, newChip())
    await leading.note(true, officeOf(1))
    expect(restore(essentials(leading.state))?.office).toEqual(leading.state.office)
  })
})

/** The part of a state that outlives its controller. */
function asKept(state: State): State {
  const bays = Object.entries(state.bays).flatMap(([bay, own]) => {
    const { n: _, life: __, anew: ___, resets: ____, reseats: _____, locate: ______, ...kept } = own
    return Object.keys(kept).length > 0 ? [[bay, { ...emptyBay, ...kept }] as const] : []
  })
  return { ...state, bays: Object.fromEntries(bays), answers: {} }
}
