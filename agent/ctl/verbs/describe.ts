/** `describe`, `why` and `lookup`: one thing in full, what keeps it from being in sync, and what became of a request. */
import { standingOf } from '../../core/controllers.ts'
import type { PartState } from '../../core/reply.ts'
import type {
  BayView,
  ChassisView,
  ControllerView,
  FunctionView,
  PolicyView,
  PoolView,
  ProfileView,
  Shown,
} from '../../core/views.ts'
import { Usage } from '../arguments.ts'
import { acceptedLines } from '../changing.ts'
import type { Client } from '../client.ts'
import { type Context, mirror, type Verb } from '../context.ts'
import { type Exit, exitOf, exits } from '../exits.ts'
import { duration, field, plain, table } from '../print.ts'
import { addressWords, bladeWords, refusalLines, sourceWords, stateWords } from '../say.ts'

const kinds = ['bay', 'profile', 'pool', 'policy', 'controller', 'chassis'] as const

export const describe: Verb = {
  name: 'describe',
  forms: ['bay N', 'profile ID', 'pool ID', 'policy ID', 'controller A|B', 'chassis'],
  say: 'show one thing in full',
  more: 'Of each function: the factory address, the assigned one, and the one that is applied.',
  examples: ['chassisctl describe bay 3', 'chassisctl describe profile web-01 -o json'],
  options: {},
  async run(context) {
    const name = partWords(context)
    const client = await context.loaded()
    const state = client.state.parts.get(name)
    if (!state) return missing(context, client, name)
    if (context.format === 'table') context.line(...lines(client, state))
    else context.json(mirror(state))
    return exits.ok
  },
}

/** `bay 3`, `profile web-01`, `pool lan`, `controller A`, `chassis`: as the name of a part. */
function partWords(context: Context): string {
  const { words } = context
  const kind = words.choice('thing', kinds)
  const name = kind === 'chassis' ? kind : `${kind}-${namedIn(words, kind)}`
  words.end()
  if (kind === 'bay' && !/^bay-[1-9]\d*$/.test(name)) throw new Usage(`'${name.slice(4)}' is no bay; say its number`)
  return name
}

function namedIn(words: Context['words'], kind: Exclude<(typeof kinds)[number], 'chassis'>): string {
  if (kind === 'bay') return words.take('the bay')
  if (kind !== 'controller') return words.id(kind)
  const slot = words.take('the controller').toLowerCase()
  if (slot !== 'a' && slot !== 'b') throw new Usage(`'${slot}' is no controller; say A or B`)
  return slot
}

function missing(context: Context, client: Client, name: string): Exit {
  return context.fail(
    `chassis ${client.chassis} shows no ${name.replace('-', ' ')}; chassisctl get lists what there is`,
  )
}

function lines(client: Client, { part, revision }: PartState): readonly string[] {
  switch (part.part) {
    case 'bay':
      return bay(part.view)
    case 'profile':
      return profile(part.view)
    case 'pool':
      return pool(part.view)
    case 'chassis':
      return chassis(client, part.view)
    case 'policy':
      return policy(part.view)
    case 'controller':
      return controller(client, part.view)
    case 'health':
      return [`revision ${revision}`]
  }
}

const yes = (is: boolean) => (is ? 'yes' : 'no')

function bay(view: BayView): readonly string[] {
  const { override } = view
  const times = override?.left === undefined ? 'until taken away' : `for ${override.left} more`
  return [
    ...field(`bay ${view.bay}`, [bladeWords(view), view.serial && `serial ${view.serial}`].filter(Boolean).join(', ')),
    ...field('profile', view.profile ?? '-'),
    ...field('state', `${stateWords[view.phase]}${view.stage ? ` (${view.stage})` : ''}`),
    ...field('in sync', yes(view.inSync)),
    ...field('power', `${view.power}${view.powerWanted ? `, wanted ${view.powerWanted}` : ''}; permit ${view.permit}`),
    ...field('locate', view.locate ? 'lit' : 'dark'),
    ...field('boot order', view.bootOrder.join(', ') || 'of the firmware'),
    ...(override ? field('override', `${override.target}, ${times}`) : []),
    ...view.verified.flatMap((line) => field('verified', line)),
    ...view.inDoubt.flatMap(({ profile: id, serial, quarantined }) =>
      field('in doubt', `${id} on blade ${serial ?? 'unknown'}${quarantined ? ', quarantined' : ''}`),
    ),
    ...findingLines(view.findings),
    ...view.functions.flatMap(functionLines),
  ]
}

function functionLines(view: FunctionView): readonly string[] {
  const words = [
    view.role,
    view.connection && `connection ${view.connection}`,
    `to ${view.interconnect} port ${view.downlink}`,
    view.vlan !== undefined && `vlan ${view.vlan}`,
    view.maxMbps !== undefined && `up to ${view.maxMbps} Mb/s`,
  ]
  const head = field(view.key, words.filter(Boolean).join(', '))
  const factory = addressWords(view.factory)
  const applied = addressWords(view.applied)
  if (!view.assigned && applied === factory) return [...head, ...field('factory', `${factory}, applied`, 2, 10)]
  return [
    ...head,
    ...field('factory', factory, 2, 10),
    ...field('assigned', view.assigned ? addressWords(view.assigned) : '-', 2, 10),
    ...field('applied', applied, 2, 10),
  ]
}

