/** Lives of many seeds, one after the other: sums, and for the first that went wrong the line that lives it again. */
import { type Counts, noCounts } from './counts.ts'
import { type LifeOptions, type Lived, live } from './life.ts'

export interface Many {
  readonly seeds: number
  readonly counts: Counts
  readonly seconds: number
}

export class WentWrong extends Error {
  constructor(lived: Lived) {
    const { seed, board, pair, violation } = lived
    super(
      [
        `${violation?.rule}: ${violation?.say}`,
        `again by: ${replay(seed)}   (${board}, ${pair ? 'two controllers' : 'one controller'})`,
        ...lived.story(60).map((line) => `  ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`),
      ].join('\n'),
    )
    this.name = 'WentWrong'
  }
}

export const replay = (seed: number) => `SEED=${seed} SEEDS=1 npx vitest run test/simulation/random.test.ts`

export async function liveMany(from: number, seeds: number, options: LifeOptions = {}): Promise<Many> {
  const counts = noCounts()
  const began = performance.now()
  for (let seed = from; seed < from + seeds; seed++) {
    const lived = await liveOne(seed, options)
    if (lived.violation) throw new WentWrong(lived)
    add(counts, lived.counts)
  }
  return { seeds, counts, seconds: (performance.now() - began) / 1000 }
}

/** What the agent itself throws is told with the seed that made it. */
export async function liveOne(seed: number, options: LifeOptions = {}): Promise<Lived> {
  try {
    return await live(seed, options)
  } catch (error) {
    const why = error instanceof Error ? error.stack : String(error)
    throw new Error(`again by: ${replay(seed)}\n${why}`)
  }
}

export function add(sum: Counts, more: Counts): void {
  for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += more[key]
}

export function told({ seeds, counts, seconds }: Many): string {
  return `${seeds} lives, ${(seeds / seconds).toFixed(1)} a second: ${Object.entries(counts)
    .map(([what, many]) => `${what} ${many}`)
    .join(', ')}`
}
