/**
 * The tree of resources of one BMC: a path and what the world just told, to the resource that stands
 * there. Pure, and without a memory: each request is answered from one look at the world. One service
 * per bay, one system, one chassis (the blade) and one manager (the BMC).
 */
import type { AdapterReading, Blade, FunctionReading } from '../../core/blade.ts'
import { adapterBody, clearAction, functionId, functionShown, keyOf, settingsShown } from '../../redfish/adapter.ts'
import type { Json, JsonObject } from '../../redfish/json.ts'
import { overrideEnabled, overrideModes, overrideTargets, resetTypes, systemBody } from '../../redfish/system.ts'
import { oemTypes, typeNames } from './schema.ts'

/** What the face asked the world for this request. */
export interface View {
  /** Absent where the path has nothing to do with the blade. */
  readonly blade?: Blade
  /** Names of sessions, not their tokens: reading the list must not be enough to use one. */
  readonly sessions: readonly string[]
  readonly tasks: readonly { readonly id: string; readonly what: string }[]
}

export interface Resource {
  readonly type: keyof typeof typeNames
  readonly body: JsonObject
  readonly allow: readonly Method[]
}
export type Method = 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE'

export const root = '/redfish/v1'
const reads = ['GET', 'HEAD'] as const
const link = (path: string): JsonObject => ({ '@odata.id': `${root}${path}` })
const healthy = { State: 'Enabled', Health: 'OK' }

export const paths = {
  sessions: `${root}/SessionService/Sessions`,
  system: `${root}/Systems/1`,
  reset: `${root}/Systems/1/Actions/ComputerSystem.Reset`,
}

export function serviceRoot(): Resource {
  return {
    type: 'ServiceRoot',
    allow: reads,
    body: {
      Id: 'RootService',
      Name: 'Blade service',
      RedfishVersion: '1.20.1',
      Vendor: 'Midplane',
      Product: 'Simulated blade BMC',
      ProtocolFeaturesSupported: {
        ExpandQuery: { ExpandAll: false, Levels: true, MaxLevels: maxLevels, Links: false, NoLinks: true },
        SelectQuery: false,
        FilterQuery: false,
        OnlyMemberQuery: false,
        ExcerptQuery: false,
      },
      Systems: link('/Systems'),
      Chassis: link('/Chassis'),
      Managers: link('/Managers'),
      SessionService: link('/SessionService'),
      Tasks: link('/TaskService'),
      Links: { Sessions: link('/SessionService/Sessions'), ManagerProvidingService: link('/Managers/bmc') },
    },
  }
}

/** What ComputerSystem.Reset takes here; PowerCycle is for clients other than the agent, which has no such step. */
export const offeredResets = { ...resetTypes, cycle: 'PowerCycle' } as const

/** Levels that `$expand` may ask for: enough for adapters, functions and their settings in one answer. */
export const maxLevels = 6

/** For every path that looks at the blade: the face asks for it there. */
export function seen(view: View): Blade {
  if (view.blade === undefined) throw new Error('the blade was not asked for')
  return view.blade
}

/** A matched path: the segments that stood in its braces. */
type At = (view: View, a: string, b: string) => Resource | undefined

