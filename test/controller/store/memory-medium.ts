/**
 * A folder in memory that forgets like a real one. Nothing survives a power cut but what was synced: file content
 * by `sync`, names by `syncFolder`. What was not synced may be lost, kept, torn, reordered, turned to garbage or to
 * holes. Faults are injected per operation, and a failed sync forgets like Linux: the bytes are read back from memory
 * and never reach the disk. What a cut at this very moment would leave can be looked at while life goes on, so that
 * one life is enough for a cut at every step of it.
 */
import {
  type Medium,
  MediumFault,
  type MediumFile,
  type MediumOperation,
} from '../../../agent/controller/store/medium.ts'

/** Uniform in [0, below). */
export type Random = (below: number) => number

/** mulberry32: small, seeded, good enough to choose outcomes. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
  }
}

/** What a power cut makes of everything that was not synced. */
export const OUTCOMES = ['lost', 'all', 'names-only', 'torn', 'reordered', 'garbage', 'hole'] as const
export type Outcome = (typeof OUTCOMES)[number]

type Change =
  | { readonly kind: 'append'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly length: number }

interface Inode {
  /** As programs see it. */
  content: Uint8Array
  /** As the disk has it. */
  durable: Uint8Array
  pending: Change[]
}

type NameChange =
  | { readonly kind: 'create'; readonly name: string; readonly inode: Inode }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly inode: Inode }
  | { readonly kind: 'remove'; readonly name: string }

export interface Operation {
  /** From 1, counted since this medium was made; reads are counted too. */
  readonly number: number
  readonly operation: MediumOperation
  readonly file: string
}

/** `code` fails the operation; `short` lets an append write a part first. */
export interface Failure {
  readonly code: string
  readonly short?: boolean
}

export interface MemoryMedium extends Medium {
  readonly counts: { readonly [operation in MediumOperation]: number }
  readonly operations: number
  readonly bytesRead: number
  /** Asked before each operation. */
  fail: (operation: Operation) => Failure | undefined
  /** The power fails at this operation: it is under way, and nothing comes after it. */
  cutAt: number
  /** Told at each operation where `cutAt` would cut it: done if it changes something, not yet if it makes it durable. */
  watch: (operation: Operation) => void
  /** Whether a power cut now leaves anything open. */
  readonly unsynced: boolean
  /** What a power cut now would leave; this medium lives on. */
  remains(outcome: Outcome, random: Random): Map<string, Uint8Array>
  /** What the next start finds. This medium is dead afterwards. */
  afterPowerCut(outcome: Outcome, random: Random): MemoryMedium
  /** The bytes as programs see them, to look at and to spoil. */
  files(): Map<string, Uint8Array>
  put(name: string, bytes: Uint8Array): void
}

const SECTOR = 64

export function memoryMedium(initial: ReadonlyMap<string, Uint8Array> = new Map()): MemoryMedium {
  const names = new Map<string, Inode>()
  const durableNames = new Map<string, Inode>()
  const nameChanges: NameChange[] = []
  const counts = {
    list: 0,
    read: 0,
    open: 0,
    append: 0,
    truncate: 0,
    sync: 0,
    close: 0,
    rename: 0,
    remove: 0,
    syncFolder: 0,
  }
  let operations = 0
  let bytesRead = 0
  let dead = false
  for (const [name, bytes] of initial) {
    // Content is replaced and never edited: what programs see and what the disk has may be one array.
    const content = copied(bytes)
    const inode = { content, durable: content, pending: [] }
    names.set(name, inode)
    durableNames.set(name, inode)
  }

  /** Counts, fails and cuts. `under way` work is done before the cut, so that its outcome is open. */
  async function step<T>(
    operation: MediumOperation,
    file: string,
    work: () => T,
    onFailure?: (failure: Failure) => void,
  ): Promise<T> {
    await null
    if (dead) throw new MediumFault(operation, file, 'EIO')
    operations++
    counts[operation]++
    const failure = medium.fail({ number: operations, operation, file })
    if (failure) {
      onFailure?.(failure)
      throw new MediumFault(operation, file, failure.code)
    }
    if (operations === medium.cutAt) {
      dead = true
      if (!isBarrier(operation)) work()
      throw new MediumFault(operation, file, 'EIO')
    }
    const at = { number: operations, operation, file }
    if (isBarrier(operation)) medium.watch(at)
    const done = work()
    if (!isBarrier(operation)) medium.watch(at)
    return done
  }

  const inodeOf = (operation: MediumOperation, name: string): Inode => {
    const inode = names.get(name)
    if (inode === undefined) throw new MediumFault(operation, name, 'ENOENT')
    return inode
  }

  const fileOf = (name: string, inode: Inode): MediumFile => {
    const append = (bytes: Uint8Array): void => {
      inode.pending.push({ kind: 'append', at: inode.content.length, bytes: copied(bytes) })
      inode.content = joined(inode.content, bytes)
    }
    return {
      append: (bytes) =>
        step(
          'append',
          name,
          () => append(bytes),
          (failure) => failure.short && append(bytes.subarray(0, bytes.length >> 1)),
        ),
      truncate: (length) =>
        step('truncate', name, () => {
          inode.pending.push({ kind: 'truncate', length })
          inode.content = inode.content.slice(0, length)
        }),
      sync: () =>
        step(
          'sync',
          name,
          () => {
            for (const change of inode.pending.splice(0)) inode.durable = applied(inode.durable, change)
          },
          // The pages are called clean although they never reached the disk.
          () => {
            inode.pending = []
          },
        ),
      close: () => step('close', name, () => undefined),
    }
  }

  const medium: MemoryMedium = {
    counts,
    get operations() {
      return operations
    },
    get bytesRead() {
      return bytesRead
    },
    fail: () => undefined,
    cutAt: 0,
    watch: () => {},
    get unsynced() {
      return nameChanges.length > 0 || [...names.values()].some(({ pending }) => pending.length > 0)
    },
    list: () => step('list', '.', () => [...names.keys()]),
    read: (name) =>
      step('read', name, () => {
        const { content } = inodeOf('read', name)
        bytesRead += content.length
        return copied(content)
      }),
    open: (name) =>
      step('open', name, () => {
        let inode = names.get(name)
        if (inode === undefined) {
          inode = { content: new Uint8Array(), durable: new Uint8Array(), pending: [] }
          names.set(name, inode)
          nameChanges.push({ kind: 'create', name, inode })
        }
        return fileOf(name, inode)
      }),
    rename: (from, to) =>
      step('rename', to, () => {
        const inode = inodeOf('rename', from)
        names.delete(from)
        names.set(to, inode)
        nameChanges.push({ kind: 'rename', from, to, inode })
      }),
    remove: (name) =>
      step('remove', name, () => {
        inodeOf('remove', name)
        names.delete(name)
        nameChanges.push({ kind: 'remove', name })
      }),
    syncFolder: () =>
      step('syncFolder', '.', () => {
        for (const change of nameChanges.splice(0)) renamed(durableNames, change)
      }),
    remains(outcome, random) {
      const survivors = new Map(durableNames)
      for (const change of chosenNames(outcome, nameChanges, random)) renamed(survivors, change)
      const disk = new Map<string, Uint8Array>()
      for (const [name, inode] of survivors) disk.set(name, contentLeft(outcome, inode, random))
      return disk
    },
    afterPowerCut(outcome, random) {
      dead = true
      return memoryMedium(medium.remains(outcome, random))
    },
    files: () => new Map([...names].map(([name, inode]) => [name, copied(inode.content)])),
    put(name, bytes) {
      const inode = { content: copied(bytes), durable: copied(bytes), pending: [] }
      names.set(name, inode)
      durableNames.set(name, inode)
    },
  }
  return medium
}

