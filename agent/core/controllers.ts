/**
 * What is wrong with the controllers themselves, in the same words as what is wrong with a bay. Pure. None of it touches
 * a blade; each says what the next loss would cost.
 */

import type { Standby } from './command.ts'
import { type Finding, find } from './reasons.ts'
import type { ControllerView } from './views.ts'

/** How each controller stands, as all that is shown tells; the owner's word counts, where it is among them. */
export function standingOf(view: ControllerView, all: readonly ControllerView[]): 'leads' | Standby['is'] {
  if (view.role === 'owner') return 'leads'
  const owner = all.find(({ role, pair }) => role === 'owner' && pair)
  if (owner?.pair) return owner.pair.other.is
  if (view.role === 'silent') return 'silent'
  // A standby that nobody tells of: what it holds is all that it knows.
  if (view.store.readOnly) return 'refused'
  return view.store.copies.length > 0 ? 'member' : 'catching-up'
}

/** Whether the chassis EEPROM names it among those that hold everything: members begin with their serial number. */
export function isNamed({ serial }: ControllerView, all: readonly ControllerView[]): boolean {
  const names = all.flatMap(({ pair }) => pair?.members ?? [])
  return names.some((name) => name.startsWith(`${serial ?? 'controller'}/`))
}

/** Of a controller in its slot that says nothing. */
export const silentView = (slot: ControllerView['slot']): ControllerView => ({
  ...{ slot, role: 'silent', version: '', uptimeMs: 0, host: 'unknown' },
  store: {
    ...{ readOnly: false, notes: [], copies: [], index: 0, digest: '' },
    ...{ bytesWritten: 0, syncs: 0, eepromPagesWritten: 0, eepromUse: 0 },
  },
})

export function controllerFindings(controllers: readonly ControllerView[]): readonly Finding[] {
  return controllers.flatMap(({ slot, store, pair, role }) => {
    const found: Finding[] = []
    if (store.readOnly)
      found.push(
        find('store-read-only', `controller ${slot} stores nothing: ${store.notes.at(-1) ?? 'its flash fails'}`),
      )
    if (role !== 'owner') return found
    const { copies } = store
    if (!store.readOnly && copies.length > 1 && !copies.includes('eeprom')) {
      const say = store.notes.at(-1) ?? 'the chassis EEPROM lacks the last binding'
      found.push(find('eeprom-unreadable', say, 'back up, then replace the chassis EEPROM; the standby has everything'))
    }
    if (!store.readOnly && copies.length === 1)
      found.push(
        find('single-copy', [`the bindings are on controller ${slot} alone`, ...store.notes.slice(-1)].join('; ')),
      )
    const other = slot === 'A' ? 'B' : 'A'
    switch (pair?.other.is) {
      case 'silent':
        found.push(find('controller-silent', `controller ${other} is in its slot and says nothing`))
        break
      case 'catching-up':
        found.push(find('controller-behind', `controller ${other} does not hold everything yet`))
        break
      case 'refused':
        found.push(
          find('controller-refused', `controller ${other} is not taken in: ${pair.other.why ?? 'it says why'}`),
        )
        break
      case 'member':
      case 'absent':
      case undefined:
        break
    }
    return found
  })
}
