// The first half of the story again: under the oldest Node that there is for some controllers, and on the broker that
// most sites run.

import { describe } from 'vitest'
import { oldNode } from '../setup/old-node.ts'
import { describeWith } from '../setup/peers.ts'
import { tellFirstHalf } from './first-half.ts'

describe('under Node 20.11', () => {
  tellFirstHalf(() => ({ runtime: oldNode('20.11.0') }))
})

describeWith(['mosquitto'], 'on mosquitto', () => {
  tellFirstHalf(() => ({ broker: 'mosquitto' }))
})
