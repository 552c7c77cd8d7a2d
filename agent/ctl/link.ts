/**
 * One MQTT session with a broker, kept up: after a lost connection it dials again, subscribes to the same topics in
 * the same order, and says so. It never queues: what is published while there is no connection fails at once, and
 * whoever wanted it decides whether it is still wanted. Every connection is a new client of the MQTT library, so that
 * nothing that the library had stored for a lost one comes out later, and so that MQTT 5 can fall back to 3.1.1.
 */
import { connect as dialBroker, type IClientOptions, type MqttClient } from 'mqtt'
import { Stopped, Unreachable } from './errors.ts'
import { bell, pause, waitFor } from './wait.ts'

export interface LinkOptions {
  /** `mqtt://host:port` or `mqtts://host:port`; user and password may stand in it. */
  readonly broker: string
  readonly mqttClientId: string
  /** 5: MQTT 5 where the broker speaks it, else 3.1.1. */
  readonly mqtt: 3 | 5
  readonly tls?: { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array } | undefined
  /** Longest that connecting may take, in milliseconds. */
  readonly connectMs: number
  readonly signal?: AbortSignal | undefined
}

export interface Message {
  readonly topic: string
  readonly payload: Uint8Array
}

export interface Publication extends Message {
  /** Used where MQTT 5 is spoken: the broker drops the message after so long, and a tracer can match the answer. */
  readonly expirySeconds: number
  readonly correlation: string
  readonly responseTopic: string
}

export interface Link {
  readonly isUp: () => boolean
  /** MQTT version that is spoken. */
  readonly version: () => 3 | 5
  /** Subscribed now and at every later connection, in the order of the calls. */
  subscribe(filters: readonly string[]): Promise<void>
  unsubscribe(filter: string): Promise<void>
  /** QoS 1; resolves when the broker has it. Rejects at once while there is no connection. */
  publish(publication: Publication): Promise<void>
  onMessage(listener: (message: Message) => void): () => void
  /** True: connected again and subscribed. False: lost. */
  onChange(listener: (isUp: boolean) => void): () => void
  close(): Promise<void>
}

/** Between two attempts to connect again, in milliseconds: the first, and the longest. */
const retry = { first: 100, longest: 5_000 }

export async function openLink(options: LinkOptions): Promise<Link> {
  const messages = bell<Message>()
  const changes = bell<boolean>()
  const filters: string[] = []
  const halt = new AbortController()
  let version = options.mqtt
  let current: MqttClient | undefined

  async function dial(): Promise<MqttClient> {
    try {
      return await dialAs(version)
    } catch (error) {
      if (version === 3 || !(error instanceof Declined)) throw error
      version = 3
      return dialAs(version)
    }
  }

  async function dialAs(spoken: 3 | 5): Promise<MqttClient> {
    const { client, settled } = attempt(options, spoken, halt.signal, (message) => messages.ring(message))
    try {
      await settled
      await grant(client, filters)
    } catch (error) {
      await client.endAsync(true)
      throw error
    }
    return client
  }

  /** Watches a connection; when it goes, another is made, for as long as it takes. */
  function tend(client: MqttClient): void {
    current = client
    const lost = () => {
      client.off('close', lost)
      client.end(true)
      if (halt.signal.aborted) return
      current = undefined
      changes.ring(false)
      void again()
    }
    client.on('close', lost)
    // It may have gone while the topics were subscribed.
    if (!client.connected) lost()
  }

  async function again(): Promise<void> {
    for (let wait = retry.first; !halt.signal.aborted; wait = Math.min(wait * 2, retry.longest)) {
      await pause(wait, halt.signal)
      if (halt.signal.aborted) return
      try {
        tend(await dial())
        if (current) changes.ring(true)
        return
      } catch {
        // Not there yet. Whoever waits for something has a limit of their own.
      }
    }
  }

  async function close(): Promise<void> {
    options.signal?.removeEventListener('abort', stop)
    halt.abort()
    const client = current
    current = undefined
    await client?.endAsync()
  }
  const stop = () => void close()
  if (options.signal?.aborted) throw new Stopped('stopped')
  options.signal?.addEventListener('abort', stop, { once: true })

  try {
    tend(await dial())
  } catch (error) {
    await close()
    throw error
  }

  return {
    isUp: () => current !== undefined,
    version: () => version,
    subscribe: async (more) => {
      const fresh = more.filter((filter) => !filters.includes(filter))
      filters.push(...fresh)
      // Without a connection the next one subscribes to them.
      if (current) await grant(current, fresh)
    },
    unsubscribe: async (filter) => {
      filters.splice(filters.indexOf(filter), 1)
      await current?.unsubscribeAsync(filter)
    },
    publish: async ({ topic, payload, expirySeconds, correlation, responseTopic }) => {
      if (!current) throw new Unreachable(`the connection to ${shown(options.broker)} is lost; try again`)
      const properties = {
        messageExpiryInterval: expirySeconds,
        correlationData: Buffer.from(correlation),
        responseTopic,
      }
      await current.publishAsync(topic, Buffer.from(payload), { qos: 1, ...(version === 5 && { properties }) })
    },
    onMessage: messages.hear,
    onChange: changes.hear,
    close,
  }
}

