import { expect, test } from 'vitest'
import type { ClientId } from '../../agent/core/addresses.ts'
import type { Command, Envelope } from '../../agent/core/command.ts'
import { answersKept, clientsKept } from '../../agent/core/state.ts'
import { id, Lab, labWith, lanProfile, pools, sanProfile } from './lab.ts'

const client = (name: string): ClientId => id<'Client'>(name) as ClientId
const light: Command = { kind: 'locate', bay: 1, lit: true }
const dark: Command = { kind: 'locate', bay: 1, lit: false }
const web = sanProfile('web-01')
const define: Command = { kind: 'define-profile', profile: web }

const takeOver = (lab: Lab, number = 1, lineage = 'site'): Command => ({
  kind: 'take-over',
  incarnation: lab.state.incarnation,
  observedEpoch: lab.state.epoch,
  lineage,
  number,
})

/** What the manager in office sends with every change. */
function full(lab: Lab, sequence = 1, more: Partial<Envelope> = {}): Partial<Envelope> {
  const { incarnation, epoch, revision } = lab.state
  const expect = { incarnation, bootId: lab.moment.bootId, beforeUptimeMs: lab.moment.uptimeMs + 1 }
  return { sequence, epoch, ifRevision: revision, expect, ...more }
}

function inOffice(): Lab {
  const lab = new Lab()
  for (const pool of pools) lab.do(pool)
  lab.do(takeOver(lab))
  return lab
}

test('a request id has 8 to 36 bytes', () => {
  const lab = new Lab()
  expect(lab.refused(light, { request: '1234567' }).reason).toBe('request-id-missing')
  expect(lab.refused(light, { request: 'x'.repeat(37) }).reason).toBe('request-id-missing')
  expect(lab.refused(light, { request: 'ä'.repeat(19) }).reason).toBe('request-id-missing')
  lab.do(light, { request: 'ä'.repeat(18) })
})

test('a repeat gets its stored answer, whatever has changed since, and nothing runs again', () => {
  const lab = inOffice()
  const sent = { request: 'the-one-request', content: 'a', ...full(lab) }
  const first = lab.do(define, sent)
  lab.do({ kind: 'remove-profile', profile: web.id }, full(lab, 2))
  lab.do(takeOver(lab, 2), { who: { door: 'mqtt', client: client('tester') } })
  const again = lab.decide(define, sent)
  expect(again).toMatchObject({ is: 'repeat', answer: { accepted: first } })
  expect(lab.state.profiles).toEqual({})
})

test('a request id used again for something else is refused, even by whoever is in office', () => {
  const lab = inOffice()
  lab.do(light, { request: 'the-one-request', content: 'a', ...full(lab) })
  expect(lab.refused(dark, { request: 'the-one-request', content: 'b', ...full(lab, 2) }).reason).toBe(
    'request-id-reused',
  )
})

test('another client may use the same request id', () => {
  const lab = new Lab()
  lab.do(light, { request: 'the-one-request', content: 'a' })
  lab.do(dark, { request: 'the-one-request', content: 'b', who: { door: 'mqtt', client: client('other') } })
  expect(lab.state.bays[1]?.locate).toBe(false)
})

// ── Order of judgement (W23) ────────────────────────────────────────────────────────────────────────────────────

test('a command that breaks every rule is told of them one by one, in the order of judgement', () => {
  const lab = inOffice()
  lab.do(light, { request: 'used-already', content: 'a', ...full(lab, 7) })
  const wrong: Command = {
    kind: 'assign',
    profile: id<'Profile'>('nobody'),
    to: { bay: 99 },
    when: 'now',
    preprovision: false,
  }
  const stranger = { door: 'mqtt', client: client('stranger') } as const
  const stages: readonly (readonly [string, Partial<Envelope>])[] = [
    ['request-id-missing', { request: 'short' }],
    ['request-id-reused', { request: 'used-already', who: { door: 'mqtt', client: client('tester') } }],
    ['other-incarnation', { request: 'a-new-request', who: stranger }],
    ['other-boot', { expect: { incarnation: lab.state.incarnation, bootId: 'old', beforeUptimeMs: 0 } }],
    [
      'expired',
      {
        expect: { incarnation: lab.state.incarnation, bootId: lab.moment.bootId, beforeUptimeMs: lab.moment.uptimeMs },
      },
    ],
    ['stale-epoch', { expect: full(lab).expect as NonNullable<Envelope['expect']> }],
    ['not-in-office', { epoch: lab.state.epoch }],
    ['revision-conflict', { who: { door: 'mqtt', client: client('tester') } }],
    ['no-such-profile', { ifRevision: lab.state.revision }],
  ]
  let envelope: Partial<Envelope> = {
    content: 'b',
    sequence: 99,
    epoch: 0,
    ifRevision: 0,
    expect: { incarnation: 'other', bootId: 'old', beforeUptimeMs: 0 },
  }
  for (const [reason, mended] of stages) {
    envelope = { ...envelope, ...mended }
    expect(lab.refused(wrong, envelope).reason).toBe(reason)
  }
})

