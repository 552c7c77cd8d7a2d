/**
 * What stands in the chassis before anything is lost, the same on every board: a server that boots from storage and a
 * plain one, both running; one that is assigned and off; one that waits for its blade; a spare where the board has a bay
 * for it. And the picture of it, against which everything is held that comes after.
 */
import { expect } from 'vitest'
import { parseIqn, parseWwn } from '../../agent/core/addresses.ts'
import { inSync } from '../../agent/core/bay-plan.ts'
import { type Bay, canonical } from '../../agent/core/blade.ts'
import type { BladeModel, Hardware } from '../../agent/core/board.ts'
import type { Command } from '../../agent/core/command.ts'
import type { Allocation, BootEntry, Connection, Profile } from '../../agent/core/profile.ts'
import type { Backup } from '../../agent/core/restore.ts'
import type { State } from '../../agent/core/state.ts'
import { type BootRecord, bootRecords, duplicates, type LogEntry } from '../../agent/sim/log.ts'
import { id, pools } from '../core/lab.ts'
import { bladeIn, Chassis, type ReachEeprom, type Shelved, type Slot } from './chassis.ts'
import { type Answer, Manager } from './manager.ts'

/** `san` and `web` run, `idle` is off, `late` waits for its blade, `fresh` is assigned to no bay. */
export const names = ['san', 'web', 'idle', 'late', 'fresh'] as const
export type Name = (typeof names)[number]
export const profileId = (name: Name) => id<'Profile'>(name)

const from = (pool: string) => ({ from: 'pool', pool: id<'Pool'>(pool) }) as const
const sure = <Value>(value: Value | undefined): Value => value ?? expect.unreachable('it does not parse')
const wwpn = sure(parseWwn('50:06:01:60:3b:a0:00:01'))
const iqn = sure(parseIqn('iqn.2026-01.example.array:san'))

export type Storage = 'fc' | 'fcoe' | 'iscsi'

/** What a server boots from on this board, and with which blade: the first of these that an adapter carries by itself. */
export function storageOn({ board, adapters }: Hardware): { readonly storage: Storage; readonly blade: BladeModel } {
  const plain = board.blades.filter(({ form }) => form === board.forms[0]?.id)
  for (const storage of ['fc', 'fcoe', 'iscsi'] as const) {
    for (const blade of plain) {
      const carries = Object.values(blade.adapters).some((model) => {
        const adapter = adapters[model]
        return (
          adapter?.takesEffect === 'reset' &&
          adapter.proof === 'blade' &&
          adapter.functions.some(({ roles }) => roles.includes(storage))
        )
      })
      if (carries) return { storage, blade }
    }
  }
  return expect.unreachable(`${board.id} boots from no storage`)
}

function sanProfile(storage: Storage): Profile {
  const connection = id<'Connection'>('disk')
  const connections = ((): readonly Connection[] => {
    switch (storage) {
      case 'fc':
        return [{ kind: 'fc', id: connection, wwpn: from('wwn'), wwnn: from('wwn') }]
      case 'fcoe':
        return [{ kind: 'fcoe', id: connection, mac: from('lan'), wwpn: from('wwn'), wwnn: from('wwn') }]
      case 'iscsi':
        return [{ kind: 'iscsi', id: connection, mac: from('lan'), iqn: from('iqn') }]
    }
  })()
  const entry: BootEntry =
    storage === 'iscsi'
      ? {
          target: 'iscsi',
          connection,
          targets: [{ iqn, address: '192.0.2.10', tcpPort: 3260, lun: '0' }],
          network: { by: 'dhcp' },
        }
      : { target: storage, connection, targets: [{ wwpn, lun: '0' }] }
  return { ...lanProfile('san'), connections: [...connections, nic], boot: { mode: 'uefi', order: [entry] } }
}

const nic: Connection = { kind: 'nic', id: id<'Connection'>('net'), mac: from('lan') }

const lanProfile = (name: Name): Profile => ({
  id: profileId(name),
  connections: [nic],
  boot: { mode: 'uefi', order: [{ target: 'local' }] },
  affinity: 'model',
})

