/**
 * Two things of the runtime that a crash test needs otherwise: lots are drawn from a seed, so that each run of a day is
 * the same to the byte, and what zlib packs or unpacks is remembered, for tens of thousands of pictures of one chassis
 * hold the same entries.
 */
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import zlib from 'node:zlib'
import { seeded } from '../controller/store/memory-medium.ts'

/** Keys, names and incarnations from now on. */
export function drawLotsFrom(seed: number): void {
  const random = seeded(seed)
  Object.assign(crypto, { randomBytes: (size: number) => Buffer.from(Array.from({ length: size }, () => random(256))) })
  syncBuiltinESMExports()
}

type Work = (bytes: Buffer, options: object) => Buffer

/** Of pure work with the same options throughout: its result is known once it was done. What it throws is thrown again. */
function remembered(work: Work): Work {
  const done = new Map<string, Buffer>()
  return (bytes, options) => {
    const key = bytes.toString('latin1')
    const made = done.get(key) ?? work(bytes, options)
    done.set(key, made)
    return Buffer.from(made)
  }
}

export function rememberPacking(): void {
  Object.assign(zlib, {
    deflateRawSync: remembered(zlib.deflateRawSync),
    inflateRawSync: remembered(zlib.inflateRawSync),
  })
  syncBuiltinESMExports()
}
