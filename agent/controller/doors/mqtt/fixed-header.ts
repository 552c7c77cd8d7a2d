/**
 * The fixed header of MQTT: one byte of type and flags, then the number of bytes that follow, in one to four bytes of
 * seven bits each. Read byte by byte, so that it may come in as many pieces as it likes [MQTT 3.1.1 §2.2, 5.0 §2.1].
 */
export interface FixedHeader {
  /** Type in the high half, flags in the low one. */
  readonly first: number
  /** Bytes after the fixed header. */
  readonly length: number
  /** The header as it came. */
  readonly raw: readonly number[]
}

/** Control packet types (MQTT 5.0 §2.1.2). */
export const packetType = {
  connack: 2,
  publish: 3,
  puback: 4,
  suback: 9,
  unsuback: 11,
  pingresp: 13,
  disconnect: 14,
} as const

/** Quality of service of a PUBLISH. */
export const qosOf = ({ first }: FixedHeader): number => (first >> 1) & 3

export const typeOf = ({ first }: FixedHeader): number => first >> 4

export class HeaderReader {
  #raw: number[] = []

  take(byte: number): FixedHeader | 'more' | 'malformed' {
    this.#raw.push(byte)
    const raw = this.#raw
    const [first, ...digits] = raw
    if (first === undefined || digits.length === 0) return 'more'
    if (byte & 0x80) return digits.length === 4 ? 'malformed' : 'more'
    this.#raw = []
    return { first, length: digits.reduceRight((sum, digit) => sum * 128 + (digit & 0x7f), 0), raw }
  }
}

/** A length as the fixed header carries it. */
export function writeLength(length: number): number[] {
  const digit = length % 128
  const rest = (length - digit) / 128
  return rest === 0 ? [digit] : [digit | 0x80, ...writeLength(rest)]
}
