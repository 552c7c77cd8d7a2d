/**
 * Commands that define what the chassis holds: who is in office, pools and profiles. Pure. No address is given twice,
 * and none is taken from a profile that may still be live (I1).
 */
import type { ClientId, ProfileId } from './addresses.ts'
import { canonical, type Observed } from './blade.ts'
import type { Command } from './command.ts'
import { type Effects, one, type Refused, seenBlade, unchanged, type World } from './effects.ts'
import { asks, checkPool, give, overlaps } from './pool.ts'
import type { Profile } from './profile.ts'
import { checkProfile } from './profile-rules.ts'
import { type Refusal, refuse } from './reasons.ts'
import { bayOf, firstToken, type Held, type State } from './state.ts'

export function takeOver(
  state: State,
  command: Extract<Command, { kind: 'take-over' }>,
  client: ClientId,
): Effects | Refused {
  const { incarnation, observedEpoch, lineage, number } = command
  if (incarnation !== state.incarnation) {
    return refuse('other-incarnation', 'this chassis was reset or replaced since; read presence again')
  }
  if (observedEpoch !== state.epoch) {
    return refuse('stale-epoch', `you read epoch ${observedEpoch}, the chassis is at ${state.epoch}; read again`)
  }
  const known = state.lineages[lineage] ?? -1
  if (number < known) {
    return refuse(
      'stale-database',
      `database ${number} of ${lineage} is older than ${known}, which commanded here before`,
    )
  }
  return {
    changes: [{ set: 'office', epoch: state.epoch + 1, office: { client, lineage, number } }],
    diff: [`epoch: ${state.epoch} → ${state.epoch + 1}, ${client} in office`],
  }
}

export function definePool(state: State, spec: Extract<Command, { kind: 'define-pool' }>['pool']): Effects | Refused {
  const complaints = checkPool(spec)
  if (complaints.length > 0) {
    return refuse(
      'field-invalid',
      `pool ${spec.id}: ${complaints[0]?.say}`,
      complaints.map(({ field, say }) => ({ field: `pool.${field}`, say })),
    )
  }
  const old = state.pools[spec.id]
  if (old && canonical(old.spec) === canonical(spec)) return unchanged
  const other = Object.values(state.pools).find((pool) => pool.spec.id !== spec.id && overlaps(pool.spec, spec))
  if (other)
    return refuse('pool-overlap', `pool ${spec.id} shares addresses with pool ${other.spec.id}; choose another range`)
  const user = Object.values(state.profiles).find(({ profile }) =>
    profile.connections.some((connection) =>
      asks(connection).some(({ source }) => source.from === 'pool' && source.pool === spec.id),
    ),
  )
  if (old && user && (old.spec.kind !== spec.kind || canonical(old.spec.range) !== canonical(spec.range))) {
    return refuse('pool-in-use', `${user.profile.id} draws from pool ${spec.id}; define another pool for the new range`)
  }
  return one(
    { set: 'pool', pool: { spec, marks: old?.marks ?? [] } },
    `pool ${spec.id}: ${old ? 'changed' : 'defined'}`,
  )
}

