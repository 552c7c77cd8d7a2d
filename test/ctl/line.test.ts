// The command line itself: what is understood, what is complained of, and what the help says.

import { describe, expect, it } from 'vitest'
import { readBays, readDuration } from '../../agent/ctl/arguments.ts'
import { verbs } from '../../agent/ctl/verbs/table.ts'
import { version } from '../../agent/version.ts'
import { deadUrl } from './broker.ts'
import { ctl } from './rig.ts'

const complaint = async (line: string) => {
  const { exit, stdout, stderr } = await ctl(line)
  expect({ line, exit, stdout }).toEqual({ line, exit: 2, stdout: '' })
  return stderr.split('\n')[0]
}

describe('help', () => {
  it('lists every verb and every exit code', async () => {
    const { exit, stdout } = await ctl('--help')
    expect(exit).toBe(0)
    for (const { name, say } of verbs) expect(stdout).toContain(`  ${name.padEnd(12)}${say}\n`)
    expect(stdout).toMatch(/7\s+revision\s+conflict/)
    for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(79)
  })

  it('of a verb has its forms, options and an example', async () => {
    for (const { name, forms, examples } of verbs) {
      const { exit, stdout } = await ctl(`${name} --help`)
      expect(exit).toBe(0)
      for (const words of [...forms, ...examples]) expect(stdout).toContain(words)
      expect(await ctl(`help ${name}`)).toMatchObject({ exit: 0, stdout })
      for (const line of stdout.split('\n')) expect(line.length, line).toBeLessThanOrEqual(79)
    }
  })

  it('shows only examples that are valid command lines', async () => {
    const broker = await deadUrl()
    let ran = 0
    for (const example of verbs.flatMap(({ examples }) => examples)) {
      // What stands before a pipe, or where it is written to, is the shell's; files are not there, so stdin stands for them.
      const line = example
        .replace(/^.*\| (?=chassisctl)/, '')
        .replace(/^chassisctl /, '')
        .replace(/ > \S+$/, '')
        .replace(/-f \S+/, '-f -')
      const stdin = line.startsWith('boot plan')
        ? '{}'
        : line.startsWith('apply')
          ? '{"secret":{"id":"a","value":"b"}}'
          : 'value'
      const { exit, stderr } = await ctl(`${line.replace(/"[^"]*"/g, 'x')} --broker ${broker}`, { stdin })
      expect({ example, exit, stderr }).toEqual({
        example,
        exit: 3,
        stderr: expect.stringContaining('nothing listens'),
      })
      ran++
    }
    expect(ran).toBeGreaterThan(20)
  })

  it('says the version', async () => {
    expect(await ctl('--version')).toEqual({ exit: 0, stdout: `chassisctl ${version}\n`, stderr: '' })
  })

  it('knows the words for the shell', async () => {
    const { exit, stdout } = await ctl('completion bash')
    expect(exit).toBe(0)
    expect(stdout).toContain('complete -o default -F _chassisctl chassisctl')
    expect(stdout).toMatch(/power\) words="bay .*--force/)
  })
})

describe('a line that is wrong is exit 2 and says what is right:', () => {
  it.each([
    ['', 'say what to do'],
    ['asign web-01 bay 3', "there is no verb 'asign'; did you mean assign?"],
    ['get bys', "there is no 'bys' to get; say bays | profiles"],
    ['get bays --brokr x', 'there is no option --brokr; did you mean --broker?'],
    ['get bays --broker', '--broker needs a value: --broker URL'],
    ['get bays --broker http://x', "'http://x' is no broker"],
    ['get bays -o yaml', "there is no output 'yaml'; say -o table, json or jsonl"],
    ['get bays --mqtt 4', 'there is no MQTT 4 here'],
    ['get bays --timeout soon', "--timeout 'soon' is no time"],
    ['get bays --once', 'get has no option --once'],
    ['get bays 4-1', "'4-1' runs backwards; say 1-4"],
    ['get bays 0', "'0' is no bay"],
    ['get bays --chassis No', "'No' is no chassis id"],
    ['power bay 3', 'say action: on | off | cycle | reset'],
    ['power bay 3 om', "'om' is no action; say on | off | cycle | reset; did you mean on?"],
    ['power 3 on', 'say which bay: bay 3, not 3'],
    ['power bay 3 on on', "'on' is one word too many"],
    ['power bay 3 on --force=yes', "--force takes no value; leave 'yes' out"],
    ['power bay 3 on --timeout 1s --timeout 2s', '--timeout stands twice'],
    ['power bay 1-2 on --request-id 12345678', '--request-id is for one change'],
    ['assign Web bay 3', "'Web' is no profile"],
    ['assign web-01 bay 3 --product X', '--product and --among go with bay any'],
    ['unassign web-01 --power-off --force-off', 'say --power-off or --force-off, not both'],
    ['boot bay 3 pxe', 'say how long it lasts: --once, --always or --boots N'],
    ['boot bay 3 pxe --once --always', 'say one of --once and --always'],
    ['boot bay 3 none --once', 'none takes the override away'],
    ['boot bay 3 pxe --boots 0', '--boots counts from 1'],
    ['take-over', 'say --lineage ID and --number N'],
    ['wait bay 3', 'say what to wait for: --for in-sync'],
    ['apply', 'say what to read: -f FILE'],
    ['completion fish', 'there is completion for bash'],
  ])('%s', async (line, say) => {
    expect(await complaint(line)).toContain(`chassisctl: ${say}`)
  })
})

describe('numbers', () => {
  it('of bays are lists and spans, each bay once', () => {
    expect(readBays('1-4,7,2')).toEqual([1, 2, 3, 4, 7])
    for (const wrong of ['', ',', '1-', '-1', '1..4', '1-2-3', '1,', '0', '1-99999', 'x'])
      expect(() => readBays(wrong), wrong).toThrow()
  })

  it('of times have units, and are seconds without one', () => {
    expect(['500ms', '60s', '60', '2m', '1.5s', '1h'].map((text) => readDuration(text, 'time'))).toEqual([
      500, 60_000, 60_000, 120_000, 1_500, 3_600_000,
    ])
  })
})

it('a file that can not be read is named', async () => {
  expect(await ctl('apply -f /nowhere/web.json')).toEqual({
    exit: 1,
    stdout: '',
    stderr: 'chassisctl: input: /nowhere/web.json can not be read: ENOENT\n',
  })
})
