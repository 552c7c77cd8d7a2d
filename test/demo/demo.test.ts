// The demo as somebody meets it: the built program in a terminal, and without one. Real processes, real ports; each run
// in a folder of its own.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { build, demo, headless, isAlive, Person, programsOf, root } from './person.ts'

let folder: string

beforeAll(() => {
  build()
  folder = mkdtempSync(join(tmpdir(), 'midplane-demo-'))
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('npm start in a terminal', () => {
  it('shows a chassis at work, loses its controller without a blade noticing, and boots a LUN on the spare', async () => {
    const person = new Person(folder, 'story')
    const first = await person.sees(/story-A# $/)
    const shown = first.slice(first.indexOf('Midplane')).split('\r\n')
    expect(shown.length).toBeLessThanOrEqual(24)
    expect(shown.filter((line) => line.length > 79)).toEqual([])
    expect(shown.slice(3, 10)).toEqual([
      '  +--1--+--2--+--3--+--4--+--5--+--6--+--7--+--8--+   S  booted from SAN',
      '  |web01|web02|db-01|spare|spare|     |     |     |   P  booted by PXE',
      '  | on P| on P| on S| off | off |  -  |  -  |  -  |   -  no blade',
      '  +--9--+-10--+-11--+-12--+-13--+-14--+-15--+-16--+   !  needs you (none)',
      '  |     |     |     |     |     |     |     |     |',
      '  |  -  |  -  |  -  |  -  |  -  |  -  |  -  |  -  |   3 profiles assigned,',
      '  +-----+-----+-----+-----+-----+-----+-----+-----+   all read back',
    ])

    const bay = await person.does('show bay 3', /%OK\r\n.*story-A# $/)
    expect(bay).toContain('profile: db-01   state: running')
    const wwpn = / WWPN \S+ +(50:06:0b:\S+) +(50:06:0b:\S+)/.exec(bay)
    expect(wwpn?.[1]).toBe(wwpn?.[2])

    const killed = await person.does('demo kill controller', /the controller is back, and knows every bay/)
    expect(killed).toContain('line dropped (SIGKILL)')
    expect(killed).toContain('3 of 3 running blades run on')
    expect(killed).toContain("the controller's line is back")
    expect(await person.does('show bay 3', /%OK/)).toContain('profile: db-01   state: running')

    await person.does('demo pull blade 3', /is out of bay 3/)
    // The backplane tells at once, yet later than a fast typist: until it was seen, the blade counts as on.
    await expect.poll(() => person.does('why bay 3', /%OK/), { timeout: 10_000 }).toContain('has no blade')
    await person.does('move profile db-01 to bay 4', /%OK accepted revision \d+, stored on flash and EEPROM/)
    await person.sees(/bay 4 runs as db-01/)
    const boots = await person.does('demo boots 4', /WWPN/)
    expect(boots).toContain('booted LUN 0 of 50:06:01:60:3b:a0:00:01')
    expect(boots).toContain(`WWPN ${wwpn?.[1]}`)

    const programs = programsOf(folder, 'story')
    expect(programs).toHaveLength(3)
    person.terminal.write('\x04')
    expect(await person.exit).toBe(0)
    expect(programs.filter(isAlive)).toEqual([])

    // Between two runs the chassis had no AC: what its adapters had been told is gone, what was bound is not.
    const again = new Person(folder, 'story')
    const second = await again.sees(/story-A# $/)
    expect(second).toContain('  |web01|web02|     |db-01|spare|')
    expect(second).toContain('  | on P| on P|  -  | on S| off |')
    expect(second).toContain('all read back')
    again.terminal.write('\x03')
    expect(await again.exit).toBe(0)
  }, 120_000)

  it('survives the loss of AC: blades come back as who they were, and only after their addresses were read back', async () => {
    const person = new Person(folder, 'dark')
    await person.sees(/dark-A# $/)
    const cut = await person.does('demo cut power', /3 of 3 blades run again, each as it was/)
    expect(cut).toContain('AC is off')
    expect(cut).toContain('AC is back')
    const boots = await person.does('demo boots 3', /2 boots in bay 3[\s\S]*dark-A# $/)
    expect(boots.match(/booted LUN 0/g)).toHaveLength(2)
    expect(boots).toContain('under permit 2')
    // A closed window is an end like any other.
    const programs = programsOf(folder, 'dark')
    person.terminal.kill('SIGHUP')
    await person.exit
    await expect.poll(() => programs.filter(isAlive), { timeout: 15_000 }).toEqual([])
  }, 120_000)
})

describe('npm start without a terminal', () => {
  let busy: Server
  beforeAll(async () => {
    busy = createServer()
    // Whoever has the usual port, somebody has it now.
    await new Promise<void>((resolve) => {
      busy.once('error', () => resolve())
      busy.listen(1883, '127.0.0.1', resolve)
    })
  })
  afterAll(() => void busy.close())

  it('says where it listens, next to a port that is taken, and runs until it is told to end', async () => {
    const { child, says } = headless(folder, '--chassis', 'quiet')
    const text = await says(/runs until it is told to end/)
    const port = Number(/mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1])
    expect(port).toBeGreaterThan(1883)
    expect(text).toContain('topics midplane/v1/quiet/#')
    const answer = spawnSync(
      process.execPath,
      [join(root, 'dist/chassisctl.cjs'), 'get', 'bays', '--broker', `mqtt://127.0.0.1:${port}`],
      { encoding: 'utf8' },
    )
    expect(answer.stdout).toMatch(/db-01/)

    // One demo at a time works in a folder.
    const second = spawnSync(process.execPath, [demo, '--dir', folder, '--chassis', 'quiet'], {
      encoding: 'utf8',
      input: '',
    })
    expect(second).toMatchObject({ status: 1, stderr: expect.stringMatching(/^midplane: another demo .*--dir\n$/) })

    const programs = programsOf(folder, 'quiet')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(programs.filter(isAlive)).toEqual([])
  }, 60_000)

  it.each([
    ['a port that is taken', ['--port', '1883'], /^midplane: port 1883 is taken; .*--port\n$/],
    [
      'a folder that can not be written',
      ['--dir', '/proc/midplane'],
      /^midplane: the folder \/proc\/midplane can not be written .*--dir\n$/,
    ],
    ['a board that there is not', ['--board', 'hp-c9000'], /^midplane: .*hp-c9000.*\n$/],
    ['a board file that is none', ['--board', 'package.json'], /^midplane: .*package\.json.*\n$/],
    ['an option that there is not', ['--prot', '1'], /^midplane: .*--help\n$/],
  ])('says in one sentence that it can not start: %s', (_, args, sentence) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [demo, '--dir', join(folder, 'wrong'), ...args], {
      cwd: root,
      encoding: 'utf8',
      input: '',
      timeout: 30_000,
    })
    expect(stderr).toMatch(sentence)
    expect(stdout).toBe('')
    expect(status).not.toBe(0)
  })
})
