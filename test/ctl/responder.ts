/**
 * The other end of the wire for tests of chassisctl: a chassis that judges, stores and reports with the core's own
 * rules, over hardware that obeys at once, or only when the test lets it. It has no journal and no drivers; what it
 * says on the wire is what the agent says.
 */
import { createHash } from 'node:crypto'
import { connect, type MqttClient } from 'mqtt'
import { expect } from 'vitest'
import type { Now } from '../../agent/controller/agent.ts'
import { openBackups } from '../../agent/controller/backups.ts'
import type { ChassisId, Serial } from '../../agent/core/addresses.ts'
import type { Command, Envelope } from '../../agent/core/command.ts'
import { decide } from '../../agent/core/decide.ts'
import { foresee } from '../../agent/core/foresee.ts'
import { plan } from '../../agent/core/plan.ts'
import { refuse } from '../../agent/core/reasons.ts'
import { evolve } from '../../agent/core/record.ts'
import type { Outcome, PartState, Question, Reply } from '../../agent/core/reply.ts'
import { reportBay, reportChassis, reportPolicy, reportPool, reportProfile } from '../../agent/core/report.ts'
import { type Event, type Part, type Presence, partName } from '../../agent/core/views.ts'
import { isQuery } from '../../agent/wire/command.ts'
import { encodeEvent, encodePresence, severityOf } from '../../agent/wire/event.ts'
import { type DecodedRequest, decodeRequest } from '../../agent/wire/request.ts'
import { encodeResponse, reasonRows } from '../../agent/wire/response.ts'
import { encodeState } from '../../agent/wire/state.ts'
import { parseTopic, requestFilter, topicOf } from '../../agent/wire/topics.ts'
import { Lab } from '../core/lab.ts'

const chassisSerial = 'CH01' as Serial

export interface ResponderOptions {
  readonly chassis?: string
  /** Hardware does nothing until `settle`. */
  readonly held?: boolean
  /** False: as with a broker that gives no retained messages to wildcards. */
  readonly retainsState?: boolean
  /** What happens to each request: answered, or swallowed. Called before it is judged. */
  readonly onRequest?: (request: DecodedRequest, nth: number) => 'answer' | 'swallow'
  /** Called after it is judged and before it is answered. */
  readonly beforeAnswer?: (request: DecodedRequest, nth: number) => unknown
}

export class Responder {
  readonly lab = new Lab('hp-c7000', [16])
  readonly chassis: ChassisId
  readonly requests: DecodedRequest[] = []
  readonly events: Event[] = []
  /** Events that are listed and were not published: as if the broker had dropped them. */
  publishEvents = true
  uptimeMs = 1_000
  #held: boolean
  readonly #options: ResponderOptions
  readonly #url: string
  readonly #shown = new Map<string, PartState>()
  #link: MqttClient | undefined
  #connection = 0
  /** Requests are taken one after the other. */
  #work: Promise<void> = Promise.resolve()
  #bootId = 'boot-1'

  constructor(url: string, options: ResponderOptions = {}) {
    this.#url = url
    this.#options = options
    this.#held = options.held ?? false
    this.chassis = (options.chassis ?? 'demo') as ChassisId
  }

