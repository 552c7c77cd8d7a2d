/**
 * Secrets sealed under the chassis key, which lives in the chassis EEPROM and on no flash: that guards a stolen
 * controller, not a stolen chassis (W16). AES-256-GCM; the secret's own id is bound in, so that one record can not be
 * passed off as another. `mark` tells a change of the secret without telling the secret.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, scrypt } from 'node:crypto'
import type { SecretId } from '../core/addresses.ts'

export interface Sealer {
  seal(id: SecretId, plain: string): { readonly sealed: string; readonly mark: string }
  /** Undefined: sealed under another chassis' key, or damaged. */
  unseal(id: string, sealed: string): string | undefined
  /** Digest of a command's content, keyed: a plain hash of a short secret could be guessed. */
  digest(content: Uint8Array): string
}

const nonceBytes = 12
const tagBytes = 16

export function sealer(chassisKey: Uint8Array): Sealer {
  const derive = (purpose: string) => Buffer.from(hkdfSync('sha256', chassisKey, '', `midplane ${purpose}`, 32))
  const sealing = derive('seal')
  const marking = derive('mark')
  const digesting = derive('digest')
  return {
    seal: (id, plain) => {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(id))
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      const sealed = Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
      const mark = createHmac('sha256', marking).update(`${id}\n${plain}`).digest('hex').slice(0, 16)
      return { sealed, mark }
    },
    unseal: (id, sealed) => {
      const bytes = Buffer.from(sealed, 'base64')
      // Base64 is read leniently; what is not as it was written was tampered with.
      if (bytes.length < nonceBytes + tagBytes || bytes.toString('base64') !== sealed) return undefined
      const nonce = bytes.subarray(0, nonceBytes)
      const decipher = createDecipheriv('aes-256-gcm', sealing, nonce, { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString(
          'utf8',
        )
      } catch {
        return undefined
      }
    },
    digest: (content) => createHmac('sha256', digesting).update(content).digest('hex').slice(0, 32),
  }
}

/** Under the key that the chassis has now: a factory reset renews it (W21). */
export function currentSealer(chassisKey: () => Uint8Array): Sealer {
  let known: { readonly key: Uint8Array; readonly sealer: Sealer } | undefined
  const now = (): Sealer => {
    const key = chassisKey()
    if (!known || Buffer.compare(known.key, key) !== 0) known = { key, sealer: sealer(key) }
    return known.sealer
  }
  return {
    seal: (id, plain) => now().seal(id, plain),
    unseal: (id, sealed) => now().unseal(id, sealed),
    digest: (content) => now().digest(content),
  }
}

/** What scrypt (RFC 7914) makes a key of, besides the passphrase. */
export interface Stretch {
  readonly n: number
  readonly r: number
  readonly p: number
  /** 16 bytes, as hex. */
  readonly salt: string
}

/** 8 MiB and some tenths of a second: what a controller can spare, and who guesses has to spend on each guess. */
export const newStretch = (): Stretch => ({ n: 8_192, r: 8, p: 10, salt: randomBytes(16).toString('hex') })

let stretching: Promise<unknown> = Promise.resolve()

/**
 * The key that a passphrase stands for: for `sealer`, as a chassis key is. Not on the agent's own thread, and one at a
 * time: each takes 8 MiB while it lasts, and the C library gives some of that back to nobody.
 */
export function passphraseKey(passphrase: string, { n, r, p, salt }: Stretch): Promise<Uint8Array> {
  // One spelling, whatever keyboard it was typed on.
  const text = passphrase.normalize('NFC')
  const stretched = stretching.then(
    () =>
      new Promise<Uint8Array>((resolve, reject) => {
        const options = { N: n, r, p, maxmem: 256 * n * r }
        scrypt(text, Buffer.from(salt, 'hex'), 32, options, (error, key) => (error ? reject(error) : resolve(key)))
      }),
  )
  stretching = stretched.catch(() => undefined)
  return stretched
}

/** A new life's name (W21). */
export const newIncarnation = (): string => randomBytes(16).toString('hex')
