/**
 * The stream between the MQTT client and its socket, with a guard on the way in and a gate on the way out. The client
 * sees an ordinary stream; what is wrong with the connection stands in `fault`.
 */
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { PacketGuard } from './packet-guard.ts'
import { PubackGate } from './puback-gate.ts'

export class BrokerStream extends Duplex {
  readonly gate: PubackGate
  /** Why the connection ended, as far as known here. */
  fault: string | undefined
  readonly #socket: Socket
  readonly #guard: PacketGuard

  constructor(socket: Socket, guard: PacketGuard) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    this.#guard = guard
    this.gate = new PubackGate((bytes) => {
      if (!socket.destroyed) socket.write(bytes)
    })
    // 40 to 90 ms for each round trip otherwise: Nagle's algorithm meets the other side's delayed acknowledgement.
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('end', () => this.push(null))
    socket.on('error', (error) => this.cut(error.message || String(error)))
    socket.on('close', () => this.destroy())
  }

  cut(why: string): void {
    this.fault ??= why
    this.destroy()
  }

  #receive(chunk: Buffer): void {
    const { bytes, cut } = this.#guard.pass(chunk)
    if (bytes.length > 0 && !this.push(bytes)) this.#socket.pause()
    if (cut !== undefined) this.cut(`the broker sent ${cut}`)
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#socket.cork()
    this.gate.push(chunk)
    this.#socket.uncork()
    if (this.#socket.writableNeedDrain) this.#socket.once('drain', () => done())
    else done()
  }

  /** The client writes a packet in many small pieces. */
  override _writev(pieces: readonly { readonly chunk: Buffer }[], done: (error?: Error) => void): void {
    this._write(Buffer.concat(pieces.map(({ chunk }) => chunk)), 'utf8', done)
  }

  override _final(done: () => void): void {
    if (this.#socket.destroyed) done()
    else this.#socket.end(done)
  }

  override _destroy(_error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(null)
  }
}
