// Every command that the README's story types, typed at real processes.

import { writeFileSync } from 'node:fs'
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
  const booted = bootRecords(await chassis.backDoor.log()).map(({ bay, booted: { from } }) => `${bay} ${from}`)
  expect(booted).toEqual(['3 fc', '4 fc', '4 fc', '5 fc'])
  expect(await chassis.backDoor.duplicates()).toEqual([])
}, 60_000)
