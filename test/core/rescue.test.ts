/**
 * What a policy may judge, and what it may not: who is dead, which spare is eligible, and that it moves only on what it
 * judged. The claims at the top are made of the judgement as built and of worse ones, each of which must break one.
 */
import { expect, test } from 'vitest'
import { type Blade, canonical } from '../../agent/core/blade.ts'
import type { Command, Envelope } from '../../agent/core/command.ts'
import { type Policy, policyClient } from '../../agent/core/policy.ts'
import type { Profile } from '../../agent/core/profile.ts'
import { evolve } from '../../agent/core/record.ts'
import { type Due, deathIn, rescue } from '../../agent/core/rescue.ts'
import type { State } from '../../agent/core/state.ts'
import { blade, id, iscsiProfile, type Lab, labWith, sanProfile } from './lab.ts'

const web = sanProfile('web-01')
const spare = id<'Policy'>('spare')
const policy: Policy = { id: spare, spares: [5, 4], afterSeconds: 60, cut: true, attempts: 2 }
const define = (more: Partial<Policy> = {}): Command => ({ kind: 'define-policy', policy: { ...policy, ...more } })

/** web-01 runs in bay 3, and a policy was left for it. Bays 1 to 5 have blades of one model. */
function running(more: Partial<Policy> = {}, profile: Profile = web): Lab {
  const lab = labWith([profile])
  lab.run(profile, 3)
  lab.do(define(more))
  return lab
}

// ── Ways to die, and ways not to ────────────────────────────────────────────────────────────────────────────────

const dark = (it: Blade): Blade => ({ ...it, power: 'off', stage: 'off', stageSeconds: 0 })

/** Without power, and with a BMC that says nothing: whether it was shut down or died, nobody can tell. */
function falls(lab: Lab, bay = 3): void {
  lab.turn(bay, dark)
  lab.blind(bay)
}

/** Off by a command, on by a command, and its POST halts: switched off again, and a fault stands. */
function failsPost(lab: Lab, bay = 3): void {
  lab.note({ saw: 'post-failed', bay, n: lab.state.bays[bay]?.n ?? 0, serial: lab.blade(bay).serial, say: 'halted' })
  lab.turn(bay, dark)
  lab.note({ saw: 'off', bay })
  lab.latch(bay, { state: 'denied', n: 0 })
}

// ── Claims ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The judgement as a whole: what is due for a bay that has been seen as it is for so many seconds. */
interface Judgement {
  readonly due: (lab: Lab, bay: number, seconds: number) => Due | undefined
  /** The revision that goes with it, once it is sent. */
  readonly quotes: (due: Due, state: State) => number
}
const built: Judgement = {
  due: ({ state, observed, hardware }, bay, seconds) => {
    const scene = { state, observed, hardware }
    const death = deathIn(scene, bay)
    return death && rescue(scene, death, seconds)
  },
  quotes: ({ revision }) => revision,
}

/** The same judgement of another world than the one that is there. */
const of = (wrong: (lab: Lab) => Pick<Lab, 'state' | 'observed' | 'hardware'>): Judgement => ({
  ...built,
  due: (lab, bay, seconds) => built.due(wrong(lab) as Lab, bay, seconds),
})
const alike = ({ state, observed, hardware }: Lab) => ({ state, observed, hardware })

const worse: { readonly [what: string]: Judgement } = {
  'takes a silent BMC for a dead blade': of((lab) => {
    const bays = Object.entries(lab.observed.bays).map(([bay, sight]) => {
      const { slot } = sight
      return [
        bay,
        slot !== 'unknown' && slot.presence === 'present' ? { ...sight, slot: { ...slot, powerGood: false } } : sight,
      ]
    })
    return { ...alike(lab), observed: { ...lab.observed, bays: Object.fromEntries(bays) } }
  }),
  'takes a shut-down for a death': of((lab) => {
    const bays = Object.entries(lab.state.bays).map(([bay, own]) => [bay, { ...own, power: 'on' }])
    return { ...alike(lab), state: { ...lab.state, bays: Object.fromEntries(bays) } }
  }),
  'does not remember what it tried': of((lab) => {
    const rescues = Object.entries(lab.state.rescues ?? {}).map(([profile, each]) => [profile, { ...each, tried: [] }])
    return { ...alike(lab), state: { ...lab.state, rescues: Object.fromEntries(rescues) } }
  }),
  'moves before the old blade can be proven off': of((lab) => ({ ...alike(lab), state: { ...lab.state, doubts: [] } })),
  'has no patience': { ...built, due: (lab, bay) => built.due(lab, bay, Number.POSITIVE_INFINITY) },
  'quotes the revision of the moment, not the one that it judged': { ...built, quotes: (_, { revision }) => revision },
}

