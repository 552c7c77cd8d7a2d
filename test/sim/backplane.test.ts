import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLines } from '../../agent/backplane/lines.ts'
import {
  type BackplaneReply,
  type BackplaneRequest,
  lineChangedLine,
  longestLine,
  parseLine,
  parseRequest,
  replyLine,
  requestLine,
} from '../../agent/backplane/protocol.ts'
import { SocketBackplane } from '../../agent/controller/hardware/backplane.ts'
import { Fault } from '../../agent/controller/hardware/driver.ts'
import { type ServedBackplane, serveBackplane } from '../../agent/sim/backplane-face.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { healthOf, slotOf } from '../../agent/sim/slots.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { timings } from './bench.ts'
import { tinyHardware } from './tiny-board.ts'
import { VirtualClock } from './virtual-clock.ts'

const { signal } = new AbortController()
let folder: string
let path: string
let clock: VirtualClock
let host: ChassisHost
let served: ServedBackplane
const closers: (() => Promise<void> | void)[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'backplane-'))
  path = join(folder, 'backplane.sock')
  clock = new VirtualClock()
  host = new ChassisHost(newWorld({ hardware: tinyHardware, seed: 'test', now: clock.now(), timings }), clock)
  served = await serveBackplane(host, { path })
  closers.push(() => served.close())
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  host.close()
  rmSync(folder, { recursive: true })
})

function client(options: Partial<ConstructorParameters<typeof SocketBackplane>[0]> = {}): SocketBackplane {
  const backplane = new SocketBackplane({ at: { path }, retryMs: 1, ...options })
  closers.push(() => backplane.close())
  return backplane
}

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const caught = await promise.then(
    () => new Error('it went well'),
    (error: unknown) => error,
  )
  if (caught instanceof Fault) return caught
  throw caught
}

