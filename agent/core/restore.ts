/**
 * Going on from a backup. On a blank controller, in the chassis that it was made in, all of it is restored; anywhere else
 * it is inert until profiles of it are adopted by name (W22). Pure. A backup is old by an unknown time: what was asked
 * for once (a stop, a boot or two from somewhere else) is not asked again, nothing is believed of a blade that can not
 * be seen, and nobody is in office afterwards (W15).
 */
import type { ProfileId, SecretId } from './addresses.ts'
import { type Bay, type Blade, canonical } from './blade.ts'
import type { Command } from './command.ts'
import { clashOf, takenBy } from './define.ts'
import { type Effects, isRefused, type Refused, refusalsOf, seenBlade, type World } from './effects.ts'
import { unexplained, unrecordedWear } from './external.ts'
import { flawsOf } from './policy.ts'
import { asks, checkPool, give, mark, overlaps } from './pool.ts'
import type { Connection, Profile } from './profile.ts'
import { checkProfile } from './profile-rules.ts'
import { type Refusal, refuse } from './reasons.ts'
import { apply, type Change, type RestoredBay } from './record.ts'
import { type BayState, type Doubt, firstToken, type Held, type State, secretsOf } from './state.ts'
import { forced } from './token.ts'

/** What a backup holds, once its text was read. */
export interface Backup {
  /** Serial of the chassis that it was made in, as its backplane told it. */
  readonly serial: string
  /** What that chassis held, without its answers. Its secrets are those that came along, sealed for this chassis. */
  readonly state: State
  /** Secrets that it does not give away: left out, or under a passphrase that was not said (W16). */
  readonly missing: readonly SecretId[]
}

type Restore = Extract<Command, { kind: 'restore' }>

export function restore(world: World, command: Restore): Effects | Refused {
  if (command.here === '') return refuse('bay-unknown', 'the serial of this chassis was not read yet; try again')
  const flaw = flawOf(command.backup.state)
  if (flaw !== undefined) {
    const say = `the backup contradicts itself: ${flaw}`
    return refuse('field-invalid', say, [{ field: 'restore.backup', say: flaw }])
  }
  return command.profiles === 'all' ? restoreAll(world, command) : adoptAll(world, command, command.profiles)
}

/** Nothing was ever bound here, so that nothing can be contradicted. */
export function isBlank({ profiles, pools, secrets, policies, bays, doubts, floor }: State): boolean {
  const isEmpty = (many: object) => Object.keys(many).length === 0
  const isBound = Object.values(bays).some(({ intent }) => intent)
  return (
    isEmpty(profiles) &&
    isEmpty(pools) &&
    isEmpty(secrets) &&
    isEmpty(policies ?? {}) &&
    doubts.length === 0 &&
    floor === 0 &&
    !isBound
  )
}

const isOwn = ({ state }: World, { backup, here }: Restore): boolean =>
  backup.serial === here && backup.state.board === state.board

// ── All of it ───────────────────────────────────────────────────────────────────────────────────────────────────────

function restoreAll(world: World, command: Restore): Effects | Refused {
  const { state } = world
  const { backup, here } = command
  const past = backup.state
  const names = Object.keys(past.profiles).join(', ') || 'it has none'
  if (!isOwn(world, command)) {
    return refuse(
      'backup-inert',
      `the backup is of ${past.board} ${backup.serial}, and this is ${state.board} ${here}; adopt its profiles by name, with force: ${names}`,
    )
  }
  if (!isBlank(state) || (past.incarnation === state.incarnation && state.revision >= past.revision)) {
    return refuse(
      'not-blank',
      `this chassis stands at revision ${state.revision} of its own; name what is wanted of the backup's revision ${past.revision}: ${names}`,
    )
  }
  const hidden = hiddenBays(world)
  const [first, ...others] = hidden.map((bay) =>
    refuse('bay-unknown', `what runs in bay ${bay} can not be seen; wait, pull blade ${bay}, or reseat bay ${bay}`),
  )
  if (first) return [first, ...others]
  const strange = Object.keys(past.bays).find((bay) => !hasBay(world, Number(bay)))
  if (strange !== undefined) return refuse('no-such-bay', `the backup tells of bay ${strange}, which is not here`)
  const clashes = Object.values(past.profiles).flatMap(({ profile, given }) => {
    const clash = clashOf(profile, given, [], world.observed)
    return clash ? [clash] : []
  })
  const [clash, ...more] = clashes
  if (clash) return [clash, ...more]

  const recorded = [...contents(world, past), ...past.doubts.map((doubt) => found(world, doubt))]
  const epoch = Math.max(state.epoch, past.epoch) + 1
  const lineages = { ...state.lineages }
  for (const [lineage, number] of Object.entries(past.lineages))
    lineages[lineage] = Math.max(number, lineages[lineage] ?? 0)
  const authority: Change = { set: 'authority', epoch, floor: Math.max(state.floor, past.floor), lineages }
  const changes = [...recorded, authority]
  const restored = changes.reduce(apply, state)
  const worn = wornUnrecorded(world, restored)
  return {
    changes: [...changes, ...external(world, restored), ...worn.map((doubt) => ({ set: 'doubt', doubt }) as const)],
    diff: [
      ...contentsLines(past),
      ...missingLines(backup, Object.values(past.profiles)),
      ...worn.map(wornLine),
      lead(epoch, state),
    ],
    stands: { epoch },
  }
}

