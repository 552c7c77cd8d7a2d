/** What hands and bad luck do in a life: to blades and BMCs, to controllers, to flash and EEPROM, to broker and wire. */
import type { Bay } from '../../agent/core/blade.ts'
import type { BladeFault } from '../../agent/sim/chassis.ts'
import { fair } from './broker.ts'
import type { Chance } from './chance.ts'
import type { Counts } from './counts.ts'
import type { Stage } from './stage.ts'

/** Each does one thing, and tells what. */
export interface Deeds {
  hands(): string
  controllers(): Promise<string>
  media(): string
  weather(): string
  /** Where hands were last. */
  focus(): Bay
}

export function deeds(stage: Stage, chance: Chance, counts: Counts): Deeds {
  const { below, pick, oneIn } = chance
  const { host, broker, clock, hardware } = stage
  const bays = hardware.board.bays.map(({ bay }) => bay)
  let focus: Bay = bays[0] ?? 1

  const faults = (): BladeFault =>
    pick<BladeFault>([
      { kind: 'silent' },
      { kind: 'slow', ms: 500 + below(6000) },
      { kind: 'late', ms: 500 + below(20_000) },
      { kind: 'late', ms: 500 + below(5_000) },
      { kind: 'late', ms: 15_000 + below(25_000) },
      { kind: 'starved' },
      { kind: 'lies-writes' },
      { kind: 'power-lag', ms: 500 + below(8_000) },
      { kind: 'ignores-shutdown' },
      { kind: 'post-fails', after: below(2) },
    ])

  function hands(): string {
    const bay = pick(bays)
    focus = bay
    const done = (say: string, refused: string | undefined) => (refused === undefined ? say : `${say}: ${refused}`)
    switch (below(11)) {
      case 0:
        return done(`pulls blade ${bay}`, host.perform({ do: 'pull', bay }))
      case 1: {
        const with_ = pick(bays)
        return done(`swaps ${bay} and ${with_}`, host.perform({ do: 'swap', bay, blade: { with: with_ } }))
      }
      case 2: {
        const lying = Object.keys(host.world.shelf)
        if (lying.length > 0) {
          const serial = pick(lying)
          return done(`inserts ${serial} into ${bay}`, host.perform({ do: 'insert', bay, blade: { serial } }))
        }
        const { product } = pick(hardware.board.blades)
        return done(
          `inserts a new ${product} into ${bay}`,
          host.perform({ do: 'insert', bay, blade: { product, localDisk: true } }),
        )
      }
      case 3:
      case 4:
        host.perform({ do: 'policy', bay, policy: { button: 'enabled', restore: 'always-on', wake: 'enabled' } })
        return done(`presses the button of ${bay}`, host.perform({ do: 'button', bay, hold: oneIn(2) }))
      case 5:
        return done(
          `system of ${bay}`,
          host.perform({ do: 'system', bay, does: pick(['shutdown', 'reboot'] as const) }),
        )
      case 6:
      case 7:
      case 8: {
        const fault = faults()
        return done(`breaks ${bay} ${JSON.stringify(fault)}`, host.perform({ do: 'break', bay, fault }))
      }
      case 9:
        return done(`mends ${bay}`, host.perform({ do: 'mend', bay }))
      default:
        return done(`reboots BMC ${bay}`, host.perform({ do: 'reboot-bmc', bay }))
    }
  }

  async function controllers(): Promise<string> {
    const seat = pick(stage.seats)
    const { slot } = seat
    const dice = below(stage.isPair ? 14 : 8)
    switch (dice) {
      case 0:
      case 1:
      case 2:
        counts.kills++
        stage.kill(seat)
        if (!oneIn(3)) stage.start(seat)
        return `kills ${slot}${seat.running ? ', which starts again' : ''}`
      case 3:
        counts.kills++
        stage.powerCut(seat)
        stage.start(seat)
        return `cuts the power of ${slot}`
      case 4:
      case 5: {
        for (const each of stage.seats) stage.start(each)
        return 'starts what does not run'
      }
      case 6: {
        counts.acLosses++
        await acLoss()
        return 'AC is lost and back'
      }
      case 7: {
        counts.kills++
        const box = stage.remove(seat)
        if (box) stage.shelf.push(box)
        const old = stage.shelf[0]
        if (oneIn(2) && old && old !== box) {
          stage.shelf.shift()
          stage.insert(seat, old)
          return `puts a stale controller into ${slot}: ${old.flash}`
        }
        if (oneIn(2)) {
          stage.insert(seat, stage.newBox())
          return `puts a new controller into ${slot}: ${seat.box?.flash}`
        }
        return `takes the controller out of ${slot}`
      }
      case 8: {
        const [a, b] = stage.seats.map((each) => stage.remove(each))
        counts.kills += 2
        const [first, second] = stage.seats
        if (first && b) stage.insert(first, b)
        if (second && a) stage.insert(second, a)
        return 'swaps both controllers'
      }
      case 9:
      case 10:
        stage.wire.cut = !stage.wire.cut
        return `the wire between the controllers is ${stage.wire.cut ? 'cut' : 'mended'}`
      default: {
        const running = seat.running?.pair
        const why = running?.changeover(oneIn(2))
        return `changeover asked of ${slot}: ${why ?? 'done'}`
      }
    }
  }

  async function acLoss(): Promise<void> {
    stage.deed('AC is lost')
    host.perform({ do: 'ac', on: false })
    for (const seat of stage.seats) stage.powerCut(seat)
    counts.kills += stage.seats.length
    await clock.advance(100 + below(2_000))
    host.perform({ do: 'ac', on: true })
    stage.deed('AC is back')
    for (const seat of stage.seats) if (!oneIn(5)) stage.start(seat)
  }

  function media(): string {
    const seat = pick(stage.seats)
    const box = seat.box
    const { chip } = stage.eeprom
    switch (below(6)) {
      case 0: {
        if (!box) return 'no flash'
        let left = 1 + below(3)
        const code = pick(['EIO', 'ENOSPC'])
        box.medium.fail = ({ operation }) => {
          if (operation === 'list' || operation === 'read' || left <= 0 || below(3) > 0) return undefined
          left--
          return { code, short: oneIn(2) }
        }
        return `${box.flash} fails soon: ${code}`
      }
      case 1:
        if (!box) return 'no flash'
        box.medium.fail = ({ operation }) =>
          operation === 'list' || operation === 'read' ? undefined : { code: 'EIO' }
        return `${box.flash} takes nothing`
      case 2:
        for (const box of stage.boxes) box.medium.fail = () => undefined
        return 'all flash is well again'
      case 3: {
        let left = 1 + below(2)
        chip.fail = ({ operation }) => {
          if (operation !== 'writePage' || left <= 0) return undefined
          left--
          return { why: 'EIO: the bus failed', arrived: below(128) }
        }
        return 'a page of the EEPROM is torn'
      }
      case 4:
        chip.broken = chip.broken === undefined ? 'EIO: no answer' : undefined
        return `the EEPROM ${chip.broken === undefined ? 'answers again' : 'does not answer'}`
      default:
        chip.broken = undefined
        return 'the EEPROM answers'
    }
  }

  function weather(): string {
    switch (below(5)) {
      case 0: {
        const party = pick(['central', 'other', 'chassis'])
        broker.cut(party, true)
        return `${party} is cut off from the broker`
      }
      case 1:
      case 2:
        for (const party of broker.cutOff) broker.cut(party, false)
        broker.weather = fair
        return 'the broker is well'
      case 3:
        broker.redeliver()
        return 'the broker delivers again'
      default:
        broker.weather = { delayMs: pick([5, 200, 1500]), lost: pick([0, 10, 30]), twice: pick([0, 20, 50]) }
        return `weather ${JSON.stringify(broker.weather)}`
    }
  }

  return { hands, controllers, media, weather, focus: () => focus }
}
