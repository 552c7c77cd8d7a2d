/**
 * The MQTT door: how central managers reach this chassis. It keeps one connection to the broker, brings each request to
 * the agent and each reply back, and keeps the retained state on the broker true. It decides nothing about chassis; of
 * the broker it believes nothing but that it carries messages: not that it delivers once, nor that it is there.
 */

import { type Presence, partName } from '../../../core/views.ts'
import { encodeEvent, encodePresence, severityOf } from '../../../wire/event.ts'
import { toJson } from '../../../wire/json.ts'
import { largestRequest } from '../../../wire/request.ts'
import { encodeResponse } from '../../../wire/response.ts'
import { encodeState } from '../../../wire/state.ts'
import { jsonFilter, parseTopic, requestFilter, topicOf } from '../../../wire/topics.ts'
import type { Clock } from '../../clock.ts'
import type { Front } from '../front.ts'
import { answer } from './answer.ts'
import { type Backoff, usualBackoff, waitAfter } from './backoff.ts'
import {
  type Down,
  type Incoming,
  type Link,
  openLink,
  type Publish,
  parseBroker,
  type Tls,
  type Version,
} from './link.ts'
import { Outbox, type Outgoing } from './outbox.ts'

export interface MqttParts {
  readonly front: Front
  readonly clock: Clock
  /** `mqtt://host:1883` or `mqtts://host:8883`. */
  readonly url: string
  readonly username?: string
  readonly password?: string
  readonly tls?: Tls
  /** `auto`: 5 first, then 3.1.1 (4) where the broker does not speak it. */
  readonly version: 'auto' | Version
  /** Publish the state as JSON too. */
  readonly json: boolean
  /** From 0 to below 1. */
  readonly randomness: () => number
  readonly log: (line: string) => void
  readonly keepaliveSeconds?: number
  readonly backoff?: Backoff
}

export interface MqttDoor {
  /** `waiting`: for the time of the next attempt. */
  state(): 'connecting' | 'online' | 'waiting' | 'closed'
  /** Answers what is under way, says goodbye, and ends; at the latest after some seconds. */
  close(): Promise<void>
}

/** Topic and MQTT 5 properties come on top of the request itself. */
const packetLimit = largestRequest + 4096
/** Requests that are judged at once; each may take as much memory as a request. */
const mostUnderWay = 64
/** A connection that held for so long was a good one: the next wait starts small again. */
const steadyMs = 30_000
/** Lost so often in a row right after connecting: somebody else has our client id. */
const suspiciousLosses = 3
/** For so long after a connect, what the broker has retained of ours is read back. */
const readBackMs = 5_000
/** Its uptime is what a manager reckons its `expect` from (W23). */
const presenceMs = 60_000
const subscribeMs = 15_000
const closeMs = 3_000

