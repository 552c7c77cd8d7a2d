/**
 * The owner's side of a pair: brings the other controller up to what is on this flash, keeps it there, and lets nothing
 * be acknowledged that a member has not stored (W10). A member that falls silent is taken off the list in the EEPROM,
 * together with everything that is on this flash; only then does the answer go out without it. Where the EEPROM does not
 * take that, nothing is acknowledged: whoever is named there may lead tomorrow.
 */
import type { State } from '../../core/state.ts'
import type { ControllerView } from '../../core/views.ts'
import type { Clock } from '../clock.ts'
import { type Position, samePosition } from '../store/copies.ts'
import { type Batch, type Durable, type Others, StoreFault } from '../store/store.ts'
import type { FromOwner, FromStandby, Hello, Link } from './link.ts'
import { counts, holds, isOvertaken, mayAnswer } from './rules.ts'

/** What the feed needs of the memory that it feeds from. */
export interface Source {
  readonly self: string | undefined
  /** As the EEPROM names them. */
  members(): readonly string[]
  /** Members were written last, and whether the EEPROM names them is not known. */
  readonly unsure: boolean
  durable(): Durable<State>
  /** Names the other one beside this one; the copy in the EEPROM stays as it is. Tells why not, where it failed. */
  join(peer: string): Promise<string | undefined>
  /** Names this one alone, and everything that is on its flash with it. Tells why not, where it failed. */
  leave(): Promise<string | undefined>
  /** What was not acknowledged may be: everything on flash has its other copy, and the head goes on from there. */
  resume(): void
}

export interface FeedOptions {
  readonly clock: Clock
  readonly version: string
  /** State format that this version stores. */
  readonly format: number
  /** How long a member may take to store something, in milliseconds. */
  readonly patienceMs: number
  /** Pause before what failed is tried again, in milliseconds. */
  readonly retryMs: number
  /** Whose the owner line is, read anew. */
  leads(): Promise<boolean | 'unknown'>
  /** The last number that the event ring gave. */
  events(): number
  readonly changed: () => void
  readonly log: (line: string) => void
}

/** Between two looks at a line that can not be read. */
const lookMs = 500

export type OwnersLink = Link<FromOwner, FromStandby>

/** How the other controller stands with this owner. */
export type Standing =
  /** No word of it. */
  | { readonly is: 'absent' }
  /** It can not be taken in. */
  | { readonly is: 'refused'; readonly why: string }
  | { readonly is: 'catching-up' }
  /** It holds everything, and may lead. */
  | { readonly is: 'member' }

interface Peer {
  readonly link: OwnersLink
  readonly hello: Hello
  /** Where the log stood at the end of what was sent last. */
  sent: Position | undefined
  stored: Position | undefined
  /** What is acknowledged waits for it. */
  counts: boolean
  /** Content was sent and not stored: no use in sending it again at once. */
  failed: boolean
}

interface Waiting {
  readonly at: Position
  readonly resolve: (peer: boolean) => void
  readonly reject: (why: StoreFault) => void
  readonly cancel: () => void
}

export class Feed implements Others<State> {
  readonly #options: FeedOptions
  #source: Source | undefined
  #peer: Peer | undefined
  #refused: string | undefined
  #view: ControllerView | undefined
  #waiting: Waiting[] = []
  /** A change of members is under way. */
  #naming: Promise<void> | undefined
  /** Members are being written. */
  #writing = false
  #stuck: string | undefined
  #overtaken: number | undefined
  #closed: string | undefined
  #cancelRetry: () => void = () => {}

  constructor(options: FeedOptions) {
    this.#options = options
  }

