/** Bounds of everything on the wire (docs/protocol.md §1.4). Every node of a swarm must agree on those marked (*). */
export const LIMITS = {
  /** (*) UTF-8 JSON of the whole envelope, signature included. */
  messageBytesMax: 64 * 1024,
  /** (*) An envelope that was passed on more often is dropped. */
  hopsMax: 3,
  /** What `expires_at - timestamp` is when the sender does not say. */
  lifetimeMsDefault: 60_000,
  /** (*) The longest `expires_at - timestamp`. */
  lifetimeMsMax: 10 * 60_000,
  /** How far two honest wall clocks may lie apart, either way. */
  clockSkewMsMax: 30_000,
  /** Token bucket per author. */
  messagesPerSecond: 20,
  messagesBurst: 200,
  /** Replay window: ids that are not yet expired. Full means refused, never forgotten. */
  replayIdsPerAuthorMax: 4_096,
  replayIdsMax: 65_536,
  /** Authors that are counted apart at the same time. */
  authorsMax: 1_000,

  nameCharactersMax: 100,
  titleCharactersMax: 300,
  textCharactersMax: 4_000,
  repositoryCharactersMax: 200,
  taskKeyCharactersMax: 320,
  urlCharactersMax: 500,
  threadCharactersMax: 400,
  topicCharactersMax: 200,
  rolesMax: 16,
  expertiseMax: 32,
  labelsMax: 32,
  capabilitiesMax: 32,
  modelsMax: 32,
  repositoriesMax: 200,
  unreachableMax: 100,
  filesMax: 200,
  tasksPerNodeMax: 1_000,
  bootstrapPeersMax: 16,
  multiaddrCharactersMax: 300,
} as const
