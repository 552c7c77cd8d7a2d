/** The runs of some boards against the page: shared by the everyday tier, which takes two, and the slow one. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { control } from './losses.ts'
import { type Outcome, run } from './run.ts'
import { canHappen, command, losses, page, read, together } from './table.ts'
import { type Cells, cellsOf } from './words.ts'

const path = fileURLToPath(new URL('../MATRIX.md', import.meta.url))
export const isWriting = process.env.MATRIX === 'write'
export const onPage = () => readFileSync(path, 'utf8')

/** The one loss in which the hardware itself makes a duplicate, and no rule can know. */
const lie = 'the BMC of a running server lies that its adapters are bare; its profile is moved, and its bay powered on'

export function holdAgainstPage(boards: readonly string[], floor: number): void {
  const fresh = new Map(losses.map(({ say }) => [say, new Map<string, Cells>()]))
  let count = 0

  test.each(boards)(
    '%s loses each thing that it can lose, and everything acknowledged comes back',
    async (board) => {
      const wrong: string[] = []
      let usual: Outcome['answers'] = {}
      for (const loss of losses.filter(({ say }) => canHappen(board, say))) {
        const outcome = await run(board, loss)
        if (typeof outcome === 'string') return expect.unreachable(outcome)
        count++
        if (loss === control) usual = outcome.answers
        fresh.get(loss.say)?.set(board, cellsOf(outcome, loss === control ? {} : usual))
        if (loss.say !== lie) wrong.push(...flaws(outcome).map((flaw) => `${loss.say}: ${flaw}`))
      }
      expect(wrong).toEqual([])
    },
    900_000,
  )

  test('the page says what comes out, to the byte', () => {
    console.log(`${boards.length} boards × ${losses.length} losses = ${count} runs`)
    expect(count).toBeGreaterThanOrEqual(floor)
    if (isWriting) writeFileSync(path, page(fresh))
    expect(page(together(read(onPage()), fresh)), `write it anew: ${command}`).toBe(onPage())
  })
}

function flaws({ served, whole, duplicates, missing }: Outcome): readonly string[] {
  return [
    ...(served ? [] : [`not back: ${missing.join(', ')}`]),
    ...(whole ? [] : ['not all copies']),
    ...(duplicates === 0 ? [] : ['an address on two functions']),
  ]
}
