/**
 * Whether a blade can carry a profile, and on which of its functions. (`checkProfile` judged it by itself before.)
 * `fit` places its connections on the adapters of one blade, by the partition rules that the adapter models
 * declare and the interconnects that their ports are wired to; `wantedValues` says what every function of that blade
 * must then read. A refusal names the adapter, the port and the rule. Same input, same placement: always.
 */
import type { ConnectionId } from './addresses.ts'
import type { Grant } from './bandwidth.ts'
import { grantPort, refuseAsk } from './bandwidth.ts'
import type {
  Blade,
  BootDevice,
  FunctionBoot,
  FunctionKey,
  FunctionReading,
  FunctionValue,
  FunctionWrite,
  Observed,
  SystemBoot,
} from './blade.ts'
import type { AdapterModel, BladeForm, Hardware } from './board.ts'
import { functionKey } from './board.ts'
import { everyRule, freshBudget, portOf, type Rules, reserve, type Spot, search, type Want } from './placement.ts'
import { asks } from './pool.ts'
import type { Allocation, BootEntry, Connection, Given, Profile } from './profile.ts'
import type { Reason } from './reasons.ts'

/** Why a blade can not carry a profile. `reason` is from the catalogue; `rule` is what exactly was broken. */
export interface Misfit {
  readonly reason: Extract<
    Reason,
    'adapter-missing' | 'adapter-too-small' | 'partition-rule' | 'oversubscribed' | 'fabric-mismatch'
  >
  readonly rule:
    | 'product'
    | 'slot'
    | 'port'
    | 'wiring'
    | 'interconnect'
    | 'role'
    | 'fabric'
    | 'bandwidth'
    | 'functions'
    | 'storage-per-port'
    | 'per-adapter'
    | 'search'
    | 'factory'
  readonly connection?: ConnectionId
  readonly slot?: string
  /** Adapter model id. */
  readonly adapter?: string
  readonly port?: number
  readonly say: string
}

/** Connection → the function that carries it. */
export type Placement = { readonly [connection: string]: FunctionKey }
/** Function → its share of the port. Functions not named leave it to the port. */
export type Grants = { readonly [key: FunctionKey]: Grant }

export type Fit =
  | { readonly ok: true; readonly placed: Placement; readonly grants: Grants }
  | { readonly ok: false; readonly misfits: readonly Misfit[] }

/** As much of a blade as fitting asks about. A `Blade` is one; so is a product that nobody has inserted yet. */
export interface Carrier {
  readonly product: string
  readonly adapters: readonly {
    readonly slot: string
    readonly model: string
    /** Absent: nobody read them yet; the model alone decides. */
    readonly functions?: readonly Pick<FunctionReading, 'key' | 'factory'>[]
  }[]
}

export function formOf(hardware: Hardware, product: string): BladeForm | undefined {
  const model = hardware.board.blades.find((each) => each.product === product)
  return hardware.board.forms.find((form) => form.id === model?.form)
}

/** Places every connection, or says why it can not be done. Interconnects that are unknown refuse nothing. */
export function fit(
  profile: Profile,
  blade: Carrier,
  hardware: Hardware,
  interconnects: Observed['interconnects'],
): Fit {
  const form = formOf(hardware, blade.product)
  if (form === undefined) {
    const say = `board ${hardware.board.id} knows no blade ${blade.product}; add it to the board's blades`
    return { ok: false, misfits: [{ reason: 'adapter-missing', rule: 'product', say }] }
  }
  const spots = spotsOf(blade, form, hardware)
  const wants: Want[] = []
  const misfits: Misfit[] = []
  for (const connection of profile.connections) {
    const fitting: Spot[] = []
    let nearest: Obstacle | undefined
    for (const spot of spots) {
      const obstacle = obstacleAt(spot, connection, interconnects)
      if (obstacle === undefined) fitting.push(spot)
      else if (nearest === undefined || obstacle.stage > nearest.stage) nearest = obstacle
    }
    if (fitting.length > 0) wants.push({ connection, spots: fitting })
    else misfits.push(nearest?.misfit ?? noAdapter(connection))
    const slot = connection.slot
    // Better said by the slot than by the last adapter that was looked at.
    if (fitting.length === 0 && slot !== undefined && !spots.some((spot) => spot.slot === slot))
      misfits[misfits.length - 1] = noSlot(connection, slot, form, blade)
  }
  if (misfits.length > 0) return { ok: false, misfits }
  const found = search(wants, everyRule)
  if (found.kind !== 'found') return { ok: false, misfits: [explain(wants, found.kind)] }
  const placed = Object.fromEntries(wants.map(({ connection }, i) => [connection.id, (found.spots[i] as Spot).key]))
  return { ok: true, placed, grants: grantsFor(profile, placed, blade, hardware) }
}

