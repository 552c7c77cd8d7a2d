/** Help and shell completion, made from the table of verbs. */
import type { OptionTable } from './arguments.ts'
import { globalOptions } from './config.ts'
import type { Verb } from './context.ts'
import { columns, field, wrap } from './print.ts'

const exitCodes =
  '0 ok, 1 error, 2 usage, 3 unreachable, 4 refused, 5 timeout, 6 some of several changes failed, 7 revision conflict'

export function help(verbs: readonly Verb[]): readonly string[] {
  return [
    'chassisctl: the command line of a central manager of Midplane chassis',
    '',
    'usage: chassisctl VERB … [options]',
    '',
    ...verbs.flatMap(({ name, say }) => field(name, say, 2, 12)),
    ...field('completion', 'words for the shell: eval "$(chassisctl completion bash)"', 2, 12),
    '',
    'options of every verb:',
    ...optionLines(globalOptions),
    '',
    ...wrap(`exit codes: ${exitCodes}`, columns),
    '',
    ...wrap(
      'chassisctl VERB --help tells more, with examples. Accepted is not done: a change is durable when it is ' +
        'accepted, and done when the state is in sync (--wait, or the verb wait).',
      columns,
    ),
  ]
}

export function helpOf({ name, forms, say, more, examples, options }: Verb): readonly string[] {
  return [
    ...wrap(`chassisctl ${name}: ${say}`, columns),
    '',
    ...forms.map((form, i) => `${i === 0 ? 'usage:' : '      '} chassisctl ${name} ${form}`),
    ...(more === undefined ? [] : ['', ...wrap(more, columns)]),
    '',
    examples.length === 1 ? 'example:' : 'examples:',
    ...examples.map((example) => `  ${example}`),
    ...(Object.keys(options).length === 0 ? [] : ['', 'options:', ...optionLines(options)]),
    '',
    'options of every verb: chassisctl --help',
  ]
}

function optionLines(options: OptionTable): readonly string[] {
  return Object.entries(options).flatMap(([name, { value, short, say }]) =>
    field(`${short ? `-${short}, ` : '    '}--${name}${value === undefined ? '' : ` ${value}`}`, say, 2, 26),
  )
}

/** Verbs and options; enough for bash, and for zsh with bashcompinit. */
export function bashCompletion(verbs: readonly Verb[]): readonly string[] {
  const dashed = (options: OptionTable) => Object.keys(options).map((name) => `--${name}`)
  const global = dashed(globalOptions).join(' ')
  const wordsOf = ({ forms, options }: Verb) =>
    [
      ...new Set([...forms.join(' ').matchAll(/(?<![\w-])[a-z][a-z-]*(?![\w-])/g)].map(([word]) => word)),
      ...dashed(options),
    ].join(' ')
  return [
    '_chassisctl() {',
    '  local words',
    `  case "\${COMP_WORDS[1]}" in`,
    ...verbs.map((verb) => `    ${verb.name}) words="${wordsOf(verb)} ${global}" ;;`),
    `    *) words="${verbs.map(({ name }) => name).join(' ')} completion ${global}" ;;`,
    '  esac',
    `  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))`,
    '}',
    'complete -o default -F _chassisctl chassisctl',
  ]
}
