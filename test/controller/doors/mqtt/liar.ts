/** A broker that a test writes itself, byte by byte: it greets and acknowledges like a sound one, until it turns. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { HeaderReader } from '../../../../agent/controller/doors/mqtt/fixed-header.ts'
import type { Version } from '../../../../agent/controller/doors/mqtt/link.ts'
import { connack, encode, type Packet, puback, suback } from './bytes.ts'

export interface Manners {
  /** After the subscription to requests was granted. On the first connection, it answers nothing from then on. */
  readonly turn?: (socket: Socket, connection: number) => void
  /** What each subscription is answered with; absent: granted. */
  readonly grants?: number
  /** Packet types that it leaves unanswered. */
  readonly ignores?: readonly number[]
}

export async function startLiar(version: Version, { turn, grants = 0, ignores = [] }: Manners) {
  let connections = 0
  const server: Server = createServer({ noDelay: true }, (socket) => {
    const connection = ++connections
    let reader = new HeaderReader()
    let packet: { first: number; left: number; body: number[] } | undefined
    let turned = false
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const byte of chunk) {
        if (packet === undefined) {
          const header = reader.take(byte)
          if (header === 'more' || header === 'malformed') continue
          reader = new HeaderReader()
          packet = { first: header.first, left: header.length, body: [] }
        } else {
          packet.body.push(byte)
          packet.left -= 1
        }
        if (packet.left > 0) continue
        answer({ first: packet.first, body: Uint8Array.from(packet.body) })
        packet = undefined
      }
    })
    function answer({ first, body }: Packet): void {
      const type = first >> 4
      if (socket.destroyed || turned || ignores.includes(type)) return
      const at = type === 3 ? 2 + (body[0] ?? 0) * 256 + (body[1] ?? 0) : 0
      const id = (body[at] ?? 0) * 256 + (body[at + 1] ?? 0)
      if (type === 1) socket.write(encode(connack(version)))
      else if (type === 3 && (first & 6) > 0) socket.write(encode(puback(id)))
      else if (type === 8) {
        const filters = Buffer.from(body).toString('latin1').split('midplane/').length - 1
        socket.write(encode(suback(id, version, Array(filters).fill(grants))))
        if (filters === 1 && turn) {
          turned = connection === 1
          turn(socket, connection)
        }
      }
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}
