// Each mistake that a board file can have is found, and said with where it is and what to do. Every test spoils one good
// board in one way.

import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { lintAdapter, lintChassis, lintController } from '../../agent/boards/lint.ts'
import { loadController, loadHardware } from '../../agent/boards/load.ts'
import type { AdapterModel, ChassisBoard, ControllerBoard } from '../../agent/core/board.ts'

const folder = fileURLToPath(new URL('../../boards', import.meta.url))
const loaded = loadHardware(folder, 'hp-c7000')
if (!loaded.ok) throw new Error(loaded.say)
const { board, adapters } = loaded.value
const controller = loadController(folder, 'generic-arm64')
if (!controller.ok) throw new Error(controller.say)

type Loose<Value> = Value extends readonly (infer Item)[]
  ? Loose<Item>[]
  : Value extends object
    ? { -readonly [Key in keyof Value]: Loose<Value[Key]> }
    : Value

/** A copy of a board with one thing spoilt; lists are known to be as long as the shipped board's. */
function spoil<Board>(good: Board, how: (copy: Loose<Board>) => void): Board {
  const copy = structuredClone(good) as Loose<Board>
  how(copy)
  return copy as Board
}
const at = <Item>(list: readonly Item[], i: number): Item => {
  const item = list[i]
  if (item === undefined) throw new Error(`no member ${i}`)
  return item
}
const told = (findings: readonly { readonly pointer: string; readonly say: string }[]) =>
  findings.map(({ pointer, say }) => `${pointer}: ${say}`)

type Spoiler<Board> = readonly [what: string, how: (copy: Loose<Board>) => void, say: string]

