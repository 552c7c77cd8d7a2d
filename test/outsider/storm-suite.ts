/**
 * What must hold of an agent in a storm of damaged requests, as one suite for any broker and any length: it stays the
 * same process, in bounded memory and flash, answers every request once, and serves whoever speaks well all the while.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Accepted } from '../../agent/core/state.ts'
import type { Broker } from './brokers.ts'
import { type Manager, openManager } from './manager.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'
import { asked, report, storm, type Weather } from './storm.ts'

export interface StormSuite {
  readonly start: () => Promise<Broker>
  readonly mqtt: NonNullable<StageOptions['mqtt']>
  readonly count: number
  readonly seed: number
}

/** What Node would grant on a controller with 256 MB; beyond it the process ends. */
const heapMiB = 64
/** Of one command amid the storm. Far more than it takes; who waits behind a blocked agent waits for ever. */
const patienceMs = 5_000
/** Two files of the ring, and the largest event on top. */
const ringBytes = 2 * (256 + 16) * 1024
const steadyClient = 'steady'

export function stormSuite(name: string, { start, mqtt, count, seed }: StormSuite): void {
  describe(name, () => {
    let stage: Stage
    let manager: Manager
    let weather: Weather
    let pid: number
    let bootId: string
    let before: number
    let served = 0
    let slowestMs = 0
    let last: Accepted | undefined
    const opened: (() => void | Promise<void>)[] = []

    /** A good command in bad company: lights one LED, or puts it out. */
    async function light(): Promise<void> {
      const lit = served % 2 === 0
      const request = asked(`steady-${String(served).padStart(4, '0')}`, { kind: 'locate', bay: 5, lit })
      const began = performance.now()
      const { outcome } = await manager.ask(steadyClient, request)
      slowestMs = Math.max(slowestMs, performance.now() - began)
      // Whether it changes anything depends on the weather: some of what was damaged lights LEDs too.
      if (outcome.kind !== 'accepted') throw new Error(`command ${served} amid the storm: ${JSON.stringify(outcome)}`)
      last = outcome.accepted
      served += 1
    }

    beforeAll(async () => {
      const broker = await start()
      opened.push(broker.close)
      stage = await openStage({ broker, mqtt, heapMiB })
      opened.push(stage.close)
      manager = await openManager(broker.port, 'outsider')
      opened.push(manager.close)
      const presence = await manager.online()
      bootId = presence.bootId
      pid = stage.agent().pid
      before = stage.agent().memory().now
      weather = await storm({ manager, count, seed, between: { every: 250, call: light } })
      await light()
      console.log(report(weather, `${name}, seed ${seed}`))
    }, 300_000)
    afterAll(async () => {
      for (const close of opened.splice(0).reverse()) await close()
    })

    test('each damaged request is answered, and once', () => {
      expect(weather.sent).toBe(count)
      expect(weather.unexpected).toEqual([])
      expect(Object.values(weather.reached).reduce((sum, n) => sum + n, 0)).toBe(count)
    })

    test('they get to every stage of judgement, many of them to the last', () => {
      const { reached } = weather
      expect(reached['not decoded']).toBeGreaterThan(count * 0.2)
      expect(reached['envelope refused']).toBeGreaterThan(count * 0.02)
      expect(reached['body not read']).toBeGreaterThan(count * 0.05)
      expect(reached.decided).toBeGreaterThan(count * 0.1)
      expect(reached['question answered']).toBeGreaterThan(count * 0.02)
    })

    test('good commands are accepted all the while, and soon', () => {
      expect(served).toBeGreaterThan(count / 250)
      expect(slowestMs).toBeLessThan(patienceMs)
    })

    test('the agent is the same process in the same boot, and complains of nothing in itself', async () => {
      expect(stage.agent().alive()).toBe(true)
      expect(stage.agent().pid).toBe(pid)
      expect((await manager.online()).bootId).toBe(bootId)
      expect(stage.agent().log()).not.toMatch(/\n\s+at |Error/)
      expect(stage.agent().log().split('\n').length).toBeLessThan(20)
    })

    test('its memory is bounded', () => {
      const { now, most } = stage.agent().memory()
      console.log(`resident: ${mib(before)} MiB before, ${mib(now)} after, at most ${mib(most)}`)
      // Each thread of the pool keeps what stretching a passphrase took it once, and a backup is unpacked whole.
      expect(now).toBeLessThan(before * 1.5 + 96 * 1024)
      expect(most).toBeLessThan(before * 2 + 96 * 1024)
    })

    test('its events are bounded, and the latest can be read', async () => {
      const folder = join(stage.folder, 'flash/events')
      const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
      expect(bytes).toBeGreaterThan(0)
      expect(bytes).toBeLessThan(ringBytes)
      const { outcome } = await manager.ask(
        steadyClient,
        asked('events-1', { kind: 'list-events', since: 0, limit: 1000 }),
      )
      if (outcome.kind !== 'events') throw new Error(`not a list of events: ${JSON.stringify(outcome)}`)
      expect(outcome.events.length).toBeGreaterThan(100)
      expect(outcome.events.length).toBeLessThanOrEqual(1000)
    })

    test('no address was live on two blades meanwhile', async () => {
      expect(await stage.look('duplicates')).toEqual({ duplicates: [] })
    })

    test('what it stored in the storm is all there after a kill', async () => {
      const { revision, incarnation } = await manager.ask(steadyClient, asked('reasons-1', { kind: 'list-reasons' }))
      expect(revision).toBeGreaterThan(count / 50)
      await stage.agent().kill('SIGKILL')
      await stage.restart()
      await manager.online(bootId)
      const after = await manager.ask(steadyClient, asked('reasons-2', { kind: 'list-reasons' }))
      expect(after.incarnation).toBe(incarnation)
      expect(after.revision).toBe(revision)
      const request = `steady-${String(served - 1).padStart(4, '0')}`
      const found = await manager.ask(steadyClient, asked('look-up-1', { kind: 'look-up-request', request }))
      expect(found.outcome).toEqual({ kind: 'looked-up', request, accepted: last })
    })
  })
}

const mib = (kib: number) => Math.round(kib / 1024)
