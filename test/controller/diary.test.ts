/** The diary: what happened, numbered, in words, through restarts and gaps. */
import { describe, expect, test } from 'vitest'
import type { Notice } from '../../agent/controller/agent.ts'
import type { Clock } from '../../agent/controller/clock.ts'
import { type Diary, openDiary } from '../../agent/controller/diary.ts'
import { openEventRing } from '../../agent/controller/store/event-ring.ts'
import type { Serial } from '../../agent/core/addresses.ts'
import { type Reason, reasons } from '../../agent/core/reasons.ts'
import type { Observation, StoreRecord } from '../../agent/core/record.ts'
import { eventsListed } from '../../agent/core/reply.ts'
import { blank, type State } from '../../agent/core/state.ts'
import type { Event } from '../../agent/core/views.ts'
import { decodeEvent, encodeEvent } from '../../agent/wire/event.ts'
import { id } from '../core/lab.ts'
import { type MemoryMedium, memoryMedium, seeded } from './store/memory-medium.ts'

const state: State = { ...blank(id<'Chassis'>('rack-1'), 'hp-c7000', 'ab'.repeat(16)), revision: 7, term: 2 }
const web = id<'Profile'>('web-01')
const serial = 'USE1234X2M' as Serial
const clock: Clock = { uptimeMs: () => 4_200, timeMs: () => 1_800_000_000_000, after: () => () => {} }

interface Opened {
  readonly diary: Diary
  readonly heard: Event[]
  readonly lines: string[]
  close(): Promise<void>
}

async function open(
  medium: MemoryMedium,
  more: { clock?: Clock; fileBytes?: number; block?: number } = {},
): Promise<Opened> {
  const { clock: with_ = clock, ...options } = more
  const ring = await openEventRing({ medium, ...options })
  const lines: string[] = []
  const diary = openDiary(ring, with_, 'boot-1', (line) => lines.push(line))
  const heard: Event[] = []
  diary.onEvent((event) => heard.push(event))
  return { diary, heard, lines, close: () => ring.close() }
}

const note = (diary: Diary, message: string) => diary.write({ severity: 'info', type: 'noted', message }, state)
const messages = (events: readonly Event[]) =>
  events.map((event) => (event.kind === 'gap' ? `${event.from}-${event.to}` : event.message))

describe('Events', () => {
  test('are numbered by one, in the order in which they were written, and listed as they were told', async () => {
    const { diary, heard } = await open(memoryMedium())
    for (let i = 1; i <= 50; i++) note(diary, `event ${i}`)
    await diary.settle()
    expect(heard.map((event) => event.kind === 'event' && event.number)).toEqual(
      Array.from({ length: 50 }, (_, i) => i + 1),
    )
    expect(diary.list(0, 1000)).toEqual(heard)
    expect(heard[0]).toEqual({
      ...{ kind: 'event', number: 1, severity: 'info', type: 'noted', message: 'event 1' },
      ...{ uptimeMs: 4_200, timeMs: 1_800_000_000_000, bootId: 'boot-1' },
      ...{ revision: 7, incarnation: 'ab'.repeat(16), term: 2 },
    })
  })

  test('name no time of day while nobody knows it', async () => {
    const { diary, heard } = await open(memoryMedium(), { clock: { ...clock, timeMs: () => undefined } })
    note(diary, 'early')
    await diary.settle()
    expect(heard[0]).not.toHaveProperty('timeMs')
  })

  test('are listed from where a reader left off, and no more than was asked for or one answer holds', async () => {
    const { diary } = await open(memoryMedium(), { fileBytes: 2 ** 20 })
    for (let i = 1; i <= eventsListed + 20; i++) note(diary, `event ${i}`)
    await diary.settle()
    expect(messages(diary.list(3, 2))).toEqual(['event 4', 'event 5'])
    expect(diary.list(0, 10 ** 9)).toHaveLength(eventsListed)
    expect(messages(diary.list(eventsListed + 19, 10))).toEqual([`event ${eventsListed + 20}`])
    expect(diary.list(eventsListed + 20, 10)).toEqual([])
  })

  test('survive a restart, go on in number, and say where some are missing', async () => {
    const medium = memoryMedium()
    const first = await open(medium, { block: 100 })
    note(first.diary, 'kept')
    await first.diary.settle()
    note(first.diary, 'lost with the power')
    const second = await open(medium.afterPowerCut('lost', seeded(1)), { block: 100 })
    note(second.diary, 'after')
    await second.diary.settle()
    expect(messages(second.diary.list(0, 10))).toEqual(['kept', '2-101', 'after'])
    const orderly = memoryMedium()
    const third = await open(orderly)
    note(third.diary, 'one')
    await third.close()
    const fourth = await open(memoryMedium(orderly.files()))
    note(fourth.diary, 'two')
    await fourth.diary.settle()
    expect(messages(fourth.diary.list(0, 10))).toEqual(['one', 'two'])
  })

  test('that overflowed the ring are a gap, and those behind it are whole', async () => {
    const { diary } = await open(memoryMedium(), { fileBytes: 4096 })
    for (let i = 1; i <= 200; i++) note(diary, `event ${i}`)
    await diary.settle()
    const [gap, ...rest] = diary.list(0, 1000)
    expect(gap).toEqual({ kind: 'gap', from: 1, to: 200 - rest.length })
    expect(messages(rest).at(-1)).toBe('event 200')
    expect(diary.list(0, 3)[0]).toEqual(gap)
  })

  test('that flash does not take are said in the log and stop nobody', async () => {
    const medium = memoryMedium()
    const { diary, heard, lines } = await open(medium)
    medium.fail = ({ operation }) => (operation === 'append' ? { code: 'ENOSPC' } : undefined)
    note(diary, 'too much')
    await diary.settle()
    expect(lines).toEqual([expect.stringContaining('ENOSPC')])
    medium.fail = () => undefined
    note(diary, 'again')
    await diary.settle()
    expect(messages(heard)).toEqual(['again'])
  })

  test('are no longer than a sentence, whatever was sent', async () => {
    const { diary, heard, lines } = await open(memoryMedium())
    note(diary, `long ${'x'.repeat(90_000)}`)
    await diary.settle()
    expect(lines).toEqual([])
    expect(messages(heard)[0]).toMatch(/^long x{900,}…$/)
  })

  test('are not told to who stopped listening', async () => {
    const { diary } = await open(memoryMedium())
    const told: Event[] = []
    const stop = diary.onEvent((event) => told.push(event))
    note(diary, 'one')
    await diary.settle()
    stop()
    note(diary, 'two')
    await diary.settle()
    expect(messages(told)).toEqual(['one'])
  })
})

