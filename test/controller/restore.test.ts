/**
 * A controller and its EEPROM are lost, and a text brings their bindings back: the whole agent over the simulated
 * chassis, through the desk as doors reach it. Blades that run are not touched by any of it (I5).
 */
import { describe, expect, test } from 'vitest'
import { openDesk } from '../../agent/controller/desk.ts'
import { openDiary } from '../../agent/controller/diary.ts'
import type { Front } from '../../agent/controller/doors/front.ts'
import { currentSealer, sealer } from '../../agent/controller/secrets.ts'
import { startShowing } from '../../agent/controller/showing.ts'
import { openEventRing } from '../../agent/controller/store/event-ring.ts'
import type { ClientId } from '../../agent/core/addresses.ts'
import type { Envelope } from '../../agent/core/command.ts'
import type { WireCommand } from '../../agent/wire/command.ts'
import { id, iscsiProfile, pools, sanProfile } from '../core/lab.ts'
import { Rig } from './rig.ts'
import { memoryEeprom } from './store/memory-eeprom.ts'
import { memoryMedium } from './store/memory-medium.ts'

const web = sanProfile('web-01')
const disk = iscsiProfile('disk')
const secret = 'PLANTED open sesame'
const passphrase = 'PLANTED correct horse battery'
const tester = id<'Client'>('tester')

/** A chassis with what stands between its agent and the doors; everything that was said is kept. */
class Site {
  readonly rig: Rig
  desk!: Front
  readonly told: string[] = []
  #requests = 0

  constructor(board = 'hp-c7000') {
    this.rig = new Rig(board)
  }

  async start(): Promise<this> {
    const { rig } = this
    const { memory, agent } = await rig.start()
    const clock = { uptimeMs: () => rig.clock.now(), timeMs: () => undefined, after: rig.clock.after.bind(rig.clock) }
    const diary = openDiary(await openEventRing({ medium: memoryMedium() }), clock, 'boot', (line) =>
      this.told.push(line),
    )
    diary.onEvent((event) => this.told.push(JSON.stringify(event)))
    const showing = startShowing({
      ...{ clock, hardware: rig.hardware, now: agent.now, health: () => undefined },
      controllers: () => [
        {
          slot: 'A',
          version: '0',
          uptimeMs: 0,
          role: 'owner',
          host: 'unknown',
          store: memory.view(),
        },
      ],
    })
    this.desk = openDesk({
      ...{ chassis: id<'Chassis'>('rig'), agent, showing, diary, clock },
      sealer: memory.chassisKey && currentSealer(() => memory.chassisKey ?? expect.unreachable()),
      digest: (content) => `plain ${content.length}`,
      keyIsCurrent: () => memory.keyIsCurrent,
      about: { bootId: 'boot', version: '0', schema: 'abc', board: rig.hardware.board.id },
    })
    this.#diary = diary
    await rig.clock.advance(5_000)
    return this
  }
  #diary!: ReturnType<typeof openDiary>

  /** Stretching a passphrase takes real time, whatever the clock of the test says. */
  async #waited<Value>(promise: Promise<Value>): Promise<Value> {
    let over = false
    const settled = promise.finally(() => {
      over = true
    })
    while (!over) await this.rig.clock.advance(1)
    return settled
  }

  async submit(command: WireCommand, more: Partial<Envelope> = {}) {
    const envelope = { ...this.rig.envelope({ kind: 'resync' }, more), request: `of-desk-${++this.#requests}`, ...more }
    const reply = await this.#waited(this.desk.submit(command, envelope))
    this.told.push(JSON.stringify(reply))
    const { state } = this.rig.agent.now()
    const { records = [], notices = [] } = this.rig.running ?? {}
    for (const record of records.splice(0)) this.#diary.recorded(record, state)
    for (const notice of notices.splice(0)) this.#diary.noticed(notice, state)
    await this.#diary.settle()
    return reply.outcome
  }

  async do(command: WireCommand, more: Partial<Envelope> = {}) {
    const outcome = await this.submit(command, more)
    return outcome.kind === 'accepted' ? outcome : expect.unreachable(JSON.stringify(outcome))
  }

  async refused(command: WireCommand, more: Partial<Envelope> = {}) {
    const outcome = await this.submit(command, more)
    return outcome.kind === 'refused' ? outcome.refusal : expect.unreachable(JSON.stringify(outcome))
  }

  async backup(under?: string, client: ClientId = tester): Promise<string> {
    const { outcome } = await this.#waited(this.desk.backup(under, client))
    return outcome.kind === 'backup' ? outcome.text : expect.unreachable(JSON.stringify(outcome))
  }

  /** Controller and EEPROM are both new: two losses, and nothing is left but the blades. */
  async replaceAll(): Promise<void> {
    const { rig } = this
    rig.kill()
    const { bytes, pageBytes } = rig.hardware.board.backplane.eeprom
    rig.medium = memoryMedium()
    rig.eeprom = memoryEeprom({ size: bytes, pageBytes })
    await this.start()
  }
}

