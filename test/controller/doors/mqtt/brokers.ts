/** Brokers on a free port of loopback, and a wire between them and the door that a test can cut or hold still. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Aedes } from 'aedes'
import { need } from '../../../setup/peers.ts'

export interface Broker {
  readonly port: number
  /** Gone at once, with all that it knew. */
  kill(): Promise<void>
  /** Back on the same port. */
  start(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export async function startAedes(): Promise<Broker> {
  const port = await freePort()
  let stop = async () => {}
  async function start(): Promise<void> {
    const aedes = await Aedes.createBroker()
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true }, (socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      aedes.handle(socket)
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    stop = async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    }
  }
  await start()
  return { port, start, kill: () => stop() }
}

export async function startMosquitto(): Promise<Broker> {
  const port = await freePort()
  let child: ChildProcess | undefined
  let folder = ''
  async function start(): Promise<void> {
    folder = mkdtempSync(join(tmpdir(), 'midplane-mosquitto-'))
    const config = join(folder, 'mosquitto.conf')
    const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', 'set_tcp_nodelay true', 'persistence false']
    // Its default of 1,000 drops from a burst what it acknowledged to the sender; and root may not become another.
    writeFileSync(config, [...lines, 'max_queued_messages 10000', 'user root', 'log_dest stderr', ''].join('\n'))
    const started = spawn(need('mosquitto'), ['-c', config], { stdio: ['ignore', 'ignore', 'pipe'] })
    child = started
    let said = ''
    await new Promise<void>((resolve, reject) => {
      started.stderr.on('data', (text) => {
        said += text
        if (said.includes('running')) resolve()
      })
      started.on('exit', () => reject(new Error(`mosquitto ended: ${said}`)))
    })
  }
  async function kill(): Promise<void> {
    if (child && child.exitCode === null && child.signalCode === null) {
      child.removeAllListeners('exit')
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(folder, { recursive: true, force: true })
  }
  await start()
  return { port, start, kill }
}

export interface Wire {
  readonly port: number
  /** How often the door dialled. */
  dialled(): number
  /** Both ends see a broken connection. */
  cut(): void
  /** From now on nothing that the broker says arrives, on connections that stand. */
  silence(): void
  /** No connection comes through any more. */
  unplug(): void
  plug(): void
  close(): Promise<void>
}

export async function openWire(to: number): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let plugged = true
  let dialled = 0
  const server: Server = createServer({ noDelay: true }, (near) => {
    dialled += 1
    near.on('error', () => {})
    if (!plugged) return void near.destroy()
    const far = connect({ port: to, host: '127.0.0.1', noDelay: true })
    far.on('error', () => {})
    const pair = [near, far] as const
    pairs.add(pair)
    near.pipe(far)
    far.pipe(near)
    for (const each of pair) {
      each.on('close', () => {
        pairs.delete(pair)
        near.destroy()
        far.destroy()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const [near, far] of pairs) {
      near.destroy()
      far.destroy()
    }
  }
  return {
    port: (server.address() as AddressInfo).port,
    dialled: () => dialled,
    cut,
    silence: () => {
      for (const [near, far] of pairs) far.unpipe(near).resume()
    },
    unplug: () => {
      plugged = false
      cut()
    },
    plug: () => {
      plugged = true
    },
    close: async () => {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}
