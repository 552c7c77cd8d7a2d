/**
 * Stores with one thing missing, each made of the real one: a part between it and its devices that drops the very thing,
 * or one before it that does. Every mistake here was made by some store that was shipped. The judge must catch each.
 */

import { crc32 } from '../../agent/controller/store/crc32.ts'
import type { EepromDevice } from '../../agent/controller/store/eeprom-device.ts'
import { type Medium, MediumFault, type MediumFile } from '../../agent/controller/store/medium.ts'
import type { Change, Origin, StoreRecord } from '../../agent/core/record.ts'
import type { MemoryMedium } from '../controller/store/memory-medium.ts'
import { id } from '../core/lab.ts'
import type { Devices } from './camera.ts'
import type { Through } from './judge.ts'
import { type Notebook, openNotebook } from './run.ts'

export interface Broken {
  readonly name: string
  readonly through?: Through
  readonly open?: (devices: Devices) => Promise<Notebook>
  readonly fail?: () => MemoryMedium['fail']
}

/** The same medium, but for some of its operations. */
function medium(change: (medium: Medium) => Partial<Medium>): Through {
  return (devices) => {
    const { medium } = devices
    const plain: Medium = {
      list: () => medium.list(),
      read: (name) => medium.read(name),
      open: (name) => medium.open(name),
      rename: (from, to) => medium.rename(from, to),
      remove: (name) => medium.remove(name),
      syncFolder: () => medium.syncFolder(),
    }
    return { ...devices, medium: { ...plain, ...change(medium) } }
  }
}

const files = (change: (file: MediumFile, name: string) => Partial<MediumFile>): Through =>
  medium((medium) => ({
    open: async (name) => {
      const file = await medium.open(name)
      return { ...file, ...change(file, name) }
    },
  }))

const device = (change: (device: EepromDevice) => Partial<EepromDevice>): Through => {
  return (devices) => ({ ...devices, device: { ...devices.device, ...change(devices.device) } })
}

const nothing = async (): Promise<void> => {}

/** Frames whose length can be are made to look whole: what a reader sees that checks no CRC. */
function withoutCrc(bytes: Uint8Array): Uint8Array {
  const view = Buffer.from(bytes)
  for (let at = 0; at + 8 <= view.length; ) {
    const end = at + 8 + view.readUInt32LE(at)
    if (end > view.length) break
    view.writeUInt32LE(crc32(view.subarray(at + 8, end), crc32(view.subarray(at, at + 4))), at + 4)
    at = end
  }
  return view
}

export const withoutCrcs: Through = medium((medium) => ({
  read: async (name) => withoutCrc(await medium.read(name)),
}))

/** Pages stay in a cache until `flush` decides; what is read comes from there. */
function cached(flush: (pages: Map<number, Uint8Array>, write: EepromDevice['writePage']) => Promise<void>): Through {
  return device((device) => {
    const pages = new Map<number, Uint8Array>()
    return {
      writePage: async (page, bytes) => {
        pages.delete(page)
        pages.set(page, new Uint8Array(bytes))
      },
      read: async (offset, length) => {
        const bytes = new Uint8Array(await device.read(0, device.size))
        for (const [page, content] of pages) bytes.set(content, page * device.pageBytes)
        return bytes.slice(offset, offset + length)
      },
      sync: async () => {
        await flush(pages, device.writePage)
        await device.sync()
      },
    }
  })
}

/** A record in two: the first half under another name, which the second takes back. What both make is the same. */
function halves(record: StoreRecord): readonly StoreRecord[] {
  if (record.kind !== 'command' || record.changes.length < 2 || record.command === 'take-over') return [record]
  const client = id<'Client'>('half')
  const origin: Origin = { ...record.origin, client }
  const accepted = { ...record.accepted, revision: record.accepted.revision - 1 }
  const dropped: Change = { drop: 'client', id: client }
  return [
    { ...record, origin, accepted, changes: record.changes.slice(0, 1) },
    { ...record, changes: [dropped, ...record.changes.slice(1)] },
  ]
}

function everyNthSync(): MemoryMedium['fail'] {
  let syncs = 0
  return ({ operation }) => (operation === 'sync' && ++syncs % 25 === 0 ? { code: 'EIO' } : undefined)
}

export const brokenStores: readonly Broken[] = [
  { name: 'syncs no file', through: files(() => ({ sync: nothing })) },
  { name: 'syncs no folder', through: medium(() => ({ syncFolder: nothing })) },
  {
    name: 'renames a snapshot into its slot before it is synced',
    through: files((file, name) => ({ sync: name.endsWith('.tmp') ? nothing : file.sync })),
  },
  { name: 'checks no CRC', through: withoutCrcs },
  {
    name: 'has one slot, written in place',
    through: medium((medium) => ({
      rename: async (from, to) => {
        const other = to === 'snapshot-a' ? 'snapshot-b' : 'snapshot-a'
        const slot = (await medium.list()).includes(other) ? other : to
        const bytes = await medium.read(from)
        const file = await medium.open(slot)
        await file.truncate(0)
        await file.append(bytes)
        await file.sync()
        await file.close()
        await medium.remove(from)
        if (slot !== to) await medium.rename(slot, to)
      },
    })),
  },
  { name: 'keeps a torn tail', through: files(() => ({ truncate: nothing })) },
  {
    name: 'removes the old journals before the new generation stands',
    through: medium((medium) => ({
      open: async (name) => {
        const older = (await medium.list()).filter((each) => each.startsWith('journal-') && each !== name)
        if (name.startsWith('journal-')) for (const each of older) await medium.remove(each)
        return medium.open(name)
      },
    })),
  },
  {
    name: 'acknowledges before it syncs',
    open: async (devices) => {
      const notebook = await openNotebook(devices)
      return {
        ...notebook,
        write: async (deed) => {
          // The answer does not wait for it; a run without faults needs no word of how it ended.
          void notebook.write(deed)
          return false
        },
      }
    },
  },
  {
    name: 'writes two records for one command',
    open: async (devices) => {
      const notebook = await openNotebook(devices)
      return {
        ...notebook,
        write: async (deed) => {
          let copied = false
          for (const record of halves(deed.record)) copied = await notebook.write({ ...deed, record })
          return copied
        },
      }
    },
  },
  {
    name: 'goes on after EIO',
    through: files((file) => ({
      sync: async () => {
        try {
          await file.sync()
        } catch (error) {
          if (!(error instanceof MediumFault)) throw error
          await file.sync()
        }
      },
    })),
    fail: everyNthSync,
  },
  { name: 'takes the EEPROM for written when its cache is', through: cached(nothing) },
  {
    name: 'writes the pages of the EEPROM in any order',
    through: cached(async (pages, write) => {
      const waiting = [...pages].reverse()
      pages.clear()
      for (const [page, bytes] of waiting) await write(page, bytes)
    }),
  },
]

/** The real store, under the faults that give one of them away. */
export const failing: Broken = { name: 'is sound', fail: everyNthSync }
