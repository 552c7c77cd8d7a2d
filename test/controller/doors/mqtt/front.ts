/**
 * A small agent behind the door: it keeps what it accepted and counts what it did, so that a test sees whether a
 * command was done once. Its memory can outlive it, like flash outlives a crash.
 */
import { createHash } from 'node:crypto'
import type { Front } from '../../../../agent/controller/doors/front.ts'
import type { ChassisId } from '../../../../agent/core/addresses.ts'
import { parseId } from '../../../../agent/core/addresses.ts'
import type { Envelope } from '../../../../agent/core/command.ts'
import type { Outcome, PartState, Question, Reply } from '../../../../agent/core/reply.ts'
import { type Event, type Part, partName } from '../../../../agent/core/views.ts'
import { capabilities } from '../../../../agent/wire/command.ts'
import { reasonRows } from '../../../../agent/wire/response.ts'
import { parts as examples } from '../../../wire/examples.ts'

export const chassis = parseId('demo') as ChassisId
export const incarnation = '3f2a9c0d5e6b7a81920c4d3e5f60718a'

export interface Memory {
  /** Request ids, in the order in which they took effect. */
  readonly effects: string[]
  readonly accepted: Map<string, number>
}

export interface TestFront extends Front {
  readonly memory: Memory
  /** Envelopes as they arrived, repeats included. */
  readonly submitted: Envelope[]
  /** Commands from now on wait, either before they are durable or before their answer; returns how to go on. */
  hold(where: 'before-durable' | 'before-answer'): () => void
  /** Resolves when this request was submitted. */
  arrival(request: string): Promise<void>
  show(part: Part): void
  remove(name: string): void
  tell(event: Event): void
  setEpoch(epoch: number): void
  /** A factory reset: another life, at the same epoch. */
  setIncarnation(incarnation: string): void
}

export function testFront(memory: Memory = { effects: [], accepted: new Map() }): TestFront {
  const shown = new Map<string, PartState>()
  const onPart = new Set<(part: PartState | { readonly removed: string }) => void>()
  const onEvent = new Set<(event: Event) => void>()
  const arrivals = new Map<string, () => void>()
  const submitted: Envelope[] = []
  let epoch = 4
  let life = incarnation
  let gate: { where: 'before-durable' | 'before-answer'; open: Promise<void> } | undefined

  const reply = (request: string, outcome: Outcome, replayed = false): Reply => ({
    ...{ request, epoch, revision: memory.effects.length, incarnation: life, term: 1, replayed, outcome },
  })
  const accepted = (revision: number): Outcome => ({
    kind: 'accepted',
    accepted: { changed: true, diff: [], revision, epoch },
    copies: ['flash', 'eeprom'],
    singleCopy: false,
  })

  function put(part: Part): void {
    const name = partName(part)
    const version = (shown.get(name)?.version ?? 0) + 1
    const state: PartState = { revision: memory.effects.length, version, incarnation, term: 1, part }
    shown.set(name, state)
    for (const heard of onPart) heard(state)
  }
  function putChassis(): void {
    const versions = [...shown].filter(([name]) => name !== 'chassis').map(([name, { version }]) => [name, version])
    const { view } = examples.chassis as Extract<Part, { part: 'chassis' }>
    put({ part: 'chassis', view: { ...view, incarnation: life, epoch, parts: Object.fromEntries(versions) } })
  }
  for (const part of Object.values(examples)) if (part.part !== 'chassis') put(part)
  putChassis()

  return {
    chassis,
    memory,
    submitted,
    async submit(command, envelope) {
      const { request } = envelope
      submitted.push(envelope)
      arrivals.get(request)?.()
      const before = memory.accepted.get(request)
      if (before !== undefined) return reply(request, accepted(before), true)
      if (command.kind === 'invalid') return reply(request, { kind: 'refused', refusal: command.refusal })
      const waits = gate
      if (waits?.where === 'before-durable') await waits.open
      memory.effects.push(request)
      memory.accepted.set(request, memory.effects.length)
      if (waits?.where === 'before-answer') await waits.open
      return reply(request, accepted(memory.effects.length))
    },
    backup: async () => reply('', { kind: 'backup', text: 'midplane backup 1\n' }),
    ask(query: Question) {
      switch (query.kind) {
        case 'read-state':
          return reply('', { kind: 'state', parts: [...shown.values()] })
        case 'list-events':
          return reply('', { kind: 'events', events: [] })
        case 'list-reasons':
          return reply('', { kind: 'reasons', reasons: reasonRows })
        case 'look-up-request':
          return reply('', { kind: 'events', events: [] })
      }
    },
    digest: (content) => createHash('sha256').update(content).digest('hex'),
    parts: () => {
      const all = [...shown.values()]
      const last = all.filter(({ part }) => part.part === 'chassis')
      return [...all.filter(({ part }) => part.part !== 'chassis'), ...last]
    },
    presence: () => ({
      ...{
        incarnation: life,
        term: 1,
        bootId: 'b7c1d2e3',
        version: '0.1.0',
        board: 'hp-c7000',
        capabilities,
        schema: 'ab',
        publicKey: '',
      },
      ...{ epoch, revision: memory.effects.length, uptimeMs: 81_500 },
    }),
    onPart: (heard) => {
      onPart.add(heard)
      return () => onPart.delete(heard)
    },
    onEvent: (heard) => {
      onEvent.add(heard)
      return () => onEvent.delete(heard)
    },
    hold: (where) => {
      let open = () => {}
      gate = {
        where,
        open: new Promise((resolve) => {
          open = resolve
        }),
      }
      return () => {
        gate = undefined
        open()
      }
    },
    arrival: (request) =>
      new Promise((resolve) => {
        if (submitted.some((envelope) => envelope.request === request)) resolve()
        else arrivals.set(request, resolve)
      }),
    show: (part) => {
      put(part)
      putChassis()
    },
    remove: (name) => {
      shown.delete(name)
      for (const heard of onPart) heard({ removed: name })
      putChassis()
    },
    tell: (event) => {
      for (const heard of onEvent) heard(event)
    },
    setEpoch: (next) => {
      epoch = next
      putChassis()
    },
    setIncarnation: (next) => {
      life = next
      putChassis()
    },
  }
}
