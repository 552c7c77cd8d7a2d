// Real third-party programs that tests talk to: brokers, clients, compilers. peers.json lists them by Debian package,
// and `npm test` installs what is missing where it may. Elsewhere a suite that needs one is reported as not run, and
// never counted as passed; on CI a missing program is a failure, because there somebody relies on the suite.

import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe } from 'vitest'

interface Peer {
  readonly package: string
  readonly programs: readonly string[]
  readonly for: string
}

const peers = JSON.parse(readFileSync(fileURLToPath(new URL('peers.json', import.meta.url)), 'utf8')) as readonly Peer[]
/** Debian keeps servers in sbin, which only root has in its path. */
const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']

/** The full path of an installed program. */
export function find(program: string): string | undefined {
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

/** Like `find`, inside a suite made by `describeWith`: there, the program is known to be installed. */
export function need(program: string): string {
  const path = find(program)
  if (path !== undefined) return path
  const owner = peers.find((peer) => peer.programs.includes(program))
  throw new Error(`${program} is not installed: ${owner ? `apt-get install ${owner.package}` : 'add it to peers.json'}`)
}

/** A suite that runs only where each of these programs is installed. */
export function describeWith(programs: readonly string[], name: string, body: () => void): void {
  const missing = programs.filter((program) => find(program) === undefined)
  if (missing.length === 0) return void describe(name, body)
  if (!process.env.CI) return void describe.skip(`${name} (not run: no ${missing.join(', ')})`, body)
  describe(name, () => {
    beforeAll(() => missing.forEach(need))
    body()
  })
}
