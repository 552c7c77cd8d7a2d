// Runs once before the tests, also when somebody starts vitest by hand: the protobuf codecs are made if they are stale.
// If that fails it says why, and only the suites that import the codecs fail with it.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export default function generate(): void {
  const build = fileURLToPath(new URL('../../build.mjs', import.meta.url))
  spawnSync(process.execPath, [build, 'generate'], { stdio: ['ignore', 'inherit', 'inherit'] })
}
