/**
 * What a PATCH or a POST asks of the BMC: a path, a body and the blade as it is now, to requests that
 * the world understands. Pure; anything unreadable is thrown before a first request is made, so that a
 * change is asked for whole or not at all.
 */
import type { Blade } from '../../core/blade.ts'
import { Field, type JsonObject } from '../../redfish/json.ts'
import { complaint } from '../../redfish/message.ts'
import { patchFunction, patchSystem } from '../../redfish/patch.ts'
import type { BmcRequest, SessionId } from '../bmc.ts'
import { No } from './no.ts'
import { clearTail, functionAt, functionOfPath, offeredResets, paths } from './tree.ts'

export function isAction(path: string, blade: Blade | undefined): boolean {
  if (blade === undefined) return false
  if (path === paths.reset) return true
  const place = functionOfPath(path, clearTail)
  return place !== undefined && functionAt(blade, place.slot, place.id) !== undefined
}

export function changesOfPatch(
  path: string,
  patch: JsonObject,
  shown: JsonObject,
  blade: Blade,
  session: SessionId,
): readonly BmcRequest[] {
  if (!Object.keys(patch).some((name) => !name.includes('@'))) {
    throw new No(complaint('NoOperation', 'the body changes nothing'))
  }
  const place = functionOfPath(path, '/Settings')
  if (place === undefined) return systemChanges(patch, shown, blade, session)
  const reading = functionAt(blade, place.slot, place.id)
  if (reading === undefined) throw new Error(`no function stands at ${path}`)
  applyTime(new Field(patch))
  const { value, secrets } = patchFunction(reading.pending ?? reading.applied, shown, patch)
  return [
    {
      kind: 'write',
      session,
      functions: [{ key: reading.key, value }],
      secrets: secrets.map((secret) => ({ key: reading.key, ...secret })),
    },
  ]
}

/** Only OnReset is offered: a table that the next POST consumes. */
function applyTime(patch: Field): void {
  const preferred = patch.at('@Redfish.SettingsApplyTime')
  if (!preferred.present) return
  const time = preferred.at('ApplyTime')
  if (time.text() !== 'OnReset') throw time.bad('must be OnReset')
}

function systemChanges(patch: JsonObject, shown: JsonObject, blade: Blade, session: SessionId): readonly BmcRequest[] {
  const change = patchSystem(blade, shown, patch)
  return [
    ...(change.policy ? [{ kind: 'policy', session, policy: change.policy } as const] : []),
    ...(change.boot ? [{ kind: 'boot', session, boot: change.boot } as const] : []),
    ...(change.shown ? [{ kind: 'show', session, shown: change.shown } as const] : []),
  ]
}

export function changesOfAction(
  path: string,
  body: JsonObject,
  blade: Blade,
  session: SessionId,
): readonly BmcRequest[] {
  const place = functionOfPath(path, clearTail)
  if (place === undefined) {
    const action = resetAction(body)
    return [action === 'cycle' ? { kind: 'cycle', session } : { kind: 'power', session, action }]
  }
  const reading = functionAt(blade, place.slot, place.id)
  if (reading === undefined) throw new Error(`no function stands at ${path}`)
  onlyParameters(body, 'Midplane.Clear', [])
  return [{ kind: 'clear', session, functions: [reading.key] }]
}

function resetAction(body: JsonObject): keyof typeof offeredResets {
  const action = 'ComputerSystem.Reset'
  onlyParameters(body, action, ['ResetType'])
  const type = body.ResetType
  if (type === undefined) {
    throw new No(
      complaint('ActionParameterMissing', 'ResetType is missing', {
        args: [action, 'ResetType'],
        property: 'ResetType',
      }),
    )
  }
  if (typeof type !== 'string') {
    throw new No(
      complaint('ActionParameterValueTypeError', 'ResetType is not a string', {
        args: [JSON.stringify(type).slice(0, 80), 'ResetType', action],
        property: 'ResetType',
      }),
    )
  }
  for (const [power, name] of Object.entries(offeredResets))
    if (name === type) return power as keyof typeof offeredResets
  throw new No(
    complaint('ActionParameterValueNotInList', `ResetType "${type.slice(0, 80)}" is not offered`, {
      args: [type.slice(0, 80), 'ResetType', action],
      property: 'ResetType',
      resolution: `Use one of ${Object.values(offeredResets).join(', ')}.`,
    }),
  )
}

function onlyParameters(body: JsonObject, action: string, known: readonly string[]): void {
  const unknown = Object.keys(body).find((name) => !name.includes('@') && !known.includes(name))
  if (unknown !== undefined) {
    throw new No(
      complaint('ActionParameterUnknown', `${unknown} is not a parameter of ${action}`, {
        args: [action, unknown],
        property: unknown,
      }),
    )
  }
}
