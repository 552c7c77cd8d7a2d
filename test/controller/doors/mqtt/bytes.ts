/** MQTT packets as bytes, written down by hand: a second opinion on what the door's codec reads and writes. */
import { writeLength } from '../../../../agent/controller/doors/mqtt/fixed-header.ts'

export interface Packet {
  readonly first: number
  readonly body: Uint8Array
}

export const encode = ({ first, body }: Packet): Uint8Array =>
  Uint8Array.from([first, ...writeLength(body.length), ...body])

const word = (number: number): number[] => [number >> 8, number & 0xff]

export function publish(topic: string, payload: Uint8Array, { qos = 1, id = 1, version = 4 } = {}): Packet {
  const name = Buffer.from(topic)
  const start = [...word(name.length), ...name, ...(qos > 0 ? word(id) : []), ...(version === 5 ? [0] : [])]
  return { first: 0x30 | (qos << 1), body: Buffer.concat([Uint8Array.from(start), payload]) }
}
export const puback = (id: number): Packet => ({ first: 0x40, body: Uint8Array.from(word(id)) })
export const connack = (version: 4 | 5): Packet => ({
  first: 0x20,
  body: Uint8Array.from(version === 5 ? [0, 0, 0] : [0, 0]),
})
export const suback = (id: number, version: 4 | 5, codes: readonly number[]): Packet => ({
  first: 0x90,
  body: Uint8Array.from([...word(id), ...(version === 5 ? [0] : []), ...codes]),
})

/** Cuts bytes into pieces of the given sizes, over and over. */
export function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const out: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(sizes[i % sizes.length] ?? 1, 1)
    out.push(bytes.subarray(at, at + size))
    at += size
  }
  return out
}
