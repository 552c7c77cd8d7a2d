/**
 * One example of each message, and of each kind of body, part, step and answer: what the golden bytes were made from.
 * Typed as records over the unions, so that a new kind fails to compile until it has an example. An example that has
 * golden bytes is never changed; add another.
 */
import { type Id, parseId, parseIqn, parseMac, parseSerial, parseUuid, parseWwn } from '../../agent/core/addresses.ts'
import type { Step } from '../../agent/core/blade.ts'
import type { Policy } from '../../agent/core/policy.ts'
import type { Connection, Profile } from '../../agent/core/profile.ts'
import type { Outcome, PartState, Reply } from '../../agent/core/reply.ts'
import type { Event, Part, Presence } from '../../agent/core/views.ts'
import type { Body } from '../../agent/wire/command.ts'
import type { OutgoingRequest } from '../../agent/wire/request.ts'

function sure<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error('an example does not parse')
  return value
}
const id = <Kind extends string>(text: string): Id<Kind> => sure(parseId<Kind>(text))
const mac = (text: string) => sure(parseMac(text))
const wwn = (text: string) => sure(parseWwn(text))
const iqn = (text: string) => sure(parseIqn(text))
const serial = (text: string) => sure(parseSerial(text))
const uuid = (text: string) => sure(parseUuid(text))

const incarnation = '3f2a9c0d5e6b7a81920c4d3e5f60718a'
const bootId = 'b7c1d2e3'

export const connections: Record<Connection['kind'], Connection> = {
  nic: {
    kind: 'nic',
    id: id('lan-a'),
    slot: 'lom',
    port: 1,
    interconnect: 'ic1',
    mac: { from: 'pool', pool: id('lan') },
  },
  fc: {
    kind: 'fc',
    id: id('san-a'),
    slot: 'mezz1',
    port: 1,
    wwpn: { from: 'value', value: wwn('50:06:0b:00:00:c2:62:00') },
    wwnn: { from: 'value', value: wwn('50:06:0b:00:00:c2:62:01') },
  },
  fcoe: {
    kind: 'fcoe',
    id: id('san-b'),
    vlan: 1002,
    bandwidth: { minMbps: 4000, maxMbps: 8000 },
    mac: { from: 'factory' },
    wwpn: { from: 'pool', pool: id('wwpns') },
    wwnn: { from: 'factory' },
  },
  iscsi: {
    kind: 'iscsi',
    id: id('disk'),
    vlan: 100,
    bandwidth: { minMbps: 0 },
    mac: { from: 'value', value: mac('00:17:a4:77:00:02') },
    iqn: { from: 'value', value: iqn('iqn.2001-04.com.example:web-01') },
  },
}

export const profile: Profile = {
  id: id('web-01'),
  description: 'shop front, Zürich',
  connections: Object.values(connections),
  boot: {
    mode: 'uefi',
    order: [
      { target: 'fc', connection: id('san-a'), targets: [{ wwpn: wwn('50:00:09:72:00:11:22:33'), lun: '1a' }] },
      { target: 'fcoe', connection: id('san-b'), targets: [] },
      {
        target: 'iscsi',
        connection: id('disk'),
        targets: [
          { iqn: iqn('iqn.2001-04.com.example:store'), address: '192.0.2.10', tcpPort: 3260, lun: '0' },
          { iqn: iqn('iqn.2001-04.com.example:store'), address: '2001:db8::10', tcpPort: 3261, lun: '0' },
        ],
        network: { by: 'static', address: '192.0.2.21', netmask: '255.255.255.0', gateway: '192.0.2.1' },
        chap: { user: 'web', secret: id('chap-web'), mutual: { user: 'store', secret: id('chap-store') } },
      },
      { target: 'http', connection: id('lan-a'), uri: 'https://boot.example/web.efi' },
      { target: 'pxe', connection: id('lan-a') },
      { target: 'local' },
      { target: 'setup' },
    ],
  },
  affinity: 'model',
  uuid: uuid('7a0c1f6e-2b7d-4a5e-9f10-0c9d6a3b5e11'),
  serial: serial('MP-WEB-01'),
}

