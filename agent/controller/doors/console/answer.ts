/**
 * How an answer ends on the line. The last line is always `%OK …` or `%ERR number NAME sentence`: a script reads that
 * one and nothing else. The numbers are those of the one catalogue of reasons, the same that a manager gets.
 */
import { type Refusal, reasons } from '../../../core/reasons.ts'
import type { Outcome, Reply } from '../../../core/reply.ts'
import { copyWords } from './chassis-views.ts'
import { columns, printable, wrap } from './text.ts'

/** With what it will do, where it is stored (W10), and how to see it done: accepted is not done. */
export function accepted(
  outcome: Extract<Outcome, { kind: 'accepted' }>,
  follow: string | undefined,
): readonly string[] {
  const { changed, diff, revision } = outcome.accepted
  if (!changed && diff.length === 0) return [...hint(follow), `%OK unchanged at revision ${revision}: it is so already`]
  const copies = `stored on ${copyWords(outcome.copies)}${outcome.singleCopy ? ', single copy' : ''}`
  return [
    ...diff.flatMap((line) => wrap(printable(line), columns, '  ')),
    ...hint(follow),
    changed ? `%OK accepted revision ${revision}, ${copies}` : `%OK accepted at revision ${revision}`,
  ]
}

/** What would be done, and how to have it done: for what can not be taken back. */
export function shown({ accepted, dryRun }: Extract<Outcome, { kind: 'accepted' }>, again: string): readonly string[] {
  if (!accepted.changed) return ['%OK nothing would change: it is so already']
  const bays = new Map<number, string[]>()
  for (const { kind, bay } of dryRun?.steps ?? []) bays.set(bay, [...(bays.get(bay) ?? []), kind])
  const lines = [
    ...accepted.diff,
    ...[...bays].map(([bay, kinds]) => `bay ${bay}, then: ${[...new Set(kinds)].join(', ')}`),
    ...(dryRun?.findings ?? []).flatMap(({ say, remedy }) => [say, `  do: ${remedy}`]),
  ]
  return [
    ...lines.flatMap((line) => wrap(printable(line), columns, '  ')),
    `%OK nothing was changed; to do it: ${again}`,
  ]
}

const hint = (follow: string | undefined): readonly string[] =>
  follow === undefined ? [] : [`to see it done: ${follow}`]

/**
 * The sentence stands in the last line where it fits; where it does not, it stands above, and its last part, which is
 * the way out, in the last line. That one is never broken: a terminal may wrap it, a script reads it whole.
 */
export function refused({ reason, say, violations = [] }: Refusal, others: readonly Refusal[] = []): readonly string[] {
  const head = `%ERR ${reasons[reason].number} ${reason.toUpperCase().replaceAll('-', '_')}`
  const more = [...violations.filter((each) => !say.includes(each.say)), ...others].flatMap((each) =>
    wrap(printable('field' in each ? `${each.field}: ${each.say}` : each.say), columns, '  '),
  )
  const sentence = printable(say)
  const whole = `${head} ${sentence}`
  if (whole.length <= columns) return [...more, whole]
  const cut = sentence.lastIndexOf('; ')
  const wayOut = cut < 0 ? printable(reasons[reason].remedy) : sentence.slice(cut + 2)
  return [...wrap(sentence, columns, '  '), ...more, `${head} ${wayOut}`]
}

export function answer({ outcome }: Reply, follow: string | undefined): readonly string[] {
  switch (outcome.kind) {
    case 'accepted':
      return accepted(outcome, follow)
    case 'refused':
      return refused(outcome.refusal, outcome.others)
    case 'state':
    case 'events':
    case 'reasons':
    case 'looked-up':
    case 'backup':
      // Answers to questions; a command gets none of these.
      return ['%OK']
  }
}
