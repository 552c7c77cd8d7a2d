// chassisctl apply: a JSON document made true, object by object, and nothing to do the second time.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { document, rig, text } from './rig.ts'

const results = (stdout: string) =>
  stdout
    .split('\n')
    .slice(1, -1)
    .map((line) => line.split(/ {2,}/))

describe('apply', () => {
  it('creates everything once, and the second time everything is unchanged', async () => {
    const { ctl, agent } = await rig()
    const first = await ctl('apply -f -', { stdin: text(document) })
    expect(first.exit).toBe(0)
    expect(results(first.stdout)).toEqual([
      ['pool', 'lan', 'created'],
      ['pool', 'san', 'created'],
      ['secret', 'chap-1', 'created'],
      ['profile', 'web-01', 'created'],
      ['profile', 'db-01', 'created'],
      ['assignment', 'web-01', 'created'],
    ])
    const { revision } = agent.lab.state
    const second = await ctl('apply -f -', { stdin: text(document) })
    expect(second).toMatchObject({ exit: 0, stderr: '' })
    expect(results(second.stdout).map(([, , result]) => result)).toEqual(Array(6).fill('unchanged'))
    expect(agent.lab.state.revision).toBe(revision)
  })

  it('tells what it changed from what it made', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const changed = { profiles: [{ ...document.profiles[1], description: 'the database' }] }
    expect(results((await ctl('apply -f -', { stdin: text(changed) })).stdout)).toEqual([
      ['profile', 'db-01', 'changed'],
    ])
  })

  it('makes what it can, says what it can not, and ends with exit 6', async () => {
    const { ctl } = await rig()
    const profiles = [
      ...document.profiles,
      { id: 'lost', connections: [{ id: 'a', kind: 'nic', mac: { from: 'pool', pool: 'nowhere' } }] },
    ]
    const { exit, stdout, stderr } = await ctl('apply -f -', { stdin: text({ ...document, profiles }) })
    expect(exit).toBe(6)
    expect(results(stdout)).toContainEqual(['profile', 'lost', 'refused'])
    expect(results(stdout)).toContainEqual(['assignment', 'web-01', 'created'])
    expect(stderr).toContain('profile lost: refused: no-such-pool: ')
  })

  it('moves a profile whose assignment names another bay', async () => {
    const { ctl, agent } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const { stdout } = await ctl('apply -f -', { stdin: text({ assignment: { profile: 'web-01', bay: 2 } }) })
    expect(results(stdout)).toEqual([['assignment', 'web-01', 'changed']])
    expect(agent.lab.state.bays[2]?.intent?.profile).toBe('web-01')
  })

  it('places a profile once where any bay will do', async () => {
    const { ctl } = await rig()
    const any = { ...document, assignments: [{ profile: 'web-01', bay: 'any', among: [3, 4] }] }
    expect(results((await ctl('apply -f -', { stdin: text(any) })).stdout)).toContainEqual([
      'assignment',
      'web-01',
      'created',
    ])
    expect((await ctl('get bays 3')).stdout).toContain('web-01')
    expect(results((await ctl('apply -f -', { stdin: text(any) })).stdout)).toContainEqual([
      'assignment',
      'web-01',
      'unchanged',
    ])
  })

  it('takes what get printed, so that one profile is the template of the next', async () => {
    const { ctl } = await rig()
    await ctl('apply -f -', { stdin: text(document) })
    const { stdout } = await ctl('get profiles web-01 -o json')
    const twin = await ctl('apply -f -', { stdin: stdout.replaceAll('web-01', 'web-02') })
    expect(results(twin.stdout)).toEqual([['profile', 'web-02', 'created']])
    for (const kind of ['profiles', 'pools']) {
      const again = await ctl('apply -f -', { stdin: (await ctl(`get ${kind} -o json`)).stdout })
      expect(results(again.stdout).every(([, , result]) => result === 'unchanged')).toBe(true)
    }
  })

  it('waits with --wait until all of it is done', async () => {
    const { ctl, agent } = await rig({ held: true })
    const document2 = { ...document, assignments: [{ profile: 'web-01', bay: 1, power: 'on' }] }
    const ran = ctl('apply -f - --wait', {
      stdin: text(document2),
      onStdout: () => setImmediate(() => void agent.settle()),
    })
    expect((await ran).exit).toBe(0)
    expect(agent.lab.blade(1).power).toBe('on')
  })

  it('goes on over the restart of the agent in the middle of it', async () => {
    const { ctl, agent } = await rig({
      onRequest: (_, nth) => {
        if (nth !== 4) return 'answer'
        queueMicrotask(() => void agent.restart())
        return 'swallow'
      },
    })
    const { exit, stdout } = await ctl('apply -f -', { stdin: text(document) })
    expect(exit).toBe(0)
    expect(results(stdout).map(([, , result]) => result)).toEqual(Array(6).fill('created'))
  })

  it('prints JSON for programs', async () => {
    const { ctl } = await rig()
    const { stdout } = await ctl('apply -f - -o jsonl', { stdin: text({ pool: document.pools[0] }) })
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'pool',
      id: 'lan',
      result: 'created',
      reply: { outcome: { kind: 'accepted' } },
    })
  })
})

