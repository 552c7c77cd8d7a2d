/** What one line asks for: a command, the same value that a manager's message becomes; a view; or nothing that makes sense. */
import type { ProfileId } from '../../../core/addresses.ts'
import type { Bay } from '../../../core/blade.ts'
import type { Refusal } from '../../../core/reasons.ts'
import type { WireCommand } from '../../../wire/command.ts'

export type View =
  | { readonly view: 'bays' }
  | { readonly view: 'bay'; readonly bay: Bay; readonly all: boolean }
  | { readonly view: 'profiles' }
  | { readonly view: 'profile'; readonly profile: ProfileId }
  | { readonly view: 'pools' }
  | { readonly view: 'health' }
  | { readonly view: 'todo' }
  | { readonly view: 'events' }
  | { readonly view: 'store' }
  | { readonly view: 'why'; readonly bay: Bay }
  | { readonly view: 'help'; readonly verb?: string }
  | { readonly view: 'version' }

export type Asked =
  | { readonly is: 'view'; readonly view: View }
  | {
      readonly is: 'command'
      readonly command: WireCommand
      /** What a slip of the finger would cost; asked back unless `yes` was said. */
      readonly danger?: { readonly stops: Bay; readonly said: boolean }
    }
  | { readonly is: 'complaint'; readonly refusal: Refusal }
  /** An empty line. */
  | { readonly is: 'nothing' }
