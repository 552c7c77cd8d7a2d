/**
 * The controller's end of the backplane's line protocol, over a local socket. It keeps one connection, takes it
 * up again when it is lost, and never sends a request twice: what was sent and not answered is a Fault that
 * says `maybe`, and the caller reads again before it believes anything. Each connection begins by saying which
 * controller slot speaks, since the chassis does what the owner of the backplane says and nobody else.
 */
import { connect, type Socket } from 'node:net'
import { readLines } from '../../backplane/lines.ts'
import {
  type BackplaneReply,
  type BackplaneRequest,
  type ControllerSlot,
  longestLine,
  parseLine,
  requestLine,
} from '../../backplane/protocol.ts'
import type { Bay } from '../../core/blade.ts'
import {
  type Backplane,
  type BackplaneReading,
  type BackplaneStep,
  type ChassisHealth,
  Fault,
  type OwnerLine,
} from './driver.ts'

export interface BackplaneLink {
  /** A socket's path, or a port of 127.0.0.1. */
  readonly at: { readonly path: string } | { readonly port: number }
  /**
   * The slot that we are in. Absent: we know of no partner, speak for slot A, and take the owner line where we
   * find it with nobody; a line that somebody has is taken only by who was told to.
   */
  readonly slot?: ControllerSlot
  /** A backplane that does not answer for so long is silent. */
  readonly answerMs?: number
  /** Between two tries to take the connection up again. */
  readonly retryMs?: number
  /** Runs something once, so many milliseconds from now; the result takes it back. */
  readonly after?: (ms: number, run: () => void) => () => void
}

/** Requests under way; more than one reading and a step for each bay is somebody who does not wait for answers. */
const mostPending = 256

interface Pending {
  readonly settle: (reply: BackplaneReply) => void
  readonly fail: (why: string) => void
}

export class SocketBackplane implements Backplane {
  readonly line: OwnerLine
  private readonly at: BackplaneLink['at']
  private readonly slot: ControllerSlot | undefined
  private readonly answerMs: number
  private readonly retryMs: number
  private readonly after: NonNullable<BackplaneLink['after']>
  private readonly pending = new Map<number, Pending>()
  private readonly listeners: ((bay: Bay) => void)[] = []
  private readonly lineListeners: (() => void)[] = []
  private readonly bays = new Set<Bay>()
  private connection: { readonly socket: Socket; readonly open: Promise<void> } | undefined
  private cancelRetry: (() => void) | undefined
  private nextId = 0
  private wasOpen = false
  private closed = false

  constructor({ at, slot, answerMs = 2_000, retryMs = 500, after = realTimer }: BackplaneLink) {
    this.at = at
    this.slot = slot
    this.answerMs = answerMs
    this.retryMs = retryMs
    this.after = after
    const askOnly = async (request: BackplaneRequest, signal: AbortSignal) => void (await this.ask(request, signal))
    this.line = {
      read: async (signal) => {
        const { line } = await this.ask({ do: 'read' }, signal)
        if (line === undefined)
          throw new Fault('backplane-silent', 'this chassis has one controller slot, and no owner line')
        return line
      },
      take: (signal) => askOnly({ do: 'take' }, signal),
      release: (signal) => askOnly({ do: 'release' }, signal),
      beat: (signal) => askOnly({ do: 'beat' }, signal),
      onChange: (heard) => {
        this.lineListeners.push(heard)
        this.listen()
      },
    }
  }

  async read(signal: AbortSignal): Promise<BackplaneReading> {
    const reply = await this.ask({ do: 'read' }, signal)
    if (reply.reading === undefined) throw new Fault('backplane-silent', 'the backplane answered without a reading')
    for (const bay of Object.keys(reply.reading.bays)) this.bays.add(Number(bay))
    return reply.reading
  }

  async apply(step: BackplaneStep, signal: AbortSignal): Promise<void> {
    await this.ask(requestOf(step), signal)
  }

  async health(signal: AbortSignal): Promise<ChassisHealth> {
    const reply = await this.ask({ do: 'health' }, signal)
    if (reply.health === undefined) throw new Fault('backplane-silent', 'the backplane answered without its health')
    return reply.health
  }

  onChange(heard: (bay: Bay) => void): void {
    this.listeners.push(heard)
    this.listen()
  }

  private listen(): void {
    if (!this.closed) this.connected().catch(() => undefined)
  }

  async close(): Promise<void> {
    this.closed = true
    this.cancelRetry?.()
    const { connection } = this
    if (connection !== undefined && !connection.socket.destroyed) {
      await new Promise<void>((resolve) => {
        connection.socket.once('close', () => resolve())
        connection.socket.destroy()
      })
    }
  }

