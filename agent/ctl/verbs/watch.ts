/** `watch` and `wait`: the diary as it goes on, and waiting until something is done. */
import type { Event } from '../../core/views.ts'
import { Usage, type Words } from '../arguments.ts'
import { waitDone } from '../changing.ts'
import { type Scope, scopeName } from '../client.ts'
import type { Verb } from '../context.ts'
import { Unreachable } from '../errors.ts'
import { exits } from '../exits.ts'
import { columns, plain, wrap } from '../print.ts'
import { get, timer } from './get.ts'

export const watch: Verb = {
  name: 'watch',
  forms: ['events [--since N]', 'bays | profiles | pools | controllers [ID …]'],
  say: 'go on showing what happens, until ^C or --timeout',
  more: 'Events that the broker dropped are asked for again, so that no number is missing. -o json gives a line for each.',
  examples: ['chassisctl watch events', 'chassisctl watch bays 3 --timeout 2m'],
  options: { since: { value: 'N', say: 'events after this number, then those to come' } },
  async run(context) {
    const { words } = context
    if (!words.maybe('events', 'event')) return get.run(context.with(words.rest(), ['watch']))
    words.end()
    const since = context.number('since')
    const client = await context.client()
    const { timeoutMs } = context.settings
    const signal = timeoutMs === undefined ? context.io.signal : timer(timeoutMs, context.io.signal)
    for await (const heard of client.events({ since, signal })) {
      if (heard.kind === 'unread') context.warn(`an event can not be read: ${heard.say}`)
      else if (context.format === 'table') context.line(...eventLines(heard))
      else context.line(JSON.stringify(heard))
    }
    return exits.ok
  },
}

function eventLines(event: Event): readonly string[] {
  if (event.kind === 'gap') return [`no #${event.from} to #${event.to}: dropped, or numbers never used`]
  const { number, severity, type, message, bay, profile, who } = event
  const about = [bay !== undefined && `bay ${bay}`, profile && `profile ${profile}`].filter(Boolean).join(', ')
  const head = `#${number} ${severity} ${type}${about ? ` (${about})` : ''}${who ? ` by ${who.client}` : ''}`
  return [...wrap(head, columns), ...wrap(plain(message), columns - 4).map((line) => `    ${line}`)]
}

export const wait: Verb = {
  name: 'wait',
  forms: ['--for in-sync [bay N | profile ID] [--revision N]'],
  say: 'wait until what was accepted is done',
  more: 'Done is retained state of that revision, or a later one, that is in sync. Usual limit: 60 s.',
  examples: ['chassisctl wait --for in-sync bay 3 --timeout 5m', 'chassisctl wait --for in-sync --revision 12'],
  options: {
    for: { value: 'in-sync', say: 'what to wait for' },
    revision: { value: 'N', say: 'not before this revision is shown' },
  },
  async run(context) {
    const { words } = context
    if (context.choice('for', ['in-sync']) === undefined) throw new Usage('say what to wait for: --for in-sync')
    const revision = context.number('revision') ?? 0
    const scope = scopeWords(words)
    words.end()
    const client = await context.client()
    if (client.state.presence?.online !== true)
      throw new Unreachable(`chassis ${client.chassis} is offline: its agent has no connection to the broker`)
    await client.load(context.limit('60s'))
    if (scope.of !== 'chassis') {
      const name = scope.of === 'bay' ? `bay-${scope.bay}` : `profile-${scope.profile}`
      // Only a whole state says that something is not there.
      if (client.state.isWhole && !client.state.parts.has(name))
        return context.fail(`chassis ${client.chassis} shows no ${name.replace('-', ' ')}`)
    }
    const exit = await waitDone(context, client, scope, revision, '60s')
    if (exit === exits.ok && context.format === 'table')
      context.line(`${scopeName(scope)} is in sync at revision ${client.state.chassis?.revision}`)
    else if (exit === exits.ok) context.json({ inSync: true, revision: client.state.chassis?.revision })
    return exit
  },
}

function scopeWords(words: Words): Scope {
  if (words.next === undefined || words.maybe('chassis')) return { of: 'chassis' }
  if (words.maybe('profile')) return { of: 'profile', profile: words.id('profile') }
  return { of: 'bay', bay: words.bay() }
}
