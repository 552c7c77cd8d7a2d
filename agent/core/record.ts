/**
 * What the journal holds, and how it adds up. A record is an accepted command with its effects, or an observation;
 * one command is one record, so that a crash leaves all of it or none (I2, I6). `evolve` is the only place where state
 * comes from: it judges nothing, so that a newer `decide` reads an older journal the same way.
 */

import type { ClientId, PolicyId, PoolId, ProfileId, SecretId, Serial } from './addresses.ts'
import type { Bay, OverrideTarget } from './blade.ts'
import type { Command, Who } from './command.ts'
import type { LeftPolicy, Rescue } from './policy.ts'
import { mark, type Pool } from './pool.ts'
import {
  type Accepted,
  answersKept,
  type BayState,
  bayState,
  blank,
  type ClientLog,
  type Doubt,
  type Held,
  type Intent,
  type Life,
  type Office,
  type Override,
  type SealedSecret,
  type State,
  type StoredAnswer,
  sameDoubt,
} from './state.ts'

/** One effect of a command on the state. */
export type Change =
  | { readonly set: 'office'; readonly epoch: number; readonly office: Office }
  /** A client whose answers are dropped to make room for another (W23). */
  | { readonly drop: 'client'; readonly id: ClientId }
  | { readonly set: 'pool'; readonly pool: Pool }
  | { readonly drop: 'pool'; readonly id: PoolId }
  | { readonly set: 'secret'; readonly secret: SealedSecret }
  | { readonly drop: 'secret'; readonly id: SecretId }
  | { readonly set: 'profile'; readonly held: Held }
  /** Leaves `floor` at the highest token dropped (W21). */
  | { readonly drop: 'profile'; readonly id: ProfileId }
  | { readonly set: 'intent'; readonly bay: Bay; readonly intent: Intent }
  | { readonly drop: 'intent'; readonly bay: Bay }
  | { readonly set: 'doubt'; readonly doubt: Doubt }
  | { readonly set: 'power'; readonly bay: Bay; readonly power: 'on' | 'off' }
  | { readonly set: 'stopping'; readonly bay: Bay; readonly how: 'graceful' | 'forced' }
  | { readonly drop: 'fault'; readonly bay: Bay }
  | { readonly set: 'one-shot'; readonly bay: Bay; readonly which: 'resets' | 'reseats' }
  | { readonly set: 'override'; readonly bay: Bay; readonly override: Override }
  | { readonly drop: 'override'; readonly bay: Bay }
  | { readonly set: 'locate'; readonly bay: Bay; readonly lit: boolean }
  | { readonly set: 'policy'; readonly left: LeftPolicy }
  | { readonly drop: 'policy'; readonly id: PolicyId }
  | { readonly set: 'rescue'; readonly profile: ProfileId; readonly rescue: Rescue }
  | { readonly drop: 'rescue'; readonly profile: ProfileId }
  /** What a backup says of a bay takes the place of what stood here. Its life is not known by that. */
  | { readonly set: 'bay'; readonly bay: Bay; readonly own: RestoredBay }
  /** From a copy that may lack records: nobody is in office (W15). */
  | { readonly set: 'authority'; readonly epoch: number; readonly floor: number; readonly lineages: State['lineages'] }
  /** Another life of this chassis begins, with nothing but its name (W21). */
  | { readonly set: 'life'; readonly incarnation: string }

export type RestoredBay = Pick<BayState, 'intent' | 'power' | 'unexplained' | 'fault' | 'override'>

