/**
 * The first screen: what is simulated, the chassis with what its blades booted, where things listen, and what to try.
 * Pure: 24 lines at most with the prompt, 79 columns, drawn from what the chassis shows and what its hardware logged.
 */
import { attention } from '../controller/doors/console/scene.ts'
import type { Bay } from '../core/blade.ts'
import type { ChassisBoard } from '../core/board.ts'
import { type Cell, drawElevation, innerWidth } from '../core/elevation.ts'
import type { Profile } from '../core/profile.ts'
import type { BayView, ControllerView, ProfileView } from '../core/views.ts'
import type { BootRecord } from '../sim/log.ts'

export interface Shown {
  readonly version: string
  readonly chassis: string
  readonly board: ChassisBoard
  readonly bays: readonly BayView[]
  readonly profiles: readonly ProfileView[]
  /** With two controllers. */
  readonly controllers?: readonly ControllerView[]
  /** Oldest first. */
  readonly boots: readonly BootRecord[]
  readonly port: number
  /** As it was named. */
  readonly dir: string
  readonly usualPort: boolean
}

export const rows = 24
export const columns = 79
/** A drawing this wide leaves room for the legend at its right. */
const narrow = 51

/** What stands above the prompt. */
export function firstScreen(shown: Shown): readonly string[] {
  const { version, chassis, board, dir, port, controllers } = shown
  const who = controllers ? 'two controllers' : 'one controller'
  const again = controllers ? '--fresh' : 'npm start -- --fresh'
  const count = `${board.bays.length} ${board.bays.length === 1 ? 'bay' : 'bays'}`
  return [
    `Midplane ${version}   simulated ${shortName(board)}: ${count}, ${who}, one broker`,
    `${' '.repeat(17)}${controllers ? pairWords(controllers) : 'all on 127.0.0.1'}; state in ${ending(dir, 11)}  (${again})`,
    '',
    ...elevation(shown),
    '',
    `  broker  ${`mqtt://127.0.0.1:${port}`.padEnd(31)}topics midplane/v1/${fit(chassis, 16)}/#`,
    '',
    controllers
      ? "You are on controller A's serial console. Try these in order:"
      : "You are on the controller's serial console. Try these in order:",
    ...toTry(shown),
    'From a second terminal, as a central manager would:',
    `  npx chassisctl get bays --watch${shown.usualPort ? '' : ` --broker mqtt://127.0.0.1:${port}`}`,
    '',
  ].map((line) => line.trimEnd())
}

/** "A owns, B follows" */
export function pairWords(controllers: readonly ControllerView[]): string {
  const owner = controllers.find(({ role }) => role === 'owner')
  if (!owner) return 'nobody owns'
  const other = owner.slot === 'A' ? 'B' : 'A'
  return `${owner.slot} owns, ${other} ${owner.pair?.other.is === 'member' ? 'follows' : 'does not follow yet'}`
}

/** "HP BladeSystem c7000" is "HP c7000" to everybody. */
function shortName({ name }: ChassisBoard): string {
  const words = name.split(' ')
  return fit(words.length > 2 ? [words[0], words.at(-1)].join(' ') : name, 24)
}

