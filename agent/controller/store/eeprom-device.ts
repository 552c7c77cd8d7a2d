/**
 * The chassis EEPROM as a device: bytes to read, pages to write. Linux shows one as a file (at24 and its kin), and
 * the simulated chassis offers the same. Pages reach the device in the order in which they are written; a power cut
 * may leave one page half old and half new.
 */
import { type FileHandle, open } from 'node:fs/promises'

export interface EepromDevice {
  readonly size: number
  readonly pageBytes: number
  read(offset: number, length: number): Promise<Uint8Array>
  /** Exactly one page. */
  writePage(page: number, bytes: Uint8Array): Promise<void>
  /** Whatever still lies between us and the device is on it afterwards. */
  sync(): Promise<void>
}

/** The EEPROM did not do what it was asked, or holds something else than what was written. */
export class EepromFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'EepromFault'
  }
}

export interface FileEeprom extends EepromDevice {
  close(): Promise<void>
}

/** 64 KiB in pages of 128 bytes is a common part (24xx512). The file must exist and be as long as the device. */
export async function fileEeprom(
  path: string,
  { size = 64 * 1024, pageBytes = 128 }: { readonly size?: number; readonly pageBytes?: number } = {},
): Promise<FileEeprom> {
  const handle: FileHandle = await attempt(`open ${path}`, () => open(path, 'r+'))
  return {
    size,
    pageBytes,
    read: (offset, length) =>
      attempt(`read ${path}`, async () => {
        const bytes = Buffer.alloc(length)
        for (let at = 0; at < length; ) {
          const { bytesRead } = await handle.read(bytes, at, length - at, offset + at)
          if (bytesRead === 0) throw new EepromFault(`${path} ends at byte ${offset + at}, short of ${size}`)
          at += bytesRead
        }
        return bytes
      }),
    writePage: (page, bytes) =>
      attempt(`write page ${page} of ${path}`, async () => {
        // One write per page: the chip takes a page as a whole, and the kernel driver splits anything longer.
        const { bytesWritten } = await handle.write(bytes, 0, bytes.length, page * pageBytes)
        if (bytesWritten !== bytes.length) throw new EepromFault(`page ${page} of ${path} was written in part`)
      }),
    sync: () =>
      attempt(`sync ${path}`, async () => {
        try {
          await handle.datasync()
        } catch (error) {
          // sysfs has no fsync: its write returns when the chip has taken the bytes.
          if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
        }
      }),
    close: () => attempt(`close ${path}`, () => handle.close()),
  }
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof EepromFault) throw error
    throw new EepromFault(`${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
