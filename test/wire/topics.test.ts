import { describe, expect, test } from 'vitest'
import { type ChassisId, type ClientId, parseId } from '../../agent/core/addresses.ts'
import { partName } from '../../agent/core/views.ts'
import {
  chassisFilter,
  isPartName,
  jsonFilter,
  parseTopic,
  requestFilter,
  type Topic,
  topicOf,
} from '../../agent/wire/topics.ts'
import { states } from './examples.ts'

const chassis = parseId('demo') as ChassisId
const client = parseId('ironic-1') as ClientId

const topics: readonly (readonly [string, Topic])[] = [
  ['midplane/v1/demo/req/ironic-1', { kind: 'request', chassis, client }],
  ['midplane/v1/demo/rsp/ironic-1', { kind: 'response', chassis, client }],
  ['midplane/v1/demo/presence', { kind: 'presence', chassis }],
  ['midplane/v1/demo/state/bay-7', { kind: 'state', chassis, part: 'bay-7' }],
  ['midplane/v1/demo/event/critical', { kind: 'event', chassis, severity: 'critical' }],
]

describe('topics', () => {
  test.each(topics)('%s is built and read alike', (text, topic) => {
    expect(topicOf(topic)).toBe(text)
    expect(parseTopic(text)).toEqual(topic)
  })

  test('the JSON form of a topic stands beside the protobuf one', () => {
    expect(topicOf({ kind: 'state', chassis, part: 'bay-7' }, 'json')).toBe('midplane/v1/demo/json/state/bay-7')
    expect(topicOf({ kind: 'presence', chassis }, 'json')).toBe('midplane/v1/demo/json/presence')
  })

  test.each([
    'midplane/v1/demo',
    'midplane/v1/demo/req',
    'midplane/v1/demo/req/',
    'midplane/v1/demo/req/a/b',
    'midplane/v1/demo/req/+',
    'midplane/v1/demo/req/Upper',
    'midplane/v1/-demo/req/a',
    'midplane/v2/demo/req/a',
    '/midplane/v1/demo/req/a',
    'midplane/v1/demo/presence/x',
    'midplane/v1/demo/state/bay-0',
    'midplane/v1/demo/state/secrets',
    'midplane/v1/demo/event/loud',
    'midplane/v1/demo/console/3',
    'midplane/v1/demo/claim/web-01',
    'midplane/v1/demo/json/presence',
    `midplane/v1/${'d'.repeat(49)}/presence`,
    '',
  ])('%j is read as none of ours', (text) => {
    expect(parseTopic(text)).toBeUndefined()
  })

  test('every part that is published has a name that can be asked for', () => {
    for (const { part } of Object.values(states)) expect(isPartName(partName(part))).toBe(true)
  })

  test('an agent subscribes to its own requests only, a manager to what a chassis shows', () => {
    expect(requestFilter(chassis)).toBe('midplane/v1/demo/req/+')
    expect(chassisFilter('+')).toEqual(['midplane/v1/+/presence', 'midplane/v1/+/state/+', 'midplane/v1/+/event/+'])
    expect(jsonFilter(chassis)).toBe('midplane/v1/demo/json/#')
  })
})
