/**
 * The story that Midplane is for, told by real processes from a copied dist/: what the hardware logged, what chassisctl
 * printed and how it ended is all that counts. The tests follow on each other.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../agent/ctl/client.ts'
import type { MoveBody } from './cast.ts'
import type { Chassis } from './chassis.ts'
import { deedsIn, type Told, tellFirstHalf } from './first-half.ts'

describe('a server is defined, starts from its SAN, outlives its controller and its power, and moves', () => {
  const told = tellFirstHalf()

  describe('one request, sent twenty times while the agent is killed again and again,', () => {
    const request = 'move-db-01-back'
    const line = `move db-01 bay 3 --force-off --request-id ${request}`
    const body: MoveBody = {
      kind: 'move',
      profile: 'db-01' as MoveBody['profile'],
      to: { bay: 3 },
      when: 'now',
      preprovision: false,
      stop: 'forced',
      force: false,
    }

    test('is one effect and nineteen stored answers', async () => {
      const { chassis } = told()
      const client = await chassis.client('chassisctl')
      await client.load(10_000)
      const revision = client.state.chassis?.revision ?? 0
      const before = (await chassis.backDoor.log()).length

      const first = await chassis.done(line)
      expect(first).toContain(`changed, revision ${revision + 1}\n`)
      const replies = []
      for (let sent = 2; sent <= 19; sent++) {
        const reply = client.request(body, { request, timeoutMs: 30_000 })
        if (sent % 4 === 0) {
          // Killed with the request under way: the client sends it again to the agent that comes back.
          await chassis.endAgent()
          await chassis.startAgent()
        }
        replies.push(await reply)
      }
      const last = await chassis.done(line)
      expect(last).toContain(`changed, revision ${revision + 1} (answered before; nothing was run again)\n`)

      expect(replies.map(({ replayed }) => replayed)).toEqual(replies.map(() => true))
      const accepted = replies.map(({ outcome }) => outcome.kind === 'accepted' && outcome.accepted)
      for (const each of accepted) expect(each).toEqual(accepted[0])
      expect(accepted[0]).toMatchObject({ changed: true, revision: revision + 1, bay: 3 })
      await chassis.done(`wait --for in-sync --revision ${revision + 1}`)
      const log = (await chassis.backDoor.log()).slice(before)
      const powered = log.flatMap((entry) =>
        entry.kind === 'power' ? [`${entry.bay} ${entry.on ? 'on' : 'off'}`] : [],
      )
      expect(powered).toEqual(['10 off', '3 on'])
      expect(log.filter(({ kind }) => kind === 'boot')).toHaveLength(1)
      expect(await chassis.backDoor.duplicates()).toEqual([])
    }, 60_000)

    test('and the same id with other content is refused', async () => {
      const { chassis } = told()
      const ran = await chassis.ctl(`move db-01 bay 10 --force-off --request-id ${request}`)
      expect(ran).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('request-id-reused') })
    })
  })

  describe('what must not be is refused with its reason, and nothing is changed:', () => {
    tellRefusals(told)
  })
})

/** db-01 runs in bay 3; bay 4 runs as it was made; the profiles that are refused stand ready. */
function tellRefusals(told: () => Told): void {
  const nic = (id: string, mac: object) => ({ id, kind: 'nic', slot: 'lom', mac })
  const fromPool = { from: 'pool', pool: 'lan' }
  const profile = (id: string, ...connections: readonly object[]) => ({ profiles: [{ id, connections }] })

  beforeAll(async () => {
    const { chassis } = told()
    const nine = Array.from({ length: 9 }, (_, i) => nic(`n${i + 1}`, fromPool))
    await chassis.done('apply -f -', {
      stdin: JSON.stringify([profile('web-01', nic('prod', fromPool)), profile('wide-01', ...nine)]),
    })
    await chassis.done('power bay 4 on --wait')
    await chassis.done('wait --for in-sync')
  })

  const refusals: readonly {
    readonly what: string
    readonly line: string
    readonly stdin?: (addresses: Told['addresses']) => unknown
    readonly says: RegExp
  }[] = [
    {
      what: 'an address that another profile has',
      line: 'apply -f -',
      stdin: ({ prod }) => profile('twin-01', nic('prod', { from: 'value', value: prod })),
      says: /duplicate-address: .* belongs to db-01; choose another/,
    },
    {
      what: 'a profile for a blade that is on',
      line: 'assign web-01 bay 4',
      says: /blade-powered: blade 4 is on; power bay 4 off first/,
    },
    {
      what: 'nine NICs for an adapter with eight functions',
      line: 'assign wide-01 bay 5',
      says: /adapter-too-small: wide-01 does not fit bay 5/,
    },
    {
      what: 'a second profile for a bay that has one',
      line: 'assign web-01 bay 3 --when next-off',
      says: /bay-taken: bay 3 holds db-01; unassign it first/,
    },
  ]

  test.each(refusals.map((refusal) => [refusal.what, refusal] as const))('%s', async (_, { line, stdin, says }) => {
    const { chassis, addresses } = told()
    const before = await everything(chassis)
    const ran = await chassis.ctl(line, stdin && { stdin: JSON.stringify(stdin(addresses)) })
    expect(ran).toMatchObject({ code: 4, stderr: expect.stringMatching(says) })
    expect(await everything(chassis)).toEqual(before)
  })

  test('a manager whose epoch is over', async () => {
    const { chassis } = told()
    const old = await chassis.client('old-manager')
    await takeOver(old)
    await chassis.done('take-over --client dc-manager --lineage dc --number 1')
    await chassis.done('wait --for in-sync')
    const before = await everything(chassis)
    const reply = await old.request({
      kind: 'assign',
      profile: 'web-01' as MoveBody['profile'],
      to: { bay: 5 },
      when: 'now',
      preprovision: false,
    })
    expect(reply.outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'stale-epoch' } })
    const late = await chassis.ctl('assign web-01 bay 5', { client: 'old-manager' })
    expect(late).toMatchObject({ code: 4, stderr: expect.stringContaining('not-in-office') })
    expect(await everything(chassis)).toEqual(before)
  })
}

async function takeOver(client: Client): Promise<void> {
  await client.refresh()
  const { chassis } = client.state
  if (!chassis) throw new Error('the chassis shows no epoch')
  const { incarnation, epoch: observedEpoch } = chassis
  const reply = await client.request({ kind: 'take-over', incarnation, observedEpoch, lineage: 'old', number: 1 })
  expect(reply.outcome.kind).toBe('accepted')
}

/** All that a refusal could have changed: what is shown, what is stored byte for byte, and what the hardware did. */
async function everything(chassis: Chassis): Promise<unknown> {
  const client = await chassis.client('onlooker')
  await client.refresh()
  const { state } = client
  const { epoch, revision, office, inSync } = state.chassis ?? expect.unreachable('the chassis shows nothing')
  const log = await chassis.backDoor.log()
  return {
    chassis: { epoch, revision, office, inSync },
    bays: state.all('bay'),
    profiles: state.all('profile'),
    pools: state.all('pool'),
    stored: chassis.stored(),
    deeds: Array.from({ length: 16 }, (_, i) => i + 1).flatMap((bay) => deedsIn(bay, log)).length,
  }
}
