/**
 * A blade's BMC: sessions and their limit, the changes it carries out, what it tells when it is read, and the
 * ways in which one misbehaves. It lives on standby power and reboots on its own; a reboot ends its sessions
 * and nothing that is under way, which is why a reboot is no barrier (W2).
 */
import type { Bay, Blade, FunctionReading, FunctionValue } from '../core/blade.ts'
import type { BmcAnswer, BmcRequest, SessionId } from './bmc.ts'
import {
  adapterModel,
  type Bmc,
  type BmcChange,
  bladeAt,
  faultOf,
  type Note,
  type SimBlade,
  type World,
  withBlade,
  withKept,
} from './chassis.ts'
import { digest } from './factory.ts'
import { clearFunction, complaintAbout, mapFunctions, unknownKey, writeFunction } from './function-table.ts'
import { askShutdown, powerOff, powerOn, warmReset } from './power.ts'

/** `silence`: no answer will ever come. */
export type Heard = { readonly world: World; readonly answer: BmcAnswer | 'silence'; readonly afterMs: number }

export function askBmc(before: World, bay: Bay, request: BmcRequest, note: Note): Heard {
  const world = expire(before, bay)
  const blade = bladeAt(world, bay)
  const silence: Heard = { world, answer: 'silence', afterMs: 0 }
  if (blade === undefined) return { world, answer: no('not-here', `bay ${bay} has no blade`), afterMs: 0 }
  if (blade.bmc.upAt === undefined)
    return { world, answer: no('not-here', `bay ${bay} has no standby power`), afterMs: 0 }
  if (blade.bmc.upAt > world.now)
    return { world, answer: no('not-here', `the BMC of bay ${bay} is starting`), afterMs: 0 }
  if (faultOf(blade, 'silent')) {
    if (isTold(request)) note(command(world, bay, blade, request, 'dropped'))
    return silence
  }
  const afterMs = faultOf(blade, 'slow')?.ms ?? 0
  if (request.kind === 'login') return { ...login(world, bay, blade, request, note), afterMs }
  if (!blade.bmc.sessions.some(({ id }) => id === request.session)) {
    if (isTold(request)) note(command(world, bay, blade, request, 'refused', 'no such session'))
    return { world, answer: no('no-session', 'this session is not open'), afterMs }
  }
  const used = withBmc(world, bay, (bmc) => ({
    sessions: bmc.sessions.map((each) => (each.id === request.session ? { ...each, usedAt: world.now } : each)),
  }))
  switch (request.kind) {
    case 'logout':
      note(command(world, bay, blade, request, 'done'))
      return { world: endSession(used, bay, request.session), answer: { ok: true }, afterMs }
    case 'sessions':
      return { world: used, answer: { ok: true, sessions: blade.bmc.sessions.map(({ id }) => id) }, afterMs }
    case 'end-session':
      note(command(world, bay, blade, request, 'done'))
      return { world: endSession(used, bay, request.other), answer: { ok: true }, afterMs }
    case 'tasks': {
      const tasks = blade.bmc.tasks.map((task) => ({ session: task.session, what: task.request.kind }))
      return { world: used, answer: { ok: true, tasks }, afterMs }
    }
    case 'read':
      return { world: used, answer: { ok: true, blade: readBlade(world, blade) }, afterMs }
    case 'write':
    case 'clear':
    case 'show':
    case 'boot':
    case 'policy':
    case 'power':
    case 'cycle': {
      const late = faultOf(blade, 'late')
      if (late) {
        note(command(world, bay, blade, request, 'late'))
        const task = { session: request.session, request, due: world.now + late.ms }
        return { ...silence, world: withBmc(used, bay, ({ tasks }) => ({ tasks: [...tasks, task] })) }
      }
      if (faultOf(blade, 'lies-writes')) {
        note(command(world, bay, blade, request, 'lied'))
        return { world: used, answer: { ok: true }, afterMs }
      }
      return { ...carryOut(used, bay, request, note), afterMs }
    }
  }
}

/** Reads, and looks at sessions and tasks, leave no trace in the log. */
function isTold({ kind }: BmcRequest): boolean {
  return kind !== 'read' && kind !== 'sessions' && kind !== 'tasks'
}

