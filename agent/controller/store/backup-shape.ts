/**
 * Whether a state that came from outside has the shape of one, down to each address: the agent's rules take that for
 * granted, and a record that makes them fail would fail again at each start. What has a form on the wire is sent through
 * that and must come out as it went in, so that there is one reader of profiles and not two.
 */
import { parseId, parseSerial } from '../../core/addresses.ts'
import { canonical } from '../../core/blade.ts'
import type { Mark, Pool } from '../../core/pool.ts'
import type { Allocation } from '../../core/profile.ts'
import { type BayState, type Doubt, emptyBay, type State } from '../../core/state.ts'
import type { WireCommand } from '../../wire/command.ts'
import { decodeRequest, encodeRequest } from '../../wire/request.ts'
import { decodeResponse, encodeResponse } from '../../wire/response.ts'
import { isCount } from './copies.ts'

/** May throw where something is of quite another shape: that is a no. */
export function isSound(state: State): boolean {
  const { chassis, board, incarnation, office, lineages, profiles, pools, policies = {}, bays, doubts } = state
  return (
    isId(chassis) &&
    isText(board) &&
    /^[0-9a-f]{32}$/.test(incarnation) &&
    (office === undefined || (isId(office.client) && isId(office.lineage) && isCount(office.number))) &&
    Object.entries(lineages).every(([lineage, number]) => isId(lineage) && isCount(number)) &&
    Object.entries(profiles).every(
      ([id, { profile, given, token, revision }]) =>
        profile.id === id &&
        isCount(token) &&
        isCount(revision) &&
        isSame({ kind: 'define-profile', profile }) &&
        isAllocation(given),
    ) &&
    Object.entries(pools).every(([id, pool]) => pool.spec.id === id && isPool(pool)) &&
    Object.entries(policies).every(
      ([id, { policy, revision }]) =>
        policy.id === id && isCount(revision) && isSame({ kind: 'define-policy', policy }),
    ) &&
    Object.entries(bays).every(([bay, own]) => isBay(Number(bay)) && isBayState(own)) &&
    doubts.every(isDoubt)
  )
}

const isId = (value: unknown): value is string => typeof value === 'string' && parseId(value) !== undefined
const isText = (value: unknown): value is string => typeof value === 'string' && /^[\x20-\x7e]{1,256}$/.test(value)
const isSerial = (value: unknown): boolean => typeof value === 'string' && parseSerial(value) === value
const isBay = (value: unknown): boolean => isCount(value) && value >= 1 && value <= 9999

function isSame(body: WireCommand): boolean {
  const bytes = encodeRequest({ request: 'the-backup', chassis: 'backup', dryRun: false, body })
  const decoded = decodeRequest(bytes, () => '')
  return 'request' in decoded && canonical(decoded.request.body) === canonical(body)
}

function isAllocation(given: Allocation): boolean {
  const accepted = { changed: false, diff: [], revision: 0, epoch: 0, given }
  const outcome = { kind: 'accepted', accepted, copies: [], singleCopy: false } as const
  const reply = { request: '', epoch: 0, revision: 0, incarnation: '', term: 0, replayed: false, outcome }
  const received = decodeResponse(encodeResponse(reply))
  return 'value' in received && canonical(received.value.outcome) === canonical(outcome)
}

function isPool({ spec, marks }: Pool): boolean {
  const isMark = ({ first, count, state, ...rest }: Mark) =>
    isText(first) &&
    isCount(count) &&
    (state === 'external' || state === 'quarantined') &&
    Object.keys(rest).length === 0
  return marks.every(isMark) && isSame({ kind: 'define-pool', pool: spec })
}

function isBayState({ intent, power, stopping, unexplained, fault, override, ...rest }: BayState): boolean {
  const { n, resets, reseats, locate } = emptyBay
  if (canonical(rest) !== canonical({ n, resets, reseats, locate })) return false
  return (
    (intent === undefined || isIntent(intent)) &&
    (power === undefined || power === 'on' || power === 'off') &&
    (stopping === undefined || stopping === 'graceful' || stopping === 'forced') &&
    (unexplained === undefined || unexplained === true) &&
    (fault === undefined || (isSentence(fault.say) && isSerial(fault.serial))) &&
    (override === undefined || isOverride(override))
  )
}

const isSentence = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= 1000 && !/\p{Cc}/u.test(value)

function isIntent({ profile, token, blade, affinity, revision, ...rest }: NonNullable<BayState['intent']>): boolean {
  return (
    isId(profile) &&
    isCount(token) &&
    isCount(revision) &&
    (affinity === 'bay' || affinity === 'model' || affinity === 'blade') &&
    (blade === undefined || (isSerial(blade.serial) && isSentence(blade.product))) &&
    Object.keys(rest).length === 0
  )
}

function isOverride({ target, left, setAt, ...rest }: NonNullable<BayState['override']>): boolean {
  return (
    ['pxe', 'http', 'local', 'remote', 'setup'].includes(target) &&
    (left === undefined || isCount(left)) &&
    (setAt === undefined || isCount(setAt)) &&
    Object.keys(rest).length === 0
  )
}

function isDoubt({ profile, token, bay, serial, placed, keeps, kept, vouched, ...rest }: Doubt): boolean {
  const isFlag = (value: unknown) => typeof value === 'boolean'
  return (
    isId(profile) &&
    isCount(token) &&
    isBay(bay) &&
    isSerial(serial) &&
    Object.entries(placed).every(([connection, key]) => isId(connection) && isText(key)) &&
    isFlag(keeps) &&
    isFlag(kept) &&
    isFlag(vouched) &&
    Object.keys(rest).length === 0
  )
}