// ── Words ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** One of each; a new kind fails to compile here. */
const observations: { readonly [saw in Observation['saw']]: Extract<Observation, { saw: saw }> } = {
  'in-doubt': {
    saw: 'in-doubt',
    bay: 3,
    product: 'ProLiant BL460c G7',
    doubt: { profile: web, token: 1, bay: 3, serial, placed: {}, keeps: false, kept: false, vouched: false },
  },
  'let-go': { saw: 'let-go', bay: 3, serial, profiles: [web], kept: [], how: 'bare-then-off' },
  left: { saw: 'left', bay: 3, serial },
  armed: { saw: 'armed', bay: 3, n: 4, profile: web, serial },
  verified: { saw: 'verified', bay: 3, n: 4, profile: web, serial },
  wrong: { saw: 'wrong', bay: 3, n: 4 },
  off: { saw: 'off', bay: 3, power: 'off' },
  'post-failed': { saw: 'post-failed', bay: 3, n: 4, serial, say: 'bay 3: POST did not apply its settings' },
  sent: { saw: 'sent', bay: 3, which: 'resets', count: 1 },
  'override-set': { saw: 'override-set', bay: 3, target: 'pxe', boots: 2 },
  'override-used': { saw: 'override-used', bay: 3 },
  external: { saw: 'external', pool: id<'Pool'>('lan'), addresses: ['00:17:a4:77:00:02'] },
}

const step = { kind: 'power', bay: 3, action: 'on' } as const
const envelope = {
  who: { door: 'mqtt', client: id<'Client'>('central') },
  request: 'request-9',
  content: 'c',
  dryRun: false,
} as const
const notices: { readonly [kind in Notice['kind']]: Extract<Notice, { kind: kind }> } = {
  step: { kind: 'step', step },
  'step-failed': { kind: 'step-failed', step, why: 'no answer', maybe: true },
  finding: {
    kind: 'finding',
    bay: 3,
    finding: { type: 'fault', reason: 'bmc-silent', say: 'the BMC of bay 3 does not answer', remedy: 'reseat bay 3' },
  },
  cleared: { kind: 'cleared', bay: 3, reason: 'bmc-silent' },
  refused: {
    kind: 'refused',
    command: 'assign',
    envelope,
    refusal: { reason: 'bay-taken', say: 'bay 3 holds web-02; unassign it first' },
  },
}

