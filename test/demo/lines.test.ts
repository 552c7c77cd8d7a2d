// What can be said to the demo: on its command line, and after the word "demo" at its prompt.

import { describe, expect, it } from 'vitest'
import { deedHelp, pairDeedHelp, parseDeed } from '../../agent/demo/deeds.ts'
import { readOptions, usage } from '../../agent/demo/options.ts'

describe('the command line of the demo', () => {
  it('needs nothing said', () => {
    expect(readOptions([])).toEqual({
      options: {
        board: 'hp-c7000',
        chassis: 'demo',
        port: undefined,
        dir: '.midplane/',
        fresh: false,
        pair: false,
        headless: false,
      },
    })
  })

  it('takes every option that its usage lists', () => {
    const listed = [...usage.matchAll(/--([a-z]+)/g)].map(([, name]) => name)
    expect(listed.length).toBeGreaterThanOrEqual(8)
    const said = [
      '--board',
      'dell-m1000e',
      '--chassis',
      'east',
      '--port',
      '1884',
      '--dir',
      'x',
      '--fresh',
      '--pair',
      '--headless',
    ]
    expect(readOptions(said)).toEqual({
      options: { board: 'dell-m1000e', chassis: 'east', port: 1884, dir: 'x', fresh: true, pair: true, headless: true },
    })
    expect(readOptions(['--help'])).toEqual({ say: 'usage' })
    expect(readOptions(['--version'])).toEqual({ say: 'version' })
    for (const name of listed) expect(JSON.stringify(readOptions([`--${name}`, '1']))).not.toContain('unknown')
  })

  it.each([
    [['--prot', '1']],
    [['--port', '0']],
    [['--port', '70000']],
    [['--port', 'x']],
    [['--chassis', 'A B']],
    [['--board', '']],
    [['more']],
  ])('says what is wrong with %j', (words) => {
    const said = readOptions(words)
    expect(said).toEqual({ wrong: expect.stringMatching(/^[^A-Z\n].{5,120}$/) })
  })

  it('has a usage that fits the terminal', () => {
    expect(usage.split('\n').filter((line) => line.length > 79)).toEqual([])
  })
})

describe('a line that begins with demo', () => {
  it.each([
    ['demo kill controller', { do: 'kill' }],
    ['demo kill controller b', { do: 'kill', slot: 'B' }],
    ['demo remove controller A', { do: 'take-out', slot: 'A' }],
    ['demo insert controller A', { do: 'put-back', slot: 'A' }],
    ['demo replace controller B', { do: 'replace', slot: 'B' }],
    ['demo line B', { do: 'line', slot: 'B' }],
    ['demo pull blade 3', { do: 'pull', bay: 3 }],
    ['  DEMO  insert blade 12 ', { do: 'insert', bay: 12 }],
    ['demo cut power', { do: 'cut' }],
    ['demo press button 3', { do: 'press', bay: 3 }],
    ['demo boots 3', { do: 'boots', bay: 3 }],
    ['demo boots bay 3', { do: 'boots', bay: 3 }],
    ['demo', { do: 'help' }],
  ])('is for hands at the chassis: %s', (line, deed) => {
    expect(parseDeed(line)).toEqual(deed)
  })

  it.each([
    'demo kill',
    'demo kill controller C',
    'demo kill controller A B',
    'demo remove controller',
    'demo line',
    'demo pull blade',
    'demo pull blade x',
    'demo pull blade 3 4',
    'demo dance',
    'demo cut power now',
  ])('that makes no sense is not sent to the controller: %s', (line) => {
    expect(parseDeed(line)).toEqual({ wrong: expect.stringMatching(/demo/) })
  })

  it.each(['show bays', 'demonstrate', ''])('is the only one kept from the controller: %s', (line) => {
    expect(parseDeed(line)).toBeUndefined()
  })

  it('can be what its help lists', () => {
    const lines = deedHelp.map((line) => line.trim().split(/ {2,}/)[0] ?? '').filter((line) => line.startsWith('demo'))
    expect(lines).toHaveLength(6)
    for (const line of lines) expect(parseDeed(line)).not.toHaveProperty('wrong')
    expect(deedHelp.filter((line) => line.length > 79)).toEqual([])
  })

  it('can be what its help lists where there are two controllers', () => {
    const lines = pairDeedHelp.map((line) => line.trim().split(/ {2,}/)[0] ?? '')
    const deeds = lines.filter((line) => line.startsWith('demo')).map(parseDeed)
    expect(new Set(deeds.map((deed) => deed && 'do' in deed && deed.do)).size).toBe(10)
    expect(pairDeedHelp.filter((line) => line.length > 79)).toEqual([])
  })
})
