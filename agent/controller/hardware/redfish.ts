/**
 * The Redfish driver: blades seen and changed through their BMCs. One session and one request in flight
 * per BMC. It looks in W1's order, adapters before power; it changes only what an earlier look in the
 * same session saw (W7), so that a session lost since then stops the change instead of carrying it
 * (W12): look first, then change. In a pair it reads the owner line in that session before each write, so
 * that a new owner, who ends all sessions first, never meets a write that was judged before it came. It keeps
 * no intent, repeats no change, and an answer that did not come is a Fault with `maybe` (W2).
 */
import type { AgentOptions } from 'node:https'
import type { Bay } from '../../core/blade.ts'
import { type Driver, Fault, type Owns } from './driver.ts'
import { barrier, endOwn } from './redfish/barrier.ts'
import { change } from './redfish/change.ts'
import { type After, type Line, openLine, realAfter } from './redfish/line.ts'
import { look } from './redfish/look.ts'
import { faultOf, openSession, type Session, SessionLost } from './redfish/session.ts'

export interface BmcPlace {
  /** `http://host:port` or `https://…`; the service is at /redfish/v1/ there. */
  readonly url: string
  readonly user: string
  readonly password: string
}

export interface RedfishOptions {
  bays(bay: Bay): BmcPlace | undefined
  /** A CHAP secret in clear, by its name and the mark of the version that is meant (W16); undefined where that is not to be had. */
  secret(id: string, mark: string | undefined): string | undefined
  /** Asked before each write: throws where this controller does not own the backplane. Absent: no other controller. */
  readonly owner?: Owns
  readonly timeouts?: { readonly connectMs?: number; readonly answerMs?: number }
  /** TLS settings of the connections, such as `ca`. */
  readonly agent?: AgentOptions
  readonly answerBytes?: number
  readonly after?: After
}

interface Bmc {
  readonly place: BmcPlace
  readonly line: Line
  session: Session | undefined
  /** Resolves when nobody asks this BMC anything: calls take turns. */
  idle: Promise<void>
  /** Bounds the call whose turn it is. */
  signal: AbortSignal
}

export function redfishDriver(options: RedfishOptions): Driver {
  const bmcs = new Map<Bay, Bmc>()
  const never = new AbortController().signal
  let closed = false

  const bmcOf = (bay: Bay): Bmc => {
    const place = options.bays(bay)
    if (closed || place === undefined) throw new Fault('bmc-silent', `bay ${bay} has no BMC to ask`)
    const known = bmcs.get(bay)
    if (
      known &&
      known.place.url === place.url &&
      known.place.user === place.user &&
      known.place.password === place.password
    )
      return known
    // What is under way on the old line ends first; its session ends by the BMC's own timeout.
    void known?.idle.then(() => known.line.close())
    const line = openLine(new URL(place.url), {
      connectMs: options.timeouts?.connectMs ?? 3_000,
      answerMs: options.timeouts?.answerMs ?? 10_000,
      answerBytes: options.answerBytes ?? 4_194_304,
      after: options.after ?? realAfter,
      ...(options.agent && { agent: options.agent }),
    })
    const bmc: Bmc = { place, line, session: undefined, idle: known?.idle ?? Promise.resolve(), signal: never }
    bmcs.set(bay, bmc)
    return bmc
  }

  /** Waits for its turn, and reads what was thrown: the one place where documents become Faults. */
  const inTurn = async <Value>(bay: Bay, signal: AbortSignal, run: (bmc: Bmc) => Promise<Value>): Promise<Value> => {
    const bmc = bmcOf(bay)
    const before = bmc.idle
    let done = (): void => {}
    const mine = new Promise<void>((resolveMine) => {
      done = resolveMine
    })
    bmc.idle = before.then(() => mine)
    try {
      await unless(signal, before)
      bmc.signal = signal
      return await run(bmc)
    } catch (error) {
      if (error instanceof SessionLost) bmc.session = undefined
      throw faultOf(error)
    } finally {
      done()
    }
  }

  const open = async (bmc: Bmc): Promise<Session> => {
    bmc.session = await openSession(bmc.line, bmc.place, () => bmc.signal)
    return bmc.session
  }

  return {
    observe: (bay, signal) =>
      inTurn(bay, signal, async (bmc) => {
        if (bmc.session === undefined) return look(await open(bmc))
        try {
          return await look(bmc.session)
        } catch (error) {
          // Nothing but reads: the whole look starts over, in a session of its own.
          if (!(error instanceof SessionLost)) throw error
          bmc.session = undefined
          return look(await open(bmc))
        }
      }),

    apply: (step, signal) =>
      inTurn(step.bay, signal, async (bmc) => {
        if (step.kind === 'barrier') {
          await forget(bmc)
          const begun = await open(bmc)
          await options.owner?.(signal)
          return barrier(begun)
        }
        const session = bmc.session
        if (session?.seen === undefined)
          throw new Fault('session-lost', `bay ${step.bay} was not looked at in an open session; look first`)
        try {
          return await change(owned(session, options.owner, signal), session.seen, step, options.secret)
        } catch (error) {
          // Others may change the blade from now on: what was seen before says nothing about it.
          if (error instanceof Fault && error.blind === 'not-owner') session.seen = undefined
          throw error
        }
      }),

    close: async () => {
      closed = true
      await Promise.all(
        [...bmcs.values()].map(async (bmc) => {
          try {
            await bmc.idle
            bmc.signal = never
            await forget(bmc)
          } catch (error) {
            // A BMC that does not answer keeps the session until its own timeout ends it.
            if (!(error instanceof Fault)) throw error
          } finally {
            bmc.line.close()
          }
        }),
      )
    },
  }
}

/** The same session, which writes only for the owner of the backplane: it is open already, the line is read, then written (W12). */
function owned(session: Session, owner: Owns | undefined, signal: AbortSignal): Session {
  if (owner === undefined) return session
  return {
    ...session,
    change: async (...asked) => {
      await owner(signal)
      return session.change(...asked)
    },
  }
}

/** A call that is given up while others have the line leaves without having sent anything. */
async function unless(signal: AbortSignal, turn: Promise<void>): Promise<void> {
  const gone = (): Fault => new Fault('bmc-silent', 'given up before its turn came')
  if (signal.aborted) throw gone()
  await new Promise<void>((resolveTurn, reject) => {
    const aborted = (): void => reject(gone())
    signal.addEventListener('abort', aborted, { once: true })
    void turn.then(() => {
      signal.removeEventListener('abort', aborted)
      resolveTurn()
    })
  })
}

/** Our own session is over, whether or not the BMC still knew it. */
async function forget(bmc: Bmc): Promise<void> {
  const { session } = bmc
  bmc.session = undefined
  if (session !== undefined) await endOwn(session)
}
