/** Steps, and what a function is told, between core and protobuf. A dry run answers with them. */
import type {
  BmcPolicy,
  FunctionBoot,
  FunctionValue,
  OverrideTarget,
  PowerAction,
  Role,
  Step,
  SystemBoot,
} from '../core/blade.ts'
import { midplane as pb } from './generated/midplane.js'
import {
  bootModes,
  readAddresses,
  readFcTargets,
  readIscsi,
  writeAddresses,
  writeFcTarget,
  writeIscsi,
} from './profile.ts'
import { each, given, ifSet, type Numbered, type Reading, type Unset } from './reading.ts'

const { v1 } = pb

export const roles: Numbered<Role> = {
  nic: v1.Role.ROLE_NIC,
  iscsi: v1.Role.ROLE_ISCSI,
  fcoe: v1.Role.ROLE_FCOE,
  fc: v1.Role.ROLE_FC,
  off: v1.Role.ROLE_OFF,
}
export const powerStates: Numbered<'on' | 'off'> = {
  on: v1.PowerState.POWER_STATE_ON,
  off: v1.PowerState.POWER_STATE_OFF,
}
export const overrideTargets: Numbered<OverrideTarget> = {
  pxe: v1.OverrideTarget.OVERRIDE_TARGET_PXE,
  http: v1.OverrideTarget.OVERRIDE_TARGET_HTTP,
  local: v1.OverrideTarget.OVERRIDE_TARGET_LOCAL,
  remote: v1.OverrideTarget.OVERRIDE_TARGET_REMOTE,
  setup: v1.OverrideTarget.OVERRIDE_TARGET_SETUP,
}
const restores: Numbered<BmcPolicy['restore']> = {
  'always-off': v1.RestorePolicy.RESTORE_POLICY_ALWAYS_OFF,
  'last-state': v1.RestorePolicy.RESTORE_POLICY_LAST_STATE,
  'always-on': v1.RestorePolicy.RESTORE_POLICY_ALWAYS_ON,
}
const powerActions: Numbered<PowerAction> = {
  on: v1.PowerStepAction.POWER_STEP_ACTION_ON,
  shutdown: v1.PowerStepAction.POWER_STEP_ACTION_SHUTDOWN,
  off: v1.PowerStepAction.POWER_STEP_ACTION_OFF,
  reset: v1.PowerStepAction.POWER_STEP_ACTION_RESET,
}

export function writeStep(step: Step): pb.v1.Step.$Properties {
  const { bay } = step
  switch (step.kind) {
    case 'withdraw':
      return { bay, withdraw: {} }
    case 'barrier':
      return { bay, barrier: {} }
    case 'policy':
      return { bay, policy: writePolicy(step.policy) }
    case 'clear':
      return { bay, clear: { functions: [...step.functions] } }
    case 'write': {
      const functions = step.functions.map(({ key, value }) => ({ key, value: writeValue(value) }))
      return { bay, write: { profile: step.profile, functions, secrets: [...step.secrets] } }
    }
    case 'show':
      return { bay, show: { uuid: step.shown.uuid ?? null, serial: step.shown.serial ?? null } }
    case 'boot':
      return { bay, boot: writeSystemBoot(step.boot) }
    case 'permit':
      return { bay, permit: { n: step.n } }
    case 'power':
      return { bay, power: { action: powerActions[step.action] } }
    case 'cut':
      return { bay, cut: {} }
    case 'locate':
      return { bay, locate: { lit: step.lit } }
  }
}

export function readStep(read: Reading, at: string, message: pb.v1.Step.$Properties): Step {
  const bay = read.bay(`${at}.bay`, message.bay)
  const { withdraw, barrier, policy, clear, write, show, boot, permit, power, cut, locate } = message
  const one = read.one(at, { withdraw, barrier, policy, clear, write, show, boot, permit, power, cut, locate })
  switch (one?.name) {
    case undefined:
      return one
    case 'withdraw':
    case 'barrier':
    case 'cut':
      return { kind: one.name, bay }
    case 'policy':
      return { kind: 'policy', bay, policy: readPolicy(read, `${at}.policy`, one.value) }
    case 'clear':
      return { kind: 'clear', bay, functions: readTexts(read, `${at}.clear.functions`, one.value.functions) }
    case 'write':
      return {
        kind: 'write',
        bay,
        profile: read.id(`${at}.write.profile`, one.value.profile),
        functions: each(one.value.functions, `${at}.write.functions`, ({ key, value }, where) => ({
          key: read.text(`${where}.key`, key, 64),
          value: read.part(`${where}.value`, value, (told) => readValue(read, `${where}.value`, told)),
        })),
        secrets: readTexts(read, `${at}.write.secrets`, one.value.secrets),
      }
    case 'show': {
      const uuid = read.maybeUuid(`${at}.show.uuid`, one.value.uuid)
      const serial = read.maybeSerial(`${at}.show.serial`, one.value.serial)
      return { kind: 'show', bay, shown: { ...given('uuid', uuid), ...given('serial', serial) } }
    }
    case 'boot':
      return { kind: 'boot', bay, boot: readSystemBoot(read, `${at}.boot`, one.value) }
    case 'permit':
      return { kind: 'permit', bay, n: read.wide(`${at}.permit.n`, one.value.n) }
    case 'power':
      return { kind: 'power', bay, action: read.name(`${at}.power.action`, one.value.action, powerActions) }
    case 'locate':
      return { kind: 'locate', bay, lit: one.value.lit ?? false }
  }
}

