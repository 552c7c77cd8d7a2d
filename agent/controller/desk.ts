/**
 * Behind the doors: takes what they bring to the agent, sealing secrets on the way, and answers questions from what is
 * shown. It is what `Front` promises, made of the parts of this controller.
 */
import type { ChassisId, ClientId } from '../core/addresses.ts'
import type { Envelope } from '../core/command.ts'
import { type Refusal, refuse } from '../core/reasons.ts'
import type { Outcome, Question, Reply } from '../core/reply.ts'
import { partName } from '../core/views.ts'
import { capabilities, type WireCommand } from '../wire/command.ts'
import type { Invalid } from '../wire/request.ts'
import { reasonRows } from '../wire/response.ts'
import type { Agent } from './agent.ts'
import { openBackups } from './backups.ts'
import type { Clock } from './clock.ts'
import type { Diary } from './diary.ts'
import type { Front } from './doors/front.ts'
import { newIncarnation, type Sealer } from './secrets.ts'
import type { Showing } from './showing.ts'

export interface DeskParts {
  readonly chassis: ChassisId
  readonly agent: Agent
  readonly showing: Showing
  readonly diary: Diary
  readonly clock: Clock
  /** Undefined: no chassis key, so no secret can be kept. */
  readonly sealer: Sealer | undefined
  readonly keyIsCurrent: () => boolean
  /** Digests without a chassis key, which then protect no secret. */
  readonly digest: (content: Uint8Array) => string
  readonly about: { readonly bootId: string; readonly version: string; readonly schema: string; readonly board: string }
}

export function openDesk({
  chassis,
  agent,
  showing,
  diary,
  clock,
  sealer,
  keyIsCurrent,
  digest,
  about,
}: DeskParts): Front {
  function reply(request: string, outcome: Outcome): Reply {
    const { epoch, revision, incarnation, term } = agent.now().state
    return { request, epoch, revision, incarnation, term, replayed: false, outcome }
  }
  const refused = (request: string, refusal: Refusal): Reply => reply(request, { kind: 'refused', refusal })
  /** Settles when no factory reset is on its way any more: what is sealed before that is sealed for the life before. */
  let renewed: Promise<unknown> = Promise.resolve()
  async function keeper(): Promise<Sealer | undefined> {
    // Another reset may have come in while the first one became durable.
    for (let seen: unknown; seen !== renewed; await seen) seen = renewed
    return keyIsCurrent() ? sealer : undefined
  }
  const backups = openBackups({ agent, showing, keeper })

  async function submit(command: WireCommand | Invalid, envelope: Envelope): Promise<Reply> {
    if (command.kind === 'invalid') return refused(envelope.request, agent.judge(envelope) ?? command.refusal)
    if (command.kind === 'restore') {
      const read = await backups.read(command)
      if (read.is === 'refused') return refused(envelope.request, agent.judge(envelope) ?? read.refusal)
      return agent.submit(read.command, envelope)
    }
    if (command.kind === 'factory-reset') {
      const here = agent.now().chassisSerial
      // The chassis key ends with this life, and with it the digests: a repeat must be known by the next one, too (I6).
      const content = `factory-reset ${command.serial}`
      const reply = agent.submit({ ...command, here, incarnation: newIncarnation() }, { ...envelope, content })
      renewed = reply.catch(() => {})
      return reply
    }
    if (command.kind !== 'set-secret') return agent.submit(command, envelope)
    const current = await keeper()
    if (!current) {
      const none = refuse(
        'eeprom-unreadable',
        'there is no chassis key to seal a secret under; cure the chassis EEPROM',
      )
      return refused(envelope.request, agent.judge(envelope) ?? none)
    }
    const { secret, value } = command
    return agent.submit({ kind: 'set-secret', secret, ...current.seal(secret, value) }, envelope)
  }

  function ask(query: Question, client: ClientId | undefined): Outcome {
    switch (query.kind) {
      case 'read-state': {
        const parts = showing.parts().filter(({ part }) => query.part === undefined || partName(part) === query.part)
        if (parts.length === 0) {
          return {
            kind: 'refused',
            refusal: refuse('field-invalid', `there is no part ${query.part}`, [
              { field: 'read_state.part', say: 'no such part' },
            ]),
          }
        }
        return { kind: 'state', parts }
      }
      case 'list-events':
        return { kind: 'events', events: diary.list(query.since, query.limit) }
      case 'list-reasons':
        return { kind: 'reasons', reasons: reasonRows }
      case 'look-up-request': {
        // Ids are a client's own: two may use the same.
        const { answers } = agent.now().state
        const logs = client === undefined ? Object.values(answers) : [answers[client]]
        for (const log of logs) {
          const found = log?.answers.find(({ request }) => request === query.request)
          if (!found) continue
          const { request, sequence, accepted } = found
          return { kind: 'looked-up', request, accepted, ...(sequence !== undefined && { sequence }) }
        }
        return { kind: 'refused', refusal: refuse('no-such-request', `no answer to ${query.request} is kept here`) }
      }
    }
  }

  return {
    chassis,
    submit,
    ask: (query, client) => reply('', ask(query, client)),
    backup: async (passphrase, client) => reply('', await backups.write(passphrase, client)),
    digest: sealer?.digest ?? digest,
    parts: showing.parts,
    presence: () => {
      const { state } = agent.now()
      return {
        ...about,
        incarnation: state.incarnation,
        capabilities,
        publicKey: '',
        epoch: state.epoch,
        revision: state.revision,
        term: state.term,
        uptimeMs: clock.uptimeMs(),
      }
    },
    onPart: showing.onPart,
    onEvent: diary.onEvent,
  }
}
