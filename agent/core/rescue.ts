/**
 * Server availability without a manager: which blade is dead, whether it can be proven off, which spare takes its
 * profile, and the one record by which it moves. Pure, but for the seconds that somebody counted. A blade is dead only
 * where it can not be running: power good high is never dead, whatever its BMC does or does not say (W5), and what was
 * not seen is not dead either. Nothing here vouches for anything: the old blade is proven off by the same rules as in
 * any move, before the spare is dressed (W1, I1).
 */
import type { ProfileId, Serial } from './addresses.ts'
import { move } from './assign.ts'
import { granted, limits } from './bay-plan.ts'
import type { Bay, Observed, Sight, Slot } from './blade.ts'
import type { Command } from './command.ts'
import {
  type Effects,
  isOn,
  isRefused,
  type Refused,
  refusalsOf,
  type Scene,
  seenBlade,
  type World,
} from './effects.ts'
import { differs } from './plan-off.ts'
import { type Policy, policyFor, rescueOf } from './policy.ts'
import { type Finding, find, type Reason, refuse } from './reasons.ts'
import { findSeat } from './seat.ts'
import { type BayState, bayState, type State } from './state.ts'

/**
 * How a blade is dead: `gone`, out of its bay; `failed`, off after a start that did not come through; `stuck`, told to
 * power on and does not; `silent`, without power and with a BMC that does not answer; `refuses`, off and does not keep
 * what it is told.
 */
export type How = 'gone' | 'failed' | 'stuck' | 'silent' | 'refuses'

export interface Death {
  readonly profile: ProfileId
  readonly bay: Bay
  readonly serial: Serial
  readonly how: How
}

/** The BMC was asked and said nothing: since the agent came up, or in the last look. */
export const isSilent = ({ blade, blind, unheard }: Sight): boolean =>
  blade === 'unknown' && (blind === 'bmc-silent' || (blind === 'agent-started' && unheard === true))

/** `troubles`: what went wrong in the doing in this bay, as the bay shows it. */
export function deathIn({ state, observed }: Scene, bay: Bay, troubles: readonly Reason[] = []): Death | undefined {
  const own = bayState(state, bay)
  const sight = observed.bays[bay]
  const { intent } = own
  // Without a blade so far, a pre-provisioned bay waits for its first one.
  if (!intent?.blade || !sight || sight.slot === 'unknown' || isTold(own) || !shouldRun(own)) return undefined
  const { slot } = sight
  const dead = (serial: Serial, how: How): Death => ({ profile: intent.profile, bay, serial, how })
  switch (slot.presence) {
    case 'covered':
      return undefined
    case 'empty':
      return dead(intent.blade.serial, 'gone')
    case 'present': {
      // It may run: a BMC that is silent, or lies, is no reason to believe otherwise. And a stranger died for nobody.
      if (slot.powerGood || differs(intent, slot)) return undefined
      if (isSilent(sight)) return dead(slot.serial, 'silent')
      if (seenBlade(sight)?.power !== 'off') return undefined
      if (own.fault?.serial === slot.serial) return dead(slot.serial, 'failed')
      if (isAwaited(own, sight, slot)) return dead(slot.serial, 'stuck')
      return troubles.some((each) => each === 'not-taken' || each === 'hardware-refused')
        ? dead(slot.serial, 'refuses')
        : undefined
    }
  }
}

/** Power is wanted; or it ran as this profile, and nobody ever said. Its own system's shut-down is no death (W26). */
function shouldRun({ power, life, intent, unexplained }: BayState): boolean {
  if (unexplained || life?.came === 'wrong') return false
  return power === undefined ? life?.came === 'verified' && life.profile === intent?.profile : power === 'on'
}

/** Somebody just told it something: what comes of that is waited for. */
const isTold = ({ stopping, resets, reseats }: BayState): boolean =>
  stopping !== undefined || resets.wanted > resets.sent || reseats.wanted > reseats.sent

/** Armed, permitted and told to power on. */
const isAwaited = ({ life }: BayState, { asked }: Sight, { permit }: Slot): boolean =>
  life?.came === 'armed' && asked.power?.action === 'on' && granted(permit)

/** Seconds that this death must have been seen for, without a break. */
export function patience(state: State, { profile, bay, how }: Death, { afterSeconds }: Policy): number {
  switch (how) {
    case 'failed':
      // A spare that failed is as off as it ever was, and the server is down already.
      return rescueOf(state, profile)?.tried.includes(bay) ? 0 : afterSeconds
    case 'stuck':
    case 'refuses':
      return Math.max(afterSeconds, 2 * limits.powerLag)
    case 'gone':
    case 'silent':
      return afterSeconds
  }
}

