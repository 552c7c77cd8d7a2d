/**
 * One chassis under test: the rack, the agent's loop over the real `decide`, `planBay` and `evolve`, and what may never
 * be true of both together. Plain data from event to event, so that a search can go back to any moment. `rules` is what
 * the broken variants break; the rules as built are `built`.
 */

import { essentials, restore } from '../../agent/controller/store/essentials.ts'
import type { BayPlan } from '../../agent/core/bay-plan.ts'
import {
  afterNextPost,
  type Bay,
  type Blade,
  canonical,
  functionsOf,
  type Observed,
  type Sight,
  type Slot,
  type Step,
} from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import { type Command, type Envelope, flashAlone } from '../../agent/core/command.ts'
import { decide } from '../../agent/core/decide.ts'
import { planBay } from '../../agent/core/plan.ts'
import { evolve, type Observation, type StoreRecord } from '../../agent/core/record.ts'
import { type Accepted, bayState, emptyBay, type Life, type State } from '../../agent/core/state.ts'
import { carryOut, happen, live, type Mishap, type Rack, type Seat, slotOf, worn } from './rack.ts'

/** What becomes of a step: done and answered; not answered, and done later, or at once, or never; refused. */
export type Fate = 'obeyed' | 'late' | 'unheard' | 'lost' | 'refused'

export type Event =
  | {
      readonly is: 'tend'
      readonly bay: Bay
      readonly fate: Fate
      readonly amid?: Mishap
      readonly after?: Mishap | Command
    }
  | { readonly is: 'mishap'; readonly mishap: Mishap }
  | { readonly is: 'command'; readonly command: Command; readonly durable: boolean }
  | { readonly is: 'sync' }
  | { readonly is: 'restart' }
  /** AC is lost and returns: blades and controller. */
  | { readonly is: 'dark' }
  /** A blank controller takes the place of this one, and goes on from the chassis EEPROM (W14, W15). */
  | { readonly is: 'replace' }
  /** The EEPROM has what it lacked; nothing where each answer waits for that. */
  | { readonly is: 'copied' }
  | { readonly is: 'wait'; readonly seconds: number }

export interface Rules {
  readonly planBay: typeof planBay
  /** `off-then-bare`: what the last look said of power and latch still counts, for adapters read now (W1 says after). */
  readonly look: 'bare-then-off' | 'off-then-bare'
  /** `believed`: a command without an answer counts as answered (W2 says it is pending). */
  readonly silence: 'pending' | 'believed'
  /** When the EEPROM gets what outlives the controller (W10 says before the answer). */
  readonly copies: 'before the answer' | 'after it'
}
export const built: Rules = { planBay, look: 'bare-then-off', silence: 'pending', copies: 'before the answer' }

interface Touch {
  readonly pending: boolean
  readonly serial?: string
  readonly power?: { readonly action: 'on' | 'off' | 'shutdown' | 'reset'; readonly at: number }
  readonly policyAt?: number
  readonly secrets: readonly string[]
  readonly cut: boolean
}

export interface Run {
  readonly rack: Rack
  readonly durable: State
  readonly head: State
  readonly observed: Observed
  /** What the chassis EEPROM was given last; and what it was not given yet. */
  readonly copied: State
  readonly uncopied?: State
  /** Armings of a controller that is gone: their permits may stand. No flash tells of them, and they were right. */
  readonly gone: { readonly [bay: Bay]: Life }
  /** The head has something that is to outlive this controller. */
  readonly binds: boolean
  readonly touches: { readonly [bay: Bay]: Touch }
  readonly clock: number
  /** Bays whose blade a command said to switch off, until it was seen off; and to reset or cut, until that was sent. */
  readonly told: readonly Bay[]
  readonly shots: readonly Bay[]
  /** Bays whose wanted power a command changed to on since their blade was last on. */
  readonly wantedOn: readonly Bay[]
  readonly acknowledged: readonly { readonly request: string; readonly accepted: Accepted }[]
  readonly unsynced: readonly { readonly request: string; readonly accepted: Accepted }[]
  readonly requests: number
}

/** Something that may never happen, happened. */
export class Broken extends Error {}

const freshTouch: Touch = { pending: true, secrets: [], cut: false }

export function begin(state: State, rack: Rack, observed: Observed): Run {
  const none = {
    told: [],
    shots: [],
    wantedOn: [],
    acknowledged: [],
    unsynced: [],
    requests: 0,
    binds: false,
    gone: {},
  }
  return { rack, durable: state, head: state, copied: state, observed, touches: {}, clock: 0, ...none }
}