const lead = (epoch: number, { epoch: before }: State) => `epoch: ${before} → ${epoch}, nobody in office`
const wornLine = ({ profile, bay }: Doubt) => `bay ${bay}: wears ${profile} now, and is in doubt`
const hasBay = ({ hardware }: World, bay: Bay) => hardware.board.bays.some((each) => each.bay === bay)

/** Bays that may run as somebody and can not be asked as who (W1): unknown is not empty. */
function hiddenBays({ hardware, observed }: World): readonly Bay[] {
  return hardware.board.bays.flatMap(({ bay }) => {
    const sight = observed.bays[bay]
    if (!sight || sight.slot === 'unknown') return [bay]
    return sight.slot.presence === 'present' && sight.slot.powerGood && !seenBlade(sight) ? [bay] : []
  })
}

/** Pools, secrets, policies, profiles and bays, each as it was; but no rescue that a policy had under way then. */
function contents({ state }: World, past: State): readonly Change[] {
  const revision = state.revision + 1
  return [
    ...Object.values(past.pools).map((pool) => ({ set: 'pool', pool }) as const),
    ...Object.values(past.secrets).map((secret) => ({ set: 'secret', secret }) as const),
    ...Object.values(past.policies ?? {}).map((left) => ({ set: 'policy', left: { ...left, revision } }) as const),
    ...Object.values(past.profiles).map((held) => ({ set: 'profile', held: { ...held, revision } }) as const),
    ...Object.entries(past.bays).map(
      ([bay, own]) => ({ set: 'bay', bay: Number(bay), own: wantedOf(own, revision) }) as const,
    ),
  ]
}

/**
 * What is wanted of a bay and goes on being wanted. Not that a blade be stopped, which was asked once (W5), nor boots
 * from somewhere else that are counted: whether they were made since is not known, and a second one may install anew.
 */
function wantedOf({ intent, power, unexplained, fault, override }: BayState, revision: number): RestoredBay {
  return {
    ...(intent && { intent: { ...intent, revision } }),
    ...(power && { power }),
    ...(unexplained && { unexplained }),
    ...(fault && { fault }),
    ...(override && override.left === undefined && { override: { target: override.target } }),
  }
}

/** A doubt goes by the blade's serial (W6): where that blade is seen now, it is in doubt now. */
function found({ observed }: World, doubt: Doubt): Change {
  for (const [bay, { slot }] of Object.entries(observed.bays)) {
    const isThere = slot !== 'unknown' && slot.presence === 'present' && slot.serial === doubt.serial
    if (isThere) return { set: 'doubt', doubt: { ...doubt, bay: Number(bay) } }
  }
  return { set: 'doubt', doubt }
}

/** Addresses of its pools that blades use now and that it does not tell of: given to nobody from this record on (I1). */
function external({ observed }: World, restored: State): readonly Change[] {
  const changes: Change[] = []
  let state = restored
  for (const sight of Object.values(observed.bays)) {
    const blade = seenBlade(sight)
    for (let found = blade && unexplained(state, blade); blade && found; found = unexplained(state, blade)) {
      const pool = state.pools[found.pool]
      if (!pool) break
      const change: Change = {
        set: 'pool',
        pool: found.addresses.reduce((all, address) => mark(all, address, 'external'), pool),
      }
      changes.push(change)
      state = apply(state, change)
    }
  }
  return changes
}

/**
 * Profiles of the backup that blades wear now and that it does not tell of: they were moved since. In doubt in the same
 * record, so that no other bay is armed with them before (I1).
 */
function wornUnrecorded({ observed, hardware }: World, restored: State): readonly Doubt[] {
  const worn: Doubt[] = []
  let state = restored
  const seen = Object.entries(observed.bays).flatMap(([bay, sight]): readonly (readonly [Bay, Blade])[] => {
    const blade = seenBlade(sight)
    return blade ? [[Number(bay), blade]] : []
  })
  for (const [bay, blade] of seen) {
    let doubt = unrecordedWear({ ...state, bays: {} }, bay, blade, hardware)
    while (doubt) {
      worn.push(doubt)
      state = apply(state, { set: 'doubt', doubt })
      doubt = unrecordedWear({ ...state, bays: {} }, bay, blade, hardware)
    }
  }
  return worn
}

