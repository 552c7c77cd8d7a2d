/** Bays and profiles on the technician's screen: tables, one bay with its addresses side by side, and why it is not done. */
import type { ProfileId } from '../../../core/addresses.ts'
import type { Bay } from '../../../core/blade.ts'
import type { BootEntry, Connection } from '../../../core/profile.ts'
import type { AddressSet, BayView, FunctionView, ProfileView, Shown } from '../../../core/views.ts'
import { attention, bayIn, bladeOf, bootOf, bootWord, profileIn, type Scene, stateOf } from './scene.ts'
import { duration, printable, table, wrap } from './text.ts'

export function bays(scene: Scene): readonly string[] {
  return table(
    [
      { head: 'bay', most: 3, right: true },
      { head: 'blade', most: 19 },
      { head: 'profile', most: 14 },
      { head: 'power', most: 7 },
      { head: 'boots from', most: 12 },
      { head: 'state', most: 14 },
    ],
    scene.bays.map((bay) => [
      String(bay.bay),
      bladeOf(bay),
      bay.profile ?? '',
      bay.presence === 'present' ? bay.power : '',
      bay.profile === undefined && !bay.override ? '' : bootOf(scene, bay),
      attention(bay) === 'needs you' ? `! ${stateOf(bay)}` : stateOf(bay),
    ]),
  )
}

export function bay(scene: Scene, number: Bay, all: boolean): readonly string[] | undefined {
  const bay = bayIn(scene, number)
  if (!bay) return undefined
  const { serial, profile, powerWanted, power, stage, locate, verified, functions, findings } = bay
  const about = bay.presence === 'present' ? `${bladeOf(bay)}, serial ${serial ?? 'not read'}` : presenceWords(bay)
  const wanted = powerWanted === undefined || powerWanted === power ? '' : ` (${powerWanted} is wanted)`
  const system = { off: '', post: ', in POST', halted: ', halted in POST', os: ', system is up' }[stage ?? 'off']
  return [
    ...wrap(`bay ${number}: ${about}`),
    ...wrap(`profile: ${profile ?? 'none'}   state: ${stateOf(bay)}${bay.inSync ? '' : ', not done yet'}`),
    ...wrap(`power: ${power}${wanted}${system}   boots from: ${bootOf(scene, bay)}`),
    ...(locate ? ['locate light: on'] : []),
    ...verified.flatMap((line) => wrap(`  ${printable(line)}`, 79, '    ')),
    ...(functions.length > 0 ? ['', ...addresses(functions, all)] : []),
    ...(findings.length > 0 || bay.inDoubt.length > 0 ? ['', ...reasonsOf(scene, bay)] : []),
  ]
}

function presenceWords({ presence, coveredBy }: BayView): string {
  switch (presence) {
    case 'present':
      return 'a blade'
    case 'empty':
      return 'no blade'
    case 'covered':
      return `lower half of blade ${coveredBy ?? '?'}`
    case 'unknown':
      return 'not seen'
  }
}

const kinds = ['mac', 'wwpn', 'wwnn'] as const
const third = 23

/** Factory, assigned, applied: a port's own address, what it was told, and what it uses. */
function addresses(functions: readonly FunctionView[], all: boolean): readonly string[] {
  const told = functions.filter(({ assigned }) => assigned !== undefined)
  if (told.length === 0) {
    const changed = functions.filter(({ factory, applied }) => !sameAddresses(factory, applied))
    if (changed.length > 0) return sideBySide(functions, changed)
    return ['factory addresses, in use as they are:', ...factoryOnly(functions)]
  }
  const others = functions.filter(({ assigned }) => assigned === undefined)
  const strange = others.filter(({ factory, applied }) => !sameAddresses(factory, applied))
  const shown = all ? functions : functions.filter((fn) => fn.assigned !== undefined || strange.includes(fn))
  const hidden = functions.length - shown.length
  return [
    ...sideBySide(functions, shown),
    ...(hidden > 0
      ? wrap(
          `${hidden} more ${hidden === 1 ? 'port keeps its' : 'ports keep their'} factory addresses: add 'all' to see them`,
        )
      : []),
  ]
}

