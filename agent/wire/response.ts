/** Replies between core and protobuf. The agent encodes them, a client's library decodes them. */

import { type Reason, type Refusal, reasons, statusNumber } from '../core/reasons.ts'
import type { Copy, Outcome, ReasonRow, Reply } from '../core/reply.ts'
import type { Accepted } from '../core/state.ts'
import { readStep, writeStep } from './blade.ts'
import { readEvent, writeEvent } from './event.ts'
import { readFinding, readReason, reasonNumber, writeFinding } from './finding.ts'
import { midplane as pb } from './generated/midplane.js'
import { readAllocation, writeAllocation } from './profile.ts'
import { each, given, ifSet, type Numbered, type Reading } from './reading.ts'
import { type Received, receive } from './receive.ts'
import { readState, writeState } from './state.ts'
import { copies, readCopies } from './views.ts'

const { v1 } = pb

const reasonTypes: Numbered<ReasonRow['type']> = {
  refusal: v1.ReasonType.REASON_TYPE_REFUSAL,
  hold: v1.ReasonType.REASON_TYPE_HOLD,
  fault: v1.ReasonType.REASON_TYPE_FAULT,
}

/** google.rpc.Code of a refusal. */
export const codeOf = (reason: Reason): number => statusNumber[reasons[reason].status]

/** The catalogue, as `list-reasons` answers it. */
export const reasonRows: readonly ReasonRow[] = Object.entries(reasons)
  .map(([name, { number, type, status, remedy }]) => ({ number, name, type, code: statusNumber[status], remedy }))
  .sort((a, b) => a.number - b.number)

export function encodeResponse(reply: Reply): Uint8Array {
  const { request, epoch, revision, incarnation, term, replayed } = reply
  const envelope = { requestId: request, epoch, revision, incarnation, term, replayed }
  return v1.Response.encode({ ...envelope, ...writeOutcome(reply.outcome) }).finish()
}

export function decodeResponse(bytes: Uint8Array): Received<Reply> {
  return receive(bytes, v1.Response, (read, message) => ({
    request: message.requestId,
    epoch: read.wide('epoch', message.epoch),
    revision: read.wide('revision', message.revision),
    incarnation: message.incarnation,
    term: read.wide('term', message.term),
    replayed: message.replayed,
    outcome: readOutcome(read, message),
  }))
}

function writeOutcome(outcome: Outcome): pb.v1.Response.$Properties {
  switch (outcome.kind) {
    case 'refused': {
      return {
        ...writeRefusal(outcome.refusal),
        others: outcome.others?.map(writeRefusal) ?? [],
        retryAfterMs: outcome.retryAfterMs ?? null,
      }
    }
    case 'accepted':
      return { accepted: writeAccepted(outcome.accepted, outcome) }
    case 'state':
      return { state: { parts: outcome.parts.map(writeState) } }
    case 'events':
      return { events: { events: outcome.events.map(writeEvent) } }
    case 'reasons':
      return { reasons: { reasons: outcome.reasons.map((row) => ({ ...row, type: reasonTypes[row.type] })) } }
    case 'looked-up': {
      const { request, sequence, accepted } = outcome
      return { lookedUp: { requestId: request, sequence: sequence ?? null, accepted: writeAccepted(accepted) } }
    }
    case 'backup':
      return { backup: { text: outcome.text } }
  }
}

