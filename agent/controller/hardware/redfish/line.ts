/**
 * One HTTP line to one BMC: keep-alive, one socket, every wait bounded. What it can tell is whether a
 * request may have reached the BMC: refused, unreachable or given up before the socket stood is a
 * plain no; after that, a change without an answer is a maybe (W2). It never sends a change twice; a
 * read that met a socket which the BMC had just closed is asked once more.
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Json } from '../../../redfish/json.ts'
import { Fault } from '../driver.ts'

/** Calls `then` after so many milliseconds, unless cancelled. A test moves it by hand. */
export type After = (ms: number, then: () => void) => () => void

export const realAfter: After = (ms, then) => {
  const timer = setTimeout(then, ms)
  return () => clearTimeout(timer)
}

export interface LineOptions {
  readonly connectMs: number
  readonly answerMs: number
  /** Largest answer that is read. */
  readonly answerBytes: number
  readonly after: After
  /** TLS settings and the like. */
  readonly agent?: AgentOptions
}

export interface Asked {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly headers?: { readonly [name: string]: string }
  readonly body?: Json
  /** Whether an answer that does not come leaves the blade in doubt. */
  readonly change: boolean
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Undefined where there is no body, or none that is JSON. */
  readonly json: Json | undefined
  /** A body was there and could not be read. */
  readonly garbled: boolean
}

export interface Line {
  ask(asked: Asked, signal: AbortSignal): Promise<Answer>
  close(): void
}

export function openLine(url: URL, options: LineOptions): Line {
  const secure = url.protocol === 'https:'
  const settings = { ...options.agent, keepAlive: true, maxSockets: 1, noDelay: true }
  const agent = secure ? new HttpsAgent(settings) : new HttpAgent(settings)
  const closing = new AbortController()

  const once = (asked: Asked, signal: AbortSignal): Promise<Answer | 'stale'> =>
    new Promise((resolve, reject) => {
      let sent = false
      let settled = false
      const text = asked.body === undefined ? undefined : JSON.stringify(asked.body)
      const request = (secure ? httpsRequest : httpRequest)({
        agent,
        protocol: url.protocol,
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
        method: asked.method,
        path: asked.path,
        headers: {
          Accept: 'application/json',
          'OData-Version': '4.0',
          ...asked.headers,
          ...(text !== undefined && {
            'Content-Type': 'application/json',
            'Content-Length': String(Buffer.byteLength(text)),
          }),
        },
      })
      const settle = (finish: () => void): void => {
        if (settled) return
        settled = true
        stopConnect()
        stopAnswer()
        signal.removeEventListener('abort', givenUp)
        closing.signal.removeEventListener('abort', givenUp)
        finish()
      }
      const fail = (fault: Fault): void =>
        settle(() => {
          request.destroy()
          reject(fault)
        })
      const silent = (why: string): void =>
        fail(new Fault('bmc-silent', `${asked.method} ${asked.path}: ${why}`, asked.change && sent))
      const givenUp = (): void => silent('given up before an answer came')
      const stopConnect = options.after(options.connectMs, () => {
        if (!sent) silent(`no connection within ${options.connectMs} ms`)
      })
      const stopAnswer = options.after(options.answerMs, () => silent(`no answer within ${options.answerMs} ms`))
      signal.addEventListener('abort', givenUp, { once: true })
      closing.signal.addEventListener('abort', givenUp, { once: true })

      request.once('socket', (socket) => {
        if (!socket.connecting) sent = true
        else socket.once(secure ? 'secureConnect' : 'connect', () => (sent = true))
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (!asked.change && request.reusedSocket) settle(() => resolve('stale'))
        else silent(error.code ?? error.message)
      })
      request.once('response', (response) => {
        const parts: Buffer[] = []
        let bytes = 0
        response.on('data', (part: Buffer) => {
          bytes += part.length
          if (bytes > options.answerBytes) {
            fail(
              new Fault(
                'bmc-nonsense',
                `${asked.method} ${asked.path}: an answer of more than ${options.answerBytes} bytes`,
                asked.change,
              ),
            )
          } else parts.push(part)
        })
        response.on('error', () => silent('the connection broke within the answer'))
        response.once('end', () => {
          const { json, garbled } = jsonOf(Buffer.concat(parts))
          settle(() => resolve({ status: response.statusCode ?? 0, headers: response.headers, json, garbled }))
        })
      })
      if (signal.aborted || closing.signal.aborted) givenUp()
      else request.end(text)
    })

  return {
    ask: async (asked, signal) => {
      const first = await once(asked, signal)
      if (first !== 'stale') return first
      const second = await once(asked, signal)
      if (second !== 'stale') return second
      throw new Fault('bmc-silent', `${asked.method} ${asked.path}: the BMC closes each connection before it answers`)
    },
    close: () => {
      closing.abort()
      agent.destroy()
    },
  }
}

function jsonOf(body: Buffer): { readonly json: Json | undefined; readonly garbled: boolean } {
  if (body.length === 0) return { json: undefined, garbled: false }
  try {
    return { json: JSON.parse(body.toString('utf8')) as Json, garbled: false }
  } catch {
    return { json: undefined, garbled: true }
  }
}
