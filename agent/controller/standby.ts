/**
 * What a standby shows and takes: the copy that it keeps, as far as that can be told without looking at a blade, and one
 * command, to take over by force. Everything else is the owner's.
 */
import type { ChassisId } from '../core/addresses.ts'
import type { Hardware } from '../core/board.ts'
import { type Refusal, refuse } from '../core/reasons.ts'
import type { Outcome, Reply } from '../core/reply.ts'
import type { State } from '../core/state.ts'
import { type ControllerView, partName } from '../core/views.ts'
import { capabilities } from '../wire/command.ts'
import { reasonRows } from '../wire/response.ts'
import type { Clock } from './clock.ts'
import type { DeskParts } from './desk.ts'
import type { Diary } from './diary.ts'
import type { Front } from './doors/front.ts'
import type { LineReading } from './hardware/driver.ts'
import { startShowing } from './showing.ts'

export interface StandbyDesk {
  readonly chassis: ChassisId
  readonly hardware: Hardware
  readonly clock: Clock
  readonly diary: Diary
  readonly digest: DeskParts['digest']
  readonly about: DeskParts['about']
  state(): State
  readonly slot: ControllerView['slot']
  /** Whose the owner line is. */
  owner(): LineReading['owner'] | 'unknown'
  /** This one first. */
  controllers(): readonly ControllerView[]
  /** Tells why not. */
  takeOver(): string | undefined
}

export interface StandbyFront {
  readonly front: Front
  /** Something may look different. */
  changed(): void
  stop(): void
}

export function openStandbyDesk(parts: StandbyDesk): StandbyFront {
  const { chassis, slot, hardware, clock, diary, about, state, controllers } = parts
  const showing = startShowing({
    clock,
    hardware,
    controllers,
    health: () => undefined,
    now: () => ({ state: state(), observed: { bays: {}, interconnects: 'unknown' }, plans: {}, chassisSerial: '' }),
  })
  const reply = (request: string, outcome: Outcome): Reply => {
    const { epoch, revision, incarnation, term } = state()
    return { request, epoch, revision, incarnation, term, replayed: false, outcome }
  }
  const refused = (refusal: Refusal): Outcome => ({ kind: 'refused', refusal })
  const notHere = () => {
    const other = slot === 'A' ? 'B' : 'A'
    const whom = parts.owner() === other ? `controller ${other} owns the chassis` : 'no controller owns the chassis yet'
    const where = parts.owner() === other ? `go to controller ${other}` : 'wait for the owner'
    return refuse('is-standby', `controller ${slot} is standby, and ${whom}; ${where}, or here: changeover force`)
  }

  return {
    changed: showing.changed,
    stop: showing.stop,
    front: {
      chassis,
      submit: async (command, { request, dryRun }) => {
        if (command.kind !== 'changeover' || !command.force) return reply(request, refused(notHere()))
        const why = dryRun ? undefined : parts.takeOver()
        if (why !== undefined) return reply(request, refused(refuse('no-standby', why)))
        const { revision, epoch } = state()
        const accepted = { changed: false, diff: ['this controller takes the owner line'], revision, epoch }
        return reply(request, { kind: 'accepted', accepted, copies: [], singleCopy: false })
      },
      ask: (query) => {
        switch (query.kind) {
          case 'read-state': {
            const found = showing
              .parts()
              .filter(({ part }) => query.part === undefined || partName(part) === query.part)
            return reply('', found.length > 0 ? { kind: 'state', parts: found } : refused(notHere()))
          }
          case 'list-events':
            return reply('', { kind: 'events', events: diary.list(query.since, query.limit) })
          case 'list-reasons':
            return reply('', { kind: 'reasons', reasons: reasonRows })
          case 'look-up-request':
            return reply('', refused(notHere()))
        }
      },
      backup: async () => reply('', refused(notHere())),
      refuses: notHere,
      digest: parts.digest,
      parts: showing.parts,
      presence: () => {
        const { incarnation, epoch, revision, term } = state()
        return {
          ...about,
          incarnation,
          capabilities,
          publicKey: '',
          epoch,
          revision,
          term,
          uptimeMs: clock.uptimeMs(),
        }
      },
      onPart: showing.onPart,
      onEvent: diary.onEvent,
    },
  }
}
