// The client library: what a central manager written by somebody else may rely on.

import { describe, expect, it } from 'vitest'
import { type Client, type ConnectOptions, connect } from '../../agent/ctl/client.ts'
import { Stopped, TimedOut, Unreachable } from '../../agent/ctl/errors.ts'
import type { Responder, ResponderOptions } from './responder.ts'
import { broker, chassis, document, opened, rig, text } from './rig.ts'

async function joined(options: ResponderOptions = {}, more: Partial<ConnectOptions> = {}) {
  const on = await broker()
  const agent = await chassis(on, options)
  const join = async (also: Partial<ConnectOptions> = {}): Promise<Client> =>
    opened(await connect({ broker: on.url, client: 'manager', ...more, ...also }))
  return { on, agent, client: await join(), join }
}

const lit = (bay: number, on = true) => ({ kind: 'locate', bay, lit: on }) as const
const limit = { timeoutMs: 5_000 }

async function takeOver(client: Client, number = 1): Promise<void> {
  await client.load(5_000)
  const { incarnation = '', epoch = 0 } = client.state.chassis ?? {}
  const body = { kind: 'take-over', incarnation, observedEpoch: epoch, lineage: 'dc1', number } as const
  expect((await client.request(body)).outcome.kind).toBe('accepted')
}

const refusalOf = async (reply: ReturnType<Client['request']>) => {
  const { outcome } = await reply
  return outcome.kind === 'refused' ? outcome.refusal.reason : outcome.kind
}

describe('the state', () => {
  it('is whole after load, and follows what happens', async () => {
    const { client, agent } = await joined()
    expect(await client.load(5_000)).toBe(true)
    expect(client.state.all('bay')).toHaveLength(16)
    await client.request(lit(3))
    await client.waitFor(({ parts }) => {
      const part = parts.get('bay-3')?.part
      return part?.part === 'bay' && part.view.locate
    }, limit)
    expect(agent.lab.state.bays[3]?.locate).toBe(true)
  })

  it('forgets what is gone, also when it went while the connection was lost', async () => {
    const { client, agent, on, join } = await joined()
    const other = await join({ client: 'other' })
    await client.load(5_000)
    const [pool] = document.pools
    const define = { kind: 'define-pool', pool: pool as never } as const
    await client.request(define)
    await client.waitFor(({ parts }) => parts.has('pool-lan'), limit)
    on.cut('manager')
    await other.request({ kind: 'remove-pool', pool: 'lan' as never })
    await client.waitFor(({ chassis, parts }) => chassis?.revision === 2 && !parts.has('pool-lan'), limit)
    expect(agent.lab.state.pools).toEqual({})
  })

  it('is asked of the agent where the broker does not keep it', async () => {
    const { client, agent } = await joined({ retainsState: false })
    expect(client.state.parts.size).toBe(0)
    expect(await client.load(5_000)).toBe(true)
    expect(agent.requests.map(({ body }) => body)).toEqual([{ kind: 'read-state' }])
    expect(client.state.all('bay')).toHaveLength(16)
  })

  it('can be watched part by part until somebody says stop', async () => {
    const { client } = await joined()
    await client.load(5_000)
    const stop = new AbortController()
    const seen: string[] = []
    const watching = (async () => {
      for await (const { name } of client.watch(stop.signal)) {
        seen.push(name)
        if (name === 'chassis') stop.abort()
      }
    })()
    await client.request(lit(4))
    await watching
    expect(seen).toEqual(['bay-4', 'chassis'])
  })
})

describe('done', () => {
  it('is never what was in sync before the change', async () => {
    const { client, agent } = await joined({ held: true })
    await client.load(5_000)
    const { outcome } = await client.request({ kind: 'power', bay: 2, want: 'on', stop: 'graceful' })
    const revision = outcome.kind === 'accepted' ? outcome.accepted.revision : expect.unreachable()
    let isDone = false
    const done = client.waitForSync({ of: 'bay', bay: 2 }, revision, limit).then(() => {
      isDone = true
    })
    // The revision is shown, and the bay is not there yet.
    await client.waitFor(({ chassis }) => chassis?.revision === revision, limit)
    await client.refresh()
    expect(isDone).toBe(false)
    await agent.settle()
    await done
    expect(agent.lab.blade(2).power).toBe('on')
  })

  it('is not what an agent said before it went', async () => {
    const { client, agent } = await joined()
    await client.load(5_000)
    await client.waitForSync({ of: 'chassis' }, 0, limit)
    await agent.stop()
    await client.waitFor(({ presence }) => presence?.online === false, limit)
    await expect(client.waitForSync({ of: 'chassis' }, 0, { timeoutMs: 50 })).rejects.toThrow(TimedOut)
  })
})

