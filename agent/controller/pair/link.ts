/**
 * What two controllers say to each other, over any pipe that carries lines. Both prove that they know the chassis key
 * (W14, W16): each line carries an HMAC under a key that both made of it and of two fresh nonces, over its direction and
 * its number, so that nothing can be made up, repeated, dropped in between or turned round.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ChassisId } from '../../core/addresses.ts'
import type { State } from '../../core/state.ts'
import type { ControllerView } from '../../core/views.ts'
import type { Pipe } from '../hardware/peers.ts'
import { type Position, parsePosition } from '../store/copies.ts'

/** What the standby is and has; sent first, and again when it has changed. */
export interface Hello {
  readonly is: 'hello'
  readonly self: string
  /** State formats that it can store. A newer owner's is not among them (version skew). */
  readonly formats: readonly number[]
  readonly version: string
  /** It stores nothing of an earlier term. */
  readonly promised: number
}

export type FromStandby =
  | Hello
  /** Everything up to here is on its flash. */
  | { readonly is: 'stored'; readonly at: Position }
  /** What was sent does not continue what it has. */
  | { readonly is: 'behind' }
  | { readonly is: 'refused'; readonly promised: number; readonly why: string }
  | { readonly is: 'view'; readonly view: ControllerView }

export type FromOwner =
  | { readonly is: 'content'; readonly term: number; readonly at: Position; readonly state: State }
  | {
      readonly is: 'batch'
      readonly term: number
      readonly before: Position
      readonly at: Position
      readonly texts: readonly string[]
    }
  /**
   * How the standby stands, as the owner knows it; and `events`, the last number that its event ring gave, so that numbers
   * go on rising under another owner.
   */
  | {
      readonly is: 'ping'
      readonly format: number
      readonly version: string
      readonly member: boolean
      readonly events: number
    }

export type PairMessage = FromStandby | FromOwner

export interface Link<Out, In> {
  send(message: Out): void
  onMessage(heard: (message: In) => void): void
  /** Called once, at once where it has ended already; why it ended, where that is worth telling. */
  onEnd(heard: (why: string | undefined) => void): void
  end(): void
}

export interface LinkOptions {
  readonly pipe: Pipe
  readonly side: 'dialled' | 'listened'
  readonly chassis: ChassisId
  readonly key: Uint8Array
  /** 32 hex digits, fresh. */
  readonly nonce: string
}

/** Messages wait until both nonces are known. */
export function openLink<Out extends PairMessage, In extends PairMessage>(options: LinkOptions): Link<Out, In> {
  const { pipe, side, chassis, key, nonce } = options
  const heard: ((message: In) => void)[] = []
  const ended: ((why: string | undefined) => void)[] = []
  const unsent: Out[] = []
  let why: string | undefined
  let session: Buffer | undefined
  let sent = 0
  let received = 0
  let over = false

  const mac = (from: 'dialled' | 'listened', number: number, body: string): string =>
    createHmac('sha256', session as Buffer)
      .update(`${from} ${number} `)
      .update(body)
      .digest('hex')
      .slice(0, 32)

  function give(message: Out): void {
    const body = JSON.stringify(message)
    pipe.send(`${mac(side, sent, body)} ${body}`)
    sent++
  }

  function fail(reason: string): void {
    why ??= reason
    pipe.end()
  }

  function begin(theirs: string): void {
    const [dialler, listener] = side === 'dialled' ? [nonce, theirs] : [theirs, nonce]
    session = createHmac('sha256', key).update(`midplane pair 1 ${chassis} ${dialler} ${listener}`).digest()
    for (const message of unsent.splice(0)) give(message)
  }

  pipe.onLine((line) => {
    if (over) return
    if (session === undefined) {
      const theirs = /^midplane pair 1 ([0-9a-f]{32})$/.exec(line)?.[1]
      if (theirs === undefined || theirs === nonce) fail('it does not speak the language of a pair')
      else begin(theirs)
      return
    }
    const body = line.slice(33)
    const expected = mac(side === 'dialled' ? 'listened' : 'dialled', received, body)
    const claimed = line.slice(0, 32)
    if (claimed.length !== 32 || !timingSafeEqual(Buffer.from(expected), Buffer.from(claimed, 'latin1')))
      return fail('it does not know the key of this chassis')
    received++
    const message = parse(body)
    if (message === undefined) return fail('it said what can not be read')
    for (const each of heard) each(message as In)
  })
  pipe.onEnd(() => {
    over = true
    for (const each of ended) each(why)
  })
  pipe.send(`midplane pair 1 ${nonce}`)

  return {
    send: (message) => {
      if (over) return
      if (session === undefined) unsent.push(message)
      else give(message)
    },
    onMessage: (each) => void heard.push(each),
    onEnd: (each) => {
      if (over) each(why)
      else ended.push(each)
    },
    end: () => pipe.end(),
  }
}

/** What knows the key is a controller of this chassis; it may still be of another version. */
function parse(body: string): PairMessage | undefined {
  let message: PairMessage
  try {
    message = JSON.parse(body) as PairMessage
  } catch {
    return undefined
  }
  switch (message.is) {
    case 'hello':
      return Array.isArray(message.formats) && isText(message.self) && isCount(message.promised) ? message : undefined
    case 'stored':
      return parsePosition(message.at) && message
    case 'content':
      return parsePosition(message.at) && isCount(message.term) && typeof message.state === 'object'
        ? message
        : undefined
    case 'batch':
      return parsePosition(message.at) &&
        parsePosition(message.before) &&
        isCount(message.term) &&
        Array.isArray(message.texts) &&
        message.texts.every(isText)
        ? message
        : undefined
    case 'refused':
      return isCount(message.promised) && isText(message.why) ? message : undefined
    case 'ping':
      return isCount(message.events) && typeof message.member === 'boolean' ? message : undefined
    case 'behind':
    case 'view':
      return message
  }
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
