/**
 * The power fails at every step of the decisions that a starting controller makes, and controllers are swapped while it
 * does: whatever is left, the next start goes on with it, and nothing old ever takes the place of something newer.
 */
import { describe, expect, test } from 'vitest'
import {
  cloneChip,
  cloneMedium,
  Leading,
  lead,
  newChip,
  officeOf,
  sameChip,
  settled,
  start,
  value,
} from './memory-bench.ts'
import type { MemoryEeprom } from './store/memory-eeprom.ts'
import { type MemoryMedium, memoryMedium, OUTCOMES, type Random, seeded } from './store/memory-medium.ts'

/** Where the power fails: in this operation of the flash, or in this page of the EEPROM. */
type Cut = { readonly flash: number } | { readonly page: number; readonly arrived: number }

interface Scene {
  readonly medium: MemoryMedium
  readonly eeprom: MemoryEeprom
}

/** Starts with the power failing at `cut`, and tells what the next start finds. */
async function cutStart({ medium, eeprom }: Scene, cut: Cut, outcome: number, random: Random): Promise<Scene> {
  if ('flash' in cut) medium.cutAt = cut.flash
  else eeprom.cut = { at: cut.page, arrived: cut.arrived }
  await start(medium, eeprom)
  return {
    medium: medium.afterPowerCut(OUTCOMES[outcome % OUTCOMES.length] ?? 'lost', random),
    eeprom: cloneChip(eeprom),
  }
}

/** Every place where the power can fail in a start from this scene. */
async function cutsOf(scene: () => Scene): Promise<readonly Cut[]> {
  const { medium, eeprom } = scene()
  await start(medium, eeprom)
  const flash = Array.from({ length: medium.operations }, (_, i) => ({ flash: i + 1 }))
  const pages = Array.from({ length: eeprom.pageWrites }, (_, i) =>
    [0, 1, 64, 127, 128].map((arrived) => ({ page: i + 1, arrived })),
  )
  return [...flash, ...pages.flat()]
}

async function everyCut(scene: () => Scene, check: (found: Scene, what: string) => Promise<void>): Promise<number> {
  const cuts = await cutsOf(scene)
  let cases = 0
  for (const cut of cuts) {
    for (const [nth, outcome] of OUTCOMES.entries()) {
      if ('page' in cut && nth > 0) continue
      for (let seed = 1; seed <= (outcome === 'lost' || outcome === 'all' ? 1 : 2); seed++) {
        const what = `${JSON.stringify(cut)} ${outcome} ${seed}`
        await check(await cutStart(scene(), cut, nth, seeded(seed)), what)
        cases++
      }
    }
  }
  return cases
}

describe('A power cut at every operation of flash and every page of the EEPROM', () => {
  test('in the first start of a chassis leaves one that begins or goes on, and never one that holds', async () => {
    const fresh = () => ({ medium: memoryMedium(), eeprom: newChip() })
    const cases = await everyCut(fresh, async ({ medium, eeprom }, what) => {
      const memory = await start(medium, eeprom)
      expect(memory.readOnly(), what).toBeUndefined()
      expect(memory.state, what).toMatchObject({ revision: 0, epoch: 0, term: 1 })
      const leading = new Leading(memory)
      expect(await leading.note(true, value('one')), what).toEqual(['flash', 'eeprom'])
      const next = await lead(cloneMedium(medium), sameChip(eeprom))
      expect([next.state, next.memory.chassisKey], what).toEqual([leading.state, memory.chassisKey])
    })
    expect(cases).toBeGreaterThan(200)
  }, 120_000)

  test('twice in the first start still leaves one that begins or goes on', async () => {
    const random = seeded(7)
    const cuts = await cutsOf(() => ({ medium: memoryMedium(), eeprom: newChip() }))
    let cases = 0
    for (let i = 0; i < 250; i++) {
      let scene: Scene = { medium: memoryMedium(), eeprom: newChip() }
      for (let times = 0; times < 2; times++) {
        const cut = cuts[random(cuts.length)] ?? expect.unreachable()
        scene = await cutStart(scene, cut, random(OUTCOMES.length), random)
      }
      const memory = await start(scene.medium, scene.eeprom)
      expect(memory.readOnly(), String(i)).toBeUndefined()
      expect(memory.state.epoch).toBe(0)
      cases++
    }
    expect(cases).toBe(250)
  }, 120_000)

  test.each(['a blank controller', 'a stale controller'])(
    'while %s adopts leaves one that adopts',
    async (who) => {
      const { medium: old, eeprom, state } = await settled()
      const newer = await lead(cloneMedium(old), eeprom)
      await newer.note(true, value('two'))
      const scene = () => ({
        medium: who === 'a blank controller' ? memoryMedium() : cloneMedium(old),
        eeprom: cloneChip(eeprom),
      })
      const cases = await everyCut(scene, async (found, what) => {
        const { state: adopted, memory } = await lead(found.medium, found.eeprom)
        expect(adopted.secrets.value?.mark, what).toBe('two')
        expect(adopted.epoch, what).toBe(state.epoch + 1)
        expect(adopted.office, what).toBeUndefined()
        expect(memory.view().copies, what).toEqual(['flash', 'eeprom'])
        const next = await lead(cloneMedium(found.medium), sameChip(found.eeprom))
        expect(next.state, what).toEqual(adopted)
      })
      expect(cases).toBeGreaterThan(200)
    },
    120_000,
  )

  test('in an ordinary restart loses nothing and raises no epoch', async () => {
    const { medium, eeprom } = await settled()
    const leading = await lead(medium, eeprom)
    await leading.note(false, value('on flash'))
    const scene = () => ({ medium: cloneMedium(medium), eeprom: cloneChip(eeprom) })
    const cases = await everyCut(scene, async (found, what) => {
      const { state, memory } = await lead(found.medium, found.eeprom)
      expect(state, what).toEqual(leading.state)
      expect(memory.view().copies, what).toEqual(['flash', 'eeprom'])
    })
    expect(cases).toBeGreaterThan(50)
  }, 120_000)
})

