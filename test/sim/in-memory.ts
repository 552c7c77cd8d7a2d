/**
 * A driver and a backplane straight over the world, without a wire: for deterministic tests of the agent. They
 * keep the same promises as those that speak Redfish and sockets: one session and one request in flight for
 * each BMC, a limit to every wait, changes only for what was looked at in the same session (W7, W12), and a
 * Fault that says `maybe` when a change was sent and not answered (W2).
 */

import type { BackplaneReply, BackplaneRequest, ControllerSlot } from '../../agent/backplane/protocol.ts'
import {
  type Backplane,
  type BackplaneReading,
  type BackplaneStep,
  type BladeStep,
  type ChassisHealth,
  type Driver,
  Fault,
  type OwnerLine,
  type Owns,
} from '../../agent/controller/hardware/driver.ts'
import { parseSerial, parseUuid, type Serial } from '../../agent/core/addresses.ts'
import type { Bay, Blade, Blindness } from '../../agent/core/blade.ts'
import type { BmcAnswer, BmcPort, BmcRequest, SessionId, WrittenSecret } from '../../agent/sim/bmc.ts'
import type { Clock } from '../../agent/sim/clock.ts'
import type { ChassisHost } from '../../agent/sim/host.ts'

export interface InMemoryOptions {
  /** A BMC that does not answer for so long is silent. */
  readonly answerMs?: number
  /** How long a barrier waits for tasks to be gone, looking each `taskPollMs`. */
  readonly barrierMs?: number
  readonly taskPollMs?: number
  readonly credentials?: { readonly user: string; readonly password: string }
  /** A CHAP secret in clear, by its name and the mark of the version that is meant. */
  readonly secret?: (id: string, mark: string | undefined) => string | undefined
  /** Instead of the host itself: something that stands between. */
  readonly port?: BmcPort
  /**
   * The controller slot that speaks. Absent: a controller without a partner, which speaks for slot A and takes the
   * owner line where it finds it with nobody.
   */
  readonly slot?: ControllerSlot
  /** Asked before each change: throws where this controller does not own the backplane (W12). */
  readonly owner?: Owns
  /** The driver's waits; the world's own clock if absent. */
  readonly after?: Clock['after']
}

export interface InMemoryHardware {
  readonly driver: Driver
  readonly backplane: Backplane
  readonly line: OwnerLine
}

export function inMemoryHardware(host: ChassisHost, options: InMemoryOptions = {}): InMemoryHardware {
  const backplane = new InMemoryBackplane(host, options.slot)
  return { driver: new InMemoryDriver(host, options), backplane, line: backplane.line }
}

type Yes = Extract<BmcAnswer, { ok: true }>
type Change = Exclude<BladeStep, { kind: 'barrier' }>

interface Open {
  readonly id: SessionId
  /** Whom the latest look in this session saw. */
  readonly serial: Serial | undefined
}

/** The session that a request named is not open any more. */
class SessionLost extends Fault {}

const blindness: { readonly [why in Exclude<Extract<BmcAnswer, { ok: false }>['why'], 'no-session'>]: Blindness } = {
  credentials: 'bmc-refused',
  'session-limit': 'bmc-busy',
  refused: 'hardware-refused',
  'not-here': 'bmc-silent',
}

class InMemoryDriver implements Driver {
  private readonly port: BmcPort
  private readonly clock: Clock
  private readonly options: InMemoryOptions
  private readonly sessions = new Map<Bay, Open>()
  private readonly queues = new Map<Bay, Promise<unknown>>()

  constructor(host: ChassisHost, options: InMemoryOptions) {
    this.port = options.port ?? host
    this.clock = { now: () => host.clock.now(), after: options.after ?? ((ms, run) => host.clock.after(ms, run)) }
    this.options = options
  }

  observe(bay: Bay, signal: AbortSignal): Promise<Blade> {
    return this.inTurn(bay, signal, async () => {
      try {
        return await this.look(bay, signal)
      } catch (error) {
        // Nothing but reads: the look starts over, in a session of its own.
        if (!(error instanceof SessionLost)) throw error
        return this.look(bay, signal)
      }
    })
  }

  apply(step: BladeStep, signal: AbortSignal): Promise<void> {
    return this.inTurn(step.bay, signal, async () => {
      if (step.kind === 'barrier') return this.barrier(step.bay, signal)
      const { bay } = step
      const open = this.sessions.get(bay)
      if (open?.serial === undefined)
        throw new Fault('session-lost', `bay ${bay} was not looked at in an open session; look first`)
      const request = this.requestOf(step, open.id)
      const { serial } = bladeOf(bay, await this.ask(bay, { kind: 'read', session: open.id }, signal))
      if (serial !== open.serial)
        throw new Fault('serial-differs', `the BMC speaks for ${serial} now, not for ${open.serial}`)
      // The session is open and the line is read after that: whoever takes it now ends the session first (W12).
      await this.options.owner?.(signal).catch((error: unknown) => {
        // Others may change the blade from now on: what was seen before says nothing about it.
        if (error instanceof Fault && error.blind === 'not-owner')
          this.sessions.set(bay, { ...open, serial: undefined })
        throw error
      })
      await this.ask(bay, request, signal)
    })
  }