function controller(client: Client, view: ControllerView): readonly string[] {
  const all = client.state.all('controller')
  const { slot, role, serial, version, uptimeMs, sinceUptimeMs, store, pair, host } = view
  const stands = standingOf(view, all)
  const heard = role !== 'silent'
  return [
    ...field('controller', [slot, serial && `serial ${plain(serial)}`].filter(Boolean).join(', ')),
    ...field('role', role),
    ...field('standing', [stands, pair?.other.why && `the other: ${plain(pair.other.why)}`].filter(Boolean).join('; ')),
    ...(heard ? field('version', `${plain(version)}, up ${duration(uptimeMs)}`) : []),
    ...(heard && sinceUptimeMs !== undefined ? field(role, `for ${duration(uptimeMs - sinceUptimeMs)}`) : []),
    ...(heard ? field('copies', store.copies.join(', ') || 'none') : []),
    ...(store.readOnly ? field('store', 'READ-ONLY') : []),
    ...(role === 'owner' ? field('EEPROM', `${Math.round(store.eepromUse * 100)} % full`) : []),
    ...(host === 'unknown' ? [] : field('host', plain(host.hostname))),
    ...(pair ? field('members', pair.members.map(plain).join(', ') || 'none') : []),
    ...store.notes.flatMap((note) => field('note', plain(note))),
  ]
}

function policy({ policy, revision, rescues }: PolicyView): readonly string[] {
  return [
    ...field('policy', policy.id),
    ...field('profiles', policy.profiles?.join(', ') ?? 'every one with affinity model'),
    ...field('spares', policy.spares?.join(', ') ?? 'any free bay, lowest first'),
    ...field('after', `${policy.afterSeconds} s dead`),
    ...field('may cut', yes(policy.cut)),
    ...field('attempts', `${policy.attempts} for one death`),
    ...field('revision', String(revision)),
    ...rescues.flatMap(({ profile, from, serial, bay, tried, revision: judged }) => {
      const where = bay === from ? 'nowhere to go yet' : `now bay ${bay}, tried ${tried.join(', ')}`
      return field('rescue', `${profile}: blade ${plain(serial)} died in bay ${from}; ${where}; judged at ${judged}`)
    }),
  ]
}

function profile({ profile: spec, given, token, revision, bay: at, inSync, inDoubt }: ProfileView): readonly string[] {
  return [
    ...field('profile', spec.id),
    ...(spec.description ? field('about', plain(spec.description)) : []),
    ...field('bay', at === undefined ? '-' : String(at)),
    ...field('in sync', yes(inSync)),
    ...field('affinity', spec.affinity),
    ...(spec.uuid ? field('UUID', spec.uuid) : []),
    ...(spec.serial ? field('serial', spec.serial) : []),
    ...field(
      'boot',
      `${spec.boot.mode}: ${spec.boot.order.map(({ target }) => target).join(', ') || 'as the firmware says'}`,
    ),
    ...field('revision', `${revision}, fencing token ${token}`),
    ...inDoubt.flatMap(({ bay: where, serial }) => field('in doubt', `bay ${where}, blade ${serial ?? 'unknown'}`)),
    ...spec.connections.flatMap((connection) => [
      ...field(connection.id, `${connection.kind}, ${sourceWords(connection)}`),
      ...field('given', addressWords(given[connection.id] ?? {}), 2, 10),
    ]),
  ]
}

function pool({ spec, counts, entries, more }: PoolView): readonly string[] {
  const { range } = spec
  const words =
    range.by === 'preset'
      ? `${range.preset} ${range.index}`
      : `${range.count} from ${range.first}${range.pairs ? ', in pairs' : ''}`
  const { free, inUse, external, excluded, quarantined } = counts
  return [
    ...field('pool', `${spec.id}, ${spec.kind}`),
    ...field('range', words),
    ...field(
      'entries',
      `${free} free, ${inUse} in use, ${external} external, ${excluded} excluded, ${quarantined} quarantined`,
    ),
    ...(entries.length === 0
      ? []
      : table(
          [{ head: 'ADDRESS' }, { head: 'STATE' }, { head: 'PROFILE', shrinks: 'cut' }],
          entries.map(({ address, state, profile: owner }) => [address, state, owner]),
        )),
    ...(more > 0 ? [`and ${more} more`] : []),
  ]
}

