/**
 * What a person at the demo's terminal does and hears: lines go to the console of the controller that the cable is at;
 * lines that begin with "demo" are hands at the chassis; comings and goings of controllers, and what blades came up as,
 * are told.
 */
import type { BayView } from '../core/views.ts'
import { isInSync } from '../ctl/client.ts'
import { TimedOut } from '../ctl/errors.ts'
import type { Child, Ended } from './child.ts'
import { bootLines, deedHelp, pairDeedHelp, parseDeed } from './deeds.ts'
import type { Slot } from './folder.ts'
import { Refused } from './hardware.ts'
import { isGone, isStopped, note, runOn } from './say.ts'
import { type Stage, whenBack } from './stage.ts'
import type { Terminal } from './terminal.ts'
import { change, killOne, ownerOf, type Watch } from './watch.ts'

/** A controller's end of a line: a program that may be gone at any moment. */
export class ControllerLine {
  readonly prompt: string
  /** "the controller's line", "the line of controller A" */
  readonly name: string
  readonly #then: string
  /** Absent while the cable is elsewhere: then nobody hears it. */
  readonly #terminal: () => Terminal | undefined
  #child: Child | undefined
  #rest = ''
  #isUp = false

  constructor(prompt: string, name: string, then: string, terminal: () => Terminal | undefined) {
    this.prompt = prompt
    this.name = name
    this.#then = then
    this.#terminal = terminal
  }

