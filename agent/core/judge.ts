/**
 * The envelope of a command, judged in SPEC's order (W23) before anybody looks at what it says: stored answer, expect,
 * epoch, if_revision. (Size, chassis id and signature are judged before there is a command.) A repeat gets its stored
 * answer whatever has changed since; a stale manager gets nothing else.
 */
import { type Command, type Envelope, type Moment, touchesBindings } from './command.ts'
import { type Refusal, refuse } from './reasons.ts'
import { type ClientLog, clientsKept, type State, type StoredAnswer } from './state.ts'

export type Judgement =
  | { readonly is: 'new' }
  | { readonly is: 'repeat'; readonly answer: StoredAnswer }
  | { readonly is: 'refused'; readonly refusal: Refusal }

const refused = (...args: Parameters<typeof refuse>): Judgement => ({ is: 'refused', refusal: refuse(...args) })

export function judge(state: State, moment: Moment, command: Command, envelope: Envelope): Judgement {
  const { who, request, content, sequence, expect, epoch, ifRevision } = envelope
  const length = new TextEncoder().encode(request).length
  if (length < 8 || length > 36)
    return refused('request-id-missing', `a request id has 8 to 36 bytes, this one ${length}`)

  const log: ClientLog = state.answers[who.client] ?? { evicted: 0, answers: [] }
  const answer = log.answers.find((stored) => stored.request === request)
  if (answer) {
    if (answer.content === content) return { is: 'repeat', answer }
    return refused('request-id-reused', `request ${request} was accepted with other content; use a new id`)
  }
  if (sequence !== undefined && sequence <= log.evicted) {
    return refused(
      'forgotten',
      `sequence ${sequence} is at or below ${log.evicted}, whose answers are gone; it is not run`,
    )
  }

  // A policy was left here by who commanded, and acts whoever does now, or nobody. It may do one thing, and only on what
  // it judged (W24).
  if (who.door === 'policy' || command.kind === 'rescue') {
    if (who.door !== 'policy' || command.kind !== 'rescue')
      return refused('not-in-office', 'a policy that was left here rescues, nobody else does, and it does nothing else')
    if (ifRevision === undefined)
      return refused('revision-missing', `a policy quotes what it judged; the chassis is at ${state.revision}`)
    return reads(state, ifRevision) ?? { is: 'new' }
  }
  // A technician at the line needs no ceremony, but does not go over a manager's head.
  if (who.door === 'console') {
    if (state.office && !harmless(command)) {
      return refused('central-authority', `${state.office.client} commands this chassis; ask it to do this`)
    }
    return (expect && expects(state, moment, expect)) ?? reads(state, ifRevision) ?? { is: 'new' }
  }
  if (command.kind === 'take-over') {
    if (expect === undefined) return { is: 'new' } // it names incarnation and epoch itself
    return expects(state, moment, expect) ?? { is: 'new' }
  }
  if (expect) {
    const differs = expects(state, moment, expect)
    if (differs) return differs
  }
  if (state.office) {
    const { client } = state.office
    if (!expect)
      return refused('expect-missing', `${client} is in office: send expect with incarnation, boot id and before`)
    if (epoch === undefined)
      return refused('expect-missing', `${client} is in office: send the epoch that you were given`)
    if (epoch !== state.epoch)
      return refused('stale-epoch', `epoch ${epoch} is over, ${client} took over at ${state.epoch}`)
    if (who.client !== client) return refused('not-in-office', `${client} commands this chassis; take over first`)
    if (sequence === undefined) return refused('sequence-missing', `${client} is in office: number your changes`)
    if (ifRevision === undefined && touchesBindings(command)) {
      return refused('revision-missing', `send if_revision with what you read; the chassis is at ${state.revision}`)
    }
  } else if (Object.keys(state.lineages).length > 0) {
    // Somebody commanded here once, and this controller adopted a copy since (W15): what was sent to the old one, bare
    // or under its epoch, is not for this one.
    return refused('not-in-office', 'a manager commanded here before, and nobody does now; take over first')
  } else if (state.epoch > 0 && epoch === undefined) {
    // Nobody ever took over, and the answers are gone: this controller went on from a copy, or the chassis was reset.
    // What was sent before may have been run (I6).
    return refused('expect-missing', `what was answered before is not known here any more: send epoch ${state.epoch}`)
  } else if (epoch !== undefined && epoch !== state.epoch) {
    return refused('stale-epoch', `epoch ${epoch} is over, the chassis is at ${state.epoch}`)
  }
  return reads(state, ifRevision) ?? { is: 'new' }
}

function reads(state: State, ifRevision: number | undefined): Judgement | undefined {
  if (ifRevision === undefined || ifRevision === state.revision) return undefined
  return refused(
    'revision-conflict',
    `you read revision ${ifRevision}, the chassis is at ${state.revision}; read again`,
  )
}

function expects(state: State, moment: Moment, expect: NonNullable<Envelope['expect']>): Judgement | undefined {
  if (expect.incarnation !== state.incarnation) {
    return refused('other-incarnation', 'this chassis was reset or replaced since; read presence again')
  }
  if (expect.bootId !== moment.bootId) return refused('other-boot', 'the agent restarted since; read presence again')
  if (expect.beforeUptimeMs <= moment.uptimeMs) {
    return refused(
      'expired',
      `it was to be run before ${expect.beforeUptimeMs} ms of uptime, and it is ${moment.uptimeMs}`,
    )
  }
  return undefined
}

/**
 * What a technician may do under central authority: power and light, looking, and changing controllers. And a factory reset, which goes over
 * nobody's head: nothing may be assigned or in doubt any more, and who does it has the chassis in his hands.
 */
function harmless({ kind }: Command): boolean {
  return kind === 'power' || kind === 'locate' || kind === 'resync' || kind === 'changeover' || kind === 'factory-reset'
}

/**
 * Room for one more client's answers. One that never numbered its changes may be dropped for it, as its repeats were
 * only promised within these; one that did may not: its evicted mark must not be lost.
 */
export function makeRoom(state: State, client: string): { readonly drop?: string } | Refusal {
  const clients = Object.keys(state.answers)
  if (client in state.answers || clients.length < clientsKept) return {}
  const latest = (id: string) => state.answers[id]?.answers.at(-1)?.accepted.revision ?? 0
  const [drop] = clients
    .filter((id) => state.answers[id]?.answers.every(({ sequence }) => sequence === undefined))
    .sort((a, b) => latest(a) - latest(b))
  if (drop !== undefined) return { drop }
  return refuse('busy', `answers of ${clientsKept} clients are kept; take over, which drops those of all others`)
}
