/**
 * Random commands against random hardware, on real boards: late writes, lost answers, buttons, AC loss, swapped blades,
 * silent BMCs and restarts in any order. After each event the rules that may never break are read off the hardware
 * itself; in the end everything heals, and then the chassis has to come to rest and be what was wanted. For a longer
 * search: RUNS=20000 SEED=7.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inSync } from '../../agent/core/bay-plan.ts'
import type { Bay, Blade } from '../../agent/core/blade.ts'
import { canonical } from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Profile } from '../../agent/core/profile.ts'
import { blank } from '../../agent/core/state.ts'
import { blade, hardware, id, iscsiProfile, lanProfile, pools, sanProfile } from '../core/lab.ts'
import { live, type Mishap, type Rack, type Seat, worn } from './rack.ts'
import { Broken, begin, built, checkAnswers, type Event, type Fate, type Lab, planOf, type Run, step } from './run.ts'

interface World {
  readonly hardware: Hardware
  readonly bays: readonly Bay[]
  readonly products: readonly string[]
  readonly profiles: readonly Profile[]
  readonly spare: string
}

function world(board: string, count: number, profiles: readonly Profile[]): World {
  const loaded = hardware(board)
  const bays = loaded.board.bays.slice(-count).map(({ bay }) => bay)
  const products = loaded.board.blades
    .filter(({ form }) => form === loaded.board.forms[0]?.id)
    .map(({ product }) => product)
  const usual = products[0] ?? expect.unreachable()
  return {
    hardware: {
      ...loaded,
      board: { ...loaded.board, bays: loaded.board.bays.filter(({ bay }) => bays.includes(bay)) },
    },
    bays,
    products: bays.map(() => usual),
    profiles,
    spare: products.at(-1) ?? usual,
  }
}

function fresh({ hardware, bays, products, profiles, spare }: World, lab: Lab): Run {
  const { permitLatch } = hardware.board.backplane
  const seats = bays.map((bay, i): [Bay, Seat] => [
    bay,
    {
      blade: blade(hardware, products[i] ?? '', bay),
      latch: permitLatch ? { state: 'denied', n: 0 } : 'none',
      locate: false,
      late: [],
      bmc: 'answers',
    },
  ])
  const rack: Rack = { seats: Object.fromEntries(seats), shelf: [blade(hardware, spare, 90)] }
  const interconnects = Object.fromEntries(hardware.board.interconnects.map(({ id, usual }) => [id, usual]))
  let run = begin(blank(id<'Chassis'>('random'), hardware.board.id, '0'.repeat(32)), rack, { bays: {}, interconnects })
  const commands: readonly Command[] = [
    ...pools,
    ...profiles.map((profile): Command => ({ kind: 'define-profile', profile })),
  ]
  for (const command of commands) run = step(run, { is: 'command', command, durable: true }, lab)
  expect(Object.keys(run.durable.profiles)).toHaveLength(profiles.length)
  return run
}

// ── What may happen ─────────────────────────────────────────────────────────────────────────────────────────────

/** Things that happen one after another: mostly one, sometimes a few that belong together. */
function events({ bays, profiles }: World): fc.Arbitrary<readonly Event[]> {
  const bay = fc.constantFrom(...bays)
  const profile = fc.constantFrom(...profiles)
  const when = fc.constantFrom('now' as const, 'next-off' as const)
  const stop = fc.constantFrom('no' as const, 'graceful' as const, 'forced' as const)
  const power = fc.constantFrom('on' as const, 'on' as const, 'off' as const, undefined)
  const target = fc.oneof(
    { weight: 4, arbitrary: bay.map((bay) => ({ bay })) },
    { weight: 1, arbitrary: fc.constant({ any: {} }) },
  )
  const optional = <Value>(key: string, value: Value | undefined) => (value === undefined ? {} : { [key]: value })
  const command: fc.Arbitrary<Command> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(profile, target, when, fc.boolean(), power).map(
        ([{ id }, to, when, preprovision, power]): Command => ({
          kind: 'assign',
          profile: id,
          to,
          when,
          preprovision,
          ...optional('power', power),
        }),
      ),
    },
    {
      weight: 3,
      arbitrary: fc
        .tuple(profile, when, stop)
        .map(([{ id }, when, stop]): Command => ({ kind: 'unassign', profile: id, when, stop, force: false })),
    },
    {
      weight: 6,
      arbitrary: fc.tuple(profile, target, when, stop, fc.boolean(), power).map(
        ([{ id }, to, when, stop, preprovision, power]): Command => ({
          kind: 'move',
          profile: id,
          to,
          when,
          stop,
          preprovision,
          force: false,
          ...optional('power', power),
        }),
      ),
    },
    {
      weight: 5,
      arbitrary: fc
        .tuple(
          bay,
          fc.constantFrom('on', 'on', 'off', 'reset', 'cycle') as fc.Arbitrary<'on' | 'off' | 'reset' | 'cycle'>,
          fc.constantFrom('graceful' as const, 'forced' as const),
        )
        .map(([bay, want, stop]): Command => ({ kind: 'power', bay, want, stop })),
    },
    { weight: 1, arbitrary: bay.map((bay): Command => ({ kind: 'reseat', bay })) },
    { weight: 1, arbitrary: fc.tuple(bay, fc.boolean()).map(([bay, lit]): Command => ({ kind: 'locate', bay, lit })) },
    { weight: 1, arbitrary: fc.constant<Command>({ kind: 'resync' }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(bay, fc.constantFrom('once' as const, 'always' as const))
        .map(([bay, lasts]): Command => ({ kind: 'override-boot', bay, override: { target: 'local', lasts } })),
    },
    { weight: 1, arbitrary: bay.map((bay): Command => ({ kind: 'override-boot', bay })) },
    { weight: 1, arbitrary: profile.map(({ id }): Command => ({ kind: 'remove-profile', profile: id })) },
    { weight: 2, arbitrary: profile.map((profile): Command => ({ kind: 'define-profile', profile })) },
    {
      weight: 1,
      arbitrary: profile.map(
        ({ id }): Command => ({
          kind: 'set-boot-plan',
          profile: id,
          boot: { mode: 'uefi', order: [{ target: 'local' }] },
        }),
      ),
    },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('v1', 'v2')
        .map((mark): Command => ({ kind: 'set-secret', secret: id<'Secret'>('chap'), sealed: mark, mark })),
    },
  )
  const here = fc.constantFrom<Exclude<Mishap['it'], 'ac-loss'>>(
    'button',
    'button',
    'os-off',
    'post-end',
    'post-end',
    'post-end',
    'halt',
    'warm-reset',
    'pull',
    'insert',
    'insert',
    'late',
    'late',
    'lag',
    'bmc-dies',
    'bmc-heals',
    'bmc-heals',
    'policy',
  )
  const mishap: fc.Arbitrary<Mishap> = fc.oneof(
    { weight: 20, arbitrary: fc.tuple(here, bay).map(([it, bay]): Mishap => ({ it, bay })) },
    { weight: 1, arbitrary: fc.constant<Mishap>({ it: 'ac-loss' }) },
  )
  const fate = fc.constantFrom<Fate>(
    'obeyed',
    'obeyed',
    'obeyed',
    'obeyed',
    'obeyed',
    'late',
    'unheard',
    'lost',
    'refused',
  )
  const post = (bay: Bay): Event => ({ is: 'mishap', mishap: { it: 'post-end', bay } })
  const one = (arbitrary: fc.Arbitrary<Event>) => arbitrary.map((event) => [event])
  return fc.oneof(
    // The agent gets some way with one bay.
    {
      weight: 12,
      arbitrary: fc
        .tuple(bay, fc.integer({ min: 1, max: 8 }))
        .map(([bay, n]): Event[] => [...Array<Event>(n).fill({ is: 'tend', bay, fate: 'obeyed' }), post(bay)]),
    },
    // A command that is done when nobody expects it any more.
    {
      weight: 3,
      arbitrary: fc
        .tuple(bay, fc.boolean())
        .map(([bay, amid]): Event[] => [
          { is: 'tend', bay, fate: 'late' },
          amid
            ? { is: 'tend', bay, fate: 'lost', amid: { it: 'late', bay } }
            : { is: 'mishap', mishap: { it: 'late', bay } },
        ]),
    },
    {
      weight: 5,
      arbitrary: one(
        fc
          .tuple(bay, fate, mishap, fc.oneof(mishap, command))
          .map(([bay, fate, amid, after]): Event => ({ is: 'tend', bay, fate, amid, after })),
      ),
    },
    { weight: 3, arbitrary: one(fc.tuple(bay, fate).map(([bay, fate]): Event => ({ is: 'tend', bay, fate }))) },
    { weight: 4, arbitrary: one(mishap.map((mishap): Event => ({ is: 'mishap', mishap }))) },
    {
      weight: 5,
      arbitrary: one(
        fc.tuple(command, fc.boolean()).map(([command, durable]): Event => ({ is: 'command', command, durable })),
      ),
    },
    { weight: 1, arbitrary: one(fc.constant<Event>({ is: 'sync' })) },
    { weight: 1, arbitrary: one(fc.constant<Event>({ is: 'restart' })) },
    { weight: 2, arbitrary: one(fc.constantFrom(5, 40, 400).map((seconds): Event => ({ is: 'wait', seconds }))) },
  )
}

