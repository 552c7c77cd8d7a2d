/**
 * What the judgement of every command has in common: the world that it looks at, what it answers with, and the
 * questions that many commands ask first. Pure.
 */
import type { ProfileId } from './addresses.ts'
import type { Bay, Blade, Observed, Sight } from './blade.ts'
import type { Hardware } from './board.ts'
import type { Moment } from './command.ts'
import { type Refusal, refuse } from './reasons.ts'
import type { Change } from './record.ts'
import type { Held, State } from './state.ts'

/** What is wanted, what is seen, and what the hardware can carry. */
export interface Scene {
  readonly state: State
  readonly observed: Observed
  readonly hardware: Hardware
}

/** What judgement looks at besides the command. */
export interface World extends Scene {
  readonly moment: Moment
}

/** What a command does, and the same in words. */
export interface Effects {
  readonly changes: readonly Change[]
  readonly diff: readonly string[]
  readonly bay?: Bay
  readonly held?: Held
  /** What stands after it, where that is not the same epoch and the next revision. */
  readonly stands?: { readonly epoch: number; readonly revision?: number }
}

/** One reason, or several found in one look; the first is the one that counts. */
export type Refused = Refusal | readonly [Refusal, ...Refusal[]]

export const isRefused = (it: object): it is Refused => 'reason' in it || Array.isArray(it)

export const refusalsOf = (refused: Refused): readonly [Refusal, ...Refusal[]] =>
  'reason' in refused ? [refused] : refused

export const unchanged: Effects = { changes: [], diff: [] }

export const one = (change: Change, line: string): Effects => ({ changes: [change], diff: [line] })

export const noProfile = (id: ProfileId): Refusal =>
  refuse('no-such-profile', `there is no profile ${id}; define it first`)

export function noBay({ hardware }: Scene, bay: Bay): Refusal | undefined {
  const known = hardware.board.bays.some((each) => each.bay === bay)
  return known
    ? undefined
    : refuse('no-such-bay', `this chassis has bays 1 to ${hardware.board.bays.length}, not ${bay}`)
}

/** One-shots are for the blade that is there: they do not wait for one. */
export function noBlade({ observed }: World, bay: Bay): Refusal | undefined {
  const slot = observed.bays[bay]?.slot
  if (slot === undefined || slot === 'unknown' || slot.presence === 'present') return undefined
  if (slot.presence === 'empty') return refuse('bay-empty', `bay ${bay} has no blade; insert one first`)
  return refuse('bay-covered', `the blade of bay ${slot.by} covers bay ${bay}; name bay ${slot.by}`)
}

export const seenBlade = (sight: Sight | undefined): Blade | undefined =>
  sight && sight.blade !== 'unknown' && sight.blade !== 'empty' && !sight.pending ? sight.blade : undefined

export const isOn = (sight: Sight | undefined): boolean =>
  (sight !== undefined && sight.slot !== 'unknown' && sight.slot.presence === 'present' && sight.slot.powerGood) ||
  seenBlade(sight)?.power === 'on'
