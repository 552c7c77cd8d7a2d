/**
 * Everything that a chassis can lose, as data: what happens, what passes by itself, and what hands can do about it, in
 * the order in which they would try. Nothing here says what comes of it; that is measured (`run.ts`).
 */
import {
  acFails,
  act,
  adopt,
  emptyBay,
  type Hand,
  hour,
  mend,
  minute,
  onePlace,
  powerOff,
  powerOn,
  pressButton,
  putBack,
  reboot,
  repairEeprom,
  replaceIt,
  restart,
  restoreBackup,
  spareBay,
  twoPlaces,
  vouch,
} from './hands.ts'
import type { Scene } from './scene.ts'

export interface Loss {
  readonly say: string
  /** Why it can not happen on this board; undefined: it can. */
  unless?(scene: Scene): string | undefined
  /** It needs controllers that were here once, and were replaced. */
  readonly old?: true
  strike(scene: Scene): Promise<unknown>
  /** Milliseconds that it lasts before anybody asks or does anything. */
  readonly lastsMs?: number
  /** It passes after that, without a hand on the chassis. */
  readonly passes?: Hand
  /** `after`: nobody commands until it has passed. `nothing`: other commands would be in the way of what is looked at. */
  readonly asks?: 'after' | 'nothing'
  readonly hands: readonly Hand[]
}

export interface Group {
  readonly title: string
  readonly note?: string
  readonly losses: readonly Loss[]
}

// What is lost.

/** What is answered on any day, against which the others are told. */
export const control: Loss = { say: 'nothing', strike: async () => {}, hands: [] }

const managers: readonly Loss[] = [
  control,
  { say: 'nobody commands for two hours', strike: async () => {}, lastsMs: 2 * hour, asks: 'after', hands: [] },
  {
    say: 'nobody commands, and running servers reboot',
    strike: async (scene) => reboot(scene),
    lastsMs: 5 * minute,
    asks: 'after',
    hands: [],
  },
  {
    say: 'nobody commands, and AC fails for a minute',
    strike: acFails,
    lastsMs: 5 * minute,
    asks: 'after',
    hands: [powerOn],
  },
  {
    say: 'nobody commands, and the blade comes that a profile waits for',
    strike: async (scene) => scene.insert(scene.bays.late, scene.sanBlade),
    lastsMs: 5 * minute,
    asks: 'after',
    hands: [],
  },
  {
    say: 'nobody commands, and a controller is replaced by a new one',
    strike: ({ chassis, struck }) => chassis.replace(struck),
    lastsMs: 5 * minute,
    asks: 'after',
    hands: [],
  },
]

const controllers: readonly Loss[] = [
  {
    say: 'the agent crashes and is started again',
    strike: async ({ chassis, struck }) => {
      chassis.kill(struck)
      await chassis.wait(1_000)
      await chassis.start(struck)
    },
    hands: [],
  },
  {
    say: 'the owner hangs',
    unless: onePlace,
    strike: async ({ chassis, struck }) => chassis.kill(struck),
    hands: [restart],
  },
  {
    say: 'the owner is pulled',
    unless: onePlace,
    strike: async ({ chassis, struck }) => chassis.pull(struck),
    hands: [putBack],
  },
  {
    say: 'the owner is replaced by a new controller',
    unless: onePlace,
    strike: ({ chassis, struck }) => chassis.replace(struck),
    hands: [],
  },
  {
    say: 'the owner is replaced by an old one with stale bindings',
    unless: onePlace,
    old: true,
    strike: ({ chassis, struck, old }) => chassis.replace(struck, old[struck]),
    hands: [],
  },
  {
    say: 'the standby hangs',
    unless: onePlace,
    strike: async (scene) => scene.chassis.kill(scene.strikeStandby()),
    hands: [restart],
  },
  {
    say: 'the standby is pulled',
    unless: onePlace,
    strike: async (scene) => scene.chassis.pull(scene.strikeStandby()),
    hands: [putBack],
  },
  {
    say: 'the standby is replaced by a new controller',
    unless: onePlace,
    strike: async (scene) => scene.chassis.replace(scene.strikeStandby()),
    hands: [],
  },
  {
    say: 'the standby is replaced by an old one with stale bindings',
    unless: onePlace,
    old: true,
    strike: async (scene) => scene.chassis.replace(scene.strikeStandby(), scene.old[scene.struck]),
    hands: [],
  },
  {
    say: 'the link between the controllers is cut',
    unless: onePlace,
    strike: async ({ chassis }) => chassis.cutLink(true),
    hands: [act('mend the link', ({ chassis }) => chassis.cutLink(false))],
  },
  {
    say: 'the only controller is replaced by a new one',
    unless: twoPlaces,
    strike: ({ chassis, struck }) => chassis.replace(struck),
    hands: [],
  },
  {
    say: 'the only controller is replaced by an old one with stale bindings',
    unless: twoPlaces,
    old: true,
    strike: ({ chassis, struck, old }) => chassis.replace(struck, old[struck]),
    hands: [],
  },
  {
    say: 'every controller is pulled',
    strike: async ({ chassis }) => chassis.pullAll(),
    hands: [putBack],
  },
  {
    say: 'every controller is pulled; running servers reboot, and the button of one that is off is enabled and pressed',
    strike: async (scene) => {
      scene.chassis.pullAll()
      reboot(scene)
      pressButton(scene, 'idle')
    },
    asks: 'nothing',
    hands: [putBack, powerOff('idle')],
  },
]

