/**
 * Lines out of a byte stream, however it was cut into pieces. What exceeds the limit is thrown away up to the
 * next line end and told once, so that nobody can fill the memory by never ending a line.
 */
export interface LineReader {
  push(chunk: Uint8Array): void
}

export function readLines(limit: number, onLine: (line: string) => void, onTooLong: () => void): LineReader {
  let held: Uint8Array[] = []
  let bytes = 0
  let skipping = false
  const take = (piece: Uint8Array) => {
    if (skipping || piece.length === 0) return
    if (bytes + piece.length > limit) {
      skipping = true
      held = []
      bytes = 0
      onTooLong()
      return
    }
    held.push(piece)
    bytes += piece.length
  }
  return {
    push(chunk) {
      let from = 0
      for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
        take(chunk.subarray(from, end))
        from = end + 1
        const line = Buffer.concat(held).toString('utf8')
        const skipped = skipping
        held = []
        bytes = 0
        skipping = false
        if (!skipped && line.trim() !== '') onLine(line)
      }
      take(chunk.subarray(from))
    },
  }
}
