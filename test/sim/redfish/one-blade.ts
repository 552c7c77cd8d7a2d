/**
 * A world of one blade, just large enough for a BMC face to be asked everything: sessions with a limit,
 * a table of pending values that a POST consumes, changes under way that end with their session. It can
 * fall silent, hold a change back, and tell nonsense. No latch and no chassis: those are not a BMC's.
 */
import type { Mac, Serial, Uuid, Wwn } from '../../../agent/core/addresses.ts'
import type { Bay, Blade, FunctionKey, FunctionReading, FunctionValue } from '../../../agent/core/blade.ts'
import type { BmcAnswer, BmcPort, BmcRequest, SessionId, WrittenSecret } from '../../../agent/sim/bmc.ts'

export const bay: Bay = 3
export const credentials = { user: 'admin', password: 'blade-pw' }

const fn = (key: FunctionKey, factory: FunctionValue): FunctionReading => ({ key, factory, applied: factory })
const mac = (last: string): Mac => `02:00:5e:10:00:${last}` as Mac

export const newBlade: Blade = {
  serial: 'BLADE0001' as Serial,
  uuid: '11111111-2222-4333-8444-555555555555' as Uuid,
  product: 'BL460c G7',
  power: 'off',
  stage: 'off',
  boots: 0,
  stageSeconds: 0,
  adapters: [
    {
      slot: 'lom',
      model: 'hp-flex-10',
      serial: 'LOM0001' as Serial,
      functions: [
        fn('lom:1-a', { role: 'nic', mac: mac('01') }),
        fn('lom:1-b', { role: 'off' }),
        fn('lom:2-a', { role: 'nic', mac: mac('02') }),
      ],
    },
    {
      slot: 'mezz1',
      model: 'qlogic-8g-fc',
      serial: 'MEZZ0001' as Serial,
      functions: [
        fn('mezz1:1-a', { role: 'fc', wwpn: '50:06:0b:00:00:10:00:01' as Wwn, wwnn: '50:06:0b:00:00:10:00:00' as Wwn }),
      ],
    },
  ],
  boot: { mode: 'uefi', order: ['local'] },
  policy: { restore: 'last-state', button: 'enabled', wake: 'enabled' },
  shown: {},
}

interface Held {
  readonly session: SessionId
  readonly what: string
  done(answer: BmcAnswer): void
  take(): BmcAnswer
}

export interface OneBlade {
  readonly port: BmcPort
  blade(): Blade
  replace(change: (blade: Blade) => Blade): void
  readonly secrets: readonly WrittenSecret[]
  /** Every change that took effect, in order. */
  readonly done: readonly BmcRequest['kind'][]
  /** There is no BMC behind the face any more. */
  leave(): void
  sessions(): number
  endSessions(): void
  occupySessions(): void
  silence(): void
  speak(): void
  /** Resolves when the BMC is asked the next thing. */
  asked(): Promise<void>
  holdNextChange(): { readonly arrived: Promise<void>; release(): void }
  garble(): void
  /** POST comes to its end; a system that is asked to shut down does so at once here. */
  settle(): void
}

const sessionLimit = 4

