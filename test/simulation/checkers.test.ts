/** Each checker is shown a world in which its rule is broken, which it must flag, and one beside it that is in order. */
import { describe, expect, test } from 'vitest'
import type { Command } from '../../agent/core/command.ts'
import type { Change, Observation, StoreRecord } from '../../agent/core/record.ts'
import type { Accepted, Held, State } from '../../agent/core/state.ts'
import { blank } from '../../agent/core/state.ts'
import type { BootRecord, LogEntry } from '../../agent/sim/log.ts'
import type { OutgoingRequest } from '../../agent/wire/request.ts'
import { id, lanProfile } from '../core/lab.ts'
import { nothingAcknowledgedLost } from './acknowledged.ts'
import { noAddressTwice, noOldEpoch, noWrongBoot, oneEffect, oneWriter, runningUntouched } from './checkers.ts'
import { type Checker, type Happening, History, rules } from './history.ts'

type Unplaced<Each> = Each extends unknown ? Omit<Each, 'at'> : never

/** Nothing is flagged before the last of these, and that is. */
function flags(checker: Checker, happenings: readonly Happening[]): string | undefined {
  const history = new History(() => 0, [checker])
  for (const [at, happening] of happenings.entries()) {
    expect(history.violation, `before ${at}`).toBeUndefined()
    history.tell(happening)
  }
  return history.violation?.rule
}

const hardware = (entry: Unplaced<LogEntry>, by?: string): Happening => ({
  is: 'hardware',
  entry: { at: 0, ...entry } as LogEntry,
  ...(by !== undefined && { by }),
})
const worn = (kind: 'live' | 'dark', serial: string, fn: string, address: string): Happening =>
  hardware({ kind, bay: 1, serial, fn, which: 'mac', address } as Unplaced<LogEntry>)
const system = (serial: string, bay = 1): Happening =>
  hardware({
    kind: 'live',
    bay,
    serial,
    fn: 'system',
    which: 'uuid',
    address: `uuid of ${serial}`,
  } as Unplaced<LogEntry>)
const command = (request: string, by: string | undefined, detail?: string, serial = 'S1'): Happening =>
  hardware(
    {
      kind: 'command',
      bay: 1,
      serial,
      session: 's',
      request,
      outcome: 'done',
      ...(detail && { detail }),
    } as Unplaced<LogEntry>,
    by,
  )

const web = id<'Profile'>('web-01')
const held: Held = { profile: lanProfile('web-01'), given: { prod: { mac: 'aa' as never } }, token: 1, revision: 1 }
const intent = (bay: number): Change => ({
  set: 'intent',
  bay,
  intent: { profile: web, token: 1, affinity: 'bay', revision: 1 },
})

interface Said {
  readonly client?: string
  readonly request?: string
  readonly revision?: number
  readonly sequence?: number
}

function record(what: Command['kind'], changes: readonly Change[], said: Said = {}): StoreRecord {
  const { client = 'central', request = 'request-1', revision = 1, sequence } = said
  const accepted: Accepted = { changed: true, diff: [], revision, epoch: 0, profile: web }
  const origin = {
    door: 'mqtt',
    client: id<'Client'>(client),
    request,
    content: '',
    ...(sequence !== undefined && { sequence }),
  } as const
  return { kind: 'command', command: what, origin, changes, accepted }
}

const written = (number: number, flash: string, what: StoreRecord): Happening => ({
  is: 'written',
  number,
  by: 'A#1',
  flash,
  record: what,
})
const saw = (number: number, observation: Observation): Happening =>
  written(number, 'flash-1', { kind: 'observation', observation })
const stored = (number: number, ...where: readonly string[]): Happening => ({ is: 'stored', number, where })

function asked(
  number: number,
  body: OutgoingRequest['body'],
  more: Partial<OutgoingRequest> & { readonly client?: string } = {},
): Happening {
  const { client = 'central', ...sent } = more
  return {
    is: 'asked',
    number,
    by: 'A#1',
    request: { client, sent: { request: `request-${number}`, chassis: 'rig', dryRun: false, body, ...sent } },
    uptimeMs: 1_000,
    bootId: 'boot-1',
  }
}

function answered(number: number, where: readonly string[], more: Partial<Accepted> = {}): Happening {
  const accepted: Accepted = { changed: true, diff: [], revision: 1, epoch: 0, ...more }
  const { revision, epoch } = accepted
  return {
    is: 'answered',
    number,
    by: 'A#1',
    where,
    reply: {
      ...{ request: `request-${number}`, epoch, revision, incarnation: 'life', term: 1, replayed: false },
      outcome: { kind: 'accepted', accepted, copies: ['flash'], singleCopy: false },
    },
  }
}

