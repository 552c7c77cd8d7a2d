/**
 * One loss on one board, from the moment that everything is in sync until everything is back: what ran on, what was
 * answered meanwhile, what came back and by whose hands, what the chassis itself said. All of it is observed, on the
 * simulated hardware's own log or in the agent's answers; no outcome is written down anywhere.
 */
import type { Copy } from '../../agent/core/reply.ts'
import { bootRecords, type OffWhy } from '../../agent/sim/log.ts'
import { id } from '../core/lab.ts'
import type { ReachEeprom } from './chassis.ts'
import type { Loss } from './losses.ts'
import type { Answer } from './manager.ts'
import { type Name, names, profileId, Scene } from './scene.ts'

/** The commands that are tried, in this order. */
export const asked = ['define', 'assign', 'power on', 'move', 'dry run'] as const
export type Asked = (typeof asked)[number]

/** `itself`, or the hands that it took, in their order. */
export type By = 'itself' | readonly string[]

export interface Outcome {
  /** Servers that ran, and of them those that noticed nothing at all (I5). */
  readonly ran: readonly Name[]
  readonly untouched: readonly Name[]
  /** What befell the others, as the hardware says. */
  readonly darkened: readonly (OffWhy | 'os-reboot')[]
  /** Blades that came up since, in order; `nobody`: as no server at all. */
  readonly started: readonly (Name | 'nobody')[]
  /** Starts that the chassis did not permit. */
  readonly denied: number
  readonly answers: { readonly [command in Asked]?: Answer }
  /** Everything acknowledged is there and works (I2); undefined: that did not come about. */
  readonly served: By | undefined
  /** As many copies as before (W10). */
  readonly whole: By | undefined
  readonly copies: readonly Copy[]
  /** How often the manager found itself out of office. */
  readonly lostOffice: boolean
  /** What the chassis said that had to be done. */
  readonly said: readonly { readonly reason: string; readonly message: string; readonly remedy: string }[]
  /** Instants at which an address went live on a second function (I1). */
  readonly duplicates: number
  /** What was missing in the end; empty but for a failure. */
  readonly missing: readonly string[]
}

const patienceMs = 150_000
/** A standby that can be taken in is, and an EEPROM that answers again is written, within so long. */
const joinsMs = 60_000
/** A hand waits a little less: what it cures shows soon. */
const handMs = 90_000

export async function run(board: string, loss: Loss, reach?: ReachEeprom): Promise<Outcome | string> {
  const scene = new Scene(board, reach)
  const unless = loss.unless?.(scene)
  if (unless !== undefined) return unless
  await scene.setUp({ replaced: loss.old === true })
  return new Run(scene, loss).go()
}

class Run {
  readonly #scene: Scene
  readonly #loss: Loss
  readonly #since: number
  readonly #ran: readonly { readonly name: Name; readonly serial: string }[]
  readonly #tried: string[] = []
  #answers: Outcome['answers'] = {}
  #served: By | undefined
  #whole: By | undefined
  #copies: readonly Copy[] = []
  readonly #said = new Map<string, { readonly message: string; readonly remedy: string }>()
  #pools = 0

  constructor(scene: Scene, loss: Loss) {
    this.#scene = scene
    this.#loss = loss
    this.#since = scene.chassis.log.length
    this.#ran = (['san', 'web'] as const).map((name) => ({ name, serial: scene.serialIn(scene.bays[name]) }))
  }

  async go(): Promise<Outcome> {
    const { asks, hands, lastsMs = 60_000, passes } = this.#loss
    const { chassis } = this.#scene
    await this.#loss.strike(this.#scene)
    await chassis.wait(lastsMs)
    this.#listen()
    if (asks === undefined) await this.#ask()
    await passes?.do(this.#scene)
    await this.#comesBack(patienceMs)
    if (asks === 'after') {
      await this.#ask()
      await this.#comesBack(handMs)
    }
    for (const hand of hands) {
      if (this.#served && this.#whole) break
      this.#listen()
      const before = this.#standing
      await hand.do(this.#scene)
      this.#tried.push(hand.say)
      await this.#comesBack(handMs)
      // A hand that changed nothing was not needed.
      if (this.#standing === before) this.#tried.pop()
    }
    return this.#outcome()
  }

  get #standing(): string {
    const { chassis } = this.#scene
    return JSON.stringify([this.#scene.missing(), chassis.isPaired, chassis.hasCopies])
  }

  get #by(): By {
    return this.#tried.length === 0 ? 'itself' : [...this.#tried]
  }

  async #comesBack(mostMs: number): Promise<void> {
    const { chassis } = this.#scene
    if (!(await chassis.until(() => this.#scene.missing().length === 0, mostMs))) return
    this.#served ??= this.#by
    if (this.#whole) return
    await chassis.until(() => chassis.isPaired && chassis.hasCopies, joinsMs)
    const answer = await this.#define()
    if (answer.is !== 'taken') return
    this.#copies = answer.copies
    const all = chassis.slots.length > 1 ? 3 : 2
    if (answer.copies.length === all) this.#whole = this.#by
  }

  #define(): Promise<Answer> {
    const index = 10 + this.#pools++
    const pool = {
      id: id<'Pool'>(`more-${index}`),
      kind: 'mac',
      range: { by: 'preset', preset: 'hp-vc', index },
    } as const
    return this.#scene.manager.say({ kind: 'define-pool', pool })
  }

  async #ask(): Promise<void> {
    const scene = this.#scene
    const spare = scene.spare ?? scene.bays.late
    const define = await this.#define()
    const assign = scene.bound.fresh ? undefined : await scene.assign('fresh', spare)
    const powerOn = await scene.power('idle', 'on')
    await scene.chassis.wait(10_000)
    const move = await scene.move('fresh', scene.empty ?? scene.bays.idle, { preprovision: true })
    const how = { when: 'next-off', stop: 'no', force: false } as const
    const dryRun = await scene.manager.say({ kind: 'unassign', profile: profileId('web'), ...how }, { dryRun: true })
    this.#answers = { define, ...(assign && { assign }), 'power on': powerOn, move, 'dry run': dryRun }
  }

  /** Each reason once, as it was said first. */
  #listen(): void {
    for (const { reason, message, remedy } of this.#scene.todo) {
      if (!this.#said.has(reason)) this.#said.set(reason, { message, remedy })
    }
  }

  #outcome(): Outcome {
    const scene = this.#scene
    const log = scene.chassis.log.slice(this.#since)
    const isRunning = (serial: string) => this.#ran.some((each) => each.serial === serial)
    const untouched = this.#ran.filter(({ serial }) => scene.touches(serial, this.#since).length === 0)
    const darkened = log.flatMap((entry) => {
      if (entry.kind === 'power' && !entry.on && isRunning(entry.serial)) return [entry.why]
      return entry.kind === 'boot' && entry.record.why === 'os-reboot' ? [entry.record.why] : []
    })
    return {
      ran: this.#ran.map(({ name }) => name),
      untouched: untouched.map(({ name }) => name),
      darkened: [...new Set(darkened)],
      started: bootRecords(log).map((record) => names.find((name) => scene.isItself(name, record)) ?? 'nobody'),
      denied: log.filter((entry) => entry.kind === 'no-power' && entry.message.includes('no permit')).length,
      answers: this.#answers,
      served: this.#served,
      whole: this.#whole,
      copies: this.#copies,
      lostOffice: scene.manager.lostOffice > 0,
      said: [...this.#said].map(([reason, { message, remedy }]) => ({ reason, message, remedy })),
      duplicates: scene.duplicates,
      missing: scene.missing(),
    }
  }
}
