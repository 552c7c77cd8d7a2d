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
  /** Asked before each operation: why it fails. `arrived`: so many bytes of the page are written all the same. */
  fail: (operation: EepromOperation) => { readonly why: string; readonly arrived?: number } | undefined
  /** Told of each page before it is written: what a power cut in it may leave is between what is there and this. */
  watch: (page: number, content: Uint8Array) => void
}

export interface EepromOperation {
  /** From 1, counted since this device was made. */
  readonly number: number
  readonly operation: 'read' | 'writePage' | 'sync'
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
  let operations = 0
  const check = (operation: EepromOperation['operation'], onFailure?: (arrived: number) => void): void => {
    if (dead) throw new EepromFault('no power')
    if (device.broken) throw new EepromFault(device.broken)
    const failure = device.fail({ number: ++operations, operation })
    if (!failure) return
    onFailure?.(failure.arrived ?? 0)
    throw new EepromFault(failure.why)
  }
  const device: MemoryEeprom = {
    size,
    pageBytes,
    bytes,
    pageWrites: 0,
    cut: undefined,
    broken: undefined,
    worn: undefined,
    fail: () => undefined,
    watch: () => {},
    async read(offset, length) {
      check('read')
      return bytes.slice(offset, offset + length)
    },
    async writePage(page, content) {
      check('writePage', (arrived) => bytes.set(content.subarray(0, arrived), page * pageBytes))
      if (content.length !== pageBytes) throw new EepromFault(`${content.length} bytes are not a page`)
      device.pageWrites++
      device.watch(page, content)
      if (device.worn === page) return
      if (device.cut?.at === device.pageWrites) {
        dead = true
        bytes.set(content.subarray(0, device.cut.arrived), page * pageBytes)
        throw new EepromFault('no power')
      }
      bytes.set(content, page * pageBytes)
    },
    async sync() {
      check('sync')
    },
  }
  return device
}
