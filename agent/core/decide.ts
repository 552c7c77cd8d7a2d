/**
 * From a command to its one record, or to a refusal. Pure: what is wanted, what is seen and what the hardware can carry
 * go in; effects come out, and nothing happened yet. The order of judgement is SPEC's (W23); for the last part,
 * validity, each command is sent on from here. Effects that change nothing are left out, so that asking twice is
 * unchanged.
 */
import type { ClientId } from './addresses.ts'
import { assign, move, unassign } from './assign.ts'
import type { Command, Envelope } from './command.ts'
import { definePool, defineProfile, removeProfile, takeOver } from './define.ts'
import {
  type Effects,
  isRefused,
  noBay,
  noBlade,
  noProfile,
  one,
  type Refused,
  refusalsOf,
  unchanged,
  type World,
} from './effects.ts'
import { factoryReset } from './factory-reset.ts'
import { judge, makeRoom } from './judge.ts'
import { definePolicy, removePolicy, rescueOf } from './policy.ts'
import { asks } from './pool.ts'
import { type Refusal, refuse } from './reasons.ts'
import type { Change, Origin, StoreRecord } from './record.ts'
import { carryOut } from './rescue.ts'
import { restore } from './restore.ts'
import { type Accepted, bayState, type StoredAnswer, secretsOf } from './state.ts'
import { changeover, overrideBoot, power } from './switch.ts'

export type Decision =
  /** Every reason that was found, the one that counts first; a dry run shows them all. */
  | { readonly is: 'refused'; readonly refusals: readonly [Refusal, ...Refusal[]] }
  | { readonly is: 'repeat'; readonly answer: StoredAnswer }
  | { readonly is: 'accepted'; readonly record: Extract<StoreRecord, { kind: 'command' }> }

export function decide(world: World, command: Command, envelope: Envelope): Decision {
  const { state } = world
  const judged = judge(state, world.moment, command, envelope)
  if (judged.is === 'repeat') return judged
  // No answers of a policy are kept, so none have to make room for it.
  const room = envelope.who.door === 'policy' ? {} : makeRoom(state, envelope.who.client)
  const early = judged.is === 'refused' ? judged.refusal : 'reason' in room ? room : undefined
  if (early && !envelope.dryRun) return { is: 'refused', refusals: [early] }
  const effects = judgeCommand(world, command, envelope.who.client)
  const late = isRefused(effects) ? refusalsOf(effects) : []
  const [first, ...others] = early ? [early, ...late] : late
  if (first || isRefused(effects)) return { is: 'refused', refusals: [first as Refusal, ...others] }
  const changed = effects.changes.length > 0
  const office = effects.changes.find((change) => 'set' in change && change.set === 'office')
  const accepted: Accepted = {
    changed,
    diff: effects.diff,
    revision: effects.stands?.revision ?? state.revision + (changed ? 1 : 0),
    epoch: effects.stands?.epoch ?? (office && 'set' in office && office.set === 'office' ? office.epoch : state.epoch),
    ...(effects.bay !== undefined && { bay: effects.bay }),
    ...(effects.held && { profile: effects.held.profile.id, given: effects.held.given }),
  }
  const { who, request, content, sequence } = envelope
  const origin: Origin = {
    door: who.door,
    client: who.client,
    request,
    content,
    ...(sequence !== undefined && { sequence }),
  }
  const drop = 'reason' in room ? undefined : room.drop
  const dropped: readonly Change[] = drop === undefined ? [] : [{ drop: 'client', id: drop as Origin['client'] }]
  return {
    is: 'accepted',
    record: { kind: 'command', command: command.kind, origin, changes: [...dropped, ...effects.changes], accepted },
  }
}

