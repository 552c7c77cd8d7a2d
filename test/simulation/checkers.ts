/**
 * The rules that may never break, as folds over what happened: each takes one happening after the other and tells when
 * it saw its rule broken. They look at what the hardware did and at what was answered, and never ask the agent.
 */
import type { BootRecord, LogEntry } from '../../agent/sim/log.ts'
import { nothingAcknowledgedLost } from './acknowledged.ts'
import { type Asked, type Checker, type CopyId, type LifeId, rules, type Told, type Violation } from './history.ts'

export interface Chassis {
  /** Boards without a permit latch do not prevent a wrong start (W3). */
  readonly latch: boolean
  /** Functions that a host driver takes into use after the boot. */
  readonly attaches: boolean
}

export function checkers(chassis: Chassis): readonly Checker[] {
  return [
    noAddressTwice(),
    nothingAcknowledgedLost(),
    noWrongBoot(chassis),
    noOldEpoch(),
    oneEffect(),
    runningUntouched(chassis),
    oneWriter(),
  ]
}

/** I1: no address is live on two functions at once. A node name and an initiator name belong to a host, and may be shared in it. */
export function noAddressTwice(): Checker {
  const worn = new Map<string, Map<string, string>>()
  return (told) => {
    if (told.is !== 'hardware') return undefined
    const { entry } = told
    if (entry.kind !== 'live' && entry.kind !== 'dark') return undefined
    const { bay, serial, fn, which, address } = entry
    const wearer = `${serial} ${fn}`
    const wearers = worn.get(address) ?? new Map<string, string>()
    worn.set(address, wearers)
    if (entry.kind === 'dark') {
      wearers.delete(wearer)
      return undefined
    }
    const ofOneHost = which === 'wwnn' || which === 'iqn'
    const others = [...wearers].filter(([other, host]) => other !== wearer && !(ofOneHost && host === serial))
    wearers.set(wearer, serial)
    const [other] = others
    if (other === undefined) return undefined
    return { rule: rules.twice, say: `${which} ${address} is live on ${other[0]} and on ${wearer} in bay ${bay}` }
  }
}

/** I3: a blade boots with exactly what its permit was given for: one profile, whole, or factory values. */
export function noWrongBoot({ latch, attaches }: Chassis): Checker {
  const owners = new Map<string, string>()
  const given = new Map<string, readonly string[]>()
  const armed = new Map<string, string | undefined>()
  const wearsWrong = (
    record: Pick<BootRecord, 'bay' | 'serial' | 'n' | 'functions' | 'shown'>,
    whole: boolean,
  ): Violation | undefined => {
    const say = (what: string): Violation => ({
      rule: rules.boot,
      say: `blade ${record.serial} in bay ${record.bay}, n=${record.n}: ${what}`,
    })
    if (record.n === undefined) return latch ? say('booted without a permit') : undefined
    const key = `${record.bay} ${record.n} ${record.serial}`
    if (!armed.has(key)) return say('booted on a permit that no record stands for')
    const profile = armed.get(key)
    const used = record.functions.flatMap(({ mac, wwpn, wwnn, iqn }) =>
      [mac, wwpn, wwnn, iqn].filter((each) => each !== undefined),
    )
    const stranger = [...used, record.shown.uuid].find(
      (address) => owners.has(address) && owners.get(address) !== profile,
    )
    if (stranger !== undefined)
      return say(`armed for ${profile ?? 'nobody'}, it uses ${stranger} of ${owners.get(stranger)}`)
    const missing =
      whole && profile !== undefined && given.get(profile)?.find((address) => !(used as string[]).includes(address))
    return missing ? say(`armed for ${profile}, it lacks ${missing}`) : undefined
  }
  let lastBoot = new Map<string, BootRecord>()
  return (told) => {
    if (told.is === 'written') {
      const { record } = told
      if (record.kind === 'observation' && record.observation.saw === 'armed') {
        const { bay, n, serial, profile } = record.observation
        armed.set(`${bay} ${n} ${serial}`, profile)
      }
      if (record.kind === 'command') {
        for (const change of record.changes) {
          if (!('set' in change) || change.set !== 'profile') continue
          const { profile, given: addresses } = change.held
          const all = Object.values(addresses).flatMap((set) => Object.values(set) as string[])
          given.set(profile.id, all)
          for (const address of [...all, ...(profile.uuid ? [profile.uuid] : [])]) owners.set(address, profile.id)
        }
      }
      return undefined
    }
    if (told.is !== 'hardware') return undefined
    const { entry } = told
    if (entry.kind === 'boot') {
      lastBoot = new Map(lastBoot).set(entry.record.serial, entry.record)
      return wearsWrong(entry.record, !attaches)
    }
    const before = entry.kind === 'attached' ? lastBoot.get(entry.serial) : undefined
    if (entry.kind !== 'attached' || !before) return undefined
    return wearsWrong({ ...before, functions: [...before.functions, ...entry.functions] }, false)
  }
}

