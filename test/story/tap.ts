/**
 * A tap on the line between the agent and one BMC: passes everything on, and tells of each request before it reaches
 * the BMC and of each answer before it reaches the agent. Until whoever is told is done, nothing goes on; so what a
 * test does there happens at exactly this moment of the agent's work. Nothing is changed on the way.
 */
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface Asked {
  readonly bay: number
  readonly method: string
  readonly path: string
}
export interface Answered extends Asked {
  readonly status: number
  readonly body: string
}

export interface Ears {
  asked(request: Asked): Promise<void> | void
  answered(answer: Answered): Promise<void> | void
}

export interface Tap {
  readonly url: string
  close(): Promise<void>
}

export async function tap(bay: number, target: string, ears: Ears): Promise<Tap> {
  const agent = new Agent({ keepAlive: true })
  const server = createServer({ noDelay: true, keepAlive: true }, (incoming, outgoing) => {
    // A BMC without power, and an agent that was killed, end the line; so does the tap.
    pass(incoming, outgoing).catch(() => outgoing.destroy())
  })

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = incoming
    const asked: Asked = { bay, method, path: url }
    const body = await buffer(incoming)
    await ears.asked(asked)
    const onward = request(new URL(url, target), { method, headers, agent })
    outgoing.once('close', () => outgoing.writableFinished || onward.destroy())
    onward.end(body)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    const answerBody = await buffer(answer)
    await ears.answered({ ...asked, status: answer.statusCode ?? 0, body: answerBody.toString('utf8') })
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    outgoing.end(answerBody)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      agent.destroy()
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
