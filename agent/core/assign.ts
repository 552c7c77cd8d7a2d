/**
 * Commands that bind: a profile to a bay, away from it, or from one bay to another. Pure. What was bound stays in doubt
 * until it is proven let go (W1, W6); only force vouches, and only for what can not be seen.
 */
import type { ProfileId } from './addresses.ts'
import { poweredSerials } from './bay-plan.ts'
import type { Bay } from './blade.ts'
import type { Command, Stop, When } from './command.ts'
import { type Effects, isOn, isRefused, noProfile, type Refused, refusalsOf, seenBlade, type World } from './effects.ts'
import { type Refusal, refuse } from './reasons.ts'
import type { Change } from './record.ts'
import { findSeat, type Seat } from './seat.ts'
import { bayOf, bayState, type Doubt, type Held, type Intent, type State, sameDoubt } from './state.ts'
import { want } from './switch.ts'

export function assign(world: World, command: Extract<Command, { kind: 'assign' }>): Effects | Refused {
  const { state } = world
  const held = state.profiles[command.profile]
  if (!held) return noProfile(command.profile)
  const now = bayOf(state, command.profile)
  const wanted = 'bay' in command.to ? command.to.bay : now
  if (now !== undefined && wanted === now) {
    const changes = [...accept(world, held, now), ...(command.power ? want(world, now, command.power) : [])]
    const powered = changes.some((change) => 'set' in change && change.set === 'power')
    const accepted = changes.some((change) => 'set' in change && change.set === 'intent')
    const diff = [
      ...(accepted ? [`bay ${now}: the blade that is there accepted`] : []),
      ...(powered ? [`bay ${now}: power ${command.power}`] : []),
    ]
    return { changes, diff, bay: now, held }
  }
  if (now !== undefined) return refuse('profile-assigned', `${command.profile} is assigned to bay ${now}; move it`)
  const found = findSeat(world, held, command.to, command)
  if (isRefused(found)) return found
  const { bay } = found
  return {
    changes: [...wear(state, held, found), ...(command.power ? want(world, bay, command.power) : [])],
    diff: [
      `bay ${bay}: profile none → ${command.profile}`,
      ...(command.power ? [`bay ${bay}: power ${command.power}`] : []),
    ],
    bay,
    held,
  }
}

/** Assigning again where it is already accepts the blade that is there now, by the affinity that is wanted now. */
function accept({ state, observed }: World, { profile, token }: Held, bay: Bay): readonly Change[] {
  const { intent } = bayState(state, bay)
  if (!intent) return []
  const { affinity } = profile
  const slot = observed.bays[bay]?.slot
  const there = slot && slot !== 'unknown' && slot.presence === 'present' ? slot : undefined
  const stranger =
    there !== undefined &&
    affinity !== 'bay' &&
    there.serial !== intent.blade?.serial &&
    !(affinity === 'model' && there.product === intent.blade?.product)
  if (!stranger && affinity === intent.affinity) return []
  const blade = stranger ? { serial: there.serial, product: there.product } : intent.blade
  return [{ set: 'intent', bay, intent: { ...intent, token, affinity, ...(blade && { blade }) } }]
}

function wear(state: State, held: Held, { bay, blade, doubt }: Seat): readonly Change[] {
  const intent: Intent = {
    profile: held.profile.id,
    token: held.token,
    affinity: held.profile.affinity,
    revision: state.revision + 1,
    ...(blade && { blade }),
  }
  // The look that placed it may be old. Where a doubt is recorded already, only a new look moves it to another bay (W6).
  const recorded = doubt && state.doubts.find((other) => sameDoubt(other, doubt))
  const moved = recorded !== undefined && recorded.bay !== bay
  return [{ set: 'intent', bay, intent }, ...(doubt && !moved ? [{ set: 'doubt', doubt } as const] : [])]
}

