/**
 * The loss matrix, test/MATRIX.md, is what the agent does: on a board with everything and on the one with the least. The
 * slow tier runs all boards. `MATRIX=write npx vitest run test/matrix` makes the page anew.
 */
import { expect, test } from 'vitest'
import { boardIds } from '../boards/lanes.ts'
import { lyingEeprom } from './chassis.ts'
import { run } from './run.ts'
import { everyday, losses, page, read, together } from './table.ts'
import { holdAgainstPage, isWriting, onPage } from './whole.ts'
import { cellsOf } from './words.ts'

holdAgainstPage(isWriting ? boardIds : everyday, 85)

test.each([
  ['hp-c7000', 'owner and standby are replaced by new controllers'],
  ['generic-2u4n', 'the only controller is replaced by a new one'],
])(
  'on %s an agent that claims the EEPROM copy without writing it is told by the page: %s',
  async (board, say) => {
    const loss = losses.find((each) => each.say === say) ?? expect.unreachable(say)
    const outcome = await run(board, loss, lyingEeprom)
    if (typeof outcome === 'string') return expect.unreachable(outcome)
    const cells = cellsOf(outcome)
    expect(cells['comes back']).toMatch(/^not: /)
    const known = read(onPage())
    expect(known.get(say)?.get(board)?.['comes back']).not.toMatch(/^not/)
    expect(page(together(known, new Map([[say, new Map([[board, cells]])]])))).not.toBe(onPage())
  },
  60_000,
)

test('what is read from the page gives the page', () => {
  expect(page(read(onPage()))).toBe(onPage())
  expect(onPage().split('\n').length).toBeLessThan(220)
})
