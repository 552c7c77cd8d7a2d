/**
 * The safety specification is kept true: what code and tests cite exists there, and what it names exists in the code.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const text = readFileSync(join(root, 'agent/core/SAFETY.md'), 'utf8')
const rules = new Set([...text.matchAll(/^\*\*(W\d+b?) /gm)].map(([, rule]) => rule))

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'generated' ? [] : filesUnder(path)
    return /\.(ts|mjs|md)$/.test(entry.name) ? [path] : []
  })
}

test('every rule that code or tests cite stands in the safety specification', () => {
  const cited = [...filesUnder('agent'), ...filesUnder('test')].flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/\bW\d+b?\b/g)].map(([rule]) => ({ rule, path })),
  )
  console.log(`${rules.size} rules, ${cited.length} citations`)
  expect(cited.length).toBeGreaterThan(100)
  expect(cited.filter(({ rule }) => !rules.has(rule))).toEqual([])
})

test('all rules are there: W1 to W26, each once', () => {
  const expected = Array.from({ length: 26 }, (_, i) => `W${i + 1}`)
  expect([...rules].sort()).toEqual([...expected, 'W20b'].sort())
  expect([...text.matchAll(/^\*\*W\d+b? /gm)]).toHaveLength(27)
})

test('every file that it names exists, and every name in it', () => {
  const named = [...text.matchAll(/`((?:agent|test|boards|proto)\/[\w./-]+)(?:#(\w+))?`/g)]
  expect(named.length).toBeGreaterThan(60)
  const missing = named.flatMap(([whole, path = '', name]) => {
    if (!existsSync(join(root, path))) return [whole]
    if (name === undefined) return []
    const declared = new RegExp(`\\b(?:function|const|interface|class|type) ${name}\\b`)
    return declared.test(readFileSync(join(root, path), 'utf8')) ? [] : [whole]
  })
  expect(missing).toEqual([])
})

test('a rule that is not said to be unbuilt names where it is upheld and what shows it', () => {
  const paragraphs = text.split(/\n\n/).filter((each) => /^\*\*W\d/.test(each))
  const bare = paragraphs.filter(
    (each) => !/not built yet/i.test(each) && !/`agent\/[^`]+`[\s\S]*`test\/[^`]+`/.test(each),
  )
  expect(bare.map((each) => each.slice(0, 20))).toEqual([])
})
