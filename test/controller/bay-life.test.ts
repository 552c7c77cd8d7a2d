/**
 * What a bay may be told besides a profile, seen through the boots that come of it: resets, boot overrides, words that
 * wait until the blade is next off, bays that wait for a blade, blades that are swapped for others, and a chassis
 * without a permit latch.
 */
import { expect, test } from 'vitest'
import { inSync } from '../../agent/core/bay-plan.ts'
import type { Bay } from '../../agent/core/blade.ts'
import { isBare } from '../../agent/core/blade.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Affinity, Profile } from '../../agent/core/profile.ts'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'

const web = id<'Profile'>('web-01')
const into = (bay: Bay, when: 'now' | 'next-off' = 'now') => ({ to: { bay }, when, preprovision: false }) as const

async function defined(board = 'hp-c7000', profile: Profile = sanProfile('web-01')): Promise<Rig> {
  const rig = new Rig(board)
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile })
  return rig
}

/** web-01 runs in bay 3 of a c7000: two NICs and an HBA that boots from a LUN. */
async function running(profile?: Profile): Promise<Rig> {
  const rig = await defined('hp-c7000', profile)
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  return rig
}

const power = (want: Extract<Command, { kind: 'power' }>['want'], bay: Bay = 3): Command => ({
  kind: 'power',
  bay,
  want,
  stop: 'graceful',
})
const reasonsOf = (rig: Rig, bay: Bay) => rig.agent.now().plans[bay]?.findings.map(({ reason }) => reason)
const from = (rig: Rig, bay: Bay = 3) => rig.boots(bay).map(({ booted }) => booted.from)
const sight = (rig: Rig, bay: Bay) => rig.agent.now().observed.bays[bay]

function bladeIn(rig: Rig, bay: Bay) {
  const blade = sight(rig, bay)?.blade
  return typeof blade === 'object' ? blade : expect.unreachable(`no blade is seen in bay ${bay}`)
}

/** Whether a boot of the bay wore the profile. */
const wore = (rig: Rig, bay: Bay) =>
  rig
    .boots(bay)
    .map((record) => rig.given('web-01').every((address) => JSON.stringify(record.functions).includes(address)))

// ── Resets ──────────────────────────────────────────────────────────────────────────────────────────────────────

test('a reset is one warm restart under the same permit, and the blade still runs', async () => {
  const rig = await running()
  const before = rig.log.length
  await rig.do(power('reset'))
  await rig.settle()
  expect(rig.boots(3).map(({ n, why }) => ({ n, why }))).toEqual([
    { n: 1, why: 'bmc-power-on' },
    { n: 1, why: 'warm-reset' },
  ])
  expect(wore(rig, 3)).toEqual([true, true])
  expect(rig.log.slice(before).some(({ kind }) => kind === 'power' || kind === 'latch')).toBe(false)
  expect(rig.agent.now().plans[3]?.phase).toBe('running')
})

test('a reset is sent once, though the agent dies at any moment of it', async () => {
  for (const moment of [0, 1, 5, 20, 50, 200, 1_000, 5_000]) {
    const rig = await running()
    const sent = rig.agent.submit(power('reset'), rig.envelope(power('reset')))
    await rig.clock.advance(moment)
    rig.kill()
    await rig.start()
    await rig.settle()
    await sent.catch(() => undefined)
    expect(rig.boots(3).length, `killed after ${moment} ms`).toBeLessThanOrEqual(2)
    expect(rig.agent.now().plans[3]?.phase).toBe('running')
  }
})

const deeds: readonly (readonly [string, Command, (rig: Rig) => boolean])[] = [
  ['a reset', power('reset'), (rig) => rig.boots(3).length === 2],
  ['a power cycle', power('cycle'), (rig) => rig.boots(3).at(-1)?.n === 2],
  ['a reseat', { kind: 'reseat', bay: 3 }, (rig) => rig.boots(3).at(-1)?.n === 2],
  ['a power off', power('off'), (rig) => rig.host.world.slots[3]?.blade?.run.stage === 'off'],
  [
    'a boot override',
    { kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: 'once' } },
    (rig) => rig.host.world.slots[3]?.blade?.kept.boot.override !== undefined,
  ],
  ['a locate light', { kind: 'locate', bay: 3, lit: true }, (rig) => rig.host.world.slots[3]?.locate === true],
  [
    'a move',
    { kind: 'move', profile: web, ...into(4), stop: 'graceful', force: false },
    (rig) => rig.boots(4).length === 1,
  ],
]

