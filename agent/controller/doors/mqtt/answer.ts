/**
 * From a message on a request topic to the reply. What a door can judge alone is judged here: whether it is a request
 * at all, and for this chassis. Who asks is read from the topic and nothing else, because only the topic is guarded by
 * the broker's access control.
 */
import type { ClientId } from '../../../core/addresses.ts'
import { type Refusal, refuse } from '../../../core/reasons.ts'
import type { Reply } from '../../../core/reply.ts'
import { isQuery } from '../../../wire/command.ts'
import { type DecodedRequest, decodeRequest, largestRequest } from '../../../wire/request.ts'
import type { Front } from '../front.ts'

export interface Asked {
  readonly client: ClientId
  readonly payload: Uint8Array
  readonly retained: boolean
  /** Set: it came without its payload, which had so many bytes. */
  readonly shortenedFrom?: number
}

/** Resolves when the request need not be delivered again: it is durable, refused, or was a question. */
export async function answer(front: Front, { client, payload, retained, shortenedFrom }: Asked): Promise<Reply> {
  if (shortenedFrom !== undefined)
    return refused(
      front,
      '',
      refuse('too-large', `the request has about ${shortenedFrom} bytes; send at most ${largestRequest}`),
    )
  const decoded = decodeRequest(payload, front.digest)
  // A broker delivers a retained one again after each reconnect: at a time that nobody chose.
  if (retained) {
    const id = 'refusal' in decoded ? decoded.id : decoded.request.request
    const say = 'the request came as a retained message; publish it without the retain flag, and clear the retained one'
    return refused(front, id, refuse('retained-request', say))
  }
  if ('refusal' in decoded) return refused(front, decoded.id, decoded.refusal)
  const { request } = decoded
  if (request.chassis !== front.chassis) {
    const say = `the request names chassis '${request.chassis}', and this is '${front.chassis}'; send it to the topic of its chassis`
    return refused(front, request.request, refuse('wrong-chassis', say, [{ field: 'chassis', say: 'not this one' }]))
  }
  const { body } = request
  if (body.kind === 'backup') return { ...(await front.backup(body.passphrase, client)), request: request.request }
  if (body.kind !== 'invalid' && isQuery(body)) return { ...front.ask(body, client), request: request.request }
  return front.submit(body, { who: { door: 'mqtt', client }, ...envelopeOf(request) })
}

function envelopeOf({ request, content, sequence, epoch, ifRevision, expect, dryRun }: DecodedRequest) {
  return {
    ...{ request, content, dryRun },
    ...(sequence !== undefined && { sequence }),
    ...(epoch !== undefined && { epoch }),
    ...(ifRevision !== undefined && { ifRevision }),
    ...(expect !== undefined && { expect }),
  }
}

function refused(front: Front, request: string, refusal: Refusal): Reply {
  const { epoch, revision, incarnation, term } = front.presence()
  return { request, epoch, revision, incarnation, term, replayed: false, outcome: { kind: 'refused', refusal } }
}
