/**
 * Random lives of a chassis that nobody commands, with a policy left behind: blades are pulled, swapped, broken and
 * mended, servers shut themselves down, AC fails, and the agent dies at any moment. Whatever happens, no identity is
 * live twice, none starts where it was not dressed, and no blade that has power is ever cut. For a longer search:
 * SEED=1000 SEEDS=500.
 */
import { expect, test } from 'vitest'
import type { Bay } from '../../agent/core/blade.ts'
import type { BladeFault } from '../../agent/sim/chassis.ts'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { seeded } from './store/memory-medium.ts'

const bays: readonly Bay[] = [1, 2, 3, 4, 5]
const names = ['web-01', 'db-01'] as const

interface Lived {
  readonly moves: number
  readonly waits: number
  readonly cuts: number
  readonly kills: number
}

async function live(seed: number): Promise<Lived> {
  const below = seeded(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item
  const story: string[] = []
  const rig = new Rig()
  let kills = 0
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  for (const [i, name] of names.entries()) {
    await rig.do({ kind: 'define-profile', profile: sanProfile(name) })
    const where = { to: { bay: i + 1 }, when: 'now', preprovision: false, power: 'on' } as const
    await rig.do({ kind: 'assign', profile: id(name), ...where })
  }
  await rig.settle()
  const temper = { afterSeconds: pick([1, 5, 30]), cut: below(3) > 0, attempts: 1 + below(4) }
  const named = below(2) === 0 ? { spares: [5, 4, 3] } : {}
  await rig.do({ kind: 'define-policy', policy: { id: id('spare'), ...named, ...temper } })

  const fault = (): BladeFault =>
    pick<BladeFault>([
      { kind: 'silent' },
      { kind: 'silent' },
      { kind: 'slow', ms: 1_000 + below(8_000) },
      { kind: 'late', ms: 1_000 + below(60_000) },
      { kind: 'lies-writes' },
      { kind: 'power-lag', ms: 1_000 + below(15_000) },
      { kind: 'post-fails', after: 0 },
    ])

  /** The world may refuse a deed, which is no matter. */
  const deed = () => {
    const bay = pick(bays)
    switch (below(10)) {
      case 0:
      case 1:
        return rig.host.perform({ do: 'pull', bay })
      case 2: {
        const serial = Object.keys(rig.host.world.shelf)[0]
        return serial === undefined ? 'the shelf is empty' : rig.host.perform({ do: 'insert', bay, blade: { serial } })
      }
      case 3:
        return rig.host.perform({ do: 'swap', bay, blade: { with: pick(bays) } })
      case 4:
      case 5:
        return rig.host.perform({ do: 'system', bay, does: pick(['shutdown', 'reboot'] as const) })
      case 6:
      case 7:
        return rig.host.perform({ do: 'break', bay, fault: fault() })
      case 8:
        return rig.host.perform({ do: 'mend', bay })
      default:
        rig.host.perform({ do: 'policy', bay, policy: { button: 'enabled', restore: 'always-on', wake: 'enabled' } })
        return rig.host.perform({ do: 'button', bay, hold: below(2) === 0 })
    }
  }

  /** Nobody commands here: each cut is a policy's, and a blade that has an operating system up is never cut (W5, W8). */
  const watch = () => {
    const wrong = rig.log.find((entry) => entry.kind === 'power' && !entry.on && entry.why === 'cut')
    if (wrong) throw new Error(`a blade with power was cut: ${JSON.stringify(wrong)}`)
    rig.noDuplicates()
    rig.noWrongBoots(names)
  }

  try {
    for (let event = 0; event < 40; event++) {
      await rig.clock.advance(below(3) === 0 ? below(60_000) : below(3_000))
      const dice = below(20)
      if (dice < 13) story.push(`${rig.clock.now()} ${deed() ?? 'done'}`)
      else if (dice < 15) {
        story.push(`${rig.clock.now()} power and resync`)
        await rig.do({ kind: 'resync' })
        const { bays: own } = rig.agent.now().state
        const bay = bays.find((each) => own[each]?.intent && own[each]?.power === 'off')
        if (bay !== undefined) await rig.submit({ kind: 'power', bay, want: 'on', stop: 'graceful' })
      } else if (dice < 19) {
        rig.kill()
        if (dice === 18) {
          rig.host.perform({ do: 'ac', on: false })
          await rig.clock.advance(3_000)
          rig.host.perform({ do: 'ac', on: true })
        }
        await rig.clock.advance(below(2_000))
        await rig.start()
        kills++
        story.push(`${rig.clock.now()} killed${dice === 18 ? ', and AC lost and back' : ''}`)
      }
      watch()
    }
    for (const bay of bays) rig.host.perform({ do: 'mend', bay })
    await rig.do({ kind: 'resync' })
    await rig.clock.advance(300_000)
    watch()
  } catch (error) {
    const why = error instanceof Error ? error.stack : String(error)
    throw new Error(`again by: SEED=${seed} SEEDS=1\n${story.slice(-15).join('\n')}\n${why}`)
  }
  const done = rig.records.flatMap((record) =>
    record.kind === 'command' && record.command === 'rescue' ? [record.accepted.diff[0] ?? ''] : [],
  )
  const cuts = rig.log.filter((entry) => entry.kind === 'cut' && entry.on).length
  const moves = done.filter((line) => line.startsWith('rescued')).length
  rig.kill()
  return { moves, waits: done.length - moves, cuts, kills }
}

test('in random lives under a policy no identity is live twice, no blade starts as somebody else, and none with power is cut', async () => {
  const seeds = Number(process.env.SEEDS ?? 16)
  const first = Number(process.env.SEED ?? 1)
  const sum = { moves: 0, waits: 0, cuts: 0, kills: 0 }
  for (let seed = first; seed < first + seeds; seed++) {
    const lived = await live(seed)
    for (const key of ['moves', 'waits', 'cuts', 'kills'] as const) sum[key] += lived[key]
  }
  console.log(`${seeds} lives: ${JSON.stringify(sum)}`)
  expect(sum.moves).toBeGreaterThanOrEqual(seeds)
  expect(sum.waits).toBeGreaterThanOrEqual(Math.floor(seeds / 10))
  expect(sum.cuts).toBeGreaterThanOrEqual(Math.floor(seeds / 10))
}, 300_000)
