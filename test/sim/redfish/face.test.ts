/** The Redfish face of a simulated BMC, as any client of the field would meet it: by HTTP alone. */
import { request as httpRequest } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Face, serveRedfish } from '../../../agent/sim/redfish/face.ts'
import { oemSchema } from '../../../agent/sim/redfish/schema.ts'
import { bay, credentials, type OneBlade, oneBlade } from './one-blade.ts'

type Headers = { readonly [name: string]: string }
interface Heard {
  readonly status: number
  readonly headers: { readonly [name: string]: string | string[] | undefined }
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a client reads whatever members it wants to look at.
  readonly json: any
}

let world: OneBlade
let face: Face
let token: string

function http(
  method: string,
  path: string,
  body?: unknown,
  headers: Headers = {},
  signal?: AbortSignal,
): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const text = body === undefined || typeof body === 'string' ? (body as string | undefined) : JSON.stringify(body)
    const request = httpRequest(
      `${face.url}${path}`,
      {
        method,
        headers: {
          ...(text !== undefined && {
            'Content-Type': 'application/json',
            'Content-Length': String(Buffer.byteLength(text)),
          }),
          ...headers,
        },
        ...(signal && { signal }),
      },
      (answer) => {
        const parts: Buffer[] = []
        answer.on('data', (part: Buffer) => parts.push(part))
        answer.once('end', () => {
          const heard = Buffer.concat(parts).toString()
          const json = /json/.test(answer.headers['content-type'] ?? '') && heard !== '' ? JSON.parse(heard) : undefined
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: heard, json })
        })
      },
    )
    request.once('error', reject)
    request.end(text)
  })
}
const auth = (): Headers => ({ 'X-Auth-Token': token })
const get = (path: string, headers: Headers = {}) => http('GET', path, undefined, { ...auth(), ...headers })
const patch = (path: string, body: unknown, headers: Headers = {}) =>
  http('PATCH', path, body, { ...auth(), ...headers })
const post = (path: string, body: unknown, headers: Headers = {}) => http('POST', path, body, { ...auth(), ...headers })
const login = (user = credentials.user, password = credentials.password) =>
  http('POST', '/redfish/v1/SessionService/Sessions', { UserName: user, Password: password })
const messageOf = (heard: Heard): string => String(heard.json?.error?.['@Message.ExtendedInfo']?.[0]?.MessageId)

beforeEach(async () => {
  world = oneBlade()
  face = await serveRedfish(world.port, { bay, host: '127.0.0.1', tcpPort: 0 })
  token = String((await login()).headers['x-auth-token'])
})
afterEach(() => face.close())

const system = '/redfish/v1/Systems/1'
const functions = '/redfish/v1/Chassis/blade/NetworkAdapters/lom/NetworkDeviceFunctions'
const settings = `${functions}/1-a/Settings`

