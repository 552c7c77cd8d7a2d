/**
 * Reads along what a broker sends, and lets nothing through that could take much memory: the codec behind it collects a
 * packet whole, whatever length the packet claims. A PUBLISH above the limit is passed on without its payload, so that
 * its sender gets an answer; were the connection cut instead, the broker would deliver it again after each reconnect,
 * and one message would keep the chassis out of reach. Any other packet of that size is nonsense: cut. So is a packet
 * that no broker sends to who neither publishes nor subscribes above QoS 1: the client must not be asked to read it.
 */
import { type FixedHeader, HeaderReader, packetType, qosOf, typeOf, writeLength } from './fixed-header.ts'

export interface Passed {
  readonly bytes: Uint8Array
  /** Set: the connection is to be cut, because of this. What stands in `bytes` came before. */
  readonly cut?: string
}

export interface GuardOptions {
  /** Most bytes that a packet may have after its fixed header. */
  readonly limit: number
  readonly version: 4 | 5
  /** A PUBLISH lost its payload. Without QoS it has no packet id, and is left out whole. */
  readonly onShortened: (packet: { readonly id: number | undefined; readonly length: number }) => void
}

export interface PacketGuard {
  /** What may be read of these bytes. After a cut, nothing more is to be passed. */
  pass(chunk: Uint8Array): Passed
}

const expected: readonly number[] = Object.values(packetType)

function isExpected(header: FixedHeader): boolean {
  const type = typeOf(header)
  return expected.includes(type) && (type !== packetType.publish || qosOf(header) < 2)
}

type At =
  | { readonly at: 'header' }
  | { readonly at: 'body'; readonly left: number }
  /** Topic and packet id of a PUBLISH that is too large, as far as they came. */
  | { readonly at: 'start'; readonly header: FixedHeader; readonly start: number[] }
  | { readonly at: 'skip'; readonly left: number }

/**
 * Where the topic ends, from its length in the first two bytes. However long it is, it stands in what is passed on: the
 * protocol allows it 65,535 bytes, and who publishes may choose them.
 */
const topicEnd = ([high, low]: readonly number[]): number => 2 + (high ?? 0) * 256 + (low ?? 0)

export function packetGuard({ limit, version, onShortened }: GuardOptions): PacketGuard {
  const reader = new HeaderReader()
  let at: At = { at: 'header' }

  /** Undefined: more of it must be seen first. */
  function shorten(header: FixedHeader, start: readonly number[]): number[] | undefined {
    const qos = qosOf(header)
    const { first, length } = header
    if (start.length < 2) return undefined
    const [idHigh, idLow] = start.slice(topicEnd(start))
    if (qos === 0 ? start.length < topicEnd(start) : idLow === undefined) return undefined
    const id = qos === 0 ? undefined : (idHigh ?? 0) * 256 + (idLow ?? 0)
    onShortened({ id, length })
    if (id === undefined) return []
    // The properties come after the packet id (MQTT 5.0 §3.3.2.3); here, none.
    const rest = version === 5 ? [...start, 0] : start
    return [first, ...writeLength(rest.length), ...rest]
  }

  function pass(chunk: Uint8Array): Passed {
    const out: Uint8Array[] = []
    const passed = (cut?: string): Passed => ({ bytes: Buffer.concat(out), ...(cut !== undefined && { cut }) })
    let i = 0
    while (i < chunk.length) {
      switch (at.at) {
        case 'header': {
          const header = reader.take(chunk[i++] ?? 0)
          if (header === 'more') break
          if (header === 'malformed') return passed('a packet whose length has more than four bytes')
          if (!isExpected(header)) return passed(`a packet that begins with 0x${header.first.toString(16)}`)
          if (header.length <= limit) {
            out.push(Uint8Array.from(header.raw))
            if (header.length > 0) at = { at: 'body', left: header.length }
          } else if (typeOf(header) === packetType.publish) at = { at: 'start', header, start: [] }
          else return passed(`a packet of type ${typeOf(header)} that claims ${header.length} bytes`)
          break
        }
        case 'start': {
          const { header, start }: Extract<At, { at: 'start' }> = at
          start.push(chunk[i++] ?? 0)
          if (start.length === 2 && topicEnd(start) + (qosOf(header) === 0 ? 0 : 2) > header.length)
            return passed(`a packet of ${header.length} bytes with a longer topic`)
          const short = shorten(header, start)
          if (short === undefined) break
          out.push(Uint8Array.from(short))
          at = { at: 'skip', left: header.length - start.length }
          break
        }
        case 'body':
        case 'skip': {
          const taken: number = Math.min(at.left, chunk.length - i)
          if (at.at === 'body') out.push(chunk.subarray(i, i + taken))
          i += taken
          at = at.left > taken ? { ...at, left: at.left - taken } : { at: 'header' }
          break
        }
      }
    }
    return passed()
  }

  return { pass }
}
