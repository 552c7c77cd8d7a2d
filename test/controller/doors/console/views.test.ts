// What stands on the technician's screen: as wide as it may be, in the field's words, and what is really there.

import { describe, expect, it } from 'vitest'
import { listBoards } from '../../../../agent/boards/load.ts'
import { dateTime, printable, wrap } from '../../../../agent/controller/doors/console/text.ts'
import { verbs } from '../../../../agent/controller/doors/console/verbs.ts'
import type { Event } from '../../../../agent/core/views.ts'
import { id, sanProfile } from '../../../core/lab.ts'
import { LabFront, seated } from './front.ts'

const longest = 'a-profile-with-the-longest-name-there-can-be'.padEnd(48, 'x')

const looks = [
  ...['bays', 'profiles', 'profile web-01', 'pools', 'policies', 'health', 'todo', 'events', 'store'].map(
    (noun) => `show ${noun}`,
  ),
  ...['1', '3', '3 all', '4', '9'].map((bay) => `show bay ${bay}`),
  ...['3', '9'].map((bay) => `why bay ${bay}`),
  'help',
  ...verbs.map(({ verb }) => `help ${verb}`),
  'version',
]

/** A chassis where a little of everything happens. */
function busy(): LabFront {
  const front = new LabFront().running()
  front.do({ kind: 'define-profile', profile: sanProfile(longest) })
  const there = { when: 'now', preprovision: true, power: 'on' } as const
  front.do({ kind: 'assign', profile: id('db-01'), to: { bay: 9 }, ...there })
  front.do({ kind: 'assign', profile: id(longest), to: { bay: 10 }, ...there })
  front.do({ kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: 'once' } })
  front.do({ kind: 'locate', bay: 4, lit: true })
  const left = {
    profiles: [id<'Profile'>(longest)],
    spares: [14, 13, 12, 11],
    afterSeconds: 86_400,
    cut: true,
    attempts: 16,
  } as const
  front.do({
    kind: 'define-policy',
    policy: { id: id('a-policy-with-the-longest-name-there-can-be'.slice(0, 41)), ...left },
  })
  front.events = Array.from(
    { length: 1_200 },
    (_, i): Event => ({
      kind: 'event',
      number: i + 1,
      severity: i % 100 === 0 ? 'critical' : 'info',
      uptimeMs: i,
      bootId: 'boot-1',
      type: 'profile-assigned',
      message: `bay ${i}: profile none → web-01, and a good deal more of it than can stand in one line`,
      revision: i,
      incarnation: front.state.incarnation,
      term: 1,
      ...(i % 2 === 0 && { timeMs: Date.UTC(2026, 10, 22, 16, 25, 38) }),
    }),
  )
  return front
}