/**
 * I4: nothing is done for who does not command any more, nor for what was decided on another state than there is, nor
 * for a database that fell behind, nor too late, nor for another start of the agent.
 */
export function noOldEpoch(): Checker {
  interface Taken {
    readonly epoch: number
    readonly client: string
    readonly incarnation: string
  }
  let taken: Taken | undefined
  let numbers = new Map<string, number>()
  /** What stood before a take-over that has one copy, which may be lost with its controller. */
  let before:
    | { readonly flash: CopyId | undefined; readonly taken: Taken | undefined; readonly numbers: Map<string, number> }
    | undefined
  const asked = new Map<
    number,
    {
      readonly told: Extract<Told, { is: 'asked' }>
      readonly taken: Taken | undefined
      readonly numbers: ReadonlyMap<string, number>
    }
  >()
  return (told) => {
    if (told.is === 'asked') asked.set(told.number, { told, taken, numbers })
    if (told.is === 'leads' && before && before.flash !== told.flash) {
      taken = before.taken
      numbers = before.numbers
      before = undefined
    }
    if (told.is !== 'answered') return undefined
    const question = asked.get(told.number)
    const { outcome, replayed, incarnation } = told.reply
    if (!question || outcome.kind !== 'accepted' || replayed || outcome.dryRun) return undefined
    const { request, uptimeMs, bootId } = question.told
    const { client, sent } = request
    const { body } = sent
    const broken = (say: string): Violation => ({
      rule: rules.epoch,
      say: `${client} asked ${told.number} (${body.kind}) and was accepted: ${say}`,
    })
    const office = question.taken?.incarnation === incarnation ? question.taken : undefined
    if (body.kind === 'take-over') {
      if (office && body.observedEpoch < office.epoch)
        return broken(`it read epoch ${body.observedEpoch}, and ${office.epoch} was there`)
      const known = question.numbers.get(body.lineage) ?? -1
      if (body.number < known && office)
        return broken(`database ${body.number} of ${body.lineage} is older than ${known}`)
      before = told.where.length > 1 ? undefined : (before ?? { flash: told.where[0], taken, numbers })
      numbers = new Map(numbers).set(body.lineage, Math.max(known, body.number))
      const { epoch } = outcome.accepted
      if (!taken || taken.incarnation !== incarnation || epoch > taken.epoch) taken = { epoch, client, incarnation }
      return undefined
    }
    if (office) {
      if (sent.epoch === undefined)
        return broken(`${office.client} is in office at ${office.epoch}, and it named no epoch`)
      if (sent.epoch < office.epoch)
        return broken(`epoch ${sent.epoch} ended when ${office.client} took over at ${office.epoch}`)
      if (sent.epoch === office.epoch && client !== office.client) return broken(`${office.client} is in office`)
    }
    const { expect, ifRevision } = sent
    if (expect && expect.incarnation !== incarnation) return broken('it was meant for another life of the chassis')
    if (expect && expect.bootId !== bootId) return broken('it was meant for another start of the agent')
    if (expect && expect.beforeUptimeMs <= uptimeMs) return broken('it had run out')
    if (ifRevision !== undefined && outcome.accepted.changed && outcome.accepted.revision !== ifRevision + 1)
      return broken(`it was decided on revision ${ifRevision}, and made ${outcome.accepted.revision}`)
    return undefined
  }
}