describe('the tree', () => {
  /** Follows every link, as a crawler would. */
  async function crawl(): Promise<Map<string, Heard>> {
    const found = new Map<string, Heard>()
    const waiting = ['/redfish/v1/']
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (found.has(path)) continue
      const heard = await get(path)
      found.set(path, heard)
      const walk = (json: unknown): void => {
        if (Array.isArray(json)) json.forEach(walk)
        else if (typeof json === 'object' && json !== null) {
          for (const [name, value] of Object.entries(json)) {
            if (name === '@odata.id' && typeof value === 'string') waiting.push(value)
            else walk(value)
          }
        }
      }
      walk(heard.json)
    }
    return found
  }

  it('every link leads to a resource that says of itself where it is and what it is', async () => {
    const found = await crawl()
    expect(found.size).toBeGreaterThan(30)
    const metadata = (await http('GET', '/redfish/v1/$metadata')).text
    for (const [path, heard] of found) {
      expect([path, heard.status]).toEqual([path, 200])
      expect(heard.json).toMatchObject({ '@odata.id': path, Name: expect.stringMatching(/./) })
      const type: string = heard.json['@odata.type']
      expect(type).toMatch(/^#[A-Za-z]+(\.v\d+_\d+_\d+)?\.[A-Za-z]+$/)
      expect(metadata).toContain(`Namespace="${type.slice(1, type.lastIndexOf('.'))}"`)
      expect(heard.headers['odata-version']).toBe('4.0')
      expect(heard.headers.etag).toBe(heard.json['@odata.etag'])
      expect(heard.headers.link).toMatch(/^<http:\/\/redfish\.dmtf\.org\/schemas\/v1\/[\w.]+\.json>; rel=describedby$/)
      if ('Members' in heard.json) expect(heard.json['Members@odata.count']).toBe(heard.json.Members.length)
      else expect(heard.json.Id).toMatch(/./)
    }
  })

  it('a resource that $expand put in place is the resource itself', async () => {
    const one = (await get('/redfish/v1/Chassis/blade/NetworkAdapters?$expand=.($levels=4)')).json
    const lom = one.Members[0]
    const fn = lom.NetworkDeviceFunctions.Members[0]
    expect(fn['@Redfish.Settings'].SettingsObject).toEqual((await get(settings)).json)
    const alone = (await get(`${functions}/1-a`)).json
    expect({ ...fn, '@Redfish.Settings': alone['@Redfish.Settings'] }).toEqual(alone)
    const shallow = (await get('/redfish/v1/Chassis/blade/NetworkAdapters?$expand=.')).json
    expect(shallow.Members[0].Model).toBe('hp-flex-10')
    expect(shallow.Members[0].NetworkDeviceFunctions).toEqual({ '@odata.id': functions })
  })

  it('says which queries it has', async () => {
    expect((await get(`${system}?$select=Id`)).status).toBe(501)
    expect(messageOf(await get(`${system}?$expand=*`))).toBe('Base.1.16.QueryParameterValueError')
    expect((await get(`${system}?rainbow=1`)).status).toBe(200)
  })

  it('version, root, service document and metadata need no session, and nothing else does without', async () => {
    for (const path of [
      '/redfish',
      '/redfish/',
      '/redfish/v1',
      '/redfish/v1/',
      '/redfish/v1/odata',
      '/redfish/v1/$metadata',
    ]) {
      expect([path, (await http('GET', path)).status]).toEqual([path, 200])
    }
    expect((await http('GET', '/redfish')).json).toEqual({ v1: '/redfish/v1/' })
    for (const path of [system, '/redfish/v1/SessionService/Sessions', '/redfish/v1/nothing']) {
      const heard = await http('GET', path)
      expect([path, heard.status, messageOf(heard)]).toEqual([path, 401, 'Base.1.16.NoValidSession'])
    }
    expect((await http('PATCH', system, { PowerRestorePolicy: 'AlwaysOff' })).status).toBe(401)
    expect(world.done).toEqual([])
  })

  it('the schema of its own words is served and names every member that it shows', async () => {
    const heard = await http('GET', '/redfish/v1/schemas/Midplane_v1.xml')
    expect(heard.text).toBe(oemSchema())
    const shown = [
      ...Object.keys((await get(system)).json.Oem.Midplane),
      ...Object.keys((await get(`${functions}/1-a`)).json.Oem.Midplane),
    ]
    for (const name of shown) if (!name.startsWith('@')) expect(heard.text).toContain(`<Property Name="${name}"`)
  })
})

