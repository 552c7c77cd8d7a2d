/**
 * The body of a request: commands and questions between core and protobuf, in the order of core's union. A secret
 * travels as it is and is sealed on arrival, so that it never stands in a `Command`, a journal or a log (W16).
 */
import type { ProfileId, SecretId } from '../core/addresses.ts'
import type { Command, Stop, Target, When } from '../core/command.ts'
import { eventsListed, type Query } from '../core/reply.ts'
import { overrideTargets, powerStates } from './blade.ts'
import { midplane as pb } from './generated/midplane.js'
import { readPolicy, writePolicy } from './policy.ts'
import { readBootPlan, readPool, readProfile, writeBootPlan, writePool, writeProfile } from './profile.ts'
import { each, given, ifSet, type Numbered, type Reading, type Unset } from './reading.ts'
import { isPartName } from './topics.ts'

const { v1 } = pb

/** A command as it travels: the secret is not sealed yet, and what a policy does is nobody's to send. */
export type WireCommand =
  | Exclude<Command, { readonly kind: 'set-secret' | 'rescue' | 'restore' | 'factory-reset' }>
  | { readonly kind: 'set-secret'; readonly secret: SecretId; readonly value: string }
  | {
      readonly kind: 'restore'
      /** The text, as `backup` gave it. */
      readonly backup: string
      /** Absent: sealed secrets stay where they are. */
      readonly passphrase?: string
      readonly profiles: 'all' | readonly ProfileId[]
      readonly force: boolean
    }
  | { readonly kind: 'factory-reset'; readonly serial: string }
export type Body = WireCommand | Query

type OverrideLasts = NonNullable<Extract<Command, { kind: 'override-boot' }>['override']>['lasts']

const whens: Numbered<When> = { now: v1.When.WHEN_NOW, 'next-off': v1.When.WHEN_NEXT_OFF }
const stops: Numbered<Stop> = {
  no: v1.Stop.STOP_NO,
  graceful: v1.Stop.STOP_GRACEFUL,
  forced: v1.Stop.STOP_FORCED,
}
const powerStops: Numbered<Exclude<Stop, 'no'>> = { graceful: v1.Stop.STOP_GRACEFUL, forced: v1.Stop.STOP_FORCED }
const powerWants: Numbered<Extract<Command, { kind: 'power' }>['want']> = {
  on: v1.PowerAction.POWER_ACTION_ON,
  off: v1.PowerAction.POWER_ACTION_OFF,
  reset: v1.PowerAction.POWER_ACTION_RESET,
  cycle: v1.PowerAction.POWER_ACTION_CYCLE,
}
const spans: Numbered<Extract<OverrideLasts, string>> = {
  once: v1.OverrideSpan.OVERRIDE_SPAN_ONCE,
  always: v1.OverrideSpan.OVERRIDE_SPAN_ALWAYS,
}

/** Which kinds there are: what presence lists under capabilities. A new kind fails to compile here. */
const kinds: Record<Body['kind'], 'command' | 'query'> = {
  'take-over': 'command',
  'define-pool': 'command',
  'remove-pool': 'command',
  'set-secret': 'command',
  'remove-secret': 'command',
  'define-profile': 'command',
  'remove-profile': 'command',
  'set-boot-plan': 'command',
  assign: 'command',
  unassign: 'command',
  move: 'command',
  'override-boot': 'command',
  power: 'command',
  reseat: 'command',
  locate: 'command',
  resync: 'command',
  changeover: 'command',
  restore: 'command',
  'factory-reset': 'command',
  'define-policy': 'command',
  'remove-policy': 'command',
  'read-state': 'query',
  'list-events': 'query',
  'list-reasons': 'query',
  'look-up-request': 'query',
  backup: 'query',
}
export const capabilities: readonly string[] = Object.keys(kinds)

export function isQuery(body: Body): body is Query {
  return kinds[body.kind] === 'query'
}

