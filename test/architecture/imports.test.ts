// The design's picture of the code, kept true: arrows only point down. What stands here reads like the page it guards.

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { breaches, importsOf, type Rules } from './imports.ts'

const ground = ['core', 'wire', 'ipmi', 'redfish', 'backplane', 'boards', 'version']
/** Time is handed in, so that the same agent runs under a clock that a test moves. */
const clock = 'controller/clock'
const below = ['controller/store', 'controller/hardware', 'controller/host', 'controller/config', clock, ...ground]

const design: Rules = {
  arrows: {
    // The ground: what every program stands on.
    core: [],
    version: [],
    wire: ['core'],
    ipmi: ['core'],
    redfish: ['core'],
    backplane: ['core'],
    boards: ['core'],

    // The controller: main → agent, doors, pair, firmware → store, hardware → ground.
    'controller/main': ['controller', ...ground],
    // Around the agent, put together by main: its memory, what it shows and tells, and what the doors get of it.
    'controller/memory': ['controller/agent', 'controller/tend', 'controller/proof', ...below],
    'controller/proof': below,
    'controller/tend': below,
    'controller/showing': ['controller/agent', ...below],
    'controller/diary': ['controller/agent', ...below],
    'controller/desk': [
      'controller/agent',
      'controller/showing',
      'controller/diary',
      'controller/secrets',
      'controller/backups',
      'controller/doors/front',
      ...below,
    ],
    'controller/backups': ['controller/agent', 'controller/showing', 'controller/secrets', ...below],
    'controller/serve': [
      'controller/agent',
      'controller/autonomy',
      'controller/desk',
      'controller/diary',
      'controller/doors/front',
      'controller/memory',
      'controller/secrets',
      'controller/showing',
      ...below,
    ],
    'controller/standby': [
      'controller/desk',
      'controller/diary',
      'controller/doors/front',
      'controller/showing',
      ...below,
    ],
    'controller/autonomy': ['controller/agent', ...below],
    'controller/secrets': ground,
    'controller/agent': ['controller/tend', ...below],
    'controller/doors': below, // they receive submit as an argument
    'controller/pair': below,
    'controller/firmware': below,
    'controller/store': [clock, ...ground],
    'controller/hardware': [clock, ...ground], // so a driver never imports the agent
    'controller/host': [clock, ...ground],
    'controller/config': [clock, ...ground],

    [clock]: [],

    // The other two wings, and the demo that puts all three together.
    sim: ground,
    ctl: ground,
    demo: ['controller', 'sim', 'ctl', ...ground],
  },
  onlyFrom: {
    'wire/generated': ['wire'],
    protobufjs: ['wire'],
    serialport: ['controller/hardware/serial-line'],
    systeminformation: ['controller/host'],
    aedes: ['demo'],
  },
  foreign: {
    // Pure: no clock, no files, no sockets. RMCP+ needs hashes and a cipher, a request's signature its key.
    core: [],
    wire: ['node:crypto', 'protobufjs/minimal.js'],
    ipmi: ['node:crypto'],
    redfish: [],
  },
  globals: [
    {
      say: 'reads the environment; config.ts does, and passes on what it found',
      pattern: /\bprocess\s*\??\.\s*env\b|\benv\b[^;=]*\}\s*=\s*process\b/,
      in: (path) => !path.endsWith('/config.ts'),
    },
    {
      say: 'reads a clock; it gets the time as an argument',
      pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\b|\bDate\s*\(|\bperformance\s*\.|\bhrtime\b/,
      in: (path) => /^(core|controller)\//.test(path) && path !== `${clock}.ts`,
    },
    {
      say: 'sets a timer of its own; the clock that it is given does that',
      pattern: /\bset(Timeout|Interval|Immediate)\s*\(|\bAbortSignal\s*\.\s*timeout\b|node:timers/,
      in: (path) => /^(core|controller\/(agent|doors|pair|firmware|store))\b/.test(path),
    },
    {
      say: 'draws a random number; it gets randomness as an argument',
      pattern: /\bMath\s*\.\s*random\b|\brandomUUID\b|\bgetRandomValues\b/,
      in: (path) => /^(core|controller\/(agent|pair|store))\b/.test(path),
    },
  ],
}

const agent = fileURLToPath(new URL('../../agent/', import.meta.url))
const sources = readdirSync(agent, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('wire/generated/'))
  .sort()
  .map((path) => ({ path, text: readFileSync(`${agent}${path}`, 'utf8') }))

describe('the arrows of the design', () => {
  it('hold for every import in agent/', () => {
    const imports = sources.flatMap(({ text }) => importsOf(text))
    console.log(`${imports.length} imports in ${sources.length} files`)
    expect(imports.length).toBeGreaterThan(sources.length / 2)
    expect(breaches(sources, design)).toEqual([])
  })
})

const planted: readonly (readonly [claim: string, path: string, text: string])[] = [
  ['core imports nothing of Node', 'core/plan.ts', "import { readFile } from 'node:fs/promises'"],
  ['core imports no package', 'core/plan.ts', "import Long from 'long'"],
  ['core imports no other ground', 'core/plan.ts', "import { encode } from '../wire/encode.ts'"],
  ['core imports not even a type from above', 'core/plan.ts', "import type { Agent } from '../controller/agent.ts'"],
  ['core takes nothing in by another way', 'core/plan.ts', "const plan = await import('../controller/agent.ts')"],
  ['core passes nothing on from above', 'core/plan.ts', "export {\n  submit,\n} from '../controller/agent.ts'"],
  ['core imports nothing for its effects', 'core/plan.ts', "import '../controller/main.ts'"],
  ['core reads no clock', 'core/plan.ts', 'export const now = () => Date.now()'],
  ['core makes no dates', 'core/plan.ts', 'export const now = () => new Date()'],
  ['core sets no timers', 'core/plan.ts', 'setTimeout(() => {}, 1000)'],
  ['core draws no random numbers', 'core/pool.ts', 'export const pick = () => Math.random()'],
  ['the agent reads no clock of its own', 'controller/agent.ts', 'export const start = performance.now()'],
  ['a door sets no timer of its own', 'controller/doors/mqtt.ts', 'setInterval(() => {}, 1000)'],
  ['the simulator does not know the agent', 'sim/main.ts', "import { submit } from '../controller/agent.ts'"],
  ['the agent does not know the simulator', 'controller/main.ts', "import { world } from '../sim/world.ts'"],
  ['chassisctl does not know the agent', 'ctl/main.ts', "import { open } from '../controller/store/journal.ts'"],
  ['no program knows the demo', 'ctl/main.ts', "import { demo } from '../demo/main.ts'"],
  ['the ground knows no program', 'redfish/bmc.ts', "import { bay } from '../sim/bay.ts'"],
  ['a driver does not know the agent', 'controller/hardware/ipmi.ts', "import { submit } from '../agent.ts'"],
  ['a door does not know the agent', 'controller/doors/mqtt.ts', "import { submit } from '../agent.ts'"],
  ['a door does not know another kind of part', 'controller/doors/mqtt.ts', "import { elect } from '../pair/elect.ts'"],
  ['the store does not know the hardware', 'controller/store/journal.ts', "import { cut } from '../hardware/ipmi.ts'"],
  ['nobody below knows main', 'controller/agent.ts', "import { start } from './main.ts'"],
  ['only wire knows the generated code', 'ctl/main.ts', "import { midplane } from '../wire/generated/midplane.js'"],
  ['only wire knows protobuf', 'ctl/main.ts', "import protobuf from 'protobufjs/minimal.js'"],
  ['only the serial line knows serialport', 'controller/doors/console/line.ts', "await import('serialport')"],
  ['only host.ts asks the system', 'controller/agent.ts', "import si from 'systeminformation'"],
  ['codecs open no sockets', 'ipmi/session.ts', "import { createSocket } from 'node:dgram'"],
  ['only config.ts reads the environment', 'controller/agent.ts', 'export const broker = process.env.BROKER'],
  ['nor is it unpacked elsewhere', 'controller/agent.ts', 'const { env } = process'],
  ['a new folder needs a place in the design', 'helpers/text.ts', ''],
]

describe('a breach of the design is found:', () => {
  it.each(planted)('%s', (_, path, text) => {
    expect(breaches([{ path, text }], design)).toHaveLength(1)
  })
})

const allowed: readonly (readonly [claim: string, path: string, text: string])[] = [
  ['core imports core', 'core/plan.ts', "import type { Bay } from './board.ts'"],
  ['a comment may name what code may not use', 'core/plan.ts', '// Date.now() would make this impure\nexport {}'],
  ['the serial line may import serialport', 'controller/hardware/serial-line.ts', "await import('serialport')"],
  ['main knows every part', 'controller/main.ts', "import { mqttDoor } from './doors/mqtt.ts'"],
  ['the demo knows every wing', 'demo/main.ts', "import { world } from '../sim/world.ts'"],
  ['config.ts reads the environment', 'controller/config.ts', 'export const config = () => process.env'],
  ['the clock reads the clock', 'controller/clock.ts', 'export const now = () => Date.now()'],
  ['a word that begins alike is another word', 'sim/main.ts', 'export const x = process.environment'],
]

describe('what the design allows passes:', () => {
  it.each(allowed)('%s', (_, path, text) => {
    expect(breaches([{ path, text }], design)).toEqual([])
  })
})