describe('HTTP as Redfish wants it', () => {
  it('HEAD is GET without the body', async () => {
    const head = await http('HEAD', system, undefined, auth())
    const whole = await get(system)
    expect(head.status).toBe(200)
    expect(head.text).toBe('')
    expect(head.headers['content-length']).toBe(whole.headers['content-length'])
  })

  it('a method that is not for a resource is answered 405, with those that are', async () => {
    for (const [method, path, allow] of [
      ['DELETE', system, 'GET, HEAD, PATCH'],
      ['POST', system, 'GET, HEAD, PATCH'],
      ['PATCH', `${functions}/1-a`, 'GET, HEAD'],
      ['PUT', settings, 'GET, HEAD, PATCH'],
      ['GET', `${system}/Actions/ComputerSystem.Reset`, 'POST'],
      ['POST', '/redfish/v1/', 'GET, HEAD'],
    ] as const) {
      const heard = await http(method, path, method === 'GET' ? undefined : {}, auth())
      expect([path, heard.status, heard.headers.allow]).toEqual([path, 405, allow])
    }
  })

  it('an ETag stays while nothing changes, saves a body, and stops a change of what has changed', async () => {
    const { headers } = await get(settings)
    const etag = String(headers.etag)
    expect((await get(settings, { 'If-None-Match': etag })).status).toBe(304)
    const body = { Ethernet: { MACAddress: '00:17:a4:77:00:02' } }
    expect((await patch(settings, body, { 'If-Match': etag })).status).toBe(204)
    const again = await patch(settings, { Ethernet: { MACAddress: '00:17:a4:77:00:04' } }, { 'If-Match': etag })
    expect([again.status, messageOf(again)]).toEqual([412, 'Base.1.16.PreconditionFailed'])
    expect((await get(settings)).json.Ethernet.MACAddress).toBe('00:17:a4:77:00:02')
    expect((await patch(settings, body, { 'If-Match': '*' })).status).toBe(204)
  })

  it('time alone does not change an ETag', async () => {
    const before = (await get(system)).headers.etag
    world.replace((blade) => ({ ...blade, stageSeconds: blade.stageSeconds + 5 }))
    const after = await get(system)
    expect(after.headers.etag).toBe(before)
    expect(after.json.Oem.Midplane.StageSeconds).toBe(5)
  })

  it('a poor body is refused by name, and nothing is changed', async () => {
    const cases: readonly [string, unknown, Headers, number, string][] = [
      [system, '{"Boot":', {}, 400, 'MalformedJSON'],
      [system, '[1]', {}, 400, 'MalformedJSON'],
      [system, '{}', {}, 400, 'NoOperation'],
      [system, { PowerRestorePolicy: 'AlwaysOff' }, { 'Content-Type': 'text/plain' }, 415, 'HeaderInvalid'],
      [system, { PowerRestorePolicy: 'AlwaysOff' }, { 'OData-Version': '3.0' }, 412, 'HeaderInvalid'],
      [system, { PowerRestorePolicy: 'Sometimes' }, {}, 400, 'PropertyValueError'],
      [
        system,
        { Boot: { BootSourceOverrideTarget: 'Nonsense', BootSourceOverrideEnabled: 'Once' } },
        {},
        400,
        'PropertyValueError',
      ],
      [system, { Boot: 5 }, {}, 400, 'PropertyValueTypeError'],
      [system, { Rainbow: true, PowerRestorePolicy: 'AlwaysOff' }, {}, 400, 'PropertyUnknown'],
      [system, { SerialNumber: 'X' }, {}, 400, 'PropertyNotWritable'],
      [
        settings,
        { '@Redfish.SettingsApplyTime': { ApplyTime: 'Immediate' }, BootMode: 'PXE' },
        {},
        400,
        'PropertyValueError',
      ],
      [system, `{"a":"${'x'.repeat(70_000)}"}`, {}, 413, 'PayloadTooLarge'],
    ]
    for (const [path, body, headers, status, message] of cases) {
      const heard = await patch(path, body, headers)
      expect([heard.status, messageOf(heard)]).toEqual([status, `Base.1.16.${message}`])
      expect(heard.json.error.message).toMatch(/./)
    }
    expect(world.done).toEqual([])
  })

  it('a path that is nowhere is answered 404, however odd it is', async () => {
    for (const path of [
      '/redfish/v1/Systems/2',
      '/redfish/v1/Chassis/blade/NetworkAdapters/lom/NetworkDeviceFunctions/9-z',
      '/redfish/v2',
      '/',
      '/redfish/v1/Systems/%31',
      '/redfish/v1/Systems/constructor',
    ]) {
      expect([path, (await get(path)).status]).toEqual([path, 404])
    }
  })
})

