/**
 * One step carried to a BMC. It begins with a look at what it is for, in the same session as the last
 * whole look: another blade or another adapter in its place stops it before anything is sent (W7), and
 * so does a secret that is not to be had.
 */
import type { FunctionKey, FunctionValue } from '../../../core/blade.ts'
import { clearAction, functionId, keyOf } from '../../../redfish/adapter.ts'
import { functionBody } from '../../../redfish/function.ts'
import type { Field, JsonObject } from '../../../redfish/json.ts'
import { bootBody, policyBody, readSystem, resetTypes, shownBody } from '../../../redfish/system.ts'
import { type BladeStep, Fault } from '../driver.ts'
import { adapterTree, settingsRef } from './look.ts'
import { pathAt, resolve, type Seen, type Session } from './session.ts'

type Change = Exclude<BladeStep, { kind: 'barrier' }>

/** A CHAP secret in clear, by its name and the mark of the version that is meant. */
export type SecretOf = (id: string, mark: string | undefined) => string | undefined

export async function change(session: Session, seen: Seen, step: Change, secret: SecretOf): Promise<void> {
  const places = await session.places()
  const system = await sameSystem(session, places.system, seen)
  const patchSystem = (body: JsonObject) => session.change('PATCH', places.system, body)
  switch (step.kind) {
    case 'policy':
      return patchSystem(policyBody(step.policy))
    case 'clear':
      for (const place of await placesOf(session, seen, step.functions)) {
        await session.change('POST', clearTarget(place), {})
      }
      return patchSystem(shownBody({}))
    case 'write': {
      const bodies = step.functions.map(({ key, value }) => withSecrets(key, value, marked(step.secrets, secret)))
      const targets = await placesOf(
        session,
        seen,
        step.functions.map(({ key }) => key),
      )
      for (const [at, place] of targets.entries()) {
        const settings = await resolve(session, settingsRef(place))
        const etag = settings.at('@odata.etag')
        await session.change(
          'PATCH',
          pathAt(settings),
          { ...bodies[at], ...onReset },
          etag.present ? etag.text() : undefined,
        )
      }
      return
    }
    case 'show':
      return patchSystem(shownBody(step.shown))
    case 'boot':
      return patchSystem(bootBody(step.boot))
    case 'power': {
      const reset = system.at('Actions').at('#ComputerSystem.Reset')
      const type = resetTypes[step.action]
      const offered = reset
        .at('ResetType@Redfish.AllowableValues')
        .items()
        .map((item) => item.text())
      if (!offered.includes(type))
        throw new Fault('hardware-refused', `the BMC does not offer ${type}, only ${offered.join(', ')}`)
      return session.change('POST', reset.at('target').parsed(targetPath), { ResetType: type })
    }
  }
}

const onReset = {
  '@Redfish.SettingsApplyTime': { '@odata.type': '#Settings.v1_4_0.PreferredApplyTime', ApplyTime: 'OnReset' },
}

const targetPath = (text: string): string | undefined =>
  /^\/redfish\/v1\/[A-Za-z0-9._~/#-]+$/.test(text) ? text : undefined
const clearTarget = (body: Field): string =>
  body.at('Actions').at('Oem').at(clearAction).at('target').parsed(targetPath)

async function sameSystem(session: Session, path: string, seen: Seen): Promise<Field> {
  const body = await session.get(path)
  const { serial } = readSystem(body)
  if (serial !== seen.serial)
    throw new Fault('serial-differs', `the BMC speaks for ${serial} now, not for ${seen.serial}`)
  return body
}

/** Where the functions are now, on the very adapters that were looked at: by serial, never by position alone (W7). */
async function placesOf(session: Session, seen: Seen, keys: readonly FunctionKey[]): Promise<readonly Field[]> {
  const slots = new Set(keys.map((key) => functionId(key)?.slot))
  const found = new Map<FunctionKey, Field>()
  for (const { adapter, functions } of await adapterTree(session, (slot) => slots.has(slot))) {
    const before = seen.adapters.get(adapter.slot)
    if (adapter.serial !== before) {
      throw new Fault('serial-differs', `${adapter.slot} is adapter ${adapter.serial} now, not ${before ?? 'empty'}`)
    }
    for (const body of functions)
      found.set(
        body.at('Id').parsed((id) => keyOf(adapter.slot, id)),
        body,
      )
  }
  return keys.map((key) => {
    const place = found.get(key)
    if (place === undefined) throw new Fault('bmc-nonsense', `the BMC shows no function ${key}`)
    return place
  })
}

/** A secret in the version that the step means, where it means one. */
function marked(secrets: readonly string[], secret: SecretOf): (id: string) => string | undefined {
  const marks = new Map(
    secrets.map((one): [string, string] => [one.slice(0, one.indexOf('@')), one.slice(one.indexOf('@') + 1)]),
  )
  return (id) => secret(id, marks.get(id))
}

/** Secrets are known before the first write goes out, or nothing goes out. */
function withSecrets(key: FunctionKey, value: FunctionValue, secret: (id: string) => string | undefined): JsonObject {
  const body = functionBody(value)
  const chap = value.boot?.via === 'iscsi' ? value.boot.chap : undefined
  if (chap === undefined) return body
  const clear = (id: string): string => {
    const text = secret(id)
    if (text === undefined)
      throw new Fault('hardware-refused', `secret ${id} for ${key} is missing; nothing was written`)
    return text
  }
  return {
    ...body,
    iSCSIBoot: {
      ...(body.iSCSIBoot as JsonObject),
      CHAPSecret: clear(chap.secret),
      ...(chap.mutual && { MutualCHAPSecret: clear(chap.mutual.secret) }),
    },
  }
}