function spotsOf(blade: Carrier, form: BladeForm, hardware: Hardware): readonly Spot[] {
  return form.slots.flatMap((slot) => {
    const fitted = blade.adapters.find((adapter) => adapter.slot === slot.id)
    const model = fitted && hardware.adapters[fitted.model]
    if (model === undefined) return []
    return Array.from({ length: model.ports }, (_, i) => i + 1).flatMap((port) => {
      const interconnect = slot.wiring.find((wire) => wire.port === port)?.interconnect
      return model.functions.flatMap(({ id, roles }): readonly Spot[] => {
        const key = functionKey(slot.id, port, id)
        const reading = fitted?.functions?.find((each) => each.key === key)
        // The adapter was read, and has no such function: firmware may offer fewer than the model does.
        if (fitted?.functions !== undefined && reading === undefined) return []
        const burned = reading === undefined ? 'unknown' : Object.keys(reading.factory)
        return [{ key, slot: slot.id, port, model, roles, interconnect, burned }]
      })
    })
  })
}

interface Obstacle {
  /** How far the connection got before it was refused: the furthest one tells most. */
  readonly stage: number
  readonly misfit: Misfit
}

/** The first rule that keeps a connection off a function, whatever the others do. */
function obstacleAt(
  spot: Spot,
  connection: Connection,
  interconnects: Observed['interconnects'],
): Obstacle | undefined {
  const { id, kind } = connection
  const here = `${spot.slot} port ${spot.port} (${spot.model.id})`
  const no = (stage: number, reason: Misfit['reason'], rule: Misfit['rule'], say: string): Obstacle => {
    return {
      stage,
      misfit: { reason, rule, connection: id, slot: spot.slot, adapter: spot.model.id, port: spot.port, say },
    }
  }
  if (connection.slot !== undefined && connection.slot !== spot.slot)
    return no(0, 'adapter-missing', 'slot', `connection ${id} asks for slot ${connection.slot}, not ${spot.slot}`)
  if (connection.port !== undefined && connection.port !== spot.port)
    return no(
      1,
      'adapter-missing',
      'port',
      `adapter ${spot.slot} (${spot.model.id}) has ports 1 to ${spot.model.ports}, and connection ${id} asks for port ${connection.port}; name one that it has`,
    )
  if (spot.interconnect === undefined)
    return no(
      2,
      'adapter-missing',
      'wiring',
      `${here} is wired to no interconnect; place connection ${id} on another port`,
    )
  if (connection.interconnect !== undefined && connection.interconnect !== spot.interconnect)
    return no(
      3,
      'adapter-missing',
      'interconnect',
      `${here} is wired to ${spot.interconnect}, and connection ${id} asks for ${connection.interconnect}; name the port or the interconnect, not both at odds`,
    )
  if (!spot.roles.includes(kind)) {
    const can = [...new Set(spot.model.functions.flatMap(({ roles }) => roles))].filter((role) => role !== 'off')
    return no(
      4,
      can.includes(kind) ? 'partition-rule' : 'adapter-missing',
      'role',
      `no function of ${here} that connection ${id} may use can be ${kind}; it can be ${can.join(', ')}`,
    )
  }
  const there = interconnects === 'unknown' ? undefined : interconnects[spot.interconnect]
  const needs = fabricsFor(connection, spot.model)
  if (there !== undefined && !needs.some((fabric) => fabric === there))
    return no(
      5,
      'fabric-mismatch',
      'fabric',
      `${here} leads to interconnect ${spot.interconnect}, which is ${there}; connection ${id} is ${kind} and needs ${needs.join(' or ')}`,
    )
  const why = refuseAsk(spot.model, connection.bandwidth)
  if (why !== undefined) {
    const tooMuch = (connection.bandwidth?.minMbps ?? 0) > spot.model.portMbps
    return no(6, tooMuch ? 'oversubscribed' : 'partition-rule', 'bandwidth', `connection ${id} on ${here}: ${why}`)
  }
  const { burned } = spot
  const bare = asks(connection).find(({ field, source }) => {
    return source.from === 'factory' && burned !== 'unknown' && !burned.includes(field)
  })
  if (bare !== undefined)
    return no(
      7,
      'adapter-missing',
      'factory',
      `${spot.key} (${spot.model.id}) has no ${bare.field} from the factory, which connection ${id} wants; give it a ${bare.field} or a pool`,
    )
  return undefined
}

