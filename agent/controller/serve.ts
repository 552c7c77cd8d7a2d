/**
 * What a controller runs while it leads: its memory, the work on the bays, and what they show and tell. Alone it does so
 * for its whole life, in a pair as long as the owner line is its own.
 */
import { createHash } from 'node:crypto'
import type { Hardware } from '../core/board.ts'
import type { Standby } from '../core/command.ts'
import { silentView } from '../core/controllers.ts'
import type { State } from '../core/state.ts'
import type { ControllerView, HealthView, HostHealth } from '../core/views.ts'
import { type Agent, startAgent } from './agent.ts'
import { startAutonomy } from './autonomy.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { type DeskParts, openDesk } from './desk.ts'
import { openDiary } from './diary.ts'
import type { Front } from './doors/front.ts'
import type { Backplane, Driver } from './hardware/driver.ts'
import { type MemoryOptions, type OpenedMemory, openMemory } from './memory.ts'
import { currentSealer } from './secrets.ts'
import { startShowing } from './showing.ts'
import type { EventRing } from './store/event-ring.ts'

export interface ServeParts {
  readonly config: Pick<Config, 'chassis' | 'slot' | 'serial'>
  readonly hardware: Hardware
  readonly clock: Clock
  readonly about: DeskParts['about']
  readonly memory: Omit<MemoryOptions, 'chassis' | 'board' | 'onRecovered' | 'onReadOnly'>
  readonly backplane: Backplane
  /** Secrets are unsealed only for the step that writes them (W16). */
  driver(secret: (id: string, mark: string | undefined) => string | undefined): Driver
  readonly ring: EventRing
  host(): HostHealth | 'unknown'
  readonly pair?: {
    standby(): Standby
    members(): readonly string[]
    /** What the other controller tells of itself. */
    other(): ControllerView | undefined
    changeover(force: boolean): void
  }
  readonly log: (line: string) => void
}

export interface Served {
  readonly memory: OpenedMemory
  readonly agent: Agent
  readonly front: Front
  /** Something may look different. */
  changed(): void
  /** The slow things: the chassis' health, what the EEPROM lacks. */
  slowly(signal: AbortSignal): Promise<void>
  /** The doors are closed by then. Resolves when nothing of it touches anything any more. */
  stop(): Promise<void>
}

/** A BMC that does not answer keeps its session until its own timeout, and nobody waits for that. */
const farewellMs = 2_000

export async function serve(parts: ServeParts): Promise<Served> {
  const { config, hardware, clock, about, backplane, ring, pair, log } = parts
  let recover = (_: State) => {}
  const memory = await openMemory({
    ...parts.memory,
    chassis: config.chassis,
    board: hardware.board.id,
    onRecovered: (state) => recover(state),
    onReadOnly: (why) => log(`the store is read-only: ${why}`),
  })
  for (const note of memory.view().notes) log(note)
  const diary = openDiary(ring, clock, about.bootId, log)
  // Lost only with this process: what was read of the EEPROM once is kept (I7).
  const keeper = memory.chassisKey && currentSealer(() => memory.chassisKey as Uint8Array)
  const driver = parts.driver((id, mark) => {
    const secret = agent.now().state.secrets[id]
    return secret && secret.mark === mark ? keeper?.unseal(id, secret.sealed) : undefined
  })

  let health: HealthView | undefined
  const since = clock.uptimeMs()
  const controllers = (): readonly ControllerView[] => {
    const own: ControllerView = {
      slot: config.slot,
      version: about.version,
      uptimeMs: clock.uptimeMs(),
      role: 'owner',
      ...(config.serial !== undefined && { serial: config.serial }),
      ...(pair && { sinceUptimeMs: since }),
      host: parts.host(),
      store: memory.view(),
      ...(pair && { pair: { other: pair.standby(), members: pair.members() } }),
    }
    const other = pair?.other()
    if (other) return [own, other]
    // What the last owner said of itself is not left standing on the broker.
    return pair?.standby().is === 'silent' ? [own, silentView(config.slot === 'A' ? 'B' : 'A')] : [own]
  }
  const agent = startAgent({
    state: memory.state,
    memory,
    hardware,
    driver,
    backplane,
    clock,
    bootId: about.bootId,
    listener: {
      recorded: (record, state) => diary.recorded(record, state),
      noticed: (notice) => diary.noticed(notice, agent.now().state),
      changed: () => changed(),
    },
    ...(pair && { pair }),
  })
  recover = agent.recover
  const showing = startShowing({ clock, hardware, now: agent.now, controllers, health: () => health })
  const autonomy = startAutonomy({ agent, hardware, clock })
  function changed(): void {
    showing.changed()
    autonomy.changed()
  }
  const front = openDesk({
    chassis: config.chassis,
    agent,
    showing,
    diary,
    clock,
    sealer: keeper,
    keyIsCurrent: () => memory.keyIsCurrent,
    digest: (content) =>
      createHash('sha256').update(memory.state.incarnation).update(content).digest('hex').slice(0, 32),
    about,
  })
  diary.write(
    { severity: 'info', type: 'agent-started', message: `agent ${about.version} serves ${config.chassis}` },
    agent.now().state,
  )

  return {
    memory,
    agent,
    front,
    changed,
    slowly: async (signal) => {
      await Promise.all([
        backplane.health(signal).then((read) => {
          health = read
        }),
        diary.settle(),
        memory.mend(),
      ]).catch((error: unknown) => log(`health: ${error instanceof Error ? error.message : String(error)}`))
      changed()
    },
    stop: async () => {
      showing.stop()
      autonomy.stop()
      await agent.stop()
      await Promise.race([driver.close(), new Promise<void>((resolve) => void clock.after(farewellMs, resolve))])
      await diary.settle()
      await memory.close()
    },
  }
}
