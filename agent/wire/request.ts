/**
 * Requests: bytes to a command or a question under its envelope, and back. Nothing that a sender can put into the bytes
 * makes this throw, and nothing is left unread: garbage is told from what a later version may have meant, and a
 * command is either read whole or not at all. Clients encode with the same file, so that the two can not drift apart.
 */
import protobuf from 'protobufjs/minimal.js'
import { type Refusal, refuse } from '../core/reasons.ts'
import { type Body, isRequestId, readBody, readIncarnation, writeBody } from './command.ts'
import { midplane as pb } from './generated/midplane.js'
import { given, ifSet, Reading, snake } from './reading.ts'
import { type Scan, scan } from './scan.ts'

const { v1 } = pb

/** 96 KiB. The door checks it in MQTT's fixed header already, before any memory is taken. */
export const largestRequest = 98_304

const requestIdField = 1
const signatureField = 2047
const bodyFields = { from: 16, to: 79 }

export interface Expect {
  readonly incarnation: string
  readonly bootId: string
  readonly beforeUptimeMs: number
}

/** What a client says besides what it asks for. */
export interface Sent {
  readonly request: string
  /** As sent; whether it is this chassis' is judged first of all (W23). */
  readonly chassis: string
  readonly expect?: Expect
  readonly epoch?: number
  readonly sequence?: number
  readonly ifRevision?: number
  readonly dryRun: boolean
}

export interface OutgoingRequest extends Sent {
  readonly body: Body
}

export interface DecodedRequest extends Sent {
  /**
   * Digest of all that is asked: everything but signature and `expect`, in our own encoding, so that neither another
   * order of fields nor a later expiry makes a repeat look like a reuse.
   */
  readonly content: string
  /** `invalid`: readable as a request, but not as a command; judged after the envelope, like any validity (W23). */
  readonly body: Body | Invalid
  /** What the signature is over. */
  readonly signed: Uint8Array
  readonly signature?: Uint8Array
}

export interface Invalid {
  readonly kind: 'invalid'
  readonly refusal: Refusal
}

export type Decoded =
  | { readonly request: DecodedRequest }
  /** `id`: as much of the request id as could be read, for the answer; empty: none. */
  | { readonly refusal: Refusal; readonly id: string }

/**
 * `digest` of the content comes from outside and is keyed by the agent: content may hold a secret, and a plain hash of
 * a short one could be guessed (W16).
 */
export function decodeRequest(bytes: Uint8Array, digest: (content: Uint8Array) => string): Decoded {
  if (bytes.length > largestRequest)
    return {
      refusal: refuse('too-large', `the request has ${bytes.length} bytes; send at most ${largestRequest}`),
      id: '',
    }
  const seen = scan(bytes)
  const id = idOf(bytes, seen)
  const misfit = misshapen(seen)
  if (misfit !== undefined) return { refusal: refuse('garbled', misfit), id }
  const message = decoded(bytes)
  if (message === undefined) return { refusal: refuse('garbled', garbled), id }
  if (!isRequestId(message.requestId))
    return { refusal: refuse('request-id-missing', 'give a request id of 8 to 36 printable ASCII characters'), id }

  const envelope = new Reading()
  const sent = readSent(envelope, message)
  const refusal = envelope.refusal()
  if (refusal !== undefined) return { refusal, id }
  const { signature } = message
  return {
    request: {
      ...sent,
      content: digest(contentOf(message)),
      body: readWhole(message),
      signed: bytes.subarray(0, seen.fields.find(({ number }) => number === signatureField)?.start ?? bytes.length),
      ...(signature.length > 0 && { signature }),
    },
  }
}

const garbled = 'the request can not be decoded; encode midplane.v1.Request'

/** The id, if its bytes look like one: it is echoed, and an echo must not carry what was not meant as text. */
function idOf(bytes: Uint8Array, { fields }: Scan): string {
  const field = fields.find(({ number, wireType }) => number === requestIdField && wireType === 2)
  if (field === undefined || field.end - field.content > 36) return ''
  const text = String.fromCharCode(...bytes.subarray(field.content, field.end))
  return /^[\x21-\x7e]+$/.test(text) ? text : ''
}

