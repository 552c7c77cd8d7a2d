/** What a chassis holds, as a text and back: nothing that the EEPROM would keep is lost, and nothing else is believed. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type BackupFile, readBackup, writeBackup } from '../../../agent/controller/store/backup.ts'
import { contentColumns, readLines, writeLines } from '../../../agent/controller/store/backup-lines.ts'
import { essentials } from '../../../agent/controller/store/essentials.ts'
import type { SecretId } from '../../../agent/core/addresses.ts'
import { canonical } from '../../../agent/core/blade.ts'
import type { Command } from '../../../agent/core/command.ts'
import { flawOf } from '../../../agent/core/restore.ts'
import { blank, type State } from '../../../agent/core/state.ts'
import { encodeRequest, largestRequest } from '../../../agent/wire/request.ts'
import { boardIds, lanesOf } from '../../boards/lanes.ts'
import { wholePools, wholeProfile } from '../../boards/whole.ts'
import { id, iscsiProfile, Lab, labWith, lanProfile, sanProfile } from '../../core/lab.ts'
import { backupText } from '../../wire/examples.ts'

const at = { term: 1, index: 812, digest: 'ab'.repeat(16) }
const fileOf = (state: State, more: Partial<BackupFile> = {}): BackupFile => {
  const secrets = Object.keys(state.secrets) as SecretId[]
  return { serial: 'CZ3210ABCD', at, state, secrets, ...more }
}
const write = (file: BackupFile) => writeBackup(file) ?? expect.unreachable('too large')

/** What the EEPROM would keep, without secrets, whatever the order. */
const kept = (state: State) => canonical(Object.fromEntries(essentials({ ...state, secrets: {} })))

function read(text: string): BackupFile {
  const reading = readBackup(text)
  return reading.ok ? reading.backup : expect.unreachable(JSON.stringify(reading.problems))
}

const profiles = [sanProfile('web-01'), lanProfile('mail'), iscsiProfile('disk')]
const named = (name: string) => id<'Profile'>(name)

/** web-01 runs in bay 3, disk in bay 5; mail is nowhere. */
function lived(): Lab {
  const lab = labWith(profiles)
  lab.run(profiles[0] ?? expect.unreachable(), 3)
  lab.run(profiles[2] ?? expect.unreachable(), 5)
  return lab
}

test('a text that was once given out is read for ever', () => {
  const { state, ...rest } = read(backupText)
  expect(rest).toEqual({ serial: 'CZ3210ABCD', at: { term: 1, index: 31, digest: '5a'.repeat(16) }, secrets: [] })
  expect(state).toEqual({
    ...blank(id<'Chassis'>('demo'), 'hp-c7000', '3f2a9c0d5e6b7a81920c4d3e5f60718a'),
    ...{ revision: 12, epoch: 4, lineages: { 'site-a': 88 } },
  })
})