const restore = (backup: string, more: Partial<Extract<WireCommand, { kind: 'restore' }>> = {}): WireCommand => ({
  kind: 'restore',
  backup,
  profiles: 'all',
  force: false,
  ...more,
})

/** web-01 runs in bay 1 and disk, which needs a secret, in bay 2. */
async function lived(): Promise<Site> {
  const site = await new Site().start()
  for (const pool of pools) await site.do(pool as WireCommand)
  await site.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), value: secret })
  for (const profile of [web, disk]) await site.do({ kind: 'define-profile', profile })
  for (const [bay, { id }] of [web, disk].entries()) {
    const how = { when: 'now', preprovision: false, power: 'on' } as const
    await site.do({ kind: 'assign', profile: id, to: { bay: bay + 1 }, ...how })
  }
  await site.rig.settle()
  return site
}

describe('When controller and EEPROM are both lost', () => {
  test('a backup brings the bindings back, and the blades that run them never notice', async () => {
    const site = await lived()
    const text = await site.backup()
    const boots = [site.rig.boots(1), site.rig.boots(2)]
    const before = site.rig.agent.now().state
    await site.replaceAll()
    expect(site.rig.agent.now().state.profiles).toEqual({})
    const seen = site.rig.log.length

    const dry = await site.do(restore(text), { dryRun: true })
    expect(dry.accepted.diff).toContain('bay 1: profile none → web-01')
    expect(dry.dryRun?.steps).toEqual([])
    expect(site.rig.agent.now().state.revision).toBe(0)

    const { accepted, copies } = await site.do(restore(text))
    expect(copies).toEqual(['flash', 'eeprom'])
    expect(accepted.diff).toEqual(dry.accepted.diff)
    await site.rig.settle()
    const { state, plans } = site.rig.agent.now()
    expect(state.bays[1]?.life).toMatchObject({ came: 'verified', profile: 'web-01' })
    expect(state.bays[2]?.life).toMatchObject({ came: 'verified', profile: 'disk' })
    expect([plans[1]?.phase, plans[2]?.phase]).toEqual(['running', 'running'])
    expect(state.profiles['web-01']?.given).toEqual(before.profiles['web-01']?.given)
    expect(state.profiles['web-01']?.token).toBe(before.profiles['web-01']?.token)
    // Nothing was started, stopped or written on either.
    expect([site.rig.boots(1), site.rig.boots(2)]).toEqual(boots)
    const touched = site.rig.log.slice(seen).filter((entry) => !/session|policy|locate/.test(JSON.stringify(entry)))
    expect(touched.filter((entry) => /"(bay)":[12]\b/.test(JSON.stringify(entry)))).toEqual([])
    site.rig.noDuplicates()
  })

  test('what was restored is in both copies: the next controller goes on from the EEPROM', async () => {
    const site = await lived()
    const text = await site.backup()
    await site.replaceAll()
    await site.do(restore(text))
    await site.rig.settle()
    const { epoch } = site.rig.agent.now().state
    site.rig.kill()
    site.rig.medium = memoryMedium()
    await site.start()
    const { state } = site.rig.agent.now()
    expect(Object.keys(state.profiles)).toEqual(['disk', 'web-01'])
    expect(state.epoch).toBe(epoch + 1)
    await site.rig.settle()
    expect(site.rig.boots(1)).toHaveLength(1)
  })

  test('a manager that commanded before is refused until it takes over again', async () => {
    const site = await lived()
    const { incarnation, epoch: observedEpoch } = site.rig.agent.now().state
    await site.do({ kind: 'take-over', incarnation, observedEpoch, lineage: 'site', number: 3 })
    const text = await site.backup()
    const old = {
      expect: { incarnation, bootId: 'boot-2', beforeUptimeMs: 10 ** 9 },
      epoch: 1,
      sequence: 9,
      ifRevision: 0,
    }
    await site.replaceAll()
    await site.do(restore(text))
    expect(await site.refused({ kind: 'locate', bay: 1, lit: true }, old)).toMatchObject({
      reason: 'other-incarnation',
    })
    expect(await site.refused({ kind: 'locate', bay: 1, lit: true }, { epoch: 1 })).toMatchObject({
      reason: 'not-in-office',
    })
    const now = site.rig.agent.now().state
    expect(now.epoch).toBe(2)
    const again = { kind: 'take-over', incarnation: now.incarnation, observedEpoch: 2, lineage: 'site' } as const
    expect(await site.refused({ ...again, number: 2 })).toMatchObject({ reason: 'stale-database' })
    await site.do({ ...again, number: 3 })
  })

  test('the same request a second time is answered from memory', async () => {
    const site = await lived()
    const text = await site.backup()
    await site.replaceAll()
    const same = { request: 'the-restore', content: 'same' }
    await site.do(restore(text), same)
    const { revision, epoch } = site.rig.agent.now().state
    const again = await site.do(restore(text), same)
    expect(again.accepted).toMatchObject({ changed: true, revision, epoch })
    expect(site.rig.agent.now().state).toMatchObject({ revision, epoch })
  })

  test('an EEPROM that can not be read keeps all of it out: nothing proves what is bound there', async () => {
    const site = await lived()
    const text = await site.backup()
    site.rig.kill()
    site.rig.medium = memoryMedium()
    const { bytes, pageBytes } = site.rig.hardware.board.backplane.eeprom
    const noise = new Uint8Array(bytes).map((_, i) => (i * 37 + (i >> 3)) & 0xff)
    site.rig.eeprom = memoryEeprom({ size: bytes, pageBytes, bytes: noise })
    await site.start()
    expect(await site.refused(restore(text))).toMatchObject({ reason: 'store-read-only' })
    expect(site.rig.boots(1)).toHaveLength(1)
  })

  test('where the EEPROM is there the controller is not blank, and a backup changes nothing', async () => {
    const site = await lived()
    const text = await site.backup()
    site.rig.kill()
    site.rig.medium = memoryMedium()
    await site.start()
    expect(await site.refused(restore(text))).toMatchObject({ reason: 'not-blank' })
  })
})