async function told(...what: readonly (StoreRecord | Notice)[]): Promise<readonly Extract<Event, { kind: 'event' }>[]> {
  const { diary, heard } = await open(memoryMedium())
  for (const each of what) {
    if (each.kind === 'observation' || each.kind === 'command' || each.kind === 'lead') diary.recorded(each, state)
    else diary.noticed(each, state)
  }
  await diary.settle()
  return heard.filter((event) => event.kind === 'event')
}

const seen = (observation: Observation): StoreRecord => ({ kind: 'observation', observation })

describe('The diary says', () => {
  test.each(Object.values(observations).filter(({ saw }) => saw !== 'override-set'))(
    'in a sentence that $saw was seen, and where',
    async (observation) => {
      const [event] = await told(seen(observation))
      expect(event?.message).toMatch(/^[a-z].{10,}[^.]$/)
      expect(event?.type).toMatch(/^[a-z]+(-[a-z]+)*$/)
      expect(event?.message).not.toMatch(/undefined|\[object/)
      if ('bay' in observation) {
        expect(event?.bay).toBe(3)
        expect(event?.message).toContain('bay 3')
      }
      if ('profile' in observation && observation.profile) expect(event?.profile).toBe(web)
    },
  )

  test('a different word for each kind of happening', async () => {
    const events = await told(...Object.values(observations).map(seen), ...Object.values(notices))
    expect(new Set(events.map(({ type }) => type)).size).toBe(events.length)
    expect(events).toHaveLength(Object.keys(observations).length - 1 + Object.keys(notices).length - 1)
  })

  test('how a blade let go, that it was never assigned, and what was sent', async () => {
    const events = await told(
      seen({ ...observations['let-go'], how: 'cut' }),
      seen({ saw: 'armed', bay: 3, n: 1, serial }),
      seen({ saw: 'off', bay: 3 }),
      seen({ ...observations.sent, which: 'reseats' }),
    )
    expect(events.map(({ message }) => message)).toEqual([
      'bay 3: let go of web-01 (its power was cut)',
      'bay 3: may power on once, as it was made (arming 1)',
      'bay 3: seen off',
      'bay 3: power cut and returned',
    ])
  })

  test('critically that a blade runs on wrong addresses or failed its POST, and nothing else', async () => {
    const events = await told(...Object.values(observations).map(seen))
    const critical = events.filter(({ severity }) => severity === 'critical')
    expect(critical.map(({ reason }) => reason)).toEqual(['wrong-identity', 'post-failed'])
  })

  test('who changed what, by which request; what changed nothing is no event', async () => {
    const record = (changed: boolean): StoreRecord => ({
      kind: 'command',
      command: 'assign',
      origin: { door: 'mqtt', client: id<'Client'>('central'), request: 'request-1', content: 'c' },
      changes: [],
      accepted: {
        changed,
        diff: ['bay 3: profile none → web-01', 'bay 3: power on'],
        revision: 7,
        epoch: 1,
        bay: 3,
        profile: web,
      },
    })
    expect(await told(record(false))).toEqual([])
    expect(await told(record(true))).toEqual([
      expect.objectContaining({
        type: 'assign-accepted',
        message: 'bay 3: profile none → web-01; bay 3: power on',
        who: { door: 'mqtt', client: 'central' },
        request: 'request-1',
        bay: 3,
        profile: web,
      }),
    ])
  })

  test('what was refused and to whom, but not what was only tried dry', async () => {
    const [event] = await told(notices.refused)
    expect(event).toMatchObject({
      message: 'assign: bay 3 holds web-02; unassign it first',
      reason: 'bay-taken',
      who: { door: 'mqtt', client: 'central' },
      request: 'request-9',
    })
    expect(await told({ ...notices.refused, envelope: { ...envelope, dryRun: true } })).toEqual([])
  })

  test('that a fault came and went, of every kind of fault, and nothing of what is only awaited', async () => {
    const of = (type: 'fault' | 'hold') =>
      (Object.keys(reasons) as Reason[]).filter((reason) => reasons[reason].type === type)
    const both = (reason: Reason): readonly Notice[] => [
      { kind: 'finding', bay: 3, finding: { type: 'fault', reason, say: `bay 3: ${reason}`, remedy: 'wait' } },
      { kind: 'cleared', bay: 3, reason },
    ]
    const events = await told(...of('fault').flatMap(both))
    expect(events).toHaveLength(of('fault').length * 2)
    expect(of('fault').length).toBeGreaterThan(10)
    expect(await told(...of('hold').flatMap(both))).toEqual([])
  })

  test('nothing that the wire could not carry', async () => {
    const events = await told(...Object.values(observations).map(seen), ...Object.values(notices))
    for (const event of events) expect(decodeEvent(encodeEvent(event))).toEqual({ value: event })
  })
})