const copies: readonly Loss[] = [
  {
    say: 'the flash of the controller that leads fails',
    strike: async ({ chassis, struck }) => chassis.breakFlash(struck),
    hands: [replaceIt],
  },
  {
    say: 'the flash of the controller that leads is erased, and it restarts',
    strike: ({ chassis, struck }) => {
      chassis.wipe(struck)
      return chassis.start(struck)
    },
    hands: [],
  },
  {
    say: 'the flash of the standby fails',
    unless: onePlace,
    strike: async (scene) => scene.chassis.breakFlash(scene.strikeStandby()),
    hands: [replaceIt],
  },
  {
    say: 'the EEPROM does not answer',
    strike: async ({ chassis }) => {
      chassis.chip.broken = 'EIO: no answer'
    },
    hands: [repairEeprom],
  },
  {
    say: 'the EEPROM does not answer, and every controller restarts',
    strike: async ({ chassis }) => {
      chassis.chip.broken = 'EIO: no answer'
      chassis.killAll()
      await chassis.startAll()
    },
    hands: [adopt, repairEeprom],
  },
  {
    say: 'what the EEPROM holds is damaged, and every controller restarts',
    strike: async ({ chassis }) => {
      chassis.killAll()
      chassis.damageEeprom()
      await chassis.startAll()
    },
    hands: [adopt],
  },
]

const power: readonly Loss[] = [
  {
    say: 'AC fails and returns',
    strike: ({ chassis }) => chassis.ac(false),
    passes: act('AC returns', ({ chassis }) => chassis.ac(true)),
    hands: [powerOn],
  },
  {
    say: 'the chassis is replaced; controllers, blades and EEPROM go over',
    strike: ({ chassis }) => chassis.replaceChassis({ carried: true }),
    hands: [powerOn],
  },
  {
    say: 'the chassis is replaced together with its EEPROM; controllers and blades go over',
    strike: ({ chassis }) => chassis.replaceChassis({ carried: false }),
    hands: [adopt, powerOn],
  },
]

