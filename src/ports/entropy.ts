/** Chance. Forked by name, so that one component's draws do not move another's (and a seed replays). */
export interface Entropy {
  fork(name: string): Entropy
  /** Uniform in [0, 1). */
  fraction(): number
  /** Uniform whole number in [0, below). */
  integer(below: number): number
  bytes(length: number): Uint8Array
  /** RFC 9562 version 4. */
  uuid(): string
}
