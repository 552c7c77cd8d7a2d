/**
 * How a controller begins to lead in the model of the pair: the real verdict on what it finds, and then one durable step
 * of `openMemory` (memory.ts) after the other, so that power can fail between any two.
 */
import { samePosition } from '../../agent/controller/store/copies.ts'
import { adopted, append, begun, blankCopy, type CopyId, content, lead, torn, verdictOn } from './pair-copies.ts'
import { isWritable } from './pair-owner.ts'
import { nameIn, type Opening, type PairLab, type PairWorld, type Program, type Slot } from './pair-world.ts'
import { Broken } from './run.ts'

/** `start` in memory.ts: the verdict, and the durable steps that follow from it. */
export function open(world: PairWorld, slot: Slot, lab: PairLab): void {
  if (lab.single) world.line = slot
  const { chip } = world[slot]
  const { term, members, copy, proven } = world.eeprom
  const self = nameIn(world, slot, lab)
  const { flash, replacing, promised } = chip
  const verdict = verdictOn(flash, replacing, promised, self, term, members, copy ?? -1, lab.forgets)
  const own = content(flash === torn ? blankCopy : flash)
  const leads = lab.rules.stranger === 'leads from its flash' && own.state.incarnation !== '' && flash !== torn
  if (proven && members.includes(self) && own.state.incarnation !== '' && verdict.is !== 'go-on') {
    const why = verdict.is === 'hold' ? `holds: ${verdict.why}` : `has to ${verdict.is}`
    throw new Broken(`W11: the EEPROM names ${slot}, whose flash is whole, and it ${why}`)
  }
  const todo = ((): Opening[] | undefined => {
    switch (verdict.is) {
      case 'begin': {
        const fresh = begun(verdict.keys?.term ?? 1)
        return [{ do: 'inscribe', term: verdict.keys?.term ?? 1 }, ...replace(fresh), { do: 'copy', must: true }]
      }
      case 'go-on':
        return goingOn()
      case 'adopt': {
        if (leads) return goingOn()
        const next = Math.max(verdict.keys.term, verdict.copy.state.term, verdict.copy.at.term, promised) + 1
        const made = adopted(copy as CopyId, next, lab.rules.epoch === 'raised')
        return [{ do: 'inscribe', term: next }, ...replace(made), { do: 'copy', must: true }]
      }
      case 'hold':
        return leads ? goingOn() : undefined
    }
  })()
  function goingOn(): Opening[] {
    const clean: Opening[] = replacing ? [{ do: 'unmark' }] : []
    if (lab.single) return [...clean, { do: 'copy', must: copy === undefined }]
    const next = Math.max(own.state.term, promised, term) + 1
    return [
      ...clean,
      { do: 'promise', term: next },
      { do: 'secure', term: next },
      { do: 'lead', term: next },
      { do: 'copy', must: false },
    ]
  }
  world[slot].program = todo
    ? { is: 'opening', todo, adopts: verdict.is === 'adopt' && !leads }
    : serving(world, slot, true)
}

/** `replaceFlash` in memory.ts. */
const replace = (copy: CopyId): Opening[] => [
  { do: 'mark' },
  { do: 'tear', copy },
  { do: 'fill', copy },
  { do: 'unmark' },
]

function serving(world: PairWorld, slot: Slot, held: boolean): Program {
  const { flash } = world[slot].chip
  return {
    is: 'owner',
    held,
    members: [...world.eeprom.members],
    shared: flash === torn ? blankCopy : flash,
    peer: undefined,
    waiting: [],
    queue: [],
    naming: [],
    overtaken: 0,
    stuck: false,
    again: false,
    copying: false,
  }
}

/** One durable step; after the last one it serves. */
export function goOn(world: PairWorld, slot: Slot, lab: PairLab): void {
  const { chip, program } = world[slot]
  if (program.is !== 'opening') return
  const step = program.todo.shift() as Opening
  const self = nameIn(world, slot, lab)
  const { eeprom } = world
  const writes = step.do === 'secure' || step.do === 'inscribe' || step.do === 'copy'
  if (writes && !isWritable({ world, slot })) {
    if (step.do === 'copy' && !step.must) serve(world, slot, program, lab)
    else world[slot].program = serving(world, slot, true)
    return
  }
  switch (step.do) {
    case 'promise':
      chip.promised = step.term
      break
    case 'secure':
      Object.assign(eeprom, { term: step.term, members: [self], copy: chip.flash, proven: true })
      break
    case 'lead':
      chip.flash = append(chip.flash, lead + step.term)
      break
    case 'copy':
      eeprom.copy = chip.flash
      eeprom.proven = true
      break
    case 'inscribe':
      Object.assign(eeprom, { term: step.term, members: [self], proven: false })
      break
    case 'mark':
    case 'unmark':
      chip.replacing = step.do === 'mark'
      break
    case 'tear':
      chip.flash = tear(chip.flash, step.copy)
      break
    case 'fill':
      chip.flash = step.copy
      break
  }
  if (program.todo.length === 0) serve(world, slot, program, lab)
}

/** From here on commands are taken, in this term and epoch: neither was anybody else's. */
function serve(
  world: PairWorld,
  slot: Slot,
  { adopts }: Extract<Program, { is: 'opening' }>,
  { single }: PairLab,
): void {
  const { state } = content(world[slot].chip.flash)
  const { told } = world
  const again = told.led.includes(state.term)
  if (again && !(single && !adopts)) throw new Broken(`W11: ${slot} leads in term ${state.term}, in which somebody led`)
  // Who lost the line on the way believes so only until it looks.
  if (state.term >= world.eeprom.term) {
    if (state.epoch < told.epoch || (adopts && told.led.length > 0 && state.epoch === told.epoch))
      throw new Broken(`W15: ${slot} leads in epoch ${state.epoch}, which was given before`)
    told.epoch = state.epoch
  }
  if (!again) told.led.push(state.term)
  world[slot].program = serving(world, slot, false)
}

/** What a power cut leaves of flash whose content is being replaced: itself, where the new one stands where it does. */
export function tear(old: CopyId, next: CopyId): CopyId {
  return old !== torn && samePosition(content(old).at, content(next).at) ? old : torn
}

/** A step in words. */
export function tell(step: Opening): string {
  switch (step.do) {
    case 'promise':
      return `promises term ${step.term} on its flash`
    case 'secure':
      return `names itself alone in the EEPROM, in term ${step.term}, with what is on its flash`
    case 'lead':
      return `stores on its flash that it leads in term ${step.term}`
    case 'copy':
      return 'copies its flash to the EEPROM'
    case 'inscribe':
      return `names itself alone in the EEPROM, in term ${step.term}`
    case 'mark':
      return 'marks its flash as being replaced'
    case 'tear':
      return 'begins to replace what is on its flash'
    case 'fill':
      return 'has replaced what is on its flash'
    case 'unmark':
      return 'takes that mark away'
  }
}
