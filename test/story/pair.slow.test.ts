/** What two controllers in one chassis can still lose, on real processes: both at once, and all that one of them knew. */
import { expect, test } from 'vitest'
import { deedsIn } from './first-half.ts'
import { defined, otherThan, owners, pairAtWork, type Slot } from './pair.ts'

const two = pairAtWork()

test('both are killed and started again: one leads with everything that was accepted, the other follows', async () => {
  const begin = await two().now()
  const before = two().client.state.chassis
  await Promise.all([two().kill('A'), two().kill('B')])
  two().start('A')
  two().start('B')
  await two().shows('one leads anew, and the other follows', ({ A, B }) => {
    const standings = [A?.pair?.other.is, B?.pair?.other.is]
    return (two().client.state.chassis?.term ?? 0) > (before?.term ?? 0) && standings.includes('member')
  })
  expect(two().client.state.chassis).toMatchObject({ epoch: before?.epoch, revision: before?.revision })
  await two().untouched(begin)
})

test('a blank controller alone with the chassis EEPROM adopts what is in it, with a higher epoch; one that hung meanwhile accepts nothing', async () => {
  const begin = await two().now()
  const owner: Slot = two().views.A?.role === 'owner' ? 'A' : 'B'
  const blank = otherThan(owner)
  await two().takeOut(blank)
  await two().shows('it leads alone', (views) => views[owner]?.pair?.members.length === 1)
  const last = await two().does(defined('web-05'))
  const before = two().client.state.chassis
  two().agent(owner).signal('SIGSTOP')
  const answer = two().types(owner, 'locate bay 5 on')
  await two().replace(blank)
  await two().owns(blank)
  expect(two().client.state.chassis).toMatchObject({ epoch: (before?.epoch ?? 0) + 1, revision: last.revision })
  two().agent(owner).signal('SIGCONT')
  expect((await answer).at(-1)).toMatch(/^%ERR/)
  await two().follows(owner)
  expect(owners(await two().since(begin))).toEqual([blank])
  expect(deedsIn(5, await two().since(begin))).toEqual([])
  await two().untouched(begin)
})
