// The boards that ship: each is what its schema and its linter want, each fact has a source or is marked as having none,
// and between them they show every kind of adapter.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import {
  lintBoards,
  listBoards,
  listUnverified,
  loadController,
  loadHardware,
  sayComplaint,
  unverifiedTable,
} from '../../agent/boards/load.ts'
import type { Hardware } from '../../agent/core/board.ts'

const folder = fileURLToPath(new URL('../../boards', import.meta.url))
const read = (path: string): unknown => JSON.parse(readFileSync(`${folder}/${path}`, 'utf8'))
const files = (['chassis', 'adapters', 'controllers'] as const).flatMap((kind) =>
  listBoards(folder, kind).map((id) => `${kind}/${id}.json`),
)
const chassis = listBoards(folder, 'chassis')
const hardware = (id: string): Hardware => {
  const loaded = loadHardware(folder, id)
  if (!loaded.ok) throw new Error(loaded.say)
  return loaded.value
}

describe('the boards that ship', () => {
  it('are these', () => {
    expect(chassis).toEqual([
      'cisco-ucs-5108',
      'dell-m1000e',
      'dell-mx7000',
      'generic-2u4n',
      'hp-c7000',
      'hpe-synergy-12000',
      'ibm-bladecenter-h',
    ])
  })

  const validate = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false, allErrors: true }).compile(
    read('schema.json') as object,
  )
  it.each(files)('%s is what its schema says, and names it for editors', (path) => {
    const board = read(path)
    validate(board)
    expect(validate.errors ?? []).toEqual([])
    expect(board).toMatchObject({ $schema: '../schema.json' })
  })

  it('have nothing that the linter complains of', () => {
    expect(lintBoards(folder).map(sayComplaint)).toEqual([])
  })

  it('load, each with all adapters', () => {
    for (const id of chassis) expect(Object.keys(hardware(id).adapters)).toEqual(listBoards(folder, 'adapters'))
    for (const id of listBoards(folder, 'controllers')) expect(loadController(folder, id).ok).toBe(true)
  })

  it('use every adapter and every blade form in some simulated bay or listed blade', () => {
    const simulated = chassis.flatMap((id) => {
      const { board } = hardware(id)
      const products = Object.values(board.simulated)
      return board.blades.filter(({ product }) => products.includes(product))
    })
    expect([...new Set(simulated.flatMap(({ adapters }) => Object.values(adapters)))].sort()).toEqual(
      listBoards(folder, 'adapters'),
    )
    for (const id of chassis) {
      const { board } = hardware(id)
      expect(new Set(board.blades.map(({ form }) => form)), id).toEqual(new Set(board.forms.map((form) => form.id)))
    }
  })

  it('have adapters of all four kinds, with every partition rule, kept through AC loss or not', () => {
    const models = Object.values(hardware('hp-c7000').adapters)
    expect(new Set(models.map(({ kind }) => kind))).toEqual(new Set(['software', 'cna', 'director', 'mapped']))
    expect(new Set(models.map(({ partitioning }) => partitioning.rule))).toEqual(
      new Set(['whole', 'npar', 'umc', 'flex-10', 'virtual']),
    )
    const losses = models.map(({ erases: { address } }) => [address.acLoss, address.coldBoot, address.warmBoot].join())
    // Dell's default persistence: on auxiliary power, and not; and a director, which forgets nothing.
    for (const loss of ['true,false,false', 'true,true,false', 'false,false,false']) expect(losses).toContain(loss)
  })

  it('begin with five plain blades in the c7000, and a tall or wide one wherever the chassis takes such', () => {
    const { board } = hardware('hp-c7000')
    expect(Object.keys(board.simulated)).toEqual(['1', '2', '3', '4', '5'])
    expect(new Set(Object.values(board.simulated)).size).toBe(1)
    for (const id of chassis.filter((each) => each !== 'hp-c7000')) {
      const { board: other } = hardware(id)
      const forms = Object.values(other.simulated).map(
        (product) => other.blades.find((each) => each.product === product)?.form,
      )
      if (other.forms.length > 1) expect(forms, id).toContain(other.forms[1]?.id)
      const filled = Object.entries(other.simulated).reduce((sum, [bay, product]) => {
        const form = other.forms.find(
          (each) => each.id === other.blades.find((blade) => blade.product === product)?.form,
        )
        return sum + (form?.fills.find(([first]) => first === Number(bay))?.length ?? 0)
      }, 0)
      expect(filled, `${id} is full`).toBe(other.bays.length)
    }
  })

  it('have one chassis without latch, power cut and word of AC loss, so that its absence is dealt with too', () => {
    const bare = chassis.filter((id) => !hardware(id).board.backplane.permitLatch)
    expect(bare).toEqual(['generic-2u4n'])
    expect(hardware('generic-2u4n').board.backplane).toMatchObject({ powerCut: false, acLossReported: false })
  })
})

describe('what is unverified', () => {
  it('stands in the README as the linter counts it', () => {
    const readme = readFileSync(`${folder}/README.md`, 'utf8')
    expect(readme).toContain(`\n${unverifiedTable(folder)}\n`)
  })

  it('is counted value by value, by the pointer that decides', () => {
    const rows = listUnverified(folder).filter(({ board }) => board === 'chassis/generic-2u4n')
    expect(rows).toEqual([
      { board: 'chassis/generic-2u4n', pointer: '/backplane/eeprom', values: 3 },
      { board: 'chassis/generic-2u4n', pointer: '/postLimitSeconds', values: 1 },
    ])
  })
})
