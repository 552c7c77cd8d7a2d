/**
 * The technician's verbs, in one table: how each is used, an example, and how its words become a command or a view.
 * `parseLine` is pure; what is allowed is not judged here but where every command is judged.
 */
import type { ProfileId } from '../../../core/addresses.ts'
import type { Bay, OverrideTarget } from '../../../core/blade.ts'
import type { Stop, Target, When } from '../../../core/command.ts'
import { refuse } from '../../../core/reasons.ts'
import type { WireCommand } from '../../../wire/command.ts'
import { isOfBackup } from '../../store/backup-lines.ts'
import type { Asked, View } from './asked.ts'
import { list, Words } from './words.ts'

export interface Verb {
  readonly verb: string
  /** One form on each line. */
  readonly usage: readonly string[]
  readonly says: string
  /** What a word of it does, where that can not be guessed. */
  readonly more: readonly string[]
  readonly example: string
  /** Done without any other word: no slip of the finger, and no noise, may be short for it. */
  readonly whole?: true
  /** Reads the words after the verb. What is wrong with them is kept by `words`. */
  parse(words: Words): Asked
}

const view = (view: View): Asked => ({ is: 'view', view })
const command = (command: WireCommand): Asked => ({ is: 'command', command })

const nouns = [
  'bays',
  'bay',
  'profiles',
  'profile',
  'pools',
  'policies',
  'health',
  'controllers',
  'todo',
  'events',
  'store',
] as const
const bootWords: Readonly<Record<'pxe' | 'http' | 'san' | 'local' | 'setup', OverrideTarget>> = {
  pxe: 'pxe',
  http: 'http',
  san: 'remote',
  local: 'local',
  setup: 'setup',
}
const bootNames = ['pxe', 'http', 'san', 'local', 'setup', 'none'] as const

const nextOff = 'next-off     now on: wait until the blade is next off, instead of refusing'
const powerOff = 'power-off    shut the blade down first, if it is on'
const preprovision = 'preprovision also if the bay is empty: its blade wears it when it arrives'

