/** The binding store when flash fails: nothing acknowledged is lost, nothing is believed that was not read back (I2, I7). */
import { describe, expect, it } from 'vitest'
import { openEeprom } from '../../../agent/controller/store/eeprom.ts'
import type { Medium, MediumOperation } from '../../../agent/controller/store/medium.ts'
import { openStore, StoreFault, StoreReadOnly } from '../../../agent/controller/store/store.ts'
import { type Ledger, ledger, power, set } from './ledger.ts'
import { memoryEeprom } from './memory-eeprom.ts'
import {
  type Failure,
  type MemoryMedium,
  memoryMedium,
  OUTCOMES,
  type Outcome,
  type Random,
  seeded,
} from './memory-medium.ts'

/** Opens, or tells the reason for which it could not be opened for writing. */
async function start(medium: Medium, journalRecords = 8) {
  const recovered: { readonly state: Ledger; readonly index: number; readonly why: string }[] = []
  const stopped: string[] = []
  const opened = await openStore({
    medium,
    ...ledger,
    journalRecords,
    onRecovered: ({ state, at }, why) => recovered.push({ state, index: at.index, why }),
    onReadOnly: (reason) => stopped.push(reason),
  })
  return { opened, store: opened.store, recovered, stopped }
}

const failing = (medium: MemoryMedium, operation: MediumOperation, failure: Failure, times = 1): void => {
  let left = times
  medium.fail = (at) => (at.operation === operation && left-- > 0 ? failure : undefined)
}

describe('when the flash fails once', () => {
  const faults: readonly (readonly [string, MediumOperation, Failure])[] = [
    ['a write', 'append', { code: 'EIO' }],
    ['half a write', 'append', { code: 'ENOSPC', short: true }],
    ['a sync', 'sync', { code: 'EIO' }],
  ]
  it.each(faults)(
    '%s: the append is not acknowledged, and the store goes on afresh',
    async (_name, operation, failure) => {
      const medium = memoryMedium()
      const { store, recovered, stopped } = await start(medium)
      await store.append(set('bay-1', 'web-1'))
      failing(medium, operation, failure)
      const answers = await Promise.allSettled([
        store.append(set('bay-2', 'web-2')),
        store.append(power('bay-1', 'on')),
      ])
      for (const answer of answers) {
        expect(answer.status === 'rejected' && answer.reason).toBeInstanceOf(StoreFault)
      }
      // Decided on a head that is gone: refused until the agent was told what to go on from.
      while (recovered.length === 0) await store.append(set('early', 'x')).catch(() => undefined)
      expect(stopped).toEqual([])
      expect(recovered[0]?.why).toContain(failure.code)
      expect(recovered[0]?.state.values['bay-1']).toBe('web-1')
      await store.append(set('bay-3', 'web-3'))
      const state = store.durable.state
      for (const outcome of OUTCOMES) {
        const again = await start(medium.afterPowerCut(outcome, seeded(3)))
        expect(again.opened.kind === 'open' && again.opened.state).toEqual(state)
      }
    },
  )

  it('what a failed sync left in memory only is either written afresh or not there at all', async () => {
    const medium = memoryMedium()
    const { store, recovered } = await start(medium)
    await store.append(set('bay-1', 'web-1'))
    failing(medium, 'sync', { code: 'EIO' })
    await expect(store.append(set('bay-2', 'web-2'))).rejects.toThrow(StoreFault)
    await store.close()
    expect(recovered).toHaveLength(1)
    const again = await start(medium.afterPowerCut('lost', seeded(1)))
    expect(again.opened.kind === 'open' && again.opened.state).toEqual(recovered[0]?.state)
  })

  it('what a failed sync left in memory only is not built upon by the next program either', async () => {
    const medium = memoryMedium()
    const { store, stopped } = await start(medium, 100)
    await store.append(set('bay-1', 'web-1'))
    medium.fail = ({ operation }) => (operation === 'sync' || operation === 'open' ? { code: 'EIO' } : undefined)
    await expect(store.append(set('bay-2', 'web-2'))).rejects.toThrow(StoreFault)
    await store.close()
    expect(stopped).toHaveLength(1)
    // The agent is restarted, the power never failed, and the kernel shows what it never wrote.
    medium.fail = () => undefined
    const next = await start(medium, 100)
    await next.store.append(set('bay-3', 'web-3'))
    const again = await start(medium.afterPowerCut('lost', seeded(1)))
    expect(again.opened.kind === 'open' && again.opened.state).toEqual(next.store.durable.state)
    expect(next.store.durable.state.values).toMatchObject({ 'bay-1': 'web-1', 'bay-3': 'web-3' })
  })

  it('in the very first generation, nothing is lost and the next try succeeds', async () => {
    for (const operation of ['open', 'append', 'sync', 'rename', 'syncFolder'] as const) {
      const medium = memoryMedium()
      const { store, recovered } = await start(medium)
      failing(medium, operation, { code: 'EIO', short: true })
      await expect(store.append(set('bay-1', 'web-1'))).rejects.toThrow(StoreFault)
      while (recovered.length === 0) await store.append(set('early', 'x')).catch(() => undefined)
      await store.append(set('bay-2', 'web-2'))
      const again = await start(medium.afterPowerCut('lost', seeded(1)))
      expect(again.opened.kind === 'open' && again.opened.state).toEqual(store.durable.state)
    }
  })
})

