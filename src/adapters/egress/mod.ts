export { HttpEgress } from './egress.ts'
export type { EgressOptions } from './egress.ts'
export type { ModelUpstream } from './model-rules.ts'
