#!/usr/bin/env node
// How Midplane is set up, built, started and tested. It runs on a fresh clone with nothing but Node and npm, so
// the top of this file may import only what Node brings; whatever comes from packages is imported after set-up.
// The same sources give the same bytes, wherever the clone stands: no clock and no absolute path gets into dist/.

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const usage = `usage: node build.mjs [verb]

  build [--force]      make dist/ from the sources, if they changed (the default)
  generate             make the protobuf codecs from proto/, if they changed
  setup                install the packages that package-lock.json names, if they are not there
  start [arguments]    setup, build, then the main job: npm start
  test [arguments]     setup, build, Debian packages that tests talk to, then vitest: npm test
       --slow          … the slow tier instead: npm run test:slow
  coverage             what the tests reach of the rules, the store and the pair; fails where that gets less
  matrix               write test/MATRIX.md anew
  simulate [--seeds N] [--from N] [--jobs N]   random lives of a chassis, as many as wanted
`

const root = dirname(fileURLToPath(import.meta.url))
const at = (...parts) => join(root, ...parts)
const readJson = (path) => JSON.parse(fs.readFileSync(at(path), 'utf8'))
const say = (line) => process.stderr.write(`${line}\n`)

/** Each program is one bundle that needs nothing beside it but the data in dist/. */
const programs = [
  { from: 'agent/controller/main.ts', to: 'agent.cjs' },
  { from: 'agent/sim/main.ts', to: 'chassis-sim.cjs' },
  { from: 'agent/ctl/main.ts', to: 'chassisctl.cjs' },
  { from: 'agent/demo/main.ts', to: 'demo.cjs' },
]

/** Large packages that a program may never need: bundles of their own, read when `import()` asks for them. */
const lazyPackages = ['serialport', 'systeminformation']

/** A change in any of these makes dist/ stale. */
const inputs = ['agent', 'boards', 'proto', 'LICENSE', 'build.mjs', 'package.json', 'package-lock.json']

/**
 * serialport's native part by processor, in the order of trying: a C library that is not there fails to load, and
 * the next is tried. On 32-bit ARM the armv6 build comes first, because the armv7 one uses NEON instructions, and
 * the AST2600 has none: it would be killed (SIGILL) where the armv6 one works.
 */
const nativeParts = {
  x64: {
    'x64.glibc.node': 'linux-x64/@serialport+bindings-cpp.glibc.node',
    'x64.musl.node': 'linux-x64/@serialport+bindings-cpp.musl.node',
  },
  arm64: {
    'arm64.glibc.node': 'linux-arm64/@serialport+bindings-cpp.armv8.glibc.node',
    'arm64.musl.node': 'linux-arm64/@serialport+bindings-cpp.armv8.musl.node',
  },
  arm: {
    'armv6.glibc.node': 'linux-arm/@serialport+bindings-cpp.armv6.glibc.node',
    'armv7.musl.node': 'linux-arm/@serialport+bindings-cpp.armv7.musl.node',
  },
}

class Failed extends Error {}

// ---- set-up ----------------------------------------------------------------------------------------------------

/** Compares what npm installed with what the lock file asks for, by content: file times say nothing after a clone. */
function isInstalled() {
  if (!fs.existsSync(at('node_modules/.package-lock.json'))) return false
  const there = readJson('node_modules/.package-lock.json').packages
  return Object.entries(readJson('package-lock.json').packages).every(([path, wanted]) => {
    if (path === '') return true
    return there[path] ? there[path].integrity === wanted.integrity : Boolean(wanted.optional || wanted.devOptional)
  })
}

function setup() {
  if (isInstalled()) return
  say('setting up Midplane: installing its packages, once (about half a minute)')
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js') ? [process.execPath, process.env.npm_execpath] : ['npm']
  const options = [
    'ci',
    '--include=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--loglevel=error',
  ]
  run([...npm, ...options], 'npm could not install the packages')
}