test('with a manager in office a change needs expect, epoch, sequence and, where bindings change, if_revision', () => {
  const lab = inOffice()
  const without = (key: keyof Envelope) => {
    const { [key]: _, ...rest } = full(lab) as Envelope
    return rest
  }
  expect(lab.refused(define, without('expect')).reason).toBe('expect-missing')
  expect(lab.refused(define, without('epoch')).reason).toBe('expect-missing')
  expect(lab.refused(define, without('sequence')).reason).toBe('sequence-missing')
  expect(lab.refused(define, without('ifRevision')).reason).toBe('revision-missing')
  lab.do({ kind: 'locate', bay: 1, lit: true }, without('ifRevision'))
  lab.do(define, full(lab, 2))
})

test('as long as nobody ever took over, expect, epoch, sequence and if_revision may be left out, and count when sent', () => {
  const lab = labWith([web])
  const { incarnation, revision } = lab.state
  lab.do(light)
  expect(lab.refused(dark, { epoch: 3 }).reason).toBe('stale-epoch')
  expect(lab.refused(dark, { ifRevision: revision }).reason).toBe('revision-conflict')
  expect(lab.refused(dark, { expect: { incarnation: 'x', bootId: 'x', beforeUptimeMs: 9e9 } }).reason).toBe(
    'other-incarnation',
  )
  expect(lab.refused(dark, { expect: { incarnation, bootId: 'x', beforeUptimeMs: 9e9 } }).reason).toBe('other-boot')
  expect(lab.refused(dark, { expect: { incarnation, bootId: 'boot-1', beforeUptimeMs: 1000 } }).reason).toBe('expired')
})

// ── Office ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('taking over compares the epoch that was read, raises it, and ends the word of the one before', () => {
  const lab = inOffice()
  const other = { who: { door: 'mqtt', client: client('other') } as const }
  expect(lab.refused({ ...takeOver(lab), kind: 'take-over', observedEpoch: 0 } as Command, other).reason).toBe(
    'stale-epoch',
  )
  expect(lab.refused({ ...takeOver(lab), incarnation: 'f'.repeat(32) } as Command, other).reason).toBe(
    'other-incarnation',
  )
  const old = full(lab)
  expect(lab.do(takeOver(lab, 1, 'site-2'), other).epoch).toBe(2)
  expect(lab.state.office).toEqual({ client: 'other', lineage: 'site-2', number: 1 })
  expect(lab.refused(light, old).reason).toBe('stale-epoch')
  expect(lab.refused(light, { ...old, epoch: 2 }).reason).toBe('not-in-office')
  expect(
    lab.refused(takeOver(lab), { ...other, expect: { incarnation: 'x', bootId: 'x', beforeUptimeMs: 0 } }).reason,
  ).toBe('other-incarnation')
})

test("a manager's database number only rises, for good, however many others were in office in between", () => {
  const lab = new Lab()
  lab.do(takeOver(lab, 7))
  lab.do(takeOver(lab, 1, 'another-site'))
  expect(lab.refused(takeOver(lab, 6)).reason).toBe('stale-database')
  lab.do(takeOver(lab, 7))
  expect(lab.state.lineages).toEqual({ site: 7, 'another-site': 1 })
  expect(lab.state.epoch).toBe(3)
})

test('under central authority a technician at the line may do power, light and looking, and nothing else', () => {
  const lab = inOffice()
  const console = { who: { door: 'console', client: client('console') } as const }
  expect(lab.refused(define, console).reason).toBe('central-authority')
  expect(lab.refused({ kind: 'reseat', bay: 1 }, console).reason).toBe('central-authority')
  lab.do(light, console)
  lab.do({ kind: 'power', bay: 1, want: 'off', stop: 'graceful' }, console)
  lab.do({ kind: 'resync' }, console)
})

