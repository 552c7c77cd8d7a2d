/** What is done to bays: `power`, `boot`, `reseat`, `locate`, `resync`. */
import type { Bay, OverrideTarget } from '../../core/blade.ts'
import type { WireCommand } from '../../wire/command.ts'
import { readNumber, Usage } from '../arguments.ts'
import { makeChanges, type Planned } from '../changing.ts'
import { changeOptions } from '../config.ts'
import type { Context, Verb } from '../context.ts'
import { readBootPlan, readJson } from '../documents.ts'
import type { Exit } from '../exits.ts'

const planned = (bay: Bay, body: WireCommand): Planned => ({
  target: `bay ${bay}`,
  body,
  scope: () => ({ of: 'bay', bay }),
})

function each(context: Context, bays: readonly Bay[], body: (bay: Bay) => WireCommand): Promise<Exit> {
  return makeChanges(
    context,
    bays.map((bay) => planned(bay, body(bay))),
    'many',
  )
}

export const power: Verb = {
  name: 'power',
  forms: ['bay BAYS on | off | cycle | reset [--force]'],
  say: 'switch blades on or off, cycle or reset them',
  more: 'off asks the operating system first and waits; --force switches off at once.',
  examples: ['chassisctl power bay 3 on --wait', 'chassisctl power bay 1-4,7 off --force'],
  options: { ...changeOptions, force: { say: 'do not wait for the operating system' } },
  async run(context) {
    const bays = context.words.bays()
    const want = context.words.choice('action', ['on', 'off', 'cycle', 'reset'])
    context.words.end()
    const stop = context.has('force') ? 'forced' : 'graceful'
    return each(context, bays, (bay) => ({ kind: 'power', bay, want, stop }))
  },
}

const targets: readonly OverrideTarget[] = ['pxe', 'http', 'local', 'remote', 'setup']

export const boot: Verb = {
  name: 'boot',
  forms: [`bay N ${targets.join(' | ')} HOW`, 'bay N none', 'plan PROFILE -f FILE'],
  say: 'boot from something else, or replace the boot plan of a profile',
  more:
    'HOW is --once, --always or --boots N: how long an override lasts is always said, and none takes it away. ' +
    'The plan is JSON: {"mode": "uefi", "order": [{"target": "pxe", "connection": "prod"}]}.',
  examples: [
    'chassisctl boot bay 3 pxe --once',
    'chassisctl boot bay 3 none',
    'chassisctl boot plan web-01 -f boot.json',
  ],
  options: {
    ...changeOptions,
    once: { say: 'for one boot' },
    always: { say: 'until it is taken away' },
    boots: { value: 'N', say: 'for so many boots' },
    file: { value: 'FILE', short: 'f', say: 'the boot plan; - for stdin' },
  },
  async run(context) {
    const { words } = context
    if (words.maybe('plan')) return plan(context)
    const bay = words.bay()
    const target = words.choice('boot target', [...targets, 'none'] as const)
    words.end()
    const lasts = span(context)
    if (target === 'none') {
      if (lasts !== undefined) throw new Usage('none takes the override away; leave out how long it lasts')
      return makeChanges(context, [planned(bay, { kind: 'override-boot', bay })], 'one')
    }
    if (lasts === undefined) throw new Usage('say how long it lasts: --once, --always or --boots N')
    return makeChanges(context, [planned(bay, { kind: 'override-boot', bay, override: { target, lasts } })], 'one')
  },
}

function span(context: Context): 'once' | 'always' | { readonly boots: number } | undefined {
  const said = ['once', 'always', 'boots'].filter((name) => context.has(name))
  if (said.length > 1) throw new Usage(`say one of --${said.join(' and --')}`)
  const boots = context.text('boots')
  if (boots !== undefined) {
    const number = readNumber(boots, '--boots')
    if (number < 1) throw new Usage('--boots counts from 1')
    return { boots: number }
  }
  return context.has('once') ? 'once' : context.has('always') ? 'always' : undefined
}

async function plan(context: Context): Promise<Exit> {
  const profile = context.words.id<'Profile'>('profile')
  context.words.end()
  const boot = readBootPlan(readJson(await context.input('file')))
  const body = { kind: 'set-boot-plan', profile, boot } as const
  const scope = () => ({ of: 'profile', profile }) as const
  return makeChanges(context, [{ target: `profile ${profile}`, body, scope }], 'one')
}

export const reseat: Verb = {
  name: 'reseat',
  forms: ['bay BAYS'],
  say: 'cut the power of a bay, as if its blade was pulled and put back',
  more: 'A running blade loses its power at once. Not every chassis can cut one bay; it says so.',
  examples: ['chassisctl reseat bay 3'],
  options: changeOptions,
  async run(context) {
    const bays = context.words.bays()
    context.words.end()
    return each(context, bays, (bay) => ({ kind: 'reseat', bay }))
  },
}

export const locate: Verb = {
  name: 'locate',
  forms: ['bay BAYS on | off'],
  say: 'light the locate LED of a bay, or put it out',
  examples: ['chassisctl locate bay 3 on'],
  options: changeOptions,
  async run(context) {
    const bays = context.words.bays()
    const lit = context.words.choice('state', ['on', 'off']) === 'on'
    context.words.end()
    return each(context, bays, (bay) => ({ kind: 'locate', bay, lit }))
  },
}

export const resync: Verb = {
  name: 'resync',
  forms: ['[bay BAYS]'],
  say: 'look again, and clear faults that wait for a word',
  examples: ['chassisctl resync bay 3 --wait', 'chassisctl resync'],
  options: changeOptions,
  async run(context) {
    if (context.words.next !== undefined) {
      const bays = context.words.bays()
      context.words.end()
      return each(context, bays, (bay) => ({ kind: 'resync', bay }))
    }
    const all: Planned = { target: 'all bays', body: { kind: 'resync' }, scope: () => ({ of: 'chassis' }) }
    return makeChanges(context, [all], 'many')
  },
}