/** Of a path its end tells most. */
const ending = (text: string, most: number): string => (text.length <= most ? text : `...${text.slice(3 - most)}`)
const fit = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 3)}...`)

function elevation(shown: Shown): readonly string[] {
  const { board, bays } = shown
  const cell = (bay: Bay): Cell => {
    const view = bays.find((each) => each.bay === bay)
    return view ? cellOf(view, shown) : { name: '', state: '?' }
  }
  const legend = legendOf(shown)
  const inner = innerWidth(board, narrow)
  if (inner >= 5) {
    const drawing = drawElevation(board, cell, narrow)
    return Array.from({ length: Math.max(drawing.length, legend.length) }, (_, i) => {
      const beside = legend[i] ? `   ${legend[i]}` : ''
      return `  ${(drawing[i] ?? '').padEnd(beside === '' ? 0 : Math.max(...drawing.map(({ length }) => length)))}${beside}`
    })
  }
  // Too many bays side by side: the legend goes below, two to a line.
  const words = legend.filter((line) => line !== '')
  const pairs = Array.from(
    { length: Math.ceil(words.length / 2) },
    (_, i) => `  ${(words[2 * i] ?? '').padEnd(30)}${words[2 * i + 1] ?? ''}`,
  )
  return [...drawElevation(board, cell, columns - 4).map((line) => `  ${line}`), ...pairs]
}

function cellOf(view: BayView, shown: Shown): Cell {
  const { presence, coveredBy, profile, power } = view
  const alarm = attention(view) === 'needs you'
  switch (presence) {
    case 'covered':
      return { name: '', state: '', ...(coveredBy !== undefined && { coveredBy }) }
    case 'empty':
      return { name: profile ?? '', state: alarm ? '!' : '-' }
    case 'unknown':
      return { name: profile ?? '', state: '?' }
    case 'present': {
      const name = profile ?? (power === 'off' ? 'spare' : '')
      if (power === 'off') return { name, state: alarm ? 'off !' : 'off' }
      return { name, state: `on ${alarm ? '!' : (letterOf(view, shown) ?? '')}`.trimEnd() }
    }
  }
}

/** From where the blade in this bay booted last, as the hardware logged it. */
function letterOf({ bay, serial, stage }: BayView, { boots }: Shown): Letter | undefined {
  const record = boots.findLast((each) => each.bay === bay && each.serial === serial)
  return stage === 'os' && record ? letters[record.booted.from] : undefined
}

type Letter = 'S' | 'P' | 'L'
const letters: { readonly [from in BootRecord['booted']['from']]: Letter | undefined } = {
  local: 'L',
  pxe: 'P',
  http: 'P',
  fc: 'S',
  fcoe: 'S',
  iscsi: 'S',
  setup: undefined,
  nothing: undefined,
}

function legendOf(shown: Shown): readonly string[] {
  const { bays, profiles } = shown
  const calls = bays.filter((view) => attention(view) === 'needs you').map(({ bay }) => bay)
  const who = calls.length === 0 ? 'none' : calls.length === 1 ? `bay ${calls[0]}` : `${calls.length} bays`
  const local = bays.some((view) => letterOf(view, shown) === 'L')
  const assigned = profiles.filter(({ bay }) => bay !== undefined)
  const open = assigned.filter(({ inSync }) => !inSync).length
  const sum = `${assigned.length} ${assigned.length === 1 ? 'profile' : 'profiles'} assigned,`
  return [
    'S  booted from SAN',
    'P  booted by PXE',
    ...(local ? ['L  booted from disk'] : []),
    '-  no blade',
    `!  needs you (${who})`,
    ...(local ? [] : ['']),
    sum,
    assigned.length === 0 ? 'nothing to read back' : open === 0 ? 'all read back' : `${open} not done yet`,
  ]
}

/** The profile to follow through the demo: one that boots from storage where there is one; and where it may move. */
export function cast({ profiles, bays }: Pick<Shown, 'profiles' | 'bays'>): {
  readonly hero: { readonly id: string; readonly bay: Bay; readonly hasLun: boolean } | undefined
  readonly spare: Bay | undefined
} {
  const assigned = profiles.flatMap(({ profile, bay }) => (bay === undefined ? [] : [{ profile, bay }]))
  const storage = ['fc', 'fcoe', 'iscsi']
  const byStorage = ({ profile }: { readonly profile: Profile }) =>
    storage.includes(profile.boot.order[0]?.target ?? '')
  const found = assigned.find(byStorage) ?? assigned[0]
  if (!found) return { hero: undefined, spare: undefined }
  const product = bays.find(({ bay }) => bay === found.bay)?.product
  const spare = bays.find(
    (view) =>
      view.presence === 'present' && view.profile === undefined && view.power === 'off' && view.product === product,
  )
  return { hero: { id: found.profile.id, bay: found.bay, hasLun: byStorage(found) }, spare: spare?.bay }
}

function toTry(shown: Shown): readonly string[] {
  const { hero, spare } = cast(shown)
  const { controllers } = shown
  const line = (what: string, why: string) => `  ${what.padEnd(27)}${why}`
  return [
    hero
      ? line(`show bay ${hero.bay}`, 'MAC and WWPN: factory, assigned, applied')
      : line('show bays', 'all bays in one table'),
    ...(controllers
      ? [
          line('demo kill controller', 'no blade notices; the other one takes over'),
          line('show controllers', 'who owns and who follows; B: demo line B'),
        ]
      : [line('demo kill controller', 'no blade notices; it returns knowing everything')]),
    ...(hero && spare !== undefined
      ? [
          line(
            `demo pull blade ${hero.bay}`,
            `then: move profile ${fit(hero.id, 12)} to bay ${spare}${hero.hasLun ? '  (its LUN boots)' : ''}`,
          ),
        ]
      : []),
    line('help', 'all verbs; Ctrl-D ends the demo'),
  ]
}
