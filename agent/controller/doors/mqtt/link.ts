/**
 * One connection to a broker, from dialling to its end, and never used again: a new one starts with nothing of the old.
 * It knows MQTT and nothing of chassis; the only file that imports the MQTT client.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import mqtt, { type IClientOptions, type IConnackPacket, type IPublishPacket } from 'mqtt'
import type { Clock } from '../../clock.ts'
import { BrokerStream } from './broker-stream.ts'
import { packetGuard } from './packet-guard.ts'

export type Version = 4 | 5

export interface Address {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

export interface Tls {
  /** PEM. `ca` absent: those that Node knows. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export interface LinkOptions {
  readonly address: Address
  readonly tls?: Tls
  readonly version: Version
  readonly clientId: string
  readonly username?: string
  readonly password?: string
  readonly will: { readonly topic: string; readonly payload: Uint8Array }
  readonly keepaliveSeconds: number
  /** Most bytes of an incoming packet after its fixed header. */
  readonly limit: number
  readonly clock: Clock
}

export interface Incoming {
  readonly topic: string
  readonly payload: Uint8Array
  readonly retained: boolean
  readonly correlation?: Uint8Array
  readonly shortenedFrom?: number
  /** Lets the PUBACK go. Without it, the broker delivers the message again after a reconnect. */
  readonly acknowledge: () => void
}

export interface Down {
  /**
   * `version`: the broker does not speak this one. `refused`: it said no. `taken`: the client id is used elsewhere.
   * `closed`: it closed without a word, as MQTT 3.1.1 does when the id is used elsewhere.
   */
  readonly kind: 'version' | 'refused' | 'taken' | 'closed' | 'lost'
  readonly say: string
  /** Something answered at the address, but not with MQTT of this version. */
  readonly mute: boolean
}

export interface Ears {
  /** `window`: most publishes that the broker takes before it acknowledges one. */
  up(window: number): void
  /** `next` is called once when the next message may come. */
  heard(message: Incoming, next: () => void): void
  /** Once, and last. */
  down(down: Down): void
}

export interface Publish {
  readonly topic: string
  readonly payload: Uint8Array
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly correlation?: Uint8Array
}

export interface Link {
  /** `done` when the broker has it, with what it complained of; never, if the connection ends before. */
  publish(message: Publish, done: (complaint?: string) => void): void
  /** Resolves to what the broker complained of; never, if the connection ends before. */
  subscribe(filters: readonly string[], qos: 0 | 1): Promise<string | undefined>
  unsubscribe(filters: readonly string[]): void
  /** Says goodbye, so that no will is published. */
  leave(): void
  cut(why: string): void
}

/** Requests stay with the broker for so long while this agent is away. Their `expect` says which are still meant. */
const sessionSeconds = 86_400
/** Requests that the broker may have under way to us before we acknowledge one (MQTT 5.0 §3.1.2.11.3). */
const requestsUnderWay = 64
/** Ours, where the broker names none: 3.1.1 has no such number. */
const publishesUnderWay = 64
const connectMs = 15_000
const never = 2 ** 31 - 1

/** Throws, with what to give instead. */
export function parseBroker(url: string): Address {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const tls = new Map(Object.entries(schemes)).get(parsed?.protocol ?? '')
  if (!parsed || tls === undefined || parsed.hostname === '' || parsed.username || parsed.password)
    throw new Error("the broker's URL is mqtt://host:port or mqtts://host:port; user and password are given apart")
  const { hostname, port } = parsed
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (tls ? 8883 : 1883) : Number(port), tls }
}

/** Whether it is TLS. */
const schemes = { 'mqtt:': false, 'tcp:': false, 'mqtts:': true, 'tls:': true, 'ssl:': true }

function dial({ host, port, tls }: Address, credentials: Tls | undefined): Socket {
  if (!tls) return connectTcp({ host, port })
  return connectTls({ host, port, ...(isIP(host) === 0 && { servername: host }), ...credentials })
}

