/**
 * What hardware can not promise, each line with the boards that it is about, by their own data, and with the run that
 * shows what happens instead.
 */
import type { Hardware } from '../../agent/core/board.ts'
import { hardware } from '../core/lab.ts'
import { storageOn } from './scene.ts'
import type { Results } from './table.ts'
import type { Cells } from './words.ts'

interface Line {
  readonly case: string
  readonly instead: string
  /** By the board's data; absent: every board. */
  readonly on?: (hardware: Hardware) => boolean
  readonly run: string
  readonly shows: readonly (keyof Cells)[]
}

/** Shown where the server of the scene boots from iSCSI. */
const keepsNames = (hardware: Hardware) =>
  storageOn(hardware).storage === 'iscsi' &&
  Object.values(hardware.adapters).some(({ erases }) => !erases.storage.acLoss)

const lines: readonly Line[] = [
  {
    case: 'no permit latch: a start that nobody commanded, with no controller in',
    instead: 'a wrong start is detected and shown, not prevented',
    on: ({ board }) => !board.backplane.permitLatch,
    run: 'AC fails while no controller is in, and a button is enabled and pressed before they are back',
    shows: ['starts', 'comes back', 'the chassis says'],
  },
  {
    case: 'a permit latch, and no controller in: a blade that is off can not start, not even rightly',
    instead: 'it stays off until a controller is in; that is the price of the latch',
    on: ({ board }) => board.backplane.permitLatch,
    run: 'every controller is pulled; running servers reboot, and the button of one that is off is enabled and pressed',
    shows: ['starts', 'comes back'],
  },
  {
    case: 'no report of AC loss: it can not be told from a shut-down',
    instead: 'servers stay off and say so, until somebody powers them on',
    on: ({ board }) => !board.backplane.acLossReported,
    run: 'AC fails and returns',
    shows: ['comes back', 'the chassis says'],
  },
  {
    case: 'no power cut: a dead BMC can not be proven dark from afar',
    instead: 'the profile waits until hands pull the blade',
    on: ({ board }) => !board.backplane.powerCut,
    run: 'a server and its BMC die, and its profile is moved to a spare',
    shows: ['comes back', 'the chassis says'],
  },
  {
    case: 'adapters that keep iSCSI names without power: a pulled blade still has them (run where the server boots from iSCSI)',
    instead: 'its profile waits for that blade, or for somebody who vouches',
    on: keepsNames,
    run: 'a running blade is pulled for good, and its profile is moved to a spare',
    shows: ['comes back', 'the chassis says'],
  },
  {
    case: 'a BMC that lies about its adapters',
    instead: 'nothing: what reads bare is believed to be',
    run: 'the BMC of a running server lies that its adapters are bare; its profile is moved, and its bay powered on',
    shows: ['starts', 'the chassis says'],
  },
  {
    case: 'a false word of somebody who forces',
    instead: 'nothing for that profile, but for a blade that the backplane shows as on',
    run: 'the BMC of a running server is silent, and its profile is forced to a spare',
    shows: ['runs on', 'comes back', 'the chassis says'],
  },
  {
    case: 'a shut-down that the BMC swallowed',
    instead: 'told after two minutes, never turned into force',
    run: 'the BMC of a running server swallows a shut-down',
    shows: ['runs on', 'comes back', 'the chassis says'],
  },
  {
    case: 'EEPROM and AC lost',
    instead: 'a hold until somebody says by name to go on',
    run: 'the EEPROM is replaced by a blank one, and AC fails',
    shows: ['starts', 'comes back'],
  },
  {
    case: 'every copy lost: EEPROM and all flash',
    instead: 'running servers run on; a backup brings the bindings back',
    run: 'the EEPROM is replaced by a blank one, and every controller by a new one',
    shows: ['runs on', 'comes back', 'the chassis says'],
  },
]

interface Page {
  readonly boards: readonly string[]
  readonly label: (boards: readonly string[]) => string
  /** What the chassis says, by the numbers of its lines. */
  readonly noted: (said: string) => string
}

export function promises(results: Results, { boards, label, noted }: Page): readonly string[] {
  const rows = lines.flatMap(({ case: what, instead, on, run, shows }) => {
    const about = boards.filter((board) => on?.(hardware(board)) ?? true)
    const same = new Map<string, string[]>()
    for (const board of about) {
      const cells = results.get(run)?.get(board)
      const text = (column: keyof Cells) =>
        column === 'the chassis says' ? noted(cells?.[column] ?? '') : cells?.[column]
      const shown = shows.map((column) => `${column}: ${text(column)}`).join('<br>')
      same.set(shown, [...(same.get(shown) ?? []), board])
    }
    return [...same].map(([shown, where], at) => {
      return at === 0
        ? `| ${what} | ${instead} | ${label(where)} | ${run} | ${shown} |`
        : `| | | ${label(where)} | | ${shown} |`
    })
  })
  return [
    '## What hardware can not promise',
    '',
    'By what each board says of itself, and by the run above that shows it.',
    '',
    '| case | guaranteed instead | boards | run | came out |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    'Not run, since the simulated backplane does not lie: a backplane that lies about presence or power. It is the last witness, and nothing is guaranteed. Not run, since it takes two chassis: a false word about a blade that went to another chassis with the names it kept.',
    '',
  ]
}
