/** The door over TLS, with a certificate made for this test alone: it is good for a hundred years and for nothing else. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
import { Aedes } from 'aedes'
import { expect, test } from 'vitest'
import { systemClock } from '../../../../agent/controller/clock.ts'
import { parseBroker, type Tls } from '../../../../agent/controller/doors/mqtt/link.ts'
import { openMqtt } from '../../../../agent/controller/doors/mqtt/mqtt.ts'
import { testFront } from './front.ts'

const key = `-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIFAG8kZjEjwMTodVwBIKts8N9UyiFDhgf6UZ/f9Ux6xYoAoGCCqGSM49
AwEHoUQDQgAE0Grd155RLhgedyc3fs9iJCyqKBbt9oDEbggLpSLr+e62Dyzc23Qf
rt0qFs3uWyRaKv8AersmAFhPYOUzwig+lw==
-----END EC PRIVATE KEY-----`
const cert = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUKsRrK05cH8Vpc5jYZ2AI26mV8QkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE2NTUyMloYDzIxMjYxMDI5
MTY1NTIyWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATQat3XnlEuGB53Jzd+z2IkLKooFu32gMRuCAulIuv57rYPLNzbdB+u
3SoWze5bJFoq/wB6uyYAWE9g5TPCKD6Xo28wbTAdBgNVHQ4EFgQUxuzlDPdR6ecx
/4FPEpwVR+S+gKswHwYDVR0jBBgwFoAUxuzlDPdR6ecx/4FPEpwVR+S+gKswDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAKNwvhbh0hcVZc94CDJ8HXYpoa3tV4u2Gn1X+OPPy8CCAiEA
9lQw9la9RcPEpAwXRzfdFfiuMwxuugP6fLrCgm/BA0Y=
-----END CERTIFICATE-----`

async function serve(tls: Tls) {
  const aedes = await Aedes.createBroker()
  const sockets = new Set<TLSSocket>()
  const server = createServer({ key, cert }, (socket) => {
    sockets.add(socket)
    aedes.handle(socket)
  }).listen(0, '127.0.0.1')
  server.on('tlsClientError', () => {})
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  let hear = (_: string) => {}
  const said = new Promise<string>((resolve) => {
    hear = resolve
  })
  const door = openMqtt({
    ...{ front: testFront(), clock: systemClock(), url: `mqtts://127.0.0.1:${port}`, tls, version: 4, json: false },
    ...{ randomness: () => 0, log: hear, backoff: { first: 60_000, longest: 60_000 } },
  })
  const end = async () => {
    await door.close()
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
    await new Promise<void>((resolve) => aedes.close(() => resolve()))
  }
  return { first: await said, port, end }
}

test('a broker whose certificate the given authority signed is served', async () => {
  const { first, port, end } = await serve({ ca: cert })
  expect(first).toBe(`mqtt: online at 127.0.0.1:${port} as demo, MQTT 3.1.1`)
  await end()
})

test('a broker that nobody vouches for gets not one byte of MQTT', async () => {
  const { first, end } = await serve({})
  expect(first).toMatch(/self-signed certificate/)
  await end()
})

test.each([
  ['mqtt://broker', { host: 'broker', port: 1883, tls: false }],
  ['mqtts://broker', { host: 'broker', port: 8883, tls: true }],
  ['mqtt://[::1]:1884', { host: '::1', port: 1884, tls: false }],
])('%s names a broker', (url, address) => {
  expect(parseBroker(url)).toEqual(address)
})

test.each(['broker:1883', 'http://broker', 'mqtt://', 'mqtt://me:secret@broker', ''])(
  '%s is refused, without repeating what may be a password',
  (url) => {
    expect(() => parseBroker(url)).toThrow("the broker's URL is mqtt://host:port or mqtts://host:port")
  },
)
