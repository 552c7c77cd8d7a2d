/** What hands, managers and accidents do to a chassis: the words of which the losses are made. */
import { expect } from 'vitest'
import type { Bay } from '../../agent/core/blade.ts'
import type { Name, Scene } from './scene.ts'

export interface Hand {
  readonly say: string
  do(scene: Scene): Promise<unknown>
}

export const minute = 60_000
export const hour = 60 * minute

export const act = (say: string, work: (scene: Scene) => unknown): Hand => ({ say, do: async (scene) => work(scene) })

// What hands can do.

export const adopt = act('start one controller once with `--adopt`', async ({ chassis, struck }) => {
  chassis.killAll()
  await chassis.start(struck, { adopt: true })
  await chassis.until(() => chassis.leading !== undefined, minute)
  await chassis.startAll()
})

export const restart = act('start it again', ({ chassis }) => chassis.startAll())

export const putBack = act('put it back', ({ chassis }) => chassis.putBackAll())

export const replaceIt = act('replace that controller', ({ chassis, struck }) => chassis.replace(struck))

export const repairEeprom = act('repair the EEPROM', ({ chassis }) => {
  chassis.chip.broken = undefined
})

/** What a chassis asks for that can not tell loss of AC from a shut-down. */
export const powerOn = act('power the waiting bays on', async (scene) => {
  for (const name of ['san', 'web', 'idle'] as const) if (scene.bound[name]?.isOn) await scene.power(name, 'on')
})

export const mend = (name: 'san' | 'idle') =>
  act('repair that BMC', ({ chassis, bays }) => chassis.does({ do: 'mend', bay: bays[name] }))

export const powerOff = (name: Name) => act('power that bay off', (scene) => scene.power(name, 'off'))

export const restoreBackup = act('restore a backup', async ({ chassis, manager, saved }) => {
  const backup = saved ?? expect.unreachable('no backup was made')
  const here = chassis.leading?.agent.now().chassisSerial ?? ''
  await manager.say({ kind: 'restore', backup, here, profiles: 'all', force: false })
})

export const vouch = act('unassign it by force, and assign it again', (scene) => scene.vouch('san'))

// Where things go.

export const onePlace = ({ chassis }: Scene) => (chassis.slots.length > 1 ? undefined : 'no second controller')
export const twoPlaces = ({ chassis }: Scene) => (chassis.slots.length > 1 ? 'two controllers' : undefined)

/** An empty bay; where the board has none left, the profile that waits for a blade gives its bay up. */
export async function emptyBay(scene: Scene): Promise<Bay> {
  if (scene.empty !== undefined) return scene.empty
  if (scene.bound.late) await scene.unassign('late')
  return scene.bays.late
}

export async function spareBay(scene: Scene): Promise<Bay> {
  if (scene.spare !== undefined) return scene.spare
  const bay = await emptyBay(scene)
  scene.insert(bay, scene.sanBlade)
  await scene.chassis.wait(20_000)
  return bay
}

export async function acFails({ chassis }: Scene): Promise<void> {
  await chassis.ac(false)
  await chassis.wait(minute)
  await chassis.ac(true)
}

export function pressButton({ chassis, bays }: Scene, name: 'web' | 'idle'): void {
  chassis.does({ do: 'policy', bay: bays[name], policy: { button: 'enabled' } })
  chassis.does({ do: 'button', bay: bays[name], hold: false })
}

export function reboot({ chassis, bays }: Scene): void {
  for (const bay of [bays.san, bays.web]) chassis.does({ do: 'system', bay, does: 'reboot' })
}
