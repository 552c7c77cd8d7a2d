// What chassisctl shows of a chassis: lists, one thing in full, reasons, events; for people and for programs.

import { describe, expect, it } from 'vitest'
import type { Bay, Sight } from '../../agent/core/blade.ts'
import { broker, chassis, ctl, document, rig, text } from './rig.ts'

const lines = (output: string) => output.split('\n').slice(0, -1)

/** The blade answers no more; what is shown says so, and what to do. */
async function silence(
  { lab, show }: { lab: { seat(bay: Bay, change: (sight: Sight) => Sight): void }; show(): Promise<void> },
  bay: Bay,
) {
  lab.seat(bay, (sight) => ({ ...sight, blade: 'unknown', blind: 'bmc-silent' }))
  await show()
}

describe('get', () => {
  it('shows a line for each bay, in the field’s words', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const { exit, stdout, stderr } = await ctl('get bays 1-2,16')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(stdout).toBe(
      [
        'BAY  BLADE               PROFILE  POWER  STATE       IN SYNC',
        '  1  ProLiant BL460c G7  web-01   off    ready       yes',
        '  2  ProLiant BL460c G7  -        off    no profile  yes',
        ' 16  -                   -        -      -           yes',
        '',
      ].join('\n'),
    )
  })

  it('never prints a line of more than 79 columns, however long the names are', async () => {
    const { ctl, agent } = await rig()
    const long = (letter: string) => letter.repeat(48)
    const profiles = ['a', 'b'].map((letter) => ({
      ...document.profiles[0],
      id: long(letter),
      description: 'a server whose description goes on for longer than any terminal of 79 columns would ever like',
    }))
    const assignments = [{ profile: long('a'), bay: 1 }]
    const applied = await ctl('apply -f -', { stdin: text({ pools: document.pools, profiles, assignments }) })
    expect(applied.exit).toBe(0)
    await agent.happen(
      'something-happened',
      'a message that is longer than a line of a terminal of seventy-nine columns ever is',
    )
    let count = 0
    for (const what of [
      'get bays',
      'get profiles',
      'get pools',
      'get controllers',
      'describe controller A',
      'get chassis',
      'get events',
      'get reasons',
      'describe bay 1',
      'describe chassis',
      `describe profile ${long('a')}`,
      'describe pool lan',
    ]) {
      const { exit, stdout } = await ctl(what)
      expect({ what, exit }).toEqual({ what, exit: 0 })
      for (const line of lines(stdout)) {
        expect(line.length, line).toBeLessThanOrEqual(79)
        count++
      }
    }
    expect(count).toBeGreaterThan(150)
  })

  it('prints the published JSON form, as a list or a line for each', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const { stdout } = await ctl('get profiles -o json')
    const parts = JSON.parse(stdout) as { part: string; view: { profile: { id: string }; bay?: number } }[]
    expect(parts.map(({ part, view }) => [part, view.profile.id, view.bay])).toEqual([
      ['profile', 'db-01', undefined],
      ['profile', 'web-01', 1],
    ])
    const jsonl = await ctl('get profiles -o jsonl')
    expect(lines(jsonl.stdout).map((line) => JSON.parse(line) as unknown)).toEqual(parts)
  })

  it('says what is not there, and shows the rest', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const { exit, stdout, stderr } = await ctl('get profiles web-01 web-99')
    expect(exit).toBe(1)
    expect(stdout).toContain('web-01')
    expect(stderr).toBe('chassis demo shows no profile web-99\n')
  })

  it('lists reasons with what to do about each', async () => {
    const { ctl } = await rig()
    expect((await ctl('get reasons bay-taken')).stdout).toContain('unassign the profile that the bay holds first')
    expect((await ctl('get reasons 45')).stdout).toContain('bay-taken')
    expect((await ctl('get reasons nonsense')).exit).toBe(1)
  })

  it('shows the newest events first of all, or those after a number', async () => {
    const { ctl, agent } = await rig()
    for (let i = 1; i <= 5; i++) await agent.happen('blade-inserted', `blade ${i} came`)
    expect((await ctl('get events --last 2')).stdout).not.toContain('blade 3 came')
    const { stdout } = await ctl('get events --since 3 -o jsonl')
    expect(lines(stdout).map((line) => (JSON.parse(line) as { number: number }).number)).toEqual([4, 5])
  })
})

