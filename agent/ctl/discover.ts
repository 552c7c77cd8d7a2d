/** Which chassis there are on a broker: those whose presence is retained, online or not. */
import type { ChassisId } from '../core/addresses.ts'
import type { Presence } from '../core/views.ts'
import { decodePresence } from '../wire/event.ts'
import { chassisFilter, parseTopic } from '../wire/topics.ts'
import { TimedOut } from './errors.ts'
import type { Link } from './link.ts'
import { waitFor } from './wait.ts'

/** `unknown`: it announced itself in words that can not be read. */
export type Announced = ReadonlyMap<ChassisId, Presence | 'unknown'>

/** MQTT has no mark for the end of retained messages: after so much quiet they are taken to have come. */
export async function discover(link: Link, quietMs: number, limitMs: number, signal?: AbortSignal): Promise<Announced> {
  const found = new Map<ChassisId, Presence | 'unknown'>()
  let heard = () => {}
  const stop = link.onMessage(({ topic, payload }) => {
    const parsed = parseTopic(topic)
    if (parsed?.kind !== 'presence') return
    const received = decodePresence(payload)
    if (payload.length === 0) found.delete(parsed.chassis)
    else found.set(parsed.chassis, 'value' in received ? received.value : 'unknown')
    heard()
  })
  const [filter = ''] = chassisFilter('+')
  try {
    await link.subscribe([filter])
    const late = () => new TimedOut('presence kept coming')
    await waitFor<void>({ ms: limitMs, signals: [signal], late }, (done) => {
      let timer = setTimeout(done, quietMs)
      heard = () => {
        clearTimeout(timer)
        timer = setTimeout(done, quietMs)
      }
      return () => clearTimeout(timer)
    })
  } catch (error) {
    // On a broker that is never quiet, what has come by now has to do.
    if (!(error instanceof TimedOut)) throw error
  } finally {
    stop()
    await link.unsubscribe(filter)
  }
  return found
}
