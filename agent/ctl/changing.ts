/**
 * Changes, as every verb that makes some makes them: read what is due, send, say what came of it, and where asked wait
 * until it is done.
 */
import { touchesBindings } from '../core/command.ts'
import type { Outcome, Reply } from '../core/reply.ts'
import type { Accepted } from '../core/state.ts'
import type { WireCommand } from '../wire/command.ts'
import { Usage } from './arguments.ts'
import { type Client, isInSync, type RequestOptions, type Scope, scopeName } from './client.ts'
import type { Context } from './context.ts'
import { TimedOut } from './errors.ts'
import { type Exit, exitOf, exitOfUnanswered, exits, together } from './exits.ts'
import { plain } from './print.ts'
import { addressWords, refusalLines, stepLines } from './say.ts'

export interface Planned {
  /** What it is about: `bay 3`, `profile web-01`. */
  readonly target: string
  readonly body: WireCommand
  /** What `--wait` waits for; absent: nothing that could be out of sync. */
  readonly scope?: (accepted: Accepted) => Scope
}

/** Made one after the other, each on the revision that the one before it made. */
export async function makeChanges(context: Context, planned: readonly Planned[], shape: 'one' | 'many'): Promise<Exit> {
  if (planned.length > 1 && context.has('request-id'))
    throw new Usage('--request-id is for one change, and these are several; change one bay at a time')
  const client = await context.client()
  const send = await sender(context, client)
  const exitsSoFar: Exit[] = []
  const replies: { readonly target: string; readonly reply: Reply; readonly planned: Planned }[] = []
  for (const [i, each] of planned.entries()) {
    try {
      const reply = await send(each.body)
      replies.push({ target: each.target, reply, planned: each })
      sayReply(context, each.target, reply.outcome, reply.replayed)
      exitsSoFar.push(exitOf(reply.outcome))
    } catch (error) {
      const exit = exitOfUnanswered(error)
      context.warn(`${each.target}: ${(error as Error).message}`)
      const left = planned.slice(i + 1).map(({ target }) => target)
      if (left.length > 0) context.warn(`not sent: ${left.join(', ')}`)
      // Those were not even tried: they count as failed.
      exitsSoFar.push(exit, ...left.map(() => exit))
      break
    }
  }
  const forms = replies.map(({ target, reply }) => ({ target, ...reply }))
  if (context.format !== 'table' && (shape === 'many' || forms[0])) context.json(shape === 'many' ? forms : forms[0])
  const waits = replies.flatMap(({ reply: { outcome }, planned: { scope } }) =>
    outcome.kind === 'accepted' && !outcome.dryRun && scope ? [{ accepted: outcome.accepted, scope }] : [],
  )
  if (!context.has('wait')) {
    if (waits.some(({ accepted }) => accepted.changed))
      context.note('accepted is not done: chassisctl wait --for in-sync tells when it is')
    return together(exitsSoFar)
  }
  const waited = await Promise.all(
    waits.map(({ accepted, scope }) => waitDone(context, client, scope(accepted), accepted.revision, '120s')),
  )
  const late = waited.find((exit) => exit !== exits.ok)
  const sent = together(exitsSoFar)
  return sent === exits.ok && late !== undefined ? late : sent
}

export type Send = (body: WireCommand) => Promise<Reply>

/** Sends changes with all that is due: the state is read anew where a manager is in office, so that nothing is stale. */
export async function sender(context: Context, client: Client): Promise<Send> {
  const timeoutMs = context.limit('15s')
  const dryRun = context.has('dry-run')
  if (client.state.presence?.online) {
    await client.load(timeoutMs)
    if (client.state.chassis?.office) await client.refresh({ timeoutMs })
  }
  const request = context.text('request-id')
  let ifRevision = context.number('if-revision')
  return async (body) => {
    const before = request === undefined ? undefined : await asSentBefore(client, request, body, timeoutMs)
    const due: RequestOptions = ifRevision === undefined ? {} : { ifRevision }
    const reply = await client.request(body, { timeoutMs, dryRun, request, ...before, ...due })
    // It stood at what was asked for, so what it stands at now is this change alone.
    if (ifRevision !== undefined && reply.outcome.kind === 'accepted' && !reply.outcome.dryRun)
      ifRevision = reply.outcome.accepted.revision
    return reply
  }
}

/**
 * A request id that was accepted before names one content: sequence, epoch and revision belong to it, and follow from
 * the stored answer. Anything else that differs is a reuse, and the chassis says so.
 */
