// Random lives of a chassis: what must hold whatever hands, BMCs and time do to it.

import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BackplaneRequest } from '../../agent/backplane/protocol.ts'
import { listBoards, loadHardware } from '../../agent/boards/load.ts'
import { functionsOf } from '../../agent/core/blade.ts'
import type { BladeFault, World } from '../../agent/sim/chassis.ts'
import type { Deed } from '../../agent/sim/deeds.ts'
import type { LogEntry } from '../../agent/sim/log.ts'
import { type Input, newWorld, nextDue, step } from '../../agent/sim/world.ts'
import { Bench, mac, timings } from './bench.ts'
import { tinyHardware, withoutLatch } from './tiny-board.ts'

type Move =
  | { readonly kind: 'deed'; readonly deed: Deed }
  | { readonly kind: 'permit' | 'withdraw' | 'cut'; readonly bay: number }
  | { readonly kind: 'on' | 'off' | 'reset' | 'shutdown' | 'cycle' | 'clear'; readonly bay: number }
  | { readonly kind: 'write'; readonly bay: number; readonly which: number }
  | { readonly kind: 'wait'; readonly ms: number }

/** Mostly where blades are. */
const bay = fc.constantFrom(1, 1, 1, 2, 2, 2, 3, 4)
const faults: readonly BladeFault[] = [
  { kind: 'silent' },
  { kind: 'lies-writes' },
  { kind: 'late', ms: 7_000 },
  { kind: 'post-fails', after: 0 },
  { kind: 'ignores-shutdown' },
]
const products = ['Blade', 'Blade B', 'Blade S', 'Blade D', 'Tall Blade']
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ do: fc.constant('pull' as const), bay }),
  fc.record({
    do: fc.constant('insert' as const),
    bay,
    blade: fc.constantFrom(...products).map((product) => ({ product, localDisk: true })),
  }),
  fc.record({ do: fc.constant('swap' as const), bay, blade: bay.map((other) => ({ with: other })) }),
  fc.record({ do: fc.constant('button' as const), bay, hold: fc.boolean() }),
  fc.record({ do: fc.constant('wake' as const), bay }),
  fc.record({ do: fc.constant('system' as const), bay, does: fc.constantFrom('shutdown' as const, 'reboot' as const) }),
  fc.record({ do: fc.constant('ac' as const), on: fc.constantFrom(true, true, true, false) }),
  fc.record({ do: fc.constant('break' as const), bay, fault: fc.constantFrom(...faults) }),
  fc.record({ do: fc.constant('mend' as const), bay }),
  fc.record({ do: fc.constant('reboot-bmc' as const), bay }),
  fc.record({ do: fc.constant('policy' as const), bay, policy: fc.constant({ restore: 'always-on' as const }) }),
)
const of = <Kind extends string>(...kinds: readonly Kind[]) => fc.record({ kind: fc.constantFrom(...kinds), bay })
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: deed.map((each) => ({ kind: 'deed' as const, deed: each })) },
  { weight: 3, arbitrary: of('permit', 'permit', 'permit', 'withdraw', 'cut') },
  { weight: 4, arbitrary: of('on', 'on', 'on', 'off', 'reset', 'shutdown', 'cycle', 'clear') },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('write' as const), bay, which: fc.integer({ min: 0, max: 2 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 15_000 }) }) },
)

/** Plays the moves; `nap` says in which pieces time passes. */
function play(
  moves: readonly Move[],
  hardware: typeof tinyHardware,
  nap: (world: World, ms: number) => readonly number[],
) {
  let now = 1_000_000
  const begun = newWorld({ hardware, seed: 'search', now, timings })
  let { world } = begun
  const log: LogEntry[] = [...begun.log]
  let n = 0
  const take = (input: Input) => {
    const stepped = step(world, input, now)
    world = stepped.world
    log.push(...stepped.log)
    return stepped.answer
  }
  const wait = (ms: number) => {
    const end = now + ms
    for (const piece of nap(world, ms)) {
      now = Math.min(end, now + piece)
      take({ to: 'clock' })
    }
    now = end
    take({ to: 'clock' })
  }
  const withSession = (at: number, ask: (session: string) => Input) => {
    const login = take({ to: 'bmc', bay: at, request: { kind: 'login', user: 'admin', password: 'blade-pw' } })
    if (login.from !== 'bmc' || login.answer === 'silence' || !login.answer.ok) return
    const session = login.answer.session ?? ''
    take(ask(session))
    take({ to: 'bmc', bay: at, request: { kind: 'logout', session } })
  }
  /** By the one controller that is there, which holds the owner line. */
  const pull = (request: BackplaneRequest) => {
    if (world.arbiter?.owner === 'none') take({ to: 'backplane', slot: 'A', request: { do: 'take' } })
    take({ to: 'backplane', slot: 'A', request })
  }
  wait(timings.bmcBootMs)
  for (const each of moves) {
    switch (each.kind) {
      case 'deed':
        take({ to: 'back-door', deed: each.deed })
        break
      case 'permit':
        pull({ do: 'permit', bay: each.bay, n: ++n })
        break
      case 'withdraw':
      case 'cut':
        pull({ do: each.kind, bay: each.bay })
        break
      case 'on':
      case 'off':
      case 'reset':
      case 'shutdown': {
        const action = each.kind
        withSession(each.bay, (session) => ({ to: 'bmc', bay: each.bay, request: { kind: 'power', session, action } }))
        break
      }
      case 'cycle':
        withSession(each.bay, (session) => ({ to: 'bmc', bay: each.bay, request: { kind: 'cycle', session } }))
        break
      case 'clear':
        withSession(each.bay, (session) => ({
          to: 'bmc',
          bay: each.bay,
          request: { kind: 'clear', session, functions: ['lom:1-a'] },
        }))
        break
      case 'write': {
        const value = { role: 'nic' as const, mac: mac(`00:17:a4:77:00:0${each.which}`) }
        const key = each.which === 2 ? 'lom:1-v' : 'lom:1-a'
        withSession(each.bay, (session) => ({
          to: 'bmc',
          bay: each.bay,
          request: { kind: 'write', session, functions: [{ key, value }], secrets: [] },
        }))
        break
      }
      case 'wait':
        wait(each.ms)
    }
  }
  wait(100_000)
  return { world, log }
}

