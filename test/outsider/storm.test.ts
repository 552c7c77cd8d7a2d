/** The everyday storm: through aedes, MQTT 3.1.1. */
import { startAedes } from './brokers.ts'
import { stormSuite } from './storm-suite.ts'

stormSuite('5,000 damaged requests through aedes', { start: startAedes, mqtt: 'auto', count: 5_000, seed: 1 })
