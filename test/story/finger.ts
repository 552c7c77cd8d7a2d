/**
 * A finger on the front button while a profile moves. The BMCs' policy, which keeps the button disabled, is undone by the
 * back door for each press; taps on both BMCs tell the moments, one for each request that the agent makes.
 */
import { afterAll, beforeAll, expect } from 'vitest'
import type { BayView } from '../../agent/core/views.ts'
import type { Client } from '../../agent/ctl/client.ts'
import { type BootRecord, bootRecords, duplicates } from '../../agent/sim/log.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import {
  type Addresses,
  addressesOf,
  database,
  type MoveBody,
  pools,
  type ShownProfile,
  storage,
  wearing,
} from './cast.ts'
import type { Chassis } from './chassis.ts'
import { type Stage, stage } from './stage.ts'
import type { Asked, Ears } from './tap.ts'

export interface Outcome {
  /** Requests that the agent made of the two BMCs until the move came to rest. */
  readonly requests: number
  readonly boots: readonly BootRecord[]
}

/** Told of each request before the BMC gets it, with its number in this move; and of its answer before the agent gets it. */
export type Finger = (asked: Asked, count: number, when: 'asked' | 'answered') => Promise<void> | void

export interface Hand {
  readonly chassis: Chassis
  /** The button works for as long as the finger is on it; `hold`: four seconds, which always stop a blade. */
  press(bay: number, hold?: boolean): Promise<void>
  readonly presses: () => number
  isOn(bay: number): Promise<boolean>
  /**
   * Moves db-01 to the other bay while the finger does what it does. Where a press stopped the blade, somebody says
   * power on afterwards; then it must run there. All that booted since must have been right.
   */
  move(finger: (from: number, to: number) => Finger): Promise<Outcome>
}

const bays = [3, 4] as const

/** Whether a move has come to rest: it is done, or waits for a word. */
const rests = ({ inSync, findings }: BayView) => inSync || findings.some(({ reason }) => reason === 'post-failed')

/** db-01 runs in bay 3 and can move to bay 4 and back. */
export function hand(): () => Hand {
  let on: Stage
  let chassis: Chassis
  let client: Client
  let addresses: Addresses
  let at = 3
  let presses = 0
  let heard: (asked: Asked, when: 'asked' | 'answered') => Promise<void> | void = () => {}

  beforeAll(async () => {
    on = await stage()
    const ears: Ears = { asked: (asked) => heard(asked, 'asked'), answered: (answer) => heard(answer, 'answered') }
    chassis = await on.chassis({ postSeconds: 0.5, tapped: { bays, ears } })
    await chassis.commission()
    await chassis.done('apply -f -', { stdin: JSON.stringify({ pools, profiles: [database] }) })
    addresses = addressesOf(await chassis.json<ShownProfile[]>('get profiles'))
    await chassis.backDoor.do('san', { luns: [{ ...storage, initiators: [addresses.wwpn] }] })
    await chassis.done(`assign db-01 bay ${at} --power on --wait`)
    client = await chassis.client('mover')
    await client.load(10_000)
  })
  afterAll(() => on?.end())

  async function press(bay: number, hold = false): Promise<void> {
    presses++
    await chassis.backDoor.do('policy', { bay, button: 'enabled' })
    await chassis.backDoor.do('button', { bay, hold })
    await chassis.backDoor.do('policy', { bay, button: 'disabled' })
  }

  async function isOn(bay: number): Promise<boolean> {
    const power = (await chassis.backDoor.log()).findLast((entry) => entry.kind === 'power' && entry.bay === bay)
    return power?.kind === 'power' && power.on
  }

  async function runsIn(bay: number): Promise<boolean> {
    const view = client.state.all('bay').find((each) => each.bay === bay)
    return view?.inSync === true && view.phase === 'running' && (await isOn(bay))
  }

  /** What stood in the way, for a test that waited in vain. */
  async function explained<Value>(waiting: Promise<Value>): Promise<Value> {
    try {
      return await waiting
    } catch (error) {
      const todo =
        client.state.chassis?.todo.map(({ bay, reason, message }) => `bay ${bay}: ${reason}: ${message}`) ?? []
      const log = (await chassis.backDoor.log()).slice(-60).map((entry) => JSON.stringify(entry).slice(0, 200))
      throw new Error([String(error), ...todo, ...log].join('\n'))
    }
  }

  async function submit(body: WireCommand): Promise<number> {
    const { outcome } = await client.request(body)
    return outcome.kind === 'accepted' ? outcome.accepted.revision : expect.unreachable(JSON.stringify(outcome))
  }

  async function move(finger: (from: number, to: number) => Finger): Promise<Outcome> {
    const [from, to] = at === 3 ? bays : ([4, 3] as const)
    const begin = (await chassis.backDoor.log()).length
    const touch = finger(from, to)
    let requests = 0
    heard = (asked, when) => touch(asked, when === 'asked' ? ++requests : requests, when)
    const profile = 'db-01' as MoveBody['profile']
    const how = { when: 'now', preprovision: false, stop: 'forced', force: false, power: 'on' } as const
    const revision = await submit({ kind: 'move', profile, to: { bay: to }, ...how })
    const shown = () => client.state.all('bay').filter(({ bay }) => bay === from || bay === to)
    const settled = ({ chassis: view, isWhole }: Client['state']) =>
      (view?.revision ?? -1) >= revision && isWhole && shown().every(rests)
    await explained(client.waitFor(settled, { timeoutMs: 30_000, what: `the move to bay ${to} at rest` }))
    heard = () => {}
    // What is shown may be a moment behind the hardware, and a word that comes then changes nothing: so it is said again.
    for (const end = Date.now() + 30_000; !(await runsIn(to)); ) {
      expect(Date.now()).toBeLessThan(end)
      const again = await submit({ kind: 'power', bay: to, want: 'on', stop: 'graceful' })
      await explained(client.waitForSync({ of: 'bay', bay: to }, again, { timeoutMs: 30_000 }))
    }
    at = to

    const log = await chassis.backDoor.log()
    const boots = bootRecords(log.slice(begin))
    for (const record of boots) {
      expect(record).toMatchObject({ bay: to, booted: { from: 'fc', ...storage }, n: expect.any(Number) })
      expect(wearing(record, addresses)).toBe('all')
    }
    expect(duplicates(log)).toEqual([])
    return { requests, boots }
  }

  return () => ({ chassis, press, presses: () => presses, isOn, move })
}