/** I6: one request is carried out once; what a one-shot does, the hardware sees once. */
export function oneEffect(): Checker {
  interface First {
    readonly number: number
    where: readonly CopyId[]
  }
  const firsts = new Map<string, First>()
  const byNumber = new Map<number, First>()
  const wanted = new Map<string, number>()
  const done = new Map<string, number>()
  const count = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  const shot = (entry: LogEntry): string | undefined => {
    if (entry.kind === 'cut' && entry.on) return `cut of bay ${entry.bay}`
    if (entry.kind === 'command' && entry.outcome === 'done' && entry.request === 'power' && entry.detail === 'reset')
      return `reset of bay ${entry.bay}`
    return undefined
  }
  return (told) => {
    switch (told.is) {
      case 'written': {
        const { record, number, flash } = told
        if (record.kind !== 'command') return undefined
        for (const change of record.changes) {
          if ('set' in change && change.set === 'one-shot')
            count(wanted, `${change.which === 'resets' ? 'reset' : 'cut'} of bay ${change.bay}`)
        }
        const key = `${record.origin.client} ${record.origin.request}`
        const first = firsts.get(key)
        // Where the answer is lost with the flash that had it, it is the epoch that refuses what comes again.
        const known = first && (first.where.includes(flash) || first.where.length > 1)
        if (known && record.accepted.changed)
          return {
            rule: rules.once,
            say: `${key} was carried out by write ${first.number} on ${first.where.join(' ')}, and again by ${number}`,
          }
        const mine: First = { number, where: [] }
        firsts.set(key, mine)
        byNumber.set(number, mine)
        return undefined
      }
      case 'stored': {
        const mine = byNumber.get(told.number)
        if (mine) mine.where = told.where
        return undefined
      }
      case 'hardware': {
        const key = shot(told.entry)
        if (key === undefined) return undefined
        count(done, key)
        const most = wanted.get(key) ?? 0
        return (done.get(key) ?? 0) > most
          ? { rule: rules.once, say: `${key}: ${done.get(key)} times, and asked for ${most} times` }
          : undefined
      }
      case 'asked':
      case 'answered':
      case 'leads':
      case 'in-force':
      case 'copy':
      case 'deed':
        return undefined
    }
  }
}

