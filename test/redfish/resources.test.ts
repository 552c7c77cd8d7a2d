/** The resources that both ends speak: what is written by one end is what the other reads. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonical, type FunctionValue } from '../../agent/core/blade.ts'
import { functionShown, readFunction, readPending, settingsShown } from '../../agent/redfish/adapter.ts'
import { functionBody, functionValue as readValue } from '../../agent/redfish/function.ts'
import { Field, isObject, type Json, type JsonObject, Unreadable } from '../../agent/redfish/json.ts'
import { patchFunction, patchSystem } from '../../agent/redfish/patch.ts'
import { readSystem, systemBody, systemSettings } from '../../agent/redfish/system.ts'
import { blade, functionValue } from './arbitrary.ts'

const wire = (json: JsonObject): JsonObject => JSON.parse(JSON.stringify(json)) as JsonObject
const field = (json: JsonObject): Field => new Field(wire(json))

/** Every document that lacks one member of this one, however deep. */
function* lacking(json: JsonObject): Generator<JsonObject> {
  for (const [name, value] of Object.entries(json)) {
    const { [name]: _gone, ...rest } = json
    yield rest
    if (isObject(value)) for (const less of lacking(value)) yield { ...json, [name]: less }
  }
}

function wrong(read: () => unknown): string {
  try {
    read()
  } catch (error) {
    if (error instanceof Unreadable) return error.wrong
    throw error
  }
  return 'read'
}

describe('a function as Redfish tells it', () => {
  it('every value that a function can have reads back as it was written', () => {
    let ran = 0
    fc.assert(
      fc.property(functionValue, (value) => {
        ran++
        expect(canonical(readValue(field(functionBody(value))))).toBe(canonical(value))
      }),
      { numRuns: 2000 },
    )
    expect(ran).toBeGreaterThanOrEqual(2000)
  })

  it('the search finds a LUN that was told as a mere number', () => {
    const told = (value: FunctionValue): JsonObject => {
      const body = functionBody(value)
      const lun = value.boot?.via === 'iscsi' ? value.boot.targets[0]?.lun : undefined
      if (lun === undefined) return body
      const oem = (body.Oem as JsonObject).Midplane as JsonObject
      const number = Math.min(Number.parseInt(lun, 16), Number.MAX_SAFE_INTEGER)
      return {
        ...body,
        iSCSIBoot: { ...(body.iSCSIBoot as JsonObject), PrimaryLUN: number },
        Oem: { Midplane: { ...oem, PrimaryLUN: null } },
      }
    }
    const searched = fc.check(
      fc.property(functionValue, (value) => canonical(readValue(field(told(value)))) === canonical(value)),
      { numRuns: 2000 },
    )
    expect(searched.failed).toBe(true)
  })

  it('a member that is missing is an error, never a default', () => {
    let ran = 0
    // Secrets are written and never read; the type of an address follows from the address.
    const unread = new Set(['CHAPSecret', 'MutualCHAPSecret', 'IPAddressType'])
    fc.assert(
      fc.property(functionValue, (value) => {
        const whole = wire(functionBody(value))
        for (const less of lacking(whole)) {
          const gone = missingName(whole, less)
          if (gone === undefined || unread.has(gone)) continue
          ran++
          const found = wrong(() => readValue(new Field(less)))
          // VLANId and its kin may be contradicted before they are missed; what can not be is that they read.
          expect([gone, found]).not.toEqual([gone, 'read'])
        }
      }),
      { numRuns: 60 },
    )
    expect(ran).toBeGreaterThan(1000)
  })

  it('targets that no boot mode uses are refused, since a firmware might use them', () => {
    const target = { WWPN: '50:06:0b:00:00:c2:62:00', LUNID: '0', BootPriority: 0 }
    const body = functionBody({ role: 'fc' })
    const hidden = { ...body, FibreChannel: { ...(body.FibreChannel as JsonObject), BootTargets: [target] } }
    expect(wrong(() => readValue(new Field(hidden)))).toBe('conflict')
    const iscsi = {
      ...body,
      iSCSIBoot: { ...(body.iSCSIBoot as JsonObject), PrimaryTargetName: 'iqn.2026-01.org.example:a' },
    }
    expect(wrong(() => readValue(new Field(iscsi)))).toBe('conflict')
  })

  it('says factory, applied and pending apart, and tells nothing pending from pending what is applied', () => {
    fc.assert(
      fc.property(
        functionValue,
        functionValue,
        fc.option(functionValue, { nil: undefined }),
        (factory, applied, pending) => {
          const reading = { key: 'mezz1:2-b', factory, applied, ...(pending && { pending }) }
          const shown = readFunction(field({ Id: '2-b', ...functionShown(reading) }), 'mezz1')
          expect(canonical(shown)).toBe(
            canonical({ key: 'mezz1:2-b', factory, applied, pending: pending !== undefined }),
          )
          const settings = field(settingsShown(reading))
          expect(readPending(settings)).toBe(pending !== undefined)
          expect(canonical(readValue(settings))).toBe(canonical(pending ?? applied))
        },
      ),
      { numRuns: 300 },
    )
  })

  it('a permanent address that differs from the factory value is believed on neither side', () => {
    const reading = { key: 'lom:1-a', factory: { role: 'nic' }, applied: { role: 'nic' } } as const
    const shown = functionShown(reading)
    const lying = {
      Id: '1-a',
      ...shown,
      Ethernet: { ...(shown.Ethernet as JsonObject), PermanentMACAddress: '00:17:a4:77:00:02' },
    }
    expect(wrong(() => readFunction(new Field(lying), 'lom'))).toBe('conflict')
  })
})

