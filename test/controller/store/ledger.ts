/**
 * A small domain for the store's tests: a ledger of named values. Bindings go to both copies, power to flash alone,
 * as the agent does it.
 */
import type { StoreOptions } from '../../../agent/controller/store/store.ts'

export interface Ledger {
  readonly values: { readonly [name: string]: string }
  readonly power: { readonly [bay: string]: string }
  readonly term: number
}

export type LedgerRecord =
  | { readonly kind: 'set'; readonly name: string; readonly value: string }
  | { readonly kind: 'drop'; readonly name: string }
  | { readonly kind: 'power'; readonly bay: string; readonly wanted: string }
  | { readonly kind: 'lead'; readonly term: number }

export const EMPTY: Ledger = { values: {}, power: {}, term: 0 }

export function evolve(state: Ledger, record: LedgerRecord): Ledger {
  switch (record.kind) {
    case 'set':
      if (record.name === 'poison') throw new Error('no ledger takes poison')
      return { ...state, values: { ...state.values, [record.name]: record.value } }
    case 'drop': {
      const { [record.name]: _, ...values } = state.values
      return { ...state, values }
    }
    case 'power':
      return { ...state, power: { ...state.power, [record.bay]: record.wanted } }
    case 'lead':
      return { ...state, term: record.term }
  }
}

export const essentials = (state: Ledger): ReadonlyMap<string, string> =>
  new Map(Object.entries(state.values).map(([name, value]) => [`value:${name}`, JSON.stringify({ value })]))

/** The domain's way back: what a replaced controller makes of what it finds in the EEPROM. */
export const fromEssentials = (map: ReadonlyMap<string, string>): Ledger => ({
  ...EMPTY,
  values: Object.fromEntries(
    [...map]
      .filter(([key]) => key.startsWith('value:'))
      .map(([key, text]) => [key.slice(6), (JSON.parse(text) as { value: string }).value]),
  ),
})

export const ledger: Pick<StoreOptions<Ledger, LedgerRecord>, 'initial' | 'evolve' | 'essentials' | 'term'> = {
  initial: () => EMPTY,
  evolve,
  essentials,
  term: (state) => state.term,
}

export const set = (name: string, value: string) =>
  [{ record: { kind: 'set', name, value } as const, copies: 'both' as const }] as const
export const power = (bay: string, wanted: string) =>
  [{ record: { kind: 'power', bay, wanted } as const, copies: 'flash' as const }] as const
