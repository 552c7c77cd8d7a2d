// The face of a chassis as text, drawn from the geometry of its board file.

import { describe, expect, it } from 'vitest'
import { listBoards } from '../../agent/boards/load.ts'
import { abbreviate, type Cell, drawElevation } from '../../agent/core/elevation.ts'
import { hardware } from '../core/lab.ts'

const empty: Cell = { name: '', state: '-' }

describe('the elevation', () => {
  it('shows a c7000 as its front looks: two rows of eight, with what is in them', () => {
    const { board } = hardware('hp-c7000')
    const cells: { readonly [bay: number]: Cell } = {
      1: { name: 'web01', state: 'on P' },
      3: { name: 'db-01', state: 'on S' },
      5: { name: 'spare', state: 'off' },
    }
    expect(drawElevation(board, (bay) => cells[bay] ?? empty, 51)).toEqual([
      '+--1--+--2--+--3--+--4--+--5--+--6--+--7--+--8--+',
      '|web01|     |db-01|     |spare|     |     |     |',
      '| on P|  -  | on S|  -  | off |  -  |  -  |  -  |',
      '+--9--+-10--+-11--+-12--+-13--+-14--+-15--+-16--+',
      '|     |     |     |     |     |     |     |     |',
      '|  -  |  -  |  -  |  -  |  -  |  -  |  -  |  -  |',
      '+-----+-----+-----+-----+-----+-----+-----+-----+',
    ])
  })

  it('draws a tall blade as one box over the bays that it fills', () => {
    const { board } = hardware('dell-m1000e')
    const lines = drawElevation(
      board,
      (bay) =>
        bay === 9 ? { name: '', state: '', coveredBy: 1 } : bay === 1 ? { name: 'big01', state: 'on S' } : empty,
      51,
    )
    expect(lines.slice(0, 5).map((line) => line.slice(0, 13))).toEqual([
      '+--1--+--2--+',
      '|     |     |',
      '|big01|  -  |',
      '| on S+-10--+',
      '|     |     |',
    ])
  })

  it('has bays in the rear where the board has them, with the gap between', () => {
    const { board } = hardware('generic-2u4n')
    expect(drawElevation(board, () => empty, 51)).toEqual([
      '+--------3--------+           +--------4--------+',
      '|        -        |           |        -        |',
      '+--------1--------+           +--------2--------+',
      '|        -        |           |        -        |',
      '+-----------------+           +-----------------+',
    ])
  })

  it.each(listBoards('boards', 'chassis'))('of %s numbers every bay, within the columns that it may have', (name) => {
    const { board } = hardware(name)
    const lines = drawElevation(board, () => ({ name: 'payroll-01', state: 'on P' }), 75)
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(75)
    expect(lines.length).toBeLessThanOrEqual(9)
    const numbers = lines.flatMap((line) => [...line.matchAll(/-(\d+)-/g)].map(([, number]) => Number(number)))
    expect(numbers.sort((a, b) => a - b)).toEqual(board.bays.map(({ bay }) => bay).sort((a, b) => a - b))
    expect(lines.join('')).toMatch(/^[ -~]*$/)
  })

  it('shortens names so that their numbers stay', () => {
    expect(['payroll-01', 'payroll-02', 'spare', 'db'].map((name) => abbreviate(name, 5))).toEqual([
      'pay01',
      'pay02',
      'spare',
      'db',
    ])
    expect(abbreviate('spare', 4)).toBe('spar')
  })
})
