/**
 * Damaged messages: bit flips, cuts, splices, lies about lengths, grown from every golden message. What comes out of a
 * decoder must be a value or a refusal, never a throw, and never slow. A seeded generator, so that a find repeats.
 */
import { decodeEvent, decodePresence } from '../../agent/wire/event.ts'
import type { Received } from '../../agent/wire/receive.ts'
import { decodeRequest } from '../../agent/wire/request.ts'
import { decodeResponse } from '../../agent/wire/response.ts'
import { decodeState } from '../../agent/wire/state.ts'
import { type Golden, goldens } from './golden.ts'

/** xorshift32: the same seed gives the same mutants on every machine. */
export function luck(seed: number): (below: number) => number {
  let x = seed | 1
  return (below) => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 0) % below
  }
}

const byte = (bytes: Uint8Array, at: number): number => bytes[at] ?? 0

const mutations: {
  readonly [name: string]: (bytes: Uint8Array, other: Uint8Array, below: (n: number) => number) => Uint8Array
} = {
  flip: (bytes, _other, below) => {
    const mutant = bytes.slice()
    for (let n = 1 + below(3); n > 0; n--) {
      const at = below(mutant.length)
      mutant[at] = byte(mutant, at) ^ (1 << below(8))
    }
    return mutant
  },
  overwrite: (bytes, _other, below) => {
    const mutant = bytes.slice()
    mutant[below(mutant.length)] = [0, 0x7f, 0x80, 0xff, below(256)][below(5)] ?? 0
    return mutant
  },
  cut: (bytes, _other, below) => bytes.slice(0, below(bytes.length)),
  drop: (bytes, _other, below) => {
    const [from, size] = [below(bytes.length), 1 + below(8)]
    return new Uint8Array([...bytes.subarray(0, from), ...bytes.subarray(from + size)])
  },
  splice: (bytes, other, below) => {
    const head = bytes.subarray(0, below(bytes.length + 1))
    return new Uint8Array([...head, ...other.subarray(below(other.length + 1))])
  },
  repeat: (bytes, _other, below) => {
    const [from, size] = [below(bytes.length), 1 + below(32)]
    const piece = bytes.subarray(from, from + size)
    return new Uint8Array([...bytes.subarray(0, from), ...piece, ...piece, ...bytes.subarray(from + size)])
  },
  // A byte that may be a length now claims up to 4 GiB.
  lie: (bytes, _other, below) => {
    const at = below(bytes.length)
    const claims = [
      [0xff, 0x7f],
      [0xff, 0xff, 0x7f],
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      [0xff, 0xff, 0xff, 0xff, 0x07],
      [byte(bytes, at) + 1],
    ]
    return new Uint8Array([
      ...bytes.subarray(0, at),
      ...(claims[below(claims.length)] ?? []),
      ...bytes.subarray(at + 1),
    ])
  },
}

/** Gives damaged copies of one message, some with a piece of another in them; the same for the same seed. */
export function damager(seed: number): (origin: Uint8Array, others: readonly Uint8Array[]) => Uint8Array {
  const below = luck(seed)
  const names = Object.keys(mutations)
  return (origin, others) => {
    const other = others[below(others.length)]
    const mutate = mutations[names[below(names.length)] ?? '']
    if (other === undefined || mutate === undefined) throw new Error('no golden message to damage')
    return mutate(origin, other, below)
  }
}

const kindOf = (received: Received<unknown>): string => ('value' in received ? 'read' : received.unread.why)

/** Where a message got to. */
function stage(message: Golden['message'], bytes: Uint8Array): string {
  switch (message) {
    case 'Request': {
      const decoded = decodeRequest(bytes, () => '')
      if (!('request' in decoded)) return decoded.refusal.reason
      const { body } = decoded.request
      return body.kind === 'invalid' ? `body ${body.refusal.reason}` : 'read'
    }
    case 'Response':
      return kindOf(decodeResponse(bytes))
    case 'State':
      return kindOf(decodeState(bytes))
    case 'Event':
      return kindOf(decodeEvent(bytes))
    case 'Presence':
      return kindOf(decodePresence(bytes))
  }
}

export interface Tally {
  readonly ran: number
  readonly stages: { readonly [message: string]: { readonly [stage: string]: number } }
  readonly slowestMs: number
  readonly heapGrowthBytes: number
}

export function decodeMutants(count: number, seed: number): Tally {
  const damage = damager(seed)
  // Copied out of Buffers, whose slices share memory: one mutation must not damage the origin.
  const seeds = goldens.map(({ message, encode }) => ({ message, bytes: Uint8Array.from(encode()) }))
  const others = seeds.map(({ bytes }) => bytes)
  const stages: { [message: string]: { [stage: string]: number } } = {}
  let slowestMs = 0
  const heapBefore = process.memoryUsage().heapUsed
  for (let ran = 0; ran < count; ran++) {
    const origin = seeds[ran % seeds.length]
    if (origin === undefined) throw new Error('no golden message to damage')
    const mutant = damage(origin.bytes, others)
    const started = performance.now()
    let at: string
    try {
      at = stage(origin.message, mutant)
    } catch (cause) {
      throw new Error(`mutant ${ran} of seed ${seed} threw: ${Buffer.from(mutant).toString('hex')}`, { cause })
    }
    slowestMs = Math.max(slowestMs, performance.now() - started)
    const row = stages[origin.message] ?? {}
    stages[origin.message] = row
    row[at] = (row[at] ?? 0) + 1
  }
  return { ran: count, stages, slowestMs, heapGrowthBytes: process.memoryUsage().heapUsed - heapBefore }
}

/** One line for each message: how many mutants got how far. */
export function lines({ ran, stages, slowestMs }: Tally): string {
  const rows = Object.entries(stages).map(([message, counts]) => {
    const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a)
    return `  ${message}: ${sorted.map(([name, n]) => `${name} ${n}`).join(', ')}`
  })
  return [`${ran} mutants, the slowest took ${slowestMs.toFixed(1)} ms`, ...rows].join('\n')
}
