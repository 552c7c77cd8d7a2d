/**
 * A storm of damaged requests through a real broker, and how far each of them got. Every one must be answered, exactly
 * once: the topic's client tells which answer is whose, since the bytes often no longer say.
 */
import type { Reply } from '../../agent/core/reply.ts'
import { type Reason, reasons } from '../../agent/core/reasons.ts'
import { encodeRequest, type OutgoingRequest } from '../../agent/wire/request.ts'
import { requests } from '../wire/examples.ts'
import { damager } from '../wire/mutants.ts'
import { type Manager, wordOf } from './manager.ts'

/** In the order of judgement. Some of what `decide` refuses is counted before it, never the other way round. */
export const stages = ['not decoded', 'envelope refused', 'body not read', 'decided', 'question answered'] as const
export type Stage = (typeof stages)[number]

export interface Weather {
  readonly sent: number
  readonly reached: { readonly [stage in Stage]: number }
  readonly words: { readonly [word: string]: number }
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

/** The same request as somebody sends it who did not send it before. */
export const anew = (request: OutgoingRequest, id: string): Uint8Array =>
  Uint8Array.from(encodeRequest({ ...request, request: id }))

export async function storm({ manager, count, seed, between }: StormOptions): Promise<Weather> {
  const damage = damager(seed)
  const others = examples.map((request) => Uint8Array.from(encodeRequest(request)))
  const free = Array.from({ length: clients }, (_, n) => `storm-${n}`)
  const underWay = new Map<string, Uint8Array>()
  const reached = { 'not decoded': 0, 'envelope refused': 0, 'body not read': 0, decided: 0, 'question answered': 0 }
  const words: { [word: string]: number } = {}
  const superfluous: string[] = []
  let wake = () => {}
  manager.onReply((client, reply) => {
    if (!client.startsWith('storm-')) return
    if (!underWay.delete(client)) superfluous.push(client)
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
    const whole = anew(example, `storm-${seed}-${sent}`)
    // Every second one is damaged in its body alone, so that more is tried than the framing.
    const mutant = sent % 2 === 0 ? damage(whole, others) : damageBody(example, `storm-${seed}-${sent}`, damage)
    underWay.set(client, mutant)
    await manager.send(client, mutant)
  }
  await until(() => underWay.size === 0)
  if (superfluous.length > 0) throw new Error(`answered twice: ${superfluous.join(', ')}`)
  return { sent: count, reached, words }
}

function damageBody(example: OutgoingRequest, id: string, damage: ReturnType<typeof damager>): Uint8Array {
  throw new Error(`${example.request} ${id} ${damage}`)
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
