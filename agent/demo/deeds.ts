/** The lines that are for the demo and not for the controller: what hands do to a chassis. Pure: text → deed or complaint. */
import type { Bay } from '../core/blade.ts'
import type { BootRecord, UsedFunction } from '../sim/log.ts'
import type { Slot } from './folder.ts'

export type DemoDeed =
  | { readonly do: 'cut' | 'help' }
  /** Absent: the one that owns the chassis. */
  | { readonly do: 'kill'; readonly slot?: Slot }
  | { readonly do: 'take-out' | 'put-back' | 'replace' | 'line'; readonly slot: Slot }
  | { readonly do: 'pull' | 'insert' | 'press' | 'boots'; readonly bay: Bay }
  | { readonly wrong: string }

export const deedHelp: readonly string[] = [
  "  demo kill controller   SIGKILL; the controller's watchdog starts it again",
  '  demo pull blade 3      pull the blade out of bay 3, running or not',
  '  demo insert blade 3    put it back into bay 3',
  '  demo cut power         AC off, for the chassis and the controller; then back',
  '  demo press button 3    the power button of blade 3',
  '  demo boots 3           what booted in bay 3, as the hardware logged it',
  '  Ctrl-D                 end the demo; its state stays for the next time',
]

/** With two controllers. */
export const pairDeedHelp: readonly string[] = [
  '  demo kill controller A      SIGKILL; without a letter the one that owns',
  '  demo remove controller A    pull it out of its slot',
  '  demo insert controller A    put it back, with what it had on its flash',
  '  demo replace controller A   a blank one off the shelf in its place',
  '  demo line B                 your cable goes to controller B',
  '  demo pull blade 3           pull the blade out of bay 3, running or not',
  '  demo insert blade 3         put it back into bay 3',
  '  demo cut power              AC off, for blades and controllers; then back',
  '  demo press button 3         the power button of blade 3',
  '  demo boots 3                what booted in bay 3, as the hardware logged it',
  '  Ctrl-D                      end the demo; its state stays for the next time',
]

const forms: readonly { readonly words: readonly string[]; readonly do: Exclude<DemoDeed, { wrong: string }>['do'] }[] =
  [
    { words: ['kill', 'controller'], do: 'kill' },
    { words: ['remove', 'controller'], do: 'take-out' },
    { words: ['insert', 'controller'], do: 'put-back' },
    { words: ['replace', 'controller'], do: 'replace' },
    { words: ['line'], do: 'line' },
    { words: ['pull', 'blade'], do: 'pull' },
    { words: ['insert', 'blade'], do: 'insert' },
    { words: ['cut', 'power'], do: 'cut' },
    { words: ['press', 'button'], do: 'press' },
    { words: ['boots'], do: 'boots' },
    { words: ['help'], do: 'help' },
  ]

/** Undefined: the line is for the controller. */
export function parseDeed(line: string): DemoDeed | undefined {
  const [demo, ...words] = line
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  if (demo !== 'demo') return undefined
  if (words.length === 0) return { do: 'help' }
  const form = forms.find((each) => each.words.every((word, i) => word === words[i]))
  if (!form) return { wrong: `there is no 'demo ${words.join(' ')}'; say demo help` }
  const rest = words.slice(form.words.length)
  switch (form.do) {
    case 'kill':
    case 'take-out':
    case 'put-back':
    case 'replace':
    case 'line': {
      const [letter, ...more] = rest
      if (letter === undefined && form.do === 'kill') return { do: 'kill' }
      const slot = letter?.toUpperCase()
      if ((slot !== 'A' && slot !== 'B') || more.length > 0)
        return { wrong: `say which controller, A or B: demo ${form.words.join(' ')} B` }
      return { do: form.do, slot }
    }
    case 'cut':
    case 'help':
      return rest.length === 0 ? { do: form.do } : { wrong: `'${rest[0]}' is one word too many; say demo help` }
    case 'pull':
    case 'insert':
    case 'press':
    case 'boots': {
      // "demo boots bay 3" is what fingers type after an hour on the console.
      const [number, ...more] = rest[0] === 'bay' ? rest.slice(1) : rest
      if (number === undefined || !/^[1-9]\d{0,2}$/.test(number) || more.length > 0) {
        return { wrong: `say which bay by its number: demo ${form.words.join(' ')} 3` }
      }
      return { do: form.do, bay: Number(number) }
    }
  }
}

const whys: { readonly [why in BootRecord['why']]: string } = {
  'power-button': 'its button was pressed',
  'bmc-power-on': 'its BMC was told to',
  'power-cycle': 'power cycle',
  'warm-reset': 'warm reset',
  'os-reboot': 'its system rebooted',
  'restore-policy': 'AC came back',
  wake: 'it was woken',
}

/** Oldest first, at most as many as a screen takes. */
export function bootLines(bay: Bay, boots: readonly BootRecord[]): readonly string[] {
  if (boots.length === 0) return [`nothing booted in bay ${bay} since the simulated chassis was started`]
  const shown = boots.slice(-4)
  return [
    `${boots.length} ${boots.length === 1 ? 'boot' : 'boots'} in bay ${bay}, as the hardware logged ${boots.length === 1 ? 'it' : 'them'}, newest last:`,
    ...shown.flatMap((record) => [
      `  blade ${record.serial}: ${bootedWords(record)}`,
      `    started because ${whys[record.why]}${record.n === undefined ? '' : `, under permit ${record.n}`}`,
      ...record.functions.filter((fn) => isWorn(fn, record)).map((fn) => `    ${fn.key} ${addressWords(fn)}`),
    ]),
  ]
}

/** What it booted from and by: with ten functions in a blade, the others only hide it. */
function isWorn(fn: UsedFunction, { booted, functions }: BootRecord): boolean {
  return ('fn' in booted && fn.key === booted.fn) || fn === functions.find(({ mac }) => mac !== undefined)
}

function addressWords({ mac, wwpn, iqn }: UsedFunction): string {
  return [mac && `MAC ${mac}`, wwpn && `WWPN ${wwpn}`, iqn && `IQN ${iqn}`].filter(Boolean).join(' ')
}

export function bootedWords({ booted }: BootRecord): string {
  switch (booted.from) {
    case 'local':
      return 'booted from its local disk'
    case 'pxe':
      return `booted by PXE on ${booted.fn}`
    case 'http':
      return `booted by HTTP on ${booted.fn}`
    case 'fc':
    case 'fcoe':
      return `booted LUN ${booted.lun} of ${booted.target}`
    case 'iscsi':
      return `booted LUN ${booted.lun} of ${booted.target}`
    case 'setup':
      return 'is in its firmware set-up'
    case 'nothing':
      return 'found nothing to boot'
  }
}
