/**
 * Text for a terminal of 79 columns that knows nothing: no colours, no cursor movement, printable ASCII only, so that
 * what stands on the serial line is also what a log or a script gets.
 */
export const columns = 79

const typographic: Readonly<Record<string, string>> = { '→': '->', '…': '...', '–': '-', '—': '-', '’': "'", '·': '-' }

/** Whatever it was given, only characters that every terminal prints. */
export function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/gu, (character) => typographic[character] ?? '?')
}

/**
 * Lines of at most `width` characters, broken at spaces; what has none is broken where it must. The first begins as the
 * text does, the others with `indent`.
 */
export function wrap(text: string, width: number = columns, indent = ''): readonly string[] {
  const lines: string[] = []
  const [begin = ''] = /^ */.exec(text) ?? []
  let line = begin
  for (const word of text.slice(begin.length).split(' ')) {
    let rest = word
    const isNew = line === (lines.length === 0 ? begin : indent)
    if (!isNew && line.length + 1 + rest.length > width) {
      lines.push(line)
      line = indent
    } else if (!isNew) line += ' '
    while (line.length + rest.length > width) {
      lines.push(line + rest.slice(0, width - line.length))
      rest = rest.slice(width - line.length)
      line = indent
    }
    line += rest
  }
  return [...lines, line]
}

export interface Column {
  readonly head: string
  /** Longest that a cell of it stands on one line; a longer one goes on below. */
  readonly most: number
  /** Numbers stand right. */
  readonly right?: boolean
}

/** A table whose columns are as wide as they need to be; widths and gaps of two must not exceed 79 in sum. */
export function table(heads: readonly Column[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = rows.map((row) => heads.map(({ most }, i) => wrap(row[i] || '-', most)))
  const widths = heads.map(({ head }, i) =>
    Math.max(head.length, ...cells.flatMap((row) => (row[i] ?? []).map(({ length }) => length))),
  )
  const line = (texts: readonly string[]) =>
    heads
      .map(({ right }, i) =>
        right ? (texts[i] ?? '').padStart(widths[i] ?? 0) : (texts[i] ?? '').padEnd(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return [
    line(heads.map(({ head }) => head)),
    ...cells.flatMap((row) => {
      const height = Math.max(...row.map(({ length }) => length))
      return Array.from({ length: height }, (_, i) => line(row.map((parts) => parts[i] ?? '')))
    }),
  ]
}

/** `3 s`, `5 min`, `2 h`, `4 days`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

/** `2026-11-22 16:25:38`, UTC; civil date from a day count, so that no calendar of the machine is asked. */
export function dateTime(ms: number): string {
  const day = Math.floor(ms / 86_400_000)
  const second = Math.floor(ms / 1000) - day * 86_400
  // Days from 0000-03-01, in eras of 400 years: March first, so that the leap day is the last of its year.
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const ofEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shiftedMonth = Math.floor((5 * ofYear + 2) / 153)
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const date = ofYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  const two = (n: number) => String(n).padStart(2, '0')
  const time = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60].map(two).join(':')
  return `${year}-${two(month)}-${two(date)} ${time}`
}
