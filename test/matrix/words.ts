/**
 * From what was measured to the words of the table: each word is chosen by an outcome. What differs by chance or by
 * seed, serial numbers and names of models, is left out, so that boards where the same happens read the same.
 */
import type { Answer } from './manager.ts'
import { type Asked, asked, type By, type Outcome } from './run.ts'

export const columns = [
  'runs on',
  'commands meanwhile',
  'starts',
  'comes back',
  'managers',
  'the chassis says',
] as const
export type Cells = { readonly [column in (typeof columns)[number]]: string }

/** `usual`: what the same commands are answered when nothing is lost. */
export function cellsOf(outcome: Outcome, usual: Outcome['answers'] = {}): Cells {
  return {
    'runs on': runsOn(outcome),
    'commands meanwhile': answers(outcome, usual),
    starts: starts(outcome),
    'comes back': comesBack(outcome),
    managers: outcome.lostOffice ? 'must take over again' : 'stay in office',
    'the chassis says': said(outcome),
  }
}

function runsOn({ ran, untouched, darkened }: Outcome): string {
  const who = untouched.length === ran.length ? 'both' : untouched.length === 0 ? 'neither' : untouched.join(', ')
  return darkened.length === 0 ? who : `${who} (${darkened.map((why) => befell[why]).join(', ')})`
}

const befell: { readonly [why in Outcome['darkened'][number]]: string } = {
  'bmc-power-off': 'powered off',
  shutdown: 'shut down',
  'power-button': 'button',
  'power-cycle': 'power cycle',
  'ac-loss': 'AC lost',
  cut: 'power cut',
  pulled: 'pulled',
  'os-reboot': 'rebooted',
}

const copyNames = { flash: 'flash', peer: 'peer', eeprom: 'EEPROM' } as const

function answers({ answers: given }: Outcome, usual: Outcome['answers']): string {
  const all = asked.flatMap((command) => (given[command] ? [[command, given[command]] as const] : []))
  if (all.length === 0) return 'not asked'
  if (all.every(([, { is }]) => is === 'nobody')) return 'nobody answers'
  const refused = new Map<string, Asked[]>()
  for (const [command, answer] of all) {
    const before = usual[command]
    if (answer.is === 'refused' && before?.is === 'refused' && answer.reason === before.reason) continue
    if (answer.is !== 'taken') refused.set(why(answer), [...(refused.get(why(answer)) ?? []), command])
  }
  const taken = all.filter(([, { is }]) => is === 'taken').map(([command]) => command)
  const parts = [...refused].map(([reason, commands]) => `${commands.join(', ')}: ${reason}`)
  const { define } = given
  if (define?.is !== 'taken')
    return [...parts, ...(taken.length > 0 ? [`${taken.join(', ')}: answered`] : [])].join('; ')
  const asEver = usual.define?.is === 'taken' && usual.define.copies.length === define.copies.length
  const where = asEver ? 'all copies' : define.copies.map((copy) => copyNames[copy]).join(', ')
  return [`taken: ${where}${define.single ? ' (single copy)' : ''}`, ...parts].join('; ')
}

const why = (answer: Exclude<Answer, { is: 'taken' }>) =>
  answer.is === 'nobody' ? 'no answer' : `\`${answer.reason}\``

function starts({ started, denied, answers, duplicates }: Outcome): string {
  // That one was powered on by the manager, to see whether it can be.
  const commanded = answers['power on']?.is === 'taken'
  const who = [...new Set(started)].filter((name) => !(commanded && name === 'idle'))
  const named = who.map((name) => (name === 'nobody' ? '**one under no profile**' : name))
  const parts = [
    ...(named.length > 0 ? [named.join(', ')] : []),
    ...(denied > 0 ? ['the latch denies the button'] : []),
    ...(duplicates > 0 ? ['**an address on two blades**'] : []),
  ]
  return parts.length > 0 ? parts.join('; ') : 'none'
}

function comesBack({ served, whole, missing }: Outcome): string {
  if (!served) return `not: ${missing.map(plain).join(', ')}`
  const serves = by(served)
  if (!whole) return `${serves}; the copies not`
  if (by(whole) === serves) return serves
  const more = whole === 'itself' || served === 'itself' ? whole : whole.slice(served.length)
  return `${serves}; all copies: ${by(more)}`
}

const by = (how: By) => (how === 'itself' ? 'by itself' : how.map((hand) => `*${hand}*`).join(', then '))

function said({ said: lines }: Outcome): string {
  if (lines.length === 0) return 'nothing to do'
  return lines
    .map(({ reason, message, remedy }) => `\`${reason}\` ${plain(message)} (do: ${plain(remedy)})`)
    .join('<br>')
}

export function plain(text: string): string {
  return text
    .replace(/\b(ctl-\d)\/[0-9a-f]{16}/g, '$1/…')
    .replace(/\bMP[0-9A-F]{8}\b/g, 'MP…')
    .replace(/--adopt rig\b/g, '`--adopt CHASSIS`')
    .replace(/another model \([^)]*\)/g, 'another model')
    .replace(/journal-\d+/g, 'journal')
    .replaceAll('|', '/')
}
