/**
 * What waits to be published, in bounded lanes. Nothing here grows while the broker is away: of each part only the
 * newest waits, events beyond the bound become one gap (they are still in the ring, for who asks), and of answers the
 * oldest go, whose askers ask again. Lanes are served in turn, so that no lane starves another.
 */
import type { ClientId } from '../../../core/addresses.ts'
import type { PartState } from '../../../core/reply.ts'
import type { Event } from '../../../core/views.ts'

export type Outgoing =
  | { readonly kind: 'presence'; readonly online: boolean }
  | {
      readonly kind: 'response'
      readonly client: ClientId
      readonly bytes: Uint8Array
      readonly correlation?: Uint8Array
      /** It is on its way: the request need not be delivered again. */
      readonly sent: () => void
    }
  /** `state` absent: the part is not there any more. */
  | { readonly kind: 'part'; readonly name: string; readonly state?: PartState }
  | { readonly kind: 'event'; readonly event: Event }
  /** A retained message of ours on the broker that says nothing true any more. */
  | { readonly kind: 'leftover'; readonly topic: string }

type Response = Extract<Outgoing, { kind: 'response' }>
type PartMessage = Extract<Outgoing, { kind: 'part' }>

export interface Bounds {
  readonly responses: number
  readonly responseBytes: number
  readonly events: number
  readonly leftovers: number
}

export const usualBounds: Bounds = { responses: 4096, responseBytes: 16 * 2 ** 20, events: 512, leftovers: 4096 }

export class Outbox {
  readonly #bounds: Bounds
  #presence: Extract<Outgoing, { kind: 'presence' }> | undefined
  #responses: Response[] = []
  #responseBytes = 0
  readonly #parts = new Map<string, PartMessage>()
  #events: Event[] = []
  /** Numbers of the events that did not fit. */
  #lost: { readonly from: number; readonly to: number } | undefined
  readonly #leftovers = new Set<string>()
  #turn = 0

  constructor(bounds: Bounds = usualBounds) {
    this.#bounds = bounds
  }

  /** Answers and events that wait; the rest is said again after each connect. */
  get waiting(): number {
    return this.#responses.length + this.#events.length + (this.#lost ? 1 : 0)
  }

  presence(online: boolean): void {
    this.#presence = { kind: 'presence', online }
  }

  /** How many answers were dropped to make room. */
  respond(response: Response): number {
    this.#responses.push(response)
    this.#responseBytes += response.bytes.length
    return this.#trimResponses()
  }

  show(name: string, state?: PartState): void {
    this.#parts.set(name, { kind: 'part', name, ...(state && { state }) })
  }

  tell(event: Event): void {
    this.#events.push(event)
    this.#trimEvents()
  }

  clear(topic: string): void {
    if (this.#leftovers.size < this.#bounds.leftovers) this.#leftovers.add(topic)
  }

  /** What is retained is said anew after the next connect: it need not wait for it. */
  forgetRetained(): void {
    this.#presence = undefined
    this.#parts.clear()
    this.#leftovers.clear()
  }

  /** Sent, but nobody knows whether it arrived. In the order in which it was taken. */
  giveBack(messages: readonly Outgoing[]): void {
    const responses = messages.filter((message) => message.kind === 'response')
    this.#responses = [...responses, ...this.#responses]
    this.#responseBytes += responses.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.#trimResponses()
    const events = messages.flatMap((message) => (message.kind === 'event' ? [message.event] : []))
    if (events.length > 0 && this.#lost) {
      this.#events = [...events, { kind: 'gap', ...this.#lost }, ...this.#events]
      this.#lost = undefined
    } else this.#events = [...events, ...this.#events]
    this.#trimEvents()
  }

  next(): Outgoing | undefined {
    if (this.#presence) {
      const presence = this.#presence
      this.#presence = undefined
      return presence
    }
    const lanes = [
      () => this.#nextResponse(),
      () => this.#nextPart(),
      () => this.#nextEvent(),
      () => this.#nextLeftover(),
    ]
    for (let tried = 0; tried < lanes.length; tried++) {
      const message = lanes[this.#turn++ % lanes.length]?.()
      if (message) return message
    }
    return undefined
  }

  #nextResponse(): Response | undefined {
    const response = this.#responses.shift()
    this.#responseBytes -= response?.bytes.length ?? 0
    return response
  }

  /** `chassis` comes last: it names the versions of the others, and a reader counts on having seen them. */
  #nextPart(): Outgoing | undefined {
    for (const [name, part] of this.#parts) {
      if (name === 'chassis' && this.#parts.size > 1) continue
      this.#parts.delete(name)
      return part
    }
    return undefined
  }

  #nextEvent(): Outgoing | undefined {
    if (this.#lost) {
      const event: Event = { kind: 'gap', ...this.#lost }
      this.#lost = undefined
      return { kind: 'event', event }
    }
    const event = this.#events.shift()
    return event && { kind: 'event', event }
  }

  #nextLeftover(): Outgoing | undefined {
    for (const topic of this.#leftovers) {
      this.#leftovers.delete(topic)
      return { kind: 'leftover', topic }
    }
    return undefined
  }

  #trimResponses(): number {
    let dropped = 0
    while (this.#responses.length > this.#bounds.responses || this.#responseBytes > this.#bounds.responseBytes) {
      const response = this.#nextResponse()
      if (!response) break
      // Said or not, it was durable: its request must not hold up the acknowledgement of all that came after it.
      response.sent()
      dropped += 1
    }
    return dropped
  }

  #trimEvents(): void {
    while (this.#events.length > this.#bounds.events) {
      const event = this.#events.shift()
      if (!event) return
      const { from, to } = event.kind === 'gap' ? event : { from: event.number, to: event.number }
      this.#lost = this.#lost
        ? { from: Math.min(this.#lost.from, from), to: Math.max(this.#lost.to, to) }
        : { from, to }
    }
  }
}
