/**
 * A chassis small enough to be searched to the end: two bays, blades of one adapter with one function, two profiles of
 * one address each. Everything that judges it is the real thing.
 */
import { expect } from 'vitest'
import { type ChassisId, type ClientId, parseId, parseMac } from '../../agent/core/addresses.ts'
import type { Blade, Observed } from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import type { Command } from '../../agent/core/command.ts'
import { decide } from '../../agent/core/decide.ts'
import { evolve } from '../../agent/core/record.ts'
import { blank, type State } from '../../agent/core/state.ts'
import { adapter, blade, hardware, id } from '../core/lab.ts'
import type { Rack, Seat } from './rack.ts'
import { begin, type Run } from './run.ts'

export interface Kind {
  readonly latch: boolean
  /** Where an assigned address lives: in the adapter, taken at POST and lost with AC; or in a director, at once and for good. */
  readonly address: 'adapter' | 'director'
}

export function tinyHardware({ latch, address }: Kind): Hardware {
  const { board, adapters } = hardware('hp-c7000')
  const [first] = board.interconnects
  const plain = board.forms[0]
  const model = adapters['gbe-4port']
  if (!first || !plain || !model) return expect.unreachable('the board has changed')
  const kept = address === 'director'
  const erases = { acLoss: !kept, coldBoot: false, warmBoot: false }
  return {
    board: {
      ...board,
      bays: board.bays.slice(0, 2),
      interconnects: [first],
      forms: [
        {
          ...plain,
          id: 'plain',
          fills: [[1], [2]],
          slots: [
            {
              id: 'lom',
              name: 'LOM',
              kind: 'lom',
              wiring: [{ port: 1, interconnect: first.id, downlink: { offset: 0 } }],
            },
          ],
        },
      ],
      blades: [{ product: 'Tiny', form: 'plain', adapters: { lom: 'tiny' } }],
      backplane: { ...board.backplane, permitLatch: latch, powerCut: latch, acLossReported: latch },
      simulated: { '1': 'Tiny', '2': 'Tiny' },
    },
    adapters: {
      tiny: {
        ...model,
        id: 'tiny',
        ports: 1,
        takesEffect: kept ? 'live' : 'reset',
        functions: [{ id: 'a', roles: ['nic'] }],
        partitioning: { rule: 'whole' },
        erases: { address: erases, storage: erases },
      },
    },
  }
}

function tinyBlade(hardware: Hardware, seed: number): Blade {
  const model = hardware.adapters.tiny ?? expect.unreachable()
  return { ...blade(hardware, 'Tiny', seed), adapters: [adapter('lom', model, seed)] }
}

export const [p, q] = [id<'Profile'>('p'), id<'Profile'>('q')]

function profile(name: typeof p, mac: string): Command {
  const value = parseMac(mac) ?? expect.unreachable()
  const connection = { kind: 'nic', id: id<'Connection'>('c'), mac: { from: 'value', value } } as const
  return {
    kind: 'define-profile',
    profile: { id: name, connections: [connection], boot: { mode: 'uefi', order: [] }, affinity: 'bay' },
  }
}

/** Two profiles defined, p assigned to bay 1; one blade in each bay, one on the shelf; nothing looked at yet. */
export function tinyRun(hardware: Hardware, more: readonly Command[] = []): Run {
  const { permitLatch } = hardware.board.backplane
  const seat = (bay: number): Seat => ({
    blade: tinyBlade(hardware, bay),
    latch: permitLatch ? { state: 'denied', n: 0 } : 'none',
    locate: false,
    late: [],
    bmc: 'answers',
  })
  const rack: Rack = { seats: { 1: seat(1), 2: seat(2) }, shelf: [tinyBlade(hardware, 3)] }
  const observed: Observed = { bays: {}, interconnects: 'unknown' }
  let state: State = blank('tiny' as ChassisId, hardware.board.id, '0'.repeat(32))
  const assigned: Command = { kind: 'assign', profile: p, to: { bay: 1 }, when: 'now', preprovision: true }
  const script = [profile(p, '02:00:00:00:00:0a'), profile(q, '02:00:00:00:00:0b'), assigned, ...more]
  for (const [i, command] of script.entries()) {
    const request = `set-up-${i}`
    const who = { door: 'mqtt', client: parseId<'Client'>('setup') as ClientId } as const
    const world = { state, observed, hardware, moment: { bootId: 'boot', uptimeMs: 0 } }
    const decision = decide(world, command, { who, request, content: request, dryRun: false })
    if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
    state = evolve(state, decision.record)
  }
  return begin(state, rack, observed)
}
