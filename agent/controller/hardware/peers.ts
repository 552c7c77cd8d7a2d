/** The wire between two controllers: lines over TCP, on the network inside the chassis. What they say is for the pair. */
import { connect, createServer, type Socket } from 'node:net'
import { readLines } from '../../backplane/lines.ts'

/** Carries whole lines, in order, or ends. */
export interface Pipe {
  send(line: string): void
  onLine(heard: (line: string) => void): void
  /** Called once, whoever ended it. */
  onEnd(heard: () => void): void
  end(): void
}

/** How controllers find each other: one dials, the other listens. */
export interface Peers {
  /** Rejects where nobody answers. */
  dial(): Promise<Pipe>
  listen(heard: (pipe: Pipe) => void): void
  close(): Promise<void>
}

/** A longer line is no message of a pair: the largest holds the whole state once. */
const longestMessage = 64 * 1024 * 1024

export interface TcpPeers {
  readonly listen: { readonly host: string; readonly port: number }
  readonly peer: { readonly host: string; readonly port: number }
  readonly log: (line: string) => void
}

/** A peer that takes nothing for so long is gone. */
const dialMs = 2_000

export function tcpPeers({ listen, peer, log }: TcpPeers): Peers {
  const sockets = new Set<Socket>()
  const server = createServer()
  let heard: (pipe: Pipe) => void = (pipe) => pipe.end()
  server.on('connection', (socket) => heard(pipeOver(socket, sockets)))
  server.on('error', (error) => log(`the pair can not listen at ${listen.host}:${listen.port}: ${error.message}`))
  server.listen(listen.port, listen.host)
  return {
    dial: () =>
      new Promise((resolve, reject) => {
        const socket = connect({ ...peer, noDelay: true })
        socket.setTimeout(dialMs, () => socket.destroy(new Error('no answer')))
        socket.once('error', reject)
        socket.once('connect', () => {
          socket.setTimeout(0)
          socket.off('error', reject)
          resolve(pipeOver(socket, sockets))
        })
      }),
    listen: (each) => {
      heard = each
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function pipeOver(socket: Socket, sockets: Set<Socket>): Pipe {
  sockets.add(socket)
  socket.setNoDelay(true)
  const ended: (() => void)[] = []
  const heard: ((line: string) => void)[] = []
  const lines = readLines(
    longestMessage,
    (line) => {
      for (const each of heard) each(line)
    },
    () => socket.destroy(),
  )
  socket.on('data', (chunk) => lines.push(chunk))
  socket.on('error', () => undefined) // `close` follows
  socket.on('close', () => {
    sockets.delete(socket)
    for (const each of ended) each()
  })
  return {
    send: (line) => void socket.write(`${line}\n`),
    onLine: (each) => void heard.push(each),
    onEnd: (each) => void ended.push(each),
    end: () => socket.destroy(),
  }
}
