/**
 * What the agent costs the chassis' memories, through the whole agent on simulated blades: one flash sync and few EEPROM
 * pages for an assignment, and nothing at all while nothing happens. The state tells how much was written.
 */
import { expect, test } from 'vitest'
import { bayState } from '../../agent/core/state.ts'
import { boardIds, lanesOf } from '../boards/lanes.ts'
import { wholePools, wholeProfile } from '../boards/whole.ts'
import { Rig } from '../controller/rig.ts'

/** What both memories have taken so far, as they know it themselves. */
const taken = ({ medium, eeprom }: Rig) => ({
  syncs: medium.counts.sync + medium.counts.syncFolder,
  writes: medium.counts.append + medium.counts.truncate + medium.counts.rename + medium.counts.remove,
  pages: eeprom.pageWrites,
})

const since = (rig: Rig, before: ReturnType<typeof taken>) => {
  const { syncs, writes, pages } = taken(rig)
  return { syncs: syncs - before.syncs, writes: writes - before.writes, pages: pages - before.pages }
}

async function withProfiles(board: string): Promise<{ readonly rig: Rig; readonly bays: readonly number[] }> {
  const rig = new Rig(board)
  await rig.start()
  await rig.settle()
  for (const pool of wholePools) await rig.do(pool)
  // Every function of the blade in use: no profile is larger.
  const blades = Object.entries(rig.hardware.board.simulated).slice(0, 3)
  const bays = blades.map(([bay]) => Number(bay))
  for (const [bay, product] of blades) {
    const lanes = lanesOf(board, Number(bay), product)
    await rig.do({ kind: 'define-profile', profile: wholeProfile(Number(bay), lanes) })
  }
  return { rig, bays }
}

const assign = (rig: Rig, bay: number) =>
  rig.do({ kind: 'assign', profile: wholeProfile(bay, []).id, to: { bay }, when: 'now', preprovision: false })

/** Dressed, armed, and verified after its POST. */
async function run(rig: Rig, bay: number): Promise<void> {
  await rig.do({ kind: 'power', bay, want: 'on', stop: 'graceful' })
  await rig.settle()
  expect(bayState(rig.agent.now().state, bay).life?.came).toBe('verified')
}

test.each(boardIds)(
  'an assignment on a %s takes one flash sync and at most four pages of the EEPROM',
  async (board) => {
    const { rig, bays } = await withProfiles(board)
    const answers: ReturnType<typeof taken>[] = []
    for (const bay of bays) {
      await rig.clock.advance(5_000)
      const before = taken(rig)
      await assign(rig, bay)
      answers.push(since(rig, before))
      await rig.settle()
      await run(rig, bay)
    }
    console.log(`${board}: ${answers.map(({ syncs, pages }) => `${syncs} sync, ${pages} pages`).join('; ')}`)
    expect(answers.length).toBeGreaterThanOrEqual(2)
    for (const { syncs, writes, pages } of answers) {
      expect([syncs, writes]).toEqual([1, 1])
      expect(pages).toBeGreaterThanOrEqual(1)
      expect(pages).toBeLessThanOrEqual(4)
    }
    rig.kill()
  },
  600_000,
)

test('a day on which nothing happens writes nothing, neither to flash nor to the EEPROM', async () => {
  const { rig, bays } = await withProfiles('generic-2u4n')
  const told = () => rig.running?.memory.view() ?? expect.unreachable()
  const [atFirst, toldAtFirst] = [taken(rig), told()]
  for (const bay of bays) {
    await assign(rig, bay)
    await run(rig, bay)
  }
  const before = taken(rig)
  const { bytesWritten, syncs, eepromPagesWritten } = told()
  // The wear that the state tells is what the memories have taken.
  expect(syncs - toldAtFirst.syncs).toBe(before.syncs - atFirst.syncs)
  expect(eepromPagesWritten - toldAtFirst.eepromPagesWritten).toBe(before.pages - atFirst.pages)
  expect(bytesWritten).toBeGreaterThan(toldAtFirst.bytesWritten)
  await rig.clock.advance(24 * 3_600_000)
  expect(since(rig, before)).toEqual({ syncs: 0, writes: 0, pages: 0 })
  expect(told()).toMatchObject({ bytesWritten, syncs, eepromPagesWritten })
  for (const bay of bays) expect(bayState(rig.agent.now().state, bay).life?.came).toBe('verified')
  rig.kill()
}, 600_000)
