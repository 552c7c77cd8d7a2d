/**
 * A function of an adapter and its settings: what waits in the BMC's table, what is in use, and what each
 * loss of power erases. The four ways of making I/O logical differ here only by what the adapter's model
 * declares (W9): `takesEffect` says who consumes the table, `erases` what does not outlive which event.
 */
import type { FunctionKey, FunctionValue, FunctionWrite } from '../core/blade.ts'
import { type AdapterModel, parseFunctionKey } from '../core/board.ts'
import type { WrittenSecret } from './bmc.ts'
import type { AdapterState, FunctionState, Secrets, Setting } from './chassis.ts'
import type { AddressKind, UsedFunction } from './log.ts'

export type Loss = keyof AdapterModel['erases']['address']

const bare = (fn: FunctionState): Setting => ({ value: fn.factory, secrets: {} })

/** What the next POST or attach would use: the same judgement as `afterNextPost`, with the secrets. */
export function nextSetting(fn: FunctionState): Setting {
  return fn.pending ?? fn.applied
}

/**
 * Takes one entry of a write. A secret that is not sent again stays, as long as the boot settings still name a user
 * for it: that is how a write-only member behaves on the wire.
 */
export function writeFunction(
  fn: FunctionState,
  model: AdapterModel,
  value: FunctionValue,
  secrets: readonly WrittenSecret[],
): FunctionState {
  const before = nextSetting(fn).secrets
  const sent = (which: WrittenSecret['which']) => secrets.findLast((secret) => secret.which === which)?.value
  const chap = sent('chap') ?? before.chap
  const mutual = sent('mutual') ?? before.mutual
  const users = value.boot?.via === 'iscsi' ? value.boot.chap : undefined
  const held: Secrets = {
    ...(users !== undefined && chap !== undefined && { chap }),
    ...(users?.mutual !== undefined && mutual !== undefined && { mutual }),
  }
  return settle(fn, model, { value, secrets: held })
}

export function clearFunction(fn: FunctionState, model: AdapterModel): FunctionState {
  return settle(fn, model, bare(fn))
}

function settle(fn: FunctionState, model: AdapterModel, setting: Setting): FunctionState {
  switch (model.takesEffect) {
    case 'reset':
    case 'attach':
      return { ...fn, pending: setting }
    case 'live':
      return { ...fn, pending: undefined, applied: setting }
  }
}

/** POST or attach takes what waits in the table into use. */
export function consume(fn: FunctionState): FunctionState {
  return fn.pending === undefined ? fn : { ...fn, pending: undefined, applied: fn.pending }
}

/** A loss of power, as the model says what it costs (W9). Only loss of AC takes the BMC's table with it. */
export function erase(fn: FunctionState, model: AdapterModel, loss: Loss): FunctionState {
  const { address, storage } = model.erases
  const pending = loss === 'acLoss' ? undefined : fn.pending
  const addressOf = address[loss] ? bare(fn) : fn.applied
  const storageOf = storage[loss] ? bare(fn) : fn.applied
  if (addressOf === storageOf) return { ...fn, pending, applied: addressOf }
  return {
    ...fn,
    pending,
    applied: { value: joined(addressOf.value, storageOf.value), secrets: storageOf.secrets },
  }
}

/**
 * Address class: role, MAC, WWNs, VLAN, bandwidth, booting from a network. Storage class: the initiator's name and
 * boot targets. A function that lost the one and kept the other comes up with factory addresses and old targets.
 */
function joined(address: FunctionValue, storage: FunctionValue): FunctionValue {
  const { iqn: _iqn, boot: networkBoot, ...rest } = address
  const boot = hasTargets(storage) ? storage.boot : hasTargets(address) ? undefined : networkBoot
  return { ...rest, ...(storage.iqn !== undefined && { iqn: storage.iqn }), ...(boot !== undefined && { boot }) }
}

function hasTargets({ boot }: FunctionValue): boolean {
  if (boot === undefined) return false
  switch (boot.via) {
    case 'pxe':
    case 'http':
      return false
    case 'fc':
    case 'fcoe':
    case 'iscsi':
      return true
  }
}

/**
 * The addresses that a function would put on its wire with this value: those of its role, and burned-in ones where the
 * value names none. An initiator name counts in every role that has a network: the adapter logs in with it.
 */
export function usedAddresses(fn: FunctionState, { role, ...value }: FunctionValue): Omit<UsedFunction, 'reaches'> {
  const { burnedIn, key } = fn
  const mac = { mac: value.mac ?? burnedIn.mac }
  const wwns = { wwpn: value.wwpn ?? burnedIn.wwpn, wwnn: value.wwnn ?? burnedIn.wwnn }
  const vlan = value.vlan === undefined ? {} : { vlan: value.vlan }
  const leftover = value.iqn === undefined ? {} : { iqn: value.iqn }
  switch (role) {
    case 'nic':
      return { key, role, ...mac, ...leftover, ...vlan }
    case 'iscsi':
      return { key, role, ...mac, iqn: value.iqn ?? burnedIn.iqn, ...vlan }
    case 'fcoe':
      return { key, role, ...mac, ...wwns, ...vlan }
    case 'fc':
      return { key, role, ...wwns }
    case 'off':
      return { key, role }
  }
}

export const addressKinds = ['mac', 'wwpn', 'wwnn', 'iqn'] as const satisfies readonly AddressKind[]

export function mapFunctions(
  adapters: readonly AdapterState[],
  change: (fn: FunctionState, adapter: AdapterState) => FunctionState,
): readonly AdapterState[] {
  return adapters.map((adapter) => ({ ...adapter, functions: adapter.functions.map((fn) => change(fn, adapter)) }))
}

/** Why hardware would not take these entries; undefined when it would. All or none are taken. */
export function complaintAbout(
  adapters: readonly AdapterState[],
  modelOf: (id: string) => AdapterModel,
  writes: readonly FunctionWrite[],
): string | undefined {
  for (const { key, value } of writes) {
    const adapter = adapters.find(({ functions }) => functions.some((fn) => fn.key === key))
    if (adapter === undefined) return `no function ${key} here`
    const fn = modelOf(adapter.model).functions.find(({ id }) => id === parseFunctionKey(key)?.fn)
    if (fn !== undefined && !fn.roles.includes(value.role)) {
      return `${key} can not be ${value.role}; it can be ${fn.roles.join(', ')}`
    }
  }
  return undefined
}

export function unknownKey(adapters: readonly AdapterState[], keys: readonly FunctionKey[]): string | undefined {
  const known = new Set(adapters.flatMap(({ functions }) => functions.map(({ key }) => key)))
  const unknown = keys.find((key) => !known.has(key))
  return unknown === undefined ? undefined : `no function ${unknown} here`
}
