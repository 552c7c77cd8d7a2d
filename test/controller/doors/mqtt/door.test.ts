/** The door over real brokers: one in this process, one as sites run it. */
import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../../agent/controller/clock.ts'
import { openMqtt } from '../../../../agent/controller/doors/mqtt/mqtt.ts'
import { describeWith } from '../../../setup/peers.ts'
import { openWire, startAedes, startMosquitto } from './brokers.ts'
import { testFront } from './front.ts'
import { locate, openManager } from './manager.ts'
import { behavesAsADoor } from './suite.ts'

describe('the MQTT door over aedes, MQTT 3.1.1', () => behavesAsADoor(startAedes, 4))

describeWith(['mosquitto'], 'the MQTT door over mosquitto', () => {
  describe('MQTT 3.1.1', () => behavesAsADoor(startMosquitto, 4))
  describe('MQTT 5', () => behavesAsADoor(startMosquitto, 5))
})

describe('the version of MQTT', () => {
  test('a broker that refuses version 5 is served with 3.1.1, and is not asked again after a lost connection', async () => {
    const broker = await startAedes()
    const wire = await openWire(broker.port)
    const manager = await openManager(broker.port)
    const lines: string[] = []
    const door = openMqtt({
      ...{
        front: testFront(),
        clock: systemClock(),
        url: `mqtt://127.0.0.1:${wire.port}`,
        version: 'auto',
        json: false,
      },
      ...{ randomness: Math.random, log: (line) => lines.push(line), backoff: { first: 20, longest: 200 } },
    })
    await manager.presence(({ online }) => online)
    expect(wire.dialled()).toBe(2)
    expect((await manager.request(locate)).outcome.kind).toBe('accepted')
    const mark = manager.all.length
    wire.cut()
    await manager.presence(({ online }) => online, mark)
    expect(wire.dialled()).toBe(3)
    expect(lines).toContain('mqtt: the broker does not speak MQTT 5; trying the other')
    await door.close()
    await manager.close()
    await wire.close()
    await broker.kill()
  })

  describeWith(['mosquitto'], 'where the broker speaks both', () => {
    test('5 is spoken', async () => {
      const broker = await startMosquitto()
      const manager = await openManager(broker.port, 'ironic-1', 5)
      const lines: string[] = []
      const door = openMqtt({
        ...{
          front: testFront(),
          clock: systemClock(),
          url: `mqtt://127.0.0.1:${broker.port}`,
          version: 'auto',
          json: false,
        },
        ...{ randomness: Math.random, log: (line) => lines.push(line) },
      })
      await manager.presence(({ online }) => online)
      expect(lines).toEqual([`mqtt: online at 127.0.0.1:${broker.port} as demo, MQTT 5`])
      await door.close()
      await manager.close()
      await broker.kill()
    })
  })
})
