/** Boards for short lives: each real board with a few of its bays, and the small ones of the laboratory. */
import type { Bay } from '../../agent/core/blade.ts'
import type { Hardware } from '../../agent/core/board.ts'
import { hardware } from '../core/lab.ts'
import { tinyHardware, withoutLatch } from '../sim/tiny-board.ts'

/** The board as if it had only these bays. */
function cut(whole: Hardware, bays: readonly Bay[], simulated: Hardware['board']['simulated']): Hardware {
  const { board } = whole
  const forms = board.forms.map((form) => ({
    ...form,
    fills: form.fills.filter((fill) => fill.every((bay) => bays.includes(bay))),
  }))
  // A short life fills no large EEPROM, and each start reads all of it.
  const backplane = { ...board.backplane, eeprom: { ...board.backplane.eeprom, bytes: 8_192 } }
  return {
    ...whole,
    board: { ...board, backplane, bays: board.bays.filter(({ bay }) => bays.includes(bay)), forms, simulated },
  }
}

export function forOne(whole: Hardware): Hardware {
  const { board } = whole
  const at = board.controllers.at.slice(0, 1)
  return { ...whole, board: { ...board, controllers: { ...board.controllers, count: 1, at } } }
}

const small = (id: string, products: readonly string[], bays: readonly Bay[] = [1, 2, 3, 4]): Hardware =>
  cut(hardware(id), bays, Object.fromEntries(products.map((product, at) => [String(at + 1), product])))

const g7 = 'ProLiant BL460c G7'

/** Read once: a life is short. Those named more often are lived on more often. */
export const boards: readonly Hardware[] = [
  small('hp-c7000', [g7, g7, g7]),
  small('hp-c7000', [g7, g7, 'ProLiant BL465c G7']),
  small('cisco-ucs-5108', ['UCS B200 M3', 'UCS B200 M3', 'UCS B200 M3']),
  small('dell-m1000e', ['PowerEdge M620', 'PowerEdge M620', 'PowerEdge M620']),
  small('dell-mx7000', ['PowerEdge MX740c', 'PowerEdge MX740c', 'PowerEdge MX740c']),
  small('hpe-synergy-12000', ['Synergy 480 Gen10', 'Synergy 480 Gen10', 'Synergy 480 Gen10']),
  small('ibm-bladecenter-h', ['BladeCenter HS22', 'BladeCenter HS22', 'BladeCenter HS22']),
  cut(hardware('generic-2u4n'), [1, 2, 3, 4], hardware('generic-2u4n').board.simulated),
  cut(tinyHardware, [1, 2, 3, 4], { '1': 'Blade', '2': 'Blade', '3': 'Blade B' }),
  cut(tinyHardware, [1, 2, 3, 4], { '1': 'Blade S', '2': 'Blade S', '3': 'Blade D', '4': 'Blade D' }),
  cut(withoutLatch, [1, 2, 3, 4], { '1': 'Blade', '2': 'Blade', '3': 'Blade' }),
]
