/** Policies and what they have under way, between core and protobuf. An empty list is told from none, and judged later. */
import { type Policy, policyLimits } from '../core/policy.ts'
import type { PolicyView } from '../core/views.ts'
import type { midplane as pb } from './generated/midplane.js'
import { each, ifSet, type Reading } from './reading.ts'

export function writePolicy({ id, profiles, spares, afterSeconds, cut, attempts }: Policy): pb.v1.Policy.$Properties {
  return {
    id,
    profiles: ifSet(profiles, (all) => ({ profiles: [...all] })),
    spares: ifSet(spares, (bays) => ({ bays: [...bays] })),
    afterSeconds,
    cut,
    attempts,
  }
}

export function readPolicy(read: Reading, at: string, message: pb.v1.Policy.$Properties): Policy {
  const { id, profiles, spares, afterSeconds, cut, attempts } = message
  return {
    id: read.id(`${at}.id`, id),
    ...(profiles && {
      profiles: each(profiles.profiles, `${at}.profiles`, (profile, where) => read.id<'Profile'>(where, profile)),
    }),
    ...(spares && { spares: each(spares.bays, `${at}.spares`, (bay, where) => read.bay(where, bay)) }),
    afterSeconds: read.within(`${at}.after_seconds`, afterSeconds, 1, policyLimits.afterSeconds),
    cut: cut ?? false,
    attempts: read.within(`${at}.attempts`, attempts, 1, policyLimits.attempts),
  }
}

export function writePolicyView({ policy, revision, rescues }: PolicyView): pb.v1.PolicyView.$Properties {
  return {
    policy: writePolicy(policy),
    revision,
    rescues: rescues.map(({ tried, ...rescue }) => ({ ...rescue, tried: [...tried] })),
  }
}

export function readPolicyView(read: Reading, at: string, message: pb.v1.PolicyView.$Properties): PolicyView {
  return {
    policy: read.part(`${at}.policy`, message.policy, (sent) => readPolicy(read, `${at}.policy`, sent)),
    revision: read.wide(`${at}.revision`, message.revision),
    rescues: each(message.rescues, `${at}.rescues`, (rescue, where) => ({
      profile: read.id<'Profile'>(`${where}.profile`, rescue.profile),
      from: read.bay(`${where}.from`, rescue.from),
      serial: read.serial(`${where}.serial`, rescue.serial),
      bay: read.bay(`${where}.bay`, rescue.bay),
      tried: each(rescue.tried, `${where}.tried`, (bay, at) => read.bay(at, bay)),
      revision: read.wide(`${where}.revision`, rescue.revision),
    })),
  }
}