const smallProfile: Profile = {
  id: id('db-01'),
  connections: [],
  boot: { mode: 'legacy', order: [] },
  affinity: 'bay',
}

const policy: Policy = {
  id: id('spare'),
  profiles: [id('web-01'), id('db-01')],
  spares: [8, 7],
  afterSeconds: 300,
  cut: true,
  attempts: 2,
}

/** A chassis that holds nothing, in the text of backups: what stands here is read by every version to come. */
export const backupText = [
  'midplane backup 1',
  '0002 d288d8de # chassis demo, board hp-c7000, serial CZ3210ABCD',
  '0003 a8af9346 # revision 12, epoch 4, term 1, record 31',
  '0004 6dee3c67 # incarnation 3f2a9c0d5e6b7a81920c4d3e5f60718a',
  '0005 de4b63de fY7BTsMwEET/Zc6uZCdNk+4NyleAOGztTbMisSvbIKoq/47SE1zQnEbz9D',
  '0006 6bb387f3 R3cAXdEfQipYLQ8f+BgcYg36DWGVTJC8itBmPKy6ZyBh9yK5uTP+uUstbb',
  '0007 3801b1fe VuSa/ATaG4xzShlkDWaNwhd5wEWr7Bg0DOtv7ayjbPM5cQ4gTNed7621MP',
  '0008 81ea683f ATl6IFhCBLwp8LGj3nyFVTBKEdGz56Gzo5nHse3LGxfh9a6caD7d3AWA2y',
  '0009 85a29450 fGl54K5ZDYr4LLWA3t63kpVnEE6vbePs0/PpBesP',
  '0010 2cc3a0e9 end 10 rzYwAyrCQncx9A2EnPnIQwScAPpA5kOImvgy64dsb8Q',
  '',
].join('\n')

export const bodies: Record<Body['kind'], readonly Body[]> = {
  'take-over': [{ kind: 'take-over', incarnation, observedEpoch: 3, lineage: 'site-a', number: 9_007_199_254_740_991 }],
  'define-pool': [
    {
      kind: 'define-pool',
      pool: {
        id: id('lan'),
        kind: 'mac',
        range: { by: 'count', first: '00:17:a4:77:00:00', count: 1024 },
        exclude: [{ first: '00:17:a4:77:00:10', count: 2 }],
      },
    },
    {
      kind: 'define-pool',
      pool: {
        id: id('wwpns'),
        kind: 'wwpn',
        range: { by: 'count', first: '50:06:0b:00:00:c2:62:00', count: 512, pairs: true },
      },
    },
    {
      kind: 'define-pool',
      pool: { id: id('nodes'), kind: 'wwnn', range: { by: 'preset', preset: 'cisco-ucs', index: 2 } },
    },
  ],
  'remove-pool': [{ kind: 'remove-pool', pool: id('lan') }],
  'set-secret': [{ kind: 'set-secret', secret: id('chap-web'), value: 'correct horse battery' }],
  'remove-secret': [{ kind: 'remove-secret', secret: id('chap-web') }],
  'define-profile': [
    { kind: 'define-profile', profile },
    { kind: 'define-profile', profile: smallProfile },
  ],
  'remove-profile': [{ kind: 'remove-profile', profile: id('web-01') }],
  'set-boot-plan': [
    { kind: 'set-boot-plan', profile: id('web-01'), boot: { mode: 'legacy', order: [{ target: 'local' }] } },
  ],
  assign: [
    { kind: 'assign', profile: id('web-01'), to: { bay: 3 }, when: 'now', preprovision: false, power: 'on' },
    {
      kind: 'assign',
      profile: id('web-01'),
      to: { any: { product: 'BL460c G7', among: [4, 5, 6] } },
      when: 'next-off',
      preprovision: true,
    },
  ],
  unassign: [{ kind: 'unassign', profile: id('web-01'), when: 'now', stop: 'graceful', force: false }],
  move: [
    {
      kind: 'move',
      profile: id('web-01'),
      to: { any: { among: [] } },
      when: 'now',
      stop: 'forced',
      preprovision: false,
      force: true,
      power: 'off',
    },
    {
      kind: 'move',
      profile: id('web-01'),
      to: { bay: 4 },
      when: 'next-off',
      stop: 'no',
      preprovision: false,
      force: false,
    },
  ],
  'override-boot': [
    { kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: 'once' } },
    { kind: 'override-boot', bay: 3, override: { target: 'setup', lasts: { boots: 2 } } },
    { kind: 'override-boot', bay: 3 },
  ],
  power: [{ kind: 'power', bay: 16, want: 'cycle', stop: 'graceful' }],
  reseat: [{ kind: 'reseat', bay: 3 }],
  locate: [{ kind: 'locate', bay: 3, lit: true }],
  resync: [{ kind: 'resync', bay: 3 }, { kind: 'resync' }],
  restore: [
    { kind: 'restore', backup: backupText, profiles: 'all', force: false },
    {
      kind: 'restore',
      backup: backupText,
      passphrase: 'correct horse battery',
      profiles: [id('web-01'), id('db-01')],
      force: true,
    },
  ],
  'factory-reset': [{ kind: 'factory-reset', serial: 'CZ3210ABCD' }],
  changeover: [
    { kind: 'changeover', force: false },
    { kind: 'changeover', force: true },
  ],
  'define-policy': [
    { kind: 'define-policy', policy },
    { kind: 'define-policy', policy: { id: id('any'), afterSeconds: 86_400, cut: false, attempts: 16 } },
  ],
  'remove-policy': [{ kind: 'remove-policy', policy: id('spare') }],
  'read-state': [{ kind: 'read-state', part: 'bay-7' }, { kind: 'read-state' }],
  'list-events': [{ kind: 'list-events', since: 17, limit: 100 }],
  'list-reasons': [{ kind: 'list-reasons' }],
  'look-up-request': [{ kind: 'look-up-request', request: 'my-first-try' }],
  backup: [{ kind: 'backup' }, { kind: 'backup', passphrase: 'correct horse battery' }],
}

