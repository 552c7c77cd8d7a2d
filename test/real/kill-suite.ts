/** What must hold after any number of kills; told by the everyday tests with a few, by the slow ones with a hundred. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bootRecords, type LogEntry } from '../../agent/sim/log.ts'
import { furnish, type Killed, type KillingOptions, killing, seats, touchesOf } from './killing.ts'
import { Place } from './place.ts'
import { reckon } from './reckoning.ts'

export function tellKilling(options: KillingOptions): void {
  describe(`${options.kills} times SIGKILL under load`, () => {
    let place: Place
    let killed: Killed
    let log: readonly LogEntry[]
    const sinceThen = () => log.slice(killed.began)

    beforeAll(async () => {
      place = await Place.open()
      const founder = await furnish(place)
      killed = await killing(place, founder, options)
      log = await place.backDoor.log()
    }, 400_000)
    afterAll(() => place?.close())

    test('every accepted change stands exactly once, and its repeat gets the stored answer', async () => {
      const { offices, inStartUp, afterAnswers, wanted } = killed
      const answers = offices.flatMap((office) => office.answers)
      const reckoned = await reckon(offices)
      const count = (of: (office: (typeof offices)[number]) => number) =>
        offices.reduce((sum, each) => sum + of(each), 0)
      console.log(
        `${options.kills} kills (seed ${options.seed}; ${inStartUp} of an agent not yet online, ${afterAnswers} after its answers): ` +
          `${count(({ sequence }) => sequence)} commands, ${answers.length} answers, ` +
          `${answers.filter(({ replayed }) => replayed).length} of them replayed, ${count(({ again }) => again)} sent again, ` +
          `${reckoned.effects} effects; ${wanted.on + wanted.off} switches, ${wanted.resets} resets, ${wanted.moves} moves`,
      )
      expect(reckoned.wrong).toEqual([])
      expect(reckoned.effects).toBe(reckoned.answered)
      expect(answers).toHaveLength(count(({ sequence }) => sequence))
      // Enough happened for all this to mean something.
      expect(reckoned.effects).toBeGreaterThan(2 * options.kills)
      expect(afterAnswers).toBeGreaterThanOrEqual(options.kills / 2)
    })

    test('the store is whole: on flash and in the chassis EEPROM, and nothing in it was damaged', async () => {
      const [office] = killed.offices
      const { store } = (await office?.controller()) ?? {}
      expect(store).toMatchObject({ readOnly: false, copies: ['flash', 'eeprom'] })
    })

    test('no address was ever live twice', async () => {
      expect(await place.backDoor.duplicates()).toEqual([])
    })

    test.each(seats.running)('blade %i ran through all of it untouched', (bay) => {
      expect(touchesOf(sinceThen(), bay)).toEqual([])
      expect(bootRecords(log).filter((record) => record.bay === bay)).toHaveLength(1)
    })

    test('a blade that is switched boots once for each power on, and goes off once for each power off', () => {
      const power = sinceThen().filter((entry) => entry.kind === 'power' && entry.bay === seats.switched)
      expect(power.filter((entry) => 'on' in entry && entry.on)).toHaveLength(killed.wanted.on)
      expect(power.filter((entry) => 'on' in entry && !entry.on)).toHaveLength(killed.wanted.off)
    })

    test('a blade is reset at most once for each reset, and only a kill ever costs one', () => {
      const here = sinceThen().filter((entry) => 'bay' in entry && entry.bay === seats.reset)
      const sent = here.filter((entry) => entry.kind === 'command' && entry.detail === 'reset')
      const boots = bootRecords(here)
      console.log(
        `${killed.wanted.resets} resets were accepted, ${sent.length} were sent, ${boots.length} boots followed`,
      )
      expect(boots.filter(({ why }) => why !== 'warm-reset')).toEqual([])
      expect(boots.length).toBeLessThanOrEqual(sent.length)
      // Noted as sent before it is sent: a kill between the two costs the reset, and never doubles it.
      expect(sent.length).toBeLessThanOrEqual(killed.wanted.resets)
      expect(sent.length).toBeGreaterThan(0)
    })

    test('a profile that moves boots once in each bay that it comes to, and in no bay that it was not moved to', () => {
      const boots = bootRecords(sinceThen()).filter(({ bay }) => seats.moved.some((moved) => moved === bay))
      expect(boots).toHaveLength(killed.wanted.moves)
      const turns = boots.map(({ bay }) => bay)
      expect(turns).toEqual(turns.map((_, n) => seats.moved[(n + 1) % 2]))
    })
  })
}
