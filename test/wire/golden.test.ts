/**
 * The protocol as bytes. If a test here fails, do not change the test and do not make new bytes: somebody's manager
 * was built against these. Change the code back, or add a field beside.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { decodeRequest } from '../../agent/wire/request.ts'
import { describeWith } from '../setup/peers.ts'
import { digest, goldens, sign } from './golden.ts'

const folder = fileURLToPath(new URL('../golden/', import.meta.url))
const protoRoot = fileURLToPath(new URL('../../proto/', import.meta.url))
const protoFiles = readdirSync(join(protoRoot, 'midplane/v1')).map((name) => join(protoRoot, 'midplane/v1', name))

const bytesOf = (file: string) => new Uint8Array(readFileSync(join(folder, `${file}.bin`)))
const jsonOf = (file: string): unknown => JSON.parse(readFileSync(join(folder, `${file}.json`), 'utf8'))

describe('golden bytes', () => {
  test('each example has its bytes, and no bytes are without an example', () => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.bin'))
    expect(files.map((name) => name.slice(0, -4)).sort()).toEqual(goldens.map(({ file }) => file).sort())
    expect(goldens.length).toBeGreaterThanOrEqual(52)
  })

  test.each(goldens)('$file is encoded to exactly the bytes that others were built against', ({ file, encode }) => {
    expect(Buffer.from(encode()).toString('hex')).toBe(Buffer.from(bytesOf(file)).toString('hex'))
  })

  test.each(goldens)('$file is decoded to exactly the value that was meant', ({ file, value, decode }) => {
    expect(decode(bytesOf(file))).toStrictEqual(value)
    expect(JSON.parse(JSON.stringify(value))).toEqual(jsonOf(file))
  })

  test('a signature is over all bytes before it, and stands last', () => {
    const bytes = bytesOf('request/signed')
    const decoded = decodeRequest(bytes, digest)
    if (!('request' in decoded)) throw new Error('the signed request does not decode')
    const { signed, signature } = decoded.request
    expect(signed.length + 3 + 64).toBe(bytes.length) // tag 2047 takes two bytes, the length one
    expect(Buffer.from(signature ?? []).toString('hex')).toBe(Buffer.from(sign(signed)).toString('hex'))
  })
})

describeWith(['protoc'], 'protoc, which knows nothing of this code, reads and writes the same bytes', () => {
  const protoc = (args: readonly string[], input: Uint8Array) =>
    execFileSync('protoc', ['-I', protoRoot, ...args, ...protoFiles], { input, stdio: ['pipe', 'pipe', 'pipe'] })

  test.each(goldens)('$file', ({ file, message }) => {
    const bytes = bytesOf(file)
    const text = protoc([`--decode=midplane.v1.${message}`], bytes)
    expect(text.toString('utf8')).toBe(readFileSync(join(folder, `${file}.txtpb`), 'utf8'))
    const again = protoc([`--encode=midplane.v1.${message}`], text)
    expect(again.toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
  })
})
