/** A chassis on a test's bench: the world on a virtual clock, and the moves that tests make again and again. */
import type { BackplaneRequest, ControllerSlot } from '../../agent/backplane/protocol.ts'
import { type Mac, parseIqn, parseMac, parseWwn, type Wwn } from '../../agent/core/addresses.ts'
import type { Bay, Blade, FunctionReading, FunctionValue, Latch, PowerAction, Slot } from '../../agent/core/blade.ts'
import { functionsOf } from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import type { BmcAnswer, BmcRequest, WrittenSecret } from '../../agent/sim/bmc.ts'
import type { World } from '../../agent/sim/chassis.ts'
import type { Deed } from '../../agent/sim/deeds.ts'
import { type BootRecord, bootRecords, type Duplicate, duplicates, type LogEntry } from '../../agent/sim/log.ts'
import { slotOf } from '../../agent/sim/slots.ts'
import { type Input, type NewWorld, newWorld, step } from '../../agent/sim/world.ts'
import { tinyHardware } from './tiny-board.ts'

export const timings = {
  postMs: 10_000,
  attachMs: 1_000,
  shutdownMs: 5_000,
  bmcBootMs: 3_000,
  cutMs: 1_000,
  cycleMs: 1_000,
  sessionIdleMs: 1_800_000,
  watchdogMs: 2_000,
}

function sure<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('the test wrote an address that is none')
  return value
}
export const mac = (text: string): Mac => sure(parseMac(text))
export const wwn = (text: string): Wwn => sure(parseWwn(text))
export const iqn = (text: string) => sure(parseIqn(text))

/** The pure world, moved by hand: every step is one call. */
export class Bench {
  world: World
  readonly log: LogEntry[] = []
  private time = 1_000_000
  private readonly sessions = new Map<Bay, string>()

  constructor(options: Partial<NewWorld> & { readonly hardware?: Hardware } = {}) {
    const begun = newWorld({ hardware: tinyHardware, seed: 'test', now: this.time, timings, ...options })
    this.world = begun.world
    this.log.push(...begun.log)
    this.wait(timings.bmcBootMs)
  }

  /** Carries on with a world from elsewhere. */
  static of(world: World): Bench {
    const bench = new Bench()
    bench.world = world
    bench.time = world.now
    bench.log.length = 0
    bench.sessions.clear()
    return bench
  }

  private step(input: Input) {
    const { world, answer, log } = step(this.world, input, this.time)
    this.world = world
    this.log.push(...log)
    return answer
  }

  wait(ms: number): void {
    this.time += ms
    this.step({ to: 'clock' })
  }

  do(deed: Deed): string | undefined {
    const answer = this.step({ to: 'back-door', deed })
    return answer.from === 'back-door' ? answer.refused : undefined
  }

  /** As the BMC answers; `silence` is an answer that never comes. */
  bmc(bay: Bay, request: BmcRequest): BmcAnswer | 'silence' {
    const answer = this.step({ to: 'bmc', bay, request })
    if (answer.from !== 'bmc') throw new Error('the BMC did not answer')
    return answer.answer
  }

  login(bay: Bay): string {
    const answer = this.bmc(bay, { kind: 'login', user: 'admin', password: 'blade-pw' })
    if (answer === 'silence' || !answer.ok || answer.session === undefined)
      throw new Error(`no session: ${JSON.stringify(answer)}`)
    return answer.session
  }

  session(bay: Bay): string {
    const known = this.sessions.get(bay)
    if (known !== undefined && this.world.slots[bay]?.blade?.bmc.sessions.some(({ id }) => id === known)) return known
    const session = this.login(bay)
    this.sessions.set(bay, session)
    return session
  }

  write(bay: Bay, values: { readonly [key: string]: FunctionValue }, secrets: readonly WrittenSecret[] = []) {
    const functions = Object.entries(values).map(([key, value]) => ({ key, value }))
    return this.bmc(bay, { kind: 'write', session: this.session(bay), functions, secrets })
  }

  clear(bay: Bay, ...functions: readonly string[]) {
    return this.bmc(bay, { kind: 'clear', session: this.session(bay), functions })
  }

  power(bay: Bay, action: PowerAction) {
    return this.bmc(bay, { kind: 'power', session: this.session(bay), action })
  }

  permit(bay: Bay, n: number) {
    return this.backplane({ do: 'permit', bay, n })
  }

  /** As a controller in slot A, which takes a line that nobody has before it changes anything; or as who is named. */
  backplane(request: BackplaneRequest, slot?: ControllerSlot | 'unsaid') {
    if (slot === undefined && 'bay' in request && this.world.arbiter?.owner === 'none')
      this.step({ to: 'backplane', slot: 'A', request: { do: 'take' } })
    const answer = this.step({ to: 'backplane', request, ...(slot !== 'unsaid' && { slot: slot ?? 'A' }) })
    return answer.from === 'backplane' ? answer.reply : undefined
  }

  /** With a permit where the board has a latch, up to an operating system. */
  boot(bay: Bay, n = 1): void {
    if (this.world.slots[bay]?.latch !== 'none') this.permit(bay, n)
    this.power(bay, 'on')
    this.wait(timings.postMs + timings.attachMs)
  }

  read(bay: Bay): Blade {
    const answer = this.bmc(bay, { kind: 'read', session: this.session(bay) })
    if (answer === 'silence' || !answer.ok || answer.blade === undefined)
      throw new Error(`not read: ${JSON.stringify(answer)}`)
    return answer.blade
  }

  fn(bay: Bay, key: string): FunctionReading {
    return sure(functionsOf(this.read(bay)).find((each) => each.key === key))
  }

  slot(bay: Bay): Slot {
    return slotOf(this.world, bay)
  }

  latch(bay: Bay): Latch {
    return this.slot(bay).permit
  }

  serial(bay: Bay): string {
    const slot = this.slot(bay)
    if (slot.presence !== 'present') throw new Error(`bay ${bay} has no blade`)
    return slot.serial
  }

  boots(bay: Bay): readonly BootRecord[] {
    return bootRecords(this.log).filter((record) => record.bay === bay)
  }

  duplicates(): readonly Duplicate[] {
    return duplicates(this.log)
  }
}
