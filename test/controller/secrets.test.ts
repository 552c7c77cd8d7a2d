/** Secrets at rest: sealed under the chassis key, bound to their names, and in clear nowhere (W16). */
import { describe, expect, test } from 'vitest'
import { openDesk } from '../../agent/controller/desk.ts'
import { openDiary } from '../../agent/controller/diary.ts'
import { sealer } from '../../agent/controller/secrets.ts'
import { startShowing } from '../../agent/controller/showing.ts'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import { openEventRing } from '../../agent/controller/store/event-ring.ts'
import type { SecretId } from '../../agent/core/addresses.ts'
import { encodeResponse } from '../../agent/wire/response.ts'
import { encodeState } from '../../agent/wire/state.ts'
import { id, iscsiProfile, pools } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { memoryMedium } from './store/memory-medium.ts'

const key = (byte: number) => new Uint8Array(32).fill(byte)
const chap = id<'Secret'>('chap') as SecretId
const other = id<'Secret'>('other') as SecretId
const plains = ['', 'a', 'correct horse battery', 'päßwörd ✓', '\0\n"\\', 'x'.repeat(4096)]

describe('A sealed secret', () => {
  const keeper = sealer(key(1))

  test('opens to what it was, under the same key and name', () => {
    for (const plain of plains) {
      expect(keeper.unseal('chap', keeper.seal(chap, plain).sealed)).toBe(plain)
      expect(sealer(key(1)).unseal('chap', keeper.seal(chap, plain).sealed)).toBe(plain)
    }
  })

  test('does not open under another name or another key', () => {
    const { sealed } = keeper.seal(chap, 'correct horse')
    expect(keeper.unseal('other', sealed)).toBeUndefined()
    expect(keeper.unseal('', sealed)).toBeUndefined()
    expect(sealer(key(2)).unseal('chap', sealed)).toBeUndefined()
  })

  test('does not open once any part of it was changed, cut or lengthened', () => {
    const { sealed } = keeper.seal(chap, 'correct horse')
    const bytes = Buffer.from(sealed, 'base64')
    let cases = 0
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 128]) {
        const spoilt = Buffer.from(bytes)
        spoilt.writeUInt8(spoilt.readUInt8(at) ^ bit, at)
        expect(keeper.unseal('chap', spoilt.toString('base64'))).toBeUndefined()
        cases++
      }
      expect(keeper.unseal('chap', bytes.subarray(0, at).toString('base64'))).toBeUndefined()
    }
    for (const text of [`${sealed}A`, `${sealed}=`, ` ${sealed}`, `${sealed}\n`, '', 'no base64 at all']) {
      expect(keeper.unseal('chap', text), JSON.stringify(text)).toBeUndefined()
    }
    expect(cases).toBeGreaterThan(50)
  })

  test('never looks the same twice, and its mark changes exactly when it does', () => {
    expect(keeper.seal(chap, 'one').sealed).not.toBe(keeper.seal(chap, 'one').sealed)
    expect(keeper.seal(chap, 'one').mark).toBe(keeper.seal(chap, 'one').mark)
    const marks = [...plains.map((plain) => keeper.seal(chap, plain).mark), keeper.seal(other, 'a').mark]
    expect(new Set([...marks, sealer(key(2)).seal(chap, 'a').mark]).size).toBe(marks.length + 1)
  })

  test('tells nothing by its mark, its digest or its sealed form to who lacks the key', () => {
    const content = Buffer.from('short')
    expect(keeper.digest(content)).toMatch(/^[0-9a-f]{32}$/)
    expect(keeper.digest(content)).toBe(sealer(key(1)).digest(content))
    expect(keeper.digest(content)).not.toBe(sealer(key(2)).digest(content))
    expect(keeper.digest(content)).not.toContain(keeper.seal(chap, 'short').mark)
    expect(Buffer.from(keeper.seal(chap, 'correct horse').sealed, 'base64').includes('correct')).toBe(false)
  })
})

/** The forms in which somebody could find it. */
function forms(plain: string): readonly string[] {
  const bytes = Buffer.from(plain)
  const shifted = [0, 1, 2].map((by) =>
    Buffer.concat([Buffer.alloc(by), bytes])
      .toString('base64')
      .slice(by === 0 ? 0 : 4, -4),
  )
  return [plain, bytes.toString('hex'), bytes.toString('hex').toUpperCase(), encodeURIComponent(plain), ...shifted]
}

