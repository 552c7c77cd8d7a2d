/**
 * The hands at the simulated chassis: what a person in front of it could do and see, through its back door, which the
 * controller knows nothing of.
 */
import type { Bay } from '../core/blade.ts'
import type { BootRecord } from '../sim/log.ts'
import type { Slot } from './folder.ts'

/** What the chassis did not let us do, in its words. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

export interface Hands {
  pull(bay: Bay): Promise<string>
  /** The blade that was last pulled out of this bay, or any that lies around. */
  insert(bay: Bay): Promise<string>
  press(bay: Bay): Promise<void>
  ac(on: boolean): Promise<void>
  /** In a chassis for two controllers: takes the part out of its slot, or puts one there. */
  controller(slot: Slot, does: 'remove' | 'insert'): Promise<void>
  /** Whose the backplane is; a latch, also when that controller is dead. */
  owner(): Promise<Slot | 'none'>
  /** Oldest first. */
  boots(bay?: Bay): Promise<readonly BootRecord[]>
  /** Blades with an operating system up. */
  running(): Promise<readonly { readonly bay: Bay; readonly serial: string }[]>
}

interface World {
  readonly line?: { readonly owner: Slot | 'none' }
  readonly shelf: { readonly [serial: string]: unknown }
  readonly bays: {
    readonly [bay: string]: {
      readonly blade?: { readonly kept: { readonly serial: string }; readonly run: { readonly stage: string } }
    }
  }
}

export function handsAt(url: string): Hands {
  const lastFrom = new Map<Bay, string>()

  async function ask(path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${url}${path}`, {
      signal: AbortSignal.timeout(5_000),
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as { readonly error?: string }
    if (!response.ok) throw new Refused(answer.error ?? `the chassis answered ${response.status}`)
    return answer
  }
  const world = async () => (await ask('/world')) as World

  return {
    pull: async (bay) => {
      const serial = (await world()).bays[bay]?.blade?.kept.serial
      await ask('/pull', { bay })
      if (serial !== undefined) lastFrom.set(bay, serial)
      return serial ?? ''
    },
    insert: async (bay) => {
      const { shelf } = await world()
      const own = lastFrom.get(bay)
      const serial = own !== undefined && own in shelf ? own : Object.keys(shelf)[0]
      if (serial === undefined) throw new Refused(`no pulled blade lies around; pull one first: demo pull blade ${bay}`)
      await ask('/insert', { bay, serial })
      return serial
    },
    press: async (bay) => void (await ask('/button', { bay })),
    ac: async (on) => void (await ask('/ac', { on })),
    controller: async (slot, does) => void (await ask('/controller', { slot, does })),
    owner: async () => (await world()).line?.owner ?? 'none',
    boots: async (bay) => {
      const { boots } = (await ask(bay === undefined ? '/boots' : `/boots?bay=${bay}`)) as {
        readonly boots: readonly BootRecord[]
      }
      return boots
    },
    running: async () =>
      Object.entries((await world()).bays).flatMap(([bay, { blade }]) =>
        blade?.run.stage === 'os' ? [{ bay: Number(bay), serial: blade.kept.serial }] : [],
      ),
  }
}
