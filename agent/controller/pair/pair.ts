/**
 * A controller of a chassis that has room for two: by turns standby and owner. The owner line decides (W11, W12). As
 * standby it keeps a copy and touches nothing; as owner it serves, feeds the other one, and steps down the moment that
 * the line is not its own. Nothing of one role lives on in the other: each begins by reading flash and EEPROM anew.
 */
import type { ChassisId } from '../../core/addresses.ts'
import type { Standby } from '../../core/command.ts'
import type { State } from '../../core/state.ts'
import type { ControllerView } from '../../core/views.ts'
import { type Clock, within } from '../clock.ts'
import { type ControllerSlot, Fault, type LineReading, type OwnerLine, type Owns } from '../hardware/driver.ts'
import { ownedBy } from '../hardware/owner.ts'
import type { Peers, Pipe } from '../hardware/peers.ts'
import { type ChassisKeys, chassisKeys } from '../store/chassis-keys.ts'
import type { Eeprom } from '../store/eeprom.ts'
import { EepromFault } from '../store/eeprom-device.ts'
import { promise } from '../store/marks.ts'
import { type Medium, MediumFault } from '../store/medium.ts'
import type { Others } from '../store/store.ts'
import { type Patience, takesIn, usualPatience } from './election.ts'
import { Feed, type OwnersLink, type Source, type Standing } from './feed.ts'
import { type FromOwner, type FromStandby, type Link, openLink } from './link.ts'
import { formats, openReplica, type Replica } from './replica.ts'

/** What the owner runs, until it is stopped. */
export interface Serving {
  readonly memory: Source & {
    readonly chassisKey: Uint8Array | undefined
    /** Why nothing can be stored, where that is so. */
    readOnly(): string | undefined
    /** That is for want of the EEPROM alone. */
    readonly waits: boolean
    /** The other controller may do better. */
    readonly yields: boolean
  }
  /** Resolves when nothing of it touches anything any more. */
  stop(): Promise<void>
}

export interface LeadParts {
  /** Written only while the line is ours. */
  readonly eeprom: Eeprom | string
  readonly others: Others<State>
  /** Asked by drivers right before each change (W12). */
  readonly owns: Owns
  /** False: another controller, which may hold what is bound here, has not had its turn yet. */
  readonly mayBegin: boolean
}

/** What a standby shows and takes. */
export interface StandbyParts {
  readonly status: () => PairStatus
  /** The copy that it keeps. */
  readonly state: () => State
}

export interface PairStatus {
  readonly slot: ControllerSlot
  readonly role: 'owner' | 'standby'
  readonly line: LineReading | 'unknown'
  /** How the other controller stands; of a standby, how it stands itself. */
  readonly standing: Standing
  readonly members: readonly string[]
  readonly self: string | undefined
  /** What the other controller tells of itself, where it does. */
  readonly other: ControllerView | undefined
}

export interface PairParts {
  readonly slot: ControllerSlot
  readonly serial?: string
  readonly chassis: ChassisId
  readonly board: string
  readonly version: string
  readonly clock: Clock
  readonly line: OwnerLine
  readonly peers: Peers
  readonly medium: Medium
  /** Reads the chassis EEPROM anew, or tells why it can not be read. */
  openEeprom(): Promise<Eeprom | string>
  readonly adopt?: ChassisId
  readonly random: (bytes: number) => Uint8Array
  lead(parts: LeadParts): Promise<Serving>
  /** Called when this controller becomes standby; what it returns is stopped before it leads. */
  standBy(parts: StandbyParts): { stop(): Promise<void> }
  /** What this controller tells of itself to the owner. */
  view(): ControllerView
  /** Last number of the event ring; and the owner's, to go on above it. */
  readonly events: { last(): number; passOver(number: number): void }
  readonly changed: () => void
  readonly log: (line: string) => void
  readonly patience?: Partial<Patience>
  readonly pace?: Partial<PairPace>
  /** State formats that this version stores. */
  readonly formats?: readonly number[]
}