  private async ask(request: BackplaneRequest, signal: AbortSignal): Promise<Extract<BackplaneReply, { ok: true }>> {
    const changes = request.do !== 'read' && request.do !== 'health'
    let sent = false
    const silent = (why: string) => new Fault('backplane-silent', `the backplane is silent: ${why}`, changes && sent)
    if (this.closed) throw silent('its connection was closed')
    if (signal.aborted) throw silent('nobody waits for it')
    if (this.pending.size >= mostPending) throw silent(`${mostPending} requests wait for it already`)
    const id = this.nextId++
    const reply = await new Promise<BackplaneReply>((resolve, reject) => {
      const finish = () => {
        cancelTimer()
        signal.removeEventListener('abort', giveUp)
        this.pending.delete(id)
      }
      const fail = (why: string) => {
        finish()
        reject(silent(why))
      }
      const giveUp = () => fail('nobody waits for it any more')
      const settle = (answer: BackplaneReply) => {
        finish()
        resolve(answer)
      }
      const cancelTimer = this.after(this.answerMs, () => fail(`no answer in ${this.answerMs} ms`))
      signal.addEventListener('abort', giveUp, { once: true })
      this.pending.set(id, { settle, fail })
      this.connected().then(
        (socket) => {
          // Given up while connecting: then it was never asked.
          if (!this.pending.has(id)) return
          sent = true
          socket.write(requestLine(id, request))
        },
        (error: unknown) => fail(error instanceof Error ? error.message : String(error)),
      )
    })
    if (reply.ok) return reply
    if (reply.why === 'not-owner') throw new Fault('not-owner', reply.error)
    throw new Fault('backplane-silent', `the backplane refused: ${reply.error}`)
  }

  private async connected(): Promise<Socket> {
    this.connection ??= this.connect()
    const { socket, open } = this.connection
    await open
    return socket
  }

  private connect(): { readonly socket: Socket; readonly open: Promise<void> } {
    this.cancelRetry?.()
    this.cancelRetry = undefined
    const socket = connect(
      'path' in this.at ? { path: this.at.path } : { host: '127.0.0.1', port: this.at.port, noDelay: true },
    )
    const there = new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('close', () => reject(new Error('the connection was refused')))
    })
    const open = there.then(() => this.greet(socket))
    open.then(
      () => this.opened(),
      () => undefined,
    )
    let reason = 'the connection was lost'
    socket.on('error', (error) => {
      reason = error.message
    })
    const lines = readLines(
      longestLine,
      (line) => this.heard(line, socket),
      () => socket.destroy(new Error('it sent a line without end')),
    )
    socket.on('data', (chunk) => lines.push(chunk))
    socket.on('close', () => this.lost(reason))
    return { socket, open }
  }

  /** Before anything else is asked: who we are. What the chassis does not take from us it says when it is asked for. */
  private async greet(socket: Socket): Promise<void> {
    await this.exchange(socket, { do: 'hello', slot: this.slot ?? 'A' })
    if (this.slot !== undefined) return
    const read = await this.exchange(socket, { do: 'read' })
    if (read.ok && read.line?.owner === 'none') await this.exchange(socket, { do: 'take' })
  }

  /** A chassis that does not answer on a new connection is worth another connection. */
  private exchange(socket: Socket, request: BackplaneRequest): Promise<BackplaneReply> {
    const id = this.nextId++
    return new Promise((resolve, reject) => {
      const cancelTimer = this.after(this.answerMs, () =>
        socket.destroy(new Error(`no answer to ${request.do} in ${this.answerMs} ms`)),
      )
      const finish = () => {
        cancelTimer()
        this.pending.delete(id)
      }
      const settle = (reply: BackplaneReply) => {
        finish()
        resolve(reply)
      }
      const fail = (why: string) => {
        finish()
        reject(new Error(why))
      }
      this.pending.set(id, { settle, fail })
      socket.write(requestLine(id, request))
    })
  }

  /** While nobody was connected, anything may have changed: everything that was ever seen is worth a look. */
  private opened(): void {
    const again = this.wasOpen
    this.wasOpen = true
    if (!again) return
    for (const bay of this.bays) this.tell(bay)
    this.tellLine()
  }

  private heard(line: string, socket: Socket): void {
    const said = parseLine(line)
    if (said === undefined) {
      // What follows can not be trusted either: a new connection begins at a line's beginning.
      socket.destroy(new Error('it sent what can not be read'))
      return
    }
    switch (said.kind) {
      case 'changed':
        this.tell(said.bay)
        return
      case 'line':
        this.tellLine()
        return
      case 'reply':
        if (said.id !== null) this.pending.get(said.id)?.settle(said.reply)
    }
  }

  private tell(bay: Bay): void {
    for (const heard of this.listeners) heard(bay)
  }

  private tellLine(): void {
    for (const heard of this.lineListeners) heard()
  }

  private lost(reason: string): void {
    this.connection = undefined
    for (const { fail } of [...this.pending.values()]) fail(reason)
    // Only who wants to hear of changes needs a connection without a request.
    if (this.closed || this.listeners.length + this.lineListeners.length === 0) return
    this.cancelRetry = this.after(this.retryMs, () => {
      if (this.connection === undefined) this.connected().catch(() => undefined)
    })
  }
}

function requestOf(step: BackplaneStep): BackplaneRequest {
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

function realTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}