/** As the room sends it. */
function send(lab: Lab, due: Due, quotes: Judgement['quotes']) {
  const who: Envelope['who'] = { door: 'policy', client: id<'Client'>(policyClient(due.command.policy)) }
  return lab.decide(due.command, { who, ifRevision: quotes(due, lab.state) })
}
function carriedOut(lab: Lab, { quotes }: Judgement, due: Due | undefined): void {
  const decision = due ? send(lab, due, quotes) : expect.unreachable('nothing is due')
  lab.state =
    decision.is === 'accepted' ? evolve(lab.state, decision.record) : expect.unreachable(JSON.stringify(decision))
}

const to = (due: Due | undefined) => due && (due.command.to ?? 'nowhere')

const claims: { readonly [claim: string]: (judgement: Judgement) => boolean } = {
  'a blade with power good is left alone, however long its BMC is silent': ({ due }) => {
    const lab = running()
    lab.blind(3)
    return due(lab, 3, 86_400) === undefined
  },
  'a server that shut itself down is left alone': ({ due }) => {
    const lab = running()
    lab.turn(3, dark)
    lab.settle()
    lab.blind(3)
    return lab.state.bays[3]?.power === 'off' && due(lab, 3, 86_400) === undefined
  },
  'nothing moves before the patience is over': ({ due }) => {
    const lab = running()
    falls(lab)
    return due(lab, 3, 59) === undefined && to(due(lab, 3, 60)) === 5
  },
  'a spare that was tried is not tried again, though its blade was pulled and put back': (judgement) => {
    const lab = running()
    failsPost(lab)
    carriedOut(lab, judgement, judgement.due(lab, 3, 60))
    failsPost(lab, 5)
    const back = lab.blade(5)
    carriedOut(lab, judgement, judgement.due(lab, 5, 60))
    lab.swap(5)
    lab.note({ saw: 'left', bay: 5, serial: back.serial })
    lab.swap(5, blade(lab.hardware, back.product, 5))
    failsPost(lab, 4)
    return judgement.due(lab, 4, 86_400) === undefined
  },
  'what can not be proven off is not moved': ({ due }) => {
    const lab = running({ cut: false })
    falls(lab)
    return to(due(lab, 3, 60)) === 'nowhere'
  },
  'what was judged before somebody else changed something is refused': ({ due, quotes }) => {
    const lab = running()
    falls(lab)
    const judged = due(lab, 3, 60)
    lab.do({ kind: 'locate', bay: 3, lit: true })
    return judged !== undefined && send(lab, judged, quotes).is === 'refused'
  },
}

const broken = (judgement: Judgement): readonly string[] =>
  Object.entries(claims)
    .filter(([, holds]) => {
      try {
        return !holds(judgement)
      } catch {
        return true
      }
    })
    .map(([claim]) => claim)

test('each claim about a policy holds of the judgement as built', () => {
  for (const [claim, holds] of Object.entries(claims)) expect(holds(built), claim).toBe(true)
})

test.each(Object.entries(worse))('a judgement that %s breaks a claim', (what, judgement) => {
  const found = broken(judgement)
  console.log(`${what}: ${found.join('; ')}`)
  expect(found.length).toBeGreaterThan(0)
})

// ── What is dead ────────────────────────────────────────────────────────────────────────────────────────────────

const how = (lab: Lab, bay = 3) => deathIn(lab, bay)?.how

