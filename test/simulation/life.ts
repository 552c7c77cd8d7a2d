/**
 * One life of a chassis, made of one seed: managers of whom one may be stale, a broker in all weathers, hands that pull,
 * swap and press, BMCs that time out and finish late, flash and EEPROM that fail, controllers that are killed, taken out
 * and put back. The same seed is the same life.
 */
import type { WireCommand } from '../../agent/wire/command.ts'
import { id, pools } from '../core/lab.ts'
import { boards, forOne } from './boards.ts'
import { fair } from './broker.ts'
import { chanceOf } from './chance.ts'
import { checkers } from './checkers.ts'
import { Manager } from './client.ts'
import { type Counts, count, noCounts } from './counts.ts'
import { deeds } from './deeds.ts'
import { rules, type Violation } from './history.ts'
import { managing, profiles } from './managing.ts'
import type { Seams } from './seams.ts'
import { Stage } from './stage.ts'

export interface Lived {
  readonly seed: number
  readonly board: string
  readonly pair: boolean
  readonly counts: Counts
  readonly violation: Violation | undefined
  readonly hash: () => string
  readonly story: (last: number) => readonly string[]
}

export interface LifeOptions {
  readonly events?: number
  readonly seams?: Seams
}

export async function live(seed: number, { events = 24, seams = {} }: LifeOptions = {}): Promise<Lived> {
  const chance = chanceOf(seed)
  const { below, pick, oneIn } = chance
  const board = pick(boards)
  const pair = board.board.controllers.count > 1 && !oneIn(4)
  const hardware = pair ? board : forOne(board)
  const { permitLatch } = hardware.board.backplane
  const attaches = hardware.board.blades.some(({ adapters }) =>
    Object.values(adapters).some((model) => hardware.adapters[model]?.takesEffect === 'attach'),
  )
  const stage = new Stage({ hardware, below, checkers: checkers({ latch: permitLatch, attaches }), seams })
  const { clock, host, broker, history } = stage
  const counts = noCounts()
  const bays = hardware.board.bays.map(({ bay }) => bay)
  const central = new Manager(id<'Client'>('central'), 'pan', broker, clock, below)
  const other = new Manager(id<'Client'>('other'), oneIn(2) ? 'pan' : 'pan-dr', broker, clock, below)

  const { hands, controllers, media, weather, focus } = deeds(stage, chance, counts)
  const { command, manage } = managing({ stage, chance, central, other, focus })

  for (const seat of stage.seats) stage.start(seat)
  await until(() => broker.connected && central.shown !== undefined, 20_000)
  if (oneIn(2)) {
    central.takeOver()
    await quiet()
  }
  for (const body of [...pools, ...profiles.map((profile) => ({ kind: 'define-profile', profile }) as const)]) {
    central.change(body as WireCommand)
    await quiet()
  }

  for (const [at, { id: profile }] of profiles.entries()) {
    if (oneIn(3)) continue
    const bay = bays[at] ?? 1
    central.change({ kind: 'assign', profile, to: { bay }, when: 'now', preprovision: false, power: 'on' })
    await quiet()
  }

  async function until(holds: () => boolean, mostMs: number): Promise<void> {
    const end = clock.now() + mostMs
    while (!holds() && clock.now() < end && !history.violation) await clock.advance(50)
  }
  async function quiet(): Promise<void> {
    await until(() => !central.waits, 10_000)
  }

  /** One loss, for good: whoever has the other copy goes on, and lacks nothing. */
  async function loseTheOwner(): Promise<void> {
    if (!stage.isPair) return
    if (oneIn(2)) {
      await settle(2)
      stage.leader?.leading.memory.mend().catch(() => undefined)
      await clock.advance(500)
    }
    if (oneIn(3)) stage.wire.cut = true
    for (let last = below(3); last > 0; last--) {
      central.change(command())
      await clock.advance(below(40))
    }
    const { leader } = stage
    if (!leader || leader.leading.memory.readOnly() !== undefined || leader.leading.memory.copies().length < 2) return
    stage.remove(leader.seat)
    stage.deed(`the controller in ${leader.seat.slot}, which leads, is lost for good`)
    counts.kills++
    for (const seat of stage.seats) {
      if (seat === leader.seat) continue
      if (!seat.box) stage.insert(seat, stage.newBox())
      stage.start(seat)
    }
    await settle(2)
  }

  /** What a controller that holds asks for: the one that it names is put back, where it still is. */
  function putBack(holds: string): void {
    const named = stage.shelf.filter(({ serial }) => holds.includes(`${serial}/`))
    for (const [at, box] of named.entries()) {
      const seat = stage.seats[at]
      const other = seat && stage.remove(seat)
      if (!seat) return
      stage.shelf.splice(stage.shelf.indexOf(box), 1, ...(other ? [other] : []))
      stage.insert(seat, box)
    }
  }

  /** Every controller that it names is nowhere: two losses, after which only a person may say how to go on (W14). */
  function areGone(holds: string): boolean {
    const named = [...holds.matchAll(/ctl-\d+(?=\/)/g)].map(([serial]) => serial)
    return named.length > 0 && !stage.boxes.some(({ serial }) => named.includes(serial))
  }

  async function settle(rounds: number): Promise<void> {
    for (let round = 0; round < rounds && !history.violation; round++) {
      await clock.advance(4_000)
      stage.look()
    }
  }

  for (let event = 0; event < events && !history.violation; event++) {
    counts.events++
    await clock.advance(oneIn(5) ? below(8_000) : below(1_000))
    const dice = below(40)
    const say =
      dice < 18 ? manage() : dice < 27 ? hands() : dice < 33 ? await controllers() : dice < 36 ? media() : weather()
    stage.deed(say)
    stage.look()
  }

  // In the end everything is mended, and whatever can settle must stay right while it does.
  if (!history.violation) {
    stage.deed('everything is mended')
    for (const bay of bays) host.perform({ do: 'mend', bay })
    for (const party of broker.cutOff) broker.cut(party, false)
    broker.weather = fair
    stage.eeprom.chip.broken = undefined
    stage.eeprom.chip.fail = () => undefined
    for (const box of stage.boxes) box.medium.fail = () => undefined
    if (oneIn(3)) await loseTheOwner()
    stage.wire.cut = false
    for (const seat of stage.seats) {
      if (!seat.box) stage.insert(seat, stage.shelf.shift() ?? stage.newBox())
      stage.start(seat)
    }
    await settle(3)
    // What was given up on because it could not be read or written needs a restart to be tried again.
    const holds = stage.leader ? stage.leader.leading.memory.readOnly() : 'nobody leads'
    if (holds !== undefined) {
      counts.held++
      stage.deed(`all are started again, since the owner holds: ${holds}`)
      putBack(holds)
      for (const seat of stage.seats) stage.kill(seat)
      for (const seat of stage.seats) stage.start(seat)
      await settle(3)
    }
  }
  const stands = stage.leader ? stage.leader.leading.memory.readOnly() : 'nobody leads'
  const gone = stands !== undefined && areGone(stands)
  stage.end()
  const violation: Violation | undefined =
    history.violation ?? (stands === undefined || gone ? undefined : { rule: rules.back, say: stands })

  count(history.told, counts)
  return {
    seed,
    board: hardware.board.id,
    pair,
    counts,
    violation,
    hash: () => history.hash(),
    story: (last) => [...history.story(last), ...stage.said.slice(-12).map((line) => `said ${line}`)],
  }
}
