/**
 * From the end of POST to an operating system: which device the firmware starts, by override and order, and
 * what the storage and boot servers behind the interconnects let in. Leaves the record that proves, or
 * disproves, that a blade came up as the server it was meant to be.
 */
import type { Bay, BootDevice, FunctionBoot, FunctionValue, InterconnectKind, Role } from '../core/blade.ts'
import { parseFunctionKey } from '../core/board.ts'
import {
  adapterModel,
  type FunctionState,
  formOf,
  type San,
  type Secrets,
  type SimBlade,
  type World,
} from './chassis.ts'
import { nextSetting, usedAddresses } from './function-table.ts'
import type { Booted, UsedFunction } from './log.ts'

/** A function as the firmware finds it at the end of POST. */
interface Candidate {
  readonly fn: FunctionState
  readonly value: FunctionValue
  readonly secrets: Secrets
  readonly used: UsedFunction
  readonly kind: InterconnectKind | 'empty' | 'unwired'
  /** The lane carries whatever the adapter multiplexes: the interconnect's kind does not matter. */
  readonly anyFabric: boolean
}

export interface Choice {
  readonly booted: Booted
  readonly tried: readonly string[]
}

/** The interconnect's downlink that the board wires this function's port to. */
export function reach(world: World, bay: Bay, product: string, key: string): UsedFunction['reaches'] {
  const at = parseFunctionKey(key)
  const slot = formOf(world.hardware, product)?.slots.find(({ id }) => id === at?.slot)
  const wire = slot?.wiring.find(({ port }) => port === at?.port)
  return wire && { interconnect: wire.interconnect, downlink: bay + wire.downlink.offset }
}

export function usedFunction(
  world: World,
  bay: Bay,
  product: string,
  fn: FunctionState,
  value: FunctionValue,
): UsedFunction {
  const reaches = reach(world, bay, product, fn.key)
  return { ...usedAddresses(fn, value), ...(reaches !== undefined && { reaches }) }
}

function candidates(world: World, bay: Bay, blade: SimBlade): readonly Candidate[] {
  return blade.kept.adapters.flatMap((adapter) => {
    const model = adapterModel(world.hardware, adapter.model)
    return adapter.functions.map((fn): Candidate => {
      // The system's loader brings the host driver along: such a function boots with what it is about to attach with.
      const { value, secrets } = model.takesEffect === 'attach' ? nextSetting(fn) : fn.applied
      const used = usedFunction(world, bay, blade.kept.product, fn, value)
      const kind = used.reaches === undefined ? 'unwired' : (world.interconnects[used.reaches.interconnect] ?? 'empty')
      return { fn, value, secrets, used, kind, anyFabric: model.lives !== 'adapter' }
    })
  })
}

/** Tries the override first, then the order; an empty order is the firmware's own: the disk, then whatever offers to boot. */
export function chooseBoot(world: World, bay: Bay, blade: SimBlade): Choice {
  const { boot, localDisk } = blade.kept
  const found = candidates(world, bay, blade)
  const offering = found.filter(({ value }) => value.boot !== undefined)
  const tried: string[] = []
  const attempt = (device: BootDevice): Booted | undefined => {
    if (device === 'setup') return { from: 'setup' }
    if (device === 'local') {
      if (localDisk) return { from: 'local' }
      tried.push('local: no disk')
      return undefined
    }
    const candidate = found.find(({ fn }) => fn.key === device)
    const outcome = candidate === undefined ? 'no such function' : start(world.san, candidate, candidate.value.boot)
    if (typeof outcome !== 'string') return outcome
    tried.push(`${device}: ${outcome}`)
    return undefined
  }
  const firstOf = <Device>(devices: readonly Device[], one: (device: Device) => Booted | undefined) => {
    for (const device of devices) {
      const booted = one(device)
      if (booted !== undefined) return booted
    }
    return undefined
  }
  const keys = (via: readonly FunctionBoot['via'][]) =>
    offering.filter(({ value }) => value.boot !== undefined && via.includes(value.boot.via)).map(({ fn }) => fn.key)
  const override = (): Booted | undefined => {
    switch (boot.override?.target) {
      case undefined:
        return undefined
      case 'pxe':
        // Firmware that is told to boot from the network asks on every Ethernet function.
        return firstOf(
          [...found].sort((a, b) => Number(b.value.boot?.via === 'pxe') - Number(a.value.boot?.via === 'pxe')),
          (candidate) => {
            const outcome = start(world.san, candidate, { via: 'pxe' })
            if (typeof outcome !== 'string') return outcome
            tried.push(`${candidate.fn.key}: ${outcome}`)
            return undefined
          },
        )
      case 'http':
        return firstOf(keys(['http']), attempt)
      case 'local':
        return attempt('local')
      case 'remote':
        return firstOf(keys(['fc', 'fcoe', 'iscsi']), attempt)
      case 'setup':
        return attempt('setup')
    }
  }
  const order: readonly BootDevice[] =
    boot.order.length > 0 ? boot.order : ['local', ...offering.map(({ fn }) => fn.key)]
  return { booted: override() ?? firstOf(order, attempt) ?? { from: 'nothing' }, tried }
}

