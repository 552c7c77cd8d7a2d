// What chassisctl does when it changes something: exit codes, repeats, lost connections, offices, waiting.

import { describe, expect, it } from 'vitest'
import type { Reply } from '../../agent/core/reply.ts'
import { deadUrl } from './broker.ts'
import { ctl as bare, broker, document, rig, text } from './rig.ts'

const idOf = (stderr: string) => /request ([0-9a-f-]{36})/.exec(stderr)?.[1] ?? expect.unreachable(stderr)

describe('a change', () => {
  it('is told with what it did, the revision, and the addresses that pools gave', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text({ ...document, assignments: [] }) })
    expect(await ctl('assign web-01 bay 3')).toEqual({
      exit: 0,
      stdout: [
        'profile web-01: changed, revision 6',
        '  bay 3: profile none → web-01',
        '  prod: mac 00:17:a4:77:00:00',
        '',
      ].join('\n'),
      stderr: '',
    })
  })

  it('made twice is unchanged the second time', async () => {
    const { ctl } = await rig()
    await ctl('locate bay 3 on')
    expect((await ctl('locate bay 3 on')).stdout).toBe('bay 3: unchanged, revision 1\n')
  })

  it('is a reply in JSON, the same for one and for many', async () => {
    const { ctl } = await rig()
    const many = JSON.parse((await ctl('locate bay 1-2 on -o json')).stdout) as (Reply & { target: string })[]
    expect(many.map(({ target, outcome }) => [target, outcome.kind])).toEqual([
      ['bay 1', 'accepted'],
      ['bay 2', 'accepted'],
    ])
    const one = JSON.parse((await ctl('boot bay 1 pxe --once -o json')).stdout) as Reply
    expect(one.outcome).toMatchObject({ kind: 'accepted', accepted: { changed: true, bay: 1 } })
  })

  it('says on a terminal, and only there, that accepted is not done', async () => {
    const { ctl } = await rig()
    expect((await ctl('power bay 1 on', { tty: true })).stderr).toContain('accepted is not done')
    expect((await ctl('power bay 2 on')).stderr).toBe('')
  })

  it('takes every form of placing, stopping, booting and powering', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text({ ...document, assignments: [] }) })
    const sent = async (line: string) => {
      await ctl(line)
      return agent.requests.at(-1)?.body
    }
    expect(await sent('assign db-01 bay any --product BL --among 2-3 --when now --power off')).toEqual({
      kind: 'assign',
      profile: 'db-01',
      to: { any: { product: 'BL', among: [2, 3] } },
      when: 'now',
      preprovision: false,
      power: 'off',
    })
    expect(await sent('assign web-01 bay 9 --preprovision --when next-off')).toMatchObject({
      preprovision: true,
      when: 'next-off',
    })
    expect(await sent('move web-01 bay 4 --force-off --force')).toMatchObject({
      kind: 'move',
      to: { bay: 4 },
      stop: 'forced',
      force: true,
    })
    expect(await sent('unassign web-01 --power-off')).toMatchObject({
      kind: 'unassign',
      stop: 'graceful',
      force: false,
    })
    expect(await sent('boot bay 2 pxe --boots 3')).toMatchObject({ override: { target: 'pxe', lasts: { boots: 3 } } })
    expect(await sent('boot bay 2 setup --always')).toMatchObject({ override: { target: 'setup', lasts: 'always' } })
    expect(await sent('boot bay 2 none')).toEqual({ kind: 'override-boot', bay: 2 })
    expect(await sent('power bay 2 cycle --force')).toEqual({ kind: 'power', bay: 2, want: 'cycle', stop: 'forced' })
    expect(await sent('reseat bay 2')).toEqual({ kind: 'reseat', bay: 2 })
    expect(await sent('resync')).toEqual({ kind: 'resync' })
    expect(await sent('delete pool lan')).toEqual({ kind: 'remove-pool', pool: 'lan' })
  })

  it('replaces a boot plan from a file', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const plan = { mode: 'legacy', order: [{ target: 'local' }, { target: 'pxe', connection: 'prod' }] }
    expect((await ctl('boot plan web-01 -f -', { stdin: text(plan) })).exit).toBe(0)
    expect(agent.lab.state.profiles['web-01']?.profile.boot).toEqual(plan)
  })
})

