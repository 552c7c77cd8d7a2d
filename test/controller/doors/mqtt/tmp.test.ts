import { test } from 'vitest'
import { systemClock } from '../../../../agent/controller/clock.ts'
import { openMqtt } from '../../../../agent/controller/doors/mqtt/mqtt.ts'
import { startMosquitto } from './brokers.ts'
import { testFront } from './front.ts'
import { locate, openManager } from './manager.ts'
test('m', async () => {
  const broker = await startMosquitto()
  const manager = await openManager(broker.port)
  const door = openMqtt({ front: testFront(), clock: systemClock(), url: `mqtt://127.0.0.1:${broker.port}`, version: 4, json: false, randomness: Math.random, log: () => {} })
  await manager.presence((p) => p.online)
  const rt: number[] = []
  for (let i = 0; i < 400; i++) { const s = performance.now(); await manager.request(locate); rt.push(performance.now()-s) }
  rt.sort((a,b)=>a-b); console.log('round trip', [0,40,100,200,300,360,396].map((i) => rt[i]?.toFixed(2)).join(' '))
  await door.close(); await manager.close(); await broker.kill()
}, 60000)
