/**
 * Where the searches of one chassis begin, and what they print: two bays at rest, what may happen from there, and which
 * rules are taken away.
 */
import { expect } from 'vitest'
import type { Command } from '../../agent/core/command.ts'
import { type Explored, print } from './explore.ts'
import { built, type Lab, planOf, type Rules, type Run, step } from './run.ts'
import { type Budget, search } from './search.ts'
import { type Kind, p, q, tinyHardware, tinyRun } from './tiny.ts'

export const on = (bay: number): Command => ({ kind: 'power', bay, want: 'on', stop: 'graceful' })
const to = (bay: number) => ({ to: { bay }, when: 'next-off', preprovision: true }) as const
export const moveP: Command = { kind: 'move', profile: p, ...to(2), stop: 'no', force: false, power: 'on' }
export const backP: Command = { kind: 'move', profile: p, ...to(1), stop: 'no', force: false, power: 'on' }
export const stopP: Command = { kind: 'move', profile: p, ...to(2), stop: 'forced', force: false, power: 'on' }
export const assignQ: Command = { kind: 'assign', profile: q, ...to(1), power: 'on' }
export const besideQ: Command = { kind: 'assign', profile: q, ...to(2), power: 'on' }
export const leaveP: Command = { kind: 'unassign', profile: p, when: 'next-off', stop: 'no', force: false }
export const takeP: Command = { kind: 'assign', profile: p, ...to(2), power: 'on' }

export const latched: Kind = { latch: true, address: 'adapter' }
export const bare: Kind = { latch: false, address: 'adapter' }
export const director: Kind = { latch: false, address: 'director' }

const nothing: Budget = {
  button: 0,
  osOff: 0,
  late: 0,
  lost: 0,
  restart: 0,
  ac: 0,
  dark: 0,
  replace: 0,
  pull: 0,
  commands: [],
  bays: [1, 2],
}

export interface World {
  readonly kind: Kind
  readonly budget: Partial<Budget>
  /** What was commanded before; default: p in bay 1 is to run. */
  readonly first?: readonly Command[]
}

/** More states than that: it is not explored to its end, and the line says so. */
const most = 2_000_000

/** Lets both bays come to rest: what they do before that is of no interest here. */
function settled(run: Run, lab: Lab): Run {
  let now = run
  for (let round = 0; round < 40; round++) {
    for (const bay of [1, 2]) {
      now = step(now, { is: 'tend', bay, fate: 'obeyed' }, lab)
      now = step(now, { is: 'mishap', mishap: { it: 'post-end', bay } }, lab)
    }
    if ([1, 2].every((bay) => !planOf(now, bay, lab).note && planOf(now, bay, lab).steps.length === 0)) return now
  }
  return expect.unreachable('it never comes to rest')
}

export function explored(
  name: string,
  { kind, budget, first = [on(1)] }: World,
  change: Partial<Rules> = {},
): Explored {
  const hardware = tinyHardware(kind)
  const begun = settled(tinyRun(hardware, first), { hardware, rules: built })
  const found = search(begun, { ...nothing, ...budget }, { hardware, rules: { ...built, ...change } }, most)
  const { commands = [], ...often } = budget
  const bounds = Object.entries(often).map(([what, times]) => `${what} ${times}`)
  const said = commands.map((command) => ('bay' in command ? `${command.kind} bay ${command.bay}` : command.kind))
  print(name, found, `2 bays, 2 profiles, ${[...said, ...bounds].join(', ')}`)
  return found
}

/** To its end, and no fewer states than `floor`: four fifths of what there were. */
export function holdsIn(name: string, world: World, floor: number): void {
  const found = explored(`bays, ${name}`, world)
  expect(found.broken).toBeUndefined()
  expect(found.whole).toBe(true)
  expect(found.states).toBeGreaterThan(floor)
}
