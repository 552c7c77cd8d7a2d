/**
 * The client library of central managers: one chassis, spoken to over one broker. `request` sends a command or a
 * question and waits for its answer; `state` is the retained state, live; `waitFor` waits until something can be seen
 * there. Accepted is not done: a change is durable when it is accepted, and done when the retained state of that
 * revision, or a later one, is in sync. A request whose connection dropped is sent again under the same id, and the
 * chassis runs it once (I6). Nothing here touches the process: no environment, no terminal, no files.
 */
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { type ChassisId, type ClientId, parseId } from '../core/addresses.ts'
import type { Reply } from '../core/reply.ts'
import type { Presence } from '../core/views.ts'
import { type Body, isQuery, isRequestId } from '../wire/command.ts'
import { encodeRequest, type OutgoingRequest } from '../wire/request.ts'
import { decodeResponse } from '../wire/response.ts'
import { chassisFilter, topicOf } from '../wire/topics.ts'
import { discover } from './discover.ts'
import { envelopes } from './envelope.ts'
import { Ambiguous, TimedOut, Unreachable, Unreadable } from './errors.ts'
import { type EventOptions, followEvents, type Heard } from './events.ts'
import { type Link, openLink } from './link.ts'
import { type Change, Snapshot } from './snapshot.ts'
import { bell, either, waitFor } from './wait.ts'

export interface ConnectOptions {
  /** `mqtt://host:port` or `mqtts://host:port`; user and password may stand in it. */
  readonly broker: string
  /** Whose requests these are: the name in office. Several connections may use it at once. */
  readonly client: string
  /** Absent: the only chassis that the broker has. */
  readonly chassis?: string | undefined
  /** 5: MQTT 5 where the broker speaks it. Absent: 3.1.1. */
  readonly mqtt?: 3 | 5 | undefined
  /** Absent: the client's name and something random, so that two connections of one client do not end each other. */
  readonly mqttClientId?: string | undefined
  readonly tls?: { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array } | undefined
  /** Ed25519 over the bytes given, 64 bytes; for chassis that have keys configured. */
  readonly sign?: ((bytes: Uint8Array) => Uint8Array) | undefined
  /** Ends everything. */
  readonly signal?: AbortSignal | undefined
  /** Longest that connecting may take. Absent: 10 s. */
  readonly connectMs?: number | undefined
  /** Quiet after which all retained messages are taken to have come; MQTT has no mark for their end. Absent: 300 ms. */
  readonly quietMs?: number | undefined
  readonly now?: (() => number) | undefined
  readonly newRequestId?: (() => string) | undefined
}

export interface RequestOptions {
  /** 8 to 36 printable ASCII characters. Absent: a new UUID. */
  readonly request?: string | undefined
  /** Revision that was read before this was decided. Absent: the newest that this client read, where one is due. */
  readonly ifRevision?: number | undefined
  readonly sequence?: number | undefined
  readonly epoch?: number | undefined
  readonly dryRun?: boolean | undefined
  /** Longest wait for the answer, and how long the chassis may take to begin. Absent: 15 s. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** What was waited for, for the error: "bay 3 in sync". */
  readonly what?: string | undefined
}

/** What is to be in sync: a bay, the bay of a profile, or everything. */
export type Scope =
  | { readonly of: 'bay'; readonly bay: number }
  | { readonly of: 'profile'; readonly profile: string }
  | { readonly of: 'chassis' }

export interface Client {
  readonly chassis: ChassisId
  readonly client: ClientId
  readonly state: Snapshot
  /** MQTT version that is spoken. */
  mqtt(): 3 | 5
  /** Resolves when the retained state is whole; asks the agent where the broker did not give it. False: it is not. */
  load(timeoutMs: number): Promise<boolean>
  /** Asks the agent for every part, now: never older than the question. Rejects where the agent does not answer. */
  refresh(options?: RequestOptions): Promise<void>
  request(body: Body, options?: RequestOptions): Promise<Reply>
  /** Resolves when the retained state is as asked; rejects with TimedOut. */
  waitFor(reached: (state: Snapshot) => boolean, options: WaitOptions): Promise<void>
  /** Done: `inSync` at this revision or a later one. */
  waitForSync(scope: Scope, revision: number, options: WaitOptions): Promise<void>
  /** Changes of parts as they come; a part that changes faster than it is read is given once, as it stands. */
  watch(signal?: AbortSignal): AsyncIterable<Change>
  /** The diary as it goes on. What did not come, or came while nobody read, is asked for again by number. */
  events(options?: EventOptions): AsyncIterable<Heard>
  close(): Promise<void>
}

/** Retained presence is at most so old: the agent's uptime may be ahead of what it says by as much. */
const presenceMs = 60_000

const usual = { connectMs: 10_000, quietMs: 300, requestMs: 15_000 }

