import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ServedBackDoor, serveBackDoor } from '../../agent/sim/back-door.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { slotOf } from '../../agent/sim/slots.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { timings } from './bench.ts'
import { withoutLatch } from './tiny-board.ts'
import { VirtualClock } from './virtual-clock.ts'

let clock: VirtualClock
let host: ChassisHost
let door: ServedBackDoor

beforeEach(async () => {
  clock = new VirtualClock()
  host = new ChassisHost(newWorld({ hardware: withoutLatch, seed: 'test', now: clock.now(), timings }), clock)
  door = await serveBackDoor(host, 0)
})
afterEach(async () => {
  await door.close()
  host.close()
})

async function ask(path: string, init?: RequestInit): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${door.url}${path}`, init)
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
const post = (path: string, body: unknown) => ask(path, { method: 'POST', body: JSON.stringify(body) })
const done = { status: 200, body: { done: true } }

describe('the back door', () => {
  it('moves blades: in, out, exchanged, and back from the shelf', async () => {
    const serial = host.world.slots[1]?.blade?.kept.serial
    expect(await post('/pull', { bay: 1 })).toEqual(done)
    expect(await post('/insert', { bay: 3, serial })).toEqual(done)
    expect(slotOf(host.world, 3)).toMatchObject({ presence: 'present', serial })
    expect(await post('/swap', { bay: 2, with: 3 })).toEqual(done)
    expect(slotOf(host.world, 2)).toMatchObject({ serial })
    expect(await post('/insert', { bay: 1, product: 'Blade S', localDisk: false })).toEqual(done)
    expect(await post('/swap', { bay: 1, product: 'Blade D' })).toEqual(done)
    expect(slotOf(host.world, 1)).toMatchObject({ product: 'Blade D' })
    expect(await post('/adapter', { bay: 1, slot: 'lom', model: 'aux-card' })).toEqual(done)
    expect(host.world.slots[1]?.blade?.kept.adapters[0]?.model).toBe('aux-card')
  })

  it('presses buttons, wakes blades, sets policies, and lets systems go down by themselves', async () => {
    await clock.advance(timings.bmcBootMs)
    expect(await post('/button', { bay: 1 })).toEqual(done)
    expect(await post('/wake', { bay: 2 })).toEqual(done)
    await clock.advance(timings.postMs)
    const { body } = await ask('/boots')
    expect(body.boots).toMatchObject([
      { bay: 1, why: 'power-button' },
      { bay: 2, why: 'wake' },
    ])
    expect((await ask('/boots?bay=2')).body.boots).toHaveLength(1)
    expect(await post('/system', { bay: 1, does: 'shutdown' })).toEqual(done)
    expect(await post('/button', { bay: 2, hold: true })).toEqual(done)
    await clock.advance(timings.shutdownMs)
    expect([slotOf(host.world, 1), slotOf(host.world, 2)]).toMatchObject([{ powerGood: false }, { powerGood: false }])
    expect(await post('/policy', { bay: 1, button: 'disabled' })).toEqual(done)
    expect(host.world.slots[1]?.blade?.kept.policy).toEqual({
      restore: 'last-state',
      button: 'disabled',
      wake: 'enabled',
    })
  })

  it('takes AC and gives it back', async () => {
    expect(await post('/ac', { on: false })).toEqual(done)
    expect(host.world.ac).toBe(false)
    expect(await post('/ac', { on: true })).toEqual(done)
    expect(host.world.ac).toBe(true)
  })

  it('pulls controllers out and puts them back, and shows whose the backplane is', async () => {
    host.askBackplane({ do: 'take' }, 'A')
    expect(await post('/controller', { slot: 'A', does: 'remove' })).toEqual(done)
    expect((await ask('/world')).body.line).toEqual({ owner: 'A', controllers: { A: 'absent', B: 'silent' } })
    expect(await post('/controller', { slot: 'A', does: 'remove' })).toEqual({
      status: 409,
      body: { error: 'slot A has no controller' },
    })
    expect(await post('/controller', { slot: 'A', does: 'insert' })).toEqual(done)
    expect((await ask('/world')).body.line).toEqual({ owner: 'A', controllers: { A: 'silent', B: 'silent' } })
    expect((await post('/controller', { slot: 'C', does: 'insert' })).body.error).toBe('slot is one of A, B')
  })

  it('breaks BMCs in every way there is, and mends them', async () => {
    const faults = [
      { fault: 'silent' },
      { fault: 'slow', ms: 10 },
      { fault: 'lies-power' },
      { fault: 'lies-addresses' },
      { fault: 'lies-writes' },
      { fault: 'starved' },
      { fault: 'late', ms: 10 },
      { fault: 'post-fails', after: 1 },
      { fault: 'ignores-shutdown' },
      { fault: 'wrong-serial', serial: 'OTHER-1' },
      { fault: 'power-lag', ms: 10 },
    ]
    for (const fault of faults) expect(await post('/bmc', { bay: 1, ...fault })).toEqual(done)
    const broken = () => host.world.slots[1]?.blade?.faults.map(({ kind }) => kind)
    expect(broken()).toEqual(faults.map(({ fault }) => fault))
    expect(await post('/bmc', { bay: 1, fault: 'wrong-serial', on: false })).toEqual(done)
    expect(broken()).toHaveLength(faults.length - 1)
    expect(await post('/bmc', { bay: 1, mend: true })).toEqual(done)
    expect(broken()).toEqual([])
    expect(await post('/bmc', { bay: 1, reboot: true })).toEqual(done)
    expect(await post('/bmc', { bay: 1, user: 'root', password: 'calvin' })).toEqual(done)
    expect(host.world.slots[1]?.blade?.kept.credentials).toEqual({ user: 'root', password: 'calvin' })
  })

  it('masks the storage network, exchanges interconnects and lets parts fail', async () => {
    const chap = { user: 'web', secret: 'right horse' }
    expect(
      await post('/san', {
        luns: [{ target: 'iqn.2001-05.com.example:A', lun: '0', initiators: ['IQN.2015'], chap }],
        pxe: [],
      }),
    ).toEqual(done)
    expect(host.world.san).toEqual({
      luns: [{ target: 'iqn.2001-05.com.example:a', lun: '0', initiators: ['iqn.2015'], chap }],
      pxe: [],
    })
    expect(await post('/san', { pxe: null })).toEqual(done)
    expect(host.world.san.pxe).toBeUndefined()
    expect(host.world.san.luns).toHaveLength(1)
    expect(await post('/interconnect', { id: 'ic4', kind: 'fc' })).toEqual(done)
    expect(host.world.interconnects.ic4).toBe('fc')
    expect(await post('/part', { part: 'fan-3', state: 'failed' })).toEqual(done)
    expect(host.world.failed).toEqual({ 'fan-3': 'failed' })
  })

  it('shows the log from any entry on, the duplicates in it, and the world', async () => {
    const all = (await ask('/log')).body as { next: number; entries: unknown[] }
    expect(all.entries).toHaveLength(all.next)
    await post('/pull', { bay: 1 })
    const { body } = await ask(`/log?since=${all.next}`)
    expect(body).toMatchObject({ first: all.next, entries: [{ kind: 'pulled', bay: 1 }] })
    expect((await ask('/duplicates')).body).toEqual({ duplicates: [] })
    expect((await ask('/world')).body).toMatchObject({
      board: 'tiny-no-latch',
      ac: true,
      bays: { 1: { shows: { presence: 'empty' } } },
    })
  })

  it('says what is wrong with what it is told, and does nothing', async () => {
    const before = host.world
    const wrong: readonly [string, unknown, number, string][] = [
      ['/pull', { bay: 9 }, 409, 'this chassis has no bay 9'],
      ['/pull', { bay: 3 }, 409, 'bay 3 has no blade'],
      ['/pull', { bay: 'one' }, 400, 'bay is a whole number'],
      ['/insert', { bay: 1, product: 'Blade' }, 409, 'bay 1 holds a blade; pull it first'],
      ['/insert', { bay: 3 }, 400, 'name the blade by product (a new one) or by serial (one that was pulled)'],
      ['/insert', { bay: 3, serial: 'X' }, 409, 'no blade X lies pulled; none does'],
      ['/bmc', { bay: 1, fault: 'sad' }, 400, 'fault is one of silent, slow,'],
      ['/bmc', { bay: 1, fault: 'slow' }, 400, 'ms is a whole number'],
      ['/ac', {}, 400, 'on is true or false'],
      ['/san', { luns: [{ target: 'a' }] }, 400, 'initiators is a list of texts'],
      [
        '/part',
        { part: 'fan-9', state: 'failed' },
        409,
        'no part fan-9; there are supply-1, supply-2, fan-1, fan-2, fan-3',
      ],
      ['/pul', {}, 404, 'nothing is at /pul'],
      ['/log', {}, 405, 'GET it'],
    ]
    for (const [path, body, status, sentence] of wrong) {
      const answer = await post(path, body)
      expect([path, answer.status, String(answer.body.error)]).toEqual([
        path,
        status,
        expect.stringContaining(sentence),
      ])
    }
    expect((await ask('/pull')).status).toBe(405)
    expect((await ask('/pull', { method: 'POST', body: '[1]' })).body.error).toBe('the body is one JSON object')
    expect((await ask('/pull', { method: 'POST', body: 'x'.repeat(70_000) })).status).toBe(413)
    expect((await ask('/log?since=x')).status).toBe(400)
    expect(host.world.slots).toBe(before.slots)
  })
})