it('a sync that failed, and a power cut while the flash is read again, leave a store that goes on', async () => {
  for (let after = 1; after < 40; after++) {
    const medium = memoryMedium()
    const { store } = await openStore({ medium, ...ledger })
    await store.append(set('bay-1', 'web-1'))
    let left = 1
    medium.fail = ({ operation, number }) => {
      if (operation !== 'sync' || left-- <= 0) return undefined
      medium.cutAt = number + after
      return { code: 'EIO' }
    }
    await expect(store.append(set('bay-2', 'web-2'))).rejects.toThrow('EIO')
    await store.close()
    const again = await openStore({ medium: medium.afterPowerCut('lost', seeded(1)), ...ledger })
    expect(again.kind, `cut ${after} steps after the fault`).toBe('open')
  }
})

describe('when the flash goes on failing', () => {
  it.each(['EIO', 'ENOSPC', 'EROFS'])('with %s, the store is read-only, says so once, and refuses', async (code) => {
    const medium = memoryMedium()
    const { store, recovered, stopped } = await start(medium)
    await store.append(set('bay-1', 'web-1'))
    const acknowledged = store.durable
    medium.fail = ({ operation }) => (['append', 'sync', 'rename'].includes(operation) ? { code } : undefined)
    await expect(store.append(set('bay-2', 'web-2'))).rejects.toThrow(StoreFault)
    while (stopped.length === 0) await store.append(set('early', 'x')).catch(() => undefined)
    expect(stopped).toEqual([expect.stringContaining(code)])
    expect(store.readOnly).toContain(code)
    expect(recovered).toEqual([])
    await expect(store.append(set('bay-3', 'web-3'))).rejects.toThrow(StoreReadOnly)
    expect(store.durable).toEqual(acknowledged)
    medium.fail = () => undefined
    const again = await start(medium.afterPowerCut('all', seeded(1)))
    expect(again.opened.kind === 'open' && again.opened.state.values['bay-1']).toBe('web-1')
  })

  it('a flash that can not be read at a start is read-only, never blank', async () => {
    const first = memoryMedium()
    await (await start(first)).store.append(set('bay-1', 'web-1'))
    for (const operation of ['list', 'read', 'open', 'sync'] as const) {
      const medium = memoryMedium(first.files())
      medium.fail = (at) => (at.operation === operation ? { code: 'EIO' } : undefined)
      const { opened } = await start(medium)
      expect(opened).toMatchObject({ kind: 'read-only', reason: expect.stringContaining('EIO') })
    }
  })

  it('acknowledged records that are gone when the flash is read again make it read-only', async () => {
    const medium = memoryMedium()
    const { store, stopped } = await start(medium, 100)
    await store.append(set('bay-1', 'web-1'))
    const earlier = medium.files()
    await store.append(set('bay-2', 'web-2'))
    failing(medium, 'sync', { code: 'EIO' })
    // The device forgot a write that it had confirmed.
    const lost = store.append(set('bay-3', 'web-3'))
    for (const [name, bytes] of earlier) medium.put(name, bytes)
    await expect(lost).rejects.toThrow(StoreFault)
    await store.close()
    expect(stopped).toEqual(['record 2 was acknowledged and is gone'])
  })
})