test.each(deeds)('%s is done when the bays are in sync, and at no moment before', async (_, command, isDone) => {
  for (const slow of [0, 50, 700, 3_000]) {
    const rig = await running()
    if (slow > 0) rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'slow', ms: slow } })
    await rig.do(command)
    let moments = 0
    while (!Object.values(rig.agent.now().plans).every(inSync)) {
      expect(++moments, 'it never came in sync').toBeLessThan(10_000)
      await rig.clock.advance(20)
    }
    expect(isDone(rig), `in sync after ${moments * 20} ms with a BMC that takes ${slow} ms`).toBe(true)
  }
})

// ── Boot overrides ──────────────────────────────────────────────────────────────────────────────────────────────

test('an override for one boot is set on the running blade, used up by the next boot, and seen to be gone', async () => {
  const rig = await running()
  await rig.do({ kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: 'once' } })
  await rig.settle()
  expect(bladeIn(rig, 3).boot.override).toEqual({ target: 'pxe', lasts: 'once' })
  expect(from(rig)).toEqual(['fc'])
  await rig.do(power('reset'))
  await rig.settle()
  expect(rig.agent.now().state.bays[3]?.override).toBeUndefined()
  expect(bladeIn(rig, 3).boot.override).toBeUndefined()
  await rig.do(power('reset'))
  await rig.settle()
  expect(from(rig)).toEqual(['fc', 'pxe', 'fc'])
})

test('an override for three boots lasts for three, whatever starts them, and the fourth boots as the profile says', async () => {
  const rig = await running()
  await rig.do({ kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: { boots: 3 } } })
  await rig.settle()
  const left = () => rig.agent.now().state.bays[3]?.override?.left
  await rig.do(power('reset'))
  await rig.settle()
  expect(left()).toBe(2)
  rig.host.perform({ do: 'system', bay: 3, does: 'reboot' })
  await rig.clock.advance(30_000)
  await rig.settle()
  expect(left()).toBe(1)
  await rig.do(power('cycle'))
  await rig.settle()
  expect(left()).toBeUndefined()
  await rig.do(power('reset'))
  await rig.settle()
  expect(from(rig)).toEqual(['fc', 'pxe', 'pxe', 'pxe', 'fc'])
})

test('an override without end stays until it is taken away', async () => {
  const rig = await running()
  await rig.do({ kind: 'override-boot', bay: 3, override: { target: 'setup', lasts: 'always' } })
  await rig.settle()
  for (let i = 0; i < 2; i++) {
    await rig.do(power('reset'))
    await rig.settle()
  }
  expect(bladeIn(rig, 3).boot.override).toEqual({ target: 'setup', lasts: 'always' })
  await rig.do({ kind: 'override-boot', bay: 3 })
  await rig.settle()
  expect(bladeIn(rig, 3).boot.override).toBeUndefined()
  await rig.do(power('reset'))
  await rig.settle()
  expect(from(rig)).toEqual(['fc', 'setup', 'setup', 'fc'])
})

test('an override for one boot waits through AC loss and a dead agent, and is used up once', async () => {
  const rig = await running()
  await rig.do({ kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: 'once' } })
  await rig.settle()
  rig.kill()
  rig.host.perform({ do: 'ac', on: false })
  await rig.clock.advance(5_000)
  rig.host.perform({ do: 'ac', on: true })
  await rig.start()
  await rig.settle()
  expect(rig.agent.now().state.bays[3]?.override).toBeUndefined()
  await rig.do(power('cycle'))
  await rig.settle()
  expect(from(rig)).toEqual(['fc', 'pxe', 'fc'])
  rig.noWrongBoots(['web-01'])
})

