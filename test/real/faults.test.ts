/**
 * The everyday measure of this folder: a few kills under load, and one refusal of the flash in the middle of a record.
 * The slow tests do the same a hundred times, and with errors that come from outside of the process.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tellKilling } from './kill-suite.ts'
import { lan, load } from './load.ts'
import { Office } from './office.ts'
import { Place } from './place.ts'
import { reckon } from './reckoning.ts'

const shim = fileURLToPath(new URL('errno.cjs', import.meta.url))

tellKilling({ kills: 5, seed: 53, changes: 300 })

describe('a flash that is full in the middle of a record', () => {
  let place: Place
  let office: Office
  let orders: string

  beforeAll(async () => {
    place = await Place.open()
    orders = join(place.folder, 'orders.json')
    await place.start({ node: ['--require', shim], env: { ERRNO_ORDERS: orders } })
    office = new Office('manager', await place.client('manager'))
    await office.ask(lan)
  })
  afterAll(() => place?.close())

  test('what was under way is answered busy and never as accepted; the store reads itself again and goes on', async () => {
    // In one step, so that the agent never reads half of it.
    writeFileSync(
      `${orders}.new`,
      JSON.stringify({ operation: 'write', file: 'journal-', code: 'ENOSPC', left: 1, done: 0 }),
    )
    renameSync(`${orders}.new`, orders)
    await office.askAll(load({ name: 'load', count: 40 }), 8)
    expect(JSON.parse(readFileSync(orders, 'utf8'))).toMatchObject({ left: 0, done: 1 })
    expect(office.refused.get('busy')).toBeGreaterThan(0)
    const { store } = await office.controller()
    expect(store).toMatchObject({ readOnly: false, copies: ['flash', 'eeprom'] })
    expect(store.notes).toEqual([expect.stringMatching(/read again: append journal-\d+: ENOSPC/)])
    expect((await reckon([office])).wrong).toEqual([])
  })

  test('after a restart everything that was accepted is there', async () => {
    await place.kill()
    await place.start()
    await office.reached()
    expect((await reckon([office])).wrong).toEqual([])
  })
})
