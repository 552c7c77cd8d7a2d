/** From a view to what stands on the screen, or to the refusal that ends it. Pure. */
import { type Refusal, refuse } from '../../../core/reasons.ts'
import type { View } from './asked.ts'
import * as ofBays from './bay-views.ts'
import * as ofChassis from './chassis-views.ts'
import type { Scene } from './scene.ts'
import { wrap } from './text.ts'
import { type Verb, verbs } from './verbs.ts'

export type Drawn = { readonly lines: readonly string[] } | { readonly refusal: Refusal }

export function draw(view: View, scene: Scene): Drawn {
  switch (view.view) {
    case 'bays':
      return { lines: ofBays.bays(scene) }
    case 'bay': {
      const lines = ofBays.bay(scene, view.bay, view.all)
      return lines ? { lines } : noBay(view.bay, scene)
    }
    case 'profiles':
      return { lines: ofBays.profiles(scene) }
    case 'profile': {
      const lines = ofBays.profile(scene, view.profile)
      return lines
        ? { lines }
        : { refusal: refuse('no-such-profile', `no profile ${view.profile}; say 'show profiles'`) }
    }
    case 'pools':
      return { lines: ofChassis.pools(scene) }
    case 'policies':
      return { lines: ofChassis.policies(scene) }
    case 'health':
      return { lines: ofChassis.health(scene) }
    case 'controllers':
      return { lines: ofChassis.controllers(scene) }
    case 'todo':
      return { lines: ofChassis.todo(scene) }
    case 'events':
      return { lines: ofChassis.events(scene) }
    case 'store':
      return { lines: ofChassis.store(scene) }
    case 'why': {
      const lines = ofBays.why(scene, view.bay)
      return lines ? { lines } : noBay(view.bay, scene)
    }
    case 'help': {
      const verb = verbs.find(({ verb }) => verb === view.verb)
      return { lines: verb ? helpOn(verb) : help() }
    }
    case 'version':
      return { lines: ofChassis.version(scene) }
  }
}

function noBay(bay: number, { bays }: Scene): Drawn {
  return { refusal: refuse('no-such-bay', `no bay ${bay}; this chassis has bays 1 to ${bays.length}`) }
}

function help(): readonly string[] {
  return [
    ...verbs.map(({ verb, says }) => `  ${verb.padEnd(9)} ${says}`),
    "words may be shortened: 'sh ba 3'; 'help move' tells more of one verb",
  ]
}

function helpOn({ usage, says, more, example }: Verb): readonly string[] {
  return [
    ...usage.map((line) => `  ${line}`),
    ...wrap(says),
    ...more.map((line) => `  ${line}`),
    `for example: ${example}`,
  ]
}