function judgeCommand(world: World, command: Command, client: ClientId): Effects | Refused {
  const { state } = world
  switch (command.kind) {
    case 'take-over':
      return takeOver(state, command, client)
    case 'define-pool':
      return definePool(state, command.pool)
    case 'remove-pool': {
      const pool = state.pools[command.pool]
      if (!pool) return unchanged
      const user = Object.values(state.profiles).find(({ profile }) =>
        profile.connections.some((connection) =>
          asks(connection).some(({ source }) => source.from === 'pool' && source.pool === command.pool),
        ),
      )
      if (user) return refuse('pool-in-use', `${user.profile.id} draws from pool ${command.pool}; remove it first`)
      return one({ drop: 'pool', id: command.pool }, `pool ${command.pool}: removed`)
    }
    case 'set-secret': {
      const { secret, sealed, mark } = command
      const old = state.secrets[secret]
      if (old?.mark === mark) return unchanged
      return one(
        { set: 'secret', secret: { id: secret, sealed, mark } },
        `secret ${secret}: ${old ? 'replaced' : 'set'}`,
      )
    }
    case 'remove-secret': {
      if (!state.secrets[command.secret]) return unchanged
      const user = Object.values(state.profiles).find(({ profile }) => secretsOf(profile).includes(command.secret))
      if (user) return refuse('secret-in-use', `the boot plan of ${user.profile.id} names ${command.secret}`)
      return one({ drop: 'secret', id: command.secret }, `secret ${command.secret}: removed`)
    }
    case 'define-profile':
      return defineProfile(world, command.profile)
    case 'remove-profile':
      return removeProfile(state, command.profile)
    case 'set-boot-plan': {
      const held = state.profiles[command.profile]
      if (!held) return noProfile(command.profile)
      return defineProfile(world, { ...held.profile, boot: command.boot })
    }
    case 'assign':
      return assign(world, command)
    case 'unassign':
      return unassign(world, command)
    case 'move':
      return move(world, command)
    case 'override-boot':
      return overrideBoot(world, command)
    case 'power':
      return power(world, command)
    case 'reseat': {
      const wrong = noBay(world, command.bay) ?? noBlade(world, command.bay)
      if (wrong) return wrong
      if (!world.hardware.board.backplane.powerCut) {
        return refuse('no-power-cut', `this chassis can not cut bay ${command.bay} alone; pull blade ${command.bay}`)
      }
      return {
        ...one({ set: 'one-shot', bay: command.bay, which: 'reseats' }, `bay ${command.bay}: power is cut and returns`),
        bay: command.bay,
      }
    }
    case 'locate': {
      const wrong = noBay(world, command.bay)
      if (wrong) return wrong
      if (bayState(state, command.bay).locate === command.lit) return unchanged
      const { bay, lit } = command
      return { ...one({ set: 'locate', bay, lit }, `bay ${bay}: locate light ${lit ? 'on' : 'off'}`), bay }
    }
    case 'changeover':
      return changeover(world, command)
    case 'resync': {
      if (command.bay !== undefined) {
        const wrong = noBay(world, command.bay)
        if (wrong) return wrong
      }
      const faulty = Object.entries(state.bays)
        .filter(([bay, { fault }]) => fault && (command.bay === undefined || Number(bay) === command.bay))
        .map(([bay]) => Number(bay))
      const { afresh, diff } = triedAfresh(state, command.bay)
      return {
        changes: [...faulty.map((bay) => ({ drop: 'fault', bay }) as const), ...afresh],
        diff: [...faulty.map((bay) => `bay ${bay}: fault cleared`), ...diff],
      }
    }
    case 'define-policy':
      return definePolicy(world, command.policy)
    case 'remove-policy':
      return removePolicy(state, command.policy)
    case 'rescue':
      return carryOut(world, command)
    case 'restore':
      return restore(world, command)
    case 'factory-reset':
      return factoryReset(world, command)
  }
}

/** A word that clears faults also lets a policy try its spares anew. */
function triedAfresh(
  state: World['state'],
  bay: number | undefined,
): { readonly afresh: readonly Change[]; readonly diff: readonly string[] } {
  const again = Object.entries(state.bays).flatMap(([at, { intent }]) => {
    const rescue = intent && rescueOf(state, intent.profile)
    const due = rescue && rescue.tried.length > 0 && (bay === undefined || Number(at) === bay)
    return due ? [{ profile: intent.profile, rescue: { ...rescue, tried: [] } }] : []
  })
  return {
    afresh: again.map((each) => ({ set: 'rescue', ...each }) as const),
    diff: again.map(({ profile, rescue }) => `policy ${rescue.policy}: may try its spares for ${profile} again`),
  }
}
