/** Events and presence between core and protobuf. */
import type { Event, Presence, Severity } from '../core/views.ts'
import { readIncarnation } from './command.ts'
import { readReason, reasonNumber } from './finding.ts'
import { midplane as pb } from './generated/midplane.js'
import { given, ifSet, type Numbered, type Reading } from './reading.ts'
import { type Received, receive } from './receive.ts'

const { v1 } = pb

const severities: Numbered<Severity> = {
  info: v1.Severity.SEVERITY_INFO,
  warning: v1.Severity.SEVERITY_WARNING,
  critical: v1.Severity.SEVERITY_CRITICAL,
}

/** Where an event is published: something lost is worth a look. */
export function severityOf(event: Event): Severity {
  return event.kind === 'gap' ? 'warning' : event.severity
}

export function encodeEvent(event: Event): Uint8Array {
  return v1.Event.encode(writeEvent(event)).finish()
}

export function decodeEvent(bytes: Uint8Array): Received<Event> {
  return receive(bytes, v1.Event, readEvent)
}

export function writeEvent(event: Event): pb.v1.Event.$Properties {
  switch (event.kind) {
    case 'event': {
      const { number, uptimeMs, bootId, type, message, revision, incarnation, term } = event
      return {
        happening: {
          ...{ number, uptimeMs, bootId, type, message, revision, incarnation, term },
          severity: severities[event.severity],
          timeMs: event.timeMs ?? null,
          bay: event.bay ?? null,
          profile: event.profile ?? null,
          reason: event.reason === undefined ? null : reasonNumber(event.reason),
          who: ifSet(event.who, ({ door, client }) => ({ door, client })),
          requestId: event.request ?? null,
        },
      }
    }
    case 'gap':
      return { gap: { from: event.from, to: event.to } }
  }
}

export function readEvent(read: Reading, { happening, gap }: pb.v1.Event.$Properties, at = ''): Event {
  const one = read.one(`${at}kind`, { happening, gap })
  switch (one?.name) {
    case undefined:
      return one
    case 'happening': {
      const { value } = one
      return {
        kind: 'event',
        number: read.wide(`${at}number`, value.number),
        severity: read.name(`${at}severity`, value.severity, severities),
        uptimeMs: read.wide(`${at}uptime_ms`, value.uptimeMs),
        bootId: value.bootId ?? '',
        ...given('timeMs', read.maybeWide(`${at}time_ms`, value.timeMs)),
        type: value.type ?? '',
        message: value.message ?? '',
        ...given('bay', read.maybeBay(`${at}bay`, value.bay)),
        ...given('profile', read.maybeId<'Profile'>(`${at}profile`, value.profile)),
        ...(value.reason !== undefined &&
          value.reason !== null && { reason: readReason(read, `${at}reason`, value.reason) }),
        ...(value.who && { who: { door: value.who.door ?? '', client: value.who.client ?? '' } }),
        ...given('request', value.requestId ?? undefined),
        revision: read.wide(`${at}revision`, value.revision),
        incarnation: readIncarnation(read, `${at}incarnation`, value.incarnation),
        term: read.wide(`${at}term`, value.term),
      }
    }
    case 'gap':
      return { kind: 'gap', from: read.wide(`${at}from`, one.value.from), to: read.wide(`${at}to`, one.value.to) }
  }
}

export function encodePresence(presence: Presence): Uint8Array {
  return v1.Presence.encode({ ...presence, capabilities: [...presence.capabilities] }).finish()
}

export function decodePresence(bytes: Uint8Array): Received<Presence> {
  return receive(bytes, v1.Presence, (read, message) => ({
    online: message.online,
    incarnation: readIncarnation(read, 'incarnation', message.incarnation),
    bootId: message.bootId,
    connection: read.wide('connection', message.connection),
    version: message.version,
    board: message.board,
    capabilities: message.capabilities,
    schema: message.schema,
    publicKey: message.publicKey,
    epoch: read.wide('epoch', message.epoch),
    revision: read.wide('revision', message.revision),
    term: read.wide('term', message.term),
    uptimeMs: read.wide('uptime_ms', message.uptimeMs),
  }))
}
