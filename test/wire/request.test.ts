/** What a request may look like, and what it is answered when it does not. */
import protobuf from 'protobufjs/minimal.js'
import { describe, expect, test } from 'vitest'
import { type Body, capabilities, isQuery } from '../../agent/wire/command.ts'
import { midplane as pb } from '../../agent/wire/generated/midplane.js'
import {
  type Decoded,
  decodeRequest,
  encodeRequest,
  largestRequest,
  type OutgoingRequest,
} from '../../agent/wire/request.ts'
import { bodies, profile, requests } from './examples.ts'
import { digest, sign } from './golden.ts'

const { v1 } = pb
const bytesOf = (message: pb.v1.Request.$Properties) =>
  v1.Request.encode({ requestId: 'my-first-try', chassis: 'demo', ...message }).finish()
const decode = (bytes: Uint8Array): Decoded => decodeRequest(bytes, digest)
const locate = bytesOf({ locate: { bay: 3, lit: true } })
const join = (...pieces: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(pieces))

/** The refusal of bytes, wherever in the order of judgement it stands. */
function refused(bytes: Uint8Array) {
  const decoded = decode(bytes)
  if (!('request' in decoded)) return { ...decoded.refusal, id: decoded.id }
  const { body } = decoded.request
  if (body.kind !== 'invalid') throw new Error(`decoded as ${body.kind}`)
  return { ...body.refusal, id: decoded.request.request }
}

function read(bytes: Uint8Array) {
  const decoded = decode(bytes)
  if (!('request' in decoded)) throw new Error(decoded.refusal.say)
  return decoded.request
}

