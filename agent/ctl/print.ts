/**
 * Text for a terminal of 79 columns: tables, wrapped lines, fields. No colours and no cursor movement, so that what is
 * seen is also what a pipe, a log and a serial line get.
 */
export const columns = 79

export interface Column {
  readonly head: string
  /** Numbers stand right. */
  readonly right?: boolean
  /** This column gives way where the table is too wide, the largest first: cut short, or wrapped if it is the last. */
  readonly shrinks?: 'cut' | 'wrap'
}

/** Lines of a table. Absent values show as `-`, so that no cell is ever blank. */
export function table(head: readonly Column[], rows: readonly (readonly (string | undefined)[])[]): readonly string[] {
  const cells = rows.map((row) => head.map((_, i) => row[i] || '-'))
  const widths = head.map(({ head: title }, i) => Math.max(title.length, ...cells.map((row) => (row[i] ?? '').length)))
  const gap = 2
  const total = () => widths.reduce((sum, width) => sum + width + gap, -gap)
  while (total() > columns) {
    const widest = head
      .map(({ shrinks, head: title }, i) => ({ i, room: shrinks ? (widths[i] ?? 0) - Math.max(title.length, 6) : 0 }))
      .sort((a, b) => b.room - a.room)[0]
    if (!widest || widest.room <= 0) break
    widths[widest.i] = (widths[widest.i] ?? 0) - 1
  }
  const pad = (text: string, i: number) => {
    const width = widths[i] ?? 0
    return head[i]?.right ? text.padStart(width) : text.padEnd(width)
  }
  const line = (row: readonly string[]) => row.map(pad).join(' '.repeat(gap)).trimEnd()
  return [
    line(head.map(({ head: title }) => title)),
    ...cells.flatMap((row) => {
      const wrapped = head.map(({ shrinks }, i) =>
        shrinks === 'wrap' ? wrap(row[i] ?? '', widths[i] ?? 0) : [cut(row[i] ?? '', widths[i] ?? 0)],
      )
      const height = Math.max(...wrapped.map((lines) => lines.length))
      return Array.from({ length: height }, (_, y) => line(wrapped.map((lines) => lines[y] ?? '')))
    }),
  ]
}

export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 3))}...`
}

/** Words over lines; a word that is wider than a line is broken. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    let rest = word
    if (line !== '' && line.length + 1 + rest.length > width) {
      lines.push(line)
      line = ''
    }
    while (line === '' && rest.length > width) {
      lines.push(rest.slice(0, width))
      rest = rest.slice(width)
    }
    line = line === '' ? rest : `${line} ${rest}`
  }
  return [...lines, line]
}

/** A label and its words, the lines after the first set in under them. */
export function field(label: string, text: string, indent = 0, width = 12): readonly string[] {
  const lines = wrap(text, columns - indent - width)
  return lines.map((line, i) => `${' '.repeat(indent)}${(i === 0 ? label : '').padEnd(width)}${line}`.trimEnd())
}

/** Milliseconds as people say them: `12 s`, `3 min`, `5 h`, `2 d`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** Words of others: nothing in them may move the cursor of a terminal. */
export function plain(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}
