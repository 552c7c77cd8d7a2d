// The arbiter between two controllers, in the pure world: whose the backplane is, whom it hears, and that nobody else is obeyed.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BackplaneRequest, ControllerSlot } from '../../agent/backplane/protocol.ts'
import { lineOf } from '../../agent/sim/arbiter.ts'
import type { LogEntry } from '../../agent/sim/log.ts'
import { Bench, timings } from './bench.ts'
import { tinyAlone } from './tiny-board.ts'

const { watchdogMs } = timings
const refusal = { ok: false, error: 'not the owner: slot B owns the backplane', why: 'not-owner' }
const line = (bench: Bench) => {
  bench.wait(0)
  return lineOf(bench.world)
}
/** What was logged of the line, without its instants. */
const told = (log: readonly LogEntry[]) =>
  log.flatMap((entry) => {
    switch (entry.kind) {
      case 'owner':
        return [`${entry.from} → ${entry.owner}: ${entry.why}`]
      case 'controller':
        return [`${entry.slot} ${entry.state}`]
      default:
        return []
    }
  })

describe('the owner line', () => {
  it("is nobody's in a new chassis, whose controllers are there and silent", () => {
    expect(line(new Bench())).toEqual({ owner: 'none', controllers: { A: 'silent', B: 'silent' } })
  })

  it('goes to whoever takes it, and to nobody by who does not have it', () => {
    const bench = new Bench()
    expect(bench.backplane({ do: 'take' }, 'A')).toEqual({ ok: true })
    expect(bench.backplane({ do: 'take' }, 'A')).toEqual({ ok: true })
    expect(bench.backplane({ do: 'take' }, 'B')).toEqual({ ok: true })
    expect(bench.backplane({ do: 'release' }, 'A')).toEqual({ ok: true })
    expect(line(bench)?.owner).toBe('B')
    expect(bench.backplane({ do: 'release' }, 'B')).toEqual({ ok: true })
    expect(line(bench)?.owner).toBe('none')
    expect(told(bench.log)).toEqual(['none → A: take', 'A → B: take', 'B → none: release'])
  })

  it('stays with a controller that falls silent or is pulled out', () => {
    const bench = new Bench()
    bench.backplane({ do: 'take' }, 'A')
    bench.backplane({ do: 'beat' }, 'A')
    bench.wait(watchdogMs)
    expect(line(bench)).toEqual({ owner: 'A', controllers: { A: 'silent', B: 'silent' } })
    bench.do({ do: 'controller', slot: 'A', does: 'remove' })
    expect(line(bench)).toEqual({ owner: 'A', controllers: { A: 'absent', B: 'silent' } })
    expect(told(bench.log)).toEqual(['none → A: take', 'A alive', 'A silent', 'A absent'])
  })

  it("is nobody's after AC loss, and no controller is heard until it beats again", () => {
    const bench = new Bench()
    bench.backplane({ do: 'take' }, 'A')
    bench.backplane({ do: 'beat' }, 'A')
    bench.backplane({ do: 'beat' }, 'B')
    bench.do({ do: 'ac', on: false })
    expect(bench.backplane({ do: 'take' }, 'A')).toBeUndefined()
    bench.do({ do: 'ac', on: true })
    expect(line(bench)).toEqual({ owner: 'none', controllers: { A: 'silent', B: 'silent' } })
    expect(told(bench.log).slice(3)).toEqual(['A → none: ac-loss', 'A silent', 'B silent'])
  })

  it('decides who may withdraw, permit, cut and locate; a refused line of a bay does not move', () => {
    const bench = new Bench()
    bench.backplane({ do: 'take' }, 'A')
    bench.backplane({ do: 'permit', bay: 1, n: 1 }, 'A')
    bench.backplane({ do: 'take' }, 'B')
    const before = bench.world.slots
    const requests: readonly BackplaneRequest[] = [
      { do: 'permit', bay: 2, n: 2 },
      { do: 'withdraw', bay: 1 },
      { do: 'cut', bay: 1 },
      { do: 'locate', bay: 1, lit: true },
      // It is not told either which bays there are.
      { do: 'permit', bay: 9, n: 2 },
    ]
    for (const request of requests) expect([request.do, bench.backplane(request, 'A')]).toEqual([request.do, refusal])
    expect(bench.world.slots).toBe(before)
    bench.power(2, 'on')
    expect(bench.slot(2)).toMatchObject({ powerGood: false })
    expect(bench.backplane({ do: 'withdraw', bay: 1 }, 'B')).toEqual({ ok: true })
    expect(bench.latch(1)).toEqual({ state: 'denied', n: 1 })
  })

  it('can be read by everybody, the stranger too', () => {
    const bench = new Bench()
    bench.backplane({ do: 'take' }, 'B')
    for (const who of ['A', 'B', 'unsaid'] as const) {
      expect(bench.backplane({ do: 'read' }, who)).toMatchObject({
        ok: true,
        line: { owner: 'B', controllers: { A: 'silent', B: 'silent' } },
      })
    }
    expect(bench.backplane({ do: 'permit', bay: 1, n: 1 }, 'unsaid')).toEqual({
      ok: false,
      error: 'this chassis has two controller slots: say hello for yours first',
    })
  })

  it('is not there in a chassis for one: slot A is obeyed, said or unsaid, and there is no slot B', () => {
    const bench = new Bench({ hardware: tinyAlone })
    expect(bench.backplane({ do: 'read' })).not.toHaveProperty('line')
    expect(bench.backplane({ do: 'permit', bay: 1, n: 1 }, 'unsaid')).toEqual({ ok: true })
    expect(bench.backplane({ do: 'hello', slot: 'A' })).toEqual({ ok: true })
    expect(bench.backplane({ do: 'hello', slot: 'B' })).toEqual({
      ok: false,
      error: 'this chassis has no controller slot B',
    })
    expect(bench.backplane({ do: 'take' }, 'A')).toMatchObject({ ok: false })
    expect(bench.do({ do: 'controller', slot: 'A', does: 'remove' })).toContain('one controller slot')
  })
})