describe('a request that can not be run', () => {
  test('is too large above 96 KiB, and not at 96 KiB', () => {
    const padded = (size: number) => join(locate, v1.Request.encode({ signature: new Uint8Array(size) }).finish())
    const room = largestRequest - padded(65_536).length + 65_536
    expect(padded(room).length).toBe(98_304)
    expect(read(padded(room)).body.kind).toBe('locate')
    expect(refused(padded(room + 1)).reason).toBe('too-large')
  })

  test('is garbled when it is cut off, and the answer still names its request id', () => {
    const cut = encodeRequest(requests.assign as OutgoingRequest).subarray(0, -3)
    expect(refused(cut)).toMatchObject({ reason: 'garbled', id: 'my-first-try' })
  })

  test.each<[string, Uint8Array]>([
    ['text that is not protobuf', new TextEncoder().encode('{"assign": 3}')],
    ['a group', join(locate, new Uint8Array([((90 << 3) & 0x7f) | 0x80 | 3, 0x05]))],
    ['two commands', join(locate, v1.Request.encode({ reseat: { bay: 3 } }).finish())],
    ['the same field twice', join(locate, v1.Request.encode({ chassis: 'other' }).finish())],
    ['something after the signature', join(v1.Request.encode({ signature: new Uint8Array(64) }).finish(), locate)],
    [
      'text that is not UTF-8',
      protobuf.Writer.create()
        .uint32(18)
        .bytes(new Uint8Array([0xff, 0xfe]))
        .finish(),
    ],
  ])('is garbled when it is %s', (_what, bytes) => {
    expect(refused(bytes).reason).toBe('garbled')
  })

  test('is garbled, and not a crash, when it is nested ten thousand deep', () => {
    const [begin, end] = [(9 << 3) | 3, (9 << 3) | 4]
    const groups = new Uint8Array([...Array(10_000).fill(begin), ...Array(10_000).fill(end)])
    const deep = protobuf.Writer.create()
      .uint32((29 << 3) | 2)
      .bytes(groups)
      .finish()
    expect(refused(join(bytesOf({}), deep)).reason).toBe('garbled')
  })

  test.each(['', 'short', 'x'.repeat(37), 'has a blank', 'line\nbreak', 'Zürich-8'])(
    'has no request id in %j',
    (requestId) => {
      expect(refused(bytesOf({ requestId, resync: {} })).reason).toBe('request-id-missing')
    },
  )

  test('never has bytes echoed that are not printable text', () => {
    expect(refused(join(bytesOf({ requestId: 'my\x1b[2Jtry' }), new Uint8Array([7]))).id).toBe('')
  })

  test('says "newer than me" to a command that a later version has', () => {
    const later = join(
      bytesOf({}),
      protobuf.Writer.create()
        .uint32((45 << 3) | 2)
        .bytes(new Uint8Array([8, 1]))
        .finish(),
    )
    expect(refused(later)).toMatchObject({ reason: 'newer-than-me', id: 'my-first-try', violations: [{ field: '45' }] })
  })

  test('says "newer than me" to a command of which it does not know one field, and names the field', () => {
    const condition = protobuf.Writer.create()
      .uint32(8)
      .uint32(3)
      .uint32((9 << 3) | 0)
      .uint32(1)
      .finish()
    const later = join(
      bytesOf({}),
      protobuf.Writer.create()
        .uint32((29 << 3) | 2)
        .bytes(condition)
        .finish(),
    )
    expect(refused(later)).toMatchObject({ reason: 'newer-than-me', violations: [{ field: 'reseat.9' }] })
  })

  test('says "newer than me" to a value that a later version has', () => {
    const bytes = bytesOf({ unassign: { profile: 'web-01', when: 9 as pb.v1.When, stop: v1.Stop.STOP_NO } })
    expect(refused(bytes)).toMatchObject({ reason: 'newer-than-me', violations: [{ field: 'when' }] })
  })

  test('has a body, or is told which there are', () => {
    expect(refused(bytesOf({}))).toMatchObject({
      reason: 'field-missing',
      say: expect.stringContaining('define_profile'),
    })
  })

  test('is refused where an enum is left at UNSPECIFIED, set or not', () => {
    expect(refused(bytesOf({ unassign: { profile: 'web-01' } })).violations?.map(({ field }) => field)).toEqual([
      'when',
      'stop',
    ])
    const set = {
      profile: 'web-01',
      to: { bay: 3 },
      when: v1.When.WHEN_NOW,
      power: v1.PowerState.POWER_STATE_UNSPECIFIED,
    }
    expect(refused(bytesOf({ assign: set }))).toMatchObject({
      reason: 'field-missing',
      violations: [{ field: 'power' }],
    })
  })

  test('hears of everything that is wrong with it, not only of the first', () => {
    const sent = {
      id: 'Web 1',
      connections: [
        { id: 'a', nic: { mac: { value: '00:zz' } } },
        { id: 'b', fc: { wwpn: { value: '01:00' }, wwnn: {} } },
        { id: 'constructor', nic: { mac: { pool: '' } } },
        { id: 'd' },
      ],
      boot: { order: [{ pxe: { connection: 'A!' } }] },
      affinity: v1.Affinity.AFFINITY_MODEL,
      uuid: 'none',
    }
    const { reason, violations = [] } = refused(bytesOf({ defineProfile: { profile: sent } }))
    expect(reason).toBe('field-invalid')
    expect(violations.map(({ field }) => field).sort()).toEqual([
      'profile.boot.mode',
      'profile.boot.order[0].connection',
      'profile.connections[0].mac.value',
      'profile.connections[1].wwnn',
      'profile.connections[1].wwpn.value',
      'profile.connections[2].id',
      'profile.connections[2].mac.pool',
      'profile.connections[3]',
      'profile.id',
      'profile.uuid',
    ])
    expect(violations).toContainEqual({
      field: 'profile.connections[0].mac.value',
      say: "'00:zz' is not a MAC address",
    })
  })

  test('is refused where a number is above what can be counted exactly', () => {
    const most = Number.MAX_SAFE_INTEGER
    expect(read(bytesOf({ sequence: most, resync: {} })).sequence).toBe(most)
    const above = join(
      bytesOf({ resync: {} }).subarray(0, 20),
      protobuf.Writer.create()
        .uint32(5 << 3)
        .uint64('9007199254740992')
        .finish(),
    )
    expect(refused(above)).toMatchObject({ reason: 'field-invalid', violations: [{ field: 'sequence' }] })
    const full = join(
      bytesOf({}),
      protobuf.Writer.create()
        .uint32(5 << 3)
        .uint64('18446744073709551615')
        .finish(),
    )
    expect(refused(full).reason).toBe('field-invalid')
  })

  test('never has its secret said back', () => {
    const value = 's3cret'.repeat(50)
    const answer = refused(bytesOf({ setSecret: { secret: 'chap-web', value } }))
    expect(answer).toMatchObject({ reason: 'field-invalid', violations: [{ field: 'value' }] })
    expect(JSON.stringify(answer)).not.toContain('s3cret')
    expect(JSON.stringify(refused(bytesOf({ setSecret: { secret: '!', value: 's3cret' } })))).not.toContain('s3cret')
  })

  test('keeps its envelope when only its body is wrong, so that a stale manager hears that it is stale', () => {
    const decoded = decode(bytesOf({ epoch: 3, ifRevision: 0, unassign: {} }))
    expect(decoded).toMatchObject({ request: { epoch: 3, ifRevision: 0, body: { kind: 'invalid' } } })
  })
})

