/**
 * Turns the protocol's sources (proto/) into what the program needs: static codecs without reflection, so that they
 * run where code generation from strings is forbidden; the descriptor set that people give to protoc; its digest, by
 * which presence names the schema; and the reference page. The output in generated/ is never edited and never
 * committed. `node agent/wire/generate.mjs` writes it, and does nothing where it is up to date.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const here = dirname(fileURLToPath(import.meta.url))
export const protoRoot = join(here, '../../proto')
const sources = join(protoRoot, 'midplane/v1')

/** The protocol's sources, in order of name. */
export const protoFiles = () =>
  readdirSync(sources)
    .filter((name) => name.endsWith('.proto'))
    .sort()
    .map((name) => join(sources, name))

/**
 * The descriptor set (google.protobuf.FileDescriptorSet, without comments): for
 * `protoc --descriptor_set_in=midplane.binpb`, and for libraries that load one at run time.
 */
export function descriptorSet() {
  const out = join(tmpdir(), `midplane-${process.pid}-${Math.random().toString(36).slice(2)}.binpb`)
  const buf = require.resolve('@bufbuild/buf/bin/buf')
  execFileSync(
    process.execPath,
    [buf, 'build', protoRoot, '-o', out, '--as-file-descriptor-set', '--exclude-source-info'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const set = readFileSync(out)
  rmSync(out)
  return set
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Digest of everything that the output follows from. */
function inputs() {
  const hash = createHash('sha256')
  for (const file of [...protoFiles(), fileURLToPath(import.meta.url)]) hash.update(readFileSync(file)).update('\0')
  hash.update(require('protobufjs-cli/package.json').version)
  return hash.digest('hex')
}

/** Writes midplane.js, midplane.d.ts, midplane.binpb and schema.ts. Returns the schema id. */
export async function generate(outDir = join(here, 'generated')) {
  const stamp = join(outDir, 'inputs.txt')
  const digest = inputs()
  const schemaFile = join(outDir, 'schema.ts')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest)
    return /'([0-9a-f]{64})'/.exec(readFileSync(schemaFile, 'utf8'))[1]
  mkdirSync(outDir, { recursive: true })

  const pbjs = require('protobufjs-cli/pbjs')
  // Written aside and renamed, so that a reader never meets half a file.
  const aside = join(outDir, `.new-${process.pid}`)
  mkdirSync(aside, { recursive: true })
  const args = ['-t', 'static-module', '-w', 'esm', '--dependency', 'protobufjs/minimal.js', '-r', 'midplane', '-d']
  // Only what is used: no reflection helpers, no converters (toObject drops zero values), no delimited streams.
  args.push('--null-semantics', '--no-create', '--no-verify', '--no-convert', '--no-delimited', '--no-typeurl')
  args.push('--no-service', '-p', protoRoot, '-o', join(aside, 'midplane.js'), ...protoFiles())
  await new Promise((resolve, reject) => {
    pbjs.main(args, (error) => (error ? reject(error) : resolve()))
  })

  const set = descriptorSet()
  const schema = sha256(set)
  writeFileSync(join(aside, 'midplane.binpb'), set)
  writeFileSync(
    join(aside, 'schema.ts'),
    `/** SHA-256 of the descriptor set that this build speaks. */\nexport const schema = '${schema}'\n`,
  )
  writeFileSync(join(aside, 'inputs.txt'), digest)
  for (const name of readdirSync(aside)) renameSync(join(aside, name), join(outDir, name))
  rmdirSync(aside)
  return schema
}

const cell = (text) => (text ?? '').replaceAll('\n', ' ').replaceAll('|', '\\|')

/** The reference page: every message, field and value with the comment that its source has, as Markdown. */
export function reference() {
  const protobuf = require('protobufjs')
  const parts = protoFiles().map((file) => {
    const source = readFileSync(file, 'utf8')
    const root = new protobuf.Root()
    protobuf.parse(source, root, { alternateCommentMode: true, keepCase: true, preferTrailingComment: false })
    const namespace = root.lookup('midplane.v1')
    // The comment above `syntax` is the file's own.
    const about =
      /^((?:\/\/.*\n)+)/
        .exec(source)?.[1]
        .replaceAll(/^\/\/ ?/gm, '')
        .replaceAll('\n', ' ')
        .trim() ?? ''
    const name = file.slice(sources.length + 1)
    return `## ${name}\n\n${about}\n\n${namespace.nestedArray.map(entry).join('\n')}`
  })
  const head =
    '# midplane.v1\n\nEvery message of the protocol, from the comments of its sources in proto/midplane/v1/.\n'
  return `${head}\n${parts.join('\n')}`

  function entry(type) {
    const rows = type.values === undefined ? fieldRows(type) : valueRows(type)
    return `### ${type.name}\n\n${(type.comment ?? '').replaceAll('\n', ' ')}\n\n${rows}`
  }
  function valueRows({ values, comments }) {
    const rows = Object.entries(values).map(([name, number]) => `| ${number} | \`${name}\` | ${cell(comments[name])} |`)
    return `| number | value | |\n|---|---|---|\n${rows.join('\n')}\n`
  }
  function fieldRows(message) {
    if (message.fieldsArray.length === 0) return ''
    const rows = message.fieldsArray.map((field) => {
      const optional = field.options?.proto3_optional === true
      const inOneof = field.partOf !== null && !optional ? `one of ${field.partOf.name}: ` : ''
      const type = `${field.repeated ? 'repeated ' : optional ? 'optional ' : ''}${field.type}`
      return `| ${field.id} | \`${field.name}\` | ${type} | ${inOneof}${cell(field.comment)} |`
    })
    return `| number | field | type | |\n|---|---|---|---|\n${rows.join('\n')}\n`
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(`schema ${await generate()}`)
