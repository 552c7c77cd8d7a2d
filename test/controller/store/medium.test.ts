/** One suite for both media, so that what holds in memory holds on the file system. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Medium, MediumFault, nodeMedium } from '../../../agent/controller/store/medium.ts'
import { memoryMedium, OUTCOMES, seeded } from './memory-medium.ts'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))))

const media: readonly (readonly [string, () => Promise<Medium>])[] = [
  [
    'a folder of the file system',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'midplane-medium-'))
      folders.push(folder)
      return nodeMedium(folder)
    },
  ],
  ['the folder in memory', async () => memoryMedium()],
]
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const bytes = (content: string): Uint8Array => Buffer.from(content)

describe.each(media)('%s', (_name, make) => {
  it('appends, cuts, renames and removes', async () => {
    const medium = await make()
    expect(await medium.list()).toEqual([])
    const file = await medium.open('one')
    await file.append(bytes('abc'))
    await file.append(bytes('def'))
    await file.sync()
    await file.truncate(4)
    await file.append(bytes('X'))
    await file.close()
    expect(text(await medium.read('one'))).toBe('abcdX')
    const again = await medium.open('one')
    await again.append(bytes('Y'))
    await again.close()
    const other = await medium.open('two')
    await other.close()
    await medium.rename('one', 'two')
    await medium.syncFolder()
    expect(await medium.list()).toEqual(['two'])
    expect(text(await medium.read('two'))).toBe('abcdXY')
    await medium.remove('two')
    expect(await medium.list()).toEqual([])
  })

  it('says what failed, on which file, and why', async () => {
    const medium = await make()
    const fault = await medium.read('nothing').catch((error: unknown) => error)
    expect(fault).toBeInstanceOf(MediumFault)
    expect(fault).toMatchObject({ operation: 'read', file: 'nothing', code: 'ENOENT' })
    await expect(medium.remove('nothing')).rejects.toThrow('ENOENT')
  })
})

it('a folder that is not there is a fault, never an empty folder', async () => {
  await expect(nodeMedium(join(tmpdir(), 'midplane-not-mounted')).list()).rejects.toThrow(MediumFault)
})

it('the folder in memory keeps what was synced through every outcome of a power cut, and loses other things', async () => {
  const seen = new Set<string>()
  for (const outcome of OUTCOMES) {
    for (let seed = 0; seed < 20; seed++) {
      const medium = memoryMedium()
      const file = await medium.open('kept')
      await file.append(bytes('synced'))
      await file.sync()
      await medium.syncFolder()
      await file.append(bytes('x'.repeat(200)))
      await medium.open('new')
      const disk = medium.afterPowerCut(outcome, seeded(seed)).files()
      const kept = text(disk.get('kept') ?? bytes(''))
      expect(kept.startsWith('synced')).toBe(true)
      seen.add(
        `${kept === 'synced' ? 'lost' : kept === `synced${'x'.repeat(200)}` ? 'all' : 'part'} ${disk.has('new')}`,
      )
      await expect(medium.list()).rejects.toThrow(MediumFault)
    }
  }
  expect([...seen].sort()).toEqual(['all false', 'all true', 'lost false', 'lost true', 'part false', 'part true'])
})
