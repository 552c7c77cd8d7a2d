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

/** Places in the line of time, from which the order of things is told. */
export class Course {
  readonly #happened: readonly Happening[]

  constructor(happened: readonly Happening[]) {
    this.#happened = happened
  }

  /** Place of the first one after another place; where there is none the story went another way. */
  first(what: string, is: (happening: Happening) => boolean, after = -1): number {
    const at = this.#happened.findIndex((happening, i) => i > after && is(happening))
    if (at < 0) throw new Error(`${what}: did not happen after ${after} in:\n${this.#lines().join('\n')}`)
    return at
  }

  last(what: string, is: (happening: Happening) => boolean, before = this.#happened.length): number {
    const at = this.#happened.findLastIndex((happening, i) => i < before && is(happening))
    if (at < 0) throw new Error(`${what}: did not happen before ${before} in:\n${this.#lines().join('\n')}`)
    return at
  }

  #lines(): readonly string[] {
    return this.#happened.map((happening, i) => `${i} ${JSON.stringify(happening).slice(0, 200)}`)
  }
}

/** A change that reached a BMC and was done. */
export const commanded =
  (bay: number, ...requests: readonly string[]) =>
  (happening: Happening): boolean =>
    happening.of === 'log' &&
    happening.entry.kind === 'command' &&
    happening.entry.bay === bay &&
    happening.entry.outcome === 'done' &&
    requests.includes(happening.entry.request)