/** The broker answered, but not as one that speaks this version. */
class Declined extends Unreachable {}

function attempt(
  { broker, mqttClientId, tls, connectMs }: LinkOptions,
  version: 3 | 5,
  signal: AbortSignal,
  heard: (message: Message) => void,
): { readonly client: MqttClient; readonly settled: Promise<void> } {
  const where = shown(broker)
  const settings: IClientOptions = {
    protocolVersion: version === 5 ? 5 : 4,
    clientId: mqttClientId,
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: connectMs,
    ...(tls?.ca && { ca: Buffer.from(tls.ca) }),
    ...(tls?.cert && { cert: Buffer.from(tls.cert) }),
    ...(tls?.key && { key: Buffer.from(tls.key) }),
  }
  const client = dialBroker(broker, settings)
  client.on('message', (topic, payload) => heard({ topic, payload }))
  const late = () => new Unreachable(`${where} did not answer in ${connectMs / 1000} s; check the address`)
  const settled = waitFor<void>({ ms: connectMs, signals: [signal], late }, (done, failed) => {
    const connected = () => {
      // Off by default; a round trip costs 44 ms more for each side that leaves it off.
      if ('setNoDelay' in client.stream && typeof client.stream.setNoDelay === 'function')
        client.stream.setNoDelay(true)
      done()
    }
    const broken = (error: Error) => failed(whyNot(where, version, error))
    const closed = () => failed(new Declined(`${where} closed the connection; check that it is an MQTT broker`))
    client.once('connect', connected)
    client.on('error', broken)
    client.once('close', closed)
    return () => {
      client.off('connect', connected)
      client.off('error', broken)
      client.off('close', closed)
      client.on('error', () => {}) // what comes after is about a connection that is given up
    }
  })
  return { client, settled }
}

function whyNot(where: string, version: 3 | 5, error: Error): Unreachable {
  const code = 'code' in error ? error.code : undefined
  // CONNACK: 1 in 3.1.1 and 132 in 5 are "unacceptable protocol version".
  if (version === 5 && (code === 1 || code === 132)) return new Declined(`${where} does not speak MQTT 5`)
  if (code === 'ECONNREFUSED') return new Unreachable(`nothing listens on ${where}; start the broker, or say --broker`)
  if (typeof code === 'number') return new Unreachable(`${where} refuses this client: ${error.message.toLowerCase()}`)
  // Connecting by name to several addresses fails with an error for each and no words of its own.
  return new Unreachable(`${where} can not be reached: ${error.message || String(code)}`)
}

async function grant(client: MqttClient, filters: readonly string[]): Promise<void> {
  for (const filter of filters) {
    let denied: boolean
    try {
      const granted = await client.subscribeAsync(filter, { qos: 1 })
      denied = granted.some(({ qos }) => qos === 128)
    } catch (error) {
      if (!client.connected) throw new Unreachable('the connection was lost while subscribing; try again')
      throw new Unreachable(`the broker does not let this client read ${filter}: ${(error as Error).message}`)
    }
    if (denied) throw new Unreachable(`the broker does not let this client read ${filter}; ask for that right`)
  }
}

/** The broker as it may be shown: without a password. */
export function shown(broker: string): string {
  return broker.replace(/\/\/[^@/]*@/, '//')
}
