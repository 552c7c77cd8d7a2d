/** The long storm: through mosquitto, MQTT 5. */
import { describeWith } from '../setup/peers.ts'
import { startMosquitto } from './brokers.ts'
import { stormSuite } from './storm-suite.ts'

describeWith(['mosquitto'], 'a long storm', () => {
  stormSuite('30,000 damaged requests through mosquitto', { start: startMosquitto, mqtt: '5', count: 30_000, seed: 77 })
})