/**
 * Two controllers come and go under one EEPROM for a few dozen moves. What counts is what was acknowledged in both
 * copies: it may only be replaced by something later, and nobody who lost the office keeps it.
 */
async function history(seed: number): Promise<{ readonly starts: number; readonly adoptions: number }> {
  const random = seeded(seed)
  const flashes: [MemoryMedium, MemoryMedium] = [memoryMedium(), memoryMedium()]
  let eeprom = newChip()
  let who: 0 | 1 = 0
  let written = 0
  let proven = 0
  let starts = 0
  let adoptions = 0
  /** Who led in each epoch: an epoch belongs to one term (W15). */
  const termOf = new Map<number, number>()
  let top = { epoch: 0, term: 0 }
  for (let turn = 0; turn < 25; turn++) {
    const cut = random(3) === 0 ? 1 + random(60) : 0
    const medium = flashes[who]
    medium.cutAt = cut
    if (random(4) === 0) eeprom.cut = { at: eeprom.pageWrites + 1 + random(8), arrived: random(129) }
    const memory = await start(medium, eeprom)
    starts++
    const died = () => medium.operations >= cut && cut > 0
    if (memory.readOnly() === undefined) {
      const leading = new Leading(memory)
      const mark = Number(memory.state.secrets.value?.mark ?? 0)
      expect(mark, `seed ${seed}: an older value came back`).toBeGreaterThanOrEqual(proven)
      const { epoch, term } = memory.state
      expect(epoch).toBeGreaterThanOrEqual(memory.view().copies.length > 1 ? top.epoch : 0)
      if (memory.view().copies.length > 1) {
        expect(termOf.get(epoch) ?? term, `seed ${seed}: epoch ${epoch} in two terms`).toBe(term)
        termOf.set(epoch, term)
        if (term > top.term && top.term > 0) {
          adoptions++
          expect(memory.state.office, `seed ${seed}: the office survived`).toBeUndefined()
        }
        top = { epoch, term }
      }
      try {
        for (let n = random(5); n > 0; n--) {
          const everywhere = random(2) === 0
          written++
          const copies = await leading.note(everywhere, value(String(written)))
          if (copies.includes('eeprom')) proven = written
        }
        if (random(5) === 0) {
          const copies = await leading.note(true, officeOf(leading.state.epoch + 1))
          proven = copies.includes('eeprom') ? Number(leading.state.secrets.value?.mark ?? 0) : proven
          if (copies.includes('eeprom')) termOf.set(leading.state.epoch, leading.state.term)
          top = copies.includes('eeprom') ? { ...top, epoch: leading.state.epoch } : top
        }
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'NotStored') throw error
      }
    } else {
      expect(died() || eeprom.cut !== undefined, `seed ${seed} turn ${turn}: ${memory.readOnly()}`).toBe(true)
    }
    flashes[who] = medium.afterPowerCut(OUTCOMES[random(OUTCOMES.length)] ?? 'lost', random)
    eeprom = cloneChip(eeprom)
    const swap = random(3)
    if (swap === 0) who = who === 0 ? 1 : 0
    if (swap === 1 && random(4) === 0) flashes[who] = memoryMedium()
  }
  return { starts, adoptions }
}

test('however controllers are swapped and the power fails, what both copies held is never replaced by less', async () => {
  let starts = 0
  let adoptions = 0
  for (let seed = 1; seed <= 50; seed++) {
    const told = await history(seed)
    starts += told.starts
    adoptions += told.adoptions
  }
  expect(starts).toBeGreaterThan(1000)
  expect(adoptions).toBeGreaterThan(80)
}, 180_000)
