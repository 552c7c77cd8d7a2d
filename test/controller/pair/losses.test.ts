/**
 * Losses of a pair that meet in one moment: a standby that goes while the EEPROM is being written, an EEPROM that takes
 * a write and says that it did not, a takeover cut half way. Each was found by hand, each once lost what was acknowledged
 * or held a chassis that lacked nothing (W10, W11, I2, I7).
 */
import { expect, test } from 'vitest'
import { openEeprom } from '../../../agent/controller/store/eeprom.ts'
import type { Command } from '../../../agent/core/command.ts'
import type { Reply } from '../../../agent/core/reply.ts'
import { id } from '../../core/lab.ts'
import { inMemoryHardware } from '../../sim/in-memory.ts'
import { PairRig } from './rig.ts'

const pool = (count: number) =>
  ({
    kind: 'define-pool',
    pool: { id: id<'Pool'>(`pool-${count}`), kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 40 + count } },
  }) as const

/** What happens after the next page is on the chip, and before that is told; before a controller starts. */
function pagesOf(rig: PairRig): { next: (() => Promise<void>) | undefined } {
  const pages: ReturnType<typeof pagesOf> = { next: undefined }
  const { eeprom } = rig
  const of: typeof eeprom.of = (slot) => {
    const device = eeprom.of(slot)
    const writePage: typeof device.writePage = async (page, content) => {
      await device.writePage(page, content)
      const { next } = pages
      pages.next = undefined
      await next?.()
    }
    return { ...device, writePage }
  }
  rig.eeprom = { ...eeprom, of }
  return pages
}

const after = (rig: PairRig, ms: number) => new Promise<void>((resolve) => void rig.clock.after(ms, resolve))

/** The EEPROM ends so many transactions more, and then takes no page. */
function takesNoPageAfter(rig: PairRig, transactions: number): void {
  let left = transactions
  rig.eeprom.chip.fail = ({ operation }) => {
    if (operation === 'sync') left -= 1
    return operation === 'writePage' && left <= 0 ? { why: 'no acknowledge' } : undefined
  }
}

function cure(rig: PairRig): void {
  rig.eeprom.chip.fail = () => undefined
  rig.eeprom.chip.broken = undefined
}

const leading = (rig: PairRig) => rig.owner?.leading ?? expect.unreachable('nobody leads')

/** Asked, and the clock is somebody else's to move. */
const ask = (rig: PairRig, command: Command): Promise<Reply> =>
  leading(rig).agent.submit(command, rig.envelope(command))

/** A leads alone, with everything in the EEPROM, and nothing under way. */
async function alone(rig: PairRig): Promise<void> {
  rig.start('A')
  await rig.leads('A')
  await rig.clock.advance(5_000)
}

const reset = (rig: PairRig): Command => {
  const serial = leading(rig).agent.now().chassisSerial ?? expect.unreachable('a chassis without a serial number')
  return { kind: 'factory-reset', serial, here: serial, incarnation: 'e'.repeat(32) }
}

test('an owner that can not tell whom the EEPROM names answers nothing until it can be read again', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  const { chip } = rig.eeprom
  chip.fail = ({ operation }) => {
    if (operation !== 'sync') return undefined
    // The pages that name A alone are on the chip; that they are is never told.
    chip.broken = 'bus gone'
    return { why: 'bus gone' }
  }
  rig.wire.cut = true
  await rig.until('A is stuck', () => rig.A.leading?.memory.readOnly() !== undefined)
  rig.wire.cut = false
  // B is back and stores everything. A took it for the member that A read last, acknowledged with it, and what they
  // both had was lost with A: B was not named, and went on from the EEPROM under a new epoch (W11).
  const end = rig.clock.now() + 20_000
  while (rig.clock.now() < end) {
    expect(rig.A.leading?.memory.readOnly()).toEqual(expect.stringContaining('the EEPROM can not tell'))
    await rig.clock.advance(50)
  }
  expect(await rig.submit(pool(1))).toMatchObject({
    outcome: { kind: 'refused', refusal: { reason: 'store-read-only' } },
  })
  cure(rig)
  await rig.leads('A')
  await rig.paired()
  const { epoch } = rig.state
  expect(await rig.do(pool(2))).toMatchObject({ copies: ['flash', 'peer', 'eeprom'], singleCopy: false })
  rig.kill('A')
  await rig.leads('B')
  expect(rig.state.epoch).toBe(epoch)
  expect(rig.state.pools).toHaveProperty('pool-2')
})