function contentsLines({ pools, secrets, policies, profiles, bays, doubts }: State): readonly string[] {
  return [
    ...Object.keys(pools).map((id) => `pool ${id}: added`),
    ...Object.keys(secrets).map((id) => `secret ${id}: added`),
    ...Object.keys(policies ?? {}).map((id) => `policy ${id}: added`),
    ...Object.keys(profiles).map((id) => `profile ${id}: added`),
    ...Object.entries(bays).flatMap(([bay, { intent, power, override }]) => [
      ...(intent ? [`bay ${bay}: profile none → ${intent.profile}`] : []),
      ...(power ? [`bay ${bay}: power ${power}`] : []),
      ...(override?.left === undefined ? [] : [`bay ${bay}: boot override ${override.target} is over`]),
    ]),
    ...doubts
      .filter(({ profile, bay }) => bays[bay]?.intent?.profile !== profile)
      .map(({ profile, bay, serial }) => `bay ${bay}: blade ${serial} may still be live as ${profile}`),
  ]
}

function missingLines({ missing }: Backup, held: readonly Held[]): readonly string[] {
  return missing.flatMap((id) => {
    const users = held.filter(({ profile }) => secretsOf(profile).includes(id)).map(({ profile }) => profile.id)
    return users.length > 0 ? [`secret ${id}: not in the backup; ${users.join(', ')} waits until it is set`] : []
  })
}

// ── Profiles by name ────────────────────────────────────────────────────────────────────────────────────────────────

function adoptAll(world: World, command: Restore, names: readonly ProfileId[]): Effects | Refused {
  const changes: Change[] = []
  const diff: string[] = []
  const refusals: Refusal[] = []
  let state = world.state
  let held: Held | undefined
  for (const name of new Set(names)) {
    const adopted = adopt({ ...world, state }, command, name)
    if (isRefused(adopted)) refusals.push(...refusalsOf(adopted))
    else {
      changes.push(...adopted.changes)
      diff.push(...adopted.diff)
      held = adopted.held
      state = adopted.changes.reduce(apply, state)
    }
  }
  const [first, ...others] = refusals
  if (first) return [first, ...others]
  const worn = wornUnrecorded(world, state)
  changes.push(...worn.map((doubt) => ({ set: 'doubt', doubt }) as const))
  diff.push(...worn.map(wornLine))
  return { changes, diff, ...(held && new Set(names).size === 1 && { held }) }
}

/** One profile of a backup, assigned to no bay. Of another life or chassis it is a force, and gets a force's token (W17, W22). */
function adopt(world: World, command: Restore, name: ProfileId): Effects | Refused {
  const { state, observed } = world
  const { backup } = command
  const past = backup.state.profiles[name]
  if (!past) {
    const names = Object.keys(backup.state.profiles).join(', ') || 'none'
    return refuse('no-such-profile', `the backup has no profile ${name}; it has ${names}`)
  }
  const { given } = past
  const others = Object.values(state.profiles).filter(({ profile }) => profile.id !== name)
  const profile = keeping(past, state, others)
  const here = state.profiles[name]
  if (here) {
    const isSame =
      canonical(here.given) === canonical(given) &&
      [past.profile, profile, chosen(past)].some((each) => canonical(each) === canonical(here.profile))
    if (isSame) return { changes: [], diff: [], held: here }
    return refuse('profile-exists', `another profile ${name} is here; remove it first, or leave it out`)
  }
  const token = tokenOf(world, command, past)
  if (typeof token !== 'number') return token
  const clash = clashOf(profile, given, others, observed)
  if (clash) return { ...clash, say: `profile ${name}: ${clash.say}` }
  const held: Held = { profile, given, token, revision: state.revision + 1 }
  const secrets = secretsOf(profile).flatMap((id) => backup.state.secrets[id] ?? [])
  const kept = secrets.filter(({ id, mark }) => state.secrets[id] && state.secrets[id]?.mark !== mark)
  const added = secrets.filter(({ id }) => !state.secrets[id])
  const absent = backup.missing.filter((id) => !state.secrets[id])
  const how = token === past.token ? 'adopted' : `taken by force, token ${past.token} → ${token}`
  return {
    changes: [...added.map((secret) => ({ set: 'secret', secret }) as const), { set: 'profile', held }],
    diff: [
      `profile ${name}: ${how}, from revision ${backup.state.revision} of chassis ${backup.state.chassis}; in no bay`,
      ...(canonical(profile) === canonical(past.profile)
        ? []
        : [`profile ${name}: keeps its addresses as chosen values`]),
      ...added.map(({ id }) => `secret ${id}: added`),
      ...kept.map(({ id }) => `secret ${id}: another one is here, and stays`),
      ...missingLines({ ...backup, missing: absent }, [held]),
    ],
    held,
  }
}