/** Milliseconds. */
export interface PairPace {
  readonly beat: number
  /** Between two looks at the line, which also tells by itself when it changed. */
  readonly look: number
  /** Longest that the backplane may take. */
  readonly ask: number
  /** Between two attempts to reach the owner. */
  readonly dial: number
  /** How long a member may take to store something. */
  readonly store: number
  readonly retry: number
  /** Between two views sent to the owner. */
  readonly view: number
  /** How long after its own start a controller waits for one that is in its slot and says nothing. */
  readonly slow: number
  /** Before a controller that holds for want of the EEPROM begins anew; longer each time. */
  readonly eeprom: number
  /** How long the keys of the chassis are believed to be what was read. */
  readonly keys: number
}
const usualPace: PairPace = {
  beat: 500,
  look: 500,
  ask: 1_000,
  dial: 500,
  store: 3_000,
  retry: 5_000,
  view: 5_000,
  slow: 30_000,
  eeprom: 10_000,
  keys: 30_000,
}

const longestEepromMs = 300_000

/** How the other controller stands, as the owner tells it. */
export function standbyOf({ slot, line, standing }: PairStatus): Standby {
  if (standing.is !== 'absent') return standing
  const seat = line === 'unknown' ? 'silent' : line.controllers[slot === 'A' ? 'B' : 'A']
  return seat === 'alive' ? { is: 'catching-up', why: 'it is alive, and nothing is sent to it' } : { is: seat }
}

export interface Pair {
  status(): PairStatus
  /**
   * Of the owner: gives the line to the standby, which must be a member unless forced. Of a standby: takes it, by force
   * only. Tells why not.
   */
  changeover(force: boolean): string | undefined
  stop(): Promise<void>
}

