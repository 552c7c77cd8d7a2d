/**
 * What a person at the demo's terminal does and hears: lines go to the controller's console; lines that begin with
 * "demo" are hands at the chassis; comings and goings of the controller, and what blades came up as, are told.
 */
import { wrap } from '../controller/doors/console/text.ts'
import type { BayView } from '../core/views.ts'
import { isInSync } from '../ctl/client.ts'
import { TimedOut } from '../ctl/errors.ts'
import type { Child, Ended } from './child.ts'
import { bootLines, deedHelp, parseDeed } from './deeds.ts'
import { Refused } from './hardware.ts'
import { type Stage, whenBack } from './stage.ts'
import type { Terminal } from './terminal.ts'

/** What the demo itself says, told from what the controller says by how it begins. */
export const note = (text: string): readonly string[] => wrap(`-- ${text}`, 79, '   ')

/** The controller's end of the line: a program that may be gone at any moment. */
export class ControllerLine {
  readonly #prompt: string
  readonly #terminal: () => Terminal | undefined
  #child: Child | undefined
  #rest = ''
  #isUp = false

  constructor(prompt: string, terminal: () => Terminal | undefined) {
    this.#prompt = prompt
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
    this.#terminal()?.say(...note(`the controller's line dropped (${how}); its watchdog starts it again`))
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
    if (this.#rest !== this.#prompt) return
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

/** Carries out one line; resolves when the terminal may ask for the next. */
export async function obey(line: string, stage: Stage, controller: ControllerLine, terminal: Terminal): Promise<void> {
  const deed = parseDeed(line)
  if (deed === undefined) {
    if (line.trim() === '' || controller.send(line)) return line.trim() === '' ? terminal.ask() : undefined
    terminal.say(...note("nobody answers on the controller's line; it comes back by itself"))
    return terminal.ask()
  }
  try {
    await carryOut(deed, stage, terminal)
  } catch (error) {
    if (!(error instanceof Refused || isGone(error))) throw error
    terminal.say(...note(`${(error as Error).message}`))
  }
  terminal.ask()
}

/** The back door did not answer in time, or not at all. */
const isGone = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')

async function carryOut(
  deed: NonNullable<ReturnType<typeof parseDeed>>,
  stage: Stage,
  terminal: Terminal,
): Promise<void> {
  const { hands, controller, client } = stage
  if ('wrong' in deed) return terminal.say(...note(`${deed.wrong}`))
  switch (deed.do) {
    case 'help':
      return terminal.say(...deedHelp)
    case 'kill': {
      const child = controller.now()
      if (!child) return terminal.say(...note('the controller is down already; it comes back by itself'))
      const before = await hands.running()
      const boot = client.state.presence?.bootId
      child.kill('SIGKILL')
      await child.ended
      const after = await hands.running()
      const same = before.filter(({ serial }) => after.some((each) => each.serial === serial)).length
      terminal.say(...note(`${same} of ${before.length} running blades run on`))
      void back(stage, boot, terminal, () => 'the controller is back, and knows every bay')
      return
    }
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
    case 'cut': {
      const before = (await hands.running()).length
      const boot = client.state.presence?.bootId
      await hands.ac(false)
      const held = controller.hold('SIGKILL')
      terminal.say(...note('AC is off: blades and controller are dark; adapters forget what was assigned'))
      await held
      await new Promise((resolve) => setTimeout(resolve, darkMs))
      await hands.ac(true)
      controller.release()
      terminal.say(...note('AC is back: no blade starts before the controller has read its addresses back'))
      void back(stage, boot, terminal, (running) => `${running} of ${before} blades run again, each as it was`)
      return
    }
  }
}

/** Tells when the controller is back and has seen to everything; the terminal goes on meanwhile. */
async function back(
  { client, hands }: Stage,
  boot: string | undefined,
  terminal: Terminal,
  say: (running: number) => string,
): Promise<void> {
  try {
    await whenBack(client, boot, backMs)
    terminal.say(...note("the controller's line is back"))
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

const isStopped = (error: unknown): boolean => error instanceof Error && ['Stopped', 'Unreachable'].includes(error.name)
