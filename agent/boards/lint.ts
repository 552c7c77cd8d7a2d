/**
 * What a board's schema can not say: that names point at something, that things do not sit on top of each other, that
 * no two wires end at one port, that an adapter's functions obey its own partition rule. Each complaint says what is
 * wrong, where, and what to do about it.
 */
import { parseMac, parseWwn } from '../core/addresses.ts'
import type { AdapterModel, BladeForm, ChassisBoard, ControllerBoard, Place } from '../core/board.ts'
import { type Finding, step } from './shape.ts'
import { lintSources } from './sources.ts'

export type Adapters = { readonly [model: string]: AdapterModel }

export function lintChassis(board: ChassisBoard, adapters: Adapters): readonly Finding[] {
  return [
    ...lintBays(board),
    ...lintGeometry(board),
    ...lintForms(board),
    ...lintDownlinks(board),
    ...lintBlades(board, adapters),
    ...lintSimulated(board),
    ...lintEeprom(board),
    ...lintSources(board),
  ]
}

const at = (...names: (string | number)[]) => names.map(step).join('')

/** One finding for each member that has the same key as an earlier one. */
function twice<Member>(
  list: readonly Member[],
  key: (member: Member) => unknown,
  where: string,
  what: string,
): readonly Finding[] {
  return list.flatMap((member, i) =>
    list.findIndex((each) => key(each) === key(member)) < i
      ? [{ pointer: `${where}${step(i)}`, say: `${what} ${String(key(member))} is there twice; give each its own` }]
      : [],
  )
}

function lintBays(board: ChassisBoard): readonly Finding[] {
  const count = board.bays.length
  return [
    ...board.bays.flatMap(({ bay }, i) =>
      bay === i + 1
        ? []
        : [
            {
              pointer: at('bays', i, 'bay'),
              say: `bay ${bay} stands where bay ${i + 1} should; number the ${count} bays 1 to ${count}, in order`,
            },
          ],
    ),
    ...twice(board.interconnects, ({ id }) => id, '/interconnects', 'interconnect'),
    ...twice(board.forms, ({ id }) => id, '/forms', 'form'),
    ...twice(board.blades, ({ product }) => product, '/blades', 'blade'),
  ]
}

interface Thing {
  readonly what: string
  readonly pointer: string
  readonly face: 'front' | 'rear'
  readonly place: Place
}

function lintGeometry(board: ChassisBoard): readonly Finding[] {
  const findings: Finding[] = []
  const things: Thing[] = [
    ...board.bays.map(({ bay, face, at: place }, i) => ({
      what: `bay ${bay}`,
      pointer: at('bays', i, 'at'),
      face,
      place,
    })),
    ...board.interconnects.map(({ id, face, at: place }, i) => ({
      what: id,
      pointer: at('interconnects', i, 'at'),
      face,
      place,
    })),
  ]
  for (const group of ['controllers', 'supplies', 'fans'] as const) {
    const { count, face, at: places } = board[group]
    const one = { controllers: 'controller', supplies: 'supply', fans: 'fan' }[group]
    if (count !== places.length)
      findings.push({
        pointer: at(group, 'at'),
        say: `there are ${count} ${group} and ${places.length} places for them; give each one place`,
      })
    places.forEach((place, i) => {
      const own = 'face' in place && place.face !== undefined ? (place.face as 'front' | 'rear') : face
      things.push({ what: `${one} ${i + 1}`, pointer: at(group, 'at', i), face: own, place })
    })
  }
  things.forEach((thing, i) => {
    const { place, face } = thing
    const plane = board[face]
    if (place.x + place.w > plane.w || place.y + place.h > plane.h)
      findings.push({
        pointer: thing.pointer,
        say: `${thing.what} reaches over the edge of the ${face}, which is ${plane.w} by ${plane.h}; move or shrink it`,
      })
    const under = things.slice(0, i).find((other) => other.face === face && overlap(other.place, place))
    if (under !== undefined)
      findings.push({
        pointer: thing.pointer,
        say: `${thing.what} overlaps ${under.what} on the ${face}; move one of them`,
      })
  })
  return findings
}

const overlap = (a: Place, b: Place) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

