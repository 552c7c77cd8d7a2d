/**
 * Which schema each resource follows, and the two documents that say so: $metadata, and the CSDL of
 * what stands under Oem.Midplane. Versions are those of Redfish release 2025.4.
 */
export const typeNames = {
  ServiceRoot: '#ServiceRoot.v1_20_0.ServiceRoot',
  ComputerSystemCollection: '#ComputerSystemCollection.ComputerSystemCollection',
  ComputerSystem: '#ComputerSystem.v1_27_0.ComputerSystem',
  BootOptionCollection: '#BootOptionCollection.BootOptionCollection',
  BootOption: '#BootOption.v1_0_6.BootOption',
  ChassisCollection: '#ChassisCollection.ChassisCollection',
  Chassis: '#Chassis.v1_28_0.Chassis',
  NetworkAdapterCollection: '#NetworkAdapterCollection.NetworkAdapterCollection',
  NetworkAdapter: '#NetworkAdapter.v1_14_0.NetworkAdapter',
  NetworkDeviceFunctionCollection: '#NetworkDeviceFunctionCollection.NetworkDeviceFunctionCollection',
  NetworkDeviceFunction: '#NetworkDeviceFunction.v1_11_1.NetworkDeviceFunction',
  ManagerCollection: '#ManagerCollection.ManagerCollection',
  Manager: '#Manager.v1_24_0.Manager',
  SessionService: '#SessionService.v1_2_0.SessionService',
  SessionCollection: '#SessionCollection.SessionCollection',
  Session: '#Session.v1_8_0.Session',
  TaskService: '#TaskService.v1_3_0.TaskService',
  TaskCollection: '#TaskCollection.TaskCollection',
  Task: '#Task.v1_7_4.Task',
  Settings: '#Settings.v1_4_0.Settings',
  Message: '#Message.v1_3_0.Message',
} as const

export const oemTypes = { system: '#Midplane.v1_0_0.System', function: '#Midplane.v1_0_0.Function' } as const
export const oemSchemaPath = '/redfish/v1/schemas/Midplane_v1.xml'

/** Where the schema of a type is published; for the Link header. */
export function describedBy(type: keyof typeof typeNames): string {
  return `http://redfish.dmtf.org/schemas/v1/${typeNames[type].slice(1).split('.').slice(0, -1).join('.')}.json`
}

