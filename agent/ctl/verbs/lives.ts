/** What a chassis can go on from, and how it is made to forget: `backup`, `restore`, `reset`. */
import type { ProfileId } from '../../core/addresses.ts'
import { Usage } from '../arguments.ts'
import { makeChanges } from '../changing.ts'
import { changeOptions, readFile } from '../config.ts'
import type { Context, Verb } from '../context.ts'
import { exitOf, exits } from '../exits.ts'
import { refusalLines } from '../say.ts'

const passphraseOption = {
  'passphrase-file': { value: 'FILE', say: 'its first line is what secrets are sealed under' },
}

/** Never from the command line, where others could read it. */
function passphraseOf(context: Context): { readonly passphrase?: string } {
  const path = context.text('passphrase-file')
  if (path === undefined) return {}
  const [line = ''] = new TextDecoder().decode(readFile('passphrase', path)).split(/\r?\n/)
  const { length } = new TextEncoder().encode(line)
  if (length < 8 || length > 256) throw new Usage(`the first line of ${path} has ${length} bytes; use 8 to 256`)
  return { passphrase: line }
}

export const backup: Verb = {
  name: 'backup',
  forms: ['> FILE'],
  say: 'print what the chassis holds, as a text to keep',
  more:
    'Lines of at most 72 columns, each with a check sum, so that they survive paper and a serial line. Secrets stay out, ' +
    'or come along sealed under a passphrase; while a manager is in office, only he may say one. Use mqtts:// then.',
  examples: ['chassisctl backup > demo.backup', 'chassisctl backup --passphrase-file words.txt > demo.backup'],
  options: passphraseOption,
  async run(context) {
    context.words.end()
    const client = await context.client()
    const body = { kind: 'backup', ...passphraseOf(context) } as const
    const { outcome } = await client.request(body, { timeoutMs: context.limit('30s') })
    if (outcome.kind === 'refused') {
      const [first = '', ...more] = refusalLines(outcome)
      context.warn(`backup: refused: ${first}`, ...more)
      return exitOf(outcome)
    }
    if (outcome.kind !== 'backup') return context.fail('the chassis answered something else than was asked')
    if (context.format === 'table') context.io.stdout.write(outcome.text)
    else context.json({ text: outcome.text })
    return exits.ok
  },
}

export const restore: Verb = {
  name: 'restore',
  forms: ['-f FILE [--yes]', 'profile NAME… -f FILE [--force] [--yes]'],
  say: 'go on from a backup; without --yes show the difference only',
  more:
    'All of it is restored on a blank controller in the chassis that it was made in; nobody is in office afterwards, so ' +
    'take over again. Anywhere else it counts for nothing until profiles are adopted by name: each comes unassigned and ' +
    'keeps its addresses. --force takes profiles of another chassis, or of another life of this one: be sure that ' +
    'nothing else wears them. Without the passphrase secrets stay out, and profiles that name them wait.',
  examples: [
    'chassisctl restore -f demo.backup',
    'chassisctl restore -f demo.backup --yes --wait',
    'chassisctl restore profile web-01 -f demo.backup --force --yes',
  ],
  options: {
    ...changeOptions,
    file: { value: 'FILE', short: 'f', say: 'the backup; - for stdin' },
    ...passphraseOption,
    force: { say: 'also profiles of another chassis, or of another life of this one' },
    yes: { say: 'do it' },
  },
  async run(context) {
    const { words } = context
    const named: ProfileId[] = []
    if (words.maybe('profile', 'profiles')) {
      do named.push(words.id<'Profile'>('profile'))
      while (words.next !== undefined)
    }
    words.end()
    const force = context.has('force')
    if (force && named.length === 0) throw new Usage('--force is for profiles by name: restore profile web-01 -f FILE')
    const text = await context.input('file')
    const profiles = named.length > 0 ? named : ('all' as const)
    const body = { kind: 'restore', backup: text, ...passphraseOf(context), profiles, force } as const
    const target = named.length > 0 ? `profile ${named.join(', ')}` : 'the chassis'
    return shownFirst(context, [{ target, body, scope: () => ({ of: 'chassis' }) }])
  },
}

export const reset: Verb = {
  name: 'reset',
  forms: ['--serial SERIAL [--yes]'],
  say: 'factory reset: forget everything, begin another life',
  more:
    'Refused while a profile is assigned or may still be live: unassign each first. The serial is that of the chassis, ' +
    'as `chassisctl describe chassis` tells it, so that no other one is meant. Back up before.',
  examples: ['chassisctl reset --serial CZ3210ABCD', 'chassisctl reset --serial CZ3210ABCD --yes'],
  options: {
    ...changeOptions,
    serial: { value: 'SERIAL', say: 'serial of the chassis' },
    yes: { say: 'do it' },
  },
  async run(context) {
    context.words.end()
    const serial = context.text('serial')
    if (serial === undefined) throw new Usage('say --serial and the serial of the chassis')
    return shownFirst(context, [{ target: 'the chassis', body: { kind: 'factory-reset', serial } }])
  },
}

/** What can not be taken back is done only where `--yes` was said; without it, this is a dry run. */
async function shownFirst(context: Context, planned: Parameters<typeof makeChanges>[1]) {
  if (context.has('yes') || context.has('dry-run')) return makeChanges(context, planned, 'one')
  const exit = await makeChanges(context.with([], ['dry-run']), planned, 'one')
  if (exit !== exits.ok) return exit
  // A script that forgot to say it must not go on as if it was done.
  context.warn('nothing was changed; say --yes to do it')
  return exits.usage
}