export function defineProfile({ state, observed }: World, profile: Profile): Effects | Refused {
  const flaws = checkProfile(profile)
  if (flaws.length > 0) {
    const violations = flaws.map(({ field, say }) => ({ field: `profile.${field}`, say }))
    return refuse('profile-rule', `profile ${profile.id}: ${flaws[0]?.say}`, violations)
  }
  const old = state.profiles[profile.id]
  if (old && canonical(old.profile) === canonical(profile)) return { ...unchanged, held: old }
  const doubt = state.doubts.find((each) => each.profile === profile.id)
  const bay = bayOf(state, profile.id)
  const identity = ({ connections, uuid, serial }: Profile) => canonical({ connections, uuid, serial })
  if (old && identity(old.profile) !== identity(profile)) {
    if (bay !== undefined) return refuse('profile-assigned', `bay ${bay} wears ${profile.id}; unassign it first`)
    if (doubt)
      return refuse(
        'profile-in-doubt',
        `${profile.id} may still be live in bay ${doubt.bay}; power bay ${doubt.bay} off first`,
      )
  }
  const others = Object.values(state.profiles).filter((held) => held.profile.id !== profile.id)
  const given = give(profile.connections, state.pools, new Set(takenBy(others).keys()), old?.given ?? {})
  if (!given.ok)
    return refuse(given.reason, given.say, [{ field: `profile.connections[${given.connection}]`, say: given.say }])
  const clash = clashOf(profile, given.given, others, observed)
  if (clash) return clash
  const held: Held = {
    profile,
    given: given.given,
    token: old?.token ?? Math.max(firstToken, state.floor + 1),
    revision: state.revision + 1,
  }
  return { ...one({ set: 'profile', held }, `profile ${profile.id}: ${old ? 'changed' : 'defined'}`), held }
}

/** Every address that these profiles were given, and whose it is. */
export function takenBy(others: readonly Held[]): ReadonlyMap<string, string> {
  return new Map(
    others.flatMap((held) =>
      Object.values(held.given).flatMap((given) =>
        Object.values(given).map((address) => [address as string, held.profile.id] as const),
      ),
    ),
  )
}

/** Why a profile with these addresses can not be held beside the others (I1). */
export function clashOf(
  profile: Profile,
  given: Held['given'],
  others: readonly Held[],
  observed: Observed,
): Refusal | undefined {
  const twice = duplicate(given, takenBy(others), observed)
  if (twice) return refuse('duplicate-address', twice)
  const shown = others.find(
    (held) =>
      (profile.uuid !== undefined && held.profile.uuid === profile.uuid) ||
      (profile.serial !== undefined && held.profile.serial === profile.serial),
  )
  if (shown) return refuse('duplicate-address', `${shown.profile.id} has the same UUID or serial; choose another`)
  return undefined
}

/** An address twice: in the profile itself, in another one, or burned into hardware that was seen here (I1). */
function duplicate(given: Held['given'], taken: ReadonlyMap<string, string>, observed: Observed): string | undefined {
  const burned = new Map<string, string>()
  for (const [bay, sight] of Object.entries(observed.bays)) {
    for (const { factory, key } of seenBlade(sight)?.adapters.flatMap(({ functions }) => functions) ?? []) {
      for (const address of [factory.mac, factory.wwpn, factory.wwnn, factory.iqn]) {
        if (address) burned.set(address, `function ${key} of the blade in bay ${bay}`)
      }
    }
  }
  const own = new Map<string, string>()
  for (const [connection, addresses] of Object.entries(given)) {
    for (const [field, address] of Object.entries(addresses) as [string, string][]) {
      const owner = taken.get(address)
      if (owner) return `${address} of connection ${connection} belongs to ${owner}; choose another`
      const hardware = burned.get(address)
      if (hardware)
        return `${address} of connection ${connection} is the factory address of ${hardware}; choose another`
      // One node name may stand behind several ports, and one initiator name behind several sessions.
      const before = own.get(address)
      if (before !== undefined && field !== 'wwnn' && field !== 'iqn') {
        return `${address} is given to connections ${before} and ${connection}; choose another`
      }
      own.set(address, connection)
    }
  }
  return undefined
}

export function removeProfile(state: State, id: ProfileId): Effects | Refused {
  if (!state.profiles[id]) return unchanged
  const bay = bayOf(state, id)
  if (bay !== undefined) return refuse('profile-assigned', `bay ${bay} wears ${id}; unassign it first`)
  const doubt = state.doubts.find(({ profile }) => profile === id)
  if (doubt)
    return refuse('profile-in-doubt', `${id} may still be live in bay ${doubt.bay}; it is removed only when let go`)
  return one({ drop: 'profile', id }, `profile ${id}: removed`)
}
