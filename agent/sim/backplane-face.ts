/**
 * The backplane face of the simulated chassis: a local socket that answers the backplane's line protocol and
 * tells everybody who is connected which bay changed, or that the owner line did. A connection speaks for the
 * controller slot that it said hello for. Without AC there is nothing that could answer: connections are
 * dropped, and new ones too, until it returns; those of a controller that was removed go with it.
 */
import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { readLines } from '../backplane/lines.ts'
import {
  type BackplaneReply,
  type BackplaneRequest,
  type ControllerSlot,
  changedLine,
  lineChangedLine,
  longestLine,
  parseRequest,
  replyLine,
} from '../backplane/protocol.ts'
import { seatOf } from './arbiter.ts'
import type { ChassisHost } from './host.ts'

/** A socket's path, or a port of 127.0.0.1; port 0 takes a free one. */
export type LocalAddress = { readonly path: string } | { readonly port: number }

export interface ServedBackplane {
  readonly address: LocalAddress
  close(): Promise<void>
}

/** Somebody who does not read what he asked for is dropped. */
const mostUnread = 1_048_576

export async function serveBackplane(host: ChassisHost, at: LocalAddress): Promise<ServedBackplane> {
  /** Each connection, and the slot that it speaks for. */
  const sockets = new Map<Socket, ControllerSlot | undefined>()
  const ask = (socket: Socket, request: BackplaneRequest): BackplaneReply | undefined => {
    const slot = sockets.get(socket)
    if (request.do === 'hello' && slot !== undefined && slot !== request.slot)
      return { ok: false, error: `this connection speaks for slot ${slot}` }
    const reply = host.askBackplane(request, slot ?? 'unsaid')
    if (request.do === 'hello' && reply?.ok) sockets.set(socket, request.slot)
    return reply
  }
  const say = (socket: Socket, line: string) => {
    if (socket.writableLength > mostUnread) socket.destroy()
    else socket.write(line)
  }
  const server = createServer({ noDelay: true }, (socket) => {
    // A peer that goes away in the middle of a line is no news.
    socket.on('error', () => socket.destroy())
    if (!host.world.ac) {
      socket.destroy()
      return
    }
    sockets.set(socket, undefined)
    socket.on('close', () => sockets.delete(socket))
    const lines = readLines(
      longestLine,
      (line) => {
        const read = parseRequest(line)
        if ('error' in read) return say(socket, replyLine(read.id, { ok: false, error: read.error }))
        const reply = ask(socket, read.request)
        if (reply === undefined) socket.destroy()
        else say(socket, replyLine(read.id, reply))
      },
      () => say(socket, replyLine(null, { ok: false, error: `a line has at most ${longestLine} bytes` })),
    )
    socket.on('data', (chunk) => lines.push(chunk))
  })
  server.maxConnections = 16
  const deafen = host.onChange((bay) => {
    for (const socket of sockets.keys()) say(socket, changedLine(bay))
  })
  const unhook = host.onLine(() => {
    for (const [socket, slot] of sockets) {
      if (slot !== undefined && seatOf(host.world, slot)?.state === 'absent') socket.destroy()
      else say(socket, lineChangedLine)
    }
  })
  const unplug = host.onAc((on) => {
    if (!on) for (const socket of sockets.keys()) socket.destroy()
  })
  const address = await listen(server, at)
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        deafen()
        unhook()
        unplug()
        server.close(() => resolve())
        for (const socket of sockets.keys()) socket.destroy()
      }),
  }
}

async function listen(server: Server, at: LocalAddress): Promise<LocalAddress> {
  if ('path' in at && (await isStale(at.path))) rmSync(at.path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen('path' in at ? { path: at.path } : { host: '127.0.0.1', port: at.port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? { port: bound.port } : at
}

/** A socket that a killed program left behind: there, and nobody answers. Any other file is left alone. */
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.on('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}
