/**
 * `npm start`: Midplane on one machine. Puts a broker, a simulated chassis and its controller, or two of them, together,
 * draws the first screen from what is really there, and hands the terminal over to a controller's console. Whatever ends it, nothing
 * of it is left running.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadHardware } from '../boards/load.ts'
import { promptOf } from '../controller/doors/console/console.ts'
import { version } from '../version.ts'
import { usualPort } from './broker.ts'
import { CanNot } from './can-not.ts'
import type { Slot } from './folder.ts'
import { type Options, readOptions, usage } from './options.ts'
import { note } from './say.ts'
import { firstScreen, pairWords } from './screen.ts'
import { ControllerLine, obey, type Seat, tellNews } from './session.ts'
import { type Stage, setStage } from './stage.ts'
import { openTerminal, type Terminal } from './terminal.ts'
import { Watch } from './watch.ts'

const here = dirname(fileURLToPath(import.meta.url))

async function run(asked: Options): Promise<void> {
  const options = { ...asked, headless: asked.headless || !process.stdin.isTTY }
  const boards = fileURLToPath(new URL(existsSync(`${here}/boards`) ? 'boards/' : '../../boards/', import.meta.url))
  const loaded = loadHardware(boards, options.board)
  if (!loaded.ok) throw new CanNot(loaded.say)
  const { board } = loaded.value
  if (options.pair && board.controllers.count < 2)
    throw new CanNot(`a ${board.name} has one controller slot; leave --pair out, or name another chassis with --board`)

  const halt = new AbortController()
  let leave = () => {}
  const left = new Promise<void>((resolve) => {
    leave = resolve
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, leave)

  let terminal: Terminal | undefined
  let watch: Watch | undefined
  /** Where the cable is. */
  let at: Slot = 'A'
  const lineOf = (slot: Slot) => {
    // Of two it may be out of its slot, too: the watch tells what becomes of it.
    const [name, then] = options.pair
      ? [`the line of controller ${slot}`, '']
      : ["the controller's line", '; its watchdog starts it again']
    return new ControllerLine(promptOf(options.chassis, slot), name, then, () => (at === slot ? terminal : undefined))
  }
  const lines = { A: lineOf('A'), B: lineOf('B') }
  const shows = process.stdout.isTTY && !options.headless
  let last = ''
  const progress = (text: string) => {
    if (shows && text !== last) process.stdout.write(`\r${text.slice(0, 78).padEnd(78)}\r`)
    last = text
  }
  const say = (text: string) => (terminal ? terminal.say(text) : void process.stdout.write(`${text}\n`))
  const tell = (text: string) => note(text).forEach(say)

  const setting = setStage(options, here, boards, {
    progress: (text) => terminal === undefined && progress(text),
    born: (slot, child) => lines[slot].born(child),
    died: (slot, ended) => {
      lines[slot].died(ended)
      if (watch) watch.died(slot, ended)
      else if (!terminal) tell('the controller died; its watchdog starts it again')
    },
  })
  const stage = await Promise.race([setting, left])
  if (stage === undefined) {
    // Told to end before it began: what was started meanwhile is ended, too.
    await setting.then(
      (late) => late.end(),
      () => {},
    )
    return
  }
  try {
    progress('')
    for (const each of options.headless ? headless(options, stage, board.name) : await screen(options, stage, board))
      say(each)
    if (options.pair) watch = new Watch(stage, say)
    if (!options.headless) {
      const plug = (slot: Slot) => {
        at = slot
        terminal?.prompt(lines[slot].prompt)
      }
      terminal = takeTerminal({ stage, line: () => lines[at], plug, watch }, leave)
    }
    const telling = tellNews(stage, tell, halt.signal)
    await Promise.race([left, stage.broken])
    halt.abort()
    await telling
  } finally {
    terminal?.close()
    await stage.end()
  }
}

function takeTerminal(seat: Omit<Seat, 'terminal'>, leave: () => void): Terminal {
  // One line after the other, as on a real line.
  let turn: Promise<void> = Promise.resolve()
  const terminal: Terminal = openTerminal(seat.line().prompt, {
    line: (text) => {
      turn = turn.then(() => obey(text, { ...seat, terminal }))
      turn.catch(fail)
    },
    end: leave,
  })
  terminal.ask()
  return terminal
}

async function screen(
  options: Options,
  { client, hands, broker }: Stage,
  board: Parameters<typeof firstScreen>[0]['board'],
): Promise<readonly string[]> {
  return firstScreen({
    version,
    chassis: options.chassis,
    board,
    bays: client.state.all('bay'),
    ...(options.pair && { controllers: client.state.all('controller') }),
    profiles: client.state.all('profile'),
    boots: await hands.boots(),
    port: broker.port,
    dir: options.dir,
    usualPort: broker.port === usualPort,
  })
}

function headless({ chassis, dir, pair }: Options, stage: Stage, name: string): readonly string[] {
  const { broker, places, controllers, client } = stage
  const bays = Object.entries(places.redfish)
  return [
    `Midplane ${version}: simulated ${name} '${chassis}', ${pair ? 'two controllers' : 'one controller'}, one broker`,
    `broker     ${broker.url}  topics midplane/v1/${chassis}/#`,
    ...(bays[0] ? [`Redfish    bay ${bays[0][0]} at ${bays[0][1]}, ${bays.length} bays`] : []),
    `back door  ${places.backDoor}`,
    ...(pair
      ? [
          `controllers  ${pairWords(client.state.all('controller'))}`,
          `processes    A ${controllers.A.now()?.process.pid}, B ${controllers.B?.now()?.process.pid}: kill -9 one, and watch`,
        ]
      : []),
    `state in ${dir}; runs until it is told to end (SIGTERM)`,
  ]
}

/** A sentence for what we know; a stack for what we did not expect. */
function fail(error: unknown): void {
  process.stderr.write(
    error instanceof CanNot
      ? `midplane: ${error.message}\n`
      : `midplane: ${error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exit(1)
}

const said = readOptions(process.argv.slice(2))
if ('wrong' in said) {
  process.stderr.write(`midplane: ${said.wrong}; see npm start -- --help\n`)
  process.exitCode = 2
} else if ('say' in said) process.stdout.write(said.say === 'usage' ? usage : `midplane ${version}\n`)
else run(said.options).then(() => process.exit(0), fail)