export function openMqtt(parts: MqttParts): MqttDoor {
  const { front, clock, version, json, randomness, log } = parts
  const { chassis } = front
  const address = parseBroker(parts.url)
  const where = `${address.host}:${address.port}`

  const outbox = new Outbox()
  let state: ReturnType<MqttDoor['state']> = 'connecting'
  let speaks: Version = version === 'auto' ? 5 : version
  /** This broker answered to this version once. */
  let proven = false
  let switched = false
  let failures = 0
  let shortLived = 0
  let connection = 0
  /** Life and epoch that presence said last. */
  let told: string | undefined
  let lastLine = ''
  let cancelWait = () => {}

  let link: Link | undefined
  let window = 0
  let flying = new Set<Outgoing>()
  /** Ends what was set up for one connection. */
  let undo: (() => void)[] = []

  let underWay = 0
  const stalled: (() => void)[] = []
  let closing = false
  let settle: (() => void) | undefined

  const presenceNow = (online: boolean): Presence => ({ ...front.presence(), online, connection })
  const presenceTopic = topicOf({ kind: 'presence', chassis })
  const stateFilter = topicOf({ kind: 'state', chassis, part: '+' })
  const ownFilters = [stateFilter, jsonFilter(chassis)]

  // ── Connections ─────────────────────────────────────────────────────────────────────────────────────────────

  function connect(): void {
    state = 'connecting'
    connection += 1
    let onlineSince: number | undefined
    const opened = openLink(
      {
        ...{ address, version: speaks, clientId: chassis, limit: packetLimit, clock },
        ...(parts.tls && { tls: parts.tls }),
        ...(parts.username !== undefined && { username: parts.username }),
        ...(parts.password !== undefined && { password: parts.password }),
        will: { topic: presenceTopic, payload: encodePresence(presenceNow(false)) },
        keepaliveSeconds: parts.keepaliveSeconds ?? 30,
      },
      {
        up: (most) => {
          proven = true
          switched = false
          window = most
          onlineSince = clock.uptimeMs()
          void greet(opened)
        },
        heard: (message, next) => hear(message, next),
        down: (down) => lost(down, onlineSince),
      },
    )
    link = opened
  }

  /** First the ears, then the word that they are open; then everything that is shown. */
  async function greet(opened: Link): Promise<void> {
    undo.push(clock.after(subscribeMs, () => state !== 'online' && opened.cut('no answer to SUBSCRIBE')))
    const complaint = await opened.subscribe([requestFilter(chassis)], 1)
    if (link !== opened) return
    if (complaint !== undefined) {
      opened.cut(`the broker refuses ${requestFilter(chassis)} (${complaint}); allow it in its access control`)
      return
    }
    state = 'online'
    say(`online at ${where} as ${chassis}, MQTT ${speaks === 5 ? '5' : '3.1.1'}`)
    if (!closing) outbox.presence(true)
    for (const part of front.parts()) outbox.show(partName(part.part), part)
    pump()
    repeat(presenceMs, () => {
      if (!closing) outbox.presence(true)
      pump()
    })
    // What an earlier agent left behind: parts that are not there any more, JSON that nobody keeps up to date.
    const denied = await opened.subscribe(ownFilters, 0)
    if (link !== opened) return
    if (denied !== undefined) say(`can not read back own state (${denied}); what is stale stays on the broker`)
    else undo.push(clock.after(readBackMs, () => opened.unsubscribe(ownFilters)))
  }

  function repeat(ms: number, call: () => void): void {
    let cancel = () => {}
    const again = () => {
      cancel = clock.after(ms, () => {
        again()
        call()
      })
    }
    again()
    undo.push(() => cancel())
  }

  function lost(down: Down, onlineSince: number | undefined): void {
    for (const each of undo) each()
    undo = []
    link = undefined
    outbox.forgetRetained()
    outbox.giveBack([...flying])
    flying = new Set()
    stalled.length = 0
    if (closing) {
      state = 'closed'
      settle?.()
      return
    }
    const held = onlineSince !== undefined && clock.uptimeMs() - onlineSince >= steadyMs
    if (held) failures = 0
    // It answered, if only for a moment: a broker that restarts often is not stayed away from for long.
    else if (onlineSince !== undefined) failures = Math.min(failures, 3)
    const taken = down.kind === 'taken' || down.kind === 'closed'
    shortLived = onlineSince === undefined || held || !taken ? 0 : shortLived + 1
    if (version === 'auto' && down.kind === 'version' && !switched) {
      switched = true
      changeVersion()
      say(`the broker does not speak MQTT ${speaks === 4 ? '5' : '3.1.1'}; trying the other`)
      connect()
      return
    }
    // Some old brokers answer an unknown version by closing.
    if (version === 'auto' && !proven && down.mute) changeVersion()
    const wait = waitAfter(failures++, randomness(), parts.backoff ?? usualBackoff)
    const twin = down.kind === 'taken' || shortLived >= suspiciousLosses
    say(
      twin
        ? `lost right after connecting, ${shortLived} times in a row (${down.say}); look for another agent with the id ${chassis}`
        : `no link to ${where}: ${down.say}`,
    )
    state = 'waiting'
    cancelWait = clock.after(wait, connect)
  }

  function changeVersion(): void {
    speaks = speaks === 5 ? 4 : 5
  }

  /** The same line again and again tells nothing new. */
  function say(line: string): void {
    if (line !== lastLine) log(`mqtt: ${line}`)
    lastLine = line
  }

  // ── What comes in ───────────────────────────────────────────────────────────────────────────────────────────

  function hear(message: Incoming, next: () => void): void {
    const topic = parseTopic(message.topic)
    if (topic?.kind !== 'request' || topic.chassis !== chassis) {
      if (message.retained) readBack(message)
      message.acknowledge()
      next()
      return
    }
    // Not acknowledged: it is delivered again when an agent is there again.
    if (closing) {
      next()
      return
    }
    const { client } = topic
    const { payload, retained, correlation, shortenedFrom } = message
    underWay += 1
    void answer(front, { client, payload, retained, ...(shortenedFrom !== undefined && { shortenedFrom }) }).then(
      (reply) => {
        underWay -= 1
        const bytes = encodeResponse(reply)
        const dropped = outbox.respond({
          ...{ kind: 'response', client, bytes, sent: message.acknowledge },
          ...(correlation && { correlation }),
        })
        if (dropped > 0) log(`mqtt: ${dropped} responses dropped; the broker does not take them fast enough`)
        stalled.shift()?.()
        pump()
      },
    )
    // The client reads nothing more until `next`, so it never waits here for anything that comes from the broker.
    if (underWay < mostUnderWay) next()
    else stalled.push(next)
  }

  function readBack({ topic, payload }: Incoming): void {
    if (payload.length === 0) return
    const own = parseTopic(topic)
    const isShown = (part: string) => front.parts().some((each) => partName(each.part) === part)
    if (own?.kind === 'state' && isShown(own.part)) return
    const mirrored = json && front.parts().some((each) => mirrorOf(partName(each.part)) === topic)
    if (mirrored) return
    outbox.clear(topic)
    pump()
  }

  // ── What goes out ───────────────────────────────────────────────────────────────────────────────────────────

  const stopParts = front.onPart((heard) => {
    // While there is no link nothing waits: all of it is said anew after the next connect.
    if (state !== 'online') return
    if ('removed' in heard) outbox.show(heard.removed)
    else {
      outbox.show(partName(heard.part), heard)
      if (heard.part.part === 'chassis' && standing(heard.part.view) !== told && !closing) outbox.presence(true)
    }
    pump()
  })
  const stopEvents = front.onEvent((event) => {
    outbox.tell(event)
    pump()
  })

  const mirrorOf = (part: string) => topicOf({ kind: 'state', chassis, part }, 'json')

  /** Publishes as much as the broker takes. What it has not acknowledged counts as not said. */
  function pump(): void {
    while (link && state === 'online' && flying.size < window) {
      const message = outbox.next()
      if (!message) break
      send(link, message)
    }
    if (closing && state === 'online' && underWay === 0 && outbox.waiting === 0 && flying.size === 0) settle?.()
  }

  function send(over: Link, message: Outgoing): void {
    flying.add(message)
    const mine = flying
    const publishes = publishesOf(message)
    let left = publishes.length
    for (const publish of publishes) {
      over.publish(publish, (complaint) => {
        if (complaint !== undefined) say(`the broker refuses to publish ${publish.topic}: ${complaint}`)
        left -= 1
        if (left > 0 || !mine.delete(message)) return
        pump()
      })
    }
    if (message.kind === 'response') message.sent()
  }

  function publishesOf(message: Outgoing): readonly Publish[] {
    switch (message.kind) {
      case 'presence': {
        const presence = presenceNow(message.online)
        told = standing(presence)
        const publish = { topic: presenceTopic, payload: encodePresence(presence), qos: 1, retain: true } as const
        // Not retained: there is one will, and it is not JSON, so that this would outlive the agent.
        return [publish, ...mirror(topicOf({ kind: 'presence', chassis }, 'json'), () => toJson(presence), false)]
      }
      case 'response': {
        const { client, bytes: payload, correlation } = message
        const topic = topicOf({ kind: 'response', chassis, client })
        return [{ topic, payload, qos: 1, retain: false, ...(correlation && { correlation }) }]
      }
      case 'part': {
        const { name, state: part } = message
        const payload = part ? encodeState(part) : new Uint8Array()
        const publish = {
          topic: topicOf({ kind: 'state', chassis, part: name }),
          payload,
          qos: 1,
          retain: true,
        } as const
        return [publish, ...mirror(mirrorOf(name), () => (part ? toJson(part) : ''), true)]
      }
      case 'event': {
        const { event } = message
        const topic = { kind: 'event', chassis, severity: severityOf(event) } as const
        const publish = { topic: topicOf(topic), payload: encodeEvent(event), qos: 1, retain: false } as const
        return [publish, ...mirror(topicOf(topic, 'json'), () => toJson(event), false)]
      }
      case 'leftover':
        return [{ topic: message.topic, payload: new Uint8Array(), qos: 1, retain: true }]
    }
  }

  /** Nobody counts on it: QoS 0, which the broker's window does not count either. */
  function mirror(topic: string, text: () => string, retain: boolean): readonly Publish[] {
    return json ? [{ topic, payload: Buffer.from(text()), qos: 0, retain }] : []
  }

  // ── The end ─────────────────────────────────────────────────────────────────────────────────────────────────

  let closed: Promise<void> | undefined
  function close(): Promise<void> {
    closed ??= leave()
    return closed
  }

  async function leave(): Promise<void> {
    closing = true
    stopParts()
    stopEvents()
    cancelWait()
    if (link) {
      const cancelLimit = clock.after(closeMs, () => link?.cut('closed'))
      const cut = link.cut
      if (state !== 'online') cut('closed')
      else {
        await settled(pump)
        // Said in order: after this nothing comes from this agent any more.
        if (state === 'online') {
          outbox.presence(false)
          await settled(pump)
        }
      }
      await settled(() => link?.leave())
      cancelLimit()
    }
    state = 'closed'
  }

  /** Resolves when everything was said, or when the link is gone. */
  function settled(begin: () => void): Promise<void> {
    return new Promise((resolve) => {
      if (!link) return resolve()
      settle = () => {
        settle = undefined
        resolve()
      }
      begin()
    })
  }

  connect()
  return { state: () => state, close }
}

/** What managers reckon by: where it changes, presence is said anew at once. */
const standing = ({ incarnation, epoch }: Pick<Presence, 'incarnation' | 'epoch'>): string => `${incarnation} ${epoch}`
