/** A central manager, as far as a door can tell: it sends requests and keeps all that it hears. */
import { Socket } from 'node:net'
import mqtt, { type IPublishPacket } from 'mqtt'
import { type ClientId, parseId } from '../../../../agent/core/addresses.ts'
import type { Reply } from '../../../../agent/core/reply.ts'
import type { Event, Presence } from '../../../../agent/core/views.ts'
import type { Body } from '../../../../agent/wire/command.ts'
import { decodeEvent, decodePresence } from '../../../../agent/wire/event.ts'
import type { Received } from '../../../../agent/wire/receive.ts'
import { encodeRequest, type OutgoingRequest } from '../../../../agent/wire/request.ts'
import { decodeResponse } from '../../../../agent/wire/response.ts'
import { chassisFilter, jsonFilter, topicOf } from '../../../../agent/wire/topics.ts'
import { chassis } from './front.ts'

export interface Heard {
  readonly topic: string
  readonly payload: Buffer
  readonly retained: boolean
  readonly correlation?: Buffer
}

export const locate: Body = { kind: 'locate', bay: 3, lit: true }

export function readable<Value>(received: Received<Value>): Value {
  if ('unread' in received) throw new Error(received.unread.say)
  return received.value
}

let requests = 0
export const requestId = (): string => `request-${String(++requests).padStart(6, '0')}`

export type Manager = Awaited<ReturnType<typeof openManager>>

export async function openManager(port: number, name = 'ironic-1', version: 4 | 5 = 4) {
  const client = parseId(name) as ClientId
  const connection = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    ...{ clientId: name, protocolVersion: version, reconnectPeriod: 50, timerVariant: 'native' },
  })
  if (connection.stream instanceof Socket) connection.stream.setNoDelay(true)
  const all: Heard[] = []
  const waiting = new Set<() => void>()
  connection.on('message', (topic, payload, packet: IPublishPacket) => {
    const correlation = packet.properties?.correlationData
    all.push({ topic, payload, retained: packet.retain, ...(correlation && { correlation }) })
    for (const look of [...waiting]) look()
  })
  const responses = topicOf({ kind: 'response', chassis, client })
  await connection.subscribeAsync([...chassisFilter(chassis), jsonFilter(chassis), responses], { qos: 1 })

  /** The first message that fits, heard already or still to come. */
  function waitFor(fits: (heard: Heard) => boolean, from = 0): Promise<Heard> {
    let looked = from
    return new Promise((resolve) => {
      const look = () => {
        while (looked < all.length) {
          const heard = all[looked++]
          if (!heard || !fits(heard)) continue
          waiting.delete(look)
          resolve(heard)
          return
        }
      }
      waiting.add(look)
      look()
    })
  }
  /** When so many answers came, counted from the start. */
  async function answers(count: number): Promise<void> {
    let seen = 0
    await waitFor(({ topic }) => topic === responses && ++seen === count)
  }
  const on = (topic: string) => (heard: Heard) => heard.topic === topic
  const replyTo =
    (id: string) =>
    ({ topic, payload }: Heard) =>
      topic === responses && readable(decodeResponse(payload)).request === id

  const requestOf = (body: Body, more: Partial<OutgoingRequest> = {}): OutgoingRequest => ({
    ...{ request: requestId(), chassis, dryRun: false, body, ...more },
  })
  const topic = topicOf({ kind: 'request', chassis, client })
  const send = (payload: Uint8Array, options: mqtt.IClientPublishOptions = {}) =>
    connection.publishAsync(topic, Buffer.from(payload), { qos: 1, ...options })

  return {
    all,
    connection,
    waitFor,
    send,
    requestOf,
    answers,
    replies: (): Reply[] => all.filter(on(responses)).map(({ payload }) => readable(decodeResponse(payload))),
    async request(body: Body, more: Partial<OutgoingRequest> = {}): Promise<Reply> {
      const outgoing = requestOf(body, more)
      await send(encodeRequest(outgoing))
      return readable(decodeResponse((await waitFor(replyTo(outgoing.request))).payload))
    },
    reply: async (id: string, from = 0): Promise<Reply> =>
      readable(decodeResponse((await waitFor(replyTo(id), from)).payload)),
    /** The next answer, whatever it answers. */
    answer: async (from: number): Promise<Reply> =>
      readable(decodeResponse((await waitFor(on(responses), from)).payload)),
    presence: async (fits: (presence: Presence) => boolean, from = 0): Promise<Presence> => {
      const isPresence = on(topicOf({ kind: 'presence', chassis }))
      const heard = await waitFor((each) => isPresence(each) && fits(readable(decodePresence(each.payload))), from)
      return readable(decodePresence(heard.payload))
    },
    event: async (fits: (event: Event) => boolean, from = 0): Promise<Event> => {
      const isEvent = ({ topic }: Heard) => topic.startsWith(`midplane/v1/${chassis}/event/`)
      const heard = await waitFor((each) => isEvent(each) && fits(readable(decodeEvent(each.payload))), from)
      return readable(decodeEvent(heard.payload))
    },
    part: (name: string, fits: (heard: Heard) => boolean = () => true, from = 0): Promise<Heard> =>
      waitFor((heard) => heard.topic === topicOf({ kind: 'state', chassis, part: name }) && fits(heard), from),
    close: () => connection.endAsync(true),
  }
}
