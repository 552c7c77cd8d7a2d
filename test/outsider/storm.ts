/**
 * A storm of damaged requests through a real broker, and how far each of them got. Every one must be answered, exactly
 * once: the topic's client tells which answer is whose, since the bytes often no longer say.
 */
import protobuf from 'protobufjs/minimal.js'
import { type Reason, reasons } from '../../agent/core/reasons.ts'
import type { Reply } from '../../agent/core/reply.ts'
import { encodeRequest, type OutgoingRequest } from '../../agent/wire/request.ts'
import { scan } from '../../agent/wire/scan.ts'
import { requests } from '../wire/examples.ts'
import { damager, luck } from '../wire/mutants.ts'
import { type Manager, wordOf } from './manager.ts'

/** In the order of judgement. Some of what `decide` refuses is counted before it, never the other way round. */
export const stages = ['not decoded', 'envelope refused', 'body not read', 'decided', 'question answered'] as const
export type Stage = (typeof stages)[number]

export interface Weather {
  readonly sent: number
  readonly reached: { readonly [stage in Stage]: number }
  /** Reasons of the refusals, and kinds of the other answers. */
  readonly words: { readonly [word: string]: number }
  /** Answers to clients who had asked nothing, or were answered before. */
  readonly unexpected: readonly string[]
}

export interface StormOptions {
  readonly manager: Manager
  readonly count: number
  readonly seed: number
  /** Awaited before each so many. */
  readonly between: { readonly every: number; readonly call: () => Promise<void> }
}

/** More clients than the agent keeps answers of; each has one request under way at most. */
const clients = 400
const mostUnderWay = 64

const examples = Object.values(requests)

/** A request under nothing but its id. */
export const asked = (request: string, body: OutgoingRequest['body']): Uint8Array =>
  encodeRequest({ request, chassis: 'demo', dryRun: false, body })

export async function storm({ manager, count, seed, between }: StormOptions): Promise<Weather> {
  const damage = damager(seed)
  const below = luck(seed)
  const others = examples.map((request) => Uint8Array.from(encodeRequest(request)))
  const bodies = others.map((bytes) => {
    const field = bodyOf(bytes)
    return bytes.slice(field?.content, field?.end)
  })
  const free = Array.from({ length: clients }, (_, n) => `storm-${n}`)
  const underWay = new Map<string, Uint8Array>()
  const reached = { 'not decoded': 0, 'envelope refused': 0, 'body not read': 0, decided: 0, 'question answered': 0 }
  const words: { [word: string]: number } = {}
  const unexpected: string[] = []
  let wake = () => {}
  manager.onReply((client, reply) => {
    if (!client.startsWith('storm-')) return
    if (!underWay.delete(client)) return void unexpected.push(client)
    free.push(client)
    const word = wordOf(reply)
    words[word] = (words[word] ?? 0) + 1
    reached[stageOf(reply)] += 1
    wake()
  })
  const until = async (claim: () => boolean) => {
    while (!claim()) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  for (let sent = 0; sent < count; sent++) {
    if (sent % between.every === 0) await between.call()
    await until(() => underWay.size < mostUnderWay)
    const example = examples[sent % examples.length]
    const client = free.shift()
    if (example === undefined || client === undefined) throw new Error('nothing to send, or nobody to send it')
    const whole = Uint8Array.from(encodeRequest({ ...example, request: `storm-${seed}-${sent}` }))
    const mutant = [
      () => damage(whole, others),
      () => withBody(whole, (body) => damage(body, bodies)),
      () => withBody(whole, (body) => distort(body, below)),
    ][below(3)]?.()
    if (mutant === undefined) throw new Error('no damage was done')
    underWay.set(client, mutant)
    await manager.send(client, mutant)
  }
  await until(() => underWay.size === 0)
  return { sent: count, reached, words, unexpected }
}

/** The envelope stays whole, and so does the framing of the body; what is damaged is what the body says. */
function withBody(request: Uint8Array, change: (body: Uint8Array) => Uint8Array): Uint8Array {
  const field = bodyOf(request)
  if (field === undefined) throw new Error(`no body in ${Buffer.from(request).toString('hex')}`)
  const body = change(request.slice(field.content, field.end))
  const framed = protobuf.Writer.create()
    .uint32(field.number * 8 + field.wireType)
    .bytes(body)
    .finish()
  return Uint8Array.from([...request.subarray(0, field.start), ...framed, ...request.subarray(field.end)])
}

/**
 * Well framed down to the leaves, and one of them says something else, or nothing: what reads is judged. Whether a field
 * is a text or a message can not be told without the schema; either is good enough to be damaged.
 */
function distort(bytes: Uint8Array, below: (n: number) => number): Uint8Array {
  const { fields, whole } = scan(bytes)
  const field = fields[below(Math.max(fields.length, 1))]
  if (field === undefined || !whole) return misspell(bytes, below)
  const [before, after] = [bytes.subarray(0, field.start), bytes.subarray(field.end)]
  const tagged = protobuf.Writer.create().uint32(field.number * 8 + field.wireType)
  if (below(16) === 0) return Uint8Array.from([...before, ...after])
  if (field.wireType === 0) tagged.uint32(below(18))
  else if (field.wireType === 2) tagged.bytes(distort(bytes.subarray(field.content, field.end), below))
  else return bytes
  return Uint8Array.from([...before, ...tagged.finish(), ...after])
}

function misspell(text: Uint8Array, below: (n: number) => number): Uint8Array {
  const letters = Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789-.:/ \u0000')
  const other = Uint8Array.from(text)
  other[below(Math.max(other.length, 1))] = letters[below(letters.length)] ?? 0
  return other
}

const bodyOf = (request: Uint8Array) => scan(request).fields.find(({ number }) => number >= 16 && number <= 79)

export function report({ sent, reached, words }: Weather, where: string): string {
  const row = (counts: { readonly [name: string]: number }) =>
    Object.entries(counts)
      .sort(([, a], [, b]) => b - a)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ')
  return `${where}: ${sent} damaged requests\n  ${row(reached)}\n  ${row(words)}`
}

function stageOf(reply: Reply): Stage {
  const { outcome } = reply
  switch (outcome.kind) {
    case 'accepted':
      return 'decided'
    case 'state':
    case 'events':
    case 'reasons':
    case 'looked-up':
    case 'backup':
      return 'question answered'
    case 'refused':
      return refusedAt(outcome.refusal.reason)
  }
}

function refusedAt(reason: Reason): Stage {
  if (reason === 'garbled' || reason === 'too-large') return 'not decoded'
  if (reason === 'newer-than-me' || reason === 'field-missing' || reason === 'field-invalid') return 'body not read'
  return reasons[reason].number < reasons['field-missing'].number ? 'envelope refused' : 'decided'
}
