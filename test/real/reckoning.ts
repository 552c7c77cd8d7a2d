/**
 * The reckoning after the faults: that every answer stands for one effect, that no effect stands without an answer, and
 * that what stands is what was asked for last (I2, I6). It asks the agent and believes only what is counted twice.
 */
import { canonical } from '../../agent/core/blade.ts'
import type { Event } from '../../agent/core/views.ts'
import type { Client } from '../../agent/ctl/client.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import type { Answered, Office } from './office.ts'

export interface Reckoned {
  /** Revision of the chassis: changes that stand. */
  readonly effects: number
  /** Changes that were answered, one or more times. */
  readonly answered: number
  /** What is wrong, in words; empty: every effect has its one answer. */
  readonly wrong: readonly string[]
}

/** So many of the repeats are under way at a time. */
const repeatsAtOnce = 8

/** Every answer has an effect of its own, there are no other effects, and what was defined last stands. */
export async function count(offices: readonly Office[]): Promise<Reckoned> {
  const wrong: string[] = []
  const changes = offices.flatMap(({ answers }) => answers.filter(({ accepted }) => accepted.changed))
  const revisions = changes.map(({ accepted }) => accepted.revision).sort((a, b) => a - b)
  const effects = await revisionOf(offices)
  const odd = revisions.findIndex((revision, at) => revision !== at + 1)
  if (odd >= 0) wrong.push(`change ${odd + 1} of ${revisions.length} was answered with revision ${revisions[odd]}`)
  if (effects !== changes.length) wrong.push(`${changes.length} changes were answered, and the revision is ${effects}`)
  wrong.push(...(await standing(offices, changes)))
  return { effects, answered: changes.length, wrong }
}

/** The same; and then every request is sent once more: each must get its stored answer, and nothing may change by it. */
export async function reckon(offices: readonly Office[]): Promise<Reckoned> {
  const before = await count(offices)
  const wrong = [...before.wrong]
  for (const office of offices) {
    const left = office.answers.values()
    const lane = async () => {
      for (const answer of left) {
        const said = await repeat(office, answer)
        if (said !== undefined) wrong.push(`${answer.request} again: ${said}`)
      }
    }
    await Promise.all(Array.from({ length: repeatsAtOnce }, lane))
  }
  const effects = await revisionOf(offices)
  if (effects !== before.effects) wrong.push(`repeats raised the revision from ${before.effects} to ${effects}`)
  return { ...before, effects, wrong }
}

async function repeat(office: Office, { request, sequence, body, accepted }: Answered): Promise<string | undefined> {
  const { outcome, replayed } = await office.client.request(body, { request, sequence })
  if (outcome.kind !== 'accepted') return JSON.stringify(outcome)
  if (!replayed) return `it was run again, at revision ${outcome.accepted.revision}`
  if (outcome.accepted.revision !== accepted.revision)
    return `revision ${outcome.accepted.revision}, and ${accepted.revision} before`
  return undefined
}

async function revisionOf([office]: readonly Office[]): Promise<number> {
  if (!office) throw new Error('nobody asks')
  return (await office.client.request({ kind: 'list-reasons' })).revision
}

/** What was defined last stands, of each pool and each profile. */
async function standing([office]: readonly Office[], changes: readonly Answered[]): Promise<readonly string[]> {
  if (!office) throw new Error('nobody asks')
  await office.client.refresh()
  const { state } = office.client
  const latest = new Map<string, Answered>()
  for (const change of [...changes].sort((a, b) => a.accepted.revision - b.accepted.revision)) {
    const about = subjectOf(change.body)
    if (about !== undefined) latest.set(about, change)
  }
  const wrong: string[] = []
  for (const [about, { body, request }] of latest) {
    const stands = looksLike(body, state)
    if (stands !== undefined) wrong.push(`${about}: ${request} was its last word, and it shows ${stands}`)
  }
  return wrong
}

function subjectOf(body: WireCommand): string | undefined {
  if (body.kind === 'define-pool') return `pool ${body.pool.id}`
  if (body.kind === 'define-profile') return `profile ${body.profile.id}`
  return undefined
}

/** Undefined: as asked for. */
function looksLike(body: WireCommand, state: Client['state']): string | undefined {
  if (body.kind === 'define-pool') {
    const spec = state.all('pool').find(({ spec: { id } }) => id === body.pool.id)?.spec
    return spec && canonical(spec.range) === canonical(body.pool.range) ? undefined : JSON.stringify(spec)
  }
  if (body.kind === 'define-profile') {
    const profile = state.all('profile').find(({ profile: { id } }) => id === body.profile.id)?.profile
    return profile?.description === body.profile.description ? undefined : JSON.stringify(profile)
  }
  return undefined
}

/** Events of accepted commands, from the numbered list that the agent keeps for whoever was away. */
export class Diary {
  readonly requests = new Map<string, number>()
  readonly gaps: Extract<Event, { kind: 'gap' }>[] = []
  #read = 0

  /** Reads on from where it was read before. */
  async readOn(client: Client): Promise<void> {
    for (;;) {
      const { outcome } = await client.request({ kind: 'list-events', since: this.#read, limit: 500 })
      if (outcome.kind !== 'events') throw new Error(`no events: ${JSON.stringify(outcome)}`)
      if (outcome.events.length === 0) return
      for (const event of outcome.events) {
        this.#read = event.kind === 'gap' ? event.to : event.number
        if (event.kind === 'gap') this.gaps.push(event)
        else if (event.type.endsWith('-accepted') && event.request !== undefined)
          this.requests.set(event.request, (this.requests.get(event.request) ?? 0) + 1)
      }
    }
  }
}
