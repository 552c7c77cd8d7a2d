// The owner line from both ends of the backplane's socket: two controllers in one chassis, and one that knows of no other.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readLines } from '../../agent/backplane/lines.ts'
import {
  type BackplaneRequest,
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
import { newWorld } from '../../agent/sim/world.ts'
import { timings } from './bench.ts'
import { tinyAlone, tinyHardware } from './tiny-board.ts'
import { VirtualClock } from './virtual-clock.ts'

const { signal } = new AbortController()
let folder: string
let path: string
let clock: VirtualClock
let host: ChassisHost
let served: ServedBackplane
const closers: (() => Promise<void> | void)[] = []

async function plugIn(hardware = tinyHardware): Promise<void> {
  clock = new VirtualClock()
  host = new ChassisHost(newWorld({ hardware, seed: 'test', now: clock.now(), timings }), clock)
  served = await serveBackplane(host, { path })
  closers.push(
    () => host.close(),
    () => served.close(),
  )
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'owner-line-'))
  path = join(folder, 'backplane.sock')
})
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
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

describe('two controllers on one backplane', () => {
  beforeEach(() => plugIn())

  it('read the same line, and hear of each change without asking', async () => {
    const [a, b] = [client({ slot: 'A' }), client({ slot: 'B' })]
    expect(await b.line.read(signal)).toEqual({ owner: 'none', controllers: { A: 'silent', B: 'silent' } })
    const heard = () => new Promise<void>((resolve) => b.line.onChange(resolve))
    const taken = heard()
    await a.line.take(signal)
    await taken
    const beaten = heard()
    await a.line.beat(signal)
    await beaten
    expect(await b.line.read(signal)).toEqual({ owner: 'A', controllers: { A: 'alive', B: 'silent' } })
    const fell = heard()
    clock.pass(timings.watchdogMs)
    await fell
    expect(await b.line.read(signal)).toEqual({ owner: 'A', controllers: { A: 'silent', B: 'silent' } })
    const left = heard()
    await a.line.release(signal)
    await left
    expect((await b.line.read(signal)).owner).toBe('none')
  })

  it('are not both obeyed: who was deposed changes nothing and is told whose the backplane is', async () => {
    const [a, b] = [client({ slot: 'A' }), client({ slot: 'B' })]
    await a.line.take(signal)
    await a.apply({ kind: 'permit', bay: 1, n: 1 }, signal)
    await b.line.take(signal)
    const before = host.world.slots
    for (const step of [
      { kind: 'permit', bay: 2, n: 2 },
      { kind: 'withdraw', bay: 1 },
      { kind: 'cut', bay: 1 },
      { kind: 'locate', bay: 1, lit: true },
    ] as const) {
      expect([step.kind, await faultOf(a.apply(step, signal))]).toMatchObject([
        step.kind,
        { blind: 'not-owner', maybe: false, message: 'not the owner: slot B owns the backplane' },
      ])
    }
    expect(host.world.slots).toBe(before)
    await b.apply({ kind: 'withdraw', bay: 1 }, signal)
    expect(host.world.slots[1]?.latch).toEqual({ state: 'denied', n: 1 })
    expect((await a.read(signal)).bays[1]?.permit).toEqual({ state: 'denied', n: 1 })
  })

  it("do not take a line by coming back: after AC loss it is nobody's, and nothing is obeyed until it is taken", async () => {
    const a = client({ slot: 'A' })
    await a.line.take(signal)
    const back = new Promise<void>((resolve) => a.line.onChange(resolve))
    host.perform({ do: 'ac', on: false })
    host.perform({ do: 'ac', on: true })
    await back
    expect((await a.line.read(signal)).owner).toBe('none')
    expect(await faultOf(a.apply({ kind: 'permit', bay: 1, n: 1 }, signal))).toMatchObject({
      blind: 'not-owner',
      message: 'not the owner: nobody owns the backplane',
    })
    expect(host.world.slots[1]?.latch).toEqual({ state: 'denied', n: 0 })
  })

  it('are cut off when they are pulled out, and nobody else is; put back, they read whose the line still is', async () => {
    const [a, b] = [client({ slot: 'A' }), client({ slot: 'B' })]
    await b.line.read(signal)
    await a.line.take(signal)
    const heard = new Promise<void>((resolve) => b.line.onChange(resolve))
    host.perform({ do: 'controller', slot: 'A', does: 'remove' })
    await heard
    expect(await faultOf(a.read(signal))).toMatchObject({ blind: 'backplane-silent' })
    expect(await b.line.read(signal)).toEqual({ owner: 'A', controllers: { A: 'absent', B: 'silent' } })
    host.perform({ do: 'controller', slot: 'A', does: 'insert' })
    expect(await a.line.read(signal)).toEqual({ owner: 'A', controllers: { A: 'silent', B: 'silent' } })
  })

  it('let a stranger read, and nothing else', async () => {
    const socket = connect(path)
    await once(socket, 'connect')
    closers.push(() => void socket.destroy())
    const requests: readonly BackplaneRequest[] = [
      { do: 'take' },
      { do: 'beat' },
      { do: 'release' },
      { do: 'permit', bay: 1, n: 1 },
      { do: 'read' },
      { do: 'health' },
    ]
    const answers: unknown[] = []
    const lines = readLines(
      longestLine,
      (line) => {
        const said = parseLine(line)
        answers.push(said?.kind === 'reply' ? said.reply.ok : line)
      },
      () => undefined,
    )
    const all = new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        lines.push(chunk)
        if (answers.length === requests.length) resolve()
      })
    })
    socket.write(requests.map((request, id) => requestLine(id, request)).join(''))
    await all
    expect(answers).toEqual([false, false, false, false, true, true])
    expect(host.world.arbiter).toEqual({ owner: 'none', seats: { A: { state: 'silent' }, B: { state: 'silent' } } })
  })
})

