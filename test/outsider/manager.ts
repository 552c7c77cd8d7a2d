/**
 * A central manager with nothing but an MQTT client: it publishes bytes on request topics and reads what comes on
 * response topics. It checks nothing and repeats nothing by itself, so that it can also misbehave.
 */
import mqtt, { type MqttClient } from 'mqtt'
import type { Reply } from '../../agent/core/reply.ts'
import type { Presence } from '../../agent/core/views.ts'
import { decodePresence } from '../../agent/wire/event.ts'
import { decodeResponse } from '../../agent/wire/response.ts'

export const chassis = 'midplane/v1/demo'

export interface Manager {
  /** Resolves when the broker has it. */
  send(client: string, request: Uint8Array, how?: { readonly retain?: boolean }): Promise<void>
  publish(topic: string, payload: Uint8Array, retain?: boolean): Promise<void>
  /** Publishes and waits for the next response to this client. */
  ask(client: string, request: Uint8Array): Promise<Reply>
  /** Every response from now on, to any client. */
  onReply(heard: (client: string, reply: Reply) => void): void
  /** Resolves when the agent is, or comes, online with another boot id than that. */
  online(otherThan?: string): Promise<Presence>
  /** Resolves when the broker closed the connection. */
  readonly lost: Promise<void>
  close(): Promise<void>
}

export async function openManager(port: number, clientId: string): Promise<Manager> {
  const link: MqttClient = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId,
    protocolVersion: 4,
    reconnectPeriod: 0,
  })
  const listeners = new Set<(client: string, reply: Reply) => void>()
  const watchers = new Set<() => void>()
  let presence: Presence | undefined
  link.on('message', (topic, payload) => {
    if (topic === `${chassis}/presence`) {
      const read = decodePresence(payload)
      if ('unread' in read) throw new Error(`presence can not be read: ${read.unread.say}`)
      presence = read.value
      for (const each of [...watchers]) each()
      return
    }
    const read = decodeResponse(payload)
    if ('unread' in read) throw new Error(`${topic} can not be read: ${payload.toString('hex')}`)
    for (const each of [...listeners]) each(topic.slice(`${chassis}/rsp/`.length), read.value)
  })
  await link.subscribeAsync([`${chassis}/rsp/#`, `${chassis}/presence`], { qos: 1 })

  const lost = new Promise<void>((resolve) => link.once('close', () => resolve()))
  // The end of the connection is told by `lost`; how it came about is the broker's affair.
  link.on('error', () => {})

  async function publish(topic: string, payload: Uint8Array, retain = false): Promise<void> {
    await link.publishAsync(topic, Buffer.from(payload), { qos: 1, retain })
  }
  const send: Manager['send'] = (client, request, how) => publish(`${chassis}/req/${client}`, request, how?.retain)
  return {
    send,
    publish,
    ask: (client, request) =>
      new Promise((resolve, reject) => {
        const heard = (to: string, reply: Reply) => {
          if (to !== client) return
          listeners.delete(heard)
          resolve(reply)
        }
        listeners.add(heard)
        send(client, request).catch(reject)
      }),
    onReply: (heard) => void listeners.add(heard),
    online: (otherThan) =>
      new Promise((resolve) => {
        const look = () => {
          if (!presence?.online || presence.bootId === otherThan) return
          watchers.delete(look)
          resolve(presence)
        }
        watchers.add(look)
        look()
      }),
    lost,
    close: () => link.endAsync(true),
  }
}

/** The reason of a refusal, or what else it is. */
export function wordOf({ outcome }: Reply): string {
  return outcome.kind === 'refused' ? outcome.refusal.reason : outcome.kind
}
