// The front button, pressed while a profile moves: at every moment of a move where that is one press after the other,
// and at some of them where each press needs a move of its own (all of them in the slow tier).

import { expect, test } from 'vitest'
import type { LogEntry } from '../../agent/sim/log.ts'
import { hand } from './finger.ts'

const the = hand()

test('the button of the blade that is left, pressed at every moment once it is off, never starts it', async () => {
  const { move, press, presses, isOn } = the()
  const { requests, boots } = await move((from) => async () => {
    if (!(await isOn(from))) await press(from)
  })
  console.log(`${presses()} presses at ${requests} moments`)
  expect(presses()).toBeGreaterThan(20)
  expect(boots).toHaveLength(1)
})

test('the button of the blade that comes, pressed at every moment until it is on, starts it only as what it should be', async () => {
  const { move, press, presses, isOn, chassis } = the()
  const begin = (await chassis.backDoor.log()).length
  const before = presses()
  const { boots } = await move((_, to) => async () => {
    if (!(await isOn(to))) await press(to)
  })
  expect(presses() - before).toBeGreaterThan(20)
  // With a permit the finger is as good as the agent; without one it is refused.
  const log = (await chassis.backDoor.log()).slice(begin)
  expect(boots.map(({ why }) => why)).toEqual(['power-button'])
  expect(log.filter((entry) => entry.kind === 'no-power' && entry.why === 'power-button').length).toBeGreaterThan(20)
})

test('a press on both blades at one moment of a move, each move at another moment, never ends in a wrong boot', async () => {
  const { move, press } = the()
  let boots = 0
  const moments = [2, 14, 26, 36, 40, 44]
  for (const moment of moments) {
    const moved = await move((from, to) => async (_, count, when) => {
      if (when !== 'asked' || count !== moment) return
      await press(from)
      await press(to)
    })
    boots += moved.boots.length
  }
  console.log(`${moments.length} moves, ${boots} boots`)
  expect(boots).toBeGreaterThanOrEqual(moments.length)
}, 60_000)

test('a press in POST stops the blade; it is not started again before somebody says so, and then as itself', async () => {
  const { move, press, presses, isOn, chassis } = the()
  const before = presses()
  const begin = (await chassis.backDoor.log()).length
  // Between the request that starts the blade and its answer: POST has begun, and nobody knows it yet.
  const { boots } = await move((_, to) => async (_, __, when) => {
    if (when === 'answered' && presses() === before && (await isOn(to))) await press(to)
  })
  expect(boots).toHaveLength(1)
  const log = (await chassis.backDoor.log()).slice(begin)
  expect(log.filter((entry) => entry.kind === 'power' && !entry.on && entry.why === 'power-button')).toHaveLength(1)
  expect(await chassis.done('get events')).toMatch(/post-failed/)
})

test('a press under a running system shuts it down, and it stays off until somebody says so', async () => {
  const { move, press, presses, isOn, chassis } = the()
  const before = presses()
  const begin = (await chassis.backDoor.log()).length
  const { boots } = await move((_, to) => async () => {
    const log = (await chassis.backDoor.log()).slice(begin)
    if (presses() > before || !log.some((entry) => entry.kind === 'boot' && entry.bay === to)) return
    await press(to)
    const isDown = (entry: LogEntry) => entry.kind === 'power' && entry.bay === to && !entry.on
    await chassis.backDoor.logged(`bay ${to} shut down`, isDown, begin)
    expect(await isOn(to)).toBe(false)
  })
  expect(boots).toHaveLength(2)
})

test('a button that somebody enabled is disabled again at the next look', async () => {
  const { chassis } = the()
  await chassis.backDoor.do('policy', { bay: 1, button: 'enabled' })
  const begin = (await chassis.backDoor.log()).length
  await chassis.done('resync bay 1')
  const isPolicy = (entry: LogEntry) => entry.kind === 'command' && entry.request === 'policy' && entry.bay === 1
  await chassis.backDoor.logged('the policy set again', isPolicy, begin)
  await chassis.backDoor.do('button', { bay: 1 })
  const pressed = (await chassis.backDoor.log()).at(-1)
  expect(pressed).toMatchObject({ kind: 'no-power', bay: 1, message: 'the power button is disabled' })
})
