/**
 * Two controllers in one chassis, as their users meet them: each a real process, killed, hung, taken out and replaced,
 * while a server runs. The hardware's log tells whether the running blade noticed anything, and who did what.
 */
import { expect, test, vi } from 'vitest'
import type { LogEntry } from '../../agent/sim/log.ts'
import { deedsIn } from './first-half.ts'
import { assigned, defined, otherThan, owners, pairAtWork, type Slot } from './pair.ts'

vi.setConfig({ testTimeout: 60_000 })
const two = pairAtWork()

/** Sessions of others that a BMC still had when its first change after the last change of owners came (W12). */
function strangersAtFirstChange(log: readonly LogEntry[], bay: number): readonly string[] {
  const open = new Set<string>()
  let taken = false
  for (const entry of log) {
    if (entry.kind === 'owner') taken = entry.owner !== 'none'
    if (entry.kind !== 'command' || entry.bay !== bay || entry.outcome !== 'done') continue
    const { request, session, detail } = entry
    if (request === 'logout') open.delete(session)
    else if (request === 'end-session') open.delete(detail ?? '')
    else open.add(session)
    if (taken && !['login', 'logout', 'end-session'].includes(request))
      return [...open].filter((each) => each !== session)
  }
  return expect.unreachable(`nothing was changed in bay ${bay}`)
}

