/** The chassis as a whole on the technician's screen: pools, policies, health, what needs hands, what happened, what is stored. */
import { standingOf } from '../../../core/controllers.ts'
import type { ChassisView, ControllerView, Event, PoolView } from '../../../core/views.ts'
import type { Scene } from './scene.ts'
import { columns, dateTime, duration, printable, table, wrap } from './text.ts'

export function pools({ pools }: Scene): readonly string[] {
  if (pools.length === 0) return ['no pools; a central manager defines them']
  return table(
    [
      { head: 'pool', most: 16 },
      { head: 'kind', most: 4 },
      { head: 'from', most: 26 },
      { head: 'in use', most: 7, right: true },
      { head: 'free', most: 7, right: true },
      { head: 'set aside', most: 9, right: true },
    ],
    pools.map(({ spec, counts }) => [
      spec.id,
      spec.kind,
      rangeWords(spec),
      String(counts.inUse),
      String(counts.free),
      String(counts.external + counts.excluded + counts.quarantined),
    ]),
  )
}

function rangeWords({ range }: PoolView['spec']): string {
  switch (range.by) {
    case 'count':
      return range.first
    case 'preset':
      return `${range.preset} range ${range.index}`
  }
}

export function policies({ policies }: Scene): readonly string[] {
  if (policies.length === 0) return ['no policies; a dead blade waits for somebody']
  return policies.flatMap(({ policy, rescues }) => [
    ...wrap(
      [
        `${policy.id}: ${policy.profiles?.join(', ') ?? 'every profile with affinity model'}`,
        `after ${policy.afterSeconds} s`,
        `to ${policy.spares ? `bay ${policy.spares.join(', ')}` : 'any free bay'}`,
        `${policy.attempts} tries`,
        policy.cut ? 'may cut the dead bay' : 'may not cut the dead bay',
      ].join('; '),
      79,
      '  ',
    ),
    ...rescues.flatMap(({ profile, from, serial, bay, tried }) => {
      const where = bay === from ? 'nowhere to go yet' : `moved to bay ${tried.join(', then ')}`
      return wrap(`  ${profile}: blade ${printable(serial)} died in bay ${from}; ${where}`, 79, '    ')
    }),
  ])
}

export function health({ health, controllers, chassis }: Scene): readonly string[] {
  const parts = health
    ? [
        ...group(
          'power supplies',
          health.supplies.map(({ bay, state, watts }) => `${bay} ${state}${state === 'ok' ? ` ${watts} W` : ''}`),
        ),
        ...group(
          'fans',
          health.fans.map(({ bay, state, rpm }) => `${bay} ${state}${state === 'ok' ? ` ${rpm} rpm` : ''}`),
        ),
        ...group(
          'temperatures',
          health.temperatures.map(({ name, celsius, limit }) => `${name} ${celsius} C of ${limit}`),
        ),
      ]
    : ['supplies, fans and temperatures were not read yet']
  return [...parts, ...controllers.flatMap(host), chassisLine(chassis)]
}

function group(name: string, words: readonly string[]): readonly string[] {
  return wrap(`${name}: ${printable(words.join(', ')) || 'none'}`, 79, '  ')
}

function host({ slot, role, version, uptimeMs, host }: ControllerView): readonly string[] {
  if (role === 'silent') return [`controller ${slot}: says nothing`]
  const mib = (bytes: number) => Math.round(bytes / 1_048_576)
  const own =
    host === 'unknown'
      ? 'not read yet'
      : [
          `load ${host.load.toFixed(2)}`,
          `memory ${mib(host.memoryFreeBytes)} of ${mib(host.memoryBytes)} MiB free`,
          host.celsius !== undefined && `${Math.round(host.celsius)} C`,
        ]
          .filter(Boolean)
          .join(', ')
  return wrap(`controller ${slot}: ${version}, up ${duration(uptimeMs)}, ${own}`, 79, '  ')
}

function chassisLine(chassis: ChassisView | undefined): string {
  if (!chassis) return 'bays were not read yet'
  const { todo } = chassis
  if (todo.length === 0) return 'bays: nothing needs you'
  return `bays: ${todo.length} ${todo.length === 1 ? 'line' : 'lines'} in 'show todo'`
}

export function todo({ chassis }: Scene): readonly string[] {
  if (!chassis) return ['bays were not read yet']
  if (chassis.todo.length === 0) return ['nothing needs you']
  return chassis.todo.flatMap(({ message, remedy }) => [
    ...wrap(printable(message), 79, '  '),
    ...wrap(`  do: ${printable(remedy)}`, 79, '      '),
  ])
}

export const eventsShown = 20

export function events(scene: Scene): readonly string[] {
  const events = scene.events()
  if (events.length === 0) return ['nothing happened yet']
  return events.flatMap((event) => {
    if (event.kind === 'gap') return [`no ${event.from} to ${event.to}: dropped, or numbers never used`]
    return wrap(
      `${event.number} ${when(event, scene.presence)} ${mark[event.severity]}${printable(event.message)}`,
      79,
      '    ',
    )
  })
}

const mark = { info: '', warning: 'WARNING ', critical: 'CRITICAL ' }