describe('a refusal', () => {
  it('is one line with its reason and the way out, and exit 4', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const { exit, stdout, stderr } = await ctl('assign db-01 bay 1')
    expect({ exit, stdout }).toEqual({ exit: 4, stdout: '' })
    expect(stderr).toBe(
      'profile db-01: refused: bay-taken: bay 1 holds web-01; unassign it first (do: unassign the profile that the bay holds first)\n',
    )
  })

  it('for a stale revision is exit 7', async () => {
    const { ctl } = await rig()
    await ctl('locate bay 1 on')
    const { exit, stderr } = await ctl('locate bay 2 on --if-revision 0')
    expect({ exit, stderr }).toEqual({ exit: 7, stderr: expect.stringContaining('revision-conflict: ') })
    expect((await ctl('locate bay 2-4 on --if-revision 1')).exit).toBe(0)
  })

  it('of some bays and not of others is exit 6, and the others are done', async () => {
    const { ctl, agent } = await rig()
    const { exit, stdout, stderr } = await ctl('locate bay 1,17,2 on')
    expect(exit).toBe(6)
    expect(stdout).toMatch(/bay 1: changed.+bay 2: changed/s)
    expect(stderr).toContain('bay 17: refused: no-such-bay: ')
    expect([1, 2].map((bay) => agent.lab.state.bays[bay]?.locate)).toEqual([true, true])
    expect((await ctl('locate bay 17-18 on')).exit).toBe(4)
  })

  it('in JSON is on stdout too', async () => {
    const { ctl } = await rig()
    const { exit, stdout } = await ctl('assign web-01 bay 1 -o json')
    expect(exit).toBe(4)
    expect((JSON.parse(stdout) as Reply).outcome).toMatchObject({
      kind: 'refused',
      refusal: { reason: 'no-such-profile' },
    })
  })
})

describe('a dry run', () => {
  it('prints every step and changes nothing', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text({ ...document, assignments: [] }) })
    const before = agent.lab.state
    const { exit, stdout } = await ctl('assign web-01 bay 3 --power on --dry-run')
    expect(exit).toBe(0)
    expect(stdout).toContain('profile web-01: would change (dry run)\n')
    expect(stdout).toMatch(/step \d+: bay 3: write profile web-01\n +lom:1-a nic mac 00:17:a4:77:00:00/)
    expect(stdout).toMatch(/step \d+: bay 3: give the power permit\n.*step \d+: bay 3: power on/s)
    expect(agent.lab.state).toBe(before)
  })

  it('that is refused prints every reason', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    await ctl('power bay 1 on --wait')
    const { exit, stderr } = await ctl('assign db-01 bay 1 --dry-run')
    expect(exit).toBe(4)
    expect(stderr).toContain('refused: bay-taken: ')
    expect(stderr).toContain('\n  and blade-powered: ')
  })
})

describe('nobody there', () => {
  it('is exit 3, and says what does not answer', async () => {
    const broker = await deadUrl()
    const { exit, stderr } = await bare(`get bays --broker ${broker}`)
    expect({ exit, stderr }).toEqual({
      exit: 3,
      stderr: `chassisctl: nothing listens on ${broker}; start the broker, or say --broker\n`,
    })
  })

  it('is exit 3 for a broker without a chassis, and for a chassis that the broker does not know', async () => {
    const { url } = await broker()
    expect(await bare(`get bays --broker ${url}`)).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('no chassis'),
    })
    expect((await bare(`get bays --broker ${url} --chassis demo --timeout 300ms`)).exit).toBe(3)
  })

  it('is exit 3 for a change while the agent is away, and nothing is left on the broker for it', async () => {
    const { ctl, agent } = await rig()
    await agent.stop()
    const { exit, stderr } = await ctl('power bay 1 off')
    expect({ exit, stderr }).toEqual({ exit: 3, stderr: expect.stringContaining('chassis demo is offline') })
    await agent.start()
    expect(agent.requests).toEqual([])
  })

  it('never shows the password that stands in the broker’s address', async () => {
    const address = (await deadUrl()).replace('//', '//operator:hunter2@')
    expect((await bare(`get bays --broker ${address}`)).stderr).not.toContain('hunter2')
  })
})

