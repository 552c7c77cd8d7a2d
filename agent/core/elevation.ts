/**
 * The face of a chassis as text: each bay a box where the board says it is, with two short words in it. Pure ASCII,
 * drawn from the board's geometry alone, so that a board of one's own looks right too. Used by the technician's console
 * and by the demo's first screen.
 */
import type { Bay } from './blade.ts'
import type { ChassisBoard, Place } from './board.ts'

/** What stands in a bay's box. */
export interface Cell {
  readonly name: string
  readonly state: string
  /** This bay is the lower part of a blade that is known by that bay: their boxes are one. */
  readonly coveredBy?: Bay
}

/** Characters, from the top left corner; the right and lower edges are part of the box. */
interface Box {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** A box this wide has name and state in one line. */
const oneLineInner = 14

/** Lines of at most `columns` characters, without an indent. */
export function drawElevation(
  board: Pick<ChassisBoard, 'bays'>,
  cell: (bay: Bay) => Cell,
  columns: number,
): readonly string[] {
  const faces = (['front', 'rear'] as const).map((face) => board.bays.filter((each) => each.face === face))
  return faces.flatMap((bays) => (bays.length === 0 ? [] : drawFace(bays, cell, columns)))
}

/** How wide the smallest box is inside, when drawn in so many columns. */
export function innerWidth(board: Pick<ChassisBoard, 'bays'>, columns: number): number {
  return cellWidth(board.bays, columns) - 1
}

type Bays = ChassisBoard['bays']

/** Characters of the smallest box, its left edge counted and its right one not: six are enough for what is shown. */
function cellWidth(bays: Bays, columns: number): number {
  const smallest = Math.min(...bays.map(({ at }) => at.w))
  const scale = Math.min((columns - 1) / span(bays), Math.max(1, 6 / smallest))
  return Math.max(2, Math.floor(smallest * scale))
}

const span = (bays: Bays): number =>
  Math.max(...bays.map(({ at }) => at.x + at.w)) - Math.min(...bays.map(({ at }) => at.x))

function drawFace(bays: Bays, cell: (bay: Bay) => Cell, columns: number): readonly string[] {
  const smallest = Math.min(...bays.map(({ at }) => at.w))
  const scale = cellWidth(bays, columns) / smallest
  const origin = Math.min(...bays.map(({ at }) => at.x))
  const across = (x: number) => Math.round((x - origin) * scale)
  const lines = smallest * scale - 1 >= oneLineInner ? 1 : 2
  // Rows follow the bays' edges, whatever their heights are: every band between two edges is as high as one box.
  const edges = [...new Set(bays.flatMap(({ at }) => [at.y, at.y + at.h]))].sort((a, b) => a - b)
  const down = (y: number) => edges.indexOf(y) * (lines + 1)
  const boxOf = (at: Place): Box => ({
    left: across(at.x),
    top: down(at.y),
    right: across(at.x + at.w),
    bottom: down(at.y + at.h),
  })
  const shown = bays.map(({ bay, at }) => ({ bay, box: boxOf(at), is: cell(bay) }))
  const drawn = shown
    .filter(({ is }) => is.coveredBy === undefined)
    .map(({ bay, box, is }) => ({
      bay,
      is,
      box: shown.filter((other) => other.is.coveredBy === bay).reduce((whole, other) => around(whole, other.box), box),
    }))
  const height = Math.max(...shown.map(({ box }) => box.bottom)) + 1
  const width = Math.max(...shown.map(({ box }) => box.right)) + 1
  const canvas = Array.from({ length: height }, () => new Array<string>(width).fill(' '))
  const put = (row: number, column: number, text: string) => {
    const line = canvas[row]
    for (let i = 0; line !== undefined && i < text.length; i++) line[column + i] = text[i] ?? ' '
  }
  for (const { box } of drawn) {
    const edge = '-'.repeat(box.right - box.left - 1)
    for (const row of [box.top, box.bottom]) put(row, box.left + 1, edge)
    for (let row = box.top + 1; row < box.bottom; row++)
      for (const column of [box.left, box.right]) put(row, column, '|')
  }
  for (const { box } of drawn)
    for (const row of [box.top, box.bottom]) for (const column of [box.left, box.right]) put(row, column, '+')
  for (const { bay, box, is } of drawn) {
    const inner = box.right - box.left - 1
    const label = String(bay)
    put(box.top, box.left + 1 + Math.max(0, Math.floor((inner - label.length) / 2)), label.slice(0, inner))
    const texts = lines === 1 ? [[is.name, is.state].filter((text) => text !== '').join(' ')] : [is.name, is.state]
    const first = box.top + 1 + Math.floor((box.bottom - box.top - 1 - lines) / 2)
    texts.forEach((text, i) => {
      const short = abbreviate(text, inner)
      put(first + i, box.left + 1 + Math.ceil((inner - short.length) / 2), short)
    })
  }
  return canvas.map((line) => line.join('').trimEnd())
}

const around = (a: Box, b: Box): Box => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
})

/** Names that differ usually differ at their ends: `payroll-01` in five characters is `pay01`. */
export function abbreviate(text: string, width: number): string {
  if (text.length <= width) return text
  return width >= 4 && /\d$/.test(text) ? `${text.slice(0, width - 2)}${text.slice(-2)}` : text.slice(0, width)
}
