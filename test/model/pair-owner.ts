/**
 * An owner in the model of the pair: step by step what feed.ts, memory.ts and second-copy.ts do while it serves, with
 * the real rules where there are any. Each function changes the state that it is given, which is nobody else's.
 */
import { counts, holds, isOvertaken } from '../../agent/controller/pair/rules.ts'
import { samePosition } from '../../agent/controller/store/copies.ts'
import { append, blankCopy, type CopyId, content, type RecordId, torn } from './pair-copies.ts'
import {
  type Answer,
  followerOf,
  type Message,
  nameIn,
  type Owner,
  otherOf,
  type PairLab,
  type PairWorld,
  type Slot,
  type Transaction,
} from './pair-world.ts'
import { Broken } from './run.ts'

/** One owner at work in one state. */
export interface At {
  readonly world: PairWorld
  readonly slot: Slot
  readonly owner: Owner
  readonly lab: PairLab
}

/** Whether the EEPROM takes a write of this controller now (`guarded` in pair.ts, W11). */
export const isWritable = ({ world, slot }: Pick<At, 'world' | 'slot'>): boolean =>
  world.line === slot && !world.eeprom.worn

const selfOf = ({ world, slot, lab }: At) => nameIn(world, slot, lab)

/** Members besides this one (`#others` in feed.ts). */
function othersOf(at: At): readonly number[] {
  const self = selfOf(at)
  return at.owner.members.filter((name) => name !== self)
}

function may(at: At, copy: CopyId): ReturnType<PairLab['rules']['mayAnswer']> {
  const joins = at.owner.queue.some(({ op }) => op === 'join')
  if (joins && at.lab.rules.joining === 'waited for') return 'wait'
  return at.lab.rules.mayAnswer(othersOf(at).map(String), followerOf(at.owner), content(copy).at)
}

/** A record on this flash, and to the others (`#commit` and `#share` in store.ts, `store` in feed.ts). */
export function storeRecord(at: At, record: RecordId): void {
  const { world, slot, owner } = at
  const { chip } = world[slot]
  const before = chip.flash
  chip.flash = append(before, record)
  send(at, { is: 'batch', before, record, copy: chip.flash })
  const verdict = may(at, chip.flash)
  if (verdict !== 'wait') share(at, chip.flash, record, verdict === 'with-member')
  else {
    owner.waiting.push({ copy: chip.flash, record })
    if (!owner.peer?.counts) silent(at)
  }
}

/** `#send` in feed.ts. */
function send(at: At, message: Extract<Message, { is: 'batch' }>): void {
  const { peer } = at.owner
  if (peer?.sent === undefined) return
  if (samePosition(content(peer.sent).at, content(message.before).at)) {
    peer.sent = message.copy
    post(at, message)
  } else sendContent(at)
}

/** What can not be read is shown as nothing. */
const readable = ({ world, slot }: At): CopyId => (world[slot].chip.flash === torn ? blankCopy : world[slot].chip.flash)

export function sendContent(at: At): void {
  const { owner } = at
  if (!owner.peer) return
  owner.peer.sent = readable(at)
  post(at, { is: 'content', copy: owner.peer.sent })
}

function post({ world }: At, message: Message): void {
  if (world.link?.ownerOpen && world.link.standbyOpen) world.link.down.push(message)
}

/** The others have it, or there are none: the EEPROM is next (`#share`, `#acknowledge` in store.ts). */
function share(at: At, copy: CopyId, record: RecordId, peer: boolean): void {
  const { owner, world, lab } = at
  const [now, next] = [content(owner.shared).at, content(copy).at]
  if (next.index >= now.index || next.term > now.term) owner.shared = copy
  if (lab.rules.answers === 'before the EEPROM') world.told.durable.push(record)
  copySoon(owner).push({ record, peer })
}

/** Whatever waits by then goes along (`copy` in second-copy.ts). */
function copySoon({ queue }: Owner): { record: RecordId; peer: boolean }[] {
  for (const each of queue) if (each.op === 'copy') return each.answers
  const answers: { record: RecordId; peer: boolean }[] = []
  queue.push({ op: 'copy', answers })
  return answers
}

/** `#answer` in feed.ts. */
function answer(at: At): void {
  const { owner } = at
  owner.waiting = owner.waiting.filter(({ copy, record }) => {
    const verdict = may(at, copy)
    if (verdict === 'wait') return true
    share(at, copy, record, verdict === 'with-member')
    return false
  })
  // `#unstick`: what is on flash was rejected, and is there all the same.
  if (!owner.stuck || may(at, at.world[at.slot].chip.flash) === 'wait') return
  owner.stuck = false
  resume(at)
}

/** What is on this flash goes to the EEPROM before anything more is stored (`resume` and `mend` in memory.ts). */
export function resume(at: At): void {
  const { world, slot, owner } = at
  owner.copying = true
  owner.shared = world[slot].chip.flash
  copySoon(owner)
}

/** The EEPROM lacks what it could have: it failed, or nobody was there to finish. */
export function isBehind(at: At): boolean {
  const { world, slot, owner } = at
  const { flash } = world[slot].chip
  const idle = owner.queue.length === 0 && owner.waiting.length === 0 && !owner.held && !owner.stuck
  return idle && world.eeprom.copy !== flash && may(at, flash) !== 'wait'
}