describe('a PATCH of a function', () => {
  const shownOf = (value: FunctionValue) => settingsShown({ key: 'lom:1-a', factory: value, applied: value })

  it('takes any function to any value when all of it is said', () => {
    let ran = 0
    fc.assert(
      fc.property(functionValue, functionValue, (from, to) => {
        ran++
        const { value, secrets } = patchFunction(from, shownOf(from), wire(functionBody(to)))
        expect(canonical(value)).toBe(canonical(to))
        expect(secrets).toEqual([])
      }),
      { numRuns: 1000 },
    )
    expect(ran).toBeGreaterThanOrEqual(1000)
  })

  const nic: FunctionValue = { role: 'nic', vlan: 7 }
  const patched = (from: FunctionValue, patch: JsonObject) => patchFunction(from, shownOf(from), patch)

  it('a client that knows only Redfish can set an address, a VLAN, a limit and a target', () => {
    expect(patched(nic, { Ethernet: { MACAddress: '00-17-A4-77-00-02' } }).value).toEqual({
      ...nic,
      mac: '00:17:a4:77:00:02',
    })
    expect(patched(nic, { Ethernet: { VLAN: { VLANEnable: false } } }).value).toEqual({ role: 'nic' })
    expect(patched(nic, { Limits: [{ Direction: 'Egress', SustainedBytesPerSecond: 125_000_000 }] }).value).toEqual({
      ...nic,
      bandwidth: { minMbps: 0, maxMbps: 1000 },
    })
    expect(patched(nic, { DeviceEnabled: false }).value).toEqual({ role: 'off', vlan: 7 })
    const iscsi = patched(nic, {
      BootMode: 'iSCSI',
      iSCSIBoot: {
        PrimaryTargetName: 'iqn.2026-01.org.example:disk',
        PrimaryTargetIPAddress: '192.0.2.1',
        PrimaryTargetTCPPort: 3260,
        PrimaryLUN: 26,
        AuthenticationMethod: 'CHAP',
        CHAPUsername: 'web',
        CHAPSecret: 'a secret of theirs',
      },
    })
    expect(iscsi.secrets).toEqual([{ which: 'chap', value: 'a secret of theirs' }])
    expect(iscsi.value.boot).toEqual({
      via: 'iscsi',
      network: { by: 'dhcp' },
      targets: [{ iqn: 'iqn.2026-01.org.example:disk', address: '192.0.2.1', tcpPort: 3260, lun: '1a' }],
      chap: { user: 'web', secret: 'unnamed' },
    })
    expect(patched(iscsi.value, { BootMode: 'PXE' }).value).toEqual({ ...nic, boot: { via: 'pxe' } })
  })

  const refusals: readonly [string, Json, string][] = [
    ['a property that does not exist', { Ethernet: { MACAdress: '00:17:a4:77:00:02' } }, 'unknown'],
    [
      'a permanent address',
      { Ethernet: { MACAddress: '00:17:a4:77:00:02', PermanentMACAddress: '00:17:a4:77:00:03' } },
      'readonly',
    ],
    ['a multicast address', { Ethernet: { MACAddress: '01:00:5e:00:00:01' } }, 'value'],
    ['a number for an address', { Ethernet: { MACAddress: 5 } }, 'type'],
    ['a boot mode that does not exist', { BootMode: 'Floppy' }, 'value'],
    [
      'targets without the boot mode for them',
      { FibreChannel: { BootTargets: [{ WWPN: '50:06:0b:00:00:c2:62:00', LUNID: '0', BootPriority: 0 }] } },
      'conflict',
    ],
    ['a secret that no method uses', { iSCSIBoot: { CHAPSecret: 'x' } }, 'conflict'],
    [
      'an address type that its addresses are not of',
      { BootMode: 'iSCSI', iSCSIBoot: { IPAddressType: 'IPv6' } },
      'conflict',
    ],
  ]
  for (const [what, patch, how] of refusals) {
    it(`refuses ${what}, and changes nothing`, () => {
      const shown = functionShown({ key: 'lom:1-a', factory: nic, applied: nic })
      expect(wrong(() => patchFunction(nic, shown, patch as JsonObject))).toBe(how)
    })
  }
})

