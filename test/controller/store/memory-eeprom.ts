/**
 * An EEPROM in memory, page by page like the chip: a power cut in a page write leaves the page half old and half
 * new, and nothing comes after it.
 */
import { type EepromDevice, EepromFault } from '../../../agent/controller/store/eeprom-device.ts'

export interface MemoryEeprom extends EepromDevice {
  readonly bytes: Uint8Array
  pageWrites: number
  /** The power fails in this page write, counted from 1; so many bytes of it arrive. */
  cut: { readonly at: number; readonly arrived: number } | undefined
  /** Set: every operation fails. */
  broken: string | undefined
  /** A worn page takes nothing any more, and does not say so. */
  worn: number | undefined
}

export interface MemoryEepromOptions {
  readonly size?: number
  readonly pageBytes?: number
  readonly bytes?: Uint8Array
}

export function memoryEeprom(options: MemoryEepromOptions = {}): MemoryEeprom {
  const { size = 64 * 1024, pageBytes = 128 } = options
  const bytes = options.bytes ?? new Uint8Array(size).fill(0xff)
  let dead = false
  const check = (): void => {
    if (dead) throw new EepromFault('no power')
    if (device.broken) throw new EepromFault(device.broken)
  }
  const device: MemoryEeprom = {
    size,
    pageBytes,
    bytes,
    pageWrites: 0,
    cut: undefined,
    broken: undefined,
    worn: undefined,
    async read(offset, length) {
      check()
      return bytes.slice(offset, offset + length)
    },
    async writePage(page, content) {
      check()
      if (content.length !== pageBytes) throw new EepromFault(`${content.length} bytes are not a page`)
      device.pageWrites++
      if (device.worn === page) return
      if (device.cut?.at === device.pageWrites) {
        dead = true
        bytes.set(content.subarray(0, device.cut.arrived), page * pageBytes)
        throw new EepromFault('no power')
      }
      bytes.set(content, page * pageBytes)
    },
    async sync() {
      check()
    },
  }
  return device
}
