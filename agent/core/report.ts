/**
 * State, sight and plan, put into the parts that the chassis shows. Pure: the same report for a manager and for a
 * technician, so that the two can not be told different things.
 */
import type { Serial } from './addresses.ts'
import { type BayPlan, inSync } from './bay-plan.ts'
import type { Bay, Blade, FunctionKey, FunctionValue, Observed, Slot } from './blade.ts'
import { canonical, functionsOf } from './blade.ts'
import { type Hardware, parseFunctionKey } from './board.ts'
import { controllerFindings } from './controllers.ts'
import { dress } from './dress.ts'
import { formOf } from './fit.ts'
import { countStates, has, listEntries, mark, type Pool } from './pool.ts'
import { bayOf, bayState, type State } from './state.ts'
import type {
  AddressSet,
  BayView,
  ChassisView,
  ControllerView,
  FunctionView,
  PolicyView,
  PoolView,
  ProfileView,
  Shown,
} from './views.ts'

export interface Reporting {
  readonly state: State
  readonly observed: Observed
  readonly plans: { readonly [bay: number]: BayPlan }
  readonly hardware: Hardware
  /** Uptime at which each finding was first there, by bay and reason. */
  readonly since: (bay: Bay, reason: Shown['reason']) => number
}

export function reportBay(reporting: Reporting, bay: Bay): BayView {
  const { state, observed, plans, since } = reporting
  const own = bayState(state, bay)
  const sight = observed.bays[bay]
  const slot = sight?.slot ?? 'unknown'
  const blade =
    sight && sight.blade !== 'unknown' && sight.blade !== 'empty' && !sight.pending ? sight.blade : undefined
  const plan = plans[bay]
  const findings = (plan?.findings ?? []).map(
    ({ type, reason, say, remedy }): Shown => ({
      type,
      reason,
      message: say,
      remedy,
      sinceUptimeMs: since(bay, reason),
    }),
  )
  const present = slot !== 'unknown' && slot.presence === 'present' ? slot : undefined
  return {
    bay,
    presence: slot === 'unknown' ? 'unknown' : slot.presence,
    ...(slot !== 'unknown' && slot.presence === 'covered' && { coveredBy: slot.by }),
    ...(present && { serial: present.serial, product: present.product }),
    phase: plan?.phase ?? 'unknown',
    ...(own.intent && { profile: own.intent.profile }),
    ...(own.power && { powerWanted: own.power }),
    power: powerOf(slot, blade),
    ...(blade && { stage: blade.stage }),
    permit: slot === 'unknown' ? 'unknown' : slot.permit === 'none' ? 'none' : slot.permit.state,
    arming: own.n,
    locate: slot !== 'unknown' ? slot.locate : own.locate,
    inSync: plan !== undefined && inSync(plan),
    findings,
    functions: blade ? functionViews(reporting, bay, blade) : [],
    bootOrder: blade?.boot.order ?? [],
    ...(own.override && {
      override: { target: own.override.target, ...(own.override.left !== undefined && { left: own.override.left }) },
    }),
    verified: blade ? verifiedBoot(reporting, bay, blade) : [],
    inDoubt: state.doubts
      .filter(
        (doubt) => doubt.profile !== own.intent?.profile && (doubt.bay === bay || doubt.serial === present?.serial),
      )
      .map(({ profile, serial, vouched }) => ({ profile, serial, quarantined: vouched })),
  }
}

function powerOf(slot: Slot | 'unknown', blade: Blade | undefined): BayView['power'] {
  if (slot === 'unknown') return 'unknown'
  if (slot.presence !== 'present') return 'off'
  return slot.powerGood || blade?.power === 'on' ? 'on' : 'off'
}

const addresses = ({ mac, wwpn, wwnn, iqn }: FunctionValue): AddressSet => ({
  ...(mac && { mac }),
  ...(wwpn && { wwpn }),
  ...(wwnn && { wwnn }),
  ...(iqn && { iqn }),
})

function functionViews({ state, hardware }: Reporting, bay: Bay, blade: Blade): readonly FunctionView[] {
  const { intent } = bayState(state, bay)
  const doubt = state.doubts.find(({ profile, serial }) => profile === intent?.profile && serial === blade.serial)
  const dressing = doubt && dress(state, doubt, blade, hardware)
  return blade.adapters.flatMap(({ model, functions }) =>
    functions.map((fn): FunctionView => {
      const connection = Object.entries(doubt?.placed ?? {}).find(([, key]) => key === fn.key)?.[0]
      const wanted = connection === undefined ? undefined : dressing?.functions.find(({ key }) => key === fn.key)?.value
      return {
        key: fn.key,
        adapter: hardware.adapters[model]?.name ?? model,
        ...(connection !== undefined && { connection }),
        role: (wanted ?? fn.applied).role,
        factory: addresses(fn.factory),
        ...(wanted && { assigned: addresses(wanted) }),
        applied: addresses(fn.applied),
        ...(fn.applied.vlan !== undefined && { vlan: fn.applied.vlan }),
        ...(fn.applied.bandwidth && { maxMbps: fn.applied.bandwidth.maxMbps }),
        ...wire(hardware, bay, blade.product, fn.key),
      }
    }),
  )
}