const bare = { request: 'my-first-try', chassis: 'demo', dryRun: false }

/** Every body under a bare envelope, and one full envelope, unsigned and signed. */
export const requests: { readonly [name: string]: OutgoingRequest } = {
  ...Object.fromEntries(
    Object.entries(bodies).flatMap(([kind, list]) =>
      list.map((body, i) => [i === 0 ? kind : `${kind}-${i + 1}`, { ...bare, body }]),
    ),
  ),
  'full-envelope': {
    request: '6f1e0c1a-8a52-4a53-9c55-0d2a9a2f1c77',
    chassis: 'demo',
    expect: { incarnation, bootId, beforeUptimeMs: 3_600_000 },
    epoch: 4,
    sequence: 1_099_511_627_776,
    ifRevision: 0,
    dryRun: true,
    body: { kind: 'power', bay: 1, want: 'off', stop: 'forced' },
  },
}

const steps: Record<Step['kind'], Step> = {
  withdraw: { kind: 'withdraw', bay: 3 },
  barrier: { kind: 'barrier', bay: 3 },
  policy: { kind: 'policy', bay: 3, policy: { restore: 'always-off', button: 'disabled', wake: 'enabled' } },
  clear: { kind: 'clear', bay: 3, functions: ['lom:1-a', 'mezz1:1-a'] },
  write: {
    kind: 'write',
    bay: 3,
    profile: id('web-01'),
    functions: [
      {
        key: 'lom:1-a',
        value: {
          role: 'nic',
          mac: mac('00:17:a4:77:00:00'),
          vlan: 100,
          bandwidth: { minMbps: 1000, maxMbps: 10_000 },
          boot: { via: 'pxe' },
        },
      },
      {
        key: 'lom:2-a',
        value: { role: 'nic', mac: mac('00:17:a4:77:00:01'), boot: { via: 'http', uri: 'http://b.example/' } },
      },
      {
        key: 'mezz1:1-a',
        value: {
          role: 'fc',
          wwpn: wwn('50:06:0b:00:00:c2:62:00'),
          wwnn: wwn('50:06:0b:00:00:c2:62:01'),
          boot: { via: 'fc', targets: [{ wwpn: wwn('50:00:09:72:00:11:22:33'), lun: '1a' }] },
        },
      },
      { key: 'mezz1:2-a', value: { role: 'fcoe', boot: { via: 'fcoe', targets: [] } } },
      {
        key: 'lom:1-b',
        value: {
          role: 'iscsi',
          mac: mac('00:17:a4:77:00:02'),
          iqn: iqn('iqn.2001-04.com.example:web-01'),
          boot: { via: 'iscsi', targets: [], network: { by: 'dhcp' }, chap: { user: 'web', secret: id('chap-web') } },
        },
      },
      { key: 'lom:2-b', value: { role: 'off' } },
    ],
    secrets: ['chap-web@7'],
  },
  show: {
    kind: 'show',
    bay: 3,
    shown: { uuid: uuid('7a0c1f6e-2b7d-4a5e-9f10-0c9d6a3b5e11'), serial: serial('MP-WEB-01') },
  },
  boot: {
    kind: 'boot',
    bay: 3,
    boot: { mode: 'uefi', order: ['mezz1:1-a', 'local'], override: { target: 'pxe', lasts: 'always' } },
  },
  permit: { kind: 'permit', bay: 3, n: 12 },
  power: { kind: 'power', bay: 3, action: 'shutdown' },
  cut: { kind: 'cut', bay: 3 },
  locate: { kind: 'locate', bay: 3, lit: true },
}