const edmx = (body: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">\n${body}</edmx:Edmx>\n`
const reference = (uri: string, namespaces: readonly string[], alias = ''): string =>
  `  <edmx:Reference Uri="${uri}">\n${namespaces.map((one) => `    <edmx:Include Namespace="${one}"${alias}/>\n`).join('')}  </edmx:Reference>\n`

export function metadata(): string {
  const references = Object.values(typeNames).map((type) => {
    const namespaces = type.slice(1).split('.').slice(0, -1)
    const name = namespaces[0] as string
    return reference(`http://redfish.dmtf.org/schemas/v1/${name}_v1.xml`, [...new Set([name, namespaces.join('.')])])
  })
  return edmx(
    `${references.join('')}${reference(oemSchemaPath, ['Midplane', 'Midplane.v1_0_0'])}  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Service">
      <EntityContainer Name="Service" Extends="ServiceRoot.v1_20_0.ServiceContainer"/>
    </Schema>
  </edmx:DataServices>
`,
  )
}

interface OemProperty {
  readonly name: string
  readonly type: string
  readonly writable: boolean
  readonly nullable: boolean
  readonly says: string
}
const property = (name: string, type: string, says: string, writable = true, nullable = true): OemProperty => ({
  name,
  type,
  writable,
  nullable,
  says,
})

const oemObjects: {
  readonly [name: string]: { readonly says: string; readonly open?: true; readonly properties: readonly OemProperty[] }
} = {
  System: {
    says: 'What ComputerSystem has no words for.',
    properties: [
      property(
        'PowerButton',
        'Midplane.v1_0_0.Switch',
        'Whether the power button may switch the blade on.',
        true,
        false,
      ),
      property('Wake', 'Midplane.v1_0_0.Switch', 'Whether a packet may switch the blade on.', true, false),
      property('Shown', 'Midplane.v1_0_0.Shown', 'Identity shown to the operating system.', true, false),
      property('Boots', 'Edm.Int64', 'Boots since the BMC got power.', false, false),
      property(
        'StageSeconds',
        'Edm.Decimal',
        'Seconds that the current BootProgress.LastState has lasted.',
        false,
        false,
      ),
    ],
  },
  Shown: {
    says: 'Identity shown instead of the factory one; null shows the factory one.',
    properties: [
      property('UUID', 'Edm.Guid', 'UUID shown.'),
      property('SerialNumber', 'Edm.String', 'Serial number shown.'),
    ],
  },
  Function: {
    says: 'What NetworkDeviceFunction has no words for.',
    properties: [
      property(
        'MinimumMbps',
        'Edm.Int64',
        'Guaranteed egress bandwidth in Mb/s; goes with the egress limit in Limits.',
      ),
      property('CHAPSecretName', 'Edm.String', 'Name of the CHAP secret; the secret itself is never shown.'),
      property('MutualCHAPSecretName', 'Edm.String', 'Name of the mutual CHAP secret.'),
      property('PrimaryLUN', 'Edm.String', 'Primary LUN in hexadecimal where a number would not be exact.'),
      property('SecondaryLUN', 'Edm.String', 'Secondary LUN in hexadecimal where a number would not be exact.'),
      property('Pending', 'Edm.Boolean', 'Whether values wait for the next reset.', false, false),
      property(
        'Factory',
        'Midplane.v1_0_0.Factory',
        'The function as burned in, in the members of NetworkDeviceFunction.',
        false,
      ),
    ],
  },
  Factory: { says: 'Members of NetworkDeviceFunction.', open: true, properties: [] },
}

/** CSDL of Oem.Midplane and its action. */
export function oemSchema(): string {
  const annotation = (term: string, value: string): string => `<Annotation Term="${term}" ${value}/>`
  const describe = (says: string): string =>
    annotation('OData.Description', `String="${says}"`) +
    annotation('OData.LongDescription', `String="This shall contain: ${says}"`)
  const objects = Object.entries(oemObjects).map(
    ([name, { says, open, properties }]) =>
      `      <ComplexType Name="${name}"${name === 'System' || name === 'Function' ? ' BaseType="Resource.OemObject"' : ''}>
        ${annotation('OData.AdditionalProperties', `Bool="${open === true}"`)}${describe(says)}
${properties
  .map(
    (one) =>
      `        <Property Name="${one.name}" Type="${one.type}" Nullable="${one.nullable}">${annotation('OData.Permissions', `EnumMember="OData.Permission/${one.writable ? 'ReadWrite' : 'Read'}"`)}${describe(one.says)}</Property>\n`,
  )
  .join('')}      </ComplexType>\n`,
  )
  return edmx(
    `${reference('http://docs.oasis-open.org/odata/odata/v4.0/errata03/csd01/complete/vocabularies/Org.OData.Core.V1.xml', ['Org.OData.Core.V1'], ' Alias="OData"')}${reference('http://redfish.dmtf.org/schemas/v1/RedfishExtensions_v1.xml', ['RedfishExtensions.v1_0_0'], ' Alias="Redfish"')}${reference('http://redfish.dmtf.org/schemas/v1/Resource_v1.xml', ['Resource', 'Resource.v1_0_0'])}${reference('http://redfish.dmtf.org/schemas/v1/NetworkDeviceFunction_v1.xml', ['NetworkDeviceFunction', 'NetworkDeviceFunction.v1_0_0'])}  <edmx:DataServices>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Midplane">
      ${annotation('Redfish.OwningEntity', 'String="Midplane"')}
      <Action Name="Clear" IsBound="true">
        <Parameter Name="NetworkDeviceFunction" Type="NetworkDeviceFunction.v1_0_0.OemActions"/>
        ${describe('Takes the function back to its factory values at the next reset.')}
      </Action>
    </Schema>
    <Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" Namespace="Midplane.v1_0_0">
      ${annotation('Redfish.OwningEntity', 'String="Midplane"')}
      <EnumType Name="Switch"><Member Name="Enabled"/><Member Name="Disabled"/></EnumType>
${objects.join('')}    </Schema>
  </edmx:DataServices>
`,
  )
}

/** OData service document. */
export function serviceDocument() {
  const singletons = ['Systems', 'Chassis', 'Managers', 'SessionService', 'TaskService']
  return {
    '@odata.context': '/redfish/v1/$metadata',
    value: [
      { name: 'Service', kind: 'Singleton', url: '/redfish/v1/' },
      ...singletons.map((name) => ({ name, kind: 'Singleton', url: `/redfish/v1/${name}` })),
      { name: 'Sessions', kind: 'Singleton', url: '/redfish/v1/SessionService/Sessions' },
    ],
  }
}
