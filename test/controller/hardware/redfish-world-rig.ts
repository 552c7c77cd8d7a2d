/**
 * A Redfish driver on the simulated chassis itself: one of its bays, its BMC's own ways to misbehave, and
 * its clock in the test's hand. The board's permit latch is left out; a BMC has no say in it.
 */
import { fileURLToPath } from 'node:url'
import { loadHardware } from '../../../agent/boards/load.ts'
import type { Owns } from '../../../agent/controller/hardware/driver.ts'
import { redfishDriver } from '../../../agent/controller/hardware/redfish.ts'
import { parseSerial, type Serial, type Uuid } from '../../../agent/core/addresses.ts'
import type { Blade } from '../../../agent/core/blade.ts'
import type { BmcPort } from '../../../agent/sim/bmc.ts'
import { askBmc } from '../../../agent/sim/bmc-life.ts'
import { type BladeFault, bladeAt, withBlade } from '../../../agent/sim/chassis.ts'
import type { Clock } from '../../../agent/sim/clock.ts'
import { ChassisHost } from '../../../agent/sim/host.ts'
import { serveRedfish } from '../../../agent/sim/redfish/face.ts'
import { newWorld } from '../../../agent/sim/world.ts'
import type { Rig } from '../../conformance/driver.ts'
import { handMoved } from './redfish-rig.ts'

const bay = 3
const credentials = { user: 'admin', password: 'blade-pw' }
const hour = 3_600_000
const changes = new Set(['write', 'clear', 'show', 'boot', 'policy', 'power', 'cycle'])

/** Time that stands still until it is told to pass; what falls due on the way happens in order. */
function handClock(): Clock & { pass(ms: number): void } {
  let now = 1_000_000
  let waits: { readonly at: number; readonly run: () => void }[] = []
  return {
    now: () => now,
    after: (ms, run) => {
      const wait = { at: now + Math.max(ms, 0), run }
      waits.push(wait)
      return () => {
        waits = waits.filter((one) => one !== wait)
      }
    },
    pass: (ms) => {
      const until = now + ms
      for (;;) {
        const next = waits.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
        if (next === undefined) break
        waits = waits.filter((one) => one !== next)
        now = Math.max(now, next.at)
        next.run()
      }
      now = until
    },
  }
}

export async function redfishWorldRig(): Promise<Rig> {
  const loaded = loadHardware(fileURLToPath(new URL('../../../boards', import.meta.url)), 'hp-c7000')
  if (!loaded.ok) throw new Error(loaded.say)
  const board = { ...loaded.value.board, backplane: { ...loaded.value.board.backplane, permitLatch: false } }
  const clock = handClock()
  const timings = { postMs: 10_000, bmcBootMs: 0, shutdownMs: 5_000, sessionIdleMs: 1_000 * hour }
  const host = new ChassisHost(
    newWorld({ hardware: { ...loaded.value, board }, seed: 'rig', now: clock.now(), timings, credentials }),
    clock,
  )
  const fault = (broken: BladeFault): void => {
    const refused = host.perform({ do: 'break', bay, fault: broken })
    if (refused !== undefined) throw new Error(refused)
  }
  const mend = (kind: BladeFault['kind']): void => {
    host.perform({ do: 'mend', bay, fault: kind })
  }

  let garbled = false
  let asked: (() => void)[] = []
  let nextChange: { readonly fault: BladeFault; arrived(): void } | undefined
  const port: BmcPort = {
    ask: async (at, request, signal) => {
      const meets = changes.has(request.kind) ? nextChange : undefined
      if (meets) fault(meets.fault)
      const answer = host.ask(at, request, signal)
      if (meets) {
        nextChange = undefined
        mend(meets.fault.kind)
        meets.arrived()
      }
      const heard = asked
      asked = []
      for (const hear of heard) hear()
      const told = await answer
      return garbled && told.ok && told.blade ? { ...told, blade: { ...told.blade, uuid: 'not a uuid' as Uuid } } : told
    },
  }
  /** One change meets this fault, and no other does. */
  const next = (met: BladeFault): Promise<void> =>
    new Promise((resolve) => {
      nextChange = { fault: met, arrived: resolve }
    })

  const truth = (): Blade => {
    // Asked of a copy of the world, with nothing broken: the world itself is left as it is.
    const sound = { ...withBlade(host.settle(), bay, (blade) => ({ ...blade, faults: [] })), sessionLimit: 99 }
    const opened = askBmc(sound, bay, { kind: 'login', ...credentials }, () => undefined)
    const session = opened.answer !== 'silence' && opened.answer.ok ? (opened.answer.session ?? '') : ''
    const read = askBmc(opened.world, bay, { kind: 'read', session }, () => undefined).answer
    if (read === 'silence' || !read.ok || read.blade === undefined) throw new Error('the world does not tell its blade')
    return read.blade
  }
  const sim = () => {
    const blade = bladeAt(host.world, bay)
    if (blade === undefined) throw new Error(`bay ${bay} is empty`)
    return blade
  }

  const face = await serveRedfish(port, { bay, host: '127.0.0.1', tcpPort: 0 })
  const waits = handMoved()
  const secrets: Rig['secrets'] = { 'chap-web': 'open sesame 1', 'chap-disk': 'open sesame 2' }
  const drive = (password: string, owner?: Owns) =>
    redfishDriver({
      bays: () => ({ url: face.url, user: credentials.user, password }),
      secret: (id) => secrets[id],
      ...(owner && { owner }),
      after: waits.after,
    })
  const driver = drive(credentials.password)
  return {
    bay,
    driver,
    secrets,
    another: (as, owner) => drive(as === 'same' ? credentials.password : 'wrong', owner),
    truth,
    functionFor: (role) => (role === 'fcoe' ? 'lom:1-b' : 'lom:2-b'),
    writtenSecrets: () =>
      sim().kept.adapters.flatMap(({ functions }) =>
        functions.flatMap(({ pending }) =>
          [pending?.secrets.chap, pending?.secrets.mutual].filter((one) => one !== undefined),
        ),
      ),
    bmc: {
      silence: () => fault({ kind: 'silent' }),
      speak: () => mend('silent'),
      asked: () => new Promise((resolve) => asked.push(resolve)),
      holdNextChange: () => ({ arrived: next({ kind: 'late', ms: hour }), release: () => clock.pass(hour) }),
      slowNextChange: () => ({ arrived: next({ kind: 'slow', ms: 1 }), release: () => clock.pass(1) }),
      garble: () => {
        garbled = true
      },
      endSessions: () => {
        host.perform({ do: 'reboot-bmc', bay })
      },
      occupySessions: () => {
        const never = new AbortController().signal
        for (let more = host.world.sessionLimit; more > 0; more--)
          void host.ask(bay, { kind: 'login', ...credentials }, never)
      },
      sessions: () => sim().bmc.sessions.length,
      settle: () => clock.pass(timings.postMs),
      speakForAnother: () => fault({ kind: 'wrong-serial', serial: parseSerial('OTHER0001') as Serial }),
    },
    timeOut: waits.runOut,
    close: async () => {
      mend('silent')
      await driver.close()
      await face.close()
      host.close()
    },
  }
}