export interface Lab {
  readonly hardware: Hardware
  readonly rules: Rules
  /** Told of every record, step and answer; for counting what was exercised. */
  readonly tally?: (what: string) => void
}

export function step(run: Run, event: Event, lab: Lab): Run {
  const next = advance(run, event, lab)
  checkDuplicates(next)
  return next
}

function advance(run: Run, event: Event, lab: Lab): Run {
  switch (event.is) {
    case 'mishap':
      return suffer(run, event.mishap, lab)
    case 'command':
      return obey(run, event.command, event.durable, lab)
    case 'sync':
      return sync(run, lab)
    case 'dark':
      return advance(suffer(run, { it: 'ac-loss' }, lab), { is: 'restart' }, lab)
    case 'replace':
      return replaced(run)
    case 'copied':
      return withCopy(run, run.uncopied ?? run.copied)
    case 'restart': {
      const durable: State = JSON.parse(JSON.stringify(run.durable))
      // What was not durable was not acknowledged either.
      const wantedOn = run.wantedOn.filter(() => run.unsynced.length === 0)
      return {
        ...run,
        durable,
        head: durable,
        unsynced: [],
        wantedOn,
        touches: {},
        observed: { ...run.observed, bays: {} },
      }
    }
    case 'wait':
      return { ...run, clock: run.clock + event.seconds, rack: aged(run.rack, event.seconds) }
    case 'tend':
      return tend(run, event, lab)
  }
}

function sync(run: Run, { rules }: Lab): Run {
  const synced: Run = {
    ...run,
    durable: run.head,
    binds: false,
    acknowledged: [...run.acknowledged, ...run.unsynced],
    unsynced: [],
  }
  if (!run.binds) return synced
  return rules.copies === 'before the answer' ? withCopy(synced, run.head) : { ...synced, uncopied: run.head }
}

function withCopy({ uncopied: _, ...run }: Run, copied: State): Run {
  return { ...run, copied }
}

/** Nothing is left but the EEPROM: what stands there is all that was ever bound (I2). */
function replaced(run: Run): Run {
  const adopted = restore(essentials(run.copied))
  if (!adopted) throw new Broken('I7: the EEPROM holds what can not be read back')
  const bound = (state: State) =>
    Object.entries(state.bays).flatMap(([bay, { intent }]) => (intent ? [[bay, intent]] : []))
  if (canonical(bound(adopted)) !== canonical(bound(run.durable)))
    throw new Broken('I2: what was accepted is bound no more, since only the controller that is gone had it')
  const { office: _, ...rest } = adopted
  const durable: State = { ...rest, epoch: adopted.epoch + 1 }
  const observed: Observed = { ...run.observed, bays: {} }
  const lives = Object.entries(run.durable.bays).flatMap(([bay, { life }]) =>
    life ? [[Number(bay), life] as const] : [],
  )
  const gone = Object.fromEntries(lives)
  return { ...withCopy(run, durable), durable, head: durable, gone, unsynced: [], wantedOn: [], touches: {}, observed }
}

function aged(rack: Rack, seconds: number): Rack {
  const seats = Object.entries(rack.seats).map(([bay, seat]): [string, Seat] => [
    bay,
    seat.blade ? { ...seat, blade: { ...seat.blade, stageSeconds: seat.blade.stageSeconds + seconds } } : seat,
  ])
  return { ...rack, seats: Object.fromEntries(seats) }
}

// ── The world ───────────────────────────────────────────────────────────────────────────────────────────────────

function suffer(run: Run, mishap: Mishap, lab: Lab): Run {
  const rack = happen(run.rack, mishap, lab.hardware)
  if (rack === run.rack) return run
  lab.tally?.(`mishap ${mishap.it}`)
  return turned(run, { ...run, rack }, lab)
}

/** After anything that may have switched blades on or off: I3, and which commands are used up. */
function turned(before: Run, after: Run, lab: Lab): Run {
  let { wantedOn } = after
  for (const [number, seat] of Object.entries(after.rack.seats)) {
    const bay = Number(number)
    const old = before.rack.seats[bay]?.blade
    const was = old?.serial === seat.blade?.serial ? (old?.power ?? 'off') : 'off'
    const is = seat.blade?.power ?? 'off'
    if (was === is) continue
    if (seat.blade && is === 'on') {
      lab.tally?.('power-on')
      if (seat.latch !== 'none') {
        const { n } = seat.latch
        const own = after.durable.bays[bay]?.life
        checkIdentity(after.durable, bay, seat.blade, n, own?.n === n ? own : after.gone[bay])
      }
      wantedOn = wantedOn.filter((each) => each !== bay)
    }
  }
  return { ...after, wantedOn }
}

