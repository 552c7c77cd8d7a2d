/**
 * A central manager, small: it knows the chassis by what is retained and by its answers, wraps its changes in real
 * envelopes, and asks again what was not answered. One that was in office before goes on as if it still were; and any
 * of them can be made to plan badly.
 */
import type { ClientId } from '../../agent/core/addresses.ts'
import { touchesBindings } from '../../agent/core/command.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import { encodeRequest, type OutgoingRequest } from '../../agent/wire/request.ts'
import { decodeResponse } from '../../agent/wire/response.ts'
import type { VirtualClock } from '../sim/virtual-clock.ts'
import type { Below, Broker } from './broker.ts'

/** What the chassis shows of itself, as far as a manager needs it to plan. */
export interface Shown {
  readonly incarnation: string
  readonly bootId: string
  readonly uptimeMs: number
  /** When that was so, by the one clock of this world. */
  readonly at: number
  readonly epoch: number
  readonly revision: number
  readonly office: string | undefined
  /** Bay by profile. */
  readonly seats: { readonly [profile: string]: number }
}

interface Open {
  readonly sent: OutgoingRequest
  tries: number
  readonly onAnswer: ((accepted: boolean) => void) | undefined
}

/** How long a manager waits for an answer before it asks again. */
const patienceMs = 2_500
const mostTries = 4

export class Manager {
  readonly name: ClientId
  readonly lineage: string
  number = 1
  shown: Shown | undefined
  readonly #broker: Broker<Shown>
  readonly #clock: VirtualClock
  readonly #below: Below
  readonly #open = new Map<string, Open>()
  /** What was sent before, to be sent again when nobody waits for it any more. */
  readonly #past: OutgoingRequest[] = []
  /** The epoch that it holds office in, as far as it knows: of a stale one, that of long ago. */
  #held: { readonly epoch: number; readonly incarnation: string } | undefined
  #reached = -1
  #sequence = 0
  #requests = 0

  constructor(name: ClientId, lineage: string, broker: Broker<Shown>, clock: VirtualClock, below: Below) {
    this.name = name
    this.lineage = lineage
    this.#broker = broker
    this.#clock = clock
    this.#below = below
    broker.subscribe(name, {
      answered: (bytes) => this.#hear(bytes),
      retained: (shown) => {
        if (this.shown?.incarnation !== shown.incarnation || shown.revision > this.#reached)
          this.#reached = shown.revision
        this.shown = shown
      },
    })
  }

  get waits(): boolean {
    return this.#open.size > 0
  }

  /** It was in office, and does not know better. */
  get believes(): boolean {
    return this.#held !== undefined
  }

  /** As far as it can see, it commands here, or nobody ever did. */
  get commands(): boolean {
    const { shown } = this
    if (!shown) return false
    const held = this.#held?.incarnation === shown.incarnation ? this.#held.epoch : undefined
    return shown.office === this.name ? held === shown.epoch : shown.office === undefined && shown.epoch === 0
  }

  takeOver(): boolean {
    const { shown } = this
    if (!shown) return false
    this.change({
      kind: 'take-over',
      incarnation: shown.incarnation,
      observedEpoch: shown.epoch,
      lineage: this.lineage,
      number: this.number,
    })
    return true
  }

  /** Sends a change under the envelope that it believes to be right; `bend` makes it another one. */
  change(body: WireCommand, bend: Partial<OutgoingRequest> = {}, onAnswer?: (accepted: boolean) => void): void {
    const { shown } = this
    const governed = this.#held !== undefined || shown?.office !== undefined
    const epoch = this.#held?.incarnation === shown?.incarnation ? this.#held?.epoch : shown?.epoch
    const sent: OutgoingRequest = {
      request: `${this.name}-${String(++this.#requests).padStart(6, '0')}`,
      chassis: 'rig',
      dryRun: false,
      body,
      ...(governed && body.kind !== 'take-over' && epoch !== undefined && { epoch }),
      ...(governed && { sequence: ++this.#sequence }),
      ...(governed && touchesBindings(body) && { ifRevision: this.#reached }),
      ...this.#expect(governed),
      ...bend,
    }
    this.#past.push(sent)
    if (this.#past.length > 12) this.#past.shift()
    this.#open.set(sent.request, { sent, tries: 0, onAnswer })
    this.#send(sent.request)
  }

  /** Something that it sent long ago comes again, with a new expiry or as it was. */
  repeat(fresh: boolean): OutgoingRequest | undefined {
    const old = this.#past[this.#below(Math.max(1, this.#past.length))]
    if (old) this.#publish(fresh ? { ...old, ...this.#expect(old.expect !== undefined) } : old)
    return old
  }

  /** The same request id for something else. */
  reuse(body: WireCommand): OutgoingRequest | undefined {
    const old = this.#past[this.#below(Math.max(1, this.#past.length))]
    if (old) this.#publish({ ...old, body })
    return old
  }

  #expect(governed: boolean): Pick<OutgoingRequest, 'expect'> {
    const { shown } = this
    if (!governed || !shown) return {}
    const { incarnation, bootId, uptimeMs, at } = shown
    const beforeUptimeMs = uptimeMs + (this.#clock.now() - at) + 10_000
    return { expect: { incarnation, bootId, beforeUptimeMs } }
  }

  #publish(sent: OutgoingRequest): void {
    this.#broker.publish({ client: this.name, sent }, encodeRequest(sent))
  }

  #send(request: string): void {
    const open = this.#open.get(request)
    if (!open) return
    if (open.tries++ >= mostTries) {
      this.#open.delete(request)
      open.onAnswer?.(false)
      return
    }
    const { sent } = open
    this.#publish(open.tries === 1 ? sent : { ...sent, ...this.#expect(sent.expect !== undefined) })
    this.#clock.after(patienceMs, () => this.#send(request))
  }

  #hear(bytes: Uint8Array): void {
    const read = decodeResponse(bytes)
    if (!('value' in read)) throw new Error(`an answer can not be read: ${JSON.stringify(read)}`)
    const reply = read.value
    const open = this.#open.get(reply.request)
    if (!open) return
    const { outcome } = reply
    // Not judged yet, or judged under an expiry that can be renewed: it is sent again.
    if (outcome.kind === 'refused' && ['busy', 'other-boot', 'expired'].includes(outcome.refusal.reason)) return
    this.#open.delete(reply.request)
    if (outcome.kind === 'accepted') {
      const { accepted } = outcome
      if (open.sent.body.kind === 'take-over') {
        this.#held = { epoch: accepted.epoch, incarnation: reply.incarnation }
        this.number++
      }
      if (accepted.revision > this.#reached) this.#reached = accepted.revision
    }
    open.onAnswer?.(outcome.kind === 'accepted')
  }
}
