/**
 * The retained state of one chassis as this client has read it so far, kept live. The part `chassis` is published last
 * and lists the version of every other part: only when all of them are here is the snapshot whole, and only a whole
 * snapshot may be read as "there is no such profile".
 */
import type { ChassisId } from '../core/addresses.ts'
import type { PartState } from '../core/reply.ts'
import { type ChassisView, type Part, type Presence, partName } from '../core/views.ts'
import { decodePresence } from '../wire/event.ts'
import { decodeState } from '../wire/state.ts'
import { parseTopic } from '../wire/topics.ts'
import type { Message } from './link.ts'
import { type Bell, bell } from './wait.ts'

/** A part came, changed or went. `state` absent: it was removed. */
export interface Change {
  readonly name: string
  readonly state?: PartState
}

export type ViewOf<Name extends Part['part']> = Extract<Part, { readonly part: Name }>['view']

export class Snapshot {
  readonly #parts = new Map<string, PartState>()
  readonly #unread = new Map<string, string>()
  readonly #chassis: ChassisId
  #presence: Presence | undefined

  /** Rings after each message that was taken in. */
  readonly changed: Bell<Change | Presence> = bell()

  constructor(chassis: ChassisId) {
    this.#chassis = chassis
  }

  /** Absent: nothing was heard of this chassis yet. */
  get presence(): Presence | undefined {
    return this.#presence
  }

  /** Parts by name: `bay-7`, `profile-web-01`, `pool-lan`, `controller-a`, `health`, `chassis`. */
  get parts(): ReadonlyMap<string, PartState> {
    return this.#parts
  }

  /** Parts that came and could not be read, with the reason: a newer agent's, or garbage. They are not absent. */
  get unread(): ReadonlyMap<string, string> {
    return this.#unread
  }

  get chassis(): ChassisView | undefined {
    const part = this.#parts.get('chassis')?.part
    return part?.part === 'chassis' ? part.view : undefined
  }

  /** Every part that the chassis lists is here, at the version that it lists or a later one. */
  get isWhole(): boolean {
    const { chassis } = this
    if (!chassis) return false
    return Object.entries(chassis.parts).every(
      ([name, version]) => (this.#parts.get(name)?.version ?? -1) >= version || this.#unread.has(name),
    )
  }

  /** Views of one kind, in the order of their names. */
  all<Name extends Part['part']>(kind: Name): readonly ViewOf<Name>[] {
    return this.states(kind).map(({ part }) => part.view as ViewOf<Name>)
  }

  states(kind: Part['part']): readonly PartState[] {
    const states = [...this.#parts.values()].filter(({ part }) => part.part === kind)
    return states.sort((a, b) => partName(a.part).localeCompare(partName(b.part), 'en', { numeric: true }))
  }

  /** Takes in a message of this chassis; others are passed over. */
  take({ topic, payload }: Message): void {
    const parsed = parseTopic(topic)
    if (parsed?.chassis !== this.#chassis) return
    if (parsed.kind === 'presence') this.#takePresence(payload)
    if (parsed.kind === 'state') this.#takePart(parsed.part, payload)
  }

  #takePresence(payload: Uint8Array): void {
    if (payload.length === 0) return
    const received = decodePresence(payload)
    if ('unread' in received) return
    this.#presence = received.value
    this.changed.ring(received.value)
  }

  #takePart(name: string, payload: Uint8Array): void {
    this.#unread.delete(name)
    if (payload.length === 0) {
      if (this.#parts.delete(name)) this.changed.ring({ name })
      return
    }
    const received = decodeState(payload)
    if ('value' in received) this.put(received.value)
    else {
      this.#parts.delete(name)
      this.#unread.set(name, received.unread.say)
      this.changed.ring({ name })
    }
  }

  /** Takes in a part that was asked for, unless a newer one was published meanwhile. */
  offer(state: PartState): void {
    const mine = this.#parts.get(partName(state.part))
    const isOlder =
      mine?.incarnation === state.incarnation &&
      // Under another owner of a pair versions begin anew.
      mine.term === state.term &&
      (state.revision < mine.revision || (state.revision === mine.revision && state.version < mine.version))
    if (!isOlder) this.put(state)
  }

  /** Takes in a part as it was published. */
  put(state: PartState): void {
    const name = partName(state.part)
    this.#unread.delete(name)
    this.#parts.set(name, state)
    if (state.part.part === 'chassis') this.#prune(state.part.view)
    this.changed.ring({ name, state })
  }

  /**
   * What the chassis no longer lists was removed while this client was away. Parts are published before the list that
   * has them, so nothing new is lost here.
   */
  #prune({ parts }: ChassisView): void {
    for (const name of [...this.#parts.keys(), ...this.#unread.keys()]) {
      if (name === 'chassis' || name in parts) continue
      this.#unread.delete(name)
      if (this.#parts.delete(name)) this.changed.ring({ name })
    }
  }
}
