/** The protocol's sources: clean by the field's rules, unbroken since they were first published, and in step with core. */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import { reasons } from '../../agent/core/reasons.ts'
import { schema } from '../../agent/wire/generated/schema.ts'
import { reasonRows } from '../../agent/wire/response.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const protoRoot = join(root, 'proto')
const sources = readdirSync(join(protoRoot, 'midplane/v1'))
const sourceOf = (name: string) => readFileSync(join(protoRoot, 'midplane/v1', name), 'utf8')
const buf = createRequire(import.meta.url).resolve('@bufbuild/buf/bin/buf')
const runBuf = (...args: readonly string[]) =>
  spawnSync(process.execPath, [buf, ...args], { cwd: root, encoding: 'utf8' })
const image = 'test/golden/image.binpb'

describe('the sources', () => {
  test('keep the STANDARD and COMMENTS rules of buf', () => {
    const { status, stdout, stderr } = runBuf('lint', 'proto')
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test('break nothing that was published', () => {
    const { status, stdout, stderr } = runBuf('breaking', 'proto', '--against', image)
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
  })

  test.each([
    ['a number that means something else', 'locate = 30', 'locate = 48'],
    ['a type that changed', 'uint32 limit = 2', 'uint64 limit = 2'],
    ['a field that is gone', '  // Lit or dark.\n  bool lit = 2;\n', ''],
  ])('would be caught at %s', (_what, from, to) => {
    const aside = mkdtempSync(join(tmpdir(), 'midplane-proto-'))
    cpSync(protoRoot, aside, { recursive: true })
    const file = join(aside, 'midplane/v1/request.proto')
    const text = readFileSync(file, 'utf8')
    expect(text).toContain(from)
    writeFileSync(file, text.replace(from, to))
    expect(runBuf('breaking', aside, '--against', image).status).not.toBe(0)
    rmSync(aside, { recursive: true })
  })

  test('need nothing of google/protobuf, so that a bare protoc reads them', () => {
    expect(sources.length).toBeGreaterThanOrEqual(8)
    for (const name of sources) expect(sourceOf(name)).not.toContain('google/protobuf')
  })

  test('have 0 as the value that is never meant, in every enum', () => {
    const enums = sources.flatMap((name) => [
      ...sourceOf(name).matchAll(/^enum (\w+) \{\n(?: *\/\/.*\n)*\s+(\w+) = (\d+);/gm),
    ])
    expect(enums.length).toBeGreaterThanOrEqual(25)
    for (const [, , first, number] of enums) expect(`${first} ${number}`).toMatch(/^[A-Z0-9_]+_UNSPECIFIED 0$/)
  })

  test('have no maps, whose keys would shadow methods in JavaScript', () => {
    for (const name of sources) expect(sourceOf(name)).not.toMatch(/\bmap</)
  })

  test('are named by the digest of the descriptor set that is shipped with them', () => {
    const set = readFileSync(join(root, 'agent/wire/generated/midplane.binpb'))
    expect(createHash('sha256').update(set).digest('hex')).toBe(schema)
  })

  test('make a reference page that has every message and every field', async () => {
    const { reference } = (await import(join(root, 'agent/wire/generate.mjs'))) as { reference: () => string }
    const page = reference()
    for (const name of sources) {
      for (const [, message] of sourceOf(name).matchAll(/^(?:message|enum) (\w+)/gm))
        expect(page).toContain(`### ${message}\n`)
      for (const [, field] of sourceOf(name).matchAll(/^ +(?:optional |repeated )?\w+ (\w+) = \d+;/gm))
        expect(page).toContain(`\`${field}\``)
    }
  })
})

describe('the catalogue of reasons', () => {
  const parsed = protobuf.parse(sourceOf('reason.proto'), new protobuf.Root(), { alternateCommentMode: true }).root
  const { values, comments } = parsed.lookupEnum('midplane.v1.Reason')

  test('has the same names and numbers in the protocol and in core', () => {
    const core = Object.entries(reasons).map(([name, { number }]) => [
      `REASON_${name.toUpperCase().replaceAll('-', '_')}`,
      number,
    ])
    expect(values).toEqual({ REASON_UNSPECIFIED: 0, ...Object.fromEntries(core) })
  })

  test('has the remedy of each as the comment of its value', () => {
    for (const [name, { remedy }] of Object.entries(reasons))
      expect(`${name}: ${comments[`REASON_${name.toUpperCase().replaceAll('-', '_')}`]}`).toBe(`${name}: ${remedy}`)
  })

  test('is listed whole, in the order of its numbers', () => {
    expect(reasonRows.map(({ name }) => name).sort()).toEqual(Object.keys(reasons).sort())
    const numbers = reasonRows.map(({ number }) => number)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(reasonRows.find(({ name }) => name === 'bay-taken')?.code).toBe(9)
  })
})

test('the codecs run where code can not be made from strings', () => {
  const aside = mkdtempSync(join(tmpdir(), 'midplane-codec-'))
  const outfile = join(aside, 'codec.cjs')
  const stdin = {
    contents: `
      import { decodeRequest, encodeRequest } from './agent/wire/request.ts'
      const body = { kind: 'locate', bay: 3, lit: true }
      const bytes = encodeRequest({ request: 'my-first-try', chassis: 'demo', dryRun: false, sequence: 7, body })
      const { request } = decodeRequest(bytes, () => 'digest')
      console.log(JSON.stringify(request.body), request.sequence)`,
    resolveDir: root,
  }
  buildSync({ stdin, bundle: true, platform: 'node', format: 'cjs', outfile })
  const flags = ['--disallow-code-generation-from-strings', '--disable-proto=delete']
  const said = execFileSync(process.execPath, [...flags, outfile], { encoding: 'utf8' })
  expect(said.trim()).toBe('{"kind":"locate","bay":3,"lit":true} 7')
  rmSync(aside, { recursive: true })
})
