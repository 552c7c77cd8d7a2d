// What is in the repository speaks of the project alone: nothing in it knows the machine it was written on, nor from
// which host its packages came. A clone must work for anyone, anywhere, through whatever mirror they use.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const ignored = new Set([
  '.git',
  ...readFileSync(join(root, '.gitignore'), 'utf8')
    .split('\n')
    .map((line) => line.replace(/\/$/, '')),
])

/** Every file that git would track, by its path from the top: git itself may not be installed. */
function tracked(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (ignored.has(entry.name) || ignored.has(path)) return []
    return entry.isDirectory() ? tracked(path) : [path]
  })
}

/** Written so that no pattern finds itself. */
const betrayals = [
  { what: 'a path of one machine', pattern: /(?<![\w.:])\/(?:work|root|home|Users)\/\w/ },
  { what: 'a package registry', pattern: /\bregistry\.(?:[a-z-]+\.)+[a-z]+|npm[j]s\.|yarn[p]kg|deb\.debian\.or[g]/ },
  { what: 'a note that only its writers could follow', pattern: /\.\.[/]shared\b|\bissue [#]?\d+\b/i },
] as const

/** One line for each place that betrays something. */
function betrayed(path: string, text: string): string[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      betrayals
        .filter(({ pattern }) => pattern.test(line))
        .map(({ what }) => `${path}:${index + 1} names ${what}: ${line.trim().slice(0, 120)}`),
    )
}

describe('the repository', () => {
  const files = tracked()

  it('names no machine, no registry and nothing that only its writers know', () => {
    console.log(`${files.length} files`)
    expect(files).toContain('package.json')
    expect(files.length).toBeGreaterThan(50)
    expect(files.flatMap((path) => betrayed(path, readFileSync(join(root, path), 'utf8')))).toEqual([])
  })

  it.each([
    `const board = '${['', 'home', 'me', 'boards'].join('/')}'`,
    `see ${['', 'root', 'notes.md'].join('/')}`,
    `"resolved": "https://registry.${'npmjs'}.org/mqtt"`,
    `// as ${['..', 'shared'].join('/')} says`,
    `// closes issue ${12}`,
  ])('is found out if it says: %s', (line) => {
    expect(betrayed('made-up.ts', line)).toHaveLength(1)
  })

  it.each([
    '/redfish/v1/Systems/1',
    'https://example.org/home/page',
    '/var/lib/midplane',
    'import a from "../root/a.ts"',
  ])('may say: %s', (line) => {
    expect(betrayed('made-up.ts', line)).toEqual([])
  })
})

describe('the lock file', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string }>>
  }
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '')

  it('pins every package by its content', () => {
    expect(packages.length).toBeGreaterThan(100)
    expect(packages.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'))).toEqual([])
  })

  it('names no host that a package came from', () => {
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })
})
