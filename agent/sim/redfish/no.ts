/**
 * A request that is answered with an error body: thrown where the reason shows, caught once, where the
 * face answers. Turns a document that can not be read, and a world that says no, into Redfish's words.
 */
import type { Unreadable } from '../../redfish/json.ts'
import { type Complaint, complaint } from '../../redfish/message.ts'
import type { BmcAnswer } from '../bmc.ts'

export class No extends Error {
  readonly complaint: Complaint
  readonly headers: { readonly [name: string]: string }
  constructor(because: Complaint, headers: { readonly [name: string]: string } = {}) {
    super(`answered ${because.status}`)
    this.name = 'No'
    this.complaint = because
    this.headers = headers
  }
}

/** Clients without a session are told how to come by one (RFC 9110 §11.6.1). */
const challenge = { 'WWW-Authenticate': 'Basic realm="Redfish"' }

export function noSession(): No {
  return new No(complaint('NoValidSession', 'there is no such session; open one at SessionService/Sessions'), challenge)
}

export function noResource(path: string): No {
  return new No(
    complaint('ResourceMissingAtURI', `there is nothing at ${path.slice(0, 200)}`, { args: [path.slice(0, 200)] }),
  )
}

export function noBecauseUnreadable(error: Unreadable): No {
  const property = error.path
  const told = { property, args: [property] }
  switch (error.wrong) {
    case 'missing':
      return new No(complaint('PropertyMissing', error.message, told))
    case 'type':
      return new No(complaint('PropertyValueTypeError', error.message, { ...told, args: ['the value', property] }))
    case 'value':
      return new No(complaint('PropertyValueError', error.message, told))
    case 'conflict':
      return new No(
        complaint('PropertyValueConflict', error.message, { ...told, args: [property, 'another property'] }),
      )
    case 'unknown':
      return new No(complaint('PropertyUnknown', error.message, told))
    case 'readonly':
      return new No(complaint('PropertyNotWritable', error.message, told))
  }
}

/** There is no BMC at the other end: no blade in the bay, no power, or one that is still starting. */
export class NobodyHere extends Error {}

/** What the world refused, at the path that it was asked through. */
export function noBecauseRefused(answer: Extract<BmcAnswer, { ok: false }>, path: string): No | NobodyHere {
  switch (answer.why) {
    case 'credentials':
      return new No(complaint('ResourceAtUriUnauthorized', answer.message, { args: [path, answer.message] }), challenge)
    case 'no-session':
      return noSession()
    case 'session-limit':
      return new No(complaint('SessionLimitExceeded', answer.message), { 'Retry-After': '30' })
    case 'refused':
      return new No(complaint('GeneralError', answer.message, { status: 409, resolution: answer.message }))
    case 'not-here':
      return new NobodyHere(answer.message)
  }
}