/** A backplane that takes the hello of a slot, and does with all other requests whatever the test wants. */
async function impostor(hear: (socket: Socket, line: string) => void): Promise<{ port: number; server: Server }> {
  const server = createServer((socket) => {
    const lines = readLines(
      longestLine,
      (line) => {
        const read = parseRequest(line)
        if ('request' in read && read.request.do === 'hello') socket.write(replyLine(read.id, { ok: true }))
        else hear(socket, line)
      },
      () => undefined,
    )
    socket.on('data', (chunk) => lines.push(chunk))
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  closers.push(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  return { port: (server.address() as AddressInfo).port, server }
}

describe('the backplane over its socket', () => {
  it('shows every bay, and does what it is asked', async () => {
    const backplane = client()
    const { chassisSerial, bays, interconnects } = await backplane.read(signal)
    expect(chassisSerial).toBe(host.world.chassisSerial)
    expect(interconnects).toEqual({ ic1: 'converged', ic2: 'ethernet', ic3: 'fc', ic4: 'empty' })
    expect(bays).toEqual({
      1: slotOf(host.world, 1),
      2: slotOf(host.world, 2),
      3: slotOf(host.world, 3),
      4: slotOf(host.world, 4),
    })
    await backplane.apply({ kind: 'permit', bay: 1, n: 6 }, signal)
    await backplane.apply({ kind: 'locate', bay: 2, lit: true }, signal)
    const after = await backplane.read(signal)
    expect(after.bays[1]?.permit).toEqual({ state: 'granted', n: 6 })
    expect(after.bays[2]?.locate).toBe(true)
    await backplane.apply({ kind: 'withdraw', bay: 1 }, signal)
    await backplane.apply({ kind: 'cut', bay: 2 }, signal)
    expect((await backplane.read(signal)).bays[1]?.permit).toEqual({ state: 'denied', n: 6 })
    expect(host.world.slots[2]?.cutUntil).toBeDefined()
  })

  it('tells of supplies, fans, temperatures and parts, which are not quite still', async () => {
    const backplane = client()
    host.perform({ do: 'part', part: 'fan-2', state: 'failed' })
    host.perform({ do: 'part', part: 'supply-1', state: 'absent' })
    const health = await backplane.health(signal)
    expect(health).toEqual(healthOf(host.world))
    expect(health.fans.map(({ state }) => state)).toEqual(['ok', 'failed', 'ok'])
    expect(health.supplies).toMatchObject([{ state: 'absent', watts: 0 }, { state: 'ok' }])
    expect(health.frus.map(({ where }) => where)).toEqual(
      expect.arrayContaining(['chassis', 'supply-2', 'bay-1', 'bay-1 lom']),
    )
    expect(health.temperatures.every(({ celsius, limit }) => celsius > 10 && celsius < limit)).toBe(true)
    const seen = new Set<string>()
    for (let minute = 0; minute < 5; minute++) {
      await clock.advance(60_000)
      seen.add(JSON.stringify(healthOf(host.settle())))
    }
    expect(seen.size).toBeGreaterThan(1)
  })

  it('says which bay changed, without being asked', async () => {
    const backplane = client()
    const heard = new Promise<number>((resolve) => backplane.onChange(resolve))
    await backplane.read(signal)
    host.perform({ do: 'pull', bay: 2 })
    expect(await heard).toBe(2)
  })

  it('is silent without AC, and there again with it', async () => {
    const backplane = client()
    await backplane.read(signal)
    host.perform({ do: 'ac', on: false })
    expect(await faultOf(backplane.read(signal))).toMatchObject({ blind: 'backplane-silent', maybe: false })
    expect(await faultOf(backplane.apply({ kind: 'withdraw', bay: 1 }, signal))).toMatchObject({
      blind: 'backplane-silent',
    })
    host.perform({ do: 'ac', on: true })
    expect((await backplane.read(signal)).bays[1]?.presence).toBe('present')
  })

  it('is asked again after it was away, and every bay is worth a look then', async () => {
    const backplane = client()
    await backplane.read(signal)
    const heard: number[] = []
    const all = new Promise<void>((resolve) => {
      backplane.onChange((bay) => {
        heard.push(bay)
        if (heard.length === 4) resolve()
      })
    })
    await served.close()
    served = await serveBackplane(host, { path })
    await all
    expect(heard).toEqual([1, 2, 3, 4])
  })

  it('takes the place of a socket that a killed program left behind, and no other', async () => {
    await expect(serveBackplane(host, { path })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const tcp = await serveBackplane(host, { port: 0 })
    closers.push(() => tcp.close())
    if (!('port' in tcp.address)) throw new Error('no port')
    expect((await client({ at: tcp.address }).read(signal)).bays[1]?.presence).toBe('present')
  })

  it('answers a bad line with what is wrong, and goes on', async () => {
    const socket = connect(path)
    await once(socket, 'connect')
    closers.push(() => void socket.destroy())
    const answers: string[] = []
    const lines = readLines(
      longestLine,
      (line) => answers.push(line),
      () => undefined,
    )
    const all = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        lines.push(chunk)
        if (answers.length === 9) resolve()
      })
    })
    socket.write('what?\n{"id":1,"do":"explode"}\n{"id":2,"do":"permit","bay":1}\n')
    socket.write(`${'x'.repeat(longestLine + 1)}\n`)
    socket.write(requestLine(3, { do: 'permit', bay: 9, n: 1 }))
    socket.write('{"id":4,"do":"hello"}\n{"id":5,"do":"hello","slot":"C"}\n')
    socket.write(requestLine(6, { do: 'hello', slot: 'B' }) + requestLine(7, { do: 'hello', slot: 'A' }))
    await all
    expect(answers.map((line) => JSON.parse(line))).toEqual([
      { id: null, ok: false, error: 'a request is one JSON object on a line' },
      {
        id: 1,
        ok: false,
        error: 'do is one of hello, take, release, beat, read, withdraw, permit, cut, locate, health',
      },
      { id: 2, ok: false, error: 'permit has an arming number n, from 1' },
      { id: null, ok: false, error: `a line has at most ${longestLine} bytes` },
      { id: 3, ok: false, error: 'this chassis has two controller slots: say hello for yours first' },
      { id: 4, ok: false, error: 'hello says the slot of the controller, A or B' },
      { id: 5, ok: false, error: 'hello says the slot of the controller, A or B' },
      { id: 6, ok: true },
      { id: 7, ok: false, error: 'this connection speaks for slot B' },
    ])
    expect(host.world.slots[1]?.latch).toEqual({ state: 'denied', n: 0 })
  })

  it('refuses a bay that is not there to the owner of the backplane', async () => {
    expect(await faultOf(client().apply({ kind: 'permit', bay: 9, n: 1 }, signal))).toMatchObject({
      blind: 'backplane-silent',
      message: 'the backplane refused: this chassis has no bay 9',
    })
  })
})

describe("the controller's end of it", () => {
  it('says maybe for a change that was sent and not answered, and never sends it again', async () => {
    const heard: string[] = []
    const { port } = await impostor((socket, line) => {
      heard.push(line)
      socket.destroy()
    })
    const backplane = client({ at: { port }, slot: 'A' })
    expect(await faultOf(backplane.apply({ kind: 'cut', bay: 1 }, signal))).toMatchObject({
      blind: 'backplane-silent',
      maybe: true,
    })
    expect(heard).toHaveLength(1)
  })

  it('says no more than silent for a change that could not be sent', async () => {
    const backplane = client({ at: { path: join(folder, 'nothing.sock') } })
    expect(await faultOf(backplane.apply({ kind: 'cut', bay: 1 }, signal))).toMatchObject({
      blind: 'backplane-silent',
      maybe: false,
    })
  })

  it('does not wait for ever: its own limit and the caller end a wait', async () => {
    let arrived: () => void = () => undefined
    const { port } = await impostor(() => arrived())
    const asked = () => new Promise<void>((resolve) => (arrived = resolve))
    const waits: (() => void)[] = []
    const backplane = client({
      at: { port },
      slot: 'A',
      after: (_ms, run) => {
        waits.push(run)
        return () => undefined
      },
    })
    const first = asked()
    const limited = faultOf(backplane.apply({ kind: 'withdraw', bay: 1 }, signal))
    await first
    waits[0]?.()
    expect(await limited).toMatchObject({ maybe: true, message: expect.stringContaining('no answer') })
    const patience = new AbortController()
    const second = asked()
    const given = faultOf(backplane.read(patience.signal))
    await second
    patience.abort()
    expect(await given).toMatchObject({ maybe: false })
  })

  it('takes nothing that it can not read for an answer', async () => {
    for (const nonsense of [
      'no json\n',
      '{"id":0,"ok":true,"reading":{"chassisSerial":"X","bays":{"1":{"presence":"maybe"}},"interconnects":{}}}\n',
    ]) {
      const { port } = await impostor((socket) => void socket.write(nonsense))
      expect(await faultOf(client({ at: { port }, slot: 'A' }).read(signal))).toMatchObject({
        blind: 'backplane-silent',
        message: expect.stringContaining('can not be read'),
      })
    }
  })

  it('tells a refusal from silence', async () => {
    const fault = await faultOf(client().apply({ kind: 'permit', bay: 4, n: 1 }, signal))
    expect(fault).toMatchObject({ maybe: false, message: 'the backplane refused: bay 4 has no blade to permit' })
  })
})

