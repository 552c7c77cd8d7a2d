/**
 * What goes with a change besides what it says (W23, W20): up to when it may run, in which epoch, its number, and the
 * revision that was read before it was decided. Taken from what the chassis last said of itself.
 */
import type { ClientId } from '../core/addresses.ts'
import { touchesBindings } from '../core/command.ts'
import type { PartState, Reply } from '../core/reply.ts'
import type { Presence } from '../core/views.ts'
import type { WireCommand } from '../wire/command.ts'
import type { Expect, Sent } from '../wire/request.ts'
import type { Snapshot } from './snapshot.ts'

export interface Given {
  readonly ifRevision?: number | undefined
  readonly sequence?: number | undefined
  readonly epoch?: number | undefined
}

export interface Envelopes {
  /** Epoch, sequence and revision: part of the request's content, the same at every repeat. */
  content(body: WireCommand, given: Given): Pick<Sent, 'epoch' | 'sequence' | 'ifRevision'>
  /** May be renewed at a repeat. Absent while nobody is in office, or the chassis was not heard. */
  expect(msFromNow: number): Expect | undefined
  /** Learns from an answer what the retained state will say a moment later. */
  learn(body: WireCommand, reply: Reply): void
  /** Learns the agent's uptime from a part that was read just now. */
  heard(state: PartState): void
  heardPresence(presence: Presence): void
  /** Somebody is in office: envelopes are due. */
  isGoverned(): boolean
}

export function envelopes(snapshot: Snapshot, client: ClientId, now: () => number): Envelopes {
  /** Life of the chassis that the rest is about: after a factory reset everything is read anew. */
  let incarnation: string | undefined
  /**
   * Epoch that this client holds office in, from its taking over or from when it first saw itself in office. It is not
   * raised with the state's: after somebody else took over, what was decided before is stale (I4).
   */
  let held = -1
  /** Revision that our own changes reached, before the state shows it. */
  let reached = -1
  let lastSequence = 0
  /** When the agent's uptime was zero, by our clock: the earliest guess. */
  let started: { readonly bootId: string; readonly at: number } | undefined

  const isGoverned = () => held >= 0 || snapshot.chassis?.office !== undefined
  const revision = () => Math.max(reached, snapshot.chassis?.revision ?? -1)

  function refresh(): void {
    const { chassis, presence } = snapshot
    const life = presence?.incarnation ?? chassis?.incarnation
    if (life !== incarnation) {
      incarnation = life
      held = -1
      reached = -1
    }
    if (held < 0 && chassis?.office?.client === client) held = chassis.epoch
  }

  /** The earliest of what was heard of one boot: retained words are old, and time only adds to an uptime. */
  function uptime(bootId: string, uptimeMs: number): void {
    const at = now() - uptimeMs
    if (started?.bootId !== bootId || at < started.at) started = { bootId, at }
  }

  /**
   * Milliseconds since 1970, or one more than the last: rises from one run of a program to the next without anything
   * being stored. A clock that was set back by more than the last 1,024 changes is told as FORGOTTEN, never run twice.
   */
  function nextSequence(): number {
    lastSequence = Math.max(lastSequence + 1, now())
    return lastSequence
  }

  return {
    isGoverned,
    content: (body, given) => {
      refresh()
      const ifRevision = given.ifRevision ?? (isGoverned() && needsRevision(body) ? revision() : undefined)
      const sequence = given.sequence ?? (isGoverned() ? nextSequence() : undefined)
      const epoch = held >= 0 ? held : snapshot.chassis?.epoch
      // Taking over names the epoch itself.
      // With nobody in office, too, once a controller went on from a copy.
      const names = isGoverned() || (epoch ?? 0) > 0
      const within = given.epoch ?? (names && body.kind !== 'take-over' ? epoch : undefined)
      return {
        ...(within !== undefined && { epoch: within }),
        ...(sequence !== undefined && { sequence }),
        ...(ifRevision !== undefined && { ifRevision }),
      }
    },
    expect: (msFromNow) => {
      const { presence } = snapshot
      if (!presence || !isGoverned()) return undefined
      const { incarnation, bootId } = presence
      if (started?.bootId !== bootId) uptime(bootId, presence.uptimeMs)
      const beforeUptimeMs = Math.ceil(now() - (started?.at ?? now()) + msFromNow)
      return { incarnation, bootId, beforeUptimeMs }
    },
    learn: (body, { outcome, replayed }) => {
      if (outcome.kind !== 'accepted' || outcome.dryRun || replayed) return
      const { accepted } = outcome
      if (body.kind === 'take-over' && accepted.epoch > held) held = accepted.epoch
      // The one above what was read is ours; one further up would hide somebody else's change.
      if (accepted.revision === revision() + 1) reached = accepted.revision
    },
    heard: ({ part }) => {
      if (part.part !== 'controller' || part.view.role !== 'owner' || !snapshot.presence) return
      uptime(snapshot.presence.bootId, part.view.uptimeMs)
    },
    heardPresence: ({ bootId, uptimeMs, online }) => {
      if (online) uptime(bootId, uptimeMs)
      else if (started?.bootId !== bootId) uptime(bootId, uptimeMs)
    },
  }
}

const needsRevision = (body: WireCommand): boolean => body.kind !== 'set-secret' && touchesBindings(body)
