// A controller is not renewed as often as a workstation: the same dist/ runs on the oldest Node that is promised, and
// on the newest that exists for ARMv7.

import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { version } from '../../agent/version.ts'
import { oldNode, oldNodes } from '../setup/old-node.ts'
import { openSerialPort, root, run, scratch } from './clone.ts'

const built = run(root, [process.execPath, 'build.mjs', 'build'])
if (built.status !== 0) throw new Error(`the build failed\n${built.stderr}`)

const copy = scratch('runtimes')
const dist = join(copy.path, 'dist')
const programs = readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.cjs'))

beforeAll(() => cpSync(join(root, 'dist'), dist, { recursive: true }))
afterAll(() => copy.remove())

describe.each(oldNodes)('on Node %s', (old) => {
  const env = { PATH: process.env.PATH, HOME: copy.path }

  it('runs the Node that was asked for', () => {
    expect(run(copy.path, [oldNode(old), '--version'], env).stdout).toBe(`v${old}\n`)
  })

  it.each(programs)('%s says its version and how it is used', (program) => {
    const said = run(copy.path, [oldNode(old), join(dist, program), '--version'], env)
    expect(said).toEqual({ status: 0, stdout: expect.stringContaining(version), stderr: '' })
    const told = run(copy.path, [oldNode(old), join(dist, program), '--help'], env)
    expect(told).toEqual({ status: 0, stdout: expect.stringMatching(/usage/i), stderr: '' })
  })

  it('the serial port opens', () => {
    expect(run(copy.path, [oldNode(old), '-e', openSerialPort(dist)], env).stdout).toBe('open\n')
  })
})
