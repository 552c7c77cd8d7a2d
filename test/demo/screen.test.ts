// The first screen that somebody meets, drawn from a chassis of the laboratory.

import { describe, expect, it } from 'vitest'
import { listBoards } from '../../agent/boards/load.ts'
import { silentView } from '../../agent/core/controllers.ts'
import type { BayView, ProfileView } from '../../agent/core/views.ts'
import { cast, columns, firstScreen, rows, type Shown } from '../../agent/demo/screen.ts'
import type { BootRecord } from '../../agent/sim/log.ts'
import { LabFront } from '../controller/doors/console/front.ts'
import { id } from '../core/lab.ts'

function shownOf(front: LabFront, more: Partial<Shown> = {}): Shown {
  const parts = front.parts().map(({ part }) => part)
  const bays = parts.flatMap((part): BayView[] => (part.part === 'bay' ? [part.view] : []))
  return {
    version: '0.1.0',
    chassis: 'demo',
    board: front.hardware.board,
    bays,
    profiles: parts.flatMap((part): ProfileView[] => (part.part === 'profile' ? [part.view] : [])),
    boots: bays.filter(({ stage }) => stage === 'os').map(booted),
    port: 1883,
    usualPort: true,
    dir: '.midplane/',
    ...more,
  }
}

/** As the hardware would log a boot from its LUN. */
function booted({ bay, serial }: BayView): BootRecord {
  const target = '50:06:01:60:3b:a0:00:01' as Extract<BootRecord['booted'], { from: 'fc' }>['target']
  return {
    at: 0,
    bay,
    serial: serial ?? expect.unreachable(`no serial in bay ${bay}`),
    why: 'bmc-power-on',
    n: 1,
    shown: { uuid: '' as BootRecord['shown']['uuid'], serial: serial ?? expect.unreachable() },
    functions: [],
    booted: { from: 'fc', fn: 'mezz1:1-a', target, lun: '0' },
    tried: [],
  }
}

describe('the first screen', () => {
  it('shows the chassis, what its blades booted, and what to try', () => {
    expect(firstScreen(shownOf(new LabFront().running()))).toEqual([
      'Midplane 0.1.0   simulated HP c7000: 16 bays, one controller, one broker',
      '                 all on 127.0.0.1; state in .midplane/  (npm start -- --fresh)',
      '',
      '  +--1--+--2--+--3--+--4--+--5--+--6--+--7--+--8--+   S  booted from SAN',
      '  |spare|spare|web01|spare|spare|     |     |     |   P  booted by PXE',
      '  | off | off | on S| off | off |  -  |  -  |  -  |   -  no blade',
      '  +--9--+-10--+-11--+-12--+-13--+-14--+-15--+-16--+   !  needs you (none)',
      '  |     |     |     |     |     |     |     |     |',
      '  |  -  |  -  |  -  |  -  |  -  |  -  |  -  |  -  |   1 profile assigned,',
      '  +-----+-----+-----+-----+-----+-----+-----+-----+   all read back',
      '',
      '  broker  mqtt://127.0.0.1:1883          topics midplane/v1/demo/#',
      '',
      "You are on the controller's serial console. Try these in order:",
      '  show bay 3                 MAC and WWPN: factory, assigned, applied',
      '  demo kill controller       no blade notices; it returns knowing everything',
      '  demo pull blade 3          then: move profile web-01 to bay 1  (its LUN boots)',
      '  help                       all verbs; Ctrl-D ends the demo',
      'From a second terminal, as a central manager would:',
      '  npx chassisctl get bays --watch',
      '',
    ])
  })

  it.each(listBoards('boards', 'chassis'))(
    'of %s fits a terminal of 24 lines and 79 columns, prompt and all',
    (board) => {
      const long = {
        dir: '/var/lib/somewhere/quite/deep/midplane',
        port: 61_883,
        usualPort: false,
        chassis: 'a'.repeat(48),
      }
      const owner = { ...silentView('A'), role: 'owner', pair: { other: { is: 'member' }, members: [] } } as const
      const pair = { controllers: [owner, silentView('B')] }
      for (const more of [{}, long, { ...long, ...pair }]) {
        const lines = firstScreen(shownOf(new LabFront(board), more))
        expect(lines.length + 1).toBeLessThanOrEqual(rows)
        expect(lines.filter((line) => line.length > columns || !/^[ -~]*$/.test(line))).toEqual([])
      }
    },
  )

  it('names both controllers, where there are two, and what to do to them', () => {
    const owner = { ...silentView('B'), role: 'owner', pair: { other: { is: 'silent' }, members: [] } } as const
    const [first, second, ...rest] = firstScreen(
      shownOf(new LabFront().running(), { controllers: [silentView('A'), owner] }),
    )
    expect(first).toBe('Midplane 0.1.0   simulated HP c7000: 16 bays, two controllers, one broker')
    expect(second).toContain('B owns, A does not follow yet; state in .midplane/')
    expect(rest).toContain('  demo kill controller       no blade notices; the other one takes over')
  })

  it('says that a bay needs somebody, and which', () => {
    const front = new LabFront().running()
    front.do({ kind: 'assign', profile: id('db-01'), to: { bay: 9 }, when: 'now', preprovision: true, power: 'on' })
    const text = firstScreen(shownOf(front)).join('\n')
    expect(text).toContain('!  needs you (bay 9)')
    expect(text).toContain('|db-01|')
    expect(text).toContain('2 profiles assigned,')
    expect(text).toContain('1 not done yet')
  })

  it('marks only what the hardware logged: without a record there is no letter', () => {
    const text = firstScreen(shownOf(new LabFront().running(), { boots: [] })).join('\n')
    expect(text).not.toContain('on S|')
    expect(text).toContain('|  on |')
  })

  it('names the broker where chassisctl would not find it by itself', () => {
    const text = firstScreen(shownOf(new LabFront(), { port: 1884, usualPort: false })).join('\n')
    expect(text).toContain('get bays --watch --broker mqtt://127.0.0.1:1884')
  })

  it('proposes a move only to a blade that can take it', () => {
    const front = new LabFront('hp-c7000', [1, 2, 4, 5]).running()
    expect(cast(shownOf(front))).toMatchObject({ hero: { id: 'web-01', bay: 3 }, spare: undefined })
    expect(firstScreen(shownOf(front)).join('\n')).not.toContain('demo pull blade')
  })
})
