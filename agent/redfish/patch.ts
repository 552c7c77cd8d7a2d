/**
 * What a resource would be after a PATCH, as pure functions of what it is now. Members that go
 * together move together, so that a client which knows only Redfish can say little and mean a whole
 * setting; and a PATCH that would not show as written is refused whole, never done in part.
 */
import type { Blade, BmcPolicy, FunctionValue, SystemBoot } from '../core/blade.ts'
import { bootModes, functionBody, functionValue, roleNames } from './function.ts'
import { Field, isObject, type Json, type JsonObject, merge, notShown, Unreadable } from './json.ts'
import { overrideEnabled, readBoot, readPolicy, readShown, systemSettings } from './system.ts'

export interface FunctionPatch {
  readonly value: FunctionValue
  /** Secrets in clear, on their way to the adapter; they stand in no value. */
  readonly secrets: readonly { readonly which: 'chap' | 'mutual'; readonly value: string }[]
}

/** The name of a secret that came in without one: from a client that knows nothing of Oem.Midplane. */
const unnamedSecret = 'unnamed'

/**
 * A function's pending values after a PATCH: another BootMode drops the targets of the one before,
 * `VLANEnable: false` drops the id, a number for a LUN replaces its text.
 */
export function patchFunction(current: FunctionValue, shown: JsonObject, patch: JsonObject): FunctionPatch {
  const asked = new Field(patch)
  const wants = (field: Field, ...names: readonly string[]): Field =>
    names.reduce((at, name) => (at.present ? at.at(name) : at), field)
  const mode = wants(asked, 'BootMode')
  const start: FunctionValue =
    mode.present && mode.json !== bootModes[current.boot?.via ?? 'none'] ? withoutBoot(current) : current
  const merged = merge(functionBody(start), shown, patch)
  const role = wants(asked, 'NetDevFuncType')
  const enabled = wants(asked, 'DeviceEnabled')
  const vlanOff = wants(asked, 'Ethernet', 'VLAN', 'VLANEnable').json === false
  const secrets = (['CHAPSecret', 'MutualCHAPSecret'] as const).flatMap((name) => {
    const secret = wants(asked, 'iSCSIBoot', name)
    if (!secret.present || secret.json === null) return []
    return [{ which: name === 'CHAPSecret' ? ('chap' as const) : ('mutual' as const), value: secret.text() }]
  })
  const named = (which: 'chap' | 'mutual') => (secrets.some((secret) => secret.which === which) ? unnamedSecret : null)
  const addressType = addressTypeOf(merged)
  const coherent = edit(merged, {
    ...(role.present && !enabled.present && { DeviceEnabled: role.json !== roleNames.off }),
    ...(enabled.json === false && !role.present && { NetDevFuncType: roleNames.off }),
    ...(vlanOff && { Ethernet: { VLAN: { VLANId: null } } }),
    iSCSIBoot: {
      CHAPSecret: null,
      MutualCHAPSecret: null,
      ...(wants(asked, 'BootMode').json === bootModes.iscsi && start !== current && iscsiDefaults(asked)),
      ...(addressType !== undefined && { IPAddressType: addressType }),
    },
    Oem: {
      Midplane: {
        ...(wants(asked, 'iSCSIBoot', 'PrimaryLUN').present &&
          !wants(asked, 'Oem', 'Midplane', 'PrimaryLUN').present && { PrimaryLUN: null }),
        ...(wants(asked, 'iSCSIBoot', 'SecondaryLUN').present &&
          !wants(asked, 'Oem', 'Midplane', 'SecondaryLUN').present && { SecondaryLUN: null }),
        ...(member(merged, 'Oem', 'Midplane', 'CHAPSecretName') === null && { CHAPSecretName: named('chap') }),
        ...(member(merged, 'Oem', 'Midplane', 'MutualCHAPSecretName') === null && {
          MutualCHAPSecretName: named('mutual'),
        }),
        ...(limitsWithoutLeast(asked, merged) && { MinimumMbps: 0 }),
      },
    },
  })
  const value = functionValue(new Field(coherent))
  const lost = notShown(
    edit(patch, secrets.length > 0 ? { iSCSIBoot: { CHAPSecret: null, MutualCHAPSecret: null } } : {}),
    functionBody(value),
  )
  if (lost !== undefined) throw new Unreadable('conflict', lost, 'can not be so with the rest of this function')
  for (const { which } of secrets) {
    const chap = value.boot?.via === 'iscsi' ? value.boot.chap : undefined
    if ((which === 'chap' ? chap : chap?.mutual) === undefined) {
      throw new Unreadable('conflict', 'iSCSIBoot/AuthenticationMethod', 'does not take this secret')
    }
  }
  return { value, secrets }
}