function lintForms(board: ChassisBoard): readonly Finding[] {
  const findings: Finding[] = []
  const count = board.bays.length
  const interconnects = board.interconnects.map(({ id }) => id)
  board.forms.forEach((form, f) => {
    form.fills.forEach((fill, i) => {
      const pointer = at('forms', f, 'fills', i)
      const outside = fill.find((bay) => bay > count)
      if (outside !== undefined)
        findings.push({
          pointer,
          say: `form ${form.id} fills bay ${outside}, which this chassis does not have: name bays 1 to ${count}`,
        })
      else if (new Set(fill).size < fill.length)
        findings.push({ pointer, say: `form ${form.id} fills one bay twice; name each once` })
      else if (!isOneRectangle(board, fill))
        findings.push({
          pointer,
          say: `bays ${fill.join(', ')} do not form one rectangle, and one blade can not fill them; correct the bays or their places`,
        })
      if (f === 0 && fill.length !== 1)
        findings.push({
          pointer,
          say: `the first form is the plain one and fills one bay each; put form ${form.id} further down`,
        })
    })
    findings.push(...twice(form.fills, ([bay]) => bay, at('forms', f, 'fills'), `form ${form.id} known by bay`))
    findings.push(...twice(form.slots, ({ id }) => id, at('forms', f, 'slots'), `slot`))
    form.slots.forEach((slot, s) => {
      const where = at('forms', f, 'slots', s, 'wiring')
      findings.push(...twice(slot.wiring, ({ port }) => port, where, `port of ${slot.id}`))
      slot.wiring.forEach(({ port, interconnect }, w) => {
        if (!interconnects.includes(interconnect))
          findings.push({
            pointer: `${where}${at(w, 'interconnect')}`,
            say: `port ${port} of ${slot.id} is wired to ${interconnect}, which this chassis does not have: name one of ${interconnects.join(', ')}`,
          })
      })
    })
  })
  const plain = new Set(board.forms[0]?.fills.flat())
  const without = board.bays.find(({ bay }) => !plain.has(bay))
  if (without !== undefined)
    findings.push({
      pointer: '/forms/0/fills',
      say: `no plain blade goes into bay ${without.bay}; add [${without.bay}]`,
    })
  return findings
}

function isOneRectangle(board: ChassisBoard, fill: readonly number[]): boolean {
  const bays = board.bays.filter(({ bay }) => fill.includes(bay))
  if (new Set(bays.map(({ face }) => face)).size > 1) return false
  const places = bays.map(({ at: place }) => place)
  const left = Math.min(...places.map(({ x }) => x))
  const top = Math.min(...places.map(({ y }) => y))
  const right = Math.max(...places.map(({ x, w }) => x + w))
  const bottom = Math.max(...places.map(({ y, h }) => y + h))
  return (right - left) * (bottom - top) === places.reduce((sum, { w, h }) => sum + w * h, 0)
}

interface Lane {
  readonly form: BladeForm
  readonly fill: readonly number[]
  readonly slot: string
  readonly port: number
  readonly pointer: string
  /** Interconnect and its downlink port. */
  readonly end: string
}

/** Two lanes that could be there at the same time never end at one downlink port. */
function lintDownlinks(board: ChassisBoard): readonly Finding[] {
  const lanes = board.forms.flatMap((form, f) =>
    form.fills.flatMap((fill) =>
      form.slots.flatMap((slot, s) =>
        slot.wiring.map(({ port, interconnect, downlink }, w): Lane => {
          const end = `${interconnect} downlink ${fill[0] + downlink.offset}`
          return { form, fill, slot: slot.id, port, pointer: at('forms', f, 'slots', s, 'wiring', w), end }
        }),
      ),
    ),
  )
  const ends = new Map<string, Lane[]>()
  const findings = new Map<string, Finding>()
  for (const lane of lanes) {
    const rivals = ends.get(lane.end) ?? []
    const sameBlade = (other: Lane) => other.form === lane.form && other.fill === lane.fill
    const rival = rivals.find((other) => sameBlade(other) || !other.fill.some((bay) => lane.fill.includes(bay)))
    if (rival !== undefined && !findings.has(lane.pointer)) {
      const [one, other] = [rival, lane].map(({ slot, port, fill }) => `port ${port} of ${slot} in bay ${fill[0]}`)
      findings.set(lane.pointer, {
        pointer: lane.pointer,
        say: `${other} ends at ${lane.end}, and so does ${one}; give one of them another interconnect or offset`,
      })
    }
    ends.set(lane.end, [...rivals, lane])
  }
  return [...findings.values()]
}

