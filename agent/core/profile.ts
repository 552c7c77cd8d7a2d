/**
 * A server profile: the identity of a server as data. It names no bay and no blade; what it
 * asks for is carried by whichever blade is assigned to wear it. The specification here is
 * what a client sent, untouched; addresses taken from pools stand beside it (`Allocation`), so
 * that reading a profile back never shows a difference that the client did not make.
 */
import type { ConnectionId, Iqn, Mac, PoolId, ProfileId, SecretId, Serial, Uuid, Wwn } from './addresses.ts'

/** Where an address comes from: the hardware's own, a pool, or a value that the client chose. */
export type Source<Address> =
  | { readonly from: 'factory' }
  | { readonly from: 'pool'; readonly pool: PoolId }
  | { readonly from: 'value'; readonly value: Address }

/** Share of a port in Mb/s, transmit; `min` is guaranteed, `max` caps. Absent: the port decides. */
export interface Bandwidth {
  readonly minMbps: number
  readonly maxMbps?: number
}

interface Placed {
  readonly id: ConnectionId
  /**
   * Where the connection may land, most specific wins; absent: the first function that fits, in
   * board order. `slot` is an adapter slot of the board ("lom", "mezz1"), `port` counts from 1,
   * `interconnect` an interconnect bay of the board ("ic1").
   */
  readonly slot?: string
  readonly port?: number
  readonly interconnect?: string
  /** 802.1Q tag that the function adds, 1 to 4094. */
  readonly vlan?: number
  readonly bandwidth?: Bandwidth
}

export type Connection =
  | (Placed & { readonly kind: 'nic'; readonly mac: Source<Mac> })
  | (Placed & { readonly kind: 'fc'; readonly wwpn: Source<Wwn>; readonly wwnn: Source<Wwn> })
  | (Placed & {
      readonly kind: 'fcoe'
      readonly mac: Source<Mac>
      readonly wwpn: Source<Wwn>
      readonly wwnn: Source<Wwn>
    })
  | (Placed & { readonly kind: 'iscsi'; readonly mac: Source<Mac>; readonly iqn: Source<Iqn> })

/** A LUN behind a storage port. `lun`: up to 64 bits, as 16 hex digits at most ("0", "1a"). */
export interface FcTarget {
  readonly wwpn: Wwn
  readonly lun: string
}

export interface IscsiTarget {
  readonly iqn: Iqn
  /** IPv4 or IPv6 literal. */
  readonly address: string
  readonly tcpPort: number
  readonly lun: string
}

/** CHAP names a sealed secret; the secret itself is a record of its own (W16). */
export interface Chap {
  readonly user: string
  readonly secret: SecretId
  /** Mutual CHAP: the target proves itself too. */
  readonly mutual?: { readonly user: string; readonly secret: SecretId }
}

export type InitiatorNetwork =
  | { readonly by: 'dhcp' }
  | { readonly by: 'static'; readonly address: string; readonly netmask: string; readonly gateway?: string }

/** One entry of the boot order. Storage entries take one or two targets: primary, secondary. */
export type BootEntry =
  | { readonly target: 'local' }
  | { readonly target: 'setup' }
  | { readonly target: 'pxe'; readonly connection: ConnectionId }
  | { readonly target: 'http'; readonly connection: ConnectionId; readonly uri: string }
  | { readonly target: 'fc' | 'fcoe'; readonly connection: ConnectionId; readonly targets: readonly FcTarget[] }
  | {
      readonly target: 'iscsi'
      readonly connection: ConnectionId
      readonly targets: readonly IscsiTarget[]
      readonly network: InitiatorNetwork
      readonly chap?: Chap
    }
export type BootTarget = BootEntry['target'] | 'none'

/** Tried in order, at most 16. An empty order is `none`: the firmware's own order stays. */
export interface BootPlan {
  readonly mode: 'uefi' | 'legacy'
  readonly order: readonly BootEntry[]
}

/** Which other blade may wear the profile unasked: any in the bay, one of the same model, only the very same. */
export type Affinity = 'bay' | 'model' | 'blade'

export interface Profile {
  readonly id: ProfileId
  readonly description?: string
  readonly connections: readonly Connection[]
  readonly boot: BootPlan
  readonly affinity: Affinity
  /** Shown to the operating system instead of the blade's own; absent: the blade's own. */
  readonly uuid?: Uuid
  readonly serial?: Serial
}

/** What a connection was given: exactly the addresses that its kind has, none for `factory`. */
export interface Given {
  readonly mac?: Mac
  readonly wwpn?: Wwn
  readonly wwnn?: Wwn
  readonly iqn?: Iqn
}
export type Allocation = { readonly [connection: string]: Given }
