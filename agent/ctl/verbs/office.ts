/** What belongs to the manager and not to a bay: `take-over`, `secret`, `delete`. */
import type { SecretId } from '../../core/addresses.ts'
import { readNumber, Usage } from '../arguments.ts'
import { makeChanges } from '../changing.ts'
import { changeOptions } from '../config.ts'
import type { Verb } from '../context.ts'
import { Unreachable } from '../errors.ts'

export const takeOver: Verb = {
  name: 'take-over',
  forms: ['--lineage ID --number N'],
  say: 'become the manager in office',
  more:
    'From then on only this client may change bindings, and every change carries epoch, sequence and revision; ' +
    'chassisctl fills them in. Lineage and number are name and version of your database: an older one is refused.',
  examples: ['chassisctl take-over --client dc-manager --lineage dc1 --number 42'],
  options: {
    ...changeOptions,
    lineage: { value: 'ID', say: "name of the manager's database" },
    number: { value: 'N', say: 'its version; it only rises' },
  },
  async run(context) {
    context.words.end()
    const lineage = context.text('lineage')
    const number = context.text('number')
    if (lineage === undefined || number === undefined) throw new Usage('say --lineage ID and --number N')
    const version = readNumber(number, '--number')
    const client = await context.client()
    await client.refresh({ timeoutMs: context.limit('15s') })
    const { chassis } = client.state
    if (!chassis) throw new Unreachable(`chassis ${client.chassis} does not show its epoch; try again`)
    const { incarnation, epoch } = chassis
    const body = { kind: 'take-over', incarnation, observedEpoch: epoch, lineage, number: version } as const
    return makeChanges(context, [{ target: `chassis ${client.chassis}`, body }], 'one')
  },
}

export const changeover: Verb = {
  name: 'changeover',
  forms: ['[--force]'],
  say: 'let the other controller of a pair lead',
  more:
    'No blade is touched. Refused while the standby does not hold everything; with --force it then goes on from the ' +
    'chassis EEPROM, at a new epoch, with nobody in office.',
  examples: ['chassisctl changeover'],
  options: { ...changeOptions, force: { say: 'though it does not hold everything' } },
  async run(context) {
    context.words.end()
    const client = await context.client()
    const body = { kind: 'changeover', force: context.has('force') } as const
    return makeChanges(context, [{ target: `chassis ${client.chassis}`, body }], 'one')
  },
}

const secretBytes = 256

export const secret: Verb = {
  name: 'secret',
  forms: ['set ID < FILE'],
  say: 'store a secret that boot plans can name (CHAP)',
  more: 'The value comes on stdin and never on the command line, where others could read it. It is never shown again.',
  examples: ['printf %s "$CHAP" | chassisctl secret set chap-1'],
  options: changeOptions,
  async run(context) {
    context.words.choice('action', ['set'])
    const id: SecretId = context.words.id<'Secret'>('secret')
    context.words.end()
    if (context.io.isTTY.stdin) throw new Usage(`pipe the value in: printf %s "$CHAP" | chassisctl secret set ${id}`)
    const value = (await context.stdin(secretBytes * 4)).replace(/\r?\n$/, '')
    if (value === '') throw new Usage('nothing came on stdin; pipe the value in')
    const body = { kind: 'set-secret', secret: id, value } as const
    return makeChanges(context, [{ target: `secret ${id}`, body }], 'one')
  },
}

export const remove: Verb = {
  name: 'delete',
  forms: ['profile | pool | secret | policy ID'],
  say: 'remove a profile, pool or secret that nothing uses, or a policy',
  more: 'What is not there is unchanged: deleting twice is deleting once.',
  examples: ['chassisctl delete profile web-01'],
  options: changeOptions,
  async run(context) {
    const kind = context.words.choice('thing', ['profile', 'pool', 'secret', 'policy'])
    const { words } = context
    switch (kind) {
      case 'profile': {
        const profile = words.id<'Profile'>('profile')
        words.end()
        return makeChanges(
          context,
          [{ target: `profile ${profile}`, body: { kind: 'remove-profile', profile } }],
          'one',
        )
      }
      case 'pool': {
        const pool = words.id<'Pool'>('pool')
        words.end()
        return makeChanges(context, [{ target: `pool ${pool}`, body: { kind: 'remove-pool', pool } }], 'one')
      }
      case 'secret': {
        const id = words.id<'Secret'>('secret')
        words.end()
        return makeChanges(context, [{ target: `secret ${id}`, body: { kind: 'remove-secret', secret: id } }], 'one')
      }
      case 'policy': {
        const policy = words.id<'Policy'>('policy')
        words.end()
        return makeChanges(context, [{ target: `policy ${policy}`, body: { kind: 'remove-policy', policy } }], 'one')
      }
    }
  },
}
