import { test } from 'vitest'
import { exec } from 'node:child_process'
import { promisify } from 'node:util'
import { startAedes, startMosquitto } from './brokers.ts'
import { openStage } from './stage.ts'
test('x', async () => {
  for (const start of [startAedes, startMosquitto]) {
    const t0 = Date.now()
    const broker = await start()
    const stage = await openStage({ broker })
    console.log('up', Date.now() - t0, stage.agent().memory(), stage.agent().log())
    const sub = broker.subscribed('midplane/v1/demo/rsp/me')
    const { stdout: out } = await promisify(exec)(`(sleep 0.5; echo 'request_id: "my-first-try" chassis: "demo" locate { bay: 3 lit: true }' | protoc -I proto --encode=midplane.v1.Request midplane/v1/request.proto > /tmp/first.bin;
mosquitto_pub -h 127.0.0.1 -p ${broker.port} -q 1 -t midplane/v1/demo/req/me -f /tmp/first.bin ) & 
mosquitto_sub -W 8 -h 127.0.0.1 -p ${broker.port} -q 1 -t midplane/v1/demo/rsp/me -N -C 1 | protoc -I proto --decode=midplane.v1.Response midplane/v1/response.proto; sleep 1
mosquitto_sub -W 8 -h 127.0.0.1 -p ${broker.port} -t midplane/v1/demo/state/bay-3 -N -C 1 |
  protoc -I proto --decode=midplane.v1.State midplane/v1/state.proto
mosquitto_sub -W 8 -h 127.0.0.1 -p ${broker.port} -t midplane/v1/demo/json/state/# -v -C 20 | cut -c 1-1500
`, { cwd: process.cwd(), shell: '/bin/bash' })
    await sub
    console.log(out)
    await stage.close()
    await broker.close()
  }
}, 60000)
