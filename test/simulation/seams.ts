/** Where a worse agent differs from the real one: each part of it as it is handed over, and what becomes of it. */
import type { ControllerSlot } from '../../agent/backplane/protocol.ts'
import type { Agent } from '../../agent/controller/agent.ts'
import type { Clock } from '../../agent/controller/clock.ts'
import type { Backplane, Driver, OwnerLine, Owns } from '../../agent/controller/hardware/driver.ts'
import type { OpenedMemory } from '../../agent/controller/memory.ts'
import type { Eeprom } from '../../agent/controller/store/eeprom.ts'
import type { Medium } from '../../agent/controller/store/medium.ts'
import type { Others } from '../../agent/controller/store/store.ts'
import type { State } from '../../agent/core/state.ts'

export interface Seams {
  memory?(memory: OpenedMemory): OpenedMemory
  others?(others: Others<State>): Others<State>
  eeprom?(eeprom: Eeprom): Eeprom
  medium?(medium: Medium, more: { readonly role: () => 'owner' | 'standby' }): Medium
  driver?(driver: Driver): Driver
  backplane?(backplane: Backplane, more: { readonly now: () => State }): Backplane
  line?(line: OwnerLine, slot: ControllerSlot): OwnerLine
  owns?(owns: Owns): Owns
  agent?(agent: Agent, more: { readonly clock: Clock; readonly bootId: string }): Agent
  /** What the agent is told to go on from, beside what its memory holds. */
  state?(state: State): State
}
