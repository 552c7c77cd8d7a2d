// The oldest runtimes that the programs promise to run on, as npm carries them: fetched once, kept in .midplane/.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const kept = fileURLToPath(new URL('../../.midplane/runtimes/', import.meta.url))

/** The floor that the bundles are made for, and the newest that there is for ARMv7. */
export const oldNodes = ['20.0.0', '20.11.0'] as const

/** The path of a Node of just this version, for this machine's processor. */
export function oldNode(version: (typeof oldNodes)[number]): string {
  const name = `node-linux-${process.arch === 'arm' ? 'armv7l' : process.arch}`
  const folder = join(kept, version)
  const node = join(folder, 'node_modules', name, 'bin/node')
  if (existsSync(node)) return node
  const aside = `${folder}-${process.pid}`
  mkdirSync(aside, { recursive: true })
  const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', '--prefix', aside, ...options, `${name}@${version}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  rmSync(folder, { recursive: true, force: true })
  renameSync(aside, folder)
  return node
}
