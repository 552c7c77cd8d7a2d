// Every command that the README's story types, typed at real processes.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bootRecords } from '../../agent/sim/log.ts'
import { file, lines, tell, transcript } from './readme-story.ts'
import { type Stage, stage } from './stage.ts'

let on: Stage
afterAll(() => on?.end())

test('the story of the README happens as it is told, line by line', async () => {
  on = await stage()
  const chassis = await on.chassis()
  await chassis.commission()
  writeFileSync(join(chassis.folder, file.name), file.text)
  const printed = await tell(chassis)
  const { STORY_OUTPUT } = process.env
  if (STORY_OUTPUT !== undefined) writeFileSync(STORY_OUTPUT, transcript(printed))
  for (const { line, exit, text } of printed) {
    if ('hands' in line) continue
    expect({ run: line.run, exit, text }).toEqual({ run: line.run, exit: line.exit ?? 0, text: expect.any(String) })
    for (const shown of line.shows) expect(text).toMatch(shown)
  }
  expect(printed).toHaveLength(lines.filter((line) => 'run' in line).length)
  told(printed)
  const booted = bootRecords(await chassis.backDoor.log()).map(({ bay, booted: { from } }) => `${bay} ${from}`)
  expect(booted).toEqual(['3 fc', '4 fc', '4 fc', '5 fc'])
  expect(await chassis.backDoor.duplicates()).toEqual([])
}, 60_000)

/** README.md types these lines in this order, and shows nothing that was not printed. */
function told(printed: Awaited<ReturnType<typeof tell>>): void {
  const readme = readFileSync('README.md', 'utf8')
  const blocks = [...readme.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? '')
  let text = ''
  let next = 0
  let shown = 0
  for (const line of blocks.join('').split('\n')) {
    if (line === '' || line === '…') continue
    if (line.startsWith('$ ')) {
      const at = printed.findIndex(({ line: typed }, i) => i >= next && 'run' in typed && typed.run === line.slice(2))
      text = printed[at]?.text ?? expect.unreachable(`README types what the story does not: ${line}`)
      next = at + 1
    } else {
      expect(text.split('\n')).toContain(line)
      shown++
    }
  }
  expect(next).toBeGreaterThan(8)
  expect(shown).toBeGreaterThan(30)
}