describe('A backup', () => {
  test('gives back what the chassis EEPROM would, and where it is from', () => {
    const { state } = lived()
    const { state: back, ...rest } = read(write(fileOf(state)))
    expect(rest).toEqual({ serial: 'CZ3210ABCD', at, secrets: ['chap'] })
    expect(kept(back)).toBe(kept(state))
  })

  test('tells people what is in it, in lines that can be read', () => {
    const lines = write(fileOf(lived().state)).split('\n')
    const remarks = lines.flatMap((line) => (line.slice(14).startsWith('# ') ? [line.slice(16)] : []))
    expect(remarks).toContain('chassis lab, board hp-c7000, serial CZ3210ABCD')
    expect(remarks).toContain('bay 3: web-01')
    expect(remarks).toContain('  prod: 00:17:a4:77:00:00')
    expect(remarks).toContain('secrets left out: chap')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(72)
  })

  test('has no secret in it, sealed or not, unless one was put there', () => {
    const lab = lived()
    lab.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), sealed: 'PLANTED-SEALED', mark: 'PLANTED-MARK' })
    const inside = (text: string) => {
      const lines = readLines(text)
      if (!lines.ok) return expect.unreachable()
      const data = lines.contents.filter((line) => !line.startsWith('#')).join('')
      return text + inflateRawSync(Buffer.from(data, 'base64')).toString()
    }
    expect(inside(write(fileOf(lab.state)))).not.toContain('PLANTED')
    const scrypt = { n: 16_384, r: 8, p: 5, salt: '0'.repeat(32) }
    const locked = { scrypt, sealed: { chap: 'UNDER-A-PASSPHRASE' } }
    const text = write(fileOf(lab.state, { locked }))
    expect(inside(text)).not.toContain('PLANTED')
    expect(read(text).locked).toEqual(locked)
  })

  test('loses nothing of any state that commands and hardware can lead to', () => {
    const names = profiles.map(({ id }) => id)
    const bay = fc.integer({ min: 1, max: 6 })
    const profile = fc.constantFrom(...names)
    const deed = fc.oneof(
      fc.record({ do: fc.constant('assign' as const), profile, bay, on: fc.boolean() }),
      fc.record({ do: fc.constant('unassign' as const), profile, force: fc.boolean() }),
      fc.record({ do: fc.constant('move' as const), profile, bay }),
      fc.record({ do: fc.constant('power' as const), bay, want: fc.constantFrom('on', 'off', 'cycle', 'reset') }),
      fc.record({ do: fc.constant('boot' as const), bay, boots: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ do: fc.constant('remove' as const), profile }),
      fc.record({ do: fc.constant('policy' as const), after: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ do: fc.constant('pull' as const), bay }),
      fc.record({ do: fc.constant('settle' as const) }),
    )
    let bound = 0
    fc.assert(
      fc.property(fc.array(deed, { minLength: 4, maxLength: 16 }), (deeds) => {
        const lab = labWith(profiles)
        for (const each of deeds) {
          if (each.do === 'settle') lab.settle()
          else if (each.do === 'pull') lab.swap(each.bay)
          else {
            const decision = lab.decide(commandOf(each))
            if (decision.is === 'accepted') lab.do(commandOf(each))
          }
        }
        const { state } = lab
        const back = read(write(fileOf(state)))
        expect(kept(back.state)).toBe(kept(state))
        // What a chassis really held is never taken for made up.
        expect(flawOf(back.state)).toBeUndefined()
        if (state.doubts.length > 0) bound++
      }),
      { numRuns: 150 },
    )
    console.log(`${bound} of 150 states had something bound`)
    expect(bound).toBeGreaterThan(50)
  }, 60_000)

  function commandOf(
    deed:
      | { do: 'assign'; profile: ReturnType<typeof named>; bay: number; on: boolean }
      | { do: 'unassign'; profile: ReturnType<typeof named>; force: boolean }
      | { do: 'move'; profile: ReturnType<typeof named>; bay: number }
      | { do: 'power'; bay: number; want: string }
      | { do: 'boot'; bay: number; boots: number }
      | { do: 'remove'; profile: ReturnType<typeof named> }
      | { do: 'policy'; after: number },
  ): Command {
    switch (deed.do) {
      case 'assign': {
        const { profile, bay, on } = deed
        const how = { when: 'next-off', preprovision: true, power: on ? 'on' : 'off' } as const
        return { kind: 'assign', profile, to: { bay }, ...how }
      }
      case 'unassign':
        return { kind: 'unassign', profile: deed.profile, when: 'next-off', stop: 'graceful', force: deed.force }
      case 'move': {
        const how = { when: 'next-off', stop: 'forced', preprovision: true, force: false } as const
        return { kind: 'move', profile: deed.profile, to: { bay: deed.bay }, ...how }
      }
      case 'power':
        return { kind: 'power', bay: deed.bay, want: deed.want as 'on', stop: 'graceful' }
      case 'boot':
        return { kind: 'override-boot', bay: deed.bay, override: { target: 'pxe', lasts: { boots: deed.boots } } }
      case 'remove':
        return { kind: 'remove-profile', profile: deed.profile }
      case 'policy': {
        const policy = { id: id<'Policy'>('spare'), afterSeconds: deed.after, cut: true, attempts: 2 }
        return { kind: 'define-policy', policy }
      }
    }
  }
})

test('what is in a backup can be read by hand, as its README says', () => {
  const readme = readFileSync(new URL('../../../agent/controller/store/README.md', import.meta.url), 'utf8')
  const [, line = ''] = /```sh\n(sed 1d demo\.backup [\s\S]*?)```/.exec(readme) ?? []
  const folder = mkdtempSync(join(tmpdir(), 'midplane-backup-'))
  const { state } = lived()
  writeFileSync(join(folder, 'demo.backup'), write(fileOf(state)))
  const said = execFileSync('sh', ['-c', line], { cwd: folder, encoding: 'utf8' })
  expect(JSON.parse(said)).toMatchObject({ serial: 'CZ3210ABCD', keys: { revision: state.revision } })
  rmSync(folder, { recursive: true })
})

describe('The largest chassis', () => {
  test.each(boardIds)('a %s with every function in use fits one request and is restored by one record', (board) => {
    const lab = new Lab(board)
    for (const pool of wholePools) lab.do(pool)
    for (const [key, product] of Object.entries(lab.hardware.board.simulated)) {
      const bay = Number(key)
      const profile = wholeProfile(bay, lanesOf(board, bay, product))
      lab.do({ kind: 'define-profile', profile })
      lab.do({ kind: 'assign', profile: profile.id, to: { bay }, when: 'now', preprovision: false, power: 'on' })
      lab.settle()
    }
    const backup = write(fileOf(lab.state))
    const body = { kind: 'restore', backup, profiles: 'all', force: false } as const
    const request = encodeRequest({ request: 'my-restore', chassis: 'lab', dryRun: false, body })
    console.log(`${board}: ${backup.length} characters, ${backup.split('\n').length - 1} lines`)
    expect(request.length).toBeLessThan(largestRequest / 3)
    const back = read(backup).state
    expect(kept(back)).toBe(kept(lab.state))
    const fresh = new Lab(board)
    fresh.observed = lab.observed
    fresh.state = blank(back.chassis, board, '1'.repeat(32))
    const here = 'CZ3210ABCD'
    const whole = { serial: here, state: back, missing: [] }
    const decision = fresh.decide({ kind: 'restore', backup: whole, here, profiles: 'all', force: false })
    if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
    // The agent takes no record of more than 192 KiB.
    expect(JSON.stringify(decision.record).length).toBeLessThan(100 * 1024)
  })
})

