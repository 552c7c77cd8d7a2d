/**
 * The technician's console on a pair of streams: a serial line, or standard input and output. Lines are carried out one
 * after another; a changing line takes the same path as a manager's message and is answered when it is durable. What is
 * behind it can be slow or blocked: nothing is read while an answer is not written, so nothing piles up.
 */
import type { Readable, Writable } from 'node:stream'
import type { ClientId } from '../../../core/addresses.ts'
import { canonical } from '../../../core/blade.ts'
import { type Refusal, refuse } from '../../../core/reasons.ts'
import { eventsListed } from '../../../core/reply.ts'
import type { Event } from '../../../core/views.ts'
import type { WireCommand } from '../../../wire/command.ts'
import { Paste } from '../../store/backup-lines.ts'
import type { Front } from '../front.ts'
import { answer, refused, shown } from './answer.ts'
import type { Asked } from './asked.ts'
import { eventsShown } from './chassis-views.ts'
import { type Line, LineEditor, mostCharacters } from './line-editor.ts'
import { bayIn, type Scene, sceneOf } from './scene.ts'
import { draw } from './screen.ts'
import { printable } from './text.ts'
import { follow, parseLine } from './verbs.ts'

export interface ConsoleParts {
  readonly input: Readable
  readonly output: Writable
  readonly front: Front
  /** Whose commands these are. */
  readonly client: ClientId
  /** Controller bay; stands in the prompt. */
  readonly slot: 'A' | 'B'
  /** True on a serial line, whose other end shows only what comes back. */
  readonly echo: boolean
  /** 8 to 36 characters, never the same twice: each line that was typed is a command of its own (I6). */
  readonly newRequestId: () => string
}

export interface OpenConsole {
  /** Forgets a line that was begun, as when the other end of the line went away. */
  reset(): void
  /** Resolves when the console is closed, or its input ended. Rejects only for a mistake of ours. */
  readonly ended: Promise<void>
  close(): void
}

export const promptOf = (chassis: string, slot: 'A' | 'B'): string => `${chassis}-${slot}# `

export function openConsole(parts: ConsoleParts): OpenConsole {
  const { input, output, front, slot, echo } = parts
  const prompt = promptOf(front.chassis, slot)
  const editor = new LineEditor()
  const end = echo ? '\r\n' : '\n'
  /** A backup that is pasted, until it is whole and restored from. */
  const paste = new Paste()
  let closed = false
  let drained = () => {}
  const close = () => {
    closed = true
    drained()
    input.destroy()
  }
  const onDrain = () => drained()
  output.on('drain', onDrain)
  output.on('error', close)
  output.on('close', close)

  async function write(text: string): Promise<void> {
    if (closed || text === '' || output.destroyed || output.write(text)) return
    await new Promise<void>((resolve) => {
      drained = resolve
    })
  }

  const say = (lines: readonly string[]) => write(lines.map((line) => printable(line) + end).join('') + prompt)

  async function serve(): Promise<void> {
    await write(prompt)
    for await (const chunk of input) {
      // Bytes, whatever the stream was told: noise is no text.
      for (const byte of Buffer.from(chunk as Uint8Array | string)) {
        const heard = editor.take(byte)
        if (echo) await write(heard.echo)
        if (heard.line) await say(await carryOut(heard.line, parts, paste))
        if (closed) return
      }
    }
  }

  const ended = serve()
    // The line is gone, which is how it ends. A bug in a view is not: it goes on up.
    .catch((error: unknown) => {
      if (!closed && !isStreamError(error)) throw error
    })
    .finally(() => {
      closed = true
      output.off('drain', onDrain)
    })
  return { reset: () => editor.reset(), ended, close }
}

/** What a stream reports has a code; what we got wrong has none. */
const isStreamError = (error: unknown): boolean =>
  error instanceof Error && ('code' in error || 'disconnected' in error)

async function carryOut(line: Line, parts: ConsoleParts, paste: Paste): Promise<readonly string[]> {
  switch (line.is) {
    case 'abandoned':
      return []
    case 'disturbed':
      return refused(refuse('garbled', 'noise on the line: nothing was done; type it again'))
    case 'too-long':
      return refused(refuse('too-large', `more than ${mostCharacters} characters; nothing was done`))
    case 'line':
      return obey(parseLine(line.text), parts, paste)
  }
}

/** What a controller that follows can tell without the hardware: itself, its copy, and how to use this line. */
const shownOnStandby: { readonly [view: string]: true } = { controllers: true, store: true, version: true, help: true }