test('a blade is dead that is gone, that failed its start, or that has no power and a BMC that says nothing', () => {
  const gone = running()
  const { serial } = gone.blade(3)
  gone.swap(3)
  gone.settle()
  expect(deathIn(gone, 3)).toEqual({ profile: 'web-01', bay: 3, serial, how: 'gone' })
  const failed = running()
  failsPost(failed)
  expect(how(failed)).toBe('failed')
  const silent = running()
  falls(silent)
  expect(how(silent)).toBe('silent')
})

test('a blade that was told to power on and does not is dead after a minute at the least', () => {
  const lab = running({ afterSeconds: 1 })
  lab.turn(3, dark)
  lab.settle()
  lab.do({ kind: 'power', bay: 3, want: 'on', stop: 'graceful' })
  const { note } = lab.plan(3)
  if (note?.saw !== 'armed') return expect.unreachable(canonical(note))
  lab.note(note)
  lab.latch(3, { state: 'granted', n: note.n })
  expect(how(lab)).toBeUndefined()
  lab.seat(3, (sight) => ({ ...sight, asked: { ...sight.asked, power: { action: 'on', secondsAgo: 10 } } }))
  expect(how(lab)).toBe('stuck')
  expect(built.due(lab, 3, 59)).toBeUndefined()
  expect(to(built.due(lab, 3, 60))).toBe(5)
})

test('a blade that does not keep what it is told is dead where the bay shows that', () => {
  const lab = running()
  lab.turn(3, dark)
  lab.note({ saw: 'off', bay: 3 })
  expect(deathIn(lab, 3, ['not-taken'])?.how).toBe('refuses')
  expect(deathIn(lab, 3, ['bmc-busy'])).toBeUndefined()
})

test.each<readonly [string, (lab: Lab) => void]>([
  ['power good, and a BMC that is silent', (lab) => lab.blind(3)],
  ['power good, and a command unanswered', (lab) => lab.blind(3, true)],
  ['a backplane that is silent', (lab) => lab.seat(3, (sight) => ({ ...sight, slot: 'unknown', blade: 'unknown' }))],
  [
    'an agent that has not looked yet',
    (lab) => {
      falls(lab)
      lab.seat(3, (sight) => ({ ...sight, blind: 'agent-started', pending: true }))
    },
  ],
  [
    'a BMC that is busy',
    (lab) => {
      falls(lab)
      lab.seat(3, (sight) => ({ ...sight, blind: 'bmc-busy' }))
    },
  ],
  [
    'a BMC that refuses our account',
    (lab) => {
      falls(lab)
      lab.seat(3, (sight) => ({ ...sight, blind: 'bmc-refused' }))
    },
  ],
  [
    'its own shut-down',
    (lab) => {
      lab.turn(3, dark)
      lab.settle()
    },
  ],
  [
    'a power off by command',
    (lab) => {
      lab.do({ kind: 'power', bay: 3, want: 'off', stop: 'forced' })
      falls(lab)
    },
  ],
  [
    'a reseat that is about to be done',
    (lab) => {
      lab.do({ kind: 'reseat', bay: 3 })
      falls(lab)
    },
  ],
  [
    'a wrong identity (W5)',
    (lab) => {
      lab.note({ saw: 'wrong', bay: 3, n: 1 })
      falls(lab)
    },
  ],
  [
    'another model in its place',
    (lab) => {
      lab.swap(3, blade(lab.hardware, 'ProLiant BL465c G7', 77))
      lab.settle()
    },
  ],
  [
    'the last word of an unassign',
    (lab) => {
      lab.do({ kind: 'unassign', profile: web.id, when: 'next-off', stop: 'no', force: false })
      falls(lab)
    },
  ],
])('a blade is not dead by %s', (_, happens) => {
  const lab = running()
  happens(lab)
  expect(deathIn(lab, 3)).toBeUndefined()
})

test('a bay that waits for its first blade is not dead', () => {
  const lab = labWith([web])
  lab.swap(3)
  lab.do(define())
  const where = { to: { bay: 3 }, when: 'now', preprovision: true, power: 'on' } as const
  lab.do({ kind: 'assign', profile: web.id, ...where })
  expect(deathIn(lab, 3)).toBeUndefined()
})

