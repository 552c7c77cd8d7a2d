/**
 * A chassis small enough to read: four bays, half-height blades and one full-height form, an interconnect of
 * each kind, and one adapter for each way of making I/O logical. Not a board of the field.
 */
import type { AdapterModel, ChassisBoard, Hardware } from '../../agent/core/board.ts'

type Erases = AdapterModel['erases']['address']
const loses = (acLoss: boolean, coldBoot: boolean, warmBoot: boolean): Erases => ({ acLoss, coldBoot, warmBoot })
const kept = loses(false, false, false)

const card: Omit<AdapterModel, 'id' | 'name' | 'kind'> = {
  vendor: 'Test',
  lives: 'adapter',
  takesEffect: 'reset',
  proof: 'blade',
  erases: { address: loses(true, false, false), storage: kept },
  portMbps: 10_000,
  ports: 2,
  functions: [
    { id: 'a', roles: ['nic'] },
    { id: 'b', roles: ['nic', 'iscsi', 'fcoe', 'off'] },
  ],
  partitioning: { rule: 'flex-10', stepMbps: 100 },
  factory: { oui: '02:00:01', wwn: '50:00:00:00:01' },
  sources: {},
}

const adapters: readonly AdapterModel[] = [
  // The two rows of the table: an address on auxiliary power, and one without.
  { ...card, id: 'aux-card', name: 'converged adapter on auxiliary power', kind: 'cna' },
  {
    ...card,
    id: 'bare-card',
    name: 'converged adapter without auxiliary power',
    kind: 'cna',
    erases: { address: loses(true, true, false), storage: kept },
    factory: { oui: '02:00:02', wwn: '50:00:00:00:02' },
  },
  {
    ...card,
    id: 'fc-card',
    name: 'Fibre Channel adapter',
    kind: 'mapped',
    functions: [{ id: 'a', roles: ['fc'] }],
    partitioning: { rule: 'whole' },
    factory: { oui: '02:00:03', wwn: '50:00:00:00:03' },
  },
  {
    ...card,
    id: 'soft-nic',
    name: 'on-board Ethernet with I/O drivers',
    kind: 'software',
    lives: 'host-driver',
    takesEffect: 'attach',
    erases: { address: loses(true, true, false), storage: loses(true, true, false) },
    functions: [{ id: 'v', roles: ['nic', 'iscsi', 'off'] }],
    factory: { oui: '02:00:04', wwn: '50:00:00:00:04' },
  },
  {
    ...card,
    id: 'director-card',
    name: 'functions from a director',
    kind: 'director',
    lives: 'director',
    takesEffect: 'live',
    proof: 'function',
    erases: { address: kept, storage: kept },
    functions: [{ id: 'v', roles: ['off', 'nic', 'fc'] }],
    factory: { oui: '02:00:05', wwn: '50:00:00:00:05' },
  },
]

const square = { x: 0, y: 0, w: 1, h: 1 }
const wiring = (first: string, second: string) =>
  [first, second].map((interconnect, index) => ({ port: index + 1, interconnect, downlink: { offset: index * 8 } }))
const slots: ChassisBoard['forms'][number]['slots'] = [
  { id: 'lom', name: 'LOM', kind: 'lom', wiring: wiring('ic1', 'ic2') },
  { id: 'mezz1', name: 'Mezzanine 1', kind: 'mezz', wiring: wiring('ic3', 'ic4') },
]

export const tinyBoard: ChassisBoard = {
  id: 'tiny',
  name: 'Tiny Chassis',
  vendor: 'Test',
  front: { w: 4, h: 1 },
  rear: { w: 4, h: 1 },
  bays: [1, 2, 3, 4].map((bay) => ({ bay, face: 'front', at: square })),
  interconnects: (
    [
      ['ic1', 'converged'],
      ['ic2', 'ethernet'],
      ['ic3', 'fc'],
      ['ic4', 'empty'],
    ] as const
  ).map(([id, usual]) => ({ id, name: id, face: 'rear', at: square, usual })),
  controllers: { name: 'CMC', count: 2, face: 'rear', at: [square, square] },
  supplies: { count: 2, face: 'rear', at: [square, square] },
  fans: { count: 3, face: 'rear', at: [square, square, square] },
  forms: [
    { id: 'half', name: 'half-height', fills: [[1], [2], [3], [4]], slots },
    {
      id: 'full',
      name: 'full-height',
      fills: [
        [1, 3],
        [2, 4],
      ],
      slots,
    },
  ],
  backplane: {
    permitLatch: true,
    powerCut: true,
    acLossReported: true,
    eeprom: { bytes: 65_536, pageBytes: 128, pageMs: 5 },
  },
  postLimitSeconds: 120,
  blades: [
    { product: 'Blade', form: 'half', adapters: { lom: 'aux-card', mezz1: 'fc-card' } },
    { product: 'Blade B', form: 'half', adapters: { lom: 'bare-card' } },
    { product: 'Blade S', form: 'half', adapters: { lom: 'soft-nic' } },
    { product: 'Blade D', form: 'half', adapters: { lom: 'director-card' } },
    { product: 'Tall Blade', form: 'full', adapters: { lom: 'aux-card' } },
  ],
  simulated: { '1': 'Blade', '2': 'Blade' },
  sources: {},
}

export const tinyHardware: Hardware = {
  board: tinyBoard,
  adapters: Object.fromEntries(adapters.map((model) => [model.id, model])),
}

/** A board that can not hold a blade back (W3). */
export const withoutLatch: Hardware = {
  ...tinyHardware,
  board: {
    ...tinyBoard,
    id: 'tiny-no-latch',
    backplane: { ...tinyBoard.backplane, permitLatch: false, powerCut: false },
  },
}

/** A chassis for one controller: no owner line. */
export const tinyAlone: Hardware = {
  ...tinyHardware,
  board: { ...tinyBoard, id: 'tiny-alone', controllers: { name: 'CMC', count: 1, face: 'rear', at: [square] } },
}
