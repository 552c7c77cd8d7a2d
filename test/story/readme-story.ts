/**
 * The story as README.md tells it: each line as it is typed, what it must show, and how it must end. A test runs all of
 * them; with STORY_OUTPUT set to a path it leaves there what was really printed, for whoever writes the README anew.
 */
import { database, pools } from './cast.ts'
import type { Chassis } from './chassis.ts'

/** The file that the story begins with. */
export const file = {
  name: 'db.json',
  text: `${JSON.stringify({ pools, profiles: [database] }, undefined, 2)}\n`,
} as const

/** What hands and accidents do; said in words, because no central manager can do it. */
export type Hands = 'kill the agent' | 'start the agent' | 'pull blade 4' | 'cut AC' | 'restore AC'

export type Line = { readonly say: string } & (
  | {
      /** Typed by a central manager, with nothing said of broker and chassis: both are the usual ones. */
      readonly run: `chassisctl ${string}`
      /** Absent: 0. */
      readonly exit?: number
      /** In what is printed, on stdout or stderr. */
      readonly shows: readonly RegExp[]
    }
  | { readonly hands: Hands }
)

export const lines: readonly Line[] = [
  {
    say: 'Two address pools and one server: two NICs, an HBA, and the LUN that it boots.',
    run: 'chassisctl apply -f db.json',
    shows: [/pool +lan +created/, /profile +db-01 +created/],
  },
  {
    say: 'Before anything is done: every step that would be taken.',
    run: 'chassisctl assign db-01 bay 3 --power on --dry-run',
    shows: [/would change \(dry run\)/, /step 1: bay 3: write profile db-01/],
  },
  {
    say: 'Bay 3 wears it, and starts.',
    run: 'chassisctl assign db-01 bay 3 --power on --wait',
    shows: [/bay 3: profile none → db-01/, /san: wwpn 50:06:0b:00:00:c2:62:00/],
  },
  {
    say: 'Of each function: the factory address, the assigned one, and the one in use.',
    run: 'chassisctl describe bay 3',
    shows: [/state +running/, /mezz1:1-a: address verified after POST/, /applied +wwpn 50:06:0b:00:00:c2:62:00/],
  },
  { say: 'The agent is killed.', hands: 'kill the agent' },
  {
    say: 'The blade runs on. What the chassis showed last can still be read, and says that it is old.',
    run: 'chassisctl get bays 3',
    shows: [/chassis demo is offline/, /db-01 +on +running/],
  },
  { say: 'It returns, knowing everything; no blade notices.', hands: 'start the agent' },
  {
    say: 'The server moves to the spare in bay 4: the old blade shuts down and lets go first.',
    run: 'chassisctl move db-01 bay 4 --power-off --wait',
    shows: [/bay 3: profile db-01 → none/, /bay 4: profile none → db-01/],
  },
  {
    say: 'The spare boots the same LUN, with the same addresses.',
    run: 'chassisctl get bays 3-4',
    shows: [/3 .* off +no profile +yes/, /4 .*db-01 +on +running +yes/],
  },
  {
    say: 'A server is in one bay: it is moved, and never assigned twice.',
    run: 'chassisctl assign db-01 bay 2',
    exit: 4,
    shows: [/refused: profile-assigned: db-01 is assigned to bay 4; move it/],
  },
  { say: 'The whole chassis loses AC, and the controller with it.', hands: 'cut AC' },
  { say: 'AC returns.', hands: 'restore AC' },
  {
    say: "Bay 4 is dressed again from the controller's own store before it gets a permit.",
    run: 'chassisctl wait --for in-sync bay 4',
    shows: [/bay 4 is in sync/],
  },
  { say: 'The blade dies; hands pull it out.', hands: 'pull blade 4' },
  {
    say: 'What is wrong, and what to do.',
    run: 'chassisctl why bay 4',
    shows: [/no-blade/, /do: insert a blade into bay 4/],
  },
  {
    say: 'A blade that is gone has let go of everything: the server moves on.',
    run: 'chassisctl move db-01 bay 5 --wait',
    shows: [/bay 5: profile none → db-01/],
  },
  {
    say: 'The diary of the chassis.',
    run: 'chassisctl get events --last 8',
    shows: [/permit-given +bay 5: may power on once, as db-01/, /verified +bay 5: runs as db-01/],
  },
]

export interface Printed {
  readonly line: Line
  readonly exit: number | null
  /** As a terminal shows it: what went to stderr comes first, as chassisctl warns before it prints. */
  readonly text: string
}

/** Tells the whole story on a fresh chassis whose agent runs. */
export async function tell(chassis: Chassis): Promise<readonly Printed[]> {
  const printed: Printed[] = []
  for (const line of lines) {
    if ('hands' in line) {
      await act(chassis, line.hands)
      continue
    }
    const [, ...words] = line.run.split(' ')
    const { code, stdout, stderr } = await chassis.ctl(words, { anyChassis: true })
    printed.push({ line, exit: code, text: stderr + stdout })
  }
  return printed
}

async function act(chassis: Chassis, hands: Hands): Promise<void> {
  switch (hands) {
    case 'kill the agent':
      await chassis.endAgent()
      return
    case 'start the agent':
      await chassis.startAgent()
      return
    case 'pull blade 4':
      return chassis.backDoor.do('pull', { bay: 4 })
    case 'cut AC':
      return chassis.cutAc()
    case 'restore AC':
      await chassis.backDoor.do('ac', { on: true })
      await chassis.startAgent()
  }
}

/** The story as a terminal would show it. */
export function transcript(printed: readonly Printed[]): string {
  const told = lines.flatMap((line) => {
    if ('hands' in line) return [`# ${line.say}`, `(${line.hands})`, '']
    const shown = printed.find((each) => each.line === line)
    const end = shown && shown.exit !== 0 ? [`(exit ${shown.exit})`] : []
    return [`# ${line.say}`, `$ ${line.run}`, ...(shown ? [shown.text.trimEnd()] : []), ...end, '']
  })
  return `$ cat ${file.name}\n${file.text}\n${told.join('\n')}`
}
