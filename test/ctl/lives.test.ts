// Backups, and the ends and beginnings of a chassis' life, from a manager's command line.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blank } from '../../agent/core/state.ts'
import type { Responder } from './responder.ts'
import { document, rig, text } from './rig.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'midplane-ctl-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** web-01 is assigned to bay 1. */
async function lived() {
  const site = await rig()
  await site.ctl('apply -f -', { stdin: text(document) })
  return { ...site, backup: (await site.ctl('backup')).stdout }
}

/** The controller and all that it knew are gone; blades and broker are not. */
async function replaced(agent: Responder): Promise<void> {
  const { chassis, board } = agent.lab.state
  agent.lab.state = blank(chassis, board, '1'.repeat(32))
  await agent.restart()
}

describe('chassisctl backup', () => {
  it('prints a text to keep, and nothing else', async () => {
    const { backup } = await lived()
    const lines = backup.trimEnd().split('\n')
    expect(lines[0]).toBe('midplane backup 1')
    expect(backup).toContain('# bay 1: web-01')
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(72)
  })

  it('takes the passphrase from a file and sends it, and refuses one that is too short', async () => {
    const { ctl, agent } = await lived()
    const words = file('words', 'correct horse battery\nnever read\n')
    expect((await ctl(['backup', '--passphrase-file', words])).exit).toBe(0)
    expect(agent.requests.at(-1)?.body).toEqual({ kind: 'backup', passphrase: 'correct horse battery' })
    const short = await ctl(['backup', '--passphrase-file', file('short', 'abc\n')])
    expect(short).toMatchObject({ exit: 2 })
    expect(short.stderr).toContain('has 3 bytes; use 8 to 256')
  })
})

describe('chassisctl restore', () => {
  it('shows the difference first, and restores a blank controller only with --yes', async () => {
    const { ctl, agent, backup } = await lived()
    await replaced(agent)
    const path = file('demo.backup', backup)
    const shown = await ctl(['restore', '-f', path])
    expect(shown.exit).toBe(2)
    expect(shown.stdout).toContain('the chassis: would change (dry run)\n  pool lan: added\n')
    expect(shown.stdout).toContain('  bay 1: profile none → web-01\n')
    expect(shown.stderr).toBe('nothing was changed; say --yes to do it\n')
    expect(agent.lab.state.revision).toBe(0)
    expect((await ctl(['restore', '-f', path, '--dry-run'])).exit).toBe(0)
    expect(agent.lab.state.revision).toBe(0)

    const done = await ctl(['restore', '-f', path, '--yes', '--wait'])
    expect(done).toMatchObject({ exit: 0, stderr: '' })
    expect(agent.lab.state.bays[1]?.intent?.profile).toBe('web-01')
    expect(agent.lab.state.epoch).toBe(1)
  })

  it('adopts profiles by name, with force where they are of another life', async () => {
    const { ctl, agent, backup } = await lived()
    await replaced(agent)
    agent.lab.do({
      kind: 'define-pool',
      pool: {
        id: 'own' as never,
        kind: 'iqn',
        range: { by: 'count', first: 'iqn.2026-01.org.example:a-00', count: 9 },
      },
    })
    const { exit, stderr } = await ctl('restore -f - --yes', { stdin: backup })
    expect(exit).toBe(4)
    expect(stderr).toContain('not-blank')
    expect((await ctl('restore profile web-01 -f - --yes', { stdin: backup })).stderr).toContain('backup-inert')
    const forced = await ctl('restore profile web-01 db-01 -f - --force --yes', { stdin: backup })
    expect(forced).toMatchObject({ exit: 0 })
    expect(forced.stdout).toContain('profile web-01: taken by force, token 1 → 65536')
    expect(Object.keys(agent.lab.state.profiles)).toEqual(['web-01', 'db-01'])
    expect((await ctl('restore -f - --force --yes', { stdin: backup })).exit).toBe(2)
  })

  it('names every line that did not come through', async () => {
    const { ctl, agent, backup } = await lived()
    await replaced(agent)
    const lines = backup.split('\n')
    const hurt = lines
      .map((line, i) => (i === 3 ? line.replace('incarnation', 'incornation') : line))
      .filter((_, i) => i !== 5)
    const { exit, stderr } = await ctl('restore -f - --yes', { stdin: hurt.join('\n') })
    expect(exit).toBe(4)
    expect(stderr).toContain('backup-damaged: line 4 is damaged (and 1 more); nothing was restored')
    expect(stderr).toContain('  restore.backup: line 6 is missing')
    expect(agent.lab.state.revision).toBe(0)
  })
})

describe('chassisctl reset', () => {
  it('shows what would be forgotten, and forgets it only with --yes and the right serial', async () => {
    const { ctl, agent } = await lived()
    expect((await ctl('reset --serial CH01 --yes')).stderr).toContain('profile-assigned: bay 1 is assigned web-01')
    await ctl('unassign web-01 --power-off --wait')
    expect((await ctl('reset --serial CH02 --yes')).stderr).toContain('other-serial')
    const shown = await ctl('reset --serial CH01')
    expect(shown).toMatchObject({ exit: 2 })
    expect(shown.stdout).toContain('forgotten: 2 profiles, 2 pools, 1 secrets')
    expect(Object.keys(agent.lab.state.profiles)).toHaveLength(2)
    const { incarnation } = agent.lab.state
    expect(await ctl('reset --serial CH01 --yes')).toMatchObject({ exit: 0, stderr: '' })
    expect(agent.lab.state).toMatchObject({ profiles: {}, revision: 0, epoch: 1 })
    expect(agent.lab.state.incarnation).not.toBe(incarnation)
  })

  it('by the manager in office, who is not in office any more then', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text({ ...document, assignments: [] }) })
    await ctl('take-over --lineage site --number 1')
    expect(await ctl('reset --serial CH01 --yes')).toMatchObject({ exit: 0, stderr: '' })
    expect(agent.lab.state.office).toBeUndefined()
    expect((await ctl('locate bay 1 on')).exit).toBe(0)
  })
})