function lintBlades(board: ChassisBoard, adapters: Adapters): readonly Finding[] {
  return board.blades.flatMap(({ product, form: formId, adapters: fitted }, b): readonly Finding[] => {
    const form = board.forms.find(({ id }) => id === formId)
    if (form === undefined) {
      const forms = board.forms.map(({ id }) => id).join(', ')
      return [
        {
          pointer: at('blades', b, 'form'),
          say: `blade ${product} is of form ${formId}, which this chassis does not take: name one of ${forms}`,
        },
      ]
    }
    return Object.entries(fitted).flatMap(([slotId, modelId]): readonly Finding[] => {
      const pointer = at('blades', b, 'adapters', slotId)
      const slot = form.slots.find(({ id }) => id === slotId)
      const model = adapters[modelId]
      if (slot === undefined)
        return [
          {
            pointer,
            say: `form ${formId} has no slot ${slotId}: name one of ${form.slots.map(({ id }) => id).join(', ')}`,
          },
        ]
      if (model === undefined)
        return [
          {
            pointer,
            say: `there is no adapter ${modelId}: name one of ${Object.keys(adapters).join(', ')}, or add its file to boards/adapters`,
          },
        ]
      const loose = Array.from({ length: model.ports }, (_, i) => i + 1).find(
        (port) => !slot.wiring.some((wire) => wire.port === port),
      )
      if (loose === undefined) return []
      return [
        {
          pointer,
          say: `port ${loose} of ${modelId} is not wired in ${slotId} of form ${formId}; wire it or choose a smaller adapter`,
        },
      ]
    })
  })
}

function lintSimulated(board: ChassisBoard): readonly Finding[] {
  const holder = new Map<number, string>()
  return Object.entries(board.simulated).flatMap(([bay, product]): readonly Finding[] => {
    const pointer = at('simulated', bay)
    const model = board.blades.find((each) => each.product === product)
    if (model === undefined)
      return [
        {
          pointer,
          say: `bay ${bay} has a ${product}, which is not among blades: name one of ${board.blades.map((each) => each.product).join(', ')}`,
        },
      ]
    const form = board.forms.find(({ id }) => id === model.form)
    const fill = form?.fills.find(([first]) => first === Number(bay))
    if (fill === undefined) {
      const starts = form?.fills.map(([first]) => first).join(', ') ?? 'none'
      return [{ pointer, say: `a ${product} can not be known by bay ${bay}: put it in one of ${starts}` }]
    }
    const taken = fill.find((each) => holder.has(each))
    const say = `the ${product} in bay ${bay} fills bay ${taken}, which the blade in bay ${holder.get(taken ?? 0)} fills too; take one out`
    for (const each of fill) holder.set(each, bay)
    return taken === undefined ? [] : [{ pointer, say }]
  })
}

function lintEeprom({ backplane: { eeprom } }: ChassisBoard): readonly Finding[] {
  return eeprom.bytes % eeprom.pageBytes === 0
    ? []
    : [
        {
          pointer: '/backplane/eeprom/pageBytes',
          say: `${eeprom.bytes} bytes are no whole number of ${eeprom.pageBytes}-byte pages; correct one of them`,
        },
      ]
}

export function lintAdapter(model: AdapterModel): readonly Finding[] {
  return [
    ...twice(model.functions, ({ id }) => id, '/functions', 'function'),
    ...model.functions.flatMap(({ roles }, f) => twice(roles, (role) => role, at('functions', f, 'roles'), 'role')),
    ...lintKind(model),
    ...lintErases(model),
    ...lintPartitioning(model),
    ...lintFactory(model),
    ...lintSources(model),
  ]
}

/** W9: each kind of logical I/O keeps its addresses in one place, and they take effect and are let go as that place says. */
function lintKind({ kind, lives, takesEffect, proof }: AdapterModel): readonly Finding[] {
  const physical = { lives: 'adapter', takesEffect: 'reset', proof: 'blade' }
  const is = {
    software: { lives: 'host-driver', takesEffect: 'attach', proof: 'blade' },
    cna: physical,
    director: { lives: 'director', takesEffect: 'live', proof: 'function' },
    mapped: physical,
  }[kind]
  const wrong = (what: 'lives' | 'takesEffect' | 'proof', said: string): readonly Finding[] =>
    said === is[what]
      ? []
      : [{ pointer: at(what), say: `a ${kind} adapter has ${what} ${is[what]}, not ${said}; correct it or the kind` }]
  return [...wrong('lives', lives), ...wrong('takesEffect', takesEffect), ...wrong('proof', proof)]
}