export async function connect(options: ConnectOptions): Promise<Client> {
  const client = parseId<'Client'>(options.client)
  if (!client) throw new RangeError(`'${options.client}' is no client id; use up to 48 of a-z, 0-9 and -`)
  const named = options.chassis === undefined ? undefined : parseId<'Chassis'>(options.chassis)
  if (options.chassis !== undefined && !named)
    throw new RangeError(`'${options.chassis}' is no chassis id; use up to 48 of a-z, 0-9 and -`)
  const { connectMs = usual.connectMs, quietMs = usual.quietMs } = options
  const link = await openLink({
    broker: options.broker,
    mqttClientId: options.mqttClientId ?? `${client}-${randomUUID().slice(0, 8)}`,
    mqtt: options.mqtt ?? 3,
    tls: options.tls,
    connectMs,
    signal: options.signal,
  })
  try {
    return await join(link, client, named ?? (await only(link, quietMs, connectMs, options.signal)), options)
  } catch (error) {
    await link.close()
    throw error
  }
}

async function only(link: Link, quietMs: number, limitMs: number, signal?: AbortSignal): Promise<ChassisId> {
  const ids = [...(await discover(link, quietMs, limitMs, signal)).keys()].sort()
  const [first] = ids
  if (first === undefined)
    throw new Unreachable('no chassis has announced itself on this broker; start the agent, or say --chassis')
  if (ids.length > 1) throw new Ambiguous(ids)
  return first
}

