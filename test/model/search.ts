/**
 * Breadth-first search over everything that can happen, to a bounded depth: so the first counter-example that it finds
 * is a shortest one, and it can be read as a story.
 */
import { createHash } from 'node:crypto'
import type { Bay } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Mishap } from './rack.ts'
import { Broken, type Event, type Lab, type Run, step } from './run.ts'

/** How often each thing may still happen. */
export interface Budget {
  readonly button: number
  readonly osOff: number
  readonly late: number
  readonly lost: number
  readonly restart: number
  readonly ac: number
  readonly pull: number
  /** Commands not given yet; each is given at most once, in any order. */
  readonly commands: readonly Command[]
  /** Bays that may be tended. */
  readonly bays: readonly Bay[]
}

export interface Result {
  readonly states: number
  readonly depth: number
  readonly whole: boolean
  readonly broken?: { readonly say: string; readonly story: readonly string[] }
}

interface Node {
  readonly run: Run
  readonly budget: Budget
  readonly from?: Node
  readonly told?: string
}

export function search(
  run: Run,
  budget: Budget,
  lab: Lab,
  most: { readonly states: number; readonly depth: number },
): Result {
  const seen = new Set<string>([keyOf(run, budget)])
  let frontier: Node[] = [{ run, budget }]
  let depth = 0
  for (; frontier.length > 0 && depth < most.depth; depth++) {
    const next: Node[] = []
    for (const node of frontier) {
      for (const [event, left] of choices(node)) {
        const told = say(event)
        let after: Run
        try {
          after = { ...step(node.run, event, lab), acknowledged: [], unsynced: [] }
        } catch (error) {
          if (!(error instanceof Broken)) throw error
          const broken = { say: error.message, story: storyOf({ ...node, from: node, told }) }
          return { states: seen.size, depth: depth + 1, whole: false, broken }
        }
        const key = keyOf(after, left)
        if (seen.has(key)) continue
        seen.add(key)
        next.push({ run: after, budget: left, from: node, told })
      }
      if (seen.size > most.states) return { states: seen.size, depth, whole: false }
    }
    frontier = next
  }
  return { states: seen.size, depth, whole: frontier.length === 0 }
}

/** What two moments must have in common to have the same future. */
function keyOf(
  { rack, durable, observed, touches, told, shots, wantedOn }: Run,
  { bays: _, commands, ...budget }: Budget,
): string {
  const { answers: __, revision: ___, profiles: ____, ...state } = durable
  const text = JSON.stringify([
    rack,
    state,
    observed,
    touches,
    told,
    shots,
    wantedOn,
    budget,
    commands.length,
    commands,
  ])
  return createHash('sha1').update(text).digest('base64')
}

function choices({ run, budget }: Node): readonly (readonly [Event, Budget])[] {
  const all: (readonly [Event, Budget])[] = []
  const mishaps: (readonly [Mishap, Budget])[] = []
  for (const bay of budget.bays) {
    const seat = run.rack.seats[bay]
    if (seat?.blade?.stage === 'post') mishaps.push([{ it: 'post-end', bay }, budget])
    if (seat && seat.late.length > 0) mishaps.push([{ it: 'late', bay }, budget])
    if (budget.button > 0 && seat?.blade?.power === 'off')
      mishaps.push([
        { it: 'button', bay },
        { ...budget, button: budget.button - 1 },
      ])
    if (budget.osOff > 0 && seat?.blade?.stage === 'os')
      mishaps.push([
        { it: 'os-off', bay },
        { ...budget, osOff: budget.osOff - 1 },
      ])
    if (budget.pull > 0 && seat?.blade)
      mishaps.push([
        { it: 'pull', bay },
        { ...budget, pull: budget.pull - 1 },
      ])
    if (seat && !seat.blade && run.rack.shelf.length > 0) mishaps.push([{ it: 'insert', bay }, budget])
  }
  if (budget.ac > 0) mishaps.push([{ it: 'ac-loss' }, { ...budget, ac: budget.ac - 1 }])
  const commands = budget.commands.map(
    (command) => [command, { ...budget, commands: budget.commands.filter((each) => each !== command) }] as const,
  )
  for (const [mishap, left] of mishaps) all.push([{ is: 'mishap', mishap }, left])
  for (const [command, left] of commands) all.push([{ is: 'command', command, durable: true }, left])
  if (budget.restart > 0) all.push([{ is: 'restart' }, { ...budget, restart: budget.restart - 1 }])
  for (const bay of budget.bays) {
    all.push([{ is: 'tend', bay, fate: 'obeyed' }, budget])
    if (budget.late > 0)
      all.push([
        { is: 'tend', bay, fate: 'late' },
        { ...budget, late: budget.late - 1 },
      ])
    if (budget.lost > 0)
      all.push([
        { is: 'tend', bay, fate: 'lost' },
        { ...budget, lost: budget.lost - 1 },
      ])
    for (const [mishap, left] of mishaps) {
      const about = 'bay' in mishap ? mishap.bay : bay
      if (about !== bay) continue
      if (mishap.it !== 'post-end') all.push([{ is: 'tend', bay, fate: 'obeyed', amid: mishap }, left])
      all.push([{ is: 'tend', bay, fate: 'obeyed', after: mishap }, left])
    }
    for (const [command, left] of commands) all.push([{ is: 'tend', bay, fate: 'obeyed', after: command }, left])
  }
  return all
}

function storyOf(node: Node): readonly string[] {
  const lines: string[] = []
  for (let at: Node | undefined = node; at; at = at.from) if (at.told !== undefined) lines.unshift(at.told)
  return lines
}

function say(event: Event): string {
  switch (event.is) {
    case 'tend': {
      const amid = event.amid ? `; between the halves of the look: ${word(event.amid)}` : ''
      const after = event.after
        ? `; before it acts: ${'it' in event.after ? word(event.after) : order(event.after)}`
        : ''
      return `the agent tends bay ${event.bay}${event.fate === 'obeyed' ? '' : ` (its command is ${event.fate})`}${amid}${after}`
    }
    case 'mishap':
      return word(event.mishap)
    case 'command':
      return order(event.command)
    case 'sync':
      return 'the journal is synced'
    case 'restart':
      return 'the agent restarts'
    case 'wait':
      return `${event.seconds} s pass`
  }
}
const word = (mishap: Mishap) =>
  mishap.it === 'ac-loss' ? 'AC is lost and returns' : `${mishap.it} in bay ${mishap.bay}`
const order = (command: Command) => `command ${JSON.stringify(command)}`