describe('a chassis', () => {
  it('that ships has no complaint', () => {
    expect(lintChassis(board, adapters)).toEqual([])
  })

  const spoilers: readonly Spoiler<ChassisBoard>[] = [
    [
      'a bay numbered twice',
      (c) => {
        at(c.bays, 1).bay = 1
      },
      '/bays/1/bay: bay 1 stands where bay 2 should; number the 16 bays 1 to 16, in order',
    ],
    [
      'two interconnects of one id',
      (c) => {
        at(c.interconnects, 7).id = 'ic7'
      },
      '/interconnects/7: interconnect ic7 is there twice; give each its own',
    ],
    [
      'two forms of one id',
      (c) => {
        at(c.forms, 1).id = 'half-height'
      },
      '/forms/1: form half-height is there twice; give each its own',
    ],
    [
      'two blades of one product',
      (c) => {
        at(c.blades, 1).product = 'ProLiant BL460c G7'
      },
      '/blades/1: blade ProLiant BL460c G7 is there twice; give each its own',
    ],
    [
      'a bay on top of another',
      (c) => {
        at(c.bays, 2).at.x = 8
      },
      '/bays/2/at: bay 3 overlaps bay 2 on the front; move one of them',
    ],
    [
      'a fan on top of a controller',
      (c) => {
        at(c.fans.at, 5).y = 12
      },
      '/fans/at/5: fan 6 overlaps controller 1 on the rear; move one of them',
    ],
    [
      'a fan that moved to the other face, onto a bay',
      (c) => {
        at(c.fans.at, 0).face = 'front'
      },
      '/fans/at/0: fan 1 overlaps bay 1 on the front; move one of them',
    ],
    [
      'a supply over the edge',
      (c) => {
        at(c.supplies.at, 5).x = 41
      },
      '/supplies/at/5: supply 6 reaches over the edge of the front, which is 48 by 20; move or shrink it',
    ],
    [
      'fewer places than fans',
      (c) => {
        c.fans.count = 11
      },
      '/fans/at: there are 11 fans and 10 places for them; give each one place',
    ],
    [
      'fewer controllers than places',
      (c) => {
        c.controllers.count = 1
      },
      '/controllers/at: there are 1 controllers and 2 places for them; give each one place',
    ],
    [
      'a blade that fills a bay that is not there',
      (c) => {
        at(c.forms, 1).fills[7] = [8, 17]
      },
      '/forms/1/fills/7: form full-height fills bay 17, which this chassis does not have: name bays 1 to 16',
    ],
    [
      'a blade that fills one bay twice',
      (c) => {
        at(c.forms, 1).fills[7] = [8, 8]
      },
      '/forms/1/fills/7: form full-height fills one bay twice; name each once',
    ],
    [
      'a blade in two places',
      (c) => {
        at(c.forms, 1).fills[0] = [1, 10]
      },
      '/forms/1/fills/0: bays 1, 10 do not form one rectangle, and one blade can not fill them; correct the bays or their places',
    ],
    [
      'a plain blade that fills two bays',
      (c) => {
        at(c.forms, 0).fills[0] = [1, 2]
      },
      '/forms/0/fills/0: the first form is the plain one and fills one bay each; put form half-height further down',
    ],
    [
      'a bay that takes no plain blade',
      (c) => {
        at(c.forms, 0).fills.pop()
      },
      '/forms/0/fills: no plain blade goes into bay 16; add [16]',
    ],
    [
      'a form that starts twice at one bay',
      (c) => {
        at(c.forms, 1).fills.push([1, 9])
      },
      '/forms/1/fills/8: form full-height known by bay 1 is there twice; give each its own',
    ],
    [
      'two slots of one id',
      (c) => {
        at(at(c.forms, 0).slots, 2).id = 'mezz1'
      },
      '/forms/0/slots/2: slot mezz1 is there twice; give each its own',
    ],
    [
      'a port wired twice',
      (c) => {
        at(at(at(c.forms, 0).slots, 1).wiring, 1).port = 1
      },
      '/forms/0/slots/1/wiring/1: port of mezz1 1 is there twice; give each its own',
    ],
    [
      'a wire to nowhere',
      (c) => {
        at(at(at(c.forms, 0).slots, 1).wiring, 1).interconnect = 'ic9'
      },
      '/forms/0/slots/1/wiring/1/interconnect: port 2 of mezz1 is wired to ic9, which this chassis does not have: name one of ic1, ic2, ic3, ic4, ic5, ic6, ic7, ic8',
    ],
    [
      'two ports of one blade at one downlink',
      (c) => {
        at(at(at(c.forms, 0).slots, 0).wiring, 1).interconnect = 'ic1'
      },
      '/forms/0/slots/0/wiring/1: port 2 of lom in bay 1 ends at ic1 downlink 1, and so does port 1 of lom in bay 1; give one of them another interconnect or offset',
    ],
    [
      'two bays at one downlink',
      (c) => {
        at(at(at(c.forms, 0).slots, 0).wiring, 0).downlink.offset = 1
        at(at(at(c.forms, 0).slots, 0).wiring, 1).interconnect = 'ic1'
      },
      '/forms/0/slots/0/wiring/1: port 2 of lom in bay 2 ends at ic1 downlink 2, and so does port 1 of lom in bay 1; give one of them another interconnect or offset',
    ],
    [
      'a blade of no form',
      (c) => {
        at(c.blades, 1).form = 'quarter'
      },
      '/blades/1/form: blade ProLiant BL465c G7 is of form quarter, which this chassis does not take: name one of half-height, full-height',
    ],
    [
      'an adapter in no slot',
      (c) => {
        at(c.blades, 1).adapters = { mezz9: 'fc8-2port' }
      },
      '/blades/1/adapters/mezz9: form half-height has no slot mezz9: name one of lom, mezz1, mezz2',
    ],
    [
      'an adapter that is none',
      (c) => {
        at(c.blades, 1).adapters = { lom: 'mystery' }
      },
      `/blades/1/adapters/lom: there is no adapter mystery: name one of ${Object.keys(adapters).join(', ')}, or add its file to boards/adapters`,
    ],
    [
      'a port that leads nowhere',
      (c) => {
        at(c.blades, 1).adapters = { mezz1: 'gbe-4port' }
      },
      '/blades/1/adapters/mezz1: port 3 of gbe-4port is not wired in mezz1 of form half-height; wire it or choose a smaller adapter',
    ],
    [
      'a simulated blade that is none',
      (c) => {
        c.simulated['5'] = 'Toaster'
      },
      '/simulated/5: bay 5 has a Toaster, which is not among blades: name one of ProLiant BL460c G7, ProLiant BL465c G7, ProLiant BL685c G7',
    ],
    [
      'a simulated blade in a bay that is not there',
      (c) => {
        c.simulated['17'] = 'ProLiant BL460c G7'
      },
      '/simulated/17: a ProLiant BL460c G7 can not be known by bay 17: put it in one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16',
    ],
    [
      'a tall simulated blade in the lower row',
      (c) => {
        c.simulated['9'] = 'ProLiant BL685c G7'
      },
      '/simulated/9: a ProLiant BL685c G7 can not be known by bay 9: put it in one of 1, 2, 3, 4, 5, 6, 7, 8',
    ],
    [
      'two simulated blades in one bay',
      (c) => {
        c.simulated['8'] = 'ProLiant BL685c G7'
        c.simulated['16'] = 'ProLiant BL460c G7'
      },
      '/simulated/16: the ProLiant BL460c G7 in bay 16 fills bay 16, which the blade in bay 8 fills too; take one out',
    ],
    [
      'an EEPROM of a page and a half',
      (c) => {
        c.backplane.eeprom.pageBytes = 96
      },
      '/backplane/eeprom/pageBytes: 65536 bytes are no whole number of 96-byte pages; correct one of them',
    ],
    [
      'a fact without a source',
      (c) => {
        delete c.sources['/postLimitSeconds']
      },
      '/postLimitSeconds: no source covers it; add /postLimitSeconds or a pointer above it to sources, if need be as "unverified"',
    ],
    [
      'a source of nothing',
      (c) => {
        c.sources['/lcd'] = 'a manual'
      },
      '/sources/~1lcd: /lcd names no fact of this board; correct the pointer or take it out',
    ],
  ]
  it.each(spoilers)('with %s is complained of', (_, how, say) => {
    expect(told(lintChassis(spoil(board, how), adapters))).toContain(say)
  })

  it('without any sources is told once for each part, not once for each value', () => {
    const bare = spoil(board, (copy) => {
      copy.sources = {}
    })
    const complaints = lintChassis(bare, adapters)
    expect(complaints.length).toBeLessThan(15)
    expect(complaints.length).toBeGreaterThan(9)
    expect(lintChassis({ ...board, sources: { '': 'unverified' } }, adapters)).toEqual([])
  })
})

