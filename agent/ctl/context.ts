/** What a verb gets: its words and options, a connection when it asks for one, and two places to write to. */
import { randomUUID } from 'node:crypto'
import type { PartState } from '../core/reply.ts'
import { toJson } from '../wire/json.ts'
import { type OptionTable, readDuration, readNumber, Usage, Words } from './arguments.ts'
import { type Client, connect } from './client.ts'
import { type Format, readFile, type Settings } from './config.ts'
import { Failed } from './errors.ts'
import { type Exit, exits } from './exits.ts'
import { type Link, openLink } from './link.ts'

export interface Stream {
  write(text: string): unknown
}

export interface Io {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly stdin: AsyncIterable<Uint8Array | string>
  /** Progress is shown on stderr only where somebody looks at it. */
  readonly isTTY: { readonly stdin: boolean; readonly stderr: boolean }
  readonly env: { readonly [name: string]: string | undefined }
  /** ^C: ends a watch or a wait. */
  readonly signal?: AbortSignal
}

export interface Verb {
  readonly name: string
  /** What follows the name, one line for each form. */
  readonly forms: readonly string[]
  /** One sentence. */
  readonly say: string
  /** More, for `--help`. */
  readonly more?: string
  /** Whole command lines. */
  readonly examples: readonly string[]
  readonly options: OptionTable
  run(context: Context): Promise<Exit>
}

export class Context {
  readonly words: Words
  readonly settings: Settings
  readonly io: Io
  readonly #options: ReadonlyMap<string, string | true>
  readonly #held: { client?: Client; link?: Link }

  constructor(
    words: Words,
    options: ReadonlyMap<string, string | true>,
    settings: Settings,
    io: Io,
    held: { client?: Client; link?: Link } = {},
  ) {
    this.#held = held
    this.words = words
    this.settings = settings
    this.io = io
    this.#options = options
  }

  /** The same connection and settings, other words: one verb that stands for another. */
  with(words: readonly string[], more: readonly string[]): Context {
    const options = new Map([...this.#options, ...more.map((name) => [name, true] as const)])
    return new Context(new Words(words), options, this.settings, this.io, this.#held)
  }

  get format(): Format {
    return this.settings.format
  }

  // ── Options ───────────────────────────────────────────────────────────────────────────────────────────────────

  has(name: string): boolean {
    return this.#options.has(name)
  }

  text(name: string): string | undefined {
    const value = this.#options.get(name)
    return typeof value === 'string' ? value : undefined
  }

  number(name: string): number | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : readNumber(text, `--${name}`)
  }

  choice<Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const text = this.text(name)
    if (text === undefined) return undefined
    const found = choices.find((choice) => choice === text)
    if (found === undefined) throw new Usage(`--${name} is ${choices.join(' or ')}, not '${text}'`)
    return found
  }

  /** `--timeout`, or this wait's usual limit. */
  limit(usual: string): number {
    return this.settings.timeoutMs ?? readDuration(usual, 'limit')
  }

  // ── The chassis ───────────────────────────────────────────────────────────────────────────────────────────────

  async client(): Promise<Client> {
    const { broker, chassis, client, mqttClientId, mqtt, tls } = this.settings
    const connectMs = this.limit('10s')
    const { signal } = this.io
    this.#held.client ??= await connect({ broker, chassis, client, mqttClientId, mqtt, tls, connectMs, signal })
    return this.#held.client
  }

  /** A client whose state is whole; where it is not, that is said, and nothing missing is taken for absent. */
  async loaded(): Promise<Client> {
    const client = await this.client()
    if (!(await client.load(this.limit('15s'))))
      this.warn(`chassis ${client.chassis} has not published all of its state: what is shown is incomplete`)
    for (const [name, say] of client.state.unread) this.warn(`${name} can not be read and is left out: ${say}`)
    if (client.state.presence?.online === false)
      this.warn(`chassis ${client.chassis} is offline; this is what it showed last`)
    return client
  }

  /** The broker alone, for what is asked of no single chassis. */
  async link(): Promise<Link> {
    const { broker, client, mqttClientId = `${client}-${randomUUID().slice(0, 8)}`, mqtt, tls } = this.settings
    const connectMs = this.limit('10s')
    this.#held.link ??= await openLink({ broker, mqttClientId, mqtt, tls, connectMs, signal: this.io.signal })
    return this.#held.link
  }

  async close(): Promise<void> {
    await this.#held.client?.close()
    await this.#held.link?.close()
  }

  // ── Words out ─────────────────────────────────────────────────────────────────────────────────────────────────

  line(...lines: readonly string[]): void {
    for (const line of lines) this.io.stdout.write(`${line}\n`)
  }

  /** One JSON document, or with jsonl each element of a list on a line. */
  json(value: unknown): void {
    if (this.format === 'jsonl')
      for (const each of Array.isArray(value) ? value : [value]) this.line(JSON.stringify(each))
    else this.line(JSON.stringify(value, undefined, 2))
  }

  states(states: readonly PartState[]): void {
    this.json(states.map(mirror))
  }

  /** Something went wrong, or is not as it looks: always said. */
  warn(...lines: readonly string[]): void {
    for (const line of lines) this.io.stderr.write(`${line}\n`)
  }

  /** Progress: only for somebody who looks at it. */
  note(line: string): void {
    if (this.io.isTTY.stderr) this.io.stderr.write(`${line}\n`)
  }

  fail(line: string): Exit {
    this.warn(line)
    return exits.error
  }

  // ── Words in ──────────────────────────────────────────────────────────────────────────────────────────────────

  async stdin(limitBytes: number): Promise<string> {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of this.io.stdin) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      size += bytes.length
      if (size > limitBytes) throw new Failed(`more than ${limitBytes} bytes on stdin; that is too much`)
      chunks.push(bytes)
    }
    return utf8(Buffer.concat(chunks), 'stdin')
  }

  /** The file that an option names; `-` is stdin. */
  async input(option: string): Promise<string> {
    const path = this.text(option)
    if (path === undefined) throw new Usage(`say what to read: -f FILE, or -f - for stdin`)
    return path === '-' ? this.stdin(64 * 1024 * 1024) : utf8(readFile('input', path), path)
  }
}

/** The JSON form of a part: the same that is published under `json/` (agent/wire/json.ts). */
export function mirror(state: PartState): unknown {
  return JSON.parse(toJson(state))
}

function utf8(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Failed(`${what} is not UTF-8 text`)
  }
}
