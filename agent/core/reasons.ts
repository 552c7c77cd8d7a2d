/**
 * The one catalogue of reasons: why a command was refused, why a step is not done yet, what failed.
 * The protocol's `Reason` enum has the same names and numbers, and its comments the same remedies; a test
 * holds the two together. Numbers are never reused. `status` is the google.rpc code that a response carries.
 */
export type Status =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'aborted'
  | 'unimplemented'
  | 'unavailable'
  | 'data-loss'

/** google.rpc.Code numbers. */
export const statusNumber: Record<Status, number> = {
  'invalid-argument': 3,
  'not-found': 5,
  'already-exists': 6,
  'permission-denied': 7,
  'resource-exhausted': 8,
  'failed-precondition': 9,
  aborted: 10,
  unimplemented: 12,
  unavailable: 14,
  'data-loss': 15,
}

const reason = <Type extends 'refusal' | 'hold' | 'fault'>(
  number: number,
  type: Type,
  status: Status,
  remedy: string,
) => ({
  number,
  type,
  status,
  remedy,
})

export const reasons = {
  // The envelope, in the order of judgement (W23).
  'too-large': reason(1, 'refusal', 'invalid-argument', 'send at most 96 KiB; split the change'),
  garbled: reason(2, 'refusal', 'invalid-argument', 'encode midplane.v1.Request with the published descriptor'),
  'newer-than-me': reason(
    3,
    'refusal',
    'unimplemented',
    'use a command that presence lists under capabilities, or update the agent',
  ),
  'wrong-chassis': reason(4, 'refusal', 'invalid-argument', 'send it to the topic of the chassis that it names'),
  'retained-request': reason(
    5,
    'refusal',
    'invalid-argument',
    'publish requests without the retain flag, and clear the retained one',
  ),
  'request-id-missing': reason(6, 'refusal', 'invalid-argument', 'give a request id of 8 to 36 bytes'),
  'request-id-reused': reason(7, 'refusal', 'invalid-argument', 'a new command needs a new request id'),
  forgotten: reason(
    8,
    'refusal',
    'aborted',
    'read the state; send what is still wanted under a new request id and sequence',
  ),
  expired: reason(9, 'refusal', 'aborted', 'read presence and send again with a later before'),
  'other-incarnation': reason(
    10,
    'refusal',
    'aborted',
    'this chassis was reset or replaced: read presence and take over again',
  ),
  'other-boot': reason(11, 'refusal', 'aborted', 'the agent restarted: read presence and send again'),
  'expect-missing': reason(
    12,
    'refusal',
    'failed-precondition',
    'a manager is in office: send expect, sequence and epoch',
  ),
  'stale-epoch': reason(
    13,
    'refusal',
    'permission-denied',
    'somebody else took over; take over again before changing anything',
  ),
  'not-in-office': reason(14, 'refusal', 'permission-denied', 'take over first, or ask the manager in office'),
  'stale-database': reason(
    15,
    'refusal',
    'permission-denied',
    'restore the newest database of this manager before taking over',
  ),
  'revision-missing': reason(
    16,
    'refusal',
    'failed-precondition',
    'send if_revision: what you read before you decided',
  ),
  'revision-conflict': reason(
    17,
    'refusal',
    'aborted',
    'read the state again, decide again, send with the new revision',
  ),
  'sequence-missing': reason(
    18,
    'refusal',
    'failed-precondition',
    'number your changes: send sequence, rising within an epoch',
  ),
  'central-authority': reason(19, 'refusal', 'permission-denied', 'ask the central manager in office'),
  // What a command says.
  'field-missing': reason(20, 'refusal', 'invalid-argument', 'fill the field that field_violations names'),
  'field-invalid': reason(21, 'refusal', 'invalid-argument', 'correct the field that field_violations names'),
  'no-such-profile': reason(22, 'refusal', 'not-found', 'define the profile first'),
  'no-such-pool': reason(23, 'refusal', 'not-found', 'define the pool first'),
  'no-such-bay': reason(24, 'refusal', 'not-found', 'name a bay of this chassis'),
  'no-such-secret': reason(25, 'refusal', 'not-found', 'set the secret first'),
  'no-such-request': reason(26, 'refusal', 'not-found', 'it was never accepted here, or its answer was dropped'),
  // Profiles and pools.
  'duplicate-address': reason(30, 'refusal', 'already-exists', 'choose another address, or take it from a pool'),
  'no-address-left': reason(31, 'refusal', 'resource-exhausted', 'enlarge the pool, or free addresses in it'),
  'pool-overlap': reason(32, 'refusal', 'already-exists', 'choose a range that no other pool has'),
  'pool-in-use': reason(33, 'refusal', 'failed-precondition', 'remove the profiles that use it first'),
  'profile-assigned': reason(34, 'refusal', 'failed-precondition', 'unassign it first'),
  'profile-in-doubt': reason(
    35,
    'refusal',
    'failed-precondition',
    'it may still be live: cure the bay that it names first',
  ),
  'profile-rule': reason(36, 'refusal', 'invalid-argument', 'correct the profile as the message says'),
  'secret-in-use': reason(37, 'refusal', 'failed-precondition', 'remove it from the boot plans that name it first'),
  'store-full': reason(
    38,
    'refusal',
    'resource-exhausted',
    'the chassis EEPROM can not hold more: remove profiles or pools',
  ),
  superseded: reason(39, 'refusal', 'failed-precondition', 'another chassis holds this profile at a higher token'),
  'in-custody-elsewhere': reason(40, 'refusal', 'failed-precondition', 'ask the chassis that holds it to hand it over'),
  // Bays.
  'bay-taken': reason(45, 'refusal', 'failed-precondition', 'unassign the profile that the bay holds first'),
  'bay-covered': reason(46, 'refusal', 'failed-precondition', 'name the bay that the tall blade is known by'),
  'bay-empty': reason(47, 'refusal', 'failed-precondition', 'insert a blade, or assign with preprovision'),
  'bay-unknown': reason(48, 'refusal', 'unavailable', 'wait until the bay can be seen, or assign with preprovision'),
  'bay-quarantined': reason(49, 'refusal', 'failed-precondition', 'reseat the bay or pull its blade, then try again'),
  'blade-powered': reason(50, 'refusal', 'failed-precondition', 'power it off first, or say when next-off'),
  'no-eligible-bay': reason(51, 'refusal', 'resource-exhausted', 'free a bay with a fitting blade that is off'),
  'not-assigned': reason(52, 'refusal', 'failed-precondition', 'assign it first'),
  'same-bay': reason(53, 'refusal', 'invalid-argument', 'name another bay'),
  'no-bootable-function': reason(
    54,
    'refusal',
    'failed-precondition',
    'give the profile a connection that this target boots from',
  ),
  'no-power-cut': reason(55, 'refusal', 'unimplemented', 'this chassis can not cut one bay: pull the blade'),
  // What the hardware can not carry; also holds, when a blade arrives later.
  'adapter-missing': reason(60, 'refusal', 'failed-precondition', 'choose a bay whose blade has the adapter'),
  'adapter-too-small': reason(
    61,
    'refusal',
    'failed-precondition',
    'use fewer connections, or a blade with more functions',
  ),
  'partition-rule': reason(62, 'refusal', 'failed-precondition', 'follow the partition rule that the message names'),
  oversubscribed: reason(63, 'refusal', 'failed-precondition', 'ask for less bandwidth on the port'),
  'fabric-mismatch': reason(
    64,
    'refusal',
    'failed-precondition',
    'use a port wired to an interconnect of the right kind',
  ),
  // Holds: a step is not done yet.
  'no-blade': reason(70, 'hold', 'unavailable', 'insert a blade'),
  'blade-is-on': reason(71, 'hold', 'failed-precondition', 'power the bay off'),
  'waits-for-off': reason(72, 'hold', 'failed-precondition', 'it takes effect when the blade is next off'),
  'in-doubt-elsewhere': reason(73, 'hold', 'failed-precondition', 'cure the bay or blade that it names'),
  'different-blade': reason(
    74,
    'hold',
    'failed-precondition',
    'assign again to accept this blade, or put the old one back',
  ),
  'does-not-fit': reason(75, 'hold', 'failed-precondition', 'use a blade with the adapters that the profile needs'),
  'secret-missing': reason(76, 'hold', 'failed-precondition', 'set the secret'),
  starting: reason(77, 'hold', 'unavailable', 'wait for POST'),
  stopping: reason(78, 'hold', 'unavailable', 'wait for the operating system to shut down'),
  'will-not-stop': reason(79, 'hold', 'failed-precondition', 'power off with force'),
  'left-by-hand': reason(80, 'hold', 'failed-precondition', 'pull the blade, or reseat the bay'),
  'not-looked-yet': reason(81, 'hold', 'unavailable', 'wait for the first look at the bay'),
  unanswered: reason(82, 'hold', 'unavailable', 'wait for the barrier; reseat the bay if it does not come'),
  'ac-lost-unseen': reason(83, 'hold', 'failed-precondition', 'this chassis does not tell AC loss: power the bay on'),
  working: reason(84, 'hold', 'unavailable', 'wait'),
  // Faults: the world failed.
  'backplane-silent': reason(90, 'fault', 'unavailable', 'check the controller seating'),
  'bmc-silent': reason(91, 'fault', 'unavailable', 'reseat the bay or pull its blade'),
  'bmc-busy': reason(92, 'fault', 'unavailable', 'close other sessions of this BMC'),
  'bmc-nonsense': reason(93, 'fault', 'unavailable', 'update or replace the BMC firmware'),
  'bmc-refused': reason(94, 'fault', 'permission-denied', 'correct the BMC account of this bay'),
  'serial-differs': reason(95, 'fault', 'failed-precondition', 'check which BMC answers at this address'),
  'post-failed': reason(96, 'fault', 'failed-precondition', 'look at the blade, then resync the bay'),
  'wrong-identity': reason(
    97,
    'fault',
    'failed-precondition',
    'power the bay off; it is dressed again before it starts',
  ),
  'store-read-only': reason(
    98,
    'fault',
    'data-loss',
    'cure what it names; only a controller whose flash fails is replaced. Blades keep running',
  ),
  'eeprom-unreadable': reason(99, 'fault', 'data-loss', 'single copy: back up, then replace the chassis EEPROM'),
  'permit-refused': reason(100, 'fault', 'failed-precondition', 'check the power latch of the bay'),
  'policy-differs': reason(
    101,
    'fault',
    'failed-precondition',
    'the BMC does not keep its power policy: set it by hand',
  ),
  superfluous: reason(
    102,
    'fault',
    'failed-precondition',
    'power the bay off; what is left over is cleared before it starts',
  ),
  busy: reason(103, 'refusal', 'unavailable', 'try again after retry_after'),
  'not-taken': reason(104, 'fault', 'failed-precondition', 'check the adapter and its firmware, then resync the bay'),
  'hardware-refused': reason(105, 'fault', 'failed-precondition', 'read what the hardware said, then resync the bay'),
  'session-lost': reason(106, 'fault', 'unavailable', 'wait; the agent looks again'),
  'not-owner': reason(107, 'fault', 'unavailable', 'ask the controller that owns the backplane'),
  // Backups and factory reset.
  'backup-damaged': reason(
    120,
    'refusal',
    'invalid-argument',
    'paste or send the lines again that field_violations names',
  ),
  'backup-inert': reason(121, 'refusal', 'failed-precondition', 'adopt its profiles one by one by name, with force'),
  'not-blank': reason(
    122,
    'refusal',
    'failed-precondition',
    'name the profiles that are wanted; all of it is for a blank controller only',
  ),
  'passphrase-wrong': reason(
    123,
    'refusal',
    'invalid-argument',
    'give the passphrase that it was made with, or none: its secrets are then left out',
  ),
  'profile-exists': reason(124, 'refusal', 'already-exists', 'remove the profile here first, or leave it out'),
  'other-serial': reason(125, 'refusal', 'invalid-argument', 'type the serial that this chassis shows'),
  // Policies.
  'no-such-policy': reason(130, 'refusal', 'not-found', 'define the policy first'),
  'rescue-waits': reason(131, 'hold', 'failed-precondition', 'cure the bay that it names'),
  'no-spare': reason(132, 'fault', 'resource-exhausted', 'insert a fitting blade that is off, or free one'),
  'rescue-failed': reason(133, 'fault', 'failed-precondition', 'look at the blades, then resync the bay'),
  // Controllers.
  'no-standby': reason(140, 'refusal', 'failed-precondition', 'put a second controller in, and wait until it follows'),
  'standby-behind': reason(141, 'refusal', 'failed-precondition', 'wait until it holds everything, or force it'),
  'is-standby': reason(142, 'refusal', 'unavailable', 'ask the owner, or take over here: changeover force'),
  'controller-silent': reason(143, 'fault', 'unavailable', 'look at that controller; put it back or replace it'),
  'controller-behind': reason(144, 'hold', 'unavailable', 'wait: it is being brought up to date'),
  'controller-refused': reason(145, 'fault', 'failed-precondition', 'cure what it says; it keeps no copy until then'),
  'single-copy': reason(146, 'fault', 'data-loss', 'cure the chassis EEPROM; until then do not pull this controller'),
} as const

export type Reason = keyof typeof reasons

/** What comes back through the door instead of a change (STYLE: a value, never thrown). */
export interface Refusal {
  readonly reason: Reason
  /** One lower-case sentence: the thing, and the way out. */
  readonly say: string
  readonly violations?: readonly { readonly field: string; readonly say: string }[]
}

/** Why a bay is not in sync: a hold says what it waits for, a fault what failed. */
export interface Finding {
  readonly type: 'hold' | 'fault'
  readonly reason: Reason
  readonly say: string
  /** "do: …": what hands or a command can do now. */
  readonly remedy: string
}

export const refuse = (reason: Reason, say: string, violations?: Refusal['violations']): Refusal => ({
  reason,
  say,
  ...(violations && { violations }),
})

export const find = (reason: Reason, say: string, remedy?: string): Finding => ({
  type: reasons[reason].type === 'fault' ? 'fault' : 'hold',
  reason,
  say,
  remedy: remedy ?? reasons[reason].remedy,
})
