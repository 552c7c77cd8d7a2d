/**
 * What this flash knows of itself beside the journal: its name as a member of the chassis, and the highest term that it
 * promised not to fall behind of (W11). Each is a file without content, whose name is all it says: a name is there or
 * not, so that no power cut can leave half of one.
 */
import type { Medium } from './medium.ts'

export interface Marks {
  /** 16 hex digits, made up once for this flash; undefined: nothing was ever begun here. */
  readonly life: string | undefined
  /** 0: none. */
  readonly promised: number
}

const lifeName = /^life-([0-9a-f]{16})$/
const promiseName = /^promise-([1-9]\d{0,14})$/

/** Throws MediumFault: what can not be listed is not absent (I7). */
export async function readMarks(medium: Medium): Promise<Marks> {
  const names = await medium.list()
  const lives = names.flatMap((name) => lifeName.exec(name)?.[1] ?? [])
  const promises = names.flatMap((name) => promiseName.exec(name)?.[1] ?? []).map(Number)
  // Two were never made here; the first is as good as the other, and the same at each start.
  return { life: lives.sort()[0], promised: Math.max(0, ...promises) }
}

/** Durable when it resolves. */
export async function markLife(medium: Medium, life: string): Promise<void> {
  await make(medium, `life-${life}`)
}

/** Durable when it resolves; lower promises are taken away after that. */
export async function promise(medium: Medium, term: number): Promise<void> {
  await make(medium, `promise-${term}`)
  for (const name of await medium.list()) {
    const lower = promiseName.exec(name)?.[1]
    if (lower !== undefined && Number(lower) < term) await medium.remove(name)
  }
}

async function make(medium: Medium, name: string): Promise<void> {
  const file = await medium.open(name)
  await file.sync()
  await file.close()
  await medium.syncFolder()
}