  born(child: Child): void {
    this.#child = child
    this.#isUp = false
    this.#rest = ''
    child.process.stdout?.on('data', (chunk: Buffer) => this.#hear(chunk.toString('latin1')))
  }

  died(ended: Ended): void {
    this.#child = undefined
    this.#isUp = false
    const how = ended.signal === null ? `code ${ended.code}` : ended.signal
    this.#terminal()?.say(...note(`${this.name} dropped (${how})${this.#then}`))
    this.#terminal()?.ask()
  }

  /** False: nobody is there. */
  send(line: string): boolean {
    if (!this.#isUp || this.#child === undefined) return false
    this.#child.process.stdin?.write(`${line}\n`)
    return true
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split(/\r?\n/)
    this.#rest = lines.pop() ?? ''
    const terminal = this.#terminal()
    if (lines.length > 0) terminal?.say(...lines)
    if (this.#rest !== this.prompt) return
    this.#rest = ''
    this.#isUp = true
    terminal?.ask()
  }
}

/** Blades that came up as somebody, told once each: by profile and factory serial. */
export class News {
  readonly #known = new Map<number, string>()

  /** What is so now is no news. */
  learn(bays: readonly BayView[]): void {
    for (const view of bays) this.#note(view)
  }

  of(view: BayView): string | undefined {
    const before = this.#known.get(view.bay)
    const now = this.#note(view)
    if (now === undefined || now === before || view.profile === undefined) return undefined
    return `bay ${view.bay} runs as ${view.profile}, its addresses read back after POST`
  }

  #note({ bay, inSync, profile, serial, stage, presence }: BayView): string | undefined {
    // Of what can not be seen just now, nothing is forgotten: after a restart the same blade is no news.
    if (presence === 'unknown' || (presence === 'present' && !inSync)) return undefined
    if (stage !== 'os') {
      this.#known.delete(bay)
      return undefined
    }
    const now = `${profile} on ${serial}`
    this.#known.set(bay, now)
    return now
  }
}

export async function tellNews({ client }: Stage, say: (line: string) => void, signal: AbortSignal): Promise<void> {
  const news = new News()
  news.learn(client.state.all('bay'))
  for await (const { state } of client.watch(signal)) {
    if (state?.part.part !== 'bay') continue
    const line = news.of(state.part.view)
    if (line !== undefined) say(line)
  }
}

const darkMs = 2_000
const backMs = 60_000

/** Who does what is said: the cable's end, and the hands. */
export interface Seat {
  readonly stage: Stage
  readonly terminal: Terminal
  /** Where the cable is. */
  line(): ControllerLine
  /** Brings it to the other controller. */
  plug(slot: Slot): void
  /** With two controllers. */
  readonly watch?: Watch | undefined
}

/** Carries out one line; resolves when the terminal may ask for the next. */
export async function obey(line: string, seat: Seat): Promise<void> {
  const { terminal } = seat
  const deed = parseDeed(line)
  if (deed === undefined) {
    if (line.trim() === '' || seat.line().send(line)) return line.trim() === '' ? terminal.ask() : undefined
    const other = seat.watch ? 'say demo line A or demo line B' : 'it comes back by itself'
    terminal.say(...note(`nobody answers on ${seat.line().name}; ${other}`))
    return terminal.ask()
  }
  try {
    await carryOut(deed, seat)
  } catch (error) {
    if (!(error instanceof Refused || isGone(error))) throw error
    terminal.say(...note(`${(error as Error).message}`))
  }
  terminal.ask()
}

async function carryOut(deed: NonNullable<ReturnType<typeof parseDeed>>, seat: Seat): Promise<void> {
  const { stage, terminal, watch } = seat
  const { hands } = stage
  if ('wrong' in deed) return terminal.say(...note(`${deed.wrong}`))
  switch (deed.do) {
    case 'help':
      return terminal.say(...(watch ? pairDeedHelp : deedHelp))
    case 'kill':
      if (watch) return killOne(watch, deed.slot ?? (await ownerOf(stage)), stage)
      if (deed.slot !== 'B') return killOnly(stage, terminal)
      return terminal.say(...note(onlyOne))
    case 'take-out':
    case 'put-back':
    case 'replace':
      if (!watch) return terminal.say(...note(onlyOne))
      return change(watch, deed.do, deed.slot, stage)
    case 'line':
      if (!watch) return terminal.say(...note(onlyOne))
      seat.plug(deed.slot)
      return
    case 'pull': {
      const serial = await hands.pull(deed.bay)
      return terminal.say(
        ...note(`blade ${serial} is out of bay ${deed.bay}; to put it back: demo insert blade ${deed.bay}`),
      )
    }
    case 'insert': {
      const serial = await hands.insert(deed.bay)
      return terminal.say(...note(`blade ${serial} is in bay ${deed.bay}`))
    }
    case 'press':
      await hands.press(deed.bay)
      return terminal.say(...note(`the button of blade ${deed.bay} was pressed; what came of it: show bay ${deed.bay}`))
    case 'boots':
      return terminal.say(...bootLines(deed.bay, await hands.boots(deed.bay)))
    case 'cut':
      return cutPower(seat)
  }
}

const onlyOne = 'this chassis runs with one controller; for two: npm start -- --pair'

/** The one controller that there is. */
async function killOnly(stage: Stage, terminal: Terminal): Promise<void> {
  const { hands, controllers, client } = stage
  const child = controllers.A.now()
  if (!child) return terminal.say(...note('the controller is down already; it comes back by itself'))
  const before = await hands.running()
  const boot = client.state.presence?.bootId
  child.kill('SIGKILL')
  await child.ended
  terminal.say(...note(await runOn(stage, before)))
  void back(stage, boot, terminal, () => 'the controller is back, and knows every bay')
}

async function cutPower({ stage, terminal, watch }: Seat): Promise<void> {
  const { hands, controllers, client } = stage
  const all = [controllers.A, ...(controllers.B ? [controllers.B] : [])]
  const before = (await hands.running()).length
  const boot = client.state.presence?.bootId
  watch?.goesDark()
  await hands.ac(false)
  const held = Promise.all(all.map((each) => each.hold('SIGKILL')))
  const who = watch ? 'both controllers' : 'controller'
  terminal.say(...note(`AC is off: blades and ${who} are dark; adapters forget what was assigned`))
  await held
  await new Promise((resolve) => setTimeout(resolve, darkMs))
  await hands.ac(true)
  for (const each of all) each.release()
  terminal.say(...note('AC is back: no blade starts before the controller has read its addresses back'))
  void back(stage, boot, terminal, (running) => `${running} of ${before} blades run again, each as it was`)
  watch?.lightIsBack()
}

/** Tells when the controller is back and has seen to everything; the terminal goes on meanwhile. */
async function back(
  { client, hands, controllers }: Stage,
  boot: string | undefined,
  terminal: Terminal,
  say: (running: number) => string,
): Promise<void> {
  try {
    await whenBack(client, boot, backMs)
    terminal.say(...note(controllers.B ? 'a controller leads again' : "the controller's line is back"))
    await client.waitFor((state) => isInSync(state, { of: 'chassis' }, 0), {
      timeoutMs: backMs,
      what: 'everything in sync',
    })
    terminal.say(...note(`${say((await hands.running()).length)}`))
  } catch (error) {
    if (error instanceof TimedOut) terminal.say(...note(`${error.message}; see: show todo`))
    else if (!(error instanceof Refused || isGone(error) || isStopped(error))) throw error
  }
}