test('an override that nothing in the profile could boot is refused', async () => {
  const rig = await running()
  const refusal = await rig.refused({ kind: 'override-boot', bay: 3, override: { target: 'http', lasts: 'once' } })
  expect(refusal.reason).toBe('no-bootable-function')
})

// ── When next off ───────────────────────────────────────────────────────────────────────────────────────────────

test.each([
  ['starts again by itself as that server', 'on'],
  ['stays off, dressed, where the word for that server was off', 'off'],
] as const)(
  'a blade that runs with a profile waiting is left alone, and once it has shut down it %s',
  async (_, wanted) => {
    const rig = await defined()
    await rig.do(power('on'))
    await rig.settle()
    const before = rig.log.length
    await rig.do({ kind: 'assign', profile: web, ...into(3, 'next-off'), power: wanted })
    await rig.clock.advance(60_000)
    expect(reasonsOf(rig, 3)).toContain('waits-for-off')
    rig.host.perform({ do: 'system', bay: 3, does: 'reboot' })
    for (let i = 0; i < 40; i++) {
      await rig.clock.advance(500)
      expect(reasonsOf(rig, 3)).toContain('waits-for-off')
    }
    expect(rig.log.slice(before).filter(({ kind }) => kind === 'command' || kind === 'power')).toEqual([])
    rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
    await rig.clock.advance(30_000)
    await rig.settle()
    // What shut down was the blade as it was before; the wanted power is the coming server's (W26).
    expect(rig.agent.now().state.bays[3]?.power).toBe(wanted)
    expect(wore(rig, 3)).toEqual(wanted === 'on' ? [false, false, true] : [false, false])
    await rig.do(power('on'))
    await rig.settle()
    expect(wore(rig, 3)).toEqual([false, false, true])
    rig.noWrongBoots(['web-01'])
  },
)

test('a power cycle takes a waiting profile along', async () => {
  const rig = await defined()
  await rig.do(power('on'))
  await rig.settle()
  await rig.do({ kind: 'assign', profile: web, ...into(3, 'next-off') })
  await rig.do(power('cycle'))
  await rig.settle()
  expect(wore(rig, 3)).toEqual([false, true])
})

test('an unassigned blade keeps its identity until it is next off, and is bare before anything else starts on it', async () => {
  const rig = await running()
  await rig.do({ kind: 'unassign', profile: web, ...{ when: 'next-off', stop: 'no', force: false } })
  await rig.clock.advance(60_000)
  expect(reasonsOf(rig, 3)).toEqual(['blade-is-on'])
  expect(rig.agent.now().plans[3]?.phase).toBe('leaving')
  expect(rig.boots(3)).toHaveLength(1)
  rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  await rig.clock.advance(30_000)
  await rig.settle()
  expect(isBare(bladeIn(rig, 3))).toBe(true)
  expect(rig.agent.now().state.doubts).toEqual([])
  await rig.do(power('on'))
  await rig.settle()
  expect(wore(rig, 3)).toEqual([true, false])
  rig.noWrongBoots(['web-01'])
})

test('a move for when the blade is next off ends by itself once its system has shut down', async () => {
  const rig = await running()
  await rig.do({ kind: 'move', profile: web, ...into(4, 'next-off'), stop: 'no', force: false })
  await rig.clock.advance(60_000)
  expect(reasonsOf(rig, 3)).toEqual(['blade-is-on'])
  expect(reasonsOf(rig, 4)).toEqual(['in-doubt-elsewhere'])
  rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  await rig.clock.advance(30_000)
  await rig.settle()
  expect([wore(rig, 3), wore(rig, 4)]).toEqual([[true], [true]])
  rig.noDuplicates()
  rig.noWrongBoots(['web-01'])
})

// ── Bays that wait for a blade, and blades that are swapped ─────────────────────────────────────────────────────