const bmcs: readonly Loss[] = [
  {
    say: 'the BMC of a running server is silent',
    strike: async ({ chassis, bays }) => chassis.does({ do: 'break', bay: bays.san, fault: { kind: 'silent' } }),
    hands: [mend('san')],
  },
  {
    say: 'the BMC of a server that is off is silent, and it is to power on',
    strike: async (scene) => {
      scene.chassis.does({ do: 'break', bay: scene.bays.idle, fault: { kind: 'silent' } })
      await scene.power('idle', 'on')
    },
    hands: [mend('idle')],
  },
  {
    say: 'a server and its BMC die, and its profile is moved to a spare',
    strike: async (scene) => {
      const { chassis, bays } = scene
      const spare = await spareBay(scene)
      chassis.does({ do: 'system', bay: bays.san, does: 'shutdown' })
      chassis.does({ do: 'break', bay: bays.san, fault: { kind: 'silent' } })
      await chassis.wait(20_000)
      await scene.move('san', spare)
    },
    asks: 'nothing',
    hands: [
      act('reseat the dead bay by command', ({ manager, bays }) => manager.say({ kind: 'reseat', bay: bays.san })),
      act('pull the dead blade', ({ chassis, bays }) => chassis.does({ do: 'pull', bay: bays.san })),
      act('put it into any bay once its BMC is repaired', (scene) => scene.cureOnShelf()),
    ],
  },
  {
    say: 'the BMC of a running server is silent, and its profile is forced to a spare',
    strike: async (scene) => {
      const spare = await spareBay(scene)
      scene.chassis.does({ do: 'break', bay: scene.bays.san, fault: { kind: 'silent' } })
      await scene.chassis.wait(30_000)
      await scene.move('san', spare, { force: true })
    },
    asks: 'nothing',
    hands: [act('pull that blade', ({ chassis, bays }) => chassis.does({ do: 'pull', bay: bays.san })), vouch],
  },
  {
    say: 'the BMC of a running server lies that its adapters are bare; its profile is moved, and its bay powered on',
    strike: async (scene) => {
      const spare = await spareBay(scene)
      scene.chassis.does({ do: 'break', bay: scene.bays.san, fault: { kind: 'lies-addresses' } })
      await scene.move('san', spare)
      await scene.chassis.wait(minute)
      await scene.manager.say({ kind: 'power', bay: scene.bays.san, want: 'on', stop: 'graceful' })
    },
    asks: 'nothing',
    hands: [],
  },
  {
    say: 'the BMC of a running server swallows a shut-down',
    strike: async (scene) => {
      scene.chassis.does({ do: 'break', bay: scene.bays.san, fault: { kind: 'ignores-shutdown' } })
      await scene.power('san', 'off')
    },
    lastsMs: 5 * minute,
    hands: [
      act('power that bay off with force', ({ manager, bays }) =>
        manager.say({ kind: 'power', bay: bays.san, want: 'off', stop: 'forced' }),
      ),
    ],
  },
  {
    say: 'a running blade is pulled',
    strike: async ({ chassis, bays }) => chassis.does({ do: 'pull', bay: bays.san }),
    hands: [act('put it back', (scene) => scene.fromShelf(scene.bays.san)), powerOn],
  },
  {
    say: 'a running blade is pulled for good, and its profile is moved to a spare',
    strike: async (scene) => {
      const spare = await spareBay(scene)
      scene.chassis.does({ do: 'pull', bay: scene.bays.san })
      await scene.chassis.wait(5_000)
      await scene.move('san', spare)
    },
    asks: 'nothing',
    hands: [powerOn, vouch],
  },
  {
    say: 'a running blade is moved to another bay',
    strike: async (scene) => {
      const bay = await emptyBay(scene)
      scene.chassis.does({ do: 'pull', bay: scene.bays.san })
      scene.fromShelf(bay)
    },
    asks: 'nothing',
    hands: [act('move its profile after it', async (scene) => scene.move('san', await emptyBay(scene))), powerOn],
  },
  {
    say: 'two running blades are swapped',
    strike: async ({ chassis, bays }) => chassis.does({ do: 'swap', bay: bays.san, blade: { with: bays.web } }),
    hands: [
      powerOn,
      act('swap them back', ({ chassis, bays }) =>
        chassis.does({ do: 'swap', bay: bays.san, blade: { with: bays.web } }),
      ),
      powerOn,
    ],
  },
  {
    say: 'a running blade is replaced by a new one of its model',
    strike: async ({ chassis, bays, sanBlade }) =>
      chassis.does({ do: 'swap', bay: bays.san, blade: { product: sanBlade.product, localDisk: true } }),
    hands: [powerOn, vouch],
  },
  {
    say: 'a running blade is replaced by one of another model',
    unless: ({ sanBlade, plainBlade }) => (sanBlade === plainBlade ? 'no other model' : undefined),
    strike: async ({ chassis, bays, sanBlade }) =>
      chassis.does({ do: 'swap', bay: bays.web, blade: { product: sanBlade.product, localDisk: true } }),
    hands: [powerOn, act('assign the profile again', (scene) => scene.assign('web', scene.bays.web, { power: 'on' }))],
  },
  {
    say: 'the button of a server that is off is enabled and pressed',
    strike: async (scene) => pressButton(scene, 'idle'),
    asks: 'nothing',
    hands: [powerOff('idle')],
  },
]

