import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { usualBackoff, waitAfter } from '../../../../agent/controller/doors/mqtt/backoff.ts'
import { Outbox, type Outgoing } from '../../../../agent/controller/doors/mqtt/outbox.ts'
import { type ClientId, parseId } from '../../../../agent/core/addresses.ts'
import type { Event } from '../../../../agent/core/views.ts'

const client = parseId('ironic-1') as ClientId
const response = (length: number): Extract<Outgoing, { kind: 'response' }> => ({
  ...{ kind: 'response', client, bytes: new Uint8Array(length), sent: () => {} },
})
const event = (number: number): Event => ({
  kind: 'event',
  ...{ number, severity: 'info', type: 'seen-off', message: 'bay 3: seen off' },
  ...{ uptimeMs: 1, bootId: 'b7c1d2e3', revision: 1, incarnation: 'ab', term: 1 },
})
const bounds = { responses: 4, responseBytes: 1000, events: 5, leftovers: 3 }

function drain(outbox: Outbox): Outgoing[] {
  const all: Outgoing[] = []
  for (let next = outbox.next(); next; next = outbox.next()) all.push(next)
  return all
}
const eventsOf = (messages: readonly Outgoing[]) =>
  messages.flatMap((each) => (each.kind === 'event' ? [each.event] : []))

describe('the outbox', () => {
  test('of a part only the newest waits, and chassis goes last', () => {
    const outbox = new Outbox(bounds)
    for (const name of ['chassis', 'bay-1', 'bay-2', 'bay-1', 'chassis']) outbox.show(name)
    expect(drain(outbox).map((each) => each.kind === 'part' && each.name)).toEqual(['bay-1', 'bay-2', 'chassis'])
  })

  test('presence goes before everything else', () => {
    const outbox = new Outbox(bounds)
    outbox.show('bay-1')
    outbox.tell(event(1))
    outbox.presence(true)
    expect(outbox.next()).toEqual({ kind: 'presence', online: true })
  })

  test('many answers do not keep state and events waiting', () => {
    const outbox = new Outbox()
    for (let i = 0; i < 100; i++) outbox.respond(response(1))
    outbox.show('bay-1')
    outbox.tell(event(1))
    const kinds = drain(outbox).map(({ kind }) => kind)
    expect(kinds.slice(0, 4)).toEqual(expect.arrayContaining(['part', 'event']))
  })

  test('answers are bounded by number and by bytes; the oldest go, and it is said how many', () => {
    const outbox = new Outbox(bounds)
    const dropped = [10, 10, 10, 10, 10].map((length) => outbox.respond(response(length)))
    expect(dropped).toEqual([0, 0, 0, 0, 1])
    expect(outbox.respond(response(995))).toBe(4)
    expect(drain(outbox)).toHaveLength(1)
    expect(outbox.respond(response(1001))).toBe(1)
    expect(outbox.waiting).toBe(0)
  })

  test('leftovers of the broker are bounded too', () => {
    const outbox = new Outbox(bounds)
    for (let i = 0; i < 10; i++) outbox.clear(`midplane/v1/demo/state/bay-${i}`)
    expect(drain(outbox)).toHaveLength(3)
  })

  test('nothing retained waits for a broker that is away', () => {
    const outbox = new Outbox(bounds)
    outbox.presence(true)
    outbox.show('bay-1')
    outbox.clear('midplane/v1/demo/state/bay-9')
    outbox.forgetRetained()
    expect(outbox.next()).toBeUndefined()
  })

  test('whatever comes and goes, every event is told at least once or lies in a gap, and what waits is bounded', () => {
    const deed = fc.oneof(
      { weight: 9, arbitrary: fc.constant('happen' as const) },
      { weight: 3, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constant('acknowledge' as const) },
      { weight: 1, arbitrary: fc.constant('lose' as const) },
    )
    let runs = 0
    let gaps = 0
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 120 }), (deeds) => {
        runs += 1
        const outbox = new Outbox(bounds)
        let number = 0
        let flying: Outgoing[] = []
        const arrived: Outgoing[] = []
        for (const each of deeds) {
          switch (each) {
            case 'happen':
              outbox.tell(event(++number))
              break
            case 'take': {
              const next = outbox.next()
              if (next) flying.push(next)
              break
            }
            case 'acknowledge':
              arrived.push(...flying)
              flying = []
              break
            case 'lose':
              outbox.giveBack(flying)
              flying = []
              break
          }
          expect(outbox.waiting).toBeLessThanOrEqual(bounds.events + 1)
        }
        arrived.push(...flying, ...drain(outbox))
        const seen = new Set<number>()
        for (const told of eventsOf(arrived)) {
          if (told.kind === 'event') seen.add(told.number)
          else {
            gaps += 1
            for (let lost = told.from; lost <= told.to; lost++) seen.add(lost)
          }
        }
        expect(seen.size).toBe(number)
      }),
      { numRuns: 2000 },
    )
    console.log(`outbox: ${runs} runs, ${gaps} gaps`)
    expect(runs).toBeGreaterThanOrEqual(2000)
    expect(gaps).toBeGreaterThan(100)
  })
})

describe('the wait before the next connection', () => {
  test('grows with each failure, up to its bound, and is never the same for two agents', () => {
    for (let failures = 0; failures < 20; failures++) {
      const shortest = waitAfter(failures, 0)
      const longest = waitAfter(failures, 0.999_999)
      expect(longest).toBeGreaterThan(shortest * 1.9)
      expect(longest).toBeLessThanOrEqual(usualBackoff.longest)
      if (usualBackoff.first * 2 ** (failures + 1) <= usualBackoff.longest)
        expect(waitAfter(failures + 1, 0.5)).toBe(2 * waitAfter(failures, 0.5))
    }
    expect(waitAfter(5000, 0)).toBe(usualBackoff.longest / 2)
  })

  test('two agents that kick each other off do so less than ten times in the first two seconds', () => {
    let at = 0
    let kicks = 0
    for (; at < 2000; kicks++) at += waitAfter(kicks, 0)
    expect(2 * kicks).toBeLessThan(10)
  })
})
