/**
 * Everything that can happen next to a chassis with two bays, as often as its budget says: for a search to the end, so
 * that what holds there holds in every order, and the first counter-example is a shortest one.
 */
import { essentials } from '../../agent/controller/store/essentials.ts'
import type { Bay } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import { type Explored, explore, type Machine } from './explore.ts'
import type { Mishap } from './rack.ts'
import { type Event, type Lab, type Run, step } from './run.ts'

/** How often each thing may still happen. */
export interface Budget {
  readonly button: number
  readonly osOff: number
  readonly late: number
  readonly lost: number
  readonly restart: number
  /** AC of the blades alone; the agent goes on. */
  readonly ac: number
  /** AC of everything: the agent starts anew. */
  readonly dark: number
  /** The controller is changed for a blank one. */
  readonly replace: number
  readonly pull: number
  /** Commands not given yet; each is given at most once, in any order. */
  readonly commands: readonly Command[]
  /** Bays that may be tended. */
  readonly bays: readonly Bay[]
}

interface Node {
  readonly run: Run
  readonly budget: Budget
}

/** To the end, or until there are more than `most` states. */
export function search(run: Run, budget: Budget, lab: Lab, most: number): Explored {
  const machine: Machine<Node> = {
    first: { run: { ...run, acknowledged: [] }, budget },
    next: (node) =>
      choices(node).map(([event, left]) => [
        say(event),
        () => ({ run: { ...step(node.run, event, lab), acknowledged: [], unsynced: [] }, budget: left }),
      ]),
    // `step` looks for itself.
    check: () => {},
    key: ({ run, budget }) => keyOf(run, budget),
  }
  return explore(machine, most)
}

/** What two moments must have in common to have the same future. */
function keyOf(
  { rack, durable, copied, uncopied, gone, observed, touches, told, shots, wantedOn }: Run,
  { bays: _, commands, ...budget }: Budget,
): string {
  const { answers: __, revision: ___, profiles: ____, ...state } = durable
  // What the EEPROM holds matters only to a controller that is new.
  const eeprom = budget.replace > 0 ? [...essentials(copied), '', ...essentials(uncopied ?? copied)] : []
  return JSON.stringify([
    eeprom,
    gone,
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
  if (budget.dark > 0) all.push([{ is: 'dark' }, { ...budget, dark: budget.dark - 1 }])
  if (budget.replace > 0) all.push([{ is: 'replace' }, { ...budget, replace: budget.replace - 1 }])
  if (run.uncopied) all.push([{ is: 'copied' }, budget])
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
    case 'dark':
      return 'AC is lost and returns, and the agent starts anew'
    case 'replace':
      return 'a blank controller takes the place of this one'
    case 'copied':
      return 'the chassis EEPROM has it too'
    case 'wait':
      return `${event.seconds} s pass`
  }
}
const word = (mishap: Mishap) =>
  mishap.it === 'ac-loss' ? 'AC is lost and returns' : `${mishap.it} in bay ${mishap.bay}`
const order = (command: Command) => `command ${JSON.stringify(command)}`
