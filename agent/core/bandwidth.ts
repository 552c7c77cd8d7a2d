/**
 * How one port is shared among the connections placed on it: what may be asked for, what has to be kept
 * free, and what each one is granted in the end. The rules are those of QLogic NPAR, Emulex Universal
 * Multi-Channel and HP Flex-10; which one an adapter follows is data in its model (`partitioning`).
 */
import type { AdapterModel, Partitioning } from './board.ts'
import type { Bandwidth } from './profile.ts'

/** Mb/s, transmit; what the function is told. */
export interface Grant {
  readonly minMbps: number
  readonly maxMbps: number
}

type Port = Pick<AdapterModel, 'partitioning' | 'portMbps' | 'functions'>

/** Why this port can never grant that request, whoever else is on it; undefined: it can. */
export function refuseAsk(port: Port, ask: Bandwidth | undefined): string | undefined {
  if (ask === undefined) return undefined
  const most = ask.maxMbps ?? ask.minMbps
  if (ask.minMbps > port.portMbps) return `${ask.minMbps} Mb/s is more than the port's ${port.portMbps}; ask for less`
  if (most > port.portMbps)
    return `a cap of ${most} Mb/s is above the port's ${port.portMbps}; leave it out or lower it`
  const rule = port.partitioning
  switch (rule.rule) {
    case 'whole':
      return ask.maxMbps !== undefined && ask.maxMbps < port.portMbps
        ? `the port is not divided and can not cap at ${ask.maxMbps} Mb/s; leave the cap out`
        : undefined
    case 'npar':
      return offStep(ask, rule.stepMbps)
    case 'umc':
      return ask.minMbps < rule.leastMbps
        ? `${ask.minMbps} Mb/s is less than the ${rule.leastMbps} that a channel has at least; ask for more`
        : offStep(ask, rule.stepMbps)
    case 'flex-10':
      return ask.minMbps < rule.stepMbps
        ? `${ask.minMbps} Mb/s is less than one step of ${rule.stepMbps}; ask for more, or for none`
        : offStep(ask, rule.stepMbps)
    case 'virtual':
      return undefined
  }
}

function offStep(ask: Bandwidth, step: number): string | undefined {
  const off = [ask.minMbps, ask.maxMbps ?? 0].find((mbps) => mbps % step !== 0)
  return off === undefined
    ? undefined
    : `${off} Mb/s is not a multiple of ${step}; ask for ${Math.max(step, off - (off % step))} or ${off - (off % step) + step}`
}

/** What a connection takes of the port for good. Connections fit on a port when their sum is not above its speed. */
export function reservedMbps(rule: Partitioning, ask: Bandwidth | undefined): number {
  switch (rule.rule) {
    case 'whole':
    case 'npar':
    case 'virtual':
      return ask?.minMbps ?? 0
    case 'umc':
      return ask?.minMbps ?? rule.leastMbps
    case 'flex-10':
      // What was asked for is scaled down where it does not fit; only one step each is sure.
      return rule.stepMbps
  }
}

/**
 * Grants for the connections of one port, in function order. `undefined`: nothing to tell the function,
 * the port decides. The sum of `minMbps` is never above the port's speed.
 */
export function grantPort(port: Port, asks: readonly (Bandwidth | undefined)[]): readonly (Grant | undefined)[] {
  const rule = port.partitioning
  const capOf = (ask: Bandwidth | undefined) => ask?.maxMbps ?? port.portMbps
  switch (rule.rule) {
    case 'whole':
      return asks.map(() => undefined)
    case 'npar':
    case 'virtual':
      return asks.map((ask) => ask && { minMbps: ask.minMbps, maxMbps: capOf(ask) })
    case 'umc': {
      const autos = asks.filter((ask) => ask === undefined).length
      const rest = port.portMbps - asks.reduce((sum, ask) => sum + (ask?.minMbps ?? 0), 0)
      const even = Math.min(port.portMbps / port.functions.length, rest / Math.max(1, autos))
      const auto = even - (even % rule.stepMbps)
      return asks.map((ask) => ({ minMbps: ask?.minMbps ?? auto, maxMbps: capOf(ask) }))
    }
    case 'flex-10': {
      const step = rule.stepMbps
      const units = flex10(
        asks.map((ask) => (ask === undefined ? 'auto' : ask.minMbps / step)),
        Math.floor(port.portMbps / step),
      )
      return asks.map((ask, i) => {
        const granted = (units[i] as number) * step
        // A Flex-10 share is a hard one: without a cap of its own it caps at what was granted.
        return { minMbps: granted, maxMbps: Math.max(granted, ask?.maxMbps ?? granted) }
      })
    }
  }
}

/**
 * HP Flex-10, in steps of the port. Requests that fit are granted and the autos share the rest evenly. Where
 * they do not fit, each auto gets one step and the requests share the remainder in proportion, rounded down;
 * what is left goes, step by step, to the one furthest below its request as a part of it.
 */
export function flex10(asks: readonly (number | 'auto')[], portSteps: number): readonly number[] {
  const autos = asks.filter((ask) => ask === 'auto').length
  const asked = asks.reduce<number>((sum, ask) => sum + (ask === 'auto' ? 0 : ask), 0)
  if (asked + autos <= portSteps) {
    const rest = portSteps - asked
    let extra = autos === 0 ? 0 : rest % autos
    return asks.map((ask) => (ask !== 'auto' ? ask : Math.floor(rest / autos) + (extra-- > 0 ? 1 : 0)))
  }
  const room = portSteps - autos
  const shares = asks.map((ask) => ({ ask, got: ask === 'auto' ? 1 : Math.floor((ask * room) / asked) }))
  const fixed = shares.filter((share): share is { ask: number; got: number } => share.ask !== 'auto')
  const first = (before: (a: Share, b: Share) => boolean) => fixed.reduce((a, b) => (before(b, a) ? b : a))
  for (let left = portSteps - shares.reduce((sum, { got }) => sum + got, 0); left > 0; left--)
    first((a, b) => a.got * b.ask < b.got * a.ask).got += 1
  // Rounding may leave a very small request with nothing, and a function without bandwidth is no function.
  for (const share of fixed) {
    if (share.got > 0) continue
    first((a, b) => a.got > b.got).got -= 1
    share.got = 1
  }
  return shares.map(({ got }) => got)
}

interface Share {
  readonly ask: number
  got: number
}
