// The placement of connections, searched for counter-examples: a judge written from the rules' text alone, and a search
// that tries everything, have to agree with what the agent finds.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Observed } from '../../agent/core/blade.ts'
import { functionKey, type Hardware, parseFunctionKey } from '../../agent/core/board.ts'
import { type Carrier, fit as fits, formOf } from '../../agent/core/fit.ts'
import type { Connection, Profile } from '../../agent/core/profile.ts'
import { boards, carrier, connection, hw, profileOf, usual } from './fitting.ts'

interface Case {
  readonly hardware: Hardware
  readonly blade: Carrier
  readonly profile: Profile
  readonly there: Observed['interconnects']
}

const products = boards.flatMap((id) =>
  hw(id).board.blades.map(({ product }) => ({ hardware: hw(id), blade: carrier(hw(id), product) })),
)

const cases: fc.Arbitrary<Case> = fc.constantFrom(...products).chain(({ hardware, blade }) => {
  const slots = formOf(hardware, blade.product)?.slots.map(({ id }) => id) ?? []
  const rarely = <Value>(arbitrary: fc.Arbitrary<Value>) =>
    fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
  const wants = fc.record({
    kind: fc.constantFrom('nic', 'nic', 'iscsi', 'fcoe', 'fc'),
    slot: rarely(fc.constantFrom(...slots)),
    port: rarely(fc.integer({ min: 1, max: 2 })),
    interconnect: rarely(fc.constantFrom(...hardware.board.interconnects.map(({ id }) => id))),
    minMbps: rarely(fc.constantFrom(100, 200, 400, 500, 1000, 3000, 5000, 6000)),
  })
  // Half of the cases crowd everything onto one port.
  const fitted = blade.adapters.map(({ slot }) => slot)
  const pin = fc.option(fc.record({ slot: fc.constantFrom(...fitted), port: fc.integer({ min: 1, max: 2 }) }), {
    freq: 1,
  })
  const kinds = fc.constantFrom('ethernet', 'converged', 'converged', 'fc', 'empty')
  const there = fc.oneof(
    fc.constant('unknown' as const),
    fc.constant(usual(hardware)),
    fc
      .tuple(...hardware.board.interconnects.map(({ id }) => fc.tuple(fc.constant(id), kinds)))
      .map((pairs) => Object.fromEntries(pairs)),
  )
  return fc.record({ wants: fc.array(wants, { minLength: 1, maxLength: 5 }), there, pin }).map((made) => {
    const connections = made.wants.map(({ kind, slot, port, interconnect, minMbps }, i) =>
      connection(kind as Connection['kind'], `c${i}`, {
        ...(slot !== undefined && { slot }),
        ...(port !== undefined && { port }),
        ...(interconnect !== undefined && { interconnect }),
        ...(minMbps !== undefined && { bandwidth: { minMbps } }),
        ...made.pin,
      }),
    )
    return { hardware, blade, profile: profileOf(connections), there: made.there as Observed['interconnects'] }
  })
})

/** Written from the rules' text, not from the code: what is wrong with a placement, or nothing. */
function objection(
  { hardware, blade, profile, there }: Case,
  placed: { readonly [id: string]: string },
): string | undefined {
  const seen = new Set<string>()
  const ports = new Map<string, { model: NonNullable<Hardware['adapters'][string]>; held: Connection[] }>()
  const adapters = new Map<string, number>()
  for (const each of profile.connections) {
    const key = placed[each.id] ?? ''
    const at = parseFunctionKey(key)
    if (at === undefined) return `${each.id} is nowhere`
    if (seen.has(key)) return `${key} is used twice`
    seen.add(key)
    const model = hardware.adapters[blade.adapters.find(({ slot }) => slot === at.slot)?.model ?? '']
    const fn = model?.functions.find(({ id }) => id === at.fn)
    if (model === undefined || fn === undefined || at.port > model.ports) return `${key} does not exist`
    if (!fn.roles.includes(each.kind)) return `${key} can not be ${each.kind}`
    if ((each.slot ?? at.slot) !== at.slot || (each.port ?? at.port) !== at.port) return `${each.id} wished otherwise`
    const wire = formOf(hardware, blade.product)
      ?.slots.find(({ id }) => id === at.slot)
      ?.wiring.find(({ port }) => port === at.port)
    if (wire === undefined || (each.interconnect ?? wire.interconnect) !== wire.interconnect)
      return `${each.id} is wired elsewhere`
    if (there !== 'unknown') {
      const end = there[wire.interconnect]
      const network = end === 'ethernet' || end === 'converged'
      const virtual = model.partitioning.rule === 'virtual'
      const ok = {
        nic: network,
        iscsi: network,
        fcoe: end === 'converged',
        fc: virtual ? end === 'converged' : end === 'fc',
      }[each.kind]
      if (!ok) return `${wire.interconnect} is ${end}`
    }
    const port = `${at.slot}:${at.port}`
    ports.set(port, { model, held: [...(ports.get(port)?.held ?? []), each] })
    adapters.set(at.slot, (adapters.get(at.slot) ?? 0) + 1)
    if ('perAdapter' in model.partitioning && (adapters.get(at.slot) ?? 0) > model.partitioning.perAdapter)
      return `${at.slot} is full`
  }
  for (const [port, { model, held }] of ports) {
    const { rule } = model.partitioning
    const least = rule === 'umc' ? 100 : 0
    const sum = held.reduce((total, { bandwidth }) => total + (bandwidth?.minMbps ?? least), 0)
    if (rule !== 'flex-10' && sum > model.portMbps) return `${port} is oversubscribed`
    if (held.some(({ bandwidth }) => (bandwidth?.minMbps ?? 0) > model.portMbps)) return `${port} is too slow`
    for (const kind of ['iscsi', 'fcoe'])
      if (rule === 'npar' && held.filter((each) => each.kind === kind).length > 1) return `${port} has two ${kind}`
  }
  return undefined
}

