/**
 * A day in the life of a chassis, as the records that its agent stores: commands of central managers that relieve one
 * another, judged by the real `decide`, and what is noted while obedient hardware does them. The same seed is the same
 * day. It also knows every state in between, so that whatever is found after a power cut can be told to be one of them.
 */
import { essentials, restore } from '../../agent/controller/store/essentials.ts'
import { canonical } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import { flashAlone } from '../../agent/core/command.ts'
import { evolve, type Observation, type StoreRecord } from '../../agent/core/record.ts'
import type { State } from '../../agent/core/state.ts'
import { seeded } from '../controller/store/memory-medium.ts'
import { blade, id, iscsiProfile, Lab, lanProfile, pools, sanProfile } from '../core/lab.ts'

export const chassis = id<'Chassis'>('rack-1')
export const board = 'hp-c7000'

export interface Deed {
  readonly record: StoreRecord
  /** On flash and on what outlives the controller (W10), as the agent asks for it. */
  readonly everywhere: boolean
}

export interface Day {
  readonly seed: number
  readonly deeds: readonly Deed[]
  /** `states[n]` is the state after `n` deeds. */
  readonly states: readonly State[]
}

/** Doubts and where identities are outlive the controller; what a boot did does not have to. */
const outlives: readonly Observation['saw'][] = ['in-doubt', 'let-go', 'left']

const bays = [1, 2, 3, 4, 5, 6] as const
const managers = ['central-a', 'central-b'] as const
const profiles = [sanProfile('web-01'), sanProfile('db-01'), lanProfile('mail'), iscsiProfile('disk-01')] as const
const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** `first` is what the chassis begins with. */
export function dayOf(seed: number, length: number, first: State): Day {
  const below = seeded(seed)
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item
  const lab = new Lab(
    board,
    Array.from({ length: 10 }, (_, i) => i + 7),
  )
  lab.state = first
  const { incarnation } = first
  const deeds: Deed[] = []
  const states: State[] = [lab.state]
  let manager: (typeof managers)[number] | undefined
  let sequence = 0
  let spare = 100

  /** As the store reads it back: through JSON, its members in one order. */
  const note = (deed: Deed): void => {
    deeds.push(deed)
    states.push(evolve(states[states.length - 1] as State, JSON.parse(canonical(deed.record)) as StoreRecord))
  }
  /** What is refused changes nothing and is not stored. */
  const say = (command: Command): boolean => {
    const { state } = lab
    const decision = lab.decide(command, {
      request: `${command.kind}-${deeds.length}`.padStart(12, '0').slice(-36),
      who: { door: 'mqtt', client: id<'Client'>(manager ?? managers[0]) },
      ...(manager && {
        epoch: state.epoch,
        sequence: ++sequence,
        ifRevision: state.revision,
        expect: { incarnation, bootId: lab.moment.bootId, beforeUptimeMs: lab.moment.uptimeMs + 1000 },
      }),
    })
    if (decision.is !== 'accepted') return false
    lab.state = evolve(state, decision.record)
    note({ record: decision.record, everywhere: !flashAlone(command) })
    return true
  }
  const settle = (): void => {
    for (const observation of lab.settle().notes) {
      note({ record: { kind: 'observation', observation }, everywhere: outlives.includes(observation.saw) })
    }
  }
  const takeOver = (): void => {
    const next = manager === managers[0] ? managers[1] : managers[0]
    const { epoch } = lab.state
    const before = manager
    manager = next
    const done = say({ kind: 'take-over', incarnation, observedEpoch: epoch, lineage: next, number: deeds.length })
    if (!done) manager = before
    else sequence = 0
  }
  const seal = (): string => Array.from({ length: 64 }, () => base64[below(64)]).join('')

  const command = (): Command => {
    const { profile, bay } = { profile: pick(profiles), bay: pick(bays) }
    const into = { to: below(6) === 0 ? { any: {} } : { bay }, preprovision: below(4) === 0 } as const
    const stop = pick(['graceful', 'forced'] as const)
    switch (below(14)) {
      case 0:
      case 1:
      case 2:
        return {
          kind: 'assign',
          profile: profile.id,
          ...into,
          when: 'next-off',
          power: pick(['on', 'on', 'off'] as const),
        }
      case 3:
      case 4:
        return { kind: 'move', profile: profile.id, ...into, when: 'now', stop, force: false }
      case 5:
      case 6:
        return { kind: 'unassign', profile: profile.id, when: 'now', stop, force: below(6) === 0 }
      case 7:
        return { kind: 'set-secret', secret: id<'Secret'>('chap'), sealed: seal(), mark: `m${below(1000)}` }
      case 8:
        return { kind: 'define-profile', profile: { ...profile, affinity: pick(['bay', 'model', 'blade'] as const) } }
      case 9:
        return { kind: 'remove-profile', profile: profile.id }
      case 10:
        return { kind: 'power', bay, want: pick(['on', 'off', 'cycle', 'reset'] as const), stop }
      case 11:
        return { kind: 'locate', bay, lit: below(2) === 0 }
      case 12:
        return { kind: 'override-boot', bay, override: { target: 'pxe', lasts: 'once' } }
      default:
        return { kind: 'define-profile', profile }
    }
  }
  /** Hands: a blade is pulled, changed for another, or put back. */
  const hands = (): void => {
    const bay = pick(bays)
    const product = lab.hardware.board.simulated[String(bay)]
    lab.swap(bay, below(3) === 0 || product === undefined ? undefined : blade(lab.hardware, product, ++spare))
  }

  for (const pool of pools) say(pool)
  say({ kind: 'set-secret', secret: id<'Secret'>('chap'), sealed: seal(), mark: 'first' })
  for (const profile of profiles) say({ kind: 'define-profile', profile })
  while (deeds.length < length) {
    const dice = below(50)
    if (dice < 4) takeOver()
    else if (dice < 7) hands()
    else say(command())
    if (below(3) > 0) settle()
  }
  return { seed, deeds: deeds.slice(0, length), states: states.slice(0, length + 1) }
}