describe('Secrets', () => {
  test('stay out, and the profile that needs one holds until it is set', async () => {
    const site = await lived()
    const text = await site.backup()
    await site.replaceAll()
    const { accepted } = await site.do(restore(text))
    expect(accepted.diff).toContain('secret chap: not in the backup; disk waits until it is set')
    await site.rig.settle()
    await site.do({ kind: 'power', bay: 2, want: 'off', stop: 'forced' })
    await site.do({ kind: 'power', bay: 2, want: 'on', stop: 'graceful' })
    await site.rig.clock.advance(60_000)
    const { plans } = site.rig.agent.now()
    expect(plans[2]?.findings).toContainEqual(
      expect.objectContaining({ reason: 'secret-missing', remedy: 'set secret chap' }),
    )
    await site.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), value: secret })
    await site.rig.settle()
    expect(site.rig.boots(2)).toHaveLength(2)
  })

  test('come along under a passphrase, and a blade can be dressed with them', async () => {
    const site = await lived()
    const text = await site.backup(passphrase)
    await site.replaceAll()
    await site.do(restore(text, { passphrase }))
    await site.rig.settle()
    await site.do({ kind: 'power', bay: 2, want: 'cycle', stop: 'forced' })
    await site.rig.settle()
    expect(site.rig.boots(2)).toHaveLength(2)
    expect(site.rig.agent.now().state.bays[2]?.life).toMatchObject({ came: 'verified', profile: 'disk' })
  })

  test('do not come out under another passphrase, and nothing is restored then', async () => {
    const site = await lived()
    const text = await site.backup(passphrase)
    await site.replaceAll()
    expect(await site.refused(restore(text, { passphrase: 'some other words' }))).toMatchObject({
      reason: 'passphrase-wrong',
    })
    expect(site.rig.agent.now().state).toMatchObject({ revision: 0, profiles: {} })
    // Without one they are left out.
    expect((await site.do(restore(text))).accepted.diff.join()).toContain('secret chap: not in the backup')
  })

  test('are given under a passphrase to the manager in office only', async () => {
    const site = await lived()
    const { incarnation, epoch: observedEpoch } = site.rig.agent.now().state
    await site.do({ kind: 'take-over', incarnation, observedEpoch, lineage: 'site', number: 3 })
    const other = id<'Client'>('somebody')
    expect((await site.desk.backup(passphrase, other)).outcome).toMatchObject({ refusal: { reason: 'not-in-office' } })
    expect(await site.backup(passphrase)).toContain('# secrets under the passphrase: chap')
    expect(await site.backup(undefined, other)).toContain('# secrets left out: chap')
  })

  test('and passphrases stand in no text, answer, event or record', async () => {
    const site = await lived()
    const sealed = site.rig.agent.now().state.secrets.chap?.sealed ?? expect.unreachable()
    const texts = [await site.backup(passphrase), await site.backup()]
    await site.replaceAll()
    await site.refused(restore(texts[0] ?? '', { passphrase: `${passphrase}?` }))
    await site.refused(restore((texts[0] ?? '').replace('# bay', '# bax'), { passphrase }))
    await site.do(restore(texts[0] ?? '', { passphrase }))
    await site.rig.settle()
    const all = [...texts, ...site.told, JSON.stringify(site.rig.records), JSON.stringify(site.rig.agent.now().state)]
    expect(site.told.join('\n')).toContain('restore-accepted')
    for (const said of all) {
      expect(said).not.toContain('PLANTED')
      expect(said).not.toContain('sesame')
    }
    for (const text of texts) expect(text).not.toContain(sealed.slice(0, 40))
  }, 30_000)
})