function chassis(client: Client, view: ChassisView): readonly string[] {
  const { presence } = client.state
  const { office } = view
  return [
    ...field('chassis', `${client.chassis}, ${view.boardName}, serial ${view.serial || 'not read'}`),
    ...field('agent', presence ? `${presence.version}, ${presence.online ? 'online' : 'offline'}` : 'not heard'),
    ...field('in office', office ? `${office.client} (database ${office.lineage}, number ${office.number})` : 'nobody'),
    ...field('epoch', `${view.epoch}, revision ${view.revision}, term ${view.term}`),
    ...field('incarnation', view.incarnation),
    ...field('bays', String(view.bays)),
    ...field('in sync', yes(view.inSync)),
    ...field('secrets', view.secrets.join(', ') || 'none'),
    ...field('wiring', view.interconnects.map(({ id, kind }) => `${id} ${kind}`).join(', ')),
    ...todoLines(view),
  ]
}

const todoLines = ({ todo }: ChassisView): readonly string[] =>
  todo.flatMap(({ bay: at, reason, message, remedy }) => [
    ...field(at === 0 ? 'chassis' : `bay ${at}`, `${reason}: ${plain(message)}`),
    ...field('', `do: ${plain(remedy)}`),
  ])

const findingLines = (findings: readonly Shown[], uptimeMs?: number): readonly string[] =>
  findings.flatMap(({ type, reason, message, remedy, sinceUptimeMs }) => [
    ...field(type, `${reason}: ${plain(message)}`),
    ...field('', `do: ${plain(remedy)}`),
    ...(uptimeMs === undefined ? [] : field('', `for ${duration(Math.max(0, uptimeMs - sinceUptimeMs))}`)),
  ])

// ── why ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const why: Verb = {
  name: 'why',
  forms: ['bay N', 'profile ID', '(nothing: the whole chassis)'],
  say: 'why something is not in sync, and what to do',
  examples: ['chassisctl why bay 3', 'chassisctl why'],
  options: {},
  async run(context) {
    if (context.words.next === undefined || context.words.next === 'chassis') return whyChassis(context)
    const name = partWords(context)
    const client = await context.loaded()
    const part = client.state.parts.get(name)?.part
    if (part?.part === 'bay') return explain(context, `bay ${part.view.bay}`, part.view)
    if (part?.part === 'profile') return whyProfile(context, client, part.view)
    if (part) throw new Usage('say which: why bay 3, or why profile web-01')
    return missing(context, client, name)
  },
}

async function whyChassis(context: Context): Promise<Exit> {
  context.words.maybe('chassis')
  context.words.end()
  const client = await context.loaded()
  const view = client.state.chassis
  if (!view) return missing(context, client, 'chassis')
  if (context.format !== 'table') context.json(view.todo)
  else if (view.todo.length > 0) context.line(...todoLines(view))
  else context.line(`chassis ${client.chassis} is ${view.inSync ? '' : 'not '}in sync`)
  return exits.ok
}

function explain(context: Context, what: string, { inSync, findings, inDoubt }: BayView): Exit {
  if (context.format !== 'table') context.json(findings)
  else {
    context.line(`${what} is ${inSync ? '' : 'not '}in sync`)
    context.line(...findingLines(findings))
    for (const { profile: id, serial } of inDoubt)
      context.line(...field('in doubt', `${id} may still be live on blade ${serial ?? 'unknown'}`))
  }
  return exits.ok
}

function whyProfile(
  context: Context,
  client: Client,
  { profile: { id }, bay: at, inSync, inDoubt }: ProfileView,
): Exit {
  const own = client.state.all('bay').find(({ bay: number }) => number === at)
  if (own) return explain(context, `profile ${id} in bay ${own.bay}`, own)
  if (context.format !== 'table') context.json([])
  else {
    context.line(at === undefined ? `profile ${id} is in no bay` : `bay ${at} of profile ${id} is not shown`)
    if (!inSync || inDoubt.length > 0)
      for (const { bay: where, serial } of inDoubt)
        context.line(...field('in doubt', `it may still be live in bay ${where}, blade ${serial ?? 'unknown'}`))
  }
  return exits.ok
}

// ── lookup ──────────────────────────────────────────────────────────────────────────────────────────────────────

export const lookup: Verb = {
  name: 'lookup',
  forms: ['REQUEST-ID'],
  say: 'the stored answer of an earlier change of this client',
  more: 'After a timeout this tells whether the change was accepted. What was refused is not stored.',
  examples: ['chassisctl lookup 0d5b8b7e-3f0e-4a57-9d0c-4a2a31c7f7b1'],
  options: {},
  async run(context) {
    const id = context.words.take('the request id')
    context.words.end()
    const client = await context.client()
    const reply = await client.request({ kind: 'look-up-request', request: id }, { timeoutMs: context.limit('15s') })
    const { outcome } = reply
    if (context.format !== 'table') context.json(reply)
    else if (outcome.kind === 'looked-up') context.line(...acceptedLines(`request ${id}`, outcome.accepted))
    if (outcome.kind === 'refused') context.warn(...refusalLines(outcome))
    return exitOf(outcome)
  },
}
