/**
 * The addresses that make a server itself: MAC, world-wide names, UUID, serial
 * number, iSCSI qualified name. Text is parsed once, at the edge, into branded
 * values in one canonical spelling (lower case, colons), so that past the edge
 * two equal addresses are two equal strings and nothing else can be compared.
 */
declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** 48-bit MAC address, unicast: `00:17:a4:77:00:02`. */
export type Mac = Branded<'Mac'>
/** 64-bit world-wide name, of a node or a port: `50:06:0b:00:00:c2:62:00`. */
export type Wwn = Branded<'Wwn'>
/** RFC 4122 text form, lower case. */
export type Uuid = Branded<'Uuid'>
/** iSCSI name (RFC 3720 §3.2.6.3): `iqn.` or `eui.` or `naa.` form, lower case. */
export type Iqn = Branded<'Iqn'>
/** A serial number as a FRU carries it: 1 to 64 printable characters, no spaces at the ends. */
export type Serial = Branded<'Serial'>
/** Ids of ours: `[a-z0-9][a-z0-9-]{0,47}`. */
export type Id<Kind extends string> = Branded<`${Kind}Id`>
export type ProfileId = Id<'Profile'>
export type PoolId = Id<'Pool'>
export type SecretId = Id<'Secret'>
export type ConnectionId = Id<'Connection'>
export type PolicyId = Id<'Policy'>
export type ClientId = Id<'Client'>
export type ChassisId = Id<'Chassis'>

const hexOctets = (text: string, octets: number): string | undefined => {
  const bare = text.trim().toLowerCase()
  const separated = new RegExp(`^[0-9a-f]{2}([:-])[0-9a-f]{2}(?:\\1[0-9a-f]{2}){${octets - 2}}$`)
  const plain = new RegExp(`^[0-9a-f]{${octets * 2}}$`)
  if (!separated.test(bare) && !plain.test(bare)) return undefined
  const digits = bare.replace(/[:-]/g, '')
  return digits.match(/../g)?.join(':')
}

/** Reads `00:17:A4:77:00:02`, `00-17-…` or twelve digits. Refuses multicast, broadcast and all-zero. */
export function parseMac(text: string): Mac | undefined {
  const mac = hexOctets(text, 6)
  if (mac === undefined || mac === '00:00:00:00:00:00') return undefined
  const first = Number.parseInt(mac.slice(0, 2), 16)
  return first & 1 ? undefined : (mac as Mac)
}

/**
 * Reads a world-wide name of NAA type 1, 2, 5 or 6 (first digit). A name whose embedded MAC
 * would be multicast is refused: switches build an FC-MAP or N_Port MAC from it.
 */
export function parseWwn(text: string): Wwn | undefined {
  const wwn = hexOctets(text, 8)
  if (wwn === undefined || !/^[1256]/.test(wwn)) return undefined
  if (/^[12]/.test(wwn)) {
    const firstOfMac = Number.parseInt(wwn.slice(6, 8), 16)
    if (firstOfMac & 1) return undefined
  }
  return wwn as Wwn
}

export function parseUuid(text: string): Uuid | undefined {
  const uuid = text.trim().toLowerCase()
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return undefined
  return /^[0-]+$/.test(uuid) || /^[f-]+$/.test(uuid) ? undefined : (uuid as Uuid)
}

export function parseIqn(text: string): Iqn | undefined {
  const iqn = text.trim().toLowerCase()
  if (iqn.length > 223) return undefined
  const forms =
    /^(iqn\.\d{4}-(0[1-9]|1[0-2])\.[a-z0-9][a-z0-9.-]*(:[a-z0-9.:-]+)?|eui\.[0-9a-f]{16}|naa\.([0-9a-f]{16}|[0-9a-f]{32}))$/
  return forms.test(iqn) ? (iqn as Iqn) : undefined
}

export function parseSerial(text: string): Serial | undefined {
  const serial = text.trim()
  return /^[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?$/.test(serial) ? (serial as Serial) : undefined
}

/** Ids are names of members in plain objects; the one such name that every object has already is refused. */
export function parseId<Kind extends string>(text: string): Id<Kind> | undefined {
  return /^[a-z0-9][a-z0-9-]{0,47}$/.test(text) && text !== 'constructor' ? (text as Id<Kind>) : undefined
}
