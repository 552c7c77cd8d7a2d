// The program as its users start it: a process of its own, with ports, a folder and an exit code.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SocketBackplane } from '../../agent/controller/hardware/backplane.ts'
import { readOptions } from '../../agent/sim/options.ts'
import { version } from '../../agent/version.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { signal } = new AbortController()
let folder: string
let program: string
const started: ChildProcess[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chassis-sim-'))
  program = join(folder, 'chassis-sim.cjs')
  await build({
    absWorkingDir: root,
    entryPoints: ['agent/sim/main.ts'],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.0',
    banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
    define: { 'import.meta.url': 'importMetaUrl' },
    logLevel: 'error',
  })
})
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

interface Ready {
  readonly redfish: { readonly [bay: string]: string }
  readonly backplane: { readonly path: string }
  readonly backDoor: string
  readonly eeprom: string
}

function launch(...words: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(child)
  return child
}

async function finished(...words: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = launch(...words)
  const said = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => (said.stdout += String(chunk)))
  child.stderr?.on('data', (chunk) => (said.stderr += String(chunk)))
  await once(child, 'close')
  return { code: child.exitCode, ...said }
}

async function ready(dir: string, ...words: readonly string[]): Promise<{ child: ChildProcess; at: Ready }> {
  const boards = join(root, 'boards')
  const child = launch(
    '--boards',
    boards,
    '--dir',
    dir,
    '--port-base',
    '0',
    '--bmc-seconds',
    '0',
    '--post-seconds',
    '0',
    ...words,
  )
  let text = ''
  let complaint = ''
  child.stderr?.on('data', (chunk) => (complaint += String(chunk)))
  const at = await new Promise<Ready>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      text += String(chunk)
      if (text.endsWith('\n')) resolve(JSON.parse(text) as Ready)
    })
    child.once('close', () => reject(new Error(`it ended: ${complaint}`)))
  })
  return { child, at }
}

const world = async (at: Ready) =>
  (await (await fetch(`${at.backDoor}/world`)).json()) as { bays: Record<string, { shows: unknown }> }

describe('chassis-sim', () => {
  it('answers at every bay, at the backplane and at the back door once it says so, and remembers over a kill', async () => {
    const dir = join(folder, 'chassis')
    const first = await ready(dir)
    expect(Object.keys(first.at.redfish)).toHaveLength(16)
    const root = await fetch(`${first.at.redfish[1]}/redfish/v1/`)
    expect(root.status).toBe(200)
    expect(statSync(first.at.eeprom).size).toBe(65_536)
    const backplane = new SocketBackplane({ at: first.at.backplane })
    const { bays } = await backplane.read(signal)
    const bay = Number(Object.entries(bays).find(([, slot]) => slot.presence === 'present')?.[0])
    const before = bays[bay]
    await backplane.apply({ kind: 'permit', bay, n: 1 }, signal)
    await backplane.close()
    const pressed = await fetch(`${first.at.backDoor}/button`, { method: 'POST', body: JSON.stringify({ bay }) })
    expect(await pressed.json()).toEqual({ done: true })
    expect((await world(first.at)).bays[bay]?.shows).toMatchObject({
      powerGood: true,
      permit: { state: 'spent', n: 1 },
    })
    writeFileSync(first.at.eeprom, Buffer.concat([Buffer.from('written'), Buffer.alloc(65_529, 0xff)]))

    first.child.kill('SIGKILL')
    await once(first.child, 'close')
    const second = await ready(dir)
    expect((await world(second.at)).bays[bay]?.shows).toEqual({
      ...before,
      powerGood: false,
      permit: { state: 'denied', n: 0 },
    })
    expect(readFileSync(second.at.eeprom).subarray(0, 7).toString()).toBe('written')

    second.child.kill('SIGTERM')
    const [code] = await once(second.child, 'close')
    expect(code).toBe(0)
    expect(existsSync(second.at.backplane.path)).toBe(false)
  })

  it('begins empty when it is told to', async () => {
    const { child, at } = await ready(join(folder, 'empty'), '--empty')
    expect(JSON.stringify((await world(at)).bays)).not.toContain('"present"')
    child.kill('SIGKILL')
    await once(child, 'close')
  })

  it('says in one sentence why it can not begin, and ends with 2', async () => {
    const boards = ['--boards', join(root, 'boards')]
    const spoilt = join(folder, 'spoilt')
    await ready(spoilt).then(async ({ child }) => {
      child.kill('SIGKILL')
      await once(child, 'close')
    })
    writeFileSync(join(spoilt, 'chassis.json'), 'half a')
    const { at, child } = await ready(join(folder, 'taken'))
    const taken = new URL(at.backDoor).port
    const cases: readonly (readonly [readonly string[], string])[] = [
      [['--sped', '2'], '--sped'],
      [['extra'], 'extra'],
      [['--speed', 'fast'], '--speed is a number from 0.01 to 10000, not fast'],
      [[...boards, '--board', 'nonesuch', '--dir', join(folder, 'x')], 'there is no board nonesuch'],
      [[...boards, '--dir', spoilt], 'no chassis that this version can read'],
      [[...boards, '--dir', join(folder, 'y'), '--port-base', '0', '--back-door', taken], `port ${taken} is taken`],
      [[...boards, '--dir', join(program, 'z')], 'z'],
    ]
    for (const [words, sentence] of cases) {
      const { code, stdout, stderr } = await finished(...words)
      expect([words, code, stdout]).toEqual([words, 2, ''])
      expect(stderr).toContain(sentence)
      expect(stderr.trim().split('\n')).toHaveLength(1)
    }
    child.kill('SIGKILL')
    await once(child, 'close')
  })

  it('tells its version and how it is used, with options that all exist, on lines that fit a terminal', async () => {
    expect(await finished('--version')).toEqual({ code: 0, stdout: `chassis-sim ${version}\n`, stderr: '' })
    const { code, stdout } = await finished('--help')
    expect(code).toBe(0)
    expect(stdout.split('\n').filter((line) => line.length > 79)).toEqual([])
    const options = new Set(stdout.match(/(?<= )--[a-z-]+/g))
    expect(options.size).toBeGreaterThan(12)
    for (const option of options) {
      // Whatever is wrong with the value, the option itself is one that the program knows.
      const said = readOptions([option, 'x'])
      expect('wrong' in said ? said.wrong : '').not.toMatch(/unknown option/i)
    }
    expect(readOptions(['--no-such', 'x'])).toMatchObject({ wrong: expect.stringMatching(/unknown option/i) })
  })
})