describe('a watchdog', () => {
  it('hears a controller for as long as it beats in time, and says so once', () => {
    const bench = new Bench()
    for (let beat = 0; beat < 5; beat++) {
      bench.backplane({ do: 'beat' }, 'B')
      bench.wait(watchdogMs - 1)
      expect(line(bench)?.controllers).toEqual({ A: 'silent', B: 'alive' })
    }
    bench.wait(1)
    expect(line(bench)?.controllers).toEqual({ A: 'silent', B: 'silent' })
    expect(told(bench.log)).toEqual(['B alive', 'B silent'])
  })

  it('tells the silence at the instant when it began, however late anybody looks', () => {
    const bench = new Bench()
    const begun = bench.world.now
    bench.backplane({ do: 'beat' }, 'A')
    bench.wait(100 * watchdogMs)
    expect(bench.log.filter(({ kind }) => kind === 'controller').map(({ at }) => at - begun)).toEqual([0, watchdogMs])
  })

  it('is the same one for a slot whose controller was exchanged: silent until the new one beats', () => {
    const bench = new Bench()
    bench.backplane({ do: 'beat' }, 'A')
    expect(bench.do({ do: 'controller', slot: 'A', does: 'insert' })).toBe('slot A holds a controller; remove it first')
    bench.do({ do: 'controller', slot: 'A', does: 'remove' })
    expect(bench.do({ do: 'controller', slot: 'A', does: 'remove' })).toBe('slot A has no controller')
    for (const request of [{ do: 'hello', slot: 'A' }, { do: 'beat' }, { do: 'take' }, { do: 'read' }] as const)
      expect(bench.backplane(request, 'A')).toBeUndefined()
    bench.do({ do: 'controller', slot: 'A', does: 'insert' })
    expect(line(bench)?.controllers.A).toBe('silent')
    bench.backplane({ do: 'beat' }, 'A')
    expect(line(bench)?.controllers.A).toBe('alive')
    expect(told(bench.log)).toEqual(['A alive', 'A absent', 'A silent', 'A alive'])
  })
})

describe('whatever two controllers do', () => {
  const slot = fc.constantFrom<ControllerSlot>('A', 'B')
  const bay = fc.constantFrom(1, 2)
  type Move = { readonly slot: ControllerSlot; readonly request: BackplaneRequest } | { readonly wait: number } | 'ac'
  const request: fc.Arbitrary<BackplaneRequest> = fc.oneof(
    fc.constantFrom<BackplaneRequest>({ do: 'take' }, { do: 'release' }, { do: 'beat' }),
    fc.record({ do: fc.constantFrom('withdraw', 'cut'), bay }),
    fc.record({ do: fc.constant('permit'), bay, n: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ do: fc.constant('locate'), bay, lit: fc.boolean() }),
  ) as fc.Arbitrary<BackplaneRequest>
  const move: fc.Arbitrary<Move> = fc.oneof(
    { weight: 12, arbitrary: fc.record({ slot, request }) },
    { weight: 2, arbitrary: fc.record({ wait: fc.integer({ min: 1, max: 3_000 }) }) },
    { weight: 1, arbitrary: fc.constant<Move>('ac') },
  )

  it('the lines of the bays follow only who took the backplane last', () => {
    let obeyed = 0
    let refused = 0
    fc.assert(
      fc.property(fc.array(move, { minLength: 20, maxLength: 60, size: 'max' }), (moves) => {
        const bench = new Bench()
        // Kept by the test itself: who took last, and did not give it back nor lose AC since.
        let owner: ControllerSlot | 'none' = 'none'
        for (const each of moves) {
          if (each === 'ac') {
            bench.do({ do: 'ac', on: false })
            bench.do({ do: 'ac', on: true })
            owner = 'none'
          } else if ('wait' in each) bench.wait(each.wait)
          else {
            const before = bench.world.slots
            const answer = bench.backplane(each.request, each.slot)
            if (each.request.do === 'take') owner = each.slot
            if (each.request.do === 'release' && owner === each.slot) owner = 'none'
            if ('bay' in each.request && owner !== each.slot) {
              refused++
              expect(answer).toMatchObject({ ok: false, why: 'not-owner' })
              expect(bench.world.slots).toBe(before)
            } else if ('bay' in each.request) {
              obeyed++
              expect(answer).toEqual({ ok: true })
            }
          }
          expect(bench.world.arbiter?.owner).toBe(owner)
        }
      }),
      { numRuns: 100 },
    )
    console.log(`${obeyed} obeyed, ${refused} refused`)
    expect(obeyed).toBeGreaterThan(100)
    expect(refused).toBeGreaterThan(100)
  })
})