const isBarrier = (operation: MediumOperation): boolean => operation === 'sync' || operation === 'syncFolder'

/** A Buffer's own slice is a view. */
const copied = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return all
}

function applied(content: Uint8Array, change: Change): Uint8Array {
  if (change.kind === 'truncate') return content.slice(0, change.length)
  const all = new Uint8Array(Math.max(content.length, change.at + change.bytes.length))
  all.set(content)
  all.set(change.bytes, change.at)
  return all
}

function renamed(names: Map<string, Inode>, change: NameChange): void {
  switch (change.kind) {
    case 'create':
      names.set(change.name, change.inode)
      return
    case 'rename':
      names.delete(change.from)
      names.set(change.to, change.inode)
      return
    case 'remove':
      names.delete(change.name)
      return
  }
}

function chosenNames(outcome: Outcome, changes: readonly NameChange[], random: Random): readonly NameChange[] {
  switch (outcome) {
    case 'lost':
      return []
    case 'all':
    case 'names-only':
      return changes
    case 'torn':
      return changes.slice(0, random(changes.length + 1))
    case 'reordered':
    case 'garbage':
    case 'hole':
      return changes.filter(() => random(2) === 1)
  }
}

function contentLeft(outcome: Outcome, inode: Inode, random: Random): Uint8Array {
  const { durable, pending } = inode
  switch (outcome) {
    case 'lost':
      return durable
    case 'all':
      return pending.reduce(applied, durable)
    case 'names-only':
      return pending.reduce(
        (content, change) =>
          applied(
            content,
            changed(change, (bytes) => bytes.fill(0)),
          ),
        durable,
      )
    case 'torn': {
      const kept = random(pending.length + 1)
      const whole = pending.slice(0, kept).reduce(applied, durable)
      const next = pending[kept]
      if (next?.kind !== 'append') return whole
      return applied(whole, { ...next, bytes: next.bytes.slice(0, random(next.bytes.length + 1)) })
    }
    case 'reordered':
      return pending.filter(() => random(2) === 1).reduce(applied, durable)
    case 'garbage':
      return pending.reduce(
        (content, change) =>
          applied(
            content,
            spoilt(change, random, () => random(256)),
          ),
        durable,
      )
    case 'hole':
      return pending.reduce(
        (content, change) =>
          applied(
            content,
            spoilt(change, random, () => 0),
          ),
        durable,
      )
  }
}

function changed(change: Change, spoil: (bytes: Uint8Array) => void): Change {
  if (change.kind === 'truncate') return change
  const bytes = copied(change.bytes)
  spoil(bytes)
  return { ...change, bytes }
}

/** Some sectors of the write arrived, the others hold something else. */
function spoilt(change: Change, random: Random, byte: () => number): Change {
  return changed(change, (bytes) => {
    for (let at = 0; at < bytes.length; at += SECTOR) {
      if (random(2) === 1) continue
      for (let inside = at; inside < Math.min(at + SECTOR, bytes.length); inside++) bytes[inside] = byte()
    }
  })
}
