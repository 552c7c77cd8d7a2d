/** `get`: lists of what the chassis shows, one line each; with --watch a line more whenever one of them changes. */

import { isNamed, standingOf } from '../../core/controllers.ts'
import type { PartState, ReasonRow } from '../../core/reply.ts'
import type { Event, PolicyView, PoolView, ProfileView } from '../../core/views.ts'
import { type BayView, type ControllerView, type HealthView, type Part, partName } from '../../core/views.ts'
import { readBays, readId, Usage } from '../arguments.ts'
import type { Client } from '../client.ts'
import type { Context, Verb } from '../context.ts'
import { mirror } from '../context.ts'
import { discover } from '../discover.ts'
import { listEvents } from '../events.ts'
import { type Exit, exitOf, exits } from '../exits.ts'
import { type Column, duration, plain, table } from '../print.ts'
import { bladeWords, countKinds, refusalLines, stateWords, syncWords } from '../say.ts'

const things = [
  'bays',
  'profiles',
  'pools',
  'policies',
  'controllers',
  'chassis',
  'health',
  'events',
  'reasons',
] as const
type Thing = (typeof things)[number]
const singular: { readonly [word: string]: Thing } = {
  bay: 'bays',
  profile: 'profiles',
  pool: 'pools',
  policy: 'policies',
  controller: 'controllers',
  event: 'events',
  reason: 'reasons',
}

export const get: Verb = {
  name: 'get',
  forms: [
    'bays [1-4,7] [--watch]',
    'profiles | pools | policies [ID …] [--watch]',
    'controllers [SLOT …] [--watch]',
    'chassis | health',
    'events [--since N] [--last N]',
    'reasons [NUMBER | NAME]',
  ],
  say: 'list what the chassis shows',
  more:
    'The state is read from what the chassis has published, also while it is offline; `chassis` lists every chassis ' +
    'of the broker. With --watch, --timeout says for how long.',
  examples: ['chassisctl get bays --watch', 'chassisctl get profiles -o json', 'chassisctl get reasons bay-taken'],
  options: {
    watch: { short: 'w', say: 'go on: a line for each change' },
    since: { value: 'N', say: 'events after this number' },
    last: { value: 'N', say: 'only the newest (usual: 20)' },
  },
  async run(context) {
    const word = context.words.take(`what to get: ${things.join(' | ')}`)
    const thing = singular[word] ?? things.find((each) => each === word)
    if (thing === undefined) throw new Usage(`there is no '${word}' to get; say ${things.join(' | ')}`)
    const names = context.words.rest()
    switch (thing) {
      case 'bays':
        return parts(context, 'bay', new Set(names.flatMap(readBays).map((bay) => `bay-${bay}`)))
      case 'profiles':
        return parts(context, 'profile', new Set(names.map((name) => `profile-${readId(name, 'profile')}`)))
      case 'pools':
        return parts(context, 'pool', new Set(names.map((name) => `pool-${readId(name, 'pool')}`)))
      case 'policies':
        return parts(context, 'policy', new Set(names.map((name) => `policy-${readId(name, 'policy')}`)))
      case 'controllers':
        return parts(context, 'controller', new Set(names.map((name) => `controller-${name.toLowerCase()}`)))
      case 'health':
        none(names)
        return parts(context, 'health', new Set())
      case 'chassis':
        none(names)
        return allChassis(context)
      case 'events':
        none(names)
        return events(context)
      case 'reasons':
        return reasons(context, names)
    }
  },
}

function none(names: readonly string[]): void {
  if (names[0] !== undefined) throw new Usage(`'${names[0]}' is one word too many`)
}

type Listed = Exclude<Part['part'], 'chassis'>