export function oneBlade(start: Blade = newBlade): OneBlade {
  let blade = start
  let silent = false
  let here = true
  let garbled = false
  let opened = 0
  const sessions = new Set<SessionId>()
  const held = new Set<Held>()
  const secrets: WrittenSecret[] = []
  const done: BmcRequest['kind'][] = []
  let hold: { arrived: () => void; taken: Held | undefined } | undefined
  let listeners: (() => void)[] = []

  const functions = (change: (reading: FunctionReading) => FunctionReading): void => {
    blade = {
      ...blade,
      adapters: blade.adapters.map((adapter) => ({ ...adapter, functions: adapter.functions.map(change) })),
    }
  }
  const post = (): void => {
    functions(({ key, factory, applied, pending }) => ({ key, factory, applied: pending ?? applied }))
    blade = { ...blade, power: 'on', stage: 'post', stageSeconds: 0, boots: blade.boots + 1 }
  }
  const has = (key: FunctionKey): boolean =>
    blade.adapters.some((adapter) => adapter.functions.some((one) => one.key === key))

  /** Carries a change out. */
  const take = (request: Change): BmcAnswer => {
    switch (request.kind) {
      case 'cycle':
        if (blade.power === 'off')
          return { ok: false, why: 'refused', message: 'the blade is off; switch it on instead' }
        post()
        break
      case 'write':
        if (!request.functions.every((write) => has(write.key)))
          return { ok: false, why: 'refused', message: 'no such function' }
        functions((reading) => {
          const write = request.functions.find((one) => one.key === reading.key)
          return write ? { ...reading, pending: write.value } : reading
        })
        secrets.push(...request.secrets)
        break
      case 'clear':
        functions((reading) =>
          request.functions.includes(reading.key) ? { ...reading, pending: reading.factory } : reading,
        )
        break
      case 'show':
        blade = { ...blade, shown: request.shown }
        break
      case 'boot':
        blade = { ...blade, boot: request.boot }
        break
      case 'policy':
        blade = { ...blade, policy: request.policy }
        break
      case 'power':
        if (request.action === 'on' && blade.power === 'off') post()
        else if (request.action === 'reset') {
          if (blade.power === 'off')
            return { ok: false, why: 'refused', message: 'the blade is off; switch it on instead' }
          post()
        } else if (request.action !== 'on') blade = { ...blade, power: 'off', stage: 'off', stageSeconds: 0 }
        break
    }
    done.push(request.kind)
    return { ok: true }
  }

  const end = (session: SessionId): void => {
    sessions.delete(session)
    for (const one of held) {
      if (one.session !== session) continue
      held.delete(one)
      one.done({ ok: false, why: 'no-session', message: 'the session was ended' })
    }
  }

  const answer = async (request: BmcRequest): Promise<BmcAnswer> => {
    if (!here) return { ok: false, why: 'not-here', message: 'no blade is here' }
    if (request.kind === 'login') {
      if (request.user !== credentials.user || request.password !== credentials.password) {
        return { ok: false, why: 'credentials', message: 'wrong user or password' }
      }
      if (sessions.size >= sessionLimit)
        return { ok: false, why: 'session-limit', message: `all ${sessionLimit} sessions are taken` }
      const session = `session-token-${++opened}`
      sessions.add(session)
      return { ok: true, session }
    }
    if (!sessions.has(request.session)) return { ok: false, why: 'no-session', message: 'no such session' }
    switch (request.kind) {
      case 'logout':
        end(request.session)
        return { ok: true }
      case 'end-session':
        end(request.other)
        return { ok: true }
      case 'sessions':
        return { ok: true, sessions: [...sessions] }
      case 'tasks':
        return { ok: true, tasks: [...held].map(({ session, what }) => ({ session, what })) }
      case 'read':
        return { ok: true, blade: garbled ? { ...blade, uuid: 'not a uuid' as Uuid } : blade }
      case 'write':
      case 'clear':
      case 'show':
      case 'boot':
      case 'policy':
      case 'power':
      case 'cycle': {
        if (hold === undefined) return take(request)
        const waiting = hold
        hold = undefined
        return new Promise((resolve) => {
          waiting.taken = { session: request.session, what: request.kind, done: resolve, take: () => take(request) }
          held.add(waiting.taken)
          waiting.arrived()
        })
      }
    }
  }

  return {
    port: {
      ask: (_bay, request, signal) =>
        new Promise((resolve, reject) => {
          const heard = listeners
          listeners = []
          for (const hear of heard) hear()
          const gone = (): void => reject(signal.reason)
          if (signal.aborted) return gone()
          signal.addEventListener('abort', gone, { once: true })
          if (!silent) void answer(request).then(resolve)
        }),
    },
    blade: () => blade,
    replace: (change) => {
      blade = change(blade)
    },
    secrets,
    done,
    leave: () => {
      here = false
    },
    sessions: () => sessions.size,
    endSessions: () => {
      for (const session of [...sessions]) end(session)
    },
    occupySessions: () => {
      while (sessions.size < sessionLimit) sessions.add(`somebody-else-${++opened}`)
    },
    silence: () => {
      silent = true
    },
    speak: () => {
      silent = false
    },
    asked: () => new Promise((resolve) => listeners.push(resolve)),
    holdNextChange: () => {
      let arrived = (): void => {}
      const mine: { arrived: () => void; taken: Held | undefined } = { arrived: () => arrived(), taken: undefined }
      hold = mine
      return {
        arrived: new Promise((resolve) => {
          arrived = resolve
        }),
        release: () => {
          const { taken } = mine
          // Ended with its session in the meantime: nothing is left to be done.
          if (taken !== undefined && held.delete(taken)) taken.done(taken.take())
        },
      }
    },
    garble: () => {
      garbled = true
    },
    settle: () => {
      if (blade.stage === 'post') blade = { ...blade, stage: 'os', stageSeconds: 0 }
    },
  }
}

type Change = Extract<BmcRequest, { kind: 'write' | 'clear' | 'show' | 'boot' | 'policy' | 'power' | 'cycle' }>
