/**
 * A laboratory for the pure core: a real board, blades at factory values, and commands judged one after another, with
 * hardware that obeys at once (`foresee`). No clock, no I/O.
 */
import { expect } from 'vitest'
import { loadHardware } from '../../agent/boards/load.ts'
import type { ChassisId, ClientId, Serial, Uuid } from '../../agent/core/addresses.ts'
import { parseId, parseIqn, parseMac, parseWwn } from '../../agent/core/addresses.ts'
import type { BayPlan } from '../../agent/core/bay-plan.ts'
import {
  type AdapterReading,
  type Bay,
  type Blade,
  canonical,
  type FunctionReading,
  type FunctionValue,
  type Latch,
  type Observed,
  type Role,
  type Sight,
  type Step,
} from '../../agent/core/blade.ts'
import { type AdapterModel, functionKey, type Hardware } from '../../agent/core/board.ts'
import type { Command, Envelope, Moment } from '../../agent/core/command.ts'
import { type Decision, decide } from '../../agent/core/decide.ts'
import { foresee, forget, predict } from '../../agent/core/foresee.ts'
import { planBay } from '../../agent/core/plan.ts'
import type { Profile } from '../../agent/core/profile.ts'
import { evolve, type Observation } from '../../agent/core/record.ts'
import { blank, type State } from '../../agent/core/state.ts'

export const id = <Kind extends string>(text: string) => parseId<Kind>(text) ?? expect.unreachable(`${text} is no id`)

export function hardware(board = 'hp-c7000'): Hardware {
  const loaded = loadHardware('boards', board)
  return loaded.ok ? loaded.value : expect.unreachable(loaded.say)
}

const octets = (n: number, digits: number) => (n.toString(16).padStart(digits, '0').match(/../g) ?? []).join(':')

function factory(role: Role, seed: number): FunctionValue {
  const mac = parseMac(`3c:d9:2b:${octets(seed, 6)}`) ?? expect.unreachable()
  const wwpn = parseWwn(`50:01:43:80:${octets(seed * 2, 8)}`) ?? expect.unreachable()
  const wwnn = parseWwn(`50:01:43:80:${octets(seed * 2 + 1, 8)}`) ?? expect.unreachable()
  switch (role) {
    case 'nic':
    case 'iscsi':
      return { role, mac }
    case 'fcoe':
      return { role, mac, wwpn, wwnn }
    case 'fc':
      return { role, wwpn, wwnn }
    case 'off':
      return { role }
  }
}

export function adapter(slot: string, model: AdapterModel, seed: number): AdapterReading {
  const functions = Array.from({ length: model.ports }, (_, i) => i + 1).flatMap((port) =>
    model.functions.map(({ id, roles }, at): FunctionReading => {
      const value = factory(roles[0] ?? 'off', seed * 256 + port * 32 + at)
      return { key: functionKey(slot, port, id), factory: value, applied: value }
    }),
  )
  return { slot, model: model.id, serial: `AD${seed}${slot}` as Serial, functions }
}

export function blade({ board, adapters }: Hardware, product: string, seed: number): Blade {
  const model = board.blades.find((each) => each.product === product) ?? expect.unreachable(`no blade ${product}`)
  return {
    serial: `SN${String(seed).padStart(4, '0')}` as Serial,
    uuid: `00000000-0000-4000-8000-${String(seed).padStart(12, '0')}` as Uuid,
    product,
    power: 'off',
    stage: 'off',
    boots: 0,
    stageSeconds: 0,
    adapters: Object.entries(model.adapters).map(([slot, id], i) =>
      adapter(slot, adapters[id] ?? expect.unreachable(id), seed * 8 + i),
    ),
    boot: { mode: 'uefi', order: [] },
    policy: { restore: 'always-off', button: 'disabled', wake: 'disabled' },
    shown: {},
  }
}

export const asked: Sight['asked'] = { secrets: [], cut: false }

export function sightOf(blade: Blade | undefined, latch = true): Sight {
  const permit = latch ? ({ state: 'denied', n: 0 } as const) : 'none'
  if (!blade) return { slot: { presence: 'empty', permit, locate: false }, blade: 'empty', pending: false, asked }
  const { serial, product } = blade
  const slot = { presence: 'present', serial, product, powerGood: false, permit, locate: false } as const
  return { slot, blade, pending: false, asked }
}

