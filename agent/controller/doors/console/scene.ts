/** What a view is drawn from: the parts that the chassis shows to everybody, by kind, and a few facts of this moment. */
import type { ProfileId } from '../../../core/addresses.ts'
import type { Bay } from '../../../core/blade.ts'
import type { BootTarget } from '../../../core/profile.ts'
import type { PartState } from '../../../core/reply.ts'
import type {
  BayView,
  ChassisView,
  ControllerView,
  Event,
  HealthView,
  Part,
  Phase,
  PolicyView,
  PoolView,
  Presence,
  ProfileView,
} from '../../../core/views.ts'

export interface Scene {
  readonly bays: readonly BayView[]
  readonly profiles: readonly ProfileView[]
  readonly pools: readonly PoolView[]
  readonly policies: readonly PolicyView[]
  readonly controllers: readonly ControllerView[]
  /** Absent: not read yet. */
  readonly health: HealthView | undefined
  readonly chassis: ChassisView | undefined
  readonly presence: Omit<Presence, 'online' | 'connection'>
  /** The newest, oldest first. */
  readonly events: () => readonly Event[]
}

type ViewOf<Name extends Part['part']> = Extract<Part, { part: Name }>['view']

export function sceneOf(
  parts: readonly PartState[],
  presence: Scene['presence'],
  events: () => readonly Event[],
): Scene {
  const all = <Name extends Part['part']>(name: Name) =>
    parts.filter(({ part }) => part.part === name).map(({ part }) => part.view as ViewOf<Name>)
  const byName = (a: string, b: string) => (a < b ? -1 : 1)
  return {
    bays: [...all('bay')].sort((a, b) => a.bay - b.bay),
    profiles: [...all('profile')].sort((a, b) => byName(a.profile.id, b.profile.id)),
    pools: [...all('pool')].sort((a, b) => byName(a.spec.id, b.spec.id)),
    policies: [...all('policy')].sort((a, b) => byName(a.policy.id, b.policy.id)),
    controllers: all('controller'),
    health: all('health')[0],
    chassis: all('chassis')[0],
    presence,
    events,
  }
}

export const bayIn = ({ bays }: Scene, bay: Bay): BayView | undefined => bays.find((each) => each.bay === bay)
export const profileIn = ({ profiles }: Scene, id: ProfileId | undefined): ProfileView | undefined =>
  profiles.find(({ profile }) => profile.id === id)

/** A bay's state as the field says it. */
const phaseWords: Record<Phase, string> = {
  idle: 'no profile',
  staged: 'preparing',
  ready: 'ready',
  armed: 'starting',
  running: 'running',
  wrong: 'wrong identity',
  leaving: 'letting go',
  unknown: 'not seen',
}

export function stateOf({ presence, phase, profile }: BayView): string {
  switch (presence) {
    case 'present':
      return phaseWords[phase]
    case 'empty':
      return profile === undefined ? '-' : 'no blade yet'
    case 'covered':
      return '-'
    case 'unknown':
      return 'not seen'
  }
}

export function bladeOf({ presence, product, coveredBy }: BayView): string {
  switch (presence) {
    case 'present':
      return product ?? 'blade'
    case 'empty':
      return '-'
    case 'covered':
      return `(blade ${coveredBy ?? '?'})`
    case 'unknown':
      return 'not seen'
  }
}

const targetWords: Record<BootTarget, string> = {
  local: 'local disk',
  setup: 'setup',
  pxe: 'PXE',
  http: 'HTTP',
  fc: 'SAN (FC)',
  fcoe: 'SAN (FCoE)',
  iscsi: 'SAN (iSCSI)',
  none: 'own order',
}
export const bootWord = (target: BootTarget): string => targetWords[target]

/** What the bay boots from first: an override where one is set, else what its profile says. */
export function bootOf(scene: Scene, { profile, override, presence }: BayView): string {
  if (presence !== 'present' && profile === undefined) return '-'
  if (override) {
    const target = override.target === 'remote' ? 'SAN' : targetWords[override.target]
    return `${target} ${override.left === undefined ? 'always' : override.left === 1 ? 'once' : `${override.left} times`}`
  }
  const [first] = profileIn(scene, profile)?.profile.boot.order ?? []
  return targetWords[first?.target ?? 'none']
}

/** One word for what a bay is asked to do now: nothing, wait, or call for hands. */
export function attention({ inSync, findings }: BayView): 'ok' | 'waits' | 'needs you' {
  if (inSync) return 'ok'
  return findings.some(({ type, reason }) => type === 'fault' || !passing.includes(reason)) ? 'needs you' : 'waits'
}

/** Holds that end by themselves. */
const passing: readonly BayView['findings'][number]['reason'][] = [
  'starting',
  'stopping',
  'not-looked-yet',
  'unanswered',
  'working',
]