/** The start of one function, or why it does not. */
function start(san: San, candidate: Candidate, boot: FunctionBoot | undefined): Booted | string {
  const { fn, value, used } = candidate
  if (boot === undefined) return 'offers nothing to boot from'
  if (!carries(candidate, value.role)) return `its interconnect carries no ${value.role}`
  switch (boot.via) {
    case 'pxe':
    case 'http':
      if (used.mac === undefined) return `${value.role} is no Ethernet`
      if (san.pxe !== undefined && !san.pxe.includes(used.mac)) return `no boot server answers ${used.mac}`
      return boot.via === 'pxe' ? { from: 'pxe', fn: fn.key } : { from: 'http', fn: fn.key, uri: boot.uri }
    case 'fc':
    case 'fcoe': {
      const { wwpn } = used
      if (wwpn === undefined) return `${value.role} is no Fibre Channel`
      const target = boot.targets.find((each) => admits(san, each.wwpn, each.lun, wwpn))
      if (target === undefined) return `no target lets ${wwpn} in`
      return { from: boot.via, fn: fn.key, target: target.wwpn, lun: target.lun }
    }
    case 'iscsi': {
      const { iqn } = used
      if (iqn === undefined) return 'has no initiator name'
      const target = boot.targets.find(
        (each) => admits(san, each.iqn, each.lun, iqn) && proves(san, each.iqn, each.lun, boot, candidate.secrets),
      )
      if (target === undefined) return `no target lets ${iqn} in`
      return { from: 'iscsi', fn: fn.key, target: target.iqn, lun: target.lun }
    }
  }
}

function carries({ kind, anyFabric }: Candidate, role: Role): boolean {
  if (kind === 'empty' || kind === 'unwired') return false
  if (anyFabric || kind === 'converged') return role !== 'off'
  switch (role) {
    case 'nic':
    case 'iscsi':
      return kind === 'ethernet'
    case 'fc':
      return kind === 'fc'
    case 'fcoe':
    case 'off':
      return false
  }
}

function rulesFor(san: San, target: string, lun: string): San['luns'] {
  return san.luns.filter((rule) => rule.target === target && (rule.lun === undefined || rule.lun === lun))
}

function admits(san: San, target: string, lun: string, initiator: string): boolean {
  const rules = rulesFor(san, target, lun)
  return rules.length === 0 || rules.some(({ initiators }) => initiators.includes(initiator))
}

type IscsiBoot = Extract<FunctionBoot, { via: 'iscsi' }>

function proves(san: San, target: string, lun: string, boot: IscsiBoot, secrets: Secrets): boolean {
  return rulesFor(san, target, lun).every(
    ({ chap, mutual }) =>
      (chap === undefined || (boot.chap?.user === chap.user && secrets.chap === chap.secret)) &&
      (mutual === undefined || (boot.chap?.mutual?.user === mutual.user && secrets.mutual === mutual.secret)),
  )
}

/** Whether an operating system came up: the firmware's set-up and an empty prompt are none. */
export function isSystem(booted: Booted): boolean {
  return booted.from !== 'setup' && booted.from !== 'nothing'
}
