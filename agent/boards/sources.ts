/**
 * Every fact of a board says where it is from. `sources` names facts by JSON pointer; a pointer covers everything below
 * it, the longest one decides, and `*` stands for every member of a list or table. What nobody has seen in a source is
 * marked `unverified`, counted and listed, so that a guess is never taken for knowledge.
 */
import { type Finding, isTable, step } from './shape.ts'

export const unverified = 'unverified'

/** Members that are names or choices of ours, not facts about hardware. */
const noFacts = ['$schema', 'id', 'name', 'vendor', 'simulated', 'sources']

export type Sources = { readonly [pointer: string]: string }

interface Claim {
  readonly pointer: string
  readonly parts: readonly string[]
  readonly stars: number
}

/** Each value of a board that is a fact, as the steps that lead to it. */
function facts(board: object): readonly (readonly string[])[] {
  const below = (value: unknown, path: readonly string[]): readonly (readonly string[])[] => {
    const members = Array.isArray(value) || isTable(value) ? Object.entries(value) : []
    return members.length === 0 ? [path] : members.flatMap(([name, member]) => below(member, [...path, name]))
  }
  return Object.entries(board).flatMap(([name, member]) => (noFacts.includes(name) ? [] : below(member, [name])))
}

function claimsOf(sources: Sources): readonly Claim[] {
  const claims = Object.keys(sources).map((pointer) => {
    const parts = pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    return { pointer, parts, stars: parts.filter((part) => part === '*').length }
  })
  return claims.sort((a, b) => b.parts.length - a.parts.length || a.stars - b.stars)
}

const covers = (claim: Claim, fact: readonly string[]) =>
  claim.parts.length <= fact.length && claim.parts.every((part, i) => part === '*' || part === fact[i])

/** Facts without a source (one for each top member), and sources of nothing. */
export function lintSources(board: { readonly sources: Sources }): readonly Finding[] {
  const claims = claimsOf(board.sources)
  const all = facts(board)
  const bare = new Map<string, string>()
  for (const fact of all) {
    const top = fact[0] ?? ''
    if (!bare.has(top) && !claims.some((claim) => covers(claim, fact))) bare.set(top, fact.map(step).join(''))
  }
  return [
    ...[...bare.values()].map((pointer) => ({
      pointer,
      say: `no source covers it; add ${pointer} or a pointer above it to sources, if need be as "${unverified}"`,
    })),
    ...claims
      .filter((claim) => !all.some((fact) => covers(claim, fact)))
      .map(({ pointer }) => ({
        pointer: `/sources${step(pointer)}`,
        say: `${pointer} names no fact of this board; correct the pointer or take it out`,
      })),
  ]
}

/** How many values stand on each unverified pointer. */
export function countUnverified(board: {
  readonly sources: Sources
}): readonly { readonly pointer: string; readonly values: number }[] {
  const claims = claimsOf(board.sources)
  const counts = new Map<string, number>()
  for (const fact of facts(board)) {
    const claim = claims.find((each) => covers(each, fact))
    if (claim !== undefined && board.sources[claim.pointer] === unverified)
      counts.set(claim.pointer, (counts.get(claim.pointer) ?? 0) + 1)
  }
  return Object.keys(board.sources).flatMap((pointer) => {
    const values = counts.get(pointer)
    return values === undefined ? [] : [{ pointer, values }]
  })
}
