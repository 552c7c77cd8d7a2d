import { test } from 'vitest'
import { openEeprom } from '/work/main/agent/controller/store/eeprom.ts'
import { encodeEntry } from '/work/main/agent/controller/store/eeprom-pages.ts'
import { essentials } from '/work/main/agent/controller/store/essentials.ts'
import { Lab, pools, sanProfile, id } from '/work/main/test/core/lab.ts'
import { memoryEeprom } from '/work/main/test/controller/store/memory-eeprom.ts'
import { randomBytes } from 'node:crypto'
test('measure', async () => {
  const lab = new Lab()
  lab.state = { ...lab.state, incarnation: randomBytes(16).toString('hex') }
  const eeprom = await openEeprom(memoryEeprom())
  let index = 0
  const key = randomBytes(32).toString('hex')
  const put = async (what: string) => {
    const map = new Map(essentials(lab.state))
    map.set('chassis-key', key)
    map.set('head', JSON.stringify({ term: 1, index: ++index, digest: randomBytes(16).toString('hex') }))
    const before = eeprom.reading.kind === 'content' ? eeprom.reading.map : new Map()
    const changed = [...map].filter(([k, v]) => before.get(k) !== v).map(([k, v]) => `${k}=${encodeEntry(k, v).bytes.length}`)
    const { pages } = await eeprom.write(map)
    console.log(what, pages, changed.join(' '), [...before.keys()].filter(k => !map.has(k)).join(' '))
  }
  for (const p of pools) lab.do(p)
  await put('pools')
  for (let i = 1; i <= 16; i++) { lab.do({ kind: 'define-profile', profile: sanProfile(`web-${String(i).padStart(2,'0')}`) }); await put('define') }
  for (let i = 1; i <= 4; i++) { lab.do({ kind: 'assign', profile: id<'Profile'>(`web-0${i}`), to: { bay: i }, when: 'now', preprovision: false, power: 'on' }); await put('assign'); lab.settle(); await put('settled') }
  lab.do({kind:'move', profile: id<'Profile'>('web-01'), to:{bay:5}, when:'now', preprovision:false, stop:'forced', force:false}); await put('move'); lab.settle(); await put('settled')
  console.log([...essentials(lab.state)].slice(-7))
})
