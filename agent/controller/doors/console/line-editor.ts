/**
 * From bytes on a serial line to lines that somebody meant. Pure: bytes in; text to echo and whole lines out. The line
 * buffer is bounded, whatever comes in. A line in which noise was heard is not carried out: half of `power bay 11 off`
 * is another command.
 */

/** Longest line that is taken. */
export const mostCharacters = 240

/** What became of a line when its end came. */
export type Line =
  | { readonly is: 'line'; readonly text: string }
  /** Bytes came in that nobody can type. */
  | { readonly is: 'disturbed' }
  | { readonly is: 'too-long' }
  /** Abandoned by ^C. */
  | { readonly is: 'abandoned' }

export interface Heard {
  /** To be sent back where the line echoes. */
  readonly echo: string
  /** Set when this byte ended a line. */
  readonly line?: Line
}

const quiet: Heard = { echo: '' }
const rubOut = '\b \b'

/** Longest escape sequence that is passed over; what goes on longer is noise. */
const mostEscaped = 16

interface Escape {
  readonly in: 'start' | 'sequence'
  readonly bytes: number
}

export class LineEditor {
  #text = ''
  /** Characters typed beyond the longest line. */
  #excess = 0
  #disturbed = false
  #afterReturn = false
  /** Where in an escape sequence we are: cursor and function keys are passed over, not taken for text. */
  #escape: Escape | undefined

  take(byte: number): Heard {
    const afterReturn = this.#afterReturn
    this.#afterReturn = false
    if (this.#escape && byte >= 0x20) return this.#escaped(this.#escape, byte)
    this.#escape = undefined
    switch (byte) {
      case 0x00: // a break on the line reads as zeros
        return quiet
      case 0x0d:
        this.#afterReturn = true
        return this.#end()
      case 0x0a:
        return afterReturn ? quiet : this.#end()
      case 0x08:
      case 0x7f:
        return this.#erase()
      case 0x03:
        this.#clear()
        return { echo: '^C\r\n', line: { is: 'abandoned' } }
      case 0x15: {
        const echo = rubOut.repeat(this.#text.length)
        this.#clear()
        return { echo }
      }
      case 0x1b:
        this.#escape = { in: 'start', bytes: 0 }
        return quiet
      case 0x09:
        return this.#type(' ')
    }
    if (byte >= 0x20 && byte <= 0x7e) return this.#type(String.fromCharCode(byte))
    this.#disturbed = true
    return quiet
  }

  /** Forgets what was typed, as on a line whose other end went away. */
  reset(): void {
    this.#clear()
    this.#afterReturn = false
    this.#escape = undefined
  }

  #type(character: string): Heard {
    if (this.#text.length >= mostCharacters) {
      this.#excess++
      return quiet
    }
    this.#text += character
    return { echo: character }
  }

  #erase(): Heard {
    if (this.#excess > 0) {
      this.#excess--
      return quiet
    }
    if (this.#text === '') return quiet
    this.#text = this.#text.slice(0, -1)
    return { echo: rubOut }
  }

  #end(): Heard {
    const line: Line = this.#disturbed
      ? { is: 'disturbed' }
      : this.#excess > 0
        ? { is: 'too-long' }
        : { is: 'line', text: this.#text }
    this.#clear()
    return { echo: '\r\n', line }
  }

  #clear(): void {
    this.#text = ''
    this.#excess = 0
    this.#disturbed = false
  }

  /** ECMA-48 §5.4: ESC [ parameters, then one final byte from 40 to 7e; ESC O and one byte; ESC and one byte. */
  #escaped(sequence: Escape, byte: number): Heard {
    const { bytes } = sequence
    this.#escape = undefined
    if (byte > 0x7e || bytes > mostEscaped) this.#disturbed = true
    else if (sequence.in === 'start' && (byte === 0x5b || byte === 0x4f)) this.#escape = { in: 'sequence', bytes: 1 }
    else if (sequence.in === 'sequence' && byte < 0x40) this.#escape = { in: 'sequence', bytes: bytes + 1 }
    return quiet
  }
}
