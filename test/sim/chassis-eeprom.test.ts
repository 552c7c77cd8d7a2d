// One chip and two controllers: who may write it, how long that takes, and what is left where the power fails.

import { describe, expect, it } from 'vitest'
import { EepromFault } from '../../agent/controller/store/eeprom-device.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { newWorld } from '../../agent/sim/world.ts'
import { timings } from './bench.ts'
import { chassisEeprom } from './chassis-eeprom.ts'
import { tinyAlone, tinyHardware } from './tiny-board.ts'
import { VirtualClock } from './virtual-clock.ts'

const { pageMs, pageBytes, bytes } = tinyHardware.board.backplane.eeprom
const page = (value: number) => new Uint8Array(pageBytes).fill(value)

function begin(hardware = tinyHardware) {
  const clock = new VirtualClock()
  const host = new ChassisHost(newWorld({ hardware, seed: 'test', now: clock.now(), timings }), clock)
  const eeprom = chassisEeprom(host)
  return { clock, host, eeprom, a: eeprom.of('A'), b: eeprom.of('B') }
}

const faultOf = async (promise: Promise<unknown>): Promise<string> => {
  const caught = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (caught instanceof EepromFault) return caught.message
  throw new Error(`expected an EepromFault, got ${String(caught)}`)
}

describe('the EEPROM of a chassis with two controllers', () => {
  it('is as large as the board says, erased, and read by both', async () => {
    const { a, b } = begin()
    expect([a.size, a.pageBytes, b.size]).toEqual([bytes, pageBytes, bytes])
    expect(await a.read(0, pageBytes)).toEqual(page(0xff))
    expect(await b.read(bytes - pageBytes, pageBytes)).toEqual(page(0xff))
  })

  it('is written by the owner of the line and by nobody else', async () => {
    const { clock, host, eeprom, a, b } = begin()
    expect(await faultOf(a.writePage(3, page(1)))).toBe('EIO: write page 3: not the owner: nobody owns the backplane')
    host.askBackplane({ do: 'take' }, 'A')
    await clock.until(a.writePage(3, page(1)))
    expect(await faultOf(b.writePage(3, page(2)))).toBe('EIO: write page 3: not the owner: slot A owns the backplane')
    expect(await b.read(3 * pageBytes, pageBytes)).toEqual(page(1))
    host.askBackplane({ do: 'take' }, 'B')
    expect(await faultOf(a.writePage(3, page(3)))).toContain('slot B owns the backplane')
    await clock.until(b.writePage(3, page(2)))
    expect(await a.read(3 * pageBytes, pageBytes)).toEqual(page(2))
    // What was refused never reached the chip.
    expect(eeprom.wear(3)).toBe(2)
  })

  it('takes its time for each page, one after the other', async () => {
    const { clock, host, eeprom, a } = begin()
    host.askBackplane({ do: 'take' }, 'A')
    const begun = clock.now()
    await clock.until(Promise.all([a.writePage(0, page(1)), a.writePage(0, page(2)), a.writePage(1, page(3))]))
    expect(clock.now() - begun).toBe(3 * pageMs)
    expect([eeprom.wear(0), eeprom.wear(1), eeprom.wear(2)]).toEqual([2, 1, 0])
    expect(eeprom.chip.bytes.subarray(0, pageBytes)).toEqual(page(2))
  })

  it('ends the page that it has begun when the line changes hands, before the new owner reads', async () => {
    const { clock, host, a, b } = begin()
    host.askBackplane({ do: 'take' }, 'A')
    const last = a.writePage(7, page(1))
    const next = a.writePage(8, page(1))
    const refused = faultOf(next)
    await clock.advance(1)
    host.askBackplane({ do: 'take' }, 'B')
    const read = b.read(7 * pageBytes, 2 * pageBytes)
    await clock.until(last)
    expect(await read).toEqual(new Uint8Array([...page(1), ...page(0xff)]))
    // The one behind it had not begun: it meets the line as it is now.
    expect(await refused).toContain('slot B owns the backplane')
    expect(await b.read(8 * pageBytes, pageBytes)).toEqual(page(0xff))
  })

  it('is left with a torn page where AC is lost in the middle of it, and works again with AC', async () => {
    const { clock, host, a, b } = begin()
    host.askBackplane({ do: 'take' }, 'A')
    await clock.until(a.writePage(0, page(1)))
    const [cut, queued] = [faultOf(a.writePage(0, page(2))), faultOf(a.writePage(1, page(2)))]
    await clock.advance(2)
    host.perform({ do: 'ac', on: false })
    expect([await cut, await queued]).toEqual(['no power', 'no power'])
    expect(await faultOf(b.read(0, 1))).toBe('no power')
    expect(await faultOf(b.sync())).toBe('no power')
    host.perform({ do: 'ac', on: true })
    const arrived = Math.floor((2 * pageBytes) / pageMs)
    expect(await b.read(0, 2 * pageBytes)).toEqual(
      new Uint8Array([...page(2).subarray(0, arrived), ...page(1).subarray(arrived), ...page(0xff)]),
    )
    // The line is nobody's after AC loss.
    expect(await faultOf(a.writePage(0, page(3)))).toContain('nobody owns the backplane')
    host.askBackplane({ do: 'take' }, 'B')
    await clock.until(b.writePage(0, page(3)))
    expect(await a.read(0, pageBytes)).toEqual(page(3))
  })

  it('is out of reach of a controller that was pulled out', async () => {
    const { host, a, b } = begin()
    host.askBackplane({ do: 'take' }, 'A')
    host.perform({ do: 'controller', slot: 'A', does: 'remove' })
    expect(await faultOf(a.read(0, 1))).toBe('EIO: slot A has no controller')
    expect(await faultOf(a.writePage(0, page(1)))).toBe('EIO: slot A has no controller')
    expect(await b.read(0, 1)).toEqual(new Uint8Array([0xff]))
  })

  it('asks for no line in a chassis for one controller', async () => {
    const { clock, a } = begin(tinyAlone)
    await clock.until(a.writePage(0, page(1)))
    expect(await a.read(0, pageBytes)).toEqual(page(1))
  })
})