/** Parts of one kind; `wanted` empty: all of them. */
async function parts(context: Context, kind: Listed, wanted: ReadonlySet<string>): Promise<Exit> {
  const client = await context.loaded()
  const states = client.state.states(kind).filter(({ part }) => wanted.size === 0 || wanted.has(partName(part)))
  const seen = new Set(states.map(({ part }) => partName(part)))
  const missing = [...wanted].filter((name) => !seen.has(name))
  if (context.has('watch')) return follow(context, client, kind, wanted, states)
  if (context.format === 'table') context.line(...list(kind, states))
  else context.states(states)
  for (const name of missing) context.warn(`chassis ${client.chassis} shows no ${name.replace('-', ' ')}`)
  return missing.length > 0 ? exits.error : exits.ok
}

/** Rows as they stand, then a row for each change. */
async function follow(
  context: Context,
  client: Client,
  kind: Listed,
  wanted: ReadonlySet<string>,
  states: readonly PartState[],
): Promise<Exit> {
  const show = (lines: readonly string[], state: PartState) => {
    if (context.format === 'table') context.line(...lines)
    else context.line(JSON.stringify(mirror(state)))
  }
  const asTable = list(kind, states)
  if (context.format === 'table') context.line(...asTable)
  else for (const state of states) show([], state)
  const limit =
    context.settings.timeoutMs === undefined ? undefined : timer(context.settings.timeoutMs, context.io.signal)
  const shown = new Map(states.map((state) => [partName(state.part), JSON.stringify(state.part)]))
  for await (const { name, state } of client.watch(limit ?? context.io.signal)) {
    if (!name.startsWith(kind) || (wanted.size > 0 && !wanted.has(name))) continue
    if (!state) {
      shown.delete(name)
      if (context.format === 'table') context.line(`${name.replace('-', ' ')} is gone`)
      else context.line(JSON.stringify({ part: kind, name, removed: true }))
    } else if (shown.get(name) !== JSON.stringify(state.part)) {
      shown.set(name, JSON.stringify(state.part))
      // As wide as the first table, so that the lines stay under each other.
      show(list(kind, [...states.filter(({ part }) => partName(part) !== name), state]).slice(-1), state)
    }
  }
  return exits.ok
}

export function timer(ms: number, signal?: AbortSignal): AbortSignal {
  const ended = new AbortController()
  const stop = () => {
    clearTimeout(limit)
    ended.abort()
  }
  const limit = setTimeout(stop, ms)
  if (signal?.aborted) stop()
  signal?.addEventListener('abort', stop, { once: true })
  return ended.signal
}

export function list(kind: Listed, states: readonly PartState[]): readonly string[] {
  switch (kind) {
    case 'bay':
      return bays(states.flatMap(({ part }) => (part.part === 'bay' ? [part.view] : [])))
    case 'profile':
      return profiles(states.flatMap(({ part }) => (part.part === 'profile' ? [part.view] : [])))
    case 'pool':
      return pools(states.flatMap(({ part }) => (part.part === 'pool' ? [part.view] : [])))
    case 'policy':
      return policies(states.flatMap(({ part }) => (part.part === 'policy' ? [part.view] : [])))
    case 'controller':
      return controllers(states.flatMap(({ part }) => (part.part === 'controller' ? [part.view] : [])))
    case 'health':
      return states.flatMap(({ part }) => (part.part === 'health' ? health(part.view) : []))
  }
}

const bayColumns: readonly Column[] = [
  { head: 'BAY', right: true },
  { head: 'BLADE', shrinks: 'cut' },
  { head: 'PROFILE', shrinks: 'cut' },
  { head: 'POWER' },
  { head: 'STATE' },
  { head: 'IN SYNC', shrinks: 'cut' },
]

function bays(views: readonly BayView[]): readonly string[] {
  return table(
    bayColumns,
    views.map((view) => [
      String(view.bay),
      bladeWords(view),
      view.profile,
      view.presence === 'present' ? view.power : undefined,
      view.presence === 'empty' && view.phase === 'idle' ? undefined : stateWords[view.phase],
      syncWords(view.inSync, view.findings),
    ]),
  )
}

