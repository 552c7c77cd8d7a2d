/** The simulation itself is tried: agents that are broken on purpose must be caught. */
import { expect, test } from 'vitest'
import { broken } from './broken.ts'
import { live } from './life.ts'

/** Lives until it must have been caught. */
const most = 400

for (const { it, seams, caughtBy } of broken) {
  test(`an agent that ${it} is caught`, async () => {
    for (let seed = 1; seed <= most; seed++) {
      const { violation } = await live(seed, { seams: seams() })
      if (!violation) continue
      console.log(`an agent that ${it} is caught in life ${seed}: ${violation.rule}: ${violation.say}`)
      expect(caughtBy).toContain(violation.rule)
      return
    }
    expect.unreachable(`an agent that ${it} was not caught in ${most} lives`)
  }, 600_000)
}

test('there are at least ten of them', () => {
  expect(broken.length).toBeGreaterThanOrEqual(10)
})
