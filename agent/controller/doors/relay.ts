/**
 * A front whose back changes: a technician's line stays open while this controller turns from standby to owner and back,
 * and each line that is typed goes to whoever is behind it then.
 */
import type { ChassisId } from '../../core/addresses.ts'
import type { Event } from '../../core/views.ts'
import type { Front } from './front.ts'

export interface Relay {
  readonly front: Front
  /** From now on this is behind it. */
  to(front: Front): void
}

export function openRelay(chassis: ChassisId, first: Front): Relay {
  let behind = first
  const partListeners = new Set<Parameters<Front['onPart']>[0]>()
  const eventListeners = new Set<(event: Event) => void>()
  let deafen = () => {}

  function listen(): void {
    deafen()
    const stops = [
      behind.onPart((part) => {
        for (const heard of partListeners) heard(part)
      }),
      behind.onEvent((event) => {
        for (const heard of eventListeners) heard(event)
      }),
    ]
    deafen = () => {
      for (const stop of stops) stop()
    }
  }

  listen()
  return {
    to: (front) => {
      behind = front
      listen()
    },
    front: {
      chassis,
      submit: (...args) => behind.submit(...args),
      ask: (...args) => behind.ask(...args),
      backup: (...args) => behind.backup(...args),
      digest: (content) => behind.digest(content),
      parts: () => behind.parts(),
      refuses: () => behind.refuses?.(),
      presence: () => behind.presence(),
      onPart: (heard) => {
        partListeners.add(heard)
        return () => partListeners.delete(heard)
      },
      onEvent: (heard) => {
        eventListeners.add(heard)
        return () => eventListeners.delete(heard)
      },
    },
  }
}
