/**
 * Policies at work: keeps since when each dead blade has been seen dead, and submits what core judges to be due, by the
 * same path as every other command. It has no opinion and no memory that matters: the seconds are counted on the
 * agent's own clock, and a restart counts anew; what was done stands in records, and whoever restarts goes on from
 * there. Each command quotes the revision that it was judged at, so that whatever changed in between is judged again
 * (W24), and has an id that follows from what it is about, so that twice is once (I6).
 */
import { createHash } from 'node:crypto'
import type { ClientId } from '../core/addresses.ts'
import { canonical } from '../core/blade.ts'
import type { Hardware } from '../core/board.ts'
import type { Envelope } from '../core/command.ts'
import { policiesOf, policyClient } from '../core/policy.ts'
import { type Death, type Due, deathIn, rescue } from '../core/rescue.ts'
import type { Agent, Now } from './agent.ts'
import type { Clock } from './clock.ts'

export interface AutonomyParts {
  readonly agent: Pick<Agent, 'now' | 'submit'>
  readonly hardware: Hardware
  readonly clock: Clock
}

export interface Autonomy {
  /** Something may look different: a bay was looked at, or a record is durable. */
  changed(): void
  stop(): void
}

/** Shorter than the shortest pause between two looks at a bay, so that no look is missed. */
const gatherMs = 250
/** Patience is counted in seconds, and nobody waits for a fraction. */
const patienceMs = 1_000
/** After a refusal: what stood against it is mostly still there a moment later. */
const refusedMs = 5_000

export function startAutonomy({ agent, hardware, clock }: AutonomyParts): Autonomy {
  const since = new Map<string, number>()
  let timer: { readonly at: number; readonly cancel: () => void } | undefined
  let busy = false
  let quietUntil = 0
  let stopped = false

  function wake(ms: number): void {
    const at = clock.uptimeMs() + ms
    if (stopped || (timer && timer.at <= at)) return
    timer?.cancel()
    const cancel = clock.after(ms, () => {
      timer = undefined
      look()
    })
    timer = { at, cancel }
  }

  function look(): void {
    const now = agent.now()
    const deaths = policiesOf(now.state).length > 0 ? deathsIn(now) : []
    const seen = new Set(deaths.map(key))
    for (const known of since.keys()) if (!seen.has(known)) since.delete(known)
    for (const each of seen) if (!since.has(each)) since.set(each, clock.uptimeMs())
    for (const death of busy || clock.uptimeMs() < quietUntil ? [] : deaths) {
      const seconds = (clock.uptimeMs() - (since.get(key(death)) ?? clock.uptimeMs())) / 1000
      const due = rescue({ ...now, hardware }, death, seconds)
      if (due) {
        act(due)
        break
      }
    }
    if (deaths.length > 0) wake(patienceMs)
  }

  function deathsIn({ state, observed, plans }: Now): readonly Death[] {
    return hardware.board.bays.flatMap(({ bay }) => {
      const troubles = plans[bay]?.findings.map(({ reason }) => reason)
      return deathIn({ state, observed, hardware }, bay, troubles) ?? []
    })
  }

  /** One at a time: the next is judged on what this one leaves. */
  function act({ command, revision }: Due): void {
    const content = canonical({ command, revision })
    const envelope: Envelope = {
      who: { door: 'policy', client: policyClient(command.policy) as string as ClientId },
      request: createHash('sha256').update(content).digest('hex').slice(0, 32),
      content,
      ifRevision: revision,
      dryRun: false,
    }
    busy = true
    // A reply that says no is no failure; whatever else happens is a bug, and goes on up.
    void agent.submit(command, envelope).then(({ outcome }) => {
      busy = false
      if (outcome.kind !== 'accepted') quietUntil = clock.uptimeMs() + refusedMs
      wake(gatherMs)
    })
  }

  return {
    changed: () => wake(gatherMs),
    stop: () => {
      stopped = true
      timer?.cancel()
      timer = undefined
    },
  }
}

/** However it is dead: one that is pulled after it went silent has been dead all along. */
const key = ({ profile, bay, serial }: Death): string => canonical({ profile, bay, serial })
