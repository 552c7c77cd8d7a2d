/**
 * A thousand commands at once, from four managers, to an agent that is killed ten times while it works them off: each
 * has one effect, and each manager learns the answer to everything that it asked (I2, I6).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Reply } from '../../agent/core/reply.ts'
import type { Accepted } from '../../agent/core/state.ts'
import { find } from '../setup/peers.ts'
import { type Broker, startAedes, startMosquitto } from './brokers.ts'
import { type Manager, openManager } from './manager.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'
import { asked } from './storm.ts'

const managersCount = 4
const commandsEach = 250
const commands = managersCount * commandsEach
const kills = 10

interface Row {
  readonly with: string
  readonly start: () => Promise<Broker>
  readonly mqtt: NonNullable<StageOptions['mqtt']>
}
const rows: readonly Row[] = [
  { with: 'aedes, MQTT 3.1.1', start: startAedes, mqtt: '3' },
  ...(find('mosquitto')
    ? [
        { with: 'mosquitto, MQTT 3.1.1', start: startMosquitto, mqtt: '3' } as const,
        { with: 'mosquitto, MQTT 5', start: startMosquitto, mqtt: '5' } as const,
      ]
    : []),
]

/** What one manager is told about its commands. */
class Office {
  readonly client: string
  readonly manager: Manager
  readonly #requests: ReadonlyMap<string, Uint8Array>
  readonly answers = new Map<string, Accepted>()
  replayed = 0
  lookedUp = 0
  /** What must never come: a refusal, or another answer than before. */
  readonly wrong: string[] = []
  #heard: () => void = () => {}

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

  /** All at once, without waiting for an answer. */
  async sendAll(): Promise<void> {
    await Promise.all([...this.#requests.values()].map((bytes) => this.manager.send(this.client, bytes)))
  }

  /** Resolves with the next answer. */
  heard(): Promise<void> {
    return new Promise((resolve) => {
      this.#heard = resolve
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
    while (this.unanswered.length > 0) await this.heard()
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
  }

  #note(request: string, accepted: Accepted): void {
    const before = this.answers.get(request)
    if (before && before.revision !== accepted.revision)
      this.wrong.push(`${request}: revision ${before.revision}, then ${accepted.revision}`)
    this.answers.set(request, accepted)
  }
}

describe.each(rows)('load through $with', ({ start, mqtt }) => {
  let stage: Stage
  const offices: Office[] = []
  const opened: (() => void | Promise<void>)[] = []

  beforeAll(async () => {
    const broker = await start()
    opened.push(broker.close)
    stage = await openStage({ broker, mqtt })
    opened.push(stage.close)
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
    const answered = () => offices.reduce((sum, { answers }) => sum + answers.size, 0)
    const boots = new Set<number>([stage.agent().pid])
    const at: number[] = []
    const sent = Promise.all(offices.map((office) => office.sendAll()))
    for (let kill = 1; kill <= kills; kill++) {
      while (answered() < (kill * commands) / (kills + 2)) await Promise.race(offices.map((office) => office.heard()))
      await stage.agent().kill('SIGKILL')
      at.push(answered())
      boots.add((await stage.restart()).pid)
    }
    await sent
    await Promise.all(offices.map((office) => office.learn()))

    const sum = (of: (office: Office) => number) => offices.reduce((total, office) => total + of(office), 0)
    const counts = `${sum(({ replayed }) => replayed)} answers came twice, ${sum(({ lookedUp }) => lookedUp)} were looked up`
    console.log(`killed at ${at.join(', ')} answers of ${commands}; ${counts}`)
    expect(boots.size).toBe(kills + 1)
    expect(at.every((count) => count < commands)).toBe(true)
    expect(offices.flatMap(({ wrong }) => wrong)).toEqual([])
    const revisions = offices.flatMap(({ answers }) => [...answers.values()].map(({ revision }) => revision))
    expect(revisions.sort((a, b) => a - b)).toEqual(Array.from({ length: commands }, (_, i) => i + 1))
    expect(offices.flatMap(({ answers }) => [...answers.values()].filter(({ changed }) => !changed))).toEqual([])
    expect(await offices[0]?.revision()).toBe(commands)
  })
})