const allocation = {
  'lan-a': { mac: mac('00:17:a4:77:00:00') },
  disk: {},
  'san-b': { wwpn: wwn('50:06:0b:00:00:c2:62:02') },
}

export const parts: Record<Part['part'], Part> = {
  chassis: {
    part: 'chassis',
    view: {
      board: 'hp-c7000',
      boardName: 'HP BladeSystem c7000',
      serial: 'CZ3210ABCD',
      incarnation,
      epoch: 4,
      revision: 12,
      term: 1,
      office: { client: id('ironic-1'), lineage: 'site-a', number: 88 },
      bays: 16,
      inSync: false,
      todo: [{ bay: 2, reason: 'left-by-hand', message: 'web-02 may still be live in bay 2', remedy: 'pull blade 2' }],
      secrets: [id('chap-web')],
      interconnects: [
        { id: 'ic1', kind: 'ethernet' },
        { id: 'ic2', kind: 'empty' },
      ],
      parts: { 'bay-1': 4, 'profile-web-01': 2, health: 190 },
    },
  },
  bay: {
    part: 'bay',
    view: {
      bay: 3,
      presence: 'present',
      serial: serial('CZ31420001'),
      product: 'BL460c G7',
      phase: 'armed',
      profile: id('web-01'),
      powerWanted: 'on',
      power: 'on',
      stage: 'post',
      permit: 'spent',
      arming: 12,
      locate: false,
      inSync: false,
      findings: [
        {
          type: 'hold',
          reason: 'starting',
          message: 'bay 3 is in POST',
          remedy: 'wait for POST',
          sinceUptimeMs: 81_204,
        },
      ],
      functions: [
        {
          key: 'lom:1-a',
          adapter: 'nc553i',
          connection: 'lan-a',
          role: 'nic',
          factory: { mac: mac('98:4b:e1:00:03:00') },
          assigned: { mac: mac('00:17:a4:77:00:00') },
          applied: { mac: mac('00:17:a4:77:00:00') },
          vlan: 100,
          maxMbps: 10_000,
          interconnect: 'ic1',
          downlink: 3,
        },
        { key: 'lom:1-b', adapter: 'nc553i', role: 'off', factory: {}, applied: {}, interconnect: 'ic1', downlink: 3 },
      ],
      bootOrder: ['mezz1:1-a', 'local'],
      override: { target: 'pxe', left: 1 },
      verified: ['lun 1a: target logged in', 'secret chap-web: not verified'],
      inDoubt: [
        { profile: id('web-02'), serial: serial('CZ31420009'), quarantined: true },
        { profile: id('db-01'), quarantined: false },
      ],
    },
  },
  profile: {
    part: 'profile',
    view: {
      profile,
      given: allocation,
      token: 67_108_865,
      revision: 11,
      bay: 3,
      inSync: true,
      inDoubt: [{ bay: 2, serial: serial('CZ31420009') }, { bay: 4 }],
    },
  },
  pool: {
    part: 'pool',
    view: {
      spec: { id: id('lan'), kind: 'mac', range: { by: 'preset', preset: 'hp-vc', index: 3 } },
      counts: { free: 1020, inUse: 1, external: 1, excluded: 1, quarantined: 1 },
      entries: [
        { address: '00:17:a4:77:08:00', state: 'in-use', profile: id('web-01') },
        { address: '00:17:a4:77:08:01', state: 'external' },
        { address: '00:17:a4:77:08:02', state: 'excluded' },
        { address: '00:17:a4:77:08:03', state: 'quarantined' },
      ],
      more: 0,
    },
  },
  controller: {
    part: 'controller',
    view: {
      slot: 'A',
      version: '0.1.0',
      uptimeMs: 81_500,
      role: 'owner',
      host: {
        hostname: 'oa-1',
        cpus: 4,
        load: 0.25,
        memoryBytes: 536_870_912,
        memoryFreeBytes: 268_435_456,
        celsius: 41.5,
        interfaces: [{ name: 'eth0', address: '192.0.2.2', up: true }],
      },
      store: {
        readOnly: false,
        notes: ['a torn tail of 17 bytes was cut'],
        copies: ['flash', 'eeprom'],
        index: 42,
        digest: '9f86d081884c7d65',
        bytesWritten: 9120,
        syncs: 44,
        eepromPagesWritten: 61,
        eepromUse: 0.375,
      },
    },
  },
  health: {
    part: 'health',
    view: {
      supplies: [{ bay: 1, state: 'ok', watts: 811.5 }],
      fans: [{ bay: 2, state: 'failed', rpm: 0 }],
      temperatures: [{ name: 'inlet', celsius: 22.5, limit: 40 }],
      frus: [{ where: 'bay 3', product: 'BL460c G7', serial: 'CZ31420001', part: '603718-B21' }],
    },
  },
  policy: {
    part: 'policy',
    view: {
      policy,
      revision: 9,
      rescues: [
        { profile: id('web-01'), from: 3, serial: serial('CZ31420001'), bay: 7, tried: [8, 7], revision: 41 },
        { profile: id('db-01'), from: 2, serial: serial('CZ31420009'), bay: 2, tried: [], revision: 42 },
      ],
    },
  },
}

