/**
 * The one shape in which anything is laid on flash: a frame of length, CRC and payload. Without the CRC a hole in
 * a file reads as data; with the length under the CRC too, a wrong length can not make two frames out of one.
 *
 *     [payload length u32le][CRC-32 u32le, over length and payload][payload: JSON text in UTF-8]
 */
import { crc32 } from './crc32.ts'

export const FRAME_OVERHEAD = 8
/** `{}`: the shortest JSON object. A run of zeros therefore is never a frame. */
const SHORTEST = 2
const BRACE = 0x7b

export function frame(payload: string): Uint8Array {
  const length = Buffer.byteLength(payload)
  const bytes = Buffer.allocUnsafe(FRAME_OVERHEAD + length)
  bytes.writeUInt32LE(length, 0)
  bytes.write(payload, FRAME_OVERHEAD, 'utf8')
  bytes.writeUInt32LE(crc32(bytes.subarray(FRAME_OVERHEAD), crc32(bytes.subarray(0, 4))), 4)
  return bytes
}

export interface Framed {
  /** The JSON object in the frame; `undefined` where the CRC holds and the text is no JSON object. */
  readonly json: { readonly [member: string]: unknown } | undefined
  /** Offset of whatever comes next. */
  readonly end: number
}

/** The frame that starts at `at`, if one does. */
export function frameAt(bytes: Uint8Array, at: number, longest: number): Framed | undefined {
  if (at + FRAME_OVERHEAD + SHORTEST > bytes.length) return undefined
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.readUInt32LE(at)
  const start = at + FRAME_OVERHEAD
  if (length < SHORTEST || length > longest || start + length > view.length || view[start] !== BRACE) return undefined
  const payload = view.subarray(start, start + length)
  if (crc32(payload, crc32(view.subarray(at, at + 4))) !== view.readUInt32LE(at + 4)) return undefined
  return { json: parseObject(payload.toString('utf8')), end: start + length }
}

/**
 * Offset of the next frame at or after `from`. Payloads are JSON text, which holds no zero byte, and every length
 * does: a frame can not be found inside another one's payload.
 */
export function nextFrame(bytes: Uint8Array, from: number, longest: number): number | undefined {
  for (let at = from; at + FRAME_OVERHEAD + SHORTEST <= bytes.length; at++) {
    if (frameAt(bytes, at, longest) !== undefined) return at
  }
  return undefined
}

function parseObject(text: string): { readonly [member: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { readonly [member: string]: unknown })
      : undefined
  } catch {
    return undefined
  }
}