describe('an answer that does not come', () => {
  it('is exit 5 with the request id, by which it can be looked up and repeated', async () => {
    // Cut off again whenever it comes back: the change is made, and its answer never arrives.
    const { ctl, agent, broker } = await rig({ beforeAnswer: (_, nth) => nth < 3 && broker.cut('chassisctl') })
    const { exit, stderr } = await ctl('locate bay 1 on --timeout 50ms')
    expect(exit).toBe(5)
    const id = idOf(stderr)
    expect((await ctl(`lookup ${id}`)).stdout).toContain(`request ${id}: changed, revision 1`)
    const again = await ctl(`locate bay 1 on --request-id ${id}`)
    expect(again).toMatchObject({ exit: 0, stdout: expect.stringContaining('answered before') })
    expect(agent.lab.state.revision).toBe(1)
  })

  it('stops the rest: who did not answer once is not asked seven times', async () => {
    const { ctl, agent } = await rig({ onRequest: (_, nth) => (nth === 2 ? 'swallow' : 'answer') })
    const { exit, stdout, stderr } = await ctl('locate bay 1-3 on --timeout 100ms')
    expect(exit).toBe(6)
    expect(stdout).toContain('bay 1: changed')
    expect(stderr).toContain('not sent: bay 3')
    expect(agent.requests).toHaveLength(2)
  })

  it('can not be looked up where nothing was accepted', async () => {
    const { ctl } = await rig()
    expect(await ctl('lookup 12345678')).toMatchObject({ exit: 4, stderr: expect.stringContaining('no-such-request') })
  })
})

describe('a connection that drops before the answer', () => {
  it('is made again, and the same request sent again and run once', async () => {
    const { ctl, agent, broker } = await rig({ beforeAnswer: (_, nth) => nth === 1 && broker.cut('chassisctl') })
    const { exit, stdout } = await ctl('locate bay 1 on')
    expect({ exit, stdout }).toEqual({ exit: 0, stdout: expect.stringContaining('bay 1: changed, revision 1') })
    expect(agent.requests.length).toBeGreaterThanOrEqual(2)
    expect(new Set(agent.requests.map(({ request }) => request)).size).toBe(1)
    expect(agent.lab.state.revision).toBe(1)
  })

  it('of the agent is noticed too: what it may not have got is sent again', async () => {
    const { ctl, agent } = await rig({
      onRequest: (_, nth) => {
        if (nth > 1) return 'answer'
        queueMicrotask(() => void agent.restart())
        return 'swallow'
      },
    })
    expect((await ctl('locate bay 1 on')).exit).toBe(0)
    expect(new Set(agent.requests.map(({ request }) => request)).size).toBe(1)
    expect(agent.lab.state.bays[1]?.locate).toBe(true)
  })
})

describe('in office', () => {
  const manager = { env: { MIDPLANE_CLIENT: 'dc-manager' } }

  it('chassisctl fills in expect, epoch, sequence and revision by itself', async () => {
    const { ctl, agent } = await rig()
    expect((await ctl('take-over --lineage dc1 --number 7', manager)).exit).toBe(0)
    expect((await ctl('apply -f -', { ...manager, stdin: text(document) })).exit).toBe(0)
    expect((await ctl('power bay 1-2 on --wait', manager)).exit).toBe(0)
    const changes = agent.requests.filter(({ sequence }) => sequence !== undefined)
    expect(changes.slice(1).every(({ epoch, expect: e }) => epoch === 1 && e?.bootId === 'boot-1')).toBe(true)
    const numbers = changes.map(({ sequence }) => sequence ?? 0)
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
    expect((await ctl('describe chassis', manager)).stdout).toContain('in office   dc-manager (database dc1, number 7)')
  })

  it('is one client only: another one is refused and told who is', async () => {
    const { ctl } = await rig()
    await ctl('take-over --lineage dc1 --number 7', manager)
    const { exit, stderr } = await ctl('locate bay 1 on', { env: { MIDPLANE_CLIENT: 'intruder' } })
    expect({ exit, stderr }).toEqual({
      exit: 4,
      stderr: expect.stringContaining('not-in-office: dc-manager commands this chassis'),
    })
  })

  it('can not be taken with an older database than the chassis has seen', async () => {
    const { ctl } = await rig()
    await ctl('take-over --lineage dc1 --number 7', manager)
    const { exit, stderr } = await ctl('take-over --lineage dc1 --number 6', manager)
    expect({ exit, stderr }).toEqual({ exit: 4, stderr: expect.stringContaining('stale-database') })
  })

  it('the same request id again is the same request, from another process too', async () => {
    const { ctl, agent } = await rig()
    await ctl('take-over --lineage dc1 --number 7', manager)
    await ctl('apply -f -', { ...manager, stdin: text({ ...document, assignments: [] }) })
    await ctl('assign web-01 bay 2 --request-id assign-web-01', manager)
    await ctl('locate bay 5 on', manager)
    const { revision } = agent.lab.state
    const again = await ctl('assign web-01 bay 2 --request-id assign-web-01', manager)
    expect(again).toMatchObject({ exit: 0, stdout: expect.stringContaining('answered before') })
    expect(agent.lab.state.revision).toBe(revision)
    const other = await ctl('assign web-01 bay 3 --request-id assign-web-01', manager)
    expect(other).toMatchObject({ exit: 4, stderr: expect.stringContaining('request-id-reused') })
  })
})