/** I5: with an operating system up, a blade is switched, reset or written only where a command says so. */
export function runningUntouched({ latch }: Chassis): Checker {
  /** Serial of the blade whose system is up, by bay. */
  const up = new Map<number, string>()
  /** Bays where a command may stop the blade, until it is seen off. */
  const may = new Map<number, { stop: boolean; resets: number }>()
  /** The latest that went dark while its system was up, and whether a command had asked for it: the hardware tells this before it tells who asked. */
  let stopped: { readonly bay: number; readonly at: number; readonly asked: boolean } | undefined
  const license = (bay: number) => {
    const mine = may.get(bay) ?? { stop: false, resets: 0 }
    may.set(bay, mine)
    return mine
  }
  return (told) => {
    if (told.is === 'written' && told.record.kind === 'command') {
      for (const change of told.record.changes) {
        if (!('set' in change)) continue
        if (change.set === 'stopping') license(change.bay).stop = true
        if (change.set === 'one-shot') license(change.bay).resets++
      }
    }
    if (told.is !== 'hardware') return undefined
    const { entry } = told
    const broken = (say: string): Violation => ({
      rule: rules.untouched,
      say: `bay ${'bay' in entry ? entry.bay : '?'}: ${say}`,
    })
    switch (entry.kind) {
      case 'live':
        if (entry.fn === 'system') up.set(entry.bay, entry.serial)
        return undefined
      case 'dark':
        // A reset takes the system down and leaves the power on.
        if (entry.fn === 'system') up.delete(entry.bay)
        return undefined
      case 'power':
        if (!entry.on) {
          const { stop, resets } = license(entry.bay)
          if (up.has(entry.bay))
            stopped = { bay: entry.bay, at: entry.at, asked: stop || (entry.why === 'power-cycle' && resets > 0) }
          up.delete(entry.bay)
          if (latch) license(entry.bay).stop = false
        }
        return undefined
      case 'cut':
        if (entry.on && up.has(entry.bay) && license(entry.bay).resets === 0)
          return broken('its power was cut, and nobody asked for a reseat')
        return undefined
      case 'command': {
        if (entry.outcome !== 'done' || !told.by) return undefined
        const went = stopped?.bay === entry.bay && stopped.at === entry.at ? stopped : undefined
        stopped = undefined
        if (went && !went.asked && (entry.request === 'cycle' || entry.detail === 'off'))
          return broken(`power ${entry.detail ?? 'cycle'} on blade ${entry.serial}, which ran`)
        if (up.get(entry.bay) !== entry.serial) return undefined
        const mine = license(entry.bay)
        switch (entry.request) {
          case 'power':
            if (entry.detail === 'on') return undefined
            if (entry.detail === 'reset' ? mine.resets > 0 : mine.stop) return undefined
            return broken(`power ${entry.detail} on blade ${entry.serial}, which runs`)
          case 'cycle':
            return mine.resets > 0 || mine.stop ? undefined : broken(`power cycle on blade ${entry.serial}, which runs`)
          case 'write':
          case 'clear':
          case 'show':
            return latch ? broken(`${entry.request} on blade ${entry.serial}, which runs`) : undefined
          default:
            return undefined
        }
      }
      default:
        return undefined
    }
  }
}

/** W11: one controller for each term, and hardware is touched only by who owns the line. */
export function oneWriter(): Checker {
  const terms = new Map<number, CopyId>()
  const slots = new Map<LifeId, string>()
  const revisions = new Map<string, string>()
  const asked = new Map<number, Asked>()
  let owner: string | undefined
  const broken = (say: string): Violation => ({ rule: rules.writer, say })
  return (told) => {
    switch (told.is) {
      case 'leads': {
        slots.set(told.by, told.slot)
        const other = terms.get(told.term)
        terms.set(told.term, told.flash)
        return other === undefined || other === told.flash
          ? undefined
          : broken(`term ${told.term} was led from ${other}, and now from ${told.flash}`)
      }
      case 'asked':
        asked.set(told.number, told.request)
        return undefined
      case 'answered': {
        const { outcome, incarnation, term, replayed } = told.reply
        const request = asked.get(told.number)
        if (!request || outcome.kind !== 'accepted' || replayed || outcome.dryRun || !outcome.accepted.changed)
          return undefined
        const key = `${incarnation} ${term} ${outcome.accepted.revision}`
        const name = `${request.client} ${request.sent.request}`
        const other = revisions.get(key)
        revisions.set(key, name)
        return other === undefined || other === name
          ? undefined
          : broken(`revision ${outcome.accepted.revision} of term ${term} is ${other} and ${name}`)
      }
      case 'hardware': {
        const { entry, by } = told
        if (entry.kind === 'owner') owner = entry.owner
        if (by === undefined || owner === undefined) return undefined
        const touches =
          entry.kind === 'command' &&
          ['write', 'clear', 'show', 'boot', 'policy', 'power', 'cycle'].includes(entry.request)
        if (!touches && entry.kind !== 'latch' && entry.kind !== 'cut') return undefined
        const slot = slots.get(by) ?? by.slice(0, 1)
        return slot === owner
          ? undefined
          : broken(`${by} touched bay ${entry.bay} (${entry.kind}), and ${owner} owns the line`)
      }
      case 'written':
      case 'stored':
      case 'in-force':
      case 'copy':
      case 'deed':
        return undefined
    }
  }
}
