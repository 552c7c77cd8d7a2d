/**
 * Ways in which this program once lost a secret that it had accepted, or took for dead what only needed its time: at the
 * ends and beginnings of lives, of a chassis (factory reset), of a controller (replaced) and of its blades (AC returns).
 */
import { describe, expect, test } from 'vitest'
import { openDesk } from '../../agent/controller/desk.ts'
import { openDiary } from '../../agent/controller/diary.ts'
import type { Front } from '../../agent/controller/doors/front.ts'
import { currentSealer } from '../../agent/controller/secrets.ts'
import { startShowing } from '../../agent/controller/showing.ts'
import { openEventRing } from '../../agent/controller/store/event-ring.ts'
import type { Bay } from '../../agent/core/blade.ts'
import type { Policy } from '../../agent/core/policy.ts'
import { ChassisHost } from '../../agent/sim/host.ts'
import { newWorld } from '../../agent/sim/world.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import { id, pools, sanProfile } from '../core/lab.ts'
import { Rig, timings } from './rig.ts'
import { memoryMedium } from './store/memory-medium.ts'

async function until(rig: Rig, what: string, holds: () => boolean): Promise<void> {
  for (const end = rig.clock.now() + 300_000; !holds(); ) {
    if (rig.clock.now() >= end) expect.unreachable(`${what}: not within five minutes`)
    await rig.clock.advance(20)
  }
}

// ── Secrets at the end of a chassis' life: what was accepted can be unsealed (I2, W16, W21) ─────────────────────────

describe('A secret that is set around a factory reset', () => {
  const chap = id<'Secret'>('chap')
  const value = 'open sesame, again'
  const set: WireCommand = { kind: 'set-secret', secret: chap, value }

  interface Site {
    readonly rig: Rig
    readonly desk: Front
    readonly reset: WireCommand
    /** Its plain text, by the key that the chassis has now. */
    unsealed(): string | undefined
  }

  /** A chassis as doors reach it, with a secret to forget and nothing assigned. */
  async function site(): Promise<Site> {
    const rig = new Rig()
    const { memory, agent } = await rig.start()
    await rig.settle()
    const clock = { uptimeMs: () => rig.clock.now(), timeMs: () => undefined, after: rig.clock.after.bind(rig.clock) }
    const sealer = currentSealer(() => memory.chassisKey ?? expect.unreachable('this chassis has no key'))
    const desk = openDesk({
      ...{ chassis: id<'Chassis'>('rig'), agent, clock, sealer },
      showing: startShowing({
        ...{ clock, hardware: rig.hardware, now: agent.now, health: () => undefined, controllers: () => [] },
      }),
      diary: openDiary(await openEventRing({ medium: memoryMedium() }), clock, rig.bootId, () => {}),
      keyIsCurrent: () => memory.keyIsCurrent,
      digest: (content) => `plain ${content.length}`,
      about: { bootId: rig.bootId, version: '0', schema: 'abc', board: rig.hardware.board.id },
    })
    await rig.setSecret(chap, 'of the life before')
    const unsealed = () => {
      const held = agent.now().state.secrets.chap
      return held && sealer.unseal(chap, held.sealed)
    }
    return { rig, desk, reset: { kind: 'factory-reset', serial: agent.now().chassisSerial }, unsealed }
  }

  const submit = async ({ rig, desk }: Site, command: WireCommand) => {
    const { outcome } = await rig.clock.until(desk.submit(command, rig.envelope({ kind: 'resync' })))
    return outcome
  }

  test('while that becomes durable is sealed under the key of the next life', async () => {
    const here = await site()
    const { rig, desk, reset } = here
    const envelope = () => rig.envelope({ kind: 'resync' })
    const [first, second] = await rig.clock.until(
      // It was sealed as it came, and judged and stored after the reset, which had taken the key with it.
      Promise.all([desk.submit(reset, envelope()), desk.submit(set, { ...envelope(), epoch: 1 })]),
    )
    expect(first.outcome).toMatchObject({ kind: 'accepted', copies: ['flash', 'eeprom'] })
    expect(second.outcome).toMatchObject({ kind: 'accepted', accepted: { changed: true, revision: 1 } })
    expect(here.unsealed()).toBe(value)
  })

  test('that the EEPROM did not take is refused until it takes it, for the key in it is still the old one', async () => {
    const here = await site()
    const { rig, reset } = here
    rig.eeprom.fail = ({ operation }) => (operation === 'read' ? undefined : { why: 'bus stuck' })
    expect(await submit(here, reset)).toMatchObject({ kind: 'accepted', copies: ['flash'], singleCopy: true })
    // It was accepted, sealed under a key that the healed EEPROM was about to forget.
    expect(await submit(here, set)).toMatchObject({ kind: 'refused', refusal: { reason: 'eeprom-unreadable' } })
    expect(rig.agent.now().state.secrets).toEqual({})
    rig.eeprom.fail = () => undefined
    await rig.clock.until(rig.running?.memory.mend() ?? expect.unreachable())
    expect(await submit(here, set)).toMatchObject({ kind: 'accepted', copies: ['flash', 'eeprom'] })
    expect(here.unsealed()).toBe(value)
  })

  /** A restore sealed what came under a passphrase as it read the text, under whatever key was there. */
  test('that a backup brings is refused just the same: the whole backup waits for the new key', async () => {
    const here = await site()
    const { rig, desk, reset } = here
    // Stretching a passphrase takes real time, whatever the clock of the test says.
    const waited = async <Value>(promise: Promise<Value>): Promise<Value> => {
      let over = false
      const settled = promise.finally(() => {
        over = true
      })
      while (!over) await rig.clock.advance(1)
      return settled
    }
    await submit(here, set)
    const passphrase = 'correct horse battery'
    const { outcome } = await waited(desk.backup(passphrase, undefined))
    if (outcome.kind !== 'backup') return expect.unreachable(JSON.stringify(outcome))
    rig.eeprom.fail = ({ operation }) => (operation === 'read' ? undefined : { why: 'bus stuck' })
    await submit(here, reset)
    const restore: WireCommand = { kind: 'restore', backup: outcome.text, passphrase, profiles: 'all', force: false }
    const back = async () => (await waited(desk.submit(restore, rig.envelope({ kind: 'resync' })))).outcome
    expect(await back()).toMatchObject({ kind: 'refused', refusal: { reason: 'eeprom-unreadable' } })
    rig.eeprom.fail = () => undefined
    await rig.clock.until(rig.running?.memory.mend() ?? expect.unreachable())
    expect(await back()).toMatchObject({ kind: 'accepted', copies: ['flash', 'eeprom'] })
    expect(here.unsealed()).toBe(value)
  })
})

