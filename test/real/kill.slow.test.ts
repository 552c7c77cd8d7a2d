/** A hundred times SIGKILL: what was accepted has its one effect, and the blades that run know nothing of it. */
import { tellKilling } from './kill-suite.ts'

tellKilling({ kills: 100, seed: 20_260_101, changes: 1000 })
