/** Why the demo can not go on: one sentence for whoever started it, never with a stack. */
export class CanNot extends Error {
  override readonly name = 'CanNot'
}
