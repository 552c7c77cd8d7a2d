/** All verbs, in the order of the help. */
import type { Verb } from '../context.ts'
import { apply } from './apply.ts'
import { assign, move, unassign } from './assign.ts'
import { boot, locate, power, reseat, resync } from './bay.ts'
import { describe, lookup, why } from './describe.ts'
import { get } from './get.ts'
import { backup, reset, restore } from './lives.ts'
import { changeover, remove, secret, takeOver } from './office.ts'
import { wait, watch } from './watch.ts'

export const verbs: readonly Verb[] = [
  ...[get, describe, why, watch, wait],
  ...[apply, remove, secret],
  ...[assign, unassign, move],
  ...[power, boot, reseat, locate, resync],
  ...[takeOver, changeover, lookup],
  ...[backup, restore, reset],
]