const poolsOfAll: readonly Command[] = [
  ...pools.slice(0, 1),
  {
    kind: 'define-pool',
    pool: {
      id: id<'Pool'>('wwn'),
      kind: 'wwpn',
      range: { by: 'count', first: '50:06:0b:00:00:c2:62:00', count: 64, pairs: true },
    },
  },
  {
    kind: 'define-pool',
    pool: {
      id: id<'Pool'>('iqn'),
      kind: 'iqn',
      range: { by: 'count', first: 'iqn.2026-01.example.midplane:host-0000', count: 64 },
    },
  },
]

/** What was acknowledged of a profile: where it is, and as what. */
interface Bound {
  readonly bay: Bay
  readonly given: Allocation
  readonly isOn: boolean
}

export class Scene {
  readonly chassis: Chassis
  readonly manager: Manager
  readonly storage: Storage
  /** The blade that carries `san`, and the spare. */
  readonly sanBlade: BladeModel
  readonly plainBlade: BladeModel
  readonly bays: { readonly [name in 'san' | 'web' | 'idle' | 'late']: Bay }
  /** A blade that nothing is assigned to, and an empty bay: not on a board with four bays. */
  readonly spare: Bay | undefined
  readonly empty: Bay | undefined
  /** What everything is held against; changed by commands that were accepted, and by nothing else. */
  bound: { [name in Name]?: Bound } = {}
  /** Controllers that led or followed here once and were replaced: they know no assignment. */
  old: { readonly [slot in Slot]?: Shelved } = {}
  /** The controller that the loss is about. */
  struck: Slot = 'A'
  /** A backup, made when everything was in sync. */
  saved: Backup | undefined

  constructor(board: string, reach?: ReachEeprom) {
    this.chassis = new Chassis(board, reach)
    this.manager = new Manager(this.chassis)
    const { hardware } = this.chassis
    const { storage, blade } = storageOn(hardware)
    this.storage = storage
    this.sanBlade = blade
    const same = hardware.board.blades.filter(({ form }) => form === blade.form)
    this.plainBlade = same.find(({ product }) => product !== blade.product) ?? blade
    const single = hardware.board.forms[0]?.fills.flatMap((fill) => (fill.length === 1 ? [fill[0]] : [])) ?? []
    const [san = 0, web = 0, idle = 0, late = 0, spare, empty] = single
    this.bays = { san, web, idle, late }
    this.spare = spare
    this.empty = empty
  }

  /** `replaced`: every controller here is a second one, and its predecessor lies on the shelf. */
  async setUp({ replaced = false } = {}): Promise<this> {
    const { chassis, manager, bays } = this
    for (const bay of [bays.san, this.spare]) if (bay !== undefined) this.insert(bay, this.sanBlade)
    for (const bay of [bays.web, bays.idle]) this.insert(bay, this.plainBlade)
    await chassis.startAll()
    await this.#comes('the chassis comes up', () => chassis.leading !== undefined && chassis.isPaired)
    await manager.takeOver()
    for (const pool of poolsOfAll) await this.taken(pool)
    for (const name of names) {
      const profile = name === 'san' ? sanProfile(this.storage) : lanProfile(name)
      await this.taken({ kind: 'define-profile', profile })
    }
    if (replaced) await this.#replaceAll()
    chassis.inUse = true
    this.#mask()
    await this.assign('san', bays.san, { power: 'on' })
    await this.assign('web', bays.web, { power: 'on' })
    await this.assign('idle', bays.idle, { power: 'off' })
    await this.assign('late', bays.late, { power: 'on', preprovision: true })
    await this.#comes('everything is in sync', () => this.missing().length === 0)
    this.manager.lostOffice = 0
    const now = chassis.leading?.agent.now() ?? expect.unreachable()
    this.saved = { serial: now.chassisSerial, state: { ...now.state, answers: {} }, missing: [] }
    this.struck = chassis.owner
    return this
  }

