/**
 * The terminal, owned as a terminal program owns a serial line: lines typed here go to the other end, and what comes
 * from there is printed, with the prompt kept below it. What is typed and not sent yet stays, whatever is printed.
 */
import { clearLine, createInterface, cursorTo } from 'node:readline'

export interface Terminal {
  /** Printed above the prompt, and above what is being typed. */
  say(...lines: readonly string[]): void
  /** The other end asks for a line. */
  ask(): void
  /** Another end, from now on. */
  prompt(text: string): void
  close(): void
}

export interface Typing {
  line(text: string): void
  /** Ctrl-D, or Ctrl-C where nothing was typed. */
  end(): void
}

export function openTerminal(prompt: string, typing: Typing): Terminal {
  const { stdin, stdout } = process
  const lines = createInterface({ input: stdin, output: stdout, terminal: true, prompt, historySize: 200 })
  let asking = false
  let closed = false
  const wipe = () => {
    cursorTo(stdout, 0)
    clearLine(stdout, 0)
  }
  lines.on('line', (text) => {
    asking = false
    typing.line(text)
  })
  lines.on('SIGINT', () => {
    if (lines.line === '') return typing.end()
    stdout.write('^C\n')
    lines.write(null, { ctrl: true, name: 'e' })
    lines.write(null, { ctrl: true, name: 'u' })
    if (asking) lines.prompt()
  })
  lines.on('close', () => {
    if (!closed) typing.end()
  })
  return {
    say: (...texts) => {
      if (closed) return
      wipe()
      for (const text of texts) stdout.write(`${text}\n`)
      if (asking) lines.prompt(true)
    },
    ask: () => {
      if (closed || asking) return
      asking = true
      lines.prompt(true)
    },
    prompt: (text) => {
      lines.setPrompt(text)
      if (asking && !closed) {
        wipe()
        lines.prompt(true)
      }
    },
    close: () => {
      if (closed) return
      closed = true
      if (asking) stdout.write('\n')
      lines.close()
    },
  }
}
