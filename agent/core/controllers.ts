/**
 * What is wrong with the controllers themselves, in the same words as what is wrong with a bay. Pure. None of it touches
 * a blade; each says what the next loss would cost.
 */
import { type Finding, find } from './reasons.ts'
import type { ControllerView } from './views.ts'

export function controllerFindings(controllers: readonly ControllerView[]): readonly Finding[] {
  return controllers.flatMap(({ slot, store, pair, role }) => {
    const found: Finding[] = []
    if (store.readOnly)
      found.push(
        find('store-read-only', `controller ${slot} stores nothing: ${store.notes.at(-1) ?? 'its flash fails'}`),
      )
    if (role === 'standby') return found
    if (!store.readOnly && store.copies.length === 1)
      found.push(find('single-copy', `the bindings are on controller ${slot} alone: ${store.notes.at(-1) ?? ''}`))
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
