/** The Redfish driver: what every driver promises, and what only HTTP can do wrong. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Fault } from '../../../agent/controller/hardware/driver.ts'
import { canonical } from '../../../agent/core/blade.ts'
import { driverConformance } from '../../conformance/driver.ts'
import { type RedfishRig, redfishRig } from './redfish-rig.ts'
import { redfishWorldRig } from './redfish-world-rig.ts'

/** Stands between driver and face, and may change what it carries. */
type Tamper = (request: IncomingMessage, answer: Answered, response: ServerResponse) => Answered | 'nothing' | 'hung up'
interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

let tamper: Tamper = (_request, answer) => answer
let requests: string[] = []
let inFlight = 0
let mostInFlight = 0

async function tamperer(url: string): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    mostInFlight = Math.max(mostInFlight, ++inFlight)
    response.once('close', () => inFlight--)
    const { hostname, port } = new URL(url)
    const onward = httpRequest(
      { hostname, port, method: request.method, path: request.url, headers: request.headers },
      (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.once('end', () => {
          const found = tamper(
            request,
            { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts).toString() },
            response,
          )
          if (found === 'hung up') response.destroy()
          if (typeof found === 'string') return
          const { 'content-length': _old, 'transfer-encoding': _coding, ...headers } = found.headers
          response.writeHead(found.status, {
            ...headers,
            ...(found.body !== '' && { 'content-length': String(Buffer.byteLength(found.body)) }),
          })
          response.end(found.body)
        })
      },
    )
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const calm = (): AbortSignal => new AbortController().signal
let rig: RedfishRig | undefined
async function rigged(): Promise<RedfishRig> {
  tamper = (_request, answer) => answer
  requests = []
  mostInFlight = 0
  rig = await redfishRig(tamperer)
  return rig
}
afterEach(async () => {
  tamper = (_request, answer) => answer
  await rig?.close()
  rig = undefined
})

async function fault(promise: Promise<unknown>): Promise<Fault> {
  const outcome = await promise.then(
    () => 'no fault',
    (error: unknown) => error,
  )
  if (outcome instanceof Fault) return outcome
  throw new Error(`expected a Fault, got ${String(outcome)}`)
}

const json = (answer: Answered, change: (body: { [name: string]: unknown }) => void): Answered => {
  const body = JSON.parse(answer.body) as { [name: string]: unknown }
  change(body)
  return { ...answer, body: JSON.stringify(body) }
}

driverConformance('Redfish', () => redfishRig())

driverConformance('Redfish on the simulated chassis', redfishWorldRig)

// A service without $expand is walked link by link, and promises the same.
driverConformance('Redfish without $expand', () => {
  tamper = (request, answer) =>
    request.url === '/redfish/v1/' ? json(answer, (body) => delete body.ProtocolFeaturesSupported) : answer
  return redfishRig(tamperer)
})

