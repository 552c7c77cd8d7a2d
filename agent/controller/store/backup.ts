/**
 * A backup: what the chassis EEPROM would keep, as a text to keep elsewhere. Lines that begin with # tell people what is
 * in it; the others hold the data: canonical JSON, deflated (RFC 1951), in base64. So that the text of a full chassis is
 * some hundred lines, which a slow serial line takes in a minute. It has no clear secrets (W16): they are left out, or
 * under a passphrase. Pure but for the arithmetic; whether any of it counts is judged in core (W22).
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { parseId, parseSerial, type SecretId } from '../../core/addresses.ts'
import { canonical } from '../../core/blade.ts'
import type { Given } from '../../core/profile.ts'
import type { State } from '../../core/state.ts'
import { contentColumns, type Problem, readLines, writeLines } from './backup-lines.ts'
import { isSound } from './backup-shape.ts'
import { type Position, parsePosition } from './copies.ts'
import { essentials, restore } from './essentials.ts'

/** Secrets under a key that scrypt makes of a passphrase (RFC 7914); each as `Sealer` seals it. */
export interface Locked {
  readonly scrypt: { readonly n: number; readonly r: number; readonly p: number; readonly salt: string }
  readonly sealed: { readonly [secret: string]: string }
}

export interface BackupFile {
  /** Serial of the chassis, as its backplane tells it. */
  readonly serial: string
  /** Where the binding store stood, so that two backups of one history can be told apart (W13). */
  readonly at: Position
  /** Without answers and secrets; what the EEPROM does not keep is at rest. */
  readonly state: State
  /** Every secret that the chassis had. */
  readonly secrets: readonly SecretId[]
  /** Those that came along. Absent: none did. */
  readonly locked?: Locked
}

export type BackupReading =
  | { readonly ok: true; readonly backup: BackupFile }
  | { readonly ok: false; readonly problems: readonly [Problem, ...Problem[]] }

const format = 1
/** A full EEPROM inflates to much less; a text that was made to burst does not get that far. */
const mostBytes = 4 * 1024 * 1024

/** Undefined: more than a text can hold. */
export function writeBackup({ serial, at, state, secrets, locked }: BackupFile): string | undefined {
  const keys = Object.fromEntries(
    [...essentials({ ...state, secrets: {} })].map(([key, text]) => [key, JSON.parse(text) as unknown]),
  )
  const content = { format, serial, at, keys, secrets, ...(locked && { locked }) }
  const data = deflateRawSync(canonical(content), { level: 9 }).toString('base64')
  return writeLines([
    ...summary({ serial, at, state, secrets, ...(locked && { locked }) }).flatMap(remark),
    ...(data.match(new RegExp(`.{1,${contentColumns}}`, 'g')) ?? []),
  ])
}

export function readBackup(text: string): BackupReading {
  const lines = readLines(text)
  if (!lines.ok) return lines
  const data = lines.contents.filter((content) => !content.startsWith('#')).join('')
  const backup = parse(data)
  if (backup) return { ok: true, backup }
  const say = 'its lines are right, but what they hold can not be read by this version'
  return { ok: false, problems: [{ line: 1, say }] }
}

function parse(data: string): BackupFile | undefined {
  try {
    const bytes = Buffer.from(data, 'base64')
    if (bytes.toString('base64') !== data) return undefined
    const json: unknown = JSON.parse(inflateRawSync(bytes, { maxOutputLength: mostBytes }).toString('utf8'))
    const { format: version, serial, at, keys, secrets, locked } = json as { readonly [member: string]: unknown }
    const position = parsePosition(at)
    const ids = parseIds(secrets)
    if (version !== format || typeof serial !== 'string' || !parseSerial(serial) || !position || !ids) return undefined
    const map = new Map(Object.entries(keys as object).map(([key, value]) => [key, canonical(value)]))
    const state = restore(map)
    if (!state || !isSound(state) || Object.keys(state.secrets).length > 0) return undefined
    if (locked === undefined) return { serial, at: position, state, secrets: ids }
    return isLocked(locked) ? { serial, at: position, state, secrets: ids, locked } : undefined
  } catch {
    // Whatever the sums say, this was made by somebody who is not us; it is no backup.
    return undefined
  }
}

function parseIds(secrets: unknown): readonly SecretId[] | undefined {
  if (!Array.isArray(secrets)) return undefined
  const ids = secrets.flatMap((id: unknown) => (typeof id === 'string' ? (parseId<'Secret'>(id) ?? []) : []))
  return ids.length === secrets.length ? ids : undefined
}

/** No more work than a controller can afford, whoever wrote these numbers. */
function isLocked(locked: unknown): locked is Locked {
  const { scrypt, sealed } = locked as Partial<Locked>
  if (!scrypt || !sealed || !/^[0-9a-f]{32}$/.test(scrypt.salt)) return false
  const { n, r, p } = scrypt
  const isWork = (value: unknown, most: number) =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most
  return (
    isWork(n, 32_768) &&
    Number.isInteger(Math.log2(n)) &&
    n > 1 &&
    isWork(r, 8) &&
    isWork(p, 16) &&
    Object.entries(sealed).every(([id, text]) => parseId(id) !== undefined && typeof text === 'string')
  )
}

// ── For people ──────────────────────────────────────────────────────────────────────────────────────────────────────

function summary({ serial, at, state, secrets, locked }: BackupFile): readonly string[] {
  const { chassis, board, incarnation, term, revision, epoch, profiles, pools, bays, doubts } = state
  const bound = Object.entries(bays).flatMap(([bay, { intent }]) => (intent ? [[bay, intent.profile] as const] : []))
  const strays = doubts.filter(({ profile, bay }) => bays[bay]?.intent?.profile !== profile)
  const out = secrets.filter((id) => locked?.sealed[id] === undefined)
  return [
    `chassis ${chassis}, board ${board}, serial ${serial}`,
    `revision ${revision}, epoch ${epoch}, term ${term}, record ${at.index}`,
    `incarnation ${incarnation}`,
    ...bound.map(([bay, profile]) => `bay ${bay}: ${profile}`),
    ...strays.map(({ profile, bay, serial }) => `bay ${bay}: blade ${serial} may still be live as ${profile}`),
    ...Object.values(profiles).flatMap(({ profile, given }) => [
      `profile ${profile.id}`,
      ...Object.entries(given).map(([connection, set]) => `  ${connection}: ${addresses(set)}`),
    ]),
    ...(Object.keys(pools).length > 0 ? [`pools: ${Object.keys(pools).join(', ')}`] : []),
    ...(locked ? [`secrets under the passphrase: ${Object.keys(locked.sealed).join(', ') || 'none'}`] : []),
    ...(out.length > 0 ? [`secrets left out: ${out.join(', ')}`] : []),
  ]
}

const addresses = ({ mac, wwpn, wwnn, iqn }: Given): string =>
  [mac, wwpn, wwnn, iqn].filter((each) => each !== undefined).join(' ') || 'factory'

/** One remark as lines of comment, broken at blanks where it can be. */
function remark(text: string): readonly string[] {
  const width = contentColumns - 2
  const lines: string[] = []
  let rest = text
  while (rest.length > width) {
    const blank = rest.lastIndexOf(' ', width)
    const cut = blank > 4 ? blank : width
    lines.push(rest.slice(0, cut))
    rest = `    ${rest.slice(cut).trimStart()}`
  }
  return [...lines, rest].map((line) => `# ${line.trimEnd()}`)
}