  async #replaceAll(): Promise<void> {
    const { chassis } = this
    for (const slot of [...chassis.slots].reverse()) {
      this.old = { ...this.old, [slot]: chassis.shelved(slot) }
      await chassis.replace(slot)
      await chassis.wait(15_000)
      await this.#comes('the next controller comes up', () => chassis.leading !== undefined && chassis.isPaired)
    }
  }

  async #comes(what: string, holds: () => boolean): Promise<void> {
    if (await this.chassis.until(holds, 300_000)) return
    expect.unreachable(`${this.chassis.hardware.board.id}: ${what}: ${this.missing().join('; ')}`)
  }

  /** The LUN lets in the initiator that `san` was given, and nobody else: whoever boots it is `san`. */
  #mask(): void {
    const { disk } = this.state?.profiles.san?.given ?? {}
    const initiator = disk?.wwpn ?? disk?.iqn ?? expect.unreachable('san was given no initiator')
    const target = this.storage === 'iscsi' ? iqn : wwpn
    this.chassis.does({ do: 'san', luns: [{ target, initiators: [initiator] }] })
  }

  get state(): State | undefined {
    return this.chassis.leading?.agent.now().state
  }

  insert(bay: Bay, { product }: BladeModel): void {
    this.chassis.does({ do: 'insert', bay, blade: { product, localDisk: true } })
  }

  /** The loss is about the one that follows. */
  strikeStandby(): Slot {
    this.struck = this.chassis.standby
    return this.struck
  }

  /** The blade that was pulled last goes into that bay. */
  fromShelf(bay: Bay): void {
    const serial = Object.keys(this.chassis.host.world.shelf).at(-1) ?? expect.unreachable('no blade was pulled')
    this.chassis.does({ do: 'insert', bay, blade: { serial } })
  }

  /** Somebody repairs the blade that was pulled, and puts it where it was. */
  cureOnShelf(): void {
    this.fromShelf(this.bays.san)
    this.chassis.does({ do: 'mend', bay: this.bays.san })
  }

  // Commands, and what they promise once they are accepted.

  async taken(command: Command): Promise<void> {
    const answer = await this.manager.say(command)
    if (answer.is !== 'taken') expect.unreachable(`${JSON.stringify(command)}: ${JSON.stringify(answer)}`)
  }

  async assign(
    name: Name,
    bay: Bay,
    { power, preprovision = false }: { power?: 'on' | 'off'; preprovision?: boolean } = {},
  ): Promise<Answer> {
    const profile = profileId(name)
    const answer = await this.manager.say({
      ...{ kind: 'assign', profile, to: { bay }, when: 'now', preprovision },
      ...(power && { power }),
    })
    if (answer.is === 'taken') {
      const given = this.state?.profiles[name]?.given ?? expect.unreachable(`${name} was given nothing`)
      this.bound = { ...this.bound, [name]: { bay, given, isOn: power === 'on' } }
    }
    return answer
  }

  async move(name: Name, bay: Bay, { force = false, preprovision = false } = {}): Promise<Answer> {
    const how = { when: 'now', stop: 'graceful', preprovision, force } as const
    const answer = await this.manager.say({ kind: 'move', profile: profileId(name), to: { bay }, ...how })
    const bound = this.bound[name]
    if (answer.is === 'taken' && bound) this.bound = { ...this.bound, [name]: { ...bound, bay } }
    return answer
  }

  /** Somebody vouches that it is dark wherever it may still be, and assigns it to the same bay anew. */
  async vouch(name: Name): Promise<void> {
    const bay = this.bound[name]?.bay ?? expect.unreachable(`${name} is in no bay`)
    await this.unassign(name, { force: true })
    await this.assign(name, bay, { power: 'on' })
  }

  async offAndOn(name: Name): Promise<void> {
    await this.power(name, 'off')
    await this.chassis.wait(60_000)
    await this.power(name, 'on')
  }

  async power(name: Name, want: 'on' | 'off'): Promise<Answer> {
    const bound = this.bound[name]
    const bay = bound?.bay ?? expect.unreachable(`${name} is in no bay`)
    const answer = await this.manager.say({ kind: 'power', bay, want, stop: 'graceful' })
    if (answer.is === 'taken') this.bound = { ...this.bound, [name]: { ...bound, isOn: want === 'on' } }
    return answer
  }

  async unassign(name: Name, { force = false } = {}): Promise<Answer> {
    const how = { when: 'now', stop: 'graceful', force } as const
    const answer = await this.manager.say({ kind: 'unassign', profile: profileId(name), ...how })
    if (answer.is === 'taken') {
      const { [name]: _, ...others } = this.bound
      this.bound = others
    }
    return answer
  }

  // What is there, and what is not.

  /** What of everything acknowledged is not as it should be; nothing: all of it is back. */
  missing(): readonly string[] {
    const now = this.chassis.leading?.agent.now()
    if (!now) return ['nobody leads']
    const held = this.chassis.leading?.memory.readOnly()
    if (held !== undefined) return [`it holds: ${held}`]
    return names.flatMap((name): readonly string[] => {
      const bound = this.bound[name]
      if (!bound) return []
      const { bay, given } = bound
      const { intent } = now.state.bays[bay] ?? {}
      if (intent?.profile !== name) return [`${name} is not in bay ${bay}`]
      if (canonical(now.state.profiles[name]?.given ?? {}) !== canonical(given)) return [`${name} has other addresses`]
      const blade = bladeIn(this.chassis, bay)
      const awaited = name === 'late' || name === 'fresh'
      if (!blade) return awaited ? [] : [`bay ${bay} has no blade`]
      const plan = now.plans[bay]
      if (!plan || !inSync(plan)) return [`bay ${bay} is not in sync: ${JSON.stringify(plan?.findings)}`]
      if (!bound.isOn) return blade.run.stage === 'off' ? [] : [`bay ${bay} is on`]
      if (blade.run.stage !== 'os') return [`bay ${bay} is off`]
      const record = this.#lastBoot(blade.kept.serial)
      return record && this.isItself(name, record) ? [] : [`bay ${bay} booted as something else`]
    })
  }

  #lastBoot(serial: string): BootRecord | undefined {
    return bootRecords(this.chassis.log).findLast((record) => record.serial === serial)
  }

  /** All its addresses are in use there, and what had to start did. */
  isItself(name: Name, { functions, booted }: BootRecord): boolean {
    const given = Object.values(this.bound[name]?.given ?? {}).flatMap((set) => Object.values(set) as string[])
    const used = new Set(functions.flatMap(({ mac, wwpn, wwnn, iqn }) => [mac, wwpn, wwnn, iqn]))
    const starts = name === 'san' ? booted.from === this.storage : booted.from === 'local'
    return given.length > 0 && starts && given.every((address) => used.has(address as never))
  }

  /** What the chassis says has to be done: not what passes in a moment, nor that a profile waits for its blade. */
  get todo() {
    const passing: readonly string[] = ['starting', 'stopping', 'working', 'not-looked-yet', 'unanswered']
    const waiting = [this.bound.late?.bay, this.bound.fresh?.bay]
    return this.chassis.todo.filter(
      ({ bay, reason }) => !passing.includes(reason) && !(reason === 'no-blade' && waiting.includes(bay)),
    )
  }

  /** Entries from then on that say that the blade with this serial was switched, reset, written or restarted. */
  touches(serial: string, since: number): readonly LogEntry[] {
    const changes: readonly string[] = ['write', 'clear', 'show', 'boot', 'policy', 'power', 'cycle']
    const isTouch = (entry: LogEntry): boolean => {
      switch (entry.kind) {
        case 'power':
        case 'halted':
        case 'dark':
        case 'live':
        case 'attached':
        case 'pulled':
        case 'inserted':
          return entry.serial === serial
        case 'command':
          return entry.serial === serial && changes.includes(entry.request) && entry.outcome !== 'refused'
        case 'boot':
          return entry.record.serial === serial
        case 'no-power':
        case 'latch':
        case 'locate':
        case 'cut':
        case 'ac':
        case 'owner':
        case 'controller':
          return false
      }
    }
    return this.chassis.log.slice(since).filter(isTouch)
  }

  serialIn(bay: Bay): string {
    return bladeIn(this.chassis, bay)?.kept.serial ?? expect.unreachable(`bay ${bay} has no blade`)
  }

  get duplicates(): number {
    return duplicates(this.chassis.log).length
  }
}
