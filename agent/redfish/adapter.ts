/**
 * An adapter and its functions as Redfish tells them: NetworkAdapter, NetworkDeviceFunction and its
 * Settings ⇄ AdapterReading. The function itself shows the applied values, Oem.Midplane the factory's,
 * and the Settings resource what waits for the next POST; `Pending` says whether anything waits, since
 * a Settings resource with nothing in it shows the applied values again.
 */
import { parseSerial } from '../core/addresses.ts'
import type { FunctionKey, FunctionReading, FunctionValue } from '../core/blade.ts'
import { parseFunctionKey } from '../core/board.ts'
import { functionBody, functionValue } from './function.ts'
import type { Field, Json, JsonObject } from './json.ts'

/** Name of the action that takes a function back to its factory values at the next POST. */
export const clearAction = '#Midplane.Clear'

/** A function's place: the adapter's slot names the adapter, the rest of the key names it there. */
export function functionId(key: FunctionKey): { readonly slot: string; readonly id: string } | undefined {
  const parts = parseFunctionKey(key)
  return parts && { slot: parts.slot, id: `${parts.port}-${parts.fn}` }
}

export function keyOf(slot: string, id: string): FunctionKey | undefined {
  const key = `${slot}:${id}`
  return parseFunctionKey(key) ? key : undefined
}

/** The members of NetworkAdapter that tell which adapter this is. */
export function adapterBody(adapter: {
  readonly slot: string
  readonly model: string
  readonly serial: string
}): JsonObject {
  return { Id: adapter.slot, Model: adapter.model, SerialNumber: adapter.serial }
}

export function readAdapter(body: Field) {
  return {
    slot: body.at('Id').parsed((text) => (/^[a-z0-9]+$/.test(text) ? text : undefined)),
    model: body.at('Model').parsed((text) => (text.trim() === '' ? undefined : text)),
    serial: body.at('SerialNumber').parsed(parseSerial),
  }
}

/** The members of NetworkDeviceFunction that tell what the function is and uses now. */
export function functionShown(reading: FunctionReading): JsonObject {
  const body = functionBody(reading.applied)
  return {
    ...body,
    Ethernet: { ...(body.Ethernet as JsonObject), PermanentMACAddress: reading.factory.mac ?? null },
    FibreChannel: {
      ...(body.FibreChannel as JsonObject),
      PermanentWWPN: reading.factory.wwpn ?? null,
      PermanentWWNN: reading.factory.wwnn ?? null,
    },
    Oem: oemWith(body, { Pending: reading.pending !== undefined, Factory: functionBody(reading.factory) }),
  }
}

/** The members of the Settings resource: what the next POST would make of the function. */
export function settingsShown(reading: FunctionReading): JsonObject {
  const body = functionBody(reading.pending ?? reading.applied)
  return { ...body, Oem: oemWith(body, { Pending: reading.pending !== undefined }) }
}

function oemWith(body: JsonObject, more: { readonly [name: string]: Json }): JsonObject {
  const oem = body.Oem as JsonObject
  return { Midplane: { ...(oem.Midplane as JsonObject), ...more } }
}

export interface FunctionShown {
  readonly key: FunctionKey
  readonly factory: FunctionValue
  readonly applied: FunctionValue
  readonly pending: boolean
}

/** Reads the function itself; what is pending stands in its Settings. */
export function readFunction(body: Field, slot: string): FunctionShown {
  const factory = functionValue(body.at('Oem').at('Midplane').at('Factory'))
  // The same fact in two places: where they differ, neither is believed.
  agrees(body.at('Ethernet').at('PermanentMACAddress'), factory.mac)
  agrees(body.at('FibreChannel').at('PermanentWWPN'), factory.wwpn)
  agrees(body.at('FibreChannel').at('PermanentWWNN'), factory.wwnn)
  return {
    key: body.at('Id').parsed((text) => keyOf(slot, text)),
    factory,
    applied: functionValue(body),
    pending: readPending(body),
  }
}

export function readPending(body: Field): boolean {
  return body.at('Oem').at('Midplane').at('Pending').flag()
}

function agrees(field: Field, address: string | undefined): void {
  const shown = field.orNull((there) => there.text().toLowerCase().replaceAll('-', ':'))
  if (shown !== address) throw field.conflict('does not agree with Oem/Midplane/Factory')
}