export function unassign(world: World, command: Extract<Command, { kind: 'unassign' }>): Effects | Refused {
  const { state } = world
  const { profile } = command
  const held = state.profiles[profile]
  if (!held) return noProfile(profile)
  const bay = bayOf(state, profile)
  if (bay === undefined) {
    // Not assigned, but in doubt: force is how somebody vouches for what can not be seen any more.
    const doubts = command.force ? unseen(world, profile) : []
    return {
      changes: doubts.map((doubt) => ({ set: 'doubt', doubt: { ...doubt, vouched: true } }) as const),
      diff: doubts.map((doubt) => `bay ${doubt.bay}: ${profile} vouched dark, quarantined`),
      held,
    }
  }
  const left = leave(world, profile, bay, command)
  if ('reason' in left) return left
  const own = bayState(state, bay)
  // The wanted power was the server's: once it has left, the bay does not start by itself with factory addresses.
  const off: readonly Change[] = own.power === 'on' ? [{ set: 'power', bay, power: 'off' }] : []
  return { changes: [...left, ...off], diff: [`bay ${bay}: profile ${profile} → none`], bay, held }
}

interface Leave {
  readonly when: When
  readonly stop: Stop
  readonly force: boolean
}

/** Lets a bay go of its profile: clears the intent; what may be live there stays in doubt until it is proven (W1). */
function leave(world: World, id: ProfileId, bay: Bay, how: Leave): readonly Change[] | Refusal {
  const sight = world.observed.bays[bay]
  const on = isOn(sight)
  if (on && how.when === 'now' && how.stop === 'no') {
    return refuse('blade-powered', `blade ${bay} is on; power bay ${bay} off first, say power-off, or next-off`)
  }
  const changes: Change[] = [{ drop: 'intent', bay }]
  if (how.stop !== 'no' && (on || seenBlade(sight) === undefined)) changes.push({ set: 'stopping', bay, how: how.stop })
  if (how.force) {
    for (const doubt of unseen(world, id)) changes.push({ set: 'doubt', doubt: { ...doubt, vouched: true } })
  }
  return changes
}

/**
 * Doubts that force may vouch for: of blades that can not be seen. What can be seen is proven, not vouched for; and
 * what the backplane shows with power good is not dark, whoever says so.
 */
function unseen({ state, observed }: World, id: ProfileId): readonly Doubt[] {
  const seen = [...Object.values(observed.bays).map((sight) => seenBlade(sight)?.serial), ...poweredSerials(observed)]
  return state.doubts.filter(({ profile, serial, vouched }) => profile === id && !vouched && !seen.includes(serial))
}

/** One record: let go there and wanted here, so that no crash leaves a profile nowhere or twice. */
export function move(world: World, command: Extract<Command, { kind: 'move' }>): Effects | Refused {
  const { state } = world
  const { profile } = command
  const held = state.profiles[profile]
  if (!held) return noProfile(profile)
  const from = bayOf(state, profile)
  if (from === undefined) return refuse('not-assigned', `${profile} is assigned to no bay; assign it`)
  if ('bay' in command.to && command.to.bay === from) {
    const changes = command.power ? want(world, from, command.power) : []
    return { changes, diff: changes.map(() => `bay ${from}: power ${command.power}`).slice(0, 1), bay: from, held }
  }
  const left = leave(world, profile, from, command)
  const found = findSeat(world, held, command.to, command, from)
  if (isRefused(found)) return 'reason' in left ? [left, ...refusalsOf(found)] : found
  if ('reason' in left) return left
  const { bay } = found
  const before = bayState(state, from).power
  const power = command.power ?? before
  const changes: Change[] = [...left, ...wear(state, held, found)]
  if (before === 'on') changes.push({ set: 'power', bay: from, power: 'off' })
  if (power) changes.push(...want(world, bay, power))
  return {
    changes,
    diff: [`bay ${from}: profile ${profile} → none`, `bay ${bay}: profile none → ${profile}`],
    bay,
    held,
  }
}