/** Runs a command out of sight, and shows what it said only if it failed. */
function run([program, ...args], complaint, env = process.env) {
  const done = spawnSync(program, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  })
  if (done.status !== 0)
    throw new Failed(`${complaint}\n${done.error?.message ?? `${done.stdout}${done.stderr}`}`.trimEnd())
}

/** Third-party programs that tests talk to. Where they can not be had, their suites are reported as not run. */
function installPeers() {
  const paths = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  const isThere = (program) => paths.some((path) => fs.existsSync(join(path, program)))
  const missing = readJson('test/setup/peers.json')
    .filter((peer) => !peer.programs.every(isThere))
    .map((peer) => peer.package)
  if (missing.length === 0) return
  if (process.getuid?.() !== 0 || !fs.existsSync('/usr/bin/apt-get')) {
    say(`tests that talk to these do not run; to run them: apt-get install ${missing.join(' ')}`)
    return
  }
  say(`installing Debian packages that tests talk to: ${missing.join(' ')}`)
  // RUNLEVEL=1 keeps Debian from starting a broker of its own on the standard port.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const install = ['apt-get', '-qq', '-y', '--no-install-recommends', 'install', ...missing]
  try {
    if (spawnSync(install[0], install.slice(1), { env, stdio: 'ignore' }).status === 0) return
    run(['apt-get', '-qq', 'update'], 'apt-get could not read the package lists', env)
    run(install, 'apt-get could not install them', env)
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    say(error.message)
  }
}

// ---- build -----------------------------------------------------------------------------------------------------

/** One digest of every file under the given paths: names and contents. */
function digest(paths) {
  const hash = createHash('sha256')
  const add = (path) => {
    const stat = fs.statSync(at(path), { throwIfNoEntry: false })
    if (stat?.isDirectory()) {
      for (const name of fs.readdirSync(at(path)).sort()) if (name !== 'generated') add(`${path}/${name}`)
    } else if (stat) {
      const bytes = fs.readFileSync(at(path))
      hash.update(`${path}\0${bytes.length}\0`).update(bytes)
    }
  }
  for (const path of paths) add(path)
  return hash.digest('hex')
}

async function generate() {
  const { generate } = await import('./agent/wire/generate.mjs')
  await generate()
}

async function build({ force = false, sizes = true } = {}) {
  await generate()
  const stamp = digest(inputs)
  if (!force && fs.existsSync(at('dist/.stamp')) && fs.readFileSync(at('dist/.stamp'), 'utf8') === stamp) return
  // Made aside and moved into place at the end, so that no one ever starts half a build.
  const aside = `.midplane/build-${process.pid}`
  fs.mkdirSync(at(aside), { recursive: true })
  try {
    const metafile = await bundle(aside)
    fs.copyFileSync(at('agent/wire/generated/midplane.binpb'), at(aside, 'midplane.binpb')) // for protoc, by hand
    const { reference } = await import('./agent/wire/generate.mjs')
    fs.writeFileSync(at(aside, 'reference.md'), reference()) // every message, field and value, for people
    fs.cpSync(at('boards'), at(aside, 'boards'), { recursive: true })
    fs.mkdirSync(at(aside, 'prebuilds'))
    for (const [to, from] of Object.values(nativeParts).flatMap(Object.entries)) {
      fs.copyFileSync(at('node_modules/@serialport/bindings-cpp/prebuilds', from), at(aside, 'prebuilds', to))
    }
    const packages = packagesIn(metafile)
    fs.writeFileSync(at(aside, 'sbom.json'), `${JSON.stringify(sbom(packages), null, 2)}\n`)
    fs.writeFileSync(at(aside, 'LICENSES.txt'), licenses(packages))
    fs.writeFileSync(at(aside, '.stamp'), stamp)
    fs.rmSync(at('dist'), { recursive: true, force: true })
    fs.renameSync(at(aside), at('dist'))
    if (sizes) printSizes(metafile)
  } finally {
    fs.rmSync(at(aside), { recursive: true, force: true })
  }
}

