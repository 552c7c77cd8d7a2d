/** Reasons and findings between core and protobuf: the numbers of the one catalogue (core/reasons.ts). */
import { type Finding, type Reason, reasons } from '../core/reasons.ts'
import { midplane as pb } from './generated/midplane.js'
import type { Numbered, Reading, Unset } from './reading.ts'

const { v1 } = pb

export const findingTypes: Numbered<Finding['type']> = {
  hold: v1.FindingType.FINDING_TYPE_HOLD,
  fault: v1.FindingType.FINDING_TYPE_FAULT,
}

export const reasonNumber = (reason: Reason): pb.v1.Reason => reasons[reason].number

const numbers = Object.fromEntries(
  Object.entries(reasons).map(([name, { number }]) => [name, number]),
) as Numbered<Reason>

export function readReason(read: Reading, at: string, number: number | Unset): Reason {
  return read.name(at, number, numbers)
}

export const writeFinding = ({ type, reason, say, remedy }: Finding): pb.v1.Finding.$Properties => ({
  type: findingTypes[type],
  reason: reasonNumber(reason),
  message: say,
  remedy,
})

export const readFinding = (read: Reading, at: string, finding: pb.v1.Finding.$Properties): Finding => ({
  type: read.name(`${at}.type`, finding.type, findingTypes),
  reason: readReason(read, `${at}.reason`, finding.reason),
  say: finding.message ?? '',
  remedy: finding.remedy ?? '',
})