/** Where a function's port arrives: interconnect, and the port of it. */
export function wire(
  hardware: Hardware,
  bay: Bay,
  product: string,
  key: FunctionKey,
): { interconnect: string; downlink: number } {
  const at = parseFunctionKey(key)
  const slot = formOf(hardware, product)?.slots.find(({ id }) => id === at?.slot)
  const wired = slot?.wiring.find(({ port }) => port === at?.port)
  return wired
    ? { interconnect: wired.interconnect, downlink: bay + wired.downlink.offset }
    : { interconnect: '', downlink: 0 }
}

/** What could be verified of booting from storage, and what could not: never more than was read back. */
function verifiedBoot({ state, hardware }: Reporting, bay: Bay, blade: Blade): readonly string[] {
  const { intent, life } = bayState(state, bay)
  const doubt = state.doubts.find(({ profile, serial }) => profile === intent?.profile && serial === blade.serial)
  const dressing = doubt && dress(state, doubt, blade, hardware)
  if (!dressing) return []
  return dressing.functions.flatMap(({ key, value }) => {
    if (!value.boot || value.boot.via === 'pxe' || value.boot.via === 'http') return []
    const fn = functionsOf(blade).find((reading) => reading.key === key)
    const read = fn && canonical((fn.pending ?? fn.applied).boot ?? null) === canonical(value.boot)
    const lines = [`${key}: boot target ${read ? 'read back' : 'not verified'}`]
    if (value.boot.via === 'iscsi' && value.boot.chap) lines.push(`${key}: CHAP secret written, never read back`)
    if (life?.came === 'verified' && life.profile === intent?.profile) lines.push(`${key}: address verified after POST`)
    return lines
  })
}

export function reportProfile({ state, plans }: Reporting, id: string): ProfileView | undefined {
  const held = state.profiles[id]
  if (!held) return undefined
  const { profile, given, token, revision } = held
  const bay = bayOf(state, profile.id)
  const plan = bay === undefined ? undefined : plans[bay]
  const doubts = state.doubts.filter((doubt) => doubt.profile === profile.id && (doubt.bay !== bay || doubt.kept))
  return {
    profile,
    given,
    token,
    revision,
    ...(bay !== undefined && { bay }),
    inSync: bay === undefined ? doubts.length === 0 : plan !== undefined && inSync(plan),
    inDoubt: doubts.map(({ bay, serial }) => ({ bay, serial })),
  }
}

const mostEntries = 256

export function reportPool({ state }: Reporting, id: string): PoolView | undefined {
  const stored = state.pools[id]
  if (!stored) return undefined
  const owner = new Map<string, Extract<keyof State['profiles'], string>>()
  for (const { profile, given } of Object.values(state.profiles)) {
    for (const set of Object.values(given)) for (const address of Object.values(set)) owner.set(address, profile.id)
  }
  const pool = quarantined(state, stored)
  const taken = new Set(owner.keys())
  const { entries, more } = listEntries(pool, taken, mostEntries)
  return {
    spec: pool.spec,
    counts: countStates(pool, taken),
    entries: entries.map(({ address, state: is }) => {
      const profile = owner.get(address)
      return { address, state: is, ...(profile !== undefined && { profile: profile as ProfileView['profile']['id'] }) }
    }),
    more,
  }
}

/** Addresses of profiles that somebody vouched for: let go without proof. Follows from the doubts, and is not stored. */
function quarantined(state: State, pool: Pool): Pool {
  return state.doubts
    .filter(({ vouched }) => vouched)
    .flatMap(({ profile }) => Object.values(state.profiles[profile]?.given ?? {}).flatMap((set) => Object.values(set)))
    .filter((address) => has(pool, address))
    .reduce((marked, address) => mark(marked, address, 'quarantined'), pool)
}

export function reportPolicy({ state }: Reporting, id: string): PolicyView | undefined {
  const left = state.policies?.[id]
  if (!left) return undefined
  const rescues = Object.entries(state.rescues ?? {}).flatMap(([name, { policy, ...rescue }]) => {
    const profile = name as ProfileView['profile']['id']
    return policy === id ? [{ profile, bay: bayOf(state, profile) ?? rescue.from, ...rescue }] : []
  })
  return { ...left, rescues }
}

const urgency = { fault: 0, hold: 1 }

export function reportChassis(
  { state, observed, plans, hardware }: Reporting,
  serial: Serial | '',
  parts: ChassisView['parts'],
  controllers: readonly ControllerView[] = [],
): ChassisView {
  const ofBays = Object.entries(plans).flatMap(([bay, { findings }]) =>
    findings.map((finding) => ({ bay: Number(bay), ...finding })),
  )
  // No bay: the chassis itself.
  const ofChassis = controllerFindings(controllers).map((finding) => ({ bay: 0, ...finding }))
  const todo = [...ofChassis, ...ofBays]
    .sort((a, b) => urgency[a.type] - urgency[b.type] || a.bay - b.bay)
    .map(({ bay, reason, say, remedy }) => ({ bay, reason, message: say, remedy }))
  return {
    board: state.board,
    boardName: hardware.board.name,
    serial,
    incarnation: state.incarnation,
    epoch: state.epoch,
    revision: state.revision,
    term: state.term,
    ...(state.office && { office: state.office }),
    bays: hardware.board.bays.length,
    inSync: Object.values(plans).every(inSync),
    todo,
    secrets: Object.values(state.secrets).map(({ id }) => id),
    interconnects: hardware.board.interconnects.map(({ id }) => ({
      id,
      kind: observed.interconnects === 'unknown' ? 'unknown' : (observed.interconnects[id] ?? 'empty'),
    })),
    parts,
  }
}