/** AC was lost here, as the latch tells (W26): every BMC boots, and one that is slow is not dead. */
function isBooting({ observed }: Scene, { bay, how }: Death): boolean {
  const slot = observed.bays[bay]?.slot
  if (how !== 'silent' || !slot || slot === 'unknown') return false
  return slot.permit === 'none' || (slot.permit.state === 'denied' && slot.permit.n === 0)
}

/** What a policy makes of a death: a bay to move to, or what it waits for. */
export type Judged = { readonly to: Bay } | { readonly waits: Finding }

export function judgeDeath(scene: Scene, death: Death, policy: Policy): Judged {
  const { profile, bay } = death
  const tried = rescueOf(scene.state, profile)?.tried ?? []
  if (tried.length >= policy.attempts) {
    const say = `policy ${policy.id} gave up on ${profile}: it was tried in ${bayWords(tried)}`
    return { waits: find('rescue-failed', say, `look at the blades, then resync bay ${bay}`) }
  }
  const live = stillLive(scene, death, policy)
  return live ? { waits: live } : spareFor(scene, death, policy)
}

/**
 * Why the profile would wait on the spare: where it may still be live, and nothing that a policy may do proves it off.
 * Then it stays where it is: a spare that can not be dressed helps nobody.
 */
function stillLive({ state, observed, hardware }: Scene, { profile }: Death, policy: Policy): Finding | undefined {
  for (const { serial, bay: last, keeps, kept, vouched } of state.doubts.filter((each) => each.profile === profile)) {
    const there = whereIs(observed, serial)
    const wait = (say: string, remedy: string) => find('rescue-waits', `policy ${policy.id} waits: ${say}`, remedy)
    if (there?.slot.powerGood) {
      return wait(`${profile} may still be live in bay ${there.bay}`, `power bay ${there.bay} off`)
    }
    if (vouched) continue
    if (!there) {
      const say = `blade ${serial}, last in bay ${last}, ${kept ? 'keeps names of' : 'may still be live as'} ${profile}`
      return wait(say, 'put that blade into any bay here, so that it can be cleared')
    }
    const { bay, sight } = there
    if (seenBlade(sight) && !isOn(sight)) continue
    if (keeps || kept) {
      const say = `blade ${bay} keeps names of ${profile} that no cut erases, and its BMC can not clear them`
      return wait(say, `reseat bay ${bay}, so that its BMC answers`)
    }
    if (sight.asked.cut || (policy.cut && hardware.board.backplane.powerCut && isSilent(sight))) continue
    return wait(`nothing proves blade ${bay} off`, `pull blade ${bay}, or reseat bay ${bay}`)
  }
  return undefined
}

function whereIs({ bays }: Observed, serial: Serial) {
  for (const [bay, sight] of Object.entries(bays)) {
    const { slot } = sight
    if (slot !== 'unknown' && slot.presence === 'present' && slot.serial === serial)
      return { bay: Number(bay), sight, slot }
  }
  return undefined
}

/** The first spare, in the policy's order, that is seen off, free, in no doubt, of the same model, and fits. */
function spareFor(scene: Scene, { profile, bay: dead }: Death, { spares }: Policy): Judged {
  const { state, observed, hardware } = scene
  const held = state.profiles[profile]
  const rescue = rescueOf(state, profile)
  const product = bayState(state, dead).intent?.blade?.product
  const why: string[] = []
  for (const bay of spares ?? hardware.board.bays.map((each) => each.bay)) {
    if (!held || bay === dead || bay === rescue?.from || rescue?.tried.includes(bay)) continue
    const own = bayState(state, bay)
    const blade = seenBlade(observed.bays[bay])
    const found = findSeat(scene, held, { bay }, { when: 'now', preprovision: false }, dead)
    const kin = blade?.product === product
    const busy = isBusy(own) || state.doubts.some(({ serial }) => serial === blade?.serial)
    if (kin && !busy && !isRefused(found)) return { to: bay }
    // Of bays that nobody named, only those are worth a word whose blade could have been meant.
    if (!spares && (!kin || own.intent)) continue
    why.push(
      isRefused(found) ? refusalsOf(found)[0].say : kin ? `bay ${bay} is not at rest` : `bay ${bay} has another model`,
    )
  }
  const where = spares ? ` into ${bayWords(spares, 'or')}` : ''
  const because = why.length > 0 ? `: ${why.slice(0, 3).join('; ')}` : ''
  return { waits: find('no-spare', `no spare takes ${profile}${because}`, `insert a ${product} that is off${where}`) }
}