  /** The memory is open; whoever was attached before is greeted now. */
  begin(source: Source): void {
    this.#source = source
    if (this.#peer) this.#welcome(this.#peer)
  }

  get standing(): Standing {
    if (this.#refused !== undefined) return { is: 'refused', why: this.#refused }
    if (this.#peer === undefined) return { is: 'absent' }
    return this.#isMember(this.#peer) ? { is: 'member' } : { is: 'catching-up' }
  }

  /** What the other controller tells of itself. */
  get view(): ControllerView | undefined {
    return this.#view
  }

  get stuck(): string | undefined {
    return this.#stuck
  }

  /** The other controller is there, and knows the chassis key. */
  attach(link: OwnersLink, hello: Hello): void {
    if (this.#closed !== undefined) {
      link.end()
      return
    }
    this.#peer?.link.end()
    const { format, version } = this.#options
    const peer: Peer = { link, hello, sent: undefined, stored: undefined, counts: false, failed: false }
    this.#peer = peer
    this.#refused = undefined
    link.onMessage((message) => this.#heard(peer, message))
    link.onEnd(() => this.#lost(peer))
    this.#ping(peer)
    if (!hello.formats.includes(format)) {
      // It could not read what it is to hold; taken in, it would lead with less than was acknowledged.
      this.#refused = `it runs ${hello.version}, which can not store what ${version} does; update it`
      this.#options.changed()
      return
    }
    if (this.#source) this.#welcome(peer)
    this.#options.changed()
  }

  /** A promise of the other controller that this owner's term does not reach: it must lead anew, above that (W11). */
  get overtaken(): number | undefined {
    return this.#overtaken
  }

  #ping(peer: Peer): void {
    const { format, version, events } = this.#options
    peer.link.send({ is: 'ping', format, version, member: this.#isMember(peer), events: events() })
  }

  store(batch: Batch, content: Durable<State>): Promise<boolean> {
    const shut = this.#closed ?? this.#stuck
    if (shut !== undefined) return Promise.reject(new StoreFault(shut))
    const peer = this.#peer
    if (peer?.sent) this.#send(peer, batch, content)
    const may = this.#mayAnswer(batch.at)
    if (may !== 'wait') return Promise.resolve(may === 'with-member')
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(this.#options.patienceMs, () => void this.#silent())
      this.#waiting.push({ at: batch.at, resolve, reject, cancel })
      if (!peer?.counts) void this.#silent()
    })
  }

  async leads(): Promise<void> {
    for (;;) {
      const leads = await this.#options.leads()
      const shut = this.#closed ?? (leads === false ? 'the other controller owns the chassis' : undefined)
      if (shut !== undefined) throw new StoreFault(shut)
      if (leads === true) return
      await new Promise<void>((resolve) => void this.#options.clock.after(lookMs, resolve))
    }
  }

  /** Nothing waits any longer, and nothing is acknowledged any more. */
  close(why: string): void {
    this.#closed = why
    this.#cancelRetry()
    this.#peer?.link.end()
    for (const { reject, cancel } of this.#waiting.splice(0)) {
      cancel()
      reject(new StoreFault(why))
    }
  }

  /** Members besides this controller. */
  #others(): readonly string[] {
    const source = this.#source
    return source ? source.members().filter((member) => member !== source.self) : []
  }

  #isMember(peer: Peer): boolean {
    return peer.counts && this.#others().includes(peer.hello.self)
  }

  /** Copy the log, let acknowledgements wait for it from then on, and only then name it (PAIR, rejoin). */
  #welcome(peer: Peer): void {
    const content = (this.#source as Source).durable()
    if (isOvertaken(peer.hello.promised, content.state.term)) {
      this.#overtaken = peer.hello.promised
      this.#options.changed()
    } else this.#sendContent(peer, content)
  }

  #sendContent(peer: Peer, { state, at }: Durable<State>): void {
    peer.sent = at
    peer.link.send({ is: 'content', term: state.term, at, state })
  }

  #send(peer: Peer, { before, at, texts }: Batch, content: Durable<State>): void {
    if (texts.length === 0 && peer.sent && samePosition(peer.sent, at)) return
    if (peer.sent && samePosition(peer.sent, before)) {
      peer.sent = at
      peer.link.send({ is: 'batch', term: content.state.term, before, at, texts })
    } else this.#sendContent(peer, content)
  }

  #heard(peer: Peer, message: FromStandby): void {
    if (peer !== this.#peer || this.#closed !== undefined) return
    switch (message.is) {
      case 'hello':
        break
      case 'view':
        this.#view = message.view
        this.#ping(peer)
        this.#options.changed()
        break
      case 'stored':
        this.#stored(peer, message.at)
        break
      case 'behind':
        this.#behind(peer)
        break
      case 'refused':
        this.#options.log(`the other controller stores nothing: ${message.why}`)
        // Whoever holds the line goes on above that promise, when it says hello again; the line is watched elsewhere.
        peer.link.end()
        break
    }
  }

  #stored(peer: Peer, at: Position): void {
    peer.stored = at
    peer.failed = false
    this.#refused = undefined
    if (counts({ name: peer.hello.self, sent: peer.sent, stored: peer.stored })) peer.counts = true
    if (!peer.counts) return
    this.#answer()
    if (!this.#others().includes(peer.hello.self)) void this.#join(peer)
  }

  /** It asks for everything. Where it did not take that either, its flash is given time. */
  #behind(peer: Peer): void {
    const again = peer.failed
    peer.failed = true
    peer.sent = undefined
    if (again) this.#refused = 'its flash does not take what it is sent'
    const send = async () => {
      if (this.#source && peer === this.#peer) this.#sendContent(peer, this.#source.durable())
    }
    if (again) this.#again(send)
    else void send()
  }

  #mayAnswer(at: Position): ReturnType<typeof mayAnswer> {
    // Whom the EEPROM will name is not known: whoever it may be must have this, or not be named (W11).
    if (this.#writing || this.#source?.unsure) return 'wait'
    const peer = this.#peer
    const follower = peer && { name: peer.hello.self, counts: peer.counts, stored: peer.stored }
    return mayAnswer(this.#others(), follower, at)
  }

  #answer(): void {
    this.#waiting = this.#waiting.filter((waiting) => {
      const may = this.#mayAnswer(waiting.at)
      if (may === 'wait') return true
      waiting.cancel()
      waiting.resolve(may === 'with-member')
      return false
    })
    this.#unstick()
  }

  #stick(why: string): void {
    if (this.#stuck !== why) this.#options.log(why)
    this.#stuck = why
    // It may be found later, or not: who asked is told so, and asks again.
    for (const { reject, cancel } of this.#waiting.splice(0)) {
      cancel()
      reject(new StoreFault(why))
    }
    this.#options.changed()
  }

  #unstick(): void {
    if (this.#stuck === undefined || !this.#source || this.#mayAnswer(this.#source.durable().at) === 'wait') return
    this.#stuck = undefined
    this.#source.resume()
    this.#options.changed()
  }

  #lost(peer: Peer): void {
    if (peer !== this.#peer) return
    this.#peer = undefined
    this.#view = undefined
    this.#refused = undefined
    peer.counts = false
    this.#options.changed()
    if (this.#closed === undefined && (this.#waiting.length > 0 || this.#others().length > 0)) void this.#silent()
  }

  #join(peer: Peer): Promise<void> {
    return this.#name(async (source) => {
      if (peer !== this.#peer || !peer.counts) return undefined
      const why = await this.#write(source.join(peer.hello.self))
      this.#answer()
      if (why === undefined) {
        this.#options.log(`${peer.hello.self} is a member of the pair`)
        this.#ping(peer)
      } else this.#again(() => this.#join(peer))
      return why
    })
  }