export const verbs: readonly Verb[] = [
  {
    verb: 'show',
    usage: [
      'show bays',
      'show bay 3 [all]',
      'show profiles',
      'show profile web-01',
      'show pools',
      'show policies',
      'show health',
      'show controllers',
      'show todo',
      'show events',
      'show store',
    ],
    says: 'what the chassis has and does',
    more: ['bay 3 all   every port, also those that keep their factory addresses'],
    example: 'show bay 3',
    parse: (words) => {
      const noun = words.keyword(nouns, `one of ${list(nouns)}`)
      switch (noun) {
        case 'bay': {
          const bay = words.number()
          return view({ view: 'bay', bay, all: words.maybe('all') })
        }
        case 'profile':
          return view({ view: 'profile', profile: words.name<'Profile'>('profile') })
        case 'bays':
        case 'profiles':
        case 'pools':
        case 'policies':
        case 'health':
        case 'controllers':
        case 'todo':
        case 'events':
        case 'store':
          return view({ view: noun })
      }
    },
  },
  {
    verb: 'why',
    usage: ['why bay 3'],
    says: 'why a bay is not as it is wanted, and what to do',
    more: [],
    example: 'why bay 3',
    parse: (words) => view({ view: 'why', bay: words.bay() }),
  },
  {
    verb: 'assign',
    usage: ['assign profile web-01 to bay 3 [next-off] [power on] [preprovision]', 'assign profile web-01 to bay any'],
    says: 'a blade gets the addresses and boot target of a profile',
    more: ['power on     also power it on, once its addresses are read back', nextOff, preprovision],
    example: 'assign profile web-01 to bay 3 power on',
    parse: (words) => {
      const profile = words.id<'Profile'>('profile')
      const to = where(words)
      const how = { when: 'now' as When, preprovision: false, power: undefined as 'on' | 'off' | undefined }
      words.options(['next-off', 'power', 'preprovision'], (option) => {
        if (option === 'next-off') how.when = 'next-off'
        if (option === 'preprovision') how.preprovision = true
        if (option === 'power') how.power = words.keyword(['on', 'off'], "'on' or 'off'")
      })
      const { when, power, preprovision } = how
      return command({ kind: 'assign', profile, to, when, preprovision, ...(power && { power }) })
    },
  },
  {
    verb: 'unassign',
    usage: ['unassign profile web-01 [power-off] [next-off]'],
    says: 'its bay goes back to factory addresses',
    more: [powerOff, nextOff],
    example: 'unassign profile web-01 power-off',
    parse: (words) => {
      const profile = words.id<'Profile'>('profile')
      return command({ kind: 'unassign', profile, ...leaving(words), force: false })
    },
  },
  {
    verb: 'move',
    usage: [
      'move profile db-01 to bay 4 [power-off] [next-off] [power on] [preprovision]',
      'move profile db-01 to bay any',
    ],
    says: 'another blade becomes that server: off here, then on there',
    more: [powerOff, nextOff, preprovision],
    example: 'move profile db-01 to bay 4 power-off',
    parse: (words) => {
      const profile = words.id<'Profile'>('profile')
      const to = where(words)
      const how = {
        when: 'now' as When,
        stop: 'no' as Stop,
        preprovision: false,
        power: undefined as 'on' | 'off' | undefined,
      }
      words.options(['power-off', 'next-off', 'power', 'preprovision'], (option) => {
        if (option === 'power-off') how.stop = 'graceful'
        if (option === 'next-off') how.when = 'next-off'
        if (option === 'preprovision') how.preprovision = true
        if (option === 'power') how.power = words.keyword(['on', 'off'], "'on' or 'off'")
      })
      const { power, ...rest } = how
      return command({ kind: 'move', profile, to, ...rest, force: false, ...(power && { power }) })
    },
  },
  {
    verb: 'power',
    usage: ['power bay 3 on', 'power bay 3 off|cycle [force]', 'power bay 3 reset'],
    says: 'power of a blade: shut down, cycled or reset',
    more: ['force        at once, without waiting for the operating system to shut down'],
    example: 'power bay 3 on',
    parse: (words) => {
      const bay = words.bay()
      const want = words.keyword(['on', 'off', 'cycle', 'reset'], "'on', 'off', 'cycle' or 'reset'")
      return command({ kind: 'power', bay, want, stop: words.maybe('force') ? 'forced' : 'graceful' })
    },
  },
  {
    verb: 'boot',
    usage: ['boot bay 3 pxe|http|san|local|setup once|always', 'boot bay 3 none'],
    says: 'boot from something else than the profile says',
    more: ['none         back to what the profile says'],
    example: 'boot bay 3 pxe once',
    parse: (words) => {
      const bay = words.bay()
      const from = words.keyword(bootNames, list(bootNames.map((name) => `'${name}'`)))
      if (from === 'none') return command({ kind: 'override-boot', bay })
      const lasts = words.keyword(['once', 'always'], "'once' or 'always'")
      return command({ kind: 'override-boot', bay, override: { target: bootWords[from], lasts } })
    },
  },
  {
    verb: 'locate',
    usage: ['locate bay 3 on|off'],
    says: 'the locate light of a bay',
    more: [],
    example: 'locate bay 3 on',
    parse: (words) => {
      const bay = words.bay()
      return command({ kind: 'locate', bay, lit: words.keyword(['on', 'off'], "'on' or 'off'") === 'on' })
    },
  },
  {
    verb: 'reseat',
    usage: ['reseat bay 3 [yes]'],
    says: 'cut the power of a bay and give it back, as if it were pulled',
    more: ['yes          also if the blade is on'],
    example: 'reseat bay 3 yes',
    parse: (words) => {
      const bay = words.bay()
      const said = words.maybe('yes')
      return { is: 'command', command: { kind: 'reseat', bay }, danger: { stops: bay, said } }
    },
  },
  {
    verb: 'changeover',
    usage: ['changeover [force]'],
    says: 'the other controller leads from now on; no blade is touched',
    more: ['force        though it lacks something; on a standby: take over here'],
    example: 'changeover',
    whole: true,
    parse: (words) => command({ kind: 'changeover', force: words.maybe('force') }),
  },
  {
    verb: 'resync',
    usage: ['resync [bay 3]'],
    says: 'look again, and try again what had failed',
    more: [],
    example: 'resync bay 3',
    parse: (words) =>
      words.next === undefined ? command({ kind: 'resync' }) : command({ kind: 'resync', bay: words.bay() }),
  },
  {
    verb: 'set',
    usage: [
      'set policy spare after 300 [spares 7,8] [tries 3] [cut]',
      'set policy spare after 300 profiles web-01,db-01',
    ],
    says: "leave a policy: a dead blade's profile moves to a spare by itself",
    more: [
      'after 300    so many seconds dead, without a break',
      'profiles     which; without it every one with affinity model',
      'spares       where to, the best first; without it any free bay',
      'tries 3      so many spares for one death; without it 3',
      'cut          a dead bay may be cut, where its BMC does not answer',
    ],
    example: 'set policy spare after 300 spares 7,8 cut',
    parse: (words) => {
      const id = words.id<'Policy'>('policy')
      words.keyword(['after'], "'after' and how many seconds")
      const afterSeconds = words.amount('seconds')
      const how = {
        profiles: undefined as readonly ProfileId[] | undefined,
        spares: undefined as readonly Bay[] | undefined,
        attempts: 3,
        cut: false,
      }
      words.options(['profiles', 'spares', 'tries', 'cut'], (option) => {
        if (option === 'profiles') how.profiles = words.names<'Profile'>('profiles')
        if (option === 'spares') how.spares = words.bays()
        if (option === 'tries') how.attempts = words.amount('how many')
        if (option === 'cut') how.cut = true
      })
      const { profiles, spares, attempts, cut } = how
      const policy = { id, ...(profiles && { profiles }), ...(spares && { spares }), afterSeconds, cut, attempts }
      return command({ kind: 'define-policy', policy })
    },
  },
  {
    verb: 'remove',
    usage: ['remove policy spare'],
    says: 'take a policy away; what it moved stays where it is',
    more: [],
    example: 'remove policy spare',
    parse: (words) => command({ kind: 'remove-policy', policy: words.id<'Policy'>('policy') }),
  },
  {
    verb: 'backup',
    usage: ['backup'],
    says: 'print what this chassis holds, as lines to keep',
    more: ['secrets stay out; chassisctl backup takes them along under a passphrase'],
    example: 'backup',
    parse: () => ({ is: 'backup' }),
  },
  {
    verb: 'restore',
    usage: ['restore [yes]', 'restore profile web-01 [force] [yes]'],
    says: 'go on from a backup that was pasted here before',
    more: [
      'without yes  show what it would change, and change nothing',
      'profile      only this one, in no bay; all of it is for a blank controller',
      'force        also one of another chassis, or of another life of this one',
    ],
    example: 'restore profile web-01',
    parse: (words) => {
      const profile = words.maybe('profile') ? words.name<'Profile'>('profile') : undefined
      const how = { force: false, said: false }
      words.options(['force', 'yes'], (option) => {
        if (option === 'force') how.force = true
        if (option === 'yes') how.said = true
      })
      const again = ['restore', ...(profile ? ['profile', profile] : []), ...(how.force ? ['force'] : []), 'yes']
      return { is: 'restore', profiles: profile ? [profile] : 'all', ...how, again: again.join(' ') }
    },
  },
  {
    verb: 'factory',
    usage: ['factory reset CH0001 [yes]'],
    says: 'forget everything; the chassis begins another life',
    more: ['CH0001       the serial of this chassis, as version tells it', 'yes          do it; without it, only show'],
    example: 'factory reset CH0001',
    parse: (words) => {
      words.keyword(['reset'], "'reset' and the serial of this chassis")
      const { text: serial, said } = words.phrase('the serial of this chassis', 'yes')
      const again = `factory reset ${serial} yes`
      return { is: 'command', command: { kind: 'factory-reset', serial }, shown: { said, again } }
    },
  },
  {
    verb: 'help',
    usage: ['help', 'help move'],
    says: 'all verbs, or one with its words and an example',
    more: [],
    example: 'help move',
    parse: (words) => {
      if (words.next === undefined) return view({ view: 'help' })
      const names = verbs.map(({ verb }) => verb)
      return view({ view: 'help', verb: words.keyword(names as [string, ...string[]], 'a verb') })
    },
  },
  {
    verb: 'version',
    usage: ['version'],
    says: 'version of the controller, and what chassis it is in',
    more: [],
    example: 'version',
    parse: () => view({ view: 'version' }),
  },
]

