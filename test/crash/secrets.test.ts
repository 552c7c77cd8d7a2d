/**
 * A planted secret is looked for in what goes wrong and in what people print: the console's screen, the backup with and
 * without a passphrase, what is said when flash and EEPROM fail while it is stored, what a power cut leaves of both, and
 * what a controller says that can not read them any more (W16).
 */
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openDesk } from '../../agent/controller/desk.ts'
import { openDiary } from '../../agent/controller/diary.ts'
import { openConsole } from '../../agent/controller/doors/console/console.ts'
import { sealer } from '../../agent/controller/secrets.ts'
import { startShowing } from '../../agent/controller/showing.ts'
import { openEeprom } from '../../agent/controller/store/eeprom.ts'
import { openEventRing } from '../../agent/controller/store/event-ring.ts'
import type { Command } from '../../agent/core/command.ts'
import { Rig } from '../controller/rig.ts'
import { memoryEeprom } from '../controller/store/memory-eeprom.ts'
import { memoryMedium, OUTCOMES, seeded } from '../controller/store/memory-medium.ts'
import { id, iscsiProfile, pools } from '../core/lab.ts'

const planted = ['xQ9-planted-while-all-is-well', 'xQ9-planted-while-flash-fails', 'xQ9-planted-while-the-EEPROM-fails']

/** In clear, as hex, and as base64 at each of the three places where it can begin. */
function forms(plain: string): readonly string[] {
  const shifted = [0, 1, 2].map((by) =>
    Buffer.concat([Buffer.alloc(by), Buffer.from(plain)])
      .toString('base64')
      .slice(4, -4),
  )
  return [plain, Buffer.from(plain).toString('hex'), ...shifted]
}

