/** The event ring: numbers that never repeat, gaps that are shown, and a bounded size. */
import { describe, expect, it } from 'vitest'
import {
  EVENT_BYTES,
  type EventRing,
  type Gap,
  type NumberedEvent,
  openEventRing,
} from '../../../agent/controller/store/event-ring.ts'
import { MediumFault } from '../../../agent/controller/store/medium.ts'
import { memoryMedium, OUTCOMES, type Outcome, seeded } from './memory-medium.ts'

const shown = (found: readonly (NumberedEvent | Gap)[]): string[] =>
  found.map((each) => (each.kind === 'gap' ? `gap ${each.from}-${each.to}` : `${each.number}:${String(each.event)}`))

async function emit(ring: EventRing, ...events: readonly string[]): Promise<void> {
  for (const event of events) await ring.append(event)
}

describe('the event ring', () => {
  it('numbers events from 1, and lists them from wherever a manager stopped', async () => {
    const ring = await openEventRing({ medium: memoryMedium() })
    await emit(ring, 'a', 'b', 'c')
    expect(shown(ring.list(0, 10))).toEqual(['1:a', '2:b', '3:c'])
    expect(shown(ring.list(1, 1))).toEqual(['2:b'])
    expect(shown(ring.list(3, 10))).toEqual([])
    expect(shown(ring.list(99, 10))).toEqual([])
  })

  it('goes on without a gap after an orderly end', async () => {
    const medium = memoryMedium()
    const ring = await openEventRing({ medium })
    await emit(ring, 'a', 'b')
    await ring.close()
    const again = await openEventRing({ medium: medium.afterPowerCut('lost', seeded(1)) })
    await emit(again, 'c')
    expect(shown(again.list(0, 10))).toEqual(['1:a', '2:b', '3:c'])
    expect(again.repaired).toEqual([])
  })

  it('shows a gap where a power cut took events, and goes on above every number that was used', async () => {
    const medium = memoryMedium()
    const ring = await openEventRing({ medium, block: 10 })
    await emit(ring, 'a', 'b')
    await ring.sync()
    await emit(ring, 'lost', 'lost too')
    const again = await openEventRing({ medium: medium.afterPowerCut('lost', seeded(1)), block: 10 })
    expect(shown(again.list(0, 10))).toEqual(['1:a', '2:b', 'gap 3-11'])
    await emit(again, 'next')
    expect(shown(again.list(2, 10))).toEqual(['gap 3-11', '12:next'])
  })

  it('does not repeat a number when the power fails right after an orderly end and a new start', async () => {
    const medium = memoryMedium()
    const ring = await openEventRing({ medium, block: 10 })
    await emit(ring, 'a')
    await ring.close()
    const second = medium.afterPowerCut('all', seeded(1))
    const other = await openEventRing({ medium: second, block: 10 })
    await emit(other, 'b', 'c')
    const third = await openEventRing({ medium: second.afterPowerCut('lost', seeded(1)), block: 10 })
    expect(third.next).toBeGreaterThan(3)
  })

  it('overflows into a gap and stays within its two files', async () => {
    const medium = memoryMedium()
    const ring = await openEventRing({ medium, fileBytes: 2000, block: 50 })
    for (let n = 1; n <= 500; n++) await ring.append(`event ${n}`)
    const listed = ring.list(0, 1000)
    expect(listed[0]).toMatchObject({ kind: 'gap', from: 1 })
    expect(listed[listed.length - 1]).toMatchObject({ kind: 'event', number: 500, event: 'event 500' })
    expect(listed.length).toBeGreaterThan(30)
    for (const bytes of medium.files().values()) expect(bytes.length).toBeLessThanOrEqual(2000)
    await ring.close()
    const again = await openEventRing({ medium: memoryMedium(medium.files()), fileBytes: 2000 })
    expect(again.list(0, 1000)).toEqual(listed)
  })

  it('does not sync for each event, and not at all when there is nothing new', async () => {
    const medium = memoryMedium()
    const ring = await openEventRing({ medium })
    for (let n = 0; n < 900; n++) await ring.append(n)
    expect(medium.counts.sync).toBeLessThanOrEqual(2)
    await ring.sync()
    const before = medium.counts.sync
    await ring.sync()
    expect(medium.counts.sync).toBe(before)
  })

  it('never gives a number twice and never shows an event that was not, whatever a power cut leaves', async () => {
    let cases = 0
    for (let seed = 0; seed < 400; seed++) {
      const random = seeded(seed)
      let medium = memoryMedium()
      const given = new Map<number, string>()
      for (let life = 0; life < 4; life++) {
        const ring = await openEventRing({ medium, fileBytes: 900, block: 1 + random(20) })
        medium.cutAt = medium.operations + 1 + random(60)
        for (let n = 0; n < 40; n++) {
          const event = `${life}.${n}`
          const number = await ring.append(event).catch((error: unknown) => {
            if (!(error instanceof MediumFault)) throw error
          })
          if (number === undefined) break
          if (given.has(number)) expect.fail(`seed ${seed}: ${number} stands for ${given.get(number)} and ${event}`)
          given.set(number, event)
          if (random(6) === 0) await ring.sync().catch(() => undefined)
        }
        const outcome = OUTCOMES[random(OUTCOMES.length)] as Outcome
        medium = medium.afterPowerCut(outcome, random)
        const found = (await openEventRing({ medium })).list(0, 10_000)
        let expected = 1
        for (const each of found) {
          expect(each.kind === 'gap' ? each.from : each.number).toBe(expected)
          expected = (each.kind === 'gap' ? each.to : each.number) + 1
          // The event under way when the power failed has no answer yet; its number is used up all the same.
          if (each.kind === 'event' && given.has(each.number) && given.get(each.number) !== each.event)
            expect.fail(`seed ${seed}: ${each.number}`)
        }
        cases++
      }
    }
    console.log(`event ring: ${cases} power cuts`)
    expect(cases).toBe(1600)
  }, 60_000)

  it('goes on in its other file after a fault, without repeating a number', async () => {
    const medium = memoryMedium()
    const ring = await openEventRing({ medium, block: 10 })
    await emit(ring, 'a')
    let left = 1
    medium.fail = ({ operation }) => (operation === 'append' && left-- > 0 ? { code: 'EIO', short: true } : undefined)
    await expect(ring.append('b')).rejects.toThrow(MediumFault)
    await emit(ring, 'c')
    expect(shown(ring.list(0, 10))).toEqual(['1:a', 'gap 2-2', '3:c'])
    await ring.close()
    expect(shown((await openEventRing({ medium: memoryMedium(medium.files()) })).list(0, 10))).toEqual([
      '1:a',
      'gap 2-2',
      '3:c',
    ])
  })

  it('numbers above the given floor where its files are gone, and says what it could not read', async () => {
    expect((await openEventRing({ medium: memoryMedium(), floor: 5000 })).next).toBe(5001)
    const spoilt = memoryMedium(new Map([['events-a', new Uint8Array(300).fill(7)]]))
    const ring = await openEventRing({ medium: spoilt, floor: 5000 })
    expect(ring.next).toBeGreaterThan(5000)
    expect(ring.repaired).toEqual(['events-a: 300 bytes can not be read'])
  })

  it('does not repeat numbers that were reserved in what can not be read any more', async () => {
    const medium = memoryMedium()
    const ring = await openEventRing({ medium, block: 10 })
    for (let n = 0; n < 95; n++) await ring.append('e')
    await ring.sync()
    const bytes = medium.files().get('events-b') ?? expect.fail('no file')
    for (let from = 60; from < bytes.length; from += 97) {
      const spoilt = bytes.slice().fill(0x5a, from)
      const again = await openEventRing({ medium: memoryMedium(new Map([['events-b', spoilt]])), block: 10 })
      expect(again.next).toBeGreaterThan(95)
    }
  })

  it('refuses an event that is too long or nothing', async () => {
    const ring = await openEventRing({ medium: memoryMedium() })
    await expect(ring.append('x'.repeat(EVENT_BYTES))).rejects.toThrow(RangeError)
    await expect(ring.append(undefined)).rejects.toThrow(RangeError)
    expect(ring.next).toBe(1)
  })
})
