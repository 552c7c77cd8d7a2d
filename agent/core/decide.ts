/**
 * From a command to its one record, or to a refusal. Pure: what is wanted, what is seen and what the hardware can carry
 * go in; effects come out, and nothing happened yet. The order of judgement is SPEC's (W23); the last part, validity,
 * is here, one function for each command. Effects that change nothing are left out, so that asking twice is unchanged.
 */
import type { ClientId, ProfileId, Serial } from './addresses.ts'
import type { Bay, Blade, Observed, Sight } from './blade.ts'
import { canonical } from './blade.ts'
import type { Hardware } from './board.ts'
import type { Command, Envelope, Moment, Stop, Target, When } from './command.ts'
import { place } from './dress.ts'
import type { Misfit } from './fit.ts'
import { judge, makeRoom } from './judge.ts'
import { poweredSerials } from './plan.ts'
import { asks, checkPool, give, overlaps } from './pool.ts'
import type { BootPlan, Profile } from './profile.ts'
import { checkProfile } from './profile-rules.ts'
import { type Refusal, refuse } from './reasons.ts'
import type { Change, Origin, StoreRecord } from './record.ts'
import {
  type Accepted,
  bayOf,
  bayState,
  type Doubt,
  firstToken,
  type Held,
  type Intent,
  type State,
  type StoredAnswer,
  sameDoubt,
  secretsOf,
} from './state.ts'

export type Decision =
  /** Every reason that was found, the one that counts first; a dry run shows them all. */
  | { readonly is: 'refused'; readonly refusals: readonly [Refusal, ...Refusal[]] }
  | { readonly is: 'repeat'; readonly answer: StoredAnswer }
  | { readonly is: 'accepted'; readonly record: Extract<StoreRecord, { kind: 'command' }> }

/** What judgement looks at besides the command. */
export interface World {
  readonly state: State
  readonly observed: Observed
  readonly hardware: Hardware
  readonly moment: Moment
}

export function decide(world: World, command: Command, envelope: Envelope): Decision {
  const { state } = world
  const judged = judge(state, world.moment, command, envelope)
  if (judged.is === 'repeat') return judged
  const room = makeRoom(state, envelope.who.client)
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
    revision: state.revision + (changed ? 1 : 0),
    epoch: office && 'set' in office && office.set === 'office' ? office.epoch : state.epoch,
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

/** What a command does, and the same in words. */
interface Effects {
  readonly changes: readonly Change[]
  readonly diff: readonly string[]
  readonly bay?: Bay
  readonly held?: Held
}

/** One reason, or several found in one look; the first is the one that counts. */
type Refused = Refusal | readonly [Refusal, ...Refusal[]]
const isRefused = (it: object): it is Refused => 'reason' in it || Array.isArray(it)
const refusalsOf = (refused: Refused): readonly [Refusal, ...Refusal[]] => ('reason' in refused ? [refused] : refused)

const unchanged: Effects = { changes: [], diff: [] }
const one = (change: Change, line: string): Effects => ({ changes: [change], diff: [line] })

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
    case 'resync': {
      if (command.bay !== undefined) {
        const wrong = noBay(world, command.bay)
        if (wrong) return wrong
      }
      const faulty = Object.entries(state.bays)
        .filter(([bay, { fault }]) => fault && (command.bay === undefined || Number(bay) === command.bay))
        .map(([bay]) => Number(bay))
      return {
        changes: faulty.map((bay) => ({ drop: 'fault', bay }) as const),
        diff: faulty.map((bay) => `bay ${bay}: fault cleared`),
      }
    }
  }
}

// ── Office, pools, secrets ──────────────────────────────────────────────────────────────────────────────────────