describe('lines', () => {
  it('come out whole, however the bytes were cut', () => {
    let cases = 0
    const text = fc.array(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).map((line) => `x${line.replaceAll('\n', ' ')}`),
    )
    fc.assert(
      fc.property(text, fc.array(fc.nat(200)), (lines, cuts) => {
        cases++
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const got: string[] = []
        const reader = readLines(
          1_000,
          (line) => got.push(line),
          () => got.push('too long'),
        )
        let from = 0
        for (const cut of [...cuts].sort((a, b) => a - b)) {
          if (cut < from) continue
          reader.push(bytes.subarray(from, cut))
          from = Math.min(cut, bytes.length)
        }
        reader.push(bytes.subarray(from))
        expect(got).toEqual(lines)
      }),
      { numRuns: 300 },
    )
    expect(cases).toBeGreaterThanOrEqual(300)
  })

  it('that are too long are told once and skipped, and the next one is read', () => {
    const got: string[] = []
    const reader = readLines(
      10,
      (line) => got.push(line),
      () => got.push('too long'),
    )
    for (const piece of ['aaaaaaaa', 'aaaaaaaa', 'aaaaaaaaaaaa', '\nshort\n', `${'b'.repeat(11)}\n`, 'next\n'])
      reader.push(Buffer.from(piece))
    expect(got).toEqual(['too long', 'short', 'too long', 'next'])
  })

  it('carry every request and what is said of the owner line unchanged', () => {
    const requests: readonly BackplaneRequest[] = [
      { do: 'hello', slot: 'B' },
      { do: 'take' },
      { do: 'release' },
      { do: 'beat' },
      { do: 'read' },
      { do: 'withdraw', bay: 2 },
      { do: 'permit', bay: 2, n: 7 },
      { do: 'cut', bay: 2 },
      { do: 'locate', bay: 2, lit: true },
      { do: 'health' },
    ]
    for (const [id, request] of requests.entries())
      expect(parseRequest(requestLine(id, request))).toEqual({ id, request })
    const replies: readonly BackplaneReply[] = [
      { ok: true, line: { owner: 'none', controllers: { A: 'alive', B: 'absent' } } },
      { ok: true, line: { owner: 'B', controllers: { A: 'silent', B: 'alive' } } },
      { ok: false, error: 'not the owner: slot A owns the backplane', why: 'not-owner' },
    ]
    for (const [id, reply] of replies.entries())
      expect(parseLine(replyLine(id, reply))).toEqual({ kind: 'reply', id, reply })
    expect(parseLine(lineChangedLine)).toEqual({ kind: 'line' })
  })

  it('whose owner line is no owner line are not taken at all', () => {
    for (const line of [
      '{"id":1,"ok":true,"line":{"owner":"C","controllers":{"A":"alive","B":"alive"}}}',
      '{"id":1,"ok":true,"line":{"controllers":{"A":"alive","B":"alive"}}}',
      '{"id":1,"ok":true,"line":{"owner":"A","controllers":{"A":"alive"}}}',
      '{"id":1,"ok":true,"line":{"owner":"A","controllers":{"A":"alive","B":"asleep"}}}',
      '{"id":1,"ok":true,"line":"A"}',
      '{"id":1,"ok":false,"error":"no","why":"because"}',
      '{"line":"A"}',
    ])
      expect([line, parseLine(line)]).toEqual([line, undefined])
  })

  it('of garbage are refused by both ends and break neither', () => {
    let cases = 0
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((each) => JSON.stringify(each)),
        ),
        (line) => {
          cases++
          const read = parseRequest(line)
          if ('request' in read) expect(parseRequest(requestLine(read.id, read.request).trim())).toEqual(read)
          const said = parseLine(line)
          if (said?.kind === 'reply') expect(parseLine(replyLine(said.id, said.reply).trim())).toEqual(said)
        },
      ),
      { numRuns: 500 },
    )
    expect(cases).toBeGreaterThanOrEqual(500)
  })
})