/** Two commands in one request, or anything after the signature, would be read differently by different libraries. */
function misshapen({ fields, whole }: Scan): string | undefined {
  if (!whole) return garbled
  if (new Set(fields.map(({ number }) => number)).size < fields.length)
    return 'a field of the request stands twice; send each once'
  if (fields.filter(({ number }) => number >= bodyFields.from && number <= bodyFields.to).length > 1)
    return 'the request has two bodies; send one command in each request'
  const signature = fields.findIndex(({ number }) => number === signatureField)
  if (signature >= 0 && signature < fields.length - 1)
    return 'the signature is not the last field; encode in the order of numbers'
  return undefined
}

function decoded(bytes: Uint8Array): pb.v1.Request | undefined {
  const reader = protobuf.Reader.create(bytes)
  reader.discardUnknown = false
  try {
    return v1.Request.decode(reader)
  } catch {
    // Every error of the codec is about the bytes: cut off, not UTF-8, nested too deep.
    return undefined
  }
}

function readSent(read: Reading, message: pb.v1.Request): Sent {
  const { expect } = message
  return {
    request: message.requestId,
    chassis: read.text('chassis', message.chassis, 64),
    ...(expect && {
      expect: {
        incarnation: readIncarnation(read, 'expect.incarnation', expect.incarnation),
        bootId: read.shaped('expect.boot_id', expect.bootId, /^[\x21-\x7e]{1,64}$/, 'a boot id'),
        beforeUptimeMs: read.wide('expect.before_uptime_ms', expect.beforeUptimeMs),
      },
    }),
    ...given('epoch', read.maybeWide('epoch', message.epoch)),
    ...given('sequence', read.maybeWide('sequence', message.sequence)),
    ...given('ifRevision', read.maybeWide('if_revision', message.ifRevision)),
    dryRun: message.dryRun,
  }
}

function readWhole(message: pb.v1.Request): Body | Invalid {
  const field = unknownField(message, '')
  if (field !== undefined) {
    const say = 'is not known to this version; update the agent, or leave it out'
    return { kind: 'invalid', refusal: refuse('newer-than-me', `${field} ${say}`, [{ field, say }]) }
  }
  const read = new Reading()
  const body = readBody(read, message)
  const refusal = read.refusal()
  return refusal === undefined ? body : { kind: 'invalid', refusal }
}

/**
 * Path of the first field that the sources do not have, its number last, anywhere below. A command of which one word is not understood
 * is not carried out without it: that word may have been a condition.
 */
function unknownField(message: object, path: string): string | undefined {
  const { $unknowns } = message as { readonly $unknowns?: readonly Uint8Array[] }
  const [first] = $unknowns ?? []
  if (first !== undefined) return `${path}${scan(first).fields[0]?.number ?? 'a field'}`
  for (const [name, value] of Object.entries(message)) {
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue
    const below = Array.isArray(value) ? value : [value]
    for (const each of below) {
      const found = typeof each === 'object' && each !== null ? unknownField(each, `${path}${snake(name)}.`) : undefined
      if (found !== undefined) return found
    }
  }
  return undefined
}

function contentOf(message: pb.v1.Request): Uint8Array {
  const content = new v1.Request(message)
  // Own members that are undefined are skipped by the codec.
  Object.assign(content, { expect: undefined, signature: undefined })
  return v1.Request.encode(content).finish()
}

/** `sign` gets all bytes before the signature and gives 64 bytes. */
export function encodeRequest(outgoing: OutgoingRequest, sign?: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const message: pb.v1.Request.$Properties = {
    requestId: outgoing.request,
    chassis: outgoing.chassis,
    expect: ifSet(outgoing.expect, ({ incarnation, bootId, beforeUptimeMs }) => ({
      incarnation,
      bootId,
      beforeUptimeMs,
    })),
    epoch: outgoing.epoch ?? null,
    sequence: outgoing.sequence ?? null,
    ifRevision: outgoing.ifRevision ?? null,
    dryRun: outgoing.dryRun,
    ...writeBody(outgoing.body),
  }
  const writer = v1.Request.encode(message)
  if (sign === undefined) return writer.finish()
  const bytes = writer.finish()
  const signature = v1.Request.encode({ signature: sign(bytes) }).finish()
  const whole = new Uint8Array(bytes.length + signature.length)
  whole.set(bytes)
  whole.set(signature, bytes.length)
  return whole
}
