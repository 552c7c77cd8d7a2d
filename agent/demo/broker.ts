/** The demo's own MQTT broker, so that nothing has to be installed to try it. It forgets everything when it ends. */
import { createServer, type Server, type Socket } from 'node:net'
import { Aedes } from 'aedes'
import { CanNot } from './can-not.ts'

export interface Broker {
  readonly port: number
  readonly url: string
  close(): Promise<void>
}

export const usualPort = 1883
const portsTried = 100

/** `port` absent: the usual one, or the next that is free. */
export async function startBroker(port: number | undefined): Promise<Broker> {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<Socket>()
  // Without TCP_NODELAY each round trip waits 40 ms for an acknowledgement.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    aedes.handle(socket)
  })
  const bound = port === undefined ? await nextFree(server) : await only(server, port)
  return {
    port: bound,
    url: `mqtt://127.0.0.1:${bound}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
    },
  }
}

async function nextFree(server: Server): Promise<number> {
  for (let port = usualPort; port < usualPort + portsTried; port++)
    if ((await listen(server, port)) === undefined) return port
  throw new CanNot(`ports ${usualPort} to ${usualPort + portsTried - 1} are all taken; name a free one with --port`)
}

async function only(server: Server, port: number): Promise<number> {
  const code = await listen(server, port)
  if (code === undefined) return port
  throw new CanNot(
    code === 'EADDRINUSE'
      ? `port ${port} is taken; end what listens there, or name another with --port`
      : `port ${port} can not be used (${code}); name another with --port`,
  )
}

/** Undefined: it listens. */
function listen(server: Server, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => {
      server.off('listening', done)
      resolve(error.code ?? error.message)
    }
    const done = () => {
      server.off('error', failed)
      resolve(undefined)
    }
    server.once('error', failed)
    server.once('listening', done)
    server.listen(port, '127.0.0.1')
  })
}