async function join(link: Link, client: ClientId, chassis: ChassisId, options: ConnectOptions): Promise<Client> {
  const { now = Date.now, newRequestId = randomUUID, connectMs = usual.connectMs } = options
  const snapshot = new Snapshot(chassis)
  const envelope = envelopes(snapshot, client, now)
  const answers = bell<Reply | Unreadable>()
  const agentCame = bell()
  const halt = new AbortController()
  setMaxListeners(0, halt.signal) // one for each request under way
  const requestTopic = topicOf({ kind: 'request', chassis, client })
  const responseTopic = topicOf({ kind: 'response', chassis, client })
  /** Connection of the agent that was last seen, as text: another one may not have got what was sent to the last. */
  let agentConnection: string | undefined

  snapshot.changed.hear((change) => {
    if ('online' in change) presenceCame(change)
  })
  link.onMessage((message) => {
    if (message.topic === responseTopic) answers.ring(readReply(message.payload))
    else snapshot.take(message)
  })

  function presenceCame(presence: Presence): void {
    envelope.heardPresence(presence)
    if (!presence.online) return
    const connection = `${presence.bootId} ${presence.connection}`
    if (agentConnection !== undefined && agentConnection !== connection) agentCame.ring()
    agentConnection = connection
  }

  // Before anything is asked, there must be a place for the answer.
  const [presenceFilter, stateFilter] = chassisFilter(chassis)
  await link.subscribe([responseTopic])
  await link.subscribe([presenceFilter, stateFilter].filter((filter) => filter !== undefined))
  if (!snapshot.presence) {
    const late = () =>
      new Unreachable(`chassis ${chassis} has not announced itself on this broker; check the name, or start its agent`)
    await waitFor<void>({ ms: Math.min(connectMs, 2_000), signals: [options.signal], late }, (done) =>
      snapshot.changed.hear(() => snapshot.presence && done()),
    )
  }

  async function request(body: Body, given: RequestOptions = {}): Promise<Reply> {
    const id = given.request ?? newRequestId()
    if (!isRequestId(id)) throw new RangeError(`'${id}' is no request id; use 8 to 36 printable characters`)
    const timeoutMs = given.timeoutMs ?? usual.requestMs
    const content = { request: id, chassis, dryRun: given.dryRun ?? false, body }
    if (isQuery(body)) return exchange(content, timeoutMs, given.signal)
    const change = { ...content, ...envelope.content(body, given) }
    const expecting = () => {
      const expect = envelope.expect(timeoutMs + presenceMs)
      return { ...change, ...(expect && { expect }) }
    }
    let reply = await exchange(expecting, timeoutMs, given.signal)
    if (reply.outcome.kind === 'refused' && reply.outcome.refusal.reason === 'expired') {
      // What presence said of the uptime may be days old. Refused is not run, so the same request may come again.
      await refresh(given)
      reply = await exchange(expecting, timeoutMs, given.signal)
    }
    envelope.learn(body, reply)
    return reply
  }

  /** Sends until an answer comes: again, under the same id, after every connection that was lost on either side. */
  function exchange(
    outgoing: OutgoingRequest | (() => OutgoingRequest),
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Reply> {
    const make = typeof outgoing === 'function' ? outgoing : () => outgoing
    const { request: id } = make()
    let sent = false
    const late = () =>
      sent
        ? new TimedOut(
            `no answer to request ${id} in ${timeoutMs / 1000} s; it may have been carried out: look it up, or send it again under this id`,
          )
        : new Unreachable(`the connection to the broker is lost; request ${id} was not sent`)
    return waitFor<Reply>({ ms: timeoutMs, signals: [signal, halt.signal], late }, (done, failed) => {
      const send = () => {
        if (snapshot.presence?.online !== true) {
          // The broker would keep it for an agent that is not there, and it would be run whenever that comes back.
          if (!sent) failed(new Unreachable(`chassis ${chassis} is offline: its agent has no connection to the broker`))
          return
        }
        if (!link.isUp()) return
        sent = true
        const payload = encodeRequest(make(), options.sign)
        const expirySeconds = Math.max(1, Math.ceil(timeoutMs / 1000))
        // A publish that fails is followed by a new connection, and that by another attempt.
        link.publish({ topic: requestTopic, payload, expirySeconds, correlation: id, responseTopic }).catch(() => {})
      }
      const stops = [
        answers.hear((answer) => {
          if (answer instanceof Unreadable) failed(answer)
          else if (answer.request === id) done(answer)
        }),
        link.onChange((isUp) => isUp && send()),
        agentCame.hear(send),
      ]
      send()
      return () => {
        for (const stop of stops) stop()
      }
    })
  }

  async function refresh(given: RequestOptions = {}): Promise<void> {
    const { timeoutMs, signal } = given
    const { outcome, revision } = await request({ kind: 'read-state' }, { timeoutMs, signal })
    if (outcome.kind === 'refused') throw new Unreachable(`chassis ${chassis} shows no state: ${outcome.refusal.say}`)
    if (outcome.kind !== 'state') throw new Unreadable(`chassis ${chassis} answered something else than was asked`)
    // The list last, as on the wire.
    const parts = [...outcome.parts].sort(
      (a, b) => Number(a.part.part === 'chassis') - Number(b.part.part === 'chassis'),
    )
    for (const state of parts) {
      snapshot.offer(state)
      envelope.heard(state)
    }
    // What is shown may be a moment behind what was decided; the answer itself says how far that is.
    await wait((state) => (state.chassis?.revision ?? -1) >= revision, {
      timeoutMs: timeoutMs ?? usual.requestMs,
      signal,
      what: `state of revision ${revision}`,
    })
  }

  async function load(timeoutMs: number): Promise<boolean> {
    const whole = (ms: number) =>
      wait((state) => state.isWhole, { timeoutMs: Math.min(ms, timeoutMs) }).then(
        () => true,
        (error: unknown) => {
          if (error instanceof TimedOut) return false
          throw error
        },
      )
    if (await whole(1_000)) return true
    // Some brokers give no retained messages to wildcards, and one that was restarted may have none.
    if (snapshot.presence?.online === true) await refresh({ timeoutMs })
    return snapshot.isWhole || whole(1_000)
  }

  function wait(reached: (state: Snapshot) => boolean, given: WaitOptions): Promise<void> {
    const { timeoutMs, what = 'what was waited for' } = given
    if (reached(snapshot)) return Promise.resolve()
    const late = () => new TimedOut(`${what}: not seen in ${timeoutMs / 1000} s`)
    return waitFor<void>({ ms: timeoutMs, signals: [given.signal, halt.signal], late }, (done) =>
      snapshot.changed.hear(() => reached(snapshot) && done()),
    )
  }

  async function* watch(signal?: AbortSignal): AsyncIterable<Change> {
    const waiting = new Map<string, Change>()
    let wake = () => {}
    const stop = snapshot.changed.hear((change) => {
      if ('online' in change) return
      // Last in line again, as the newest.
      waiting.delete(change.name)
      waiting.set(change.name, change)
      wake()
    })
    const ended = either(signal, halt.signal)
    const rouse = () => wake()
    ended.addEventListener('abort', rouse)
    try {
      while (!ended.aborted) {
        const [next] = waiting.values()
        if (next) {
          waiting.delete(next.name)
          yield next
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      stop()
      ended.removeEventListener('abort', rouse)
    }
  }

  return {
    chassis,
    client,
    state: snapshot,
    mqtt: link.version,
    load,
    refresh,
    request,
    waitFor: wait,
    waitForSync: (scope, revision, given) =>
      wait((state) => isInSync(state, scope, revision), { what: `${scopeName(scope)} in sync`, ...given }),
    watch,
    events: (given = {}) => followEvents(link, chassis, request, halt.signal, given),
    close: async () => {
      halt.abort()
      await link.close()
    },
  }
}

function readReply(payload: Uint8Array): Reply | Unreadable {
  const received = decodeResponse(payload)
  return 'value' in received
    ? received.value
    : new Unreadable(`the answer can not be read (${received.unread.why}): ${received.unread.say}`)
}

export function scopeName(scope: Scope): string {
  switch (scope.of) {
    case 'bay':
      return `bay ${scope.bay}`
    case 'profile':
      return `profile ${scope.profile}`
    case 'chassis':
      return 'the chassis'
  }
}

/**
 * The part `chassis` comes last, so its revision is the one that all others have reached, also those that the change
 * did not touch and that still show an older one. What an agent said before it went is not believed.
 */
export function isInSync(state: Snapshot, scope: Scope, revision: number): boolean {
  const { chassis, presence } = state
  if (!chassis || !presence?.online || !state.isWhole || chassis.revision < revision) return false
  switch (scope.of) {
    case 'bay':
      return state.all('bay').some(({ bay, inSync }) => bay === scope.bay && inSync)
    case 'profile':
      return state.all('profile').some(({ profile, inSync }) => profile.id === scope.profile && inSync)
    case 'chassis':
      return chassis.inSync
  }
}
