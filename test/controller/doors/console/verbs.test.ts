// The console's grammar and its verbs, against real judgement and real reports.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLine, verbs } from '../../../../agent/controller/doors/console/verbs.ts'
import { reasons } from '../../../../agent/core/reasons.ts'
import { LabFront, seated } from './front.ts'

const printableLine = /^[\x20-\x7e]*$/
const lastLine = /^%(OK( .+)?|ERR \d+ [A-Z_]+ .+)$/

describe('a technician at the console', () => {
  it.each(verbs.map(({ verb, example }) => [verb, example] as const))(
    'is given an example of %s that works: %s',
    async (_, example) => {
      expect(parseLine(example)).not.toMatchObject({ is: 'complaint' })
      const front = new LabFront()
      if (!/^(assign|factory)/.test(example)) front.running()
      if (example.startsWith('changeover')) front.moment = { ...front.moment, standby: { is: 'member' } }
      if (example.startsWith('move'))
        front.do({ kind: 'assign', profile: 'db-01' as never, to: { bay: 2 }, when: 'now', preprovision: false })
      const seat = await seated(front)
      if (example.startsWith('restore')) {
        const { outcome } = await front.backup()
        for (const line of outcome.kind === 'backup' ? outcome.text.trimEnd().split('\n') : []) await seat.type(line)
      }
      const lines = await seat.type(example)
      expect(lines.at(-1)).toMatch(/^%OK/)
      seat.console.close()
    },
  )

  it('reads no word of a verb in its help that the verb does not take', () => {
    // Brackets are what may be left out, bars a choice: each form, with and without.
    const forms = verbs.flatMap(({ usage }) => usage).flatMap(unfold)
    expect(forms.length).toBeGreaterThan(50)
    expect(forms.filter((form) => parseLine(form).is === 'complaint')).toEqual([])
  })

  it.each([
    [
      'assign profile web-01 to bay 3',
      { kind: 'assign', profile: 'web-01', to: { bay: 3 }, when: 'now', preprovision: false },
    ],
    [
      'assign profile web-01 to bay 3 next-off power on',
      { kind: 'assign', profile: 'web-01', to: { bay: 3 }, when: 'next-off', preprovision: false, power: 'on' },
    ],
    [
      'assign profile web-01 to bay any',
      { kind: 'assign', profile: 'web-01', to: { any: {} }, when: 'now', preprovision: false },
    ],
    [
      'unassign profile web-01 power-off next-off',
      { kind: 'unassign', profile: 'web-01', when: 'next-off', stop: 'graceful', force: false },
    ],
    [
      'move profile db-01 to bay 4 power-off',
      {
        kind: 'move',
        profile: 'db-01',
        to: { bay: 4 },
        when: 'now',
        stop: 'graceful',
        preprovision: false,
        force: false,
      },
    ],
    ['power bay 3 off', { kind: 'power', bay: 3, want: 'off', stop: 'graceful' }],
    ['power bay 3 cycle force', { kind: 'power', bay: 3, want: 'cycle', stop: 'forced' }],
    ['locate bay 16 off', { kind: 'locate', bay: 16, lit: false }],
    ['boot bay 3 pxe once', { kind: 'override-boot', bay: 3, override: { target: 'pxe', lasts: 'once' } }],
    ['boot bay 3 san always', { kind: 'override-boot', bay: 3, override: { target: 'remote', lasts: 'always' } }],
    ['boot bay 3 none', { kind: 'override-boot', bay: 3 }],
    ['reseat bay 3', { kind: 'reseat', bay: 3 }],
    ['resync', { kind: 'resync' }],
    ['resync bay 3', { kind: 'resync', bay: 3 }],
    [
      'set policy spare after 300 spares 8,7 cut',
      { kind: 'define-policy', policy: { id: 'spare', spares: [8, 7], afterSeconds: 300, cut: true, attempts: 3 } },
    ],
    [
      'set policy spare after 60 profiles web-01,db-01 tries 2',
      {
        kind: 'define-policy',
        policy: { id: 'spare', profiles: ['web-01', 'db-01'], afterSeconds: 60, cut: false, attempts: 2 },
      },
    ],
    ['remove policy spare', { kind: 'remove-policy', policy: 'spare' }],
    ['PO BA 3 ON', { kind: 'power', bay: 3, want: 'on', stop: 'graceful' }],
  ])('says the same command as a manager with: %s', (line, command) => {
    expect(parseLine(line)).toMatchObject({ is: 'command', command })
  })

  it.each([
    ['shwo bays', 'FIELD_INVALID'],
    ['re bay 3', 'FIELD_INVALID'], // reseat or resync
    ['chang', 'FIELD_MISSING'], // without another word to it, it is typed in full
    ['power', 'FIELD_MISSING'],
    ['power bay', 'FIELD_MISSING'],
    ['power bay 0 on', 'FIELD_INVALID'],
    ['power bay three on', 'FIELD_INVALID'],
    ['power bay 3 on now', 'FIELD_INVALID'],
    ['assign profile web-01 to bay 3 power on power off', 'FIELD_INVALID'],
    ['assign profile ../etc to bay 3', 'FIELD_INVALID'],
    ['move profile db-01 bay 4', 'FIELD_INVALID'],
    ['set policy spare after soon', 'FIELD_INVALID'],
    ['set policy spare after 300 spares 7,', 'FIELD_INVALID'],
    ['set policy spare after 300 profiles', 'FIELD_MISSING'],
    ['set policy spare after 300 spares 99', 'NO_SUCH_BAY'],
    ['show bay 17', 'NO_SUCH_BAY'],
    ['show profile nobody', 'NO_SUCH_PROFILE'],
    ['assign profile nobody to bay 1', 'NO_SUCH_PROFILE'],
  ])('is told the way out of a mistake: %s', async (line, name) => {
    const front = new LabFront().running()
    const { revision } = front.state
    const seat = await seated(front)
    const last = (await seat.type(line)).at(-1) ?? ''
    expect(last).toMatch(lastLine)
    expect(last.split(' ')[2]).toBe(name)
    const number = reasons[name.toLowerCase().replaceAll('_', '-') as keyof typeof reasons].number
    expect(last.split(' ')[1]).toBe(String(number))
    expect(front.state.revision).toBe(revision)
    seat.console.close()
  })

  it('is told where a change is stored and how to see it done, because accepted is not done', async () => {
    const seat = await seated(new LabFront())
    expect(await seat.type('assign profile web-01 to bay 3 power on')).toEqual([
      'bay 3: profile none -> web-01',
      'bay 3: power on',
      'to see it done: show bay 3',
      '%OK accepted revision 5, stored on flash and EEPROM',
    ])
    expect((await seat.type('assign profile web-01 to bay 3 power on')).at(-1)).toBe(
      '%OK unchanged at revision 5: it is so already',
    )
    expect((await seat.type('locate bay 3 on')).at(-1)).toBe('%OK accepted revision 6, stored on flash')
    seat.console.close()
  })

  it('comes in by the console door, under one request id for each line', async () => {
    const front = new LabFront()
    const seat = await seated(front)
    await seat.type('locate bay 1 on')
    await seat.type('locate bay 1 off')
    const envelopes = front.submitted.map(({ envelope }) => envelope)
    expect(envelopes.map(({ who }) => who)).toEqual([
      { door: 'console', client: 'console-a' },
      { door: 'console', client: 'console-a' },
    ])
    expect(new Set(envelopes.map(({ request }) => request)).size).toBe(2)
    expect(new Set(envelopes.map(({ content }) => content)).size).toBe(2)
    seat.console.close()
  })

  it('does not stop a running server by a mistyped bay: reseat asks back', async () => {
    const front = new LabFront().running()
    const seat = await seated(front)
    expect(await seat.type('reseat bay 3')).toEqual([
      '%ERR 50 BLADE_POWERED blade 3 is on as web-01; add yes to stop it all the same',
    ])
    expect(front.submitted).toEqual([])
    expect((await seat.type('reseat bay 3 yes')).at(-1)).toMatch(/^%OK accepted/)
    expect((await seat.type('reseat bay 4')).at(-1)).toMatch(/^%OK accepted/)
    seat.console.close()
  })

  it('is told by a refusal what stands in the way', async () => {
    const seat = await seated(new LabFront().running())
    const lines = await seat.type('move profile web-01 to bay 4')
    expect(lines.join(' ')).toContain('blade 3 is on')
    expect(lines.at(-1)).toMatch(/^%ERR 50 BLADE_POWERED .*power-off/)
    seat.console.close()
  })

  it('can type anything: each line is answered by one last line, in printable characters, and changes nothing by accident', async () => {
    const front = new LabFront().running()
    const seat = await seated(front)
    const words = fc.constantFrom(
      ...new Set(
        verbs
          .flatMap(({ usage }) => usage)
          .flatMap((line) => line.split(/[ |[\]]+/))
          .filter((word) => word !== ''),
      ),
    )
    const odd = fc.oneof(words, words, words, fc.nat(20).map(String), fc.stringMatching(/^[ -~]{0,12}$/))
    // Half of the lines nearly make sense: those are the ones that could do something by accident.
    const sense = fc.constantFrom(...verbs.flatMap(({ usage }) => usage).flatMap(unfold)).map((form) => form.split(' '))
    const slipped = fc
      .tuple(sense, fc.nat(9), fc.constantFrom('as it is', 'replaced', 'inserted', 'cut'), odd)
      .map(([form, at, how, word]) => {
        if (how === 'as it is') return form
        if (how === 'cut') return form.slice(0, at)
        return [...form.slice(0, at), word, ...form.slice(how === 'replaced' ? at + 1 : at)]
      })
    let lines = 0
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.oneof(slipped, fc.array(odd, { maxLength: 8 })), async (typed) => {
        const line = typed.join(' ')
        const before = front.submitted.length
        const answered = await seat.type(line)
        lines++
        if (line.trim() === '') expect(answered).toEqual([])
        else expect(answered.at(-1)).toMatch(lastLine)
        expect(answered.slice(0, -1).filter((each) => each.startsWith('%') || each.length > 79)).toEqual([])
        expect(answered.filter((each) => !printableLine.test(each))).toEqual([])
        const { is } = parseLine(line)
        if (is !== 'command') expect(front.submitted).toHaveLength(before)
        if (answered.at(-1)?.startsWith('%OK accepted')) accepted++
      }),
      { numRuns: 600 },
    )
    console.log(`${lines} lines, ${accepted} of them accepted`)
    expect(lines).toBeGreaterThanOrEqual(600)
    expect(accepted).toBeGreaterThan(10)
    seat.console.close()
  })
})

/** Every line that a usage stands for. */
function unfold(usage: string): string[] {
  const optional = /^(.*?) ?\[([^\]]*)\](.*)$/.exec(usage)
  if (optional)
    return [...unfold(`${optional[1]}${optional[3]}`), ...unfold(`${optional[1]} ${optional[2]}${optional[3]}`)]
  const choice = /^(.*?)(\S+\|\S+)(.*)$/.exec(usage)
  if (choice) return (choice[2] ?? '').split('|').flatMap((word) => unfold(`${choice[1]}${word}${choice[3]}`))
  return [usage]
}
