/**
 * The port map of a chassis worked out a second time, from the board files alone: which port of which adapter ends at
 * which port of which interconnect, and what may be put on it. It shares no line with the agent or the simulated
 * chassis, so that a mistake in their reading of a board shows as a difference.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../boards', import.meta.url))

/** As much of a board file as the port map takes. */
interface ChassisFile {
  readonly bays: readonly { readonly bay: number }[]
  readonly interconnects: readonly { readonly id: string; readonly usual: string }[]
  readonly forms: readonly {
    readonly id: string
    readonly fills: readonly (readonly number[])[]
    readonly slots: readonly {
      readonly id: string
      readonly wiring: readonly {
        readonly port: number
        readonly interconnect: string
        readonly downlink: { readonly offset: number }
      }[]
    }[]
  }[]
  readonly blades: readonly {
    readonly product: string
    readonly form: string
    readonly adapters: Record<string, string>
  }[]
  readonly simulated: Record<string, string>
  readonly backplane: { readonly permitLatch: boolean; readonly acLossReported: boolean }
}

interface AdapterFile {
  readonly ports: number
  readonly functions: readonly { readonly id: string; readonly roles: readonly string[] }[]
  readonly partitioning: { readonly rule: string; readonly perAdapter?: number }
}

/** One port of one adapter of a blade in a bay, and the end of its wire. */
export interface Lane {
  readonly bay: number
  readonly slot: string
  readonly port: number
  readonly interconnect: string
  readonly downlink: number
  /** What is plugged into that interconnect bay. */
  readonly fabric: string
  /** Connections that the port takes at most, and the roles that each could have there. */
  readonly seats: readonly (readonly string[])[]
}

const read = <File>(path: string): File => JSON.parse(readFileSync(`${folder}/${path}.json`, 'utf8')) as File

export const boardIds: readonly string[] = readdirSync(`${folder}/chassis`)
  .map((name) => name.replace(/\.json$/, ''))
  .sort()

export const chassisFile = (board: string): ChassisFile => read(`chassis/${board}`)

/** Bays that a blade of this product fills, for each bay that it may be known by. */
export function fillsOf({ forms, blades }: ChassisFile, product: string): readonly (readonly number[])[] {
  const form = blades.find((blade) => blade.product === product)?.form
  return forms.find(({ id }) => id === form)?.fills ?? []
}

/** What a lane of that kind of fabric carries; a virtual adapter brings its own Fibre Channel along. */
function carried(fabric: string, rule: string): readonly string[] {
  switch (fabric) {
    case 'ethernet':
      return ['nic', 'iscsi']
    case 'converged':
      return ['nic', 'iscsi', 'fcoe', ...(rule === 'virtual' ? ['fc'] : [])]
    case 'fc':
      return rule === 'virtual' ? [] : ['fc']
    default:
      return []
  }
}

/** Every port of every adapter of such a blade; `fabrics` is what is plugged in, where it is not the usual. */
export function lanesOf(
  board: string,
  bay: number,
  product: string,
  fabrics: { readonly [interconnect: string]: string } = {},
): readonly Lane[] {
  const file = chassisFile(board)
  const blade = file.blades.find((each) => each.product === product)
  const form = file.forms.find(({ id }) => id === blade?.form)
  return Object.entries(blade?.adapters ?? {}).flatMap(([slot, id]) => {
    const adapter = read<AdapterFile>(`adapters/${id}`)
    const { rule, perAdapter } = adapter.partitioning
    const wiring = form?.slots.find((each) => each.id === slot)?.wiring ?? []
    return Array.from({ length: adapter.ports }, (_, i): Lane => {
      const wire = wiring.find(({ port }) => port === i + 1)
      if (!wire) throw new Error(`${board}: ${slot} port ${i + 1} of ${product} is wired to nothing`)
      const usual = file.interconnects.find((each) => each.id === wire.interconnect)?.usual ?? 'empty'
      const fabric = fabrics[wire.interconnect] ?? usual
      const most = Math.min(
        adapter.functions.length,
        Math.floor((perAdapter ?? Number.POSITIVE_INFINITY) / adapter.ports),
      )
      const seats = adapter.functions
        .map(({ roles }) => roles.filter((role) => carried(fabric, rule).includes(role)))
        .filter((roles) => roles.length > 0)
        .slice(0, most)
      const { interconnect, downlink } = wire
      return { bay, slot, port: i + 1, interconnect, downlink: bay + downlink.offset, fabric, seats }
    })
  })
}