describe('A text that did not come through', () => {
  test('is refused with every line that is wrong, after the envelope was judged', async () => {
    const site = await lived()
    const lines = (await site.backup()).split('\n')
    const hurt = lines
      .map((line, i) => (i === 8 ? `${line.slice(0, 30)}!${line.slice(31)}` : line))
      .filter((_, i) => i !== 4)
    const refusal = await site.refused(restore(hurt.join('\n')))
    expect(refusal).toMatchObject({
      reason: 'backup-damaged',
      say: 'line 5 is missing (and 1 more); nothing was restored',
      violations: [
        { field: 'restore.backup', say: 'line 5 is missing' },
        { field: 'restore.backup', say: 'line 9 is damaged' },
      ],
    })
    expect(await site.refused(restore('hello'), { epoch: 9 })).toMatchObject({ reason: 'stale-epoch' })
  })
})

describe('In another chassis', () => {
  test('a profile is adopted by name and force, keeps its addresses, and runs', async () => {
    const text = await (await lived()).backup()
    const other = await new Site('dell-m1000e').start()
    expect(await other.refused(restore(text))).toMatchObject({ reason: 'backup-inert' })
    expect(await other.refused(restore(text, { profiles: [disk.id] }))).toMatchObject({ reason: 'backup-inert' })
    await other.do(restore(text, { profiles: [disk.id], force: true }))
    const held = other.rig.agent.now().state.profiles.disk
    expect(held).toMatchObject({ token: 65_536, given: { disk: { mac: '00:17:a4:77:00:02' } } })
    await other.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), value: secret })
    const how = { when: 'now', preprovision: false, power: 'on' } as const
    await other.do({ kind: 'assign', profile: disk.id, to: { bay: 2 }, ...how })
    await other.rig.settle()
    expect(JSON.stringify(other.rig.boots(2))).toContain('00:17:a4:77:00:02')
    expect(other.told.join('\n')).toContain('taken by force, token 1 → 65536')
  })
})