function sideBySide(functions: readonly FunctionView[], shown: readonly FunctionView[]): readonly string[] {
  const row = (name: string, values: readonly string[]) =>
    `${name.padEnd(6)}${values.map((value) => value.padEnd(third)).join('  ')}`.trimEnd()
  return [
    row('', ['factory', 'assigned', 'applied']),
    ...functions
      .filter((fn) => shown.includes(fn))
      .flatMap((fn) => [
        portLine(fn),
        ...kinds.flatMap((kind) => {
          const values = [fn.factory[kind], fn.assigned?.[kind], fn.applied[kind]]
          return values.some(Boolean)
            ? [
                row(
                  ` ${kind === 'mac' ? 'MAC' : kind.toUpperCase()}`,
                  values.map((value) => value ?? '-'),
                ),
              ]
            : []
        }),
        ...iqns(fn),
      ]),
  ]
}

/** Initiator names are too long to stand side by side. */
function iqns({ factory, assigned, applied }: FunctionView): readonly string[] {
  const values = { factory: factory.iqn, assigned: assigned?.iqn, applied: applied.iqn }
  if (!Object.values(values).some(Boolean)) return []
  return Object.entries(values).flatMap(([name, iqn]) =>
    wrap(` IQN  ${name.padEnd(8)} ${iqn ?? '-'}`, 79, '               '),
  )
}

function portLine({ key, role, connection, interconnect, downlink, vlan, maxMbps }: FunctionView): string {
  const words = [
    `${key} ${role}`,
    connection && `${connection}`,
    interconnect !== '' && `to ${interconnect} port ${downlink}`,
    vlan !== undefined && `VLAN ${vlan}`,
    maxMbps !== undefined && `${maxMbps} Mb/s`,
  ].filter(Boolean)
  return printable(words.join(', ')).slice(0, 79)
}

function factoryOnly(functions: readonly FunctionView[]): readonly string[] {
  return table(
    [
      { head: 'port', most: 10 },
      { head: 'kind', most: 5 },
      { head: 'MAC', most: 17 },
      { head: 'WWPN', most: 23 },
    ],
    functions.map(({ key, role, factory }) => [key, role, factory.mac ?? '', factory.wwpn ?? '']),
  )
}

const sameAddresses = (a: AddressSet, b: AddressSet): boolean =>
  a.mac === b.mac && a.wwpn === b.wwpn && a.wwnn === b.wwnn && a.iqn === b.iqn

export function why(scene: Scene, number: Bay): readonly string[] | undefined {
  const bay = bayIn(scene, number)
  if (!bay) return undefined
  if (bay.inSync && bay.inDoubt.length === 0) return [`bay ${number} is as it is wanted: ${stateOf(bay)}`]
  const reasons = reasonsOf(scene, bay)
  return reasons.length > 0 ? reasons : [`bay ${number} is being worked on`]
}

function reasonsOf(scene: Scene, { bay, findings, inDoubt }: BayView): readonly string[] {
  return [
    ...findings.flatMap((finding) => findingLines(finding, scene.presence.uptimeMs)),
    ...inDoubt.flatMap(({ profile, quarantined }) =>
      quarantined
        ? [
            ...wrap(`blocked: ${profile} may still be live here; somebody vouched that it is dark`, 79, '  '),
            ...wrap(`  do: pull blade ${bay}, or reseat bay ${bay}`, 79, '      '),
          ]
        : wrap(`${profile} leaves this bay; until that is read back it may still be live here`, 79, '  '),
    ),
  ]
}