test('a secret is found on no screen, in no backup, no error and no dump, whatever fails while it is stored', async () => {
  const rig = new Rig()
  const { memory, agent } = await rig.start()
  await rig.settle()
  const clock = { uptimeMs: () => rig.clock.now(), timeMs: () => undefined, after: rig.clock.after.bind(rig.clock) }
  const places = new Map<string, Buffer>()
  const note = (place: string, what: unknown): void => {
    const before = places.get(place) ?? Buffer.alloc(0)
    const text = what instanceof Uint8Array ? what : Buffer.from(typeof what === 'string' ? what : JSON.stringify(what))
    places.set(place, Buffer.concat([before, text]))
  }
  const diary = openDiary(await openEventRing({ medium: memoryMedium() }), clock, 'boot-1', (line) => note('log', line))
  const showing = startShowing({
    ...{ clock, hardware: rig.hardware, now: agent.now, health: () => undefined },
    controllers: () => [{ slot: 'A', version: '0', uptimeMs: 0, role: 'owner', host: 'unknown', store: memory.view() }],
  })
  const desk = openDesk({
    ...{
      chassis: id<'Chassis'>('rig'),
      agent,
      showing,
      diary,
      clock,
      digest: () => '',
      keyIsCurrent: () => memory.keyIsCurrent,
    },
    sealer: sealer(memory.chassisKey ?? expect.unreachable()),
    about: { bootId: 'boot-1', version: '0', schema: '', board: 'hp-c7000' },
  })
  const set = async (value: string | undefined) => {
    const command = { kind: 'set-secret', secret: id<'Secret'>('chap'), value: value ?? '' } as const
    const reply = await rig.clock.until(desk.submit(command, rig.envelope({ kind: 'resync' })))
    note('answers', reply)
    return reply.outcome.kind
  }
  const dump = () => {
    for (const [i, outcome] of OUTCOMES.entries())
      for (const [name, bytes] of rig.medium.remains(outcome, seeded(i))) note(`flash: ${name}`, bytes)
    note('EEPROM', rig.eeprom.bytes)
  }

  for (const pool of pools) await rig.do(pool)
  expect(await set(planted[0])).toBe('accepted')
  await rig.do({ kind: 'define-profile', profile: iscsiProfile('web-01') })
  const into = { to: { bay: 3 }, when: 'now', preprovision: false, power: 'on' } as const
  await rig.do({ kind: 'assign', profile: id<'Profile'>('web-01'), ...into } satisfies Command)
  await rig.settle()
  // At each cut of what is under way, too.
  rig.medium.watch = dump
  rig.eeprom.fail = () => ({ why: 'EIO', arrived: 64 })
  expect(await set(planted[2])).toBe('accepted')
  rig.eeprom.fail = () => undefined
  let faults = 1
  rig.medium.fail = ({ operation }) => (operation === 'sync' && faults-- > 0 ? { code: 'EIO' } : undefined)
  expect(await set(planted[1])).toBe('refused')
  await rig.clock.advance(60_000)
  expect(await set(planted[1])).toBe('accepted')
  rig.medium.watch = () => {}
  dump()
  const { reading } = await openEeprom(rig.eeprom)
  if (reading.kind !== 'content') return expect.unreachable(reading.kind)
  expect([...reading.map.keys()]).toContain('secret:chap')
  note('what the EEPROM unpacks to', [...reading.map])

  const input = new PassThrough()
  const output = new PassThrough()
  output.on('data', (bytes: Buffer) => note('console', bytes))
  openConsole({
    input,
    output,
    front: desk,
    client: id<'Client'>('console-a'),
    slot: 'A',
    echo: false,
    newRequestId: () => 'request-at-console',
  })
  const lines = [
    'show bays',
    'show store',
    'show bay 3',
    'why bay 3',
    'show profile web-01',
    'show events',
    'show todo',
    'backup',
    'help',
    'version',
  ]
  const prompts = () => (places.get('console')?.toString('latin1') ?? '').split('rig-A# ').length - 1
  for (const [n, line] of lines.entries()) {
    input.write(`${line}\r`)
    while (prompts() < n + 2) {
      await rig.clock.advance(10)
      await setImmediate()
    }
  }
  // Sealing under a passphrase takes real time, none of the chassis' own.
  note('backups', (await desk.backup()).outcome)
  note('backups', (await desk.backup('a passphrase', id<'Client'>('central'))).outcome)
  note('views', [memory.view(), agent.now(), rig.records, desk.parts(), desk.presence()])

  // A controller that can read neither copy any more, and says so.
  const [flash, chip] = [rig.medium.files(), new Uint8Array(rig.eeprom.bytes)]
  for (const bytes of flash.values()) bytes.fill(0x55, bytes.length >> 2, bytes.length >> 1)
  for (let at = 300; at < chip.length; at += 640) chip.fill(0x55, at, at + 40)
  rig.kill()
  rig.medium = memoryMedium(flash)
  rig.eeprom = memoryEeprom({ size: chip.length, pageBytes: rig.eeprom.pageBytes, bytes: chip })
  const damaged = await rig.start()
  expect(damaged.memory.readOnly()).toBeDefined()
  note('what a damaged controller says', [damaged.memory.view(), damaged.memory.readOnly(), damaged.agent.now()])
  rig.kill()

  // It was really used: the blade's adapter has it.
  expect(JSON.stringify(rig.host.world)).toContain(planted[0])
  let searched = 0
  for (const [place, bytes] of places) {
    for (const form of planted.flatMap(forms)) {
      expect(bytes.includes(form), `${form} in ${place}`).toBe(false)
      searched++
    }
  }
  const sizes = [...places].map(([place, bytes]) => `${place} ${bytes.length}`)
  console.log(`${searched} searches in ${places.size} places: ${sizes.join(', ')}`)
  // The search can find, and there was something to search in.
  expect(places.get('console')?.includes('web-01')).toBe(true)
  expect(places.get('backups')?.length).toBeGreaterThan(500)
  for (const place of ['answers', 'EEPROM', 'views', 'what a damaged controller says'])
    expect(places.get(place)?.length, place).toBeGreaterThan(200)
  expect(places.size).toBeGreaterThanOrEqual(9)
  expect(searched).toBeGreaterThanOrEqual(130)
}, 600_000)