test('a profile for an empty bay is worn by the blade that is put there, though the agent restarts in between', async () => {
  const rig = await defined()
  expect((await rig.refused({ kind: 'assign', profile: web, ...into(6), power: 'on' })).reason).toBe('bay-empty')
  await rig.do({ kind: 'assign', profile: web, ...into(6), preprovision: true, power: 'on' })
  await rig.clock.advance(30_000)
  expect(reasonsOf(rig, 6)).toEqual(['no-blade'])
  rig.kill()
  rig.host.perform({ do: 'insert', bay: 6, blade: { product: 'ProLiant BL460c G7', localDisk: false } })
  await rig.start()
  await rig.settle()
  expect(wore(rig, 6)).toEqual([true])
  expect(rig.agent.now().state.bays[6]?.intent?.blade).toEqual({
    serial: bladeIn(rig, 6).serial,
    product: 'ProLiant BL460c G7',
  })
  rig.noWrongBoots(['web-01'])
})

test('a blade that can not carry a waiting profile stays off, and says which adapter is missing', async () => {
  const rig = await defined()
  await rig.do({ kind: 'assign', profile: web, ...into(6), preprovision: true, power: 'on' })
  rig.host.perform({ do: 'insert', bay: 6, blade: { product: 'ProLiant BL465c G7', localDisk: true } })
  await rig.clock.advance(60_000)
  expect(rig.agent.now().plans[6]?.findings).toMatchObject([{ reason: 'does-not-fit' }])
  expect(rig.agent.now().plans[6]?.findings[0]?.say).toContain('fc')
  expect(rig.boots(6)).toEqual([])
  rig.host.perform({ do: 'swap', bay: 6, blade: { product: 'ProLiant BL460c G7', localDisk: true } })
  await rig.settle()
  expect(wore(rig, 6)).toEqual([true])
})

const lanOnly = (affinity: Affinity): Profile => {
  const { connections, ...rest } = sanProfile('web-01')
  return {
    ...rest,
    affinity,
    connections: connections.filter(({ kind }) => kind === 'nic'),
    boot: { mode: 'uefi', order: [{ target: 'local' }] },
  }
}
const same = 'ProLiant BL460c G7'
const other = 'ProLiant BL465c G7'

test.each([
  ['bay', same, 'wears'],
  ['bay', other, 'wears'],
  ['model', same, 'wears'],
  ['model', other, 'does not wear'],
  ['blade', same, 'does not wear'],
  ['blade', other, 'does not wear'],
] as const)(
  'with affinity %s a %s that takes the place of the BL460c %s its profile unasked',
  async (affinity, product, wears) => {
    const rig = await running(lanOnly(affinity))
    const first = bladeIn(rig, 3).serial
    expect(rig.host.perform({ do: 'swap', bay: 3, blade: { product, localDisk: true } })).toBeUndefined()
    await rig.clock.advance(1_000)
    if (wears === 'wears') {
      await rig.settle()
      expect(wore(rig, 3)).toEqual([true, true])
    } else {
      await rig.clock.advance(120_000)
      expect(reasonsOf(rig, 3)).toEqual(['different-blade'])
      expect(isBare(bladeIn(rig, 3))).toBe(true)
      expect(rig.boots(3)).toHaveLength(1)
      // Assigned again, the blade that is there is accepted.
      await rig.do({ kind: 'assign', profile: web, ...into(3) })
      await rig.settle()
      expect(wore(rig, 3)).toEqual([true, true])
      expect(rig.boots(3).at(-1)?.serial).not.toBe(first)
    }
    rig.noDuplicates()
    rig.noWrongBoots(['web-01'])
  },
)

test('a blade that is put back after another sat in its place goes on as itself', async () => {
  const rig = await running(lanOnly('blade'))
  const { serial } = bladeIn(rig, 3)
  rig.host.perform({ do: 'swap', bay: 3, blade: { product: same, localDisk: true } })
  await rig.clock.advance(60_000)
  expect(reasonsOf(rig, 3)).toEqual(['different-blade'])
  rig.host.perform({ do: 'swap', bay: 3, blade: { serial } })
  await rig.settle()
  expect(rig.boots(3).map((record) => record.serial)).toEqual([serial, serial])
  rig.noDuplicates()
})

// ── With and without a latch ────────────────────────────────────────────────────────────────────────────────────

const eager = { restore: 'always-on', button: 'enabled', wake: 'enabled' } as const

