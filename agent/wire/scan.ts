/**
 * A first look at a request's bytes, before they are believed: its top-level fields and where they lie. What can not
 * be decoded any further may still tell its request id, so that the refusal reaches who waits for it; and the
 * signature is over bytes, so that it must be found as bytes. Never throws.
 */
export interface Field {
  readonly number: number
  readonly start: number
  /** Where the content of a length-delimited field begins; of others, where the value does. */
  readonly content: number
  readonly end: number
  readonly wireType: number
}

export interface Scan {
  readonly fields: readonly Field[]
  /** All bytes were read as fields; else they stop making sense after the last one. */
  readonly whole: boolean
}

/** More fields than the envelope has: what comes after can only be a repetition. */
const mostFields = 64

/** Varint at `at`: its value and what follows it; undefined where it runs out, or past 53 bits. */
function varint(bytes: Uint8Array, at: number): { readonly value: number; readonly next: number } | undefined {
  let value = 0
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i]
    if (byte === undefined) return undefined
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, next: at + i + 1 }
  }
  return undefined
}

export function scan(bytes: Uint8Array): Scan {
  const fields: Field[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = varint(bytes, at)
    if (tag === undefined || tag.value > 0xffff_ffff || fields.length === mostFields) return { fields, whole: false }
    const wireType = tag.value % 8
    const number = Math.floor(tag.value / 8)
    let content = tag.next
    let end: number
    if (wireType === 0) end = varint(bytes, content)?.next ?? Number.POSITIVE_INFINITY
    else if (wireType === 1) end = content + 8
    else if (wireType === 5) end = content + 4
    else if (wireType === 2) {
      const length = varint(bytes, content)
      content = length?.next ?? content
      end = length === undefined ? Number.POSITIVE_INFINITY : content + length.value
    } else return { fields, whole: false } // groups, which proto3 does not have, and types that do not exist
    if (number === 0 || end > bytes.length) return { fields, whole: false }
    fields.push({ number, start: at, content, end, wireType })
    at = end
  }
  return { fields, whole: true }
}