// ── Blades that were given up, or given up too soon, where nobody is in office (W5, W24, W26) ───────────────────────

const web = id<'Profile'>('web-01')
const spare: Policy = { id: id('spare'), spares: [4, 5], afterSeconds: 60, cut: true, attempts: 2 }

/** web-01 runs in bay 3 of a c7000, and bays 4 and 5 have spares. */
async function running({ bmcBootMs = timings.bmcBootMs } = {}): Promise<Rig> {
  const rig = new Rig()
  const { hardware, clock } = rig
  rig.host = new ChassisHost(
    newWorld({ hardware, seed: 'lives', now: clock.now(), timings: { ...timings, bmcBootMs }, empty: false }),
    clock,
  )
  await rig.start()
  await rig.settle()
  for (const pool of pools) await rig.do(pool)
  await rig.do({ kind: 'define-profile', profile: sanProfile('web-01') })
  await rig.do({ kind: 'assign', profile: web, to: { bay: 3 }, when: 'now', preprovision: false, power: 'on' })
  await rig.settle()
  return rig
}

const bladeIn = (rig: Rig, bay: Bay) => rig.host.world.slots[bay]?.blade ?? expect.unreachable(`no blade in bay ${bay}`)
const findings = (rig: Rig, bay: Bay) => rig.agent.now().plans[bay]?.findings ?? expect.unreachable(`no plan of ${bay}`)
/** What the policy did, in its own words. */
const deeds = (rig: Rig) =>
  rig.records.flatMap((record) =>
    record.kind === 'command' && record.command === 'rescue' ? record.accepted.diff[0] : [],
  )
const runsIn = (rig: Rig, bay: Bay) => () => {
  const { life } = rig.agent.now().state.bays[bay] ?? {}
  return life?.came === 'verified' && life.profile === web
}

/** The controller is another one, with nothing on its flash: it knows what the EEPROM knows, and of no arming. */
async function replaceController(rig: Rig): Promise<void> {
  rig.kill()
  rig.medium = memoryMedium()
  await rig.start()
}

function sound(rig: Rig): void {
  rig.noDuplicates()
  rig.noWrongBoots(['web-01'])
}

