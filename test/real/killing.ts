/**
 * The agent is killed at moments that nobody chose, under load: managers define, power, reset and move, while each life
 * of the agent ends by SIGKILL, some of them before it came online. A few blades run and are asked for nothing: their
 * only part is to stay as they are.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Scope } from '../../agent/ctl/client.ts'
import type { LogEntry } from '../../agent/sim/log.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import { luck } from '../wire/mutants.ts'
import { lan, load, profile } from './load.ts'
import { Office } from './office.ts'
import type { Place } from './place.ts'

export interface KillingOptions {
  readonly kills: number
  readonly seed: number
  /** Most changes for each of the two offices that only define: no more than answers are kept (W23). */
  readonly changes: number
}

export interface Killed {
  readonly offices: readonly Office[]
  /** Kills of an agent that was not online yet. */
  readonly inStartUp: number
  /** Kills that an answer came before, in that life of the agent. */
  readonly afterAnswers: number
  /** Entries of the hardware's log when the killing began. */
  readonly began: number
  /** Answered commands that reach a blade, by what was wanted. */
  readonly wanted: { on: number; off: number; resets: number; moves: number }
}

/** Who is where: two that run and are left alone, one that is switched, one that is reset, one that moves. */
export const seats = { running: [1, 2], switched: 3, reset: 4, moved: [5, 6], overridden: 7 } as const

const reset = { kind: 'power', bay: seats.reset, want: 'reset', stop: 'forced' } as const
const movedProfile = `server-${seats.moved[0]}`

/** From the first answer of a life to its end; from its start to its end where none is waited for; between requests. */
const mostMs = { online: 250, startUp: 600, thought: 20 }
/** A move or a start takes several lives of the agent. */
const patienceMs = 240_000

/** The blades and profiles that the killing finds. */
export async function furnish(place: Place): Promise<Office> {
  for (const bay of [6, 7]) await place.backDoor.do('insert', { bay, product: 'ProLiant BL460c G7' })
  await place.start()
  const office = new Office('founder', await place.client('founder'))
  const { running, reset, moved } = seats
  await office.ask(lan)
  for (const bay of [...running, reset, moved[0]]) {
    await office.ask({ kind: 'define-profile', profile: profile(`server-${bay}`, 'as it was founded') })
    const to = { bay }
    await office.ask({
      ...{ kind: 'assign', profile: `server-${bay}` as never, to, when: 'now', preprovision: false, power: 'on' },
    })
  }
  await office.settled({ of: 'chassis' })
  return office
}

export async function killing(place: Place, founder: Office, options: KillingOptions): Promise<Killed> {
  const { kills, seed, changes } = options
  // One for each purpose, so that the kills of a seed do not hang on how fast the managers are.
  const [below, thought] = [luck(seed), luck(seed + 1)]
  const began = (await place.backDoor.log()).length
  const over = new AbortController()
  const open = async (name: string) => new Office(name, await place.client(name))
  const [switcher, resetter, mover, ...definers] = await Promise.all(
    ['switcher', 'resetter', 'mover', 'definer-1', 'definer-2'].map(open),
  )
  if (!switcher || !resetter || !mover) throw new Error('nobody asks')
  const offices = [founder, switcher, resetter, mover, ...definers]
  const wanted = { on: 0, off: 0, resets: 0, moves: 0 }

  /** One after the other, and each is done before the next is asked for, until the killing is over. */
  async function turns(
    office: Office,
    scope: Scope,
    each: (turn: number) => { body: WireCommand; counts: keyof typeof wanted },
  ) {
    for (let turn = 0; !over.signal.aborted; turn++) {
      const { body, counts } = each(turn)
      const { changed } = await office.ask(body)
      if (changed) wanted[counts] += 1
      await office.settled(scope, patienceMs)
    }
  }

  const work = Promise.all([
    turns(switcher, { of: 'bay', bay: seats.switched }, (turn) => {
      const want = turn % 2 === 0 ? 'on' : 'off'
      return { body: { kind: 'power', bay: seats.switched, want, stop: 'forced' }, counts: want }
    }),
    turns(resetter, { of: 'bay', bay: seats.reset }, () => {
      return { body: reset, counts: 'resets' }
    }),
    turns(mover, { of: 'profile', profile: movedProfile }, (turn) => {
      const bay = seats.moved[(turn + 1) % 2] ?? 0
      const how = { when: 'now', stop: 'forced', preprovision: false, force: false } as const
      return {
        body: { kind: 'move', profile: movedProfile as never, to: { bay }, ...how },
        counts: 'moves',
      }
    }),
    ...definers.map((office, n) => {
      const bodies = load({ name: `load-${n}`, number: n, count: changes, bays: n === 0 ? [seats.overridden] : [] })
      return office.askAll(bodies, 3, async () => {
        await pause(thought(mostMs.thought))
        return !over.signal.aborted
      })
    }),
  ])
  // It is awaited below; should it fail before that, the killing ends.
  let failed = false
  work.catch(() => {
    failed = true
  })

  let inStartUp = 0
  let afterAnswers = 0
  for (let kill = 0; kill < kills && !failed; kill++) {
    const early = below(4) === 0
    if (early) {
      if (kill > 0) place.launch()
      const agent = place.agent
      await pause(below(mostMs.startUp))
      if (!/online at/.test(agent.stderr)) inStartUp += 1
    } else {
      const answered = Promise.race(offices.map((office) => office.answered()))
      if (kill > 0) await place.start()
      await Promise.race([answered, work])
      afterAnswers += 1
      await pause(below(mostMs.online))
    }
    await place.kill()
    // So that the chassis drops nothing of its log before it was read.
    if (kill % 10 === 0) await place.backDoor.log()
  }
  over.abort()
  await place.start()
  await work
  // And one that no kill can cost.
  await resetter.ask(reset)
  wanted.resets += 1
  await founder.settled({ of: 'chassis' }, patienceMs)
  return { offices, inStartUp, afterAnswers, began, wanted }
}

/** Everything that happened to the blade of this bay: what it wore, its power, its boots. Looks are not among it. */
export function touchesOf(log: readonly LogEntry[], bay: number): readonly LogEntry[] {
  const touches: readonly LogEntry['kind'][] = ['live', 'dark', 'power', 'no-power', 'halted', 'boot', 'latch', 'cut']
  const changes: readonly string[] = ['write', 'clear', 'show', 'boot', 'power', 'cycle']
  return log.filter(
    (entry) =>
      'bay' in entry &&
      entry.bay === bay &&
      (touches.includes(entry.kind) || (entry.kind === 'command' && changes.includes(entry.request))),
  )
}
