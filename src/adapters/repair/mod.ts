export { RepairRunner } from './runner.ts'
export type { RepairOptions } from './runner.ts'