describe('a document that is wrong', () => {
  const wrong = async (json: unknown) => {
    const { ctl, agent } = await rig()
    const { exit, stdout, stderr } = await ctl('apply -f -', { stdin: typeof json === 'string' ? json : text(json) })
    expect({ exit, stdout, sent: agent.requests }).toEqual({ exit: 1, stdout: '', sent: [] })
    return stderr.replaceAll('chassisctl: ', '').split('\n').slice(0, -1)
  }

  it('is refused whole, with every complaint and where it stands', async () => {
    const profile = {
      id: 'Web 01',
      connections: [
        { id: 'a', kind: 'nic', mac: { from: 'value', value: '01:00:00:00:00:00' } },
        { id: 'b', kind: 'fc', wwpn: { from: 'pol', pool: 'san' } },
        { id: 'c', kind: 'nic', mac: { from: 'factory' }, vlna: 7 },
      ],
      afinity: 'bay',
      boot: { order: [{ target: 'pxe' }] },
    }
    expect(await wrong({ profile })).toEqual([
      'profile.afinity is not known here; did you mean affinity?',
      "profile.id 'Web 01' is not an id: up to 48 of a-z, 0-9 and -",
      "profile.connections[0].mac.value '01:00:00:00:00:00' is not a MAC address",
      "profile.connections[1].wwpn.from 'pol' is none of factory, pool, value; did you mean pool?",
      'profile.connections[2].vlna is not known here; did you mean vlan?',
      'profile.boot.order[0].connection is missing',
    ])
  })

  it('says where it is no JSON, holds nothing, or says one thing twice', async () => {
    expect(await wrong('{')).toEqual([expect.stringContaining('the input is not JSON')])
    expect(await wrong({})).toEqual(['the document holds nothing to apply'])
    expect(await wrong([{ pool: document.pools[0] }, { pool: document.pools[0] }])).toEqual([
      'the document has pool lan twice',
    ])
    expect(
      await wrong({ pools: [{ ...document.pools[0], range: { by: 'preset', preset: 'hp-vcm', index: -1 } }] }),
    ).toEqual([
      "pools[0].range.preset 'hp-vcm' is none of hp-vc, hp-vcem, cisco-ucs, oneview; did you mean hp-vc?",
      'pools[0].range.index is no whole number',
    ])
    expect(await wrong({ part: 'bay', view: {} })).toEqual([
      expect.stringContaining("part 'bay' is none of pool, profile"),
    ])
  })
})

it('the example of the README is applied as it stands', async () => {
  const readme = readFileSync(new URL('../../agent/ctl/README.md', import.meta.url), 'utf8')
  const [, json = ''] = /```json\n(.*?)```/s.exec(readme) ?? []
  const { ctl } = await rig()
  const { exit, stdout, stderr } = await ctl('apply -f -', { stdin: json })
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  expect(results(stdout)).toContainEqual(['assignment', 'db-01', 'created'])
  expect(results(stdout)).toContainEqual(['policy', 'spare', 'created'])
})

describe('a policy', () => {
  const policies = [{ id: 'spare', afterSeconds: 300 }]
  const all = { ...document, policies }

  it('is left behind with what was left out filled in, shown, applied again as it is shown, and taken away', async () => {
    const { ctl, agent } = await rig()
    expect(results((await ctl('apply -f -', { stdin: text(all) })).stdout)).toContainEqual([
      'policy',
      'spare',
      'created',
    ])
    expect(agent.lab.state.policies?.spare?.policy).toEqual({ id: 'spare', afterSeconds: 300, cut: false, attempts: 3 })
    expect((await ctl('get policies')).stdout).toBe(
      [
        'POLICY  AFTER  CUT  TRIES  PROFILES  SPARES  RESCUES',
        'spare   300 s  no       3  all       any     -',
        '',
      ].join('\n'),
    )
    const shown = (await ctl('get policies -o json')).stdout
    expect(results((await ctl('apply -f -', { stdin: shown })).stdout)).toEqual([['policy', 'spare', 'unchanged']])
    expect((await ctl('describe policy spare')).stdout).toContain('any free bay, lowest first')
    expect((await ctl('delete policy spare')).stdout).toContain('policy spare: removed')
    expect((await ctl('get policies spare')).exit).toBe(1)
  })

  it('that can not be followed is refused, and says which field', async () => {
    const { ctl } = await rig()
    const none = await ctl('apply -f -', { stdin: text({ policy: { id: 'spare', afterSeconds: 300, spares: [] } }) })
    expect(none.stderr).toContain('spares is an empty list; leave it out for all of them')
    const odd = await ctl('apply -f -', { stdin: text({ policy: { id: 'spare', after: 300 } }) })
    expect(odd.stderr).toContain('policy.after is not known here')
  })
})
