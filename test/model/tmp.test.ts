import { test } from 'vitest'
import { built, step, planOf, type Event } from './run.ts'
import { p, tinyHardware, tinyRun } from './tiny.ts'
test('x', () => {
  const hardware = tinyHardware({ latch: true, address: 'adapter' })
  const lab = { hardware, rules: built }
  let run = tinyRun(hardware, [{ kind: 'power', bay: 1, want: 'on', stop: 'graceful' }])
  const go = (e: Event) => { run = step(run, e, lab)
    console.log(JSON.stringify(e), JSON.stringify(run.durable.bays), JSON.stringify(run.rack.seats[1]?.blade?.stage), JSON.stringify(run.rack.seats[1]?.latch), JSON.stringify([1,2].map(b => { const x = planOf(run, b, lab); return [x.phase, x.note, x.steps, x.findings.map(f=>f.say)] }))) }
  for (let i = 0; i < 9; i++) go({ is: 'tend', bay: 1, fate: 'obeyed' })
  go({ is: 'mishap', mishap: { it: 'post-end', bay: 1 } })
  for (let i = 0; i < 4; i++) go({ is: 'tend', bay: 1, fate: 'obeyed' })
})
