/**
 * The pair as a machine to be explored: everything that can happen next to two controllers of one chassis, and what may
 * never be true. The order of the durable steps is that of memory.ts (opening), replica.ts (standby), pair.ts (the line)
 * and feed.ts (pair-owner.ts); power can fail between any two of them.
 */

import type { LineReading } from '../../agent/controller/hardware/driver.ts'
import { takesIn, usualPatience } from '../../agent/controller/pair/election.ts'
import { answerTo } from '../../agent/controller/pair/rules.ts'
import { samePosition } from '../../agent/controller/store/copies.ts'
import type { Machine } from './explore.ts'
import { append, blankCopy, content, torn } from './pair-copies.ts'
import { goOn, open, tear, tell } from './pair-opening.ts'
import {
  type At,
  attach,
  hear,
  isBehind,
  isWritable,
  join,
  lost,
  resume,
  sendContent,
  silent,
  storeRecord,
  transact,
} from './pair-owner.ts'
import {
  type Chip,
  copyOf,
  type Message,
  nameIn,
  newChip,
  type Opening,
  onFlash,
  otherOf,
  type PairBudget,
  type PairLab,
  type PairWorld,
  type Program,
  type Slot,
  slots,
} from './pair-world.ts'
import { Broken } from './run.ts'

type Choice = readonly [told: string, after: () => PairWorld]
type Change = (world: PairWorld) => void

export function pairMachine(first: PairWorld, lab: PairLab): Machine<PairWorld> {
  const recovers = new Map<string, boolean>()
  return {
    first,
    next: (world) => choices(world, lab),
    check: (world) => {
      check(world, lab)
      checkRecovery(world, lab, recovers)
    },
    key: (world) => JSON.stringify(world),
  }
}

function choices(world: PairWorld, lab: PairLab): readonly Choice[] {
  const all: Choice[] = []
  const may = (told: string, change: Change) =>
    all.push([
      told,
      () => {
        const next = copyOf(world)
        change(next)
        return next
      },
    ])
  /** Something that nobody asked for, as often as it may still happen. */
  const spend = (what: keyof PairBudget, told: string, change: Change) => {
    if (world.left[what] === 0) return
    may(told, (next) => {
      next.left[what] -= 1
      change(next)
    })
  }
  for (const slot of lab.single ? (['A'] as const) : slots) {
    const { program, chip } = world[slot]
    spend('blanks', `a blank controller takes the place of ${slot}, whose own goes to the shelf`, (next) => {
      stop(next, slot, lab)
      next.shelf = next[slot].chip
      next[slot].chip = newChip(next)
    })
    if (world.shelf) {
      spend('swaps', `the controller from the shelf takes the place of ${slot}`, (next) => {
        stop(next, slot, lab)
        const { chip } = next[slot]
        next[slot].chip = next.shelf as Chip
        next.shelf = chip
      })
    }
    if (program.is === 'down') {
      may(`${slot} starts`, (next) => {
        if (lab.single) open(next, slot, lab)
        else next[slot].program = { is: 'standby', busy: undefined }
      })
      continue
    }
    spend('crashes', `${slot} crashes`, (next) => stop(next, slot, lab))
    switch (program.is) {
      case 'standby':
        asStandby(world, slot, program, lab, may, spend)
        break
      case 'opening':
        may(`${slot} ${tell(program.todo[0] as Opening)}`, (next) => goOn(next, slot, lab))
        break
      case 'owner':
        asOwner(world, slot, chip, lab, may, spend)
        break
    }
  }
  spend('acLosses', 'AC is lost', (next) => {
    for (const slot of slots) stop(next, slot, lab)
    next.line = 'none'
    next.link = undefined
  })
  const { worn } = world.eeprom
  spend('wears', worn ? 'the EEPROM takes writes again' : 'the EEPROM takes no more writes', (next) => {
    next.eeprom.worn = !worn
  })
  if (world.link?.standbyOpen && world.link.ownerOpen) {
    spend('cuts', 'the link breaks: the standby sees it', (next) => closeStandby(next))
    const owner = otherOf(world.link.standby)
    spend('cuts', 'the link breaks: the owner sees it', (next) => {
      if (next.link) Object.assign(next.link, { ownerOpen: false, up: [] })
      lost(at(next, owner, lab))
    })
  }
  return all
}

