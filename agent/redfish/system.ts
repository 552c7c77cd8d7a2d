/**
 * A blade's system as Redfish tells it: power, stage of the boot, boot order and override, what may
 * switch it on, and its identity ⇄ ComputerSystem. Both directions in one file. Redfish has no words
 * for four things, which stand in Oem.Midplane: the count of boots, how long the stage lasts, the
 * button and wake policy, and the identity shown to the operating system beside the factory one
 * (SerialNumber and UUID are always the factory's, W6).
 */
import { parseSerial, parseUuid } from '../core/addresses.ts'
import type { Blade, BmcPolicy, BootDevice, OverrideTarget, PowerAction, SystemBoot } from '../core/blade.ts'
import { parseFunctionKey } from '../core/board.ts'
import type { Field, JsonObject } from './json.ts'

/** All of a blade but its adapters, which are resources of their own. */
export type System = Omit<Blade, 'adapters'>

/** ComputerSystem.Reset ResetType. */
export const resetTypes: { readonly [action in PowerAction]: string } = {
  on: 'On',
  shutdown: 'GracefulShutdown',
  off: 'ForceOff',
  reset: 'ForceRestart',
}

/** BootSourceOverrideTarget: RemoteDrive is a drive reached by storage networks, as Redfish defines it. */
export const overrideTargets: { readonly [target in OverrideTarget]: string } = {
  pxe: 'Pxe',
  http: 'UefiHttp',
  local: 'Hdd',
  remote: 'RemoteDrive',
  setup: 'BiosSetup',
}

export const overrideEnabled = { none: 'Disabled', once: 'Once', always: 'Continuous' } as const
export const overrideModes: { readonly [mode in SystemBoot['mode']]: string } = { uefi: 'UEFI', legacy: 'Legacy' }
export const restorePolicies: { readonly [policy in BmcPolicy['restore']]: string } = {
  'always-off': 'AlwaysOff',
  'last-state': 'LastState',
  'always-on': 'AlwaysOn',
}
const switches: { readonly [position in BmcPolicy['button']]: string } = { enabled: 'Enabled', disabled: 'Disabled' }

/** BootProgress.LastState; firmware that stopped before boot (W5) is told by OemLastState. */
const haltedState = 'PostHalted'

/** What a PATCH of the system can change, each alone and all together. */
export function bootBody(boot: SystemBoot): JsonObject {
  return {
    Boot: {
      BootSourceOverrideEnabled: overrideEnabled[boot.override?.lasts ?? 'none'],
      BootSourceOverrideTarget: boot.override ? overrideTargets[boot.override.target] : 'None',
      BootSourceOverrideMode: overrideModes[boot.mode],
      BootOrder: boot.order,
    },
  }
}

export function policyBody(policy: BmcPolicy): JsonObject {
  return { PowerRestorePolicy: restorePolicies[policy.restore], Oem: { Midplane: policyOem(policy) } }
}

export function shownBody(shown: Blade['shown']): JsonObject {
  return { Oem: { Midplane: shownOem(shown) } }
}

export function systemSettings({ boot, policy, shown }: Pick<Blade, 'boot' | 'policy' | 'shown'>): JsonObject {
  return { ...policyBody(policy), ...bootBody(boot), Oem: { Midplane: { ...policyOem(policy), ...shownOem(shown) } } }
}

const policyOem = (policy: BmcPolicy) => ({ PowerButton: switches[policy.button], Wake: switches[policy.wake] })
const shownOem = (shown: Blade['shown']) => ({
  Shown: { UUID: shown.uuid ?? null, SerialNumber: shown.serial ?? null },
})

/** The members of ComputerSystem that tell of the blade; links and actions are the face's to add. */
export function systemBody(system: System): JsonObject {
  const { boot, policy, shown } = system
  return {
    ...policyBody(policy),
    ...bootBody(boot),
    SerialNumber: system.serial,
    UUID: system.uuid,
    Model: system.product,
    PowerState: system.power === 'on' ? 'On' : 'Off',
    BootProgress: progressOf(system.stage),
    Oem: {
      Midplane: { ...policyOem(policy), ...shownOem(shown), Boots: system.boots, StageSeconds: system.stageSeconds },
    },
  }
}