export function startPair(parts: PairParts): Pair {
  const { slot, clock, line, peers, log } = parts
  const pace: PairPace = { ...usualPace, ...parts.pace }
  const patience: Patience = { ...usualPatience, ...parts.patience }
  const canStore = parts.formats ?? formats
  const format = Math.max(...canStore)
  const other: ControllerSlot = slot === 'A' ? 'B' : 'A'
  const halt = new AbortController()

  let role: PairStatus['role'] = 'standby'
  let reading: LineReading | 'unknown' = 'unknown'
  let readingSince = clock.uptimeMs()
  let yieldUntil = 0
  /** It could not lead, and gave the line to the other one; from then on it shows what is wrong. */
  let declined = false
  /** The other controller owned the chassis since this program began. */
  let hadItsTurn = false
  let members: readonly string[] = []
  /** As the owner's memory has them, which wrote them. */
  let named: (() => readonly string[]) | undefined
  let self: string | undefined
  let feed: Feed | undefined
  let replica: Replica | undefined
  let standing: Standing = { is: 'absent' }
  let keys: ChassisKeys | undefined
  let keysUntil = 0
  let eepromWait = pace.eeprom
  /** The owner says that this standby holds everything. */
  let told = false
  /** Set by a command; what waits looks at it. */
  let wanted: 'give' | 'take' | undefined
  let rouse: () => void = () => {}

  const ask = <Value>(work: (signal: AbortSignal) => Promise<Value>) => within(clock, pace.ask, halt.signal, work)
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      if (halt.signal.aborted) return resolve()
      const cancel = clock.after(ms, resolve)
      rouse = () => {
        cancel()
        resolve()
      }
    })

  async function look(): Promise<LineReading | 'unknown'> {
    let now: LineReading | 'unknown'
    try {
      now = await ask((signal) => line.read(signal))
    } catch (error) {
      if (!(error instanceof Fault)) throw error
      now = 'unknown'
    }
    if (JSON.stringify(now) !== JSON.stringify(reading)) {
      reading = now
      readingSince = clock.uptimeMs()
      if (now !== 'unknown' && now.owner === other) {
        hadItsTurn = true
        yieldUntil = 0
      }
      parts.changed()
    }
    return now
  }

  /** Whoever stops telling that it is alive is replaced; so this goes on whatever else hangs. */
  function beat(): void {
    if (halt.signal.aborted) return
    ask((signal) => line.beat(signal)).catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error
    })
    clock.after(pace.beat, beat)
  }

  async function isOurs(): Promise<boolean> {
    const now = await look()
    return now !== 'unknown' && now.owner === slot
  }

  /** The EEPROM is the owner's to write (W11): asked right before each transaction. */
  function guarded(eeprom: Eeprom): Eeprom {
    const owns = async () => {
      if (!(await isOurs())) throw new EepromFault('the other controller owns the backplane')
    }
    return {
      get reading() {
        return eeprom.reading
      },
      get wear() {
        return eeprom.wear
      },
      read: () => eeprom.read(),
      room: (next) => eeprom.room(next),
      write: async (next) => {
        await owns()
        return eeprom.write(next)
      },
      erase: async () => {
        await owns()
        return eeprom.erase()
      },
    }
  }

  /** As they were read last: an EEPROM that does not answer takes no member off (I7). */
  async function readKeys(): Promise<ChassisKeys | undefined> {
    // The whole EEPROM is read for them, over a slow bus.
    if (keys && clock.uptimeMs() < keysUntil) return keys
    keysUntil = clock.uptimeMs() + pace.keys
    const eeprom = await parts.openEeprom()
    const found = typeof eeprom === 'object' ? chassisKeys(eeprom.reading) : 'none'
    if (typeof found === 'object') {
      keys = found
      members = found.members
    }
    return keys
  }

  function linked<Out extends FromOwner | FromStandby, In extends FromOwner | FromStandby>(
    pipe: Pipe,
    side: 'dialled' | 'listened',
    key: Uint8Array,
  ): Link<Out, In> {
    return openLink<Out, In>({
      pipe,
      side,
      chassis: parts.chassis,
      key,
      nonce: Buffer.from(parts.random(16)).toString('hex'),
    })
  }

  // As standby.

  /** Resolves when the line is to be taken. */
  async function standBy(): Promise<void> {
    role = 'standby'
    standing = { is: 'absent' }
    told = false
    keysUntil = 0
    replica = await openReplica({ ...parts, formats: canStore })
    const shown = parts.standBy({ status, state: () => (replica as Replica).state })
    const following = new AbortController()
    const followed = follow(replica, following.signal)
    parts.changed()
    try {
      while (!halt.signal.aborted) {
        const now = await look()
        if (wanted === 'take' && now !== 'unknown') return
        const ms = now === 'unknown' ? undefined : waitFor(now)
        if (ms === 0) return
        await pause(Math.min(pace.look, ms ?? pace.look))
      }
    } finally {
      wanted = undefined
      following.abort()
      await followed
      await shown.stop()
      await replica.close()
      replica = undefined
    }
  }

  function waitFor(now: LineReading): number | undefined {
    const forMs = clock.uptimeMs() - readingSince
    const member = told || (self !== undefined && members.includes(self))
    return takesIn({ slot, line: now, forMs, yields: clock.uptimeMs() < yieldUntil, member }, patience)
  }

  /** Keeps a link to the owner, as long as there is one. */
  async function follow(copy: Replica, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !halt.signal.aborted) {
      const known = await readKeys()
      const hello = known && (await copy.hello(known.incarnation))
      self = copy.self
      if (known && hello && reading !== 'unknown' && reading.owner === other) {
        // Where nobody answers, the owner is gone, or not yet up.
        const pipe = await peers.dial().catch(() => undefined)
        if (pipe) await followOnce(copy, Buffer.from(known.key, 'hex'), pipe, signal)
      } else if (copy.why !== undefined) standing = { is: 'refused', why: copy.why }
      if (!signal.aborted) await new Promise<void>((resolve) => void clock.after(pace.dial, resolve))
    }
  }

  async function followOnce(copy: Replica, key: Uint8Array, pipe: Pipe, signal: AbortSignal): Promise<void> {
    const link = linked<FromStandby, FromOwner>(pipe, 'dialled', key)
    const hello = await copy.hello(copy.state.incarnation)
    if (!hello) return link.end()
    let over = false
    const tell = () => {
      if (over) return
      link.send({ is: 'view', view: parts.view() })
      clock.after(pace.view, tell)
    }
    await new Promise<void>((resolve) => {
      const stop = () => link.end()
      signal.addEventListener('abort', stop, { once: true })
      link.onEnd((why) => {
        over = true
        signal.removeEventListener('abort', stop)
        standing = { is: 'absent' }
        // The chassis may have another key by now.
        keysUntil = 0
        if (why !== undefined) log(`the link to the other controller ended: ${why}`)
        parts.changed()
        resolve()
      })
      link.onMessage((message) => {
        if (message.is === 'ping') {
          const news = told !== message.member
          told = message.member
          standing = { is: told ? 'member' : 'catching-up' }
          parts.events.passOver(message.events)
          if (news && !over) link.send({ is: 'view', view: parts.view() })
          return
        }
        copy.receive(message).then(
          (answer) => {
            if (!over) link.send(answer)
            parts.changed()
          },
          // What this version can not take in is no reason to stop being a standby; the whole is sent again.
          (error: unknown) => {
            log(`what the owner sent can not be stored: ${error instanceof Error ? error.message : String(error)}`)
            link.end()
          },
        )
      })
      if (signal.aborted) return link.end()
      link.send(hello)
      tell()
    })
  }

  // As owner.

  /** Resolves when this controller does not lead any more. */
  async function lead(): Promise<void> {
    await ask((signal) => line.take(signal))
    if (!(await isOurs())) return
    role = 'owner'
    const mine = new Feed({
      clock,
      version: parts.version,
      format,
      patienceMs: pace.store,
      retryMs: pace.retry,
      leads: async () => {
        const now = await look()
        return now === 'unknown' ? now : now.owner === slot
      },
      events: () => parts.events.last(),
      changed: parts.changed,
      log,
    })
    feed = mine
    const opened = await parts.openEeprom()
    const eeprom = typeof opened === 'object' ? guarded(opened) : opened
    const serving = await parts.lead({ eeprom, others: mine, owns: ownedBy(slot, line), mayBegin: mayBegin() })
    const { memory } = serving
    self = memory.self
    named = memory.members
    log(
      `controller ${slot} owns the chassis${memory.readOnly() === undefined ? '' : `, and holds: ${memory.readOnly()}`}`,
    )
    // What holds is believed by nobody: it is shown, and neither fed to another nor written anywhere.
    if (memory.readOnly() === undefined) {
      mine.begin(memory)
      peers.listen((pipe) => welcome(pipe, memory, mine))
    }
    parts.changed()
    const began = clock.uptimeMs()
    let why = 'this controller is stopped'
    /** It leads once more, in a term of its own. */
    let again = false
    try {
      while (!halt.signal.aborted) {
        const now = await look()
        if (now !== 'unknown' && now.owner !== slot) {
          why = `controller ${now.owner === 'none' ? other : now.owner} owns the chassis`
          return
        }
        const othersTurn = now !== 'unknown' && now.controllers[other] === 'alive'
        if (!othersTurn || memory.readOnly() === undefined) declined = false
        // What this controller may not go on from, the other one may (W11). Once: then somebody must show what is wrong.
        else if (memory.yields && (!declined || mine.standing.is === 'member')) {
          declined = true
          why = 'it can not go on from what it has'
          return
        }
        if (memory.readOnly() === undefined) eepromWait = pace.eeprom
        if (memory.waits && clock.uptimeMs() - began >= eepromWait && (await canRead())) {
          eepromWait = Math.min(eepromWait * 2, longestEepromMs)
          why = 'the chassis EEPROM is asked again'
          again = true
          return
        }
        if (mine.overtaken !== undefined && (await promised(mine.overtaken))) {
          why = `the other controller promised term ${mine.overtaken}`
          again = true
          return
        }
        if (wanted === 'give') {
          why = 'a changeover was asked for'
          return
        }
        await pause(pace.look)
      }
    } finally {
      wanted = undefined
      if (!again) yieldUntil = clock.uptimeMs() + patience.yieldMs
      peers.listen((pipe) => pipe.end())
      log(`controller ${slot} steps down: ${why}`)
      // Who waits for an answer hears that it is not known, and asks the next owner.
      mine.close(why)
      await serving.stop()
      members = memory.members()
      named = undefined
      feed = undefined
      role = 'standby'
      // The line is given last: whoever takes it finds nothing of ours under way.
      if (!again) {
        await within(clock, pace.ask, new AbortController().signal, (signal) => line.release(signal)).catch(
          (error: unknown) => {
            if (!(error instanceof Fault)) throw error
          },
        )
      }
    }
  }

  /** A blank controller does not begin a life beside one that may hold it, and may only be slow to come up. */
  function mayBegin(): boolean {
    if (reading === 'unknown') return false
    const there = reading.controllers[other]
    return there === 'absent' || hadItsTurn || clock.uptimeMs() >= pace.slow
  }

  async function canRead(): Promise<boolean> {
    const eeprom = await parts.openEeprom()
    return typeof eeprom === 'object' && eeprom.reading.kind !== 'unreadable'
  }

  async function promised(term: number): Promise<boolean> {
    try {
      await promise(parts.medium, term)
      return true
    } catch (error) {
      if (!(error instanceof MediumFault)) throw error
      log(`a later term can not be promised: ${error.message}`)
      return false
    }
  }

  function welcome(pipe: Pipe, memory: Serving['memory'], mine: Feed): void {
    const key = memory.chassisKey
    if (key === undefined) {
      pipe.end()
      return
    }
    const link: OwnersLink = linked<FromOwner, FromStandby>(pipe, 'listened', key)
    let greeted = false
    link.onEnd((why) => {
      if (why !== undefined) log(`a controller was not let in: ${why}`)
    })
    link.onMessage((message) => {
      if (greeted || message.is !== 'hello') return
      greeted = true
      mine.attach(link, message)
    })
  }

  async function run(): Promise<void> {
    while (!halt.signal.aborted) {
      try {
        await standBy()
        if (!halt.signal.aborted) await lead()
      } catch (error) {
        if (!(error instanceof Fault)) throw error
        log(`the backplane does not answer: ${error.message}`)
        await pause(pace.look)
      }
    }
  }

  function status(): PairStatus {
    return {
      slot,
      role,
      line: reading,
      standing: role === 'owner' ? (feed?.standing ?? { is: 'absent' }) : standing,
      members: named?.() ?? members,
      self,
      other: feed?.view,
    }
  }

  line.onChange(() => rouse())
  peers.listen((pipe) => pipe.end())
  beat()
  const running = run()

  return {
    status,
    changeover: (force) => {
      if (role === 'standby') {
        if (!force) return 'this controller is standby; ask the owner, or take the line by force'
        wanted = 'take'
      } else {
        const { is } = feed?.standing ?? { is: 'absent' }
        if (is !== 'member' && !force) return `the other controller is no member of the pair (${is})`
        if (reading !== 'unknown' && reading.controllers[other] !== 'alive')
          return `controller ${other} is ${reading.controllers[other]}; nobody would lead`
        wanted = 'give'
      }
      rouse()
      return undefined
    },
    stop: async () => {
      halt.abort()
      rouse()
      await running
      await peers.close()
    },
  }
}