function readOutcome(read: Reading, message: pb.v1.Response): Outcome {
  const { accepted, state, events, reasons: rows, lookedUp, backup } = message
  if (message.code !== 0 || message.reason !== v1.Reason.REASON_UNSPECIFIED) return readRefused(read, message)
  const one = read.one('result', { accepted, state, events, reasons: rows, lookedUp, backup })
  switch (one?.name) {
    case undefined:
      return one
    case 'accepted': {
      const { dryRun, steps, findings } = one.value
      return {
        kind: 'accepted',
        accepted: readAccepted(read, 'accepted', one.value),
        copies: readCopies(read, 'accepted.copies', one.value.copies),
        singleCopy: one.value.singleCopy,
        ...(dryRun && {
          dryRun: {
            steps: each(steps, 'accepted.steps', (step, where) => readStep(read, where, step)),
            findings: each(findings, 'accepted.findings', (finding, where) => readFinding(read, where, finding)),
          },
        }),
      }
    }
    case 'state':
      return {
        kind: 'state',
        parts: each(one.value.parts, 'state.parts', (part, where) => readState(read, part, `${where}.`)),
      }
    case 'events':
      return {
        kind: 'events',
        events: each(one.value.events, 'events.events', (event, where) => readEvent(read, event, `${where}.`)),
      }
    case 'reasons':
      return {
        kind: 'reasons',
        reasons: each(one.value.reasons, 'reasons.reasons', (row, where) => ({
          number: row.number,
          name: row.name,
          type: read.name(`${where}.type`, row.type, reasonTypes),
          code: row.code,
          remedy: row.remedy,
        })),
      }
    case 'lookedUp':
      return {
        kind: 'looked-up',
        request: one.value.requestId,
        ...given('sequence', read.maybeWide('looked_up.sequence', one.value.sequence)),
        accepted: read.part('looked_up.accepted', one.value.accepted, (stored) =>
          readAccepted(read, 'looked_up.accepted', stored),
        ),
      }
    case 'backup':
      return { kind: 'backup', text: one.value.text ?? '' }
  }
}

function readRefused(read: Reading, message: pb.v1.Response): Outcome {
  const others = each(message.others, 'others', (other, where) => readRefusal(read, other, `${where}.`))
  return {
    kind: 'refused',
    refusal: readRefusal(read, message),
    ...(others.length > 0 && { others }),
    ...given('retryAfterMs', read.maybeWide('retry_after_ms', message.retryAfterMs)),
  }
}

const writeRefusal = ({ reason, say, violations }: Refusal) => ({
  code: codeOf(reason),
  reason: reasonNumber(reason),
  message: say,
  fieldViolations: violations?.map((violation) => ({ field: violation.field, message: violation.say })) ?? [],
})

/** An agent that is newer may know reasons that this file does not; its sentence is worth more than a number. */
function readRefusal(read: Reading, message: pb.v1.Refusal.$Properties, at = ''): Refusal {
  const say = message.message ?? ''
  const violations = message.fieldViolations?.map((one) => ({ field: one.field ?? '', say: one.message ?? '' })) ?? []
  return {
    reason: readReason(read, `${at}reason (${say || 'no message'})`, message.reason),
    say,
    ...(violations.length > 0 && { violations }),
  }
}

interface Beside {
  readonly copies: readonly Copy[]
  readonly singleCopy: boolean
  readonly dryRun?: Extract<Outcome, { kind: 'accepted' }>['dryRun']
}

function writeAccepted(accepted: Accepted, beside?: Beside): pb.v1.Accepted.$Properties {
  const { changed, diff, revision, epoch } = accepted
  return {
    ...{ changed, diff: [...diff], revision, epoch },
    bay: accepted.bay ?? null,
    given: ifSet(accepted.given, writeAllocation),
    profile: accepted.profile ?? null,
    copies: beside?.copies.map((copy) => copies[copy]) ?? [],
    singleCopy: beside?.singleCopy ?? false,
    dryRun: beside?.dryRun !== undefined,
    steps: beside?.dryRun?.steps.map(writeStep) ?? [],
    findings: beside?.dryRun?.findings.map(writeFinding) ?? [],
  }
}

function readAccepted(read: Reading, at: string, message: pb.v1.Accepted.$Properties): Accepted {
  const { given: allocation } = message
  return {
    changed: message.changed ?? false,
    diff: message.diff ?? [],
    revision: read.wide(`${at}.revision`, message.revision),
    epoch: read.wide(`${at}.epoch`, message.epoch),
    ...given('bay', read.maybeBay(`${at}.bay`, message.bay)),
    ...(allocation && { given: readAllocation(read, `${at}.given`, allocation) }),
    ...given('profile', read.maybeId<'Profile'>(`${at}.profile`, message.profile)),
  }
}