  async close(): Promise<void> {
    const never = new AbortController().signal
    for (const bay of [...this.sessions.keys()])
      await this.inTurn(bay, never, () => this.logout(bay, never)).catch(() => undefined)
  }

  private async look(bay: Bay, signal: AbortSignal): Promise<Blade> {
    const id = this.sessions.get(bay)?.id ?? (await this.login(bay, signal))
    // One read of the world is one instant: its adapters and its power can not be from two.
    const blade = bladeOf(bay, await this.ask(bay, { kind: 'read', session: id }, signal))
    this.sessions.set(bay, { id, serial: blade.serial })
    return blade
  }

  private requestOf(step: Change, session: SessionId): BmcRequest {
    switch (step.kind) {
      case 'policy':
        return { kind: 'policy', session, policy: step.policy }
      case 'clear':
        return { kind: 'clear', session, functions: step.functions }
      case 'write':
        return { kind: 'write', session, functions: step.functions, secrets: this.secretsOf(step) }
      case 'show':
        return { kind: 'show', session, shown: step.shown }
      case 'boot':
        return { kind: 'boot', session, boot: step.boot }
      case 'power':
        return { kind: 'power', session, action: step.action }
    }
  }

  /** All of them are known, or nothing is written. */
  private secretsOf({ functions, secrets }: Extract<BladeStep, { kind: 'write' }>): readonly WrittenSecret[] {
    const marks = new Map(
      secrets.map((each): [string, string] => [each.slice(0, each.indexOf('@')), each.slice(each.indexOf('@') + 1)]),
    )
    return functions.flatMap(({ key, value }) => {
      const chap = value.boot?.via === 'iscsi' ? value.boot.chap : undefined
      const named = [
        { which: 'chap' as const, id: chap?.secret },
        { which: 'mutual' as const, id: chap?.mutual?.secret },
      ]
      return named.flatMap(({ which, id }) => {
        if (id === undefined) return []
        const secret = this.options.secret?.(id, marks.get(id))
        if (secret === undefined)
          throw new Fault('hardware-refused', `secret ${id} for ${key} is missing; nothing was written`)
        return [{ key, which, value: secret }]
      })
    })
  }

  /** Our own session ends, then all others and with them what they had under way; then no task is left (W2). */
  private async barrier(bay: Bay, signal: AbortSignal): Promise<void> {
    await this.logout(bay, signal)
    const begun = await this.login(bay, signal)
    await this.options.owner?.(signal)
    const { sessions = [] } = await this.ask(bay, { kind: 'sessions', session: begun }, signal)
    for (const other of sessions) {
      if (other !== begun) await this.ask(bay, { kind: 'end-session', session: begun, other }, signal)
    }
    const left = await this.ask(bay, { kind: 'sessions', session: begun }, signal)
    if (left.sessions?.some((other) => other !== begun) !== false) {
      throw new Fault('bmc-busy', `others keep opening sessions on the BMC of bay ${bay}`)
    }
    const { barrierMs = 120_000, taskPollMs = 500 } = this.options
    for (const end = this.clock.now() + barrierMs; ; ) {
      const { tasks } = await this.ask(bay, { kind: 'tasks', session: begun }, signal)
      if (tasks?.length === 0) return
      if (this.clock.now() >= end)
        throw new Fault('bmc-busy', `the BMC of bay ${bay} does not finish what it has under way`)
      await this.pause(taskPollMs, signal)
    }
  }

  private async login(bay: Bay, signal: AbortSignal): Promise<SessionId> {
    const credentials = this.options.credentials ?? { user: 'admin', password: 'blade-pw' }
    const { session } = await this.ask(bay, { kind: 'login', ...credentials }, signal)
    if (session === undefined) throw new Fault('bmc-nonsense', `the BMC of bay ${bay} opened no session`)
    this.sessions.set(bay, { id: session, serial: undefined })
    return session
  }

  /** Over, whether or not the BMC still knew it. */
  private async logout(bay: Bay, signal: AbortSignal): Promise<void> {
    const open = this.sessions.get(bay)
    this.sessions.delete(bay)
    if (open === undefined) return
    await this.ask(bay, { kind: 'logout', session: open.id }, signal).catch((error: unknown) => {
      if (!(error instanceof SessionLost)) throw error
    })
  }

