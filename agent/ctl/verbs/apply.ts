/**
 * `apply`: makes the chassis have what a JSON document says: pools, secrets, profiles, policies, assignments, in this
 * order, each a change of its own. What is so already is unchanged; the second time everything is.
 */
import type { Reply } from '../../core/reply.ts'
import type { WireCommand } from '../../wire/command.ts'
import { Usage } from '../arguments.ts'
import { sender, waitDone } from '../changing.ts'
import type { Client } from '../client.ts'
import { changeOptions } from '../config.ts'
import type { Verb } from '../context.ts'
import { type Documents, readDocuments, readJson } from '../documents.ts'
import { type Exit, exitOf, exitOfUnanswered, exits, together } from '../exits.ts'
import { table } from '../print.ts'
import { refusalLines } from '../say.ts'

type Kind = 'pool' | 'secret' | 'profile' | 'policy' | 'assignment'
type Result = 'created' | 'changed' | 'unchanged' | 'refused' | 'unanswered'

interface Item {
  readonly kind: Kind
  readonly id: string
  readonly body: WireCommand
  /** Whether the chassis had it when this was read. */
  readonly isThere: boolean
}

interface Applied {
  readonly kind: Kind
  readonly id: string
  readonly result: Result
  readonly reply?: Reply
}

export const apply: Verb = {
  name: 'apply',
  forms: ['-f FILE'],
  say: 'make pools, secrets, profiles, policies, assignments from JSON',
  more:
    'The file holds {"pools": […], "secrets": […], "profiles": […], "policies": […], "assignments": […]}, or ' +
    '{"profile": {…}} and the like, or a list of such, or what `get -o json` printed. An assignment moves a profile that is in another bay, but ' +
    'never stops a blade for it. What can not be made is said, and the rest is made: exit 6. With --dry-run each ' +
    'object is judged alone, so that what draws from a pool of the same file is refused until the pool is there.',
  examples: ['chassisctl apply -f web.json --wait', 'chassisctl get profiles -o json | chassisctl apply -f -'],
  options: { ...changeOptions, file: { value: 'FILE', short: 'f', say: 'the document; - for stdin' } },
  async run(context) {
    context.words.end()
    if (context.has('request-id'))
      throw new Usage('--request-id is for one change; leave it out, apply is safe to repeat')
    const documents = readDocuments(readJson(await context.input('file')))
    const client = await context.client()
    if (client.state.presence?.online) await client.refresh({ timeoutMs: context.limit('15s') })
    const send = await sender(context, client)
    const applied: Applied[] = []
    const each: Exit[] = []
    let broken: Exit | undefined
    for (const { kind, id, body, isThere } of itemsOf(documents, client)) {
      if (broken !== undefined) {
        applied.push({ kind, id, result: 'unanswered' })
        each.push(broken)
        continue
      }
      try {
        const reply = await send(body)
        applied.push({ kind, id, result: resultOf(reply, isThere), reply })
        each.push(exitOf(reply.outcome))
        if (reply.outcome.kind === 'refused') {
          const [first = '', ...more] = refusalLines(reply.outcome)
          context.warn(`${kind} ${id}: refused: ${first}`, ...more)
        }
      } catch (error) {
        // Who did not answer once is not waited for again and again.
        broken = exitOfUnanswered(error)
        context.warn(`${kind} ${id}: ${(error as Error).message}`)
        applied.push({ kind, id, result: 'unanswered' })
        each.push(broken)
      }
    }
    if (context.format === 'table') {
      const rows = applied.map(({ kind, id, result }) => [kind, id, result])
      context.line(...table([{ head: 'KIND' }, { head: 'ID', shrinks: 'cut' }, { head: 'RESULT' }], rows))
    } else context.json(applied)
    const exit = together(each)
    if (!context.has('wait') || context.has('dry-run') || exit !== exits.ok) return exit
    const revision = Math.max(0, ...applied.map(({ reply }) => revisionOf(reply)))
    return waitDone(context, client, { of: 'chassis' }, revision, '120s')
  },
}

const revisionOf = (reply: Reply | undefined): number =>
  reply?.outcome.kind === 'accepted' ? reply.outcome.accepted.revision : 0

function resultOf({ outcome }: Reply, isThere: boolean): Result {
  if (outcome.kind !== 'accepted') return 'refused'
  if (!outcome.accepted.changed) return 'unchanged'
  return isThere ? 'changed' : 'created'
}

/** What others draw from first. */
function itemsOf({ pools, secrets, profiles, policies, assignments }: Documents, { state }: Client): readonly Item[] {
  const bayOf = (id: string) => state.all('profile').find(({ profile }) => profile.id === id)?.bay
  return [
    ...pools.map((pool): Item => {
      return {
        kind: 'pool',
        id: pool.id,
        body: { kind: 'define-pool', pool },
        isThere: state.parts.has(`pool-${pool.id}`),
      }
    }),
    ...secrets.map(({ id, value }): Item => {
      const isThere = state.chassis?.secrets.includes(id) ?? false
      return { kind: 'secret', id, body: { kind: 'set-secret', secret: id, value }, isThere }
    }),
    ...profiles.map((profile): Item => {
      const isThere = state.parts.has(`profile-${profile.id}`)
      return { kind: 'profile', id: profile.id, body: { kind: 'define-profile', profile }, isThere }
    }),
    ...policies.map((policy): Item => {
      const isThere = state.parts.has(`policy-${policy.id}`)
      return { kind: 'policy', id: policy.id, body: { kind: 'define-policy', policy }, isThere }
    }),
    ...assignments.map(({ profile, to, when, preprovision, power }): Item => {
      const how = { profile, to, when, preprovision, ...(power && { power }) }
      const now = bayOf(profile)
      const moves = now !== undefined && 'bay' in to && to.bay !== now
      const body: WireCommand = moves ? { kind: 'move', ...how, stop: 'no', force: false } : { kind: 'assign', ...how }
      return { kind: 'assignment', id: profile, body, isThere: now !== undefined }
    }),
  ]
}
