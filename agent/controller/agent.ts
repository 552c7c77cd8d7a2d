/**
 * The one place where things happen in turn. `submit` takes a command through judgement into the journal and answers
 * only when it is durable; the work on the bays runs beside it (tend.ts) and notes what it relies on by the same
 * `commit`. All judgement is in core; here is the order: journal first, believe after, tell last.
 */

import type { BayPlan } from '../core/bay-plan.ts'
import type { Bay, Observed } from '../core/blade.ts'
import { canonical } from '../core/blade.ts'
import type { Hardware } from '../core/board.ts'
import { type Command, type Envelope, flashAlone, type Moment, type Standby } from '../core/command.ts'
import { type Decision, decide } from '../core/decide.ts'
import { foresee } from '../core/foresee.ts'
import { judge } from '../core/judge.ts'
import { type Refusal, refuse } from '../core/reasons.ts'
import { evolve, type StoreRecord } from '../core/record.ts'
import type { Copy, Outcome, Reply } from '../core/reply.ts'
import { bayState, type State } from '../core/state.ts'
import type { Clock } from './clock.ts'
import type { Backplane, Driver } from './hardware/driver.ts'
import { NotStored, type Pace, startWork, type WorkNotice } from './tend.ts'

/** The binding store, as the agent needs it. */
export interface Memory {
  /**
   * Durable when it resolves, in the order of the calls. `everywhere`: on flash and on what outlives this controller
   * (W10); otherwise on flash alone. Rejects with NotStored when it is not durable.
   */
  append(record: StoreRecord, everywhere: boolean): Promise<readonly Copy[]>
  /** Where everything that is durable stands now. */
  copies(): readonly Copy[]
  /** Whether the chassis EEPROM could hold this state. */
  fits(state: State): boolean
  /** Why nothing can be stored, when that is so. */
  readOnly(): string | undefined
  /** Why nothing can be stored for a moment, when that is so. */
  pauses(): string | undefined
}

/** What the agent tells: that something happened, and that something may look different. */
export interface Listener {
  recorded(record: StoreRecord, state: State): void
  noticed(notice: Notice): void
  changed(): void
}
export type Notice =
  | WorkNotice
  | {
      readonly kind: 'refused'
      readonly command: Command['kind']
      readonly envelope: Envelope
      readonly refusal: Refusal
    }

export interface Parts {
  readonly state: State
  readonly memory: Memory
  readonly hardware: Hardware
  readonly driver: Driver
  readonly backplane: Backplane
  readonly clock: Clock
  readonly bootId: string
  readonly listener: Listener
  readonly pace?: Partial<Pace>
  /** In a chassis with room for two controllers. */
  readonly pair?: { standby(): Standby; changeover(force: boolean): void }
}

export interface Agent {
  submit(command: Command, envelope: Envelope): Promise<Reply>
  /** What the envelope alone is refused for, of a command that could not be read; undefined: nothing. */
  judge(envelope: Envelope): Refusal | undefined
  /** Durable state, what is seen, and what follows. */
  readonly now: () => Now
  /** Resolves when each bay was looked at once, or given up on. */
  readonly ready: Promise<void>
  /** Look at the bay again now; absent: at all. */
  wake(bay?: Bay): void
  /** What was read back from the medium after an I/O error: the head that was never durable is gone. */
  recover(state: State): void
  stop(): Promise<void>
}
export interface Now {
  readonly state: State
  readonly observed: Observed
  readonly plans: { readonly [bay: number]: BayPlan }
  readonly chassisSerial: string
}

/** Bytes of one record as JSON, well below what one frame of the journal takes. */
const longestRecord = 192 * 1024

