/**
 * What happened, as numbered events: told to whoever listens now, and kept in a bounded ring for whoever was away. A
 * PUBACK is not delivery, so each event has a number, and what is missing shows as a gap.
 */
import type { Bay } from '../core/blade.ts'
import { type Reason, reasons } from '../core/reasons.ts'
import type { StoreRecord } from '../core/record.ts'
import { eventsListed } from '../core/reply.ts'
import type { State } from '../core/state.ts'
import type { Event, Severity } from '../core/views.ts'
import type { Notice } from './agent.ts'
import type { Clock } from './clock.ts'
import type { EventRing } from './store/event-ring.ts'

type Happening = Extract<Event, { kind: 'event' }>
type Told = Pick<Happening, 'severity' | 'type' | 'message'> &
  Partial<Pick<Happening, 'bay' | 'profile' | 'reason' | 'who' | 'request'>>

/** What goes past central managers, and what none of them may overlook. */
const beyondManagers: readonly string[] = ['rescue', 'restore', 'factory-reset']

/** Faults that somebody is called for at once: a server that is wrong, or down with nowhere to go. */
const alarms: readonly Reason[] = ['wrong-identity', 'no-spare', 'rescue-failed']

/** A sentence, and not what somebody sent: an event must fit its ring whatever a command held. */
const longestMessage = 1_000

export interface Diary {
  recorded(record: StoreRecord, state: State): void
  noticed(notice: Notice, state: State): void
  write(told: Told, state: State): void
  list(since: number, limit: number): readonly Event[]
  onEvent(heard: (event: Event) => void): () => void
  /** Makes what was written so far survive a power cut; nothing to do is nothing done. */
  settle(): Promise<void>
}

export function openDiary(ring: EventRing, clock: Clock, bootId: string, log: (line: string) => void): Diary {
  const listeners = new Set<(event: Event) => void>()

  function write(told: Told, state: State): void {
    const timeMs = clock.timeMs()
    const { message } = told
    const event = {
      ...told,
      ...(message.length > longestMessage && { message: `${message.slice(0, longestMessage - 1)}…` }),
      uptimeMs: clock.uptimeMs(),
      bootId,
      ...(timeMs !== undefined && { timeMs }),
      revision: state.revision,
      incarnation: state.incarnation,
      term: state.term,
    }
    ring.append(event).then(
      (number) => {
        const happening: Event = { kind: 'event', number, ...event }
        for (const heard of listeners) heard(happening)
      },
      // Events are not bindings: a flash that does not take one is said, and does not stop a command.
      (error: unknown) => log(`event not kept: ${error instanceof Error ? error.message : String(error)}`),
    )
  }

  return {
    write,
    recorded: (record, state) => {
      const told = tell(record)
      if (told) write(told, state)
    },
    noticed: (notice, state) => {
      const told = tellNotice(notice)
      if (told) write(told, state)
    },
    list: (since, limit) =>
      ring.list(since, Math.min(limit, eventsListed)).map(
        (entry): Event =>
          entry.kind === 'gap'
            ? entry
            : ({
                ...(entry.event as Omit<Happening, 'kind' | 'number'>),
                kind: 'event',
                number: entry.number,
              } as Event),
      ),
    onEvent: (heard) => {
      listeners.add(heard)
      return () => listeners.delete(heard)
    },
    settle: () => ring.sync(),
  }
}

