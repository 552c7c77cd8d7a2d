/**
 * Messages that no client library of ours would send: of impossible sizes, retained, on topics that mean nothing. Each
 * is answered for what it is, or passed over; none of them keeps the next good command from being served.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reply } from '../../agent/core/reply.ts'
import { encodeRequest, largestRequest, type OutgoingRequest } from '../../agent/wire/request.ts'
import { describeWith } from '../setup/peers.ts'
import { type Broker, startAedes, startMosquitto } from './brokers.ts'
import { chassis, type Manager, openManager, wordOf } from './manager.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'
import { asked } from './storm.ts'

interface Row {
  readonly start: () => Promise<Broker>
  readonly mqtt: NonNullable<StageOptions['mqtt']>
}

function suite(name: string, { start, mqtt }: Row): void {
  describe(name, () => {
    let broker: Broker
    let stage: Stage
    let manager: Manager
    let served = 0
    const replies: { readonly to: string; readonly reply: Reply }[] = []
    const opened: (() => void | Promise<void>)[] = []

    beforeAll(async () => {
      broker = await start()
      opened.push(broker.close)
      stage = await openStage({ broker, mqtt, heapMiB: 64 })
      opened.push(stage.close)
      manager = await openManager(broker.port, 'outsider')
      opened.push(manager.close)
      manager.onReply((to, reply) => replies.push({ to, reply }))
      await manager.online()
    })
    afterAll(async () => {
      for (const close of opened.splice(0).reverse()) await close()
    })

    const locate = (bay: number, lit: boolean): OutgoingRequest['body'] => ({ kind: 'locate', bay, lit })

    /** A good command after the odd one; what comes back on the way there is all that the odd one got. */
    async function serve(): Promise<void> {
      const { outcome } = await manager.ask(
        'good',
        asked(`good-${String(served).padStart(4, '0')}`, locate(1, served % 2 === 0)),
      )
      served += 1
      expect(outcome).toMatchObject({ kind: 'accepted', accepted: { changed: true, bay: 1 } })
    }

    /** A request that reads, of exactly so many bytes; only what it says is too long. */
    function sized(bytes: number): Uint8Array {
      const make = (length: number) =>
        encodeRequest({
          ...{ request: 'a-long-secret', chassis: 'demo', dryRun: false },
          body: { kind: 'set-secret', secret: 'chap' as never, value: 's'.repeat(length) },
        })
      const request = make(bytes - (make(bytes).length - bytes))
      expect(request.length).toBe(bytes)
      return request
    }

    test('nothing at all is refused for its missing request id', async () => {
      expect(wordOf(await manager.ask('odd', new Uint8Array()))).toBe('request-id-missing')
      await serve()
    })

    test('96 KiB are read, and judged for what they say', async () => {
      const reply = await manager.ask('odd', sized(largestRequest))
      expect(reply.request).toBe('a-long-secret')
      expect(wordOf(reply)).toBe('field-invalid')
      await serve()
    })

    test.each([largestRequest + 1, 97 * 1024, 1024 * 1024, 8 * 1024 * 1024])(
      '%i bytes are refused unread',
      async (bytes) => {
        const before = stage.agent().memory().now
        const reply = await manager.ask('odd', sized(bytes))
        expect(wordOf(reply)).toBe('too-large')
        expect(stage.agent().memory().now).toBeLessThan(before + 48 * 1024)
        await serve()
      },
    )

    test('topics that name no client of this chassis are passed over', async () => {
      const odd = [
        'midplane/v1/other/req/me',
        'midplane/v2/demo/req/me',
        `${chassis}/req`,
        `${chassis}/req/`,
        `${chassis}/req//`,
        `${chassis}/req/me/more`,
        `${chassis}/req/Me`,
        `${chassis}/req/-me`,
        `${chassis}/req/m e`,
        `${chassis}/req/mé`,
        `${chassis}/req/$me`,
        `${chassis}/req/${'m'.repeat(49)}`,
        `${chassis}/req/${'m'.repeat(60_000)}`,
        `${chassis}/json/req/me`,
        `${chassis}/claim/me`,
      ]
      await serve()
      const { revision } = await manager.ask('good', asked('reasons-1', { kind: 'list-reasons' }))
      replies.length = 0
      for (const [n, topic] of odd.entries())
        await manager.publish(topic, asked(`odd-topic-${n}`, locate(2, n % 2 === 0)))
      await serve()
      expect(replies.map(({ to }) => to)).toEqual(['good'])
      expect(replies[0]?.reply.revision).toBe(revision + 1)
    })

    test('a long topic over a large payload is passed over, and does not come again and again', async () => {
      replies.length = 0
      await manager.publish(`${chassis}/req/${'m'.repeat(2_000)}`, new Uint8Array(1024 * 1024))
      await serve()
      expect(replies.map(({ to }) => to)).toEqual(['good'])
    })

    test.each(['+', '#', '+/x'])('nobody can call himself %s', async (client) => {
      replies.length = 0
      const rude = await openManager(broker.port, 'rude')
      await Promise.race([rude.publish(`${chassis}/req/${client}`, asked('wildcard', locate(2, true))), rude.lost])
      await rude.close()
      await serve()
      expect(replies.map(({ to }) => to)).toEqual(['good'])
    })

    test('a retained request is not run when a restarted agent finds it', async () => {
      const request = asked('retained-1', locate(2, true))
      const at = replies.length
      await manager.send('hasty', request, { retain: true })
      await serve()
      // While it is sent, MQTT 3.1.1 does not show that it stays; MQTT 5 does.
      const first = replies.slice(at).find(({ to }) => to === 'hasty')?.reply
      expect(first && wordOf(first)).toBe(mqtt === '5' ? 'retained-request' : 'accepted')
      const { revision } = await manager.ask('good', asked('reasons-2', { kind: 'list-reasons' }))

      const { bootId } = await manager.online()
      await stage.agent().kill('SIGKILL')
      const again = new Promise<Reply>((resolve) => manager.onReply((to, reply) => to === 'hasty' && resolve(reply)))
      await stage.restart()
      expect((await manager.online(bootId)).bootId).not.toBe(bootId)
      const found = await again
      expect(found.request).toBe('retained-1')
      expect(wordOf(found)).toBe('retained-request')
      expect(found.revision).toBe(revision)
      await manager.send('hasty', new Uint8Array(), { retain: true })
      await serve()
    })
  })
}

suite('odd messages through aedes, MQTT 3.1.1', { start: startAedes, mqtt: 'auto' })
describeWith(['mosquitto'], 'odd messages through mosquitto', () => {
  suite('MQTT 5', { start: startMosquitto, mqtt: '5' })
})