/** I3: behind a latch, a blade comes up as what it was armed as, and as nothing else. */
function checkIdentity(state: State, bay: Bay, blade: Blade, n: number, life: Life | undefined): void {
  if (!life || life.serial !== blade.serial || life.n !== n)
    throw new Broken(`I3: blade ${blade.serial} came on in bay ${bay} without an arming of its own`)
  const given =
    life.profile === undefined
      ? []
      : Object.values(state.profiles[life.profile]?.given ?? {}).flatMap((set) => Object.values(set))
  const wears = [...new Set(worn(blade))].sort()
  if (canonical(wears) !== canonical([...new Set<string>(given)].sort())) {
    throw new Broken(
      `I3: bay ${bay} was armed as ${life.profile ?? 'nothing'} and came on with ${wears.join(' ') || 'factory values'}`,
    )
  }
}

/** I1, from the hardware's side: no address is in use on two blades. */
function checkDuplicates({ rack }: Run): void {
  for (const [address, blades] of live(rack)) {
    if (new Set(blades).size > 1) throw new Broken(`I1: ${address} is live on ${blades.join(' and ')}`)
  }
}

// ── The agent ───────────────────────────────────────────────────────────────────────────────────────────────────

function obey(run: Run, command: Command, durable: boolean, lab: Lab): Run {
  const { head: state, observed } = run
  const request = `request-${run.requests}`
  const who = { door: 'mqtt', client: 'tester' } as unknown as Envelope['who']
  const envelope: Envelope = { who, request, content: request, dryRun: false }
  const world = { state, observed, hardware: lab.hardware, moment: { bootId: 'boot', uptimeMs: run.clock * 1000 } }
  const decision = decide(world, command, envelope)
  if (decision.is !== 'accepted') {
    lab.tally?.(decision.is === 'refused' ? `refused ${decision.refusals[0].reason}` : 'repeat')
    return run
  }
  const { record } = decision
  if (record.accepted.changed) lab.tally?.(`accepted ${command.kind}`)
  const head = evolve(state, record)
  const bays = record.changes.flatMap((change) => ('bay' in change ? [change.bay] : []))
  const off = record.changes.flatMap((change) => ('set' in change && change.set === 'stopping' ? [change.bay] : []))
  const shots = record.changes.flatMap((change) => ('set' in change && change.set === 'one-shot' ? [change.bay] : []))
  const on = record.changes.flatMap((change) =>
    'set' in change && change.set === 'power' && change.power === 'on' ? [change.bay] : [],
  )
  const next: Run = {
    ...run,
    head,
    requests: run.requests + 1,
    told: [...run.told, ...off],
    shots: [...run.shots, ...shots],
    wantedOn: [
      ...run.wantedOn.filter((bay) => !bays.includes(bay)),
      ...on.filter((bay) => run.rack.seats[bay]?.blade?.power !== 'on'),
    ],
    unsynced: [...run.unsynced, { request, accepted: record.accepted }],
    binds: run.binds || (record.accepted.changed && !flashAlone(command)),
  }
  return durable ? sync(next, lab) : next
}

function commit(run: Run, observation: Observation, lab: Lab): Run {
  lab.tally?.(`saw ${observation.saw}`)
  const record: StoreRecord = { kind: 'observation', observation }
  const binds = run.binds || outlives(run.head, observation)
  const next = sync({ ...run, head: evolve(run.head, record), binds }, lab)
  checkTruth(run, observation, next.head)
  return next
}

/** Observations that go to the EEPROM too (`everywhere` in tend.ts, W10). */
function outlives(state: State, seen: Observation): boolean {
  if (seen.saw === 'off') return bayState(state, seen.bay).stopping !== undefined
  return seen.saw === 'in-doubt' || seen.saw === 'let-go' || seen.saw === 'left'
}