/** Something seen or done, noted before it is relied on. */
export type Observation =
  /** A blade is about to be dressed: where, which functions, and what outlives a power loss there. */
  | { readonly saw: 'in-doubt'; readonly bay: Bay; readonly doubt: Doubt; readonly product: string }
  /** Let go (W1), or as much of it as a cut proves: `kept` names profiles of which something outlives that. */
  | {
      readonly saw: 'let-go'
      readonly bay: Bay
      readonly serial: Serial
      readonly profiles: readonly ProfileId[]
      readonly kept: readonly ProfileId[]
      readonly how: 'bare-then-off' | 'cut'
    }
  /** The blade that this bay was about is not there any more. Wanted power holds. */
  | { readonly saw: 'left'; readonly bay: Bay; readonly serial: Serial }
  | {
      readonly saw: 'armed'
      readonly bay: Bay
      readonly n: number
      readonly profile?: ProfileId
      readonly serial: Serial
    }
  | {
      readonly saw: 'verified'
      readonly bay: Bay
      readonly n: number
      readonly profile?: ProfileId
      readonly serial: Serial
    }
  | { readonly saw: 'wrong'; readonly bay: Bay; readonly n: number }
  /** `power` present: from now on wanted (W26). `unexplained`: this board can not tell AC loss. */
  | { readonly saw: 'off'; readonly bay: Bay; readonly power?: 'off'; readonly unexplained?: true }
  | {
      readonly saw: 'post-failed'
      readonly bay: Bay
      readonly n: number
      readonly serial: Serial
      readonly say: string
    }
  | { readonly saw: 'sent'; readonly bay: Bay; readonly which: 'resets' | 'reseats'; readonly count: number }
  | { readonly saw: 'override-set'; readonly bay: Bay; readonly target: OverrideTarget; readonly boots: number }
  | { readonly saw: 'override-used'; readonly bay: Bay }
  /** Addresses of a pool found on hardware that no profile explains. */
  | { readonly saw: 'external'; readonly pool: PoolId; readonly addresses: readonly string[] }

export type Origin = {
  readonly door: Who['door']
  readonly client: ClientId
  readonly request: string
  readonly content: string
  readonly sequence?: number
}

export type StoreRecord =
  | {
      readonly kind: 'command'
      readonly command: Command['kind']
      readonly origin: Origin
      readonly changes: readonly Change[]
      readonly accepted: Accepted
    }
  | { readonly kind: 'observation'; readonly observation: Observation }
  /** A controller leads from here on (W11, W13). */
  | { readonly kind: 'lead'; readonly term: number }

export function evolve(state: State, record: StoreRecord): State {
  switch (record.kind) {
    case 'command': {
      const changed = record.changes.reduce(apply, state)
      return {
        ...changed,
        revision: record.accepted.revision,
        // A policy sends nothing again: what it judged is stale once it is done (I6, W24).
        answers:
          record.origin.door === 'policy'
            ? changed.answers
            : remember(changed.answers, record.origin, record.accepted, record.command === 'take-over'),
      }
    }
    case 'observation':
      return see(state, record.observation)
    case 'lead':
      return { ...state, term: record.term }
  }
}