/** A chassis with the blades of its board file in it, all off, nothing assigned. */
export function observe(hardware: Hardware, empty: readonly Bay[] = []): Observed {
  const { board } = hardware
  const bays = Object.fromEntries(
    board.bays.map(({ bay }) => {
      const product = empty.includes(bay) ? undefined : board.simulated[String(bay)]
      return [
        bay,
        sightOf(product === undefined ? undefined : blade(hardware, product, bay), board.backplane.permitLatch),
      ]
    }),
  )
  return { bays, interconnects: Object.fromEntries(board.interconnects.map(({ id, usual }) => [id, usual])) }
}

/** Two NICs on the LOM and an HBA that boots from a LUN, all from pools. */
export function sanProfile(name: string): Profile {
  const from = (pool: string) => ({ from: 'pool', pool: id<'Pool'>(pool) }) as const
  return {
    id: id<'Profile'>(name),
    connections: [
      { kind: 'nic', id: id<'Connection'>('prod'), slot: 'lom', mac: from('lan') },
      { kind: 'nic', id: id<'Connection'>('backup'), slot: 'lom', mac: from('lan') },
      { kind: 'fc', id: id<'Connection'>('san'), wwpn: from('san'), wwnn: from('san') },
    ],
    boot: {
      mode: 'uefi',
      order: [
        {
          target: 'fc',
          connection: id<'Connection'>('san'),
          targets: [{ wwpn: parseWwn('50:06:01:60:3b:a0:00:01') ?? expect.unreachable(), lun: '0' }],
        },
      ],
    },
    affinity: 'model',
  }
}

/** One NIC on the LOM, nothing to boot from. */
export function lanProfile(name: string): Profile {
  const mac = { from: 'pool', pool: id<'Pool'>('lan') } as const
  const connections = [{ kind: 'nic', id: id<'Connection'>('prod'), slot: 'lom', mac }] as const
  return { id: id<'Profile'>(name), connections, boot: { mode: 'uefi', order: [] }, affinity: 'bay' }
}

/** Boots from an iSCSI target, with CHAP; its initiator name outlives AC loss in most adapters. */
export function iscsiProfile(name: string): Profile {
  const connection = id<'Connection'>('disk')
  const iqn = (text: string) => parseIqn(text) ?? expect.unreachable(text)
  return {
    id: id<'Profile'>(name),
    connections: [
      {
        kind: 'iscsi',
        id: connection,
        slot: 'lom',
        mac: { from: 'pool', pool: id<'Pool'>('lan') },
        iqn: { from: 'value', value: iqn(`iqn.2026-11.test:${name}`) },
      },
    ],
    boot: {
      mode: 'uefi',
      order: [
        {
          target: 'iscsi',
          connection,
          targets: [{ iqn: iqn('iqn.2026-11.test:disk'), address: '192.0.2.1', tcpPort: 3260, lun: '1' }],
          network: { by: 'dhcp' },
          chap: { user: 'boot', secret: id<'Secret'>('chap') },
        },
      ],
    },
    affinity: 'bay',
  }
}

/** A chassis with pools, a secret and these profiles defined. */
export function labWith(profiles: readonly Profile[], board?: string, empty?: readonly Bay[]): Lab {
  const lab = new Lab(board, empty)
  for (const pool of pools) lab.do(pool)
  lab.do({ kind: 'set-secret', secret: id<'Secret'>('chap'), sealed: 'sealed', mark: 'v1' })
  for (const profile of profiles) lab.do({ kind: 'define-profile', profile })
  return lab
}

export const pools: readonly Command[] = [
  {
    kind: 'define-pool',
    pool: { id: id<'Pool'>('lan'), kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 1 } },
  },
  {
    kind: 'define-pool',
    pool: { id: id<'Pool'>('san'), kind: 'wwpn', range: { by: 'preset', preset: 'hp-vc', index: 1 } },
  },
]

/** What a client without a manager sends once a controller went on from a copy: the epoch that it reads (W15). */
export function epochOf(state: State | undefined): { readonly epoch?: number } {
  if (!state || state.epoch === 0 || state.office || Object.keys(state.lineages).length > 0) return {}
  return { epoch: state.epoch }
}