function profiles(views: readonly ProfileView[]): readonly string[] {
  const head: readonly Column[] = [
    { head: 'PROFILE', shrinks: 'cut' },
    { head: 'BAY', right: true },
    { head: 'IN SYNC' },
    { head: 'CONNECTIONS', shrinks: 'cut' },
    { head: 'BOOT', shrinks: 'cut' },
    { head: 'DESCRIPTION', shrinks: 'cut' },
  ]
  return table(
    head,
    views.map(({ profile, bay, inSync }) => [
      profile.id,
      bay === undefined ? undefined : String(bay),
      inSync ? 'yes' : 'no',
      countKinds(profile.connections),
      profile.boot.order.map(({ target }) => target).join(', '),
      plain(profile.description ?? ''),
    ]),
  )
}

function pools(views: readonly PoolView[]): readonly string[] {
  const counts = ['free', 'inUse', 'external', 'excluded', 'quarantined'] as const
  const heads = ['FREE', 'IN USE', 'EXTERNAL', 'EXCLUDED', 'QUARANTINED']
  return table(
    [{ head: 'POOL', shrinks: 'cut' }, { head: 'KIND' }, ...heads.map((head) => ({ head, right: true }))],
    views.map((view) => [view.spec.id, view.spec.kind, ...counts.map((name) => String(view.counts[name]))]),
  )
}

function policies(views: readonly PolicyView[]): readonly string[] {
  const head: readonly Column[] = [
    { head: 'POLICY', shrinks: 'cut' },
    { head: 'AFTER', right: true },
    { head: 'CUT' },
    { head: 'TRIES', right: true },
    { head: 'PROFILES', shrinks: 'cut' },
    { head: 'SPARES', shrinks: 'cut' },
    { head: 'RESCUES', shrinks: 'cut' },
  ]
  return table(
    head,
    views.map(({ policy, rescues }) => [
      policy.id,
      `${policy.afterSeconds} s`,
      policy.cut ? 'yes' : 'no',
      String(policy.attempts),
      policy.profiles?.join(', ') ?? 'all',
      policy.spares?.join(', ') ?? 'any',
      rescues.map(({ profile, bay }) => `${profile} (bay ${bay})`).join(', '),
    ]),
  )
}

function controllers(views: readonly ControllerView[]): readonly string[] {
  const paired = views.some(({ pair }) => pair !== undefined)
  const head: readonly Column[] = [
    { head: 'SLOT' },
    { head: 'ROLE' },
    { head: 'STANDING' },
    { head: 'MEMBER' },
    { head: 'SERIAL', shrinks: 'cut' },
    { head: 'VERSION', shrinks: 'cut' },
    { head: 'UP', right: true },
    { head: 'STORES ON' },
  ]
  return table(
    head,
    views.map((view) => {
      const { slot, role, serial, version, uptimeMs, store } = view
      return [
        slot,
        role,
        standingOf(view, views),
        paired ? (isNamed(view, views) ? 'yes' : 'no') : undefined,
        serial && plain(serial),
        plain(version),
        role === 'silent' ? undefined : duration(uptimeMs),
        store.readOnly ? 'READ-ONLY' : store.copies.join(', '),
      ]
    }),
  )
}

function health({ supplies, fans, temperatures, frus }: HealthView): readonly string[] {
  const rows = [
    ...supplies.map(({ bay, state, watts }) => [`power supply ${bay}`, state, `${watts} W`]),
    ...fans.map(({ bay, state, rpm }) => [`fan ${bay}`, state, `${rpm} rpm`]),
    ...temperatures.map(({ name, celsius, limit }) => [
      `temperature ${plain(name)}`,
      celsius > limit ? 'hot' : 'ok',
      `${celsius} °C of ${limit} °C`,
    ]),
    ...frus.map(({ where, product, serial, part }) => [
      `part ${plain(where)}`,
      'there',
      plain(`${product} ${part} ${serial}`),
    ]),
  ]
  return table([{ head: 'WHAT', shrinks: 'cut' }, { head: 'STATE' }, { head: 'READING', shrinks: 'wrap' }], rows)
}