describe('describe', () => {
  it('shows of each function what it was born with, was told and uses', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const { stdout } = await ctl('describe bay 1')
    expect(stdout).toContain(
      [
        'lom:1-a     nic, connection prod, to ic1 port 1',
        '  factory   mac 3c:d9:2b:00:08:20',
        '  assigned  mac 00:17:a4:77:00:00',
        '  applied   mac 3c:d9:2b:00:08:20',
      ].join('\n'),
    )
    expect((await ctl('power bay 1 on --wait')).exit).toBe(0)
    expect((await ctl('describe bay 1')).stdout).toContain('  applied   mac 00:17:a4:77:00:00')
  })

  it('prints one JSON object for a program', async () => {
    const { ctl } = await rig()
    const { stdout } = await ctl('describe chassis -o json')
    expect(JSON.parse(stdout)).toMatchObject({ part: 'chassis', view: { board: 'hp-c7000', bays: 16 } })
  })

  it('says that a thing is not there', async () => {
    const { ctl } = await rig()
    expect(await ctl('describe profile web-01')).toEqual({
      exit: 1,
      stdout: '',
      stderr: 'chassis demo shows no profile web-01; chassisctl get lists what there is\n',
    })
  })
})

describe('why', () => {
  it('names the reason and what to do', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    await silence({ lab: agent.lab, show: () => agent.show() }, 1)
    const { stdout } = await ctl('why bay 1')
    expect(stdout).toMatch(/^bay 1 is not in sync\n/)
    expect(stdout).toContain('bmc-silent: ')
    expect(stdout).toContain('do: reseat bay 1, or pull blade 1')
    expect((await ctl('why profile web-01')).stdout).toContain('bmc-silent: ')
    expect((await ctl('why')).stdout).toContain('bay 1')
    expect((await ctl('get bays 1')).stdout).toContain('bmc-silent')
  })

  it('says so when nothing is wrong', async () => {
    const { ctl } = await rig()
    expect((await ctl('why bay 2')).stdout).toBe('bay 2 is in sync\n')
    expect((await ctl('why')).stdout).toBe('chassis demo is in sync\n')
  })
})

describe('which chassis is meant', () => {
  it('needs no saying where there is only one', async () => {
    const on = await broker()
    await chassis(on, { chassis: 'rack-7' })
    const { exit, stdout } = await ctl(`describe chassis --broker ${on.url}`)
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining('rack-7, HP BladeSystem c7000') })
  })

  it('is never guessed where there are several', async () => {
    const on = await broker()
    await chassis(on, { chassis: 'rack-8' })
    await chassis(on, { chassis: 'rack-7' })
    expect(await ctl(`power bay 1 on --broker ${on.url}`)).toEqual({
      exit: 2,
      stdout: '',
      stderr: 'chassisctl: this broker has 2 chassis: rack-7, rack-8; say --chassis rack-7\n',
    })
    const { stdout } = await ctl(`get chassis --broker ${on.url}`)
    expect(stdout).toMatch(/rack-7 +online +hp-c7000.+rack-8 +online +hp-c7000/s)
    const one = await ctl(`describe chassis --broker ${on.url} --chassis rack-8`)
    expect(one.stdout).toContain('rack-8')
  })
})

describe('a chassis whose agent is gone', () => {
  it('is shown as it was last, and that is said', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    await agent.stop()
    const { exit, stdout, stderr } = await ctl('get bays 1')
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining('web-01') })
    expect(stderr).toContain('chassis demo is offline; this is what it showed last')
  })
})
