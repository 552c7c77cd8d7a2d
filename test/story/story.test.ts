import { describe } from 'vitest'
import { tellFirstHalf } from './first-half.ts'

describe('the story', () => {
  tellFirstHalf()
})
