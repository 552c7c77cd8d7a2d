/**
 * The flash under the binding store: one flat folder, and the few operations that durability is made of. It is
 * injected, so that tests can lose, tear, reorder and refuse writes at every step. Nothing here is durable until
 * it was synced: `sync` for what is in a file, `syncFolder` for which names exist (I2).
 */
import { type FileHandle, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface Medium {
  /** Names of the files in the folder. A folder that is not there is a fault, never an empty list (I7). */
  list(): Promise<readonly string[]>
  /** The whole file. */
  read(name: string): Promise<Uint8Array>
  /** Opens for appending; creates the file where there is none. */
  open(name: string): Promise<MediumFile>
  /** Replaces `to` in one step, as seen by everyone who runs; durable only after `syncFolder`. */
  rename(from: string, to: string): Promise<void>
  remove(name: string): Promise<void>
  /** Makes creations, renames and removals durable. */
  syncFolder(): Promise<void>
}

export interface MediumFile {
  /** Writes all of it at the end. After a fault any part of it may be there. */
  append(bytes: Uint8Array): Promise<void>
  truncate(length: number): Promise<void>
  /** Makes content and length durable, not the name. */
  sync(): Promise<void>
  close(): Promise<void>
}

export type MediumOperation =
  | 'list'
  | 'read'
  | 'open'
  | 'append'
  | 'truncate'
  | 'sync'
  | 'close'
  | 'rename'
  | 'remove'
  | 'syncFolder'

/** The medium said no, or said nothing. What memory believes about the file is worth nothing from here on. */
export class MediumFault extends Error {
  readonly operation: MediumOperation
  readonly file: string
  /** As errno names it: EIO, ENOSPC, EROFS … */
  readonly code: string
  constructor(operation: MediumOperation, file: string, code: string) {
    super(`${operation} ${file}: ${code}`)
    this.name = 'MediumFault'
    this.operation = operation
    this.file = file
    this.code = code
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error)

async function attempt<T>(operation: MediumOperation, file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new MediumFault(operation, file, codeOf(error))
  }
}

/** A folder of the file system. It must exist: a mount that is missing is not a blank flash. */
export function nodeMedium(folder: string): Medium {
  const path = (name: string): string => join(folder, name)
  return {
    list: () =>
      attempt('list', folder, async () => {
        const found = await readdir(folder, { withFileTypes: true })
        return found.filter((entry) => entry.isFile()).map((entry) => entry.name)
      }),
    read: (name) => attempt('read', name, () => readFile(path(name))),
    open: (name) => attempt('open', name, async () => nodeFile(name, await open(path(name), 'a', 0o600))),
    rename: (from, to) => attempt('rename', to, () => rename(path(from), path(to))),
    remove: (name) => attempt('remove', name, () => unlink(path(name))),
    syncFolder: () =>
      attempt('syncFolder', folder, async () => {
        const handle = await open(folder, 'r')
        try {
          await handle.sync()
        } finally {
          await handle.close()
        }
      }),
  }
}

function nodeFile(name: string, handle: FileHandle): MediumFile {
  return {
    append: (bytes) =>
      attempt('append', name, async () => {
        // write(2) may take less than it was given without an error: near the end of the space, after a signal.
        for (let at = 0; at < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, null)
          if (bytesWritten === 0) throw new Error('ENOSPC')
          at += bytesWritten
        }
      }),
    truncate: (length) => attempt('truncate', name, () => handle.truncate(length)),
    sync: () => attempt('sync', name, () => handle.datasync()),
    close: () => attempt('close', name, () => handle.close()),
  }
}
