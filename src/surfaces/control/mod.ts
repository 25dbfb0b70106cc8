export { askNode, watchNode } from './client.ts'
export { ControlServer } from './server.ts'
export type { ControlHandlers } from './server.ts'
