/**
 * What the chassis shows, kept up to date: the parts of the retained state, each with a version that rises when it is
 * published anew. Changes are gathered for a moment and compared with what was shown last, so that a storm of looks at
 * hardware makes no storm of messages; `chassis` comes last and names the version of every part.
 */
import type { Serial } from '../core/addresses.ts'
import type { Bay } from '../core/blade.ts'
import { canonical } from '../core/blade.ts'
import type { Hardware } from '../core/board.ts'
import type { Reason } from '../core/reasons.ts'
import type { PartState } from '../core/reply.ts'
import { type Reporting, reportBay, reportChassis, reportPolicy, reportPool, reportProfile } from '../core/report.ts'
import { type ControllerView, type HealthView, type Part, partName } from '../core/views.ts'
import type { Now } from './agent.ts'
import type { Clock } from './clock.ts'

export interface Sources {
  readonly clock: Clock
  readonly hardware: Hardware
  now(): Now
  /** This one, and the other one of a pair, as far as it tells of itself. */
  controllers(): readonly ControllerView[]
  health(): HealthView | undefined
}

export interface Showing {
  /** Something may look different. */
  changed(): void
  parts(): readonly PartState[]
  onPart(heard: (part: PartState | { readonly removed: string }) => void): () => void
  stop(): void
}

/** Long enough that a round of looks at all bays is told once, short enough that nobody waits for it. */
const gatherMs = 20

type News = PartState | { readonly removed: string }

export function startShowing({ clock, hardware, now, controllers, health }: Sources): Showing {
  const shown = new Map<string, PartState>()
  const texts = new Map<string, string>()
  /** Of parts that are gone, too: one that comes back must not look older than it was. */
  const versions = new Map<string, number>()
  const listeners = new Set<(news: News) => void>()
  const since = new Map<string, number>()
  let timer: (() => void) | undefined
  let stopped = false

  /** When a finding was first there; it is forgotten with the finding. */
  function firstSeen(plans: Now['plans']): (bay: Bay, reason: Reason) => number {
    const there = new Set<string>()
    for (const [bay, { findings }] of Object.entries(plans))
      for (const { reason } of findings) there.add(`${bay} ${reason}`)
    for (const key of since.keys()) if (!there.has(key)) since.delete(key)
    for (const key of there) if (!since.has(key)) since.set(key, clock.uptimeMs())
    return (bay, reason) => since.get(`${bay} ${reason}`) ?? clock.uptimeMs()
  }

  function refresh(): void {
    timer?.()
    timer = undefined
    const { state, observed, plans, chassisSerial } = now()
    const reporting: Reporting = { state, observed, plans, hardware, since: firstSeen(plans) }
    const parts: Part[] = hardware.board.bays.map(({ bay }) => ({ part: 'bay', view: reportBay(reporting, bay) }))
    for (const id of Object.keys(state.profiles)) {
      const view = reportProfile(reporting, id)
      if (view) parts.push({ part: 'profile', view })
    }
    for (const id of Object.keys(state.pools)) {
      const view = reportPool(reporting, id)
      if (view) parts.push({ part: 'pool', view })
    }
    for (const id of Object.keys(state.policies ?? {})) {
      const view = reportPolicy(reporting, id)
      if (view) parts.push({ part: 'policy', view })
    }
    const views = controllers()
    for (const view of views) parts.push({ part: 'controller', view })
    const healthView = health()
    if (healthView) parts.push({ part: 'health', view: healthView })
    const names = new Set(parts.map(partName))
    const gone = [...shown.keys()].filter((name) => !names.has(name) && name !== 'chassis')
    for (const name of gone) {
      shown.delete(name)
      texts.delete(name)
    }
    const news: News[] = gone.map((removed) => ({ removed }))
    for (const part of parts) news.push(...show(part, state))
    const listed = Object.fromEntries(
      [...shown].filter(([name]) => name !== 'chassis').map(([name, { version }]) => [name, version]),
    )
    news.push(
      ...show({ part: 'chassis', view: reportChassis(reporting, chassisSerial as Serial, listed, views) }, state),
    )
    // Told last: whoever hears of one part and asks for another finds what goes with it.
    for (const each of news) for (const heard of listeners) heard(each)
  }

  /** What there is to tell of it: nothing, where it looks as before. */
  function show(part: Part, { revision, incarnation, term }: Now['state']): readonly PartState[] {
    const name = partName(part)
    const before = shown.get(name)
    const text = compared(part)
    // A bay or a profile that stayed the same through a revision was still judged at it: done is said by revision.
    const judged = part.part === 'bay' || part.part === 'profile' || part.part === 'chassis'
    const same = before?.incarnation === incarnation && before.term === term && texts.get(name) === text
    if (before && same && !(judged && before.revision !== revision)) {
      // Figures that are not compared are still shown as they are now to whoever asks.
      shown.set(name, { ...before, part })
      return []
    }
    const version = (versions.get(name) ?? 0) + 1
    const state: PartState = { revision, version, incarnation, term, part }
    versions.set(name, version)
    shown.set(name, state)
    texts.set(name, text)
    return [state]
  }

  return {
    changed: () => {
      if (!stopped) timer ??= clock.after(gatherMs, refresh)
    },
    parts: () => {
      // Who asks sees what was answered before, not what a gathering of changes still holds back.
      refresh()
      const all = [...shown.values()]
      const chassis = all.filter(({ part }) => part.part === 'chassis')
      return [...all.filter(({ part }) => part.part !== 'chassis'), ...chassis]
    },
    onPart: (heard) => {
      listeners.add(heard)
      return () => listeners.delete(heard)
    },
    stop: () => {
      stopped = true
      timer?.()
      timer = undefined
    },
  }
}

/** What decides whether a part is published anew: all of it, but for figures that move by themselves. */
function compared(part: Part): string {
  if (part.part !== 'controller') return canonical(part)
  const { uptimeMs: _, host, store, ...rest } = part.view
  const { index: __, digest: ___, bytesWritten: ____, syncs: _____, eepromPagesWritten: ______, ...kept } = store
  return canonical({
    ...rest,
    host: host === 'unknown' ? host : { hostname: host.hostname, interfaces: host.interfaces },
    store: kept,
  })
}
