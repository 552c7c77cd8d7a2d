// A board of one's own is one file. A good one is used as the shipped ones are; a bad one is refused in one sentence
// that a person can act on, and never half used.

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { lintBoards, listBoards, loadController, loadHardware, sayComplaint } from '../../agent/boards/load.ts'

const folder = fileURLToPath(new URL('../../boards', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'midplane-boards-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const c7000 = JSON.parse(readFileSync(join(folder, 'chassis/hp-c7000.json'), 'utf8'))
const file = (name: string, content: string | object) => {
  const path = join(scratch, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const refusal = (chassis: string, from = folder) => {
  const loaded = loadHardware(from, chassis)
  return loaded.ok ? 'it was loaded' : loaded.say
}
let copies = 0
/** The shipped boards, copied, and then changed. */
function boards(change: (copy: string) => void): string {
  const copy = join(scratch, `boards-${copies++}`)
  cpSync(folder, copy, { recursive: true })
  change(copy)
  return copy
}

describe('a chassis of one’s own', () => {
  it('is loaded by path, with the adapters that ship', () => {
    const path = file('my-rack.json', { ...c7000, id: 'my-rack', sources: { '': 'unverified' } })
    const loaded = loadHardware(folder, path)
    expect(loaded.ok && loaded.value.board.id).toBe('my-rack')
    expect(loaded.ok && Object.keys(loaded.value.adapters)).toEqual(listBoards(folder, 'adapters'))
  })

  it('with a mistake is refused by file, place and remedy', () => {
    const odd = structuredClone(c7000)
    odd.forms[0].slots[1].wiring[1].interconnect = 'ic9'
    const path = file('hp-c7000.json', odd)
    expect(refusal(path)).toBe(
      `${path} at /forms/0/slots/1/wiring/1/interconnect: port 2 of mezz1 is wired to ic9, which this chassis does not have: name one of ic1, ic2, ic3, ic4, ic5, ic6, ic7, ic8`,
    )
  })

  it('with several mistakes is refused by the first, and says how many more there are', () => {
    const path = file('hp-c7000.json', { ...c7000, vendor: 7, bays: [] })
    expect(refusal(path)).toBe(`${path} at /vendor: 7 is no text; put it in quotes (and 1 more)`)
  })

  it.each([
    ['is no JSON', '{ "id": ', /it is no JSON \(.*\); correct it/],
    ['is another thing', '[]', /\[\] is no table; write \{ … \}/],
    [
      'is far too large',
      ' '.repeat(1024 * 1024 + 1),
      /it is larger than 1048576 bytes and no board; name another file/,
    ],
    [
      'is called something else',
      { ...c7000, id: 'other' },
      /at \/id: board other stands in bad\.json; call the file other\.json/,
    ],
  ])('that %s is refused', (_, content, say) => {
    expect(refusal(file('bad.json', content))).toMatch(say)
  })

  it('that is not there, or can not be read, is refused', () => {
    expect(refusal(join(scratch, 'none.json'))).toMatch(/none\.json: there is no such file; correct the path/)
    mkdirSync(join(scratch, 'folder.json'))
    expect(refusal(join(scratch, 'folder.json'))).toMatch(/it can not be read \(EISDIR\); check its permissions/)
  })
})

describe('a folder of boards', () => {
  it('names the boards that it has where one is asked for that it has not', () => {
    expect(refusal('hp-c9000')).toMatch(
      /there is no board hp-c9000; name one of cisco-ucs-5108, .*hp-c7000.*, or the path of a file of your own/,
    )
    expect(refusal('constructor')).toMatch(/there is no board constructor/)
    const controller = loadController(folder, 'abacus')
    expect(controller.ok ? '' : controller.say).toMatch(
      /there is no board abacus; name one of ast2600-evb, generic-arm64, generic-x64/,
    )
  })

  it('that is none is refused', () => {
    expect(refusal('hp-c7000', join(scratch, 'nowhere'))).toMatch(/schema\.json: there is no such file/)
    expect(lintBoards(join(scratch, 'nowhere')).map(sayComplaint)).toEqual([
      expect.stringMatching(/schema\.json: there is no such file/),
    ])
  })

  it('with a broken adapter hands out no chassis, since a blade may carry it', () => {
    const copy = boards((to) => writeFileSync(join(to, 'adapters/gbe-2port.json'), '{}'))
    expect(refusal('hp-c7000', copy)).toMatch(/gbe-2port\.json: id is missing; add it \(and \d+ more\)/)
    expect(lintBoards(copy).length).toBeGreaterThan(10)
  })

  it('is linted whole: chassis, adapters and controllers', () => {
    const copy = boards((to) => {
      writeFileSync(join(to, 'chassis/x.json'), '{}')
      writeFileSync(join(to, 'controllers/y.json'), '[]')
    })
    const files = new Set(lintBoards(copy).map((complaint) => complaint.file.slice(copy.length + 1)))
    expect(files).toEqual(new Set(['chassis/x.json', 'controllers/y.json']))
  })

  it('takes a new board as one more file', () => {
    const copy = boards((to) =>
      writeFileSync(join(to, 'chassis/c7000-lab.json'), JSON.stringify({ ...c7000, id: 'c7000-lab' })),
    )
    expect(lintBoards(copy)).toEqual([])
    expect(listBoards(copy, 'chassis')).toContain('c7000-lab')
  })
})

describe('in a bundle', () => {
  it('boards load from beside it, without this repository or its packages', async () => {
    const home = join(scratch, 'bundle')
    cpSync(folder, join(home, 'boards'), { recursive: true })
    const entry = fileURLToPath(new URL('../../agent/boards/load.ts', import.meta.url))
    await build({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      target: 'node20.0',
      format: 'cjs',
      outfile: join(home, 'load.cjs'),
      logLevel: 'error',
    })
    const script =
      "const { loadHardware } = require('./load.cjs'); const l = loadHardware(__dirname + '/boards', 'dell-m1000e'); console.log(l.ok ? l.value.board.bays.length : l.say)"
    writeFileSync(join(home, 'run.cjs'), script)
    expect(execFileSync(process.execPath, ['run.cjs'], { cwd: home, encoding: 'utf8' }).trim()).toBe('16')
  })
})
