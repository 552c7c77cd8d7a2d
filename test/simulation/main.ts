/**
 * Lives by the million, outside the test runner: `node build.mjs simulate --seeds 1000000 --from 1 --jobs 2`. Each job is
 * a thread with a range of seeds. What goes wrong is printed with the line that lives it again, and ends it all.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Counts, noCounts } from './counts.ts'
import { add, liveMany, type Many, told } from './run.ts'

/** Seeds that a job takes at a time. */
const range = 50

interface Asked {
  readonly from: number
  readonly seeds: number
}
type Heard = { readonly many: Many } | { readonly wrong: string }

function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}

async function job(): Promise<void> {
  parentPort?.on('message', ({ from, seeds }: Asked) => {
    liveMany(from, seeds).then(
      (many) => parentPort?.postMessage({ many } satisfies Heard),
      (error: Error) => parentPort?.postMessage({ wrong: error.message } satisfies Heard),
    )
  })
}

async function lead(): Promise<void> {
  const seeds = option('seeds', 10_000)
  const first = option('from', 1)
  const jobs = option('jobs', 2)
  if (![seeds, first, jobs].every((each) => Number.isSafeInteger(each) && each > 0)) {
    process.stderr.write('usage: simulate [--seeds 10000] [--from 1] [--jobs 2]\n')
    process.exit(2)
  }
  const counts: Counts = noCounts()
  const began = performance.now()
  let next = first
  let lived = 0
  let said = began
  const tell = () =>
    process.stdout.write(`${told({ seeds: lived, counts, seconds: (performance.now() - began) / 1000 })}\n`)
  await Promise.all(
    Array.from({ length: jobs }, () => {
      // Short-lived garbage is most of a life: room for it saves a tenth of the time.
      const worker = new Worker(new URL(import.meta.url), {
        workerData: 'job',
        resourceLimits: { maxYoungGenerationSizeMb: 128 },
      })
      return new Promise<void>((resolve) => {
        const ask = () => {
          const left = Math.min(range, first + seeds - next)
          if (left <= 0) return void worker.terminate().then(() => resolve())
          worker.postMessage({ from: next, seeds: left } satisfies Asked)
          next += left
        }
        worker.on('message', (heard: Heard) => {
          if ('wrong' in heard) {
            process.stdout.write(`${heard.wrong}\n`)
            tell()
            process.exit(1)
          }
          add(counts, heard.many.counts)
          lived += heard.many.seeds
          if (performance.now() - said > 10_000) {
            said = performance.now()
            tell()
          }
          ask()
        })
        worker.on('error', (error) => {
          process.stdout.write(`${error.stack ?? error.message}\n`)
          process.exit(1)
        })
        ask()
      })
    }),
  )
  tell()
}

void (isMainThread || workerData !== 'job' ? lead() : job())