function takeOver(state: State, command: Extract<Command, { kind: 'take-over' }>, client: ClientId): Effects | Refused {
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

function definePool(state: State, spec: Extract<Command, { kind: 'define-pool' }>['pool']): Effects | Refused {
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

// ── Profiles ────────────────────────────────────────────────────────────────────────────────────────────────────

const noProfile = (id: ProfileId): Refusal => refuse('no-such-profile', `there is no profile ${id}; define it first`)

function defineProfile({ state, observed }: World, profile: Profile): Effects | Refused {
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
  const taken = new Map(
    others.flatMap((held) =>
      Object.values(held.given).flatMap((given) =>
        Object.values(given).map((address) => [address as string, held.profile.id] as const),
      ),
    ),
  )
  const given = give(profile.connections, state.pools, new Set(taken.keys()), old?.given ?? {})
  if (!given.ok)
    return refuse(given.reason, given.say, [{ field: `profile.connections[${given.connection}]`, say: given.say }])
  const twice = duplicate(given.given, taken, observed)
  if (twice) return refuse('duplicate-address', twice)
  const shown = others.find(
    (held) =>
      (profile.uuid !== undefined && held.profile.uuid === profile.uuid) ||
      (profile.serial !== undefined && held.profile.serial === profile.serial),
  )
  if (shown) return refuse('duplicate-address', `${shown.profile.id} has the same UUID or serial; choose another`)
  const held: Held = {
    profile,
    given: given.given,
    token: old?.token ?? Math.max(firstToken, state.floor + 1),
    revision: state.revision + 1,
  }
  return { ...one({ set: 'profile', held }, `profile ${profile.id}: ${old ? 'changed' : 'defined'}`), held }
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

function removeProfile(state: State, id: ProfileId): Effects | Refused {
  if (!state.profiles[id]) return unchanged
  const bay = bayOf(state, id)
  if (bay !== undefined) return refuse('profile-assigned', `bay ${bay} wears ${id}; unassign it first`)
  const doubt = state.doubts.find(({ profile }) => profile === id)
  if (doubt)
    return refuse('profile-in-doubt', `${id} may still be live in bay ${doubt.bay}; it is removed only when let go`)
  return one({ drop: 'profile', id }, `profile ${id}: removed`)
}

// ── Bays ────────────────────────────────────────────────────────────────────────────────────────────────────────

const seenBlade = (sight: Sight | undefined): Blade | undefined =>
  sight && sight.blade !== 'unknown' && sight.blade !== 'empty' && !sight.pending ? sight.blade : undefined

const isOn = (sight: Sight | undefined): boolean =>
  (sight !== undefined && sight.slot !== 'unknown' && sight.slot.presence === 'present' && sight.slot.powerGood) ||
  seenBlade(sight)?.power === 'on'

function noBay({ hardware }: World, bay: Bay): Refusal | undefined {
  const known = hardware.board.bays.some((each) => each.bay === bay)
  return known
    ? undefined
    : refuse('no-such-bay', `this chassis has bays 1 to ${hardware.board.bays.length}, not ${bay}`)
}

/** One-shots are for the blade that is there: they do not wait for one. */
function noBlade({ observed }: World, bay: Bay): Refusal | undefined {
  const slot = observed.bays[bay]?.slot
  if (slot === undefined || slot === 'unknown' || slot.presence === 'present') return undefined
  if (slot.presence === 'empty') return refuse('bay-empty', `bay ${bay} has no blade; insert one first`)
  return refuse('bay-covered', `the blade of bay ${slot.by} covers bay ${bay}; name bay ${slot.by}`)
}

function misfitRefusal(profile: Profile, bay: Bay, misfits: readonly Misfit[]): Refusal {
  const first = misfits[0]
  return refuse(
    first?.reason ?? 'adapter-too-small',
    `${profile.id} does not fit bay ${bay}: ${first?.say}`,
    misfits.map(({ connection, say }) => ({
      field: connection ? `profile.connections[${connection}]` : 'profile',
      say,
    })),
  )
}

interface Seat {
  readonly bay: Bay
  readonly doubt?: Doubt
  readonly blade?: { readonly serial: Serial; readonly product: string }
}

/** Whether this bay can take the profile now, and what it then puts in doubt; or everything that stands against it. */
function seat(world: World, held: Held, bay: Bay, how: { when: When; preprovision: boolean }): Seat | Refused {
  const { state, observed, hardware } = world
  const wrong = noBay(world, bay)
  if (wrong) return wrong
  const against: Refusal[] = []
  const { intent } = bayState(state, bay)
  if (intent) against.push(refuse('bay-taken', `bay ${bay} holds ${intent.profile}; unassign it first`))
  const sight = observed.bays[bay]
  const seat = seatIn(world, held, bay, sight, how, against)
  const blade = seenBlade(sight)
  const placed = blade && place(held.profile, blade, hardware, observed.interconnects)
  if (placed && 'misfits' in placed) against.push(misfitRefusal(held.profile, bay, placed.misfits))
  const [first, ...others] = against
  if (first) return [first, ...others]
  if (!seat || !placed || 'misfits' in placed) return { bay }
  const { profile, token } = held
  const { serial } = seat
  return {
    bay,
    blade: seat,
    doubt: {
      profile: profile.id,
      token,
      bay,
      serial,
      placed: placed.placed,
      keeps: placed.keeps,
      kept: false,
      vouched: false,
    },
  }
}

/** The blade that is there to be seen; what stands against it goes into `against`. Undefined: pre-provisioned. */
function seatIn(
  { state }: World,
  { profile }: Held,
  bay: Bay,
  sight: Sight | undefined,
  how: { when: When; preprovision: boolean },
  against: Refusal[],
): { serial: Serial; product: string } | undefined {
  const slot = sight?.slot
  if (!sight || !slot || slot === 'unknown') {
    if (!how.preprovision) against.push(refuse('bay-unknown', `bay ${bay} can not be seen; wait, or say preprovision`))
    return undefined
  }
  if (slot.presence === 'covered') {
    against.push(refuse('bay-covered', `the blade of bay ${slot.by} covers bay ${bay}; name bay ${slot.by}`))
    return undefined
  }
  if (slot.presence === 'empty') {
    if (!how.preprovision) against.push(refuse('bay-empty', `bay ${bay} has no blade; insert one, or say preprovision`))
    return undefined
  }
  const quarantined = state.doubts.find(({ serial, vouched }) => vouched && serial === slot.serial)
  if (quarantined && quarantined.profile !== profile.id) {
    const say = `bay ${bay} may still be live as ${quarantined.profile}; reseat bay ${bay} or pull blade ${bay}`
    against.push(refuse('bay-quarantined', say))
  }
  if (how.when === 'now' && isOn(sight)) {
    against.push(refuse('blade-powered', `blade ${bay} is on; power bay ${bay} off first, or say next-off`))
  }
  if (!seenBlade(sight)) {
    if (!how.preprovision) {
      against.push(refuse('bay-unknown', `the blade in bay ${bay} does not answer; wait, or say preprovision`))
    }
    return undefined
  }
  const { serial, product } = slot
  return { serial, product }
}

/** `bay any`: the lowest bay with a fitting blade that is off, free and not in doubt. */
function seatAny(
  world: World,
  held: Held,
  rule: { product?: string; among?: readonly Bay[] },
  not?: Bay,
): Seat | Refusal {
  const tried: string[] = []
  for (const { bay } of world.hardware.board.bays) {
    if (bay === not || (rule.among && !rule.among.includes(bay))) continue
    const blade = seenBlade(world.observed.bays[bay])
    if (!blade || (rule.product !== undefined && blade.product !== rule.product)) continue
    if (world.state.doubts.some(({ serial }) => serial === blade.serial) || bayState(world.state, bay).life) continue
    const found = seat(world, held, bay, { when: 'now', preprovision: false })
    if (!isRefused(found)) return found
    tried.push(refusalsOf(found)[0].say)
  }
  const why = tried.length === 0 ? 'no bay has a free blade of that kind' : tried.join('; ')
  return refuse('no-eligible-bay', `no bay takes ${held.profile.id}: ${why}`)
}

function find(
  world: World,
  held: Held,
  to: Target,
  how: { when: When; preprovision: boolean },
  not?: Bay,
): Seat | Refused {
  return 'bay' in to ? seat(world, held, to.bay, how) : seatAny(world, held, to.any, not)
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

/** Wanted power of a bay, where it is not wanted so already. A new word also lifts a fault that waited for one. */
function want({ state, observed }: World, bay: Bay, power: 'on' | 'off'): readonly Change[] {
  const own = bayState(state, bay)
  const changes: Change[] = []
  // It may have gone off and nobody looked yet; then this word is newer than what will be seen.
  const again = power === 'on' && own.life?.came === 'verified' && !own.anew && !isOn(observed.bays[bay])
  if (own.power !== power || own.unexplained || again) changes.push({ set: 'power', bay, power })
  if (own.fault && power === 'on') changes.push({ drop: 'fault', bay })
  return changes
}

function assign(world: World, command: Extract<Command, { kind: 'assign' }>): Effects | Refused {
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
  const found = find(world, held, command.to, command)
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

/**
 * Doubts that force may vouch for: of blades that can not be seen. What can be seen is proven, not vouched for; and
 * what the backplane shows with power good is not dark, whoever says so.
 */
function unseen({ state, observed }: World, id: ProfileId): readonly Doubt[] {
  const seen = [...Object.values(observed.bays).map((sight) => seenBlade(sight)?.serial), ...poweredSerials(observed)]
  return state.doubts.filter(({ profile, serial, vouched }) => profile === id && !vouched && !seen.includes(serial))
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

function unassign(world: World, command: Extract<Command, { kind: 'unassign' }>): Effects | Refused {
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

/** One record: let go there and wanted here, so that no crash leaves a profile nowhere or twice. */
function move(world: World, command: Extract<Command, { kind: 'move' }>): Effects | Refused {
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
  const found = find(world, held, command.to, command, from)
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

// ── Boot and power ──────────────────────────────────────────────────────────────────────────────────────────────

function overrideBoot(world: World, command: Extract<Command, { kind: 'override-boot' }>): Effects | Refused {
  const { state } = world
  const { bay, override } = command
  const wrong = noBay(world, bay)
  if (wrong) return wrong
  const own = bayState(state, bay)
  if (!override) {
    if (!own.override) return { ...unchanged, bay }
    return { ...one({ drop: 'override', bay }, `bay ${bay}: boot override ${own.override.target} → none`), bay }
  }
  const { target, lasts } = override
  if (typeof lasts === 'object' && (!Number.isInteger(lasts.boots) || lasts.boots < 1 || lasts.boots > 100)) {
    return refuse('field-invalid', `an override lasts 1 to 100 boots, not ${lasts.boots}`, [
      { field: 'override_boot.boots', say: '1 to 100' },
    ])
  }
  const profile = own.intent && state.profiles[own.intent.profile]?.profile
  if (profile && !canBoot(profile, target)) {
    return refuse(
      'no-bootable-function',
      `${profile.id} has no connection that boots ${target}; add one to its boot plan`,
    )
  }
  const left = lasts === 'always' ? undefined : lasts === 'once' ? 1 : lasts.boots
  if (own.override && own.override.target === target && own.override.left === left) return { ...unchanged, bay }
  const words = left === undefined ? 'always' : left === 1 ? 'once' : `for ${left} boots`
  return {
    ...one(
      { set: 'override', bay, override: { target, ...(left !== undefined && { left }) } },
      `bay ${bay}: boots ${target} ${words}`,
    ),
    bay,
  }
}

function canBoot(profile: Profile, target: string): boolean {
  const in_ = (...targets: readonly BootPlan['order'][number]['target'][]) =>
    profile.boot.order.some((entry) => targets.includes(entry.target))
  switch (target) {
    case 'remote':
      return in_('fc', 'fcoe', 'iscsi')
    case 'http':
      return in_('http')
    case 'pxe':
      return profile.connections.some(({ kind }) => kind === 'nic' || kind === 'iscsi' || kind === 'fcoe')
    default:
      return true
  }
}

function power(world: World, command: Extract<Command, { kind: 'power' }>): Effects | Refused {
  const { state, observed } = world
  const { bay, want: wanted, stop } = command
  const wrong = noBay(world, bay)
  if (wrong) return wrong
  const own = bayState(state, bay)
  const sight = observed.bays[bay]
  const empty = noBlade(world, bay)
  if (empty?.reason === 'bay-covered') return empty
  // Off, and not about to come on: an arming under way may be faster than this look is old.
  const seenOff = seenBlade(sight) !== undefined && !isOn(sight)
  const off = seenOff && own.life?.came !== 'armed'
  switch (wanted) {
    case 'on': {
      const slot = sight?.slot
      const serial = slot && slot !== 'unknown' && slot.presence === 'present' ? slot.serial : undefined
      const quarantined = state.doubts.find((doubt) => doubt.serial === serial && doubt.vouched)
      if (quarantined)
        return refuse('bay-quarantined', `bay ${bay} may still be live as ${quarantined.profile}; reseat bay ${bay}`)
      const changes = want(world, bay, 'on')
      return { changes, diff: changes.length > 0 ? [`bay ${bay}: power ${own.power ?? 'as it is'} → on`] : [], bay }
    }
    case 'off': {
      const changes: Change[] = [...want(world, bay, 'off')]
      if (!off && own.stopping !== stop && own.stopping !== 'forced') changes.push({ set: 'stopping', bay, how: stop })
      return { changes, diff: changes.length > 0 ? [`bay ${bay}: power ${own.power ?? 'as it is'} → off`] : [], bay }
    }
    case 'cycle':
      return {
        changes: [...want(world, bay, 'on'), ...(off ? [] : [{ set: 'stopping', bay, how: stop } as const])],
        diff: [`bay ${bay}: power cycle`],
        bay,
      }
    case 'reset':
      if (seenOff) return refuse('field-invalid', `blade ${bay} is off; power bay ${bay} on instead`)
      if (empty) return empty
      return { ...one({ set: 'one-shot', bay, which: 'resets' }, `bay ${bay}: reset`), bay }
  }
}