export function writeBody(body: Body): pb.v1.Request.$Properties {
  switch (body.kind) {
    case 'take-over': {
      const { incarnation, observedEpoch, lineage, number } = body
      return { takeOver: { incarnation, observedEpoch, lineage, number } }
    }
    case 'define-pool':
      return { definePool: { pool: writePool(body.pool) } }
    case 'remove-pool':
      return { removePool: { pool: body.pool } }
    case 'set-secret':
      return { setSecret: { secret: body.secret, value: body.value } }
    case 'remove-secret':
      return { removeSecret: { secret: body.secret } }
    case 'define-profile':
      return { defineProfile: { profile: writeProfile(body.profile) } }
    case 'remove-profile':
      return { removeProfile: { profile: body.profile } }
    case 'set-boot-plan':
      return { setBootPlan: { profile: body.profile, boot: writeBootPlan(body.boot) } }
    case 'assign':
      return {
        assign: {
          profile: body.profile,
          to: writeTarget(body.to),
          when: whens[body.when],
          preprovision: body.preprovision,
          power: body.power === undefined ? null : powerStates[body.power],
        },
      }
    case 'unassign':
      return {
        unassign: { profile: body.profile, when: whens[body.when], stop: stops[body.stop], force: body.force },
      }
    case 'move':
      return {
        move: {
          profile: body.profile,
          to: writeTarget(body.to),
          when: whens[body.when],
          stop: stops[body.stop],
          preprovision: body.preprovision,
          force: body.force,
          power: body.power === undefined ? null : powerStates[body.power],
        },
      }
    case 'override-boot':
      return {
        overrideBoot: {
          bay: body.bay,
          override: ifSet(body.override, ({ target, lasts }) => ({
            target: overrideTargets[target],
            ...(typeof lasts === 'string' ? { span: spans[lasts] } : { boots: lasts.boots }),
          })),
        },
      }
    case 'power':
      return { power: { bay: body.bay, want: powerWants[body.want], stop: powerStops[body.stop] } }
    case 'reseat':
      return { reseat: { bay: body.bay } }
    case 'locate':
      return { locate: { bay: body.bay, lit: body.lit } }
    case 'resync':
      return { resync: { bay: body.bay ?? null } }
    case 'changeover':
      return { changeover: { force: body.force } }
    case 'restore': {
      const { backup, passphrase, profiles, force } = body
      const named = profiles === 'all' ? undefined : profiles
      return {
        restore: {
          ...{ backup, force, passphrase: passphrase ?? null },
          profiles: ifSet(named, (ids) => ({ profiles: [...ids] })),
        },
      }
    }
    case 'factory-reset':
      return { factoryReset: { serial: body.serial } }
    case 'define-policy':
      return { definePolicy: { policy: writePolicy(body.policy) } }
    case 'remove-policy':
      return { removePolicy: { policy: body.policy } }
    case 'read-state':
      return { readState: { part: body.part ?? null } }
    case 'list-events':
      return { listEvents: { since: body.since, limit: body.limit } }
    case 'list-reasons':
      return { listReasons: {} }
    case 'look-up-request':
      return { lookUpRequest: { requestId: body.request } }
    case 'backup':
      return { backup: { passphrase: body.passphrase ?? null } }
  }
}

