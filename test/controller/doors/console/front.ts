/**
 * What stands behind the console in its tests: real judgement and real reports over the laboratory's chassis, whose
 * hardware obeys at once. Nothing is stored, and nothing takes time.
 */
import { randomUUID } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { expect } from 'vitest'
import { openBackups } from '../../../../agent/controller/backups.ts'
import { openConsole } from '../../../../agent/controller/doors/console/console.ts'
import type { Front } from '../../../../agent/controller/doors/front.ts'
import type { Serial } from '../../../../agent/core/addresses.ts'
import type { Bay } from '../../../../agent/core/blade.ts'
import type { Command, Envelope } from '../../../../agent/core/command.ts'
import { foresee } from '../../../../agent/core/foresee.ts'
import { plan } from '../../../../agent/core/plan.ts'
import { evolve } from '../../../../agent/core/record.ts'
import type { PartState } from '../../../../agent/core/reply.ts'
import {
  type Reporting,
  reportBay,
  reportChassis,
  reportPolicy,
  reportPool,
  reportProfile,
} from '../../../../agent/core/report.ts'
import { type Event, type Part, partName } from '../../../../agent/core/views.ts'
import { id, Lab, pools, sanProfile } from '../../../core/lab.ts'

const chassisSerial = 'CH0001' as Serial

export class LabFront extends Lab implements Front {
  readonly chassis = id<'Chassis'>('demo')
  readonly submitted: { readonly command: Command; readonly envelope: Envelope }[] = []
  events: Event[] = []
  uptimeMs = 90_000

  constructor(board = 'hp-c7000', empty: readonly Bay[] = []) {
    super(board, empty)
    for (const pool of pools) this.do(pool)
    for (const name of ['web-01', 'db-01']) this.do({ kind: 'define-profile', profile: sanProfile(name) })
  }

  /** web-01 in bay 3 and running; db-01 in no bay. */
  running(): this {
    this.do({ kind: 'assign', profile: id('web-01'), to: { bay: 3 }, when: 'now', preprovision: false, power: 'on' })
    this.settle()
    return this
  }