type May = (told: string, change: Change) => void
type Spend = (what: keyof PairBudget, told: string, change: Change) => void

function at(world: PairWorld, slot: Slot, lab: PairLab): At {
  const { program } = world[slot]
  if (program.is !== 'owner') throw new Error(`${slot} is no owner`)
  return { world, slot, owner: program, lab }
}

/** A program that ends in the middle of whatever it does. */
function stop(world: PairWorld, slot: Slot, lab: PairLab): void {
  if (world.link?.standby === slot) closeStandby(world)
  else closeOwner(world)
  world[slot].program = { is: 'down' }
  if (lab.rules.promise === 'in memory') world[slot].chip.promised = 0
}

/** What it sent may still arrive; what it was sent is lost. */
function closeStandby(world: PairWorld): void {
  if (!world.link) return
  world.link = world.link.ownerOpen ? { ...world.link, standbyOpen: false, down: [] } : undefined
}

function closeOwner(world: PairWorld): void {
  if (!world.link) return
  world.link = world.link.standbyOpen ? { ...world.link, ownerOpen: false, up: [] } : undefined
}

// ── Standby: replica.ts, and pair.ts until the line is taken ────────────────────────────────────────────────────

function asStandby(
  world: PairWorld,
  slot: Slot,
  { busy }: Extract<Program, { is: 'standby' }>,
  lab: PairLab,
  may: May,
  spend: Spend,
): void {
  const other = otherOf(slot)
  const { link } = world
  const mine = link?.standby === slot && link.standbyOpen ? link : undefined
  if (busy) {
    // The program ends no store in the middle before it takes the line.
    may(`${slot} ${tellStoring(busy)}`, (next) => storeOn(next, slot))
    return
  }
  const [message] = mine?.down ?? []
  if (message) may(`${slot} gets ${tellMessage(message)}`, (next) => receive(next, slot))
  if (mine && !mine.ownerOpen) may(`${slot} sees that its link ended`, (next) => closeStandby(next))
  const alive = (of: Slot) => (world[of].program.is === 'down' ? ('silent' as const) : ('alive' as const))
  const line: LineReading = { owner: world.line, controllers: { A: alive('A'), B: alive('B') } }
  const wait = takesIn({ slot, line, forMs: Number.MAX_SAFE_INTEGER, yields: false, member: false }, usualPatience)
  const take: Change = (next) => {
    if (next.link?.standby === slot) closeStandby(next)
    next.line = slot
    open(next, slot, lab)
  }
  if (wait !== undefined) may(`${slot} takes the line`, take)
  else spend('forces', `${slot} takes the line by force`, take)
  const owner = world[other].program
  const heard = world.line === other && owner.is === 'owner' && world.eeprom.term > 0
  if (!mine && heard && (!owner.held || lab.rules.held === 'feeds')) {
    may(`${slot} dials ${other}`, (next) => attach(at(next, other, lab), promisedBy(next[slot].chip)))
  }
}

/** A copy of a term is a promise of it (`hello` in replica.ts). */
function promisedBy(chip: Chip): number {
  const { state } = onFlash(chip) ?? content(blankCopy)
  return Math.max(chip.promised, state.incarnation === '' ? 0 : state.term)
}

/** `answer` in replica.ts, up to the first durable step. */
function receive(world: PairWorld, slot: Slot): void {
  const { chip, program } = world[slot]
  const { link } = world
  const message = link?.down.shift()
  if (!link || !message || program.is !== 'standby') return
  const { state } = content(message.copy)
  const stands = onFlash(chip) ?? content(blankCopy)
  const copy = { promised: promisedBy(chip), at: stands.at, broken: chip.flash === torn }
  const told = answerTo(
    copy,
    message.is === 'content'
      ? { is: 'content', term: state.term }
      : { is: 'batch', term: state.term, before: content(message.before).at, texts: [message.record] },
  )
  if (told.do === 'refuse') link.up.push({ is: 'refused' })
  else if (told.do === 'ask-for-all') link.up.push({ is: 'behind' })
  else program.busy = { message, promise: told.promise ?? 0, torn: false }
}

