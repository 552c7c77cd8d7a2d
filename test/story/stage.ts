/**
 * The stage of a story: dist/ copied to an empty folder with no packages beside it, a broker, and chassis with their
 * controllers, all of them real processes. Whatever was started ends with the stage, also when the story fails.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Broker, type BrokerKind, startBroker } from './broker.ts'
import { Chassis, type ChassisOptions } from './chassis.ts'

export interface StageOptions {
  readonly broker?: BrokerKind
  /** A node binary; absent: the one that runs the tests. */
  readonly runtime?: string
}

export interface Stage {
  readonly folder: string
  readonly dist: string
  readonly node: string
  readonly broker: Broker
  /** A chassis of its own in a folder of its own, switched on; its agent is not started yet. */
  chassis(options?: ChassisOptions): Promise<Chassis>
  end(): Promise<void>
}

const root = fileURLToPath(new URL('../../', import.meta.url))

export async function stage({ broker: kind = 'aedes', runtime = process.execPath }: StageOptions = {}): Promise<Stage> {
  const built = spawnSync(process.execPath, [join(root, 'build.mjs'), 'build'], { cwd: root, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`the build failed\n${built.stderr}`)
  const folder = mkdtempSync(join(tmpdir(), 'midplane-story-'))
  const dist = join(folder, 'dist')
  const all: Chassis[] = []
  let broker: Broker | undefined
  const end = async () => {
    await Promise.all(all.map((each) => each.end()))
    await broker?.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    cpSync(join(root, 'dist'), dist, { recursive: true })
    broker = await startBroker(kind, folder)
    const started = broker
    return {
      folder,
      dist,
      node: runtime,
      broker,
      chassis: async (options = {}) => {
        const place = join(folder, options.id ?? 'demo')
        mkdirSync(place)
        const chassis = new Chassis({ folder: place, dist, node: runtime, broker: started.url, ...options })
        all.push(chassis)
        await chassis.switchOn()
        return chassis
      },
      end,
    }
  } catch (error) {
    await end()
    throw error
  }
}
