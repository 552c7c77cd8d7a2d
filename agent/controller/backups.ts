/**
 * Backups between their text and the agent: written from what is durable, read into the content of a command. Secrets
 * change their key on the way (W16): from under the chassis key to under a passphrase, and back, and are in neither the
 * text nor the command as they are.
 */
import type { ClientId, SecretId } from '../core/addresses.ts'
import type { Command } from '../core/command.ts'
import { type Refusal, refuse } from '../core/reasons.ts'
import type { Outcome } from '../core/reply.ts'
import type { SealedSecret, State } from '../core/state.ts'
import type { WireCommand } from '../wire/command.ts'
import type { Agent } from './agent.ts'
import { newStretch, passphraseKey, type Sealer, sealer as sealerOf } from './secrets.ts'
import type { Showing } from './showing.ts'
import { type BackupFile, type Locked, readBackup, writeBackup } from './store/backup.ts'
import type { Problem } from './store/backup-lines.ts'
import { GENESIS, parsePosition } from './store/copies.ts'

export interface BackupParts {
  readonly agent: Pick<Agent, 'now'>
  readonly showing: Pick<Showing, 'parts'>
  /** Once no factory reset is on its way; undefined: no key of this life, so no secret can be kept. */
  readonly keeper: () => Promise<Sealer | undefined>
}

export interface Backups {
  write(passphrase: string | undefined, client: ClientId | undefined): Promise<Outcome>
  read(
    command: Extract<WireCommand, { kind: 'restore' }>,
  ): Promise<
    | { readonly is: 'read'; readonly command: Extract<Command, { kind: 'restore' }> }
    | { readonly is: 'refused'; readonly refusal: Refusal }
  >
}

export function openBackups({ agent, showing, keeper }: BackupParts): Backups {
  /** A secret that can not be unsealed here is no use anywhere: it stays out, and is named. */
  async function lock({ secrets }: State, passphrase: string): Promise<Locked> {
    const scrypt = newStretch()
    const under = sealerOf(await passphraseKey(passphrase, scrypt))
    const sealer = await keeper()
    const sealed = Object.values(secrets).flatMap(({ id, sealed }) => {
      const plain = sealer?.unseal(id, sealed)
      return plain === undefined ? [] : [[id, under.seal(id, plain).sealed] as const]
    })
    return { scrypt, sealed: Object.fromEntries(sealed) }
  }

  async function unlock({ scrypt, sealed }: Locked, passphrase: string): Promise<readonly SealedSecret[] | Refusal> {
    const under = sealerOf(await passphraseKey(passphrase, scrypt))
    const sealer = await keeper()
    if (!sealer) {
      return refuse('eeprom-unreadable', 'there is no chassis key to seal its secrets under; cure the chassis EEPROM')
    }
    const secrets: SealedSecret[] = []
    for (const [id, text] of Object.entries(sealed) as [SecretId, string][]) {
      const plain = under.unseal(id, text)
      if (plain === undefined) return wrongPassphrase
      secrets.push({ id, ...sealer.seal(id, plain) })
    }
    return secrets
  }

  /** Where the binding store stands; a moment later it may stand further. */
  function stands({ term }: State): BackupFile['at'] {
    const owner = showing.parts().find(({ part }) => part.part === 'controller' && part.view.role === 'owner')?.part
    const { index, digest } = owner?.part === 'controller' ? owner.view.store : GENESIS
    return parsePosition({ term, index, digest }) ?? { ...GENESIS, term }
  }

  return {
    write: async (passphrase, client) => {
      const { state, chassisSerial } = agent.now()
      if (chassisSerial === '') return { kind: 'refused', refusal: noSerial, retryAfterMs: 1000 }
      // Under a passphrase of his own anybody could carry secrets away that nobody may read.
      if (passphrase !== undefined && state.office && client !== state.office.client) {
        const say = `${state.office.client} commands this chassis; ask for a backup without a passphrase`
        return { kind: 'refused', refusal: refuse('not-in-office', say) }
      }
      const locked = passphrase === undefined ? undefined : await lock(state, passphrase)
      const text = writeBackup({
        ...{ serial: chassisSerial, at: stands(state), state },
        secrets: Object.keys(state.secrets) as SecretId[],
        ...(locked && { locked }),
      })
      if (text === undefined) {
        return { kind: 'refused', refusal: refuse('too-large', 'this is more than a backup can hold; remove profiles') }
      }
      // One that nobody can read would be found out when it is the last one.
      if (readBackup(text).ok) return { kind: 'backup', text }
      const say = 'this version could not read back what it holds, so it gives no backup of it; update the agent'
      return { kind: 'refused', refusal: refuse('newer-than-me', say) }
    },
    read: async ({ backup: text, passphrase, profiles, force }) => {
      const read = readBackup(text)
      if (!read.ok) return { is: 'refused', refusal: damaged(read.problems) }
      const { serial, state, secrets, locked } = read.backup
      const opened = locked && passphrase !== undefined ? await unlock(locked, passphrase) : []
      if ('reason' in opened) return { is: 'refused', refusal: opened }
      const came = Object.fromEntries(opened.map((secret) => [secret.id, secret]))
      const missing = secrets.filter((id) => !Object.hasOwn(came, id))
      const backup = { serial, state: { ...state, secrets: came }, missing }
      return { is: 'read', command: { kind: 'restore', backup, here: agent.now().chassisSerial, profiles, force } }
    },
  }
}

const noSerial = refuse('bay-unknown', 'the serial of this chassis was not read yet; wait for the backplane')
const wrongPassphrase = refuse('passphrase-wrong', 'the secrets of this backup are not under that passphrase', [
  { field: 'restore.passphrase', say: 'is another one' },
])

/** Every line that is wrong, so that only those have to be sent again. */
function damaged(problems: readonly [Problem, ...Problem[]]): Refusal {
  const [first, ...more] = problems
  const say = `${first.say}${more.length > 0 ? ` (and ${more.length} more)` : ''}; nothing was restored`
  const violations = problems.map((problem) => ({ field: 'restore.backup', say: problem.say }))
  return refuse('backup-damaged', say, violations)
}
