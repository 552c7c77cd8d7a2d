/**
 * Real third-party programs as peers. `need('protoc')` gives a `describe` for suites that talk to it. Where the program
 * is not installed the suite does not run and says so; on a build server that is a failure, so that nothing stays
 * unproven unnoticed.
 */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, test } from 'vitest'

/** Debian package of each program, for the line that says how to get it. */
const packages = {
  protoc: 'protobuf-compiler',
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  mosquitto_sub: 'mosquitto-clients',
  ipmitool: 'ipmitool',
} as const

export type Program = keyof typeof packages

export function installed(program: Program): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export function need(...programs: readonly Program[]): (name: string, suite: () => void) => void {
  const missing = programs.filter((program) => !installed(program))
  return (name, suite) => {
    if (missing.length === 0) {
      describe(name, suite)
      return
    }
    const way = `install ${missing.map((program) => packages[program]).join(' ')}`
    if (process.env.CI === 'true') {
      test(`${missing.join(' and ')} must be installed for: ${name}`, () => {
        throw new Error(`${missing.join(' and ')} not found; ${way}`)
      })
      return
    }
    // Visible in the report as not run, never as passed.
    describe(`${name} (not run: no ${missing.join(', ')}; ${way})`, () => {
      test.todo(way)
    })
  }
}