describe('an adapter', () => {
  const model = (id: string): AdapterModel => {
    const found = adapters[id]
    if (found === undefined) throw new Error(id)
    return found
  }
  const spoilers: readonly (readonly [string, ...Spoiler<AdapterModel>])[] = [
    [
      'hp-flex-10',
      'two functions of one id',
      (a) => {
        at(a.functions, 1).id = 'a'
      },
      '/functions/1: function a is there twice; give each its own',
    ],
    [
      'hp-flex-10',
      'a role named twice',
      (a) => {
        at(a.functions, 1).roles = ['nic', 'nic']
      },
      '/functions/1/roles/1: role nic is there twice; give each its own',
    ],
    [
      'xsigo-director',
      'a director whose addresses live in the adapter',
      (a) => {
        a.lives = 'adapter'
      },
      '/lives: a director adapter has lives director, not adapter; correct it or the kind',
    ],
    [
      'egenera-ethernet',
      'a driver that takes effect at reset',
      (a) => {
        a.takesEffect = 'reset'
      },
      '/takesEffect: a software adapter has takesEffect attach, not reset; correct it or the kind',
    ],
    [
      'gbe-2port',
      'a port that is proven bare alone',
      (a) => {
        a.proof = 'function'
      },
      '/proof: a mapped adapter has proof blade, not function; correct it or the kind',
    ],
    [
      'fc8-2port',
      'a cold boot that AC loss does not match',
      (a) => {
        a.erases.address.acLoss = false
      },
      '/erases/address: a cold boot erases it and AC loss does not; what the shorter loss erases, the longer one does too',
    ],
    [
      'fc8-2port',
      'a warm boot that a cold one does not match',
      (a) => {
        a.erases.storage.warmBoot = true
      },
      '/erases/storage: a warm boot erases it and cold boot does not; what the shorter loss erases, the longer one does too',
    ],
    [
      'gbe-2port',
      'a whole port of two functions',
      (a) => {
        a.functions.push({ id: 'b', roles: ['nic'] })
      },
      '/functions: a whole port is one function, not 2; take the others out or change the rule',
    ],
    [
      'qlogic-npar-10g',
      'five functions a port',
      (a) => {
        a.functions.push({ id: 'e', roles: ['nic'] })
      },
      '/functions: npar divides a port into 4 functions at most, not 5; take some out',
    ],
    [
      'qlogic-npar-10g',
      'a first function that may be off',
      (a) => {
        at(a.functions, 0).roles = ['nic', 'off']
      },
      '/functions/0/roles: the first function of an NPAR port is a NIC and nothing else; write ["nic"]',
    ],
    [
      'qlogic-npar-10g',
      'two iSCSI places',
      (a) => {
        at(a.functions, 1).roles = ['nic', 'iscsi']
      },
      '/functions: functions b and c can be iscsi, and an NPAR port has one such place; leave it to one of them',
    ],
    [
      'qlogic-npar-10g',
      'two FCoE places',
      (a) => {
        at(a.functions, 2).roles = ['fcoe']
      },
      '/functions: functions c and d can be fcoe, and an NPAR port has one such place; leave it to one of them',
    ],
    [
      'qlogic-npar-10g',
      'more connections than functions',
      (a) => {
        a.partitioning = { rule: 'npar', stepMbps: 100, perAdapter: 9 }
      },
      '/partitioning/perAdapter: the adapter has 8 functions and can not carry 9; correct one of them',
    ],
    [
      'xsigo-director',
      'more virtual functions than it has',
      (a) => {
        a.partitioning = { rule: 'virtual', perAdapter: 17 }
      },
      '/partitioning/perAdapter: the adapter has 16 functions and can not carry 17; correct one of them',
    ],
    [
      'emulex-umc-10g',
      'steps that do not divide the port',
      (a) => {
        a.partitioning = { rule: 'umc', stepMbps: 300, leastMbps: 300 }
      },
      '/partitioning/stepMbps: 10000 Mb/s are no whole number of 300 Mb/s steps; correct one of them',
    ],
    [
      'emulex-umc-10g',
      'channels too large for the port',
      (a) => {
        a.partitioning = { rule: 'umc', stepMbps: 100, leastMbps: 2600 }
      },
      '/partitioning/leastMbps: 4 channels of at least 2600 Mb/s do not divide 10000 in steps of 100; correct one of them',
    ],
    [
      'hp-flex-10',
      'steps too large for the port',
      (a) => {
        a.partitioning = { rule: 'flex-10', stepMbps: 5000 }
      },
      "/partitioning/stepMbps: 4 functions of one step of 5000 Mb/s are more than the port's 10000; correct one of them",
    ],
    [
      'hp-flex-10',
      'Fibre Channel on an Ethernet port',
      (a) => {
        at(a.functions, 1).roles = ['nic', 'fc']
      },
      '/functions/1/roles: function b shares an Ethernet port and can not be fc; write fcoe',
    ],
    [
      'gbe-2port',
      'multicast factory addresses',
      (a) => {
        a.factory.oui = '01:00:5e'
      },
      '/factory/oui: 01:00:5e begins no unicast MAC; its first octet has to be even',
    ],
    [
      'fc8-2port',
      'factory names of no type',
      (a) => {
        a.factory.wwn = '00:00:00:24:ff'
      },
      '/factory/wwn: 00:00:00:24:ff begins no world-wide name; its first digit has to be 1, 2, 5 or 6, and a MAC in it unicast',
    ],
    [
      'gbe-2port',
      'a fact without a source',
      (a) => {
        a.sources = { '/factory': 'unverified' }
      },
      '/ports: no source covers it; add /ports or a pointer above it to sources, if need be as "unverified"',
    ],
  ]
  it.each(spoilers)('%s with %s is complained of', (id, _, how, say) => {
    expect(lintAdapter(model(id))).toEqual([])
    expect(told(lintAdapter(spoil(model(id), how)))).toContain(say)
  })
})

describe('a controller', () => {
  const spoilers: readonly Spoiler<ControllerBoard>[] = [
    [
      'too little memory',
      (c) => {
        c.ramMiB = 128
      },
      '/ramMiB: 128 MiB are less than the 256 that the agent needs; choose another board',
    ],
    [
      'too little storage',
      (c) => {
        c.storageMiB = 64
      },
      '/storageMiB: 64 MiB are less than the 128 that the agent needs; choose another board',
    ],
    [
      'a fact without a source',
      (c) => {
        c.sources = { '/serial': 'unverified' }
      },
      '/eeprom/path: no source covers it; add /eeprom/path or a pointer above it to sources, if need be as "unverified"',
    ],
  ]
  it.each(spoilers)('with %s is complained of', (_, how, say) => {
    expect(lintController(controller.value)).toEqual([])
    expect(told(lintController(spoil(controller.value, how)))).toContain(say)
  })
})