function command(
  world: World,
  bay: Bay,
  blade: SimBlade,
  request: BmcRequest,
  outcome: 'done' | 'refused' | 'dropped' | 'late' | 'lied',
  message?: string,
) {
  const detail = detailOf(request)
  return {
    at: world.now,
    kind: 'command' as const,
    bay,
    serial: blade.kept.serial,
    session: request.kind === 'login' ? '' : request.session,
    request: request.kind,
    ...(detail !== undefined && { detail }),
    outcome,
    ...(message !== undefined && { message }),
  }
}

/** What a person would want to see of it; never a secret. */
function detailOf(request: BmcRequest): string | undefined {
  switch (request.kind) {
    case 'write':
      return request.functions.map(({ key }) => key).join(' ')
    case 'clear':
      return request.functions.join(' ')
    case 'power':
      return request.action
    case 'end-session':
      return request.other
    case 'login':
      return request.user
    case 'logout':
    case 'sessions':
    case 'tasks':
    case 'read':
    case 'show':
    case 'boot':
    case 'policy':
    case 'cycle':
      return undefined
  }
}

const no = (why: Extract<BmcAnswer, { ok: false }>['why'], message: string): BmcAnswer => ({ ok: false, why, message })

function withBmc(world: World, bay: Bay, change: (bmc: Bmc) => Partial<Bmc>): World {
  return withBlade(world, bay, (blade) => ({ ...blade, bmc: { ...blade.bmc, ...change(blade.bmc) } }))
}

function login(
  world: World,
  bay: Bay,
  blade: SimBlade,
  request: Extract<BmcRequest, { kind: 'login' }>,
  note: Note,
): { readonly world: World; readonly answer: BmcAnswer } {
  const refuse = (why: 'credentials' | 'session-limit', message: string) => {
    note(command(world, bay, blade, request, 'refused', message))
    return { world, answer: no(why, message) }
  }
  const { user, password } = blade.kept.credentials
  if (request.user !== user || request.password !== password) return refuse('credentials', 'user or password is wrong')
  if (faultOf(blade, 'starved') || blade.bmc.sessions.length >= world.sessionLimit) {
    return refuse('session-limit', `all ${world.sessionLimit} sessions are taken`)
  }
  // Not guessable from an older one, and never the same again, not even after the program was started anew.
  const id = digest(world.seed, blade.kept.serial, world.now, blade.bmc.opened).slice(0, 24)
  const opened = withBmc(world, bay, (bmc) => ({
    opened: bmc.opened + 1,
    sessions: [...bmc.sessions, { id, usedAt: world.now }],
  }))
  note({ ...command(world, bay, blade, request, 'done'), session: id })
  return { world: opened, answer: { ok: true, session: id } }
}

/** Sessions that nobody used for long are closed, like those that were ended. */
function expire(world: World, bay: Bay): World {
  const idle = (bladeAt(world, bay)?.bmc.sessions ?? []).filter(
    ({ usedAt }) => world.now - usedAt >= world.timings.sessionIdleMs,
  )
  return idle.reduce((each, { id }) => endSession(each, bay, id), world)
}

/** Ends a session and every change that it still has under way (W2). */
function endSession(world: World, bay: Bay, session: SessionId): World {
  return withBmc(world, bay, ({ sessions, tasks }) => ({
    sessions: sessions.filter(({ id }) => id !== session),
    tasks: tasks.filter((task) => task.session !== session),
  }))
}

/** What a late BMC does at last: as if it had just been asked. */
export function finishTasks(world: World, bay: Bay, note: Note): World {
  const tasks = bladeAt(world, bay)?.bmc.tasks ?? []
  const due = tasks.filter((task) => task.due <= world.now)
  const without = withBmc(world, bay, () => ({ tasks: tasks.filter((task) => task.due > world.now) }))
  return due.reduce((each, { request }) => carryOut(each, bay, request, note).world, without)
}

/** Its sessions end; what it had under way goes on, and so does the blade. */
export function rebootBmc(world: World, bay: Bay): World {
  const upAt = world.now + world.timings.bmcBootMs
  return withBmc(world, bay, (bmc) => (bmc.upAt === undefined ? {} : { upAt, sessions: [] }))
}