const routes: readonly (readonly [string, At])[] = [
  ['', serviceRoot],
  ['/Systems', () => collection('ComputerSystemCollection', 'Systems', ['/Systems/1'])],
  ['/Systems/1', (view) => system(seen(view))],
  [
    '/Systems/1/BootOptions',
    (view) =>
      collection(
        'BootOptionCollection',
        'Boot options',
        bootDevices(seen(view)).map((device) => `/Systems/1/BootOptions/${optionId(device)}`),
      ),
  ],
  ['/Systems/1/BootOptions/{}', (view, id) => bootOption(seen(view), id)],
  ['/Chassis', () => collection('ChassisCollection', 'Chassis', ['/Chassis/blade'])],
  ['/Chassis/blade', (view) => chassis(seen(view))],
  [
    '/Chassis/blade/NetworkAdapters',
    (view) =>
      collection(
        'NetworkAdapterCollection',
        'Adapters',
        seen(view).adapters.map((adapter) => adapterPath(adapter.slot)),
      ),
  ],
  ['/Chassis/blade/NetworkAdapters/{}', (view, slot) => adapter(adapterAt(seen(view), slot))],
  ['/Chassis/blade/NetworkAdapters/{}/NetworkDeviceFunctions', (view, slot) => functions(adapterAt(seen(view), slot))],
  [
    '/Chassis/blade/NetworkAdapters/{}/NetworkDeviceFunctions/{}',
    (view, slot, id) => networkFunction(slot, functionAt(seen(view), slot, id)),
  ],
  [
    '/Chassis/blade/NetworkAdapters/{}/NetworkDeviceFunctions/{}/Settings',
    (view, slot, id) => settings(functionAt(seen(view), slot, id)),
  ],
  ['/Managers', () => collection('ManagerCollection', 'Managers', ['/Managers/bmc'])],
  ['/Managers/bmc', () => manager()],
  ['/SessionService', () => sessionService()],
  [
    '/SessionService/Sessions',
    (view) => ({
      ...collection(
        'SessionCollection',
        'Sessions',
        view.sessions.map((id) => `/SessionService/Sessions/${id}`),
      ),
      allow: ['GET', 'HEAD', 'POST'],
    }),
  ],
  ['/SessionService/Sessions/{}', (view, id) => session(view, id)],
  ['/TaskService', () => taskService()],
  [
    '/TaskService/Tasks',
    (view) =>
      collection(
        'TaskCollection',
        'Changes under way',
        view.tasks.map((task) => `/TaskService/Tasks/${task.id}`),
      ),
  ],
  ['/TaskService/Tasks/{}', (view, id) => task(view, id)],
]

/** What stands at a path, with its `@odata.id` and `@odata.type`. */
export function resourceAt(path: string, view: View): Resource | undefined {
  for (const [pattern, at] of routes) {
    const segments = match(pattern, path)
    if (segments === undefined) continue
    const found = at(view, segments[0] ?? '', segments[1] ?? '')
    return (
      found && {
        ...found,
        body: { '@odata.id': path === root ? `${root}/` : path, '@odata.type': typeNames[found.type], ...found.body },
      }
    )
  }
  return undefined
}

/** Function that a path is about, as its slot and id: the resource itself, its Settings, its actions. */
export function functionOfPath(
  path: string,
  tail: '' | '/Settings' | `/Actions/${string}`,
): { slot: string; id: string } | undefined {
  const segments = match(`/Chassis/blade/NetworkAdapters/{}/NetworkDeviceFunctions/{}${tail}`, path)
  return segments && { slot: segments[0] ?? '', id: segments[1] ?? '' }
}
export const clearTail = `/Actions/Oem/${clearAction.slice(1)}` as const

function match(pattern: string, path: string): readonly string[] | undefined {
  const wanted = `${root}${pattern}`.split('/')
  const there = path.split('/')
  if (wanted.length !== there.length) return undefined
  const braces: string[] = []
  for (const [at, segment] of wanted.entries()) {
    const text = there[at] ?? ''
    if (segment === '{}' && text !== '') braces.push(text)
    else if (segment !== text) return undefined
  }
  return braces
}

/**
 * `$expand=.` for so many levels: each link outside of Links replaced by its resource. The tree
 * without Links has no circles, so that it ends.
 */
export function expand(
  body: JsonObject,
  levels: number,
  resource: (path: string) => JsonObject | undefined,
): JsonObject {
  const inside = (json: Json, within: string): Json => {
    if (Array.isArray(json)) return json.map((item: Json) => inside(item, within))
    if (typeof json !== 'object' || json === null) return json
    const object = json as JsonObject
    const id = object['@odata.id']
    if (typeof id === 'string' && Object.keys(object).length === 1 && !id.includes('#')) {
      const found = resource(id)
      return found === undefined ? object : levels > 1 ? expand(found, levels - 1, resource) : found
    }
    return members(object, within)
  }
  const members = (object: JsonObject, within: string): JsonObject =>
    Object.fromEntries(
      Object.entries(object).map(([name, value]) => [
        name,
        name === 'Links' || within === 'Links' ? value : inside(value, name),
      ]),
    )
  return levels < 1 ? body : members(body, '')
}

