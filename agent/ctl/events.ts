/**
 * The diary of a chassis as it goes on. A broker may drop what a slow reader did not take, so the numbers are watched:
 * where some are missing they are asked for again, in order, before what came after them.
 */
import type { ChassisId } from '../core/addresses.ts'
import { eventsListed, type Query, type Reply } from '../core/reply.ts'
import type { Event } from '../core/views.ts'
import { decodeEvent } from '../wire/event.ts'
import { chassisFilter, parseTopic } from '../wire/topics.ts'
import { Unreadable } from './errors.ts'
import type { Link } from './link.ts'
import { either } from './wait.ts'

export interface EventOptions {
  /** Begin after this number. Absent: with what comes next. */
  readonly since?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** An event, or that one came which can not be read. */
export type Heard = Event | { readonly kind: 'unread'; readonly say: string }

/** Events that may wait for a slow reader; the oldest are dropped, and asked for again by their numbers. */
const mostWaiting = 1_000

type Ask = (query: Query) => Promise<Reply>

export async function* followEvents(
  link: Link,
  chassis: ChassisId,
  ask: Ask,
  closed: AbortSignal,
  options: EventOptions,
): AsyncIterable<Heard> {
  const waiting: Heard[] = []
  const ended = either(options.signal, closed)
  let wake = () => {}
  const rouse = () => wake()
  const stop = link.onMessage(({ topic, payload }) => {
    const parsed = parseTopic(topic)
    if (parsed?.kind !== 'event' || parsed.chassis !== chassis) return
    const received = decodeEvent(payload)
    waiting.push('value' in received ? received.value : { kind: 'unread', say: received.unread.say })
    if (waiting.length > mostWaiting) waiting.shift()
    wake()
  })
  ended.addEventListener('abort', rouse)
  try {
    await link.subscribe(chassisFilter(chassis).slice(2))
    let last = options.since
    if (last !== undefined) {
      for await (const event of listEvents(ask, last)) {
        if (ended.aborted) return
        last = Math.max(last, lastOf(event))
        yield event
      }
    }
    while (!ended.aborted) {
      const next = waiting.shift()
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      } else if (next.kind === 'unread') {
        yield next
      } else if (last === undefined || firstOf(next) === last + 1) {
        last = lastOf(next)
        yield next
      } else if (firstOf(next) > last + 1) {
        for await (const missed of listEvents(ask, last)) {
          if (firstOf(missed) >= firstOf(next)) break
          last = lastOf(missed)
          yield missed
        }
        last = lastOf(next)
        yield next
      }
      // Otherwise it was given already: a redelivery.
    }
  } finally {
    stop()
    ended.removeEventListener('abort', rouse)
  }
}

/** All kept events with a higher number, oldest first. */
export async function* listEvents(ask: Ask, since: number): AsyncIterable<Event> {
  for (let after = since; ; ) {
    const { outcome } = await ask({ kind: 'list-events', since: after, limit: eventsListed })
    if (outcome.kind === 'refused') throw new Unreadable(`the chassis lists no events: ${outcome.refusal.say}`)
    if (outcome.kind !== 'events') throw new Unreadable('the chassis answered something else than was asked')
    yield* outcome.events
    const newest = outcome.events.at(-1)
    if (newest === undefined || outcome.events.length < eventsListed) return
    after = Math.max(after + 1, lastOf(newest))
  }
}

export const firstOf = (event: Event): number => (event.kind === 'gap' ? event.from : event.number)
export const lastOf = (event: Event): number => (event.kind === 'gap' ? event.to : event.number)
