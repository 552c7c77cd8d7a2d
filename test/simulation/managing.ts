/** What managers do in a life: one plans well, most of the time; the other was in office once, or never, and goes on. */
import type { Bay } from '../../agent/core/blade.ts'
import type { Profile } from '../../agent/core/profile.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import { id, iscsiProfile, lanProfile, sanProfile } from '../core/lab.ts'
import type { Chance } from './chance.ts'
import type { Manager } from './client.ts'
import type { Stage } from './stage.ts'

const names = ['web-01', 'web-02', 'db-01'] as const
export const profiles: readonly Profile[] = [
  { ...anywhere(sanProfile('web-01')), affinity: 'bay' },
  { ...anywhere(lanProfile('web-02')), affinity: 'bay' },
  diskless(anywhere(iscsiProfile('db-01'))),
]

/** On whatever adapter fits. */
function anywhere(profile: Profile): Profile {
  const connections = profile.connections.map((connection) => {
    const { slot: _, ...rest } = connection
    return rest
  })
  return { ...profile, connections }
}

/** Secrets are sealed with chance that is not the seed's: none is kept in a simulated life. */
function diskless(profile: Profile): Profile {
  const order = profile.boot.order.map((entry) => {
    if (entry.target !== 'iscsi') return entry
    const { chap: _, ...rest } = entry
    return rest
  })
  return { ...profile, boot: { ...profile.boot, order } }
}

export interface Managing {
  /** A command that a manager could mean. */
  command(): WireCommand
  /** One of them does something; tells what. */
  manage(): string
}

export interface ManagingParts {
  readonly stage: Stage
  readonly chance: Chance
  readonly central: Manager
  readonly other: Manager
  /** Where hands were last: what is commanded there meets what they did. */
  focus(): Bay
}

export function managing({ stage, chance, central, other, focus: where }: ManagingParts): Managing {
  const { below, pick, oneIn } = chance
  const { host } = stage
  const bays = stage.hardware.board.bays.map(({ bay }) => bay)

  function command(): WireCommand {
    const focus = where()
    const seats = central.shown?.seats ?? {}
    const here = names.filter((name) => seats[name] === focus)
    const profile = id<'Profile'>(pick(here.length > 0 && oneIn(2) ? here : names))
    const full = bays.filter((each) => host.world.slots[each]?.blade)
    const bay = oneIn(4) ? focus : pick(full.length > 0 && !oneIn(4) ? full : bays)
    const when = pick(['now', 'next-off'] as const)
    const stop = pick(['no', 'graceful', 'forced', 'forced'] as const)
    const to = oneIn(5) ? { any: {} } : { bay }
    const seated = seats[profile] !== undefined
    switch (below(10)) {
      case 0:
      case 1:
      case 2:
        if (!seated)
          return { kind: 'assign', profile, to, when: 'now', preprovision: oneIn(3), power: pick(['on', 'on', 'off']) }
        return { kind: 'move', profile, to, when, stop, preprovision: oneIn(3), force: false }
      case 3:
        return { kind: 'move', profile, to, when, stop, preprovision: oneIn(3), force: oneIn(6) }
      case 4:
        return { kind: 'unassign', profile, when, stop, force: oneIn(6) }
      case 5:
      case 6:
        return {
          kind: 'power',
          bay,
          want: pick(['on', 'on', 'off', 'cycle', 'reset'] as const),
          stop: pick(['graceful', 'forced'] as const),
        }
      case 7:
        return { kind: 'locate', bay, lit: oneIn(2) }
      case 8:
        return oneIn(3)
          ? { kind: 'resync' }
          : { kind: 'set-boot-plan', profile, boot: { mode: pick(['uefi', 'legacy']), order: [] } }
      default:
        return { kind: 'reseat', bay }
    }
  }

  /** What is sent before is not always what is right. */
  function badPlan(manager: Manager): void {
    const body = command()
    switch (below(8)) {
      case 0:
        manager.change(body, { ifRevision: below(12) })
        return
      case 1:
      case 6:
      case 7:
        manager.repeat(!oneIn(3))
        return
      case 2:
        manager.reuse(body)
        return
      case 3:
        manager.change(body, manager.shown ? { epoch: Math.max(0, manager.shown.epoch - below(3)) } : {})
        return
      case 4:
        manager.change(body, { sequence: 1 + below(20) })
        return
      default:
        manager.change(body, manager.shown ? { ifRevision: manager.shown.revision, epoch: manager.shown.epoch } : {})
    }
  }

  function manage(): string {
    const dice = below(20)
    if (dice < 12 && central.commands) {
      central.change(command())
      return 'central commands'
    }
    if (dice < 13) {
      central.takeOver()
      return 'central takes over'
    }
    if (dice < 14) {
      if (oneIn(3)) other.number = below(4)
      other.takeOver()
      return 'other takes over'
    }
    if (dice < 16) {
      other.change(command())
      return 'other commands'
    }
    const manager = oneIn(2) ? central : other
    badPlan(manager)
    return `${manager.name} plans badly`
  }

  return { command, manage }
}