/** What is recorded as let go is dark in truth, and a word of the operator outlives what was seen before it. */
function checkTruth({ rack, wantedOn, head }: Run, seen: Observation, next: State): void {
  // A board without a latch may give a start up as not come, and says so (W26).
  const { power, unexplained } = ('bay' in seen && next.bays[seen.bay]) || {}
  if (seen.saw === 'off' && power === 'off' && !unexplained && wantedOn.includes(seen.bay)) {
    throw new Broken(`I2: bay ${seen.bay} was told to power on, and that was forgotten`)
  }
  if (seen.saw !== 'let-go') return
  const blade = Object.values(rack.seats).find((seat) => seat.blade?.serial === seen.serial)?.blade
  if (!blade) return
  for (const profile of seen.profiles) {
    if (seen.kept.includes(profile)) continue
    const given = Object.values(head.profiles[profile]?.given ?? {}).flatMap((set) => Object.values(set)) as string[]
    const next = functionsOf(blade).flatMap((fn) => {
      const { mac, wwpn, wwnn, iqn } = afterNextPost(fn)
      return [mac, wwpn, wwnn, iqn]
    })
    const use = blade.power === 'on' ? worn(blade) : []
    if ([...next, ...use].some((address) => address !== undefined && given.includes(address))) {
      throw new Broken(`I1: ${profile} was recorded as let go by ${seen.serial}, which still has its addresses`)
    }
  }
}

function touchOf(run: Run, bay: Bay): Touch {
  return run.touches[bay] ?? freshTouch
}

const touched = (run: Run, bay: Bay, touch: Touch): Run => ({ ...run, touches: { ...run.touches, [bay]: touch } })

/** One round of a bay: look in two halves, then note or step; the world may move in between. */
function tend(run: Run, { bay, fate, amid, after }: Extract<Event, { is: 'tend' }>, lab: Lab): Run {
  const first = run.rack.seats[bay]
  if (!first) return run
  let now = amid ? suffer(run, amid, lab) : run
  const second = now.rack.seats[bay] as Seat
  now = look(now, bay, first, second, lab)
  if (after) now = 'it' in after ? suffer(now, after, lab) : obey(now, after, true, lab)
  return act(now, bay, fate, lab)
}

function look(run: Run, bay: Bay, first: Seat, second: Seat, { rules }: Lab): Run {
  let touch = touchOf(run, bay)
  const old = rules.look === 'off-then-bare' ? lastLook(run, bay) : undefined
  const slot: Slot = old?.slot ?? slotOf(second)
  const present = slot.presence === 'present' ? slot : undefined
  if (!present || (touch.serial !== undefined && touch.serial !== present.serial)) {
    touch = { pending: false, secrets: [], cut: false }
  }
  if (present) touch = { ...touch, serial: present.serial }
  const still = old !== undefined || canonical(slotOf(first)) === canonical(slotOf(second))
  const read = second.blade
  const readable = present && !touch.pending && second.bmc === 'answers' && still && first.blade && read
  const blade: Sight['blade'] = !present
    ? 'empty'
    : readable && first.blade && read
      ? {
          ...read,
          ...second.lag,
          ...(old && { power: old.blade.power, stage: old.blade.stage }),
          adapters: first.blade.adapters,
          shown: first.blade.shown,
        }
      : 'unknown'
  const seconds = (at: number) => run.clock - at
  const sight: Sight = {
    slot,
    blade,
    ...(blade === 'unknown' && { blind: 'bmc-silent' as const }),
    pending: present !== undefined && touch.pending,
    asked: {
      secrets: touch.secrets,
      cut: touch.cut,
      ...(touch.power && { power: { action: touch.power.action, secondsAgo: seconds(touch.power.at) } }),
      ...(touch.policyAt !== undefined && { policy: { secondsAgo: seconds(touch.policyAt) } }),
    },
  }
  return touched({ ...run, observed: { ...run.observed, bays: { ...run.observed.bays, [bay]: sight } } }, bay, touch)
}

function lastLook({ observed }: Run, bay: Bay): { slot: Slot; blade: Blade } | undefined {
  const { slot, blade } = observed.bays[bay] ?? { slot: 'unknown', blade: 'unknown' }
  if (slot === 'unknown' || slot.presence !== 'present' || blade === 'unknown' || blade === 'empty') return undefined
  return { slot, blade }
}

/** What is to be done about a bay now; for telling whether all is still. */
export const planOf = (run: Run, bay: Bay, { hardware, rules }: Lab): BayPlan =>
  rules.planBay(run.durable, bay, run.observed, hardware)

