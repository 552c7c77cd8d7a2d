/**
 * What the chassis itself keeps in its EEPROM, and no flash does: its key, its incarnation, who led last, and which
 * controllers hold everything. Read before anything else is believed (W11, W14, W16).
 */
import type { EepromReading } from './eeprom.ts'

/** The chassis' own: written before the first binding, and on no flash; the term changes with the one who leads. */
export interface ChassisKeys {
  /** Secrets are sealed under it (W16); hex. */
  readonly key: string
  /** Whose life this is (W21). */
  readonly incarnation: string
  /** Highest term in which a controller led, or set out to: flash of an earlier one is stale (W11, W13). */
  readonly term: number
  /** Controllers that hold everything that was ever acknowledged, by what is on their flash (W11). One or two. */
  readonly members: readonly string[]
}

export const keysAsText = ({ key, incarnation, term, members }: ChassisKeys): ReadonlyMap<string, string> =>
  new Map([
    ['chassis-key', key],
    ['chassis-incarnation', incarnation],
    ['chassis-term', String(term)],
    ['chassis-members', members.join(' ')],
  ])

export function chassisKeys(reading: EepromReading | undefined): ChassisKeys | 'none' | 'incomplete' {
  const map = reading?.kind === 'content' ? reading.map : new Map<string, string>()
  const key = map.get('chassis-key')
  const incarnation = map.get('chassis-incarnation')
  const term = map.get('chassis-term')
  const members = map.get('chassis-members')
  if ([key, incarnation, term, members].every((each) => each === undefined)) return 'none'
  if (key === undefined || !/^[0-9a-f]{64}$/.test(key)) return 'incomplete'
  if (incarnation === undefined || !/^[0-9a-f]{32}$/.test(incarnation)) return 'incomplete'
  if (term === undefined || !/^[1-9]\d{0,14}$/.test(term)) return 'incomplete'
  if (members === undefined || !/^[\w.-]+\/[0-9a-f]{16}( [\w.-]+\/[0-9a-f]{16})?$/.test(members)) return 'incomplete'
  return { key, incarnation, term: Number(term), members: members.split(' ') }
}
