/** What whoever leads shows of itself: a real desk behind the broker, and the little that managers here plan by. */
import { createHash } from 'node:crypto'
import type { Agent } from '../../agent/controller/agent.ts'
import type { Clock } from '../../agent/controller/clock.ts'
import { openDesk } from '../../agent/controller/desk.ts'
import { openDiary } from '../../agent/controller/diary.ts'
import type { Front } from '../../agent/controller/doors/front.ts'
import type { OpenedMemory } from '../../agent/controller/memory.ts'
import { sealer } from '../../agent/controller/secrets.ts'
import { startShowing } from '../../agent/controller/showing.ts'
import { openEventRing } from '../../agent/controller/store/event-ring.ts'
import type { Hardware } from '../../agent/core/board.ts'
import { bayOf, type State } from '../../agent/core/state.ts'
import { memoryMedium } from '../controller/store/memory-medium.ts'
import { id } from '../core/lab.ts'
import type { Shown } from './client.ts'

export const chassis = id<'Chassis'>('rig')

export interface FrontParts {
  readonly agent: Agent
  readonly memory: OpenedMemory
  readonly clock: Clock
  readonly bootId: string
  readonly hardware: Hardware
}

/** Its showing is put together when somebody asks, and its diary stays empty: most of a life's time would go there. */
export async function openFront({ agent, memory, clock, bootId, hardware }: FrontParts): Promise<Front> {
  const diary = openDiary(await openEventRing({ medium: memoryMedium() }), clock, bootId, () => undefined)
  return openDesk({
    chassis,
    agent,
    showing: startShowing({ clock, hardware, now: agent.now, controllers: () => [], health: () => undefined }),
    diary,
    clock,
    sealer: memory.chassisKey && sealer(memory.chassisKey),
    keyIsCurrent: () => memory.keyIsCurrent,
    digest: (content) =>
      createHash('sha256').update(memory.state.incarnation).update(content).digest('hex').slice(0, 32),
    about: { bootId, version: '1.0', schema: '', board: hardware.board.id },
  })
}

export function shown(state: State, now: Pick<Shown, 'bootId' | 'uptimeMs' | 'at'>): Shown {
  const { incarnation, epoch, revision, office, profiles } = state
  const seats = Object.keys(profiles).flatMap((name) => {
    const bay = bayOf(state, id<'Profile'>(name))
    return bay === undefined ? [] : [[name, bay] as const]
  })
  return { incarnation, epoch, revision, office: office?.client, seats: Object.fromEntries(seats), ...now }
}
