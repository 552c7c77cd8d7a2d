/**
 * mosquitto is killed every one and a half seconds while a thousand commands flow: each has its one effect, whatever the
 * broker lost, kept, or delivered again after its return (I2, I6).
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWith } from '../setup/peers.ts'
import { lan, load } from './load.ts'
import { Office } from './office.ts'
import { Place, type PlaceOptions } from './place.ts'
import { Diary, reckon } from './reckoning.ts'

const commands = 1000
const everyMs = 1500
const atOnce = 8
/** Between two commands, at least: slow enough that no life of the broker carries more than a part of them. */
const paceMs = 7

/** The agent may wait for its broker a good part of this. */
const patienceMs = 240_000

interface Row {
  readonly broker: NonNullable<PlaceOptions['broker']>
  /** Whether the agent, too, is killed once in the middle. */
  readonly killsAgent: boolean
}

function suite(name: string, { broker, killsAgent }: Row): void {
  describeWith(['mosquitto'], name, () => {
    let place: Place
    let office: Office

    beforeAll(async () => {
      place = await Place.open({ broker })
      await place.start()
      office = new Office('manager', await place.client('manager'))
    })
    afterAll(() => place?.close())

    test('a thousand commands have a thousand effects, though the broker is killed every 1.5 s', async () => {
      const bodies = load({ name: 'load', count: commands - 1, bays: [1, 2] })
      await office.ask(lan)
      const began = Date.now()
      let next = began
      const inTurn = async () => {
        next = Math.max(next + paceMs, Date.now())
        await pause(next - Date.now())
        return true
      }
      const work = office.askAll(bodies, atOnce, inTurn)
      const over = work.then(() => 'over' as const)

      /** Answers that had come at each kill of the broker. */
      const stood: number[] = []
      const breakBroker = async () => {
        while ((await Promise.race([pause(everyMs), over])) !== 'over') {
          stood.push(office.answers.length)
          await place.broker.kill()
          await place.broker.start()
        }
      }
      const killAgent = async () => {
        await office.answeredSoMany(commands / 2)
        await place.kill()
        await place.start()
      }
      const late = pause(patienceMs).then(() => {
        throw new Error(
          `${office.answers.length} answers of ${commands} after ${patienceMs} ms:\n${place.agent.stderr}`,
        )
      })
      await Promise.race([Promise.all([work, breakBroker(), ...(killsAgent ? [killAgent()] : [])]), late])
      const seconds = Math.round((Date.now() - began) / 1000)
      await office.reached()

      const reckoned = await reckon([office])
      const diary = await readDiary(office, commands)
      const replayed = office.answers.filter(({ replayed: again }) => again).length
      console.log(
        `${name}: ${stood.length} kills of the broker in ${seconds} s, with ${stood.join(' ')} answers; ` +
          `${replayed} answers were replayed, ${reckoned.effects} effects, ${diary.requests.size} events`,
      )
      expect(reckoned.wrong).toEqual([])
      expect(reckoned).toMatchObject({ effects: commands, answered: commands })
      // Commands were flowing when it died, again and again.
      expect(new Set(stood.filter((count) => count > 0 && count < commands)).size).toBeGreaterThanOrEqual(4)

      expect([...diary.requests].filter(([, times]) => times > 1)).toEqual([])
      if (!killsAgent) {
        expect(diary.requests.size).toBe(commands)
        expect(diary.gaps).toEqual([])
        return
      }
      // Events are no bindings: a killed agent may take along those of the changes that were under way.
      expect(diary.requests.size).toBeGreaterThanOrEqual(commands - atOnce)
      expect(diary.gaps.length).toBeLessThanOrEqual(1)
    })
  })
}

/** All that there is, up to the event of the last command: it is written when the answer is on its way. */
async function readDiary(office: Office, revision: number): Promise<Diary> {
  const last = office.answers.find(({ accepted }) => accepted.revision === revision)?.request ?? ''
  const diary = new Diary()
  while (!diary.requests.has(last)) await diary.readOn(office.client)
  return diary
}

suite('a broker that forgets everything', { broker: 'mosquitto', killsAgent: false })
suite('a broker that forgets everything, and the agent killed in the middle', { broker: 'mosquitto', killsAgent: true })
suite('a broker that keeps on disk what waits in it', { broker: 'lasting mosquitto', killsAgent: false })
