/**
 * The same state as JSON, for people and simple tools: published beside the protobuf form under `json/`, read by
 * nobody here. Names are the core's own, lowerCamelCase; absent members are left out; 64-bit numbers are JSON
 * numbers, since none here is above 2^53 - 1.
 *
 *   json/state/{part}      {"part": "bay", "revision": 12, "version": 3, "incarnation": "…", "term": 1, "view": {…}}
 *   json/event/{severity}  {"kind": "event", "number": 7, …, "incarnation": "…", "term": 1}, or {"kind": "gap", "from": 3, "to": 9}
 *   json/presence          {"online": true, …, "incarnation": "…", "term": 1}
 *
 * Fields may be added; none changes its name, type or meaning within midplane/v1.
 */
import type { PartState } from '../core/reply.ts'
import type { Event, Presence } from '../core/views.ts'

export function toJson(value: PartState | Event | Presence): string {
  if (!('part' in value)) return JSON.stringify(value)
  const { revision, version, incarnation, term } = value
  return JSON.stringify({ part: value.part.part, revision, version, incarnation, term, view: value.part.view })
}