/** Interconnects that carry a connection. A virtual HBA shares a network link up to whoever makes it one. */
function fabricsFor(connection: Connection, model: AdapterModel): readonly ('ethernet' | 'fc' | 'converged')[] {
  switch (connection.kind) {
    case 'nic':
    case 'iscsi':
      return ['ethernet', 'converged']
    case 'fc':
      return model.partitioning.rule === 'virtual' ? ['converged'] : ['fc']
    case 'fcoe':
      return ['converged']
  }
}

const noAdapter = ({ id }: Connection): Misfit => ({
  reason: 'adapter-missing',
  rule: 'slot',
  connection: id,
  say: `this blade has no adapter that connection ${id} could use; choose another blade`,
})

function noSlot({ id }: Connection, slot: string, form: BladeForm, blade: Carrier): Misfit {
  const fitted = blade.adapters.find((adapter) => adapter.slot === slot)
  const has = form.slots.map((each) => each.id).join(', ')
  const say = !form.slots.some((each) => each.id === slot)
    ? `a ${form.name} blade has no slot ${slot}, which connection ${id} asks for; name one of ${has}`
    : fitted === undefined
      ? `slot ${slot} of this blade is empty, and connection ${id} asks for it; choose another slot or blade`
      : `the adapter in ${slot} is a ${fitted.model}, which no board file describes; connection ${id} can not use it`
  const adapter = fitted === undefined ? {} : { adapter: fitted.model }
  return { reason: 'adapter-missing', rule: 'slot', connection: id, slot, ...adapter, say }
}

/** Which rule it was that kept the connections from fitting together, by the first one that did not. */
function explain(wants: readonly Want[], how: 'none' | 'gave-up'): Misfit {
  const budget = freshBudget()
  const fits = (count: number, rules: Rules) => search(wants.slice(0, count), rules, budget).kind === 'found'
  const upTo = how === 'gave-up' ? 0 : wants.findIndex((_, i) => !fits(i + 1, everyRule))
  const { connection, spots } = wants[upTo] as Want
  const spot = spots[0] as Spot
  const ports = [...new Set(spots.map((each) => `${each.slot} port ${each.port}`))].join(', ')
  const at = { connection: connection.id, slot: spot.slot, adapter: spot.model.id, port: spot.port }
  const here = `${ports} (${[...new Set(spots.map((each) => each.model.id))].join(', ')})`
  if (how === 'gave-up')
    return {
      ...at,
      reason: 'partition-rule',
      rule: 'search',
      say: `too many ways to place these connections; say slot and port of some, beginning with ${connection.id}`,
    }
  if (fits(upTo + 1, { ...everyRule, bandwidth: false })) {
    const others = wants.slice(0, upTo).filter((each) => each.spots.some((one) => portOf(one) === portOf(spot)))
    const sums = [...others, wants[upTo] as Want].map(
      (each) => `${each.connection.id} ${reserve(spot, each.connection)}`,
    )
    return {
      ...at,
      reason: 'oversubscribed',
      rule: 'bandwidth',
      say: `${here} can not guarantee ${reserve(spot, connection)} Mb/s to connection ${connection.id} beside the others (${sums.join(' + ')} of ${spot.model.portMbps}); ask for less, or use another port`,
    }
  }
  if (fits(upTo + 1, { ...everyRule, storagePerPort: false }))
    return {
      ...at,
      reason: 'partition-rule',
      rule: 'storage-per-port',
      say: `${here} takes at most one ${connection.kind} function a port; place connection ${connection.id} on another port`,
    }
  if (fits(upTo + 1, { ...everyRule, perAdapter: false })) {
    const most = 'perAdapter' in spot.model.partitioning ? spot.model.partitioning.perAdapter : spot.model.ports
    return {
      ...at,
      reason: 'adapter-too-small',
      rule: 'per-adapter',
      say: `adapter ${spot.slot} (${spot.model.id}) carries at most ${most} connections; place connection ${connection.id} on another adapter`,
    }
  }
  const rivals = wants.slice(0, upTo).filter((each) => each.spots.some((one) => spots.includes(one)))
  const names = rivals.map((each) => each.connection.id).join(', ')
  return {
    ...at,
    reason: 'adapter-too-small',
    rule: 'functions',
    say: `${here} has no ${connection.kind} function left for connection ${connection.id} beside ${names}; use another port or fewer connections`,
  }
}

/**
 * Every function's share, from where the connections stand. It follows from the placement alone, so that a placement
 * that was recorded gives the same grants again.
 */
