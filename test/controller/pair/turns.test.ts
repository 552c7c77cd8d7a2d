// Whose turn it is: the line is asked for, given and taken without leaving the chassis to nobody for longer than need be.

import { expect, test } from 'vitest'
import { openLink } from '../../../agent/controller/pair/link.ts'
import type { Command } from '../../../agent/core/command.ts'
import { id } from '../../core/lab.ts'
import { inMemoryHardware } from '../../sim/in-memory.ts'
import { PairRig } from './rig.ts'

test("changed over and back again at once, the chassis is nobody's for two seconds at most each time", async () => {
  const rig = new PairRig()
  await rig.bothUp()
  for (const to of ['B', 'A', 'B'] as const) {
    const asked = rig.clock.now()
    expect(rig.owner?.pair?.changeover(false)).toBeUndefined()
    await rig.until(`the line is given`, () => rig.owner === undefined)
    await rig.until(`controller ${to} leads`, () => rig.owner?.slot === to)
    expect(rig.clock.now() - asked).toBeLessThan(2_000)
    await rig.paired(to)
  }
})

test('a link that ended before anybody asked says so to whoever asks', () => {
  let end = () => {}
  const onEnd = (heard: () => void) => {
    end = heard
  }
  const pipe = { send: () => {}, onLine: () => {}, end: () => end(), onEnd }
  const key = new Uint8Array(32)
  const link = openLink({ pipe, side: 'dialled', chassis: id<'Chassis'>('rig'), key, nonce: '0'.repeat(32) })
  end()
  const told: (string | undefined)[] = []
  link.onEnd((why) => told.push(why))
  expect(told).toEqual([undefined])
})

test('an owner that was deposed without knowing accepts nothing more, not even what is for its own flash alone', async () => {
  const rig = new PairRig()
  // As for one that hung: nobody told it, and it did not look.
  const deaf = { ...inMemoryHardware(rig.host, { slot: 'A' }).line, onChange: () => {} }
  rig.start('A', { line: deaf, pace: { look: 600_000 } })
  await rig.until('A leads alone', () => rig.owner?.slot === 'A')
  await rig.settle()
  const { agent } = rig.A.leading ?? expect.unreachable('A does not lead')
  const commands = [
    { kind: 'locate', bay: 1, lit: true },
    { kind: 'define-pool', pool: { id: 'lan', kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 1 } } },
  ] as unknown as readonly Command[]
  const { line } = inMemoryHardware(rig.host, { slot: 'B' })
  const taken = line.take(new AbortController().signal)
  const answers = Promise.all(commands.map((command) => agent.submit(command, rig.envelope(command))))
  await rig.clock.until(taken)
  const replies = await rig.clock.until(answers)
  expect(replies.map(({ outcome }) => outcome.kind)).toEqual(['refused', 'refused'])
})