describe('the Redfish driver', () => {
  it('looks at adapters before power, in two requests once its session stands', async () => {
    const { driver, bay } = await rigged()
    await driver.observe(bay, calm())
    requests = []
    await driver.observe(bay, calm())
    expect(requests).toEqual([
      'GET /redfish/v1/Chassis/blade/NetworkAdapters?$expand=.($levels=4)',
      'GET /redfish/v1/Systems/1',
    ])
  })

  it('walks link by link where the service does not expand, and sees the same', async () => {
    const { driver, bay, truth } = await rigged()
    tamper = (request, answer) =>
      request.url === '/redfish/v1/' ? json(answer, (body) => delete body.ProtocolFeaturesSupported) : answer
    expect(canonical(await driver.observe(bay, calm()))).toBe(canonical(truth()))
    expect(requests.filter((line) => line.includes('expand'))).toEqual([])
    expect(requests).toContain('GET /redfish/v1/Chassis/blade/NetworkAdapters/mezz1/NetworkDeviceFunctions/1-a')
  })

  it('asks one thing at a time, however many call', async () => {
    const { driver, bay, truth } = await rigged()
    const looks = await Promise.all(Array.from({ length: 5 }, () => driver.observe(bay, calm())))
    expect(new Set(looks.map(canonical))).toEqual(new Set([canonical(truth())]))
    expect(mostInFlight).toBe(1)
    expect(requests.filter((line) => line.startsWith('POST'))).toEqual(['POST /redfish/v1/SessionService/Sessions'])
  })

  it('nothing was sent where nobody listens: a no, not a maybe', async () => {
    const { driver, bay, drive } = await rigged()
    await driver.observe(bay, calm())
    const dead = await tamperer('http://127.0.0.1:1')
    await dead.close()
    const lost = drive({ bays: () => ({ url: dead.url, user: 'admin', password: 'x' }) })
    expect(await fault(lost.observe(bay, calm()))).toMatchObject({ blind: 'bmc-silent', maybe: false })
    await lost.close()
  })

  it('a BMC that hangs up on a change leaves a maybe, and the change is not sent again', async () => {
    const { driver, bay, world } = await rigged()
    await driver.observe(bay, calm())
    tamper = (request, answer) => (request.method === 'POST' ? 'hung up' : answer)
    expect(await fault(driver.apply({ kind: 'power', bay, action: 'on' }, calm()))).toMatchObject({
      blind: 'bmc-silent',
      maybe: true,
    })
    expect(world.done).toEqual(['power'])
  })

  it('a BMC that hangs up on a read is asked once more on a new connection, and no more', async () => {
    const { driver, bay } = await rigged()
    await driver.observe(bay, calm())
    let hangUps = 1
    tamper = (_request, answer) => (hangUps-- > 0 ? 'hung up' : answer)
    expect((await driver.observe(bay, calm())).power).toBe('off')
    tamper = () => 'hung up'
    requests = []
    expect(await fault(driver.observe(bay, calm()))).toMatchObject({ blind: 'bmc-silent', maybe: false })
    expect(requests.length).toBeLessThanOrEqual(2)
  })

  const nonsense: readonly [string, Tamper][] = [
    ['a body that is not JSON', (_request, answer) => ({ ...answer, body: '<html>' })],
    ['an empty body', (_request, answer) => ({ ...answer, body: '' })],
    ['a list for an object', (_request, answer) => ({ ...answer, body: '[]' })],
    ['a server error', (_request, answer) => ({ ...answer, status: 500 })],
    [
      'a redirect',
      (_request, answer) => ({ ...answer, status: 302, headers: { ...answer.headers, location: 'http://192.0.2.1/' } }),
    ],
    ['an endless body', (_request, answer) => json(answer, (body) => (body.Name = 'x'.repeat(5_000_000)))],
    ['another resource', (_request, answer) => json(answer, (body) => (body['@odata.id'] = '/redfish/v1/Systems/2'))],
    [
      'a list that is not whole',
      (_request, answer) =>
        json(answer, (body) => {
          if ('Members' in body) body.Members = (body.Members as []).slice(1)
        }),
    ],
    ['a system without a power state', (_request, answer) => json(answer, (body) => delete body.PowerState)],
    [
      'a system without a boot order',
      (_request, answer) =>
        json(answer, (body) => 'Boot' in body && delete (body.Boot as { BootOrder?: unknown }).BootOrder),
    ],
    [
      'a link that leads elsewhere',
      (_request, answer) => ({
        ...answer,
        body: answer.body.replaceAll('"/redfish/v1/Chassis/blade/NetworkAdapters/lom"', '"//192.0.2.1/x"'),
      }),
    ],
    ['one adapter twice', (_request, answer) => ({ ...answer, body: answer.body.replaceAll('MEZZ0001', 'LOM0001') })],
    [
      'an address that is none',
      (_request, answer) => ({ ...answer, body: answer.body.replaceAll('02:00:5e:10:00:01', 'ff:ff:ff:ff:ff:ff') }),
    ],
  ]
  for (const [what, change] of nonsense) {
    it(`takes ${what} for nonsense and not for a blade`, async () => {
      const { driver, bay } = await rigged()
      await driver.observe(bay, calm())
      tamper = change
      expect(await fault(driver.observe(bay, calm()))).toMatchObject({ blind: 'bmc-nonsense', maybe: false })
    })
  }

  it('an answer to a change that can not be read is a maybe; a definite no is not', async () => {
    const { driver, bay, truth } = await rigged()
    await driver.observe(bay, calm())
    const on = () => fault(driver.apply({ kind: 'power', bay, action: 'on' }, calm()))
    const withBody =
      (status: number, body: string): Tamper =>
      (request, answer) =>
        request.method === 'POST' ? { status, headers: {}, body } : answer
    for (const [status, body, blind, maybe] of [
      [200, 'done!', 'bmc-nonsense', true],
      [202, '{}', 'bmc-nonsense', true],
      [500, '{}', 'bmc-nonsense', true],
      [503, '{}', 'bmc-busy', true],
      [
        200,
        '{"Boot@Message.ExtendedInfo": [{"MessageId": "Base.1.16.PropertyNotUpdated", "MessageSeverity": "Critical"}]}',
        'hardware-refused',
        true,
      ],
      [400, '{}', 'hardware-refused', false],
      [403, '{}', 'bmc-refused', false],
      [409, '{"error": {"code": "Base.1.16.GeneralError", "message": "no permit"}}', 'hardware-refused', false],
      [404, '{}', 'bmc-nonsense', false],
    ] as const) {
      tamper = withBody(status, body)
      const failed = await on()
      expect([status, failed.blind, failed.maybe]).toEqual([status, blind, maybe])
    }
    expect(truth().power).toBe('on')
  })

  it('a BMC that opens sessions and then talks nonsense loses one session to us, not all of them', async () => {
    const { driver, bay, world } = await rigged()
    tamper = (request, answer) => (request.url === '/redfish/v1/Systems' ? { ...answer, body: 'nonsense' } : answer)
    for (let look = 0; look < 6; look++) {
      expect(await fault(driver.observe(bay, calm()))).toMatchObject({ blind: 'bmc-nonsense', maybe: false })
    }
    expect(world.sessions()).toBe(1)
  })

  it('asks for the very version of a secret that the step means', async () => {
    const { bay, drive } = await rigged()
    const asked: string[] = []
    const driver = drive({ secret: (id, mark) => `${asked.push(`${id} ${mark}`)}` })
    await driver.observe(bay, calm())
    const chap = { user: 'web', secret: 'chap-web' }
    const value = { role: 'iscsi', boot: { via: 'iscsi', targets: [], network: { by: 'dhcp' }, chap } }
    const step = {
      kind: 'write',
      bay,
      profile: 'web-1',
      functions: [{ key: 'lom:1-b', value }],
      secrets: ['chap-web@7'],
    }
    await driver.apply(step as never, calm())
    expect(asked).toEqual(['chap-web 7'])
    await driver.close()
  })

  it('an empty bay has no BMC: silence, and nothing in doubt', async () => {
    const { driver, bay, world } = await rigged()
    await driver.observe(bay, calm())
    world.leave()
    expect(await fault(driver.observe(bay, calm()))).toMatchObject({ blind: 'bmc-silent', maybe: false })
    expect(await fault(driver.apply({ kind: 'power', bay, action: 'on' }, calm()))).toMatchObject({
      blind: 'bmc-silent',
      maybe: false,
    })
  })

  it('what the hardware refuses is said in its own words', async () => {
    const { driver, bay } = await rigged()
    await driver.observe(bay, calm())
    const failed = await fault(driver.apply({ kind: 'power', bay, action: 'reset' }, calm()))
    expect(failed).toMatchObject({ blind: 'hardware-refused', maybe: false })
    expect(failed.message).toContain('the blade is off')
  })

  it('a function that somebody else changed since it was read is not written over', async () => {
    const { driver, bay, world } = await rigged()
    await driver.observe(bay, calm())
    tamper = (request, answer) => {
      if (request.url?.includes('expand')) {
        world.replace((blade) => ({
          ...blade,
          adapters: blade.adapters.map((adapter) => ({
            ...adapter,
            functions: adapter.functions.map((fn) => ({ ...fn, pending: { role: 'off' as const } })),
          })),
        }))
      }
      return answer
    }
    const step = {
      kind: 'write',
      bay,
      profile: 'web-1',
      functions: [{ key: 'lom:1-a', value: { role: 'nic' } }],
      secrets: [],
    } as never
    expect(await fault(driver.apply(step, calm()))).toMatchObject({ maybe: false })
    expect(world.done).toEqual([])
  })

  it('a barrier waits for nothing: a change still under way, or a session that does not end, is a fault', async () => {
    const { driver, bay, world } = await rigged()
    await driver.observe(bay, calm())
    tamper = (request, answer) =>
      request.url?.startsWith('/redfish/v1/TaskService/Tasks')
        ? json(answer, (body) => {
            body.Members = [{ '@odata.id': '/redfish/v1/TaskService/Tasks/1', Name: 'write', TaskState: 'Running' }]
            body['Members@odata.count'] = 1
          })
        : answer
    expect(await fault(driver.apply({ kind: 'barrier', bay }, calm()))).toMatchObject({
      blind: 'bmc-busy',
      maybe: false,
    })
    tamper = (request, answer) => (request.method === 'DELETE' ? { status: 204, headers: {}, body: '' } : answer)
    world.occupySessions()
    world.endSessions()
    const other = rig?.drive()
    await other?.observe(bay, calm())
    tamper = (request, answer) =>
      request.method === 'GET' && request.url === '/redfish/v1/SessionService/Sessions'
        ? json(answer, (body) => {
            body.Members = [...(body.Members as []), { '@odata.id': '/redfish/v1/SessionService/Sessions/undying' }]
            body['Members@odata.count'] = (body.Members as []).length
          })
        : answer
    expect(await fault(driver.apply({ kind: 'barrier', bay }, calm()))).toMatchObject({ blind: 'bmc-busy' })
    await other?.close()
  })
})