test('a dead BMC is told from one that was not asked, after a restart of the agent', () => {
  const lab = running()
  falls(lab)
  lab.seat(3, (sight) => ({ ...sight, blind: 'agent-started', pending: true, unheard: true }))
  expect(how(lab)).toBe('silent')
})

// ── Which spare ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Where web-01 goes from a dead bay 3; or why it goes nowhere. */
function goes(lab: Lab): number | string {
  const due = built.due(lab, 3, 86_400)
  if (due?.command.to !== undefined) return due.command.to
  if (!due) return 'nothing is due'
  carriedOut(lab, built, due)
  return lab.plan(3).findings.at(-1)?.reason ?? 'nothing is said'
}

test('spares are taken in the order that the policy names, else the lowest bay first', () => {
  for (const [more, first] of [
    [{}, 5],
    [{ spares: [4, 5] }, 4],
  ] as const) {
    const lab = running(more)
    failsPost(lab)
    expect(goes(lab)).toBe(first)
  }
  const lab = labWith([web])
  lab.run(web, 3)
  const { spares: _, ...any } = policy
  lab.do({ kind: 'define-policy', policy: any })
  failsPost(lab)
  expect(goes(lab)).toBe(1)
})

test.each<readonly [string, (lab: Lab) => void]>([
  ['is empty', (lab) => lab.swap(5)],
  ['is on', (lab) => lab.turn(5, (it) => ({ ...it, power: 'on', stage: 'os' }))],
  ['does not answer', (lab) => lab.blind(5)],
  ['has a command unanswered', (lab) => lab.blind(5, true)],
  [
    'holds another profile',
    (lab) => {
      lab.do({ kind: 'define-profile', profile: sanProfile('db-01') })
      lab.do({ kind: 'assign', profile: id('db-01'), to: { bay: 5 }, when: 'now', preprovision: false })
    },
  ],
  [
    'may be live as another',
    (lab) => {
      lab.do({ kind: 'define-profile', profile: sanProfile('db-01') })
      lab.do({ kind: 'assign', profile: id('db-01'), to: { bay: 5 }, when: 'now', preprovision: false })
      lab.do({ kind: 'unassign', profile: id('db-01'), when: 'now', stop: 'no', force: false })
    },
  ],
  [
    'failed before',
    (lab) => lab.note({ saw: 'post-failed', bay: 5, n: 1, serial: lab.blade(5).serial, say: 'halted' }),
  ],
  ['is to be powered on as itself', (lab) => lab.do({ kind: 'power', bay: 5, want: 'on', stop: 'graceful' })],
  ['has another model', (lab) => lab.swap(5, blade(lab.hardware, 'ProLiant BL465c G7', 77))],
  [
    'has adapters that do not fit',
    (lab) => {
      const { adapters, ...rest } = blade(lab.hardware, 'ProLiant BL460c G7', 77)
      lab.swap(5, { ...rest, adapters: adapters.filter(({ slot }) => slot === 'lom') })
    },
  ],
])('a spare that %s is passed over', (_, happens) => {
  const lab = running()
  happens(lab)
  failsPost(lab)
  expect(goes(lab)).toBe(4)
})

test('where no spare is left the bay says so, and what would help', () => {
  const lab = running({ spares: [5] })
  lab.swap(5)
  failsPost(lab)
  expect(goes(lab)).toBe('no-spare')
  expect(lab.state.rescues?.['web-01']).toMatchObject({ from: 3, tried: [] })
  expect(built.due(lab, 3, 86_400)).toBeUndefined()
  expect(lab.plan(3).findings.at(-1)).toMatchObject({ type: 'fault', remedy: expect.stringContaining('bay 5') })
  lab.swap(5, blade(lab.hardware, 'ProLiant BL460c G7', 55))
  expect(goes(lab)).toBe(5)
})