// ── Healing ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** BMCs answer, readings are true, nothing is late any more: then all bays have to come to rest. */
function heal(run: Run, { bays }: World, lab: Lab): Run {
  const seats = Object.entries(run.rack.seats).map(([bay, { lag: _, ...seat }]): [string, Seat] => [
    bay,
    { ...seat, bmc: 'answers' },
  ])
  let now: Run = { ...run, rack: { ...run.rack, seats: Object.fromEntries(seats) } }
  let quiet = 0
  for (let round = 0; quiet < 10; round++) {
    if (round > 250) {
      const plans = bays.map((bay) => ({ bay, ...planOf(now, bay, lab) }))
      throw new Broken(`it never comes to rest: ${JSON.stringify(plans)} ${JSON.stringify(now.durable.bays)}`)
    }
    quiet++
    for (const bay of bays) {
      const before = now
      now = step(now, { is: 'tend', bay, fate: 'obeyed' }, lab)
      const { note, steps } = planOf(now, bay, lab)
      if (note || steps.length > 0 || now.durable !== before.durable) quiet = 0
      now = step(now, { is: 'mishap', mishap: { it: 'post-end', bay } }, lab)
    }
    now = step(now, { is: 'wait', seconds: 10 }, lab)
  }
  return now
}

/** A bay that says that it is in sync is what was wanted; one that is not says why. */
function checkRest(run: Run, { bays }: World, lab: Lab): void {
  for (const bay of bays) {
    const plan = planOf(run, bay, lab)
    const { intent, power } = run.durable.bays[bay] ?? {}
    const there: Blade | undefined = run.rack.seats[bay]?.blade
    if (!inSync(plan)) {
      lab.tally?.(`rests with ${plan.findings[0]?.reason}`)
      if (plan.findings.some(({ say, remedy }) => say === '' || remedy === ''))
        throw new Broken(`bay ${bay} does not say why`)
      continue
    }
    lab.tally?.('rests in sync')
    if (power === 'on' && there && there.power !== 'on')
      throw new Broken(`bay ${bay} is in sync, and not on: ${JSON.stringify(run.durable.bays[bay])}`)
    if (power === 'off' && there?.power === 'on') throw new Broken(`bay ${bay} is in sync, and not off`)
    if (intent && !there) throw new Broken(`bay ${bay} is in sync without a blade`)
    if (there?.power !== 'on') continue
    lab.tally?.(intent ? 'rests running its profile' : 'rests running bare')
    const given = intent
      ? Object.values(run.durable.profiles[intent.profile]?.given ?? {}).flatMap((set) => Object.values(set))
      : []
    if (canonical([...new Set(worn(there))].sort()) !== canonical([...new Set<string>(given)].sort())) {
      throw new Broken(`bay ${bay} is in sync, and runs with ${worn(there).join(' ')} instead of ${given.join(' ')}`)
    }
  }
}