describe('the screen', () => {
  it('is never wider than 79 columns, and printable, on every board', async () => {
    const boards = listBoards('boards', 'chassis')
    expect(boards.length).toBeGreaterThanOrEqual(6)
    let lines = 0
    for (const front of [busy(), ...boards.map((board) => new LabFront(board))]) {
      const seat = await seated(front)
      for (const look of looks) {
        const answered = await seat.type(look)
        expect(answered.filter((line) => line.length > 79 || !/^[ -~]*$/.test(line))).toEqual([])
        expect(answered.at(-1)).toMatch(/^%/)
        lines += answered.length
      }
      seat.console.close()
    }
    console.log(`${lines} lines`)
    expect(lines).toBeGreaterThan(1_000)
  })

  it('speaks the words of the field, and none of ours', async () => {
    const seat = await seated(busy())
    for (const look of looks) {
      const text = (await seat.type(look)).join('\n')
      expect(text).not.toMatch(
        /\b(in.?doubt|doubts?|intents?|staged|armed|idle|epoch|fencing|token|incarnation|observed|reconcile)\b/i,
      )
    }
    seat.console.close()
  })

  it('shows of one bay the factory, assigned and applied addresses side by side', async () => {
    const seat = await seated(new LabFront().running())
    expect(await seat.type('show bay 3')).toEqual([
      'bay 3: ProLiant BL460c G7, serial SN0003',
      'profile: web-01   state: running',
      'power: on, system is up   boots from: SAN (FC)',
      '  mezz1:1-a: boot target read back',
      '  mezz1:1-a: address verified after POST',
      '      factory                  assigned                 applied',
      'lom:1-a nic, prod, to ic1 port 3, 5000 Mb/s',
      ' MAC  3c:d9:2b:00:18:20        00:17:a4:77:00:00        00:17:a4:77:00:00',
      'lom:1-b nic, backup, to ic1 port 3, 5000 Mb/s',
      ' MAC  3c:d9:2b:00:18:21        00:17:a4:77:00:01        00:17:a4:77:00:01',
      'mezz1:1-a fc, san, to ic3 port 3',
      ' WWPN 50:01:43:80:00:00:32:40  50:06:0b:00:00:c2:62:00  50:06:0b:00:00:c2:62:00',
      ' WWNN 50:01:43:80:00:00:32:41  50:06:0b:00:00:c2:62:01  50:06:0b:00:00:c2:62:01',
      "7 more ports keep their factory addresses: add 'all' to see them",
      '%OK',
    ])
    seat.console.close()
  })

  it('says why a bay is not done, since when, and what hands can do', async () => {
    const seat = await seated(busy())
    expect(await seat.type('why bay 9')).toEqual([
      'waits: bay 9 is assigned db-01 and has no blade (for 60 s)',
      '  do: insert a blade into bay 9',
      '%OK',
    ])
    expect(await seat.type('why bay 3')).not.toContain('insert')
    expect((await seat.type('show todo')).join('\n')).toContain('do: insert a blade into bay 10')
    seat.console.close()
  })

  it('tells that a profile leaves before anybody pulls the blade that still wears it', async () => {
    const front = new LabFront().running()
    const seat = await seated(front)
    await seat.type('move profile web-01 to bay 4 power-off')
    const lines = await seat.type('why bay 3')
    expect(lines.join('\n')).toContain('web-01 leaves this bay; until that is read back it may still be live here')
    front.settle()
    expect((await seat.type('why bay 3'))[0]).toBe('bay 3 is as it is wanted: no profile')
    expect((await seat.type('show profile web-01'))[0]).toBe('profile web-01: bay 4, running')
    seat.console.close()
  })

  it('shows the newest events, not the oldest', async () => {
    const seat = await seated(busy())
    const text = (await seat.type('show events')).join('\n')
    expect(text).toContain('1199 2026-11-22 16:25:38 bay 1198: profile none -> web-01')
    expect(text).toContain('1200 88 s ago bay 1199')
    expect(text).not.toContain('bay 1100:')
    seat.console.close()
  })
})

describe('text for a terminal', () => {
  it.each([
    0,
    951_782_399_000, // 2000-02-28 23:59:59
    951_782_400_000, // leap day
    1_709_251_199_000,
    1_795_364_738_000,
    4_107_542_400_000, // 2100-03-01: no leap year
  ])('has the date of %d ms as the calendar has it', (ms) => {
    expect(dateTime(ms)).toBe(new Date(ms).toISOString().slice(0, 19).replace('T', ' '))
  })

  it('loses no word in wrapping, keeps the indent, and breaks what has no space', () => {
    expect(wrap('  one two three', 9, '    ')).toEqual(['  one two', '    three'])
    expect(wrap('x'.repeat(25), 10, ' ')).toEqual(['x'.repeat(10), ` ${'x'.repeat(9)}`, ` ${'x'.repeat(6)}`])
  })

  it('has nothing in it that a terminal would act on', () => {
    expect(printable('bay\x1b[2J 3 → 4…\x07')).toBe('bay?[2J 3 -> 4...?')
  })
})
