/** Which schema this build speaks: what presence names. The generated code is imported by this folder alone. */
export { schema } from './generated/schema.ts'