/** Deeds that lead to a state: the fewest and the most, where some change nothing. -1: the day did not begin. */
export interface Dates {
  readonly from: number
  readonly to: number
}

/** Finds which of the day's states something is. */
export class Calendar {
  readonly #states = new Map<string, Dates>()
  readonly #essentials = new Map<string, Dates>()

  constructor(states: readonly State[]) {
    // The incarnation is told to nobody before the first start is over: until then it may be drawn anew.
    for (const [at, state] of [...states.slice(0, 1).map(nameless), ...states].entries()) {
      mark(this.#states, JSON.stringify(state), at - 1)
      mark(this.#essentials, textOf(essentials(state)), at - 1)
    }
  }

  /** Absent: it is none of them. */
  dateOf(state: State): Dates | undefined {
    return this.#states.get(JSON.stringify(state)) ?? this.#states.get(JSON.stringify(nameless(state)))
  }

  /** The same for what the chassis EEPROM holds of it. */
  dateOfCopy(map: ReadonlyMap<string, string>): Dates | undefined {
    const date = this.#essentials.get(textOf(map))
    const copy = date === undefined ? restore(map) : undefined
    return copy ? this.#essentials.get(textOf(essentials(nameless(copy)))) : date
  }
}

const nameless = (state: State): State => ({ ...state, incarnation: '' })

function mark(dates: Map<string, Dates>, text: string, at: number): void {
  dates.set(text, { from: dates.get(text)?.from ?? at, to: at })
}

function textOf(map: ReadonlyMap<string, string>): string {
  const own = [...map].filter(([key]) => key !== 'head' && !key.startsWith('chassis-'))
  return JSON.stringify(own.sort(([a], [b]) => (a < b ? -1 : 1)))
}