export function startAgent(parts: Parts): Agent {
  const { memory, hardware, driver, backplane, clock, bootId, listener } = parts

  /** What is durable; and what judgement runs ahead on, until the journal has it too. */
  let state = parts.state
  let head = parts.state
  let lastAppend: Promise<unknown> = Promise.resolve()
  /** Settles when everything appended so far is durable, or given up. */
  let turn: Promise<unknown> = Promise.resolve()
  let recoveries = 0

  const work = startWork({
    core: {
      state: () => state,
      isChanging: (bay) => bayState(head, bay) !== bayState(state, bay),
      settled: async () => void (await turn),
      commit,
      stuck: () => memory.readOnly() ?? memory.pauses(),
      noticed: listener.noticed,
      changed: listener.changed,
    },
    ...{ hardware, driver, backplane, clock },
    ...(parts.pace && { pace: parts.pace }),
  })

  const moment = (): Moment => ({
    bootId,
    uptimeMs: clock.uptimeMs(),
    ...(parts.pair && { standby: parts.pair.standby() }),
  })

  async function submit(command: Command, envelope: Envelope): Promise<Reply> {
    const stuck = memory.readOnly()
    if (stuck !== undefined && !envelope.dryRun) {
      return reply(envelope, refusedWith(refuse('store-read-only', `nothing can be stored: ${stuck}`)))
    }
    const pause = memory.pauses()
    if (pause !== undefined && !envelope.dryRun)
      return reply(envelope, refusedWith(refuse('busy', `${pause}; send the same request again`)))
    const world = { state: head, observed: work.observed(), hardware, moment: moment() }
    const decision = decide(world, command, envelope)
    const base = head
    switch (decision.is) {
      case 'refused':
        listener.noticed({ kind: 'refused', command: command.kind, envelope, refusal: decision.refusals[0] })
        return reply(envelope, refusedWith(...decision.refusals))
      case 'repeat':
        return repeat(command, envelope, decision)
      case 'accepted': {
        const next = evolve(base, decision.record)
        if (Buffer.byteLength(JSON.stringify(decision.record)) > longestRecord) {
          return reply(envelope, refusedWith(refuse('too-large', 'this is more than one record can hold; split it')))
        }
        if (!memory.fits(next)) {
          return reply(
            envelope,
            refusedWith(refuse('store-full', 'the chassis EEPROM can not hold this; remove profiles or pools')),
          )
        }
        if (envelope.dryRun) return reply(envelope, dryRun(base, next, decision.record.accepted))
        return accept(command, envelope, decision.record)
      }
    }
  }

  async function accept(
    command: Command,
    envelope: Envelope,
    record: Extract<StoreRecord, { kind: 'command' }>,
  ): Promise<Reply> {
    let copies: readonly Copy[]
    try {
      // An answer without an effect, power and light: flash alone, and said so (W10).
      copies = await commit(record, record.accepted.changed && !flashAlone(command))
    } catch (error) {
      return reply(envelope, refusedWith(unstored(error)))
    }
    if (command.kind === 'resync') work.wake(command.bay)
    // After the answer is on its way: who leads next answers a repeat.
    if (command.kind === 'changeover') clock.after(0, () => parts.pair?.changeover(command.force))
    const single = !flashAlone(command) && record.accepted.changed && copies.length < 2
    return reply(envelope, { kind: 'accepted', accepted: record.accepted, copies, singleCopy: single })
  }

  /** The stored answer; but it may stand in the head only, so it waits for what was appended last. */
  async function repeat(
    command: Command,
    envelope: Envelope,
    { answer }: Extract<Decision, { is: 'repeat' }>,
  ): Promise<Reply> {
    try {
      await lastAppend
    } catch (error) {
      return reply(envelope, refusedWith(unstored(error)))
    }
    // Where it stands now: what is stored on flash alone has not got further since (W10).
    const everywhere = answer.accepted.changed && !flashAlone(command)
    const copies = memory.copies().filter((copy) => everywhere || copy !== 'eeprom')
    const singleCopy = everywhere && copies.length < 2
    const outcome: Outcome = { kind: 'accepted', accepted: answer.accepted, copies, singleCopy }
    return { ...reply(envelope, outcome), replayed: true }
  }

  function dryRun(
    before: State,
    after: State,
    accepted: Extract<StoreRecord, { kind: 'command' }>['accepted'],
  ): Outcome {
    const already = new Set(foresee(before, work.observed(), hardware).steps.map((step) => canonical(step)))
    const { steps, findings } = foresee(after, work.observed(), hardware)
    return {
      kind: 'accepted',
      accepted,
      copies: [],
      singleCopy: false,
      dryRun: {
        steps: steps.filter((step) => !already.has(canonical(step))),
        findings: findings.map(({ finding }) => finding),
      },
    }
  }

  function reply({ request }: Envelope, outcome: Outcome): Reply {
    const { epoch, revision, incarnation, term } = state
    return { request, epoch, revision, incarnation, term, replayed: false, outcome }
  }

  /**
   * Journal first, believe after, tell last. `head` runs ahead so that the next command is judged on this one. A record
   * that has its second copy sooner than an earlier one still waits for that: state only ever goes forward.
   */
  async function commit(record: StoreRecord, everywhere: boolean): Promise<readonly Copy[]> {
    const next = evolve(head, record)
    head = next
    const before = turn
    const life = recoveries
    const appended = memory.append(record, everywhere)
    const believed = before.then(async () => {
      const copies = await appended
      // What was read back from the medium since then has this record in it already.
      if (life === recoveries) state = next
      listener.recorded(record, state)
      listener.changed()
      work.rouse()
      return copies
    })
    appended.catch(() => {}) // it is heard of below, in its turn
    turn = believed.catch(() => {})
    lastAppend = believed
    return believed
  }

  function recover(durable: State): void {
    recoveries++
    lastAppend = Promise.resolve()
    state = durable
    head = durable
    listener.changed()
    work.wake()
  }

  /** Resync is the one command that needs nothing but a right envelope. */
  function judgeEnvelope(envelope: Envelope): Refusal | undefined {
    const judged = judge(head, moment(), { kind: 'resync' }, envelope)
    return judged.is === 'refused' ? judged.refusal : undefined
  }

  return {
    submit,
    judge: judgeEnvelope,
    now: () => ({ state, observed: work.observed(), plans: work.plans(), chassisSerial: work.chassisSerial() }),
    ready: work.ready,
    wake: work.wake,
    recover,
    stop: work.stop,
  }
}

function refusedWith(refusal: Refusal, ...others: readonly Refusal[]): Outcome {
  const wait = { 'bay-unknown': 1000, busy: 1000, 'store-read-only': undefined }[refusal.reason as string]
  return {
    kind: 'refused',
    refusal,
    ...(others.length > 0 && { others }),
    ...(wait !== undefined && { retryAfterMs: wait }),
  }
}

function unstored(error: unknown): Refusal {
  if (!(error instanceof NotStored)) throw error
  return error.readOnly
    ? refuse('store-read-only', `nothing can be stored: ${error.message}`)
    : refuse('busy', `it may not have been stored: ${error.message}; send the same request again`)
}
