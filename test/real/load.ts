/**
 * Commands that each change something, in whatever order they come to stand: no two of them ask for the same of the same
 * thing. Most go to chassis EEPROM and flash; the boot overrides of blades go to the BMCs as well.
 */
import type { WireCommand } from '../../agent/wire/command.ts'

export interface LoadOptions {
  /** Names pools and profiles of its own. */
  readonly name: string
  /** 0 to 255: its pools share no address with those of another number. */
  readonly number?: number
  readonly count: number
  /** Bays whose boot override is changed now and then. */
  readonly bays?: readonly number[]
  /** Characters in a profile's description: as much goes through the journal. */
  readonly wide?: number
}

export function load({ name, number = 0, count, bays = [], wide = 0 }: LoadOptions): readonly WireCommand[] {
  return Array.from({ length: count }, (_, n): WireCommand => {
    const bay = bays[Math.floor(n / 5) % bays.length]
    if (n % 5 === 4 && bay !== undefined) {
      // Of the same bay, no two in a hundred of its overrides are the same.
      const turn = Math.floor(n / 5 / bays.length)
      const override = { target: turn < 100 ? 'pxe' : 'setup', lasts: { boots: 1 + (turn % 100) } } as const
      return { kind: 'override-boot', bay, override }
    }
    if (n % 5 === 1)
      return { kind: 'define-profile', profile: profile(`${name}-server`, `change ${n} `.padEnd(wide, '.')) }
    const first = `02:00:${number.toString(16).padStart(2, '0')}:0${n % 3}:00:00`
    const range = { by: 'count', first, count: n + 1 } as const
    return { kind: 'define-pool', pool: { id: `${name}-${n % 3}` as never, kind: 'mac', range } }
  })
}

type Defined = Extract<WireCommand, { kind: 'define-profile' }>['profile']

/** A server with one NIC, that boots from its own disk. */
export function profile(id: string, description: string): Defined {
  return {
    id: id as never,
    description,
    connections: [
      { id: 'prod' as never, kind: 'nic', slot: 'lom', port: 1, mac: { from: 'pool', pool: 'lan' as never } },
    ],
    boot: { mode: 'uefi', order: [{ target: 'local' }] },
    affinity: 'model',
  }
}

export const lan: WireCommand = {
  kind: 'define-pool',
  pool: { id: 'lan' as never, kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 1 } } as never,
}