/** One durable step of it: the promise; the old content gone; the new one there, and told. */
function storeOn(world: PairWorld, slot: Slot): void {
  const { chip, program } = world[slot]
  if (program.is !== 'standby' || !program.busy) return
  const { busy } = program
  const { message } = busy
  if (busy.promise > 0) {
    chip.promised = busy.promise
    busy.promise = 0
    return
  }
  if (message.is === 'content' && !busy.torn) {
    busy.torn = true
    chip.flash = tear(chip.flash, message.copy)
    return
  }
  chip.flash = message.is === 'content' ? message.copy : append(chip.flash, message.record)
  program.busy = undefined
  const same = samePosition(content(chip.flash).at, content(message.copy).at)
  if (world.link?.standbyOpen && world.link.ownerOpen) {
    world.link.up.push(same ? { is: 'stored', copy: chip.flash } : { is: 'behind' })
  }
}

// ── Owner: feed.ts, and pair.ts until it steps down ─────────────────────────────────────────────────────────────

function asOwner(world: PairWorld, slot: Slot, chip: Chip, lab: PairLab, may: May, spend: Spend): void {
  const { owner } = at(world, slot, lab)
  const other = otherOf(slot)
  const { link } = world
  const on =
    (change: (at: At) => void): Change =>
    (next) =>
      change(at(next, slot, lab))
  const mine = link?.standby === other && link.ownerOpen ? link : undefined
  const flash = chip.flash === torn ? undefined : content(chip.flash)
  const under = owner.waiting.length + owner.queue.flatMap((each) => (each.op === 'copy' ? each.answers : [])).length
  if (!owner.held && !owner.stuck && !owner.copying && flash && under < 2) {
    spend('binds', `${slot} stores record ${world.told.records + 1} on its flash`, (next) => {
      next.told.records += 1
      storeRecord(at(next, slot, lab), next.told.records)
    })
  }
  const [transaction] = owner.queue
  if (transaction) may(`${slot} writes the EEPROM: ${transaction.op}`, on(transact))
  const [answer] = mine?.up ?? []
  if (answer) {
    may(`${slot} hears that ${answer.is === 'stored' ? 'its log is stored' : answer.is}`, (next) => {
      next.link?.up.shift()
      hear(at(next, slot, lab), answer)
    })
  }
  if (mine && !mine.standbyOpen) {
    may(`${slot} sees that the link ended`, (next) => {
      closeOwner(next)
      lost(at(next, slot, lab))
    })
  }
  if (owner.waiting.length > 0 && owner.naming.length === 0) may(`${slot} has waited long enough`, on(silent))
  // What failed is tried again later, and only while it may succeed: the rest would change nothing.
  if (isWritable({ world, slot }) && owner.naming.length === 0) {
    const { peer } = owner
    if (owner.stuck) may(`${slot} tries the EEPROM again`, on(silent))
    else if (owner.again) may(`${slot} tries to name it again`, on(join))
    if (isBehind(at(world, slot, lab))) may(`${slot} goes on copying its flash`, on(resume))
    if (peer?.failed && peer.sent === undefined) may(`${slot} sends everything again`, on(sendContent))
  }
  if (lab.single) return
  const down: Change = (next) => {
    closeOwner(next)
    if (next.line === slot) next.line = 'none'
    next[slot].program = { is: 'standby', busy: undefined }
  }
  // What is under way at the EEPROM is over before the line is given.
  const settled = owner.queue.length === 0 || !isWritable({ world, slot })
  const alive = world[other].program.is !== 'down'
  if (owner.overtaken > 0 && settled) {
    // It leads once more, in a term above that: the line stays where it is.
    may(`${slot} promises term ${owner.overtaken} on its flash, and leads anew`, (next) => {
      next[slot].chip.promised = Math.max(next[slot].chip.promised, owner.overtaken)
      closeOwner(next)
      next[slot].program = { is: 'standby', busy: undefined }
    })
  }
  if (world.line !== slot) may(`${slot} sees that the line is not its own`, down)
  else if (owner.held && alive && settled) spend('yields', `${slot} can not go on, and lets ${other} try`, down)
  else if (alive && settled && !owner.held) {
    const member = owner.peer?.counts && owner.members.includes(owner.peer.name)
    if (member) spend('forces', `${slot} gives the line to ${other}`, down)
  }
}

