/**
 * Whether a bay can take a profile, and what it would then put in doubt. Pure. Everything that stands against it is
 * told at once, the reason that counts first.
 */
import type { Serial } from './addresses.ts'
import type { Bay, Sight } from './blade.ts'
import type { Target, When } from './command.ts'
import { place } from './dress.ts'
import { isOn, isRefused, noBay, type Refused, refusalsOf, type Scene, seenBlade } from './effects.ts'
import type { Misfit } from './fit.ts'
import type { Profile } from './profile.ts'
import { type Refusal, refuse } from './reasons.ts'
import { bayState, type Doubt, type Held } from './state.ts'

export interface Seat {
  readonly bay: Bay
  readonly doubt?: Doubt
  readonly blade?: { readonly serial: Serial; readonly product: string }
}

export function findSeat(
  world: Scene,
  held: Held,
  to: Target,
  how: { when: When; preprovision: boolean },
  not?: Bay,
): Seat | Refused {
  return 'bay' in to ? seat(world, held, to.bay, how) : seatAny(world, held, to.any, not)
}

/** Whether this bay can take the profile now, and what it then puts in doubt; or everything that stands against it. */
function seat(world: Scene, held: Held, bay: Bay, how: { when: When; preprovision: boolean }): Seat | Refused {
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
  { state }: Scene,
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
  world: Scene,
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