export function readBody(read: Reading, message: pb.v1.Request.$Properties): Body {
  const { takeOver, definePool, removePool, setSecret, removeSecret, defineProfile, removeProfile } = message
  const { setBootPlan, assign, unassign, move, overrideBoot, power, reseat, locate, resync } = message
  const { definePolicy, removePolicy, changeover } = message
  const { restore, factoryReset } = message
  const { readState, listEvents, listReasons, lookUpRequest, backup } = message
  const identity = { takeOver, definePool, removePool, setSecret, removeSecret, defineProfile, removeProfile }
  const blades = { setBootPlan, assign, unassign, move, overrideBoot, power, reseat, locate, resync }
  const lives = { restore, factoryReset }
  const questions = { readState, listEvents, listReasons, lookUpRequest, backup }
  const one = read.one('body', {
    ...identity,
    ...blades,
    ...lives,
    definePolicy,
    removePolicy,
    changeover,
    ...questions,
  })
  if (one === undefined) return one
  switch (one.name) {
    case 'takeOver':
      return {
        kind: 'take-over',
        incarnation: readIncarnation(read, 'incarnation', one.value.incarnation),
        observedEpoch: read.wide('observed_epoch', one.value.observedEpoch),
        lineage: read.id('lineage', one.value.lineage),
        number: read.wide('number', one.value.number),
      }
    case 'definePool':
      return { kind: 'define-pool', pool: read.part('pool', one.value.pool, (pool) => readPool(read, 'pool', pool)) }
    case 'removePool':
      return { kind: 'remove-pool', pool: read.id('pool', one.value.pool) }
    case 'setSecret':
      return {
        kind: 'set-secret',
        secret: read.id('secret', one.value.secret),
        value: readSecret(read, 'value', one.value.value),
      }
    case 'removeSecret':
      return { kind: 'remove-secret', secret: read.id('secret', one.value.secret) }
    case 'defineProfile': {
      const where = 'profile'
      return {
        kind: 'define-profile',
        profile: read.part(where, one.value.profile, (sent) => readProfile(read, where, sent)),
      }
    }
    case 'removeProfile':
      return { kind: 'remove-profile', profile: read.id('profile', one.value.profile) }
    case 'setBootPlan':
      return {
        kind: 'set-boot-plan',
        profile: read.id('profile', one.value.profile),
        boot: read.part('boot', one.value.boot, (boot) => readBootPlan(read, 'boot', boot)),
      }
    case 'assign':
      return {
        kind: 'assign',
        profile: read.id('profile', one.value.profile),
        to: readTarget(read, 'to', one.value.to),
        when: read.name('when', one.value.when, whens),
        preprovision: one.value.preprovision ?? false,
        ...given('power', read.maybeName('power', one.value.power, powerStates)),
      }
    case 'unassign':
      return {
        kind: 'unassign',
        profile: read.id('profile', one.value.profile),
        when: read.name('when', one.value.when, whens),
        stop: read.name('stop', one.value.stop, stops),
        force: one.value.force ?? false,
      }
    case 'move':
      return {
        kind: 'move',
        profile: read.id('profile', one.value.profile),
        to: readTarget(read, 'to', one.value.to),
        when: read.name('when', one.value.when, whens),
        stop: read.name('stop', one.value.stop, stops),
        preprovision: one.value.preprovision ?? false,
        force: one.value.force ?? false,
        ...given('power', read.maybeName('power', one.value.power, powerStates)),
      }
    case 'overrideBoot': {
      const bay = read.bay('bay', one.value.bay)
      const { override } = one.value
      if (!override) return { kind: 'override-boot', bay }
      const target = read.name('override.target', override.target, overrideTargets)
      return { kind: 'override-boot', bay, override: { target, lasts: readLasts(read, 'override', override) } }
    }
    case 'power':
      return {
        kind: 'power',
        bay: read.bay('bay', one.value.bay),
        want: read.name('want', one.value.want, powerWants),
        stop: readPowerStop(read, 'stop', one.value.stop),
      }
    case 'reseat':
      return { kind: 'reseat', bay: read.bay('bay', one.value.bay) }
    case 'locate':
      return { kind: 'locate', bay: read.bay('bay', one.value.bay), lit: one.value.lit ?? false }
    case 'resync':
      return { kind: 'resync', ...given('bay', read.maybeBay('bay', one.value.bay)) }
    case 'changeover':
      return { kind: 'changeover', force: one.value.force ?? false }
    case 'definePolicy': {
      const where = 'policy'
      return {
        kind: 'define-policy',
        policy: read.part(where, one.value.policy, (sent) => readPolicy(read, where, sent)),
      }
    }
    case 'removePolicy':
      return { kind: 'remove-policy', policy: read.id('policy', one.value.policy) }
    case 'restore': {
      const { profiles } = one.value
      return {
        kind: 'restore',
        backup: readBackupText(read, 'backup', one.value.backup),
        ...given('passphrase', maybePassphrase(read, 'passphrase', one.value.passphrase)),
        profiles: profiles ? readNames(read, 'profiles', profiles.profiles) : 'all',
        force: one.value.force ?? false,
      }
    }
    case 'factoryReset':
      return { kind: 'factory-reset', serial: read.text('serial', one.value.serial, 64) }
    case 'readState':
      return { kind: 'read-state', ...given('part', readPartName(read, 'part', one.value.part)) }
    case 'listEvents':
      return {
        kind: 'list-events',
        since: read.wide('since', one.value.since),
        limit: read.within('limit', one.value.limit, 1, eventsListed),
      }
    case 'listReasons':
      return { kind: 'list-reasons' }
    case 'lookUpRequest':
      return { kind: 'look-up-request', request: readRequestId(read, 'request_id', one.value.requestId) }
    case 'backup':
      return { kind: 'backup', ...given('passphrase', maybePassphrase(read, 'passphrase', one.value.passphrase)) }
  }
}

