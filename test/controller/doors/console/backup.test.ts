// Backup, restore and factory reset at the serial line: printed, pasted, shown, and only then done.

import { describe, expect, it } from 'vitest'
import { parseLine } from '../../../../agent/controller/doors/console/verbs.ts'
import { blank } from '../../../../agent/core/state.ts'
import { LabFront, type Seat, seated } from './front.ts'

/** Lines of a chassis where web-01 runs in bay 3. */
async function backupOf(front = new LabFront().running()): Promise<readonly string[]> {
  const seat = await seated(front)
  const lines = await seat.type('backup')
  seat.console.close()
  expect(lines.at(-1)).toBe('%OK')
  return lines.slice(0, -1)
}

/** The same chassis, its blades running, under a controller that knows nothing. */
function replaced(front: LabFront): LabFront {
  const fresh = new LabFront()
  fresh.state = blank(fresh.state.chassis, fresh.state.board, '1'.repeat(32))
  fresh.observed = front.observed
  return fresh
}

async function paste(seat: Seat, lines: readonly string[]): Promise<readonly string[]> {
  const answers: string[] = []
  for (const line of lines) answers.push(...(await seat.type(line)))
  return answers
}

describe('a technician at the console', () => {
  it('prints a backup in lines that fit any terminal', async () => {
    const lines = await backupOf()
    expect(lines[0]).toBe('midplane backup 1')
    for (const line of lines) expect(line).toMatch(/^[\x20-\x7e]{1,72}$/)
    expect(lines.join('\n')).toContain('# bay 3: web-01')
  })

  it('pastes it into a blank controller, is shown what it would change, and then does it', async () => {
    const old = new LabFront().running()
    const fresh = replaced(old)
    const seat = await seated(fresh)
    expect(await paste(seat, await backupOf(old))).toEqual([
      "%OK the backup is whole; 'restore' shows what it would change",
    ])
    const shown = await seat.type('restore')
    expect(shown).toEqual([
      'pool lan: added',
      'pool san: added',
      'profile db-01: added',
      'profile web-01: added',
      'bay 3: profile none -> web-01',
      'bay 3: power on',
      'epoch: 0 -> 1, nobody in office',
      '%OK nothing was changed; to do it: restore yes',
    ])
    expect(fresh.state.revision).toBe(0)
    expect((await seat.type('restore yes')).at(-1)).toBe('%OK accepted revision 1, stored on flash and EEPROM')
    expect(fresh.state.bays[3]?.intent?.profile).toBe('web-01')
    fresh.settle()
    expect((await seat.type('why bay 3')).at(-1)).toBe('%OK')
    expect(fresh.blade(3).power).toBe('on')
    seat.console.close()
  })

  it('is told which lines did not come through, and pastes only those again', async () => {
    const old = new LabFront().running()
    const lines = await backupOf(old)
    const seat = await seated(replaced(old))
    const hurt = lines.map((line, i) => (i === 4 ? line.replace(/.$/, '~') : line)).filter((_, i) => i !== 6)
    const [damaged, ...rest] = await paste(seat, hurt)
    expect(damaged).toMatch(/^%ERR 120 BACKUP_DAMAGED this line is damaged: '0005 /)
    expect(rest).toEqual(['%ERR 120 BACKUP_DAMAGED lines 5, 7 are missing or damaged; paste them again'])
    expect(await seat.type('restore')).toEqual(rest)
    expect(await seat.type(lines[4] ?? '')).toEqual([
      '%ERR 120 BACKUP_DAMAGED line 7 is missing or damaged; paste it again',
    ])
    // Once more from the beginning does no harm, either.
    const again = await paste(seat, lines)
    expect(again[0]).toBe("%OK the backup is whole; 'restore' shows what it would change")
    expect((await seat.type('restore')).at(-1)).toBe('%OK nothing was changed; to do it: restore yes')
    seat.console.close()
  })

  it('is told that there is none, before one was pasted', async () => {
    const seat = await seated(new LabFront())
    expect((await seat.type('restore yes')).at(-1)).toMatch(/^%ERR 20 FIELD_MISSING paste one/)
    seat.console.close()
  })

  it('adopts one profile of it by name, and hears why not all of it', async () => {
    const old = new LabFront().running()
    const lines = await backupOf(old)
    const seat = await seated(old)
    await paste(seat, lines)
    expect((await seat.type('restore')).at(-1)).toMatch(/^%ERR 122 NOT_BLANK name what is wanted/)
    old.do({ kind: 'remove-profile', profile: 'db-01' as never })
    expect((await seat.type('restore profile db-01')).at(-1)).toMatch(/^%ERR 121 BACKUP_INERT .*take it with force$/)
    const shown = await seat.type('restore profile db-01 force')
    expect(shown.join(' ')).toContain('profile db-01: taken by force, token 1 -> 65536')
    expect(shown.at(-1)).toBe('%OK nothing was changed; to do it: restore profile db-01 force yes')
    expect((await seat.type('restore profile db-01 force yes')).at(-1)).toMatch(/^%OK accepted/)
    expect(old.state.profiles['db-01']?.token).toBe(65_536)
    seat.console.close()
  })

  it('resets the chassis to factory state by its serial, once nothing is bound, and is shown what goes', async () => {
    const front = new LabFront().running()
    const seat = await seated(front)
    expect((await seat.type('factory reset CH0001 yes')).at(-1)).toMatch(
      /^%ERR 34 PROFILE_ASSIGNED .*unassign it first/,
    )
    await seat.type('unassign profile web-01 power-off')
    front.settle()
    expect((await seat.type('factory reset CH0002 yes')).at(-1)).toMatch(/^%ERR 125 OTHER_SERIAL /)
    expect(await seat.type('factory reset ch0001')).toEqual([
      'forgotten: 2 profiles, 2 pools, 0 secrets',
      `incarnation: ${'f'.repeat(32)}`,
      '%OK nothing was changed; to do it: factory reset ch0001 yes',
    ])
    expect(Object.keys(front.state.profiles)).toHaveLength(2)
    expect((await seat.type('factory reset ch0001 yes')).at(-1)).toMatch(/^%OK accepted revision 0/)
    expect(front.state).toMatchObject({ incarnation: 'f'.repeat(32), revision: 0, epoch: 1, profiles: {}, pools: {} })
    seat.console.close()
  })

  it('takes no line of a backup for a command, and no command for a line', () => {
    expect(parseLine('midplane backup 1')).toMatchObject({ is: 'pasted' })
    expect(parseLine('0002 d288d8de # power bay 3 off')).toMatchObject({ is: 'pasted' })
    expect(parseLine('power bay 3 off')).toMatchObject({ is: 'command' })
    expect(parseLine('3 d288d8de')).toMatchObject({ is: 'complaint' })
  })
})
