/** A pair in core: when a changeover may be asked for, and what is said of controllers that need somebody. */
import { expect, test } from 'vitest'
import type { Command, Standby } from '../../agent/core/command.ts'
import { controllerFindings } from '../../agent/core/controllers.ts'
import { decide } from '../../agent/core/decide.ts'
import type { ControllerView } from '../../agent/core/views.ts'
import { labWith } from './lab.ts'

function asked(standby: Standby | undefined, force: boolean) {
  const lab = labWith([])
  const { state, observed, hardware } = lab
  const command: Command = { kind: 'changeover', force }
  const moment = { ...lab.moment, ...(standby && { standby }) }
  const decision = decide({ state, observed, hardware, moment }, command, lab.envelope({}))
  return decision.is === 'refused' ? decision.refusals[0].reason : decision
}

test('a changeover goes to a member, and changes nothing that is remembered', () => {
  expect(asked({ is: 'member' }, false)).toMatchObject({
    is: 'accepted',
    record: { command: 'changeover', changes: [], accepted: { changed: false } },
  })
})

test('a changeover to a controller that lacks something is refused, unless it is forced', () => {
  for (const is of ['catching-up', 'refused'] as const) {
    expect(asked({ is, why: 'it runs 2.0' }, false)).toBe('standby-behind')
    expect(asked({ is }, true)).toMatchObject({ is: 'accepted' })
  }
})

test('a changeover to nobody is refused, force or not', () => {
  for (const force of [false, true]) {
    expect(asked(undefined, force)).toBe('no-standby')
    expect(asked({ is: 'silent' }, force)).toBe('no-standby')
    expect(asked({ is: 'absent' }, force)).toBe('no-standby')
  }
})

const owner: ControllerView = {
  slot: 'A',
  version: '1',
  uptimeMs: 0,
  role: 'owner',
  host: 'unknown',
  store: {
    readOnly: false,
    notes: [],
    copies: ['flash', 'peer', 'eeprom'],
    index: 1,
    digest: '',
    bytesWritten: 0,
    syncs: 0,
    eepromPagesWritten: 0,
    eepromUse: 0,
  },
}
const reasonsOf = (...views: readonly ControllerView[]) => controllerFindings(views).map(({ reason }) => reason)

test('controllers that need nobody are not told of', () => {
  expect(reasonsOf(owner)).toEqual([])
  expect(reasonsOf({ ...owner, pair: { other: { is: 'member' }, members: [] } })).toEqual([])
  // Nobody misses a controller whose slot was left empty.
  expect(reasonsOf({ ...owner, pair: { other: { is: 'absent' }, members: [] } })).toEqual([])
})

test('what the next loss would cost is said before it comes', () => {
  const pair = (other: Standby) => ({ ...owner, pair: { other, members: [] } })
  expect(reasonsOf(pair({ is: 'silent' }))).toEqual(['controller-silent'])
  expect(reasonsOf(pair({ is: 'catching-up' }))).toEqual(['controller-behind'])
  expect(reasonsOf(pair({ is: 'refused', why: 'its flash is full' }))).toEqual(['controller-refused'])
  expect(reasonsOf({ ...owner, store: { ...owner.store, copies: ['flash'] } })).toEqual(['single-copy'])
  expect(reasonsOf({ ...owner, store: { ...owner.store, readOnly: true, notes: ['EIO'] } })).toEqual([
    'store-read-only',
  ])
})

test('a standby tells of its own flash only: what a copy of it lacks is for the owner to say', () => {
  const standby: ControllerView = { ...owner, slot: 'B', role: 'standby', store: { ...owner.store, copies: ['flash'] } }
  expect(reasonsOf(standby)).toEqual([])
  expect(reasonsOf({ ...standby, store: { ...standby.store, readOnly: true } })).toEqual(['store-read-only'])
})
