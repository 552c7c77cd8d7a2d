/** Behind the doors: commands go to the agent, secrets sealed; questions are answered from what is shown. */
import { describe, expect, test } from 'vitest'
import { openDesk } from '../../agent/controller/desk.ts'
import { openDiary } from '../../agent/controller/diary.ts'
import type { Front } from '../../agent/controller/doors/front.ts'
import { sealer } from '../../agent/controller/secrets.ts'
import { startShowing } from '../../agent/controller/showing.ts'
import { openEventRing } from '../../agent/controller/store/event-ring.ts'
import type { Command, Envelope } from '../../agent/core/command.ts'
import { reasons, refuse } from '../../agent/core/reasons.ts'
import type { Question, Reply } from '../../agent/core/reply.ts'
import { partName } from '../../agent/core/views.ts'
import { capabilities, type WireCommand } from '../../agent/wire/command.ts'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { memoryMedium } from './store/memory-medium.ts'

const chap = id<'Secret'>('chap')
const set = (value: string): WireCommand => ({ kind: 'set-secret', secret: chap, value })
const invalid = { kind: 'invalid', refusal: refuse('field-missing', 'say which bay') } as const
const envelopeOf: Command = { kind: 'resync' }

interface Office {
  readonly rig: Rig
  readonly desk: Front
  submit(command: Parameters<Front['submit']>[0], more?: Partial<Envelope>): Promise<Reply>
  outcome(query: Question): Reply['outcome']
}

/** A desk over a chassis; `key: false` for one that has no chassis key. */
async function office({ key = true } = {}): Promise<Office> {
  const rig = new Rig()
  const { memory, agent } = await rig.start()
  const clock = { uptimeMs: () => 777, timeMs: () => undefined, after: rig.clock.after.bind(rig.clock) }
  const diary = openDiary(await openEventRing({ medium: memoryMedium() }), clock, 'boot-1', () => {})
  const host = 'unknown' as const
  const showing = startShowing({
    ...{ clock, hardware: rig.hardware, now: agent.now, health: () => undefined },
    controllers: () => [{ slot: 'A', version: '0', uptimeMs: 0, role: 'owner', host, store: memory.view() }],
  })
  const desk = openDesk({
    ...{ chassis: id<'Chassis'>('rig'), agent, showing, diary, clock },
    sealer: key ? sealer(memory.chassisKey ?? expect.unreachable()) : undefined,
    digest: (content) => `plain ${content.length}`,
    keyIsCurrent: () => memory.keyIsCurrent,
    about: { bootId: 'boot-1', version: '0', schema: 'abc', board: 'hp-c7000' },
  })
  for (const type of ['one', 'two', 'three']) {
    diary.write({ severity: 'info', type, message: type }, agent.now().state)
  }
  await diary.settle()
  return {
    rig,
    desk,
    submit: (command, more) => rig.clock.until(desk.submit(command, rig.envelope(envelopeOf, more))),
    outcome: (query) => desk.ask(query).outcome,
  }
}

describe('A command', () => {
  test('that is no secret goes to the agent as it came', async () => {
    const { submit, rig } = await office()
    const reply = await submit({ kind: 'locate', bay: 3, lit: true }, { request: 'my-request' })
    expect(reply).toMatchObject({ request: 'my-request', outcome: { kind: 'accepted', accepted: { changed: true } } })
    expect(rig.agent.now().state.bays[3]?.locate).toBe(true)
  })

  test('that carries a secret is sealed before it is judged, and set again is no change', async () => {
    const { submit, rig } = await office()
    expect((await submit(set('open sesame'))).outcome).toMatchObject({ accepted: { changed: true } })
    const stored = rig.agent.now().state.secrets.chap
    expect(JSON.stringify(stored)).not.toContain('sesame')
    const key = rig.running?.memory.chassisKey ?? expect.unreachable()
    expect(sealer(key).unseal('chap', stored?.sealed ?? '')).toBe('open sesame')
    expect((await submit(set('open sesame'))).outcome).toMatchObject({ accepted: { changed: false } })
    expect((await submit(set('open barley'))).outcome).toMatchObject({ accepted: { changed: true } })
  })

  test('that carries a secret and is sent again is answered as the first time', async () => {
    const { submit } = await office()
    const same = { request: 'the-same-one', content: 'same' }
    const first = await submit(set('open sesame'), same)
    const again = await submit(set('open sesame'), same)
    expect(again).toMatchObject({ replayed: true, revision: first.revision })
    expect((await submit(set('open barley'), { ...same, content: 'other' })).outcome).toMatchObject({
      refusal: { reason: 'request-id-reused' },
    })
  })

  test('that carries a secret is refused where there is no key to seal it, after the envelope was judged', async () => {
    const { submit, rig } = await office({ key: false })
    expect((await submit(set('open sesame'))).outcome).toMatchObject({ refusal: { reason: 'eeprom-unreadable' } })
    expect((await submit(set('open sesame'), { epoch: 9 })).outcome).toMatchObject({
      refusal: { reason: 'stale-epoch' },
    })
    expect(rig.agent.now().state.secrets).toEqual({})
    expect((await submit({ kind: 'locate', bay: 3, lit: true })).outcome).toMatchObject({ kind: 'accepted' })
  })

  test('that can not be read is refused for its envelope first, and for itself then', async () => {
    const { submit, rig } = await office()
    expect((await submit(invalid, { request: 'my-request' })).outcome).toEqual({
      kind: 'refused',
      refusal: invalid.refusal,
    })
    expect((await submit(invalid, { request: 'short' })).outcome).toMatchObject({
      refusal: { reason: 'request-id-missing' },
    })
    const { incarnation } = rig.agent.now().state
    const expected = { incarnation, bootId: 'another', beforeUptimeMs: 10 ** 9 }
    expect((await submit(invalid, { expect: expected })).outcome).toMatchObject({ refusal: { reason: 'other-boot' } })
    expect((await submit(invalid, { ifRevision: 99 })).outcome).toMatchObject({
      refusal: { reason: 'revision-conflict' },
    })
    expect(rig.agent.now().state.revision).toBe(0)
  })
})