export class Lab {
  state: State
  observed: Observed
  readonly hardware: Hardware
  moment: Moment = { bootId: 'boot-1', uptimeMs: 1000 }
  #requests = 0

  constructor(board = 'hp-c7000', empty: readonly Bay[] = []) {
    this.hardware = hardware(board)
    this.observed = observe(this.hardware, empty)
    this.state = blank('lab' as ChassisId, board, '0'.repeat(32))
  }

  envelope(more: Partial<Envelope> = {}): Envelope {
    const request = `request-${++this.#requests}`
    return {
      who: { door: 'mqtt', client: id<'Client'>('tester') as ClientId },
      request,
      content: request,
      dryRun: false,
      ...epochOf(this.state),
      ...more,
    }
  }

  decide(command: Command, more: Partial<Envelope> = {}): Decision {
    const { state, observed, hardware, moment } = this
    return decide({ state, observed, hardware, moment }, command, this.envelope(more))
  }

  /** Accepted, or the test ends here. */
  do(command: Command, more: Partial<Envelope> = {}) {
    const decision = this.decide(command, more)
    if (decision.is !== 'accepted') return expect.unreachable(JSON.stringify(decision))
    this.state = evolve(this.state, decision.record)
    return decision.record.accepted
  }

  /** The reason of a refusal that leaves nothing changed. */
  refused(command: Command, more: Partial<Envelope> = {}) {
    const before = canonical(this.state)
    const decision = this.decide(command, more)
    expect(canonical(this.state)).toBe(before)
    if (decision.is !== 'refused') return expect.unreachable(`accepted: ${JSON.stringify(command)}`)
    return decision.refusals[0]
  }

  /** Lets obedient hardware do all that is planned. */
  settle() {
    const foreseen = foresee(this.state, this.observed, this.hardware)
    this.state = foreseen.state
    this.observed = foreseen.observed
    return foreseen
  }

  seat(bay: Bay, change: (sight: Sight) => Sight) {
    const sight = this.observed.bays[bay] ?? expect.unreachable(`no bay ${bay}`)
    this.observed = { ...this.observed, bays: { ...this.observed.bays, [bay]: change(sight) } }
  }

  /** Changes what is seen of a blade; its slot follows its power. */
  turn(bay: Bay, change: (blade: Blade) => Blade) {
    const blade = change(this.blade(bay))
    this.seat(bay, (sight) => {
      if (sight.slot === 'unknown' || sight.slot.presence !== 'present') return expect.unreachable()
      return { ...sight, blade, slot: { ...sight.slot, powerGood: blade.power === 'on' } }
    })
  }

  latch(bay: Bay, permit: Latch) {
    this.seat(bay, (sight) => (sight.slot === 'unknown' ? sight : { ...sight, slot: { ...sight.slot, permit } }))
  }

  /** The blade's BMC does not answer any more; the backplane still does. */
  blind(bay: Bay, pending = false) {
    this.seat(bay, (sight) => ({ ...sight, blade: 'unknown', blind: 'bmc-silent', pending }))
  }

  /** Pulls what is there, and puts another blade in, or nothing. */
  swap(bay: Bay, next?: Blade) {
    this.seat(bay, () => sightOf(next, this.hardware.board.backplane.permitLatch))
  }

  plan(bay: Bay): BayPlan {
    return planBay(this.state, bay, this.observed, this.hardware)
  }

  note(observation: Observation) {
    this.state = evolve(this.state, { kind: 'observation', observation })
    this.observed = forget(this.observed, observation)
  }

  /** One step, carried out as it was meant. */
  obey(step: Step) {
    this.observed = predict(this.observed, step)
  }

  /** What a bay waits for, by reason. */
  waits(bay: Bay): readonly string[] {
    return this.plan(bay).findings.map(({ reason }) => reason)
  }

  /** The assigned profile was dressed, armed and verified. */
  run(profile: Profile, bay: Bay) {
    this.do({ kind: 'assign', profile: profile.id, to: { bay }, when: 'now', preprovision: false, power: 'on' })
    this.settle()
    expect(this.state.bays[bay]?.life).toMatchObject({ came: 'verified', profile: profile.id })
  }

  blade(bay: Bay): Blade {
    const blade = this.observed.bays[bay]?.blade
    return blade && blade !== 'empty' && blade !== 'unknown' ? blade : expect.unreachable(`no blade in bay ${bay}`)
  }
}