describe('the envelope', () => {
  it('is left out while nobody is in office', async () => {
    const { client, agent } = await joined()
    await client.request(lit(1))
    expect(agent.requests.at(-1)).not.toHaveProperty('expect')
    expect(agent.requests.at(-1)).not.toHaveProperty('sequence')
  })

  it('is filled in from the first change after taking over, before the state shows it', async () => {
    const { client, agent } = await joined()
    await takeOver(client)
    const [pool] = document.pools
    const { outcome } = await client.request({ kind: 'define-pool', pool: pool as never })
    expect(outcome.kind).toBe('accepted')
    expect(agent.requests.at(-1)).toMatchObject({ epoch: 1, ifRevision: 1, sequence: expect.any(Number) })
  })

  it('numbers changes upwards although the clock stands, or is set back', async () => {
    let now = 5_000
    const { client, agent } = await joined({}, { now: () => now-- })
    await takeOver(client)
    for (const bay of [1, 2, 3]) expect((await client.request(lit(bay))).outcome.kind).toBe('accepted')
    const numbers = agent.requests.flatMap(({ sequence }) => (sequence === undefined ? [] : [sequence]))
    expect(numbers).toHaveLength(3)
    expect(numbers.every((number, i) => i === 0 || number > (numbers[i - 1] ?? 0))).toBe(true)
  })

  it('keeps the epoch that this client took over in: after somebody else did, it changes nothing', async () => {
    const { client, join } = await joined()
    await takeOver(client)
    expect((await client.request(lit(1))).outcome.kind).toBe('accepted')
    const other = await join({ client: 'other' })
    await takeOver(other, 2)
    await client.waitFor(({ chassis }) => chassis?.epoch === 2, limit)
    expect(await refusalOf(client.request(lit(2)))).toBe('stale-epoch')
    // Back in office as somebody who read anew, and not as what was decided before.
    const again = await join()
    await takeOver(again, 3)
    await client.waitFor(({ chassis }) => chassis?.epoch === 3, limit)
    expect(await refusalOf(client.request(lit(2)))).toBe('stale-epoch')
  })

  it('is refused for a revision that somebody changed since it was read', async () => {
    const { client, join } = await joined()
    await takeOver(client)
    const { revision = 0 } = client.state.chassis ?? {}
    const twin = await join()
    await twin.load(5_000)
    await twin.request(lit(5))
    const remove = { kind: 'remove-pool', pool: 'none' as never } as const
    expect(await refusalOf(client.request(remove, { ifRevision: revision }))).toBe('revision-conflict')
  })

  it('finds out how long the agent is up where presence is old', async () => {
    const { client, agent } = await joined()
    await takeOver(client)
    agent.uptimeMs = 9 * 86_400_000
    const { outcome } = await client.request(lit(1))
    expect(outcome.kind).toBe('accepted')
    const ids = agent.requests.filter(({ body }) => body.kind === 'locate').map(({ request }) => request)
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(1)
  })

  it('does not outlive a factory reset', async () => {
    const { client, agent } = await joined()
    await takeOver(client)
    const { lab } = agent
    lab.state = { ...lab.state, incarnation: 'f'.repeat(32), epoch: 0, revision: 0, lineages: {} }
    delete (lab.state as { office?: unknown }).office
    await agent.restart()
    await client.waitFor(({ presence, chassis }) => presence?.bootId === 'boot-2' && chassis?.epoch === 0, limit)
    expect((await client.request(lit(1))).outcome.kind).toBe('accepted')
    expect(agent.requests.at(-1)).not.toHaveProperty('epoch')
  })
})

