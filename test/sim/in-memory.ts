/**
 * A driver and a backplane straight over the world, without a wire: for deterministic tests of the agent. They
 * keep the same promises as those that speak Redfish and sockets: one session and one request in flight for
 * each BMC, a limit to every wait, and a Fault that says `maybe` when a change was sent and not answered.
 */
import type { Bay, Blade, Blindness, FunctionKey, FunctionValue, PowerAction } from '../../agent/core/blade.ts'
import type { SecretId } from '../../agent/core/addresses.ts'
import {
  type Backplane,
  type BackplaneReading,
  type BackplaneStep,
  type BladeStep,
  type ChassisHealth,
  type Driver,
  Fault,
} from '../../agent/controller/hardware/driver.ts'
import type { BackplaneReply, BackplaneRequest } from '../../agent/backplane/protocol.ts'
import type { BmcAnswer, BmcRequest, SessionId, WrittenSecret } from '../../agent/sim/bmc.ts'
import type { Clock } from '../../agent/sim/clock.ts'
import type { ChassisHost } from '../../agent/sim/host.ts'

export interface InMemoryOptions {
  /** A BMC that does not answer for so long is silent. */
  readonly answerMs?: number
  /** How long a barrier waits for tasks to be gone, looking each `taskPollMs`. */
  readonly barrierMs?: number
  readonly taskPollMs?: number
  readonly credentials?: { readonly user: string; readonly password: string }
  /** CHAP secrets, as the agent's own store would hand them out. */
  readonly secret?: (id: SecretId) => string | undefined
}

export interface InMemoryHardware {
  readonly driver: Driver
  readonly backplane: Backplane
}

export function inMemoryHardware(host: ChassisHost, options: InMemoryOptions = {}): InMemoryHardware {
  return { driver: new InMemoryDriver(host, options), backplane: new InMemoryBackplane(host) }
}

type Yes = Extract<BmcAnswer, { ok: true }>

const blindness: { readonly [why in Extract<BmcAnswer, { ok: false }>['why']]: Blindness } = {
  credentials: 'bmc-refused',
  'no-session': 'bmc-refused',
  'session-limit': 'bmc-busy',
  refused: 'bmc-refused',
  'not-here': 'bmc-silent',
}

class InMemoryDriver implements Driver {
  private readonly host: ChassisHost
  private readonly clock: Clock
  private readonly options: Required<Omit<InMemoryOptions, 'secret'>> & Pick<InMemoryOptions, 'secret'>
  private readonly sessions = new Map<Bay, SessionId>()
  private readonly queues = new Map<Bay, Promise<unknown>>()

  constructor(host: ChassisHost, options: InMemoryOptions) {
    this.host = host
    this.clock = host.clock
    this.options = {
      answerMs: 5_000,
      barrierMs: 120_000,
      taskPollMs: 500,
      credentials: { user: 'admin', password: 'blade-pw' },
      ...options,
    }
  }

  observe(bay: Bay, signal: AbortSignal): Promise<Blade> {
    return this.inTurn(bay, async () => {
      const session = await this.session(bay, signal)
      // One look of the world is one instant: adapters and power of it can be in W1's order only.
      const { blade } = await this.ask(bay, { kind: 'read', session }, signal)
      if (blade === undefined) throw new Fault('bmc-nonsense', `the BMC of bay ${bay} answered without a blade`)
      return blade
    })
  }

  apply(step: BladeStep, signal: AbortSignal): Promise<void> {
    return this.inTurn(step.bay, async () => {
      const { bay } = step
      if (step.kind === 'barrier') return this.barrier(bay, signal)
      const session = await this.session(bay, signal)
      await this.ask(bay, this.requestOf(step, session), signal)
    })
  }

  async close(): Promise<void> {
    for (const [bay, session] of [...this.sessions]) {
      this.sessions.delete(bay)
      await this.ask(bay, { kind: 'logout', session }, new AbortController().signal).catch(() => undefined)
    }
  }

  private requestOf(step: Exclude<BladeStep, { kind: 'barrier' }>, session: SessionId): BmcRequest {
    switch (step.kind) {
      case 'policy':
        return { kind: 'policy', session, policy: step.policy }
      case 'clear':
        return { kind: 'clear', session, functions: step.functions }
      case 'write':
        return {
          kind: 'write',
          session,
          functions: step.functions,
          secrets: step.functions.flatMap(({ key, value }) => this.secretsOf(key, value)),
        }
      case 'show':
        return { kind: 'show', session, shown: step.shown }
      case 'boot':
        return { kind: 'boot', session, boot: step.boot }
      case 'power': {
        const action: PowerAction = step.action
        return { kind: 'power', session, action }
      }
    }
  }