function tell(record: StoreRecord): Told | undefined {
  if (record.kind === 'command') {
    const { command, origin, accepted } = record
    if (!accepted.changed) return undefined
    return {
      severity: beyondManagers.includes(command) ? 'warning' : 'info',
      type: `${command}-accepted`,
      message: accepted.diff.join('; ') || command,
      who: { door: origin.door, client: origin.client },
      request: origin.request,
      ...(accepted.bay !== undefined && { bay: accepted.bay }),
      ...(accepted.profile && { profile: accepted.profile }),
    }
  }
  if (record.kind === 'lead')
    return { severity: 'warning', type: 'controller-leads', message: `this controller leads in term ${record.term}` }
  const seen = record.observation
  const about = (severity: Severity, type: string, message: string): Told => ({
    severity,
    type,
    message,
    ...('bay' in seen && { bay: seen.bay }),
    ...('profile' in seen && seen.profile && { profile: seen.profile }),
  })
  switch (seen.saw) {
    case 'in-doubt':
      return {
        ...about(
          'info',
          'dressing-began',
          `bay ${seen.bay}: ${seen.doubt.profile} is written to blade ${seen.doubt.serial}`,
        ),
        profile: seen.doubt.profile,
      }
    case 'let-go': {
      const how = { 'bare-then-off': 'read back bare, then off', cut: 'its power was cut' }[seen.how]
      return about('info', 'let-go', `bay ${seen.bay}: let go of ${seen.profiles.join(', ')} (${how})`)
    }
    case 'left':
      return about('warning', 'blade-left', `bay ${seen.bay}: blade ${seen.serial} is gone`)
    case 'armed':
      return about(
        'info',
        'permit-given',
        `bay ${seen.bay}: may power on once, as ${seen.profile ?? 'it was made'} (arming ${seen.n})`,
      )
    case 'verified':
      return about(
        'info',
        'verified',
        `bay ${seen.bay}: runs as ${seen.profile ?? 'it was made'}, read back after POST`,
      )
    case 'wrong':
      return {
        ...about('critical', 'wrong-identity', `bay ${seen.bay}: an operating system is up on the wrong addresses`),
        reason: 'wrong-identity',
      }
    case 'off':
      return about('info', 'seen-off', `bay ${seen.bay}: seen off${seen.power ? ', and left off' : ''}`)
    case 'post-failed':
      return { ...about('critical', 'post-failed', seen.say), reason: 'post-failed' }
    case 'sent':
      return about(
        'info',
        seen.which === 'resets' ? 'reset' : 'reseated',
        `bay ${seen.bay}: ${seen.which === 'resets' ? 'reset' : 'power cut and returned'}`,
      )
    case 'override-used':
      return about('info', 'override-used', `bay ${seen.bay}: the boot override was used up`)
    case 'override-set':
      return undefined
    case 'external':
      return {
        severity: 'warning',
        type: 'external-address',
        message: `pool ${seen.pool}: ${seen.addresses.join(', ')} found on hardware`,
      }
  }
}

function tellNotice(notice: Notice): Told | undefined {
  const at = (bay: Bay) => ({ bay })
  switch (notice.kind) {
    case 'step':
      return undefined
    case 'step-failed':
      return {
        severity: 'warning',
        type: notice.maybe ? 'step-unanswered' : 'step-failed',
        message: `bay ${notice.step.bay}: ${notice.step.kind}: ${notice.why}`,
        ...at(notice.step.bay),
      }
    case 'finding': {
      const { reason, say } = notice.finding
      if (reasons[reason].type !== 'fault') return undefined
      return {
        severity: alarms.includes(reason) ? 'critical' : 'warning',
        type: 'fault-appeared',
        message: say,
        reason,
        ...at(notice.bay),
      }
    }
    case 'cleared':
      if (reasons[notice.reason].type !== 'fault') return undefined
      return {
        severity: 'info',
        type: 'fault-cleared',
        message: `bay ${notice.bay}: ${notice.reason} is over`,
        reason: notice.reason,
        ...at(notice.bay),
      }
    case 'refused': {
      const { envelope, command, refusal } = notice
      if (envelope.dryRun) return undefined
      return {
        severity: 'info',
        type: 'command-refused',
        message: `${command}: ${refusal.say}`,
        reason: refusal.reason,
        who: { door: envelope.who.door, client: envelope.who.client },
        request: envelope.request,
      }
    }
  }
}