const published = { revision: 12, version: 3, incarnation, term: 1 }
export const states: { readonly [name: string]: PartState } = {
  ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, { ...published, part }])),
  'bay-empty': {
    ...published,
    part: {
      part: 'bay',
      view: {
        bay: 4,
        presence: 'empty',
        phase: 'idle',
        power: 'unknown',
        permit: 'denied',
        arming: 0,
        locate: true,
        inSync: true,
        findings: [],
        functions: [],
        bootOrder: [],
        verified: [],
        inDoubt: [],
      },
    },
  },
  'controller-unseen': {
    ...published,
    part: {
      part: 'controller',
      view: {
        slot: 'B',
        version: '0.1.0',
        uptimeMs: 0,
        role: 'standby',
        host: 'unknown',
        store: {
          readOnly: true,
          notes: [],
          copies: [],
          index: 0,
          digest: '',
          bytesWritten: 0,
          syncs: 0,
          eepromPagesWritten: 0,
          eepromUse: 0,
        },
      },
    },
  },
}

export const events: Record<string, Event> = {
  'profile-assigned': {
    kind: 'event',
    number: 18,
    severity: 'info',
    uptimeMs: 80_112,
    bootId,
    timeMs: 1_793_000_000_000,
    type: 'profile-assigned',
    message: 'web-01 was assigned to bay 3',
    bay: 3,
    profile: id('web-01'),
    who: { door: 'mqtt', client: 'ironic-1' },
    request: 'my-first-try',
    revision: 12,
    incarnation,
    term: 1,
  },
  'bmc-lost': {
    kind: 'event',
    number: 19,
    severity: 'critical',
    uptimeMs: 80_900,
    bootId,
    type: 'bmc-lost',
    message: 'the BMC of bay 5 does not answer',
    bay: 5,
    reason: 'bmc-silent',
    revision: 12,
    incarnation,
    term: 1,
  },
  gap: { kind: 'gap', from: 3, to: 17 },
}