  #backups = openBackups({
    agent: { now: () => ({ state: this.state, observed: this.observed, plans: {}, chassisSerial }) },
    showing: { parts: () => this.parts() },
    keeper: async () => undefined,
  })

  backup: Front['backup'] = async (passphrase, client) => {
    const { epoch, revision, incarnation, term } = this.state
    const outcome = await this.#backups.write(passphrase, client)
    return { request: '', epoch, revision, incarnation, term, replayed: false, outcome }
  }

  submit: Front['submit'] = async (sent, envelope) => {
    const { epoch, revision, incarnation, term } = this.state
    const head = { request: envelope.request, epoch, revision, incarnation, term, replayed: false }
    if (sent.kind === 'invalid' || sent.kind === 'set-secret') return expect.unreachable(sent.kind)
    const read = sent.kind === 'restore' ? await this.#backups.read(sent) : undefined
    if (read?.is === 'refused') return { ...head, outcome: { kind: 'refused', refusal: read.refusal } }
    const command =
      sent.kind === 'factory-reset'
        ? { ...sent, here: chassisSerial, incarnation: 'f'.repeat(32) }
        : sent.kind === 'restore'
          ? (read ?? expect.unreachable()).command
          : sent
    this.submitted.push({ command, envelope })
    const decision = this.decide(command, envelope)
    switch (decision.is) {
      case 'refused': {
        const [refusal, ...others] = decision.refusals
        return { ...head, outcome: { kind: 'refused', refusal, others } }
      }
      case 'repeat':
        return {
          ...head,
          replayed: true,
          outcome: { kind: 'accepted', accepted: decision.answer.accepted, copies: ['flash'], singleCopy: false },
        }
      case 'accepted': {
        const { accepted } = decision.record
        if (envelope.dryRun) {
          const { steps, findings } = foresee(evolve(this.state, decision.record), this.observed, this.hardware)
          const dryRun = { steps, findings: findings.map(({ finding }) => finding) }
          return { ...head, outcome: { kind: 'accepted', accepted, copies: [], singleCopy: false, dryRun } }
        }
        this.do(command)
        const copies =
          command.kind === 'power' || command.kind === 'locate' ? (['flash'] as const) : (['flash', 'eeprom'] as const)
        return { ...head, outcome: { kind: 'accepted', accepted: decision.record.accepted, copies, singleCopy: false } }
      }
    }
  }

  ask: Front['ask'] = (query) => {
    const { epoch, revision, incarnation, term } = this.state
    if (query.kind !== 'list-events') return expect.unreachable(query.kind)
    const events = this.events
      .filter((event) => event.kind === 'event' && event.number > query.since)
      .slice(0, query.limit)
    return { request: '', epoch, revision, incarnation, term, replayed: false, outcome: { kind: 'events', events } }
  }

  digest: Front['digest'] = (content) => Buffer.from(content).toString('utf8').slice(0, 60)

  parts: Front['parts'] = () => {
    const { state, observed, hardware } = this
    const reporting: Reporting = {
      state,
      observed,
      plans: plan(state, observed, hardware),
      hardware,
      since: () => 30_000,
    }
    const parts: Part[] = [
      ...hardware.board.bays.map(({ bay }): Part => ({ part: 'bay', view: reportBay(reporting, bay) })),
      ...Object.keys(state.profiles).flatMap((id): Part[] => {
        const view = reportProfile(reporting, id)
        return view ? [{ part: 'profile', view }] : []
      }),
      ...Object.keys(state.pools).flatMap((id): Part[] => {
        const view = reportPool(reporting, id)
        return view ? [{ part: 'pool', view }] : []
      }),
      ...Object.keys(state.policies ?? {}).flatMap((id): Part[] => {
        const view = reportPolicy(reporting, id)
        return view ? [{ part: 'policy', view }] : []
      }),
      {
        part: 'controller',
        view: {
          slot: 'A',
          version: '0.1.0',
          uptimeMs: this.uptimeMs,
          role: 'owner',
          host: {
            hostname: 'oa',
            cpus: 2,
            load: 0.25,
            memoryBytes: 512 * 2 ** 20,
            memoryFreeBytes: 200 * 2 ** 20,
            celsius: 41,
            interfaces: [],
          },
          store: {
            readOnly: false,
            notes: [],
            copies: ['flash', 'eeprom'],
            index: 12,
            digest: 'ab'.repeat(16),
            bytesWritten: 4096,
            syncs: 9,
            eepromPagesWritten: 3,
            eepromUse: 0.11,
          },
        },
      },
      {
        part: 'health',
        view: {
          supplies: [
            { bay: 1, state: 'ok', watts: 410 },
            { bay: 2, state: 'failed', watts: 0 },
          ],
          fans: [{ bay: 1, state: 'ok', rpm: 4200 }],
          temperatures: [{ name: 'ambient', celsius: 23, limit: 42 }],
          frus: [],
        },
      },
    ]
    const names = Object.fromEntries(parts.map((part) => [partName(part), 1]))
    const chassis = { part: 'chassis', view: reportChassis(reporting, chassisSerial, names) } as const
    return [...parts, chassis].map(
      (part): PartState => ({ revision: state.revision, version: 1, incarnation: state.incarnation, term: 1, part }),
    )
  }

  presence: Front['presence'] = () => ({
    incarnation: this.state.incarnation,
    term: this.state.term,
    bootId: this.moment.bootId,
    version: '0.1.0',
    board: this.hardware.board.id,
    capabilities: [],
    schema: '',
    publicKey: '',
    epoch: this.state.epoch,
    revision: this.state.revision,
    uptimeMs: this.uptimeMs,
  })

  onPart: Front['onPart'] = () => () => {}
  onEvent: Front['onEvent'] = () => () => {}
}

/** A console with a person at its other end. */
export class Seat {
  readonly input = new PassThrough()
  readonly output = new PassThrough()
  readonly console
  #text = ''
  #wake = () => {}

  constructor(front: Front, echo = false) {
    this.output.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake()
    })
    this.console = openConsole({
      input: this.input,
      output: this.output,
      front,
      client: id<'Client'>('console-a'),
      slot: 'A',
      echo,
      newRequestId: randomUUID,
    })
  }

  /** What came until this many prompts were seen, all told; it is taken away. */
  async prompts(count: number): Promise<string> {
    while (this.#text.split('demo-A# ').length - 1 < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const text = this.#text
    this.#text = ''
    return text
  }

  /** Types a line, and reads what is answered, the prompt left out. */
  async type(line: string): Promise<readonly string[]> {
    this.input.write(`${line}\r`)
    const text = await this.prompts(1)
    return text
      .replace(/demo-A# $/, '')
      .split(/\r?\n/)
      .filter((each) => each !== '')
  }
}

export async function seated(front: Front, echo = false): Promise<Seat> {
  const seat = new Seat(front, echo)
  await seat.prompts(1)
  return seat
}
