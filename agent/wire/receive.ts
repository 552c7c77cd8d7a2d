/**
 * What a client reads off the wire. An agent may be newer than its client: fields that are not known are passed over
 * here, since they take nothing away from what was read; a value without a name here is told apart from garbage.
 */
import type { Violation } from './reading.ts'
import { Reading } from './reading.ts'

export type Received<Value> = { readonly value: Value } | { readonly unread: Unread }

export interface Unread {
  readonly why: 'garbled' | 'newer-than-me'
  readonly say: string
  readonly violations: readonly Violation[]
}

export function receive<Message, Value>(
  bytes: Uint8Array,
  type: { decode(bytes: Uint8Array): Message },
  readMessage: (read: Reading, message: Message) => Value,
): Received<Value> {
  let message: Message
  try {
    message = type.decode(bytes)
  } catch {
    return { unread: { why: 'garbled', say: 'these bytes are not the message that the topic carries', violations: [] } }
  }
  const read = new Reading()
  const value = readMessage(read, message)
  const refusal = read.refusal()
  if (refusal === undefined) return { value }
  const why = refusal.reason === 'newer-than-me' ? 'newer-than-me' : 'garbled'
  return { unread: { why, say: refusal.say, violations: read.violations } }
}