  private secretsOf(key: FunctionKey, { boot }: FunctionValue): readonly WrittenSecret[] {
    const chap = boot?.via === 'iscsi' ? boot.chap : undefined
    const named = [
      { which: 'chap' as const, id: chap?.secret },
      { which: 'mutual' as const, id: chap?.mutual?.secret },
    ]
    return named.flatMap(({ which, id }) => {
      const value = id && this.options.secret?.(id)
      return value === undefined ? [] : [{ key, which, value }]
    })
  }

  /** Others end, and with them what they had under way; then a session of our own, and no task left (W2). */
  private async barrier(bay: Bay, signal: AbortSignal): Promise<void> {
    const before = this.sessions.get(bay)
    this.sessions.delete(bay)
    const begun = await this.login(bay, signal).catch(async (error: unknown) => {
      // Every session is taken, one of them by us: that one can go first.
      if (!(error instanceof Fault) || error.blind !== 'bmc-busy' || before === undefined) throw error
      await this.ask(bay, { kind: 'logout', session: before }, signal)
      return this.login(bay, signal)
    })
    const { sessions = [] } = await this.ask(bay, { kind: 'sessions', session: begun }, signal)
    for (const other of sessions) {
      if (other !== begun) await this.ask(bay, { kind: 'end-session', session: begun, other }, signal)
    }
    const left = await this.ask(bay, { kind: 'sessions', session: begun }, signal)
    if (left.sessions?.some((other) => other !== begun) !== false) {
      throw new Fault('bmc-busy', `others keep opening sessions on the BMC of bay ${bay}`)
    }
    for (const end = this.clock.now() + this.options.barrierMs; ; ) {
      const { tasks } = await this.ask(bay, { kind: 'tasks', session: begun }, signal)
      if (tasks?.length === 0) break
      if (this.clock.now() >= end) throw new Fault('bmc-busy', `the BMC of bay ${bay} does not finish what it has under way`)
      await this.pause(this.options.taskPollMs, signal)
    }
    this.sessions.set(bay, begun)
  }

  private async session(bay: Bay, signal: AbortSignal): Promise<SessionId> {
    const known = this.sessions.get(bay)
    if (known !== undefined) return known
    const session = await this.login(bay, signal)
    this.sessions.set(bay, session)
    return session
  }

  private async login(bay: Bay, signal: AbortSignal): Promise<SessionId> {
    const { session } = await this.ask(bay, { kind: 'login', ...this.options.credentials }, signal)
    if (session === undefined) throw new Fault('bmc-nonsense', `the BMC of bay ${bay} opened no session`)
    return session
  }

  private async ask(bay: Bay, request: BmcRequest, signal: AbortSignal): Promise<Yes> {
    const changes = ['write', 'clear', 'show', 'boot', 'policy', 'power', 'cycle'].includes(request.kind)
    const giveUp = new AbortController()
    const cancel = this.clock.after(this.options.answerMs, () => giveUp.abort())
    const stop = () => giveUp.abort()
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const sent = !giveUp.signal.aborted
    try {
      const answer = await this.host.ask(bay, request, giveUp.signal)
      if (answer.ok) return answer
      // A lost session starts over, and never by itself (W12).
      if (answer.why === 'no-session') this.sessions.delete(bay)
      throw new Fault(blindness[answer.why], `bay ${bay}: ${answer.message}`)
    } catch (error) {
      if (error instanceof Fault) throw error
      throw new Fault('bmc-silent', `the BMC of bay ${bay} did not answer`, changes && sent)
    } finally {
      cancel()
      signal.removeEventListener('abort', stop)
    }
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

  /** One request in flight for each BMC. */
  private inTurn<Value>(bay: Bay, work: () => Promise<Value>): Promise<Value> {
    const mine = (this.queues.get(bay) ?? Promise.resolve()).then(work, work)
    this.queues.set(bay, mine)
    return mine
  }
}

class InMemoryBackplane implements Backplane {
  private readonly host: ChassisHost
  private readonly deafen: (() => void)[] = []

  constructor(host: ChassisHost) {
    this.host = host
  }

  async read(signal: AbortSignal): Promise<BackplaneReading> {
    const { reading } = this.ask({ do: 'read' }, signal)
    if (reading === undefined) throw new Fault('backplane-silent', 'the backplane answered without a reading')
    return reading
  }

  async apply(step: BackplaneStep, signal: AbortSignal): Promise<void> {
    const { kind, ...what } = step
    this.ask({ do: kind, ...what } as BackplaneRequest, signal)
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
    const reply = this.host.askBackplane(request)
    if (reply === undefined) throw new Fault('backplane-silent', 'the chassis has no AC')
    if (!reply.ok) throw new Fault('backplane-silent', `the backplane refused: ${reply.error}`)
    return reply
  }
}
