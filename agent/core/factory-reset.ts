/**
 * The end of one life of a chassis: everything that it held is forgotten, and the next life begins with another
 * incarnation (W21). Pure. It is refused as long as anything is assigned or may still be live, because whoever forgets
 * a wearer gives its addresses twice (I1); what was vouched for with force does not stand in its way. There is no force
 * here: let each profile go by its name first.
 */
import { poweredSerials } from './bay-plan.ts'
import type { Command } from './command.ts'
import { type Effects, type Refused, unchanged, type World } from './effects.ts'
import { type Refusal, refuse } from './reasons.ts'

export function factoryReset(
  { state, observed }: World,
  { serial, here, incarnation }: Extract<Command, { kind: 'factory-reset' }>,
): Effects | Refused {
  if (here === '') return refuse('bay-unknown', 'the serial of this chassis was not read yet; try again')
  // A technician's caps lock does no harm.
  if (serial.toLowerCase() !== here.toLowerCase()) {
    return refuse('other-serial', `this chassis has the serial ${here}, not ${serial}; nothing was done`)
  }
  const assigned = Object.entries(state.bays).flatMap(([bay, { intent }]): readonly Refusal[] =>
    intent ? [refuse('profile-assigned', `bay ${bay} is assigned ${intent.profile}; unassign it first`)] : [],
  )
  const lit = poweredSerials(observed)
  const doubtful = state.doubts
    .filter((doubt) => !doubt.vouched || lit.includes(doubt.serial))
    .filter(({ profile, bay }) => state.bays[bay]?.intent?.profile !== profile)
    .map(({ profile, bay }) =>
      refuse('profile-in-doubt', `${profile} may still be live in bay ${bay}; power bay ${bay} off first`),
    )
  const [first, ...others] = [...assigned, ...doubtful]
  if (first) return [first, ...others]
  if (state.revision === 0) return unchanged
  const count = (many: object, what: string) => `${Object.keys(many).length} ${what}`
  const gone = [count(state.profiles, 'profiles'), count(state.pools, 'pools'), count(state.secrets, 'secrets')]
  return {
    changes: [{ set: 'life', incarnation }],
    diff: [`forgotten: ${gone.join(', ')}`, `incarnation: ${incarnation}`],
    stands: { epoch: state.epoch + 1, revision: 0 },
  }
}