describe('a request', () => {
  it('is for nobody while the agent is away', async () => {
    const { client, agent } = await joined()
    await agent.stop()
    await client.waitFor(({ presence }) => presence?.online === false, limit)
    await expect(client.request(lit(1))).rejects.toThrow(Unreachable)
  })

  it('ends when somebody says so, or the client is closed', async () => {
    const { client } = await joined({ onRequest: () => 'swallow' })
    const stop = new AbortController()
    const asked = client.request(lit(1), { signal: stop.signal })
    stop.abort()
    await expect(asked).rejects.toThrow(Stopped)
    const ended = expect(client.request(lit(1))).rejects.toThrow(Stopped)
    await client.close()
    await ended
  })

  it('waits for the answer to itself among those to others of the same name', async () => {
    const { client, join } = await joined()
    const twin = await join()
    const replies = await Promise.all(
      [1, 2, 3].flatMap((bay) => [client.request(lit(bay)), twin.request(lit(bay + 3))]),
    )
    expect(replies.map(({ outcome }) => outcome.kind === 'accepted' && outcome.accepted.bay)).toEqual([
      1, 4, 2, 5, 3, 6,
    ])
  })
})

describe('events', () => {
  const collect = async (client: Client, count: number, since?: number): Promise<readonly number[]> => {
    const numbers: number[] = []
    for await (const event of client.events({ since })) {
      if (event.kind === 'event') numbers.push(event.number)
      if (numbers.length === count) break
    }
    return numbers
  }
  const happen = async (agent: Responder, times: number) => {
    for (let i = 0; i < times; i++) await agent.happen('blade-inserted', 'a blade came')
  }

  it('begin after a number, and go on with what comes', async () => {
    const { client, agent } = await joined()
    await happen(agent, 3)
    const collected = collect(client, 4, 1)
    await happen(agent, 2)
    expect(await collected).toEqual([2, 3, 4, 5])
  })

  it('that the broker dropped are asked for again, in order', async () => {
    const { client, agent } = await joined()
    await happen(agent, 1)
    const collected = collect(client, 5, 0)
    await client.waitFor(() => true, limit)
    agent.publishEvents = false
    await happen(agent, 3)
    agent.publishEvents = true
    await happen(agent, 1)
    expect(await collected).toEqual([1, 2, 3, 4, 5])
  })
})

describe('MQTT 5', () => {
  it('falls back to 3.1.1 on a broker that does not speak it', async () => {
    const { on, client } = await joined({}, { mqtt: 5 })
    expect(client.mqtt()).toBe(3)
    const versions = on.connects.filter(({ id }) => id.startsWith('manager')).map(({ version }) => version)
    expect(versions.at(-1)).toBe(4)
    expect((await client.request(lit(1))).outcome.kind).toBe('accepted')
  })
})

describe('watching with chassisctl', () => {
  it('shows a line for each bay that changes, and ends with ^C as well', async () => {
    const { ctl } = await rig()
    const stop = new AbortController()
    let powering: Promise<unknown> | undefined
    const watching = ctl('get bays 1-2 --watch', {
      signal: stop.signal,
      onStdout: (text) => {
        if (/ 2 .*\n.* 2 .* on /s.test(text)) stop.abort()
        else if (text.endsWith('yes\n') && text.split('\n').length === 4) powering = ctl('power bay 2-3 on')
      },
    })
    const { exit, stdout } = await watching
    await powering
    expect(exit).toBe(0)
    expect(stdout).toMatch(/\n {2}2 {2}ProLiant BL460c G7 {2}- +on +running +yes\n$/)
    expect(stdout).not.toMatch(/^ +3 /m)
  })

  it('gives programs a line of JSON for each event, for as long as was asked', async () => {
    const { ctl, agent } = await rig()
    await agent.happen('blade-inserted', 'a blade came')
    const stop = new AbortController()
    const { exit, stdout } = await ctl('watch events --since 0 -o json', {
      signal: stop.signal,
      onStdout: () => stop.abort(),
    })
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'event', number: 1, type: 'blade-inserted' })
    expect((await ctl('watch events --timeout 50ms')).exit).toBe(0)
    const table = await ctl(['watch', 'events', '--since', '0', '--timeout', '200ms'])
    expect(table.stdout).toBe('#1 info blade-inserted\n    a blade came\n')
    expect(text(agent.events)).toContain('blade-inserted')
  })
})
