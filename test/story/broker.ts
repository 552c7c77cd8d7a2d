/**
 * The broker of a story: one that can be killed, and started again on the same port knowing nothing of what it had
 * retained. aedes lives in the test's own process; mosquitto is the real program.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { need } from '../setup/peers.ts'
import { Program } from './process.ts'

export interface Broker {
  readonly url: string
  /** Topics that were published with the retain flag since it was last started; mosquitto does not tell. */
  readonly retained: ReadonlySet<string>
  kill(): Promise<void>
  start(): Promise<void>
}

export const brokers = ['aedes', 'mosquitto'] as const
export type BrokerKind = (typeof brokers)[number]

export async function startBroker(kind: BrokerKind, folder: string): Promise<Broker> {
  const port = await freePort()
  const broker = kind === 'aedes' ? aedes(port) : mosquitto(port, folder)
  await broker.start()
  return broker
}

/** A port that nobody listens on, a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function aedes(port: number): Broker {
  const sockets = new Set<Socket>()
  const retained = new Set<string>()
  let running: { readonly aedes: Aedes; readonly server: Server } | undefined
  return {
    url: `mqtt://127.0.0.1:${port}`,
    retained,
    start: async () => {
      const broker = await Aedes.createBroker()
      retained.clear()
      // Clients are killed on purpose.
      broker.on('clientError', () => {})
      broker.on('connectionError', () => {})
      broker.on('publish', ({ topic, retain }) => void (retain && retained.add(topic)))
      const server = createServer({ noDelay: true }, (socket) => {
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        socket.on('error', () => {})
        broker.handle(socket)
      })
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
      running = { aedes: broker, server }
    },
    kill: async () => {
      if (!running) return
      const { aedes: broker, server } = running
      running = undefined
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await new Promise<void>((resolve) => broker.close(() => resolve()))
    },
  }
}

function mosquitto(port: number, folder: string): Broker {
  const config = join(folder, 'mosquitto.conf')
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true', 'persistence false']
  writeFileSync(config, `${lines.join('\n')}\n`)
  let program: Program | undefined
  return {
    url: `mqtt://127.0.0.1:${port}`,
    retained: new Set(),
    start: async () => {
      program = new Program('mosquitto', [need('mosquitto'), '-c', config, '-v'], { cwd: folder, env: {} })
      await program.says(/mosquitto version .* running/, 'stderr')
    },
    kill: async () => {
      await program?.end('SIGKILL')
    },
  }
}