test('a secret that is set, used, replaced and refused is found in no file, message, event, answer or log line', async () => {
  const planted = ['kR7-planted-secret-one', 'kR7-planted-secret-two', 'kR7-planted-secret-bad']
  const rig = new Rig()
  const { memory, agent, notices, records } = await rig.start()
  await rig.settle()
  const clock = { uptimeMs: () => rig.clock.now(), timeMs: () => undefined, after: rig.clock.after.bind(rig.clock) }
  const events = memoryMedium()
  const lines: string[] = []
  const diary = openDiary(await openEventRing({ medium: events }), clock, 'boot-1', (line) => lines.push(line))
  const told: unknown[] = []
  const messages: Uint8Array[] = []
  diary.onEvent((event) => told.push(event))
  const host = 'unknown' as const
  const showing = startShowing({
    ...{ clock, hardware: rig.hardware, now: agent.now, health: () => undefined },
    controllers: () => [{ slot: 'A', version: '0', uptimeMs: 0, role: 'owner', host, store: memory.view() }],
  })
  showing.onPart((part) => !('removed' in part) && messages.push(encodeState(part)))
  const keeper = sealer(memory.chassisKey ?? expect.unreachable())
  const desk = openDesk({
    ...{
      chassis: id<'Chassis'>('rig'),
      agent,
      showing,
      diary,
      clock,
      sealer: keeper,
      digest: () => '',
      keyIsCurrent: () => memory.keyIsCurrent,
    },
    about: { bootId: 'boot-1', version: '0', schema: '', board: 'hp-c7000' },
  })
  const set = async (value: string, more = {}) => {
    const command = { kind: 'set-secret', secret: chap, value } as const
    const content = desk.digest(Buffer.from(JSON.stringify(command)))
    const { outcome, ...rest } = await rig.clock.until(
      desk.submit(command, rig.envelope({ kind: 'resync' }, { content, ...more })),
    )
    messages.push(encodeResponse({ outcome, ...rest }))
    told.push(outcome)
    return outcome
  }

  for (const pool of pools) await rig.do(pool)
  expect(await set(planted[0] ?? '')).toMatchObject({ kind: 'accepted', accepted: { changed: true } })
  await rig.do({ kind: 'define-profile', profile: iscsiProfile('web-01') })
  const into = { to: { bay: 3 }, when: 'now', preprovision: false } as const
  await rig.do({ kind: 'assign', profile: id<'Profile'>('web-01'), ...into, power: 'on' })
  await rig.settle()
  expect(await set(planted[0] ?? '')).toMatchObject({ accepted: { changed: false } })
  expect(await set(planted[1] ?? '')).toMatchObject({ accepted: { changed: true } })
  expect(await set(planted[2] ?? '', { ifRevision: 1 })).toMatchObject({ kind: 'refused' })
  expect(await set(planted[2] ?? '', { dryRun: true })).toMatchObject({ accepted: { changed: true } })
  rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'silent' } })
  await rig.clock.advance(60_000)
  rig.host.perform({ do: 'mend', bay: 3 })
  await rig.clock.advance(60_000)
  for (const record of records) diary.recorded(record, agent.now().state)
  for (const notice of notices) diary.noticed(notice, agent.now().state)
  await diary.settle()
  told.push(desk.ask({ kind: 'read-state' }), desk.ask({ kind: 'list-events', since: 0, limit: 1000 }))
  told.push(desk.ask({ kind: 'look-up-request', request: 'request-1' }), desk.parts(), desk.presence())
  told.push(records, notices, agent.now(), memory.view(), lines)

  // It was really used: the blade's adapter has it, and nobody else.
  expect(JSON.stringify(rig.host.world)).toContain(planted[0])
  const places = new Map<string, Buffer>([
    ['what was told', Buffer.from(JSON.stringify(told))],
    ['messages', Buffer.concat(messages)],
    ['the EEPROM', Buffer.from(rig.eeprom.bytes)],
    ['what the EEPROM unpacks to', Buffer.from(JSON.stringify([...(await eepromOf(rig))]))],
    ...[...rig.medium.files(), ...events.files()].map(([name, bytes]) => [name, Buffer.from(bytes)] as const),
  ])
  let searched = 0
  for (const [name, bytes] of places) {
    for (const form of planted.flatMap(forms)) {
      expect(bytes.includes(form), `${form} in ${name}`).toBe(false)
      searched++
    }
  }
  // A stolen controller does not carry the key; the chassis does.
  const chassisKey = Buffer.from(memory.chassisKey ?? [])
  for (const [name, bytes] of [...rig.medium.files(), ...events.files()]) {
    const file = Buffer.from(bytes)
    expect(file.includes(chassisKey) || file.includes(chassisKey.toString('hex')), name).toBe(false)
  }
  expect(places.size).toBeGreaterThan(6)
  expect(searched).toBeGreaterThan(100)
  expect(places.get('what was told')?.length).toBeGreaterThan(10_000)
  // The search can find: the name of the secret stands in all of them.
  expect(places.get('what was told')?.includes('chap')).toBe(true)
  expect(places.get('what the EEPROM unpacks to')?.includes('secret:chap')).toBe(true)
})

async function eepromOf({ eeprom }: Rig): Promise<ReadonlyMap<string, string>> {
  const { reading } = await openEeprom(eeprom)
  return reading.kind === 'content' ? reading.map : expect.unreachable(reading.kind)
}
