/**
 * What a door gets of the agent: one way to command, one to ask, and news. A door turns its own wire into these and has
 * no opinion on what is allowed; so a technician's line and a manager's message take the same path.
 */
import type { ChassisId, ClientId } from '../../core/addresses.ts'
import type { Envelope } from '../../core/command.ts'
import type { Refusal } from '../../core/reasons.ts'
import type { PartState, Question, Reply } from '../../core/reply.ts'
import type { Event, Presence } from '../../core/views.ts'
import type { WireCommand } from '../../wire/command.ts'
import type { Invalid } from '../../wire/request.ts'

export interface Front {
  readonly chassis: ChassisId
  /** Answers when it is durable, or refused. Never rejects. A secret comes in plain and is sealed before it is judged. */
  submit(command: WireCommand | Invalid, envelope: Envelope): Promise<Reply>
  /** `client` is who asks: answers are looked up among his own. */
  ask(query: Question, client?: ClientId): Reply
  /** What the chassis holds, as text; never rejects. With a passphrase its secrets come along, sealed under it (W16). */
  backup(passphrase?: string, client?: ClientId): Promise<Reply>
  /** Keyed digest of a command's content: tells a repeat from a reuse, and nothing of a secret in it (W16, W23). */
  digest(content: Uint8Array): string
  /** Everything that is shown now; `chassis` comes last. */
  parts(): readonly PartState[]
  /** Set while this controller follows another: why it shows little and does nothing, and where to go. */
  readonly refuses?: (() => Refusal | undefined) | undefined
  presence(): Omit<Presence, 'online' | 'connection'>
  /** Returns how to stop hearing. `removed` names a part that is not there any more. */
  onPart(heard: (part: PartState | { readonly removed: string }) => void): () => void
  onEvent(heard: (event: Event) => void): () => void
}
