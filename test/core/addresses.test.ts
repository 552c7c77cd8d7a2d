// Addresses are parsed once, at the edge, into one spelling: what two technicians type for one adapter is one address,
// and what no adapter could carry never gets in.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseId, parseIqn, parseMac, parseSerial, parseUuid, parseWwn } from '../../agent/core/addresses.ts'

describe('a MAC', () => {
  it('reads the same however it is written', () => {
    for (const text of ['00:17:A4:77:00:02', '00-17-a4-77-00-02', '0017a4770002', ' 00:17:a4:77:00:02 '])
      expect(parseMac(text)).toBe('00:17:a4:77:00:02')
  })

  it('is refused where no adapter could have it', () => {
    const none = [
      '01:00:5e:00:00:01',
      'ff:ff:ff:ff:ff:ff',
      '00:00:00:00:00:00',
      '00:17:a4:77:00',
      '00:17-a4:77:00:02',
      '00:17:a4:77:00:0g',
      '',
    ]
    for (const text of none) expect(parseMac(text), text).toBeUndefined()
  })

  it('is locally administered or not, as one likes', () => {
    expect(parseMac('02:00:00:00:00:01')).toBe('02:00:00:00:00:01')
  })

  it('comes back from its own text unchanged', () => {
    const octet = fc.integer({ min: 0, max: 255 }).map((n) => n.toString(16).padStart(2, '0'))
    fc.assert(
      fc.property(fc.array(octet, { minLength: 6, maxLength: 6 }), (octets) => {
        const text = octets.join(':')
        const mac = parseMac(text.toUpperCase())
        const unicast = Number.parseInt(text.slice(0, 2), 16) % 2 === 0 && text !== '00:00:00:00:00:00'
        expect(mac).toBe(unicast ? text : undefined)
      }),
    )
  })
})

describe('a world-wide name', () => {
  it('reads the same however it is written', () => {
    for (const text of ['50:06:0B:00:00:C2:62:00', '50060b0000c26200', '50-06-0b-00-00-c2-62-00'])
      expect(parseWwn(text)).toBe('50:06:0b:00:00:c2:62:00')
  })

  it('is of NAA type 1, 2, 5 or 6', () => {
    for (const text of ['10:00:00:00:c9:00:00:01', '20:00:00:25:b5:00:00:01', '60:06:0b:00:00:c2:62:00'])
      expect(parseWwn(text), text).toBe(text)
    for (const text of ['00:00:00:00:c9:00:00:01', '30:00:00:00:00:00:00:01', 'c0:00:00:00:00:00:00:01'])
      expect(parseWwn(text), text).toBeUndefined()
  })

  it('is refused where a switch would make a multicast MAC of it', () => {
    expect(parseWwn('20:00:01:25:b5:00:00:01')).toBeUndefined()
    expect(parseWwn('10:00:ff:00:00:00:00:01')).toBeUndefined()
    // Only types 1 and 2 have a MAC in them.
    expect(parseWwn('50:06:0b:00:00:c2:62:01')).toBe('50:06:0b:00:00:c2:62:01')
  })
})

describe('a UUID, a serial number, an iSCSI name, an id', () => {
  it('a UUID is lower case and not all of one digit', () => {
    expect(parseUuid('4C4C4544-0051-3610-8052-B4C04F4D3153')).toBe('4c4c4544-0051-3610-8052-b4c04f4d3153')
    expect(parseUuid('00000000-0000-0000-0000-000000000000')).toBeUndefined()
    expect(parseUuid('ffffffff-ffff-ffff-ffff-ffffffffffff')).toBeUndefined()
    expect(parseUuid('4c4c4544005136108052b4c04f4d3153')).toBeUndefined()
  })

  it('a serial number is what a FRU can carry', () => {
    expect(parseSerial('  USE1234ABC ')).toBe('USE1234ABC')
    expect(parseSerial('a b')).toBe('a b')
    expect(parseSerial('x'.repeat(64))).toBe('x'.repeat(64))
    for (const text of ['', '   ', 'x'.repeat(65), 'tab\there', 'é']) expect(parseSerial(text), text).toBeUndefined()
  })

  it('an iSCSI name has one of the three forms of RFC 3720', () => {
    expect(parseIqn('IQN.2015-02.com.hpe:oneview-0001')).toBe('iqn.2015-02.com.hpe:oneview-0001')
    expect(parseIqn('eui.02004567a425678d')).toBe('eui.02004567a425678d')
    expect(parseIqn('naa.52004567ba64678d')).toBe('naa.52004567ba64678d')
    const none = [
      'iqn.2015-13.com.hpe',
      'iqn.15-02.com',
      'iqn.2015-02.',
      'iqn.2015-02.com:',
      'eui.12',
      'web-01',
      `iqn.2015-02.com:${'x'.repeat(223)}`,
    ]
    for (const text of none) expect(parseIqn(text), text).toBeUndefined()
  })

  it('an id is short, lower case, and begins with a letter or digit', () => {
    expect(parseId('web-01')).toBe('web-01')
    expect(parseId('a'.repeat(48))).toBe('a'.repeat(48))
    for (const text of ['', '-a', 'Web', 'web_1', 'a'.repeat(49), 'web 1']) expect(parseId(text), text).toBeUndefined()
  })
})
