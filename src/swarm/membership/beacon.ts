/**
 * When to speak of oneself. A machine over: the start, changes, newcomers and time.
 *
 * - the announcement (role_announcement and capability_broadcast): at the start, on change, for newcomers, and with
 *   every fourth availability, since gossip may lose any message;
 * - availability: at the start, on change, and 30 s after the last.
 *
 * A newcomer is told twice, soon and 3 s later: its link may carry nothing yet when it is seen. One that was here all the
 * time and whose link only opened again is told once, later: it may have been restarted. Those that come together are
 * told together.
 */
export interface Beacon {
  readonly times: BeaconTimes
  readonly running: boolean
  readonly availabilityAtMs: number
  /** Up to two announcements to come, soonest first. */
  readonly announceAtMs: readonly number[]
  readonly announcedMs: number
  readonly beats: number
}

export type BeaconInput =
  | { readonly kind: 'start' | 'profile-changed' | 'load-changed' | 'tick' | 'leave' }
  /**
   * `delayMs` is drawn at random, so that a large swarm does not answer one newcomer in one instant; `spreadMs` is the longest it
   * may be: as long as a round of answers takes, no other is begun.
   */
  | { readonly kind: 'newcomer'; readonly delayMs: number; readonly spreadMs: number; readonly known: boolean }

export type BeaconEffect = 'announce' | 'availability' | 'leave'

export interface BeaconStep { readonly state: Beacon; readonly effects: readonly BeaconEffect[] }

export interface BeaconTimes {
  readonly availabilityMs: number
  readonly announcementGapMs: number
  readonly newcomerAgainMs: number
  /** A full announcement with every so many periodic availabilities. */
  readonly beatsPerAnnouncement: number
}

export const BEACON_TIMES: BeaconTimes = { availabilityMs: 30_000, announcementGapMs: 1_000, newcomerAgainMs: 3_000, beatsPerAnnouncement: 4 }

export const silentBeacon = (times: Partial<BeaconTimes> = {}): Beacon =>
  ({ times: { ...BEACON_TIMES, ...times }, running: false, availabilityAtMs: 0, announceAtMs: [], announcedMs: -Infinity, beats: 0 })

export const stepBeacon = (state: Beacon, input: BeaconInput, nowMs: number): BeaconStep => {
  if (input.kind === 'start') return speak({ ...silentBeacon(state.times), running: true }, ['announce', 'availability'], nowMs)
  if (!state.running) return { state, effects: [] }
  switch (input.kind) {
    case 'leave': return { state: silentBeacon(state.times), effects: ['leave'] }
    case 'profile-changed': return speak(state, ['announce'], nowMs)
    case 'load-changed': return speak(state, ['availability'], nowMs)
    case 'newcomer': return { state: { ...state, announceAtMs: planned(state, nowMs + input.delayMs, input) }, effects: [] }
    case 'tick': return tick(state, nowMs)
  }
}

export const beaconWakeMs = (state: Beacon): number | undefined => state.running ? Math.min(state.availabilityAtMs, ...state.announceAtMs) : undefined

const tick = (state: Beacon, nowMs: number): BeaconStep => {
  const beat = nowMs >= state.availabilityAtMs
  const beats = beat ? state.beats + 1 : state.beats
  const announce = state.announceAtMs.some((atMs) => nowMs >= atMs) || (beat && beats % state.times.beatsPerAnnouncement === 0)
  return speak({ ...state, beats }, [...announce ? ['announce' as const] : [], ...beat ? ['availability' as const] : []], nowMs)
}

const speak = (state: Beacon, effects: readonly ('announce' | 'availability')[], nowMs: number): BeaconStep => ({
  state: {
    ...state,
    ...effects.includes('availability') ? { availabilityAtMs: nowMs + state.times.availabilityMs } : {},
    ...effects.includes('announce') ? { announcedMs: nowMs, announceAtMs: state.announceAtMs.filter((atMs) => atMs > nowMs) } : {},
  },
  effects,
})

/** The first one stays where it was planned; the second is 3 s after the last newcomer. */
const planned = (state: Beacon, wantedMs: number, { known, spreadMs }: { readonly known: boolean; readonly spreadMs: number }): readonly number[] => {
  const soonMs = Math.max(wantedMs, state.announcedMs + Math.max(state.times.announcementGapMs, spreadMs))
  const [firstMs = soonMs] = state.announceAtMs
  const againMs = soonMs + state.times.newcomerAgainMs
  return known ? [...state.announceAtMs.slice(0, -1), againMs] : [Math.min(firstMs, soonMs), againMs]
}
