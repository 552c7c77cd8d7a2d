// chassisctl and a broker that somebody else wrote, in both versions of MQTT.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connect } from '../../agent/ctl/client.ts'
import { describeWith } from '../setup/peers.ts'
import { deadUrl } from './broker.ts'
import { Responder } from './responder.ts'
import { ctl, document, opened, text } from './rig.ts'

describeWith(['mosquitto'], 'over mosquitto', () => {
  let url = ''
  let mosquitto: ChildProcess | undefined
  let agent: Responder | undefined

  beforeAll(async () => {
    url = await deadUrl()
    const path = `${process.env.PATH}:/usr/sbin`
    const started = spawn('mosquitto', ['-v', '-p', new URL(url).port], {
      env: { PATH: path },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    mosquitto = started
    let log = ''
    await new Promise<void>((resolve, reject) => {
      started.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString()
        if (/ running$/m.test(log)) resolve()
      })
      started.once('exit', () => reject(new Error(`mosquitto did not start: ${log}`)))
      started.once('error', reject)
    })
    agent = await new Responder(url).start()
  })

  afterAll(async () => {
    await agent?.close()
    if (mosquitto?.exitCode === null && mosquitto.kill()) await once(mosquitto, 'exit')
  })

  it('MQTT 5 is spoken when asked for, and 3.1.1 otherwise', async () => {
    const five = opened(await connect({ broker: url, client: 'five', mqtt: 5 }))
    const three = opened(await connect({ broker: url, client: 'three' }))
    expect([five.mqtt(), three.mqtt()]).toEqual([5, 3])
    for (const client of [five, three]) {
      const { outcome } = await client.request({ kind: 'locate', bay: 1, lit: client === five })
      expect(outcome).toMatchObject({ kind: 'accepted', accepted: { changed: true } })
    }
  })

  it.each(['3', '5'])('a document is applied and done, with --mqtt %s', async (version) => {
    const line = `apply -f - --wait --broker ${url} --mqtt ${version}`
    const { exit, stdout, stderr } = await ctl(line, { stdin: text(document) })
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(stdout).toContain('assignment  web-01')
  })
})
