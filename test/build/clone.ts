// Copies of the sources in folders of their own, as a clone would be: nothing that was built or installed comes along.

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))
const leftOut = new Set(['.git', 'node_modules', 'dist', 'coverage', '.midplane', 'agent/wire/generated'])

/** A scratch folder, and the way to be rid of it. */
export function scratch(name: string): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `midplane-${name}-`))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export function clone(to: string): void {
  cpSync(root, to, { recursive: true, filter: (from) => !leftOut.has(relative(root, from)) })
}

/** The packages of this checkout, lent to a clone: installing them again takes longer than all the rest. */
export function lendPackages(to: string): void {
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'))
}

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export function run(cwd: string, command: readonly [string, ...string[]], env: NodeJS.ProcessEnv = process.env): Ran {
  const [program, ...args] = command
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: 280_000 })
  if (error) throw error
  return { status, stdout, stderr }
}

/** Every file under a folder by its path from there, in order. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}

/** A program for `node -e` that opens a terminal with the serial driver of the given dist/, and says how that went. */
export const openSerialPort = (dist: string): string => `
  const { SerialPort } = require(${JSON.stringify(join(dist, 'lazy/serialport.cjs'))})
  const port = new SerialPort({ path: '/dev/ptmx', baudRate: 115200 }, (error) => {
    console.log(error ? error.message : 'open')
    port.close()
  })`