async function obey(asked: Asked, parts: ConsoleParts, paste: Paste): Promise<readonly string[]> {
  const { front } = parts
  switch (asked.is) {
    case 'nothing':
      return []
    case 'complaint':
      return refused(asked.refusal)
    case 'view': {
      const elsewhere = shownOnStandby[asked.view.view] ? undefined : front.refuses?.()
      if (elsewhere) return refused(elsewhere)
      const drawn = draw(asked.view, look(front))
      return 'refusal' in drawn ? refused(drawn.refusal) : [...drawn.lines, '%OK']
    }
    case 'command': {
      const slip = askedBack(asked, look(front))
      if (slip) return refused(slip)
      return carry(asked.command, asked.shown, parts)
    }
    case 'backup': {
      const { outcome } = await front.backup(undefined, parts.client)
      if (outcome.kind === 'refused') return refused(outcome.refusal)
      return [...(outcome.kind === 'backup' ? outcome.text.trimEnd().split('\n') : []), '%OK']
    }
    case 'pasted':
      return pasteLine(paste, asked.text)
    case 'restore': {
      const { profiles, force } = asked
      if (!paste.isEnded || paste.wanted.length > 0) return refused(unfinished(paste))
      return carry({ kind: 'restore', backup: paste.text, profiles, force }, asked, parts)
    }
  }
}

/** Brings it to the agent; what can not be taken back only after it was shown. */
async function carry(
  command: WireCommand,
  first: { readonly said: boolean; readonly again: string } | undefined,
  { front, client, newRequestId }: ConsoleParts,
): Promise<readonly string[]> {
  const dryRun = first !== undefined && !first.said
  const reply = await front.submit(command, {
    who: { door: 'console', client },
    request: newRequestId(),
    content: front.digest(Buffer.from(canonical(command))),
    dryRun,
  })
  const { outcome } = reply
  if (dryRun && outcome.kind === 'accepted') return shown(outcome, first.again)
  const bay = outcome.kind === 'accepted' ? outcome.accepted.bay : undefined
  return answer(reply, follow(command, bay))
}

/** Silent while all is well, so that a text can be pasted at once; the last line tells what is still wanted. */
function pasteLine(paste: Paste, text: string): readonly string[] {
  const before = paste.isEnded ? paste.wanted.length : undefined
  if (!paste.take(text)) {
    const say = `this line is damaged: '${text.slice(0, 13)}'; paste it again`
    return refused(refuse('backup-damaged', say))
  }
  if (!paste.isEnded) return []
  if (paste.wanted.length > 0) return before === paste.wanted.length ? [] : refused(unfinished(paste))
  return ["%OK the backup is whole; 'restore' shows what it would change"]
}

function unfinished(paste: Paste): Refusal {
  const { wanted, isEnded } = paste
  if (wanted.length === 0 && !isEnded) {
    return refuse(
      'field-missing',
      "there is no whole backup here; paste one, up to its last line, which has 'end' in it",
    )
  }
  const some = wanted.slice(0, 12).join(', ')
  const more = wanted.length > 12 ? ` and ${wanted.length - 12} more` : ''
  const what = wanted.length === 1 ? `line ${some} is` : `lines ${some}${more} are`
  return refuse('backup-damaged', `${what} missing or damaged; paste ${wanted.length === 1 ? 'it' : 'them'} again`)
}

/** A number mistyped would stop another server: what cuts power at once is asked back where something is on. */
function askedBack({ danger }: Extract<Asked, { is: 'command' }>, scene: Scene): Refusal | undefined {
  if (!danger || danger.said) return undefined
  const bay = bayIn(scene, danger.stops)
  if (bay?.power !== 'on') return undefined
  const as = bay.profile === undefined ? '' : ` as ${bay.profile}`
  return refuse('blade-powered', `blade ${bay.bay} is on${as}; add yes to stop it all the same`)
}

function look(front: Front): Scene {
  return sceneOf(front.parts(), front.presence(), () => newest(front))
}

/** The end of the diary. It is asked for by number from the oldest on, as managers do, so it is read through. */
function newest(front: Front): readonly Event[] {
  let last: readonly Event[] = []
  for (let since = 0; ; ) {
    const { outcome } = front.ask({ kind: 'list-events', since, limit: eventsListed })
    if (outcome.kind !== 'events' || outcome.events.length === 0) return last
    last = [...last, ...outcome.events].slice(-eventsShown)
    const end = outcome.events.at(-1)
    const reached = end === undefined ? since : end.kind === 'gap' ? end.to : end.number
    if (reached <= since) return last
    since = reached
  }
}
