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
  | { readonly view: 'policies' }
  | { readonly view: 'health' }
  | { readonly view: 'controllers' }
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
      /** What can not be taken back: shown first, and done only when `yes` was said. */
      readonly shown?: { readonly said: boolean; readonly again: string }
    }
  /** What the chassis holds, as lines to keep. */
  | { readonly is: 'backup' }
  /** A line of a backup that is being pasted. */
  | { readonly is: 'pasted'; readonly text: string }
  /** From the backup that was pasted. */
  | {
      readonly is: 'restore'
      readonly profiles: 'all' | readonly ProfileId[]
      readonly force: boolean
      readonly said: boolean
      readonly again: string
    }
  | { readonly is: 'complaint'; readonly refusal: Refusal }
  /** An empty line. */
  | { readonly is: 'nothing' }
