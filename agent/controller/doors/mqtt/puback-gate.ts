/**
 * Holds a PUBACK back until what it acknowledges is durable (I2), while other packets go out. The MQTT client takes the
 * next packet only when it has written the PUBACK of the last one; were that written when the journal has it, then one
 * slow write would hold up every other request and the broker's pings. So the client acknowledges at once, and the
 * acknowledgement waits here, in order [MQTT-4.6.0-2].
 */
import { HeaderReader, packetType, typeOf } from './fixed-header.ts'

type At =
  | { readonly at: 'header' }
  | { readonly at: 'body'; readonly left: number }
  | { readonly at: 'puback'; readonly left: number; readonly bytes: number[] }

export class PubackGate {
  readonly #write: (bytes: Uint8Array) => void
  readonly #reader = new HeaderReader()
  readonly #held = new Set<number>()
  readonly #pubacks: { readonly id: number; readonly bytes: Uint8Array }[] = []
  #at: At = { at: 'header' }

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write
  }

  /** From now on the PUBACK of this packet waits, until the returned function is called. */
  hold(id: number): () => void {
    this.#held.add(id)
    return () => {
      if (this.#held.delete(id)) this.#release()
    }
  }

  /** What the client writes, in pieces of any size. */
  push(chunk: Uint8Array): void {
    let i = 0
    while (i < chunk.length) {
      if (this.#at.at === 'header') {
        const header = this.#reader.take(chunk[i++] ?? 0)
        if (header === 'more') continue
        if (header === 'malformed')
          throw new Error('the MQTT client wrote a packet whose length has more than four bytes')
        if (typeOf(header) === packetType.puback)
          this.#at = { at: 'puback', left: header.length, bytes: [...header.raw] }
        else {
          this.#write(Uint8Array.from(header.raw))
          if (header.length > 0) this.#at = { at: 'body', left: header.length }
        }
        continue
      }
      const { left } = this.#at
      const part = chunk.subarray(i, i + left)
      i += part.length
      if (this.#at.at === 'puback') this.#at.bytes.push(...part)
      else this.#write(part)
      if (left > part.length) {
        this.#at = { ...this.#at, left: left - part.length }
        continue
      }
      if (this.#at.at === 'puback') this.#keep(this.#at.bytes)
      this.#at = { at: 'header' }
    }
    this.#release()
  }

  #keep(bytes: readonly number[]): void {
    // Two bytes of header, since the whole is shorter than 128; then the packet id (MQTT 3.1.1 §3.4.2).
    const [, , high, low] = bytes
    this.#pubacks.push({ id: (high ?? 0) * 256 + (low ?? 0), bytes: Uint8Array.from(bytes) })
  }

  /** Only between two packets: the client may be in the middle of another. */
  #release(): void {
    while (this.#at.at === 'header') {
      const [first] = this.#pubacks
      if (first === undefined || this.#held.has(first.id)) return
      this.#pubacks.shift()
      this.#write(first.bytes)
    }
  }
}
