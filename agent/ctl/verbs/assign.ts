/** `assign`, `unassign`, `move`: which bay wears which profile. */
import type { ProfileId } from '../../core/addresses.ts'
import type { Stop, Target } from '../../core/command.ts'
import type { Accepted } from '../../core/state.ts'
import { readBays, Usage } from '../arguments.ts'
import { makeChanges, type Planned } from '../changing.ts'
import type { Scope } from '../client.ts'
import { changeOptions } from '../config.ts'
import type { Context, Verb } from '../context.ts'

const placement = {
  when: { value: 'now|next-off', say: 'now refuses a blade that is on; next-off waits' },
  preprovision: { say: 'also a bay that is empty or can not be seen: dressed when its blade arrives' },
  power: { value: 'on|off', say: 'power wanted from then on' },
  product: { value: 'NAME', say: 'with bay any: only blades of this product' },
  among: { value: 'BAYS', say: 'with bay any: only these bays' },
}
const stopping = {
  'power-off': { say: 'the blade that wears it may be shut down for it' },
  'force-off': { say: 'the blade that wears it may be switched off at once' },
  force: { say: 'vouch that what can not be seen is dark (quarantine)' },
}

export const assign: Verb = {
  name: 'assign',
  forms: ['PROFILE bay N', 'PROFILE bay any [--product NAME] [--among BAYS]'],
  say: 'give a profile to a bay: the blade there wears it',
  examples: ['chassisctl assign web-01 bay 3 --power on --wait', 'chassisctl assign web-02 bay any --dry-run'],
  options: { ...changeOptions, ...placement },
  async run(context) {
    const profile = context.words.id<'Profile'>('profile')
    const to = target(context)
    const body = { kind: 'assign', profile, to, ...placing(context) } as const
    return makeChanges(context, [{ target: `profile ${profile}`, body, scope: profileScope(profile) }], 'one')
  },
}

export const unassign: Verb = {
  name: 'unassign',
  forms: ['PROFILE'],
  say: 'take a profile out of its bay',
  more: 'The blade lets go of its addresses; while it is on, that waits, or say --power-off or --force-off.',
  examples: ['chassisctl unassign web-01 --power-off --wait'],
  options: { ...changeOptions, when: placement.when, ...stopping },
  async run(context) {
    const profile = context.words.id<'Profile'>('profile')
    context.words.end()
    const body = {
      kind: 'unassign',
      profile,
      when: when(context),
      stop: stop(context),
      force: context.has('force'),
    } as const
    return makeChanges(context, [{ target: `profile ${profile}`, body, scope: profileScope(profile) }], 'one')
  },
}

export const move: Verb = {
  name: 'move',
  forms: ['PROFILE bay N', 'PROFILE bay any [--product NAME] [--among BAYS]'],
  say: 'unassign here and assign there, as one change',
  more: 'The old blade lets go first. A blade that is on is stopped only with --power-off or --force-off.',
  examples: ['chassisctl move db-01 bay 4 --power-off', 'chassisctl move db-01 bay any --force'],
  options: { ...changeOptions, ...placement, ...stopping },
  async run(context) {
    const profile = context.words.id<'Profile'>('profile')
    const to = target(context)
    const body = {
      kind: 'move',
      profile,
      to,
      ...placing(context),
      stop: stop(context),
      force: context.has('force'),
    } as const
    return makeChanges(context, [{ target: `profile ${profile}`, body, scope: profileScope(profile) }], 'one')
  },
}

/** Where the profile is from now on; the profile itself where it is in no bay, and then lets go. */
const profileScope =
  (profile: ProfileId): NonNullable<Planned['scope']> =>
  (_accepted: Accepted): Scope => ({ of: 'profile', profile })

function target(context: Context): Target {
  const { words } = context
  const product = context.text('product')
  const among = context.text('among')
  const bay = words.bayOrAny()
  words.end()
  if (bay !== 'any') {
    if (product !== undefined || among !== undefined) throw new Usage('--product and --among go with bay any')
    return { bay }
  }
  return { any: { ...(product !== undefined && { product }), ...(among !== undefined && { among: readBays(among) }) } }
}

const when = (context: Context) => context.choice('when', ['now', 'next-off']) ?? 'now'

function placing(context: Context) {
  const power = context.choice('power', ['on', 'off'])
  return { when: when(context), preprovision: context.has('preprovision'), ...(power && { power }) }
}

function stop(context: Context): Stop {
  const graceful = context.has('power-off')
  const forced = context.has('force-off')
  if (graceful && forced) throw new Usage('say --power-off or --force-off, not both')
  return forced ? 'forced' : graceful ? 'graceful' : 'no'
}