describe('A text whose sums are right, made by somebody else', () => {
  const { state } = lived()
  const lines = readLines(write(fileOf(state)))
  const data = lines.ok ? lines.contents.filter((line) => !line.startsWith('#')).join('') : ''
  interface Content {
    [member: string]: unknown
    keys: { [key: string]: Record<string, unknown> }
  }
  /** The same content with something changed, under right sums. */
  function forged(change: (content: Content) => void): string {
    const content = JSON.parse(inflateRawSync(Buffer.from(data, 'base64')).toString()) as Content
    change(content)
    return wrapped(deflateRawSync(JSON.stringify(content)).toString('base64'))
  }
  const wrapped = (base64: string) =>
    writeLines(base64.match(new RegExp(`.{1,${contentColumns}}`, 'g')) ?? []) ?? expect.unreachable()
  const held = ({ keys }: Content, name = 'web-01') =>
    (keys[`profile:${name}`] ?? expect.unreachable()) as { profile: Record<string, unknown>; [member: string]: unknown }

  test('is read where nothing was changed', () => {
    expect(readBackup(forged(() => {})).ok).toBe(true)
  })

  test.each<[string, (content: Content) => void]>([
    ['a format that this version does not know', (content) => Object.assign(content, { format: 2 })],
    ['no serial', (content) => Object.assign(content, { serial: '' })],
    ['a member of the state that is not known', ({ keys }) => Object.assign(keys, { 'custody:web-01': {} })],
    [
      'a secret among the bindings',
      ({ keys }) => Object.assign(keys, { 'secret:chap': { id: 'chap', sealed: 'x', mark: 'y' } }),
    ],
    ['a revision that is no number', ({ keys }) => Object.assign(keys, { revision: '7' })],
    ['an incarnation that is none', ({ keys }) => Object.assign(keys.life ?? {}, { incarnation: 'mine' })],
    ['a profile under another name', (content) => Object.assign(held(content).profile, { id: 'other' })],
    ['a profile with a member too many', (content) => Object.assign(held(content).profile, { evil: true })],
    ['connections that are none', (content) => Object.assign(held(content).profile, { connections: 'all' })],
    [
      'a number written as text',
      (content) =>
        Object.assign(held(content).profile, {
          boot: {
            mode: 'uefi',
            order: [
              {
                target: 'iscsi',
                connection: 'disk',
                targets: [{ iqn: 'iqn.2026-11.test:disk', address: '192.0.2.1', tcpPort: '3260', lun: '1' }],
                network: { by: 'dhcp' },
              },
            ],
          },
        }),
    ],
    [
      'an address that is none',
      (content) => Object.assign(held(content), { given: { prod: { mac: 'any' }, backup: {}, san: {} } }),
    ],
    ['a token that is no whole number', (content) => Object.assign(held(content), { token: 1.5 })],
    ['a pool of no kind', ({ keys }) => Object.assign(keys['pool:lan']?.spec ?? {}, { kind: 'ip' })],
    [
      'a mark that is none',
      ({ keys }) => Object.assign(keys['pool:lan'] ?? {}, { marks: [{ first: 7, count: 1, state: 'external' }] }),
    ],
    ['a bay without a number', ({ keys }) => Object.assign(keys, { 'bay:all': { power: 'on' } })],
    ['a power that is none', ({ keys }) => Object.assign(keys['bay:3'] ?? {}, { power: 'maybe' })],
    ['a member of a bay that is not known', ({ keys }) => Object.assign(keys['bay:3'] ?? {}, { life: { n: 1 } })],
    [
      'a key that would be a method',
      ({ keys }) => Object.assign(keys, JSON.parse('{"bay:__proto__": {"power": "on"}}')),
    ],
    ['secrets that are no names', (content) => Object.assign(content, { secrets: ['Not A Name'] })],
    [
      'a passphrase that would take all memory',
      (content) =>
        Object.assign(content, { locked: { scrypt: { n: 2 ** 30, r: 8, p: 1, salt: '0'.repeat(32) }, sealed: {} } }),
    ],
  ])('is refused with %s', (_, change) => {
    const reading = readBackup(forged(change))
    if (reading.ok) expect.unreachable('it was read')
    else
      expect(reading.problems).toEqual([{ line: 1, say: expect.stringContaining('can not be read by this version') }])
  })

  test('is refused where it would burst memory', () => {
    expect(readBackup(wrapped(deflateRawSync(Buffer.alloc(64 * 1024 * 1024)).toString('base64'))).ok).toBe(false)
  })

  test('is refused where its data is no base64', () => {
    expect(readBackup(wrapped('====')).ok).toBe(false)
    expect(readBackup(wrapped('not deflated at all')).ok).toBe(false)
  })
})