describe('A question', () => {
  test('for the state is answered with all parts, the chassis last', async () => {
    const { outcome, desk } = await office()
    const all = outcome({ kind: 'read-state' })
    if (all.kind !== 'state') return expect.unreachable()
    expect(all.parts).toEqual(desk.parts())
    expect(partName(all.parts.at(-1)?.part ?? expect.unreachable())).toBe('chassis')
  })

  test('for one part is answered with that part alone, and one that is not there is refused by name', async () => {
    const { outcome } = await office()
    for (const part of ['bay-3', 'chassis', 'controller-a']) {
      const found = outcome({ kind: 'read-state', part })
      expect(found.kind === 'state' && found.parts.map((each) => partName(each.part))).toEqual([part])
    }
    expect(outcome({ kind: 'read-state', part: 'bay-99' })).toMatchObject({
      refusal: { reason: 'field-invalid', say: 'there is no part bay-99', violations: [{ field: 'read_state.part' }] },
    })
  })

  test('asked right after a change is answered with the change', async () => {
    const { outcome, submit } = await office()
    const { revision } = await submit({ kind: 'locate', bay: 3, lit: true })
    const found = outcome({ kind: 'read-state', part: 'bay-3' })
    expect(found.kind === 'state' && found.parts[0]?.revision).toBe(revision)
  })

  test('for events is answered from the number given on', async () => {
    const { outcome } = await office()
    const found = outcome({ kind: 'list-events', since: 1, limit: 1 })
    expect(found).toMatchObject({ kind: 'events', events: [{ number: 2, message: 'two' }] })
  })

  test('for reasons is answered with the whole catalogue', async () => {
    const { outcome } = await office()
    const found = outcome({ kind: 'list-reasons' })
    expect(found.kind === 'reasons' && found.reasons.map(({ name }) => name).sort()).toEqual(
      Object.keys(reasons).sort(),
    )
  })

  test('for an earlier request is answered with what became of it, whoever sent it', async () => {
    const { outcome, submit } = await office()
    for (const pool of pools) if (pool.kind === 'define-pool') await submit(pool)
    const who = { door: 'console', client: id<'Client'>('hands') } as const
    const { outcome: first } = await submit(
      { kind: 'define-profile', profile: sanProfile('web-01') },
      { request: 'defines-web-01', who, sequence: 4 },
    )
    expect(outcome({ kind: 'look-up-request', request: 'defines-web-01' })).toEqual({
      kind: 'looked-up',
      request: 'defines-web-01',
      sequence: 4,
      accepted: first.kind === 'accepted' ? first.accepted : expect.unreachable(),
    })
    expect(outcome({ kind: 'look-up-request', request: 'never-sent' })).toMatchObject({
      refusal: { reason: 'no-such-request' },
    })
  })

  test('carries where the chassis stands', async () => {
    const { desk, submit } = await office()
    const { revision } = await submit({ kind: 'locate', bay: 3, lit: true })
    expect(desk.ask({ kind: 'list-reasons' })).toMatchObject({
      request: '',
      revision,
      epoch: 0,
      term: 1,
      replayed: false,
    })
  })
})

test('presence tells what a manager must know before it sends anything', async () => {
  const { desk, rig } = await office()
  const { incarnation } = rig.agent.now().state
  expect(desk.presence()).toEqual({
    ...{ bootId: 'boot-1', version: '0', schema: 'abc', board: 'hp-c7000', publicKey: '' },
    ...{ incarnation, capabilities, epoch: 0, revision: 0, term: 1, uptimeMs: 777 },
  })
})

test('digests are keyed wherever there is a key', async () => {
  const content = Buffer.from('short')
  expect((await office()).desk.digest(content)).toMatch(/^[0-9a-f]{32}$/)
  expect((await office({ key: false })).desk.digest(content)).toBe('plain 5')
})