const twoAtOnce: readonly Loss[] = [
  {
    say: 'owner and standby are replaced by new controllers',
    unless: onePlace,
    strike: async ({ chassis }) => {
      chassis.pullAll()
      for (const slot of chassis.slots) await chassis.replace(slot)
    },
    hands: [adopt],
  },
  {
    say: 'owner and standby are replaced by old ones with stale bindings',
    unless: onePlace,
    old: true,
    strike: async ({ chassis, old }) => {
      chassis.pullAll()
      for (const slot of chassis.slots) await chassis.replace(slot, old[slot])
    },
    hands: [adopt],
  },
  {
    say: 'the owner fails while the standby is out, and only the standby comes back',
    unless: onePlace,
    strike: async (scene) => {
      const { chassis } = scene
      const other = chassis.standby
      chassis.pull(other)
      await chassis.wait(10_000)
      await scene.assign('fresh', scene.spare ?? 0)
      chassis.pull(scene.struck)
      await chassis.putBack(other)
    },
    asks: 'after',
    hands: [act('put the owner back', ({ chassis }) => chassis.putBackAll())],
  },
  {
    say: 'the EEPROM does not answer, and the owner is pulled',
    unless: onePlace,
    strike: async ({ chassis, struck }) => {
      chassis.chip.broken = 'EIO: no answer'
      await chassis.wait(10_000)
      chassis.pull(struck)
    },
    hands: [putBack, repairEeprom],
  },
  {
    say: 'the EEPROM is replaced by a blank one, and the owner by a new controller',
    unless: onePlace,
    strike: async ({ chassis, struck }) => {
      chassis.killAll()
      chassis.blankEeprom()
      await chassis.replace(struck)
      await chassis.startAll()
    },
    asks: 'nothing',
    hands: [
      restoreBackup,
      act('start the other controller once with `--adopt`, so that it gives its flash up', async (scene) => {
        const other = scene.chassis.otherThan(scene.struck)
        scene.chassis.kill(other)
        await scene.chassis.start(other, { adopt: true })
      }),
    ],
  },
  {
    say: 'the EEPROM is replaced by a blank one, and every controller by a new one',
    strike: async ({ chassis }) => {
      chassis.pullAll()
      chassis.blankEeprom()
      for (const slot of chassis.slots) await chassis.replace(slot)
    },
    asks: 'nothing',
    hands: [restoreBackup],
  },
  {
    say: 'the EEPROM does not answer, and AC fails',
    strike: async ({ chassis }) => {
      chassis.chip.broken = 'EIO: no answer'
      await chassis.wait(10_000)
      await chassis.ac(false)
      await chassis.wait(minute)
      await chassis.ac(true)
    },
    hands: [adopt, powerOn, repairEeprom],
  },
  {
    say: 'the EEPROM is replaced by a blank one, and AC fails',
    strike: async ({ chassis }) => {
      await chassis.ac(false)
      chassis.blankEeprom()
      await chassis.ac(true)
    },
    hands: [adopt, powerOn],
  },
  {
    say: 'AC fails, and every controller is replaced by a new one',
    strike: async ({ chassis }) => {
      await chassis.ac(false)
      chassis.pullAll()
      for (const slot of chassis.slots) await chassis.replace(slot)
      await chassis.ac(true)
    },
    hands: [adopt, powerOn],
  },
  {
    say: 'AC fails while no controller is in, and a button is enabled and pressed before they are back',
    strike: async (scene) => {
      const { chassis } = scene
      chassis.pullAll()
      chassis.does({ do: 'ac', on: false })
      await chassis.wait(10_000)
      chassis.does({ do: 'ac', on: true })
      await chassis.wait(10_000)
      pressButton(scene, 'web')
      await chassis.wait(minute)
      await chassis.putBackAll()
    },
    asks: 'nothing',
    hands: [act('power that bay off, then on', (scene) => scene.offAndOn('web')), powerOn],
  },
]

export const groups: readonly Group[] = [
  {
    title: 'Central manager, broker or network',
    note: 'To the agent these look alike: nothing comes in, and nothing goes out. With a real broker, killed and started again: `test/story/losses.test.ts`.',
    losses: managers,
  },
  { title: 'Controllers', losses: controllers },
  { title: 'Flash and EEPROM', losses: copies },
  { title: 'AC and chassis', losses: power },
  { title: 'Blades and BMCs', losses: bmcs },
  { title: 'Two at once', losses: twoAtOnce },
]
