import type { Latency } from '../chance.ts'

/**
 * Delays as they were measured on two shared cores (docs/simulation-matching.md names the runs). A push of a claim to a
 * bare repository over HTTP takes 66 ms when nobody else does, and half a second in the worst of a crowd.
 */
export const REMOTE: Latency = { p50: 66, p99: 500 }

/** Gossip from publishing to hearing, by the size of the swarm: real processes up to 10 nodes, one process for 50. */
export const gossipLatency = (nodes: number): Latency => {
  if (nodes <= 3) return { p50: 2.7, p99: 8.9 }
  if (nodes <= 10) return { p50: 10.5, p99: 58 }
  // 50 nodes at the rate that saturated the machine. What was measured with more says more about the machine than about gossip.
  return { p50: 65, p99: 221 }
}
