/**
 * One random life of a chassis: commands of a manager that repeats itself, hands that pull, swap and press, AC that
 * fails, BMCs that go silent, lie and finish late, and an agent that is killed at any moment. The same seed is the same
 * life. What may never happen is read from the hardware's own log.
 */
import { expect } from 'vitest'
import type { Bay } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import type { BladeFault } from '../../agent/sim/chassis.ts'
import { duplicates } from '../../agent/sim/log.ts'
import { Rig } from '../controller/rig.ts'
import { seeded } from '../controller/store/memory-medium.ts'
import { id, pools, sanProfile } from '../core/lab.ts'

const bays: readonly Bay[] = [1, 2, 3, 4, 5]
const names = ['web-01', 'web-02', 'db-01'] as const

export interface Lived {
  readonly seed: number
  readonly accepted: number
  readonly refused: number
  readonly boots: number
  readonly kills: number
  /** What was done, for reading after a failure. */
  readonly story: readonly string[]
}

export async function live(seed: number, events: number): Promise<Lived> {
  const below = seeded(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item
  const story: string[] = []
  const rig = new Rig()
  let accepted = 0
  let refused = 0
  let kills = 0
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  for (const name of names) await rig.do({ kind: 'define-profile', profile: sanProfile(name) })

  const faults = (): BladeFault =>
    pick<BladeFault>([
      { kind: 'silent' },
      { kind: 'slow', ms: 1000 + below(8000) },
      { kind: 'late', ms: 1000 + below(60_000) },
      { kind: 'starved' },
      { kind: 'lies-writes' },
      { kind: 'power-lag', ms: 1000 + below(15_000) },
      { kind: 'ignores-shutdown' },
      { kind: 'post-fails', after: 0 },
    ])

  const command = (): Command => {
    const profile = id<'Profile'>(pick(names))
    const bay = pick(bays)
    const when = pick(['now', 'now', 'next-off'] as const)
    const stop = pick(['no', 'graceful', 'forced'] as const)
    const to = below(5) === 0 ? { any: {} } : { bay }
    switch (below(8)) {
      case 0:
      case 1:
        return {
          kind: 'assign',
          profile,
          to,
          when,
          preprovision: below(3) === 0,
          power: pick(['on', 'on', 'off'] as const),
        }
      case 2:
        return { kind: 'unassign', profile, when, stop, force: false }
      case 3:
      case 4:
        return { kind: 'move', profile, to, when, stop, preprovision: below(3) === 0, force: false }
      case 5:
        return {
          kind: 'power',
          bay,
          want: pick(['on', 'on', 'off', 'cycle', 'reset'] as const),
          stop: pick(['graceful', 'forced'] as const),
        }
      case 6:
        return { kind: 'resync' }
      default:
        return { kind: 'reseat', bay }
    }
  }

  /** A deed of hands or of bad luck; the world may refuse it, which is no matter. */
  const deed = () => {
    const bay = pick(bays)
    switch (below(9)) {
      case 0:
        return rig.host.perform({ do: 'pull', bay })
      case 1:
        return rig.host.perform({ do: 'swap', bay, blade: { with: pick(bays) } })
      case 2:
      case 3:
        rig.host.perform({ do: 'policy', bay, policy: { button: 'enabled', restore: 'always-on', wake: 'enabled' } })
        return rig.host.perform({ do: 'button', bay, hold: below(2) === 0 })
      case 4:
        return rig.host.perform({ do: 'system', bay, does: pick(['shutdown', 'reboot'] as const) })
      case 5:
      case 6:
        return rig.host.perform({ do: 'break', bay, fault: faults() })
      case 7:
        return rig.host.perform({ do: 'mend', bay })
      default:
        return rig.host.perform({ do: 'reboot-bmc', bay })
    }
  }

  for (let event = 0; event < events; event++) {
    await rig.clock.advance(below(4) === 0 ? below(20_000) : below(1_500))
    const dice = below(20)
    if (dice < 9) {
      const said = command()
      const envelope = rig.envelope(said)
      const replies = [
        rig.agent.submit(said, envelope),
        ...(below(4) === 0 ? [rig.agent.submit(said, { ...envelope })] : []),
      ]
      for (const reply of replies) {
        const { outcome, replayed } = await rig.clock.until(reply)
        if (outcome.kind === 'accepted' && !replayed) accepted++
        if (outcome.kind === 'refused') refused++
        story.push(
          `${rig.clock.now()} ${JSON.stringify(said)} → ${outcome.kind === 'refused' ? outcome.refusal.reason : outcome.kind}${replayed ? ' (again)' : ''}`,
        )
      }
    } else if (dice < 17) {
      story.push(`${rig.clock.now()} deed: ${deed() ?? 'done'}`)
    } else if (dice < 19) {
      await restart(rig, story, false)
      kills++
    } else {
      await restart(rig, story, true)
      kills++
    }
    check(rig, story)
  }
  // In the end everything is mended, and whatever can settle must stay right while it does.
  for (const bay of bays) rig.host.perform({ do: 'mend', bay })
  await rig.do({ kind: 'resync' })
  await rig.clock.advance(120_000)
  check(rig, story)
  const boots = bays.reduce((sum, bay) => sum + rig.boots(bay).length, 0)
  rig.kill()
  return { seed, accepted, refused, boots, kills, story }
}

/** Lives of many seeds; a life that goes wrong names the line that lives it again. */
export async function liveMany(first: number, seeds: number): Promise<void> {
  const sum = { accepted: 0, refused: 0, boots: 0, kills: 0 }
  for (let seed = first; seed < first + seeds; seed++) {
    const lived = await live(seed, 60).catch((error: unknown) => {
      const why = error instanceof Error ? error.stack : String(error)
      throw new Error(`again by: SEED=${seed} SEEDS=1 npx vitest run test/simulation\n${why}`)
    })
    for (const key of ['accepted', 'refused', 'boots', 'kills'] as const) sum[key] += lived[key]
  }
  console.log(`${seeds} lives: ${JSON.stringify(sum)}`)
  expect(sum.accepted).toBeGreaterThan(seeds * 5)
  expect(sum.boots).toBeGreaterThan(seeds * 2)
  expect(sum.kills).toBeGreaterThan(seeds)
}

async function restart(rig: Rig, story: string[], ac: boolean): Promise<void> {
  const before = rig.agent.now().state
  rig.kill()
  story.push(`${rig.clock.now()} ${ac ? 'AC lost and back' : 'agent killed'}`)
  if (ac) {
    rig.host.perform({ do: 'ac', on: false })
    await rig.clock.advance(3_000)
    rig.host.perform({ do: 'ac', on: true })
  }
  await rig.start()
  const { state } = rig.agent.now()
  // I2: whatever was acknowledged is there again.
  if (state.revision < before.revision)
    throw new Error(`revision ${before.revision} was acknowledged, ${state.revision} came back`)
  for (const [bay, { intent }] of Object.entries(before.bays)) {
    const now = state.bays[Number(bay)]?.intent
    if (state.revision === before.revision && intent?.profile !== now?.profile) {
      throw new Error(`bay ${bay} was assigned ${intent?.profile}, and is now ${now?.profile}`)
    }
  }
}

/** I1 and I3, from what the hardware did. */
function check(rig: Rig, story: readonly string[]): void {
  try {
    const twice = duplicates(rig.log)
    if (twice.length > 0) throw new Error(`one address on two functions: ${JSON.stringify(twice[0])}`)
    rig.noWrongBoots(names)
  } catch (error) {
    const last = story.slice(-12).join('\n  ')
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n  ${last}`)
  }
}
