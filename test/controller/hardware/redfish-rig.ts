/** A Redfish driver on a Redfish face on a world of one blade, joined by loopback HTTP; and waits that a test lets run out. */

import type { Driver } from '../../../agent/controller/hardware/driver.ts'
import type { After } from '../../../agent/controller/hardware/redfish/line.ts'
import { type RedfishOptions, redfishDriver } from '../../../agent/controller/hardware/redfish.ts'
import type { Serial } from '../../../agent/core/addresses.ts'
import { serveRedfish } from '../../../agent/sim/redfish/face.ts'
import type { Rig } from '../../conformance/driver.ts'
import { bay, credentials, type OneBlade, oneBlade } from '../../sim/redfish/one-blade.ts'

export function handMoved(): { readonly after: After; runOut(): void } {
  const waits = new Set<() => void>()
  return {
    after: (_ms, then) => {
      waits.add(then)
      return () => waits.delete(then)
    },
    runOut: () => {
      for (const then of [...waits]) then()
    },
  }
}

export interface RedfishRig extends Rig {
  readonly world: OneBlade
  readonly url: string
  drive(options?: Partial<RedfishOptions>): Driver
}

export async function redfishRig(
  through: (url: string) => Promise<{ url: string; close(): Promise<void> }> = async (url) => ({
    url,
    close: async () => {},
  }),
): Promise<RedfishRig> {
  const world = oneBlade()
  const face = await serveRedfish(world.port, { bay, host: '127.0.0.1', tcpPort: 0 })
  const way = await through(face.url)
  const clock = handMoved()
  const secrets: Rig['secrets'] = { 'chap-web': 'open sesame 1', 'chap-disk': 'open sesame 2' }
  const drive = (options: Partial<RedfishOptions> = {}): Driver =>
    redfishDriver({
      bays: () => ({ url: way.url, ...credentials }),
      secret: (id) => secrets[id],
      after: clock.after,
      ...options,
    })
  const driver = drive()
  return {
    world,
    url: face.url,
    drive,
    bay,
    driver,
    secrets,
    another: (as, owner) =>
      drive({
        ...(as === 'wrong-password' && { bays: () => ({ url: way.url, user: credentials.user, password: 'wrong' }) }),
        ...(owner && { owner }),
      }),
    truth: world.blade,
    functionFor: (role) => (role === 'fcoe' ? 'lom:1-b' : 'lom:2-a'),
    writtenSecrets: () => world.secrets.map((secret) => secret.value),
    bmc: {
      silence: world.silence,
      speak: world.speak,
      asked: world.asked,
      holdNextChange: world.holdNextChange,
      slowNextChange: world.holdNextChange,
      garble: world.garble,
      endSessions: world.endSessions,
      occupySessions: world.occupySessions,
      sessions: world.sessions,
      settle: world.settle,
      speakForAnother: () =>
        world.replace((blade) => ({
          ...blade,
          serial: 'BLADE0002' as Serial,
          adapters: blade.adapters.map((adapter) => ({ ...adapter, serial: `${adapter.serial}-2` as Serial })),
        })),
    },
    timeOut: clock.runOut,
    close: async () => {
      world.speak()
      await driver.close()
      await way.close()
      await face.close()
    },
  }
}
