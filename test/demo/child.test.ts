// Programs that the demo starts: they come again after they died, and none outlives the demo.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CanNot } from '../../agent/demo/can-not.ts'
import { type Child, type Ended, firstLine, keep, type Program, start } from '../../agent/demo/child.ts'
import { openFolder } from '../../agent/demo/folder.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'midplane-child-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function written(code: string): Program {
  const path = join(folder, 'program.mjs')
  writeFileSync(path, code)
  return { name: 'the program', path, args: [], log: join(folder, 'log'), input: false }
}
const forever = "process.stdout.write('up\\n'); setInterval(() => {}, 1000)"

/** A program kept alive, with its lives to await. */
function kept(code: string) {
  const births: Child[] = []
  const deaths: Ended[] = []
  const timers: (() => void)[] = []
  let wake = () => {}
  const told = () => wake()
  const program = keep(
    written(code),
    {
      afterMs: 1_000,
      after: (_, call) => {
        timers.push(call)
        return () => {}
      },
    },
    {
      born: (child) => {
        births.push(child)
        told()
      },
      died: (ended) => {
        deaths.push(ended)
        told()
      },
      gaveUp: (ended) => {
        deaths.push(ended)
        told()
      },
    },
  )
  const until = async (reached: () => boolean) => {
    while (!reached()) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return { program, births, deaths, timers, until }
}

describe('a program that the demo keeps', () => {
  it('is started again after it was killed, when the watchdog runs out and not before', async () => {
    const { program, births, deaths, timers, until } = kept(forever)
    births[0]?.kill('SIGKILL')
    await until(() => deaths.length === 1)
    expect(deaths[0]).toMatchObject({ code: null, signal: 'SIGKILL' })
    expect(births).toHaveLength(1)
    timers[0]?.()
    expect(births).toHaveLength(2)
    await program.end()
    expect(births[1]?.process.signalCode ?? births[1]?.process.exitCode).not.toBeNull()
  })

  it('is given up when it complains about how it was started: it would only complain again', async () => {
    const { deaths, timers, until } = kept("process.stderr.write('no such board\\n'); process.exitCode = 2")
    await until(() => deaths.length === 1)
    expect(deaths[0]).toMatchObject({ code: 2, said: 'no such board' })
    expect(timers).toEqual([])
  })

  it('stays dark while the power is cut', async () => {
    const { program, births, timers, until } = kept(forever)
    await program.hold('SIGKILL')
    expect(program.now()).toBeUndefined()
    expect(timers).toEqual([])
    program.release()
    timers[0]?.()
    await until(() => births.length === 2)
    await program.end()
  })

  it('that never says a word is told of by its last words', async () => {
    const mute = written("process.stderr.write('it hurts\\n'); process.exitCode = 3")
    await expect(firstLine(mute, start(mute), 10_000)).rejects.toThrow(
      new CanNot('the program ended at once: it hurts'),
    )
  })

  it('does not outlive a demo that was killed', async () => {
    const path = join(folder, 'launcher.mjs')
    const url = new URL('../../agent/demo/child.ts', import.meta.url)
    const { outputFiles } = await (await import('esbuild')).build({
      stdin: {
        contents: `import { start } from ${JSON.stringify(url.pathname)}
        const child = start(${JSON.stringify(written(forever))})
        child.process.stdout.once('data', () => process.stdout.write(String(child.process.pid) + '\\n'))`,
        resolveDir: folder,
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
    })
    writeFileSync(path, outputFiles[0]?.text ?? '')
    const launcher = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [first] = (await once(launcher.stdout, 'data')) as [Buffer]
    const pid = Number(first.toString())
    expect(isAlive(pid)).toBe(true)
    launcher.kill('SIGKILL')
    // Its own pipe to the launcher is inherited by nobody: it closes when both are gone.
    await expect.poll(() => isAlive(pid), { timeout: 15_000 }).toBe(false)
  })
})

describe('the folder of a demo', () => {
  it('is for one demo at a time, and for the next when that has gone', async () => {
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', 'demo'], { stdio: 'ignore' })
    const first = await openFolder(folder, 'demo', false)
    writeFileSync(join(folder, 'demo', 'running'), `${other.pid}\n`)
    await expect(openFolder(folder, 'demo', false)).rejects.toThrow(/another demo .* --dir/)
    other.kill('SIGKILL')
    await once(other, 'exit')
    const next = await openFolder(folder, 'demo', false)
    next.release()
    first.release()
  })

  it('loses with --fresh what a demo made, and nothing else', async () => {
    const first = await openFolder(folder, 'demo', false)
    writeFileSync(join(first.parts.A.flash, 'journal'), 'x')
    writeFileSync(join(folder, 'demo', 'mine.txt'), 'x')
    first.release()
    const next = await openFolder(folder, 'demo', true)
    const { readdirSync } = await import('node:fs')
    expect(readdirSync(next.parts.A.flash)).toEqual([])
    expect(readdirSync(join(folder, 'demo'))).toContain('mine.txt')
    next.release()
  })

  it.each(['/proc/midplane', '/dev/null/x'])('that can not be written is said in one sentence: %s', async (path) => {
    await expect(openFolder(path, 'demo', false)).rejects.toThrow(/can not be written .* --dir/)
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
