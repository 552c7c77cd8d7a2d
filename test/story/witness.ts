/**
 * What really happened, in one line of time: the entries of the hardware's log, and between them what each BMC was read
 * as and answered. The log does not tell of reads, so taps on the lines do; each is put where it belongs, because the
 * agent gets no answer before it is written down here.
 */
import type { LogEntry } from '../../agent/sim/log.ts'
import type { BackDoor } from './back-door.ts'
import type { Answered, Ears } from './tap.ts'

export type Happening =
  | { readonly of: 'log'; readonly entry: LogEntry }
  /** Adapters with all their functions: the addresses that the next POST would put into use. */
  | { readonly of: 'adapters'; readonly bay: number; readonly next: readonly string[] }
  | { readonly of: 'power'; readonly bay: number; readonly power: 'On' | 'Off' }

export class Witness implements Ears {
  readonly happened: Happening[] = []
  /** Set once the chassis is there. */
  backDoor: BackDoor | undefined
  #taken = 0

  asked(): void {}

  async answered(answer: Answered): Promise<void> {
    await this.catchUp()
    const read = readOf(answer)
    if (read) this.happened.push(read)
  }

  async catchUp(): Promise<void> {
    const log = (await this.backDoor?.log()) ?? []
    for (const entry of log.slice(this.#taken)) this.happened.push({ of: 'log', entry })
    this.#taken = Math.max(this.#taken, log.length)
  }
}

function readOf({ bay, method, path, status, body }: Answered): Happening | undefined {
  if (method !== 'GET' || status !== 200) return undefined
  if (/\/NetworkAdapters\?/.test(path)) return { of: 'adapters', bay, next: addressesAfterPost(JSON.parse(body)) }
  if (!/\/Systems\/[^/]+$/.test(path)) return undefined
  const { PowerState: power } = JSON.parse(body) as { readonly PowerState?: unknown }
  return power === 'On' || power === 'Off' ? { of: 'power', bay, power } : undefined
}

interface Functions {
  readonly Members: readonly {
    readonly NetworkDeviceFunctions: {
      readonly Members: readonly {
        readonly '@Redfish.Settings': {
          readonly SettingsObject: {
            readonly Ethernet: { readonly MACAddress: string | null }
            readonly FibreChannel: { readonly WWPN: string | null; readonly WWNN: string | null }
          }
        }
      }[]
    }
  }[]
}

/** From the Settings of each function, all of them in the one answer. */
function addressesAfterPost({ Members }: Functions): readonly string[] {
  return Members.flatMap(({ NetworkDeviceFunctions }) => NetworkDeviceFunctions.Members).flatMap((fn) => {
    const { Ethernet, FibreChannel } = fn['@Redfish.Settings'].SettingsObject
    return [Ethernet.MACAddress, FibreChannel.WWPN, FibreChannel.WWNN].filter((address) => address !== null)
  })
}

/** A change that reached the BMC of a bay and was done. */
function isChange(happening: Happening, bay: number, requests: readonly string[]): boolean {
  if (happening.of !== 'log' || happening.entry.kind !== 'command') return false
  const { entry } = happening
  return entry.bay === bay && entry.outcome === 'done' && requests.includes(entry.request)
}

export interface Moved {
  readonly from: number
  readonly to: number
  /** What the profile wears: none of it may be left when the bay is let go. */
  readonly addresses: readonly string[]
}

const changes = ['clear', 'write', 'show', 'boot', 'policy', 'power', 'cycle'] as const

/**
 * SPEC's order (W1), read from what happened: permit withdrawn or spent; cleared; after the last command to that bay
 * read bare, then read off; and only then the first change in the new bay. Undefined: so it was.
 */
export function letGoOutOfOrder(happened: readonly Happening[], { from, to, addresses }: Moved): string | undefined {
  const dressed = happened.findIndex((each) => isChange(each, to, ['write', 'show']))
  if (dressed < 0) return `bay ${to} was never dressed`
  const before = happened.slice(0, dressed)
  const clear = before.findIndex((each) => isChange(each, from, ['clear']))
  if (clear < 0) return `bay ${from} was not cleared before bay ${to} was dressed`
  const permitted = happened.find(
    (each, at) => at >= clear && at < dressed && each.of === 'log' && isLatch(each.entry, from, 'granted'),
  )
  if (permitted) return `bay ${from} had a permit while it was let go`
  const last = before.findLastIndex((each) => isChange(each, from, changes))
  const bare = before.findIndex(
    (each, at) =>
      at > last &&
      each.of === 'adapters' &&
      each.bay === from &&
      each.next.length > 0 &&
      !each.next.some((address) => addresses.includes(address)),
  )
  if (bare < 0) return `bay ${from} was not read bare after its last command`
  const off = before.findIndex((each, at) => at > bare && each.of === 'power' && each.bay === from)
  const power = before[off]
  if (power?.of !== 'power' || power.power !== 'Off') return `bay ${from} was not read off after it was read bare`
  return undefined
}

export function isLatch(entry: LogEntry, bay: number, state: 'denied' | 'granted' | 'spent'): boolean {
  return entry.kind === 'latch' && entry.bay === bay && entry.latch !== 'none' && entry.latch.state === state
}
