/**
 * Agents that are each broken in one way: the real one, with one of its parts exchanged for a worse one. A simulation
 * that does not catch them within a few hundred lives shows nothing.
 */
import type { Bay, FunctionValue } from '../../agent/core/blade.ts'
import { touchesBindings } from '../../agent/core/command.ts'
import type { State } from '../../agent/core/state.ts'
import { type Rule, rules } from './history.ts'
import type { Seams } from './seams.ts'

export interface Broken {
  /** What it does. */
  readonly it: string
  /** Made anew for each life: some remember. */
  readonly seams: () => Seams
  /** The rules that it breaks. */
  readonly caughtBy: readonly Rule[]
}

/** The same part with some of its members exchanged. */
function but<Part extends object>(part: Part, members: Partial<Part>): Part {
  return new Proxy(part, {
    get(target, name) {
      const mine: unknown = Reflect.get(members, name)
      if (mine !== undefined) return mine
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const eachBay = (state: State, change: (bay: State['bays'][number]) => State['bays'][number]): State => ({
  ...state,
  bays: Object.fromEntries(Object.entries(state.bays).map(([bay, own]) => [bay, change(own)])),
})

/** What a BMC was told, and said yes to, is taken for what it did: nobody looks. */
function believes(what: 'off' | 'written'): Seams {
  const off = new Set<Bay>()
  const written = new Map<Bay, ReadonlyMap<string, FunctionValue>>()
  return {
    driver: (driver) =>
      but(driver, {
        apply: async (step, signal) => {
          if (step.kind === 'power' && step.action === 'on') off.delete(step.bay)
          if (step.kind === 'clear') written.delete(step.bay)
          await driver.apply(step, signal)
          if (what === 'off' && step.kind === 'power' && (step.action === 'off' || step.action === 'shutdown'))
            off.add(step.bay)
          if (what === 'written' && step.kind === 'write')
            written.set(step.bay, new Map(step.functions.map(({ key, value }) => [key, value] as const)))
        },
        observe: async (bay, signal) => {
          const blade = await driver.observe(bay, signal)
          if (blade.power === 'off') off.delete(bay)
          if (off.has(bay)) return { ...blade, power: 'off', stage: 'off' }
          const values = written.get(bay)
          if (!values || blade.power === 'on') return blade
          const adapters = blade.adapters.map((adapter) => ({
            ...adapter,
            functions: adapter.functions.map((fn) => {
              const value = values.get(fn.key)
              return value ? { ...fn, pending: value } : fn
            }),
          }))
          return { ...blade, adapters }
        },
      }),
    backplane: (backplane) =>
      but(backplane, {
        read: async (signal) => {
          const reading = await backplane.read(signal)
          const bays = Object.entries(reading.bays).map(([bay, slot]) => {
            const isDark = off.has(Number(bay)) && slot.presence === 'present'
            return [bay, isDark ? { ...slot, powerGood: false } : slot] as const
          })
          return { ...reading, bays: Object.fromEntries(bays) }
        },
      }),
  }
}

export const broken: readonly Broken[] = [
  {
    it: 'acknowledges before it is durable',
    caughtBy: [rules.lost, rules.once],
    seams: () => ({
      memory: (memory) =>
        but(memory, {
          append: (record, everywhere) => {
            memory.append(record, everywhere).catch(() => undefined)
            return Promise.resolve(everywhere ? ['flash', 'eeprom'] : ['flash'])
          },
        }),
    }),
  },
  {
    it: 'claims a copy in the EEPROM and stops writing it',
    caughtBy: [rules.lost, rules.back],
    seams: () => {
      let writes = 0
      return {
        eeprom: (eeprom) => but(eeprom, { write: async (next) => (writes++ < 4 ? eeprom.write(next) : { pages: 0 }) }),
      }
    },
  },
  {
    it: 'leaves a silent member on the list, and answers without it',
    caughtBy: [rules.lost, rules.back],
    seams: () => ({
      memory: (memory) => {
        let alone = false
        return but(memory, {
          leave: async () => {
            alone = true
            return undefined
          },
          join: async (peer) => {
            alone = false
            return memory.join(peer)
          },
          members: () => (alone ? memory.members().filter((member) => member === memory.self) : memory.members()),
        })
      },
    }),
  },
  {
    it: 'says as standby that it stored what it did not',
    caughtBy: [rules.lost, rules.back, rules.once],
    seams: () => ({
      medium: (medium, { role }) => {
        const begun = new Set<string>()
        return but(medium, {
          open: async (name) => {
            const file = await medium.open(name)
            if (!name.startsWith('journal')) return file
            return but(file, {
              append: async (bytes) => {
                // Its header is written: it looks like a journal that nothing came after.
                if (role() === 'owner' || !begun.has(name)) await file.append(bytes)
                begun.add(name)
              },
            })
          },
        })
      },
    }),
  },
  {
    it: 'does not wait for the member that it names',
    caughtBy: [rules.lost, rules.once, rules.back],
    seams: () => ({
      others: (others) =>
        but(others, {
          store: (batch, content) => {
            others.store(batch, content).catch(() => undefined)
            return Promise.resolve(true)
          },
        }),
    }),
  },
  {
    it: 'obeys whoever asks, under whatever epoch',
    caughtBy: [rules.epoch],
    seams: () => ({
      agent: (agent, { clock, bootId }) =>
        but(agent, {
          submit: (command, envelope) => {
            const { office, epoch, incarnation, revision } = agent.now().state
            const { ifRevision = touchesBindings(command) ? revision : undefined, ...rest } = envelope
            return agent.submit(command, {
              ...rest,
              who: { ...envelope.who, client: office?.client ?? envelope.who.client },
              epoch,
              sequence: envelope.sequence ?? 1_000_000,
              expect: { incarnation, bootId, beforeUptimeMs: clock.uptimeMs() + 1 },
              ...(ifRevision !== undefined && { ifRevision }),
            })
          },
        }),
    }),
  },
  {
    it: 'does not look at the revision that was read',
    caughtBy: [rules.epoch],
    seams: () => ({
      agent: (agent) =>
        but(agent, {
          submit: (command, envelope) =>
            agent.submit(
              command,
              envelope.ifRevision === undefined ? envelope : { ...envelope, ifRevision: agent.now().state.revision },
            ),
        }),
    }),
  },
  {
    it: 'forgets its answers when it starts',
    caughtBy: [rules.once],
    seams: () => ({ state: (state) => ({ ...state, answers: {} }) }),
  },
  {
    it: 'sends one-shots again when it starts',
    caughtBy: [rules.once],
    seams: () => ({
      state: (state) =>
        eachBay(state, (bay) => ({ ...bay, resets: { ...bay.resets, sent: 0 }, reseats: { ...bay.reseats, sent: 0 } })),
    }),
  },
  {
    it: 'switches off what runs when it starts',
    caughtBy: [rules.untouched],
    seams: () => ({ state: (state) => eachBay(state, (bay) => (bay.life ? { ...bay, stopping: 'forced' } : bay)) }),
  },
  {
    it: 'takes a bay for empty once its profile was taken away',
    caughtBy: [rules.twice, rules.untouched, rules.boot],
    seams: () => ({
      backplane: (backplane, { now }) =>
        but(backplane, {
          read: async (signal) => {
            const reading = await backplane.read(signal)
            const bays = Object.entries(reading.bays).map(([bay, slot]) => {
              const own = now().bays[Number(bay)]
              if (!own || own.intent || own.n === 0) return [bay, slot] as const
              return [bay, { presence: 'empty', permit: slot.permit, locate: slot.locate }] as const
            })
            return { ...reading, bays: Object.fromEntries(bays) }
          },
        }),
    }),
  },
  {
    it: 'takes what it wrote for what it read back',
    caughtBy: [rules.boot],
    seams: () => believes('written'),
  },
  {
    it: 'takes a blade for off as soon as it was told so',
    caughtBy: [rules.untouched, rules.twice],
    seams: () => believes('off'),
  },
  {
    it: 'goes on as owner when the line is another one\u2019s',
    caughtBy: [rules.writer, rules.untouched, rules.once, rules.twice, rules.lost, rules.back],
    seams: () => {
      const took = new Set<string>()
      return {
        owns: () => async () => undefined,
        line: (line, slot) =>
          but(line, {
            read: async (signal) => {
              const reading = await line.read(signal)
              return took.has(slot) ? { ...reading, owner: slot } : reading
            },
            take: async (signal) => {
              await line.take(signal)
              took.add(slot)
            },
            release: async (signal) => {
              took.delete(slot)
              await line.release(signal)
            },
          }),
      }
    },
  },
]