// ── What may never be true ──────────────────────────────────────────────────────────────────────────────────────

function check(world: PairWorld, lab: PairLab): void {
  const { told, eeprom } = world
  const serving = slots.flatMap((slot) => {
    const { program, chip } = world[slot]
    return program.is === 'owner' && !program.held ? [{ slot, own: content(chip.flash) }] : []
  })
  const [one, two] = serving
  if (one && two && one.own.state.term === two.own.state.term)
    throw new Broken(`W11: A and B both lead in term ${one.own.state.term}`)
  const lacks = (held: readonly number[]) => told.durable.filter((record) => !held.includes(record))
  for (const { slot, own } of serving) {
    const missing = own.state.term >= eeprom.term ? lacks(own.holds) : []
    if (missing.length > 0)
      throw new Broken(`I2: ${slot} leads in term ${own.state.term} without record ${missing.join(', ')}`)
  }
  if (eeprom.term === 0) return
  const copied = eeprom.copy === undefined ? undefined : content(eeprom.copy)
  if (eeprom.members.length === 1) {
    const missing = lacks(copied?.holds ?? [])
    if (missing.length > 0)
      throw new Broken(`I2: any blank controller may go on from the EEPROM, which lacks record ${missing.join(', ')}`)
  }
  if (!eeprom.proven) return
  for (const slot of slots) {
    const { chip } = world[slot]
    const own = onFlash(chip)
    if (!own || !eeprom.members.includes(nameIn(world, slot, lab))) continue
    const missing = lacks(own.holds)
    if (missing.length > 0) throw new Broken(`W11: the EEPROM names ${slot}, which lacks record ${missing.join(', ')}`)
    if (copied && copied.at.index > own.at.index)
      throw new Broken(`W11: the EEPROM names ${slot}, and its copy is ahead of that flash`)
  }
}

/**
 * From here on nothing more happens, and each controller starts anew: where one that the EEPROM names can be read, or
 * the EEPROM names one alone, somebody must come to lead.
 */
function checkRecovery(world: PairWorld, lab: PairLab, known: Map<string, boolean>): void {
  const { eeprom, told } = world
  if (eeprom.worn) return
  const seats = lab.single ? (['A'] as const) : slots
  const named = seats.filter((slot) => eeprom.members.includes(nameIn(world, slot, lab)))
  const readable = seats.filter((slot) => world[slot].chip.flash !== torn)
  // Until the first copy is there, flash of a first start that was cut is believed only where the EEPROM names it.
  const proven = (slot: Slot) => eeprom.copy !== undefined || onFlash(world[slot].chip)?.state.incarnation === ''
  const due =
    named.some((slot) => readable.includes(slot)) ||
    (eeprom.members.length < 2 && readable.some((slot) => proven(slot)))
  if (!due) return
  const kept = JSON.stringify([eeprom, world.A.chip, world.B.chip, told.led, told.epoch])
  let leads = known.get(kept)
  if (leads === undefined) {
    leads = seats.some((slot) => comesToLead(world, slot, lab))
    known.set(kept, leads)
  }
  if (!leads)
    throw new Broken('the EEPROM can be read, and so can a controller that may lead, and nobody leads ever again')
}

function comesToLead(from: PairWorld, slot: Slot, lab: PairLab): boolean {
  const world = copyOf(from)
  for (const each of slots) stop(world, each, lab)
  world.link = undefined
  world.line = slot
  try {
    open(world, slot, lab)
    while (world[slot].program.is === 'opening') goOn(world, slot, lab)
  } catch (error) {
    throw error instanceof Broken ? new Broken(`after a restart of both, ${error.message}`) : error
  }
  const { program } = world[slot]
  return program.is === 'owner' && !program.held
}

// ── In words ────────────────────────────────────────────────────────────────────────────────────────────────────

const tellMessage = (message: Message) => (message.is === 'content' ? 'the whole content' : 'a record')

function tellStoring({ message, promise, torn }: { message: Message; promise: number; torn: boolean }): string {
  if (promise > 0) return `promises term ${promise} on its flash`
  if (message.is === 'content' && !torn) return 'begins to replace what is on its flash'
  return `has ${tellMessage(message)} on its flash`
}
