/**
 * The central manager of the matrix: in office, it numbers its changes and quotes what it read, as every change must.
 * Where its office is gone it takes over again, and counts that somebody had to.
 */
import type { Command } from '../../agent/core/command.ts'
import type { Copy } from '../../agent/core/reply.ts'
import type { Chassis } from './chassis.ts'

export type Answer =
  | { readonly is: 'taken'; readonly copies: readonly Copy[]; readonly single: boolean }
  | { readonly is: 'refused'; readonly reason: string; readonly say: string }
  | { readonly is: 'nobody' }

const officeGone: readonly string[] = ['not-in-office', 'stale-epoch', 'other-incarnation']

/** Who is told to try again later does. */
const busyMs = 10_000

export class Manager {
  readonly #chassis: Chassis
  #epoch = 0
  #sequence = 0
  #incarnation = ''
  #number = 0
  /** How often it found that it was not in office any more. */
  lostOffice = 0

  constructor(chassis: Chassis) {
    this.#chassis = chassis
  }

  async takeOver(): Promise<Answer> {
    const state = this.#chassis.leading?.agent.now().state
    if (!state) return { is: 'nobody' }
    const { incarnation, epoch } = state
    const command = {
      kind: 'take-over',
      incarnation,
      observedEpoch: epoch,
      lineage: 'main',
      number: ++this.#number,
    } as const
    const answer = await this.#send(command, false)
    if (answer.is === 'taken') {
      this.#epoch = epoch + 1
      this.#incarnation = incarnation
    }
    return answer
  }

  async say(command: Command, { dryRun = false } = {}): Promise<Answer> {
    let first = await this.#send(command, dryRun)
    if (first.is === 'refused' && first.reason === 'busy') {
      await this.#chassis.wait(busyMs)
      first = await this.#send(command, dryRun)
    }
    if (first.is !== 'refused' || !officeGone.includes(first.reason)) return first
    this.lostOffice++
    const office = await this.takeOver()
    return office.is === 'taken' ? this.#send(command, dryRun) : office
  }

  async #send(command: Command, dryRun: boolean): Promise<Answer> {
    const state = this.#chassis.leading?.agent.now().state
    if (!state) return { is: 'nobody' }
    const beforeUptimeMs = Number.MAX_SAFE_INTEGER
    const envelope = this.#chassis.envelope(command, {
      dryRun,
      ...(command.kind !== 'take-over' && {
        sequence: ++this.#sequence,
        epoch: this.#epoch,
        ifRevision: state.revision,
        expect: { incarnation: this.#incarnation, bootId: this.#chassis.bootId, beforeUptimeMs },
      }),
    })
    const reply = await this.#chassis.submit(command, envelope)
    if (!reply) return { is: 'nobody' }
    const { outcome } = reply
    switch (outcome.kind) {
      case 'accepted':
        return { is: 'taken', copies: outcome.copies, single: outcome.singleCopy }
      case 'refused':
        return { is: 'refused', reason: outcome.refusal.reason, say: outcome.refusal.say }
      case 'state':
      case 'events':
      case 'reasons':
      case 'looked-up':
      case 'backup':
        throw new Error(`a command was answered by ${outcome.kind}`)
    }
  }
}