describe('Factory reset', () => {
  /** Everything let go. */
  async function emptied(): Promise<Site> {
    const site = await lived()
    for (const profile of [web, disk])
      await site.do({ kind: 'unassign', profile: profile.id, when: 'now', stop: 'forced', force: false })
    await site.rig.settle()
    return site
  }
  const reset = (site: Site, serial = site.rig.agent.now().chassisSerial): WireCommand => ({
    kind: 'factory-reset',
    serial,
  })

  test('is refused for another serial, and while anything is assigned or in doubt', async () => {
    const site = await lived()
    expect(await site.refused(reset(site, 'CZ0000'))).toMatchObject({ reason: 'other-serial' })
    expect(await site.refused(reset(site))).toMatchObject({
      reason: 'profile-assigned',
      say: 'bay 1 is assigned web-01; unassign it first',
    })
    await site.do({ kind: 'unassign', profile: web.id, when: 'next-off', stop: 'no', force: false })
    await site.do({ kind: 'unassign', profile: disk.id, when: 'next-off', stop: 'no', force: false })
    expect(await site.refused(reset(site))).toMatchObject({ reason: 'profile-in-doubt' })
    expect(site.rig.agent.now().state.profiles).not.toEqual({})
  })

  test('forgets everything and renews the incarnation', async () => {
    const site = await emptied()
    const before = site.rig.agent.now().state
    const { accepted } = await site.do(reset(site))
    const { state } = site.rig.agent.now()
    expect(state).toMatchObject({
      ...{ revision: 0, epoch: before.epoch + 1, floor: 0 },
      ...{ term: before.term, chassis: before.chassis, board: before.board },
      ...{ profiles: {}, pools: {}, secrets: {}, bays: {}, doubts: [], lineages: {} },
    })
    expect(state.office).toBeUndefined()
    expect(state.incarnation).toMatch(/^[0-9a-f]{32}$/)
    expect(state.incarnation).not.toBe(before.incarnation)
    expect(accepted.diff).toEqual(['forgotten: 2 profiles, 2 pools, 1 secrets', `incarnation: ${state.incarnation}`])
    expect(site.desk.presence().incarnation).toBe(state.incarnation)
    // A manager of the old life is not heard.
    const old = { expect: { incarnation: before.incarnation, bootId: 'boot-1', beforeUptimeMs: 10 ** 9 } }
    expect(await site.refused({ kind: 'resync' }, old)).toMatchObject({ reason: 'other-incarnation' })
  })

  test('sent again is answered as the first time, and with nothing left to forget is no change', async () => {
    const site = await emptied()
    const same = { request: 'the-reset', content: 'same' }
    await site.do(reset(site), same)
    const { incarnation } = site.rig.agent.now().state
    expect((await site.do(reset(site), same)).accepted.changed).toBe(true)
    expect((await site.do(reset(site))).accepted.changed).toBe(false)
    expect(site.rig.agent.now().state.incarnation).toBe(incarnation)
  })

  test('is the end of what only this life knew: a backup of it is restored on the blank chassis, tokens and all', async () => {
    const site = await emptied()
    const text = await site.backup()
    await site.do(reset(site))
    await site.do(restore(text))
    expect(Object.keys(site.rig.agent.now().state.profiles)).toEqual(['disk', 'web-01'])
  })

  test('under a manager is done by him, or by hands on the chassis, and by nobody else', async () => {
    const site = await emptied()
    const { incarnation, epoch: observedEpoch } = site.rig.agent.now().state
    await site.do({ kind: 'take-over', incarnation, observedEpoch, lineage: 'site', number: 3 })
    const { state } = site.rig.agent.now()
    const due = { expect: { incarnation, bootId: 'boot-1', beforeUptimeMs: 10 ** 9 }, epoch: state.epoch, sequence: 1 }
    const other = {
      who: { door: 'mqtt', client: id<'Client'>('somebody') },
      ...due,
      ifRevision: state.revision,
    } as const
    expect(await site.refused(reset(site), other)).toMatchObject({ reason: 'not-in-office' })
    expect(await site.refused(reset(site), due)).toMatchObject({ reason: 'revision-missing' })
    await site.do(reset(site), { who: { door: 'console', client: id<'Client'>('console-a') } })
    expect(site.rig.agent.now().state.office).toBeUndefined()
  })

  test('outlives the controller: both copies tell of the new life', async () => {
    const site = await emptied()
    await site.do(reset(site))
    const { incarnation } = site.rig.agent.now().state
    site.rig.kill()
    await site.start()
    expect(site.rig.running?.memory.readOnly()).toBeUndefined()
    expect(site.rig.agent.now().state).toMatchObject({ incarnation, profiles: {} })
    site.rig.kill()
    site.rig.medium = memoryMedium()
    await site.start()
    expect(site.rig.running?.memory.readOnly()).toBeUndefined()
    expect(site.rig.agent.now().state).toMatchObject({ incarnation, profiles: {} })
  })

  test('renews the chassis key with the incarnation: what is sealed from then on is sealed for the next life', async () => {
    const site = await emptied()
    const before = site.rig.running?.memory.chassisKey ?? expect.unreachable()
    await site.do(reset(site), { request: 'the-reset' })
    await site.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), value: secret })
    site.rig.kill()
    await site.start()
    const key = site.rig.running?.memory.chassisKey ?? expect.unreachable()
    const { sealed } = site.rig.agent.now().state.secrets.chap ?? expect.unreachable()
    expect(sealer(key).unseal('chap', sealed)).toBe(secret)
    expect(sealer(before).unseal('chap', sealed)).toBeUndefined()
    // Delivered once more, after the restart and under another key, it is still the one that was done.
    expect((await site.do(reset(site), { request: 'the-reset' })).accepted.diff[0]).toBe(
      'forgotten: 2 profiles, 2 pools, 1 secrets',
    )
    expect(site.rig.agent.now().state.secrets.chap).toBeDefined()
  })
})