const inOnePiece = () => []
const secondBySecond = (_world: World, ms: number) => Array.from({ length: Math.floor(ms / 1_000) }, () => 1_000)
const moves = fc.array(move, { minLength: 15, maxLength: 60, size: 'max' })

describe('whatever happens to a chassis', () => {
  it('it comes to the same, by the same instants, however late its timers are', () => {
    let cases = 0
    fc.assert(
      fc.property(moves, (each) => {
        cases++
        const coarse = play(each, withoutLatch, inOnePiece)
        const fine = play(each, withoutLatch, secondBySecond)
        expect(fine.log).toEqual(coarse.log)
        expect(fine.world).toEqual(coarse.world)
      }),
      { numRuns: 100 },
    )
    console.log(`${cases} lives in two paces`)
    expect(cases).toBeGreaterThanOrEqual(100)
  })

  it('no blade powers on without a permit of its own, given since the bay last lost its power', () => {
    let ons = 0
    fc.assert(
      fc.property(moves, (each) => {
        const granted = new Map<number, number>()
        for (const entry of play(each, tinyHardware, inOnePiece).log) {
          if (entry.kind === 'latch') {
            if (entry.latch !== 'none' && entry.latch.state === 'granted') granted.set(entry.bay, entry.latch.n)
            else if (entry.latch === 'none' || entry.latch.state === 'denied') granted.delete(entry.bay)
          }
          if (entry.kind !== 'power' || !entry.on) continue
          ons++
          expect(entry.n).toBe(granted.get(entry.bay))
          expect(entry.n).toBeDefined()
          granted.delete(entry.bay)
        }
      }),
      { numRuns: 300 },
    )
    console.log(`${ons} power-ons`)
    expect(ons).toBeGreaterThan(60)
  })

  it('the log tells each address live once and dark once, and those live at the end are those of blades that run', () => {
    let lives = 0
    fc.assert(
      fc.property(moves, (each) => {
        const { world, log } = play(each, withoutLatch, inOnePiece)
        const live = new Set<string>()
        for (const entry of log) {
          if (entry.kind !== 'live' && entry.kind !== 'dark') continue
          const wearer = `${entry.bay} ${entry.serial} ${entry.fn} ${entry.address}`
          expect([wearer, live.has(wearer)]).toEqual([wearer, entry.kind === 'dark'])
          if (entry.kind === 'live') live.add(wearer)
          else live.delete(wearer)
          lives++
        }
        const running = Object.entries(world.slots).flatMap(([at, slot]) =>
          slot.blade !== undefined && slot.blade.run.stage !== 'off' ? [`${at} ${slot.blade.kept.serial}`] : [],
        )
        for (const wearer of live) expect(running.some((one) => wearer.startsWith(`${one} `))).toBe(true)
      }),
      { numRuns: 300 },
    )
    console.log(`${lives} changes of an address`)
    expect(lives).toBeGreaterThan(1_000)
  })

  it('time comes to rest: nothing is due for ever', () => {
    fc.assert(
      fc.property(moves, (each) => {
        expect(nextDue(play(each, withoutLatch, inOnePiece).world)).toBeUndefined()
      }),
      { numRuns: 100 },
    )
  })
})

describe('every board of the project', () => {
  const boards = fileURLToPath(new URL('../../boards', import.meta.url))
  it.each(listBoards(boards, 'chassis'))('%s is filled, boots, and has no address twice', (id) => {
    const loaded = loadHardware(boards, id)
    if (!loaded.ok) throw new Error(loaded.say)
    const bench = new Bench({ hardware: loaded.value })
    const present = Object.keys(bench.world.slots)
      .map(Number)
      .filter((each) => bench.slot(each).presence === 'present')
    expect(present.length).toBeGreaterThan(0)
    for (const each of present) bench.boot(each)
    bench.wait(60_000)
    for (const each of present) expect(bench.read(each).stage).toBe('os')
    expect(bench.duplicates()).toEqual([])
    const factory = present.flatMap((each) =>
      functionsOf(bench.read(each)).flatMap((fn) => [fn.factory.mac ?? [], fn.factory.wwpn ?? []].flat()),
    )
    expect(new Set(factory).size).toBe(factory.length)
    // Whatever has a port arrives somewhere.
    for (const each of present) {
      for (const fn of bench.boots(each)[0]?.functions ?? [])
        expect([fn.key, fn.reaches]).toEqual([fn.key, expect.anything()])
    }
  })
})