function act(run: Run, bay: Bay, fate: Fate, lab: Lab): Run {
  const plan = planOf(run, bay, lab)
  if (plan.note) {
    let noted = commit(run, plan.note, lab)
    if (plan.note.saw === 'off' || plan.note.saw === 'left') {
      const { power: _, ...rest } = touchOf(noted, bay)
      noted = touched({ ...noted, told: noted.told.filter((each) => each !== bay) }, bay, { ...rest, secrets: [] })
    }
    const taken = plan.next ? take(noted, plan.next, fate, lab) : noted
    const { resets, reseats } = taken.head.bays[bay] ?? emptyBay
    const spent = resets.wanted === resets.sent && reseats.wanted === reseats.sent
    return spent ? { ...taken, shots: taken.shots.filter((each) => each !== bay) } : taken
  }
  let now = run
  for (const each of plan.steps) {
    now = take(now, each, fate, lab)
    if (fate !== 'obeyed') return now
  }
  return now
}

const onBackplane = (step: Step) => ['withdraw', 'permit', 'cut', 'locate'].includes(step.kind)

function take(run: Run, step: Step, fate: Fate, lab: Lab): Run {
  const { bay } = step
  checkRunning(run, step)
  lab.tally?.(`step ${step.kind}`)
  const seat = run.rack.seats[bay] as Seat
  let touch = touchOf(run, bay)
  const put = (next: Seat): Run =>
    turned(run, { ...run, rack: { ...run.rack, seats: { ...run.rack.seats, [bay]: next } } }, lab)
  if (onBackplane(step)) {
    if (fate === 'lost' || fate === 'refused') return run
    const done = put(carryOut(seat, step, lab.hardware))
    if (fate !== 'obeyed' || step.kind !== 'cut') return done
    const { power: _, ...rest } = touch
    return touched(done, bay, { ...rest, pending: false, cut: true, secrets: [] })
  }
  touch = { ...touch, cut: false }
  if (step.kind === 'power') touch = { ...touch, power: { action: step.action, at: run.clock } }
  if (step.kind === 'policy') touch = { ...touch, policyAt: run.clock }
  if (seat.bmc === 'silent') fate = 'lost'
  const unanswered: Touch = lab.rules.silence === 'pending' ? { ...touch, pending: true } : touch
  switch (fate) {
    case 'refused':
      return touched(run, bay, touch)
    case 'lost':
      return touched(run, bay, unanswered)
    case 'unheard':
      return touched(put(carryOut(seat, step, lab.hardware)), bay, unanswered)
    case 'late':
      if (step.kind === 'barrier') return touched(run, bay, unanswered)
      return touched(put({ ...seat, late: [...seat.late, step] }), bay, unanswered)
    case 'obeyed': {
      const heard: Touch = {
        ...touch,
        ...(step.kind === 'barrier' && { pending: false }),
        ...(step.kind === 'write' && { secrets: [...new Set([...touch.secrets, ...step.secrets])] }),
      }
      return touched(put(carryOut(seat, step, lab.hardware)), bay, heard)
    }
  }
}

/** I5: what runs is stopped by a command, or by the world, and by no rule. */
function checkRunning({ durable, told, shots, rack }: Run, step: Step): void {
  const stops = step.kind === 'cut' || (step.kind === 'power' && step.action !== 'on')
  if (!stops) return
  const shot = step.kind === 'cut' || step.action === 'reset'
  if ((shot ? shots : told).includes(step.bay)) return
  if (durable.bays[step.bay]?.life?.came === 'verified' && rack.seats[step.bay]?.blade?.power === 'on') {
    throw new Broken(`I5: ${canonical(step)} was sent to a blade that runs, and nobody said so`)
  }
}

/** I2 and I6: each acknowledged request is answered as it was, and runs no second time. */
export function checkAnswers(run: Run, lab: Lab): void {
  for (const { request, accepted } of run.acknowledged) {
    const who = { door: 'mqtt', client: 'tester' } as unknown as Envelope['who']
    const world = {
      state: run.durable,
      observed: run.observed,
      hardware: lab.hardware,
      moment: { bootId: 'x', uptimeMs: 0 },
    }
    const again = decide(world, { kind: 'resync' }, { who, request, content: request, dryRun: false })
    if (again.is !== 'repeat' || canonical(again.answer.accepted) !== canonical(accepted)) {
      throw new Broken(`I2: the answer to ${request} is lost`)
    }
  }
}
