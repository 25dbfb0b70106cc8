export { CommandRunner } from './runner.ts'
export type { CommandOptions } from './runner.ts'