test('a policy that gave up on a spare which does not keep what it is told says so at that bay', async () => {
  const rig = await running()
  await rig.do({ kind: 'define-policy', policy: { ...spare, attempts: 1 } })
  rig.host.perform({ do: 'break', bay: 4, fault: { kind: 'lies-writes' } })
  rig.host.perform({ do: 'pull', bay: 3 })
  await rig.clock.advance(600_000)
  expect(deeds(rig)).toHaveLength(1)
  // The bay showed the write that failed and nothing else, as if the policy were still at it.
  expect(findings(rig, 4)).toMatchObject([
    { reason: 'not-taken' },
    {
      reason: 'rescue-failed',
      say: 'policy spare gave up on web-01: it was tried in bay 4',
      remedy: 'look at the blades, then resync bay 4',
    },
  ])
  sound(rig)
})

describe('A controller that is replaced during a POST that will halt', () => {
  /**
   * The next one knew of no arming, and so of none that failed: it found power good, called that `post-failed`, and
   * neither switched the blade off nor let the policy go on, for ever.
   */
  test('leaves the rescue to the next one, which tries the next spare', async () => {
    const rig = await running()
    await rig.do({ kind: 'define-policy', policy: spare })
    rig.host.perform({ do: 'break', bay: 4, fault: { kind: 'post-fails', after: 0 } })
    rig.host.perform({ do: 'pull', bay: 3 })
    await until(rig, 'the spare is in POST', () => bladeIn(rig, 4).run.stage === 'post')
    await replaceController(rig)
    await until(rig, 'the next spare runs', runsIn(rig, 5))
    expect(bladeIn(rig, 4).run.stage).toBe('off')
    expect(deeds(rig)).toHaveLength(2)
    sound(rig)
  })

  test('leaves the blade to the next one, which switches it off and starts it when asked', async () => {
    const rig = await running()
    rig.host.perform({ do: 'break', bay: 4, fault: { kind: 'post-fails', after: 0 } })
    const how = { when: 'now', stop: 'forced', preprovision: false, force: false } as const
    await rig.do({ kind: 'move', profile: web, to: { bay: 4 }, ...how })
    await until(rig, 'the blade is in POST', () => bladeIn(rig, 4).run.stage === 'post')
    await replaceController(rig)
    await until(rig, 'the blade is off', () => bladeIn(rig, 4).run.stage === 'off')
    await rig.clock.advance(300_000)
    expect(findings(rig, 4)).toMatchObject([{ type: 'fault', reason: 'post-failed', remedy: 'resync bay 4' }])
    expect(bladeIn(rig, 4).run.stage).toBe('off')
    rig.host.perform({ do: 'mend', bay: 4 })
    await rig.do({ kind: 'resync', bay: 4 })
    await until(rig, 'it runs', runsIn(rig, 4))
    sound(rig)
  })
})

describe('AC that returns to a chassis whose BMCs need longer to boot than its policy has patience', () => {
  const lost = async ({ agentToo }: { readonly agentToo: boolean }) => {
    const rig = await running({ bmcBootMs: 90_000 })
    await rig.do({ kind: 'define-policy', policy: spare })
    if (agentToo) rig.kill()
    rig.host.perform({ do: 'ac', on: false })
    await rig.clock.advance(5_000)
    rig.host.perform({ do: 'ac', on: true })
    if (agentToo) await rig.start()
    return rig
  }

  /** No BMC answered, the patience was over, and the profile went to the spare whose BMC was the first to answer. */
  test.each([
    ['a controller that stayed up', false],
    ['a controller that comes up with it', true],
  ])('kills nobody under %s: the server comes back in its own bay', async (_, agentToo) => {
    const rig = await lost({ agentToo })
    // The spare's BMC is seen as soon as it answers, the dead one's when its turn comes: no order is worse.
    for (let second = 0; second < 120; second++) {
      await rig.clock.advance(1_000)
      rig.agent.wake(4)
    }
    await until(rig, 'it runs again', runsIn(rig, 3))
    await rig.clock.advance(300_000)
    expect(deeds(rig)).toEqual([])
    expect([rig.boots(3).length, rig.boots(4).length, rig.boots(5).length]).toEqual([2, 0, 0])
    sound(rig)
  })

  test('does not save a BMC that stays dead: its profile moves once all others had their time', async () => {
    const rig = await lost({ agentToo: false })
    rig.host.perform({ do: 'break', bay: 3, fault: { kind: 'silent' } })
    await rig.clock.advance(230_000)
    expect(deeds(rig)).toEqual([])
    await until(rig, 'the spare runs', runsIn(rig, 4))
    sound(rig)
  })
})