/** Lines of text: function keys, notes. */
export function readTexts(read: Reading, at: string, texts: readonly string[] | Unset): readonly string[] {
  return each(texts, at, (text, where) => read.text(where, text, 1024))
}

const writePolicy = ({ restore, button, wake }: BmcPolicy): pb.v1.BmcPolicy.$Properties => ({
  restore: restores[restore],
  buttonEnabled: button === 'enabled',
  wakeEnabled: wake === 'enabled',
})

const readPolicy = (read: Reading, at: string, message: pb.v1.BmcPolicy.$Properties): BmcPolicy => ({
  restore: read.name(`${at}.restore`, message.restore, restores),
  button: message.buttonEnabled ? 'enabled' : 'disabled',
  wake: message.wakeEnabled ? 'enabled' : 'disabled',
})

const writeSystemBoot = ({ mode, order, override }: SystemBoot): pb.v1.SystemBoot.$Properties => ({
  mode: bootModes[mode],
  order: [...order],
  override: ifSet(override, ({ target, lasts }) => ({ target: overrideTargets[target], always: lasts === 'always' })),
})

function readSystemBoot(read: Reading, at: string, message: pb.v1.SystemBoot.$Properties): SystemBoot {
  const { override } = message
  return {
    mode: read.name(`${at}.mode`, message.mode, bootModes),
    order: readTexts(read, `${at}.order`, message.order),
    ...(override && {
      override: {
        target: read.name(`${at}.override.target`, override.target, overrideTargets),
        lasts: override.always ? 'always' : 'once',
      },
    }),
  }
}

function writeValue(value: FunctionValue): pb.v1.FunctionValue.$Properties {
  return {
    role: roles[value.role],
    addresses: writeAddresses(value),
    vlan: value.vlan ?? null,
    bandwidth: ifSet(value.bandwidth, ({ minMbps, maxMbps }) => ({ minMbps, maxMbps })),
    boot: ifSet(value.boot, writeFunctionBoot),
  }
}

function readValue(read: Reading, at: string, message: pb.v1.FunctionValue.$Properties): FunctionValue {
  const { bandwidth, boot } = message
  return {
    role: read.name(`${at}.role`, message.role, roles),
    ...read.part(`${at}.addresses`, message.addresses, (set) => readAddresses(read, `${at}.addresses`, set)),
    ...given('vlan', message.vlan ?? undefined),
    ...(bandwidth && { bandwidth: { minMbps: bandwidth.minMbps ?? 0, maxMbps: bandwidth.maxMbps ?? 0 } }),
    ...(boot && { boot: readFunctionBoot(read, `${at}.boot`, boot) }),
  }
}

function writeFunctionBoot(boot: FunctionBoot): pb.v1.FunctionBoot.$Properties {
  switch (boot.via) {
    case 'pxe':
      return { pxe: {} }
    case 'http':
      return { http: { uri: boot.uri } }
    case 'fc':
      return { fc: { targets: boot.targets.map(writeFcTarget) } }
    case 'fcoe':
      return { fcoe: { targets: boot.targets.map(writeFcTarget) } }
    case 'iscsi':
      return { iscsi: writeIscsi(boot) }
  }
}

function readFunctionBoot(read: Reading, at: string, message: pb.v1.FunctionBoot.$Properties): FunctionBoot {
  const { pxe, http, fc, fcoe, iscsi } = message
  const one = read.one(at, { pxe, http, fc, fcoe, iscsi })
  switch (one?.name) {
    case undefined:
      return one
    case 'pxe':
      return { via: 'pxe' }
    case 'http':
      return { via: 'http', uri: read.text(`${at}.uri`, one.value.uri, 1024) }
    case 'fc':
    case 'fcoe':
      return { via: one.name, targets: readFcTargets(read, at, one.value.targets) }
    case 'iscsi':
      return { via: 'iscsi', ...readIscsi(read, at, one.value) }
  }
}
