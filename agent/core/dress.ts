/**
 * What a blade is to be told so that it is the server that a profile describes, and whether it is. Where each
 * connection goes is decided once, when the profile is first put in doubt there, and stands in that record: a change of
 * interconnects or rules later does not make a running blade wrong.
 */
import {
  type Blade,
  type FunctionKey,
  type FunctionWrite,
  functionsOf,
  type Observed,
  type SystemBoot,
} from './blade.ts'
import type { Hardware } from './board.ts'
import { fit, grantsFor, type Misfit, wantedBoot, wantedValues } from './fit.ts'
import type { Profile } from './profile.ts'
import { type Doubt, type State, secretsOf } from './state.ts'

export interface Dressing {
  /** Every function of the blade, the unused ones at factory values. */
  readonly functions: readonly FunctionWrite[]
  readonly boot: SystemBoot
  readonly shown: Blade['shown']
  /** Secrets that the boot settings name; `mark` is absent when the secret was never set. */
  readonly secrets: readonly { readonly id: string; readonly mark?: string }[]
}

export type Placed =
  | { readonly placed: { readonly [connection: string]: FunctionKey }; readonly keeps: boolean }
  | { readonly misfits: readonly Misfit[] }

export function place(
  profile: Profile,
  blade: Blade,
  hardware: Hardware,
  interconnects: Observed['interconnects'],
): Placed {
  const fitted = fit(profile, blade, hardware, interconnects)
  if (!fitted.ok) return { misfits: fitted.misfits }
  return { placed: fitted.placed, keeps: keeps(profile, fitted.placed, blade, hardware) }
}

/** Whether anything of the profile's identity outlives AC loss on these adapters (W6, W9). */
export function keeps(
  { connections }: Pick<Profile, 'connections'>,
  placed: { readonly [connection: string]: FunctionKey },
  blade: Blade,
  hardware: Hardware,
): boolean {
  return connections.some(({ id, kind }) => {
    const adapter = blade.adapters.find(({ functions }) => functions.some(({ key }) => key === placed[id]))
    const model = adapter && hardware.adapters[adapter.model]
    if (!model) return true
    return !model.erases.address.acLoss || (kind === 'iscsi' && !model.erases.storage.acLoss)
  })
}

/** Undefined: the profile is not here, or the blade's adapters are not those that it was placed on any more. */
export function dress(state: State, doubt: Doubt, blade: Blade, hardware: Hardware): Dressing | undefined {
  const held = state.profiles[doubt.profile]
  if (!held) return undefined
  const { profile, given } = held
  const wanted = wantedValues(profile, given, doubt.placed, grantsFor(profile, doubt.placed, blade, hardware), blade)
  if (!wanted.ok) return undefined
  return {
    functions: wanted.writes,
    boot: wantedBoot(profile, doubt.placed),
    shown: { ...(profile.uuid && { uuid: profile.uuid }), ...(profile.serial && { serial: profile.serial }) },
    secrets: secretsOf(profile).map((id) => {
      const secret = state.secrets[id]
      return secret ? { id, mark: secret.mark } : { id }
    }),
  }
}

/** The blade uses exactly these addresses now. Settings that are no address may differ: they wait for the next POST. */
export function wears(blade: Blade, dressing: Dressing): boolean {
  const readings = functionsOf(blade)
  return dressing.functions.every(({ key, value }) => {
    const applied = readings.find((reading) => reading.key === key)?.applied
    return (
      applied !== undefined &&
      applied.role === value.role &&
      applied.mac === value.mac &&
      applied.wwpn === value.wwpn &&
      applied.wwnn === value.wwnn &&
      applied.iqn === value.iqn &&
      applied.vlan === value.vlan
    )
  })
}