describe('sessions and tasks', () => {
  it('a session is opened, listed without its token, used, and ended', async () => {
    const opened = await login()
    expect(opened.status).toBe(201)
    const mine = String(opened.headers.location)
    expect(mine).toMatch(/^\/redfish\/v1\/SessionService\/Sessions\/[0-9a-f]{16}$/)
    expect(opened.json['@odata.id']).toBe(mine)
    const listed = await get('/redfish/v1/SessionService/Sessions')
    expect(listed.json.Members).toContainEqual({ '@odata.id': mine })
    expect(listed.text).not.toContain(String(opened.headers['x-auth-token']))
    expect((await http('DELETE', mine, undefined, auth())).status).toBe(204)
    const after = await http('GET', system, undefined, { 'X-Auth-Token': String(opened.headers['x-auth-token']) })
    expect(after.status).toBe(401)
    expect((await http('DELETE', mine, undefined, auth())).status).toBe(404)
  })

  it('a wrong password, a missing one, and one session too many are told apart', async () => {
    const refused = await login('admin', 'guess')
    expect([refused.status, messageOf(refused)]).toEqual([401, 'Base.1.16.ResourceAtUriUnauthorized'])
    expect((await http('POST', '/redfish/v1/SessionService/Sessions', { UserName: 'admin' })).status).toBe(400)
    world.occupySessions()
    const full = await login()
    expect([full.status, messageOf(full)]).toEqual([503, 'Base.1.16.SessionLimitExceeded'])
  })

  it('Basic authentication is a session for one request', async () => {
    const basic = (password: string) => ({
      Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`,
    })
    const before = world.sessions()
    expect((await http('GET', system, undefined, basic('blade-pw'))).status).toBe(200)
    expect((await http('GET', system, undefined, basic('guess'))).status).toBe(401)
    expect(world.sessions()).toBe(before)
  })

  it('a change under way is a running task', async () => {
    const held = world.holdNextChange()
    const slow = post(`${system}/Actions/ComputerSystem.Reset`, { ResetType: 'On' })
    await held.arrived
    const tasks = (await get('/redfish/v1/TaskService/Tasks')).json
    expect(tasks['Members@odata.count']).toBe(1)
    expect((await get(tasks.Members[0]['@odata.id'])).json).toMatchObject({ TaskState: 'Running', Name: 'power' })
    held.release()
    expect((await slow).status).toBe(204)
    expect((await get('/redfish/v1/TaskService/Tasks')).json.Members).toEqual([])
  })

  it('a silent BMC answers nothing at all, not even its root', async () => {
    world.silence()
    for (const path of ['/redfish', '/redfish/v1/', '/redfish/v1/$metadata', system]) {
      const patience = new AbortController()
      const asked = world.asked()
      const unanswered = http('GET', path, undefined, auth(), patience.signal).catch(() => 'nothing')
      await asked
      patience.abort()
      expect([path, await unanswered]).toEqual([path, 'nothing'])
    }
  })

  it('where no BMC is, the line is hung up', async () => {
    world.leave()
    for (const path of ['/redfish/v1/', system]) await expect(get(path)).rejects.toMatchObject({ code: 'ECONNRESET' })
    await expect(login()).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('what a client of the field can do', () => {
  it('reset types are those that are offered, and do what they say', async () => {
    const reset = (await get(system)).json.Actions['#ComputerSystem.Reset']
    expect(reset['ResetType@Redfish.AllowableValues']).toEqual([
      'On',
      'GracefulShutdown',
      'ForceOff',
      'ForceRestart',
      'PowerCycle',
    ])
    expect((await post(reset.target, { ResetType: 'On' })).status).toBe(204)
    expect((await get(system)).json).toMatchObject({
      PowerState: 'On',
      BootProgress: { LastState: 'SystemHardwareInitializationComplete' },
    })
    world.settle()
    expect((await get(system)).json.BootProgress).toEqual({ LastState: 'OSRunning' })
    world.replace((blade) => ({ ...blade, stage: 'halted' }))
    expect((await get(system)).json.BootProgress).toEqual({ LastState: 'OEM', OemLastState: 'PostHalted' })
    expect((await post(reset.target, { ResetType: 'PowerCycle' })).status).toBe(204)
    expect((await post(reset.target, { ResetType: 'ForceOff' })).status).toBe(204)
    const refused = await post(reset.target, { ResetType: 'ForceRestart' })
    expect([refused.status, refused.json.error.message]).toEqual([409, 'the blade is off; switch it on instead'])
    for (const [body, message] of [
      [{ ResetType: 'Nmi' }, 'ActionParameterValueNotInList'],
      [{ ResetType: 1 }, 'ActionParameterValueTypeError'],
      [{}, 'ActionParameterMissing'],
      [{ ResetType: 'On', Delay: 1 }, 'ActionParameterUnknown'],
    ] as const) {
      const heard = await post(reset.target, body)
      expect([heard.status, messageOf(heard)]).toEqual([400, `Base.1.16.${message}`])
    }
  })

  it('an address written to Settings waits there, and is in use after the next boot', async () => {
    const fn = `${functions}/1-a`
    expect((await get(fn)).json['@Redfish.Settings']).toEqual({
      '@odata.type': '#Settings.v1_4_0.Settings',
      SettingsObject: { '@odata.id': settings },
      SupportedApplyTimes: ['OnReset'],
    })
    await patch(settings, { Ethernet: { MACAddress: '00:17:A4:77:00:02', VLAN: { VLANEnable: true, VLANId: 9 } } })
    expect((await get(fn)).json).toMatchObject({
      Ethernet: { MACAddress: '02:00:5e:10:00:01' },
      Oem: { Midplane: { Pending: true } },
    })
    expect((await get(settings)).json.Ethernet.MACAddress).toBe('00:17:a4:77:00:02')
    await post(`${system}/Actions/ComputerSystem.Reset`, { ResetType: 'On' })
    expect((await get(fn)).json).toMatchObject({
      Ethernet: {
        MACAddress: '00:17:a4:77:00:02',
        PermanentMACAddress: '02:00:5e:10:00:01',
        VLAN: { VLANEnable: true, VLANId: 9 },
      },
      Oem: { Midplane: { Pending: false } },
    })
    const clear = (await get(fn)).json.Actions.Oem['#Midplane.Clear'].target
    expect((await post(clear, {})).status).toBe(204)
    expect((await get(settings)).json.Ethernet).toEqual({
      MACAddress: '02:00:5e:10:00:01',
      VLAN: { VLANEnable: false, VLANId: null },
    })
  })

  it('a CHAP secret goes in and never comes out', async () => {
    const written = await patch(settings, {
      NetDevFuncType: 'iSCSI',
      BootMode: 'iSCSI',
      iSCSIBoot: {
        InitiatorName: 'iqn.2026-01.org.example:web',
        PrimaryTargetName: 'iqn.2026-01.org.example:disk',
        PrimaryTargetIPAddress: '192.0.2.1',
        PrimaryTargetTCPPort: 3260,
        PrimaryLUN: 0,
        AuthenticationMethod: 'CHAP',
        CHAPUsername: 'web',
        CHAPSecret: 'open sesame',
      },
    })
    expect(written.status).toBe(204)
    expect(world.secrets).toEqual([{ key: 'lom:1-a', which: 'chap', value: 'open sesame' }])
    const shown = await get(settings)
    expect(shown.json.iSCSIBoot).toMatchObject({ CHAPUsername: 'web', CHAPSecret: null })
    expect(shown.text).not.toContain('sesame')
  })

  it('boot options name every device that the boot order can', async () => {
    const options = (await get(`${system}/BootOptions?$expand=.`)).json.Members
    expect(options.map((one: { BootOptionReference: string }) => one.BootOptionReference)).toEqual([
      'local',
      'setup',
      'lom:1-a',
      'lom:1-b',
      'lom:2-a',
      'mezz1:1-a',
    ])
    expect((await patch(system, { Boot: { BootOrder: ['mezz1:1-a', 'local'] } })).status).toBe(204)
    expect((await get(system)).json.Boot.BootOrder).toEqual(['mezz1:1-a', 'local'])
    expect(world.done).toEqual(['boot'])
  })
})
