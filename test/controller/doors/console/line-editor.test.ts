// What a serial line brings, and what is made of it: editing keys, line ends, noise, and lines that never end.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Line, LineEditor, mostCharacters } from '../../../../agent/controller/doors/console/line-editor.ts'
import { LabFront, seated } from './front.ts'

function typed(...pieces: readonly (string | readonly number[])[]): { lines: Line[]; echo: string } {
  const editor = new LineEditor()
  const lines: Line[] = []
  let echo = ''
  for (const piece of pieces) {
    for (const byte of typeof piece === 'string' ? Buffer.from(piece, 'latin1') : piece) {
      const heard = editor.take(byte)
      echo += heard.echo
      if (heard.line) lines.push(heard.line)
    }
  }
  return { lines, echo }
}
const line = (text: string): Line => ({ is: 'line', text })

describe('a line on the serial console', () => {
  it.each([
    ['a return', 'show bays\r'],
    ['a line feed', 'show bays\n'],
    ['both', 'show bays\r\n'],
  ])('ends once with %s', (_, text) => {
    expect(typed(text).lines).toEqual([line('show bays')])
  })

  it('may be empty, as often as somebody presses Enter', () => {
    expect(typed('\r\r\n\n').lines).toEqual([line(''), line(''), line('')])
  })

  it.each([
    ['Backspace as DEL', 0x7f],
    ['Backspace as BS', 0x08],
  ])('is mended by %s, on the screen too', (_, key) => {
    const { lines, echo } = typed('bax', [key], 'y 3\r')
    expect(lines).toEqual([line('bay 3')])
    expect(echo).toBe('bax\b \by 3\r\n')
    expect(typed([key, key], 'x\r')).toEqual({ lines: [line('x')], echo: 'x\r\n' })
  })

  it('is taken back whole by ^U, and abandoned by ^C', () => {
    expect(typed('power bay 1 off', [0x15], 'help\r').lines).toEqual([line('help')])
    expect(typed('power bay 1 off', [0x03], 'help\r').lines).toEqual([{ is: 'abandoned' }, line('help')])
  })

  it('knows no cursor keys and does not take them for text', () => {
    expect(typed('he', '\x1b[A\x1b[1;5C\x1bOP', 'lp\r').lines).toEqual([line('help')])
  })

  it('is not carried out when noise came in: half a command is another command', () => {
    expect(typed('power bay 1', [0xff], '1 off\r', 'help\r').lines).toEqual([{ is: 'disturbed' }, line('help')])
    expect(typed('power bay 1', [0x00], ' on\r').lines).toEqual([line('power bay 1 on')]) // a break is no noise
  })

  it('has an end even if nobody ends it', () => {
    const long = 'x'.repeat(mostCharacters + 10)
    expect(typed(long, '\r', 'help\r').lines).toEqual([{ is: 'too-long' }, line('help')])
    expect(typed(long, new Array(10).fill(0x7f), '\r').lines).toEqual([line('x'.repeat(mostCharacters))])
  })

  it('stays bounded, printable and in step, whatever bytes come', () => {
    let bytes = 0
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000, size: 'max' }), (noise) => {
        const { lines, echo } = typed([...noise], [0x03], 'show bays\r')
        bytes += noise.length
        expect(lines.at(-1)).toEqual(line('show bays'))
        for (const each of lines)
          if (each.is === 'line') expect(each.text).toMatch(new RegExp(`^[ -~]{0,${mostCharacters}}$`))
        expect(echo).toMatch(/^[\x20-\x7e\b\r\n]*$/)
      }),
      { numRuns: 300 },
    )
    console.log(`${bytes} bytes of noise`)
    expect(bytes).toBeGreaterThan(100_000)
  })
})

describe('the console after noise', () => {
  it('says that nothing was done, and goes on', async () => {
    const front = new LabFront()
    const seat = await seated(front)
    seat.input.write(Buffer.from([0x6c, 0x6f, 0xfe, 0x80, 0x0d]))
    expect(await seat.prompts(1)).toContain('%ERR 2 GARBLED noise on the line: nothing was done; type it again')
    expect((await seat.type('locate bay 1 on')).at(-1)).toMatch(/^%OK/)
    expect(front.submitted).toHaveLength(1)
    seat.console.close()
  })

  it('survives a storm of it without doing anything', async () => {
    const front = new LabFront().running()
    const seat = await seated(front)
    const storm = fc.sample(fc.uint8Array({ minLength: 4_000, maxLength: 4_000 }), 50)
    for (const chunk of storm) seat.input.write(chunk)
    seat.input.write('\x03')
    seat.input.write('\rversion\r')
    let text = ''
    while (!text.includes('Midplane')) text += await seat.prompts(1)
    expect(text).toMatch(/^[\x20-\x7e\n]*$/)
    expect(front.submitted).toEqual([])
    seat.console.close()
  })

  it('echoes on a serial line and not on standard input', async () => {
    const line = await seated(new LabFront(), true)
    line.input.write('version\r')
    expect(await line.prompts(1)).toMatch(/^version\r\nMidplane /)
    line.console.close()
    const piped = await seated(new LabFront(), false)
    piped.input.write('version\n')
    expect(await piped.prompts(1)).toMatch(/^Midplane /)
    piped.console.close()
  })

  it('ends with its input', async () => {
    const seat = await seated(new LabFront())
    seat.input.end()
    await seat.console.ended
  })
})