/** The reply to whoever asked (W10). */
function acknowledge(at: At, record: RecordId, peer: boolean, eeprom: boolean): void {
  const { world, slot, lab } = at
  const { told } = world
  if (peer || eeprom) {
    if (!told.durable.includes(record)) told.durable.push(record)
    return
  }
  // `leads` in feed.ts: whose the line is, read anew.
  if (lab.rules.fenced === 'nothing' && world.line !== slot) return
  told.single.push(record)
  // Whoever leads now knows nothing of it, and nobody can say that this was the only copy of a controller in office.
  const { term } = content(world[slot].chip.flash).state
  if (world.eeprom.term > term)
    throw new Broken(
      `W11: ${slot} acknowledged record ${record} in term ${term}, and the EEPROM is in ${world.eeprom.term}`,
    )
}

/** The first transaction in the queue is done, or fails (`SecondCopy`, and what waits for it). */
export function transact(at: At): void {
  const { world, slot, owner, lab } = at
  const { eeprom } = world
  const { chip } = world[slot]
  const transaction = owner.queue.shift() as Transaction
  const done = isWritable(at)
  const self = selfOf(at)
  switch (transaction.op) {
    case 'copy':
      if (done) {
        eeprom.copy = lab.rules.copies === 'durable' ? chip.flash : owner.shared
        eeprom.proven = true
      }
      owner.copying = false
      for (const { record, peer } of transaction.answers) acknowledge(at, record, peer, done)
      return
    case 'join':
      // `join` in memory.ts: the copy stays as it is.
      if (done) eeprom.members = owner.members = [self, transaction.peer]
      owner.again = !done
      owner.naming.shift()
      if (owner.peer?.counts) answer(at)
      else if (owner.waiting.length > 0 || othersOf(at).length > 0) silent(at)
      workOn(at)
      return
    case 'leave': {
      // `leave` in memory.ts, and the rest of `#silent` in feed.ts.
      const [work] = owner.naming.splice(0, 1)
      if (done) {
        if (content(transaction.copy).at.index > content(owner.shared).at.index) owner.shared = transaction.copy
        eeprom.members = owner.members = [self]
        eeprom.copy = owner.shared
        eeprom.proven = true
        alone(at, work?.same === true)
      } else {
        // `#stick`: whoever asked is told that it is not known, and asks again.
        owner.stuck = true
        owner.waiting = []
      }
      workOn(at)
      return
    }
  }
}

/** What waits has waited long enough, or there is nobody to wait for (`#silent` in feed.ts). */
export function silent(at: At): void {
  const { naming } = at.owner
  if (naming.some(({ work, begun }) => work === 'silent' && !begun)) return
  naming.push({ work: 'silent', same: false, begun: false })
  workOn(at)
}

/** `#join` in feed.ts. */
export function join(at: At): void {
  const { naming } = at.owner
  at.owner.again = false
  if (naming.some(({ work, begun }) => work === 'join' && !begun)) return
  naming.push({ work: 'join', same: true, begun: false })
  workOn(at)
}

/** One change of members at a time (`#name` in feed.ts). */
function workOn(at: At): void {
  const { world, slot, owner, lab } = at
  for (let next = owner.naming[0]; next !== undefined && !next.begun; next = owner.naming[0]) {
    const { peer } = owner
    if (next.work === 'join') {
      if (next.same && peer && (peer.counts || lab.rules.joins === 'at once')) {
        next.begun = true
        owner.queue.push({ op: 'join', peer: peer.name })
        return
      }
    } else {
      const follower = followerOf(owner)
      if (follower?.counts && owner.waiting.every(({ copy }) => holds(follower, content(copy).at))) answer(at)
      else {
        if (peer) peer.counts = false
        next.same = peer !== undefined
        if (othersOf(at).length > 0) {
          if (lab.rules.secures === 'before them') owner.shared = world[slot].chip.flash
          next.begun = true
          owner.queue.push({ op: 'leave', copy: world[slot].chip.flash })
          return
        }
        alone(at, next.same)
      }
    }
    owner.naming.shift()
  }
}

/** Nobody else is named any more: what waited goes out, and the other one is brought up to date from the beginning. */
function alone(at: At, same: boolean): void {
  answer(at)
  if (same && at.owner.peer) sendContent(at)
}

/** A standby dialled and said hello (`attach` and `#welcome` in feed.ts). */
export function attach(at: At, promised: number): void {
  const { world, slot, owner, lab } = at
  const standby = otherOf(slot)
  forget(at)
  world.link = { standby, standbyOpen: true, ownerOpen: true, down: [], up: [] }
  const name = nameIn(world, standby, lab)
  owner.peer = { name, sent: undefined, stored: undefined, counts: false, failed: false }
  if (isOvertaken(promised, content(readable(at)).state.term)) owner.overtaken = promised
  else sendContent(at)
  if (lab.rules.joins === 'at once' && !othersOf(at).includes(name)) join(at)
}

function forget({ owner }: At): void {
  owner.again = false
  owner.peer = undefined
  for (const each of owner.naming) each.same = false
}

/** The link to the other one is gone (`#lost` in feed.ts). */
export function lost(at: At): void {
  const { owner } = at
  forget(at)
  if (owner.waiting.length > 0 || othersOf(at).length > 0) silent(at)
}

/** `#heard` in feed.ts. */
export function hear(at: At, message: Answer): void {
  const { world, owner } = at
  const { peer } = owner
  if (!peer) return
  switch (message.is) {
    case 'stored': {
      peer.stored = message.copy
      peer.failed = false
      const follower = followerOf(owner)
      if (follower && counts(follower)) peer.counts = true
      if (peer.counts) answer(at)
      if (peer.counts && !othersOf(at).includes(peer.name)) join(at)
      return
    }
    case 'behind': {
      const { failed } = peer
      peer.failed = true
      peer.sent = undefined
      // Where it failed twice it is tried again later.
      if (!failed) sendContent(at)
      return
    }
    case 'refused':
      if (world.link) world.link.ownerOpen = false
      lost(at)
      return
  }
}