function findingLines({ type, message, remedy, sinceUptimeMs }: Shown, uptimeMs: number): readonly string[] {
  const since = duration(uptimeMs - sinceUptimeMs)
  return [
    ...wrap(`${type === 'fault' ? 'fault' : 'waits'}: ${printable(message)} (for ${since})`, 79, '  '),
    ...wrap(`  do: ${printable(remedy)}`, 79, '      '),
  ]
}

export function profiles(scene: Scene): readonly string[] {
  if (scene.profiles.length === 0) return ['no profiles; a central manager defines them']
  return table(
    [
      { head: 'profile', most: 24 },
      { head: 'bay', most: 4, right: true },
      { head: 'connections', most: 14 },
      { head: 'boots from', most: 12 },
      { head: 'state', most: 14 },
    ],
    scene.profiles.map((each) => [
      each.profile.id,
      each.bay === undefined ? '' : String(each.bay),
      countKinds(each.profile.connections),
      bootWord(each.profile.boot.order[0]?.target ?? 'none'),
      profileState(scene, each),
    ]),
  )
}

function profileState(scene: Scene, { bay, inDoubt }: ProfileView): string {
  const at = bay === undefined ? undefined : bayIn(scene, bay)
  if (at) return stateOf(at)
  return inDoubt.length > 0 ? 'may be live' : 'not assigned'
}

function countKinds(connections: readonly Connection[]): string {
  const counts = new Map<string, number>()
  for (const { kind } of connections) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(' ')
}

export function profile(scene: Scene, id: ProfileId): readonly string[] | undefined {
  const shown = profileIn(scene, id)
  if (!shown) return undefined
  const { profile, given, bay, inDoubt } = shown
  return [
    ...wrap(`profile ${id}: ${bay === undefined ? 'in no bay' : `bay ${bay}`}, ${profileState(scene, shown)}`),
    ...(profile.description ? wrap(printable(profile.description)) : []),
    ...profile.connections.flatMap((connection) => [
      ...wrap(`${connection.kind} ${connection.id}${placeWords(connection)}`),
      ...Object.entries(given[connection.id] ?? {}).flatMap(([kind, address]) =>
        wrap(`  ${kind.toUpperCase().padEnd(4)} ${address}`, 79, '       '),
      ),
    ]),
    ...boots(profile),
    ...inDoubt.flatMap(({ bay: at }) =>
      wrap(`it may still be live in bay ${at}: pull blade ${at}, or reseat bay ${at}`, 79, '  '),
    ),
  ]
}

function placeWords({ slot, port, interconnect, vlan }: Connection): string {
  const words = [
    slot && ` in ${slot}`,
    port !== undefined && ` port ${port}`,
    interconnect && ` to ${interconnect}`,
    vlan !== undefined && ` VLAN ${vlan}`,
  ].filter(Boolean)
  return words.length > 0 ? `,${words.join('')}` : ''
}

function boots({ boot }: ProfileView['profile']): readonly string[] {
  if (boot.order.length === 0) return [`boots (${boot.mode}): the firmware's own order`]
  return [
    `boots (${boot.mode}):`,
    ...boot.order.flatMap((entry, i) => bootLines(`  ${i + 1}. ${bootWord(entry.target)}`, entry)),
  ]
}

function bootLines(line: string, entry: BootEntry): readonly string[] {
  switch (entry.target) {
    case 'local':
    case 'setup':
      return [line]
    case 'pxe':
      return wrap(`${line} on ${entry.connection}`)
    case 'http':
      return wrap(`${line} on ${entry.connection} from ${printable(entry.uri)}`, 79, '     ')
    case 'fc':
    case 'fcoe':
      return [`${line} on ${entry.connection}`, ...entry.targets.map(({ wwpn, lun }) => `     ${wwpn} LUN ${lun}`)]
    case 'iscsi':
      return [
        `${line} on ${entry.connection}`,
        ...entry.targets.flatMap(({ iqn, address, lun }) => wrap(`     ${iqn} at ${address} LUN ${lun}`, 79, '     ')),
      ]
  }
}