async function bundle(outdir) {
  const { build } = await import('esbuild')
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [
      ...programs.map(({ from, to }) => ({ in: from, out: to.replace(/\.cjs$/, '') })),
      ...lazyPackages.map((name) => ({ in: name, out: `lazy/${name}` })),
    ],
    outdir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.0',
    supported: { 'dynamic-import': false }, // require(): the names that a CommonJS package exports stay visible
    banner: {
      js: '#!/usr/bin/env node\n"use strict"; const importMetaUrl = require("node:url").pathToFileURL(__filename).href;',
    },
    define: { 'import.meta.url': 'importMetaUrl', 'import.meta.dirname': '__dirname' },
    legalComments: 'none', // dist/LICENSES.txt has every licence in full
    preserveSymlinks: true, // a linked node_modules must not show its own path in the bundle
    plugins: [lazy, slim, native],
    metafile: true,
    logLevel: 'warning',
    logOverride: { 'empty-import-meta': 'error' },
  })
  for (const { to } of programs) fs.chmodSync(at(outdir, to), 0o755)
  return metafile
}

/** Code in a bundle costs start-up time and memory even if it never runs: 10 ms and 5 MiB for these. */
const lazy = {
  name: 'lazy',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^(${lazyPackages.join('|')})$`) }, ({ path, kind }) =>
      kind === 'dynamic-import' ? { path: `./lazy/${path}.cjs`, external: true } : undefined,
    )
  },
}

/** Keeps out what a controller never uses: MQTT over web sockets and proxies, timers and streams made for browsers. */
const slim = {
  name: 'slim',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^readable-stream$/ }, () => ({ path: 'node:stream', external: true }))
    onResolve({ filter: /^(\.\/ws|\.\/wx|\.\/ali|\.\/socks|worker-timers)$/ }, ({ path, importer }) =>
      /node_modules\/mqtt\/build\//.test(importer) ? { path, namespace: 'left-out' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: `const leftOut = () => { throw new Error('this program speaks MQTT over TCP and TLS only') }
        module.exports = { __esModule: true, default: leftOut, streamBuilder: leftOut, browserStreamBuilder: leftOut }`,
    }))
  },
}

/** serialport asks node-gyp-build for its native part beside its own package; in dist/ it stands in prebuilds/. */
const native = {
  name: 'native',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node-gyp-build$/ }, ({ path }) => ({ path, namespace: 'native' }))
    onLoad({ filter: /.*/, namespace: 'native' }, () => ({
      contents: `const parts = ${JSON.stringify(Object.fromEntries(Object.entries(nativeParts).map(([arch, files]) => [arch, Object.keys(files)])))}
        module.exports = () => {
          const complaints = []
          for (const part of parts[process.arch] ?? []) {
            try { return require(require('node:path').join(__dirname, '../prebuilds', part)) } catch (error) { complaints.push(error.message) }
          }
          throw new Error('no serial port driver for ' + process.arch + ': ' + (complaints.join('; ') || 'none was built'))
        }`,
      resolveDir: root,
    }))
  },
}

// ---- what went in ----------------------------------------------------------------------------------------------

/** The third-party packages whose code is in the bundles, read from what esbuild really took. */
function packagesIn(metafile) {
  const bundlesOf = new Map()
  for (const [output, { inputs }] of Object.entries(metafile.outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const path = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]
      if (path && bytesInOutput > 0)
        bundlesOf.set(path, (bundlesOf.get(path) ?? new Set()).add(output.split('/').at(-1)))
    }
  }
  const lock = readJson('package-lock.json').packages
  return [...bundlesOf.keys()].sort().map((path) => ({
    path,
    ...readJson(`${path}/package.json`),
    integrity: lock[path].integrity,
    bundles: [...bundlesOf.get(path)].sort(),
  }))
}

/** CycloneDX 1.5. It has no serial number and no time, so that two builds of one source are the same bytes. */
function sbom(packages) {
  const { name, version, license } = readJson('package.json')
  const purl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`
  const licensed = (license) => (license ? [{ expression: license }] : [])
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': purl(name, version),
        name,
        version,
        purl: purl(name, version),
        licenses: licensed(license),
      },
    },
    components: packages.map(({ name, version, license, integrity, bundles }) => ({
      type: 'library',
      'bom-ref': purl(name, version),
      name,
      version,
      purl: purl(name, version),
      licenses: licensed(license),
      hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }],
      properties: bundles.map((bundle) => ({ name: 'midplane:bundle', value: bundle })),
    })),
  }
}

