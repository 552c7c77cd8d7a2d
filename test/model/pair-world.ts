/**
 * The world of the pair's model: two slots with a controller each, one on the shelf, the chassis EEPROM, the owner line
 * and the link between them, as plain data; and the rules that a broken variant takes away. A state is changed only on
 * a copy of its own.
 */
import { type Follower, mayAnswer } from '../../agent/controller/pair/rules.ts'
import { type Content, type CopyId, content, type Inscribed, type RecordId, torn } from './pair-copies.ts'

export type Slot = 'A' | 'B'
export const slots: readonly Slot[] = ['A', 'B']
export const otherOf = (slot: Slot): Slot => (slot === 'A' ? 'B' : 'A')

/** What one controller keeps on its flash. */
export interface Chip {
  /** Number of this flash's life: its name in the EEPROM. */
  life: number
  promised: number
  flash: CopyId
  /** The mark that its content is being replaced. */
  replacing: boolean
}

/** What the owner sends: all of its flash, or the record that goes on from `before`. */
export type Message = { is: 'content'; copy: CopyId } | { is: 'batch'; before: CopyId; record: RecordId; copy: CopyId }
export type Answer = { is: 'stored'; copy: CopyId } | { is: 'behind' } | { is: 'refused' }

/** A durable step of `openMemory`, in its order; `must`: this controller holds where it fails. */
export type Opening =
  | { do: 'promise'; term: number }
  /** Keys that name this controller alone, and the copy as it is on flash. */
  | { do: 'secure'; term: number }
  | { do: 'lead'; term: number }
  | { do: 'copy'; must: boolean }
  /** Keys that name this controller alone; the copy stays. */
  | { do: 'inscribe'; term: number }
  | { do: 'mark' | 'unmark' }
  | { do: 'tear' | 'fill'; copy: CopyId }

/** A transaction that waits for its turn at the EEPROM (`SecondCopy`). */
export type Transaction =
  | { op: 'copy'; answers: { record: RecordId; peer: boolean }[] }
  | { op: 'join'; peer: number }
  /** `copy`: what was on flash when it was asked for. */
  | { op: 'leave'; copy: CopyId }

/** The other controller, as the feed knows it. */
export interface Peer {
  name: number
  sent: CopyId | undefined
  stored: CopyId | undefined
  counts: boolean
  failed: boolean
}

export type Program =
  | { is: 'down' }
  /** `busy`: a message that is being stored; `promise`: what comes first. */
  | { is: 'standby'; busy: { message: Message; promise: number; torn: boolean } | undefined }
  | { is: 'opening'; todo: Opening[]; adopts: boolean }
  | Owner
export interface Owner {
  is: 'owner'
  /** It may not go on from what it has, and touches nothing. */
  held: boolean
  /** Members, as it read or wrote them last. */
  members: readonly number[]
  /** What the members have too. */
  shared: CopyId
  peer: Peer | undefined
  waiting: { copy: CopyId; record: RecordId }[]
  queue: Transaction[]
  /** Changes of members, one at a time; `same`: about the controller that is still attached. */
  naming: { work: 'join' | 'silent'; same: boolean; begun: boolean }[]
  /** A term that the other one promised and that is above its own; 0: none. */
  overtaken: number
  /** Naming it failed, and is tried again. */
  again: boolean
  /** The EEPROM names somebody who is silent, and can not be told: nothing is stored until it can. */
  stuck: boolean
  /** What is on flash is brought to the EEPROM first. */
  copying: boolean
}

export interface Seat {
  chip: Chip
  program: Program
}

/** From a standby to its owner. Each end can be gone before the other one knows. */
export interface Link {
  standby: Slot
  standbyOpen: boolean
  ownerOpen: boolean
  down: Message[]
  up: Answer[]
}

/** How often each may still happen. */
export interface PairBudget {
  readonly binds: number
  readonly crashes: number
  /** The link breaks. */
  readonly cuts: number
  /** A standby takes the line by force, or the owner gives it. */
  readonly forces: number
  /** A controller that may not go on lets the other one try. */
  readonly yields: number
  /** A controller is pulled and a blank one put in its place. */
  readonly blanks: number
  /** A controller is changed for the one on the shelf. */
  readonly swaps: number
  readonly acLosses: number
  /** The EEPROM stops taking writes, or takes them again. */
  readonly wears: number
}

export interface PairWorld {
  eeprom: Inscribed & {
    worn: boolean
    /** Whoever is named there held everything when it was named; not yet so while a controller adopts. */
    proven: boolean
  }
  line: Slot | 'none'
  A: Seat
  B: Seat
  shelf: Chip | undefined
  link: Link | undefined
  /** What was ever told to anybody: it can not be taken back. */
  told: { durable: RecordId[]; single: RecordId[]; led: number[]; epoch: number; lives: number; records: number }
  left: { -readonly [each in keyof PairBudget]: PairBudget[each] }
}