function withoutBoot(value: FunctionValue): FunctionValue {
  const { boot: _boot, ...rest } = value
  return rest
}

/** A function that turns to iSCSI boot finds its targets as named and its own address by DHCP, unless told. */
function iscsiDefaults(asked: Field): { readonly [name: string]: Json } {
  const iscsi = asked.at('iSCSIBoot')
  const told = (name: string) => iscsi.present && iscsi.at(name).present
  return {
    ...(!told('TargetInfoViaDHCP') && { TargetInfoViaDHCP: false }),
    ...(!told('IPMaskDNSViaDHCP') && { IPMaskDNSViaDHCP: !told('InitiatorIPAddress') }),
  }
}

/** IPAddressType follows from the addresses themselves; it is shown, and never stored. */
function addressTypeOf(merged: JsonObject): string | undefined {
  if (merged.BootMode !== bootModes.iscsi) return undefined
  const literal =
    member(merged, 'iSCSIBoot', 'InitiatorIPAddress') ?? member(merged, 'iSCSIBoot', 'PrimaryTargetIPAddress')
  return typeof literal === 'string' && literal.includes(':') ? 'IPv6' : 'IPv4'
}

function limitsWithoutLeast(asked: Field, merged: JsonObject): boolean {
  const limits = merged.Limits
  return (
    asked.at('Limits').present &&
    Array.isArray(limits) &&
    limits.length > 0 &&
    member(merged, 'Oem', 'Midplane', 'MinimumMbps') === null
  )
}

function member(json: Json, ...names: readonly string[]): Json | undefined {
  return names.reduce<Json | undefined>((at, name) => (isObject(at) ? at[name] : undefined), json)
}

/** Replaces members deep inside, leaving the rest. */
function edit(json: JsonObject, change: JsonObject): JsonObject {
  const out: { [name: string]: Json } = { ...json }
  for (const [name, value] of Object.entries(change)) {
    const current = out[name]
    if (!isObject(value)) out[name] = value
    else if (isObject(current)) out[name] = edit(current, value)
  }
  return out
}

/** What a PATCH of the system changes; only what it named, so that the others are not written again. */
export interface SystemPatch {
  readonly boot?: SystemBoot
  readonly policy?: BmcPolicy
  readonly shown?: Blade['shown']
}

/**
 * A target alone means once; target `None` or `Enabled: Disabled` alone ends the override (what
 * clients of the field send in either form).
 */
export function patchSystem(
  current: Pick<Blade, 'boot' | 'policy' | 'shown'>,
  whole: JsonObject,
  patch: JsonObject,
): SystemPatch {
  const writable = systemSettings(current)
  const merged = merge(writable, whole, patch)
  const target = member(patch, 'Boot', 'BootSourceOverrideTarget')
  const enabled = member(patch, 'Boot', 'BootSourceOverrideEnabled')
  const ends = target === 'None' || (target === undefined && enabled === overrideEnabled.none)
  const override = ends
    ? { BootSourceOverrideTarget: 'None', BootSourceOverrideEnabled: overrideEnabled.none }
    : target !== undefined && enabled === undefined && current.boot.override === undefined
      ? { BootSourceOverrideEnabled: overrideEnabled.once }
      : {}
  const coherent = new Field(edit(merged, { Boot: override }))
  const boot = readBoot(coherent.at('Boot'))
  const policy = readPolicy(coherent)
  const shown = readShown(coherent)
  const lost = notShown(ends ? edit(patch, { Boot: override }) : patch, systemSettings({ boot, policy, shown }))
  if (lost !== undefined) throw new Unreadable('conflict', lost, 'can not be so with the rest of this resource')
  const oem = member(patch, 'Oem', 'Midplane')
  const names = (name: string) => isObject(oem) && name in oem
  return {
    ...('Boot' in patch && { boot }),
    ...(('PowerRestorePolicy' in patch || names('PowerButton') || names('Wake')) && { policy }),
    ...(names('Shown') && { shown }),
  }
}