function licenses(packages) {
  const texts = packages.map(({ path, name, version, license }) => {
    const file = fs.readdirSync(at(path)).find((name) => /^licen[cs]e/i.test(name))
    return `${name} ${version} (${license})\n\n${file ? fs.readFileSync(at(path, file), 'utf8').trim() : 'no licence text in the package'}\n`
  })
  return [`Midplane\n\n${fs.readFileSync(at('LICENSE'), 'utf8').trim()}\n`, ...texts].join(`\n${'-'.repeat(80)}\n\n`)
}

function printSizes(metafile) {
  const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`.padStart(9)
  say(`${'dist/'.padEnd(28)}     size  gzipped  of it packages`)
  for (const to of [...programs.map(({ to }) => to), ...lazyPackages.map((name) => `lazy/${name}.cjs`)]) {
    const bytes = fs.readFileSync(at('dist', to))
    const [, { inputs }] = Object.entries(metafile.outputs).find(([path]) => path.endsWith(`/${to}`))
    const foreign = Object.entries(inputs).filter(([path]) => path.includes('node_modules/'))
    say(
      `  ${to.padEnd(26)}${kib(bytes.length)}${kib(gzipSync(bytes).length)}${kib(foreign.reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0))}`,
    )
  }
}

// ---- verbs -----------------------------------------------------------------------------------------------------

/** Hands the terminal over to a program, and ends as it ends. */
function become(args, more = {}) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...more } })
  // The terminal sends ^C to the whole group: the program decides what it means, and this process only waits.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // npm, ended by SIGTERM, takes only its shell along: without this the program would live on unseen.
  const parent = process.ppid
  setInterval(() => process.ppid !== parent && child.kill(), 500).unref()
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

const verbs = {
  async setup() {
    setup()
  },
  async generate() {
    setup()
    await generate()
  },
  async build(args) {
    setup()
    await build({ force: args.includes('--force') })
  },
  async start(args) {
    setup()
    await build({ sizes: false }) // the first screen is the demo's
    become(['dist/demo.cjs', ...args])
  },
  async test(args) {
    setup()
    installPeers()
    await build()
    const mode = args.includes('--slow') ? ['--mode', 'slow'] : []
    vitest([...mode, ...args.filter((arg) => arg !== '--slow')])
  },
  async coverage(args) {
    setup()
    await generate()
    vitest(['--mode', 'coverage', '--coverage', ...args])
  },
  async matrix() {
    setup()
    await generate()
    vitest(['test/matrix/matrix.test.ts'], { MATRIX: 'write' })
  },
  async simulate(args) {
    setup()
    await generate()
    const { build: bundle } = await import('esbuild')
    const to = '.midplane/simulate.mjs'
    await bundle({
      entryPoints: [at('test/simulation/main.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: at(to),
      logLevel: 'warning',
      alias: { vitest: at('test/simulation/outside.ts') },
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)" },
    })
    become([to, ...args])
  },
}

function vitest(args, more = {}) {
  become(['node_modules/vitest/vitest.mjs', 'run', ...args], more)
}

async function main(args) {
  const [verb, ...rest] = args[0] === undefined || args[0] === '--force' ? ['build', ...args] : args
  if (['help', '--help', '-h'].includes(verb)) return void process.stdout.write(usage)
  if (!Object.hasOwn(verbs, verb)) throw new Failed(`there is no verb ${verb}\n\n${usage}`)
  await verbs[verb](rest)
}

main(process.argv.slice(2)).catch((error) => {
  say(error instanceof Failed ? error.message : error.stack)
  process.exitCode = 1
})