/** The rules that a broken variant takes away; `rules` are the right ones. */
export interface PairRules {
  readonly mayAnswer: typeof mayAnswer
  /** Whose name stands in the EEPROM: a flash's, or whatever is in that slot. */
  readonly names: 'flash' | 'slot'
  readonly promise: 'on flash' | 'in memory'
  /** When a standby is named: once it has everything, or as soon as it is there. */
  readonly joins: 'with everything' | 'at once'
  /** What the EEPROM is given: what the members have too, or what is on this flash. */
  readonly copies: 'shared' | 'durable'
  /** When an answer goes out that no member holds. */
  readonly answers: 'after the EEPROM' | 'before the EEPROM'
  /** What a controller does that the EEPROM does not name. */
  readonly stranger: 'adopts' | 'leads from its flash'
  readonly epoch: 'raised' | 'kept'
  /** Whom a controller feeds that may not go on itself. */
  readonly held: 'feeds nobody' | 'feeds'
  /** Whether answers wait while the other one's name is being written. */
  readonly joining: 'waited for' | 'not waited for'
  /** When what is on this flash alone may go to the EEPROM: with the keys that name it alone, or already before. */
  readonly secures: 'with the keys' | 'before them'
  /** What an owner answers whose EEPROM is not its own any more. */
  readonly fenced: 'nothing' | 'single copy'
}
export const rules: PairRules = {
  mayAnswer,
  names: 'flash',
  promise: 'on flash',
  joins: 'with everything',
  copies: 'shared',
  answers: 'after the EEPROM',
  stranger: 'adopts',
  epoch: 'raised',
  held: 'feeds nobody',
  joining: 'waited for',
  secures: 'with the keys',
  fenced: 'nothing',
}

export interface PairLab {
  readonly rules: PairRules
  /** A chassis with room for one controller: it takes no line, and leads in the term that it has. */
  readonly single: boolean
  /** What flash knows of its own past: all of it, or what its last snapshot says. */
  readonly forgets: boolean
}

export const nothingHappens: PairBudget = {
  binds: 0,
  crashes: 0,
  cuts: 0,
  forces: 0,
  yields: 0,
  blanks: 0,
  swaps: 0,
  acLosses: 0,
  wears: 0,
}

const blankChip = (life: number): Chip => ({ life, promised: 0, flash: 0, replacing: false })

/** Out of the box: nothing was ever stored, and nobody runs. */
export function pairWorld(left: Partial<PairBudget>): PairWorld {
  return {
    eeprom: { term: 0, members: [], copy: undefined, worn: false, proven: false },
    line: 'none',
    A: { chip: blankChip(1), program: { is: 'down' } },
    B: { chip: blankChip(2), program: { is: 'down' } },
    shelf: undefined,
    link: undefined,
    told: { durable: [], single: [], led: [], epoch: 0, lives: 2, records: 0 },
    left: { ...nothingHappens, ...left },
  }
}

export function newChip(world: PairWorld): Chip {
  world.told.lives += 1
  return blankChip(world.told.lives)
}

/** Only what a transition may change is copied; what it replaces whole is shared. */
export function copyOf(world: PairWorld): PairWorld {
  const seat = ({ chip, program }: Seat): Seat => ({ chip: { ...chip }, program: programOf(program) })
  const { link } = world
  return {
    eeprom: { ...world.eeprom },
    line: world.line,
    A: seat(world.A),
    B: seat(world.B),
    shelf: world.shelf,
    link: link && { ...link, down: [...link.down], up: [...link.up] },
    told: { ...world.told, durable: [...world.told.durable], single: [...world.told.single], led: [...world.told.led] },
    left: { ...world.left },
  }
}

function programOf(program: Program): Program {
  switch (program.is) {
    case 'down':
      return program
    case 'standby':
      return { ...program, busy: program.busy && { ...program.busy } }
    case 'opening':
      return { ...program, todo: [...program.todo] }
    case 'owner':
      return {
        ...program,
        peer: program.peer && { ...program.peer },
        waiting: [...program.waiting],
        queue: program.queue.map((each) => (each.op === 'copy' ? { ...each, answers: [...each.answers] } : each)),
        naming: program.naming.map((each) => ({ ...each })),
      }
  }
}

export function nameIn(world: PairWorld, slot: Slot, { rules }: PairLab): number {
  return rules.names === 'slot' ? (slot === 'A' ? 0xa : 0xb) : world[slot].chip.life
}

/** What is on flash, where that can be read. */
export const onFlash = ({ flash }: Chip): Content | undefined => (flash === torn ? undefined : content(flash))

/** As the feed's rules look at it. */
export function followerOf({ peer }: Owner): (Follower & { readonly counts: boolean }) | undefined {
  if (!peer) return undefined
  const { name, counts, sent, stored } = peer
  const at = (copy: CopyId | undefined) => (copy === undefined ? undefined : content(copy).at)
  return { name: String(name), counts, sent: at(sent), stored: at(stored) }
}
