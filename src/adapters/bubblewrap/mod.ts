export { BubblewrapSandbox } from './sandbox.ts'
export type { BubblewrapOptions } from './sandbox.ts'
