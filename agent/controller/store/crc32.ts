/**
 * CRC-32 as IEEE 802.3 and zip files have it (reflected, polynomial 0xEDB88320). Node gained one of its own
 * only in 20.15, and the oldest runtime that the agent promises is 20.0.
 */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** `before` is the CRC of what stands in front of `bytes`, so that several pieces can be summed up in turn. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let crc = ~before
  for (let at = 0; at < bytes.length; at++) {
    crc = (TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}