function collection(type: keyof typeof typeNames, name: string, members: readonly string[]): Resource {
  return { type, allow: reads, body: { Name: name, 'Members@odata.count': members.length, Members: members.map(link) } }
}

function system(blade: Blade): Resource {
  const { adapters: _adapters, ...rest } = blade
  const body = systemBody(rest)
  const oem = (body.Oem as JsonObject).Midplane as JsonObject
  return {
    type: 'ComputerSystem',
    allow: ['GET', 'HEAD', 'PATCH'],
    body: {
      Id: '1',
      Name: 'Blade',
      SystemType: 'Physical',
      ...body,
      Status: { ...healthy, State: blade.power === 'on' ? 'Enabled' : 'StandbyOffline' },
      Boot: {
        ...(body.Boot as JsonObject),
        'BootSourceOverrideEnabled@Redfish.AllowableValues': Object.values(overrideEnabled),
        'BootSourceOverrideTarget@Redfish.AllowableValues': ['None', ...Object.values(overrideTargets)],
        'BootSourceOverrideMode@Redfish.AllowableValues': Object.values(overrideModes),
        BootOptions: link('/Systems/1/BootOptions'),
      },
      Links: { Chassis: [link('/Chassis/blade')], ManagedBy: [link('/Managers/bmc')] },
      Actions: {
        '#ComputerSystem.Reset': {
          target: paths.reset,
          'ResetType@Redfish.AllowableValues': Object.values(offeredResets),
        },
      },
      Oem: { Midplane: { '@odata.type': oemTypes.system, ...oem } },
    },
  }
}

/** Every device that a boot order may name. */
function bootDevices(blade: Blade): readonly string[] {
  return ['local', 'setup', ...blade.adapters.flatMap((adapter) => adapter.functions.map((fn) => fn.key))]
}

/** A function key holds a colon, which a path had better not: `lom:1-a` is option `lom-1-a`. */
const optionId = (device: string): string => device.replace(':', '-')

function bootOption(blade: Blade, id: string): Resource | undefined {
  const device = bootDevices(blade).find((one) => optionId(one) === id)
  if (device === undefined) return undefined
  const place = functionId(device)
  return {
    type: 'BootOption',
    allow: reads,
    body: {
      Id: id,
      Name: `Boot from ${device}`,
      DisplayName: device,
      BootOptionReference: device,
      BootOptionEnabled: true,
      ...(device === 'local' && { Alias: overrideTargets.local }),
      ...(device === 'setup' && { Alias: overrideTargets.setup }),
      ...(place && { RelatedItem: [link(functionPath(place.slot, place.id))], 'RelatedItem@odata.count': 1 }),
    },
  }
}

function chassis(blade: Blade): Resource {
  return {
    type: 'Chassis',
    allow: reads,
    body: {
      Id: 'blade',
      Name: 'Blade',
      ChassisType: 'Blade',
      Model: blade.product,
      SerialNumber: blade.serial,
      PowerState: blade.power === 'on' ? 'On' : 'Off',
      Status: healthy,
      NetworkAdapters: link('/Chassis/blade/NetworkAdapters'),
      Links: { ComputerSystems: [link('/Systems/1')], ManagedBy: [link('/Managers/bmc')] },
    },
  }
}

const adapterPath = (slot: string): string => `/Chassis/blade/NetworkAdapters/${slot}`
const functionPath = (slot: string, id: string): string => `${adapterPath(slot)}/NetworkDeviceFunctions/${id}`

function adapterAt(blade: Blade, slot: string): AdapterReading | undefined {
  return blade.adapters.find((adapter) => adapter.slot === slot)
}

export function functionAt(blade: Blade, slot: string, id: string): FunctionReading | undefined {
  const key = keyOf(slot, id)
  return adapterAt(blade, slot)?.functions.find((fn) => fn.key === key)
}

