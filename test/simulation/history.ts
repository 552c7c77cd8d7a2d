/**
 * What happened in one life of a chassis, in one order: the hardware's own log, what managers asked and were answered,
 * what controllers wrote down, and what hands did. Nothing here judges; the checkers read it.
 */
import { createHash } from 'node:crypto'
import type { ControllerSlot } from '../../agent/backplane/protocol.ts'
import { canonical } from '../../agent/core/blade.ts'
import type { StoreRecord } from '../../agent/core/record.ts'
import type { Reply } from '../../agent/core/reply.ts'
import type { State } from '../../agent/core/state.ts'
import type { LogEntry } from '../../agent/sim/log.ts'
import type { OutgoingRequest } from '../../agent/wire/request.ts'

/** A copy of the bindings, by the thing that holds it: `flash-3`, `eeprom-1`. */
export type CopyId = string

/** The program on one controller, from its start to its end: `A#4`. */
export type LifeId = string

export type Happening =
  /** `by`: the controller that did this now. Absent: time, hands, or what a BMC had under way. */
  | { readonly is: 'hardware'; readonly entry: LogEntry; readonly by?: LifeId }
  /** A record goes to the store: from here on it may be found. */
  | {
      readonly is: 'written'
      readonly number: number
      readonly by: LifeId
      readonly flash: CopyId
      readonly record: StoreRecord
    }
  /** The store said that it is durable, and where. */
  | { readonly is: 'stored'; readonly number: number; readonly where: readonly CopyId[] }
  | {
      readonly is: 'asked'
      readonly number: number
      readonly by: LifeId
      readonly request: Asked
      readonly uptimeMs: number
      readonly bootId: string
    }
  /** The answer left the controller. `where`: the copies that it names. */
  | {
      readonly is: 'answered'
      readonly number: number
      readonly by: LifeId
      readonly reply: Reply
      readonly where: readonly CopyId[]
    }
  /** A controller begins to lead, from that copy of its own. */
  | {
      readonly is: 'leads'
      readonly by: LifeId
      readonly slot: ControllerSlot
      readonly flash: CopyId
      readonly term: number
    }
  /** What the one who leads goes by; `holds`: why it does nothing. */
  | {
      readonly is: 'in-force'
      readonly by: LifeId
      readonly flash: CopyId
      readonly state: State
      readonly holds: string | undefined
    }
  /** A copy is in the chassis from now on, or is not. */
  | { readonly is: 'copy'; readonly id: CopyId; readonly there: boolean }
  /** Hands or bad luck; for reading. */
  | { readonly is: 'deed'; readonly say: string }

export interface Asked {
  readonly client: string
  readonly sent: OutgoingRequest
}

export type Told = { readonly at: number } & Happening

/** What may never happen, in the words of a failure. */
export const rules = {
  twice: 'no address twice',
  lost: 'nothing acknowledged is lost',
  boot: 'no boot with a wrong identity',
  epoch: 'no effect of an old epoch',
  once: 'one effect per request',
  untouched: 'running blades are untouched',
  writer: 'one writer per term',
  back: 'what was mended comes back',
} as const
export type Rule = (typeof rules)[keyof typeof rules]

export interface Violation {
  readonly rule: Rule
  readonly say: string
}

/** Takes one happening after the other; tells the first time that it is broken. */
export type Checker = (told: Told) => Violation | undefined

export class History {
  readonly told: Told[] = []
  readonly #checkers: readonly Checker[]
  readonly #now: () => number
  /** The first that was found. */
  violation: Violation | undefined

  constructor(now: () => number, checkers: readonly Checker[] = []) {
    this.#now = now
    this.#checkers = checkers
  }

  tell(happening: Happening): void {
    const told: Told = { at: happening.is === 'hardware' ? happening.entry.at : this.#now(), ...happening }
    this.told.push(told)
    if (this.violation) return
    for (const check of this.#checkers) this.violation ??= check(told)
  }

  /** The same life has the same hash: what the hardware did, what was answered, what was in force. */
  hash(): string {
    const hash = createHash('sha256')
    for (const told of this.told) {
      if (told.is === 'hardware' || told.is === 'answered' || told.is === 'in-force' || told.is === 'deed')
        hash.update(canonical(told)).update('\n')
    }
    return hash.digest('hex')
  }

  /** Its last happenings, one line each. */
  story(last: number): readonly string[] {
    return this.told.flatMap((told) => line(told) ?? []).slice(-last)
  }
}

function line(told: Told): string | undefined {
  const { at } = told
  switch (told.is) {
    case 'hardware': {
      const { kind, at: _, ...rest } = told.entry
      if (kind === 'live' || kind === 'dark') return undefined
      return `${at} ${told.by ?? '·'} ${kind} ${JSON.stringify(rest)}`
    }
    case 'written':
      return `${at} ${told.by} writes ${told.number} on ${told.flash}: ${brief(told.record)}`
    case 'stored':
      return `${at} ${told.number} is on ${told.where.join(' ')}`
    case 'asked': {
      const { client, sent } = told.request
      const { body, ...envelope } = sent
      return `${at} ${told.by} is asked ${told.number} by ${client}: ${JSON.stringify(body)} ${JSON.stringify(envelope)}`
    }
    case 'answered': {
      const { outcome, replayed, revision, epoch, term } = told.reply
      const say =
        outcome.kind === 'refused'
          ? `${outcome.refusal.reason} (${outcome.refusal.say})`
          : outcome.kind === 'accepted'
            ? `accepted${outcome.accepted.changed ? ` at ${outcome.accepted.revision}` : ', no change'} on ${told.where.join(' ')}`
            : outcome.kind
      return `${at} ${told.by} answers ${told.number}: ${say}${replayed ? ', again' : ''} [t${term} e${epoch} r${revision}]`
    }
    case 'leads':
      return `${at} ${told.by} leads in slot ${told.slot} from ${told.flash} in term ${told.term}`
    case 'in-force': {
      const { state, holds } = told
      const seats = Object.entries(state.bays).flatMap(([bay, { intent }]) =>
        intent ? [`${bay}:${intent.profile}`] : [],
      )
      return `${at} ${told.by} in force: t${state.term} e${state.epoch} r${state.revision} ${seats.join(' ')}${holds === undefined ? '' : ` HOLDS: ${holds}`}`
    }
    case 'copy':
      return `${at} ${told.id} is ${told.there ? 'there' : 'gone'}`
    case 'deed':
      return `${at} * ${told.say}`
  }
}

function brief(record: StoreRecord): string {
  switch (record.kind) {
    case 'command':
      return `${record.command} ${record.origin.client}/${record.origin.request} r${record.accepted.revision} ${record.accepted.diff.join('; ')}`
    case 'observation':
      return JSON.stringify(record.observation)
    case 'lead':
      return `lead in term ${record.term}`
  }
}
