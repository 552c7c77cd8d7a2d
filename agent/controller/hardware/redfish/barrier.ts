/**
 * The barrier (W2): every session but a new one of ours is ended and seen ended, and no change is still
 * under way. Only then does an unanswered command no longer matter. A barrier that could not be seen
 * through is none, and is a Fault.
 */
import { Fault } from '../driver.ts'
import { membersOf, pathAt, resolve, type Session, SessionLost } from './session.ts'

/** Task.TaskState. */
const unfinished = [
  'New',
  'Starting',
  'Running',
  'Suspended',
  'Pending',
  'Stopping',
  'Service',
  'Cancelling',
  'Interrupted',
]
const finished = ['Completed', 'Killed', 'Exception', 'Cancelled']

/** In a session that was opened for it. */
export async function barrier(session: Session): Promise<void> {
  for (const path of await othersThan(session)) {
    try {
      await session.change('DELETE', path)
    } catch (error) {
      if (!isGone(error)) throw certain(error)
    }
  }
  const left = await othersThan(session)
  if (left.length > 0) throw new Fault('bmc-busy', `${left.length} other sessions did not end`)
  const collection = await session.get((await session.places()).tasks, Math.min(session.expandLevels, 1))
  for (const ref of await membersOf(session, collection)) {
    const task = await resolve(session, ref)
    const state = task
      .at('TaskState')
      .parsed((text) => (unfinished.includes(text) || finished.includes(text) ? text : undefined))
    if (unfinished.includes(state)) throw new Fault('bmc-busy', 'the BMC has a change under way; it must end first')
  }
}

async function othersThan(session: Session): Promise<readonly string[]> {
  const listed = (await membersOf(session, await session.get(session.sessionsPath))).map(pathAt)
  if (!listed.includes(session.path)) throw new Fault('bmc-nonsense', 'the BMC does not list our own session')
  return listed.filter((path) => path !== session.path)
}

/** Ends our own session. */
export async function endOwn(session: Session): Promise<void> {
  try {
    await session.change('DELETE', session.path)
  } catch (error) {
    if (!(error instanceof SessionLost) && !isGone(error)) throw certain(error)
  }
}

/** Ending what is not there any more is what was wanted. */
const isGone = (error: unknown): boolean => error instanceof Fault && error.blind === 'bmc-nonsense' && !error.maybe

/** Ending a session changes no blade: unanswered, it leaves nothing in doubt that was not before. */
function certain(error: unknown): unknown {
  return error instanceof Fault && error.maybe ? new Fault(error.blind, error.message) : error
}
