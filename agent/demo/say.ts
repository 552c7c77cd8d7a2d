/** Sentences of the demo itself, and which errors are no surprise in it. */
import { wrap } from '../controller/doors/console/text.ts'
import type { Hands } from './hardware.ts'

/** What the demo says, told from what a controller says by how it begins. */
export const note = (text: string): readonly string[] => wrap(`-- ${text}`, 79, '   ')

/** How many of these still run: the same blades, by their serial numbers. */
export async function runOn(
  { hands }: { readonly hands: Hands },
  before: Awaited<ReturnType<Hands['running']>>,
): Promise<string> {
  const after = await hands.running()
  const same = before.filter(({ serial }) => after.some((each) => each.serial === serial)).length
  return `${same} of ${before.length} running blades run on`
}

/** The back door did not answer in time, or not at all. */
export const isGone = (error: unknown): boolean =>
  error instanceof TypeError || (error instanceof Error && error.name === 'TimeoutError')

export const isStopped = (error: unknown): boolean =>
  error instanceof Error && ['Stopped', 'Unreachable'].includes(error.name)