export function apply(state: State, change: Change): State {
  if ('drop' in change) {
    switch (change.drop) {
      case 'client':
        return { ...state, answers: without(state.answers, change.id) }
      case 'pool':
        return { ...state, pools: without(state.pools, change.id) }
      case 'secret':
        return { ...state, secrets: without(state.secrets, change.id) }
      case 'profile':
        return {
          ...state,
          profiles: without(state.profiles, change.id),
          floor: Math.max(state.floor, state.profiles[change.id]?.token ?? 0),
        }
      case 'intent': {
        // Whoever takes a profile out of its bay ends what a policy had under way; a policy's own move notes it anew.
        const profile = state.bays[change.bay]?.intent?.profile
        const left = profile === undefined ? state : withoutRescue(state, profile)
        return inBay(left, change.bay, ({ intent: _, ...rest }) => rest)
      }
      case 'fault':
        return inBay(state, change.bay, ({ fault: _, ...rest }) => rest)
      case 'override':
        return inBay(state, change.bay, ({ override: _, ...rest }) => rest)
      case 'policy': {
        const { policies, ...rest } = state
        const left = without(policies ?? {}, change.id)
        return Object.keys(left).length > 0 ? { ...rest, policies: left } : rest
      }
      case 'rescue':
        return withoutRescue(state, change.profile)
    }
  }
  switch (change.set) {
    case 'office':
      return {
        ...state,
        epoch: change.epoch,
        office: change.office,
        lineages: { ...state.lineages, [change.office.lineage]: change.office.number },
      }
    case 'pool':
      return { ...state, pools: { ...state.pools, [change.pool.spec.id]: change.pool } }
    case 'secret':
      return { ...state, secrets: { ...state.secrets, [change.secret.id]: change.secret } }
    case 'profile':
      return { ...state, profiles: { ...state.profiles, [change.held.profile.id]: change.held } }
    case 'intent':
      return inBay(state, change.bay, (bay) => ({ ...bay, intent: change.intent }))
    case 'doubt':
      return withDoubt(state, change.doubt)
    case 'power':
      return inBay(state, change.bay, ({ unexplained: _, anew: __, ...bay }) => ({
        ...bay,
        power: change.power,
        ...(change.power === 'on' && bay.life && bay.life.came !== 'armed' && { anew: true as const }),
      }))
    case 'stopping':
      return inBay(state, change.bay, (bay) => ({ ...bay, stopping: change.how }))
    case 'one-shot':
      return inBay(state, change.bay, (bay) => ({
        ...bay,
        [change.which]: { ...bay[change.which], wanted: bay[change.which].wanted + 1 },
      }))
    case 'override':
      return inBay(state, change.bay, (bay) => ({ ...bay, override: change.override }))
    case 'locate':
      return inBay(state, change.bay, (bay) => ({ ...bay, locate: change.lit }))
    case 'policy':
      return { ...state, policies: { ...state.policies, [change.left.policy.id]: change.left } }
    case 'rescue':
      return { ...state, rescues: { ...state.rescues, [change.profile]: change.rescue } }
    case 'bay':
      return inBay(state, change.bay, ({ intent: _, power: __, unexplained: ___, fault: ____, ...bay }) => {
        const { override: _____, ...rest } = bay
        return { ...rest, ...change.own }
      })
    case 'authority': {
      const { office: _, ...rest } = state
      const { epoch, floor, lineages } = change
      return { ...rest, epoch, floor, lineages }
    }
    case 'life':
      return { ...blank(state.chassis, state.board, change.incarnation), term: state.term, epoch: state.epoch + 1 }
  }
}

function see(state: State, seen: Observation): State {
  switch (seen.saw) {
    case 'in-doubt': {
      const { profile, serial } = seen.doubt
      // The first blade that a pre-provisioned bay gets is the one that affinity compares from then on.
      return inBay(withDoubt(state, seen.doubt), seen.bay, (bay) =>
        bay.intent?.profile === profile && !bay.intent.blade
          ? { ...bay, intent: { ...bay.intent, blade: { serial, product: seen.product } } }
          : bay,
      )
    }
    case 'let-go':
      return letGo(state, seen.serial, seen.profiles, seen.kept)
    case 'left': {
      const here = state.doubts.filter((doubt) => doubt.bay === seen.bay && doubt.serial === seen.serial)
      const kept = here.filter((doubt) => doubt.keeps).map((doubt) => doubt.profile)
      const freed = letGo(
        state,
        seen.serial,
        here.map((doubt) => doubt.profile),
        kept,
      )
      return inBay(freed, seen.bay, ({ life, fault, stopping: _, anew: __, ...rest }) => ({
        ...rest,
        ...(life && life.serial !== seen.serial && { life }),
        ...(fault && fault.serial !== seen.serial && { fault }),
      }))
    }
    case 'armed':
      return inBay(state, seen.bay, (bay) => ({ ...bay, n: seen.n, life: lifeOf(seen, 'armed') }))
    case 'verified':
      // The server runs again: this is where a rescue ends.
      return inBay(
        seen.profile ? withoutRescue(state, seen.profile) : state,
        seen.bay,
        ({ fault: _, anew: __, ...bay }) => ({
          ...bay,
          n: Math.max(bay.n, seen.n),
          life: lifeOf(seen, 'verified'),
        }),
      )
    case 'wrong':
      return inBay(state, seen.bay, ({ anew: _, ...bay }) =>
        bay.life ? { ...bay, life: { ...bay.life, came: 'wrong' } } : bay,
      )
    case 'off':
      return inBay(state, seen.bay, ({ life: _, stopping: __, anew, ...bay }) => ({
        ...bay,
        ...(seen.power && !anew && { power: seen.power }),
        ...(seen.unexplained && !anew && { unexplained: true as const }),
      }))
    case 'post-failed':
      return inBay(state, seen.bay, (bay) => ({ ...bay, fault: { say: seen.say, serial: seen.serial } }))
    case 'sent':
      return inBay(state, seen.bay, (bay) => ({ ...bay, [seen.which]: { ...bay[seen.which], sent: seen.count } }))
    case 'override-set':
      return inBay(state, seen.bay, (bay) =>
        bay.override?.target === seen.target ? { ...bay, override: { ...bay.override, setAt: seen.boots } } : bay,
      )
    case 'override-used':
      return inBay(state, seen.bay, ({ override, ...bay }) => {
        if (!override) return bay
        // A newer command came in between: what was used up was not this one.
        if (override.setAt === undefined || override.left === undefined) return { ...bay, override }
        if (override.left <= 1) return bay
        return { ...bay, override: { target: override.target, left: override.left - 1 } }
      })
    case 'external': {
      const pool = state.pools[seen.pool]
      if (!pool) return state
      const marked = seen.addresses.reduce((all, address) => mark(all, address, 'external'), pool)
      return { ...state, pools: { ...state.pools, [seen.pool]: marked } }
    }
  }
}

