/**
 * A central manager that does not give up: what is not answered, or answered with *try again*, it sends again under the
 * same request id. Each office numbers its requests, and keeps what it was answered for the reckoning at the end.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Reason } from '../../agent/core/reasons.ts'
import type { Reply } from '../../agent/core/reply.ts'
import type { Accepted } from '../../agent/core/state.ts'
import type { Client, Scope } from '../../agent/ctl/client.ts'
import { TimedOut, Unreachable } from '../../agent/ctl/errors.ts'
import type { ViewOf } from '../../agent/ctl/snapshot.ts'
import type { Body, WireCommand } from '../../agent/wire/command.ts'

export interface Answered {
  readonly request: string
  readonly sequence: number
  readonly body: WireCommand
  readonly accepted: Accepted
  readonly replayed: boolean
  readonly singleCopy: boolean
}

/** Refusals that end by themselves. */
const usualPassing: readonly Reason[] = ['busy', 'bay-unknown']
const betweenTriesMs = 25
/** Longest for one attempt; then the same request is sent again. */
const attemptMs = 5_000

export class Office {
  readonly client: Client
  readonly answers: Answered[] = []
  /** Times that a request had to be sent again by the office, and refusals that it heard meanwhile. */
  again = 0
  readonly refused = new Map<Reason, number>()
  readonly name: string
  readonly #passing: readonly Reason[]
  readonly #listeners = new Set<() => void>()
  /** Number of its newest request. */
  sequence = 0
  /** Asked, and not answered with *accepted* yet. */
  readonly #open = new Map<string, { readonly sequence: number; readonly body: WireCommand }>()

  /** `passing`: refusals after which it sends again; absent: those that end by themselves. */
  constructor(name: string, client: Client, passing: readonly Reason[] = usualPassing) {
    this.name = name
    this.client = client
    this.#passing = passing
  }

  /** Sends until it is accepted. Rejects for a refusal that will not pass. */
  async ask(body: WireCommand): Promise<Accepted> {
    const sequence = ++this.sequence
    const request = `${this.name}-${String(sequence).padStart(6, '0')}`
    this.#open.set(request, { sequence, body })
    return this.#insist(request, sequence, body)
  }

  /** Asks once more for what was given up: it may have been stored all the same, and only its answer was lost. */
  async finish(): Promise<void> {
    for (const [request, { sequence, body }] of [...this.#open]) await this.#insist(request, sequence, body)
  }

  async #insist(request: string, sequence: number, body: WireCommand): Promise<Accepted> {
    for (;;) {
      const reply = await this.attempt(request, body, sequence)
      if (reply?.outcome.kind === 'accepted') {
        const { accepted, singleCopy } = reply.outcome
        this.#open.delete(request)
        this.answers.push({ request, sequence, body, accepted, replayed: reply.replayed, singleCopy })
        for (const listener of [...this.#listeners]) listener()
        return accepted
      }
      if (reply?.outcome.kind === 'refused') {
        const { reason, say } = reply.outcome.refusal
        this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1)
        if (!this.#passing.includes(reason)) throw new Error(`${request} ${JSON.stringify(body)}: ${reason}: ${say}`)
      }
      this.again += 1
      await pause(betweenTriesMs)
    }
  }

  /** One attempt under this id; undefined: no answer came. */
  async attempt(request: string, body: Body, sequence?: number): Promise<Reply | undefined> {
    try {
      return await this.client.request(body, { request, sequence, timeoutMs: attemptMs })
    } catch (error) {
      if (error instanceof TimedOut || error instanceof Unreachable) return undefined
      throw error
    }
  }

  /** Resolves when the agent answers at all. */
  async reached(): Promise<void> {
    while ((await this.attempt(randomUUID(), { kind: 'list-reasons' })) === undefined) await pause(betweenTriesMs)
  }

  /** All of them, so many under way at a time; `between` is awaited before each, and ends it by saying false. */
  async askAll(bodies: readonly WireCommand[], atOnce: number, between?: () => Promise<boolean>): Promise<void> {
    const left = bodies.values()
    const lane = async () => {
      for (const body of left) {
        if (between && !(await between())) return
        await this.ask(body)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
  }

  /** Resolves when what was answered last is done there. */
  async settled(scope: Scope, timeoutMs = 60_000): Promise<void> {
    const revision = Math.max(0, ...this.answers.map(({ accepted }) => accepted.revision))
    await this.client.waitForSync(scope, revision, { timeoutMs })
  }

  /** Resolves at the next answer. */
  answered(): Promise<void> {
    return new Promise((resolve) => {
      const heard = () => {
        this.#listeners.delete(heard)
        resolve()
      }
      this.#listeners.add(heard)
    })
  }

  /** Resolves when so many were answered. */
  async answeredSoMany(count: number): Promise<void> {
    while (this.answers.length < count) await this.answered()
  }

  /** What the controller says of itself, asked for now. */
  async controller(): Promise<ViewOf<'controller'>> {
    const { outcome } = await this.client.request({ kind: 'read-state', part: 'controller-a' })
    const part = outcome.kind === 'state' ? outcome.parts[0]?.part : undefined
    if (part?.part !== 'controller') throw new Error(`no controller was shown: ${JSON.stringify(outcome)}`)
    return part.view
  }
}