/** A longer loss erases at least what a shorter one does. */
function lintErases({ erases }: AdapterModel): readonly Finding[] {
  return (['address', 'storage'] as const).flatMap((what): readonly Finding[] => {
    const { acLoss, coldBoot, warmBoot } = erases[what]
    if ((!warmBoot || coldBoot) && (!coldBoot || acLoss)) return []
    const [short, long] = warmBoot && !coldBoot ? ['warm boot', 'cold boot'] : ['cold boot', 'AC loss']
    return [
      {
        pointer: at('erases', what),
        say: `a ${short} erases it and ${long} does not; what the shorter loss erases, the longer one does too`,
      },
    ]
  })
}

function lintPartitioning({ partitioning, functions, ports, portMbps }: AdapterModel): readonly Finding[] {
  const findings: Finding[] = []
  const say = (pointer: string, text: string) => findings.push({ pointer, say: text })
  const divided = (stepMbps: number) => {
    if (functions.length > 4)
      say(
        '/functions',
        `${partitioning.rule} divides a port into 4 functions at most, not ${functions.length}; take some out`,
      )
    if (portMbps % stepMbps !== 0)
      say(
        '/partitioning/stepMbps',
        `${portMbps} Mb/s are no whole number of ${stepMbps} Mb/s steps; correct one of them`,
      )
    functions.forEach(({ id, roles }, f) => {
      if (roles.includes('fc'))
        say(at('functions', f, 'roles'), `function ${id} shares an Ethernet port and can not be fc; write fcoe`)
    })
  }
  switch (partitioning.rule) {
    case 'whole':
      if (functions.length !== 1)
        say(
          '/functions',
          `a whole port is one function, not ${functions.length}; take the others out or change the rule`,
        )
      break
    case 'npar':
      divided(partitioning.stepMbps)
      if (functions[0]?.roles.join() !== 'nic')
        say('/functions/0/roles', 'the first function of an NPAR port is a NIC and nothing else; write ["nic"]')
      for (const role of ['iscsi', 'fcoe'] as const) {
        const able = functions.filter(({ roles }) => roles.includes(role)).map(({ id }) => id)
        if (able.length > 1)
          say(
            '/functions',
            `functions ${able.join(' and ')} can be ${role}, and an NPAR port has one such place; leave it to one of them`,
          )
      }
      perAdapter(partitioning.perAdapter)
      break
    case 'umc':
      divided(partitioning.stepMbps)
      if (partitioning.leastMbps % partitioning.stepMbps !== 0 || partitioning.leastMbps * functions.length > portMbps)
        say(
          '/partitioning/leastMbps',
          `${functions.length} channels of at least ${partitioning.leastMbps} Mb/s do not divide ${portMbps} in steps of ${partitioning.stepMbps}; correct one of them`,
        )
      break
    case 'flex-10':
      divided(partitioning.stepMbps)
      if (partitioning.stepMbps * functions.length > portMbps)
        say(
          '/partitioning/stepMbps',
          `${functions.length} functions of one step of ${partitioning.stepMbps} Mb/s are more than the port's ${portMbps}; correct one of them`,
        )
      break
    case 'virtual':
      perAdapter(partitioning.perAdapter)
      break
  }
  function perAdapter(most: number): void {
    if (most > ports * functions.length)
      say(
        '/partitioning/perAdapter',
        `the adapter has ${ports * functions.length} functions and can not carry ${most}; correct one of them`,
      )
  }
  return findings
}

function lintFactory({ factory: { oui, wwn } }: AdapterModel): readonly Finding[] {
  return [
    ...(parseMac(`${oui}:00:00:01`)
      ? []
      : [{ pointer: '/factory/oui', say: `${oui} begins no unicast MAC; its first octet has to be even` }]),
    ...(parseWwn(`${wwn}:00:00:01`)
      ? []
      : [
          {
            pointer: '/factory/wwn',
            say: `${wwn} begins no world-wide name; its first digit has to be 1, 2, 5 or 6, and a MAC in it unicast`,
          },
        ]),
  ]
}

/** Below this the agent does not run. */
const floor = { ramMiB: 256, storageMiB: 128 }

export function lintController(board: ControllerBoard): readonly Finding[] {
  const small = (what: 'ramMiB' | 'storageMiB'): readonly Finding[] =>
    board[what] >= floor[what]
      ? []
      : [
          {
            pointer: at(what),
            say: `${board[what]} MiB are less than the ${floor[what]} that the agent needs; choose another board`,
          },
        ]
  return [...small('ramMiB'), ...small('storageMiB'), ...lintSources(board)]
}
