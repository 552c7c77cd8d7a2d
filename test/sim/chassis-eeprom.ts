/**
 * The chassis EEPROM between two controllers, in memory and on the world's clock. The selector lets both read and
 * only the owner of the line write; a page takes its time, wears, and is torn where AC is lost in the middle. What
 * the chip has begun it ends, whoever owns the line by then, and answers nobody before: so a new owner never reads
 * a page that is still to be overwritten by the old one's last write.
 */
import type { ControllerSlot } from '../../agent/backplane/protocol.ts'
import { type EepromDevice, EepromFault } from '../../agent/controller/store/eeprom-device.ts'
import { seatOf, whyNotYours } from '../../agent/sim/arbiter.ts'
import type { ChassisHost } from '../../agent/sim/host.ts'
import { type MemoryEeprom, memoryEeprom } from '../controller/store/memory-eeprom.ts'

export interface ChassisEeprom {
  /** The chip: what it holds, and its own ways to fail. */
  readonly chip: MemoryEeprom
  /** As the controller in that slot has it. */
  of(slot: ControllerSlot): EepromDevice
  /** How often a page was written. */
  wear(page: number): number
}

/** As large and as slow as the board says. `chip`: one that is there already, or comes from another chassis. */
export function chassisEeprom(host: ChassisHost, given: { readonly chip?: MemoryEeprom } = {}): ChassisEeprom {
  const { bytes: size, pageBytes, pageMs } = host.world.hardware.board.backplane.eeprom
  const chip = given.chip ?? memoryEeprom({ size, pageBytes })
  const worn = new Map<number, number>()
  let busy: Promise<unknown> = Promise.resolve()
  /** One transfer at a time: while the chip writes a page, it answers nobody. */
  const inTurn = <Value>(slot: ControllerSlot, work: () => Promise<Value>): Promise<Value> => {
    const mine = busy.then(() => {
      const world = host.settle()
      if (!world.ac) throw new EepromFault('no power')
      if (seatOf(world, slot)?.state === 'absent') throw new EepromFault(`EIO: slot ${slot} has no controller`)
      return work()
    })
    busy = mine.catch(() => undefined)
    return mine
  }

  /** Resolves to how many bytes of a page have arrived: all of them after its time, fewer where AC is lost before. */
  const writing = (): Promise<number> => {
    const begun = host.clock.now()
    return new Promise((resolve) => {
      const end = (arrived: number) => {
        cancel()
        deafen()
        resolve(arrived)
      }
      const cancel = host.clock.after(pageMs, () => end(pageBytes))
      const deafen = host.onAc((on) => {
        if (!on) end(Math.floor((pageBytes * (host.clock.now() - begun)) / pageMs))
      })
    })
  }

  return {
    chip,
    wear: (page) => worn.get(page) ?? 0,
    of: (slot) => ({
      size,
      pageBytes,
      read: (offset, length) => inTurn(slot, () => chip.read(offset, length)),
      writePage: (page, content) =>
        inTurn(slot, async () => {
          const refused = whyNotYours(host.world, slot)
          if (refused !== undefined) throw new EepromFault(`EIO: write page ${page}: ${refused.error}`)
          worn.set(page, (worn.get(page) ?? 0) + 1)
          const arrived = await writing()
          if (arrived === pageBytes) return chip.writePage(page, content)
          chip.bytes.set(content.subarray(0, arrived), page * pageBytes)
          throw new EepromFault('no power')
        }),
      sync: () => inTurn(slot, () => chip.sync()),
    }),
  }
}
