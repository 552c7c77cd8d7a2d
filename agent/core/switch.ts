/**
 * Commands that switch a blade: wanted power, and the boot override. Pure. They bind no profile; what they want of a
 * bay is wanted until another word, or a blade that shut itself down, says otherwise (W26).
 */
import type { Bay } from './blade.ts'
import type { Command } from './command.ts'
import { type Effects, isOn, noBay, noBlade, one, type Refused, seenBlade, unchanged, type World } from './effects.ts'
import type { BootPlan, Profile } from './profile.ts'
import { refuse } from './reasons.ts'
import type { Change } from './record.ts'
import { bayState } from './state.ts'

/** Wanted power of a bay, where it is not wanted so already. A new word also lifts a fault that waited for one. */
export function want({ state, observed }: World, bay: Bay, power: 'on' | 'off'): readonly Change[] {
  const own = bayState(state, bay)
  const changes: Change[] = []
  // It may have gone off and nobody looked yet; then this word is newer than what will be seen.
  const again = power === 'on' && own.life?.came === 'verified' && !own.anew && !isOn(observed.bays[bay])
  if (own.power !== power || own.unexplained || again) changes.push({ set: 'power', bay, power })
  if (own.fault && power === 'on') changes.push({ drop: 'fault', bay })
  return changes
}

export function power(world: World, command: Extract<Command, { kind: 'power' }>): Effects | Refused {
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

export function overrideBoot(world: World, command: Extract<Command, { kind: 'override-boot' }>): Effects | Refused {
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

/** Changes nothing that is remembered: the term is raised by the one who takes over (W11). */
export function changeover({ moment }: World, { force }: Extract<Command, { kind: 'changeover' }>): Effects | Refused {
  const { standby } = moment
  if (!standby) return refuse('no-standby', 'this chassis has one controller; there is none to change over to')
  if (standby.is === 'absent' || standby.is === 'silent')
    return refuse('no-standby', `the other controller is ${standby.is}; nobody would lead`)
  // Nothing is recorded but the answer: who leads is for the owner line to tell.
  if (standby.is === 'member' || force) return { ...unchanged, diff: ['the other controller leads from now on'] }
  const why = standby.why === undefined ? '' : `: ${standby.why}`
  return refuse('standby-behind', `the other controller does not hold everything (${standby.is})${why}`)
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