function tokenOf(world: World, command: Restore, past: Held): number | Refusal {
  const { floor } = world.state
  const { id } = past.profile
  const atHome = isOwn(world, command) && command.backup.state.incarnation === world.state.incarnation
  // Its own past, and nothing that came above it is known to be over (W21).
  if (atHome && past.token > floor) return past.token
  if (!command.force) {
    const why = atHome ? `was removed here since` : 'is held by another chassis, or was in another life of this one'
    return refuse('backup-inert', `${id} ${why}; where nothing else wears it, take it with force`)
  }
  const token = forced(Math.max(past.token, floor))
  return Number.isSafeInteger(token)
    ? token
    : refuse('field-invalid', `the token of ${id} can not be raised any further`)
}

/**
 * The profile so that its addresses stay what they are: it goes on drawing from the pools of this chassis where they
 * would give it the very same ones, and has chosen values where they would not.
 */
function keeping(past: Held, { pools }: State, others: readonly Held[]): Profile {
  const again = give(past.profile.connections, pools, new Set(takenBy(others).keys()), past.given)
  return again.ok && canonical(again.given) === canonical(past.given) ? past.profile : chosen(past)
}

function chosen({ profile, given }: Held): Profile {
  const connections = profile.connections.map((connection): Connection => {
    const values = asks(connection).flatMap(({ field, source }) => {
      const value = given[connection.id]?.[field]
      return source.from === 'pool' && value !== undefined ? [[field, { from: 'value', value }] as const] : []
    })
    return { ...connection, ...Object.fromEntries(values) }
  })
  return { ...profile, connections }
}

// ── A backup that somebody wrote by hand ────────────────────────────────────────────────────────────────────────────

/** Why this can not be what a chassis held: sums over its lines prove only that it came as it was sent. */
export function flawOf({ pools, profiles, policies = {}, bays, doubts }: State): string | undefined {
  const specs = Object.values(pools).map(({ spec }) => spec)
  for (const [i, spec] of specs.entries()) {
    const [complaint] = checkPool(spec)
    if (complaint) return `pool ${spec.id}: ${complaint.say}`
    const other = specs.slice(0, i).find((each) => overlaps(each, spec))
    if (other) return `pools ${other.id} and ${spec.id} share addresses`
  }
  const held = Object.values(profiles)
  for (const [i, each] of held.entries()) {
    const { profile, given, token } = each
    const [flaw] = checkProfile(profile)
    if (flaw) return `profile ${profile.id}: ${flaw.say}`
    if (!fits(each)) return `profile ${profile.id} was given other addresses than it asks for`
    if (token < firstToken) return `profile ${profile.id} has the token ${token}`
    const clash = clashOf(profile, given, held.slice(0, i), { bays: {}, interconnects: 'unknown' })
    if (clash) return `profile ${profile.id}: ${clash.say}`
  }
  for (const { policy } of Object.values(policies)) {
    const [flaw] = flawsOf(policy)
    if (flaw) return `policy ${policy.id}: ${flaw.field} ${flaw.say}`
  }
  const assigned = new Set<ProfileId>()
  for (const [bay, { intent }] of Object.entries(bays)) {
    if (!intent) continue
    if (profiles[intent.profile]?.token !== intent.token) return `bay ${bay} is assigned what it does not hold`
    if (assigned.has(intent.profile)) return `profile ${intent.profile} is assigned to two bays`
    assigned.add(intent.profile)
  }
  const stray = doubts.find(({ profile }) => !profiles[profile])
  return stray && `bay ${stray.bay} may be live as ${stray.profile}, which it does not hold`
}

/** Exactly the addresses that its connections ask for, and the chosen ones as they were chosen. */
function fits({ profile: { connections }, given }: Held): boolean {
  if (Object.keys(given).length !== connections.length) return false
  return connections.every((connection) => {
    const own = given[connection.id]
    if (!own) return false
    const asked = asks(connection).filter(({ source }) => source.from !== 'factory')
    return (
      Object.keys(own).length === asked.length &&
      asked.every(({ field, source }) =>
        source.from === 'value' ? own[field] === source.value : own[field] !== undefined,
      )
    )
  })
}
