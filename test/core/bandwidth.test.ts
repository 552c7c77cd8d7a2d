// A port's bandwidth is shared as the vendors' own rules say, and never given away twice.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flex10, grantPort, refuseAsk, reservedMbps } from '../../agent/core/bandwidth.ts'
import type { Partitioning } from '../../agent/core/board.ts'

const functions = ['a', 'b', 'c', 'd'].map((id) => ({ id, roles: ['nic'] as const }))
const port = (partitioning: Partitioning, portMbps = 10_000) => ({ partitioning, portMbps, functions })
const flex = port({ rule: 'flex-10', stepMbps: 100 })
const umc = port({ rule: 'umc', stepMbps: 100, leastMbps: 100 })
const npar = port({ rule: 'npar', stepMbps: 100, perAdapter: 8 })
const virtual = port({ rule: 'virtual', perAdapter: 8 })
const whole = { ...port({ rule: 'whole' }), functions: functions.slice(0, 1) }
const min = (minMbps: number, maxMbps?: number) => ({ minMbps, ...(maxMbps !== undefined && { maxMbps }) })
const mins = (grants: ReturnType<typeof grantPort>) => grants.map((grant) => grant?.minMbps)

describe('Flex-10', () => {
  it('grants as the published examples do', () => {
    expect(flex10([20, 20, 20, 20], 100)).toEqual([20, 20, 20, 20])
    expect(flex10([10, 'auto', 'auto', 'auto'], 100)).toEqual([10, 30, 30, 30])
    expect(flex10([10, 20, 40, 50], 100)).toEqual([9, 17, 33, 41])
  })

  it('shares a port among functions that ask for nothing', () => {
    expect(flex10(['auto', 'auto', 'auto', 'auto'], 100)).toEqual([25, 25, 25, 25])
    expect(flex10(['auto', 'auto', 'auto'], 100)).toEqual([34, 33, 33])
    expect(flex10([], 100)).toEqual([])
  })

  it('leaves one step to each that asks for nothing where the others ask for too much', () => {
    expect(flex10([60, 60, 'auto', 'auto'], 100)).toEqual([49, 49, 1, 1])
  })

  it('leaves nobody with nothing, however small the request', () => {
    expect(flex10([1, 1, 98, 100], 100).every((granted) => granted > 0)).toBe(true)
  })

  it('never grants more than the port, and every request that fits is granted in full', () => {
    const ask = fc.oneof(fc.constant('auto' as const), fc.integer({ min: 1, max: 100 }))
    let fitted = 0
    let squeezed = 0
    fc.assert(
      fc.property(fc.array(ask, { minLength: 1, maxLength: 4 }), (asks) => {
        const granted = flex10(asks, 100)
        const sum = granted.reduce((a, b) => a + b, 0)
        expect(sum).toBeLessThanOrEqual(100)
        expect(granted.every((each) => Number.isInteger(each) && each >= 1)).toBe(true)
        const fixed = asks.filter((each) => each !== 'auto')
        const autos = asks.length - fixed.length
        const fits = fixed.reduce((a, b) => a + b, 0) + autos <= 100
        asks.forEach((each, i) => {
          if (each === 'auto') return
          if (fits) expect(granted[i]).toBe(each)
          else expect(granted[i]).toBeLessThanOrEqual(each)
        })
        // Where somebody wants more, nothing is left lying about.
        if (autos > 0 || !fits) expect(sum).toBe(100)
        if (fits) fitted++
        else squeezed++
      }),
      { numRuns: 2000 },
    )
    expect(Math.min(fitted, squeezed)).toBeGreaterThan(200)
  })

  it('caps each share at what was granted, unless a higher cap was asked for', () => {
    expect(grantPort(flex, [min(2000), min(1000, 5000), undefined])).toEqual([
      { minMbps: 2000, maxMbps: 2000 },
      { minMbps: 1000, maxMbps: 5000 },
      { minMbps: 7000, maxMbps: 7000 },
    ])
  })
})

describe('the other rules', () => {
  it('UMC gives a channel that asks for nothing its quarter, or less where others asked for more', () => {
    expect(mins(grantPort(umc, [undefined, undefined]))).toEqual([2500, 2500])
    expect(mins(grantPort(umc, [min(9000), undefined, undefined, undefined]))).toEqual([9000, 300, 300, 300])
    expect(grantPort(umc, [min(100)])).toEqual([{ minMbps: 100, maxMbps: 10_000 }])
  })

  it('UMC never guarantees more than the port where what is reserved fits', () => {
    const ask = fc.option(
      fc.integer({ min: 1, max: 100 }).map((steps) => min(steps * 100)),
      { nil: undefined },
    )
    let ran = 0
    fc.assert(
      fc.property(fc.array(ask, { minLength: 1, maxLength: 4 }), (asks) => {
        fc.pre(asks.reduce((sum, each) => sum + reservedMbps(umc.partitioning, each), 0) <= 10_000)
        const granted = mins(grantPort(umc, asks)).map((each) => each ?? Number.NaN)
        expect(granted.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(10_000)
        expect(granted.every((each) => each >= 100 && each % 100 === 0)).toBe(true)
        ran++
      }),
      { numRuns: 500 },
    )
    expect(ran).toBe(500)
  })

  it('NPAR and virtual functions are told what was asked, and nothing where nothing was', () => {
    for (const each of [npar, virtual])
      expect(grantPort(each, [min(1000), undefined, min(500, 2000)])).toEqual([
        { minMbps: 1000, maxMbps: 10_000 },
        undefined,
        { minMbps: 500, maxMbps: 2000 },
      ])
  })

  it('a whole port is told nothing: it has all there is', () => {
    expect(grantPort(whole, [min(5000)])).toEqual([undefined])
  })
})

describe('a request that no such port can grant', () => {
  it.each([
    ['more than the port has', flex, min(10_100), /10100 Mb\/s is more than the port's 10000; ask for less/],
    ['a cap above the port', npar, min(100, 20_000), /a cap of 20000 Mb\/s is above the port's 10000/],
    ['a step between steps', npar, min(250), /250 Mb\/s is not a multiple of 100; ask for 200 or 300/],
    ['a cap between steps', flex, min(200, 250), /250 Mb\/s is not a multiple of 100/],
    ['less than a channel has', umc, min(0), /0 Mb\/s is less than the 100 that a channel has at least/],
    ['less than a step', flex, min(50), /50 Mb\/s is less than one step of 100/],
    ['a cap on a port that is not divided', whole, min(0, 5000), /the port is not divided and can not cap at 5000/],
  ])('%s is refused with the way out', (_, on, ask, say) => {
    expect(refuseAsk(on, ask)).toMatch(say)
  })

  it('is not one that the port can grant', () => {
    for (const each of [flex, umc, npar, virtual, whole]) {
      expect(refuseAsk(each, undefined)).toBeUndefined()
      expect(refuseAsk(each, min(1000))).toBeUndefined()
      expect(refuseAsk(each, min(1000, 10_000))).toBeUndefined()
    }
  })
})