/** A blade whose BMC starts it whenever it gets power is put into a bay that waits for one. */
async function eagerNewcomer(board: string, bay: Bay): Promise<Rig> {
  const rig = await defined(board, lanOnly('bay'))
  const { serial } = bladeIn(rig, bay)
  rig.host.perform({ do: 'policy', bay, policy: eager })
  rig.host.perform({ do: 'pull', bay })
  await rig.clock.advance(2_000)
  await rig.do({ kind: 'assign', profile: web, ...into(bay), preprovision: true, power: 'on' })
  rig.host.perform({ do: 'insert', bay, blade: { serial } })
  await rig.clock.advance(60_000)
  return rig
}

test('a blade that starts itself on arrival does not start before it is dressed, where the chassis has a latch', async () => {
  const rig = await eagerNewcomer('hp-c7000', 3)
  await rig.settle()
  expect(rig.log.filter((entry) => entry.kind === 'no-power' && entry.why === 'restore-policy')).toHaveLength(1)
  expect(rig.boots(3).map(({ why }) => why)).toEqual(['bmc-power-on'])
  expect(wore(rig, 3)).toEqual([true])
})

test('without a latch it starts as the factory made it: that is seen, said, and cured by a power cycle', async () => {
  const rig = await eagerNewcomer('generic-2u4n', 3)
  expect(rig.boots(3).map(({ why, n }) => ({ why, n }))).toEqual([{ why: 'restore-policy', n: undefined }])
  expect(wore(rig, 3)).toEqual([false])
  expect(reasonsOf(rig, 3)).toEqual(['waits-for-off'])
  expect(bladeIn(rig, 3).policy).toEqual({ restore: 'always-off', button: 'disabled', wake: 'disabled' })
  await rig.do(power('cycle'))
  await rig.settle()
  expect(wore(rig, 3)).toEqual([false, true])
  rig.noDuplicates()
})

test('without a latch a blade that was seen off stays off and the state says why, until somebody says a word', async () => {
  const rig = await defined('generic-2u4n', lanOnly('model'))
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  rig.host.perform({ do: 'system', bay: 3, does: 'shutdown' })
  await rig.clock.advance(120_000)
  expect(rig.boots(3)).toHaveLength(1)
  expect(rig.agent.now().plans[3]?.findings).toMatchObject([
    { type: 'hold', reason: 'ac-lost-unseen', remedy: 'power bay 3 on' },
  ])
  rig.kill()
  await rig.start()
  await rig.clock.advance(60_000)
  expect(reasonsOf(rig, 3)).toEqual(['ac-lost-unseen'])
  await rig.do(power('on'))
  await rig.settle()
  expect(wore(rig, 3)).toEqual([true, true])
})

test('without a latch a blade that was powered off by command is in sync, and moves', async () => {
  const rig = await defined('generic-2u4n', lanOnly('model'))
  await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
  await rig.settle()
  await rig.do(power('off'))
  await rig.settle()
  expect(reasonsOf(rig, 3)).toEqual([])
  await rig.do({ kind: 'move', profile: web, ...into(4), stop: 'no', force: false, power: 'on' })
  await rig.settle()
  expect([wore(rig, 3), wore(rig, 4)]).toEqual([[true], [true]])
  rig.noDuplicates()
})

test('without a latch a press of the button in the middle of a move starts one wrong blade at worst, and never two of one name', async () => {
  let starts = 0
  for (let moment = 0; moment < 12_000; moment += 600) {
    const rig = await defined('generic-2u4n', lanOnly('model'))
    await rig.do({ kind: 'assign', profile: web, ...into(3), power: 'on' })
    await rig.settle()
    await rig.do({ kind: 'move', profile: web, ...into(4), stop: 'forced', force: false })
    await rig.clock.advance(moment)
    rig.host.perform({ do: 'policy', bay: 3, policy: { button: 'enabled' } })
    rig.host.perform({ do: 'button', bay: 3, hold: false })
    await rig.clock.advance(120_000)
    rig.noDuplicates()
    starts += rig.boots(3).length + rig.boots(4).length
  }
  expect(starts).toBeGreaterThan(40)
})
