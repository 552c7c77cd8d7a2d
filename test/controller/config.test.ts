import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readConfig, usage } from '../../agent/controller/config.ts'

const folder = mkdtempSync(join(tmpdir(), 'config-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const needed = ['--chassis', 'rack-1', '--board', 'hp-c7000', '--data', '/data', '--backplane', '/run/backplane']
const read = (args: readonly string[], env = {}) => readConfig(args, 'beside/boards', env)

function config(args: readonly string[], env = {}) {
  const asked = read(args, env)
  return asked.ask === 'run' ? asked.config : expect.unreachable(JSON.stringify(asked))
}

function complaints(args: readonly string[], env = {}): readonly string[] {
  const asked = read(args, env)
  return asked.ask === 'complain' ? asked.complaints : expect.unreachable(JSON.stringify(asked))
}

const secret = 'tr0ub4dor'
const account = { url: 'https://10.0.0.1', user: 'root', password: secret }

test('four options are enough; the rest has defaults', () => {
  expect(config(needed)).toEqual({
    chassis: 'rack-1',
    board: 'hp-c7000',
    boards: 'beside/boards',
    data: '/data',
    backplane: '/run/backplane',
    bmc: {},
    json: false,
    console: 'none',
    slot: 'A',
  })
})

test('every option ends up where it belongs', () => {
  const bmc = file('bmc.json', JSON.stringify({ 1: account, 16: account }))
  const password = file('password', ` ${secret} \n`)
  const args = [
    ...needed,
    ...['--boards', '/boards', '--eeprom', '/sys/eeprom', '--bmc', bmc, '--broker', 'mqtts://broker:8883'],
    ...['--user', 'rack', '--password-file', password, '--mqtt', '3', '--json', '--console', '/dev/ttyS0'],
    ...['--baud=9600', '--slot', 'B', '--adopt', 'rack-1'],
  ]
  expect(config(args)).toEqual({
    chassis: 'rack-1',
    board: 'hp-c7000',
    boards: '/boards',
    data: '/data',
    backplane: '/run/backplane',
    eeprom: '/sys/eeprom',
    bmc: { 1: account, 16: account },
    broker: { url: 'mqtts://broker:8883', username: 'rack', password: ` ${secret} `, version: 4 },
    json: true,
    console: { path: '/dev/ttyS0', baud: 9600 },
    slot: 'B',
    adopt: 'rack-1',
  })
})

test.each([
  ['mqtt://localhost:1883', '5', 5],
  ['tcp://10.0.0.5:1883', 'auto', 'auto'],
  ['tls://[fd00::5]:8883', '3', 4],
] as const)('a broker at %s is spoken to with version %s', (url, mqtt, version) => {
  expect(config([...needed, '--broker', url, '--mqtt', mqtt]).broker).toEqual({ url, version })
})

test('the environment fills in what the arguments leave out, and never overrules them', () => {
  const env = {
    MIDPLANE_CHASSIS: 'rack-9',
    MIDPLANE_BOARD: 'dell-m1000e',
    MIDPLANE_DATA: '/elsewhere',
    MIDPLANE_BACKPLANE: '4242',
    MIDPLANE_JSON: '1',
    MIDPLANE_USER: 'rack',
    MIDPLANE_PASSWORD_FILE: file('from-env', secret),
    MIDPLANE_BROKER: 'mqtt://broker',
    MIDPLANE_CONSOLE: '',
  }
  expect(config([], env)).toMatchObject({
    chassis: 'rack-9',
    board: 'dell-m1000e',
    json: true,
    console: 'none',
    backplane: '4242',
    broker: { username: 'rack', password: secret },
  })
  expect(config(needed, env)).toMatchObject({ chassis: 'rack-1', board: 'hp-c7000', data: '/data' })
  expect(config([...needed], { MIDPLANE_JSON: '0' }).json).toBe(false)
})

test('to adopt is said for one start, and not left standing in the environment', () => {
  expect(config(needed, { MIDPLANE_ADOPT: 'rack-1' }).adopt).toBeUndefined()
})

test('help and version are answered whatever else is asked', () => {
  expect(read(['--help', '--nonsense'])).toEqual({ ask: 'help' })
  expect(read(['--version'])).toEqual({ ask: 'version' })
})

test('the usage names every option, and no other', () => {
  const named = new Set(usage.match(/--[a-z-]+/g))
  const known = [...named].filter((option) => {
    const asked = read([option])
    return asked.ask !== 'complain' || !asked.complaints.some((say) => say.includes('no option'))
  })
  expect(known).toEqual([...named])
  expect(named.size).toBe(24)
})

describe('What can not be used is complained of, one sentence each:', () => {
  const bmc = (content: unknown) => ['--bmc', file(`bmc-${++files}.json`, JSON.stringify(content))]
  let files = 0
  test.each<readonly [readonly string[], string]>([
    [['--nonsense'], 'there is no option --nonsense'],
    [['-x'], 'there is no option -x'],
    [['start'], 'start is no option'],
    [['--json=yes'], '--json takes no value'],
    [['--eeprom'], '--eeprom needs a value'],
    [['--eeprom', '--json'], '--eeprom needs a value'],
    [['--eeprom='], '--eeprom needs a value'],
    [['--chassis', 'Rack 1'], '--chassis Rack 1 is no id: [a-z0-9][a-z0-9-]{0,47}'],
    [['--backplane', '70000'], '--backplane 70000 is no port: 1 to 65535'],
    [['--slot', 'C'], '--slot C is neither A nor B'],
    [['--mqtt', '4'], '--mqtt 4 is neither auto, 3 nor 5'],
    [['--baud', '1e5'], '--baud 1e5 is no rate: 300 to 4000000'],
    [['--baud', '110'], '--baud 110 is no rate: 300 to 4000000'],
    [['--broker', 'broker:1883'], '--broker is no mqtt://host:port or mqtts://host:port without an account in it'],
    [
      ['--broker', `mqtt://me:${secret}@broker`],
      '--broker is no mqtt://host:port or mqtts://host:port without an account in it',
    ],
    [['--broker', 'mqtt://'], '--broker is no mqtt://host:port or mqtts://host:port without an account in it'],
    [['--password-file', '/nowhere', '--user', 'me'], '--password-file /nowhere can not be read'],
    [['--password-file', file('empty', '\n'), '--user', 'me'], `--password-file ${join(folder, 'empty')} is empty`],
    [['--password-file', file('alone', secret)], '--password-file needs --user'],
    [['--bmc', '/nowhere'], '--bmc /nowhere can not be read'],
    [['--bmc', file('torn.json', `{"1": {"password": "${secret}"`)], `--bmc ${join(folder, 'torn.json')} is no JSON`],
    [['--adopt', 'rack-2'], '--adopt rack-2 is not this chassis: name the one that --chassis names'],
  ])('%j', (args, say) => {
    expect(complaints([...needed, ...args])).toEqual([say])
  })

  test.each<readonly [string, unknown, RegExp]>([
    ['a list', [account], /is no table of bays/],
    ['nothing', null, /is no table of bays/],
    ['a bay that is no number', { one: account }, /one is no bay$/],
    ['bay 0', { 0: account }, /0 is no bay$/],
    [
      'an account without a password',
      { 3: { url: 'https://10.0.0.1', user: 'root' } },
      /bay 3 needs url, user and password$/,
    ],
    ['an account that is none', { 3: null }, /bay 3 needs url, user and password$/],
    ['a bare host', { 3: { ...account, url: '10.0.0.1' } }, /url of bay 3 is no http/],
    ['an account in the url', { 3: { ...account, url: `https://root:${secret}@10.0.0.1` } }, /url of bay 3 is no http/],
  ])('a BMC file with %s', (_, content, say) => {
    expect(complaints([...needed, ...bmc(content)])).toEqual([expect.stringMatching(say)])
  })

  test('all of it at once', () => {
    expect(complaints([])).toEqual(['chassis', 'board', 'data', 'backplane'].map((name) => `--${name} is missing`))
    expect(complaints(['--chassis', 'A', '--slot', 'C', '--nonsense'])).toHaveLength(6)
  })

  test('and none tells a password', () => {
    const told = [
      ...complaints([...needed, '--bmc', file('a.json', `{"1": {"password": "${secret}"`)]),
      ...complaints([...needed, '--bmc', file('b.json', JSON.stringify({ 1: { password: secret } }))]),
      ...complaints([...needed, '--broker', `mqtt://me:${secret}@broker`]),
    ]
    expect(told).toHaveLength(3)
    expect(told.join()).not.toContain(secret)
  })
})

test('TLS files are read for mqtts, and complained about where they can not be', () => {
  const folder = mkdtempSync(join(tmpdir(), 'midplane-tls-'))
  writeFileSync(join(folder, 'ca.pem'), 'a certificate')
  const base = ['--chassis', 'c1', '--board', 'hp-c7000', '--data', 'd', '--backplane', 'b']
  const ca = ['--ca', join(folder, 'ca.pem')]
  expect(readConfig([...base, '--broker', 'mqtts://broker:8883', ...ca], 'boards', {})).toMatchObject({
    ask: 'run',
    config: { broker: { tls: { ca: 'a certificate' } } },
  })
  expect(readConfig([...base, '--broker', 'mqtt://broker:1883', ...ca], 'boards', {})).toEqual({
    ask: 'complain',
    complaints: ['--ca, --cert and --key need mqtts://'],
  })
  const missing = join(folder, 'none.pem')
  expect(readConfig([...base, '--broker', 'mqtts://broker:8883', '--cert', missing], 'boards', {})).toEqual({
    ask: 'complain',
    complaints: [`--cert ${missing} can not be read`],
  })
})
