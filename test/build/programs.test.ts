// The built programs as a controller gets them: dist/ copied to an empty place, with no packages beside it.

import { cpSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { version } from '../../agent/version.ts'
import { filesIn, openSerialPort, root, run, scratch } from './clone.ts'

const built = run(root, [process.execPath, 'build.mjs', 'build'])
if (built.status !== 0) throw new Error(`the build failed\n${built.stderr}`)

const copy = scratch('dist')
const dist = join(copy.path, 'dist')
const programs = readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.cjs'))
/** As on a fresh machine: nothing in the environment leads to this checkout. */
const env = { PATH: process.env.PATH, HOME: copy.path }

beforeAll(() => cpSync(join(root, 'dist'), dist, { recursive: true }))
afterAll(() => copy.remove())

it('the version that the programs say is the one of the package', () => {
  const { version: packaged } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(version).toBe(packaged)
})

it('every program that the package offers is built', () => {
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> }
  expect(programs).toEqual(expect.arrayContaining(Object.values(bin).map((path) => path.replace('dist/', ''))))
})

describe.each(programs)('%s, alone with its dist/,', (program) => {
  it('says its version', () => {
    const { status, stdout } = run(copy.path, [process.execPath, join(dist, program), '--version'], env)
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining(version) })
  })

  it('tells how it is used', () => {
    const { status, stdout } = run(copy.path, [process.execPath, join(dist, program), '--help'], env)
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/usage/i) })
  })

  it('is a command of its own', () => {
    expect(run(copy.path, [join(dist, program), '--version'], env).status).toBe(0)
  })

  it('reads the large packages only when it needs them', () => {
    const without = join(copy.path, `without-${program}`)
    cpSync(dist, without, { recursive: true })
    rmSync(join(without, 'lazy'), { recursive: true })
    rmSync(join(without, 'prebuilds'), { recursive: true })
    expect(run(copy.path, [process.execPath, join(without, program), '--version'], env).status).toBe(0)
  })

  it('stays within its size', () => {
    const kib = Math.ceil(statSync(join(dist, program)).size / 1024)
    const budget = budgets[program]
    console.log(`${program}: ${kib} KiB of ${budget} KiB`)
    expect(budget, `${program} has no budget`).toBeDefined()
    expect(kib).toBeLessThanOrEqual(budget ?? 0)
  })
})

/** In KiB, not minified: what a controller reads from flash at each start. Raise one only for something worth it. */
const budgets: Readonly<Record<string, number>> = {
  'agent.cjs': 1700, // 600 of it are the generated codecs
  'chassis-sim.cjs': 300,
  'chassisctl.cjs': 1200, // the same codecs
  'demo.cjs': 2200, // a broker, too
}

it('the serial port opens without packages beside it', () => {
  const { stdout, stderr } = run(copy.path, [process.execPath, '-e', openSerialPort(dist)], env)
  expect({ stdout, stderr }).toEqual({ stdout: 'open\n', stderr: '' })
})

it('the native parts are for the processors whose names they bear', () => {
  const machines: Readonly<Record<string, number>> = { x64: 62, arm64: 183, armv6: 40, armv7: 40 } // e_machine in ELF
  const parts = readdirSync(join(dist, 'prebuilds'))
  expect(parts).toHaveLength(6)
  for (const part of parts) {
    expect([part, readFileSync(join(dist, 'prebuilds', part)).readUInt16LE(18)]).toEqual([
      part,
      machines[part.split('.')[0] ?? ''],
    ])
  }
})

it('the bill of materials and the licences name every package whose code is in a bundle', () => {
  const bundles = filesIn(dist).filter((path) => path.endsWith('.cjs'))
  const inside = bundles.flatMap((path) =>
    [...readFileSync(join(dist, path), 'utf8').matchAll(/^\/\/ (?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//gm)].map(
      ([, name]) => name,
    ),
  )
  const sbom = JSON.parse(readFileSync(join(dist, 'sbom.json'), 'utf8')) as {
    components: { name: string; version: string }[]
  }
  const licenses = readFileSync(join(dist, 'LICENSES.txt'), 'utf8')
  expect(new Set(sbom.components.map(({ name }) => name))).toEqual(new Set(inside))
  expect(sbom.components.filter(({ name, version }) => !licenses.includes(`${name} ${version} (`))).toEqual([])
  expect(licenses).not.toContain('no licence text')
})

it('the reference page of the protocol stands beside the programs', () => {
  const page = readFileSync(join(dist, 'reference.md'), 'utf8')
  for (const name of readdirSync(join(root, 'proto/midplane/v1'))) expect(page).toContain(`## ${name}\n`)
  expect(page).toContain('### Request\n')
})

it('nothing in dist/ tells where it was built', () => {
  const telling = filesIn(dist).filter(
    (path) => !path.endsWith('.node') && readFileSync(join(dist, path), 'utf8').includes(root),
  )
  expect(telling).toEqual([])
})