test('at the line no ceremony is needed, and what is sent all the same counts', () => {
  const lab = new Lab()
  const who = { door: 'console', client: client('console') } as const
  lab.do(light, { who })
  expect(lab.refused(dark, { who, ifRevision: 0 }).reason).toBe('revision-conflict')
  expect(lab.refused(dark, { who, expect: { incarnation: 'x', bootId: 'x', beforeUptimeMs: 0 } }).reason).toBe(
    'other-incarnation',
  )
})

// ── Answers kept ────────────────────────────────────────────────────────────────────────────────────────────────

test('the latest 1,024 answers of a client are kept; a lower sequence that is gone is forgotten and never run', () => {
  const lab = new Lab()
  const send = (sequence: number) =>
    lab.do(sequence % 2 ? light : dark, { sequence, request: `request-${sequence}`, content: `${sequence}` })
  for (let n = 1; n <= answersKept; n++) send(n)
  expect(lab.decide(light, { sequence: 1, request: 'request-1', content: '1' }).is).toBe('repeat')
  send(answersKept + 1)
  const log = lab.state.answers.tester
  expect(log?.answers).toHaveLength(answersKept)
  expect(lab.refused(light, { sequence: 1, request: 'request-1', content: '1' }).reason).toBe('forgotten')
  expect(lab.decide(dark, { sequence: 2, request: 'request-2', content: '2' }).is).toBe('repeat')
})

test('a request overtaken by a later one still runs: only what is gone is forgotten', () => {
  const lab = new Lab()
  lab.do(light, { sequence: 9 })
  lab.do(dark, { sequence: 5 })
  expect(lab.state.bays[1]?.locate).toBe(false)
})

test('sequences start anew with each epoch', () => {
  const lab = new Lab()
  lab.do(light, { sequence: 90_000, request: 'before-office' })
  lab.do(takeOver(lab), { sequence: 1 })
  for (let n = 2; n <= answersKept + 1; n++) lab.do(n % 2 ? light : dark, full(lab, n))
  expect(lab.state.answers.tester?.evicted).toBe(1)
  lab.do(light, full(lab, 3000))
})

test('of 64 clients answers are kept; the one unheard of for longest makes room, unless it numbered its changes', () => {
  const lab = new Lab()
  const from = (name: string) => ({ who: { door: 'mqtt', client: client(name) } as const })
  for (let n = 0; n < clientsKept; n++)
    lab.do(n % 2 ? dark : light, { ...from(n === 63 ? '7' : `client-${n}`), ...(n === 0 && { sequence: 1 }) })
  lab.do(light, { ...from('newcomer'), request: 'of-the-newcomer' })
  const kept = Object.keys(lab.state.answers)
  expect(kept).toHaveLength(clientsKept)
  expect(kept).toContain('client-0')
  expect(kept).not.toContain('client-1')
  expect(kept).toContain('7')
})

test('where all clients numbered their changes, a new one is told to take over, which drops the answers of all others', () => {
  const lab = new Lab()
  for (let n = 0; n < clientsKept; n++) {
    lab.do(n % 2 ? dark : light, { sequence: 1, who: { door: 'mqtt', client: client(`client-${n}`) } })
  }
  const newcomer = { who: { door: 'mqtt', client: client('newcomer') } as const }
  expect(lab.refused(light, newcomer).reason).toBe('busy')
  lab.do(takeOver(lab), { who: { door: 'mqtt', client: client('client-3') } })
  expect(Object.keys(lab.state.answers)).toEqual(['client-3'])
  expect(
    lab.decide(light, { sequence: 1, request: 'request-1', who: { door: 'mqtt', client: client('client-0') } }),
  ).toMatchObject({
    is: 'refused',
  })
})

test('what changes nothing is answered as unchanged and raises no revision, but is remembered', () => {
  const lab = labWith([lanProfile('web-01')])
  const before = lab.state.revision
  const accepted = lab.do({ kind: 'define-profile', profile: lanProfile('web-01') }, { request: 'same-again' })
  expect(accepted).toMatchObject({ changed: false, diff: [], revision: before })
  expect(lab.state.revision).toBe(before)
  expect(lab.state.answers.tester?.answers.at(-1)?.request).toBe('same-again')
})

test('once a controller went on from a copy, a change names the epoch, for the answers of before are gone (I6)', () => {
  const lab = new Lab()
  lab.state = { ...lab.state, epoch: 1 }
  expect(lab.refused(light, { epoch: undefined } as unknown as Partial<Envelope>).reason).toBe('expect-missing')
  expect(lab.refused(light, { epoch: 0 }).reason).toBe('stale-epoch')
  expect(lab.do(light, { epoch: 1 }).changed).toBe(true)
})
