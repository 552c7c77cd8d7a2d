/** Every bit of a small chassis' flash and EEPROM, turned over one at a time. The slow tier does it to a larger one. */
import { describe, expect, it } from 'vitest'
import type { Command } from '../../agent/core/command.ts'
import { evolve } from '../../agent/core/record.ts'
import { id, Lab, lanProfile, pools } from '../core/lab.ts'
import { withoutCrcs } from './broken.ts'
import { flipEeprom, flipFlash } from './flips.ts'
import { newDay, settledAfter } from './run.ts'
import { board, type Deed } from './workload.ts'

/** One pool, one profile, one blade that wears it and runs: small enough for all of its bits. */
async function small() {
  const day = await newDay(4, 1)
  const lab = new Lab(board)
  lab.state = day.states[0] ?? expect.unreachable()
  const deeds: Deed[] = []
  const say = (command: Command) => {
    const decision = lab.decide(command)
    if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
    lab.state = evolve(lab.state, decision.record)
    deeds.push({ record: decision.record, everywhere: true })
    for (const observation of lab.settle().notes)
      deeds.push({ record: { kind: 'observation', observation }, everywhere: false })
  }
  const profile = id<'Profile'>('mail')
  for (const pool of pools.slice(0, 1)) say(pool)
  say({ kind: 'define-profile', profile: lanProfile('mail') })
  say({ kind: 'assign', profile, to: { bay: 1 }, when: 'now', preprovision: false, power: 'on' })
  return settledAfter({ ...day, deeds }, deeds.length, { size: 16 * 128, journalRecords: 4 })
}

describe('every single flipped bit', () => {
  it('of flash is read as it was written, or said', async () => {
    const flips = await flipFlash(await small())
    console.log('flash:', flips)
    expect(flips.silent).toBeUndefined()
    expect(flips.exact + flips.reported).toBe(flips.total)
    expect(flips.total).toBeGreaterThanOrEqual(20_000)
    expect(flips.exact).toBeGreaterThanOrEqual(5_000)
    expect(flips.reported).toBeGreaterThanOrEqual(1_500)
  }, 600_000)

  it('of the EEPROM is read as it was written, or said', async () => {
    const flips = await flipEeprom(await small())
    console.log('EEPROM:', flips)
    expect(flips.silent).toBeUndefined()
    expect(flips.total).toBe(16 * 128 * 8)
    expect(flips.exact + flips.reported).toBe(flips.total)
  }, 600_000)

  it('is looked for so that a store that checks no CRC is caught', async () => {
    const { silent, total } = await flipFlash(await small(), { through: withoutCrcs, only: /^snapshot-/ })
    console.log(`no CRC on flash: ${silent}, after ${total} others`)
    expect(silent).toBeDefined()
  }, 600_000)
})
