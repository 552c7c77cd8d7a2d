/**
 * The two brokers that outsiders meet: aedes, in this process, which speaks MQTT 3.1.1 alone, and mosquitto, a program
 * of its own, which speaks 3.1.1 and 5. Both on a free port of loopback, both with nothing retained.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { need } from '../setup/peers.ts'

export interface Broker {
  readonly port: number
  /** Resolves when somebody has subscribed to exactly this filter from now on. */
  subscribed(filter: string): Promise<void>
  close(): Promise<void>
}

interface Waiting {
  readonly filter: string
  readonly resolve: () => void
}

/** Who waits for a subscription, and the word that it is there. */
function waitingRoom() {
  const waiting = new Set<Waiting>()
  return {
    subscribed: (filter: string) => new Promise<void>((resolve) => void waiting.add({ filter, resolve })),
    heard: (filter: string) => {
      for (const each of waiting) {
        if (each.filter !== filter) continue
        waiting.delete(each)
        each.resolve()
      }
    },
  }
}

export async function startAedes(): Promise<Broker> {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Tests kill who is connected.
    socket.on('error', () => {})
    aedes.handle(socket)
  })
  const room = waitingRoom()
  aedes.on('subscribe', (subscriptions) => {
    for (const { topic } of subscriptions) room.heard(topic)
  })
  aedes.on('clientError', () => {})
  aedes.on('connectionError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    subscribed: room.subscribed,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    },
  }
}

export async function startMosquitto(): Promise<Broker> {
  const folder = mkdtempSync(join(tmpdir(), 'midplane-mosquitto-'))
  const port = await freePort()
  const config = join(folder, 'mosquitto.conf')
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    // Otherwise it drops what comes while an agent is away, from the thousandth message on.
    'max_queued_messages 0',
    'log_dest stderr',
    'log_type subscribe',
    'log_type error',
    'log_type notice',
    'log_type information',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  const broker = spawn(need('mosquitto'), ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  // It does not outlive the tests, however they end.
  const stop = () => void broker.kill('SIGKILL')
  process.once('exit', stop)
  const room = waitingRoom()
  let said = ''
  let rest = ''
  const running = new Promise<void>((resolve, reject) => {
    broker.stderr.on('data', (piece: Buffer) => {
      const [...whole] = (rest + piece.toString('utf8')).split('\n')
      rest = whole.pop() ?? ''
      for (const line of whole) {
        said = `${said}${line}\n`.slice(-4096)
        if (/ running$/.test(line)) resolve()
        // "1700000000: client 1 filter"
        const filter = /^\d+: \S+ [012] (\S+)$/.exec(line)?.[1]
        if (filter !== undefined) room.heard(filter)
      }
    })
    broker.once('exit', () => reject(new Error(`mosquitto ended: ${said}`)))
  })
  await running
  return {
    port,
    subscribed: room.subscribed,
    close: async () => {
      process.off('exit', stop)
      if (broker.exitCode === null) {
        broker.kill('SIGKILL')
        await once(broker, 'exit')
      }
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A port that nobody listens on, a moment ago: mosquitto takes no 0. */
async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
