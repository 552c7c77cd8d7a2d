/** The in-memory driver on a chassis of its own, with the hands on its BMC that the drivers' common suite wants. */
import type { Owns } from '../../agent/controller/hardware/driver.ts'
import { parseSerial } from '../../agent/core/addresses.ts'
import type { Blade } from '../../agent/core/blade.ts'
import type { BmcPort } from '../../agent/sim/bmc.ts'
import { askBmc } from '../../agent/sim/bmc-life.ts'
import { type BladeFault, bladeAt, type SimBlade, withBlade } from '../../agent/sim/chassis.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { newWorld } from '../../agent/sim/world.ts'
import type { Rig } from '../conformance/driver.ts'
import { timings } from './bench.ts'
import { inMemoryHardware } from './in-memory.ts'
import { withoutLatch } from './tiny-board.ts'
import { VirtualClock } from './virtual-clock.ts'

const bay = 1
const hour = 3_600_000
const credentials = { user: 'admin', password: 'blade-pw' }
const changes = new Set(['write', 'clear', 'show', 'boot', 'policy', 'power', 'cycle'])

export async function inMemoryRig(): Promise<Rig> {
  const clock = new VirtualClock()
  const host = new ChassisHost(
    newWorld({
      hardware: withoutLatch,
      seed: 'rig',
      now: clock.now(),
      timings: { ...timings, bmcBootMs: 0, sessionIdleMs: 1_000 * hour },
      credentials,
    }),
    clock,
  )
  const fault = (each: BladeFault) => void host.perform({ do: 'break', bay, fault: each })
  const mend = (kind: BladeFault['kind']) => void host.perform({ do: 'mend', bay, fault: kind })

  let garbled = false
  let listening: (() => void)[] = []
  let next: { readonly fault: BladeFault; readonly arrived: () => void } | undefined
  const meet = (each: BladeFault) => new Promise<void>((arrived) => (next = { fault: each, arrived }))
  const port: BmcPort = {
    ask: async (at, request, signal) => {
      const met = changes.has(request.kind) ? next : undefined
      if (met !== undefined) fault(met.fault)
      const answering = host.ask(at, request, signal)
      if (met !== undefined) {
        next = undefined
        mend(met.fault.kind)
        met.arrived()
      }
      const heard = listening
      listening = []
      for (const each of heard) each()
      const answer = await answering
      if (!garbled || !answer.ok || answer.blade === undefined) return answer
      return { ...answer, blade: { ...answer.blade, uuid: 'no uuid' as Blade['uuid'] } }
    },
  }

  // The driver's waits are not the world's: a test lets them run out while the world stands still.
  const waits = new Set<() => void>()
  const drive = (password: string, owner?: Owns) =>
    inMemoryHardware(host, {
      port,
      credentials: { user: credentials.user, password },
      secret: (id) => secrets[id],
      ...(owner && { owner }),
      after: (_ms, run) => {
        waits.add(run)
        return () => waits.delete(run)
      },
    }).driver
  const secrets: Rig['secrets'] = { 'chap-web': 'open sesame 1', 'chap-disk': 'open sesame 2' }
  const driver = drive(credentials.password)
  const blade = (): SimBlade => {
    const found = bladeAt(host.world, bay)
    if (found === undefined) throw new Error('the rig lost its blade')
    return found
  }
  return {
    bay,
    driver,
    secrets,
    another: (as, owner) => drive(as === 'same' ? credentials.password : 'wrong', owner),
    truth: () => {
      // Read in a copy of the world that has nothing wrong: the world itself is not touched.
      const sound = { ...withBlade(host.settle(), bay, (one) => ({ ...one, faults: [] })), sessionLimit: 99 }
      const opened = askBmc(sound, bay, { kind: 'login', ...credentials }, () => undefined)
      const session = opened.answer !== 'silence' && opened.answer.ok ? (opened.answer.session ?? '') : ''
      const { answer } = askBmc(opened.world, bay, { kind: 'read', session }, () => undefined)
      if (answer === 'silence' || !answer.ok || answer.blade === undefined) throw new Error('the world tells no blade')
      return answer.blade
    },
    functionFor: (role) => (role === 'fcoe' ? 'lom:1-b' : 'lom:2-b'),
    writtenSecrets: () =>
      blade().kept.adapters.flatMap(({ functions }) =>
        functions.flatMap(({ pending }) => Object.values(pending?.secrets ?? {}) as readonly string[]),
      ),
    bmc: {
      silence: () => fault({ kind: 'silent' }),
      speak: () => mend('silent'),
      asked: () => new Promise((resolve) => listening.push(resolve)),
      holdNextChange: () => ({ arrived: meet({ kind: 'late', ms: hour }), release: () => clock.pass(hour) }),
      slowNextChange: () => ({ arrived: meet({ kind: 'slow', ms: 1 }), release: () => clock.pass(1) }),
      garble: () => {
        garbled = true
      },
      endSessions: () => void host.perform({ do: 'reboot-bmc', bay }),
      occupySessions: () => {
        for (let more = host.world.sessionLimit; more > 0; more--) {
          void host.ask(bay, { kind: 'login', ...credentials }, new AbortController().signal)
        }
      },
      sessions: () => blade().bmc.sessions.length,
      settle: () => clock.pass(timings.postMs),
      speakForAnother: () => {
        const serial = parseSerial('OTHER-1')
        if (serial !== undefined) fault({ kind: 'wrong-serial', serial })
      },
    },
    timeOut: () => {
      for (const run of [...waits]) run()
    },
    close: async () => {
      mend('silent')
      await driver.close()
      host.close()
    },
  }
}