function writeTarget(target: Target): pb.v1.Target.$Properties {
  if ('bay' in target) return { bay: target.bay }
  const { product, among } = target.any
  return { any: { product: product ?? null, among: ifSet(among, (bays) => ({ bays: [...bays] })) } }
}

function readTarget(read: Reading, at: string, message: pb.v1.Target.$Properties | Unset): Target {
  return read.part(at, message, ({ bay, any }) => {
    const one = read.one(at, { bay, any })
    switch (one?.name) {
      case undefined:
        return one
      case 'bay':
        return { bay: read.bay(`${at}.bay`, one.value) }
      case 'any': {
        const { product, among } = one.value
        const bays = among && each(among.bays, `${at}.among`, (number, where) => read.bay(where, number))
        return {
          any: { ...given('product', read.maybeText(`${at}.product`, product, 64)), ...(bays && { among: bays }) },
        }
      }
    }
  })
}

function readLasts(read: Reading, at: string, { span, boots }: pb.v1.BootOverride.$Properties): OverrideLasts {
  const one = read.one(at, { span, boots })
  switch (one?.name) {
    case undefined:
      return one
    case 'span':
      return read.name(`${at}.span`, one.value, spans)
    case 'boots':
      return { boots: read.within(`${at}.boots`, one.value, 1, 1_000_000) }
  }
}

function readPowerStop(read: Reading, at: string, stop: number | Unset): 'graceful' | 'forced' {
  return stop === v1.Stop.STOP_NO
    ? read.wrong(at, 'may be STOP_GRACEFUL or STOP_FORCED here')
    : read.name(at, stop, powerStops)
}

/** 8 to 36 bytes; printable, because it stands in logs and on consoles (W23). */
export function isRequestId(text: string): boolean {
  return /^[\x21-\x7e]{8,36}$/.test(text)
}

function readRequestId(read: Reading, at: string, text: string | Unset): string {
  return read.shaped(at, text, /^[\x21-\x7e]{8,36}$/, 'a request id: 8 to 36 printable ASCII characters')
}

export function readIncarnation(read: Reading, at: string, text: string | Unset): string {
  return read.shaped(at, text, /^[0-9a-f]{32}$/, 'an incarnation: 32 hex digits')
}

function readPartName(read: Reading, at: string, part: string | Unset): string | undefined {
  if (part === null || part === undefined) return undefined
  return isPartName(part) ? part : read.wrong(at, 'is no part: read the part chassis, which lists them')
}

/** Nothing of a secret is ever said back, not even when it is refused. */
function readSecret(read: Reading, at: string, value: string | Unset): string {
  if (value === null || value === undefined || value === '') return read.missing(at)
  if (new TextEncoder().encode(value).length > 256) return read.wrong(at, 'is longer than 256 bytes')
  return /\p{Cc}/u.test(value) ? read.wrong(at, 'has control characters') : value
}

/** Lines for people: what is wrong in them is found by their sums, and said by line. */
function readBackupText(read: Reading, at: string, text: string | Unset): string {
  if (text === null || text === undefined || text === '') return read.missing(at)
  return /[^\t\n\r\x20-\x7e]/.test(text) ? read.wrong(at, 'is no backup: it has other than printable ASCII') : text
}

function readNames(read: Reading, at: string, ids: readonly string[] | Unset): readonly ProfileId[] {
  const names = each(ids, at, (id, where) => read.id<'Profile'>(where, id))
  return names.length > 0 ? names : read.missing(at, 'is empty: name profiles, or leave it out for all of the backup')
}

/** Nothing of it is ever said back, either. */
function maybePassphrase(read: Reading, at: string, value: string | Unset): string | undefined {
  if (value === null || value === undefined) return undefined
  const { length } = new TextEncoder().encode(value)
  if (length < 8 || length > 256) return read.wrong(at, 'is not 8 to 256 bytes long')
  return /\p{Cc}/u.test(value) ? read.wrong(at, 'has control characters') : value
}
