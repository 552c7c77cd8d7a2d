// Two tiers of tests: the everyday one (`npm test`, minutes), and the slow one (`npm run test:slow`) with the long
// searches, the benches and the real runtimes. A file's name tells its tier: *.slow.test.ts is of the slow one.

import { defineConfig } from 'vitest/config'

const slowTests = 'test/**/*.slow.test.ts'

export default defineConfig(({ mode }) => {
  const isSlow = mode === 'slow'
  // What the rules are tested by: no program, no broker, no wire.
  const ofRules = ['core/', 'controller/store/', 'controller/pair/', 'controller/memory'].map(
    (room) => `test/${room}*.test.ts`,
  )
  return {
    test: {
      include: isSlow ? [slowTests] : mode === 'coverage' ? ofRules : ['test/**/*.test.ts'],
      exclude: isSlow ? [] : [slowTests],
      globalSetup: 'test/setup/generate.ts',
      // Suites start brokers, agents and simulators of their own: more at once than the small machines that run
      // them have cores makes waits longer than their limits.
      pool: 'forks',
      maxWorkers: 2,
      testTimeout: isSlow ? 600_000 : 20_000,
      hookTimeout: isSlow ? 300_000 : 60_000,
      teardownTimeout: 10_000,
      coverage: {
        include: ['agent/core/**/*.ts', 'agent/controller/store/**/*.ts', 'agent/controller/pair/**/*.ts'],
        reporter: ['text-summary', 'text'],
        reportsDirectory: '.midplane/coverage',
        // Where it stands; raised with each test that reaches more, and never lowered. Wanted: 95.
        thresholds: {
          'agent/core/**': { branches: 91 },
          'agent/controller/store/**': { branches: 89 },
          'agent/controller/pair/**': { branches: 78 },
        },
      },
    },
  }
})