function when({ timeMs, bootId, uptimeMs }: Extract<Event, { kind: 'event' }>, presence: Scene['presence']): string {
  if (timeMs !== undefined) return dateTime(timeMs)
  // Without a clock there is only an order, and how long ago it was in this life of the controller.
  return bootId === presence.bootId ? `${duration(presence.uptimeMs - uptimeMs)} ago` : 'before the restart'
}

const standingWords: { readonly [standing in ReturnType<typeof standingOf>]: string } = {
  leads: 'leads',
  member: 'holds everything',
  'catching-up': 'catching up',
  refused: 'not taken in',
  silent: 'says nothing',
  absent: 'not there',
}

/** It told of itself: a standby knows of its owner only what the owner line shows. */
const isHeard = ({ version }: ControllerView): boolean => version !== ''

/** Who leads, who follows, and what each of them holds. */
export function controllers({ controllers }: Scene): readonly string[] {
  const all = [...controllers].sort((a, b) => (a.slot < b.slot ? -1 : 1))
  const owner = all.find(({ pair }) => pair)
  const rows = all.map((view) => {
    const { slot, role, serial, sinceUptimeMs, uptimeMs, version, store } = view
    return [
      slot,
      role,
      serial ?? '',
      standingWords[standingOf(view, all)],
      isHeard(view) ? duration(uptimeMs - (sinceUptimeMs ?? 0)) : '',
      version,
      store.copies.length > 0 ? copyWords(store.copies) : '',
    ]
  })
  return [
    ...table(
      [
        { head: 'slot', most: 4 },
        { head: 'role', most: 7 },
        { head: 'serial', most: 12 },
        { head: 'standing', most: 16 },
        { head: 'for', most: 8, right: true },
        { head: 'version', most: 8 },
        { head: 'copies', most: 16 },
      ],
      rows,
    ),
    ...(owner?.pair
      ? wrap(`may lead, as the chassis EEPROM tells: ${memberWords(owner.pair.members)}`, columns, '  ')
      : []),
    ...(owner?.pair?.other.is === 'absent' ? ['the other slot is empty'] : []),
    ...(owner?.pair?.other.why === undefined
      ? []
      : wrap(`not taken in: ${printable(owner.pair.other.why)}`, columns, '  ')),
    ...(all.length === 1 && all[0]?.role === 'owner' && !owner ? ['this controller knows of no other'] : []),
  ]
}

/** Serial numbers, without what tells one life of a flash from another. */
const memberWords = (members: readonly string[]): string =>
  members.map((name) => printable(name.split('/')[0] ?? name)).join(', ') || 'nobody'

export function store({ controllers }: Scene): readonly string[] {
  return controllers.flatMap((view) => storeOf(view, controllers))
}

function storeOf(view: ControllerView, all: readonly ControllerView[]): readonly string[] {
  const { slot, role } = view
  switch (role) {
    case 'owner':
      return isHeard(view) ? ownStore(view) : [`controller ${slot}: owns the chassis; its own line shows its store`]
    case 'standby':
      return wrap(`controller ${slot}: ${copyOf(view, all)}`, columns, '  ')
    case 'silent':
      return [`controller ${slot}: says nothing; what it keeps can not be told`]
  }
}

function copyOf(view: ControllerView, all: readonly ControllerView[]): string {
  const why = view.store.notes.at(-1)
  switch (standingOf(view, all)) {
    case 'member':
      return 'standby; keeps a copy of everything, on flash'
    case 'refused':
      return `standby; keeps no copy: ${printable(why ?? 'it is not taken in')}`
    case 'leads':
    case 'catching-up':
    case 'silent':
    case 'absent':
      return 'standby; its copy is not complete yet'
  }
}

function ownStore({ slot, store }: ControllerView): readonly string[] {
  return [
    ...wrap(
      `controller ${slot}: ${store.readOnly ? 'READ-ONLY: nothing can be changed, blades keep running' : 'stores changes'}`,
    ),
    ...wrap(`last change stored on: ${copyWords(store.copies)}`),
    `record ${store.index}, ${store.bytesWritten} bytes and ${store.syncs} syncs to flash since the start`,
    `chassis EEPROM: ${Math.round(store.eepromUse * 100)} % full, ${store.eepromPagesWritten} pages written since the start`,
    ...store.notes.flatMap((note) => wrap(`note: ${printable(note)}`, columns, '  ')),
  ]
}

const copyNames = { flash: 'flash', eeprom: 'EEPROM', peer: 'standby' } as const

/** `flash and EEPROM` */
export function copyWords(copies: ControllerView['store']['copies']): string {
  const words = copies.map((copy) => copyNames[copy])
  return words.length > 1 ? `${words.slice(0, -1).join(', ')} and ${words.at(-1)}` : (words[0] ?? 'nothing yet')
}

export function version({ presence, chassis, controllers }: Scene): readonly string[] {
  const [controller] = controllers
  return [
    `Midplane ${presence.version}, controller ${controller?.slot ?? '?'}`,
    ...wrap(
      `chassis: ${chassis?.boardName ?? presence.board}${chassis?.serial ? `, serial ${printable(chassis.serial)}` : ''}`,
    ),
    `up ${duration(presence.uptimeMs)}, revision ${presence.revision}`,
    ...(chassis?.office
      ? wrap(`central manager: ${chassis.office.client}`)
      : ['no central manager commands this chassis']),
  ]
}