  async start(): Promise<this> {
    const will = {
      topic: this.#topic('presence'),
      payload: Buffer.from(this.#presence(false)),
      qos: 1 as const,
      retain: true,
    }
    const link = connect(this.#url, { clientId: this.chassis, clean: true, reconnectPeriod: 0, will })
    this.#link = link
    link.on('message', (topic, payload) => {
      this.#work = this.#work.then(() => this.#take(topic, payload))
    })
    await new Promise<void>((resolve, reject) => {
      link.once('connect', () => resolve())
      link.once('error', reject)
    })
    if ('setNoDelay' in link.stream && typeof link.stream.setNoDelay === 'function') link.stream.setNoDelay(true)
    await link.subscribeAsync(requestFilter(this.chassis), { qos: 1 })
    this.#connection++
    await this.announce()
    await this.show()
    return this
  }

  /** As if the process was started again: the bindings stay, everything volatile is new. */
  async restart(): Promise<void> {
    await this.stop()
    this.#bootId = `boot-${Number(this.#bootId.slice(5)) + 1}`
    this.uptimeMs = 10
    await this.start()
  }

  /** The agent goes; its last words stay on the broker. */
  async stop(): Promise<void> {
    await this.#work
    await this.#publish('presence', this.#presence(false))
    await this.#link?.endAsync()
  }

  async close(): Promise<void> {
    await this.#work
    await this.#link?.endAsync(true)
  }

  announce(): Promise<void> {
    return this.#publish('presence', this.#presence(true))
  }

  /** Lets the hardware do what is planned, and shows it. */
  async settle(): Promise<void> {
    this.#held = false
    this.lab.settle()
    await this.show()
  }

  async show(): Promise<void> {
    const parts = this.parts()
    const names = new Set(parts.map(({ part }) => partName(part)))
    for (const name of this.#shown.keys()) {
      if (names.has(name)) continue
      this.#shown.delete(name)
      await this.#publish(`state/${name}`, new Uint8Array())
    }
    for (const state of parts) {
      const name = partName(state.part)
      if (this.#shown.get(name) === state) continue
      this.#shown.set(name, state)
      await this.#publish(`state/${name}`, encodeState(state), this.#options.retainsState)
    }
  }

  /** Every part as it stands; the same object where it did not change. The list last. */
  parts(): readonly PartState[] {
    const { state, observed, hardware } = this.lab
    const plans = plan(state, observed, hardware)
    const reporting = { state, observed, plans, hardware, since: () => 500 }
    const some = <View>(views: readonly (View | undefined)[]) => views.filter((view) => view !== undefined)
    const parts: readonly Part[] = [
      ...hardware.board.bays.map(({ bay }) => ({ part: 'bay', view: reportBay(reporting, bay) }) as const),
      ...some(Object.keys(state.profiles).map((id) => reportProfile(reporting, id))).map(
        (view) => ({ part: 'profile', view }) as const,
      ),
      ...some(Object.keys(state.pools).map((id) => reportPool(reporting, id))).map(
        (view) => ({ part: 'pool', view }) as const,
      ),
      ...some(Object.keys(state.policies ?? {}).map((id) => reportPolicy(reporting, id))).map(
        (view) => ({ part: 'policy', view }) as const,
      ),
      { part: 'controller', view: this.#controller() },
    ]
    const states = parts.map((part) => this.#dated(part))
    const versions = Object.fromEntries(states.map(({ part, version }) => [partName(part), version]))
    return [...states, this.#dated({ part: 'chassis', view: reportChassis(reporting, chassisSerial, versions) })]
  }

  #dated(part: Part): PartState {
    const { revision, incarnation, term } = this.lab.state
    const before = this.#shown.get(partName(part))
    const same = before && JSON.stringify(before.part) === JSON.stringify(part)
    return same ? before : { revision, incarnation, term, version: (before?.version ?? 0) + 1, part }
  }

  #controller(): Extract<Part, { part: 'controller' }>['view'] {
    const store = {
      readOnly: false,
      notes: [],
      copies: ['flash', 'eeprom'],
      index: 1,
      digest: 'ab'.repeat(16),
      bytesWritten: 0,
    } as const
    return {
      slot: 'A',
      version: '0.1.0',
      uptimeMs: this.uptimeMs,
      role: 'owner',
      host: 'unknown',
      store: { ...store, syncs: 0, eepromPagesWritten: 0, eepromUse: 0.25 },
    }
  }

  #presence(online: boolean): Uint8Array {
    const { incarnation, epoch, revision } = this.lab.state
    const presence: Presence = {
      ...{ online, incarnation, epoch, revision, bootId: this.#bootId, connection: this.#connection },
      ...{ version: '0.1.0', board: 'hp-c7000', capabilities: [], schema: '', publicKey: '', uptimeMs: this.uptimeMs },
      ...{ term: 1 },
    }
    return encodePresence(presence)
  }

  async happen(type: string, message: string): Promise<void> {
    const number = (this.events.at(-1)?.kind === 'event' ? this.events.length : 0) + 1
    const { bootId, uptimeMs } = { bootId: this.#bootId, uptimeMs: this.uptimeMs }
    const { revision, incarnation, term } = this.lab.state
    const more = { ...{ incarnation, term } }
    const event: Event = { kind: 'event', number, severity: 'info', uptimeMs, bootId, type, message, revision, ...more }
    this.events.push(event)
    if (this.publishEvents) await this.#publish(`event/${severityOf(event)}`, encodeEvent(event), false)
  }

  async #take(topic: string, payload: Uint8Array): Promise<void> {
    const parsed = parseTopic(topic)
    if (parsed?.kind !== 'request') return
    const decoded = decodeRequest(payload, (content) => createHash('sha256').update(content).digest('hex'))
    if ('refusal' in decoded) {
      await this.#answer(topic, this.#reply(decoded.id, { kind: 'refused', refusal: decoded.refusal }))
      return
    }
    const { request } = decoded
    this.requests.push(request)
    const nth = this.requests.length
    if (this.#options.onRequest?.(request, nth) === 'swallow') return
    const reply = await this.#judge(request, parsed.client)
    this.#options.beforeAnswer?.(request, nth)
    await this.#answer(topic, reply)
    if (!this.#held) this.lab.settle()
    await this.show()
  }

  async #judge(request: DecodedRequest, client: Envelope['who']['client']): Promise<Reply> {
    const { body } = request
    if (body.kind === 'invalid') return this.#reply(request.request, { kind: 'refused', refusal: body.refusal })
    const backups = openBackups({ agent: { now: () => this.#now() }, showing: this, keeper: async () => undefined })
    if (body.kind === 'backup') return this.#reply(request.request, await backups.write(body.passphrase, client))
    if (isQuery(body)) return this.#reply(request.request, this.#ask(body, client))
    const read = body.kind === 'restore' ? await backups.read(body) : undefined
    if (read?.is === 'refused') return this.#reply(request.request, { kind: 'refused', refusal: read.refusal })
    const command: Command =
      body.kind === 'set-secret'
        ? { kind: 'set-secret', secret: body.secret, sealed: 'sealed', mark: body.value }
        : body.kind === 'factory-reset'
          ? { ...body, here: chassisSerial, incarnation: 'f'.repeat(32) }
          : body.kind === 'restore'
            ? (read ?? expect.unreachable()).command
            : body
    const envelope: Envelope = { ...request, who: { door: 'mqtt', client } }
    const { state, observed, hardware } = this.lab
    const moment = { bootId: this.#bootId, uptimeMs: this.uptimeMs }
    const decision = decide({ state, observed, hardware, moment }, command, envelope)
    switch (decision.is) {
      case 'refused': {
        const [refusal, ...others] = decision.refusals
        return this.#reply(request.request, { kind: 'refused', refusal, ...(others.length > 0 && { others }) })
      }
      case 'repeat': {
        const { accepted } = decision.answer
        const outcome: Outcome = { kind: 'accepted', accepted, copies: ['flash'], singleCopy: false }
        return { ...this.#reply(request.request, outcome), replayed: true }
      }
      case 'accepted': {
        const { accepted } = decision.record
        const next = evolve(state, decision.record)
        if (request.dryRun) {
          const { steps, findings } = foresee(next, observed, hardware)
          const dryRun = { steps, findings: findings.map(({ finding }) => finding) }
          return this.#reply(request.request, { kind: 'accepted', accepted, copies: [], singleCopy: false, dryRun })
        }
        this.lab.state = next
        return this.#reply(request.request, {
          kind: 'accepted',
          accepted,
          copies: ['flash', 'eeprom'],
          singleCopy: false,
        })
      }
    }
  }

  #now(): Now {
    const { state, observed } = this.lab
    return { state, observed, plans: {}, chassisSerial }
  }

  #ask(query: Question, client: string): Outcome {
    switch (query.kind) {
      case 'read-state':
        return { kind: 'state', parts: this.parts() }
      case 'list-events':
        return {
          kind: 'events',
          events: this.events
            .filter((event) => event.kind === 'event' && event.number > query.since)
            .slice(0, query.limit),
        }
      case 'list-reasons':
        return { kind: 'reasons', reasons: reasonRows }
      case 'look-up-request': {
        const stored = this.lab.state.answers[client]?.answers.find(({ request }) => request === query.request)
        if (!stored)
          return { kind: 'refused', refusal: refuse('no-such-request', `${query.request} was never accepted here`) }
        const { request, sequence, accepted } = stored
        return { kind: 'looked-up', request, accepted, ...(sequence !== undefined && { sequence }) }
      }
    }
  }

  #reply(request: string, outcome: Outcome): Reply {
    const { epoch, revision, incarnation, term } = this.lab.state
    return { request, epoch, revision, incarnation, term, replayed: false, outcome }
  }

  async #answer(topic: string, reply: Reply): Promise<void> {
    const parsed = parseTopic(topic)
    if (parsed?.kind !== 'request') return
    const { chassis, client } = parsed
    await this.#link?.publishAsync(topicOf({ kind: 'response', chassis, client }), Buffer.from(encodeResponse(reply)), {
      qos: 1,
    })
  }

  #topic(under: string): string {
    return `midplane/v1/${this.chassis}/${under}`
  }

  async #publish(under: string, payload: Uint8Array, retain = true): Promise<void> {
    await this.#link?.publishAsync(this.#topic(under), Buffer.from(payload), { qos: 1, retain })
  }
}
