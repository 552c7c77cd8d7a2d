/**
 * What can go wrong between a client and a chassis, apart from a refusal: that is a value in the reply, because the
 * chassis answered. Each says in one lower-case sentence what happened and the way out.
 */

/** The broker, or the agent behind it, can not be spoken to. Nothing was sent, or nothing can come back. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

/** Nothing came back in time. It may have been carried out: the same request id again tells, and runs nothing twice. */
export class TimedOut extends Error {
  override readonly name = 'TimedOut'
}

/** Several chassis are on the broker and none was named. */
export class Ambiguous extends Error {
  override readonly name = 'Ambiguous'
  readonly chassis: readonly string[]

  constructor(chassis: readonly string[]) {
    super(`this broker has ${chassis.length} chassis: ${chassis.join(', ')}; say --chassis ${chassis[0]}`)
    this.chassis = chassis
  }
}

/** Somebody said to stop, or the client was closed. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/** Something that is no fault of the program: a file that is not there, a document that can not be used. */
export class Failed extends Error {
  override readonly name: string = 'Failed'
}

/** The answer came and can not be read: a newer agent's, or garbage. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable'
}
