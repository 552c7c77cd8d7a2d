/**
 * A thousand commands at once, from four managers, to an agent that is killed ten times while it works them off: each
 * has one effect, and each manager learns the answer to everything that it asked (I2, I6).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reply } from '../../agent/core/reply.ts'
import type { Accepted } from '../../agent/core/state.ts'
import { describeWith } from '../setup/peers.ts'
import { type Broker, startAedes, startMosquitto } from './brokers.ts'
import { type Manager, openManager } from './manager.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'
import { asked } from './storm.ts'

const managersCount = 4
const commandsEach = 250
const commands = managersCount * commandsEach
const kills = 10
/** Of each manager's, so many are sent in each of the agent's lives; the rest is in flight from the beginning. */
const lateEach = 12

interface Row {
  readonly start: () => Promise<Broker>
  readonly mqtt: NonNullable<StageOptions['mqtt']>
}
/** What one manager is told about its commands. */
class Office {
  readonly client: string
  readonly manager: Manager
  readonly #requests: ReadonlyMap<string, Uint8Array>
  readonly answers = new Map<string, Accepted>()
  #sent = 0
  replayed = 0
  lookedUp = 0
  /** What must never come: a refusal, or another answer than before. */
  readonly wrong: string[] = []
  #heard: () => void = () => {}
  #heardNew: () => void = () => {}

  constructor(n: number, manager: Manager) {
    this.client = `manager-${n}`
    this.manager = manager
    // Each makes the manager's own pool another one than it was: none of them is without effect, whatever their order.
    this.#requests = new Map(
      Array.from({ length: commandsEach }, (_, i) => {
        const request = `load-${n}-${String(i).padStart(4, '0')}`
        const range = { by: 'count', first: `02:00:00:${n}0:00:00`, count: i + 1 } as const
        return [
          request,
          asked(request, { kind: 'define-pool', pool: { id: `pool-${n}` as never, kind: 'mac', range } }),
        ]
      }),
    )
    manager.onReply((to, reply) => to === this.client && this.#hear(reply))
  }

  get unanswered(): readonly string[] {
    return [...this.#requests.keys()].filter((request) => !this.answers.has(request))
  }

  /** So many more, at once and without waiting for an answer. */
  async sendNext(count: number): Promise<void> {
    const next = [...this.#requests.values()].slice(this.#sent, this.#sent + count)
    this.#sent += count
    await Promise.all(next.map((bytes) => this.manager.send(this.client, bytes)))
  }

  /** Resolves with the next answer to something that was not answered before, here or anywhere. */
  heardNew(): Promise<void> {
    return new Promise((resolve) => {
      this.#heardNew = resolve
    })
  }

  /** As a manager does that lost track: looks up what it got no answer to, and sends again what was never run. */
  async learn(): Promise<void> {
    for (const request of this.unanswered) {
      const reply = await this.#ask(`look-${request}`, { kind: 'look-up-request', request })
      if (reply.outcome.kind === 'looked-up') {
        this.lookedUp += 1
        this.#note(request, reply.outcome.accepted)
      } else await this.manager.send(this.client, this.#requests.get(request) ?? new Uint8Array())
    }
    while (this.unanswered.length > 0) {
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
  }

  async revision(): Promise<number> {
    return (await this.#ask('how-far-1', { kind: 'list-reasons' })).revision
  }

  async #ask(request: string, question: Parameters<typeof asked>[1]): Promise<Reply> {
    const answered = new Promise<Reply>((resolve) =>
      this.manager.onReply((to, reply) => to === this.client && reply.request === request && resolve(reply)),
    )
    await this.manager.send(this.client, asked(request, question))
    return answered
  }

  #hear(reply: Reply): void {
    const { request, outcome, replayed } = reply
    if (!this.#requests.has(request)) return
    if (replayed) this.replayed += 1
    if (outcome.kind === 'accepted') this.#note(request, outcome.accepted)
    else this.wrong.push(`${request}: ${JSON.stringify(outcome)}`)
    this.#heard()
    if (!replayed) this.#heardNew()
  }

  #note(request: string, accepted: Accepted): void {
    const before = this.answers.get(request)
    if (before && before.revision !== accepted.revision)
      this.wrong.push(`${request}: revision ${before.revision}, then ${accepted.revision}`)
    this.answers.set(request, accepted)
  }
}

function suite(name: string, { start, mqtt }: Row): void {
  describe(name, () => {
    let stage: Stage
    let watcher: Manager
    const offices: Office[] = []
    const opened: (() => void | Promise<void>)[] = []

    beforeAll(async () => {
      const broker = await start()
      opened.push(broker.close)
      stage = await openStage({ broker, mqtt })
      opened.push(stage.close)
      watcher = await openManager(broker.port, 'watcher')
      opened.push(watcher.close)
      for (let n = 0; n < managersCount; n++) {
        const manager = await openManager(broker.port, `manager-${n}`)
        opened.push(manager.close)
        offices.push(new Office(n, manager))
      }
    })
    afterAll(async () => {
      for (const close of opened.splice(0).reverse()) await close()
    })

    test('a thousand commands in flight have a thousand effects, though the agent is killed ten times', async () => {
      const boots = new Set<string>()
      /** Effects that stood when the agent came back, after each kill. */
      const stood: number[] = []
      let { bootId } = await watcher.online()
      const sent: Promise<void>[] = []
      const send = (each: number) => sent.push(...offices.map((office) => office.sendNext(each)))
      send(commandsEach - kills * lateEach)
      for (let kill = 1; kill <= kills; kill++) {
        boots.add(bootId)
        send(lateEach)
        // The agent runs ahead of its answers: at the first one, it is in the midst of those that follow.
        await Promise.race(offices.map((office) => office.heardNew()))
        await stage.agent().kill('SIGKILL')
        await stage.restart()
        const presence = await watcher.online(bootId)
        bootId = presence.bootId
        stood.push(presence.revision)
      }
      boots.add(bootId)
      await Promise.all(sent)
      await Promise.all(offices.map((office) => office.learn()))

      const sum = (of: (office: Office) => number) => offices.reduce((total, office) => total + of(office), 0)
      const counts = `${sum(({ replayed }) => replayed)} answers came twice, ${sum(({ lookedUp }) => lookedUp)} were looked up`
      console.log(`of ${commands} effects, after each kill there were ${stood.join(', ')}; ${counts}`)
      expect(boots.size).toBe(kills + 1)
      expect(new Set(stood.filter((revision) => revision > 0 && revision < commands)).size).toBeGreaterThanOrEqual(
        kills / 2,
      )
      expect(offices.flatMap(({ wrong }) => wrong)).toEqual([])
      const revisions = offices.flatMap(({ answers }) => [...answers.values()].map(({ revision }) => revision))
      expect(revisions.sort((a, b) => a - b)).toEqual(Array.from({ length: commands }, (_, i) => i + 1))
      expect(offices.flatMap(({ answers }) => [...answers.values()].filter(({ changed }) => !changed))).toEqual([])
      expect(await offices[0]?.revision()).toBe(commands)
    })
  })
}

suite('load through aedes, MQTT 3.1.1', { start: startAedes, mqtt: '3' })
describeWith(['mosquitto'], 'load through mosquitto', () => {
  suite('MQTT 3.1.1', { start: startMosquitto, mqtt: '3' })
  suite('MQTT 5', { start: startMosquitto, mqtt: '5' })
})