test('a standby that is lost while it is being named is not acknowledged without, while the EEPROM may name it', async () => {
  const rig = new PairRig()
  const pages = pagesOf(rig)
  await alone(rig)
  const told = new Promise<Reply>((resolve) => {
    pages.next = async () => {
      rig.kill('B')
      await after(rig, 5)
      resolve(ask(rig, pool(1)))
      await after(rig, 5)
      takesNoPageAfter(rig, 1)
    }
  })
  rig.start('B')
  // A was alone as it read the list last, and said accepted; the EEPROM named B a moment later, which lacked it (I2).
  expect(await rig.clock.until(told)).toMatchObject({ outcome: { kind: 'refused', refusal: { reason: 'busy' } } })
  cure(rig)
  rig.kill('A')
  rig.start('B')
  await rig.leads('B')
  rig.start('A')
  await rig.paired('B')
  expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'peer', 'eeprom'] })
  expect(rig.A.copy?.()).toEqual(rig.state)
})

test('a standby that is lost while it is being named goes on when the owner is lost too: one was named then', async () => {
  const rig = new PairRig()
  const pages = pagesOf(rig)
  await alone(rig)
  const told = new Promise<Reply>((resolve) => {
    pages.next = async () => {
      rig.kill('B')
      await after(rig, 5)
      const reply = ask(rig, pool(1))
      void reply.then(() => rig.kill('A'))
      resolve(reply)
      await after(rig, 5)
    }
  })
  rig.start('B')
  expect(await rig.clock.until(told)).toMatchObject({
    outcome: { kind: 'accepted', copies: ['flash', 'eeprom'], singleCopy: false },
  })
  rig.start('B')
  // The copy went to the EEPROM beside a list that named both, so B, which lacked it, held for ever (W11).
  await rig.leads('B')
  expect(rig.state.pools).toHaveProperty('pool-1')
})

test('a copy that waits for its turn in the EEPROM holds nothing that a member lacks', async () => {
  const rig = new PairRig()
  const pages = pagesOf(rig)
  await rig.bothUp()
  await rig.clock.advance(2_000)
  const { epoch } = rig.state
  const told = new Promise<readonly Reply[]>((resolve) => {
    pages.next = async () => {
      const second = ask(rig, pool(2))
      await after(rig, 10)
      rig.kill('B')
      resolve(Promise.all([second, ask(rig, pool(3))]))
      await after(rig, 10)
      // This copy and the waiting one; the list without B is not written any more.
      takesNoPageAfter(rig, 2)
    }
  })
  void ask(rig, pool(1))
  expect(await rig.clock.until(told)).toMatchObject([
    { outcome: { kind: 'accepted', copies: ['flash', 'peer', 'eeprom'] } },
    { outcome: { kind: 'refused', refusal: { reason: 'busy' } } },
  ])
  rig.kill('A')
  cure(rig)
  rig.start('B')
  // The waiting copy took the third along, beside a list that named both: B lacked it, and held (W10, W11).
  await rig.leads('B')
  expect(Object.keys(rig.state.pools)).toEqual(['pool-1', 'pool-2'])
  expect(rig.state.epoch).toBe(epoch)
})

test('what a standby stores while it is being taken off the list is no second copy', async () => {
  const rig = new PairRig()
  const pages = pagesOf(rig)
  await rig.bothUp()
  await rig.clock.advance(2_000)
  const { epoch } = rig.state
  // Slower than the owner's patience: what it stored is heard while the EEPROM is told to name A alone.
  rig.wire.delayMs = 1_600
  const second = new Promise<Reply>((resolve) => {
    pages.next = async () => {
      await after(rig, 300)
      resolve(ask(rig, pool(2)))
      await after(rig, 4_000)
      takesNoPageAfter(rig, 1)
    }
  })
  const first = ask(rig, pool(1))
  const replies = await rig.clock.until(Promise.all([first, second]))
  // `peer` was said for both; B is not named any more, and goes on from the EEPROM, which lacks the second (W10, I2).
  for (const { outcome } of replies) {
    expect(outcome).toMatchObject({ kind: 'accepted', copies: ['flash'], singleCopy: true })
  }
  rig.kill('A')
  cure(rig)
  rig.wire.delayMs = 1
  await rig.leads('B')
  expect(rig.state.pools).toHaveProperty('pool-1')
  expect(rig.state.epoch).toBe(epoch + 1)
})