async function allChassis(context: Context): Promise<Exit> {
  const link = await context.link()
  const found = await discover(link, 300, context.limit('5s'), context.io.signal)
  const { chassis: only } = context.settings
  const all = [...found].filter(([id]) => only === undefined || id === only).sort(([a], [b]) => a.localeCompare(b))
  if (context.format !== 'table') {
    context.json(
      all.map(([chassis, presence]) => ({ chassis, ...(presence === 'unknown' ? { unread: true } : presence) })),
    )
    return exits.ok
  }
  const head: readonly Column[] = [
    { head: 'CHASSIS', shrinks: 'cut' },
    { head: 'AGENT' },
    { head: 'BOARD', shrinks: 'cut' },
    { head: 'VERSION' },
    { head: 'INCARNATION' },
  ]
  const rows = all.map(([id, presence]) => {
    if (presence === 'unknown') return [id, 'unreadable']
    const { online, board, version, incarnation } = presence
    return [id, online ? 'online' : 'offline', board, version, incarnation]
  })
  if (rows.length === 0) context.warn('no chassis has announced itself on this broker')
  else context.line(...table(head, rows))
  return exits.ok
}

async function events(context: Context): Promise<Exit> {
  const since = context.number('since')
  const last = context.number('last') ?? (since === undefined ? 20 : Number.POSITIVE_INFINITY)
  const client = await context.client()
  const kept: Event[] = []
  for await (const event of listEvents(
    (query) => client.request(query, { timeoutMs: context.limit('15s') }),
    since ?? 0,
  )) {
    kept.push(event)
    if (kept.length > last) kept.shift()
  }
  if (context.format === 'table') context.line(...eventTable(kept))
  else context.json(kept)
  return exits.ok
}

const eventColumns: readonly Column[] = [
  { head: 'NUMBER', right: true },
  { head: 'SEVERITY' },
  { head: 'EVENT', shrinks: 'cut' },
  { head: 'WHAT HAPPENED', shrinks: 'wrap' },
]

export function eventTable(events: readonly Event[]): readonly string[] {
  return table(eventColumns, events.map(eventRow))
}

function eventRow(event: Event): readonly string[] {
  if (event.kind === 'gap')
    return [
      String(event.to),
      'warning',
      'gap',
      `no events ${event.from} to ${event.to}: dropped, or numbers never used`,
    ]
  const who = event.who ? ` (${event.who.client}, ${event.who.door})` : ''
  return [String(event.number), event.severity, event.type, plain(event.message + who)]
}

async function reasons(context: Context, names: readonly string[]): Promise<Exit> {
  const [wanted, ...more] = names
  none(more)
  const client = await context.client()
  const { outcome } = await client.request({ kind: 'list-reasons' }, { timeoutMs: context.limit('15s') })
  if (outcome.kind !== 'reasons') {
    if (outcome.kind === 'refused') context.warn(...refusalLines(outcome))
    return exitOf(outcome)
  }
  const is = ({ number, name }: ReasonRow) => wanted === undefined || name === wanted || String(number) === wanted
  const rows = outcome.reasons.filter(is)
  if (rows.length === 0) return context.fail(`there is no reason ${wanted}; chassisctl get reasons lists them`)
  const head: readonly Column[] = [
    { head: 'NUMBER', right: true },
    { head: 'TYPE' },
    { head: 'REASON' },
    { head: 'DO', shrinks: 'wrap' },
  ]
  if (context.format === 'table')
    context.line(
      ...table(
        head,
        rows.map(({ number, type, name, remedy }) => [String(number), type, name, remedy]),
      ),
    )
  else context.json(rows)
  return exits.ok
}
