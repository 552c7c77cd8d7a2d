/**
 * What the door promises over any broker and version of MQTT: one suite, run against each. Everything is seen from
 * outside: by a manager on the same broker, and in what the agent behind the door was told.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../../agent/controller/clock.ts'
import { type MqttDoor, type MqttParts, openMqtt } from '../../../../agent/controller/doors/mqtt/mqtt.ts'
import type { Event, Part } from '../../../../agent/core/views.ts'
import { encodeRequest } from '../../../../agent/wire/request.ts'
import { decodeState } from '../../../../agent/wire/state.ts'
import { topicOf } from '../../../../agent/wire/topics.ts'
import { parts as examples } from '../../../wire/examples.ts'
import { type Broker, openWire, type Wire } from './brokers.ts'
import { chassis, incarnation, type Memory, type TestFront, testFront } from './front.ts'
import { locate, type Manager, openManager, readable, requestId } from './manager.ts'

export function behavesAsADoor(start: () => Promise<Broker>, version: 4 | 5): void {
  let broker: Broker
  let wire: Wire
  let manager: Manager
  let front: TestFront
  let doors: MqttDoor[] = []
  const lines: string[] = []

  function open(more: Partial<MqttParts> = {}, behind = front): MqttDoor {
    const door = openMqtt({
      ...{ front: behind, clock: systemClock(), url: `mqtt://127.0.0.1:${wire.port}`, version, json: false },
      ...{ randomness: Math.random, log: (line: string) => lines.push(line), backoff: { first: 20, longest: 200 } },
      ...more,
    })
    doors.push(door)
    return door
  }
  const online = (from = 0) => manager.presence((presence) => presence.online, from)
  const isShown = (from = 0) => manager.part('chassis', ({ payload }) => payload.length > 0, from)
  const happening = (number: number): Event => ({
    kind: 'event',
    ...{ number, severity: 'info', type: 'seen-off', message: 'bay 3: seen off' },
    ...{ uptimeMs: 1, bootId: 'b7c1d2e3', revision: 1, incarnation, term: 1 },
  })

  beforeEach(async () => {
    broker = await start()
    wire = await openWire(broker.port)
    manager = await openManager(broker.port, 'ironic-1', version)
    front = testFront()
    lines.length = 0
  })
  afterEach(async () => {
    await Promise.all(doors.map((door) => door.close()))
    doors = []
    await manager.close()
    await wire.close()
    await broker.kill()
  })

  describe('requests', () => {
    test('a command is answered on the topic of the client that sent it', async () => {
      open()
      await online()
      const reply = await manager.request(locate)
      expect(reply).toMatchObject({ replayed: false, outcome: { kind: 'accepted', copies: ['flash', 'eeprom'] } })
      expect(front.submitted[0]).toMatchObject({ who: { door: 'mqtt', client: 'ironic-1' }, request: reply.request })
    })

    test('what a manager sets in the envelope reaches the agent as it was sent', async () => {
      open()
      await online()
      const expected = { incarnation, bootId: 'b7c1d2e3', beforeUptimeMs: 90_000 }
      await manager.request(locate, { sequence: 7, epoch: 4, ifRevision: 12, expect: expected, dryRun: true })
      expect(front.submitted[0]).toMatchObject({
        sequence: 7,
        epoch: 4,
        ifRevision: 12,
        expect: expected,
        dryRun: true,
      })
    })

    test('a question is answered under its own request id, and reaches no journal', async () => {
      open()
      await online()
      const reply = await manager.request({ kind: 'read-state' })
      expect(reply.outcome).toMatchObject({ kind: 'state', parts: expect.arrayContaining([]) })
      expect(front.submitted).toEqual([])
    })

    test('a slow command holds up neither a question nor another command', async () => {
      open()
      await online()
      const go = front.hold('before-durable')
      const slow = manager.request(locate, { request: 'slow-one' })
      await front.arrival('slow-one')
      expect((await manager.request({ kind: 'list-reasons' })).outcome.kind).toBe('reasons')
      const second = manager.request(locate, { request: 'second-one' })
      await front.arrival('second-one')
      go()
      expect((await slow).outcome.kind).toBe('accepted')
      expect((await second).outcome.kind).toBe('accepted')
    })

    test('a command that was not durable when the agent died is delivered to the next one, and done once', async () => {
      open()
      await online()
      front.hold('before-durable')
      await manager.send(encodeRequest(manager.requestOf(locate, { request: 'unlucky-one' })))
      await front.arrival('unlucky-one')
      const { memory } = front
      await die()
      expect(memory.effects).toEqual([])
      const next = await revive(memory)
      expect(await manager.reply('unlucky-one')).toMatchObject({ replayed: false, outcome: { kind: 'accepted' } })
      expect(next.memory.effects).toEqual(['unlucky-one'])
    })

    test('a command that was durable, but not acknowledged when the agent died, is answered from memory', async () => {
      open()
      await online()
      front.hold('before-answer')
      await manager.send(encodeRequest(manager.requestOf(locate, { request: 'unlucky-two' })))
      await front.arrival('unlucky-two')
      const { memory } = front
      await die()
      expect(memory.effects).toEqual(['unlucky-two'])
      const next = await revive(memory)
      expect(await manager.reply('unlucky-two')).toMatchObject({ replayed: true, outcome: { kind: 'accepted' } })
      expect(next.memory.effects).toEqual(['unlucky-two'])
    })

    test('an acknowledged command is not delivered again', async () => {
      open()
      await online()
      await manager.request(locate, { request: 'done-once' })
      // Its PUBACK follows its response; the answer to a later question follows both.
      await manager.request({ kind: 'list-reasons' })
      const mark = manager.all.length
      wire.cut()
      await online(mark)
      await manager.request({ kind: 'list-reasons' })
      expect(front.submitted.map(({ request }) => request)).toEqual(['done-once'])
    })

    async function die(): Promise<void> {
      // Whatever the door wrote before this answer has reached the broker: a PUBACK too, if there was one.
      await manager.request({ kind: 'list-reasons' })
      const mark = manager.all.length
      wire.unplug()
      await manager.presence((presence) => !presence.online, mark)
      await Promise.all(doors.splice(0).map((door) => door.close()))
    }
    async function revive(memory: Memory): Promise<TestFront> {
      wire.plug()
      const next = testFront(memory)
      open({}, next)
      return next
    }

    test('of a burst of 2,000 requests each one is answered, and done once', async () => {
      open()
      await online()
      const ids = Array.from({ length: 2000 }, () => requestId())
      await Promise.all(ids.map((request) => manager.send(encodeRequest(manager.requestOf(locate, { request })))))
      await manager.answers(ids.length)
      expect(new Set(manager.replies().map(({ request }) => request))).toEqual(new Set(ids))
      expect(front.memory.effects.length).toBe(2000)
      expect(manager.replies().every(({ outcome }) => outcome.kind === 'accepted')).toBe(true)
    })

    test('a retained request is refused, and changes nothing', async () => {
      await manager.send(encodeRequest(manager.requestOf(locate, { request: 'stays-there' })), { retain: true })
      open()
      const reply = await manager.reply('stays-there')
      expect(reply.outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'retained-request' } })
      expect(front.memory.effects).toEqual([])
    })

    test('a request that names another chassis is refused before anything else', async () => {
      open()
      await online()
      const reply = await manager.request(locate, { chassis: 'other' })
      expect(reply.outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'wrong-chassis' } })
      expect(front.submitted).toEqual([])
    })

    test('garbage is answered as garbage, with as much of the request id as could be read', async () => {
      open()
      await online()
      const bytes = encodeRequest(manager.requestOf(locate, { request: 'cut-off-here' }))
      await manager.send(bytes.subarray(0, bytes.length - 1))
      const reply = await manager.reply('cut-off-here')
      expect(reply.outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'garbled' } })
      expect(reply).toMatchObject({ epoch: 4, incarnation, term: 1 })
    })

    test.each([98_305, 300_000, 3_000_000])(
      'a request of %i bytes is refused as too large, over the same connection',
      async (size) => {
        open()
        await online()
        const mark = manager.all.length
        await manager.send(new Uint8Array(size))
        const reply = await manager.answer(mark)
        expect(reply.outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'too-large' } })
        expect((await manager.request(locate)).outcome.kind).toBe('accepted')
        expect(wire.dialled()).toBe(1)
      },
    )

    test('a retained request that is too large does not keep the door from serving', async () => {
      await manager.send(new Uint8Array(400_000), { retain: true })
      open()
      expect((await manager.answer(0)).outcome).toMatchObject({ refusal: { reason: 'too-large' } })
      expect((await manager.request(locate)).outcome.kind).toBe('accepted')
      expect(wire.dialled()).toBe(1)
    })

    test('10,000 mutants of a request keep the door serving: each is answered', async () => {
      open()
      await online()
      const original = encodeRequest(manager.requestOf(locate, { sequence: 3, epoch: 4, ifRevision: 9 }))
      const mutant = fc.oneof(
        fc.tuple(fc.nat(original.length - 1), fc.nat(255)).map(([at, byte]) => original.with(at, byte)),
        fc.nat(original.length).map((end) => original.subarray(0, end)),
        fc.uint8Array({ maxLength: 64 }).map((tail) => Buffer.concat([original, tail])),
        fc.uint8Array({ maxLength: 128 }),
      )
      const mutants = fc.sample(mutant, 10_000)
      for (let i = 0; i < mutants.length; i += 500) {
        await Promise.all(mutants.slice(i, i + 500).map((bytes) => manager.send(bytes)))
        await manager.answers(i + 500)
      }
      const stages = new Map<string, number>()
      for (const { outcome } of manager.replies()) {
        const stage = outcome.kind === 'refused' ? outcome.refusal.reason : outcome.kind
        stages.set(stage, (stages.get(stage) ?? 0) + 1)
      }
      console.log(`10,000 mutants: ${[...stages].map(([stage, count]) => `${stage} ${count}`).join(', ')}`)
      for (const stage of ['garbled', 'wrong-chassis', 'request-id-missing', 'accepted']) {
        expect(stages.get(stage) ?? 0, stage).toBeGreaterThan(20)
      }
      expect((await manager.request(locate)).outcome.kind).toBe('accepted')
      expect(wire.dialled()).toBe(1)
    }, 60_000)

    if (version === 5) {
      test('correlation data of a request comes back with its response', async () => {
        open()
        await online()
        const mark = manager.all.length
        const correlationData = Buffer.from([1, 2, 0, 255])
        await manager.send(encodeRequest(manager.requestOf(locate)), { properties: { correlationData } })
        await manager.answer(mark)
        expect(manager.all.find(({ topic }) => topic.includes('/rsp/'))?.correlation).toEqual(correlationData)
      })
    }
  })

  describe('presence', () => {
    test('the door is announced when it hears, and its end is announced by the broker', async () => {
      open()
      expect(await online()).toMatchObject({ online: true, bootId: 'b7c1d2e3', connection: 1 })
      const mark = manager.all.length
      wire.unplug()
      expect(await manager.presence(({ online: is }) => !is, mark)).toMatchObject({ connection: 1 })
    })

    test('after a lost connection it comes back with a higher connection number', async () => {
      open()
      await online()
      const mark = manager.all.length
      wire.cut()
      expect((await online(mark)).connection).toBeGreaterThan(1)
    })

    test('a door that is closed says so itself, after its last answer', async () => {
      const door = open()
      await online()
      const go = front.hold('before-durable')
      const last = manager.request(locate, { request: 'last-words' })
      await front.arrival('last-words')
      const closed = door.close()
      go()
      expect((await last).outcome.kind).toBe('accepted')
      await closed
      expect(door.state()).toBe('closed')
      const presences = manager.all.filter(({ topic }) => topic.endsWith('/presence'))
      await manager.presence(({ online: is }) => !is)
      const response = manager.all.findIndex(({ topic }) => topic.includes('/rsp/'))
      const goodbye = manager.all.findLastIndex(({ topic }) => topic.endsWith('/presence'))
      expect(response).toBeLessThan(goodbye)
      expect(presences.length).toBeLessThanOrEqual(2)
    })

    test('a new epoch is announced, since requests must name it', async () => {
      open()
      await isShown()
      front.setEpoch(9)
      expect(await manager.presence(({ epoch }) => epoch === 9)).toMatchObject({ online: true })
    })

    test('another life is announced at once, although its epoch is the same', async () => {
      open()
      await isShown()
      const life = 'e'.repeat(32)
      front.setIncarnation(life)
      expect(await manager.presence(({ incarnation }) => incarnation === life)).toMatchObject({ online: true })
    })
  })

  describe('state', () => {
    const stateTopics = (from = 0) =>
      manager.all.slice(from).flatMap(({ topic }) => (topic.includes('/state/') ? [topic.split('/').at(-1)] : []))

    test('every part is retained, and chassis comes last', async () => {
      open()
      await isShown()
      expect(stateTopics()).toHaveLength(front.parts().length)
      expect(stateTopics().at(-1)).toBe('chassis')
      const late = await openManager(broker.port, 'late-one', version)
      await late.waitFor(
        () => late.all.filter(({ topic }) => topic.includes('/state/')).length === front.parts().length,
      )
      const shown = late.all.filter(({ topic, retained }) => topic.includes('/state/') && retained)
      expect(shown.map(({ payload }) => readable(decodeState(payload)).part.part).sort()).toEqual(
        front
          .parts()
          .map(({ part }) => part.part)
          .sort(),
      )
      await late.close()
    })

    test('a change is published, and the newest of many is what stays', async () => {
      open()
      await isShown()
      const mark = manager.all.length
      const { view } = examples.bay as Extract<Part, { part: 'bay' }>
      for (let arming = 1; arming <= 500; arming++) front.show({ part: 'bay', view: { ...view, arming } })
      const isLast = ({ payload }: { payload: Buffer }) => {
        const { part } = readable(decodeState(payload))
        return part.part === 'bay' && part.view.arming === 500
      }
      await manager.part('bay-3', isLast, mark)
      const last = front.parts().at(-1)?.version
      await manager.part('chassis', ({ payload }) => readable(decodeState(payload)).version === last, mark)
      expect(stateTopics(mark).at(-1)).toBe('chassis')
      expect(stateTopics(mark).length).toBeLessThan(500)
    })

    test('a part that is removed is removed from the broker', async () => {
      open({ json: true })
      await isShown()
      await manager.waitFor(({ topic }) => topic.endsWith('/json/state/chassis'))
      const mark = manager.all.length
      front.remove('profile-web-01')
      expect((await manager.part('profile-web-01', () => true, mark)).payload.length).toBe(0)
      await manager.waitFor(
        ({ topic, payload }) => topic.endsWith('json/state/profile-web-01') && !payload.length,
        mark,
      )
    })

    test('what an earlier agent left on the broker is cleared, and nothing else', async () => {
      const leave = async (topic: string, text: string) => {
        await manager.connection.publishAsync(topic, text, { retain: true, qos: 1 })
      }
      await leave(topicOf({ kind: 'state', chassis, part: 'bay-77' }), 'stale')
      await leave(topicOf({ kind: 'state', chassis, part: 'bay-3' }, 'json'), 'stale')
      await leave('midplane/v1/other/state/bay-77', 'not ours')
      const isGone = (topic: string) => manager.waitFor((each) => each.topic === topic && each.payload.length === 0)
      open()
      await isGone('midplane/v1/demo/state/bay-77')
      await isGone('midplane/v1/demo/json/state/bay-3')
      const late = await openManager(broker.port, 'late-one', version)
      await late.connection.subscribeAsync('midplane/v1/+/state/+')
      const other = await late.waitFor(({ topic }) => topic.startsWith('midplane/v1/other/'))
      expect(other.payload.toString()).toBe('not ours')
      await late.part('bay-3')
      await late.part('chassis')
      expect(late.all.map(({ topic }) => topic)).not.toContain('midplane/v1/demo/state/bay-77')
      await late.close()
    })

    test('the mirror is JSON that people can read', async () => {
      open({ json: true })
      const { payload } = await manager.waitFor(({ topic }) => topic === 'midplane/v1/demo/json/state/bay-3')
      expect(JSON.parse(payload.toString())).toMatchObject({ part: 'bay', view: { bay: 3, product: 'BL460c G7' } })
      const presence = await manager.waitFor(({ topic }) => topic === 'midplane/v1/demo/json/presence')
      expect(JSON.parse(presence.payload.toString())).toMatchObject({ online: true })
    })

    test('without the mirror nothing is published as JSON', async () => {
      open()
      await isShown()
      await manager.request({ kind: 'list-reasons' })
      expect(manager.all.filter(({ topic }) => topic.includes('/json/'))).toEqual([])
    })
  })

  describe('events', () => {
    test('an event is published under its severity', async () => {
      open({ json: true })
      await online()
      front.tell(happening(18))
      expect(await manager.event((event) => event.kind === 'event')).toMatchObject({ number: 18, type: 'seen-off' })
      const mirrored = await manager.waitFor(({ topic }) => topic === 'midplane/v1/demo/json/event/info')
      expect(JSON.parse(mirrored.payload.toString())).toMatchObject({ number: 18 })
    })

    test('what happened while the broker was away is told after, and what did not fit shows as a gap', async () => {
      open()
      await online()
      const mark = manager.all.length
      wire.unplug()
      await manager.presence((presence) => !presence.online, mark)
      for (let number = 1; number <= 1000; number++) front.tell(happening(number))
      wire.plug()
      await manager.event((event) => event.kind === 'event' && event.number === 1000)
      const gap = await manager.event((event) => event.kind === 'gap')
      const told = await manager.event((event) => event.kind === 'event')
      expect(gap).toMatchObject({ from: 1 })
      expect(told.kind === 'event' && gap.kind === 'gap' && told.number).toBe(gap.kind === 'gap' ? gap.to + 1 : -1)
    })
  })

  describe('the connection', () => {
    test('a broker that was killed and came back is told everything again', async () => {
      open()
      await isShown()
      await broker.kill()
      const mark = manager.all.length
      await broker.start()
      expect((await online(mark)).connection).toBeGreaterThan(1)
      await isShown(mark)
      expect(new Set(stateNames(mark))).toEqual(new Set(front.parts().map(({ part }) => part.part)))
      expect((await manager.request(locate)).outcome.kind).toBe('accepted')
    })
    const stateNames = (from: number) =>
      manager.all
        .slice(from)
        .filter(({ topic, payload }) => topic.includes(`/${chassis}/state/`) && payload.length > 0)
        .map(({ payload }) => readable(decodeState(payload)).part.part)

    test('a broker that falls silent is noticed, and left for a new connection', async () => {
      open({ keepaliveSeconds: 1 })
      await online()
      const mark = manager.all.length
      wire.silence()
      expect((await online(mark)).connection).toBeGreaterThan(1)
      expect(lines.join('\n')).toContain('Keepalive timeout')
    })

    test('two agents with one id take turns ever more slowly, and say why', async () => {
      open({ backoff: { first: 50, longest: 60_000 }, randomness: () => 0.3 })
      await online()
      const secondLines: string[] = []
      const second = testFront()
      const said = new Promise<void>((resolve) => {
        open(
          {
            ...{ backoff: { first: 50, longest: 60_000 }, randomness: () => 0.6 },
            log: (line) => {
              secondLines.push(line)
              if (line.includes('another agent')) resolve()
            },
          },
          second,
        )
      })
      await said
      expect(wire.dialled()).toBeLessThan(14)
      expect([...lines, ...secondLines].join('\n')).toContain('look for another agent with the id demo')
    })

    test('a door that is closed before it ever was online ends, and dials no more', async () => {
      wire.unplug()
      const door = open()
      await door.close()
      expect(door.state()).toBe('closed')
      const dialled = wire.dialled()
      wire.plug()
      await manager.connection.publishAsync('midplane/v1/nobody', 'a round trip', { qos: 1 })
      expect(wire.dialled()).toBeLessThanOrEqual(dialled + 1)
    })
  })
}