export function grantsFor(profile: Profile, placed: Placement, blade: Carrier, hardware: Hardware): Grants {
  const models = new Map(blade.adapters.map(({ slot, model }) => [slot, hardware.adapters[model]]))
  const grants: { [key: FunctionKey]: Grant } = {}
  for (const [slot, model] of models) {
    if (model === undefined) continue
    for (let port = 1; port <= model.ports; port++) {
      const onPort = model.functions.flatMap(({ id }) => {
        const key = functionKey(slot, port, id)
        const connection = profile.connections.find((each) => placed[each.id] === key)
        return connection === undefined ? [] : [{ key, ask: connection.bandwidth }]
      })
      const shares = grantPort(
        model,
        onPort.map(({ ask }) => ask),
      )
      onPort.forEach(({ key }, i) => {
        const share = shares[i]
        if (share !== undefined) grants[key] = share
      })
    }
  }
  return grants
}

export type Wanted =
  | { readonly ok: true; readonly writes: readonly FunctionWrite[] }
  | { readonly ok: false; readonly misfits: readonly Misfit[] }

/**
 * The full value of every function of the blade: those in use as the profile says, all others exactly as the factory
 * made them, so that nothing of an earlier profile can be left over (I1).
 */
export function wantedValues(
  profile: Profile,
  given: Allocation,
  placed: Placement,
  grants: Grants,
  blade: Pick<Blade, 'adapters'>,
): Wanted {
  const carries = new Map(profile.connections.map((connection) => [placed[connection.id], connection]))
  const readings = blade.adapters.flatMap((adapter) => adapter.functions)
  const misfits = profile.connections.flatMap((connection): Misfit[] => {
    const key = placed[connection.id]
    if (readings.some((reading) => reading.key === key)) return []
    return [
      {
        reason: 'adapter-missing',
        rule: 'functions',
        connection: connection.id,
        say: `this blade has no function ${key ?? 'for'} ${connection.id}; assign the profile again`,
      },
    ]
  })
  const writes = readings.map((reading): FunctionWrite => {
    const connection = carries.get(reading.key)
    if (connection === undefined) return { key: reading.key, value: reading.factory }
    const addresses = addressesOf(connection, given[connection.id] ?? {}, reading)
    if ('rule' in addresses) misfits.push(addresses)
    const boot = profile.boot.order.find((entry) => 'connection' in entry && entry.connection === connection.id)
    const bootValue = boot && functionBoot(boot)
    const grant = grants[reading.key]
    const value: FunctionValue = {
      role: connection.kind,
      ...('rule' in addresses ? {} : addresses),
      ...(connection.vlan !== undefined && { vlan: connection.vlan }),
      ...(grant && { bandwidth: { minMbps: grant.minMbps, maxMbps: grant.maxMbps } }),
      ...(bootValue && { boot: bootValue }),
    }
    return { key: reading.key, value }
  })
  return misfits.length > 0 ? { ok: false, misfits } : { ok: true, writes }
}

function addressesOf(connection: Connection, given: Given, reading: FunctionReading): Given | Misfit {
  let addresses: Given = {}
  for (const { field, source } of asks(connection)) {
    const address =
      given[field] ??
      (source.from === 'value' ? source.value : source.from === 'factory' ? reading.factory[field] : undefined)
    if (address === undefined) {
      const why =
        source.from === 'pool'
          ? `was given none from pool ${source.pool}`
          : `wants the factory's, and ${reading.key} has none`
      return {
        reason: 'adapter-missing',
        rule: 'factory',
        connection: connection.id,
        say: `connection ${connection.id} needs a ${field} and ${why}; give it a ${field} or a pool`,
      }
    }
    addresses = { ...addresses, [field]: address }
  }
  return addresses
}

function functionBoot(entry: BootEntry): FunctionBoot | undefined {
  switch (entry.target) {
    case 'local':
    case 'setup':
      return undefined
    case 'pxe':
      return { via: 'pxe' }
    case 'http':
      return { via: 'http', uri: entry.uri }
    case 'fc':
    case 'fcoe':
      return { via: entry.target, targets: entry.targets }
    case 'iscsi': {
      const { targets, network, chap } = entry
      return { via: 'iscsi', targets, network, ...(chap && { chap }) }
    }
  }
}

/** The boot order of the whole system. An entry whose connection was not placed is a bug: `checkProfile` comes first. */
export function wantedBoot(profile: Profile, placed: Placement): SystemBoot {
  const order = profile.boot.order.map((entry): BootDevice => {
    if (entry.target === 'local' || entry.target === 'setup') return entry.target
    const key = placed[entry.connection]
    if (key === undefined)
      throw new Error(`boot entry ${entry.target} of ${profile.id} names ${entry.connection}, which has no place`)
    return key
  })
  return { mode: profile.boot.mode, order }
}