/** Tries every placement there is, the connections with the fewest places first. */
function anyPlacement(each: Case): 'yes' | 'no' | 'not even one by one' {
  const keys = each.blade.adapters.flatMap(({ slot, model: id }) => {
    const model = each.hardware.adapters[id]
    if (model === undefined) return []
    return Array.from({ length: model.ports }, (_, i) =>
      model.functions.map((fn) => functionKey(slot, i + 1, fn.id)),
    ).flat()
  })
  const only = (...connections: readonly Connection[]): Case => ({ ...each, profile: { ...each.profile, connections } })
  const places = each.profile.connections
    .map((one) => ({ one, keys: keys.filter((key) => objection(only(one), { [one.id]: key }) === undefined) }))
    .sort((a, b) => a.keys.length - b.keys.length)
  if (places[0]?.keys.length === 0) return 'not even one by one'
  const place = (i: number, placed: { readonly [id: string]: string }): boolean => {
    const next = places[i]
    if (next === undefined) return true
    const upTo = only(...places.slice(0, i + 1).map(({ one }) => one))
    return next.keys.some((key) => {
      const more = { ...placed, [next.one.id]: key }
      // A rule broken by some connections stays broken however the rest is placed.
      return objection(upTo, more) === undefined && place(i + 1, more)
    })
  }
  return place(0, {}) ? 'yes' : 'no'
}

type Placer = (each: Case) => { readonly [id: string]: string } | undefined

const byFit: Placer = ({ profile, blade, hardware, there }) => {
  const found = fits(profile, blade, hardware, there)
  return found.ok ? found.placed : undefined
}

/** The placer that one would write first: the first function that will do, never looking back. */
const greedy: Placer = (each) => {
  let placed: { readonly [id: string]: string } = {}
  each.profile.connections.forEach((next, i) => {
    const only = { ...each, profile: { ...each.profile, connections: each.profile.connections.slice(0, i + 1) } }
    for (const { slot, model: id } of each.blade.adapters)
      for (let port = 1; port <= (each.hardware.adapters[id]?.ports ?? 0); port++)
        for (const fn of each.hardware.adapters[id]?.functions ?? []) {
          const more = { ...placed, [next.id]: functionKey(slot, port, fn.id) }
          if (!(next.id in placed) && objection(only, more) === undefined) placed = more
        }
  })
  return Object.keys(placed).length === each.profile.connections.length ? placed : undefined
}

const soundAndComplete = (placer: Placer, count: { placed: number; refused: number; crowded: number }) =>
  fc.property(cases, (each) => {
    const placed = placer(each)
    if (placed === undefined) {
      count.refused++
      const any = anyPlacement(each)
      if (any === 'no') count.crowded++
      return any !== 'yes'
    }
    count.placed++
    return objection(each, placed) === undefined
  })

describe('whatever the profile, the blade and the interconnects', () => {
  it('what fits obeys every rule, and what is refused can not be placed at all', () => {
    const count = { placed: 0, refused: 0, crowded: 0 }
    fc.assert(soundAndComplete(byFit, count), { numRuns: 3000 })
    console.log(`placed ${count.placed}, refused ${count.refused}, of these ${count.crowded} for want of room`)
    expect(count.placed).toBeGreaterThan(200)
    expect(count.refused).toBeGreaterThan(200)
    expect(count.crowded).toBeGreaterThan(10)
  })

  it('a placer that never looks back is caught', () => {
    const result = fc.check(soundAndComplete(greedy, { placed: 0, refused: 0, crowded: 0 }), { numRuns: 5000, seed: 7 })
    expect(result.failed).toBe(true)
  })

  it('a refusal names connection and rule, and adapter and port where there is one', () => {
    let refused = 0
    fc.assert(
      fc.property(cases, ({ profile, blade, hardware, there }) => {
        const found = fits(profile, blade, hardware, there)
        if (found.ok) return
        refused++
        for (const misfit of found.misfits) {
          expect(profile.connections.map(({ id }) => id)).toContain(misfit.connection)
          if (misfit.rule !== 'slot') {
            expect(misfit.say).toContain(misfit.adapter)
            expect(misfit.say).toMatch(new RegExp(`${misfit.slot}( port ${misfit.port}|:${misfit.port}-|\\b)`))
          }
          expect(misfit.say).toMatch(/^[a-z].*[^.]$/)
        }
      }),
      { numRuns: 500 },
    )
    expect(refused).toBeGreaterThan(100)
  })
})