describe('at any step of a life', () => {
  const OPERATIONS = 200

  /** Stores until the medium dies. Tells what was acknowledged, and everything that was ever asked for. */
  async function live(medium: Medium, random: Random) {
    const { opened, store } = await start(medium)
    const asked: { name: string; value: string }[] = []
    let acknowledged = opened.kind === 'open' ? opened.state.values : {}
    let count = opened.kind === 'open' ? opened.at.index : 0
    for (let n = 0; n < OPERATIONS && store.readOnly === undefined; n++) {
      const together = Array.from({ length: 1 + random(3) }, (_, i) => ({
        name: `bay-${random(8)}`,
        value: `v${n}.${i}.${'x'.repeat(random(150))}`,
      }))
      const answers = await Promise.allSettled(together.map(({ name, value }) => store.append(set(name, value))))
      for (const [i, answer] of answers.entries()) {
        const { name, value } = together[i] ?? expect.fail()
        asked.push({ name, value })
        if (answer.status === 'rejected') continue
        acknowledged = { ...acknowledged, [name]: value }
        count = answer.value.index
      }
    }
    await store.close()
    return { acknowledged, count, asked }
  }

  /** What was asked for after the last acknowledged record may be there: a first part of it, in order. */
  function isExplained(found: Ledger['values'], index: number, life: Awaited<ReturnType<typeof live>>): boolean {
    if (index < life.count) return false
    let state: Ledger['values'] = {}
    for (const { name, value } of life.asked.slice(0, index)) state = { ...state, [name]: value }
    return JSON.stringify(sorted(state)) === JSON.stringify(sorted(found))
  }
  const sorted = (values: Ledger['values']) => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))

  /** Cuts the power at one step after another, with every outcome, one in five cut again in recovery. */
  async function cutEverywhere(stride: number, through: (medium: MemoryMedium) => Medium) {
    const rehearsal = memoryMedium()
    await live(through(rehearsal), seeded(1))
    const steps = rehearsal.operations
    const violations: string[] = []
    let cases = 0
    let cutAgain = 0
    for (let at = 1; at <= steps; at += stride) {
      const medium = memoryMedium()
      medium.cutAt = at
      const life = await live(through(medium), seeded(1))
      for (const outcome of OUTCOMES) {
        const random = seeded(at * 31 + outcome.length)
        let disk = medium.afterPowerCut(outcome, random)
        if (random(5) === 0) {
          disk.cutAt = 1 + random(14)
          await start(through(disk))
          disk = disk.afterPowerCut(OUTCOMES[random(OUTCOMES.length)] as Outcome, random)
          cutAgain++
        }
        const { opened } = await start(through(disk))
        if (opened.kind !== 'open') violations.push(`cut at ${at}, ${outcome}: ${opened.reason}`)
        else if (!isExplained(opened.state.values, opened.at.index, life)) {
          violations.push(`cut at ${at}, ${outcome}: ${opened.at.index} records of ${life.count} acknowledged`)
        }
        cases++
      }
    }
    console.log(
      `store: ${steps} steps, ${cases} power cuts, ${cutAgain} of them cut again: ${violations.length} violations`,
    )
    return { violations, cases, cutAgain }
  }

  it('a power cut loses nothing acknowledged, and what is found was asked for; also when recovery is cut', async () => {
    const { violations, cases, cutAgain } = await cutEverywhere(2, (medium) => medium)
    expect(violations).toEqual([])
    expect(cases).toBeGreaterThan(2500)
    expect(cutAgain).toBeGreaterThan(300)
  }, 120_000)

  it.each(['sync', 'syncFolder'] as const)(
    'this search finds a store whose %s does nothing',
    async (without) => {
      const broken = (medium: MemoryMedium): Medium => ({
        list: () => medium.list(),
        read: (name) => medium.read(name),
        rename: (from, to) => medium.rename(from, to),
        remove: (name) => medium.remove(name),
        syncFolder: () => (without === 'syncFolder' ? Promise.resolve() : medium.syncFolder()),
        open: async (name) => {
          const file = await medium.open(name)
          return without === 'sync' ? { ...file, sync: () => Promise.resolve() } : file
        },
      })
      const { violations } = await cutEverywhere(20, broken)
      expect(violations.length).toBeGreaterThan(20)
    },
    60_000,
  )

  it('a fault of any kind, and a power cut after it, loses nothing acknowledged', async () => {
    const rehearsal = memoryMedium()
    await live(rehearsal, seeded(2))
    const steps = rehearsal.operations
    let cases = 0
    let readOnly = 0
    for (let at = 1; at <= steps; at += 2) {
      for (const [kind, code] of ['EIO', 'ENOSPC', 'EROFS'].entries()) {
        const random = seeded(at * 7 + kind)
        const times = [1, 1, 2, 40][random(4)] ?? 1
        const medium = memoryMedium()
        medium.fail = ({ number, operation }) =>
          number >= at && number < at + times && operation !== 'close' ? { code, short: random(2) === 1 } : undefined
        medium.cutAt = at + times + random(60)
        const { opened, store } = await start(medium)
        let acknowledged: Ledger['values'] = {}
        const possible = new Map<string, Set<string>>()
        for (let n = 0; n < 120 && opened.kind === 'open' && store.readOnly === undefined; n++) {
          const [name, value] = [`bay-${random(8)}`, `v${n}`]
          const answer = await store.append(set(name, value)).catch((error: unknown) => error)
          if (answer instanceof Error) possible.set(name, (possible.get(name) ?? new Set()).add(value))
          else {
            acknowledged = { ...acknowledged, [name]: value }
            possible.delete(name)
          }
        }
        if (store.readOnly !== undefined) readOnly++
        await store.close()
        const outcome = OUTCOMES[random(OUTCOMES.length)] as Outcome
        const again = await start(medium.afterPowerCut(outcome, random))
        if (again.opened.kind !== 'open') expect.fail(`${code} ×${times} at ${at}, ${outcome}: ${again.opened.reason}`)
        for (const [name, value] of Object.entries(again.opened.state.values)) {
          if (value !== acknowledged[name] && !possible.get(name)?.has(value))
            expect.fail(`${code} ×${times} at ${at}, ${outcome}: ${name} is ${value}, not ${acknowledged[name]}`)
        }
        for (const name of Object.keys(acknowledged)) expect(again.opened.state.values[name]).toBeDefined()
        cases++
      }
    }
    console.log(`store: ${cases} faults, ${readOnly} ended read-only or cut`)
    expect(cases).toBeGreaterThan(500)
  }, 120_000)
})

describe('both copies', () => {
  it('agree after any power cut: the EEPROM never holds what flash has not', async () => {
    let cases = 0
    for (let at = 5; at < 130; at++) {
      const medium = memoryMedium()
      const device = memoryEeprom({ size: 96 * 128, pageBytes: 128 })
      medium.cutAt = at
      const opened = await openStore({ medium, eeprom: await openEeprom(device), ...ledger, journalRecords: 6 })
      for (let n = 0; n < 60 && opened.store.readOnly === undefined; n++) {
        await Promise.allSettled([
          opened.store.append(set(`bay-${n % 5}`, `v${n}`)),
          opened.store.append(power('bay-1', `${n}`)),
        ])
      }
      await opened.store.close()
      for (const outcome of OUTCOMES) {
        const again = await openStore({
          medium: medium.afterPowerCut(outcome, seeded(at)),
          eeprom: await openEeprom(device),
          ...ledger,
        })
        expect(['same', 'older', 'blank']).toContain(again.relation)
        cases++
      }
    }
    expect(cases).toBeGreaterThan(800)
  }, 60_000)
})