  private async ask(bay: Bay, request: BmcRequest, signal: AbortSignal): Promise<Yes> {
    const changes = ['write', 'clear', 'show', 'boot', 'policy', 'power', 'cycle'].includes(request.kind)
    const giveUp = new AbortController()
    const stop = () => giveUp.abort()
    const cancel = this.clock.after(this.options.answerMs ?? 5_000, stop)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const sent = !giveUp.signal.aborted
    let answer: BmcAnswer
    try {
      answer = await this.port.ask(bay, request, giveUp.signal)
    } catch {
      throw new Fault('bmc-silent', `the BMC of bay ${bay} did not answer`, changes && sent)
    } finally {
      cancel()
      signal.removeEventListener('abort', stop)
    }
    if (answer.ok) return answer
    if (answer.why === 'no-session') {
      // It starts over with a look, and never by itself (W12).
      this.sessions.delete(bay)
      throw new SessionLost('session-lost', `bay ${bay}: ${answer.message}`)
    }
    throw new Fault(blindness[answer.why], `bay ${bay}: ${answer.message}`)
  }

  private pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = () => {
        cancel()
        reject(new Fault('bmc-silent', 'nobody waits for the barrier any more'))
      }
      const cancel = this.clock.after(ms, () => {
        signal.removeEventListener('abort', stop)
        resolve()
      })
      signal.addEventListener('abort', stop, { once: true })
      if (signal.aborted) stop()
    })
  }

  /** One request in flight for each BMC; who is given up while others have their turn has sent nothing. */
  private inTurn<Value>(bay: Bay, signal: AbortSignal, work: () => Promise<Value>): Promise<Value> {
    const before = this.queues.get(bay) ?? Promise.resolve()
    return new Promise((resolve, reject) => {
      const leave = () => reject(new Fault('bmc-silent', 'given up before its turn came'))
      signal.addEventListener('abort', leave, { once: true })
      const mine = before.then(async () => {
        signal.removeEventListener('abort', leave)
        if (signal.aborted) leave()
        else await work().then(resolve, reject)
      })
      this.queues.set(bay, mine)
    })
  }
}

function bladeOf(bay: Bay, { blade }: Yes): Blade {
  if (blade === undefined || parseSerial(blade.serial) === undefined || parseUuid(blade.uuid) === undefined) {
    throw new Fault('bmc-nonsense', `the BMC of bay ${bay} answers what is no blade`)
  }
  return blade
}

class InMemoryBackplane implements Backplane {
  readonly line: OwnerLine
  private readonly host: ChassisHost
  private readonly slot: ControllerSlot | undefined
  private readonly deafen: (() => void)[] = []

  constructor(host: ChassisHost, slot: ControllerSlot | undefined) {
    this.host = host
    this.slot = slot
    const askOnly = async (request: BackplaneRequest, signal: AbortSignal) => void this.ask(request, signal)
    this.line = {
      read: async (signal) => {
        const { line } = this.ask({ do: 'read' }, signal)
        if (line === undefined)
          throw new Fault('backplane-silent', 'this chassis has one controller slot, and no owner line')
        return line
      },
      take: (signal) => askOnly({ do: 'take' }, signal),
      release: (signal) => askOnly({ do: 'release' }, signal),
      beat: (signal) => askOnly({ do: 'beat' }, signal),
      onChange: (heard) => void this.deafen.push(this.host.onLine(heard)),
    }
  }

  async read(signal: AbortSignal): Promise<BackplaneReading> {
    const { reading } = this.ask({ do: 'read' }, signal)
    if (reading === undefined) throw new Fault('backplane-silent', 'the backplane answered without a reading')
    return reading
  }

  async apply(step: BackplaneStep, signal: AbortSignal): Promise<void> {
    const request = (): BackplaneRequest => {
      switch (step.kind) {
        case 'withdraw':
          return { do: 'withdraw', bay: step.bay }
        case 'permit':
          return { do: 'permit', bay: step.bay, n: step.n }
        case 'cut':
          return { do: 'cut', bay: step.bay }
        case 'locate':
          return { do: 'locate', bay: step.bay, lit: step.lit }
      }
    }
    this.ask(request(), signal)
  }

  async health(signal: AbortSignal): Promise<ChassisHealth> {
    const { health } = this.ask({ do: 'health' }, signal)
    if (health === undefined) throw new Fault('backplane-silent', 'the backplane answered without its health')
    return health
  }

  onChange(heard: (bay: Bay) => void): void {
    this.deafen.push(this.host.onChange(heard))
  }

  async close(): Promise<void> {
    for (const each of this.deafen) each()
  }

  private ask(request: BackplaneRequest, signal: AbortSignal): Extract<BackplaneReply, { ok: true }> {
    if (signal.aborted) throw new Fault('backplane-silent', 'nobody waits for the backplane')
    const reply = this.host.askBackplane(request, this.slot)
    if (reply === undefined) throw new Fault('backplane-silent', 'the chassis has no AC, or the controller is pulled')
    if (reply.ok) return reply
    if (reply.why === 'not-owner') throw new Fault('not-owner', reply.error)
    throw new Fault('backplane-silent', `the backplane refused: ${reply.error}`)
  }
}