test('the owner is killed: what it just accepted is in force at the other one, the same request is one effect, and the running blade notices nothing', async () => {
  const begin = await two().now()
  const first = await two().does(defined('web-01'))
  expect(first).toMatchObject({ copies: ['flash', 'peer', 'eeprom'], singleCopy: false })
  const assign = assigned('web-01', 4)
  const accepted = await two().does(assign, 'just-before-it-dies')
  await two().kill('A')
  await two().owns('B')
  expect(await two().does(assign, 'just-before-it-dies')).toMatchObject({ replayed: true, accepted: accepted.accepted })
  await two().client.waitForSync({ of: 'bay', bay: 4 }, accepted.revision, { timeoutMs: 30_000, what: 'bay 4 dressed' })
  const log = await two().since(begin)
  expect(owners(log)).toEqual(['B'])
  expect(log.filter((entry) => entry.kind === 'boot' && entry.bay === 4)).toHaveLength(1)
  // W12: whatever session the dead one had is ended before the first change.
  expect(strangersAtFirstChange(await two().log(), 4)).toEqual([])
  expect(two().views.B?.pair).toEqual({ other: { is: 'silent' }, members: [expect.stringMatching(/^CTL-2\//)] })
  expect(two().views.A).toMatchObject({ role: 'silent' })
  expect(await two().types('B', 'show todo')).toContain('controller A is in its slot and says nothing')
  expect(await two().chassis.done('why')).toMatch(/controller-silent: controller A is in its slot and says nothing/)
  await two().untouched(begin)
})

test('the one that was killed comes back and follows; its line shows that, and does nothing but take over', async () => {
  const begin = await two().now()
  two().start('A')
  await two().follows('A')
  expect(await two().types('A', 'show controllers')).toEqual([
    expect.stringMatching(/^slot +role +serial +standing +for +version +copies$/),
    expect.stringMatching(/^A +standby +CTL-1 +holds everything +\d+ s +\d\S+ +flash$/),
    expect.stringMatching(/^B +owner +CTL-2 +leads/),
    '%OK',
  ])
  expect(await two().types('A', 'show store')).toContain('controller A: standby; keeps a copy of everything, on flash')
  expect((await two().types('A', 'version')).at(0)).toMatch(/^Midplane \S+, controller A$/)
  for (const line of ['show bays', 'show todo', 'locate bay 3 on', 'power bay 3 off force', 'changeover', 'backup']) {
    const answer = await two().types('A', line)
    expect({ line, last: answer.at(-1) }).toEqual({
      line,
      last: '%ERR 142 IS_STANDBY go to controller B, or here: changeover force',
    })
  }
  expect(await two().types('B', 'show controllers')).toEqual([
    expect.stringMatching(/^slot/),
    expect.stringMatching(/^A +standby +CTL-1 +holds everything +\d+ s +\d\S+ +flash$/),
    expect.stringMatching(/^B +owner +CTL-2 +leads +\d+ s +\d\S+ +flash/),
    'may lead, as the chassis EEPROM tells: CTL-2, CTL-1',
    '%OK',
  ])
  const table = await two().chassis.done('get controllers')
  expect(table).toMatch(/^A +standby +member +yes +CTL-1/m)
  expect(table).toMatch(/^B +owner +leads +yes +CTL-2/m)
  await two().untouched(begin)
})

test('changed over at the console and by a central manager, the line goes where it was sent, each time with everything', async () => {
  const begin = await two().now()
  const before = two().client.state.chassis
  const answer = await two().types('B', 'changeover')
  expect(answer.at(0)).toBe('the other controller leads from now on')
  expect(answer.at(-1)).toMatch(/^%OK accepted at revision \d+$/)
  await two().owns('A')
  await two().follows('B')
  expect((await two().types('B', 'show bays')).at(-1)).toMatch(/IS_STANDBY go to controller A/)
  expect((await two().types('A', 'show bay 3')).join('\n')).toContain('profile: db-01   state: running')
  const said = await two().chassis.done('changeover')
  expect(said).toMatch(/^chassis demo: accepted, revision \d+\n {2}the other controller leads from now on$/m)
  await two().owns('B')
  await two().follows('A')
  expect(owners(await two().since(begin))).toEqual(['none', 'A', 'none', 'B'])
  const after = two().client.state.chassis
  expect(after).toMatchObject({ epoch: before?.epoch, revision: before?.revision, term: (before?.term ?? 0) + 2 })
  await two().untouched(begin)
})

test('an owner that hung wakes up deposed: it answers nothing with yes, changes nothing, steps down and follows', async () => {
  const begin = await two().now()
  two().agent('B').signal('SIGSTOP')
  const answer = two().types('B', 'power bay 5 on')
  await two().owns('A')
  const taken = await two().now()
  const first = await two().does(defined('web-02'))
  expect(first).toMatchObject({ copies: ['flash', 'eeprom'], singleCopy: false })
  two().agent('B').signal('SIGCONT')
  expect((await answer).at(-1)).toMatch(/^%ERR/)
  await two()
    .agent('B')
    .says(/controller B steps down: controller A owns the chassis/, 'stderr')
  await two().follows('B')
  const log = await two().since(begin)
  expect(owners(log)).toEqual(['A'])
  expect(
    (await two().since(taken)).filter(({ kind }) => kind === 'latch' || kind === 'locate' || kind === 'cut'),
  ).toEqual([])
  expect(deedsIn(5, log)).toEqual([])
  await two().untouched(begin)
})

test('without a standby answers go on, and say where they are stored; it is brought up to date when it is back', async () => {
  const begin = await two().now()
  await two().kill('B')
  const alone = await two().does(defined('web-03'))
  expect(alone).toMatchObject({ copies: ['flash', 'eeprom'], singleCopy: false })
  await two().shows('controller B seen gone', ({ B }) => B?.role === 'silent')
  two().start('B')
  await two().follows('B')
  const both = await two().does(defined('web-04'))
  expect(both).toMatchObject({ copies: ['flash', 'peer', 'eeprom'], singleCopy: false })
  await two().untouched(begin)
})

test('an owner that is pulled out and replaced by a blank one: the new part is filled, and becomes a member', async () => {
  const begin = await two().now()
  const owner: Slot = two().views.A?.role === 'owner' ? 'A' : 'B'
  const before = two().client.state.chassis
  await two().takeOut(owner)
  await two().owns(otherThan(owner))
  expect(two().views[owner]).toBeUndefined()
  await two().replace(owner)
  await two().follows(owner)
  expect(two().views[otherThan(owner)]?.pair?.members).toEqual([
    expect.stringMatching(`^${two().label(otherThan(owner))}/`),
    expect.stringMatching(`^${two().label(owner)}/`),
  ])
  expect(two().client.state.chassis).toMatchObject({ epoch: before?.epoch, revision: before?.revision })
  await two().untouched(begin)
})
