/** The loss matrix of every board that ships, to the byte. */
import { boardIds } from '../boards/lanes.ts'
import { holdAgainstPage } from './whole.ts'

holdAgainstPage(boardIds, 330)