/** Something is under way there, or went wrong there before. */
const isBusy = (own: BayState): boolean =>
  isTold(own) || own.life !== undefined || own.fault !== undefined || own.power === 'on'

const bayWords = (numbers: readonly Bay[], word: 'and' | 'or' = 'and'): string => {
  const last = numbers.at(-1)
  const others = numbers.slice(0, -1)
  return others.length === 0 ? `bay ${last}` : `bays ${others.join(', ')} ${word} ${last}`
}

export type RescueCommand = Extract<Command, { kind: 'rescue' }>

/** What is due now: the command, and the revision that it was judged at, which it quotes (W24). */
export interface Due {
  readonly command: RescueCommand
  readonly revision: number
}

/** `seconds`: for how long this death has been seen. */
export function rescue(scene: Scene, death: Death, seconds: number): Due | undefined {
  const { state } = scene
  const policy = policyFor(state, death.profile, death.bay)
  if (!policy || seconds < Math.max(patience(state, death, policy), isBooting(scene, death) ? limits.bmcBoot : 0))
    return undefined
  const judged = judgeDeath(scene, death, policy)
  // That there is nowhere to go is recorded once, so that the bay shows it; then it is waited for.
  if ('waits' in judged && rescueOf(state, death.profile)) return undefined
  const command = { kind: 'rescue', policy: policy.id, ...death, ...('to' in judged && { to: judged.to }) } as const
  return { command, revision: state.revision }
}

/** Judged once more where commands are judged, on what is there then: a policy has no right to anything else. */
export function carryOut(world: World, command: RescueCommand): Effects | Refused {
  const { state } = world
  const { profile, bay, serial, how, to } = command
  const policy = policyFor(state, profile, bay)
  if (policy?.id !== command.policy) {
    return refuse('no-such-policy', `no policy ${command.policy} speaks for ${profile} in bay ${bay}`)
  }
  const death = deathIn(world, bay, how === 'refuses' ? ['not-taken'] : [])
  if (death?.how !== how || death.serial !== serial || death.profile !== profile) {
    return refuse('rescue-waits', `blade ${bay} is not dead; ${profile} stays there`)
  }
  const judged = judgeDeath(world, death, policy)
  const known = rescueOf(state, profile)
  const judgedAt = `under policy ${policy.id}, judged at revision ${state.revision}`
  const record = {
    policy: policy.id,
    from: known?.from ?? bay,
    serial: known?.serial ?? serial,
    revision: state.revision,
  }
  if ('waits' in judged) {
    if (to !== undefined || known) return refuse('rescue-waits', judged.waits.say)
    return {
      changes: [{ set: 'rescue', profile, rescue: { ...record, tried: [] } }],
      diff: [`bay ${bay}: ${profile} is to be rescued ${judgedAt}`, `bay ${bay}: ${judged.waits.say}`],
      bay,
    }
  }
  if (to !== judged.to) return refuse('rescue-waits', `bay ${judged.to} takes ${profile} now; judge again`)
  const where = { to: { bay: to }, when: 'now', stop: 'no', preprovision: false, force: false, power: 'on' } as const
  const moved = move(world, { kind: 'move', profile, ...where })
  if (isRefused(moved)) return moved
  const tried = [...(known?.tried ?? []), to]
  return {
    ...moved,
    changes: [...moved.changes, { set: 'rescue', profile, rescue: { ...record, tried } }],
    diff: [`rescued ${profile}: bay ${bay} → bay ${to} ${judgedAt}`, ...moved.diff],
    bay,
  }
}

/** What a policy that took a death on still waits for; shown by the bay that the profile is assigned to. */
export function rescueFindings(scene: Scene, bay: Bay, troubles: readonly Reason[] = []): readonly Finding[] {
  const profile = bayState(scene.state, bay).intent?.profile
  if (profile === undefined || !rescueOf(scene.state, profile)) return []
  const policy = policyFor(scene.state, profile, bay)
  const death = policy && deathIn(scene, bay, troubles)
  const judged = death && judgeDeath(scene, death, policy)
  return judged && 'waits' in judged ? [judged.waits] : []
}
