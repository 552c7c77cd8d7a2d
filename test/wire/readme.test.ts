/** The first request of proto/README.md, typed as it stands there, through a real broker. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Aedes } from 'aedes'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isQuery } from '../../agent/wire/command.ts'
import { decodeRequest } from '../../agent/wire/request.ts'
import { describeWith } from '../setup/peers.ts'
import { digest, goldens } from './golden.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const blocks = [...readFileSync(join(root, 'proto/README.md'), 'utf8').matchAll(/```sh\n(.*?)```/gs)].map(
  ([, block]) => block ?? '',
)

describeWith(['protoc', 'mosquitto_pub', 'mosquitto_sub'], 'the first request of the README', () => {
  let broker: Aedes
  let server: Server
  let folder: string
  let port: number
  const running: ChildProcess[] = []

  beforeAll(async () => {
    broker = await Aedes.createBroker()
    server = createServer({ noDelay: true }, broker.handle)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    port = typeof address === 'object' && address !== null ? address.port : 0
    folder = mkdtempSync(join(tmpdir(), 'midplane-readme-'))
    symlinkSync(join(root, 'proto'), join(folder, 'proto'))
  })

  afterAll(async () => {
    for (const child of running) child.kill()
    await new Promise<void>((resolve) => broker.close(resolve))
    server.close()
    rmSync(folder, { recursive: true })
  })

  /** Runs one block; resolves with what it printed. */
  function type(block: string): Promise<string> {
    expect(block).toContain('-p 1883')
    const child = spawn('bash', ['-euo', 'pipefail', '-c', block.replaceAll('-p 1883', `-p ${port}`)], { cwd: folder })
    running.push(child)
    let said = ''
    child.stdout.on('data', (piece: Buffer) => {
      said += piece.toString('utf8')
    })
    child.stderr.pipe(process.stderr)
    return new Promise((resolve, reject) => {
      child.on('exit', (code) => (code === 0 ? resolve(said) : reject(new Error(`exit ${code}: ${block}`))))
    })
  }

  const golden = (file: string) => {
    const found = goldens.find((each) => each.file === file)
    if (found === undefined) throw new Error(`no golden ${file}`)
    return { bytes: Buffer.from(found.encode()), text: readFileSync(join(root, `test/golden/${file}.txtpb`), 'utf8') }
  }
  const publish = (topic: string, payload: Buffer, retain: boolean) =>
    new Promise<void>((resolve, reject) => {
      const packet = { cmd: 'publish', topic, payload, retain, qos: 1, dup: false } as const
      broker.publish(packet, (error) => (error ? reject(error) : resolve()))
    })

  test('reaches the agent as the command that it says', async () => {
    const arrived = new Promise<{ topic: string; payload: Uint8Array }>((resolve) => {
      broker.on('publish', ({ topic, payload }, client) => {
        if (client !== null) resolve({ topic, payload: Buffer.from(payload) })
      })
    })
    await type(blocks[1] ?? '')
    const { topic, payload } = await arrived
    expect(topic).toBe('midplane/v1/demo/req/me')
    const decoded = decodeRequest(payload, digest)
    expect(decoded).toMatchObject({
      request: { request: 'my-first-try', chassis: 'demo', body: { kind: 'locate', bay: 3, lit: true } },
    })
    expect('request' in decoded && decoded.request.body.kind !== 'invalid' && isQuery(decoded.request.body)).toBe(false)
  })

  test('is answered in words', async () => {
    const subscribed = once(broker, 'subscribe')
    const said = type(blocks[0] ?? '')
    await subscribed
    const { bytes, text } = golden('response/accepted')
    await publish('midplane/v1/demo/rsp/me', bytes, false)
    expect(await said).toBe(text)
  })

  test('shows its effect in the retained state of the bay', async () => {
    const { bytes, text } = golden('state/bay')
    await publish('midplane/v1/demo/state/bay-3', bytes, true)
    expect(await type(blocks[2] ?? '')).toBe(text)
  })
})
