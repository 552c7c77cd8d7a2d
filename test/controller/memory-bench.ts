/**
 * One chassis EEPROM and the controllers that come and go under it: what the tests of memory open, cut and swap.
 */
import { expect } from 'vitest'
import { type MemoryOptions, type OpenedMemory, openMemory } from '../../agent/controller/memory.ts'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import type { SecretId } from '../../agent/core/addresses.ts'
import type { Change, StoreRecord } from '../../agent/core/record.ts'
import { evolve } from '../../agent/core/record.ts'
import type { Copy } from '../../agent/core/reply.ts'
import type { State } from '../../agent/core/state.ts'
import { id } from '../core/lab.ts'
import { type MemoryEeprom, memoryEeprom } from './store/memory-eeprom.ts'
import { type MemoryMedium, memoryMedium } from './store/memory-medium.ts'

export const chassis = id<'Chassis'>('rack-1')
export const board = 'hp-c7000'

/** Opens what a controller with this flash finds in a chassis with this EEPROM. */
export async function start(
  medium: MemoryMedium,
  eeprom: MemoryEeprom | string | undefined,
  more: Partial<MemoryOptions> = {},
): Promise<OpenedMemory> {
  return openMemory({
    medium,
    eeprom: typeof eeprom === 'object' ? await openEeprom(eeprom) : eeprom,
    chassis,
    board,
    onRecovered: () => {},
    onReadOnly: () => {},
    ...more,
  })
}

/** The same flash after power was away for a moment: what was synced, under a new program. */
export const again = (medium: MemoryMedium): MemoryMedium => memoryMedium(medium.files())
/** A small chip, for it is read from end to end at each start. */
export const newChip = (bytes: Uint8Array = new Uint8Array(8192).fill(0xff)): MemoryEeprom =>
  memoryEeprom({ size: bytes.length, bytes })
export const sameChip = ({ bytes }: MemoryEeprom): MemoryEeprom => newChip(bytes)

let requests = 0

/** A command that was accepted with these effects. */
export function accepted(state: State, ...changes: readonly Change[]): StoreRecord {
  const request = `request-${++requests}`
  return {
    kind: 'command',
    command: 'set-secret',
    origin: { door: 'console', client: id<'Client'>('tester'), request, content: request },
    changes,
    accepted: { changed: true, diff: [], revision: state.revision + 1, epoch: state.epoch },
  }
}

/** A value that is easy to tell: a secret's mark. */
export const value = (mark: string): Change => ({
  set: 'secret',
  secret: { id: id<'Secret'>('value') as SecretId, sealed: 'AAAA', mark },
})

export const officeOf = (epoch: number): Change => ({
  set: 'office',
  epoch,
  office: { client: id<'Client'>('central'), lineage: 'main', number: 1 },
})

/** A controller that leads: what it holds, and how it goes on. */
export class Leading {
  state: State
  readonly memory: OpenedMemory

  constructor(memory: OpenedMemory) {
    this.memory = memory
    this.state = memory.state
  }

  async note(everywhere: boolean, ...changes: readonly Change[]): Promise<readonly Copy[]> {
    const record = accepted(this.state, ...changes)
    const copies = await this.memory.append(record, everywhere)
    this.state = evolve(this.state, record)
    return copies
  }
}

export async function lead(...args: Parameters<typeof start>): Promise<Leading> {
  const memory = await start(...args)
  if (memory.readOnly() !== undefined) return expect.unreachable(`held: ${memory.readOnly()}`)
  return new Leading(memory)
}

/** A chassis in its second day: a manager in office, a value in both copies. */
export async function settled(): Promise<{ medium: MemoryMedium; eeprom: MemoryEeprom; state: State }> {
  const medium = memoryMedium()
  const eeprom = newChip()
  const leading = await lead(medium, eeprom)
  await leading.note(true, officeOf(1))
  await leading.note(true, value('one'))
  await leading.memory.close()
  return { medium: again(medium), eeprom: sameChip(eeprom), state: leading.state }
}

/** Flash and EEPROM as another moment finds them: copies, so that each case has its own. */
export const cloneMedium = again
export const cloneChip = ({ bytes }: MemoryEeprom): MemoryEeprom => newChip(new Uint8Array(bytes))