async function asSentBefore(
  client: Client,
  request: string,
  body: WireCommand,
  timeoutMs: number,
): Promise<RequestOptions> {
  const { outcome } = await client.request({ kind: 'look-up-request', request }, { timeoutMs })
  if (outcome.kind !== 'looked-up' || outcome.sequence === undefined) return {}
  const { sequence, accepted } = outcome
  if (body.kind === 'take-over') return { sequence }
  // A factory reset begins to count anew.
  const ifRevision = Math.max(0, accepted.revision - (accepted.changed ? 1 : 0))
  const touches = body.kind !== 'set-secret' && touchesBindings(body)
  return { sequence, epoch: accepted.epoch, ...(touches && { ifRevision }) }
}

function sayReply(context: Context, target: string, outcome: Outcome, replayed: boolean): void {
  if (outcome.kind === 'refused') {
    const [first = '', ...more] = refusalLines(outcome)
    context.warn(`${target}: refused: ${first}`, ...more)
  }
  if (outcome.kind !== 'accepted' || context.format !== 'table') return
  const { accepted, dryRun, copies, singleCopy } = outcome
  if (dryRun) {
    context.line(...dryRunLines(target, accepted, dryRun))
    return
  }
  context.line(...acceptedLines(target, accepted, replayed))
  if (accepted.changed && !replayed) context.note(`stored on ${copies.join(' and ')}`)
  if (singleCopy) context.warn(`${target}: single copy: no second one could be stored; back up, and mend the EEPROM`)
}

export function acceptedLines(target: string, accepted: Accepted, replayed = false): readonly string[] {
  const { changed, diff, revision, given } = accepted
  const again = replayed ? ' (answered before; nothing was run again)' : ''
  const addresses = Object.entries(given ?? {}).filter(([, set]) => Object.keys(set).length > 0)
  return [
    `${target}: ${changed ? 'changed' : diff.length > 0 ? 'accepted' : 'unchanged'}, revision ${revision}${again}`,
    ...diff.map((line) => `  ${plain(line)}`),
    ...(changed ? addresses.map(([connection, set]) => `  ${connection}: ${addressWords(set)}`) : []),
  ]
}

function dryRunLines(
  target: string,
  { changed, diff }: Accepted,
  { steps, findings }: NonNullable<Extract<Outcome, { kind: 'accepted' }>['dryRun']>,
): readonly string[] {
  return [
    `${target}: ${changed ? 'would change' : 'would not change'} (dry run)`,
    ...diff.map((line) => `  ${plain(line)}`),
    ...steps.flatMap((step, i) =>
      stepLines(step).map((line, at) => (at === 0 ? `  step ${i + 1}: ${line}` : `    ${line}`)),
    ),
    ...findings.flatMap(({ type, reason, say, remedy }) => [
      `  ${type}: ${reason}: ${plain(say)}`,
      `    do: ${plain(remedy)}`,
    ]),
  ]
}

/** Waits until it is done, and shows on a terminal what it waits for meanwhile. */
export async function waitDone(
  context: Context,
  client: Client,
  scope: Scope,
  revision: number,
  usual: string,
): Promise<Exit> {
  const what = scopeName(scope)
  let told = ''
  const stop = client.state.changed.hear(() => {
    const now = obstacles(client, scope)
    if (now.length > 0 && now[0] !== told) context.note(`${what}: ${now[0]}`)
    told = now[0] ?? ''
  })
  try {
    await client.waitForSync(scope, revision, { timeoutMs: context.limit(usual), signal: context.io.signal })
    context.note(`${what}: in sync`)
    return exits.ok
  } catch (error) {
    if (!(error instanceof TimedOut)) throw error
    const seen = obstacles(client, scope)
    const why = isInSync(client.state, scope, 0) ? [`revision ${revision} is not shown yet`] : seen
    context.warn(`${what} is not in sync after ${context.limit(usual) / 1000} s`, ...why.map((line) => `  ${line}`))
    return exits.timeout
  } finally {
    stop()
  }
}

function obstacles({ state }: Client, scope: Scope): readonly string[] {
  const { chassis } = state
  const bayOfProfile = (id: string) => state.all('profile').find(({ profile }) => profile.id === id)?.bay
  const bay = scope.of === 'bay' ? scope.bay : scope.of === 'profile' ? bayOfProfile(scope.profile) : undefined
  if (scope.of === 'profile' && bay === undefined) return []
  return (chassis?.todo ?? [])
    .filter((todo) => bay === undefined || todo.bay === bay)
    .map(({ bay: at, reason, message, remedy }) => `bay ${at}: ${reason}: ${plain(message)} (do: ${plain(remedy)})`)
}