export const presences: { readonly [name: string]: Presence } = {
  online: {
    online: true,
    incarnation,
    bootId,
    connection: 2,
    version: '0.1.0',
    board: 'hp-c7000',
    capabilities: ['take-over', 'assign'],
    schema: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    publicKey: '',
    epoch: 4,
    revision: 12,
    term: 1,
    uptimeMs: 81_500,
  },
  gone: {
    online: false,
    incarnation,
    bootId,
    connection: 2,
    version: '0.1.0',
    board: 'hp-c7000',
    capabilities: [],
    schema: '',
    publicKey: '',
    epoch: 0,
    revision: 0,
    term: 0,
    uptimeMs: 0,
  },
}

const accepted = {
  changed: true,
  diff: ['bay 3: profile web-01 assigned'],
  revision: 12,
  epoch: 4,
  bay: 3,
  given: allocation,
  profile: id<'Profile'>('web-01'),
}

export const outcomes: Record<Outcome['kind'], readonly Outcome[]> = {
  refused: [
    {
      kind: 'refused',
      refusal: {
        reason: 'field-invalid',
        say: "profile.connections[0].mac.value '00:zz' is not a MAC address",
        violations: [{ field: 'profile.connections[0].mac.value', say: "'00:zz' is not a MAC address" }],
      },
    },
    { kind: 'refused', refusal: { reason: 'busy', say: '256 requests are waiting; try again' }, retryAfterMs: 500 },
    {
      kind: 'refused',
      refusal: { reason: 'bay-taken', say: 'bay 3 holds web-02; unassign it first' },
      others: [
        { reason: 'blade-powered', say: 'blade 3 is on; power bay 3 off first, or say when next-off' },
        {
          reason: 'oversubscribed',
          say: 'connections san-a and lan-a ask 12000 Mb/s of port 1 of lom:1, which has 10000',
          violations: [{ field: 'profile.connections[1].bandwidth.min_mbps', say: 'the port has 4000 Mb/s left' }],
        },
      ],
    },
  ],
  accepted: [
    { kind: 'accepted', accepted, copies: ['flash', 'eeprom'], singleCopy: false },
    {
      kind: 'accepted',
      accepted: { changed: false, diff: [], revision: 0, epoch: 0, given: {} },
      copies: ['flash'],
      singleCopy: true,
      dryRun: {
        steps: Object.values(steps),
        findings: [
          { type: 'fault', reason: 'bmc-silent', say: 'no answer', remedy: 'reseat the bay or pull its blade' },
        ],
      },
    },
  ],
  state: [
    {
      kind: 'state',
      parts: [
        { ...published, part: parts.pool },
        { ...published, part: parts.health },
      ],
    },
  ],
  events: [{ kind: 'events', events: Object.values(events) }],
  reasons: [
    {
      kind: 'reasons',
      reasons: [
        { number: 1, name: 'too-large', type: 'refusal', code: 3, remedy: 'send at most 96 KiB; split the change' },
        { number: 90, name: 'backplane-silent', type: 'fault', code: 14, remedy: 'check the controller seating' },
      ],
    },
  ],
  'looked-up': [{ kind: 'looked-up', request: 'my-first-try', sequence: 0, accepted }],
  backup: [{ kind: 'backup', text: backupText }],
}

export const replies: { readonly [name: string]: Reply } = Object.fromEntries(
  Object.entries(outcomes).flatMap(([kind, list]) =>
    list.map((outcome, i) => [
      i === 0 ? kind : `${kind}-${i + 1}`,
      { request: 'my-first-try', epoch: 4, revision: 12, incarnation, term: 1, replayed: i === 1, outcome },
    ]),
  ),
)
