/** The CRC that everything on flash and EEPROM stands on. */
import { expect, it } from 'vitest'
import { crc32 } from '../../../agent/controller/store/crc32.ts'

it('gives the check value of CRC-32/ISO-HDLC, and that of nothing', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926)
  expect(crc32(new Uint8Array())).toBe(0)
  expect(crc32(new Uint8Array(32).fill(0xff))).toBe(0xff6cab0b)
})

it('is the same in pieces', () => {
  const bytes = Buffer.from('a profile moves to the spare')
  for (let at = 0; at <= bytes.length; at++) {
    expect(crc32(bytes.subarray(at), crc32(bytes.subarray(0, at)))).toBe(crc32(bytes))
  }
})
