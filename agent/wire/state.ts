/** The retained state between core and protobuf: one part at a time, under what every revision carries (W13). */
import type { PartState } from '../core/reply.ts'
import type { Part } from '../core/views.ts'
import { readIncarnation } from './command.ts'
import { midplane as pb } from './generated/midplane.js'
import { readPolicyView, writePolicyView } from './policy.ts'
import type { Reading } from './reading.ts'
import { type Received, receive } from './receive.ts'
import {
  readBay,
  readChassis,
  readController,
  readHealth,
  readPoolView,
  readProfileView,
  writeBay,
  writeChassis,
  writeController,
  writeHealth,
  writePoolView,
  writeProfileView,
} from './views.ts'

const { v1 } = pb

export function encodeState(state: PartState): Uint8Array {
  return v1.State.encode(writeState(state)).finish()
}

export function decodeState(bytes: Uint8Array): Received<PartState> {
  return receive(bytes, v1.State, readState)
}

export function writeState(state: PartState): pb.v1.State.$Properties {
  const { revision, version, incarnation, term, part } = state
  return { revision, version, incarnation, term, ...writePart(part) }
}

export function readState(read: Reading, message: pb.v1.State.$Properties, at = ''): PartState {
  return {
    revision: read.wide(`${at}revision`, message.revision),
    version: read.wide(`${at}version`, message.version),
    incarnation: readIncarnation(read, `${at}incarnation`, message.incarnation),
    term: read.wide(`${at}term`, message.term),
    part: readPart(read, `${at}part`, message),
  }
}

function writePart(part: Part): pb.v1.State.$Properties {
  switch (part.part) {
    case 'chassis':
      return { chassis: writeChassis(part.view) }
    case 'bay':
      return { bay: writeBay(part.view) }
    case 'profile':
      return { profile: writeProfileView(part.view) }
    case 'pool':
      return { pool: writePoolView(part.view) }
    case 'controller':
      return { controller: writeController(part.view) }
    case 'health':
      return { health: writeHealth(part.view) }
    case 'policy':
      return { policy: writePolicyView(part.view) }
  }
}

function readPart(read: Reading, at: string, message: pb.v1.State.$Properties): Part {
  const { chassis, bay, profile, pool, controller, health, policy } = message
  const one = read.one(at, { chassis, bay, profile, pool, controller, health, policy })
  switch (one?.name) {
    case undefined:
      return one
    case 'chassis':
      return { part: 'chassis', view: readChassis(read, one.name, one.value) }
    case 'bay':
      return { part: 'bay', view: readBay(read, one.name, one.value) }
    case 'profile':
      return { part: 'profile', view: readProfileView(read, one.name, one.value) }
    case 'pool':
      return { part: 'pool', view: readPoolView(read, one.name, one.value) }
    case 'controller':
      return { part: 'controller', view: readController(read, one.name, one.value) }
    case 'health':
      return { part: 'health', view: readHealth(read, one.name, one.value) }
    case 'policy':
      return { part: 'policy', view: readPolicyView(read, one.name, one.value) }
  }
}
