// npm start -- --pair as somebody meets it: two controllers, and what becomes of the chassis when one of them dies.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
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

/** What is told when the owner was killed. */
const told = [
  /^-- controller A died \(SIGKILL\); 3 of 3 running blades run on$/m,
  /^-- controller B owns the chassis after \d+\.\d s$/m,
  /^-- controller B has read every bay anew; 3 of 3 running blades run on$/m,
  /^-- controller A is back and follows$/m,
]

/** README.md shows nothing that did not stand there, but for numbers. */
function saysTheSame(seen: string): void {
  const plain = (text: string) =>
    text
      .replaceAll(/\d+(\.\d+)?/g, '0')
      .replaceAll(/[ \r]+/g, ' ')
      .trim()
  const section = /^## Two controllers$([\s\S]*?)^## /m.exec(readFileSync('README.md', 'utf8'))?.[1] ?? ''
  const [, block = ''] = /^```\n\$ npm start -- --pair\n([\s\S]*?)^```$/m.exec(section) ?? []
  // What stands in the folder's place differs; a line typed is seen as it was typed.
  const shown = block.split('\n').filter((line) => line !== '' && line !== '…' && !line.includes('state in'))
  expect(shown.length).toBeGreaterThan(10)
  const lines = seen.split('\n').map(plain)
  for (const line of shown) {
    const typed = /^demo-[AB]# (.+)$/.exec(line)?.[1]
    expect(lines.map((each) => each.replace(/^demo-[AB]# /, ''))).toContain(plain(typed ?? line))
  }
  for (const option of ['--peer', '--listen', '--serial']) expect(section).toContain(option)
}

describe('npm start -- --pair', () => {
  it('in a terminal: the owner is killed, the other takes over; the cable goes there; a blank part is filled', async () => {
    const person = new Person(folder, 'demo', '--pair')
    const first = await person.sees(/demo-A# $/)
    const shown = first.slice(first.indexOf('Midplane')).split('\r\n')
    expect(shown.length).toBeLessThanOrEqual(24)
    expect(shown.filter((line) => line.length > 79)).toEqual([])
    expect(shown[0]).toMatch(/16 bays, two controllers, one broker$/)
    expect(shown[1]).toContain('A owns, B follows; state in ')

    const killed = await person.does('demo kill controller', /A is back and follows/)
    const lines = killed.replaceAll(/^demo-A# /gm, '').replaceAll('\r', '')
    for (const line of told) expect(lines).toMatch(line)
    expect(await person.does('show bays', /%ERR.*[\s\S]*demo-A# $/)).toContain('IS_STANDBY go to controller B')
    const plugged = await person.does('demo line B', /demo-B# $/)
    const both = await person.does('show controllers', /%OK[\s\S]*demo-B# $/)
    expect(both).toMatch(/A +standby +CTL-A1 +holds everything/)
    expect(both).toMatch(/B +owner +CTL-B1 +leads/)
    saysTheSame([...shown, lines, plugged, both].join('\n'))

    const out = await person.does('demo remove controller B', /A has read every bay anew; 3 of 3 running blades run on/)
    expect(out).toContain('controller B is out of its slot')
    await person.does('show bays', /nobody answers on the line of controller B; say demo line A/)
    await person.does('demo remove controller B', /controller B is out of its slot already/)
    await person.does('demo replace controller B', /controller B is new, was filled, and follows/)
    expect(await person.does('show controllers', /%OK[\s\S]*demo-B# $/)).toMatch(/B +standby +CTL-B2 +holds everything/)
    person.terminal.write('\x04')
    expect(await person.exit).toBe(0)
  }, 120_000)

  it('without a terminal: names its processes, tells what becomes of it when the owner is killed, and ends with both', async () => {
    const { child, says } = headless(folder, '--chassis', 'piped', '--pair')
    const text = await says(/runs until it is told to end/)
    expect(text).toContain('controllers  A owns, B follows')
    process.kill(Number(/processes {4}A (\d+)/.exec(text)?.[1]), 'SIGKILL')
    const all = await says(/A is back and follows/)
    for (const line of told) expect(all).toMatch(line)
    const programs = programsOf(folder, 'piped')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(programs.filter(isAlive)).toEqual([])
  }, 120_000)

  it('is refused where a chassis has room for one controller', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [demo, '--dir', join(folder, 'one'), '--board', 'generic-2u4n', '--pair'],
      { cwd: root, encoding: 'utf8', input: '', timeout: 30_000 },
    )
    expect(stderr).toMatch(/^midplane: an? .* has one controller slot; leave --pair out, or .*--board\n$/)
    expect(status).toBe(1)
  })
})