const lifeOf = (seen: { n: number; profile?: ProfileId; serial: Serial }, came: Life['came']): Life => ({
  n: seen.n,
  came,
  serial: seen.serial,
  ...(seen.profile && { profile: seen.profile }),
})

/** Frees the profiles of this blade; of those in `kept`, what AC loss does not erase stays in doubt (W6). */
function letGo(state: State, serial: Serial, profiles: readonly ProfileId[], kept: readonly ProfileId[]): State {
  const doubts = state.doubts.flatMap((doubt) => {
    if (doubt.serial !== serial || !profiles.includes(doubt.profile)) return [doubt]
    return kept.includes(doubt.profile) ? [{ ...doubt, kept: true }] : []
  })
  return { ...state, doubts }
}

function withDoubt(state: State, doubt: Doubt): State {
  return { ...state, doubts: [...state.doubts.filter((other) => !sameDoubt(other, doubt)), doubt] }
}

function inBay(state: State, bay: Bay, change: (bay: BayState) => BayState): State {
  return { ...state, bays: { ...state.bays, [bay]: change(bayState(state, bay)) } }
}

function withoutRescue(state: State, profile: ProfileId): State {
  if (!state.rescues?.[profile]) return state
  const { rescues, ...rest } = state
  const left = without(rescues, profile)
  return Object.keys(left).length > 0 ? { ...rest, rescues: left } : rest
}

function without<Value>(all: { readonly [key: string]: Value }, key: string): { readonly [key: string]: Value } {
  const { [key]: _, ...rest } = all
  return rest
}

/**
 * Keeps the answer (W23). A take-over drops the answers of everybody else: their epoch is over, so whatever they send
 * again is refused before it could run. Sequences rise within an epoch: those of an earlier one say nothing any more.
 */
function remember(answers: State['answers'], origin: Origin, accepted: Accepted, takenOver: boolean): State['answers'] {
  const old: ClientLog = answers[origin.client] ?? { evicted: 0, answers: [] }
  const all: StoredAnswer[] = [
    ...(takenOver ? old.answers.map(({ sequence: _, ...answer }) => answer) : old.answers),
    {
      request: origin.request,
      content: origin.content,
      accepted,
      ...(origin.sequence !== undefined && { sequence: origin.sequence }),
    },
  ]
  const over = all.length - answersKept
  const gone = over > 0 ? all.slice(0, over) : []
  const evicted = gone.reduce((mark, answer) => Math.max(mark, answer.sequence ?? 0), takenOver ? 0 : old.evicted)
  const log: ClientLog = { evicted, answers: over > 0 ? all.slice(over) : all }
  return takenOver ? { [origin.client]: log } : { ...without(answers, origin.client), [origin.client]: log }
}