describe('a system as Redfish tells it', () => {
  it('every blade reads back as it was written', () => {
    fc.assert(
      fc.property(blade, ({ adapters: _adapters, ...system }) => {
        expect(canonical(readSystem(field(systemBody(system))))).toBe(canonical(system))
      }),
      { numRuns: 500 },
    )
  })

  it('a power state on its way is on: only Off is off', () => {
    fc.assert(
      fc.property(
        blade,
        fc.constantFrom('PoweringOn', 'PoweringOff', 'Paused'),
        ({ adapters: _adapters, ...system }, state) => {
          expect(readSystem(field({ ...systemBody(system), PowerState: state })).power).toBe('on')
        },
      ),
      { numRuns: 20 },
    )
  })

  it('a PATCH takes any settings to any others, and writes only what it named', () => {
    fc.assert(
      fc.property(blade, blade, (from, to) => {
        const whole = systemBody(from)
        expect(canonical(patchSystem(from, whole, wire(systemSettings(to))))).toBe(
          canonical({ boot: to.boot, policy: to.policy, shown: to.shown }),
        )
        expect(Object.keys(patchSystem(from, whole, { PowerRestorePolicy: 'AlwaysOff' }))).toEqual(['policy'])
      }),
      { numRuns: 200 },
    )
  })

  it('an override is set by its target alone and ended by either half, as clients of the field do', () => {
    fc.assert(
      fc.property(blade, (from) => {
        const plain = { ...from, boot: { mode: from.boot.mode, order: from.boot.order } }
        const once = patchSystem(plain, systemBody(plain), { Boot: { BootSourceOverrideTarget: 'Pxe' } }).boot
        expect(once?.override).toEqual({ target: 'pxe', lasts: 'once' })
        const set = { ...plain, boot: once ?? plain.boot }
        for (const end of [{ BootSourceOverrideTarget: 'None' }, { BootSourceOverrideEnabled: 'Disabled' }]) {
          expect(patchSystem(set, systemBody(set), { Boot: end }).boot).toEqual(plain.boot)
        }
      }),
      { numRuns: 20 },
    )
  })
})

function missingName(whole: JsonObject, less: JsonObject): string | undefined {
  for (const [name, value] of Object.entries(whole)) {
    const there = less[name]
    if (!(name in less)) return name
    if (isObject(value) && isObject(there)) {
      const inner = missingName(value, there)
      if (inner !== undefined) return inner
    }
  }
  return undefined
}
