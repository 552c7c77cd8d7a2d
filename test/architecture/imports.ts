// Reads sources for what they import and for the globals that they touch, and judges both by the design's arrows.
// It looks at text and not at types, so that an import of a type counts like any other: an arrow is an arrow.

import { posix } from 'node:path'
import { transformSync } from 'esbuild'

export interface Source {
  /** From agent/ on: `controller/doors/mqtt.ts`. */
  readonly path: string
  readonly text: string
}

/** Places are folders or files without their ending: `core`, `controller/agent`. */
type Place = string

export interface Rules {
  /** From each place to those that it may import. A place may always import from itself. */
  readonly arrows: Readonly<Record<Place, readonly Place[]>>
  /** What only one place may import: packages, and generated code by its path in agent/. */
  readonly onlyFrom: Readonly<Record<string, readonly Place[]>>
  /** Places that take from Node and from packages only what is named here. */
  readonly foreign: Readonly<Record<Place, readonly string[]>>
  readonly globals: readonly {
    readonly say: string
    readonly pattern: RegExp
    readonly in: (path: string) => boolean
  }[]
}

const isIn = (path: string, place: Place): boolean =>
  path === place || path === `${place}.ts` || path.startsWith(`${place}/`)

/** Every module that the text names in an import, an export from, an `import()` or a `require()`. */
export function importsOf(text: string): string[] {
  const found = [
    ...text.matchAll(/^[ \t]*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm),
    ...text.matchAll(/^[ \t]*import\s*['"]([^'"]+)['"]/gm),
    ...text.matchAll(/\b(?:import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g),
  ]
  return found.map(([, name]) => name ?? '')
}

/** Each breach as one line that says who did what, and what the design allows. */
export function breaches(sources: readonly Source[], rules: Rules): string[] {
  return sources.flatMap((source) => [...importBreaches(source, rules), ...globalBreaches(source, rules)])
}

function importBreaches({ path, text }: Source, rules: Rules): string[] {
  const places = Object.keys(rules.arrows).filter((place) => isIn(path, place))
  const place = places.sort((a, b) => b.length - a.length)[0]
  if (place === undefined) return [`${path} has no place in the design`]
  return importsOf(text).flatMap((name) => {
    const target = name.startsWith('.') ? posix.join(posix.dirname(path), name) : name
    const owner = Object.entries(rules.onlyFrom).find(([thing]) => target === thing || target.startsWith(`${thing}/`))
    if (owner && !owner[1].some((allowed) => isIn(path, allowed)))
      return [`${path} imports ${owner[0]}, which only ${owner[1].join(' and ')} may`]
    if (!name.startsWith('.')) {
      const allowed = rules.foreign[place]
      return allowed === undefined || allowed.includes(name) ? [] : [`${path} imports ${name}; ${place} may not`]
    }
    const may = [place, ...(rules.arrows[place] ?? [])]
    return may.some((allowed) => isIn(target, allowed)) ? [] : [`${path} imports ${target}; ${place} may not`]
  })
}

function globalBreaches({ path, text }: Source, rules: Rules): string[] {
  const relevant = rules.globals.filter((rule) => rule.in(path))
  if (relevant.length === 0) return []
  const { code } = transformSync(text, { loader: 'ts', legalComments: 'none' }) // a comment may name what code may not use
  return relevant.filter(({ pattern }) => pattern.test(code)).map(({ say }) => `${path} ${say}`)
}