describe('--wait', () => {
  it('ends only when the hardware has it', async () => {
    const { ctl, agent } = await rig({ held: true })
    let settled = false
    const { exit, stderr } = await ctl('power bay 1 on --wait', {
      tty: true,
      onStdout: () => {
        setImmediate(() => {
          settled = true
          void agent.settle()
        })
      },
    })
    expect({ exit, settled }).toEqual({ exit: 0, settled: true })
    expect(stderr).toContain('bay 1: in sync\n')
    expect(agent.lab.blade(1).power).toBe('on')
  })

  it('is exit 5 where it is not done in time, and says what keeps it', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text({ ...document, assignments: [] }) })
    await ctl('power bay 2 on --wait')
    expect(agent.lab.blade(2).power).toBe('on')
    const { exit, stdout, stderr } = await ctl('assign web-01 bay 2 --when next-off --wait --timeout 300ms')
    expect({ exit, stdout }).toEqual({ exit: 5, stdout: expect.stringContaining('profile web-01: changed') })
    expect(stderr).toContain('profile web-01 is not in sync after 0.3 s\n')
    expect(stderr).toMatch(/bay 2: [a-z-]+: .*\(do: /)
  })

  it('has a verb of its own', async () => {
    const { ctl } = await rig()
    await ctl('locate bay 1 on')
    expect(await ctl('wait --for in-sync bay 1 --revision 1')).toEqual({
      exit: 0,
      stdout: 'bay 1 is in sync at revision 1\n',
      stderr: '',
    })
    expect((await ctl('wait --for in-sync --revision 2 --timeout 100ms')).exit).toBe(5)
    expect((await ctl('wait --for in-sync profile nobody')).exit).toBe(1)
    expect(JSON.parse((await ctl('wait --for in-sync -o json')).stdout)).toEqual({ inSync: true, revision: 1 })
  })
})

describe('a secret', () => {
  it('comes on stdin, is shown nowhere, and is gone when deleted', async () => {
    const { ctl, agent } = await rig()
    const set = await ctl('secret set chap-1', { stdin: 'correct horse\n' })
    expect(set).toEqual({ exit: 0, stdout: 'secret chap-1: changed, revision 1\n  secret chap-1: set\n', stderr: '' })
    expect(agent.requests.at(-1)?.body).toEqual({ kind: 'set-secret', secret: 'chap-1', value: 'correct horse' })
    const said = await ctl('secret set chap-1 -o json', { stdin: 'battery staple' })
    expect(said.stdout + said.stderr).not.toContain('battery')
    expect((await ctl('describe chassis')).stdout).toContain('secrets     chap-1')
    expect((await ctl('delete secret chap-1')).exit).toBe(0)
    expect((await ctl('delete secret chap-1')).stdout).toContain('unchanged')
  })

  it('is never asked for where it would stand on the screen', async () => {
    const { ctl } = await rig()
    expect(await ctl('secret set chap-1')).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('pipe the value in'),
    })
    expect((await ctl('secret set chap-1 hunter2', { stdin: '' })).exit).toBe(2)
  })
})