export function openLink(options: LinkOptions, ears: Ears): Link {
  const { address, version, clock } = options
  const shortened = new Map<number, number>()
  const guard = packetGuard({
    limit: options.limit,
    version,
    onShortened: ({ id, length }) => {
      if (id !== undefined) shortened.set(id, length)
    },
  })
  const socket = dial(address, options.tls)
  const stream = new BrokerStream(socket, guard)
  let reached = false
  socket.once(address.tls ? 'secureConnect' : 'connect', () => {
    reached = true
  })
  let connected = false
  let ended = false
  let kind: Down['kind'] = 'lost'

  const client = new mqtt.MqttClient(() => stream, clientOptions(options))
  const stopWaiting = clock.after(connectMs, () => stream.cut(`no answer from the broker in ${connectMs / 1000} s`))

  client.handleMessage = (packet: IPublishPacket, taken) => {
    // Not taken: the connection is gone, and the broker delivers it again to the next.
    if (ended) return
    const { messageId } = packet
    const held = packet.qos > 0 && messageId !== undefined
    // The codec reads a missing id as -1, and fails when it is to write that [MQTT-2.3.1-1].
    if (held && messageId < 1) return stream.cut('the broker sent a message without a packet id')
    const shortenedFrom = held ? shortened.get(messageId) : undefined
    if (held) shortened.delete(messageId)
    const correlation = packet.properties?.correlationData
    ears.heard(
      {
        topic: packet.topic,
        payload: bytesOf(packet.payload),
        retained: packet.retain,
        ...(correlation && { correlation }),
        ...(shortenedFrom !== undefined && { shortenedFrom }),
        acknowledge: held ? stream.gate.hold(messageId) : () => {},
      },
      () => taken(),
    )
  }
  client.on('connect', (connack) => {
    if (ended) return
    connected = true
    stopWaiting()
    ears.up(windowOf(connack))
  })
  client.on('error', (error) => {
    const code = 'code' in error ? error.code : undefined
    if (!connected && typeof code === 'number') {
      // MQTT 3.1.1 §3.2.2.3 code 1, also towards a v5 CONNECT; MQTT 5.0 §3.2.2.2 code 0x84.
      kind = code === 0x01 || code === 0x84 ? 'version' : 'refused'
    }
    stream.cut(error.message)
  })
  client.on('disconnect', (packet) => {
    const code = packet.reasonCode ?? 0
    // MQTT 5.0 §3.14.2.1: session taken over.
    if (code === 0x8e) kind = 'taken'
    stream.fault ??=
      code === 0x8e ? 'another client took over this client id' : `the broker closed, reason code ${code}`
  })
  client.on('close', () => {
    if (ended) return
    ended = true
    stopWaiting()
    if (kind === 'lost' && (stream.fault === undefined || stream.fault.includes('ECONNRESET'))) kind = 'closed'
    ears.down({ kind, say: stream.fault ?? 'the broker closed the connection', mute: reached && !connected })
  })

  return {
    publish: ({ topic, payload, qos, retain, correlation }, done) => {
      const properties =
        version === 5 && correlation ? { properties: { correlationData: Buffer.from(correlation) } } : {}
      client.publish(topic, Buffer.from(payload), { qos, retain, ...properties }, (error) => {
        if (!ended) done(error?.message)
      })
    },
    subscribe: (filters, qos) =>
      new Promise((resolve) => {
        // Retain as published: a retained request is known as one even while it is sent (MQTT 5.0 §3.8.3.1).
        const how = version === 5 ? { qos, rap: true, nl: true } : { qos }
        client.subscribe([...filters], how, (error) => {
          if (!ended) resolve(error?.message)
        })
      }),
    unsubscribe: (filters) => void client.unsubscribe([...filters], () => {}),
    leave: () => void client.end(),
    cut: (why) => stream.cut(why),
  }
}

function clientOptions(options: LinkOptions): IClientOptions {
  const { version, username, password, will } = options
  const store = () => new mqtt.Store({ clean: false })
  return {
    clientId: options.clientId,
    protocolVersion: version,
    // The session outlives the connection, so that a request that was not acknowledged is delivered again.
    clean: false,
    keepalive: options.keepaliveSeconds,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    will: { topic: will.topic, payload: Buffer.from(will.payload), qos: 1, retain: true },
    ...(version === 5 && {
      properties: { sessionExpiryInterval: sessionSeconds, receiveMaximum: requestsUnderWay },
    }),
    // One client is one connection; when to dial again, and what to say then, is not its to decide.
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    connectTimeout: never,
    timerVariant: 'native',
    // Its own would be gone after the end, and a late acknowledgement would find nothing where it looks.
    outgoingStore: store(),
    incomingStore: store(),
  }
}

function windowOf(connack: IConnackPacket): number {
  return Math.min(connack.properties?.receiveMaximum ?? publishesUnderWay, publishesUnderWay)
}

function bytesOf(payload: string | Buffer): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
