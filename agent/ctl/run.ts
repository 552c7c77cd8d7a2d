/**
 * One command line of chassisctl: reads it, runs one verb against one chassis, and ends with a code that a script can
 * tell apart (exits.ts). Data goes to stdout, everything else to stderr. Knows nothing of the process it runs in, so
 * that another program, or a test, may run it too.
 */
import { version } from '../version.ts'
import { type OptionTable, parseLine, suggest, Usage, Words } from './arguments.ts'
import { globalOptions, settings } from './config.ts'
import { Context, type Io, type Verb } from './context.ts'
import { type Exit, exitOfError, exits } from './exits.ts'
import { bashCompletion, help, helpOf } from './help.ts'
import { verbs } from './verbs/table.ts'

export type { Io } from './context.ts'

export async function run(argv: readonly string[], io: Io): Promise<Exit> {
  try {
    return await dispatch(argv, io)
  } catch (error) {
    const exit = exitOfError(error)
    if (exit === undefined) throw error
    if (exit === exits.ok) return exit
    for (const line of (error as Error).message.split('\n')) io.stderr.write(`chassisctl: ${line}\n`)
    if (error instanceof Usage) io.stderr.write('chassisctl --help tells how it is used\n')
    return exit
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<Exit> {
  const say = (lines: readonly string[]) => {
    io.stdout.write(`${lines.join('\n')}\n`)
    return exits.ok
  }
  const known: OptionTable = Object.assign({}, globalOptions, ...verbs.map(({ options }) => options))
  const { words, options } = parseLine(argv, known)
  const [name, ...rest] = words
  if (options.has('version')) return say([`chassisctl ${version}`])
  if (name === undefined || (name === 'help' && rest.length === 0)) {
    if (name !== undefined || options.has('help')) return say(help(verbs))
    throw new Usage('say what to do')
  }
  if (name === 'completion') {
    if (options.has('help')) return say(help(verbs))
    if (rest.join(' ') !== 'bash') throw new Usage('there is completion for bash: completion bash')
    return say(bashCompletion(verbs))
  }
  const verb = find(name === 'help' ? (rest[0] ?? name) : name)
  if (options.has('help') || name === 'help') return say(helpOf(verb))
  for (const option of options.keys())
    if (!(option in verb.options) && !(option in globalOptions))
      throw new Usage(`${verb.name} has no option --${option}${suggest(option, Object.keys(verb.options), '--')}`)
  const context = new Context(new Words(rest), options, settings(options, io.env), io)
  try {
    return await verb.run(context)
  } finally {
    await context.close()
  }
}

function find(name: string): Verb {
  const verb = verbs.find((each) => each.name === name)
  if (verb) return verb
  throw new Usage(
    `there is no verb '${name}'${suggest(
      name,
      verbs.map((each) => each.name),
    )}`,
  )
}
