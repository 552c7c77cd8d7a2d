/** I2 as a fold over what happened: what was acknowledged is in force, or something that came after it. */
import { canonical } from '../../agent/core/blade.ts'
import type { Change, StoreRecord } from '../../agent/core/record.ts'
import { bayOf, type State } from '../../agent/core/state.ts'
import { type Asked, type Checker, type CopyId, rules, type Told, type Violation } from './history.ts'

interface Write {
  readonly number: number
  readonly value: string
  /** Copies that the answer named; undefined: nobody was told that it is there. */
  where: readonly CopyId[] | undefined
}

/**
 * I2: what was acknowledged is in force, or something that came after it. An answer that names two copies binds whoever
 * leads as long as one of them is in the chassis; one that names one copy binds who leads from that very flash. Who
 * holds says so, and binds nothing.
 */
export function nothingAcknowledgedLost(): Checker {
  /** By what can be set: the writes since the last one that was acknowledged, which comes first. */
  const registers = new Map<string, Write[]>()
  const writes = new Map<number, { readonly request: string; readonly sets: readonly (readonly [string, string])[] }>()
  const asked = new Map<number, Asked>()
  const latest = new Map<string, number>()
  const there = new Set<CopyId>()
  let epoch = { value: 0, incarnation: '', where: [] as readonly CopyId[] }

  function acknowledge(number: number, where: readonly CopyId[]): void {
    for (const [name, value] of writes.get(number)?.sets ?? []) {
      const register = registers.get(name) ?? []
      const write = register.find((each) => each.number === number)
      if (!write) continue // superseded by a later one that was acknowledged before
      // Named again with other copies: the first word counts too, but more of them were promised by now.
      write.where = where.length > (write.where?.length ?? 0) ? where : write.where
      if (value === write.value) registers.set(name, register.slice(register.indexOf(write)))
    }
  }

  function inForce(told: Extract<Told, { is: 'in-force' }>): Violation | undefined {
    const { state, flash, holds } = told
    if (holds !== undefined) return undefined
    const binds = (where: readonly CopyId[] | undefined): boolean =>
      where !== undefined && (where.length > 1 ? where.some((id) => there.has(id)) : where[0] === flash)
    for (const [name, register] of registers) {
      const value = valueIn(state, name)
      if (register.some((write) => write.value === value)) continue
      const [first] = register
      if (first?.where === undefined) continue
      if (binds(first.where)) {
        return {
          rule: rules.lost,
          say: `${name} was acknowledged as ${short(first.value)} by write ${first.number} on ${first.where.join(' ')}, and is ${short(value)}`,
        }
      }
      // All that was promised is gone; from here on this is what there is.
      registers.set(name, [{ number: first.number, value, where: undefined }])
    }
    if (state.incarnation === epoch.incarnation && state.epoch < epoch.value && binds(epoch.where))
      return { rule: rules.lost, say: `epoch ${epoch.value} was acknowledged, and ${state.epoch} is in force` }
    return undefined
  }

  return (told) => {
    switch (told.is) {
      case 'copy':
        if (told.there) there.add(told.id)
        else there.delete(told.id)
        return undefined
      case 'written': {
        if (told.record.kind !== 'command') return undefined
        const sets = setsOf(told.record)
        const request = `${told.record.origin.client} ${told.record.origin.request}`
        writes.set(told.number, { request, sets })
        latest.set(request, told.number)
        for (const [name, value] of sets) {
          const register = registers.get(name) ?? [{ number: 0, value: 'none', where: undefined }]
          registers.set(name, [...register, { number: told.number, value, where: undefined }])
        }
        return undefined
      }
      case 'asked':
        asked.set(told.number, told.request)
        return undefined
      case 'answered': {
        const request = asked.get(told.number)
        const { outcome } = told.reply
        if (!request || outcome.kind !== 'accepted' || outcome.dryRun || !outcome.accepted.changed) return undefined
        const number = latest.get(`${request.client} ${request.sent.request}`)
        if (number !== undefined) acknowledge(number, told.where)
        const { incarnation } = told.reply
        if (outcome.accepted.epoch > epoch.value || incarnation !== epoch.incarnation)
          epoch = { value: outcome.accepted.epoch, incarnation, where: told.where }
        return undefined
      }
      case 'in-force':
        return inForce(told)
      case 'hardware':
      case 'stored':
      case 'leads':
      case 'deed':
        return undefined
    }
  }
}

/** A profile is told by its first words and its length. */
const short = (value: string) => (value.length > 60 ? `${value.slice(0, 56)}… (${value.length})` : value)

/** What a command's record puts where, by names that `valueIn` reads in a state. */
function setsOf({
  changes,
  accepted,
}: Extract<StoreRecord, { kind: 'command' }>): readonly (readonly [string, string])[] {
  const sets = new Map<string, string>()
  const seatless = (change: Change) => 'drop' in change && change.drop === 'intent'
  if (accepted.profile !== undefined && changes.some(seatless)) sets.set(`seat of ${accepted.profile}`, 'none')
  for (const change of changes) {
    if ('drop' in change) {
      if (change.drop === 'profile') sets.set(`profile ${change.id}`, 'none')
      if (change.drop === 'pool') sets.set(`pool ${change.id}`, 'none')
      continue
    }
    if (change.set === 'intent') sets.set(`seat of ${change.intent.profile}`, String(change.bay))
    if (change.set === 'profile')
      sets.set(
        `profile ${change.held.profile.id}`,
        canonical({ profile: change.held.profile, given: change.held.given }),
      )
    if (change.set === 'pool') sets.set(`pool ${change.pool.spec.id}`, canonical(change.pool.spec))
  }
  return [...sets]
}

function valueIn(state: State, name: string): string {
  const [, what, key = ''] = /^(seat of|profile|pool) (.*)$/.exec(name) ?? []
  switch (what) {
    case 'seat of':
      return String(bayOf(state, key as Parameters<typeof bayOf>[1]) ?? 'none')
    case 'profile': {
      const held = state.profiles[key]
      return held ? canonical({ profile: held.profile, given: held.given }) : 'none'
    }
    default: {
      const pool = state.pools[key]
      return pool ? canonical(pool.spec) : 'none'
    }
  }
}