function progressOf(stage: Blade['stage']): JsonObject {
  switch (stage) {
    case 'off':
      return { LastState: 'None' }
    case 'post':
      return { LastState: 'SystemHardwareInitializationComplete' }
    case 'halted':
      return { LastState: 'OEM', OemLastState: haltedState }
    case 'os':
      return { LastState: 'OSRunning' }
  }
}

export function readSystem(body: Field): System {
  const power = readPower(body.at('PowerState'))
  const oem = body.at('Oem').at('Midplane')
  return {
    serial: body.at('SerialNumber').parsed(parseSerial),
    uuid: body.at('UUID').parsed(parseUuid),
    product: body.at('Model').parsed((text) => (text.trim() === '' ? undefined : text)),
    power,
    stage: readStage(body.at('BootProgress'), power),
    boots: oem.at('Boots').whole(),
    stageSeconds: oem.at('StageSeconds').measure(),
    boot: readBoot(body.at('Boot')),
    policy: readPolicy(body),
    shown: readShown(body),
  }
}

/** On its way in either direction is on: only an answer of `Off` is off (W1). */
const powerStates = { On: 'on', PoweringOn: 'on', PoweringOff: 'on', Paused: 'on', Off: 'off' } as const
function readPower(field: Field): Blade['power'] {
  return field.parsed((text) =>
    Object.hasOwn(powerStates, text) ? powerStates[text as keyof typeof powerStates] : undefined,
  )
}

const stages = {
  None: 'off',
  PrimaryProcessorInitializationStarted: 'post',
  BusInitializationStarted: 'post',
  MemoryInitializationStarted: 'post',
  SecondaryProcessorInitializationStarted: 'post',
  PCIResourceConfigStarted: 'post',
  SystemHardwareInitializationComplete: 'post',
  SetupEntered: 'post',
  OSBootStarted: 'os',
  OSRunning: 'os',
  OEM: 'halted',
} as const

/** While off, what the last boot came to says nothing; while on, `None` is a POST that has not told yet. */
function readStage(progress: Field, power: Blade['power']): Blade['stage'] {
  const state = progress.at('LastState')
  const stage = state.parsed((text) => (Object.hasOwn(stages, text) ? stages[text as keyof typeof stages] : undefined))
  if (stage === 'halted' && progress.at('OemLastState').text() !== haltedState)
    throw progress.at('OemLastState').bad('is not known')
  if (power === 'off') return 'off'
  return stage === 'off' ? 'post' : stage
}

export function readBoot(boot: Field): SystemBoot {
  const lasts = boot.at('BootSourceOverrideEnabled').named(overrideEnabled)
  const target = boot.at('BootSourceOverrideTarget').named({ ...overrideTargets, none: 'None' })
  const mode = boot.at('BootSourceOverrideMode').named(overrideModes)
  const order = boot
    .at('BootOrder')
    .items(64)
    .map((device) => device.parsed(bootDevice))
  if (lasts === 'none') return { mode, order }
  if (target === 'none')
    throw boot
      .at('BootSourceOverrideTarget')
      .conflict(`is None while BootSourceOverrideEnabled is ${overrideEnabled[lasts]}`)
  return { mode, order, override: { target, lasts } }
}

const bootDevice = (text: string): BootDevice | undefined =>
  text === 'local' || text === 'setup' || parseFunctionKey(text) !== undefined ? text : undefined

export function readPolicy(body: Field): BmcPolicy {
  const oem = body.at('Oem').at('Midplane')
  return {
    restore: body.at('PowerRestorePolicy').named(restorePolicies),
    button: oem.at('PowerButton').named(switches),
    wake: oem.at('Wake').named(switches),
  }
}

export function readShown(body: Field): Blade['shown'] {
  const shown = body.at('Oem').at('Midplane').at('Shown')
  const uuid = shown.at('UUID').orNull((field) => field.parsed(parseUuid))
  const serial = shown.at('SerialNumber').orNull((field) => field.parsed(parseSerial))
  return { ...(uuid !== undefined && { uuid }), ...(serial !== undefined && { serial }) }
}
