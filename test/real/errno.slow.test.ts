/**
 * System calls fail under the running agent (libfiu), and one flash is really full: nothing that was accepted is lost,
 * nothing that was not stored is called accepted, and no blade hears of any of it (I2, I5, I7).
 */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { WireCommand } from '../../agent/wire/command.ts'
import { describeWith, need } from '../setup/peers.ts'
import { Program } from '../story/process.ts'
import { type Fault, Fiu, fiuPrograms } from './fiu.ts'
import { touchesOf } from './killing.ts'
import { lan, load, profile } from './load.ts'
import { Office } from './office.ts'
import { Place } from './place.ts'
import { count, reckon } from './reckoning.ts'

/** One chassis with a blade that runs; the agent comes and goes. */
class Scene {
  readonly place: Place
  readonly offices: Office[] = []
  /** Entries of the hardware's log when the blade ran. */
  #began = 0

  static async open(): Promise<Scene> {
    const scene = new Scene(await Place.open())
    try {
      await scene.place.start()
      const office = await scene.office('founder')
      await office.ask(lan)
      await office.ask({ kind: 'define-profile', profile: profile('server-1', 'runs') })
      const how = { when: 'now', preprovision: false, power: 'on' } as const
      await office.ask({ kind: 'assign', profile: 'server-1' as never, to: { bay: 1 }, ...how })
      await office.settled({ of: 'chassis' })
      scene.#began = (await scene.place.backDoor.log()).length
      return scene
    } catch (error) {
      await scene.place.close()
      throw error
    }
  }

  private constructor(place: Place) {
    this.place = place
  }

  async office(name: string, passing?: ConstructorParameters<typeof Office>[2]): Promise<Office> {
    const office = new Office(name, await this.place.client(name), passing)
    this.offices.push(office)
    return office
  }

  /** What is wrong with what stands, as the agent has it that is running now. */
  async wrong(): Promise<readonly string[]> {
    await this.offices[0]?.reached()
    return (await count(this.offices)).wrong
  }

  /** The same, and then once more from what a new agent finds, which nothing fails. */
  async wrongAfterRestart(): Promise<readonly string[]> {
    await this.place.kill()
    await this.place.start()
    await this.offices[0]?.reached()
    for (const office of this.offices) await office.finish()
    const wrong = await this.wrong()
    const store = await this.store()
    return store.readOnly ? [...wrong, `read-only: ${store.notes.join('; ')}`] : wrong
  }

  async store() {
    await this.offices[0]?.reached()
    const controller = await this.offices[0]?.controller()
    if (!controller) throw new Error('nobody asks')
    return controller.store
  }

