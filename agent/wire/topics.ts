/**
 * Where messages go. Every topic is built and read here, so that nothing else splits a topic. Ids can not hold a slash
 * or a wildcard, so that no id can reach into another's topics. `console/` and `claim/` have their places already and
 * are read as nothing until they carry something.
 */
import { type ChassisId, type ClientId, parseId } from '../core/addresses.ts'
import type { Severity } from '../core/views.ts'

const root = 'midplane/v1'

export type Topic =
  | { readonly kind: 'request'; readonly chassis: ChassisId; readonly client: ClientId }
  | { readonly kind: 'response'; readonly chassis: ChassisId; readonly client: ClientId }
  | { readonly kind: 'presence'; readonly chassis: ChassisId }
  | { readonly kind: 'state'; readonly chassis: ChassisId; readonly part: string }
  | { readonly kind: 'event'; readonly chassis: ChassisId; readonly severity: Severity }

/** Topic of something; `as: 'json'` for its form for people (`midplane/v1/{chassis}/json/…`). */
export function topicOf(topic: Topic, as: 'protobuf' | 'json' = 'protobuf'): string {
  const under = `${root}/${topic.chassis}${as === 'json' ? '/json' : ''}`
  switch (topic.kind) {
    case 'request':
      return `${under}/req/${topic.client}`
    case 'response':
      return `${under}/rsp/${topic.client}`
    case 'presence':
      return `${under}/presence`
    case 'state':
      return `${under}/state/${topic.part}`
    case 'event':
      return `${under}/event/${topic.severity}`
  }
}

/** Reads a topic in protobuf form; undefined: none of ours, or one that a later version gave a meaning. */
export function parseTopic(text: string): Topic | undefined {
  const [first, version, chassisText, kind, last, ...rest] = text.split('/')
  if (`${first}/${version}` !== root || chassisText === undefined || rest.length > 0) return undefined
  const chassis: ChassisId | undefined = parseId(chassisText)
  if (chassis === undefined) return undefined
  if (kind === 'presence') return last === undefined ? { kind, chassis } : undefined
  if (last === undefined) return undefined
  switch (kind) {
    case 'req':
    case 'rsp': {
      const client: ClientId | undefined = parseId(last)
      return client && { kind: kind === 'req' ? 'request' : 'response', chassis, client }
    }
    case 'state':
      return isPartName(last) ? { kind, chassis, part: last } : undefined
    case 'event':
      return last === 'info' || last === 'warning' || last === 'critical'
        ? { kind, chassis, severity: last }
        : undefined
    default:
      // A string from outside, not a union of ours.
      return undefined
  }
}

/** Shape of `partName`: what may be asked for, whether or not it exists. */
export function isPartName(text: string): boolean {
  return /^(chassis|health|bay-[1-9]\d{0,3}|controller-[ab]|(profile|pool|policy)-[a-z0-9][a-z0-9-]{0,47})$/.test(text)
}

/** What an agent subscribes to. */
export const requestFilter = (chassis: ChassisId): string => `${root}/${chassis}/req/+`
/** What a manager subscribes to, to see everything that a chassis publishes for all. */
export const chassisFilter = (chassis: ChassisId | '+'): readonly string[] => [
  `${root}/${chassis}/presence`,
  `${root}/${chassis}/state/+`,
  `${root}/${chassis}/event/+`,
]
/** All JSON of a chassis. */
export const jsonFilter = (chassis: ChassisId | '+'): string => `${root}/${chassis}/json/#`