test('bound to its blade or its bay, a profile moves by no policy, and none can be left that names it', () => {
  for (const affinity of ['blade', 'bay'] as const) {
    const lab = running({}, { ...web, affinity })
    failsPost(lab)
    expect(goes(lab)).toBe('nothing is due')
    expect(lab.refused(define({ profiles: [web.id] })).reason).toBe('field-invalid')
  }
})

test('a policy speaks for the profiles that it names, and one that names them before one for all', () => {
  const lab = running({ profiles: [web.id], spares: [4] })
  lab.do(define({ id: id('all') }))
  failsPost(lab)
  expect(goes(lab)).toBe(4)
  const other = running()
  other.do({ kind: 'define-profile', profile: sanProfile('db-01') })
  other.do(define({ profiles: [id('db-01')] }))
  failsPost(other)
  expect(goes(other)).toBe('nothing is due')
})

// ── Proven off first ────────────────────────────────────────────────────────────────────────────────────────────

test('a dead BMC is cut off where the policy may, and the spare is dressed only then', () => {
  const lab = running()
  const { serial } = lab.blade(3)
  falls(lab)
  lab.latch(3, { state: 'spent', n: 1 })
  expect(lab.plan(3).steps).toEqual([])
  carriedOut(lab, built, built.due(lab, 3, 60))
  expect(lab.plan(5)).toMatchObject({ steps: [], findings: [{ reason: 'in-doubt-elsewhere' }] })
  expect(lab.plan(3).steps).toEqual([{ kind: 'cut', bay: 3 }])
  lab.obey({ kind: 'cut', bay: 3 })
  expect(lab.plan(3).note).toMatchObject({ saw: 'let-go', serial, how: 'cut' })
  lab.settle()
  expect(lab.state.bays[5]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
  expect(lab.state).not.toHaveProperty('rescues')
})

test('no bay is cut whose blade has power good, whose BMC answers, or without the policy that moved it', () => {
  const moved = () => {
    const lab = running()
    falls(lab)
    carriedOut(lab, built, built.due(lab, 3, 60))
    return lab
  }
  const cuts = (lab: Lab) => lab.plan(3).steps.some(({ kind }) => kind === 'cut')
  expect(cuts(moved())).toBe(true)
  const lit = moved()
  lit.seat(3, (sight) => {
    if (sight.slot === 'unknown' || sight.slot.presence !== 'present') return expect.unreachable()
    return { ...sight, slot: { ...sight.slot, powerGood: true } }
  })
  expect(cuts(lit)).toBe(false)
  const busy = moved()
  busy.seat(3, (sight) => ({ ...sight, blind: 'bmc-busy' }))
  expect(cuts(busy)).toBe(false)
  const removed = moved()
  removed.do({ kind: 'remove-policy', policy: spare })
  expect(cuts(removed)).toBe(false)
  const changed = moved()
  changed.do(define({ cut: false }))
  expect(cuts(changed)).toBe(false)
})

test('a dead blade that a technician reseated, or somebody vouched for, is proven off without the policy', () => {
  const lab = running({ cut: false })
  falls(lab)
  expect(goes(lab)).toBe('rescue-waits')
  lab.obey({ kind: 'cut', bay: 3 })
  expect(goes(lab)).toBe(5)
})

test('names that outlive a cut are not cut off: the profile stays where it is, and the bay says why', () => {
  const lab = running({}, { ...iscsiProfile('web-01'), affinity: 'model' })
  falls(lab)
  expect(goes(lab)).toBe('rescue-waits')
  expect(lab.plan(3).findings.at(-1)?.say).toContain('keeps names')
  const pulled = running({}, { ...iscsiProfile('web-01'), affinity: 'model' })
  pulled.swap(3)
  pulled.settle()
  expect(goes(pulled)).toBe('rescue-waits')
  expect(pulled.plan(3).findings.at(-1)?.say).toContain('keeps names')
})

// ── Next spare, and no more ─────────────────────────────────────────────────────────────────────────────────────

/** web-01 died in bay 3, and then in each of these spares before it ran there. */
function failedIn(...spares: readonly number[]): Lab {
  const lab = running()
  failsPost(lab)
  carriedOut(lab, built, built.due(lab, 3, 60))
  for (const [i, bay] of spares.entries()) {
    failsPost(lab, bay)
    if (i < spares.length - 1) carriedOut(lab, built, built.due(lab, bay, 0))
  }
  return lab
}

test('a spare that fails is followed by the next at once', () => {
  const lab = failedIn(5)
  expect(lab.state.rescues?.['web-01']).toMatchObject({ policy: 'spare', from: 3, tried: [5] })
  const due = built.due(lab, 5, 0)
  expect(to(due)).toBe(4)
  carriedOut(lab, built, due)
  lab.settle()
  expect(lab.state.bays[4]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
  expect(lab.state).not.toHaveProperty('rescues')
})

test('after so many attempts the policy gives up, says so, and tries anew when somebody says resync', () => {
  const lab = failedIn(5, 4)
  lab.settle()
  expect(built.due(lab, 4, 86_400)).toBeUndefined()
  expect(lab.plan(4).findings.at(-1)).toMatchObject({ type: 'fault', reason: 'rescue-failed', remedy: /resync bay 4/ })
  expect(lab.do({ kind: 'resync', bay: 4 }).diff).toEqual([
    'bay 4: fault cleared',
    'policy spare: may try its spares for web-01 again',
  ])
  lab.do({ kind: 'resync', bay: 5 })
  failsPost(lab, 4)
  expect(to(built.due(lab, 4, 60))).toBe(5)
})

test('whoever commands otherwise ends what a policy had under way', () => {
  const away: readonly Command[] = [
    { kind: 'unassign', profile: web.id, when: 'now', stop: 'no', force: false },
    { kind: 'move', profile: web.id, to: { bay: 1 }, when: 'now', stop: 'no', preprovision: false, force: false },
    { kind: 'remove-policy', policy: spare },
  ]
  for (const command of away) {
    const lab = failedIn(5)
    lab.do(command)
    expect(lab.state, command.kind).not.toHaveProperty('rescues')
    expect(lab.state.bays[command.kind === 'move' ? 1 : 5]?.intent?.profile).toBe(
      command.kind === 'unassign' ? undefined : 'web-01',
    )
  }
})

// ── Who may say so (W24) ────────────────────────────────────────────────────────────────────────────────────────

const byPolicy = (lab: Lab, more: Partial<Envelope> = {}): Partial<Envelope> => ({
  who: { door: 'policy', client: id<'Client'>('policy-spare') },
  ifRevision: lab.state.revision,
  ...more,
})

test('a policy moves nothing without quoting a revision, nor at another than it judged', () => {
  const lab = running()
  failsPost(lab)
  const due = built.due(lab, 3, 60) ?? expect.unreachable()
  const { ifRevision: _, ...unquoted } = byPolicy(lab)
  expect(lab.refused(due.command, unquoted).reason).toBe('revision-missing')
  expect(lab.refused(due.command, byPolicy(lab, { ifRevision: due.revision - 1 })).reason).toBe('revision-conflict')
  expect(lab.do(due.command, byPolicy(lab)).diff[0]).toBe(
    `rescued web-01: bay 3 → bay 5 under policy spare, judged at revision ${due.revision}`,
  )
  // Twice is once: what it judged is over.
  expect(lab.refused(due.command, byPolicy(lab, { ifRevision: due.revision })).reason).toBe('revision-conflict')
})

test('a policy may rescue and nothing else, and nobody else may', () => {
  const lab = running()
  failsPost(lab)
  const due = built.due(lab, 3, 60) ?? expect.unreachable()
  expect(lab.refused({ kind: 'power', bay: 1, want: 'on', stop: 'graceful' }, byPolicy(lab)).reason).toBe(
    'not-in-office',
  )
  for (const door of ['mqtt', 'console'] as const) {
    expect(lab.refused(due.command, byPolicy(lab, { who: { door, client: id<'Client'>('tester') } })).reason).toBe(
      'not-in-office',
    )
  }
})

test('what a policy sends is judged once more on what is there: a blade that lives, another spare, another policy', () => {
  const lab = running()
  failsPost(lab)
  const { command } = built.due(lab, 3, 60) ?? expect.unreachable()
  expect(lab.refused({ ...command, policy: id('other') }, byPolicy(lab)).reason).toBe('no-such-policy')
  expect(lab.refused({ ...command, to: 4 }, byPolicy(lab)).reason).toBe('rescue-waits')
  expect(lab.refused({ ...command, serial: lab.blade(4).serial }, byPolicy(lab)).reason).toBe('rescue-waits')
  lab.turn(3, (it) => ({ ...it, power: 'on', stage: 'os' }))
  expect(lab.refused(command, byPolicy(lab)).reason).toBe('rescue-waits')
})

test('a manager in office is not asked by the policy that it left, and its next change is judged on what that did', () => {
  const lab = running()
  const { incarnation, epoch } = lab.state
  lab.do({ kind: 'take-over', incarnation, observedEpoch: epoch, lineage: 'site', number: 1 })
  const read = lab.state.revision
  failsPost(lab)
  carriedOut(lab, built, built.due(lab, 3, 60))
  const office: Partial<Envelope> = {
    epoch: lab.state.epoch,
    sequence: 1,
    expect: { incarnation, bootId: lab.moment.bootId, beforeUptimeMs: lab.moment.uptimeMs + 1 },
  }
  const unassign: Command = { kind: 'unassign', profile: web.id, when: 'now', stop: 'no', force: false }
  expect(lab.refused(unassign, { ...office, ifRevision: read }).reason).toBe('revision-conflict')
  lab.do(unassign, { ...office, ifRevision: lab.state.revision })
})

test('a chassis that keeps the answers of as many clients as it may is still served by its policies', () => {
  const lab = running()
  for (let i = 0; Object.keys(lab.state.answers).length < 64; i++) {
    const who = { door: 'mqtt', client: id<'Client'>(`client-${i}`) } as const
    lab.do({ kind: 'locate', bay: 1, lit: i % 2 === 0 }, { who, sequence: 1 })
  }
  failsPost(lab)
  carriedOut(lab, built, built.due(lab, 3, 60))
  expect(Object.keys(lab.state.answers)).not.toContain('policy-spare')
})

// ── The policy itself ───────────────────────────────────────────────────────────────────────────────────────────

test('a policy is defined once, changed by another, and removed', () => {
  const lab = running()
  expect(lab.do(define())).toMatchObject({ changed: false })
  expect(lab.do(define({ attempts: 3 })).diff).toEqual(['policy spare: changed'])
  expect(lab.do({ kind: 'remove-policy', policy: spare }).diff).toEqual(['policy spare: removed'])
  expect(lab.do({ kind: 'remove-policy', policy: spare })).toMatchObject({ changed: false })
  expect(lab.state).not.toHaveProperty('policies')
})

const refused: readonly (readonly [what: string, more: Partial<Policy>, reason: string, board?: string])[] = [
  ['a name that is too long', { id: id('x'.repeat(42)) }, 'field-invalid'],
  ['no patience', { afterSeconds: 0 }, 'field-invalid'],
  ['more than a day of it', { afterSeconds: 86_401 }, 'field-invalid'],
  ['half a second of it', { afterSeconds: 1.5 }, 'field-invalid'],
  ['no attempts', { attempts: 0 }, 'field-invalid'],
  ['seventeen attempts', { attempts: 17 }, 'field-invalid'],
  ['an empty list of spares', { spares: [] }, 'field-invalid'],
  ['an empty list of profiles', { profiles: [] }, 'field-invalid'],
  ['a spare twice', { spares: [4, 4] }, 'field-invalid'],
  ['a bay that is not there', { spares: [4, 17] }, 'no-such-bay'],
  ['a profile that is not there', { profiles: [id('nobody')] }, 'no-such-profile'],
  ['a cut, in a chassis that can not', { spares: [4] }, 'no-power-cut', 'generic-2u4n'],
]
test.each(refused.map(([what, more, reason, board]) => ({ what, more, reason, board })))(
  'a policy with $what is refused',
  ({ more, reason, board }) => {
    const lab = labWith([web], board)
    expect(lab.refused(define(more)).reason).toBe(reason)
  },
)