  /** What was done to the blade that runs, since it runs. */
  async touches() {
    return touchesOf((await this.place.backDoor.log()).slice(this.#began), 1)
  }
}

/** Changes of a large server: so many fill a journal, and the next generation is begun. */
const large = (name: string, count: number): readonly WireCommand[] =>
  Array.from({ length: count }, (_, n) => {
    const one = profile(`${name}-server`, `change ${n} `.padEnd(250, '.'))
    const ids = Array.from({ length: 16 }, (__, nth) => `network-${nth}` as never)
    const connections = ids.flatMap((id) => one.connections.map((connection) => ({ ...connection, id })))
    return { kind: 'define-profile', profile: { ...one, connections } }
  })

describeWith(fiuPrograms, 'system calls that fail', () => {
  let scene: Scene
  let fiu: Fiu
  let tests = 0

  beforeAll(async () => {
    scene = await Scene.open()
    fiu = new Fiu(scene.place.folder)
  })
  afterAll(() => scene?.place.close())
  beforeEach(() => scene.place.kill())
  afterEach(async () => {
    expect(await scene.wrongAfterRestart()).toEqual([])
    expect(await scene.touches()).toEqual([])
    expect(await scene.place.backDoor.duplicates()).toEqual([])
  })

  const nextOffice = () => scene.office(`manager-${++tests}`)

  test('one sync of the journal fails with EIO: what was under way is busy, and the store goes on', async () => {
    const office = await nextOffice()
    await scene.place.start(fiu.under())
    await office.askAll(load({ name: 'once', number: 1, count: 30 }), 8)
    const bodies = load({ name: 'after', number: 2, count: 400 })
    for (let asked = 0; asked < bodies.length && !office.refused.has('busy'); asked += 20) {
      // Again where the event ring met it, whose syncs keep no command waiting.
      await fiu.arm({ point: 'fdatasync', errno: 'EIO', how: 'once' })
      await office.askAll(bodies.slice(asked, asked + 20), 8)
    }
    expect(office.refused.get('busy')).toBeGreaterThan(0)
    const store = await scene.store()
    expect(store).toMatchObject({ readOnly: false, copies: ['flash', 'eeprom'] })
    expect(store.notes.join()).toMatch(/read again: sync journal-\d+: EIO/)
  })

  test('every sync fails with EIO: the store is read-only and says why, and nothing more is accepted', async () => {
    const office = await nextOffice()
    await scene.place.start(fiu.under())
    await office.askAll(load({ name: 'before', number: 3, count: 30 }), 8)
    await fiu.arm({ point: 'fdatasync', errno: 'EIO', how: 'always' })
    const [first, second] = load({ name: 'stuck', number: 4, count: 2 })
    if (!first || !second) throw new Error('no load')
    await expect(office.ask(first)).rejects.toThrow(/store-read-only/)
    await scene.place.agent.says(/the store is read-only: the flash can not be written: .*: EIO/, 'stderr')
    await expect(office.ask(second)).rejects.toThrow(/store-read-only: nothing can be stored: .*EIO/)
    // Healthy again, but what it holds in memory is not to be trusted: it stays so until a restart.
    await fiu.disarm('fdatasync')
    await expect(office.ask(second)).rejects.toThrow(/store-read-only/)
    const store = await scene.store()
    expect(store.readOnly).toBe(true)
    expect(store.notes.join()).toMatch(/EIO/)
  })

  test.each<Fault & { readonly note: RegExp }>([
    { point: 'fsync', errno: 'EIO', how: 'once', note: /syncFolder .*: EIO/ },
    { point: 'open', errno: 'EMFILE', how: 'once', note: /open journal-\d+: EMFILE/ },
    { point: 'rename', errno: 'EIO', how: 'once', note: /rename snapshot-[ab]: EIO/ },
    { point: 'unlink', errno: 'EROFS', how: 'once', note: /remove journal-\d+: EROFS/ },
  ])('a new generation of the journal meets $errno at $point: it is begun again', async ({ note, ...fault }) => {
    const office = await nextOffice()
    await scene.place.start(fiu.under())
    const bodies = large(fault.point, 900)
    let { notes } = await scene.store()
    for (let asked = 0; asked < bodies.length && !note.test(notes.join()); asked += 50) {
      // Again and again: once it may be met by something else, as a look at the controller's own health opens files.
      await fiu.arm(fault)
      await office.askAll(bodies.slice(asked, asked + 50), 8)
      notes = (await scene.store()).notes
    }
    console.log(`${fault.point}: met ${fault.errno} after ${office.answers.length} changes`)
    expect(notes.join()).toMatch(note)
    expect(await scene.store()).toMatchObject({ readOnly: false, copies: ['flash', 'eeprom'] })
  })

  test('the chassis EEPROM takes no writes (ENOSPC): accepted as a single copy, and mended with the next binding', async () => {
    const office = await nextOffice()
    await scene.place.start(fiu.under())
    await fiu.arm({ point: 'pwrite', errno: 'ENOSPC', how: 'always' })
    await office.askAll(load({ name: 'single', number: 5, count: 10 }), 1)
    expect(office.answers.filter(({ singleCopy }) => !singleCopy)).toEqual([])
    expect((await scene.store()).notes.join()).toMatch(/single copy: the EEPROM failed: .*ENOSPC/)
    await fiu.disarm('pwrite')
    await office.askAll(load({ name: 'double', number: 6, count: 1 }), 1)
    expect(office.answers.at(-1)?.singleCopy).toBe(false)
    expect(await scene.store()).toMatchObject({ readOnly: false, copies: ['flash', 'eeprom'] })
  })

  test.each(['fdatasync', 'rename'] as const)(
    'an agent that starts while %s fails serves, read-only, and says why',
    async (point) => {
      const office = await nextOffice()
      await scene.place.start()
      // Something to be written anew at the next start.
      await office.askAll(load({ name: point, number: 10 + tests, count: 3 }), 1)
      await scene.place.kill()
      await scene.place.start(fiu.under([{ point, errno: 'EIO', how: 'always' }]))
      const store = await scene.store()
      expect(store.readOnly).toBe(true)
      expect(store.notes.join()).toMatch(/the flash can not be used: \w+ \S+: EIO/)
      await expect(office.ask(lan)).rejects.toThrow(/store-read-only/)
    },
  )

  test('any of them fails now and then, under load: an agent whose store gave up is restarted, and nothing is lost', async () => {
    const office = await scene.office('manager-random', ['busy', 'bay-unknown', 'store-read-only'])
    const changes = 250
    const often = 0.06
    const faults: readonly Fault[] = [
      { point: 'fdatasync', errno: 'EIO', how: often },
      { point: 'fsync', errno: 'EIO', how: often },
      { point: 'rename', errno: 'EROFS', how: often },
      { point: 'unlink', errno: 'EIO', how: often },
      { point: 'ftruncate', errno: 'EIO', how: often },
      { point: 'pwrite', errno: 'ENOSPC', how: often },
    ]
    let starts = 0
    let over = false
    const work = office.askAll(load({ name: 'random', number: 8, count: changes }), 6).finally(() => {
      over = true
    })
    const nurse = async () => {
      while (!over) {
        starts += 1
        const agent = await scene.place.start(fiu.under(faults))
        await Promise.race([agent.says(/the store is read-only|the flash can not be used/, 'stderr', 120_000), work])
        await scene.place.kill()
      }
    }
    await Promise.all([work, nurse()])
    const counts = [...office.refused].map(([reason, count]) => `${reason} ${count}`).join(', ')
    console.log(`at random: ${starts} starts, ${office.answers.length} changes, refused meanwhile: ${counts}`)
    expect(office.answers).toHaveLength(changes)
    expect(office.refused.get('busy') ?? 0).toBeGreaterThan(0)
  })

  test('after all of it, the repeat of each request gets the answer of its first time', async () => {
    await scene.place.start()
    await scene.offices[0]?.reached()
    const { effects, answered, wrong } = await reckon(scene.offices)
    console.log(`${answered} changes were answered, and there are ${effects}`)
    expect(wrong).toEqual([])
  })
})

describeWith(['unshare', 'nsenter'], 'a flash of its own, that is really full', () => {
  let scene: Scene
  let keeper: Program
  let enter: readonly string[]
  let ballast: string

  beforeAll(async () => {
    scene = await Scene.open()
    const { folder } = scene.place
    await scene.place.kill()
    // A file system in a mount namespace, which ends with the one process that keeps it.
    const isRoot = process.getuid?.() === 0
    const unshare = [need('unshare'), '--mount', ...(isRoot ? [] : ['--map-root-user'])] as const
    const flash = scene.place.data
    const script = `cp -r ${flash} ${flash}-before && mount -t tmpfs -o size=2m flash ${flash} && cp -r ${flash}-before/. ${flash} && echo "$$" && exec sleep 600`
    keeper = new Program('keeper', [unshare[0], ...unshare.slice(1), 'sh', '-c', script], {
      cwd: folder,
      env: { PATH: process.env.PATH },
    })
    const [, pid] = await keeper.says(/^(\d+)\n/)
    const user = isRoot ? [] : [`--user=/proc/${pid}/ns/user`, '--preserve-credentials']
    enter = [need('nsenter'), ...user, `--mount=/proc/${pid}/ns/mnt`, `--wd=${folder}`]
    ballast = join(`/proc/${pid}/root`, flash, 'ballast')
    await scene.place.start({ program: enter })
  })
  afterAll(async () => {
    await scene?.place.close()
    await keeper?.end()
  })

  test('nothing more is accepted, and the store says that it has no space; with space, it goes on after a restart', async () => {
    const office = await scene.office('manager')
    await office.askAll(load({ name: 'before', number: 1, count: 60 }), 8)
    const file = openSync(ballast, 'w')
    const block = Buffer.alloc(4096)
    expect(() => {
      for (;;) writeSync(file, block)
    }).toThrow(/ENOSPC/)
    closeSync(file)
    // A part of the last block may still be free.
    await expect(office.askAll(load({ name: 'full', number: 2, count: 60 }), 8)).rejects.toThrow(/store-read-only/)
    await scene.place.agent.says(/the store is read-only: .*ENOSPC/, 'stderr')
    const store = await scene.store()
    expect(store.readOnly).toBe(true)
    expect(store.notes.join()).toMatch(/ENOSPC/)
    expect(await scene.touches()).toEqual([])

    await scene.place.kill()
    rmSync(ballast)
    await scene.place.start({ program: enter })
    await office.reached()
    await office.finish()
    expect(await scene.wrong()).toEqual([])
    expect(await scene.store()).toMatchObject({ readOnly: false, copies: ['flash', 'eeprom'] })
    expect(await scene.touches()).toEqual([])
  })
})
