// The console over a real serial driver: a pseudo-terminal on each end of a cable that can be torn out. And over a line
// with modem lines, which no pseudo-terminal has.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex, PassThrough } from 'node:stream'
import { ReadStream } from 'node:tty'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../../../agent/controller/clock.ts'
import { type ServedSerial, serveSerial } from '../../../../agent/controller/doors/console/serial.ts'
import type { SerialConnection } from '../../../../agent/controller/hardware/serial-line.ts'
import { id } from '../../../core/lab.ts'
import { describeWith, need } from '../../../setup/peers.ts'
import { VirtualClock } from '../../../sim/virtual-clock.ts'
import { LabFront } from './front.ts'

const prompt = 'demo-A# '
let requests = 0
const about = { client: id<'Client'>('console-a'), slot: 'A', newRequestId: () => `request-${++requests}` } as const

describeWith(['socat'], 'the console on a serial line', () => {
  let folder: string
  let cable: ChildProcess | undefined
  let served: ServedSerial | undefined
  let log: string[]
  let logged = () => {}
  const at = (end: string) => join(folder, end)

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'midplane-serial-'))
    log = []
  })
  afterEach(async () => {
    await served?.close()
    await tearOut()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A cable with an end for the controller and one for the technician. */
  async function plugIn(): Promise<void> {
    const ends = new Set(['ours', 'theirs'])
    const plugged = new Promise<void>((resolve) => {
      const look = () => {
        for (const end of ends) if (!existsSync(at(end))) return
        watcher.close()
        resolve()
      }
      const watcher = watch(folder, look)
    })
    const end = (name: string) => `pty,raw,echo=0,link=${at(name)}`
    cable = spawn(need('socat'), [end('ours'), end('theirs')], { stdio: 'ignore' })
    await plugged
  }

  async function tearOut(): Promise<void> {
    if (!cable || cable.exitCode !== null || cable.signalCode !== null) return
    const gone = once(cable, 'exit')
    cable.kill('SIGKILL')
    await gone
    for (const end of ['ours', 'theirs']) rmSync(at(end), { force: true })
  }

  function serve(front = new LabFront()): LabFront {
    served = serveSerial({
      ...about,
      front,
      path: at('ours'),
      baud: 115_200,
      clock: systemClock(),
      log: (line) => {
        log.push(line)
        logged()
      },
    })
    return front
  }

  async function heard(line: RegExp): Promise<void> {
    while (!log.some((each) => line.test(each))) {
      await new Promise<void>((resolve) => {
        logged = resolve
      })
    }
  }

  /** A terminal program at the other end. */
  function technician() {
    const fd = openSync(at('theirs'), 'r+')
    const terminal = new ReadStream(fd)
    let text = ''
    let wake = () => {}
    terminal.on('error', () => {})
    terminal.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      wake()
    })
    return {
      type: (keys: string | Buffer) => (terminal as unknown as Duplex).write(keys),
      sees: async (what: RegExp): Promise<string> => {
        while (!what.test(text)) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
        const seen = text
        text = ''
        return seen
      },
      leave: () => terminal.destroy(),
    }
  }

  it('greets with a prompt, echoes what is typed, and obeys', async () => {
    await plugIn()
    const person = technician()
    const front = serve()
    await person.sees(/demo-A# $/)
    person.type('lox\x7fcate bay 5 on\r')
    const seen = await person.sees(/demo-A# $/)
    expect(seen).toMatch(/^lox[\b] [\b]cate bay 5 on\r\n/)
    expect(seen).toMatch(/%OK accepted revision 5, stored on flash\r\ndemo-A# $/)
    expect(front.state.bays[5]?.locate).toBe(true)
    person.leave()
  })

  it('does not mind breaks and noise on the line', async () => {
    await plugIn()
    const person = technician()
    const front = serve()
    await person.sees(/demo-A# $/)
    person.type(Buffer.from([0x00, 0xff, 0xfe, 0x0d]))
    expect(await person.sees(/demo-A# $/)).toContain('%ERR 2 GARBLED')
    person.type('version\r')
    expect(await person.sees(/%OK\r\ndemo-A# $/)).toContain('Midplane 0.1.0')
    expect(front.submitted).toEqual([])
    person.leave()
  })

  it('comes back after the cable was torn out, with nothing for whoever comes next but a prompt', async () => {
    await plugIn()
    const first = technician()
    const front = serve()
    await first.sees(/demo-A# $/)
    first.type('power bay 3 o')
    await first.sees(/power bay 3 o$/)
    first.leave()
    await tearOut()
    await heard(/is lost/)
    await plugIn()
    const second = technician()
    expect(await second.sees(/demo-A# $/)).toBe(prompt)
    // The end of a line that somebody else began is not the end of his.
    second.type('ff\r')
    expect(await second.sees(/demo-A# $/)).toContain("'ff' is not a verb")
    expect(front.submitted).toEqual([])
    second.leave()
  })

  it('waits for a line that is not there yet, and says so once', async () => {
    serve()
    await heard(/can not be opened/)
    await plugIn()
    const person = technician()
    await heard(/console on/)
    person.type('\r')
    await person.sees(/demo-A# $/)
    expect(log.filter((line) => line.includes('can not be opened'))).toHaveLength(1)
    person.leave()
  })
})

/** A line whose other end can be seen to go away: what a UART with a carrier line is. */
class ModemLine implements SerialConnection {
  readonly to = new PassThrough()
  readonly from = new PassThrough()
  readonly stream = Duplex.from({ readable: this.to, writable: this.from })
  carried = true
  discarded = 0
  closed = false
  carrier = async () => this.carried
  discard = async () => {
    this.discarded++
  }
  close = async () => {
    this.closed = true
    this.stream.destroy()
  }
}

describe('a console whose technician hangs up', () => {
  it('drops the half line and the unread answer, and begins anew', async () => {
    const clock = new VirtualClock()
    const began = clock.now()
    const lines: ModemLine[] = []
    const front = new LabFront()
    const served = serveSerial({
      ...about,
      front,
      path: 'ttyS0',
      baud: 115_200,
      clock: {
        uptimeMs: () => clock.now() - began,
        timeMs: () => undefined,
        after: (ms, call) => clock.after(ms, call),
      },
      log: () => {},
      open: async () => {
        const line = new ModemLine()
        lines.push(line)
        return line
      },
    })
    const readable = async (line: ModemLine | undefined) => {
      if (line?.from.readableLength === 0) await once(line.from, 'readable')
      return String(line?.from.read() ?? '')
    }
    await new Promise((resolve) => setImmediate(resolve))
    const [first] = lines
    expect(await readable(first)).toBe(prompt)
    first?.to.write('power bay 3 o')
    await readable(first)
    await clock.advance(2_000)
    expect(lines).toHaveLength(1)
    if (first) first.carried = false
    await clock.advance(3_000)
    expect(first).toMatchObject({ closed: true, discarded: 1 })
    expect(lines).toHaveLength(2)
    expect(await readable(lines[1])).toBe(prompt)
    lines[1]?.to.write('ff\r')
    expect(await readable(lines[1])).toMatch(/^f/)
    expect(front.submitted).toEqual([])
    await served.close()
  })
})
