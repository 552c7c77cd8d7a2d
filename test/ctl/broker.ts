/** A real broker on loopback, with what tests need of it: to cut clients off, and to see who is there. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { Aedes } from 'aedes'

export interface Broker {
  readonly url: string
  /** Protocol levels of the CONNECTs that were accepted or refused, oldest first. */
  readonly connects: readonly { readonly id: string; readonly version: number }[]
  /** Cuts the connections of all clients whose id begins so; returns how many. */
  cut(idPrefix: string): number
  /** Everything that a client published, in order. */
  onPublish(listener: (topic: string, clientId: string, retain: boolean) => void): void
  close(): Promise<void>
}

export async function startBroker(): Promise<Broker> {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A test cuts connections on purpose.
    socket.on('error', () => {})
    aedes.handle(socket)
  })
  const connects: { id: string; version: number }[] = []
  const ready = new Map<string, { close(done?: () => void): void }>()
  aedes.preConnect = (_client, packet, done) => {
    connects.push({ id: packet.clientId, version: packet.protocolVersion ?? 4 })
    done(null, true)
  }
  aedes.on('client', (client) => ready.set(client.id, client))
  aedes.on('clientDisconnect', (client) => ready.delete(client.id))
  aedes.on('clientError', () => {})
  aedes.on('connectionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `mqtt://127.0.0.1:${port}`,
    connects,
    cut: (idPrefix) => {
      const cut = [...ready].filter(([id]) => id.startsWith(idPrefix))
      for (const [id, client] of cut) {
        ready.delete(id)
        client.close()
      }
      return cut.length
    },
    onPublish: (listener) => {
      aedes.on('publish', (packet, client) => client && listener(packet.topic, client.id, packet.retain))
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    },
  }
}

/** A port that nobody listens on, a moment ago. */
export async function deadUrl(): Promise<string> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `mqtt://127.0.0.1:${port}`
}
