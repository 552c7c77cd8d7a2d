/** The version that every program of the project says of itself; the same as in package.json, checked by a test. */
export const version = '0.1.0'
