/**
 * The first hour of somebody who writes a central manager: a request made by bare protoc, with nothing of ours but the
 * sources of the protocol, to an agent that was never spoken to before. The lines are those of proto/README.md.
 */
import { copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWith } from '../setup/peers.ts'
import { type Broker, startAedes, startMosquitto } from './brokers.ts'
import { blockWith, openShell, type Shell, type ShellOptions } from './shell.ts'
import { openStage, root, type Stage, type StageOptions } from './stage.ts'

interface Row {
  readonly with: string
  readonly start: () => Promise<Broker>
  /** What the agent is told to speak. */
  readonly agent: NonNullable<StageOptions['mqtt']>
  readonly version?: NonNullable<ShellOptions['version']>
}

const rows: readonly Row[] = [
  { with: 'aedes, as the README says', start: startAedes, agent: 'auto' },
  { with: 'mosquitto, MQTT 3.1.1 on both sides', start: startMosquitto, agent: '3', version: 'mqttv311' },
  { with: 'mosquitto, MQTT 5 on both sides', start: startMosquitto, agent: '5', version: 'mqttv5' },
]

describeWith(['protoc', 'mosquitto', 'mosquitto_pub', 'mosquitto_sub'], 'a first request', () => {
  describe.each(rows)('with $with', ({ start, agent, version }) => {
    let broker: Broker
    let stage: Stage
    let shell: Shell
    const opened: (() => void | Promise<void>)[] = []

    beforeAll(async () => {
      broker = await start()
      opened.push(broker.close)
      stage = await openStage({ broker, mqtt: agent })
      opened.push(stage.close)
      symlinkSync(join(root, 'proto'), join(stage.folder, 'proto'))
      copyFileSync(join(stage.folder, 'dist/midplane.binpb'), join(stage.folder, 'midplane.binpb'))
      shell = openShell({ folder: stage.folder, port: broker.port, ...(version && { version }) })
      opened.push(shell.close)
    })
    afterAll(async () => {
      for (const close of opened.splice(0).reverse()) await close()
    })

    /** Both terminals of the README: one waits, the other sends. */
    async function ask(send: string): Promise<string> {
      const listening = broker.subscribed('midplane/v1/demo/rsp/me')
      const answer = shell.type(blockWith('rsp/me'))
      await Promise.race([listening, answer])
      await shell.type(send)
      return answer
    }
    const sending = blockWith('mosquitto_pub')

    test('is accepted from bare protoc, with nothing set up before', async () => {
      const answer = await ask(sending)
      expect(answer).toMatch(/^request_id: "my-first-try"\n/)
      expect(answer).toMatch(/\naccepted \{\n {2}changed: true\n {2}diff: "bay 3: locate light on"\n {2}revision: 1\n/)
      expect(answer).toContain('copies: STORED_COPY_FLASH')
      for (const word of ['reason', 'code', 'message', 'replayed'])
        expect(answer).not.toMatch(new RegExp(`^${word}:`, 'm'))
    })

    test('is shown done as JSON, which mosquitto_sub alone can read', async () => {
      const printed = await shell.watch(
        blockWith('json/state'),
        (lines) => partsIn(lines).get('bay-3')?.view.locate === true,
      )
      const bay = partsIn(printed).get('bay-3')
      expect(bay).toMatchObject({ part: 'bay', revision: 1, term: 1, view: { bay: 3, locate: true, inSync: true } })
    })

    test('has every part of the chassis among its JSON, and each bay once', async () => {
      const whole = (lines: string) => partsIn(lines).has('chassis') && partsIn(lines).has('health')
      const parts = partsIn(await shell.watch(blockWith('json/state'), whole))
      const listed = Object.keys((parts.get('chassis')?.view.parts as object | undefined) ?? {})
      expect([...parts.keys()].filter((name) => name !== 'chassis').sort()).toEqual(listed.sort())
      expect(listed.filter((name) => name.startsWith('bay-'))).toHaveLength(16)
    })

    test('is shown done in the retained state of the bay, which bare protoc reads', async () => {
      const state = await shell.type(blockWith('state/bay-3'))
      expect(state).toMatch(/^revision: 1\n/)
      expect(state).toMatch(/\nbay \{\n {2}bay: 3\n/)
      expect(state).toMatch(/\n {2}locate: true\n {2}in_sync: true\n/)
    })

    test('sent again is answered from memory and not run again', async () => {
      const again = await ask('mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -t midplane/v1/demo/req/me -f first.bin')
      expect(again).toMatch(/^replayed: true$/m)
      expect(again).toMatch(/\naccepted \{\n {2}changed: true\n {2}diff: "bay 3: locate light on"\n {2}revision: 1\n/)
      expect(again).toMatch(/^revision: 1$/m)
    })

    test('with another bay under the same id is refused, with what to do', async () => {
      const refused = await ask(sending.replace('bay: 3', 'bay: 4'))
      expect(refused).toMatch(/^code: 3\nreason: REASON_REQUEST_ID_REUSED\nmessage: ".*use a new id"$/m)
      expect(refused).not.toMatch(/^accepted/m)
    })

    test('needs no checkout: the descriptors from a build read presence, which names their digest', async () => {
      const said = await shell.type(blockWith('sha256sum'))
      expect(said).toMatch(/^online: true$/m)
      expect(said).toMatch(/^board: "hp-c7000"$/m)
      const digest = /^([0-9a-f]{64}) {2}midplane\.binpb$/m.exec(said)?.[1]
      expect(digest).toBeDefined()
      expect(said).toContain(`schema: "${digest}"`)
    })

    if (version === 'mqttv5') {
      test('gets its correlation data back', async () => {
        const listening = broker.subscribed('midplane/v1/demo/rsp/me')
        const line = "mosquitto_sub -h 127.0.0.1 -p 1883 -q 1 -t midplane/v1/demo/rsp/me -C 1 -F '%D'"
        const answer = shell.type(line)
        await Promise.race([listening, answer])
        const mark = '-D publish correlation-data ticket-4711'
        await shell.type(`mosquitto_pub -h 127.0.0.1 -p 1883 -q 1 -t midplane/v1/demo/req/me -f first.bin ${mark}`)
        expect(await answer).toBe('ticket-4711\n')
      })
    }
  })
})

interface JsonPart {
  readonly part: string
  readonly view: { readonly [name: string]: unknown }
}

/** What `mosquitto_sub -v` printed: topic, blank, payload; the newest of each part. The last line may be half there. */
function partsIn(printed: string): Map<string, JsonPart> {
  const whole = printed.split('\n').slice(0, -1)
  return new Map(
    whole.map((line) => {
      const [, name, json] = /^midplane\/v1\/demo\/json\/state\/(\S+) (.*)$/.exec(line) ?? []
      if (name === undefined || json === undefined) throw new Error(`not a part: ${line}`)
      return [name, JSON.parse(json) as JsonPart]
    }),
  )
}
