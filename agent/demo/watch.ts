/**
 * Two controllers, watched: who died or was taken out, who owns the chassis after how long, what became of the running
 * blades, and who is back and follows. It tells what it sees, whoever did it; the deeds here only do it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Bay } from '../core/blade.ts'
import { isInSync } from '../ctl/client.ts'
import { TimedOut } from '../ctl/errors.ts'
import type { Ended, Kept } from './child.ts'
import type { Slot } from './folder.ts'
import { Refused } from './hardware.ts'
import { isGone, isStopped, note, runOn } from './say.ts'
import { type Stage, whenBack } from './stage.ts'

/** Between two looks at the owner line: the time that is told is as exact as that. */
const lookMs = 50
const takeOverMs = 30_000
const backMs = 60_000

export class Watch {
  readonly #stage: Stage
  readonly #say: (line: string) => void
  /** Out of their slots, by hands. */
  readonly #out = new Set<Slot>()
  /** The power is cut: what dies now is no news. */
  #dark = false
  /** What is told of an earlier life of a controller ends when it dies again. */
  readonly #lives = { A: 0, B: 0 }

  constructor(stage: Stage, say: (line: string) => void) {
    this.#stage = stage
    this.#say = say
  }

  isOut(slot: Slot): boolean {
    return this.#out.has(slot)
  }

  goesDark(): void {
    this.#dark = true
  }

  lightIsBack(): void {
    this.#dark = false
  }

  /** Hands are about to take it out. */
  takenOut(slot: Slot): void {
    this.#out.add(slot)
  }

  /** The program of this controller ended. */
  died(slot: Slot, { signal, code }: Ended): void {
    const life = ++this.#lives[slot]
    if (this.#dark) return
    const how = signal ?? `code ${code}`
    const out = this.isOut(slot)
    void this.#tell(async () => {
      const since = Date.now()
      const { client, hands } = this.#stage
      const boot = client.state.presence?.bootId
      const running = shownRunning(this.#stage)
      const owned = (await hands.owner()) === slot
      const what = out ? `controller ${slot} is out of its slot` : `controller ${slot} died (${how})`
      this.#note(`${what}; ${await runOn(this.#stage, running)}`)
      if (owned) await this.#takeOver(slot, since, boot, running)
      if (!out) await this.#follows(slot, life, boot)
    })
  }

  /** It is in its slot again, and about to start. */
  putBack(slot: Slot, how: 'as it was' | 'blank'): void {
    this.#out.delete(slot)
    const { replace, controllers } = this.#stage
    if (how === 'blank') replace(slot)
    controllers[slot]?.release()
    const life = this.#lives[slot]
    void this.#tell(() => this.#follows(slot, life, this.#stage.client.state.presence?.bootId, how))
  }

  async #takeOver(
    slot: Slot,
    since: number,
    boot: string | undefined,
    before: Awaited<ReturnType<Stage['hands']['running']>>,
  ): Promise<void> {
    const { hands, client } = this.#stage
    let owner = await hands.owner()
    while (owner === slot || owner === 'none') {
      // It came back before the other one lost its patience, and goes on.
      if (client.state.presence?.online === true && client.state.presence.bootId !== boot) return
      if (Date.now() - since > takeOverMs)
        return this.#note('no controller owns the chassis; blades run on all the same')
      await pause(lookMs)
      owner = await hands.owner()
    }
    this.#note(`controller ${owner} owns the chassis after ${((Date.now() - since) / 1000).toFixed(1)} s`)
    await whenBack(client, boot, backMs)
    await client.waitFor((state) => isInSync(state, { of: 'chassis' }, 0), {
      timeoutMs: backMs,
      what: 'everything in sync',
    })
    this.#note(`controller ${owner} has read every bay anew; ${await runOn(this.#stage, before)}`)
  }

  async #follows(
    slot: Slot,
    life: number,
    boot: string | undefined,
    how: 'as it was' | 'blank' = 'as it was',
  ): Promise<void> {
    const { client } = this.#stage
    const own = () => client.state.all('controller').find((view) => view.slot === slot)
    const other = () => client.state.all('controller').find((view) => view.slot !== slot)
    const isOver = () => this.#lives[slot] !== life
    const { state } = client
    const owns = () => own()?.role === 'owner' && state.presence?.online === true && state.presence.bootId !== boot
    const isGone = () => (own()?.role ?? 'silent') === 'silent'
    const follows = () => own()?.role === 'standby' && other()?.pair?.other.is === 'member'
    // What is shown of the life that just ended may still stand there for a moment.
    const steps = [
      { reached: isGone, what: `controller ${slot} seen gone` },
      { reached: follows, what: `controller ${slot} back` },
    ]
    for (const { reached, what } of steps)
      await client.waitFor(() => isOver() || owns() || reached(), { timeoutMs: backMs, what })
    if (isOver()) return
    const who = how === 'blank' ? `controller ${slot} is new, was filled,` : `controller ${slot} is back`
    this.#note(`${who} and ${owns() ? 'owns the chassis' : 'follows'}`)
  }

  #note(text: string): void {
    for (const line of note(text)) this.#say(line)
  }

  async #tell(story: () => Promise<void>): Promise<void> {
    try {
      await story()
    } catch (error) {
      if (error instanceof TimedOut) this.#note(`${error.message}; see: show controllers`)
      else if (!(error instanceof Refused || isGone(error) || isStopped(error))) throw error
    }
  }
}

/** Blades with an operating system up, as the chassis showed last. */
const shownRunning = ({ client }: Stage): readonly { readonly bay: Bay; readonly serial: string }[] =>
  client.state
    .all('bay')
    .flatMap(({ bay, stage, serial }) => (stage === 'os' && serial !== undefined ? [{ bay, serial }] : []))

export async function ownerOf({ hands }: Stage): Promise<Slot> {
  const owner = await hands.owner()
  if (owner === 'none') throw new Refused('no controller owns the chassis just now; name one: demo kill controller A')
  return owner
}

function keptOf({ controllers }: Stage, slot: Slot): Kept {
  const kept = controllers[slot]
  if (!kept) throw new Refused(`there is no controller ${slot}`)
  return kept
}

/** What comes of it is told by the watch. */
export async function killOne(watch: Watch, slot: Slot, stage: Stage): Promise<void> {
  if (watch.isOut(slot)) throw new Refused(`controller ${slot} is out of its slot; insert it first`)
  const child = keptOf(stage, slot).now()
  if (!child) throw new Refused(`controller ${slot} is down already; it comes back by itself`)
  child.kill('SIGKILL')
  await child.ended
}

export async function change(
  watch: Watch,
  what: 'take-out' | 'put-back' | 'replace',
  slot: Slot,
  stage: Stage,
): Promise<void> {
  switch (what) {
    case 'take-out':
      await takeOut(watch, slot, stage)
      return
    case 'put-back':
      if (!watch.isOut(slot)) throw new Refused(`controller ${slot} is in its slot; remove it first`)
      await stage.hands.controller(slot, 'insert')
      watch.putBack(slot, 'as it was')
      return
    case 'replace':
      if (!watch.isOut(slot)) await takeOut(watch, slot, stage)
      await stage.hands.controller(slot, 'insert')
      watch.putBack(slot, 'blank')
  }
}

async function takeOut(watch: Watch, slot: Slot, stage: Stage): Promise<void> {
  if (watch.isOut(slot)) throw new Refused(`controller ${slot} is out of its slot already`)
  watch.takenOut(slot)
  await Promise.all([stage.hands.controller(slot, 'remove'), keptOf(stage, slot).hold('SIGKILL')])
}