function carryOut(
  world: World,
  bay: Bay,
  request: BmcChange,
  note: Note,
): { readonly world: World; readonly answer: BmcAnswer } {
  const blade = bladeAt(world, bay)
  if (blade === undefined) return { world, answer: no('not-here', `bay ${bay} has no blade`) }
  const refuse = (message: string) => {
    note(command(world, bay, blade, request, 'refused', message))
    return { world, answer: no('refused', message) }
  }
  const done = (after: World) => {
    note(command(world, bay, blade, request, 'done'))
    return { world: after, answer: { ok: true } as const }
  }
  const modelOf = (id: string) => adapterModel(world.hardware, id)
  const { adapters } = blade.kept
  switch (request.kind) {
    case 'write': {
      const complaint =
        complaintAbout(adapters, modelOf, request.functions) ??
        unknownKey(
          adapters,
          request.secrets.map(({ key }) => key),
        )
      if (complaint !== undefined) return refuse(complaint)
      const written = mapFunctions(adapters, (fn, { model }) => {
        const entry = request.functions.findLast(({ key }) => key === fn.key)
        const secrets = request.secrets.filter(({ key }) => key === fn.key)
        if (entry === undefined && secrets.length === 0) return fn
        return writeFunction(fn, modelOf(model), entry?.value ?? (fn.pending ?? fn.applied).value, secrets)
      })
      return done(withBlade(world, bay, (one) => withKept(one, { adapters: written })))
    }
    case 'clear': {
      const complaint = unknownKey(adapters, request.functions)
      if (complaint !== undefined) return refuse(complaint)
      const cleared = mapFunctions(adapters, (fn, { model }) =>
        request.functions.includes(fn.key) ? clearFunction(fn, modelOf(model)) : fn,
      )
      return done(withBlade(world, bay, (one) => withKept(one, { adapters: cleared, shown: {} })))
    }
    case 'show':
      return done(withBlade(world, bay, (one) => withKept(one, { shown: request.shown })))
    case 'boot':
      return done(withBlade(world, bay, (one) => withKept(one, { boot: request.boot })))
    case 'policy':
      return done(withBlade(world, bay, (one) => withKept(one, { policy: request.policy })))
    case 'power':
      switch (request.action) {
        case 'on': {
          const powered = powerOn(world, bay, 'bmc-power-on', note)
          return powered.ok ? done(powered.world) : refuse(powered.message)
        }
        case 'shutdown':
          return done(askShutdown(world, bay))
        case 'off':
          return done(powerOff(world, bay, 'bmc-power-off', note))
        case 'reset':
          return blade.run.stage === 'off'
            ? refuse('the blade is off; power it on instead')
            : done(warmReset(world, bay, 'warm-reset'))
      }
      break
    case 'cycle':
      if (blade.run.stage === 'off') return refuse('the blade is off; power it on instead')
      return done(powerOff(world, bay, 'power-cycle', note, world.now + world.timings.cycleMs))
  }
}

/** The blade as its BMC tells it, or as a lying one does. */
function readBlade(world: World, blade: SimBlade): Blade {
  const { kept, run } = blade
  const bare = faultOf(blade, 'lies-addresses') !== undefined
  const reading = ({
    key,
    factory,
    pending,
    applied,
  }: SimBlade['kept']['adapters'][number]['functions'][number]): FunctionReading => {
    if (bare) return { key, factory, applied: factory }
    const waiting: FunctionValue | undefined = pending?.value
    return { key, factory, ...(waiting !== undefined && { pending: waiting }), applied: applied.value }
  }
  const lagging = world.now - blade.switchedAt < (faultOf(blade, 'power-lag')?.ms ?? 0)
  const opposite = (faultOf(blade, 'lies-power') !== undefined) !== lagging
  const stage = !opposite ? run.stage : run.stage === 'off' ? 'os' : 'off'
  return {
    serial: faultOf(blade, 'wrong-serial')?.serial ?? kept.serial,
    uuid: kept.uuid,
    product: kept.product,
    power: stage === 'off' ? 'off' : 'on',
    stage,
    boots: blade.boots,
    stageSeconds: Math.floor((world.now - run.since) / 1000),
    adapters: kept.adapters.map(({ slot, model, serial, functions }) => ({
      slot,
      model,
      serial,
      functions: functions.map(reading),
    })),
    boot: kept.boot,
    policy: kept.policy,
    shown: kept.shown,
  }
}