  /** What waits has waited long enough, or there is nobody to wait for. */
  #silent(): Promise<void> {
    return this.#name(async (source) => {
      const peer = this.#peer
      if (!source.unsure && peer?.counts && this.#waiting.every(({ at }) => holds(peer, at))) return this.#answer()
      if (peer) peer.counts = false
      if (this.#others().length > 0 || source.unsure) {
        const why = await this.#write(source.leave())
        if (why !== undefined) {
          this.#stick(`${this.#others().join(' and ')} is a member and silent, and the EEPROM can not tell: ${why}`)
          return this.#again(() => this.#silent())
        }
        this.#options.log('the other controller is silent, and no member any more')
      }
      this.#answer()
      // It is still there and only slow: it is brought up to date from the beginning, and named again then.
      if (peer && peer === this.#peer) this.#sendContent(peer, source.durable())
      this.#options.changed()
    })
  }

  async #write(members: Promise<string | undefined>): Promise<string | undefined> {
    this.#writing = true
    try {
      return await members
    } finally {
      this.#writing = false
    }
  }

  /** One change of members at a time. */
  #name(work: (source: Source) => Promise<unknown>): Promise<void> {
    const before = this.#naming ?? Promise.resolve()
    const mine = before.then(async () => {
      if (this.#source && this.#closed === undefined) await work(this.#source)
    })
    const settled = mine.finally(() => {
      if (this.#naming === settled) this.#naming = undefined
      this.#options.changed()
    })
    this.#naming = settled
    return settled
  }

  #again(work: () => Promise<void>): void {
    this.#cancelRetry()
    this.#cancelRetry = this.#options.clock.after(this.#options.retryMs, () => {
      if (this.#closed === undefined) void work()
    })
  }
}