const there = (copy: string, is = true): Happening => ({ is: 'copy', id: copy, there: is })
const leads = (flash: string, term: number): Happening => ({ is: 'leads', by: 'B#2', slot: 'B', flash, term })
const state = (bays: State['bays'] = {}): State => ({ ...blank(id<'Chassis'>('rig'), 'tiny', 'life'), bays })
const inBay = (bay: number): State =>
  state({
    [bay]: {
      n: 0,
      resets: { wanted: 0, sent: 0 },
      reseats: { wanted: 0, sent: 0 },
      locate: false,
      intent: { profile: web, token: 1, affinity: 'bay', revision: 1 },
    },
  })
const inForce = (flash: string, now: State, holds?: string): Happening => ({
  is: 'in-force',
  by: 'A#1',
  flash,
  state: now,
  holds,
})
const locate = { kind: 'locate', bay: 1, lit: true } as const

describe('No address twice', () => {
  test('flags one address that is live on two blades', () => {
    expect(flags(noAddressTwice(), [worn('live', 'S1', 'lom:1-a', 'aa'), worn('live', 'S2', 'lom:1-a', 'aa')])).toBe(
      rules.twice,
    )
  })
  test('flags one address on two functions of a blade', () => {
    expect(flags(noAddressTwice(), [worn('live', 'S1', 'lom:1-a', 'aa'), worn('live', 'S1', 'lom:2-a', 'aa')])).toBe(
      rules.twice,
    )
  })
  test('accepts it on another blade once the first is dark', () => {
    const moved = [
      worn('live', 'S1', 'lom:1-a', 'aa'),
      worn('dark', 'S1', 'lom:1-a', 'aa'),
      worn('live', 'S2', 'lom:1-a', 'aa'),
    ]
    expect(flags(noAddressTwice(), moved)).toBeUndefined()
  })
})

describe('Nothing acknowledged is lost', () => {
  const assigned = [
    there('flash-1'),
    there('eeprom-1'),
    asked(1, { kind: 'assign', profile: web, to: { bay: 3 }, when: 'now', preprovision: false }),
    written(1, 'flash-1', record('assign', [intent(3)])),
    stored(1, 'flash-1', 'eeprom-1'),
    answered(1, ['flash-1', 'eeprom-1']),
  ]
  test('flags an assignment that is not there any more', () => {
    expect(
      flags(nothingAcknowledgedLost(), [...assigned, inForce('flash-1', inBay(3)), inForce('flash-1', state())]),
    ).toBe(rules.lost)
  })
  test('flags a controller that goes on without it while the other copy is in the chassis', () => {
    expect(flags(nothingAcknowledgedLost(), [...assigned, there('flash-1', false), inForce('flash-2', inBay(4))])).toBe(
      rules.lost,
    )
  })
  test('accepts that a controller holds and says so', () => {
    expect(
      flags(nothingAcknowledgedLost(), [...assigned, inForce('flash-2', state(), 'it can not tell')]),
    ).toBeUndefined()
  })
  test('accepts what came after it', () => {
    const move = written(2, 'flash-1', record('move', [intent(4)], { request: 'request-2' }))
    expect(flags(nothingAcknowledgedLost(), [...assigned, move, inForce('flash-1', inBay(4))])).toBeUndefined()
  })
  test('accepts that what had one copy is lost with its controller, and flags it when it is not', () => {
    const single = [...assigned.slice(0, 4), stored(1, 'flash-1'), answered(1, ['flash-1'])]
    expect(
      flags(nothingAcknowledgedLost(), [...single, there('flash-1', false), inForce('flash-2', state())]),
    ).toBeUndefined()
    expect(flags(nothingAcknowledgedLost(), [...single, inForce('flash-1', state())])).toBe(rules.lost)
  })
  test('flags an epoch that fell', () => {
    const taken = [
      there('flash-1'),
      there('eeprom-1'),
      asked(1, { kind: 'take-over', incarnation: 'life', observedEpoch: 0, lineage: 'pan', number: 1 }),
      answered(1, ['flash-1', 'eeprom-1'], { epoch: 1 }),
    ]
    expect(flags(nothingAcknowledgedLost(), [...taken, inForce('flash-1', state())])).toBe(rules.lost)
    expect(flags(nothingAcknowledgedLost(), [...taken, inForce('flash-1', { ...state(), epoch: 1 })])).toBeUndefined()
  })
})

