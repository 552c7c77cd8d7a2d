/** The lines of a backup: whatever happens to them on paper, in mail or on a serial line is found, and named by line. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lineColumns, opening, Paste, readLines, writeLines } from '../../../agent/controller/store/backup-lines.ts'

const contents = [
  '# chassis demo, serial CZ3210ABCD',
  '# bay 3: web-01',
  ...Array.from({ length: 7 }, (_, i) => `data${i}/+==`),
]
const text = writeLines(contents) ?? expect.unreachable()
const lines = text.trimEnd().split('\n')
const last = lines.length
const join = (some: readonly string[]) => some.join('\n')
const swap = (a: number, b: number) =>
  lines.map((line, i) => lines[i === a - 1 ? b - 1 : i === b - 1 ? a - 1 : i] ?? line)
const without = (n: number) => lines.filter((_, i) => i !== n - 1)
const broken = (n: number) => lines.map((line, i) => (i === n - 1 ? `${line.slice(0, 20)}~${line.slice(21)}` : line))

function said(text: string): readonly string[] {
  const read = readLines(text)
  return read.ok ? [] : read.problems.map(({ say }) => say)
}

describe('The text', () => {
  test('gives back what was put in', () => {
    expect(readLines(text)).toEqual({ ok: true, contents })
  })

  test('has the number of each line where an editor shows it', () => {
    expect(lines[0]).toBe(opening)
    for (const [i, line] of lines.entries()) if (i > 0) expect(Number(line.slice(0, 4))).toBe(i + 1)
  })

  test('is printable ASCII of at most 72 columns, however much there is', () => {
    const full = writeLines(Array.from({ length: 9000 }, () => 'x'.repeat(lineColumns - 14))) ?? expect.unreachable()
    for (const line of full.split('\n')) expect(line).toMatch(/^[\x20-\x7e]{0,72}$/)
  })

  test('is not written where its lines could not be numbered', () => {
    expect(writeLines(Array.from({ length: 9998 }, () => 'x'))).toBeUndefined()
  })

  test.each([
    ['carriage returns', text.replaceAll('\n', '\r\n')],
    ['carriage returns alone', text.replaceAll('\n', '\r')],
    ['blanks at the ends of lines', text.replaceAll('\n', ' \t \n')],
    ['empty lines', text.replaceAll('\n', '\n\n')],
    ['no end of the last line', text.trimEnd()],
    ['what a terminal logged around it', `demo-A# backup\n${text}%OK\ndemo-A# exit\n`],
  ])('is read through %s', (_, changed) => {
    expect(readLines(changed)).toEqual({ ok: true, contents })
  })
})

describe('In a damaged text', () => {
  test('every character that is changed is found', () => {
    let tried = 0
    for (let at = 0; at < text.trimEnd().length; at++) {
      for (const other of ['0', 'a', 'Z', '~', ' ', '\n']) {
        if (other === text[at]) continue
        tried++
        const changed = `${text.slice(0, at)}${other}${text.slice(at + 1)}`
        const read = readLines(changed)
        expect(read.ok, `${JSON.stringify(other)} at ${at}`).toBe(false)
      }
    }
    console.log(`${tried} changed characters`)
    expect(tried).toBeGreaterThan(1500)
  })

  test('every character that is lost or doubled is found', () => {
    for (let at = 0; at < text.trimEnd().length; at++) {
      expect(readLines(text.slice(0, at) + text.slice(at + 1)).ok, `lost at ${at}`).toBe(false)
      if (text[at] === '\n') continue // an empty line
      expect(readLines(text.slice(0, at) + (text[at] ?? '') + text.slice(at)).ok, `doubled at ${at}`).toBe(false)
    }
  })

  test.each([
    ['a damaged line', join(broken(5)), ['line 5 is damaged']],
    ['a damaged first line', join(broken(1)), [`line 1 is not '${opening}'`]],
    ['a damaged last line', join(broken(last)), [`line ${last} is damaged`]],
    [
      'two damaged lines',
      join(broken(5).map((line, i) => (i === 5 ? 'x' : line))),
      ['line 5 is damaged', 'line 6 is damaged'],
    ],
    ['a line that is missing', join(without(4)), ['line 4 is missing']],
    ['a last line that is missing', join(without(last)), [`it ends after line ${last - 1}: the last line is missing`]],
    ['half a text', join(lines.slice(0, 5)), ['it ends after line 5: the last line is missing']],
    ['a line that stands there twice', join([...lines.slice(0, 5), ...lines.slice(4)]), ['line 5 stands there twice']],
    ['two lines in each other’s place', join(swap(4, 5)), ['line 4 stands after line 5']],
    [
      'a line that is of no backup',
      join([...lines.slice(0, 5), 'login:', ...lines.slice(5)]),
      ['after line 5 stands one that is of no backup'],
    ],
    ['nothing', '', [`line 1 is not '${opening}'`]],
    [
      'a newer format',
      text.replace(opening, 'midplane backup 2'),
      ['a newer version wrote this backup; update the controller'],
    ],
  ])('%s is named', (_, changed, problems) => {
    expect(said(changed)).toEqual(problems)
  })

  test('a line of another backup is found, although its own sum is right', () => {
    const other = (writeLines(contents.map((content) => content.toUpperCase())) ?? '').split('\n')
    const mixed = lines.map((line, i) => (i === 4 ? (other[i] ?? '') : line))
    expect(said(join(mixed))).toEqual([`line ${last} is the end of another backup`])
  })

  test('whatever is done to its lines, it is read as it was, or every complaint names a line', () => {
    const ran = { ok: 0, problems: 0 }
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: last }), fc.constantFrom('drop', 'double', 'break', 'swap')), {
          minLength: 1,
          maxLength: 4,
        }),
        (deeds) => {
          let some = [...lines]
          for (const [at, deed] of deeds) {
            if (deed === 'drop') some.splice(at, 1)
            if (deed === 'double') some.splice(at, 0, some[at] ?? '')
            if (deed === 'break') some = some.map((line, i) => (i === at ? line.slice(3) : line))
            if (deed === 'swap') some.push(...some.splice(at, 1))
          }
          const read = readLines(join(some))
          if (read.ok) {
            expect(read.contents).toEqual(contents)
            ran.ok++
          } else {
            for (const { line, say } of read.problems) expect(`${line} ${say}`).toMatch(/^\d+ .+/)
            ran.problems++
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(ran.problems).toBeGreaterThan(300)
  })
})

describe('A text that is pasted line by line', () => {
  test('is whole when each of its lines came, in whatever order and however often', () => {
    const paste = new Paste()
    for (const line of [...lines].reverse()) expect(paste.take(`${line}  \r`)).toBe(true)
    for (const line of lines) paste.take(line)
    expect(paste.isEnded).toBe(true)
    expect(paste.wanted).toEqual([])
    expect(readLines(paste.text)).toEqual({ ok: true, contents })
  })

  test('wants only those lines again that did not come through', () => {
    const paste = new Paste()
    const taken = broken(5)
      .filter((_, i) => i !== 6)
      .map((line) => paste.take(line))
    expect(taken.filter((right) => !right)).toHaveLength(1)
    expect(paste.isEnded).toBe(true)
    expect(paste.wanted).toEqual([5, 7])
    paste.take(lines[4] ?? '')
    paste.take(lines[6] ?? '')
    expect(paste.wanted).toEqual([])
    expect(readLines(paste.text)).toEqual({ ok: true, contents })
  })

  test('is not at its end before the last line came', () => {
    const paste = new Paste()
    for (const line of without(last)) paste.take(line)
    expect(paste.isEnded).toBe(false)
    expect(paste.wanted).toEqual([])
  })
})