describe('a controller that knows of no other', () => {
  it('takes a line that nobody has, and again after AC loss', async () => {
    await plugIn()
    const lone = client()
    await lone.apply({ kind: 'permit', bay: 1, n: 1 }, signal)
    expect(await lone.line.read(signal)).toMatchObject({ owner: 'A' })
    const back = new Promise<void>((resolve) => lone.line.onChange(resolve))
    host.perform({ do: 'ac', on: false })
    host.perform({ do: 'ac', on: true })
    await back
    await lone.apply({ kind: 'permit', bay: 1, n: 2 }, signal)
    expect(host.world.slots[1]?.latch).toEqual({ state: 'granted', n: 2 })
  })

  it('deposes nobody', async () => {
    await plugIn()
    await client({ slot: 'B' }).line.take(signal)
    expect(await faultOf(client().apply({ kind: 'permit', bay: 1, n: 1 }, signal))).toMatchObject({
      blind: 'not-owner',
    })
    expect(host.world.arbiter?.owner).toBe('B')
  })

  it('is obeyed in a chassis for one, where there is no line to read, take or beat on', async () => {
    await plugIn(tinyAlone)
    const only = client({ slot: 'A' })
    await only.apply({ kind: 'permit', bay: 1, n: 1 }, signal)
    expect(host.world.slots[1]?.latch).toEqual({ state: 'granted', n: 1 })
    for (const asked of [only.line.read(signal), only.line.take(signal), only.line.beat(signal)]) {
      expect(await faultOf(asked)).toMatchObject({
        blind: 'backplane-silent',
        maybe: false,
        message: expect.stringContaining('one controller slot'),
      })
    }
  })
})

describe("a controller's connection", () => {
  /** Answers everything with yes, and drops the connection where it is told to. */
  async function recorder(drop: (request: BackplaneRequest, nth: number) => boolean) {
    const heard: string[][] = []
    const server = createServer((socket: Socket) => {
      const mine: string[] = []
      heard.push(mine)
      const lines = readLines(
        longestLine,
        (line) => {
          const read = parseRequest(line)
          if (!('request' in read)) throw new Error(line)
          const { request } = read
          mine.push(request.do === 'hello' ? `hello ${request.slot}` : request.do)
          if (drop(request, heard.length)) socket.destroy()
          else socket.write(replyLine(read.id, { ok: true }))
        },
        () => undefined,
      )
      socket.on('data', (chunk) => lines.push(chunk))
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    closers.push(() => new Promise<void>((resolve) => void server.close(() => resolve())))
    return { heard, port: (server.address() as AddressInfo).port }
  }

  it('says hello first, each time that it is made', async () => {
    const { heard, port } = await recorder((request) => request.do === 'cut')
    const b = client({ at: { port }, slot: 'B' })
    await b.line.beat(signal)
    expect(await faultOf(b.apply({ kind: 'cut', bay: 1 }, signal))).toMatchObject({ maybe: true })
    await b.line.take(signal)
    expect(heard).toEqual([
      ['hello B', 'beat', 'cut'],
      ['hello B', 'take'],
    ])
  })

  it('sends nothing where its hello is not heard, and knows that it did not', async () => {
    const { heard, port } = await recorder((request, nth) => request.do === 'hello' && nth === 1)
    const a = client({ at: { port }, slot: 'A' })
    expect(await faultOf(a.apply({ kind: 'cut', bay: 1 }, signal))).toMatchObject({
      blind: 'backplane-silent',
      maybe: false,
    })
    await a.apply({ kind: 'cut', bay: 1 }, signal)
    expect(heard).toEqual([['hello A'], ['hello A', 'cut']])
  })

  it('is given up and made anew where nobody answers its hello in time', async () => {
    let first: (() => void) | undefined
    const greeted = new Promise<void>((resolve) => {
      first = resolve
    })
    let deaf = true
    const server = createServer((socket) => {
      const lines = readLines(
        longestLine,
        (line) => {
          const read = parseRequest(line)
          if (deaf) first?.()
          else socket.write(replyLine(read.id, { ok: true }))
        },
        () => undefined,
      )
      socket.on('data', (chunk) => lines.push(chunk))
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
    closers.push(() => new Promise<void>((resolve) => void server.close(() => resolve())))
    const waits: (() => void)[] = []
    const a = client({
      at: { port: (server.address() as AddressInfo).port },
      slot: 'A',
      after: (_ms, run) => {
        waits.push(run)
        return () => undefined
      },
    })
    const lost = faultOf(a.apply({ kind: 'cut', bay: 1 }, signal))
    await greeted
    waits[1]?.()
    expect(await lost).toMatchObject({ maybe: false, message: expect.stringContaining('no answer to hello') })
    deaf = false
    await a.apply({ kind: 'cut', bay: 1 }, signal)
  })
})