describe('No boot with a wrong identity', () => {
  const chassis = { latch: true, attaches: false }
  const defined = written(1, 'flash-1', record('define-profile', [{ set: 'profile', held }]))
  const armed = saw(2, { saw: 'armed', bay: 1, n: 7, serial: 'S1' as never, profile: web })
  const bare = saw(2, { saw: 'armed', bay: 1, n: 7, serial: 'S1' as never })
  function boot(mac: string, n: number | undefined = 7): Happening {
    const functions = [{ key: 'lom:1-a', role: 'nic', mac }] as unknown as BootRecord['functions']
    const shown = { uuid: 'u', serial: 'S1' } as unknown as BootRecord['shown']
    const of = {
      at: 0,
      bay: 1,
      serial: 'S1' as never,
      why: 'bmc-power-on',
      shown,
      functions,
      booted: { from: 'local' },
      tried: [],
    } as const
    return hardware({ kind: 'boot', bay: 1, record: { ...of, ...(n !== undefined && { n }) } })
  }
  test('flags a blade that boots without what it was armed for, or as somebody else', () => {
    expect(flags(noWrongBoot(chassis), [defined, armed, boot('factory')])).toBe(rules.boot)
    expect(flags(noWrongBoot(chassis), [defined, bare, boot('aa')])).toBe(rules.boot)
  })
  test('flags a boot that no record stands for', () => {
    expect(flags(noWrongBoot(chassis), [defined, boot('factory', 8)])).toBe(rules.boot)
    expect(flags(noWrongBoot(chassis), [defined, hardware({ ...bootWithout(), kind: 'boot', bay: 1 })])).toBe(
      rules.boot,
    )
  })
  test('accepts a blade that boots as what it was armed for', () => {
    expect(flags(noWrongBoot(chassis), [defined, armed, boot('aa')])).toBeUndefined()
    expect(flags(noWrongBoot(chassis), [defined, bare, boot('factory')])).toBeUndefined()
  })
  function bootWithout() {
    const shown = { uuid: 'u', serial: 'S1' } as unknown as BootRecord['shown']
    return {
      record: {
        at: 0,
        bay: 1,
        serial: 'S1' as never,
        why: 'wake',
        shown,
        functions: [],
        booted: { from: 'local' },
        tried: [],
      } as BootRecord,
    }
  }
})

describe('No effect of an old epoch', () => {
  const taken = (number: number, epoch: number, client: string, database = number): readonly Happening[] => [
    asked(
      number,
      { kind: 'take-over', incarnation: 'life', observedEpoch: epoch - 1, lineage: 'pan', number: database },
      { client },
    ),
    answered(number, ['flash-1', 'eeprom-1'], { epoch }),
  ]
  const both = [...taken(1, 1, 'central'), ...taken(2, 2, 'other')]
  test('flags a change of who was in office before', () => {
    expect(flags(noOldEpoch(), [...both, asked(3, locate, { epoch: 1 }), answered(3, ['flash-1'])])).toBe(rules.epoch)
    expect(flags(noOldEpoch(), [...both, asked(3, locate, { epoch: 2 }), answered(3, ['flash-1'])])).toBe(rules.epoch)
    expect(flags(noOldEpoch(), [...both, asked(3, locate), answered(3, ['flash-1'])])).toBe(rules.epoch)
  })
  test('flags a database that fell behind', () => {
    expect(flags(noOldEpoch(), [...both, ...taken(3, 3, 'central', 1)])).toBe(rules.epoch)
  })
  test('flags what was decided on another revision, too late, or for another start', () => {
    const expectOf = (bootId: string, beforeUptimeMs: number) => ({
      epoch: 2,
      client: 'other',
      expect: { incarnation: 'life', bootId, beforeUptimeMs },
    })
    const change = (more: Parameters<typeof asked>[2]) =>
      flags(noOldEpoch(), [...both, asked(3, locate, more), answered(3, ['flash-1'], { revision: 5 })])
    expect(change({ epoch: 2, client: 'other', ifRevision: 3 })).toBe(rules.epoch)
    expect(change(expectOf('boot-0', 9_000))).toBe(rules.epoch)
    expect(change(expectOf('boot-1', 1_000))).toBe(rules.epoch)
    expect(change({ ...expectOf('boot-1', 9_000), ifRevision: 4 })).toBeUndefined()
  })
})

