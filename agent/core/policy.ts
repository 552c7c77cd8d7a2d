/**
 * What a manager may leave behind for the time when nobody commands: which profiles move to a spare when their blade
 * dies, where to, and after how long. Here is the policy itself, how it comes and goes, and which one speaks for a
 * profile; what is dead, and which spare is eligible, is judged in rescue.ts. Pure.
 */
import type { PolicyId, ProfileId, Serial } from './addresses.ts'
import { type Bay, canonical } from './blade.ts'
import { type Effects, noBay, noProfile, type Refused, type Scene, unchanged } from './effects.ts'
import { refuse } from './reasons.ts'
import { bayState, type State } from './state.ts'

export interface Policy {
  readonly id: PolicyId
  /** Absent: every profile that is assigned and may be worn by another blade of its model. */
  readonly profiles?: readonly ProfileId[]
  /** In order of preference. Absent: any free bay, lowest first. */
  readonly spares?: readonly Bay[]
  /** How long a blade must be seen dead, without a break, before its profile moves. 1 to 86,400. */
  readonly afterSeconds: number
  /** Whether the power of a dead blade's bay may be cut, to prove it off where its BMC can not be asked (W8). */
  readonly cut: boolean
  /** Spares tried for one death, 1 to 16. */
  readonly attempts: number
}

export interface LeftPolicy {
  readonly policy: Policy
  /** Revision at which it last changed. */
  readonly revision: number
}

/**
 * One death, and what was done about it: durable, so that whoever restarts goes on and tries no spare twice. It begins
 * with the record of the first move (or of there being nowhere to go), and ends with the record that the profile runs,
 * with an unassign or a move by somebody else, or with its policy.
 */
export interface Rescue {
  readonly policy: PolicyId
  /** Where the blade died, and which one: by its factory serial (W6). */
  readonly from: Bay
  readonly serial: Serial
  /** Spares moved to so far, in order; the last one may still succeed. */
  readonly tried: readonly Bay[]
  /** Revision that the last step was judged at (W24). */
  readonly revision: number
}

export const policyLimits = { afterSeconds: 86_400, attempts: 16, idCharacters: 41 }

/** Who a policy is, in records and events. An id as long as they get, where the policy's own is at most 41 characters. */
export const policyClient = (id: PolicyId): `policy-${string}` => `policy-${id}`

export function policiesOf({ policies }: State): readonly LeftPolicy[] {
  return Object.values(policies ?? {}).sort((a, b) => (a.policy.id < b.policy.id ? -1 : 1))
}

export const rescueOf = ({ rescues }: State, profile: ProfileId): Rescue | undefined => rescues?.[profile]

/**
 * The policy that speaks for a profile in its bay: the one that is at work on it, else one that names it, else one for
 * all, the first by name. Bound to its blade or its bay, a profile moves by no policy, whatever names it.
 */
export function policyFor(state: State, profile: ProfileId, bay: Bay): Policy | undefined {
  const { intent } = bayState(state, bay)
  if (intent?.profile !== profile || intent.affinity !== 'model') return undefined
  const speaking = policiesOf(state)
    .map(({ policy }) => policy)
    .filter(({ profiles }) => profiles === undefined || profiles.includes(profile))
  const atWork = rescueOf(state, profile)?.policy
  return (
    speaking.find(({ id }) => id === atWork) ?? speaking.find(({ profiles }) => profiles !== undefined) ?? speaking[0]
  )
}

/** Whether a policy that is at work on this profile may cut the bay of a blade that it may be live on (W8). */
export function mayCut(state: State, profile: ProfileId): boolean {
  const atWork = rescueOf(state, profile)?.policy
  return atWork !== undefined && state.policies?.[atWork]?.policy.cut === true
}

export function definePolicy(scene: Scene, policy: Policy): Effects | Refused {
  const { state, hardware } = scene
  const { id, profiles, spares, cut } = policy
  const old = state.policies?.[id]
  if (old && canonical(old.policy) === canonical(policy)) return unchanged
  const flaws = flawsOf(policy)
  if (flaws.length > 0) {
    const violations = flaws.map(({ field, say }) => ({ field: `policy.${field}`, say }))
    return refuse('field-invalid', `policy ${id}: ${flaws[0]?.field} ${flaws[0]?.say}`, violations)
  }
  for (const bay of spares ?? []) {
    const wrong = noBay(scene, bay)
    if (wrong) return wrong
  }
  for (const profile of profiles ?? []) {
    const held = state.profiles[profile]
    if (!held) return noProfile(profile)
    const { affinity } = held.profile
    if (affinity !== 'model') {
      const say = `${profile} has affinity ${affinity}, so no other blade wears it unasked; give it affinity model`
      return refuse('field-invalid', say, [{ field: 'policy.profiles', say }])
    }
  }
  if (cut && !hardware.board.backplane.powerCut) {
    return refuse('no-power-cut', `this chassis can not cut one bay; define policy ${id} without cut`)
  }
  return {
    changes: [{ set: 'policy', left: { policy, revision: state.revision + 1 } }],
    diff: [`policy ${id}: ${old ? 'changed' : 'defined'}`],
  }
}

interface Flaw {
  readonly field: string
  readonly say: string
}

export function flawsOf({ id, profiles, spares, afterSeconds, attempts }: Policy): readonly Flaw[] {
  const within = (field: string, value: number, most: number): readonly Flaw[] =>
    Number.isInteger(value) && value >= 1 && value <= most
      ? []
      : [{ field, say: `${value} is not within 1 to ${most}` }]
  const listed = (field: string, list: readonly unknown[] | undefined): readonly Flaw[] => {
    if (list === undefined) return []
    if (list.length === 0) return [{ field, say: 'is an empty list; leave it out for all of them' }]
    return new Set(list).size < list.length ? [{ field, say: 'names one twice' }] : []
  }
  const tooLong = id.length > policyLimits.idCharacters
  return [
    ...(tooLong ? [{ field: 'id', say: `is longer than ${policyLimits.idCharacters} characters` }] : []),
    ...listed('profiles', profiles),
    ...listed('spares', spares),
    ...within('after_seconds', afterSeconds, policyLimits.afterSeconds),
    ...within('attempts', attempts, policyLimits.attempts),
  ]
}

/** What it has under way ends with it: nothing moves any further, and no bay is cut. What was moved stays moved. */
export function removePolicy(state: State, id: PolicyId): Effects | Refused {
  if (!state.policies?.[id]) return unchanged
  const ended = Object.entries(state.rescues ?? {}).filter(([, { policy }]) => policy === id)
  return {
    changes: [
      { drop: 'policy', id },
      ...ended.map(([profile]) => ({ drop: 'rescue', profile: profile as ProfileId }) as const),
    ],
    diff: [`policy ${id}: removed`, ...ended.map(([profile]) => `policy ${id}: moves ${profile} no further`)],
  }
}