describe('the content of a request', () => {
  const full = requests['full-envelope'] as OutgoingRequest
  const contentOf = (outgoing: OutgoingRequest, signer?: typeof sign) => read(encodeRequest(outgoing, signer)).content

  test('is the same for a repeat, signed or not, with another expiry or without', () => {
    const { expect: expectation, ...without } = full
    const later = {
      ...full,
      expect: { incarnation: expectation?.incarnation ?? '', bootId: 'after', beforeUptimeMs: 9 },
    }
    expect(new Set([contentOf(full), contentOf(full, sign), contentOf(later), contentOf(without)]).size).toBe(1)
  })

  test('is the same in whatever order a library writes the fields', () => {
    const fields = [{ requestId: 'my-first-try' }, { chassis: 'demo' }, { locate: { bay: 3, lit: true } }]
    const turned = fields.reverse().map((field) => v1.Request.encode(field).finish())
    expect(read(join(...turned)).content).toBe(read(locate).content)
  })

  test.each<[string, Partial<OutgoingRequest>]>([
    ['body', { body: { kind: 'power', bay: 2, want: 'off', stop: 'forced' } }],
    ['chassis', { chassis: 'other' }],
    ['epoch', { epoch: 5 }],
    ['sequence', { sequence: 1 }],
    ['if_revision', { ifRevision: 1 }],
    ['dry run', { dryRun: false }],
  ])('is another with another %s', (_what, change) => {
    expect(contentOf({ ...full, ...change })).not.toBe(contentOf(full))
  })

  test('goes through the digest that the agent keys, so that no secret can be guessed from it', () => {
    const bytes = encodeRequest(requests['set-secret'] as OutgoingRequest)
    const seen: string[] = []
    decodeRequest(bytes, (content) => {
      seen.push(Buffer.from(content).toString('latin1'))
      return ''
    })
    expect(seen).toHaveLength(1)
    expect(seen[0]).toContain('correct horse battery')
  })
})

describe('a body', () => {
  test('of each kind is a command or a question, and presence can list it', () => {
    const kinds = Object.keys(bodies) as Body['kind'][]
    expect([...capabilities].sort()).toEqual([...kinds].sort())
    const questions = Object.values(bodies).flatMap((list) => list.filter(isQuery).map(({ kind }) => kind))
    expect([...new Set(questions)].sort()).toEqual([
      'backup',
      'list-events',
      'list-reasons',
      'look-up-request',
      'read-state',
    ])
  })

  test('carries addresses in one spelling, however they were typed', () => {
    const typed = { id: 'a', nic: { mac: { value: '00-17-A4-77-00-02' } } }
    const sent = {
      id: 'web-01',
      connections: [typed],
      boot: { mode: v1.BootMode.BOOT_MODE_UEFI },
      affinity: v1.Affinity.AFFINITY_BAY,
    }
    const { body } = read(bytesOf({ defineProfile: { profile: sent } }))
    expect(body).toMatchObject({ profile: { connections: [{ mac: { value: '00:17:a4:77:00:02' } }] } })
  })

  test('tells absent from empty and from false', () => {
    const decodedBodies = [requests.resync, requests['resync-2'], requests.assign, requests['assign-2']].map(
      (outgoing) => read(encodeRequest(outgoing as OutgoingRequest)).body,
    )
    expect(decodedBodies.map((body) => 'bay' in body || 'power' in body)).toEqual([true, false, true, false])
    expect(read(encodeRequest(requests.move as OutgoingRequest)).body).toMatchObject({ to: { any: { among: [] } } })
    expect(profile.connections.map((connection) => 'vlan' in connection)).toEqual([false, false, true, true])
  })
})