function explore(name: string, it: World, runs: number, floors: { readonly [what: string]: number }): void {
  const counts = new Map<string, number>()
  const tally = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1)
  const lab: Lab = { hardware: it.hardware, rules: built, tally }
  const start = fresh(it, lab)
  let total = 0
  fc.assert(
    fc.property(fc.array(events(it), { minLength: 20, maxLength: 100, size: 'max' }), (all) => {
      let run = start
      for (const event of all.flat()) {
        run = step(run, event, lab)
        total++
      }
      run = step(run, { is: 'sync' }, lab)
      run = heal(run, it, lab)
      checkRest(run, it, lab)
      checkAnswers(run, lab)
      if (live(run.rack).size > 0) tally('ends with a server running')
    }),
    { numRuns: runs, seed: Number(process.env.SEED ?? 20_261_122), endOnFailure: false },
  )
  const lines = [...counts].sort(([, a], [, b]) => b - a).map(([what, n]) => `${what} ${n}`)
  console.log(`${name}: ${runs} runs, ${total} events\n  ${lines.join(', ')}`)
  expect(total).toBeGreaterThan(runs * 50)
  for (const [what, least] of Object.entries(floors)) expect(counts.get(what) ?? 0, what).toBeGreaterThan(least)
}

const runs = Number(process.env.RUNS ?? 500)
const floors = {
  'saw armed': 500,
  'saw verified': 400,
  'saw let-go': 100,
  'saw left': 70,
  'saw in-doubt': 60,
  'mishap late': 80,
  'mishap ac-loss': 250,
  'accepted move': 100,
  'rests running its profile': 100,
  'rests in sync': 1000,
}

// Seconds on a quiet machine.
const patience = 120_000

test(
  'on a c7000 no order of events doubles an address, starts a wrong server, stops a running one or loses a word',
  () => {
    explore(
      'hp-c7000',
      world('hp-c7000', 3, [sanProfile('san'), iscsiProfile('iscsi'), lanProfile('lan')]),
      runs,
      floors,
    )
  },
  patience,
)

test(
  'on a board without a latch no order of events doubles an address, stops a running server or loses a word',
  () => {
    const plain: readonly Profile[] = [lanProfile('one'), lanProfile('two')]
    explore('generic-2u4n', world('generic-2u4n', 3, plain), runs, floors)
  },
  patience,
)
