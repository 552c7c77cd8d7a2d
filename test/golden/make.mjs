/**
 * Writes the golden bytes of examples that have none yet: `node test/golden/make.mjs`. It never writes over a file:
 * what stands here is what others were built against. Beside each message's bytes (.bin) stand its value (.json) and
 * its text form as protoc prints it (.txtpb). The image that `buf breaking` compares with is written once, too.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { descriptorSet, generate, protoFiles, protoRoot } from '../../agent/wire/generate.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const require = createRequire(import.meta.url)
await generate()

const aside = join(mkdtempSync(join(tmpdir(), 'midplane-golden-')), 'golden.cjs')
buildSync({
  entryPoints: [join(here, '../wire/golden.ts')],
  bundle: true,
  platform: 'node',
  format: 'cjs',
  outfile: aside,
  logLevel: 'warning',
})
const { goldens } = require(aside)
rmSync(dirname(aside), { recursive: true })

const once = (file, content) => {
  if (existsSync(file)) return false
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content, { flag: 'wx' })
  return true
}

let written = 0
for (const { file, message, value, encode } of goldens) {
  const path = join(here, file)
  const bytes = existsSync(`${path}.bin`) ? readFileSync(`${path}.bin`) : encode()
  written += once(`${path}.bin`, bytes) ? 1 : 0
  written += once(`${path}.json`, `${JSON.stringify(value, null, 2)}\n`) ? 1 : 0
  if (existsSync(`${path}.txtpb`)) continue
  const args = ['-I', protoRoot, `--decode=midplane.v1.${message}`, ...protoFiles()]
  const text = execFileSync('protoc', args, { input: bytes })
  written += once(`${path}.txtpb`, text) ? 1 : 0
}
written += once(join(here, 'image.binpb'), descriptorSet()) ? 1 : 0
console.log(`${goldens.length} messages, ${written} files written; files that existed were left alone`)
