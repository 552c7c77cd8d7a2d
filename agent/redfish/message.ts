/**
 * Redfish's error body (redfish-error 1.0.2) with messages of the Base registry: written by the face,
 * read by the driver. The texts are ours; the ids, their arguments and severities are the registry's.
 */
import { Field, type Json, type JsonObject } from './json.ts'

const registry = 'Base.1.16'

/** Base messages in use: HTTP status and severity. */
const messages = {
  AccessDenied: { status: 403, severity: 'Critical' },
  ActionParameterMissing: { status: 400, severity: 'Critical' },
  ActionParameterUnknown: { status: 400, severity: 'Warning' },
  ActionParameterValueNotInList: { status: 400, severity: 'Warning' },
  ActionParameterValueTypeError: { status: 400, severity: 'Warning' },
  GeneralError: { status: 500, severity: 'Critical' },
  HeaderInvalid: { status: 400, severity: 'Critical' },
  InternalError: { status: 500, severity: 'Critical' },
  MalformedJSON: { status: 400, severity: 'Critical' },
  NoOperation: { status: 400, severity: 'Warning' },
  NoValidSession: { status: 401, severity: 'Critical' },
  OperationNotAllowed: { status: 405, severity: 'Critical' },
  PayloadTooLarge: { status: 413, severity: 'Critical' },
  PreconditionFailed: { status: 412, severity: 'Critical' },
  PropertyMissing: { status: 400, severity: 'Warning' },
  PropertyNotWritable: { status: 400, severity: 'Warning' },
  PropertyUnknown: { status: 400, severity: 'Warning' },
  PropertyValueConflict: { status: 400, severity: 'Warning' },
  PropertyValueError: { status: 400, severity: 'Warning' },
  PropertyValueTypeError: { status: 400, severity: 'Warning' },
  QueryParameterUnsupported: { status: 501, severity: 'Warning' },
  QueryParameterValueError: { status: 400, severity: 'Warning' },
  ResourceAtUriUnauthorized: { status: 401, severity: 'Critical' },
  ResourceInUse: { status: 409, severity: 'Warning' },
  ResourceMissingAtURI: { status: 404, severity: 'Critical' },
  SessionLimitExceeded: { status: 503, severity: 'Critical' },
} as const

export type MessageName = keyof typeof messages

export interface Complaint {
  readonly status: number
  readonly body: JsonObject
}

export interface Told {
  readonly args?: readonly string[]
  /** Another status where HTTP has a better one than the message's usual. */
  readonly status?: number
  readonly resolution?: string
  /** Property that it is about, as a path of names: `Boot/BootOrder`. */
  readonly property?: string
}

export function complaint(name: MessageName, say: string, told: Told = {}): Complaint {
  const { status, severity } = messages[name]
  const id = `${registry}.${name}`
  return {
    status: told.status ?? status,
    body: {
      error: {
        code: id,
        message: say,
        '@Message.ExtendedInfo': [
          {
            '@odata.type': '#Message.v1_3_0.Message',
            MessageId: id,
            Message: say,
            MessageArgs: told.args ?? [],
            MessageSeverity: severity,
            Severity: severity,
            Resolution: told.resolution ?? 'Correct the request and send it again.',
            ...(told.property !== undefined && { RelatedProperties: [`#/${told.property}`] }),
          },
        ],
      },
    },
  }
}

/** What an error body says: ids without their registry, and one line of text. Never throws; a poor body says little. */
export function readComplaint(json: Json | undefined): { readonly ids: readonly string[]; readonly say: string } {
  const ids: string[] = []
  const says: string[] = []
  const quiet = <Value>(read: () => Value): Value | undefined => {
    try {
      return read()
    } catch {
      return undefined
    }
  }
  const error = quiet(() => new Field(json).at('error'))
  const code = quiet(() => error?.at('code').text())
  if (code !== undefined) ids.push(code)
  for (const info of quiet(() => error?.at('@Message.ExtendedInfo').items(32)) ?? []) {
    const id = quiet(() => info.at('MessageId').text())
    const say = quiet(() => info.at('Message').text())
    if (id !== undefined) ids.push(id)
    if (say !== undefined) says.push(say)
  }
  const say = says[0] ?? quiet(() => error?.at('message').text()) ?? ''
  const shorts = ids.map((id) => id.slice(id.lastIndexOf('.') + 1))
  return { ids: [...new Set(shorts)], say: say.replace(/[^\x20-\x7e]/g, ' ').slice(0, 200) }
}

/**
 * A message in an answer of success that is not one of success: a service may say 200 and tell in an
 * annotation that some of the properties were not written.
 */
export function complaintWithin(json: Json | undefined, depth = 0): string | undefined {
  if (typeof json !== 'object' || json === null || depth > 8) return undefined
  for (const [name, value] of Object.entries(json) as [string, Json][]) {
    if (name.endsWith('@Message.ExtendedInfo') && Array.isArray(value)) {
      for (const info of value as readonly Json[]) {
        const severity = (info as JsonObject | null)?.MessageSeverity ?? (info as JsonObject | null)?.Severity
        if (severity !== 'OK') return String((info as JsonObject | null)?.Message ?? name).slice(0, 200)
      }
    }
    const found = complaintWithin(value, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}
