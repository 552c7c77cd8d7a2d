/**
 * Bad weather from outside: thousands of damaged requests, payloads of impossible sizes and topics that mean nothing,
 * through a real broker to a real agent. It stays the same process, in bounded memory and flash, and serves whoever
 * speaks well all the while.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requests } from '../wire/examples.ts'
import { type Broker, startAedes } from './brokers.ts'
import { chassis, type Manager, openManager, wordOf } from './manager.ts'
import { openStage, type Stage } from './stage.ts'
import { anew, stages, storm } from './storm.ts'

describe('bad weather', () => {
  let broker: Broker
  let stage: Stage
  let manager: Manager
  const opened: (() => void | Promise<void>)[] = []
  beforeAll(async () => {
    broker = await startAedes()
    opened.push(broker.close)
    stage = await openStage({ broker })
    opened.push(stage.close)
    manager = await openManager(broker.port, 'outsider')
    opened.push(manager.close)
  })
  afterAll(async () => {
    for (const close of opened.splice(0).reverse()) await close()
  })

  test('storm', async () => {
    const before = stage.agent().memory()
    let n = 0
    const times: number[] = []
    const t0 = Date.now()
    const weather = await storm({
      manager,
      count: 30000,
      seed: 1,
      between: {
        every: 1500,
        call: async () => {
          const at = performance.now()
          const reply = await manager.ask(
            'steady',
            anew(
              { request: '', chassis: 'demo', dryRun: false, body: { kind: 'locate', bay: 5, lit: n % 2 === 0 } },
              `steady-${n++}`.padEnd(10, 'x'),
            ),
          )
          times.push(performance.now() - at); console.log(n, Date.now()-t0, stage.agent().memory())
          expect(reply.outcome).toMatchObject({ kind: 'accepted' })
        },
      },
    })
    console.log(Date.now() - t0, weather, before, stage.agent().memory(), times.map(Math.round))
    for (const d of ['store', 'events'])
      for (const f of readdirSync(join(stage.folder, 'flash', d)))
        console.log(d, f, statSync(join(stage.folder, 'flash', d, f)).size)
    console.log(await stage.look('duplicates'), stage.agent().log().slice(-1500))
  }, 120_000)
})