describe('One effect per request', () => {
  const cycle = (number: number, flash: string, said: Said = {}) =>
    written(number, flash, record('power', [{ set: 'one-shot', bay: 1, which: 'resets' }], said))
  test('flags a request that is carried out again', () => {
    expect(flags(oneEffect(), [cycle(1, 'flash-1'), stored(1, 'flash-1'), cycle(2, 'flash-1')])).toBe(rules.once)
    expect(flags(oneEffect(), [cycle(1, 'flash-1'), stored(1, 'flash-1', 'flash-2'), cycle(2, 'flash-2')])).toBe(
      rules.once,
    )
    const numbered = { sequence: 4 }
    expect(
      flags(oneEffect(), [
        cycle(1, 'flash-1', numbered),
        stored(1, 'flash-1', 'eeprom-1'),
        cycle(2, 'flash-2', numbered),
      ]),
    ).toBe(rules.once)
  })
  test('accepts it again where it was lost with the flash that alone had it', () => {
    expect(flags(oneEffect(), [cycle(1, 'flash-1'), stored(1, 'flash-1'), cycle(2, 'flash-2')])).toBeUndefined()
  })
  test('flags a reset more than was asked for', () => {
    const reset = command('power', 'A#1', 'reset')
    expect(flags(oneEffect(), [cycle(1, 'flash-1'), reset])).toBeUndefined()
    expect(flags(oneEffect(), [cycle(1, 'flash-1'), reset, reset])).toBe(rules.once)
  })
})

describe('Running blades are untouched', () => {
  const chassis = { latch: true, attaches: false }
  const off = hardware({ kind: 'power', bay: 1, serial: 'S1' as never, on: false, why: 'bmc-power-off' })
  const stop = written(1, 'flash-1', record('power', [{ set: 'stopping', bay: 1, how: 'forced' }]))
  test('flags a power-off that nobody asked for, as the hardware tells it', () => {
    expect(flags(runningUntouched(chassis), [system('S1'), off, command('power', 'A#1', 'off')])).toBe(rules.untouched)
    expect(flags(runningUntouched(chassis), [system('S1'), command('power', 'A#1', 'shutdown')])).toBe(rules.untouched)
    expect(flags(runningUntouched(chassis), [system('S1'), command('power', 'A#1', 'reset')])).toBe(rules.untouched)
    expect(flags(runningUntouched(chassis), [system('S1'), hardware({ kind: 'cut', bay: 1, on: true })])).toBe(
      rules.untouched,
    )
  })
  test('flags addresses that are written to it', () => {
    expect(flags(runningUntouched(chassis), [system('S1'), command('write', 'A#1')])).toBe(rules.untouched)
    expect(flags(runningUntouched(chassis), [system('S1'), command('clear', 'A#1')])).toBe(rules.untouched)
  })
  test('accepts what a command asked for, once', () => {
    expect(flags(runningUntouched(chassis), [system('S1'), stop, off, command('power', 'A#1', 'off')])).toBeUndefined()
    const again = [
      system('S1'),
      stop,
      off,
      command('power', 'A#1', 'off'),
      system('S1'),
      off,
      command('power', 'A#1', 'off'),
    ]
    expect(flags(runningUntouched(chassis), again)).toBe(rules.untouched)
  })
  test('accepts what hands and its own system do, and the same work on a blade that is off', () => {
    const button = hardware({ kind: 'power', bay: 1, serial: 'S1' as never, on: false, why: 'power-button' })
    expect(
      flags(runningUntouched(chassis), [system('S1'), button, command('write', 'A#1'), command('power', 'A#1', 'on')]),
    ).toBeUndefined()
  })
})

describe('One writer per term', () => {
  const owner = (who: 'A' | 'B'): Happening => hardware({ kind: 'owner', owner: who, from: 'none', why: 'take' })
  test('flags two controllers that lead in one term', () => {
    expect(flags(oneWriter(), [leads('flash-1', 2), leads('flash-1', 2), leads('flash-2', 2)])).toBe(rules.writer)
    expect(flags(oneWriter(), [leads('flash-1', 2), leads('flash-2', 3)])).toBeUndefined()
  })
  test('flags a controller that touches a blade, or a latch, when the line is not its own', () => {
    const touched = command('policy', 'A#1')
    const permit = hardware({ kind: 'latch', bay: 1, latch: { state: 'granted', n: 1 } }, 'A#1')
    expect(flags(oneWriter(), [owner('B'), touched])).toBe(rules.writer)
    expect(flags(oneWriter(), [owner('B'), permit])).toBe(rules.writer)
    expect(flags(oneWriter(), [owner('A'), touched, permit])).toBeUndefined()
  })
  test('flags one revision of one term that is two changes', () => {
    const twice = [
      asked(1, locate),
      answered(1, ['flash-1'], { revision: 4 }),
      asked(2, locate),
      answered(2, ['flash-1'], { revision: 4 }),
    ]
    expect(flags(oneWriter(), twice)).toBe(rules.writer)
  })
})
