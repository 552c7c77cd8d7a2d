// Anyone can check that dist/ was made from these sources: two clones at different paths give the same bytes, and a
// fresh clone needs only Node and npm.

import { readFileSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { clone, filesIn, lendPackages, run, scratch } from './clone.ts'

const place = scratch('clones')
afterAll(() => place.remove())

/** What was built: each file with its permissions and its bytes. */
function built(folder: string): Map<string, string> {
  const dist = join(folder, 'dist')
  return new Map(
    filesIn(dist).map((path) => {
      const mode = (statSync(join(dist, path)).mode & 0o777).toString(8)
      return [path, `${mode} ${readFileSync(join(dist, path)).toString('base64')}`]
    }),
  )
}

it('two clones at different paths, of different age, in different time zones, build the same bytes', () => {
  const here = join(place.path, 'a')
  const there = join(place.path, 'a much longer path/with-a-folder/in between')
  for (const folder of [here, there]) {
    clone(folder)
    lendPackages(folder)
  }
  for (const path of filesIn(join(there, 'agent'))) utimesSync(join(there, 'agent', path), 1, 1)
  const build = [process.execPath, 'build.mjs', 'build'] as const
  expect(run(here, [...build], { ...process.env, TZ: 'UTC', LANG: 'C' })).toMatchObject({ status: 0 })
  expect(run(there, [...build], { ...process.env, TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8', HOME: there })).toMatchObject({
    status: 0,
  })
  const first = built(here)
  const second = built(there)
  console.log(`${first.size} files compared`)
  expect(first.size).toBeGreaterThan(10)
  expect([...second.keys()]).toEqual([...first.keys()])
  expect([...first.keys()].filter((path) => first.get(path) !== second.get(path))).toEqual([])
})

it('a fresh clone sets itself up in one quiet line, builds, and offers its commands to npx', () => {
  const fresh = join(place.path, 'fresh')
  clone(fresh)
  const set = run(fresh, ['npm', 'run', 'build'])
  expect(set).toMatchObject({ status: 0, stdout: '' })
  expect(set.stderr.split('\n').filter((line) => /setting up/.test(line))).toHaveLength(1)
  expect(set.stderr).not.toMatch(/npm (warn|notice)/i)
  for (const command of ['chassisctl', 'midplane-agent']) {
    expect(run(fresh, ['npx', command, '--version'])).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/\d+\.\d+\.\d+/),
    })
  }
  const again = run(fresh, ['npm', 'run', 'build'])
  expect(again).toEqual({ status: 0, stdout: '', stderr: '' })
})