function adapter(reading: AdapterReading | undefined): Resource | undefined {
  return (
    reading && {
      type: 'NetworkAdapter',
      allow: reads,
      body: {
        ...adapterBody(reading),
        Name: `Adapter in ${reading.slot}`,
        Status: healthy,
        Location: { PartLocation: { ServiceLabel: reading.slot, LocationType: 'Slot' } },
        NetworkDeviceFunctions: link(`${adapterPath(reading.slot)}/NetworkDeviceFunctions`),
      },
    }
  )
}

function functions(reading: AdapterReading | undefined): Resource | undefined {
  return (
    reading &&
    collection(
      'NetworkDeviceFunctionCollection',
      `Functions of ${reading.slot}`,
      reading.functions.map((fn) => {
        const place = functionId(fn.key)
        if (place?.slot !== reading.slot) throw new Error(`function ${fn.key} is not of slot ${reading.slot}`)
        return functionPath(place.slot, place.id)
      }),
    )
  )
}

function networkFunction(slot: string, reading: FunctionReading | undefined): Resource | undefined {
  const id = reading && functionId(reading.key)?.id
  if (reading === undefined || id === undefined) return undefined
  const body = functionShown(reading)
  const path = functionPath(slot, id)
  return {
    type: 'NetworkDeviceFunction',
    allow: reads,
    body: {
      Id: id,
      Name: reading.key,
      Status: { ...healthy, State: reading.applied.role === 'off' ? 'Disabled' : 'Enabled' },
      ...body,
      Oem: withOemType(body),
      '@Redfish.Settings': {
        '@odata.type': typeNames.Settings,
        SettingsObject: link(`${path}/Settings`),
        SupportedApplyTimes: ['OnReset'],
      },
      Actions: { Oem: { [clearAction]: { target: `${root}${path}${clearTail}` } } },
    },
  }
}

function settings(reading: FunctionReading | undefined): Resource | undefined {
  if (reading === undefined) return undefined
  const body = settingsShown(reading)
  return {
    type: 'NetworkDeviceFunction',
    allow: ['GET', 'HEAD', 'PATCH'],
    body: { Id: 'Settings', Name: `${reading.key} after the next reset`, ...body, Oem: withOemType(body) },
  }
}

function withOemType(body: JsonObject): JsonObject {
  return { Midplane: { '@odata.type': oemTypes.function, ...((body.Oem as JsonObject).Midplane as JsonObject) } }
}

function manager(): Resource {
  return {
    type: 'Manager',
    allow: reads,
    body: {
      Id: 'bmc',
      Name: 'Blade BMC',
      ManagerType: 'BMC',
      PowerState: 'On',
      Status: healthy,
      Links: {
        ManagerForServers: [link('/Systems/1')],
        ManagerForChassis: [link('/Chassis/blade')],
        ManagerInChassis: link('/Chassis/blade'),
      },
    },
  }
}

function sessionService(): Resource {
  return {
    type: 'SessionService',
    allow: reads,
    body: {
      Id: 'SessionService',
      Name: 'Sessions',
      ServiceEnabled: true,
      Status: healthy,
      Sessions: link('/SessionService/Sessions'),
    },
  }
}

function session(view: View, id: string): Resource | undefined {
  if (!view.sessions.includes(id)) return undefined
  return {
    type: 'Session',
    allow: ['GET', 'HEAD', 'DELETE'],
    body: { Id: id, Name: 'Session', SessionType: 'Redfish', UserName: null, Password: null },
  }
}

function taskService(): Resource {
  return {
    type: 'TaskService',
    allow: reads,
    body: {
      Id: 'TaskService',
      Name: 'Changes',
      ServiceEnabled: true,
      Status: healthy,
      Tasks: link('/TaskService/Tasks'),
    },
  }
}

function task(view: View, id: string): Resource | undefined {
  const found = view.tasks.find((one) => one.id === id)
  return (
    found && { type: 'Task', allow: reads, body: { Id: id, Name: found.what, TaskState: 'Running', TaskStatus: 'OK' } }
  )
}