test('a factory reset that the EEPROM did not take, and a takeover that is cut, leave a pair that goes on', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  await rig.do(pool(1))
  takesNoPageAfter(rig, 0)
  expect(await rig.do(reset(rig))).toMatchObject({ copies: ['flash', 'peer'] })
  // B takes over, and its EEPROM fails again before the log of the new life is told there.
  takesNoPageAfter(rig, 2)
  rig.kill('A')
  await rig.until('B owns the chassis', () => rig.owner?.slot === 'B')
  rig.kill('B')
  cure(rig)
  rig.start('A')
  rig.start('B')
  // The keys of the old life were put beside the copy of the new one, and both controllers held for good (W21).
  await rig.leads('B')
  await rig.paired('B')
  expect(rig.state).toMatchObject({ incarnation: 'e'.repeat(32), pools: {} })
})

test('a controller that is stopped gives the owner line before it is gone', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  await rig.clock.until(rig.A.pair?.stop() ?? expect.unreachable('A does not run'))
  // The stop ended the asking too: the line stayed with A until its heartbeat was missed.
  const { line } = inMemoryHardware(rig.host, { slot: 'B' })
  expect(await rig.clock.until(line.read(new AbortController().signal))).toMatchObject({ owner: 'none' })
})

test('a standby stores a full batch as its owner did', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  const { memory } = leading(rig)
  const { term } = rig.state
  const record = (bytes: number) => ({ kind: 'lead', term, padding: 'x'.repeat(bytes) }) as const
  // Two records that fit one batch, and did not fit as one entry: the standby's program ended with a RangeError.
  const stored = Promise.all([memory.append(record(130_000), false), memory.append(record(131_300), false)])
  expect(await rig.clock.until(stored)).toEqual([
    ['flash', 'peer'],
    ['flash', 'peer'],
  ])
  expect(rig.A.status.standing.is).toBe('member')
  expect(rig.B.copy?.()).toEqual(rig.state)
})

test('whoever asks an owner whose standby was replaced unseen hears an answer, though the EEPROM takes nothing', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  // The link to the old one never ends: nothing tells A that it is gone.
  rig.wire.delayMs = 600_000
  rig.replace('B')
  rig.wire.delayMs = 1
  takesNoPageAfter(rig, 0)
  rig.start('B')
  await rig.clock.advance(10_000)
  const asked = rig.clock.now()
  expect(await rig.submit(pool(1))).toMatchObject({
    outcome: { kind: 'refused', refusal: { reason: 'store-read-only', say: expect.stringContaining('silent') } },
  })
  expect(rig.clock.now() - asked).toBeLessThan(6_000)
  cure(rig)
  await rig.paired()
  expect(rig.A.leading?.memory.members()).toEqual([rig.A.status.self, expect.stringMatching(/^ctl-3\//)])
  expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'peer', 'eeprom'] })
})

test('a standby whose link is lost in a changeover still leads as a member, and the office stays', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  const { incarnation } = rig.state
  await rig.do({ kind: 'take-over', incarnation, observedEpoch: 0, lineage: 'main', number: 1 })
  const { office } = rig.state
  expect(rig.A.pair?.changeover(false)).toBeUndefined()
  // Whoever gives the line takes nobody off the list any more: B would lead from the EEPROM, under epoch 2 (W15).
  rig.wire.lose('B')
  await rig.leads('B')
  expect(rig.state).toMatchObject({ epoch: 1, office })
})

test('a write and then a read of the EEPROM that fail leave the keys of the chassis where they are', async () => {
  const rig = new PairRig()
  await rig.bothUp()
  const { chip } = rig.eeprom
  takesNoPageAfter(rig, 0)
  expect(await rig.do(pool(1))).toMatchObject({ copies: ['flash', 'peer'] })
  let reads = 0
  chip.fail = ({ operation }) => (operation === 'read' && reads++ === 0 ? { why: 'no acknowledge' } : undefined)
  // What could not be read was taken for empty, and the keys were written over with nothing (I7).
  expect(await rig.do(pool(2))).toMatchObject({ copies: ['flash', 'peer'] })
  expect(reads).toBeGreaterThan(0)
  cure(rig)
  const { reading } = await rig.clock.until(openEeprom(rig.eeprom.of('A')))
  const keys = reading.kind === 'content' ? [...reading.map.keys()] : []
  expect(keys).toEqual(
    expect.arrayContaining(['chassis-incarnation', 'chassis-key', 'chassis-members', 'chassis-term']),
  )
  rig.kill('A')
  rig.kill('B')
  rig.start('A')
  rig.start('B')
  await rig.leads('A')
  await rig.paired()
  expect(Object.keys(rig.state.pools)).toEqual(['pool-1', 'pool-2'])
  expect(await rig.do(pool(3))).toMatchObject({ copies: ['flash', 'peer', 'eeprom'] })
})