function where(words: Words): Target {
  words.keyword(['to'], "'to'")
  words.keyword(['bay'], "'bay' and its number, or 'bay any'")
  return words.maybe('any') ? { any: {} } : { bay: words.number() }
}

function leaving(words: Words): { readonly when: When; readonly stop: Stop } {
  const how = { when: 'now' as When, stop: 'no' as Stop }
  words.options(['power-off', 'next-off'], (option) => {
    if (option === 'power-off') how.stop = 'graceful'
    if (option === 'next-off') how.when = 'next-off'
  })
  return how
}

/** Text → command, view or complaint. */
export function parseLine(line: string): Asked {
  const words = new Words(line)
  if (words.isEmpty) return { is: 'nothing' }
  if (isOfBackup(line)) return { is: 'pasted', text: line }
  words.usage = "say 'help'"
  const verb = pick(words)
  if (verb === undefined) return complaint(words)
  words.usage = `say 'help ${verb.verb}'`
  const asked = verb.parse(words)
  words.end()
  return words.complaint ? complaint(words) : asked
}

function pick(words: Words): Verb | undefined {
  if (words.maybe('?')) return verbs.find(({ verb }) => verb === 'help')
  const names = verbs.map(({ verb }) => verb) as [string, ...string[]]
  const typed = words.next
  const name = words.keyword(names, 'a verb of this console')
  const verb = words.complaint ? undefined : verbs.find(({ verb }) => verb === name)
  if (verb?.whole && typed !== name) {
    words.complain('field-missing', `'${name}' is typed in full; ${words.usage}`)
    return undefined
  }
  return verb
}

function complaint(words: Words): Asked {
  return { is: 'complaint', refusal: words.complaint ?? refuse('field-missing', "say 'help'") }
}

/** The bay or profile that a command is about: where its doing can be followed. */
export function follow(wanted: WireCommand, bay: number | undefined): string | undefined {
  const at = bay ?? ('bay' in wanted ? wanted.bay : undefined)
  if (at !== undefined) return `show bay ${at}`
  if (wanted.kind === 'changeover') return 'show controllers'
  if (wanted.kind === 'define-policy' || wanted.kind === 'remove-policy') return 'show policies'
  const profile: ProfileId | undefined =
    'profile' in wanted && typeof wanted.profile === 'string' ? wanted.profile : undefined
  return profile === undefined ? 'show todo' : `show profile ${profile}`
}
