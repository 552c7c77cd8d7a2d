/** How chassisctl says what the chassis says: states in the field's words, steps and refusals as sentences. */
import type { FunctionValue, Step } from '../core/blade.ts'
import type { Connection, Source } from '../core/profile.ts'
import { type Refusal, reasons } from '../core/reasons.ts'
import type { Outcome } from '../core/reply.ts'
import type { AddressSet, BayView, Phase, Shown } from '../core/views.ts'

export const stateWords: Record<Phase, string> = {
  idle: 'no profile',
  staged: 'preparing',
  ready: 'ready',
  armed: 'starting',
  running: 'running',
  wrong: 'wrong identity',
  leaving: 'letting go',
  unknown: 'not seen',
}

export function bladeWords({ presence, product, coveredBy }: BayView): string {
  switch (presence) {
    case 'present':
      return product ?? 'blade'
    case 'empty':
      return '-'
    case 'covered':
      return `(bay ${coveredBy ?? '?'})`
    case 'unknown':
      return 'not seen'
  }
}

/** `yes`, or why not: the first reason and how many more. */
export function syncWords(inSync: boolean, findings: readonly Shown[]): string {
  if (inSync) return 'yes'
  const [first, ...more] = findings
  if (!first) return 'no'
  return more.length === 0 ? first.reason : `${first.reason} +${more.length}`
}

export function addressWords({ mac, wwpn, wwnn, iqn }: AddressSet): string {
  const words = [mac && `mac ${mac}`, wwpn && `wwpn ${wwpn}`, wwnn && `wwnn ${wwnn}`, iqn && `iqn ${iqn}`]
  return words.filter(Boolean).join(' ') || '-'
}

export function sourceWords(connection: Connection): string {
  const sources = {
    ...('mac' in connection && { mac: connection.mac }),
    ...('wwpn' in connection && { wwpn: connection.wwpn, wwnn: connection.wwnn }),
    ...('iqn' in connection && { iqn: connection.iqn }),
  }
  return Object.entries(sources)
    .map(([field, source]) => `${field} ${originWords(source)}`)
    .join(', ')
}

function originWords(source: Source<string>): string {
  switch (source.from) {
    case 'factory':
      return 'factory'
    case 'pool':
      return `from pool ${source.pool}`
    case 'value':
      return source.value
  }
}

/** `2 nic, 1 fc` */
export function countKinds(connections: readonly Connection[]): string {
  const counts = new Map<string, number>()
  for (const { kind } of connections) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ')
}

/** One line: the reason, the sentence, and the way out. */
export function refusalLine({ reason, say }: Refusal): string {
  return `${reason}: ${say} (do: ${reasons[reason].remedy})`
}

/** A refusal with everything that was found: each further reason and field on a line of its own. */
export function refusalLines({ refusal, others = [] }: Extract<Outcome, { kind: 'refused' }>): readonly string[] {
  const fields = (refusal.violations ?? []).filter(({ say }) => !refusal.say.includes(say))
  return [
    refusalLine(refusal),
    ...fields.map(({ field, say }) => `  ${field}: ${say}`),
    ...others.map((other) => `  and ${refusalLine(other)}`),
  ]
}

function valueWords({ role, ...value }: FunctionValue): string {
  const words = [
    role,
    addressWords(value),
    value.vlan !== undefined && `vlan ${value.vlan}`,
    value.bandwidth && `${value.bandwidth.minMbps} to ${value.bandwidth.maxMbps} Mb/s`,
    value.boot && `boots by ${value.boot.via}`,
  ]
  return words.filter((word) => word && word !== '-').join(' ')
}

/** What a step does, in the words of a technician. */
export function stepLines(step: Step): readonly string[] {
  switch (step.kind) {
    case 'withdraw':
      return [`bay ${step.bay}: withdraw the power permit`]
    case 'barrier':
      return [`bay ${step.bay}: end the sessions and tasks of its BMC`]
    case 'policy':
      return [`bay ${step.bay}: set the BMC's power policy (restore ${step.policy.restore})`]
    case 'clear':
      return [`bay ${step.bay}: back to factory addresses: ${step.functions.join(', ')}`]
    case 'write':
      return [
        `bay ${step.bay}: write profile ${step.profile}`,
        ...step.functions.map(({ key, value }) => `  ${key} ${valueWords(value)}`),
      ]
    case 'show': {
      const { uuid, serial } = step.shown
      const words = [uuid && `UUID ${uuid}`, serial && `serial ${serial}`].filter(Boolean).join(', ')
      return [`bay ${step.bay}: show the operating system ${words || "the blade's own UUID and serial"}`]
    }
    case 'boot': {
      const { mode, order, override } = step.boot
      const once = override ? `, ${override.lasts} ${override.target}` : ''
      return [`bay ${step.bay}: boot ${mode}, order ${order.join(', ') || 'of the firmware'}${once}`]
    }
    case 'permit':
      return [`bay ${step.bay}: give the power permit`]
    case 'power':
      return [`bay ${step.bay}: power ${step.action}`]
    case 'cut':
      return [`bay ${step.bay}: cut its power, and give it back`]
    case 'locate':
      return [`bay ${step.bay}: locate light ${step.lit ? 'on' : 'off'}`]
  }
}
